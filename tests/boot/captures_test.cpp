// Every machine recorded from Linux 6.1 boots here as it did there.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "boot/boot.hpp"
#include "tests/boot/capture.hpp"

namespace quire::test {
namespace {

std::vector<std::string> capture_names() {
  std::vector<std::string> names;
  const std::filesystem::path folder = std::string(QUIRE_TESTS_DIR) + "/oracle/captures";
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (std::filesystem::exists(entry.path() / "machine.json"))
      names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

// As one text, of which a failing test shows the lines that differ.
std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

class Captures : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    capture =
        std::make_unique<Capture>(std::string(QUIRE_TESTS_DIR) + "/oracle/captures/" + GetParam());
    if (!capture->complete()) GTEST_SKIP() << "the recorded boot did not come to its end";
    capture->describe(machine);
    const auto booted = machine.boot();
    ASSERT_TRUE(booted.has_value()) << machine.host.lines.back();
    plan = *booted;
  }

  [[nodiscard]] const nlohmann::json& recorded() const { return capture->machine(); }
  [[nodiscard]] static ZoneType type_named(const std::string& name) {
    for (unsigned i = 0; i < kZoneTypes; ++i)
      if (name_of(static_cast<ZoneType>(i)) == name) return static_cast<ZoneType>(i);
    ADD_FAILURE() << "no zone " << name;
    return ZoneType::kDma;
  }

