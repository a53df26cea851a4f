// The VMAs of one address space by address: a B-tree in which each entry knows where what is below
// it ends, and the longest gap before one of the VMAs below it.
//
// Invariants  I1  VMAs do not overlap; Vma::previous and next link them in ascending order.
//             I2  All leaves are equally deep; no node but the root is empty.
//             I3  An entry's `end` is that of the last VMA below it; its `gap` is exactly the
//                 longest distance between a VMA below it and the end of the VMA before that (or
//                 the floor, address 0).
// Ownership   Nodes are the tree's, VMAs their owner's. Nodes come from a cache.
// Locking     Changes exclude each other (mmap_lock), and make each step with lock() held: who has
//             it may find VMAs meanwhile (VmaReadGuard). Others exclude changes.
// Errors      insert(): kNoMemory, with nothing changed. reserve() makes sure that the next inserts
//             find their nodes: calls that change several VMAs fail before they begin.
// Cost        O(log n); find() reads up to three cache lines a level: bench vma.lookup. A node that
//             loses entries is not merged with its neighbours: it goes when it is empty.
// Source      What Linux calls a maple tree serves the same purpose:
//             Documentation/core-api/maple_tree.rst.
#pragma once

#include "base/base.hpp"
#include "host/host.hpp"
#include "slab/slab.hpp"
#include "vma/vm_area.hpp"
#include "vma/vma_node.hpp"

namespace quire {

class VmaTree {
 public:
  explicit VmaTree(KmemCache& nodes) : nodes_(nodes) {}
  ~VmaTree();  // of an empty tree
  VmaTree(const VmaTree&) = delete;
  VmaTree& operator=(const VmaTree&) = delete;

  // The objects that `nodes` has.
  [[nodiscard]] static CacheSpec node_cache() {
    constexpr std::uint32_t kSize = sizeof(VmaNode);
    return {.name = "maple_node",
            .shape = {.size = kSize, .align = kSize, .flags = SlabFlags::kPanic}};
  }

  // The first VMA that ends after `at`; null when there is none (find_vma).
  [[nodiscard]] Vma* find(VirtAddr at) const;
  // The VMA that `at` lies in; null when it is in none (vma_lookup).
  [[nodiscard]] Vma* at(VirtAddr at) const {
    Vma* const vma = find(at);
    return vma != nullptr && vma->range.start <= at ? vma : nullptr;
  }
  [[nodiscard]] SpinLock& lock() const { return lock_; }
  [[nodiscard]] Vma* first() const { return first_; }
  [[nodiscard]] Vma* last() const { return last_; }
  [[nodiscard]] std::uint32_t count() const { return count_; }

  // Makes the next `inserts` calls of insert() sure to have their nodes, and forgets what was
  // reserved before: 0 gives it back. Errors: kNoMemory, with nothing changed.
  Result<void> reserve(unsigned inserts);
  // `vma` overlaps none that is here. Errors: kNoMemory.
  Result<void> insert(Vma& vma);
  void remove(Vma& vma);
  // Changes where `vma` begins and ends; it still overlaps none, and lies between its neighbours.
  void resize(Vma& vma, VirtRange range);
  // Puts `by`, which has the same range and is in no tree, in the place of `vma`.
  void replace(Vma& vma, Vma& by);

  // Where in `within` a range of `size` could lie that overlaps no VMA, the lowest or the highest
  // such place. Errors: kNoMemory: nowhere. `size` is in whole pages and not 0.
  [[nodiscard]] Result<VirtAddr> lowest_gap(VirtRange within, Bytes size) const;
  [[nodiscard]] Result<VirtAddr> highest_gap(VirtRange within, Bytes size) const;

  // What is wrong with the structure, in plain words; null when nothing is.
  [[nodiscard]] const char* fault() const;

 private:
  enum class Way : bool { kUp, kDown };

  Result<void> fill_spares(std::uint32_t wanted);
  void trim_spares();
  VmaNode& take_spare(bool leaf);
  void keep_spare(VmaNode& node);
  void insert_locked(Vma& vma, Vma* next, Vma* previous) QUIRE_REQUIRES(lock_);
  void remove_locked(Vma& vma) QUIRE_REQUIRES(lock_);
  void put(VmaNode* node, unsigned place, VmaNode::Entry entry);
  void grow();
  void shrink();
  void refresh(const Vma& vma);
  void refresh_up(VmaNode& node);
  static Vma* nearest_with_gap(const Vma& from, Bytes size, Way way);

  KmemCache& nodes_;
  mutable SpinLock lock_{LockRank::kVmaTree};
  VmaNode* root_ = nullptr;
  std::uint32_t depth_ = 0;     // levels of nodes
  std::uint32_t count_ = 0;
  VirtAddr end_{};              // of the last VMA
  Vma* first_ = nullptr;
  Vma* last_ = nullptr;
  VmaNode* spare_ = nullptr;    // linked by their parent
  std::uint32_t spares_ = 0;
  std::uint32_t reserved_ = 0;  // inserts
};

// Something ends after `at`, so each node on the way has an entry that does.
[[gnu::always_inline]] inline Vma* VmaTree::find(VirtAddr at) const {
  if (end_ <= at) return nullptr;
  const VmaNode* node = root_;
  for (std::uint32_t level = depth_;; --level) {
    const VmaNode::Key* key = node->keys.data();
    while (key->end <= at) ++key;
    if (level == 1) return key->below.vma;
    node = key->below.node;
  }
}

}  // namespace quire
