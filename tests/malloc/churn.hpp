// Threads that take, resize and free blocks of all sizes, and hand them to one another; each block
// says whose it is. What gives the memory is a parameter: allocate, resize, free.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

namespace quire::preload {

// A block with a stamp in every part of it.
template <class Memory>
class StampedOf {
 public:
  static StampedOf make(std::size_t size, unsigned char stamp) {
    auto* const start = static_cast<unsigned char*>(Memory::allocate(size));
    if (start == nullptr) std::abort();
    std::memset(start, stamp, size);
    return {start, size, stamp};
  }
  // Freed, after it was found to be as it was made.
  void end() const {
    for (std::size_t i = 0; i < size_; i += 1 + size_ / 64)
      if (start_[i] != stamp_) std::abort();
    if (size_ != 0 && start_[size_ - 1] != stamp_) std::abort();
    Memory::free(start_);
  }
  void resize(std::size_t size) {
    auto* const moved = static_cast<unsigned char*>(Memory::resize(start_, size));
    if (moved == nullptr) std::abort();
    if (size > size_) std::memset(moved + size_, stamp_, size - size_);
    start_ = moved;
    size_ = size;
  }

 private:
  StampedOf(unsigned char* start, std::size_t size, unsigned char stamp)
      : start_(start), size_(size), stamp_(stamp) {}

  unsigned char* start_;
  std::size_t size_;
  unsigned char stamp_;
};

// Mostly small, now and then up to several MiB.
inline std::size_t random_size(std::mt19937& random) {
  const unsigned bits = random() % 100 < 97 ? 4 + random() % 9 : 13 + random() % 10;
  return 1 + random() % (std::size_t{1} << bits);
}

// Blocks that any thread may take and end.
template <class Memory>
class ExchangeOf {
 public:
  void put(const StampedOf<Memory>& block) {
    const std::lock_guard guard(mutex_);
    blocks_.push_back(block);
  }
  void end_some(std::size_t most) {
    std::vector<StampedOf<Memory>> taken;
    {
      const std::lock_guard guard(mutex_);
      const std::size_t count = std::min(most, blocks_.size());
      taken.assign(blocks_.end() - static_cast<std::ptrdiff_t>(count), blocks_.end());
      blocks_.erase(blocks_.end() - static_cast<std::ptrdiff_t>(count), blocks_.end());
    }
    for (const StampedOf<Memory>& block : taken) block.end();
  }

 private:
  std::mutex mutex_;
  std::vector<StampedOf<Memory>> blocks_;
};

struct Steps {
  unsigned count;
};
template <class Memory>
void churn(unsigned seed, Steps steps, ExchangeOf<Memory>& exchange) {
  std::mt19937 random(seed);
  std::vector<StampedOf<Memory>> own;
  for (unsigned step = 0; step < steps.count; ++step) {
    const unsigned what = random() % 100;
    if (own.size() < 50 || what < 40) {
      own.push_back(
          StampedOf<Memory>::make(random_size(random), static_cast<unsigned char>(random())));
      continue;
    }
    StampedOf<Memory>& chosen = own[random() % own.size()];
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
  for (const StampedOf<Memory>& block : own) exchange.put(block);
}

struct Seeds {
  unsigned first;
  unsigned count;
};

// A thread for each seed.
template <class Memory>
void churn_side_by_side(Seeds seeds, Steps steps, ExchangeOf<Memory>& exchange) {
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < seeds.count; ++i)
    threads.emplace_back([&, i] { churn(seeds.first + i, steps, exchange); });
}

// The same, with all threads alive at once.
template <class Memory>
void churn_all_alive(Seeds seeds, Steps steps, ExchangeOf<Memory>& exchange) {
  std::atomic<unsigned> waiting = seeds.count;
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < seeds.count; ++i)
    threads.emplace_back([&, i] {
      churn(seeds.first + i, steps, exchange);
      --waiting;
      while (waiting != 0) std::this_thread::yield();
      churn(seeds.first + i, steps, exchange);
    });
}

}  // namespace quire::preload
