// The plan of the direct map, in which all RAM (with 32 bits, low memory) is mapped at a fixed
// distance: which stretches, in which order, by pages of which size, and in which frames the tables
// for them lie.
//
// Order     The first MiB; then from the top of RAM down, or bottom-up with movable_node, in steps
//           that begin with one large page and grow as more is mapped: the tables for a step come
//           from what the steps before it have mapped. The first few come from a small buffer in
//           the kernel image, except for the step that maps this buffer.
// Units     Byte ranges, not clipped to whole large pages: a stretch of large pages may cover a
//           little more RAM than it names.
// Errors    kNoMemory: no frame for a table, or arena.
// Source    Recorded boot logs with memblock=debug, which show each table that was allocated.
#pragma once

#include <cstdint>
#include <span>

#include "base/base.hpp"
#include "boot/command_line.hpp"
#include "boot/machine_spec.hpp"
#include "boot/memblock.hpp"
#include "boot/reservations.hpp"
#include "host/host.hpp"

namespace quire {

// The largest page that may be used; smaller ones are where it does not fit.
enum class DirectPage : std::uint8_t { kSmall, kLarge, kGib };

struct DirectMapPiece {
  PhysRange range;
  DirectPage page{};
};

struct DirectMap {
  // The tables that the kernel image has room for; how many more it always has: roots and what
  // they lead to (swapper_pg_dir, level4_kernel_pgt, ...).
  static constexpr unsigned kBufferTables = 12;
  static constexpr unsigned kFixedTables = 12;
  static constexpr Pfn kInBuffer{0};

  std::span<const DirectMapPiece> pieces;  // in the order in which they are mapped
  // Frames of the tables, in the order in which they were taken; kInBuffer: of the buffer's.
  std::span<const Pfn> tables;
  PhysAddr end;            // of what is mapped
  bool gib_pages = false;  // the CPUs have them, and they may be used
};

struct DirectMapSources {
  const MachineSpec& spec;
  const CommandLine& options;
  Pfn end_of_ram;
  Pfn end;  // of what is to be mapped
};

// Frames for tables stay reserved in `memblock`.
Result<DirectMap> plan_direct_map(const DirectMapSources& sources, Memblock& memblock, Arena& arena,
                                  Host& host);

struct ImageTableSources {
  const MachineSpec& spec;
  const DirectMap& map;
  std::span<const LateFreed> freed;
  Pfn low_end;  // the kernel reaches no page beyond
};

// Frames for the tables of the kernel image, the buffer's first. They are the image's last; of a
// machine without an image, what boot has reserved for tables that are kept elsewhere here; and
// only if there is no such page, free ones.
Result<std::span<const Pfn>> find_image_tables(const ImageTableSources& sources, Memblock& memblock,
                                               Arena& arena);

}  // namespace quire
