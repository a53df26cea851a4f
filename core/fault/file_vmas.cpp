#include "fault/file_vmas.hpp"

#include "fault/page_ranges.hpp"
#include "fault/table_runs.hpp"
#include "rmap/rmap.hpp"

namespace quire {
namespace {

// Whether the entry for `at` was dirty; it is clean and read-only after it.
bool clean_entry(Vma& vma, VirtAddr at, const Page& page) {
  Mm& mm = *vma.mm;
  const PagingFormat& format = mm.tables.format();
  constexpr std::uint64_t kBits = raw(Prot::kWrite) | raw(Prot::kDirty);
  bool was_dirty = false;
  for_each_run(mm, {at, at + kPageSize}, [&](const auto& run) {
    const Entry entry = run.load(0);
    if (!entry.present() || (entry.raw() & kBits) == 0) return;
    if (mm.parts.map.page_of(format.frame_of(PageLevel::kPte, entry)) != &page) return;
    was_dirty = (entry.raw() & raw(Prot::kDirty)) != 0;
    run.exchange(0, Entry{entry.raw() & ~kBits});
  });
  if (was_dirty) mm.parts.tlb.flush_page(mm.tlb, at);
  return was_dirty;
}

}  // namespace

void FileVmas::add(Vma& vma) {
  const ExclusiveGuard guard(lock_);
  vma.file_link.vma = &vma;
  vma.file_link.first = vma.pgoff;
  vma.file_link.last = vma.pgoff + vma.pages().raw() - 1;
  vmas_.insert(vma.file_link);
}

void FileVmas::remove(Vma& vma) {
  const ExclusiveGuard guard(lock_);
  vmas_.remove(vma.file_link);
}

template <class Visit>
void FileVmas::for_each(Interval pages, Visit visit) {
  const SharedGuard guard(lock_);
  for (IntervalNode* node = vmas_.first_in(pages); node != nullptr;
       node = vmas_.next_in(*node, pages))
    visit(*static_cast<FileLink*>(node)->vma);
}

void FileVmas::unmap(Mapping&, const Part& part) {
  const std::uint64_t last =
      part.count == 0 || part.first + part.count < part.first ? ~std::uint64_t{0}
                                                              : part.first + part.count - 1;
  for_each({part.first, last}, [&](Vma& vma) {
    const std::uint64_t from = max_of(part.first, vma.pgoff);
    const std::uint64_t to = min_of(last, vma.pgoff + vma.pages().raw() - 1);
    const VirtRange range{vma.address_of(from), vma.address_of(to) + kPageSize};
    TlbGather gather(vma.mm->parts.tlb, vma.mm->tlb, vma.mm->parts.pages, vma.mm->parts.lru);
    zap(vma, range, gather, part.copies == Copies::kTakeToo ? Zap::kAll : Zap::kFilePages);
  });
}

bool FileVmas::clean(Mapping&, Page& page) {
  const std::uint64_t index = offset_of(page);
  bool was_dirty = false;
  for_each({index, index}, [&](Vma& vma) {
    if (vma.has(VmFlags::kShared)) was_dirty |= clean_entry(vma, vma.address_of(index), page);
  });
  return was_dirty;
}

bool FileVmas::has_writers() {
  bool found = false;
  for_each({0, ~std::uint64_t{0}}, [&](const Vma& vma) { found |= vma.has(VmFlags::kShared); });
  return found;
}

}  // namespace quire
