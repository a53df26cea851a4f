// Counters as they are, with what CPUs have not folded: nobody else uses the machine.
#pragma once

#include "machine/machine.hpp"

namespace quire {

inline std::int64_t exact(Machine& machine, NodeItem item) {
  Nodes& nodes = machine.nodes();
  std::int64_t sum = 0;
  for (Node& node : nodes.all()) {
    if (!node.possible) continue;
    sum += node.stat[index_of(item)].load();
    for (const CpuContext& cpu : machine.cpus())
      sum += percpu_at<PerCpuNode>(cpu.percpu, node.percpu_offset).diffs[index_of(item)].read();
  }
  return sum;
}

inline std::int64_t exact(Machine& machine, ZoneItem item) {
  std::int64_t sum = 0;
  machine.nodes().for_each_populated([&](const Zone& zone) {
    sum += zone_state_snapshot(machine.nodes(), zone, item);
  });
  return sum;
}

}  // namespace quire
