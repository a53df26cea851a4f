#include "fault/page_ranges.hpp"
#include "fault/table_runs.hpp"
#include "rmap/rmap.hpp"

namespace quire {

void zap(Vma& vma, VirtRange range, TlbGather& gather) {
  Mm& mm = *vma.mm;
  const PagingFormat& format = mm.tables.format();
  for_each_run(mm, range, [&](const TableRun& run) {
    std::int32_t cleared = 0;
    for (unsigned i = 0; i < run.count; ++i) {
      const EntrySlot slot = nth(run, i);
      const Entry entry = load_entry(format, slot);
      if (entry.empty()) continue;
      exchange_entry(format, slot, Entry{});
      ++cleared;
      if (!entry.present()) continue;
      gather.cleared(address_of(run, i));
      const Pfn frame = format.frame_of(PageLevel::kPte, entry);
      if (frame == mm.parts.zero_page) continue;
      Page& page = *mm.parts.map.page_of(frame);
      remove_mapping(page, vma);
      gather.free_later(page);
    }
    mm.tables.frames().count_entries(run.first.page, -cleared);
  });
}

void zap(Vma& vma, VirtRange range) {
  Mm& mm = *vma.mm;
  mm.note_peaks();
  TlbGather gather(mm.parts.tlb, mm.tlb, mm.parts.pages, mm.parts.lru);
  zap(vma, range, gather);
}

}  // namespace quire
