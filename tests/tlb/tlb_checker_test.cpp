// The checker and the audit find each way to go on with a stale translation, and name it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tlb/tlb_world.hpp"

namespace quire {
namespace {

class TlbCheckerTest : public testing::Test {
 protected:
  TlbCheckerTest() {
    world.tables.map(mm.root(), kPage, {.frame = Pfn{10}});
    world.tables.map(mm.root(), kKernelPage, {.frame = Pfn{11}, .global = true});
    world.tlb.switch_mm(mm);
    EXPECT_NE(world.write(kPage), nullptr);
    EXPECT_NE(world.read(kKernelPage), nullptr);
  }
  NaiveTables::Leaf& leaf() { return *world.tables.leaf(mm.root(), kPage); }
  [[nodiscard]] std::string finding() { return world.audited().failure_message(); }

  TlbWorld world{2};
  TlbMm& mm = world.make_mm();
};
using TlbCheckerDeathTest = TlbCheckerTest;

TEST_F(TlbCheckerDeathTest, AnUnmapWithoutAFlush) {
  world.tables.unmap(mm.root(), kPage);
  EXPECT_DEATH(world.read(kPage), "CPU 0, address 0x400000: stale; cached pfn 0xa.*say nothing");
  EXPECT_THAT(finding(), testing::HasSubstr("stale"));
}

TEST_F(TlbCheckerDeathTest, AnotherFrameWithoutAFlush) {
  leaf().frame = Pfn{12};
  EXPECT_DEATH(world.read(kPage), "stale; cached pfn 0xa.*say pfn 0xc");
  EXPECT_THAT(finding(), testing::HasSubstr("stale"));
}

TEST_F(TlbCheckerDeathTest, AWriteToWhatWasMadeReadOnlyWithoutAFlush) {
  leaf().allows.write = false;
  EXPECT_NE(world.read(kPage), nullptr) << "reading is as allowed as before";
  EXPECT_DEATH(world.write(kPage), "stale");
  EXPECT_THAT(finding(), testing::HasSubstr("stale"));
}

TEST_F(TlbCheckerDeathTest, AWriteThatWouldLeaveNoDirtyBit) {
  leaf().dirty = false;
  EXPECT_NE(world.read(kPage), nullptr);
  EXPECT_DEATH(world.write(kPage), "stale");
  EXPECT_THAT(finding(), testing::HasSubstr("stale"));
}

TEST_F(TlbCheckerDeathTest, ARememberedWayThatLeadsElsewhere) {
  world.tables.map(mm.root(), kPage + kPageSize, {.frame = Pfn{20}});
  world.tables.leads_astray = true;
  EXPECT_DEATH(world.read(kPage + kPageSize), "stale; cached pfn 0x15.*say pfn 0x14");
}

TEST_F(TlbCheckerDeathTest, AFlushThatLeavesOutACpu) {
  world.run_on(1);
  world.tlb.switch_mm(mm);
  EXPECT_NE(world.read(kPage), nullptr);
  world.tables.unmap(mm.root(), kPage);
  mm.cpus().clear(CpuId{0});
  world.tlb.flush_page(mm, kPage);
  EXPECT_THAT(finding(), testing::HasSubstr("does not know of it"));
  world.run_on(0);
  EXPECT_DEATH(world.read(kPage), "stale");
}

TEST_F(TlbCheckerDeathTest, AKernelPageRemappedWithoutAFlush) {
  world.tables.leaf(mm.root(), kKernelPage)->frame = Pfn{13};
  EXPECT_DEATH(world.read(kKernelPage), "stale");
  EXPECT_THAT(finding(), testing::HasSubstr("stale"));
}

TEST_F(TlbCheckerDeathTest, AKernelPageUnmappedLazilyMayStayCachedButNotBeUsed) {
  world.tables.unmap(mm.root(), kKernelPage);
  EXPECT_TRUE(world.audited());
  EXPECT_DEATH(world.read(kKernelPage), "stale");
}

TEST_F(TlbCheckerDeathTest, ALazyCpuThatTouchesAProgramsMemory) {
  world.tlb.enter_lazy();
  EXPECT_NE(world.read(kKernelPage), nullptr);
  EXPECT_DEATH(world.read(kPage), "lazy");
}

TEST_F(TlbCheckerDeathTest, ABatchExcusesNothingOnceItIsFlushed) {
  TlbBatch batch = world.make_batch();
  world.tlb.add(batch, mm);
  world.tlb.flush(batch);
  EXPECT_NE(world.read(kPage), nullptr);
  world.tables.unmap(mm.root(), kPage);
  EXPECT_DEATH(world.read(kPage), "stale");
}

TEST_F(TlbCheckerDeathTest, AGatherExcusesWhatItIsStillToFlush) {
  mm.begin_gather();
  world.tables.unmap(mm.root(), kPage);
  EXPECT_NE(world.read(kPage), nullptr);
  EXPECT_TRUE(world.audited());
  mm.end_gather();
  EXPECT_DEATH(world.read(kPage), "stale");
}

TEST_F(TlbCheckerTest, ACpuThatHasMissedAFlushIsFoundByTheAudit) {
  mm.next_generation();
  EXPECT_THAT(finding(), testing::HasSubstr("has missed a flush"));
}

TEST_F(TlbCheckerTest, MoreRightsALostAccessedBitAndASplitLeafHarmNobody) {
  leaf().accessed = false;
  leaf().allows.execute = true;
  EXPECT_NE(world.write(kPage), nullptr);
  const VirtAddr large{0x40000000};
  world.tables.map(mm.root(), large, {.frame = Pfn{0}, .shift = 21});
  EXPECT_NE(world.read(large), nullptr);
  world.tables.unmap(mm.root(), large);
  for (unsigned i = 0; i < 512; ++i)
    world.tables.map(mm.root(), large + kPageSize * i, {.frame = Pfn{i}});
  EXPECT_NE(world.read(large + kPageSize * 100), nullptr);
  EXPECT_TRUE(world.audited());
  world.tables.unmap(mm.root(), large + kPageSize * 200);
  EXPECT_THAT(finding(), testing::HasSubstr("stale")) << "one page of the split leaf is gone";
}

}  // namespace
}  // namespace quire
