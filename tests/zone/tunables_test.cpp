// The arithmetic of watermarks, per-CPU sets and counters, by numbers.
#include <gtest/gtest.h>

#include "tests/support/test_machine.hpp"

namespace quire {
namespace {

class OneZone : public testing::Test {
 protected:
  OneZone() {
    // A round size, whatever boot took.
    zone_.managed = 100'000;
    tunables_.min_free_kbytes = 4096;
    setup_watermarks(nodes_, tunables_);
  }
  [[nodiscard]] std::int64_t mark(Watermark which) const {
    return zone_.watermark_pages(which);
  }

  TestMachine machine_{Shape::one_zone({512, 4})};
  Nodes& nodes_ = machine_.machine.nodes();
  Zone& zone_ = machine_.dma32();
  Tunables tunables_;
};
using Watermarks = OneZone;
using PerCpuSetSizes = OneZone;

TEST_F(Watermarks, MinIsTheReserveAndTheOthersAQuarterOfItApart) {
  EXPECT_EQ(mark(Watermark::kMin), 1024);
  EXPECT_EQ(mark(Watermark::kLow), 1280);
  EXPECT_EQ(mark(Watermark::kHigh), 1536);
  EXPECT_EQ(mark(Watermark::kPromo), 1792);
}

TEST_F(Watermarks, TheScaleFactorWidensTheGapWhereItIsMoreThanAQuarter) {
  tunables_.watermark_scale_factor = 100;
  setup_watermarks(nodes_, tunables_);
  EXPECT_EQ(mark(Watermark::kMin), 1024);
  EXPECT_EQ(mark(Watermark::kLow), 2024);
  EXPECT_EQ(mark(Watermark::kHigh), 3024);
}

TEST_F(Watermarks, ABoostRaisesAllOfThemAndGoesWithTheNextComputation) {
  zone_.watermark_boost.set(512);
  EXPECT_EQ(mark(Watermark::kMin), 1536);
  EXPECT_EQ(mark(Watermark::kHigh), 2048);
  setup_watermarks(nodes_, tunables_);
  EXPECT_EQ(mark(Watermark::kMin), 1024);
}

TEST_F(Watermarks, TheReserveFollowsTheSquareRootRuleUnlessMoreWasAskedFor) {
  for (unsigned i = 0; i < kWatermarks; ++i) zone_.watermark[i].set(0);
  Tunables fresh;
  calculate_min_free(nodes_, fresh);
  EXPECT_EQ(fresh.min_free_kbytes, 2529u);  // sqrt(400,000 KiB * 16)
  fresh.user_min_free_kbytes = 5000;
  fresh.min_free_kbytes = 5000;
  calculate_min_free(nodes_, fresh);
  EXPECT_EQ(fresh.min_free_kbytes, 5000u);
}

TEST_F(Watermarks, TheShortestPathsThresholdIsTheLowMarkWithAllThatIsKept) {
  zone_.lowmem_reserve[index_of(ZoneType::kNormal)].set(300);
  zone_.nr_reserved_highatomic.set(512);
  zone_.watermark_boost.set(7);
  zone_.refresh_fast_low();
  EXPECT_EQ(zone_.fast_low[index_of(ZoneType::kNormal)].get(), 1280 + 7 + 512 + 300);
  EXPECT_EQ(zone_.fast_low[index_of(ZoneType::kDma32)].get(), 1280 + 7 + 512);
  zone_.set(ZoneFlag::kBoostedWatermark);
  EXPECT_GT(zone_.fast_low[0].get(), std::int64_t{1} << 62);
  zone_.clear(ZoneFlag::kBoostedWatermark);
  EXPECT_EQ(zone_.fast_low[index_of(ZoneType::kDma32)].get(), 1280 + 7 + 512);
}

TEST(Protection, IsTheManagedPagesAboveDividedByTheRatio) {
  TestMachine machine(Shape::two_nodes(1024));
  machine.zone(0, ZoneType::kNormal).managed = 200'000;
  Tunables tunables;
  setup_lowmem_reserve(machine.machine.nodes(), tunables);
  const Zone& zone = machine.dma32();
  EXPECT_EQ(zone.lowmem_reserve[index_of(ZoneType::kDma32)].get(), 0);
  EXPECT_EQ(zone.lowmem_reserve[index_of(ZoneType::kNormal)].get(), 781);
  EXPECT_EQ(zone.lowmem_reserve[index_of(ZoneType::kMovable)].get(), 781);
  tunables.lowmem_reserve_ratio[index_of(ZoneType::kDma32)] = 0;
  setup_lowmem_reserve(machine.machine.nodes(), tunables);
  EXPECT_EQ(zone.lowmem_reserve[index_of(ZoneType::kNormal)].get(), 0);
}

TEST(PerCpuSetBatch, IsAThousandthOfTheZoneUpTo1MiBInQuartersOneBelowAPowerOfTwo) {
  EXPECT_EQ(pageset_batch(1024), 1);
  EXPECT_EQ(pageset_batch(16'384), 3);
  EXPECT_EQ(pageset_batch(32'768), 7);
  EXPECT_EQ(pageset_batch(131'072), 31);
  EXPECT_EQ(pageset_batch(262'144), 63);
  EXPECT_EQ(pageset_batch(std::uint64_t{1} << 32), 63);
}

TEST_F(PerCpuSetSizes, HighIsTheLowWatermarkSharedByTheNodesCpus) {
  EXPECT_EQ(machine_.set(zone_, 0).batch.load(), 31);
  EXPECT_EQ(machine_.set(zone_, 3).high.load(), 320);
}

TEST_F(PerCpuSetSizes, AFractionOfTheZoneReplacesTheLowWatermark) {
  tunables_.percpu_pagelist_high_fraction = 50;
  setup_pagesets(nodes_, tunables_);
  EXPECT_EQ(machine_.set(zone_, 0).high.load(), 500);
}

TEST_F(PerCpuSetSizes, HighIsFourBatchesAtLeast) {
  tunables_.percpu_pagelist_high_fraction = 10'000;
  setup_pagesets(nodes_, tunables_);
  EXPECT_EQ(machine_.set(zone_, 0).high.load(), 124);
}

// A lower limit holds from the very next page that is freed.
TEST(PerCpuSetLimits, ALoweredHighIsKeptByTheNextFree) {
  TestMachine machine(Shape::one_zone({512, 1}));
  std::vector<Page*> pages;
  for (unsigned i = 0; i < 200; ++i) pages.push_back(machine.alloc(Gfp::kKernel, 0));
  Page* const last = pages.back();
  pages.pop_back();
  for (Page* const page : pages) machine.free(page, 0);
  PerCpuPages& set = machine.set(machine.dma32(), 0);
  const auto count = [&]() QUIRE_NO_THREAD_SAFETY_ANALYSIS { return set.count(); };
  ASSERT_GT(count(), 150);
  Tunables tunables = machine.machine.tunables();
  tunables.percpu_pagelist_high_fraction = 10'000;
  setup_pagesets(machine.machine.nodes(), tunables);
  ASSERT_LT(set.high.load(), 150);
  const int before = count();
  machine.free(last, 0);
  EXPECT_LE(count(), before + 1 - set.batch.load());
}

TEST(CounterThresholds, GrowWithCpusAndMemoryUpTo125) {
  EXPECT_EQ(normal_stat_threshold(10'000, 2), 4);
  EXPECT_EQ(normal_stat_threshold(262'144, 1), 10);
  EXPECT_EQ(normal_stat_threshold(262'144, 4), 30);
  EXPECT_EQ(normal_stat_threshold(std::uint64_t{16} << 20, 64), 125);
}

TEST_F(OneZone, ACpuKeepsChangesToItselfUntilTheyPassTheThreshold) {
  zone_.stat_threshold.set(4);
  std::byte* const area = Arch::current()->percpu;
  for (unsigned i = 0; i < 4; ++i) mod_zone_state(area, zone_, ZoneItem::kNrMlock, 1);
  EXPECT_EQ(zone_state(zone_, ZoneItem::kNrMlock), 0u);
  EXPECT_EQ(zone_state_snapshot(nodes_, zone_, ZoneItem::kNrMlock), 4);
  mod_zone_state(area, zone_, ZoneItem::kNrMlock, 1);
  EXPECT_EQ(zone_state(zone_, ZoneItem::kNrMlock), 5u);
  for (unsigned i = 0; i < 4; ++i) mod_zone_state(area, zone_, ZoneItem::kNrMlock, -1);
  EXPECT_EQ(zone_state(zone_, ZoneItem::kNrMlock), 5u);
  fold_vmstat(nodes_, area);
  EXPECT_EQ(zone_state(zone_, ZoneItem::kNrMlock), 1u);
  EXPECT_EQ(zone_state_snapshot(nodes_, zone_, ZoneItem::kNrMlock), 1);
}

TEST_F(OneZone, ASharedCounterBelowZeroReadsAsZero) {
  zone_.stat_threshold.set(0);
  mod_zone_state(Arch::current()->percpu, zone_, ZoneItem::kNrMlock, -3);
  EXPECT_EQ(zone_state(zone_, ZoneItem::kNrMlock), 0u);
}

}  // namespace
}  // namespace quire
