// The pages of one file that are in memory (struct address_space), by their index in the file.
//
// Pages      The cache has a reference to each. A page in it has the Mapping as its home, and keeps
//            it until it leaves, which needs its lock (filemap/page_lock.hpp).
// Kinds      A file has a BlockFile behind it. Without one (shmem) pages begin as zeros, live in
//            the cache alone, count as shared memory and are on the anonymous lists.
// Units      Indices count pages from the start of the file, size() bytes.
// Ownership  Whoever made it, which is until PageCache::evict() the cache's to read and write.
// Locking    lock (kMapping) guards the tree; a reference that the tree gives is taken under it.
//            `content` is held exclusively by who changes the size or writes (i_rwsem), outside
//            page locks. Who reads pages in looks at the size under the lock: what was cut off
//            before does not come back.
// Source     Documentation/filesystems/vfs.rst (address_space), locking.rst.
#pragma once

#include <atomic>
#include <span>

#include "base/base.hpp"
#include "filemap/err_seq.hpp"
#include "filemap/file_identity.hpp"
#include "filemap/radix_tree.hpp"
#include "host/host.hpp"
#include "memmap/memmap.hpp"

namespace quire {

class Mapping;
class PageCache;

// Pages that follow one another in a file.
struct PageRun {
  Mapping& mapping;
  std::uint64_t first;            // index of the first
  std::span<Page* const> pages;   // valid during the call; the pages themselves until they are done
  Bytes size;                     // of the file: what lies behind it in the last page is zeros
};

// What keeps a file's bytes: a disk, of the host or of a test. Each page of a run is ended by
// PageCache::read_done() or write_done(), at once or later, on a CPU of the machine. Where its
// bytes lie PageCache::content_of() tells.
class BlockFile {
 public:
  // The pages are locked.
  virtual void read(PageCache& cache, const PageRun& run) = 0;
  // The pages are under write-back. Bytes behind run.size are not the file's.
  virtual void write(PageCache& cache, const PageRun& run) = 0;
  // What lies behind is gone; what is added are zeros. A cut calls it twice (decision 54).
  virtual Result<void> resize(Bytes size) = 0;

 protected:
  ~BlockFile() = default;
};

enum class Copies : bool { kKeep, kTakeToo };

// The page tables in which pages of a mapping are.
class MappingUsers {
 public:
  // Takes `count` pages from `first` on out of all tables, and where asked private copies of them.
  struct Part {
    std::uint64_t first;
    std::uint64_t count;
    Copies copies;
  };
  virtual void unmap(Mapping& mapping, const Part& part) = 0;
  // The entries of `page`, which is locked, are clean and not writable after it. Whether one was
  // dirty (page_mkclean).
  virtual bool clean(Mapping& mapping, Page& page) = 0;
  // Some table may come to have a page that can be written and is not a copy.
  virtual bool has_writers() { return false; }

 protected:
  ~MappingUsers() = default;
};

// Where the pages of a file in memory alone are counted one by one, as they come and go.
class MappingBlocks {
 public:
  // Errors: kNoSpace.
  virtual Result<void> take() = 0;
  virtual void give_back() = 0;

