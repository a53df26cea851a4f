// Random steps on CPUs, address spaces and tables. Two things are held: one CPU's caches hit and
// miss as the most obvious model of sets does; and with every change followed by its flush no
// access ever sees anything but what the tables say, while one flush left out is found.
//
// QUIRE_SEED=n replays a run.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <list>
#include <map>

#include "tests/tlb/tlb_world.hpp"

namespace quire {
namespace {

std::uint64_t first_seed() {
  const char* const told = std::getenv("QUIRE_SEED");
  return told == nullptr ? 1 : std::strtoull(told, nullptr, 0);
}

// Sets of (page, least recently used last), as lists.
class NaiveSets {
 public:
  explicit NaiveSets(TlbSize size) : ways_(size.ways), sets_(size.entries / size.ways) {}

  bool use(std::uint64_t page) {
    auto& set = sets_[page % sets_.size()];
    const auto found = std::find(set.begin(), set.end(), page);
    if (found == set.end()) return false;
    set.splice(set.begin(), set, found);
    return true;
  }
  void add(std::uint64_t page) {
    auto& set = sets_[page % sets_.size()];
    set.push_front(page);
    if (set.size() > ways_) set.pop_back();
  }
  void drop(std::uint64_t page) { sets_[page % sets_.size()].remove(page); }
  void clear() {
    for (auto& set : sets_) set.clear();
  }

 private:
  std::size_t ways_;
  std::vector<std::list<std::uint64_t>> sets_;
};

// The ways that most CPUs have, which are compiled for; and more than one or two words of marks.
class TlbShapes : public testing::TestWithParam<TlbSpec> {};
INSTANTIATE_TEST_SUITE_P(Ways, TlbShapes,
                         testing::Values(TlbSpec{.small = {8, 2}, .second = {32, 4}},
                                         TlbSpec{.small = {8, 4}, .second = {48, 12}},
                                         TlbSpec{.small = {5, 5}, .second = {16, 8}},
                                         TlbSpec{.small = {7, 7}, .second = {18, 9}},
                                         TlbSpec{.small = {1, 1}, .second = {32, 16}},
                                         TlbSpec{.small = {17, 17}, .second = {37, 37}}));

TEST_P(TlbShapes, HitsInEachLevelAreThoseOfSetsReplacedByLeastUse) {
  for (std::uint64_t seed = first_seed(); seed < first_seed() + 5; ++seed) {
    SCOPED_TRACE("QUIRE_SEED=" + std::to_string(seed));
    Random random(seed);
    const TlbSpec& spec = GetParam();
    TlbWorld world(1, spec);
    world.model.set_check(nullptr);
    TlbMm& mm = world.make_mm();
    world.tlb.switch_mm(mm);
    for (unsigned i = 0; i < 64; ++i)
      world.tables.map(mm.root(), VirtAddr{i * 4096ull}, {.frame = Pfn{i}});
    NaiveSets first(spec.small);
    NaiveSets second(spec.second);
    std::uint64_t hits = 0, second_hits = 0, walks = 0;
    for (unsigned step = 0; step < 3000; ++step) {
      const unsigned page = random.below(random.below(2) == 0 ? 12 : 64);
      const VirtAddr at{page * 4096ull};
      if (random.below(20) == 0) {
        world.tlb.flush_page(mm, at);
        first.drop(page);
        second.drop(page);
        continue;
      }
      if (random.below(500) == 0) {
        world.tlb.flush_mm(mm);
        first.clear();
        second.clear();
      }
      ASSERT_EQ(world.read(at), world.tables.frame_content(Pfn{page}));
      if (first.use(page)) {
        ++hits;
      } else if (second.use(page)) {
        ++second_hits;
        first.add(page);
      } else {
        ++walks;
        first.add(page);
        second.add(page);
      }
      const TlbCounts& counts = world.cpu(0).counts();
      ASSERT_EQ(counts.l1_hits(), hits) << "step " << step;
      ASSERT_EQ(counts.l2_hits, second_hits) << "step " << step;
      ASSERT_EQ(counts.walks, walks) << "step " << step;
    }
  }
}

// A machine at random work. With `forget` one in that many flushes is left out.
class RandomWork {
 public:
  static constexpr unsigned kCpus = 4;
  static constexpr unsigned kSpaces = 9;  // more than a CPU can tell apart
  static constexpr unsigned kPages = 12;

  RandomWork(std::uint64_t seed, const TlbSpec& spec, unsigned forget)
      : random_(seed), world(kCpus, spec), forget_(forget), batch_(world.make_batch()) {
    for (unsigned i = 0; i < kSpaces; ++i) spaces_.push_back(&new_space());
    for (unsigned i = 0; i < kPages; ++i)
      world.tables.map(Pfn{0}, NaiveTables::kKernel + kPageSize * i, new_leaf(true));
  }

  void step() {
    world.run_on(random_.below(kCpus));
    switch (random_.below(40)) {
      case 0: case 1: case 2: return world.tlb.switch_mm(*some_space());
      case 3: return world.tlb.enter_lazy();
      case 4: case 5: return change_program_page();
      case 6: return change_kernel_page();
      case 7: return put_off();
      case 8: case 9: return world.tlb.flush(batch_);
      case 10: return random_.below(4) == 0 ? exit_space() : flush_all();
      default: return touch();
    }
  }
  [[nodiscard]] std::uint64_t touched() const { return touched_; }

