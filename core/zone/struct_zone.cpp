#include "zone/struct_zone.hpp"

namespace quire {

void Zone::refresh_fast_low() {
  const std::int64_t base = watermark_pages(Watermark::kLow) + nr_reserved_highatomic.get();
  for (unsigned highest = 0; highest < kZoneTypes; ++highest)
    fast_low[highest].set(base + lowmem_reserve[highest].get());
}

}  // namespace quire
