// page_owner: records of who has which block.
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "tests/support/test_machine.hpp"

namespace quire {
namespace {

class Owners : public testing::Test {
 protected:
  Owners() {
    task_.pid = 42;
    task_.tgid = 40;
    task_.set_name("a-name-that-is-longer");
    Arch::current()->task = &task_;
    machine_.host.run_for(1000);
  }
  void TearDown() override {
    EXPECT_TRUE(audited(machine_.machine));
    Arch::current()->task = &Arch::current()->idle_task;
  }
  static Shape recording() {
    Shape shape = Shape::one_zone({64, 1});
    shape.profile.page_owner = true;
    return shape;
  }
  [[nodiscard]] std::optional<PageOwner> owner_of(const Page* page) {
    PageOwner owner;
    const PageOwners& owners = machine_.pages().debug().owners();
    if (!owners.look_up(machine_.machine.map().index_of(*page), owner)) return std::nullopt;
    return owner;
  }
  [[nodiscard]] std::string file() {
    StringSink sink;
    EXPECT_TRUE(machine_.machine.proc().read("sys/kernel/debug/page_owner", sink).has_value());
    return sink.text;
  }

  TestMachine machine_{recording()};
  Task task_;
};

TEST_F(Owners, ABlocksFirstPageTellsWhoAskedForItWhenAndHow) {
  for (const unsigned order : {0u, 3u, 6u}) {
    Page* const page = machine_.alloc(Gfp::kUser, order);
    const auto owner = owner_of(page);
    ASSERT_TRUE(owner.has_value());
    EXPECT_TRUE(owner->allocated);
    EXPECT_EQ(owner->gfp, Gfp::kUser);
    EXPECT_EQ(owner->order, Order{order});
    EXPECT_EQ(owner->pid, 42u);
    EXPECT_EQ(owner->tgid, 40u);
    EXPECT_STREQ(owner->comm.data(), "a-name-that-is-");
    EXPECT_EQ(owner->allocated_ns, machine_.host.now_ns());
    EXPECT_EQ(owner->freed_ns, 0u);
    EXPECT_NE(owner->caller, nullptr);
    EXPECT_EQ(owner->freed_by, nullptr);
  }
}

TEST_F(Owners, APageThatWasFreedTellsWhenAndWhoHadIt) {
  Page* const page = machine_.alloc(Gfp::kKernel, 0);
  machine_.host.run_for(500);
  machine_.free(page, 0);
  const auto owner = owner_of(page);
  ASSERT_TRUE(owner.has_value());
  EXPECT_FALSE(owner->allocated);
  EXPECT_EQ(owner->freed_ns, owner->allocated_ns + 500);
  EXPECT_NE(owner->freed_by, nullptr);
  EXPECT_EQ(owner->pid, 42u);
}

TEST_F(Owners, EachPageOfABulkAndOfASplitBlockHasItsOwn) {
  std::array<Page*, 8> pages{};
  ASSERT_EQ(machine_.pages().allocate_bulk(Gfp::kKernel, node_id(0), pages), 8u);
  for (const Page* page : pages) EXPECT_TRUE(owner_of(page)->allocated);
  Page* const block = machine_.alloc(Gfp::kKernel, 2);
  machine_.pages().split(*block, Order{2});
  for (unsigned i = 0; i < 4; ++i) {
    ASSERT_TRUE(owner_of(block + i).has_value());
    EXPECT_TRUE(owner_of(block + i)->allocated);
    EXPECT_EQ(owner_of(block + i)->order, Order{0});
    machine_.free(block + i, 0);
  }
}

TEST_F(Owners, TheFileHasARecordForEachBlockInUse) {
  EXPECT_EQ(file(), "");
  Page* const page = machine_.alloc(Gfp::kHighUserMovable | Gfp::kCompound, 3);
  machine_.free(machine_.alloc(Gfp::kKernel, 0), 0);
  const std::string text = file();
  const std::string pfn = std::to_string(machine_.pfn(page));
  const std::string block = std::to_string(machine_.pfn(page) / 512);
  const std::string ts = std::to_string(machine_.host.now_ns());
  const std::string head =
      "Page allocated via order 3, mask 0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), pid 42, tgid 40 "
      "(a-name-that-is-), ts " + ts + " ns, free_ts 0 ns\n"
      "PFN " + pfn + " type Movable Block " + block + " type Movable "
      "Flags 0xfffffc0010000(head|node=0|zone=1|lastcpupid=0x1fffff)\n ";
  EXPECT_EQ(text.substr(0, head.size()), head);
  const std::size_t code_end = text.find('\n', head.size());
  EXPECT_GT(code_end, head.size());
  EXPECT_EQ(text.substr(code_end), "\n\n");
}

TEST_F(Owners, TheReportOfABadPageTellsWhoHadIt) {
  Page* const page = machine_.alloc(Gfp::kKernel, 0);
  machine_.free(page, 0);
  machine_.free(page, 0);
  EXPECT_TRUE(machine_.logged("BUG: Bad page state in process a-name-that-is-"));
  EXPECT_TRUE(machine_.logged("page_owner tracks the page as freed"));
  EXPECT_TRUE(machine_.logged("page last allocated via order 0, migratetype Unmovable, gfp_mask "
                              "0xcc0(GFP_KERNEL), pid 42, tgid 40 (a-name-that-is-), ts "));
  EXPECT_TRUE(machine_.logged("page last free stack trace:"));
  EXPECT_TRUE(machine_.logged("CPU: 0 PID: 42 Comm: a-name-that-is-"));
}

// What the audit says once a record was changed.
class OwnersAudited : public Owners {
 protected:
  void TearDown() override { Arch::current()->task = &Arch::current()->idle_task; }
  PageOwners& owners() { return machine_.pages().debug().owners(); }
  [[nodiscard]] PageIndex index_of(const Page* page) {
    return machine_.machine.map().index_of(*page);
  }
  [[nodiscard]] std::string finding() {
    StringSink report;
    EXPECT_FALSE(machine_.machine.audit(report).has_value());
    return report.text;
  }
};

TEST_F(OwnersAudited, ABlockInUseThatNobodyHasIsFound) {
  Page* const page = machine_.alloc(Gfp::kKernel, 2);
  EXPECT_TRUE(audited(machine_.machine));
  owners().note_freed(index_of(page), nullptr);
  EXPECT_NE(finding().find("is in use, but page_owner knows of nobody"), std::string::npos);
}

TEST_F(OwnersAudited, ASlabThatNobodyHasIsFound) {
  void* const object = machine_.machine.kmalloc().alloc(64, Gfp::kKernel);
  const MemoryMap& map = machine_.machine.map();
  EXPECT_TRUE(audited(machine_.machine));
  owners().note_freed(map.frames().index_at(object), nullptr);
  EXPECT_NE(finding().find("is in use, but page_owner knows of nobody"), std::string::npos);
}

TEST_F(OwnersAudited, AFreePageThatSomebodyHasIsFound) {
  Page* const kept = machine_.alloc(Gfp::kKernel, 0);
  Page* const listed = machine_.alloc(Gfp::kKernel, 5);
  machine_.free(kept, 0);
  machine_.free(listed, 5);
  AllocRequest request;
  for (Page* const page : {kept, listed + 3}) {
    EXPECT_TRUE(audited(machine_.machine));
    owners().note_allocated(index_of(page), request);
    EXPECT_NE(finding().find("is free, but page_owner says that somebody has it"),
              std::string::npos);
    owners().note_freed(index_of(page), nullptr);
    machine_.pages().drain_all();
  }
}

TEST_F(OwnersAudited, ABlockLargerThanItsOwnerAskedForIsFound) {
  Page* const page = machine_.alloc(Gfp::kKernel, 2);
  AllocRequest request;
  request.order = Order{1};
  owners().note_allocated(index_of(page), request);
  EXPECT_NE(finding().find("as a block of order 2, but its owner asked for order 1"),
            std::string::npos);
}

TEST(OwnersOff, ThereIsNeitherRecordNorFile) {
  TestMachine machine(Shape::one_zone({64, 1}));
  StringSink sink;
  EXPECT_FALSE(machine.pages().debug().owners().on());
  EXPECT_EQ(machine.machine.proc().read("sys/kernel/debug/page_owner", sink).error(),
            Errno::kNoEntry);
}

TEST(OwnersOff, TheCommandLineSwitchesItOn) {
  Shape shape = Shape::one_zone({64, 1});
  shape.options = "page_owner=on";
  TestMachine machine(shape);
  EXPECT_TRUE(machine.pages().debug().owners().on());
}

}  // namespace
}  // namespace quire
