#include "vmalloc/vmap_areas.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace quire {
namespace {

constexpr std::uint64_t kStep = kPageSize.raw();

// Of pages: from `first` up to `end`.
struct Pages {
  std::uint64_t first;
  std::uint64_t end;
};
VirtRange range_of(Pages pages) {
  return {VirtAddr{pages.first * kStep}, VirtAddr{pages.end * kStep}};
}

struct Ask {
  std::uint64_t pages;
  std::uint64_t align = 1;  // pages
};

// Records for one test, and calls in pages.
struct Areas {
  explicit Areas(VirtRange space = range_of({100, 200})) : index(space) {}

  VmapArea* take(Ask ask) { return take_within(index.space(), ask); }
  VmapArea* take_within(VirtRange within, Ask ask) {
    VmapArea& area = records.emplace_back();
    const VmapAreas::Wish wish{Bytes{ask.pages * kStep}, Bytes{ask.align * kStep}, within};
    return index.insert_lowest(area, wish) ? &area : nullptr;
  }
  bool take_at(VirtRange range) {
    VmapArea& area = records.emplace_back();
    area.start = range.start;
    area.end = range.end;
    return index.insert_at(area);
  }
  void free(VmapArea* area) {
    VmapArea* spare = nullptr;
    index.free_lazily(*area, spare);
  }
  VmapArea* purge() {
    VmapArea* const purged = index.begin_purge();
    index.end_purge(purged);
    return purged;
  }
  static std::uint64_t first_page(const VmapArea* area) {
    return area == nullptr ? 0 : area->start.raw() / kStep;
  }

