// Where a new mapping goes.
//
// Locking  mmap_lock.
// Errors   kNoMemory: nowhere, or longer than the address space. kPermission: only at addresses
//          below mmap_min_addr. kInvalid: a fixed address that is no multiple of the page size.
// Source   mmap(2), Documentation/x86/x86_64/mm.rst, sysctl/vm.rst (mmap_min_addr).
#pragma once

#include "mm/calls.hpp"

namespace quire {

// Where `vma` begins, with its guard.
VirtAddr guarded_start(const Vma& vma);

struct Place {
  VirtAddr address{};  // map::kFixed: the place, else one that would be liked; 0: none
  Bytes length{};      // whole pages, not 0
  std::uint64_t flags = 0;
};
Result<VirtAddr> unmapped_area(const Mm& mm, const Place& place);

}  // namespace quire
