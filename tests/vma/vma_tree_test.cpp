#include "vma/vma_tree.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <utility>
#include <vector>

#include "tests/vma/vma_machine.hpp"

namespace quire {
namespace {

constexpr std::uint64_t kPage = kPageSize.raw();

// Of pages: from `first` up to `end`.
struct Pages {
  std::uint64_t first;
  std::uint64_t end;
};
VirtRange range_of(Pages pages) { return {page(pages.first), page(pages.end)}; }

class VmaTreeTest : public testing::Test {
 protected:
  ~VmaTreeTest() override {
    while (tree.first() != nullptr) tree.remove(*tree.first());
  }

  Vma& make(Pages pages) {
    Vma& vma = vmas.emplace_back();
    vma.range = range_of(pages);
    return vma;
  }
  Vma& add(Pages pages) {
    Vma& vma = make(pages);
    EXPECT_TRUE(tree.insert(vma).has_value());
    return vma;
  }
  // One page in use and one free, and so on, the first free.
  void add_every_second(unsigned count) {
    for (unsigned i = 0; i < count; ++i) add({2 * i + 1, 2 * i + 2});
  }
  std::uint64_t lowest(Pages within, std::uint64_t pages) {
    const auto found = tree.lowest_gap(range_of(within), Bytes{pages * kPage});
    return found.has_value() ? found->raw() / kPage : kNowhere;
  }
  std::uint64_t highest(Pages within, std::uint64_t pages) {
    const auto found = tree.highest_gap(range_of(within), Bytes{pages * kPage});
    return found.has_value() ? found->raw() / kPage : kNowhere;
  }
  static constexpr std::uint64_t kNowhere = ~0ull;

