#include "boot/boot_log.hpp"
#include "boot/holes.hpp"
#include "boot/landmarks.hpp"
#include "boot/sections.hpp"
#include "boot/zone_sizes.hpp"

namespace quire {
namespace {

void log_zone_limits(const Layout& layout, ArchProfile arch, Host& host) {
  host.log("Zone ranges:");
  for (const ZoneType zone : zones_of(arch)) {
    if (zone == ZoneType::kMovable) continue;
    const PfnRange limit = layout.zone_limits[index_of(zone)];
    LogLine line(host);
    line->str("  ").str(name_of(zone), Width{8}).ch(' ');
    if (limit.empty())
      line->str("empty");
    else
      put_mem(*line, bytes_of(limit), kFullDigits);
  }
}

void log_nodes(const Layout& layout, std::uint64_t memory_mask, Host& host) {
  for (const NodeLayout& node : layout.nodes) {
    if (!node.possible) continue;
    const bool memoryless = (memory_mask >> index_of(node.id) & 1) == 0;
    if (memoryless)
      LogLine(host)->str("Initializing node ").dec(index_of(node.id)).str(" as memoryless");
    LogLine line(host);
    line->str("Initmem setup node ").dec(index_of(node.id)).ch(' ');
    if (memoryless)
      line->str("as memoryless");
    else
      put_mem(*line, bytes_of(node.span), kFullDigits);
  }
}

}  // namespace

void log_layout(const Layout& layout, const ZoneSources& sources, Host& host) {
  log_zone_limits(layout, sources.spec.arch, host);
  host.log("Movable zone start for each node");
  for (std::size_t node = 0; node < layout.movable_start.size(); ++node) {
    const PhysAddr start = address_of(layout.movable_start[node]);
    if (start == PhysAddr{0}) continue;
    LogLine(host)->str("  Node ").dec(node).str(": 0x").hex(start.raw(), kFullDigits);
  }
  host.log("Early memory node ranges");
  for (const NodeRange& piece : layout.ranges) {
    LogLine line(host);
    line->str("  node ").dec(index_of(piece.node), Width{3}).str(": ");
    put_mem(*line, bytes_of(piece.range), kFullDigits);
  }
  log_nodes(layout, sources.numa.memory_mask(), host);
  const HoleRules rules{sources.spec.memory_model, section_pages(sources.spec.arch)};
  for_each_hole(layout, rules, [&](const Hole& hole) {
    LogLine line(host);
    line->str("On node ").dec(index_of(hole.node)).str(", zone ").str(name_of(hole.zone));
    line->str(": ").dec(hole.pages.raw()).str(" pages in unavailable ranges");
  });
}

}  // namespace quire
