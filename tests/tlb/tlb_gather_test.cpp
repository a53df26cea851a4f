// Pages that are taken away in one go are flushed once, and are free only then.
#include <gtest/gtest.h>

#include "pagetable/pagetable.hpp"
#include "tests/support/test_machine.hpp"
#include "tests/tlb/naive_tables.hpp"

namespace quire {
namespace {

constexpr VirtAddr kStart{0x400000};

// Pages that are on no list.
class PlainRelease final : public PageRelease {
 public:
  explicit PlainRelease(PageAllocator& pages) : pages_(pages) {}
  void release_all(std::span<const PageIndex> pages) override {
    for (const PageIndex page : pages) pages_.free_page(pages_.map().at(page));
  }

 private:
  PageAllocator& pages_;
};

// A process on two CPUs of a machine; its tables are naive.
class TlbGatherTest : public testing::Test {
 protected:
  TlbGatherTest() : arena_(machine.host) {
    const std::span<CpuContext> cpus = machine.machine.cpus();
    EXPECT_TRUE(model.init(arena_, {tlb, tables, cpus, 21}, {}).has_value());
    EXPECT_TRUE(tlb.init(arena_, model, cpus, Pfn{0}).has_value());
    model.set_check(&checker);
    for (const unsigned cpu : {1u, 0u}) {
      machine.use_cpu(cpu);
      tlb.switch_mm(mm);
    }
  }
  void map(unsigned number, std::uint64_t frame) {
    tables.map(mm.root(), kStart + kPageSize * number, {.frame = Pfn{frame}});
  }
  std::byte* read(unsigned number) {
    return model.here().translate<Access::kUserRead>(kStart + kPageSize * number);
  }
  void clear(TlbGather& gather, unsigned number) {
    tables.unmap(mm.root(), kStart + kPageSize * number);
    gather.cleared(kStart + kPageSize * number);
  }
  [[nodiscard]] std::int64_t free() { return machine.free_now(machine.dma32()); }
  [[nodiscard]] std::uint64_t remote_flushes() {
    return event_count(machine.machine.nodes(), VmEvent::kNrTlbRemoteFlush);
  }

  TestMachine machine{Shape::one_zone({.size_mib = 128, .cpus = 2})};
  NaiveTables tables{16};
  PlainRelease release{machine.pages()};
  Tlb tlb;
  TlbModel model;
  TlbChecker checker{{machine.host, tlb, tables, NaiveTables::kKernel}};
  std::vector<CpuMask::Word> words = std::vector<CpuMask::Word>(1);
  TlbMm mm{Pfn{1}, 100, words};

 private:
  Arena arena_;
};

TEST_F(TlbGatherTest, ClearedEntriesAreFlushedOnceAtTheEnd) {
  for (unsigned i = 0; i < 4; ++i) map(i, i + 1);
  for (unsigned i = 0; i < 4; ++i) EXPECT_NE(read(i), nullptr);
  {
    TlbGather gather(tlb, mm, machine.pages(), release);
    for (unsigned i = 0; i < 4; ++i) clear(gather, i);
    EXPECT_EQ(remote_flushes(), 0u);
    EXPECT_NE(read(2), nullptr) << "stale, and excused";
  }
  EXPECT_EQ(remote_flushes(), 1u);
  for (unsigned i = 0; i < 4; ++i) EXPECT_EQ(read(i), nullptr);
  EXPECT_FALSE(mm.gathering());
}

TEST_F(TlbGatherTest, PagesAreFreeAfterTheFlushAndNotBefore) {
  const std::int64_t before = free();
  std::vector<Page*> pages;
  for (unsigned i = 0; i < 3000; ++i) pages.push_back(machine.alloc(Gfp::kKernel, 0));
  {
    TlbGather gather(tlb, mm, machine.pages(), release);
    const std::int64_t taken = free();
    for (unsigned i = 0; i < 3000; ++i) {
      clear(gather, i);
      gather.free_later(*pages[i]);
    }
    EXPECT_LE(free(), taken) << "some are taken to remember the others in";
    gather.finish();
    machine.pages().drain_all();
    EXPECT_EQ(free(), before);
  }
  EXPECT_TRUE(audited(machine.machine));
}

TEST_F(TlbGatherTest, TenThousandPagesWaitAtMost) {
  std::vector<Page*> pages;
  for (unsigned i = 0; i <= TlbGather::kMost; ++i) pages.push_back(machine.alloc(Gfp::kKernel, 0));
  TlbGather gather(tlb, mm, machine.pages(), release);
  for (unsigned i = 0; i < TlbGather::kMost; ++i) {
    clear(gather, i);
    gather.free_later(*pages[i]);
  }
  EXPECT_EQ(remote_flushes(), 0u);
  gather.free_later(*pages.back());
  EXPECT_EQ(remote_flushes(), 1u);
}

TEST_F(TlbGatherTest, WithoutMemoryToRememberInItFlushesEarly) {
  std::vector<Page*> pages;
  while (Page* const page = machine.alloc(Gfp::kNoWait | Gfp::kNoWarn, 0)) pages.push_back(page);
  {
    TlbGather gather(tlb, mm, machine.pages(), release);
    for (unsigned i = 0; i < 9; ++i) {
      clear(gather, i);
      gather.free_later(*pages[i]);
    }
    EXPECT_EQ(remote_flushes(), 1u);
  }
  for (std::size_t i = 9; i < pages.size(); ++i) machine.free(pages[i], 0);
  EXPECT_TRUE(audited(machine.machine));
}

TEST_F(TlbGatherTest, LargeEntriesAreFlushedInTheirSteps) {
  const VirtAddr large{0x40000000};
  tables.map(mm.root(), large, {.frame = Pfn{0}, .shift = 21});
  EXPECT_NE(model.here().translate<Access::kUserRead>(large), nullptr);
  {
    TlbGather gather(tlb, mm, machine.pages(), release);
    tables.unmap(mm.root(), large);
    gather.cleared(large + kPageSize * 3, 21);
    gather.cleared(large + mib(40), 21);
  }
  EXPECT_EQ(model.here().translate<Access::kUserRead>(large), nullptr);
  EXPECT_EQ(event_count(machine.machine.nodes(), VmEvent::kNrTlbLocalFlushOne), 21u);
}

}  // namespace
}  // namespace quire
