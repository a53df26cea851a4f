#include "mm/unmapped_area.hpp"

#include "mm/layout.hpp"

namespace quire {
namespace {

// Where MAP_32BIT puts things.
constexpr VirtRange kLow{VirtAddr{0x40000000}, VirtAddr{0x80000000}};

// Whether a mapping from `at` to `end` would come too near to a stack after it.
bool near_stack(const Vma* after, VirtAddr end) {
  return after != nullptr && guarded_start(*after) < end;
}

Result<VirtAddr> lowest(const Mm& mm, VirtRange within, Bytes length) {
  for (;;) {
    QUIRE_TRY_ASSIGN(at, mm.vmas.lowest_gap(within, length));
    const Vma* const after = mm.vmas.find(at);
    if (!near_stack(after, at + length)) return at;
    within.start = after->end();
    if (within.end <= within.start) return Errno::kNoMemory;
  }
}

Result<VirtAddr> highest(const Mm& mm, VirtRange within, Bytes length) {
  for (;;) {
    QUIRE_TRY_ASSIGN(at, mm.vmas.highest_gap(within, length));
    const Vma* const after = mm.vmas.find(at);
    if (!near_stack(after, at + length)) return at;
    within.end = guarded_start(*after);
    if (within.end <= within.start) return Errno::kNoMemory;
  }
}

// The hint itself, if nothing is there; 0: not there.
VirtAddr at_hint(const Mm& mm, const Place& place, VirtAddr end) {
  const VirtAddr at = place.address.align_down(kPageSize);
  if (at == VirtAddr{0} || end - VirtAddr{0} < place.length || end - place.length < at)
    return VirtAddr{0};
  const Vma* const after = mm.vmas.find(at);
  return near_stack(after, at + place.length) ? VirtAddr{0} : at;
}

Result<VirtAddr> search(const Mm& mm, const Place& place) {
  const MmLayout& layout = mm.layout;
  const bool low = (place.flags & map::k32Bit) != 0;
  if (const VirtAddr at = at_hint(mm, place, low ? kLow.end : layout.task_size); at != VirtAddr{0})
    return at;
  if (low) return lowest(mm, kLow, place.length);
  // Who likes an address beyond the window may be given any.
  const VirtAddr window = map_window(layout.task_size);
  const Bytes beyond = place.address > window ? layout.task_size - window : Bytes{};
  const VirtAddr end = window + beyond;
  if (layout.bottom_up) return lowest(mm, {layout.mmap_base, end}, place.length);
  const VirtAddr first = VirtAddr{0} + kPageSize;
  if (const auto at = highest(mm, {first, layout.mmap_base + beyond}, place.length);
      at.has_value())
    return at;
  // The legacy layout's base: a third of the address space.
  const VirtAddr third = VirtAddr{window.raw() / 3}.align_up(kPageSize);
  return lowest(mm, {third, end}, place.length);
}

}  // namespace

VirtAddr guarded_start(const Vma& vma) {
  if (!vma.has(VmFlags::kGrowsDown)) return vma.start();
  const Bytes below = vma.start() - VirtAddr{0};
  return below < kStackGuardGap ? VirtAddr{0} : vma.start() - kStackGuardGap;
}

Result<VirtAddr> unmapped_area(const Mm& mm, const Place& place) {
  const Bytes all = mm.layout.task_size - VirtAddr{0};
  if (place.length > all) return Errno::kNoMemory;
  VirtAddr at = place.address;
  if ((place.flags & map::kFixed) == 0) {
    QUIRE_TRY_ASSIGN(found, search(mm, place));
    at = found;
  }
  if (at > mm.layout.task_size - place.length) return Errno::kNoMemory;
  if (!at.is_aligned(kPageSize)) return Errno::kInvalid;
  if (at < mm.parts.rules.mmap_min_addr() && !mm.limits.raw_io) return Errno::kPermission;
  return at;
}

}  // namespace quire
