// Random calls on a file, against an array of bytes: what is read is what was written, whatever the
// disk refuses on the way.
#include <gtest/gtest.h>

#include <algorithm>

#include "hosts/sim/random.hpp"
#include "tests/filemap/cache_machine.hpp"

namespace quire {
namespace {

using ByteVector = std::vector<std::byte>;

struct Setting {
  unsigned seed;
  bool shmem;
  unsigned fails_per_cent;
};

class RandomFile : public testing::TestWithParam<Setting> {
 protected:
  static constexpr std::uint64_t kMost = 60 * kPage;

  RandomFile() {
    file_.disk_file.fails = [this](const SimFile::Request& request) {
      const bool fails = random_.below(100) < GetParam().fails_per_cent;
      // What could not be written is on the disk as it was: after this it may be read so again.
      write_failed_ |= fails && request.write;
      return fails;
    };
  }
  std::uint64_t offset() {
    return random_.below(2) == 0 ? random_.below(kMost) : kPage * random_.below(60);
  }
  void read() {
    const std::uint64_t at = offset();
    const std::uint64_t length = 1 + random_.below(5 * kPage);
    const auto bytes = file_.read({at, length});
    const std::uint64_t there = at < naive_.size() ? std::min(length, naive_.size() - at) : 0;
    if (!bytes.has_value()) {
      ASSERT_EQ(bytes.error(), Errno::kIo);
      ASSERT_GT(GetParam().fails_per_cent, 0u);
      return;
    }
    if (GetParam().fails_per_cent == 0) {
      ASSERT_EQ(bytes->size(), there);
    }
    ASSERT_LE(bytes->size(), there);
    const auto from = naive_.begin() + static_cast<std::ptrdiff_t>(there == 0 ? 0 : at);
    ASSERT_TRUE(std::equal(bytes->begin(), bytes->end(), from));
  }
  void write() {
    const std::uint64_t at = offset();
    ByteVector bytes(1 + random_.below(random_.below(3) == 0 ? 4 * kPage : 300));
    const auto value = static_cast<std::byte>(1 + random_.below(255));
    std::ranges::fill(bytes, value);
    const auto written = file_.write(at, bytes);
    if (!written.has_value()) return;
    const std::uint64_t length = written->raw();
    if (naive_.size() < at + length) naive_.resize(at + length);
    std::copy_n(bytes.begin(), length, naive_.begin() + static_cast<std::ptrdiff_t>(at));
  }
  void write_through_a_mapping() {
    const std::uint64_t at = offset();
    const auto fault = machine_.cache.fault_in(file_.file, at / kPage);
    if (!fault.has_value()) {
      ASSERT_TRUE(fault.error() == Errno::kIo || at / kPage * kPage >= naive_.size());
      return;
    }
    const auto value = static_cast<std::byte>(random_.below(256));
    machine_.cache.content_of(*fault->page)[at % kPage] = value;
    machine_.cache.set_dirty(*fault->page);
    unlock_page(*fault->page);
    machine_.lru.put(*fault->page);
    if (at < naive_.size()) naive_[at] = value;
  }
  void cut() {
    const std::uint64_t size = offset();
    ASSERT_TRUE(machine_.cache.truncate(file_.mapping, Bytes{size}).has_value());
    naive_.resize(size);
  }
  // The bytes of a failed write are in memory as long as the page is: it must not be dropped
  // before the test has seen them, so that it is made dirty again, as a program would write again.
  void write_again_what_failed() {
    if (!write_failed_) return;
    write_failed_ = false;
    const ByteVector all = naive_;
    for (std::uint64_t page = 0; page * kPage < all.size(); ++page) {
      Page* const there = machine_.cache.find(file_.mapping, page);
      if (there == nullptr) continue;
      if (has_flag(*there, PageFlag::kUptodate)) machine_.cache.set_dirty(*there);
      machine_.lru.put(*there);
    }
  }
  void step() {
    switch (random_.below(14)) {
      case 0:
      case 1:
      case 2:
      case 3: return read();
      case 4:
      case 5:
      case 6: return write();
      case 7:
      case 8: return write_through_a_mapping();
      case 9: return cut();
      case 10: machine_.cache.write_back(file_.mapping, PageCount{random_.below(20)}); break;
      case 11: static_cast<void>(machine_.cache.fsync(file_.file)); break;
      case 12:
        write_again_what_failed();
        machine_.cache.drop_caches();
        break;
      default: {
        constexpr ReadAdvice kAll[] = {ReadAdvice::kNormal, ReadAdvice::kRandom,
                                       ReadAdvice::kSequential, ReadAdvice::kWillNeed};
        machine_.cache.advise(file_.file, kAll[random_.below(4)], {random_.below(60), 9});
        break;
      }
    }
    write_again_what_failed();
  }
  void check_counters() {
    ASSERT_EQ(file_.mapping.size().raw(), naive_.size());
    std::int64_t cached = 0;
    std::int64_t dirty = 0;
    for (std::uint64_t index = 0;; ++index) {
      Page* const page = file_.mapping.next(machine_.machine.map().array(), index);
      if (page == nullptr) break;
      index = offset_of(*page);
      ++cached;
      dirty += has_flag(*page, PageFlag::kDirty) ? 1 : 0;
      ASSERT_FALSE(has_flag(*page, PageFlag::kLocked));
      machine_.lru.put(*page);
    }
    ASSERT_EQ(machine_.count(NodeItem::kNrFilePages), cached);
    ASSERT_EQ(file_.mapping.cached(), static_cast<std::uint64_t>(cached));
    ASSERT_EQ(machine_.count(NodeItem::kNrShmem), GetParam().shmem ? cached : 0);
    ASSERT_EQ(machine_.count(NodeItem::kNrDirty), GetParam().shmem ? 0 : dirty);
    ASSERT_EQ(exact(machine_.machine, ZoneItem::kNrZoneWritePending),
              GetParam().shmem ? 0 : dirty);
    ASSERT_EQ(machine_.count(NodeItem::kNrWriteback), 0);
  }

