// Threads on four CPUs take areas, write to them, free what others took, purge and read
// /proc/vmallocinfo; stacks wander between CPUs. Afterwards the machine's books balance.
#include <gtest/gtest.h>

#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "hosts/native/cpu_pool.hpp"
#include "hosts/native/native_host.hpp"
#include "hosts/sim/random.hpp"
#include "tests/support/audited.hpp"
#include "tests/support/small_machine.hpp"

namespace quire {
namespace {

constexpr unsigned kVmallocSteps = 4'000;
constexpr unsigned kCpus = 4;

struct Held {
  VirtAddr at;
  std::uint64_t stamp;
};

// Where threads leave areas for others to free.
class Exchange {
 public:
  void put(Held held) {
    const std::scoped_lock lock(mutex_);
    held_.push_back(held);
  }
  std::optional<Held> take() {
    const std::scoped_lock lock(mutex_);
    if (held_.empty()) return std::nullopt;
    const Held first = held_.front();
    held_.erase(held_.begin());
    return first;
  }

 private:
  std::mutex mutex_;
  std::vector<Held> held_;
};

class VmallocOnNative : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(machine_.boot(small_machine()).has_value());
    pool_.emplace(machine_.cpus());
  }

  void run_on_all(const std::function<void(unsigned)>& body) {
    std::vector<std::thread> threads;
    for (unsigned cpu = 0; cpu < kCpus; ++cpu) threads.emplace_back(body, cpu);
    for (std::thread& thread : threads) thread.join();
  }

  void give_back(const Held& held) {
    std::uint64_t stamp = 0;
    (void)machine_.vmalloc().read(held.at, std::as_writable_bytes(std::span(&stamp, 1)));
    EXPECT_EQ(stamp, held.stamp);
    machine_.vmalloc().vfree(held.at);
  }

  void churn(unsigned cpu) {
    CpuClaim claim = *CpuClaim::of(*pool_, CpuId{static_cast<std::uint16_t>(cpu)});
    Random random(cpu + 1);
    for (unsigned step = 0; step < kVmallocSteps; ++step) {
      const CpuUse use(claim);
      const unsigned what = random.below(1000);
      if (what < 500) {
        const Bytes size = kPageSize * (1 + random.below(what < 20 ? 700 : 12));
        const Held held{machine_.vmalloc().vmalloc(size), random.below(1u << 30)};
        if (held.at == VirtAddr{}) continue;
        (void)machine_.vmalloc().write(held.at, std::as_bytes(std::span(&held.stamp, 1)));
        exchange_.put(held);
      } else if (what < 990) {
        if (const auto held = exchange_.take()) give_back(*held);
      } else if (what < 995) {
        machine_.vmalloc().purge();
      } else {
        StringSink sink;
        (void)machine_.proc().read("proc/vmallocinfo", sink);
      }
    }
  }

  void change_stacks(unsigned cpu) {
    CpuClaim claim = *CpuClaim::of(*pool_, CpuId{static_cast<std::uint16_t>(cpu)});
    for (unsigned step = 0; step < kVmallocSteps; ++step) {
      const CpuUse use(claim);
      const VirtAddr first = machine_.stacks().allocate(NodeId{0});
      const VirtAddr second = machine_.stacks().allocate(NodeId{0});
      EXPECT_NE(first, second);
      machine_.stacks().free(first);
      if (step % 64 == 0) machine_.stacks().drain_cpu(CpuId{static_cast<std::uint16_t>(3 - cpu)});
      machine_.stacks().free(second);
    }
  }

  NativeHost host_;
  Machine machine_{host_};
  std::optional<CpuPool> pool_;
  Exchange exchange_;
};

TEST_F(VmallocOnNative, AreasThatThreadsPassOnLeaveABalancedMachine) {
  run_on_all([this](unsigned cpu) { churn(cpu); });
  const OnCpu boot_cpu(machine_.cpus().front());
  while (const auto held = exchange_.take()) give_back(*held);
  EXPECT_EQ(machine_.vmalloc().used(), PageCount{0});
  EXPECT_TRUE(audited(machine_));
}

TEST_F(VmallocOnNative, StacksThatCpusTakeFromEachOtherAreNeverGivenTwice) {
  run_on_all([this](unsigned cpu) { change_stacks(cpu); });
  const OnCpu boot_cpu(machine_.cpus().front());
  for (const CpuContext& cpu : machine_.cpus()) machine_.stacks().drain_cpu(cpu.cpu);
  EXPECT_EQ(machine_.vmalloc().used(), PageCount{0});
  EXPECT_TRUE(audited(machine_));
}

}  // namespace
}  // namespace quire
