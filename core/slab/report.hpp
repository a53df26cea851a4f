// What the machine's log says when a cache cannot do what it was asked to, in Linux's words.
//
// Locking  Called without locks.
#pragma once

#include "slab/kmem_cache.hpp"

namespace quire {

// "SLUB: Unable to allocate memory", unless the caller wants none.
void report_out_of_memory(const KmemCache& cache, Gfp gfp, NodeId node);
// No cache could be made.
void report_no_cache(const SlabParts& parts, const CacheSpec& spec, Errno error);

// Something that somebody frees, and who does.
struct Freed {
  const void* object;
  const void* caller;
};
// Freed to `cache`, but in no slab.
void report_no_slab(const KmemCache& cache, const void* caller);
// Freed to `cache`, but of `owner`, which gets it.
void report_wrong_cache(const KmemCache& cache, const KmemCache& owner, const Freed& freed);
// kfree() of what kmalloc never gave.
void report_bad_kfree(const SlabParts& parts, const Freed& freed);
// Destroyed, but in use.
void report_remaining(KmemCache& cache, const void* caller);

}  // namespace quire
