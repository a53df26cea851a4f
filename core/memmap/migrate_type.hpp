// How movable what lives in a pageblock is; free pages are grouped by it (fragmentation avoidance).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace quire {

// Values are Linux's where /proc/pagetypeinfo and free lists are ordered by them.
enum class MigrateType : std::uint8_t {
  kUnmovable,
  kMovable,
  kReclaimable,
  kHighAtomic,  // reserved for atomic allocations of high order
  kCma,
  kIsolate,     // never allocated from: being taken offline, or of a contiguous range
};
inline constexpr unsigned kMigrateTypes = 6;
// The types that have per-CPU lists and fall back to one another.
inline constexpr unsigned kPcpTypes = 3;
constexpr unsigned index_of(MigrateType type) { return static_cast<unsigned>(type); }

// As /proc/pagetypeinfo spells it.
constexpr std::string_view name_of(MigrateType type) {
  constexpr std::array<std::string_view, kMigrateTypes> kNames = {
      "Unmovable", "Movable", "Reclaimable", "HighAtomic", "CMA", "Isolate"};
  return kNames[index_of(type)];
}

// Free pages of mergeable types may form one block across pageblocks of different type.
constexpr bool is_mergeable(MigrateType type) { return index_of(type) < kPcpTypes; }

// The migrate type of each pageblock: four bits for each 2 MiB of the memory map, where all-zero
// bits mean movable. Written under the zone's lock, read without.
class PageblockTypes {
 public:
  PageblockTypes() = default;
  explicit PageblockTypes(std::uint32_t* words) : words_(words) {}

  // Of the pageblock in which the page at `index` lies.
  [[nodiscard]] MigrateType get(std::uint32_t index) const {
    const std::uint32_t word = __atomic_load_n(words_ + (index >> kWordShift), __ATOMIC_RELAXED);
    return static_cast<MigrateType>((word >> shift_of(index) & 7) ^ kMovableBits);
  }
  void set(std::uint32_t index, MigrateType type) {
    std::uint32_t* const at = words_ + (index >> kWordShift);
    const std::uint32_t bits = (static_cast<std::uint32_t>(type) ^ kMovableBits)
                               << shift_of(index);
    const std::uint32_t others = *at & ~(15u << shift_of(index));
    __atomic_store_n(at, others | bits, __ATOMIC_RELAXED);
  }

 private:
  static constexpr unsigned kBlockShift = 9;                 // pages to pageblocks
  static constexpr unsigned kWordShift = kBlockShift + 3;    // pages to words of eight pageblocks
  static constexpr std::uint32_t kMovableBits = 1;           // toggled, so that zero means movable

  static constexpr unsigned shift_of(std::uint32_t index) { return (index >> kBlockShift & 7) * 4; }

  std::uint32_t* words_ = nullptr;
};

}  // namespace quire
