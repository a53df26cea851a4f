// Puts a zone's free pages into a given state: which block is on which list, in which order. For
// replaying what a kernel recorded, and for tests that start from an exact state.
//
// Locking  No one else uses the zone meanwhile.
// Errors   kInvalid: a block outside the zone's memory map, misaligned, or given twice.
#pragma once

#include "base/base.hpp"
#include "page_alloc/page_allocator.hpp"

namespace quire {

class ZoneImage {
 public:
  // Takes every free page off the zone's lists and every CPU's set of it: all pages are in use.
  ZoneImage(PageAllocator& allocator, Zone& zone);

  struct Block {
    Pfn start;
    Order order;
    MigrateType type{};
  };
  // Appends a free block to the back of its list.
  Result<void> add_free(const Block& block);
  // Appends a block to the back of list `index` of the CPU's set.
  Result<void> add_per_cpu(CpuId cpu, unsigned index, const Block& block);
  // The type of the pageblock that `pfn` lies in.
  Result<void> set_pageblock(Pfn pfn, MigrateType type);

 private:
  Result<Page*> unused_page(const Block& block);

  PageAllocator& allocator_;
  Zone& zone_;
};

}  // namespace quire
