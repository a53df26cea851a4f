#include "page_alloc/watermark_check.hpp"

namespace quire {
namespace {

// Free pages that this request cannot have: those next to a block it splits, and the highatomic
// reserve unless it may use that. An overestimate that spares a search.
std::int64_t unusable(const Zone& zone, const WatermarkQuery& query) {
  std::int64_t pages = static_cast<std::int64_t>(query.order.pages().raw()) - 1;
  if (!query.flags.has_any(AllocFlags::kReserves))
    pages += zone.nr_reserved_highatomic.get();
  return pages;
}

bool has_reserved_block(const Zone& zone, Order order) QUIRE_NO_THREAD_SAFETY_ANALYSIS {
  for (unsigned o = order.raw(); o <= Order::kMax; ++o)
    if (!zone.free_area.data()[o].lists[index_of(MigrateType::kHighAtomic)].empty_racy())
      return true;
  return false;
}

}  // namespace

bool watermark_ok(const Zone& zone, const WatermarkQuery& query, std::int64_t free_pages) {
  std::int64_t min = query.mark;
  if (query.flags.has(AllocFlags::kMinReserve)) {
    min -= min / 2;
    if (query.flags.has(AllocFlags::kNonBlock)) min -= min / 4;
  }
  if (query.flags.has(AllocFlags::kOom)) min -= min / 2;
  const std::int64_t usable = free_pages - unusable(zone, query);
  if (usable <= min + zone.lowmem_reserve[index_of(query.highest)].get()) return false;
  if (query.order == Order{0} || has_free_block(zone, query.order)) return true;
  return query.flags.has_any(AllocFlags::kHighAtomic | AllocFlags::kOom) &&
         has_reserved_block(zone, query.order);
}

bool watermark_fast(const Zone& zone, const WatermarkQuery& query, Gfp gfp) {
  const std::int64_t free = zone.free_pages();
  if (query.order == Order{0}) {
    const std::int64_t usable = free - min_of(free, unusable(zone, query));
    if (usable > query.mark + zone.lowmem_reserve[index_of(query.highest)].get()) return true;
  }
  if (watermark_ok(zone, query, free)) return true;
  // The boost asks kswapd to work ahead; what cannot wait is not to fail for it.
  const bool ignores_boost = query.order == Order{0} && any(gfp & Gfp::kAtomicContext) &&
                             query.flags.watermark() == Watermark::kMin;
  if (!ignores_boost || zone.watermark_boost.get() == 0) return false;
  WatermarkQuery unboosted = query;
  unboosted.mark = zone.watermark[index_of(Watermark::kMin)].get();
  return watermark_ok(zone, unboosted, free);
}

bool watermark_ok_safe(const Nodes& nodes, const Zone& zone, const WatermarkQuery& query) {
  std::int64_t free = zone.free_pages();
  if (free < zone.percpu_drift_mark.get())
    free = zone_state_snapshot(nodes, zone, ZoneItem::kNrFreePages);
  return watermark_ok(zone, query, free);
}

}  // namespace quire
