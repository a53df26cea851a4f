#include "page_alloc/isolation.hpp"

namespace quire {

Isolation::Piece Isolation::piece_at(PageIndex index) const {
  for (unsigned o = 0; o <= Order::kMax; ++o) {
    const PageIndex head{raw(index) & ~((1u << o) - 1)};
    const Page& page = map_.at(head);
    if (page.word.kind() == PageKind::kInterior) continue;
    const std::uint64_t pages = page.word.order().pages().raw();
    if (raw(index) - raw(head) >= pages || page.word.zone_bits() != zone_.page_bits) break;
    const bool free = page.word.kind() == PageKind::kBuddy;
    const bool in_set = page.word.kind() == PageKind::kInUse && page.refcount == 0;
    return {head, pages, free, free || in_set};
  }
  const PageIndex run = buddy_.free_head(zone_, index);
  if (run == PageIndex::kNone || map_.at(run).word.zone_bits() != zone_.page_bits)
    return {index, 1, false, false};
  const std::uint64_t blocks = map_.at(run).run_blocks;
  return {run, blocks * kMaxOrderPages.raw(), true, true};
}

bool Isolation::all_idle(PfnRange pages) const {
  for (Pfn pfn = pages.start; pfn < pages.end;) {
    const PageIndex index = index_of(pfn);
    const Piece piece = piece_at(index);
    if (!piece.idle) return false;
    pfn += PageCount{piece.pages - (raw(index) - raw(piece.head))};
  }
  return true;
}

bool Isolation::all_free(PfnRange pages) {
  const SpinGuard guard(zone_.lock);
  for (Pfn pfn = pages.start; pfn < pages.end;) {
    const PageIndex index = index_of(pfn);
    const Piece piece = piece_at(index);
    if (!piece.free) return false;
    pfn += PageCount{piece.pages - (raw(index) - raw(piece.head))};
  }
  return true;
}

bool Isolation::may_isolate(PfnRange blocks) const {
  for (Pfn block = blocks.start; block < blocks.end; block += kPageblockPages)
    if (!is_mergeable(map_.pageblock_type(index_of(block)))) return false;
  return true;
}

void Isolation::count_free(std::int64_t pages) {
  mod_zone_state(Arch::current()->percpu, zone_, ZoneItem::kNrFreePages, pages);
}

Result<void> Isolation::isolate(PfnRange blocks, PfnRange needed) {
  if (needed.empty() || blocks.intersect(zone_.span) != blocks) return Errno::kInvalid;
  for (Pfn pfn = blocks.start; pfn < blocks.end; pfn += kPageblockPages)
    if (map_.page_of(pfn) == nullptr) return Errno::kInvalid;
  MigrateType first_type{};
  {
    const SpinGuard guard(zone_.lock);
    if (!may_isolate(blocks) || !all_idle(needed)) return Errno::kBusy;
    first_type = map_.pageblock_type(index_of(blocks.start));
    for (Pfn block = blocks.start; block < blocks.end; block += kPageblockPages)
      isolate_block(block, blocks);
  }
  for (unsigned cpu = 0; cpu < allocator_.nodes().cpu_count(); ++cpu)
    allocator_.drain(zone_, CpuId{static_cast<std::uint16_t>(cpu)});
  if (all_free(needed)) return {};
  // Somebody took a page from a set while it was being drained.
  undo(blocks, first_type);
  return Errno::kBusy;
}

void Isolation::isolate_block(Pfn block, PfnRange blocks) {
  const PageIndex index = index_of(block);
  buddy_.materialise(zone_, index);
  const Piece piece = piece_at(index);
  const Pfn start = map_.pfn_of(piece.head);
  const PfnRange covered{start, start + PageCount{piece.pages}};
  if (piece.free && blocks.intersect(covered) != covered) {
    // Half of the block stays in use: only pageblocks of one kind form a block.
    const MigrateType type = map_.at(piece.head).list_type;
    buddy_.remove(zone_, piece.head);
    for (std::uint64_t half = 0; half < piece.pages; half += kPageblockPages.raw())
      buddy_.add(zone_, {after(piece.head, half), kPageblockOrder}, type, ListEnd::kFront);
  }
  std::uint64_t movable = 0;
  const std::uint64_t moved =
      allocator_.mobility().move_pageblock(zone_, index, MigrateType::kIsolate, movable);
  map_.set_pageblock_type(index, MigrateType::kIsolate);
  ++zone_.nr_isolated_blocks;
  count_free(-static_cast<std::int64_t>(moved));
}

void Isolation::undo(PfnRange blocks, MigrateType type) {
  const SpinGuard guard(zone_.lock);
  for (Pfn block = blocks.start; block < blocks.end; block += kPageblockPages)
    undo_block(index_of(block), type);
}

void Isolation::undo_block(PageIndex index, MigrateType type) {
  --zone_.nr_isolated_blocks;
  if (buddy_.is_free_head(zone_, index, kPageblockOrder)) {
    // Its buddy may have been free all the time.
    buddy_.remove(zone_, index);
    allocator_.mobility().set_pageblock_type(index, type);
    buddy_.free_to(ListEnd::kBack, zone_, index, kPageblockOrder);
    count_free(static_cast<std::int64_t>(kPageblockPages.raw()));
    return;
  }
  allocator_.mobility().set_pageblock_type(index, type);
  std::uint64_t movable = 0;
  const std::uint64_t moved = allocator_.mobility().move_pageblock(
      zone_, index, map_.pageblock_type(index), movable);
  count_free(static_cast<std::int64_t>(moved));
}

void Isolation::give_back(PageIndex first, std::uint64_t pages) {
  while (pages != 0) {
    const Order order{min_of(ffs0(raw(first)), fls(pages) - 1)};
    buddy_.free(zone_, first, order, MigrateType::kIsolate);
    first = after(first, order.pages().raw());
    pages -= order.pages().raw();
  }
}

void Isolation::take(PfnRange pages) {
  const SpinGuard guard(zone_.lock);
  for (Pfn pfn = pages.start; pfn < pages.end;) {
    const PageIndex index = index_of(pfn);
    const Piece piece = piece_at(index);
    QUIRE_ASSERT(piece.free && piece.pages <= kMaxOrderPages.raw());
    const std::uint64_t before = raw(index) - raw(piece.head);
    const std::uint64_t taken = min_of(piece.pages - before, (pages.end - pfn).raw());
    buddy_.remove(zone_, piece.head);
    give_back(piece.head, before);
    give_back(after(index, taken), piece.pages - before - taken);
    for (std::uint64_t i = 0; i < taken; ++i) map_.at(after(index, i)) = {};
    pfn += PageCount{taken};
  }
}

}  // namespace quire
