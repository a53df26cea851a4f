#include <gtest/gtest.h>
#include <quire/quire.hpp>

#include <array>
#include <cstring>

#include "tests/api/machines.hpp"

namespace {

using quire::BlockOrder;
using quire::Gfp;
using quire::Machine;
using quire::Node;
using quire::Pages;

TEST(CppApi, ABlockIsFreeWhenItsOwnerEnds) {
  auto machine = Machine::from_text(quire::test::kTwoNodes, quire::test::kNative);
  ASSERT_TRUE(machine) << machine.error().text;
  const auto on_cpu = machine->attach();
  ASSERT_TRUE(on_cpu.has_value());
  const std::int64_t before = machine->counter("pgfree").value();
  {
    Pages block = machine->allocate(Gfp::kKernel | Gfp::kZero, BlockOrder{4}, Node{1}).value();
    EXPECT_EQ(block.node(), Node{1});
    EXPECT_STREQ(block.zone(), "DMA32");
    EXPECT_EQ(block.size_in_bytes(), 65536u);
    std::memset(block.content(), 7, block.size_in_bytes());
    Pages moved = std::move(block);
    EXPECT_EQ(block.get(), nullptr);
  }
  EXPECT_EQ(machine->counter("pgfree").value() - before, 16);
}

TEST(CppApi, EachCpuHasAPieceAndAThreadKeepsItsOwn) {
  auto machine = Machine::from_text(quire::test::kTwoNodes, quire::test::kNative);
  const auto on_cpu = machine->attach(quire::Cpu{2});
  quire::PerCpu<long> hits = machine->per_cpu<long>().value();
  ++*hits.here();
  hits.on(quire::Cpu{0}) = 40;
  long sum = 0;
  for (int cpu = 0; cpu < machine->cpus(); ++cpu) sum += hits.on(quire::Cpu{cpu});
  EXPECT_EQ(sum, 41);
  EXPECT_EQ(hits.on(quire::Cpu{2}), 1);
  EXPECT_FALSE((machine->per_cpu<std::array<char, 40'000>>().has_value()));
}

TEST(CppApi, ErrorsAreValues) {
  EXPECT_NE(Machine::from_file("/nowhere.toml").error().text, "");
  auto machine = Machine::from_text(quire::test::kTwoNodes);
  ASSERT_TRUE(machine);
  EXPECT_EQ(machine->read("/proc/nothing").error().number, ENOENT);
  EXPECT_EQ(machine->write("/proc/sys/vm/swappiness", "201").error().number, EINVAL);
  EXPECT_FALSE(machine->allocate(Gfp::kKernel, BlockOrder{12}).has_value());
  EXPECT_EQ(machine->attach(quire::Cpu{77}).error().number, EINVAL);
}

TEST(CppApi, WholeFilesAreRead) {
  auto machine = Machine::from_text(quire::test::kTwoNodes);
  const std::string zoneinfo = machine->read("/proc/zoneinfo").value();
  EXPECT_TRUE(zoneinfo.starts_with("Node 0, zone      DMA\n"));
  EXPECT_NE(zoneinfo.find("Node 1, zone    DMA32"), std::string::npos);
  EXPECT_EQ(zoneinfo.back(), '\n');
}

TEST(CppApi, TwoMachinesLiveSideBySide) {
  auto one = Machine::from_text(quire::test::kTwoNodes);
  auto two = Machine::from_text("ram = \"64M\"\n");
  EXPECT_EQ(one->cpus(), 4);
  EXPECT_EQ(two->cpus(), 1);
  EXPECT_GT(one->counter("nr_free_pages").value(), two->counter("nr_free_pages").value());
}

}  // namespace
