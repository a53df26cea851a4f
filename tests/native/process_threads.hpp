// A process whose memory several real threads use, each on a CPU of its own.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <span>
#include <thread>
#include <vector>

#include "hosts/native/cpu_pool.hpp"
#include "hosts/native/native_host.hpp"
#include "hosts/sim/random.hpp"
#include "mm/mm.hpp"
#include "tests/support/audited.hpp"
#include "tests/support/small_machine.hpp"

namespace quire {

// One thread of a process, on its CPU.
class ProcessThread {
 public:
  ProcessThread(ProcessFloor& owner, CpuPool& pool, Process& process)
      : self(owner.processes().parts().kmalloc), floor(owner), claim_(pool), use_(claim_) {
    self.mm = process.mm;
    floor.processes().run(self);
  }
  ~ProcessThread() { floor.processes().stop(claim_.cpu()); }
  ProcessThread(const ProcessThread&) = delete;
  ProcessThread& operator=(const ProcessThread&) = delete;

  [[nodiscard]] bool try_write(VirtAddr at, std::uint64_t word) {
    return floor.memory().write(self, at, std::as_bytes(std::span(&word, 1))).has_value();
  }
  [[nodiscard]] bool try_read(VirtAddr at, std::uint64_t& word) {
    return floor.memory().read(self, at, std::as_writable_bytes(std::span(&word, 1))).has_value();
  }
  void write(VirtAddr at, std::uint64_t word) { ASSERT_TRUE(try_write(at, word)); }
  void read(VirtAddr at, std::uint64_t& word) { ASSERT_TRUE(try_read(at, word)); }
  Caller caller() { return floor.caller(self); }
  Result<VirtAddr> map(VirtRange range, std::uint64_t prot, File* file = nullptr,
                       std::uint64_t type = map::kPrivate) {
    const std::uint64_t anonymous = file == nullptr ? map::kAnonymous : 0;
    return do_mmap(caller(), {.address = range.start,
                              .length = range.length(),
                              .prot = prot,
                              .flags = type | anonymous | map::kFixed,
                              .file = file});
  }

  Process self;
  ProcessFloor& floor;

 private:
  CpuClaim claim_;
  CpuUse use_;
};

class ProcessThreads : public testing::Test {
 protected:
  static constexpr VirtAddr kBase{0x10000000000};
  static constexpr std::uint64_t kReadWrite = prot::kRead | prot::kWrite;
  // `count` pages from page `first` behind kBase on.
  struct Pages {
    std::uint64_t first;
    std::uint64_t count;
  };
  static VirtRange range(const Pages& pages) {
    const VirtAddr at = kBase + size_of(PageCount{pages.first});
    return {at, at + size_of(PageCount{pages.count})};
  }
  static VirtAddr page(std::uint64_t number) { return range({number, 1}).start; }

  void SetUp() override {
    MachineSpec spec = small_machine();
    spec.profile.frame_content = spec.profile.vma_locks = true;
    ASSERT_TRUE(machine_.boot(spec).has_value());
    const OnCpu on_cpu(machine_.cpus().front());
    const auto floor = machine_.processes();
    ASSERT_TRUE(floor.has_value());
    floor_ = *floor;
    process_ = *floor_->processes().create({"threads", {}});
    ASSERT_NE(process_, nullptr);
  }
  void TearDown() override {
    const OnCpu on_cpu(machine_.cpus().front());
    if (process_ != nullptr) floor_->processes().exit(*process_);
    EXPECT_TRUE(audited(machine_));
  }
  // work(thread, number) on `count` threads at once.
  template <class Work>
  void on_threads(unsigned count, Work work) {
    CpuPool pool(machine_.cpus());
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < count; ++i)
      threads.emplace_back([&, i] {
        ProcessThread thread(*floor_, pool, *process_);
        work(thread, i);
      });
    for (std::thread& thread : threads) thread.join();
  }

  NativeHost host_;
  Machine machine_{host_};
  ProcessFloor* floor_ = nullptr;
  Process* process_ = nullptr;
};

}  // namespace quire
