// struct zone: a stretch of one node's memory of one kind, with its free lists, watermarks and
// counters. Its fields are what /proc/zoneinfo shows and what allocation and reclaim decide by.
//
// Units     All sizes are in pages.
// Locking   lock guards the free lists, pageblock types and nr_reserved_highatomic. Watermarks,
//           protection and sizes change under the sysctl or hot-plug lock, and are read anywhere.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/base.hpp"
#include "boot/boot.hpp"
#include "host/host.hpp"
#include "memmap/memmap.hpp"
#include "zone/per_cpu.hpp"
#include "zone/vm_items.hpp"

namespace quire {

enum class Watermark : std::uint8_t { kMin, kLow, kHigh, kPromo };
inline constexpr unsigned kWatermarks = 4;
constexpr unsigned index_of(Watermark mark) { return static_cast<unsigned>(mark); }

struct FreeArea {
  std::array<PageList, kMigrateTypes> lists;
  std::uint64_t nr_free = 0;  // blocks of this order, whatever their type
};

// Bits of Zone::flags.
enum class ZoneFlag : std::uint32_t {
  kBoostedWatermark = 1u << 0,  // boosted since kswapd was last woken
};

// A number that changes rarely and is read without a lock.
class Setting {
 public:
  [[nodiscard]] std::int64_t get() const { return value_.load(std::memory_order_relaxed); }
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_ = 0;
};

struct Zone {
  // What the shortest path reads: the pages that must stay free, by the highest zone that the
  // request may use: low watermark, boost, protection and highatomic reserve together. While
  // kswapd is to be woken, or hooked, more than there are: requests then take the whole path.
  std::array<Setting, kZoneTypes> fast_low;
  std::uint32_t percpu_offset = 0;   // of the PerCpuZone in each CPU's area
  std::uint32_t page_bits = 0;       // the zone's number as PageWord has it
  std::atomic<std::uint32_t> flags = 0;
  ZoneType type{};
  NodeId node{};
  bool hooked = false;               // each page is to be cleared, poisoned or recorded
  bool fragments_late = false;       // a first pass takes no pageblock of another type
                                     // (ALLOC_NOFRAGMENT: a Normal zone above a DMA32 zone)

  std::array<Setting, kWatermarks> watermark;
  Setting watermark_boost;
  std::array<Setting, kZoneTypes> lowmem_reserve;
  Setting nr_reserved_highatomic;
  Setting stat_threshold;
  Setting percpu_drift_mark;

  PfnRange span{};                   // empty: the zone has no pages
  PageCount present;
  std::atomic<std::uint64_t> managed = 0;
  std::uint64_t nr_isolated_blocks QUIRE_GUARDED_BY(lock) = 0;

  alignas(64) std::array<std::atomic<std::int64_t>, kCountOf<ZoneItem>> stat{};
  alignas(64) SpinLock lock{LockRank::kZone};
  std::array<FreeArea, kOrderCount> free_area QUIRE_GUARDED_BY(lock);

  [[nodiscard]] bool populated() const { return present.raw() != 0; }
  [[nodiscard]] std::uint64_t managed_pages() const {
    return managed.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::int64_t free_pages() const {
    return stat[index_of(ZoneItem::kNrFreePages)].load(std::memory_order_relaxed);
  }
  // The watermark in force: with the boost that fragmentation has added.
  [[nodiscard]] std::int64_t watermark_pages(Watermark mark) const {
    return watermark[index_of(mark)].get() + watermark_boost.get();
  }
  [[nodiscard]] bool has(ZoneFlag flag) const {
    return (flags.load(std::memory_order_relaxed) & static_cast<std::uint32_t>(flag)) != 0;
  }
  void set(ZoneFlag flag) {
    flags.fetch_or(static_cast<std::uint32_t>(flag), std::memory_order_relaxed);
    refresh_fast_low();
  }
  void clear(ZoneFlag flag) {
    flags.fetch_and(~static_cast<std::uint32_t>(flag), std::memory_order_relaxed);
    refresh_fast_low();
  }

  // Recomputes fast_low; whoever changes one of its parts calls it.
  void refresh_fast_low();
};

}  // namespace quire
