#include "hosts/native/cpu_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <set>
#include <thread>
#include <vector>

#include "hosts/native/native_host.hpp"
#include "tests/support/cpu_contexts.hpp"

namespace quire {
namespace {

class CpuPoolTest : public testing::Test {
 protected:
  NativeHost host_;
  CpuContexts cpus_{host_, 3};
};

TEST_F(CpuPoolTest, AClaimedCpuIsCurrentUntilTheClaimEnds) {
  CpuPool pool(cpus_.all());
  {
    const CpuClaim claim(pool);
    EXPECT_FALSE(claim.shared());
    EXPECT_EQ(Arch::current(), &claim.cpu());
    EXPECT_NE(claim.cpu().task, &claim.cpu().idle_task);
  }
  EXPECT_EQ(Arch::current(), nullptr);
  EXPECT_EQ(cpus_[0].task, &cpus_[0].idle_task);
}

TEST_F(CpuPoolTest, EachClaimGetsACpuOfItsOwnAndTheLastOneIsShared) {
  CpuPool pool(cpus_.all());
  CpuClaim first(pool);
  CpuClaim second(pool);
  CpuClaim third(pool);
  CpuClaim fourth(pool);
  EXPECT_EQ(first.cpu().cpu, CpuId{0});
  EXPECT_EQ(second.cpu().cpu, CpuId{1});
  EXPECT_EQ(third.cpu().cpu, CpuId{2});
  EXPECT_TRUE(third.shared());
  EXPECT_EQ(fourth.cpu().cpu, CpuId{2});
  EXPECT_TRUE(fourth.shared());
}

TEST_F(CpuPoolTest, ACpuThatWasGivenBackCanBeClaimedAgain) {
  CpuPool pool(cpus_.all());
  { const CpuClaim claim(pool); }
  const CpuClaim claim(pool);
  EXPECT_EQ(claim.cpu().cpu, CpuId{0});
}

TEST_F(CpuPoolTest, ACpuIsClaimedByNumberWhenNobodyHasIt) {
  CpuPool pool(cpus_.all());
  EXPECT_EQ(CpuClaim::of(pool, CpuId{3}).error(), Errno::kInvalid);
  const Result<CpuClaim> owned = CpuClaim::of(pool, CpuId{1});
  ASSERT_TRUE(owned.has_value());
  EXPECT_EQ(Arch::current(), &cpus_[1]);
  EXPECT_EQ(CpuClaim::of(pool, CpuId{1}).error(), Errno::kBusy);
  const CpuClaim any(pool);
  EXPECT_EQ(any.cpu().cpu, CpuId{0});
  const CpuClaim sharer(pool);
  EXPECT_EQ(CpuClaim::of(pool, CpuId{2}).error(), Errno::kBusy);
}

TEST_F(CpuPoolTest, WhenAllCpusAreOwnedAClaimWaitsForOne) {
  CpuPool pool(cpus_.all());
  std::vector<CpuClaim> owners;
  for (const CpuId id : {CpuId{0}, CpuId{1}, CpuId{2}})
    owners.push_back(*CpuClaim::of(pool, id));
  std::atomic<bool> claimed = false;
  std::thread late([&] {
    const CpuClaim claim(pool);
    claimed = true;
    EXPECT_EQ(claim.cpu().cpu, CpuId{2});
    EXPECT_TRUE(claim.shared());
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(claimed);
  owners.pop_back();
  late.join();
  EXPECT_TRUE(claimed);
  while (!owners.empty()) owners.pop_back();
}

TEST_F(CpuPoolTest, ASharedCpuIsCurrentOnlyWhileItIsUsed) {
  CpuContexts single(host_, 1);
  CpuPool pool(single.all());
  CpuClaim claim(pool);
  EXPECT_TRUE(claim.shared());
  EXPECT_EQ(Arch::current(), nullptr);
  {
    const CpuUse use(claim);
    EXPECT_EQ(Arch::current(), &single[0]);
    { const CpuUse nested(claim); }
    EXPECT_EQ(Arch::current(), &single[0]);
    EXPECT_NE(single[0].task, &single[0].idle_task);
  }
  EXPECT_EQ(Arch::current(), nullptr);
  EXPECT_EQ(single[0].task, &single[0].idle_task);
}

TEST_F(CpuPoolTest, AThreadCanUseCpusOfTwoMachinesInTurn) {
  CpuContexts other(host_, 2);
  CpuPool pool(cpus_.all());
  CpuPool other_pool(other.all());
  CpuClaim claim(pool);
  CpuClaim other_claim(other_pool);
  EXPECT_EQ(Arch::current(), &other[0]);
  {
    const CpuUse use(claim);
    EXPECT_EQ(Arch::current(), &cpus_[0]);
  }
  EXPECT_EQ(Arch::current(), &other[0]);
}

// A CPU's own part of a counter: only right when one thread at a time runs on the CPU.
TEST_F(CpuPoolTest, ThreadsNeverRunOnOneCpuAtATime) {
  constexpr unsigned kThreads = 8;
  constexpr unsigned kCalls = 2000;
  std::array<std::uint64_t, 3> counters{};
  CpuPool pool(cpus_.all());
  std::latch all_claimed(kThreads);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i)
    threads.emplace_back([&] {
      CpuClaim claim(pool);
      all_claimed.arrive_and_wait();
      for (unsigned call = 0; call < kCalls; ++call) {
        const CpuUse use(claim);
        ++counters[index_of(Arch::current()->cpu)];
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counters[0], kCalls);
  EXPECT_EQ(counters[1], kCalls);
  EXPECT_EQ(counters[2], (kThreads - 2) * kCalls);
}

TEST_F(CpuPoolTest, ACpuMovesFromThreadToThreadWithAllThatItKeeps) {
  constexpr unsigned kThreads = 4;
  constexpr unsigned kRounds = 200;
  std::array<std::uint64_t, 3> counters{};
  CpuPool pool(cpus_.all());
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i)
    threads.emplace_back([&] {
      for (unsigned round = 0; round < kRounds; ++round) {
        CpuClaim claim(pool);
        const CpuUse use(claim);
        ++counters[index_of(Arch::current()->cpu)];
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counters[0] + counters[1] + counters[2], kThreads * kRounds);
}

TEST_F(CpuPoolTest, ADyingThreadDrainsItsCpuAndGivesItBack) {
  std::vector<CpuId> drained;
  CpuPool pool(cpus_.all(), [&](CpuContext& cpu) {
    EXPECT_EQ(Arch::current(), &cpu);
    drained.push_back(cpu.cpu);
  });
  std::thread thread([&] {
    ASSERT_TRUE(attach_thread(pool, CpuId{1}).has_value());
    EXPECT_EQ(Arch::current(), &cpus_[1]);
    EXPECT_EQ(&thread_claim(pool)->cpu(), &cpus_[1]);
    EXPECT_EQ(attach_thread(pool).error(), Errno::kExists);
  });
  thread.join();
  EXPECT_EQ(drained, std::vector{CpuId{1}});
  EXPECT_TRUE(CpuClaim::of(pool, CpuId{1}).has_value());
}

TEST_F(CpuPoolTest, TheOverflowCpuIsDrainedByTheLastOfItsDyingThreads) {
  CpuContexts single(host_, 1);
  std::atomic<int> drains = 0;
  CpuPool pool(single.all(), [&](CpuContext&) { ++drains; });
  std::latch both(2);
  std::thread other([&] {
    ASSERT_TRUE(attach_thread(pool).has_value());
    both.arrive_and_wait();
  });
  std::thread thread([&] {
    ASSERT_TRUE(attach_thread(pool).has_value());
    both.arrive_and_wait();
    other.join();
    EXPECT_EQ(drains, 0);
  });
  thread.join();
  EXPECT_EQ(drains, 1);
}

TEST_F(CpuPoolTest, DetachingGivesTheCpuBackUndrained) {
  int drains = 0;
  CpuPool pool(cpus_.all(), [&](CpuContext&) { ++drains; });
  ASSERT_TRUE(attach_thread(pool, CpuId{0}).has_value());
  detach_thread(pool);
  EXPECT_EQ(Arch::current(), nullptr);
  EXPECT_EQ(thread_claim(pool), nullptr);
  EXPECT_EQ(drains, 0);
  EXPECT_TRUE(CpuClaim::of(pool, CpuId{0}).has_value());
}

TEST_F(CpuPoolTest, MachinesCanBeDetachedFromInAnyOrder) {
  CpuContexts other(host_, 2);
  CpuPool pool(cpus_.all());
  CpuPool other_pool(other.all());
  ASSERT_TRUE(attach_thread(pool).has_value());
  ASSERT_TRUE(attach_thread(other_pool).has_value());
  detach_thread(pool);
  EXPECT_EQ(Arch::current(), &other[0]);
  detach_thread(other_pool);
  EXPECT_EQ(Arch::current(), nullptr);
}

TEST_F(CpuPoolTest, AThreadMayDieAfterTheMachineItWasAttachedTo) {
  int drains = 0;
  auto pool = std::make_unique<CpuPool>(cpus_.all(), [&](CpuContext&) { ++drains; });
  std::latch attached(1);
  std::latch gone(1);
  std::thread thread([&] {
    ASSERT_TRUE(attach_thread(*pool).has_value());
    attached.count_down();
    gone.wait();
  });
  attached.wait();
  pool.reset();
  gone.count_down();
  thread.join();
  EXPECT_EQ(drains, 0);
}

TEST_F(CpuPoolTest, EachThreadIsATaskOfItsOwn) {
  CpuPool pool(cpus_.all());
  std::latch both(2);
  std::array<const Task*, 2> tasks{};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 2; ++i)
    threads.emplace_back([&, i] {
      const CpuClaim claim(pool);
      tasks[i] = Arch::current()->task;
      both.arrive_and_wait();
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_NE(tasks[0], tasks[1]);
}

}  // namespace
}  // namespace quire
