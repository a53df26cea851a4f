// What the flags of a cache do besides finding errors, and what clears objects.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "tests/slab/debug_machine.hpp"

namespace quire {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::int64_t node_count(SlabMachine& m, NodeItem item) {
  for (CpuContext& cpu : m.machine.cpus()) fold_vmstat(m.machine.nodes(), cpu.percpu);
  return static_cast<std::int64_t>(global_node_state(m.machine.nodes(), item));
}

TEST(SlabFlags, DmaObjectsComeFromTheDmaZone) {
  Shape shape = SlabMachine::plain({});
  shape.ram = {{0, 1, 8}, {0, 16, 80}};
  shape.cpus = {node_id(0)};
  SlabMachine m(shape);
  const auto zone_of = [&](const ObjectShape& object) {
    void* const memory = m.cache(object).alloc(Gfp::kKernel);
    return m.machine.nodes().zone_of(m.machine.map().at(
        m.machine.map().frames().index_at(memory)).word).type;
  };
  EXPECT_EQ(zone_of({.size = 64, .flags = SlabFlags::kCacheDma}), ZoneType::kDma);
  EXPECT_EQ(zone_of({.size = 64}), ZoneType::kDma32);
}

TEST(SlabFlags, ReclaimableSlabsAreCountedAndGroupedAsSuch) {
  SlabMachine m;
  void* const memory =
      m.cache({.size = 64, .flags = SlabFlags::kReclaimAccount}, {.sheaf_capacity = 0})
          .alloc(Gfp::kKernel);
  EXPECT_EQ(node_count(m, NodeItem::kNrSlabReclaimable), 1);
  EXPECT_EQ(m.machine.map().pageblock_type(m.machine.map().frames().index_at(memory)),
            MigrateType::kReclaimable);
  static_cast<void>(m.cache({.size = 64}, {.sheaf_capacity = 0}).alloc(Gfp::kKernel));
  EXPECT_EQ(node_count(m, NodeItem::kNrSlabUnreclaimable), 1);
}

TEST(SlabFlags, CacheLinesAreNotSharedByObjectsThatFillThem) {
  SlabMachine m;
  KmemCache& cache = m.cache({.size = 100, .flags = SlabFlags::kHwcacheAlign});
  for (unsigned i = 0; i < 100; ++i)
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(cache.alloc(Gfp::kKernel)) % kCacheLine, 0u);
}

TEST(SlabFlags, ReadersUnderRcuSeeTheObjectWhileItIsFreeAndItsSlabStays) {
  SlabMachine m;
  KmemCache& cache = m.cache({.size = 64, .flags = SlabFlags::kTypesafeByRcu},
                             {.sheaf_capacity = 0, .min_partial = 0});
  auto* const object = static_cast<unsigned char*>(cache.alloc(Gfp::kKernel));
  std::fill_n(object, 64, 0x42);
  cache.free(object);
  EXPECT_EQ(std::count(object, object + 64, 0x42), 64);
  EXPECT_EQ(CacheFiles::count(cache).slabs, 1u);
  EXPECT_FALSE(cache.shrink());
}

TEST(SlabFlags, WhatAConstructorMadeStaysFromOneUseToTheNext) {
  for (const SlabFlags flags : {SlabFlags::kNone, kAllChecks}) {
    DebugMachine m(flags, "init_on_alloc=1 init_on_free=1",
                   [](void* object) { std::memset(object, 0x11, 100); });
    unsigned char* const object = m.take();
    EXPECT_EQ(object[0], 0x11);
    object[0] = 0x22;
    m.give(object);
    EXPECT_EQ(m.take(), object);
    EXPECT_EQ(object[0], 0x22);
    EXPECT_THAT(m.bugs(), IsEmpty());
  }
}

// What an object of 100 bytes that was full of ones is full of when it is free, and then in use.
std::pair<int, int> content_after(const std::string& options, SlabFlags flags) {
  DebugMachine m(flags, options);
  unsigned char* const object = m.take();
  std::memset(object, 1, 100);
  m.give(object);
  const int freed = object[90];
  EXPECT_EQ(m.take(), object);
  return {freed, object[90]};
}

TEST(SlabFlags, ObjectsAreClearedWhenTakenOrGivenBackIfTheMachineSaysSo) {
  using Content = std::pair<int, int>;
  EXPECT_EQ(content_after("init_on_alloc=0", SlabFlags::kNone), Content(1, 1));
  EXPECT_EQ(content_after("init_on_alloc=1", SlabFlags::kNone), Content(1, 0));
  EXPECT_EQ(content_after("init_on_alloc=0 init_on_free=1", SlabFlags::kNone), Content(0, 0));
  EXPECT_EQ(content_after("init_on_alloc=1", SlabFlags::kRedZone), Content(1, 0));
  // Poison shows more.
  EXPECT_EQ(content_after("init_on_alloc=1 init_on_free=1", SlabFlags::kPoison),
            Content(0x6b, 0x6b));
}

TEST(SlabFlags, TheCommandLineDebugsTheCachesThatItNames) {
  DebugMachine m(SlabFlags::kNone, "slub_debug=FZ,quire_test,kmalloc-6*");
  unsigned char* const object = m.take();
  object[100] = 1;
  m.give(object);
  EXPECT_THAT(m.bugs(), ElementsAre("Right Redzone overwritten"));
  auto* const memory = static_cast<unsigned char*>(m.machine.kmalloc().alloc(60, Gfp::kKernel));
  memory[64] = 1;
  m.machine.kmalloc().free(memory);
  EXPECT_EQ(m.bugs().size(), 2u);
  EXPECT_TRUE(m.logged("BUG kmalloc-64 (Tainted: G    B"));
  auto* const other = static_cast<unsigned char*>(m.machine.kmalloc().alloc(128, Gfp::kKernel));
  other[128] = 1;
  m.machine.kmalloc().free(other);
  EXPECT_EQ(m.bugs().size(), 2u);
}

TEST(SlabFlags, KmallocRemembersHowMuchWasAskedFor) {
  DebugMachine m(SlabFlags::kNone, "slub_debug=U");
  void* const memory = m.machine.kmalloc().alloc(91, Gfp::kKernel);
  const KmemCache& cache = m.machine.kmalloc().cache_for(91, KmallocKind::kNormal);
  EXPECT_EQ(ObjectMarks(cache.layout(), memory).request(), 91u);
  EXPECT_EQ(m.machine.kmalloc().usable_size(memory), Bytes{96});
}

TEST(SlabFlags, DebuggedBulkAllocationLooksAtEachObject) {
  DebugMachine m;
  std::array<void*, 40> objects{};
  EXPECT_TRUE(m.cache->alloc_bulk(Gfp::kKernel, objects));
  static_cast<unsigned char*>(objects[7])[100] = 1;
  objects[3] = objects[2];
  m.cache->free_bulk(objects);
  EXPECT_THAT(m.bugs(), ElementsAre("Object already free", "Right Redzone overwritten"));
}

TEST(SlabFlags, AnObjectThatComesBackToItsSlabTwiceIsToldWithoutDebugging) {
  DebugMachine m(SlabFlags::kNone);
  unsigned char* const object = m.take();
  m.take();
  m.give(object);
  m.give(object);
  m.cache->drain_cpu(CpuId{0});
  EXPECT_THAT(m.bugs(), ElementsAre("Object already free"));
  EXPECT_TRUE(audited(m.machine));
  unsigned char* const first = m.take();
  EXPECT_NE(m.take(), first);
}

}  // namespace
}  // namespace quire
