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
    const Pfn start = max_of(pfn_down(part.start), Pfn{1});
    Pfn end = min_of(pfn_up(part.end), sources_.low_end);
    while (end > start && !done()) {
      const Pfn pfn = end - PageCount{1};
      const Pfn freed = start_of_freed(pfn);
      if (freed == end && usable(pfn)) frames_[found_++] = pfn;
      end = min_of(freed, pfn);
    }
  }

  // Where the range that is freed late and has `pfn` begins; one past `pfn` when there is none.
  [[nodiscard]] Pfn start_of_freed(Pfn pfn) const {
    for (const LateFreed& late : sources_.freed)
      if (late.range.contains(pfn)) return late.range.start;
    return pfn + PageCount{1};
  }

  [[nodiscard]] bool usable(Pfn pfn) {
    if (!memblock_.is_memory(pfn) || is_table(pfn)) return false;
    for (std::size_t i = 0; i < found_; ++i)
      if (frames_[i] == pfn) return false;
    return true;
  }

  // Tables were mostly taken next to one another: first beside the one that was found last.
  [[nodiscard]] bool is_table(Pfn pfn) {
    const std::span<const Pfn> tables = sources_.map.tables;
    for (const std::size_t beside : {last_table_ + 1, last_table_ - 1})
      if (beside < tables.size() && tables[beside] == pfn) {
        last_table_ = beside;
        return true;
      }
    for (std::size_t i = 0; i < tables.size(); ++i)
      if (tables[i] == pfn) {
        last_table_ = i;
        return true;
      }
    return false;
  }

  const ImageTableSources& sources_;
  const Memblock& memblock_;
  std::span<Pfn> frames_;
  std::size_t found_ = 0;
  std::size_t last_table_ = 0;
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
