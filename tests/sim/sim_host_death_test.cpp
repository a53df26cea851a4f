#include "hosts/sim/sim_host.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "tests/support/cpu_contexts.hpp"

namespace quire {
namespace {

// What `body` says when it breaks a rule as the only task of a host.
void run_alone(SimOptions options, const std::function<void(SimHost&)>& body) {
  SimHost host(std::move(options));
  CpuContexts cpus(host, 1);
  host.spawn(cpus[0], "culprit", [&] { body(host); });
  host.run_until_idle();
}

TEST(SimHostDeathTest, YieldingWithASpinlockHeldStopsTheMachine) {
  SpinLock lock(LockRank::kZone);
  EXPECT_DEATH(run_alone({.seed = 42},
                         [&](SimHost& host) {
                           const SpinGuard guard(lock);
                           host.yield();
                         }),
               "task culprit yields with spinlocks held\nsim: seed 42, time 0 ns, "
               "task culprit on CPU 0");
}

TEST(SimHostDeathTest, SleepingWithASpinlockHeldStopsTheMachineEvenWhenExploring) {
  SpinLock lock(LockRank::kZone);
  EXPECT_DEATH(run_alone({.explore = true},
                         [&](SimHost& host) {
                           const SpinGuard guard(lock);
                           host.sleep_ns(1);
                         }),
               "task culprit sleeps with spinlocks held");
}

TEST(SimHostDeathTest, EndingWithASpinlockHeldStopsTheMachine) {
  SpinLock lock(LockRank::kZone);
  EXPECT_DEATH(run_alone({}, [&](SimHost&) QUIRE_NO_THREAD_SAFETY_ANALYSIS { lock.lock(); }),
               "task culprit ended with spinlocks held");
}

TEST(SimHostDeathTest, ABrokenInvariantOfTheCoreReachesTheHost) {
  EXPECT_DEATH(run_alone({}, [](SimHost&) { QUIRE_PANIC("page on two lists"); }),
               "kernel panic: page on two lists at .*task culprit on CPU 0");
}

TEST(SimHostDeathTest, ThePanicCallbackSeesTheReportFirst) {
  const SimOptions options{.on_panic = [](std::string_view report) {
    std::fprintf(stderr, "seen: %.*s\n", static_cast<int>(report.size()), report.data());
    std::_Exit(3);
  }};
  EXPECT_EXIT(run_alone(options, [](SimHost& host) { host.panic("broken"); }),
              testing::ExitedWithCode(3), "seen: broken\nsim: seed 0");
}

TEST(SimHostDeathTest, RunningTheSchedulerFromATaskStopsTheMachine) {
  EXPECT_DEATH(run_alone({}, [](SimHost& host) { host.run_until_idle(); }),
               "a task cannot run the scheduler");
}

TEST(SimHostDeathTest, OnlyATaskCanSleep) {
  EXPECT_DEATH(SimHost().sleep_ns(1), "only a task can sleep");
}

}  // namespace
}  // namespace quire
