// A small machine's description, for tests that need one to run on.
#pragma once

#include "machine/machine.hpp"

namespace quire {

// 256 MiB and four CPUs on one node.
inline MachineSpec small_machine() {
  static constexpr FirmwareRange kMap[] = {
      {{PhysAddr{0}, PhysAddr{0x9fc00}}, FirmwareType::kUsable},
      {{PhysAddr{0x100000}, PhysAddr{0x10000000}}, FirmwareType::kUsable},
  };
  static constexpr NodeId kCpuNodes[4] = {};
  MachineSpec spec;
  spec.firmware_map = kMap;
  spec.cpu_nodes = kCpuNodes;
  return spec;
}

// Nothing is running on the machine.
inline std::uint64_t free_pages(Machine& machine) {
  const OnCpu on_cpu(machine.cpus().front());
  machine.pages().drain_all();
  for (CpuContext& cpu : machine.cpus()) {
    const OnCpu folding(cpu);
    fold_vmstat(machine.nodes(), cpu.percpu);
  }
  return global_zone_state(machine.nodes(), ZoneItem::kNrFreePages);
}

}  // namespace quire
