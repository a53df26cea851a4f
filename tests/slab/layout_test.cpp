// How objects lie in slabs: by rule, and as the running kernel showed it.
#include "slab/layout.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

namespace quire {
namespace {

SlabLayout lay_out(const ObjectShape& shape, const SlabSizing& sizing = {}) {
  const Result<SlabLayout> layout = layout_of(shape, sizing);
  EXPECT_TRUE(layout.has_value());
  return layout.value_or(SlabLayout{});
}

// Every row of /proc/slabinfo as recorded on machines of 1 to 4 CPUs.
class RecordedSlabinfo : public testing::TestWithParam<unsigned> {};

TEST_P(RecordedSlabinfo, ObjectsAndPagesFollowFromTheSizeAndTheCpus) {
  std::ifstream file(QUIRE_TESTS_DIR "/oracle/slab/slabinfo-cpus" + std::to_string(GetParam()));
  std::string line;
  std::getline(file, line);
  std::getline(file, line);
  unsigned rows = 0;
  for (; std::getline(file, line); ++rows) {
    std::istringstream words(line);
    std::string name;
    std::uint32_t active = 0, all = 0, size = 0, objects = 0, pages = 0;
    words >> name >> active >> all >> size >> objects >> pages;
    SlabSizing sizing;
    sizing.cpus = GetParam();
    const SlabLayout layout = lay_out({.size = size}, sizing);
    EXPECT_EQ(layout.size, size) << line;
    EXPECT_EQ(layout.objects, objects) << line;
    EXPECT_EQ(layout.order.pages().raw(), pages) << line;
  }
  EXPECT_EQ(rows, 153u);
}
INSTANTIATE_TEST_SUITE_P(Cpus, RecordedSlabinfo, testing::Values(1u, 2u, 3u, 4u));

TEST(SlabLayout, SizesAreWholeWords) {
  EXPECT_EQ(lay_out({.size = 1}).size, 8u);
  EXPECT_EQ(lay_out({.size = 20}).size, 24u);
}

TEST(SlabLayout, SmallObjectsShareACacheLineEvenly) {
  const auto aligned = [](std::uint32_t size) {
    return lay_out({.size = size, .flags = SlabFlags::kHwcacheAlign});
  };
  EXPECT_EQ(aligned(12).size, 16u);
  EXPECT_EQ(aligned(17).size, 32u);
  EXPECT_EQ(aligned(33).size, 64u);
  EXPECT_EQ(aligned(65).size, 128u);
  EXPECT_EQ(aligned(65).align, 64u);
}

TEST(SlabLayout, TheLinkOfAFreeObjectLiesInItsMiddle) {
  EXPECT_EQ(lay_out({.size = 8}).free_pointer, 0u);
  EXPECT_EQ(lay_out({.size = 192}).free_pointer, 96u);
  EXPECT_EQ(lay_out({.size = 24}).free_pointer, 8u);
}

TEST(SlabLayout, TheLinkLiesBehindWhatMustStayWhileFree) {
  const SlabLayout made = lay_out({.size = 64, .has_constructor = true});
  EXPECT_EQ(made.free_pointer, 64u);
  EXPECT_EQ(made.size, 72u);
  for (const SlabFlags flag : {SlabFlags::kPoison, SlabFlags::kTypesafeByRcu})
    EXPECT_EQ(lay_out({.size = 64, .flags = flag}).free_pointer, 64u);
}

TEST(SlabLayout, ObjectsThatStayWhileFreeAreNotPoisoned) {
  const SlabFlags both = SlabFlags::kPoison | SlabFlags::kTypesafeByRcu;
  EXPECT_TRUE(lay_out({.size = 64, .flags = SlabFlags::kPoison}).poison_object);
  EXPECT_FALSE(lay_out({.size = 64, .flags = both}).poison_object);
}

TEST(SlabLayout, DebuggingThatWouldRaiseTheOrderCanBeForbidden) {
  SlabSizing sizing;
  sizing.debug_may_grow = false;
  const SlabFlags flags = SlabFlags::kDebug;
  EXPECT_EQ(lay_out({.size = 4096, .flags = flags}, sizing).size, 4096u);
  EXPECT_FALSE(any(lay_out({.size = 4096, .flags = flags}, sizing).flags & SlabFlags::kPoison));
  EXPECT_GT(lay_out({.size = 4000, .flags = SlabFlags::kPoison}, sizing).size, 4000u);
}

TEST(SlabLayout, EveryByteOfASlabHasItsObject) {
  for (std::uint32_t size = 8; size <= 16384; size += 8) {
    const SlabLayout layout = lay_out({.size = size}, {.cpus = 4});
    for (std::uint32_t i = 0; i < layout.objects; ++i) {
      ASSERT_EQ(layout.index_at(i * size), i);
      ASSERT_EQ(layout.index_at(i * size + size - 1), i);
    }
  }
}

TEST(SlabLayout, WhatCannotBeLaidOutIsRefused) {
  EXPECT_EQ(layout_of({.size = 0}, {}).error(), Errno::kInvalid);
  EXPECT_EQ(layout_of({.size = 8, .align = 24}, {}).error(), Errno::kInvalid);
  EXPECT_EQ(layout_of({.size = kMaxObjectSize + 1}, {}).error(), Errno::kInvalid);
  EXPECT_TRUE(layout_of({.size = kMaxObjectSize}, {}).has_value());
  EXPECT_EQ(layout_of({.size = kMaxObjectSize, .flags = SlabFlags::kDebug}, {}).error(),
            Errno::kNotSupported);
}

}  // namespace
}  // namespace quire
