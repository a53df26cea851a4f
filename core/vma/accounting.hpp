// What an address space may still grow by, and what it has grown by.
//
// Locking  mmap_lock exclusively.
// Errors   charge(): kNoMemory, and nothing is charged.
// Source   getrlimit(2); Documentation/mm/overcommit-accounting.rst.
#pragma once

#include "base/base.hpp"
#include "vma/mm.hpp"

namespace quire {

// Within RLIMIT_AS and, for what counts as data, RLIMIT_DATA.
[[nodiscard]] bool may_expand(const Mm& mm, VmFlags flags, PageCount pages);

// Counts pages of a mapping of `flags` into, or out of, the Mm's sums.
void account_pages(Mm& mm, VmFlags flags, PageCount pages);
void unaccount_pages(Mm& mm, VmFlags flags, PageCount pages);

// Promises `pages` to `mm`, if overcommit_memory allows; takes the promise back.
Result<void> charge(const Mm& mm, PageCount pages);
void uncharge(const Mm& mm, PageCount pages);

}  // namespace quire