  std::unique_ptr<Capture> capture;
  MachineBuilder machine;
  const BootPlan* plan = nullptr;
};

TEST_P(Captures, ZonesSpanAndHoldTheSamePages) {
  for (const auto& [where, expected] : capture->zones()) {
    SCOPED_TRACE("node " + std::to_string(where.first) + " zone " + where.second);
    const ZoneLayout& ours = zone(*plan, where.first, type_named(where.second));
    EXPECT_EQ(ours.present.raw(), expected.present);
    EXPECT_EQ(ours.span.length().raw(), expected.spanned);
    if (expected.present != 0) {
      EXPECT_EQ(ours.span.start.raw(), expected.start_pfn);
    }
  }
}

TEST_P(Captures, NodeRangesZoneLimitsAndMovableStartsAreTheSame) {
  std::size_t i = 0;
  ASSERT_EQ(plan->layout().ranges.size(), recorded()["early_node_ranges"].size());
  for (const auto& row : recorded()["early_node_ranges"]) {
    const NodeRange& ours = plan->layout().ranges[i++];
    EXPECT_EQ(index_of(ours.node), row["node"].get<unsigned>());
    EXPECT_EQ(address_of(ours.range.start).raw(), row["start"].get<std::uint64_t>());
    EXPECT_EQ(address_of(ours.range.end).raw() - 1, row["end"].get<std::uint64_t>());
  }
  for (const auto& row : recorded()["zone_ranges"]) {
    const PfnRange limit = plan->layout().zone_limits[index_of(type_named(row["zone"]))];
    EXPECT_EQ(address_of(limit.start).raw(), row["start"].get<std::uint64_t>());
    EXPECT_EQ(address_of(limit.end).raw() - 1, row["end"].get<std::uint64_t>());
  }
  for (unsigned node = 0; node < plan->layout().nodes.size(); ++node)
    EXPECT_EQ(address_of(plan->layout().movable_start[node]).raw(),
              recorded()["movable_zone_start"].value(std::to_string(node), std::uint64_t{0}));
}

TEST_P(Captures, TheFirstGuessOfAllZonesIsTheTotalOfTheZonelists) {
  PageCount total;
  for (const NodeLayout& node : plan->layout().nodes)
    for (const ZoneLayout& part : node.zones) total += part.first_guess;
  EXPECT_EQ(std::to_string(total.raw()), recorded()["total_pages"].get<std::string>());
}

TEST_P(Captures, DistancesAreTheSame) {
  std::map<unsigned, std::size_t>
      rows;  // by node, where its row is: only nodes that exist have one
  for (const NodeLayout& node : plan->layout().nodes)
    if (node.online) rows.emplace(index_of(node.id), rows.size());
  ASSERT_EQ(rows.size(), recorded()["distance"].size());
  for (const auto& [from, row] : rows)
    for (const auto& [to, column] : rows)
      EXPECT_EQ(plan->numa().distance(NodeId{static_cast<std::uint16_t>(from)},
                                      NodeId{static_cast<std::uint16_t>(to)}),
                recorded()["distance"][row][column].get<unsigned>());
}

// Lines of the boot log that begin so are ours to say, each as often as Linux says it.
bool is_told(const std::string& line) {
  static const char* const kBeginnings[] = {
      "BIOS-e820:",    "user:",        "e820: update",
      "e820: remove",  "Zone ranges:", "  DMA ",
      "  DMA32 ",      "  Normal ",    "Movable zone",
      "  Node ",       "  node ",      "Early memory",
      "Initmem",       "On node ",     "No NUMA",
      "Faking a",      "NUMA",         "ACPI: SRAT: ",
      "Initializing ", "user-defined", "e820: reserve RAM buffer"};
  for (const char* const beginning : kBeginnings)
    if (line.starts_with(beginning)) return true;
  return false;
}

// Firmware's own numbers of nodes (proximity domains) are not part of a machine here.
std::string without_domain(std::string line) {
  const std::size_t at = line.find(" PXM ");
  if (at != std::string::npos) line.erase(at, line.find(" [mem") - at);
  return line;
}

TEST_P(Captures, TheBootLogSaysTheSameInTheSameOrder) {
  std::vector<std::string> theirs;
  for (const std::string& line : capture->log_lines())
    if (is_told(line)) theirs.push_back(without_domain(line));
  std::vector<std::string> ours;
  for (const std::string& line : machine.host.lines)
    if (is_told(line)) ours.push_back(without_domain(line));
  EXPECT_EQ(joined(ours), joined(theirs));
}

// Not every recording kept these lines.
TEST_P(Captures, TheFirstChunkOfPerCpuMemoryIsLaidOutTheSame) {
  const auto of_percpu = [](const std::vector<std::string>& log) {
    std::vector<std::string> lines;
    for (const std::string& line : log)
      if (line.starts_with("setup_percpu:") || line.starts_with("percpu:")) lines.push_back(line);
    return joined(lines);
  };
  const std::string theirs = of_percpu(capture->log_lines());
  if (theirs.empty()) GTEST_SKIP() << "not recorded";
  EXPECT_EQ(of_percpu(machine.host.lines), theirs);
}

// Devices are not ours, so a reserved row may lie in one there and stand alone here.
TEST_P(Captures, TheRowsOfIomemThatDescribeMemoryAreTheSame) {
  if (capture->has_memory_to_add()) GTEST_SKIP() << "recorded after memory had been added";
  static const std::set<std::string> kOurs = {"System RAM",
                                              "Reserved",
                                              "ACPI Tables",
                                              "ACPI Non-volatile Storage",
                                              "Kernel code",
                                              "Kernel rodata",
                                              "Kernel data",
                                              "Kernel bss",
                                              "Unusable memory",
                                              "Persistent Memory",
                                              "Persistent Memory (legacy)"};
  std::vector<std::string> theirs;
  std::istringstream stream(capture->iomem());
  for (std::string line; std::getline(stream, line);)
    if (const std::string name = line.substr(line.find(" : ") + 3); kOurs.contains(name))
      theirs.push_back(name == "Reserved" ? line.substr(line.find_first_not_of(' ')) : line);
  std::vector<std::string> ours;
  for (const ResourceRow& row : plan->resources().rows()) {
    char text[64];
    std::snprintf(text, sizeof text, "%*s%08lx-%08lx : ", row.depth * 2, "", row.range.start.raw(),
                  row.range.end.raw() - 1);
    ours.push_back(text + std::string(row.name));
  }
  EXPECT_EQ(joined(ours), joined(theirs));
}

// Each frame that Linux allocated for a table of the direct map, in order (alloc_low_pages).
TEST_P(Captures, TablesOfTheDirectMapLieInTheSameFrames) {
  std::vector<std::uint64_t> theirs;
  bool asked = false;
  bool told = false;
  for (const std::string& line : capture->log_lines()) {
    unsigned long start = 0;
    if (asked && std::sscanf(line.c_str(), "memblock_reserve: [0x%lx-", &start) == 1)
      theirs.push_back(start);
    asked = line.find("alloc_low_pages") != std::string::npos;
    told = told || line.find("init_mem_mapping") != std::string::npos;
  }
  if (!told) GTEST_SKIP() << "recorded without memblock=debug";
  std::vector<std::uint64_t> ours;
  for (const Pfn table : plan->direct_map().tables)
    if (table != DirectMap::kInBuffer) ours.push_back(address_of(table).raw());
  EXPECT_EQ(ours, theirs);
}

TEST_P(Captures, WhatIsManagedWithoutBeingToldIsWithinOneInTenThousand) {
  if (recorded()["cmdline"].get<std::string>().find("hugepagesz=1G") != std::string::npos)
    GTEST_SKIP() << "gigantic pages taken at boot come with huge pages";
  std::uint64_t ours = 0;
  std::uint64_t theirs = 0;
  for (const auto& [where, expected] : capture->zones()) {
    theirs += expected.managed;
    ours +=
        plan->managed_in(NodeId{static_cast<std::uint16_t>(where.first)}, type_named(where.second))
            .raw();
  }
  const std::uint64_t most = theirs / 10000 + 4;
  EXPECT_LE(ours, theirs + most);
  EXPECT_GE(ours + most, theirs);
}

TEST_P(Captures, WithManagedPagesToldEachZoneHasJustThose) {
  MachineBuilder told;
  capture->describe(told);
  for (const auto& [where, expected] : capture->zones())
    told.managed(where.first, type_named(where.second), expected.managed);
  const auto booted = told.boot();
  ASSERT_TRUE(booted.has_value()) << told.host.lines[told.host.lines.size() - 2];
  for (const auto& [where, expected] : capture->zones())
    EXPECT_EQ(
        (*booted)
            ->managed_in(NodeId{static_cast<std::uint16_t>(where.first)}, type_named(where.second))
            .raw(),
        expected.managed);
}

INSTANTIATE_TEST_SUITE_P(Linux61, Captures, testing::ValuesIn(capture_names()),
                         [](const testing::TestParamInfo<std::string>& info) {
                           std::string name = info.param;
                           for (char& c : name)
                             if (c == '-') c = '_';
                           return name;
                         });

}  // namespace
}  // namespace quire::test
