// Threads on whichever malloc the program runs on (LD_PRELOAD), in nanoseconds of wall time: the
// fastest of some short slices, because other programs only ever slow one down.
//
//   producer   an object that one thread allocates and another frees
//   larson     a step of a server's churn: threads that replace random objects of their table by
//              others of random size, and after kLife steps hand the table on to a new thread
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/support/clock.hpp"

namespace quire::bench {
namespace {

// Sizes drawn before the clock runs.
std::vector<std::uint16_t> random_sizes(unsigned seed, std::uint16_t most) {
  std::mt19937 random(seed);
  std::vector<std::uint16_t> sizes(1 << 12);
  for (std::uint16_t& size : sizes) size = static_cast<std::uint16_t>(8 + random() % (most - 8u));
  return sizes;
}

// One writer, one reader; both look at the other's position only when they must.
class Ring {
 public:
  void push(void* object) {
    while (head_ - seen_tail_ == kSlots) {
      seen_tail_ = tail_.load(std::memory_order_acquire);
      if (head_ - seen_tail_ == kSlots) std::this_thread::yield();
    }
    slots_[head_ % kSlots] = object;
    if (++head_ % kTold == 0) told_.store(head_, std::memory_order_release);
  }
  void* pop() {
    while (at_ == seen_head_) {
      tail_.store(at_, std::memory_order_release);
      seen_head_ = told_.load(std::memory_order_acquire);
      if (at_ == seen_head_) std::this_thread::yield();
    }
    return slots_[at_++ % kSlots];
  }

 private:
  static constexpr std::uint64_t kSlots = 4096;
  static constexpr std::uint64_t kTold = 64;  // objects are told of in groups

  alignas(64) std::uint64_t head_ = 0;
  std::uint64_t seen_tail_ = 0;
  alignas(64) std::uint64_t at_ = 0;
  std::uint64_t seen_head_ = 0;
  alignas(64) std::atomic<std::uint64_t> told_ = 0;
  alignas(64) std::atomic<std::uint64_t> tail_ = 0;
  std::array<void*, kSlots> slots_{};
};

double producer_slice_ns() {
  constexpr std::uint64_t kObjects = 64 * 8'000;
  const auto ring = std::make_unique<Ring>();
  const std::vector<std::uint16_t> sizes = random_sizes(1, 512);
  const double start = seconds(CLOCK_MONOTONIC);
  {
    std::jthread consumer([&] {
      for (std::uint64_t i = 0; i < kObjects; ++i) std::free(ring->pop());
    });
    for (std::uint64_t i = 0; i < kObjects; ++i) {
      auto* const object = static_cast<char*>(std::malloc(sizes[i % sizes.size()]));
      *object = 1;
      ring->push(object);
    }
  }
  return (seconds(CLOCK_MONOTONIC) - start) * 1e9 / static_cast<double>(kObjects);
}

class Larson {
 public:
  explicit Larson(unsigned seed)
      : sizes_(random_sizes(seed, 1024)), random_(seed), table_(kTable) {
    for (char*& object : table_) object = make();
  }
  ~Larson() {
    for (char* const object : table_) std::free(object);
  }

  void live_through(unsigned lives) {
    for (; lives != 0; --lives) std::jthread([this] { live(); });
  }

  static constexpr unsigned kLife = 20'000;

 private:
  static constexpr std::size_t kTable = 1000;

  char* make() {
    auto* const object = static_cast<char*>(std::malloc(sizes_[step_++ % sizes_.size()]));
    *object = 1;
    return object;
  }
  void live() {
    for (unsigned i = 0; i < kLife; ++i) {
      char*& object = table_[random_() % kTable];
      std::free(object);
      object = make();
    }
  }

  std::vector<std::uint16_t> sizes_;
  std::minstd_rand random_;
  std::size_t step_ = 0;
  std::vector<char*> table_;
};

double larson_slice_ns() {
  constexpr unsigned kThreads = 2;
  constexpr unsigned kLives = 8;
  const double start = seconds(CLOCK_MONOTONIC);
  {
    std::vector<std::jthread> threads;
    for (unsigned seed = 1; seed <= kThreads; ++seed)
      threads.emplace_back([seed] { Larson(seed).live_through(kLives); });
  }
  return (seconds(CLOCK_MONOTONIC) - start) * 1e9 / (kLives * Larson::kLife);
}

template <class Slice>
double fastest(const Slice& slice) {
  constexpr int kSlices = 10;
  double best = slice();
  for (int i = 1; i < kSlices; ++i) best = std::min(best, slice());
  return best;
}

}  // namespace
}  // namespace quire::bench

int main(int argc, char** argv) {
  using namespace quire::bench;
  const std::string_view what = argc == 2 ? argv[1] : "";
  if (what != "producer" && what != "larson") {
    std::fprintf(stderr, "usage: %s producer|larson\n", argv[0]);
    return 2;
  }
  std::printf("%.3f\n", what == "producer" ? fastest(producer_slice_ns) : fastest(larson_slice_ns));
}
