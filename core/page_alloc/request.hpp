// One allocation on its way through the zones: what was asked, and what follows from it.
#pragma once

#include <cstdint>

#include "base/base.hpp"
#include "page_alloc/gfp.hpp"
#include "zone/zone.hpp"

namespace quire {

// How far an allocation may go, as its path decides (Linux's ALLOC_ flags).
class AllocFlags {
 public:
  enum Bit : std::uint32_t {
    kNoWatermarks = 0x04,
    kOom = 0x08,         // a victim's: half of the min watermark more than kMinReserve
    kNonBlock = 0x10,    // cannot wait: a quarter more of what kMinReserve leaves
    kMinReserve = 0x20,  // __GFP_HIGH: half of the min watermark
    kCpuset = 0x40,
    kNoFragment = 0x100, // take no pageblock of another type yet
    kHighAtomic = 0x200, // a block of high order, from and for the highatomic reserve
    kKswapd = 0x800,     // may wake kswapd
  };
  // Whoever has one of these may count the highatomic reserve as free.
  static constexpr std::uint32_t kReserves = kOom | kNonBlock | kMinReserve | kHighAtomic;

  constexpr AllocFlags() = default;
  constexpr explicit AllocFlags(Watermark mark) : raw_(static_cast<std::uint32_t>(mark)) {}

  [[nodiscard]] constexpr Watermark watermark() const { return static_cast<Watermark>(raw_ & 3); }
  [[nodiscard]] constexpr bool has(Bit bit) const { return (raw_ & bit) != 0; }
  [[nodiscard]] constexpr bool has_any(std::uint32_t bits) const { return (raw_ & bits) != 0; }
  constexpr AllocFlags& set(Bit bit, bool on = true) {
    raw_ = on ? raw_ | bit : raw_ & ~static_cast<std::uint32_t>(bit);
    return *this;
  }

 private:
  std::uint32_t raw_ = 0;
};

// The nodes that may serve a request, a bit each.
using NodeMask = std::uint64_t;
inline constexpr NodeMask kAllNodes = ~NodeMask{0};

struct AllocRequest {
  Gfp gfp{};
  Order order;
  ZoneType highest{};             // no zone above it
  MigrateType type{};
  const Zonelist* list = nullptr;
  const ZoneRef* preferred = nullptr;  // the first zone that may serve it; its zone may be null
  NodeMask nodes = kAllNodes;
  const void* caller = nullptr;        // who asked, for page_owner

  [[nodiscard]] bool may_use(const ZoneRef& ref) const {
    return ref.type <= highest && (nodes >> index_of(ref.zone->node) & 1) != 0;
  }
  // The next zone that may serve the request, from `ref` on; its zone is null at the end.
  [[nodiscard]] const ZoneRef* next_from(const ZoneRef* ref) const {
    while (ref->zone != nullptr && !may_use(*ref)) ++ref;
    return ref;
  }
  void find_preferred() { preferred = next_from(list->first[index_of(highest)]); }
};

}  // namespace quire
