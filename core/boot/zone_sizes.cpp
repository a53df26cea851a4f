#include "boot/zone_sizes.hpp"

#include "boot/boot_log.hpp"
#include "boot/holes.hpp"
#include "boot/landmarks.hpp"
#include "boot/movable.hpp"
#include "boot/sections.hpp"

namespace quire {
namespace {

bool is_kernel_zone(ZoneType zone) {
  return zone != ZoneType::kMovable && zone != ZoneType::kDevice;
}

// The pages of `node` in `span` that are RAM.
PageCount present_in(std::span<const NodeRange> ranges, NodeId node, PfnRange span) {
  PageCount pages;
  for (const NodeRange& piece : ranges)
    if (piece.node == node) pages += piece.range.intersect(span).length();
  return pages;
}

// Where the highest address of a zone may be, whatever RAM there is.
Pfn end_of_zone(ZoneType zone, ArchProfile arch, Pfn max_pfn) {
  const Pfn low_end = min_of(max_pfn, pfn_down(limits_of(arch).low_memory_end));
  switch (zone) {
    case ZoneType::kDma:
      return min_of(kDmaEnd, low_end);
    case ZoneType::kDma32:
      return min_of(kDma32End, low_end);
    case ZoneType::kNormal:
      return low_end;
    default:
      return max_pfn;
  }
}

class Sizer {
 public:
  Sizer(const ZoneSources& sources, std::span<NodeRange> ranges)
      : sources_(sources), ranges_(ranges) {
    layout_.ranges = ranges;
  }

  Result<Layout> make(Arena& arena, Host& host) {
    for (const NodeRange& piece : ranges_) {
      layout_.present += piece.range.length();
      layout_.max_pfn = max_of(layout_.max_pfn, piece.range.end);
    }
    QUIRE_TRY(check_indices(host));
    find_limits();
    const unsigned count = sources_.numa.node_count();
    QUIRE_TRY_ASSIGN(nodes, arena.make_array<NodeLayout>(count));
    QUIRE_TRY_ASSIGN(starts, arena.make_array<Pfn>(count));
    const MovableStarts found = movable_starts(host);
    for (unsigned i = 0; i < count; ++i) starts[i] = found[i];
    layout_.movable_start = starts;
    layout_.nodes = nodes;
    for (unsigned i = 0; i < count; ++i) size_node(NodeId{static_cast<std::uint16_t>(i)});
    for_each_hole(
        layout_, {sources_.spec.memory_model, section_pages(sources_.spec.arch)},
        [&](const Hole& hole) { zone_of(hole.node, hole.zone).unavailable += hole.pages; });
    return layout_;
  }

 private:
  // Lists link pages by 32-bit indices into the memory map.
  Result<void> check_indices(Host& host) const {
    const PageCount each = section_pages(sources_.spec.arch);
    std::uint64_t sections = 0;
    for_each_section_run(ranges_, each, [&](const SectionRun& run) { sections += run.count; });
    const std::uint64_t most = (std::uint64_t{1} << 32) / each.raw();
    const bool flat = sources_.spec.memory_model == MemoryModel::kFlat;
    if (flat) sections = pages_in_sections(layout_.max_pfn);
    if (sections <= most) return {};
    LogLine line(host);
    line->str("memory map: ").dec(sections).str(" sections, at most ").dec(most);
    line->str(flat ? " from page 0 on (flat memory model)" : "");
    return Errno::kRange;
  }

  [[nodiscard]] std::uint64_t pages_in_sections(Pfn end) const {
    const PageCount each = section_pages(sources_.spec.arch);
    return end.align_up(each).raw() / each.raw();
  }

  void find_limits() {
    Pfn start = ranges_.front().range.start;
    for (const ZoneType zone : zones_of(sources_.spec.arch)) {
      if (!is_kernel_zone(zone)) continue;
      const Pfn end = max_of(end_of_zone(zone, sources_.spec.arch, layout_.max_pfn), start);
      layout_.zone_limits[index_of(zone)] = {start, end};
      if (start < end) highest_ = zone;
      start = end;
    }
  }

