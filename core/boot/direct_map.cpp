#include "boot/direct_map.hpp"

#include "boot/arena_vector.hpp"
#include "boot/landmarks.hpp"

namespace quire {
namespace {

constexpr PhysAddr kZero{0};
constexpr PhysAddr kFirstMibEnd{PhysAddr{0} + mib(1)};

// What one table of each kind maps, the largest first; the last is that of 4 KiB pages, whose reach
// is the size of a large page.
struct TableReach {
  std::span<const unsigned> shifts;
  [[nodiscard]] Bytes large_page() const { return Bytes{std::uint64_t{1} << shifts.back()}; }
};
constexpr unsigned kReach5[] = {48, 39, 30, 21};
constexpr unsigned kReachPae[] = {30, 21};
constexpr unsigned kReach2[] = {22};

TableReach reach_of(ArchProfile arch, Pfn end_of_ram) {
  const std::span<const unsigned> five = kReach5;
  if (arch == ArchProfile::kX86_64La57) return {five};
  if (arch == ArchProfile::kX86_64) return {five.subspan(1)};
  if (end_of_ram > kFourGib) return {kReachPae};
  return {kReach2};
}

class DirectMapPlanner {
 public:
  DirectMapPlanner(const DirectMapSources& sources, Memblock& memblock, Arena& arena)
      : memblock_(memblock),
        reach_(reach_of(sources.spec.arch, sources.end_of_ram)),
        large_(reach_.large_page()),
        narrow_(sources.spec.arch == ArchProfile::kX86_32),
        gib_pages_(!narrow_ && sources.spec.gib_pages && !sources.options.has("nogbpages")),
        end_(address_of(sources.end)),
        split_(arena),
        pieces_(arena),
        tables_(arena),
        known_(arena) {
    const PhysRange image = kernel_extent(sources.spec);
    if (!image.empty()) {
      const Bytes length = kPageSize * DirectMap::kBufferTables;
      buffer_ = {image.end - min_of(length, image.length()), image.end};
    }
  }

  Result<void> run(const CommandLine& options) {
    QUIRE_TRY(map({kZero, min_of(kFirstMibEnd, end_)}));
    if (end_ <= kFirstMibEnd) return {};
    mapped_end_ = kZero;
    if (!options.movable_node()) return map_down({kFirstMibEnd, end_});
    memblock_.set_bottom_up(true);
    const PhysAddr image_end = clamp_to(buffer_.end, kFirstMibEnd, end_);
    Result<void> mapped = map_up({image_end, end_});
    if (mapped.has_value()) mapped = map_up({kFirstMibEnd, image_end});
    memblock_.set_bottom_up(false);
    return mapped;
  }

  [[nodiscard]] DirectMap plan() const {
    return {pieces_.span(), tables_.span(), end_, gib_pages_};
  }

 private:
  // A step is followed by one 256 times as long, as soon as so much is mapped.
  void grow_step() {
    if (mapped_ < step_) return;
    const unsigned shift = fls(large_.raw()) - 1 - kPageShift - 1;
    const Bytes longer{step_.raw() << shift};
    step_ = longer.raw() >> shift == step_.raw() ? longer : Bytes{~std::uint64_t{0}};
  }

  Result<void> map_down(PhysRange range) {
    // Where a large page is free near the top, so that the first step has a place to begin with.
    PhysAddr top = max_of(range.start, range.end.align_down(large_));
    const auto found = memblock_.allocate(
        {.size = large_, .alignment = large_, .min = range.start, .max = range.end});
    if (found.has_value()) {
      QUIRE_TRY(memblock_.free({*found, *found + large_}));
      if (*found >= range.start) top = *found + large_;
    }
    PhysAddr last = top;
    mapped_start_ = top;
    while (last > range.start) {
      last = clamp_to(below_nothing(last), range.start, last);
      PhysAddr start = range.start;
      if (last - kZero > step_)
        start = max_of(start, PhysAddr{(last.raw() - 1) / step_.raw() * step_.raw()});
      QUIRE_TRY(map_ram({start, last}));
      last = start;
      mapped_start_ = last;
      grow_step();
    }
    return top < range.end ? map_ram({top, range.end}) : Result<void>{};
  }

