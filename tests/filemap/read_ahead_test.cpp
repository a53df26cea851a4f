// Which pages are read ahead, in which requests.
#include <gtest/gtest.h>

#include "tests/filemap/cache_machine.hpp"

namespace quire {
namespace {

class ReadAheadTest : public testing::Test {
 protected:
  CacheMachine machine;
  TestFile file{machine, 400 * kPage};
  ReadAhead& ahead = file.file.ahead;
};

TEST_F(ReadAheadTest, AReaderInOrderGetsWindowsThatGrowToTheLargest) {
  ASSERT_TRUE(file.touch(0));
  EXPECT_EQ(file.reads(), "0+4") << "one page wanted: four";
  ASSERT_TRUE(file.touch(1));
  EXPECT_EQ(file.reads(), "4+8") << "the second page is marked; the next window is twice as large";
  ASSERT_TRUE(file.touch(2));
  ASSERT_TRUE(file.touch(3));
  EXPECT_EQ(file.reads(), "") << "nothing to do up to the next mark";
  ASSERT_TRUE(file.touch(4));
  EXPECT_EQ(file.reads(), "12+16");
  for (std::uint64_t page = 5; page < 12; ++page) ASSERT_TRUE(file.touch(page));
  EXPECT_EQ(file.reads(), "");
  ASSERT_TRUE(file.touch(12));
  EXPECT_EQ(file.reads(), "28+32");
  ASSERT_TRUE(file.touch(28));
  EXPECT_EQ(file.reads(), "60+32") << "128 KiB is the most";
}

TEST_F(ReadAheadTest, AWindowEndsWithTheFile) {
  TestFile small(machine, 3 * kPage + 1);
  ASSERT_TRUE(small.read({0, 5 * kPage}).has_value());
  EXPECT_EQ(small.reads(), "0+4");
  EXPECT_FALSE(small.cached(4));
}

TEST_F(ReadAheadTest, ALargeReadIsServedByOneRequestForEachWindow) {
  ASSERT_TRUE(file.read({100 * kPage, 64 * kPage}).has_value());
  EXPECT_EQ(file.reads(), "100+32 132+32 164+32") << "it has come to the mark of the second itself";
  ASSERT_TRUE(file.read({0, 16 * kPage}).has_value());
  EXPECT_EQ(file.reads(), "0+32") << "the mark is at page 16, which nobody has come to";
}

TEST_F(ReadAheadTest, RandomReadsReadWhatIsWantedAndNothingElse) {
  for (const std::uint64_t page : {200u, 90u, 310u, 17u}) ASSERT_TRUE(file.touch(page));
  EXPECT_EQ(file.reads(), "200+1 90+1 310+1 17+1");
  ASSERT_TRUE(file.read({100 * kPage, 3 * kPage}).has_value());
  EXPECT_EQ(file.reads(), "100+3");
}

TEST_F(ReadAheadTest, TheNextPageAfterARandomOneBeginsAWindow) {
  ASSERT_TRUE(file.touch(200));
  ASSERT_TRUE(file.touch(201));
  EXPECT_EQ(file.reads(), "200+1 201+4");
}

TEST_F(ReadAheadTest, PagesInMemoryRightBeforeTellThatSomeoneReadsInOrder) {
  ASSERT_TRUE(file.read({100 * kPage, 6 * kPage}).has_value());
  EXPECT_EQ(file.reads(), "100+6");
  ahead.previous = -1;
  ahead.start = ahead.size = 0;
  ASSERT_TRUE(file.touch(106));
  EXPECT_EQ(file.reads(), "106+7") << "six before it and the one that is wanted";
}

TEST_F(ReadAheadTest, TwoReadersInOneFileFindTheirWindowsAgainByTheMarks) {
  ASSERT_TRUE(file.touch(0));
  ASSERT_TRUE(file.touch(300));
  ASSERT_TRUE(file.touch(301));
  file.reads();
  ASSERT_TRUE(file.touch(1));
  EXPECT_EQ(file.reads(), "4+8") << "pages 0 to 3 are there: what is behind them comes";
}

TEST_F(ReadAheadTest, WithoutAWindowOrWithRandomAdviceNothingIsReadAhead) {
  machine.cache.advise(file.file, ReadAdvice::kRandom, {});
  ASSERT_TRUE(file.touch(0));
  ASSERT_TRUE(file.touch(1));
  EXPECT_EQ(file.reads(), "0+1 1+1");
  machine.cache.advise(file.file, ReadAdvice::kNormal, {});
  ahead.most = 0;
  ASSERT_TRUE(file.touch(2));
  EXPECT_EQ(file.reads(), "2+1");
}

TEST_F(ReadAheadTest, SequentialAdviceDoublesTheLargestWindow) {
  machine.cache.advise(file.file, ReadAdvice::kSequential, {});
  ASSERT_TRUE(file.read({0, 64 * kPage}).has_value());
  EXPECT_EQ(file.file.ahead.most, 64u);
  machine.cache.advise(file.file, ReadAdvice::kNormal, {});
  EXPECT_EQ(file.file.ahead.most, 32u);
}

TEST_F(ReadAheadTest, WhatWillBeNeededIsReadAtOnce) {
  machine.cache.advise(file.file, ReadAdvice::kWillNeed, {10, 40});
  EXPECT_EQ(file.reads(), "10+32 42+8");
  EXPECT_FALSE(file.cached(50));
}

TEST_F(ReadAheadTest, AFaultReadsAroundItselfAndMarksAQuarterBeforeTheEnd) {
  const auto first = machine.cache.fault_in(file.file, 100);
  ASSERT_TRUE(first.has_value());
  EXPECT_TRUE(first->major);
  EXPECT_EQ(file.reads(), "84+32");
  unlock_page(*first->page);
  machine.lru.put(*first->page);
  const auto marked = machine.cache.fault_in(file.file, 108);
  ASSERT_TRUE(marked.has_value());
  EXPECT_FALSE(marked->major);
  EXPECT_EQ(file.reads(), "116+32");
  unlock_page(*marked->page);
  machine.lru.put(*marked->page);
}

TEST_F(ReadAheadTest, FaultsThatKeepMissingStopReadingAround) {
  TestFile large(machine, 8000 * kPage);
  for (std::uint64_t i = 0; i < 110; ++i) {
    const auto fault = machine.cache.fault_in(large.file, i * 70);
    ASSERT_TRUE(fault.has_value());
    unlock_page(*fault->page);
    machine.lru.put(*fault->page);
  }
  const std::string reads = large.reads();
  EXPECT_TRUE(reads.starts_with("0+32 54+32 ")) << reads;
  EXPECT_TRUE(reads.ends_with(" 7000+1 7070+1 7140+1 7210+1 7280+1 7350+1 7420+1 7490+1 7560+1 "
                              "7630+1"))
      << reads;
}

TEST_F(ReadAheadTest, AVmaMayAskForNoneOrForMore) {
  for (const ReadAdvice advice : {ReadAdvice::kRandom, ReadAdvice::kSequential}) {
    const std::uint64_t index = advice == ReadAdvice::kRandom ? 60 : 0;
    const auto fault = machine.cache.fault_in(file.file, index, advice);
    ASSERT_TRUE(fault.has_value());
    unlock_page(*fault->page);
    machine.lru.put(*fault->page);
  }
  EXPECT_EQ(file.reads(), "60+1 0+32");
}

}  // namespace
}  // namespace quire
