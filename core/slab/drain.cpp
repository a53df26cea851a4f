// Taking back what CPUs and nodes keep.
#include <utility>

#include "slab/kmem_cache.hpp"

namespace quire {

// Another CPU's sheaves are claimed in two steps: its slow paths keep out when they see the claim,
// its hot paths when they see no sheaf. Its own CPU has no other to wait for.
void KmemCache::drain_cpu(CpuId cpu) {
  if (sheaf_cache_ == nullptr) return;
  CpuSlab& slab = cpu_slab(cpu);
  Sheaf* taken[2] = {};
  if (&slab == &own()) {
    if (!slab.lock.try_lock()) return;
    take_sheaves(slab, taken);
    slab.lock.unlock();
  } else {
    slab.lock.claim(parts_->host);
    slab.active.store(no_sheaf(), std::memory_order_release);
    slab.lock.wait_for_owner(parts_->host);
    take_sheaves(slab, taken);
    slab.lock.release();
  }
  for (Sheaf* const sheaf : taken)
    if (sheaf != nullptr) empty_out(*sheaf);
}

void KmemCache::take_sheaves(CpuSlab& slab, std::span<Sheaf*, 2> taken) {
  taken[0] = std::exchange(slab.main, nullptr);
  taken[1] = std::exchange(slab.spare, nullptr);
  publish(slab);
}

void KmemCache::empty_out(Sheaf& sheaf) {
  free_to_slabs({sheaf.objects(), sheaf.count});
  drop_sheaf(sheaf);
}

void KmemCache::drain_barn(NodeSlabs& node) {
  for (;;) {
    Sheaf* sheaf = nullptr;
    {
      const SpinGuard guard(node.lock);
      sheaf = node.take_full();
      if (sheaf == nullptr) sheaf = node.take_empty();
    }
    if (sheaf == nullptr) return;
    empty_out(*sheaf);
  }
}

bool KmemCache::shrink(bool cpus_keep_theirs) {
  for (unsigned cpu = 0; cpu < parts_->nodes.cpu_count() && !cpus_keep_theirs; ++cpu)
    drain_cpu(CpuId{static_cast<std::uint16_t>(cpu)});
  std::uint64_t slabs = 0;
  for (NodeSlabs& node : nodes_) {
    drain_barn(node);
    DeadSlabs dead;
    {
      const SpinGuard guard(node.lock);
      node.shrink(objects_, dead);
      slabs += node.nr_slabs;
    }
    bury(dead);
  }
  return slabs != 0;
}

}  // namespace quire
