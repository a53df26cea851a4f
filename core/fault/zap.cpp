#include "fault/page_ranges.hpp"
#include "fault/table_runs.hpp"
#include "rmap/rmap.hpp"

namespace quire {
namespace {

// What a page of a file keeps of having been mapped.
void hand_over(const Vma& vma, Page& page, Entry entry) {
  if (is_anonymous(page)) return;
  if ((entry.raw() & raw(Prot::kDirty)) != 0) vma.mm->parts.cache.set_dirty(page);
  if ((entry.raw() & raw(Prot::kAccessed)) != 0 && !vma.has(VmFlags::kSeqRead))
    vma.mm->parts.lru.mark_accessed(page);
}

}  // namespace

void zap(Vma& vma, VirtRange range, TlbGather& gather, Zap what) {
  Mm& mm = *vma.mm;
  const PagingFormat& format = mm.tables.format();
  const bool locked = vma.has(VmFlags::kLocked);
  for_each_run(mm, range, [&](const TableRun& run) {
    std::int32_t cleared = 0;
    for (unsigned i = 0; i < run.count; ++i) {
      const EntrySlot slot = nth(run, i);
      const Entry entry = load_entry(format, slot);
      if (entry.empty()) continue;
      const Pfn frame = format.frame_of(PageLevel::kPte, entry);
      const bool zeros = frame == mm.parts.zero_page;
      Page& page = *mm.parts.map.page_of(frame);
      if (what == Zap::kFilePages && (zeros || is_anonymous(page))) continue;
      exchange_entry(format, slot, Entry{});
      ++cleared;
      gather.cleared(address_of(run, i));
      if (zeros) continue;
      hand_over(vma, page, entry);
      remove_mapping(page, vma);
      if (locked) mm.parts.lru.munlock(page);
      gather.free_later(page);
    }
    mm.tables.frames().count_entries(run.first.page, -cleared);
  }, [&] { return gather.make_room(); });
}

void zap(Vma& vma, VirtRange range) {
  Mm& mm = *vma.mm;
  mm.note_peaks();
  TlbGather gather(mm.parts.tlb, mm.tlb, mm.parts.pages, mm.parts.lru);
  zap(vma, range, gather);
}

}  // namespace quire
