// The allocator before there is one: ranges of memory and ranges of it in use, both as sorted
// arrays of regions.
//
// Invariants  I1  The regions of a type are ascending and disjoint; two that touch differ in node
//                 or flags. total_size() is the sum of their sizes.
//             I2  Reserved ranges need not be memory (firmware tables in reserved RAM).
// Ownership   Regions live in the Arena; an array that is full is doubled there.
// Locking     None: one CPU boots. Afterwards it is retired: it allocates no more and is only read,
//             but for ranges that are freed late.
// Errors      kNoMemory: no such free range, or no room for a region. kPermission: retired.
// Cost        add, reserve, free: O(regions). Queries: O(log regions).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/base.hpp"
#include "boot/arena_vector.hpp"
#include "host/host.hpp"

namespace quire {

struct MemblockRegion {
  static constexpr std::uint32_t kHotplug =
      1;  // may be taken away: no kernel memory (movable_node)
  static constexpr std::uint32_t kMirror = 2;
  static constexpr std::uint32_t kNoMap = 4;

  PhysAddr base;
  Bytes size;
  std::uint32_t flags = 0;
  NodeId node = kNoNode;

  [[nodiscard]] PhysAddr end() const { return base + size; }
  [[nodiscard]] PhysRange range() const { return {base, base + size}; }
};

// One kind of ranges: "memory", "reserved" or "physmem".
class MemblockType {
 public:
  static constexpr std::size_t kInitialRegions = 128;

  MemblockType(std::string_view name, Arena& arena) : name_(name), regions_(arena) {}

  [[nodiscard]] std::string_view name() const { return name_; }
  [[nodiscard]] std::size_t cnt() const { return regions_.size(); }
  [[nodiscard]] std::size_t max() const { return regions_.capacity(); }
  [[nodiscard]] Bytes total_size() const { return total_size_; }
  [[nodiscard]] std::span<const MemblockRegion> regions() const { return regions_.span(); }
  // The region that `address` lies in, or null.
  [[nodiscard]] const MemblockRegion* find(PhysAddr address) const;
  [[nodiscard]] bool overlaps(PhysRange range) const;

  // What of `region` is not covered yet becomes covered, with its node and flags.
  Result<void> add(const MemblockRegion& region);
  Result<void> remove(PhysRange range);
  Result<void> set_node(PhysRange range, NodeId node);
  Result<void> set_flags(PhysRange range, std::uint32_t flags);
  Result<void> clear_flags(PhysRange range, std::uint32_t flags);
  // Takes what is not a whole multiple of `alignment` off both ends of each region.
  void trim(Bytes alignment);

  struct Indices {
    std::size_t first, last;  // [first, last)
  };
  // Splits regions so that `range` begins and ends at a region's edge; which lie in it.
  Result<Indices> isolate(PhysRange range);

 private:
  Result<void> make_room(std::size_t more);
  void merge();
  [[nodiscard]] std::size_t first_ending_after(PhysAddr address) const;

  std::string_view name_;
  ArenaVector<MemblockRegion> regions_;
  Bytes total_size_;
};

struct MemblockRequest {
  Bytes size;
  Bytes alignment{64};
  PhysAddr min{};         // given up when nothing is free above it
  PhysAddr max{};         // 0: up to current_limit
  NodeId node = kNoNode;  // preferred, unless exact_node
  bool exact_node = false;
};

class Memblock {
 public:
  explicit Memblock(Arena& arena)
      : memory_("memory", arena), reserved_("reserved", arena), physmem_("physmem", arena) {}

  [[nodiscard]] const MemblockType& memory() const { return memory_; }
  [[nodiscard]] const MemblockType& reserved() const { return reserved_; }
  [[nodiscard]] const MemblockType& physmem() const { return physmem_; }
  [[nodiscard]] bool is_memory(Pfn pfn) const { return memory_.find(address_of(pfn)) != nullptr; }
  [[nodiscard]] bool is_reserved(Pfn pfn) const {
    return reserved_.overlaps({address_of(pfn), address_of(Pfn{pfn.raw() + 1})});
  }