  VmapAreas index;
  std::deque<VmapArea> records;
};

TEST(VmapAreas, PlacesAreGivenLowestFirst) {
  Areas areas;
  EXPECT_EQ(Areas::first_page(areas.take({10})), 100u);
  EXPECT_EQ(Areas::first_page(areas.take({5})), 110u);
  EXPECT_EQ(Areas::first_page(areas.take({1})), 115u);
}

TEST(VmapAreas, TheLowestGapThatIsLongEnoughIsTakenWhateverItsLength) {
  Areas areas;
  ASSERT_TRUE(areas.take_at(range_of({101, 110})));
  ASSERT_TRUE(areas.take_at(range_of({115, 120})));
  ASSERT_TRUE(areas.take_at(range_of({122, 130})));
  EXPECT_EQ(Areas::first_page(areas.take({2})), 110u);
  EXPECT_EQ(Areas::first_page(areas.take({3})), 112u);
  EXPECT_EQ(Areas::first_page(areas.take({1})), 100u);
  EXPECT_EQ(Areas::first_page(areas.take({3})), 130u);
  EXPECT_EQ(Areas::first_page(areas.take({2})), 120u);
}

TEST(VmapAreas, AnAlignedPlaceIsLookedForPastGapsThatHoldNone) {
  Areas areas;
  ASSERT_TRUE(areas.take_at(range_of({100, 101})));
  ASSERT_TRUE(areas.take_at(range_of({112, 113})));
  EXPECT_EQ(Areas::first_page(areas.take({10, 16})), 128u);
  EXPECT_EQ(Areas::first_page(areas.take({8, 8})), 104u);
}

TEST(VmapAreas, OnlyPlacesWithinTheWishedRangeAreGiven) {
  Areas areas;
  EXPECT_EQ(Areas::first_page(areas.take_within(range_of({150, 158}), {4})), 150u);
  EXPECT_EQ(Areas::first_page(areas.take_within(range_of({150, 158}), {4})), 154u);
  EXPECT_EQ(areas.take_within(range_of({150, 158}), {1}), nullptr);
  EXPECT_EQ(areas.take_within(range_of({140, 148}), {9}), nullptr);
  EXPECT_EQ(Areas::first_page(areas.take({60})), 0u);
  EXPECT_EQ(Areas::first_page(areas.take({50})), 100u);
}

TEST(VmapAreas, ASpaceIsUsedToItsLastPage) {
  Areas areas;
  EXPECT_EQ(areas.take({101}), nullptr);
  EXPECT_EQ(Areas::first_page(areas.take({100})), 100u);
  EXPECT_EQ(areas.take({1}), nullptr);
}

TEST(VmapAreas, AWishBeyondTheEndOfAddressesIsRefused) {
  const VirtAddr top{~std::uint64_t{0} & ~(kStep - 1)};
  Areas areas({top - Bytes{10 * kStep}, top});
  EXPECT_EQ(areas.take({1, std::uint64_t{1} << 40}), nullptr);
  EXPECT_NE(areas.take({10}), nullptr);
}

TEST(VmapAreas, WhatIsTakenIsNotTakenAgain) {
  Areas areas;
  ASSERT_TRUE(areas.take_at(range_of({120, 130})));
  EXPECT_FALSE(areas.take_at(range_of({129, 131})));
  EXPECT_FALSE(areas.take_at(range_of({110, 121})));
  EXPECT_FALSE(areas.take_at(range_of({90, 101})));
  EXPECT_FALSE(areas.take_at(range_of({199, 201})));
  EXPECT_FALSE(areas.take_at(range_of({140, 140})));
  EXPECT_TRUE(areas.take_at(range_of({130, 131})));
}

TEST(VmapAreas, AnAreaIsFoundByAnyOfItsAddresses) {
  Areas areas;
  areas.take({3});
  VmapArea* const area = areas.take({4});
  EXPECT_EQ(areas.index.find(area->start), area);
  EXPECT_EQ(areas.index.find(area->end - Bytes{1}), area);
  EXPECT_NE(areas.index.find(area->start - Bytes{1}), area);
  EXPECT_EQ(areas.index.find(area->end), nullptr);
}

TEST(VmapAreas, LazilyFreedAddressesAreNeitherFoundNorGivenUntilPurged) {
  Areas areas;
  VmapArea* const area = areas.take({4});
  areas.free(area);
  EXPECT_EQ(areas.index.find(VirtAddr{100 * kStep}), nullptr);
  EXPECT_EQ(areas.index.first_from(VirtAddr{}), nullptr);
  EXPECT_EQ(areas.index.first_lazy_from(VirtAddr{}), area);
  EXPECT_EQ(Areas::first_page(areas.take({1})), 104u);
  EXPECT_EQ(areas.index.lazy_pages(), PageCount{4});
  EXPECT_EQ(areas.purge(), area);
  EXPECT_EQ(Areas::first_page(areas.take({1})), 100u);
  EXPECT_EQ(areas.index.lazy_pages(), PageCount{0});
}

TEST(VmapAreas, NeighboursThatAreFreedLazilyBecomeOne) {
  Areas areas;
  VmapArea* const low = areas.take({2});
  VmapArea* const middle = areas.take({3});
  VmapArea* const high = areas.take({4});
  areas.free(low);
  areas.free(high);
  VmapArea* spare = nullptr;
  areas.index.free_lazily(*middle, spare);
  ASSERT_EQ(areas.index.fault(), nullptr);
  const VmapArea* const freed = areas.index.first_lazy_from(VirtAddr{});
  ASSERT_NE(freed, nullptr);
  EXPECT_EQ(freed->start, VirtAddr{100 * kStep});
  EXPECT_EQ(freed->end, VirtAddr{109 * kStep});
  EXPECT_EQ(areas.index.count(), 1u);
  ASSERT_NE(spare, nullptr);
  ASSERT_NE(spare->next, nullptr);
}

TEST(VmapAreas, WhatIsBeingPurgedStaysTakenAndMergesWithNothing) {
  Areas areas;
  VmapArea* const low = areas.take({2});
  VmapArea* const high = areas.take({3});
  areas.free(low);
  VmapArea* const purged = areas.index.begin_purge();
  EXPECT_EQ(purged, low);
  EXPECT_EQ(areas.index.lazy_pages(), PageCount{0});
  EXPECT_EQ(areas.index.first_lazy_from(VirtAddr{}), nullptr);
  areas.free(high);
  EXPECT_EQ(areas.index.first_lazy_from(VirtAddr{}), high);
  EXPECT_EQ(Areas::first_page(areas.take({2})), 105u);
  areas.index.end_purge(purged);
  EXPECT_EQ(Areas::first_page(areas.take({2})), 100u);
  EXPECT_EQ(areas.index.fault(), nullptr);
}

// The most obvious model: areas by address, free space found by looking at every gap.
class Model {
 public:
  explicit Model(VirtRange space) : space_(space) {}

  std::uint64_t place(const VmapAreas::Wish& wish) const {
    VirtAddr from = space_.start;
    for (const auto& [start, area] : areas_) {
      if (const std::uint64_t found = in_gap({from, VirtAddr{start}}, wish)) return found;
      from = VirtAddr{area.end};
    }
    return in_gap({from, space_.end}, wish);
  }
  void add(const VmapArea& area) { areas_[area.start.raw()] = {area.end.raw(), false}; }
  void free(std::uint64_t start) { areas_[start].lazy = true; }
  void purge() {
    std::erase_if(areas_, [](const auto& entry) { return entry.second.lazy; });
  }
  // "start-end" of each area in use, then of each stretch of lazily freed ones.
  [[nodiscard]] std::string text() const {
    std::string used, lazy;
    std::uint64_t lazy_end = 0;
    for (const auto& [start, area] : areas_) {
      if (!area.lazy) {
        used += std::to_string(start) + "-" + std::to_string(area.end) + " ";
      } else if (start == lazy_end) {
        lazy.replace(lazy.rfind('-') + 1, std::string::npos, std::to_string(area.end) + " ");
        lazy_end = area.end;
      } else {
        lazy += std::to_string(start) + "-" + std::to_string(area.end) + " ";
        lazy_end = area.end;
      }
    }
    return used + "| " + lazy;
  }

