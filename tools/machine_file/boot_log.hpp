// What a boot log says about the machine, line by line. Every other line is passed over, and so
// is whatever stands before the words looked for: time stamps, levels, a syslog's host name.
//
// Errors  A line that begins as one of those known and does not go on as one, by its number.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/machine_file/kernel_image.hpp"

namespace quire::machine_file {

struct BootLog {
  struct Started {
    CpuId cpu{};
    NodeId node{};
  };

  std::optional<std::string> command_line;
  std::vector<FirmwareRange> firmware;           // BIOS-e820
  std::vector<AffinityRange> affinity;           // SRAT: Node
  std::vector<NodeId> apic_nodes;                // SRAT: PXM -> APIC -> Node, in order
  std::vector<Started> started;                  // .... node #N, CPUs: #M
  std::vector<std::vector<unsigned>> distances;  // the rows of a SLIT table, where there is one
  std::optional<std::size_t> cpus;               // brought up, or else allowed less hot-plug
  std::optional<PhysRange> ramdisk;
  std::optional<Bytes> initrd_freed;
  bool gib_pages = false;                        // used for the direct map
  FreedLate freed;
};

[[nodiscard]] Parsed<BootLog> parse_boot_log(std::string_view text, std::string_view file);

// The firmware's name for a type of range, of logs and of /sys/firmware/memmap; what is unknown
// is reserved.
FirmwareType firmware_type_of(std::string_view name);

// The node of each of the log's CPUs, at least one: as they were started, or else in the order of
// the SRAT's APIC rows, or else node 0.
std::vector<NodeId> cpu_nodes_of(const BootLog& log, std::size_t cpus);

}  // namespace quire::machine_file
