// The counters that /proc/vmstat, /proc/zoneinfo and the nodes' files show, by family.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/base.hpp"
#include "boot/boot.hpp"

namespace quire {

// Counted for each zone.
enum class ZoneItem : std::uint8_t {
#define QUIRE_ZONE_ITEMS
#define QUIRE_ITEM(enumerator, name) enumerator,
#include "zone/vm_items.inc"
#undef QUIRE_ITEM
#undef QUIRE_ZONE_ITEMS
  kCount
};

// Where allocations were served, counted for each zone.
enum class NumaItem : std::uint8_t {
#define QUIRE_NUMA_ITEMS
#define QUIRE_ITEM(enumerator, name) enumerator,
#include "zone/vm_items.inc"
#undef QUIRE_ITEM
#undef QUIRE_NUMA_ITEMS
  kCount
};

// Counted for each node.
enum class NodeItem : std::uint8_t {
#define QUIRE_NODE_ITEMS
#define QUIRE_ITEM(enumerator, name) enumerator,
#include "zone/vm_items.inc"
#undef QUIRE_ITEM
#undef QUIRE_NODE_ITEMS
  kCount
};

// Counted for each CPU and shown as their sum. A zone event takes kZoneTypes numbers.
enum class VmEvent : std::uint16_t {
#define QUIRE_VM_EVENTS
#define QUIRE_ITEM(enumerator, name) enumerator,
#define QUIRE_ZONE_EVENT(enumerator, name) \
  enumerator, enumerator##Last = enumerator + kZoneTypes - 1,
#include "zone/vm_items.inc"
#undef QUIRE_ZONE_EVENT
#undef QUIRE_ITEM
#undef QUIRE_VM_EVENTS
  kCount
};

template <class Item>
inline constexpr unsigned kCountOf = static_cast<unsigned>(Item::kCount);

constexpr unsigned index_of(ZoneItem item) { return static_cast<unsigned>(item); }
constexpr unsigned index_of(NumaItem item) { return static_cast<unsigned>(item); }
constexpr unsigned index_of(NodeItem item) { return static_cast<unsigned>(item); }
constexpr unsigned index_of(VmEvent event) { return static_cast<unsigned>(event); }
constexpr VmEvent for_zone(VmEvent family, ZoneType type) {
  return static_cast<VmEvent>(index_of(family) + index_of(type));
}

std::string_view name_of(ZoneItem item);
std::string_view name_of(NumaItem item);
std::string_view name_of(NodeItem item);

// One row of the events in /proc/vmstat. A zone event's row stands for its whole family.
struct VmEventRow {
  VmEvent event;
  std::string_view name;  // of a family: up to the zone's lower-case name
  bool per_zone;
};
std::span<const VmEventRow> vm_event_rows();

}  // namespace quire
