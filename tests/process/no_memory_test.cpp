// Each request for memory that a call makes, of pages and of objects, is refused in turn: the call
// says so and has changed nothing, or does without; made again it does what it always does; and
// with the last process everything is given back.
#include <gtest/gtest.h>

#include <array>
#include <functional>

#include "tests/process/crowded_process.hpp"

namespace quire::testing::no_memory {
namespace {

using Crowd = CrowdedProcess;

class RefuseNth final : public AllocFailures {
 public:
  explicit RefuseNth(std::uint64_t nth) : nth_(nth) {}
  bool refuses(Gfp) override { return ++seen_ == nth_; }
  [[nodiscard]] bool has_refused() const { return seen_ >= nth_; }

 private:
  const std::uint64_t nth_;
  std::uint64_t seen_ = 0;
};

template <class T>
Result<void> done(const Result<T>& result) {
  return result.has_value() ? Result<void>{} : Result<void>{result.error()};
}

using Call = std::function<Result<void>(Crowd&)>;
struct Scenario {
  const char* name;
  Call call;
  std::function<void(Crowd&)> prepare = [](Crowd&) {};
  Errno otherwise = Errno::kNoMemory;  // what it may say instead of ENOMEM
  enum class Left : std::uint8_t {
    kNothing,
    kParts,  // where it fails: a part of its range is done
    kOld,    // where it does not: the old mapping, which could not be cut out
  } left = Left::kNothing;
};

class NoMemory : public ::testing::TestWithParam<Scenario> {
 protected:
  // `nth`: the request that is refused. Whether there were so many.
  bool refuse(Family family, std::uint64_t nth) {
    Crowd process(machine_, family);
    scenario_.prepare(process);
    RefuseNth failures(nth);
    machine_.pages().fail_by(&failures);
    const Result<void> result = scenario_.call(process);
    machine_.pages().fail_by(nullptr);
    if (!result.has_value()) {
      EXPECT_TRUE(audited(machine_.machine));
      EXPECT_TRUE(result.error() == Errno::kNoMemory || result.error() == scenario_.otherwise)
          << static_cast<int>(result.error());
      if (scenario_.left == Scenario::Left::kNothing) {
        EXPECT_EQ(process.look(), before_);
      }
      EXPECT_TRUE(scenario_.call(process).has_value());
    }
    if (scenario_.left != Scenario::Left::kOld) {
      EXPECT_EQ(process.look(), after_);
    }
    EXPECT_TRUE(audited(machine_.machine));
    EXPECT_TRUE(failures.has_refused() || result.has_value());
    return failures.has_refused();
  }
  // What is seen with the call, or without it.
  std::string look(Family family, bool called) {
    Crowd process(machine_, family);
    scenario_.prepare(process);
    if (called) {
      EXPECT_TRUE(scenario_.call(process).has_value());
    }
    return process.look();
  }
  void run(Family family) {
    before_ = look(family, false);
    after_ = look(family, true);
    const std::uint64_t used = machine_.used_pages();
    const PageCount committed = machine_.floor->parts().committed.pages();
    std::uint64_t nth = 1;
    while (refuse(family, nth) && !HasFailure()) {
      EXPECT_EQ(machine_.used_pages(), used);
      EXPECT_EQ(machine_.floor->parts().committed.pages(), committed);
      ASSERT_FALSE(HasFailure()) << "of its requests number " << nth << " was refused, "
                                 << (family == Family::kAlone ? "alone" : "with a child");
      ++nth;
    }
    ASSERT_FALSE(HasFailure()) << "number " << nth;
    EXPECT_GT(nth, 1u) << "it asks for nothing";
  }

 private:
  static Shape shape() {
    Shape shape = Shape::one_zone({.size_mib = 12});
    shape.options = "slub_debug=A";
    return shape;
  }

