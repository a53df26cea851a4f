#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/machine_file/memory_tree.hpp"
#include "tools/machine_file/importers.hpp"

namespace quire::machine_file {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kNode = "sys/devices/system/node/node";

void add_firmware(MemoryTree::Files& files, std::vector<std::vector<std::string>> rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string folder = "sys/firmware/memmap/" + std::to_string(i) + "/";
    files[folder + "start"] = rows[i][0] + "\n";
    files[folder + "end"] = rows[i][1] + "\n";
    files[folder + "type"] = rows[i][2] + "\n";
  }
}

// Two nodes of 1 GiB in blocks of 256 MiB; block 3 is shared, node 1 begins within it.
MemoryTree::Files two_nodes() {
  MemoryTree::Files files = {
      {"proc/cmdline", "quiet numa_balancing=disable\n"},
      {"proc/iomem", "00000000-00000000 : System RAM\n  00000000-00000000 : Kernel code\n"},
      {"sys/devices/system/cpu/online", "0-2,5\n"},
      {"sys/devices/system/memory/block_size_bytes", "10000000\n"},
      {kNode + "0/cpulist", "0,2\n"},
      {kNode + "0/distance", "10 21\n"},
      {kNode + "1/cpulist", "1,5\n"},
      {kNode + "1/distance", "21 10\n"},
      {"proc/zoneinfo",
       "Node 0, zone    DMA32\n  pages free 5\n        managed  1000\n        new_row  9\n"
       "  start_pfn:           1\n"
       "Node 0, zone   Device\n        managed  0\n  start_pfn:           0\n"
       "Node 1, zone    DMA32\n        managed  2000\n  start_pfn:           212992\n"
       "Node 1, zone  Unknown\n        managed  7\n"},
      {"proc/sys/vm/swappiness", "10\n"},
      {"proc/sys/vm/page-cluster", "3\n"},
      {"proc/sys/vm/lowmem_reserve_ratio", "256\t256\t32\t0\n"},
      {"proc/sys/vm/defrag_mode", "1\n"},
      {"proc/sys/vm/user_reserve_kbytes", "131072\n"},
      {"proc/sys/vm/min_free_kbytes", "65536\n"},
  };
  for (const char* block : {"0", "1", "2", "3"}) files[kNode + "0/memory" + block + "/x"] = "";
  for (const char* block : {"3", "4", "5", "6", "7"}) files[kNode + "1/memory" + block + "/x"] = "";
  add_firmware(files, {{"0x0", "0x9fbff", "System RAM"},
                       {"0x100000", "0x7fffffff", "System RAM"},
                       {"0x80000000", "0x80000fff", "ACPI Tables"},
                       {"0x90000000", "0x90000fff", "Something newer"}});
  return files;
}

MachineFile host(MemoryTree::Files files) {
  auto machine = import_host(MemoryTree(std::move(files)));
  EXPECT_TRUE(machine.has_value()) << (machine ? "" : machine.error().text());
  return machine.value_or(MachineFile{});
}

TEST(HostImport, TheFirmwareMapIsTheFirmwaresOwn) {
  const MachineFile machine = host(two_nodes());
  ASSERT_EQ(machine.firmware_map.size(), 4U);
  EXPECT_EQ(machine.firmware_map[1].range, (PhysRange{PhysAddr{0x100000}, PhysAddr{0x80000000}}));
  EXPECT_EQ(machine.firmware_map[2].type, FirmwareType::kAcpiData);
  EXPECT_EQ(machine.firmware_map[3].type, FirmwareType::kReserved);
}

TEST(HostImport, ABlockOfTwoNodesIsCutWhereTheSecondBegins) {
  const MachineFile machine = host(two_nodes());
  ASSERT_EQ(machine.affinity.size(), 2U);
  EXPECT_EQ(machine.affinity[0].range, (PhysRange{PhysAddr{0}, PhysAddr{0x34000000}}));
  EXPECT_EQ(machine.affinity[1].range, (PhysRange{PhysAddr{0x34000000}, PhysAddr{0x80000000}}));
}

TEST(HostImport, OnlineCpusAreCountedUp) {
  EXPECT_THAT(host(two_nodes()).cpu_nodes, ElementsAre(NodeId{0}, NodeId{1}, NodeId{0}, NodeId{1}));
}

