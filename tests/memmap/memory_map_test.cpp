#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "hosts/sim/sim_host.hpp"
#include "memmap/memmap.hpp"
#include "tests/support/test_machine.hpp"

namespace quire {
namespace {

constexpr SectionId section(std::uint32_t number) { return SectionId{number}; }
constexpr Pfn in_section(std::uint32_t number, std::uint64_t page) {
  return start_of(section(number)) + PageCount{page};
}

class MemoryMaps : public testing::Test {
 protected:
  void init(std::uint32_t sections) { ASSERT_TRUE(map_.init(arena_, sections).has_value()); }

  SimHost host_;
  Arena arena_{host_};
  MemoryMap map_;
};

TEST_F(MemoryMaps, EveryPageOfAPresentSectionIsFoundByItsPfnAndFindsIt) {
  init(3);
  for (const std::uint32_t number : {0u, 7u, 300'000u})
    ASSERT_TRUE(map_.add_section(section(number)).has_value());
  for (const std::uint32_t number : {0u, 7u, 300'000u})
    for (const std::uint64_t page : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{32767}}) {
      const Pfn pfn = in_section(number, page);
      Page* const found = map_.page_of(pfn);
      ASSERT_NE(found, nullptr);
      EXPECT_EQ(map_.pfn_of(*found), pfn);
      EXPECT_EQ(&map_.at(map_.index_of(*found)), found);
      EXPECT_EQ(map_.contains(map_.index_of(*found)), pfn != Pfn{0});
    }
}

TEST_F(MemoryMaps, PagesOfSectionsThatAreNotThereAreNone) {
  init(2);
  ASSERT_TRUE(map_.add_section(section(1)).has_value());
  EXPECT_EQ(map_.page_of(in_section(0, 5)), nullptr);
  EXPECT_EQ(map_.page_of(in_section(2, 0)), nullptr);
  EXPECT_EQ(map_.page_of(Pfn{~std::uint64_t{0} >> 12}), nullptr);
}

TEST_F(MemoryMaps, OnlyPageFrameZeroMayHaveIndexZero) {
  init(2);
  ASSERT_TRUE(map_.add_section(section(5)).has_value());
  ASSERT_TRUE(map_.add_section(section(0)).has_value());
  EXPECT_GE(raw(map_.index_of(*map_.page_of(in_section(5, 0)))), kSectionPages.raw());
  MemoryMap with_zero;
  ASSERT_TRUE(with_zero.init(arena_, 2).has_value());
  ASSERT_TRUE(with_zero.add_section(section(0)).has_value());
  EXPECT_EQ(raw(with_zero.index_of(*with_zero.page_of(Pfn{0}))), 0u);
}

TEST_F(MemoryMaps, SectionsKeepTheirAlignmentSoThatBuddiesAreNeighboursInTheMap) {
  init(4);
  for (const std::uint32_t number : {9u, 3u, 77u, 4u}) {
    ASSERT_TRUE(map_.add_section(section(number)).has_value());
    EXPECT_EQ(raw(map_.index_of(*map_.page_of(in_section(number, 0)))) % kSectionPages.raw(), 0u);
  }
}

TEST_F(MemoryMaps, ASectionIsAddedOnce) {
  init(2);
  ASSERT_TRUE(map_.add_section(section(3)).has_value());
  EXPECT_EQ(map_.add_section(section(3)).error(), Errno::kExists);
  EXPECT_EQ(map_.section_count(), 1u);
}

TEST_F(MemoryMaps, AFullMapTakesNoSection) {
  init(2);
  for (std::uint32_t number = 1; map_.section_count() < 2; ++number)
    ASSERT_TRUE(map_.add_section(section(number)).has_value());
  EXPECT_EQ(map_.add_section(section(100)).error(), Errno::kNoSpace);
}

TEST_F(MemoryMaps, SectionsBeyond52BitsOfAddressAreRefused) {
  init(2);
  EXPECT_EQ(map_.add_section(section(1u << 25)).error(), Errno::kInvalid);
  EXPECT_FALSE(map_.has_section(section(1u << 25)));
}

TEST_F(MemoryMaps, ARemovedSectionLeavesNothingBehindAndItsPlaceIsTakenAgain) {
  init(1);
  ASSERT_TRUE(map_.add_section(section(4)).has_value());
  Page& page = *map_.page_of(in_section(4, 600));
  const PageIndex index = map_.index_of(page);
  page.refcount = 9;
  map_.set_pageblock_type(index, MigrateType::kReclaimable);
  ASSERT_TRUE(map_.remove_section(section(4)).has_value());
  EXPECT_EQ(map_.page_of(in_section(4, 600)), nullptr);
  EXPECT_FALSE(map_.contains(index));
  EXPECT_EQ(map_.remove_section(section(4)).error(), Errno::kNoEntry);
  ASSERT_TRUE(map_.add_section(section(8)).has_value());
  EXPECT_EQ(map_.index_of(*map_.page_of(in_section(8, 600))), index);
  EXPECT_EQ(map_.pfn_of(index), in_section(8, 600));
  EXPECT_EQ(map_.page_of(in_section(8, 600))->refcount, 0);
  EXPECT_EQ(map_.pageblock_type(index), MigrateType::kMovable);
}

TEST_F(MemoryMaps, IndicesThatNoSectionHasAreNotContained) {
  init(2);
  ASSERT_TRUE(map_.add_section(section(1)).has_value());
  EXPECT_FALSE(map_.contains(PageIndex::kNone));
  EXPECT_FALSE(map_.contains(PageIndex{5}));
  EXPECT_FALSE(map_.contains(PageIndex{~0u}));
}

TEST_F(MemoryMaps, PageblocksAreMovableUntilTold) {
  init(1);
  ASSERT_TRUE(map_.add_section(section(1)).has_value());
  const PageIndex first = map_.index_of(*map_.page_of(in_section(1, 0)));
  EXPECT_EQ(map_.pageblock_type(first), MigrateType::kMovable);
  for (unsigned t = 0; t < kMigrateTypes; ++t) {
    map_.set_pageblock_type(PageIndex{raw(first) + 512}, static_cast<MigrateType>(t));
    EXPECT_EQ(map_.pageblock_type(PageIndex{raw(first) + 512}), static_cast<MigrateType>(t));
    EXPECT_EQ(map_.pageblock_type(PageIndex{raw(first) + 1023}), static_cast<MigrateType>(t));
    EXPECT_EQ(map_.pageblock_type(PageIndex{raw(first) + 511}), MigrateType::kMovable);
    EXPECT_EQ(map_.pageblock_type(PageIndex{raw(first) + 1024}), MigrateType::kMovable);
  }
}

TEST_F(MemoryMaps, FramesLieInTheWindowInTheOrderOfTheMap) {
  init(2);
  ASSERT_TRUE(map_.add_section(section(7)).has_value());
  std::vector<std::byte> byte(1);
  map_.set_frames(byte.data());
  const Page& page = *map_.page_of(in_section(7, 1));
  const PageIndex index = map_.index_of(page);
  EXPECT_EQ(map_.content_of(page), byte.data() + size_of(PageCount{raw(index)}).raw());
  EXPECT_EQ(map_.frames().index_at(map_.content_of(page) + 4095), index);
  EXPECT_EQ(map_.frames().index_at(byte.data() - 1), PageIndex::kNone);
  EXPECT_EQ(map_.frames().index_at(byte.data() + size_of(map_.capacity()).raw()),
            PageIndex::kNone);
}

// RAM with a hole of 512 MiB: what the models differ in.
std::uint32_t sections_under(MemoryModel model) {
  Shape shape;
  shape.ram = {{0, 0, 256}, {0, 768, 1024}, {1, 2048, 2304}};
  shape.cpus = {node_id(0), node_id(1)};
  shape.model = model;
  TestMachine machine(shape);
  EXPECT_TRUE(audited(machine.machine));
  return machine.machine.map().section_count();
}
TEST(MemoryModels, FlatMapsEverySectionUpToTheEndOfRam) {
  EXPECT_EQ(sections_under(MemoryModel::kFlat), 18u);
}
TEST(MemoryModels, DiscontigMapsEverySectionThatANodeSpans) {
  EXPECT_EQ(sections_under(MemoryModel::kDiscontig), 10u);
}
TEST(MemoryModels, SparseMapsSectionsWithRam) {
  EXPECT_EQ(sections_under(MemoryModel::kSparse), 6u);
}

TEST(MemoryModels, MoreThanTwoToThe32PagesAreRefusedWithAReason) {
  Shape shape;
  for (std::uint64_t n = 0; n < 17; ++n)
    shape.ram.push_back({0, n == 0 ? 16 : n << 20, (n + 1) << 20});
  shape.cpus = {node_id(0)};
  try {
    TestMachine machine(shape);
    FAIL() << "17 TiB booted";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("17407 GiB of RAM, at most 16384"));
  }
}

}  // namespace
}  // namespace quire
