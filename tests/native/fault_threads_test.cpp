// Threads of one process that use the same pages, while these are taken away, protected, forked and
// cut off from their file: whoever reads sees what somebody wrote there, or zeros.
#include <unistd.h>

#include <array>
#include <barrier>
#include <cstdlib>
#include <cstring>

#include "hosts/native/native_file.hpp"
#include "tests/native/process_threads.hpp"

namespace quire {
namespace {

constexpr std::uint64_t kSharedPages = 12;
constexpr unsigned kUseRounds = 1500;

// A word that says which page it was written to.
struct PageTag {
  std::uint64_t page;

  [[nodiscard]] std::uint64_t word(std::uint64_t more) const { return (page + 1) << 32 | more; }
  [[nodiscard]] bool is_in(std::uint64_t word) const {
    return word == 0 || word >> 32 == page + 1;
  }
};

class FaultThreads : public ProcessThreads {
 protected:
  // One access of one of the pages, which may not be there.
  static void use(ProcessThread& thread, Random& random) {
    const std::uint64_t number = random.below(kSharedPages);
    if (random.below(2) == 0) {
      static_cast<void>(thread.try_write(page(number), PageTag{number}.word(random.below(1000))));
      return;
    }
    std::uint64_t seen = 0;
    if (thread.try_read(page(number), seen)) {
      ASSERT_TRUE(PageTag{number}.is_in(seen)) << "page " << number << " has " << seen;
    }
  }
  // One call on some of them.
  static void call(ProcessThread& thread, Random& random) {
    const std::uint64_t first = random.below(kSharedPages);
    const VirtRange some = range({first, 1 + random.below(kSharedPages - first)});
    const Caller caller = thread.caller();
    switch (random.below(8)) {
      case 0: {
        const VirtRange gone = random.below(2) != 0 ? some : range({0, kSharedPages});
        ASSERT_TRUE(do_munmap(caller, gone.start, gone.length()).has_value());
        ASSERT_TRUE(thread.map(gone, kReadWrite).has_value());
        return;
      }
      case 1:
        static_cast<void>(do_mprotect(caller, some.start, some.length(), prot::kRead));
        static_cast<void>(do_mprotect(caller, some.start, some.length(), kReadWrite));
        return;
      case 2:
        // A whole process of its own that writes to what it shares.
        if (const auto child = thread.floor.processes().fork(thread.self); child.has_value()) {
          const std::byte byte{0};
          static_cast<void>(thread.floor.memory().write(**child, page(first), {&byte, 1}));
          thread.floor.processes().exit(**child);
        }
        return;
      case 3:
        static_cast<void>(do_madvise(caller, some.start, some.length(), Advice::kFree));
        return;
      case 4:
        static_cast<void>(do_mlock(caller, some.start, some.length()));
        static_cast<void>(do_munlock(caller, some.start, some.length()));
        return;
      case 5:
        static_cast<void>(do_madvise(caller, some.start, some.length(), Advice::kPopulateWrite));
        return;
      default:
        static_cast<void>(do_madvise(caller, some.start, some.length(), Advice::kDontNeed));
    }
  }
};

TEST_F(FaultThreads, PagesThatOthersTakeAwayAreNeverSomebodyElses) {
  on_threads(1, [](ProcessThread& thread, unsigned) {
    ASSERT_TRUE(thread.map(range({0, kSharedPages}), kReadWrite).has_value());
  });
  on_threads(3, [&](ProcessThread& thread, unsigned number) {
    Random random(number + 1);
    for (unsigned i = 0; i < kUseRounds && !HasFatalFailure(); ++i) {
      use(thread, random);
      if (i % (number + 2) == 0) call(thread, random);
    }
  });
}

// Of a page that is pinned, a write by the program is one to that very page, whoever forks; and
// the child's copy of it is of one moment.
TEST_F(FaultThreads, APageThatIsPinnedWhileOthersForkStaysTheProcesssOwn) {
  constexpr std::uint64_t kPages = 256;  // so that a fork lasts
  using Bytes4k = std::array<std::byte, kPageSize.raw()>;
  const auto all_the_same = [](const Bytes4k& bytes) {
    return std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
  };
  on_threads(1, [&](ProcessThread& thread, unsigned) {
    ASSERT_TRUE(thread.map(range({0, kPages}), kReadWrite).has_value());
    for (std::uint64_t i = 0; i < kPages; ++i) thread.write(page(i), 0);
  });
  std::atomic<bool> done = false;
  on_threads(2, [&](ProcessThread& thread, unsigned number) {
    Random random(number + 1);
    Bytes4k bytes{};
    for (unsigned i = 0; number != 0 && i < 200 && !HasFailure(); ++i) {
      Process& child = **thread.floor.processes().fork(thread.self);
      for (std::uint64_t at = 0; at < kPages; at += 8) {
        EXPECT_TRUE(thread.floor.memory().read(child, page(at), bytes).has_value());
        EXPECT_TRUE(all_the_same(bytes)) << "page " << at << " was copied while it changed";
      }
      thread.floor.processes().exit(child);
    }
    if (number != 0) done = true;
    for (unsigned i = 0; !done && !HasFailure(); ++i) {
      Page* pinned = nullptr;
      const VirtAddr at = page(random.below(kPages / 8) * 8);
      const auto had = pin_user_pages_fast(thread.floor.faults(), *thread.self.mm,
                                           {at, Foll::kWrite, {&pinned, 1}});
      EXPECT_TRUE(had.has_value());
      bytes.fill(static_cast<std::byte>(i));
      EXPECT_TRUE(thread.floor.memory().write(thread.self, at, bytes).has_value());
      EXPECT_EQ(std::memcmp(machine_.map().content_of(*pinned), bytes.data(), bytes.size()), 0);
      unpin_user_pages(thread.self.mm->parts, {&pinned, 1}, Written::kYes);
    }
  });
}

// A real file of kSharedPages, each of which begins with its own word.
class FileFaultThreads : public FaultThreads {
 protected:
  void SetUp() override {
    FaultThreads::SetUp();
    char name[] = "/tmp/quire-faults-XXXXXX";
    descriptor_ = mkstemp(name);
    ASSERT_GE(descriptor_, 0);
    unlink(name);
    for (std::uint64_t i = 0; i < kSharedPages; ++i) {
      const std::uint64_t word = PageTag{i}.word(0);
      ASSERT_EQ(pwrite(descriptor_, &word, sizeof word, static_cast<off_t>(i << kPageShift)),
                ssize_t{sizeof word});
    }
    ASSERT_EQ(ftruncate(descriptor_, static_cast<off_t>(kSharedPages << kPageShift)), 0);
    const OnCpu on_cpu(machine_.cpus().front());
    floor_->cache().open(mapping_.emplace(floor_->file_nodes(), &disk_.emplace(descriptor_),
                                          size_of(PageCount{kSharedPages})));
    vmas_.emplace(*mapping_);
    file_.emplace(*mapping_, File::Mode{}, "/data", nullptr);
  }
  void TearDown() override {
    {
      const OnCpu on_cpu(machine_.cpus().front());
      floor_->processes().exit(*std::exchange(process_, nullptr));
      floor_->cache().evict(*mapping_);
    }
    FaultThreads::TearDown();
    close(descriptor_);
  }
  // Shorter and longer by whole pages: within a page, zeros and writes have no order.
  void resize(Random& random) {
    ASSERT_TRUE(
        floor_->cache().truncate(*mapping_, size_of(PageCount{random.below(kSharedPages + 1)})));
    if (random.below(4) == 0) floor_->cache().drop_caches();
  }

