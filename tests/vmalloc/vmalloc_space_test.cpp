#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/vmalloc/space_on_machine.hpp"

namespace quire {
namespace {

constexpr std::uint64_t kPage = kPageSize.raw();

TEST(Vmalloc, MemoryIsOneRangeOfAddressesOverPagesOfItsOwn) {
  SpaceOnMachine on;
  const VirtAddr at = on.space.vmalloc(Bytes{5 * kPage});
  EXPECT_EQ(at, on.space.layout().vmalloc.start);
  EXPECT_TRUE(on.space.is_vmalloc_address(at));
  const std::vector<Page*> pages = on.pages_of(at, 5);
  EXPECT_EQ(std::set<Page*>(pages.begin(), pages.end()).size(), 5u);
  EXPECT_FALSE(std::set<Page*>(pages.begin(), pages.end()).contains(nullptr));
  EXPECT_TRUE(on.balanced());
}

TEST(Vmalloc, WhatIsWrittenAcrossPagesIsReadBack) {
  Shape shape = Shape::one_zone({64, 1});
  shape.profile.frame_content = true;
  SpaceOnMachine on(shape);
  const VirtAddr at = on.space.vmalloc(Bytes{3 * kPage});
  std::string text;
  for (unsigned i = 0; text.size() < 2 * kPage; ++i) text += std::to_string(i) + " ";
  on.write(at + Bytes{100}, text);
  EXPECT_EQ(on.read(at + Bytes{100}, text.size()), text);
}

TEST(Vmalloc, AGuardPageThatIsNeverMappedFollowsEachArea) {
  SpaceOnMachine on;
  const VirtAddr first = on.space.vmalloc(Bytes{2 * kPage});
  const VirtAddr second = on.space.vmalloc(Bytes{kPage});
  EXPECT_EQ(on.space.to_page(first + Bytes{2 * kPage}), nullptr);
  EXPECT_EQ(second, first + Bytes{3 * kPage});
}

TEST(Vmalloc, FreeingGivesBackEveryPageAtOnce) {
  SpaceOnMachine on;
  on.space.vfree(on.space.vmalloc(Bytes{600 * kPage}));  // tables and records there are by now
  const std::uint64_t before = on.free_now();
  const VirtAddr at = on.space.vmalloc(Bytes{600 * kPage});
  EXPECT_LE(on.free_now(), before - 600);
  on.space.vfree(at);
  EXPECT_EQ(on.space.to_page(at), nullptr);
  EXPECT_EQ(on.free_now(), before);
  EXPECT_EQ(on.space.used(), PageCount{0});
  EXPECT_TRUE(on.balanced());
}

TEST(Vmalloc, NothingAndTooMuchAreRefused) {
  SpaceOnMachine on;
  EXPECT_EQ(on.space.vmalloc(Bytes{}), VirtAddr{});
  EXPECT_EQ(on.space.vmalloc(Bytes{std::uint64_t{1} << 50}), VirtAddr{});
  EXPECT_TRUE(on.machine.logged("vmalloc error: size 1125899906842624, exceeds total pages, "
                                "mode:0xcc0(GFP_KERNEL), nodemask=(null)"));
  EXPECT_EQ(on.space.vmalloc(Bytes{~std::uint64_t{0}}), VirtAddr{});
  EXPECT_TRUE(on.machine.logged("vmalloc error: size 18446744073709551615, exceeds total pages, "
                                "mode:0xcc0(GFP_KERNEL), nodemask=(null)"));
}

TEST(Vmalloc, WithoutEnoughPagesNothingIsTaken) {
  SpaceOnMachine on;
  on.space.vfree(on.space.vmalloc(mib(8)));
  const std::uint64_t before = on.free_now();
  EXPECT_EQ(on.space.vmalloc(mib(60)), VirtAddr{});
  on.space.purge();
  EXPECT_EQ(on.space.used(), PageCount{0});
  // What may have been taken for good are page tables: two for 60 MiB and one for its array.
  EXPECT_GE(on.free_now() + 40, before);
  EXPECT_TRUE(on.balanced());
}

TEST(Vmalloc, ClearedMemoryIsClear) {
  Shape shape = Shape::one_zone({64, 1});
  shape.profile.frame_content = true;
  shape.profile.init_on_alloc = false;
  SpaceOnMachine on(shape);
  const VirtAddr dirty = on.space.vmalloc(Bytes{3 * kPage});
  on.write(dirty, std::string(3 * kPage, 'x'));
  on.space.vfree(dirty);
  const VirtAddr clear = on.space.vzalloc(Bytes{3 * kPage});
  EXPECT_EQ(on.read(clear, 3 * kPage), std::string(3 * kPage, '\0'));
}

TEST(Vmalloc, AnAreaMayBeAskedForInARangeAndAligned) {
  SpaceOnMachine on;
  const VirtRange modules = on.space.layout().modules;
  EXPECT_EQ(on.space.allocate({.size = Bytes{kPage}, .within = modules}), modules.start);
  (void)on.space.vmalloc(Bytes{kPage});
  const VirtAddr aligned = on.space.allocate({.size = Bytes{kPage}, .align = kib(16)});
  EXPECT_TRUE(aligned.is_aligned(kib(16)));
  const VirtRange one_page{modules.start + mib(1), modules.start + mib(1) + kPageSize};
  EXPECT_EQ(on.space.allocate({.size = Bytes{kPage}, .within = one_page}), VirtAddr{});
  EXPECT_TRUE(on.machine.logged("vmap allocation for size 8192 failed: use vmalloc=<size> to "
                                "increase size"));
}

TEST(Vmalloc, PagesOfANodeAreThere) {
  SpaceOnMachine on(Shape::two_nodes(64));
  const VirtAddr at = on.space.allocate({.size = Bytes{4 * kPage}, .node = node_id(1)});
  for (const Page* page : on.pages_of(at, 4))
    EXPECT_EQ(on.machine.machine.nodes().zone_of(page->word).node, node_id(1));
}

TEST(VmallocHuge, TwoMegabytesAreOneLeafOverOneBlock) {
  SpaceOnMachine on;
  const VirtAddr at = on.space.vmalloc_huge(mib(4), Gfp::kKernel);
  EXPECT_TRUE(at.is_aligned(mib(2)));
  const std::vector<Page*> pages = on.pages_of(at, 1024);
  for (unsigned i = 1; i < 512; ++i) EXPECT_EQ(pages[i], pages[0] + i);
  const auto leaf = on.tables.walk(at);
  ASSERT_TRUE(leaf.has_value());
  EXPECT_EQ(leaf->size, PageLevel::kPmd);
  on.space.vfree(at);
  EXPECT_TRUE(on.balanced());
}

TEST(VmallocHuge, SmallOnesAndSharesOfNodesBelowTwoMegabytesAreOfSmallPages) {
  SpaceOnMachine on(Shape::two_nodes(64));
  const VirtAddr at = on.space.vmalloc_huge(mib(3), Gfp::kKernel);
  const auto leaf = on.tables.walk(at);
  ASSERT_TRUE(leaf.has_value());
  EXPECT_EQ(leaf->size, PageLevel::kPte);
}

TEST(VmallocHuge, WithoutBlocksOfThatSizeSmallPagesServe) {
  SpaceOnMachine on(Shape::one_zone({64, 1}));
  std::vector<Page*> blocks;
  while (Page* const block = on.machine.alloc(Gfp::kMemalloc | Gfp::kNoWarn, 9))
    blocks.push_back(block);
  for (Page* block : blocks) on.machine.pages().split(*block, Order{9});
  for (Page* block : blocks)  // every second page
    for (unsigned i = 0; i < 512; i += 2) on.machine.free(block + i, 0);
  const VirtAddr at = on.space.vmalloc_huge(mib(2), Gfp::kKernel | Gfp::kNoWarn);
  ASSERT_NE(at, VirtAddr{});
  EXPECT_EQ(on.tables.walk(at)->size, PageLevel::kPte);
  EXPECT_TRUE(on.balanced());
}

TEST(VmallocHuge, TablesOfSmallPagesThatWereThereBeforeMakeWay) {
  SpaceOnMachine on;
  on.space.vfree(on.space.vmalloc(mib(6)));
  on.space.purge();
  const VirtAddr at = on.space.vmalloc_huge(mib(2), Gfp::kKernel);
  EXPECT_EQ(at, on.space.layout().vmalloc.start);
  EXPECT_EQ(on.tables.walk(at)->size, PageLevel::kPmd);
  on.space.vfree(at);
  on.space.purge();
  EXPECT_EQ(on.space.vmalloc(mib(3)), at);
  EXPECT_TRUE(on.balanced());
}

TEST(Vmap, ShowsTheCallersPagesAndLeavesThemToHim) {
  Shape shape = Shape::one_zone({64, 1});
  shape.profile.frame_content = true;
  SpaceOnMachine on(shape);
  std::vector<Page*> pages;
  for (int i = 0; i < 3; ++i) pages.insert(pages.begin(), on.machine.alloc(Gfp::kKernel, 0));
  const VirtAddr at = on.space.vmap(pages, Prot::kKernel);
  EXPECT_EQ(on.pages_of(at, 3), pages);
  on.write(at + Bytes{kPage - 2}, "over");
  const auto* content = reinterpret_cast<char*>(on.machine.machine.map().content_of(*pages[1]));
  EXPECT_EQ(std::string(content, 2), "er");
  on.space.vunmap(at);
  EXPECT_EQ(on.space.to_page(at), nullptr);
  for (Page* page : pages) {
    EXPECT_EQ(page->refcount, 1);
    on.machine.free(page, 0);
  }
  EXPECT_TRUE(on.balanced());
}

TEST(Vmap, NoPagesAreNoArea) {
  SpaceOnMachine on;
  EXPECT_EQ(on.space.vmap({}, Prot::kKernel), VirtAddr{});
}

TEST(Vfree, NothingHappensToTheNullAddress) {
  SpaceOnMachine on;
  on.space.vfree(VirtAddr{});
  EXPECT_FALSE(on.machine.logged("Trying to vfree()"));
}

TEST(Vfree, AnyPageOfAnAreaNamesIt) {
  SpaceOnMachine on;
  const VirtAddr at = on.space.vmalloc(Bytes{2 * kPage});
  on.space.vfree(at + kPageSize);
  EXPECT_EQ(on.space.used(), PageCount{0});
  EXPECT_FALSE(on.machine.logged("Trying to vfree()"));
}

TEST(Vfree, WhatWasNeverGivenOrIsFreeAlreadyIsToldAndLeftAlone) {
  SpaceOnMachine on;
  const VirtAddr at = on.space.vmalloc(Bytes{2 * kPage});
  const VirtAddr kept = on.space.vmalloc(Bytes{2 * kPage});
  on.space.vfree(at + Bytes{1});
  EXPECT_EQ(on.machine.count_logged("Trying to vfree() bad address (ffffc90000000001)"), 1u);
  EXPECT_EQ(on.space.used(), PageCount{4});
  on.space.vfree(at);
  on.space.vfree(at);
  EXPECT_EQ(
      on.machine.count_logged("Trying to vfree() nonexistent vm area (ffffc90000000000)"), 1u);
  on.space.vunmap(on.space.layout().modules.start);
  EXPECT_EQ(on.machine.count_logged("nonexistent vm area"), 2u);
  EXPECT_NE(on.space.to_page(kept), nullptr);
  EXPECT_TRUE(on.balanced());
}

TEST(VfreeDeathTest, PanicOnWarnStopsTheMachine) {
  Shape shape = Shape::one_zone({64, 1});
  shape.profile.panic_on_warn = true;
  SpaceOnMachine on(shape);
  EXPECT_DEATH(on.space.vfree(on.space.layout().vmalloc.start), "panic_on_warn");
}

TEST(LazyPurge, AddressesComeAgainOnlyAfterAPurge) {
  SpaceOnMachine on;
  const VirtAddr first = on.space.vmalloc(Bytes{kPage});
  on.space.vfree(first);
  const VirtAddr second = on.space.vmalloc(Bytes{kPage});
  EXPECT_EQ(second, first + Bytes{2 * kPage});
  on.space.purge();
  EXPECT_EQ(on.space.vmalloc(Bytes{kPage}), first);
}

TEST(LazyPurge, TheLimitIs32MebibytesForEachBinaryDigitOfTheCpusCount) {
  EXPECT_EQ(SpaceOnMachine(Shape::one_zone({64, 1})).space.lazy_limit(), PageCount{8192});
  EXPECT_EQ(SpaceOnMachine(Shape::one_zone({64, 3})).space.lazy_limit(), PageCount{16384});
  EXPECT_EQ(SpaceOnMachine(Shape::one_zone({64, 4})).space.lazy_limit(), PageCount{24576});
}

TEST(LazyPurge, OverTheLimitEverythingIsPurgedAtOnce) {
  SpaceOnMachine on(Shape::one_zone({64, 1}));
  VirtAddr last{};
  for (std::uint64_t freed = 0; freed + 257 <= 8192; freed += 257) {
    last = on.space.vmalloc(Bytes{256 * kPage});
    on.space.vfree(last);
  }
  EXPECT_GT(last, on.space.layout().vmalloc.start);
  on.space.vfree(on.space.vmalloc(Bytes{256 * kPage}));
  EXPECT_EQ(on.space.vmalloc(Bytes{kPage}), on.space.layout().vmalloc.start);
}

TEST(LazyPurge, OneFlushServesAllThatWasFreed) {
  SpaceOnMachine on;
  std::vector<VirtAddr> held;
  for (int i = 0; i < 20; ++i) held.push_back(on.space.vmalloc(Bytes{kPage}));
  for (std::size_t i = 0; i < held.size(); i += 2) on.space.vfree(held[i]);
  EXPECT_EQ(on.flushes.count, 0u);
  on.space.purge();
  EXPECT_EQ(on.flushes.count, 1u);
  on.space.purge();
  EXPECT_EQ(on.flushes.count, 1u);
}

TEST(LazyPurge, WithoutAPlaceWhatIsLazilyFreedIsPurgedFirst) {
  SpaceOnMachine on;
  const VirtRange two_pages{on.space.layout().modules.start,
                            on.space.layout().modules.start + Bytes{2 * kPage}};
  const VirtAddr at = on.space.allocate({.size = Bytes{kPage}, .within = two_pages});
  on.space.vfree(at);
  EXPECT_EQ(on.space.allocate({.size = Bytes{kPage}, .within = two_pages}), at);
  EXPECT_FALSE(on.machine.logged("vmap allocation"));
}

TEST(VmallocAccess, HolesReadAsZerosAndSwallowWrites) {
  Shape shape = Shape::one_zone({64, 1});
  shape.profile.frame_content = true;
  SpaceOnMachine on(shape);
  const VirtAddr at = on.space.vmalloc(Bytes{kPage});
  const VirtAddr second = on.space.vmalloc(Bytes{kPage});
  on.write(at, std::string(4 * kPage, 'a'));  // both, and their guards
  EXPECT_EQ(on.read(at, 4 * kPage), std::string(kPage, 'a') + std::string(kPage, '\0') +
                                        std::string(kPage, 'a') + std::string(kPage, '\0'));
  on.space.vfree(at);
  EXPECT_EQ(on.read(second - Bytes{1}, 2), std::string("\0a", 2));
}

TEST(VmallocAccess, OutsideOfEveryAreaNothingIsCopied) {
  SpaceOnMachine on;
  std::array<std::byte, 16> bytes{};
  EXPECT_EQ(on.space.read(on.space.layout().vmalloc.start, bytes), Bytes{});
  EXPECT_EQ(on.space.write(on.space.layout().vmalloc.start, bytes), Bytes{});
  EXPECT_EQ(on.space.to_page(on.space.layout().vmalloc.start), nullptr);
}

// What the space's own check is for: an area of two pages, whose tables somebody else changes.
class DamagedSpace : public testing::Test {
 protected:
  DamagedSpace() : at(on.space.vmalloc(Bytes{2 * kPage})) {}
  void map_at(VirtAddr where) {
    const VirtRange page{where, where + kPageSize};
    EXPECT_TRUE(on.tables.map(page, {Pfn{5000}, Prot::kKernel}).has_value());
  }
  SpaceOnMachine on;
  VirtAddr at;
};

TEST_F(DamagedSpace, AWholeOneHasNoFault) { EXPECT_STREQ(on.space.fault(), nullptr); }

TEST_F(DamagedSpace, APageThatIsNotMappedIsTold) {
  EXPECT_TRUE(on.tables.unmap({at, at + kPageSize}).has_value());
  EXPECT_STREQ(on.space.fault(), "an area's page is not the one that its address leads to");
}

TEST_F(DamagedSpace, AMappedGuardIsTold) {
  map_at(at + Bytes{2 * kPage});
  EXPECT_STREQ(on.space.fault(), "a guard page is mapped");
}

TEST_F(DamagedSpace, WhatIsMappedWhereAnAreaWasFreedIsTold) {
  on.space.vfree(at);
  map_at(at + kPageSize);
  EXPECT_STREQ(on.space.fault(), "something is mapped where an area was freed");
}

TEST(Vmallocinfo, HasARowForEachAreaAndThenForWhatIsLazilyFreed) {
  SpaceOnMachine on(Shape::two_nodes(64));
  const VirtAddr first = on.space.vmalloc(Bytes{4 * kPage}, "first+0x1/0x2");
  (void)on.space.allocate({.size = Bytes{kPage}, .node = node_id(1), .caller = "second"});
  (void)on.space.vmalloc_user(Bytes{1}, "third");
  (void)on.space.vmalloc(Bytes{513 * kPage}, "fourth");
  on.space.vfree(first);
  EXPECT_EQ(on.file("proc/vmallocinfo"),
            "0xffffc90000005000-0xffffc90000007000    8192 second pages=1 vmalloc N1=1\n"
            "0xffffc90000007000-0xffffc90000009000    8192 third pages=1 vmalloc user N0=1\n"
            "0xffffc90000009000-0xffffc9000020b000 2105344 fourth pages=513 vmalloc vpages "
            "N0=513\n"
            "0xffffc9000020b000-0xffffc9000020e000   12288 fourth pages=2 vmalloc N0=2\n"
            "0xffffc90000000000-0xffffc90000005000   20480 unpurged vm_area\n");
}

TEST(Vmallocinfo, CallersAreNamedWhereTheyDoNotNameThemselves) {
  SpaceOnMachine on;
  (void)on.space.vmalloc(Bytes{kPage});
  EXPECT_THAT(on.file("proc/vmallocinfo"), testing::HasSubstr(" TestBody pages=1 vmalloc"));
}

TEST(Vmallocinfo, MeminfoCountsPagesOfVmallocButNotOfVmap) {
  SpaceOnMachine on;
  Page* page = on.machine.alloc(Gfp::kKernel, 0);
  (void)on.space.vmap(std::span(&page, 1), Prot::kKernel);
  (void)on.space.vmalloc(Bytes{7 * kPage});
  EXPECT_THAT(on.file("proc/meminfo"), testing::HasSubstr("VmallocUsed:          28 kB\n"));
}

class EveryProfile : public testing::TestWithParam<ArchProfile> {};

TEST_P(EveryProfile, HasVmallocWhereItsLayoutSaysSo) {
  Shape shape = Shape::one_zone({64, 1});
  shape.arch = GetParam();
  SpaceOnMachine on(shape);
  const VirtAddr at = on.space.vmalloc(Bytes{600 * kPage});
  EXPECT_EQ(at, on.space.layout().vmalloc.start);
  EXPECT_NE(on.space.to_page(at + Bytes{599 * kPage}), nullptr);
  EXPECT_EQ(on.space.to_page(at + Bytes{600 * kPage}), nullptr);
  on.space.vfree(at);
  EXPECT_TRUE(on.balanced());
}

INSTANTIATE_TEST_SUITE_P(Profiles, EveryProfile,
                         testing::Values(ArchProfile::kX86_64, ArchProfile::kX86_64La57,
                                         ArchProfile::kX86_32));

}  // namespace
}  // namespace quire
