#include "hosts/sim/fiber.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace quire {
namespace {

constexpr std::size_t kStackSize = 128 * 1024;

TEST(Fiber, RunsUntilItSuspendsAndGoesOnWhereItStopped) {
  std::vector<int> trace;
  Fiber* self = nullptr;
  Fiber fiber(FiberStack(kStackSize), [&] {
    trace.push_back(1);
    self->suspend();
    trace.push_back(3);
  });
  self = &fiber;
  EXPECT_TRUE(trace.empty());
  fiber.resume();
  trace.push_back(2);
  EXPECT_FALSE(fiber.finished());
  fiber.resume();
  EXPECT_TRUE(fiber.finished());
  EXPECT_EQ(trace, (std::vector{1, 2, 3}));
}

TEST(Fiber, KeepsItsLocalsWhileOthersRun) {
  constexpr int kFibers = 8;
  std::vector<std::unique_ptr<Fiber>> fibers;
  std::vector<int> sums(kFibers, 0);
  for (int id = 0; id < kFibers; ++id)
    fibers.push_back(std::make_unique<Fiber>(FiberStack(kStackSize), [&, id] {
      int mine[64];
      for (int i = 0; i < 64; ++i) {
        mine[i] = id * i;
        fibers[static_cast<std::size_t>(id)]->suspend();
      }
      for (const int value : mine) sums[static_cast<std::size_t>(id)] += value;
    }));
  for (int turn = 0; turn < 65; ++turn)
    for (const auto& fiber : fibers) fiber->resume();
  for (int id = 0; id < kFibers; ++id) {
    EXPECT_TRUE(fibers[static_cast<std::size_t>(id)]->finished());
    EXPECT_EQ(sums[static_cast<std::size_t>(id)], id * (63 * 64 / 2));
  }
}

TEST(Fiber, OneThatHasNotFinishedIsDroppedWithoutUnwinding) {
  bool unwound = false;
  {
    struct Guard {
      bool& flag;
      ~Guard() { flag = true; }
    };
    Fiber* self = nullptr;
    Fiber fiber(FiberStack(kStackSize), [&] {
      const Guard guard{unwound};
      self->suspend();
    });
    self = &fiber;
    fiber.resume();
  }
  EXPECT_FALSE(unwound);
}

TEST(Fiber, AStackServesOneFiberAfterAnother) {
  int runs = 0;
  FiberStack stack(kStackSize);
  for (int i = 0; i < 3; ++i) {
    Fiber fiber(std::move(stack), [&] { ++runs; });
    fiber.resume();
    new (&stack) FiberStack(fiber.take_stack());
  }
  EXPECT_EQ(runs, 3);
}

TEST(FiberStack, HoldsAtLeastWhatWasAskedFor) {
  const FiberStack stack(5000);
  EXPECT_EQ(stack.size(), 8192u);
  stack.bottom()[0] = std::byte{1};
  stack.bottom()[stack.size() - 1] = std::byte{1};
}

TEST(FiberStackDeathTest, OverflowingItFaultsInsteadOfOverwriting) {
  const FiberStack stack(kStackSize);
  EXPECT_DEATH(*(static_cast<volatile std::byte*>(stack.bottom()) - 1) = std::byte{1}, "");
}

}  // namespace
}  // namespace quire
