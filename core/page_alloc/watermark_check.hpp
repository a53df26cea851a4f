// Whether a zone has enough free pages for a request: its watermark, the protection against
// requests from above, the reserves, and for higher orders a block that is large enough.
//
// Cost     Reads counters and list heads without a lock; the answer is a good guess.
// Source   Documentation/mm/balance; recorded sequences show which request fails at which count.
#pragma once

#include <cstdint>

#include "base/base.hpp"
#include "page_alloc/request.hpp"
#include "zone/zone.hpp"

namespace quire {

struct WatermarkQuery {
  Order order;
  ZoneType highest{};
  AllocFlags flags;
  std::int64_t mark = 0;
};

// Whether a block of `order` or larger lies on the lists that every request may take from.
// Looks first where most of them are.
[[gnu::always_inline]] inline bool has_free_block(const Zone& zone, Order order)
    QUIRE_NO_THREAD_SAFETY_ANALYSIS {
  const FreeArea* const areas = zone.free_area.data();
  if (!areas[Order::kMax].lists.data()[index_of(MigrateType::kMovable)].empty_racy()) [[likely]]
    return true;
  for (const FreeArea* area = areas + Order::kMax; area >= areas + order.raw(); --area) {
    const PageList* const lists = area->lists.data();
    if (!lists[index_of(MigrateType::kMovable)].empty_racy() ||
        !lists[index_of(MigrateType::kUnmovable)].empty_racy() ||
        !lists[index_of(MigrateType::kReclaimable)].empty_racy())
      return true;
  }
  return false;
}

// The exact check against `free_pages`.
bool watermark_ok(const Zone& zone, const WatermarkQuery& query, std::int64_t free_pages);

// The check of the allocation path: with a shortcut for single pages, and for requests that cannot
// wait without the boost.
bool watermark_fast(const Zone& zone, const WatermarkQuery& query, Gfp gfp);

// The check of kswapd: counts exactly when CPUs' unfolded changes could hide a breach.
bool watermark_ok_safe(const Nodes& nodes, const Zone& zone, const WatermarkQuery& query);

}  // namespace quire
