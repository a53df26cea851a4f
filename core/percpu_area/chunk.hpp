// A chunk of per-CPU memory: a stretch of every CPU's area, in which pieces of any size are taken
// and given back. What is taken is taken on all CPUs at once, so one map serves them all.
//
// Units       Granules of 4 bytes and pages, both counted from the chunk's start.
// Invariants  A granule is taken or free. Pieces that touch stay two.
//             No free row is longer than longest().
// Locking     None of its own: its PercpuArea's.
// Cost        find() looks at a summary a page, and at the bits of pages that may have room.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/base.hpp"
#include "host/host.hpp"

namespace quire {

class PercpuChunk {
 public:
  static constexpr Bytes kGranule{4};
  static constexpr std::uint32_t kPerPage = 1024;  // granules
  static_assert(kGranule * kPerPage == kPageSize);

  struct Row {
    std::uint32_t start = 0;
    std::uint32_t count = 0;
    [[nodiscard]] std::uint32_t end() const { return start + count; }
  };
  struct Need {
    std::uint32_t granules;
    std::uint32_t align;          // in granules, a power of two
    bool populated_only = false;  // only where every page is there
  };

  // Room for the map of so many pages. The chunk is closed. Errors: kNoMemory.
  Result<void> reserve(Arena& arena, PageCount pages);
  // All free, no page there.
  void open();
  void close() { is_open_ = false; }
  [[nodiscard]] bool is_open() const { return is_open_; }

  // The first place that meets the need. Where there is none, longest() may come down.
  std::optional<Row> find(const Need& need);
  void take(Row piece);
  // Gives back the piece that begins at `place`, and says which it was; none begins there: empty.
  Row release(std::uint32_t place);

  [[nodiscard]] std::uint32_t longest() const { return longest_; }
  [[nodiscard]] std::uint32_t taken() const { return taken_; }
  // No granule from here on was ever taken.
  [[nodiscard]] std::uint32_t fresh_from() const { return fresh_from_; }

  [[nodiscard]] std::uint32_t pages() const { return static_cast<std::uint32_t>(free_.size()); }
  [[nodiscard]] bool is_populated(std::uint32_t page) const { return test(populated_, page); }
  void set_populated(std::uint32_t page);
  void clear_populated(std::uint32_t page);
  // The first page of the row that is not there; pages() when all are.
  [[nodiscard]] std::uint32_t first_missing(Row row) const;
  // No piece reaches into the page.
  [[nodiscard]] bool is_free(std::uint32_t page) const { return free_[page].longest == kPerPage; }

 private:
  // The free rows of one page: the longest, those at its start and at its end.
  struct PageSummary {
    std::uint16_t longest;
    std::uint16_t first;
    std::uint16_t last;
  };
  using Bits = std::span<std::uint64_t>;

  static bool test(std::span<const std::uint64_t> bits, std::uint32_t at) {
    return (bits[at / 64] >> (at % 64) & 1) != 0;
  }
  static void set_row(Bits bits, Row row, bool value);
  [[nodiscard]] std::uint32_t granules() const { return pages() * kPerPage; }
  // From `row.start` on, the end of the row's first stretch of equal granules.
  [[nodiscard]] std::uint32_t stretch_end(Row row) const;
  [[nodiscard]] std::uint32_t free_before(std::uint32_t place) const;
  [[nodiscard]] std::optional<Row> fit(Row free, const Need& need) const;
  [[nodiscard]] std::optional<Row> find_within(std::uint32_t page, const Need& need) const;
  void summarise(Row changed);

  Bits used_;       // a bit a granule: taken
  Bits starts_;     // a bit a granule: a piece begins here
  Bits populated_;  // a bit a page
  std::span<PageSummary> free_;
  std::uint32_t longest_ = 0;
  std::uint32_t taken_ = 0;
  std::uint32_t fresh_from_ = 0;
  bool is_open_ = false;
};

}  // namespace quire