 private:
  TlbMm* some_space() { return spaces_[random_.below(kSpaces)]; }
  VirtAddr program_page() { return VirtAddr{0x400000} + kPageSize * random_.below(kPages); }
  VirtAddr kernel_page() { return NaiveTables::kKernel + kPageSize * random_.below(kPages); }
  NaiveTables::Leaf new_leaf(bool global) {
    return {.frame = Pfn{random_.below(TlbWorld::kFrames)},
            .allows = {.write = random_.below(2) == 0, .user = true},
            .global = global,
            .dirty = random_.below(2) == 0};
  }
  TlbMm& new_space() {
    TlbMm& mm = world.make_mm();
    for (unsigned i = 0; i < kPages; ++i)
      world.tables.map(mm.root(), VirtAddr{0x400000} + kPageSize * i, new_leaf(false));
    return mm;
  }
  bool forgets() { return forget_ != 0 && random_.below(forget_) == 0; }

  // Makes another leaf, or none, of what is at `at`.
  void change(TlbMm& mm, VirtAddr at, bool global) {
    world.tables.unmap(mm.root(), at);
    if (random_.below(3) != 0) world.tables.map(mm.root(), at, new_leaf(global));
  }

  void change_program_page() {
    TlbMm& mm = *some_space();
    const VirtAddr at = program_page();
    change(mm, at, false);
    if (forgets()) return;
    switch (random_.below(4)) {
      case 0: return world.tlb.flush_page(mm, at);
      case 1: return world.tlb.flush_mm(mm);
      case 2: return world.tlb.flush_range(mm, {.range = {at, at + kPageSize * 3}});
      default:
        return world.tlb.flush_range(
            mm, {.range = {at, at + kPageSize * 40}, .freed_tables = random_.below(2) == 0});
    }
  }
  void change_kernel_page() {
    const VirtAddr at = kernel_page();
    change(world.tlb.kernel(), at, true);
    if (forgets()) return;
    world.tlb.flush_kernel_range({at, at + kPageSize * (1 + random_.below(40))});
  }
  void put_off() {
    TlbMm& mm = *some_space();
    world.tables.unmap(mm.root(), program_page());
    if (!forgets()) world.tlb.add(batch_, mm);
  }
  void flush_all() {
    if (!forgets()) world.tlb.flush_all();
  }
  // Every task of an address space ends, and a new one comes.
  void exit_space() {
    TlbMm*& mm = spaces_[random_.below(kSpaces)];
    const unsigned cpu = index_of(Arch::current()->cpu);
    for (unsigned i = 0; i < kCpus; ++i) {
      world.run_on(i);
      if (mm->cpus().has(CpuId{static_cast<std::uint16_t>(i)})) world.tlb.enter_lazy();
    }
    world.run_on(cpu);
    world.tlb.leave(*mm);
    mm = &new_space();
  }

  // What is reached is what the tables say, unless a flush of it has been put off.
  void touch() {
    const CpuId cpu = Arch::current()->cpu;
    const Tlb::Loaded loaded = world.tlb.loaded(cpu);
    const bool program = !loaded.lazy && loaded.mm != &world.tlb.kernel();
    const VirtAddr at = program && random_.below(4) != 0 ? program_page() : kernel_page();
    const bool writes = random_.below(2) == 0;
    const bool excused = at < NaiveTables::kKernel && world.tlb.flush_pending(cpu);
    std::byte* const reached = writes ? world.write(at) : world.read(at);
    ++touched_;
    if (excused || forget_ != 0) return;
    const NaiveTables::Leaf* const leaf = world.tables.leaf(loaded.mm->root(), at);
    const bool allowed = leaf != nullptr && (!writes || leaf->allows.write);
    ASSERT_EQ(reached, allowed ? world.tables.frame_content(leaf->frame) : nullptr);
    ASSERT_TRUE(!writes || !allowed || leaf->dirty);
  }

  Random random_;

 public:
  TlbWorld world;

 private:
  unsigned forget_;
  TlbBatch batch_;
  std::vector<TlbMm*> spaces_;
  std::uint64_t touched_ = 0;
};

TEST(TlbModel, RandomWorkNeverSeesAStaleTranslation) {
  for (std::uint64_t seed = first_seed(); seed < first_seed() + 40; ++seed) {
    SCOPED_TRACE("QUIRE_SEED=" + std::to_string(seed));
    RandomWork work(seed, {.asids = seed % 3 != 0}, 0);
    // Unchecked runs take the shortest path of a hit.
    if (seed % 2 == 0) work.world.model.set_check(nullptr);
    for (unsigned step = 0; step < 2000; ++step) {
      work.step();
      ASSERT_FALSE(testing::Test::HasFatalFailure()) << "step " << step;
      ASSERT_TRUE(step % 16 != 0 || work.world.audited()) << "step " << step;
    }
    ASSERT_GT(work.touched(), 500u);
  }
}

TEST(TlbModel, OneFlushInFiveLeftOutIsFoundByTheAudit) {
  unsigned found = 0;
  for (std::uint64_t seed = first_seed(); seed < first_seed() + 10; ++seed) {
    RandomWork work(seed, {}, 5);
    work.world.model.set_check(nullptr);
    bool broken = false;
    for (unsigned step = 0; step < 4000 && !broken; ++step) {
      broken = !work.world.audited();
      if (!broken) work.step();
    }
    found += broken;
  }
  EXPECT_EQ(found, 10u);
}

TEST(TlbModelDeathTest, OneFlushInFiveLeftOutIsFoundByTheCheckOfHits) {
  EXPECT_DEATH(
      {
        RandomWork work(first_seed(), {}, 5);
        for (unsigned step = 0; step < 4000; ++step) work.step();
      },
      "stale; cached pfn");
}

}  // namespace
}  // namespace quire
