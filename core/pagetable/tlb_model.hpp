// The translation caches of a whole machine, modelled: what stands in for the hardware on a host
// that runs all CPUs on one OS thread (sim). Each CPU's is what its accesses go through.
//
// Ownership  Made once at boot; the caches lie in memory that is touched as they fill.
// Locking    One OS thread. An interrupt to another CPU takes effect at once.
// Errors     init(): kInvalid for a spec whose caches have no 2^n sets; kNoMemory.
#pragma once

#include <span>

#include "base/base.hpp"
#include "host/host.hpp"
#include "pagetable/tlb.hpp"
#include "pagetable/tlb_cpu.hpp"
#include "pagetable/tlb_hardware.hpp"

namespace quire {

class TlbModel final : public TlbHardware {
 public:
  struct Parts {
    Tlb& tlb;
    TableWalker& walker;
    std::span<CpuContext> cpus;
    unsigned large_shift;  // log2 of a PMD's leaf: 21, or 22 with two levels
  };
  Result<void> init(Arena& arena, const Parts& parts, const TlbSpec& spec);

  [[nodiscard]] CpuTlb& cpu(CpuId id) { return *cpus_[index_of(id)]; }
  // The current CPU's.
  [[nodiscard]] CpuTlb& here() { return cpu(Arch::current()->cpu); }
  // Shows each hit of each CPU to `check`; null: no hit.
  void set_check(TlbHitCheck* check);

  [[nodiscard]] unsigned asids() const override { return asids_; }
  void load(CpuId id, const TlbLoad& tables) override;
  void flush_page(CpuId id, VirtAddr address) override { cpu(id).flush_page(address); }
  void flush_loaded(CpuId id) override { cpu(id).flush_loaded(); }
  void flush_all(CpuId id) override { cpu(id).flush_all(); }
  void send(CpuId id, const TlbFlush& flush) override { tlb_->receive(id, flush); }
  void wait() override {}

 private:
  Tlb* tlb_ = nullptr;
  std::span<CpuTlb*> cpus_;
  unsigned asids_ = 1;
};

}  // namespace quire
