// Pages of a process that somebody else uses by their frames.
#include <gtest/gtest.h>

#include <vector>

#include "fault/fault.hpp"
#include "tests/process/process_machine.hpp"
#include "tests/support/counters.hpp"

namespace quire::testing {
namespace {

enum class Way : bool { kPlain, kFast };

class UserPagesTest : public ::testing::TestWithParam<Way> {
 protected:
  using Pages = std::vector<Page*>;
  enum class Kind : bool { kGet, kPin };

  Result<Pages> take(Kind kind, VirtAddr at, std::size_t count, Foll flags) {
    Pages pages(count);
    const UserPages wanted{at, flags, pages};
    test.floor->processes().run(process);
    const bool fast = GetParam() == Way::kFast;
    const auto call = kind == Kind::kPin ? (fast ? pin_user_pages_fast : pin_user_pages)
                                         : (fast ? get_user_pages_fast : get_user_pages);
    const auto got = call(test.floor->faults(), *process.mm, wanted);
    if (!got.has_value()) return got.error();
    pages.resize(got->raw());
    return pages;
  }
  Page& pin(VirtAddr at, Foll flags) {
    const auto pages = take(Kind::kPin, at, 1, flags);
    if (!pages.has_value()) throw std::runtime_error("not pinned");
    return *pages->front();
  }
  void unpin(Page& page, Written written = Written::kNo) {
    Page* const pages[] = {&page};
    unpin_user_pages(process.mm->parts, pages, written);
  }
  Page& page_at(Process& of, VirtAddr at) {
    return *test.machine.map().page_of(test.frame(of, at));
  }
  std::string bytes_of(const Page& page, std::size_t size) {
    return {reinterpret_cast<const char*>(test.machine.map().content_of(page)), size};
  }
  void write_to(const Page& page, std::string_view text) {
    std::memcpy(test.machine.map().content_of(page), text.data(), text.size());
  }
  std::int64_t counted(NodeItem item) { return exact(test.machine, item); }

