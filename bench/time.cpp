// Nanoseconds of what page.* counts in instructions, by Google Benchmark; CPU time.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <vector>

#include "bench/support/bench_machine.hpp"
#include "bench/support/callgrind.hpp"
#include "page_alloc/page_alloc.hpp"

namespace quire::bench {
namespace {

constexpr NodeId kNode{0};

void pair(benchmark::State& state) {
  BenchMachine machine;
  PageAllocator& pages = machine.pages();
  const Order order{static_cast<unsigned>(state.range(0))};
  for (auto _ : state) {
    Page* page = pages.allocate(Gfp::kKernel, order, kNode);
    hide(page);
    pages.free(*page, order);
  }
}
BENCHMARK(pair)->Arg(0)->Arg(3)->Arg(9);

void bulk(benchmark::State& state) {
  BenchMachine machine;
  PageAllocator& pages = machine.pages();
  std::vector<Page*> all(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    for (Page*& page : all) page = pages.allocate_page(Gfp::kKernel, kNode);
    for (Page* page : all) pages.free_page(*page);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(bulk)->Arg(1024);

void malloc_pair(benchmark::State& state) {
  for (auto _ : state) {
    void* block = std::aligned_alloc(4096, 4096);
    hide(block);
    std::free(block);
  }
}
BENCHMARK(malloc_pair);

}  // namespace
}  // namespace quire::bench

BENCHMARK_MAIN();
