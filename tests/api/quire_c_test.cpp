#include "tests/api/quire_c.h"

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

class CApi : public testing::TestWithParam<quire_host> {
 protected:
  void SetUp() override {
    quire_options options = kNative;
    options.host = GetParam();
    options.log = [](void* user, const char* line) {
      static_cast<std::vector<std::string>*>(user)->emplace_back(line);
    };
    options.user = &log_;
    machine_ = quire_machine_create_from_text(kTwoNodes, &options, nullptr, 0);
    ASSERT_NE(machine_, nullptr) << quire_last_error();
  }
  void TearDown() override { quire_machine_destroy(machine_); }

  std::vector<std::string> log_;
  quire_machine* machine_ = nullptr;
};
INSTANTIATE_TEST_SUITE_P(Hosts, CApi, testing::Values(QUIRE_HOST_SIM, QUIRE_HOST_NATIVE));

TEST_P(CApi, BootsAndTellsItsLog) {
  EXPECT_EQ(quire_cpu_count(machine_), 4);
  EXPECT_EQ(quire_node_count(machine_), 2);
  EXPECT_EQ(quire_node_is_online(machine_, 1), 1);
  EXPECT_FALSE(log_.empty());
}

TEST_P(CApi, PagesComeFromTheNodeAskedForAndGoBack) {
  ASSERT_EQ(quire_attach(machine_, 0), 0);
  const int64_t before = quire_counter(machine_, "pgfree");
  for (unsigned order = 0; order <= QUIRE_MAX_ORDER; ++order) {
    quire_page* const page = quire_alloc_pages_node(machine_, 1, QUIRE_GFP_KERNEL, order);
    ASSERT_NE(page, nullptr) << order;
    EXPECT_EQ(quire_page_node(machine_, page), 1);
    EXPECT_EQ(quire_page_to_pfn(machine_, page) % (1 << order), 0);
    EXPECT_EQ(quire_free_pages(machine_, page, order), 0);
  }
  EXPECT_EQ(quire_counter(machine_, "pgfree") - before, 2047);
}

TEST_P(CApi, ThreadsOnNoCpuShareTheLast) {
  quire_page* const page = quire_alloc_pages(machine_, QUIRE_GFP_KERNEL, 0);
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(quire_page_node(machine_, page), 1);
  EXPECT_EQ(quire_free_pages(machine_, page, 0), 0);
}

