#include "procfs/estimates.hpp"

namespace quire {
namespace {

std::uint64_t not_negative(std::int64_t value) {
  return value < 0 ? 0 : static_cast<std::uint64_t>(value);
}

std::uint64_t file_pages(const Nodes& nodes) {
  return global_node_state(nodes, NodeItem::kNrActiveFile) +
         global_node_state(nodes, NodeItem::kNrInactiveFile);
}

// Of `pages`, what reclaim would take: it leaves half of them, or the low watermarks if less.
PageCount reclaimable_part(std::uint64_t pages, PageCount low) {
  return PageCount{pages - min_of(pages / 2, low.raw())};
}

// What of high memory counts in the sum of dirtyable pages: it is left out, because a dirty page
// there can need low memory to be written.
std::uint64_t high_memory_dirtyable(const Nodes& nodes) {
  std::uint64_t pages = 0;
  nodes.for_each_populated([&](const Zone& zone) {
    if (zone.type != ZoneType::kHighMem) return;
    const std::uint64_t free = zone_state(zone, ZoneItem::kNrFreePages);
    const std::uint64_t kept = not_negative(zone.watermark_pages(Watermark::kHigh));
    pages += free - min_of(free, kept);
    pages += zone_state(zone, ZoneItem::kNrZoneInactiveFile);
    pages += zone_state(zone, ZoneItem::kNrZoneActiveFile);
  });
  return pages;
}

PageCount dirtyable_pages(const Nodes& nodes, const Sysctls& sysctls) {
  std::uint64_t pages = global_zone_state(nodes, ZoneItem::kNrFreePages);
  pages -= min_of(pages, total_reserve(nodes).raw());
  pages += file_pages(nodes);
  if (sysctls.get(Sysctl::kHighmemIsDirtyable) == 0)
    pages -= min_of(pages, high_memory_dirtyable(nodes));
  return PageCount{pages + 1};  // never 0
}

// The limit of one pair of tunables: so many bytes, or so many percent of `dirtyable`.
PageCount dirty_limit(Bytes bytes, std::int64_t percent, PageCount dirtyable) {
  if (bytes) return pages_to_hold(bytes);
  const std::uint64_t share = static_cast<std::uint64_t>(percent) * kPageSize.raw() / 100;
  return dirtyable * share / kPageSize.raw();
}

}  // namespace

PageCount total_reserve(const Nodes& nodes) {
  std::uint64_t pages = 0;
  for (const Node& node : nodes.all()) pages += not_negative(node.totalreserve_pages.get());
  return PageCount{pages};
}

PageCount available_pages(const Nodes& nodes) {
  PageCount low;
  nodes.for_each_populated([&](const Zone& zone) {
    low += PageCount{not_negative(zone.watermark_pages(Watermark::kLow))};
  });
  const std::uint64_t kernel = global_node_state(nodes, NodeItem::kNrSlabReclaimable) +
                               global_node_state(nodes, NodeItem::kNrKernelMiscReclaimable);
  const PageCount pages = PageCount{global_zone_state(nodes, ZoneItem::kNrFreePages)} +
                          reclaimable_part(file_pages(nodes), low) + reclaimable_part(kernel, low);
  return pages - min_of(pages, total_reserve(nodes));
}

PageCount commit_limit(const Nodes& nodes, const Sysctls& sysctls, PageCount swap_total) {
  const std::uint64_t kbytes = sysctls.get_unsigned(Sysctl::kOvercommitKbytes);
  if (kbytes != 0) return PageCount{kbytes >> (kPageShift - 10)} + swap_total;
  const std::uint64_t percent = sysctls.get_unsigned(Sysctl::kOvercommitRatio);
  return PageCount{nodes.managed_pages() * percent / 100} + swap_total;
}

DirtyLimits dirty_limits(const Nodes& nodes, const Sysctls& sysctls) {
  const PageCount dirtyable = dirtyable_pages(nodes, sysctls);
  const auto limit = [&](Sysctl bytes, Sysctl percent) {
    return dirty_limit(Bytes{sysctls.get_unsigned(bytes)}, sysctls.get(percent), dirtyable);
  };
  DirtyLimits limits;
  limits.threshold = limit(Sysctl::kDirtyBytes, Sysctl::kDirtyRatio);
  limits.background = limit(Sysctl::kDirtyBackgroundBytes, Sysctl::kDirtyBackgroundRatio);
  if (limits.background >= limits.threshold) limits.background = limits.threshold / 2;
  return limits;
}

}  // namespace quire
