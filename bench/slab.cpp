// What slab.* counts in instructions, one dump a case: kPairs pairs, or kRounds rounds of kObjects
// objects allocated, then freed. The cases named `empty_*` are the loops alone.
#include <cstdlib>
#include <vector>

#include "bench/support/bench_machine.hpp"
#include "bench/support/callgrind.hpp"

namespace quire::bench {
namespace {

constexpr int kPairs = 10'000;
constexpr int kRounds = 20;
constexpr std::size_t kObjects = 1000;
constexpr std::size_t kSize = 64;

void count_pairs(Machine& machine, KmemCache& cache) {
  count("empty_pair", [] {
    void* object = nullptr;
    for (int i = 0; i < kPairs; ++i) hide(object);
  });
  count("cache_pair", [own = &cache] {
    KmemCache& cache = *own;
    for (int i = 0; i < kPairs; ++i) {
      void* object = cache.alloc(Gfp::kKernel);
      hide(object);
      cache.free(object);
    }
  });
  count("kmalloc64_pair", [own = &machine.kmalloc()] {
    Kmalloc& kmalloc = *own;
    for (int i = 0; i < kPairs; ++i) {
      void* object = kmalloc.alloc(kSize, Gfp::kKernel);
      hide(object);
      kmalloc.free(object);
    }
  });
  count("kmalloc_any_pair", [own = &machine.kmalloc()] {
    Kmalloc& kmalloc = *own;
    std::size_t size = kSize;
    Gfp gfp = Gfp::kKernel;
    for (int i = 0; i < kPairs; ++i) {
      hide(size);
      hide(gfp);
      void* object = kmalloc.alloc(size, gfp);
      hide(object);
      kmalloc.free(object);
    }
  });
  count("malloc_pair", [] {
    for (int i = 0; i < kPairs; ++i) {
      void* object = std::malloc(kSize);
      hide(object);
      std::free(object);
    }
  });
}

void count_batches(KmemCache& cache) {
  std::vector<void*> all(kObjects);
  count("empty_batch", [&] {
    for (int round = 0; round < kRounds; ++round) {
      for (void*& slot : all) {
        void* object = nullptr;
        hide(object);
        slot = object;
      }
      for (void* object : all) hide(object);
    }
  });
  count("batch1000", [&] {
    for (int round = 0; round < kRounds; ++round) {
      for (void*& slot : all) {
        void* object = cache.alloc(Gfp::kKernel);
        hide(object);
        slot = object;
      }
      for (void* object : all) {
        hide(object);
        cache.free(object);
      }
    }
  });
  count("bulk1000", [&] {
    for (int round = 0; round < kRounds; ++round) {
      if (!cache.alloc_bulk(Gfp::kKernel, all)) std::abort();
      cache.free_bulk(all);
    }
  });
}

}  // namespace
}  // namespace quire::bench

int main() {
  using namespace quire;
  bench::BenchMachine machine;
  const auto cache = machine.machine().slabs().create(
      {.name = "bench", .shape = {.size = bench::kSize}});
  if (!cache.has_value()) return 1;
  bench::count_pairs(machine.machine(), **cache);
  bench::count_batches(**cache);
}
