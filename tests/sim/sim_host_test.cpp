#include "hosts/sim/sim_host.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <sstream>
#include <thread>

#include "tests/support/cpu_contexts.hpp"

namespace quire {
namespace {

using Trace = std::vector<std::string>;

// Tasks on three CPUs that yield, sleep, take time and spawn, each step recorded with its time.
Trace run_workload(SimOptions options) {
  SimHost host(std::move(options));
  CpuContexts cpus(host, 3);
  Trace trace;
  const auto record = [&](const std::string& step) {
    trace.push_back(step + '@' + std::to_string(host.now_ns()));
  };
  for (unsigned task = 0; task < 9; ++task)
    host.spawn(cpus[task % 3], "worker", [&, task] {
      for (unsigned step = 0; step < 20; ++step) {
        record(std::to_string(task) + '.' + std::to_string(step));
        if (step % 5 == 1) host.sleep_ns(1000);
        if (step % 5 == 2) host.advance_ns(300 * task);
        if (step % 5 == 3) host.preempt_point();
        if (step == 7)
          host.spawn(cpus[(task + 1) % 3], "child",
                     [&, task] { record("child of " + std::to_string(task)); });
        host.give_way();
      }
    });
  host.run_until_idle();
  return trace;
}

TEST(SimHost, TheSameSeedGivesTheSameTrace) {
  EXPECT_EQ(run_workload({.seed = 7}), run_workload({.seed = 7}));
  EXPECT_EQ(run_workload({.seed = 7, .explore = true}),
            run_workload({.seed = 7, .explore = true}));
}

TEST(SimHost, AnotherSeedGivesAnotherInterleaving) {
  std::set<Trace> traces;
  std::set<Trace> explored;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    traces.insert(run_workload({.seed = seed}));
    explored.insert(run_workload({.seed = seed, .explore = true}));
  }
  EXPECT_EQ(traces.size(), 10u);
  EXPECT_EQ(explored.size(), 10u);
}

TEST(SimHost, EverySeedRunsEveryStepOnce) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    EXPECT_EQ(run_workload({.seed = seed}).size(), 9u * 20 + 9);
    EXPECT_EQ(run_workload({.seed = seed, .explore = true}).size(), 9u * 20 + 9);
  }
}

TEST(SimHost, TimePassesOnlyByCostsAndSleep) {
  SimHost host;
  CpuContexts cpus(host, 1);
  std::vector<std::uint64_t> times;
  host.spawn(cpus[0], "task", [&] {
    times.push_back(host.now_ns());
    times.push_back(host.now_ns());
    host.advance_ns(250);
    times.push_back(host.now_ns());
    host.yield();
    times.push_back(host.now_ns());
    host.sleep_ns(1'000'000'000'000);
    times.push_back(host.now_ns());
  });
  host.run_until_idle();
  EXPECT_EQ(times, (std::vector<std::uint64_t>{0, 0, 250, 350, 1'000'000'000'350}));
  EXPECT_EQ(host.now_ns(), 1'000'000'000'350u);
}

TEST(SimHost, SleepersWakeInTheOrderOfTheirTimes) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SimHost host({.seed = seed});
    CpuContexts cpus(host, 2);
    std::vector<std::uint64_t> woken;
    for (const std::uint64_t duration : {500u, 100u, 400u, 200u, 300u})
      host.spawn(cpus[duration / 100 % 2], "sleeper", [&, duration] {
        host.sleep_ns(duration);
        EXPECT_EQ(host.now_ns(), duration);
        woken.push_back(duration);
      });
    host.run_until_idle();
    EXPECT_EQ(woken, (std::vector<std::uint64_t>{100, 200, 300, 400, 500})) << "seed " << seed;
  }
}

TEST(SimHost, SleepersOfEqualTimesWakeInAnOrderThatTheSeedDecides) {
  std::set<std::vector<unsigned>> orders;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SimHost host({.seed = seed});
    CpuContexts cpus(host, 3);
    std::vector<unsigned> woken;
    for (unsigned task = 0; task < 3; ++task)
      host.spawn(cpus[task], "sleeper", [&, task] {
        host.sleep_ns(100);
        woken.push_back(task);
      });
    host.run_until_idle();
    orders.insert(woken);
  }
  EXPECT_EQ(orders.size(), 6u);
}

TEST(SimHost, YieldGivesEveryTaskOfTheCpuATurnInEachRound) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SimHost host({.seed = seed});
    CpuContexts cpus(host, 1);
    std::array<int, 5> turns{};
    for (unsigned task = 0; task < turns.size(); ++task)
      host.spawn(cpus[0], "task", [&, task] {
        for (int i = 0; i < 100; ++i) {
          ++turns[task];
          const auto [least, most] = std::minmax_element(turns.begin(), turns.end());
          EXPECT_LE(*most - *least, 1) << "seed " << seed;
          host.yield();
        }
      });
    host.run_until_idle();
  }
}

