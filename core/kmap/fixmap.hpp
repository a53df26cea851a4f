// Addresses at the top of the kernel's half that are known when the kernel is compiled; what they
// map is set while it runs (fixmap). Slots count pages down from the top.
//
//   1..   devices that the kernel talks to before it can map anything else
//   68..  sixteen for each CPU: its temporary windows onto high memory
//
// Locking  A slot's user. Set and cleared for all CPUs; the tables are there since boot.
// Errors   set(): kInvalid for a slot outside of the fixmap's range.
// Source   The "fixmap" row of the kernel's memory layout as it is printed with 32 bits.
#pragma once

#include <cstdint>

#include "base/base.hpp"
#include "pagetable/pagetable.hpp"

namespace quire {

enum class FixedSlot : std::uint32_t {
  kHole = 0,  // the last page of the address space stays empty, for errors that look like addresses
  kDebugPort = 1,
  kEarlyConsole = 2,
  kLocalApic = 3,
  kIoApic = 4,  // the first of 64
  kKmap = 68,   // the first of CPU 0
};

class Fixmap {
 public:
  Fixmap(PageTables& tables, VirtRange range) : tables_(tables), range_(range) {}

  [[nodiscard]] VirtAddr address_of(FixedSlot slot) const {
    return range_.end - kPageSize * static_cast<std::uint32_t>(slot);
  }
  [[nodiscard]] bool has(FixedSlot slot) const {
    return slot != FixedSlot::kHole && range_.contains(address_of(slot));
  }

  Result<void> set(FixedSlot slot, Pfn frame, Prot prot);
  void clear(FixedSlot slot);

 private:
  PageTables& tables_;
  VirtRange range_;
};

}  // namespace quire
