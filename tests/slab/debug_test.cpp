// Every debug flag catches its bug, and the machine goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/slab/debug_machine.hpp"

namespace quire {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr SlabFlags kChecks = SlabFlags::kConsistencyChecks;

TEST(SlabDebug, SanityChecksAloneFindAnObjectFreedTwice) {
  DebugMachine m(kChecks);
  unsigned char* const object = m.take();
  m.give(object);
  m.give(object);
  EXPECT_THAT(m.bugs(), ElementsAre("Object already free"));
  m.give(m.take() + 8);
  EXPECT_EQ(m.bugs().size(), 2u);
  EXPECT_TRUE(m.bugs()[1].starts_with("Invalid object pointer 0xffff888"));
}

TEST(SlabDebug, SanityChecksAndRedZonesFindOverflowsAndUnderflows) {
  DebugMachine m(kChecks | SlabFlags::kRedZone);
  for (const int offset : {100, 103, -1, -8}) {
    unsigned char* const object = m.take();
    object[offset] = 0x77;
    m.give(object);
  }
  EXPECT_THAT(m.bugs(), ElementsAre("Right Redzone overwritten", "Right Redzone overwritten",
                                    "Left Redzone overwritten", "Left Redzone overwritten"));
}

TEST(SlabDebug, SanityChecksAndPoisonFindUseAfterFree) {
  DebugMachine m(kChecks | SlabFlags::kPoison);
  unsigned char* const object = m.take();
  m.give(object);
  EXPECT_EQ(object[0], 0x6b);
  EXPECT_EQ(object[99], 0xa5);
  object[50] = 0;
  EXPECT_NE(m.take(), object);
  EXPECT_THAT(m.bugs(), ElementsAre("Poison overwritten"));
}

TEST(SlabDebug, WithoutTheFlagThatWatchesItDamageIsNotFound) {
  for (const SlabFlags flag : {SlabFlags::kPoison, SlabFlags::kRedZone, SlabFlags::kStoreUser}) {
    DebugMachine m(flag);
    unsigned char* const object = m.take();
    object[101] = 0x77;
    m.give(object);
    EXPECT_EQ(m.take(), object);
    EXPECT_THAT(m.bugs(), IsEmpty());
  }
}

TEST(SlabDebug, ReportsNameWhoTookAnObjectAndWhoFreedIt) {
  DebugMachine m(kChecks | SlabFlags::kPoison | SlabFlags::kStoreUser);
  m.machine.cpus()[0].task->pid = 42;
  unsigned char* const object = m.take();
  m.give(object);
  m.give(object);
  EXPECT_EQ(m.count_logged("Allocated in quire_test_take+0x"), 1u);
  EXPECT_EQ(m.count_logged("Freed in quire_test_give+0x"), 1u);
  EXPECT_EQ(m.count_logged("age=0 cpu=0 pid=42"), 2u);
  EXPECT_TRUE(m.logged("  quire_test_give+0x"));  // who freed it now
}

TEST(SlabDebug, TracingPrintsEachStep) {
  DebugMachine m(SlabFlags::kTrace);
  m.give(m.take());
  EXPECT_EQ(m.count_logged("TRACE quire_test alloc 0xffff888"), 1u);
  EXPECT_EQ(m.count_logged("TRACE quire_test free 0xffff888"), 1u);
  EXPECT_TRUE(m.logged(" inuse=1 fp=0x"));
}

TEST(SlabDebug, AnObjectThatCannotBeFreedStaysAndOthersGoOn) {
  DebugMachine m;
  unsigned char* const spoilt = m.take();
  spoilt[100] = 0x77;
  m.give(spoilt);
  std::set<void*> others;
  for (unsigned i = 0; i < 200; ++i) others.insert(m.take());
  EXPECT_EQ(others.size(), 200u);
  EXPECT_EQ(others.count(spoilt), 0u);
  for (void* const object : others) m.give(object);
  EXPECT_EQ(m.bugs().size(), 1u);
  EXPECT_TRUE(audited(m.machine));
  m.give(spoilt);  // its red zone was restored
  EXPECT_EQ(m.bugs().size(), 1u);
  EXPECT_FALSE(m.cache->shrink());
}

TEST(SlabDebug, AfterDamageToAFreeObjectItsSlabGivesNoMore) {
  DebugMachine m;
  unsigned char* const object = m.take();
  m.give(object);
  object[10] = 0x77;
  const auto page_of = [](const void* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer) & ~(kPageSize.raw() - 1);
  };
  for (unsigned i = 0; i < 100; ++i) EXPECT_NE(page_of(m.take()), page_of(object));
  EXPECT_EQ(m.bugs().size(), 1u);
  EXPECT_TRUE(audited(m.machine));
}

