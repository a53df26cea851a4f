// Threads on CPUs of two nodes take from each other's nodes, free what others took, drain each
// other's sets and read /proc; afterwards the machine's books balance.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "hosts/native/cpu_pool.hpp"
#include "hosts/native/native_host.hpp"
#include "hosts/sim/random.hpp"
#include "tests/support/audited.hpp"

namespace quire {
namespace {

constexpr unsigned kSteps = 40'000;

struct Block {
  Page* page;
  Order order;
};

// Where threads leave blocks for others to free.
class Exchange {
 public:
  void put(Block block) {
    const std::scoped_lock lock(mutex_);
    blocks_.push_back(block);
  }
  bool take(Block& block) {
    const std::scoped_lock lock(mutex_);
    if (blocks_.empty()) return false;
    block = blocks_.front();
    blocks_.erase(blocks_.begin());
    return true;
  }

 private:
  std::mutex mutex_;
  std::vector<Block> blocks_;
};

// 16 GiB on two nodes with two CPUs each.
MachineSpec two_nodes() {
  static constexpr FirmwareRange kMap[] = {
      {{PhysAddr{0}, PhysAddr{0x9fc00}}, FirmwareType::kUsable},
      {{PhysAddr{1 << 20}, PhysAddr{std::uint64_t{16} << 30}}, FirmwareType::kUsable},
  };
  static constexpr AffinityRange kNodes[] = {
      {{PhysAddr{0}, PhysAddr{std::uint64_t{8} << 30}}, NodeId{0}},
      {{PhysAddr{std::uint64_t{8} << 30}, PhysAddr{std::uint64_t{16} << 30}}, NodeId{1}},
  };
  static constexpr NodeId kCpus[] = {NodeId{0}, NodeId{0}, NodeId{1}, NodeId{1}};
  MachineSpec spec;
  spec.firmware_map = kMap;
  spec.affinity = kNodes;
  spec.cpu_nodes = kCpus;
  return spec;
}

class AuditedOnNative : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(machine_.boot(two_nodes()).has_value());
    pool_.emplace(machine_.cpus());
  }

  void churn(unsigned cpu) {
    CpuClaim claim = *CpuClaim::of(*pool_, CpuId{static_cast<std::uint16_t>(cpu)});
    Random random(cpu + 1);
    for (unsigned step = 0; step < kSteps; ++step) {
      const CpuUse use(claim);
      const unsigned what = random.below(1000);
      if (what < 500) {
        const Order order{random.below(4) == 0 ? random.below(kOrderCount) : 0};
        const NodeId node{static_cast<std::uint16_t>(random.below(2))};
        const Gfp gfp = random.below(2) == 0 ? Gfp::kKernel : Gfp::kHighUserMovable;
        Page* const page = machine_.pages().allocate(gfp, order, node);
        ASSERT_NE(page, nullptr);
        exchange_.put({page, order});
      } else if (Block block; what < 998 && exchange_.take(block)) {
        machine_.pages().free(*block.page, block.order);
      } else if (what == 998) {
        machine_.pages().drain_cpu(CpuId{static_cast<std::uint16_t>(random.below(4))});
      } else if (what == 999) {
        fold_vmstat(machine_.nodes(), claim.cpu().percpu);
      }
    }
  }

  void free_the_rest() {
    const OnCpu on_cpu(machine_.cpus().front());
    for (Block block; exchange_.take(block);) machine_.pages().free(*block.page, block.order);
  }

  std::int64_t all_free() {
    std::int64_t pages = 0;
    machine_.nodes().for_each_populated([&](const Zone& zone) {
      pages += zone_state_snapshot(machine_.nodes(), zone, ZoneItem::kNrFreePages);
    });
    return pages;
  }

  NativeHost host_;
  Machine machine_{host_};
  Exchange exchange_;
  std::optional<CpuPool> pool_;
};

TEST_F(AuditedOnNative, PagesThatGoFromCpuToCpuAreAllThereInTheEnd) {
  const std::int64_t before = all_free();
  std::vector<std::thread> threads;
  for (unsigned cpu = 0; cpu < 3; ++cpu) threads.emplace_back([&, cpu] { churn(cpu); });
  std::atomic<bool> done = false;
  std::thread reader([&] {
    const CpuClaim claim = *CpuClaim::of(*pool_, CpuId{3});
    while (!done) {
      StringSink text;
      for (const char* const file : {"proc/zoneinfo", "proc/buddyinfo", "proc/pagetypeinfo",
                                     "proc/vmstat", "proc/meminfo"})
        EXPECT_TRUE(machine_.proc().read(file, text).has_value()) << file;
    }
  });
  for (std::thread& thread : threads) thread.join();
  done = true;
  reader.join();
  EXPECT_TRUE(audited(machine_));
  free_the_rest();
  EXPECT_TRUE(audited(machine_));
  const OnCpu on_cpu(machine_.cpus().front());
  machine_.pages().drain_all();
  EXPECT_EQ(all_free(), before);
  EXPECT_TRUE(audited(machine_));
}

}  // namespace
}  // namespace quire