  Random random_{GetParam().seed};
  CacheMachine machine_;
  TestFile file_{machine_, 30 * kPage + 77, GetParam().shmem};
  ByteVector naive_ = pattern_bytes(GetParam().shmem ? 0 : 30 * kPage + 77);
  bool write_failed_ = false;
};

TEST_P(RandomFile, WhatIsReadIsWhatWasWritten) {
  for (unsigned i = 0; i < 6000; ++i) {
    step();
    check_counters();
    if (HasFatalFailure()) FAIL() << "seed " << GetParam().seed << ", step " << i;
  }
  file_.disk_file.fails = nullptr;
  write_again_what_failed();
  static_cast<void>(machine_.cache.fsync(file_.file));
  if (!GetParam().shmem) {
    naive_.resize(std::max(naive_.size(), file_.disk_file.bytes.size()));
    file_.disk_file.bytes.resize(naive_.size());
    EXPECT_EQ(file_.disk_file.bytes, naive_) << "seed " << GetParam().seed;
  }
  EXPECT_TRUE(audited(machine_.machine));
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomFile,
                         testing::Values(Setting{1, false, 0}, Setting{2, false, 0},
                                         Setting{3, false, 10}, Setting{4, false, 40},
                                         Setting{5, true, 0}, Setting{6, true, 0}));

// Each request to the disk in turn fails, and no other.
TEST(EachRequest, ThatFailsIsToldAndNoByteIsLost) {
  for (std::size_t failing = 0;; ++failing) {
    CacheMachine machine;
    TestFile file(machine, 20 * kPage);
    std::size_t seen = 0;
    file.disk_file.fails = [&](const SimFile::Request&) { return seen++ == failing; };
    ByteVector naive = pattern_bytes(20 * kPage);
    unsigned errors = 0;
    for (std::uint64_t page = 0; page < 20; page += 3) {
      const auto bytes = file.read({page * kPage + 5, 2 * kPage});
      const std::uint64_t there = std::min(2 * kPage, 20 * kPage - page * kPage - 5);
      errors += bytes.has_value() && bytes->size() == there ? 0 : 1;
      const ByteVector data(100, static_cast<std::byte>(page + 1));
      if (file.write(page * kPage + 200, data).has_value())
        std::ranges::copy(data, naive.begin() + static_cast<std::ptrdiff_t>(page * kPage + 200));
      else
        ++errors;
    }
    errors += machine.cache.fsync(file.file).has_value() ? 0 : 1;
    const auto all = file.read({0, 20 * kPage});
    ASSERT_TRUE(all.has_value());
    ASSERT_EQ(*all, naive) << "request " << failing;
    if (failing >= seen) {
      EXPECT_EQ(errors, 0u);
      break;
    }
    // A read that fails may have been of pages ahead, and those are tried again when wanted.
    if (file.disk_file.requests[failing].write) {
      EXPECT_EQ(errors, 1u) << "request " << failing;
    }
  }
}

}  // namespace
}  // namespace quire
