// One byte's way: a process maps memory, writes, forks, and each of the two reads what it wrote.
#include <gmock/gmock.h>

#include <utility>
#include <vector>

#include "tests/process/process_machine.hpp"

namespace quire::testing {
namespace {

TEST(Process, ReadsWhatItWrote) {
  ProcessMachine test;
  Process& process = test.create("writer");
  const VirtAddr at = test.map(process, 3);
  test.write(process, at + Bytes{4090}, "across two pages");
  EXPECT_EQ(test.read(process, at + Bytes{4090}, 16), "across two pages");
  EXPECT_EQ(test.read(process, at + Bytes{2 * 4096}, 4), std::string(4, '\0')) << "never written";
}

TEST(Process, TouchesOfNewMemoryAreMinorFaults) {
  ProcessMachine test;
  Process& process = test.create("toucher");
  const VirtAddr at = test.map(process, 4);
  const std::uint64_t before = process.minor_faults;
  test.touch(process, at, Access::kUserRead);
  test.touch(process, at, Access::kUserRead);
  EXPECT_EQ(process.minor_faults - before, 1U) << "a read maps the page of zeros, once";
  EXPECT_EQ(process.mm->rss(Rss::kAnon), PageCount{0});
  test.touch(process, at, Access::kUserWrite);
  EXPECT_EQ(process.minor_faults - before, 2U) << "the first write gives it a page of its own";
  test.touch(process, at + kPageSize, Access::kUserWrite);
  test.touch(process, at + kPageSize, Access::kUserRead);
  EXPECT_EQ(process.minor_faults - before, 3U);
  EXPECT_EQ(process.mm->rss(Rss::kAnon), PageCount{2});
}

TEST(Process, WritesAfterAForkAreSeenByTheWriterAlone) {
  ProcessMachine test;
  Process& parent = test.create("parent");
  const VirtAddr at = test.map(parent, 2);
  test.write(parent, at, "before");
  test.write(parent, at + kPageSize, "shared");
  Process& child = test.fork(parent);
  test.write(child, at, "child!");
  test.write(parent, at, "parent");
  EXPECT_EQ(test.read(child, at, 6), "child!");
  EXPECT_EQ(test.read(parent, at, 6), "parent");
  EXPECT_EQ(test.read(child, at + kPageSize, 6), "shared");
  EXPECT_EQ(test.frame(child, at + kPageSize), test.frame(parent, at + kPageSize));
  EXPECT_NE(test.frame(child, at), test.frame(parent, at));
  test.exit(child);
  EXPECT_EQ(test.read(parent, at + kPageSize, 6), "shared");
}

TEST(Process, APageThatNobodySharesAnyMoreIsNotCopied) {
  ProcessMachine test;
  Process& parent = test.create("parent");
  const VirtAddr at = test.map(parent, 1);
  test.write(parent, at, "kept");
  const Pfn frame = test.frame(parent, at);
  test.exit(test.fork(parent));
  test.write(parent, at, "KEPT");
  EXPECT_EQ(test.frame(parent, at), frame);
}

TEST(Process, AChildsEntriesAreOldUntilItUsesThem) {
  ProcessMachine test;
  Process& parent = test.create("parent");
  const VirtAddr at = test.map(parent, 1);
  test.write(parent, at, "used");
  Process& child = test.fork(parent);
  const auto is_old = [&](const Process& process) {
    return !any(process.mm->tables.walk(at)->prot & Prot::kAccessed);
  };
  EXPECT_FALSE(is_old(parent));
  EXPECT_TRUE(is_old(child));
  EXPECT_EQ(test.read(child, at, 4), "used");
  EXPECT_FALSE(is_old(child));
}

TEST(Process, APageIsFoundInAllWhoMayMapIt) {
  ProcessMachine test;
  Process& parent = test.create("parent");
  const VirtAddr at = test.map(parent, 3) + kPageSize;
  test.write(parent, at, "shared");
  Process& child = test.fork(parent);
  using Places = std::vector<std::pair<const Mm*, VirtAddr>>;
  const auto places_of = [&](const Process& process) {
    const Page& page = *test.machine.map().page_of(process.mm->tables.walk(at)->frame);
    Places places;
    for_each_place(page, [&](const Vma& vma, VirtAddr place) {
      places.emplace_back(vma.mm, place);
      return true;
    });
    return places;
  };
  const Places both{{parent.mm, at}, {child.mm, at}};
  EXPECT_THAT(places_of(parent), ::testing::UnorderedElementsAreArray(both));
  EXPECT_THAT(places_of(child), ::testing::UnorderedElementsAreArray(both));
  test.write(child, at, "child!");
  EXPECT_EQ(places_of(child), (Places{{child.mm, at}})) << "its copy was made after the fork";
  unsigned visits = 0;
  for_each_place(*test.machine.map().page_of(test.frame(parent, at)), [&](const Vma&, VirtAddr) {
    return ++visits == 0;
  });
  EXPECT_EQ(visits, 1U);
}

// Tables that nothing else lies in go to the new place as they are.
TEST(Process, AMoveTakesWholeTablesAndLeavesTheNeighbours) {
  ProcessMachine test;
  Process& process = test.create("mover");
  const auto map_at = [&](VirtAddr at, Bytes length, std::uint64_t rights) {
    MmapRequest request{.address = at, .length = length, .prot = rights};
    request.flags = map::kPrivate | map::kAnonymous | map::kFixed;
    EXPECT_TRUE(do_mmap(test.floor->caller(process), request).has_value());
  };
  const VirtRange old{VirtAddr{0x10005000}, VirtAddr{0x10500000}};
  const Bytes way = gib(1);
  map_at(old.start, old.length(), prot::kRead | prot::kWrite);
  map_at(old.end, kib(4), prot::kRead | prot::kWrite | prot::kExec);
  test.write(process, old.start, "first");
  test.write(process, old.start + mib(2), "whole");
  test.write(process, old.end - kib(4), "last!");
  test.write(process, old.end, "neighbour");
  const auto table_of = [&](VirtAddr at) { return process.mm->tables.find_slot(at).page; };
  const PageIndex first = table_of(old.start), whole = table_of(old.start + mib(2)),
                  last = table_of(old.end);
  MremapRequest request{.old_address = old.start, .new_address = old.start + way};
  request.old_length = request.new_length = old.length();
  request.flags = remap::kMayMove | remap::kFixed;
  ASSERT_TRUE(do_mremap(test.floor->caller(process), request).has_value());
  EXPECT_EQ(table_of(old.start + way), first);
  EXPECT_EQ(table_of(old.start + mib(2) + way), whole);
  EXPECT_EQ(table_of(old.end), last);
  EXPECT_EQ(test.read(process, old.start + way, 5), "first");
  EXPECT_EQ(test.read(process, old.start + mib(2) + way, 5), "whole");
  EXPECT_EQ(test.read(process, old.end - kib(4) + way, 5), "last!");
  EXPECT_EQ(test.read(process, old.end, 9), "neighbour");
  EXPECT_EQ(test.try_touch(process, old.start, Access::kUserRead), FaultEnd::kNotMapped);
  EXPECT_TRUE(audited(test.machine));
}

TEST(Process, AccessOutsideOfMappingsFails) {
  ProcessMachine test;
  Process& process = test.create("stray");
  const VirtAddr at = test.map(process, 1);
  EXPECT_EQ(test.try_touch(process, at + kPageSize, Access::kUserRead), FaultEnd::kNotMapped);
  EXPECT_EQ(test.try_touch(process, VirtAddr{0}, Access::kUserRead), FaultEnd::kNotMapped);
  EXPECT_EQ(test.try_touch(process, VirtAddr{~std::uint64_t{0} << 47}, Access::kUserRead),
            FaultEnd::kNotMapped)
      << "the kernel's half";
  EXPECT_EQ(test.try_touch(process, at, Access::kUserExecute), FaultEnd::kNotAllowed);
}

TEST(Process, TheStackGrowsWhenItIsTouchedBelowItsStart) {
  ProcessMachine test;
  Process& process = test.create("deep");
  const Vma& stack = *process.mm->vmas.last();
  EXPECT_EQ(stack.range.length(), kib(132));
  const VirtAddr deep = stack.end() - mib(1);
  test.write(process, deep, "deep");
  EXPECT_EQ(stack.start(), deep.align_down(kPageSize));
  EXPECT_EQ(test.try_touch(process, stack.end() - mib(9), Access::kUserWrite),
            FaultEnd::kNotMapped)
      << "beyond RLIMIT_STACK";
}

TEST(Process, ExitGivesEverythingBack) {
  ProcessMachine test;
  test.exit(test.create("warm up"));
  const std::uint64_t before = test.used_pages();
  Process& parent = test.create("parent");
  const VirtAddr at = test.map(parent, 700);
  for (unsigned i = 0; i < 700; ++i)
    test.touch(parent, at + size_of(PageCount{i}), Access::kUserWrite);
  Process& child = test.fork(parent);
  for (unsigned i = 0; i < 700; i += 7)
    test.touch(child, at + size_of(PageCount{i}), Access::kUserWrite);
  test.exit(parent);
  EXPECT_EQ(child.mm->rss(Rss::kAnon), PageCount{700});
  test.exit(child);
  EXPECT_EQ(test.used_pages(), before);
  EXPECT_TRUE(audited(test.machine));
}

}  // namespace
}  // namespace quire::testing
