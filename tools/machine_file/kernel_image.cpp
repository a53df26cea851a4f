#include "tools/machine_file/kernel_image.hpp"

#include <algorithm>
#include <array>

namespace quire::machine_file {
namespace {

PhysRange whole_pages_of(PhysRange range) {
  return {range.start.align_up(kPageSize), range.end.align_down(kPageSize)};
}

Bytes length_or_none(PhysRange range) { return range.empty() ? Bytes{} : range.length(); }

// The last `size` bytes of `place`, but for the `tail` behind them.
PhysRange end_of(PhysRange place, Bytes size, Bytes tail) {
  const PhysAddr end = place.end - std::min(tail, length_or_none(place));
  return {end - std::min(size, length_or_none({place.start, end})), end};
}

// What is freed of the hole before the section called `next`.
PhysRange freed_before(std::string_view next, PhysRange hole, const FreedLate& freed) {
  if (next == "Kernel rodata") return end_of(hole, freed.text_gap, Bytes{});
  if (next == "Kernel data") return end_of(hole, freed.rodata_gap, Bytes{});
  if (next == "Kernel bss") return end_of(hole, freed.initmem, freed.smp_locks);
  return {};
}

}  // namespace

std::vector<ImageRange> kernel_image_of(std::span<const ImageRange> sections,
                                        const FreedLate& freed) {
  std::vector<ImageRange> sorted(sections.begin(), sections.end());
  std::ranges::sort(sorted, {}, [](const ImageRange& part) { return part.range.start; });
  std::vector<ImageRange> image;
  auto add_freed = [&](PhysRange range) {
    if (!range.empty()) image.push_back({range, "", true});
  };
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (i > 0) {
      const PhysRange hole{sorted[i - 1].range.end, sorted[i].range.start};
      add_freed(freed_before(sorted[i].name, whole_pages_of(hole), freed));
    }
    image.push_back(sorted[i]);
    if (sorted[i].name == "Kernel bss") {
      add_freed(end_of(whole_pages_of(sorted[i].range), freed.decrypted, Bytes{}));
    }
  }
  return image;
}

std::vector<ImageRange> debian_kernel_image() {
  const std::array<ImageRange, 4> sections = {{
      {{PhysAddr{0x1000000}, PhysAddr{0x1e01ef2}}, "Kernel code", false},
      {{PhysAddr{0x2000000}, PhysAddr{0x2827000}}, "Kernel rodata", false},
      {{PhysAddr{0x2a00000}, PhysAddr{0x2c45e00}}, "Kernel data", false},
      {{PhysAddr{0x32b1000}, PhysAddr{0x3800000}}, "Kernel bss", false},
  }};
  return kernel_image_of(sections, {.text_gap = kib(2040),
                                    .rodata_gap = kib(1892),
                                    .initmem = kib(2612),
                                    .decrypted = kib(2036),
                                    .smp_locks = kib(36)});
}

bool debian_kernel_fits(std::span<const FirmwareRange> map) {
  constexpr PhysRange kImage{PhysAddr{0x1000000}, PhysAddr{0x3800000}};
  return std::ranges::any_of(map, [&](const FirmwareRange& row) {
    return row.type == FirmwareType::kUsable && row.range.intersect(kImage) == kImage;
  });
}

}  // namespace quire::machine_file
