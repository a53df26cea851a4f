// The frames that page tables lie in: pages of kind kPageTable, whose content is the table and
// whose mapcount counts the entries in use.
//
// Ownership  A frame belongs to the tables that it was allocated for. Frames that boot has reserved
//            are kept for further tables when theirs are gone.
// Locking    Callers run on a CPU of the machine and hold no spinlock; once the page allocator is
//            attached any CPU may call. Entry counts are atomic.
// Errors     allocate(): kNoMemory.
#pragma once

#include <cstddef>
#include <span>

#include "base/base.hpp"
#include "host/host.hpp"
#include "memmap/memmap.hpp"
#include "page_alloc/page_alloc.hpp"
#include "pagetable/format.hpp"

namespace quire {

class TableFrames {
 public:
  explicit TableFrames(MemoryMap& map) : map_(map) {}

  // Until the page allocator is there, tables lie in reserved frames, in this order; where
  // DirectMap::kInBuffer stands, in the next of the buffer.
  struct Early {
    std::span<const Pfn> frames;
    std::span<const Pfn> buffer;
  };
  void set_early(const Early& early) { early_ = early; }
  void attach(PageAllocator& pages) { pages_ = &pages; }

  // A zeroed table. Reserved frames whose tables are gone come first. `counted`: in
  // nr_page_table_pages, as those of processes are.
  Result<PageIndex> allocate(PageLevel level, bool counted);
  void free(PageIndex table, bool counted);

  [[nodiscard]] std::byte* content(PageIndex table) const { return map_.frames().content(table); }
  [[nodiscard]] Pfn pfn_of(PageIndex table) const { return map_.pfn_of(table); }
  [[nodiscard]] PageIndex at(Pfn frame) const { return map_.index_of(frame); }
  [[nodiscard]] MemoryMap& map() const { return map_; }

  // One of those that boot has reserved.
  [[nodiscard]] static bool is_reserved(const Page& table) {
    return table.mapping == kReservedFrame;
  }

  [[nodiscard]] std::int32_t entries_in_use(PageIndex table) const {
    return __atomic_load_n(&map_.at(table).mapcount, __ATOMIC_RELAXED);
  }
  void count_entries(PageIndex table, std::int32_t change) const {
    __atomic_fetch_add(&map_.at(table).mapcount, change, __ATOMIC_RELAXED);
  }

 private:
  // In Page::mapping of a reserved frame.
  static constexpr std::uint64_t kReservedFrame = 1;

  Result<PageIndex> take_early();
  PageIndex take_spare() QUIRE_EXCLUDES(lock_);
  void count(const Page& table, std::int64_t change) const;

  MemoryMap& map_;
  PageAllocator* pages_ = nullptr;
  Early early_;
  SpinLock lock_{LockRank::kPageTable};
  PageIndex spare_ QUIRE_GUARDED_BY(lock_) = PageIndex::kNone;  // linked by Page::next
};

}  // namespace quire
