// Text out of the core: numbers and words in fixed layouts, handed to a sink piece by piece.
//
// Ownership  A Text borrows its sink for its own lifetime and holds at most one line's worth of
//            bytes; it hands them on at each newline, when full, and when it ends.
// Errors     None: a sink that cannot take more decides for itself what is lost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace quire {

class TextSink {
 public:
  virtual void write(std::string_view piece) = 0;

 protected:
  ~TextSink() = default;
};

// Columns as printf's %*lu and %-*s have them: numbers right-aligned, words left-aligned.
struct Width {
  unsigned columns = 0;
};

class Text {
 public:
  explicit Text(TextSink& sink) : sink_(sink) {}
  ~Text() { flush(); }
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;

  Text& str(std::string_view word, Width width = {});        // left-aligned
  Text& right(std::string_view word, Width width);           // right-aligned
  Text& dec(std::uint64_t value, Width width = {});          // right-aligned, blank-filled
  Text& sdec(std::int64_t value, Width width = {});
  Text& hex(std::uint64_t value, Width width = {});          // right-aligned, zero-filled
  Text& ch(char c);
  Text& nl() { return ch('\n'); }
  void flush();

 private:
  void pad(char fill, std::size_t used, Width width);

  TextSink& sink_;
  std::size_t used_ = 0;
  char buffer_[256];
};

// A sink that keeps what fits into memory of the caller's; the rest is dropped and told.
class BufferSink final : public TextSink {
 public:
  BufferSink(char* storage, std::size_t capacity) : storage_(storage), capacity_(capacity) {}
  void write(std::string_view piece) override;
  [[nodiscard]] std::string_view text() const { return {storage_, used_}; }
  [[nodiscard]] bool truncated() const { return truncated_; }

 private:
  char* storage_;
  std::size_t capacity_;
  std::size_t used_ = 0;
  bool truncated_ = false;
};

}  // namespace quire
