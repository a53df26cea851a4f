#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "boot/boot.hpp"
#include "tests/boot/machine_builder.hpp"

namespace quire::test {
namespace {

PageCount free_pages(const BootPlan& plan) {
  PageCount total;
  plan.for_each_free_pages([&](PfnRange range, NodeId) { total += range.length(); });
  return total;
}

// What must hold of any plan: free ranges ascend, are RAM of the node they are said to be of, and
// are not reserved; spans hold what is present.
void expect_sound(const BootPlan& plan) {
  Pfn last{0};
  plan.for_each_free_pages([&](PfnRange range, NodeId node) {
    EXPECT_LE(last, range.start);
    EXPECT_LT(range.start, range.end);
    last = range.end;
    EXPECT_TRUE(plan.memblock().is_memory(range.start));
    EXPECT_TRUE(plan.memblock().is_memory(range.end - PageCount{1}));
    EXPECT_FALSE(plan.memblock().is_reserved(range.start));
    EXPECT_FALSE(plan.memblock().is_reserved(range.end - PageCount{1}));
    EXPECT_TRUE(plan.layout().nodes[index_of(node)].span.contains(range.start));
  });
  PageCount present;
  for (const NodeLayout& node : plan.layout().nodes) {
    PageCount of_zones;
    for (const ZoneLayout& zone : node.zones) {
      EXPECT_LE(zone.present, zone.span.length());
      of_zones += zone.present;
    }
    EXPECT_EQ(of_zones, node.present);
    present += node.present;
  }
  EXPECT_EQ(present, plan.layout().present);
}

TEST(BootPlan, FourMibOfRamBoot) {
  MachineBuilder machine;
  machine.ram(0, 0x9fc00).ram(kMiB, 4 * kMiB);
  const auto plan = machine.boot();
  ASSERT_TRUE(plan.has_value());
  expect_sound(**plan);
  EXPECT_EQ((*plan)->layout().present, PageCount{1024 - 256 + 158});
  EXPECT_GE(free_pages(**plan), PageCount{400});
}

TEST(BootPlan, NoUsableRamIsAClearError) {
  MachineBuilder machine;
  machine.row(0, kGiB, FirmwareType::kReserved);
  EXPECT_EQ(machine.boot().error(), Errno::kInvalid);
  EXPECT_TRUE(machine.host.logged("no usable RAM in the firmware map"));
  EXPECT_TRUE(machine.host.logged("boot failed: EINVAL"));

  MachineBuilder empty;
  EXPECT_EQ(empty.boot().error(), Errno::kInvalid);
  MachineBuilder only_page_zero;
  only_page_zero.ram(0, 0x1000).ram(0xa0000, 0xb0000).ram(0x200000, 0x200fff);
  EXPECT_EQ(only_page_zero.boot().error(), Errno::kInvalid);
}

TEST(BootPlan, AMachineOf32NodesBoots) {
  MachineBuilder machine;
  machine.ram(0x1000, 3 * kGiB).ram(4 * kGiB, 33 * kGiB);
  machine.node(0, bytes(0, 4 * kGiB)).cpu_on(0);
  for (unsigned i = 1; i < 30; ++i)
    machine.node(i, bytes((3 + i) * kGiB, (4 + i) * kGiB)).cpu_on(i);
  machine.node(31, bytes(33 * kGiB, 34 * kGiB)).cpu_on(30).cpu_on(31);
  const BootPlan& plan = **machine.boot();
  expect_sound(plan);
  EXPECT_EQ(plan.layout().nodes.size(), 32U);
  EXPECT_TRUE(plan.layout().nodes[30].online);
  EXPECT_EQ(plan.layout().nodes[29].present, PageCount{kGiB >> 12});
}

TEST(BootPlan, RamInSinglePagesIsKeptPageByPage) {
  MachineBuilder machine;
  machine.ram(kMiB, 256 * kMiB);
  for (std::uint64_t i = 0; i < 500; ++i)
    machine.ram(kGiB + i * 0x2000, kGiB + i * 0x2000 + 0x1000);
  const BootPlan& plan = **machine.boot();
  expect_sound(plan);
  EXPECT_EQ(plan.layout().ranges.size(), 501U);
  EXPECT_EQ(plan.layout().present, PageCount{(255 * kMiB >> 12) + 500});
}

TEST(BootPlan, RamAtTheLastAddressesOfFiveLevelsIsFound) {
  MachineBuilder machine;
  machine.spec.arch = ArchProfile::kX86_64La57;
  const std::uint64_t end = std::uint64_t{1} << 52;
  machine.ram(kMiB, kGiB).ram(end - 128 * kMiB, end);
  const BootPlan& plan = **machine.boot();
  expect_sound(plan);
  EXPECT_EQ(plan.layout().nodes[0].span.end, Pfn{end >> 12});
  EXPECT_TRUE(plan.memblock().is_memory(Pfn{(end >> 12) - 1}));
}

TEST(BootPlan, EightNodesOfTwoTibBoot) {
  MachineBuilder machine;
  machine.ram(kMiB, 3 * kGiB).ram(4 * kGiB, 16 * kTiB + kGiB);
  for (unsigned i = 0; i < 8; ++i) {
    const std::uint64_t start = i == 0 ? 0 : i * 2 * kTiB;
    machine.node(i, bytes(start, i == 7 ? 17 * kTiB : start + 2 * kTiB)).cpu_on(i);
  }
  const BootPlan& plan = **machine.boot();
  expect_sound(plan);
  EXPECT_EQ(plan.layout().nodes[3].present, PageCount{2 * kTiB >> 12});
}

TEST(BootPlan, NothingOfTheSpecIsNeededAfterTheBoot) {
  auto machine = std::make_unique<MachineBuilder>();
  PlainHost host;
  Arena arena(host);
  machine->ram(kMiB, kGiB).options("quiet mem=512M");
  const BootPlan* plan = nullptr;
  {
    const std::string options = "quiet mem=512M";
    const std::string name = "Kernel code";
    const FirmwareRange map[] = {usable(kMiB, kGiB)};
    const KernelRange image[] = {{bytes(16 * kMiB, 20 * kMiB), name, true}};
    MachineSpec spec;
    spec.firmware_map = map;
    spec.kernel_image = image;
    spec.command_line = options;
    plan = *BootPlan::make(spec, arena, host);
  }
  EXPECT_EQ(plan->command_line().find("mem"), "512M");
  EXPECT_EQ(plan->resources().rows()[1].name, "Kernel code");
  EXPECT_EQ(plan->late_freed()[0].name, "Kernel code");
}

TEST(BootPlan, EveryTableThatCannotBeHadIsAnErrorAndNoCrash) {
  unsigned failures = 0;
  for (std::size_t allowed = 0; allowed < 64; ++allowed) {
    MachineBuilder machine;
    machine.ram(kMiB, 256 * kMiB);
    for (std::uint64_t i = 0; i < 4000; ++i)
      machine.row(kGiB + i * 0x2000, kGiB + i * 0x2000 + 0x1000, FirmwareType::kReserved);
    machine.host.reservations_left = allowed;
    const auto plan = machine.boot();
    if (plan.has_value()) break;
    EXPECT_EQ(plan.error(), Errno::kNoMemory);
    ++failures;
  }
  EXPECT_GE(failures, 2U);
  EXPECT_LT(failures, 64U);
}

TEST(BootPlan, TheMapIsToldBeforeAndAfterTheUsersWord) {
  MachineBuilder machine;
  machine.ram(0, 0x9fc00).ram(kMiB, kGiB).options("memmap=64M$512M");
  ASSERT_TRUE(machine.boot().has_value());
  EXPECT_TRUE(machine.host.logged("BIOS-e820: [mem 0x0000000000100000-0x000000003fffffff] usable"));
  EXPECT_TRUE(machine.host.logged("user-defined physical RAM map:"));
  EXPECT_TRUE(machine.host.logged("user: [mem 0x0000000020000000-0x0000000023ffffff] reserved"));
  EXPECT_TRUE(machine.host.logged("last_pfn = 0x40000 max_arch_pfn = 0x400000000"));
}

// At once: before as many tables of the direct map are planned.
TEST(BootPlan, MoreRamThanPagesHaveIndicesForIsRefused) {
  constexpr std::uint64_t kTiB = kGiB << 10;
  MachineBuilder machine;
  machine.ram(kMiB, 15 * kTiB).ram(20 * kTiB, 22 * kTiB);
  const auto plan = machine.boot();
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error(), Errno::kRange);
  EXPECT_TRUE(machine.host.logged("memory map: 17407 GiB of RAM, at most 16384"));
}

TEST(BootPlan, TablesOfAMachineWithoutLargestPagesAreWholeAndApart) {
  MachineBuilder machine;
  machine.ram(0, 0x9fc00).ram(kMiB, 600 * kGiB);
  const auto plan = machine.boot();
  ASSERT_TRUE(plan.has_value());
  std::set<std::uint64_t> frames;
  std::size_t in_buffer = 0;
  for (const Pfn table : (*plan)->direct_map().tables) {
    in_buffer += table == DirectMap::kInBuffer ? 1 : 0;
    if (table == DirectMap::kInBuffer) continue;
    EXPECT_TRUE((*plan)->memblock().is_reserved(table));
    EXPECT_TRUE(frames.insert(table.raw()).second) << table.raw();
  }
  // One for each GiB, and two PUD tables; the first two and last two MiB have tables of 4 KiB.
  EXPECT_EQ(in_buffer + frames.size(), 600u + 2 + 1);
}

TEST(BootPlan, TwoPlansOfOneSpecAreTheSame) {
  MachineBuilder machine;
  machine.ram(0, 0x9fc00).ram(kMiB, kGiB).options("memblock=debug movablecore=100M");
  ASSERT_TRUE(machine.boot().has_value());
  PlainHost again;
  Arena arena(again);
  ASSERT_TRUE(BootPlan::make(machine.spec, arena, again).has_value());
  EXPECT_EQ(machine.host.lines, again.lines);
}

}  // namespace
}  // namespace quire::test
