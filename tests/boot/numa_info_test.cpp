#include <gtest/gtest.h>

#include "boot/boot.hpp"
#include "tests/boot/machine_builder.hpp"

namespace quire::test {
namespace {

TEST(NumaInfo, WithoutATableOneNodeOwnsEverything) {
  MachineBuilder machine;
  machine.ram(kMiB, 2 * kGiB).cpu_on(0).cpu_on(1);
  const BootPlan& plan = **machine.boot();
  EXPECT_FALSE(plan.numa().from_firmware());
  EXPECT_EQ(plan.numa().node_count(), 1U);
  EXPECT_EQ(plan.numa().cpu_nodes()[1], NodeId{0});
  EXPECT_TRUE(machine.host.logged("No NUMA configuration found"));
  EXPECT_TRUE(machine.host.logged("Faking a node at [mem 0x0000000000000000-0x000000007fffffff]"));
}

TEST(NumaInfo, RowsGiveMemoryItsNodeAndAreClippedToRam) {
  MachineBuilder machine;
  machine.ram(kMiB, 2 * kGiB).cpu_on(0).cpu_on(1);
  machine.node(0, bytes(0, kGiB)).node(1, bytes(kGiB, 8 * kGiB));
  const BootPlan& plan = **machine.boot();
  EXPECT_TRUE(plan.numa().from_firmware());
  EXPECT_EQ(plan.layout().nodes[1].span, pages(kGiB >> 12, 2 * kGiB >> 12));
  EXPECT_EQ(plan.numa().cpu_nodes()[1], NodeId{1});
}

TEST(NumaInfo, RowsOfTwoNodesThatOverlapMakeTheTableVoid) {
  MachineBuilder machine;
  machine.ram(kMiB, 2 * kGiB).node(0, bytes(0, kGiB + 1)).node(1, bytes(kGiB, 2 * kGiB));
  const BootPlan& plan = **machine.boot();
  EXPECT_FALSE(plan.numa().from_firmware());
  EXPECT_TRUE(
      machine.host.logged("NUMA: node 0 [mem 0x00000000-0x40000000] overlaps with node 1 "
                          "[mem 0x40000000-0x7fffffff]"));
}

TEST(NumaInfo, RowsOfOneNodeMayOverlap) {
  MachineBuilder machine;
  machine.ram(kMiB, 2 * kGiB).node(0, bytes(0, kGiB + 1)).node(0, bytes(kGiB, 2 * kGiB));
  EXPECT_TRUE((*machine.boot())->numa().from_firmware());
  EXPECT_TRUE(
      machine.host.logged("NUMA: Warning: node 0 [mem 0x00000000-0x40000000] overlaps "
                          "with itself [mem 0x40000000-0x7fffffff]"));
}

TEST(NumaInfo, BlocksOfANodeAreJoinedOverAHoleThatIsNobodys) {
  MachineBuilder machine;
  machine.ram(0x1000, 0xa0000).ram(kMiB, kGiB);
  machine.node(0, bytes(0, 0xa0000)).node(0, bytes(kMiB, kGiB));
  EXPECT_TRUE((*machine.boot())->numa().from_firmware());
  EXPECT_TRUE(
      machine.host.logged("NUMA: Node 0 [mem 0x00000000-0x0009ffff] + [mem 0x00100000-"
                          "0x3fffffff] -> [mem 0x00000000-0x3fffffff]"));
}

TEST(NumaInfo, BlocksWithAnotherNodeBetweenStayApart) {
  MachineBuilder machine;
  machine.ram(kMiB, 3 * kGiB).node(0, bytes(0, kGiB)).node(1, bytes(kGiB, 2 * kGiB));
  machine.node(0, bytes(2 * kGiB, 3 * kGiB));
  const BootPlan& plan = **machine.boot();
  EXPECT_EQ(plan.numa().blocks().size(), 3U);
  EXPECT_EQ(plan.layout().nodes[0].span, pages(0x100, 3 * kGiB >> 12));
  EXPECT_EQ(plan.layout().nodes[0].present, PageCount{(2 * kGiB - kMiB) >> 12});
}

TEST(NumaInfo, ATableThatLeavesOneMibOfRamUncoveredIsNotUsed) {
  MachineBuilder machine;
  machine.ram(kMiB, 2 * kGiB).node(0, bytes(0, 2 * kGiB - kMiB));
  EXPECT_FALSE((*machine.boot())->numa().from_firmware());
  EXPECT_TRUE(
      machine.host.logged("NUMA: nodes only cover 2046MB of your 2047MB e820 RAM. Not "
                          "used."));
}

TEST(NumaInfo, LessThanOneMibWithoutANodeIsGivenUp) {
  MachineBuilder machine;
  machine.ram(kMiB, 2 * kGiB).node(0, bytes(0, 2 * kGiB - kMiB + 0x1000));
  const BootPlan& plan = **machine.boot();
  EXPECT_TRUE(plan.numa().from_firmware());
  EXPECT_EQ(plan.layout().max_pfn, Pfn{(2 * kGiB - kMiB + 0x1000) >> 12});
}

TEST(NumaInfo, NumaOffIgnoresTheTable) {
  MachineBuilder machine;
  machine.ram(kMiB, 2 * kGiB).node(0, bytes(0, kGiB)).node(1, bytes(kGiB, 2 * kGiB));
  machine.distances({10, 15, 15, 10}).options("numa=off").cpu_on(1);
  const BootPlan& plan = **machine.boot();
  EXPECT_EQ(plan.numa().node_count(), 1U);
  EXPECT_EQ(plan.numa().distance(NodeId{0}, NodeId{1}), kRemoteDistance);
  EXPECT_EQ(plan.numa().cpu_nodes()[0], NodeId{0});
  EXPECT_TRUE(machine.host.logged("NUMA turned off"));
}

TEST(NumaInfo, AMemorylessNodeWithCpusIsOnline) {
  MachineBuilder machine;
  machine.ram(kMiB, 2 * kGiB).node(0, bytes(0, kGiB)).node(2, bytes(kGiB, 2 * kGiB));
  machine.cpu_on(0).cpu_on(1);
  const BootPlan& plan = **machine.boot();
  EXPECT_EQ(plan.numa().online_mask(), 0b111U);
  EXPECT_EQ(plan.numa().memory_mask(), 0b101U);
  EXPECT_EQ(plan.numa().cpu_mask(), 0b011U);
  EXPECT_TRUE(plan.layout().nodes[1].online);
  EXPECT_TRUE(plan.layout().nodes[1].span.empty());
  EXPECT_TRUE(machine.host.logged("Initmem setup node 1 as memoryless"));
}

TEST(NumaInfo, DistancesAreTheTablesWhereItIsValid) {
  MachineBuilder machine;
  machine.ram(kMiB, 2 * kGiB).node(0, bytes(0, kGiB)).node(1, bytes(kGiB, 2 * kGiB));
  machine.distances({10, 17, 28, 10});
  const BootPlan& plan = **machine.boot();
  EXPECT_EQ(plan.numa().distance(NodeId{0}, NodeId{1}), 17);
  EXPECT_EQ(plan.numa().distance(NodeId{1}, NodeId{0}), 28);
  EXPECT_EQ(plan.numa().distance(NodeId{1}, NodeId{1}), 10);
  EXPECT_EQ(plan.numa().access_ns(NodeId{1}, NodeId{1}), 100u);
  EXPECT_EQ(plan.numa().access_ns(NodeId{1}, NodeId{0}), 280u);
  EXPECT_TRUE(machine.host.logged("NUMA: Initialized distance table, cnt=2"));
}

class BadDistances : public testing::TestWithParam<std::vector<std::uint8_t>> {};

TEST_P(BadDistances, AreNotUsed) {
  MachineBuilder machine;
  machine.ram(kMiB, 2 * kGiB).node(0, bytes(0, kGiB)).node(1, bytes(kGiB, 2 * kGiB));
  machine.distances(GetParam());
  const BootPlan& plan = **machine.boot();
  EXPECT_EQ(plan.numa().distance(NodeId{0}, NodeId{1}), kRemoteDistance);
  EXPECT_EQ(plan.numa().distance(NodeId{1}, NodeId{1}), kLocalDistance);
  EXPECT_TRUE(machine.host.logged("ACPI: SLIT table looks invalid. Not used."));
}

INSTANTIATE_TEST_SUITE_P(NumaInfo, BadDistances,
                         testing::Values(std::vector<std::uint8_t>{11, 20, 20, 10},
                                         std::vector<std::uint8_t>{10, 10, 20, 10},
                                         std::vector<std::uint8_t>{10, 9, 20, 10},
                                         std::vector<std::uint8_t>{10, 20, 20}));

TEST(NumaInfo, ANodeNumberOf64OrMoreIsAnError) {
  MachineBuilder machine;
  machine.ram(kMiB, 2 * kGiB).node(64, bytes(0, 2 * kGiB));
  EXPECT_EQ(machine.boot().error(), Errno::kInvalid);
  EXPECT_TRUE(
      machine.host.logged("SRAT: node 64 is too large, at most 63: [mem 0x00000000-0x7fffffff]"));

  MachineBuilder other;
  other.ram(kMiB, 2 * kGiB).node(63, bytes(0, 2 * kGiB)).cpu_on(63).cpu_on(64);
  EXPECT_EQ(other.boot().error(), Errno::kInvalid);
  EXPECT_TRUE(other.host.logged("SRAT: CPU 1: node 64 is too large, at most 63"));
}

}  // namespace
}  // namespace quire::test
