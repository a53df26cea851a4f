// Orders in which nodes are asked: as recorded from Linux, and as the obvious rule has them.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "tests/support/test_machine.hpp"

namespace quire {
namespace {

using NodeOrder = std::vector<unsigned>;

NodeOrder order_of(Machine& machine, unsigned node) {
  const Node& from = machine.nodes().node(node_id(node));
  NodeOrder order;
  for (std::size_t i = 0; i < from.fallback_length; ++i)
    order.push_back(index_of(from.fallback_order[i]));
  return order;
}

// The same, from the zones of the list itself.
NodeOrder nodes_in_list(Machine& machine, unsigned node) {
  NodeOrder order;
  for (const ZoneRef& ref : machine.nodes().node(node_id(node)).fallback.refs) {
    if (ref.zone == nullptr) break;
    const unsigned of = index_of(ref.zone->node);
    if (order.empty() || order.back() != of) order.push_back(of);
  }
  return order;
}

// A machine with the nodes of a recorded one: memory where it had some, CPUs where it had some.
Shape shape_of(const nlohmann::json& recorded) {
  Shape shape;
  for (const auto& row : recorded["early_node_ranges"]) {
    const std::uint64_t start = (row["start"].get<std::uint64_t>() + 0xfffff) >> 20;
    const std::uint64_t end = (row["end"].get<std::uint64_t>() + 1) >> 20;
    if (start < end) shape.ram.push_back({row["node"].get<unsigned>(), start, end});
  }
  for (const auto& [node, cpus] : recorded["node_cpus"].items())
    if (!cpus.get<std::string>().empty())
      shape.cpus.push_back(node_id(static_cast<unsigned>(std::stoul(node))));
  return shape;
}

class RecordedOrders : public testing::TestWithParam<std::string> {};

TEST_P(RecordedOrders, AreTheSameHere) {
  std::ifstream file(std::string(QUIRE_TESTS_DIR) + "/oracle/captures/" + GetParam() +
                     "/machine.json");
  const auto recorded = nlohmann::json::parse(file);
  Shape shape = shape_of(recorded);
  for (const auto& row : recorded["distance"])
    for (const unsigned distance : row)
      shape.distances.push_back(static_cast<std::uint8_t>(distance));
  TestMachine machine(shape);
  for (const auto& [node, order] : recorded["fallback_order"].items())
    EXPECT_EQ(order_of(machine.machine, static_cast<unsigned>(std::stoul(node))),
              order.get<NodeOrder>()) << "node " << node;
  EXPECT_TRUE(audited(machine.machine));
}

std::vector<std::string> machines_with_nodes() {
  std::vector<std::string> names;
  const std::filesystem::path folder = std::string(QUIRE_TESTS_DIR) + "/oracle/captures";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path() / "machine.json");
    if (!file) continue;
    const auto recorded = nlohmann::json::parse(file);
    const bool affine = recorded.contains("srat") && !recorded["srat"].empty();
    // A node without a number between nodes has no row in the recorded distances.
    const bool all_there =
        recorded.contains("fallback_order") && recorded["fallback_order"].size() > 1 &&
        recorded["fallback_order"].size() == recorded["distance"].size();
    if (affine && all_there) names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(Linux61, RecordedOrders, testing::ValuesIn(machines_with_nodes()),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (char& c : name)
                             if (c == '-') c = '_';
                           return name;
                         });

TEST(Zonelists, ThereAreRecordedMachinesWithSeveralNodes) {
  EXPECT_GE(machines_with_nodes().size(), 10u);
}

TEST(Zonelists, RequestsStartAtTheHighestZoneTheyMayUseAndGoDown) {
  TestMachine machine(Shape::two_nodes(256));
  const Zonelist& list = machine.machine.nodes().node(node_id(0)).fallback;
  EXPECT_EQ(list.first[index_of(ZoneType::kNormal)]->zone,
            &machine.zone(0, ZoneType::kNormal));
  EXPECT_EQ(list.first[index_of(ZoneType::kMovable)]->zone,
            &machine.zone(0, ZoneType::kNormal));
  EXPECT_EQ(list.first[index_of(ZoneType::kDma32)]->zone, &machine.dma32());
  EXPECT_EQ(list.first[index_of(ZoneType::kDma)]->zone, nullptr);
  EXPECT_EQ(list.refs[1].zone, &machine.dma32());
  EXPECT_EQ(list.refs[2].zone, &machine.zone(1, ZoneType::kNormal));
  EXPECT_EQ(list.refs[3].zone, nullptr);
}

TEST(Zonelists, ANodesOwnListLeavesOthersOut) {
  TestMachine machine(Shape::two_nodes(256));
  const Zonelist& list = machine.machine.nodes().node(node_id(1)).own;
  EXPECT_EQ(list.refs[0].zone, &machine.zone(1, ZoneType::kNormal));
  EXPECT_EQ(list.refs[1].zone, nullptr);
  EXPECT_EQ(list.first[index_of(ZoneType::kDma32)]->zone, nullptr);
}

TEST(Zonelists, ANodeWithoutMemoryFallsBackToTheOthers) {
  Shape shape = Shape::two_nodes(256);
  shape.cpus.push_back(node_id(2));
  TestMachine machine(shape);
  EXPECT_EQ(nodes_in_list(machine.machine, 2), (NodeOrder{0, 1}));
  machine.use_cpu(2);
  Page* const page = machine.alloc(Gfp::kKernel, 0, node_id(2));
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(index_of(machine.machine.nodes().zone_of(page->word).node), 0u);
  EXPECT_TRUE(audited(machine.machine));
}

TEST(Zonelists, FragmentationIsPutOffWhereNormalLiesAboveDma32) {
  TestMachine machine(Shape::two_nodes(256));
  EXPECT_TRUE(machine.zone(0, ZoneType::kNormal).fragments_late);
  EXPECT_FALSE(machine.zone(1, ZoneType::kNormal).fragments_late);
  EXPECT_FALSE(machine.dma32().fragments_late);
}

}  // namespace
}  // namespace quire
