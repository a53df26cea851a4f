// Page tables as the most obvious model: a map from pages to leaves for each root. What TLB tests
// translate by.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "pagetable/pagetable.hpp"

namespace quire {

class NaiveTables final : public TableWalker {
 public:
  // What a test says of a leaf; the CPU adds accessed and dirty.
  struct Leaf {
    Pfn frame;
    PagePermissions allows{.write = true, .user = true, .execute = true};
    unsigned shift = kPageShift;
    bool global = false;
    bool accessed = false;
    bool dirty = false;
  };

  explicit NaiveTables(unsigned frames) : content_(frames * kPageSize.raw()) {
    for (unsigned frame = 0; frame < frames; ++frame)
      content_[frame * kPageSize.raw()] = static_cast<std::byte>(frame);
  }

  // Addresses from here on are the kernel's: the same below every root.
  static constexpr VirtAddr kKernel{0xffff800000000000};

  void map(Pfn root, VirtAddr at, const Leaf& leaf) {
    leaves_[root_for(root, at)][at.raw() >> leaf.shift << leaf.shift] = leaf;
  }
  void unmap(Pfn root, VirtAddr at) {
    const auto found = find(root, at);
    if (found.has_value()) leaves_[root_for(root, at)].erase(found->first);
  }
  [[nodiscard]] Leaf* leaf(Pfn root, VirtAddr at) {
    const auto found = find(root, at);
    return found.has_value() ? &leaves_[root_for(root, at)][found->first] : nullptr;
  }
  [[nodiscard]] std::byte* frame_content(Pfn frame) { return content(frame); }

  std::optional<CachedTranslation> walk(Pfn root, VirtAddr at, Access access,
                                        TableMemo& memo) override {
    ++walks;
    remembered += memo.table != nullptr;
    const PageCount astray{memo.table != nullptr && leads_astray ? 1u : 0u};
    memo.table = content_.data();
    Leaf* const found = leaf(root, at);
    if (found == nullptr) return std::nullopt;
    found->accessed = true;
    if (is_write(access) && AccessSet::of(found->allows).has(access)) found->dirty = true;
    CachedTranslation translation = translation_of(*found);
    translation.frame += astray;
    return translation;
  }
  std::optional<CachedTranslation> look(Pfn root, VirtAddr at) const override {
    const auto found = find(root, at);
    if (!found.has_value()) return std::nullopt;
    return translation_of(leaves_.at(root_for(root, at)).at(found->first));
  }
  std::byte* content(Pfn frame) const override {
    if (frame.raw() * kPageSize.raw() >= content_.size()) return nullptr;
    return const_cast<std::byte*>(&content_[frame.raw() * kPageSize.raw()]);
  }

  std::uint64_t walks = 0;
  std::uint64_t remembered = 0;  // of them, with a memo of the way
  bool leads_astray = false;     // to the next frame, by a memo

 private:
  using ByAddress = std::map<std::uint64_t, Leaf>;

  static Pfn root_for(Pfn root, VirtAddr at) { return at >= kKernel ? Pfn{0} : root; }
  static CachedTranslation translation_of(const Leaf& leaf) {
    return {leaf.frame, static_cast<std::uint8_t>(leaf.shift), leaf.global, leaf.dirty,
            AccessSet::of(leaf.allows)};
  }
  // The start and shift of the leaf that maps `at`.
  [[nodiscard]] std::optional<std::pair<std::uint64_t, unsigned>> find(Pfn root,
                                                                      VirtAddr at) const {
    const auto of_root = leaves_.find(root_for(root, at));
    if (of_root == leaves_.end()) return std::nullopt;
    for (const unsigned shift : {12u, 21u, 30u}) {
      const std::uint64_t start = at.raw() >> shift << shift;
      const auto leaf = of_root->second.find(start);
      if (leaf != of_root->second.end() && leaf->second.shift == shift) return {{start, shift}};
    }
    return std::nullopt;
  }

  std::map<Pfn, ByAddress> leaves_;
  std::vector<std::byte> content_;
};

// The byte that NaiveTables writes at the start of a frame's content.
inline std::byte mark_of(Pfn frame) { return static_cast<std::byte>(frame.raw()); }

}  // namespace quire
