// Caches under real threads: objects cross CPUs and nodes while others drain and shrink.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

#include "hosts/native/cpu_pool.hpp"
#include "hosts/native/native_host.hpp"
#include "hosts/sim/random.hpp"
#include "tests/support/audited.hpp"

namespace quire {
namespace {

// Two nodes of 128 MiB with two CPUs each.
MachineSpec two_node_machine() {
  static constexpr FirmwareRange kMap[] = {
      {{PhysAddr{0x100000}, PhysAddr{0x10000000}}, FirmwareType::kUsable}};
  static constexpr AffinityRange kAffinity[] = {
      {{PhysAddr{0}, PhysAddr{0x8000000}}, NodeId{0}},
      {{PhysAddr{0x8000000}, PhysAddr{0x10000000}}, NodeId{1}}};
  static constexpr NodeId kCpus[] = {NodeId{0}, NodeId{0}, NodeId{1}, NodeId{1}};
  MachineSpec spec;
  spec.firmware_map = kMap;
  spec.affinity = kAffinity;
  spec.cpu_nodes = kCpus;
  spec.profile.init_on_alloc = false;
  return spec;
}

class SlabThreads : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(machine_.boot(two_node_machine()).has_value());
    const OnCpu on_cpu(machine_.cpus().front());
    const auto made = machine_.slabs().create({.name = "shared", .shape = {.size = 72}});
    ASSERT_TRUE(made.has_value());
    cache_ = *made;
  }
  void TearDown() override {
    const OnCpu on_cpu(machine_.cpus().front());
    EXPECT_FALSE(cache_->shrink());
    EXPECT_TRUE(audited(machine_));
  }

  void swap_box(std::vector<void*>& mine) {
    const std::lock_guard guard(box_mutex_);
    mine.swap(box_);
  }
  // Takes and writes objects, hands them to whoever comes next, and frees what others took.
  void work(CpuPool& pool, std::uint64_t seed) {
    CpuClaim claim(pool);
    Random random(seed);
    std::vector<void*> mine;
    for (unsigned round = 0; round < 400; ++round) {
      {
        const CpuUse use(claim);
        const unsigned count = 1 + random.below(150);
        for (unsigned i = 0; i < count; ++i) {
          const NodeId node = random.below(8) == 0 ? NodeId{1} : kNoNode;
          void* const object = i % 2 == 0 ? cache_->alloc_node(Gfp::kKernel, node)
                                          : machine_.kmalloc().alloc(72, Gfp::kKernel);
          ASSERT_NE(object, nullptr);
          std::memset(object, static_cast<int>(reinterpret_cast<std::uintptr_t>(object) >> 3), 72);
          mine.push_back(object);
        }
      }
      swap_box(mine);
      const CpuUse use(claim);
      for (void* const object : mine) check_and_free(object);
      mine.clear();
    }
  }
  void check_and_free(void* object) {
    const auto stamp =
        static_cast<unsigned char>(reinterpret_cast<std::uintptr_t>(object) >> 3);
    for (unsigned i = 0; i < 72; ++i)
      ASSERT_EQ(static_cast<unsigned char*>(object)[i], stamp);
    machine_.kmalloc().free(object);
  }
  void run(unsigned threads, bool with_drains) {
    CpuPool pool(machine_.cpus());
    std::vector<std::thread> all;
    std::atomic<unsigned> working = threads;
    for (unsigned i = 0; i < threads; ++i)
      all.emplace_back([&, i] {
        work(pool, i + 1);
        --working;
      });
    if (with_drains) {
      CpuClaim claim(pool);
      while (working != 0) {
        const CpuUse use(claim);
        for (unsigned cpu = 0; cpu < 4; ++cpu)
          cache_->drain_cpu(CpuId{static_cast<std::uint16_t>(cpu)});
        cache_->shrink();
      }
    }
    for (std::thread& thread : all) thread.join();
    const OnCpu on_cpu(machine_.cpus().front());
    for (void* const object : box_) check_and_free(object);
    box_.clear();
  }

  NativeHost host_;
  Machine machine_{host_};
  KmemCache* cache_ = nullptr;
  std::mutex box_mutex_;
  std::vector<void*> box_;
};

TEST_F(SlabThreads, ObjectsCrossCpusAndNodesAndNoneIsLost) { run(4, false); }
TEST_F(SlabThreads, SheavesAreTakenFromCpusThatAreBusy) { run(3, true); }
TEST_F(SlabThreads, ThreadsThatShareACpuShareItsSheaves) { run(7, true); }

TEST_F(SlabThreads, CachesAreMadeAndDestroyedBesideThoseInUse) {
  CpuPool pool(machine_.cpus());
  std::thread other([&] { work(pool, 1); });
  {
    CpuClaim claim(pool);
    for (unsigned i = 0; i < 200; ++i) {
      const CpuUse use(claim);
      const auto made = machine_.slabs().create({.name = "passing", .shape = {.size = 100}});
      ASSERT_TRUE(made.has_value());
      void* const object = (*made)->alloc(Gfp::kKernel);
      ASSERT_NE(object, nullptr);
      (*made)->free(object);
      ASSERT_TRUE(machine_.slabs().destroy(**made).has_value());
    }
  }
  other.join();
  const OnCpu on_cpu(machine_.cpus().front());
  for (void* const object : box_) check_and_free(object);
  box_.clear();
}

}  // namespace
}  // namespace quire
