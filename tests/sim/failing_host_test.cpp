#include "hosts/sim/failing_host.hpp"

#include <gtest/gtest.h>

#include <string>

#include "hosts/sim/sim_host.hpp"

namespace quire {
namespace {

constexpr PfnRange kFrames{Pfn{0}, Pfn{1}};

// One letter a call of reserve_tables: x where it was refused.
std::string outcomes(FailurePlan plan, unsigned calls) {
  SimHost sim;
  FailingHost host(sim, plan);
  std::string result;
  for (unsigned i = 0; i < calls; ++i) {
    const auto memory = host.reserve_tables(kib(4), NodeId{0});
    EXPECT_TRUE(memory.has_value() || memory.error() == Errno::kNoMemory);
    result += memory.has_value() ? '.' : 'x';
  }
  return result;
}

TEST(FailingHost, WithoutAPlanNothingFails) { EXPECT_EQ(outcomes({}, 6), "......"); }

TEST(FailingHost, RefusesTheNthCall) { EXPECT_EQ(outcomes({.nth = 3}, 6), "..x..."); }

TEST(FailingHost, RefusesAllFromTheNthCallOn) {
  EXPECT_EQ(outcomes({.nth = 3, .from_then_on = true}, 6), "..xxxx");
}

TEST(FailingHost, RefusesByChanceTheSameCallsForTheSameSeed) {
  const FailurePlan plan{.per_mille = 250, .seed = 5};
  const std::string result = outcomes(plan, 4000);
  EXPECT_EQ(result, outcomes(plan, 4000));
  EXPECT_NE(result, outcomes({.per_mille = 250, .seed = 6}, 4000));
  const auto refused = std::count(result.begin(), result.end(), 'x');
  EXPECT_GT(refused, 900);
  EXPECT_LT(refused, 1100);
}

TEST(FailingHost, CountsOnlyTheCallsOfItsPlan) {
  SimHost sim;
  FailingHost host(sim, {.nth = 1, .tables = false});
  EXPECT_TRUE(host.reserve_tables(kib(4), NodeId{0}).has_value());
  EXPECT_EQ(host.calls(), 0u);
  EXPECT_FALSE(host.reserve_frames(kFrames.length()).has_value());
  EXPECT_TRUE(host.map_frames(nullptr, kFrames, NodeId{0}).has_value());
  EXPECT_EQ(host.calls(), 2u);
  EXPECT_EQ(host.refused(), 1u);
}

TEST(FailingHost, TheRestIsTheWrappedHosts) {
  SimHost sim;
  FailingHost host(sim, {});
  host.log("line");
  EXPECT_EQ(sim.log_lines(), std::vector<std::string>{"line"});
  sim.advance_ns(77);
  EXPECT_EQ(host.now_ns(), 77u);
}

}  // namespace
}  // namespace quire
