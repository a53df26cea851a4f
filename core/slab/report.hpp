// What the machine's log says when a cache cannot do what it was asked to, in Linux's words.
//
// Locking  Called without locks.
#pragma once

#include "slab/kmem_cache.hpp"

namespace quire {

// "SLUB: Unable to allocate memory", unless the caller wants none.
void report_out_of_memory(const KmemCache& cache, Gfp gfp, NodeId node);
// Freed to `cache`, but in no slab.
void report_no_slab(const KmemCache& cache, const void* object);
// Freed to `cache`, but of `owner`.
void report_wrong_cache(const KmemCache& cache, const KmemCache& owner);
// kfree() of what kmalloc never gave.
void report_bad_kfree(Host& host, const void* memory);
// Destroyed, but in use.
void report_remaining(const KmemCache& cache);

}  // namespace quire
