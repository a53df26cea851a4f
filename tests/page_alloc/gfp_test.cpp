#include <gtest/gtest.h>

#include <array>
#include <string>

#include "page_alloc/page_alloc.hpp"
#include "tests/support/audited.hpp"

namespace quire {
namespace {

std::string printed(Gfp gfp) {
  StringSink sink;
  {
    Text text(sink);
    print(text, gfp);
  }
  return sink.text;
}

// The kernel's zone table, a row a combination of __GFP_DMA, HIGHMEM, DMA32 and MOVABLE; what
// makes no sense gets DMA.
constexpr std::array<ZoneType, 16> kWide = {
    ZoneType::kNormal, ZoneType::kDma,  ZoneType::kNormal,  ZoneType::kDma,
    ZoneType::kDma32,  ZoneType::kDma,  ZoneType::kDma,     ZoneType::kDma,
    ZoneType::kNormal, ZoneType::kDma,  ZoneType::kMovable, ZoneType::kDma,
    ZoneType::kDma32,  ZoneType::kDma,  ZoneType::kDma,     ZoneType::kDma};
constexpr std::array<ZoneType, 16> kNarrow = {
    ZoneType::kNormal, ZoneType::kDma,  ZoneType::kHighMem, ZoneType::kDma,
    ZoneType::kNormal, ZoneType::kDma,  ZoneType::kDma,     ZoneType::kDma,
    ZoneType::kNormal, ZoneType::kDma,  ZoneType::kMovable, ZoneType::kDma,
    ZoneType::kNormal, ZoneType::kDma,  ZoneType::kDma,     ZoneType::kDma};

TEST(Gfp, EachCombinationOfZoneModifiersHasItsHighestZone) {
  for (unsigned bits = 0; bits < 16; ++bits) {
    const auto gfp = static_cast<Gfp>(bits);
    EXPECT_EQ(highest_zone(gfp, ArchProfile::kX86_64), kWide[bits]) << bits;
    EXPECT_EQ(highest_zone(gfp, ArchProfile::kX86_64La57), kWide[bits]) << bits;
    EXPECT_EQ(highest_zone(gfp, ArchProfile::kX86_32), kNarrow[bits]) << bits;
    EXPECT_EQ(highest_zone(gfp | Gfp::kKernel, ArchProfile::kX86_64), kWide[bits]) << bits;
  }
}

TEST(Gfp, MobilityFollowsFromTheTwoMobilityFlags) {
  EXPECT_EQ(migrate_type(Gfp::kKernel), MigrateType::kUnmovable);
  EXPECT_EQ(migrate_type(Gfp::kHighUserMovable), MigrateType::kMovable);
  EXPECT_EQ(migrate_type(Gfp::kKernel | Gfp::kReclaimable), MigrateType::kReclaimable);
}

TEST(Gfp, ValuesAreTheOnesThatLinuxPrints) {
  EXPECT_EQ(raw(Gfp::kUser), 0x100cc0u);
  EXPECT_EQ(raw(Gfp::kNoWait), 0x800u);
  EXPECT_EQ(raw(Gfp::kNoIo), 0xc00u);
  EXPECT_EQ(raw(Gfp::kNoFs), 0xc40u);
  EXPECT_EQ(raw(Gfp::kKernelAccount), 0x400cc0u);
  EXPECT_EQ(raw(Gfp::kZero), 0x100u);
  EXPECT_EQ(raw(Gfp::kTransHugeLight), 0x1c20cau);
  EXPECT_EQ(raw(Gfp::kTransHuge), 0x1c24cau);
}

TEST(Gfp, NamesAreTheLongestCombinationsAndWhatTheyLeave) {
  EXPECT_EQ(printed(Gfp::kNone), "none");
  EXPECT_EQ(printed(Gfp::kKernel), "GFP_KERNEL");
  EXPECT_EQ(printed(Gfp::kKernel | Gfp::kZero), "GFP_KERNEL|__GFP_ZERO");
  EXPECT_EQ(printed(Gfp::kAtomic), "GFP_ATOMIC");
  EXPECT_EQ(printed(Gfp::kHighUserMovable | Gfp::kZero), "GFP_HIGHUSER_MOVABLE|__GFP_ZERO");
  EXPECT_EQ(printed(Gfp::kTransHugeLight), "GFP_TRANSHUGE_LIGHT");
  EXPECT_EQ(printed(Gfp::kTransHuge | Gfp::kThisNode), "GFP_TRANSHUGE|__GFP_THISNODE");
  EXPECT_EQ(printed(Gfp::kNoIo), "GFP_NOIO");
  EXPECT_EQ(printed(Gfp::kDirectReclaim), "__GFP_DIRECT_RECLAIM");
  EXPECT_EQ(printed(static_cast<Gfp>(0x80000000u)), "0x80000000");
}

TEST(Gfp, TheTasksScopeTakesFlagsAway) {
  EXPECT_EQ(in_scope(Gfp::kKernel, 0), Gfp::kKernel);
  EXPECT_EQ(in_scope(Gfp::kKernel, Task::kMemallocNofs), Gfp::kNoFs);
  EXPECT_EQ(in_scope(Gfp::kKernel, Task::kMemallocNoio), Gfp::kNoIo);
  EXPECT_EQ(in_scope(Gfp::kKernel, Task::kMemallocNoio | Task::kMemallocNofs), Gfp::kNoIo);
  EXPECT_EQ(in_scope(Gfp::kHighUserMovable, Task::kMemallocPin), Gfp::kHighUser);
}

TEST(Gfp, ScopesNestAndEnd) {
  Task task;
  const std::uint32_t outer = task.enter_scope(Task::kMemallocNoio);
  const std::uint32_t inner = task.enter_scope(Task::kMemallocNofs);
  EXPECT_EQ(task.flags(), Task::kMemallocNoio | Task::kMemallocNofs);
  task.restore(inner);
  EXPECT_EQ(task.flags(), Task::kMemallocNoio);
  task.restore(outer);
  EXPECT_EQ(task.flags(), 0u);
}

}  // namespace
}  // namespace quire
