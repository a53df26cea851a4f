// kvmalloc() on a machine: in one piece where that is to be had, else at vmalloc's addresses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/vmalloc/space_on_machine.hpp"

namespace quire {
namespace {

class Kvmalloc : public testing::Test {
 protected:
  // Every second page stays taken, so that no two in a row are free.
  void scatter_free_pages() {
    constexpr Gfp kAll = Gfp::kUser | Gfp::kMemalloc | Gfp::kNoWarn;  // reserves as well
    std::vector<Page*> all;
    while (Page* const page = on_.machine.alloc(kAll, 0)) all.push_back(page);
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (on_.machine.pfn(all[i]) % 2 == 0)
        on_.machine.pages().free(*all[i], Order{0});
      else
        kept_.push_back(all[i]);
    }
  }
  [[nodiscard]] bool scattered(const void* memory) const {
    return on_.space.is_vmalloc_address(VirtAddr{reinterpret_cast<std::uintptr_t>(memory)});
  }
  [[nodiscard]] std::string allocated_at(const void* memory) const {
    return on_.read(VirtAddr{reinterpret_cast<std::uintptr_t>(memory)}, 5);
  }

  SpaceOnMachine on_;
  Kmalloc& kmalloc_ = on_.machine.machine.kmalloc();
  std::vector<Page*> kept_;
};

TEST_F(Kvmalloc, MoreThanTheLargestBlockIsScattered) {
  const std::uint64_t before = on_.free_now();
  void* const one_piece = kmalloc_.kvmalloc(4 << 20, Gfp::kKernel);
  EXPECT_FALSE(scattered(one_piece));
  void* const many = kmalloc_.kvmalloc((4 << 20) + 1, Gfp::kKernel);
  ASSERT_TRUE(scattered(many));
  // In three pages of 2 MiB; small ones hold the array of their frames.
  EXPECT_THAT(on_.file("proc/vmallocinfo"), testing::HasSubstr(" kvmalloc_node pages=1536 vmall"));
  on_.write(VirtAddr{reinterpret_cast<std::uintptr_t>(many)} + mib(4) - Bytes{4}, "12345");
  kmalloc_.kvfree(one_piece);
  kmalloc_.kvfree(many);
  EXPECT_EQ(on_.space.used(), PageCount{0});
  EXPECT_TRUE(on_.balanced());
  EXPECT_NEAR(static_cast<double>(on_.free_now()), static_cast<double>(before), 16);
}

TEST_F(Kvmalloc, WhereNoTwoFreePagesLieInARowItIsScattered) {
  scatter_free_pages();
  EXPECT_EQ(kmalloc_.alloc(40000, Gfp::kKernel | Gfp::kNoWarn), nullptr);
  void* const memory = kmalloc_.kvmalloc(40000, Gfp::kKernel | Gfp::kZero);
  ASSERT_TRUE(scattered(memory));
  EXPECT_EQ(allocated_at(memory), std::string(5, '\0'));
  on_.write(VirtAddr{reinterpret_cast<std::uintptr_t>(memory)}, "hello");
  EXPECT_EQ(allocated_at(memory), "hello");
  kmalloc_.kvfree(memory);
  EXPECT_TRUE(on_.balanced());
}

TEST_F(Kvmalloc, WhoMayNotWaitHasNoWayOut) {
  EXPECT_EQ(kmalloc_.kvmalloc(8 << 20, Gfp::kAtomic | Gfp::kNoWarn), nullptr);
  EXPECT_EQ(kmalloc_.kvmalloc(8 << 20, Gfp::kNoWait), nullptr);
  EXPECT_EQ(on_.space.used(), PageCount{0});
}

TEST_F(Kvmalloc, WhatIsNotThereAtAllIsRefused) {
  EXPECT_EQ(kmalloc_.kvmalloc(80 << 20, Gfp::kKernel), nullptr);
  EXPECT_EQ(kmalloc_.kvmalloc(std::size_t{1} << 31, Gfp::kKernel), nullptr);
  EXPECT_EQ(kmalloc_.kvmalloc(~std::size_t{0}, Gfp::kKernel), nullptr);
  EXPECT_TRUE(on_.balanced());
}

TEST_F(Kvmalloc, MemoryOfANodeStaysThereWhenItIsScattered) {
  SpaceOnMachine two(Shape::two_nodes(64));
  Kmalloc& kmalloc = two.machine.machine.kmalloc();
  void* const memory = kmalloc.kvmalloc(6 << 20, Gfp::kKernel | Gfp::kThisNode, node_id(1));
  const VirtAddr at{reinterpret_cast<std::uintptr_t>(memory)};
  for (const Page* const page : two.pages_of(at, 1536))
    ASSERT_EQ(two.machine.machine.nodes().zone_of(page->word).node, node_id(1));
  kmalloc.kvfree(memory);
}

}  // namespace
}  // namespace quire
