#include "stack/stack.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/vmalloc/space_on_machine.hpp"

namespace quire {
namespace {

class StackTest : public testing::Test {
 protected:
  explicit StackTest(const Shape& shape = with_content()) : on(shape) {}

  static Shape with_content() {
    Shape shape = Shape::one_zone({64, 2});
    shape.profile.frame_content = true;
    return shape;
  }
  [[nodiscard]] std::uint64_t kernel_stack_kib() {
    for (CpuContext& cpu : machine.machine.cpus()) {
      const OnCpu there(cpu);
      fold_vmstat(machine.machine.nodes(), cpu.percpu);
    }
    return global_node_state(machine.machine.nodes(), NodeItem::kNrKernelStack);
  }
  void fill(VirtAddr stack) {
    const std::string text(stacks.size().raw(), 'x');
    (void)space.write(stack, std::as_bytes(std::span(text)));
  }

  SpaceOnMachine on;
  TestMachine& machine = on.machine;
  Stacks& stacks = on.machine.machine.stacks();
  VmallocSpace& space = on.space;
};

TEST_F(StackTest, IsSixteenKibibytesAlignedToItsSizeAndZeroed) {
  const VirtAddr stack = stacks.allocate(NodeId{0});
  EXPECT_EQ(stacks.size(), kib(16));
  EXPECT_TRUE(stack.is_aligned(kib(16)));
  std::string text(kib(16).raw(), '?');
  EXPECT_EQ(space.read(stack, std::as_writable_bytes(std::span(text))), kib(16));
  EXPECT_EQ(text, std::string(kib(16).raw(), '\0'));
}

TEST_F(StackTest, NothingIsMappedBelowOrAboveEvenBetweenNeighbours) {
  for (int i = 0; i < 5; ++i) {
    const VirtAddr stack = stacks.allocate(NodeId{0});
    EXPECT_EQ(space.to_page(stack - kPageSize), nullptr);
    EXPECT_EQ(space.to_page(stack + stacks.size()), nullptr);
    for (Bytes at; at < stacks.size(); at += kPageSize)
      EXPECT_NE(space.to_page(stack + at), nullptr);
  }
}

TEST_F(StackTest, KernelStackCountsThoseInUse) {
  const VirtAddr first = stacks.allocate(NodeId{0});
  const VirtAddr second = stacks.allocate(NodeId{0});
  EXPECT_EQ(kernel_stack_kib(), 32u);
  stacks.free(first);
  EXPECT_EQ(kernel_stack_kib(), 16u);
  EXPECT_THAT(on.file("proc/meminfo"), testing::HasSubstr("KernelStack:          16 kB\n"));
  stacks.free(second);
  EXPECT_EQ(kernel_stack_kib(), 0u);
}

TEST_F(StackTest, EachCpuKeepsTwoAndHandsThemOutCleared) {
  const VirtAddr stack[] = {stacks.allocate(NodeId{0}), stacks.allocate(NodeId{0}),
                            stacks.allocate(NodeId{0})};
  fill(stack[0]);
  for (const VirtAddr one : stack) stacks.free(one);
  EXPECT_EQ(space.used(), PageCount{8});
  machine.use_cpu(1);
  const VirtAddr elsewhere = stacks.allocate(NodeId{0});
  EXPECT_NE(elsewhere, stack[0]);
  EXPECT_NE(elsewhere, stack[1]);
  machine.use_cpu(0);
  const VirtAddr again = stacks.allocate(NodeId{0});
  EXPECT_EQ(again, stack[0]);
  std::string text(kib(16).raw(), '?');
  (void)space.read(again, std::as_writable_bytes(std::span(text)));
  EXPECT_EQ(text, std::string(kib(16).raw(), '\0'));
}

TEST_F(StackTest, ACpuThatGoesAwayKeepsNone) {
  stacks.free(stacks.allocate(NodeId{0}));
  EXPECT_EQ(space.used(), PageCount{4});
  machine.use_cpu(1);
  stacks.drain_cpu(CpuId{0});
  EXPECT_EQ(space.used(), PageCount{0});
  EXPECT_TRUE(on.balanced());
}

TEST_F(StackTest, EachCpuHasOneInterruptStackWithGuards) {
  const VirtAddr first = stacks.interrupt_stack(CpuId{0});
  const VirtAddr second = stacks.interrupt_stack(CpuId{1});
  EXPECT_NE(first, second);
  EXPECT_EQ(stacks.interrupt_stack(CpuId{0}), first);
  for (const VirtAddr stack : {first, second}) {
    EXPECT_NE(space.to_page(stack), nullptr);
    EXPECT_NE(space.to_page(stack + stacks.size() - Bytes{1}), nullptr);
    EXPECT_EQ(space.to_page(stack + stacks.size()), nullptr);
  }
  EXPECT_EQ(kernel_stack_kib(), 0u);
}

TEST_F(StackTest, WithoutMemoryThereIsNone) {
  while (machine.alloc(Gfp::kKernel | Gfp::kNoWarn, 0) != nullptr) {}
  EXPECT_EQ(stacks.allocate(NodeId{0}), VirtAddr{});
  EXPECT_EQ(stacks.interrupt_stack(CpuId{0}), VirtAddr{});
}

class NarrowStackTest : public StackTest {
 protected:
  static Shape narrow() {
    Shape shape = with_content();
    shape.arch = ArchProfile::kX86_32;
    return shape;
  }
  NarrowStackTest() : StackTest(narrow()) {}
};

TEST_F(NarrowStackTest, IsEightKibibytesWith32Bits) {
  EXPECT_EQ(stacks.size(), kib(8));
  const VirtAddr stack = stacks.allocate(NodeId{0});
  EXPECT_TRUE(stack.is_aligned(kib(8)));
  EXPECT_EQ(space.to_page(stack - kPageSize), nullptr);
  EXPECT_EQ(space.to_page(stack + kib(8)), nullptr);
  EXPECT_EQ(kernel_stack_kib(), 8u);
}

}  // namespace
}  // namespace quire
