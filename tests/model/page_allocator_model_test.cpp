// The page allocator against the naive one (tests/support/naive_zone.hpp): random requests on
// three CPUs, each of which must get the very same page, and every list compared now and then.
//
// QUIRE_SEED=n replays a run.
#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "tests/support/naive_zone.hpp"
#include "tests/support/test_machine.hpp"

namespace quire::model {
namespace {

constexpr unsigned kCpus = 3;
constexpr unsigned kStepsOfAMachine = 20'000;
constexpr unsigned kMachines = 60;
constexpr unsigned kStepsBetweenLooks = 500;

std::uint64_t first_seed() {
  const char* const told = std::getenv("QUIRE_SEED");
  return told == nullptr ? 1 : std::strtoull(told, nullptr, 0);
}

class Pair {
 public:
  explicit Pair(std::uint64_t seed)
      : random_(seed),
        real_(Shape::one_zone({.size_mib = 32 + seed % 5 * 24, .cpus = kCpus})),
        zone_(real_.dma32()),
        naive_(sizes(), kCpus) {
    copy_state();
  }

  // False when something differed.
  bool step() {
    cpu_ = random_.below(kCpus);
    real_.use_cpu(cpu_);
    // Phases that mostly take and mostly give, to full and empty and back.
    if (random_.below(400) == 0) taking_ = random_.below(10) < 6;
    const unsigned choice = random_.below(1000);
    if (choice < 3) return drain();
    if (choice < 10) return bulk();
    if (choice < 12) return settle();
    const bool take = held_.empty() || random_.below(100) < (taking_ ? 60u : 40u);
    return take ? allocate() : free();
  }

  void compare() {
    for (unsigned o = 0; o < kOrderCount; ++o)
      for (unsigned t = 0; t < kTypes; ++t)
        ASSERT_EQ(real_.free_list(zone_, o, static_cast<MigrateType>(t)),
                  flat(naive_.lists[o][t])) << "free list of order " << o << " type " << t;
    for (unsigned cpu = 0; cpu < kCpus; ++cpu) compare_set(cpu);
    EXPECT_EQ(zone_.free_pages(), naive_.free_pages);
    EXPECT_EQ(zone_.watermark_boost.get(), naive_.boost);
    EXPECT_EQ(zone_.nr_reserved_highatomic.get(), naive_.reserved);
    EXPECT_TRUE(audited(real_.machine));
    seen.boosts += naive_.boost != 0;
    seen.reserves += naive_.reserved != 0;
  }

  void free_everything() {
    while (!held_.empty()) ASSERT_TRUE(free());
  }

 private:
  struct Held {
    Page* page;
    unsigned order;
  };

  static std::vector<Number> flat(const std::list<Number>& list) {
    return {list.begin(), list.end()};
  }

  Sizes sizes() {
    PerCpuPages& set = real_.set(zone_, 0);
    return {zone_.span, static_cast<std::int64_t>(zone_.managed_pages()),
            zone_.watermark[0].get(), zone_.watermark[1].get(), zone_.watermark[2].get(),
            set.batch.load(), set.high.load(), zone_.stat_threshold.get()};
  }

  void copy_state() {
    for (unsigned o = 0; o < kOrderCount; ++o)
      for (unsigned t = 0; t < kTypes; ++t)
        for (const Number page : real_.free_list(zone_, o, static_cast<MigrateType>(t)))
          naive_.add_free(page, o, static_cast<Type>(t));
    naive_.free_pages = zone_.free_pages();
    const MemoryMap& map = real_.machine.map();
    for (Pfn pfn = zone_.span.start; pfn < zone_.span.end; pfn += kPageblockPages)
      naive_.set_type(pfn.raw(), static_cast<Type>(map.pageblock_type(
                                     map.index_of(*map.page_of(pfn)))));
  }

  void compare_set(unsigned cpu) QUIRE_NO_THREAD_SAFETY_ANALYSIS {
    const NaiveSet& naive = naive_.sets[cpu];
    for (unsigned list = 0; list < kPcpLists; ++list)
      ASSERT_EQ(real_.set_list(zone_, cpu_id(cpu), list), flat(naive.lists[list]))
          << "list " << list << " of CPU " << cpu;
    EXPECT_EQ(real_.set(zone_, cpu).count(), naive.count);
    EXPECT_EQ(real_.set(zone_, cpu).free_factor, naive.free_factor) << "CPU " << cpu;
  }

