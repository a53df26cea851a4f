// A machine's own tables as its CPUs use them: through modelled translation caches, on sim, and
// through windows onto high memory with 32 bits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/test_machine.hpp"

namespace quire {
namespace {

Shape with_tlb(Shape shape) {
  shape.tlb.modelled = true;
  shape.tlb.check = true;
  return shape;
}

Shape narrow() {
  Shape shape;
  shape.ram = {{0, 1, 1280}};
  shape.cpus.assign(2, NodeId{0});
  shape.arch = ArchProfile::kX86_32;
  return with_tlb(shape);
}

VirtAddr direct_address(TestMachine& test, const Page& page) {
  return test.machine.kernel_tables().space().direct_address(
      address_of(test.machine.map().pfn_of(page)));
}

template <Access kAccess>
std::byte* reach(TestMachine& test, VirtAddr at) {
  return test.machine.mmu().model()->here().translate<kAccess>(at);
}

std::string vmstat(TestMachine& test) {
  StringSink sink;
  EXPECT_TRUE(test.machine.proc().read("proc/vmstat", sink).has_value());
  return sink.text;
}

TEST(Mmu, WithoutModelledCachesNothingIsCountedOrFlushed) {
  TestMachine test(Shape::one_zone({.size_mib = 64}));
  EXPECT_EQ(test.machine.mmu().model(), nullptr);
  test.machine.mmu().tlb().flush_all();
  EXPECT_EQ(event_count(test.machine.nodes(), VmEvent::kNrTlbRemoteFlush), 0u);
  EXPECT_TRUE(audited(test.machine));
}

TEST(Mmu, CachesOfNoPowerOfTwoSetsAreRefusedAtBoot) {
  Shape shape = with_tlb(Shape::one_zone({.size_mib = 64}));
  shape.tlb.small = {63, 4};
  EXPECT_THROW(TestMachine test(shape), std::runtime_error);
}

TEST(Mmu, EveryPageIsReachedInTheDirectMap) {
  for (const ArchProfile arch : {ArchProfile::kX86_64, ArchProfile::kX86_64La57}) {
    Shape shape = with_tlb(Shape::two_nodes(128));
    shape.arch = arch;
    TestMachine test(shape);
    for (unsigned i = 0; i < 100; ++i) {
      Page* const page = test.alloc(Gfp::kKernel, 0, node_id(i % 2));
      const VirtAddr at = direct_address(test, *page) + Bytes{i};
      EXPECT_EQ(reach<Access::kWrite>(test, at), test.machine.map().content_of(*page) + i);
      EXPECT_EQ(reach<Access::kUserRead>(test, at), nullptr) << "not for programs";
      EXPECT_EQ(reach<Access::kExecute>(test, at), nullptr);
    }
    EXPECT_TRUE(audited(test.machine));
  }
}

TEST(Mmu, AChangeOfTheKernelsTablesReachesEveryCpu) {
  TestMachine test(with_tlb(Shape::one_zone({.size_mib = 64, .cpus = 3})));
  Page* const page = test.alloc(Gfp::kKernel, 0);
  const VirtAddr at = direct_address(test, *page);
  for (const unsigned cpu : {0u, 1u, 2u}) {
    test.use_cpu(cpu);
    EXPECT_NE(reach<Access::kWrite>(test, at), nullptr);
  }
  PageTables& tables = test.machine.kernel_tables().tables();
  ASSERT_TRUE(tables.protect({at, at + kPageSize}, {.clear = Prot::kWrite}).has_value());
  for (const unsigned cpu : {0u, 1u, 2u}) {
    test.use_cpu(cpu);
    EXPECT_EQ(reach<Access::kWrite>(test, at), nullptr);
    EXPECT_NE(reach<Access::kRead>(test, at), nullptr);
    EXPECT_NE(reach<Access::kWrite>(test, at + kPageSize), nullptr) << "its neighbour";
  }
  EXPECT_TRUE(audited(test.machine));
}

TEST(Mmu, TheAuditFindsATranslationThatTheTablesNoLongerMean) {
  TestMachine test(with_tlb(Shape::one_zone({.size_mib = 64})));
  const VirtAddr at = direct_address(test, *test.alloc(Gfp::kKernel, 0));
  PageTables& tables = test.machine.kernel_tables().tables();
  ASSERT_TRUE(tables.split(at, PageLevel::kPte).has_value());
  EXPECT_NE(reach<Access::kWrite>(test, at), nullptr);
  const EntrySlot slot = tables.find_slot(at);
  const Entry right = tables.load(slot);
  tables.store(slot, Entry{right.raw() & ~std::uint64_t{raw(Prot::kWrite)}});
  EXPECT_THAT(audited(test.machine).failure_message(), ::testing::HasSubstr("stale"));
  tables.store(slot, right);
  EXPECT_TRUE(audited(test.machine));
}

TEST(Mmu, HighMemoryIsReachedThroughWindowsAndLowMemoryDirectly) {
  TestMachine test(narrow());
  Kmap& kmap = test.machine.mmu().kmap();
  Page* const low = test.alloc(Gfp::kKernel, 0);
  Page* const high = test.alloc(Gfp::kHighUser, 0);
  EXPECT_FALSE(kmap.is_high(*low));
  EXPECT_TRUE(kmap.is_high(*high));
  EXPECT_EQ(reach<Access::kWrite>(test, kmap.kmap(*low)), test.machine.map().content_of(*low));
  EXPECT_EQ(reach<Access::kWrite>(test, kmap.kmap(*high)), test.machine.map().content_of(*high));
  const VirtAddr local = kmap.kmap_local(*high).value();
  EXPECT_EQ(reach<Access::kRead>(test, local), test.machine.map().content_of(*high));
  EXPECT_TRUE(audited(test.machine));
  EXPECT_TRUE(kmap.kunmap_local(local).has_value());
  EXPECT_TRUE(kmap.kunmap(*high).has_value());
  EXPECT_TRUE(audited(test.machine));
}

TEST(Mmu, TheAuditFindsAWindowThatMapsAnotherPage) {
  TestMachine test(narrow());
  const VirtAddr at = test.machine.mmu().kmap().kmap(*test.alloc(Gfp::kHighUser, 0));
  PageTables& tables = test.machine.kernel_tables().tables();
  tables.store(tables.find_slot(at), {});
  EXPECT_THAT(audited(test.machine).failure_message(), ::testing::HasSubstr("kmap: window 1"));
}

TEST(Mmu, VmstatHasTheRowsOfFlushesWhereTheKernelIsSoConfigured) {
  Shape shape = with_tlb(Shape::one_zone({.size_mib = 64, .cpus = 2}));
  EXPECT_THAT(vmstat(*std::make_unique<TestMachine>(shape)),
              ::testing::Not(::testing::HasSubstr("nr_tlb_")));
  shape.profile.debug_tlbflush = true;
  TestMachine test(shape);
  const auto before = vmstat(test);
  EXPECT_THAT(before, testing::ContainsRegex("balloon_migrate [0-9]+\nnr_tlb_remote_flush "));
  EXPECT_THAT(before, testing::ContainsRegex("nr_tlb_local_flush_one [0-9]+\nswap_ra "));
  const std::uint64_t flushes = event_count(test.machine.nodes(), VmEvent::kNrTlbRemoteFlush);
  test.machine.mmu().tlb().flush_all();
  EXPECT_THAT(vmstat(test), ::testing::HasSubstr("nr_tlb_remote_flush " +
                                               std::to_string(flushes + 1) + "\n"));
}

}  // namespace
}  // namespace quire
