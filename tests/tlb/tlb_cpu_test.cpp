// The translation caches of one CPU: what hits, what is replaced, what a flush takes, and what the
// tables get to know.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/tlb/naive_tables.hpp"

namespace quire {
namespace {

constexpr Pfn kRoot{1};
constexpr VirtAddr page_at(std::uint64_t number) { return VirtAddr{number << kPageShift}; }
constexpr VirtAddr kBase = page_at(0x400);

class TlbCpuTest : public testing::Test {
 protected:
  explicit TlbCpuTest(TlbSpec spec = {})
      : spec(spec), memory_(CpuTlb::words_of(spec)),
        tlb_(std::make_unique<CpuTlb>(CpuTlb::Parts{CpuId{0}, tables, this->spec, 21}, memory_)),
        tlb(*tlb_) {
    tlb.set_check(nullptr);
    tlb.load(kRoot, 0);
  }

  void map(VirtAddr at, std::uint64_t frame) { tables.map(kRoot, at, {.frame = Pfn{frame}}); }
  void map_pages(VirtAddr first, unsigned count) {
    for (unsigned i = 0; i < count; ++i) map(first + kPageSize * i, 1 + i % 200);
  }
  bool read(VirtAddr at) { return tlb.translate<Access::kUserRead>(at) != nullptr; }
  bool write(VirtAddr at) { return tlb.translate<Access::kUserWrite>(at) != nullptr; }
  // Whether reading needs no walk.
  bool hits(VirtAddr at) {
    const std::uint64_t walks = tables.walks;
    EXPECT_TRUE(read(at));
    return tables.walks == walks;
  }

  NaiveTables tables{256};
  TlbSpec spec;

 private:
  std::vector<std::uint64_t> memory_;
  std::unique_ptr<CpuTlb> tlb_;

