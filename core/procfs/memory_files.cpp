#include "procfs/rows.hpp"
#include "procfs/show.hpp"

namespace quire {
namespace {

// Whether `span`, of a zone or a node, shares a page with the block.
bool touches(const MemoryBlock& block, PfnRange span) {
  return !span.empty() && !block.pages.intersect(span).empty();
}

// The one zone that all of the block lies in; null when it lies in several, or in several nodes.
const Zone* zone_of_block(const ProcSources& from, const MemoryBlock& block) {
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
  Pfn end;
  for (const Node& node : from.nodes.all()) end = max_of(end, node.span.end);
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

void show_block_state(const ProcSources&, const MemoryBlock&, Text& out) {
  out.str("online").nl();
}

void show_block_online(const ProcSources&, const MemoryBlock&, Text& out) { out.dec(1).nl(); }

void show_block_number(const ProcSources&, const MemoryBlock& block, Text& out) {
  out.hex(block.number, {8}).nl();
}

void show_block_device(const ProcSources&, const MemoryBlock&, Text& out) { out.dec(0).nl(); }

// Says that the kernel can remove memory at all, not that this block can be emptied.
void show_block_removable(const ProcSources&, const MemoryBlock&, Text& out) { out.dec(1).nl(); }

void show_block_zones(const ProcSources& from, const MemoryBlock& block, Text& out) {
  const Zone* const zone = zone_of_block(from, block);
  out.str(zone == nullptr ? "none" : name_of(zone->type)).nl();
}

}  // namespace quire
