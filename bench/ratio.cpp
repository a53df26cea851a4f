// page.order0_ns_ratio: time of the hot order-0 pair over that of a private stack, both behind
// calls, and both inlined. CPU time of the thread, rounds of the four interleaved, median of nine.
#include <array>
#include <cstdio>

#include "bench/support/bench_machine.hpp"
#include "bench/support/callgrind.hpp"
#include "bench/support/clock.hpp"
#include "bench/support/private_stack.hpp"
#include "page_alloc/page_alloc.hpp"

namespace quire::bench {
namespace {

constexpr int kPairs = 1'000'000;
constexpr int kRounds = 9;
constexpr NodeId kNode{0};

[[gnu::noinline]] Page* allocate(PageAllocator& pages, Gfp gfp, NodeId node) {
  return pages.allocate_page(gfp, node);
}
[[gnu::noinline]] void free(PageAllocator& pages, Page& page) { pages.free_page(page); }
[[gnu::noinline]] PrivateStack::Node* pop(PrivateStack& stack) { return stack.pop(); }
[[gnu::noinline]] void push(PrivateStack& stack, PrivateStack::Node& node) { stack.push(node); }

template <class Take, class Give>
[[gnu::noinline]] double nanoseconds(const Take& take, const Give& give) {
  const double start = seconds(CLOCK_THREAD_CPUTIME_ID);
  for (int i = 0; i < kPairs; ++i) {
    auto* taken = take();
    hide(taken);
    give(*taken);
    asm volatile("" : : : "memory");
  }
  return (seconds(CLOCK_THREAD_CPUTIME_ID) - start) * 1e9 / kPairs;
}

struct Round {
  double call, stack_call, inlined, stack_inlined;
};

Round measure(PageAllocator& pages, PrivateStack& stack) {
  using Node = PrivateStack::Node;
  Round round{};
  round.call = nanoseconds([&] { return allocate(pages, Gfp::kKernel, kNode); },
                           [&](Page& page) { free(pages, page); });
  round.stack_call =
      nanoseconds([&] { return pop(stack); }, [&](Node& node) { push(stack, node); });
  round.inlined = nanoseconds([&] { return pages.allocate_page(Gfp::kKernel, kNode); },
                              [&](Page& page) { pages.free_page(page); });
  round.stack_inlined =
      nanoseconds([&] { return stack.pop(); }, [&](Node& node) { stack.push(node); });
  return round;
}

}  // namespace
}  // namespace quire::bench

int main() {
  using namespace quire::bench;
  BenchMachine machine;
  PrivateStack stack;
  measure(machine.pages(), stack);
  std::array<std::vector<double>, 6> all;
  for (int i = 0; i < kRounds; ++i) {
    const Round round = measure(machine.pages(), stack);
    const double figures[] = {round.call,
                              round.stack_call,
                              round.inlined,
                              round.stack_inlined,
                              round.call / round.stack_call,
                              round.inlined / round.stack_inlined};
    for (std::size_t f = 0; f < all.size(); ++f) all[f].push_back(figures[f]);
  }
  std::printf("{\"order0_call_ns\": %.2f, \"stack_call_ns\": %.2f, \"order0_inlined_ns\": %.2f, "
              "\"stack_inlined_ns\": %.2f, \"order0_ns_ratio\": %.2f, "
              "\"order0_ns_ratio_inlined\": %.2f}\n",
              median(all[0]), median(all[1]), median(all[2]), median(all[3]), median(all[4]),
              median(all[5]));
}
