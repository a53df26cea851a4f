// The audit of slabs: what each slab's books say is what its free list and its place on the lists
// of its node say, and what CPUs and barns keep are objects that are out of their slabs.
//
// Locking  Nobody uses the machine meanwhile.
// Errors   kFault: the first thing that is wrong is in the text, a line.
// Cost     Every object that is free or in a sheaf is looked at.
#pragma once

#include <string_view>

#include "base/base.hpp"
#include "memmap/memmap.hpp"
#include "slab/slab.hpp"
#include "zone/zone.hpp"

namespace quire {

class SlabAudit {
 public:
  struct Parts {
    MemoryMap& map;
    Nodes& nodes;
    SlabCaches& caches;
  };
  SlabAudit(const Parts& parts, Text& text) : parts_(parts), text_(text) {}

  // One slab, found by walking frames; each is shown once.
  Result<void> check_slab(Page& head);
  // When all slabs have been shown.
  Result<void> check_caches();

 private:
  struct Sums {
    std::uint64_t slabs = 0;
    std::uint64_t objects = 0;
    std::uint64_t partial = 0;
    std::uint64_t unreclaimable_pages = 0;
    std::uint64_t reclaimable_pages = 0;
  };

  [[nodiscard]] KmemCache* owner_of(const Page& head) const;
  Result<void> check_free_list(const KmemCache& cache, const Page& head);
  Result<void> check_place(const KmemCache& cache, Page& head);
  Result<void> check_cache(KmemCache& cache);
  Result<void> check_cpu(KmemCache& cache, CpuId cpu);
  Result<void> check_sheaf(const KmemCache& cache, Sheaf& sheaf, NodeId node);
  Result<void> check_counters();
  Errno broken(const KmemCache& cache, std::string_view what, std::uint64_t value);

  const Parts parts_;
  Text& text_;
  Sums seen_;    // by walking frames
  Sums listed_;  // by asking caches
};

}  // namespace quire
