#include <gtest/gtest.h>

#include <vector>

#include "boot/boot.hpp"
#include "tests/boot/plain_host.hpp"

namespace quire::test {
namespace {

struct Row {
  std::uint64_t start, end;
  unsigned type;
  bool operator==(const Row&) const = default;
};
void PrintTo(const Row& row, std::ostream* out) {
  *out << std::hex << "[" << row.start << ", " << row.end << ") " << row.type;
}

class FirmwareMapTest : public testing::Test {
 protected:
  void fill(const std::vector<Row>& rows) {
    for (const Row& row : rows)
      ASSERT_TRUE(map.add({bytes(row.start, row.end), FirmwareType{row.type}}).has_value());
    ASSERT_TRUE(map.sanitise().has_value());
  }
  [[nodiscard]] std::vector<Row> rows() const {
    std::vector<Row> found;
    for (const FirmwareRange& row : map.entries())
      found.push_back({row.range.start.raw(), row.range.end.raw(), unsigned(row.type)});
    return found;
  }

  PlainHost host;
  Arena arena{host};
  FirmwareMap map{arena};
};

TEST_F(FirmwareMapTest, RowsAreSortedByAddress) {
  fill({{0x3000, 0x4000, 1}, {0x1000, 0x2000, 2}});
  EXPECT_EQ(rows(), (std::vector<Row>{{0x1000, 0x2000, 2}, {0x3000, 0x4000, 1}}));
}

TEST_F(FirmwareMapTest, WhereRowsOverlapTheHigherTypeWins) {
  fill({{0x1000, 0x9000, 1}, {0x3000, 0x5000, 2}, {0x4000, 0x6000, 3}});
  EXPECT_EQ(
      rows(),
      (std::vector<Row>{
          {0x1000, 0x3000, 1}, {0x3000, 0x4000, 2}, {0x4000, 0x6000, 3}, {0x6000, 0x9000, 1}}));
}

TEST_F(FirmwareMapTest, NeighboursOfOneTypeAreMerged) {
  fill({{0x2000, 0x3000, 1}, {0x1000, 0x2000, 1}, {0x2800, 0x4000, 1}});
  EXPECT_EQ(rows(), (std::vector<Row>{{0x1000, 0x4000, 1}}));
}

TEST_F(FirmwareMapTest, EmptyAndInvertedRowsAreLeftOut) {
  fill({{0x1000, 0x1000, 1}, {0x5000, 0x4000, 1}, {0x8000, 0x9000, 1}});
  EXPECT_EQ(rows(), (std::vector<Row>{{0x8000, 0x9000, 1}}));
}

TEST_F(FirmwareMapTest, AHiddenRowDisappears) {
  fill({{0x3000, 0x4000, 1}, {0x1000, 0x9000, 2}});
  EXPECT_EQ(rows(), (std::vector<Row>{{0x1000, 0x9000, 2}}));
}

TEST_F(FirmwareMapTest, RemovingTakesPartsOfThatTypeOnly) {
  fill({{0x1000, 0x3000, 1}, {0x3000, 0x5000, 2}, {0x5000, 0x8000, 1}});
  ASSERT_TRUE(map.remove(bytes(0x2000, 0x6000), FirmwareType::kUsable, host).has_value());
  EXPECT_EQ(rows(),
            (std::vector<Row>{{0x1000, 0x2000, 1}, {0x3000, 0x5000, 2}, {0x6000, 0x8000, 1}}));
  EXPECT_TRUE(host.logged("e820: remove [mem 0x00002000-0x00005fff] usable"));
}

TEST_F(FirmwareMapTest, UpdatingRetypesWhatLiesInTheRange) {
  fill({{0, 0x9fc00, 1}});
  const FirmwareMap::Retype reserve{FirmwareType::kUsable, FirmwareType::kReserved};
  ASSERT_TRUE(map.update(bytes(0, 0x1000), reserve, host).has_value());
  EXPECT_EQ(rows(), (std::vector<Row>{{0, 0x1000, 2}, {0x1000, 0x9fc00, 1}}));
  EXPECT_TRUE(host.logged("e820: update [mem 0x00000000-0x00000fff] usable ==> reserved"));
}

TEST_F(FirmwareMapTest, RamEndsWithItsLastWholePageBelowTheLimit) {
  fill({{0x1000, 0x3800, 1}, {0x5000, 0x9000, 2}, {0xa000, 0xc000, 1}});
  EXPECT_EQ(map.end_of_ram(Pfn{0x100}), Pfn{0xc});
  EXPECT_EQ(map.end_of_ram(Pfn{0xb}), Pfn{0xb});
  EXPECT_EQ(map.end_of_ram(Pfn{0xa}), Pfn{0x3});
  EXPECT_EQ(map.end_of_ram(Pfn{0}), Pfn{0});
}

TEST_F(FirmwareMapTest, MemEndsRam) {
  fill({{0, 0x80000000, 1}});
  EXPECT_TRUE(*apply_user_map(map, CommandLine("mem=1500M"), host));
  EXPECT_EQ(rows(), (std::vector<Row>{{0, 1500 * kMiB, 1}}));
}

TEST_F(FirmwareMapTest, MemmapAddsByItsMark) {
  fill({{0, 0x10000000, 1}});
  EXPECT_TRUE(*apply_user_map(
      map, CommandLine("memmap=1M$16M,1M#32M memmap=1M!48M memmap=16M@512M"), host));
  EXPECT_EQ(rows(), (std::vector<Row>{{0, 16 * kMiB, 1},
                                      {16 * kMiB, 17 * kMiB, 2},
                                      {17 * kMiB, 32 * kMiB, 1},
                                      {32 * kMiB, 33 * kMiB, 3},
                                      {33 * kMiB, 48 * kMiB, 1},
                                      {48 * kMiB, 49 * kMiB, 12},
                                      {49 * kMiB, 256 * kMiB, 1},
                                      {512 * kMiB, 528 * kMiB, 1}}));
}

TEST_F(FirmwareMapTest, ExactmapForgetsTheFirmware) {
  fill({{0, 0x10000000, 1}});
  EXPECT_TRUE(*apply_user_map(map, CommandLine("memmap=exactmap memmap=8M@1M"), host));
  EXPECT_EQ(rows(), (std::vector<Row>{{kMiB, 9 * kMiB, 1}}));
}

TEST_F(FirmwareMapTest, WhatCannotBeReadChangesNothing) {
  fill({{0, 0x10000000, 1}});
  EXPECT_FALSE(*apply_user_map(map, CommandLine("mem=nopentium memmap=much memmap=4M?2M"), host));
  EXPECT_EQ(rows(), (std::vector<Row>{{0, 0x10000000, 1}}));
}

TEST_F(FirmwareMapTest, ARangeThatWouldWrapEndsWithTheAddresses) {
  fill({{0, 0x10000000, 1}});
  EXPECT_TRUE(
      *apply_user_map(map, CommandLine("memmap=2E$15E memmap=4E$0x4000000000000000"), host));
  EXPECT_EQ(rows().back().end, ~std::uint64_t{0});
}

TEST_F(FirmwareMapTest, ATableThatCannotGrowIsAnError) {
  host.reservations_left = 0;
  EXPECT_EQ(map.add(usable(0, 0x1000)).error(), Errno::kNoMemory);
}

}  // namespace
}  // namespace quire::test
