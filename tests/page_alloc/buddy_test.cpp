#include <gtest/gtest.h>

#include "page_alloc/image.hpp"
#include "tests/support/test_machine.hpp"

namespace quire {
namespace {

using Blocks = std::vector<std::uint64_t>;
using enum MigrateType;

// A zone whose lists hold just what a test puts there; pfns and indices are the same.
class BuddyLists : public testing::Test {
 protected:
  BuddyLists() : machine_(Shape::one_zone({128, 1})), image_(machine_.pages(), machine_.dma32()) {}

  void add(std::uint64_t pfn, unsigned order, MigrateType type = kMovable) {
    ASSERT_TRUE(image_.add_free({Pfn{pfn}, Order{order}, type}).has_value());
  }
  PageIndex index(std::uint64_t pfn) {
    return machine_.machine.map().index_of(*machine_.machine.map().page_of(Pfn{pfn}));
  }
  std::uint64_t take(unsigned order, MigrateType type = kMovable) {
    const SpinGuard guard(zone().lock);
    const PageIndex taken = buddy().take(zone(), Order{order}, type);
    return taken == PageIndex::kNone ? 0 : machine_.machine.map().pfn_of(taken).raw();
  }
  void free(std::uint64_t pfn, unsigned order, MigrateType type = kMovable) {
    const SpinGuard guard(zone().lock);
    buddy().free(zone(), index(pfn), Order{order}, type);
  }
  void add_run(std::uint64_t pfn, std::uint32_t blocks) {
    const SpinGuard guard(zone().lock);
    buddy().add_run(zone(), index(pfn), blocks);
  }
  void materialise(std::uint64_t pfn) {
    const SpinGuard guard(zone().lock);
    buddy().materialise(zone(), index(pfn));
  }
  std::uint64_t free_head(std::uint64_t pfn) {
    const SpinGuard guard(zone().lock);
    const PageIndex head = buddy().free_head(zone(), index(pfn));
    return head == PageIndex::kNone ? 0 : machine_.machine.map().pfn_of(head).raw();
  }
  Blocks list(unsigned order, MigrateType type = kMovable) {
    return machine_.free_list(zone(), order, type);
  }
  std::uint64_t nr_free(unsigned order) QUIRE_NO_THREAD_SAFETY_ANALYSIS {
    return zone().free_area[order].nr_free;
  }
  std::uint32_t run_blocks(std::uint64_t pfn) {
    return machine_.machine.map().at(index(pfn)).run_blocks;
  }
  Zone& zone() { return machine_.dma32(); }
  Buddy& buddy() { return machine_.pages().buddy(); }

