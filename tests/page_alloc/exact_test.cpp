#include <gtest/gtest.h>

#include <vector>

#include "hosts/sim/random.hpp"
#include "tests/support/test_machine.hpp"

namespace quire {
namespace {

class ExactPagesTest : public testing::Test {
 protected:
  ExactPagesTest() : pages(test.machine.pages()) {}

  Result<Page*> take(PfnRange range) { return pages.allocate_range(test.dma32(), range, {}); }
  [[nodiscard]] std::uint64_t free_pages() {
    test.pages().drain_all();
    return static_cast<std::uint64_t>(test.free_now(test.dma32()));
  }

  TestMachine test{Shape::one_zone({64, 2})};
  ExactPages pages;
};

TEST_F(ExactPagesTest, TakesJustThePagesAskedForFromTheSmallestBlockThatHoldsThem) {
  const std::uint64_t before = free_pages();
  Page* const first = pages.allocate(Gfp::kKernel, Bytes{5 * 4096 - 1}, NodeId{0});
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(test.pfn(first) % 8, 0u);
  EXPECT_EQ(free_pages(), before - 5);
  EXPECT_TRUE(audited(test.machine));
  pages.free(*first, Bytes{5 * 4096 - 1});
  EXPECT_EQ(free_pages(), before);
  EXPECT_TRUE(audited(test.machine));
}

TEST_F(ExactPagesTest, NothingAndMoreThanABlockAreRefused) {
  EXPECT_EQ(pages.allocate(Gfp::kKernel, Bytes{0}, NodeId{0}), nullptr);
  EXPECT_EQ(pages.allocate(Gfp::kKernel, mib(4) + Bytes{1}, NodeId{0}), nullptr);
  EXPECT_FALSE(pages.allocate_contiguous(Gfp::kKernel, PageCount{0}, NodeId{0}).has_value());
}

TEST_F(ExactPagesTest, ARangeAcrossBlocksIsTakenAndWhatHangsOverStaysFree) {
  const std::uint64_t before = free_pages();
  ASSERT_TRUE(take({Pfn{0x3000 + 100}, Pfn{0x3000 + 3001}}).has_value());
  EXPECT_EQ(free_pages(), before - 2901);
  EXPECT_EQ(test.dma32().nr_isolated_blocks, 0u);
  EXPECT_TRUE(audited(test.machine));
  EXPECT_FALSE(take({Pfn{0x3000 + 3000}, Pfn{0x3000 + 3100}}).has_value());
  pages.free_range({Pfn{0x3000 + 100}, Pfn{0x3000 + 3001}});
  EXPECT_EQ(free_pages(), before);
  EXPECT_TRUE(audited(test.machine));
}

TEST_F(ExactPagesTest, APageInUseRefusesItsRangeAndNothingChanges) {
  Page* const page = test.alloc(Gfp::kKernel, 0);
  const std::uint64_t pfn = test.pfn(page);
  test.pages().drain_all();
  const auto lists = test.all_free_lists();
  const auto taken = take({Pfn{pfn & ~511u}, Pfn{(pfn & ~511u) + 512}});
  ASSERT_FALSE(taken.has_value());
  EXPECT_EQ(taken.error(), Errno::kBusy);
  EXPECT_EQ(test.all_free_lists(), lists);
  test.free(page, 0);
  EXPECT_TRUE(take({Pfn{pfn & ~511u}, Pfn{(pfn & ~511u) + 512}}).has_value());
}

TEST_F(ExactPagesTest, PagesInTheSetsOfOtherCpusCountAsFree) {
  Page* const page = test.alloc(Gfp::kKernel, 0);
  const std::uint64_t pfn = test.pfn(page);
  test.use_cpu(1);
  test.free(page, 0);
  test.use_cpu(0);
  EXPECT_TRUE(take({Pfn{pfn}, Pfn{pfn + 1}}).has_value());
  EXPECT_TRUE(audited(test.machine));
}

TEST_F(ExactPagesTest, RangesOutsideTheZoneAreRefused) {
  EXPECT_EQ(take({Pfn{0x5000 - 100}, Pfn{0x5000 + 100}}).error(), Errno::kInvalid);
  EXPECT_EQ(take({Pfn{0x3000}, Pfn{0x3000}}).error(), Errno::kInvalid);
  EXPECT_EQ(take({Pfn{0x900000}, Pfn{0x900100}}).error(), Errno::kInvalid);
}

TEST_F(ExactPagesTest, ContiguousPagesBeginAtAMultipleOfTheirNumber) {
  const auto found = pages.allocate_contiguous(Gfp::kKernel, PageCount{3000}, NodeId{0});
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(test.pfn(*found) % 3000, 0u);
  EXPECT_TRUE(audited(test.machine));
  EXPECT_EQ(pages.allocate_contiguous(Gfp::kKernel, PageCount{16000}, NodeId{0}).error(),
            Errno::kNoMemory);
}

TEST_F(ExactPagesTest, TheTypeOfPageblocksIsAsAskedAfterwards) {
  MemoryMap& map = test.machine.map();
  ASSERT_TRUE(pages.allocate_range(test.dma32(), {Pfn{0x3000}, Pfn{0x3200}},
                                   {Gfp::kKernel, MigrateType::kUnmovable}).has_value());
  EXPECT_EQ(map.pageblock_type(map.index_of(*map.page_of(Pfn{0x3000}))),
            MigrateType::kUnmovable);
}

TEST_F(ExactPagesTest, RandomRangesAmongBlocksInUseKeepTheBooksBalanced) {
  Random random(7);
  const std::uint64_t before = free_pages();
  struct Held {
    PfnRange range;
    Page* block;
    unsigned order;
  };
  std::vector<Held> held;
  for (unsigned step = 0; step < 2000; ++step) {
    const unsigned choice = random.below(4);
    if (choice == 0) {
      const std::uint64_t start = 0x1000 + random.below(0x3f00);
      const PfnRange range{Pfn{start}, Pfn{start + 1 + random.below(1500)}};
      if (take(range).has_value()) held.push_back({range, nullptr, 0});
    } else if (choice == 1) {
      const unsigned order = random.below(11);
      Page* const page = test.alloc(Gfp::kKernel | Gfp::kNoWarn, order);
      if (page != nullptr) held.push_back({{}, page, order});
    } else if (!held.empty()) {
      const std::size_t at = random.below(static_cast<std::uint32_t>(held.size()));
      if (held[at].block == nullptr) pages.free_range(held[at].range);
      else test.free(held[at].block, held[at].order);
      held[at] = held.back();
      held.pop_back();
    }
    if (step % 100 != 0) continue;
    ASSERT_TRUE(audited(test.machine)) << "step " << step;
  }
  for (const Held& each : held) {
    if (each.block == nullptr) pages.free_range(each.range);
    else test.free(each.block, each.order);
  }
  EXPECT_EQ(free_pages(), before);
  EXPECT_TRUE(audited(test.machine));
}

}  // namespace
}  // namespace quire
