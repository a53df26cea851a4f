#include <array>

#include "procfs/rows.hpp"
#include "procfs/show.hpp"

namespace quire {
namespace {

using BlockCounts = std::array<std::uint64_t, kOrderCount>;

BlockCounts count_blocks(Zone& zone) {
  BlockCounts counts;
  const SpinGuard guard(zone.lock);
  for (unsigned order = 0; order < kOrderCount; ++order)
    counts[order] = zone.free_area[order].nr_free;
  return counts;
}

}  // namespace

void show_buddyinfo(const ProcSources& from, Text& out) {
  from.nodes.for_each_populated([&](Zone& zone) {
    const BlockCounts counts = count_blocks(zone);
    show_zone_name(out, zone);
    out.ch(' ');
    for (const std::uint64_t count : counts) out.dec(count, {6}).ch(' ');
    out.nl();
  });
}

}  // namespace quire
