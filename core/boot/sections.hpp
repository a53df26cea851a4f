// Sections: the pieces in which SPARSEMEM keeps the memory map. A section with any RAM in it is
// present, and belongs to the node of its first page.
#pragma once

#include <cstdint>
#include <span>

#include "base/base.hpp"
#include "boot/layout.hpp"
#include "boot/machine_spec.hpp"
#include "boot/zone_type.hpp"

namespace quire {

// 128 MiB on 64-bit, 512 MiB on x86_32 with PAE.
constexpr PageCount section_pages(ArchProfile arch) {
  return PageCount{std::uint64_t{1} << ((arch == ArchProfile::kX86_32 ? 29 : 27) - kPageShift)};
}

// What a page costs in the memory map: half of it is pointers, which x86_32 has half as long.
constexpr Bytes map_entry_size(const MachineSpec& spec) {
  const Bytes size = spec.profile.memmap_bytes;
  return spec.arch == ArchProfile::kX86_32 ? size / 2 : size;
}

// A run of consecutive present sections of one node; numbers are pfn / section_pages.
struct SectionRun {
  std::uint64_t first;
  std::uint64_t count;
  NodeId node{};
};

// Calls visit(SectionRun) for each run of present sections, ascending.
template <class Visit>
void for_each_section_run(std::span<const NodeRange> ranges, PageCount pages, Visit visit) {
  std::uint64_t next = 0;  // the first section not yet claimed
  SectionRun run{};
  for (const NodeRange& piece : ranges) {
    const std::uint64_t from = max_of(piece.range.start.raw() / pages.raw(), next);
    const std::uint64_t to = (piece.range.end.raw() - 1) / pages.raw() + 1;
    if (from >= to) continue;
    next = to;
    if (run.count != 0 && run.node == piece.node && run.first + run.count == from) {
      run.count += to - from;
      continue;
    }
    if (run.count != 0) visit(run);
    run = {from, to - from, piece.node};
  }
  if (run.count != 0) visit(run);
}

}  // namespace quire
