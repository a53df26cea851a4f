// The tree of a mapping's pages against std::map.
#include <gtest/gtest.h>

#include <map>

#include "hosts/sim/random.hpp"
#include "tests/filemap/cache_machine.hpp"

namespace quire {
namespace {

using Index = RadixTree::Index;

class RadixTreeTest : public testing::Test {
 protected:
  CacheMachine machine;
  RadixTree tree{*machine.nodes};
};

TEST_F(RadixTreeTest, AnEmptyTreeHasNothing) {
  EXPECT_EQ(tree.load(0), 0u);
  EXPECT_EQ(tree.load(~std::uint64_t{0}), 0u);
  EXPECT_FALSE(tree.next(0).has_value());
  EXPECT_FALSE(tree.any_has(0));
  tree.erase(5);
  EXPECT_TRUE(tree.empty());
}

TEST_F(RadixTreeTest, FarEntriesAreFoundInOrder) {
  const std::uint64_t last = ~std::uint64_t{0};
  for (const std::uint64_t index : {last, std::uint64_t{63}, std::uint64_t{1} << 40})
    ASSERT_TRUE(tree.store(Index{index}, index ^ 5).has_value());
  EXPECT_EQ(tree.next(0)->index, 63u);
  EXPECT_EQ(tree.next(64)->index, std::uint64_t{1} << 40);
  EXPECT_EQ(tree.next((std::uint64_t{1} << 40) + 1)->index, last);
  EXPECT_EQ(tree.next(last)->value, last ^ 5);
  for (const std::uint64_t index : {last, std::uint64_t{63}, std::uint64_t{1} << 40})
    tree.erase(index);
  EXPECT_TRUE(tree.empty());
}

TEST_F(RadixTreeTest, NodesAreGivenBackAndAHighTreeGetsLow) {
  ASSERT_TRUE(tree.store(Index{3}, 1).has_value());
  ASSERT_TRUE(tree.store(Index{1 << 20}, 1).has_value());
  tree.set_mark(Index{3}, 1);
  tree.erase(1 << 20);
  EXPECT_TRUE(tree.has_mark(Index{3}, 1)) << "marks stay when the top goes";
  EXPECT_FALSE(tree.next(4).has_value());
  tree.erase(3);
  EXPECT_FALSE(machine.nodes->shrink()) << "no node is in use";
}

TEST_F(RadixTreeTest, WithoutMemoryNothingIsStoredAndNoNodeLost) {
  ASSERT_TRUE(tree.store(Index{1}, 1).has_value());
  std::vector<void*> all;
  while (void* const node = machine.nodes->alloc(Gfp::kNoWait | Gfp::kNoWarn)) all.push_back(node);
  const Result<void> stored = tree.store(Index{1 << 20}, 1);
  ASSERT_FALSE(stored.has_value());
  EXPECT_EQ(stored.error(), Errno::kNoMemory);
  EXPECT_EQ(tree.load(1), 1u);
  machine.nodes->free_bulk(all);
  EXPECT_TRUE(tree.store(Index{1 << 20}, 1).has_value());
  tree.erase(1);
  tree.erase(1 << 20);
  EXPECT_FALSE(machine.nodes->shrink());
}

class RandomTree : public testing::TestWithParam<unsigned> {
 protected:
  struct Naive {
    std::uint64_t value;
    std::array<bool, RadixTree::kMarks> marks{};
  };
  std::uint64_t any_index() {
    const std::uint64_t near = random_.below(200);
    switch (random_.below(4)) {
      case 0: return near << (6 * random_.below(9));
      case 1: return near + (std::uint64_t{1} << (6 * random_.below(9)));
      default: return near;
    }
  }
  void compare(std::uint64_t from, unsigned mark) {
    auto expected = naive_.lower_bound(from);
    while (mark < RadixTree::kMarks && expected != naive_.end() && !expected->second.marks[mark])
      ++expected;
    const auto found =
        mark < RadixTree::kMarks ? tree_.next_marked(Index{from}, mark) : tree_.next(from);
    ASSERT_EQ(found.has_value(), expected != naive_.end());
    if (!found.has_value()) return;
    ASSERT_EQ(found->index, expected->first);
    ASSERT_EQ(found->value, expected->second.value);
  }
  void step() {
    const std::uint64_t index = any_index();
    const unsigned mark = random_.below(RadixTree::kMarks);
    const auto there = naive_.find(index);
    switch (random_.below(5)) {
      case 0:
      case 1: {
        const std::uint64_t value = 1 + random_.below(1000);
        ASSERT_TRUE(tree_.store(Index{index}, value).has_value());
        naive_[index].value = value;
        break;
      }
      case 2:
        tree_.erase(index);
        naive_.erase(index);
        break;
      case 3:
        if (there == naive_.end()) break;
        tree_.set_mark(Index{index}, mark);
        there->second.marks[mark] = true;
        break;
      default:
        tree_.clear_mark(Index{index}, mark);
        if (there != naive_.end()) there->second.marks[mark] = false;
        break;
    }
    const auto now = naive_.find(index);
    ASSERT_EQ(tree_.load(index), now == naive_.end() ? 0 : now->second.value);
    ASSERT_EQ(tree_.has_mark(Index{index}, mark), now != naive_.end() && now->second.marks[mark]);
    compare(any_index(), random_.below(RadixTree::kMarks + 1));
    bool any = false;
    for (const auto& [at, entry] : naive_) any |= entry.marks[mark];
    ASSERT_EQ(tree_.any_has(mark), any);
  }

  CacheMachine machine_;
  RadixTree tree_{*machine_.nodes};
  std::map<std::uint64_t, Naive> naive_;
  Random random_{GetParam()};
};

TEST_P(RandomTree, HoldsWhatTheMapHolds) {
  for (unsigned i = 0; i < 20'000; ++i) {
    step();
    if (HasFatalFailure()) FAIL() << "seed " << GetParam() << ", step " << i;
  }
  while (!naive_.empty()) {
    tree_.erase(naive_.begin()->first);
    naive_.erase(naive_.begin());
  }
  EXPECT_TRUE(tree_.empty());
  EXPECT_FALSE(machine_.nodes->shrink());
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomTree, testing::Range(1u, 4u));

}  // namespace
}  // namespace quire
