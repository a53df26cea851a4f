// Who flushes what: the calls of the flush API, lazy CPUs, numbers of address spaces, batches, and
// the counters that Linux keeps of them.
#include <gtest/gtest.h>

#include "tests/tlb/tlb_world.hpp"

namespace quire {
namespace {

class TlbTest : public testing::Test {
 protected:
  // CPUs 0 and 1 run `mm`, with kPage and the 63 pages behind it read on both; 2 and 3 do not.
  TlbTest() {
    for (unsigned i = 0; i < 64; ++i)
      world.tables.map(mm.root(), kPage + kPageSize * i, {.frame = Pfn{10 + i}});
    for (unsigned i = 0; i < 64; ++i)
      world.tables.map(mm.root(), kKernelPage + kPageSize * i,
                       {.frame = Pfn{100 + i}, .global = true});
    for (const unsigned cpu : {1u, 0u}) {
      world.run_on(cpu);
      world.tlb.switch_mm(mm);
      for (unsigned i = 0; i < 64; ++i) EXPECT_NE(world.read(kPage + kPageSize * i), nullptr);
      EXPECT_NE(world.read(kKernelPage), nullptr);
    }
  }
  [[nodiscard]] std::uint64_t walks_on(unsigned cpu) { return world.cpu(cpu).counts().walks; }
  // Whether reading on that CPU needs a walk.
  bool forgotten(unsigned cpu, VirtAddr at) {
    const std::uint64_t before = walks_on(cpu);
    world.run_on(cpu);
    world.read(at);
    world.run_on(0);
    return walks_on(cpu) != before;
  }
  [[nodiscard]] std::uint64_t count(VmEvent event) const { return world.count(event); }

