// A write to a page that is mapped and may not be written: it is copied, unless nobody but this
// Mm can see it.
#include "fault/fault.hpp"
#include "fault/table_runs.hpp"

namespace quire {

FaultEnd Faults::copy_on_write(const Place& place, Entry entry, Prot gained) {
  const Mm& mm = *place.vma.mm;
  if (place.vma.has(VmFlags::kShared)) return write_shared(place, entry);
  const Pfn frame = frame_of(mm.tables.format(), entry);
  const Shown shown{entry, mm.parts.map.at(mm.parts.map.index_of(frame)),
                    frame == mm.parts.zero_page, gained};
  if (!shown.zeros && is_anonymous(shown.page) && reuse(place, shown)) return FaultEnd::kMinor;
  return replace_by_copy(place, shown);
}

FaultEnd Faults::write_forced(Vma& vma, VirtAddr address) {
  PageTables& tables = vma.mm->tables;
  const EntrySlot slot = tables.find_slot(address);
  if (slot.level != PageLevel::kPte || tables.load(slot).empty())
    return handle_in(vma, address, Access::kUserRead);
  count_event(Arch::current()->percpu, VmEvent::kPgfault, 1);
  const Place place{vma, address.align_down(kPageSize), slot};
  return copy_on_write(place, tables.load(slot), Prot::kDirty);
}

FaultEnd Faults::unshare(Vma& vma, VirtAddr address) {
  PageTables& tables = vma.mm->tables;
  const EntrySlot slot = tables.find_slot(address);
  if (slot.level != PageLevel::kPte) return FaultEnd::kMinor;
  const Entry entry = tables.load(slot);
  if (!entry.present()) return FaultEnd::kMinor;
  const Page* const page =
      vma.mm->parts.map.page_of(tables.format().frame_of(PageLevel::kPte, entry));
  if (!is_anonymous(*page)) return FaultEnd::kMinor;
  count_event(Arch::current()->percpu, VmEvent::kPgfault, 1);
  return copy_on_write({vma, address.align_down(kPageSize), slot}, entry, Prot::kNone);
}

// Makes the entry writable where its anonymous page is this Mm's alone: it says so, or nobody else
// holds a reference to it any more.
bool Faults::reuse(const Place& place, const Shown& shown) {
  Mm& mm = *place.vma.mm;
  Page& page = shown.page;
  if (!has_flag(page, PageFlag::kAnonExclusive)) {
    // A batch of this CPU may hold the second reference.
    if (references_to(page) > 1 && !has_flag(page, PageFlag::kLru)) mm.parts.lru.drain_here();
    if (references_to(page) > 1) return false;
  }
  const TableGuard guard(mm.parts.map.at(place.slot.page));
  if (mm.tables.load(place.slot) != shown.entry) return true;  // look again
  if (!has_flag(page, PageFlag::kAnonExclusive)) {
    move_to(page, place.vma);
    set_flag(page, PageFlag::kAnonExclusive);
  }
  const Prot gained = shown.gained | Prot::kAccessed;
  mm.tables.store(place.slot, Entry{shown.entry.raw() | raw(gained)});
  // No flush: a translation without the right leads back here and finds the entry as it is.
  return true;
}

FaultEnd Faults::replace_by_copy(const Place& place, const Shown& old) {
  Mm& mm = *place.vma.mm;
  MemoryMap& map = mm.parts.map;
  if (!anon_vmas_.prepare(place.vma).has_value()) return FaultEnd::kNoMemory;
  const bool clear = old.zeros && mm.parts.keep_content;
  Page* const copy = new_page(place, clear ? Gfp::kZero : Gfp::kNone);
  if (copy == nullptr) return FaultEnd::kNoMemory;
  if (!old.zeros && mm.parts.keep_content)
    Arch::copy_page(map.content_of(*copy), map.content_of(old.page));
  const Prot prot = place.vma.prot | old.gained;
  const Entry entry = mm.tables.format().leaf_entry(PageLevel::kPte, map.pfn_of(*copy), prot);
  if (!map_new(place, *copy, old.entry, entry)) return FaultEnd::kMinor;
  list_new(place.vma, *copy);
  if (old.zeros) return FaultEnd::kMinor;
  // Its entry is gone, and the entry's reference is still there.
  remove_mapping(old.page, place.vma);
  if (place.vma.has(VmFlags::kLocked)) mm.parts.lru.munlock(old.page);
  mm.parts.lru.put(old.page);
  return FaultEnd::kMinor;
}

}  // namespace quire
