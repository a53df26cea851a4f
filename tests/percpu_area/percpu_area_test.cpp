#include "percpu_area/percpu_area.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <vector>

#include "tests/boot/plain_host.hpp"
#include "tests/support/cpu_contexts.hpp"

namespace quire {
namespace {

// Pages that cost nothing, as many as `left` says.
class CountedPages final : public PercpuPages {
 public:
  Result<void> populate(Wanted wanted) override {
    if (left == 0) return Errno::kNoMemory;
    --left;
    spare += wanted.spare ? 1 : 0;
    EXPECT_TRUE(there.insert(raw(wanted.page)).second);
    return {};
  }
  void depopulate(PercpuPage page) override {
    EXPECT_EQ(there.erase(raw(page)), 1u);
    ++left;
  }

  std::set<std::uint32_t> there;
  unsigned left = 100'000;
  unsigned spare = 0;
};

class PercpuAreaTest : public testing::Test {
 protected:
  static constexpr Bytes kStatic{5000};
  static constexpr unsigned kCpus = 3;

  PercpuAreaTest() {
    const std::vector<NodeId> nodes(kCpus);
    EXPECT_TRUE(area.init(arena, nodes, kStatic).has_value());
    Arch::set_current(&contexts[0]);
  }
  ~PercpuAreaTest() override { Arch::set_current(nullptr); }

  PercpuOffset take(Bytes size, Bytes align = Bytes{4}) {
    const auto offset = area.allocate(size, align);
    EXPECT_TRUE(offset.has_value());
    return offset.value_or(PercpuOffset{0});
  }
  // Everything that the first chunk has for whoever asks.
  void fill_first_chunk() {
    for (const Bytes size : {Bytes{64}, Bytes{4}})
      while (area.allocate(size, size, PercpuWait::kMayNot).has_value()) {}
  }
  [[nodiscard]] bool is_zero(PercpuOffset offset, std::size_t size) const {
    for (std::byte* const of_cpu : area.all())
      for (std::size_t i = 0; i < size; ++i)
        if (of_cpu[raw(offset) + i] != std::byte{0}) return false;
    return true;
  }
  void scribble(PercpuOffset offset, std::size_t size) const {
    for (std::byte* const of_cpu : area.all()) std::memset(of_cpu + raw(offset), 0x5a, size);
  }

