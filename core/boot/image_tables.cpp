#include "boot/direct_map.hpp"

namespace quire {
namespace {

class FrameFinder {
 public:
  FrameFinder(const ImageTableSources& sources, const Memblock& memblock, std::span<Pfn> frames)
      : sources_(sources), memblock_(memblock), frames_(frames) {}

  [[nodiscard]] bool done() const { return found_ == frames_.size(); }
  [[nodiscard]] std::size_t found() const { return found_; }

  // Takes what it can of reserved RAM in `range`, from its end down.
  void search(PhysRange range) {
    const std::span<const MemblockRegion> reserved = memblock_.reserved().regions();
    const std::span<const MemblockRegion> memory = memblock_.memory().regions();
    for (std::size_t i = reserved.size(); i-- > 0;)
      for (std::size_t m = memory.size(); m-- > 0;)
        take_from(reserved[i].range().intersect(range).intersect(memory[m].range()));
  }

 private:
  void take_from(PhysRange part) {
    if (part.empty()) return;
    const Pfn end = min_of(pfn_up(part.end), sources_.low_end);
    for (Pfn pfn = end; pfn > pfn_down(part.start) && !done();) {
      pfn -= PageCount{1};
      if (usable(pfn)) frames_[found_++] = pfn;
    }
  }

  [[nodiscard]] bool usable(Pfn pfn) const {
    if (pfn == Pfn{0} || !memblock_.is_memory(pfn)) return false;
    for (const LateFreed& late : sources_.freed)
      if (late.range.contains(pfn)) return false;
    for (const Pfn table : sources_.map.tables)
      if (table == pfn) return false;
    for (std::size_t i = 0; i < found_; ++i)
      if (frames_[i] == pfn) return false;
    return true;
  }

  const ImageTableSources& sources_;
  const Memblock& memblock_;
  std::span<Pfn> frames_;
  std::size_t found_ = 0;
};

}  // namespace

Result<std::span<const Pfn>> find_image_tables(const ImageTableSources& sources, Memblock& memblock,
                                               Arena& arena) {
  constexpr unsigned kCount = DirectMap::kBufferTables + DirectMap::kFixedTables;
  QUIRE_TRY_ASSIGN(frames, arena.make_array<Pfn>(kCount));
  FrameFinder finder(sources, memblock, frames);
  finder.search(kernel_extent(sources.spec));
  finder.search({PhysAddr{0}, PhysAddr{~std::uint64_t{0}}});
  for (std::size_t i = finder.found(); i < kCount; ++i) {
    QUIRE_TRY_ASSIGN(frame, memblock.allocate({.size = kPageSize, .alignment = kPageSize}));
    frames[i] = pfn_down(frame);
  }
  return std::span<const Pfn>(frames);
}

}  // namespace quire
