// The formats of page tables, as data: how many levels there are, which bits of an address index
// each, and what the bits of an entry mean. One walker serves them all.
//
// Units    Levels are counted from the leaves: kPte maps 4 KiB. A format has the levels below its
//          `levels`, so that its root is of level `levels` - 1.
// Source   Intel SDM volume 3A, chapter 4 (paging); Documentation/x86/x86_64/5level-paging.rst;
//          for entries that are not present, the layout that Linux 6.1 gives to swap entries.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/base.hpp"

namespace quire {

// Linux's names; a format with fewer levels lacks the higher ones, or P4D alone.
enum class PageLevel : std::uint8_t { kPte, kPmd, kPud, kP4d, kPgd };
inline constexpr unsigned kPageLevels = 5;
constexpr unsigned index_of(PageLevel level) { return static_cast<unsigned>(level); }
constexpr PageLevel below(PageLevel level) { return static_cast<PageLevel>(index_of(level) - 1); }
constexpr PageLevel above(PageLevel level) { return static_cast<PageLevel>(index_of(level) + 1); }

// What a mapping allows, and what the processor has noted of its use.
enum class Prot : std::uint16_t {
  kNone = 0,
  kWrite = 1u << 1,
  kUser = 1u << 2,
  kWriteThrough = 1u << 3,
  kNoCache = 1u << 4,
  kAccessed = 1u << 5,
  kDirty = 1u << 6,
  kGlobal = 1u << 8,
  kNoExecute = 1u << 12,  // formats without the bit map everything executable
  kNoAccess = 1u << 13,   // mapped, but every access faults (PROT_NONE)

  // The kernel's and the user's usual ones (Linux's PAGE_ names).
  kKernelExec = kWrite | kAccessed | kDirty | kGlobal,
  kKernel = kKernelExec | kNoExecute,
  kKernelRoExec = kAccessed | kGlobal,
  kKernelRo = kKernelRoExec | kNoExecute,
  kKernelNoCache = kKernel | kWriteThrough | kNoCache,
  kUserReadOnlyExec = kUser | kAccessed,
  kUserReadOnly = kUserReadOnlyExec | kNoExecute,
  kUserShared = kUserReadOnly | kWrite,
};
constexpr std::uint16_t raw(Prot prot) { return static_cast<std::uint16_t>(prot); }
constexpr Prot operator|(Prot a, Prot b) { return static_cast<Prot>(raw(a) | raw(b)); }
constexpr Prot operator&(Prot a, Prot b) { return static_cast<Prot>(raw(a) & raw(b)); }
constexpr Prot operator~(Prot a) { return static_cast<Prot>(~raw(a)); }
constexpr bool any(Prot prot) { return raw(prot) != 0; }

// A page that is not in memory: which swap area, and where in it.
struct SwapEntry {
  std::uint8_t area = 0;
  std::uint64_t offset = 0;
  constexpr bool operator==(const SwapEntry&) const = default;
};

// One entry of a table. Its bits are read with the format that it is of.
class Entry {
 public:
  static constexpr std::uint64_t kPresent = 1u << 0;
  static constexpr std::uint64_t kHuge = 1u << 7;      // above kPte: maps a page, not a table
  static constexpr std::uint64_t kNoAccess = 1u << 8;  // where kPresent is clear
  static constexpr std::uint64_t kProtBits = 0x17e;    // whose places Prot shares

  constexpr Entry() = default;
  constexpr explicit Entry(std::uint64_t raw) : raw_(raw) {}

  [[nodiscard]] constexpr std::uint64_t raw() const { return raw_; }
  [[nodiscard]] constexpr bool empty() const { return raw_ == 0; }
  // It names a page or a table. Neither empty nor present: a swap entry.
  [[nodiscard]] constexpr bool present() const { return (raw_ & (kPresent | kNoAccess)) != 0; }
  [[nodiscard]] constexpr bool is_leaf(PageLevel level) const {
    return present() && (level == PageLevel::kPte || (raw_ & kHuge) != 0);
  }
  [[nodiscard]] constexpr bool is_table(PageLevel level) const {
    return level != PageLevel::kPte && (raw_ & (kPresent | kHuge)) == kPresent;
  }
  constexpr bool operator==(const Entry&) const = default;

 private:
  std::uint64_t raw_ = 0;
};

struct LevelFormat {
  std::uint8_t shift = 0;  // of the address: where its index begins
  std::uint8_t index_bits = 0;
  bool leaf = false;             // may map a page
  std::uint64_t table_bits = 0;  // set in an entry that names a table

