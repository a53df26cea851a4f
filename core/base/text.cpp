#include "base/text.hpp"

#include <cstring>

namespace quire {
namespace {

// The digits of `value` in `base`, written backwards from `end`; returns where they begin.
char* digits(char* end, std::uint64_t value, unsigned base) {
  do {
    *--end = "0123456789abcdef"[value % base];
    value /= base;
  } while (value != 0);
  return end;
}

}  // namespace

Text& Text::ch(char c) {
  if (used_ == sizeof buffer_) flush();
  buffer_[used_++] = c;
  if (c == '\n') flush();
  return *this;
}

void Text::flush() {
  if (used_ == 0) return;
  sink_.write({buffer_, used_});
  used_ = 0;
}

void Text::pad(char fill, std::size_t used, Width width) {
  for (std::size_t i = used; i < width.columns; ++i) ch(fill);
}

Text& Text::str(std::string_view word, Width width) {
  for (const char c : word) ch(c);
  pad(' ', word.size(), width);
  return *this;
}

Text& Text::right(std::string_view word, Width width) {
  pad(' ', word.size(), width);
  return str(word);
}

Text& Text::dec(std::uint64_t value, Width width) {
  char scratch[24];
  char* const begin = digits(scratch + sizeof scratch, value, 10);
  return right({begin, static_cast<std::size_t>(scratch + sizeof scratch - begin)}, width);
}

Text& Text::sdec(std::int64_t value, Width width) {
  char scratch[24];
  const auto magnitude =
      value < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(value)
                : static_cast<std::uint64_t>(value);
  char* begin = digits(scratch + sizeof scratch, magnitude, 10);
  if (value < 0) *--begin = '-';
  return right({begin, static_cast<std::size_t>(scratch + sizeof scratch - begin)}, width);
}

Text& Text::hex(std::uint64_t value, Width width) {
  char scratch[24];
  char* const begin = digits(scratch + sizeof scratch, value, 16);
  const auto length = static_cast<std::size_t>(scratch + sizeof scratch - begin);
  pad('0', length, width);
  return str({begin, length});
}

void BufferSink::write(std::string_view piece) {
  const std::size_t room = capacity_ - used_;
  const std::size_t taken = piece.size() < room ? piece.size() : room;
  std::memcpy(storage_ + used_, piece.data(), taken);
  used_ += taken;
  truncated_ |= taken < piece.size();
}

}  // namespace quire
