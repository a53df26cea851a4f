#include "percpu_area/chunk.hpp"

#include <cstring>

namespace quire {
namespace {

constexpr std::uint32_t kWord = 64;

void clear(std::span<std::uint64_t> bits) { std::memset(bits.data(), 0, bits.size_bytes()); }

}  // namespace

Result<void> PercpuChunk::reserve(Arena& arena, PageCount pages) {
  const std::uint64_t words = pages.raw() * kPerPage / kWord;
  const std::uint64_t page_words = (pages.raw() + kWord - 1) / kWord;
  const std::uint64_t size =
      (2 * words + page_words) * sizeof(std::uint64_t) + pages.raw() * sizeof(PageSummary);
  QUIRE_TRY_ASSIGN(memory, arena.allocate(Bytes{size}, NodeId{0}));
  auto* const bits = reinterpret_cast<std::uint64_t*>(memory);
  used_ = {bits, words};
  starts_ = {bits + words, words};
  populated_ = {bits + 2 * words, page_words};
  free_ = {reinterpret_cast<PageSummary*>(bits + 2 * words + page_words), pages.raw()};
  return {};
}

void PercpuChunk::open() {
  clear(used_);
  clear(starts_);
  clear(populated_);
  for (PageSummary& page : free_) page = {kPerPage, kPerPage, kPerPage};
  longest_ = granules();
  taken_ = 0;
  is_open_ = true;
}

void PercpuChunk::set_row(Bits bits, Row row, bool value) {
  for (std::uint32_t at = row.start; at < row.end();) {
    const std::uint32_t count = min_of(kWord - at % kWord, row.end() - at);
    const std::uint64_t ones = count == kWord ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
    if (value)
      bits[at / kWord] |= ones << at % kWord;
    else
      bits[at / kWord] &= ~(ones << at % kWord);
    at += count;
  }
}

std::uint32_t PercpuChunk::stretch_end(Row row) const {
  const bool value = test(used_, row.start);
  for (std::uint32_t at = row.start; at < row.end();) {
    const std::uint64_t word = used_[at / kWord] ^ (value ? ~std::uint64_t{0} : 0);
    const std::uint64_t rest = word >> at % kWord;
    if (rest != 0) return min_of(at + ffs0(rest), row.end());
    at += kWord - at % kWord;
  }
  return row.end();
}

// How many free granules end at `place`.
std::uint32_t PercpuChunk::free_before(std::uint32_t place) const {
  std::uint32_t at = place;
  while (at != 0) {
    const std::uint32_t in_word = (at - 1) % kWord + 1;
    const std::uint64_t word = used_[(at - 1) / kWord] << (kWord - in_word);
    if (word != 0) return place - at + static_cast<std::uint32_t>(std::countl_zero(word));
    at -= in_word;
  }
  return place;
}

std::uint32_t PercpuChunk::first_missing(Row row) const {
  const std::uint32_t end = (row.end() + kPerPage - 1) / kPerPage;
  for (std::uint32_t page = row.start / kPerPage; page < end; ++page)
    if (!is_populated(page)) return page;
  return pages();
}

// Where in a free row the need is met first.
std::optional<PercpuChunk::Row> PercpuChunk::fit(Row free, const Need& need) const {
  std::uint32_t place = free.start;
  for (;;) {
    place = (place + need.align - 1) & ~(need.align - 1);
    if (place > free.end() || free.end() - place < need.granules) return std::nullopt;
    const Row piece{place, need.granules};
    const std::uint32_t missing = need.populated_only ? first_missing(piece) : pages();
    if (missing == pages()) return piece;
    place = (missing + 1) * kPerPage;
  }
}

// Among the free rows that touch neither end of the page.
std::optional<PercpuChunk::Row> PercpuChunk::find_within(std::uint32_t page,
                                                         const Need& need) const {
  const PageSummary& free = free_[page];
  const std::uint32_t end = (page + 1) * kPerPage - free.last;
  std::uint32_t at = page * kPerPage + free.first;
  while (at < end) {
    const std::uint32_t next = stretch_end({at, end - at});
    if (!test(used_, at)) {
      const auto piece = fit({at, next - at}, need);
      if (piece.has_value()) return piece;
    }
    at = next;
  }
  return std::nullopt;
}

std::optional<PercpuChunk::Row> PercpuChunk::find(const Need& need) {
  Row free;  // the row that reaches the end of what was looked at
  std::uint32_t longest = 0;
  for (std::uint32_t page = 0; page < pages(); ++page) {
    const PageSummary& summary = free_[page];
    free.count += summary.first;
    longest = max_of(longest, max_of<std::uint32_t>(free.count, summary.longest));
    if (summary.longest == kPerPage) continue;
    auto piece = fit(free, need);
    if (!piece.has_value() && summary.longest >= need.granules) piece = find_within(page, need);
    if (piece.has_value()) return piece;
    free = {(page + 1) * kPerPage - summary.last, summary.last};
  }
  const auto piece = fit(free, need);
  if (!piece.has_value()) longest_ = longest;
  return piece;
}

void PercpuChunk::summarise(Row changed) {
  const std::uint32_t end = (changed.end() + kPerPage - 1) / kPerPage;
  for (std::uint32_t page = changed.start / kPerPage; page < end; ++page) {
    const std::uint32_t start = page * kPerPage;
    PageSummary summary{};
    for (std::uint32_t at = start; at < start + kPerPage;) {
      const std::uint32_t next = stretch_end({at, start + kPerPage - at});
      if (!test(used_, at)) {
        const auto count = static_cast<std::uint16_t>(next - at);
        summary.longest = max_of(summary.longest, count);
        if (at == start) summary.first = count;
        if (next == start + kPerPage) summary.last = count;
      }
      at = next;
    }
    free_[page] = summary;
  }
}

void PercpuChunk::take(Row piece) {
  QUIRE_DEBUG_ASSERT(!test(used_, piece.start) && stretch_end(piece) == piece.end());
  set_row(used_, piece, true);
  set_row(starts_, {piece.start, 1}, true);
  taken_ += piece.count;
  fresh_from_ = max_of(fresh_from_, piece.end());
  summarise(piece);
}

PercpuChunk::Row PercpuChunk::release(std::uint32_t place) {
  if (place >= granules() || !test(starts_, place)) return {};
  Row piece{place, stretch_end({place, granules() - place}) - place};
  for (std::uint32_t at = place + 1; at < piece.end(); ++at)
    if (test(starts_, at)) piece.count = at - place;
  set_row(used_, piece, false);
  set_row(starts_, {place, 1}, false);
  taken_ -= piece.count;
  summarise(piece);
  const std::uint32_t before = free_before(place);
  const std::uint32_t end = stretch_end({place, granules() - place});
  longest_ = max_of(longest_, before + (end - place));
  return piece;
}

void PercpuChunk::set_populated(std::uint32_t page) { set_row(populated_, {page, 1}, true); }
void PercpuChunk::clear_populated(std::uint32_t page) { set_row(populated_, {page, 1}, false); }

}  // namespace quire
