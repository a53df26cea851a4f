#include "fault/page_ranges.hpp"
#include "fault/table_runs.hpp"
#include "rmap/rmap.hpp"

namespace quire {
namespace {

// What a page of a file keeps of having been mapped.
void hand_over(const Vma& vma, Page& page, Entry entry) {
  if ((entry.raw() & raw(Prot::kDirty)) != 0) vma.mm->parts.cache.set_dirty(page);
  if ((entry.raw() & raw(Prot::kAccessed)) != 0 && !vma.has(VmFlags::kSeqRead))
    vma.mm->parts.lru.mark_accessed(page);
}

class Zapper {
 public:
  Zapper(Vma& vma, TlbGather& gather, Zap what)
      : vma_(vma), mm_(*vma.mm), gather_(gather), what_(what),
        locked_(vma.has(VmFlags::kLocked)), pages_(mm_.parts.map) {}

  // `gather` has room for all of them.
  template <class Word>
  void zap(const TableRun<Word>& run) {
    if (mm_.tables.frames().entries_in_use(run.table) == 0) return;
    const PagingFormat& format = mm_.tables.format();
    MappingCounts counts(mm_);
    std::int32_t cleared = 0;
    VirtRange range{};
    for (unsigned i = 0; i < run.count; ++i) {
      const Entry entry = run.load(i);
      if (entry.empty()) continue;
      const Pfn frame = frame_of(format, entry);
      Page* const page = frame == mm_.parts.zero_page ? nullptr : &pages_.page_of(frame);
      const bool of_file = page != nullptr && !is_anonymous(*page);
      if (what_ == Zap::kFilePages && !of_file) continue;
      const Entry gone = run.exchange(i, Entry{});
      if (cleared++ == 0) range.start = run.address_of(i);
      range.end = run.address_of(i + 1);
      if (page == nullptr) continue;
      if (of_file) hand_over(vma_, *page, gone);
      counts.remove(*page);
      if (locked_) mm_.parts.lru.munlock(*page);
      gather_.free_later(*page);
    }
    if (cleared == 0) return;
    gather_.cleared(range);
    mm_.tables.frames().count_entries(run.table, -cleared);
  }

 private:
  Vma& vma_;
  Mm& mm_;
  TlbGather& gather_;
  const Zap what_;
  const bool locked_;
  PageFinder pages_;
};

}  // namespace

void zap(Vma& vma, VirtRange range, TlbGather& gather, Zap what) {
  Zapper zapper(vma, gather, what);
  for_each_run(*vma.mm, range, [&](const auto& run) { zapper.zap(run); },
               [&] { return gather.make_room(); });
}

void zap(Vma& vma, VirtRange range) {
  Mm& mm = *vma.mm;
  mm.note_peaks();
  mm.parts.lru.drain_here();
  TlbGather gather(mm.parts.tlb, mm.tlb, mm.parts.pages, mm.parts.lru);
  zap(vma, range, gather);
}

}  // namespace quire
