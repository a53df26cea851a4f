// What each CPU keeps for itself: its set of free pages of every zone (pcp), the parts of the zone
// and node counters that it has not folded yet, and its event counters.
//
// Layout    The per-CPU area begins with PerCpuEvents; then come a PerCpuZone for every zone, by
//           the number that page words name, and a PerCpuNode for every node.
// Locking   The CPU's owner writes counters, anyone reads them. PerCpuPages has a lock that its CPU
//           only tries, as Linux 6.1's has, so that another CPU can drain it: an owner that does
//           not get it goes to the zone instead of waiting.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/base.hpp"
#include "host/host.hpp"
#include "memmap/memmap.hpp"
#include "percpu_area/percpu_area.hpp"
#include "zone/pcp_lock.hpp"
#include "zone/vm_items.hpp"

namespace quire {

// A counter that one CPU adds to and everyone may read.
class LocalCounter {
 public:
  void add(std::uint64_t amount) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t read() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

// The change of a shared counter that one CPU has not folded yet.
class CounterDiff {
 public:
  [[nodiscard]] std::int64_t read() const { return value_.load(std::memory_order_relaxed); }
  void set(std::int64_t value) {
    value_.store(static_cast<std::int8_t>(value), std::memory_order_relaxed);
  }

 private:
  std::atomic<std::int8_t> value_ = 0;
};

// Orders 0 to 3 have a list for each of the three types; the huge-page order has two, the second
// for movable pages.
inline constexpr Order kCostlyOrder{3};
inline constexpr unsigned kPcpLowLists = kPcpTypes * (kCostlyOrder.raw() + 1);
inline constexpr unsigned kPcpLists = kPcpLowLists + 2;

constexpr bool has_pcp_list(Order order) {
  return order <= kCostlyOrder || order == kPageblockOrder;
}
constexpr unsigned pcp_index(MigrateType type, Order order) {
  if (order > kCostlyOrder) return kPcpLowLists + (type == MigrateType::kMovable ? 1 : 0);
  return kPcpTypes * order.raw() + index_of(type);
}
constexpr Order order_of_pcp_list(unsigned index) {
  return index >= kPcpLowLists ? kPageblockOrder : Order{index / kPcpTypes};
}

// pcp_index() as a table for hot paths: kNoPcpList where an order has no list, and for types whose
// pages do not mix with others.
inline constexpr std::uint8_t kNoPcpList = 0xff;
inline constexpr auto kPcpListOf = [] {
  std::array<std::array<std::uint8_t, 8>, kOrderCount> lists{};
  for (unsigned order = 0; order < kOrderCount; ++order) {
    lists[order].fill(kNoPcpList);
    for (unsigned type = 0; has_pcp_list(Order{order}) && type < kPcpTypes; ++type)
      lists[order][type] =
          static_cast<std::uint8_t>(pcp_index(static_cast<MigrateType>(type), Order{order}));
  }
  return lists;
}();
constexpr unsigned pcp_list_of(Order order, MigrateType type) {
  return kPcpListOf.data()[order.raw()].data()[index_of(type)];
}

// The single pages that were freed last, at hand without touching their links: the front of the
// list of their type, the newest on top.
struct HotPages {
  static constexpr std::uint32_t kCapacity = 31;

  std::uint16_t count = 0;
  std::uint16_t limit = 0;  // how many there may be before the set must be looked at
  std::array<Page*, kCapacity> pages{};
};
static_assert(sizeof(HotPages) == 256);  // the hot paths find one by a shift

// One CPU's pages of one zone. Hot paths touch `hot` and `served` alone; the rest is kept so that
// everything they leave out follows from those.
struct PerCpuPages {
  PcpLock lock;
  std::int32_t listed QUIRE_GUARDED_BY(lock) = 0;  // pages on `lists`
  std::uint8_t free_factor QUIRE_GUARDED_BY(lock) = 0;  // log2 by which a flush exceeds batch
  bool ample QUIRE_GUARDED_BY(lock) = false;  // limits are as high as hot pages have room
  std::uint64_t served QUIRE_GUARDED_BY(lock) = 0;  // single pages that the shortest path took
  std::int64_t moved QUIRE_GUARDED_BY(lock) = 0;    // pages that left otherwise, less refills
  std::array<HotPages, kPcpTypes> hot QUIRE_GUARDED_BY(lock);
  std::array<PageList, kPcpLists> lists QUIRE_GUARDED_BY(lock);
  std::array<std::uint64_t, kPcpLists> blocks QUIRE_GUARDED_BY(lock){};  // that the short path took
  std::atomic<std::int32_t> high = 0;   // count at which pages go back to the zone; 0: keep none
  std::atomic<std::int32_t> batch = 1;  // pages moved to or from the zone at a time