 private:
  struct Entry {
    std::uint64_t end;
    bool lazy;
  };
  static std::uint64_t in_gap(VirtRange gap, const VmapAreas::Wish& wish) {
    const VirtRange part = gap.intersect(wish.within);
    const VirtAddr start = part.start.align_up(wish.align);
    return start <= part.end && part.end - start >= wish.size ? start.raw() : 0;
  }

  VirtRange space_;
  std::map<std::uint64_t, Entry> areas_;
};

std::string text_of(const VmapAreas& index) {
  std::string text;
  const auto add = [&](const VmapArea& area) {
    text += std::to_string(area.start.raw()) + "-" + std::to_string(area.end.raw()) + " ";
  };
  for (const VmapArea* a = index.first_from(VirtAddr{}); a != nullptr; a = index.first_from(a->end))
    add(*a);
  text += "| ";
  for (const VmapArea* a = index.first_lazy_from(VirtAddr{}); a != nullptr;
       a = index.first_lazy_from(a->end))
    add(*a);
  return text;
}

class RandomAreas : public testing::TestWithParam<unsigned> {};

TEST_P(RandomAreas, AgreeWithAListOfGaps) {
  std::mt19937 random(GetParam());
  const auto below = [&](std::uint64_t n) { return random() % n; };
  const VirtRange space = range_of({1000, 1000 + 200 + below(4000)});
  Areas areas(space);
  Model model(space);
  std::vector<VmapArea*> used;
  for (unsigned step = 0; step < 2000; ++step) {
    SCOPED_TRACE("seed " + std::to_string(GetParam()) + " step " + std::to_string(step));
    const std::uint64_t kind = below(100);
    if (kind < 55) {
      VirtRange within = space;
      if (below(4) == 0) {
        within.start = space.start + Bytes{below(space.length() / kPageSize) * kStep};
        within.end = within.start + Bytes{below(400) * kStep};
      }
      const VmapAreas::Wish wish{Bytes{(1 + below(20)) * kStep},
                                 Bytes{kStep << (below(3) == 0 ? below(6) : 0)}, within};
      const std::uint64_t expected = model.place(wish);
      VmapArea& area = areas.records.emplace_back();
      ASSERT_EQ(areas.index.insert_lowest(area, wish), expected != 0);
      if (expected == 0) continue;
      ASSERT_EQ(area.start.raw(), expected);
      model.add(area);
      used.push_back(&area);
    } else if (kind < 98 && !used.empty()) {
      std::swap(used[below(used.size())], used.back());
      model.free(used.back()->start.raw());
      areas.free(used.back());
      used.pop_back();
    } else if (kind >= 98) {
      model.purge();
      areas.purge();
    }
    ASSERT_STREQ(areas.index.fault(), nullptr);
    ASSERT_EQ(text_of(areas.index), model.text());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomAreas, testing::Range(1u, 9u));

// What the structure's own check is for.
class DamagedAreas : public testing::Test {
 protected:
  DamagedAreas() {
    for (unsigned i = 0; i < 20; ++i) taken.push_back(areas.take({2}));
    areas.free(taken[5]);
    areas.free(taken[7]);
  }
  Areas areas;
  std::vector<VmapArea*> taken;
};

TEST_F(DamagedAreas, WholeOnesHaveNoFault) { EXPECT_STREQ(areas.index.fault(), nullptr); }

TEST_F(DamagedAreas, AnOverlapIsTold) {
  taken[3]->end += kPageSize;
  EXPECT_STREQ(areas.index.fault(), "two areas overlap");
}

TEST_F(DamagedAreas, AGapThatSearchesWouldMissIsTold) {
  for (VmapArea* area : taken)
    if (area->parent == nullptr) area->max_gap = Bytes{};
  EXPECT_STREQ(areas.index.fault(), "a subtree has a longer gap than it knows");
}

TEST_F(DamagedAreas, ASubtreeThatHangsElsewhereIsTold) {
  for (VmapArea* area : taken) {
    if (area->left == nullptr || area->right == nullptr) continue;
    area->left->parent = area->right;
    break;
  }
  EXPECT_STREQ(areas.index.fault(), "a subtree has another parent");
}

TEST_F(DamagedAreas, AMiscountIsTold) {
  taken[9]->state = VmapState::kLazy;
  EXPECT_STREQ(areas.index.fault(), "lazily freed pages are miscounted");
}

}  // namespace
}  // namespace quire