  Result<void> add(PhysRange range, NodeId node = kNoNode, std::uint32_t flags = 0);
  // Memory that came while the machine runs: also when retired, since nobody allocates it here.
  Result<void> add_hotplugged(PhysRange range, NodeId node);
  Result<void> add_physmem(PhysRange range) { return physmem_.add(region_of(range)); }
  Result<void> remove(PhysRange range) { return memory_.remove(range); }
  Result<void> reserve(PhysRange range, NodeId node = kNoNode);
  Result<void> free(PhysRange range) { return reserved_.remove(range); }
  Result<void> set_node(PhysRange range, NodeId node) { return memory_.set_node(range, node); }
  Result<void> set_reserved_node(PhysRange range, NodeId node) {
    return reserved_.set_node(range, node);
  }
  Result<void> mark_hotplug(PhysRange range) {
    return memory_.set_flags(range, MemblockRegion::kHotplug);
  }
  Result<void> clear_hotplug(PhysRange range) {
    return memory_.clear_flags(range, MemblockRegion::kHotplug);
  }
  void trim_memory(Bytes alignment) { memory_.trim(alignment); }

  // Reserves a free range and says where it begins: the highest that fits, or with bottom_up the
  // lowest. Page 0 is never given. Preferred node first, then any; then below `min` too.
  Result<PhysAddr> allocate(const MemblockRequest& request);
  // What as many allocations of a page in turn give, at most `count`, as far as it lies in one
  // piece: the highest page first, or with bottom_up the lowest.
  Result<PhysRange> allocate_pages(PhysRange within, PageCount count);

  [[nodiscard]] bool bottom_up() const { return bottom_up_; }
  void set_bottom_up(bool bottom_up) { bottom_up_ = bottom_up; }
  [[nodiscard]] PhysAddr current_limit() const { return current_limit_; }
  void set_current_limit(PhysAddr limit) { current_limit_ = limit; }
  // Allocations keep out of hot-pluggable memory (movable_node).
  void set_avoid_hotplug(bool avoid) { avoid_hotplug_ = avoid; }

  void retire() { retired_ = true; }
  [[nodiscard]] bool retired() const { return retired_; }

  // Calls visit(PhysRange, const MemblockRegion&) for each free range (memory that is mapped and
  // not reserved) and the region it is of, ascending, as long as visit returns true.
  template <class Visit>
  void for_each_free(Visit visit) const;

  // " memory.cnt  = 0x3" and a line for each region.
  void dump(Host& host) const;

 private:
  static MemblockRegion region_of(PhysRange range);
  // Where a request fits, and what is free around that; from 0 on when it fits nowhere.
  struct Place {
    PhysAddr start{0};
    PhysRange free{};
  };
  Result<Place> find_place(const MemblockRequest& request) const;
  // In `window`, on `node` or with kNoNode anywhere.
  [[nodiscard]] Place find_free(const MemblockRequest& request, PhysRange window,
                                NodeId node) const;

  MemblockType memory_;
  MemblockType reserved_;
  MemblockType physmem_;
  PhysAddr current_limit_{~std::uint64_t{0}};
  bool bottom_up_ = false;
  bool avoid_hotplug_ = false;
  bool retired_ = false;
};

template <class Visit>
void Memblock::for_each_free(Visit visit) const {
  const std::span<const MemblockRegion> taken = reserved_.regions();
  std::size_t next = 0;
  for (const MemblockRegion& region : memory_.regions()) {
    if ((region.flags & MemblockRegion::kNoMap) != 0) continue;
    PhysAddr from = region.base;
    while (next < taken.size() && taken[next].end() <= from) ++next;
    for (std::size_t i = next; from < region.end(); ++i) {
      const bool last = i == taken.size() || taken[i].base >= region.end();
      const PhysAddr to = last ? region.end() : taken[i].base;
      if (from < to && !visit(PhysRange{from, to}, region)) return;
      if (last) break;
      from = taken[i].end();
    }
  }
}

}  // namespace quire