  Result<void> map_up(PhysRange range) {
    mapped_start_ = range.start;
    for (PhysAddr start = range.start; start < range.end;) {
      start = clamp_to(above_nothing(start), start, range.end);
      PhysAddr next = range.end;
      if (range.end - start > step_)
        next = min_of(next, PhysAddr{(start.raw() / step_.raw() + 1) * step_.raw()});
      QUIRE_TRY(map_ram({start, next}));
      start = next;
      grow_step();
    }
    return {};
  }

  // Steps without RAM map nothing, and as long as not even one step is mapped they do not grow:
  // these are passed over at once. Where the next one down from `last` with RAM ends.
  [[nodiscard]] PhysAddr below_nothing(PhysAddr last) const {
    if (mapped_ >= step_) return last;
    PhysAddr end = kZero;
    for (const MemblockRegion& region : memblock_.memory().regions())
      if (region.base < last) end = region.end();
    return end >= last ? last : min_of(last, end.align_up(step_));
  }
  // The same upwards: where the next one from `start` on begins.
  [[nodiscard]] PhysAddr above_nothing(PhysAddr start) const {
    if (mapped_ >= step_) return start;
    for (const MemblockRegion& region : memblock_.memory().regions())
      if (region.end() > start) return max_of(start, region.base.align_down(step_));
    return end_;
  }

  // What of `range` is RAM.
  Result<void> map_ram(PhysRange range) {
    for (const MemblockRegion& region : memblock_.memory().regions()) {
      const PhysRange part = region.range().intersect(range);
      if (part.empty()) continue;
      buffer_usable_ = part.intersect(buffer_).empty();
      QUIRE_TRY(map(part));
      mapped_ += part.length();
    }
    buffer_usable_ = true;
    return {};
  }

  // Cut where the size of page changes; what touches and has one size is one piece.
  Result<void> map(PhysRange range) {
    split_.truncate(0);
    const Bytes gib_size = gib(1);
    const auto cut = [&](PhysAddr to, DirectPage page) { return save(range, to, page); };
    PhysAddr head = range.start.align_up(large_);
    // Fixed-size MTRRs lie in the first few MiB.
    if (narrow_ && range.start == kZero) head = kZero + large_;
    QUIRE_TRY(cut(min_of(head, range.end), DirectPage::kSmall));
    const PhysAddr whole = range.end.align_down(large_);
    if (gib_pages_) {
      QUIRE_TRY(cut(min_of(range.start.align_up(gib_size), whole), DirectPage::kLarge));
      QUIRE_TRY(cut(range.end.align_down(gib_size), DirectPage::kGib));
    }
    QUIRE_TRY(cut(whole, DirectPage::kLarge));
    QUIRE_TRY(cut(range.end, DirectPage::kSmall));
    enlarge();
    return take_pieces();
  }

  Result<void> save(PhysRange& rest, PhysAddr to, DirectPage page) {
    if (to <= rest.start) return {};
    const PhysAddr from = rest.start;
    rest.start = to;
    return split_.push_back({{from, to}, page});
  }

  // Where all around a piece is RAM too, it may be mapped with it by a larger page.
  void enlarge() {
    const auto all_ram = [&](PhysRange range, Bytes unit) {
      const PhysRange around{range.start.align_down(unit), range.end.align_up(unit)};
      const MemblockRegion* const region = memblock_.memory().find(around.start);
      return region != nullptr && around.end <= region->end() && !(narrow_ && around.end > end_);
    };
    for (DirectMapPiece& piece : split_) {
      if (piece.page == DirectPage::kSmall && all_ram(piece.range, large_))
        piece.page = DirectPage::kLarge;
      if (gib_pages_ && piece.page != DirectPage::kGib && all_ram(piece.range, gib(1)))
        piece.page = DirectPage::kGib;
    }
  }

