// The pages that a range maps, one by one: for calls that look at each, where speed is no matter.
#pragma once

#include "base/base.hpp"
#include "pagetable/pagetable.hpp"
#include "vma/vma.hpp"

namespace quire {

struct MappedPage {
  Page& page;
  VirtAddr at;
  EntrySlot slot;
  Entry entry;
};

// Calls visit(const MappedPage&) for each page, ascending, with its table's lock held; the page of
// zeros is nobody's and left out. mmap_lock is held.
template <class Visit>
void for_each_mapped_page(Vma& vma, VirtRange range, Visit visit) {
  Mm& mm = *vma.mm;
  mm.tables.for_each_entry(range, [&](VirtAddr at, const EntrySlot& slot, Entry) {
    const TableGuard guard(mm.parts.map.at(slot.page));
    const Entry entry = mm.tables.load(slot);
    if (!entry.present()) return;
    const Pfn frame = mm.tables.format().frame_of(slot.level, entry);
    if (frame == mm.parts.zero_page) return;
    visit(MappedPage{*mm.parts.map.page_of(frame), at, slot, entry});
  });
}

}  // namespace quire
