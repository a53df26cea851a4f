// A cache of objects of one size (struct kmem_cache): SLUB with sheaves.
//
//   each CPU     two sheaves of free objects (CpuSlab)          no lock, no call
//   each node    a barn of full and empty sheaves, and its      one lock a node
//                slabs with free objects (NodeSlabs)
//   the machine  new slabs from the page allocator, and dead ones back to it
//
// A CPU keeps objects of the nearest node with memory; those of other nodes go home when freed.
// Caches with debug flags keep no sheaves: each object is looked at on its way out of and into its
// slab. With init_on_alloc or init_on_free the hot paths see no sheaf, and slow ones clear.
//
// Units       Sizes in bytes; `objects` counts objects.
// Ownership   A cache belongs to SlabCaches; an object to whoever got it, until it is freed.
// Locking     Callers run on a CPU of the machine. A request that may not wait may come with
//             spinlocks below LockRank::kSlabNode held. Constructors are called without locks.
// Errors      alloc() gives null after the report that Linux prints, unless __GFP_NOWARN.
//             free() reports what is no object of the cache, and leaves it alone.
// Cost        docs/PERFORMANCE.md: slab.cache_pair.
// Source      Documentation/core-api/memory-allocation.rst, mm/slub.rst.
#pragma once

#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "base/base.hpp"
#include "page_alloc/page_alloc.hpp"
#include "slab/cache_name.hpp"
#include "slab/node_slabs.hpp"

namespace quire {

class BugReports;
using Constructor = void (*)(void* object);

// What follows from the size of the objects unless it is given.
struct CacheTuning {
  std::optional<std::uint32_t> sheaf_capacity = {};  // objects; 0: CPUs keep none
  std::uint32_t full_sheaves = 10;                   // most of a node's barn
  std::uint32_t empty_sheaves = 10;
  std::optional<std::uint32_t> min_partial = {};     // slabs a node keeps though they are empty
  std::optional<SlabSizing> sizing = {};             // of its slabs
  std::optional<PercpuOffset> cpu_slab = {};         // where its CpuSlabs lie, in 64 bytes
};

struct CacheSpec {
  std::string_view name;  // at most KmemCache::kMaxName bytes
  ObjectShape shape;
  Constructor constructor = nullptr;
  CacheTuning tuning = {};
};

// What all caches of a machine share.
struct SlabParts {
  Host& host;
  MemoryMap& map;
  Nodes& nodes;
  PageAllocator& pages;
  KernelProfile profile;
  BugReports& reports;
};

class KmemCache {
 public:
  static constexpr std::size_t kMaxName = CacheName::kMax;

  [[nodiscard]] void* alloc(Gfp gfp);
  // From `node`, or where that has none from another, unless __GFP_THISNODE.
  [[nodiscard]] void* alloc_node(Gfp gfp, NodeId node);
  // `object` is one of this cache, or of an alias of it.
  void free(void* object);

  // Fills all of `objects` and says so, or none.
  [[nodiscard]] bool alloc_bulk(Gfp gfp, std::span<void*> objects);
  void free_bulk(std::span<void* const> objects);

  // Gives what a CPU keeps back to the slabs; any CPU may do that to any other.
  void drain_cpu(CpuId cpu);
  // The same with all CPUs and barns; then empty slabs go. Returns whether slabs remain.
  bool shrink(bool cpus_keep_theirs = false);

  [[nodiscard]] std::string_view name() const { return name_.text(); }
  [[nodiscard]] const SlabLayout& layout() const { return objects_.layout; }
  [[nodiscard]] const SlabObjects& objects() const { return objects_; }
  [[nodiscard]] SlabFlags flags() const { return objects_.layout.flags; }
  [[nodiscard]] Bytes object_size() const { return Bytes{object_size_}; }
  [[nodiscard]] Constructor constructor() const { return constructor_; }
  [[nodiscard]] std::span<NodeSlabs> nodes() const { return nodes_; }
  [[nodiscard]] NodeSlabs& node(NodeId node) const { return nodes_[index_of(node)]; }
  [[nodiscard]] std::uint32_t cpu_slab_offset() const { return cpu_slab_; }
  [[nodiscard]] CpuSlab& cpu_slab(CpuId cpu) const {
    return percpu_at<CpuSlab>(parts_->nodes.percpu_area(cpu), cpu_slab_);
  }
  [[nodiscard]] bool debugged() const { return any(flags() & SlabFlags::kDebug); }
  [[nodiscard]] const SlabParts& parts() const { return *parts_; }

 private:
  friend class SlabCaches;
  friend class Kmalloc;
  friend struct CacheDebug;
  friend struct CacheFiles;
  // Where a block of memory is wanted from, and who asked.
  struct Want {
    Gfp gfp;
    NodeId node;  // kNoNode: near
    const void* caller;
    std::uint32_t requested = 0;  // bytes that kmalloc was asked for
  };

