// What a cache promises to those who take objects from it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <vector>

#include "tests/slab/slab_machine.hpp"

namespace quire {
namespace {

std::vector<void*> take(KmemCache& cache, unsigned count, Gfp gfp = Gfp::kKernel) {
  std::vector<void*> objects(count);
  for (void*& object : objects) object = cache.alloc(gfp);
  return objects;
}
void give(KmemCache& cache, const std::vector<void*>& objects) {
  for (void* const object : objects) cache.free(object);
}
std::uint64_t slabs_of(KmemCache& cache) {
  std::uint64_t sum = 0;
  for (NodeSlabs& node : cache.nodes()) {
    const SpinGuard guard(node.lock);
    sum += node.nr_slabs;
  }
  return sum;
}
NodeId node_of(SlabMachine& m, const void* object) {
  const MemoryMap& map = m.machine.map();
  return m.machine.nodes().zone_of(map.at(map.frames().index_at(object)).word).node;
}

TEST(KmemCache, ObjectsAreApartAlignedAndTheirOwnersAlone) {
  SlabMachine m;
  for (const std::uint32_t size : {8u, 24u, 64u, 100u, 192u, 1000u, 4096u, 8192u, 20000u}) {
    KmemCache& cache = m.cache({.size = size});
    const std::vector<void*> objects = take(cache, 300);
    for (unsigned i = 0; i < objects.size(); ++i) {
      ASSERT_NE(objects[i], nullptr);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(objects[i]) % 8, 0u);
      std::memset(objects[i], static_cast<int>(i & 0xff), size);
    }
    for (unsigned i = 0; i < objects.size(); ++i)
      for (unsigned byte = 0; byte < size; ++byte)
        ASSERT_EQ(static_cast<unsigned char*>(objects[i])[byte], i & 0xff)
            << "size " << size << ", object " << i;
    give(cache, objects);
    EXPECT_TRUE(audited(m.machine));
  }
}

TEST(KmemCache, ObjectsBeginWhereTheirAlignmentWants) {
  SlabMachine m;
  KmemCache& cache = m.cache({.size = 40, .align = 256});
  for (void* const object : take(cache, 100))
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(object) % 256, 0u);
  KmemCache& lines = m.cache({.size = 100, .flags = SlabFlags::kHwcacheAlign});
  for (void* const object : take(lines, 100))
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(object) % 64, 0u);
}

TEST(KmemCache, WhatWasFreedLastIsHandedOutFirst) {
  SlabMachine m;
  KmemCache& cache = m.cache({.size = 64});
  void* const first = cache.alloc(Gfp::kKernel);
  void* const second = cache.alloc(Gfp::kKernel);
  cache.free(first);
  cache.free(second);
  EXPECT_EQ(cache.alloc(Gfp::kKernel), second);
  EXPECT_EQ(cache.alloc(Gfp::kKernel), first);
}

TEST(KmemCache, AShrunkCacheWithoutObjectsHoldsNoPage) {
  SlabMachine m;
  const std::uint64_t before = m.free_pages();
  KmemCache& cache = m.cache({.size = 200});
  EXPECT_EQ(m.free_pages(), before);
  const std::vector<void*> objects = take(cache, 1000);
  EXPECT_LT(m.free_pages(), before);
  give(cache, objects);
  EXPECT_FALSE(cache.shrink());
  m.machine.slabs().shrink_all();
  EXPECT_EQ(m.free_pages(), before);
  EXPECT_TRUE(audited(m.machine));
}

TEST(KmemCache, ANodeKeepsEmptySlabsOnlyUpToMinPartial) {
  SlabMachine m;
  KmemCache& cache = m.cache({.size = 512}, {.sheaf_capacity = 0, .min_partial = 3});
  give(cache, take(cache, 20 * cache.layout().objects));
  EXPECT_EQ(slabs_of(cache), 2u);  // the third would be the one that reaches the limit
  KmemCache& none = m.cache({.size = 512}, {.sheaf_capacity = 0, .min_partial = 0});
  give(none, take(none, 20 * none.layout().objects));
  EXPECT_EQ(slabs_of(none), 0u);
}