 protected:
  ~MappingBlocks() = default;
};

// What nobody may do to a file in memory any more: bits as fcntl(2) has them (F_SEAL_*).
enum class Seals : std::uint32_t {
  kNone = 0,
  kSeal = 1,
  kShrink = 2,
  kGrow = 4,
  kWrite = 8,
  kFutureWrite = 16,
  kAll = 31,
};
constexpr Seals operator|(Seals a, Seals b) {
  return static_cast<Seals>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
constexpr bool any_of(Seals seals, Seals wanted) {
  return (static_cast<std::uint32_t>(seals) & static_cast<std::uint32_t>(wanted)) != 0;
}

enum class CacheMark : std::uint8_t { kDirty, kWriteback, kToWrite };
constexpr unsigned index_of(CacheMark mark) { return static_cast<unsigned>(mark); }

class Mapping {
 public:
  // `file` null: shmem.
  Mapping(KmemCache& nodes, BlockFile* file, Bytes size)
      : nodes_(nodes), pages_(nodes), file_(file), size_(size.raw()) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  // The page at `index` with a reference for the caller; null: it is not in memory.
  [[nodiscard]] Page* find(PageArray map, std::uint64_t index) QUIRE_EXCLUDES(lock) {
    const SpinGuard guard(lock);
    const std::uint64_t entry = pages_.load(index);
    if (entry == 0) return nullptr;
    Page& page = map.at(static_cast<std::uint32_t>(entry));
    get_page(page);
    return &page;
  }
  // The first page from `index` on, or the first that has `mark`, with a reference.
  [[nodiscard]] Page* next(PageArray map, std::uint64_t index) QUIRE_EXCLUDES(lock) {
    const SpinGuard guard(lock);
    return referenced(map, pages_.next(index));
  }
  [[nodiscard]] Page* next(PageArray map, std::uint64_t index, CacheMark mark)
      QUIRE_EXCLUDES(lock) {
    const SpinGuard guard(lock);
    return referenced(map, pages_.next_marked(RadixTree::Index{index}, index_of(mark)));
  }
  [[nodiscard]] bool has(std::uint64_t index) QUIRE_EXCLUDES(lock) {
    const SpinGuard guard(lock);
    return pages_.load(index) != 0;
  }
  // Of the first page in memory from `index` on; ~0: there is none.
  [[nodiscard]] std::uint64_t next_index(std::uint64_t index) QUIRE_EXCLUDES(lock) {
    const SpinGuard guard(lock);
    const auto entry = pages_.next(index);
    return entry.has_value() ? entry->index : ~std::uint64_t{0};
  }
  [[nodiscard]] bool has(std::uint64_t index, CacheMark mark) QUIRE_EXCLUDES(lock) {
    const SpinGuard guard(lock);
    return pages_.has_mark(RadixTree::Index{index}, index_of(mark));
  }
  [[nodiscard]] bool any_has(CacheMark mark) QUIRE_EXCLUDES(lock) {
    const SpinGuard guard(lock);
    return pages_.any_has(index_of(mark));
  }

  [[nodiscard]] bool is_shmem() const { return file_ == nullptr; }
  [[nodiscard]] BlockFile* file() const { return file_; }
  [[nodiscard]] Bytes size() const { return Bytes{size_.load(std::memory_order_acquire)}; }
  // Pages that the file's bytes reach into.
  [[nodiscard]] std::uint64_t end() const { return pages_to_hold(size()).raw(); }
  [[nodiscard]] std::uint64_t cached() const { return cached_.load(std::memory_order_relaxed); }
  [[nodiscard]] ErrSeq& errors() { return errors_; }

  [[nodiscard]] Seals seals() const { return seals_.load(std::memory_order_acquire); }
  [[nodiscard]] bool is_sealed(Seals any) const { return any_of(seals(), any); }
  // Before anybody uses it. `blocks` null: its pages are counted nowhere else.
  void set_seals(Seals seals) { seals_.store(seals, std::memory_order_release); }
  void set_blocks(MappingBlocks* blocks) { blocks_ = blocks; }

  // Null: no page table has its pages.
  void set_users(MappingUsers* users) { users_ = users; }
  [[nodiscard]] MappingUsers* users() const { return users_; }

  mutable SpinLock lock{LockRank::kMapping};
  RwSemaphore content;
  FileIdentity identity;

 private:
  friend class PageCache;

  Page* referenced(PageArray map, const std::optional<RadixTree::Entry>& entry) const {
    if (!entry.has_value()) return nullptr;
    Page& page = map.at(static_cast<std::uint32_t>(entry->value));
    get_page(page);
    return &page;
  }

  KmemCache& nodes_;
  RadixTree pages_ QUIRE_GUARDED_BY(lock);
  BlockFile* const file_;
  MappingUsers* users_ = nullptr;
  MappingBlocks* blocks_ = nullptr;
  std::atomic<Seals> seals_ = Seals::kNone;  // changed with `content` held exclusively
  std::atomic<std::uint64_t> size_;
  std::atomic<std::uint64_t> cached_ = 0;
  std::atomic<std::uint64_t> dirtied_ns_ = 0;  // when its first page got dirty, if one is
  ErrSeq errors_;
  Mapping* newer_ = nullptr;  // in the cache's list of all
  Mapping* older_ = nullptr;
};

}  // namespace quire
