#include "fault/page_ranges.hpp"
#include "fault/table_runs.hpp"
#include "rmap/rmap.hpp"

namespace quire {
namespace {

// A page that was written before, and that no other Mm's private mapping has, need not fault again.
bool stays_writable(const Vma& vma, const Page* page, Entry entry) {
  const bool was_written = (entry.raw() & raw(Prot::kDirty)) != 0;
  if (!vma.has(VmFlags::kWrite) || page == nullptr) return false;
  if (vma.has(VmFlags::kShared)) return was_written || vma.shows_shmem();
  return was_written && is_anonymous(*page) && has_flag(*page, PageFlag::kAnonExclusive);
}

}  // namespace

void protect(Vma& vma, VirtRange range) {
  Mm& mm = *vma.mm;
  const PagingFormat& format = mm.tables.format();
  constexpr Prot kKept = Prot::kDirty | Prot::kAccessed;
  PageFinder pages(mm.parts.map);
  VirtRange changed{range.end, range.start};
  for_each_run(mm, range, [&](const auto& run) {
    for (unsigned i = 0; i < run.count; ++i) {
      const Entry entry = run.load(i);
      if (!entry.present()) continue;
      const Pfn frame = frame_of(format, entry);
      const Page* const page = frame == mm.parts.zero_page ? nullptr : &pages.page_of(frame);
      Prot prot = (vma.prot & ~(kKept | Prot::kWrite)) | (format.prot_of(entry) & kKept);
      if (stays_writable(vma, page, entry)) prot = prot | Prot::kWrite;
      const Entry now = format.leaf_entry(PageLevel::kPte, frame, prot);
      if (now == entry) continue;
      run.exchange(i, now);
      const VirtAddr at = run.address_of(i);
      changed = {min_of(changed.start, at), max_of(changed.end, at + kPageSize)};
    }
  });
  if (changed.start < changed.end) mm.parts.tlb.flush_range(mm.tlb, {.range = changed});
}

}  // namespace quire
