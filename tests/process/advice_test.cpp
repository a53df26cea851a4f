// What becomes of pages that a program locks in memory, or says it does not need.
#include <gtest/gtest.h>

#include "tests/process/ram_file.hpp"
#include "tests/support/counters.hpp"

namespace quire::testing {
namespace {

class TextOfFile final : public TextSink {
 public:
  void write(std::string_view piece) override { text.append(piece); }
  std::string text;
};

class AdviceTest : public ::testing::Test {
 protected:
  ~AdviceTest() override { EXPECT_TRUE(audited(test.machine)); }

  [[nodiscard]] Caller caller() { return test.floor->caller(process); }
  VirtAddr written(std::uint64_t pages) {
    const VirtAddr at = test.map(process, pages);
    for (std::uint64_t i = 0; i < pages; ++i)
      test.write(process, at + size_of(PageCount{i}), "written");
    test.floor->lru().drain_all();
    return at;
  }
  void advise(VirtAddr at, std::uint64_t pages, Advice advice) {
    EXPECT_TRUE(do_madvise(caller(), at, size_of(PageCount{pages}), advice).has_value());
    test.floor->lru().drain_all();
  }
  Page& page_at(Process& of, VirtAddr at) {
    return *test.machine.map().page_of(test.frame(of, at));
  }
  Prot prot_at(VirtAddr at) { return process.mm->tables.walk(at)->prot; }
  // Pages of one list; the others wait nowhere.
  std::int64_t on(NodeItem list) {
    test.floor->lru().drain_all();
    return exact(test.machine, list);
  }
  std::int64_t locked() { return exact(test.machine, ZoneItem::kNrMlock); }
  std::uint64_t events(VmEvent event) { return event_count(test.machine.nodes(), event); }
  // A row of /proc/PID/smaps_rollup, in KiB.
  std::string rolled_up(const std::string& row) {
    const std::string path = "proc/" + std::to_string(process.task.pid) + "/smaps_rollup";
    TextOfFile file;
    EXPECT_TRUE(test.machine.proc().read(path, file).has_value());
    const std::size_t name = file.text.find(row + ":");
    const std::size_t from = file.text.find_first_not_of(' ', name + row.size() + 1);
    return file.text.substr(from, file.text.find(' ', from) - from);
  }

