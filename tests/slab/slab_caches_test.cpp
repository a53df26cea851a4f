// The table of caches: names, merging, destruction.
#include <gtest/gtest.h>

#include <vector>

#include "tests/slab/slab_machine.hpp"

namespace quire {
namespace {

TEST(SlabCaches, ACacheIsFoundByItsNameUntilItIsDestroyed) {
  SlabMachine m;
  SlabCaches& caches = m.machine.slabs();
  const auto made = caches.create({.name = "dentry", .shape = {.size = 192}});
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(caches.find("dentry"), *made);
  EXPECT_EQ(caches.find("inode"), nullptr);
  EXPECT_TRUE(caches.destroy(**made).has_value());
  EXPECT_EQ(caches.find("dentry"), nullptr);
}

TEST(SlabCaches, NamesAndShapesThatMakeNoSenseAreRefused) {
  SlabMachine m;
  SlabCaches& caches = m.machine.slabs();
  const auto error = [&](const CacheSpec& spec) { return caches.create(spec).error(); };
  EXPECT_EQ(error({.name = "", .shape = {.size = 8}}), Errno::kInvalid);
  EXPECT_EQ(error({.name = std::string(48, 'x'), .shape = {.size = 8}}), Errno::kInvalid);
  EXPECT_EQ(error({.name = "none", .shape = {.size = 0}}), Errno::kInvalid);
  EXPECT_EQ(error({.name = "huge", .shape = {.size = 5 << 20}}), Errno::kInvalid);
  EXPECT_EQ(error({.name = "odd", .shape = {.size = 8, .align = 24}}), Errno::kInvalid);
  EXPECT_EQ(error({.name = "kmalloc-64", .shape = {.size = 8}}), Errno::kExists);
}

TEST(SlabCaches, ACacheInUseIsNotDestroyedAndGoesOn) {
  SlabMachine m;
  KmemCache& cache = m.cache({.size = 64});
  void* const object = cache.alloc(Gfp::kKernel);
  const auto refused = m.machine.slabs().destroy(cache);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error(), Errno::kBusy);
  EXPECT_TRUE(m.logged("cache-1"));
  EXPECT_EQ(m.machine.slabs().find("cache-1"), &cache);
  cache.free(object);
  EXPECT_EQ(cache.alloc(Gfp::kKernel), object);
  cache.free(object);
  EXPECT_TRUE(m.machine.slabs().destroy(cache).has_value());
  EXPECT_TRUE(audited(m.machine));
}

TEST(SlabCaches, WhatADestroyedCacheLeavesServesTheNext) {
  SlabMachine m;
  KmemCache* first = nullptr;
  for (unsigned i = 0; i < 10000; ++i) {
    KmemCache& cache = m.cache({.size = 8 + 8 * (i % 100)});
    if (first == nullptr) first = &cache;
    ASSERT_EQ(&cache, first);
    cache.free(cache.alloc(Gfp::kKernel));
    ASSERT_TRUE(m.machine.slabs().destroy(cache).has_value());
  }
  EXPECT_TRUE(audited(m.machine));
}

TEST(SlabCaches, CachesThatMayShareSlabsAreOneWhereTheMachineMerges) {
  Shape shape = SlabMachine::plain(Shape::one_zone({64, 1}));
  shape.options.clear();
  SlabMachine m(shape);
  KmemCache& cache = m.cache({.size = 300});
  EXPECT_EQ(&m.cache({.size = 297}), &cache);
  EXPECT_EQ(CacheFiles::aliases(cache), 1u);
  EXPECT_NE(&m.cache({.size = 280}), &cache);  // a word too small
  EXPECT_NE(&m.cache({.size = 300, .flags = SlabFlags::kReclaimAccount}), &cache);
  EXPECT_NE(&m.cache({.size = 300, .flags = SlabFlags::kTypesafeByRcu}), &cache);
  EXPECT_NE(&m.cache({.size = 300}, {}, [](void*) {}), &cache);
  // The alias keeps it alive.
  EXPECT_TRUE(m.machine.slabs().destroy(cache).has_value());
  void* const object = cache.alloc(Gfp::kKernel);
  EXPECT_NE(object, nullptr);
  cache.free(object);
  EXPECT_TRUE(m.machine.slabs().destroy(cache).has_value());
  EXPECT_EQ(m.machine.slabs().find("cache-1"), nullptr);
}

TEST(SlabCaches, CachesStayApartWhereMergingIsForbiddenOrOneIsTuned) {
  SlabMachine m;  // slab_nomerge
  EXPECT_NE(&m.cache({.size = 300}), &m.cache({.size = 300}));
  SlabMachine merging(Shape::one_zone({64, 1}));
  EXPECT_NE(&merging.cache({.size = 300}), &merging.cache({.size = 300}, {.min_partial = 1}));
}

TEST(SlabCaches, MakingCachesTakesNoPage) {
  SlabMachine m;
  const auto before = m.all_free_lists();
  for (unsigned i = 0; i < 50; ++i) m.cache({.size = 64});
  EXPECT_EQ(m.all_free_lists(), before);
}

TEST(SlabCaches, ACpuThatIsDrainedKeepsNothing) {
  SlabMachine m;
  KmemCache& cache = m.cache({.size = 64}, {.min_partial = 0});
  m.use_cpu(1);
  cache.free(cache.alloc(Gfp::kKernel));
  m.use_cpu(0);
  m.machine.slabs().drain_cpu(cpu_id(1));
  NodeSlabs& node = cache.node(node_id(0));
  const SpinGuard guard(node.lock);
  EXPECT_EQ(node.nr_slabs, 0u);
}

}  // namespace
}  // namespace quire
