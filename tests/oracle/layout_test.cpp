#include "tools/oracle/layout.hpp"

#include <gtest/gtest.h>

namespace quire::oracle {
namespace {

constexpr ColumnWidth kNone{};
constexpr ColumnWidth kSix{6};
constexpr ColumnWidth kEight{8};

TEST(Layout, NumbersThatFollowTextMayHaveAnyLength) {
  EXPECT_TRUE(same_layout("        min      5520", "        min      7", kNone));
  EXPECT_TRUE(same_layout("protection: (0, 1455, 0)", "protection: (12, 5, 100)", kNone));
}

TEST(Layout, OfNumbersInColumnsTheEndsStandBelowEachOther) {
  EXPECT_TRUE(same_layout("MemFree:         6018992 kB", "MemFree:              12 kB", kEight));
  EXPECT_FALSE(same_layout("MemFree:         6018992 kB", "MemFree:         12 kB", kEight));
  EXPECT_FALSE(same_layout("MemFree:         6018992 kB", "MemFree:               12 kB", kEight));
}

TEST(Layout, ANumberLongerThanItsColumnPushesTheRest) {
  EXPECT_TRUE(same_layout("Node 0, zone   Normal 1234567      1 ",
                          "Node 0, zone   Normal      1      1 ", kSix));
  EXPECT_FALSE(same_layout("Node 0, zone   Normal  1234567      1 ",
                           "Node 0, zone   Normal      1      1 ", kSix));
}

TEST(Layout, TextAndItsBlanksMustBeTheSame) {
  EXPECT_FALSE(same_layout("  pages free     1", "  pages free    1", kNone));
  EXPECT_FALSE(same_layout("nr_bounce    0", "nr_bouncy    0", kNone));
  EXPECT_FALSE(same_layout("a 1 ", "a 1", kNone));
  EXPECT_FALSE(same_layout("a 1", "a x", kNone));
}

TEST(Layout, DigitsInWordsAreText) {
  EXPECT_FALSE(same_layout("zone    DMA32", "zone    DMA64", kNone));
  EXPECT_FALSE(same_layout("DirectMap4k:  8 kB", "DirectMap2k:  8 kB", kNone));
}

}  // namespace
}  // namespace quire::oracle
