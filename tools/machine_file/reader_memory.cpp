#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "tools/machine_file/pc_layout.hpp"
#include "tools/machine_file/reader_parts.hpp"
#include "tools/machine_file/text_forms.hpp"

namespace quire::machine_file {
namespace {

constexpr Limits kNodeNumbers{0, static_cast<std::int64_t>(kMaxNodes) - 1};

// What the [[node]] tables say about memory: sizes to lay out, or ranges as they are.
struct NodeMemory {
  std::vector<Bytes> sizes;  // one for each node; 0 where none was given
  std::vector<AffinityRange> ranges;
  std::vector<Place> places;  // of each range
};

void read_ranges(const TomlTable& table, NodeId node, NodeMemory& memory) {
  const toml::array& list = *table.node("memory")->as_array();
  for (const toml::node& item : list) {
    const auto range = range_of(item);
    if (!range) {
      table.report("memory", fmt::format("expected ranges [first, last] such as "
                                         "[0x100000, 0x7fffffff], found {} on line {}",
                                         describe(item), line_of(item)));
      return;
    }
    memory.ranges.push_back({*range, node, false});
    memory.places.push_back(table.place("memory"));
  }
}

NodeMemory read_node_memory(const std::vector<TomlTable>& nodes) {
  NodeMemory memory;
  memory.sizes.resize(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const toml::node* value = nodes[i].node("memory");
    if (!value) continue;
    if (value->is_array()) {
      read_ranges(nodes[i], static_cast<NodeId>(i), memory);
    } else if (value->is_string() || value->is_integer()) {
      memory.sizes[i] = nodes[i].size("memory").value_or(Bytes{});
    } else {
      nodes[i].report_expected("memory", "a size such as \"512M\" or a list of ranges");
    }
  }
  return memory;
}

void read_firmware(const TomlTable& root, MachineFile& machine) {
  for (const TomlTable& row : root.tables("firmware")) {
    row.allow_only({"start", "end", "size", "type"});
    const auto type = row.choice<FirmwareType>("type", {{"usable", FirmwareType::kUsable},
                                                        {"reserved", FirmwareType::kReserved},
                                                        {"acpi_data", FirmwareType::kAcpiData},
                                                        {"acpi_nvs", FirmwareType::kAcpiNvs},
                                                        {"unusable", FirmwareType::kUnusable},
                                                        {"persistent", FirmwareType::kPersistent}});
    if (const auto range = row.range()) {
      machine.firmware_map.push_back({*range, type.value_or(FirmwareType::kUsable)});
    }
  }
}

void read_affinity(const TomlTable& root, NodeMemory& memory) {
  for (const TomlTable& row : root.tables("affinity")) {
    row.allow_only({"start", "end", "size", "node", "hotplug"});
    const std::size_t nodes = memory.sizes.size();
    const Limits limits = {0,
                           nodes == 0 ? kNodeNumbers.high : static_cast<std::int64_t>(nodes) - 1};
    const auto node = row.integer("node", limits);
    if (!row.has("node")) row.report("", "expected a node");
    const auto range = row.range();
    if (!node || !range) continue;
    memory.ranges.push_back({*range, static_cast<NodeId>(*node), row.flag("hotplug") == true});
    memory.places.push_back(row.place(""));
  }
}

void refuse_overlaps(const NodeMemory& memory, Problems& problems) {
  std::vector<std::size_t> order(memory.ranges.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return memory.ranges[i].range.start; });
  std::size_t furthest = 0;
  for (std::size_t i = 1; i < order.size(); ++i) {
    const AffinityRange& before = memory.ranges[order[furthest]];
    const AffinityRange& row = memory.ranges[order[i]];
    if (row.range.start < before.range.end && row.node != before.node) {
      const std::size_t later = std::max(order[i], order[furthest]);
      const AffinityRange& other = memory.ranges[std::min(order[i], order[furthest])];
      problems.report(memory.places[later],
                      fmt::format("expected ranges of its own, found {}, which overlaps {} of "
                                  "node {}",
                                  format_range(memory.ranges[later].range),
                                  format_range(other.range), index_of(other.node)));
      return;
    }
    if (before.range.end < row.range.end) furthest = i;
  }
}

// From `ram` and the nodes' sizes to a map like a PC's.
void lay_out_ram(const TomlTable& root, const NodeMemory& memory, MachineFile& machine) {
  const auto ram = root.size("ram");
  const Bytes sum = std::accumulate(memory.sizes.begin(), memory.sizes.end(), Bytes{});
  if (root.has("ram") && !ram) return;
  if (!ram && !sum) {
    root.report("", "expected \"ram\", [[node]] with memory, or [[firmware]], found none of them");
    return;
  }
  if (ram && sum && *ram != sum) {
    root.report("ram", fmt::format("expected the {} that the nodes hold together, found \"{}\"",
                                   format_size(sum), format_size(*ram)));
    return;
  }
  if (ram && !sum && memory.sizes.size() > 1) {
    root.report("ram", "expected the memory of each [[node]] instead, since there are several");
    return;
  }
  const Bytes total = sum ? sum : *ram;
  if (total > kPcMaxRam) {
    root.report(ram ? "ram" : "node",
                fmt::format("expected at most 32T of RAM in all, found {}", format_size(total)));
    return;
  }
  machine.firmware_map = pc_firmware_map(total);
  if (sum) machine.affinity = pc_affinity(memory.sizes);
}

void read_layout(const TomlTable& root, const std::vector<TomlTable>& nodes, MachineFile& machine) {
  NodeMemory memory = read_node_memory(nodes);
  const auto sized = std::ranges::find_if(memory.sizes, [](Bytes size) { return bool(size); });
  if (!memory.ranges.empty() && root.has("affinity")) {
    root.report("affinity", "expected no memory ranges in [[node]] beside [[affinity]]");
  }
  read_affinity(root, memory);
  read_firmware(root, machine);
  const bool placed = root.has("firmware") || !memory.ranges.empty();
  if (!placed) return lay_out_ram(root, memory, machine);
  if (sized != memory.sizes.end()) {
    nodes[static_cast<std::size_t>(sized - memory.sizes.begin())].report_expected(
        "memory", "a list of ranges, as elsewhere in this file");
  }
  if (root.has("ram")) root.report("ram", "expected no \"ram\" where ranges say what is RAM");
  if (root.has("affinity") && !root.has("firmware")) {
    root.report("affinity", "expected [[firmware]] beside [[affinity]]");
  }
  refuse_overlaps(memory, root.problems());
  if (!root.has("firmware")) {
    for (const AffinityRange& row : memory.ranges) machine.firmware_map.push_back({row.range});
  }
  machine.affinity = std::move(memory.ranges);
}

void read_cpus(const TomlTable& root, const std::vector<TomlTable>& nodes, MachineFile& machine) {
  constexpr NodeId kNobody = kNoNode;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto text = nodes[i].text("cpus");
    const auto cpus = parse_cpu_list(text.value_or(""));
    if (!cpus) return nodes[i].report_expected("cpus", "a list of CPUs such as \"0-3,8\"");
    for (const CpuId cpu : *cpus) {
      if (machine.cpu_nodes.size() <= index_of(cpu)) {
        machine.cpu_nodes.resize(index_of(cpu) + 1, kNobody);
      }
      NodeId& owner = machine.cpu_nodes[index_of(cpu)];
      if (owner != kNobody) {
        return nodes[i].report(
            "cpus", fmt::format("expected each CPU once, found CPU {} again, which node[{}] has",
                                index_of(cpu), index_of(owner)));
      }
      owner = static_cast<NodeId>(i);
    }
  }
  const auto count = root.integer("cpus", {1, static_cast<std::int64_t>(kMaxCpus)});
  if (machine.cpu_nodes.empty()) {
    machine.cpu_nodes.assign(static_cast<std::size_t>(count.value_or(1)), NodeId{});
    return;
  }
  if (root.has("cpus")) root.report("cpus", "expected no \"cpus\" where [[node]] says which");
  const auto hole = std::ranges::find(machine.cpu_nodes, kNobody);
  if (hole != machine.cpu_nodes.end()) {
    root.report("node", fmt::format("expected CPUs numbered without holes, found no node with "
                                    "CPU {}",
                                    hole - machine.cpu_nodes.begin()));
  }
}

