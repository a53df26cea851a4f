// Dirty pages by the clock and by their number, as the tunables have it: on CPU 0 programs write,
// on CPU 1 the flusher runs, CPU 2 is the disk's.
#include <gtest/gtest.h>

#include "hosts/sim/sim_kernel_thread.hpp"
#include "tests/process/disk_file.hpp"
#include "tests/support/counters.hpp"

namespace quire::testing::flusher {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kPage = kPageSize.raw();
constexpr std::uint64_t kPageNs = 100'000;  // of the disk: 40 MB a second

class FlusherTest : public ::testing::Test {
 protected:
  // As a program that spends no time of its own.
  void write_pages(std::uint64_t count) {
    test.host.spawn(cpu(0), "writer", [this, count] {
      const std::string page(kPage, 'x');
      for (std::uint64_t i = 0; i < count; ++i)
        ASSERT_TRUE(file.write(size_of(PageCount{i}), page).has_value());
      written_after_ns = test.host.now_ns();
    });
  }
  void set(std::string_view name, std::string_view value) {
    ASSERT_TRUE(test.machine.proc().set(name, value).has_value());
  }
  // What is on its way to the disk arrives.
  void TearDown() override { test.host.run_for(kSecond); }
  CpuContext& cpu(unsigned number) { return test.machine.cpus()[number]; }
  std::int64_t count(NodeItem item) { return exact(test.machine, item); }
  std::string vmstat(const std::string& row) {
    StringSink sink;
    for (const CpuContext& one : test.machine.cpus()) fold_vmstat(test.machine.nodes(), one.percpu);
    EXPECT_TRUE(test.machine.proc().read("proc/vmstat", sink).has_value());
    const std::size_t at = sink.text.find('\n' + row + ' ') + row.size() + 2;
    return sink.text.substr(at, sink.text.find('\n', at) - at);
  }

  ProcessMachine test{Shape::one_zone({.size_mib = 64, .cpus = 3})};
  SimDisk disk{test.host, cpu(2), {.page_ns = kPageNs}};
  DiskFile file{test, disk};
  SimKernelThread thread{test.host, cpu(1), test.floor->flusher()};
  std::uint64_t written_after_ns = 0;
};

TEST_F(FlusherTest, OldDirtIsWrittenByTheNextPeriod) {
  test.host.run_for(kSecond);
  write_pages(3);
  test.host.run_for(33 * kSecond);
  EXPECT_EQ(vmstat("nr_dirtied"), "3");
  EXPECT_EQ(vmstat("nr_dirty"), "3") << "30 s old at 31 s, and looked at every 5 s";
  EXPECT_EQ(vmstat("nr_written"), "0");
  test.host.run_for(2 * kSecond);
  EXPECT_EQ(vmstat("nr_dirty"), "0");
  EXPECT_EQ(vmstat("nr_written"), "3");
  EXPECT_EQ(file.backing.bytes.size(), 3 * kPage);
  EXPECT_TRUE(audited(test.machine));
}

TEST_F(FlusherTest, AgeAndPeriodAreTunables) {
  set("vm.dirty_expire_centisecs", "100");
  set("vm.dirty_writeback_centisecs", "50");
  write_pages(3);
  test.host.run_for(kSecond);
  EXPECT_EQ(count(NodeItem::kNrWritten), 0);
  test.host.run_for(kSecond / 2 + kSecond / 10);
  EXPECT_EQ(count(NodeItem::kNrWritten), 3);
}

TEST_F(FlusherTest, WithoutAPeriodDirtOfAnyAgeStaysUntilThereIsOneAgain) {
  set("vm.dirty_writeback_centisecs", "0");
  write_pages(3);
  test.host.run_for(1000 * kSecond);
  EXPECT_EQ(count(NodeItem::kNrWritten), 0);
  set("vm.dirty_writeback_centisecs", "500");
  test.host.run_for(kSecond);
  EXPECT_EQ(count(NodeItem::kNrWritten), 3);
}

TEST_F(FlusherTest, DirtThatIsMadeWhileAFileIsWrittenIsYoung) {
  write_pages(40);
  test.host.run_for(30 * kSecond - kPageNs);
  bool first = true;
  file.backing.at_each_request = [this, &first] {
    if (!std::exchange(first, false)) return;
    ASSERT_TRUE(file.write(Bytes{0}, "young").has_value());
  };
  test.host.run_for(25 * kSecond);
  EXPECT_EQ(count(NodeItem::kNrWritten), 40) << "of two requests";
  EXPECT_EQ(count(NodeItem::kNrDirty), 1);
  test.host.run_for(15 * kSecond);
  EXPECT_EQ(count(NodeItem::kNrDirty), 0);
}

TEST_F(FlusherTest, BeyondTheBackgroundLimitItWritesAtOnceAndNobodyWaits) {
  set("vm.dirty_background_bytes", "409600");
  set("vm.dirty_bytes", "40960000");
  EXPECT_EQ(vmstat("nr_dirty_background_threshold"), "100");
  EXPECT_EQ(vmstat("nr_dirty_threshold"), "10000");
  write_pages(90);
  test.host.run_until_idle();
  EXPECT_EQ(count(NodeItem::kNrDirty), 90);
  write_pages(640);
  test.host.run_for(kSecond);
  EXPECT_LE(count(NodeItem::kNrDirty), 132) << "the writer looks every 32 pages";
  EXPECT_GE(count(NodeItem::kNrWritten), 640 - 132);
  EXPECT_LT(written_after_ns, 640 * kPageNs / 2);
}

TEST_F(FlusherTest, AWriterBeyondTheLimitIsAsSlowAsTheDisk) {
  set("vm.dirty_background_bytes", "819200");
  set("vm.dirty_bytes", "1638400");
  std::int64_t most = 0;
  file.backing.at_each_request = [&] {
    most = std::max(most, count(NodeItem::kNrDirty) + count(NodeItem::kNrWriteback));
  };
  write_pages(4000);
  test.host.run_until_idle();
  EXPECT_GE(written_after_ns, (4000 - 500) * kPageNs);
  EXPECT_LE(most, 400 + 32 + 40) << "the limit, what is written between looks, counters' slack";
  test.host.run_for(kSecond);
  EXPECT_TRUE(audited(test.machine));
}

TEST_F(FlusherTest, DroppedCachesAreDropped) {
  write_pages(50);
  test.host.run_until_idle();
  test.host.spawn(cpu(0), "syncer", [this] {
    ASSERT_TRUE(file.cache.fsync(file.file).has_value());
    ASSERT_TRUE(file.write(size_of(PageCount{7}), "dirty").has_value());
    set("vm.drop_caches", "2");
    EXPECT_EQ(file.mapping.cached(), 50u) << "of slabs alone";
    set("vm.drop_caches", "1");
  });
  test.host.run_until_idle();
  EXPECT_EQ(file.mapping.cached(), 1u);
}

}  // namespace
}  // namespace quire::testing::flusher
