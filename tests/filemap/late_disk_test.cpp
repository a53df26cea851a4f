// A disk that takes its time: whoever needs a page waits for it, others do not.
#include <gtest/gtest.h>

#include <algorithm>

#include "hosts/sim/random.hpp"
#include "tests/filemap/cache_machine.hpp"

namespace quire {
namespace {

using ByteVector = std::vector<std::byte>;
constexpr SimDisk::Model kSlow{.latency_ns = 1'000'000, .page_ns = 10'000};

TEST(LateDisk, AReaderWaitsForHisPageAndReadAheadForNobody) {
  CacheMachine machine(kSlow);
  TestFile file(machine, 100 * kPage);
  std::vector<std::uint64_t> took;
  machine.host.spawn(machine.machine.cpus()[0], "reader", [&] {
    for (std::uint64_t page = 0; page < 5; ++page) {
      const std::uint64_t start = machine.host.now_ns();
      EXPECT_EQ(file.read({page * kPage, 1})->front(), pattern(page * kPage));
      took.push_back(machine.host.now_ns() - start);
    }
  });
  machine.host.run_until_idle();
  EXPECT_GE(took[0], 1'040'000u);
  EXPECT_LT(took[1], 10'000u) << "it is there, and what comes next is asked for";
  EXPECT_GE(took[4], 900'000u) << "the second window was on its way meanwhile";
  EXPECT_LT(took[4], 1'100'000u);
  machine.host.run_for(10'000'000);
}

TEST(LateDisk, FsyncReturnsWhenAllIsOnTheDisk) {
  CacheMachine machine(kSlow);
  TestFile file(machine, 0);
  machine.host.spawn(machine.machine.cpus()[0], "writer", [&] {
    EXPECT_TRUE(file.write(0, ByteVector(40 * kPage, std::byte{9})).has_value());
    EXPECT_EQ(machine.cache.write_back(file.mapping, PageCount{5}), 5u);
    EXPECT_EQ(machine.count(NodeItem::kNrWriteback), 5);
    EXPECT_TRUE(file.disk_file.bytes.empty());
    EXPECT_TRUE(file.write(0, ByteVector(kPage, std::byte{8})).has_value())
        << "a page on its way may be written to";
    EXPECT_TRUE(machine.cache.fsync(file.file).has_value());
    EXPECT_EQ(file.disk_file.bytes.size(), 40 * kPage);
    EXPECT_EQ(file.disk_file.bytes[0], std::byte{8});
    EXPECT_EQ(machine.count(NodeItem::kNrWriteback), 0);
    EXPECT_EQ(machine.count(NodeItem::kNrDirty), 0);
  });
  machine.host.run_until_idle();
}

TEST(LateDisk, ACutWaitsForPagesOnTheirWay) {
  CacheMachine machine(kSlow);
  TestFile file(machine, 40 * kPage);
  machine.host.spawn(machine.machine.cpus()[0], "cutter", [&] {
    EXPECT_TRUE(file.touch(0));
    EXPECT_TRUE(file.write(2 * kPage, ByteVector(kPage, std::byte{9})).has_value());
    machine.cache.write_back(file.mapping, PageCount{5});
    EXPECT_TRUE(machine.cache.truncate(file.mapping, Bytes{0}).has_value());
    EXPECT_EQ(file.mapping.cached(), 0u);
    EXPECT_EQ(file.disk_file.bytes.size(), 0u) << "nothing was written after the cut";
  });
  machine.host.run_until_idle();
  machine.host.run_for(10'000'000);
  EXPECT_EQ(file.disk_file.bytes.size(), 0u);
}

// Tasks on three CPUs, each with a part of its own of one file, interleaved as the seed says.
class Explored : public testing::TestWithParam<unsigned> {};

TEST_P(Explored, NoTaskLosesAByteOfItsOwnPartWhateverOthersDo) {
  CacheMachine machine({.latency_ns = 3000, .page_ns = 100},
                       {.seed = GetParam(), .explore = true});
  constexpr std::uint64_t kTasks = 3;
  constexpr std::uint64_t kPart = 3 * kPage + 500;  // so that parts share pages
  TestFile file(machine, kTasks * kPart);
  ByteVector naive = pattern_bytes(kTasks * kPart);
  for (std::uint64_t task = 0; task < kTasks; ++task) {
    machine.host.spawn(machine.machine.cpus()[task], "task", [&, task] {
      Random random(GetParam() * 100 + task);
      File own(file.mapping, {}, "file", nullptr);
      for (unsigned i = 0; i < 60; ++i) {
        const std::uint64_t at = task * kPart + random.below(kPart);
        const std::uint64_t length = 1 + random.below((task + 1) * kPart - at);
        if (random.below(2) == 0) {
          const ByteVector bytes(length, static_cast<std::byte>(random.below(256)));
          EXPECT_TRUE(machine.cache.write(own, {Bytes{at}, bytes}).has_value());
          std::ranges::copy(bytes, naive.begin() + static_cast<std::ptrdiff_t>(at));
        } else {
          ByteVector bytes(length);
          EXPECT_TRUE(machine.cache.read(own, {Bytes{at}, bytes}).has_value());
          EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(),
                                 naive.begin() + static_cast<std::ptrdiff_t>(at)))
              << "seed " << GetParam() << ", step " << i;
        }
        if (random.below(8) == 0) {
          EXPECT_TRUE(machine.cache.fsync(own).has_value());
        }
        if (random.below(8) == 0) machine.cache.drop_caches();
      }
    });
  }
  machine.host.run_until_idle();
  machine.host.spawn(machine.machine.cpus()[0], "sync", [&] {
    EXPECT_TRUE(machine.cache.fsync(file.file).has_value());
  });
  machine.host.run_until_idle();
  EXPECT_EQ(file.disk_file.bytes, naive) << "seed " << GetParam();
  EXPECT_EQ(machine.count(NodeItem::kNrDirty), 0);
  machine.host.run_for(10'000'000);
}

// One task writes, cuts and looks; others have pages read in at any moment.
TEST_P(Explored, WhatIsCutOffStaysGoneWhoeverReadsMeanwhile) {
  const SimDisk::Model late{.latency_ns = 3000, .page_ns = 100};
  CacheMachine machine(GetParam() % 4 == 0 ? late : SimDisk::Model{},
                       {.seed = GetParam(), .explore = true});
  constexpr std::uint64_t kPages = 70;
  constexpr std::uint64_t kSize = kPages * kPage;
  TestFile file(machine, kSize);
  file.disk_file.at_each_request = [&] { machine.host.preempt_point(); };
  bool done = false;
  machine.host.spawn(machine.machine.cpus()[0], "cutter", [&] {
    Random random(GetParam());
    for (unsigned i = 1; i <= 40; ++i) {
      const auto value = static_cast<std::byte>(i);
      EXPECT_TRUE(file.write(0, ByteVector(kSize, value)).has_value());
      EXPECT_TRUE(machine.cache.fsync(file.file).has_value());
      machine.cache.drop_caches();
      const std::uint64_t size = random.below(kSize);
      EXPECT_TRUE(machine.cache.truncate(file.mapping, Bytes{size}).has_value());
      EXPECT_TRUE(machine.cache.truncate(file.mapping, Bytes{kSize}).has_value());
      ByteVector expected(size, value);
      expected.resize(kSize);
      EXPECT_EQ(*file.read({0, kSize}), expected) << "seed " << GetParam() << ", step " << i;
    }
    done = true;
  });
  for (unsigned reader = 1; reader <= 2; ++reader) {
    machine.host.spawn(machine.machine.cpus()[reader], "reader", [&, reader] {
      Random random(GetParam() * 10 + reader);
      File own(file.mapping, {}, "file", nullptr);
      ByteVector bytes(2 * kPage);
      while (!done) {
        const std::uint64_t page = random.below(kPages);
        machine.cache.advise(own, ReadAdvice::kWillNeed, {page / 2, kPages});
        EXPECT_TRUE(machine.cache.read(own, {Bytes{page * kPage}, bytes}).has_value());
        if (const auto fault = machine.cache.fault_in(own, page); fault.has_value()) {
          unlock_page(*fault->page);
          machine.lru.put(*fault->page);
        }
        machine.host.yield();
      }
    });
  }
  machine.host.run_until_idle();
  machine.host.run_for(10'000'000);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Explored, testing::Range(1u, 21u));

}  // namespace
}  // namespace quire