  TestMachine machine_;
  ZoneImage image_;
};

TEST_F(BuddyLists, AllocatingOnePageLeavesOneFreeBlockOfEachSmallerOrder) {
  add(8192, 10);
  EXPECT_EQ(take(0), 8192u);
  for (unsigned order = 0; order < 10; ++order)
    EXPECT_EQ(list(order), (Blocks{8192 + (std::uint64_t{1} << order)})) << order;
  EXPECT_EQ(list(10), Blocks{});
}

TEST_F(BuddyLists, FreeingItMergesEverythingAgain) {
  add(8192, 10);
  free(take(0), 0);
  for (unsigned order = 0; order < 10; ++order) EXPECT_EQ(nr_free(order), 0u);
  EXPECT_EQ(list(10), Blocks{8192});
}

TEST_F(BuddyLists, TheSmallestBlockThatHoldsTheRequestIsSplit) {
  add(8192, 5);
  add(8448, 3);
  EXPECT_EQ(take(2), 8448u);
  EXPECT_EQ(list(2), Blocks{8452});
  EXPECT_EQ(list(5), Blocks{8192});
}

TEST_F(BuddyLists, BlocksAreTakenFromTheFront) {
  add(8192, 0);
  add(8200, 0);
  EXPECT_EQ(take(0), 8192u);
  EXPECT_EQ(take(0), 8200u);
  EXPECT_EQ(take(0), 0u);
}

TEST_F(BuddyLists, OtherTypesListsAreNotTouched) {
  add(8192, 0, kUnmovable);
  EXPECT_EQ(take(0, kMovable), 0u);
  EXPECT_EQ(take(0, kUnmovable), 8192u);
}

TEST_F(BuddyLists, NeighboursThatAreNoBuddiesDoNotMerge) {
  add(8193, 0);
  free(8194, 0);
  EXPECT_EQ(list(0), (Blocks{8194, 8193}));
}

TEST_F(BuddyLists, BuddiesOfDifferentOrderDoNotMerge) {
  add(8194, 1);
  free(8192, 0);
  EXPECT_EQ(list(0), Blocks{8192});
  EXPECT_EQ(list(1), Blocks{8194});
}

// 8192 stays alone, but 8194 is free: when 8193 comes the pair will merge. It is kept for last.
TEST_F(BuddyLists, ABlockWhoseNextMergeIsLikelyGoesToTheBack) {
  add(8200, 0);
  add(8194, 1);
  free(8192, 0);
  EXPECT_EQ(list(0), (Blocks{8200, 8192}));
}

TEST_F(BuddyLists, OtherBlocksGoToTheFront) {
  add(8200, 0);
  free(8192, 0);
  EXPECT_EQ(list(0), (Blocks{8192, 8200}));
}

TEST_F(BuddyLists, PageblocksOfMergeableTypesJoin) {
  ASSERT_TRUE(image_.set_pageblock(Pfn{8704}, kReclaimable).has_value());
  add(8704, 9, kReclaimable);
  free(8192, 9);
  EXPECT_EQ(list(10), Blocks{8192});
}

TEST_F(BuddyLists, HighatomicPageblocksStayAmongThemselves) {
  ASSERT_TRUE(image_.set_pageblock(Pfn{8704}, kHighAtomic).has_value());
  add(8704, 9, kHighAtomic);
  free(8192, 9);
  EXPECT_EQ(list(9), Blocks{8192});
  EXPECT_EQ(list(9, kHighAtomic), Blocks{8704});
  ASSERT_TRUE(image_.set_pageblock(Pfn{9216}, kHighAtomic).has_value());
  ASSERT_TRUE(image_.set_pageblock(Pfn{9728}, kHighAtomic).has_value());
  add(9728, 9, kHighAtomic);
  free(9216, 9, kHighAtomic);
  EXPECT_EQ(list(10, kHighAtomic), Blocks{9216});
}

TEST_F(BuddyLists, BlocksOfTheLargestOrderDoNotMerge) {
  add(8192, 10);
  free(9216, 10);
  EXPECT_EQ(list(10), (Blocks{9216, 8192}));
}

TEST_F(BuddyLists, ARunReadsAsItsBlocksAndIsTakenFromItsFront) {
  add_run(8192, 4);
  EXPECT_EQ(list(10), (Blocks{8192, 9216, 10240, 11264}));
  EXPECT_EQ(nr_free(10), 4u);
  for (const std::uint64_t pfn : list(10)) EXPECT_EQ(take(10), pfn);
  EXPECT_EQ(take(10), 0u);
  EXPECT_EQ(nr_free(10), 0u);
}

TEST_F(BuddyLists, TakingFromARunTouchesOnlyItsNextBlock) {
  add_run(8192, 4);
  take(10);
  EXPECT_EQ(run_blocks(9216), 3u);
  EXPECT_EQ(machine_.machine.map().at(index(10240)).word, PageWord());
}

TEST_F(BuddyLists, ABlockWithinARunCanBeMadeToStandForItself) {
  for (const std::uint64_t wanted : {8192, 9216, 11264, 12288}) {
    SCOPED_TRACE(wanted);
    ZoneImage again(machine_.pages(), zone());
    add(20480, 10);
    add_run(8192, 5);
    add(22528, 10);
    const Blocks before = list(10);
    materialise(wanted + 77);
    EXPECT_EQ(list(10), before);
    EXPECT_EQ(run_blocks(wanted), 1u);
    EXPECT_TRUE(buddy().is_free_head(zone(), index(wanted), Order{10}));
    materialise(wanted);
    EXPECT_EQ(list(10), before);
    EXPECT_EQ(nr_free(10), 7u);
  }
}

TEST_F(BuddyLists, WhatIsInNoRunStaysAsItIs) {
  add_run(8192, 2);
  materialise(8192 + 2 * 1024);
  materialise(7168);
  EXPECT_EQ(run_blocks(8192), 2u);
}

TEST_F(BuddyLists, TheHeadOfAFreeBlockIsFoundFromAnyOfItsPages) {
  add(8192, 4);
  add_run(9216, 3);
  for (const std::uint64_t page : {0, 1, 7, 15}) EXPECT_EQ(free_head(8192 + page), 8192u);
  EXPECT_EQ(free_head(8208), 0u);
  EXPECT_EQ(free_head(9216 + 2100), 9216u);
  EXPECT_EQ(free_head(9216 + 3 * 1024), 0u);
  take(0);
  EXPECT_EQ(free_head(8192), 0u);
  EXPECT_EQ(free_head(8195), 8194u);
}

}  // namespace
}  // namespace quire
