// The sizes of objects that slabs are made for. Steps are at most an eighth, or 16 bytes. Slabs of
// small objects are of a page or two, although some room is left over: where nine of ten objects
// die at random, a slab of four comes free two times in three, one of fifteen one in five. Larger
// objects are of sizes of which a block of pages holds a whole number.
//
// Units  Bytes. All sizes but the least are multiples of 16; slabs begin at page boundaries, so an
//        object of a size that is a multiple of a power of two up to a page is aligned to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>

namespace quire::preload {

struct SizeClass {
  std::uint32_t size;
  std::uint8_t order;
};

inline constexpr SizeClass kSizeClasses[] = {
    {8, 0},     {16, 0},    {32, 0},    {48, 0},    {64, 0},    {80, 0},    {96, 0},    {112, 0},
    {128, 0},   {144, 0},   {160, 0},   {176, 0},   {192, 0},   {208, 0},   {224, 0},   {240, 0},
    {256, 0},   {272, 0},   {288, 0},   {304, 0},   {336, 0},   {368, 0},   {400, 0},   {448, 0},
    {480, 0},   {512, 0},   {576, 0},   {640, 0},   {720, 0},   {800, 0},   {896, 0},   {960, 0},
    {1024, 0},  {1152, 1},  {1280, 1},  {1360, 0},  {1520, 1},  {1632, 1},  {1824, 1},  {2048, 0},
    {2176, 3},  {2336, 2},  {2512, 3},  {2720, 1},  {2976, 3},  {3264, 2},  {3632, 3},  {3840, 2},
    {4096, 2},  {4352, 4},  {4672, 3},  {5040, 4},  {5456, 2},  {5952, 4},  {6544, 3},  {7280, 4},
    {7696, 3},  {8192, 3},  {8736, 5},  {9360, 4},  {10080, 5}, {10912, 3}, {11904, 5}, {13104, 4},
    {14560, 5}, {15408, 4}, {16384, 4}, {17472, 6}, {18720, 5}, {20160, 6}, {21840, 4}, {23824, 6},
    {26208, 5}, {29120, 6}, {30832, 5}, {32768, 5},
};
inline constexpr std::size_t kClasses = std::size(kSizeClasses);
inline constexpr std::size_t kLargestClass = kSizeClasses[kClasses - 1].size;

// Up to here the hot path finds an object's class in a table, by words.
inline constexpr std::size_t kMostTabled = 4096;
inline constexpr std::size_t kTableSlots = kMostTabled / 8 + 1;
constexpr std::size_t table_slot(std::size_t size) { return (size + 7) / 8; }

// The least class of at least `size` bytes, which is at most kLargestClass.
constexpr std::size_t class_of(std::size_t size) {
  std::size_t low = 0;
  std::size_t high = kClasses - 1;
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (kSizeClasses[middle].size < size)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

struct Alignment {
  std::size_t bytes;
};

// The least class of at least `size` bytes whose objects are aligned to `align`, a power of two up
// to a page; kClasses when there is none.
constexpr std::size_t aligned_class_of(std::size_t size, Alignment align) {
  if (size > kLargestClass || align.bytes > 4096) return kClasses;
  std::size_t index = class_of(size);
  while (index < kClasses && kSizeClasses[index].size % align.bytes != 0) ++index;
  return index;
}

constexpr bool steps_are_small() {
  for (std::size_t i = 1; i < kClasses; ++i) {
    const std::uint32_t before = kSizeClasses[i - 1].size;
    const std::uint32_t step = kSizeClasses[i].size - before;
    if (step > 16 && step * 8 > before) return false;
    if (kSizeClasses[i].size % 16 != 0) return false;
  }
  return true;
}
static_assert(steps_are_small());

}  // namespace quire::preload
