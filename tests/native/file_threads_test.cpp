// A real file through the page cache, by real threads: each writes and reads a part of its own,
// while pages are written back and dropped.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <thread>
#include <vector>

#include "hosts/native/cpu_pool.hpp"
#include "hosts/native/native_file.hpp"
#include "hosts/native/native_host.hpp"
#include "hosts/sim/random.hpp"
#include "tests/support/audited.hpp"
#include "tests/support/counters.hpp"
#include "tests/support/small_machine.hpp"

namespace quire {
namespace {

using ByteVector = std::vector<std::byte>;
constexpr std::uint64_t kPart = 5 * kPageSize.raw() + 300;  // so that parts share pages
constexpr unsigned kThreads = 3;

class AmpleLimits final : public DirtyPolicy {
 public:
  DirtyLimits limits() override { return {PageCount{1000}, PageCount{500}}; }
};

class FileThreads : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(machine_.boot(small_machine()).has_value());
    const OnCpu on_cpu(machine_.cpus().front());
    Arena arena(host_);
    ASSERT_TRUE(lru_.emplace(Lru::Parts{machine_.map(), machine_.nodes(), machine_.pages()})
                    .init(arena)
                    .has_value());
    cache_.emplace(PageCache::Parts{machine_.map(), machine_.nodes(), machine_.pages(), *lru_,
                                    limits_});
    const auto nodes = PageCache::make_node_cache(machine_.slabs());
    ASSERT_TRUE(nodes.has_value());
    char name[] = "/tmp/quire-file-XXXXXX";
    descriptor_ = mkstemp(name);
    ASSERT_GE(descriptor_, 0);
    unlink(name);
    backing_.emplace(descriptor_);
    mapping_.emplace(**nodes, &*backing_, Bytes{0});
    cache_->open(*mapping_);
  }
  void TearDown() override { close(descriptor_); }

  void work(CpuPool& pool, unsigned thread) {
    CpuClaim claim(pool);
    Random random(thread + 1);
    File file(*mapping_, {}, "file", nullptr);
    ByteVector& mine = parts_[thread];
    for (unsigned round = 0; round < 400; ++round) {
      const CpuUse use(claim);
      const std::uint64_t at = random.below(kPart);
      const std::uint64_t length = 1 + random.below(kPart - at);
      const Bytes offset{thread * kPart + at};
      const auto place = mine.begin() + static_cast<std::ptrdiff_t>(at);
      if (random.below(2) == 0) {
        const ByteVector bytes(length, static_cast<std::byte>(random.below(256)));
        ASSERT_TRUE(cache_->write(file, {offset, bytes}).has_value());
        std::ranges::copy(bytes, place);
      } else {
        ByteVector bytes(length);
        const auto read = cache_->read(file, {offset, bytes});
        ASSERT_TRUE(read.has_value());
        bytes.resize(read->raw());
        ASSERT_TRUE(std::equal(bytes.begin(), bytes.end(), place));
      }
      if (random.below(10) == 0) {
        ASSERT_TRUE(cache_->fsync(file).has_value());
      }
      if (random.below(10) == 0) cache_->drop_caches();
    }
  }

  NativeHost host_;
  Machine machine_{host_};
  AmpleLimits limits_;
  std::optional<Lru> lru_;
  std::optional<PageCache> cache_;
  std::optional<NativeFile> backing_;
  std::optional<Mapping> mapping_;
  int descriptor_ = -1;
  std::vector<ByteVector> parts_ = std::vector<ByteVector>(kThreads, ByteVector(kPart));
};

TEST_F(FileThreads, EachReadsWhatItWroteAndTheFileHasAllOfItInTheEnd) {
  {
    CpuPool pool(machine_.cpus());
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < kThreads; ++i) threads.emplace_back([&, i] { work(pool, i); });
    for (std::thread& thread : threads) thread.join();
  }
  const OnCpu on_cpu(machine_.cpus().front());
  File file(*mapping_, {}, "file", nullptr);
  EXPECT_TRUE(cache_->fsync(file).has_value());
  ByteVector all(kThreads * kPart);
  const ssize_t got = pread(descriptor_, all.data(), all.size(), 0);
  EXPECT_EQ(static_cast<std::uint64_t>(got), mapping_->size().raw());
  for (unsigned i = 0; i < kThreads; ++i)
    EXPECT_TRUE(std::equal(parts_[i].begin(), parts_[i].end(),
                           all.begin() + static_cast<std::ptrdiff_t>(i * kPart)));
  cache_->evict(*mapping_);
  lru_->drain_all();
  for (const NodeItem item : {NodeItem::kNrFilePages, NodeItem::kNrDirty, NodeItem::kNrWriteback,
                              NodeItem::kNrInactiveFile, NodeItem::kNrActiveFile})
    EXPECT_EQ(exact(machine_, item), 0) << name_of(item);
  EXPECT_TRUE(audited(machine_));
}

