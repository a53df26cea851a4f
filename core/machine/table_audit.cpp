#include "machine/table_audit.hpp"

namespace quire {

template <class Visit>
void TableAudit::for_each_tables(Visit visit) {
  visit(parts_.kernel.tables());
  parts_.kernel.for_each_sharer([&](const PageTables& tables) { visit(tables); });
}

Errno TableAudit::broken(PageIndex table, std::string_view what) {
  text_.str("the page table at pfn ").dec(parts_.map.pfn_of(table).raw()).str(" ").str(what).nl();
  return Errno::kFault;
}

Result<void> TableAudit::check() {
  bool good = true;
  for_each_tables([&](const PageTables& tables) {
    const Place root{tables.root(), tables.format().root()};
    good = good && check_table(tables, root).has_value();
  });
  for_each_tables([&](const PageTables& tables) {
    forget(tables, {tables.root(), tables.format().root()});
  });
  if (!good) return Errno::kFault;
  if (reached_ != allocated_) {
    text_.dec(allocated_).str(" pages are page tables, but tables lead to ").dec(reached_).nl();
    return Errno::kFault;
  }
  return check_direct_map();
}

Result<void> TableAudit::check_table(const PageTables& tables, const Place& place) {
  const PagingFormat& format = tables.format();
  Page& page = parts_.map.at(place.table);
  if (page.word.kind() != PageKind::kPageTable || page.refcount != 1)
    return broken(place.table, "is none");
  if (page.prev == kSeen) return broken(place.table, "is reached by two entries");
  if (page.index_low != index_of(place.level)) return broken(place.table, "is of another level");
  page.prev = kSeen;
  if (!TableFrames::is_reserved(page)) ++reached_;
  std::int32_t entries = 0;
  EntrySlot slot{tables.frames().content(place.table), 0, place.level, place.table};
  for (; slot.index < format.at(place.level).entries(); ++slot.index) {
    if (place.level == format.root() && slot.index >= tables.first_shared()) break;
    const Entry entry = tables.load(slot);
    if (entry.empty()) continue;
    ++entries;
    if (!entry.is_table(place.level)) continue;
    const Pfn frame = format.frame_of(place.level, entry);
    if (parts_.map.page_of(frame) == nullptr)
      return broken(place.table, "has an entry that names a frame that is no RAM");
    const PageIndex child = tables.frames().at(frame);
    QUIRE_TRY(check_table(tables, {child, below(place.level)}));
  }
  if (entries != tables.frames().entries_in_use(place.table))
    return broken(place.table, "counts another number of entries than it has");
  return {};
}

void TableAudit::forget(const PageTables& tables, const Place& place) {
  Page& page = parts_.map.at(place.table);
  if (page.prev != kSeen) return;
  page.prev = 0;
  if (place.level == PageLevel::kPte) return;
  EntrySlot slot{tables.frames().content(place.table), 0, place.level, place.table};
  for (; slot.index < tables.format().at(place.level).entries(); ++slot.index) {
    const Entry entry = tables.load(slot);
    if (!entry.is_table(place.level)) continue;
    const Pfn frame = tables.format().frame_of(place.level, entry);
    if (parts_.map.page_of(frame) == nullptr) continue;
    forget(tables, {tables.frames().at(frame), below(place.level)});
  }
}

Result<void> TableAudit::check_leaf(VirtAddr at, const EntrySlot& slot, Entry entry) {
  const AddressSpace& space = parts_.kernel.space();
  const Pfn frame = space.format->frame_of(slot.level, entry);
  if (!entry.present() || space.direct_address(address_of(frame)) != at)
    return broken(slot.page, "maps another frame than the direct map is to have there");
  direct_pages_.data()[index_of(slot.level)] += 1;
  return {};
}

Result<void> TableAudit::check_direct_map() {
  const AddressSpace& space = parts_.kernel.space();
  const PageTables& tables = parts_.kernel.tables();
  bool good = true;
  tables.for_each_entry(space.direct, [&](VirtAddr at, const EntrySlot& slot, Entry entry) {
    good = good && check_leaf(at, slot, entry).has_value();
  });
  if (!good) return Errno::kFault;
  for (unsigned size = 0; size < direct_pages_.size(); ++size) {
    const std::uint64_t counted = parts_.kernel.direct().count(static_cast<PageLevel>(size));
    if (counted == direct_pages_[size]) continue;
    text_.dec(direct_pages_[size])
        .str(" pages of size ")
        .dec(size)
        .str(" are in the direct map, ")
        .dec(counted)
        .str(" are counted")
        .nl();
    return Errno::kFault;
  }
  for (const MemblockRegion& region : parts_.plan.memblock().memory().regions()) {
    const VirtRange range = space.direct_range(region.range()).intersect(space.direct);
    for (VirtAddr at = range.start; at < range.end;) {
      const auto page = tables.walk(at);
      if (!page) {
        text_.str("RAM at 0x").hex((at - space.page_offset()).raw()).str(" is not mapped").nl();
        return Errno::kFault;
      }
      at = page->start + space.format->at(page->size).size();
    }
  }
  return {};
}

}  // namespace quire