  Result<void> take_pieces() {
    for (std::size_t i = 0; i < split_.size();) {
      DirectMapPiece piece = split_[i++];
      for (; i < split_.size() && split_[i].page == piece.page; ++i)
        piece.range.end = split_[i].range.end;
      QUIRE_TRY(pieces_.push_back(piece));
      QUIRE_TRY(take_tables(piece));
      mapped_end_ = max_of(mapped_end_, piece.range.end);
    }
    return {};
  }

  // A table for every reach that the piece touches and that has none yet.
  Result<void> take_tables(const DirectMapPiece& piece) {
    const std::size_t kinds = reach_.shifts.size() - static_cast<unsigned>(piece.page);
    std::uint64_t wanted = 0;
    for (std::size_t kind = 0; kind < kinds; ++kind) {
      const unsigned shift = reach_.shifts[kind];
      const std::uint64_t first = piece.range.start.raw() >> shift;
      const std::uint64_t last = (piece.range.end.raw() - 1) >> shift;
      // What lies between was never touched before.
      wanted += last - first > 1 ? last - first - 1 : 0;
      for (const std::uint64_t edge : {first, last}) {
        QUIRE_TRY_ASSIGN(is_new, note(edge << shift | kind));
        wanted += is_new ? 1 : 0;
      }
    }
    for (; wanted != 0 && buffer_usable_ && buffer_used_ < DirectMap::kBufferTables; --wanted) {
      ++buffer_used_;
      QUIRE_TRY(tables_.push_back(DirectMap::kInBuffer));
    }
    return take_frames(PageCount{wanted});
  }

  Result<void> take_frames(PageCount wanted) {
    while (wanted != PageCount{}) {
      QUIRE_TRY_ASSIGN(run, memblock_.allocate_pages({mapped_start_, mapped_end_}, wanted));
      const PageCount taken = whole_pages(run.length());
      QUIRE_TRY(tables_.reserve(tables_.size() + taken.raw()));
      for (PageCount i; i < taken; i += PageCount{1})
        QUIRE_TRY(tables_.push_back(memblock_.bottom_up()
                                        ? pfn_down(run.start) + i
                                        : pfn_down(run.end) - i - PageCount{1}));
      wanted -= taken;
    }
    return {};
  }

  // Whether there has been no table of this address and kind.
  Result<bool> note(std::uint64_t table) {
    std::size_t first = 0;
    std::size_t end = known_.size();
    while (first < end) {
      const std::size_t middle = first + (end - first) / 2;
      if (known_[middle] == table) return false;
      if (known_[middle] < table)
        first = middle + 1;
      else
        end = middle;
    }
    QUIRE_TRY(known_.insert(first, table));
    return true;
  }

  Memblock& memblock_;
  const TableReach reach_;
  const Bytes large_;
  const bool narrow_;
  const bool gib_pages_;
  const PhysAddr end_;
  PhysRange buffer_{};  // in the kernel image; empty without one
  bool buffer_usable_ = true;
  unsigned buffer_used_ = 0;
  Bytes step_{large_};
  Bytes mapped_;           // RAM, so far
  PhysAddr mapped_start_;  // tables come from between these
  PhysAddr mapped_end_;
  ArenaVector<DirectMapPiece> split_;
  ArenaVector<DirectMapPiece> pieces_;
  ArenaVector<Pfn> tables_;
  ArenaVector<std::uint64_t> known_;  // tables by address, with the kind in the low bits; sorted
};

}  // namespace

Result<DirectMap> plan_direct_map(const DirectMapSources& sources, Memblock& memblock, Arena& arena,
                                  Host& host) {
  DirectMapPlanner planner(sources, memblock, arena);
  const DirectMap empty = planner.plan();
  if (empty.gib_pages) host.log("Using GB pages for direct mapping");
  const Result<void> planned = planner.run(sources.options);
  if (planned.has_value()) return planner.plan();
  host.log("no room for the page tables of the direct map");
  return planned.error();
}

}  // namespace quire
