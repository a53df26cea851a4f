// An open file: a mapping, what its opener may do, and how it is being read.
//
// Ownership  Counted: each VMA that maps it and each opener has a reference. The last one to go
//            tells the owner, whose the object is.
// Locking    The count is atomic. `position` is moved with position_lock held. Read-ahead state is
//            a hint: two readers of one File may spoil it for each other, as in Linux.
#pragma once

#include <atomic>
#include <cstddef>
#include <span>
#include <string_view>

#include "base/base.hpp"
#include "filemap/mapping.hpp"

namespace quire {

// Where in a file bytes lie, and whereto or wherefrom they go.
struct Extent {
  Bytes start;
  Bytes length;
};
struct ReadRequest {
  Bytes offset;
  std::span<std::byte> to;
};
struct WriteRequest {
  Bytes offset;
  std::span<const std::byte> from;
};

class File;

class FileOwner {
 public:
  // Nobody has `file` open any more.
  virtual void release(File& file) = 0;

 protected:
  ~FileOwner() = default;
};

// How the window of pages that are read ahead lies (struct file_ra_state). All in pages.
struct ReadAhead {
  static constexpr std::uint32_t kDefault = 32;  // read_ahead_kb is 128

  Relaxed<std::uint64_t> start;
  Relaxed<std::uint32_t> size;
  Relaxed<std::uint32_t> async_size;       // so many before the end of the window the next is begun
  Relaxed<std::uint32_t> most = kDefault;  // the largest window; 0: no read-ahead
  Relaxed<std::uint32_t> mmap_miss;        // faults that found nothing, less those that did
  Relaxed<std::int64_t> previous = -1;     // byte behind the last one that was read
};

// What a reader has said of its ways (POSIX_FADV_*), or a mapping's owner (MADV_*).
enum class ReadAdvice : std::uint8_t { kNormal, kRandom, kSequential, kWillNeed, kDontNeed };

class File {
 public:
  struct Mode {
    bool read = true;
    bool write = true;
    bool append = false;  // O_APPEND
  };
  // `path` stays where it is while the file lives. `owner` may be null.
  File(Mapping& mapping, Mode mode, std::string_view path, FileOwner* owner)
      : errors_seen(mapping.errors().sample()),
        mapping_(mapping),
        mode_(mode),
        path_(path),
        owner_(owner) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  [[nodiscard]] Mapping& mapping() const { return mapping_; }
  [[nodiscard]] Mode mode() const { return mode_; }
  [[nodiscard]] std::string_view path() const { return path_; }

  void get() { references_.fetch_add(1, std::memory_order_relaxed); }
  void put() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1 && owner_ != nullptr)
      owner_->release(*this);
  }

  // Where the next read or write without an offset begins, for all who share the opening (f_pos).
  std::uint64_t position = 0;
  RwSemaphore position_lock;
  ReadAhead ahead;
  Relaxed<ReadAdvice> advice = ReadAdvice::kNormal;  // normal, random or sequential
  std::atomic<ErrSeq::Seen> errors_seen;

 private:
  Mapping& mapping_;
  const Mode mode_;
  const std::string_view path_;
  FileOwner* const owner_;
  std::atomic<std::uint32_t> references_ = 1;
};

}  // namespace quire
