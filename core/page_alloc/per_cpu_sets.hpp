// Per-CPU sets of pages (pcp): each CPU keeps some free pages of every zone at hand, so that most
// requests touch nothing that another CPU touches. Refilled in batches from the zone; when they
// hold too much, pages that were freed longest ago go back first.
//
// Order    A list's order is that of its hot pages, newest first, followed by its links.
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
  PerCpuSets(Buddy& buddy, Mobility& mobility)
      : buddy_(buddy), mobility_(mobility), array_(buddy.map().array()) {}

  struct Set {
    std::byte* area;      // of the CPU whose set it is
    Zone& zone;
    PerCpuPages& pages;
  };

  // The block that the request's order and type get from the set, refilled if need be; kNone when
  // neither set nor zone has one.
  PageIndex take(const Set& set, const AllocRequest& request, AllocFlags flags)
      QUIRE_REQUIRES(set.pages.lock);
  // The same without a refill.
  PageIndex take_ready(PerCpuPages& pages, MigrateType type, Order order)
      QUIRE_REQUIRES(pages.lock);
  // The same for a single page, whose caller sets the limits.
  PageIndex take_single(PerCpuPages& pages, MigrateType type) QUIRE_REQUIRES(pages.lock);
  // Puts a block that is free, with its list_type, into the set.
  void put(const Set& set, PageIndex index, Order order) QUIRE_REQUIRES(set.pages.lock);

  // Moves hot pages to the front of their lists.
  void settle(PerCpuPages& set) QUIRE_REQUIRES(set.lock);

  // Gives all pages back.
  void drain(const Set& set) QUIRE_REQUIRES(set.pages.lock) {
    give_back(set, set.pages.count(), 0);
  }

 private:
  PageIndex take_listed(PerCpuPages& pages, unsigned list) QUIRE_REQUIRES(pages.lock);
  bool refill(const Set& set, const AllocRequest& request, AllocFlags flags)
      QUIRE_REQUIRES(set.pages.lock);
  void flush(const Set& set, unsigned index) QUIRE_REQUIRES(set.pages.lock);
  void spill(PerCpuPages& set, MigrateType of, std::uint32_t pages) QUIRE_REQUIRES(set.lock);
  void warm(PerCpuPages& set, unsigned type) QUIRE_REQUIRES(set.lock);
  void give_back(const Set& set, std::int32_t count, unsigned first)
      QUIRE_REQUIRES(set.pages.lock);
  std::int32_t empty_list(const Set& set, unsigned index, std::int32_t count)
      QUIRE_REQUIRES(set.pages.lock, set.zone.lock);

  Buddy& buddy_;
  Mobility& mobility_;
  PageArray array_;
};

}  // namespace quire
