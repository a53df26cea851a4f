// Which kernel addresses are taken: an index of disjoint areas that finds the lowest place for a
// new one.
//
// One tree by address holds what is in use and what is freed lazily. Each subtree knows how long a
// gap before one of its areas may be, so free space needs no records of its own: to purge an area
// is to take it out. Where the last search ended is kept: the next one for as much goes on there.
//
// Invariants  I1  Areas do not overlap and lie in the space.
//             I2  Two lazily freed areas never touch: they become one.
//             I3  The tree is a heap by priority, which follows from the address an area had when
//                 it was inserted: so its shape is the same for the same sequence of calls.
//             I4  An area's max_gap is at least the gap before it and that of the areas below it
//                 in the tree. It may be more: what is split is not told upwards; searches that
//                 find nothing correct it.
// Locking     None of its own: see VmallocSpace.
// Cost        Expected O(log n), amortised. A place that is aligned to more than a page may be
//             looked for in one gap after the other that is long enough but holds no such place.
#pragma once

#include "base/base.hpp"
#include "vmalloc/vmap_area.hpp"

namespace quire {

class VmapAreas {
 public:
  struct Wish {
    Bytes size;
    Bytes align;         // a power of two, at least a page
    VirtRange within;
  };

  explicit VmapAreas(VirtRange space);
  VmapAreas(const VmapAreas&) = delete;
  VmapAreas& operator=(const VmapAreas&) = delete;

  // Gives `area` the lowest place that meets `wish`. False when there is none.
  bool insert_lowest(VmapArea& area, const Wish& wish);
  // Inserts `area` where it says it is. False when some of that is taken, or outside the space.
  bool insert_at(VmapArea& area);

  // The area in use that `address` lies in; null when it is in none.
  [[nodiscard]] VmapArea* find(VirtAddr address) const;
  // The first area in use that ends after `address`; null when there is none.
  [[nodiscard]] VmapArea* first_from(VirtAddr address) const;
  // The same among lazily freed ones.
  [[nodiscard]] VmapArea* first_lazy_from(VirtAddr address) const;

  // Frees `area` lazily: its addresses stay taken. Records that merging leaves over are put in
  // front of `spare`, linked by `next`.
  void free_lazily(VmapArea& area, VmapArea*& spare);
  // All that was freed lazily, linked by `lazy_next`: still taken, and from now on on their own.
  [[nodiscard]] VmapArea* begin_purge();
  // Takes those out.
  void end_purge(VmapArea* purged);

  [[nodiscard]] PageCount lazy_pages() const { return lazy_pages_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] VirtRange space() const { return space_; }

  // What is wrong with the structure, in plain words; null when nothing is.
  [[nodiscard]] const char* fault() const;

 private:
  [[nodiscard]] VirtAddr gap_start(const VmapArea& area) const {
    return area.previous == nullptr ? space_.start : area.previous->end;
  }
  [[nodiscard]] Bytes gap(const VmapArea& area) const { return area.start - gap_start(area); }
  // Where searches may begin: below the end of `last` is no gap of `size` or more, from `floor` on.
  struct Hint {
    VmapArea* last = nullptr;
    Bytes size;
    VirtAddr floor;
  };

  // Whether the gap before `next` has room; then `area` is placed there.
  bool fits_before(const VmapArea& next, const Wish& wish, VmapArea& area) const {
    const VirtAddr lowest = max_of(gap_start(next), wish.within.start);
    const VirtAddr start = lowest.align_up(wish.align);
    const VirtAddr end = min_of(next.start, wish.within.end);
    if (start < lowest || start > end || end - start < wish.size) return false;
    area.start = start;
    area.end = start + wish.size;
    return true;
  }
  bool search(VmapArea* at, bool from_above, const Wish& wish, VmapArea& area);
  [[nodiscard]] VmapArea* first_ending_after(VirtAddr address) const;

  void link_before(VmapArea& area, VmapArea& next);
  void erase(VmapArea& area);
  void rotate_up(VmapArea& area);
  void replace_child(VmapArea* parent, VmapArea& old, VmapArea* by);
  void refresh(VmapArea& area);
  static void raise(VmapArea* area, Bytes gap);
  [[nodiscard]] const char* fault_of(const VmapArea& area) const;

  VirtRange space_;
  VmapArea tail_;          // stands at the end of the space, so that each gap is before some area
  VmapArea* root_ = nullptr;
  VmapArea* lazy_ = nullptr;
  Hint hint_;
  PageCount lazy_pages_;
  std::uint64_t count_ = 0;
};

}  // namespace quire
