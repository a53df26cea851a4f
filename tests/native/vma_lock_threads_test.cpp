// Faults of some VMAs while other threads change their neighbours: nobody waits who need not, and
// every byte is what its thread wrote.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "hosts/native/cpu_pool.hpp"
#include "hosts/native/native_host.hpp"
#include "hosts/sim/random.hpp"
#include "mm/mm.hpp"
#include "tests/support/audited.hpp"
#include "tests/support/small_machine.hpp"

namespace quire {
namespace {

constexpr unsigned kWorkers = 2;
constexpr std::uint64_t kPages = 24;  // of a worker's mapping, and of the hole behind it
constexpr VirtAddr kBase{0x10000000000};

// One thread of the process, on its CPU.
class Thread {
 public:
  Thread(ProcessFloor& floor, CpuPool& pool, Mm& mm) : floor_(floor), claim_(pool), use_(claim_) {
    self.mm = &mm;
    floor_.processes().run(self);
  }
  ~Thread() { floor_.processes().stop(claim_.cpu()); }
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  void write(VirtAddr at, std::span<const std::uint64_t> words) {
    ASSERT_TRUE(floor_.memory().write(self, at, std::as_bytes(words)).has_value());
  }
  void read(VirtAddr at, std::span<std::uint64_t> words) {
    ASSERT_TRUE(floor_.memory().read(self, at, std::as_writable_bytes(words)).has_value());
  }
  Caller caller() { return floor_.caller(self); }
  Result<VirtAddr> map(VirtRange range, std::uint64_t prot) {
    return do_mmap(caller(), {.address = range.start,
                              .length = range.length(),
                              .prot = prot,
                              .flags = map::kPrivate | map::kAnonymous | map::kFixed});
  }

  Process self;

 private:
  ProcessFloor& floor_;
  CpuClaim claim_;
  CpuUse use_;
};

class VmaLockThreads : public testing::Test {
 protected:
  static VirtRange part(unsigned worker) {
    const VirtAddr at = kBase + size_of(PageCount{2 * kPages * worker});
    return {at, at + size_of(PageCount{kPages})};
  }
  static VirtRange hole_behind(unsigned worker) {
    return {part(worker).end, part(worker + 1).start};
  }

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
    floor_->processes().exit(*process_);
    EXPECT_TRUE(audited(machine_));
  }

  // Touches a mapping of its own, over and over anew.
  void work(CpuPool& pool, unsigned worker) {
    Thread thread(*floor_, pool, *process_->mm);
    Random random(worker + 1);
    const VirtRange mine = part(worker);
    std::vector<std::uint64_t> expected(kPages, 0);
    for (unsigned round = 0; round < 300; ++round) {
      for (unsigned i = 0; i < 8; ++i) {
        const std::uint64_t page = random.below(kPages);
        const VirtAddr at = mine.start + size_of(PageCount{page});
        std::uint64_t seen = 1;
        thread.read(at, {&seen, 1});
        ASSERT_EQ(seen, expected[page]) << "worker " << worker << ", round " << round;
        expected[page] = (std::uint64_t{worker} << 32) + round + 1;
        thread.write(at, {&expected[page], 1});
      }
      if (round % 16 != 0) continue;
      ASSERT_TRUE(do_madvise(thread.caller(), mine.start, mine.length(), Advice::kDontNeed));
      std::ranges::fill(expected, 0);
    }
    working_.fetch_sub(1);
  }
  // What is mapped into a hole may become one with the mappings on its sides, and is cut out again.
  void change(Thread& thread, Random& random) {
    const VirtRange hole = hole_behind(static_cast<unsigned>(random.below(kWorkers)));
    const std::uint64_t first = random.below(kPages);
    const VirtAddr from = hole.start + size_of(PageCount{first});
    const VirtRange range{from, from + size_of(PageCount{1 + random.below(kPages - first)})};
    const std::uint64_t write = random.below(3) == 0 ? 0 : prot::kWrite;
    ASSERT_TRUE(thread.map(range, prot::kRead | write).has_value());
    if (write != 0) {
      const std::uint64_t word = random.below(1000) + 1;
      std::uint64_t seen = 0;
      thread.write(range.start, {&word, 1});
      thread.read(range.start, {&seen, 1});
      ASSERT_EQ(seen, word);
    }
    if (random.below(2) == 0) {
      ASSERT_TRUE(do_mprotect(thread.caller(), range.start, range.length(), prot::kRead));
    }
    if (random.below(3) != 0) {
      ASSERT_TRUE(do_munmap(thread.caller(), range.start, range.length()));
    }
  }