TEST_P(CApi, ManyThreadsLoseNoPage) {
  const auto allocated = [&] {
    return quire_counter(machine_, "pgalloc_dma32") + quire_counter(machine_, "pgalloc_dma");
  };
  const int64_t before = allocated();
  const auto work = [&](bool attach) {
    if (attach && quire_attach(machine_, QUIRE_ANY_CPU) != 0) return;
    for (unsigned round = 0; round < 200; ++round) {
      quire_page* const page = quire_alloc_pages(machine_, QUIRE_GFP_USER, round % 4);
      ASSERT_NE(page, nullptr);
      ASSERT_EQ(quire_free_pages(machine_, page, round % 4), 0);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 8; ++i) threads.emplace_back(work, i % 3 != 0);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(allocated() - before, 8 * 50 * (1 + 2 + 4 + 8));
}

TEST_P(CApi, ACpuHasOneThreadAndOnlyTheLastIsShared) {
  ASSERT_EQ(quire_attach(machine_, 0), 0);
  EXPECT_EQ(quire_attach(machine_, 1), -EEXIST);
  EXPECT_EQ(quire_current(), machine_);
  std::thread([&] {
    EXPECT_EQ(quire_attach(machine_, 0), -EBUSY);
    EXPECT_EQ(quire_attach(machine_, 3), 0);
    std::thread([&] { EXPECT_EQ(quire_attach(machine_, 3), 0); }).join();
  }).join();
  EXPECT_EQ(quire_attach(machine_, 4), -EINVAL);
  EXPECT_EQ(quire_attach(machine_, -2), -EINVAL);
  EXPECT_EQ(quire_detach(machine_), 0);
  EXPECT_EQ(quire_detach(machine_), -EINVAL);
}

TEST_P(CApi, BadArgumentsAreRefusedWithAReason) {
  EXPECT_EQ(quire_alloc_pages(nullptr, QUIRE_GFP_KERNEL, 0), nullptr);
  EXPECT_STREQ(quire_last_error(), "no machine: EINVAL");
  EXPECT_EQ(quire_alloc_pages(machine_, QUIRE_GFP_KERNEL, 11), nullptr);
  EXPECT_EQ(quire_alloc_pages_node(machine_, 2, QUIRE_GFP_KERNEL, 0), nullptr);
  EXPECT_EQ(quire_alloc_pages_node(machine_, -7, QUIRE_GFP_KERNEL, 0), nullptr);
  EXPECT_EQ(quire_free_pages(machine_, nullptr, 0), 0);
  EXPECT_EQ(quire_free_pages(nullptr, nullptr, 0), -EINVAL);
  EXPECT_EQ(quire_alloc_pages_bulk(machine_, QUIRE_GFP_KERNEL, 3, nullptr), -EINVAL);
  EXPECT_EQ(quire_pfn_to_page(machine_, ~uint64_t{0}), nullptr);
  EXPECT_EQ(quire_virt_to_page(machine_, this), nullptr);
  EXPECT_EQ(quire_read(machine_, "/proc/nothing", nullptr, 0), -ENOENT);
  EXPECT_EQ(quire_read(machine_, nullptr, nullptr, 0), -EINVAL);
  EXPECT_EQ(quire_write(machine_, "/proc/sys/vm/swappiness", "many"), -EINVAL);
  EXPECT_EQ(quire_counter(machine_, "nr_nothing"), -ENOENT);
  EXPECT_EQ(quire_counter(machine_, "free_pages"), -ENOENT);
  quire_machine_destroy(nullptr);
}

TEST_P(CApi, UnknownFlagsSayNothing) {
  quire_page* const page = quire_alloc_pages(machine_, QUIRE_GFP_KERNEL | 0xff800000u, 0);
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(quire_free_pages(machine_, page, 0), 0);
}

TEST_P(CApi, PagesOfOthersAreNotTouched) {
  quire_machine* const other = quire_machine_create_from_text(kTwoNodes, nullptr, nullptr, 0);
  quire_page* const page = quire_alloc_pages(other, QUIRE_GFP_KERNEL, 0);
  EXPECT_EQ(quire_free_pages(machine_, page, 0), -EINVAL);
  EXPECT_EQ(quire_page_to_pfn(machine_, page), -EINVAL);
  EXPECT_EQ(quire_page_zone(machine_, page), nullptr);
  const auto inside = reinterpret_cast<quire_page*>(reinterpret_cast<char*>(page) + 1);
  EXPECT_EQ(quire_free_pages(other, inside, 0), -EINVAL);
  EXPECT_EQ(quire_free_pages(other, page, 0), 0);
  quire_machine_destroy(other);
}

TEST_P(CApi, FreeingTwiceIsReportedAndGoesOn) {
  quire_page* const page = quire_alloc_pages(machine_, QUIRE_GFP_KERNEL, 3);
  EXPECT_EQ(quire_free_pages(machine_, page, 2), -EINVAL);
  EXPECT_EQ(quire_free_pages(machine_, page, 3), 0);
  EXPECT_EQ(quire_free_pages(machine_, page, 3), -EINVAL);
  EXPECT_EQ(quire_split_page(machine_, page, 3), -EINVAL);
  bool reported = false;
  for (const std::string& line : log_) reported |= line.starts_with("BUG: Bad page state");
  EXPECT_TRUE(reported);
}

TEST_P(CApi, BulkFillsWhatIsEmpty) {
  quire_page* pages[64] = {};
  pages[5] = quire_alloc_pages(machine_, QUIRE_GFP_KERNEL, 0);
  quire_page* const kept = pages[5];
  EXPECT_EQ(quire_alloc_pages_bulk(machine_, QUIRE_GFP_KERNEL, 64, pages), 64);
  EXPECT_EQ(pages[5], kept);
  for (quire_page* page : pages) EXPECT_EQ(quire_free_pages(machine_, page, 0), 0);
}

TEST_P(CApi, FilesAreReadAsSnprintfDoesAndWrittenAsEchoDoes) {
  EXPECT_EQ(quire_write(machine_, "/proc/sys/vm/min_free_kbytes", "8192\n"), 5);
  char text[4];
  EXPECT_EQ(quire_read(machine_, "proc/sys/vm/min_free_kbytes", text, sizeof text), 5);
  EXPECT_STREQ(text, "819");
}

TEST(CApiMemory, ComesOnlineAndGoesAgain) {
  const std::string hotplug = R"(cpus = 1
[[firmware]]
start = 0x100000
size = "127M"
type = "usable"
[[affinity]]
start = 0x100000
size = "127M"
node = 0
[[affinity]]
start = "0x100000000"
size = "1G"
node = 0
hotplug = true
)";
  char error[200] = "";
  quire_machine* const machine =
      quire_machine_create_from_text(hotplug.c_str(), &kNative, error, sizeof error);
  ASSERT_NE(machine, nullptr) << error;
  const quire_range range{uint64_t{4} << 30, uint64_t{128} << 20};
  ASSERT_EQ(quire_add_memory(machine, 0, &range), 0) << quire_last_error();
  EXPECT_EQ(quire_add_memory(machine, 0, &range), -EEXIST);
  const char* const state = "/sys/devices/system/memory/memory32/state";
  EXPECT_EQ(quire_write(machine, state, "online\n"), 7);
  quire_page* const page = quire_alloc_pages(machine, QUIRE_GFP_KERNEL, 0);
  EXPECT_STREQ(quire_page_zone(machine, page), "Normal");
  EXPECT_EQ(quire_virt_to_page(machine, quire_page_address(machine, page)), page);
  EXPECT_EQ(quire_remove_memory(machine, &range), -EBUSY);
  EXPECT_EQ(quire_free_pages(machine, page, 0), 0);
  EXPECT_EQ(quire_write(machine, state, "offline"), 7);
  EXPECT_EQ(quire_remove_memory(machine, &range), 0);
  EXPECT_EQ(quire_remove_memory(machine, &range), -ENOENT);
  EXPECT_EQ(quire_add_memory(nullptr, 0, &range), -EINVAL);
  EXPECT_EQ(quire_add_memory(machine, 0, nullptr), -EINVAL);
  quire_machine_destroy(machine);
}

