#include "tools/machine_file/pc_layout.hpp"

#include <algorithm>
#include <numeric>

namespace quire::machine_file {
namespace {

constexpr PhysAddr kBaseEnd{0xa0000};
constexpr PhysAddr kEbda{0x9fc00};  // the BIOS' own KiB below 640 KiB
constexpr PhysAddr kRomStart{0xf0000};
constexpr PhysAddr kOneMib{0x100000};
constexpr PhysAddr kHoleStart{0xc0000000};
constexpr PhysAddr kFlashStart{0xfffc0000};
constexpr PhysAddr kFourGib{0x100000000};
// The top 12 GiB below 1 TiB belong to HyperTransport on AMD machines.
constexpr PhysRange kHyperTransport{PhysAddr{0xfd00000000}, PhysAddr{0x10000000000}};
constexpr Bytes kMaxAllLow{0xe0000000};
constexpr Bytes kAcpiTables = kib(128);
constexpr PhysAddr kZero{};

// Where RAM ends below the hole.
PhysAddr low_end(Bytes ram) { return ram >= kMaxAllLow ? kHoleStart : kZero + ram; }

}  // namespace

std::vector<FirmwareRange> pc_firmware_map(Bytes ram) {
  std::vector<FirmwareRange> map;
  auto add = [&](PhysAddr start, PhysAddr end, FirmwareType type) {
    if (start < end) map.push_back({{start, end}, type});
  };
  const PhysAddr low = low_end(ram);
  const PhysAddr tables = low > kOneMib + kAcpiTables + kAcpiTables ? low - kAcpiTables : low;
  add(kZero, std::min(low, kEbda), FirmwareType::kUsable);
  add(kEbda, std::min(low, kBaseEnd), FirmwareType::kReserved);
  add(kRomStart, kOneMib, FirmwareType::kReserved);
  add(kOneMib, tables, FirmwareType::kUsable);
  add(tables, low, FirmwareType::kReserved);
  add(kFlashStart, kFourGib, FirmwareType::kReserved);
  const PhysAddr high = kFourGib + (ram - (low - kZero));
  add(kFourGib, high, FirmwareType::kUsable);
  if (high <= kHyperTransport.start) {
    map.push_back({kHyperTransport, FirmwareType::kReserved});
  }
  return map;
}

std::vector<AffinityRange> pc_affinity(std::span<const Bytes> node_memory) {
  std::vector<AffinityRange> rows;
  const Bytes ram = std::accumulate(node_memory.begin(), node_memory.end(), Bytes{});
  const PhysAddr low = low_end(ram);
  Bytes before{};
  for (std::size_t i = 0; i < node_memory.size(); ++i) {
    const auto node = static_cast<NodeId>(i);
    auto add = [&](PhysRange range, PhysRange window) {
      const PhysRange part = range.intersect(window);
      if (!part.empty()) rows.push_back({part, node, false});
    };
    const PhysRange below{kZero + before, kZero + before + node_memory[i]};
    add(below, {kZero, kBaseEnd});
    add(below, {kOneMib, low});
    const Bytes hole = kFourGib - low;
    add({below.start + hole, below.end + hole}, {kFourGib, kMaxAddress});
    before += node_memory[i];
  }
  return rows;
}

}  // namespace quire::machine_file
