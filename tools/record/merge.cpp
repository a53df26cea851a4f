#include "tools/record/merge.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <queue>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/record/stream.hpp"

namespace quire::record {
namespace {

using trace::ProcessId;
using trace::ThreadId;

// One thread's records, which its file has from the front to a sequence of 0.
class Stream {
 public:
  // Null: never made longer than nothing.
  static std::optional<Stream> open(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status{};
    if (fd < 0) return std::nullopt;
    std::optional<Stream> made;
    if (fstat(fd, &status) == 0 && status.st_size > 0) {
      const auto bytes = static_cast<std::size_t>(status.st_size);
      void* const mapped = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
      if (mapped != MAP_FAILED) made.emplace(static_cast<const char*>(mapped), bytes);
    }
    close(fd);
    return made;
  }
  Stream(const char* bytes, std::size_t size) : bytes_(bytes), size_(size) {}
  Stream(Stream&& other) noexcept
      : bytes_(std::exchange(other.bytes_, nullptr)), size_(other.size_), at_(other.at_) {}
  Stream& operator=(Stream&&) = delete;
  ~Stream() {
    if (bytes_ != nullptr) munmap(const_cast<char*>(bytes_), size_);
  }

  // The record that is next; null at the end.
  [[nodiscard]] const Record* record() {
    for (;;) {
      if (size_ - at_ < sizeof(Record)) return nullptr;
      const auto* const record = reinterpret_cast<const Record*>(bytes_ + at_);
      if (record->sequence == 0 || record->bytes < sizeof(Record) || record->bytes > size_ - at_)
        return nullptr;
      if (record->kind != RecordKind::kPadding) return record;
      at_ += record->bytes;
    }
  }
  void pass() { at_ += reinterpret_cast<const Record*>(bytes_ + at_)->bytes; }

  std::uint32_t recorded_process = 0;  // of the last record kBegin
  std::optional<ProcessId> process;
  ThreadId thread{};

 private:
  const char* bytes_;
  std::size_t size_;
  std::size_t at_ = 0;
};

std::span<const std::uint64_t> words_of(const Record& record) {
  return {reinterpret_cast<const std::uint64_t*>(&record + 1),
          (record.bytes - sizeof(Record)) / sizeof(std::uint64_t)};
}

std::uint32_t narrow(std::uint64_t word) { return static_cast<std::uint32_t>(word); }

class Merger {
 public:
  explicit Merger(trace::TraceWriter& writer) : writer_(writer) {}

  void take(Stream& stream, const Record& record) {
    const auto words = words_of(record);
    if (record.kind == RecordKind::kBegin) return begin(stream, words);
    if (!stream.process) return;  // of a process whose parent was killed before it told of it
    if (record.kind == RecordKind::kWindow) return take_window(stream, words);
    if (auto what = event_of(stream, record.kind, words)) append(stream, std::move(*what));
  }

 private:
  using Words = std::span<const std::uint64_t>;

  void append(const Stream& stream, trace::What what) {
    writer_.append({.process = *stream.process, .thread = stream.thread, .what = std::move(what)});
  }

  void begin(Stream& stream, Words words) {
    const std::uint32_t process = narrow(words[0]);
    stream.recorded_process = process;
    if (processes_.empty()) {
      processes_[process] = ProcessId{0};
      threads_[{process, words[1]}] = ThreadId{next_thread_++};
    }
    const auto known = processes_.find(process);
    const auto thread = threads_.find({process, words[1]});
    if (known == processes_.end() || thread == threads_.end()) return;
    stream.process = known->second;
    stream.thread = thread->second;
  }

  void take_window(const Stream& stream, Words words) {
    for (const std::uint64_t word : words) {
      const std::uint64_t key = word & kEntryKeyMask;
      append(stream, trace::Access{.page = key >> 2,
                                   .times = narrow(word >> kEntryKeyBits),
                                   .touch = static_cast<trace::Touch>(key & 3)});
    }
  }

