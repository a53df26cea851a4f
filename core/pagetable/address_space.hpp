// Where things lie in the kernel's address space, for each architecture.
//
// Source  Documentation/x86/x86_64/mm.rst; for 32 bits the "virtual kernel memory layout" that
//         kernels with high memory print at boot.
#pragma once

#include "base/base.hpp"
#include "boot/boot.hpp"
#include "pagetable/format.hpp"

namespace quire {

struct AddressSpace {
  const PagingFormat* format = nullptr;
  VirtAddr task_size;     // user addresses end here
  VirtRange direct;       // PAGE_OFFSET: all RAM, or with 32 bits low memory
  VirtRange vmalloc;      // VMALLOC_START to VMALLOC_END, which is the last byte with 64 bits
  VirtRange vmemmap;      // the memory map; empty where it needs no range of its own
  VirtRange kernel_text;  // __START_KERNEL_map
  VirtRange modules;
  VirtRange persistent_kmap;  // PKMAP; empty without high memory
  VirtRange fixmap;

  [[nodiscard]] VirtAddr page_offset() const { return direct.start; }
  [[nodiscard]] VirtAddr direct_address(PhysAddr at) const {
    return direct.start + (at - PhysAddr{0});
  }
  [[nodiscard]] VirtRange direct_range(PhysRange range) const {
    return {direct_address(range.start), direct_address(range.end)};
  }
  // The first address of the kernel's half.
  [[nodiscard]] VirtAddr kernel_start() const {
    return format->address_bits == 32 ? direct.start
                                      : VirtAddr{~std::uint64_t{0} << (format->address_bits - 1)};
  }
};

struct RamEnds {
  Pfn all;  // one past the last page of RAM
  Pfn low;  // of what the direct map holds
};
// With 32 bits, RAM beyond 4 GiB asks for PAE, and where low memory ends vmalloc follows.
AddressSpace make_address_space(ArchProfile arch, const RamEnds& ends);

// Between the end of low memory and vmalloc: so that a pointer that runs over faults.
inline constexpr Bytes kVmallocGap = mib(8);

}  // namespace quire