  TlbWorld world{4};
  Tlb& tlb = world.tlb;
  TlbMm& mm = world.make_mm();
};

TEST_F(TlbTest, FlushingAPageTakesItFromEveryCpuThatUsesTheAddressSpace) {
  world.tables.unmap(mm.root(), kPage);
  tlb.flush_page(mm, kPage);
  EXPECT_TRUE(forgotten(0, kPage));
  EXPECT_TRUE(forgotten(1, kPage));
  EXPECT_FALSE(forgotten(1, kPage + kPageSize)) << "and no other page";
  EXPECT_TRUE(world.audited());
}

TEST_F(TlbTest, OnlyCpusThatHaveTheAddressSpaceLoadedAreInterrupted) {
  tlb.flush_page(mm, kPage);
  EXPECT_EQ(count(VmEvent::kNrTlbRemoteFlush), 1u);
  EXPECT_EQ(world.count_on(1, VmEvent::kNrTlbRemoteFlushReceived), 1u);
  EXPECT_EQ(count(VmEvent::kNrTlbRemoteFlushReceived), 1u);
  EXPECT_EQ(world.count_on(0, VmEvent::kNrTlbLocalFlushOne), 1u);
  EXPECT_EQ(count(VmEvent::kNrTlbLocalFlushAll), 0u);
}

TEST_F(TlbTest, AProcessOfOneThreadIsFlushedWithoutAnyInterrupt) {
  world.run_on(1);
  tlb.switch_mm(tlb.kernel());
  world.run_on(0);
  tlb.flush_mm(mm);
  EXPECT_EQ(count(VmEvent::kNrTlbRemoteFlush), 0u);
  EXPECT_EQ(world.count_on(0, VmEvent::kNrTlbLocalFlushAll), 1u);
  EXPECT_TRUE(forgotten(0, kPage));
}

TEST_F(TlbTest, APageOfAProcessOfOneThreadIsFlushedAlone) {
  world.run_on(1);
  tlb.switch_mm(tlb.kernel());
  world.run_on(0);
  tlb.flush_page(mm, kPage);
  EXPECT_EQ(tlb.loaded(CpuId{0}).generation, mm.generation());
  EXPECT_EQ(count(VmEvent::kNrTlbRemoteFlush), 0u);
  EXPECT_EQ(world.count_on(0, VmEvent::kNrTlbLocalFlushOne), 1u);
  EXPECT_TRUE(forgotten(0, kPage));
  EXPECT_FALSE(forgotten(0, kPage + kPageSize));
}

TEST_F(TlbTest, APageIsFlushedWithAllThatACpuHasMissed) {
  world.run_on(1);
  tlb.switch_mm(tlb.kernel());
  world.run_on(0);
  mm.next_generation();  // somebody else's flush is on its way
  tlb.flush_page(mm, kPage);
  EXPECT_EQ(tlb.loaded(CpuId{0}).generation, mm.generation());
  EXPECT_EQ(world.count_on(0, VmEvent::kNrTlbLocalFlushAll), 1u);
  EXPECT_TRUE(forgotten(0, kPage + kPageSize));
}

TEST_F(TlbTest, WithACeilingOfZeroEvenAPageIsFlushedByFlushingAll) {
  world.run_on(1);
  tlb.switch_mm(tlb.kernel());
  world.run_on(0);
  tlb.set_ceiling(0);
  tlb.flush_page(mm, kPage);
  EXPECT_EQ(world.count_on(0, VmEvent::kNrTlbLocalFlushAll), 1u);
  EXPECT_TRUE(forgotten(0, kPage + kPageSize));
}

TEST_F(TlbTest, ThirtyThreePagesAreFlushedOneByOneAndMoreAtOnce) {
  tlb.flush_range(mm, {.range = {kPage, kPage + kPageSize * 33}});
  EXPECT_EQ(count(VmEvent::kNrTlbLocalFlushOne), 33u);
  EXPECT_EQ(count(VmEvent::kNrTlbLocalFlushAll), 0u);
  EXPECT_TRUE(forgotten(0, kPage + kPageSize * 32));
  EXPECT_FALSE(forgotten(0, kPage + kPageSize * 33));
  tlb.flush_range(mm, {.range = {kPage, kPage + kPageSize * 34}});
  EXPECT_EQ(count(VmEvent::kNrTlbLocalFlushAll), 1u);
  EXPECT_TRUE(forgotten(0, kPage + kPageSize * 40));
}

TEST_F(TlbTest, ARangeOfLargePagesIsFlushedInTheirSteps) {
  const VirtAddr large{0x40000000};
  world.tables.map(mm.root(), large, {.frame = Pfn{0}, .shift = 21});
  EXPECT_NE(world.read(large), nullptr);
  tlb.flush_range(mm, {.range = {large, large + mib(64)}, .stride_shift = 21});
  EXPECT_EQ(count(VmEvent::kNrTlbLocalFlushOne), 32u);
  EXPECT_TRUE(forgotten(0, large));
}

TEST_F(TlbTest, FlushingAnAddressSpaceSparesGlobalAndOthersTranslations) {
  TlbMm& other = world.make_mm();
  world.tables.map(other.root(), kPage, {.frame = Pfn{5}});
  tlb.switch_mm(other);
  EXPECT_NE(world.read(kPage), nullptr);
  tlb.flush_mm(mm);
  EXPECT_FALSE(forgotten(0, kPage));
  EXPECT_FALSE(forgotten(1, kKernelPage));
  EXPECT_TRUE(forgotten(1, kPage));
}

TEST_F(TlbTest, FlushingKernelPagesReachesAllCpusByPagesOrAsAWhole) {
  for (const unsigned cpu : {0u, 1u}) EXPECT_FALSE(forgotten(cpu, kKernelPage));
  tlb.flush_kernel_range({kKernelPage, kKernelPage + kPageSize * 2});
  EXPECT_EQ(count(VmEvent::kNrTlbLocalFlushOne), 8u) << "two pages on four CPUs";
  EXPECT_EQ(count(VmEvent::kNrTlbRemoteFlush), 0u);
  for (const unsigned cpu : {0u, 1u}) EXPECT_TRUE(forgotten(cpu, kKernelPage));
  EXPECT_FALSE(forgotten(1, kPage));
  tlb.flush_kernel_range({kKernelPage, kKernelPage + kPageSize * 34});
  EXPECT_EQ(count(VmEvent::kNrTlbRemoteFlush), 1u);
  EXPECT_EQ(count(VmEvent::kNrTlbRemoteFlushReceived), 4u);
  EXPECT_TRUE(forgotten(1, kPage)) << "a whole flush takes everything";
}

TEST_F(TlbTest, FlushAllTakesEverythingFromEveryCpu) {
  tlb.flush_all();
  EXPECT_EQ(count(VmEvent::kNrTlbRemoteFlush), 1u);
  EXPECT_EQ(count(VmEvent::kNrTlbRemoteFlushReceived), 4u);
  for (const unsigned cpu : {0u, 1u}) {
    EXPECT_TRUE(forgotten(cpu, kPage));
    EXPECT_TRUE(forgotten(cpu, kKernelPage));
  }
}

// Numbers of address spaces -----------------------------------------------------------------------

TEST_F(TlbTest, ACpuComesBackToAnAddressSpaceWithItsTranslations) {
  tlb.switch_mm(world.make_mm());
  tlb.switch_mm(mm);
  EXPECT_FALSE(forgotten(0, kPage));
}

TEST_F(TlbTest, WhatWasFlushedWhileACpuWasElsewhereIsGoneWhenItComesBack) {
  tlb.switch_mm(world.make_mm());
  world.tables.unmap(mm.root(), kPage);
  world.run_on(1);
  tlb.flush_page(mm, kPage);
  EXPECT_EQ(count(VmEvent::kNrTlbRemoteFlushReceived), 0u) << "CPU 0 is left alone";
  world.run_on(0);
  tlb.switch_mm(mm);
  EXPECT_EQ(world.read(kPage), nullptr);
}

TEST_F(TlbTest, SixAddressSpacesAreKeptAndTheSeventhTakesTheOldestsPlace) {
  // The kernel's and mm are there; four more fit.
  for (unsigned i = 0; i < 4; ++i) tlb.switch_mm(world.make_mm());
  tlb.switch_mm(mm);
  EXPECT_FALSE(forgotten(0, kPage));
  tlb.switch_mm(world.make_mm());  // in the place of the kernel's
  tlb.switch_mm(world.make_mm());  // in that of mm
  tlb.switch_mm(mm);
  EXPECT_TRUE(forgotten(0, kPage));
}

TEST(TlbWithoutAsids, EachSwitchFlushesAllButGlobalTranslations) {
  TlbWorld world(1, {.asids = false});
  TlbMm& mm = world.make_mm();
  world.tables.map(mm.root(), kPage, {.frame = Pfn{5}});
  world.tables.map(mm.root(), kKernelPage, {.frame = Pfn{6}, .global = true});
  world.tlb.switch_mm(mm);
  EXPECT_NE(world.read(kPage), nullptr);
  EXPECT_NE(world.read(kKernelPage), nullptr);
  world.tlb.switch_mm(world.tlb.kernel());
  world.tlb.switch_mm(mm);
  EXPECT_NE(world.read(kPage), nullptr);
  EXPECT_NE(world.read(kKernelPage), nullptr);
  EXPECT_EQ(world.cpu(0).counts().walks, 3u);
}

// Lazy CPUs ---------------------------------------------------------------------------------------

TEST_F(TlbTest, ALazyCpuIsSparedAFlushAndCatchesUpWhenItsProcessRunsAgain) {
  world.run_on(1);
  tlb.enter_lazy();
  world.run_on(0);
  world.tables.unmap(mm.root(), kPage);
  tlb.flush_page(mm, kPage);
  EXPECT_EQ(count(VmEvent::kNrTlbRemoteFlushReceived), 0u);
  EXPECT_TRUE(world.audited());
  world.run_on(1);
  tlb.switch_mm(mm);
  EXPECT_EQ(world.read(kPage), nullptr);
  EXPECT_TRUE(world.audited());
}

TEST_F(TlbTest, ALazyCpuWithNothingToCatchUpOnFlushesNothing) {
  world.run_on(1);
  tlb.enter_lazy();
  tlb.switch_mm(mm);
  EXPECT_FALSE(forgotten(1, kPage));
}

TEST_F(TlbTest, ALazyCpuLetsGoOfTablesThatAreFreed) {
  world.run_on(1);
  tlb.enter_lazy();
  world.run_on(0);
  tlb.flush_range(mm, {.range = {kPage, kPage + kPageSize}, .freed_tables = true});
  EXPECT_EQ(world.count_on(1, VmEvent::kNrTlbRemoteFlushReceived), 1u);
  EXPECT_FALSE(mm.cpus().has(CpuId{1}));
  EXPECT_EQ(world.cpu(1).root(), tlb.kernel().root());
}

TEST_F(TlbTest, AnAddressSpaceThatNobodyUsesIsTakenFromAllCpus) {
  for (const unsigned cpu : {0u, 1u}) {
    world.run_on(cpu);
    tlb.enter_lazy();
  }
  tlb.leave(mm);
  EXPECT_FALSE(mm.cpus().any());
  for (const unsigned cpu : {0u, 1u}) EXPECT_EQ(world.cpu(cpu).root(), tlb.kernel().root());
}

// Batches -----------------------------------------------------------------------------------------

TEST_F(TlbTest, ABatchFlushesOnceForAllThatWasPutOff) {
  TlbBatch batch = world.make_batch();
  for (unsigned i = 0; i < 32; ++i) {
    world.tables.unmap(mm.root(), kPage + kPageSize * i);
    tlb.add(batch, mm);
  }
  EXPECT_TRUE(batch.pending());
  EXPECT_EQ(count(VmEvent::kNrTlbRemoteFlush), 0u);
  EXPECT_NE(world.read(kPage), nullptr) << "stale, and excused until the flush";
  EXPECT_EQ(world.checker.excused(), 1u);
  EXPECT_TRUE(world.audited());
  tlb.flush(batch);
  EXPECT_FALSE(batch.pending());
  EXPECT_EQ(count(VmEvent::kNrTlbRemoteFlush), 1u);
  EXPECT_EQ(count(VmEvent::kNrTlbLocalFlushAll), 1u);
  for (const unsigned cpu : {0u, 1u}) {
    world.run_on(cpu);
    EXPECT_EQ(world.read(kPage), nullptr);
  }
  EXPECT_TRUE(world.audited());
}

TEST_F(TlbTest, AFlushOfAPageAfterABatchTakesWhatTheBatchPutOffToo) {
  TlbBatch batch = world.make_batch();
  world.tables.unmap(mm.root(), kPage);
  tlb.add(batch, mm);
  tlb.flush_page(mm, kPage + kPageSize);
  EXPECT_EQ(world.read(kPage), nullptr) << "the CPU was two generations behind";
  tlb.flush(batch);
}

TEST_F(TlbTest, WhatBatchesHavePutOffOfAnAddressSpaceCanBeDoneAtOnceAndOnce) {
  TlbBatch batch = world.make_batch();
  tlb.flush_batched(mm);
  EXPECT_EQ(count(VmEvent::kNrTlbRemoteFlush), 0u);
  world.tables.unmap(mm.root(), kPage);
  tlb.add(batch, mm);
  tlb.flush_batched(mm);
  EXPECT_EQ(world.read(kPage), nullptr);
  tlb.flush_batched(mm);
  EXPECT_EQ(count(VmEvent::kNrTlbRemoteFlush), 1u);
  tlb.flush(batch);
}

TEST_F(TlbTest, AnEmptyBatchFlushesNothing) {
  TlbBatch batch = world.make_batch();
  tlb.flush(batch);
  EXPECT_EQ(count(VmEvent::kNrTlbRemoteFlush), 0u);
}

TEST(TlbWithoutHardware, EveryCallIsNothing) {
  Tlb tlb;
  TlbMm mm(Pfn{1}, tlb.new_id(), {});
  TlbBatch batch({});
  tlb.switch_mm(mm);
  tlb.enter_lazy();
  tlb.flush_all();
  tlb.flush_mm(mm);
  tlb.flush_page(mm, kPage);
  tlb.flush_kernel_range({kKernelPage, kKernelPage + kPageSize});
  tlb.add(batch, mm);
  tlb.flush(batch);
  tlb.flush_batched(mm);
  tlb.flush_kernel_page_here(kKernelPage);
  tlb.leave(mm);
  EXPECT_FALSE(tlb.active());
  EXPECT_EQ(mm.generation(), 1u);
}

}  // namespace
}  // namespace quire
