// How a cache's objects lie in its slabs, as SLUB of Linux 6.1 lays them out.
//
// One object, from the start of its stride of `size` bytes:
//
//   | red_left_pad | object_size | to a word, red zone | free pointer | tracks | requested | red |
//   |  (red zone)  | what callers see, at `inuse` ends  |  where it does not lie in the object   |
//
// A free object's link lies in its middle, unless something else lives there while it is free
// (poison, what a constructor made, what readers under RCU still look at): then behind it.
// Words are 8 bytes, also on machines of 32 bits.
//
// Units   Sizes and offsets in bytes; offsets are from the object (behind its left red zone),
//         except `size`, which is from one object to the next.
// Cost    layout_of(): once a cache. index_at(): one multiplication.
// Source  Documentation/mm/slub.rst, /sys/kernel/slab of the running kernel.
#pragma once

#include <cstdint>

#include "base/base.hpp"

namespace quire {

// The values are Linux 6.1's.
enum class SlabFlags : std::uint32_t {
  kNone = 0,
  kConsistencyChecks = 0x100,    // free objects and their lists are checked at each step
  kRedZone = 0x400,              // bytes around the object that nobody may write
  kPoison = 0x800,               // free objects are filled, and must still be when taken
  kKmalloc = 0x1000,             // one of kmalloc's
  kHwcacheAlign = 0x2000,        // objects begin at cache lines, or at even parts of one
  kCacheDma = 0x4000,            // from ZONE_DMA
  kCacheDma32 = 0x8000,          // from ZONE_DMA32
  kStoreUser = 0x10000,          // who took and who freed each object
  kReclaimAccount = 0x20000,     // a shrinker can free the objects
  kPanic = 0x40000,              // a cache that cannot be made stops the machine
  kTypesafeByRcu = 0x80000,      // slabs are freed after a grace period
  kMemSpread = 0x100000,
  kTrace = 0x200000,             // each allocation and free is printed
  kNoLeakTrace = 0x800000,
  kNoMerge = 0x1000000,
  kFailSlab = 0x2000000,         // an allocation may be refused on purpose
  kAccount = 0x4000000,          // charged to the cgroup of the caller
  kNoUserFlags = 0x10000000,     // slub_debug= does not concern it

  // What callers must look at on each allocation and free.
  kDebug = kConsistencyChecks | kRedZone | kPoison | kStoreUser | kTrace | kFailSlab,
  // What takes room beside the object.
  kDebugMetadata = kRedZone | kPoison | kStoreUser,
};
constexpr std::uint32_t raw(SlabFlags flags) { return static_cast<std::uint32_t>(flags); }
constexpr SlabFlags operator|(SlabFlags a, SlabFlags b) { return SlabFlags{raw(a) | raw(b)}; }
constexpr SlabFlags operator&(SlabFlags a, SlabFlags b) { return SlabFlags{raw(a) & raw(b)}; }
constexpr SlabFlags operator~(SlabFlags a) { return SlabFlags{~raw(a)}; }
constexpr SlabFlags& operator|=(SlabFlags& a, SlabFlags b) { return a = a | b; }
constexpr SlabFlags& operator&=(SlabFlags& a, SlabFlags b) { return a = a & b; }
constexpr bool any(SlabFlags flags) { return flags != SlabFlags::kNone; }

// What the machine decides for all caches: slub_min_order=, slub_max_order=, slub_min_objects=.
struct SlabSizing {
  std::uint32_t cpus = 1;         // present ones
  std::uint32_t min_objects = 0;  // 0: by the number of CPUs
  Order min_order{0};
  Order max_order{3};
  bool debug_may_grow = true;     // slub_debug=O: no debugging where it would raise the order
};

struct ObjectShape {
  std::uint32_t size = 0;         // as asked for
  std::uint32_t align = 0;        // 0: a word
  SlabFlags flags = SlabFlags::kNone;
  bool has_constructor = false;
};

struct SlabLayout {
  std::uint32_t object_size = 0;
  std::uint32_t size = 0;            // of one stride
  std::uint32_t align = 0;
  std::uint32_t inuse = 0;           // end of the object, or of the red zone right behind it
  std::uint32_t free_pointer = 0;
  std::uint32_t red_left_pad = 0;
  std::uint32_t objects = 0;         // in a slab of `order`
  std::uint32_t min_slab_objects = 0;  // in a slab of `min_order`
  Order order;
  Order min_order;                   // where a slab of `order` cannot be had
  SlabFlags flags = SlabFlags::kNone;  // less those that slub_debug=O took away
  bool poison_object = false;        // the object itself is poisoned, not only the room behind it
  std::uint64_t reciprocal = 0;      // of size

  // Whether the link of a free object lies behind it.
  [[nodiscard]] constexpr bool link_is_outside() const { return free_pointer >= inuse; }
  // Where the tracks lie: behind the link if that is outside.
  [[nodiscard]] constexpr std::uint32_t info_end() const {
    return link_is_outside() ? free_pointer + kWord : inuse;
  }
  // The index of the object that the byte `offset` of a slab belongs to.
  [[nodiscard]] constexpr std::uint32_t index_at(std::uint32_t offset) const {
    return static_cast<std::uint32_t>((offset * reciprocal) >> kReciprocalShift);
  }

  static constexpr std::uint32_t kWord = 8;
  // A slab is at most 4 MiB and a stride at least 8: products stay below 2^63, and the rounding
  // of the reciprocal below 1/size.
  static constexpr unsigned kReciprocalShift = 44;
};

inline constexpr std::uint32_t kCacheLine = 64;
// Two of them lie behind each object of a cache with kStoreUser: Linux's struct track.
inline constexpr std::uint32_t kTrackBytes = 32;

// The largest object of a cache: what one block of pages can hold.
inline constexpr std::uint32_t kMaxObjectSize = std::uint32_t{1} << (kPageShift + Order::kMax);

// kInvalid: no size, or an alignment that is no power of two; kNotSupported: no slab is large
// enough.
Result<SlabLayout> layout_of(const ObjectShape& shape, const SlabSizing& sizing);

// How many empty slabs a node keeps, and how many objects or slabs a CPU.
struct PartialLimits {
  std::uint32_t min_partial;        // slabs a node keeps though they are empty
  std::uint32_t cpu_partial;        // objects, as /sys shows and takes them
  std::uint32_t cpu_partial_slabs;
};
PartialLimits partial_limits(const SlabLayout& layout);
// Slabs that `objects` half used ones are.
std::uint32_t cpu_partial_slabs(const SlabLayout& layout, std::uint32_t objects);

}  // namespace quire
