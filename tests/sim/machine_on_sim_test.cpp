#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "hosts/sim/failing_host.hpp"
#include "hosts/sim/sim_host.hpp"
#include "tests/support/small_machine.hpp"

namespace quire {
namespace {

// Tasks on every CPU hold blocks across switches; the trace is who got which frame, in order.
std::vector<std::string> run_allocations(SimHost& host, Machine& machine) {
  std::vector<std::string> trace;
  for (CpuContext& cpu : machine.cpus())
    for (unsigned task = 0; task < 2; ++task)
      host.spawn(cpu, "allocator", [&, task] {
        for (unsigned round = 0; round < 50; ++round) {
          const Order order{(round + task) % kOrderCount};
          Page* const page = machine.pages().allocate(Gfp::kKernel, order);
          ASSERT_NE(page, nullptr);
          trace.push_back(std::to_string(index_of(cpu.cpu)) + ' ' +
                          std::to_string(machine.map().pfn_of(*page).raw()));
          host.give_way();
          machine.pages().free(*page, order);
        }
      });
  host.run_until_idle();
  return trace;
}

TEST(MachineOnSim, TheSameSeedHandsOutTheSamePagesToTheSameCpus) {
  std::vector<std::vector<std::string>> traces;
  for (const std::uint64_t seed : {1u, 1u, 2u}) {
    SimHost host({.seed = seed});
    Machine machine(host);
    ASSERT_TRUE(machine.boot(small_machine()).has_value());
    const std::uint64_t before = free_pages(machine);
    traces.push_back(run_allocations(host, machine));
    EXPECT_EQ(free_pages(machine), before);
  }
  EXPECT_EQ(traces[0], traces[1]);
  EXPECT_NE(traces[0], traces[2]);
}

TEST(MachineOnSim, ExploringLosesNoPage) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    SimHost host({.seed = seed, .explore = true});
    Machine machine(host);
    ASSERT_TRUE(machine.boot(small_machine()).has_value());
    const std::uint64_t before = free_pages(machine);
    run_allocations(host, machine);
    EXPECT_EQ(free_pages(machine), before) << "seed " << seed;
  }
}

TEST(MachineOnSim, TwoMachinesOnOneHostDoNotKnowOfEachOther) {
  SimHost host;
  Machine first(host);
  Machine second(host);
  ASSERT_TRUE(first.boot(small_machine()).has_value());
  ASSERT_TRUE(second.boot(small_machine()).has_value());
  const std::uint64_t before = free_pages(second);
  Page* held = nullptr;
  host.spawn(first.cpus()[0], "taker", [&] {
    held = first.pages().allocate(Gfp::kKernel, Order{5});
  });
  host.spawn(second.cpus()[0], "bystander", [&] { host.sleep_ns(1000); });
  host.run_until_idle();
  ASSERT_NE(held, nullptr);
  EXPECT_EQ(free_pages(first), before - 32);
  EXPECT_EQ(free_pages(second), before);
}

// Every request for memory that a boot makes, refused in turn.
TEST(MachineOnSim, ABootThatIsRefusedMemoryEndsInAnErrorWhereverThatHappens) {
  std::uint64_t nth = 0;
  for (bool refused = true; refused;) {
    SimHost sim;
    FailingHost host(sim, {.nth = ++nth});
    Machine machine(host);
    MachineSpec spec = small_machine();
    spec.profile.frame_content = true;
    const Result<void> booted = machine.boot(spec);
    refused = host.refused() != 0;
    EXPECT_EQ(booted.has_value(), !refused) << "request " << nth;
    if (!booted.has_value()) {
      EXPECT_EQ(booted.error(), Errno::kNoMemory);
    }
  }
  EXPECT_GT(nth, 5u);
}

}  // namespace
}  // namespace quire
