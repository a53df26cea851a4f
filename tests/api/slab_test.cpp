// Caches and kmalloc through the C API: every function, and what it refuses.
#include <gtest/gtest.h>
#include <quire/quire.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "tests/api/machines.hpp"

namespace {

using quire::test::kNative;
using quire::test::kTwoNodes;

class SlabApi : public testing::TestWithParam<quire_host> {
 protected:
  void SetUp() override { boot(kTwoNodes); }
  void TearDown() override { quire_machine_destroy(machine_); }
  void boot(const std::string& text) {
    quire_options options = kNative;
    options.host = GetParam();
    options.log = [](void* user, const char* line) {
      static_cast<std::string*>(user)->append(line).append("\n");
    };
    options.user = &log_;
    quire_machine_destroy(machine_);
    machine_ = quire_machine_create_from_text(text.c_str(), &options, nullptr, 0);
    ASSERT_NE(machine_, nullptr) << quire_last_error();
  }
  quire_kmem_cache* create(uint32_t size, const char* name, uint32_t flags = 0) {
    const quire_cache_spec spec{sizeof spec, name, size, 0, flags, nullptr};
    return quire_kmem_cache_create(machine_, &spec);
  }
  // What the log has got since the last look.
  std::string told() { return std::exchange(log_, {}); }
  static void expect_reason(const char* reason) { EXPECT_STREQ(quire_last_error(), reason); }

