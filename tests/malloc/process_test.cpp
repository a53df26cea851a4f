// Processes and threads on libquire_malloc.so: threads that come and go, more of them than CPUs,
// forks in the middle of it all, and blocks that wander between threads with their stamps.
#include <gtest/gtest.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

namespace quire::preload {
namespace {

// A block that says whose it is, in every part of it.
class Stamped {
 public:
  static Stamped make(std::size_t size, unsigned char stamp) {
    auto* const start = static_cast<unsigned char*>(std::malloc(size));
    if (start == nullptr) std::abort();
    std::memset(start, stamp, size);
    return {start, size, stamp};
  }
  // Freed, after it was found to be as it was made.
  void end() const {
    for (std::size_t i = 0; i < size_; i += 1 + size_ / 64)
      if (start_[i] != stamp_) std::abort();
    if (size_ != 0 && start_[size_ - 1] != stamp_) std::abort();
    std::free(start_);
  }
  void resize(std::size_t size) {
    auto* const moved = static_cast<unsigned char*>(std::realloc(start_, size));
    if (moved == nullptr) std::abort();
    if (size > size_) std::memset(moved + size_, stamp_, size - size_);
    start_ = moved;
    size_ = size;
  }

 private:
  Stamped(unsigned char* start, std::size_t size, unsigned char stamp)
      : start_(start), size_(size), stamp_(stamp) {}

  unsigned char* start_;
  std::size_t size_;
  unsigned char stamp_;
};

// Mostly small, now and then up to several MiB.
std::size_t random_size(std::mt19937& random) {
  const unsigned bits = random() % 100 < 97 ? 4 + random() % 9 : 13 + random() % 10;
  return 1 + random() % (std::size_t{1} << bits);
}

// Blocks that any thread may take and end.
class Exchange {
 public:
  void put(const Stamped& block) {
    const std::lock_guard guard(mutex_);
    blocks_.push_back(block);
  }
  void end_some(std::size_t most) {
    std::vector<Stamped> taken;
    {
      const std::lock_guard guard(mutex_);
      const std::size_t count = std::min(most, blocks_.size());
      taken.assign(blocks_.end() - static_cast<std::ptrdiff_t>(count), blocks_.end());
      blocks_.erase(blocks_.end() - static_cast<std::ptrdiff_t>(count), blocks_.end());
    }
    for (const Stamped& block : taken) block.end();
  }

 private:
  std::mutex mutex_;
  std::vector<Stamped> blocks_;
};

struct Steps {
  unsigned count;
};
void churn(unsigned seed, Steps steps, Exchange& exchange) {
  std::mt19937 random(seed);
  std::vector<Stamped> own;
  for (unsigned step = 0; step < steps.count; ++step) {
    const unsigned what = random() % 100;
    if (own.size() < 50 || what < 40) {
      own.push_back(Stamped::make(random_size(random), static_cast<unsigned char>(random())));
      continue;
    }
    Stamped& chosen = own[random() % own.size()];
    if (what < 50) {
      chosen.resize(random_size(random));
      continue;
    }
    if (what < 70)
      exchange.put(chosen);
    else
      chosen.end();
    chosen = own.back();
    own.pop_back();
    if (what < 60) exchange.end_some(4);
  }
  for (const Stamped& block : own) exchange.put(block);
}

TEST(MallocThreads, BlocksKeepTheirContentOnTheirWayBetweenThreads) {
  const unsigned seed = 20250101;
  SCOPED_TRACE(seed);
  Exchange exchange;
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < 4; ++i)
      threads.emplace_back([&, i] { churn(seed + i, {20'000}, exchange); });
  }
  exchange.end_some(~std::size_t{0});
}

TEST(MallocThreads, ThreadsComeAndGo) {
  Exchange exchange;
  for (unsigned round = 0; round < 100; ++round) {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < 4; ++i)
      threads.emplace_back([&, seed = round * 4 + i] { churn(seed, {200}, exchange); });
  }
  exchange.end_some(~std::size_t{0});
}

TEST(MallocThreads, ThreadsBeyondTheMachinesCpusShareOne) {
  constexpr unsigned kThreads = 150;
  Exchange exchange;
  std::atomic<unsigned> waiting = kThreads;
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < kThreads; ++i)
      threads.emplace_back([&, i] {
        churn(i, {100}, exchange);
        --waiting;
        while (waiting != 0) std::this_thread::yield();  // all are alive at once
        churn(i, {100}, exchange);
      });
  }
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