  int descriptor_ = -1;
  std::optional<NativeFile> disk_;
  std::optional<Mapping> mapping_;
  std::optional<FileVmas> vmas_;
  std::optional<File> file_;
};

TEST_F(FileFaultThreads, AFileThatShrinksAndGrowsShowsItsOwnBytesOrZeros) {
  on_threads(1, [&](ProcessThread& thread, unsigned) {
    const VirtRange all = range({0, kSharedPages});
    ASSERT_TRUE(thread.map(all, kReadWrite, &*file_, map::kShared).has_value());
  });
  on_threads(3, [&](ProcessThread& thread, unsigned number) {
    Random random(number + 1);
    for (unsigned i = 0; i < kUseRounds && !HasFatalFailure(); ++i) {
      if (number == 2) {
        resize(random);
        continue;
      }
      use(thread, random);
      const VirtRange all = range({0, kSharedPages});
      if (i % 64 != 0) continue;
      // At once shared, private and shared again.
      const std::uint64_t type = i % 128 == 0 ? map::kPrivate : map::kShared;
      ASSERT_TRUE(thread.map(all, kReadWrite, &*file_, type).has_value());
    }
  });
}

TEST_F(FileFaultThreads, APrivateCopyOfWhatIsCutOffGoesWithIt) {
  std::barrier both(2);
  on_threads(2, [&](ProcessThread& thread, unsigned number) {
    if (number == 0) {
      EXPECT_TRUE(thread.map(range({0, 1}), kReadWrite, &*file_, map::kPrivate).has_value());
    }
    for (unsigned i = 0; i < 300; ++i) {
      both.arrive_and_wait();
      if (number == 1) {
        EXPECT_TRUE(floor_->cache().truncate(*mapping_, Bytes{}).has_value());
      } else {
        static_cast<void>(thread.try_write(page(0), i));
      }
      both.arrive_and_wait();
      if (number == 1) continue;
      std::uint64_t word = 0;
      EXPECT_FALSE(thread.try_read(page(0), word)) << "round " << i;
      EXPECT_TRUE(floor_->cache().truncate(*mapping_, kPageSize).has_value());
    }
  });
}

// Copies of its pages that processes have of their own go with the end of a file, pinned or not,
// and those that a fork makes meanwhile as well.
TEST_F(FileFaultThreads, PinnedCopiesOfAFileThatShrinksAreForkedOrGone) {
  on_threads(1, [&](ProcessThread& thread, unsigned) {
    ASSERT_TRUE(thread.map(range({0, kSharedPages}), kReadWrite, &*file_).has_value());
  });
  std::atomic<bool> done = false;
  on_threads(3, [&](ProcessThread& thread, unsigned number) {
    Random random(number + 1);
    for (unsigned i = 0; number == 2 && !done; ++i) resize(random);
    for (unsigned i = 0; number == 1 && i < kUseRounds / 3; ++i)
      thread.floor.processes().exit(**thread.floor.processes().fork(thread.self));
    if (number == 1) done = true;
    while (number == 0 && !done && !HasFailure()) {
      const std::uint64_t at = random.below(kSharedPages);
      Page* pinned = nullptr;
      if (!pin_user_pages(thread.floor.faults(), *thread.self.mm,
                          {page(at), Foll::kWrite, {&pinned, 1}})
               .has_value())
        continue;
      static_cast<void>(thread.try_write(page(at), PageTag{at}.word(1)));
      std::uint64_t seen = 0;
      std::memcpy(&seen, machine_.map().content_of(*pinned), sizeof seen);
      EXPECT_TRUE(PageTag{at}.is_in(seen)) << "page " << at << " has " << seen;
      unpin_user_pages(thread.self.mm->parts, {&pinned, 1}, Written::kYes);
    }
  });
}

// A file whose reads last until they are let go.
class GatedFile final : public BlockFile {
 public:
  void read(PageCache& cache, const PageRun& run) override {
    reading = true;
    while (!open) std::this_thread::yield();
    for (Page* const page : run.pages) {
      Arch::clear_page(cache.content_of(*page));
      cache.read_done(*page, {});
    }
  }
  void write(PageCache& cache, const PageRun& run) override {
    for (Page* const page : run.pages) cache.write_done(*page, {});
  }
  Result<void> resize(Bytes) override { return {}; }

