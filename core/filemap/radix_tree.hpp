// An array of 2^60 entries of which few are there, with marks: each entry may bear some, and the
// next entry with a mark is found without a look at the others (xarray).
//
// Nodes       64 entries each, from a cache of slab objects; a tree is as high as its last index
//             needs, and an empty tree has none. A node knows for each mark which of its children
//             have it somewhere below.
// Entries     Not 0, which is none.
// Locking     The owner's: a spinlock below LockRank::kSlabNode.
// Errors      store(): kNoMemory, and nothing was stored. It never waits.
// Cost        A step for each six bits of the last index.
// Source      Documentation/core-api/xarray.rst.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/base.hpp"
#include "slab/slab.hpp"

namespace quire {

struct RadixNode;

class RadixTree {
 public:
  static constexpr unsigned kMarks = 3;
  static constexpr std::uint32_t kNodeSize = 576;  // bytes, as in Linux
  static constexpr std::string_view kNodeCache = "radix_tree_node";

  enum class Index : std::uint64_t {};
  struct Entry {
    std::uint64_t index;
    std::uint64_t value;
  };

  explicit RadixTree(KmemCache& nodes) : nodes_(&nodes) {}
  RadixTree(const RadixTree&) = delete;
  RadixTree& operator=(const RadixTree&) = delete;

  // 0: there is none.
  [[nodiscard]] std::uint64_t load(std::uint64_t index) const;
  // Over nothing, or over another value: marks stay.
  Result<void> store(Index index, std::uint64_t value);
  // The entry goes with its marks; there may be none.
  void erase(std::uint64_t index);

  // There is an entry at `index`.
  void set_mark(Index index, unsigned mark);
  void clear_mark(Index index, unsigned mark);
  [[nodiscard]] bool has_mark(Index index, unsigned mark) const;
  [[nodiscard]] bool any_has(unsigned mark) const;

  // The first entry from `index` on, or the first with a mark.
  [[nodiscard]] std::optional<Entry> next(std::uint64_t index) const { return find(index, kMarks); }
  [[nodiscard]] std::optional<Entry> next_marked(Index index, unsigned mark) const {
    return find(static_cast<std::uint64_t>(index), mark);
  }
  [[nodiscard]] bool empty() const { return root_ == nullptr; }

 private:
  [[nodiscard]] RadixNode* leaf_of(std::uint64_t index) const;
  RadixNode* new_node(unsigned shift) const;
  bool grow(std::uint64_t index);
  RadixNode* grow_down(std::uint64_t index);
  void drop_if_empty(RadixNode* node);
  [[nodiscard]] std::optional<Entry> find(std::uint64_t from, unsigned mark) const;

  KmemCache* nodes_;
  RadixNode* root_ = nullptr;
};

}  // namespace quire
