// /proc/PID/statm and status. What Quire's processes lack has the value that it has for a process
// of root which does nothing else: no signals, no groups, all capabilities.
#include "procfs/process_files.hpp"
#include "procfs/rows.hpp"

namespace quire {
namespace {

PageCount file_backed(const Mm& mm) { return mm.rss(Rss::kFile) + mm.rss(Rss::kShmem); }

// Code of the program itself.
PageCount text_pages(const Mm& mm) {
  const VirtAddr start = mm.layout.start_code.align_down(kPageSize);
  const VirtAddr end = mm.layout.end_code.align_up(kPageSize);
  return min_of(whole_pages(end - start), mm.exec);
}

void number(Text& out, std::string_view name, std::uint64_t value) {
  out.str(name).str(":\t").dec(value).nl();
}
void word(Text& out, std::string_view name, std::string_view value) {
  out.str(name).str(":\t").str(value).nl();
}
void memory(Text& out, std::string_view name, PageCount pages) {
  out.str(name).str(":\t").dec(in_kib(pages), {8}).str(" kB").nl();
}
void mask(Text& out, std::string_view name, std::uint64_t bits) {
  out.str(name).str(":\t").hex(bits, {16}).nl();
}

void show_task(const ProcSources& from, const Process& process, Text& out) {
  const Task& task = process.task;
  word(out, "Name", task.name());
  word(out, "Umask", "0022");
  word(out, "State", Arch::current()->task == &task ? "R (running)" : "S (sleeping)");
  number(out, "Tgid", task.tgid);
  number(out, "Ngid", 0);
  number(out, "Pid", task.pid);
  number(out, "PPid",
         from.processes->find(process.parent) == nullptr ? 0 : process.parent);
  number(out, "TracerPid", 0);
  word(out, "Uid", "0\t0\t0\t0");
  word(out, "Gid", "0\t0\t0\t0");
  number(out, "FDSize", 64);
  word(out, "Groups", " ");
  for (const std::string_view name : {"NStgid", "NSpid"}) number(out, name, task.pid);
  for (const std::string_view name : {"NSpgid", "NSsid"}) number(out, name, 0);
}

PageCount number_in(const std::atomic<std::uint64_t>& pages) {
  return PageCount{pages.load(std::memory_order_relaxed)};
}

void show_memory(Mm& mm, Text& out) {
  const SharedGuard guard(mm.mmap_lock);
  mm.note_peaks();
  memory(out, "VmPeak", number_in(mm.peak_total));
  memory(out, "VmSize", mm.total);
  memory(out, "VmLck", mm.locked);
  memory(out, "VmPin", number_in(mm.pinned));
  memory(out, "VmHWM", number_in(mm.peak_resident));
  memory(out, "VmRSS", mm.resident());
  memory(out, "RssAnon", mm.rss(Rss::kAnon));
  memory(out, "RssFile", mm.rss(Rss::kFile));
  memory(out, "RssShmem", mm.rss(Rss::kShmem));
  memory(out, "VmData", mm.data);
  memory(out, "VmStk", mm.stack);
  memory(out, "VmExe", text_pages(mm));
  memory(out, "VmLib", mm.exec - text_pages(mm));
  memory(out, "VmPTE", PageCount{table_count(mm.tables)});
  memory(out, "VmSwap", mm.rss(Rss::kSwap));
  memory(out, "HugetlbPages", PageCount{0});
}

void show_signals(const ProcSources& from, Text& out) {
  // Threads may have an eighth of RAM for their stacks of four pages, and half as many signals.
  constexpr std::uint64_t kPagesPerSignal = std::uint64_t{8} * 4 * 2;
  constexpr std::uint64_t kAllCapabilities = 0x1ffffffffff;
  number(out, "CoreDumping", 0);
  number(out, "THP_enabled", 1);
  number(out, "Threads", 1);
  out.str("SigQ:\t0/").dec(from.nodes.managed_pages() / kPagesPerSignal).nl();
  for (const std::string_view name : {"SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "CapInh"})
    mask(out, name, 0);
  for (const std::string_view name : {"CapPrm", "CapEff", "CapBnd"})
    mask(out, name, kAllCapabilities);
  mask(out, "CapAmb", 0);
  for (const std::string_view name : {"NoNewPrivs", "Seccomp", "Seccomp_filters"})
    number(out, name, 0);
  word(out, "Speculation_Store_Bypass", "not vulnerable");
  word(out, "SpeculationIndirectBranch", "always enabled");
}

// The first `bits` numbers, of which those that `has` tells are in.
template <class Has>
void show_set(Text& out, std::string_view name, unsigned bits, Has has) {
  constexpr unsigned kGroup = 32;
  out.str(name).str(":\t");
  for (unsigned group = (bits + kGroup - 1) / kGroup; group-- > 0;) {
    std::uint32_t word = 0;
    for (unsigned bit = 0; bit < kGroup; ++bit)
      if (group * kGroup + bit < bits && has(group * kGroup + bit)) word |= 1u << bit;
    out.hex(word, {(min_of(bits - group * kGroup, kGroup) + 3) / 4});
    if (group != 0) out.ch(',');
  }
  out.nl().str(name).str("_list:\t");
  NumberList list(out);
  for (unsigned i = 0; i < bits; ++i)
    if (has(i)) list.add(i);
  list.finish();
}

void show_places(const ProcSources& from, Text& out) {
  const Nodes& nodes = from.nodes;
  // As many as the kernel is built for.
  const unsigned node_bits = nodes.arch() == ArchProfile::kX86_32 ? 8 : 1024;
  show_set(out, "Cpus_allowed", nodes.cpu_count(), [](unsigned) { return true; });
  show_set(out, "Mems_allowed", node_bits, [&](unsigned node) {
    if (node >= nodes.all().size()) return false;
    bool memory = false;
    nodes.for_each_populated([&](const Zone& zone) { memory |= index_of(zone.node) == node; });
    return memory;
  });
}

}  // namespace

void show_statm(const ProcSources&, Process& process, Text& out) {
  Mm& mm = *process.mm;
  const SharedGuard guard(mm.mmap_lock);
  out.dec(mm.total.raw()).ch(' ').dec(mm.resident().raw()).ch(' ').dec(file_backed(mm).raw());
  out.ch(' ').dec(text_pages(mm).raw()).str(" 0 ").dec((mm.data + mm.stack).raw());
  out.str(" 0").nl();
}

void show_status(const ProcSources& from, Process& process, Text& out) {
  show_task(from, process, out);
  show_memory(*process.mm, out);
  show_signals(from, out);
  show_places(from, out);
  number(out, "voluntary_ctxt_switches", 0);
  number(out, "nonvoluntary_ctxt_switches", 0);
}

}  // namespace quire
