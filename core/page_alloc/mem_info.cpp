#include "page_alloc/mem_info.hpp"

#include <span>
#include <string_view>

namespace quire {
namespace {

struct NodeRow {
  std::string_view name;
  NodeItem item;
};

// Of all nodes together, a line a list. Names carry the blanks around them.
constexpr NodeRow kAnon[] = {{"active_anon:", NodeItem::kNrActiveAnon},
                             {" inactive_anon:", NodeItem::kNrInactiveAnon},
                             {" isolated_anon:", NodeItem::kNrIsolatedAnon}};
constexpr NodeRow kFile[] = {{" active_file:", NodeItem::kNrActiveFile},
                             {" inactive_file:", NodeItem::kNrInactiveFile},
                             {" isolated_file:", NodeItem::kNrIsolatedFile}};
constexpr NodeRow kUnevictable[] = {{" unevictable:", NodeItem::kNrUnevictable},
                                    {" dirty:", NodeItem::kNrDirty},
                                    {" writeback:", NodeItem::kNrWriteback}};
constexpr NodeRow kSlab[] = {{" slab_reclaimable:", NodeItem::kNrSlabReclaimable},
                             {" slab_unreclaimable:", NodeItem::kNrSlabUnreclaimable}};
constexpr NodeRow kMapped[] = {{" mapped:", NodeItem::kNrMapped},
                               {" shmem:", NodeItem::kNrShmem},
                               {" pagetables:", NodeItem::kNrPageTablePages}};

constexpr NodeRow kOfNode[] = {
    {" active_anon:", NodeItem::kNrActiveAnon},
    {" inactive_anon:", NodeItem::kNrInactiveAnon},
    {" active_file:", NodeItem::kNrActiveFile},
    {" inactive_file:", NodeItem::kNrInactiveFile},
    {" unevictable:", NodeItem::kNrUnevictable},
    {" isolated(anon):", NodeItem::kNrIsolatedAnon},
    {" isolated(file):", NodeItem::kNrIsolatedFile},
    {" mapped:", NodeItem::kNrMapped},
    {" dirty:", NodeItem::kNrDirty},
    {" writeback:", NodeItem::kNrWriteback},
    {" shmem:", NodeItem::kNrShmem},
    {" shmem_thp: ", NodeItem::kNrShmemHugepages},
    {" shmem_pmdmapped: ", NodeItem::kNrShmemPmdmapped},
    {" anon_thp: ", NodeItem::kNrAnonTransparentHugepages},
    {" writeback_tmp:", NodeItem::kNrWritebackTemp},
    {" kernel_stack:", NodeItem::kNrKernelStack},
    {" pagetables:", NodeItem::kNrPageTablePages},
    {" sec_pagetables:", NodeItem::kNrSecPageTablePages},
};

// As a letter each: which types have a block of an order.
constexpr struct {
  MigrateType type;
  char letter;
} kTypeLetters[] = {{MigrateType::kUnmovable, 'U'},   {MigrateType::kMovable, 'M'},
                    {MigrateType::kReclaimable, 'E'}, {MigrateType::kHighAtomic, 'H'},
                    {MigrateType::kCma, 'C'},         {MigrateType::kIsolate, 'I'}};

std::uint64_t kib_of(std::uint64_t pages) { return in_kib(PageCount{pages}); }

class MemInfo {
 public:
  MemInfo(Host& host, const Nodes& nodes, const MemInfoFilter& filter)
      : host_(host), nodes_(nodes), filter_(filter) {}

  void log() {
    log_totals();
    for (const Node& node : nodes_.all())
      if (shows(node) && has_managed_zone(node)) log_node(node);
    for_each_zone([&](Zone& zone) { log_zone(zone); });
    for_each_zone([&](Zone& zone) { log_free_blocks(zone); });
    for (const Node& node : nodes_.all())
      if (shows(node)) log_huge_pages(node);
    log_sums();
  }

