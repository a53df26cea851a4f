// The audit of page frames, in order: each in one block, and the blocks side by side.
#include "machine/audit.hpp"

namespace quire {

// Ranges of memory that touch are walked as one: blocks merge across the borders of regions.
Result<void> Audit::check_frames(Zone& zone, Tally& tally) {
  PfnRange pending{};
  Result<void> walked;
  parts_.plan.for_each_free_pages([&](PfnRange pages, NodeId node) {
    const PfnRange part = pages.intersect(zone.span);
    if (part.empty() || node != zone.node || !walked.has_value()) return;
    if (part.start == pending.end && !pending.empty()) {
      pending.end = part.end;
      return;
    }
    walked = walk_frames(zone, pending, tally);
    pending = part;
  });
  QUIRE_TRY(walked);
  return walk_frames(zone, pending, tally);
}

Result<void> Audit::walk_frames(const Zone& zone, PfnRange range, Tally& tally) {
  for (Pfn pfn = range.start; pfn < range.end;) {
    QUIRE_TRY_ASSIGN(pages, check_frame(zone, pfn, tally));
    if (PageCount{pages} > range.end - pfn)
      return broken(zone, "the block at ", pfn, " reaches over ", range.end,
                    ", where its memory ends");
    pfn += PageCount{pages};
  }
  count_pageblocks(zone, range, tally);
  return {};
}

// The block that begins at `pfn`; its length in pages.
Result<std::uint64_t> Audit::check_frame(const Zone& zone, Pfn pfn, Tally& tally) {
  Page* const page = parts_.map.page_of(pfn);
  if (page == nullptr) return broken(zone, pfn, " is managed, but has no place in the memory map");
  const PageWord word = page->word;
  if (word.kind() == PageKind::kInterior)
    return broken(zone, pfn, " is managed, but in no block");
  if (word.zone_bits() != zone.page_bits) return broken(zone, pfn, " names another zone");
  const Order order = word.order();
  std::uint64_t pages = order.pages().raw();
  if (word.kind() == PageKind::kBuddy) {
    pages *= page->run_blocks;
    tally.free += pages;
    QUIRE_TRY(check_unowned(zone, pfn, pages));
    if (order == Order{Order::kMax}) return pages;
  } else if (word.kind() == PageKind::kSlab) {
    tally.used += pages;
    QUIRE_TRY(check_owner(zone, pfn, order));
    QUIRE_TRY(check_slab_pages(zone, pfn));
    QUIRE_TRY(slabs_.check_slab(*page));
    return pages;
  } else if (word.kind() != PageKind::kReserved && page->refcount <= 0) {
    tally.idle_pages += pages;
    if (page->mapping == kSeen) {
      page->mapping = 0;
      tally.idle_blocks += 1;
      QUIRE_TRY(check_unowned(zone, pfn, pages));
    } else {
      ++leaked_;
    }
  } else {
    tally.used += pages;
    if (word.kind() != PageKind::kReserved) QUIRE_TRY(check_owner(zone, pfn, order));
    if (word.kind() == PageKind::kPageTable) tables_.count_table();
  }
  QUIRE_TRY(check_interior(zone, pfn, order));
  return pages;
}

// What is left of a block whose other pages were freed keeps the record of all of it.
Result<void> Audit::check_owner(const Zone& zone, Pfn head, Order order) {
  if (!parts_.owners.on()) return {};
  PageOwner owner;
  const PageIndex index = parts_.map.index_of(*parts_.map.page_of(head));
  if (!parts_.owners.look_up(index, owner) || !owner.allocated)
    return broken(zone, head, " is in use, but page_owner knows of nobody who has it");
  if (owner.order < order)
    return broken(zone, head, " is in use as a block of ", order, ", but its owner asked for ",
                  owner.order);
  return {};
}

Result<void> Audit::check_unowned(const Zone& zone, Pfn head, std::uint64_t pages) {
  if (!parts_.owners.on()) return {};
  const std::uint32_t first = raw(parts_.map.index_of(*parts_.map.page_of(head)));
  for (std::uint64_t i = 0; i < pages; ++i) {
    const PageIndex index{first + static_cast<std::uint32_t>(i)};
    PageOwner owner;
    if (!parts_.owners.touched(index)) continue;
    if (parts_.owners.look_up(index, owner) && owner.allocated)
      return broken(zone, index, " is free, but page_owner says that somebody has it");
  }
  return {};
}

// A slab's pages all say whose they are.
Result<void> Audit::check_slab_pages(const Zone& zone, Pfn head) {
  const Page* const first = parts_.map.page_of(head);
  for (std::uint64_t i = 1; i < first->word.order().pages().raw(); ++i)
    if (first[i].word != first->word || first[i].mapping != first->mapping)
      return broken(zone, head + PageCount{i}, " is not as the first page of its slab at ", head);
  return {};
}

Result<void> Audit::check_interior(const Zone& zone, Pfn head, Order order) {
  const Page* const first = parts_.map.page_of(head);
  for (std::uint64_t i = 1; i < order.pages().raw(); ++i)
    if (first[i].word.kind() != PageKind::kInterior)
      return broken(zone, head + PageCount{i}, " has a state of its own within the block of ",
                    order, " at ", head);
  return {};
}

// Pageblocks that reach into another zone are nobody's to reserve.
void Audit::count_pageblocks(const Zone& zone, PfnRange range, Tally& tally) {
  for (Pfn pfn = range.start.align_up(kPageblockPages); pfn < range.end; pfn += kPageblockPages) {
    if (!zone.span.contains(pfn + (kPageblockPages - PageCount{1}))) continue;
    const PageIndex index = parts_.map.index_of(*parts_.map.page_of(pfn));
    tally.highatomic += parts_.map.pageblock_type(index) == MigrateType::kHighAtomic;
  }
}

}  // namespace quire
