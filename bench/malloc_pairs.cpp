// What malloc.* counts in instructions, of whichever malloc the program runs on (LD_PRELOAD): pairs
// of one size, and batches of kBatch objects freed in three orders. The cases named `empty_*` are
// the loops alone; malloc_figures.py subtracts them. With an argument: nanoseconds of a 64-byte
// pair.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "bench/support/callgrind.hpp"
#include "bench/support/clock.hpp"

namespace quire::bench {
namespace {

constexpr int kPairs = 1000;
constexpr int kTimedPairs = 2'000'000;
constexpr int kRounds = 20;
constexpr std::size_t kBatch = 1000;
constexpr std::array<std::size_t, 3> kBatchSizes = {64, 256, 1024};

[[gnu::always_inline]] inline void pair(std::size_t size) {
  void* block = std::malloc(size);
  hide(block);
  std::free(block);
}

void count_pairs() {
  count("empty_pair", [] {
    void* block = nullptr;
    std::size_t size = 8;
    for (int i = 0; i < kPairs; ++i) {
      hide(size);
      hide(block);
    }
  });
  // Every size that a class of some allocator may end at or begin with: eight steps a doubling.
  for (std::size_t size = 8, step = 8; size <= 4096; size += step) {
    if (size >= 16 * step) step *= 2;
    for (const std::size_t asked : {size, size + 1}) {
      if (asked > 4096) continue;
      count(("pair_" + std::to_string(asked)).c_str(), [asked] {
        std::size_t hidden = asked;
        for (int i = 0; i < kPairs; ++i) {
          hide(hidden);
          pair(hidden);
        }
      });
    }
  }
}

using Order = std::vector<std::uint32_t>;

Order order_of(const std::string& name) {
  Order order(kBatch);
  std::iota(order.begin(), order.end(), 0u);
  if (name == "lifo") std::reverse(order.begin(), order.end());
  if (name == "random") std::shuffle(order.begin(), order.end(), std::mt19937{42});
  return order;
}

template <class Allocate, class Free>
void batches(const Order& order, const Allocate& allocate, const Free& free) {
  static std::array<void*, kBatch> blocks;
  for (int round = 0; round < kRounds; ++round) {
    for (void*& block : blocks) block = allocate();
    for (const std::uint32_t index : order) free(blocks[index]);
  }
}

void count_batches() {
  for (const std::string name : {"fifo", "lifo", "random"}) {
    const Order order = order_of(name);
    count("empty_batch", [&] {
      const auto nothing = [] {
        void* block = nullptr;
        hide(block);
        return block;
      };
      batches(order, nothing, [](void* block) { hide(block); });
    });
    for (const std::size_t size : kBatchSizes)
      count(("batch_" + std::to_string(size) + "_" + name).c_str(), [&order, size] {
        batches(order, [size] { return std::malloc(size); }, [](void* block) { std::free(block); });
      });
  }
}

double pair_ns() {
  std::size_t size = 64;
  for (int i = 0; i < kPairs; ++i) pair(size);
  const double start = seconds(CLOCK_THREAD_CPUTIME_ID);
  for (int i = 0; i < kTimedPairs; ++i) {
    hide(size);
    pair(size);
  }
  return (seconds(CLOCK_THREAD_CPUTIME_ID) - start) * 1e9 / kTimedPairs;
}

}  // namespace
}  // namespace quire::bench

int main(int argc, char**) {
  using namespace quire::bench;
  if (argc > 1) {
    std::printf("%.3f\n", pair_ns());
    return 0;
  }
  count_pairs();
  count_batches();
}