 protected:
  CpuTlb& tlb;
};

TEST_F(TlbCpuTest, AnAddressLeadsToItsFramesContent) {
  map(kBase, 7);
  std::byte* const content = tlb.translate<Access::kUserRead>(kBase + Bytes{5});
  EXPECT_EQ(content, tables.frame_content(Pfn{7}) + 5);
  EXPECT_EQ(tlb.translate<Access::kUserRead>(kBase + Bytes{9}), content + 4);
}

TEST_F(TlbCpuTest, OnlyTheFirstAccessToAPageWalks) {
  map(kBase, 7);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(read(kBase));
  EXPECT_EQ(tables.walks, 1u);
  EXPECT_EQ(tlb.counts().accesses, 10u);
  EXPECT_EQ(tlb.counts().l1_hits(), 9u);
}

TEST_F(TlbCpuTest, AnUnmappedPageFaultsAndTheFaultSaysSo) {
  EXPECT_EQ(tlb.translate<Access::kUserWrite>(kBase), nullptr);
  EXPECT_EQ(tlb.last_fault().address, kBase);
  EXPECT_EQ(tlb.last_fault().access, Access::kUserWrite);
  EXPECT_FALSE(tlb.last_fault().present);
  EXPECT_EQ(tlb.counts().faults, 1u);
  map(kBase, 7);
  EXPECT_TRUE(write(kBase)) << "what is absent is not cached";
}

TEST_F(TlbCpuTest, AnAccessThatIsNotAllowedFaultsOnAPresentPage) {
  tables.map(kRoot, kBase, {.frame = Pfn{3}, .allows = {.user = false}});
  EXPECT_FALSE(read(kBase));
  EXPECT_TRUE(tlb.last_fault().present);
  EXPECT_NE(tlb.translate<Access::kRead>(kBase), nullptr);
  EXPECT_EQ(tlb.translate<Access::kWrite>(kBase), nullptr) << "read-only to the kernel as well";
  EXPECT_EQ(tlb.translate<Access::kExecute>(kBase), nullptr);
}

TEST_F(TlbCpuTest, AFrameThatIsNoMemoryFaults) {
  tables.map(kRoot, kBase, {.frame = Pfn{100'000}});
  EXPECT_FALSE(read(kBase));
  EXPECT_TRUE(tlb.last_fault().present);
}

TEST_F(TlbCpuTest, ReadingSetsAccessedAndTheFirstWriteSetsDirtyByAWalkOfItsOwn) {
  map(kBase, 7);
  EXPECT_TRUE(read(kBase));
  EXPECT_TRUE(tables.leaf(kRoot, kBase)->accessed);
  EXPECT_FALSE(tables.leaf(kRoot, kBase)->dirty);
  EXPECT_TRUE(write(kBase));
  EXPECT_TRUE(tables.leaf(kRoot, kBase)->dirty);
  EXPECT_EQ(tables.walks, 2u);
  EXPECT_EQ(tlb.counts().rewalks, 1u);
  EXPECT_TRUE(write(kBase));
  EXPECT_EQ(tables.walks, 2u) << "the second write hits";
}

TEST_F(TlbCpuTest, RightsThatWereAddedWithoutAFlushAreFoundByAWalk) {
  tables.map(kRoot, kBase, {.frame = Pfn{3}, .allows = {.user = true}});
  EXPECT_TRUE(read(kBase));
  tables.leaf(kRoot, kBase)->allows.write = true;
  EXPECT_TRUE(write(kBase)) << "no spurious fault";
}

TEST_F(TlbCpuTest, SixtyFourPagesInARowHitInTheFirstLevelAndOneMoreTakesThePlaceOfTheOldest) {
  map_pages(page_at(0x400), 65);
  for (unsigned i = 0; i < 64; ++i) EXPECT_TRUE(read(page_at(0x400 + i)));
  for (unsigned i = 0; i < 64; ++i) EXPECT_TRUE(read(page_at(0x400 + i)));
  EXPECT_EQ(tlb.counts().l1_hits(), 64u);
  EXPECT_TRUE(read(page_at(0x440)));
  EXPECT_TRUE(read(page_at(0x410)));  // the same set of four, its oldest is 0x400
  EXPECT_EQ(tlb.counts().l1_hits(), 65u);
  EXPECT_TRUE(read(page_at(0x400)));
  EXPECT_EQ(tlb.counts().l1_hits(), 65u);
  EXPECT_EQ(tlb.counts().l2_hits, 1u) << "the second level still has it";
}

TEST_F(TlbCpuTest, TheSecondLevelHolds1536PagesAndTheNextOneIsWalkedForAgain) {
  map_pages(page_at(0x1000), 1537);
  for (unsigned i = 0; i < 1536; ++i) EXPECT_TRUE(read(page_at(0x1000 + i)));
  for (unsigned i = 0; i < 1536; ++i) EXPECT_TRUE(hits(page_at(0x1000 + i)));
  EXPECT_EQ(tlb.counts().walks, 1536u);
  EXPECT_FALSE(hits(page_at(0x1600)));
  // The same set of twelve, least used: its first page.
  EXPECT_FALSE(hits(page_at(0x1000)));
}

TEST_F(TlbCpuTest, OneLargeTranslationServesAllPagesInIt) {
  const VirtAddr large{0x40000000};
  tables.map(kRoot, large, {.frame = Pfn{0}, .shift = 21});
  for (unsigned i = 0; i < 200; ++i) {
    std::byte* const content = tlb.translate<Access::kUserRead>(large + kPageSize * i);
    ASSERT_NE(content, nullptr);
    EXPECT_EQ(*content, mark_of(Pfn{i}));
  }
  EXPECT_EQ(tables.walks, 1u);
}

TEST_F(TlbCpuTest, ThereAreThirtyTwoLargeAndFourGiantTranslations) {
  const auto large = [](unsigned i) { return VirtAddr{0x40000000 + (std::uint64_t{i} << 21)}; };
  const auto giant = [](unsigned i) { return VirtAddr{(std::uint64_t{i} + 8) << 30}; };
  for (unsigned i = 0; i < 33; ++i) tables.map(kRoot, large(i), {.frame = Pfn{0}, .shift = 21});
  for (unsigned i = 0; i < 5; ++i) tables.map(kRoot, giant(i), {.frame = Pfn{0}, .shift = 30});
  for (unsigned i = 0; i < 32; ++i) EXPECT_FALSE(hits(large(i)));
  for (unsigned i = 0; i < 4; ++i) EXPECT_FALSE(hits(giant(i)));
  for (unsigned i = 0; i < 32; ++i) EXPECT_TRUE(hits(large(i)));
  for (unsigned i = 0; i < 4; ++i) EXPECT_TRUE(hits(giant(i)));
  EXPECT_FALSE(hits(large(32)));
  EXPECT_FALSE(hits(large(0))) << "the oldest of its set of four";
  EXPECT_FALSE(hits(giant(4)));
  EXPECT_FALSE(hits(giant(0)));
}

TEST_F(TlbCpuTest, FlushingAPageTakesItsTranslationAndNoOther) {
  map_pages(page_at(0x400), 2);
  EXPECT_TRUE(read(page_at(0x400)) && read(page_at(0x401)));
  tlb.flush_page(page_at(0x400) + Bytes{17});
  EXPECT_FALSE(hits(page_at(0x400)));
  EXPECT_TRUE(hits(page_at(0x401)));
}

TEST_F(TlbCpuTest, FlushingAPageOfALargeLeafTakesTheWholeTranslation) {
  const VirtAddr large{0x40000000};
  tables.map(kRoot, large, {.frame = Pfn{0}, .shift = 21});
  EXPECT_TRUE(read(large));
  EXPECT_TRUE(read(large + kPageSize * 70));
  tlb.flush_page(large + kPageSize * 3);
  EXPECT_FALSE(hits(large + kPageSize * 70));
}

TEST_F(TlbCpuTest, FlushingWhatIsLoadedSparesGlobalTranslationsAndOtherAddressSpaces) {
  const Pfn other{2};
  map(kBase, 5);
  tables.map(other, kBase, {.frame = Pfn{6}});
  tables.map(kRoot, NaiveTables::kKernel, {.frame = Pfn{9}, .global = true});
  EXPECT_TRUE(read(kBase) && read(NaiveTables::kKernel));
  tlb.load(other, 1);
  EXPECT_FALSE(hits(kBase));
  EXPECT_EQ(*tlb.translate<Access::kUserRead>(kBase), mark_of(Pfn{6}));
  EXPECT_TRUE(hits(NaiveTables::kKernel)) << "global translations serve every address space";
  tlb.flush_loaded();
  EXPECT_FALSE(hits(kBase));
  EXPECT_TRUE(hits(NaiveTables::kKernel));
  tlb.load(kRoot, 0);
  EXPECT_TRUE(hits(kBase)) << "kept under its own number";
  EXPECT_EQ(*tlb.translate<Access::kUserRead>(kBase), mark_of(Pfn{5}));
  tlb.flush_all();
  EXPECT_FALSE(hits(NaiveTables::kKernel));
}

TEST_F(TlbCpuTest, KindsOfAccessAreToldApartOnAHit) {
  tables.map(kRoot, kBase, {.frame = Pfn{3}, .allows = {.user = true}, .dirty = true});
  EXPECT_TRUE(read(kBase));
  EXPECT_TRUE(read(kBase));
  EXPECT_EQ(tlb.translate<Access::kUserWrite>(kBase), nullptr);
  EXPECT_EQ(tlb.translate<Access::kUserExecute>(kBase), nullptr);
  EXPECT_NE(tlb.translate<Access::kRead>(kBase), nullptr);
}

TEST_F(TlbCpuTest, TheWayToATableIsRememberedForItsPagesInItsAddressSpace) {
  const Pfn other{2};
  map_pages(kBase, 4);
  map(kBase + mib(2), 3);
  tables.map(other, kBase, {.frame = Pfn{6}});
  EXPECT_TRUE(read(kBase));
  EXPECT_EQ(tables.remembered, 0u);
  EXPECT_TRUE(read(kBase + kPageSize));
  EXPECT_EQ(tables.remembered, 1u);
  EXPECT_TRUE(read(kBase + mib(2)));
  EXPECT_EQ(tables.remembered, 1u) << "another table";
  tlb.load(other, 1);
  EXPECT_TRUE(read(kBase));
  EXPECT_EQ(tables.remembered, 1u) << "another address space";
  tlb.load(kRoot, 0);
  EXPECT_TRUE(read(kBase + kPageSize * 2));
  EXPECT_EQ(tables.remembered, 1u) << "whose table has taken the place";
  EXPECT_TRUE(read(kBase + kPageSize * 3));
  EXPECT_EQ(tables.remembered, 2u);
}

TEST_F(TlbCpuTest, EveryFlushForgetsTheWaysToTables) {
  map_pages(kBase, 8);
  std::uint64_t page = 0;
  const auto walks_from_the_root = [&] {
    const std::uint64_t before = tables.remembered;
    EXPECT_FALSE(hits(kBase + kPageSize * page++));
    return tables.remembered == before;
  };
  EXPECT_TRUE(walks_from_the_root());
  EXPECT_FALSE(walks_from_the_root());
  tlb.flush_page(kBase + mib(64));
  EXPECT_TRUE(walks_from_the_root());
  tlb.flush_loaded();
  EXPECT_TRUE(walks_from_the_root());
  tlb.flush_all();
  EXPECT_TRUE(walks_from_the_root());
  tlb.flush_page(kBase + mib(64));
  tlb.expect(kBase);
  EXPECT_TRUE(walks_from_the_root());
}

class SmallTlbCpuTest : public TlbCpuTest {
 protected:
  SmallTlbCpuTest()
      : TlbCpuTest({.small = {4, 2}, .second = {8, 8}, .large = {1, 1}, .giant = {8, 8}}) {}
};

TEST_F(SmallTlbCpuTest, SizesAreAsConfigured) {
  map_pages(page_at(0x400), 9);
  for (unsigned i = 0; i < 9; ++i) EXPECT_TRUE(read(page_at(0x400 + i)));
  EXPECT_FALSE(hits(page_at(0x400)));
  for (unsigned i = 2; i < 9; ++i) EXPECT_TRUE(hits(page_at(0x400 + i)));
}

TEST(TlbSpec, CachesOfNoPowerOfTwoSetsAreRefused) {
  EXPECT_TRUE(CpuTlb::validate({}).has_value());
  for (const TlbSize size : {TlbSize{0, 0}, TlbSize{64, 5}, TlbSize{48, 4}, TlbSize{0, 4}})
    EXPECT_EQ(CpuTlb::validate({.large = size}).error(), Errno::kInvalid);
}

}  // namespace
}  // namespace quire
