// What replay.* measure: accesses a second of a program whose pages are all in memory and in the
// CPU's caches, and how much of this process's memory a touched page of a large machine takes.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <vector>

#include "bench/support/clock.hpp"
#include "engine/engine.hpp"

namespace quire::bench {
namespace {

// A machine of one node on the sim host, without content, and its engine.
class Simulated {
 public:
  explicit Simulated(Bytes ram) {
    const std::vector<FirmwareRange> map{{{PhysAddr{0x1000}, PhysAddr{0x9f000}}},
                                         {{PhysAddr{0x100000}, PhysAddr{ram.raw()}}}};
    const std::vector<NodeId> cpus{NodeId{0}};
    MachineSpec spec;
    spec.firmware_map = map;
    spec.cpu_nodes = cpus;
    spec.tlb.modelled = true;
    spec.tlb.check = false;
    if (!machine_.boot(spec).has_value()) std::abort();
    const OnCpu on_cpu(machine_.cpus().front());
    engine_ = std::make_unique<Engine>(
        Engine::Parts{host_, machine_, **machine_.processes()}, EngineOptions{});
  }
  void run(std::unique_ptr<Program> program) {
    if (!engine_->start("bench", std::move(program)).has_value()) std::abort();
    if (engine_->run() != RunEnd::kFinished) std::abort();
  }

 private:
  SimHost host_;
  Machine machine_{host_};
  std::unique_ptr<Engine> engine_;
};

// Maps memory, touches its pages once, tells `warm`; then touches them again and again.
class Toucher final : public Program {
 public:
  struct Plan {
    std::uint64_t pages;
    std::uint64_t stride;  // of pages of which one is touched
    std::uint64_t rounds;
  };
  Toucher(const Plan& plan, std::function<void()> warm) : plan_(plan), warm_(std::move(warm)) {}

  Action next(const Reply& last) override {
    if (step_++ == 0) {
      MapMemory call;
      call.length = size_of(PageCount{plan_.pages * plan_.stride});
      call.flags |= map::kNoReserve;
      return call;
    }
    if (step_ == 2) {
      accesses_.reserve(plan_.pages);
      for (std::uint64_t page = 0; page < plan_.pages; ++page)
        accesses_.emplace_back(VirtAddr{*last} + size_of(PageCount{page * plan_.stride}),
                               PageAccess::Kind::kWrite);
      return Touch{accesses_};
    }
    if (step_ == 3) warm_();
    if (step_ == 3 + plan_.rounds) return End{};
    return Touch{accesses_};
  }

 private:
  const Plan plan_;
  const std::function<void()> warm_;
  std::uint64_t step_ = 0;
  std::vector<PageAccess> accesses_;
};

double accesses_per_second(std::uint64_t pages) {
  constexpr std::uint64_t kAccesses = 100'000'000;
  const std::uint64_t rounds = kAccesses / pages;
  Simulated simulated(gib(4));
  double start = 0;
  simulated.run(std::make_unique<Toucher>(Toucher::Plan{pages, 1, rounds},
                                          [&start] { start = seconds(CLOCK_MONOTONIC); }));
  return static_cast<double>(rounds * pages) / (seconds(CLOCK_MONOTONIC) - start);
}

std::uint64_t resident_bytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  unsigned long long pages = 0;
  if (file == nullptr || std::fscanf(file, "%*u %llu", &pages) != 1) std::abort();
  std::fclose(file);
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

// Beyond its Page, where one of `stride` pages is touched.
double bytes_per_page(std::uint64_t stride) {
  constexpr std::uint64_t kPages = 1 << 20;
  Simulated simulated(gib(1024));
  auto program = std::make_unique<Toucher>(Toucher::Plan{kPages, stride, 1}, [] {});
  const std::uint64_t before = resident_bytes();
  std::uint64_t after = 0;
  class Last final : public Program {
   public:
    Last(std::unique_ptr<Program> program, std::uint64_t& after)
        : program_(std::move(program)), after_(after) {}
    Action next(const Reply& last) override {
      Action action = program_->next(last);
      if (std::holds_alternative<End>(action)) after_ = resident_bytes();
      return action;
    }

   private:
    std::unique_ptr<Program> program_;
    std::uint64_t& after_;
  };
  simulated.run(std::make_unique<Last>(std::move(program), after));
  // The program's own list of accesses is not the machine's memory.
  return static_cast<double>(after - before) / kPages - sizeof(Page) - sizeof(PageAccess);
}

}  // namespace
}  // namespace quire::bench

int main() {
  using namespace quire::bench;
  std::printf("{\"hits_per_second\": %.0f, \"second_hits_per_second\": %.0f, ",
              accesses_per_second(48), accesses_per_second(1024));
  std::printf("\"bytes_per_touched_page\": %.2f, \"bytes_per_touched_page_sparse\": %.2f}\n",
              bytes_per_page(8), bytes_per_page(512));
}
