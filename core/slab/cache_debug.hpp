// Caches whose objects are looked at: how they leave their slabs and come back, one at a time, and
// what is told of caches besides.
//
// Locking  Functions that take a NodeSlabs want its lock held; the others take locks themselves.
#pragma once

#include "slab/debug.hpp"
#include "slab/kmem_cache.hpp"

namespace quire {

struct CacheDebug {
  // An object of a slab on the node's list; null: there is none.
  static void* take(KmemCache& cache, NodeSlabs& node, const KmemCache::Want& want)
      QUIRE_REQUIRES(node.lock);
  // What somebody gives back, in the slab of `head`, which is one of the cache's.
  static void free(KmemCache& cache, Page& head, void* object, const void* caller);
  // Reports that a list of free objects led astray in a cache that is not debugged.
  static void tell_broken_list(KmemCache& cache, NodeSlabs& node, const void* caller)
      QUIRE_REQUIRES(node.lock);
  // Reports that an object came back to a slab where it was free, and was passed over.
  static void tell_freed_twice(KmemCache& cache, NodeSlabs& node) QUIRE_REQUIRES(node.lock);

  // Looks at all objects of the slabs that nodes list. Errors: kInvalid, the cache is not debugged.
  static Result<void> validate(KmemCache& cache);
  // Lists what is in use in a cache that somebody wants destroyed.
  static void list_remaining(KmemCache& cache, const void* caller);
  // Calls visit(const Page& head, void* object) for each object in use of the slabs that a node
  // lists, until that is false; whether it never was.
  template <class Visit>
  static bool for_each_used(const KmemCache& cache, NodeSlabs& node, Visit visit);

 private:
  static void validate(KmemCache& cache, NodeSlabs& node, PageList& slabs)
      QUIRE_REQUIRES(node.lock);
};

template <class Visit>
bool CacheDebug::for_each_used(const KmemCache& cache, NodeSlabs& node, Visit visit) {
  const SlabObjects& objects = cache.objects_;
  const SpinGuard guard(node.lock);
  for (const PageList* const list : {&node.partial, &node.full}) {
    for (PageIndex at = list->front(); at != PageIndex::kNone;
         at = PageIndex{objects.pages.at(at).next}) {
      Page& head = objects.pages.at(at);
      const SlabCase slab{objects, cache.name(), head, nullptr};
      for (std::uint32_t i = 0; i < head.carved; ++i) {
        void* const object = objects.object_at(head, i);
        if (SlabDebug::is_used(slab, object) && !visit(head, object)) return false;
      }
    }
  }
  return true;
}

}  // namespace quire
