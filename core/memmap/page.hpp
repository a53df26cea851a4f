// struct page: what the memory manager knows of one page frame, in 32 bytes. docs/PAGE_LAYOUT.md
// gives the bit budget of each state.
//
// Blocks own their interior: only the first page of a block (free, on a per-CPU list, or in use)
// carries state; every other page of it has kind kInterior and is found through its block's head.
// So neither allocating nor freeing a block of order n touches 2^n pages.
//
// A page whose 32 bytes are all zero has never been touched: it lies in a run of free blocks, is
// reserved, or is no memory, which memblock and the free lists know (memmap/memory_map.hpp).
//
// Locking   A page on a free list belongs to its zone's lock, one on a per-CPU list to that list's
//           lock, one in use to whoever holds the reference.
#pragma once

#include <cstdint>

#include "base/base.hpp"
#include "memmap/migrate_type.hpp"

namespace quire {

// The position of a Page in the memory map. 0 is no page: page 0 is always reserved.
enum class PageIndex : std::uint32_t { kNone = 0 };
constexpr std::uint32_t raw(PageIndex index) { return static_cast<std::uint32_t>(index); }

// What the page is. In the flags word, bits 16 to 18.
enum class PageKind : std::uint8_t {
  kInterior,   // part of the block of an earlier page, or never touched
  kBuddy,      // first page of a block on a zone's free lists
  kInUse,      // first page of a block handed out, or (refcount 0) kept in a per-CPU set
  kCompound,   // handed out, asked for with __GFP_COMP
  kSlab,
  kPageTable,
  kReserved,   // never the page allocator's, or taken offline
};

// Bits 0 to 15 of the flags word; Linux's PG_ flags of the same name.
enum class PageFlag : std::uint32_t {
  kLocked = 1u << 0,
  kDirty = 1u << 1,
  kReferenced = 1u << 2,
  kUptodate = 1u << 3,
  kActive = 1u << 4,
  kLru = 1u << 5,
  kWorkingset = 1u << 6,
  kSwapBacked = 1u << 7,
  kSwapCache = 1u << 8,
  kWriteback = 1u << 9,
  kReclaim = 1u << 10,
  kMlocked = 1u << 11,
  kUnevictable = 1u << 12,
  kPrivate = 1u << 13,
  kAnonExclusive = 1u << 14,
  kHwpoison = 1u << 15,
};

// The first word of a Page: flags (16 bits), kind (3), order of the block (4), zone (9).
class PageWord {
 public:
  static constexpr unsigned kKindShift = 16;
  static constexpr unsigned kOrderShift = 19;
  static constexpr unsigned kZoneShift = 23;
  static constexpr unsigned kMaxZones = 1u << (32 - kZoneShift);
  static constexpr std::uint32_t kFlagMask = (1u << kKindShift) - 1;
  static constexpr std::uint32_t kKindMask = 7u << kKindShift;
  static constexpr std::uint32_t kOrderMask = 15u << kOrderShift;

  constexpr PageWord() = default;
  // `zone_bits` is Zone::page_bits: the zone's number, shifted.
  constexpr PageWord(std::uint32_t zone_bits, Order order, PageKind kind)
      : raw_(zone_bits | order.raw() << kOrderShift |
             static_cast<std::uint32_t>(kind) << kKindShift) {}

  [[nodiscard]] constexpr std::uint32_t raw() const { return raw_; }
  [[nodiscard]] constexpr PageKind kind() const {
    return static_cast<PageKind>((raw_ & kKindMask) >> kKindShift);
  }
  [[nodiscard]] constexpr bool is(PageKind kind) const {
    return (raw_ & kKindMask) == static_cast<std::uint32_t>(kind) << kKindShift;
  }
  [[nodiscard]] constexpr Order order() const {
    return Order{(raw_ & kOrderMask) >> kOrderShift};
  }
  // Order, kind and flags alone.
  [[nodiscard]] constexpr std::uint32_t without_zone() const {
    return raw_ & ((1u << kZoneShift) - 1);
  }
  [[nodiscard]] constexpr unsigned zone() const { return raw_ >> kZoneShift; }
  [[nodiscard]] constexpr std::uint32_t zone_bits() const {
    return raw_ & ~((1u << kZoneShift) - 1);
  }
  [[nodiscard]] constexpr bool has(PageFlag flag) const {
    return (raw_ & static_cast<std::uint32_t>(flag)) != 0;
  }
  constexpr void set(PageFlag flag) { raw_ |= static_cast<std::uint32_t>(flag); }
  constexpr void clear(PageFlag flag) { raw_ &= ~static_cast<std::uint32_t>(flag); }
  constexpr bool operator==(const PageWord&) const = default;

 private:
  std::uint32_t raw_ = 0;
};

struct Page {
  static constexpr std::uint32_t kNoObject = ~std::uint32_t{0};
  // The first page of a slab.
  struct SlabBooks {
    std::uint32_t free;     // offset in bytes of the first free object that was in use before
    std::uint16_t inuse;
    std::uint16_t objects;
  };

  PageWord word;
  std::uint32_t next;              // links of whatever list the page is on: PageIndex, 0 = end
  union {
    struct {
      std::int32_t refcount;
      union {
        std::int32_t mapcount;     // in use: page-table entries that map it
        std::uint32_t run_blocks;  // kBuddy of the largest order: blocks in this run, this included
      };
    };
    std::uint64_t references;      // both at once: 1 = one reference, not mapped
    SlabBooks slab;
  };
  std::uint32_t prev;
  union {
    std::uint32_t index_low;       // in use: low half of the offset in its mapping
    MigrateType list_type;         // free, or in a per-CPU set: whose list
    std::uint32_t carved;          // kSlab: objects that have ever been in use
  };
  std::uint64_t mapping;           // bits 0-47 mapping or anon_vma, bits 48-63 high part of index;
                                   // kSlab: SlabTag, in every page of the block

  // A zone that merges blocks looks at the words of its neighbours, whoever owns them: owners who
  // do not hold the zone's lock write theirs with set_word().
  void set_word(PageWord value) { __atomic_store(&word, &value, __ATOMIC_RELAXED); }
  [[nodiscard]] PageWord word_racy() const {
    PageWord value;
    __atomic_load(&word, &value, __ATOMIC_RELAXED);
    return value;
  }
};
static_assert(sizeof(Page) == 32);

// The memory map as an array: what lists and hot paths need of it, small enough for a register.
class PageArray {
 public:
  PageArray() = default;
  explicit PageArray(Page* base) : base_(base) {}

  [[nodiscard]] Page& at(std::uint32_t index) const { return base_[index]; }
  [[nodiscard]] Page& at(PageIndex index) const { return base_[raw(index)]; }
  [[nodiscard]] PageIndex index_of(const Page& page) const {
    return PageIndex{static_cast<std::uint32_t>(&page - base_)};
  }

 private:
  Page* base_ = nullptr;
};

}  // namespace quire
