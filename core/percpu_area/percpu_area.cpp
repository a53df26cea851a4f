#include "percpu_area/percpu_area.hpp"

#include <cstring>

namespace quire {
namespace {

using Row = PercpuChunk::Row;

constexpr std::uint32_t granules_to_hold(Bytes size) {
  return static_cast<std::uint32_t>((size + PercpuChunk::kGranule - Bytes{1}) /
                                    PercpuChunk::kGranule);
}
constexpr Bytes bytes_of(std::uint32_t granules) { return PercpuChunk::kGranule * granules; }

}  // namespace

Result<void> PercpuArea::init(Arena& arena, std::span<const NodeId> cpu_nodes,
                              Bytes static_size) {
  static_ = static_size;
  first_chunk_ = size_of(pages_to_hold(static_size + kFirstDynamic));
  QUIRE_TRY_ASSIGN(areas, arena.make_array<std::byte*>(cpu_nodes.size()));
  areas_ = areas;
  for (std::size_t cpu = 0; cpu < areas_.size(); ++cpu) {
    QUIRE_TRY_ASSIGN(area, arena.allocate(first_chunk_ + kUnit * kMoreChunks, cpu_nodes[cpu]));
    areas_[cpu] = area;
  }
  const SpinGuard guard(lock_);
  PercpuChunk& first = chunks_.front();
  QUIRE_TRY(first.reserve(arena, whole_pages(first_chunk_) - whole_pages(static_)));
  for (unsigned i = 1; i <= kMoreChunks; ++i)
    QUIRE_TRY(chunks_.data()[i].reserve(arena, PageCount{kUnitPages}));
  first.open();
  for (std::uint32_t page = 0; page < first.pages(); ++page) first.set_populated(page);
  const std::uint32_t taken = granules_to_hold(static_ - size_of(whole_pages(static_)));
  if (taken != 0) first.take({0, taken});
  spare_ = empty_pages_locked({0, {0, first.pages() * PercpuChunk::kPerPage}});
  return {};
}

std::uint32_t PercpuArea::start_of(unsigned chunk) const {
  const Bytes first = size_of(whole_pages(static_));
  return static_cast<std::uint32_t>(
      (chunk == 0 ? first : first_chunk_ + kUnit * (chunk - 1)).raw());
}

PercpuPage PercpuArea::page_of(Spot spot) {
  return PercpuPage{(spot.chunk - 1) * kUnitPages + spot.page};
}

// Of the pages that the row lies in, those that are there and have no piece.
std::uint32_t PercpuArea::empty_pages_locked(const Found& found) const {
  const PercpuChunk& chunk = chunks_.data()[found.chunk];
  std::uint32_t count = 0;
  const std::uint32_t end = (found.row.end() + PercpuChunk::kPerPage - 1) / PercpuChunk::kPerPage;
  for (std::uint32_t page = found.row.start / PercpuChunk::kPerPage; page < end; ++page)
    count += chunk.is_populated(page) && chunk.is_free(page) ? 1 : 0;
  return count;
}

// The chunk with the least room that has enough, by powers of two; one that is wholly free last.
std::optional<PercpuArea::Found> PercpuArea::find_locked(const PercpuChunk::Need& need) {
  std::uint32_t tried = 0;
  for (;;) {
    unsigned best = 0;
    unsigned best_slot = ~0U;
    for (unsigned i = 0; i <= kMoreChunks; ++i) {
      const PercpuChunk& chunk = chunks_.data()[i];
      if (!chunk.is_open() || chunk.longest() < need.granules || (tried >> i & 1) != 0) continue;
      const unsigned slot = chunk.taken() == 0 ? ~0U - 1 : fls(chunk.longest());
      if (slot >= best_slot) continue;
      best = i;
      best_slot = slot;
    }
    if (best_slot == ~0U) return std::nullopt;
    const auto row = chunks_.data()[best].find(need);
    if (row.has_value()) return Found{best, *row};
    tried |= 1U << best;
  }
}

bool PercpuArea::open_chunk_locked() {
  for (unsigned i = 1; i <= kMoreChunks; ++i) {
    if (chunks_.data()[i].is_open()) continue;
    chunks_.data()[i].open();
    return true;
  }
  return false;
}

PercpuArea::Attempt PercpuArea::attempt(const PercpuChunk::Need& need) {
  const SpinGuard guard(lock_);
  auto found = find_locked(need);
  if (!found.has_value() && !need.populated_only && open_chunk_locked()) found = find_locked(need);
  if (!found.has_value()) return {};
  PercpuChunk& chunk = chunks_.data()[found->chunk];
  const std::uint32_t missing = chunk.first_missing(found->row);
  Attempt outcome;
  if (missing != chunk.pages()) {
    outcome.missing = Spot{found->chunk, missing};
    return outcome;
  }
  spare_ -= empty_pages_locked(*found);
  outcome.wants_spare = spare_ < kSpareLow;
  const std::uint32_t used_end = min_of(chunk.fresh_from(), found->row.end());
  outcome.used_before = bytes_of(used_end - min_of(used_end, found->row.start));
  chunk.take(found->row);
  const auto place = static_cast<std::uint32_t>(bytes_of(found->row.start).raw());
  outcome.piece = PercpuOffset{start_of(found->chunk) + place};
  return outcome;
}

Result<PercpuOffset> PercpuArea::allocate(Bytes size, Bytes align, PercpuWait wait) {
  if (!size || size > kLargest || align > kPageSize || !std::has_single_bit(align.raw()))
    return Errno::kInvalid;
  const bool may_wait = wait == PercpuWait::kMay && pages_ != nullptr;
  const PercpuChunk::Need need{granules_to_hold(size), max_of(granules_to_hold(align), 1U),
                               !may_wait};
  for (;;) {
    const Attempt outcome = attempt(need);
    if (outcome.piece.has_value()) {
      for (std::byte* const area : areas_)
        std::memset(area + raw(*outcome.piece), 0, outcome.used_before.raw());
      if (may_wait && outcome.wants_spare) balance();
      return *outcome.piece;
    }
    if (!outcome.missing.has_value()) return Errno::kNoMemory;
    QUIRE_TRY(populate(*outcome.missing, false));
  }
}

Result<void> PercpuArea::free(PercpuOffset offset) {
  const SpinGuard guard(lock_);
  const std::uint32_t at = raw(offset);
  unsigned number = 0;
  while (number < kMoreChunks && at >= start_of(number + 1)) ++number;
  PercpuChunk& chunk = chunks_.data()[number];
  if (Bytes{at} < static_ || at % PercpuChunk::kGranule.raw() != 0 || !chunk.is_open())
    return Errno::kInvalid;
  const Row row = chunk.release(granules_to_hold(Bytes{at - start_of(number)}));
  if (row.count == 0) return Errno::kInvalid;
  spare_ += empty_pages_locked({number, row});
  return {};
}

bool PercpuArea::begin_change() {
  const SpinGuard guard(lock_);
  if (changing_) return false;
  changing_ = true;
  return true;
}

void PercpuArea::end_change() {
  const SpinGuard guard(lock_);
  changing_ = false;
}

Result<void> PercpuArea::populate(Spot spot, bool spare) {
  if (!begin_change()) {
    Arch::current()->host->yield();
    return {};
  }
  const auto done = fill(spot, spare);
  end_change();
  return done;
}

Result<void> PercpuArea::fill(Spot spot, bool spare) {
  {
    const SpinGuard guard(lock_);
    const PercpuChunk& chunk = chunks_.data()[spot.chunk];
    if (!chunk.is_open() || chunk.is_populated(spot.page)) return {};
  }
  QUIRE_TRY(pages_->populate({page_of(spot), spare}));
  const SpinGuard guard(lock_);
  PercpuChunk& chunk = chunks_.data()[spot.chunk];
  chunk.set_populated(spot.page);
  ++populated_;
  spare_ += chunk.is_free(spot.page) ? 1 : 0;
  return {};
}

// A page to do without: of a chunk that is wholly free and not the only one, or beyond the pages
// that are kept to spare. Chunks that have no page left are closed.
std::optional<PercpuArea::Spot> PercpuArea::give_up_page_locked() {
  bool kept_one = false;
  for (unsigned i = 1; i <= kMoreChunks; ++i) {
    PercpuChunk& chunk = chunks_.data()[i];
    if (!chunk.is_open()) continue;
    const bool surplus = chunk.taken() == 0 && kept_one;
    kept_one |= chunk.taken() == 0;
    for (std::uint32_t page = chunk.pages(); page-- > 0 && (surplus || spare_ > kSpareHigh);) {
      if (!chunk.is_populated(page) || !chunk.is_free(page)) continue;
      chunk.clear_populated(page);
      --populated_;
      --spare_;
      return Spot{i, page};
    }
    if (surplus) chunk.close();
  }
  return std::nullopt;
}

// Where a page to spare would be put, when there are too few.
std::optional<PercpuArea::Spot> PercpuArea::spare_spot_locked() {
  for (unsigned i = 1; i <= kMoreChunks; ++i) {
    const PercpuChunk& chunk = chunks_.data()[i];
    if (!chunk.is_open()) continue;
    for (std::uint32_t page = 0; page < chunk.pages(); ++page)
      if (!chunk.is_populated(page) && chunk.is_free(page)) return Spot{i, page};
  }
  return std::nullopt;
}

void PercpuArea::balance() {
  if (pages_ == nullptr || !begin_change()) return;
  for (;;) {
    std::optional<Spot> spot;
    {
      const SpinGuard guard(lock_);
      spot = give_up_page_locked();
    }
    if (!spot.has_value()) break;
    pages_->depopulate(page_of(*spot));
  }
  fill_spare();
  end_change();
}

// Once there are too few, as many as there may be.
void PercpuArea::fill_spare() {
  for (bool too_few = false;;) {
    std::optional<Spot> spot;
    {
      const SpinGuard guard(lock_);
      too_few = spare_ < (too_few ? kSpareHigh : kSpareLow);
      if (!too_few) return;
      spot = spare_spot_locked();
      if (!spot.has_value() && open_chunk_locked()) spot = spare_spot_locked();
    }
    if (!spot.has_value() || !fill(*spot, true).has_value()) return;
  }
}

PageCount PercpuArea::populated() const {
  const SpinGuard guard(lock_);
  return PageCount{populated_};
}

bool PercpuArea::is_populated(PercpuPage page) const {
  const SpinGuard guard(lock_);
  const PercpuChunk& chunk = chunks_.data()[1 + raw(page) / kUnitPages];
  return chunk.is_open() && chunk.is_populated(raw(page) % kUnitPages);
}

}  // namespace quire