  ProcessMachine test;
  Process& process = test.create("pinned");
};

TEST_P(UserPagesTest, APinnedPageIsTheOneThatTheProcessReadsAndWrites) {
  const VirtAddr at = test.map(process, 2);
  Page& page = pin(at, Foll::kWrite);
  EXPECT_EQ(&page, &page_at(process, at));
  EXPECT_TRUE(may_be_pinned(page));
  write_to(page, "by the device");
  EXPECT_EQ(test.read(process, at, 13), "by the device");
  test.write(process, at, "by the program");
  EXPECT_EQ(bytes_of(page, 14), "by the program");
  unpin(page, Written::kYes);
  EXPECT_FALSE(may_be_pinned(page));
  EXPECT_TRUE(has_flag(page, PageFlag::kDirty));
  EXPECT_EQ(counted(NodeItem::kNrFollPinAcquired), 1);
  EXPECT_EQ(counted(NodeItem::kNrFollPinReleased), 1);
}

TEST_P(UserPagesTest, AForkCopiesAPinnedPageAndSharesTheOthers) {
  const VirtAddr at = test.map(process, 3);
  for (unsigned i = 0; i < 3; ++i) test.write(process, at + size_of(PageCount{i}), "before");
  Page& page = pin(at + kPageSize, Foll::kWrite);
  Process& child = test.fork(process);
  EXPECT_NE(&page_at(child, at + kPageSize), &page);
  EXPECT_EQ(test.frame(child, at), test.frame(process, at));
  EXPECT_EQ(child.mm->rss(Rss::kAnon), PageCount{3});
  // The program's next write does not part it from the device.
  test.write(process, at + kPageSize, "parent");
  write_to(page, "device");
  EXPECT_EQ(test.read(process, at + kPageSize, 6), "device");
  EXPECT_EQ(test.read(child, at + kPageSize, 6), "before");
  test.write(child, at + kPageSize, "child!");
  EXPECT_EQ(test.read(process, at + kPageSize, 6), "device");
  unpin(page);
  test.exit(test.fork(process));
  EXPECT_TRUE(audited(test.machine));
}

TEST_P(UserPagesTest, APageThatIsSharedSinceAForkIsTheProcesssOwnBeforeItIsPinnedToBeRead) {
  const VirtAddr at = test.map(process, 1);
  test.write(process, at, "shared");
  Process& child = test.fork(process);
  Page& shared = page_at(child, at);
  const auto got = take(Kind::kGet, at, 1, Foll::kNone);
  EXPECT_EQ(got->front(), &shared) << "a mere reference copies nothing";
  test.floor->lru().put(shared);
  Page& page = pin(at, Foll::kLongterm);
  EXPECT_NE(&page, &shared);
  EXPECT_EQ(bytes_of(page, 6), "shared");
  test.write(process, at, "parent");
  EXPECT_EQ(bytes_of(page, 6), "parent") << "the write found the page its own";
  EXPECT_EQ(test.read(child, at, 6), "shared");
  unpin(page);
}

TEST_P(UserPagesTest, TheLastOfAFamilyKeepsItsPageWhenItIsPinnedToBeRead) {
  const VirtAddr at = test.map(process, 1);
  test.write(process, at, "alone");
  test.exit(test.fork(process));
  test.floor->lru().drain_all();
  Page& before = page_at(process, at);
  EXPECT_FALSE(has_flag(before, PageFlag::kAnonExclusive));
  Page& page = pin(at, Foll::kNone);
  EXPECT_EQ(&page, &before);
  EXPECT_TRUE(has_flag(page, PageFlag::kAnonExclusive));
  EXPECT_FALSE(any(process.mm->tables.walk(at)->prot & Prot::kWrite)) << "nothing was written";
  unpin(page);
}

TEST_P(UserPagesTest, HowManyWereHadIsToldAndOnlyNoneIsAnError) {
  const VirtAddr at = test.map(process, 3);
  Result<Pages> got = take(Kind::kPin, at + kPageSize, 5, Foll::kWrite);
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->size(), 2u) << "up to the end of the mapping";
  unpin_user_pages(process.mm->parts, *got, Written::kNo);
  EXPECT_EQ(take(Kind::kPin, at + kPageSize * 3, 1, Foll::kWrite).error(), Errno::kFault);
  EXPECT_EQ(take(Kind::kPin, at, 0, Foll::kNone)->size(), 0u);
  EXPECT_EQ(take(Kind::kGet, at, 1, Foll::kLongterm).error(), Errno::kInvalid)
      << "what lasts must be pinned";
  EXPECT_EQ(take(Kind::kPin, at, 1, Foll{0x40000}).error(), Errno::kInvalid);
  EXPECT_EQ(take(Kind::kPin, process.mm->layout.task_size, 1, Foll::kNone).error(),
            Errno::kFault);
  EXPECT_EQ(take(Kind::kPin, VirtAddr{~std::uint64_t{0}}, 1, Foll::kNone).error(), Errno::kFault);
}

TEST_P(UserPagesTest, WhatAProgramMayNotDoIsDoneByForceInAPrivateCopyOnly) {
  const VirtAddr at = test.map(process, 1);
  test.write(process, at, "code");
  const Caller caller = test.floor->caller(process);
  ASSERT_TRUE(do_mprotect(caller, at, kPageSize, prot::kRead).has_value());
  Process& child = test.fork(process);
  EXPECT_EQ(take(Kind::kGet, at, 1, Foll::kWrite).error(), Errno::kFault);
  const auto got = take(Kind::kGet, at, 1, Foll::kWrite | Foll::kForce);
  ASSERT_TRUE(got.has_value());
  write_to(*got->front(), "trap");
  EXPECT_EQ(test.read(process, at, 4), "trap");
  EXPECT_EQ(test.read(child, at, 4), "code");
  EXPECT_EQ(test.try_touch(process, at, Access::kUserWrite), FaultEnd::kNotAllowed);
  EXPECT_FALSE(any(process.mm->tables.walk(at)->prot & Prot::kWrite));
  test.floor->lru().put(*got->front());
  // Never touched, and not to be touched at all.
  const VirtAddr none = test.map(process, 1);
  ASSERT_TRUE(do_mprotect(caller, none, kPageSize, 0).has_value());
  EXPECT_EQ(take(Kind::kGet, none, 1, Foll::kNone).error(), Errno::kFault);
  const auto forced = take(Kind::kGet, none, 1, Foll::kWrite | Foll::kForce);
  ASSERT_TRUE(forced.has_value());
  test.floor->lru().put(*forced->front());
  EXPECT_EQ(test.try_touch(process, none, Access::kUserRead), FaultEnd::kNotAllowed);
}

TEST_P(UserPagesTest, AStackGrowsForWhoTakesItsPages) {
  const VirtAddr deep = process.mm->vmas.last()->end() - kib(200);
  Page& page = pin(deep, Foll::kWrite);
  EXPECT_EQ(process.mm->vmas.last()->start(), deep);
  unpin(page);
}

TEST_P(UserPagesTest, APinOutlivesTheMappingAndTheProcess) {
  test.exit(test.create("warm up"));
  const std::uint64_t before = test.used_pages();
  Process& other = test.create("gone");
  const VirtAddr at = test.map(other, 1);
  test.floor->processes().run(other);
  Page* pages[1];
  ASSERT_TRUE(pin_user_pages(test.floor->faults(), *other.mm, {at, Foll::kWrite, pages}));
  write_to(*pages[0], "still");
  test.exit(other);
  EXPECT_EQ(bytes_of(*pages[0], 5), "still");
  EXPECT_EQ(test.used_pages(), before + 1);
  unpin_user_pages(process.mm->parts, pages, Written::kYes);
  EXPECT_EQ(test.used_pages(), before);
  EXPECT_TRUE(audited(test.machine));
}

INSTANTIATE_TEST_SUITE_P(Ways, UserPagesTest, ::testing::Values(Way::kPlain, Way::kFast),
                         [](const auto& way) {
                           return way.param == Way::kFast ? "Fast" : "Plain";
                         });

}  // namespace
}  // namespace quire::testing
