// DPDK's mempool as a peer: objects of 4 KiB from a lcore's cache. Nothing but memory of this
// process: no huge pages, no devices. Under callgrind it dumps counts as bench/instructions.cpp
// does, then prints nanoseconds of CPU time.
#include <rte_eal.h>
#include <rte_mempool.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "bench/support/callgrind.hpp"
#include "bench/support/clock.hpp"

namespace quire::bench {
namespace {

constexpr int kPairs = 10'000;
constexpr int kRounds = 20;
constexpr std::size_t kPages = 1024;

rte_mempool* start() {
  char arguments[][16] = {"bench",   "--no-huge", "--no-pci",    "--no-telemetry", "--no-shconf",
                          "-l",      "0",         "-m",          "64",             "--log-level",
                          "1"};
  std::vector<char*> argv;
  for (char* argument : arguments) argv.push_back(argument);
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) return nullptr;
  return rte_mempool_create("pages", 4095, 4096, RTE_MEMPOOL_CACHE_MAX_SIZE, 0, nullptr, nullptr,
                            nullptr, nullptr, SOCKET_ID_ANY, 0);
}

void* take(rte_mempool* pool) {
  void* page = nullptr;
  if (rte_mempool_get(pool, &page) != 0) std::abort();
  return page;
}

void pairs(rte_mempool* pool, int times) {
  for (int i = 0; i < times; ++i) {
    void* page = take(pool);
    hide(page);
    rte_mempool_put(pool, page);
  }
}

void bulk(rte_mempool* pool, std::vector<void*>& all) {
  for (int round = 0; round < kRounds; ++round) {
    for (void*& slot : all) slot = take(pool);
    for (void* page : all) rte_mempool_put(pool, page);
  }
}

}  // namespace
}  // namespace quire::bench

int main() {
  using namespace quire::bench;
  rte_mempool* const pool = start();
  if (pool == nullptr) {
    std::fprintf(stderr, "DPDK does not start here\n");
    return 1;
  }
  std::vector<void*> all(kPages);
  count("order0_pair", [&] { pairs(pool, kPairs); });
  count("bulk1024", [&] { bulk(pool, all); });
  constexpr int kTimed = 2'000'000;
  const int times = RUNNING_ON_VALGRIND != 0 ? 1 : kTimed;
  const double start_time = seconds(CLOCK_THREAD_CPUTIME_ID);
  pairs(pool, times);
  std::printf("{\"pair_ns\": %.2f}\n",
              (seconds(CLOCK_THREAD_CPUTIME_ID) - start_time) * 1e9 / times);
  rte_eal_cleanup();
}
