#include "boot/reservations.hpp"

#include "boot/boot_log.hpp"
#include "boot/landmarks.hpp"

namespace quire {
namespace {

constexpr PhysRange kFirstMib{PhysAddr{0}, PhysAddr{0} + mib(1)};

// The pages that hold any byte of `bytes`.
PfnRange touched_pages(PhysRange bytes) { return {pfn_down(bytes.start), pfn_up(bytes.end)}; }
// The pages that lie in `bytes` from end to end.
PfnRange whole_pages_of(PhysRange bytes) { return {pfn_up(bytes.start), pfn_down(bytes.end)}; }

// Collects what comes free late: RAM only, each page once, by whom it was named first.
class Collector {
 public:
  Collector(const Memblock& memblock, Arena& arena)
      : memblock_(memblock), arena_(arena), pieces_("freed", arena), names_(arena) {}

  Result<void> add(PfnRange pages, std::string_view name) {
    QUIRE_TRY_ASSIGN(copy, copy_text(name, arena_));
    QUIRE_TRY(names_.push_back(copy));
    const auto mark = static_cast<std::uint32_t>(names_.size() - 1);
    const PhysRange above{kFirstMib.end, PhysAddr{~std::uint64_t{0}}};
    const PhysRange bytes = bytes_of(pages).intersect(above);
    for (const MemblockRegion& region : memblock_.memory().regions()) {
      const PhysRange part = region.range().intersect(bytes);
      if (!part.empty()) QUIRE_TRY(pieces_.add({part.start, part.length(), mark, kNoNode}));
    }
    return {};
  }

  Result<std::span<const LateFreed>> finish() const {
    QUIRE_TRY_ASSIGN(freed, arena_.make_array<LateFreed>(pieces_.cnt()));
    std::size_t count = 0;
    for (const MemblockRegion& piece : pieces_.regions())
      freed[count++] = {whole_pages_of(piece.range()), names_[piece.flags]};
    return std::span<const LateFreed>(freed);
  }

 private:
  const Memblock& memblock_;
  Arena& arena_;
  MemblockType pieces_;  // flags: the index of the name
  ArenaVector<std::string_view> names_;
};

// The highest free range of the zone, at most `most` pages of it, from its top.
PfnRange top_free_pages(const Memblock& memblock, const ZonePages& zone, PageCount most) {
  PfnRange top{};
  memblock.for_each_free([&](PhysRange bytes, const MemblockRegion& region) {
    const PfnRange free = whole_pages_of(bytes).intersect(zone.span);
    if (region.node == zone.node && !free.empty()) top = free;
    return true;
  });
  const PageCount taken = min_of(most, top.length());
  return {top.end - taken, top.end};
}

// Gives zones the number of managed pages that spec.managed says.
class Matcher {
 public:
  Matcher(const Layout& layout, std::span<const LateFreed> freed, Memblock& memblock)
      : layout_(layout), freed_(freed), memblock_(memblock) {}

  Result<void> match(const ManagedPages& wanted, Host& host) {
    const ZonePages zone{wanted.node, span_of(wanted)};
    const PageCount late = late_pages_in(freed_, memblock_, zone);
    const PageCount possible = free_pages_in(memblock_, zone) + late;
    if (wanted.managed < late || possible < wanted.managed) {
      LogLine line(host);
      line->str("Node ").dec(index_of(wanted.node)).str(", zone ").str(name_of(wanted.zone));
      line->str(": ").dec(wanted.managed.raw()).str(" managed pages wanted, but first MiB, ");
      line->str("kernel image and initrd leave ").dec(late.raw()).str(" to ");
      line->dec(possible.raw());
      return Errno::kInvalid;
    }
    PageCount excess = possible - wanted.managed;
    while (excess) {
      const PfnRange taken = top_free_pages(memblock_, zone, excess);
      QUIRE_TRY(memblock_.reserve(bytes_of(taken), wanted.node));
      excess -= taken.length();
    }
    return {};
  }

 private:
  [[nodiscard]] PfnRange span_of(const ManagedPages& wanted) const {
    if (index_of(wanted.node) >= layout_.nodes.size()) return {};
    return layout_.nodes[index_of(wanted.node)].zones[index_of(wanted.zone)].span;
  }

  const Layout& layout_;
  std::span<const LateFreed> freed_;
  Memblock& memblock_;
};

}  // namespace

PhysRange kernel_extent(const MachineSpec& spec) {
  PhysRange extent{};
  for (const KernelRange& part : spec.kernel_image) {
    if (part.range.empty()) continue;
    if (extent.empty()) extent = part.range;
    extent.start = min_of(extent.start, part.range.start);
    extent.end = max_of(extent.end, part.range.end);
  }
  return extent;
}

Result<void> reserve_placed(const MachineSpec& spec, Memblock& memblock) {
  QUIRE_TRY(memblock.reserve(kFirstMib));
  QUIRE_TRY(memblock.reserve(bytes_of(touched_pages(kernel_extent(spec)))));
  return memblock.reserve(bytes_of(touched_pages(spec.initrd)));
}

Result<std::span<const LateFreed>> find_late_freed(const MachineSpec& spec,
                                                   const Memblock& memblock, Arena& arena) {
  Collector collector(memblock, arena);
  for (const KernelRange& part : spec.kernel_image)
    if (part.freed) QUIRE_TRY(collector.add(whole_pages_of(part.range), part.name));
  if (CommandLine(spec.command_line).has("retain_initrd")) return collector.finish();
  // Of an initrd that lies in the kernel image only what sticks out is its own.
  const PfnRange initrd = touched_pages(spec.initrd);
  const PfnRange image = touched_pages(kernel_extent(spec));
  QUIRE_TRY(collector.add({initrd.start, min_of(initrd.end, max_of(initrd.start, image.start))},
                          "initrd"));
  QUIRE_TRY(
      collector.add({max_of(initrd.start, min_of(initrd.end, image.end)), initrd.end}, "initrd"));
  return collector.finish();
}

PageCount free_pages_in(const Memblock& memblock, const ZonePages& zone) {
  PageCount pages;
  memblock.for_each_free([&](PhysRange bytes, const MemblockRegion& region) {
    if (region.node == zone.node) pages += whole_pages_of(bytes).intersect(zone.span).length();
    return true;
  });
  return pages;
}

PageCount late_pages_in(std::span<const LateFreed> freed, const Memblock& memblock,
                        const ZonePages& zone) {
  PageCount pages;
  for (const LateFreed& late : freed) {
    const MemblockRegion* region = memblock.memory().find(address_of(late.range.start));
    if (region != nullptr && region->node == zone.node)
      pages += late.range.intersect(zone.span).length();
  }
  return pages;
}

Result<void> reserve_to_match(const KernelUseSources& sources, std::span<const LateFreed> freed,
                              Memblock& memblock, Host& host) {
  Matcher matcher(sources.layout, freed, memblock);
  for (const ManagedPages& wanted : sources.spec.managed) QUIRE_TRY(matcher.match(wanted, host));
  return {};
}

}  // namespace quire
