// Taking mappings away, and making their pages present, for calls that hold the lock already.
#pragma once

#include "mm/calls.hpp"

namespace quire {

// The length of what a call means by `length` bytes; 0 also where that is too much for 64 bits.
constexpr Bytes page_align(Bytes length) {
  return Bytes{(length.raw() + kPageSize.raw() - 1) & ~(kPageSize.raw() - 1)};
}

// munmap with mmap_lock held exclusively. Errors: kInvalid, kNoMemory.
Result<void> unmap(const Caller& caller, VirtAddr start, Bytes length);

// Whether `pages` more of a locked mapping are allowed (RLIMIT_MEMLOCK). Errors: kAgain.
Result<void> may_lock_more(const Mm& mm, VmFlags flags, PageCount pages);

// Makes the pages of `range` present as their VMAs' programs would (mm_populate). No lock is held.
// kFault: not allowed, or no such page. kNoMemory: no page.
enum class OnError : std::uint8_t { kStop, kGoOn };  // on to the next VMA
Result<void> populate(const Caller& caller, VirtRange range, OnError on_error);
// The same with mmap_lock held shared, of a part of one VMA.
Result<void> populate_in(const Caller& caller, Vma& vma, VirtRange range);
// One kind of access to each page that does not allow it yet.
Result<void> touch(const Caller& caller, Vma& vma, VirtRange range, Access access);

}  // namespace quire
