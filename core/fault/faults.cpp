#include "fault/fault.hpp"

namespace quire {
namespace {

// The VMA that `address` lies in once stacks have grown, or why there is none.
struct Found {
  Vma* vma = nullptr;
  bool must_grow = false;
};
Found look_up(const Mm& mm, VirtAddr address) {
  Vma* const vma = mm.vmas.find(address);
  if (vma == nullptr) return {};
  if (vma->start() <= address) return {vma, false};
  return vma->has(VmFlags::kGrowsDown) ? Found{vma, true} : Found{};
}

}  // namespace

bool allows(const Vma& vma, Access access) {
  if (is_write(access)) return vma.has(VmFlags::kWrite);
  if (access == Access::kUserExecute || access == Access::kExecute) return vma.has(VmFlags::kExec);
  return vma.has(VmFlags::kAccess);
}

FaultEnd Faults::handle(Mm& mm, VirtAddr address, Access access) {
  {
    const SharedGuard guard(mm.mmap_lock);
    const Found found = look_up(mm, address);
    if (found.vma == nullptr) return FaultEnd::kNotMapped;
    if (!found.must_grow) {
      if (!allows(*found.vma, access)) return FaultEnd::kNotAllowed;
      return handle_in(*found.vma, address, access);
    }
  }
  const ExclusiveGuard guard(mm.mmap_lock);
  const Found found = look_up(mm, address);
  if (found.vma == nullptr) return FaultEnd::kNotMapped;
  if (found.must_grow && !expand_stack(*found.vma, address, anon_vmas_).has_value())
    return FaultEnd::kNotMapped;
  if (!allows(*found.vma, access)) return FaultEnd::kNotAllowed;
  return handle_in(*found.vma, address, access);
}

Result<void> Faults::expand_to(Vma& vma, VirtAddr address) {
  if (vma.start() <= address) return {};
  if (!vma.has(VmFlags::kGrowsDown)) return Errno::kNoMemory;
  return expand_stack(vma, address, anon_vmas_);
}

FaultEnd Faults::handle_in(Vma& vma, VirtAddr address, Access access) {
  count_event(Arch::current()->percpu, VmEvent::kPgfault, 1);
  PageTables& tables = vma.mm->tables;
  const auto slot = tables.make_slot(address, PageLevel::kPte);
  if (!slot.has_value()) return FaultEnd::kNoMemory;
  const Place place{vma, address.align_down(kPageSize), *slot};
  const Entry entry = tables.load(*slot);
  if (entry.empty() && vma.file != nullptr) return of_file(place, access);
  if (entry.empty()) return anonymous(place, access);
  const bool writable = any(tables.format().prot_of(entry) & Prot::kWrite);
  if (entry.present() && is_write(access) && !writable) return copy_on_write(place);
  return FaultEnd::kMinor;  // somebody was quicker, or a translation was stale
}

}  // namespace quire
