// The lock of one page table: whoever changes entries that others may change too holds it (split
// page-table lock). A bit of the table's own Page, so that there are as many locks as tables.
//
// Locking  Rank kPte; one at a time, but for two tables of a parent and its child (nest()).
// Cost     One locked instruction to take, a plain store to give back.
// Source   Documentation/mm/split_page_table_lock.rst.
#pragma once

#include "base/base.hpp"
#include "host/host.hpp"
#include "memmap/memmap.hpp"

namespace quire {

class TableGuard {
 public:
  explicit TableGuard(Page& table)
      : word_(reinterpret_cast<std::uint32_t*>(&table.word)), cpu_(Arch::current()) {
    while ((__atomic_fetch_or(word_, kLocked, __ATOMIC_ACQUIRE) & kLocked) != 0) wait();
    held_before_ = cpu_->spinlocks_held;
    cpu_->spinlocks_held = held_before_ | kHeld;
  }
  ~TableGuard() {
    cpu_->spinlocks_held = held_before_;
    const std::uint32_t word = __atomic_load_n(word_, __ATOMIC_RELAXED);
    __atomic_store_n(word_, word & ~kLocked, __ATOMIC_RELEASE);
  }
  TableGuard(const TableGuard&) = delete;
  TableGuard& operator=(const TableGuard&) = delete;

 private:
  static constexpr std::uint32_t kLocked = static_cast<std::uint32_t>(PageFlag::kLocked);
  static constexpr std::uint32_t kHeld = std::uint32_t{1} << index_of(LockRank::kPte);

  void wait() const {
    if ((cpu_->spinlocks_held & ~kHeld) == 0) cpu_->host->yield();
  }

  std::uint32_t* const word_;
  CpuContext* const cpu_;
  std::uint32_t held_before_;  // CpuContext::spinlocks_held: locks go in the reverse of their order
};

}  // namespace quire
