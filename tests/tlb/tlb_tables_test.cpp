// Translation caches over real page tables, of every format: what tables map is what a CPU reaches,
// its walks leave their marks there, and what PageTables changes it flushes.
//
// QUIRE_SEED=n replays a run.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "pagetable/pagetable.hpp"
#include "tests/support/test_machine.hpp"

namespace quire {
namespace {

const PagingFormat& format_of(unsigned levels) {
  static const PagingFormat* const kFormats[] = {&kTwoLevels, &kThreeLevels, &kFourLevels,
                                                 &kFiveLevels};
  return *kFormats[levels - 2];
}

// Two CPUs that run on kernel tables of so many levels.
class CachedTables {
 public:
  explicit CachedTables(unsigned levels)
      : machine(Shape::one_zone({.size_mib = 64, .cpus = 2})),
        map(machine.machine.map()),
        format(format_of(levels)),
        base(format.address_bits == 32 ? VirtAddr{0xd000'0000} : VirtAddr{0xffff'c900'0000'0000}),
        frames(map), sink(tlb), tables({format, frames, sink}), walker(format, map),
        arena_(machine.host), checker({machine.host, tlb, walker, base}) {
    frames.attach(machine.pages());
    EXPECT_TRUE(tables.make_root().has_value());
    const std::span<CpuContext> cpus = machine.machine.cpus();
    const unsigned large = format.at(PageLevel::kPmd).shift;
    EXPECT_TRUE(model.init(arena_, {tlb, walker, cpus, large}, {}).has_value());
    EXPECT_TRUE(tlb.init(arena_, model, cpus, tables.root_frame()).has_value());
    model.set_check(&checker);
  }

