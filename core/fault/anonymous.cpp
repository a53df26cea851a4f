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
  map_new(place, *page, entry);
  return FaultEnd::kMinor;
}

// `page`, which nobody else can see, is mapped where nothing is; if somebody was quicker, it is
// freed.
void Faults::map_new(const Place& place, Page& page, Entry entry) {
  Mm& mm = *place.vma.mm;
  {
    const TableGuard guard(mm.parts.map.at(place.slot.page));
    if (mm.tables.load(place.slot).empty()) [[likely]] {
      add_new(place, page, nullptr);
      mm.tables.frames().count_entries(place.slot.page, 1);
      exchange_entry(mm.tables.format(), place.slot, entry);
      return;
    }
  }
  mm.parts.pages.free_page(page);
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
