// Which CPU has whose translations, and the calls that flush them (flush_tlb_*): tables that were
// changed are of no effect on a CPU until its caches have forgotten what they said.
//
// How       Each change asks for a flush and counts the address space's generation up. A CPU that
//           has the space loaded flushes at once (shootdown), by pages or, above the ceiling, as a
//           whole; one that is lazy, which runs a kernel thread on borrowed tables, lets go of it;
//           one that has it no longer loaded flushes when it loads it again and finds its own
//           generation behind.
// ASIDs     A CPU keeps the translations of its last few address spaces apart by number (PCID) and
//           may come back to them without a flush.
// Locking   Callers run on a CPU of the machine, with no lock that a flushing CPU could wait for.
//           A CPU's state is its own. All calls return with the flush done on every CPU concerned.
// Cost      Without TlbHardware (native) a call is one test.
// Source    Documentation/x86/tlb.rst, x86/pti.rst; mm/ documentation of mmu_gather.
#pragma once

#include <array>
#include <atomic>
#include <span>

#include "base/base.hpp"
#include "host/host.hpp"
#include "pagetable/tlb_hardware.hpp"
#include "pagetable/tlb_mm.hpp"
#include "zone/zone.hpp"

namespace quire {

class Tlb {
 public:
  static constexpr unsigned kMaxAsids = 6;  // that a CPU keeps (TLB_NR_DYN_ASIDS)
  // More pages than this are flushed by flushing all (tlb_single_page_flush_ceiling).
  static constexpr std::uint64_t kDefaultCeiling = 33;

  // A part of an address space: what the entries that were taken away there had mapped.
  struct Part {
    VirtRange range;
    std::uint8_t stride_shift = kPageShift;
    bool freed_tables = false;
  };
  // What a CPU has loaded.
  struct Loaded {
    TlbMm* mm = nullptr;
    std::uint64_t generation = 0;  // of `mm`, that its caches are up to
    bool lazy = false;
  };

  // `kernel_root` is swapper_pg_dir's frame, which all CPUs have loaded. Errors: kNoMemory.
  Result<void> init(Arena& arena, TlbHardware& hardware, std::span<CpuContext> cpus,
                    Pfn kernel_root);
  [[nodiscard]] bool active() const { return hardware_ != nullptr; }

  // On the current CPU ----------------------------------------------------------------------------
  void switch_mm(TlbMm& next);
  // A kernel thread runs next: it uses no program's memory and takes the tables as they are.
  void enter_lazy();
  // Of a kernel mapping that no other CPU has used.
  void flush_kernel_page_here(VirtAddr address);

  // On all CPUs that need it ----------------------------------------------------------------------
  void flush_all();
  void flush_mm(TlbMm& mm);
  void flush_range(TlbMm& mm, const Part& part);
  void flush_page(TlbMm& mm, VirtAddr address);
  void flush_kernel_range(VirtRange range);

  // Puts the flush of all of `mm` off until flush(batch).
  void add(TlbBatch& batch, TlbMm& mm);
  void flush(TlbBatch& batch);
  // Does now what batches have put off of `mm`: for whoever relies on cleared entries being
  // forgotten (flush_tlb_batched_pending).
  void flush_batched(TlbMm& mm);

  // No task uses `mm` any more: CPUs that still have it loaded lazily let go of it.
  void leave(TlbMm& mm);

  // Does the part of `cpu` in a flush that another CPU has asked for. Called by the hardware.
  void receive(CpuId cpu, const TlbFlush& flush) { perform(cpu, flush, From::kElsewhere); }

  [[nodiscard]] std::uint64_t new_id() { return next_id_.fetch_add(1); }
  [[nodiscard]] TlbMm& kernel() { return *kernel_; }
  [[nodiscard]] Loaded loaded(CpuId cpu) const;
  // A flush of what `cpu` has loaded has been put off, so that its translations may be stale.
  [[nodiscard]] bool flush_pending(CpuId cpu) const;
  [[nodiscard]] unsigned cpu_count() const { return static_cast<unsigned>(cpus_.size()); }
  [[nodiscard]] std::uint64_t ceiling() const { return ceiling_.load(std::memory_order_relaxed); }
  void set_ceiling(std::uint64_t pages) { ceiling_.store(pages, std::memory_order_relaxed); }

 private:
  // The address space whose translations a CPU has under an ASID.
  struct Slot {
    std::uint64_t mm = 0;  // its id; 0: none
    std::uint64_t generation = 0;
  };
  struct alignas(64) Cpu {
    TlbMm* loaded = nullptr;
    std::byte* percpu = nullptr;
    bool lazy = false;
    std::uint8_t asid = 0;
    std::uint8_t next_asid = 0;
    std::array<Slot, kMaxAsids> slots{};
  };
  struct Choice {
    std::uint8_t asid;
    bool keep;
  };

  [[nodiscard]] static CpuId here() { return Arch::current()->cpu; }
  [[nodiscard]] Cpu& at(CpuId cpu) const { return cpus_[index_of(cpu)]; }
  [[nodiscard]] Slot& slot(Cpu& cpu) const { return cpu.slots.data()[cpu.asid]; }
  void switch_on(CpuId cpu, TlbMm& next);
  [[nodiscard]] Choice choose_asid(Cpu& cpu, const TlbMm& next, std::uint64_t generation) const;
  void flush_cpus(const CpuMask& cpus, const TlbFlush& flush);
  void flush_everywhere(const TlbFlush& flush);
  enum class From : std::uint8_t { kHere, kElsewhere };
  void perform(CpuId cpu, const TlbFlush& flush, From from);
  void catch_up(CpuId id, const TlbFlush& flush, From from);
  static void count(const Cpu& cpu, VmEvent event, std::uint64_t times = 1) {
    count_event(cpu.percpu, event, times);
  }

  TlbHardware* hardware_ = nullptr;
  unsigned asids_ = 1;
  std::span<Cpu> cpus_;
  TlbMm* kernel_ = nullptr;
  std::atomic<std::uint64_t> ceiling_ = kDefaultCeiling;
  std::atomic<std::uint64_t> next_id_ = 1;
  // Batches: tickets are given in order; when none is open, all up to the last are closed.
  std::atomic<std::uint64_t> tickets_ = 0;
  std::atomic<std::uint64_t> closed_ = 0;
  std::atomic<std::uint32_t> open_ = 0;
};

}  // namespace quire
