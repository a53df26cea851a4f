// What the files of /proc and /sys are made from.
#pragma once

#include <optional>

#include "base/base.hpp"
#include "boot/boot.hpp"
#include "memmap/memmap.hpp"
#include "page_alloc/page_alloc.hpp"
#include "pagetable/pagetable.hpp"
#include "procfs/knobs.hpp"
#include "procfs/memory_hotplug.hpp"
#include "procfs/sysctls.hpp"
#include "slab/slab.hpp"
#include "vma/vma.hpp"
#include "vmalloc/vmalloc.hpp"
#include "zone/zone.hpp"

namespace quire {

class Processes;

// Sums that no zone or node counts. Whoever counts them writes them here.
struct MemoryFigures {
  PageCount swap_total;
  PageCount swap_free;
  Committed committed;       // Committed_AS
  PageCount vmalloc_used;    // where there is no VmallocSpace
  PageCount percpu;          // the first chunks of all CPUs
  LeafCounts direct_map;     // how the direct map maps RAM, by size of page
  bool gib_pages = false;    // the CPUs have pages of 1 GiB
};

// Borrowed for the life of the ProcTree.
struct ProcSources {
  const Nodes& nodes;
  const MemoryMap& map;
  const BootPlan& plan;
  Sysctls& sysctls;
  Knobs& knobs;
  const MemoryFigures& figures;
  MemoryModel memory_model = MemoryModel::kSparse;
  const PageOwners* owners = nullptr;  // null: page_owner is off
  SlabCaches* slabs = nullptr;   // null: there are none to show
  const VmallocSpace* vmalloc = nullptr;  // null: figures say what is used, of areas nothing
  Processes* processes = nullptr;    // null: there have been none
  MemoryHotplug* hotplug = nullptr;  // null: memory blocks stay as they booted
  bool debug_tlbflush = false;   // vmstat has the nr_tlb_ rows
  bool under_hypervisor = true;  // as the recorded kernel ran; decides the size of memory blocks
};

// The size of memory blocks; none where the kernel has no memory hot-plug.
Bytes memory_block_size(const ProcSources& from);

}  // namespace quire