TEST(CApiErrors, AreToldWhenAMachineCannotBeMade) {
  char error[200] = "";
  EXPECT_EQ(quire_machine_create_from_text("ram = 5x", nullptr, error, sizeof error), nullptr);
  EXPECT_NE(std::string(error).find("machine:1"), std::string::npos) << error;
  EXPECT_EQ(quire_machine_create_from_file("/nowhere.toml", nullptr, error, 8), nullptr);
  EXPECT_EQ(std::string(error).size(), 7u);
  quire_options odd = kNative;
  odd.size = 3;
  EXPECT_EQ(quire_machine_create_from_text(kTwoNodes, &odd, nullptr, 0), nullptr);
  odd = kNative;
  odd.host = 9;
  EXPECT_EQ(quire_machine_create_from_text(kTwoNodes, &odd, nullptr, 0), nullptr);
}

TEST(CApi, PagesOfASimulatedMachineAreZeroedWhenThatIsAskedFor) {
  quire_machine* const machine = quire_machine_create_from_text(kTwoNodes, nullptr, nullptr, 0);
  quire_page* page = quire_alloc_pages(machine, QUIRE_GFP_KERNEL, 0);
  ASSERT_NE(page, nullptr);
  auto* const byte = static_cast<unsigned char*>(quire_page_address(machine, page));
  *byte = 1;
  EXPECT_EQ(quire_free_pages(machine, page, 0), 0);
  page = quire_get_zeroed_page(machine, QUIRE_GFP_KERNEL);
  EXPECT_EQ(quire_page_address(machine, page), byte);
  EXPECT_EQ(*byte, 0);
  EXPECT_EQ(quire_free_pages(machine, page, 0), 0);
  quire_machine_destroy(machine);
}

void expect_well(const char* (*scenario)(quire_machine*)) {
  quire_machine* const machine = quire_machine_create_from_text(kTwoNodes, &kNative, nullptr, 0);
  ASSERT_NE(machine, nullptr);
  const char* const wrong = scenario(machine);
  EXPECT_EQ(wrong, nullptr) << wrong;
  quire_machine_destroy(machine);
}

TEST(CApiInC, TheNamesOfLinuxWorkOnTheAttachedMachine) { expect_well(quire_c_linux_names); }
TEST(CApiInC, PerCpuVariablesHaveAPieceOnEachCpu) { expect_well(quire_c_percpu); }
TEST(CApiInC, ObjectsAndMemoryOfAnySizeComeByLinuxsNames) { expect_well(quire_c_slab); }
TEST(CApiInC, MemoryAtTheMachinesAddressesComesByLinuxsNames) { expect_well(quire_c_vmalloc); }

TEST(CApiThreads, AnAttachedThreadMayOutliveItsMachine) {
  quire_machine* machine = quire_machine_create_from_text(kTwoNodes, &kNative, nullptr, 0);
  ASSERT_EQ(quire_attach(machine, 0), 0);
  std::thread other([&] { quire_machine_destroy(machine); });
  other.join();
  machine = quire_machine_create_from_text(kTwoNodes, &kNative, nullptr, 0);
  quire_page* const page = quire_alloc_pages(machine, QUIRE_GFP_KERNEL, 0);
  EXPECT_EQ(quire_free_pages(machine, page, 0), 0);
  quire_machine_destroy(machine);
}

}  // namespace