TEST(SimHost, ACpuThatIsBehindInTimeRunsFirst) {
  SimHost host;
  CpuContexts cpus(host, 2);
  std::vector<std::uint64_t> times;
  for (const std::uint64_t cost : {1000u, 300u})
    host.spawn(cpus[cost == 300u ? 1 : 0], "task", [&, cost] {
      for (int i = 0; i < 10; ++i) {
        host.advance_ns(cost);
        host.yield();
        times.push_back(host.now_ns());
      }
    });
  host.run_until_idle();
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
}

TEST(SimHost, ATaskRunsOnItsCpuAndIsItsCurrentTask) {
  SimHost host;
  CpuContexts cpus(host, 2);
  const Task* tasks[2] = {};
  for (unsigned i = 0; i < 2; ++i)
    host.spawn(cpus[i], "task", [&, i] {
      for (int turn = 0; turn < 3; ++turn) {
        EXPECT_EQ(Arch::current(), &cpus[i]);
        EXPECT_NE(cpus[i].task, &cpus[i].idle_task);
        EXPECT_EQ(cpus[1 - i].task, &cpus[1 - i].idle_task);
        if (turn == 0) tasks[i] = cpus[i].task;
        EXPECT_EQ(cpus[i].task, tasks[i]);
        host.yield();
      }
    });
  host.run_until_idle();
  EXPECT_NE(tasks[0], tasks[1]);
  EXPECT_EQ(Arch::current(), nullptr);
  EXPECT_EQ(cpus[0].task, &cpus[0].idle_task);
}

TEST(SimHost, ATaskKeepsItsStateAcrossSwitches) {
  SimHost host;
  CpuContexts cpus(host, 1);
  for (const bool victim : {true, false})
    host.spawn(cpus[0], "task", [&, victim] {
      Arch::current()->task->oom_victim = victim;
      for (int i = 0; i < 5; ++i) {
        host.yield();
        EXPECT_EQ(Arch::current()->task->oom_victim, victim);
      }
    });
  host.run_until_idle();
}

TEST(SimHost, DeferredWorkRunsWhenItIsDueAndKeepsNobodyWaiting) {
  SimHost host;
  CpuContexts cpus(host, 1);
  std::vector<std::uint64_t> folds;
  std::function<void()> fold = [&] {
    folds.push_back(host.now_ns());
    host.call_after(cpus[0], 1000, fold);
  };
  host.call_after(cpus[0], 1000, fold);
  host.spawn(cpus[0], "task", [&] { host.sleep_ns(2500); });
  host.run_until_idle();
  EXPECT_EQ(folds, (std::vector<std::uint64_t>{1000, 2000}));
  EXPECT_EQ(host.now_ns(), 2500u);
  host.run_for(1500);
  EXPECT_EQ(folds, (std::vector<std::uint64_t>{1000, 2000, 3000, 4000}));
  EXPECT_EQ(host.now_ns(), 4000u);
}

TEST(SimHost, RunForStopsInTheMiddleAndGoesOnLater) {
  SimHost host;
  CpuContexts cpus(host, 1);
  int turns = 0;
  host.spawn(cpus[0], "task", [&] {
    for (; turns < 10; ++turns) host.sleep_ns(100);
  });
  host.run_for(450);
  EXPECT_EQ(turns, 4);
  EXPECT_EQ(host.now_ns(), 450u);
  host.run_until_idle();
  EXPECT_EQ(turns, 10);
  EXPECT_EQ(host.now_ns(), 1000u);
}

TEST(SimHost, WhatIsSpawnedLaterStartsAtTheTimeOfItsSpawning) {
  SimHost host;
  CpuContexts cpus(host, 2);
  std::uint64_t started = 0;
  host.spawn(cpus[0], "parent", [&] {
    host.advance_ns(700);
    host.spawn(cpus[1], "child", [&] { started = host.now_ns(); });
  });
  host.run_until_idle();
  EXPECT_EQ(started, 700u);
  host.advance_ns(300);
  host.spawn(cpus[1], "late", [&] { started = host.now_ns(); });
  host.run_until_idle();
  EXPECT_EQ(started, 1000u);
}

TEST(SimHost, TasksThatNeverEndAreDroppedWithTheHost) {
  SimHost host;
  CpuContexts cpus(host, 1);
  int turns = 0;
  host.spawn(cpus[0], "kthread", [&] {
    for (;; ++turns) host.sleep_ns(100);
  });
  host.run_for(1000);
  EXPECT_EQ(turns, 10);
}

TEST(SimHost, ThousandsOfTasksTakeTurnsOnReusedStacks) {
  SimHost host;
  CpuContexts cpus(host, 4);
  unsigned ended = 0;
  for (unsigned wave = 0; wave < 10; ++wave) {
    for (unsigned i = 0; i < 500; ++i)
      host.spawn(cpus[i % 4], "task", [&] {
        host.yield();
        ++ended;
      });
    host.run_until_idle();
  }
  EXPECT_EQ(ended, 5000u);
}

