#include "zone/vm_items.hpp"

namespace quire {
namespace {

#define QUIRE_ITEM(enumerator, name) name,

#define QUIRE_ZONE_ITEMS
constexpr std::array<std::string_view, kCountOf<ZoneItem>> kZoneItemNames = {
#include "zone/vm_items.inc"
};
#undef QUIRE_ZONE_ITEMS

#define QUIRE_NUMA_ITEMS
constexpr std::array<std::string_view, kCountOf<NumaItem>> kNumaItemNames = {
#include "zone/vm_items.inc"
};
#undef QUIRE_NUMA_ITEMS

#define QUIRE_NODE_ITEMS
constexpr std::array<std::string_view, kCountOf<NodeItem>> kNodeItemNames = {
#include "zone/vm_items.inc"
};
#undef QUIRE_NODE_ITEMS

#undef QUIRE_ITEM

#define QUIRE_VM_EVENTS
#define QUIRE_ITEM(enumerator, name) VmEventRow{VmEvent::enumerator, name, false},
#define QUIRE_ZONE_EVENT(enumerator, name) VmEventRow{VmEvent::enumerator, name, true},
constexpr VmEventRow kVmEventRows[] = {
#include "zone/vm_items.inc"
};
#undef QUIRE_ZONE_EVENT
#undef QUIRE_ITEM
#undef QUIRE_VM_EVENTS

}  // namespace

std::string_view name_of(ZoneItem item) { return kZoneItemNames[index_of(item)]; }
std::string_view name_of(NumaItem item) { return kNumaItemNames[index_of(item)]; }
std::string_view name_of(NodeItem item) { return kNodeItemNames[index_of(item)]; }
std::span<const VmEventRow> vm_event_rows() { return kVmEventRows; }

}  // namespace quire
