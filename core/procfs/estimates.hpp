// Sums that /proc shows and that are computed when asked for.
//
// Units   Pages.
// Source  Documentation/filesystems/proc.rst (MemAvailable, CommitLimit),
//         Documentation/admin-guide/sysctl/vm.rst (dirty_ratio, highmem_is_dirtyable).
#pragma once

#include "base/base.hpp"
#include "filemap/filemap.hpp"
#include "procfs/sysctls.hpp"
#include "zone/zone.hpp"

namespace quire {

// What new work could use without swapping: what is free beyond the reserves, and of page cache
// and reclaimable kernel memory what reclaim would not leave alone.
PageCount available_pages(const Nodes& nodes);

// What may be committed under overcommit_memory = 2.
PageCount commit_limit(const Nodes& nodes, const Sysctls& sysctls, PageCount swap_total);

// At how many dirty pages writers are made to write, and write-back starts.
DirtyLimits dirty_limits(const Nodes& nodes, const Sysctls& sysctls);

// Pages of nodes' reserves: high watermarks and protection, which no request may count on.
PageCount total_reserve(const Nodes& nodes);

}  // namespace quire
