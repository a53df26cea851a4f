// A set-associative cache of translations of one size, replaced by least use: the hardware part of
// a modelled TLB.
//
// Keys     The number of the first 4 KiB page of the leaf in bits 0 to 51, a tag in bits 52 to 63.
//          Tag 0 is nobody's, so that memory of zeros is an empty cache.
// Locking  The owner's.
#pragma once

#include <cstdint>
#include <span>

#include "base/base.hpp"
#include "pagetable/tlb_translation.hpp"

namespace quire {

struct TlbEntry {
  std::uint64_t key = 0;   // 0: empty
  std::uint64_t used = 0;  // when it was used last, in accesses
  std::uint64_t frame : 40 = 0;
  std::uint64_t allows : 8 = 0;
  std::uint64_t shift : 8 = 0;
  std::uint64_t global : 1 = 0;
  std::uint64_t dirty : 1 = 0;

  [[nodiscard]] CachedTranslation translation() const {
    return {Pfn{frame}, static_cast<std::uint8_t>(shift), global != 0, dirty != 0,
            AccessSet{static_cast<std::uint8_t>(allows)}};
  }
};

class TlbSets {
 public:
  static constexpr unsigned kTagShift = 64 - kPageShift;
  static constexpr std::uint64_t kPageMask = (std::uint64_t{1} << kTagShift) - 1;

  TlbSets() = default;
  // `entries` are all empty and make 2^n sets of `ways`.
  TlbSets(std::span<TlbEntry> entries, unsigned ways) : entries_(entries), ways_(ways) {}

  // The entry that translates the page of `key` for its tag, if there is one. `shift` is the log2
  // of what entries here map.
  [[nodiscard]] TlbEntry* find(std::uint64_t key, unsigned shift) const {
    const std::uint64_t wanted = first_page(key, shift);
    for (TlbEntry& entry : set_of(wanted, shift)) {
      const std::uint64_t other = entry.key ^ wanted;
      if (entry.key != 0 && (entry.global != 0 ? other & kPageMask : other) == 0) return &entry;
    }
    return nullptr;
  }

  // Where to put a translation of that page: an empty place, else the one used longest ago.
  [[nodiscard]] TlbEntry& place_for(std::uint64_t key, unsigned shift) const {
    const std::span<TlbEntry> set = set_of(first_page(key, shift), shift);
    TlbEntry* oldest = &set.front();
    for (TlbEntry& entry : set) {
      if (entry.key == 0) return entry;
      if (entry.used < oldest->used) oldest = &entry;
    }
    return *oldest;
  }

  [[nodiscard]] std::span<TlbEntry> all() const { return entries_; }

  static constexpr std::uint64_t first_page(std::uint64_t key, unsigned shift) {
    return key & ~((std::uint64_t{1} << (shift - kPageShift)) - 1);
  }

 private:
  [[nodiscard]] std::span<TlbEntry> set_of(std::uint64_t key, unsigned shift) const {
    const std::uint64_t number = (key & kPageMask) >> (shift - kPageShift);
    const std::uint64_t set = number & (entries_.size() / ways_ - 1);
    return entries_.subspan(set * ways_, ways_);
  }

  std::span<TlbEntry> entries_;
  unsigned ways_ = 1;
};

}  // namespace quire
