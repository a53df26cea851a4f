// Intervals of page offsets, indexed for "which of them meet this range" (rbtree's
// interval_tree_generic): a treap by first offset in which each node knows the highest last offset
// below it. Its shape follows from a number that each node gets when it is inserted.
//
// Ownership  Nodes are embedded in what has the interval.
// Locking    The caller's.
// Cost       insert and remove expected O(log n); each result O(log n) at worst.
#pragma once

#include <cstdint>

namespace quire {

struct Interval {
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // inclusive
};

struct IntervalNode : Interval {
  std::uint64_t max_last = 0;
  IntervalNode* parent = nullptr;
  IntervalNode* left = nullptr;
  IntervalNode* right = nullptr;
  std::uint32_t priority = 0;
};

class IntervalTree {
 public:
  [[nodiscard]] bool empty() const { return root_ == nullptr; }
  void insert(IntervalNode& node);
  void remove(IntervalNode& node);

  // The one with the lowest first offset that meets `in`; then the one after `node`.
  [[nodiscard]] IntervalNode* first_in(Interval in) const;
  [[nodiscard]] IntervalNode* next_in(const IntervalNode& node, Interval in) const;

  // What is wrong with the structure, in plain words; null when nothing is.
  [[nodiscard]] const char* fault() const;

 private:
  void rotate_up(IntervalNode& node);
  void replace_child(IntervalNode* parent, const IntervalNode& old, IntervalNode* by);
  static void refresh(IntervalNode& node);

  IntervalNode* root_ = nullptr;
  std::uint32_t next_priority_ = 0;
};

}  // namespace quire
