#include "zone/vmstat.hpp"

namespace quire {
namespace {

std::uint64_t not_negative(std::int64_t value) {
  return value < 0 ? 0 : static_cast<std::uint64_t>(value);
}

// What the hot paths of one set have counted.
struct HotCounts {
  std::uint64_t requests;
  std::uint64_t pages;
  std::uint64_t freed;
};
HotCounts hot_counts(PerCpuPages& pages) {
  pages.lock.claim(*Arch::current()->host);
  const HotCounts counts{pages.served_requests(), pages.served_pages(), pages.freed()};
  pages.lock.release();
  return counts;
}

template <class Diffs, class Stat>
void fold(Diffs& diffs, Stat& stat) {
  for (std::size_t i = 0; i < diffs.size(); ++i) {
    const std::int64_t kept = diffs[i].read();
    if (kept == 0) continue;
    diffs[i].set(0);
    stat[i].fetch_add(kept, std::memory_order_relaxed);
  }
}

}  // namespace

void fold_vmstat(const Nodes& nodes, std::byte* area) {
  for (Node& node : nodes.all()) {
    if (!node.online) continue;
    fold(percpu_at<PerCpuNode>(area, node.percpu_offset).diffs, node.stat);
    for (Zone& zone : node.zones)
      fold(percpu_at<PerCpuZone>(area, zone.percpu_offset).diffs, zone.stat);
  }
}

std::int64_t zone_state_snapshot(const Nodes& nodes, const Zone& zone, ZoneItem item) {
  std::int64_t sum = zone.stat[index_of(item)].load(std::memory_order_relaxed);
  for (unsigned cpu = 0; cpu < nodes.cpu_count(); ++cpu) {
    const CpuId id{static_cast<std::uint16_t>(cpu)};
    sum += nodes.percpu(zone, id).diffs[index_of(item)].read();
  }
  return sum;
}

std::uint64_t zone_state(const Zone& zone, ZoneItem item) {
  return not_negative(zone.stat[index_of(item)].load(std::memory_order_relaxed));
}

std::uint64_t node_state(const Node& node, NodeItem item) {
  return not_negative(node.stat[index_of(item)].load(std::memory_order_relaxed));
}

std::uint64_t global_zone_state(const Nodes& nodes, ZoneItem item) {
  std::int64_t sum = 0;
  nodes.for_each_populated([&](const Zone& zone) {
    sum += zone.stat[index_of(item)].load(std::memory_order_relaxed);
  });
  return not_negative(sum);
}

std::uint64_t global_node_state(const Nodes& nodes, NodeItem item) {
  std::int64_t sum = 0;
  for (const Node& node : nodes.all())
    sum += node.stat[index_of(item)].load(std::memory_order_relaxed);
  return not_negative(sum);
}

std::uint64_t numa_state(const Nodes& nodes, const Zone& zone, NumaItem item) {
  std::uint64_t sum = 0;
  for (unsigned cpu = 0; cpu < nodes.cpu_count(); ++cpu) {
    PerCpuZone& own = nodes.percpu(zone, CpuId{static_cast<std::uint16_t>(cpu)});
    sum += own.numa[index_of(item)].read();
    const bool local = nodes.node_of(CpuId{static_cast<std::uint16_t>(cpu)}) == zone.node;
    const NumaItem where = local ? NumaItem::kNumaLocal : NumaItem::kNumaOther;
    if (item == NumaItem::kNumaHit || item == where) sum += hot_counts(own.pages).requests;
  }
  return sum;
}

std::uint64_t node_numa_state(const Nodes& nodes, const Node& node, NumaItem item) {
  std::uint64_t sum = 0;
  for (const Zone& zone : node.zones)
    if (zone.populated()) sum += numa_state(nodes, zone, item);
  return sum;
}

std::uint64_t event_count(const Nodes& nodes, VmEvent event) {
  std::uint64_t sum = 0;
  for (unsigned c = 0; c < nodes.cpu_count(); ++c) {
    const CpuId cpu{static_cast<std::uint16_t>(c)};
    sum += percpu_at<PerCpuEvents>(nodes.percpu_area(cpu), 0).counts[index_of(event)].read();
    nodes.for_each_populated([&](const Zone& zone) {
      const bool allocations = event == for_zone(VmEvent::kPgalloc, zone.type);
      if (!allocations && event != VmEvent::kPgfree) return;
      const HotCounts hot = hot_counts(nodes.percpu(zone, cpu).pages);
      sum += allocations ? hot.pages : hot.freed;
    });
  }
  return sum;
}

std::int64_t normal_stat_threshold(std::uint64_t managed_pages, unsigned cpus) {
  constexpr std::int64_t kMost = 125;  // a CPU's part is one signed byte
  const std::uint64_t units = managed_pages >> (27 - kPageShift);  // of 128 MiB
  return min_of<std::int64_t>(kMost, 2 * std::int64_t{fls(cpus)} * (1 + std::int64_t{fls(units)}));
}

void refresh_stat_thresholds(Nodes& nodes) {
  const unsigned cpus = nodes.cpu_count();
  for (Node& node : nodes.all()) node.stat_threshold.set(0);
  nodes.for_each_populated([&](Zone& zone) {
    const std::int64_t threshold = normal_stat_threshold(zone.managed_pages(), cpus);
    zone.stat_threshold.set(threshold);
    Node& node = nodes.node(zone.node);
    node.stat_threshold.set(max_of(node.stat_threshold.get(), threshold));
    const std::int64_t tolerated = zone.watermark[index_of(Watermark::kLow)].get() -
                                   zone.watermark[index_of(Watermark::kMin)].get();
    const std::int64_t drift = std::int64_t{cpus} * threshold;
    if (drift > tolerated)
      zone.percpu_drift_mark.set(zone.watermark[index_of(Watermark::kHigh)].get() + drift);
  });
}

}  // namespace quire
