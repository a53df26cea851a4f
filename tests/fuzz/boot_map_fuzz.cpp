// A boot from any map: the bytes are rows of firmware map and SRAT, then a command line. Whatever
// they say, the boot ends with an error or with a plan whose books balance.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "boot/boot.hpp"
#include "tests/boot/plain_host.hpp"
#include "tests/fuzz/input.hpp"

namespace quire::test {
namespace {

class MapInput : public Input {
 public:
  using Input::Input;

  // An address of 52 bits, most often at a page and often small: where maps are interesting.
  PhysAddr address() {
    const auto shape = take<std::uint8_t>();
    const std::uint64_t raw = take<std::uint32_t>();
    return PhysAddr{(raw << (shape % 33)) >> (shape >= 128 ? 12 : 0)};
  }
  PhysRange range() {
    const PhysAddr start = address();
    const PhysAddr second = address();
    return take<std::uint8_t>() % 8 == 0 ? PhysRange{start, second}
                                         : PhysRange{start, start + (second - PhysAddr{0})};
  }
};

struct Machine {
  explicit Machine(MapInput input) {
    const unsigned rows = input.take<std::uint8_t>() % 40;
    const unsigned affinities = input.take<std::uint8_t>() % 12;
    spec.arch = static_cast<ArchProfile>(input.take<std::uint8_t>() % 3);
    spec.memory_model = static_cast<MemoryModel>(input.take<std::uint8_t>() % 3);
    for (unsigned i = 0; i < rows; ++i) {
      const PhysRange range = input.range();
      map.push_back({range, static_cast<FirmwareType>(input.take<std::uint8_t>() % 14)});
    }
    for (unsigned i = 0; i < affinities; ++i) {
      const PhysRange range = input.range();
      const NodeId node{static_cast<std::uint16_t>(input.take<std::uint8_t>() % 66)};
      affinity.push_back({range, node, input.take<std::uint8_t>() % 4 == 0});
      cpus.push_back(node);
    }
    image.push_back({input.range(), "Kernel code", false});
    image.push_back({input.range(), "init", true});
    spec.initrd = input.range();
    spec.firmware_map = map;
    spec.affinity = affinity;
    spec.cpu_nodes = cpus;
    spec.kernel_image = image;
    spec.command_line = input.rest();
  }

  MachineSpec spec;
  std::vector<FirmwareRange> map;
  std::vector<AffinityRange> affinity;
  std::vector<NodeId> cpus;
  std::vector<KernelRange> image;
};

void check_map(const BootPlan& plan) {
  const FirmwareRange* last = nullptr;
  for (const FirmwareRange& row : plan.firmware_map().entries()) {
    require(row.range.start < row.range.end);
    if (last != nullptr) {
      require(last->range.end <= row.range.start);
      require(last->range.end < row.range.start || last->type != row.type);
    }
    last = &row;
  }
}

void check_pages(const BootPlan& plan, ArchProfile arch) {
  PageCount present;
  for (const NodeRange& piece : plan.layout().ranges) {
    require(!piece.range.empty() && index_of(piece.node) < plan.layout().nodes.size());
    require(address_of(piece.range.end) <= address_limit(arch));
    present += piece.range.length();
  }
  require(present == plan.layout().present);
  PageCount of_zones;
  PageCount managed;
  for (const NodeLayout& node : plan.layout().nodes)
    for (const ZoneType type : zones_of(arch)) {
      of_zones += node.zones[index_of(type)].present;
      managed += plan.managed_in(node.id, type);
    }
  require(of_zones == present && managed <= present);
  PageCount handed_over;
  plan.for_each_free_pages([&](PfnRange range, NodeId) { handed_over += range.length(); });
  for (const LateFreed& late : plan.late_freed()) {
    require(plan.memblock().is_memory(late.range.start));
    handed_over += late.range.length();
  }
  require(handed_over == managed);
}

}  // namespace
}  // namespace quire::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quire::test;
  const Machine machine(MapInput(data, size));
  PlainHost host;
  quire::Arena arena(host);
  const auto plan = quire::BootPlan::make(machine.spec, arena, host);
  if (!plan.has_value()) return 0;
  check_map(**plan);
  check_pages(**plan, machine.spec.arch);
  return 0;
}
