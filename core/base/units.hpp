// Distinct types for the quantities of a memory manager: a place minus a place is a distance,
// a place plus a distance is a place, and nothing else mixes.
//
// Units    PhysAddr and VirtAddr are byte addresses, Pfn is a page frame number (a physical
//          address divided by 4 KiB), PageCount counts 4 KiB pages, Bytes counts bytes.
// Cost     Each type is its one integer; every operation is that integer's.
// Crossing from one unit to another is a named function that says which way it rounds.
#pragma once

#include <compare>
#include <cstdint>
#include <type_traits>

#include "base/assert.hpp"

namespace quire {

template <class Tag>
class Distance {
 public:
  using Raw = std::uint64_t;

  constexpr Distance() = default;
  constexpr explicit Distance(Raw raw) : raw_(raw) {}

  [[nodiscard]] constexpr Raw raw() const { return raw_; }
  constexpr auto operator<=>(const Distance&) const = default;
  constexpr explicit operator bool() const { return raw_ != 0; }

  constexpr Distance operator+(Distance other) const { return Distance{raw_ + other.raw_}; }
  constexpr Distance operator-(Distance other) const { return Distance{raw_ - other.raw_}; }
  constexpr Distance operator*(Raw times) const { return Distance{raw_ * times}; }
  constexpr Distance operator/(Raw parts) const { return Distance{raw_ / parts}; }
  constexpr Raw operator/(Distance other) const { return raw_ / other.raw_; }
  constexpr Distance& operator+=(Distance other) { return *this = *this + other; }
  constexpr Distance& operator-=(Distance other) { return *this = *this - other; }

 private:
  Raw raw_ = 0;
};

template <class Tag, class DistanceType>
class Point {
 public:
  using Raw = std::uint64_t;

  constexpr Point() = default;
  constexpr explicit Point(Raw raw) : raw_(raw) {}

  [[nodiscard]] constexpr Raw raw() const { return raw_; }
  constexpr auto operator<=>(const Point&) const = default;

  constexpr Point operator+(DistanceType distance) const { return Point{raw_ + distance.raw()}; }
  constexpr Point operator-(DistanceType distance) const { return Point{raw_ - distance.raw()}; }
  constexpr DistanceType operator-(Point other) const { return DistanceType{raw_ - other.raw_}; }
  constexpr Point& operator+=(DistanceType distance) { return *this = *this + distance; }
  constexpr Point& operator-=(DistanceType distance) { return *this = *this - distance; }
  constexpr Point& operator++() { return *this = Point{raw_ + 1}; }

  // `alignment` is a power of two.
  [[nodiscard]] constexpr Point align_down(DistanceType alignment) const {
    return Point{raw_ & ~(alignment.raw() - 1)};
  }
  [[nodiscard]] constexpr Point align_up(DistanceType alignment) const {
    return Point{(raw_ + alignment.raw() - 1) & ~(alignment.raw() - 1)};
  }
  [[nodiscard]] constexpr bool is_aligned(DistanceType alignment) const {
    return (raw_ & (alignment.raw() - 1)) == 0;
  }

 private:
  Raw raw_ = 0;
};

using Bytes = Distance<struct BytesTag>;
using PageCount = Distance<struct PageCountTag>;
using PhysAddr = Point<struct PhysAddrTag, Bytes>;
using VirtAddr = Point<struct VirtAddrTag, Bytes>;
using Pfn = Point<struct PfnTag, PageCount>;

enum class NodeId : std::uint16_t {};
enum class CpuId : std::uint16_t {};
inline constexpr NodeId kNoNode{0xffff};
constexpr unsigned index_of(NodeId node) { return static_cast<unsigned>(node); }
constexpr unsigned index_of(CpuId cpu) { return static_cast<unsigned>(cpu); }

inline constexpr unsigned kPageShift = 12;
inline constexpr Bytes kPageSize{Bytes::Raw{1} << kPageShift};

constexpr Bytes kib(std::uint64_t n) { return Bytes{n << 10}; }
constexpr Bytes mib(std::uint64_t n) { return Bytes{n << 20}; }
constexpr Bytes gib(std::uint64_t n) { return Bytes{n << 30}; }

// The pages needed to hold `bytes`: rounds up.
constexpr PageCount pages_to_hold(Bytes bytes) {
  return PageCount{(bytes.raw() + kPageSize.raw() - 1) >> kPageShift};
}
// The whole pages that lie within `bytes`: rounds down.
constexpr PageCount whole_pages(Bytes bytes) { return PageCount{bytes.raw() >> kPageShift}; }
constexpr Bytes size_of(PageCount pages) { return Bytes{pages.raw() << kPageShift}; }
constexpr std::uint64_t in_kib(PageCount pages) { return pages.raw() << (kPageShift - 10); }

constexpr PhysAddr address_of(Pfn pfn) { return PhysAddr{pfn.raw() << kPageShift}; }
// The page that `address` lies in: rounds down.
constexpr Pfn pfn_down(PhysAddr address) { return Pfn{address.raw() >> kPageShift}; }
// The first page that begins at or after `address`: rounds up.
constexpr Pfn pfn_up(PhysAddr address) {
  return Pfn{(address.raw() + kPageSize.raw() - 1) >> kPageShift};
}

// The log2 of a block's length in pages.
class Order {
 public:
  static constexpr unsigned kMax = 10;

  constexpr Order() = default;
  constexpr explicit Order(unsigned raw) : raw_(static_cast<std::uint8_t>(raw)) {
    QUIRE_ASSERT(raw <= kMax);
  }
  [[nodiscard]] constexpr unsigned raw() const { return raw_; }
  [[nodiscard]] constexpr PageCount pages() const { return PageCount{std::uint64_t{1} << raw_}; }
  constexpr auto operator<=>(const Order&) const = default;

 private:
  std::uint8_t raw_ = 0;
};

inline constexpr unsigned kOrderCount = Order::kMax + 1;
// A pageblock is the unit of grouping by mobility: 2 MiB, the size of a huge page.
inline constexpr Order kPageblockOrder{9};
inline constexpr PageCount kPageblockPages = kPageblockOrder.pages();
inline constexpr PageCount kMaxOrderPages = Order{Order::kMax}.pages();

// A half-open range [start, end) of places.
template <class PointType>
struct Range {
  PointType start;
  PointType end;

  [[nodiscard]] constexpr auto length() const { return end - start; }
  [[nodiscard]] constexpr bool empty() const { return end <= start; }
  [[nodiscard]] constexpr bool contains(PointType place) const {
    return start <= place && place < end;
  }
  [[nodiscard]] constexpr Range intersect(Range other) const {
    const PointType low = start < other.start ? other.start : start;
    const PointType high = end < other.end ? end : other.end;
    return low < high ? Range{low, high} : Range{low, low};
  }
  constexpr bool operator==(const Range&) const = default;
};
using PhysRange = Range<PhysAddr>;
using PfnRange = Range<Pfn>;
using VirtRange = Range<VirtAddr>;

static_assert(!std::is_convertible_v<PhysAddr, VirtAddr>);
static_assert(!std::is_convertible_v<std::uint64_t, Pfn>);
static_assert(pages_to_hold(Bytes{4097}) == PageCount{2});

}  // namespace quire
