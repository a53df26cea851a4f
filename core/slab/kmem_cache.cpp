// What hot paths leave: sheaves that are empty or full, other nodes, debugging, clearing.
#include "slab/kmem_cache.hpp"

#include <utility>

#include "slab/cache_debug.hpp"
#include "slab/report.hpp"

namespace quire {

void* KmemCache::alloc_slow(Gfp gfp, NodeId node) {
  return allocate({gfp, node, __builtin_return_address(0)});
}

void* KmemCache::allocate(const Want& want) {
  if (any(flags() & SlabFlags::kFailSlab) && parts_->pages.debug().refuses(want.gfp))
    return nullptr;
  CpuSlab& slab = own();
  void* object = nullptr;
  if (sheaf_cache_ != nullptr && (want.node == kNoNode || want.node == SlabTag{slab.tag}.node()))
    object = alloc_cached(slab, want.gfp);
  if (object == nullptr) object = alloc_from_slabs(want);
  if (object == nullptr) {
    report_out_of_memory(*this, want.gfp, want.node);
    return nullptr;
  }
  if (init_on_alloc_ || any(want.gfp & Gfp::kZero)) std::memset(object, 0, object_size_);
  return object;
}

void* KmemCache::alloc_cached(CpuSlab& slab, Gfp gfp) {
  if (!slab.lock.try_lock()) return nullptr;
  if (slab.main == nullptr) {
    slab.lock.unlock();
    bring_sheaf(slab, gfp);
    if (!slab.lock.try_lock()) return nullptr;
  }
  void* const object = alloc_from_sheaves(slab);
  slab.lock.unlock();
  return object;
}

void* KmemCache::alloc_from_sheaves(CpuSlab& slab) {
  if (slab.main == nullptr) return nullptr;
  if (slab.main->count == 0) {
    if (slab.spare != nullptr && slab.spare->count != 0)
      std::swap(slab.main, slab.spare);
    else
      refill(slab);
    publish(slab);
    if (slab.main->count == 0) return nullptr;
  }
  return slab.main->objects()[--slab.main->count];
}

// The main sheaf is empty: takes a full one for it from the barn, or fills it from slabs.
void KmemCache::refill(CpuSlab& slab) {
  NodeSlabs& node = nodes_[index_of(SlabTag{slab.tag}.node())];
  Sheaf* dropped = nullptr;
  {
    const SpinGuard guard(node.lock);
    if (Sheaf* const full = node.take_full()) {
      if (slab.spare == nullptr)
        slab.spare = slab.main;
      else if (node.nr_empty_sheaves < empty_sheaves_)
        node.put_empty(*slab.main);
      else
        dropped = slab.main;
      slab.main = full;
    } else {
      slab.main->count = node.take(objects_, {slab.main->objects(), slab.main->limit});
      if (node.broken != nullptr) CacheDebug::tell_broken_list(*this, node, nullptr);
    }
  }
  if (dropped != nullptr) drop_sheaf(*dropped);
}

// Near slabs before new ones; then, where the caller lets it, other nodes' before pages from there.
void* KmemCache::alloc_from_slabs(const Want& asked) {
  Want want = asked;
  if (want.node == kNoNode) want.node = SlabTag{own().tag}.node();
  if (void* const object = take_one(want, nodes_[index_of(want.node)])) return object;
  if (!any(want.gfp & Gfp::kThisNode) && nodes_.size() > 1) {
    Want near = want;
    near.gfp = (want.gfp & ~Gfp::kReclaim & ~Gfp::kNoFail) | Gfp::kThisNode | Gfp::kNoWarn;
    if (void* const object = grow(near)) return object;
    if (void* const object = take_near(want)) return object;
  }
  return grow(want);
}

void* KmemCache::take_one(const Want& want, NodeSlabs& node) {
  const SpinGuard guard(node.lock);
  return take_one_locked(want, node);
}

void* KmemCache::take_one_locked(const Want& want, NodeSlabs& node) {
  if (debugged()) return CacheDebug::take(*this, node, want);
  void* object = nullptr;
  node.take(objects_, {&object, 1});
  if (node.broken != nullptr) CacheDebug::tell_broken_list(*this, node, want.caller);
  return object;
}

void* KmemCache::take_near(const Want& want) {
  if (knobs_.defrag_ratio == 0) return nullptr;
  const Node& from = parts_->nodes.node(want.node);
  for (std::size_t i = 0; i < from.fallback_length; ++i)
    if (void* const object = take_one(want, nodes_[index_of(from.fallback_order[i])]))
      return object;
  return nullptr;
}

// A caller's error is told and passed over: what is no object of a cache is left alone.
void KmemCache::free_slow(void* object) {
  const void* const caller = __builtin_return_address(0);
  const PageIndex index = objects_.frames.index_at(object);
  if (index == PageIndex::kNone || objects_.pages.at(index).word.kind() != PageKind::kSlab) {
    report_no_slab(*this, caller);
    return;
  }
  Page& head = objects_.head_of(index);
  KmemCache& owner =
      *percpu_at<CpuSlab>(Arch::current()->percpu, SlabTag{head.mapping}.cpu_slab()).cache;
  if (&owner != this) report_wrong_cache(*this, owner, {object, caller});
  owner.free_object(object, head, caller);
}

void KmemCache::free_object(void* object, Page& head, const void* caller) {
  if (debugged()) {
    CacheDebug::free(*this, head, object, caller);
    return;
  }
  if (init_on_free_) std::memset(object, 0, object_size_);
  CpuSlab& slab = own();
  const bool near = sheaf_cache_ != nullptr && head.mapping == slab.tag;
  if (!near || !free_cached(slab, object)) free_to_slabs({&object, 1});
}

bool KmemCache::free_cached(CpuSlab& slab, void* object) {
  for (unsigned attempt = 0; attempt < 2; ++attempt) {
    if (!slab.lock.try_lock()) return false;
    DeadSlabs dead;
    const bool kept = free_to_sheaves(slab, object, dead);
    slab.lock.unlock();
    bury(dead);
    if (kept) return true;
    bring_sheaf(slab, Gfp::kNoWait);
  }
  return false;
}

// False where a sheaf is missing.
bool KmemCache::free_to_sheaves(CpuSlab& slab, void* object, DeadSlabs& dead) {
  if (slab.main == nullptr) return false;
  if (slab.main->full()) {
    if (slab.spare != nullptr && !slab.spare->full())
      std::swap(slab.main, slab.spare);
    else
      make_room(slab, dead);
    publish(slab);
    if (slab.main->full()) return false;
  }
  slab.main->objects()[slab.main->count++] = object;
  return true;
}

// The main sheaf is full, and so is the spare one if there is one: the main one goes to the barn,
// or where that has enough of them, what is in it to the slabs.
void KmemCache::make_room(CpuSlab& slab, DeadSlabs& dead) {
  NodeSlabs& node = nodes_[index_of(SlabTag{slab.tag}.node())];
  const SpinGuard guard(node.lock);
  if (slab.spare == nullptr) {
    slab.spare = node.take_empty();
    if (slab.spare != nullptr) std::swap(slab.main, slab.spare);
  } else if (node.nr_full_sheaves < full_sheaves_) {
    node.put_full(*slab.main);
    slab.main = node.take_empty();
    if (slab.main == nullptr) slab.main = std::exchange(slab.spare, nullptr);
  } else {
    Sheaf& sheaf = *slab.main;
    for (std::uint64_t i = 0; i < sheaf.count; ++i)
      node.put(objects_, objects_.head_of(sheaf.objects()[i]), sheaf.objects()[i], dead);
    sheaf.count = 0;
    if (node.freed_twice != nullptr) CacheDebug::tell_freed_twice(*this, node);
  }
}

// Objects of any nodes, in runs of one node each.
void KmemCache::free_to_slabs(std::span<void* const> objects) {
  DeadSlabs dead;
  for (std::size_t i = 0; i < objects.size();) {
    const std::uint64_t tag = objects_.head_of(objects[i]).mapping;
    NodeSlabs& node = nodes_[index_of(SlabTag{tag}.node())];
    const SpinGuard guard(node.lock);
    do {
      Page& head = objects_.head_of(objects[i]);
      if (head.mapping != tag) break;
      node.put(objects_, head, objects[i], dead);
    } while (++i < objects.size());
    if (node.freed_twice != nullptr) CacheDebug::tell_freed_twice(*this, node);
  }
  bury(dead);
}

}  // namespace quire
