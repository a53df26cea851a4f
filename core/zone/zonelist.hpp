// Zonelists: in which order a request that starts on a node tries zones. Its own node's zones come
// first, the highest zone first; then other nodes with memory, the nearest first.
//
// Source   Documentation/admin-guide/mm/numaperf and the kernel's own "Fallback order" lines: of
//          equally distant nodes those after the local one come first, and those that fewer nodes
//          have as their nearest. At boot it does not count where CPUs are, as none is up yet;
//          later, of equally distant nodes those without CPUs come first.
#pragma once

#include "base/base.hpp"
#include "boot/boot.hpp"
#include "zone/nodes.hpp"

namespace quire {

// Memory for the zonelists of every possible node, whatever zones may become populated.
Result<void> reserve_zonelists(Nodes& nodes, Arena& arena);

enum class CpusUp : bool { kNo, kYes };

// (Re)builds all zonelists. `numa` gives the distances.
void build_zonelists(Nodes& nodes, const NumaInfo& numa, CpusUp cpus = CpusUp::kNo);

}  // namespace quire
