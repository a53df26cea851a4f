// All caches of one machine: made, found by name, merged with their like, destroyed.
//
// Ownership  Caches and their nodes' books lie in tables of the host; what a destroyed cache leaves
//            serves the next one. Nothing is taken from the page allocator before the first object.
// Locking    create(), destroy() and find() on a CPU, with no spinlock held; one change at a time.
//            Nobody uses a cache while it is destroyed.
// Errors     create(): kInvalid for a name or shape that makes no sense, kExists for a name that is
//            taken, kNotSupported where no slab holds an object, kNoMemory. With kPanic the machine
//            stops instead. destroy(): kBusy while objects are in use, after a report; the cache
//            goes on then.
// Source     Documentation/core-api/memory-allocation.rst, slab_merge in kernel-parameters.txt.
#pragma once

#include <atomic>

#include "slab/kmem_cache.hpp"
#include "slab/slub_debug.hpp"

namespace quire {

struct SlabSettings {
  SlabSizing sizing;
  SlubDebugOption debug;
  bool merge = true;  // caches that may share slabs do, as Debian's do
};

class SlabCaches {
 public:
  SlabCaches(const SlabParts& parts, const SlabSettings& settings)
      : parts_(parts), settings_(settings), arena_(parts.host) {}
  SlabCaches(const SlabCaches&) = delete;
  SlabCaches& operator=(const SlabCaches&) = delete;

  Result<KmemCache*> create(const CacheSpec& spec);
  Result<void> destroy(KmemCache& cache);
  // Null when there is none of that name.
  [[nodiscard]] KmemCache* find(std::string_view name);

  // Gives back all that a CPU keeps.
  void drain_cpu(CpuId cpu);
  void shrink_all();

  // The newest first, as /proc/slabinfo has them. No cache is made or destroyed meanwhile.
  template <class Visit>
  void for_each(Visit visit) {
    const Turn turn(*this);
    for (KmemCache* cache = newest_; cache != nullptr; cache = cache->next_) visit(*cache);
  }
  // One by one, for whoever cannot keep others from changing the table: the cache of that number,
  // the newest first, and the further name of that number of a cache that has several. Null and
  // empty: no more.
  [[nodiscard]] KmemCache* cache_at(std::size_t number);
  [[nodiscard]] CacheName alias_at(std::size_t number);
  // The caches that sheaves come from, which no file shows.
  template <class Visit>
  void for_each_of_sheaves(Visit visit) {
    for (KmemCache* const cache : sheaf_caches_)
      if (cache != nullptr) visit(*cache);
  }

  [[nodiscard]] const SlabParts& parts() const { return parts_; }
  [[nodiscard]] const SlabSettings& settings() const { return settings_; }

 private:
  // One change of the table at a time; others wait, and may sleep.
  class Turn {
   public:
    explicit Turn(SlabCaches& caches) : caches_(caches) {
      while (caches_.busy_.exchange(true, std::memory_order_acquire)) caches_.parts_.host.yield();
    }
    ~Turn() { caches_.busy_.store(false, std::memory_order_release); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    SlabCaches& caches_;
  };
  struct Alias {
    CacheName name;
    KmemCache* cache;  // null: nobody's, for the next one
    Alias* next;
  };
  static constexpr unsigned kSheafSizes = 8;  // 64 bytes to 8 KiB

  Result<KmemCache*> create_in_turn(const CacheSpec& asked);
  KmemCache* find_in_turn(std::string_view name);
  Result<void> add_alias(std::string_view name, KmemCache& cache);
  KmemCache* mergeable(const CacheSpec& spec, const SlabLayout& layout);
  Result<KmemCache*> make(const CacheSpec& spec, const SlabLayout& layout);
  Result<KmemCache*> new_slot();
  Result<void> give_sheaves(KmemCache& cache, std::uint32_t capacity);
  void open(KmemCache& cache);

  const SlabParts parts_;
  const SlabSettings settings_;
  Arena arena_;
  std::atomic<bool> busy_ = false;
  std::uint64_t secrets_ = 0;
  KmemCache* newest_ = nullptr;
  Alias* aliases_ = nullptr;
  KmemCache* vacant_ = nullptr;  // slots of caches that were destroyed
  std::array<KmemCache*, kSheafSizes> sheaf_caches_{};
};

}  // namespace quire
