#include "procfs/rows.hpp"
#include "procfs/slab_files.hpp"

namespace quire {
namespace {

void show_numbers(std::span<const std::uint64_t> words, Text& out) {
  NumberList list(out);
  for (std::size_t i = 0; i < words.size(); ++i)
    for (std::uint64_t left = words[i]; left != 0; left &= left - 1) list.add(i * 64 + ffs0(left));
  list.end();
}

void show_trace(const KmemCache& cache, const CacheTraces::Shown& shown, Text& out) {
  const CacheTraces::Row& row = shown.row;
  const Nodes& nodes = cache.parts().nodes;
  out.dec(row.objects, Width{7}).ch(' ');
  if (row.caller == nullptr)
    out.str("<not-available>");
  else
    cache.parts().reports.code(out, row.caller);
  if (row.waste != 0) out.str(" waste=").dec(row.objects * row.waste).ch('/').dec(row.waste);
  out.str(" age=").dec(row.least_age);
  if (row.least_age != row.most_age)
    out.ch('/').dec(row.ages / row.objects).ch('/').dec(row.most_age);
  out.str(" pid=").dec(row.least_pid);
  if (row.least_pid != row.most_pid) out.ch('-').dec(row.most_pid);
  if (nodes.cpu_count() > 1) show_numbers(shown.cpus, out.str(" cpus="));
  if (nodes.online_count() > 1) show_numbers(shown.nodes, out.str(" nodes="));
  out.nl();
}

constexpr SlabTraceFile kTraceFiles[] = {{"alloc_traces", TrackKind::kAlloc},
                                    {"free_traces", TrackKind::kFree}};

}  // namespace

std::span<const SlabTraceFile> slab_trace_files() { return kTraceFiles; }

Result<void> show_slab_traces(const KmemCache& cache, TrackKind kind, Text& out) {
  CacheTraces traces(cache, kind);
  QUIRE_TRY(traces.gather());
  bool any = false;
  traces.show([&](const CacheTraces::Shown& shown) {
    show_trace(cache, shown, out);
    any = true;
  });
  if (!any) out.str("No data").nl();
  return {};
}

}  // namespace quire
