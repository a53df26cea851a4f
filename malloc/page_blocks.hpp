// Blocks of whole pages of the machine: up to its largest block, of any number of pages. What is
// left over of a block of the page allocator goes back to it at once.
//
// Units      Bytes are rounded up to pages, and pages to an eighth of their power of two.
// Layout     A block of n pages is a block of the page allocator for each bit that is set in n, the
//            largest first. Its first page says how many pages there are, in index_low, and that it
//            is such a block, in mapping.
// Locking    On a CPU of the machine (a Visit). A block is its owner's.
// Errors     Null when the machine has no such block.
#pragma once

#include "machine/machine.hpp"
#include "malloc/size_classes.hpp"

namespace quire::preload {

class PageBlocks {
 public:
  static constexpr std::size_t kMost = size_of(kMaxOrderPages).raw();

  // `slab` is where in each area a CpuSlab lies whose tag is that of no such block.
  PageBlocks(PageAllocator& pages, PercpuOffset slab)
      : pages_(pages), array_(pages.map().array()), tag_(kMark | raw(slab)) {}

  // `size` and `align` are at most kMost; blocks are aligned to a page at least.
  void* allocate(std::size_t size, Alignment align);
  void free(Page& first);

  [[nodiscard]] bool is_block(const Page& first) const { return first.mapping == tag_; }
  [[nodiscard]] static std::size_t size_of_block(const Page& first) {
    return std::size_t{first.index_low} << kPageShift;
  }
  // What a block takes of the machine.
  [[nodiscard]] static std::size_t footprint(std::size_t size);

 private:
  static constexpr std::uint64_t kMark = std::uint64_t{0xb10c} << 48;

  void make_piece(std::uint32_t index, Order order, std::uint32_t zone_bits) const;

  PageAllocator& pages_;
  PageArray array_;
  std::uint64_t tag_;
};

}  // namespace quire::preload