  std::string log_;
  quire_machine* machine_ = nullptr;
};
INSTANTIATE_TEST_SUITE_P(Hosts, SlabApi, testing::Values(QUIRE_HOST_SIM, QUIRE_HOST_NATIVE));

TEST_P(SlabApi, ObjectsComeFromTheirCacheAndGoBack) {
  quire_kmem_cache* const cache = create(200, "api_objects");
  ASSERT_NE(cache, nullptr) << quire_last_error();
  EXPECT_EQ(quire_kmem_cache_size(machine_, cache), 200);
  void* const object = quire_kmem_cache_alloc(machine_, cache, QUIRE_GFP_KERNEL | QUIRE_GFP_ZERO);
  ASSERT_NE(object, nullptr);
  EXPECT_EQ(static_cast<char*>(object)[199], 0);
  EXPECT_EQ(quire_kmem_cache_destroy(machine_, cache), -EBUSY);
  expect_reason("the cache has objects in use: EBUSY");
  EXPECT_EQ(quire_kmem_cache_free(machine_, cache, object), 0);
  void* const far = quire_kmem_cache_alloc_node(machine_, cache, QUIRE_GFP_KERNEL, 1);
  EXPECT_EQ(quire_page_node(machine_, quire_virt_to_page(machine_, far)), 1);
  EXPECT_EQ(quire_kmem_cache_free(machine_, cache, far), 0);
  EXPECT_EQ(quire_kmem_cache_free(machine_, cache, nullptr), 0);
  EXPECT_EQ(quire_kmem_cache_shrink(machine_, cache), 0);
  EXPECT_EQ(quire_kmem_cache_destroy(machine_, cache), 0);
  EXPECT_EQ(quire_kmem_cache_destroy(machine_, nullptr), 0);
}

TEST_P(SlabApi, ShrinkingTellsOfSlabsInUse) {
  quire_kmem_cache* const cache = create(1000, "api_shrink");
  void* const object = quire_kmem_cache_alloc(machine_, cache, QUIRE_GFP_KERNEL);
  EXPECT_EQ(quire_kmem_cache_shrink(machine_, cache), 1);
  EXPECT_EQ(quire_kmem_cache_free(machine_, cache, object), 0);
}

TEST_P(SlabApi, ConstructorsRunOnceAnObject) {
  const quire_cache_spec spec{sizeof spec, "api_ctor", 64, 64, 0,
                              [](void* at) { std::strcpy(static_cast<char*>(at), "made"); }};
  quire_kmem_cache* const cache = quire_kmem_cache_create(machine_, &spec);
  auto* const object =
      static_cast<char*>(quire_kmem_cache_alloc(machine_, cache, QUIRE_GFP_KERNEL));
  EXPECT_STREQ(object, "made");
  EXPECT_EQ(reinterpret_cast<uintptr_t>(object) % 64, 0u);
}

TEST_P(SlabApi, CachesThatMakeNoSenseAreRefused) {
  quire_cache_spec spec{sizeof spec, "api_bad", 64, 0, 0, nullptr};
  EXPECT_EQ(quire_kmem_cache_create(nullptr, &spec), nullptr);
  EXPECT_EQ(quire_kmem_cache_create(machine_, nullptr), nullptr);
  for (const uint32_t align : {3u, 1u << 31}) {
    spec.align = align;
    EXPECT_EQ(quire_kmem_cache_create(machine_, &spec), nullptr) << align;
  }
  spec.align = 0;
  for (const uint32_t size : {0u, ~0u, 5u << 20}) {
    spec.object_size = size;
    EXPECT_EQ(quire_kmem_cache_create(machine_, &spec), nullptr) << size;
    expect_reason("cannot make the cache: EINVAL");
  }
  spec.object_size = 64;
  const std::string long_name(48, 'n');
  for (const char* name : {static_cast<const char*>(nullptr), "", long_name.c_str()}) {
    spec.name = name;
    EXPECT_EQ(quire_kmem_cache_create(machine_, &spec), nullptr);
  }
  spec = {3, "api_bad", 64, 0, 0, nullptr};
  EXPECT_EQ(quire_kmem_cache_create(machine_, &spec), nullptr);
}

TEST_P(SlabApi, ANameIsTakenOnce) {
  ASSERT_NE(create(64, "api_name", QUIRE_SLAB_POISON), nullptr);
  EXPECT_EQ(create(64, "api_name", QUIRE_SLAB_POISON), nullptr);
  expect_reason("cannot make the cache: EEXIST");
}

TEST_P(SlabApi, WhatIsNoCacheIsRefused) {
  auto* const none = reinterpret_cast<quire_kmem_cache*>(this);
  const quire_objects objects{};
  EXPECT_EQ(quire_kmem_cache_alloc(machine_, none, QUIRE_GFP_KERNEL), nullptr);
  expect_reason("not a cache of this machine: EINVAL");
  EXPECT_EQ(quire_kmem_cache_alloc(nullptr, none, QUIRE_GFP_KERNEL), nullptr);
  expect_reason("no machine: EINVAL");
  EXPECT_EQ(quire_kmem_cache_alloc_node(machine_, none, QUIRE_GFP_KERNEL, 0), nullptr);
  EXPECT_EQ(quire_kmem_cache_size(machine_, none), -EINVAL);
  EXPECT_EQ(quire_kmem_cache_shrink(machine_, none), -EINVAL);
  EXPECT_EQ(quire_kmem_cache_free(machine_, none, this), -EINVAL);
  EXPECT_EQ(quire_kmem_cache_alloc_bulk(machine_, none, QUIRE_GFP_KERNEL, &objects), -EINVAL);
  EXPECT_EQ(quire_kmem_cache_free_bulk(machine_, none, &objects), -EINVAL);
  EXPECT_EQ(quire_kmem_cache_destroy(machine_, none), -EINVAL);
  EXPECT_EQ(quire_kmem_cache_destroy(nullptr, nullptr), -EINVAL);
  quire_kmem_cache* const gone = create(64, "api_gone", QUIRE_SLAB_POISON);
  EXPECT_EQ(quire_kmem_cache_destroy(machine_, gone), 0);
  EXPECT_EQ(quire_kmem_cache_alloc(machine_, gone, QUIRE_GFP_KERNEL), nullptr);
}

TEST_P(SlabApi, ForeignPointersAreLeftAlone) {
  quire_kmem_cache* const cache = create(64, "api_own", QUIRE_SLAB_POISON);
  quire_kmem_cache* const other = create(64, "api_other", QUIRE_SLAB_RED_ZONE);
  char* const object =
      static_cast<char*>(quire_kmem_cache_alloc(machine_, cache, QUIRE_GFP_KERNEL));
  quire_page* const page = quire_alloc_pages(machine_, QUIRE_GFP_KERNEL, 0);
  for (void* const foreign : {static_cast<void*>(object + 8), static_cast<void*>(this),
                              quire_page_address(machine_, page)}) {
    EXPECT_EQ(quire_kmem_cache_free(machine_, cache, foreign), -EINVAL);
    expect_reason("not an object of the cache: EINVAL");
    EXPECT_EQ(quire_kfree(machine_, foreign), -EINVAL);
    expect_reason("not allocated memory: EINVAL");
    EXPECT_EQ(quire_ksize(machine_, foreign), -EINVAL);
    EXPECT_EQ(quire_krealloc(machine_, foreign, 8, QUIRE_GFP_KERNEL), nullptr);
  }
  EXPECT_EQ(quire_kmem_cache_free(machine_, other, object), -EINVAL);
  EXPECT_EQ(quire_kmem_cache_alloc_node(machine_, cache, QUIRE_GFP_KERNEL, 2), nullptr);
  EXPECT_EQ(quire_kmem_cache_free(machine_, cache, object), 0);
  EXPECT_EQ(quire_free_pages(machine_, page, 0), 0);
}

TEST_P(SlabApi, ManyObjectsAreTakenTogetherOrNotAtAll) {
  quire_kmem_cache* const cache = create(3000, "api_bulk");
  std::vector<void*> found(300);
  const quire_objects some{found.size(), found.data()};
  EXPECT_EQ(quire_kmem_cache_alloc_bulk(machine_, cache, QUIRE_GFP_KERNEL, &some), 300);
  void* const last = std::exchange(found[299], this);
  EXPECT_EQ(quire_kmem_cache_free_bulk(machine_, cache, &some), -EINVAL);
  found[299] = last;
  EXPECT_EQ(quire_kmem_cache_free_bulk(machine_, cache, &some), 0);
  std::vector<void*> more(200'000);
  const quire_objects all{more.size(), more.data()};
  const quire_gfp_t quiet = QUIRE_GFP_KERNEL | QUIRE_GFP_NOWARN;
  EXPECT_EQ(quire_kmem_cache_alloc_bulk(machine_, cache, quiet, &all), 0);
  expect_reason("not as many objects: ENOMEM");
  EXPECT_EQ(quire_kmem_cache_destroy(machine_, cache), 0);
  EXPECT_EQ(quire_kmem_cache_alloc_bulk(machine_, create(8, "api_bulk2"), quiet, nullptr), -EINVAL);
}

TEST_P(SlabApi, MemoryOfAnySizeIsTakenGrownAndFreed) {
  auto* memory = static_cast<char*>(quire_kmalloc(machine_, 50, QUIRE_GFP_KERNEL));
  ASSERT_NE(memory, nullptr);
  EXPECT_EQ(quire_ksize(machine_, memory), 64);
  std::strcpy(memory, "kept");
  memory = static_cast<char*>(quire_krealloc(machine_, memory, 100'000, QUIRE_GFP_KERNEL));
  EXPECT_STREQ(memory, "kept");
  EXPECT_EQ(quire_krealloc(machine_, memory, ~size_t{0}, QUIRE_GFP_KERNEL), nullptr);
  EXPECT_STREQ(memory, "kept");
  EXPECT_EQ(quire_kfree(machine_, memory), 0);
  void* const far = quire_kmalloc_node(machine_, 64, QUIRE_GFP_KERNEL, 1);
  EXPECT_EQ(quire_page_node(machine_, quire_virt_to_page(machine_, far)), 1);
  EXPECT_EQ(quire_kfree(machine_, far), 0);
  EXPECT_EQ(quire_kmalloc(machine_, 0, QUIRE_GFP_KERNEL), QUIRE_ZERO_SIZE_PTR);
  EXPECT_EQ(quire_kfree(machine_, QUIRE_ZERO_SIZE_PTR), 0);
  EXPECT_EQ(quire_kfree(machine_, nullptr), 0);
  for (const size_t size : {(size_t{4} << 20) + 1, ~size_t{0}}) {
    EXPECT_EQ(quire_kmalloc(machine_, size, QUIRE_GFP_KERNEL), nullptr);
    expect_reason("no memory of that size: ENOMEM");
  }
  EXPECT_EQ(quire_kmalloc_node(machine_, 8, QUIRE_GFP_KERNEL, -2), nullptr);
  EXPECT_EQ(quire_kmalloc(nullptr, 8, QUIRE_GFP_KERNEL), nullptr);
  EXPECT_EQ(quire_krealloc(nullptr, nullptr, 8, QUIRE_GFP_KERNEL), nullptr);
  EXPECT_EQ(quire_ksize(nullptr, nullptr), -EINVAL);
  EXPECT_EQ(quire_kfree(nullptr, nullptr), -EINVAL);
}

TEST_P(SlabApi, ASecondFreeIsReportedWhereFlagsLookForIt) {
  quire_kmem_cache* const cache = create(64, "api_twice", QUIRE_SLAB_CONSISTENCY_CHECKS);
  void* const object = quire_kmem_cache_alloc(machine_, cache, QUIRE_GFP_KERNEL);
  EXPECT_EQ(quire_kmem_cache_free(machine_, cache, object), 0);
  (void)told();
  (void)quire_kmem_cache_free(machine_, cache, object);
  EXPECT_NE(told().find("BUG api_twice (Not tainted): Object already free"), std::string::npos);
  boot(std::string("command_line = \"slub_debug=F\"\n") + kTwoNodes);
  void* const memory = quire_kmalloc(machine_, 100, QUIRE_GFP_KERNEL);
  EXPECT_EQ(quire_kfree(machine_, memory), 0);
  (void)told();
  (void)quire_kfree(machine_, memory);
  EXPECT_NE(told().find("Object already free"), std::string::npos);
  EXPECT_NE(quire_kmalloc(machine_, 100, QUIRE_GFP_KERNEL), nullptr);
}

TEST_P(SlabApi, LargeMemoryFreedTwiceIsRefused) {
  void* const memory = quire_kmalloc(machine_, 20'000, QUIRE_GFP_KERNEL);
  EXPECT_EQ(quire_kfree(machine_, static_cast<char*>(memory) + 4096), -EINVAL);
  EXPECT_EQ(quire_kfree(machine_, memory), 0);
  EXPECT_EQ(quire_kfree(machine_, memory), -EINVAL);
}

}  // namespace
