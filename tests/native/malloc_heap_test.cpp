// malloc's heap beside the program's own malloc: what libquire_malloc.so does, where sanitizers
// look on.
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <thread>

#include "malloc/heap.hpp"
#include "malloc/hot_path.hpp"
#include "tests/malloc/churn.hpp"

namespace quire::preload {
namespace {

// As malloc(), realloc() and free() of the library are made.
struct OfTheHeap {
  static void* allocate(std::size_t size) {
    void* const object = take_at_hand(size);
    return object != nullptr ? object : heap.allocate(size);
  }
  static void* resize(void* block, std::size_t size) { return heap.resize(block, size); }
  static void free(void* block) {
    if (!put_at_hand(block) && !put_elsewhere(block)) heap.free(block);
  }
};
using Stamped = StampedOf<OfTheHeap>;
using Exchange = ExchangeOf<OfTheHeap>;

// A process has its heap before it has a second thread: making one allocates.
class MallocHeap : public testing::Test {
 protected:
  static void SetUpTestSuite() { Stamped::make(1, 0).end(); }
};

TEST_F(MallocHeap, BlocksKeepTheirContentOnTheirWayBetweenThreads) {
  Exchange exchange;
  churn_side_by_side({.first = 20250101, .count = 4}, {10'000}, exchange);
  exchange.end_some(~std::size_t{0});
}

TEST_F(MallocHeap, ThreadsComeAndGoAndOthersTakeOverTheirCpus) {
  Exchange exchange;
  for (unsigned round = 0; round < 20; ++round)
    churn_side_by_side({.first = round * 6, .count = 6}, {200}, exchange);
  exchange.end_some(~std::size_t{0});
}

TEST_F(MallocHeap, ThreadsBeyondTheMachinesCpusShareOne) {
  Exchange exchange;
  churn_all_alive({.first = 0, .count = Threads::kCpus + 20}, {60}, exchange);
  EXPECT_GE(threads.most_at_once(), Threads::kCpus - 1);
  exchange.end_some(~std::size_t{0});
}

TEST_F(MallocHeap, WhatIsFreeGoesBackWhileOthersAllocate) {
  Exchange exchange;
  std::atomic<bool> stop = false;
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < 3; ++i)
      threads.emplace_back([&, i] {
        for (unsigned round = 0; !stop; ++round) churn(1000 * i + round, {300}, exchange);
      });
    for (unsigned i = 0; i < 20; ++i) {
      churn(i, {100}, exchange);
      exchange.end_some(100);
      heap.trim();
    }
    stop = true;
  }
  exchange.end_some(~std::size_t{0});
}

TEST_F(MallocHeap, WhatCannotBeHadIsNullAndEnomem) {
  for (const std::size_t size :
       {std::numeric_limits<std::size_t>::max(), std::size_t{1} << 60, std::size_t{1} << 47}) {
    errno = 0;
    EXPECT_EQ(OfTheHeap::allocate(size), nullptr);
    EXPECT_EQ(errno, ENOMEM);
  }
  const Stamped block = Stamped::make(1000, 3);
  block.end();
}

}  // namespace
}  // namespace quire::preload
