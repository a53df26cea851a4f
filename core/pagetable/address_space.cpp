#include "pagetable/address_space.hpp"

namespace quire {
namespace {

constexpr Bytes tib(std::uint64_t n) { return gib(n << 10); }
constexpr VirtRange from(std::uint64_t start, Bytes length) {
  return {VirtAddr{start}, VirtAddr{start} + length};
}
constexpr Pfn kFourGib{1u << 20};

// What four and five levels have in common: all that lies in the last 2 GiB.
AddressSpace make_64() {
  AddressSpace space;
  space.kernel_text = from(0xffff'ffff'8000'0000, gib(1));
  space.modules = {VirtAddr{0xffff'ffff'c000'0000}, VirtAddr{0xffff'ffff'ff00'0000}};
  space.fixmap = {VirtAddr{0xffff'ffff'ff40'0000}, VirtAddr{0xffff'ffff'ff7f'f000}};
  return space;
}

AddressSpace make_4_levels() {
  AddressSpace space = make_64();
  space.format = &kFourLevels;
  space.task_size = VirtAddr{(std::uint64_t{1} << 47) - kPageSize.raw()};
  space.direct = from(0xffff'8880'0000'0000, tib(64));
  space.vmalloc = from(0xffff'c900'0000'0000, tib(32) - Bytes{1});
  space.vmemmap = from(0xffff'ea00'0000'0000, tib(1));
  return space;
}

AddressSpace make_5_levels() {
  AddressSpace space = make_64();
  space.format = &kFiveLevels;
  space.task_size = VirtAddr{(std::uint64_t{1} << 56) - kPageSize.raw()};
  space.direct = from(0xff11'0000'0000'0000, tib(32 << 10));
  space.vmalloc = from(0xffa0'0000'0000'0000, tib(12800) - Bytes{1});
  space.vmemmap = from(0xffd4'0000'0000'0000, tib(512));
  return space;
}

// 3:1. From the top: fixmap, the permanent kmap at a multiple of what a table of level kPmd entries
// maps, two pages nobody has, vmalloc, the gap, low memory.
AddressSpace make_32(const RamEnds& ends) {
  constexpr std::uint64_t kPageOffset = 0xc000'0000;
  constexpr VirtAddr kFixmapEnd{0xffff'f000};
  AddressSpace space;
  space.format = ends.all > kFourGib ? &kThreeLevels : &kTwoLevels;
  const Bytes table = space.format->at(PageLevel::kPmd).size();
  space.task_size = VirtAddr{kPageOffset};
  space.direct = from(kPageOffset, address_of(ends.low) - PhysAddr{0});
  space.kernel_text = space.direct;
  space.fixmap = {kFixmapEnd - kPageSize * 936, kFixmapEnd};
  const VirtAddr kmap = (space.fixmap.start - table - kPageSize).align_down(table);
  space.persistent_kmap = {kmap, kmap + table};
  space.vmalloc = {space.direct.end + kVmallocGap, kmap - kPageSize * 2};
  space.modules = space.vmalloc;
  return space;
}

}  // namespace

AddressSpace make_address_space(ArchProfile arch, const RamEnds& ends) {
  switch (arch) {
    case ArchProfile::kX86_64:
      return make_4_levels();
    case ArchProfile::kX86_64La57:
      return make_5_levels();
    case ArchProfile::kX86_32:
      break;
  }
  return make_32(ends);
}

}  // namespace quire
