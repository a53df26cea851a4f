#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "boot/boot.hpp"
#include "tests/boot/plain_host.hpp"

namespace quire::test {
namespace {

class MemblockTest : public testing::Test {
 protected:
  static std::vector<std::string> regions(const MemblockType& type) {
    std::vector<std::string> found;
    for (const MemblockRegion& region : type.regions()) {
      char text[80];
      std::snprintf(text, sizeof text, "%lx-%lx node %d flags %u", region.base.raw(),
                    region.end().raw(), region.node == kNoNode ? -1 : int(region.node),
                    region.flags);
      found.emplace_back(text);
    }
    return found;
  }
  void add(Place start, Place end, NodeId node = kNoNode) {
    ASSERT_TRUE(memblock.add(bytes(start, end), node).has_value());
  }
  void reserve(Place start, Place end) {
    ASSERT_TRUE(memblock.reserve(bytes(start, end)).has_value());
  }

  PlainHost host;
  Arena arena{host};
  Memblock memblock{arena};
};

using Strings = std::vector<std::string>;

TEST_F(MemblockTest, NeighboursOfOneNodeAreOneRegion) {
  add(0x1000, 0x2000);
  add(0x3000, 0x4000);
  add(0x2000, 0x3000);
  EXPECT_EQ(regions(memblock.memory()), (Strings{"1000-4000 node -1 flags 0"}));
  EXPECT_EQ(memblock.memory().total_size(), Bytes{0x3000});
}

TEST_F(MemblockTest, AddingOverARegionLeavesItsNode) {
  add(0x2000, 0x3000, NodeId{1});
  add(0x1000, 0x4000, NodeId{0});
  EXPECT_EQ(regions(memblock.memory()),
            (Strings{"1000-2000 node 0 flags 0", "2000-3000 node 1 flags 0",
                     "3000-4000 node 0 flags 0"}));
  EXPECT_EQ(memblock.memory().total_size(), Bytes{0x3000});
}

TEST_F(MemblockTest, RemovingSplitsARegion) {
  add(0x1000, 0x9000);
  ASSERT_TRUE(memblock.remove(bytes(0x3000, 0x4000)).has_value());
  EXPECT_EQ(regions(memblock.memory()),
            (Strings{"1000-3000 node -1 flags 0", "4000-9000 node -1 flags 0"}));
  EXPECT_EQ(memblock.memory().total_size(), Bytes{0x7000});
}

TEST_F(MemblockTest, SettingTheNodeOfARangeSplitsAndMerges) {
  add(0x1000, 0x9000);
  ASSERT_TRUE(memblock.set_node(bytes(0x1000, 0x5000), NodeId{0}).has_value());
  ASSERT_TRUE(memblock.set_node(bytes(0x5000, 0x9000), NodeId{1}).has_value());
  EXPECT_EQ(memblock.memory().cnt(), 2U);
  ASSERT_TRUE(memblock.set_node(bytes(0x4000, 0x9000), NodeId{0}).has_value());
  EXPECT_EQ(regions(memblock.memory()), (Strings{"1000-9000 node 0 flags 0"}));
}

TEST_F(MemblockTest, AllocatingTakesTheHighestFreeRangeAndBottomUpTheLowest) {
  add(0x1000, 0x10000);
  reserve(0xe000, 0xf000);
  EXPECT_EQ(*memblock.allocate({.size = Bytes{0x2000}, .alignment = Bytes{0x1000}}), at(0xc000));
  memblock.set_bottom_up(true);
  EXPECT_EQ(*memblock.allocate({.size = Bytes{0x2000}, .alignment = Bytes{0x2000}}), at(0x2000));
  EXPECT_EQ(memblock.reserved().total_size(), Bytes{0x5000});
}

TEST_F(MemblockTest, AllocatingKeepsToItsWindow) {
  add(0x1000, 0x10000);
  EXPECT_EQ(*memblock.allocate({.size = Bytes{0x1000}, .max = at(0x8000)}), at(0x7000));
  memblock.set_current_limit(at(0x4000));
  EXPECT_EQ(*memblock.allocate({.size = Bytes{0x1000}}), at(0x3000));
}

TEST_F(MemblockTest, TheLowerEndOfTheWindowIsGivenUpWhenNothingIsFreeAboveIt) {
  add(0x1000, 0x4000);
  EXPECT_EQ(*memblock.allocate({.size = Bytes{0x1000}, .min = at(0x100000)}), at(0x3000));
}

TEST_F(MemblockTest, APreferredNodeMayBeLeftAnExactOneNot) {
  add(0x1000, 0x4000, NodeId{0});
  add(0x4000, 0x8000, NodeId{1});
  EXPECT_EQ(*memblock.allocate({.size = Bytes{0x1000}, .node = NodeId{0}}), at(0x3000));
  EXPECT_EQ(*memblock.allocate({.size = Bytes{0x3000}, .node = NodeId{0}}), at(0x5000));
  const MemblockRequest exact{.size = Bytes{0x3000}, .node = NodeId{0}, .exact_node = true};
  EXPECT_EQ(memblock.allocate(exact).error(), Errno::kNoMemory);
}

TEST_F(MemblockTest, PageZeroIsNeverGiven) {
  add(0, 0x2000);
  EXPECT_EQ(*memblock.allocate({.size = Bytes{0x1000}}), at(0x1000));
  EXPECT_EQ(memblock.allocate({.size = Bytes{1}}).error(), Errno::kNoMemory);
}

TEST_F(MemblockTest, HotPluggableMemoryIsKeptClearWhenAsked) {
  add(0x1000, 0x9000);
  ASSERT_TRUE(memblock.mark_hotplug(bytes(0x4000, 0x9000)).has_value());
  memblock.set_avoid_hotplug(true);
  EXPECT_EQ(*memblock.allocate({.size = Bytes{0x1000}}), at(0x3000));
}

TEST_F(MemblockTest, FreeRangesAreMemoryWithoutWhatIsReserved) {
  add(0x1000, 0x8000);
  add(0xa000, 0xc000);
  reserve(0x0, 0x2000);
  reserve(0x4000, 0x4800);
  reserve(0x7000, 0xb000);
  Strings free;
  memblock.for_each_free([&](PhysRange range, const MemblockRegion&) {
    char text[40];
    std::snprintf(text, sizeof text, "%lx-%lx", range.start.raw(), range.end.raw());
    free.emplace_back(text);
    return true;
  });
  EXPECT_EQ(free, (Strings{"2000-4000", "4800-7000", "b000-c000"}));
}

TEST_F(MemblockTest, TheArrayDoublesWhenItIsFull) {
  for (std::uint64_t i = 0; i < 128; ++i) add(i * 0x2000, i * 0x2000 + 0x1000);
  EXPECT_EQ(memblock.memory().max(), 128U);
  add(128 * 0x2000, 128 * 0x2000 + 0x1000);
  EXPECT_EQ(memblock.memory().max(), 256U);
  for (std::uint64_t i = 129; i < 1000; ++i) add(i * 0x2000, i * 0x2000 + 0x1000);
  EXPECT_EQ(memblock.memory().cnt(), 1000U);
  EXPECT_EQ(memblock.memory().max(), 1024U);
  EXPECT_TRUE(memblock.is_memory(Pfn{2 * 999}));
  EXPECT_FALSE(memblock.is_memory(Pfn{2 * 999 + 1}));
}

TEST_F(MemblockTest, AnArrayThatCannotGrowIsAnErrorAndChangesNothing) {
  for (std::uint64_t i = 0; i < 127; ++i) add(i * 0x2000, i * 0x2000 + 0x1000);
  while (arena.allocate(kib(1), NodeId{0}).has_value()) host.reservations_left = 0;
  EXPECT_EQ(memblock.add(bytes(0, 0x1000000)).error(), Errno::kNoMemory);
  EXPECT_EQ(memblock.memory().cnt(), 127U);
  EXPECT_EQ(memblock.memory().total_size(), Bytes{127 * 0x1000});
}

TEST_F(MemblockTest, ARangeAtTheEndOfAllAddressesIsCut) {
  add(~std::uint64_t{0} - 0xfff, ~std::uint64_t{0});
  EXPECT_EQ(memblock.memory().regions()[0].end(), at(~std::uint64_t{0}));
  memblock.trim_memory(kPageSize);
  EXPECT_EQ(memblock.memory().cnt(), 0U);
}

TEST_F(MemblockTest, TrimmingKeepsWholePages) {
  add(0x1000, 0x9fc00);
  add(0xa0001, 0xa0fff);
  memblock.trim_memory(kPageSize);
  EXPECT_EQ(regions(memblock.memory()), (Strings{"1000-9f000 node -1 flags 0"}));
  EXPECT_EQ(memblock.memory().total_size(), Bytes{0x9e000});
}

TEST_F(MemblockTest, APageWithOneReservedByteIsReserved) {
  add(0x1000, 0x9000);
  reserve(0x3800, 0x3801);
  EXPECT_TRUE(memblock.is_reserved(Pfn{3}));
  EXPECT_FALSE(memblock.is_reserved(Pfn{2}));
  EXPECT_FALSE(memblock.is_reserved(Pfn{4}));
}

TEST_F(MemblockTest, RetiredItAllocatesNoMoreButFrees) {
  add(0x1000, 0x9000);
  reserve(0x3000, 0x5000);
  memblock.retire();
  EXPECT_EQ(memblock.allocate({.size = Bytes{1}}).error(), Errno::kPermission);
  EXPECT_EQ(memblock.reserve(bytes(0x6000, 0x7000)).error(), Errno::kPermission);
  EXPECT_TRUE(memblock.free(bytes(0x3000, 0x4000)).has_value());
  EXPECT_FALSE(memblock.is_reserved(Pfn{3}));
  EXPECT_TRUE(memblock.is_reserved(Pfn{4}));
}

TEST_F(MemblockTest, TheDumpIsTheKernels) {
  add(0x1000, 0x9f000, NodeId{0});
  reserve(0, 0x10000);
  memblock.dump(host);
  EXPECT_EQ(host.lines[1], " memory size = 0x000000000009e000 reserved size = 0x0000000000010000");
  EXPECT_EQ(host.lines[2], " memory.cnt  = 0x1");
  EXPECT_EQ(host.lines[3],
            " memory[0x0]\t[0x0000000000001000-0x000000000009efff], 0x000000000009e000 bytes on "
            "node 0 flags: 0x0");
  EXPECT_EQ(host.lines[5],
            " reserved[0x0]\t[0x0000000000000000-0x000000000000ffff], 0x0000000000010000 bytes "
            "flags: 0x0");
}

TEST_F(MemblockTest, PagesInARunAreThoseThatSingleAllocationsGive) {
  for (const bool bottom_up : {false, true}) {
    Memblock one(arena);
    Memblock runs(arena);
    for (Memblock* block : {&one, &runs}) {
      block->set_bottom_up(bottom_up);
      ASSERT_TRUE(block->add(bytes(0x1000, 0x9800)).has_value());
      ASSERT_TRUE(block->add(bytes(0x20800, 0x30000)).has_value());
      ASSERT_TRUE(block->reserve(bytes(0x24000, 0x25800)).has_value());
    }
    const PhysRange within = bytes(0x5000, 0x2f000);
    std::vector<std::uint64_t> singles;
    std::vector<std::uint64_t> pages;
    while (const auto page = one.allocate({.size = kPageSize, .alignment = kPageSize,
                                           .min = within.start, .max = within.end}))
      singles.push_back(page->raw());
    while (const auto run = runs.allocate_pages(within, PageCount{4})) {
      EXPECT_LE(run->length(), kPageSize * 4);
      for (Bytes at; at < run->length(); at += kPageSize)
        pages.push_back(bottom_up ? (run->start + at).raw() : (run->end - at - kPageSize).raw());
    }
    EXPECT_EQ(pages, singles);
    EXPECT_EQ(regions(runs.reserved()), regions(one.reserved()));
  }
}

}  // namespace
}  // namespace quire::test
