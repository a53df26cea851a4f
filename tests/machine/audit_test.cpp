// The audit itself: a machine in any state it may be in passes, and each thing that can be wrong
// is found and named.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <ostream>

#include "tests/support/test_machine.hpp"

namespace quire {
namespace {

// A machine with blocks in every state: free of every order, runs, in sets, in use.
class LivedIn : public TestMachine {
 public:
  LivedIn() : TestMachine(Shape::one_zone({128, 2})) {
    for (unsigned order = 0; order < kOrderCount; ++order)
      used.push_back(alloc(Gfp::kKernel, order));
    pages().drain_all();
    for (unsigned i = 0; i < 10; ++i) kept.push_back(alloc(Gfp::kKernel, 0));
    for (Page* const page : kept) free(page, 0);
    free(alloc(Gfp::kKernel, 2), 2);
    free(alloc(Gfp::kHighUserMovable, 0), 0);
  }
  Page& free_head(unsigned order, MigrateType type = MigrateType::kUnmovable)
      QUIRE_NO_THREAD_SAFETY_ANALYSIS {
    return machine.map().at(list(order, type).front());
  }
  PageList& list(unsigned order, MigrateType type) QUIRE_NO_THREAD_SAFETY_ANALYSIS {
    return dma32().free_area[order].lists[index_of(type)];
  }
  // The order of the smallest free unmovable block, which the next allocations split.
  unsigned smallest() {
    unsigned order = 0;
    while (list(order, MigrateType::kUnmovable).empty()) ++order;
    return order;
  }
  PerCpuPages& own() { return set(dma32(), 0); }

