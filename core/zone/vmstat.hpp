// Counters that are shared by all CPUs: each CPU keeps its own change until it exceeds a threshold,
// then folds it into the zone or node, and by that into the machine.
//
// Locking   A CPU changes only its own part; the shared part is atomic. fold() runs on the CPU.
// Source    The thresholds follow from CPUs and zone sizes as /proc/zoneinfo's "vm stats
//           threshold" rows show; watermarks look at the shared part alone, so what has not been
//           folded decides when a request fails.
#pragma once

#include <cstdint>

#include "base/base.hpp"
#include "zone/nodes.hpp"

namespace quire {

// Changes `item` of `zone` on behalf of the CPU whose per-CPU area is `area`.
inline void mod_zone_state(std::byte* area, Zone& zone, ZoneItem item, std::int64_t delta) {
  CounterDiff& diff = percpu_at<PerCpuZone>(area, zone.percpu_offset).diffs[index_of(item)];
  const std::int64_t sum = diff.read() + delta;
  const std::int64_t threshold = zone.stat_threshold.get();
  if (sum > threshold || sum < -threshold) [[unlikely]] {
    zone.stat[index_of(item)].fetch_add(sum, std::memory_order_relaxed);
    diff.set(0);
  } else {
    diff.set(sum);
  }
}

// The same for an item of a node.
inline void mod_node_state(std::byte* area, Node& node, NodeItem item, std::int64_t delta) {
  CounterDiff& diff = percpu_at<PerCpuNode>(area, node.percpu_offset).diffs[index_of(item)];
  const std::int64_t sum = diff.read() + delta;
  const std::int64_t threshold = node.stat_threshold.get();
  if (sum > threshold || sum < -threshold) [[unlikely]] {
    node.stat[index_of(item)].fetch_add(sum, std::memory_order_relaxed);
    diff.set(0);
  } else {
    diff.set(sum);
  }
}

inline void count_event(std::byte* area, VmEvent event, std::uint64_t amount) {
  percpu_at<PerCpuEvents>(area, 0).counts[index_of(event)].add(amount);
}

// Folds what the CPU with this area has kept back, in every zone and node (vmstat_update).
void fold_vmstat(const Nodes& nodes, std::byte* area);

// The shared part plus what CPUs keep back: exact when nobody allocates.
std::int64_t zone_state_snapshot(const Nodes& nodes, const Zone& zone, ZoneItem item);

// Sums for /proc: the shared parts, never below zero.
std::uint64_t zone_state(const Zone& zone, ZoneItem item);
std::uint64_t node_state(const Node& node, NodeItem item);
std::uint64_t global_zone_state(const Nodes& nodes, ZoneItem item);
std::uint64_t global_node_state(const Nodes& nodes, NodeItem item);
std::uint64_t numa_state(const Nodes& nodes, const Zone& zone, NumaItem item);
std::uint64_t node_numa_state(const Nodes& nodes, const Node& node, NumaItem item);
std::uint64_t event_count(const Nodes& nodes, VmEvent event);

// How far a CPU may run ahead of the shared counters of a zone.
std::int64_t normal_stat_threshold(std::uint64_t managed_pages, unsigned cpus);
// Recomputes every zone's and node's threshold, and from which count of free pages on the exact
// sum must be taken (percpu_drift_mark).
void refresh_stat_thresholds(Nodes& nodes);

}  // namespace quire
