// A set-associative cache of translations of one size, replaced by least use: the hardware part of
// a modelled TLB.
//
// Keys     The address of the leaf, and in its lowest 12 bits the address space's tag. Tag 0 is
//          nobody's, so that memory of zeros is an empty cache.
// Locking  The owner's.
#pragma once

#include <cstdint>
#include <span>

#include "base/base.hpp"
#include "boot/boot.hpp"
#include "pagetable/tlb_translation.hpp"

namespace quire {

struct TlbEntry {
  std::uint64_t key = 0;   // 0: empty
  std::uint64_t used = 0;  // when it was used last, in accesses
  std::uint64_t frame : 40 = 0;
  std::uint64_t shift : 8 = 0;
  std::uint64_t allows : 8 = 0;
  std::uint64_t global : 1 = 0;
  std::uint64_t dirty : 1 = 0;

  [[nodiscard]] CachedTranslation translation() const {
    return {Pfn{frame}, static_cast<std::uint8_t>(shift), global != 0, dirty != 0,
            AccessSet{static_cast<std::uint8_t>(allows)}};
  }
};
static_assert(sizeof(TlbEntry) == 24);

class TlbSets {
 public:
  static constexpr std::uint64_t kTagMask = kPageSize.raw() - 1;

  TlbSets() = default;
  // `entries` are as many as `size` says, all empty; each maps 2^shift bytes.
  TlbSets(TlbEntry* entries, TlbSize size, unsigned shift)
      : entries_(entries),
        last_set_(size.entries / size.ways - 1u),
        ways_(size.ways),
        shift_(static_cast<std::uint16_t>(shift)) {}

  // The entry that translates the page of `key` for its tag, if there is one.
  [[nodiscard]] TlbEntry* find(std::uint64_t key) const {
    const std::uint64_t wanted = leaf_key(key);
    TlbEntry* const set = set_of(wanted);
    for (TlbEntry* entry = set; entry != set + ways_; ++entry) {
      const std::uint64_t differs = entry->key ^ wanted;
      if (differs <= kTagMask && (differs == 0 || entry->global != 0)) return entry;
    }
    return nullptr;
  }

  // Where to put a translation of that page: an empty place, else the one used longest ago.
  [[nodiscard]] TlbEntry& place_for(std::uint64_t key) const {
    TlbEntry* const set = set_of(leaf_key(key));
    TlbEntry* oldest = set;
    for (TlbEntry* entry = set; entry != set + ways_; ++entry) {
      if (entry->key == 0) return *entry;
      if (entry->used < oldest->used) oldest = entry;
    }
    return *oldest;
  }

  [[nodiscard]] std::span<TlbEntry> all() const {
    return {entries_, (std::size_t{last_set_} + 1) * ways_};
  }
  [[nodiscard]] unsigned shift() const { return shift_; }
  [[nodiscard]] std::uint64_t leaf_key(std::uint64_t key) const {
    return (key >> shift_ << shift_) | (key & kTagMask);
  }

 private:
  [[nodiscard]] TlbEntry* set_of(std::uint64_t key) const {
    return entries_ + (key >> shift_ & last_set_) * ways_;
  }

  TlbEntry* entries_ = nullptr;
  std::uint32_t last_set_ = 0;
  std::uint16_t ways_ = 0;
  std::uint16_t shift_ = 0;
};

}  // namespace quire