  std::optional<trace::What> event_of(const Stream& stream, RecordKind kind, Words w) {
    using namespace trace;
    switch (kind) {
      case RecordKind::kMmap:
        return Mmap{w[0], w[1], narrow(w[2]), narrow(w[3]), file_of(w[4]), w[5]};
      case RecordKind::kMunmap:
        return Munmap{w[0], w[1]};
      case RecordKind::kMremap:
        return Mremap{w[0], w[1], w[2], w[3], narrow(w[4])};
      case RecordKind::kMprotect:
        return Mprotect{w[0], w[1], narrow(w[2])};
      case RecordKind::kMadvise:
        return Madvise{w[0], w[1], narrow(w[2])};
      case RecordKind::kBrk:
        return Brk{w[0]};
      case RecordKind::kSegment:
        return Segment{w[0], w[1], w[2], narrow(w[3]), file_of(w[4]), w[5]};
      case RecordKind::kStack:
        return Stack{w[0], w[1]};
      case RecordKind::kExit:
        return Exit{narrow(w[0]), w[1] != 0};
      case RecordKind::kExec:
        return Exec{text_of(w.subspan(3)), w[0], w[1], narrow(w[2])};
      default:
        return family_or_file(stream, kind, w);
    }
  }

  std::optional<trace::What> family_or_file(const Stream& stream, RecordKind kind, Words w) {
    using namespace trace;
    switch (kind) {
      case RecordKind::kFork:
        return fork(w);
      case RecordKind::kClone: {
        const ThreadId thread{next_thread_++};
        threads_[{stream.recorded_process, w[0]}] = thread;
        return Clone{thread, narrow(w[0])};
      }
      case RecordKind::kFile:
        return file(w);
      case RecordKind::kOpen:
        return Open{file_of(w[0]), narrow(w[1]), narrow(w[2])};
      case RecordKind::kClose:
        return Close{file_of(w[0]), narrow(w[1])};
      case RecordKind::kTransfer:
        return Transfer{file_of(w[0]), w[1], w[2], w[3] != 0};
      case RecordKind::kTruncate:
        return Truncate{file_of(w[0]), w[1]};
      case RecordKind::kMlock:
        return Mlock{w[0], w[1], w[2] != 0};
      case RecordKind::kMsync:
        return Msync{w[0], w[1], narrow(w[2])};
      case RecordKind::kSync:
        return Sync{file_of(w[0])};
      default:
        return std::nullopt;
    }
  }

  // Of process numbers, some were taken for forks that failed.
  trace::Fork fork(Words w) {
    const std::uint32_t recorded = narrow(w[0]);
    const ProcessId child{static_cast<std::uint32_t>(processes_.size())};
    const ThreadId thread{next_thread_++};
    processes_[recorded] = child;
    threads_[{recorded, w[1]}] = thread;
    return {.child = child, .thread = thread, .pid = narrow(w[1]), .vfork = w[2] != 0};
  }

  // Each process tells of each file that it uses.
  std::optional<trace::What> file(Words w) {
    const auto [known, is_new] = files_.try_emplace(w[0], narrow(files_.size()));
    if (!is_new) return std::nullopt;
    return trace::File{.file = known->second, .size = w[1], .path = text_of(w.subspan(2))};
  }

  [[nodiscard]] std::uint32_t file_of(std::uint64_t key) const {
    const auto known = files_.find(key);
    return known == files_.end() ? trace::kNoFile : known->second;
  }

  static std::string text_of(Words words) {
    const auto* const text = reinterpret_cast<const char*>(words.data());
    return {text, strnlen(text, words.size_bytes())};
  }

  trace::TraceWriter& writer_;
  std::map<std::uint32_t, ProcessId> processes_;
  std::map<std::pair<std::uint32_t, std::uint64_t>, ThreadId> threads_;  // of process and tid
  std::map<std::uint64_t, std::uint32_t> files_;
  std::uint32_t next_thread_ = 0;
};

}  // namespace

std::expected<void, std::string> merge_streams(const std::string& folder, std::uint32_t count,
                                               trace::TraceWriter& writer) {
  std::vector<Stream> streams;
  using Next = std::pair<std::uint64_t, std::size_t>;
  std::priority_queue<Next, std::vector<Next>, std::greater<>> next;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::string path = folder + "/" + std::to_string(i) + ".stream";
    auto stream = Stream::open(path);
    if (!stream && errno != ENOENT && errno != 0)
      return std::unexpected("cannot read " + path + ": " + std::strerror(errno));
    if (!stream) continue;
    streams.push_back(std::move(*stream));
    if (const Record* record = streams.back().record())
      next.emplace(record->sequence, streams.size() - 1);
  }
  Merger merger(writer);
  while (!next.empty() && !writer.failed()) {
    Stream& stream = streams[next.top().second];
    const std::size_t number = next.top().second;
    next.pop();
    merger.take(stream, *stream.record());
    stream.pass();
    if (const Record* record = stream.record()) next.emplace(record->sequence, number);
  }
  return {};
}

}  // namespace quire::record