TEST(KmemCache, SlabsOfObjectsThatRcuReadersMaySeeGoOnlyWhenShrunk) {
  SlabMachine m;
  KmemCache& cache = m.cache({.size = 512, .flags = SlabFlags::kTypesafeByRcu},
                             {.sheaf_capacity = 0, .min_partial = 0});
  give(cache, take(cache, 20 * cache.layout().objects));
  EXPECT_EQ(slabs_of(cache), 20u);
  EXPECT_FALSE(cache.shrink());
  EXPECT_EQ(slabs_of(cache), 0u);
}

TEST(KmemCache, ShrinkingListsTheFullestSlabsFirst) {
  SlabMachine m;
  KmemCache& cache = m.cache({.size = 512}, {.sheaf_capacity = 0});
  const std::uint32_t each = cache.layout().objects;
  const std::vector<void*> objects = take(cache, 3 * each);
  // Of the first slab one object stays, of the second all but one, of the third half.
  for (unsigned i = 1; i < each; ++i) cache.free(objects[i]);
  cache.free(objects[each]);
  for (unsigned i = 0; i < each / 2; ++i) cache.free(objects[2 * each + i]);
  EXPECT_TRUE(cache.shrink());
  const auto page_of = [&](void* object) { return &cache.objects().head_of(object); };
  EXPECT_EQ(page_of(cache.alloc(Gfp::kKernel)), page_of(objects[each]));
  EXPECT_EQ(page_of(cache.alloc(Gfp::kKernel)), page_of(objects[2 * each]));
}

unsigned constructed = 0;
void construct(void* object) {
  ++constructed;
  std::memset(object, 0x42, 40);
}

TEST(KmemCache, AConstructorMakesEachObjectOfASlabOnce) {
  constructed = 0;
  SlabMachine m(Shape::one_zone({64, 2}));  // init_on_alloc leaves constructed objects alone
  KmemCache& cache = m.cache({.size = 40}, {}, construct);
  const std::vector<void*> objects = take(cache, 200);
  for (void* const object : objects) EXPECT_EQ(*static_cast<unsigned char*>(object), 0x42);
  EXPECT_EQ(constructed, slabs_of(cache) * cache.layout().objects);
  const unsigned before = constructed;
  std::memset(objects[7], 0x17, 40);
  cache.free(objects[7]);
  EXPECT_EQ(*static_cast<unsigned char*>(cache.alloc(Gfp::kKernel)), 0x17);
  EXPECT_EQ(constructed, before);
}

TEST(KmemCache, ZeroedObjectsAreZeroOnEveryPath) {
  for (const bool init_on_alloc : {false, true}) {
    Shape shape = Shape::one_zone({64, 2});
    shape.profile.init_on_alloc = init_on_alloc;
    SlabMachine m(shape);
    KmemCache& cache = m.cache({.size = 120});
    for (unsigned round = 0; round < 3; ++round) {
      std::vector<void*> objects =
          take(cache, 300, init_on_alloc ? Gfp::kKernel : Gfp::kKernel | Gfp::kZero);
      for (void* const object : objects) {
        const auto* const bytes = static_cast<unsigned char*>(object);
        EXPECT_EQ(std::count(bytes, bytes + 120, 0), 120);
        std::memset(object, 0xee, 120);
      }
      give(cache, objects);
    }
    std::vector<void*> bulk(300);
    ASSERT_TRUE(cache.alloc_bulk(init_on_alloc ? Gfp::kKernel : Gfp::kKernel | Gfp::kZero, bulk));
    for (void* const object : bulk) {
      const auto* const bytes = static_cast<unsigned char*>(object);
      EXPECT_EQ(std::count(bytes, bytes + 120, 0), 120);
    }
  }
}

TEST(KmemCache, WithInitOnFreeNothingStaysInFreedObjects) {
  Shape shape = SlabMachine::plain(Shape::one_zone({64, 2}));
  shape.profile.init_on_free = true;
  SlabMachine m(shape);
  KmemCache& cache = m.cache({.size = 120});
  auto* const object = static_cast<unsigned char*>(cache.alloc(Gfp::kKernel));
  std::memset(object, 0xee, 120);
  cache.free(object);
  EXPECT_EQ(std::count(object, object + 120, 0), 120);
}

