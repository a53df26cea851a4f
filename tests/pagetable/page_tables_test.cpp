// Page tables of every format, held to what a naive walker finds in the frames.
#include <gtest/gtest.h>

#include "tests/pagetable/tables_on_machine.hpp"

namespace quire::test {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kRights = 0x8000'0000'0000'0fff;

VirtRange at(std::uint64_t start, Bytes length) {
  return {VirtAddr{start}, VirtAddr{start} + length};
}

class PageTablesOf : public testing::TestWithParam<unsigned> {
 protected:
  [[nodiscard]] bool narrow() const { return GetParam() <= 3; }
  [[nodiscard]] bool has_no_execute() const { return GetParam() != 2; }
  [[nodiscard]] std::uint64_t large() const { return GetParam() == 2 ? 4 * kMiB : 2 * kMiB; }
  // A multiple of 1 GiB in the kernel's half.
  [[nodiscard]] std::uint64_t base() const {
    return narrow() ? 0xc000'0000 : 0xffff'c900'0000'0000;
  }
  // The bits of an entry that maps with PAGE_KERNEL.
  [[nodiscard]] std::uint64_t kernel_rights() const {
    return 0x163 | (has_no_execute() ? std::uint64_t{1} << 63 : 0);
  }
  [[nodiscard]] Result<void> map(VirtRange range, std::uint64_t frame,
                                 PageLevel largest = PageLevel::kPte) {
    return on.tables.map(range, {Pfn{frame}, Prot::kKernel, largest});
  }

  TablesOnMachine on{GetParam()};
};

TEST_P(PageTablesOf, NothingIsMappedInNewTables) {
  EXPECT_TRUE(on.pages().empty());
  EXPECT_FALSE(on.tables.walk(VirtAddr{base()}).has_value());
}

TEST_P(PageTablesOf, AMappedPageIsWhereTheProcessorLooks) {
  ASSERT_TRUE(map(at(base() + 0x5000, Bytes{0x1000}), 0x1234).has_value());
  const std::vector<NaivePage> expected = {{base() + 0x5000, 0x1000, 0x1234, kernel_rights()}};
  EXPECT_EQ(on.pages(), expected);
  const auto found = on.tables.walk(VirtAddr{base() + 0x5678});
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->frame, Pfn{0x1234});
  EXPECT_EQ(found->size, PageLevel::kPte);
  EXPECT_EQ(found->prot, has_no_execute() ? Prot::kKernel : Prot::kKernelExec);
}

TEST_P(PageTablesOf, ARangeCrossesTables) {
  ASSERT_TRUE(map(at(base() + large() - 0x3000, Bytes{0x6000}), 0x100).has_value());
  const auto pages = on.pages();
  ASSERT_EQ(pages.size(), 6u);
  for (unsigned i = 0; i < 6; ++i) {
    EXPECT_EQ(pages[i].address, base() + large() - 0x3000 + i * 0x1000);
    EXPECT_EQ(pages[i].frame, 0x100 + i);
  }
  EXPECT_TRUE(on.counts_agree());
}

TEST_P(PageTablesOf, ScatteredPagesAreMappedInTheirOrder) {
  Page* const a = on.machine.alloc(Gfp::kKernel, 0);
  Page* const b = on.machine.alloc(Gfp::kKernel, 0);
  Page* const pages[] = {b, a, b};
  ASSERT_TRUE(on.tables.map_pages(VirtAddr{base()}, pages, Prot::kKernel).has_value());
  const auto found = on.pages();
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].frame, on.machine.pfn(b));
  EXPECT_EQ(found[1].frame, on.machine.pfn(a));
  EXPECT_EQ(found[2].frame, on.machine.pfn(b));
  EXPECT_TRUE(on.counts_agree());
}

TEST_P(PageTablesOf, LargePagesAreUsedWhereAddressFrameAndLengthAllow) {
  const std::uint64_t frames = large() >> 12;
  ASSERT_TRUE(
      map(at(base() + large() - 0x1000, Bytes{large() + 0x2000}), 2 * frames - 1, PageLevel::kPmd)
          .has_value());
  const std::vector<NaivePage> expected = {
      {base() + large() - 0x1000, 0x1000, 2 * frames - 1, kernel_rights()},
      {base() + large(), large(), 2 * frames, kernel_rights()},
      {base() + 2 * large(), 0x1000, 3 * frames, kernel_rights()}};
  EXPECT_EQ(on.pages(), expected);
}