// The system refuses writes where a descriptor is for reading alone, and reads where it is for
// writing alone.
TEST_F(FileThreads, WhatTheSystemRefusesIsToldOnceAndNoByteIsLost) {
  const OnCpu on_cpu(machine_.cpus().front());
  const std::string path = "/proc/self/fd/" + std::to_string(descriptor_);
  const int whole = dup(descriptor_);
  const auto use = [&](int flags) {
    const int other = open(path.c_str(), flags | O_CLOEXEC);
    ASSERT_GE(other, 0);
    ASSERT_EQ(dup2(other, descriptor_), descriptor_);
    close(other);
  };
  File file(*mapping_, {}, "file", nullptr);
  File beside(*mapping_, {}, "file", nullptr);
  ByteVector bytes(3 * kPageSize.raw(), std::byte{'a'});
  ASSERT_TRUE(cache_->write(file, {Bytes{0}, bytes}).has_value());
  ASSERT_TRUE(cache_->fsync(file).has_value());

  use(O_RDONLY);
  bytes[kPageSize.raw()] = std::byte{'b'};
  ASSERT_TRUE(cache_->write(file, {Bytes{0}, bytes}).has_value());
  EXPECT_EQ(cache_->fsync(file).error(), Errno::kIo);
  EXPECT_TRUE(cache_->fsync(file).has_value()) << "it has been told";
  EXPECT_EQ(cache_->fsync(beside).error(), Errno::kIo);
  EXPECT_EQ(cache_->truncate(*mapping_, Bytes{100}).error(), Errno::kIo);
  EXPECT_EQ(mapping_->size(), Bytes{bytes.size()});
  ByteVector read(bytes.size());
  ASSERT_TRUE(cache_->read(file, {Bytes{0}, read}).has_value());
  EXPECT_EQ(read, bytes) << "what could not be written is still in memory";

  ASSERT_EQ(dup2(whole, descriptor_), descriptor_);
  ASSERT_TRUE(cache_->write(file, {Bytes{0}, bytes}).has_value());
  ASSERT_TRUE(cache_->fsync(file).has_value());
  cache_->drop_caches();
  use(O_WRONLY);
  EXPECT_EQ(cache_->read(file, {Bytes{0}, read}).error(), Errno::kIo);
  ASSERT_EQ(dup2(whole, descriptor_), descriptor_);
  std::ranges::fill(read, std::byte{0});
  ASSERT_TRUE(cache_->read(file, {Bytes{0}, read}).has_value());
  EXPECT_EQ(read, bytes) << "read again once it can be";
  close(whole);
  cache_->evict(*mapping_);
  lru_->drain_all();
  EXPECT_TRUE(audited(machine_));
}

// As a program does that has the page mapped: it takes no lock of the page.
TEST_F(FileThreads, APageThatIsWrittenToWhileItIsWrittenBackIsWrittenAgain) {
  constexpr unsigned kRounds = 100'000;
  Page* page = nullptr;
  CpuPool pool(machine_.cpus());
  {
    CpuClaim claim(pool);
    const CpuUse use(claim);
    File file(*mapping_, {}, "file", nullptr);
    ASSERT_TRUE(cache_->write(file, {Bytes{0}, ByteVector(kPageSize.raw())}).has_value());
    page = cache_->find(*mapping_, 0);
  }
  std::atomic<bool> done = false;
  std::thread writer([&] {
    CpuClaim claim(pool);
    const CpuUse use(claim);
    auto* const word = reinterpret_cast<std::uint32_t*>(cache_->content_of(*page));
    for (std::uint32_t i = 1; i <= kRounds; ++i) {
      __atomic_store_n(word, i, __ATOMIC_RELAXED);
      cache_->set_dirty(*page);
    }
    done = true;
  });
  CpuClaim claim(pool);
  const CpuUse use(claim);
  File file(*mapping_, {}, "file", nullptr);
  while (!done) ASSERT_TRUE(cache_->fsync(file).has_value());
  writer.join();
  ASSERT_TRUE(cache_->fsync(file).has_value());
  std::uint32_t stored = 0;
  ASSERT_EQ(pread(descriptor_, &stored, sizeof stored, 0), ssize_t{sizeof stored});
  EXPECT_EQ(stored, kRounds);
  EXPECT_EQ(exact(machine_, NodeItem::kNrDirty), 0);
  EXPECT_FALSE(mapping_->any_has(CacheMark::kDirty));
  lru_->put(*page);
  cache_->evict(*mapping_);
}

}  // namespace
}  // namespace quire
