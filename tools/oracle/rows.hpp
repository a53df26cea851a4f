// The files of a capture, taken apart into rows that have a name in words.
//
// Names are what differences are told by: "node 0 zone DMA32: low", "MemTotal", "node 1 numa_hit".
//
// Errors     None: a line that is not understood is a row named by its number, so that it is
//            compared all the same.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace quire::oracle {

enum class FileKind : std::uint8_t {
  kZoneinfo,
  kBuddyinfo,
  kPagetypeinfo,
  kMeminfo,       // /proc/meminfo and the nodes'
  kCounters,      // "name value": /proc/vmstat, the nodes' numastat
  kIomem,
  kSlabinfo,
  kTunables,      // "name=value": sys_vm
  kOneLine,       // distance, cpulist
};

struct Row {
  std::string name;
  std::string label;  // which row of its kind it is: "low", "MemTotal", "free blocks"
  std::string line;   // without the newline
  // The part behind the label, blanks around it gone. A zone's watermarks are without the boost,
  // which zoneinfo adds to them and shows in a row of its own.
  std::string value;
};

// `file` is the name within a capture: "zoneinfo", "node0_meminfo".
FileKind kind_of(std::string_view file);

std::vector<Row> rows_of(std::string_view file, std::string_view text);

}  // namespace quire::oracle
