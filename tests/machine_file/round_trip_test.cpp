#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tools/machine_file/machine_file.hpp"

namespace quire::machine_file {
namespace {

namespace fs = std::filesystem;

const fs::path kExamples = QUIRE_SOURCE_DIR "/examples/machines";

MachineFile read_back(const MachineFile& machine) {
  auto again = read_text(write_text(machine), "written");
  EXPECT_TRUE(again.has_value()) << (again ? "" : again.error().text());
  return again.value_or(MachineFile{});
}

// A new name in the directory for temporary files.
fs::path scratch(std::string_view name) {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  return fs::path(::testing::TempDir()) / (std::string(test->name()) + "-" + std::string(name));
}

TEST(RoundTrip, EveryExampleIsWrittenAndReadBackTheSame) {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(kExamples)) {
    const auto machine = read(entry.path());
    ASSERT_TRUE(machine.has_value()) << machine.error().text();
    EXPECT_EQ(read_back(*machine), *machine) << entry.path();
    EXPECT_EQ(machine->name, entry.path().stem().string());
    ++count;
  }
  EXPECT_GE(count, 12U);
}

TEST(RoundTrip, WhatIsWrittenDoesNotChangeWhenWrittenAgain) {
  for (const auto& entry : fs::directory_iterator(kExamples)) {
    const MachineFile machine = read(entry.path()).value_or(MachineFile{});
    EXPECT_EQ(write_text(read_back(machine)), write_text(machine)) << entry.path();
  }
}

TEST(RoundTrip, HotplugRowsAndRowsOutOfOrderKeepTheirOrder) {
  const auto machine = read_text(R"(
    [[firmware]]
    start = 0x0
    end = 0xffffff
    [[affinity]]
    start = 0x800000
    end = 0xffffff
    node = 1
    hotplug = true
    [[affinity]]
    start = 0x0
    end = 0x7fffff
    node = 0
  )",
                                 "m.toml");
  ASSERT_TRUE(machine.has_value()) << machine.error().text();
  EXPECT_EQ(read_back(*machine), *machine);
}

TEST(RoundTrip, TranslationCachesKeepTheirSizes) {
  MachineFile machine = read_text("ram = \"1G\"\n[tlb]\n", "m.toml").value_or(MachineFile{});
  machine.tlb.large = {16, 2};
  machine.tlb.asids = false;
  machine.profile.debug_tlbflush = true;
  machine.cost.slice_ns = 1'000'000;
  EXPECT_TRUE(machine.tlb.modelled);
  EXPECT_EQ(read_back(machine), machine);
}

TEST(RoundTrip, TextMayHoldQuotesBackslashesAndControlCharacters) {
  MachineFile machine = read_text("ram = \"1G\"", "m.toml").value_or(MachineFile{});
  machine.name = "a \"b\" \\ c\x01\t";
  machine.command_line = "x='\n'";
  machine.sysctl = {{"vm.odd \"name\"", "\\"}, {"vm.a.b", ""}, {"/sys/x", "1"}};
  EXPECT_EQ(read_back(machine), machine);
}

TEST(RoundTrip, AFileThatIsWrittenIsTheFileThatIsRead) {
  const MachineFile machine = read(kExamples / "numa2.toml").value_or(MachineFile{});
  const fs::path path = scratch("m.toml");
  ASSERT_TRUE(write(machine, path).has_value());
  EXPECT_EQ(read(path).value_or(MachineFile{}), machine);
  fs::remove(path);
}

TEST(RoundTrip, AFileThatCannotBeWrittenIsNamed) {
  const auto written = write(MachineFile{}, "/no/such/directory/m.toml");
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().text(),
            "/no/such/directory/m.toml: expected a file that can be written");
}

TEST(Import, WhatIsNoneOfTheThreeSourcesIsRefused) {
  const fs::path path = scratch("nothing");
  std::ofstream(path) << "nothing\n";
  const auto machine = import_machine(path);
  ASSERT_FALSE(machine.has_value());
  EXPECT_EQ(machine.error().what,
            "expected a capture (with machine.json), a copy of a host's files (with proc/ or "
            "sys/) or a boot log, found none of them");
  fs::remove(path);
  EXPECT_EQ(import_machine(path).error().what, "expected a file that can be read");
}

TEST(Import, ADirectoryWithProcIsAHostAndATextWithAMapABootLog) {
  const fs::path root = scratch("host");
  fs::create_directories(root / "proc");
  std::ofstream(root / "proc" / "iomem") << "00001000-0fffffff : System RAM\n";
  const auto host = import_machine(root);
  ASSERT_TRUE(host.has_value()) << host.error().text();
  EXPECT_EQ(host->firmware_map.size(), 1U);
  fs::remove_all(root);
  const auto log = import_machine(QUIRE_TESTS_DIR "/oracle/captures/numa4-asym/dmesg");
  ASSERT_TRUE(log.has_value()) << log.error().text();
  EXPECT_EQ(log->node_count(), 4U);
}

TEST(RoundTrip, ADistanceTableThatLacksANodeIsWrittenAsItIsAndRefusedWhenReadBack) {
  auto machine = read_text("ram = \"1G\"\n", "m.toml");
  ASSERT_TRUE(machine.has_value());
  machine->distances = {10, 20, 20, 10};
  machine->cpu_nodes = {NodeId{0}, NodeId{9}};
  const auto read_back = read_text(write_text(*machine), "m.toml");
  ASSERT_FALSE(read_back.has_value());
  EXPECT_EQ(read_back.error().key, "distances");
}

}  // namespace
}  // namespace quire::machine_file