  std::atomic<bool> reading = false;
  std::atomic<bool> open = false;
};

TEST_F(FaultThreads, AFaultThatWaitsForADiskKeepsNobodyFromOtherVmas) {
  GatedFile disk;
  Mapping mapping(floor_->file_nodes(), &disk, kPageSize);
  FileVmas vmas(mapping);
  File file(mapping, {}, "/slow", nullptr);
  CpuPool pool(machine_.cpus());
  {
    ProcessThread thread(*floor_, pool, *process_);
    floor_->cache().open(mapping);
    ASSERT_TRUE(thread.map(range({0, 1}), prot::kRead, &file).has_value());
    ASSERT_TRUE(thread.map(range({8, 1}), kReadWrite).has_value());
    std::thread waiter([&] {
      ProcessThread other(*floor_, pool, *process_);
      std::uint64_t seen = 1;
      other.read(page(0), seen);
      EXPECT_EQ(seen, 0u);
    });
    while (!disk.reading) host_.yield();
    // Each ends although the other's fault does not: mapping, faults, unmapping.
    thread.write(page(8), 7);
    EXPECT_TRUE(thread.map(range({4, 2}), kReadWrite).has_value());
    thread.write(page(4), 8);
    EXPECT_TRUE(do_munmap(thread.caller(), page(4), kPageSize * 2).has_value());
    disk.open = true;
    waiter.join();
    EXPECT_TRUE(do_munmap(thread.caller(), page(0), kPageSize).has_value());
    floor_->cache().evict(mapping);
  }
}

}  // namespace
}  // namespace quire
