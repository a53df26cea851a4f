// Which list a page is on, when it gets there, and how it leaves.
#include <gtest/gtest.h>

#include "tests/lru/lru_machine.hpp"

namespace quire {
namespace {

class LruTest : public testing::Test {
 protected:
  using Pages = std::vector<Page*>;

  ~LruTest() override { EXPECT_TRUE(audited(machine.machine)); }
  [[nodiscard]] std::int64_t free() { return machine.free_now(machine.dma32()); }

  LruMachine machine{Shape::one_zone({.size_mib = 128, .cpus = 2})};
  Lru& lru = machine.lru;
};

TEST_F(LruTest, FifteenPagesWaitOnTheirCpuAndGoToTheirListTogether) {
  Pages pages;
  for (unsigned i = 0; i < 14; ++i) {
    pages.insert(pages.begin(), &machine.new_page(true));
    lru.add(*pages.front());
  }
  EXPECT_EQ(machine.counted(LruList::kInactiveAnon), 0);
  EXPECT_FALSE(has_flag(*pages.front(), PageFlag::kLru));
  EXPECT_EQ(references_to(*pages.front()), 2) << "the batch keeps one";
  pages.insert(pages.begin(), &machine.new_page(true));
  lru.add(*pages.front());
  EXPECT_EQ(machine.list(LruList::kInactiveAnon), pages) << "the newest in front";
  EXPECT_EQ(machine.counted(LruList::kInactiveAnon), 15);
  EXPECT_EQ(references_to(*pages.front()), 1);
  for (Page* const page : pages) lru.put(*page);
  EXPECT_EQ(machine.counted(LruList::kInactiveAnon), 0);
}

TEST_F(LruTest, FlagsDecideTheList) {
  Page& anon = machine.listed_page(true);
  Page& file = machine.listed_page(false);
  Page& active_anon = machine.new_page(true);
  Page& active_file = machine.new_page(false);
  for (Page* const page : {&active_anon, &active_file}) {
    set_flag(*page, PageFlag::kActive);
    lru.add(*page);
  }
  lru.drain_here();
  EXPECT_EQ(machine.list(LruList::kInactiveAnon), Pages{&anon});
  EXPECT_EQ(machine.list(LruList::kActiveAnon), Pages{&active_anon});
  EXPECT_EQ(machine.list(LruList::kInactiveFile), Pages{&file});
  EXPECT_EQ(machine.list(LruList::kActiveFile), Pages{&active_file});
  for (Page* const page : {&anon, &file, &active_anon, &active_file}) lru.put(*page);
}

TEST_F(LruTest, APageWhoseLastUserGoesWhileItWaitsIsFreedByTheDrain) {
  const std::int64_t before = free();
  Page& page = machine.new_page(true);
  lru.add(page);
  lru.put(page);
  EXPECT_EQ(references_to(page), 1);
  lru.drain_here();
  machine.pages().drain_all();
  EXPECT_EQ(free(), before);
}

TEST_F(LruTest, WhatWaitsOnOtherCpusIsThereAfterDrainAll) {
  Page& page = machine.new_page(false);
  lru.add(page);
  machine.use_cpu(1);
  lru.drain_here();
  EXPECT_EQ(machine.counted(LruList::kInactiveFile), 0);
  lru.drain_all();
  EXPECT_EQ(machine.list(LruList::kInactiveFile), Pages{&page});
  lru.put(page);
}

TEST_F(LruTest, APageIsFreedCleanWhateverFlagsItHad) {
  Page& page = machine.listed_page(true);
  for (const PageFlag flag : {PageFlag::kReferenced, PageFlag::kUptodate, PageFlag::kDirty,
                              PageFlag::kAnonExclusive, PageFlag::kWorkingset})
    set_flag(page, flag);
  lru.put(page);
  EXPECT_FALSE(machine.logged("BUG"));
}

TEST_F(LruTest, APageThatIsFreedLockedIsReportedAndLeaked) {
  Page& page = machine.listed_page(true);
  set_flag(page, PageFlag::kLocked);
  lru.put(page);
  EXPECT_TRUE(machine.logged("PAGE_FLAGS_CHECK_AT_FREE flag(s) set"));
}

TEST_F(LruTest, ManyAreReleasedAtOnceAndTheLastOfThemIsHandedOutLast) {
  Pages pages;
  std::vector<PageIndex> indices;
  for (unsigned i = 0; i < 40; ++i) {
    pages.push_back(&machine.listed_page(i % 2 == 0));
    indices.push_back(machine.machine.map().index_of(*pages.back()));
  }
  get_page(*pages[5]);
  lru.put_all(indices);
  EXPECT_EQ(references_to(*pages[5]), 1);
  EXPECT_EQ(machine.counted(LruList::kInactiveAnon), 0);
  EXPECT_EQ(machine.list(LruList::kInactiveFile), Pages{pages[5]});
  Page* const next = machine.alloc(Gfp::kHighUserMovable, 0);
  EXPECT_EQ(next, pages[0]) << "the first of them was freed last";
  machine.free(next, 0);
  lru.put(*pages[5]);
}

TEST_F(LruTest, ASecondUseMakesAPageActiveAndForgetsTheFirst) {
  Page& page = machine.listed_page(false);
  lru.mark_accessed(page);
  EXPECT_TRUE(has_flag(page, PageFlag::kReferenced));
  lru.mark_accessed(page);
  EXPECT_FALSE(has_flag(page, PageFlag::kReferenced));
  EXPECT_EQ(machine.counted(LruList::kActiveFile), 0) << "the move waits too";
  lru.drain_here();
  EXPECT_EQ(machine.list(LruList::kActiveFile), Pages{&page});
  EXPECT_EQ(machine.events(VmEvent::kPgactivate), 1u);
  lru.mark_accessed(page);
  lru.mark_accessed(page);
  EXPECT_TRUE(has_flag(page, PageFlag::kReferenced)) << "active and referenced is the most";
  lru.put(page);
}

TEST_F(LruTest, APageUsedTwiceBeforeItIsOnAListArrivesActive) {
  Page& page = machine.new_page(false);
  lru.add(page);
  lru.mark_accessed(page);
  lru.mark_accessed(page);
  lru.drain_here();
  EXPECT_EQ(machine.list(LruList::kActiveFile), Pages{&page});
  EXPECT_EQ(machine.events(VmEvent::kPgactivate), 0u);
  lru.put(page);
}

TEST_F(LruTest, AnActivePageThatIsNotNeededGoesToTheFrontOfTheInactive) {
  Page& page = machine.listed_page(true);
  lru.activate(page);
  lru.drain_here();
  Page& other = machine.listed_page(true);
  lru.deactivate(page);
  lru.drain_here();
  EXPECT_EQ(machine.list(LruList::kInactiveAnon), (Pages{&page, &other}));
  EXPECT_EQ(machine.events(VmEvent::kPgdeactivate), 1u);
  lru.put(page);
  lru.put(other);
}

TEST_F(LruTest, ACleanFilePageThatCouldNotBeDroppedGoesLastADirtyOneFirst) {
  Page& clean = machine.listed_page(false);
  Page& dirty = machine.listed_page(false);
  Page& other = machine.listed_page(false);
  set_flag(dirty, PageFlag::kDirty);
  lru.deactivate_file(clean);
  lru.deactivate_file(dirty);
  lru.drain_here();
  EXPECT_EQ(machine.list(LruList::kInactiveFile), (Pages{&dirty, &other, &clean}));
  EXPECT_TRUE(has_flag(dirty, PageFlag::kReclaim));
  clear_flag(dirty, PageFlag::kDirty);
  lru.rotate(dirty);
  lru.drain_here();
  EXPECT_EQ(machine.list(LruList::kInactiveFile), (Pages{&other, &clean, &dirty}));
  EXPECT_EQ(machine.events(VmEvent::kPgrotated), 2u);
  for (Page* const page : {&clean, &dirty, &other}) lru.put(*page);
}

TEST_F(LruTest, AnAnonymousPageWhoseContentMayGoIsAmongTheInactiveFilePages) {
  Page& page = machine.listed_page(true);
  lru.lazy_free(page);
  lru.drain_here();
  EXPECT_EQ(machine.list(LruList::kInactiveFile), Pages{&page});
  EXPECT_EQ(machine.events(VmEvent::kPglazyfree), 1u);
  lru.put(page);
}

TEST_F(LruTest, APageLockedInMemoryIsUnevictableUntilTheLastLockGoes) {
  Page& page = machine.listed_page(true);
  lru.activate(page);
  lru.drain_here();
  lru.mlock(page);
  lru.mlock(page);
  EXPECT_EQ(machine.counted(LruList::kUnevictable), 1);
  EXPECT_EQ(machine.counted(LruList::kActiveAnon), 0);
  EXPECT_EQ(exact(machine.machine, ZoneItem::kNrMlock), 1);
  lru.munlock(page);
  EXPECT_EQ(exact(machine.machine, ZoneItem::kNrMlock), 1);
  lru.munlock(page);
  EXPECT_EQ(exact(machine.machine, ZoneItem::kNrMlock), 0);
  EXPECT_EQ(machine.list(LruList::kInactiveAnon), Pages{&page});
  EXPECT_EQ(machine.events(VmEvent::kUnevictablePgsCulled), 1u);
  EXPECT_EQ(machine.events(VmEvent::kUnevictablePgsRescued), 1u);
  EXPECT_EQ(machine.events(VmEvent::kUnevictablePgsMlocked), 1u);
  EXPECT_EQ(machine.events(VmEvent::kUnevictablePgsMunlocked), 1u);
  lru.put(page);
}

TEST_F(LruTest, APageLockedWhileItWaitsGoesToTheUnevictable) {
  Page& page = machine.new_page(true);
  lru.add(page);
  lru.mlock(page);
  lru.drain_here();
  EXPECT_EQ(machine.counted(LruList::kUnevictable), 1);
  lru.put(page);
  EXPECT_EQ(machine.counted(LruList::kUnevictable), 0);
  EXPECT_EQ(exact(machine.machine, ZoneItem::kNrMlock), 0);
  EXPECT_EQ(machine.events(VmEvent::kUnevictablePgsCleared), 1u);
}

TEST_F(LruTest, WhoIsolatesAPageHasItAloneUntilItIsPutBack) {
  Page& page = machine.listed_page(false);
  EXPECT_TRUE(lru.isolate(page));
  EXPECT_FALSE(lru.isolate(page));
  EXPECT_EQ(machine.counted(LruList::kInactiveFile), 0);
  EXPECT_EQ(references_to(page), 2);
  lru.put_back(page);
  lru.drain_here();
  EXPECT_EQ(machine.list(LruList::kInactiveFile), Pages{&page});
  EXPECT_EQ(references_to(page), 1);
  lru.put(page);
}

TEST_F(LruTest, AHomeKeepsItsAddressAndFortyEightBitsOfOffset) {
  Page& page = machine.new_page(false);
  const std::uint64_t offset = 0xabcd'1234'5678;
  for (const std::uint64_t address : {0x7fff'ffff'fff0ull, 0xffff'8880'0000'1000ull}) {
    set_home(page, reinterpret_cast<const void*>(address), offset);
    EXPECT_EQ(reinterpret_cast<std::uint64_t>(home_of(page)), address);
    EXPECT_EQ(offset_of(page), offset);
  }
  clear_home(page);
  EXPECT_EQ(home_of(page), nullptr);
  lru.put(page);
}

}  // namespace
}  // namespace quire
