#include "tools/record/plugin/stream_writer.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace quire::record {

Recording recording;

namespace {

// A shell's children are short, a long run should not map often.
constexpr std::uint32_t kFirstPiece = 64 << 10;
constexpr std::uint32_t kPiece = 1 << 20;

[[noreturn]] void end_program(int error) {
  recording.control->failed.store(static_cast<std::uint32_t>(error));
  _exit(kStreamStatus);
}

}  // namespace

std::uint64_t StreamWriter::take_sequence() {
  return recording.control->next_sequence.fetch_add(1, std::memory_order_relaxed) + 1;
}

void StreamWriter::begin(std::uint32_t tid) {
  number_ = recording.control->next_stream.fetch_add(1);
  make_longer();
  put(RecordKind::kBegin, {recording.process, tid});
}

void StreamWriter::make_longer() {
  const std::uint32_t bytes = piece_ == nullptr ? kFirstPiece : kPiece;
  if (piece_ != nullptr) munmap(piece_, piece_bytes_);
  piece_at_ += piece_bytes_;
  char path[4096];
  std::snprintf(path, sizeof path, "%s/%u.stream", recording.folder, number_);
  const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) end_program(errno);
  if (const int error = posix_fallocate(fd, static_cast<off_t>(piece_at_), bytes); error != 0)
    end_program(error);
  void* const mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                            static_cast<off_t>(piece_at_));
  if (mapped == MAP_FAILED) end_program(errno);
  close(fd);
  piece_ = static_cast<char*>(mapped);
  piece_bytes_ = bytes;
  used_ = 0;
}

std::uint64_t* StreamWriter::reserve(RecordKind kind, std::uint32_t words) {
  const auto bytes = static_cast<std::uint32_t>(sizeof(Record) + words * sizeof(std::uint64_t));
  // A padding record's head always fits.
  if (used_ + bytes + sizeof(Record) > piece_bytes_) {
    auto* const padding = reinterpret_cast<Record*>(piece_ + used_);
    padding->kind = RecordKind::kPadding;
    padding->bytes = piece_bytes_ - used_;
    padding->sequence = take_sequence();
    make_longer();
  }
  open_ = reinterpret_cast<Record*>(piece_ + used_);
  open_->kind = kind;
  open_->bytes = bytes;
  return reinterpret_cast<std::uint64_t*>(open_ + 1);
}

void StreamWriter::commit(std::uint64_t sequence) {
  used_ += open_->bytes;
  std::atomic_ref(open_->sequence).store(sequence, std::memory_order_release);
}

void StreamWriter::put(RecordKind kind, Words words, std::string_view text) {
  const std::size_t most = 8192;
  text = text.substr(0, std::min(text.size(), most));
  const auto text_words = static_cast<std::uint32_t>((text.size() + 7) / 8);
  std::uint64_t* const to = reserve(kind, static_cast<std::uint32_t>(words.size()) + text_words);
  std::copy(words.begin(), words.end(), to);
  if (!text.empty()) std::memcpy(to + words.size(), text.data(), text.size());
  commit(take_sequence());
}

void StreamWriter::put_at(std::uint64_t sequence, RecordKind kind, Words words) {
  std::copy(words.begin(), words.end(), reserve(kind, static_cast<std::uint32_t>(words.size())));
  commit(sequence);
}

}  // namespace quire::record