 private:
  [[nodiscard]] bool shows(const Node& node) const {
    return node.online && (filter_.nodes >> index_of(node.id) & 1) != 0;
  }
  [[nodiscard]] bool shows(const Zone& zone) const {
    return zone.type <= filter_.highest && shows(nodes_.node(zone.node));
  }
  [[nodiscard]] bool has_managed_zone(const Node& node) const {
    bool found = false;
    for (const Zone& zone : node.zones)
      found |= zone.type <= filter_.highest && zone.managed_pages() != 0;
    return found;
  }
  template <class Visit>
  void for_each_zone(Visit visit) const {
    nodes_.for_each_populated([&](Zone& zone) {
      if (shows(zone)) visit(zone);
    });
  }

  [[nodiscard]] std::uint64_t total(NodeItem item) const {
    return global_node_state(nodes_, item);
  }
  [[nodiscard]] std::uint64_t total(ZoneItem item) const {
    return global_zone_state(nodes_, item);
  }
  // Pages that the CPU keeps of the zone.
  [[nodiscard]] std::uint64_t kept(const Zone& zone, CpuId cpu) const {
    PerCpuPages& set = nodes_.percpu(zone, cpu).pages;
    set.lock.claim(host_);
    const std::int32_t count = set.count();
    set.lock.release();
    return static_cast<std::uint64_t>(count);
  }
  [[nodiscard]] std::uint64_t kept(const Zone& zone) const {
    std::uint64_t sum = 0;
    for (unsigned cpu = 0; cpu < nodes_.cpu_count(); ++cpu)
      sum += kept(zone, CpuId{static_cast<std::uint16_t>(cpu)});
    return sum;
  }

  void log_totals() const {
    std::uint64_t in_sets = 0;
    for_each_zone([&](const Zone& zone) { in_sets += kept(zone); });
    host_.log("Mem-Info:");
    for (const std::span<const NodeRow> row :
         {std::span<const NodeRow>{kAnon}, std::span<const NodeRow>{kFile},
          std::span<const NodeRow>{kUnevictable}, std::span<const NodeRow>{kSlab},
          std::span<const NodeRow>{kMapped}}) {
      LogLine line(host_);
      for (const NodeRow& counter : row) line->str(counter.name).dec(total(counter.item));
    }
    LogLine(host_)->str(" sec_pagetables:").dec(total(NodeItem::kNrSecPageTablePages))
        .str(" bounce:").dec(total(ZoneItem::kNrBounce));
    LogLine(host_)->str(" kernel_misc_reclaimable:").dec(total(NodeItem::kNrKernelMiscReclaimable));
    LogLine(host_)->str(" free:").dec(total(ZoneItem::kNrFreePages)).str(" free_pcp:").dec(in_sets)
        .str(" free_cma:").dec(total(ZoneItem::kNrFreeCma));
  }

  void log_node(const Node& node) const {
    LogLine line(host_);
    line->str("Node ").dec(index_of(node.id));
    for (const NodeRow& row : kOfNode) {
      const std::uint64_t value = node_state(node, row.item);
      // Stacks are counted in KiB.
      line->str(row.name).dec(row.item == NodeItem::kNrKernelStack ? value : kib_of(value))
          .str("kB");
    }
    line->str(" all_unreclaimable? no");
  }