  // Pages in the set.
  [[nodiscard]] std::int32_t count() const QUIRE_REQUIRES(lock) {
    return listed + hot[0].count + hot[1].count + hot[2].count;
  }
  // Pages ever put here.
  [[nodiscard]] std::uint64_t freed() const QUIRE_REQUIRES(lock) {
    return served_pages() + static_cast<std::uint64_t>(moved + count());
  }
  // Requests that the shortest path and the one for blocks have met, and the pages of those.
  [[nodiscard]] std::uint64_t served_requests() const QUIRE_REQUIRES(lock) {
    std::uint64_t sum = served;
    for (const std::uint64_t of_list : blocks) sum += of_list;
    return sum;
  }
  [[nodiscard]] std::uint64_t served_pages() const QUIRE_REQUIRES(lock) {
    std::uint64_t sum = served;
    for (unsigned list = 0; list < kPcpLists; ++list)
      sum += blocks[list] << order_of_pcp_list(list).raw();
    return sum;
  }
  // Whether that many pages may be added with nothing else to be looked at.
  // A guess on the safe side: it takes all places for hot pages as filled.
  [[nodiscard]] bool has_room_for(std::int32_t pages) const QUIRE_REQUIRES(lock) {
    return ample && high.load(std::memory_order_relaxed) - listed - pages > 2 * kAmple;
  }
  // Sets the limits of hot pages, so that count() reaches `high` only where it is looked at.
  // Whoever changed anything but hot pages calls it before it gives the lock back.
  void set_limits() QUIRE_REQUIRES(lock);

  // Room for that many pages more leaves the limits of hot pages as high as they can be.
  static constexpr std::int32_t kAmple = kPcpTypes * HotPages::kCapacity;
};

struct alignas(64) PerCpuZone {
  PerCpuPages pages;
  std::array<LocalCounter, kCountOf<NumaItem>> numa;
  std::array<CounterDiff, kCountOf<ZoneItem>> diffs;
};

struct alignas(64) PerCpuNode {
  std::array<CounterDiff, kCountOf<NodeItem>> diffs;
};

struct alignas(64) PerCpuEvents {
  std::array<LocalCounter, kCountOf<VmEvent>> counts;

  // The zone that single pages were last freed to, so that the next need not be asked for its own
  // before the set is touched: the word that its pages have, and the CPU's set of it.
  static constexpr std::uint32_t kNoWord = ~std::uint32_t{0};
  std::uint32_t recent_word = 0;
  PerCpuPages* recent_set = nullptr;
};

inline void PerCpuPages::set_limits() {
  const std::int32_t room = high.load(std::memory_order_relaxed) - 1 - count();
  if (ample && room >= kAmple && free_factor == 0) return;
  ample = room >= kAmple && free_factor == 0;
  // free_factor falls with each allocation and counts in each flush: nothing may pass it by, so
  // that there are no hot pages then.
  const bool look_always = room < 0 || free_factor != 0;
  const auto share = static_cast<std::uint32_t>(look_always ? 0 : room / std::int32_t{kPcpTypes});
  for (HotPages& of_type : hot)
    of_type.limit = static_cast<std::uint16_t>(
        look_always ? 0 : min_of(HotPages::kCapacity, of_type.count + share));
}

constexpr std::uint32_t percpu_zone_offset(unsigned zone_number) {
  return static_cast<std::uint32_t>(sizeof(PerCpuEvents) + zone_number * sizeof(PerCpuZone));
}
inline PerCpuZone& percpu_zone(std::byte* area, unsigned zone_number) {
  return percpu_at<PerCpuZone>(area, percpu_zone_offset(zone_number));
}

}  // namespace quire
