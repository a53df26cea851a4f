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

// The migrate type of each pageblock: a byte for each 2 MiB of the memory map, where zero means
// movable. Written under the zone's lock, read without.
class PageblockTypes {
 public:
  PageblockTypes() = default;
  explicit PageblockTypes(std::uint8_t* bytes) : bytes_(bytes) {}

  // Of the pageblock in which the page at `index` lies.
  [[nodiscard]] MigrateType get(std::uint32_t index) const {
    const std::uint8_t byte = __atomic_load_n(bytes_ + (index >> kBlockShift), __ATOMIC_RELAXED);
    return static_cast<MigrateType>(byte ^ kMovableByte);
  }
  void set(std::uint32_t index, MigrateType type) {
    const auto byte = static_cast<std::uint8_t>(static_cast<std::uint8_t>(type) ^ kMovableByte);
    __atomic_store_n(bytes_ + (index >> kBlockShift), byte, __ATOMIC_RELAXED);
  }

 private:
  static constexpr unsigned kBlockShift = 9;       // pages to pageblocks
  static constexpr std::uint8_t kMovableByte = 1;  // toggled, so that zero means movable

  std::uint8_t* bytes_ = nullptr;
};

}  // namespace quire
