// Kernel stacks: mapped by vmalloc, so that the page below the lowest one is never mapped and who
// overflows a stack faults instead of writing on.
//
//   task        a stack for each thread; each CPU keeps two that were given back (VMAP_STACK)
//   interrupt   one for each CPU, made when it is first asked for
//
// Units       16 KiB, or 8 KiB with 32 bits (THREAD_SIZE); aligned to their size.
// Ownership   A stack belongs to whoever got it, until it is given back. Interrupt stacks stay.
// Locking     Callers run on a CPU of the machine and hold no spinlock.
// Errors      allocate(): the null address. What is in a stack that is handed out is zero.
// Source      Documentation/mm/vmalloced-kernel-stacks.rst, x86/kernel-stacks.rst.
#pragma once

#include <array>
#include <atomic>

#include "base/base.hpp"
#include "percpu_area/percpu_area.hpp"
#include "vmalloc/vmalloc.hpp"

namespace quire {

class Stacks {
 public:
  struct Parts {
    MemoryMap& map;
    Nodes& nodes;
    PageAllocator& pages;
    VmallocSpace& space;
  };
  explicit Stacks(const Parts& parts);
  // A place in every CPU's area. Errors: kNoMemory.
  Result<void> init(PercpuArea& percpu);

  [[nodiscard]] Bytes size() const { return size_; }

  // The lowest address of a stack near `node`; it is used from its end downwards.
  [[nodiscard]] VirtAddr allocate(NodeId node, const char* caller = __builtin_FUNCTION());
  void free(VirtAddr stack);
  // Gives back what a CPU keeps: it goes away.
  void drain_cpu(CpuId cpu);

  [[nodiscard]] VirtAddr interrupt_stack(CpuId cpu);

 private:
  static constexpr unsigned kCached = 2;

  // Any CPU may look into any other's; 0 is no stack.
  struct OfCpu {
    std::array<std::atomic<std::uint64_t>, kCached> cached{};
    std::atomic<std::uint64_t> interrupt = 0;
  };

  [[nodiscard]] OfCpu& of(std::byte* area) const { return percpu_at<OfCpu>(area, place_); }
  [[nodiscard]] VirtAddr take_cached() const;
  [[nodiscard]] bool keep(VirtAddr stack) const;
  void clear(VirtAddr stack) const;
  // In nr_kernel_stack of the pages' nodes.
  void count(VirtAddr stack, std::int64_t sign) const;
  template <class Visit>
  void for_each_page(VirtAddr stack, Visit visit) const;

  const Parts parts_;
  const Bytes size_;
  PercpuOffset place_{};
};

}  // namespace quire
