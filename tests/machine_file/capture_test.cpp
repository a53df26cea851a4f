#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/machine_file/memory_tree.hpp"
#include "tools/machine_file/importers.hpp"
#include "tools/machine_file/kernel_image.hpp"
#include "tools/machine_file/pc_layout.hpp"

namespace quire::machine_file {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::filesystem::path kCaptures = QUIRE_TESTS_DIR "/oracle/captures";

MachineFile capture(std::string_view name) {
  auto machine = from_capture(kCaptures / name);
  EXPECT_TRUE(machine.has_value()) << (machine ? "" : machine.error().text());
  return machine.value_or(MachineFile{});
}

// machine.json of a capture without the fields that are results of the boot.
MemoryTree::Files files_of(std::string_view name) {
  MemoryTree::Files files;
  for (const char* file : {"machine.json", "dmesg", "boot/zoneinfo"}) {
    files[file] = read_file(kCaptures / name / file).value_or("");
  }
  return files;
}

std::string error_of(MemoryTree::Files files) {
  const auto machine = import_capture(MemoryTree(std::move(files)));
  return machine ? "no error" : machine.error().text();
}

TEST(CaptureImport, EveryCaptureIsReadAndWrittenAndReadBackTheSame) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kCaptures)) {
    if (!std::filesystem::exists(entry.path() / "machine.json")) continue;
    const auto machine = import_machine(entry.path());
    ASSERT_TRUE(machine.has_value()) << machine.error().text();
    const auto again = read_text(write_text(*machine), "written");
    ASSERT_TRUE(again.has_value()) << entry.path() << again.error().text();
    EXPECT_EQ(*again, *machine) << entry.path();
    ++count;
  }
  EXPECT_GE(count, 12U);
}

TEST(CaptureImport, TakesNodesDistancesCpusKernelInitrdAndManagedPages) {
  const MachineFile machine = capture("numa2-unequal");
  EXPECT_EQ(machine.firmware_map.size(), 8U);
  EXPECT_EQ(machine.affinity.size(), 4U);
  EXPECT_THAT(machine.distances, ElementsAre(10, 17, 17, 10));
  EXPECT_THAT(machine.cpu_nodes, ElementsAre(NodeId{0}, NodeId{1}, NodeId{1}, NodeId{1}));
  EXPECT_EQ(machine.kernel_image, debian_kernel_image());
  EXPECT_EQ(machine.initrd, (PhysRange{PhysAddr{0xbfe7b000}, PhysAddr{0xbffe0000}}));
  EXPECT_TRUE(machine.command_line.starts_with("console=ttyS0 "));
  EXPECT_EQ(machine.command_line.find("retain_initrd"), std::string::npos);
  ASSERT_EQ(machine.managed.size(), 4U);
  EXPECT_EQ(machine.managed[3].node, NodeId{1});
  EXPECT_EQ(machine.managed[3].zone, ZoneType::kNormal);
  EXPECT_EQ(machine.managed[3].managed, PageCount{767569});
}

TEST(CaptureImport, AMemorylessNodeAndACpulessNodeKeepTheirNumbers) {
  const MachineFile memoryless = capture("memoryless");
  EXPECT_EQ(memoryless.node_count(), 3U);
  EXPECT_EQ(memoryless.affinity.back().node, NodeId{2});
  EXPECT_THAT(memoryless.cpu_nodes, ElementsAre(NodeId{0}, NodeId{1}, NodeId{2}));
  EXPECT_THAT(capture("cpuless").cpu_nodes, ElementsAre(NodeId{0}, NodeId{0}));
}

TEST(CaptureImport, ResultsOfTheBootChangeNothing) {
  MemoryTree::Files files = files_of("kernelcore-numa2");
  const auto whole = import_capture(MemoryTree(files));
  auto document = nlohmann::ordered_json::parse(files["machine.json"]);
  for (const char* result :
       {"zone_ranges", "early_node_ranges", "movable_zone_start", "fallback_order", "policy_zone",
        "total_pages", "unavailable_pages", "memory_line"}) {
    EXPECT_EQ(document.erase(result), 1U) << result;
  }
  files["machine.json"] = document.dump();
  const auto reduced = import_capture(MemoryTree(files));
  ASSERT_TRUE(whole.has_value() && reduced.has_value());
  EXPECT_EQ(*whole, *reduced);
}

TEST(CaptureImport, TheLogsMapStandsInForOneThatIsMissing) {
  MemoryTree::Files files = files_of("flat-1g");
  const auto whole = import_capture(MemoryTree(files));
  auto document = nlohmann::ordered_json::parse(files["machine.json"]);
  document.erase("e820");
  files["machine.json"] = document.dump();
  const auto from_log = import_capture(MemoryTree(files));
  ASSERT_TRUE(whole.has_value() && from_log.has_value());
  EXPECT_EQ(*whole, *from_log);
}

