// A booted machine to test on, in short: its shape, the CPU that the test runs on, and its state
// read out as plain lists.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "hosts/sim/sim_host.hpp"
#include "machine/machine.hpp"
#include "tests/support/audited.hpp"

namespace quire {

inline NodeId node_id(unsigned node) { return NodeId{static_cast<std::uint16_t>(node)}; }
inline CpuId cpu_id(unsigned cpu) { return CpuId{static_cast<std::uint16_t>(cpu)}; }

struct Shape {
  struct Ram {
    unsigned node;
    std::uint64_t start_mib;
    std::uint64_t end_mib;
  };
  std::vector<Ram> ram;
  std::vector<NodeId> cpus;
  std::vector<std::uint8_t> distances;
  std::string options;
  KernelProfile profile{};
  MemoryModel model = MemoryModel::kSparse;
  ArchProfile arch = ArchProfile::kX86_64;
  bool affinity = true;
  bool gib_pages = false;
  TlbSpec tlb{};

  // One zone, DMA32, from 16 MiB on.
  struct Size {
    std::uint64_t size_mib;
    unsigned cpus = 1;
  };
  static Shape one_zone(Size size) {
    Shape shape;
    shape.ram = {{0, 16, 16 + size.size_mib}};
    shape.cpus.assign(size.cpus, NodeId{0});
    return shape;
  }
  // Two nodes, each with a Normal zone of `size_mib` and a CPU; node 0 has a DMA32 zone as well.
  static Shape two_nodes(std::uint64_t size_mib) {
    Shape shape;
    shape.ram = {{0, 16, 144}, {0, 4096, 4096 + size_mib}, {1, 8192, 8192 + size_mib}};
    shape.cpus = {node_id(0), node_id(1)};
    return shape;
  }
};

class TestMachine {
 public:
  explicit TestMachine(const Shape& shape, SimOptions options = {})
      : host(std::move(options)), machine(host) {
    if (!boot(shape).has_value()) {
      std::string why = "no boot:";
      for (const std::string& line : host.log_lines()) why += "\n" + line;
      throw std::runtime_error(why);
    }
    use_cpu(0);
  }
  ~TestMachine() { on_cpu_.reset(); }

  void use_cpu(unsigned cpu) {
    on_cpu_.reset();
    on_cpu_ = std::make_unique<OnCpu>(machine.cpus()[cpu]);
  }
  [[nodiscard]] PageAllocator& pages() { return machine.pages(); }
  [[nodiscard]] Zone& zone(unsigned node, ZoneType type) {
    return machine.nodes().node(node_id(node)).zone(type);
  }
  [[nodiscard]] Zone& dma32() { return zone(0, ZoneType::kDma32); }
  [[nodiscard]] PerCpuPages& set(Zone& zone, unsigned cpu) {
    return machine.nodes().percpu(zone, cpu_id(cpu)).pages;
  }
  [[nodiscard]] std::uint64_t pfn(const Page* page) {
    return page == nullptr ? 0 : machine.map().pfn_of(*page).raw();
  }
  Page* alloc(Gfp gfp, unsigned order, NodeId node = NodeId{0}) {
    return pages().allocate(gfp, Order{order}, node);
  }
  void free(Page* page, unsigned order) { pages().free(*page, Order{order}); }

  // The blocks of a free list, front to back, each block of a run by itself.
  [[nodiscard]] std::vector<std::uint64_t> free_list(const Zone& zone, unsigned order,
                                                     MigrateType type)
      QUIRE_NO_THREAD_SAFETY_ANALYSIS {
    std::vector<std::uint64_t> blocks;
    const MemoryMap& map = machine.map();
    PageIndex index = zone.free_area[order].lists[index_of(type)].front();
    for (; index != PageIndex::kNone; index = PageIndex{map.at(index).next})
      for (std::uint32_t i = 0; i < map.at(index).run_blocks; ++i)
        blocks.push_back(map.pfn_of(index).raw() + i * kMaxOrderPages.raw());
    return blocks;
  }
  // A list of a CPU's set, the next to be taken first.
  [[nodiscard]] std::vector<std::uint64_t> set_list(Zone& zone, CpuId cpu, unsigned number)
      QUIRE_NO_THREAD_SAFETY_ANALYSIS {
    std::vector<std::uint64_t> blocks;
    const MemoryMap& map = machine.map();
    const PerCpuPages& pages = set(zone, index_of(cpu));
    if (number < kPcpTypes)
      for (unsigned i = pages.hot[number].count; i-- > 0;)
        blocks.push_back(map.pfn_of(*pages.hot[number].pages[i]).raw());
    PageIndex index = pages.lists[number].front();
    for (; index != PageIndex::kNone; index = PageIndex{map.at(index).next})
      blocks.push_back(map.pfn_of(index).raw());
    return blocks;
  }
  // All free lists of all zones as one value, to compare two moments by.
  [[nodiscard]] std::vector<std::vector<std::uint64_t>> all_free_lists() {
    std::vector<std::vector<std::uint64_t>> lists;
    machine.nodes().for_each_populated([&](const Zone& zone) {
      for (unsigned o = 0; o < kOrderCount; ++o)
        for (unsigned t = 0; t < kMigrateTypes; ++t)
          lists.push_back(free_list(zone, o, static_cast<MigrateType>(t)));
    });
    return lists;
  }
  [[nodiscard]] std::int64_t free_now(const Zone& zone) {
    return zone_state_snapshot(machine.nodes(), zone, ZoneItem::kNrFreePages);
  }
  [[nodiscard]] bool logged(std::string_view part) const {
    for (const std::string& line : host.log_lines())
      if (line.find(part) != std::string::npos) return true;
    return false;
  }
  [[nodiscard]] unsigned count_logged(std::string_view part) const {
    unsigned count = 0;
    for (const std::string& line : host.log_lines()) count += line.find(part) != std::string::npos;
    return count;
  }

  SimHost host;
  Machine machine;

 private:
  Result<void> boot(const Shape& shape) {
    std::vector<FirmwareRange> map;
    std::vector<AffinityRange> affinity;
    for (const Shape::Ram& ram : shape.ram) {
      const PhysRange range{PhysAddr{ram.start_mib << 20}, PhysAddr{ram.end_mib << 20}};
      map.push_back({range, FirmwareType::kUsable});
      affinity.push_back({range, node_id(ram.node)});
    }
    MachineSpec spec;
    spec.arch = shape.arch;
    spec.memory_model = shape.model;
    spec.firmware_map = map;
    if (shape.affinity) spec.affinity = affinity;
    spec.cpu_nodes = shape.cpus;
    spec.distances = shape.distances;
    spec.command_line = shape.options;
    spec.profile = shape.profile;
    spec.gib_pages = shape.gib_pages;
    spec.tlb = shape.tlb;
    return machine.boot(spec);
  }

  std::unique_ptr<OnCpu> on_cpu_;
};

}  // namespace quire
