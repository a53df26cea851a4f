// kvmalloc()'s way out: what is not to be had in one piece of memory lies scattered at addresses of
// vmalloc's range.
//
// Ownership  Borrows the space. What it hands out is an address of the machine's, as a pointer.
// Locking    As VmallocSpace.
// Errors     Null. Nothing larger than an int counts: Linux takes such a size for a mistake.
// Source     Kernel-doc of kvmalloc_node(); Documentation/core-api/memory-allocation.rst.
#pragma once

#include <limits>

#include "vmalloc/vmalloc_space.hpp"

namespace quire {

class ScatteredMemory final : public VirtualMemory {
 public:
  explicit ScatteredMemory(VmallocSpace& space) : space_(space) {}

  [[nodiscard]] void* allocate(Bytes size, Gfp gfp, NodeId node) override {
    if (size.raw() > std::numeric_limits<std::int32_t>::max()) return nullptr;
    const VirtAddr at = space_.allocate({.size = size, .gfp = gfp, .node = node,
                                         .flags = VmapFlags::kAllowHuge,
                                         .caller = "kvmalloc_node"});
    return reinterpret_cast<void*>(at.raw());
  }
  [[nodiscard]] bool owns(const void* memory) const override {
    return space_.is_vmalloc_address(address_of(memory));
  }
  void free(void* memory) override { space_.vfree(address_of(memory)); }

 private:
  static VirtAddr address_of(const void* memory) {
    return VirtAddr{reinterpret_cast<std::uintptr_t>(memory)};
  }

  VmallocSpace& space_;
};

}  // namespace quire
