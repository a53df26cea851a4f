#include <gtest/gtest.h>

#include "boot/boot.hpp"
#include "tests/boot/machine_builder.hpp"

namespace quire::test {
namespace {

MachineBuilder& with_kernel(MachineBuilder& machine) {
  machine.ram(0, 0x9fc00).ram(kMiB, kGiB);
  machine.kernel(bytes(16 * kMiB, 24 * kMiB), "Kernel code");
  machine.kernel(bytes(24 * kMiB, 26 * kMiB), "init", true);
  machine.kernel(bytes(28 * kMiB, 30 * kMiB), "Kernel data");
  machine.spec.initrd = bytes(512 * kMiB, 513 * kMiB + 0x800);
  return machine;
}

TEST(Reservations, TheFirstMibTheWholeKernelImageAndTheInitrdAreReserved) {
  MachineBuilder machine;
  const BootPlan& plan = **with_kernel(machine).boot();
  for (const std::uint64_t pfn : {0, 1, 255, 4096, 4096 + 2560, 4096 + 3072, 7679, 131072, 131328})
    EXPECT_TRUE(plan.memblock().is_reserved(Pfn{pfn})) << pfn;
  for (const std::uint64_t pfn : {256, 4095, 7680, 131071, 131329})
    EXPECT_FALSE(plan.memblock().is_reserved(Pfn{pfn})) << pfn;
}

TEST(Reservations, InitSectionsAndInitrdComeFreeLate) {
  MachineBuilder machine;
  const BootPlan& plan = **with_kernel(machine).boot();
  ASSERT_EQ(plan.late_freed().size(), 2U);
  EXPECT_EQ(plan.late_freed()[0].range, pages(24 * 256, 26 * 256));
  EXPECT_EQ(plan.late_freed()[0].name, "init");
  EXPECT_EQ(plan.late_freed()[1].range, pages(131072, 131329));
  EXPECT_EQ(plan.late_freed()[1].name, "initrd");
}

TEST(Reservations, WithRetainInitrdTheInitrdStaysReserved) {
  MachineBuilder machine;
  const BootPlan& plan = **with_kernel(machine).options("retain_initrd").boot();
  ASSERT_EQ(plan.late_freed().size(), 1U);
  EXPECT_EQ(plan.late_freed()[0].name, "init");
  EXPECT_TRUE(plan.memblock().is_reserved(Pfn{131072}));
}

TEST(Reservations, WhatIsFreedLateIsReservedNoMore) {
  MachineBuilder machine;
  BootPlan& plan = **with_kernel(machine).boot();
  const PageCount managed = plan.managed_in(NodeId{0}, ZoneType::kDma32);
  ASSERT_TRUE(plan.free_late(plan.late_freed()[0].range).has_value());
  EXPECT_FALSE(plan.memblock().is_reserved(Pfn{24 * 256}));
  EXPECT_TRUE(plan.memblock().is_reserved(Pfn{26 * 256}));
  EXPECT_EQ(plan.managed_in(NodeId{0}, ZoneType::kDma32), managed + PageCount{512});
}

TEST(Reservations, AZoneEndsWithJustTheManagedPagesItIsSaidToHave) {
  MachineBuilder machine;
  with_kernel(machine).managed(0, ZoneType::kDma, 3000).managed(0, ZoneType::kDma32, 200001);
  const BootPlan& plan = **machine.boot();
  EXPECT_EQ(plan.managed_in(NodeId{0}, ZoneType::kDma), PageCount{3000});
  EXPECT_EQ(plan.managed_in(NodeId{0}, ZoneType::kDma32), PageCount{200001});
  EXPECT_TRUE(plan.memblock().is_reserved(Pfn{4095}));  // taken from the top
  EXPECT_FALSE(plan.memblock().is_reserved(Pfn{256}));
}

TEST(Reservations, AllOfAZoneMayBeInUse) {
  MachineBuilder machine;
  with_kernel(machine).managed(0, ZoneType::kDma, 0);
  EXPECT_EQ((*machine.boot())->managed_in(NodeId{0}, ZoneType::kDma), PageCount{0});
}

TEST(Reservations, MoreManagedPagesThanTheImageLeavesAreRefused) {
  MachineBuilder machine;
  with_kernel(machine).managed(0, ZoneType::kDma, 3841);
  EXPECT_EQ(machine.boot().error(), Errno::kInvalid);
  EXPECT_TRUE(
      machine.host.logged("Node 0, zone DMA: 3841 managed pages wanted, but first MiB, "
                          "kernel image and initrd leave 0 to 3840"));
}

TEST(Reservations, ManagedPagesOfAZoneThatIsNotThereAreRefused) {
  MachineBuilder machine;
  with_kernel(machine).managed(3, ZoneType::kNormal, 1);
  EXPECT_EQ(machine.boot().error(), Errno::kInvalid);
}

TEST(Reservations, ManagedPagesOfInterleavedNodesAreCountedByNode) {
  MachineBuilder machine;
  machine.ram(kMiB, 2 * kGiB).managed(0, ZoneType::kDma32, 200000);
  machine.managed(1, ZoneType::kDma32, 250000);
  for (unsigned i = 0; i < 8; ++i) machine.node(i % 2, bytes(i * 256 * kMiB, (i + 1) * 256 * kMiB));
  const BootPlan& plan = **machine.boot();
  EXPECT_EQ(plan.managed_in(NodeId{0}, ZoneType::kDma32), PageCount{200000});
  EXPECT_EQ(plan.managed_in(NodeId{1}, ZoneType::kDma32), PageCount{250000});
}

TEST(Reservations, AnInitrdInTheKernelImageDoesNotFreeTheKernel) {
  MachineBuilder machine;
  with_kernel(machine);
  machine.spec.initrd = bytes(29 * kMiB, 31 * kMiB);
  const BootPlan& plan = **machine.boot();
  ASSERT_EQ(plan.late_freed().size(), 2U);
  EXPECT_EQ(plan.late_freed()[1].range, pages(30 * 256, 31 * 256));
}

TEST(Reservations, APartOfTheImageThatIsNamedFreedTwiceComesFreeOnce) {
  MachineBuilder machine;
  with_kernel(machine).kernel(bytes(25 * kMiB, 27 * kMiB), "gap", true);
  const BootPlan& plan = **machine.boot();
  ASSERT_EQ(plan.late_freed().size(), 3U);
  EXPECT_EQ(plan.late_freed()[1].range, pages(26 * 256, 27 * 256));
}

TEST(Reservations, TheMemoryMapIsInTheNodeItDescribes) {
  MachineBuilder machine;
  machine.ram(kMiB, 2 * kGiB).node(0, bytes(0, kGiB)).node(1, bytes(kGiB, 2 * kGiB));
  machine.cpu_on(0);
  const BootPlan& plan = **machine.boot();
  const std::uint64_t map = (kGiB >> 12) * 64 >> 12;
  const PageCount used =
      plan.layout().nodes[1].present - plan.managed_in(NodeId{1}, ZoneType::kDma32);
  EXPECT_GE(used.raw(), map);
  EXPECT_LE(used.raw(), map + 128);
}

TEST(Reservations, RamInPiecesSmallerThanItsMapHoldsTheMapInPieces) {
  MachineBuilder machine;
  for (std::uint64_t i = 0; i < 128; ++i)
    machine.ram(i * 128 * kMiB + kMiB, i * 128 * kMiB + 65 * kMiB);
  const BootPlan& plan = **machine.boot();
  PageCount managed;
  for (unsigned i = 0; i < kZoneTypes; ++i)
    managed += plan.managed_in(NodeId{0}, static_cast<ZoneType>(i));
  const PageCount used = plan.layout().present - managed;
  EXPECT_GE(used.raw(), 128 * 512U);
}

TEST(Reservations, AMapThatDoesNotFitIsAnError) {
  MachineBuilder machine;
  for (std::uint64_t i = 0; i < 64; ++i)
    machine.ram(i * 128 * kMiB + kMiB, i * 128 * kMiB + 2 * kMiB + kMiB / 2);
  EXPECT_EQ(machine.boot().error(), Errno::kNoMemory);
}

}  // namespace
}  // namespace quire::test
