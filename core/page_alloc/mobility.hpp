// Grouping by mobility: pages of one migrate type are kept in pageblocks of their own, so that
// movable memory stays movable. When a type runs dry it takes from another, the largest block
// first and if it can the whole pageblock; the zone's watermarks are then boosted so that kswapd
// makes room before it happens again. The highatomic reserve is kept here too.
//
// Locking  The zone's lock, held by the caller, unless said otherwise.
// Source   The kernel's design notes on fragmentation avoidance (watermark_boost_factor in
//          sysctl/vm.rst); recorded sequences fix every choice.
#pragma once

#include <array>

#include "base/base.hpp"
#include "page_alloc/buddy.hpp"
#include "page_alloc/request.hpp"
#include "zone/zone.hpp"

namespace quire {

class Mobility {
 public:
  Mobility(Buddy& buddy, const Tunables& tunables) : buddy_(buddy), tunables_(tunables) {
    set_grouping_disabled(false);
  }

  // Takes a block of `type`, from another type's pageblocks when its own are empty.
  PageIndex take(Zone& zone, const AllocRequest& request, AllocFlags flags)
      QUIRE_REQUIRES(zone.lock);

  // Moves every free block of the pageblock of `index` to `to`'s lists. Returns the free pages
  // moved; counts what looks movable among the others into `movable`.
  std::uint64_t move_pageblock(Zone& zone, PageIndex index, MigrateType to, std::uint64_t& movable)
      QUIRE_REQUIRES(zone.lock);
  void set_pageblock_type(PageIndex index, MigrateType type);

  // After an atomic allocation of high order: keeps the rest of its pageblock for the next one,
  // up to one hundredth of the zone and one pageblock more. Takes the lock.
  void reserve_highatomic(Zone& zone, PageIndex index) QUIRE_EXCLUDES(zone.lock);
  // Gives a reserved pageblock back to `request`'s type; leaves each zone one unless `force`.
  // True when pages came free. Takes the zones' locks.
  bool unreserve_highatomic(const AllocRequest& request, bool force);

  // On machines too small for a pageblock a type, everything is unmovable.
  [[nodiscard]] bool grouping_disabled() const { return grouping_disabled_; }
  void set_grouping_disabled(bool disabled);
  [[nodiscard]] MigrateType type_of(Gfp gfp) const { return types_.data()[raw(gfp) >> 3 & 3]; }

 private:
  struct Candidate {
    Order order;
    MigrateType type{};
    bool whole_block = false;
  };

  bool steal(Zone& zone, const AllocRequest& request, AllocFlags flags) QUIRE_REQUIRES(zone.lock);
  bool find_fallback(const Zone& zone, Order order, MigrateType start, Candidate& found) const
      QUIRE_REQUIRES(zone.lock);
  [[nodiscard]] bool may_take_whole_block(Order order, MigrateType start) const;
  PageIndex claim(Zone& zone, const Candidate& from, MigrateType start, AllocFlags flags)
      QUIRE_REQUIRES(zone.lock);
  bool claim_pageblock(Zone& zone, PageIndex head, MigrateType start) QUIRE_REQUIRES(zone.lock);
  bool boost_watermark(Zone& zone) QUIRE_REQUIRES(zone.lock);
  bool release_reserved_block(Zone& zone, MigrateType type) QUIRE_REQUIRES(zone.lock);

  Buddy& buddy_;
  const Tunables& tunables_;
  bool grouping_disabled_ = false;
  std::array<MigrateType, 4> types_{};  // by the mobility bits of a gfp mask
};

}  // namespace quire