  [[nodiscard]] constexpr Bytes size() const { return Bytes{std::uint64_t{1} << shift}; }
  [[nodiscard]] constexpr PageCount pages() const {
    return PageCount{std::uint64_t{1} << (shift - kPageShift)};
  }
  [[nodiscard]] constexpr unsigned entries() const { return 1u << index_bits; }
  [[nodiscard]] constexpr unsigned index(VirtAddr address) const {
    return static_cast<unsigned>(address.raw() >> shift) & (entries() - 1);
  }
};

// Where a swap entry lies in one that is not present.
struct SwapFormat {
  std::uint8_t area_shift = 0;
  std::uint8_t offset_shift = 0;
  std::uint8_t offset_bits = 0;
  bool offset_inverted = false;  // so that it names no frame that the processor could guess at
};

struct PagingFormat {
  std::string_view name;
  std::uint8_t levels = 0;
  std::uint8_t entry_bytes = 0;
  std::uint8_t address_bits = 0;
  std::uint64_t frame_bits = 0;  // of an entry: the address of what it names
  std::uint64_t no_execute = 0;  // the bit, or none
  SwapFormat swap;
  std::array<LevelFormat, kPageLevels> level;

  [[nodiscard]] constexpr PageLevel root() const { return static_cast<PageLevel>(levels - 1); }
  [[nodiscard]] constexpr const LevelFormat& at(PageLevel of) const {
    return level.data()[index_of(of)];
  }
  // Whether the processor takes it for an address: the bits above the indexed ones repeat the
  // highest of these (canonical), or with 32 bits are 0.
  [[nodiscard]] constexpr bool is_address(VirtAddr address) const {
    if (address_bits == 32) return address.raw() >> 32 == 0;
    const auto high = static_cast<std::int64_t>(address.raw()) >> (address_bits - 1);
    return high == 0 || high == -1;
  }

  // Whole pages, all of one half of the addresses.
  [[nodiscard]] constexpr bool is_range(VirtRange range) const {
    const VirtAddr last = range.end - Bytes{1};
    return !range.empty() && range.start.is_aligned(kPageSize) && range.end.is_aligned(kPageSize) &&
           (range.start.raw() ^ last.raw()) >> 63 == 0 && is_address(range.start) &&
           is_address(last);
  }
  // The number of the table of kPte entries that maps `address`, from address 0 on.
  [[nodiscard]] constexpr std::uint64_t leaf_table_of(VirtAddr address) const {
    return address.raw() >> at(PageLevel::kPmd).shift;
  }

  [[nodiscard]] constexpr Entry leaf_entry(PageLevel of, Pfn frame, Prot prot) const {
    const std::uint64_t kind = any(prot & Prot::kNoAccess) ? Entry::kNoAccess : Entry::kPresent;
    return Entry{address_of(frame).raw() | (raw(prot) & Entry::kProtBits) | kind |
                 (of == PageLevel::kPte ? 0 : Entry::kHuge) |
                 (any(prot & Prot::kNoExecute) ? no_execute : 0)};
  }
  [[nodiscard]] constexpr Entry table_entry(PageLevel of, Pfn table) const {
    return Entry{address_of(table).raw() | at(of).table_bits};
  }
  // The table that an entry names.
  [[nodiscard]] constexpr Pfn table_of(Entry entry) const {
    return pfn_down(PhysAddr{entry.raw() & frame_bits});
  }
  // The table it names, or the first frame of the page.
  [[nodiscard]] constexpr Pfn frame_of(PageLevel of, Entry entry) const {
    const std::uint64_t within = entry.is_leaf(of) ? at(of).size().raw() - 1 : kPageSize.raw() - 1;
    return pfn_down(PhysAddr{entry.raw() & frame_bits & ~within});
  }
  // Of a leaf.
  [[nodiscard]] constexpr Prot prot_of(Entry entry) const {
    Prot prot = static_cast<Prot>(entry.raw() & Entry::kProtBits);
    if ((entry.raw() & Entry::kPresent) == 0) prot = (prot & ~Prot::kGlobal) | Prot::kNoAccess;
    if (no_execute != 0 && (entry.raw() & no_execute) != 0) prot = prot | Prot::kNoExecute;
    return prot;
  }
  [[nodiscard]] constexpr Entry swap_entry(SwapEntry where) const {
    const std::uint64_t mask = (std::uint64_t{1} << swap.offset_bits) - 1;
    const std::uint64_t offset = (swap.offset_inverted ? ~where.offset : where.offset) & mask;
    return Entry{std::uint64_t{where.area} << swap.area_shift | offset << swap.offset_shift};
  }
  [[nodiscard]] constexpr SwapEntry swap_of(Entry entry) const {
    const std::uint64_t mask = (std::uint64_t{1} << swap.offset_bits) - 1;
    const std::uint64_t offset = entry.raw() >> swap.offset_shift;
    return {static_cast<std::uint8_t>(entry.raw() >> swap.area_shift & 31),
            (swap.offset_inverted ? ~offset : offset) & mask};
  }
};

extern const PagingFormat kFourLevels;   // x86-64
extern const PagingFormat kFiveLevels;   // x86-64 with LA57
extern const PagingFormat kThreeLevels;  // 32 bits with PAE: frames beyond 4 GiB, no-execute
extern const PagingFormat kTwoLevels;    // 32 bits, 4 MiB pages

}  // namespace quire
