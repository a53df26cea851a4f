#include "tools/machine_file/zoneinfo.hpp"

#include <algorithm>

#include "tools/machine_file/text_forms.hpp"

namespace quire::machine_file {
namespace {

constexpr std::uint64_t kMaxPages = std::uint64_t{1} << 40;

struct ZoneHeading {
  NodeId node{};
  ZoneType zone{};
};

std::optional<ZoneType> zone_of(std::string_view name) {
  for (unsigned i = 0; i < kZoneTypes; ++i) {
    if (quire::name_of(static_cast<ZoneType>(i)) == name) return static_cast<ZoneType>(i);
  }
  return std::nullopt;
}

// "Node 0, zone      DMA"
std::optional<ZoneHeading> heading_of(std::string_view line) {
  if (!line.starts_with("Node ")) return std::nullopt;
  const std::size_t comma = line.find(", zone ");
  if (comma == std::string_view::npos) return std::nullopt;
  const auto node = parse_digits(line.substr(5, comma - 5), Base::kDecimal);
  const auto zone = zone_of(trim(line.substr(comma + 7)));
  if (!node || *node >= kMaxNodes || !zone) return std::nullopt;
  return ZoneHeading{static_cast<NodeId>(*node), *zone};
}

// Calls `visit(heading, number)` for each row "  name   number" below a heading.
template <class Visit>
void for_each_row(std::string_view zoneinfo, std::string_view name, Visit visit) {
  std::optional<ZoneHeading> heading;
  for (const std::string_view line : split(zoneinfo, '\n')) {
    if (line.starts_with("Node ")) heading = heading_of(line);
    if (!heading || !line.starts_with(name)) continue;
    const auto number = parse_digits(trim(line.substr(name.size())), Base::kDecimal);
    if (number && *number <= kMaxPages) visit(*heading, *number);
  }
}

}  // namespace

std::vector<ManagedPages> managed_pages_of(std::string_view zoneinfo) {
  std::vector<ManagedPages> rows;
  for_each_row(zoneinfo, "managed ", [&](const ZoneHeading& heading, std::uint64_t pages) {
    const bool known = std::ranges::any_of(rows, [&](const ManagedPages& row) {
      return row.node == heading.node && row.zone == heading.zone;
    });
    if (pages != 0 && !known) rows.push_back({heading.node, heading.zone, PageCount{pages}});
  });
  return rows;
}

std::vector<NodeStart> node_starts_of(std::string_view zoneinfo) {
  const std::vector<ManagedPages> managed = managed_pages_of(zoneinfo);
  std::vector<NodeStart> starts;
  for_each_row(zoneinfo, "start_pfn: ", [&](const ZoneHeading& heading, std::uint64_t pfn) {
    const bool populated = std::ranges::any_of(managed, [&](const ManagedPages& row) {
      return row.node == heading.node && row.zone == heading.zone;
    });
    const auto known = std::ranges::find(starts, heading.node, &NodeStart::node);
    if (!populated) return;
    if (known == starts.end()) {
      starts.push_back({heading.node, Pfn{pfn}});
    } else {
      known->start = std::min(known->start, Pfn{pfn});
    }
  });
  return starts;
}

}  // namespace quire::machine_file
