// Containers of the standard library on a machine's memory.
#include <gtest/gtest.h>
#include <quire/memory_resource.hpp>
#include <quire/quire.hpp>

#include <cerrno>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "tests/api/machines.hpp"

namespace {

using quire::CacheResource;
using quire::KmallocResource;
using quire::Machine;
using quire::PageResource;

class MemoryResource : public testing::Test {
 protected:
  [[nodiscard]] quire_machine* raw() const { return machine_.get(); }

  Machine machine_ = Machine::from_text(quire::test::kTwoNodes, quire::test::kNative).value();
  quire::Attachment on_cpu_ = machine_.attach().value();
};

bool aligned(const void* memory, std::size_t align) {
  return reinterpret_cast<std::uintptr_t>(memory) % align == 0;
}

TEST_F(MemoryResource, ContainersLiveInTheMachine) {
  KmallocResource kmalloc(raw());
  PageResource pages(raw());
  for (std::pmr::memory_resource* const memory :
       {static_cast<std::pmr::memory_resource*>(&kmalloc),
        static_cast<std::pmr::memory_resource*>(&pages)}) {
    std::pmr::vector<int> numbers(memory);
    for (int i = 0; i < 50'000; ++i) numbers.push_back(i);
    EXPECT_EQ(numbers[49'999], 49'999);
    EXPECT_NE(quire_virt_to_page(raw(), numbers.data()), nullptr);
    std::pmr::map<int, std::pmr::string> names(memory);
    for (int i = 0; i < 500; ++i) names[i] = std::string(i, 'a');
    EXPECT_EQ(names[300].size(), 300u);
    EXPECT_NE(quire_virt_to_page(raw(), names[300].data()), nullptr);
  }
}

TEST_F(MemoryResource, EveryAlignmentIsHonouredAndAllIsGivenBack) {
  KmallocResource kmalloc(raw());
  PageResource pages(raw());
  // Were it not given back, the machine would not last for all rounds.
  for (unsigned round = 0; round < 20; ++round)
    for (std::size_t align = 1; align <= 1 << 22; align *= 2)
      for (const std::size_t bytes : {0ul, 1ul, 9ul, 96ul, 97ul, 150ul, 4097ul, 9000ul, 70'000ul}) {
        std::pmr::memory_resource* const memory =
            round % 2 == 0 ? static_cast<std::pmr::memory_resource*>(&kmalloc) : &pages;
        void* const first = memory->allocate(bytes, align);
        void* const second = align < 1 << 20 ? memory->allocate(bytes, align) : nullptr;
        ASSERT_TRUE(aligned(first, align) && aligned(second, align)) << bytes << ", " << align;
        ASSERT_NE(first, second);
        std::memset(first, 1, bytes);
        memory->deallocate(first, bytes, align);
        if (second != nullptr) memory->deallocate(second, bytes, align);
      }
}

TEST_F(MemoryResource, WhatIsTooLargeOrNotThereIsBadAlloc) {
  KmallocResource kmalloc(raw(), quire::Gfp::kKernel | quire::Gfp::kNoWarn);
  PageResource pages(raw(), quire::Gfp::kKernel | quire::Gfp::kNoWarn);
  for (const std::size_t bytes : {(std::size_t{4} << 20) + 1, ~std::size_t{0}}) {
    EXPECT_THROW((void)kmalloc.allocate(bytes, 8), std::bad_alloc);
    EXPECT_THROW((void)pages.allocate(bytes, 8), std::bad_alloc);
  }
  EXPECT_THROW((void)pages.allocate(1, std::size_t{8} << 20), std::bad_alloc);
  std::size_t enormous = std::size_t{1} << 63;  // no constant: compilers know it to be wrong
  EXPECT_THROW((void)kmalloc.allocate(1, enormous), std::bad_alloc);

  std::vector<void*> all;
  const auto take_all = [&] {
    for (;;) all.push_back(kmalloc.allocate(1 << 20, 8));
  };
  EXPECT_THROW(take_all(), std::bad_alloc);
  EXPECT_GT(all.size(), 100u);
  std::pmr::string text(&kmalloc);
  EXPECT_THROW(text.resize(1 << 20), std::bad_alloc);
  for (void* const memory : all) kmalloc.deallocate(memory, 1 << 20, 8);
  text.resize(1 << 20);
}

TEST_F(MemoryResource, ACacheServesTheNodesOfAMap) {
  KmallocResource others(raw());
  quire_cache_spec spec{sizeof(quire_cache_spec), "pmr_nodes", 64, 16, 0, nullptr};
  CacheResource nodes(raw(), spec, &others);
  ASSERT_NE(nodes.cache(), nullptr) << quire_last_error();
  {
    std::pmr::map<int, long> squares(&nodes);
    for (long i = 0; i < 1000; ++i) squares[static_cast<int>(i)] = i * i;
    EXPECT_EQ(squares[999], 998'001);
    EXPECT_EQ(quire_kmem_cache_free(raw(), nodes.cache(), nullptr), 0);
    EXPECT_EQ(quire_kmem_cache_destroy(raw(), nodes.cache()), -EBUSY);
    void* const object = nodes.allocate(64, 16);
    EXPECT_EQ(quire_kmem_cache_free(raw(), nodes.cache(), object), 0);
    void* const larger = nodes.allocate(65, 16);
    EXPECT_EQ(quire_kmem_cache_free(raw(), nodes.cache(), larger), -EINVAL);
    nodes.deallocate(larger, 65, 16);
    void* const more_aligned = nodes.allocate(8, 64);
    EXPECT_TRUE(aligned(more_aligned, 64));
    EXPECT_EQ(quire_kmem_cache_free(raw(), nodes.cache(), more_aligned), -EINVAL);
    nodes.deallocate(more_aligned, 8, 64);
  }
  spec.name = nullptr;
  CacheResource none(raw(), spec, &others);
  EXPECT_EQ(none.cache(), nullptr);
  none.deallocate(none.allocate(8, 8), 8, 8);
}

TEST_F(MemoryResource, ResourcesOfOneMachineAreEqual) {
  Machine other = Machine::from_text(quire::test::kTwoNodes).value();
  KmallocResource one(raw());
  EXPECT_EQ(one, KmallocResource(raw()));
  EXPECT_NE(one, KmallocResource(other.get()));
  EXPECT_EQ(PageResource(raw()), PageResource(raw()));
  EXPECT_NE(one, PageResource(raw()));
}

}  // namespace
