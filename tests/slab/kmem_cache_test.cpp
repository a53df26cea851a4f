// What a cache promises to those who take objects from it.
#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <vector>

#include "tests/slab/slab_machine.hpp"

namespace quire {
namespace {

TEST(KmemCache, ObjectsAreApartAlignedAndTheirOwnersAlone) {
  SlabMachine m;
  for (const std::uint32_t size : {8u, 24u, 64u, 100u, 192u, 1000u, 4096u, 8192u, 20000u}) {
    KmemCache& cache = m.cache({.size = size});
    std::vector<unsigned char*> objects;
    for (unsigned i = 0; i < 300; ++i) {
      auto* const object = static_cast<unsigned char*>(cache.alloc(Gfp::kKernel));
      ASSERT_NE(object, nullptr);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(object) % 8, 0u);
      std::memset(object, static_cast<int>(i & 0xff), size);
      objects.push_back(object);
    }
    for (unsigned i = 0; i < objects.size(); ++i)
      for (unsigned byte = 0; byte < size; ++byte)
        ASSERT_EQ(objects[i][byte], i & 0xff) << "size " << size << ", object " << i;
    for (unsigned char* const object : objects) cache.free(object);
    EXPECT_TRUE(audited(m.machine));
  }
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
  m.machine.slabs().shrink_all();
  const std::uint64_t before = m.free_pages();
  KmemCache& cache = m.cache({.size = 200});
  std::vector<void*> objects;
  for (unsigned i = 0; i < 1000; ++i) objects.push_back(cache.alloc(Gfp::kKernel));
  EXPECT_LT(m.free_pages(), before);
  for (void* const object : objects) cache.free(object);
  EXPECT_FALSE(cache.shrink());
  m.machine.slabs().shrink_all();
  EXPECT_EQ(m.free_pages(), before);
}

}  // namespace
}  // namespace quire
