// The vm.* tunables that sizes of zones and of per-CPU sets follow from, and their recomputation.
//
// Locking  The sysctl lock of the machine; the results are read anywhere.
// Source   Documentation/admin-guide/sysctl/vm.rst; what /proc/zoneinfo shows before and after.
#pragma once

#include <array>
#include <cstdint>

#include "base/base.hpp"
#include "zone/nodes.hpp"

namespace quire {

struct Tunables {
  std::uint64_t min_free_kbytes = 1024;
  std::int64_t user_min_free_kbytes = -1;  // what was asked for; -1: nobody asked
  std::uint32_t watermark_scale_factor = 10;     // of 10,000: gap between watermarks
  std::uint32_t watermark_boost_factor = 15000;  // of 10,000: how far fragmentation may boost
  std::uint32_t percpu_pagelist_high_fraction = 0;
  std::array<std::uint32_t, kZoneTypes> lowmem_reserve_ratio{256, 256, 32, 0, 0, 0};
};

// min_free_kbytes by the square-root rule, unless a larger value was asked for.
void calculate_min_free(const Nodes& nodes, Tunables& tunables);
// Raises min_free_kbytes as khugepaged does when transparent huge pages are on, so that pageblocks
// stay free of mixed types; recomputes watermarks.
void raise_min_free_for_huge_pages(Nodes& nodes, Tunables& tunables);

// Watermarks of every zone, per-CPU sets' limits and the total reserve.
void setup_watermarks(Nodes& nodes, const Tunables& tunables);
// Every zone's protection against requests that could be served higher, and the total reserve.
void setup_lowmem_reserve(Nodes& nodes, const Tunables& tunables);
// high and batch of every CPU's set of every zone.
void setup_pagesets(Nodes& nodes, const Tunables& tunables);

// Pages that a GFP_USER request of the boot CPU's node could take without touching watermarks.
std::uint64_t free_buffer_pages(const Nodes& nodes);
// Pages of a zone that a per-CPU set moves at a time.
std::int32_t pageset_batch(std::uint64_t managed_pages);

}  // namespace quire
