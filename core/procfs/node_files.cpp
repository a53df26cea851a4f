#include "procfs/rows.hpp"
#include "procfs/show.hpp"

namespace quire {
namespace {

template <class Has>
void show_node_list(const ProcSources& from, Text& out, Has has) {
  NumberList list(out);
  for (const Node& node : from.nodes.all())
    if (node.online && has(node)) list.add(index_of(node.id));
  list.finish();
}

bool has_cpu(const ProcSources& from, const Node& node, unsigned cpu) {
  return cpu < from.nodes.cpu_count() &&
         from.nodes.node_of(CpuId{static_cast<std::uint16_t>(cpu)}) == node.id;
}

bool has_normal_memory(const Node& node) {
  return node.zone(ZoneType::kDma).populated() || node.zone(ZoneType::kDma32).populated() ||
         node.zone(ZoneType::kNormal).populated();
}

}  // namespace

void show_online_nodes(const ProcSources& from, Text& out) {
  show_node_list(from, out, [](const Node&) { return true; });
}

void show_possible_nodes(const ProcSources& from, Text& out) {
  NumberList list(out);
  for (const Node& node : from.nodes.all())
    if (node.possible) list.add(index_of(node.id));
  list.finish();
}

void show_nodes_with_cpus(const ProcSources& from, Text& out) {
  show_node_list(from, out, [&](const Node& node) { return from.nodes.cpu_count(node.id) != 0; });
}

void show_nodes_with_memory(const ProcSources& from, Text& out) {
  show_node_list(from, out, [](const Node& node) { return node.has_memory(); });
}

void show_nodes_with_normal_memory(const ProcSources& from, Text& out) {
  show_node_list(from, out, has_normal_memory);
}

void show_nodes_with_high_memory(const ProcSources& from, Text& out) {
  show_node_list(from, out, [](const Node& node) {
    return has_normal_memory(node) || node.zone(ZoneType::kHighMem).populated();
  });
}

void show_nodes_with_initiators(const ProcSources& from, Text& out) {
  show_node_list(from, out, [](const Node&) { return false; });
}

void show_node_numastat(const ProcSources& from, const Node& node, Text& out) {
  const auto sum = [&](NumaItem item) { return node_numa_state(from.nodes, node, item); };
  show_count(out, "numa_hit", sum(NumaItem::kNumaHit));
  show_count(out, "numa_miss", sum(NumaItem::kNumaMiss));
  show_count(out, "numa_foreign", sum(NumaItem::kNumaForeign));
  show_count(out, "interleave_hit", sum(NumaItem::kNumaInterleave));
  show_count(out, "local_node", sum(NumaItem::kNumaLocal));
  show_count(out, "other_node", sum(NumaItem::kNumaOther));
}

void show_node_distance(const ProcSources& from, const Node& node, Text& out) {
  bool first = true;
  for (const Node& other : from.nodes.all()) {
    if (!other.online) continue;
    if (!first) out.ch(' ');
    out.dec(from.plan.numa().distance(node.id, other.id));
    first = false;
  }
  out.nl();
}

void show_node_cpumap(const ProcSources& from, const Node& node, Text& out) {
  constexpr unsigned kGroupBits = 32;
  const unsigned cpus = from.nodes.cpu_count();
  const unsigned groups = (cpus + kGroupBits - 1) / kGroupBits;
  for (unsigned group = groups; group-- > 0;) {
    std::uint32_t bits = 0;
    for (unsigned bit = 0; bit < kGroupBits; ++bit)
      if (has_cpu(from, node, group * kGroupBits + bit)) bits |= 1u << bit;
    const unsigned left = cpus - group * kGroupBits;
    out.hex(bits, {(min_of(left, kGroupBits) + 3) / 4});
    if (group != 0) out.ch(',');
  }
  out.nl();
}

void show_node_cpulist(const ProcSources& from, const Node& node, Text& out) {
  NumberList list(out);
  for (unsigned cpu = 0; cpu < from.nodes.cpu_count(); ++cpu)
    if (has_cpu(from, node, cpu)) list.add(cpu);
  list.finish();
}

}  // namespace quire