TEST(CaptureImport, SettingsSwapAndDiskOfTheSpecAreKept) {
  const MemoryTree files(MemoryTree::Files{{"machine.json", R"({
    "spec": {"sysctl": {"vm.swappiness": 10, "/proc/sys/vm/overcommit_memory": "2",
                        "/sys/kernel/mm/lru_gen/enabled": "y"},
             "swap": "512M", "fs": {"size": "1G"}},
    "e820": [{"start": 0, "end": 1048575, "type": "usable"}]})"}});
  const auto machine = import_capture(files);
  ASSERT_TRUE(machine.has_value()) << machine.error().text();
  EXPECT_THAT(machine->sysctl,
              ElementsAre(Sysctl{"vm.swappiness", "10"}, Sysctl{"vm.overcommit_memory", "2"},
                          Sysctl{"/sys/kernel/mm/lru_gen/enabled", "y"}));
  EXPECT_THAT(machine->disks, ElementsAre(Disk{"swap", mib(512), true}, Disk{"fs", gib(1), true}));
  EXPECT_THAT(machine->swap_areas, ElementsAre(SwapArea{"", mib(512), "swap", {}}));
}

TEST(CaptureImport, ACaptureWhoseLogWasLostIsLaidOutAsQemuWasAskedTo) {
  const MemoryTree files(MemoryTree::Files{{"machine.json", R"({
    "spec": {"ram": "3G", "nodes": [{"mem": "1G", "cpus": "0"}, {"mem": "2G"}]},
    "e820": [], "srat": []})"}});
  const auto machine = import_capture(files);
  ASSERT_TRUE(machine.has_value()) << machine.error().text();
  EXPECT_EQ(machine->affinity.back().range,
            (PhysRange{PhysAddr{0x40000000}, PhysAddr{0xc0000000}}));
}

TEST(CaptureImport, AMachineJsonAloneIsEnough) {
  const auto machine = import_machine(QUIRE_TESTS_DIR "/oracle/buddy/01_order0_churn.machine.json");
  ASSERT_TRUE(machine.has_value()) << machine.error().text();
  EXPECT_EQ(machine->node_count(), 2U);
  EXPECT_THAT(machine->managed, IsEmpty());
}

TEST(CaptureImport, ErrorsNameTheFieldOrTheLine) {
  EXPECT_EQ(error_of({}),
            "machine.json: expected a capture's machine.json, found nothing readable");
  EXPECT_EQ(error_of({{"machine.json", "{\n \"e820\": [\n"}}),
            "machine.json:3: expected JSON, found none");
  EXPECT_EQ(error_of({{"machine.json", R"({"e820": 16e640777216})"}}),
            "machine.json: expected numbers below 10^308");
  EXPECT_EQ(error_of({{"machine.json", "{}"}}),
            "machine.json: e820: expected the firmware's map, here or in dmesg, found none");
  EXPECT_EQ(error_of({{"machine.json", R"({"e820": [{"start": "0", "end": 5}]})"}}),
            "machine.json: e820[0].start: expected a number of 0 or more, found a JSON string");
  EXPECT_EQ(error_of({{"machine.json", R"({"e820": [{"start": 6, "end": 5}]})"}}),
            "machine.json: e820[0]: expected a range with \"start\" and \"end\", its last byte, "
            "below 2^52, found a JSON object");
  EXPECT_EQ(error_of({{"machine.json", R"({"e820": [{"start": 0, "end": 5}],
                                           "distance": [[10, 20], [20]]})"}}),
            "machine.json: distance: expected as many numbers in each row as there are rows, one "
            "a node, found a JSON array");
}

// The layout that `ram = "6G"` stands for is the one that QEMU made for the captures.
TEST(PcLayout, IsWhatFirmwareSaidInTheCaptures) {
  struct Row {
    std::string_view name;
    std::vector<Bytes> nodes;
  };
  for (const Row& row :
       {Row{"flat-128m", {mib(128)}}, Row{"flat-6g", {gib(6)}}, Row{"movablecore-4g", {gib(4)}},
        Row{"cpuless", {gib(1), gib(2)}}, Row{"memoryless", {gib(1), Bytes{}, gib(2)}},
        Row{"numa2-unequal", {mib(1536), mib(4608)}}}) {
    Bytes ram{};
    for (const Bytes size : row.nodes) ram += size;
    MachineFile machine = capture(row.name);
    MachineFile laid_out = machine;
    laid_out.firmware_map = pc_firmware_map(ram);
    if (row.nodes.size() > 1) laid_out.affinity = pc_affinity(row.nodes);
    EXPECT_EQ(laid_out, machine) << row.name;
  }
}

}  // namespace
}  // namespace quire::machine_file
