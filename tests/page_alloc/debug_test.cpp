// Callers' errors and what is done to the content of frames.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "tests/support/test_machine.hpp"

namespace quire {
namespace {

Shape with(KernelProfile profile) {
  Shape shape = Shape::one_zone({64, 1});
  shape.profile = profile;
  return shape;
}

class BadFrees : public testing::Test {
 protected:
  void TearDown() override { EXPECT_TRUE(audited(machine_.machine)); }
  void expect_report(std::string_view why) {
    EXPECT_EQ(machine_.count_logged("BUG: Bad page state"), 1u);
    EXPECT_TRUE(machine_.logged(why));
    EXPECT_EQ(machine_.pages().debug().bad_pages(), 1u);
  }

  TestMachine machine_{Shape::one_zone({64, 1})};
};

TEST_F(BadFrees, ADoubleFreeIsReportedAndThePageIsStillThereOnce) {
  for (const unsigned order : {0u, 2u, 5u, 10u}) {
    TestMachine machine(Shape::one_zone({64, 1}));
    Page* const page = machine.alloc(Gfp::kKernel, order);
    machine.free(page, order);
    machine.free(page, order);
    EXPECT_EQ(machine.count_logged("BUG: Bad page state"), 1u) << order;
    EXPECT_TRUE(audited(machine.machine)) << order;
    EXPECT_NE(machine.alloc(Gfp::kKernel, order), machine.alloc(Gfp::kKernel, order));
  }
}

TEST_F(BadFrees, AnotherOrderIsReportedAndTheBlockStaysInUse) {
  Page* const page = machine_.alloc(Gfp::kKernel, 3);
  machine_.free(page, 2);
  expect_report("freed with another order than it was allocated with");
  EXPECT_EQ(page->refcount, 1);
  machine_.free(page, 3);
  EXPECT_EQ(machine_.pages().debug().bad_pages(), 1u);
}

TEST_F(BadFrees, APageThatWasNeverHandedOutIsReported) {
  Page* const page = machine_.alloc(Gfp::kKernel, 3);
  machine_.free(page + 1, 0);
  expect_report("not allocated");
  machine_.free(page, 3);
}

TEST_F(BadFrees, AMappedPageIsReportedAndLeaked) {
  Page* const page = machine_.alloc(Gfp::kKernel, 0);
  page->mapping = 0x1000;
  machine_.free(page, 0);
  expect_report("non-NULL mapping");
  for (unsigned i = 0; i < 200; ++i) EXPECT_NE(machine_.alloc(Gfp::kKernel, 0), page);
}

TEST_F(BadFrees, APageInPageTablesIsReportedAndLeaked) {
  Page* const page = machine_.alloc(Gfp::kKernel, 0);
  page->mapcount = 1;
  machine_.free(page, 0);
  expect_report("nonzero mapcount");
}

TEST_F(BadFrees, APageThatIsStillUsedByItsFlagsIsReportedAndLeaked) {
  Page* const page = machine_.alloc(Gfp::kKernel, 0);
  page->word.set(PageFlag::kLocked);
  machine_.free(page, 0);
  expect_report("PAGE_FLAGS_CHECK_AT_FREE flag(s) set");
}

TEST_F(BadFrees, OtherFlagsGoWithThePage) {
  for (const unsigned order : {0u, 4u}) {
    Page* const page = machine_.alloc(Gfp::kKernel, order);
    for (const PageFlag flag : {PageFlag::kReferenced, PageFlag::kUptodate, PageFlag::kDirty,
                                PageFlag::kWorkingset, PageFlag::kSwapBacked, PageFlag::kReclaim})
      page->word.set(flag);
    machine_.free(page, order);
    EXPECT_EQ(page->word.raw() & PageWord::kFlagMask, 0u);
  }
  EXPECT_EQ(machine_.pages().debug().bad_pages(), 0u);
}

TEST_F(BadFrees, SixtyAreToldInAMinuteAndTheRestCounted) {
  const auto double_free = [&] {
    Page* const page = machine_.alloc(Gfp::kKernel, 0);
    machine_.free(page, 0);
    machine_.free(page, 0);
  };
  for (unsigned i = 0; i < 70; ++i) double_free();
  EXPECT_EQ(machine_.count_logged("BUG: Bad page state in process"), 60u);
  EXPECT_EQ(machine_.pages().debug().bad_pages(), 70u);
  machine_.host.run_for(60'000'000'000);
  double_free();
  EXPECT_TRUE(machine_.logged("BUG: Bad page state: 10 messages suppressed"));
  EXPECT_EQ(machine_.count_logged("BUG: Bad page state in process"), 61u);
}

TEST(BadFreesDeathTest, WithPanicOnWarnTheMachineStops) {
  TestMachine machine(with({.panic_on_warn = true}));
  Page* const page = machine.alloc(Gfp::kKernel, 0);
  machine.free(page, 0);
  EXPECT_DEATH(machine.free(page, 0), "panic_on_warn is set");
}

TEST(Failures, AreReportedAsLinuxReportsThem) {
  TestMachine machine(Shape::one_zone({64, 1}));
  while (machine.alloc(Gfp::kNoWait, 10) != nullptr) continue;
  EXPECT_TRUE(machine.logged("swapper/0: page allocation failure: order:10, mode:0x800(GFP_NOWAIT),"
                             " nodemask=(null),cpuset=/,mems_allowed=0"));
  machine.host.run_for(10'000'000'000);
  EXPECT_EQ(machine.pages().allocate_from(0b110100, Gfp::kKernel, Order{0}, node_id(0)), nullptr);
  EXPECT_TRUE(machine.logged("order:0, mode:0xcc0(GFP_KERNEL), nodemask=2,4-5,cpuset=/"));
}

TEST(Failures, OfDmaRequestsAreNotToldWhereThereIsNoDmaMemory) {
  TestMachine machine(Shape::one_zone({64, 1}));
  EXPECT_EQ(machine.alloc(Gfp::kDma | Gfp::kKernel, 2), nullptr);
  EXPECT_FALSE(machine.logged("page allocation failure"));
}

TEST(Failures, AreSilentWithNoWarn) {
  TestMachine machine(Shape::one_zone({64, 1}));
  const auto nowhere = [&](Gfp gfp) {
    return machine.pages().allocate_from(0b10, gfp, Order{0}, node_id(0));
  };
  EXPECT_EQ(nowhere(Gfp::kKernel | Gfp::kNoWarn), nullptr);
  EXPECT_FALSE(machine.logged("page allocation failure"));
  EXPECT_EQ(nowhere(Gfp::kKernel), nullptr);
  EXPECT_TRUE(machine.logged("page allocation failure"));
}

TEST(Failures, AreReportedOnceInTenSecondsAndTheOthersCounted) {
  TestMachine machine(Shape::one_zone({64, 1}));
  const auto fail = [&](unsigned times) {
    for (unsigned i = 0; i < times; ++i)
      EXPECT_EQ(machine.pages().allocate_from(0b10, Gfp::kKernel, Order{0}, node_id(0)), nullptr);
    return machine.count_logged("page allocation failure");
  };
  EXPECT_EQ(fail(3), 1u);
  machine.host.run_for(9'900'000'000);
  EXPECT_EQ(fail(5), 1u);
  machine.host.run_for(200'000'000);
  EXPECT_EQ(fail(5), 2u);
  EXPECT_TRUE(machine.logged("warn_alloc: 7 callbacks suppressed"));
}

class Content : public testing::Test {
 protected:
  static std::byte* of(TestMachine& machine, Page* page) {
    return machine.machine.map().content_of(*page);
  }
  static bool all(TestMachine& machine, Page* page, unsigned order, unsigned char value) {
    const auto* const first = reinterpret_cast<unsigned char*>(of(machine, page));
    return std::all_of(first, first + (4096ul << order), [=](auto byte) { return byte == value; });
  }
  // Allocates a block, writes all over it and frees it.
  static Page* soil(TestMachine& machine, unsigned order) {
    Page* const page = machine.alloc(Gfp::kKernel, order);
    std::memset(of(machine, page), 0x5b, 4096ul << order);
    machine.free(page, order);
    return page;
  }
};

TEST_F(Content, InitOnAllocClearsWhatIsHandedOut) {
  TestMachine machine(with({.init_on_alloc = true, .frame_content = true}));
  for (const unsigned order : {0u, 3u, 4u}) {
    Page* const page = soil(machine, order);
    ASSERT_EQ(machine.alloc(Gfp::kKernel, order), page);
    EXPECT_TRUE(all(machine, page, order, 0)) << order;
  }
}

TEST_F(Content, WithoutItOnlyZeroedRequestsAreCleared) {
  TestMachine machine(with({.init_on_alloc = false, .frame_content = true}));
  for (const unsigned order : {0u, 3u, 4u}) {
    Page* const page = soil(machine, order);
    ASSERT_EQ(machine.alloc(Gfp::kKernel, order), page);
    EXPECT_TRUE(all(machine, page, order, 0x5b)) << order;
    machine.free(page, order);
    ASSERT_EQ(machine.alloc(Gfp::kKernel | Gfp::kZero, order), page);
    EXPECT_TRUE(all(machine, page, order, 0)) << order;
  }
}

TEST_F(Content, InitOnFreeClearsWhatIsGivenBack) {
  TestMachine machine(with({.init_on_alloc = false, .init_on_free = true, .frame_content = true}));
  for (const unsigned order : {0u, 3u, 4u})
    EXPECT_TRUE(all(machine, soil(machine, order), order, 0)) << order;
}

TEST_F(Content, PoisoningFillsFreePagesAndFindsWritesToThem) {
  TestMachine machine(
      with({.init_on_alloc = false, .page_poisoning = true, .frame_content = true}));
  Page* const page = soil(machine, 0);
  EXPECT_TRUE(all(machine, page, 0, 0xaa));
  of(machine, page)[100] = std::byte{1};
  ASSERT_EQ(machine.alloc(Gfp::kKernel, 0), page);
  EXPECT_TRUE(machine.logged("pagealloc: memory corruption at pfn 0x"));
  EXPECT_TRUE(machine.logged("offset 100"));
  EXPECT_TRUE(audited(machine.machine));
}

TEST_F(Content, UntouchedPoisonIsNoFinding) {
  TestMachine machine(
      with({.init_on_alloc = false, .page_poisoning = true, .frame_content = true}));
  Page* const page = soil(machine, 2);
  ASSERT_EQ(machine.alloc(Gfp::kKernel, 2), page);
  EXPECT_FALSE(machine.logged("memory corruption"));
}

}  // namespace
}  // namespace quire