TEST_P(PageTablesOf, FramesThatAreNotAlignedGetSmallPages) {
  ASSERT_TRUE(map(at(base(), Bytes{large()}), 1, PageLevel::kPud).has_value());
  EXPECT_EQ(on.pages().size(), large() >> 12);
}

TEST_P(PageTablesOf, OnlyWideFormatsHavePagesOfOneGibibyte) {
  ASSERT_TRUE(map(at(base(), Bytes{0x4000'0000}), 0, PageLevel::kPgd).has_value());
  const auto pages = on.pages();
  EXPECT_EQ(pages.front().bytes, narrow() ? large() : 0x4000'0000);
}

TEST_P(PageTablesOf, MappingWhatIsMappedIsRefusedAndChangesNothing) {
  ASSERT_TRUE(map(at(base() + 0x3000, Bytes{0x1000}), 0x77).has_value());
  const auto before = on.pages();
  EXPECT_EQ(map(at(base(), Bytes{0x8000}), 0x100).error(), Errno::kExists);
  EXPECT_EQ(map(at(base(), Bytes{large()}), 0, PageLevel::kPmd).error(), Errno::kExists);
  EXPECT_EQ(on.pages(), before);
  EXPECT_TRUE(on.counts_agree());
}

TEST_P(PageTablesOf, APageWithinALargePageIsMappedAlready) {
  ASSERT_TRUE(map(at(base(), Bytes{large()}), 0, PageLevel::kPmd).has_value());
  EXPECT_EQ(map(at(base() + 0x3000, Bytes{0x1000}), 0x77).error(), Errno::kExists);
}

TEST_P(PageTablesOf, WhatIsNoRangeOfPagesIsRefused) {
  EXPECT_EQ(map(at(base() + 1, Bytes{0x1000}), 0).error(), Errno::kInvalid);
  EXPECT_EQ(map(at(base(), Bytes{0x1001}), 0).error(), Errno::kInvalid);
  EXPECT_EQ(map(at(base(), Bytes{0}), 0).error(), Errno::kInvalid);
  const std::uint64_t no_address = narrow() ? 0x1'0000'0000 : 0x0100'0000'0000'0000;
  EXPECT_EQ(map(at(no_address, Bytes{0x1000}), 0).error(), Errno::kInvalid);
  EXPECT_FALSE(on.tables.walk(VirtAddr{no_address}).has_value());
}

TEST_P(PageTablesOf, UnmappingTellsTheCachesOnceForTheWholeRange) {
  ASSERT_TRUE(map(at(base(), Bytes{3 * large()}), 0).has_value());
  EXPECT_TRUE(on.flushes.flushes.empty());
  ASSERT_TRUE(on.tables.unmap(at(base(), Bytes{3 * large()})).has_value());
  EXPECT_TRUE(on.pages().empty());
  ASSERT_EQ(on.flushes.flushes.size(), 1u);
  EXPECT_EQ(on.flushes.flushes[0].range, at(base(), Bytes{3 * large()}));
  EXPECT_TRUE(on.counts_agree());
}

TEST_P(PageTablesOf, ClearingLeavesTheFlushToItsCaller) {
  ASSERT_TRUE(map(at(base(), Bytes{0x4000}), 0).has_value());
  ASSERT_TRUE(on.tables.clear(at(base(), Bytes{0x4000})).has_value());
  EXPECT_TRUE(on.flushes.flushes.empty());
}

TEST_P(PageTablesOf, UnmappingPartOfALargePageSplitsIt) {
  ASSERT_TRUE(map(at(base(), Bytes{large()}), 0, PageLevel::kPmd).has_value());
  ASSERT_TRUE(on.tables.unmap(at(base() + 0x1000, Bytes{0x1000})).has_value());
  const auto pages = on.pages();
  ASSERT_EQ(pages.size(), (large() >> 12) - 1);
  EXPECT_EQ(pages[0].frame, 0u);
  EXPECT_EQ(pages[1].frame, 2u);
}

TEST_P(PageTablesOf, UnmappedHolesCostNothingAndNoError) {
  EXPECT_TRUE(on.tables.unmap(at(base(), Bytes{0x2000'0000})).has_value());
  EXPECT_EQ(on.walker.pages(on.tables.root_frame()).size(), 0u);
}

TEST_P(PageTablesOf, ProtectingPartOfALargePageSplitsAtTheEdges) {
  ASSERT_TRUE(map(at(base(), Bytes{2 * large()}), 0, PageLevel::kPmd).has_value());
  ASSERT_TRUE(on.tables.protect(at(base() + 0x1000, Bytes{large()}), {Prot::kNone, Prot::kWrite})
                  .has_value());
  for (const NaivePage& page : on.pages()) {
    const std::uint64_t offset = page.address - base();
    const bool changed = offset >= 0x1000 && offset < large() + 0x1000;
    EXPECT_EQ(page.rights, changed ? kernel_rights() & ~std::uint64_t{2} : kernel_rights());
  }
  EXPECT_TRUE(on.counts_agree());
}

TEST_P(PageTablesOf, ASplitPageMapsTheSame) {
  ASSERT_TRUE(map(at(base(), Bytes{2 * large()}), 0, PageLevel::kPmd).has_value());
  ASSERT_TRUE(on.tables.split(VirtAddr{base() + 0x2345}, PageLevel::kPte).has_value());
  const auto pages = on.pages();
  ASSERT_EQ(pages.size(), (large() >> 12) + 1);
  for (std::size_t i = 0; i < pages.size(); ++i) {
    EXPECT_EQ(pages[i].frame, i);
    EXPECT_EQ(pages[i].rights, kernel_rights());
  }
  ASSERT_EQ(on.flushes.flushes.size(), 1u);
  EXPECT_EQ(on.flushes.flushes[0].range, at(base(), Bytes{large()}));
  EXPECT_TRUE(on.counts_agree());
}

TEST_P(PageTablesOf, CollapsingUndoesASplitAndFreesTheTable) {
  ASSERT_TRUE(map(at(base(), Bytes{large()}), 0, PageLevel::kPmd).has_value());
  const auto before = on.pages();
  const auto free_before = on.machine.free_now(on.machine.dma32());
  ASSERT_TRUE(on.tables.split(VirtAddr{base()}, PageLevel::kPte).has_value());
  ASSERT_TRUE(on.tables.collapse(VirtAddr{base() + 0x1000}, PageLevel::kPmd).has_value());
  EXPECT_EQ(on.pages(), before);
  on.machine.pages().drain_all();
  EXPECT_TRUE(on.counts_agree());
  EXPECT_TRUE(on.flushes.flushes.back().tables_too);
  (void)free_before;
}

TEST_P(PageTablesOf, PagesOfDifferentRightsDoNotCollapse) {
  ASSERT_TRUE(map(at(base(), Bytes{large()}), 0).has_value());
  ASSERT_TRUE(
      on.tables.protect(at(base(), Bytes{0x1000}), {Prot::kNone, Prot::kWrite}).has_value());
  EXPECT_EQ(on.tables.collapse(VirtAddr{base()}, PageLevel::kPmd).error(), Errno::kInvalid);
  EXPECT_EQ(on.pages().size(), large() >> 12);
}

TEST_P(PageTablesOf, PagesThatLieApartDoNotCollapse) {
  ASSERT_TRUE(map(at(base(), Bytes{large()}), 1).has_value());
  EXPECT_EQ(on.tables.collapse(VirtAddr{base()}, PageLevel::kPmd).error(), Errno::kInvalid);
}

TEST_P(PageTablesOf, CollapsingKeepsWhatTheProcessorNoted) {
  ASSERT_TRUE(on.tables.map(at(base(), Bytes{large()}), {Pfn{0}, Prot::kWrite}).has_value());
  ASSERT_TRUE(
      on.tables.protect(at(base() + 0x7000, Bytes{0x1000}), {Prot::kDirty, {}}).has_value());
  ASSERT_TRUE(on.tables.collapse(VirtAddr{base()}, PageLevel::kPmd).has_value());
  EXPECT_EQ(on.tables.walk(VirtAddr{base()})->prot, Prot::kWrite | Prot::kDirty);
}

// The kernel's root keeps what it leads to, which processes share.
TEST_P(PageTablesOf, TablesThatMapNothingAreFreedOnRequest) {
  TablesOnMachine process(GetParam(), true);
  const auto tables_now = [&] {
    (void)process.pages();
    return process.walker.tables().size();
  };
  PageTables& tables = process.tables;
  ASSERT_TRUE(tables.map(at(base() + large(), Bytes{3 * large()}), {Pfn{0}}).has_value());
  ASSERT_TRUE(tables.map(at(base() + 5 * large(), Bytes{0x1000}), {Pfn{0}}).has_value());
  const std::size_t all = tables_now();
  ASSERT_TRUE(tables.unmap(at(base() + large(), Bytes{3 * large()})).has_value());
  EXPECT_EQ(tables_now(), all);
  // A table that also maps what is not in the range stays, even if it is empty.
  tables.free_empty_tables(at(base() + large() + 0x1000, Bytes{2 * large()}));
  EXPECT_EQ(tables_now(), all - 1);
  tables.free_empty_tables(at(base(), Bytes{6 * large()}));
  EXPECT_EQ(tables_now(), all - 3);
  EXPECT_TRUE(process.flushes.flushes.back().tables_too);
  EXPECT_TRUE(process.counts_agree());
}

// The frame of the freed table is the next that anybody gets.
TEST_P(PageTablesOf, AFreedTableIsNotWrittenToAgain) {
  TablesOnMachine process(GetParam(), true);
  PageTables& tables = process.tables;
  Page* const page = process.machine.alloc(Gfp::kKernel, 0);
  const VirtAddr where{0x4000'5000};
  const VirtRange around = at(0x4000'0000, gib(1));
  ASSERT_TRUE(tables.map_pages(where, {&page, 1}, Prot::kUserShared).has_value());
  const PageIndex freed = tables.find_slot(where).page;
  ASSERT_TRUE(tables.unmap(around).has_value());
  tables.free_empty_tables(around);
  Page* const other = process.machine.alloc(Gfp::kKernel, 0);
  EXPECT_EQ(process.machine.machine.map().index_of(*other), freed);
  ASSERT_TRUE(tables.map_pages(where, {&page, 1}, Prot::kUserShared).has_value());
  EXPECT_EQ(process.pages().size(), 1u);
  EXPECT_TRUE(process.counts_agree());
}

TEST_P(PageTablesOf, WhatBecameOneLargePageIsClearedAsSuch) {
  ASSERT_TRUE(map(at(base(), Bytes{0x1000}), 0).has_value());
  ASSERT_TRUE(map(at(base() + 0x1000, Bytes{large() - 0x1000}), 1).has_value());
  ASSERT_TRUE(on.tables.collapse(VirtAddr{base()}, PageLevel::kPmd).has_value());
  ASSERT_TRUE(on.tables.clear(at(base(), Bytes{large()})).has_value());
  EXPECT_TRUE(on.pages().empty());
  EXPECT_TRUE(on.counts_agree());
}

TEST(RecentTables, ATableIsFoundForItsRegionUntilAllAreForgotten) {
  RecentTables recent;
  EXPECT_EQ(recent.find(0), PageIndex::kNone);
  recent.note(5, PageIndex{77});
  recent.note(6, PageIndex{78});
  EXPECT_EQ(recent.find(5), PageIndex{77});
  EXPECT_EQ(recent.find(6), PageIndex{78});
  for (const std::uint64_t other : {std::uint64_t{5} << 8, std::uint64_t{5} | 1 << 8,
                                    std::uint64_t{5} | std::uint64_t{1} << 35})
    EXPECT_EQ(recent.find(other), PageIndex::kNone) << other;
  recent.forget();
  EXPECT_EQ(recent.find(5), PageIndex::kNone);
}

TEST_P(PageTablesOf, LeavesAreCountedBySizeInTheRangeThatIsCounted) {
  on.counts.range = at(base(), gib(1));
  ASSERT_TRUE(map(at(base(), Bytes{4 * large()}), 0, PageLevel::kPmd).has_value());
  ASSERT_TRUE(
      on.tables.map(at(0x4000'0000, Bytes{4 * large()}), {Pfn{0}, Prot::kUserShared}).has_value());
  EXPECT_EQ(on.counts.pages[1], 4u);
  EXPECT_EQ(on.counts.pages[0], 0u);
  ASSERT_TRUE(on.tables.split(VirtAddr{base()}, PageLevel::kPte).has_value());
  EXPECT_EQ(on.counts.pages[0], large() >> 12);
  EXPECT_EQ(on.counts.pages[1], 3u);
  ASSERT_TRUE(on.tables.unmap(at(base(), Bytes{4 * large()})).has_value());
  EXPECT_EQ(on.counts.pages[0], 0u);
  EXPECT_EQ(on.counts.pages[1], 0u);
}

TEST_P(PageTablesOf, SwapEntriesAreNotPresentAndComeBackAsTheyWere) {
  const auto slot = on.tables.make_slot(VirtAddr{base()}, PageLevel::kPte);
  ASSERT_TRUE(slot.has_value());
  const SwapEntry where{.area = 21, .offset = 0x12345};
  on.tables.store(*slot, on.tables.format().swap_entry(where));
  const Entry entry = on.tables.load(*slot);
  EXPECT_FALSE(entry.present());
  EXPECT_FALSE(entry.empty());
  EXPECT_EQ(on.tables.format().swap_of(entry), where);
  EXPECT_TRUE(on.pages().empty());
  EXPECT_TRUE(on.counts_agree());
  unsigned seen = 0;
  on.tables.for_each_entry(at(base(), Bytes{0x4000}),
                           [&](VirtAddr, const EntrySlot&, Entry) { ++seen; });
  EXPECT_EQ(seen, 1u);
}

TEST_P(PageTablesOf, NoAccessIsMappedButNotPresentForTheProcessor) {
  ASSERT_TRUE(
      on.tables.map(at(base(), Bytes{0x1000}), {Pfn{0x55}, Prot::kUserShared | Prot::kNoAccess})
          .has_value());
  EXPECT_EQ(on.pages().at(0).rights & 1, 0u);
  ASSERT_TRUE(on.tables.protect(at(base(), Bytes{0x1000}), {{}, Prot::kNoAccess}).has_value());
  EXPECT_EQ(on.pages().at(0).rights & kRights & 1, 1u);
}

TEST_P(PageTablesOf, ANewEntryOfTheRootIsTold) {
  ASSERT_TRUE(map(at(base(), Bytes{0x1000}), 0).has_value());
  ASSERT_TRUE(map(at(base() + 0x2000, Bytes{0x1000}), 0).has_value());
  EXPECT_EQ(on.flushes.roots, std::vector<VirtAddr>{VirtAddr{base()}});
}

TEST_P(PageTablesOf, ProcessesTablesAreCountedAndGoWithThem) {
  TablesOnMachine process(GetParam(), true);
  const Node& node = process.machine.machine.nodes().node(NodeId{0});
  const auto count = [&] {
    fold_vmstat(process.machine.machine.nodes(), Arch::current()->percpu);
    return node_state(node, NodeItem::kNrPageTablePages);
  };
  EXPECT_EQ(count(), 1u);
  ASSERT_TRUE(
      process.tables.map(at(0x10'0000, Bytes{0x1000}), {Pfn{1}, Prot::kUserShared}).has_value());
  EXPECT_EQ(count(), GetParam());
  process.tables.destroy();
  EXPECT_EQ(count(), 0u);
  EXPECT_TRUE(audited(process.machine.machine));
}

TEST_P(PageTablesOf, AProcessSharesTheKernelsHalf) {
  ASSERT_TRUE(map(at(base(), Bytes{0x1000}), 0x321).has_value());
  PageTables user({on.tables.format(), on.frames, on.flushes, true});
  ASSERT_TRUE(user.make_root().has_value());
  user.share(on.tables, VirtAddr{base()});
  ASSERT_TRUE(map(at(base() + 0x4000, Bytes{0x1000}), 0x654).has_value());
  EXPECT_EQ(user.walk(VirtAddr{base() + 0x4000})->frame, Pfn{0x654});
  // Whose tables they are may change by the kernel's doing alone.
  ASSERT_TRUE(user.clear(at(base() + 0x4000, Bytes{0x1000})).has_value());
  const Bytes reach = on.tables.format().at(PageLevel::kPmd).size();
  ASSERT_TRUE(on.tables.clear(at(base(), reach)).has_value());
  on.tables.free_empty_tables(at(base(), reach));
  ASSERT_TRUE(map(at(base(), reach), 0x200, PageLevel::kPmd).has_value());
  ASSERT_TRUE(user.clear(at(base(), reach)).has_value());
  EXPECT_TRUE(on.pages().empty());
  ASSERT_TRUE(map(at(base(), Bytes{0x1000}), 0x321).has_value());
  user.destroy();
  EXPECT_EQ(on.tables.walk(VirtAddr{base()})->frame, Pfn{0x321});
}

TEST_P(PageTablesOf, WithoutMemoryMappingIsUndone) {
  std::vector<Page*> taken;
  while (Page* page = on.machine.alloc(Gfp::kKernel | Gfp::kNoWarn, 0)) taken.push_back(page);
  for (unsigned i = 0; i < GetParam(); ++i) {
    on.machine.free(taken.back(), 0);
    taken.pop_back();
  }
  const auto mapped = map(at(base() + 0x1000, Bytes{64 * large()}), 0x55);
  ASSERT_FALSE(mapped.has_value());
  EXPECT_EQ(mapped.error(), Errno::kNoMemory);
  EXPECT_TRUE(on.pages().empty());
  EXPECT_TRUE(on.counts_agree());
}

INSTANTIATE_TEST_SUITE_P(Levels, PageTablesOf, testing::Values(2u, 3u, 4u, 5u));

}  // namespace
}  // namespace quire::test