  void log_zone(const Zone& zone) const {
    const auto kib = [](Text& text, std::string_view name, std::uint64_t pages) {
      text.str(name).dec(kib_of(pages)).str("kB");
    };
    const auto item = [&](Text& text, std::string_view name, ZoneItem counter) {
      kib(text, name, zone_state(zone, counter));
    };
    {
      LogLine line(host_);
      Text& text = line->str("Node ").dec(index_of(zone.node)).ch(' ').str(name_of(zone.type));
      item(text, " free:", ZoneItem::kNrFreePages);
      kib(text, " boost:", static_cast<std::uint64_t>(zone.watermark_boost.get()));
      kib(text, " min:", static_cast<std::uint64_t>(zone.watermark_pages(Watermark::kMin)));
      kib(text, " low:", static_cast<std::uint64_t>(zone.watermark_pages(Watermark::kLow)));
      kib(text, " high:", static_cast<std::uint64_t>(zone.watermark_pages(Watermark::kHigh)));
      text.str(" reserved_highatomic:")
          .dec(kib_of(static_cast<std::uint64_t>(zone.nr_reserved_highatomic.get()))).str("KB");
      item(text, " active_anon:", ZoneItem::kNrZoneActiveAnon);
      item(text, " inactive_anon:", ZoneItem::kNrZoneInactiveAnon);
      item(text, " active_file:", ZoneItem::kNrZoneActiveFile);
      item(text, " inactive_file:", ZoneItem::kNrZoneInactiveFile);
      item(text, " unevictable:", ZoneItem::kNrZoneUnevictable);
      item(text, " writepending:", ZoneItem::kNrZoneWritePending);
      kib(text, " present:", zone.present.raw());
      kib(text, " managed:", zone.managed_pages());
      item(text, " mlocked:", ZoneItem::kNrMlock);
      item(text, " bounce:", ZoneItem::kNrBounce);
      kib(text, " free_pcp:", kept(zone));
      kib(text, " local_pcp:", kept(zone, Arch::current()->cpu));
      item(text, " free_cma:", ZoneItem::kNrFreeCma);
    }
    LogLine line(host_);
    line->str("lowmem_reserve[]:");
    for (const ZoneType type : zones_of(nodes_.arch()))
      line->ch(' ').sdec(zone.lowmem_reserve[index_of(type)].get());
  }

  void log_free_blocks(Zone& zone) const {
    LogLine line(host_);
    line->str("Node ").dec(index_of(zone.node)).ch(' ').str(name_of(zone.type)).ch(':');
    std::uint64_t pages = 0;
    const SpinGuard guard(zone.lock);
    for (unsigned o = 0; o < kOrderCount; ++o) {
      const FreeArea& area = zone.free_area[o];
      pages += area.nr_free << o;
      line->ch(' ').dec(area.nr_free).ch('*').dec(kib_of(Order{o}.pages().raw())).str("kB");
      if (area.nr_free == 0) continue;
      line->str(" (");
      for (const auto& [type, letter] : kTypeLetters)
        if (!area.lists[index_of(type)].empty()) line->ch(letter);
      line->ch(')');
    }
    line->str(" = ").dec(kib_of(pages)).str("kB");
  }

  // There are no huge pages in pools.
  void log_huge_pages(const Node& node) const {
    LogLine(host_)->str("Node ").dec(index_of(node.id))
        .str(" hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size=")
        .dec(kib_of(kPageblockPages.raw())).str("kB");
  }

  void log_sums() const {
    std::uint64_t present = 0;
    std::uint64_t managed = 0;
    std::uint64_t high = 0;
    nodes_.for_each_populated([&](const Zone& zone) {
      present += zone.present.raw();
      managed += zone.managed_pages();
      if (zone.type == ZoneType::kHighMem) high += zone.present.raw();
    });
    LogLine(host_)->dec(total(NodeItem::kNrFilePages)).str(" total pagecache pages");
    LogLine(host_)->dec(total(NodeItem::kNrSwapcached)).str(" pages in swap cache");
    host_.log("Free swap  = 0kB");
    host_.log("Total swap = 0kB");
    LogLine(host_)->dec(present).str(" pages RAM");
    LogLine(host_)->dec(high).str(" pages HighMem/MovableOnly");
    LogLine(host_)->dec(present - managed).str(" pages reserved");
  }

  Host& host_;
  const Nodes& nodes_;
  const MemInfoFilter& filter_;
};

}  // namespace

void log_mem_info(Host& host, const Nodes& nodes, const MemInfoFilter& filter) {
  MemInfo(host, nodes, filter).log();
}

void print_nodes(Text& text, NodeMask nodes) {
  bool first = true;
  for (unsigned node = 0; nodes >> node != 0;) {
    const auto gap = static_cast<unsigned>(__builtin_ctzll(nodes >> node));
    node += gap;
    unsigned length = 0;
    while (node + length < 64 && (nodes >> (node + length) & 1) != 0) ++length;
    if (!first) text.ch(',');
    first = false;
    text.dec(node);
    if (length > 1) text.ch('-').dec(node + length - 1);
    node += length;
    if (node >= 64) break;
  }
}

}  // namespace quire
