// What replay.* measure, one figure a run, so that none disturbs another:
//
//   hits STREAM   accesses a second of a program whose pages are all in memory
//   lru STREAM    requests a second of the same stream to the plainest LRU cache (a list and a hash
//                 table), which holds a tenth of its pages: what a cache simulator does
//   bytes STRIDE  bytes of this process's memory beyond its Page that a touched page of a large
//                 machine takes, where one of STRIDE pages is touched
//
// Times are of the process's CPU, the middle of kRounds rounds of kAccesses each.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <list>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bench/support/clock.hpp"
#include "engine/engine.hpp"
#include "hosts/sim/random.hpp"

namespace quire::bench {
namespace {

using Pages = std::vector<std::uint32_t>;

constexpr unsigned kRounds = 21;
constexpr std::size_t kAccesses = 1 << 20;
constexpr std::uint32_t kPages64M = 16'384;

Pages in_turn(std::uint32_t pages) {
  Pages stream(kAccesses / pages * pages);
  for (std::size_t i = 0; i < stream.size(); ++i) stream[i] = static_cast<std::uint32_t>(i % pages);
  return stream;
}

Pages uniform(std::uint32_t pages) {
  Random random(1);
  Pages stream(kAccesses);
  for (std::uint32_t& page : stream) page = static_cast<std::uint32_t>(random.next() % pages);
  return stream;
}

// The i-th favourite is touched 1 / i^alpha as often as the first; favourites lie all over.
Pages zipf(std::uint32_t pages, double alpha) {
  constexpr std::uint64_t kScatter = 0x9e3779b1;  // odd: each of 2^n pages has its place
  std::vector<double> sums;
  double sum = 0;
  for (std::uint32_t rank = 1; rank <= pages; ++rank) sums.push_back(sum += std::pow(rank, -alpha));
  Random random(1);
  Pages stream(kAccesses);
  for (std::uint32_t& page : stream) {
    const double at = static_cast<double>(random.next() >> 11) * 0x1p-53 * sum;
    const auto rank = std::upper_bound(sums.begin(), sums.end() - 1, at) - sums.begin();
    page = static_cast<std::uint32_t>(static_cast<std::uint64_t>(rank) * kScatter % pages);
  }
  return stream;
}

Pages stream_of(std::string_view name) {
  if (name == "48_pages") return in_turn(48);
  if (name == "1024_pages") return in_turn(1024);
  if (name == "sequential_64m") return in_turn(kPages64M);
  if (name == "uniform_64m") return uniform(kPages64M);
  if (name == "zipf_64m") return zipf(kPages64M, 1.0);
  if (name == "zipf_0.99_64m") return zipf(kPages64M, 0.99);
  std::abort();
}

// How long each round took, from the first call on.
class Rounds {
 public:
  void next() { ends_.push_back(seconds(CLOCK_PROCESS_CPUTIME_ID)); }
  [[nodiscard]] bool done() const { return ends_.size() > kRounds; }
  [[nodiscard]] double middle() const {
    std::vector<double> took;
    for (std::size_t i = 1; i < ends_.size(); ++i) took.push_back(ends_[i] - ends_[i - 1]);
    return median(took);
  }

 private:
  std::vector<double> ends_;
};

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

// Maps memory and touches pages of it, the same ones each round, as long as `again` says so.
class Toucher final : public Program {
 public:
  struct Plan {
    PageCount mapped;
    Pages pages;
    std::function<bool()> again;  // asked after each round
  };
  explicit Toucher(Plan plan) : plan_(std::move(plan)) {}

  Action next(const Reply& last) override {
    if (!mapped_) {
      mapped_ = true;
      MapMemory call;
      call.length = size_of(plan_.mapped);
      call.flags |= map::kNoReserve;
      return call;
    }
    if (accesses_.empty()) {
      accesses_.reserve(plan_.pages.size());
      for (const std::uint64_t page : plan_.pages)
        accesses_.emplace_back(VirtAddr{*last} + size_of(PageCount{page}),
                               PageAccess::Kind::kWrite);
      plan_.pages = Pages();
    } else if (!plan_.again()) {
      return End{};
    }
    return Touch{accesses_};
  }

 private:
  Plan plan_;
  bool mapped_ = false;
  std::vector<PageAccess> accesses_;
};

double hits_per_second(std::string_view name) {
  Pages stream = stream_of(name);
  const auto accesses = static_cast<double>(stream.size());
  Rounds rounds;
  Simulated simulated(gib(4));
  // The first round faults.
  simulated.run(std::make_unique<Toucher>(
      Toucher::Plan{PageCount{kPages64M}, std::move(stream), [&rounds] {
                      rounds.next();
                      return !rounds.done();
                    }}));
  return accesses / rounds.middle();
}

double lru_requests_per_second(std::string_view name) {
  const Pages stream = stream_of(name);
  std::list<std::uint32_t> by_use;
  std::unordered_map<std::uint32_t, std::list<std::uint32_t>::iterator> places;
  Rounds rounds;
  for (rounds.next(); !rounds.done(); rounds.next())
    for (const std::uint32_t page : stream) {
      const auto found = places.find(page);
      if (found != places.end()) {
        by_use.splice(by_use.begin(), by_use, found->second);
        continue;
      }
      if (places.size() == kPages64M / 10) {
        places.erase(by_use.back());
        by_use.pop_back();
      }
      by_use.push_front(page);
      places.emplace(page, by_use.begin());
    }
  return static_cast<double>(stream.size()) / rounds.middle();
}

std::uint64_t resident_bytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  unsigned long long pages = 0;
  if (file == nullptr || std::fscanf(file, "%*u %llu", &pages) != 1) std::abort();
  std::fclose(file);
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

double bytes_per_page(std::uint32_t stride) {
  constexpr std::uint32_t kPages = 1 << 20;
  Pages pages(kPages);
  for (std::uint32_t page = 0; page < kPages; ++page) pages[page] = page * stride;
  Simulated simulated(gib(1024));
  const std::uint64_t before = resident_bytes();
  std::uint64_t after = 0;
  simulated.run(std::make_unique<Toucher>(
      Toucher::Plan{PageCount{std::uint64_t{kPages} * stride}, std::move(pages), [&after] {
                      after = resident_bytes();
                      return false;
                    }}));
  // The program's own list of accesses, which replaces that of pages, is not the machine's memory.
  return static_cast<double>(after - before) / kPages - sizeof(Page) -
         (sizeof(PageAccess) - sizeof(std::uint32_t));
}

}  // namespace
}  // namespace quire::bench

int main(int argc, char** argv) {
  using namespace quire::bench;
  if (argc != 3) std::abort();
  const std::string_view what = argv[1];
  if (what == "hits") std::printf("%.0f\n", hits_per_second(argv[2]));
  if (what == "lru") std::printf("%.0f\n", lru_requests_per_second(argv[2]));
  if (what == "bytes")
    std::printf("%.2f\n", bytes_per_page(static_cast<std::uint32_t>(std::atoi(argv[2]))));
}
