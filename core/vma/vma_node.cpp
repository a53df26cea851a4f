#include "vma/vma_node.hpp"

namespace quire {

// Whatever comes into a node learns whose it is.
void VmaNode::set(unsigned place, Entry entry) {
  ends[place] = entry.end;
  gaps[place] = entry.gap;
  below[place] = entry.below;
  if (leaf)
    entry.below.vma->leaf = this;
  else
    entry.below.node->parent = this;
}

void VmaNode::insert(unsigned place, Entry entry) {
  for (unsigned i = count++; i > place; --i) {
    ends[i] = ends[i - 1];
    gaps[i] = gaps[i - 1];
    below[i] = below[i - 1];
  }
  set(place, entry);
}

void VmaNode::erase(unsigned place) {
  --count;
  for (unsigned i = place; i < count; ++i) {
    ends[i] = ends[i + 1];
    gaps[i] = gaps[i + 1];
    below[i] = below[i + 1];
  }
}

void VmaNode::split_into(VmaNode& right) {
  for (unsigned i = kMax / 2; i < kMax; ++i) right.set(right.count++, entry(i));
  count = kMax / 2;
}

VmaNode::Entry VmaNode::summary() {
  Bytes longest;
  for (unsigned i = 0; i < count; ++i) longest = max_of(longest, gaps[i]);
  return {ends[count - 1], longest, {.node = this}};
}

unsigned VmaNode::place_of(const VmaNode& child) const {
  unsigned place = 0;
  while (below[place].node != &child) ++place;
  return place;
}

unsigned VmaNode::place_of(const Vma& vma) const {
  unsigned place = 0;
  while (below[place].vma != &vma) ++place;
  return place;
}

}  // namespace quire
