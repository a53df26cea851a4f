// What files of /proc and /sys show of a cache beyond its layout, and what can be written there.
//
// Locking  Takes the locks of nodes for a moment each: sums of a cache in use are of no one moment.
#pragma once

#include <optional>

#include "slab/kmem_cache.hpp"

namespace quire {

// Objects and slabs of a cache on one node. What CPUs keep counts as in use.
struct SlabCounts {
  std::uint64_t slabs = 0;
  std::uint64_t objects = 0;          // in use or free
  std::uint64_t used = 0;
  std::uint64_t partial = 0;          // slabs with free objects
  std::uint64_t used_of_partial = 0;

  SlabCounts& operator+=(const SlabCounts& other);
};

struct CacheFiles {
  static SlabCounts count(const KmemCache& cache, NodeId node);
  // Of all nodes.
  static SlabCounts count(const KmemCache& cache);

  // Further names that stand for the cache.
  static std::uint32_t aliases(const KmemCache& cache);

  static std::uint64_t min_partial(const KmemCache& cache);
  static void set_min_partial(KmemCache& cache, std::uint64_t slabs);
  // Kept and shown: what CPUs keep is in sheaves, which have limits of their own.
  static std::uint32_t cpu_partial(const KmemCache& cache);
  // kInvalid: objects of this cache are looked at, and CPUs keep none.
  static Result<void> set_cpu_partial(KmemCache& cache, std::uint32_t objects);
  static std::uint32_t defrag_ratio(const KmemCache& cache);
  // 0: slabs of other nodes are left alone while the node can have new ones. kRange: above 100.
  static Result<void> set_defrag_ratio(KmemCache& cache, std::uint32_t percent);

  // The directory of a cache that may be merged, ":a-0000064"; others have their name.
  static void write_directory(const KmemCache& cache, Text& out);
};

}  // namespace quire
