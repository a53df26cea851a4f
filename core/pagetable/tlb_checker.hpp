// No stale translation is ever used: each hit is compared with what the tables say now. Only while
// a flush is put off (a batch, a gather) may a translation be older than the tables; whoever puts
// it off does nothing with the pages before the flush.
//
// Stale    The tables map nothing there, another frame, or do not allow the access: a write needs
//          the leaf's dirty bit. That a leaf is cached in smaller pieces, or allows less, or has
//          lost its accessed bit, harms nobody.
// Lazy     A CPU that is lazy may not touch programs' memory: it is spared flushes.
// Errors   A stale hit breaks the machine's own invariant: panic, with what was found.
#pragma once

#include <cstdint>

#include "base/base.hpp"
#include "host/host.hpp"
#include "pagetable/tlb.hpp"
#include "pagetable/tlb_cpu.hpp"
#include "pagetable/tlb_model.hpp"

namespace quire {

class TlbChecker final : public TlbHitCheck {
 public:
  struct Parts {
    Host& host;
    Tlb& tlb;
    const TableWalker& walker;
    VirtAddr kernel_start;  // where the kernel's half begins
  };
  explicit TlbChecker(const Parts& parts) : parts_(parts) {}

  void check_hit(CpuId cpu, VirtAddr address, Access access,
                 const CachedTranslation& cached) override;
  // Hits that were stale while a flush was put off.
  [[nodiscard]] std::uint64_t excused() const { return excused_; }

  // All CPUs at once, while nobody runs: each has caught up with what it has loaded, is known to
  // that address space, and can use no stale translation. Of the kernel's half, what is mapped no
  // more may stay cached until it is mapped anew (lazily unmapped ranges).
  // Errors: kFault, with the first finding in `report`.
  Result<void> audit(TlbModel& model, Text& report) const;

 private:
  [[nodiscard]] bool is_kernel(VirtAddr address) const { return address >= parts_.kernel_start; }
  Result<void> audit_cpu(CpuId id, const CpuTlb& cpu, Text& report) const;
  [[nodiscard]] bool leaf_is_stale(const CpuTlb& cpu, VirtAddr first,
                                   const CachedTranslation& cached) const;

  const Parts parts_;
  std::uint64_t excused_ = 0;
};

}  // namespace quire