  [[nodiscard]] CpuSlab& own() const {
    return percpu_at<CpuSlab>(Arch::current()->percpu, cpu_slab_);
  }
  [[nodiscard]] const Page& page_of(const void* object) const {
    const auto page = page_bias_ + ((reinterpret_cast<std::uintptr_t>(object) >> kPageByteShift) &
                                    ~std::uintptr_t{sizeof(Page) - 1});
    return *reinterpret_cast<const Page*>(page);
  }

  [[gnu::noinline]] void* alloc_slow(Gfp gfp, NodeId node);
  [[gnu::noinline]] void free_slow(void* object);
  void* allocate(const Want& want);
  void* alloc_cached(CpuSlab& slab, Gfp gfp);
  void* alloc_from_sheaves(CpuSlab& slab) QUIRE_REQUIRES(slab.lock);
  void refill(CpuSlab& slab) QUIRE_REQUIRES(slab.lock);
  void* alloc_from_slabs(const Want& want);
  void* take_one(const Want& want, NodeSlabs& node);
  void* take_one_locked(const Want& want, NodeSlabs& node) QUIRE_REQUIRES(node.lock);
  void* take_near(const Want& want);
  void* grow(const Want& want);
  Page* new_slab(const Want& want);
  void set_up(Page& head, NodeId node);
  void count_pages(NodeId node, std::int64_t pages) const;

  void free_object(void* object, Page& head, const void* caller);
  bool free_cached(CpuSlab& slab, void* object);
  bool free_to_sheaves(CpuSlab& slab, void* object, DeadSlabs& dead) QUIRE_REQUIRES(slab.lock);
  void make_room(CpuSlab& slab, DeadSlabs& dead) QUIRE_REQUIRES(slab.lock);
  void free_to_slabs(std::span<void* const> objects);
  void bury(DeadSlabs& dead);
  void give_back(Page& head);

  void bring_sheaf(CpuSlab& slab, Gfp gfp);
  Sheaf* new_sheaf(Gfp gfp);
  void drop_sheaf(Sheaf& sheaf);
  void empty_out(Sheaf& sheaf);
  void publish(CpuSlab& slab) QUIRE_REQUIRES(slab.lock) {
    slab.active.store(hot_ && slab.main != nullptr ? slab.main : no_sheaf(),
                      std::memory_order_release);
  }
  void take_sheaves(CpuSlab& slab, std::span<Sheaf*, 2> taken) QUIRE_REQUIRES(slab.lock);
  void drain_barn(NodeSlabs& node);

  static constexpr unsigned kPageByteShift = kPageShift - ffs0(sizeof(Page));

  // What hot paths need.
  std::uint32_t cpu_slab_ = 0;     // offset in per-CPU areas
  std::uint32_t object_size_ = 0;
  std::uintptr_t page_bias_ = 0;   // from a frame's address, divided, to its Page

  SlabObjects objects_;
  const SlabParts* parts_ = nullptr;
  std::span<NodeSlabs> nodes_;
  KmemCache* sheaf_cache_ = nullptr;  // where sheaves come from; null: the cache has none
  std::uint32_t sheaf_capacity_ = 0;
  std::uint32_t full_sheaves_ = 0;
  std::uint32_t empty_sheaves_ = 0;
  std::uint32_t references_ = 0;      // names that stand for it
  bool hot_ = false;                  // hot paths may see sheaves
  bool init_on_alloc_ = false;
  bool init_on_free_ = false;
  std::uint32_t own_cpu_slab_ = 0;    // the place that its slot has there
  Gfp slab_gfp_{};                    // added to what a caller says
  Constructor constructor_ = nullptr;
  KmemCache* next_ = nullptr;         // in SlabCaches
  CacheKnobs knobs_;
  CacheName name_;
};

[[gnu::always_inline]] inline void* KmemCache::alloc(Gfp gfp) {
  void* const object = own().pop();
  if (object == nullptr) [[unlikely]] return alloc_slow(gfp, kNoNode);
  if (any(gfp & Gfp::kZero)) std::memset(object, 0, object_size_);
  return object;
}

[[gnu::always_inline]] inline void* KmemCache::alloc_node(Gfp gfp, NodeId node) {
  CpuSlab& slab = own();
  if (node == kNoNode || node == SlabTag{slab.tag}.node()) [[likely]] return alloc(gfp);
  return alloc_slow(gfp, node);
}

[[gnu::always_inline]] inline void KmemCache::free(void* object) {
  CpuSlab& slab = own();
  if (page_of(object).mapping != slab.tag) [[unlikely]] return free_slow(object);
  if (!slab.push(object)) [[unlikely]] free_slow(object);
}

}  // namespace quire
