// What page.* counts in instructions, one dump a case: kPairs pairs, or kRounds rounds of kPages
// pages. The cases named `empty_*` are the loops alone; run.py subtracts them.
#include <cstdlib>
#include <new>
#include <vector>

#include "bench/support/bench_machine.hpp"
#include "bench/support/callgrind.hpp"
#include "page_alloc/page_alloc.hpp"

namespace quire::bench {
namespace {

constexpr int kPairs = 10'000;
constexpr int kRounds = 20;
constexpr std::size_t kPages = 1024;
constexpr std::size_t kBulk = 512;
constexpr NodeId kNode{0};

void count_pairs(PageAllocator& pages) {
  count("empty_pair", [] {
    Page* page = nullptr;
    for (int i = 0; i < kPairs; ++i) hide(page);
  });
  count("order0_pair", [&] {
    for (int i = 0; i < kPairs; ++i) {
      Page* page = pages.allocate_page(Gfp::kKernel, kNode);
      hide(page);
      pages.free_page(*page);
    }
  });
}

[[gnu::noinline]] Page* allocate(PageAllocator& pages, Gfp gfp, Order order, NodeId node) {
  return pages.allocate(gfp, order, node);
}
[[gnu::noinline]] void free(PageAllocator& pages, Page& page, Order order) {
  pages.free(page, order);
}

// By calls; nothing of the request is known where they are compiled.
void count_pairs_by_call(PageAllocator& pages) {
  Gfp gfp = Gfp::kKernel;
  NodeId node = kNode;
  hide(gfp);
  hide(node);
  count("order0_pair_call", [&pages, gfp, node] {
    for (int i = 0; i < kPairs; ++i) {
      Page* page = allocate(pages, gfp, Order{0}, node);
      hide(page);
      free(pages, *page, Order{0});
    }
  });
}

// Blocks, as real callers ask for them: what they want is known where they are compiled.
template <Gfp kGfp, unsigned kOrder>
void count_pairs_of(PageAllocator& pages, const char* name) {
  count(name, [&pages] {
    for (int i = 0; i < kPairs; ++i) {
      Page* page = pages.allocate(kGfp, Order{kOrder}, kNode);
      hide(page);
      pages.free(*page, Order{kOrder});
    }
  });
}

void count_bulk(PageAllocator& pages) {
  std::vector<Page*> all(kPages);
  Page* const any = pages.allocate_page(Gfp::kKernel, kNode);
  count("empty_bulk1024", [&] {
    for (int round = 0; round < kRounds; ++round) {
      for (Page*& slot : all) {
        Page* page = any;
        hide(page);
        slot = page;
      }
      for (Page* page : all) hide(page);
    }
  });
  count("bulk1024", [&] {
    for (int round = 0; round < kRounds; ++round) {
      for (Page*& slot : all) {
        Page* page = pages.allocate_page(Gfp::kKernel, kNode);
        hide(page);
        slot = page;
      }
      for (Page* page : all) {
        hide(page);
        pages.free_page(*page);
      }
    }
  });
  pages.free_page(*any);
}

void count_alloc_bulk(PageAllocator& pages) {
  std::vector<Page*> all(kBulk);
  for (int round = 0; round < 3; ++round) {
    std::fill(all.begin(), all.end(), nullptr);
    CALLGRIND_ZERO_STATS;
    CALLGRIND_TOGGLE_COLLECT;
    const std::size_t filled = pages.allocate_bulk(Gfp::kKernel, kNode, all);
    CALLGRIND_TOGGLE_COLLECT;
    CALLGRIND_DUMP_STATS_AT(round == 2 ? "alloc_bulk_512" : "warm");
    if (filled != kBulk) std::abort();
    for (Page* page : all) pages.free_page(*page);
  }
}

void count_malloc() {
  count("malloc_pair", [] {
    for (int i = 0; i < kPairs; ++i) {
      void* block = std::aligned_alloc(4096, 4096);
      hide(block);
      std::free(block);
    }
  });
}

}  // namespace
}  // namespace quire::bench

int main() {
  using namespace quire;
  bench::BenchMachine machine;
  PageAllocator& pages = machine.pages();
  bench::count_pairs(pages);
  bench::count_pairs_by_call(pages);
  bench::count_pairs_of<Gfp::kKernel, 3>(pages, "order3_pair");
  bench::count_pairs_of<Gfp::kKernel, 9>(pages, "order9_pair");
  bench::count_pairs_of<Gfp::kKernel | Gfp::kCompound, 9>(pages, "order9_pair_compound");
  bench::count_bulk(pages);
  bench::count_alloc_bulk(pages);
  bench::count_malloc();
}
