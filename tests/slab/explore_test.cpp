// CPUs that are stopped in the middle of anything: seeds explore what happens when one CPU's
// sheaves are drained while it, and others, go on.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "hosts/sim/random.hpp"
#include "tests/slab/slab_machine.hpp"

namespace quire {
namespace {

class Explored : public SlabMachine {
 public:
  explicit Explored(std::uint64_t seed)
      : SlabMachine(plain(Shape::one_zone({64, 3})), {.seed = seed, .explore = true}) {
    for (unsigned cpu = 0; cpu < 2; ++cpu)
      host.spawn(machine.cpus()[cpu], "user", [this, seed, cpu] { use(Random(seed * 2 + cpu)); });
    host.spawn(machine.cpus()[2], "drainer", [this] { drain(); });
    host.run_until_idle();
  }

  unsigned wrong = 0;

 private:
  void use(Random random) {
    std::vector<void*> mine;
    for (unsigned step = 0; step < 300; ++step) {
      if (mine.empty() || random.below(100) < (step < 150 ? 70u : 30u)) {
        auto* const object = static_cast<unsigned char*>(cache_.alloc(Gfp::kKernel));
        wrong += *object == kHeld;
        *object = kHeld;
        mine.push_back(object);
      } else {
        const std::size_t which = random.below(static_cast<std::uint32_t>(mine.size()));
        auto* const object = static_cast<unsigned char*>(mine[which]);
        wrong += *object != kHeld;
        *object = 0;
        mine[which] = mine.back();
        mine.pop_back();
        cache_.free(object);
      }
      host.preempt_point();
    }
    for (void* const object : mine) {
      *static_cast<unsigned char*>(object) = 0;
      cache_.free(object);
    }
  }
  void drain() {
    for (unsigned i = 0; i < 40; ++i) {
      cache_.drain_cpu(cpu_id(i % 2));
      host.preempt_point();
      if (i % 8 == 0) cache_.shrink();
    }
  }

  static constexpr unsigned char kHeld = 0xaa;
  KmemCache& cache_ =
      cache({.size = 64}, {.sheaf_capacity = 4, .full_sheaves = 1, .empty_sheaves = 1});
};

TEST(SlabExplore, NoObjectIsHandedOutTwiceOrLostWhateverIsInterrupted) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Explored m(seed);
    EXPECT_EQ(m.wrong, 0u) << "seed " << seed;
    ASSERT_TRUE(audited(m.machine)) << "seed " << seed;
    m.machine.slabs().shrink_all();
    ASSERT_TRUE(audited(m.machine)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace quire
