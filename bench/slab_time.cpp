// Nanoseconds of the hot pairs of slab.*, and of malloc(64) and free() of whichever allocator is
// preloaded: CPU time of the thread, rounds of the three interleaved, median of nine.
#include <array>
#include <cstdio>
#include <cstdlib>

#include "bench/support/bench_machine.hpp"
#include "bench/support/callgrind.hpp"
#include "bench/support/clock.hpp"

namespace quire::bench {
namespace {

constexpr int kPairs = 1'000'000;
constexpr int kRounds = 9;
constexpr std::size_t kSize = 64;

template <class Take, class Give>
[[gnu::noinline]] double nanoseconds(const Take& take, const Give& give) {
  const double start = seconds(CLOCK_THREAD_CPUTIME_ID);
  for (int i = 0; i < kPairs; ++i) {
    void* taken = take();
    hide(taken);
    give(taken);
  }
  return (seconds(CLOCK_THREAD_CPUTIME_ID) - start) * 1e9 / kPairs;
}

}  // namespace
}  // namespace quire::bench

int main() {
  using namespace quire;
  using namespace quire::bench;
  BenchMachine machine;
  const auto made =
      machine.machine().slabs().create({.name = "bench", .shape = {.size = kSize}});
  if (!made.has_value()) return 1;
  KmemCache& cache = **made;
  Kmalloc& kmalloc = machine.machine().kmalloc();
  std::array<std::vector<double>, 3> all;
  for (int round = 0; round <= kRounds; ++round) {
    const double figures[] = {
        nanoseconds([&] { return cache.alloc(Gfp::kKernel); },
                    [&](void* object) { cache.free(object); }),
        nanoseconds([&] { return kmalloc.alloc(kSize, Gfp::kKernel); },
                    [&](void* memory) { kmalloc.free(memory); }),
        nanoseconds([] { return std::malloc(kSize); }, [](void* memory) { std::free(memory); })};
    for (std::size_t f = 0; f < all.size() && round != 0; ++f) all[f].push_back(figures[f]);
  }
  std::printf("{\"cache_pair\": %.3f, \"kmalloc64_pair\": %.3f, \"malloc_pair\": %.3f}\n",
              median(all[0]), median(all[1]), median(all[2]));
}
