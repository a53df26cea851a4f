#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "hosts/native/cpu_pool.hpp"
#include "hosts/native/native_host.hpp"
#include "tests/support/small_machine.hpp"

namespace quire {
namespace {

constexpr unsigned kRounds = 300;

// Holds a few blocks at a time, each with its own address written into it.
void hold_and_free(Machine& machine, CpuClaim& claim) {
  struct Held {
    Page* page;
    Order order;
  };
  std::vector<Held> held;
  for (unsigned round = 0; round < kRounds; ++round) {
    const CpuUse use(claim);
    const Order order{round % 5};
    Page* const page = machine.pages().allocate(Gfp::kKernel, order);
    ASSERT_NE(page, nullptr);
    *reinterpret_cast<Page**>(machine.map().content_of(*page)) = page;
    held.push_back({page, order});
    if (held.size() < 16 && round + 1 != kRounds) continue;
    for (const Held& block : held) {
      EXPECT_EQ(*reinterpret_cast<Page**>(machine.map().content_of(*block.page)), block.page);
      machine.pages().free(*block.page, block.order);
    }
    held.clear();
  }
}

class MachineOnNative : public testing::Test {
 protected:
  void SetUp() override {
    MachineSpec spec = small_machine();
    spec.profile.frame_content = true;
    ASSERT_TRUE(machine_.boot(spec).has_value());
    free_at_first_ = free_pages(machine_);
  }
  void run_threads(unsigned count) {
    CpuPool pool(machine_.cpus());
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < count; ++i)
      threads.emplace_back([&] {
        CpuClaim claim(pool);
        hold_and_free(machine_, claim);
      });
    for (std::thread& thread : threads) thread.join();
  }

  NativeHost host_;
  Machine machine_{host_};
  std::uint64_t free_at_first_ = 0;
};

TEST_F(MachineOnNative, ThreadsOnCpusOfTheirOwnLoseNoPage) {
  run_threads(3);
  EXPECT_EQ(free_pages(machine_), free_at_first_);
}

TEST_F(MachineOnNative, ThreadsThatShareTheOverflowCpuLoseNoPage) {
  run_threads(8);
  EXPECT_EQ(free_pages(machine_), free_at_first_);
}

TEST_F(MachineOnNative, PagesCanBeDrainedFromCpusThatAreBusy) {
  CpuPool pool(machine_.cpus());
  std::thread worker([&] {
    CpuClaim claim(pool);
    hold_and_free(machine_, claim);
  });
  {
    CpuClaim claim(pool);
    for (unsigned i = 0; i < 50; ++i) {
      const CpuUse use(claim);
      machine_.pages().drain_all();
    }
  }
  worker.join();
  EXPECT_EQ(free_pages(machine_), free_at_first_);
}

TEST_F(MachineOnNative, ADyingThreadLeavesNoPagesBehindOnItsCpu) {
  CpuPool pool(machine_.cpus(), [&](CpuContext& cpu) { machine_.pages().drain_cpu(cpu.cpu); });
  std::thread thread([&] {
    ASSERT_TRUE(attach_thread(pool, CpuId{1}).has_value());
    Page* const page = machine_.pages().allocate(Gfp::kKernel, Order{0});
    machine_.pages().free(*page, Order{0});
  });
  thread.join();
  const OnCpu folding(machine_.cpus()[1]);
  fold_vmstat(machine_.nodes(), machine_.cpus()[1].percpu);
  EXPECT_EQ(global_zone_state(machine_.nodes(), ZoneItem::kNrFreePages), free_at_first_);
}

TEST_F(MachineOnNative, TwoMachinesRunSideBySideOnTheSameThreads) {
  Machine other(host_);
  ASSERT_TRUE(other.boot(small_machine()).has_value());
  const std::uint64_t other_before = free_pages(other);
  CpuPool pool(machine_.cpus());
  CpuPool other_pool(other.cpus());
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 2; ++i)
    threads.emplace_back([&] {
      CpuClaim claim(pool);
      CpuClaim other_claim(other_pool);
      for (unsigned round = 0; round < kRounds; ++round) {
        Page* page = nullptr;
        {
          const CpuUse use(claim);
          page = machine_.pages().allocate(Gfp::kKernel, Order{0});
        }
        const CpuUse use(other_claim);
        Page* const other_page = other.pages().allocate(Gfp::kKernel, Order{3});
        other.pages().free(*other_page, Order{3});
        const CpuUse back(claim);
        machine_.pages().free(*page, Order{0});
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(free_pages(machine_), free_at_first_);
  EXPECT_EQ(free_pages(other), other_before);
}

}  // namespace
}  // namespace quire
