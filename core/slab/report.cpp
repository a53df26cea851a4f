#include "slab/report.hpp"

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

void report_no_slab(const KmemCache& cache, const void* object) {
  LogLine(cache.parts().host)->str("cache_from_obj: Object is not a Slab page! ")
      .str(cache.name()).str(" 0x").hex(reinterpret_cast<std::uintptr_t>(object), Width{16});
}

void report_wrong_cache(const KmemCache& cache, const KmemCache& owner) {
  LogLine(cache.parts().host)->str("cache_from_obj: Wrong slab cache. ").str(cache.name())
      .str(" but object is from ").str(owner.name());
}

void report_bad_kfree(Host& host, const void* memory) {
  LogLine(host)->str("object pointer: 0x").hex(reinterpret_cast<std::uintptr_t>(memory), Width{16});
}

void report_remaining(const KmemCache& cache) {
  LogLine(cache.parts().host)->str("kmem_cache_destroy ").str(cache.name())
      .str(": Slab cache still has objects when called");
}

}  // namespace quire