TEST(HostImport, RowsThatAreUnknownArePassedOver) {
  const MachineFile machine = host(two_nodes());
  ASSERT_EQ(machine.managed.size(), 2U);
  EXPECT_EQ(machine.managed[1].managed, PageCount{2000});
  EXPECT_THAT(machine.distances, ElementsAre(10, 21, 21, 10));
}

TEST(HostImport, OnlySettingsThatDifferFromLinuxsOwnAreKept) {
  EXPECT_THAT(host(two_nodes()).sysctl,
              ElementsAre(Sysctl{"vm.swappiness", "10"}, Sysctl{"vm.min_free_kbytes", "65536"}));
}

TEST(HostImport, WhatTheKernelComputesItselfIsNoSetting) {
  MemoryTree::Files files = two_nodes();
  files["proc/sys/vm/min_free_kbytes"] = "45056\n";  // two zones, with huge pages
  EXPECT_THAT(host(files).sysctl, ElementsAre(Sysctl{"vm.swappiness", "10"}));
  files["proc/sys/vm/min_free_kbytes"] = "438\n";  // the root of 16 x 12000
  EXPECT_THAT(host(files).sysctl, ElementsAre(Sysctl{"vm.swappiness", "10"}));
}

TEST(HostImport, OfflineNodesLeaveAHoleInTheDistances) {
  MemoryTree::Files files = two_nodes();
  for (const char* file : {"cpulist", "distance"}) {
    files[kNode + "3/" + file] = files[kNode + "1/" + file];
    files.erase(kNode + "1/" + file);
  }
  files[kNode + "3/memory8/x"] = "";
  std::erase_if(files, [](const auto& file) { return file.first.starts_with(kNode + "1/"); });
  const MachineFile machine = host(files);
  EXPECT_EQ(machine.node_count(), 4U);
  EXPECT_EQ(machine.distances[3], 21);
  EXPECT_EQ(machine.distances[1], 20);
  EXPECT_EQ(machine.distances[5], 10);
}

TEST(HostImport, RootSeesTheKernelsPlace) {
  MemoryTree::Files files = two_nodes();
  files["proc/iomem"] = "00100000-7fffffff : System RAM\n  21000000-22206447 : Kernel code\n";
  const MachineFile machine = host(files);
  ASSERT_EQ(machine.kernel_image.size(), 1U);
  EXPECT_EQ(machine.kernel_image[0].range.start, PhysAddr{0x21000000});
}

TEST(HostImport, IomemStandsInForAMapThatIsMissing) {
  MemoryTree::Files files = two_nodes();
  std::erase_if(files, [](const auto& file) { return file.first.starts_with("sys/firmware"); });
  files["proc/iomem"] =
      "00000000-00000fff : Reserved\n00001000-0009ffff : System RAM\n"
      "fec00000-fec003ff : IOAPIC 0\n";
  EXPECT_EQ(host(files).firmware_map.size(), 2U);
}

TEST(HostImport, FiveLevelsOfTablesAreSeenInTheFlags) {
  MemoryTree::Files files = two_nodes();
  files["proc/cpuinfo"] = "processor : 0\nflags\t\t: fpu la57 avx\nbugs\t: none\n";
  EXPECT_EQ(host(files).arch, ArchProfile::kX86_64La57);
  files["proc/cmdline"] = "no5lvl\n";
  EXPECT_EQ(host(files).arch, ArchProfile::kX86_64);
}

TEST(HostImport, AHostWithoutAMapIsRefused) {
  const auto machine = import_host(MemoryTree(MemoryTree::Files{{"proc/cmdline", "quiet"}}));
  ASSERT_FALSE(machine.has_value());
  EXPECT_EQ(machine.error().text(),
            "sys/firmware/memmap: expected the firmware's map, here or in proc/iomem, found none");
}

// Whatever machine runs the tests: it has RAM and CPUs, or says that it shows no map.
TEST(HostImport, ThisHostIsReadAndRoundTrips) {
  const auto machine = import_machine("");
  if (!machine) {
    EXPECT_EQ(machine.error().key, "sys/firmware/memmap") << machine.error().text();
    return;
  }
  EXPECT_FALSE(machine->firmware_map.empty());
  EXPECT_FALSE(machine->cpu_nodes.empty());
  EXPECT_EQ(read_text(write_text(*machine), "written").value_or(MachineFile{}), *machine);
}

}  // namespace
}  // namespace quire::machine_file
