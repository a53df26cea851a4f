#include "filemap/radix_tree.hpp"

#include <new>

namespace quire {

namespace {
constexpr unsigned kBits = 6;
constexpr unsigned kSlots = 1u << kBits;
}  // namespace

struct RadixNode {
  RadixNode* parent = nullptr;
  std::uint8_t shift = 0;   // of an index, so that its low six bits are the slot; 0: a leaf
  std::uint8_t offset = 0;  // in its parent
  std::uint16_t count = 0;  // slots that are not 0
  std::array<std::uint64_t, RadixTree::kMarks> marks{};
  std::array<std::uint64_t, kSlots> slots{};  // entries of a leaf, else nodes

  [[nodiscard]] unsigned slot_of(std::uint64_t index) const {
    return static_cast<unsigned>(index >> shift) & (kSlots - 1);
  }
  // The last index that a tree with this node on top has room for.
  [[nodiscard]] std::uint64_t last() const {
    return shift + kBits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << (shift + kBits)) - 1;
  }
  [[nodiscard]] RadixNode* child(unsigned slot) const {
    return reinterpret_cast<RadixNode*>(slots.data()[slot]);
  }
  void set_child(unsigned slot, RadixNode* node) {
    slots.data()[slot] = reinterpret_cast<std::uintptr_t>(node);
    node->parent = this;
    node->offset = static_cast<std::uint8_t>(slot);
    ++count;
  }
};
static_assert(sizeof(RadixNode) <= RadixTree::kNodeSize);

namespace {

// Of the entry at `index` of a leaf, and of the nodes above that have no other.
void clear_up(RadixNode* node, std::uint64_t index, unsigned mark) {
  for (; node != nullptr; node = node->parent) {
    std::uint64_t& bits = node->marks.data()[mark];
    bits &= ~(std::uint64_t{1} << node->slot_of(index));
    if (bits != 0) return;
  }
}

}  // namespace

RadixNode* RadixTree::new_node(unsigned shift) const {
  void* const memory = nodes_->alloc(Gfp::kNoWait | Gfp::kNoWarn);
  if (memory == nullptr) return nullptr;
  RadixNode* const node = new (memory) RadixNode;
  node->shift = static_cast<std::uint8_t>(shift);
  return node;
}

RadixNode* RadixTree::leaf_of(std::uint64_t index) const {
  RadixNode* node = root_;
  if (node == nullptr || index > node->last()) return nullptr;
  while (node != nullptr && node->shift != 0) node = node->child(node->slot_of(index));
  return node;
}

std::uint64_t RadixTree::load(std::uint64_t index) const {
  const RadixNode* const leaf = leaf_of(index);
  return leaf == nullptr ? 0 : leaf->slots.data()[leaf->slot_of(index)];
}

// Puts nodes on top until `index` has a place.
bool RadixTree::grow(std::uint64_t index) {
  if (root_ == nullptr) root_ = new_node(0);
  while (root_ != nullptr && index > root_->last()) {
    if (root_->count == 0) {
      root_->shift = static_cast<std::uint8_t>(root_->shift + kBits);
      continue;
    }
    RadixNode* const top = new_node(root_->shift + kBits);
    if (top == nullptr) return false;
    for (unsigned mark = 0; mark < kMarks; ++mark)
      top->marks.data()[mark] = root_->marks.data()[mark] != 0 ? 1 : 0;
    top->set_child(0, root_);
    root_ = top;
  }
  return root_ != nullptr;
}

// The leaf of `index`, with all nodes on the way. Null: no memory, and no empty node stays.
RadixNode* RadixTree::grow_down(std::uint64_t index) {
  RadixNode* node = root_;
  while (node->shift != 0) {
    const unsigned slot = node->slot_of(index);
    if (node->child(slot) == nullptr) {
      RadixNode* const made = new_node(node->shift - kBits);
      if (made == nullptr) {
        drop_if_empty(node);
        return nullptr;
      }
      node->set_child(slot, made);
    }
    node = node->child(slot);
  }
  return node;
}

