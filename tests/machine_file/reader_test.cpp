#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/machine_file/kernel_image.hpp"
#include "tools/machine_file/machine_file.hpp"
#include "tools/machine_file/pc_layout.hpp"

namespace quire::machine_file {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

MachineFile machine_of(std::string_view text) {
  auto machine = read_text(text, "m.toml");
  EXPECT_TRUE(machine.has_value()) << (machine ? "" : machine.error().text());
  return machine.value_or(MachineFile{});
}

constexpr NodeId node(unsigned number) { return static_cast<NodeId>(number); }

TEST(MachineFileReader, RamAloneMakesAPcWithOneNodeAndOneCpu) {
  const MachineFile machine = machine_of("ram = \"6G\"");
  EXPECT_EQ(machine.arch, ArchProfile::kX86_64);
  EXPECT_EQ(machine.memory_model, MemoryModel::kSparse);
  EXPECT_EQ(machine.firmware_map.size(), 8U);
  EXPECT_THAT(machine.affinity, IsEmpty());
  EXPECT_THAT(machine.cpu_nodes, ElementsAre(node(0)));
  EXPECT_THAT(machine.distances, IsEmpty());
  EXPECT_EQ(machine.kernel_image, debian_kernel_image());
  EXPECT_EQ(machine.profile.memmap_bytes, Bytes{64});
  EXPECT_TRUE(machine.profile.init_on_alloc);
}

TEST(MachineFileReader, NodesHoldTheirMemoryOneAfterTheOther) {
  const MachineFile machine = machine_of(R"(
    [[node]]
    memory = "1G"
    cpus = "0,2"
    [[node]]
    cpus = "1"
    [[node]]
    memory = "3G"
  )");
  ASSERT_EQ(machine.affinity.size(), 4U);
  EXPECT_EQ(machine.affinity[2].node, node(2));
  EXPECT_EQ(machine.affinity[2].range, (PhysRange{PhysAddr{0x40000000}, PhysAddr{0xc0000000}}));
  EXPECT_EQ(machine.affinity[3].range, (PhysRange{PhysAddr{0x100000000}, PhysAddr{0x140000000}}));
  EXPECT_THAT(machine.cpu_nodes, ElementsAre(node(0), node(1), node(0)));
  EXPECT_EQ(machine.node_count(), 3U);
}

TEST(MachineFileReader, AnAccessTakesAHundredNanosecondsUnlessSaidOtherwise) {
  EXPECT_EQ(machine_of("ram = \"1G\"").spec().local_access_ns, 100u);
  EXPECT_EQ(machine_of("ram = \"1G\"\nlocal_access_ns = 80").spec().local_access_ns, 80u);
  EXPECT_EQ(machine_of("ram = \"1G\"").cost, CostModel{});
  const CostModel cost = machine_of("ram = \"1G\"\n[cost]\nwalk_ps = 9\ndisk_mib_per_s = 200").cost;
  EXPECT_EQ(cost.walk_ps, 9u);
  EXPECT_EQ(cost.disk_mib_per_s, 200u);
  EXPECT_EQ(cost.hit_ps, CostModel{}.hit_ps);
}

TEST(MachineFileReader, AnExplicitMapIsTakenAsItIs) {
  const MachineFile machine = machine_of(R"(
    [[firmware]]
    start = 0x200000
    end = 0x2fffff
    [[firmware]]
    start = "0x0"
    size = "1M"
    type = "acpi_nvs"
    [[affinity]]
    start = 0
    end = 0x2fffff
    node = 0
    hotplug = true
  )");
  ASSERT_EQ(machine.firmware_map.size(), 2U);
  EXPECT_EQ(machine.firmware_map[0].range.end, PhysAddr{0x300000});
  EXPECT_EQ(machine.firmware_map[0].type, FirmwareType::kUsable);
  EXPECT_EQ(machine.firmware_map[1].range.end, PhysAddr{0x100000});
  EXPECT_EQ(machine.firmware_map[1].type, FirmwareType::kAcpiNvs);
  ASSERT_EQ(machine.affinity.size(), 1U);
  EXPECT_TRUE(machine.affinity[0].hotpluggable);
  EXPECT_THAT(machine.kernel_image, IsEmpty());
}

TEST(MachineFileReader, RangesOfNodesAreRamWhereNoFirmwareMapIsGiven) {
  const MachineFile machine = machine_of(R"(
    [[node]]
    memory = [["0x0", "0x9ffff"], [0x100000, 0xffffff]]
  )");
  ASSERT_EQ(machine.firmware_map.size(), 2U);
  EXPECT_EQ(machine.firmware_map[1].range, machine.affinity[1].range);
}

TEST(MachineFileReader, SettingsKeepTheirOrderAndGetTheirPrefix) {
  const MachineFile machine = machine_of(R"(
    ram = "1G"
    [sysctl]
    swappiness = 10
    vm.page-cluster = 0
    "vm.dirty_ratio" = "5"
    lowmem_reserve_ratio = [256, 256, 32, 0, 0]
    "/sys/kernel/mm/transparent_hugepage/enabled" = "never"
    a_first = true
  )");
  EXPECT_THAT(machine.sysctl,
              ElementsAre(Sysctl{"vm.swappiness", "10"}, Sysctl{"vm.page-cluster", "0"},
                          Sysctl{"vm.dirty_ratio", "5"},
                          Sysctl{"vm.lowmem_reserve_ratio", "256 256 32 0 0"},
                          Sysctl{"/sys/kernel/mm/transparent_hugepage/enabled", "never"},
                          Sysctl{"vm.a_first", "1"}));
}

TEST(MachineFileReader, TheRestIsReadKeyByKey) {
  const MachineFile machine = machine_of(R"(
    name = "all"
    arch = "x86_64_la57"
    memory_model = "flatmem"
    command_line = "kernelcore=1G"
    ram = "2G"
    cpus = 4
    [kernel]
    memmap_bytes = 32
    init_on_alloc = false
    page_owner = true
    debug_tlbflush = true
    image = "none"
    initrd = { start = 0x7e000000, size = "1M" }
    [[managed]]
    node = 0
    zone = "DMA32"
    pages = 1234
    [[disk]]
    name = "sda"
    size = "8G"
    rotational = true
    [[swap]]
    size = "1G"
    disk = "sda"
    priority = 5
  )");
  EXPECT_EQ(machine.name, "all");
  EXPECT_EQ(machine.arch, ArchProfile::kX86_64La57);
  EXPECT_EQ(machine.memory_model, MemoryModel::kFlat);
  EXPECT_EQ(machine.command_line, "kernelcore=1G");
  EXPECT_EQ(machine.cpu_nodes.size(), 4U);
  EXPECT_EQ(machine.profile.memmap_bytes, Bytes{32});
  EXPECT_FALSE(machine.profile.init_on_alloc);
  EXPECT_TRUE(machine.profile.page_owner);
  EXPECT_TRUE(machine.profile.debug_tlbflush);
  EXPECT_THAT(machine.kernel_image, IsEmpty());
  EXPECT_EQ(machine.initrd, (PhysRange{PhysAddr{0x7e000000}, PhysAddr{0x7e100000}}));
  ASSERT_EQ(machine.managed.size(), 1U);
  EXPECT_EQ(machine.managed[0].zone, ZoneType::kDma32);
  EXPECT_THAT(machine.disks, ElementsAre(Disk{"sda", gib(8), true}));
  EXPECT_THAT(machine.swap_areas, ElementsAre(SwapArea{"", gib(1), "sda", 5}));
}

TEST(MachineFileReader, ATableOfTranslationCachesAsksForThemAndSizesThem) {
  EXPECT_FALSE(machine_of("ram = \"1G\"").spec().tlb.modelled);
  const TlbSpec tlb = machine_of(R"(
    ram = "1G"
    [tlb]
    check = true
    asids = false
    small = { entries = 96, ways = 6 }
    giant = { entries = 8, ways = 8 }
  )").spec().tlb;
  EXPECT_TRUE(tlb.modelled);
  EXPECT_TRUE(tlb.check);
  EXPECT_FALSE(tlb.asids);
  EXPECT_EQ(tlb.small.entries, 96);
  EXPECT_EQ(tlb.small.ways, 6);
  EXPECT_EQ(tlb.giant.entries, 8);
  EXPECT_EQ(tlb.second.entries, 1536);
}

TEST(MachineFileReader, TheSpecBorrowsWhatTheFileSays) {
  const MachineFile machine = machine_of(R"(
    command_line = "quiet"
    [[node]]
    memory = "1G"
    cpus = "0"
    [[node]]
    memory = "1G"
    [sysctl]
    swappiness = 1
  )");
  const MachineFile copy = machine;
  const MachineSpec spec = copy.spec();
  EXPECT_EQ(spec.command_line, "quiet");
  EXPECT_EQ(spec.firmware_map.size(), machine.firmware_map.size());
  EXPECT_EQ(spec.affinity.data(), copy.affinity.data());
  ASSERT_EQ(spec.sysctl.size(), 1U);
  EXPECT_EQ(spec.sysctl[0].name, "vm.swappiness");
  ASSERT_EQ(spec.kernel_image.size(), copy.kernel_image.size());
  EXPECT_EQ(spec.kernel_image[0].name, "Kernel code");
  EXPECT_EQ(copy, machine);
}

TEST(PcLayout, LessThanThreeAndAHalfGibStaysBelowTheHole) {
  const auto map = pc_firmware_map(mib(3500));
  EXPECT_EQ(map[4].range.end, PhysAddr{} + mib(3500));
  for (const FirmwareRange& row : map) {
    if (row.type != FirmwareType::kUsable) continue;
    EXPECT_LE(row.range.end, PhysAddr{0x100000000});
  }
}

TEST(PcLayout, UsableRamIsAllRamButTheHoleAndTheTables) {
  for (const Bytes ram : {mib(4), mib(128), gib(3), gib(4), gib(1024), gib(16 * 1024)}) {
    Bytes usable{};
    for (const FirmwareRange& row : pc_firmware_map(ram)) {
      if (row.type == FirmwareType::kUsable) usable += row.range.length();
    }
    EXPECT_EQ(usable, ram - kib(385) - kib(128)) << ram.raw();
  }
}

TEST(KernelImage, FreedRangesLieInTheGapsAndAtTheEndOfBss) {
  std::vector<PhysRange> freed;
  for (const ImageRange& part : debian_kernel_image()) {
    if (part.freed) freed.push_back(part.range);
  }
  EXPECT_THAT(freed, ElementsAre(PhysRange{PhysAddr{0x1e02000}, PhysAddr{0x2000000}},
                                 PhysRange{PhysAddr{0x2827000}, PhysAddr{0x2a00000}},
                                 PhysRange{PhysAddr{0x301b000}, PhysAddr{0x32a8000}},
                                 PhysRange{PhysAddr{0x3603000}, PhysAddr{0x3800000}}));
}

TEST(KernelImage, MoreFreedThanThereIsRoomForIsCutToIt) {
  const std::vector<ImageRange> sections = {
      {{PhysAddr{0x1000}, PhysAddr{0x1801}}, "Kernel code", false},
      {{PhysAddr{0x4000}, PhysAddr{0x5000}}, "Kernel rodata", false},
      {{PhysAddr{0x5000}, PhysAddr{0x6000}}, "Kernel bss", false},
  };
  const auto image = kernel_image_of(sections, {gib(1), gib(1), gib(1), gib(1), gib(1)});
  ASSERT_EQ(image.size(), 5U);
  EXPECT_EQ(image[1].range, (PhysRange{PhysAddr{0x2000}, PhysAddr{0x4000}}));
  EXPECT_EQ(image[4].range, (PhysRange{PhysAddr{0x5000}, PhysAddr{0x6000}}));
}

}  // namespace
}  // namespace quire::machine_file
