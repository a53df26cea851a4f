// What the audit finds of page tables.
#include <gtest/gtest.h>

#include "tests/support/test_machine.hpp"

namespace quire {
namespace {

class TableAuditTest : public ::testing::Test {
 protected:
  [[nodiscard]] PageTables& tables() { return on.machine.kernel_tables().tables(); }
  // An entry of the direct map that maps a large page.
  [[nodiscard]] EntrySlot large() {
    return tables().find_slot(on.machine.kernel_tables().space().page_offset() + mib(32));
  }
  [[nodiscard]] std::string finding() {
    StringSink report;
    EXPECT_FALSE(on.machine.audit(report).has_value());
    return report.text;
  }

  TestMachine on{Shape::one_zone({.size_mib = 128})};
};

TEST_F(TableAuditTest, TablesThatAreUsedBalance) {
  const VirtAddr at = on.machine.kernel_tables().space().vmalloc.start;
  ASSERT_TRUE(tables().map({at, at + mib(3)}, {Pfn{0x1000}, Prot::kKernel}).has_value());
  EXPECT_TRUE(audited(on.machine));
  ASSERT_TRUE(tables().unmap({at, at + mib(3)}).has_value());
  EXPECT_TRUE(audited(on.machine));
  tables().free_empty_tables({at, at + mib(4)});
  EXPECT_TRUE(audited(on.machine));
}

TEST_F(TableAuditTest, AnEntryThatIsNotCountedIsFound) {
  exchange_entry(tables().format(), large(), Entry{});
  EXPECT_NE(finding().find("counts another number of entries"), std::string::npos);
}

TEST_F(TableAuditTest, RamThatIsNotMappedIsFound) {
  const VirtAddr at = on.machine.kernel_tables().space().page_offset() + mib(32);
  ASSERT_TRUE(tables().unmap({at, at + kPageSize}).has_value());
  EXPECT_NE(finding().find("RAM at 0x2000000 is not mapped"), std::string::npos);
}

TEST_F(TableAuditTest, AnotherFrameInTheDirectMapIsFound) {
  const EntrySlot slot = large();
  tables().store(slot, tables().format().leaf_entry(slot.level, Pfn{0}, Prot::kKernel));
  EXPECT_NE(finding().find("maps another frame"), std::string::npos);
}

TEST_F(TableAuditTest, ATableThatNobodyUsesIsFound) {
  ASSERT_TRUE(on.machine.kernel_tables().frames().allocate(PageLevel::kPte, false).has_value());
  EXPECT_NE(finding().find("pages are page tables, but tables lead to"), std::string::npos);
}

TEST_F(TableAuditTest, ATableInTwoPlacesIsFound) {
  const VirtAddr at = on.machine.kernel_tables().space().page_offset();
  const EntrySlot first = tables().find_slot(at, PageLevel::kPmd);
  ASSERT_TRUE(tables().load(first).is_table(PageLevel::kPmd));
  tables().store(large(), tables().load(first));
  EXPECT_NE(finding().find("is reached by two entries"), std::string::npos);
}

TEST_F(TableAuditTest, AnEntryThatLeadsToNoTableIsFound) {
  Page* const page = on.alloc(Gfp::kKernel, 0);
  const Pfn frame = on.machine.map().pfn_of(*page);
  tables().store(large(), tables().format().table_entry(PageLevel::kPmd, frame));
  EXPECT_NE(finding().find("is none"), std::string::npos);
}

TEST_F(TableAuditTest, AnEntryThatLeadsOutOfRamIsFound) {
  tables().store(large(), tables().format().table_entry(PageLevel::kPmd, Pfn{0x1'000'000}));
  EXPECT_NE(finding().find("has an entry that names a frame that is no RAM"), std::string::npos);
}

TEST_F(TableAuditTest, ATableOfAnotherLevelIsFound) {
  const auto table = on.machine.kernel_tables().frames().allocate(PageLevel::kPmd, false);
  const Pfn frame = on.machine.map().pfn_of(*table);
  tables().store(large(), tables().format().table_entry(PageLevel::kPmd, frame));
  EXPECT_NE(finding().find("is of another level"), std::string::npos);
}

TEST_F(TableAuditTest, AWrongCountOfTheDirectMapIsFound) {
  tables().store(large(), Entry{});
  EXPECT_NE(finding().find("are counted"), std::string::npos);
}

}  // namespace
}  // namespace quire
