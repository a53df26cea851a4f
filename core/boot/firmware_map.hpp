// Which addresses are RAM, by the firmware's word and the command line's (e820).
//
// Invariants  After sanitise() the entries are ascending, disjoint and not empty, and no two that
//             touch have one type. Where rows overlap, the higher type number wins.
// Units       Byte ranges; entries need not begin or end at a page.
// Errors      kNoMemory (arena).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/base.hpp"
#include "boot/arena_vector.hpp"
#include "boot/command_line.hpp"
#include "boot/machine_spec.hpp"
#include "host/host.hpp"

namespace quire {

// What memmap=nn!start makes of RAM; firmware has another type for it.
inline constexpr FirmwareType kLegacyPersistent{12};

// What an architecture can address, and where its directly mapped memory must end.
struct ArchLimits {
  unsigned physical_bits = 46;
  PhysAddr low_memory_end{~std::uint64_t{0}};  // x86_32: 896 MiB; else no limit
};
ArchLimits limits_of(ArchProfile arch);
// The end of the addresses that pages may have.
inline PhysAddr address_limit(ArchProfile arch) {
  return PhysAddr{std::uint64_t{1} << limits_of(arch).physical_bits};
}

class FirmwareMap {
 public:
  explicit FirmwareMap(Arena& arena) : entries_(arena), scratch_(arena) {}

  // Puts a row at the end; an empty one is left out.
  Result<void> add(FirmwareRange row);
  Result<void> sanitise();

  // Retypes those parts of `range` that are `from`, with a line in the log.
  struct Retype {
    FirmwareType from, to;
  };
  Result<void> update(PhysRange range, Retype types, Host& host);
  // Takes away those parts of `range` that are `type`, with a line in the log.
  Result<void> remove(PhysRange range, FirmwareType type, Host& host);
  // Takes away everything (memmap=exactmap).
  void clear() { entries_.truncate(0); }

  [[nodiscard]] std::span<const FirmwareRange> entries() const { return entries_.span(); }

  // One past the last page below `limit` that is wholly usable RAM; 0 when there is none.
  [[nodiscard]] Pfn end_of_ram(Pfn limit) const;

  // A line for each entry: "BIOS-e820: [mem 0x...-0x...] usable".
  void log(Host& host, std::string_view who) const;

 private:
  Result<void> replace(PhysRange range, FirmwareType from, const FirmwareType* to);
  Result<void> append_merged(FirmwareRange row);

  ArenaVector<FirmwareRange> entries_;
  ArenaVector<FirmwareRange> scratch_;
};

// Applies mem= and memmap= of the command line; true when there was any.
Result<bool> apply_user_map(FirmwareMap& map, const CommandLine& options, Host& host);

}  // namespace quire
