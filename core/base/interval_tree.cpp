#include "base/interval_tree.hpp"

#include <initializer_list>

namespace quire {
namespace {

// Spreads consecutive numbers over 32 bits, each to another.
std::uint32_t scrambled(std::uint32_t number) {
  number *= 0x9e3779b1;
  number ^= number >> 15;
  number *= 0x85ebca6b;
  return number ^ number >> 13;
}

bool comes_before(const IntervalNode& a, const IntervalNode& b) { return a.first < b.first; }

// The first by order in the tree below `node` that meets `in`.
IntervalNode* first_below(IntervalNode* node, Interval in) {
  while (node != nullptr) {
    if (node->left != nullptr && node->left->max_last >= in.first) {
      node = node->left;  // whoever reaches in.first there begins before `node`
      continue;
    }
    if (node->first > in.last) return nullptr;
    if (node->last >= in.first) return node;
    node = node->right;
    if (node == nullptr || node->max_last < in.first) return nullptr;
  }
  return nullptr;
}

const char* fault_below(const IntervalNode& node) {
  std::uint64_t max_last = node.last;
  for (const IntervalNode* child : {node.left, node.right}) {
    if (child == nullptr) continue;
    if (child->parent != &node) return "a child names another parent";
    if (child->priority > node.priority) return "a child comes before its parent by priority";
    if (child == node.left ? comes_before(node, *child) : comes_before(*child, node))
      return "a child is on the wrong side";
    if (const char* const found = fault_below(*child); found != nullptr) return found;
    if (child->max_last > max_last) max_last = child->max_last;
  }
  return max_last == node.max_last ? nullptr : "the highest last offset is wrong";
}

}  // namespace

void IntervalTree::insert(IntervalNode& node) {
  node.left = node.right = node.parent = nullptr;
  node.max_last = node.last;
  node.priority = scrambled(next_priority_++);
  IntervalNode** place = &root_;
  while (*place != nullptr) {
    node.parent = *place;
    if (node.parent->max_last < node.last) node.parent->max_last = node.last;
    place = comes_before(node, *node.parent) ? &node.parent->left : &node.parent->right;
  }
  *place = &node;
  while (node.parent != nullptr && node.parent->priority < node.priority) rotate_up(node);
}

void IntervalTree::remove(IntervalNode& node) {
  while (node.left != nullptr || node.right != nullptr) {
    const bool left = node.right == nullptr ||
                      (node.left != nullptr && node.left->priority > node.right->priority);
    rotate_up(left ? *node.left : *node.right);
  }
  replace_child(node.parent, node, nullptr);
  for (IntervalNode* at = node.parent; at != nullptr; at = at->parent) refresh(*at);
}

IntervalNode* IntervalTree::first_in(Interval in) const {
  if (root_ == nullptr || root_->max_last < in.first) return nullptr;
  return first_below(root_, in);
}

IntervalNode* IntervalTree::next_in(const IntervalNode& node, Interval in) const {
  const IntervalNode* at = &node;
  while (true) {
    if (at->right != nullptr && at->right->max_last >= in.first)
      if (IntervalNode* const found = first_below(at->right, in); found != nullptr)
        return found;
    const IntervalNode* child = at;
    for (at = at->parent; at != nullptr && at->right == child; at = at->parent) child = at;
    if (at == nullptr || at->first > in.last) return nullptr;
    if (at->last >= in.first) return const_cast<IntervalNode*>(at);
  }
}

const char* IntervalTree::fault() const {
  return root_ == nullptr ? nullptr : fault_below(*root_);
}

void IntervalTree::rotate_up(IntervalNode& node) {
  IntervalNode& parent = *node.parent;
  const bool left = parent.left == &node;
  IntervalNode* const between = left ? node.right : node.left;
  replace_child(parent.parent, parent, &node);
  (left ? parent.left : parent.right) = between;
  if (between != nullptr) between->parent = &parent;
  (left ? node.right : node.left) = &parent;
  parent.parent = &node;
  refresh(parent);
  refresh(node);
}

void IntervalTree::replace_child(IntervalNode* parent, const IntervalNode& old, IntervalNode* by) {
  if (parent == nullptr)
    root_ = by;
  else
    (parent->left == &old ? parent->left : parent->right) = by;
  if (by != nullptr) by->parent = parent;
}

void IntervalTree::refresh(IntervalNode& node) {
  node.max_last = node.last;
  for (const IntervalNode* const child : {node.left, node.right})
    if (child != nullptr && child->max_last > node.max_last) node.max_last = child->max_last;
}

}  // namespace quire
