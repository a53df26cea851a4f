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
  explicit TableGuard(Page& table) : word_(reinterpret_cast<std::uint32_t*>(&table.word)) {
    while ((__atomic_fetch_or(word_, kLocked, __ATOMIC_ACQUIRE) & kLocked) != 0) wait();
    CpuContext* const cpu = Arch::current();
    nested_ = (cpu->spinlocks_held & kHeld) != 0;
    cpu->spinlocks_held |= kHeld;
  }
  ~TableGuard() {
    if (!nested_) Arch::current()->spinlocks_held &= ~kHeld;
    const std::uint32_t word = __atomic_load_n(word_, __ATOMIC_RELAXED);
    __atomic_store_n(word_, word & ~kLocked, __ATOMIC_RELEASE);
  }
  TableGuard(const TableGuard&) = delete;
  TableGuard& operator=(const TableGuard&) = delete;

 private:
  static constexpr std::uint32_t kLocked = static_cast<std::uint32_t>(PageFlag::kLocked);
  static constexpr std::uint32_t kHeld = std::uint32_t{1} << index_of(LockRank::kPte);

  static void wait() {
    CpuContext& cpu = *Arch::current();
    if ((cpu.spinlocks_held & ~kHeld) == 0) cpu.host->yield();
  }

  std::uint32_t* word_;
  bool nested_ = false;
};

}  // namespace quire
