// What of RAM is in use before the page allocator exists, and what of it comes free at the end of
// the boot.
//
// Two ways   Where spec.managed is empty, the boot's own allocations are made one after the other
//            as Linux makes them: memory map, usage maps, node structures, per-CPU areas, hash
//            tables, bounce buffer. Where it names any zone, only what has a place of its own is
//            reserved (first MiB, kernel image, initrd), and in each zone named so much from the
//            top of its free memory that it ends with exactly that many managed pages.
// Errors     kNoMemory: the memory map does not fit, or arena. kInvalid: the kernel image and the
//            initrd alone leave a zone fewer pages than spec.managed says.
#pragma once

#include <span>
#include <string_view>

#include "base/base.hpp"
#include "boot/command_line.hpp"
#include "boot/layout.hpp"
#include "boot/machine_spec.hpp"
#include "boot/memblock.hpp"
#include "boot/numa_info.hpp"
#include "host/host.hpp"

namespace quire {

// Reserved pages that are RAM and come free when the boot is over, ascending.
struct LateFreed {
  PfnRange range;
  std::string_view name;  // "initrd", or the kernel range's
};

struct KernelUseSources {
  const MachineSpec& spec;
  const CommandLine& options;
  const NumaInfo& numa;
  const Layout& layout;
};

// The kernel image from the first byte of any part to the last; empty without one.
PhysRange kernel_extent(const MachineSpec& spec);

// The first MiB, the kernel image from its first byte to its last, the initrd.
Result<void> reserve_placed(const MachineSpec& spec, Memblock& memblock);

// Which pages of the initrd and of freed kernel ranges will come free; with retain_initrd on the
// command line none of the initrd.
Result<std::span<const LateFreed>> find_late_freed(const MachineSpec& spec,
                                                   const Memblock& memblock, Arena& arena);

// What the kernel takes for its tables, by the first of the two ways.
Result<void> reserve_tables(const KernelUseSources& sources, Memblock& memblock, Host& host);

// Ends each zone of spec.managed with that many pages, by the second.
Result<void> reserve_to_match(const KernelUseSources& sources, std::span<const LateFreed> freed,
                              Memblock& memblock, Host& host);

// The pages of one node's zone that are free, and those of it that come free late.
struct ZonePages {
  NodeId node{};
  PfnRange span{};
};
PageCount free_pages_in(const Memblock& memblock, const ZonePages& zone);
PageCount late_pages_in(std::span<const LateFreed> freed, const Memblock& memblock,
                        const ZonePages& zone);

}  // namespace quire