TEST(KmemCache, BulkGivesAllOrNothing) {
  SlabMachine m(SlabMachine::plain(Shape::one_zone({16, 1})));
  KmemCache& cache = m.cache({.size = 4096});
  std::vector<void*> objects(500);
  ASSERT_TRUE(cache.alloc_bulk(Gfp::kKernel, objects));
  EXPECT_EQ(std::set<void*>(objects.begin(), objects.end()).size(), 500u);
  EXPECT_TRUE(audited(m.machine));
  std::vector<void*> too_many(10000);
  EXPECT_FALSE(cache.alloc_bulk(Gfp::kKernel | Gfp::kNoWarn, too_many));
  cache.free_bulk(objects);
  m.machine.slabs().shrink_all();
  EXPECT_EQ(slabs_of(cache), 0u);
  EXPECT_TRUE(audited(m.machine));
}

TEST(KmemCache, WithoutMemoryAnAllocationFailsWithLinuxReport) {
  SlabMachine m(SlabMachine::plain(Shape::one_zone({16, 1})));
  KmemCache& cache = m.cache({.size = 4096});
  std::vector<void*> objects;
  while (void* const object = cache.alloc(Gfp::kKernel | Gfp::kNoWarn)) objects.push_back(object);
  EXPECT_FALSE(m.logged("SLUB: Unable to allocate memory"));
  EXPECT_EQ(cache.alloc(Gfp::kKernel), nullptr);
  EXPECT_TRUE(m.logged("SLUB: Unable to allocate memory on node -1, gfp=0xcc0(GFP_KERNEL)"));
  EXPECT_TRUE(m.logged("  cache: cache-1, object size: 4096, buffer size: 4096, default order: 3, "
                       "min order: 0"));
  give(cache, objects);
  EXPECT_NE(cache.alloc(Gfp::kKernel), nullptr);
  EXPECT_TRUE(audited(m.machine));
}

TEST(KmemCache, WhereALargeSlabIsNotToBeHadASmallOneServes) {
  SlabMachine m(SlabMachine::plain(Shape::one_zone({16, 1})));
  // Every second page taken: no block of more than one page is left.
  std::vector<Page*> pages;
  const Gfp all = Gfp::kKernel | Gfp::kMemalloc | Gfp::kNoWarn;
  while (Page* const page = m.alloc(all, 0)) pages.push_back(page);
  std::sort(pages.begin(), pages.end());
  for (std::size_t i = 0; i < pages.size(); i += 2) m.free(pages[i], 0);
  KmemCache& cache = m.cache({.size = 1024});
  ASSERT_GT(cache.layout().order.raw(), 0u);
  void* const object = cache.alloc(Gfp::kKernel);
  ASSERT_NE(object, nullptr);
  EXPECT_EQ(cache.objects().head_of(object).word.order(), cache.layout().min_order);
  EXPECT_TRUE(audited(m.machine));
}

TEST(KmemCache, ObjectsComeFromTheNodeThatIsAskedForAndGoHome) {
  SlabMachine m(SlabMachine::plain(Shape::two_nodes(64)));
  KmemCache& cache = m.cache({.size = 256});
  for (unsigned i = 0; i < 200; ++i) {
    EXPECT_EQ(node_of(m, cache.alloc(Gfp::kKernel)), node_id(0));
    EXPECT_EQ(node_of(m, cache.alloc_node(Gfp::kKernel, node_id(1))), node_id(1));
  }
  void* const remote = cache.alloc_node(Gfp::kKernel, node_id(1));
  cache.free(remote);
  // CPU 0 did not keep it.
  for (unsigned i = 0; i < 200; ++i) EXPECT_EQ(node_of(m, cache.alloc(Gfp::kKernel)), node_id(0));
  EXPECT_TRUE(audited(m.machine));
  m.use_cpu(1);
  for (unsigned i = 0; i < 200; ++i) EXPECT_EQ(node_of(m, cache.alloc(Gfp::kKernel)), node_id(1));
  EXPECT_TRUE(audited(m.machine));
}

