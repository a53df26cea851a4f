// Holes: pages that have an entry in the memory map and are no RAM.
//
// A hole counts for the zone that the RAM behind it is in; the one behind all RAM for the last
// node's last zone. SPARSEMEM has entries for whole present sections, FLATMEM from page 0 to the
// last, DISCONTIGMEM for what each node spans.
#pragma once

#include <cstdint>
#include <span>

#include "base/base.hpp"
#include "boot/layout.hpp"
#include "boot/machine_spec.hpp"

namespace quire {

struct Hole {
  NodeId node{};
  ZoneType zone{};
  PageCount pages;
};

struct HoleRules {
  MemoryModel model;
  PageCount section;
};

// The zone of `node` that `pfn`, a page of RAM, is in.
ZoneType zone_at(const NodeLayout& node, Pfn pfn);
// The highest zone of `node` with pages.
ZoneType last_zone(const NodeLayout& node);

// The pages with an entry in the memory map between `before`, the RAM ahead of a gap, and `after`,
// the RAM behind it; either may be null.
PageCount mapped_between(const NodeRange* before, const NodeRange* after, const HoleRules& rules);

// Calls visit(Hole) for each, ascending; empty ones are left out.
template <class Visit>
void for_each_hole(const Layout& layout, const HoleRules& rules, Visit visit) {
  const NodeRange* before = nullptr;
  for (const NodeRange& piece : layout.ranges) {
    const PageCount pages = mapped_between(before, &piece, rules);
    const NodeLayout& node = layout.nodes[index_of(piece.node)];
    if (pages) visit(Hole{piece.node, zone_at(node, piece.range.start), pages});
    before = &piece;
  }
  const PageCount pages = mapped_between(before, nullptr, rules);
  if (pages) visit(Hole{before->node, last_zone(layout.nodes[index_of(before->node)]), pages});
}

}  // namespace quire
