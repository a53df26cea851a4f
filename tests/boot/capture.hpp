// A machine recorded from the running kernel: what it was, and what Linux made of it.
#pragma once

#include <cstdio>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "boot/boot.hpp"
#include "tests/boot/machine_builder.hpp"

namespace quire::test {

struct RecordedZone {
  std::uint64_t start_pfn = 0, spanned = 0, present = 0, managed = 0;
};

class Capture {
 public:
  explicit Capture(const std::filesystem::path& folder) {
    machine_ = nlohmann::json::parse(std::ifstream(folder / "machine.json"));
    log_ = read(folder / "dmesg");
    iomem_ = read(folder / "boot" / "iomem");
    read_zones(read(folder / "boot" / "zoneinfo"));
  }

  // A boot that never came to its end recorded no machine.
  [[nodiscard]] bool complete() const {
    return machine_.contains("e820") && !machine_["e820"].empty() && !zones_.empty();
  }
  [[nodiscard]] const nlohmann::json& machine() const { return machine_; }
  [[nodiscard]] const std::string& iomem() const { return iomem_; }
  // By node and zone name; zones without pages have zeros.
  [[nodiscard]] const std::map<std::pair<unsigned, std::string>, RecordedZone>& zones() const {
    return zones_;
  }
  // The lines of the boot log, without their time.
  [[nodiscard]] std::vector<std::string> log_lines() const {
    std::vector<std::string> lines;
    std::istringstream stream(log_);
    for (std::string line; std::getline(stream, line);) {
      const std::size_t end = line.find("] ");
      if (line.starts_with("[") && end != std::string::npos) lines.push_back(line.substr(end + 2));
    }
    return lines;
  }

  [[nodiscard]] bool has_memory_to_add() const {
    for (const auto& row : machine_["srat"])
      if (is_hotpluggable(row)) return true;
    return false;
  }

  void describe(MachineBuilder& builder) const {
    for (const auto& row : machine_["e820"])
      builder.row(range_of(row).start.raw(), range_of(row).end.raw(), type_of(row["type"]));
    for (const auto& row : machine_["srat"])
      builder.node(row["node"], range_of(row), is_hotpluggable(row));
    describe_cpus(builder);
    std::vector<std::uint8_t> distances;
    const bool has_table = log_.find("ACPI: SLIT ") != std::string::npos;
    for (const auto& row : has_table ? machine_["distance"] : nlohmann::json::array())
      for (const unsigned distance : row) distances.push_back(static_cast<std::uint8_t>(distance));
    builder.distances(distances).options(machine_["cmdline"]);
    describe_image(builder);
    builder.spec.gib_pages = log_.find("Using GB pages for direct mapping") != std::string::npos;
  }

 private:
  static std::string read(const std::filesystem::path& file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  [[nodiscard]] bool is_hotpluggable(const nlohmann::json& row) const {
    char text[64];
    std::snprintf(text, sizeof text, "[mem 0x%08lx-0x%08lx] hotplug",
                  row["start"].get<std::uint64_t>(), row["end"].get<std::uint64_t>());
    return log_.find(text) != std::string::npos;
  }

  static PhysRange range_of(const nlohmann::json& row) {
    return bytes(row["start"].get<std::uint64_t>(), row["end"].get<std::uint64_t>() + 1);
  }

  static FirmwareType type_of(const std::string& name) {
    if (name == "usable") return FirmwareType::kUsable;
    if (name == "ACPI data") return FirmwareType::kAcpiData;
    return name == "ACPI NVS" ? FirmwareType::kAcpiNvs : FirmwareType::kReserved;
  }

  void read_zones(const std::string& text) {
    RecordedZone* zone = nullptr;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
      unsigned node = 0;
      char name[16];
      if (std::sscanf(line.c_str(), "Node %u, zone %15s", &node, name) == 2)
        zone = &zones_[{node, name}];
      unsigned long value = 0;
      const auto has = [&](const char* format) {
        return zone != nullptr && std::sscanf(line.c_str(), format, &value) == 1;
      };
      if (has(" spanned %lu")) zone->spanned = value;
      if (has(" present %lu")) zone->present = value;
      if (has(" managed %lu")) zone->managed = value;
      if (has(" start_pfn: %lu")) zone->start_pfn = value;
    }
  }

  void describe_cpus(MachineBuilder& builder) const {
    std::map<unsigned, unsigned> nodes;
    for (const auto& [node, list] : machine_["node_cpus"].items()) {
      std::istringstream stream(list.get<std::string>());
      for (std::string part; std::getline(stream, part, ',');) {
        unsigned first = 0;
        unsigned last = 0;
        if (std::sscanf(part.c_str(), "%u-%u", &first, &last) == 1) last = first;
        for (unsigned cpu = first; cpu <= last; ++cpu)
          nodes[cpu] = static_cast<unsigned>(std::stoul(node));
      }
    }
    for (const auto& [cpu, node] : nodes) builder.cpu_on(node);
  }

  // The named sections; what is freed of the gaps between them, by the log's "Freeing" lines; and
  // the early heap that the log shows behind them.
  void describe_image(MachineBuilder& builder) const {
    std::uint64_t last_end = 0;
    for (const auto& section : machine_["kernel_sections"]) {
      const std::uint64_t start = section["start"];
      const std::string name = section["name"];
      const std::uint64_t gap = (last_end + 0xfff) & ~std::uint64_t{0xfff};
      const bool init = name == "Kernel bss";
      const std::uint64_t freed = init ? gap + freed_kib() * 1024 : start;
      if (last_end != 0) builder.kernel(bytes(gap, freed), "", true);
      last_end = section["end"].get<std::uint64_t>() + 1;
      names_.push_back(name);
    }
    std::size_t i = 0;
    for (const auto& section : machine_["kernel_sections"])
      builder.kernel(range_of(section), names_[i++]);
    builder.kernel(bytes(last_end, last_end + 0x11000), "");
    builder.spec.initrd = initrd();
  }

  // What the log says was freed of the kernel image between its data and its bss.
  [[nodiscard]] std::uint64_t freed_kib() const {
    std::uint64_t sum = 0;
    for (const std::string& line : log_lines()) {
      const bool gap = line.find("gap)") != std::string::npos;
      const bool initrd = line.find("initrd") != std::string::npos;
      const std::size_t at = line.find(" memory: ");
      if (line.starts_with("Freeing ") && at != std::string::npos && !gap && !initrd)
        sum += std::stoull(line.substr(at + 9));
    }
    return sum;
  }

  [[nodiscard]] PhysRange initrd() const {
    for (const std::string& line : log_lines()) {
      unsigned long start = 0;
      unsigned long end = 0;
      if (std::sscanf(line.c_str(), "RAMDISK: [mem 0x%lx-0x%lx]", &start, &end) == 2)
        return bytes(start, end + 1);
    }
    return {};
  }

  nlohmann::json machine_;
  std::string log_;
  std::string iomem_;
  std::map<std::pair<unsigned, std::string>, RecordedZone> zones_;
  mutable std::deque<std::string> names_;  // stays where it is as it grows
};

}  // namespace quire::test
