#include "machine/hotplug.hpp"

namespace quire {
namespace {

template <class Visit>
void for_each_section(PfnRange range, Visit visit) {
  for (Pfn pfn = range.start; pfn < range.end; pfn += kSectionPages) visit(section_of(pfn));
}

PfnRange pages_of(SectionId section) {
  return {start_of(section), start_of(section) + kSectionPages};
}

PhysRange bytes_of(PfnRange pages) { return {address_of(pages.start), address_of(pages.end)}; }

bool overlaps(PfnRange a, PfnRange b) { return !a.empty() && !a.intersect(b).empty(); }

PfnRange hull(PfnRange a, PfnRange b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  return {min_of(a.start, b.start), max_of(a.end, b.end)};
}

}  // namespace

// Whoever changes memory waits for whoever does so already.
class Hotplug::Turn {
 public:
  explicit Turn(Hotplug& owner) : owner_(owner) {
    while (owner_.busy_.exchange(true, std::memory_order_acquire)) owner_.parts_.host.yield();
  }
  ~Turn() { owner_.busy_.store(false, std::memory_order_release); }

 private:
  Hotplug& owner_;
};

std::uint32_t Hotplug::room(const MachineSpec& spec) {
  constexpr std::uint64_t kMost = 8192;
  if (spec.memory_model != MemoryModel::kSparse || spec.arch == ArchProfile::kX86_32) return 0;
  std::uint64_t sections = 0;
  for (const AffinityRange& row : spec.affinity)
    if (row.hotpluggable)
      sections += pages_to_hold(row.range.length()).raw() / kSectionPages.raw() + 1;
  return static_cast<std::uint32_t>(min_of(sections, kMost));
}

Result<void> Hotplug::check_range(PfnRange range) const {
  if (!parts_.block) return Errno::kNotSupported;
  const Pfn limit = pfn_down(address_limit(parts_.nodes.arch()));
  if (range.empty() || range.end > limit) return Errno::kInvalid;
  if (!range.start.is_aligned(parts_.block) || !range.end.is_aligned(parts_.block))
    return Errno::kInvalid;
  return {};
}

Result<void> Hotplug::add(NodeId node, PfnRange range) {
  QUIRE_TRY(check_range(range));
  if (!parts_.nodes.is_possible(node)) return Errno::kInvalid;
  {
    Turn turn(*this);
    QUIRE_TRY(add_sections(node, range));
    if (const auto told = parts_.plan.resources().add_ram(bytes_of(range)); !told.has_value()) {
      drop_sections(range);
      return told;
    }
    if (const auto mapped = parts_.kernel_tables.map_direct(range); !mapped.has_value()) {
      const auto undone = parts_.plan.resources().remove_ram(bytes_of(range));
      QUIRE_ASSERT(undone.has_value());
      drop_sections(range);
      return mapped.error();
    }
    set_online(parts_.nodes.node(node), true);
  }
  const auto automatic = parts_.knobs.get(Knob::kAutoOnlineBlocks);
  if (automatic == 0) return {};
  for (Pfn block = range.start; block < range.end; block += parts_.block)
    QUIRE_TRY(online({block, block + parts_.block}, static_cast<OnlineTo>(automatic - 1)));
  return {};
}

Result<void> Hotplug::add_sections(NodeId node, PfnRange range) {
  bool any = false;
  for_each_section(range, [&](SectionId s) { any |= parts_.map.has_section(s); });
  if (any) return Errno::kExists;
  for (Pfn pfn = range.start; pfn < range.end; pfn += kSectionPages) {
    const SectionId section = section_of(pfn);
    if (const auto added = add_section(node, section); !added.has_value()) {
      drop_sections({range.start, pfn});
      return added.error();
    }
    parts_.map.home(section) = {true, true, node, ZoneType::kNormal};
  }
  return {};
}

Result<void> Hotplug::add_section(NodeId node, SectionId section) {
  QUIRE_TRY(parts_.map.add_section(section));
  const Pfn start = start_of(section);
  std::byte* const content = parts_.map.content_of(*parts_.map.page_of(start));
  const auto mapped = parts_.host.map_frames(content, {start, start + kSectionPages}, node);
  if (!mapped.has_value()) QUIRE_TRY(parts_.map.remove_section(section));
  return mapped;
}

void Hotplug::drop_sections(PfnRange range) {
  for_each_section(range, [&](SectionId s) {
    PageOwners& owners = parts_.pages.debug().owners();
    if (owners.on()) owners.forget_section(parts_.map.index_of(*parts_.map.page_of(start_of(s))));
    if (!parts_.map.remove_section(s).has_value()) QUIRE_PANIC("a section was not there");
  });
}

Result<void> Hotplug::remove(PfnRange range) {
  QUIRE_TRY(check_range(range));
  Turn turn(*this);
  bool all = true;
  for_each_section(range, [&](SectionId s) { all &= parts_.map.has_section(s); });
  if (!all) return Errno::kNoEntry;
  bool offline = true;
  for_each_section(range, [&](SectionId s) { offline &= parts_.map.home(s).offline; });
  if (!offline) return Errno::kBusy;
  QUIRE_TRY(parts_.kernel_tables.unmap_direct(range));
  QUIRE_TRY(parts_.plan.resources().remove_ram(bytes_of(range)));
  drop_sections(range);
  for (Node& node : parts_.nodes.all())
    if (node.online && parts_.nodes.cpu_count(node.id) == 0 && !has_memory(node))
      set_online(node, false);
  return {};
}

// Whether sections of the node are there, online or not.
bool Hotplug::has_memory(const Node& node) const {
  bool found = false;
  parts_.map.for_each_section([&](SectionId section) {
    const SectionHome& home = parts_.map.home(section);
    if (home.placed) {
      found |= home.node == node.id;
      return;
    }
    for (const NodeRange& ram : parts_.plan.layout().ranges)
      found |= ram.node == node.id && overlaps(ram.range, pages_of(section));
  });
  return found;
}

void Hotplug::set_online(Node& node, bool online) {
  if (node.online == online) return;
  node.online = online;
  rebuild_zonelists();
}

bool Hotplug::is_online(PfnRange block) const {
  bool offline = false;
  for_each_section(block, [&](SectionId s) {
    offline |= parts_.map.has_section(s) && parts_.map.home(s).offline;
  });
  return !offline;
}

ZoneType Hotplug::default_zone(PfnRange block) const {
  return zone_for(block, OnlineTo::kDefault);
}

// Of the zones below Movable that the block lies in, the lowest; else Normal.
ZoneType Hotplug::zone_for(PfnRange block, OnlineTo to) const {
  const Node& node = parts_.nodes.node(parts_.map.home(section_of(block.start)).node);
  ZoneType kernel = ZoneType::kNormal;
  bool in_kernel = false;
  for (const ZoneType type : {ZoneType::kNormal, ZoneType::kDma32, ZoneType::kDma}) {
    if (!overlaps(node.zone(type).span, block)) continue;
    kernel = type;
    in_kernel = true;
  }
  if (to != OnlineTo::kDefault) return to == OnlineTo::kMovable ? ZoneType::kMovable : kernel;
  const bool in_movable = overlaps(node.zone(ZoneType::kMovable).span, block);
  if (in_kernel != in_movable) return in_kernel ? kernel : ZoneType::kMovable;
  return parts_.plan.command_line().movable_node() ? ZoneType::kMovable : kernel;
}

Result<void> Hotplug::online(PfnRange block, OnlineTo to) {
  QUIRE_TRY(check_range(block));
  Turn turn(*this);
  if (!parts_.map.has_section(section_of(block.start))) return Errno::kNoEntry;
  if (is_online(block)) return Errno::kExists;
  return online_in_turn(block, to);
}

Result<void> Hotplug::online_in_turn(PfnRange block, OnlineTo to) {
  const NodeId id = parts_.map.home(section_of(block.start)).node;
  Zone& zone = parts_.nodes.node(id).zone(zone_for(block, to));
  QUIRE_TRY(parts_.plan.add_memory(block, id));
  const bool first = !zone.populated();
  grow(zone, block);
  for_each_section(block, [&](SectionId s) { parts_.map.home(s) = {true, false, id, zone.type}; });
  parts_.pages.release(zone, block);
  if (first) rebuild_zonelists();
  recompute();
  return {};
}

Result<void> Hotplug::offline(PfnRange block) {
  QUIRE_TRY(check_range(block));
  Turn turn(*this);
  if (!is_online(block)) return Errno::kExists;
  return offline_in_turn(block);
}

Result<void> Hotplug::offline_in_turn(PfnRange block) {
  Zone* const zone = zone_of_block(block);
  PageCount ram;
  for (const MemblockRegion& region : parts_.plan.memblock().memory().regions())
    ram += PfnRange{pfn_up(region.base), pfn_down(region.end())}.intersect(block).length();
  if (zone == nullptr || ram != block.length()) return Errno::kInvalid;
  Isolation isolation(parts_.pages, *zone);
  QUIRE_TRY(isolation.isolate(block, block));
  parts_.slabs.shrink_all();
  if (const auto known = parts_.plan.remove_memory(block); !known.has_value()) {
    isolation.undo(block, MigrateType::kMovable);
    return known;
  }
  isolation.take(block);
  isolation.undo(block, MigrateType::kMovable);
  for_each_section(block, [&](SectionId s) {
    parts_.map.home(s) = {true, true, zone->node, zone->type};
  });
  shrink(*zone, block);
  recompute();
  if (!zone->populated()) rebuild_zonelists();
  return {};
}

// Null when the section lies in several zones.
Zone* Hotplug::home_of(SectionId section) const {
  const SectionHome& home = parts_.map.home(section);
  if (home.placed) return &parts_.nodes.node(home.node).zone(home.zone);
  const Layout& layout = parts_.plan.layout();
  const PfnRange pages = pages_of(section);
  Zone* found = nullptr;
  for (const NodeRange& ram : layout.ranges) {
    if (!overlaps(ram.range, pages)) continue;
    const NodeLayout& node = layout.nodes[index_of(ram.node)];
    for (unsigned z = 0; z < kZoneTypes; ++z) {
      if (!overlaps(node.zones[z].span, pages)) continue;
      Zone& zone = parts_.nodes.node(ram.node).zones[z];
      if (found != nullptr && found != &zone) return nullptr;
      found = &zone;
    }
  }
  return found;
}

Zone* Hotplug::zone_of_block(PfnRange block) const {
  Zone* zone = nullptr;
  bool one = true;
  for_each_section(block, [&](SectionId s) {
    Zone* const home = parts_.map.has_section(s) ? home_of(s) : nullptr;
    one &= home != nullptr && (zone == nullptr || zone == home);
    zone = home;
  });
  return one ? zone : nullptr;
}

// Whether online pages of the section belong to the zone, all or some of them.
bool Hotplug::in_zone(SectionId section, const Zone& zone) const {
  if (!parts_.map.has_section(section) || parts_.map.home(section).offline) return false;
  const Zone* const home = home_of(section);
  if (home != nullptr) return home == &zone;
  const NodeLayout& node = parts_.plan.layout().nodes[index_of(zone.node)];
  return overlaps(node.zones[index_of(zone.type)].span, pages_of(section));
}

// From the first section of the zone that stays to the last.
PfnRange Hotplug::span_without(const Zone& zone, PfnRange gone) const {
  PfnRange left = zone.span;
  if (gone.start <= left.start)
    while (!left.empty() && !in_zone(section_of(left.start), zone))
      left.start = min_of(left.end, pages_of(section_of(left.start)).end);
  if (gone.end >= left.end)
    while (!left.empty() && !in_zone(section_of(left.end - PageCount{1}), zone))
      left.end = max_of(left.start, start_of(section_of(left.end - PageCount{1})));
  return left.empty() ? PfnRange{} : left;
}

void Hotplug::grow(Zone& zone, PfnRange block) {
  Node& node = parts_.nodes.node(zone.node);
  zone.span = hull(zone.span, block);
  zone.present += block.length();
  node.present += block.length();
  update_node_span(node);
}

void Hotplug::shrink(Zone& zone, PfnRange block) {
  Node& node = parts_.nodes.node(zone.node);
  zone.managed.fetch_sub(block.length().raw(), std::memory_order_relaxed);
  zone.present -= block.length();
  node.present -= block.length();
  zone.span = zone.populated() ? span_without(zone, block) : PfnRange{};
  update_node_span(node);
  if (zone.populated()) return;
  zone.watermark_boost.set(0);
  for (Setting& mark : zone.watermark) mark.set(0);
}

void Hotplug::update_node_span(Node& node) const {
  node.span = {};
  for (const Zone& zone : node.zones) node.span = hull(node.span, zone.span);
}

void Hotplug::rebuild_zonelists() {
  build_zonelists(parts_.nodes, parts_.plan.numa(), CpusUp::kYes);
  parts_.pages.build_routes();
}

void Hotplug::recompute() {
  parts_.sysctls.memory_changed(parts_.knobs.huge_pages() != HugePages::kNever);
}

}  // namespace quire
