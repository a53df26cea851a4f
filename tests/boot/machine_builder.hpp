// A machine put together in a test, and its boot.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "boot/boot.hpp"
#include "tests/boot/plain_host.hpp"

namespace quire::test {

class MachineBuilder {
 public:
  MachineBuilder& ram(Place start, Place end) {
    map_.push_back(usable(start, end));
    return *this;
  }
  MachineBuilder& row(Place start, Place end, FirmwareType type) {
    map_.push_back({bytes(start, end), type});
    return *this;
  }
  MachineBuilder& node(unsigned id, PhysRange range, bool hotpluggable = false) {
    affinity_.push_back({range, NodeId{static_cast<std::uint16_t>(id)}, hotpluggable});
    return *this;
  }
  MachineBuilder& cpu_on(unsigned node) {
    cpus_.push_back(NodeId{static_cast<std::uint16_t>(node)});
    return *this;
  }
  MachineBuilder& options(const std::string& text) {
    options_ = text;
    return *this;
  }
  MachineBuilder& kernel(PhysRange range, std::string_view name, bool freed = false) {
    image_.push_back({range, name, freed});
    return *this;
  }
  MachineBuilder& managed(unsigned node, ZoneType zone, std::uint64_t count) {
    managed_.push_back({NodeId{static_cast<std::uint16_t>(node)}, zone, PageCount{count}});
    return *this;
  }
  MachineBuilder& distances(std::vector<std::uint8_t> rows) {
    distances_ = std::move(rows);
    return *this;
  }

  Result<BootPlan*> boot() {
    spec.firmware_map = map_;
    spec.affinity = affinity_;
    spec.cpu_nodes = cpus_;
    spec.distances = distances_;
    spec.kernel_image = image_;
    spec.managed = managed_;
    spec.command_line = options_;
    return BootPlan::make(spec, arena, host);
  }

  MachineSpec spec;
  PlainHost host;
  Arena arena{host};

 private:
  std::vector<FirmwareRange> map_;
  std::vector<AffinityRange> affinity_;
  std::vector<NodeId> cpus_;
  std::vector<std::uint8_t> distances_;
  std::vector<KernelRange> image_;
  std::vector<ManagedPages> managed_;
  std::string options_;
};

inline const ZoneLayout& zone(const BootPlan& plan, unsigned node, ZoneType type) {
  return plan.layout().nodes[node].zones[index_of(type)];
}

}  // namespace quire::test
