// Buddy allocator: the free lists of a zone, as power-of-two blocks of contiguous pages.
//
// Units       Order is log2 pages.
// Invariants  I1  A free block of order n starts at an index that is a multiple of 2^n.
//             I2  Two free buddies of one order are never both on the lists, unless the order is
//                 Order::kMax or their pageblocks must not mix: freeing merges at once.
//             I3  A block of the largest order may stand for a run: `run_blocks` blocks that
//                 follow one another, of which only the first is touched. A run is taken from
//                 its front, so lists read as if each block stood for itself.
// Locking     The zone's lock, held by the caller, guards everything.
// Errors      take() gives kNone. Nothing here waits, reclaims or calls out.
// Cost        O(Order::kMax), no recursion.
#pragma once

#include "base/base.hpp"
#include "memmap/memmap.hpp"
#include "page_alloc/trace.hpp"
#include "zone/zone.hpp"

namespace quire {

constexpr PageIndex after(PageIndex index, std::uint64_t pages) {
  return PageIndex{raw(index) + static_cast<std::uint32_t>(pages)};
}

enum class ListEnd : std::uint8_t { kFront, kBack };

class Buddy {
 public:
  struct Block {
    PageIndex index;
    Order order;
  };

  Buddy(MemoryMap& map, const PageTrace& trace) : map_(map), trace_(trace) {}

  // Takes a block of exactly `order` from the smallest block on `type`'s lists that holds one;
  // what is left over goes to the front of the smaller lists. kNone when there is none.
  PageIndex take(Zone& zone, Order order, MigrateType type) QUIRE_REQUIRES(zone.lock);

  // Gives back the block at `index`, merged with every buddy that is free. `type` is its
  // pageblock's. A block whose next merge is likely goes to the back, to be left alone.
  void free(Zone& zone, PageIndex index, Order order, MigrateType type) QUIRE_REQUIRES(zone.lock) {
    merge_and_add(zone, {index, order}, type, nullptr);
  }
  void free_to(ListEnd end, Zone& zone, PageIndex index, Order order) QUIRE_REQUIRES(zone.lock) {
    merge_and_add(zone, {index, order}, map_.pageblock_type(index), &end);
  }

  // Puts a block on a list as it is, without merging.
  void add(Zone& zone, Block block, MigrateType type, ListEnd end) QUIRE_REQUIRES(zone.lock);
  // Adds `blocks` untouched blocks of the largest order, from `index` on, as one run at the back
  // of the movable list.
  void add_run(Zone& zone, PageIndex index, std::uint32_t blocks) QUIRE_REQUIRES(zone.lock);

  // The block at the front of a list, made to stand for itself; the list is not empty.
  PageIndex front_block(Zone& zone, Order order, MigrateType type) QUIRE_REQUIRES(zone.lock);
  // If `index` lies in a run, splits the run so that its block stands for itself.
  void materialise(Zone& zone, PageIndex index) QUIRE_REQUIRES(zone.lock);

  // Moves the free block at `head`, which stands for itself, to the back of `to`'s list.
  void move(Zone& zone, PageIndex head, MigrateType to) QUIRE_REQUIRES(zone.lock);
  // Removes the free block at `head`, which stands for itself, from its list.
  void remove(Zone& zone, PageIndex head) QUIRE_REQUIRES(zone.lock);

  // The head of the free block that `index` lies in, or kNone when it is not free.
  [[nodiscard]] PageIndex free_head(const Zone& zone, PageIndex index) const
      QUIRE_REQUIRES(zone.lock);

  [[nodiscard]] bool is_free_head(const Zone& zone, PageIndex index, Order order) const {
    return map_.at(index).word_racy() == PageWord(zone.page_bits, order, PageKind::kBuddy);
  }

  [[nodiscard]] MemoryMap& map() const { return map_; }
  [[nodiscard]] const PageTrace& trace() const { return trace_; }

 private:
  void merge_and_add(Zone& zone, Block block, MigrateType type, const ListEnd* end)
      QUIRE_REQUIRES(zone.lock);
  void unlink(Zone& zone, PageIndex head, Order order) QUIRE_REQUIRES(zone.lock);
  PageIndex take_front(Zone& zone, Order order, MigrateType type) QUIRE_REQUIRES(zone.lock);
  [[nodiscard]] PageIndex run_holding(const Zone& zone, PageIndex index) const
      QUIRE_REQUIRES(zone.lock);
  [[nodiscard]] bool may_merge(Zone& zone, PageIndex buddy, Order order, MigrateType type) const
      QUIRE_REQUIRES(zone.lock);
  [[nodiscard]] bool next_merge_likely(const Zone& zone, Block merged) const;

  MemoryMap& map_;
  const PageTrace& trace_;
};

}  // namespace quire