TEST(SlabDebug, ManyErrorsInARowLeaveABalancedMachine) {
  DebugMachine m;
  std::vector<unsigned char*> objects;
  for (unsigned i = 0; i < 300; ++i) objects.push_back(m.take());
  for (unsigned i = 0; i < 300; ++i) {
    unsigned char* const object = objects[i];
    if (i % 7 == 0) object[100] = 1;
    if (i % 11 == 0) object[-1] = 1;
    m.give(object);
    if (i % 5 == 0) m.give(object);
    if (i % 13 == 0) object[5] = 1;
    if (i % 17 == 0) *reinterpret_cast<std::uint64_t*>(object + 104) = i;
    if (i % 3 == 0) m.take();
  }
  EXPECT_GT(m.bugs().size(), 100u);
  EXPECT_TRUE(CacheDebug::validate(*m.cache).has_value());
  EXPECT_TRUE(audited(m.machine));
}

TEST(SlabDebug, ValidationFindsWhatNobodyHasTouchedSince) {
  DebugMachine m;
  unsigned char* const used = m.take();
  unsigned char* const free = m.take();
  m.give(free);
  EXPECT_TRUE(CacheDebug::validate(*m.cache).has_value());
  EXPECT_THAT(m.bugs(), IsEmpty());
  used[100] = 0x77;
  EXPECT_TRUE(CacheDebug::validate(*m.cache).has_value());
  EXPECT_THAT(m.bugs(), ElementsAre("Right Redzone overwritten"));
  free[3] = 0x77;
  EXPECT_TRUE(CacheDebug::validate(*m.cache).has_value());
  EXPECT_THAT(m.bugs(), ElementsAre("Right Redzone overwritten", "Poison overwritten"));
  EXPECT_EQ(CacheDebug::validate(m.make("plain", SlabFlags::kNone)).error(), Errno::kInvalid);
}

TEST(SlabDebug, ALinkOverwrittenInACacheThatIsNotDebuggedIsToldAndTheSlabGivenUp) {
  DebugMachine m(SlabFlags::kNone);
  std::vector<unsigned char*> objects;
  for (unsigned i = 0; i < 200; ++i) objects.push_back(m.take());
  for (unsigned char* const object : objects) m.give(object);
  m.cache->drain_cpu(CpuId{0});
  for (unsigned char* const object : objects)
    *reinterpret_cast<std::uint64_t*>(object + m.cache->layout().free_pointer) ^= 0x123456;
  std::set<void*> taken;
  for (unsigned i = 0; i < 300; ++i) taken.insert(m.take());
  EXPECT_EQ(taken.size(), 300u);
  EXPECT_EQ(taken.count(nullptr), 0u);
  EXPECT_FALSE(m.bugs().empty());
  for (const std::string& bug : m.bugs()) EXPECT_EQ(bug, "Freechain corrupt");
  EXPECT_TRUE(audited(m.machine));
}

TEST(SlabDebugDeathTest, WithPanicOnWarnTheMachineStopsAfterTheReport) {
  Shape shape = Shape::one_zone({64, 1});
  shape.profile.panic_on_warn = true;
  EXPECT_DEATH(
      {
        SlabMachine m(shape);
        KmemCache& cache = m.cache({.size = 100, .flags = kAllChecks});
        auto* const object = static_cast<unsigned char*>(cache.alloc(Gfp::kKernel));
        object[100] = 1;
        cache.free(object);
      },
      "panic_on_warn set");
}

TEST(SlabDebugDeathTest, ACacheThatMustBeMadeStopsTheMachineWhenItCannot) {
  SlabMachine m;
  EXPECT_DEATH(
      static_cast<void>(m.machine.slabs().create(
          {.name = "too_large", .shape = {.size = 8 << 20, .flags = SlabFlags::kPanic}})),
      "Failed to create slab 'too_large'. Error -22");
}

TEST(SlabDebug, ACacheThatCannotBeMadeIsTold) {
  SlabMachine m;
  const auto made = m.machine.slabs().create({.name = "quire_bad", .shape = {.size = 8 << 20}});
  EXPECT_EQ(made.error(), Errno::kInvalid);
  EXPECT_TRUE(m.logged("kmem_cache_create_usercopy(quire_bad) failed with error -22"));
}

}  // namespace
}  // namespace quire
