#include "mm/backing.hpp"
#include "mm/unmap.hpp"
#include "mm/unmapped_area.hpp"
#include "mm/vma_merge.hpp"

namespace quire {
namespace {

// Maps that must be left when a mapping is moved, since one may become three.
constexpr std::uint32_t kSpareMaps = 3;

// The call with whole pages, and what it finds on its way.
struct Resize {
  VirtRange old{};
  Bytes length{};  // new
  std::uint64_t flags = 0;
  VirtAddr target{};
  PageCount charged{};  // for the new place
  VirtRange to_fill{};  // locked pages that are to be had at once

  [[nodiscard]] bool has(std::uint64_t flag) const { return (flags & flag) != 0; }
  [[nodiscard]] PageCount growth() const {
    return length > old.length() ? whole_pages(length - old.length()) : PageCount{};
  }
};

bool has_room_for_maps(const Mm& mm, std::uint32_t more) {
  return mm.vmas.count() + more + kSpareMaps < mm.parts.rules.max_map_count();
}

// Whether `vma` has what is to be moved or extended, and limits allow what is added.
Result<void> may_resize(const Mm& mm, const Vma& vma, const Resize& call) {
  if (!call.old.length() && !vma.has(VmFlags::kShared | VmFlags::kMayShare))
    return Errno::kInvalid;
  const VmFlags fixed = VmFlags::kDontExpand | VmFlags::kPfnMap;
  if (call.has(remap::kDontUnmap) && vma.has(fixed)) return Errno::kInvalid;
  if (call.old.length() > vma.end() - call.old.start) return Errno::kFault;
  if (call.length == call.old.length()) return {};
  const std::uint64_t pgoff = vma.index_of(call.old.start);
  if (pgoff + whole_pages(call.length).raw() < pgoff) return Errno::kInvalid;
  if (vma.has(fixed)) return Errno::kFault;
  QUIRE_TRY(may_lock_more(mm, vma.flags, call.growth()));
  if (!may_expand(mm, vma.flags, call.growth())) return Errno::kNoMemory;
  return {};
}

bool can_grow_in_place(const Mm& mm, const Vma& vma, const Resize& call) {
  const VirtAddr end = call.old.start + call.length;
  return call.old.end == vma.end() && end > vma.end() && end <= mm.layout.task_size &&
         (vma.next == nullptr || vma.next->start() >= end);
}

Result<VirtAddr> grow_in_place(const Caller& caller, Vma& vma, Resize& call) {
  Mm& mm = caller.mm;
  const VirtRange added{call.old.end, call.old.start + call.length};
  const VmFlags flags = vma.flags;
  if (any(flags & VmFlags::kAccount)) call.charged = call.growth();
  QUIRE_TRY(charge(mm, call.charged));
  if (merge_new(caller, {.range = added,
                         .flags = flags,
                         .file = vma.file,
                         .pgoff = vma.index_of(added.start),
                         .anon_vma = vma.anon_vma}) == nullptr) {
    uncharge(mm, call.charged);
    return Errno::kNoMemory;
  }
  account_pages(mm, flags, call.growth());
  if (any(flags & VmFlags::kLocked)) {
    mm.locked += call.growth();
    call.to_fill = added;
  }
  return call.old.start;
}

// A VMA at the target that shows what `vma` shows at the old place, merged if it can be. It may be
// `vma` itself where that has no pages yet; but nothing is merged beside what is to stay as it is:
// all of `vma`, or where that is locked the old range, which will be a VMA of its own without.
Result<Vma*> copy_vma(const Caller& caller, Vma& vma, const Resize& call) {
  start_write(vma);
  Vma like = vma;
  like.range = {call.target, call.target + call.length};
  const bool untouched = vma.file == nullptr && vma.anon_vma == nullptr;
  like.pgoff = untouched ? call.target.raw() >> kPageShift : vma.index_of(call.old.start);
  const VirtRange stays = vma.has(VmFlags::kLocked) ? call.old : vma.range;
  const bool beside = like.end() == stays.start || like.start() == stays.end;
  Vma* const merged = call.has(remap::kDontUnmap) && beside
                          ? nullptr
                          : merge_new(caller, {.range = like.range,
                                               .flags = vma.flags,
                                               .file = vma.file,
                                               .pgoff = like.pgoff,
                                               .anon_vma = vma.anon_vma});
  if (merged != nullptr) return merged;
  QUIRE_TRY(caller.mm.vmas.reserve(1));
  QUIRE_TRY_ASSIGN(copy, caller.mm.new_vma(like));
  if (const auto cloned = caller.anon_vmas.clone(*copy, vma); !cloned.has_value()) {
    caller.mm.free_vma(*copy);
    return cloned.error();
  }
  backing::attach(*copy);
  const auto inserted = caller.mm.vmas.insert(*copy);
  QUIRE_ASSERT(inserted.has_value());
  return copy;
}

// All of the old range's pages are at the new one afterwards, or none are.
Result<void> move_entries(Vma& from, Vma& to, const Resize& call) {
  const VirtRange old{call.old.start, call.old.start + min_of(call.old.length(), call.length)};
  const Bytes moved = move_pages({from, old, to, call.target});
  if (moved == old.length()) return {};
  const Bytes back =
      move_pages({to, {call.target, call.target + moved}, from, call.old.start});
  QUIRE_ASSERT(back == moved);  // its tables are there
  return Errno::kNoMemory;
}

// As if there had been no copy of `vma` at the target.
void take_back(const Caller& caller, const Resize& call, VmFlags flags) {
  const PageCount pages = whole_pages(call.length);
  account_pages(caller.mm, flags, pages);
  if (any(flags & VmFlags::kLocked)) caller.mm.locked += pages;
  if (any(flags & VmFlags::kAccount)) caller.mm.parts.committed.add(pages - call.charged);
  static_cast<void>(unmap(caller, call.target, call.length));
}

// `part` of the VMA that it is in, as a VMA of its own.
Result<Vma*> cut_out(const Caller& caller, VirtRange part) {
  Vma* vma = caller.mm.vmas.at(part.start);
  if (vma->start() < part.start) {
    QUIRE_TRY_ASSIGN(upper, split_uncounted(caller, *vma, part.start));
    vma = upper;
  }
  if (part.end < vma->end()) QUIRE_TRY(split_uncounted(caller, *vma, part.end));
  return vma;
}

// The old mapping stays, with no pages and no locks: what was locked counts at the new place. A
// part that no VMA can be made for keeps its lock and is counted twice.
void leave_empty(const Caller& caller, VirtRange moved) {
  if (caller.mm.vmas.at(moved.start)->has(VmFlags::kLocked)) {
    if (const auto part = cut_out(caller, moved); part.has_value()) {
      (*part)->flags &= ~VmFlags::kAnyLocked;
    } else {
      caller.mm.locked += whole_pages(moved.length());
    }
  }
  Vma& vma = *caller.mm.vmas.at(moved.start);
  if (vma.range == moved) caller.anon_vmas.unlink(vma);
}

// Takes away the old range, whose promise has gone to the new one. What cannot be cut out stays.
void unmap_old(const Caller& caller, VirtRange old) {
  if (old.empty()) return;
  if (caller.mm.vmas.at(old.start)->has(VmFlags::kAccount))
    caller.mm.parts.committed.add(whole_pages(old.length()));
  static_cast<void>(unmap(caller, old.start, old.length()));
}

// Counts the new place, and what is to be done about its locked pages.
void account_copy(Mm& mm, Resize& call, VmFlags flags) {
  account_pages(mm, flags, whole_pages(call.length));
  if (!any(flags & VmFlags::kLocked)) return;
  if (!call.has(remap::kDontUnmap)) mm.locked += whole_pages(call.length);
  if (call.growth()) call.to_fill = {call.target + call.old.length(), call.target + call.length};
}

Result<VirtAddr> move(const Caller& caller, Vma& vma, Resize& call) {
  Mm& mm = caller.mm;
  if (!has_room_for_maps(mm, 0)) return Errno::kNoMemory;
  const bool keep = call.has(remap::kDontUnmap);
  const VmFlags flags = vma.flags;
  if (any(flags & VmFlags::kAccount))
    call.charged = keep ? whole_pages(call.length) : call.growth();
  QUIRE_TRY(charge(mm, call.charged));
  const auto copy = copy_vma(caller, vma, call);
  if (!copy.has_value()) {
    uncharge(mm, call.charged);
    return copy.error();
  }
  Vma& source = *mm.vmas.at(call.old.start);
  if (const auto moved = move_entries(source, **copy, call); !moved.has_value()) {
    take_back(caller, call, flags);
    return moved.error();
  }
  account_copy(mm, call, flags);
  if (keep) {
    leave_empty(caller, call.old);
  } else {
    unmap_old(caller, call.old);
  }
  return call.target;
}

Result<VirtAddr> find_target(const Mm& mm, const Resize& call) {
  const std::uint64_t flags = call.has(remap::kFixed) ? map::kFixed : 0;
  return unmapped_area(mm, {call.target, call.length, flags});
}

// To a given place, or to one that leaves the old mapping where it is.
Result<VirtAddr> move_to_target(const Caller& caller, Resize& call) {
  Mm& mm = caller.mm;
  const VirtAddr limit = mm.layout.task_size;
  if (!call.target.is_aligned(kPageSize)) return Errno::kInvalid;
  if (call.length > limit - VirtAddr{0} || call.target > limit - call.length)
    return Errno::kInvalid;
  if (call.old.end > call.target && call.target + call.length > call.old.start)
    return Errno::kInvalid;
  if (!has_room_for_maps(mm, 2)) return Errno::kNoMemory;
  if (call.has(remap::kFixed)) QUIRE_TRY(unmap(caller, call.target, call.length));
  if (call.old.length() > call.length) {
    const VirtAddr end = call.old.start + call.length;
    QUIRE_TRY(unmap(caller, end, call.old.end - end));
    call.old.end = end;
  }
  Vma* const vma = mm.vmas.at(call.old.start);
  if (vma == nullptr) return Errno::kFault;
  QUIRE_TRY(may_resize(mm, *vma, call));
  const PageCount kept = whole_pages(call.old.length());
  if (call.has(remap::kDontUnmap) && !may_expand(mm, vma->flags, kept)) return Errno::kNoMemory;
  QUIRE_TRY_ASSIGN(target, find_target(mm, call));
  call.target = target;
  return move(caller, *vma, call);
}

Result<VirtAddr> resize_mapping(const Caller& caller, Resize& call) {
  Mm& mm = caller.mm;
  Vma* const vma = mm.vmas.at(call.old.start);
  if (vma == nullptr) return Errno::kFault;
  if (call.has(remap::kFixed | remap::kDontUnmap)) return move_to_target(caller, call);
  if (call.old.length() >= call.length) {
    const VirtAddr end = call.old.start + call.length;
    if (call.old.end != end) QUIRE_TRY(unmap(caller, end, call.old.end - end));
    return call.old.start;
  }
  QUIRE_TRY(may_resize(mm, *vma, call));
  if (can_grow_in_place(mm, *vma, call)) return grow_in_place(caller, *vma, call);
  if (!call.has(remap::kMayMove)) return Errno::kNoMemory;
  call.target = VirtAddr{0};
  QUIRE_TRY_ASSIGN(target, find_target(mm, call));
  call.target = target;
  return move(caller, *vma, call);
}

}  // namespace

Result<VirtAddr> do_mremap(const Caller& caller, const MremapRequest& request) {
  constexpr std::uint64_t kAll = remap::kMayMove | remap::kFixed | remap::kDontUnmap;
  const std::uint64_t flags = request.flags;
  const bool may_move = (flags & remap::kMayMove) != 0;
  if ((flags & ~kAll) != 0 || ((flags & remap::kFixed) != 0 && !may_move)) return Errno::kInvalid;
  if ((flags & remap::kDontUnmap) != 0 &&
      (!may_move || request.old_length != request.new_length))
    return Errno::kInvalid;
  const VirtAddr start = request.old_address;
  if (!start.is_aligned(kPageSize)) return Errno::kInvalid;
  Resize call{.old = {start, start + page_align(request.old_length)},
              .length = page_align(request.new_length),
              .flags = flags,
              .target = request.new_address};
  if (!call.length) return Errno::kInvalid;
  Result<VirtAddr> result = Errno::kInvalid;
  {
    const MmapWriteGuard guard(caller.mm);
    result = resize_mapping(caller, call);
  }
  if (!call.to_fill.empty()) static_cast<void>(populate(caller, call.to_fill, OnError::kGoOn));
  return result;
}

}  // namespace quire
