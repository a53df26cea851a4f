// Faults of some VMAs while other threads change their neighbours: nobody waits who need not, and
// every byte is what its thread wrote.
#include <algorithm>

#include "tests/native/process_threads.hpp"

namespace quire {
namespace {

constexpr unsigned kWorkers = 2;
constexpr std::uint64_t kPages = 24;  // of a worker's mapping, and of the hole behind it

class VmaLockThreads : public ProcessThreads {
 protected:
  static VirtRange part(unsigned worker) { return range({2 * kPages * worker, kPages}); }
  static VirtRange hole_behind(unsigned worker) {
    return {part(worker).end, part(worker + 1).start};
  }

  // Touches a mapping of its own, over and over anew.
  void work(ProcessThread& thread, unsigned worker) {
    Random random(worker + 1);
    const VirtRange mine = part(worker);
    std::vector<std::uint64_t> expected(kPages, 0);
    for (unsigned round = 0; round < 300; ++round) {
      for (unsigned i = 0; i < 8; ++i) {
        const std::uint64_t page = random.below(kPages);
        const VirtAddr at = mine.start + size_of(PageCount{page});
        std::uint64_t seen = 1;
        thread.read(at, seen);
        ASSERT_EQ(seen, expected[page]) << "worker " << worker << ", round " << round;
        expected[page] = (std::uint64_t{worker} << 32) + round + 1;
        thread.write(at, expected[page]);
      }
      if (round % 4 != 0) continue;
      // A new mapping looks beside it for whose pages it could go on with.
      if (round % 8 != 0) {
        ASSERT_TRUE(thread.map(mine, kReadWrite).has_value());
      } else {
        ASSERT_TRUE(do_madvise(thread.caller(), mine.start, mine.length(), Advice::kDontNeed));
      }
      std::ranges::fill(expected, 0);
    }
  }
  // What is mapped into a hole may become one with the mappings on its sides, and is cut out again.
  static void change(ProcessThread& thread, Random& random) {
    const VirtRange hole = hole_behind(static_cast<unsigned>(random.below(kWorkers)));
    const std::uint64_t first = random.below(kPages);
    const VirtAddr from = hole.start + size_of(PageCount{first});
    const VirtRange range{from, from + size_of(PageCount{1 + random.below(kPages - first)})};
    const std::uint64_t write = random.below(3) == 0 ? 0 : prot::kWrite;
    ASSERT_TRUE(thread.map(range, prot::kRead | write).has_value());
    if (write != 0) {
      const std::uint64_t word = random.below(1000) + 1;
      std::uint64_t seen = 0;
      thread.write(range.start, word);
      thread.read(range.start, seen);
      ASSERT_EQ(seen, word);
    }
    if (random.below(2) == 0) {
      ASSERT_TRUE(do_mprotect(thread.caller(), range.start, range.length(), prot::kRead));
    }
    if (random.below(3) != 0) {
      ASSERT_TRUE(do_munmap(thread.caller(), range.start, range.length()));
    }
  }
  void change_all(ProcessThread& thread) {
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

  std::atomic<unsigned> working_ = kWorkers;
};

TEST_F(VmaLockThreads, BytesAreTheirThreadsWhileNeighboursComeAndGo) {
  on_threads(1, [](ProcessThread& thread, unsigned) {
    for (unsigned i = 0; i <= kWorkers; ++i)
      ASSERT_TRUE(thread.map(part(i), kReadWrite).has_value());
  });
  on_threads(kWorkers + 1, [&](ProcessThread& thread, unsigned number) {
    if (number == kWorkers) return change_all(thread);
    work(thread, number);
    working_.fetch_sub(1);
  });
  EXPECT_EQ(process_->mm->vmas.fault(), nullptr);
}

TEST_F(VmaLockThreads, AFaultWaitsForNobodyWhoChangesOtherVmas) {
  CpuPool pool(machine_.cpus());
  ProcessThread thread(*floor_, pool, *process_);
  for (unsigned i = 0; i < 2; ++i) ASSERT_TRUE(thread.map(part(i), kReadWrite).has_value());
  thread.write(part(0).start, 7);
  Mm& mm = *process_->mm;
  const MmapWriteGuard changing(mm);
  start_write(*mm.vmas.at(part(1).start));
  EXPECT_EQ(VmaReadGuard(mm, part(1).start).vma(), nullptr) << "it is being changed";
  EXPECT_EQ(VmaReadGuard(mm, part(0).end).vma(), nullptr) << "nothing is there";
  // Ends although mmap_lock is held all the while.
  std::thread([&] {
    ProcessThread other(*floor_, pool, *process_);
    for (std::uint64_t page = 0; page < kPages; ++page)
      other.write(part(0).start + size_of(PageCount{page}), 7);
  }).join();
}

TEST_F(VmaLockThreads, AChangeWaitsUntilFaultsHaveLeftItsVma) {
  CpuPool pool(machine_.cpus());
  ProcessThread thread(*floor_, pool, *process_);
  ASSERT_TRUE(thread.map(part(0), kReadWrite).has_value());
  std::atomic<bool> unmapped = false;
  std::atomic<bool> held = false;
  std::thread holder([&] {
    ProcessThread other(*floor_, pool, *process_);
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
