// What caches translations for a machine's CPUs: the model on sim (tlb_model.hpp), the real thing
// where the machine's tables drive a processor. A machine without either flushes nothing.
//
// Locking  load() and the flush_ calls are for `cpu` and come on it, or (sim) while it is stopped.
#pragma once

#include <cstdint>

#include "base/base.hpp"
#include "pagetable/tlb_mm.hpp"

namespace quire {

// What a CPU is asked to flush.
struct TlbFlush {
  enum class What : std::uint8_t {
    kMm,      // `range` of `mm`, or all of it
    kBatch,   // whatever is behind its generation
    kKernel,  // `range` of the kernel's half
    kAll,     // everything
  };
  What what{};
  std::uint8_t stride_shift = kPageShift;  // log2 of what each entry of `range` mapped
  bool freed_tables = false;               // tables are going too: a lazy CPU may not walk them
  bool whole = false;                      // kMm: all of it
  TlbMm* mm = nullptr;
  VirtRange range{};
  std::uint64_t generation = 0;            // of `mm` with this flush
};

struct TlbLoad {
  Pfn root;
  std::uint16_t asid = 0;  // PCID
  bool keep = false;       // the translations of `asid` are up to date
};

class TlbHardware {
 public:
  // How many address spaces a CPU tells apart, at least 1.
  [[nodiscard]] virtual unsigned asids() const = 0;
  virtual void load(CpuId cpu, const TlbLoad& tables) = 0;
  // One page's translations of the loaded address space, and global ones (INVLPG).
  virtual void flush_page(CpuId cpu, VirtAddr address) = 0;
  // All translations of the loaded address space but the global ones.
  virtual void flush_loaded(CpuId cpu) = 0;
  virtual void flush_all(CpuId cpu) = 0;
  // Makes `cpu`, which is not the caller's, call Tlb::receive(cpu, flush); `flush` stays until
  // wait(), which returns when every CPU told has done so (an interrupt to each).
  virtual void send(CpuId cpu, const TlbFlush& flush) = 0;
  virtual void wait() = 0;

 protected:
  ~TlbHardware() = default;
};

}  // namespace quire
