// The first touch of anonymous memory.
#include "fault/fault.hpp"

namespace quire {

Page* Faults::new_page(const Place& place, Gfp zero) {
  return place.vma.mm->parts.pages.allocate_page(Gfp::kHighUserMovable | zero,
                                                 Arch::current()->node);
}

FaultEnd Faults::anonymous(const Place& place, Access access) {
  if (!is_write(access)) return map_zero_page(place);
  Mm& mm = *place.vma.mm;
  if (!anon_vmas_.prepare(place.vma).has_value()) return FaultEnd::kNoMemory;
  Page* const page = new_page(place, mm.parts.keep_content ? Gfp::kZero : Gfp::kNone);
  if (page == nullptr) return FaultEnd::kNoMemory;
  const PagingFormat& format = mm.tables.format();
  const Prot prot = place.vma.prot | Prot::kWrite | Prot::kDirty;
  const Entry entry = format.leaf_entry(PageLevel::kPte, mm.parts.map.pfn_of(*page), prot);
  if (map_new(place, *page, Entry{}, entry)) list_new(place.vma, *page);
  return FaultEnd::kMinor;
}

// `page` is mapped in `vma` alone and on no list yet.
void Faults::list_new(const Vma& vma, Page& page) {
  Lru& lru = vma.mm->parts.lru;
  if (vma.has(VmFlags::kLocked)) [[unlikely]] lru.mlock(page);
  lru.add(page);
}

// `page`, which nobody else can see, takes the place of what `expected` says, if that still stands
// there; else it is freed, and somebody was quicker.
bool Faults::map_new(const Place& place, Page& page, Entry expected, Entry entry) {
  Mm& mm = *place.vma.mm;
  const PagingFormat& format = mm.tables.format();
  {
    const TableGuard guard(mm.parts.map.at(place.slot.page));
    if (mm.tables.load(place.slot) == expected) [[likely]] {
      add_new_anonymous(page, place.vma, place.at);
      if (expected.empty()) {
        mm.tables.frames().count_entries(place.slot.page, 1);
      } else {
        // Other CPUs must not read the old page once this one has written the new one.
        exchange_entry(format, place.slot, Entry{});
        mm.parts.tlb.flush_page(mm.tlb, place.at);
      }
      exchange_entry(format, place.slot, entry);
      return true;
    }
  }
  mm.parts.pages.free_page(page);
  return false;
}

FaultEnd Faults::map_zero_page(const Place& place) {
  Mm& mm = *place.vma.mm;
  const Entry entry =
      mm.tables.format().leaf_entry(PageLevel::kPte, mm.parts.zero_page, place.vma.prot);
  const TableGuard guard(mm.parts.map.at(place.slot.page));
  if (!mm.tables.load(place.slot).empty()) return FaultEnd::kMinor;
  exchange_entry(mm.tables.format(), place.slot, entry);
  mm.tables.frames().count_entries(place.slot.page, 1);
  return FaultEnd::kMinor;
}

}  // namespace quire
