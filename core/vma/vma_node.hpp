// One node of a VmaTree: up to ten entries in ascending order. A leaf's entry is a VMA with its end
// and the gap before it; an inner node's sums up the node below it.
//
// Ownership  The tree's; a node is as large as its object.
// Locking    The tree's.
#pragma once

#include <array>
#include <cstdint>

#include "base/base.hpp"
#include "vma/vm_area.hpp"

namespace quire {

struct VmaNode {
  static constexpr unsigned kMax = 10;
  union Below {
    VmaNode* node;
    Vma* vma;  // of a leaf
  };
  struct Key {
    VirtAddr end;
    Below below;
  };
  struct Entry {
    Key key;
    Bytes gap;
  };

  std::array<Key, kMax> keys;   // all that find() reads
  std::array<Bytes, kMax> gaps;
  VmaNode* parent = nullptr;
  std::uint32_t count = 0;
  bool leaf = false;

  [[nodiscard]] bool full() const { return count == kMax; }
  [[nodiscard]] Entry entry(unsigned place) const { return {keys[place], gaps[place]}; }
  void set(unsigned place, Entry entry);
  void insert(unsigned place, Entry entry);
  void erase(unsigned place);
  // The upper half of a full node goes to `right`, which is empty.
  void split_into(VmaNode& right);

  // The entry that its parent has of it.
  [[nodiscard]] Entry summary();
  // Where it is; it is there.
  [[nodiscard]] unsigned place_of(const VmaNode& child) const;
  [[nodiscard]] unsigned place_of(const Vma& vma) const;
};
static_assert(sizeof(VmaNode) == 256);

}  // namespace quire
