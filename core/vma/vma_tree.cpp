#include "vma/vma_tree.hpp"

#include <new>

namespace quire {
namespace {

VirtAddr gap_start(const Vma& vma) {
  return vma.previous == nullptr ? VirtAddr{} : vma.previous->range.end;
}
Bytes gap_before(const Vma& vma) { return vma.range.start - gap_start(vma); }

// What its leaf says of `vma`, which is there at `place`.
void set_ends(const Vma& vma, unsigned place) {
  vma.leaf->keys[place].end = vma.range.end;
  vma.leaf->gaps[place] = gap_before(vma);
}

// The nodes that an entry more in `leaf` takes: one beside each that is full, and a new root.
std::uint32_t nodes_to_grow(const VmaNode* leaf) {
  std::uint32_t nodes = 0;
  for (; leaf != nullptr; leaf = leaf->parent, ++nodes)
    if (!leaf->full()) return nodes;
  return nodes + 1;
}

// What a walk through the leaves has come to.
struct Walk {
  const Vma* previous = nullptr;
  const Vma* next;
  std::uint32_t count = 0;
};

const char* fault_of_leaf(const VmaNode& leaf, Walk& walk) {
  for (unsigned i = 0; i < leaf.count; ++i) {
    const Vma* const vma = leaf.keys[i].below.vma;
    if (vma != walk.next || vma == nullptr) return "VMAs are linked in another order";
    if (vma->previous != walk.previous) return "a VMA follows another one than it says";
    if (vma->leaf != &leaf) return "a VMA is in another leaf than it says";
    if (vma->range.empty()) return "a VMA is empty";
    if (gap_start(*vma) > vma->range.start) return "two VMAs overlap";
    if (leaf.keys[i].end != vma->range.end) return "a VMA ends elsewhere than its leaf says";
    if (leaf.gaps[i] != gap_before(*vma)) return "a leaf has another gap than there is";
    walk = {vma, vma->next, walk.count + 1};
  }
  return nullptr;
}

// `level` counts from 1, the leaves.
const char* fault_of(const VmaNode& node, std::uint32_t level, Walk& walk) {
  if (node.count == 0 || node.count > VmaNode::kMax) return "a node is empty or overfull";
  if (node.leaf != (level == 1)) return "leaves are not equally deep";
  if (node.leaf) return fault_of_leaf(node, walk);
  for (unsigned i = 0; i < node.count; ++i) {
    VmaNode& below = *node.keys[i].below.node;
    if (below.parent != &node) return "a node has another parent";
    if (const char* const fault = fault_of(below, level - 1, walk)) return fault;
    const VmaNode::Entry now = below.summary();
    if (node.keys[i].end != now.key.end) return "a node ends elsewhere than its parent says";
    if (node.gaps[i] != now.gap) return "a node has another longest gap than its parent says";
  }
  return nullptr;
}

}  // namespace

VmaTree::~VmaTree() {
  QUIRE_ASSERT(root_ == nullptr);
  reserved_ = 0;
  trim_spares();
}

Result<void> VmaTree::fill_spares(std::uint32_t wanted) {
  while (spares_ < wanted) {
    void* const memory = nodes_.alloc(Gfp::kKernel);
    if (memory == nullptr) {
      trim_spares();
      return Errno::kNoMemory;
    }
    keep_spare(*new (memory) VmaNode);
  }
  return {};
}

void VmaTree::keep_spare(VmaNode& node) {
  node.parent = spare_;
  spare_ = &node;
  ++spares_;
}

// An insert splits a node a level and may add a level. As a root that was split takes further
// inserts to fill, `reserved_` of them need no more than `reserved_` times that.
void VmaTree::trim_spares() {
  while (spares_ > reserved_ * (depth_ + 1)) nodes_.free(&take_spare(false));
}

VmaNode& VmaTree::take_spare(bool leaf) {
  VmaNode& node = *spare_;
  spare_ = node.parent;
  --spares_;
  node.parent = nullptr;
  node.leaf = leaf;
  node.count = 0;
  return node;
}

Result<void> VmaTree::reserve(unsigned inserts) {
  QUIRE_TRY(fill_spares(inserts * (depth_ + 1)));
  reserved_ = inserts;
  trim_spares();
  return {};
}

Result<void> VmaTree::insert(Vma& vma) {
  Vma* const next = find(vma.range.start);
  Vma* const previous = next == nullptr ? last_ : next->previous;
  QUIRE_ASSERT(!vma.range.empty() && (next == nullptr || vma.range.end <= next->range.start));
  const Vma* const beside = next == nullptr ? last_ : next;
  QUIRE_TRY(fill_spares(nodes_to_grow(beside == nullptr ? nullptr : beside->leaf)));
  {
    const SpinGuard guard(lock_);
    insert_locked(vma, next, previous);
  }
  if (reserved_ > 0) --reserved_;
  trim_spares();
  return {};
}

void VmaTree::insert_locked(Vma& vma, Vma* next, Vma* previous) {
  const Vma* const beside = next == nullptr ? last_ : next;
  VmaNode* const leaf = beside == nullptr ? nullptr : beside->leaf;
  vma.previous = previous;
  vma.next = next;
  (previous == nullptr ? first_ : previous->next) = &vma;
  (next == nullptr ? last_ : next->previous) = &vma;
  ++count_;
  if (leaf == nullptr) {
    root_ = &take_spare(true);
    depth_ = 1;
  }
  VmaNode& into = leaf == nullptr ? *root_ : *leaf;
  const unsigned place = next == nullptr ? into.count : into.place_of(*next);
  if (next != nullptr) into.gaps[place] = gap_before(*next);
  put(&into, place, {{vma.range.end, {.vma = &vma}}, gap_before(vma)});
}

// Inserts into a node, which is split if it is full: then its parent has one entry more, and so on.
void VmaTree::put(VmaNode* node, unsigned place, VmaNode::Entry entry) {
  while (node->full()) {
    VmaNode& right = take_spare(node->leaf);
    node->split_into(right);
    if (place <= node->count)
      node->insert(place, entry);
    else
      right.insert(place - node->count, entry);
    if (node->parent == nullptr) grow();
    VmaNode* const parent = node->parent;
    place = parent->place_of(*node);
    parent->set(place++, node->summary());
    entry = right.summary();
    node = parent;
  }
  node->insert(place, entry);
  refresh_up(*node);
}

void VmaTree::grow() {
  VmaNode& root = take_spare(false);
  root.insert(0, root_->summary());
  root_ = &root;
  ++depth_;
}

void VmaTree::remove(Vma& vma) {
  {
    const SpinGuard guard(lock_);
    remove_locked(vma);
  }
  trim_spares();
}

void VmaTree::remove_locked(Vma& vma) {
  VmaNode* node = vma.leaf;
  (vma.previous == nullptr ? first_ : vma.previous->next) = vma.next;
  (vma.next == nullptr ? last_ : vma.next->previous) = vma.previous;
  --count_;
  if (vma.next != nullptr) refresh(*vma.next);
  node->erase(node->place_of(vma));
  vma.previous = vma.next = nullptr;
  vma.leaf = nullptr;
  while (node->count == 0 && node->parent != nullptr) {
    VmaNode* const parent = node->parent;
    parent->erase(parent->place_of(*node));
    keep_spare(*node);
    node = parent;
  }
  if (node->count != 0) refresh_up(*node);
  shrink();
}

// A root of one node is not needed, nor one of nothing.
void VmaTree::shrink() {
  while (root_ != nullptr && root_->count <= (root_->leaf ? 0u : 1u)) {
    VmaNode* const root = root_;
    root_ = root->leaf ? nullptr : root->keys[0].below.node;
    if (root_ == nullptr)
      end_ = VirtAddr{};
    else
      root_->parent = nullptr;
    keep_spare(*root);
    --depth_;
  }
}

void VmaTree::resize(Vma& vma, VirtRange range) {
  QUIRE_ASSERT(!range.empty() && gap_start(vma) <= range.start);
  QUIRE_ASSERT(vma.next == nullptr || range.end <= vma.next->range.start);
  const SpinGuard guard(lock_);
  vma.range = range;
  const unsigned place = vma.leaf->place_of(vma);
  set_ends(vma, place);
  if (Vma* const next = vma.next; next != nullptr) {
    if (next->leaf == vma.leaf)
      set_ends(*next, place + 1);
    else
      refresh(*next);
  }
  refresh_up(*vma.leaf);
}

void VmaTree::replace(Vma& vma, Vma& by) {
  QUIRE_ASSERT(by.range == vma.range);
  const SpinGuard guard(lock_);
  by.previous = vma.previous;
  by.next = vma.next;
  (by.previous == nullptr ? first_ : by.previous->next) = &by;
  (by.next == nullptr ? last_ : by.next->previous) = &by;
  VmaNode& leaf = *vma.leaf;
  const unsigned place = leaf.place_of(vma);
  leaf.set(place, {{by.range.end, {.vma = &by}}, leaf.gaps[place]});
  vma.previous = vma.next = nullptr;
  vma.leaf = nullptr;
}

// Where `vma` ends or what is before it has changed.
void VmaTree::refresh(const Vma& vma) {
  set_ends(vma, vma.leaf->place_of(vma));
  refresh_up(*vma.leaf);
}

void VmaTree::refresh_up(VmaNode& node) {
  const VmaNode::Entry now = node.summary();
  VmaNode* const parent = node.parent;
  if (parent == nullptr) {
    end_ = now.key.end;
    return;
  }
  const unsigned place = parent->place_of(node);
  if (parent->keys[place].end == now.key.end && parent->gaps[place] == now.gap) return;
  parent->set(place, now);
  refresh_up(*parent);
}

// The nearest VMA above or below `from` that has a gap of at least `size` before it; null: none.
Vma* VmaTree::nearest_with_gap(const Vma& from, Bytes size, Way way) {
  const unsigned step = way == Way::kUp ? 1 : ~0u;  // from the lowest place down is past all
  const VmaNode* node = from.leaf;
  unsigned place = node->place_of(from) + step;
  for (;;) {
    while (place < node->count && node->gaps[place] < size) place += step;
    if (place < node->count) {
      if (node->leaf) return node->keys[place].below.vma;
      node = node->keys[place].below.node;
      place = way == Way::kUp ? 0 : node->count - 1;
    } else {
      if (node->parent == nullptr) return nullptr;
      place = node->parent->place_of(*node) + step;
      node = node->parent;
    }
  }
}

// The gap that the range begins in may have its beginning outside; those above it do not.
Result<VirtAddr> VmaTree::lowest_gap(VirtRange within, Bytes size) const {
  if (within.empty() || within.length() < size) return Errno::kNoMemory;
  const VirtAddr highest = within.end - size;
  const Vma* vma = find(within.start);
  VirtAddr start = within.start;
  if (vma != nullptr && vma->range.start < start + size) {
    vma = nearest_with_gap(*vma, size, Way::kUp);
    start = vma == nullptr ? end_ : gap_start(*vma);
  }
  if (start > highest) return Errno::kNoMemory;
  return start;
}

// As well, from the other end.
Result<VirtAddr> VmaTree::highest_gap(VirtRange within, Bytes size) const {
  if (within.empty() || within.length() < size) return Errno::kNoMemory;
  VirtAddr end = within.end;
  const Vma* vma = find(end - Bytes{1});
  if (vma == nullptr && end - end_ < size) vma = last_;
  if (vma != nullptr) {
    end = min_of(end, vma->range.start);
    if (end - gap_start(*vma) < size) {
      vma = nearest_with_gap(*vma, size, Way::kDown);
      if (vma == nullptr) return Errno::kNoMemory;
      end = vma->range.start;
    }
  }
  if (end < within.start + size) return Errno::kNoMemory;
  return end - size;
}

const char* VmaTree::fault() const {
  Walk walk{.next = first_};
  if (root_ != nullptr) {
    if (root_->parent != nullptr) return "a node has another parent";
    if (const char* const fault = fault_of(*root_, depth_, walk)) return fault;
  }
  if (walk.next != nullptr) return "a VMA is in no leaf";
  if (walk.previous != last_) return "another VMA is the last";
  if (end_ != (last_ == nullptr ? VirtAddr{} : last_->range.end)) return "the end is elsewhere";
  if (walk.count != count_) return "VMAs are miscounted";
  if (spares_ != 0 && reserved_ == 0) return "spare nodes are kept for nobody";
  return nullptr;
}

}  // namespace quire
