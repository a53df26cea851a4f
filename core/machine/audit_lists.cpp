// The audit of free lists and of per-CPU sets.
#include "machine/audit.hpp"

namespace quire {

Result<void> Audit::check_free_lists(Zone& zone, Tally& tally) {
  for (unsigned o = 0; o <= Order::kMax; ++o) {
    std::uint64_t blocks = 0;
    for (unsigned t = 0; t < kMigrateTypes; ++t) {
      const auto type = static_cast<MigrateType>(t);
      QUIRE_TRY_ASSIGN(found, walk_free_list(zone, Order{o}, type));
      blocks += found;
      if (type == MigrateType::kIsolate) tally.isolated += found << o;
    }
    if (blocks != zone.free_area[o].nr_free)
      return broken(zone, "nr_free of ", Order{o}, " is ", zone.free_area[o].nr_free,
                    ", but its lists hold ", blocks);
    tally.listed_free += blocks << o;
  }
  return {};
}

Result<std::uint64_t> Audit::walk_free_list(const Zone& zone, Order order, MigrateType type) {
  const PageList& list = zone.free_area[order.raw()].lists[quire::index_of(type)];
  std::uint64_t blocks = 0;
  PageIndex previous = PageIndex::kNone;
  for (PageIndex index = list.front(); index != PageIndex::kNone;) {
    QUIRE_TRY(check_link(zone, {previous, index}));
    const Page& page = parts_.map.at(index);
    if (page.word != PageWord(zone.page_bits, order, PageKind::kBuddy))
      return broken(zone, index, " is on the free list of ", order, " ", type,
                    ", but is no free block of that order in this zone");
    if (page.list_type != type)
      return broken(zone, index, " is on the free list of ", order, " ", type,
                    ", but names another type");
    QUIRE_TRY(check_free_block(zone, index, order));
    QUIRE_TRY(check_run(zone, index, order));
    blocks += page.run_blocks;
    previous = index;
    index = PageIndex{page.next};
  }
  if (list.back() != previous)
    return broken(zone, "the free list of ", order, " ", type, " does not end at its tail");
  return blocks;
}

Result<void> Audit::check_link(const Zone& zone, Link link) {
  if (!parts_.map.contains(link.index))
    return broken(zone, "a list leads to index ", raw(link.index), ", which is no page");
  if (parts_.map.at(link.index).prev != raw(link.previous))
    return broken(zone, link.index, " does not link back to the page before it");
  return {};
}

Result<void> Audit::check_free_block(const Zone& zone, PageIndex index, Order order) {
  if (!zone.span.contains(parts_.map.pfn_of(index)))
    return broken(zone, index, " is free here, but outside of the zone");
  const auto pages = static_cast<std::uint32_t>(order.pages().raw());
  if ((raw(index) & (pages - 1)) != 0)
    return broken(zone, index, " is free, but not aligned to ", order);
  // Whole pageblocks may lie side by side: changing a pageblock's type merges nothing.
  if (order >= kPageblockOrder) return {};
  const PageIndex buddy{raw(index) ^ pages};
  if (parts_.map.at(buddy).word == parts_.map.at(index).word)
    return broken(zone, index, " and its buddy are both free blocks of ", order);
  return {};
}

Result<void> Audit::check_run(const Zone& zone, PageIndex index, Order order) {
  const std::uint32_t blocks = parts_.map.at(index).run_blocks;
  if (order < Order{Order::kMax}) {
    if (blocks == 1) return {};
    return broken(zone, index, " is of ", order, ", but a run of ", blocks, " blocks");
  }
  const std::uint64_t pages = blocks * kMaxOrderPages.raw();
  const Pfn last = parts_.map.pfn_of(index) + PageCount{pages - 1};
  if (blocks == 0 || parts_.map.contiguous_from(index, pages) != pages ||
      !zone.span.contains(last))
    return broken(zone, index, " begins a run of ", blocks, " blocks, which do not fit there");
  return {};
}

Result<void> Audit::check_sets(Zone& zone, Tally& tally) {
  for (unsigned c = 0; c < parts_.nodes.cpu_count(); ++c) {
    const CpuId cpu{static_cast<std::uint16_t>(c)};
    PerCpuPages& set = parts_.nodes.percpu(zone, cpu).pages;
    set.lock.claim(parts_.host);
    const Result<void> checked = check_set(zone, set, tally);
    set.lock.release();
    QUIRE_TRY(checked);
  }
  return {};
}

Result<void> Audit::check_set(const Zone& zone, PerCpuPages& set, Tally& tally) {
  std::uint64_t listed = 0;
  for (unsigned number = 0; number < kPcpLists; ++number) {
    QUIRE_TRY_ASSIGN(blocks, walk_set_list(zone, set.lists[number], number));
    tally.sets_blocks += blocks;
    listed += blocks << order_of_pcp_list(number).raw();
  }
  if (set.listed != static_cast<std::int64_t>(listed))
    return broken(zone, "a per-CPU set counts ", set.listed, " listed pages, but its lists hold ",
                  listed);
  for (unsigned type = 0; type < kPcpTypes; ++type) {
    QUIRE_TRY(check_hot_pages(zone, set.hot[type], type));
    tally.sets_blocks += set.hot[type].count;
  }
  return check_limits(zone, set);
}

Result<std::uint64_t> Audit::walk_set_list(const Zone& zone, const PageList& list,
                                           unsigned number) {
  std::uint64_t blocks = 0;
  PageIndex previous = PageIndex::kNone;
  for (PageIndex index = list.front(); index != PageIndex::kNone; ++blocks) {
    QUIRE_TRY(check_link(zone, {previous, index}));
    QUIRE_TRY(check_set_page(zone, index, number));
    previous = index;
    index = PageIndex{parts_.map.at(index).next};
  }
  if (list.back() != previous)
    return broken(zone, "list ", number, " of a per-CPU set does not end at its tail");
  return blocks;
}

Result<void> Audit::check_set_page(const Zone& zone, PageIndex index, unsigned list) {
  Page& page = parts_.map.at(index);
  const Order order = order_of_pcp_list(list);
  if (page.word != PageWord(zone.page_bits, order, PageKind::kInUse) || page.refcount != 0)
    return broken(zone, index, " is in a per-CPU set, but is no unused block of ", order,
                  " in this zone");
  const MigrateType kept =
      is_mergeable(page.list_type) ? page.list_type : MigrateType::kMovable;
  if (pcp_index(kept, order) != list)
    return broken(zone, index, " is on list ", list, " of a per-CPU set, but names another type");
  if (page.mapping != 0) return broken(zone, index, " is in a per-CPU set twice, or still mapped");
  page.mapping = kSeen;
  return {};
}

Result<void> Audit::check_hot_pages(const Zone& zone, const HotPages& hot, unsigned type) {
  if (hot.count > HotPages::kCapacity || hot.limit > HotPages::kCapacity)
    return broken(zone, "a per-CPU set has more hot pages, or a higher limit, than there is room");
  for (unsigned i = 0; i < hot.count; ++i) {
    if (hot.pages[i] == nullptr || !parts_.map.contains(parts_.map.index_of(*hot.pages[i])))
      return broken(zone, "a hot page of a per-CPU set is no page");
    QUIRE_TRY(check_set_page(zone, parts_.map.index_of(*hot.pages[i]), type));
  }
  return {};
}

// Hot pages may fill up to their limits without anyone looking at the set as a whole.
Result<void> Audit::check_limits(const Zone& zone, PerCpuPages& set) {
  const std::int32_t batch = set.batch.load(std::memory_order_relaxed);
  if (batch != pageset_batch(zone.managed_pages()))
    return broken(zone, "a per-CPU set moves ", batch, " pages at a time instead of ",
                  pageset_batch(zone.managed_pages()));
  const std::int32_t high = set.high.load(std::memory_order_relaxed);
  std::int32_t fullest = set.listed;
  bool limited = false;
  for (const HotPages& hot : set.hot) {
    fullest += max_of<std::int32_t>(hot.count, hot.limit);
    limited = limited || hot.limit > 0;
    if (set.ample && hot.limit != HotPages::kCapacity)
      return broken(zone, "a per-CPU set is said to be ample, but a limit is ", hot.limit);
    if (set.free_factor != 0 && (hot.limit != 0 || hot.count != 0))
      return broken(zone, "a per-CPU set keeps hot pages while its free_factor is ",
                    unsigned{set.free_factor});
  }
  if (limited && fullest >= high)
    return broken(zone, "limits of hot pages let a per-CPU set grow to ", fullest,
                  " pages, with high ", high);
  return {};
}

}  // namespace quire
