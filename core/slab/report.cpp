#include "slab/report.hpp"

#include "slab/cache_debug.hpp"

namespace quire {

void report_out_of_memory(const KmemCache& cache, Gfp gfp, NodeId node) {
  if (any(gfp & Gfp::kNoWarn)) return;
  Host& host = cache.parts().host;
  const SlabLayout& layout = cache.layout();
  {
    LogLine line(host);
    line->str("SLUB: Unable to allocate memory on node ")
        .sdec(node == kNoNode ? -1 : static_cast<std::int64_t>(index_of(node))).str(", gfp=0x")
        .hex(raw(gfp)).ch('(');
    print(*line, gfp);
    line->ch(')');
  }
  LogLine(host)->str("  cache: ").str(cache.name()).str(", object size: ").dec(layout.object_size)
      .str(", buffer size: ").dec(layout.size).str(", default order: ").dec(layout.order.raw())
      .str(", min order: ").dec(layout.min_order.raw());
  for (const Node& each : cache.parts().nodes.all()) {
    if (!each.online) continue;
    NodeSlabs& slabs = cache.node(each.id);
    const SpinGuard guard(slabs.lock);
    LogLine(host)->str("  node ").dec(index_of(each.id)).str(": slabs: ").dec(slabs.nr_slabs)
        .str(", objs: ").dec(slabs.total_objects).str(", free: ")
        .dec(slabs.free_objects(cache.objects()));
  }
}

void report_no_cache(const SlabParts& parts, const CacheSpec& spec, Errno error) {
  const auto number = static_cast<unsigned>(error);
  if (any(spec.shape.flags & SlabFlags::kPanic)) {
    Words what;
    what->str("kmem_cache_create_usercopy: Failed to create slab '").str(spec.name)
        .str("'. Error -").dec(number);
    parts.host.panic(what.text());
  }
  LogLine(parts.host)->str("kmem_cache_create_usercopy(").str(spec.name)
      .str(") failed with error -").dec(number);
}

void report_no_slab(const KmemCache& cache, const void* caller) {
  BugReports& reports = cache.parts().reports;
  reports.warn("virt_to_cache: Object is not a Slab page!", caller);
  reports.finish();
}

void report_wrong_cache(const KmemCache& cache, const KmemCache& owner, const Freed& freed) {
  BugReports& reports = cache.parts().reports;
  Words what;
  what->str("cache_from_obj: Wrong slab cache. ").str(cache.name()).str(" but object is from ")
      .str(owner.name());
  reports.warn(what.text(), freed.caller);
  reports.tracks(owner.layout(), freed.object);
  reports.finish();
}

void report_bad_kfree(const SlabParts& parts, const Freed& freed) {
  Words what;
  what->str("object pointer: ");
  parts.reports.address(*what, freed.object);
  parts.reports.warn(what.text(), freed.caller);
  parts.reports.finish();
}

void report_remaining(KmemCache& cache, const void* caller) {
  BugReports& reports = cache.parts().reports;
  CacheDebug::list_remaining(cache, caller);
  Words what;
  what->str("kmem_cache_destroy ").str(cache.name())
      .str(": Slab cache still has objects when called from ");
  reports.code(*what, caller);
  reports.warn(what.text(), caller);
  reports.finish();
}

}  // namespace quire
