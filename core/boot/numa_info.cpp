#include "boot/numa_info.hpp"

#include "boot/boot_log.hpp"

namespace quire {
namespace {

// Linux lets so much RAM be without a node before it distrusts the table.
constexpr PageCount kSlack = whole_pages(mib(1));

constexpr std::uint64_t bit_of(NodeId node) { return std::uint64_t{1} << index_of(node); }

constexpr PhysRange kEverywhere{PhysAddr{0}, PhysAddr{~std::uint64_t{0}}};

std::uint64_t nodes_of(const MemblockType& memory) {
  std::uint64_t mask = 0;
  for (const MemblockRegion& region : memory.regions())
    if (region.node != kNoNode) mask |= bit_of(region.node);
  return mask;
}

// The smallest range that has both in it.
PhysRange hull(const NodeBlock& a, const NodeBlock& b) {
  return {min_of(a.range.start, b.range.start), max_of(a.range.end, b.range.end)};
}

void log_overlap(const NodeBlock& a, const NodeBlock& b, Host& host) {
  const bool itself = a.node == b.node;
  LogLine line(host);
  line->str(itself ? "NUMA: Warning: node " : "NUMA: node ").dec(index_of(a.node)).ch(' ');
  put_mem(*line, a.range, kShortDigits).str(" overlaps with ");
  if (itself)
    line->str("itself ");
  else
    line->str("node ").dec(index_of(b.node)).ch(' ');
  put_mem(*line, b.range, kShortDigits);
}

}  // namespace

PageCount memory_pages_in(const Memblock& memblock, PhysRange range) {
  PageCount pages;
  for (const MemblockRegion& region : memblock.memory().regions()) {
    const PhysRange part = region.range().intersect(range);
    const PfnRange whole{pfn_up(part.start), pfn_down(part.end)};
    if (!whole.empty()) pages += whole.length();
  }
  return pages;
}

Result<void> NumaInfo::init(const Sources& sources, Memblock& memblock, Host& host) {
  const Context context{sources, memblock, host};
  QUIRE_TRY(check_numbers(context));
  local_access_ns_ = sources.spec.local_access_ns;
  if (!sources.options.numa_off() && !sources.spec.affinity.empty()) {
    QUIRE_TRY_ASSIGN(used, use_affinity(context));
    from_firmware_ = used;
  }
  if (!from_firmware_) {
    table_nodes_ = 0;
    firmware_mask_ = 0;
    QUIRE_TRY(use_one_node(context));
  }
  QUIRE_TRY(assign_memory(context));
  QUIRE_TRY(spare_kernel_nodes(context));
  return place_cpus(sources.spec);
}

Result<void> NumaInfo::check_numbers(const Context& context) const {
  for (const AffinityRange& row : context.sources.spec.affinity) {
    if (index_of(row.node) < kMaxNodes) continue;
    LogLine line(context.host);
    line->str("SRAT: node ").dec(index_of(row.node)).str(" is too large, at most 63: ");
    put_mem(*line, row.range, kShortDigits);
    return Errno::kInvalid;
  }
  unsigned cpu = 0;
  for (const NodeId node : context.sources.spec.cpu_nodes) {
    if (index_of(node) >= kMaxNodes) {
      LogLine line(context.host);
      line->str("SRAT: CPU ").dec(cpu).str(": node ").dec(index_of(node));
      line->str(" is too large, at most 63");
      return Errno::kInvalid;
    }
    ++cpu;
  }
  return {};
}

Result<bool> NumaInfo::use_affinity(const Context& context) {
  QUIRE_TRY(read_rows(context));
  use_distances(context);
  keep_blocks_with_memory(context);
  if (!join_blocks(context.host)) return false;
  return cover_memory(context);
}

Result<void> NumaInfo::read_rows(const Context& context) {
  unsigned cpu = 0;
  for (const NodeId node : context.sources.spec.cpu_nodes) {
    LogLine line(context.host);
    line->str("SRAT: PXM ").dec(index_of(node)).str(" -> APIC 0x").hex(cpu++, Width{2});
    line->str(" -> Node ").dec(index_of(node));
  }
  for (const AffinityRange& row : context.sources.spec.affinity) {
    if (row.range.empty()) continue;
    {
      LogLine line(context.host);
      line->str("ACPI: SRAT: Node ").dec(index_of(row.node)).str(" PXM ").dec(index_of(row.node));
      put_mem(line->ch(' '), row.range, kShortDigits).str(row.hotpluggable ? " hotplug" : "");
    }
    firmware_mask_ |= bit_of(row.node);
    QUIRE_TRY(blocks_.push_back({row.range, row.node}));
    if (row.hotpluggable) QUIRE_TRY(context.memblock.mark_hotplug(row.range));
  }
  return {};
}

// Blocks without RAM are for memory that may be added later; the others end where RAM does.
void NumaInfo::keep_blocks_with_memory(const Context& context) {
  const PhysRange below_end{PhysAddr{0}, address_of(context.sources.max_pfn)};
  std::size_t kept = 0;
  for (const NodeBlock& block : blocks_) {
    const PhysRange clipped = block.range.intersect(below_end);
    if (clipped.empty() || !context.memblock.memory().overlaps(block.range)) continue;
    blocks_[kept++] = {clipped, block.node};
  }
  blocks_.truncate(kept);
}

// Joins blocks of a node with nothing of another node between them. False when blocks of two
// nodes overlap.
bool NumaInfo::join_blocks(Host& host) {
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    for (std::size_t j = i + 1; j < blocks_.size(); ++j) {
      NodeBlock& a = blocks_[i];
      const NodeBlock b = blocks_[j];
      if (!a.range.intersect(b.range).empty()) {
        log_overlap(a, b, host);
        if (a.node != b.node) return false;
      }
      if (!may_join(a, b)) continue;
      LogLine line(host);
      put_mem(line->str("NUMA: Node ").dec(index_of(a.node)).ch(' '), a.range, kShortDigits);
      put_mem(line->str(" + "), b.range, kShortDigits);
      a.range = hull(a, b);
      put_mem(line->str(" -> "), a.range, kShortDigits);
      blocks_.erase({j, j + 1});
      --j;
    }
  }
  return true;
}

