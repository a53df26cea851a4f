// A set-associative cache of translations of one size, replaced by least use: the hardware part of
// a modelled TLB.
//
// Keys     The number of the leaf, its address in leaves, and in the lowest 12 bits the address
//          space's tag: kGlobal for a leaf that is the same in all of them. Tag 0 is nobody's, so
//          that memory of zeros is an empty cache.
// Places   An entry's number: its set's times the ways, and its way. Keys, times of use and what is
//          cached lie apart, so that each is compared with its like. With more than kPlainWays each
//          key has a mark, a byte that follows from it: those of 16 ways are compared at once, and
//          keys only where they are equal.
// Locking  The owner's.
// Cost     find(): some 30 instructions for each 16 ways, less for few; place_for(): five a way.
//          Neither has branches that depend on which way it is.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/base.hpp"
#include "boot/boot.hpp"
#include "pagetable/tlb_translation.hpp"

namespace quire {

// What is cached of a leaf, in two words.
class TlbEntry {
 public:
  TlbEntry() = default;
  // `content`: of a leaf of 4 KiB; null: it is no RAM.
  TlbEntry(const CachedTranslation& of, std::byte* content)
      : bits_(of.frame.raw() << kFrameShift | std::uint64_t{of.allows_now().bits()} << kNowShift |
              std::uint64_t{of.allows.bits()} << kAllowsShift |
              std::uint64_t{of.shift} << kSizeShift),
        content_(content) {}

  // But for whether it is global, which its key says.
  [[nodiscard]] CachedTranslation translation() const {
    const AccessSet allows(bits_ >> kAllowsShift & kKinds);
    const bool dirty = allows.bits() == (bits_ >> kNowShift & kKinds);
    return {Pfn{bits_ << (64 - kAllowsShift) >> (64 - kAllowsShift + kFrameShift)},
            static_cast<std::uint8_t>(bits_ >> kSizeShift), false, dirty, allows};
  }
  [[nodiscard]] bool allows_now(Access access) const {
    return (bits_ >> (kNowShift + index_of(access)) & 1) != 0;
  }
  [[nodiscard]] std::byte* content() const { return content_; }

  // The kinds of access that the CPU has remembered it for, a bit each.
  [[nodiscard]] unsigned memos() const { return bits_ & kKinds; }
  void add_memo(Access access) { bits_ |= std::uint64_t{1} << index_of(access); }
  void clear_memos() { bits_ &= ~std::uint64_t{kKinds}; }

 private:
  static constexpr unsigned kKinds = (1u << kAccessKinds) - 1;
  static constexpr unsigned kNowShift = 6;
  static constexpr unsigned kFrameShift = 12;
  static constexpr unsigned kAllowsShift = 52;
  static constexpr unsigned kSizeShift = 58;

  std::uint64_t bits_ = 0;
  std::byte* content_ = nullptr;
};

class TlbSets {
 public:
  static constexpr unsigned kTagBits = kPageShift;
  static constexpr std::uint64_t kTagMask = (std::uint64_t{1} << kTagBits) - 1;
  static constexpr std::uint64_t kGlobal = kTagMask;
  static constexpr unsigned kPlainWays = 4;
  using Place = std::uint32_t;
  static constexpr Place kNone = ~Place{0};

  // How much memory a cache of that size takes.
  static constexpr std::size_t words_of(TlbSize size) {
    return std::size_t{size.entries} * (2 + sizeof(TlbEntry) / sizeof(std::uint64_t)) +
           mark_words_of(size);
  }

  TlbSets() = default;
  // `memory` is words_of(size), all zeros.
  TlbSets(std::uint64_t* memory, TlbSize size)
      : keys_(memory),
        used_(keys_ + size.entries),
        entries_(reinterpret_cast<TlbEntry*>(used_ + size.entries)),
        marks_(reinterpret_cast<std::uint64_t*>(entries_ + size.entries)),
        last_set_(size.entries / size.ways - 1u),
        ways_(size.ways) {}

