#include "mm/lifetime.hpp"

#include "mm/backing.hpp"

namespace quire {
namespace {

// The child's side of one VMA, in its tree, without pages.
Result<Vma*> fork_vma(Mm& child, const Vma& parent, AnonVmas& anon_vmas) {
  const bool charged = parent.has(VmFlags::kAccount);
  if (charged) QUIRE_TRY(charge(child, parent.pages()));
  const auto made = child.new_vma(parent);
  if (!made.has_value()) {
    if (charged) uncharge(child, parent.pages());
    return made.error();
  }
  Vma& vma = **made;
  vma.flags &= ~VmFlags::kAnyLocked;
  const bool wiped = parent.has(VmFlags::kWipeOnFork);
  auto done = wiped ? Result<void>{} : anon_vmas.fork(vma, parent);
  if (done.has_value()) done = child.vmas.insert(vma);
  if (!done.has_value()) {
    vma.file = nullptr;
    drop_vma(vma, anon_vmas);
    return done.error();
  }
  backing::attach(vma);
  return &vma;
}

Result<void> copy_vmas(Mm& child, Mm& parent, AnonVmas& anon_vmas) {
  for (Vma* vma = parent.vmas.first(); vma != nullptr; vma = vma->next) {
    start_write(*vma);
    if (vma->has(VmFlags::kDontCopy)) {
      unaccount_pages(child, vma->flags, vma->pages());
      continue;
    }
    QUIRE_TRY_ASSIGN(copy, fork_vma(child, *vma, anon_vmas));
    if (!vma->has(VmFlags::kWipeOnFork)) QUIRE_TRY(copy_pages(*copy, *vma));
  }
  return {};
}

Result<void> copy_all(Mm& child, Mm& parent, AnonVmas& anon_vmas) {
  const ExclusiveGuard guard(parent.walks);
  const auto copied = copy_vmas(child, parent, anon_vmas);
  parent.parts.tlb.flush_mm(parent.tlb);
  return copied;
}

void take_out_all(Mm& mm, AnonVmas& anon_vmas) {
  mm.parts.lru.drain_here();
  {
    TlbGather gather(mm.parts.tlb, mm.tlb, mm.parts.pages, mm.parts.lru);
    for (Vma* vma = mm.vmas.first(); vma != nullptr; vma = vma->next)
      zap(*vma, vma->range, gather);
  }
  while (Vma* const vma = mm.vmas.first()) {
    mm.vmas.remove(*vma);
    drop_vma(*vma, anon_vmas);
  }
}

}  // namespace

Result<Mm*> fork_mm(Mm& parent, AnonVmas& anon_vmas) {
  const MmapWriteGuard guard(parent);
  QUIRE_TRY_ASSIGN(child, Mm::create(parent.parts, parent.layout));
  child->limits = parent.limits;
  child->total = parent.total;
  child->data = parent.data;
  child->exec = parent.exec;
  child->stack = parent.stack;
  const auto copied = copy_all(*child, parent, anon_vmas);
  child->note_peaks();
  child->end_changes();
  if (copied.has_value()) return child;
  exit_mm(*child, anon_vmas);
  return copied.error();
}

void exit_mm(Mm& mm, AnonVmas& anon_vmas) {
  if (!mm.put()) return;
  take_out_all(mm, anon_vmas);
  mm.destroy();
}

void drop_vma(Vma& vma, AnonVmas& anon_vmas) {
  anon_vmas.unlink(vma);
  backing::detach(vma);
  if (vma.has(VmFlags::kAccount)) uncharge(*vma.mm, vma.pages());
  vma.mm->free_vma(vma);
}

}  // namespace quire