  // Pages in a block of their own, each marked with its frame number.
  Pfn block(unsigned order) {
    Page* const page = machine.alloc(Gfp::kKernel | Gfp::kZero, order);
    const Pfn first = map.pfn_of(*page);
    for (std::uint64_t i = 0; i < std::uint64_t{1} << order; ++i)
      *content(first + PageCount{i}) = first.raw() + i;
    return first;
  }
  [[nodiscard]] std::uint64_t* content(Pfn frame) {
    return reinterpret_cast<std::uint64_t*>(map.content_of(*map.page_of(frame)));
  }
  void map_at(VirtAddr at, Pfn frame, Prot prot = Prot::kKernel) {
    ASSERT_TRUE(tables.map({at, at + kPageSize}, {frame, prot}).has_value());
  }
  std::byte* read(VirtAddr at) { return model.here().translate<Access::kRead>(at); }
  std::byte* write(VirtAddr at) { return model.here().translate<Access::kWrite>(at); }
  [[nodiscard]] Prot prot_at(VirtAddr at) { return tables.walk(at)->prot; }
  testing::AssertionResult audited() {
    StringSink sink_of_text;
    {
      Text text(sink_of_text);
      if (checker.audit(model, text).has_value()) return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << sink_of_text.text;
  }

  TestMachine machine;
  MemoryMap& map;
  const PagingFormat& format;
  const VirtAddr base;
  TableFrames frames;
  Tlb tlb;
  KernelFlushSink sink;
  PageTables tables;
  PagingWalker walker;

 private:
  Arena arena_;

 public:
  TlbModel model;
  TlbChecker checker;
};

class TlbTablesTest : public testing::TestWithParam<unsigned> {
 protected:
  CachedTables world{GetParam()};
  const VirtAddr page = world.base + kPageSize * 5;
};
using TlbTablesDeathTest = TlbTablesTest;
INSTANTIATE_TEST_SUITE_P(Levels, TlbTablesTest, testing::Values(2u, 3u, 4u, 5u));
INSTANTIATE_TEST_SUITE_P(Levels, TlbTablesDeathTest, testing::Values(2u, 4u));

TEST_P(TlbTablesTest, WhatIsMappedIsReached) {
  const Pfn frame = world.block(0);
  EXPECT_EQ(world.read(page), nullptr);
  world.map_at(page, frame);
  EXPECT_EQ(world.read(page), reinterpret_cast<std::byte*>(world.content(frame)));
  EXPECT_EQ(world.read(page + Bytes{8}), world.read(page) + 8);
  EXPECT_EQ(world.read(page + kPageSize), nullptr);
}

TEST_P(TlbTablesTest, AWalkSetsAccessedAndAWriteSetsDirty) {
  world.map_at(page, world.block(0), Prot::kWrite | Prot::kGlobal);
  EXPECT_NE(world.read(page), nullptr);
  EXPECT_TRUE(any(world.prot_at(page) & Prot::kAccessed));
  EXPECT_FALSE(any(world.prot_at(page) & Prot::kDirty));
  EXPECT_NE(world.write(page), nullptr);
  EXPECT_TRUE(any(world.prot_at(page) & Prot::kDirty));
}

TEST_P(TlbTablesTest, LookingLeavesNoMark) {
  world.map_at(page, world.block(0), Prot::kWrite);
  EXPECT_TRUE(world.walker.look(world.tables.root_frame(), page).has_value());
  EXPECT_FALSE(any(world.prot_at(page) & Prot::kAccessed));
}

TEST_P(TlbTablesTest, AWalkThatBeginsAtARememberedTableLeavesTheSameMarks) {
  for (unsigned i = 0; i < 3; ++i)
    world.map_at(page + kPageSize * i, world.block(0), Prot::kWrite | Prot::kGlobal);
  EXPECT_NE(world.read(page), nullptr);
  EXPECT_NE(world.read(page + kPageSize), nullptr);
  EXPECT_TRUE(any(world.prot_at(page + kPageSize) & Prot::kAccessed));
  EXPECT_FALSE(any(world.prot_at(page + kPageSize) & Prot::kDirty));
  EXPECT_NE(world.write(page + kPageSize * 2), nullptr);
  EXPECT_TRUE(any(world.prot_at(page + kPageSize * 2) & Prot::kDirty));
  EXPECT_EQ(world.model.here().translate<Access::kUserRead>(page + kPageSize), nullptr);
}

TEST_P(TlbTablesTest, RightsAreThoseOfTheLeaf) {
  world.map_at(page, world.block(0), Prot::kKernelRo);
  EXPECT_NE(world.read(page), nullptr);
  EXPECT_EQ(world.write(page), nullptr);
  EXPECT_TRUE(world.model.here().last_fault().present);
  EXPECT_EQ(world.model.here().translate<Access::kUserRead>(page), nullptr);
  EXPECT_EQ(world.model.here().translate<Access::kExecute>(page) == nullptr,
            world.format.no_execute != 0);
}

TEST_P(TlbTablesTest, WhatMayNotBeAccessedFaultsThoughItIsMapped) {
  world.map_at(page, world.block(0), Prot::kNoAccess);
  EXPECT_EQ(world.read(page), nullptr);
  EXPECT_TRUE(world.model.here().last_fault().present);
}

TEST_P(TlbTablesTest, ALargeLeafIsOneTranslation) {
  const LevelFormat& pmd = world.format.at(PageLevel::kPmd);
  if (pmd.pages() > kMaxOrderPages) GTEST_SKIP();
  const unsigned order = pmd.shift - kPageShift;
  const Pfn frame = world.block(order);
  const VirtAddr at = world.base + pmd.size();
  ASSERT_TRUE(world.tables.map({at, at + pmd.size()},
                               {frame, Prot::kKernel, PageLevel::kPmd}).has_value());
  for (std::uint64_t i = 0; i < pmd.pages().raw(); i += 37) {
    std::byte* const content = world.read(at + kPageSize * i);
    ASSERT_NE(content, nullptr);
    EXPECT_EQ(*reinterpret_cast<std::uint64_t*>(content), frame.raw() + i);
  }
  EXPECT_EQ(world.model.here().counts().walks, 1u);
}

TEST_P(TlbTablesTest, UnmappingReachesEveryCpu) {
  world.map_at(page, world.block(0));
  for (const unsigned cpu : {0u, 1u}) {
    world.machine.use_cpu(cpu);
    EXPECT_NE(world.read(page), nullptr);
  }
  ASSERT_TRUE(world.tables.unmap({page, page + kPageSize}).has_value());
  for (const unsigned cpu : {0u, 1u}) {
    world.machine.use_cpu(cpu);
    EXPECT_EQ(world.read(page), nullptr);
  }
  EXPECT_TRUE(world.audited());
}

TEST_P(TlbTablesTest, TakingAwayTheRightToWriteReachesEveryCpu) {
  world.map_at(page, world.block(0));
  world.machine.use_cpu(1);
  EXPECT_NE(world.write(page), nullptr);
  world.machine.use_cpu(0);
  ASSERT_TRUE(world.tables.protect({page, page + kPageSize}, {.clear = Prot::kWrite}).has_value());
  world.machine.use_cpu(1);
  EXPECT_EQ(world.write(page), nullptr);
  EXPECT_NE(world.read(page), nullptr);
}

TEST_P(TlbTablesDeathTest, ClearingWithoutAFlushIsFound) {
  world.map_at(page, world.block(0));
  EXPECT_NE(world.read(page), nullptr);
  ASSERT_TRUE(world.tables.clear({page, page + kPageSize}).has_value());
  EXPECT_DEATH(world.read(page), "stale; cached pfn.*the tables say nothing");
}

TEST_P(TlbTablesTest, RandomChangesOfTablesNeverLeaveAStaleTranslation) {
  const char* const told = std::getenv("QUIRE_SEED");
  const std::uint64_t seed = told == nullptr ? GetParam() : std::strtoull(told, nullptr, 0);
  SCOPED_TRACE("QUIRE_SEED=" + std::to_string(seed));
  Random random(seed);
  struct Mapped {
    Pfn frame;
    bool write;
  };
  constexpr unsigned kPages = 64;
  std::map<unsigned, Mapped> model;
  std::vector<Pfn> frames;
  for (unsigned i = 0; i < kPages; ++i) frames.push_back(world.block(0));
  const auto range = [&](unsigned first, PageCount count) {
    const VirtAddr start = world.base + kPageSize * first;
    return VirtRange{start, start + size_of(count)};
  };
  for (unsigned step = 0; step < 4000; ++step) {
    world.machine.use_cpu(random.below(2));
    const unsigned first = random.below(kPages);
    const unsigned count = 1 + random.below(min_of(40u, kPages - first));
    switch (random.below(16)) {
      case 0: {
        if (model.contains(first)) break;
        const bool write = random.below(2) == 0;
        const Prot prot = write ? Prot::kWrite | Prot::kGlobal : Prot::kGlobal;
        world.map_at(range(first, PageCount{1}).start, frames[random.below(kPages)], prot);
        model[first] = {world.tables.walk(range(first, PageCount{1}).start)->frame, write};
        break;
      }
      case 1:
        if (random.below(4) != 0) break;
        ASSERT_TRUE(world.tables.unmap(range(first, PageCount{count})).has_value());
        for (unsigned i = 0; i < count; ++i) model.erase(first + i);
        break;
      case 2:
        ASSERT_TRUE(world.tables
                        .protect(range(first, PageCount{count}),
                                 {.clear = Prot::kWrite | Prot::kDirty})
                        .has_value());
        for (unsigned i = 0; i < count; ++i)
          if (model.contains(first + i)) model[first + i].write = false;
        break;
      case 3:
        world.tables.free_empty_tables(range(0, PageCount{kPages}));
        break;
      default: {
        const bool writes = random.below(2) == 0;
        const VirtAddr at = range(first, PageCount{1}).start;
        const auto* const reached =
            reinterpret_cast<std::uint64_t*>(writes ? world.write(at) : world.read(at));
        const bool allowed = model.contains(first) && (!writes || model[first].write);
        ASSERT_EQ(reached, allowed ? world.content(model[first].frame) : nullptr)
            << "step " << step;
      }
    }
    ASSERT_TRUE(step % 64 != 0 || world.audited()) << "step " << step;
  }
}

}  // namespace
}  // namespace quire
