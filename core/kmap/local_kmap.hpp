// Windows onto pages of high memory for a moment: a stack of sixteen for each CPU, in the fixmap.
// Taking one needs no lock and never waits; only its own CPU uses it, so that only that CPU's
// translation has to go.
//
// Locking   Map and unmap on the same CPU, last in first out; whoever has a window does not sleep.
// Errors    map(): kNoSpace, sixteen deep. unmap(): kInvalid, not the window taken last.
// Source    Documentation/mm/highmem.rst (kmap_local_page).
#pragma once

#include <cstdint>
#include <span>

#include "base/base.hpp"
#include "host/host.hpp"
#include "kmap/fixmap.hpp"
#include "memmap/memmap.hpp"
#include "pagetable/pagetable.hpp"

namespace quire {

class LocalKmap {
 public:
  static constexpr unsigned kDepth = 16;  // KM_MAX_IDX

  struct Parts {
    const MemoryMap& map;
    PageTables& tables;
    Tlb& tlb;
    const Fixmap& fixmap;
  };
  explicit LocalKmap(const Parts& parts) : parts_(parts) {}
  // kNoSpace: the fixmap has no room for so many CPUs.
  Result<void> init(Arena& arena, unsigned cpus);

  Result<VirtAddr> map(PageIndex page);
  Result<void> unmap(VirtAddr address);

  // Windows that are taken are mapped, and no other is.
  Result<void> audit(Text& report) const;

 private:
  struct alignas(64) Stack {
    std::uint32_t depth = 0;
  };
  [[nodiscard]] VirtAddr address_of(CpuId cpu, std::uint32_t depth) const {
    const auto first = static_cast<std::uint32_t>(FixedSlot::kKmap);
    return parts_.fixmap.address_of(FixedSlot{first + index_of(cpu) * kDepth + depth});
  }

  const Parts parts_;
  std::span<Stack> stacks_;
};

}  // namespace quire
