#include <array>

#include "procfs/estimates.hpp"
#include "procfs/rows.hpp"
#include "procfs/show.hpp"

namespace quire {
namespace {

std::string_view event_suffix(ZoneType type) {
  constexpr std::array<std::string_view, kZoneTypes> kSuffixes = {"dma",  "dma32",   "normal",
                                                                  "high", "movable", "device"};
  return kSuffixes[index_of(type)];
}

// Counted always, and shown by kernels with CONFIG_DEBUG_TLBFLUSH.
bool is_tlb_event(VmEvent event) {
  return event >= VmEvent::kNrTlbRemoteFlush && event <= VmEvent::kNrTlbLocalFlushOne;
}

void show_event(const ProcSources& from, const VmEventRow& row, Text& out) {
  if (!row.per_zone) return show_count(out, row.name, event_count(from.nodes, row.event));
  for_each_zone_type(from, [&](ZoneType type) {
    out.str(row.name);
    show_count(out, event_suffix(type), event_count(from.nodes, for_zone(row.event, type)));
  });
}

std::uint64_t numa_sum(const Nodes& nodes, NumaItem item) {
  std::uint64_t sum = 0;
  for (const Node& node : nodes.all()) sum += node_numa_state(nodes, node, item);
  return sum;
}

}  // namespace

void show_vmstat(const ProcSources& from, Text& out) {
  const Nodes& nodes = from.nodes;
  for_each_item<ZoneItem>(
      [&](ZoneItem item) { show_count(out, name_of(item), global_zone_state(nodes, item)); });
  for_each_item<NumaItem>(
      [&](NumaItem item) { show_count(out, name_of(item), numa_sum(nodes, item)); });
  for_each_item<NodeItem>(
      [&](NodeItem item) { show_count(out, name_of(item), global_node_state(nodes, item)); });
  const DirtyLimits limits = dirty_limits(nodes, from.sysctls);
  show_count(out, "nr_dirty_threshold", limits.threshold.raw());
  show_count(out, "nr_dirty_background_threshold", limits.background.raw());
  for (const VmEventRow& row : vm_event_rows())
    if (from.debug_tlbflush || !is_tlb_event(row.event)) show_event(from, row, out);
  show_count(out, "nr_unstable", 0);  // kept for programs that look for it
}

void show_node_vmstat(const ProcSources& from, const Node& node, Text& out) {
  for_each_item<ZoneItem>([&](ZoneItem item) {
    std::uint64_t sum = 0;
    for (const Zone& zone : node.zones) sum += zone_state(zone, item);
    show_count(out, name_of(item), sum);
  });
  for_each_item<NumaItem>([&](NumaItem item) {
    show_count(out, name_of(item), node_numa_state(from.nodes, node, item));
  });
  for_each_item<NodeItem>(
      [&](NodeItem item) { show_count(out, name_of(item), node_state(node, item)); });
}

}  // namespace quire