  VmaMachine m;
  VmaTree tree{m.nodes};
  std::deque<Vma> vmas;
};

TEST_F(VmaTreeTest, AnEmptyTreeHasNothing) {
  EXPECT_EQ(tree.find(VirtAddr{}), nullptr);
  EXPECT_EQ(tree.find(VirtAddr{~0ull}), nullptr);
  EXPECT_EQ(tree.first(), nullptr);
  EXPECT_EQ(tree.last(), nullptr);
  EXPECT_EQ(tree.count(), 0u);
  EXPECT_STREQ(tree.fault(), nullptr);
}

TEST_F(VmaTreeTest, FindGivesTheFirstVmaThatEndsAfterAnAddress) {
  Vma& low = add({10, 12});
  Vma& high = add({20, 21});
  EXPECT_EQ(tree.find(VirtAddr{}), &low);
  EXPECT_EQ(tree.find(page(12) - Bytes{1}), &low);
  EXPECT_EQ(tree.find(page(12)), &high);
  EXPECT_EQ(tree.find(page(21) - Bytes{1}), &high);
  EXPECT_EQ(tree.find(page(21)), nullptr);
}

TEST_F(VmaTreeTest, AtGivesTheVmaThatAnAddressLiesIn) {
  Vma& vma = add({10, 12});
  EXPECT_EQ(tree.at(page(10) - Bytes{1}), nullptr);
  EXPECT_EQ(tree.at(page(10)), &vma);
  EXPECT_EQ(tree.at(page(12) - Bytes{1}), &vma);
  EXPECT_EQ(tree.at(page(12)), nullptr);
}

TEST_F(VmaTreeTest, VmasAreLinkedByAddressInWhateverOrderTheyCome) {
  for (unsigned i = 0; i < 1000; ++i) {
    const unsigned place = i * 387 % 1000;
    add({2 * place, 2 * place + 1});
    ASSERT_STREQ(tree.fault(), nullptr);
  }
  EXPECT_EQ(tree.count(), 1000u);
  EXPECT_EQ(tree.first()->start(), VirtAddr{});
  EXPECT_EQ(tree.first()->previous, nullptr);
  EXPECT_EQ(tree.last()->start(), page(1998));
  EXPECT_EQ(tree.last()->next, nullptr);
  unsigned seen = 0;
  for (const Vma* vma = tree.first(); vma != nullptr; vma = vma->next, ++seen)
    ASSERT_EQ(vma->start(), page(2 * seen));
  EXPECT_EQ(seen, 1000u);
}

TEST_F(VmaTreeTest, ARemovedVmaIsInNoTree) {
  add_every_second(3);
  Vma& vma = vmas[1];
  tree.remove(vma);
  EXPECT_EQ(tree.find(page(3)), &vmas[2]);
  EXPECT_EQ(vmas[0].next, &vmas[2]);
  EXPECT_EQ(vmas[2].previous, &vmas[0]);
  EXPECT_EQ(vma.previous, nullptr);
  EXPECT_EQ(vma.next, nullptr);
  EXPECT_EQ(vma.leaf, nullptr);
  EXPECT_EQ(tree.count(), 2u);
}

TEST_F(VmaTreeTest, ATreeThatLosesItsVmasGivesItsNodesBack) {
  for (const bool from_above : {false, true}) {
    add_every_second(500);
    EXPECT_TRUE(m.nodes.shrink());
    while (tree.first() != nullptr) {
      tree.remove(from_above ? *tree.last() : *tree.first());
      ASSERT_STREQ(tree.fault(), nullptr);
    }
    EXPECT_FALSE(m.nodes.shrink());
  }
}

TEST_F(VmaTreeTest, AResizedVmaIsFoundWhereItIs) {
  add_every_second(100);
  Vma& vma = vmas[50];
  tree.resize(vma, {vma.start() - kPageSize, vma.end() + kPageSize});
  EXPECT_STREQ(tree.fault(), nullptr);
  EXPECT_EQ(tree.at(page(100)), &vma);
  EXPECT_EQ(tree.at(page(102)), &vma);
  tree.resize(vma, {vma.start() + kPageSize * 2, vma.end()});
  EXPECT_STREQ(tree.fault(), nullptr);
  EXPECT_EQ(tree.at(page(101)), nullptr);
  tree.resize(vmas[99], {vmas[99].start(), page(1000)});
  EXPECT_STREQ(tree.fault(), nullptr);
  EXPECT_EQ(tree.at(page(999)), &vmas[99]);
}

TEST_F(VmaTreeTest, AReplacedVmaLeavesItsPlaceToTheOther) {
  add_every_second(30);
  for (Vma* const vma : {&vmas[0], &vmas[15], &vmas[29]}) {
    Vma& by = vmas.emplace_back();
    by.range = vma->range;
    tree.replace(*vma, by);
    EXPECT_STREQ(tree.fault(), nullptr);
    EXPECT_EQ(tree.find(by.start()), &by);
    EXPECT_EQ(vma->leaf, nullptr);
  }
  EXPECT_EQ(tree.count(), 30u);
}

TEST_F(VmaTreeTest, AnEmptyTreeIsOneGap) {
  EXPECT_EQ(lowest({5, 10}, 5), 5u);
  EXPECT_EQ(highest({5, 10}, 3), 7u);
  EXPECT_EQ(lowest({5, 10}, 6), kNowhere);
  EXPECT_EQ(highest({5, 10}, 6), kNowhere);
  EXPECT_EQ(lowest({5, 5}, 1), kNowhere);
}

TEST_F(VmaTreeTest, TheLowestAndTheHighestPlaceWithRoomAreFound) {
  add({10, 20});
  add({24, 30});
  add({33, 40});
  EXPECT_EQ(lowest({0, 100}, 10), 0u);
  EXPECT_EQ(lowest({0, 100}, 11), 40u);
  EXPECT_EQ(lowest({8, 100}, 3), 20u);
  EXPECT_EQ(lowest({22, 100}, 3), 30u);
  EXPECT_EQ(lowest({8, 33}, 4), 20u);
  EXPECT_EQ(lowest({8, 33}, 5), kNowhere);
  EXPECT_EQ(lowest({50, 100}, 50), 50u);
  EXPECT_EQ(highest({0, 100}, 60), 40u);
  EXPECT_EQ(highest({0, 40}, 3), 30u);
  EXPECT_EQ(highest({0, 42}, 3), 30u);
  EXPECT_EQ(highest({0, 32}, 3), 21u);
  EXPECT_EQ(highest({0, 32}, 5), 5u);
  EXPECT_EQ(highest({6, 32}, 5), kNowhere);
  EXPECT_EQ(highest({0, 22}, 2), 20u);
  EXPECT_EQ(highest({12, 18}, 1), kNowhere);
}

TEST_F(VmaTreeTest, AGapIsFoundThroughTheWholeTree) {
  add_every_second(1000);
  tree.remove(vmas[700]);  // page 1401, between 1400 and 1402
  EXPECT_EQ(lowest({0, 2000}, 3), 1400u);
  EXPECT_EQ(highest({0, 2000}, 3), 1400u);
  EXPECT_EQ(lowest({0, 2000}, 4), kNowhere);
  EXPECT_EQ(highest({0, 2000}, 4), kNowhere);
}

TEST_F(VmaTreeTest, WithoutMemoryAnInsertChangesNothing) {
  const Famine famine(m);
  Vma& vma = make({1, 2});
  EXPECT_EQ(tree.insert(vma).error(), Errno::kNoMemory);
  EXPECT_EQ(vma.leaf, nullptr);
  EXPECT_EQ(tree.first(), nullptr);
  EXPECT_EQ(tree.count(), 0u);
  EXPECT_STREQ(tree.fault(), nullptr);
}

TEST_F(VmaTreeTest, WithoutMemoryTheNodesThatAnInsertDidGetGoBack) {
  while (tree.count() < VmaNode::kMax) add({tree.count(), tree.count() + 1});
  Vma& vma = make({50, 51});
  {
    void* const only = m.nodes.alloc(Gfp::kKernel);
    const Famine famine(m);
    m.nodes.free(only);
    EXPECT_EQ(tree.insert(vma).error(), Errno::kNoMemory);  // it takes two
    EXPECT_EQ(tree.reserve(1).error(), Errno::kNoMemory);
    EXPECT_EQ(m.nodes.alloc(Gfp::kKernel), only);
    m.nodes.free(only);
  }
  EXPECT_EQ(tree.count(), VmaNode::kMax);
  EXPECT_EQ(vma.leaf, nullptr);
  EXPECT_TRUE(tree.insert(vma).has_value());
}

TEST_F(VmaTreeTest, ReservedInsertsNeedNoMemory) {
  for (unsigned before = 0; before < 300; ++before) {
    ASSERT_TRUE(tree.reserve(3).has_value());
    const Famine famine(m);
    for (unsigned i = 0; i < 3; ++i) add({4 * before + i, 4 * before + i + 1});
    ASSERT_STREQ(tree.fault(), nullptr);
  }
}

TEST_F(VmaTreeTest, WhatWasReservedIsGivenBackWhenTheInsertsAreMade) {
  ASSERT_TRUE(tree.reserve(5).has_value());
  EXPECT_TRUE(m.nodes.shrink());
  add_every_second(5);
  for (unsigned i = 0; i < 5; ++i) tree.remove(vmas[i]);
  EXPECT_FALSE(m.nodes.shrink());
}

TEST_F(VmaTreeTest, AReservationIsTakenBackByTheNextAndByTheEnd) {
  ASSERT_TRUE(tree.reserve(5).has_value());
  ASSERT_TRUE(tree.reserve(0).has_value());
  EXPECT_FALSE(m.nodes.shrink());
  {
    VmaTree other(m.nodes);
    ASSERT_TRUE(other.reserve(5).has_value());
    EXPECT_TRUE(m.nodes.shrink());
  }
  EXPECT_FALSE(m.nodes.shrink());
}

// What the structure's own check is for.
class DamagedVmaTree : public VmaTreeTest {
 protected:
  DamagedVmaTree() { add_every_second(60); }

