// Where ZONE_MOVABLE begins in each node: kernelcore=, movablecore=, movable_node.
//
// The kernel's share is spread evenly over the nodes with memory. Memory below the highest zone
// that exists counts for the kernel whether it is wanted there or not, and what a small node
// cannot give the others do. The start is rounded up to the largest block.
#pragma once

#include <array>
#include <span>

#include "base/base.hpp"
#include "boot/command_line.hpp"
#include "boot/layout.hpp"
#include "boot/memblock.hpp"
#include "boot/numa_info.hpp"
#include "host/host.hpp"

namespace quire {

struct MovableRequest {
  CoreAmount kernelcore;
  CoreAmount movablecore;
  bool movable_node = false;
};

using MovableStarts = std::array<Pfn, kMaxNodes>;  // 0: the node has no ZONE_MOVABLE

// `lowest_usable` is the start of the highest zone there is: ZONE_MOVABLE lies above it, in it.
MovableStarts find_movable_starts(const MovableRequest& request, std::span<const NodeRange> ranges,
                                  Pfn lowest_usable);

// movable_node: from each node's first hot-pluggable page on.
MovableStarts find_hotplug_starts(const Memblock& memblock, std::span<const NodeRange> ranges);

}  // namespace quire
