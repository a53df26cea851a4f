// page.two_thread_scaling: how much two threads on two CPUs do beside twice what one does, for the
// hot order-0 pair and for a private stack. Wall time. Other programs only ever slow a slice down,
// so a round takes the fastest of some short slices of each; rounds are interleaved, the figure is
// the median of nine.
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <thread>

#include "bench/support/bench_machine.hpp"
#include "bench/support/callgrind.hpp"
#include "bench/support/clock.hpp"
#include "bench/support/private_stack.hpp"
#include "page_alloc/page_alloc.hpp"

namespace quire::bench {
namespace {

constexpr int kPairs = 200'000;
constexpr int kRounds = 9;
constexpr int kSlices = 8;
constexpr NodeId kNode{0};

void pin_to(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

// The CPUs that this process may use.
std::vector<unsigned> real_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof(set), &set);
  std::vector<unsigned> cpus;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  return cpus;
}

template <class Work>
double slice(const Work& work) {
  const double start = seconds(CLOCK_MONOTONIC);
  for (int i = 0; i < kPairs; ++i) work();
  return seconds(CLOCK_MONOTONIC) - start;
}

class Scaling {
 public:
  explicit Scaling(std::vector<unsigned> cpus) : cpus_(std::move(cpus)) {}

  // Seconds that the slowest of `threads` threads took for a slice.
  template <class Work>
  double run(unsigned threads, const Work& work_of) {
    std::array<double, 2> took{};
    std::atomic<unsigned> waiting = threads;
    const auto body = [&](unsigned number) {
      pin_to(cpus_[number]);
      const OnCpu on_cpu(machine_.machine().cpus()[number]);
      const auto work = work_of(number);
      for (int i = 0; i < 1000; ++i) work();
      --waiting;
      while (waiting != 0) Arch::cpu_relax();
      took[number] = slice(work);
    };
    std::vector<std::jthread> running;
    for (unsigned number = 0; number < threads; ++number) running.emplace_back(body, number);
    running.clear();
    return *std::max_element(took.begin(), took.end());
  }

  // Throughput of two threads over twice that of one.
  template <class Work>
  double round(const Work& work_of) {
    double one = 1e9;
    double two = 1e9;
    for (int i = 0; i < kSlices; ++i) {
      one = std::min(one, run(1, work_of));
      two = std::min(two, run(2, work_of));
    }
    return one / two;
  }

  double pages_round() {
    return round([this](unsigned) {
      return [&pages = machine_.pages()] {
        Page* page = pages.allocate_page(Gfp::kKernel, kNode);
        hide(page);
        pages.free_page(*page);
      };
    });
  }
  double stack_round() {
    return round([this](unsigned number) {
      return [&stack = stacks_[number]] {
        PrivateStack::Node* node = stack.pop();
        hide(node);
        stack.push(*node);
        asm volatile("" : : : "memory");
      };
    });
  }

 private:
  std::vector<unsigned> cpus_;
  BenchMachine machine_{2};
  std::array<PrivateStack, 2> stacks_;
};

}  // namespace
}  // namespace quire::bench

int main() {
  using namespace quire::bench;
  const std::vector<unsigned> cpus = real_cpus();
  if (cpus.size() < 2) {
    std::fprintf(stderr, "scaling: this machine has one CPU\n");
    return 1;
  }
  Scaling scaling(cpus);
  std::vector<double> pages;
  std::vector<double> stack;
  std::vector<double> ratio;
  for (int i = 0; i < kRounds; ++i) {
    pages.push_back(scaling.pages_round());
    stack.push_back(scaling.stack_round());
    ratio.push_back(pages.back() / stack.back());
  }
  std::printf("{\"two_thread_scaling\": %.3f, \"pages_scaling\": %.3f, \"stack_scaling\": %.3f}\n",
              median(ratio), median(pages), median(stack));
}
