#include "mm/unmap.hpp"
#include "mm/unmapped_area.hpp"
#include "mm/vma_merge.hpp"

namespace quire {
namespace {

constexpr VmFlags kHeap = VmFlags::kRead | VmFlags::kWrite | VmFlags::kMayAll | VmFlags::kAccount;

bool within_data_limit(const Mm& mm, VirtAddr end) {
  const MmLayout& layout = mm.layout;
  if (mm.limits.data == Limits::kInfinity) return true;
  const Bytes data = (end - layout.start_brk) + (layout.end_data - layout.start_data);
  return data.raw() <= mm.limits.data;
}

// The heap's VMA grows, or there is a new one: it never grows out of what lies below the heap.
Result<void> add_pages(const Caller& caller, VirtRange range) {
  Mm& mm = caller.mm;
  const VmFlags flags = kHeap | mm.default_flags;
  const NewRange added{
      .range = range, .flags = flags, .pgoff = range.start.raw() >> kPageShift};
  Vma* const after = mm.vmas.find(range.start);
  Vma* const before = after != nullptr ? after->previous : mm.vmas.last();
  const bool of_heap = before != nullptr && mm.layout.start_brk < before->end();
  if (of_heap && extends(*before, added)) {
    resize(caller, *before, {before->start(), range.end});
    before->flags |= VmFlags::kSoftDirty;
    return {};
  }
  Vma like{.range = range, .flags = flags | VmFlags::kSoftDirty};
  like.pgoff = added.pgoff;
  like.prot = prot_of(flags);
  QUIRE_TRY(add_vma(caller, like));
  return {};
}

Result<void> grow_heap(const Caller& caller, VirtRange range) {
  Mm& mm = caller.mm;
  const PageCount pages = whole_pages(range.length());
  QUIRE_TRY(unmapped_area(mm, {range.start, range.length(), map::kFixed}));
  QUIRE_TRY(may_lock_more(mm, mm.default_flags, pages));
  const Vma* const next = mm.vmas.find(range.start);
  if (next != nullptr && guarded_start(*next) < range.end + kPageSize) return Errno::kNoMemory;
  const VmFlags flags = kHeap | mm.default_flags;
  if (!may_expand(mm, flags, pages)) return Errno::kNoMemory;
  if (mm.vmas.count() > mm.parts.rules.max_map_count()) return Errno::kNoMemory;
  QUIRE_TRY(charge(mm, pages));
  if (const auto added = add_pages(caller, range); !added.has_value()) {
    uncharge(mm, pages);
    return added;
  }
  account_pages(mm, flags, pages);
  if (any(flags & VmFlags::kLocked)) mm.locked += pages;
  return {};
}

// What is between there may be somebody else's, who has mapped over the heap.
Result<void> shrink_heap(const Caller& caller, VirtRange gone) {
  const Vma* const there = caller.mm.vmas.find(gone.start);
  if (there == nullptr || there->start() >= gone.end) return Errno::kInvalid;
  return unmap(caller, gone.start, gone.length());
}

}  // namespace

VirtAddr do_brk(const Caller& caller, VirtAddr end) {
  Mm& mm = caller.mm;
  VirtRange added{};
  {
    const MmapWriteGuard guard(mm);
    const VirtAddr old = mm.layout.brk;
    if (end < mm.layout.start_brk || !within_data_limit(mm, end)) return old;
    const VirtAddr new_page = end.align_up(kPageSize);
    const VirtAddr old_page = old.align_up(kPageSize);
    if (end <= old && new_page != old_page) {
      if (!shrink_heap(caller, {new_page, old_page}).has_value()) return old;
    } else if (new_page != old_page) {
      if (new_page < old_page) return old;  // past the end of all addresses
      if (!grow_heap(caller, {old_page, new_page}).has_value()) return old;
      if (any(mm.default_flags & VmFlags::kLocked)) added = {old_page, new_page};
    }
    mm.layout.brk = end;
  }
  if (!added.empty()) static_cast<void>(populate(caller, added, OnError::kGoOn));
  return end;
}

}  // namespace quire
