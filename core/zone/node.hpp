// struct pglist_data: one node, with its zones and with the orders in which a request that starts
// here falls back (zonelists).
//
// Locking   Zonelists are rebuilt under the hot-plug lock while no one allocates.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>

#include "base/base.hpp"
#include "zone/struct_zone.hpp"

namespace quire {

// One step of a zonelist. The list ends with a null zone.
struct ZoneRef {
  Zone* zone = nullptr;
  ZoneType type{};
};

// Zones in order of preference; requests skip those above the highest zone they may use.
struct Zonelist {
  std::span<ZoneRef> refs;                            // ends with a null zone
  std::array<const ZoneRef*, kZoneTypes> first{};     // by highest zone allowed; never null
};

struct Node {
  NodeId id{};
  bool possible = false;  // else nothing of it is ever looked at
  bool online = false;    // has memory, also offline, or CPUs
  PfnRange span{};
  PageCount present;
  std::array<Zone, kZoneTypes> zones;
  Zonelist fallback;                                  // own zones, then other nodes by distance
  Zonelist own;                                       // own zones only (__GFP_THISNODE)
  std::span<NodeId> fallback_order;                   // the first fallback_length are set
  std::size_t fallback_length = 0;
  std::uint32_t percpu_offset = 0;
  Setting stat_threshold;
  Setting totalreserve_pages;
  alignas(64) std::array<std::atomic<std::int64_t>, kCountOf<NodeItem>> stat{};

  [[nodiscard]] Zone& zone(ZoneType type) { return zones[index_of(type)]; }
  [[nodiscard]] const Zone& zone(ZoneType type) const { return zones[index_of(type)]; }
  [[nodiscard]] bool has_memory() const { return present.raw() != 0; }
};

}  // namespace quire
