#include "mm/unmap.hpp"
#include "mm/vma_merge.hpp"

namespace quire {
namespace {

// What is left of `range` begins and ends with VMAs of its own. The first one in it; null: none.
Result<Vma*> cut_edges(const Caller& caller, VirtRange range) {
  const VmaTree& vmas = caller.mm.vmas;
  Vma* first = vmas.find(range.start);
  if (first == nullptr || first->start() >= range.end) return nullptr;
  if (first->start() < range.start) {
    const bool in_two = range.end < first->end();
    const auto upper = in_two ? split(caller, *first, range.start)
                              : split_uncounted(caller, *first, range.start);
    QUIRE_TRY_ASSIGN(made, upper);
    first = made;
  }
  Vma* const last = vmas.at(range.end);
  if (last != nullptr && last->start() < range.end)
    QUIRE_TRY(split_uncounted(caller, *last, range.end));
  return first;
}

// Whether a table shows some of `range`: looked up where it is no more than one.
bool may_have_tables(const Mm& mm, VirtRange range) {
  const PageTables& tables = mm.tables;
  const Bytes span = tables.format().at(PageLevel::kPmd).size();
  if (range.start.align_down(span) != (range.end - kPageSize).align_down(span)) return true;
  const EntrySlot slot = tables.find_slot(range.start);
  return slot.level == PageLevel::kPte || !tables.load(slot).empty();
}

void take_pages(Mm& mm, Vma& first, VirtAddr end) {
  for (Vma* vma = &first; vma != nullptr && vma->start() < end; vma = vma->next)
    start_write(*vma);
  TlbGather gather(mm.parts.tlb, mm.tlb, mm.parts.pages, mm.parts.lru);
  for (Vma* vma = &first; vma != nullptr && vma->start() < end; vma = vma->next)
    zap(*vma, vma->range, gather);
}

void remove_all(const Caller& caller, Vma& first, VirtAddr end) {
  Mm& mm = caller.mm;
  PageCount charged;
  for (Vma* vma = &first; vma != nullptr && vma->start() < end;) {
    Vma* const next = vma->next;
    const PageCount pages = vma->pages();
    if (vma->has(VmFlags::kLocked)) mm.locked -= pages;
    if (vma->has(VmFlags::kAccount)) charged += pages;
    unaccount_pages(mm, vma->flags, pages);
    remove_vma(caller, *vma);
    vma = next;
  }
  uncharge(mm, charged);
}

}  // namespace

Result<void> unmap(const Caller& caller, VirtAddr start, Bytes length) {
  Mm& mm = caller.mm;
  const VirtAddr limit = mm.layout.task_size;
  if (!start.is_aligned(kPageSize) || start > limit || length > limit - start)
    return Errno::kInvalid;
  const VirtRange range{start, start + page_align(length)};
  if (range.empty()) return Errno::kInvalid;
  QUIRE_TRY_ASSIGN(first, cut_edges(caller, range));
  if (first == nullptr) return {};
  mm.note_peaks();
  const Vma* const before = first->previous;
  const bool has_tables = may_have_tables(mm, range);
  if (has_tables) take_pages(mm, *first, range.end);
  remove_all(caller, *first, range.end);
  if (!has_tables) return {};
  const Vma* const after = before != nullptr ? before->next : mm.vmas.first();
  const ExclusiveGuard guard(mm.walks);
  mm.tables.free_empty_tables(
      range, {before != nullptr ? before->end() : VirtAddr{0},
              after != nullptr ? after->start() : mm.parts.kernel.space().kernel_start()});
  return {};
}

Result<void> do_munmap(const Caller& caller, VirtAddr start, Bytes length) {
  const MmapWriteGuard guard(caller.mm);
  return unmap(caller, start, length);
}

}  // namespace quire
