// From nodes' RAM to zones: spans, present pages, holes. Makes the Layout.
//
// Errors  kNoMemory (arena); kInvalid when there is no RAM; kRange when the memory map of the
//         sections present would need more than 2^32 entries.
#pragma once

#include "base/base.hpp"
#include "boot/command_line.hpp"
#include "boot/firmware_map.hpp"
#include "boot/layout.hpp"
#include "boot/machine_spec.hpp"
#include "boot/memblock.hpp"
#include "boot/numa_info.hpp"
#include "host/host.hpp"

namespace quire {

struct ZoneSources {
  const MachineSpec& spec;
  const CommandLine& options;
  const Memblock& memblock;
  const NumaInfo& numa;
};

// The RAM of each node, in whole pages, ascending.
Result<std::span<NodeRange>> node_ranges(const Memblock& memblock, Arena& arena);

// `ranges` as node_ranges() gave them.
Result<Layout> make_layout(const ZoneSources& sources, std::span<NodeRange> ranges, Arena& arena,
                           Host& host);

// "Zone ranges:" to "Early memory node ranges", then each node's "Initmem setup" and holes.
void log_layout(const Layout& layout, const ZoneSources& sources, Host& host);

}  // namespace quire
