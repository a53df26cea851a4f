// What callers of the page allocator see: blocks, references, nodes, the end of memory.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/support/test_machine.hpp"

namespace quire {
namespace {

constexpr Gfp kMovableKernel = Gfp::kKernel | Gfp::kMovable | Gfp::kNoWarn;
constexpr Gfp kAllReserves = kMovableKernel | Gfp::kMemalloc;

class Allocator : public testing::Test {
 protected:
  // After draining: what is free, by order and first page, whatever list it is on.
  std::vector<std::set<std::uint64_t>> free_blocks() {
    machine_.pages().drain_all();
    std::vector<std::set<std::uint64_t>> blocks(kOrderCount);
    for (unsigned o = 0; o < kOrderCount; ++o)
      for (unsigned t = 0; t < kMigrateTypes; ++t)
        for (const std::uint64_t pfn :
             machine_.free_list(machine_.dma32(), o, static_cast<MigrateType>(t)))
          blocks[o].insert(pfn);
    return blocks;
  }
  std::int64_t free_now() {
    machine_.pages().drain_all();
    return machine_.free_now(machine_.dma32());
  }
  void TearDown() override { EXPECT_TRUE(audited(machine_.machine)); }

  TestMachine machine_{Shape::one_zone({128, 2})};
};

TEST_F(Allocator, BlocksOfEveryOrderAreAlignedAndComeBackAsTheyWere) {
  const auto before = free_blocks();
  std::vector<Page*> held;
  for (unsigned order = 0; order < kOrderCount; ++order) {
    held.push_back(machine_.alloc(Gfp::kKernel, order));
    ASSERT_NE(held.back(), nullptr);
    EXPECT_EQ(machine_.pfn(held.back()) % (1u << order), 0u) << order;
    EXPECT_EQ(held.back()->word.order(), Order{order});
    EXPECT_EQ(held.back()->refcount, 1);
  }
  for (unsigned order = 0; order < kOrderCount; ++order) machine_.free(held[order], order);
  EXPECT_EQ(free_blocks(), before);
}

TEST_F(Allocator, ReservesCanBeUsedToTheLastPageAndMemoryComesBackAsItWas) {
  const auto before = free_blocks();
  std::vector<Page*> held;
  while (Page* const page = machine_.alloc(kAllReserves, 0)) held.push_back(page);
  EXPECT_EQ(held.size(), machine_.dma32().managed_pages());
  EXPECT_TRUE(audited(machine_.machine));
  for (Page* const page : held) machine_.free(page, 0);
  EXPECT_EQ(free_blocks(), before);
}

TEST_F(Allocator, WithoutReservesTheMinWatermarkStays) {
  std::vector<Page*> held;
  while (Page* const page = machine_.alloc(kMovableKernel, 0)) held.push_back(page);
  const std::int64_t min = machine_.dma32().watermark_pages(Watermark::kMin);
  EXPECT_LE(machine_.dma32().free_pages(), min);
  EXPECT_GT(machine_.dma32().free_pages(), min - 64);
  // What may use more gets more.
  Page* const atomic = machine_.alloc(Gfp::kAtomic, 0);
  EXPECT_NE(atomic, nullptr);
  machine_.free(atomic, 0);
  for (Page* const page : held) machine_.free(page, 0);
}

TEST_F(Allocator, ACompoundBlockIsFreedAsAWholeWithItsLastReference) {
  const std::int64_t before = free_now();
  Page* const page = machine_.alloc(Gfp::kKernel | Gfp::kCompound, 3);
  EXPECT_EQ(page->word.kind(), PageKind::kCompound);
  page->refcount += 1;
  machine_.free(page, 3);
  EXPECT_EQ(free_now(), before - 8);
  machine_.free(page, 3);
  EXPECT_EQ(free_now(), before);
}

TEST_F(Allocator, OfAPlainBlockWithAnotherReferenceAllButTheFirstPageIsFreed) {
  const std::int64_t before = free_now();
  for (unsigned order = 1; order < kOrderCount; ++order) {
    Page* const page = machine_.alloc(Gfp::kKernel, order);
    page->refcount += 1;
    machine_.free(page, order);
    EXPECT_EQ(free_now(), before - 1) << order;
    EXPECT_EQ(page->refcount, 1);
    EXPECT_TRUE(audited(machine_.machine));
    machine_.free(page, 0);
    EXPECT_EQ(free_now(), before) << order;
  }
}

TEST_F(Allocator, ASplitBlockIsSinglePages) {
  const auto before = free_blocks();
  Page* const page = machine_.alloc(Gfp::kKernel, 4);
  machine_.pages().split(*page, Order{4});
  for (unsigned i = 0; i < 16; ++i) {
    EXPECT_EQ(page[i].refcount, 1);
    EXPECT_EQ(page[i].word.order(), Order{0});
  }
  EXPECT_TRUE(audited(machine_.machine));
  for (unsigned i = 16; i-- > 0;) machine_.free(page + i, 0);
  EXPECT_EQ(free_blocks(), before);
}

TEST_F(Allocator, BulkFillsEmptySlotsOnly) {
  Page* const own = machine_.alloc(Gfp::kKernel, 0);
  std::vector<Page*> pages(20);
  pages[3] = own;
  EXPECT_EQ(machine_.pages().allocate_bulk(Gfp::kKernel, node_id(0), pages), 20u);
  EXPECT_EQ(pages[3], own);
  const std::set<Page*> different(pages.begin(), pages.end());
  EXPECT_EQ(different.size(), 20u);
  EXPECT_EQ(machine_.pages().allocate_bulk(Gfp::kKernel, node_id(0), pages), 20u);
  for (Page* const page : pages) machine_.free(page, 0);
}

TEST_F(Allocator, TheNewestFreedPageIsTakenFirstWhereverItLies) {
  std::vector<Page*> pages;
  for (unsigned i = 0; i < 12; ++i) pages.push_back(machine_.alloc(Gfp::kKernel, 0));
  for (unsigned i = 0; i < 12; ++i) {
    machine_.free(pages[i], 0);
    if (i == 5) machine_.pages().settle(machine_.dma32(), cpu_id(0));
  }
  for (unsigned i = 12; i-- > 0;) EXPECT_EQ(machine_.alloc(Gfp::kKernel, 0), pages[i]) << i;
  for (Page* const page : pages) machine_.free(page, 0);
}

TEST_F(Allocator, ARefillTakesABatchOfPagesButAtLeastTwoBlocks) {
  const int batch = machine_.set(machine_.dma32(), 0).batch;
  for (const unsigned order : {0u, 1u, 2u, 3u, 9u}) {
    machine_.pages().drain_all();
    Page* const page = machine_.alloc(Gfp::kHighUserMovable, order);
    const unsigned list = pcp_index(MigrateType::kMovable, Order{order});
    EXPECT_EQ(machine_.set_list(machine_.dma32(), cpu_id(0), list).size() + 1,
              static_cast<unsigned>(std::max(batch >> order, 2))) << order;
    machine_.free(page, order);
  }
}

TEST_F(Allocator, FlushesGrowFiveTimesAtMostAndShrinkWithEachAllocation) {
  PerCpuPages& set = machine_.set(machine_.dma32(), 0);
  const auto factor = [&]() QUIRE_NO_THREAD_SAFETY_ANALYSIS { return unsigned{set.free_factor}; };
  Tunables& tunables = machine_.machine.tunables();
  tunables.percpu_pagelist_high_fraction = 8;
  setup_pagesets(machine_.machine.nodes(), tunables);
  std::vector<Page*> pages;
  for (unsigned i = 0; i < 16'000; ++i) pages.push_back(machine_.alloc(Gfp::kKernel, 0));
  EXPECT_EQ(factor(), 0u);
  for (Page* const page : pages) machine_.free(page, 0);
  EXPECT_EQ(factor(), 5u);
  for (const unsigned expected : {2u, 1u, 0u}) {
    pages[expected] = machine_.alloc(Gfp::kKernel, 0);
    EXPECT_EQ(factor(), expected);
  }
  for (unsigned i = 0; i < 3; ++i) machine_.free(pages[i], 0);
}

TEST_F(Allocator, RequestsThatCannotBeMovedTakeWholePageblocksAndBoostTheWatermark) {
  Zone& zone = machine_.dma32();
  // Only blocks below a pageblock are left, all movable.
  std::vector<Page*> large;
  while (Page* const page = machine_.alloc(kAllReserves, 9)) large.push_back(page);
  for (unsigned i = 0; i < 8; ++i) machine_.pages().split(*large[i], Order{9});
  for (unsigned i = 0; i < 8; ++i)
    for (unsigned page = 0; page < 512; page += page == 255 ? 2 : 1)
      machine_.free(large[i] + page, 0);
  machine_.pages().drain_all();
  ASSERT_EQ(zone.watermark_boost.get(), 0);
  Page* page = machine_.alloc(Gfp::kKernel | Gfp::kMemalloc, 8);
  ASSERT_NE(page, nullptr);
  const MemoryMap& map = machine_.machine.map();
  EXPECT_EQ(map.pageblock_type(map.index_of(*page)), MigrateType::kUnmovable);
  EXPECT_EQ(zone.watermark_boost.get(), 512);
  EXPECT_TRUE(audited(machine_.machine));
  machine_.free(page, 8);
  for (std::size_t i = 0; i < large.size(); ++i) {
    if (i < 8) machine_.free(large[i] + 256, 0);
    else machine_.free(large[i], 9);
  }
}

TEST(AllocatorOnNodes, FallsBackToTheNextNodeUnlessToldToStay) {
  TestMachine machine(Shape::two_nodes(128));
  machine.use_cpu(1);
  Zone& own = machine.zone(1, ZoneType::kNormal);
  std::vector<Page*> held;
  while (Page* const page = machine.alloc(kMovableKernel | Gfp::kThisNode, 0, node_id(1))) {
    ASSERT_EQ(&machine.machine.nodes().zone_of(page->word), &own);
    held.push_back(page);
  }
  EXPECT_GT(held.size(), 30'000u * 3 / 4);
  Page* const other = machine.alloc(kMovableKernel, 0, node_id(1));
  ASSERT_NE(other, nullptr);
  EXPECT_EQ(machine.machine.nodes().zone_of(other->word).node, node_id(0));
  EXPECT_TRUE(audited(machine.machine));
  machine.free(other, 0);
  for (Page* const page : held) machine.free(page, 0);
  EXPECT_TRUE(audited(machine.machine));
}

TEST(AllocatorOnNodes, OnlyNodesOfTheMaskServe) {
  TestMachine machine(Shape::two_nodes(128));
  Page* const page = machine.pages().allocate_from(0b10, Gfp::kKernel, Order{2}, node_id(0));
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(machine.machine.nodes().zone_of(page->word).node, node_id(1));
  machine.free(page, 2);
  EXPECT_EQ(machine.pages().allocate_from(0b100, Gfp::kKernel | Gfp::kNoWarn, Order{0}, node_id(0)),
            nullptr);
}

TEST(AllocatorOnNodes, LowerZonesServeOnlyWhatMayUseThem) {
  TestMachine machine(Shape::two_nodes(128));
  Page* const page = machine.alloc(Gfp::kDma32, 0);
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(&machine.machine.nodes().zone_of(page->word), &machine.dma32());
  machine.free(page, 0);
  // There is no DMA zone here.
  EXPECT_EQ(machine.alloc(Gfp::kDma | Gfp::kNoWarn, 0), nullptr);
}

TEST(AllocatorOnNodes, HitsAndMissesAreCounted) {
  TestMachine machine(Shape::two_nodes(128));
  const Zone& far = machine.zone(1, ZoneType::kNormal);
  const Nodes& nodes = machine.machine.nodes();
  const std::uint64_t hits = numa_state(nodes, far, NumaItem::kNumaHit);
  const std::uint64_t others = numa_state(nodes, far, NumaItem::kNumaOther);
  std::vector<Page*> pages;
  for (unsigned i = 0; i < 100; ++i) pages.push_back(machine.alloc(Gfp::kKernel, 0, node_id(1)));
  EXPECT_EQ(numa_state(nodes, far, NumaItem::kNumaHit), hits + 100);
  EXPECT_EQ(numa_state(nodes, far, NumaItem::kNumaOther), others + 100);
  for (Page* const page : pages) machine.free(page, 0);
}

// Pages that the CPU has used are at hand.
void use_pages(TestMachine& machine) {
  std::vector<Page*> pages;
  for (unsigned i = 0; i < 20; ++i) pages.push_back(machine.alloc(Gfp::kKernel, 0));
  for (Page* page : pages) machine.free(page, 0);
}

// What a machine gives after pages were freed, one by one or in one go; also such as someone else
// holds too, and more than a set has room for.
std::vector<std::uint64_t> given_after_freeing(bool in_one_go) {
  TestMachine one(Shape::one_zone({64, 1}));
  for (const std::size_t count : {6, 1, 2000}) {
    std::vector<Page*> pages;
    for (std::size_t i = 0; i < count; ++i)
      pages.push_back(one.alloc(i % 3 == 0 ? Gfp::kKernel : Gfp::kHighUserMovable, 0));
    if (count == 6) ++pages[2]->references;
    if (in_one_go) {
      one.pages().free_pages(pages);
    } else {
      for (Page* page : pages) one.free(page, 0);
    }
    if (count == 6) one.free(pages[2], 0);
    EXPECT_TRUE(audited(one.machine));
  }
  one.pages().free_pages({});
  std::vector<std::uint64_t> given;
  for (unsigned i = 0; i < 3000; ++i) given.push_back(one.pfn(one.alloc(Gfp::kKernel, 0)));
  return given;
}

TEST(AllocatorOnNodes, PagesAreFreedInOneGoAsOneByOne) {
  EXPECT_EQ(given_after_freeing(true), given_after_freeing(false));
}

// The same pages as one by one, in the same order.
TEST(AllocatorOnNodes, WhatACpuHasAtHandComesInOneGoOrNotAtAll) {
  TestMachine one(Shape::one_zone({64, 1}));
  use_pages(one);
  std::array<Page*, 6> pages{};
  ASSERT_TRUE(one.pages().allocate_ready(Gfp::kKernel, NodeId{0}, pages));
  constexpr VmEvent kAllocations = for_zone(VmEvent::kPgalloc, ZoneType::kDma32);
  const std::uint64_t allocated = event_count(one.machine.nodes(), kAllocations);
  std::vector<std::uint64_t> pfns;
  for (Page* page : pages) pfns.push_back(one.pfn(page));
  std::vector<Page*> rest;
  while (rest.size() < 1000) {
    std::array<Page*, 100> many{};
    if (!one.pages().allocate_ready(Gfp::kKernel, NodeId{0}, many)) {
      EXPECT_EQ(many, (std::array<Page*, 100>{}));
      break;
    }
    rest.insert(rest.end(), many.begin(), many.end());
  }
  EXPECT_LT(rest.size(), 1000u);
  EXPECT_FALSE(one.pages().allocate_ready(Gfp::kKernel | Gfp::kZero, NodeId{0}, pages));
  EXPECT_TRUE(audited(one.machine));
  TestMachine by_one(Shape::one_zone({64, 1}));
  use_pages(by_one);
  for (const std::uint64_t pfn : pfns)
    EXPECT_EQ(by_one.pfn(by_one.alloc(Gfp::kKernel, 0)), pfn);
  EXPECT_EQ(event_count(by_one.machine.nodes(), kAllocations), allocated);
}

TEST(AllocatorOnNodes, TwoMachinesInOneProcessDoNotKnowOfEachOther) {
  TestMachine first(Shape::one_zone({64, 1}));
  const auto lists = first.all_free_lists();
  TestMachine second(Shape::one_zone({64, 1}));
  Page* const page = second.alloc(Gfp::kKernel, 6);
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(first.all_free_lists(), lists);
  second.free(page, 6);
  EXPECT_TRUE(audited(first.machine));
  EXPECT_TRUE(audited(second.machine));
}

}  // namespace
}  // namespace quire