bool NumaInfo::may_join(const NodeBlock& a, const NodeBlock& b) const {
  if (a.node != b.node) return false;
  const PhysRange both = hull(a, b);
  for (const NodeBlock& other : blocks_)
    if (other.node != a.node && !other.range.intersect(both).empty()) return false;
  return true;
}

bool NumaInfo::cover_memory(const Context& context) const {
  const PageCount all = memory_pages_in(context.memblock, kEverywhere);
  PageCount covered;
  for (const NodeBlock& block : blocks_) covered += memory_pages_in(context.memblock, block.range);
  if (all < covered + kSlack) return true;
  LogLine(context.host)
      ->str("NUMA: nodes only cover ")
      .dec(in_kib(covered) >> 10)
      .str("MB of your ")
      .dec(in_kib(all) >> 10)
      .str("MB e820 RAM. Not used.");
  return false;
}

Result<void> NumaInfo::use_one_node(const Context& context) {
  QUIRE_TRY(context.memblock.clear_hotplug(kEverywhere));
  const PhysRange all{PhysAddr{0}, address_of(context.sources.max_pfn)};
  context.host.log(context.sources.options.numa_off() ? "NUMA turned off"
                                                      : "No NUMA configuration found");
  {
    LogLine line(context.host);
    put_mem(line->str("Faking a node at "), all, kFullDigits);
  }
  blocks_.truncate(0);
  return blocks_.push_back({all, NodeId{0}});
}

// RAM that no block has is given up: less than kSlack, or the table would not have been used.
Result<void> NumaInfo::assign_memory(const Context& context) {
  Memblock& memblock = context.memblock;
  for (const NodeBlock& block : blocks_) {
    QUIRE_TRY(memblock.set_node(block.range, block.node));
    QUIRE_TRY(memblock.set_reserved_node(block.range, block.node));
  }
  for (std::size_t i = memblock.memory().cnt(); i-- > 0;) {
    const MemblockRegion region = memblock.memory().regions()[i];
    if (region.node == kNoNode) QUIRE_TRY(memblock.remove(region.range()));
  }
  memory_mask_ = nodes_of(memblock.memory());
  return {};
}

// A node that the kernel lies in already cannot be taken away.
Result<void> NumaInfo::spare_kernel_nodes(const Context& context) {
  const std::uint64_t kernel_nodes = nodes_of(context.memblock.reserved());
  for (const NodeBlock& block : blocks_)
    if ((kernel_nodes & bit_of(block.node)) != 0)
      QUIRE_TRY(context.memblock.clear_hotplug(block.range));
  return {};
}

Result<void> NumaInfo::place_cpus(const MachineSpec& spec) {
  const std::size_t count = max_of<std::size_t>(spec.cpu_nodes.size(), 1);
  QUIRE_TRY_ASSIGN(nodes, arena_.make_array<NodeId>(count));
  const NodeId first{static_cast<std::uint16_t>(memory_mask_ == 0 ? 0 : ffs0(memory_mask_))};
  for (std::size_t cpu = 0; cpu < count; ++cpu) {
    const bool told = from_firmware_ && cpu < spec.cpu_nodes.size();
    nodes[cpu] = told ? spec.cpu_nodes[cpu] : first;
    cpu_mask_ |= bit_of(nodes[cpu]);
  }
  cpu_nodes_ = nodes;
  return {};
}

}  // namespace quire
