// The frames that page tables lie in: pages of kind kPageTable, whose content is the table and
// whose mapcount counts the entries in use.
//
// Ownership  A frame belongs to the tables that it was allocated for. Frames that boot has set
//            aside are given out first and never go to the page allocator.
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

  // Until the page allocator is there, tables lie in these reserved frames, in this order.
  void set_early(std::span<const Pfn> frames) { early_ = frames; }
  [[nodiscard]] std::size_t early_left() const { return early_.size(); }
  void attach(PageAllocator& pages) { pages_ = &pages; }

  // A zeroed table. `counted`: in nr_page_table_pages, as those of processes are.
  Result<PageIndex> allocate(PageLevel level, bool counted);
  void free(PageIndex table, bool counted);

  [[nodiscard]] std::byte* content(PageIndex table) const { return map_.frames().content(table); }
  [[nodiscard]] Pfn pfn_of(PageIndex table) const { return map_.pfn_of(table); }
  [[nodiscard]] PageIndex at(Pfn frame) const { return map_.index_of(*map_.page_of(frame)); }
  [[nodiscard]] MemoryMap& map() const { return map_; }

  [[nodiscard]] std::int32_t entries_in_use(PageIndex table) const {
    return __atomic_load_n(&map_.at(table).mapcount, __ATOMIC_RELAXED);
  }
  void count_entries(PageIndex table, std::int32_t change) const {
    __atomic_fetch_add(&map_.at(table).mapcount, change, __ATOMIC_RELAXED);
  }

 private:
  Result<PageIndex> allocate_early();
  void count(const Page& table, std::int64_t change) const;

  MemoryMap& map_;
  PageAllocator* pages_ = nullptr;
  std::span<const Pfn> early_;
};

}  // namespace quire
