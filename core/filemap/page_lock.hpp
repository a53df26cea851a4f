// The lock of a page that belongs to a file: who has it may read the page in, write it out and take
// it out of its mapping. A bit of the page's flags; whoever waits yields.
//
// Locking  Waits are made with no spinlock held, and with a reference to the page.
#pragma once

#include "base/base.hpp"
#include "host/host.hpp"
#include "memmap/memmap.hpp"

namespace quire {

[[nodiscard]] inline bool try_lock_page(Page& page) {
  return !test_and_set(page, PageFlag::kLocked);
}
inline void unlock_page(Page& page) { clear_flag(page, PageFlag::kLocked); }

// Returns when the flag is clear.
inline void wait_for(const Page& page, PageFlag flag) {
  while (has_flag(page, flag)) {
    QUIRE_ASSERT(Arch::current()->spinlocks_held == 0);
    Arch::current()->host->yield();
  }
}
inline void lock_page(Page& page) {
  while (!try_lock_page(page)) wait_for(page, PageFlag::kLocked);
}

}  // namespace quire
