// A chunk's map against the most obvious one: a granule is the number of its piece, or free.
#include "percpu_area/chunk.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <vector>

#include "hosts/sim/random.hpp"
#include "tests/boot/plain_host.hpp"

namespace quire {
namespace {

using Row = PercpuChunk::Row;
using Need = PercpuChunk::Need;

constexpr unsigned kPages = 12;
constexpr std::uint32_t kGranules = kPages * PercpuChunk::kPerPage;

class NaiveChunk {
 public:
  [[nodiscard]] std::optional<Row> find(const Need& need) const {
    for (std::uint32_t place = 0; place + need.granules <= kGranules; place += need.align) {
      bool fits = true;
      for (std::uint32_t at = place; fits && at < place + need.granules; ++at)
        fits = piece_[at] == 0 && (!need.populated_only || populated[at / PercpuChunk::kPerPage]);
      if (fits) return Row{place, need.granules};
    }
    return std::nullopt;
  }
  void take(Row row) {
    ++pieces_;
    for (std::uint32_t at = row.start; at < row.end(); ++at) piece_[at] = pieces_;
  }
  void release(Row row) {
    for (std::uint32_t at = row.start; at < row.end(); ++at) piece_[at] = 0;
  }
  [[nodiscard]] std::uint32_t longest() const {
    std::uint32_t longest = 0;
    std::uint32_t row = 0;
    for (const unsigned piece : piece_) {
      row = piece == 0 ? row + 1 : 0;
      longest = std::max(longest, row);
    }
    return longest;
  }
  [[nodiscard]] bool is_free(unsigned page) const {
    for (std::uint32_t at = 0; at < PercpuChunk::kPerPage; ++at)
      if (piece_[page * PercpuChunk::kPerPage + at] != 0) return false;
    return true;
  }

  std::vector<bool> populated = std::vector<bool>(kPages);

 private:
  std::vector<unsigned> piece_ = std::vector<unsigned>(kGranules);
  unsigned pieces_ = 0;
};

class ChunkTest : public testing::Test {
 protected:
  ChunkTest() {
    EXPECT_TRUE(chunk.reserve(arena, PageCount{kPages}).has_value());
    chunk.open();
  }
  Row take(const Need& need) {
    const auto row = chunk.find(need);
    EXPECT_TRUE(row.has_value());
    if (row.has_value()) chunk.take(*row);
    return row.value_or(Row{});
  }

  test::PlainHost host;
  Arena arena{host};
  PercpuChunk chunk;
};

TEST_F(ChunkTest, PiecesThatTouchAreGivenBackOneByOne) {
  const Row first = take({3, 1});
  const Row second = take({5, 1});
  EXPECT_EQ(second.start, first.end());
  EXPECT_EQ(chunk.release(first.start).count, 3u);
  EXPECT_EQ(chunk.release(second.start).count, 5u);
  EXPECT_EQ(chunk.taken(), 0u);
  EXPECT_EQ(chunk.longest(), kGranules);
}

TEST_F(ChunkTest, NothingIsGivenBackWhereNoPieceBegins) {
  const Row row = take({8, 1});
  for (const std::uint32_t place : {row.start + 1, row.end(), kGranules - 1, kGranules, ~0U})
    EXPECT_EQ(chunk.release(place).count, 0u) << place;
  EXPECT_EQ(chunk.release(row.start).count, 8u);
  EXPECT_EQ(chunk.release(row.start).count, 0u);
}

TEST_F(ChunkTest, WhatWasNeverTakenIsFresh) {
  const Row first = take({10, 1});
  take({1, 64});
  chunk.release(first.start);
  EXPECT_EQ(chunk.fresh_from(), 65u);
  chunk.open();
  EXPECT_EQ(chunk.fresh_from(), 65u);
}

TEST_F(ChunkTest, OnARequestPagesThatAreNotThereArePassedOver) {
  chunk.set_populated(3);
  EXPECT_EQ(take({100, 1, true}).start, 3 * PercpuChunk::kPerPage);
  EXPECT_FALSE(chunk.find({PercpuChunk::kPerPage, 1, true}).has_value());
  EXPECT_EQ(chunk.first_missing({2 * PercpuChunk::kPerPage, 1}), 2u);
  EXPECT_EQ(chunk.first_missing({3 * PercpuChunk::kPerPage, 1}), kPages);
  chunk.clear_populated(3);
  EXPECT_FALSE(chunk.find({1, 1, true}).has_value());
}

// QUIRE_SEED=n replays a run.
TEST(ChunkModel, AnyRequestsGetWhatTheObviousMapGives) {
  const char* const told = std::getenv("QUIRE_SEED");
  const std::uint64_t first_seed = told == nullptr ? 1 : std::strtoull(told, nullptr, 0);
  for (std::uint64_t seed = first_seed; seed < first_seed + 8; ++seed) {
    Random random(seed);
    test::PlainHost host;
    Arena arena(host);
    PercpuChunk chunk;
    ASSERT_TRUE(chunk.reserve(arena, PageCount{kPages}).has_value());
    chunk.open();
    NaiveChunk naive;
    std::map<std::uint32_t, Row> held;
    std::uint32_t held_granules = 0;
    for (unsigned step = 0; step < 4000; ++step) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " step " + std::to_string(step));
      const unsigned choice = random.below(100);
      if (choice < 4) {
        const unsigned page = random.below(kPages);
        naive.populated[page] = !naive.populated[page];
        naive.populated[page] ? chunk.set_populated(page) : chunk.clear_populated(page);
      } else if (choice < 55 || held.empty()) {
        const std::uint32_t most = 1U << random.below(14);
        const Need need{1 + random.below(most), 1U << random.below(11), random.below(3) == 0};
        const auto row = chunk.find(need);
        const auto expected = naive.find(need);
        ASSERT_EQ(row.has_value(), expected.has_value());
        if (!row.has_value()) continue;
        ASSERT_EQ(row->start, expected->start);
        chunk.take(*row);
        naive.take(*row);
        held[row->start] = *row;
        held_granules += row->count;
      } else {
        const auto at = std::next(held.begin(), random.below(static_cast<unsigned>(held.size())));
        ASSERT_EQ(chunk.release(at->first).count, at->second.count);
        naive.release(at->second);
        held_granules -= at->second.count;
        held.erase(at);
      }
      ASSERT_EQ(chunk.taken(), held_granules);
      if (step % 16 != 0) continue;
      ASSERT_GE(chunk.longest(), naive.longest());
      for (unsigned page = 0; page < kPages; ++page)
        ASSERT_EQ(chunk.is_free(page), naive.is_free(page)) << page;
      if (naive.longest() == kGranules) continue;
      ASSERT_FALSE(chunk.find({naive.longest() + 1, 1}).has_value());
      ASSERT_EQ(chunk.longest(), naive.longest());
    }
  }
}

}  // namespace
}  // namespace quire
