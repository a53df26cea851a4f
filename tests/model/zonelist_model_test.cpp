// Zonelists of random machines against the rule said plainly: each node in turn takes the nearest
// that is left; of the equally near those after it, of these the one that fewest had as nearest.
//
// QUIRE_SEED=n replays a run.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>
#include <span>
#include <tuple>
#include <vector>

#include "tests/support/test_machine.hpp"

namespace quire {
namespace {

struct World {
  std::vector<bool> has_memory;
  std::vector<std::uint8_t> distances;
  [[nodiscard]] unsigned size() const { return static_cast<unsigned>(has_memory.size()); }
  [[nodiscard]] std::span<const std::uint8_t> distances_from(unsigned node) const {
    return std::span(distances).subspan(node * size(), size());
  }
};

std::vector<std::vector<unsigned>> naive_orders(const World& world) {
  std::vector<std::vector<unsigned>> orders;
  std::map<unsigned, unsigned> load;
  for (unsigned local = 0; local < world.size(); ++local) {
    std::set<unsigned> left;
    for (unsigned node = 0; node < world.size(); ++node)
      if (node != local && world.has_memory[node]) left.insert(node);
    const auto distance = world.distances_from(local);
    std::vector<unsigned> order{local};
    while (!left.empty()) {
      std::set<std::tuple<unsigned, unsigned, unsigned>> by_cost;
      for (const unsigned node : left)
        by_cost.insert({distance[node] + (node < local ? 1u : 0u), load[node], node});
      const unsigned next = std::get<2>(*by_cost.begin());
      if (distance[next] != distance[order.back()]) ++load[next];
      order.push_back(next);
      left.erase(next);
    }
    orders.push_back(order);
  }
  return orders;
}

World random_world(Random& random) {
  World world;
  const unsigned nodes = 1 + random.below(64);
  for (unsigned node = 0; node < nodes; ++node)
    world.has_memory.push_back(node == 0 || random.below(5) != 0);
  // Few different distances, so that many nodes are equally far.
  const unsigned kinds = 1 + random.below(6);
  for (unsigned from = 0; from < nodes; ++from)
    for (unsigned to = 0; to < nodes; ++to)
      world.distances.push_back(
          static_cast<std::uint8_t>(from == to ? 10 : 11 + random.below(kinds)));
  return world;
}

Shape shape_of(const World& world) {
  Shape shape;
  for (unsigned node = 0; node < world.size(); ++node) {
    if (world.has_memory[node]) shape.ram.push_back({node, 128 * (node + 1), 128 * (node + 2)});
    shape.cpus.push_back(node_id(node));
  }
  shape.distances = world.distances;
  return shape;
}

TEST(ZonelistModel, RandomDistancesGiveTheOrdersOfTheRule) {
  const char* const told = std::getenv("QUIRE_SEED");
  const std::uint64_t first = told == nullptr ? 1 : std::strtoull(told, nullptr, 0);
  for (std::uint64_t seed = first; seed < first + 60; ++seed) {
    SCOPED_TRACE("QUIRE_SEED=" + std::to_string(seed));
    Random random(seed);
    const World world = random_world(random);
    TestMachine machine(shape_of(world));
    const auto expected = naive_orders(world);
    for (unsigned n = 0; n < world.size(); ++n) {
      const Node& node = machine.machine.nodes().node(node_id(n));
      std::vector<unsigned> order;
      for (std::size_t i = 0; i < node.fallback_length; ++i)
        order.push_back(index_of(node.fallback_order[i]));
      ASSERT_EQ(order, expected[n]) << "node " << n;
    }
    ASSERT_TRUE(audited(machine.machine));
  }
}

}  // namespace
}  // namespace quire