  const Scenario& scenario_ = GetParam();
  ProcessMachine machine_{shape()};
  std::string before_;
  std::string after_;
};

TEST_P(NoMemory, ACallWhoseRequestIsRefusedChangesNothingAndLosesNothing) {
  run(Family::kAlone);
  if (!HasFailure()) run(Family::kWithChild);
}

TEST(AllocFailures, RefuseWhatMayFailAndObjectsOfTheCachesThatAreNamed) {
  Shape shape = Shape::one_zone({.size_mib = 12});
  shape.options = "slub_debug=A,kmalloc-64";
  TestMachine machine(shape);
  Kmalloc& kmalloc = machine.machine.kmalloc();
  kmalloc.free(kmalloc.alloc(32, Gfp::kKernel));  // pages for more of them are there
  RefuseNth first(1);
  machine.pages().fail_by(&first);
  void* const unnamed = kmalloc.alloc(32, Gfp::kKernel);
  Page* const needed = machine.pages().allocate(Gfp::kKernel | Gfp::kNoFail, Order{0});
  EXPECT_FALSE(first.has_refused());
  EXPECT_NE(unnamed, nullptr);
  EXPECT_NE(needed, nullptr);
  EXPECT_EQ(kmalloc.alloc(64, Gfp::kKernel), nullptr);
  void* const named = kmalloc.alloc(64, Gfp::kKernel);
  EXPECT_NE(named, nullptr);
  RefuseNth again(1);
  machine.pages().fail_by(&again);
  std::array<Page*, 4> pages{};
  EXPECT_EQ(machine.pages().allocate_bulk(Gfp::kKernel, NodeId{0}, pages), 0u);
  machine.pages().fail_by(nullptr);
  kmalloc.free(unnamed);
  kmalloc.free(named);
  machine.pages().free(*needed, Order{0});
  EXPECT_EQ(machine.count_logged("page allocation failure"), 0u);
  EXPECT_TRUE(audited(machine.machine));
}

using Span = Crowd::Span;
constexpr std::uint64_t kAnonymous = map::kPrivate | map::kAnonymous;

Call mapping(Span span, const Crowd::Kind& kind) {
  return [=](Crowd& a) { return done(a.try_map(span, kind)); };
}
Call unmapping(Span span) {
  return [=](Crowd& a) { return do_munmap(a.caller(), span.start(), span.length()); };
}
Call protecting(Span span, std::uint64_t prot) {
  return [=](Crowd& a) { return do_mprotect(a.caller(), span.start(), span.length(), prot); };
}
Call advising(Span span, Advice advice) {
  return [=](Crowd& a) { return do_madvise(a.caller(), span.start(), span.length(), advice); };
}
Call locking(Span span) {
  return [=](Crowd& a) { return do_mlock(a.caller(), span.start(), span.length()); };
}
Call unlocking(Span span) {
  return [=](Crowd& a) { return do_munlock(a.caller(), span.start(), span.length()); };
}
Call moving(Span from, Span to, std::uint64_t flags) {
  return [=](Crowd& a) {
    return done(
        do_mremap(a.caller(), {from.start(), from.length(), to.length(), flags, to.start()}));
  };
}
Call touching(std::uint64_t page, Access access) {
  return [=](Crowd& a) { return a.touch(Crowd::at(page), access); };
}
Call pinning(std::uint64_t page, Foll flags) {
  return [=](Crowd& a) {
    return done(pin_user_pages(a.test.floor->faults(), *a.process.mm,
                               {Crowd::at(page), flags, {&a.pinned, 1}}));
  };
}
Result<void> fork(Crowd& a) {
  const auto child = a.test.floor->processes().fork(a.process);
  if (!child.has_value()) return child.error();
  if (a.child != nullptr) a.test.exit(*a.child);
  a.child = *child;
  return {};
}
Result<void> execute(Crowd& a) {
  static constexpr Segment kSegments[] = {
      {{VirtAddr{0x400000}, VirtAddr{0x402000}}, VmFlags::kRead | VmFlags::kExec},
      {{VirtAddr{0x403000}, VirtAddr{0x404000}}, VmFlags::kRead | VmFlags::kWrite}};
  return a.test.floor->processes().exec(a.process, {"executed", kSegments});
}
Result<void> grow_heap(Crowd& a) {
  const VirtAddr end = a.process.mm->layout.brk.align_up(kPageSize) + kPageSize * 3;
  return do_brk(a.caller(), end) == end ? Result<void>{} : Result<void>{Errno::kNoMemory};
}
Result<void> grow_stack(Crowd& a) {
  return a.touch(a.process.mm->layout.start_stack - mib(3), Access::kUserWrite);
}
Call writing(std::int64_t offset, std::size_t length) {
  return [=](Crowd& a) -> Result<void> {
    const std::string text(length, 'w');
    const auto bytes = std::as_bytes(std::span(text));
    for (std::size_t put = 0; put < length;) {
      const auto more = do_pwrite(a.process, a.number,
                                  {offset + static_cast<std::int64_t>(put), bytes.subspan(put)});
      if (!more.has_value()) return more.error();
      put += more->raw();
    }
    return {};
  };
}
Result<void> read_all(Crowd& a) {
  std::string text(Crowd::kFilePages << kPageShift, '?');
  for (std::size_t got = 0; got < text.size();) {
    const auto to = std::as_writable_bytes(std::span(text)).subspan(got);
    const auto more = do_pread(a.process, a.number, {static_cast<std::int64_t>(got), to});
    if (!more.has_value()) return more.error();
    got += more->raw();
  }
  return {};
}
Result<void> write_to_memory_file(Crowd& a) {
  const auto number = do_memfd_create(a.process, "memory", 0);
  if (!number.has_value()) return number.error();
  const std::string text(3 << kPageShift, 'm');
  const auto put = do_pwrite(a.process, *number, {100, std::as_bytes(std::span(text))});
  const auto room = do_fallocate(a.process, *number, {0, 0, 8 << kPageShift});
  EXPECT_TRUE(do_close(a.process, *number).has_value());
  return put.has_value() ? room : Result<void>{put.error()};
}
Result<void> open_many(Crowd& a) {
  std::vector<int> numbers;
  Result<void> result{};
  while (result.has_value() && numbers.size() < 70) {
    const auto number = do_dup(a.process, a.number);
    if (number.has_value()) numbers.push_back(*number);
    result = done(number);
  }
  for (const int number : numbers) EXPECT_TRUE(do_close(a.process, number).has_value());
  return result;
}
constexpr auto kParts = Scenario::Left::kParts;
constexpr auto kOld = Scenario::Left::kOld;
constexpr std::uint64_t kMove = remap::kMayMove | remap::kFixed;
constexpr std::uint64_t kFar = std::uint64_t{1} << 31;  // no table that others have leads there
void nothing(Crowd&) {}
void map_far(Crowd& a) { a.make({kFar, 3}); }
void unmap_wide(Crowd& a) {
  EXPECT_TRUE(unmapping({Crowd::kWide, 1300})(a).has_value());
}
void fork_before(Crowd& a) { EXPECT_TRUE(fork(a).has_value()); }
void drop_file(Crowd& a) {
  EXPECT_TRUE(do_fsync(a.process, a.number).has_value());
  a.test.floor->cache().drop_caches();
}

const Scenario kScenarios[] = {
    {"MmapInAHole", mapping({500, 3}, {kAnonymous})},
    {"MmapBesideANeighbour", mapping({32, 3}, {kAnonymous})},
    {"MmapOverTheMiddle", mapping({6, 4}, {kAnonymous}), nothing, Errno::kNoMemory, kParts},
    {"MmapShared", mapping({500, 3}, {map::kShared | map::kAnonymous})},
    {"MmapSharedWithoutPromise",
     mapping({500, 3}, {map::kShared | map::kAnonymous | map::kNoReserve})},
    {"MmapPrivateFile", mapping({500, 3}, {map::kPrivate, 8})},
    {"MmapSharedFile", mapping({500, 3}, {map::kShared, 8})},
    {"MmapPopulated", mapping({500, 3}, {kAnonymous | map::kPopulate})},
    {"MmapLocked", mapping({500, 3}, {kAnonymous | map::kLocked})},
    {"MunmapTheMiddle", unmapping({6, 4})},
    {"MunmapManyFromAMiddleToAMiddle", unmapping({20, 50}), nothing, Errno::kNoMemory, kParts},
    {"MprotectTheMiddle", protecting({6, 4}, prot::kRead)},
    {"MprotectAFile", protecting({44, 4}, 0)},
    {"MprotectOfWhatIsPromisedThen", protecting({26, 2}, prot::kRead | prot::kWrite)},
    {"MprotectMany", protecting({20, 12}, 0), nothing, Errno::kNoMemory, kParts},
    {"MremapGrowsElsewhere", moving({20, 4}, {0, 9}, remap::kMayMove), nothing,
     Errno::kNoMemory, kOld},
    {"MremapMovesTheMiddle", moving({6, 4}, {500, 4}, kMove), nothing,
     Errno::kNoMemory, kOld},
    {"MremapMovesThreeTables",
     moving({Crowd::kWide, 1300}, {8192, 1300}, kMove)},
    {"MremapMovesToOtherOffsets",
     moving({Crowd::kWide, 1300}, {8195, 1300}, kMove)},
    {"MremapMovesFar",
     moving({0, 24}, {kFar, 24}, kMove)},
    {"MremapLeavesTheOld",
     moving({6, 4}, {500, 4}, kMove | remap::kDontUnmap)},
    {"MremapMovesLockedFar", moving({90, 4}, {kFar, 4}, kMove)},
    {"MremapLeavesTheOldLocked",
     moving({91, 2}, {500, 2}, kMove | remap::kDontUnmap), nothing,
     Errno::kNoMemory, kOld},
    {"MremapMovesAFile", moving({42, 4}, {500, 4}, kMove), nothing,
     Errno::kNoMemory, kOld},
    {"MadviseDontFork", advising({6, 4}, Advice::kDontFork), nothing, Errno::kAgain},
    {"MadvisePopulateWrite", advising({20, 4}, Advice::kPopulateWrite), nothing,
     Errno::kNoMemory, kParts},
    {"MadvisePopulateRead", advising({40, 16}, Advice::kPopulateRead), drop_file,
     Errno::kNoMemory, kParts},
    {"MadviseWillNeed", advising({40, 16}, Advice::kWillNeed), drop_file},
    {"MlockTheMiddle", locking({5, 4}), nothing, Errno::kAgain, kParts},
    {"MlockMany", locking({20, 12}), nothing, Errno::kAgain, kParts},
    {"MunlockTheMiddle", unlocking({91, 2})},
    {"Mlockall", [](Crowd& a) { return do_mlockall(a.caller(), lock::kAllCurrent); },
     unmap_wide, Errno::kNoMemory, kParts},
    {"Brk", grow_heap},
    {"FaultOfAWrite", touching(3, Access::kUserWrite)},
    {"FaultOfARead", touching(kFar, Access::kUserRead), map_far},
    {"FaultFarAway", touching(kFar, Access::kUserWrite), map_far},
    {"FaultOfTheZeroPage", touching(3, Access::kUserWrite),
     [](Crowd& a) { EXPECT_TRUE(a.touch(Crowd::at(3), Access::kUserRead)); }},
    {"FaultOfACopy", touching(2, Access::kUserWrite), fork_before},
    {"FaultOfAFileRead", touching(40, Access::kUserRead), drop_file},
    {"FaultOfAPrivateFileWrite", touching(47, Access::kUserWrite), drop_file},
    {"FaultOfASharedFileWrite", touching(72, Access::kUserWrite), drop_file},
    {"FaultOfSharedMemory", touching(85, Access::kUserWrite)},
    {"FaultOfTheStack", grow_stack, nothing, Errno::kFault, kParts},
    {"Pin", pinning(3, Foll::kWrite)},
    {"PinOfWhatIsShared", pinning(2, Foll::kNone), fork_before},
    {"Fork", fork},
    {"ForkOfPinned", fork,
     [](Crowd& a) { EXPECT_TRUE(pinning(2, Foll::kWrite)(a).has_value()); }},
    {"Exec", execute},
    {"Read", read_all, drop_file},
    {"Write", writing(100, 3 << kPageShift), drop_file, Errno::kNoMemory, kParts},
    {"WriteWholePages", writing(0, 40 << kPageShift), drop_file, Errno::kNoMemory, kParts},
    {"MemoryFile", write_to_memory_file},
    {"OpenMany", open_many},
};

INSTANTIATE_TEST_SUITE_P(Calls, NoMemory, ::testing::ValuesIn(kScenarios),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace quire::testing::no_memory
