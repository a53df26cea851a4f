// What slub_debug= on the command line means for each cache.
#include "slab/slub_debug.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/boot/plain_host.hpp"
#include "tests/support/test_machine.hpp"

namespace quire {
namespace {

using testing::ElementsAre;

constexpr SlabFlags kEverything = SlabFlags::kConsistencyChecks | SlabFlags::kRedZone |
                                  SlabFlags::kPoison | SlabFlags::kStoreUser;

SlabFlags flags(std::string_view line, std::string_view cache,
                SlabFlags asked = SlabFlags::kNone) {
  test::PlainHost host;
  return SlubDebugOption(CommandLine(line), host).flags_for(cache, asked);
}

TEST(SlubDebug, NothingIsDebuggedUnlessAskedFor) {
  EXPECT_EQ(flags("quiet", "dentry"), SlabFlags::kNone);
  EXPECT_EQ(flags("quiet", "dentry", SlabFlags::kPoison), SlabFlags::kPoison);
}

TEST(SlubDebug, WithoutLettersEverythingButTracing) {
  EXPECT_EQ(flags("slub_debug", "dentry"), kEverything);
}

TEST(SlubDebug, EachLetterIsAFlagAndCaseDoesNotMatter) {
  EXPECT_EQ(flags("slub_debug=F", "dentry"), SlabFlags::kConsistencyChecks);
  EXPECT_EQ(flags("slub_debug=z", "dentry"), SlabFlags::kRedZone);
  EXPECT_EQ(flags("slub_debug=P", "dentry"), SlabFlags::kPoison);
  EXPECT_EQ(flags("slub_debug=u", "dentry"), SlabFlags::kStoreUser);
  EXPECT_EQ(flags("slub_debug=T", "dentry"), SlabFlags::kTrace);
  EXPECT_EQ(flags("slub_debug=fzPu", "dentry"), kEverything);
  EXPECT_EQ(flags("slub_debug=-", "dentry"), SlabFlags::kNone);
}

TEST(SlubDebug, ListedCachesAlone) {
  constexpr std::string_view line = "slub_debug=P,dentry,kmalloc-*";
  EXPECT_EQ(flags(line, "dentry"), SlabFlags::kPoison);
  EXPECT_EQ(flags(line, "kmalloc-rcl-64"), SlabFlags::kPoison);
  EXPECT_EQ(flags(line, "dentry2"), SlabFlags::kNone);
  EXPECT_EQ(flags(line, "filp"), SlabFlags::kNone);
  EXPECT_EQ(flags("slub_debug=,dentry", "dentry"), kEverything);
}

TEST(SlubDebug, BlocksForSomeAndForTheRest) {
  constexpr std::string_view line = "slub_debug=FU,dentry;-,filp;P";
  EXPECT_EQ(flags(line, "dentry"), SlabFlags::kConsistencyChecks | SlabFlags::kStoreUser);
  EXPECT_EQ(flags(line, "filp"), SlabFlags::kNone);
  EXPECT_EQ(flags(line, "inode_cache"), SlabFlags::kPoison);
}

TEST(SlubDebug, CachesCanKeepOut) {
  EXPECT_EQ(flags("slub_debug", "kfence", SlabFlags::kNoUserFlags), SlabFlags::kNoUserFlags);
  EXPECT_FALSE(any(flags("slub_debug", "kmemleak_object", SlabFlags::kNoLeakTrace) &
                   SlabFlags::kStoreUser));
}

TEST(SlubDebug, UnknownLettersAreToldAndSkipped) {
  test::PlainHost host;
  const SlubDebugOption option(CommandLine("slub_debug=Px"), host);
  EXPECT_EQ(option.global(), SlabFlags::kPoison);
  EXPECT_THAT(host.lines, ElementsAre("slub_debug option 'x' unknown. skipped"));
}

TEST(SlubDebug, TheOrderOfSlabsCanBeKept) {
  test::PlainHost host;
  EXPECT_TRUE(SlubDebugOption(CommandLine("slub_debug=P"), host).may_grow());
  EXPECT_FALSE(SlubDebugOption(CommandLine("slub_debug=OP"), host).may_grow());
}

TEST(SlubDebug, TheCommandLineSizesSlabs) {
  const SlabSizing sizing =
      slab_sizing(CommandLine("slub_min_order=1 slub_max_order=2 slub_min_objects=30"), 4);
  EXPECT_EQ(sizing.cpus, 4u);
  EXPECT_EQ(sizing.min_order, Order{1});
  EXPECT_EQ(sizing.max_order, Order{2});
  EXPECT_EQ(sizing.min_objects, 30u);
  EXPECT_EQ(layout_of({.size = 512}, sizing)->order, Order{2});
}

TEST(SlubDebug, TheBootLogSaysHowSlabsAreSized) {
  Shape shape = Shape::two_nodes(64);
  EXPECT_TRUE(TestMachine(shape).logged(
      "SLUB: HWalign=64, Order=0-3, MinObjects=0, CPUs=2, Nodes=2"));
  shape.options = "slub_max_order=1";
  EXPECT_TRUE(TestMachine(shape).logged("SLUB: HWalign=64, Order=0-1, "));
}

TEST(SlubDebug, CachesAreMergedUnlessForbidden) {
  EXPECT_TRUE(slab_merge(CommandLine("quiet")));
  EXPECT_FALSE(slab_merge(CommandLine("slab_nomerge")));
  EXPECT_FALSE(slab_merge(CommandLine("slub_nomerge")));
}

}  // namespace
}  // namespace quire
