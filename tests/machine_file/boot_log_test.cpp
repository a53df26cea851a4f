#include "tools/machine_file/boot_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/machine_file/importers.hpp"

namespace quire::machine_file {
namespace {

using ::testing::ElementsAre;

constexpr std::string_view kLog = R"([    0.000000] Linux version 6.1.0
[    0.000000] Command line: quiet kernelcore=1G
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
[    0.000000] BIOS-e820: [gap 0x0000000080000000-0x00000000fffbffff]
[    0.000000] BIOS-e820: [mem 0x00000000fffc0000-0x00000000ffffffff] ACPI NVS
[    0.010000] RAMDISK: [mem 0x7fe7b000-0x7ffdffff]
[    0.020818] SRAT: PXM 0 -> APIC 0x00 -> Node 0
[    0.020862] SRAT: PXM 1 -> APIC 0x01 -> Node 1
[    0.020862] SRAT: PXM 1 -> APIC 0x02 -> Node 1
[    0.021041] ACPI: SRAT: Node 0 PXM 0 [mem 0x00000000-0x3fffffff]
[    0.021087] ACPI: SRAT: Node 1 PXM 1 [mem 0x40000000-0x7fffffff] hotplug
[    0.030000] smpboot: Allowing 4 CPUs, 1 hotplug CPUs
[    0.099054] Kernel command line: quiet kernelcore=1G
[    0.824252] .... node  #1, CPUs:      #1
[    0.900000] .... node  #0, CPUs:      #2
[    3.370180] Freeing unused kernel image (initmem) memory: 2612K
)";

MachineFile imported(std::string_view log) {
  auto machine = import_boot_log(log, "dmesg");
  EXPECT_TRUE(machine.has_value()) << (machine ? "" : machine.error().text());
  return machine.value_or(MachineFile{});
}

std::string error_in(std::string_view log) {
  const auto machine = import_boot_log(log, "dmesg");
  return machine ? "no error" : machine.error().text();
}

std::string without_time_stamps(std::string_view log) {
  std::string text;
  for (std::size_t place = 0; place < log.size();) {
    const std::size_t end = log.find('\n', place);
    text += log.substr(place + 15, end - place - 14);
    place = end + 1;
  }
  return text;
}

TEST(BootLogImport, TakesMapNodesCpusInitrdAndCommandLine) {
  const MachineFile machine = imported(kLog);
  ASSERT_EQ(machine.firmware_map.size(), 3U);
  EXPECT_EQ(machine.firmware_map[2].type, FirmwareType::kAcpiNvs);
  ASSERT_EQ(machine.affinity.size(), 2U);
  EXPECT_FALSE(machine.affinity[0].hotpluggable);
  EXPECT_TRUE(machine.affinity[1].hotpluggable);
  EXPECT_EQ(machine.initrd, (PhysRange{PhysAddr{0x7fe7b000}, PhysAddr{0x7ffe0000}}));
}

TEST(BootLogImport, TimeStampsMayBeMissing) {
  EXPECT_EQ(imported(without_time_stamps(kLog)), imported(kLog));
}

TEST(BootLogImport, WhereACpuWasStartedCountsMoreThanTheOrderOfTheSrat) {
  EXPECT_THAT(imported(kLog).cpu_nodes, ElementsAre(NodeId{0}, NodeId{1}, NodeId{0}));
}

TEST(BootLogImport, AnInitrdThatNoLineFreesWasRetained) {
  EXPECT_EQ(imported(kLog).command_line, "quiet kernelcore=1G retain_initrd");
  const std::string freed = std::string(kLog) + "[    2.2] Freeing initrd memory: 1428K\n";
  EXPECT_EQ(imported(freed).command_line, "quiet kernelcore=1G");
}

TEST(BootLogImport, TheMapOfAnOldKernelIsReadToo) {
  const MachineFile machine = imported(
      " BIOS-e820: 0000000000000000 - 000000000009f000 (usable)\n"
      " BIOS-e820: 0000000000100000 - 0000000008000000 (ACPI data)\n");
  ASSERT_EQ(machine.firmware_map.size(), 2U);
  EXPECT_EQ(machine.firmware_map[0].range.end, PhysAddr{0x9f000});
  EXPECT_EQ(machine.firmware_map[1].type, FirmwareType::kAcpiData);
}

TEST(BootLogImport, ATableOfDistancesIsTaken) {
  const MachineFile machine = imported(std::string(kLog) +
                                         "node distances:\n"
                                         "node   0   1 \n"
                                         "  0:  10  17 \n"
                                         "  1:  18  10 \n");
  EXPECT_THAT(machine.distances, ElementsAre(10, 17, 18, 10));
}

TEST(BootLogImport, SaysWhichLineItCouldNotRead) {
  EXPECT_EQ(error_in("hello\nBIOS-e820: [mem 0x0-] usable\n"),
            "dmesg:2: BIOS-e820: expected \"[mem 0x0-0x9fbff] usable\", found \"[mem 0x0-] "
            "usable\"");
  EXPECT_EQ(error_in("BIOS-e820: [mem 0x0-0xfff] usable\nACPI: SRAT: Node 99 PXM 0 [mem "
                     "0x0-0xfff]\n"),
            "dmesg:2: SRAT: expected \"Node 0 PXM 0 [mem 0x0-0x9ffff]\", found \"99 PXM 0 [mem "
            "0x0-0xfff]\"");
  EXPECT_EQ(error_in("RAMDISK: here\n"),
            "dmesg:1: RAMDISK: expected \"[mem 0x7e7b000-0x7fdffff]\", found \"here\"");
  EXPECT_EQ(error_in("nothing of use\n"),
            "dmesg: BIOS-e820: expected lines such as \"BIOS-e820: [mem 0x0-0x9fbff] usable\", "
            "found none");
}

TEST(BootLogImport, NodesThatOverlapAreRefusedAsInAMachineFile) {
  EXPECT_EQ(error_in("BIOS-e820: [mem 0x0-0xffff] usable\n"
                     "SRAT: Node 0 PXM 0 [mem 0x0-0x8fff]\n"
                     "SRAT: Node 1 PXM 1 [mem 0x8000-0xffff]\n"),
            "dmesg: node[1].memory: expected ranges of its own, found 0x8000-0xffff, which "
            "overlaps 0x0-0x8fff of node 0");
}

}  // namespace
}  // namespace quire::machine_file
