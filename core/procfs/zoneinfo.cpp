#include "procfs/rows.hpp"
#include "procfs/show.hpp"

namespace quire {
namespace {

constexpr Width kNameWidth{12};

void show_item(Text& out, std::string_view name, std::uint64_t count) {
  out.str("\n      ").str(name, kNameWidth).ch(' ').dec(count);
}

void show_node_stats(const Node& node, Text& out) {
  out.str("\n  per-node stats");
  for_each_item<NodeItem>(
      [&](NodeItem item) { show_item(out, name_of(item), node_state(node, item)); });
}

void show_sizes(const Zone& zone, Text& out) {
  const auto mark = [&](Watermark which) {
    return static_cast<std::uint64_t>(zone.watermark_pages(which));
  };
  out.str("\n  pages free     ").dec(zone_state(zone, ZoneItem::kNrFreePages));
  out.str("\n        boost    ").sdec(zone.watermark_boost.get());
  out.str("\n        min      ").dec(mark(Watermark::kMin));
  out.str("\n        low      ").dec(mark(Watermark::kLow));
  out.str("\n        high     ").dec(mark(Watermark::kHigh));
  out.str("\n        spanned  ").dec(zone.span.length().raw());
  out.str("\n        present  ").dec(zone.present.raw());
  out.str("\n        managed  ").dec(zone.managed_pages());
  out.str("\n        cma      0");
}

void show_protection(const ProcSources& from, const Zone& zone, Text& out) {
  out.str("\n        protection: (");
  bool first = true;
  for_each_zone_type(from, [&](ZoneType type) {
    if (!first) out.str(", ");
    out.sdec(zone.lowmem_reserve[index_of(type)].get());
    first = false;
  });
  out.ch(')');
}

void show_counters(const ProcSources& from, const Zone& zone, Text& out) {
  for_each_item<ZoneItem>(
      [&](ZoneItem item) { show_item(out, name_of(item), zone_state(zone, item)); });
  for_each_item<NumaItem>(
      [&](NumaItem item) { show_item(out, name_of(item), numa_state(from.nodes, zone, item)); });
}

void show_pagesets(const ProcSources& from, const Zone& zone, Text& out) {
  out.str("\n  pagesets");
  for (unsigned cpu = 0; cpu < from.nodes.cpu_count(); ++cpu) {
    const CpuId id{static_cast<std::uint16_t>(cpu)};
    PerCpuPages& pages = from.nodes.percpu(zone, id).pages;
    out.str("\n    cpu: ").dec(cpu);
    pages.lock.claim(*Arch::current()->host);
    const std::int32_t count = pages.count();
    pages.lock.release();
    out.str("\n              count: ").sdec(count);
    out.str("\n              high:  ").sdec(pages.high.load(std::memory_order_relaxed));
    out.str("\n              batch: ").sdec(pages.batch.load(std::memory_order_relaxed));
    out.str("\n  vm stats threshold: ").sdec(zone.stat_threshold.get());
  }
}

const Zone* first_populated(const Node& node) {
  for (const Zone& zone : node.zones)
    if (zone.populated()) return &zone;
  return nullptr;
}

void show_zone(const ProcSources& from, const Node& node, const Zone& zone, Text& out) {
  show_zone_name(out, zone);
  if (&zone == first_populated(node)) show_node_stats(node, out);
  show_sizes(zone, out);
  show_protection(from, zone, out);
  if (zone.populated()) {
    show_counters(from, zone, out);
    show_pagesets(from, zone, out);
    out.str("\n  node_unreclaimable:  0");
    out.str("\n  start_pfn:           ").dec(zone.span.start.raw());
  }
  out.nl();
}

}  // namespace

void show_zoneinfo(const ProcSources& from, Text& out) {
  for (const Node& node : from.nodes.all()) {
    if (!node.online) continue;
    for_each_zone_type(from, [&](ZoneType type) { show_zone(from, node, node.zone(type), out); });
  }
}

}  // namespace quire
