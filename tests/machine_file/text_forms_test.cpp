#include "tools/machine_file/text_forms.hpp"

#include <gtest/gtest.h>

#include <array>

namespace quire::machine_file {
namespace {

std::vector<CpuId> cpus(std::initializer_list<unsigned> numbers) {
  std::vector<CpuId> ids;
  for (const unsigned number : numbers) ids.push_back(static_cast<CpuId>(number));
  return ids;
}

TEST(Sizes, ASuffixMultipliesByAPowerOf1024) {
  EXPECT_EQ(parse_size("4096"), Bytes{4096});
  EXPECT_EQ(parse_size("0x1000"), Bytes{4096});
  EXPECT_EQ(parse_size("64K"), kib(64));
  EXPECT_EQ(parse_size("1536M"), mib(1536));
  EXPECT_EQ(parse_size("6G"), gib(6));
  EXPECT_EQ(parse_size("16T"), gib(16 * 1024));
  EXPECT_EQ(parse_size("6g"), gib(6));
}

TEST(Sizes, WhatIsNotWhollyASizeIsNone) {
  for (const char* text : {"", "G", "12Q", "-1", "1.5G", "5 G", "6GB", "0x", "16777216T"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
}

TEST(Sizes, AreWrittenWithTheLargestSuffixThatFits) {
  EXPECT_EQ(format_size(mib(1536)), "1536M");
  EXPECT_EQ(format_size(gib(1024)), "1T");
  EXPECT_EQ(format_size(Bytes{1025}), "1025");
  EXPECT_EQ(format_size(gib(1024 * 1024)), "1024T");
}

TEST(Ranges, IncludeTheirLastByte) {
  const PhysRange page{PhysAddr{0x1000}, PhysAddr{0x2000}};
  EXPECT_EQ(parse_hex_range("0x1000-0x1fff"), page);
  EXPECT_EQ(parse_hex_range("00001000-00001fff"), page);
  EXPECT_EQ(format_range(page), "0x1000-0x1fff");
  EXPECT_EQ(parse_hex_range("2000-1000"), std::nullopt);
  EXPECT_EQ(parse_hex_range("0-ffffffffffffffff"), std::nullopt);
  EXPECT_EQ(parse_hex_range("1000"), std::nullopt);
}

TEST(CpuLists, HoldNumbersAndRanges) {
  EXPECT_EQ(parse_cpu_list("0-3,8"), cpus({0, 1, 2, 3, 8}));
  EXPECT_EQ(parse_cpu_list(""), cpus({}));
  EXPECT_EQ(parse_cpu_list("3-1"), std::nullopt);
  EXPECT_EQ(parse_cpu_list("0,x"), std::nullopt);
  EXPECT_EQ(parse_cpu_list("0-8192"), std::nullopt);
  EXPECT_EQ(parse_cpu_list("0-8191,0"), std::nullopt);
  EXPECT_EQ(format_cpu_list(cpus({0, 1, 2, 3, 8})), "0-3,8");
  EXPECT_EQ(format_cpu_list(cpus({})), "");
}

TEST(Nearest, IsTheWordMeantOrNone) {
  constexpr std::array<std::string_view, 3> kWords = {"memory", "cpus", "memory_model"};
  EXPECT_EQ(nearest("memroy", kWords), "memory");
  EXPECT_EQ(nearest("cpu", kWords), "cpus");
  EXPECT_EQ(nearest("memory_modle", kWords), "memory_model");
  EXPECT_EQ(nearest("zzzzzz", kWords), "");
}

}  // namespace
}  // namespace quire::machine_file
