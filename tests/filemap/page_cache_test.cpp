// Files through the cache: what is read, counted, dirty, written, and what errors do.
#include <gtest/gtest.h>

#include "tests/filemap/cache_machine.hpp"

namespace quire {
namespace {

using ByteVector = std::vector<std::byte>;

ByteVector filled(std::uint64_t size, unsigned value) {
  return ByteVector(size, static_cast<std::byte>(value));
}

class PageCacheTest : public testing::Test {
 protected:
  ~PageCacheTest() override { EXPECT_TRUE(audited(machine.machine)); }
  [[nodiscard]] bool on_disk(const TestFile& file, std::uint64_t at, unsigned value) const {
    return file.disk_file.bytes.at(at) == static_cast<std::byte>(value);
  }

  CacheMachine machine;
  PageCache& cache = machine.cache;
};

TEST_F(PageCacheTest, BytesAreReadAsTheDiskHasThem) {
  TestFile file(machine, 10 * kPage + 100);
  const auto bytes = file.read({3 * kPage - 50, 2 * kPage});
  ASSERT_TRUE(bytes.has_value());
  for (std::size_t i = 0; i < 2 * kPage; ++i) ASSERT_EQ((*bytes)[i], pattern(3 * kPage - 50 + i));
  EXPECT_EQ(file.read({10 * kPage, kPage})->size(), 100u) << "up to the end";
  EXPECT_EQ(file.read({20 * kPage, 1})->size(), 0u);
}

TEST_F(PageCacheTest, PagesAreCountedWhileTheyAreCached) {
  {
    TestFile file(machine, 4 * kPage);
    ASSERT_TRUE(file.read({0, 4 * kPage}).has_value());
    EXPECT_EQ(machine.count(NodeItem::kNrFilePages), 4);
    EXPECT_EQ(machine.count(NodeItem::kNrShmem), 0);
    EXPECT_EQ(machine.events(VmEvent::kPgpgin), 16u) << "in KiB";
    machine.lru.drain_all();
    EXPECT_EQ(machine.count(NodeItem::kNrInactiveFile), 4);
  }
  EXPECT_EQ(machine.count(NodeItem::kNrFilePages), 0);
  EXPECT_EQ(machine.count(NodeItem::kNrInactiveFile), 0);
  EXPECT_FALSE(machine.nodes->shrink()) << "no node of a tree is left";
}

TEST_F(PageCacheTest, APageReadInPiecesWasUsedOnce) {
  TestFile file(machine, 4 * kPage);
  for (std::uint64_t at = 0; at < kPage; at += 512) ASSERT_TRUE(file.read({at, 512}).has_value());
  Page* const page = cache.find(file.mapping, 0);
  ASSERT_NE(page, nullptr);
  EXPECT_TRUE(has_flag(*page, PageFlag::kReferenced));
  ASSERT_TRUE(file.touch(2));
  ASSERT_TRUE(file.touch(0));
  machine.lru.drain_all();
  EXPECT_TRUE(has_flag(*page, PageFlag::kActive)) << "and once more";
  machine.lru.put(*page);
}

TEST_F(PageCacheTest, AReadThatFailsIsEioAndTheNextTriesAgain) {
  TestFile file(machine, 8 * kPage);
  file.disk_file.fails = [](const SimFile::Request&) { return true; };
  const auto failed = file.read({0, kPage});
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error(), Errno::kIo);
  EXPECT_EQ(cache.fault_in(file.file, 1).error(), Errno::kIo);
  file.disk_file.fails = nullptr;
  EXPECT_EQ(file.read({0, 1})->front(), pattern(0));
}

TEST_F(PageCacheTest, WhatCouldBeReadBeforeAnErrorIsGiven) {
  TestFile file(machine, 8 * kPage);
  machine.cache.advise(file.file, ReadAdvice::kRandom, {});
  file.disk_file.fails = [](const SimFile::Request& request) { return request.first == 2; };
  ASSERT_TRUE(file.touch(0) && file.touch(1));
  EXPECT_EQ(file.read({0, 4 * kPage})->size(), 2 * kPage);
}

TEST_F(PageCacheTest, WholePagesAreWrittenWithoutBeingRead) {
  TestFile file(machine, 8 * kPage);
  ASSERT_TRUE(file.write(2 * kPage, filled(kPage, 9)).has_value());
  EXPECT_EQ(file.reads(), "");
  ASSERT_TRUE(file.write(4 * kPage + 10, filled(5, 8)).has_value());
  EXPECT_EQ(file.reads(), "4+1") << "the rest of that page is the file's";
  ASSERT_TRUE(file.write(8 * kPage, filled(10, 7)).has_value());
  EXPECT_EQ(file.reads(), "") << "behind the end there is nothing to read";
  EXPECT_EQ(file.mapping.size(), Bytes{8 * kPage + 10});
  EXPECT_EQ(file.read({4 * kPage + 15, 1})->front(), pattern(4 * kPage + 15));
}

TEST_F(PageCacheTest, AWrittenPageIsDirtyUntilItIsOnItsWayToTheDisk) {
  TestFile file(machine, 4 * kPage);
  ASSERT_TRUE(file.write(0, filled(2 * kPage, 9)).has_value());
  EXPECT_EQ(machine.count(NodeItem::kNrDirty), 2);
  EXPECT_EQ(machine.count(NodeItem::kNrDirtied), 2);
  EXPECT_EQ(exact(machine.machine, ZoneItem::kNrZoneWritePending), 2);
  ASSERT_TRUE(file.write(0, filled(2 * kPage, 8)).has_value());
  EXPECT_EQ(machine.count(NodeItem::kNrDirty), 2) << "dirty once";
  EXPECT_TRUE(on_disk(file, 0, static_cast<unsigned>(pattern(0))));
  EXPECT_EQ(cache.write_back(file.mapping, PageCount{1}), 1u);
  EXPECT_TRUE(on_disk(file, 0, 8));
  EXPECT_EQ(machine.count(NodeItem::kNrDirty), 1);
  ASSERT_TRUE(cache.fsync(file.file).has_value());
  EXPECT_TRUE(on_disk(file, 2 * kPage - 1, 8));
  EXPECT_EQ(machine.count(NodeItem::kNrDirty), 0);
  EXPECT_EQ(machine.count(NodeItem::kNrWriteback), 0);
  EXPECT_EQ(machine.count(NodeItem::kNrWritten), 2);
  EXPECT_EQ(exact(machine.machine, ZoneItem::kNrZoneWritePending), 0);
  EXPECT_FALSE(file.mapping.any_has(CacheMark::kDirty));
  EXPECT_FALSE(file.mapping.any_has(CacheMark::kToWrite));
}

TEST_F(PageCacheTest, NeighboursAreWrittenTogether) {
  TestFile file(machine, 80 * kPage);
  ASSERT_TRUE(file.write(0, filled(40 * kPage, 9)).has_value());
  ASSERT_TRUE(file.write(50 * kPage, filled(kPage, 9)).has_value());
  file.disk_file.requests.clear();
  EXPECT_EQ(cache.write_back_all(PageCount{1000}), 41u);
  ASSERT_EQ(file.disk_file.requests.size(), 3u);
  EXPECT_EQ(file.disk_file.requests[0].count, 32u);
  EXPECT_EQ(file.disk_file.requests[1].count, 8u);
  EXPECT_EQ(file.disk_file.requests[2].first, 50u);
}

TEST_F(PageCacheTest, WhoAppendsWritesBehindTheEndWhereverItIsByNow) {
  TestFile file(machine, 100);
  File appended(file.mapping, {.append = true}, "file", nullptr);
  const auto bytes = filled(10, 9);
  for (const std::uint64_t end : {110u, 120u}) {
    ASSERT_TRUE(cache.write(appended, {Bytes{0}, bytes}).has_value());
    EXPECT_EQ(file.mapping.size(), Bytes{end});
    EXPECT_EQ(file.read({end - 10, 10}), bytes);
  }
}

TEST_F(PageCacheTest, AFailedWriteIsToldOnceToEachOpener) {
  TestFile file(machine, 4 * kPage);
  File other(file.mapping, {}, "file", nullptr);
  file.disk_file.fails = [](const SimFile::Request& request) { return request.write; };
  ASSERT_TRUE(file.write(0, filled(kPage, 9)).has_value());
  EXPECT_EQ(cache.fsync(file.file).error(), Errno::kIo);
  EXPECT_TRUE(cache.fsync(file.file).has_value()) << "told";
  EXPECT_EQ(cache.fsync(other).error(), Errno::kIo) << "as everybody who had it open";
  File late(file.mapping, {}, "file", nullptr);
  EXPECT_TRUE(cache.fsync(late).has_value()) << "who opens it later has missed nothing";
  EXPECT_EQ(file.read({0, 1})->front(), std::byte{9}) << "the bytes stay in memory";
}

TEST_F(PageCacheTest, AnErrorThatNobodyWasToldIsToldToWhoOpensTheFileNext) {
  TestFile file(machine, 4 * kPage);
  file.disk_file.fails = [](const SimFile::Request& request) { return request.write; };
  ASSERT_TRUE(file.write(0, filled(kPage, 9)).has_value());
  cache.write_back(file.mapping, PageCount{10});
  File late(file.mapping, {}, "file", nullptr);
  EXPECT_EQ(cache.fsync(late).error(), Errno::kIo);
}

TEST_F(PageCacheTest, AWriterWhoMakesTooMuchDirtyWritesSomeHimself) {
  TestFile file(machine, 0);
  machine.limits.now = {PageCount{300}, PageCount{100}};
  fold_vmstat(machine.machine.nodes(), machine.machine.cpus()[0].percpu);
  ASSERT_TRUE(file.write(0, filled(150 * kPage, 9)).has_value());
  EXPECT_GT(machine.limits.woken, 0u) << "over the background limit somebody else is asked to";
  EXPECT_EQ(machine.count(NodeItem::kNrWritten), 0);
  ASSERT_TRUE(file.write(0, filled(1000 * kPage, 9)).has_value());
  EXPECT_GT(machine.count(NodeItem::kNrWritten), 500);
  EXPECT_LE(machine.count(NodeItem::kNrDirty), 400);
}

TEST_F(PageCacheTest, AFlusherWritesOldDirtAndWhatIsTooMuch) {
  constexpr std::uint64_t kExpire = 30'000'000'000;
  constexpr PageCount kAll{1000};
  TestFile old(machine, 0);
  TestFile young(machine, 0);
  machine.host.advance_ns(5'000'000'000);
  ASSERT_TRUE(old.write(0, filled(3 * kPage, 9)).has_value());
  machine.host.advance_ns(20'000'000'000);
  ASSERT_TRUE(old.write(0, filled(kPage, 9)).has_value());
  ASSERT_TRUE(young.write(0, filled(2 * kPage, 9)).has_value());
  EXPECT_EQ(cache.flush({kExpire, kAll}), 0u);
  machine.host.advance_ns(11'000'000'000);
  EXPECT_EQ(cache.flush({kExpire, kAll}), 3u) << "since its first page got dirty";
  EXPECT_FALSE(old.mapping.any_has(CacheMark::kDirty));
  fold_vmstat(machine.machine.nodes(), machine.machine.cpus()[0].percpu);
  machine.limits.now = {PageCount{10}, PageCount{1}};
  EXPECT_EQ(cache.flush({kExpire, kAll}), 2u);
}

TEST_F(PageCacheTest, AFaultGivesThePageLockedAndSaysWhetherItHadToBeRead) {
  TestFile file(machine, 4 * kPage + 1);
  const auto first = cache.fault_in(file.file, 2);
  ASSERT_TRUE(first.has_value());
  EXPECT_TRUE(first->major);
  EXPECT_TRUE(has_flag(*first->page, PageFlag::kLocked));
  EXPECT_TRUE(has_flag(*first->page, PageFlag::kUptodate));
  EXPECT_EQ(offset_of(*first->page), 2u);
  EXPECT_EQ(cache.content_of(*first->page)[5], pattern(2 * kPage + 5));
  unlock_page(*first->page);
  machine.lru.put(*first->page);
  const auto again = cache.fault_in(file.file, 2);
  EXPECT_FALSE(again->major);
  unlock_page(*again->page);
  machine.lru.put(*again->page);
  EXPECT_EQ(cache.fault_in(file.file, 5).error(), Errno::kFault) << "behind the end: SIGBUS";
  EXPECT_EQ(machine.events(VmEvent::kPgmajfault), 0u) << "the caller counts";
}

TEST_F(PageCacheTest, FaultAroundFindsWhatCanBeMappedAtOnce) {
  TestFile file(machine, 20 * kPage);
  cache.advise(file.file, ReadAdvice::kWillNeed, {});
  Page* const busy = cache.find(file.mapping, 4);
  ASSERT_TRUE(try_lock_page(*busy));
  std::vector<std::uint64_t> found;
  for (std::uint64_t at = 3; at < 8;) {
    Page* const page = cache.next_mappable(file.mapping, {at, 8 - at});
    if (page == nullptr) break;
    found.push_back(offset_of(*page));
    at = found.back() + 1;
    unlock_page(*page);
    machine.lru.put(*page);
  }
  EXPECT_EQ(found, (std::vector<std::uint64_t>{3, 5, 6, 7}));
  EXPECT_EQ(cache.next_mappable(file.mapping, {20, 5}), nullptr);
  unlock_page(*busy);
  machine.lru.put(*busy);
}

TEST_F(PageCacheTest, ACutFileHasNothingBehindItsEndAlsoWhenItGrowsAgain) {
  TestFile file(machine, 8 * kPage);
  ASSERT_TRUE(file.read({0, 8 * kPage}).has_value());
  ASSERT_TRUE(file.write(6 * kPage, filled(kPage, 9)).has_value());
  ASSERT_TRUE(cache.truncate(file.mapping, Bytes{2 * kPage + 100}).has_value());
  EXPECT_EQ(file.mapping.cached(), 3u);
  EXPECT_EQ(machine.count(NodeItem::kNrDirty), 0) << "what is cut off need not be written";
  EXPECT_EQ(file.disk_file.bytes.size(), 2 * kPage + 100);
  ASSERT_TRUE(cache.truncate(file.mapping, Bytes{4 * kPage}).has_value());
  const auto bytes = file.read({2 * kPage, 2 * kPage});
  EXPECT_EQ((*bytes)[99], pattern(2 * kPage + 99));
  for (std::size_t i = 100; i < 2 * kPage; ++i) ASSERT_EQ((*bytes)[i], std::byte{0});
}

TEST_F(PageCacheTest, PagesThatAreCutOffWhileTheyAreReadAheadDoNotComeBack) {
  TestFile file(machine, 70 * kPage);
  file.disk_file.at_each_request = [&] {
    file.disk_file.at_each_request = nullptr;
    EXPECT_TRUE(cache.truncate(file.mapping, Bytes{40 * kPage}).has_value());
  };
  cache.advise(file.file, ReadAdvice::kWillNeed, {0, 70});
  EXPECT_TRUE(file.cached(39));
  EXPECT_EQ(file.mapping.cached(), 40u);
}

TEST_F(PageCacheTest, WhatAMappingWroteBehindTheEndIsNoPartOfTheFile) {
  TestFile file(machine, 100);
  const auto fault = cache.fault_in(file.file, 0);
  cache.content_of(*fault->page)[200] = std::byte{9};
  cache.set_dirty(*fault->page);
  unlock_page(*fault->page);
  machine.lru.put(*fault->page);
  ASSERT_TRUE(file.write(300, filled(1, 7)).has_value());
  EXPECT_EQ(file.read({200, 1})->front(), std::byte{0});
  const auto again = cache.fault_in(file.file, 0);
  cache.content_of(*again->page)[400] = std::byte{9};
  cache.set_dirty(*again->page);
  unlock_page(*again->page);
  ASSERT_TRUE(cache.fsync(file.file).has_value());
  EXPECT_EQ(cache.content_of(*again->page)[400], std::byte{0}) << "and is gone when it is written";
  machine.lru.put(*again->page);
}

TEST_F(PageCacheTest, DroppedCachesLeaveWhatIsDirtyOrInUse) {
  TestFile file(machine, 8 * kPage);
  ASSERT_TRUE(file.read({0, 8 * kPage}).has_value());
  ASSERT_TRUE(file.write(kPage, filled(1, 9)).has_value());
  Page* const used = cache.find(file.mapping, 3);
  EXPECT_EQ(cache.drop_caches(), 6u);
  EXPECT_TRUE(file.cached(1) && file.cached(3));
  EXPECT_EQ(file.mapping.cached(), 2u);
  machine.lru.put(*used);
  ASSERT_TRUE(cache.fsync(file.file).has_value());
  EXPECT_EQ(cache.drop_caches(), 2u);
  EXPECT_EQ(file.read({kPage, 1})->front(), std::byte{9});
}

TEST_F(PageCacheTest, WhatIsNotNeededIsWrittenAndDropped) {
  TestFile file(machine, 8 * kPage);
  ASSERT_TRUE(file.read({0, 8 * kPage}).has_value());
  ASSERT_TRUE(file.write(2 * kPage, filled(kPage, 9)).has_value());
  cache.advise(file.file, ReadAdvice::kDontNeed, {0, 4});
  EXPECT_EQ(file.mapping.cached(), 4u);
  EXPECT_TRUE(on_disk(file, 2 * kPage, 9));
}

// Shared memory: files without a disk.

TEST_F(PageCacheTest, SharedMemoryBeginsAsZerosAndIsNeverWrittenAnywhere) {
  TestFile file(machine, 0, true);
  ASSERT_TRUE(cache.truncate(file.mapping, Bytes{6 * kPage}).has_value());
  EXPECT_EQ(file.read({kPage, 10})->front(), std::byte{0});
  EXPECT_EQ(file.mapping.cached(), 0u) << "a hole takes no page to be read";
  ASSERT_TRUE(file.write(2 * kPage + 5, filled(1, 9)).has_value());
  const auto fault = cache.fault_in(file.file, 3);
  ASSERT_TRUE(fault.has_value());
  EXPECT_FALSE(fault->major);
  EXPECT_TRUE(has_flag(*fault->page, PageFlag::kSwapBacked));
  unlock_page(*fault->page);
  machine.lru.put(*fault->page);
  EXPECT_EQ(machine.count(NodeItem::kNrShmem), 2);
  EXPECT_EQ(machine.count(NodeItem::kNrFilePages), 2);
  EXPECT_EQ(machine.count(NodeItem::kNrDirty), 0);
  machine.lru.drain_all();
  EXPECT_EQ(machine.count(NodeItem::kNrInactiveAnon), 2);
  EXPECT_EQ(cache.drop_caches(), 0u) << "it is nowhere else";
  EXPECT_EQ(cache.write_back_all(PageCount{10}), 0u);
  EXPECT_TRUE(cache.fsync(file.file).has_value());
  EXPECT_EQ(file.read({2 * kPage + 5, 1})->front(), std::byte{9});
  EXPECT_EQ(cache.fault_in(file.file, 6).error(), Errno::kFault);
  ASSERT_TRUE(cache.truncate(file.mapping, Bytes{0}).has_value());
  EXPECT_EQ(machine.count(NodeItem::kNrShmem), 0);
}

// What page tables are told.

class NotedUsers final : public MappingUsers {
 public:
  void unmap(Mapping&, const Part& part) override { unmapped.push_back(part); }
  bool clean(Mapping&, Page&) override { return was_dirty; }
  std::vector<Part> unmapped;
  bool was_dirty = false;
};

TEST_F(PageCacheTest, PagesThatAreCutOffLeavePageTablesBeforeAndAfter) {
  TestFile file(machine, 8 * kPage);
  NotedUsers users;
  file.mapping.set_users(&users);
  ASSERT_TRUE(cache.truncate(file.mapping, Bytes{3 * kPage + 1}).has_value());
  ASSERT_EQ(users.unmapped.size(), 2u);
  EXPECT_EQ(users.unmapped[0].first, 4u);
  EXPECT_EQ(users.unmapped[0].copies, Copies::kTakeToo);
  file.mapping.set_users(nullptr);
}

TEST_F(PageCacheTest, APageThatIsDirtyInAPageTableIsWrittenToo) {
  TestFile file(machine, 8 * kPage);
  NotedUsers users;
  file.mapping.set_users(&users);
  ASSERT_TRUE(file.write(0, filled(1, 9)).has_value());
  users.was_dirty = true;
  ASSERT_TRUE(cache.fsync(file.file).has_value());
  EXPECT_EQ(machine.count(NodeItem::kNrDirty), 0);
  EXPECT_EQ(exact(machine.machine, ZoneItem::kNrZoneWritePending), 0);
  file.mapping.set_users(nullptr);
}

TEST_F(PageCacheTest, TheLastCloserTellsTheOwner) {
  struct Owner final : FileOwner {
    void release(File& file) override { released = &file; }
    File* released = nullptr;
  } owner;
  TestFile file(machine, kPage);
  File opened(file.mapping, {.read = true, .write = false}, "path", &owner);
  opened.get();
  opened.put();
  EXPECT_EQ(owner.released, nullptr);
  opened.put();
  EXPECT_EQ(owner.released, &opened);
}

}  // namespace
}  // namespace quire
