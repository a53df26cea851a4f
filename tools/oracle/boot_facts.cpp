#include "tools/oracle/boot_facts.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "tools/machine_file/text_forms.hpp"

namespace quire::oracle {
namespace {

using machine_file::format_range;

// Both lists row by row, so that the first row that is not the same is named.
void compare_lists(const std::string& what, const std::vector<std::string>& linux,
                   const std::vector<std::string>& here, Comparison& comparison) {
  for (std::size_t i = 0; i < std::max(linux.size(), here.size()); ++i) {
    comparison.compare(fmt::format("{} {}", what, i), i < linux.size() ? linux[i] : "",
                       i < here.size() ? here[i] : "");
  }
}

class FactsComparer {
 public:
  FactsComparer(const BootFacts& linux, BootedMachine& here, Comparison& comparison)
      : linux_(linux),
        here_(here),
        layout_(here.machine().plan().layout()),
        comparison_(comparison) {}

  void run() {
    user_map();
    zone_ranges();
    early_node_ranges();
    movable_starts();
    log_lines();
    nodes();
  }

 private:
  void user_map() {
    if (linux_.user_map.empty()) return;
    std::vector<std::string> theirs, ours;
    for (const auto& row : linux_.user_map)
      theirs.push_back(fmt::format("user: [mem {:#018x}-{:#018x}] {}", row.range.start.raw(),
                                   row.range.end.raw() - 1, row.type));
    for (const std::string& line : here_.log())
      if (line.starts_with("user: ")) ours.push_back(line);
    compare_lists("user-defined memory range", theirs, ours, comparison_);
  }

  void zone_ranges() {
    if (linux_.zone_ranges.empty()) return;
    std::vector<std::string> theirs, ours;
    for (const auto& row : linux_.zone_ranges)
      theirs.push_back(fmt::format("{} {}", row.zone, format_range(row.range)));
    for (unsigned type = 0; type < kZoneTypes; ++type) {
      const PfnRange pages = layout_.zone_limits[type];
      if (pages.empty()) continue;
      const PhysRange range{address_of(pages.start), address_of(pages.end)};
      ours.push_back(
          fmt::format("{} {}", name_of(static_cast<ZoneType>(type)), format_range(range)));
    }
    compare_lists("zone range", theirs, ours, comparison_);
  }

  void early_node_ranges() {
    if (linux_.early_node_ranges.empty()) return;
    std::vector<std::string> theirs, ours;
    for (const auto& row : linux_.early_node_ranges)
      theirs.push_back(fmt::format("node {} {}", row.node, format_range(row.range)));
    for (const NodeRange& row : layout_.ranges) {
      const PhysRange range{address_of(row.range.start), address_of(row.range.end)};
      ours.push_back(fmt::format("node {} {}", index_of(row.node), format_range(range)));
    }
    compare_lists("early memory node range", theirs, ours, comparison_);
  }

  void movable_starts() {
    for (std::size_t node = 0; node < layout_.movable_start.size(); ++node) {
      const auto found = linux_.movable_zone_start.find(std::to_string(node));
      const std::uint64_t theirs = found == linux_.movable_zone_start.end() ? 0 : found->second;
      comparison_.compare(fmt::format("start of ZONE_MOVABLE on node {}", node),
                          fmt::format("{:#x}", theirs),
                          fmt::format("{:#x}", address_of(layout_.movable_start[node]).raw()));
    }
  }

  // What stands behind `part` in the only line of our log that has it.
  [[nodiscard]] std::string logged(std::string_view part) const {
    for (const std::string& line : here_.log())
      if (const std::size_t at = line.find(part); at != std::string::npos)
        return line.substr(at + part.size());
    return "";
  }

  void log_lines() {
    if (!linux_.total_pages.empty())
      comparison_.compare("total pages", linux_.total_pages, logged("Total pages: "));
    if (!linux_.policy_zone.empty())
      comparison_.compare("policy zone", linux_.policy_zone, logged("Policy zone: "));
    if (linux_.unavailable_pages.empty()) return;
    std::vector<std::string> theirs, ours;
    for (const auto& row : linux_.unavailable_pages) {
      theirs.push_back(fmt::format("On node {}, zone {}: {} pages in unavailable ranges", row.node,
                                   row.zone, row.pages));
    }
    for (const std::string& line : here_.log())
      if (line.ends_with(" pages in unavailable ranges")) ours.push_back(line);
    compare_lists("row of unavailable pages", theirs, ours, comparison_);
  }

  void nodes() {
    const Nodes& nodes = here_.machine().nodes();
    std::vector<unsigned> online;
    for (const Node& node : nodes.all())
      if (node.online) online.push_back(index_of(node.id));
    for (const unsigned id : online) {
      fallback_order(nodes.node(static_cast<NodeId>(id)));
      cpus(id);
    }
    if (!linux_.node_cpus.empty())
      comparison_.compare("count of online nodes", std::to_string(linux_.node_cpus.size()),
                          std::to_string(online.size()));
    distances(online);
  }

  void fallback_order(const Node& node) {
    const auto found = linux_.fallback_order.find(std::to_string(index_of(node.id)));
    if (found == linux_.fallback_order.end()) return;
    std::vector<unsigned> ours;
    for (std::size_t i = 0; i < node.fallback_length; ++i)
      ours.push_back(index_of(node.fallback_order[i]));
    comparison_.compare(fmt::format("fallback order of node {}", index_of(node.id)),
                        fmt::format("{}", fmt::join(found->second, " ")),
                        fmt::format("{}", fmt::join(ours, " ")));
  }

  void cpus(unsigned node) {
    const auto found = linux_.node_cpus.find(std::to_string(node));
    if (found == linux_.node_cpus.end()) return;
    const Nodes& nodes = here_.machine().nodes();
    std::vector<CpuId> ours;
    for (unsigned cpu = 0; cpu < nodes.cpu_count(); ++cpu)
      if (index_of(nodes.node_of(static_cast<CpuId>(cpu))) == node)
        ours.push_back(static_cast<CpuId>(cpu));
    comparison_.compare(fmt::format("list of CPUs of node {}", node), found->second,
                        machine_file::format_cpu_list(ours));
  }

  void distances(const std::vector<unsigned>& online) {
    if (linux_.distance.empty()) return;
    std::vector<std::string> theirs, ours;
    for (const auto& row : linux_.distance)
      theirs.push_back(fmt::format("{}", fmt::join(row, " ")));
    for (const unsigned from : online) {
      std::vector<unsigned> row;
      for (const unsigned to : online) {
        row.push_back(here_.machine().plan().numa().distance(static_cast<NodeId>(from),
                                                             static_cast<NodeId>(to)));
      }
      ours.push_back(fmt::format("{}", fmt::join(row, " ")));
    }
    compare_lists("row of distances", theirs, ours, comparison_);
  }

  const BootFacts& linux_;
  BootedMachine& here_;
  const Layout& layout_;
  Comparison& comparison_;
};

}  // namespace

void compare_boot_facts(const BootFacts& linux, BootedMachine& here, Comparison& comparison) {
  FactsComparer(linux, here, comparison).run();
}

}  // namespace quire::oracle
