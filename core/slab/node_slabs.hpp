// What one node keeps of one cache: its slabs with free objects, and a barn of full and empty
// sheaves, which CPUs of the node exchange theirs against before anyone touches a slab.
//
// Lists    A slab is on `partial` as long as it has a free object, empty ones included; the rest
//          is on no list, or on `full` where the cache asks for that (kStoreUser).
// Locking  lock guards everything, and the books of the node's slabs. Nothing is called out.
// Cost     Constant per object and slab.
#pragma once

#include <span>

#include "slab/slab_objects.hpp"

namespace quire {

// Slabs that nobody uses any more, to be given back when no lock is held.
class DeadSlabs {
 public:
  void add(PageArray pages, Page& head) { list_.push_back(pages, pages.index_of(head)); }
  [[nodiscard]] bool empty() const { return list_.empty(); }
  PageIndex pop(PageArray pages) { return list_.pop_front(pages); }

 private:
  PageList list_;
};

struct alignas(64) NodeSlabs {
  SpinLock lock{LockRank::kSlabNode};
  std::uint32_t nr_partial QUIRE_GUARDED_BY(lock) = 0;
  PageList partial QUIRE_GUARDED_BY(lock);
  PageList full QUIRE_GUARDED_BY(lock);
  std::uint64_t nr_slabs QUIRE_GUARDED_BY(lock) = 0;
  std::uint64_t total_objects QUIRE_GUARDED_BY(lock) = 0;
  Sheaf* full_sheaves QUIRE_GUARDED_BY(lock) = nullptr;
  Sheaf* empty_sheaves QUIRE_GUARDED_BY(lock) = nullptr;
  std::uint32_t nr_full_sheaves QUIRE_GUARDED_BY(lock) = 0;
  std::uint32_t nr_empty_sheaves QUIRE_GUARDED_BY(lock) = 0;
  // What was found and nobody was told yet: a slab whose list leads astray; an object that was put
  // back while it was free.
  Page* broken QUIRE_GUARDED_BY(lock) = nullptr;
  void* freed_twice QUIRE_GUARDED_BY(lock) = nullptr;
  // Of the cache; written while nobody else uses it.
  bool lists_full = false;
  bool keeps_empty = false;       // slabs go only when the cache is shrunk (kTypesafeByRcu)
  std::uint64_t min_partial = 0;  // slabs that stay though they are empty; changed under the lock

  // Takes objects out of partial slabs; returns how many.
  std::uint32_t take(const SlabObjects& objects, std::span<void*> out) QUIRE_REQUIRES(lock);
  // Puts an object back into its slab, which may be dead then.
  void put(const SlabObjects& objects, Page& head, void* object, DeadSlabs& dead)
      QUIRE_REQUIRES(lock);
  // A new slab, whose objects are all free.
  void add(const SlabObjects& objects, Page& head) QUIRE_REQUIRES(lock);
  // Takes all empty slabs off the list, and lists the fullest first.
  void shrink(const SlabObjects& objects, DeadSlabs& dead) QUIRE_REQUIRES(lock);
  // The slab's free objects were abandoned (SlabObjects::abandon); it is still listed.
  void forget_free(const SlabObjects& objects, Page& head) QUIRE_REQUIRES(lock);
  // Free objects in slabs.
  [[nodiscard]] std::uint64_t free_objects(const SlabObjects& objects) const QUIRE_REQUIRES(lock);

  [[nodiscard]] Sheaf* take_full() QUIRE_REQUIRES(lock) {
    return take_sheaf(full_sheaves, nr_full_sheaves);
  }
  [[nodiscard]] Sheaf* take_empty() QUIRE_REQUIRES(lock) {
    return take_sheaf(empty_sheaves, nr_empty_sheaves);
  }
  void put_full(Sheaf& sheaf) QUIRE_REQUIRES(lock) {
    put_sheaf(full_sheaves, nr_full_sheaves, sheaf);
  }
  void put_empty(Sheaf& sheaf) QUIRE_REQUIRES(lock) {
    put_sheaf(empty_sheaves, nr_empty_sheaves, sheaf);
  }

 private:
  static Sheaf* take_sheaf(Sheaf*& top, std::uint32_t& count) {
    Sheaf* const sheaf = top;
    if (sheaf == nullptr) return nullptr;
    top = sheaf->next;
    --count;
    return sheaf;
  }
  static void put_sheaf(Sheaf*& top, std::uint32_t& count, Sheaf& sheaf) {
    sheaf.next = top;
    top = &sheaf;
    ++count;
  }
  void bury(const SlabObjects& objects, Page& head, DeadSlabs& dead) QUIRE_REQUIRES(lock);
};

}  // namespace quire
