// What a PC's firmware would say about so much RAM in so many nodes, as QEMU's `pc` machine
// does: 640 KiB, the hole up to 1 MiB, low RAM, the hole below 4 GiB, and the rest from 4 GiB.
//
// Low RAM ends at 3 GiB when there is 3.5 GiB of RAM or more; less stays below the hole whole.
// Its last 128 KiB hold the ACPI tables and are reserved. Nodes follow each other in the RAM.
#pragma once

#include <span>
#include <vector>

#include "tools/machine_file/machine_file.hpp"

namespace quire::machine_file {

// `ram` is at most kPcMaxRam.
std::vector<FirmwareRange> pc_firmware_map(Bytes ram);
// One or two ranges a node, as an SRAT has them; a node of 0 bytes has none.
std::vector<AffinityRange> pc_affinity(std::span<const Bytes> node_memory);

// 32 TiB: far from where addresses end, and enough.
inline constexpr Bytes kPcMaxRam{std::uint64_t{1} << 45};

}  // namespace quire::machine_file
