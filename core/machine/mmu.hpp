// How a machine's CPUs reach memory by address: the caches they translate with (none, or modelled
// ones on sim), what keeps those up to the tables, and the windows onto high memory.
//
// Ownership  Machine's. The kernel's tables outlive it.
// Locking    init() while one CPU boots; then as the parts have it.
#pragma once

#include <optional>
#include <span>

#include "base/base.hpp"
#include "boot/boot.hpp"
#include "host/host.hpp"
#include "kmap/kmap.hpp"
#include "memmap/memmap.hpp"
#include "pagetable/pagetable.hpp"

namespace quire {

class Mmu {
 public:
  struct Parts {
    Host& host;
    const MemoryMap& map;
    KernelTables& kernel;
  };
  explicit Mmu(const Parts& parts);
  Mmu(const Mmu&) = delete;
  Mmu& operator=(const Mmu&) = delete;

  // kInvalid: a cache of no 2^n sets. kNoSpace: more CPUs than the fixmap has windows for.
  // kNoMemory.
  Result<void> init(Arena& arena, std::span<CpuContext> cpus, const TlbSpec& spec);

  [[nodiscard]] Tlb& tlb() { return tlb_; }
  [[nodiscard]] Kmap& kmap() { return kmap_; }
  [[nodiscard]] PagingWalker& walker() { return walker_; }
  // Each CPU's caches; null where they are not modelled.
  [[nodiscard]] TlbModel* model() { return tlb_.active() ? &model_ : nullptr; }

  // Windows are as their books say; no CPU can use a stale translation. Errors: kFault.
  Result<void> audit(Text& report);

 private:
  const Parts parts_;
  Tlb tlb_;
  KernelFlushSink sink_{tlb_};
  PagingWalker walker_;
  TlbModel model_;
  TlbChecker checker_;
  Kmap kmap_;
};

}  // namespace quire
