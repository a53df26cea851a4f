#include <gtest/gtest.h>

#include "boot/boot.hpp"
#include "tests/boot/machine_builder.hpp"

namespace quire::test {
namespace {

TEST(ZoneSizes, ZonesOfA64BitMachineEndAt16MibAnd4Gib) {
  MachineBuilder machine;
  machine.ram(0, 0x9fc00).ram(kMiB, 3 * kGiB).ram(4 * kGiB, 7 * kGiB);
  const BootPlan& plan = **machine.boot();
  EXPECT_EQ(zone(plan, 0, ZoneType::kDma).span, pages(1, 4096));
  EXPECT_EQ(zone(plan, 0, ZoneType::kDma).present, PageCount{3998});
  EXPECT_EQ(zone(plan, 0, ZoneType::kDma32).span, pages(4096, 1 << 20));
  EXPECT_EQ(zone(plan, 0, ZoneType::kDma32).present, PageCount{(3 * kGiB >> 12) - 4096});
  EXPECT_EQ(zone(plan, 0, ZoneType::kNormal).span, pages(1 << 20, 7 * kGiB >> 12));
  EXPECT_TRUE(zone(plan, 0, ZoneType::kMovable).span.empty());
  EXPECT_EQ(plan.layout().present, PageCount{3998 + (6 * kGiB >> 12) - 4096});
}

TEST(ZoneSizes, ZonesOfX8632AreDmaLowMemoryAndHighMemory) {
  MachineBuilder machine;
  machine.spec.arch = ArchProfile::kX86_32;
  machine.ram(0, 0x9fc00).ram(kMiB, 2 * kGiB);
  const BootPlan& plan = **machine.boot();
  EXPECT_EQ(zone(plan, 0, ZoneType::kDma).span, pages(1, 4096));
  EXPECT_EQ(zone(plan, 0, ZoneType::kNormal).span, pages(4096, 896 * kMiB >> 12));
  EXPECT_EQ(zone(plan, 0, ZoneType::kHighMem).span, pages(896 * kMiB >> 12, 2 * kGiB >> 12));
  EXPECT_TRUE(machine.host.logged("1152MB HIGHMEM available."));
  EXPECT_TRUE(machine.host.logged("896MB LOWMEM available."));
  // Its tables are in memory that is always mapped.
  EXPECT_EQ(plan.managed_in(NodeId{0}, ZoneType::kHighMem), PageCount{1152 * kMiB >> 12});
}

TEST(ZoneSizes, AddressesBeyondTheArchitectureAreNoRam) {
  MachineBuilder pae;
  pae.spec.arch = ArchProfile::kX86_32;
  pae.ram(kMiB, 70 * kGiB);
  EXPECT_EQ((*pae.boot())->max_pfn(), Pfn{64 * kGiB >> 12});

  MachineBuilder four_level;
  four_level.ram(kMiB, kGiB).ram(kTiB * 63, kTiB * 65);
  EXPECT_EQ((*four_level.boot())->max_pfn(), Pfn{64 * kTiB >> 12});

  MachineBuilder five_level;
  five_level.spec.arch = ArchProfile::kX86_64La57;
  five_level.ram(kMiB, kGiB).ram((kTiB << 12) - kGiB, (kTiB << 12) + kGiB);
  EXPECT_EQ((*five_level.boot())->max_pfn(), Pfn{std::uint64_t{1} << 40});
}

TEST(ZoneSizes, MovablecoreTakesTheTopOfTheHighestZone) {
  MachineBuilder machine;
  machine.ram(kMiB, 2 * kGiB).options("movablecore=512M");
  const BootPlan& plan = **machine.boot();
  const Pfn start{(2 * kGiB - 512 * kMiB) >> 12};
  EXPECT_EQ(plan.layout().movable_start[0], start);
  EXPECT_EQ(zone(plan, 0, ZoneType::kDma32).span.end, start);
  EXPECT_EQ(zone(plan, 0, ZoneType::kMovable).span, (PfnRange{start, Pfn{2 * kGiB >> 12}}));
}

TEST(ZoneSizes, KernelcoreIsSpreadEvenlyAndRoundedUpToTheLargestBlock) {
  MachineBuilder machine;
  machine.ram(0x1000, 3 * kGiB).ram(4 * kGiB, 13 * kGiB).options("kernelcore=8193M");
  machine.node(0, bytes(0, 7 * kGiB)).node(1, bytes(7 * kGiB, 13 * kGiB));
  const BootPlan& plan = **machine.boot();
  // Each has 4096.5 MiB. Of node 0's the RAM below 4 GiB is a part, without page 0 and 384 KiB.
  const std::uint64_t half = (8193 * kMiB >> 12) / 2;
  const std::uint64_t low = (3 * kGiB >> 12) - 1 - 96;
  EXPECT_EQ(plan.layout().movable_start[0],
            Pfn{(4 * kGiB >> 12) + half - low}.align_up(kMaxOrderPages));
  EXPECT_EQ(plan.layout().movable_start[1], Pfn{(7 * kGiB >> 12) + half}.align_up(kMaxOrderPages));
}

TEST(ZoneSizes, WhatASmallNodeCannotGiveTheOthersDo) {
  MachineBuilder machine;
  machine.ram(0x1000, 3 * kGiB).ram(4 * kGiB, 13 * kGiB).options("kernelcore=8G");
  machine.node(0, bytes(0, 3 * kGiB)).node(1, bytes(4 * kGiB, 13 * kGiB));
  const BootPlan& plan = **machine.boot();
  EXPECT_EQ(plan.layout().movable_start[0], Pfn{0});
  EXPECT_EQ(plan.layout().movable_start[1], Pfn{(9 * kGiB >> 12) + 97}.align_up(kMaxOrderPages));
}

TEST(ZoneSizes, MirrorWithoutMirroredMemoryIsIgnored) {
  MachineBuilder machine;
  machine.ram(kMiB, 2 * kGiB).options("kernelcore=mirror");
  const BootPlan& plan = **machine.boot();
  EXPECT_EQ(plan.layout().movable_start[0], Pfn{0});
  EXPECT_TRUE(machine.host.logged("The system has no mirror memory, ignore kernelcore=mirror."));
}

TEST(ZoneSizes, MovableNodeMakesHotPluggableNodesMovable) {
  MachineBuilder machine;
  machine.ram(kMiB, 3 * kGiB).ram(4 * kGiB, 8 * kGiB).options("movable_node");
  machine.node(0, bytes(0, 4 * kGiB), true).node(1, bytes(4 * kGiB, 8 * kGiB), true);
  machine.kernel(bytes(16 * kMiB, 32 * kMiB), "Kernel code").cpu_on(0).cpu_on(1);
  const BootPlan& plan = **machine.boot();
  EXPECT_EQ(plan.layout().movable_start[0], Pfn{0});  // the kernel lies there
  EXPECT_EQ(plan.layout().movable_start[1], Pfn{4 * kGiB >> 12});
  // Nothing of the kernel's is in what may be taken away.
  EXPECT_EQ(plan.managed_in(NodeId{1}, ZoneType::kMovable), PageCount{4 * kGiB >> 12});
}

TEST(ZoneSizes, ANodeMaySpanAZoneItHasNoPagesOf) {
  MachineBuilder machine;
  machine.ram(kMiB, 16 * kMiB).ram(4 * kGiB, 5 * kGiB);
  const BootPlan& plan = **machine.boot();
  EXPECT_EQ(zone(plan, 0, ZoneType::kDma32).span, pages(4096, 1 << 20));
  EXPECT_EQ(zone(plan, 0, ZoneType::kDma32).present, PageCount{0});
}

TEST(ZoneSizes, InterleavedNodesEachCountTheirOwnPages) {
  MachineBuilder machine;
  machine.ram(kMiB, 4 * kGiB);
  for (unsigned i = 0; i < 8; ++i) machine.node(i % 2, bytes(i * 512 * kMiB, (i + 1) * 512 * kMiB));
  const BootPlan& plan = **machine.boot();
  EXPECT_EQ(plan.layout().nodes[0].present + plan.layout().nodes[1].present, plan.layout().present);
  EXPECT_EQ(plan.layout().nodes[1].present, PageCount{2 * kGiB >> 12});
  EXPECT_EQ(zone(plan, 1, ZoneType::kDma32).span, pages(512 * kMiB >> 12, 1 << 20));
}

TEST(ZoneSizes, HolesInPresentSectionsAreToldAndThoseOfAbsentOnesNot) {
  MachineBuilder machine;
  machine.ram(0x1000, 0xa0000).ram(kMiB, kGiB - kMiB).ram(4 * kGiB, 5 * kGiB);
  const BootPlan& plan = **machine.boot();
  EXPECT_EQ(zone(plan, 0, ZoneType::kDma).unavailable, PageCount{1 + 96});
  EXPECT_EQ(zone(plan, 0, ZoneType::kNormal).unavailable, PageCount{256});
  EXPECT_TRUE(machine.host.logged("On node 0, zone Normal: 256 pages in unavailable ranges"));
}

TEST(ZoneSizes, SixteenTibBootAndOneSectionMoreIsRefused) {
  MachineBuilder machine;
  machine.ram(kMiB, 3 * kGiB).ram(4 * kGiB, 16 * kTiB + kGiB);
  ASSERT_TRUE(machine.boot().has_value());

  MachineBuilder larger;
  larger.ram(kMiB, 3 * kGiB).ram(4 * kGiB, 16 * kTiB + kGiB + 1);
  larger.ram(20 * kTiB, 20 * kTiB + 0x1000);
  EXPECT_EQ(larger.boot().error(), Errno::kRange);
  EXPECT_TRUE(larger.host.logged("memory map: 131073 sections, at most 131072"));
}

}  // namespace
}  // namespace quire::test
