// Random steps on caches and kmalloc against the most obvious model: a map of what is out, by
// address. No two things overlap, each keeps what its owner wrote, each lies on the node that was
// asked for, and when all is back and shrunk the machine has the pages it booted with.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <vector>

#include "hosts/sim/random.hpp"
#include "tests/slab/slab_machine.hpp"

namespace quire {
namespace {

constexpr unsigned kSteps = 250'000;
constexpr unsigned kAuditEvery = 25'000;

class Model {
 public:
  Model(std::uint64_t seed, const Shape& shape) : m_(shape), random_(seed) {
    before_ = m_.free_pages();
    for (unsigned i = 0; i < 6; ++i) replace_cache(i);
  }

  void run() {
    for (step_ = 0; step_ < kSteps; ++step_) {
      one_step();
      if (testing::Test::HasFatalFailure()) return;
      if (step_ % kAuditEvery == 0) {
        ASSERT_TRUE(audited(m_.machine)) << at();
      }
    }
    while (!out_.empty()) free_one();
    m_.machine.slabs().shrink_all();
    EXPECT_TRUE(audited(m_.machine)) << at();
    EXPECT_EQ(m_.free_pages(), before_);
  }

 private:
  struct Thing {
    std::size_t size;
    KmemCache* cache;  // null: kmalloc's
    unsigned char stamp;
  };
  struct Cache {
    KmemCache* cache = nullptr;
    std::uint32_t size = 0;
  };

  [[nodiscard]] std::string at() const { return "step " + std::to_string(step_); }
  unsigned below(unsigned bound) { return random_.below(bound); }
  [[nodiscard]] bool growing() const { return step_ / 5'000 % 2 == 0; }

  void one_step() {
    const unsigned dice = below(1000);
    if (dice < 2)
      m_.machine.slabs().drain_cpu(cpu_id(below(2)));
    else if (dice < 4)
      caches_[below(6)].cache->shrink();
    else if (dice < 6)
      replace_cache(below(6));
    else if (dice < 16)
      m_.use_cpu(below(2));
    else if (dice < 30)
      bulk();
    else if (dice < (growing() ? 560u : 400u))
      allocate_one();
    else if (!out_.empty())
      free_one();
  }

  void allocate_one() {
    const unsigned nodes = static_cast<unsigned>(m_.machine.nodes().all().size());
    const NodeId node = below(4) == 0 ? node_id(below(nodes)) : kNoNode;
    if (below(2) == 0) {
      const std::size_t size = 1 + (below(8) == 0 ? below(40'000) : below(1'000));
      void* const memory = node == kNoNode
                               ? m_.machine.kmalloc().alloc(size, Gfp::kKernel)
                               : m_.machine.kmalloc().alloc_node(size, Gfp::kKernel, node);
      took(memory, {size, nullptr, 0}, node);
    } else {
      const Cache& from = caches_[below(6)];
      void* const object = from.cache->alloc_node(Gfp::kKernel, node);
      took(object, {from.size, from.cache, 0}, node);
    }
  }

  void bulk() {
    const Cache& from = caches_[below(6)];
    std::vector<void*> objects(1 + below(100));
    ASSERT_TRUE(from.cache->alloc_bulk(Gfp::kKernel, objects)) << at();
    if (below(2) == 0) {
      from.cache->free_bulk(objects);
      return;
    }
    for (void* const object : objects) took(object, {from.size, from.cache, 0}, kNoNode);
  }

  void took(void* memory, Thing thing, NodeId node) {
    ASSERT_NE(memory, nullptr) << at();
    auto* const start = static_cast<unsigned char*>(memory);
    const auto after = out_.lower_bound(start);
    ASSERT_TRUE(after == out_.end() || start + thing.size <= after->first) << at();
    if (after != out_.begin()) {
      const auto before = std::prev(after);
      ASSERT_LE(before->first + before->second.size, start) << at();
    }
    const MemoryMap& map = m_.machine.map();
    const PageIndex index = map.frames().index_at(memory);
    ASSERT_NE(index, PageIndex::kNone) << at();
    if (node != kNoNode && map.at(index).word.kind() == PageKind::kSlab) {
      ASSERT_EQ(m_.machine.nodes().zone_of(map.at(index).word).node, node) << at();
    }
    thing.stamp = static_cast<unsigned char>(below(256));
    std::memset(memory, thing.stamp, thing.size);
    out_.emplace(start, thing);
  }

  void free_one() {
    auto found = out_.begin();
    // Somewhere in the middle, found by address.
    const auto span = static_cast<std::uint64_t>(out_.rbegin()->first - found->first) + 1;
    found = out_.lower_bound(found->first + random_.next() % span);
    const auto [start, thing] = *found;
    for (std::size_t byte = 0; byte < thing.size; ++byte)
      ASSERT_EQ(start[byte], thing.stamp) << at() << ", byte " << byte << " of " << thing.size;
    out_.erase(found);
    if (thing.cache == nullptr || below(4) == 0)
      m_.machine.kmalloc().free(start);
    else
      thing.cache->free(start);
  }

  // Destroys a cache, if nothing of it is out, and makes another one.
  void replace_cache(unsigned which) {
    Cache& slot = caches_[which];
    bool used = false;
    for (const auto& [start, thing] : out_)
      used = used || (thing.cache != nullptr && thing.cache == slot.cache);
    if (slot.cache != nullptr) {
      const bool destroyed = m_.machine.slabs().destroy(*slot.cache).has_value();
      ASSERT_EQ(destroyed, !used) << at();
      if (!destroyed) return;
    }
    CacheTuning tuning;
    if (below(3) == 0) tuning.sheaf_capacity = below(40);
    if (below(3) == 0) tuning.full_sheaves = below(3);
    if (below(3) == 0) tuning.empty_sheaves = below(3);
    if (below(3) == 0) tuning.min_partial = below(3);
    slot.size = 1 + (below(4) == 0 ? below(9'000) : below(500));
    slot.cache = &m_.cache({.size = slot.size, .align = 8u << below(5)}, tuning);
  }

  SlabMachine m_;
  Random random_;
  std::uint64_t before_ = 0;
  unsigned step_ = 0;
  Cache caches_[6];
  std::map<unsigned char*, Thing> out_;
};

TEST(SlabModel, OneNode) {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Model(seed, SlabMachine::plain(Shape::one_zone({256, 2}))).run();
  }
}

TEST(SlabModel, TwoNodes) {
  SCOPED_TRACE("seed 3");
  Model(3, SlabMachine::plain(Shape::two_nodes(128))).run();
}

TEST(SlabModel, WhereObjectsAreClearedOnTheirWay) {
  SCOPED_TRACE("seed 4");
  Shape shape = Shape::two_nodes(128);
  shape.profile.init_on_free = true;
  shape.options = "slab_nomerge";
  Model(4, shape).run();
}

}  // namespace
}  // namespace quire
