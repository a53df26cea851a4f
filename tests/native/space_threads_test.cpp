// The model of address spaces (tests/mm/space_model.hpp) on real threads: each with a process of
// its own, forks and all; and two in one address space, each in a range of its own.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "hosts/native/cpu_pool.hpp"
#include "hosts/native/native_host.hpp"
#include "tests/mm/space_file.hpp"
#include "tests/mm/space_model.hpp"
#include "tests/support/audited.hpp"
#include "tests/support/sanitized.hpp"
#include "tests/support/small_machine.hpp"

namespace quire {
namespace {

// Under TSan each step costs ten times as much.
const unsigned kSpaceSteps = under_thread_sanitizer() ? 1500 : 6000;

class SpaceThreads : public testing::Test, public ProcessCalls {
 protected:
  void SetUp() override {
    MachineSpec spec = small_machine();
    spec.profile.frame_content = spec.profile.vma_locks = true;
    ASSERT_TRUE(machine_.boot(spec).has_value());
    const OnCpu on_cpu(machine_.cpus().front());
    const auto made = machine_.processes();
    ASSERT_TRUE(made.has_value());
    floor = *made;
  }

  // As often on `cpu` as there are steps; the model is compared after each.
  void run(SpaceModel& model) {
    for (unsigned i = 0; i < kSpaceSteps; ++i) {
      const SpaceStep step = model.step();
      if (!HasFailure()) model.compare();
      if (!HasFailure() && i % 100 == 99) model.compare_all();
      ASSERT_FALSE(HasFailure()) << "step " << i << ": " << step.line();
    }
  }
  // Runs work(number) on `threads` threads, each on a CPU of its own.
  template <class Work>
  void on_threads(unsigned threads, Work work) {
    CpuPool pool(machine_.cpus());
    std::vector<std::thread> all;
    for (unsigned i = 0; i < threads; ++i)
      all.emplace_back([&, i] {
        CpuClaim claim = *CpuClaim::of(pool, CpuId{static_cast<std::uint16_t>(i)});
        const CpuUse use(claim);
        work(i);
        floor->processes().stop(claim.cpu());
      });
    for (std::thread& thread : all) thread.join();
  }

  NativeHost host_;
  Machine machine_{host_};
};

TEST_F(SpaceThreads, EachInAProcessOfItsOwnSeesItsOwnMemory) {
  on_threads(3, [&](unsigned number) {
    Process& process = create("model");
    const Bytes all = process.mm->layout.task_size - VirtAddr{0};
    ASSERT_TRUE(do_munmap(floor->caller(process), VirtAddr{0}, all).has_value());
    SpaceModel model(*this, process, SpaceSteps(number + 1, SpaceSteps::Family::kHeirs));
    SpaceFile file(*this);
    model.use(file.shown());
    run(model);
    exit(model.last());
  });
  const OnCpu on_cpu(machine_.cpus().front());
  EXPECT_EQ(floor->processes().count(), 0u);
  EXPECT_TRUE(audited(machine_));
}

TEST_F(SpaceThreads, TwoInOneAddressSpaceSeeWhatTheyDoInTheirOwnRanges) {
  std::optional<OnCpu> on_cpu(machine_.cpus().front());
  Process& process = create("two threads");
  process.mm->limits.ipc_lock = true;
  on_cpu.reset();
  on_threads(2, [&](unsigned number) {
    Process task(machine_.kmalloc());  // with counts of its own, and the same memory
    task.task = process.task;
    task.mm = process.mm;
    // Side by side in one table of entries.
    const std::uint64_t first = 0x100000000 + number * 64;
    SpaceModel model(*this, task, SpaceSteps(number + 1, SpaceSteps::Family::kNone, first));
    model.share();
    run(model);
  });
  on_cpu.emplace(machine_.cpus().front());
  EXPECT_TRUE(audited(machine_));
  exit(process);
  EXPECT_TRUE(audited(machine_));
}

}  // namespace
}  // namespace quire