  MovableStarts movable_starts(Host& host) const {
    const CommandLine& options = sources_.options;
    if (options.movable_node()) return find_hotplug_starts(sources_.memblock, ranges_);
    MovableRequest request{options.kernelcore(), options.movablecore()};
    if (request.kernelcore.kind == CoreAmount::Kind::kMirror) {
      host.log("The system has no mirror memory, ignore kernelcore=mirror.");
      request = {};
    }
    return find_movable_starts(request, ranges_, layout_.zone_limits[index_of(highest_)].start);
  }

  ZoneLayout& zone_of(NodeId node, ZoneType zone) {
    return layout_.nodes[index_of(node)].zones[index_of(zone)];
  }

  void size_node(NodeId id) {
    NodeLayout& node = layout_.nodes[index_of(id)];
    node.id = id;
    node.possible = (sources_.numa.possible_mask() >> index_of(id) & 1) != 0;
    node.online = (sources_.numa.online_mask() >> index_of(id) & 1) != 0;
    for (const NodeRange& piece : ranges_) {
      if (piece.node != id) continue;
      if (node.span.empty()) node.span.start = piece.range.start;
      node.span.end = piece.range.end;
    }
    if (node.span.empty()) return;
    for (const ZoneType type : zones_of(sources_.spec.arch)) {
      ZoneLayout& zone = node.zones[index_of(type)];
      zone.span = span_of(node, type);
      zone.present = present_in(ranges_, id, zone.span);
      zone.first_guess = first_guess(type, zone);
      node.present += zone.present;
    }
  }

  [[nodiscard]] PfnRange span_of(const NodeLayout& node, ZoneType type) const {
    const Pfn movable = layout_.movable_start[index_of(node.id)];
    if (type == ZoneType::kMovable) {
      if (movable == Pfn{0}) return {};
      const Pfn end = min_of(node.span.end, layout_.zone_limits[index_of(highest_)].end);
      return movable < end ? PfnRange{movable, end} : PfnRange{};
    }
    PfnRange span = layout_.zone_limits[index_of(type)].intersect(node.span);
    if (movable != Pfn{0}) span.end = min_of(span.end, movable);
    return span.empty() ? PfnRange{} : span;
  }

  // Linux takes the memory map off each zone, of what it spans or, with larger holes, of what is
  // present, and off DMA what is reserved there.
  [[nodiscard]] PageCount first_guess(ZoneType type, const ZoneLayout& zone) const {
    PageCount pages = zone.span.length();
    if (type == ZoneType::kHighMem) return zone.present;
    if (pages > zone.present + zone.present / 16) pages = zone.present;
    const Bytes entry = map_entry_size(sources_.spec);
    const PageCount map = pages_to_hold(entry * pages.raw());
    PageCount guess = zone.present >= map ? zone.present - map : zone.present;
    const PageCount taken = reserved_dma();
    if (type == ZoneType::kDma && guess > taken) guess -= taken;
    return guess;
  }

  [[nodiscard]] PageCount reserved_dma() const {
    const PfnRange dma{Pfn{0}, kDmaEnd};
    PageCount free;
    sources_.memblock.for_each_free([&](PhysRange bytes, const MemblockRegion&) {
      free += PfnRange{pfn_up(bytes.start), pfn_down(bytes.end)}.intersect(dma).length();
      return bytes.end < address_of(kDmaEnd);
    });
    return memory_pages_in(sources_.memblock, {PhysAddr{0}, address_of(kDmaEnd)}) - free;
  }

  const ZoneSources& sources_;
  std::span<NodeRange> ranges_;
  Layout layout_;
  ZoneType highest_ = ZoneType::kDma;
};

}  // namespace

Result<std::span<NodeRange>> node_ranges(const Memblock& memblock, Arena& arena) {
  QUIRE_TRY_ASSIGN(ranges, arena.make_array<NodeRange>(memblock.memory().cnt()));
  std::size_t count = 0;
  for (const MemblockRegion& region : memblock.memory().regions()) {
    const PfnRange pages{pfn_up(region.base), pfn_down(region.end())};
    if (!pages.empty()) ranges[count++] = {pages, region.node};
  }
  return ranges.first(count);
}

Result<Layout> make_layout(const ZoneSources& sources, std::span<NodeRange> ranges, Arena& arena,
                           Host& host) {
  if (ranges.empty()) return Errno::kInvalid;
  return Sizer(sources, ranges).make(arena, host);
}

}  // namespace quire