  ProcessMachine test;
  Process& process = test.create("adviser");
};

TEST_F(AdviceTest, LockedPagesAreUnevictableUntilTheyAreUnlocked) {
  const VirtAddr at = written(3);
  const std::int64_t before = on(NodeItem::kNrInactiveAnon);
  ASSERT_TRUE(do_mlock(caller(), at, kPageSize * 2).has_value());
  EXPECT_EQ(on(NodeItem::kNrUnevictable), 2);
  EXPECT_EQ(on(NodeItem::kNrInactiveAnon), before - 2);
  EXPECT_EQ(locked(), 2);
  EXPECT_TRUE(has_flag(page_at(process, at), PageFlag::kMlocked));
  EXPECT_EQ(rolled_up("Locked"), "8");
  ASSERT_TRUE(do_mlock(caller(), at, kPageSize).has_value()) << "once more is the same";
  ASSERT_TRUE(do_munlock(caller(), at, kPageSize * 3).has_value());
  EXPECT_EQ(on(NodeItem::kNrUnevictable), 0);
  EXPECT_EQ(on(NodeItem::kNrInactiveAnon), before);
  EXPECT_EQ(locked(), 0);
  EXPECT_EQ(events(VmEvent::kUnevictablePgsMlocked), 2u);
  EXPECT_EQ(events(VmEvent::kUnevictablePgsMunlocked), 2u);
  EXPECT_EQ(events(VmEvent::kUnevictablePgsRescued), 2u);
}

TEST_F(AdviceTest, PagesThatComeToALockedMappingAreLockedAndThoseThatGoAreNot) {
  const VirtAddr at = test.map(process, 4);
  ASSERT_TRUE(do_mlock(caller(), at, kPageSize * 4, lock::kOnFault).has_value());
  EXPECT_EQ(locked(), 0) << "none is there yet";
  test.touch(process, at, Access::kUserRead);
  EXPECT_EQ(locked(), 0) << "the page of zeros is nobody's";
  for (unsigned i = 0; i < 3; ++i)
    test.touch(process, at + size_of(PageCount{i}), Access::kUserWrite);
  EXPECT_EQ(locked(), 3);
  EXPECT_EQ(on(NodeItem::kNrUnevictable), 3);
  ASSERT_TRUE(do_munmap(caller(), at, kPageSize).has_value());
  EXPECT_EQ(locked(), 2);
  advise(at + kPageSize, 1, Advice::kDontNeedLocked);
  EXPECT_EQ(locked(), 1);
  EXPECT_EQ(on(NodeItem::kNrUnevictable), 1);
}

TEST_F(AdviceTest, TheCopyOfALockedPageIsLockedAndTheChildsIsNot) {
  const VirtAddr at = written(2);
  ASSERT_TRUE(do_mlock(caller(), at, kPageSize * 2).has_value());
  Process& child = test.fork(process);
  EXPECT_EQ(locked(), 2);
  Page& first = page_at(process, at);
  test.write(process, at, "copied");
  EXPECT_FALSE(has_flag(first, PageFlag::kMlocked)) << "the child's alone";
  EXPECT_TRUE(has_flag(page_at(process, at), PageFlag::kMlocked));
  test.write(child, at + kPageSize, "copied");
  EXPECT_FALSE(has_flag(page_at(child, at + kPageSize), PageFlag::kMlocked));
  EXPECT_EQ(on(NodeItem::kNrUnevictable), 2);
  test.exit(child);
  EXPECT_EQ(locked(), 2);
}

TEST_F(AdviceTest, AFilesPageIsLockedAsOftenAsMappingsLockIt) {
  RamFile disk(test, std::string(2 * kPageSize.raw(), 'f'));
  MmapRequest request{.length = kPageSize * 2, .prot = prot::kRead, .flags = map::kShared};
  request.file = &disk.file;
  const VirtAddr first = *do_mmap(caller(), request);
  const VirtAddr second = *do_mmap(caller(), request);
  for (const VirtAddr at : {first, second}) {
    ASSERT_TRUE(do_mlock(caller(), at, kPageSize * 2).has_value());
    test.floor->lru().drain_all();
  }
  EXPECT_EQ(locked(), 2);
  ASSERT_TRUE(do_munmap(caller(), first, kPageSize * 2).has_value());
  EXPECT_EQ(on(NodeItem::kNrUnevictable), 2) << "the other mapping holds them";
  ASSERT_TRUE(do_munlock(caller(), second, kPageSize * 2).has_value());
  EXPECT_EQ(locked(), 0);
  EXPECT_EQ(on(NodeItem::kNrUnevictable), 0);
  ASSERT_TRUE(do_munmap(caller(), second, kPageSize * 2).has_value());
}

TEST_F(AdviceTest, AtExitNothingStaysLocked) {
  Process& other = test.create("locker");
  const VirtAddr at = test.map(other, 3);
  ASSERT_TRUE(do_mlockall(test.floor->caller(other), lock::kAllCurrent).has_value());
  EXPECT_TRUE(has_flag(page_at(other, at), PageFlag::kMlocked));
  EXPECT_GE(locked(), 3);
  test.exit(other);
  EXPECT_EQ(locked(), 0);
  EXPECT_EQ(on(NodeItem::kNrUnevictable), 0);
}

TEST_F(AdviceTest, FreedPagesAreLazilyFreeUntilTheyAreWrittenTo) {
  const VirtAddr at = written(3);
  advise(at, 3, Advice::kFree);
  EXPECT_EQ(rolled_up("LazyFree"), "12");
  EXPECT_EQ(rolled_up("Rss"), rolled_up("Anonymous"));
  EXPECT_EQ(events(VmEvent::kPglazyfree), 3u);
  EXPECT_EQ(on(NodeItem::kNrInactiveFile), 3);
  EXPECT_EQ(test.read(process, at, 7), "written") << "memory is not short";
  test.write(process, at, "rewrite");
  EXPECT_EQ(rolled_up("LazyFree"), "8");
  // When they are asked to leave, those that nobody wrote to are zeros again.
  advise(at, 3, Advice::kPageOut);
  EXPECT_EQ(test.read(process, at, 7), "rewrite");
  EXPECT_EQ(test.read(process, at + kPageSize, 7), std::string(7, '\0'));
  EXPECT_EQ(process.mm->rss(Rss::kAnon), PageCount{1});
  EXPECT_EQ(events(VmEvent::kPglazyfreed), 2u);
}

TEST_F(AdviceTest, ALazilyFreePageThatAChildSharesStays) {
  const VirtAddr at = written(1);
  advise(at, 1, Advice::kFree);
  Process& child = test.fork(process);
  advise(at, 1, Advice::kPageOut);
  EXPECT_EQ(test.read(process, at, 7), "written");
  EXPECT_EQ(test.read(child, at, 7), "written");
  test.exit(child);
}

TEST_F(AdviceTest, ColdPagesAreInactiveAndUnused) {
  const VirtAddr at = written(2);
  Page& page = page_at(process, at);
  test.floor->lru().activate(page);
  EXPECT_EQ(on(NodeItem::kNrActiveAnon), 1);
  advise(at, 2, Advice::kCold);
  EXPECT_EQ(on(NodeItem::kNrActiveAnon), 0);
  EXPECT_FALSE(any(prot_at(at) & Prot::kAccessed));
  EXPECT_EQ(events(VmEvent::kPgdeactivate), 1u);
  EXPECT_EQ(test.read(process, at, 7), "written");
  // Those of several processes are theirs to judge.
  test.floor->lru().activate(page);
  Process& child = test.fork(process);
  EXPECT_EQ(on(NodeItem::kNrActiveAnon), 1);
  advise(at, 1, Advice::kCold);
  EXPECT_EQ(on(NodeItem::kNrActiveAnon), 1);
  test.exit(child);
}

TEST_F(AdviceTest, PagesOfAFileLeaveOnceTheyAreWrittenAndAnonymousOnesStay) {
  RamFile disk(test, std::string(4 * kPageSize.raw(), 'f'));
  MmapRequest request{
      .length = kPageSize * 4, .prot = prot::kRead | prot::kWrite, .flags = map::kShared};
  request.file = &disk.file;
  const VirtAddr at = *do_mmap(caller(), request);
  for (unsigned i = 0; i < 4; ++i) test.read(process, at + size_of(PageCount{i}), 1);
  test.write(process, at, "dirty");
  EXPECT_EQ(disk.mapping.cached(), 4u);
  advise(at, 3, Advice::kPageOut);
  EXPECT_EQ(disk.bytes.substr(0, 6), "dirtyf");
  EXPECT_EQ(disk.mapping.cached(), 1u) << "the last page was not meant";
  EXPECT_EQ(process.mm->rss(Rss::kFile), PageCount{1});
  const unsigned reads = disk.reads;
  EXPECT_EQ(test.read(process, at, 6), "dirtyf");
  EXPECT_GT(disk.reads, reads);
  const VirtAddr anonymous = written(2);
  advise(anonymous, 2, Advice::kPageOut);
  EXPECT_EQ(process.mm->rss(Rss::kAnon), PageCount{2});
  EXPECT_EQ(test.read(process, anonymous, 7), "written");
  ASSERT_TRUE(do_munmap(caller(), at, kPageSize * 4).has_value());
}

TEST_F(AdviceTest, APageOfAFileThatAnotherMappingShowsStays) {
  RamFile disk(test, std::string(kPageSize.raw(), 'f'));
  MmapRequest request{.length = kPageSize, .prot = prot::kRead, .flags = map::kShared};
  request.file = &disk.file;
  const VirtAddr first = *do_mmap(caller(), request);
  const VirtAddr second = *do_mmap(caller(), request);
  test.read(process, first, 1);
  test.read(process, second, 1);
  advise(first, 1, Advice::kPageOut);
  EXPECT_EQ(disk.mapping.cached(), 1u);
  EXPECT_EQ(process.mm->rss(Rss::kFile), PageCount{2});
  for (const VirtAddr at : {first, second})
    ASSERT_TRUE(do_munmap(caller(), at, kPageSize).has_value());
}

}  // namespace
}  // namespace quire::testing
