#include "zone/nodes.hpp"

#include <new>

namespace quire {
namespace {

void place_zone(Zone& zone, const NodeLayout& layout, unsigned number) {
  const ZoneLayout& from = layout.zones[index_of(zone.type)];
  zone.node = layout.id;
  zone.page_bits = number << PageWord::kZoneShift;
  zone.percpu_offset = percpu_zone_offset(number);
  zone.span = from.span;
  zone.present = from.present;
}

}  // namespace

Result<void> Nodes::init(Arena& arena, ArchProfile arch, const NumaInfo& numa,
                         const Layout& layout) {
  arch_ = arch;
  QUIRE_TRY_ASSIGN(nodes, arena.make_array<Node>(layout.nodes.size()));
  QUIRE_TRY_ASSIGN(by_number, arena.make_array<Zone*>(nodes.size() * kZoneTypes));
  QUIRE_TRY_ASSIGN(cpu_nodes, arena.make_array<NodeId>(numa.cpu_nodes().size()));
  nodes_ = nodes;
  zone_by_number_ = by_number;
  cpu_nodes_ = cpu_nodes;
  for (std::size_t i = 0; i < cpu_nodes_.size(); ++i) cpu_nodes_[i] = numa.cpu_nodes()[i];
  for (std::size_t n = 0; n < nodes_.size(); ++n) {
    const NodeLayout& from = layout.nodes[n];
    Node& node = nodes_[n];
    node.id = NodeId{static_cast<std::uint16_t>(n)};
    node.possible = from.possible;
    node.online = from.online;
    node.span = from.span;
    node.present = from.present;
    for (unsigned z = 0; z < kZoneTypes; ++z) {
      const auto number = static_cast<unsigned>(n) * kZoneTypes + z;
      node.zones[z].type = static_cast<ZoneType>(z);
      place_zone(node.zones[z], from, number);
      zone_by_number_[number] = &node.zones[z];
    }
  }
  return make_percpu_areas(arena);
}

Result<void> Nodes::make_percpu_areas(Arena& arena) {
  std::uint32_t size = percpu_zone_offset(static_cast<unsigned>(zone_by_number_.size()));
  for (Node& node : nodes_) {
    node.percpu_offset = size;
    size += sizeof(PerCpuNode);
  }
  QUIRE_TRY(areas_.init(arena, cpu_nodes_, Bytes{size}));
  for (std::byte* const area : areas_.all()) {
    new (area) PerCpuEvents;
    for (const Node& node : nodes_) {
      if (!node.possible) continue;
      new (area + node.percpu_offset) PerCpuNode;
      for (const Zone& zone : node.zones) new (area + zone.percpu_offset) PerCpuZone;
    }
  }
  return {};
}

unsigned Nodes::online_count() const {
  unsigned count = 0;
  for (const Node& node : nodes_) count += node.online;
  return count;
}

unsigned Nodes::cpu_count(NodeId id) const {
  unsigned count = 0;
  for (const NodeId node : cpu_nodes_) count += node == id;
  return count;
}

std::uint64_t Nodes::managed_pages() const {
  std::uint64_t pages = 0;
  for_each_populated([&](const Zone& zone) { pages += zone.managed_pages(); });
  return pages;
}

bool Nodes::has_managed(PageCount pages) const {
  std::uint64_t managed = 0;
  for (const Node& node : nodes_)
    for (const Zone& zone : node.zones)
      if (managed += zone.managed_pages(); managed >= pages.raw()) return true;
  return false;
}

}  // namespace quire
