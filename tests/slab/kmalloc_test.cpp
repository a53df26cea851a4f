// kmalloc and its family: sizes, kinds, pages, and what may be done with what it gave.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "tests/slab/slab_machine.hpp"

namespace quire {
namespace {

TEST(Kmalloc, ASizeIsServedByTheSmallestCacheThatHoldsIt) {
  const std::map<std::size_t, std::string> served = {
      {1, "kmalloc-8"},      {8, "kmalloc-8"},      {9, "kmalloc-16"},    {33, "kmalloc-64"},
      {65, "kmalloc-96"},    {96, "kmalloc-96"},    {97, "kmalloc-128"},  {129, "kmalloc-192"},
      {192, "kmalloc-192"},  {193, "kmalloc-256"},  {513, "kmalloc-1k"},  {4096, "kmalloc-4k"},
      {4097, "kmalloc-8k"},  {8192, "kmalloc-8k"}};
  SlabMachine m;
  for (const auto& [size, name] : served)
    EXPECT_EQ(m.machine.kmalloc().cache_for(size, KmallocKind::kNormal).name(), name) << size;
}

TEST(Kmalloc, FlagsChooseTheKindOfCache) {
  SlabMachine m;
  const auto name = [&](Gfp gfp) {
    return std::string(m.machine.kmalloc().cache_for(64, kmalloc_kind(gfp)).name());
  };
  EXPECT_EQ(name(Gfp::kKernel), "kmalloc-64");
  EXPECT_EQ(name(Gfp::kKernelAccount), "kmalloc-cg-64");
  EXPECT_EQ(name(Gfp::kKernel | Gfp::kReclaimable), "kmalloc-rcl-64");
  EXPECT_EQ(name(Gfp::kKernel | Gfp::kDma), "dma-kmalloc-64");
  EXPECT_EQ(name(Gfp::kKernelAccount | Gfp::kReclaimable), "kmalloc-rcl-64");
}

TEST(Kmalloc, DmaMemoryIsInTheDmaZone) {
  Shape shape = SlabMachine::plain({});
  shape.ram = {{0, 0, 64}};
  shape.cpus = {node_id(0)};
  SlabMachine m(shape);
  void* const memory = m.machine.kmalloc().alloc(64, Gfp::kKernel | Gfp::kDma);
  const MemoryMap& map = m.machine.map();
  EXPECT_EQ(m.machine.nodes().zone_of(map.at(map.frames().index_at(memory)).word).type,
            ZoneType::kDma);
  m.machine.kmalloc().free(memory);
}

TEST(Kmalloc, MemoryOfEverySizeIsItsOwnersAlone) {
  SlabMachine m;
  Kmalloc& kmalloc = m.machine.kmalloc();
  struct Held {
    unsigned char* memory;
    std::size_t size;
  };
  std::vector<Held> held;
  for (std::size_t size = 1; size < 300000; size += 1 + size / 3) {
    auto* const memory = static_cast<unsigned char*>(kmalloc.alloc(size, Gfp::kKernel));
    ASSERT_NE(memory, nullptr) << size;
    EXPECT_GE(kmalloc.usable_size(memory).raw(), size);
    std::memset(memory, static_cast<int>(held.size() & 0xff), size);
    held.push_back({memory, size});
  }
  for (unsigned i = 0; i < held.size(); ++i)
    for (std::size_t byte = 0; byte < held[i].size; ++byte)
      ASSERT_EQ(held[i].memory[byte], i & 0xff);
  EXPECT_TRUE(audited(m.machine));
  for (const Held& each : held) kmalloc.free(each.memory);
  EXPECT_TRUE(audited(m.machine));
}

TEST(Kmalloc, PowersOfTwoAreAlignedToThemselves) {
  SlabMachine m;
  for (std::size_t size = 8; size <= 65536; size *= 2)
    for (unsigned i = 0; i < 20; ++i)
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(m.machine.kmalloc().alloc(size, Gfp::kKernel)) %
                    min_of(size, std::size_t{4096}),
                0u);
}

TEST(Kmalloc, NoBytesGiveAPointerThatMayBeFreed) {
  SlabMachine m;
  Kmalloc& kmalloc = m.machine.kmalloc();
  void* const nothing = kmalloc.alloc(0, Gfp::kKernel);
  EXPECT_EQ(nothing, zero_size_pointer());
  EXPECT_EQ(kmalloc.usable_size(nothing), Bytes{0});
  kmalloc.free(nothing);
  kmalloc.free(nullptr);
  EXPECT_EQ(m.count_logged("kfree"), 0u);
}

TEST(Kmalloc, MoreThanTheLargestBlockIsRefused) {
  SlabMachine m;
  EXPECT_NE(m.machine.kmalloc().alloc(4 << 20, Gfp::kKernel), nullptr);
  for (const std::size_t size : {std::size_t{4 << 20} + 1, ~std::size_t{0}})
    EXPECT_EQ(m.machine.kmalloc().alloc(size, Gfp::kKernel | Gfp::kNoWarn), nullptr);
}

TEST(Kmalloc, LargeMemoryComesInPagesThatCountAsSlabs) {
  SlabMachine m;
  const Node& node = m.machine.nodes().node(node_id(0));
  Kmalloc& kmalloc = m.machine.kmalloc();
  void* const memory = kmalloc.alloc(20000, Gfp::kKernel);
  EXPECT_EQ(kmalloc.usable_size(memory), kib(32));
  m.free_pages();
  EXPECT_EQ(node_state(node, NodeItem::kNrSlabUnreclaimable), 8u);
  kmalloc.free(memory);
  m.free_pages();
  EXPECT_EQ(node_state(node, NodeItem::kNrSlabUnreclaimable), 0u);
}

TEST(Kmalloc, ReallocatedMemoryKeepsItsContentAndItsPlaceWhileItFits) {
  SlabMachine m;
  Kmalloc& kmalloc = m.machine.kmalloc();
  auto* memory = static_cast<char*>(kmalloc.realloc(nullptr, 50, Gfp::kKernel));
  std::strcpy(memory, "what was written");
  EXPECT_EQ(kmalloc.realloc(memory, 64, Gfp::kKernel), memory);
  EXPECT_EQ(kmalloc.realloc(memory, 10, Gfp::kKernel), memory);
  for (const std::size_t size : {65u, 5000u, 100000u}) {
    memory = static_cast<char*>(kmalloc.realloc(memory, size, Gfp::kKernel));
    EXPECT_STREQ(memory, "what was written");
  }
  EXPECT_EQ(kmalloc.realloc(memory, 5 << 20, Gfp::kKernel | Gfp::kNoWarn), nullptr);
  EXPECT_STREQ(memory, "what was written");
  EXPECT_EQ(kmalloc.realloc(memory, 0, Gfp::kKernel), zero_size_pointer());
  EXPECT_TRUE(audited(m.machine));
}

class Scattered final : public VirtualMemory {
 public:
  void* allocate(Bytes size, Gfp, NodeId) override {
    asked = size;
    return &place;
  }
  [[nodiscard]] bool owns(const void* memory) const override { return memory == &place; }
  void free(void*) override { freed = true; }

