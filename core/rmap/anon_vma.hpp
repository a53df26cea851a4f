// From an anonymous page to the VMAs that may map it (anon_vma).
//
// A page belongs to the AnonVma of the VMA that it was first mapped in. A VMA is linked to that
// AnonVma and, after forks, to those of its ancestors, each by an AnonVmaChain; an AnonVma has a
// tree of its chains by page offset, so that all VMAs which may map a page are found by the page's
// offset. A child's VMA gets an AnonVma of its own for the pages that it will make.
//
// Ownership  An AnonVma lives while a chain or a child of it does. Chains are their VMA's.
// Locking    A family of AnonVmas (a root and what was forked from it) has one lock, its root's.
//            Vma::chains and Vma::anon_vma: mmap_lock exclusive; shared, prepare() alone sets the
//            first one, with the family's lock.
// Errors     kNoMemory: then nothing has changed.
// Source     Documentation/mm/ (reverse mapping); rules of sharing after fork as /proc/kpagecount
//            and faults of recorded runs show them.
#pragma once

#include "base/base.hpp"
#include "host/host.hpp"
#include "slab/slab.hpp"
#include "vma/vma.hpp"

namespace quire {

class AnonVma {
 public:
  explicit AnonVma(AnonVma* parent_or_null)
      : root(parent_or_null == nullptr ? this : parent_or_null->root),
        parent(parent_or_null == nullptr ? this : parent_or_null) {}

  [[nodiscard]] SpinLock& lock() const { return root->lock_; }

  AnonVma* const root;
  AnonVma* const parent;      // of the root: itself
  std::uint32_t children = 0;  // AnonVmas that have this as their parent
  std::uint32_t active = 0;    // VMAs whose anon_vma this is
  std::uint32_t references = 0;  // chains, children; of a root also its family's
  IntervalTree chains;

 private:
  mutable SpinLock lock_{LockRank::kAnonVma};
};

struct AnonVmaChain : IntervalNode {
  Vma* vma = nullptr;
  AnonVma* anon_vma = nullptr;
  AnonVmaChain* next = nullptr;  // of the same VMA
};

class AnonVmas {
 public:
  // The caches "anon_vma" and "anon_vma_chain".
  AnonVmas(KmemCache& anon_vmas, KmemCache& chains) : anon_vmas_(anon_vmas), chains_(chains) {}

  // Makes sure that `vma`, whose pages are to be made, has an AnonVma: a neighbour's, if the two
  // could be merged, else a new one. mmap_lock is held at least shared,
  // or where it has one already, the VMA's own lock.
  Result<void> prepare(Vma& vma) {
    if (__atomic_load_n(&vma.anon_vma, __ATOMIC_ACQUIRE) != nullptr) [[likely]] return {};
    return prepare_first(vma);
  }
  // Links `to` with all that `from` is linked with: `to` is the same pages (split, copy).
  Result<void> clone(Vma& to, const Vma& from);
  // `child` is what fork makes of `parent`.
  Result<void> fork(Vma& child, const Vma& parent);
  // Takes `vma` out of all trees.
  void unlink(Vma& vma);

  // Before a VMA's range or offset changes, and after it.
  void before_change(Vma& vma);
  void after_change(Vma& vma);

 private:
  Result<void> prepare_first(Vma& vma);
  Result<AnonVmaChain*> new_chain();
  Result<AnonVma*> new_anon_vma(AnonVma* parent);
  static void link(AnonVmaChain& chain, Vma& vma, AnonVma& anon_vma);
  Result<void> inherit(Vma& to, const Vma& from);
  static void settle(Vma& vma, AnonVma& anon_vma);
  void drop(AnonVma& anon_vma);

  KmemCache& anon_vmas_;
  KmemCache& chains_;
};

}  // namespace quire