  test::PlainHost host;
  Arena arena{host};
  CpuContexts contexts{host, 1};
  PercpuArea area;
  CountedPages pages;
};

TEST_F(PercpuAreaTest, WhatIsHandedOutLiesBehindTheStaticPartAsAligned) {
  EXPECT_GE(raw(take(Bytes{4})), kStatic.raw());
  EXPECT_EQ(raw(take(Bytes{8}, Bytes{64})) % 64, 0u);
  EXPECT_EQ(raw(take(Bytes{1}, kPageSize)) % 4096, 0u);
  EXPECT_EQ(raw(take(Bytes{1}, Bytes{1})) % 4, 0u);
}

TEST_F(PercpuAreaTest, PiecesAreGivenBackAndHandedOutAgainZeroed) {
  const PercpuOffset first = take(Bytes{100});
  const PercpuOffset second = take(Bytes{100});
  scribble(first, 100);
  scribble(second, 100);
  ASSERT_TRUE(area.free(first).has_value());
  EXPECT_EQ(take(Bytes{100}), first);
  EXPECT_TRUE(is_zero(first, 100));
  EXPECT_FALSE(is_zero(second, 1));
}

TEST_F(PercpuAreaTest, APieceThatReachesIntoFreshMemoryIsZeroThroughout) {
  const PercpuOffset first = take(Bytes{8});
  scribble(first, 8);
  ASSERT_TRUE(area.free(first).has_value());
  EXPECT_TRUE(is_zero(take(Bytes{64}), 64));
}

TEST_F(PercpuAreaTest, BadRequestsAreRefused) {
  for (const auto& [size, align] : {std::pair{0, 4}, {32769, 4}, {4, 3}, {4, 8192}, {4, 0}})
    EXPECT_EQ(area.allocate(Bytes(size), Bytes(align)).error(), Errno::kInvalid) << size;
  const PercpuOffset piece = take(Bytes{64});
  for (const std::uint32_t bad : {0u, 4u, 4999u, raw(piece) + 4, raw(piece) + 1, 1u << 30})
    EXPECT_FALSE(area.free(PercpuOffset{bad}).has_value()) << bad;
  EXPECT_TRUE(area.free(piece).has_value());
  EXPECT_EQ(area.free(piece).error(), Errno::kInvalid);
}

TEST_F(PercpuAreaTest, WithoutPagesThereIsTheFirstChunkAlone) {
  fill_first_chunk();
  EXPECT_EQ(area.allocate(Bytes{64}, Bytes{64}).error(), Errno::kNoMemory);
}

TEST_F(PercpuAreaTest, BeyondTheFirstChunkPagesComeAsTheyAreNeeded) {
  area.set_pages(pages);
  fill_first_chunk();
  EXPECT_TRUE(pages.there.empty());
  const PercpuOffset piece = take(Bytes{3 * 4096});
  EXPECT_GE(Bytes{raw(piece)}, area.first_chunk());
  EXPECT_EQ(pages.there.size(), 3u + 4u);  // four to spare
  EXPECT_EQ(pages.spare, 4u);
  EXPECT_EQ(area.populated(), PageCount{7});
  EXPECT_TRUE(is_zero(piece, 3 * 4096));
}

TEST_F(PercpuAreaTest, RequestsThatMayNotWaitLiveOnSparePages) {
  area.set_pages(pages);
  fill_first_chunk();
  EXPECT_FALSE(area.allocate(Bytes{8}, Bytes{8}, PercpuWait::kMayNot).has_value());
  take(Bytes{8});
  unsigned got = 0;
  while (area.allocate(kPageSize, kPageSize, PercpuWait::kMayNot).has_value()) ++got;
  EXPECT_EQ(got, 4u);
  area.balance();
  EXPECT_TRUE(area.allocate(kPageSize, kPageSize, PercpuWait::kMayNot).has_value());
}

TEST_F(PercpuAreaTest, NoMemoryIsToldAndNothingIsLost) {
  area.set_pages(pages);
  fill_first_chunk();
  pages.left = 2;
  EXPECT_EQ(area.allocate(Bytes{3 * 4096}, kPageSize).error(), Errno::kNoMemory);
  pages.left = 100;
  const PercpuOffset piece = take(Bytes{3 * 4096}, kPageSize);
  ASSERT_TRUE(area.free(piece).has_value());
  area.balance();
  EXPECT_EQ(pages.there.size(), 4u);
}

TEST_F(PercpuAreaTest, ChunksThatStandEmptyAreGivenUpButOne) {
  area.set_pages(pages);
  fill_first_chunk();
  std::vector<PercpuOffset> held;
  for (;;) {
    const auto piece = area.allocate(PercpuArea::kLargest, kPageSize);
    if (!piece.has_value()) break;
    held.push_back(*piece);
  }
  EXPECT_EQ(held.size(), PercpuArea::kMoreChunks * (PercpuArea::kUnit / PercpuArea::kLargest));
  for (const PercpuOffset piece : held) ASSERT_TRUE(area.free(piece).has_value());
  area.balance();
  EXPECT_EQ(pages.there.size(), 4u);
  EXPECT_EQ(area.populated(), PageCount{4});
  EXPECT_GE(Bytes{raw(take(PercpuArea::kLargest, kPageSize))}, area.first_chunk());
}

TEST_F(PercpuAreaTest, AChunkWithLittleRoomIsPreferredToOneWithMuch) {
  area.set_pages(pages);
  fill_first_chunk();
  std::vector<PercpuOffset> held;
  for (unsigned i = 0; i < 33; ++i) held.push_back(take(PercpuArea::kLargest, kPageSize));
  // The 33rd opened a second chunk; a hole in the first is smaller than what that has left.
  ASSERT_TRUE(area.free(held[7]).has_value());
  EXPECT_EQ(take(kPageSize, kPageSize), held[7]);
}

}  // namespace
}  // namespace quire
