#include "zone/struct_zone.hpp"

#include <limits>

namespace quire {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

}  // namespace

void Zone::refresh_fast_low() {
  const bool whole_path = hooked || has(ZoneFlag::kBoostedWatermark);
  const std::int64_t base = watermark_pages(Watermark::kLow) + nr_reserved_highatomic.get();
  for (unsigned highest = 0; highest < kZoneTypes; ++highest)
    fast_low[highest].set(whole_path ? kNever : base + lowmem_reserve[highest].get());
}

}  // namespace quire