  // With `field` so, the check says `fault`.
  template <class T>
  void expect(T& field, std::type_identity_t<T> damaged, const char* fault) {
    const T whole = std::exchange(field, damaged);
    EXPECT_STREQ(tree.fault(), fault);
    field = whole;
    EXPECT_STREQ(tree.fault(), nullptr);
  }

  Vma& vma() { return vmas[30]; }
  VmaNode& leaf() { return *vma().leaf; }
  VmaNode& inner() { return *leaf().parent; }
};

TEST_F(DamagedVmaTree, WhatIsWrongWithAVmaIsTold) {
  expect(vma().range.start, vma().end(), "a VMA is empty");
  expect(vma().range.start, page(59), "two VMAs overlap");
  expect(vma().range.start, vma().start() - Bytes{1}, "a leaf has another gap than there is");
  expect(vma().range.end, page(63), "a VMA ends elsewhere than its leaf says");
  expect(vma().leaf, tree.first()->leaf, "a VMA is in another leaf than it says");
  expect(vma().previous, nullptr, "a VMA follows another one than it says");
  expect(vma().next, &vma(), "VMAs are linked in another order");
  Vma& stray = vmas.emplace_back();
  expect(tree.last()->next, &stray, "a VMA is in no leaf");
}

TEST_F(DamagedVmaTree, WhatIsWrongWithANodeIsTold) {
  expect(leaf().count, 0, "a node is empty or overfull");
  expect(leaf().count, VmaNode::kMax + 1, "a node is empty or overfull");
  expect(leaf().leaf, false, "leaves are not equally deep");
  expect(inner().leaf, true, "leaves are not equally deep");
  expect(leaf().parent, nullptr, "a node has another parent");
  expect(leaf().gaps[0], Bytes{}, "a leaf has another gap than there is");
  expect(inner().keys[1].end, inner().keys[0].end, "a node ends elsewhere than its parent says");
  const char* const gap = "a node has another longest gap than its parent says";
  expect(inner().gaps[0], Bytes{}, gap);
  expect(inner().gaps[0], kPageSize * 2, gap);
}

TEST_F(DamagedVmaTree, AnotherEndThanFindThinksIsTold) {
  std::vector<VirtAddr*> ends = {&tree.last()->range.end};
  for (VmaNode* node = tree.last()->leaf; node != nullptr; node = node->parent)
    ends.push_back(&node->keys[node->count - 1].end);
  for (VirtAddr* const end : ends) *end += kPageSize;
  EXPECT_STREQ(tree.fault(), "the end is elsewhere");
  for (VirtAddr* const end : ends) *end -= kPageSize;
}

TEST_F(VmaTreeTest, AVmaThatIsOnlyCountedIsTold) {
  add_every_second(3);
  VmaNode& leaf = *vmas[0].leaf;
  const VmaNode whole = leaf;

  leaf.erase(2);
  vmas[1].next = nullptr;
  EXPECT_STREQ(tree.fault(), "another VMA is the last");
  vmas[1].next = &vmas[2];
  leaf = whole;

  leaf.erase(1);
  leaf.gaps[1] = kPageSize * 3;
  vmas[0].next = &vmas[2];
  vmas[2].previous = &vmas[0];
  EXPECT_STREQ(tree.fault(), "VMAs are miscounted");
  vmas[0].next = vmas[2].previous = &vmas[1];
  leaf = whole;
  EXPECT_STREQ(tree.fault(), nullptr);
}

}  // namespace
}  // namespace quire
