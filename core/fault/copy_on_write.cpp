// A write to a page that is mapped and may not be written: it is copied, unless nobody but this
// Mm can see it.
#include "fault/fault.hpp"
#include "fault/table_runs.hpp"

namespace quire {
namespace {

// Whether `entry` still stands at `slot` and shows an anonymous page.
bool is_of_anonymous(Mm& mm, const EntrySlot& slot, Entry entry) {
  const TableGuard guard(mm.parts.map.at(slot.page));
  const Page* const page =
      mm.parts.map.page_of(mm.tables.format().frame_of(PageLevel::kPte, entry));
  return mm.tables.load(slot) == entry && is_anonymous(*page);
}

// Whether an anonymous page, whose table is locked, is the Mm's alone: it says so, or nobody else
// holds a reference to it any more.
bool is_own(Lru& lru, const Page& page) {
  if (has_flag(page, PageFlag::kAnonExclusive) || references_to(page) == 1) return true;
  if (has_flag(page, PageFlag::kLru)) [[likely]] return false;
  lru.try_drain_here();  // a batch of this CPU may hold the second reference
  return references_to(page) == 1;
}

}  // namespace

// False: something else stands there by now.
inline bool Faults::replace(const Place& place, const Shown& old, Page& copy) {
  Mm& mm = *place.vma.mm;
  const PagingFormat& format = mm.tables.format();
  const Prot prot = place.vma.prot | old.gained;
  const Entry entry = format.leaf_entry(PageLevel::kPte, mm.parts.map.pfn_of(copy), prot);
  const TableGuard guard(mm.parts.map.at(place.slot.page));
  if (mm.tables.load(place.slot) != old.entry) return false;
  // Other CPUs must not read the old page once this one has written the new one.
  exchange_entry(format, place.slot, Entry{});
  mm.parts.tlb.flush_page(mm.tlb, place.at);
  add_new(place, copy, old.zeros ? nullptr : &old.page);
  exchange_entry(format, place.slot, entry);
  if (!old.zeros && place.vma.has(VmFlags::kLocked)) [[unlikely]]
    mm.parts.lru.munlock(old.page);
  return true;
}

// The caller has a reference to a page that is not of zeros; it is dropped here.
inline FaultEnd Faults::replace_by_copy(const Place& place, const Shown& old) {
  Mm& mm = *place.vma.mm;
  MemoryMap& map = mm.parts.map;
  const bool clear = old.zeros && mm.parts.keep_content;
  Page* const copy = anon_vmas_.prepare(place.vma).has_value()
                         ? new_page(place, clear ? Gfp::kZero : Gfp::kNone)
                         : nullptr;
  bool replaced = false;
  if (copy != nullptr) {
    if (!old.zeros && mm.parts.keep_content)
      Arch::copy_page(map.content_of(*copy), map.content_of(old.page));
    replaced = replace(place, old, *copy);
    if (!replaced) mm.parts.pages.free_page(*copy);
  }
  // The reference of the entry that is gone goes with the caller's.
  if (!old.zeros) mm.parts.lru.put(old.page, replaced ? 2 : 1);
  return copy != nullptr ? FaultEnd::kMinor : FaultEnd::kNoMemory;
}

FaultEnd Faults::copy_on_write(const Place& place, Entry entry, Prot gained) {
  const Mm& mm = *place.vma.mm;
  if (place.vma.has(VmFlags::kShared)) return write_shared(place, entry);
  const Pfn frame = frame_of(mm.tables.format(), entry);
  const Shown shown{entry, mm.parts.map.at(mm.parts.map.index_of(frame)),
                    frame == mm.parts.zero_page, gained};
  if (!shown.zeros) {
    const TableGuard guard(mm.parts.map.at(place.slot.page));
    if (mm.tables.load(place.slot) != entry) return FaultEnd::kMinor;  // look again
    if (is_anonymous(shown.page) && is_own(mm.parts.lru, shown.page)) {
      reuse_locked(place, shown);
      return FaultEnd::kMinor;
    }
    get_page(shown.page);
  }
  return replace_by_copy(place, shown);
}

FaultEnd Faults::write_forced(Vma& vma, VirtAddr address) {
  PageTables& tables = vma.mm->tables;
  const EntrySlot slot = tables.find_slot(address);
  const Entry entry = slot.level == PageLevel::kPte ? tables.load(slot) : Entry{};
  if (entry.empty()) return handle_in(vma, address, Access::kUserRead);
  count_event(Arch::current()->percpu, VmEvent::kPgfault, 1);
  return copy_on_write({vma, address.align_down(kPageSize), slot}, entry, Prot::kDirty);
}

FaultEnd Faults::unshare(Vma& vma, VirtAddr address) {
  PageTables& tables = vma.mm->tables;
  const EntrySlot slot = tables.find_slot(address);
  if (slot.level != PageLevel::kPte) return FaultEnd::kMinor;
  const Entry entry = tables.load(slot);
  if (!entry.present() || !is_of_anonymous(*vma.mm, slot, entry)) return FaultEnd::kMinor;
  count_event(Arch::current()->percpu, VmEvent::kPgfault, 1);
  return copy_on_write({vma, address.align_down(kPageSize), slot}, entry, Prot::kNone);
}

// Makes the entry, whose table is locked and whose page is the Mm's own, writable.
void Faults::reuse_locked(const Place& place, const Shown& shown) {
  if (!has_flag(shown.page, PageFlag::kAnonExclusive)) {
    move_to(shown.page, place.vma);
    set_flag(shown.page, PageFlag::kAnonExclusive);
  }
  const Prot gained = shown.gained | Prot::kAccessed;
  place.vma.mm->tables.store(place.slot, Entry{shown.entry.raw() | raw(gained)});
  // No flush: a translation without the right leads back here and finds the entry as it is.
}

}  // namespace quire