  [[nodiscard]] unsigned ways() const { return ways_; }
  // The entry of that key, if there is one. kWays, here and below: how many there are; 0: any.
  template <unsigned kWays = 0>
  [[nodiscard, gnu::always_inline]] Place find(std::uint64_t key) const {
    const unsigned ways = kWays != 0 ? kWays : ways_;
    const std::uint32_t set = set_of(key);
    Place first = set * ways;
    if (ways <= kPlainWays) {
#pragma GCC unroll 4
      for (unsigned way = 0; way < ways; ++way)
        if (keys_[first + way] == key) return first + way;
      return kNone;
    }
    const std::uint64_t wanted = mark_of(key) * kEachByte;
    const std::uint64_t* group = marks_ + std::size_t{set} * groups_of(ways) * kGroupWords;
    for (unsigned left = groups_of(ways);; first += kGroupWays, group += kGroupWords) {
      // Bit 8w: the mark of way w may be equal; bit 8w + 1: that of way w + 8.
      std::uint64_t equal = zero_bytes(group[0] ^ wanted) >> 7 | zero_bytes(group[1] ^ wanted) >> 6;
      if (--left == 0) equal &= last_group_of(ways);
      for (; equal != 0; equal &= equal - 1) {
        const unsigned bit = ffs0(equal);
        const Place place = first + (bit & 1) * 8 + bit / 8;
        if (keys_[place] == key) [[likely]] return place;
      }
      if (left == 0) return kNone;
    }
  }

  // Where to put a translation of that key: an empty place, else the one used longest ago.
  template <unsigned kWays = 0>
  [[nodiscard, gnu::always_inline]] Place place_for(std::uint64_t key) const {
    const unsigned ways = kWays != 0 ? kWays : ways_;
    const Place first = set_of(key) * ways;
    const std::uint64_t* const used = used_ + first;
    // Time and way in one number, so that no branch depends on which is the least.
    std::uint64_t oldest = used[0] << kWayBits;
#pragma GCC unroll 16
    for (unsigned way = 1; way < ways; ++way) {
      const std::uint64_t each = used[way] << kWayBits | way;
      oldest = each < oldest ? each : oldest;
    }
    return first + static_cast<Place>(oldest & ((1u << kWayBits) - 1));
  }

  [[nodiscard]] TlbEntry& at(Place place) const { return entries_[place]; }
  [[nodiscard]] std::uint64_t key(Place place) const { return keys_[place]; }  // 0: it is empty
  // When it was used last, in accesses; 0: it is empty.
  [[nodiscard]] std::uint64_t& used(Place place) const { return used_[place]; }
  // Its time of use is left to the caller.
  template <unsigned kWays = 0>
  [[gnu::always_inline]] void put(Place place, std::uint64_t key, const TlbEntry& entry) const {
    const unsigned ways = kWays != 0 ? kWays : ways_;
    keys_[place] = key;
    entries_[place] = entry;
    if (ways <= kPlainWays) return;
    const std::uint32_t set = set_of(key);
    auto* const marks = reinterpret_cast<std::uint8_t*>(
        marks_ + std::size_t{set} * groups_of(ways) * kGroupWords);
    static_assert(std::endian::native == std::endian::little);
    marks[place - set * ways] = static_cast<std::uint8_t>(mark_of(key));
  }
  void drop(Place place) const {
    keys_[place] = 0;
    used_[place] = 0;
  }
  [[nodiscard]] Place places() const { return (last_set_ + 1) * ways_; }

 private:
  static constexpr unsigned kWayBits = 16;  // which leaves 2^48 accesses
  static constexpr unsigned kGroupWays = 16;
  static constexpr unsigned kGroupWords = kGroupWays / sizeof(std::uint64_t);
  static constexpr std::uint64_t kEachByte = 0x0101'0101'0101'0101;

  static constexpr unsigned groups_of(unsigned ways) {
    return (ways + kGroupWays - 1) / kGroupWays;
  }
  static constexpr std::size_t mark_words_of(TlbSize size) {
    return std::size_t{size.entries} / size.ways * groups_of(size.ways) * kGroupWords;
  }
  // The bits of `equal` in find() that stand for ways which are there.
  static constexpr std::uint64_t last_group_of(unsigned ways) {
    const unsigned last = (ways - 1) % kGroupWays + 1;
    const std::uint64_t low = last >= 8 ? kEachByte : kEachByte >> (64 - 8 * last);
    return last <= 8 ? low : low | kEachByte >> (128 - 8 * last) << 1;
  }
  [[nodiscard]] std::uint32_t set_of(std::uint64_t key) const {
    return static_cast<std::uint32_t>(key >> kTagBits) & last_set_;
  }
  static constexpr std::uint64_t mark_of(std::uint64_t key) {
    return key * 0x9e37'79b9'7f4a'7c15 >> 56;
  }
  // The highest bit of each byte that is 0; now and then of one above such a byte.
  static constexpr std::uint64_t zero_bytes(std::uint64_t word) {
    return (word - kEachByte) & ~word & 0x80 * kEachByte;
  }

  std::uint64_t* keys_ = nullptr;
  std::uint64_t* used_ = nullptr;
  TlbEntry* entries_ = nullptr;
  std::uint64_t* marks_ = nullptr;
  std::uint32_t last_set_ = 0;
  unsigned ways_ = 0;
};

}  // namespace quire
