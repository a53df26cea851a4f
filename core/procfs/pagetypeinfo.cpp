#include <array>

#include "procfs/rows.hpp"
#include "procfs/show.hpp"

namespace quire {
namespace {

// A longer list is not counted to its end, because counting holds the zone's lock.
constexpr std::uint64_t kMostCounted = 100000;

// The types that a kernel without CMA has.
constexpr std::array<MigrateType, 5> kTypes = {MigrateType::kUnmovable, MigrateType::kMovable,
                               MigrateType::kReclaimable, MigrateType::kHighAtomic,
                               MigrateType::kIsolate};
using TypeCounts = std::array<std::uint64_t, kMigrateTypes>;

std::uint64_t count_list(const ProcSources& from, Zone& zone, Order order, MigrateType type) {
  const SpinGuard guard(zone.lock);
  const PageList& list = zone.free_area[order.raw()].lists[index_of(type)];
  std::uint64_t blocks = 0;
  for (PageIndex at = list.front(); at != PageIndex::kNone && blocks < kMostCounted;) {
    const Page& page = from.map.at(at);
    blocks += order.raw() == Order::kMax ? page.run_blocks : 1;
    at = PageIndex{page.next};
  }
  return min_of(blocks, kMostCounted);
}

void show_free_row(const ProcSources& from, Zone& zone, MigrateType type, Text& out) {
  out.str("Node ").dec(index_of(zone.node), {4}).str(", zone ").right(name_of(zone.type), {8});
  out.str(", type ").right(name_of(type), {12}).ch(' ');
  for (unsigned order = 0; order < kOrderCount; ++order) {
    const std::uint64_t blocks = count_list(from, zone, Order{order}, type);
    if (blocks == kMostCounted) out.ch('>');
    out.dec(blocks, {6}).ch(' ');
  }
  out.nl();
}

void show_free_counts(const ProcSources& from, Node& node, Text& out) {
  out.str("Free pages count per migrate type at order ", {44});
  for (unsigned order = 0; order < kOrderCount; ++order) out.dec(order, {6}).ch(' ');
  out.nl();
  for (Zone& zone : node.zones) {
    if (!zone.populated()) continue;
    for (const MigrateType type : kTypes) show_free_row(from, zone, type, out);
  }
}

// Says of ascending pages whose they are. Pages without RAM belong with the RAM after them, as
// far as the memory map describes them at all.
class Owners {
 public:
  explicit Owners(const ProcSources& from) : from_(from), ranges_(from.plan.layout().ranges) {}

  // Whether the pageblock's first page, `pfn`, has a page of its own and lies in `zone`. `pfn` is
  // at least what it was in the call before.
  bool belongs(Pfn pfn, const Zone& zone) {
    if (!from_.map.has_section(section_of(pfn))) return false;
    while (next_ < ranges_.size() && ranges_[next_].range.end <= pfn) ++next_;
    if (!is_described(pfn)) return false;
    if (next_ == ranges_.size()) return true;
    const NodeRange& after = ranges_[next_];
    return after.node == zone.node && zone.span.contains(max_of(pfn, after.range.start));
  }

 private:
  // Of a section with RAM, SPARSEMEM describes the 2 MiB pieces with RAM in them; the other models
  // describe all. A section without RAM at boot came later and is whole.
  [[nodiscard]] bool is_described(Pfn pfn) const {
    if (from_.memory_model != MemoryModel::kSparse) return true;
    const Pfn piece = pfn.align_down(kPageblockPages);
    if (has_ram({piece, piece + kPageblockPages})) return true;
    const Pfn section = pfn.align_down(section_pages(from_.nodes.arch()));
    return !has_ram({section, section + section_pages(from_.nodes.arch())});
  }

  [[nodiscard]] bool has_ram(PfnRange pages) const {
    std::size_t i = next_;
    while (i > 0 && ranges_[i - 1].range.end > pages.start) --i;
    return i < ranges_.size() && !ranges_[i].range.intersect(pages).empty();
  }

  const ProcSources& from_;
  std::span<const NodeRange> ranges_;
  std::size_t next_ = 0;  // the first range that ends behind the page
};

TypeCounts count_pageblocks(const ProcSources& from, const Zone& zone) {
  TypeCounts counts{};
  Owners owners(from);
  for (Pfn pfn = zone.span.start; pfn < zone.span.end; pfn += kPageblockPages) {
    if (!owners.belongs(pfn, zone)) continue;
    const PageIndex index = from.map.index_of(*from.map.page_of(pfn));
    ++counts[index_of(from.map.pageblock_type(index))];
  }
  return counts;
}

void show_pageblock_counts(const ProcSources& from, Node& node, Text& out) {
  out.nl().str("Number of blocks type ", {23});
  for (const MigrateType type : kTypes) out.right(name_of(type), {12}).ch(' ');
  out.nl();
  for (const Zone& zone : node.zones) {
    if (!zone.populated()) continue;
    const TypeCounts counts = count_pageblocks(from, zone);
    show_zone_name(out, zone);
    out.ch(' ');
    for (const MigrateType type : kTypes) out.dec(counts[index_of(type)], {12}).ch(' ');
    out.nl();
  }
}

}  // namespace

void show_pagetypeinfo(const ProcSources& from, Text& out) {
  for (Node& node : from.nodes.all()) {
    if (!node.has_memory()) continue;
    out.str("Page block order: ").dec(kPageblockOrder.raw()).nl();
    out.str("Pages per block:  ").dec(kPageblockPages.raw()).nl().nl();
    show_free_counts(from, node, out);
    show_pageblock_counts(from, node, out);
  }
}

}  // namespace quire
