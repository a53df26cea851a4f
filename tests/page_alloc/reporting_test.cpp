#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "tests/support/test_machine.hpp"

namespace quire {
namespace {

class Told final : public FreePageSink {
 public:
  explicit Told(TestMachine& test) : test_(test) {}
  void report(PageIndex first, PageCount pages) override {
    for (std::uint64_t i = 0; i < pages.raw(); ++i) frames.insert(raw(first) + i);
    ++blocks;
    EXPECT_LT(test_.free_now(test_.dma32()), before) << "blocks are off the lists meanwhile";
  }

  std::set<std::uint64_t> frames;
  unsigned blocks = 0;
  std::int64_t before = 0;

 private:
  TestMachine& test_;
};

class ReportingTest : public testing::Test {
 protected:
  // What is told of when everything may be.
  std::uint64_t report(Order least = Order{0}, PageCount most = PageCount{1u << 20}) {
    test.pages().drain_all();
    told.before = test.free_now(test.dma32());
    const std::uint64_t count = reporting.report(test.dma32(), least, most).raw();
    EXPECT_EQ(test.free_now(test.dma32()), told.before);
    EXPECT_TRUE(audited(test.machine));
    return count;
  }
  std::vector<Page*> take(std::size_t count) {
    std::vector<Page*> pages(count);
    for (Page*& page : pages) page = test.alloc(Gfp::kKernel, 0);
    return pages;
  }
  void free(const std::vector<Page*>& pages, std::size_t step) {
    for (std::size_t i = 0; i < pages.size(); i += step) test.pages().free(*pages[i], Order{0});
  }

  TestMachine test{Shape::one_zone({64, 2})};
  Told told{test};
  FreePageReporting reporting{test.pages(), told};
};

TEST_F(ReportingTest, EachFreeBlockIsToldOfOnce) {
  const std::vector<Page*> pages = take(3000);
  report();
  told.frames.clear();
  free(pages, 2);
  EXPECT_EQ(report(), 1500u);
  for (std::size_t i = 0; i < pages.size(); ++i)
    ASSERT_EQ(told.frames.count(raw(test.machine.map().index_of(*pages[i]))), 1 - i % 2) << i;
  EXPECT_EQ(report(), 0u);
}

TEST_F(ReportingTest, ABlockThatWasUsedOrMergedIsToldOfAgain) {
  const std::vector<Page*> pages = take(3000);
  report();
  free(pages, 2);
  EXPECT_EQ(report(), 1500u);
  for (std::size_t i = 1; i < pages.size(); i += 2) test.pages().free(*pages[i], Order{0});
  EXPECT_GE(report(), 3000u);
  EXPECT_EQ(report(), 0u);
}

TEST_F(ReportingTest, SmallBlocksAndMoreThanWasWantedAreLeftForLater) {
  const std::vector<Page*> pages = take(3000);
  report();
  free(pages, 2);
  EXPECT_EQ(report(Order{1}), 0u);
  const std::uint64_t some = report(Order{0}, PageCount{100});
  EXPECT_GE(some, 100u);
  EXPECT_LT(some, 100u + 32u) << "a batch at a time";
  EXPECT_EQ(report(), 1500u - some);
}

TEST_F(ReportingTest, RunsThatNobodyEverTouchedAreNotToldOf) {
  report();
  EXPECT_LT(told.frames.size(), 3 * kMaxOrderPages.raw()) << "of 16 blocks";
}

}  // namespace
}  // namespace quire
