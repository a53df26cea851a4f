#include "procfs/slab_files.hpp"

namespace quire {

void show_slabinfo(const ProcSources& from, Text& out) {
  out.str("slabinfo - version: 2.1").nl();
  out.str("# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>")
      .str(" : tunables <limit> <batchcount> <sharedfactor>")
      .str(" : slabdata <active_slabs> <num_slabs> <sharedavail>").nl();
  from.slabs->for_each([&](const KmemCache& cache) {
    const SlabCounts counts = CacheFiles::count(cache);
    const SlabLayout& layout = cache.layout();
    out.str(cache.name(), {17}).ch(' ').dec(counts.used, {6}).ch(' ').dec(counts.objects, {6})
        .ch(' ').dec(layout.size, {6}).ch(' ').dec(layout.objects, {4})
        .ch(' ').dec(layout.order.pages().raw(), {4})
        .str(" : tunables    0    0    0 : slabdata ")  // SLAB's, which SLUB does not have
        .dec(counts.slabs, {6}).ch(' ').dec(counts.slabs, {6}).str("      0").nl();
  });
}

}  // namespace quire
