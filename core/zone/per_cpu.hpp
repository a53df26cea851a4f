// What each CPU keeps for itself: its set of free pages of every zone (pcp), the parts of the zone
// and node counters that it has not folded yet, and its event counters.
//
// Layout    The per-CPU area begins with PerCpuEvents; each zone's PerCpuZone and each node's
//           PerCpuNode lie at an offset that the zone and the node know.
// Locking   The CPU's owner writes counters, anyone reads them. PerCpuPages has a try-lock, as
//           Linux 6.1's has, so that another CPU can drain it: who does not get it goes to the
//           zone instead of waiting.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/base.hpp"
#include "host/host.hpp"
#include "memmap/memmap.hpp"
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

class QUIRE_CAPABILITY("pcp") PcpLock {
 public:
  bool try_lock() QUIRE_TRY_ACQUIRE(true) {
    return word_.exchange(1, std::memory_order_acquire) == 0;
  }
  // For draining: the owner never keeps it long.
  void lock() QUIRE_ACQUIRE() {
    while (!try_lock()) Arch::cpu_relax();
  }
  void unlock() QUIRE_RELEASE() { word_.store(0, std::memory_order_release); }

 private:
  std::atomic<std::uint32_t> word_ = 0;
};

// One CPU's pages of one zone. Hot paths count in it what they do; readers add that to the
// counters of its name (zone/vmstat.hpp).
struct PerCpuPages {
  PcpLock lock;
  std::int32_t count QUIRE_GUARDED_BY(lock) = 0;  // pages on all lists
  std::atomic<std::int32_t> high = 0;   // count at which pages go back to the zone; 0: keep none
  std::atomic<std::int32_t> batch = 1;  // pages moved to or from the zone at a time
  std::uint8_t free_factor QUIRE_GUARDED_BY(lock) = 0;  // log2 by which a flush exceeds batch
  // Single pages handed out by the shortest path, to a CPU of another node and of this one.
  std::array<std::uint64_t, 2> served QUIRE_GUARDED_BY(lock){};
  std::uint64_t freed QUIRE_GUARDED_BY(lock) = 0;  // pages put on the lists
  std::array<PageList, kPcpLists> lists QUIRE_GUARDED_BY(lock);
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
};

// The part of a per-CPU area that lies at `offset`.
template <class T>
T& percpu_at(std::byte* area, std::uint32_t offset) {
  return *reinterpret_cast<T*>(area + offset);
}

}  // namespace quire
