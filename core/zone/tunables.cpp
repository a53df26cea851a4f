#include "zone/tunables.hpp"

namespace quire {
namespace {

constexpr std::uint64_t kLeastMinFreeKib = 128;
constexpr std::uint64_t kMostMinFreeKib = 262144;

bool is_lowmem(const Zone& zone) { return zone.type != ZoneType::kHighMem; }

std::int64_t as_signed(std::uint64_t value) { return static_cast<std::int64_t>(value); }

// High zones are not needed for GFP_ATOMIC reserves: a token minimum lets reclaim work.
std::uint64_t token_minimum(const Zone& zone) {
  constexpr std::uint64_t kLeast = 32;
  constexpr std::uint64_t kMost = 128;
  return clamp_to(zone.managed_pages() / 1024, kLeast, kMost);
}

void setup_watermarks_of(Zone& zone, std::uint64_t share, const Tunables& tunables) {
  const std::uint64_t min = is_lowmem(zone) ? share : token_minimum(zone);
  const std::uint64_t gap = max_of(
      share >> 2, mult_frac(zone.managed_pages(), tunables.watermark_scale_factor, 10000));
  zone.watermark_boost.set(0);
  for (unsigned mark = 0; mark < kWatermarks; ++mark)
    zone.watermark[mark].set(as_signed(min + gap * mark));
  zone.refresh_fast_low();
}

// What no request may count on: each zone's high watermark and greatest protection.
void setup_totalreserve(Nodes& nodes) {
  for (Node& node : nodes.all()) {
    std::int64_t total = 0;
    for (Zone& zone : node.zones) {
      std::int64_t most = 0;
      for (unsigned z = index_of(zone.type); z < kZoneTypes; ++z)
        most = max_of(most, zone.lowmem_reserve[z].get());
      most += zone.watermark_pages(Watermark::kHigh);
      total += min_of(most, as_signed(zone.managed_pages()));
    }
    node.totalreserve_pages.set(total);
  }
}

std::int32_t pageset_high(const Nodes& nodes, const Zone& zone, const Tunables& tunables) {
  const std::uint32_t fraction = tunables.percpu_pagelist_high_fraction;
  const std::int64_t total = fraction == 0
                                 ? zone.watermark_pages(Watermark::kLow)
                                 : as_signed(zone.managed_pages() / fraction);
  unsigned cpus = nodes.cpu_count(zone.node);
  if (cpus == 0) cpus = nodes.cpu_count();
  const std::int64_t least = std::int64_t{pageset_batch(zone.managed_pages())} << 2;
  return static_cast<std::int32_t>(max_of(total / cpus, least));
}

}  // namespace

std::uint64_t free_buffer_pages(const Nodes& nodes) {
  std::uint64_t pages = 0;
  const Node& local = nodes.node(nodes.node_of(CpuId{0}));
  for (const ZoneRef& ref : local.fallback.refs) {
    if (ref.zone == nullptr) break;
    if (ref.type > ZoneType::kNormal) continue;
    const std::uint64_t managed = ref.zone->managed_pages();
    const auto high =
        static_cast<std::uint64_t>(ref.zone->watermark_pages(Watermark::kHigh));
    if (managed > high) pages += managed - high;
  }
  return pages;
}

void calculate_min_free(const Nodes& nodes, Tunables& tunables) {
  const std::uint64_t lowmem_kib = in_kib(PageCount{free_buffer_pages(nodes)});
  const std::uint64_t computed = int_sqrt(lowmem_kib * 16);
  if (as_signed(computed) > tunables.user_min_free_kbytes)
    tunables.min_free_kbytes = clamp_to(computed, kLeastMinFreeKib, kMostMinFreeKib);
}

void raise_min_free_for_huge_pages(Nodes& nodes, Tunables& tunables) {
  std::uint64_t zones = 0;
  nodes.for_each_populated([&](const Zone& zone) { zones += zone.type <= ZoneType::kNormal; });
  // Two free pageblocks a zone, and one for each type to fall back to each other from.
  std::uint64_t pages = kPageblockPages.raw() * zones * (2 + kPcpTypes * kPcpTypes);
  pages = min_of(pages, free_buffer_pages(nodes) / 20);
  tunables.min_free_kbytes = max_of(tunables.min_free_kbytes, in_kib(PageCount{pages}));
  setup_watermarks(nodes, tunables);
}

void setup_watermarks(Nodes& nodes, const Tunables& tunables) {
  const std::uint64_t pages_min = tunables.min_free_kbytes >> (kPageShift - 10);
  std::uint64_t lowmem = 0;
  nodes.for_each_populated(
      [&](const Zone& zone) { lowmem += is_lowmem(zone) ? zone.managed_pages() : 0; });
  nodes.for_each_populated([&](Zone& zone) {
    const std::uint64_t share = lowmem == 0 ? 0 : pages_min * zone.managed_pages() / lowmem;
    setup_watermarks_of(zone, share, tunables);
  });
  setup_totalreserve(nodes);
  setup_pagesets(nodes, tunables);
}

void setup_lowmem_reserve(Nodes& nodes, const Tunables& tunables) {
  for (Node& node : nodes.all()) {
    for (Zone& zone : node.zones) {
      const unsigned own = index_of(zone.type);
      const std::uint64_t ratio = tunables.lowmem_reserve_ratio[own];
      const bool none = ratio == 0 || zone.managed_pages() == 0;
      std::uint64_t above = 0;
      for (unsigned z = own + 1; z < kZoneTypes; ++z) {
        above += node.zones[z].managed_pages();
        zone.lowmem_reserve[z].set(none ? 0 : as_signed(above / ratio));
      }
      zone.refresh_fast_low();
    }
  }
  setup_totalreserve(nodes);
}

std::int32_t pageset_batch(std::uint64_t managed_pages) {
  constexpr std::uint64_t kMostPages = mib(1).raw() >> kPageShift;
  const std::uint64_t quarter =
      max_of<std::uint64_t>(min_of(managed_pages >> 10, kMostPages) / 4, 1);
  // One below a power of two, so that batches do not fall into step with other powers of two.
  const std::uint64_t batch = rounddown_pow_of_two(quarter + quarter / 2) - 1;
  return static_cast<std::int32_t>(max_of<std::uint64_t>(batch, 1));
}

void setup_pagesets(Nodes& nodes, const Tunables& tunables) {
  nodes.for_each_populated([&](Zone& zone) {
    const std::int32_t batch = pageset_batch(zone.managed_pages());
    const std::int32_t high = pageset_high(nodes, zone, tunables);
    for (unsigned cpu = 0; cpu < nodes.cpu_count(); ++cpu) {
      PerCpuPages& pages = nodes.percpu(zone, CpuId{static_cast<std::uint16_t>(cpu)}).pages;
      pages.batch.store(batch, std::memory_order_relaxed);
      pages.lock.claim(*Arch::current()->host);
      pages.high.store(high, std::memory_order_relaxed);
      pages.set_limits();
      pages.lock.release();
    }
  });
}

}  // namespace quire
