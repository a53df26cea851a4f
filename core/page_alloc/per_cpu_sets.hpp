// Per-CPU sets of pages (pcp): each CPU keeps some free pages of every zone at hand, so that most
// requests touch nothing that another CPU touches. Refilled in batches from the zone; when they
// hold too much, pages that were freed longest ago go back first.
//
// Units    Counts are in pages, whatever the order of the blocks.
// Locking  The set's try-lock is held by the caller; the zone's lock is taken within.
// Source   vm.percpu_pagelist_high_fraction in sysctl/vm.rst; recorded sequences show that a
//          refill takes max(batch >> order, 2) blocks and that a flush grows with free_factor.
#pragma once

#include "base/base.hpp"
#include "page_alloc/mobility.hpp"
#include "zone/zone.hpp"

namespace quire {

class PerCpuSets {
 public:
  PerCpuSets(Buddy& buddy, Mobility& mobility) : buddy_(buddy), mobility_(mobility) {}

  struct Set {
    std::byte* area;      // of the CPU whose set it is
    Zone& zone;
    PerCpuPages& pages;
  };

  // Fills the request's empty list from the zone. False when the zone has nothing to give.
  bool refill(const Set& set, const AllocRequest& request, AllocFlags flags)
      QUIRE_REQUIRES(set.pages.lock);

  // After a block was freed to list `index`: gives pages back if the set is over its limit.
  void flush(const Set& set, unsigned index) QUIRE_REQUIRES(set.pages.lock);

  // Gives all pages back.
  void drain(const Set& set) QUIRE_REQUIRES(set.pages.lock) {
    give_back(set, set.pages.count, 0);
  }

 private:
  void give_back(const Set& set, std::int32_t count, unsigned first)
      QUIRE_REQUIRES(set.pages.lock);
  std::int32_t empty_list(const Set& set, unsigned index, std::int32_t count)
      QUIRE_REQUIRES(set.pages.lock, set.zone.lock);

  Buddy& buddy_;
  Mobility& mobility_;
};

}  // namespace quire
