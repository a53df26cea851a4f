// The stream of one thread: records appended to a file of its own, which is mapped piece by piece.
//
// No descriptor stays open, for programs close what they do not know and count on the number of
// the next. A child of fork has its parent's mapping and must abandon() it.
// Errors  A full disk ends the program with kStreamStatus, and the control says why.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "tools/record/stream.hpp"

namespace quire::record {

inline constexpr int kStreamStatus = 125;

// What all threads of a process write to: where, and as whom. Set once, before the first stream.
struct Recording {
  const char* folder = nullptr;
  Control* control = nullptr;
  std::uint32_t process = 0;
};
extern Recording recording;

class StreamWriter {
 public:
  // A file of the next number; says that it is this thread's of the recording's process.
  void begin(std::uint32_t tid);
  void abandon() { *this = {}; }
  [[nodiscard]] bool begun() const { return piece_ != nullptr; }

  [[nodiscard]] static std::uint64_t take_sequence();

  // Room for `words` words of a record, which commit() makes visible.
  [[nodiscard]] std::uint64_t* reserve(RecordKind kind, std::uint32_t words);
  void commit(std::uint64_t sequence);

  using Words = std::initializer_list<std::uint64_t>;
  void put(RecordKind kind, Words words, std::string_view text = {});
  void put_at(std::uint64_t sequence, RecordKind kind, Words words);

 private:
  void make_longer();

  std::uint32_t number_ = 0;
  char* piece_ = nullptr;
  std::uint64_t piece_at_ = 0;  // in the file
  std::uint32_t piece_bytes_ = 0;
  std::uint32_t used_ = 0;
  Record* open_ = nullptr;
};

}  // namespace quire::record
