// Random machines: each boots, serves requests on all its nodes and CPUs, and balances before,
// in the middle and after. What has been freed and drained is as many pages as there were.
//
// QUIRE_SEED=n replays a run.
#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "tests/support/test_machine.hpp"

namespace quire {
namespace {

Shape random_shape(Random& random) {
  Shape shape;
  shape.model = static_cast<MemoryModel>(random.below(3));
  shape.arch = random.below(4) == 0 ? ArchProfile::kX86_32 : ArchProfile::kX86_64;
  const bool narrow = shape.arch == ArchProfile::kX86_32;
  const unsigned nodes = narrow ? 1 : 1 + random.below(8);
  std::uint64_t at = random.below(2) == 0 ? 0 : 16;
  for (unsigned node = 0; node < nodes; ++node) {
    for (unsigned pieces = 1 + random.below(3); pieces > 0; --pieces) {
      const std::uint64_t size = 24 + random.below(narrow ? 400 : 1500);
      shape.ram.push_back({node, at, at + size});
      at += size + (random.below(2) == 0 ? 0 : random.below(600));
    }
    for (unsigned cpus = random.below(3); cpus > 0; --cpus) shape.cpus.push_back(node_id(node));
  }
  if (shape.cpus.empty()) shape.cpus.push_back(node_id(0));
  static const char* const kOptions[] = {"", "", "", "movablecore=25%", "kernelcore=64M",
                                         "movablecore=33M"};
  shape.options = kOptions[random.below(std::size(kOptions))];
  return shape;
}

std::uint64_t all_free(TestMachine& machine) {
  std::int64_t pages = 0;
  machine.machine.nodes().for_each_populated(
      [&](const Zone& zone) { pages += machine.free_now(zone); });
  return static_cast<std::uint64_t>(pages);
}

void use(TestMachine& machine, Random& random) {
  struct Held {
    Page* page;
    unsigned order;
  };
  std::vector<Held> held;
  static constexpr Gfp kKinds[] = {Gfp::kKernel, Gfp::kHighUserMovable, Gfp::kAtomic, Gfp::kDma32,
                                   Gfp::kKernel | Gfp::kReclaimable, Gfp::kHighUser,
                                   Gfp::kKernel | Gfp::kThisNode};
  const auto nodes = static_cast<std::uint32_t>(machine.machine.nodes().all().size());
  const std::uint32_t cpus = machine.machine.nodes().cpu_count();
  for (unsigned step = 0; step < 3000; ++step) {
    machine.use_cpu(random.below(cpus));
    const unsigned node = random.below(nodes);
    if (!machine.machine.nodes().is_online(node_id(node))) continue;
    if (held.empty() || random.below(100) < 60) {
      const unsigned order = random.below(3) == 0 ? random.below(kOrderCount) : 0;
      const Gfp gfp = kKinds[random.below(std::size(kKinds))] | Gfp::kNoWarn;
      Page* const page = machine.alloc(gfp, order, node_id(node));
      if (page != nullptr) held.push_back({page, order});
    } else {
      std::swap(held[random.below(static_cast<std::uint32_t>(held.size()))], held.back());
      machine.free(held.back().page, held.back().order);
      held.pop_back();
    }
  }
  ASSERT_TRUE(audited(machine.machine));
  for (const Held& block : held) machine.free(block.page, block.order);
}

TEST(RandomMachines, BootServeAndBalance) {
  const char* const told = std::getenv("QUIRE_SEED");
  const std::uint64_t first = told == nullptr ? 1 : std::strtoull(told, nullptr, 0);
  for (std::uint64_t seed = first; seed < first + 120; ++seed) {
    SCOPED_TRACE("QUIRE_SEED=" + std::to_string(seed));
    Random random(seed);
    TestMachine machine(random_shape(random));
    ASSERT_TRUE(audited(machine.machine));
    const std::uint64_t before = all_free(machine);
    use(machine, random);
    ASSERT_TRUE(audited(machine.machine));
    machine.pages().drain_all();
    ASSERT_TRUE(audited(machine.machine));
    EXPECT_EQ(all_free(machine), before);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace quire
