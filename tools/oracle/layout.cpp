#include "tools/oracle/layout.hpp"

#include <algorithm>
#include <cstddef>

namespace quire::oracle {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' '; }
// What digits may follow without being a number of their own: DMA32, MemoryBlock2M, 0x1f.
bool joins(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

// One piece of a line: blanks, and the number or the single character behind them.
struct Piece {
  std::size_t blanks = 0;
  std::string_view body;
  bool number = false;
};

class Pieces {
 public:
  explicit Pieces(std::string_view line) : rest_(line) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  Piece next() {
    Piece piece;
    while (piece.blanks < rest_.size() && is_blank(rest_[piece.blanks])) ++piece.blanks;
    std::size_t end = piece.blanks;
    const bool free_standing = piece.blanks != 0 || !joins(before_);
    if (free_standing) {
      if (end < rest_.size() && rest_[end] == '-') ++end;
      while (end < rest_.size() && is_digit(rest_[end])) ++end;
      piece.number = end > piece.blanks && is_digit(rest_[end - 1]);
    }
    if (!piece.number) end = std::min(rest_.size(), piece.blanks + 1);
    piece.body = rest_.substr(piece.blanks, end - piece.blanks);
    if (!piece.body.empty()) before_ = in_word(piece) ? 'a' : piece.body.back();
    rest_.remove_prefix(end);
    return piece;
  }

 private:
  // A digit that continues a word counts as a letter for the digit behind it.
  [[nodiscard]] static bool in_word(const Piece& piece) {
    return !piece.number && is_digit(piece.body.back());
  }

  std::string_view rest_;
  char before_ = ' ';
};

bool same_place(const Piece& linux, const Piece& here, ColumnWidth width) {
  const std::size_t total = here.blanks + here.body.size();
  const std::size_t column = std::max<std::size_t>(width.columns, here.body.size());
  if (total < column || width.columns == 0) return linux.blanks == here.blanks;
  const std::size_t before = total - column;
  return linux.blanks + linux.body.size() ==
         before + std::max<std::size_t>(width.columns, linux.body.size());
}

}  // namespace

bool same_layout(std::string_view linux, std::string_view here, ColumnWidth width) {
  Pieces linux_pieces(linux);
  Pieces here_pieces(here);
  while (!linux_pieces.at_end() && !here_pieces.at_end()) {
    const Piece theirs = linux_pieces.next();
    const Piece ours = here_pieces.next();
    if (theirs.number != ours.number) return false;
    if (theirs.number) {
      if (!same_place(theirs, ours, width)) return false;
    } else if (theirs.blanks != ours.blanks || theirs.body != ours.body) {
      return false;
    }
  }
  return linux_pieces.at_end() && here_pieces.at_end();
}

}  // namespace quire::oracle
