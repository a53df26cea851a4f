// Numbers of pages that are no power of two: an exact number within one block, or any range of
// frames, contiguous beyond the largest order.
//
// Units       Sizes in bytes are rounded up to pages.
// Ownership   Each page has a reference of its own and may be freed by itself.
// Locking     As the page allocator: on a CPU, with no spinlock held.
// Errors      kBusy when a page of the range is in use (moving it away needs migration) or is no
//             free memory of the zone; the free lists are then as they were. kNoMemory when nothing
//             is found, kInvalid for no pages.
// Source      Documentation/core-api/mm-api.rst: alloc_pages_exact, alloc_contig_range.
#pragma once

#include "base/base.hpp"
#include "page_alloc/page_allocator.hpp"

namespace quire {

class ExactPages {
 public:
  explicit ExactPages(PageAllocator& allocator) : allocator_(allocator) {}

  // From the smallest block that holds `size`; what is left of it is given back at once. Null when
  // there is no such block, or no order as large.
  [[nodiscard]] Page* allocate(Gfp gfp, Bytes size, NodeId node);
  void free(Page& first, Bytes size);

  // All frames of `range`, which lies in `zone` (alloc_contig_range). Pageblocks that it touches
  // become of type `type`.
  struct Demand {
    Gfp gfp = Gfp::kKernel;
    MigrateType type = MigrateType::kMovable;
  };
  Result<Page*> allocate_range(Zone& zone, PfnRange range, const Demand& demand);
  // `pages` frames from the first place in `node`'s zonelist where they are free, at a multiple of
  // their number (alloc_contig_pages).
  Result<Page*> allocate_contiguous(Gfp gfp, PageCount pages, NodeId node);
  void free_range(PfnRange range);

 private:
  void give_to_zone(Page& page);
  void hand_out(const Zone& zone, PfnRange range, Gfp gfp);

  PageAllocator& allocator_;
};

}  // namespace quire
