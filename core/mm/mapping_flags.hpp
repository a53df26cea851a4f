// From the numbers of calls to VMAs' flags.
#pragma once

#include "mm/mman.hpp"
#include "vma/vma.hpp"

namespace quire {

constexpr VmFlags flags_of_prot(std::uint64_t prot) {
  static_assert(raw(VmFlags::kAccess) == prot::kAccess);
  return static_cast<VmFlags>(prot & prot::kAccess);
}
constexpr VmFlags flags_of_map(std::uint64_t flags) {
  return ((flags & map::kGrowsDown) != 0 ? VmFlags::kGrowsDown : VmFlags::kNone) |
         ((flags & map::kLocked) != 0 ? VmFlags::kLocked : VmFlags::kNone) |
         ((flags & map::kSync) != 0 ? VmFlags::kSync : VmFlags::kNone);
}

}  // namespace quire