  std::vector<Page*> used;
  std::vector<Page*> kept;
};

TEST(Audit, AMachineThatWasUsedBalances) {
  LivedIn machine;
  EXPECT_TRUE(audited(machine.machine));
}

TEST(Audit, BlocksThatWereReportedAndLeakedAreNoFinding) {
  LivedIn machine;
  machine.used[2]->mapping = 1;
  machine.free(machine.used[2], 2);
  EXPECT_TRUE(machine.logged("non-NULL mapping"));
  EXPECT_TRUE(audited(machine.machine));
}

TEST(Audit, AMachineOf1TiBIsAuditedInSeconds) {
  Shape shape;
  for (unsigned n = 0; n < 8; ++n) {
    shape.ram.push_back({n, n == 0 ? 16 : n * 131072ull, (n + 1) * 131072ull});
    shape.cpus.push_back(node_id(n));
  }
  TestMachine machine(shape);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(audited(machine.machine));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

struct Damage {
  const char* name;
  const char* message;
  std::function<void(LivedIn&)> act;
};
void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.name; }

const Damage kDamages[] = {
    {"CountOfFreeBlocks", "nr_free of order 10",
     [](LivedIn& m) QUIRE_NO_THREAD_SAFETY_ANALYSIS { ++m.dma32().free_area[10].nr_free; }},
    {"KindOfAFreeBlock", "is no free block of that order in this zone",
     [](LivedIn& m) {
       m.free_head(10, MigrateType::kMovable).word =
           PageWord(m.dma32().page_bits, Order{10}, PageKind::kSlab);
     }},
    {"OrderOfAFreeBlock", "is no free block of that order in this zone",
     [](LivedIn& m) {
       m.free_head(m.smallest()).word =
           PageWord(m.dma32().page_bits, Order{m.smallest() + 1}, PageKind::kBuddy);
     }},
    {"ZoneOfAFreeBlock", "is no free block of that order in this zone",
     [](LivedIn& m) {
       m.free_head(m.smallest()).word = PageWord(0, Order{m.smallest()}, PageKind::kBuddy);
     }},
    {"TypeOfAFreeBlock", "but names another type",
     [](LivedIn& m) { m.free_head(m.smallest()).list_type = MigrateType::kReclaimable; }},
    {"LinkBack", "does not link back",
     [](LivedIn& m) { m.free_head(10, MigrateType::kMovable).prev = 77; }},
    {"LinkOutOfTheMap", "which is no page",
     [](LivedIn& m) { m.free_head(10, MigrateType::kMovable).next = ~0u; }},
    {"Tail", "does not end at its tail",
     [](LivedIn& m) QUIRE_NO_THREAD_SAFETY_ANALYSIS {
       m.pages().buddy().front_block(m.dma32(), Order{10}, MigrateType::kMovable);
       m.free_head(10, MigrateType::kMovable).next = 0;
     }},
    {"RunTooLong", "which do not fit there",
     [](LivedIn& m) { m.free_head(10, MigrateType::kMovable).run_blocks += 1000; }},
    {"RunOfSmallBlocks", "but a run of 2 blocks",
     [](LivedIn& m) { m.free_head(m.smallest()).run_blocks = 2; }},
    {"RunTooShort", "nr_free of order 10",
     [](LivedIn& m) { --m.free_head(10, MigrateType::kMovable).run_blocks; }},
    {"BuddiesNotMerged", "and its buddy are both free",
     [](LivedIn& m) QUIRE_NO_THREAD_SAFETY_ANALYSIS {
       Buddy& buddy = m.pages().buddy();
       const unsigned order = std::max(m.smallest(), 1u);
       const PageIndex head = m.list(order, MigrateType::kUnmovable).front();
       buddy.remove(m.dma32(), head);
       const std::uint32_t half = 1u << (order - 1);
       buddy.add(m.dma32(), {head, Order{order - 1}}, MigrateType::kUnmovable, ListEnd::kBack);
       buddy.add(m.dma32(), {PageIndex{raw(head) + half}, Order{order - 1}},
                 MigrateType::kUnmovable, ListEnd::kBack);
     }},
    {"Alignment", "but not aligned to",
     [](LivedIn& m) QUIRE_NO_THREAD_SAFETY_ANALYSIS {
       Buddy& buddy = m.pages().buddy();
       const PageIndex head = m.machine.map().index_of(*m.used[3]);
       buddy.add(m.dma32(), {PageIndex{raw(head) + 1}, Order{1}}, MigrateType::kUnmovable,
                 ListEnd::kBack);
     }},
    {"FreeOutsideOfTheZone", "but outside of the zone",
     [](LivedIn& m) QUIRE_NO_THREAD_SAFETY_ANALYSIS {
       const PageIndex below = m.machine.map().index_of(*m.machine.map().page_of(Pfn{1}));
       m.pages().buddy().add(m.dma32(), {below, Order{0}}, MigrateType::kUnmovable,
                             ListEnd::kBack);
     }},
    {"FreeAndInUse", "frames are free",
     [](LivedIn& m) {
       m.used[10]->word = PageWord(m.dma32().page_bits, Order{10}, PageKind::kBuddy);
       m.used[10]->run_blocks = 1;
     }},
    {"CounterOfFreePages", "nr_free_pages is",
     [](LivedIn& m) { m.dma32().stat[index_of(ZoneItem::kNrFreePages)].fetch_add(1); }},
    {"CountOfManagedPages", "managed is",
     [](LivedIn& m) { m.dma32().managed.fetch_sub(1); }},
    {"CountOfASet", "a per-CPU set counts",
     [](LivedIn& m) QUIRE_NO_THREAD_SAFETY_ANALYSIS { ++m.own().listed; }},
    {"PageOfASetInUse", "but is no unused block",
     [](LivedIn& m) { m.kept.back()->refcount = 1; }},
    {"TypeOfAPageInASet", "of a per-CPU set, but names another type",
     [](LivedIn& m) { m.kept.back()->list_type = MigrateType::kReclaimable; }},
    {"HotPageTwice", "is in a per-CPU set twice",
     [](LivedIn& m) QUIRE_NO_THREAD_SAFETY_ANALYSIS {
       HotPages& hot = m.own().hot[0];
       hot.pages[0] = hot.pages[hot.count - 1u];
     }},
    {"PageOfTwoSets", "is in a per-CPU set twice",
     [](LivedIn& m) QUIRE_NO_THREAD_SAFETY_ANALYSIS {
       PerCpuPages& other = m.set(m.dma32(), 1);
       other.hot[0].pages[0] = m.own().hot[0].pages[0];
       other.hot[0].count = 1;
     }},
    {"PageOfASetThatIsReserved", "are among the managed pages",
     [](LivedIn& m) QUIRE_NO_THREAD_SAFETY_ANALYSIS {
       Page& reserved = *m.machine.map().page_of(Pfn{1});
       reserved.word = PageWord(m.dma32().page_bits, Order{0}, PageKind::kInUse);
       PerCpuPages& other = m.set(m.dma32(), 1);
       other.hot[0].pages[0] = &reserved;
       other.hot[0].count = 1;
     }},
    {"HotPageThatIsNone", "is no page",
     [](LivedIn& m) QUIRE_NO_THREAD_SAFETY_ANALYSIS { m.own().hot[0].pages[0] = nullptr; }},
    {"TooManyHotPages", "than there is room",
     [](LivedIn& m) QUIRE_NO_THREAD_SAFETY_ANALYSIS { m.own().hot[0].limit = 32; }},
    {"LimitOfHotPages", "let a per-CPU set grow",
     [](LivedIn& m) { m.own().high = 5; }},
    {"AmpleWithoutLimits", "is said to be ample",
     [](LivedIn& m) QUIRE_NO_THREAD_SAFETY_ANALYSIS {
       m.own().ample = true;
       m.own().hot[0].limit = 1;
     }},
    {"HotPagesWhileFlushing", "keeps hot pages while",
     [](LivedIn& m) QUIRE_NO_THREAD_SAFETY_ANALYSIS {
       m.own().ample = false;
       m.own().free_factor = 1;
     }},
    {"BatchOfASet", "pages at a time instead of", [](LivedIn& m) { m.own().batch = 2; }},
    {"LostPage", "neither free nor in a set nor in use",
     [](LivedIn& m) { m.used[3]->refcount = 0; }},
    {"PageInNoBlock", "is managed, but in no block",
     [](LivedIn& m) { m.used[3]->word = PageWord(); }},
    {"ZoneOfAPageInUse", "names another zone",
     [](LivedIn& m) { m.used[3]->word = PageWord(0, Order{3}, PageKind::kInUse); }},
    {"StateWithinABlock", "has a state of its own within",
     [](LivedIn& m) { m.used[3][5].word = PageWord(0, Order{0}, PageKind::kSlab); }},
    {"BlockOverTheEnd", "where its memory ends",
     [](LivedIn& m) QUIRE_NO_THREAD_SAFETY_ANALYSIS {
       Pfn end;
       m.machine.plan().for_each_free_pages([&](PfnRange pages, NodeId) { end = pages.end; });
       Page& last = *m.machine.map().page_of(end - PageCount{1});
       Buddy& buddy = m.pages().buddy();
       Page& head = m.machine.map().at(
           buddy.free_head(m.dma32(), m.machine.map().index_of(last)));
       const Order order = head.word.order();
       buddy.remove(m.dma32(), m.machine.map().index_of(head));
       head.word = PageWord(m.dma32().page_bits, Order{order.raw() + 1}, PageKind::kInUse);
       head.refcount = 1;
     }},
    {"HighatomicBlocks", "pageblocks are highatomic",
     [](LivedIn& m) {
       m.machine.map().set_pageblock_type(m.machine.map().index_of(*m.used[9]),
                                          MigrateType::kHighAtomic);
     }},
    {"Watermark", "watermark 1 is", [](LivedIn& m) { m.dma32().watermark[1].set(3); }},
    {"Boost", "the watermark boost is", [](LivedIn& m) { m.dma32().watermark_boost.set(-1); }},
    {"Protection", "protection against Normal is",
     [](LivedIn& m) { m.dma32().lowmem_reserve[2].set(12); }},
    {"FastLow", "fast_low of Normal is", [](LivedIn& m) { m.dma32().fast_low[2].set(12); }},
    {"BoostWithoutItsThreshold", "fast_low of DMA is",
     [](LivedIn& m) { m.dma32().watermark_boost.set(512); }},
    {"UnfoldedCounter", "to itself, over the threshold",
     [](LivedIn& m) {
       const auto most = m.dma32().stat_threshold.get() + 1;
       auto& own = m.machine.nodes().percpu(m.dma32(), cpu_id(1));
       own.diffs[index_of(ZoneItem::kNrMlock)].set(most);
     }},
    {"ZoneMissingInAZonelist", "names 0 zones, but 1 are populated",
     [](LivedIn& m) { m.machine.nodes().node(node_id(0)).fallback.refs[0].zone = nullptr; }},
    {"ZoneTwiceInAZonelist", "names more zones than there are",
     [](LivedIn& m) {
       Zonelist& list = m.machine.nodes().node(node_id(0)).own;
       list.refs[1] = list.refs[0];
     }},
    {"TypeInAZonelist", "names it wrongly",
     [](LivedIn& m) {
       m.machine.nodes().node(node_id(0)).own.refs[0].type = ZoneType::kNormal;
     }},
    {"FirstOfAZonelist", "is another one",
     [](LivedIn& m) {
       Zonelist& list = m.machine.nodes().node(node_id(0)).fallback;
       list.first[2] = &list.refs[1];
     }},
    {"FallbackOrder", "does not begin with it",
     [](LivedIn& m) { m.machine.nodes().node(node_id(0)).fallback_order[0] = node_id(5); }},
};

class AuditFinds : public ::testing::TestWithParam<Damage> {};

TEST_P(AuditFinds, WhatIsWrongAndNamesIt) {
  LivedIn machine;
  ASSERT_TRUE(audited(machine.machine));
  GetParam().act(machine);
  StringSink report;
  const Result<void> result = machine.machine.audit(report);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error(), Errno::kFault);
  EXPECT_NE(report.text.find(GetParam().message), std::string::npos) << report.text;
  EXPECT_EQ(report.text.find('\n'), report.text.size() - 1) << "one line: " << report.text;
}

INSTANTIATE_TEST_SUITE_P(Damages, AuditFinds, ::testing::ValuesIn(kDamages),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Audit, FindsAZoneTwiceInAListOfSeveral) {
  TestMachine machine(Shape::two_nodes(64));
  Zonelist& list = machine.machine.nodes().node(node_id(0)).fallback;
  list.refs[1] = list.refs[0];
  StringSink report;
  EXPECT_FALSE(machine.machine.audit(report).has_value());
  EXPECT_NE(report.text.find("names it twice"), std::string::npos) << report.text;
}

TEST(Audit, FindsLowerZonesBeforeHigherOnes) {
  TestMachine machine(Shape::two_nodes(64));
  Zonelist& list = machine.machine.nodes().node(node_id(0)).fallback;
  std::swap(list.refs[0], list.refs[1]);
  StringSink report;
  EXPECT_FALSE(machine.machine.audit(report).has_value());
  EXPECT_NE(report.text.find("lower zones before higher"), std::string::npos) << report.text;
}

}  // namespace
}  // namespace quire
