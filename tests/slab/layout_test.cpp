// How objects lie in slabs: by rule, and as the running kernel showed it.
#include "slab/layout.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/recorded_slabs.hpp"

namespace quire {
namespace {

SlabLayout lay_out(const ObjectShape& shape, const SlabSizing& sizing = {}) {
  const Result<SlabLayout> layout = layout_of(shape, sizing);
  EXPECT_TRUE(layout.has_value());
  return layout.value_or(SlabLayout{});
}

class RecordedSlabinfo : public testing::TestWithParam<unsigned> {};

TEST_P(RecordedSlabinfo, ObjectsAndPagesFollowFromTheSizeAndTheCpus) {
  const auto lines = recorded_lines("slabinfo-cpus" + std::to_string(GetParam()));
  for (std::size_t i = 2; i < lines.size(); ++i) {
    const std::vector<std::string> row = words_of(lines[i]);
    const auto size = static_cast<std::uint32_t>(std::stoul(row[3]));
    const SlabLayout layout = lay_out({.size = size}, {.cpus = GetParam()});
    EXPECT_EQ(std::to_string(layout.size), row[3]) << lines[i];
    EXPECT_EQ(std::to_string(layout.objects), row[4]) << lines[i];
    EXPECT_EQ(std::to_string(layout.order.pages().raw()), row[5]) << lines[i];
  }
}
INSTANTIATE_TEST_SUITE_P(Cpus, RecordedSlabinfo, testing::Values(1u, 2u, 3u, 4u, 16u));

// What a cache asked for, as far as its files tell.
ObjectShape shape_of(RecordedCache& cache) {
  ObjectShape shape;
  shape.size = static_cast<std::uint32_t>(std::stoul(cache["object_size"]));
  shape.align = static_cast<std::uint32_t>(std::stoul(cache["align"]));
  const std::pair<const char*, SlabFlags> kFlags[] = {
      {"red_zone", SlabFlags::kRedZone},   {"sanity_checks", SlabFlags::kConsistencyChecks},
      {"poison", SlabFlags::kPoison},      {"destroy_by_rcu", SlabFlags::kTypesafeByRcu},
      {"store_user", SlabFlags::kStoreUser}};
  for (const auto& [file, flag] : kFlags)
    if (cache[file] == "1") shape.flags |= flag;
  if (cache["name"].find("kmalloc-") != std::string::npos) shape.flags |= SlabFlags::kKmalloc;
  shape.has_constructor = cache["ctor"] == "1";
  return shape;
}

struct Recording {
  const char* file;
  unsigned cpus;
};
class RecordedSysfs : public testing::TestWithParam<Recording> {};

TEST_P(RecordedSysfs, SizesOrdersAndLimitsFollowFromWhatTheCacheAskedFor) {
  for (RecordedCache& cache : recorded_sysfs(GetParam().file)) {
    const SlabLayout layout = lay_out(shape_of(cache), {.cpus = GetParam().cpus});
    const PartialLimits limits = partial_limits(layout);
    const std::string& name = cache["name"];
    EXPECT_EQ(std::to_string(layout.size), cache["slab_size"]) << name;
    EXPECT_EQ(std::to_string(layout.objects), cache["objs_per_slab"]) << name;
    EXPECT_EQ(std::to_string(layout.order.raw()), cache["order"]) << name;
    EXPECT_EQ(std::to_string(limits.min_partial), cache["min_partial"]) << name;
    EXPECT_EQ(std::to_string(limits.cpu_partial), cache["cpu_partial"]) << name;
  }
}
INSTANTIATE_TEST_SUITE_P(Machines, RecordedSysfs,
                         testing::Values(Recording{"sysfs-plain-cpus3", 3},
                                         Recording{"sysfs-plain-cpus16", 16},
                                         Recording{"sysfs-debug-cpus2", 2}));

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