Result<void> RadixTree::store(Index at, std::uint64_t value) {
  const auto index = static_cast<std::uint64_t>(at);
  if (!grow(index)) return Errno::kNoMemory;
  RadixNode* const leaf = grow_down(index);
  if (leaf == nullptr) return Errno::kNoMemory;
  std::uint64_t& slot = leaf->slots.data()[leaf->slot_of(index)];
  leaf->count = static_cast<std::uint16_t>(leaf->count + (slot == 0 ? 1 : 0));
  slot = value;
  return {};
}

void RadixTree::erase(std::uint64_t index) {
  RadixNode* const leaf = leaf_of(index);
  if (leaf == nullptr) return;
  const unsigned slot = leaf->slot_of(index);
  if (leaf->slots.data()[slot] == 0) return;
  for (unsigned mark = 0; mark < kMarks; ++mark) clear_up(leaf, index, mark);
  leaf->slots.data()[slot] = 0;
  --leaf->count;
  drop_if_empty(leaf);
}

// Frees `node` and those above that have nothing else below; the tree gets as low as it can be.
void RadixTree::drop_if_empty(RadixNode* node) {
  while (node != nullptr && node->count == 0) {
    RadixNode* const parent = node->parent;
    if (parent == nullptr) {
      root_ = nullptr;
    } else {
      parent->slots.data()[node->offset] = 0;
      --parent->count;
    }
    nodes_->free(node);
    node = parent;
  }
  while (root_ != nullptr && root_->shift != 0 && root_->count == 1 && root_->child(0) != nullptr) {
    RadixNode* const top = root_;
    root_ = top->child(0);
    root_->parent = nullptr;
    nodes_->free(top);
  }
}

void RadixTree::set_mark(Index at, unsigned mark) {
  const auto index = static_cast<std::uint64_t>(at);
  RadixNode* node = leaf_of(index);
  for (; node != nullptr; node = node->parent)
    node->marks.data()[mark] |= std::uint64_t{1} << node->slot_of(index);
}

void RadixTree::clear_mark(Index at, unsigned mark) {
  const auto index = static_cast<std::uint64_t>(at);
  if (RadixNode* const leaf = leaf_of(index); leaf != nullptr)
    clear_up(leaf, index, mark);
}

bool RadixTree::has_mark(Index at, unsigned mark) const {
  const auto index = static_cast<std::uint64_t>(at);
  const RadixNode* const leaf = leaf_of(index);
  return leaf != nullptr && (leaf->marks.data()[mark] >> leaf->slot_of(index) & 1) != 0;
}

bool RadixTree::any_has(unsigned mark) const {
  return root_ != nullptr && root_->marks.data()[mark] != 0;
}

// Down to the first candidate at or behind `from`; where a node has none, on behind that node.
std::optional<RadixTree::Entry> RadixTree::find(std::uint64_t from, unsigned mark) const {
  if (root_ == nullptr || from > root_->last()) return std::nullopt;
  const RadixNode* node = root_;
  for (;;) {
    unsigned slot = node->slot_of(from);
    const auto wanted = [&](unsigned at) {
      if (mark == kMarks) return node->slots.data()[at] != 0;
      return (node->marks.data()[mark] >> at & 1) != 0;
    };
    const unsigned first = slot;
    while (slot < kSlots && !wanted(slot)) ++slot;
    if (slot == kSlots) {
      const std::uint64_t last = from | node->last();
      if (last == ~std::uint64_t{0} || last >= root_->last()) return std::nullopt;
      from = last + 1;
      node = root_;
      continue;
    }
    if (slot != first)
      from = (from & ~node->last()) | std::uint64_t{slot} << node->shift;
    if (node->shift == 0) return Entry{from, node->slots.data()[slot]};
    node = node->child(slot);
  }
}

}  // namespace quire
