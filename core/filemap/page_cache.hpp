// The page cache: files read and written through pages in memory.
//
//   read    pages that are there are copied; those that are not are read, with more ahead
//   write   into pages, which are dirty then; written back by the flusher, by fsync, by the writer
//           who finds too many dirty, and by whoever calls write_back()
//   fault   a page for a page table
//
// Units       Offsets and lengths in bytes, indices and counts in pages. Callers check modes.
// Ownership   find() and fault_in() give a reference that Lru::put() drops.
// Locking     Callers run on a CPU of the machine, with no spinlock held, and may sleep.
//             Mapping::content is taken inside. set_dirty() may come with a PTE lock held.
// Errors      kPermission: the file is sealed against it. kNoSpace: no room in memory (tmpfs).
//             kIo where the disk failed: read() and fault_in() say so when they needed the page, a
//             failed write is kept and told once to each opener by fsync() (ErrSeq). kNoMemory.
//             kFault from fault_in(): behind the end of the file (SIGBUS).
// Source      Documentation/admin-guide/sysctl/vm.rst (dirty_*), block/queue-sysfs.rst
//             (read_ahead_kb), posix_fadvise(2); /proc/vmstat.
#pragma once

#include <atomic>

#include "base/base.hpp"
#include "filemap/dirty_policy.hpp"
#include "filemap/file.hpp"
#include "filemap/mapping.hpp"
#include "filemap/page_lock.hpp"
#include "lru/lru.hpp"
#include "slab/slab.hpp"

namespace quire {

class PageCache {
 public:
  struct Want {  // pages of a file
    std::uint64_t index;
    std::uint64_t count;
  };
  struct Parts {
    MemoryMap& map;
    Nodes& nodes;
    PageAllocator& pages;
    Lru& lru;
    DirtyPolicy& dirty;
  };
  explicit PageCache(const Parts& parts) : parts_(parts), array_(parts.map.array()) {}
  PageCache(const PageCache&) = delete;
  PageCache& operator=(const PageCache&) = delete;

  // The cache of tree nodes that Mappings are made with. Errors: kNoMemory.
  static Result<KmemCache*> make_node_cache(SlabCaches& caches);

  // A mapping takes part in write-back and drop_caches() between the two. evict(): nobody uses it
  // any more; its pages go, dirty or not.
  void open(Mapping& mapping);
  void evict(Mapping& mapping);
  template <class Visit>
  void for_each_mapping(Visit visit) {
    const SharedGuard guard(list_lock_);
    for (Mapping* at = newest_; at != nullptr; at = at->older_) visit(*at);
  }

  // Pages ---------------------------------------------------------------------------------------
  [[nodiscard]] Page* find(Mapping& mapping, std::uint64_t index) {
    return mapping.find(array_, index);
  }
  // `page` is locked. Late faults may have mapped it: who cuts pages off unmaps once more behind.
  void remove(Mapping& mapping, Page& page);

  struct Faulted {
    Page* page;  // locked, uptodate and with a reference
    bool major;  // it was not in memory
    bool read;   // it was not, or it bore the mark at which more is read ahead
  };
  // The page that a fault wants; counts nothing. `advice` is that of the VMA.
  Result<Faulted> fault_in(File& file, std::uint64_t index,
                           ReadAdvice advice = ReadAdvice::kNormal);
  // For fault-around: the first of these pages that can be mapped without waiting, locked and with
  // a reference; null: none.
  [[nodiscard]] Page* next_mappable(Mapping& mapping, const Want& want);

  // Bytes ---------------------------------------------------------------------------------------
  // How many were read, fewer at the end of the file or before an error.
  Result<Bytes> read(File& file, const ReadRequest& request);
  Result<Bytes> write(File& file, const WriteRequest& request);
  Result<void> truncate(Mapping& mapping, Bytes size);
  // Of files in memory alone (fallocate): a part becomes zeros that nothing keeps, or gets its
  // pages now. What could be had before an error stays.
  enum class SizeChange : bool { kKeep, kGrow };
  Result<void> punch(Mapping& mapping, const Extent& hole);
  Result<void> allocate(Mapping& mapping, const Extent& part, SizeChange change);
  Result<void> add_seals(Mapping& mapping, Seals seals);
  // posix_fadvise. A count of 0 is to the end.
  void advise(File& file, ReadAdvice advice, const Want& want);

