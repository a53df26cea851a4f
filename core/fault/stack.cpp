// A stack grows by being touched below its start.
#include "fault/fault.hpp"

namespace quire {
namespace {

// What lies below keeps its distance, unless nobody can touch it or it is a stack as well.
bool too_near(const Vma& vma, VirtAddr start) {
  const Vma* const below = vma.previous;
  if (below == nullptr || below->has(VmFlags::kGrowsDown) || !below->has(VmFlags::kAccess))
    return false;
  return start - below->end() < kStackGuardGap;
}

}  // namespace

Result<void> expand_stack(Vma& vma, VirtAddr address, AnonVmas& anon_vmas) {
  Mm& mm = *vma.mm;
  const VirtAddr start = address.align_down(kPageSize);
  if (vma.start() <= start) return {};
  if (start < mm.parts.rules.mmap_min_addr()) return Errno::kPermission;
  if ((vma.previous != nullptr && start < vma.previous->end()) || too_near(vma, start))
    return Errno::kNoMemory;
  QUIRE_TRY(anon_vmas.prepare(vma));
  const PageCount grown = whole_pages(vma.start() - start);
  if (grown.raw() > vma.pgoff) return Errno::kNoMemory;
  start_write(vma);
  const bool locked = vma.has(VmFlags::kLocked);
  if (!may_expand(mm, vma.flags, grown) || (vma.end() - start).raw() > mm.limits.stack)
    return Errno::kNoMemory;
  if (locked && size_of(mm.locked + grown).raw() > mm.limits.locked && !mm.limits.ipc_lock)
    return Errno::kNoMemory;
  QUIRE_TRY(charge(mm, grown));
  if (locked) mm.locked += grown;
  account_pages(mm, vma.flags, grown);
  anon_vmas.before_change(vma);
  mm.vmas.resize(vma, {start, vma.end()});
  vma.pgoff -= grown.raw();
  anon_vmas.after_change(vma);
  return {};
}

}  // namespace quire
