#include "vma/vma_node.hpp"

namespace quire {

// Whatever comes into a node learns whose it is.
void VmaNode::set(unsigned place, Entry entry) {
  keys[place] = entry.key;
  gaps[place] = entry.gap;
  if (leaf)
    entry.key.below.vma->leaf = this;
  else
    entry.key.below.node->parent = this;
}

void VmaNode::insert(unsigned place, Entry entry) {
  for (unsigned i = count++; i > place; --i) {
    keys[i] = keys[i - 1];
    gaps[i] = gaps[i - 1];
  }
  set(place, entry);
}

void VmaNode::erase(unsigned place) {
  --count;
  for (unsigned i = place; i < count; ++i) {
    keys[i] = keys[i + 1];
    gaps[i] = gaps[i + 1];
  }
}

void VmaNode::split_into(VmaNode& right) {
  for (unsigned i = kMax / 2; i < kMax; ++i) right.set(right.count++, entry(i));
  count = kMax / 2;
}

VmaNode::Entry VmaNode::summary() {
  Bytes longest;
  for (unsigned i = 0; i < count; ++i) longest = max_of(longest, gaps[i]);
  return {{keys[count - 1].end, {.node = this}}, longest};
}

unsigned VmaNode::place_of(const VmaNode& child) const {
  unsigned place = 0;
  while (keys[place].below.node != &child) ++place;
  return place;
}

unsigned VmaNode::place_of(const Vma& vma) const {
  unsigned place = 0;
  while (keys[place].below.vma != &vma) ++place;
  return place;
}

}  // namespace quire
