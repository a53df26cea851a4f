#include "zone/zonelist.hpp"

#include <array>

namespace quire {
namespace {

// Distance dominates, then how loaded a node is: weights as MAX_NUMNODES makes them.
constexpr std::uint64_t kDistanceWeight = 1024;

using NodeSet = std::uint64_t;
using NodeLoad = std::array<std::uint32_t, kMaxNodes>;

// What earlier steps have taken.
struct Seen {
  NodeSet used = 0;
  const NodeLoad& load;
  CpusUp cpus;
};

// The best node not yet used, or kNoNode.
NodeId next_best_node(const Nodes& nodes, const NumaInfo& numa, NodeId local, const Seen& seen) {
  NodeId best = kNoNode;
  std::uint64_t best_cost = ~std::uint64_t{0};
  for (const Node& node : nodes.all()) {
    const unsigned n = index_of(node.id);
    if (!node.has_memory() || (seen.used >> n & 1) != 0) continue;
    std::uint64_t cost = numa.distance(local, node.id);
    cost += n < index_of(local);
    cost += seen.cpus == CpusUp::kYes && nodes.cpu_count(node.id) != 0;
    cost = cost * kDistanceWeight + seen.load[n];
    if (cost < best_cost) {
      best_cost = cost;
      best = node.id;
    }
  }
  return best;
}

void append_zones(Node& from, std::span<ZoneRef> refs, std::size_t& count) {
  for (unsigned z = kZoneTypes; z-- > 0;) {
    Zone& zone = from.zones[z];
    if (zone.populated()) refs[count++] = {&zone, zone.type};
  }
}

void finish(Zonelist& list, std::size_t count) {
  list.refs[count] = {};
  for (unsigned highest = 0; highest < kZoneTypes; ++highest) {
    const ZoneRef* ref = list.refs.data();
    while (ref->zone != nullptr && index_of(ref->type) > highest) ++ref;
    list.first[highest] = ref;
  }
}

struct Build {
  Nodes& nodes;
  const NumaInfo& numa;
  CpusUp cpus;
  NodeLoad load{};
};

void build_for(Node& local, Build& build) {
  auto& [nodes, numa, cpus, load] = build;
  Seen seen{.load = load, .cpus = cpus};
  std::size_t node_count = 0;
  std::size_t zone_count = 0;
  NodeId previous = local.id;
  const auto take = [&](NodeId id) {
    // The first of each group of equally distant nodes carries the load of this one.
    if (numa.distance(local.id, id) != numa.distance(local.id, previous)) load[index_of(id)] += 1;
    seen.used |= NodeSet{1} << index_of(id);
    local.fallback_order[node_count++] = id;
    append_zones(nodes.node(id), local.fallback.refs, zone_count);
    previous = id;
  };
  take(local.id);
  for (;;) {
    const NodeId id = next_best_node(nodes, numa, local.id, seen);
    if (id == kNoNode) break;
    take(id);
  }
  local.fallback_length = node_count;
  finish(local.fallback, zone_count);
  std::size_t own_count = 0;
  append_zones(local, local.own.refs, own_count);
  finish(local.own, own_count);
  // Fragmenting Normal can wait only where there is a DMA32 zone to fall back to.
  local.zone(ZoneType::kNormal).fragments_late =
      nodes.arch() != ArchProfile::kX86_32 &&
      (nodes.online_count() == 1 || local.zone(ZoneType::kDma32).populated());
}

}  // namespace

Result<void> reserve_zonelists(Nodes& nodes, Arena& arena) {
  const std::size_t count = nodes.all().size();
  for (Node& node : nodes.all()) {
    if (!node.possible) continue;
    QUIRE_TRY_ASSIGN(fallback, arena.make_array<ZoneRef>(count * kZoneTypes + 1, node.id));
    QUIRE_TRY_ASSIGN(own, arena.make_array<ZoneRef>(kZoneTypes + 1, node.id));
    QUIRE_TRY_ASSIGN(order, arena.make_array<NodeId>(count, node.id));
    node.fallback.refs = fallback;
    node.own.refs = own;
    node.fallback_order = order;
  }
  return {};
}

void build_zonelists(Nodes& nodes, const NumaInfo& numa, CpusUp cpus) {
  Build build{nodes, numa, cpus};
  for (Node& node : nodes.all())
    if (node.possible) build_for(node, build);
}

}  // namespace quire
