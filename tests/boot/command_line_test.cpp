#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "boot/boot.hpp"

namespace quire {
namespace {

std::uint64_t size_read(std::string_view text) { return parse_size(text); }

TEST(CommandLine, SizesMayBeDecimalHexadecimalOrOctalWithASuffix) {
  EXPECT_EQ(size_read("64M"), 64U << 20);
  EXPECT_EQ(size_read("0x10k"), 16U << 10);
  EXPECT_EQ(size_read("010"), 8U);
  EXPECT_EQ(size_read("2G"), std::uint64_t{2} << 30);
  EXPECT_EQ(size_read("1T"), std::uint64_t{1} << 40);
  EXPECT_EQ(size_read("pages"), 0U);
}

TEST(CommandLine, WhatFollowsASizeIsLeft) {
  std::string_view text = "64M@1G";
  EXPECT_EQ(parse_size(text), 64U << 20);
  EXPECT_EQ(text, "@1G");
}

TEST(CommandLine, TheLastOfAnOptionGivenTwiceCounts) {
  EXPECT_EQ(CommandLine("mem=1G quiet mem=2G").find("mem"), "2G");
}

TEST(CommandLine, AnOptionNotGivenIsNotFound) {
  const CommandLine options("memory=1G");
  EXPECT_FALSE(options.has("mem"));
  EXPECT_EQ(options.value_or("hugepages", "0"), "0");
}

TEST(CommandLine, DashAndUnderscoreAreTheSameInANameButNotInAValue) {
  const CommandLine options("transparent-hugepage=always-on");
  EXPECT_EQ(options.find("transparent_hugepage"), "always-on");
}

TEST(CommandLine, AQuotedValueMayHoldBlanks) {
  EXPECT_EQ(CommandLine("a=\"x y\" b=1").find("a"), "x y");
  EXPECT_EQ(CommandLine("\"c=x y\" b=1").find("c"), "x y");
  EXPECT_EQ(CommandLine("a=\"x y\" b=1").find("b"), "1");
}

TEST(CommandLine, WhatStandsAfterTwoDashesIsNotForTheKernel) {
  EXPECT_FALSE(CommandLine("quiet -- mem=1G").has("mem"));
}

TEST(CommandLine, OptionsThatAddUpAreVisitedInOrder) {
  std::vector<std::string> seen;
  CommandLine("memmap=1M@2M quiet memmap=3M$4M").for_each([&](const CommandLine::Option& option) {
    seen.push_back(std::string(option.name) + "|" + std::string(option.value));
  });
  EXPECT_EQ(seen, (std::vector<std::string>{"memmap|1M@2M", "quiet|", "memmap|3M$4M"}));
}

TEST(CommandLine, KernelcoreIsASizeAPercentageOrMirror) {
  using Kind = CoreAmount::Kind;
  EXPECT_EQ(CommandLine("kernelcore=1G").kernelcore().value, 262144U);
  EXPECT_EQ(CommandLine("kernelcore=30%").kernelcore().kind, Kind::kPercent);
  EXPECT_EQ(CommandLine("kernelcore=30%").kernelcore().pages_of(PageCount{1001}), PageCount{300});
  EXPECT_EQ(CommandLine("kernelcore=mirror").kernelcore().kind, Kind::kMirror);
  EXPECT_EQ(CommandLine("kernelcore=much").kernelcore().kind, Kind::kNone);
  EXPECT_EQ(CommandLine("movablecore=mirror").movablecore().kind, Kind::kNone);
}

TEST(CommandLine, MoreThanAllOfMemoryIsAllOfIt) {
  const CoreAmount amount = CommandLine("movablecore=99999999999%").movablecore();
  EXPECT_EQ(amount.pages_of(PageCount{1000}), PageCount{1000});
}

}  // namespace
}  // namespace quire