  Bytes asked;
  bool freed = false;
  char place = 0;
};

TEST(Kmalloc, KvmallocScattersWhatIsNotToBeHadInOnePiece) {
  SlabMachine m(SlabMachine::plain(Shape::one_zone({16, 1})));
  Kmalloc& kmalloc = m.machine.kmalloc();
  Scattered scattered;
  kmalloc.use(scattered);
  void* const small = kmalloc.kvmalloc(100000, Gfp::kKernel);
  EXPECT_EQ(scattered.asked, Bytes{0});
  kmalloc.kvfree(small);
  void* const large = kmalloc.kvmalloc(8 << 20, Gfp::kKernel);
  EXPECT_EQ(scattered.asked, mib(8));
  kmalloc.kvfree(large);
  EXPECT_TRUE(scattered.freed);
}

TEST(Kmalloc, WhatWasNeverAllocatedIsReportedAndLeftAlone) {
  SlabMachine m;
  int outside = 0;
  m.machine.kmalloc().free(&outside);
  auto* const pages = static_cast<std::byte*>(m.machine.kmalloc().alloc(20000, Gfp::kKernel));
  m.machine.kmalloc().free(pages + 4096);
  EXPECT_TRUE(audited(m.machine));
}

}  // namespace
}  // namespace quire
