#include <gtest/gtest.h>
#include <quire/quire.h>

#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "tests/api/machines.hpp"

namespace {

using quire::test::kNative;
using quire::test::kTwoNodes;

class PercpuApi : public testing::TestWithParam<quire_host> {
 protected:
  void SetUp() override {
    quire_options options = kNative;
    options.host = GetParam();
    machine_ = quire_machine_create_from_text(kTwoNodes, &options, nullptr, 0);
    ASSERT_NE(machine_, nullptr) << quire_last_error();
  }
  void TearDown() override { quire_machine_destroy(machine_); }

  quire_machine* machine_ = nullptr;
};
INSTANTIATE_TEST_SUITE_P(Hosts, PercpuApi, testing::Values(QUIRE_HOST_SIM, QUIRE_HOST_NATIVE));

TEST_P(PercpuApi, EachCpuHasAZeroedPieceOfItsOwn) {
  void* const pointer = quire_alloc_percpu(machine_, sizeof(long), alignof(long), QUIRE_GFP_KERNEL);
  ASSERT_NE(pointer, nullptr) << quire_last_error();
  for (int cpu = 0; cpu < 4; ++cpu) {
    long* const piece = static_cast<long*>(quire_per_cpu_ptr(machine_, pointer, cpu));
    EXPECT_EQ(*piece, 0);
    *piece = cpu + 1;
  }
  for (int cpu = 0; cpu < 4; ++cpu)
    EXPECT_EQ(*static_cast<long*>(quire_per_cpu_ptr(machine_, pointer, cpu)), cpu + 1);
  EXPECT_EQ(quire_free_percpu(machine_, pointer), 0);
}

TEST_P(PercpuApi, WhatIsNoPerCpuPointerIsRefused) {
  long own = 0;
  EXPECT_EQ(quire_per_cpu_ptr(machine_, &own, 0), nullptr);
  EXPECT_EQ(quire_per_cpu_ptr(machine_, nullptr, 0), nullptr);
  EXPECT_EQ(quire_free_percpu(machine_, &own), -EINVAL);
  EXPECT_EQ(quire_free_percpu(machine_, nullptr), 0);
  char* const pointer =
      static_cast<char*>(quire_alloc_percpu(machine_, 64, 64, QUIRE_GFP_KERNEL));
  EXPECT_EQ(quire_per_cpu_ptr(machine_, pointer, 4), nullptr);
  EXPECT_EQ(quire_per_cpu_ptr(machine_, pointer, -1), nullptr);
  EXPECT_EQ(quire_free_percpu(machine_, pointer + 4), -EINVAL);
  EXPECT_EQ(quire_free_percpu(machine_, pointer), 0);
  EXPECT_EQ(quire_free_percpu(machine_, pointer), -EINVAL);
  EXPECT_EQ(quire_alloc_percpu(machine_, 0, 8, QUIRE_GFP_KERNEL), nullptr);
  EXPECT_EQ(quire_alloc_percpu(machine_, 8, 3, QUIRE_GFP_KERNEL), nullptr);
  EXPECT_EQ(quire_alloc_percpu(machine_, 40'000, 8, QUIRE_GFP_KERNEL), nullptr);
  EXPECT_EQ(quire_alloc_percpu(nullptr, 8, 8, QUIRE_GFP_KERNEL), nullptr);
}

TEST_P(PercpuApi, WhatDoesNotFitTheFirstChunkCostsFramesUntilItIsFreed) {
  const auto percpu_kib = [&] {
    std::vector<char> text(4096);
    quire_read(machine_, "/proc/meminfo", text.data(), text.size());
    const std::string row = text.data();
    return std::stoi(row.substr(row.find("Percpu:") + 7));
  };
  const int before = percpu_kib();
  std::vector<void*> held;
  for (unsigned i = 0; i < 40; ++i)
    held.push_back(quire_alloc_percpu(machine_, 4096, 4096, QUIRE_GFP_KERNEL));
  EXPECT_GE(percpu_kib(), before + 4 * 4 * 32);
  for (void* const pointer : held) EXPECT_EQ(quire_free_percpu(machine_, pointer), 0);
  EXPECT_LE(percpu_kib(), before + 4 * 4 * 4);
}

TEST_P(PercpuApi, WithoutKernelFlagsOnlyPagesThatAreThereServe) {
  while (quire_alloc_percpu(machine_, 1024, 64, QUIRE_GFP_ATOMIC) != nullptr) {}
  const int64_t before = quire_counter(machine_, "nr_free_pages");
  EXPECT_EQ(quire_alloc_percpu(machine_, 1024, 64, QUIRE_GFP_ATOMIC), nullptr);
  EXPECT_EQ(quire_counter(machine_, "nr_free_pages"), before);
  EXPECT_NE(quire_alloc_percpu(machine_, 1024, 64, QUIRE_GFP_KERNEL), nullptr);
}

TEST_P(PercpuApi, VariablesOfAProgramHavePiecesOnEachMachine) {
  const int initial = 42;
  const quire_percpu_variable variable{&initial, sizeof initial};
  quire_machine* const other = quire_machine_create_from_text(kTwoNodes, nullptr, nullptr, 0);
  const auto at = [&](quire_machine* machine, int cpu) {
    return static_cast<int*>(quire_per_cpu_variable(machine, &variable, cpu));
  };
  *at(machine_, 2) = 7;
  EXPECT_EQ(*at(machine_, 2), 7);
  EXPECT_EQ(*at(machine_, 3), 42);
  EXPECT_EQ(*at(other, 2), 42);
  EXPECT_EQ(quire_per_cpu_variable(machine_, &variable, 4), nullptr);
  EXPECT_EQ(quire_per_cpu_variable(machine_, nullptr, 0), nullptr);
  quire_machine_destroy(other);
}

TEST_P(PercpuApi, GettingACpuKeepsTheOthersOff) {
  void* const pointer = quire_alloc_percpu(machine_, sizeof(long), alignof(long), QUIRE_GFP_KERNEL);
  const auto work = [&] {
    for (unsigned i = 0; i < 2000; ++i) {
      const int cpu = quire_get_cpu(machine_);
      ASSERT_EQ(cpu, 3);  // nobody is attached: all share the last
      long* const piece = static_cast<long*>(quire_this_cpu_ptr(machine_, pointer));
      ASSERT_EQ(piece, quire_per_cpu_ptr(machine_, pointer, cpu));
      *piece = *piece + 1;
      ASSERT_EQ(quire_put_cpu(machine_), 0);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(*static_cast<long*>(quire_per_cpu_ptr(machine_, pointer, 3)), 8000);
}

TEST_P(PercpuApi, TheMachineCanBeCalledWhileACpuIsHeld) {
  for (const bool attach : {false, true}) {
    if (attach) {
      ASSERT_EQ(quire_attach(machine_, 1), 0);
    }
    EXPECT_EQ(quire_get_cpu(machine_), attach ? 1 : 3);
    EXPECT_EQ(quire_get_cpu(machine_), attach ? 1 : 3);
    quire_page* const page = quire_alloc_pages(machine_, QUIRE_GFP_KERNEL, 0);
    EXPECT_EQ(quire_free_pages(machine_, page, 0), 0);
    EXPECT_EQ(quire_detach(machine_), -EBUSY);
    EXPECT_EQ(quire_put_cpu(machine_), 0);
    EXPECT_EQ(quire_put_cpu(machine_), 0);
    EXPECT_EQ(quire_put_cpu(machine_), -EPERM);
  }
  EXPECT_EQ(quire_detach(machine_), 0);
  EXPECT_EQ(quire_get_cpu(nullptr), -EINVAL);
}

}  // namespace