  // Dirt ----------------------------------------------------------------------------------------
  // Its content has changed: `page` is locked, or mapped under the PTE lock that is held. Whether
  // it was clean.
  bool set_dirty(Page& page);
  // Slows a writer down when too many pages are dirty: has it write some, and wait while more than
  // the threshold are dirty or on their way.
  void balance_dirty(Mapping& mapping);
  // Writes up to `most` dirty pages and does not wait for them; returns how many it began.
  std::uint64_t write_back(Mapping& mapping, PageCount most);
  std::uint64_t write_back_all(PageCount most);
  // Writes files that have been dirty for so long, then others down to the background limit; ends
  // soon after `most` pages. How many it began; fewer than `most`: nothing is left to do.
  struct Flush {
    std::uint64_t expire_ns;  // kNoAge: however old
    PageCount most;
  };
  static constexpr std::uint64_t kNoAge = ~std::uint64_t{0};
  std::uint64_t flush(const Flush& flush);
  // What was dirty is written, of all or of these. The error since the opener was last told.
  struct Pages {
    std::uint64_t first = 0;
    std::uint64_t last = ~std::uint64_t{0};
  };
  Result<void> fsync(File& file) { return fsync(file, Pages{}); }
  Result<void> fsync(File& file, const Pages& pages);

  // Clean pages that nobody uses leave: these, or all (vm.drop_caches). Returns how many.
  std::uint64_t invalidate(Mapping& mapping, const Want& want);
  std::uint64_t drop_caches();

  // For BlockFile -------------------------------------------------------------------------------
  [[nodiscard]] std::byte* content_of(const Page& page) const {
    return parts_.map.content_of(page);
  }
  void read_done(Page& page, Result<void> result);
  void write_done(Page& page, Result<void> result);

 private:
  struct Run;
  friend struct Run;
  enum class Sync : bool { kNo, kYes };
  struct FaultWant {
    Page* page;  // that is there; null: none
    std::uint64_t index;
    ReadAdvice advice;
  };
  static constexpr unsigned kRunPages = 32;               // of one request to a BlockFile, at most
  static constexpr std::uint64_t kForced = 512;           // pages of one, where all are wanted
  static constexpr unsigned kWritesBetweenLooks = 32;
  static constexpr std::uint64_t kToTheEnd = ~std::uint64_t{0};
  static constexpr std::uint64_t kNoMark = ~std::uint64_t{0};
  // Of a clean page: whoever comes to it has more read (PG_readahead, the same bit as in Linux).
  static constexpr PageFlag kReadAheadMark = PageFlag::kReclaim;

  [[nodiscard]] static Mapping* mapping_of(const Page& page) {
    return static_cast<Mapping*>(home_of(page));
  }
  Page* new_page(Gfp more);
  enum class Behind : bool { kRefused, kAllowed };  // of a page that is behind the end of the file
  Result<void> add(Mapping& mapping, Page& page, std::uint64_t index, Behind behind);
  bool lock_in(const Mapping& mapping, Page& page);
  void forget(Page& page) {
    unlock_page(page);
    parts_.lru.put(page);
  }
  Result<Page*> find_or_add_locked(Mapping& mapping, std::uint64_t index, Behind behind);
  Result<Page*> find_or_read(File& file, const Want& want);
  Result<Page*> bring_in(Mapping& mapping, std::uint64_t index);
  Result<void> make_uptodate(Mapping& mapping, Page& page);
  Result<void> read_page_locked(Mapping& mapping, Page& page);

  void read_ahead_missed(File& file, const Want& want);
  void read_ahead_marked(File& file, Page& page, const Want& want);
  // Whether anything was to be read.
  bool read_ahead_for_fault(File& file, const FaultWant& want);
  static bool continue_window(ReadAhead& ahead, std::uint64_t index);
  bool plan_window(File& file, const Want& want);
  bool plan_from_history(File& file, const Want& want);
  void read_window(File& file, std::uint64_t index);
  void read_pages(Mapping& mapping, const Want& want, std::uint64_t marked);

  void account(const Page& page, NodeItem item, std::int64_t pages) const;
  void account_pending(const Page& page, std::int64_t pages) const;
  void account_cached(Mapping& mapping, const Page& page, std::int64_t pages) const;
  Result<void> write_part(Mapping& mapping, const WriteRequest& part);
  Result<Page*> page_to_write(Mapping& mapping, const WriteRequest& part);
  void zero_tail(Mapping& mapping, Bytes from);
  void zero_within(Mapping& mapping, const Extent& part);
  bool clear_dirty(Mapping& mapping, Page& page);
  void begin_write(Mapping& mapping, Page& page);
  static void mark_to_write(Mapping& mapping, const Pages& pages);
  std::uint64_t write_marked(Mapping& mapping, PageCount most, Sync sync);
  bool begin_one(Run& run, Page& page, Sync sync);
  void wait_written(Mapping& mapping, const Pages& pages);
  std::uint64_t flush_old(const Flush& flush);
  void take_out(Mapping& mapping, const MappingUsers::Part& part);
  bool remove_if_unused(Mapping& mapping, Page& page);

  const Parts parts_;
  const PageArray array_;
  RwSemaphore list_lock_;
  Mapping* newest_ QUIRE_GUARDED_BY(list_lock_) = nullptr;
  std::atomic<std::uint64_t> writes_ = 0;
};

}  // namespace quire