  bool allocate() {
    static constexpr unsigned kOrders[] = {0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2,
                                           3, 3, 4, 5, 6, 7, 8, 9, 9, 10};
    const unsigned order = kOrders[random_.below(std::size(kOrders))];
    const auto type = static_cast<Type>(random_.below(3));
    const bool atomic = type == kUnmovable && random_.below(4) == 0;
    Gfp gfp = (atomic ? Gfp::kAtomic : Gfp::kKernel) | Gfp::kNoWarn;
    if (type == kMovable) gfp = gfp | Gfp::kMovable;
    if (type == kReclaimable) gfp = gfp | Gfp::kReclaimable;
    Page* const page = real_.alloc(gfp, order);
    const std::optional<Number> expected = naive_.allocate(cpu_, {order, type, atomic});
    seen.failures += page == nullptr;
    EXPECT_EQ(real_.pfn(page), expected.value_or(0))
        << "order " << order << " type " << type << (atomic ? " atomic" : "");
    if (page != nullptr) held_.push_back({page, order});
    return real_.pfn(page) == expected.value_or(0);
  }

  bool free() {
    const unsigned chosen = random_.below(static_cast<std::uint32_t>(held_.size()));
    const Held held = held_[chosen];
    held_[chosen] = held_.back();
    held_.pop_back();
    naive_.free(cpu_, real_.pfn(held.page), held.order);
    real_.free(held.page, held.order);
    return true;
  }

  bool drain() {
    const unsigned other = random_.below(kCpus);
    real_.pages().drain(zone_, cpu_id(other));
    naive_.drain({other, cpu_});
    return true;
  }

  // Whoever reads a set's lists changes nothing of what the set does.
  bool settle() {
    real_.pages().settle(zone_, cpu_id(random_.below(kCpus)));
    return true;
  }

  bool bulk() {
    const auto type = static_cast<Type>(random_.below(3));
    Gfp gfp = Gfp::kKernel | Gfp::kNoWarn;
    if (type == kMovable) gfp = gfp | Gfp::kMovable;
    if (type == kReclaimable) gfp = gfp | Gfp::kReclaimable;
    std::vector<Page*> pages(1 + random_.below(80));
    const std::size_t got = real_.pages().allocate_bulk(gfp, node_id(0), pages);
    const auto expected =
        naive_.allocate_bulk(cpu_, type, static_cast<unsigned>(pages.size()));
    std::vector<Number> numbers;
    for (std::size_t i = 0; i < got; ++i) {
      numbers.push_back(real_.pfn(pages[i]));
      held_.push_back({pages[i], 0});
    }
    EXPECT_EQ(numbers, expected);
    return numbers == expected;
  }

  Random random_;
  TestMachine real_;
  Zone& zone_;
  NaiveZone naive_;
  std::vector<Held> held_;
  unsigned cpu_ = 0;
  bool taking_ = true;

 public:
  // How often a run came to where it gets difficult.
  struct Seen {
    unsigned failures = 0, boosts = 0, reserves = 0;
  } seen;
};

TEST(PageAllocatorModel, EveryRequestGetsTheSamePageAsFromTheNaiveAllocator) {
  Pair::Seen seen;
  for (unsigned i = 0; i < kMachines; ++i) {
    const std::uint64_t seed = first_seed() + i;
    SCOPED_TRACE("QUIRE_SEED=" + std::to_string(seed));
    Pair pair(seed);
    for (unsigned step = 0; step < kStepsOfAMachine; ++step) {
      SCOPED_TRACE("step " + std::to_string(step));
      ASSERT_TRUE(pair.step());
      if (step % kStepsBetweenLooks == 0) pair.compare();
      if (testing::Test::HasFailure()) return;
    }
    pair.free_everything();
    pair.compare();
    seen.failures += pair.seen.failures;
    seen.boosts += pair.seen.boosts;
    seen.reserves += pair.seen.reserves;
  }
  EXPECT_GT(seen.failures, 100u);
  EXPECT_GT(seen.boosts, 100u);
  EXPECT_GT(seen.reserves, 100u);
}

}  // namespace
}  // namespace quire::model
