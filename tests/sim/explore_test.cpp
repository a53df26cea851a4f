#include "hosts/sim/sim_host.hpp"

#include <gtest/gtest.h>

#include <utility>

#include "tests/support/cpu_contexts.hpp"

namespace quire {
namespace {

// Two CPUs add to a sum under a lock, with a place to be stopped between reading and writing.
struct Race {
  explicit Race(SimHost& host) : host(host), cpus(host, 2) {
    for (unsigned cpu = 0; cpu < 2; ++cpu)
      host.spawn(cpus[cpu], "adder", [this] { add(); });
    host.run_until_idle();
  }
  void add() {
    for (int i = 0; i < 100; ++i) {
      const SpinGuard guard(lock);
      waited |= was_stopped;
      const int read = sum;
      was_stopped = true;
      host.preempt_point();
      was_stopped = false;
      sum = read + 1;
    }
  }
  SimHost& host;
  CpuContexts cpus;
  SpinLock lock{LockRank::kZone};
  int sum = 0;
  bool was_stopped = false;
  bool waited = false;
};

TEST(SimHost, ExploringStopsTasksWithinLocksAndLocksStillHold) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SimHost host({.seed = seed, .explore = true});
    Race race(host);
    EXPECT_EQ(race.sum, 200) << "seed " << seed;
    EXPECT_FALSE(race.waited);
    EXPECT_EQ(race.cpus[0].spinlocks_held, 0u);
  }
}

TEST(SimHost, ExploringFindsTheLostUpdateThatAMissingLockAllows) {
  bool lost = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SimHost host({.seed = seed, .explore = true});
    CpuContexts cpus(host, 2);
    int sum = 0;
    for (unsigned cpu = 0; cpu < 2; ++cpu)
      host.spawn(cpus[cpu], "adder", [&] {
        const int read = sum;
        host.preempt_point();
        sum = read + 1;
      });
    host.run_until_idle();
    lost |= sum == 1;
  }
  EXPECT_TRUE(lost);
}

TEST(SimHost, ATaskStoppedAtAPreemptPointSharesItsCpuWithNobody) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SimHost host({.seed = seed, .explore = true});
    CpuContexts cpus(host, 2);
    bool busy[2] = {};
    for (unsigned task = 0; task < 6; ++task)
      host.spawn(cpus[task % 2], "task", [&, on = task % 2] {
        for (int i = 0; i < 10; ++i) {
          EXPECT_FALSE(std::exchange(busy[on], true));
          host.preempt_point();
          busy[on] = false;
          host.give_way();
        }
      });
    host.run_until_idle();
  }
}

// Data of a CPU's own needs no lock against its other tasks, not even while one waits for a lock.
TEST(SimHost, ATaskThatWaitsForALockSharesItsCpuWithNobody) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SimHost host({.seed = seed, .explore = true});
    CpuContexts cpus(host, 3);
    SpinLock lock(LockRank::kZone);
    bool busy[3] = {};
    for (unsigned task = 0; task < 9; ++task)
      host.spawn(cpus[task % 3], "task", [&, on = task % 3] {
        for (int i = 0; i < 10; ++i) {
          EXPECT_FALSE(std::exchange(busy[on], true)) << "seed " << seed;
          {
            const SpinGuard guard(lock);
            host.preempt_point();
          }
          busy[on] = false;
          host.give_way();
        }
      });
    host.run_until_idle();
  }
}

}  // namespace
}  // namespace quire
