#include "mm/unmap.hpp"

namespace quire {
namespace {

bool is_there(const Mm& mm, VirtAddr at, Access access) {
  const auto there = mm.tables.walk(at);
  if (!there.has_value() || any(there->prot & Prot::kNoAccess)) return false;
  return !is_write(access) || any(there->prot & Prot::kWrite);
}

// Who has pages brought in has them in use, whether or not they were there; and where they may be
// written, as if they were: by an entry that does not say so yet, too.
void mark_used(const Mm& mm, VirtAddr at, Access access) {
  const EntrySlot slot = mm.tables.find_slot(at);
  if (slot.level != PageLevel::kPte) return;
  Page* page = nullptr;
  {
    const TableGuard guard(mm.parts.map.at(slot.page));
    const Entry entry = mm.tables.load(slot);
    const Pfn frame = mm.tables.format().frame_of(PageLevel::kPte, entry);
    if (!entry.present() || frame == mm.parts.zero_page) return;
    page = mm.parts.map.page_of(frame);
    get_page(*page);
    if (is_write(access) && (entry.raw() & raw(Prot::kDirty)) == 0)
      mm.parts.cache.set_dirty(*page);
  }
  mm.parts.lru.mark_accessed(*page);
  mm.parts.lru.put(*page);
}

Result<void> touch_all(const Caller& caller, Vma& vma, VirtRange range, Access access) {
  for (VirtAddr at = range.start; at < range.end; at += kPageSize) {
    while (!is_there(caller.mm, at, access)) {
      switch (caller.faults.handle_in(vma, at, access)) {
        case FaultEnd::kMinor:
        case FaultEnd::kMajor:
          // Who waits for a read here begins anew, as if it had never been tried.
          ++caller.minor_faults;
          break;
        case FaultEnd::kNoMemory: return Errno::kNoMemory;
        default: return Errno::kFault;
      }
    }
    mark_used(caller.mm, at, access);
  }
  return {};
}

}  // namespace

Result<void> touch(const Caller& caller, Vma& vma, VirtRange range, Access access) {
  const auto touched = touch_all(caller, vma, range, access);
  caller.mm.parts.lru.drain_here();
  return touched;
}

Result<void> populate_in(const Caller& caller, Vma& vma, VirtRange range) {
  if (vma.has(VmFlags::kLockOnFault)) return {};
  if (!vma.has(VmFlags::kAccess)) return Errno::kFault;
  // What is private is copied now rather than at the first write.
  const bool copies = vma.has(VmFlags::kWrite) && !vma.has(VmFlags::kShared);
  return touch(caller, vma, range, copies ? Access::kUserWrite : Access::kUserRead);
}

Result<void> populate(const Caller& caller, VirtRange range, OnError on_error) {
  const SharedGuard guard(caller.mm.mmap_lock);
  Vma* vma = caller.mm.vmas.find(range.start);
  for (; vma != nullptr && vma->start() < range.end; vma = vma->next) {
    if (vma->has(VmFlags::kIo | VmFlags::kPfnMap)) continue;
    const auto done = populate_in(caller, *vma, range.intersect(vma->range));
    if (!done.has_value() && on_error == OnError::kStop) return done;
  }
  return {};
}

}  // namespace quire
