// Processes and threads on libquire_malloc.so: threads that come and go, more of them than CPUs,
// forks in the middle of it all, and blocks that wander between threads with their stamps.
#include <gtest/gtest.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <thread>
#include <vector>

#include "tests/malloc/churn.hpp"

namespace quire::preload {
namespace {

struct OfTheProcess {
  static void* allocate(std::size_t size) { return std::malloc(size); }
  static void* resize(void* block, std::size_t size) { return std::realloc(block, size); }
  static void free(void* block) { std::free(block); }
};
using Stamped = StampedOf<OfTheProcess>;
using Exchange = ExchangeOf<OfTheProcess>;

TEST(MallocThreads, BlocksKeepTheirContentOnTheirWayBetweenThreads) {
  Exchange exchange;
  churn_side_by_side({.first = 20250101, .count = 4}, {20'000}, exchange);
  exchange.end_some(~std::size_t{0});
}

TEST(MallocThreads, ThreadsComeAndGo) {
  Exchange exchange;
  for (unsigned round = 0; round < 100; ++round)
    churn_side_by_side({.first = round * 4, .count = 4}, {200}, exchange);
  exchange.end_some(~std::size_t{0});
}

TEST(MallocThreads, ThreadsBeyondTheMachinesCpusShareOne) {
  Exchange exchange;
  churn_all_alive({.first = 0, .count = 150}, {100}, exchange);
  exchange.end_some(~std::size_t{0});
}

TEST(MallocThreads, WhatAThreadsLastDestructorsAllocateIsServed) {
  static std::atomic<int> ended = 0;
  pthread_key_t key{};
  ASSERT_EQ(pthread_key_create(&key, [](void* block) {
              std::free(block);
              for (int i = 0; i < 100; ++i) Stamped::make(100, 1).end();
              ++ended;
            }), 0);
  for (int i = 0; i < 10; ++i) std::jthread([&] { pthread_setspecific(key, std::malloc(100)); });
  EXPECT_EQ(ended, 10);
  pthread_key_delete(key);
}

int exit_status_of(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

TEST(MallocFork, ChildAndParentGoOnAllocatingWhileOtherThreadsDo) {
  Exchange exchange;
  std::atomic<bool> stop = false;
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < 3; ++i)
    threads.emplace_back([&, i] {
      for (unsigned round = 0; !stop; ++round) churn(1000 * i + round, {300}, exchange);
    });
  for (unsigned i = 0; i < 30; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      Exchange own;
      churn(i, {500}, own);
      {
        std::vector<std::jthread> of_child;
        for (unsigned t = 0; t < 3; ++t)
          of_child.emplace_back([&, t] { churn(i + t, {200}, own); });
      }
      own.end_some(~std::size_t{0});
      _exit(7);
    }
    ASSERT_GT(child, 0);
    ASSERT_EQ(exit_status_of(child), 7) << i;
    churn(i, {100}, exchange);
  }
  stop = true;
  threads.clear();
  exchange.end_some(~std::size_t{0});
}

TEST(MallocFork, AChildFindsWhatItsParentAllocated) {
  const Stamped block = Stamped::make(100'000, 0x3a);
  const Stamped large = Stamped::make(10'000'000, 0x3b);
  const pid_t child = fork();
  if (child == 0) {
    block.end();
    large.end();
    _exit(7);
  }
  EXPECT_EQ(exit_status_of(child), 7);
  block.end();
  large.end();
}

}  // namespace
}  // namespace quire::preload
