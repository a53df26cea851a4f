// Many objects at a time: the CPU's lock is taken once, and slabs are asked for all that is left.
#include "slab/cache_debug.hpp"
#include "slab/kmem_cache.hpp"

namespace quire {

bool KmemCache::alloc_bulk(Gfp gfp, std::span<void*> objects) {
  const Want want{gfp, kNoNode, __builtin_return_address(0)};
  std::size_t filled = 0;
  if (CpuSlab& slab = own(); sheaf_cache_ != nullptr && slab.lock.try_lock()) {
    while (filled < objects.size()) {
      void* const object = alloc_from_sheaves(slab);
      if (object == nullptr) break;
      objects[filled++] = object;
    }
    slab.lock.unlock();
  }
  while (filled < objects.size()) {
    if (!debugged()) {
      NodeSlabs& node = nodes_[index_of(SlabTag{own().tag}.node())];
      const SpinGuard guard(node.lock);
      filled += node.take(objects_, objects.subspan(filled));
      if (node.broken != nullptr) CacheDebug::tell_broken_list(*this, node, want.caller);
    }
    if (filled == objects.size()) break;
    void* const object = allocate(want);
    if (object == nullptr) {
      free_bulk(objects.first(filled));
      return false;
    }
    objects[filled++] = object;
  }
  if (!debugged() && (init_on_alloc_ || any(gfp & Gfp::kZero)))
    for (void* const object : objects) std::memset(object, 0, object_size_);
  return true;
}

void KmemCache::free_bulk(std::span<void* const> objects) {
  std::size_t freed = 0;
  if (CpuSlab& slab = own(); hot_ && slab.lock.try_lock()) {
    DeadSlabs dead;
    for (; freed < objects.size(); ++freed) {
      if (page_of(objects[freed]).mapping != slab.tag) break;
      if (!free_to_sheaves(slab, objects[freed], dead)) break;
    }
    slab.lock.unlock();
    bury(dead);
  }
  for (void* const object : objects.subspan(freed)) free(object);
}

}  // namespace quire
