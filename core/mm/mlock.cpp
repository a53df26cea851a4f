#include "mm/unmap.hpp"
#include "mm/vma_merge.hpp"

namespace quire {
namespace {

bool may_lock(const Mm& mm) { return mm.limits.ipc_lock || mm.limits.locked != 0; }

bool within_limit(const Mm& mm, PageCount pages) {
  return mm.limits.ipc_lock || pages.raw() <= mm.limits.locked >> kPageShift;
}

// What a call means by bytes: all pages that they lie in. Its length is 0 where that is too long.
VirtRange pages_around(VirtAddr start, Bytes length) {
  const VirtAddr first = start.align_down(kPageSize);
  return {first, first + page_align(length + (start - first))};
}

PageCount locked_in(const Mm& mm, VirtRange range) {
  PageCount pages;
  for (const Vma* vma = mm.vmas.find(range.start); vma != nullptr && vma->start() < range.end;
       vma = vma->next)
    if (vma->has(VmFlags::kLocked)) pages += whole_pages(vma->range.intersect(range).length());
  return pages;
}

// Gives `part` of `vma` other locks; what cannot be locked stays as it is.
Result<void> lock_part(const Caller& caller, Vma& vma, VirtRange part, VmFlags locks) {
  const VmFlags old = vma.flags;
  const VmFlags flags = (old & ~VmFlags::kAnyLocked) | locks;
  if (flags == old || any(old & (VmFlags::kSpecial | VmFlags::kHugeTlb))) return {};
  QUIRE_TRY_ASSIGN(changed, change_flags(caller, vma, part, flags));
  if (any((old ^ flags) & VmFlags::kLocked)) update_mlocked(*changed, part);
  const PageCount pages = whole_pages(part.length());
  if (!any(locks)) caller.mm.locked -= pages;
  if (any(locks) && !any(old & VmFlags::kLocked)) caller.mm.locked += pages;
  return {};
}

Result<void> lock_range(const Caller& caller, VirtRange range, VmFlags locks) {
  if (range.end < range.start) return Errno::kInvalid;
  for (VirtAddr at = range.start; at < range.end;) {
    Vma* const vma = caller.mm.vmas.at(at);
    if (vma == nullptr) return Errno::kNoMemory;
    const VirtAddr next = min_of(vma->end(), range.end);
    QUIRE_TRY(lock_part(caller, *vma, {at, next}, locks));
    at = next;
  }
  return {};
}

// Those that cannot be changed stay as they are.
void lock_all(const Caller& caller, VmFlags locks) {
  Vma* vma = caller.mm.vmas.first();
  while (vma != nullptr) {
    const VirtAddr end = vma->end();
    static_cast<void>(lock_part(caller, *vma, vma->range, locks));
    vma = caller.mm.vmas.find(end);
  }
}

VmFlags locks_of(bool on_fault) {
  return VmFlags::kLocked | (on_fault ? VmFlags::kLockOnFault : VmFlags::kNone);
}

// What POSIX wants to hear when a page could not be had.
Result<void> in_posix_words(Result<void> populated) {
  if (populated.has_value()) return {};
  if (populated.error() == Errno::kFault) return Errno::kNoMemory;
  return populated.error() == Errno::kNoMemory ? Errno::kAgain : populated.error();
}

}  // namespace

Result<void> may_lock_more(const Mm& mm, VmFlags flags, PageCount pages) {
  if (!any(flags & VmFlags::kLocked) || within_limit(mm, mm.locked + pages)) return {};
  return Errno::kAgain;
}

Result<void> do_mlock(const Caller& caller, VirtAddr start, Bytes length, std::uint64_t flags) {
  Mm& mm = caller.mm;
  if ((flags & ~lock::kOnFault) != 0) return Errno::kInvalid;
  if (!may_lock(mm)) return Errno::kPermission;
  const VirtRange range = pages_around(start, length);
  {
    const MmapWriteGuard guard(mm);
    const PageCount wanted = whole_pages(range.length()) + mm.locked;
    if (!within_limit(mm, wanted) && !within_limit(mm, wanted - locked_in(mm, range)))
      return Errno::kNoMemory;
    QUIRE_TRY(lock_range(caller, range, locks_of(flags != 0)));
  }
  return in_posix_words(populate(caller, range, OnError::kStop));
}

Result<void> do_munlock(const Caller& caller, VirtAddr start, Bytes length) {
  const MmapWriteGuard guard(caller.mm);
  return lock_range(caller, pages_around(start, length), VmFlags::kNone);
}

Result<void> do_mlockall(const Caller& caller, std::uint64_t flags) {
  Mm& mm = caller.mm;
  constexpr std::uint64_t kWhich = lock::kAllCurrent | lock::kAllFuture;
  if ((flags & kWhich) == 0 || (flags & ~(kWhich | lock::kAllOnFault)) != 0)
    return Errno::kInvalid;
  if (!may_lock(mm)) return Errno::kPermission;
  const VmFlags locks = locks_of((flags & lock::kAllOnFault) != 0);
  const bool current = (flags & lock::kAllCurrent) != 0;
  {
    const MmapWriteGuard guard(mm);
    if (current && !within_limit(mm, mm.total)) return Errno::kNoMemory;
    mm.default_flags = mm.default_flags & ~VmFlags::kAnyLocked;
    if ((flags & lock::kAllFuture) != 0) mm.default_flags |= locks;
    if (current) lock_all(caller, locks);
  }
  const VirtRange all{VirtAddr{0}, mm.layout.task_size};
  if (current) static_cast<void>(populate(caller, all, OnError::kGoOn));
  return {};
}

void do_munlockall(const Caller& caller) {
  const MmapWriteGuard guard(caller.mm);
  caller.mm.default_flags = caller.mm.default_flags & ~VmFlags::kAnyLocked;
  lock_all(caller, VmFlags::kNone);
}

}  // namespace quire
