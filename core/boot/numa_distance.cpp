#include "boot/boot_log.hpp"
#include "boot/numa_info.hpp"

namespace quire {
namespace {

// A table says 10 for a node itself and more for every other.
bool is_valid(std::span<const std::uint8_t> distances, std::size_t nodes) {
  if (nodes * nodes != distances.size()) return false;
  for (std::size_t i = 0; i < distances.size(); ++i) {
    const bool itself = i / nodes == i % nodes;
    if (itself ? distances[i] != kLocalDistance : distances[i] <= kLocalDistance) return false;
  }
  return true;
}

// One more than the highest node that any row names.
unsigned named_nodes(const MachineSpec& spec) {
  unsigned count = 0;
  for (const AffinityRange& row : spec.affinity) count = max_of(count, index_of(row.node) + 1);
  for (const NodeId node : spec.cpu_nodes) count = max_of(count, index_of(node) + 1);
  return count;
}

}  // namespace

void NumaInfo::use_distances(const Context& context) {
  const MachineSpec& spec = context.sources.spec;
  if (spec.distances.empty()) return;
  const std::size_t side = int_sqrt(spec.distances.size());
  if (!is_valid(spec.distances, side)) {
    context.host.log("ACPI: SLIT table looks invalid. Not used.");
    return;
  }
  table_nodes_ = named_nodes(spec);
  LogLine(context.host)->str("NUMA: Initialized distance table, cnt=").dec(table_nodes_);
  for (std::size_t from = 0; from < table_nodes_; ++from)
    for (std::size_t to = 0; to < table_nodes_; ++to) {
      const bool in_table = from < side && to < side;
      const std::uint8_t otherwise = from == to ? kLocalDistance : kRemoteDistance;
      table_[from * kMaxNodes + to] = in_table ? spec.distances[from * side + to] : otherwise;
    }
}

std::uint8_t NumaInfo::distance(NodeId from, NodeId to) const {
  if (index_of(from) < table_nodes_ && index_of(to) < table_nodes_)
    return table_[std::size_t{index_of(from)} * kMaxNodes + index_of(to)];
  return from == to ? kLocalDistance : kRemoteDistance;
}

}  // namespace quire
