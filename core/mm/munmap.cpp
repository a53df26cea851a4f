#include "mm/unmap.hpp"
#include "mm/vma_merge.hpp"

namespace quire {
namespace {

// What is left of `range` begins and ends with VMAs of its own. The first one in it; `first` was.
Result<Vma*> cut_edges(const Caller& caller, Vma& first, VirtRange range) {
  Vma* begin = &first;
  if (first.start() < range.start) {
    const bool in_two = range.end < first.end();
    const auto upper = in_two ? split(caller, first, range.start)
                              : split_uncounted(caller, first, range.start);
    QUIRE_TRY_ASSIGN(made, upper);
    begin = made;
  }
  Vma* const last = caller.mm.vmas.at(range.end);
  if (last != nullptr && last->start() < range.end)
    QUIRE_TRY(split_uncounted(caller, *last, range.end));
  return begin;
}

// Whether `range` is the beginning or the end of `vma`, but not all of it.
bool is_edge(const Vma& vma, VirtRange range) {
  return vma.start() <= range.start && range.end <= vma.end() &&
         (vma.start() == range.start) != (vma.end() == range.end);
}

// Whether nothing in `range` is mapped, and no table goes with it. Only looked up where that is no
// more than one table; no fault may come meanwhile (start_write).
bool is_untouched(Mm& mm, VirtRange range) {
  PageTables& tables = mm.tables;
  const Bytes span = tables.format().at(PageLevel::kPmd).size();
  if (range.start.align_down(span) != (range.end - kPageSize).align_down(span)) return false;
  EntrySlot slot = tables.own_slot(range.start);
  if (slot.level != PageLevel::kPte) return tables.load(slot).empty();
  if (tables.frames().entries_in_use(slot.page) == 0) return false;
  const std::uint64_t pages = whole_pages(range.length()).raw();
  for (std::uint64_t left = pages; left > 0; --left, ++slot.index)
    if (!tables.load(slot).empty()) return false;
  return true;
}

void take_pages(Mm& mm, Vma& first, VirtAddr end) {
  TlbGather gather(mm.parts.tlb, mm.tlb, mm.parts.pages, mm.parts.lru);
  for (Vma* vma = &first; vma != nullptr && vma->start() < end; vma = vma->next)
    zap(*vma, vma->range, gather);
}

// What was promised of `pages` that are unmapped of `vma`.
PageCount unaccount(Mm& mm, const Vma& vma, PageCount pages) {
  if (vma.has(VmFlags::kLocked)) mm.locked -= pages;
  unaccount_pages(mm, vma.flags, pages);
  return vma.has(VmFlags::kAccount) ? pages : PageCount{};
}

void remove_all(const Caller& caller, Vma& first, VirtAddr end) {
  PageCount charged;
  for (Vma* vma = &first; vma != nullptr && vma->start() < end;) {
    Vma* const next = vma->next;
    charged += unaccount(caller.mm, *vma, vma->pages());
    remove_vma(caller, *vma);
    vma = next;
  }
  uncharge(caller.mm, charged);
}

// Tables of `range`, between these two VMAs, that map nothing any more.
void free_tables(Mm& mm, VirtRange range, const Vma* before, const Vma* after) {
  const ExclusiveGuard guard(mm.walks);
  mm.tables.free_empty_tables(
      range, {before != nullptr ? before->end() : VirtAddr{0},
              after != nullptr ? after->start() : mm.parts.kernel.space().kernel_start()});
}

// Takes `range` away from the beginning or the end of `vma`, which needs no other VMA for that.
void cut_off(const Caller& caller, Vma& vma, VirtRange range) {
  Mm& mm = caller.mm;
  start_write(vma);
  const bool untouched = is_untouched(mm, range);
  if (!untouched) zap(vma, range);
  uncharge(mm, unaccount(mm, vma, whole_pages(range.length())));
  const bool low = vma.start() == range.start;
  resize(caller, vma, low ? VirtRange{range.end, vma.end()} : VirtRange{vma.start(), range.start});
  if (!untouched) free_tables(mm, range, low ? vma.previous : &vma, low ? &vma : vma.next);
}

}  // namespace

Result<void> unmap(const Caller& caller, VirtAddr start, Bytes length) {
  Mm& mm = caller.mm;
  const VirtAddr limit = mm.layout.task_size;
  if (!start.is_aligned(kPageSize) || start > limit || length > limit - start)
    return Errno::kInvalid;
  const VirtRange range{start, start + page_align(length)};
  if (range.empty()) return Errno::kInvalid;
  Vma* const touched = mm.vmas.find(range.start);
  if (touched == nullptr || touched->start() >= range.end) return {};
  mm.note_peaks();
  mm.parts.lru.drain_here();
  if (is_edge(*touched, range)) {
    cut_off(caller, *touched, range);
    return {};
  }
  QUIRE_TRY_ASSIGN(first, cut_edges(caller, *touched, range));
  for (Vma* vma = first; vma != nullptr && vma->start() < range.end; vma = vma->next)
    start_write(*vma);
  const Vma* const before = first->previous;
  const bool untouched = is_untouched(mm, range);
  if (!untouched) take_pages(mm, *first, range.end);
  remove_all(caller, *first, range.end);
  if (!untouched)
    free_tables(mm, range, before, before != nullptr ? before->next : mm.vmas.first());
  return {};
}

Result<void> do_munmap(const Caller& caller, VirtAddr start, Bytes length) {
  const MmapWriteGuard guard(caller.mm);
  return unmap(caller, start, length);
}

}  // namespace quire
