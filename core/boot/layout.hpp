// What boot makes of the firmware's ranges: nodes, and in each the span of every zone.
//
// Units    Spans are in pages. `present` counts the pages of a span that are RAM, holes excluded.
#pragma once

#include <array>
#include <span>

#include "base/base.hpp"
#include "boot/zone_type.hpp"

namespace quire {

struct ZoneLayout {
  PfnRange span{};  // empty for a zone without pages
  PageCount present;
  // What Linux takes for managed until the free pages are known: present without the memory map
  // and the reserved part of DMA. "Total pages" of the zonelists' line is the sum of these.
  PageCount first_guess;
  PageCount unavailable;  // pages of present sections that are no RAM; told in the boot log
};

struct NodeLayout {
  NodeId id{};
  bool possible = false;  // is online, or may have memory later
  bool online = false;  // has memory, or CPUs
  PfnRange span{};      // from the first page of its memory to the last; empty without memory
  PageCount present;
  std::array<ZoneLayout, kZoneTypes> zones{};
};

// A contiguous piece of one node's RAM ("Early memory node ranges" of the boot log), ascending.
struct NodeRange {
  PfnRange range;
  NodeId node{};
};

struct Layout {
  std::span<NodeLayout> nodes;  // by node number; a number without node is not possible
  std::span<const NodeRange> ranges;
  std::array<PfnRange, kZoneTypes> zone_limits{};  // "Zone ranges:", empty for a zone not there
  std::span<const Pfn> movable_start;  // by node: where ZONE_MOVABLE begins; 0 = nowhere
  PageCount present;                   // of all nodes
  Pfn max_pfn;                         // one past the last page of RAM
};

}  // namespace quire
