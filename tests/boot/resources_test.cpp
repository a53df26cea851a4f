#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "boot/boot.hpp"
#include "tests/boot/machine_builder.hpp"

namespace quire::test {
namespace {

std::vector<std::string> rows(const BootPlan& plan) {
  std::vector<std::string> found;
  for (const ResourceRow& row : plan.resources().rows()) {
    char text[64];
    std::snprintf(text, sizeof text, "%08lx-%08lx : ", row.range.start.raw(),
                  row.range.end.raw() - 1);
    found.push_back(std::string(row.depth * 2, ' ') + text + std::string(row.name));
  }
  return found;
}

TEST(Resources, EveryTypeHasItsName) {
  MachineBuilder machine;
  machine.ram(0, 0xa0000).ram(kMiB, 128 * kMiB);
  machine.row(128 * kMiB, 129 * kMiB, FirmwareType::kReserved);
  machine.row(129 * kMiB, 130 * kMiB, FirmwareType::kAcpiData);
  machine.row(130 * kMiB, 131 * kMiB, FirmwareType::kAcpiNvs);
  machine.row(131 * kMiB, 132 * kMiB, FirmwareType::kUnusable);
  machine.row(132 * kMiB, 256 * kMiB, FirmwareType::kPersistent);
  EXPECT_EQ(rows(**machine.boot()),
            (std::vector<std::string>{
                "00000000-00000fff : Reserved", "00001000-0009ffff : System RAM",
                "00100000-07ffffff : System RAM", "08000000-080fffff : Reserved",
                "08100000-081fffff : ACPI Tables", "08200000-082fffff : ACPI Non-volatile Storage",
                "08300000-083fffff : Unusable memory", "08400000-0fffffff : Persistent Memory"}));
}

TEST(Resources, SectionsOfTheKernelLieInTheirRam) {
  MachineBuilder machine;
  machine.ram(kMiB, 128 * kMiB).ram(kGiB, 2 * kGiB);
  machine.kernel(bytes(20 * kMiB, 24 * kMiB + 5), "Kernel data");
  machine.kernel(bytes(16 * kMiB, 18 * kMiB), "Kernel code");
  machine.kernel(bytes(18 * kMiB, 20 * kMiB), "", true);
  EXPECT_EQ(rows(**machine.boot()),
            (std::vector<std::string>{
                "00100000-07ffffff : System RAM", "  01000000-011fffff : Kernel code",
                "  01400000-01800004 : Kernel data", "40000000-7fffffff : System RAM"}));
}

TEST(Resources, TheSpaceBehindRamThatStaysClearOfDevicesIsTold) {
  MachineBuilder machine;
  machine.ram(kMiB, 127 * kMiB);
  ASSERT_TRUE(machine.boot().has_value());
  EXPECT_TRUE(machine.host.logged("e820: reserve RAM buffer [mem 0x07f00000-0x07ffffff]"));
}

}  // namespace
}  // namespace quire::test
