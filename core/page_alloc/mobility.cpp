#include "page_alloc/mobility.hpp"

#include <array>

namespace quire {
namespace {

using enum MigrateType;

// Where each type takes from when its own pageblocks are empty, in order.
constexpr std::array<std::array<MigrateType, 2>, kPcpTypes> kFallbacks = {{
    {kReclaimable, kMovable},     // unmovable
    {kReclaimable, kUnmovable},   // movable
    {kUnmovable, kMovable},       // reclaimable
}};

}  // namespace

void Mobility::set_grouping_disabled(bool disabled) {
  grouping_disabled_ = disabled;
  for (std::uint32_t bits = 0; bits < types_.size(); ++bits)
    types_[bits] = disabled ? kUnmovable : migrate_type(static_cast<Gfp>(bits << 3));
}

void Mobility::set_pageblock_type(PageIndex index, MigrateType type) {
  if (grouping_disabled_ && is_mergeable(type)) type = kUnmovable;
  buddy_.map().set_pageblock_type(index, type);
}

PageIndex Mobility::take(Zone& zone, const AllocRequest& request, AllocFlags flags) {
  for (;;) {
    const PageIndex index = buddy_.take(zone, request.order, request.type);
    if (index != PageIndex::kNone) return index;
    if (!steal(zone, request, flags)) return PageIndex::kNone;
  }
}

// Taking the whole pageblock is worth it for large blocks, and always for types that cannot be
// moved: scattered, they would spoil more pageblocks.
bool Mobility::may_take_whole_block(Order order, MigrateType start) const {
  return order.raw() >= kPageblockOrder.raw() / 2 || start != kMovable || grouping_disabled_;
}

bool Mobility::find_fallback(const Zone& zone, Order order, MigrateType start,
                             Candidate& found) const {
  const FreeArea& area = zone.free_area[order.raw()];
  if (area.nr_free == 0) return false;
  for (const MigrateType type : kFallbacks[index_of(start)]) {
    if (area.lists[index_of(type)].empty()) continue;
    found = {order, type, may_take_whole_block(order, start)};
    return true;
  }
  return false;
}

bool Mobility::steal(Zone& zone, const AllocRequest& request, AllocFlags flags) {
  const unsigned wanted = request.order.raw();
  const bool whole_only = flags.has(AllocFlags::kNoFragment);
  const unsigned least = whole_only ? max_of(wanted, kPageblockOrder.raw()) : wanted;
  Candidate found;
  for (unsigned o = Order::kMax + 1; o-- > least;) {
    if (!find_fallback(zone, Order{o}, request.type, found)) continue;
    if (!found.whole_block && request.type == kMovable && o > wanted) {
      // Movable pages do no harm in another type's pageblock: spoil the smallest block.
      o = wanted;
      while (!find_fallback(zone, Order{o}, request.type, found)) ++o;
    }
    const PageIndex head = claim(zone, found, request.type, flags);
    if (buddy_.trace().on()) [[unlikely]]
      buddy_.trace().fell_back(
          request, {head, found.order, found.type,
                    buddy_.map().pageblock_type(head) == request.type});
    return true;
  }
  return false;
}

PageIndex Mobility::claim(Zone& zone, const Candidate& from, MigrateType start,
                          AllocFlags flags) {
  const PageIndex head = buddy_.front_block(zone, from.order, from.type);
  const bool highatomic = buddy_.map().pageblock_type(head) == kHighAtomic;
  if (!highatomic && from.order >= kPageblockOrder) {
    for (std::uint64_t page = 0; page < from.order.pages().raw(); page += kPageblockPages.raw())
      set_pageblock_type(PageIndex{raw(head) + static_cast<std::uint32_t>(page)}, start);
  } else if (!highatomic) {
    if (boost_watermark(zone) && flags.has(AllocFlags::kKswapd))
      zone.set(ZoneFlag::kBoostedWatermark);
    if (from.whole_block && claim_pageblock(zone, head, start)) return head;
  }
  buddy_.move(zone, head, start);
  return head;
}

// Moves the pageblock's free pages to `start`, and makes the pageblock `start`'s when at least
// half of it is free or of a like kind. False when nothing could be moved.
bool Mobility::claim_pageblock(Zone& zone, PageIndex head, MigrateType start) {
  const MigrateType old_type = buddy_.map().pageblock_type(head);
  std::uint64_t movable = 0;
  const std::uint64_t free = move_pageblock(zone, head, start, movable);
  if (free == 0) return false;
  std::uint64_t alike = 0;
  if (start == kMovable)
    alike = movable;
  else if (old_type == kMovable)
    alike = kPageblockPages.raw() - (free + movable);
  if (free + alike >= kPageblockPages.raw() / 2 || grouping_disabled_)
    set_pageblock_type(head, start);
  return true;
}

std::uint64_t Mobility::move_pageblock(Zone& zone, PageIndex index, MigrateType to,
                                       std::uint64_t& movable) {
  MemoryMap& map = buddy_.map();
  const auto block_pages = static_cast<std::uint32_t>(kPageblockPages.raw());
  std::uint32_t at = raw(index) & ~(block_pages - 1);
  const std::uint32_t end = at + block_pages;
  if (!zone.span.contains(map.pfn_of(PageIndex{at}))) at = raw(index);
  if (!zone.span.contains(map.pfn_of(PageIndex{end - 1}))) return 0;
  std::uint64_t moved = 0;
  while (at < end) {
    const Page& page = map.at(at);
    if (page.word.kind() != PageKind::kBuddy) {
      movable += page.word.has(PageFlag::kLru);
      ++at;
      continue;
    }
    const auto pages = static_cast<std::uint32_t>(page.word.order().pages().raw());
    if (page.word.order() == Order{Order::kMax}) buddy_.materialise(zone, PageIndex{at});
    buddy_.move(zone, PageIndex{at}, to);
    moved += pages;
    at += pages;
  }
  return moved;
}

// Taking from another type's pageblock fragments: ask kswapd to free one pageblock more, up to a
// share of the high watermark.
bool Mobility::boost_watermark(Zone& zone) {
  const std::uint32_t factor = tunables_.watermark_boost_factor;
  if (factor == 0) return false;
  if (kPageblockPages.raw() * 4 > zone.managed_pages()) return false;
  const auto high =
      static_cast<std::uint64_t>(zone.watermark[index_of(Watermark::kHigh)].get());
  const std::uint64_t most = mult_frac(high, factor, 10000);
  if (most == 0) return false;
  const auto boost = static_cast<std::uint64_t>(zone.watermark_boost.get());
  zone.watermark_boost.set(static_cast<std::int64_t>(
      min_of(boost + kPageblockPages.raw(), max_of(kPageblockPages.raw(), most))));
  zone.refresh_fast_low();
  return true;
}

void Mobility::reserve_highatomic(Zone& zone, PageIndex index) {
  const auto most = static_cast<std::int64_t>(zone.managed_pages() / 100 + kPageblockPages.raw());
  if (zone.nr_reserved_highatomic.get() >= most) return;
  const SpinGuard guard(zone.lock);
  if (zone.nr_reserved_highatomic.get() >= most) return;
  if (!is_mergeable(buddy_.map().pageblock_type(index))) return;
  zone.nr_reserved_highatomic.set(zone.nr_reserved_highatomic.get() +
                                  static_cast<std::int64_t>(kPageblockPages.raw()));
  zone.refresh_fast_low();
  set_pageblock_type(index, kHighAtomic);
  std::uint64_t movable = 0;
  move_pageblock(zone, index, kHighAtomic, movable);
}

bool Mobility::release_reserved_block(Zone& zone, MigrateType type) {
  for (FreeArea& area : zone.free_area) {
    const PageList& list = area.lists[index_of(kHighAtomic)];
    if (list.empty()) continue;
    const PageIndex head = list.front();
    const std::int64_t reserved = zone.nr_reserved_highatomic.get();
    const auto block = static_cast<std::int64_t>(kPageblockPages.raw());
    if (buddy_.map().pageblock_type(head) == kHighAtomic)
      zone.nr_reserved_highatomic.set(reserved - min_of(block, reserved));
    zone.refresh_fast_low();
    set_pageblock_type(head, type);
    std::uint64_t movable = 0;
    if (move_pageblock(zone, head, type, movable) != 0) return true;
  }
  return false;
}

bool Mobility::unreserve_highatomic(const AllocRequest& request, bool force) {
  const auto block = static_cast<std::int64_t>(kPageblockPages.raw());
  const ZoneRef* ref = request.next_from(request.list->first[index_of(request.highest)]);
  for (; ref->zone != nullptr; ref = request.next_from(ref + 1)) {
    Zone& zone = *ref->zone;
    if (!force && zone.nr_reserved_highatomic.get() <= block) continue;
    const SpinGuard guard(zone.lock);
    if (release_reserved_block(zone, request.type)) return true;
  }
  return false;
}

}  // namespace quire