TEST(KmemCache, ANodeThatIsDryIsHelpedOutByOthersUnlessTheCallerForbids) {
  SlabMachine m(SlabMachine::plain(Shape::two_nodes(64)));
  KmemCache& cache = m.cache({.size = 4096}, {.sheaf_capacity = 0});
  const NodeId dry = node_id(1);
  const Gfp here = Gfp::kKernel | Gfp::kThisNode | Gfp::kNoWarn;
  while (cache.alloc_node(here, dry) != nullptr) {
  }
  void* const object = cache.alloc_node(Gfp::kKernel, dry);
  ASSERT_NE(object, nullptr);
  EXPECT_EQ(node_of(m, object), node_id(0));
  // The slab that it came from serves the next ones too.
  const std::uint64_t slabs = slabs_of(cache);
  for (unsigned i = 1; i < cache.layout().objects; ++i)
    EXPECT_NE(cache.alloc_node(Gfp::kKernel, dry), nullptr);
  EXPECT_EQ(slabs_of(cache), slabs);
}

TEST(KmemCache, ACpuOfANodeWithoutMemoryKeepsObjectsOfTheNearest) {
  Shape shape = SlabMachine::plain(Shape::one_zone({64, 1}));
  shape.cpus = {node_id(0), node_id(1)};
  SlabMachine m(shape);
  m.use_cpu(1);
  KmemCache& cache = m.cache({.size = 64});
  void* const object = cache.alloc(Gfp::kKernel);
  cache.free(object);
  EXPECT_EQ(cache.alloc(Gfp::kKernel), object);
  EXPECT_EQ(cache.cpu_slab(cpu_id(1)).tag,
            SlabTag(cache.cpu_slab_offset(), node_id(0)).raw());
}

TEST(KmemCache, WhatIsNoObjectOfTheCacheIsReportedAndLeftAlone) {
  SlabMachine m;
  KmemCache& cache = m.cache({.size = 64});
  KmemCache& other = m.cache({.size = 96});
  void* const object = other.alloc(Gfp::kKernel);
  cache.free(object);
  EXPECT_TRUE(m.logged("Wrong slab cache. cache-1 but object is from cache-2"));
  EXPECT_EQ(other.alloc(Gfp::kKernel), object);  // it went where it belongs
  Page* const page = m.alloc(Gfp::kKernel, 0);
  cache.free(m.machine.map().content_of(*page));
  EXPECT_TRUE(m.logged("Object is not a Slab page!"));
  EXPECT_TRUE(audited(m.machine));
}

TEST(KmemCache, ALinkThatWasOverwrittenCostsTheSlabItsFreeObjectsOnly) {
  SlabMachine m;
  KmemCache& cache = m.cache({.size = 64}, {.sheaf_capacity = 0});
  const std::vector<void*> objects = take(cache, 10);
  for (void* const object : objects) cache.free(object);
  std::memset(objects[9], 0x41, 64);
  for (unsigned i = 0; i < 200; ++i) {
    void* const object = cache.alloc(Gfp::kKernel);
    ASSERT_NE(object, nullptr);
    std::memset(object, 0, 64);
  }
  EXPECT_TRUE(audited(m.machine));
}

TEST(KmemCache, CountersFollowThePagesOfSlabs) {
  SlabMachine m;
  const Node& node = m.machine.nodes().node(node_id(0));
  KmemCache& plain = m.cache({.size = 2048}, {.sheaf_capacity = 0, .min_partial = 0});
  KmemCache& shrinkable = m.cache({.size = 2048, .flags = SlabFlags::kReclaimAccount},
                                  {.sheaf_capacity = 0, .min_partial = 0});
  const std::vector<void*> objects = take(plain, 100);
  void* const other = shrinkable.alloc(Gfp::kKernel);
  m.free_pages();  // folds counters
  EXPECT_EQ(node_state(node, NodeItem::kNrSlabUnreclaimable),
            slabs_of(plain) << plain.layout().order.raw());
  EXPECT_EQ(node_state(node, NodeItem::kNrSlabReclaimable),
            1u << shrinkable.layout().order.raw());
  give(plain, objects);
  shrinkable.free(other);
  m.free_pages();
  EXPECT_EQ(node_state(node, NodeItem::kNrSlabUnreclaimable), 0u);
  EXPECT_EQ(node_state(node, NodeItem::kNrSlabReclaimable), 0u);
}

}  // namespace
}  // namespace quire
