// A capture: a directory with what Linux said of one machine, at boot and after each of its steps.
//
// Errors  What could not be understood, as machine_file's importers tell it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tools/machine_file/machine_file.hpp"

namespace quire::oracle {

// The files of one moment by their names in the capture: "zoneinfo", "node0_meminfo", "sys_vm".
using Snapshot = std::map<std::string, std::string>;

struct Setting {
  std::string name;  // "vm.swappiness", or the absolute path of a file under /sys
  std::string value;
};

struct Step {
  std::string directory;
  std::vector<Setting> settings;
  Snapshot files;
};

// What machine.json says that Linux made of the machine. Ranges are half-open; what the boot log
// did not tell is empty.
struct BootFacts {
  struct ZoneRange {
    std::string zone;
    PhysRange range;
  };
  struct NodeRange {
    std::uint64_t node;
    PhysRange range;
  };
  struct Unavailable {
    std::string node;
    std::string zone;
    std::string pages;
    auto operator<=>(const Unavailable&) const = default;
  };
  struct FirmwareRow {
    PhysRange range;
    std::string type;
  };
  using NodeList = std::vector<std::uint64_t>;

  // Empty where the command line left the firmware's map as it was.
  std::vector<FirmwareRow> user_map;
  std::vector<ZoneRange> zone_ranges;
  std::vector<NodeRange> early_node_ranges;
  std::map<std::string, std::uint64_t> movable_zone_start;  // bytes, by node
  std::map<std::string, NodeList> fallback_order;
  std::string policy_zone;
  std::string total_pages;
  std::vector<Unavailable> unavailable_pages;
  std::vector<NodeList> distance;
  std::map<std::string, std::string> node_cpus;
};

struct Capture {
  machine_file::MachineFile machine;
  BootFacts facts;
  Snapshot boot;
  std::vector<Step> steps;
};

machine_file::Parsed<Capture> read_capture(const std::filesystem::path& directory);

}  // namespace quire::oracle
