#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <vector>

#include "hosts/sim/random.hpp"
#include "memmap/memmap.hpp"

namespace quire {
namespace {

class Pages : public testing::Test {
 protected:
  static PageIndex page(std::uint32_t number) { return PageIndex{number}; }
  [[nodiscard]] std::vector<std::uint32_t> forwards() const {
    std::vector<std::uint32_t> found;
    for (PageIndex i = list_.front(); i != PageIndex::kNone; i = PageIndex{map_.at(i).next})
      found.push_back(raw(i));
    return found;
  }
  [[nodiscard]] std::vector<std::uint32_t> backwards() const {
    std::vector<std::uint32_t> found;
    for (PageIndex i = list_.back(); i != PageIndex::kNone; i = PageIndex{map_.at(i).prev})
      found.push_back(raw(i));
    return found;
  }

  std::vector<Page> pages_ = std::vector<Page>(32);
  PageArray map_{pages_.data()};
  PageList list_;
};
using PageLists = Pages;

TEST_F(PageLists, AnEmptyListHasNeitherFrontNorBack) {
  EXPECT_TRUE(list_.empty());
  EXPECT_TRUE(list_.empty_racy());
  EXPECT_EQ(list_.front(), PageIndex::kNone);
  EXPECT_EQ(list_.back(), PageIndex::kNone);
}

TEST_F(PageLists, TheOnlyPageIsFrontAndBack) {
  list_.push_back(map_, page(7));
  EXPECT_EQ(list_.front(), page(7));
  EXPECT_EQ(list_.back(), page(7));
  EXPECT_EQ(list_.pop_front(map_), page(7));
  EXPECT_TRUE(list_.empty());
  EXPECT_EQ(list_.back(), PageIndex::kNone);
}

TEST_F(PageLists, AReplacementStandsWhereThePageStood) {
  for (const std::uint32_t number : {1u, 2u, 3u}) list_.push_back(map_, page(number));
  for (const std::uint32_t number : {1u, 2u, 3u})
    list_.replace(map_, page(number), page(number + 10));
  EXPECT_EQ(forwards(), (std::vector<std::uint32_t>{11, 12, 13}));
  EXPECT_EQ(backwards(), (std::vector<std::uint32_t>{13, 12, 11}));
}

// Every operation against std::list, with the links read in both directions after each.
TEST_F(PageLists, AnySequenceOfOperationsLeavesWhatAStandardListWouldHold) {
  Random random(1);
  std::list<std::uint32_t> model;
  std::vector<std::uint32_t> spare;
  for (std::uint32_t number = 1; number < pages_.size(); ++number) spare.push_back(number);
  for (unsigned step = 0; step < 20'000; ++step) {
    const unsigned what = random.below(6);
    auto place = model.begin();
    if (!model.empty()) std::advance(place, random.below(static_cast<std::uint32_t>(model.size())));
    if (what < 3 && !spare.empty() && (what != 2 || !model.empty())) {
      const std::uint32_t number = spare.back();
      spare.pop_back();
      if (what == 0) list_.push_front(map_, page(number)), model.push_front(number);
      if (what == 1) list_.push_back(map_, page(number)), model.push_back(number);
      if (what == 2) {
        list_.insert_after(map_, page(*place), page(number));
        model.insert(std::next(place), number);
      }
    } else if (what >= 3 && !model.empty()) {
      if (what == 3) place = model.begin();
      spare.push_back(*place);
      if (what == 3)
        EXPECT_EQ(raw(list_.pop_front(map_)), *place);
      else
        list_.remove(map_, page(*place));
      model.erase(place);
    }
    ASSERT_EQ(forwards(), std::vector<std::uint32_t>(model.begin(), model.end()));
    ASSERT_EQ(backwards(), std::vector<std::uint32_t>(model.rbegin(), model.rend()));
    ASSERT_EQ(list_.empty(), model.empty());
  }
}

}  // namespace
}  // namespace quire
