#include "procfs/estimates.hpp"
#include "procfs/figures.hpp"
#include "procfs/show.hpp"

namespace quire {
namespace {

constexpr Bytes kHugePageSize = size_of(kPageblockPages);

// The space for vmalloc: 32 TiB under four levels of page tables, 12,800 TiB under five, what is
// above the direct map on 32 bits.
Bytes vmalloc_total(const ProcSources& from) {
  if (from.vmalloc != nullptr) return from.vmalloc->layout().vmalloc.length();
  switch (from.nodes.arch()) {
    case ArchProfile::kX86_64: return gib(std::uint64_t{32} << 10) - Bytes{1};
    case ArchProfile::kX86_64La57: return gib(std::uint64_t{12800} << 10) - Bytes{1};
    case ArchProfile::kX86_32: break;
  }
  return mib(120);
}

void show_totals(const ProcSources& from, const Counters& counters, MeminfoRows& rows) {
  const std::uint64_t file = counters.kib(NodeItem::kNrFilePages);
  const std::uint64_t swap_cached = counters.kib(NodeItem::kNrSwapcached);
  rows.pages("MemTotal", counters.managed());
  rows.kib("MemFree", counters.kib(ZoneItem::kNrFreePages));
  rows.pages("MemAvailable", available_pages(from.nodes).raw());
  rows.kib("Buffers", 0);
  rows.kib("Cached", file - min_of(file, swap_cached));
  rows.kib("SwapCached", swap_cached);
}

void show_states(MeminfoRows& rows, const Counters& counters) {
  rows.kib("Dirty", counters.kib(NodeItem::kNrDirty));
  rows.kib("Writeback", counters.kib(NodeItem::kNrWriteback));
  rows.kib("AnonPages", counters.kib(NodeItem::kNrAnonPages));
  rows.kib("Mapped", counters.kib(NodeItem::kNrMapped));
  rows.kib("Shmem", counters.kib(NodeItem::kNrShmem));
}

// KReclaimable to SUnreclaim; both files have them, at different places.
void show_slab_rows(MeminfoRows& rows, const Counters& counters) {
  const std::uint64_t reclaimable = counters.kib(NodeItem::kNrSlabReclaimable);
  const std::uint64_t unreclaimable = counters.kib(NodeItem::kNrSlabUnreclaimable);
  rows.kib("KReclaimable", reclaimable + counters.kib(NodeItem::kNrKernelMiscReclaimable));
  rows.kib("Slab", reclaimable + unreclaimable);
  rows.kib("SReclaimable", reclaimable);
  rows.kib("SUnreclaim", unreclaimable);
}

// KernelStack to WritebackTmp.
void show_kernel_rows(MeminfoRows& rows, const Counters& counters) {
  rows.kib("KernelStack", counters.count(NodeItem::kNrKernelStack));  // counted in KiB
  rows.kib("PageTables", counters.kib(NodeItem::kNrPageTablePages));
  rows.kib("SecPageTables", counters.kib(NodeItem::kNrSecPageTablePages));
  rows.kib("NFS_Unstable", 0);
  rows.kib("Bounce", counters.kib(ZoneItem::kNrBounce));
  rows.kib("WritebackTmp", counters.kib(NodeItem::kNrWritebackTemp));
}

void show_virtual_rows(const ProcSources& from, MeminfoRows& rows) {
  const MemoryFigures& figures = from.figures;
  rows.pages("CommitLimit", commit_limit(from.nodes, from.sysctls, figures.swap_total).raw());
  rows.pages("Committed_AS", figures.committed.pages().raw());
  rows.kib("VmallocTotal", vmalloc_total(from).raw() >> 10);
  rows.pages("VmallocUsed",
             (from.vmalloc != nullptr ? from.vmalloc->used() : figures.vmalloc_used).raw());
  rows.kib("VmallocChunk", 0);
  const std::uint64_t more = from.nodes.percpu_areas().populated().raw() * from.nodes.cpu_count();
  rows.pages("Percpu", figures.percpu.raw() + more);
}

void show_direct_map(const MemoryFigures& figures, MeminfoRows& rows) {
  const LeafCounts& map = figures.direct_map;
  const bool four_mib = map.format->at(PageLevel::kPmd).size() == mib(4);
  rows.kib("DirectMap4k", map.mapped(PageLevel::kPte).raw() >> 10);
  rows.kib(four_mib ? "DirectMap4M" : "DirectMap2M", map.mapped(PageLevel::kPmd).raw() >> 10);
  if (figures.gib_pages) rows.kib("DirectMap1G", map.mapped(PageLevel::kPud).raw() >> 10);
}

}  // namespace

void show_meminfo(const ProcSources& from, Text& out) {
  const Counters counters(from.nodes, nullptr);
  MeminfoRows rows(out, nullptr);
  show_totals(from, counters, rows);
  show_lru_rows(rows, counters);
  show_high_memory_rows(rows, counters, from.nodes.arch());
  rows.pages("SwapTotal", from.figures.swap_total.raw());
  rows.pages("SwapFree", from.figures.swap_free.raw());
  show_states(rows, counters);
  show_slab_rows(rows, counters);
  show_kernel_rows(rows, counters);
  show_virtual_rows(from, rows);
  show_huge_page_rows(rows, counters);
  for (const std::string_view name :
       {"HugePages_Total", "HugePages_Free", "HugePages_Rsvd", "HugePages_Surp"})
    rows.huge(name, 0);
  rows.kib("Hugepagesize", kHugePageSize.raw() >> 10);
  rows.kib("Hugetlb", 0);
  show_direct_map(from.figures, rows);
}

void show_node_meminfo(const ProcSources& from, const Node& node, Text& out) {
  const Counters counters(from.nodes, &node);
  MeminfoRows rows(out, &node);
  const std::uint64_t managed = counters.managed();
  const std::uint64_t free = counters.count(ZoneItem::kNrFreePages);
  rows.pages("MemTotal", managed);
  rows.pages("MemFree", free);
  rows.pages("MemUsed", managed - min_of(managed, free));
  rows.kib("SwapCached", counters.kib(NodeItem::kNrSwapcached));
  show_lru_rows(rows, counters);
  show_high_memory_rows(rows, counters, from.nodes.arch());
  rows.kib("Dirty", counters.kib(NodeItem::kNrDirty));
  rows.kib("Writeback", counters.kib(NodeItem::kNrWriteback));
  rows.kib("FilePages", counters.kib(NodeItem::kNrFilePages));
  rows.kib("Mapped", counters.kib(NodeItem::kNrMapped));
  rows.kib("AnonPages", counters.kib(NodeItem::kNrAnonPages));
  rows.kib("Shmem", counters.kib(NodeItem::kNrShmem));
  show_kernel_rows(rows, counters);
  show_slab_rows(rows, counters);
  show_huge_page_rows(rows, counters);
  for (const std::string_view name : {"HugePages_Total", "HugePages_Free", "HugePages_Surp"})
    rows.huge(name, 0);
}

void show_huge_page_size(const ProcSources&, Text& out) { out.dec(kHugePageSize.raw()).nl(); }

}  // namespace quire