  NativeHost host_;
  Machine machine_{host_};
  ProcessFloor* floor_ = nullptr;
  Process* process_ = nullptr;
  std::atomic<unsigned> working_ = kWorkers;
};

TEST_F(VmaLockThreads, BytesAreTheirThreadsWhileNeighboursComeAndGo) {
  CpuPool pool(machine_.cpus());
  {
    Thread thread(*floor_, pool, *process_->mm);
    for (unsigned i = 0; i <= kWorkers; ++i)
      ASSERT_TRUE(thread.map(part(i), prot::kRead | prot::kWrite).has_value());
  }
  std::vector<std::thread> workers;
  for (unsigned i = 0; i < kWorkers; ++i) workers.emplace_back([&, i] { work(pool, i); });
  {
    Thread thread(*floor_, pool, *process_->mm);
    Random random(99);
    for (unsigned step = 0; working_ != 0 || step < 200; ++step) {
      change(thread, random);
      if (HasFatalFailure()) break;
      if (step % 50 != 49) continue;
      // Writes of the parent after it find its pages read-only, and copy them.
      const auto child = floor_->processes().fork(thread.self);
      ASSERT_TRUE(child.has_value());
      floor_->processes().exit(**child);
    }
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(process_->mm->vmas.fault(), nullptr);
}

TEST_F(VmaLockThreads, AFaultWaitsForNobodyWhoChangesOtherVmas) {
  CpuPool pool(machine_.cpus());
  Thread thread(*floor_, pool, *process_->mm);
  for (unsigned i = 0; i < 2; ++i)
    ASSERT_TRUE(thread.map(part(i), prot::kRead | prot::kWrite).has_value());
  const std::uint64_t word = 7;
  thread.write(part(0).start, {&word, 1});
  Mm& mm = *process_->mm;
  const MmapWriteGuard changing(mm);
  start_write(*mm.vmas.at(part(1).start));
  EXPECT_EQ(VmaReadGuard(mm, part(1).start).vma(), nullptr) << "it is being changed";
  EXPECT_EQ(VmaReadGuard(mm, part(0).end).vma(), nullptr) << "nothing is there";
  // Ends although mmap_lock is held all the while.
  std::thread([&] {
    Thread other(*floor_, pool, mm);
    for (std::uint64_t page = 0; page < kPages; ++page)
      other.write(part(0).start + size_of(PageCount{page}), {&word, 1});
  }).join();
}

TEST_F(VmaLockThreads, AChangeWaitsUntilFaultsHaveLeftItsVma) {
  CpuPool pool(machine_.cpus());
  Thread thread(*floor_, pool, *process_->mm);
  ASSERT_TRUE(thread.map(part(0), prot::kRead | prot::kWrite).has_value());
  std::atomic<bool> unmapped = false;
  std::atomic<bool> held = false;
  std::thread holder([&] {
    Thread other(*floor_, pool, *process_->mm);
    const VmaReadGuard guard(*process_->mm, part(0).start);
    EXPECT_NE(guard.vma(), nullptr);
    held = true;
    // Until the change is under way: then nobody enters the VMA any more.
    while (VmaReadGuard(*process_->mm, part(0).start).vma() != nullptr) host_.yield();
    EXPECT_FALSE(unmapped);
  });
  while (!held) host_.yield();
  ASSERT_TRUE(do_munmap(thread.caller(), part(0).start, part(0).length()));
  unmapped = true;
  holder.join();
}

}  // namespace
}  // namespace quire