TEST(SimHost, TheLogIsKeptLineByLineAndStreamed) {
  std::ostringstream stream;
  SimHost host({.log = &stream});
  host.log("Zone ranges:");
  host.log("  DMA");
  EXPECT_EQ(host.log_lines(), (std::vector<std::string>{"Zone ranges:", "  DMA"}));
  EXPECT_EQ(stream.str(), "Zone ranges:\n  DMA\n");
}

TEST(SimHost, FramesCanBeReadAndWritten) {
  SimHost host;
  std::byte* const memory = *host.reserve_frames(PageCount{256});
  ASSERT_NE(memory, nullptr);
  EXPECT_EQ(memory[0], std::byte{0});
  memory[mib(1).raw() - 1] = std::byte{1};
  EXPECT_GE(host.mapped(), mib(1));
}

TEST(SimHost, TablesAreZeroedAndCostNothingUntilTouched) {
  SimHost host;
  // The memory map of 16 TiB at 32 bytes a page.
  const Result<std::byte*> tables = host.reserve_tables(gib(128), NodeId{0});
  ASSERT_TRUE(tables.has_value());
  EXPECT_EQ((*tables)[0], std::byte{0});
  EXPECT_EQ((*tables)[gib(128).raw() - 1], std::byte{0});
}

TEST(SimHost, AReservationThatFailsIsAnErrorAndALineThatSaysHowMuch) {
  SimHost host;
  EXPECT_EQ(host.reserve_tables(Bytes{std::uint64_t{1} << 60}, NodeId{3}).error(),
            Errno::kNoMemory);
  ASSERT_EQ(host.log_lines().size(), 1u);
  EXPECT_EQ(host.log_lines()[0],
            "host: cannot map 1125899906842624 KiB for the tables of node 3: no memory");
}

TEST(SimHost, HostsOnTwoThreadsHaveNothingInCommon) {
  const Trace alone = run_workload({.seed = 3});
  Trace first;
  Trace second;
  std::thread one([&] { first = run_workload({.seed = 3}); });
  std::thread two([&] { second = run_workload({.seed = 3}); });
  one.join();
  two.join();
  EXPECT_EQ(first, alone);
  EXPECT_EQ(second, alone);
}

TEST(SimHost, OneHostCanRunTheCpusOfTwoMachines) {
  SimHost host;
  CpuContexts first(host, 1);
  CpuContexts second(host, 1);
  std::vector<const void*> seen;
  host.spawn(first[0], "task", [&] { seen.push_back(Arch::current()->machine); });
  host.run_until_idle();
  host.spawn(second[0], "task", [&] { seen.push_back(Arch::current()->machine); });
  host.run_until_idle();
  EXPECT_EQ(seen, (std::vector<const void*>{&first, &second}));
}

TEST(SimHost, OthersCatchUpWhileATaskKeepsItsCpu) {
  SimHost host;
  CpuContexts cpus(host, 2);
  Trace trace;
  host.spawn(cpus[0], "ahead", [&] {
    host.advance_ns(1000);
    host.let_others_catch_up();
    trace.push_back("ahead");
  });
  host.spawn(cpus[0], "same CPU", [&] { trace.push_back("same CPU"); });
  host.spawn(cpus[1], "behind", [&] {
    host.advance_ns(500);
    trace.push_back("behind");
  });
  host.run_until_idle();
  const auto at = [&](const char* name) { return std::ranges::find(trace, name); };
  EXPECT_LT(at("behind"), at("ahead"));
  // Nothing of its own CPU comes between: it is first there, or begins when the other has ended.
  EXPECT_TRUE(at("same CPU") == trace.end() - 1 || at("same CPU") < at("ahead"));
}

TEST(SimHost, ATaskThatKeepsItsCpuGivesItToDeferredWorkThatIsDue) {
  SimHost host;
  CpuContexts cpus(host, 1);
  std::uint64_t due_ns = 0;
  host.spawn(cpus[0], "worker", [&] {
    host.call_after(cpus[0], 500, [&] { due_ns = host.now_ns(); });
    for (unsigned turn = 0; turn < 10; ++turn) {
      host.advance_ns(1000);
      host.let_others_catch_up();
    }
  });
  host.run_until_idle();
  EXPECT_GE(due_ns, 500u);
  EXPECT_LE(due_ns, 3000u);
}

TEST(SimHost, ATaskGoesOnWithTheCurrentTaskItHadPutThere) {
  SimHost host;
  CpuContexts cpus(host, 1);
  Task process;
  std::vector<const Task*> told;
  host.at_each_switch([&](CpuContext& cpu) { told.push_back(cpu.task); });
  host.spawn(cpus[0], "worker", [&] {
    cpus[0].task = &process;
    host.sleep_ns(100);
    EXPECT_EQ(cpus[0].task, &process);
  });
  host.run_until_idle();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_NE(told[0], &process);
  EXPECT_EQ(told[1], &process);
  EXPECT_NE(cpus[0].task, &process);
}

}  // namespace
}  // namespace quire
