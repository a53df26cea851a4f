#include "procfs/number_text.hpp"
#include "procfs/rows.hpp"
#include "procfs/show.hpp"

namespace quire {
namespace {

// Whether `span`, of a zone or a node, shares a page with the block.
bool touches(const MemoryBlock& block, PfnRange span) {
  return !span.empty() && !block.pages.intersect(span).empty();
}

bool is_online(const ProcSources& from, const MemoryBlock& block) {
  return from.hotplug == nullptr || from.hotplug->is_online(block.pages);
}

// The one zone that all of the block lies in; null when it lies in several, or in several nodes.
const Zone* zone_of_block(const ProcSources& from, const MemoryBlock& block) {
  const SectionId first = section_of(block.pages.start);
  const SectionHome home = from.map.has_section(first) ? from.map.home(first) : SectionHome{};
  if (home.placed) return &from.nodes.node(home.node).zone(home.zone);
  const NodeRange* owner = nullptr;
  for (const NodeRange& range : from.plan.layout().ranges) {
    if (!touches(block, range.range)) continue;
    if (owner != nullptr && owner->node != range.node) return nullptr;
    owner = &range;
  }
  const Zone* found = nullptr;
  from.nodes.for_each_populated([&](const Zone& zone) {
    if (owner != nullptr && zone.node != owner->node) return;
    if (found == nullptr && touches(block, zone.span)) found = &zone;
  });
  if (found == nullptr) return nullptr;
  for (const Zone& zone : from.nodes.node(found->node).zones)
    if (&zone != found && zone.populated() && touches(block, zone.span)) return nullptr;
  return found;
}

}  // namespace

// Small machines take a section. From 64 GiB on a real machine takes 2 GiB, because it adds memory
// rarely and in large pieces; a virtual one as much as its last block can be full of.
Bytes memory_block_size(const ProcSources& from) {
  constexpr Bytes kLarge = gib(64);
  constexpr Bytes kLargest = gib(2);
  if (from.nodes.arch() == ArchProfile::kX86_32 || from.memory_model != MemoryModel::kSparse)
    return Bytes{};
  const Bytes section = size_of(section_pages(from.nodes.arch()));
  const PhysAddr end = address_of(from.plan.max_pfn());
  if (end < PhysAddr{kLarge.raw()}) return section;
  if (!from.under_hypervisor) return kLargest;
  Bytes size = kLargest;
  while (size > section && !end.is_aligned(size)) size = size / 2;
  return size;
}

MemoryBlock memory_block(const ProcSources& from, std::uint64_t number) {
  const PageCount pages = whole_pages(memory_block_size(from));
  const Pfn start{number * pages.raw()};
  return {number, {start, start + pages}};
}

std::uint64_t memory_block_limit(const ProcSources& from) {
  const PageCount pages = whole_pages(memory_block_size(from));
  if (!pages) return 0;
  const Pfn end = from.map.end();
  return (end.raw() + pages.raw() - 1) / pages.raw();
}

bool has_memory_block(const ProcSources& from, const MemoryBlock& block) {
  for (Pfn pfn = block.pages.start; pfn < block.pages.end; pfn += kSectionPages)
    if (from.map.has_section(section_of(pfn))) return true;
  return false;
}

void show_block_size(const ProcSources& from, Text& out) {
  out.hex(memory_block_size(from).raw()).nl();
}

void show_block_state(const ProcSources& from, const MemoryBlock& block, Text& out) {
  out.str(is_online(from, block) ? "online" : "offline").nl();
}

void show_block_online(const ProcSources& from, const MemoryBlock& block, Text& out) {
  out.dec(is_online(from, block) ? 1 : 0).nl();
}

Result<void> write_block_state(const ProcSources& from, const MemoryBlock& block,
                               std::string_view text) {
  const bool offline = is_word(text, "offline");
  auto to = OnlineTo::kDefault;
  if (is_word(text, "online_kernel")) to = OnlineTo::kKernel;
  else if (is_word(text, "online_movable")) to = OnlineTo::kMovable;
  else if (!offline && !is_word(text, "online")) return Errno::kInvalid;
  if (from.hotplug == nullptr) return Errno::kNotSupported;
  // It is in the state that is asked for.
  if (is_online(from, block) != offline) return Errno::kInvalid;
  return offline ? from.hotplug->offline(block.pages) : from.hotplug->online(block.pages, to);
}

Result<void> write_block_online(const ProcSources& from, const MemoryBlock& block,
                                std::string_view text) {
  if (text.empty()) return Errno::kInvalid;
  QUIRE_TRY_ASSIGN(wanted, parse_bool(text));
  if (from.hotplug == nullptr) return Errno::kNotSupported;
  if (is_online(from, block) == wanted) return {};
  return wanted ? from.hotplug->online(block.pages, OnlineTo::kDefault)
                : from.hotplug->offline(block.pages);
}

void show_block_number(const ProcSources&, const MemoryBlock& block, Text& out) {
  out.hex(block.number, {8}).nl();
}

void show_block_device(const ProcSources&, const MemoryBlock&, Text& out) { out.dec(0).nl(); }

// Says that the kernel can remove memory at all, not that this block can be emptied.
void show_block_removable(const ProcSources&, const MemoryBlock&, Text& out) { out.dec(1).nl(); }

void show_block_zones(const ProcSources& from, const MemoryBlock& block, Text& out) {
  if (!is_online(from, block)) {
    // The zone that "online" takes, then the other one.
    const bool movable = from.hotplug->default_zone(block.pages) == ZoneType::kMovable;
    out.str(movable ? "Movable Normal" : "Normal Movable").nl();
    return;
  }
  const Zone* const zone = zone_of_block(from, block);
  out.str(zone == nullptr ? "none" : name_of(zone->type)).nl();
}

}  // namespace quire