void check_cpu_count(const TomlTable& root, const MachineFile& machine) {
  const std::size_t count = machine.cpu_nodes.size();
  if (machine.arch != ArchProfile::kX86_32 || count <= kMaxCpus32) return;
  root.report(root.has("cpus") ? "cpus" : "node",
              fmt::format("expected at most {} CPUs with arch = \"x86_32\", found {}", kMaxCpus32,
                          count));
}

// One row of the distances; reports and returns false when it is none.
bool read_distance_row(const TomlTable& root, const toml::array& rows, std::size_t row,
                       MachineFile& machine) {
  const toml::array* cells = rows.get(row)->as_array();
  if (!cells || cells->size() != rows.size()) {
    root.report("distances",
                fmt::format("expected {} numbers in row {}, found {}", rows.size(), row,
                            cells ? std::to_string(cells->size()) : describe(*rows.get(row))));
    return false;
  }
  for (std::size_t column = 0; column < cells->size(); ++column) {
    const auto* cell = cells->get(column)->as_integer();
    const std::int64_t low = kLocalDistance;
    const std::int64_t high = row == column ? kLocalDistance : 255;
    if (!cell || cell->get() < low || cell->get() > high) {
      root.report("distances", fmt::format("expected {} from node {} to node {}, found {}",
                                           row == column ? "10" : "10 to 255", row, column,
                                           describe(*cells->get(column))));
      return false;
    }
    machine.distances.push_back(static_cast<std::uint8_t>(cell->get()));
  }
  return true;
}

void read_distances(const TomlTable& root, std::size_t nodes, MachineFile& machine) {
  if (!root.has("distances")) return;
  const toml::array* rows = root.node("distances")->as_array();
  const std::size_t expected = nodes == 0 ? machine.node_count() : nodes;
  if (!rows || rows->size() != expected) {
    root.report(
        "distances",
        fmt::format("expected a list of {} rows, one a node, found {}", expected,
                    rows ? std::to_string(rows->size()) : describe(*root.node("distances"))));
    return;
  }
  for (std::size_t row = 0; row < rows->size(); ++row) {
    if (!read_distance_row(root, *rows, row, machine)) return;
  }
}

}  // namespace

void read_memory(const TomlTable& root, MachineFile& machine) {
  const std::vector<TomlTable> nodes = root.tables("node");
  if (nodes.size() > kMaxNodes) {
    return root.report("node",
                       fmt::format("expected at most {} nodes, found {}", kMaxNodes, nodes.size()));
  }
  for (const TomlTable& node : nodes) node.allow_only({"memory", "cpus"});
  read_layout(root, nodes, machine);
  read_cpus(root, nodes, machine);
  check_cpu_count(root, machine);
  if (!root.problems().any()) read_distances(root, nodes.size(), machine);
}

}  // namespace quire::machine_file
