#include "fault/fault.hpp"

namespace quire {
namespace {

// Whether a fault can be handled that holds this VMA and not its neighbours, who may lend it their
// AnonVma.
bool is_enough(const Vma& vma, Access access) {
  return !is_write(access) || vma.has(VmFlags::kShared) ||
         __atomic_load_n(&vma.anon_vma, __ATOMIC_ACQUIRE) != nullptr;
}

}  // namespace

bool allows(const Vma& vma, Access access) {
  if (is_write(access)) return vma.has(VmFlags::kWrite);
  if (access == Access::kUserExecute || access == Access::kExecute) return vma.has(VmFlags::kExec);
  return vma.has(VmFlags::kAccess);
}

// handle_in(), as a part of its caller.
inline FaultEnd Faults::handle_here(Vma& vma, VirtAddr address, Access access) {
  count_event(Arch::current()->percpu, VmEvent::kPgfault, 1);
  PageTables& tables = vma.mm->tables;
  Place place{vma, address.align_down(kPageSize), tables.own_slot(address)};
  if (place.slot.level != PageLevel::kPte) [[unlikely]] {
    const auto made = tables.make_slot(address, PageLevel::kPte);
    if (!made.has_value()) return FaultEnd::kNoMemory;
    place.slot = *made;
  }
  const Entry entry = tables.load(place.slot);
  if (entry.empty()) {
    if (vma.file == nullptr) return anonymous(place, access);
    return of_file(place, access);
  }
  const bool writable = (entry.raw() & raw(Prot::kWrite)) != 0;
  if (entry.present() && is_write(access) && !writable) return copy_on_write(place, entry);
  return FaultEnd::kMinor;  // somebody was quicker, or a translation was stale
}

FaultEnd Faults::handle(Mm& mm, VirtAddr address, Access access) {
  if (mm.parts.vma_locks) [[unlikely]] {
    FaultEnd end{};
    if (handle_with_vma_lock(mm, address, access, end)) return end;
  }
  {
    const SharedGuard guard(mm.mmap_lock);
    Vma* const vma = mm.vmas.find(address);
    if (vma == nullptr) return FaultEnd::kNotMapped;
    if (vma->start() <= address) [[likely]]
      return allows(*vma, access) ? handle_here(*vma, address, access) : FaultEnd::kNotAllowed;
    if (!vma->has(VmFlags::kGrowsDown)) return FaultEnd::kNotMapped;
  }
  return handle_below(mm, address, access);
}

// False: there is more to it than one VMA that nobody changes.
bool Faults::handle_with_vma_lock(Mm& mm, VirtAddr address, Access access, FaultEnd& end) {
  const VmaReadGuard held(mm, address);
  Vma* const vma = held.vma();
  if (vma == nullptr || !is_enough(*vma, access)) return false;
  end = allows(*vma, access) ? handle_in(*vma, address, access) : FaultEnd::kNotAllowed;
  return true;
}

// There is a stack above `address`, or was: it grows first.
FaultEnd Faults::handle_below(Mm& mm, VirtAddr address, Access access) {
  const MmapWriteGuard guard(mm);
  Vma* const vma = mm.vmas.find(address);
  if (vma == nullptr) return FaultEnd::kNotMapped;
  if (vma->start() > address && (!vma->has(VmFlags::kGrowsDown) ||
                                 !expand_stack(*vma, address, anon_vmas_).has_value()))
    return FaultEnd::kNotMapped;
  return allows(*vma, access) ? handle_in(*vma, address, access) : FaultEnd::kNotAllowed;
}

Result<void> Faults::expand_to(Vma& vma, VirtAddr address) {
  if (vma.start() <= address) return {};
  if (!vma.has(VmFlags::kGrowsDown)) return Errno::kNoMemory;
  return expand_stack(vma, address, anon_vmas_);
}

FaultEnd Faults::handle_in(Vma& vma, VirtAddr address, Access access) {
  return handle_here(vma, address, access);
}

}  // namespace quire
