#include "mm/mapping_flags.hpp"
#include "mm/unmap.hpp"
#include "mm/vma_merge.hpp"

namespace quire {
namespace {

constexpr unsigned kMayShift = 4;  // from kRead to kMayRead and so on
static_assert(raw(VmFlags::kMayAll) == raw(VmFlags::kAccess) << kMayShift);

bool may_have(VmFlags flags) {
  return (raw(flags) & ~(raw(flags) >> kMayShift) & raw(VmFlags::kAccess)) == 0;
}

// What becomes writable may become as many pages again: they are promised now.
Result<PageCount> charge_for_write(const Mm& mm, VmFlags old, VmFlags flags, PageCount pages) {
  if (!any(flags & VmFlags::kWrite)) return PageCount{};
  if (!may_expand(mm, flags, pages) && may_expand(mm, old, pages)) return Errno::kNoMemory;
  constexpr VmFlags kPromised = VmFlags::kAccount | VmFlags::kWrite | VmFlags::kHugeTlb |
                                VmFlags::kShared | VmFlags::kNoReserve;
  if (any(old & kPromised)) return PageCount{};
  QUIRE_TRY(charge(mm, pages));
  return pages;
}

// The VMA that has `part` afterwards.
Result<Vma*> protect_part(const Caller& caller, Vma& vma, VirtRange part, VmFlags flags) {
  const VmFlags old = vma.flags;
  if (flags == old) return &vma;
  Mm& mm = caller.mm;
  const PageCount pages = whole_pages(part.length());
  QUIRE_TRY_ASSIGN(charged, charge_for_write(mm, old, flags, pages));
  if (charged) flags |= VmFlags::kAccount;
  const auto changed = change_flags(caller, vma, part, flags);
  if (!changed.has_value()) {
    uncharge(mm, charged);
    return changed.error();
  }
  Vma& now = **changed;
  protect(now, part);
  unaccount_pages(mm, old, pages);
  account_pages(mm, now.flags, pages);
  // Locked pages that become writable are copied now.
  const bool locked = (old & (VmFlags::kWrite | VmFlags::kShared | VmFlags::kLocked)) ==
                      VmFlags::kLocked;
  if (locked && any(flags & VmFlags::kWrite)) static_cast<void>(populate_in(caller, now, part));
  return &now;
}

Result<VirtAddr> first_address(const Vma& vma, VirtRange range, std::uint64_t prot) {
  if ((prot & prot::kGrowsDown) != 0) {
    if (vma.start() >= range.end) return Errno::kNoMemory;
    if (!vma.has(VmFlags::kGrowsDown)) return Errno::kInvalid;
    return vma.start();
  }
  if (vma.start() > range.start) return Errno::kNoMemory;
  if ((prot & prot::kGrowsUp) != 0) return Errno::kInvalid;  // no such stacks here
  return range.start;
}

Result<void> protect_range(const Caller& caller, VirtRange range, std::uint64_t prot) {
  Vma* vma = caller.mm.vmas.find(range.start);
  if (vma == nullptr) return Errno::kNoMemory;
  QUIRE_TRY_ASSIGN(first, first_address(*vma, range, prot));
  for (VirtAddr at = first; at < range.end;) {
    if (vma == nullptr || vma->start() > at) return Errno::kNoMemory;
    const VmFlags flags = (vma->flags & ~VmFlags::kAccess) | flags_of_prot(prot);
    if (!may_have(flags)) return Errno::kAccess;
    const VirtAddr next = min_of(vma->end(), range.end);
    QUIRE_TRY(protect_part(caller, *vma, {at, next}, flags));
    at = next;
    if (at < range.end) vma = caller.mm.vmas.find(at);
  }
  return {};
}

}  // namespace

Result<void> do_mprotect(const Caller& caller, VirtAddr start, Bytes length, std::uint64_t prot) {
  constexpr std::uint64_t kGrows = prot::kGrowsDown | prot::kGrowsUp;
  if ((prot & kGrows) == kGrows || !start.is_aligned(kPageSize)) return Errno::kInvalid;
  if (!length) return {};
  const VirtRange range{start, start + page_align(length)};
  if (range.empty()) return Errno::kNoMemory;
  if ((prot & ~(prot::kAccess | prot::kSem | kGrows)) != 0) return Errno::kInvalid;
  const MmapWriteGuard guard(caller.mm);
  return protect_range(caller, range, prot);
}

}  // namespace quire
