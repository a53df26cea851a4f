// Files in address spaces: what is mapped is what the file has, and what is written to a shared
// mapping is the file's.
#include <gmock/gmock.h>

#include "tests/process/ram_file.hpp"

namespace quire::testing {
namespace {

class MappedFile : public ::testing::Test {
 protected:
  MappedFile() : process(test.create("mapper")) {}

  static std::string pages_of(unsigned count) {
    std::string text(count * kPageSize.raw(), '.');
    for (unsigned i = 0; i < count; ++i) text[i * kPageSize.raw()] = static_cast<char>('a' + i);
    return text;
  }
  VirtAddr map_file(RamFile& disk, std::uint64_t type, PageCount pages) {
    MmapRequest request;
    request.length = size_of(pages);
    request.prot = prot::kRead | prot::kWrite;
    request.flags = type;
    request.file = &disk.file;
    return *do_mmap(test.floor->caller(process), request);
  }
  void unmap(VirtAddr at, std::uint64_t pages) {
    ASSERT_TRUE(do_munmap(test.floor->caller(process), at, size_of(PageCount{pages})).has_value());
  }

  ProcessMachine test;
  Process& process;
};

TEST_F(MappedFile, ShowsItsBytes) {
  RamFile disk(test, pages_of(3));
  const VirtAddr at = map_file(disk, map::kPrivate, PageCount{3});
  EXPECT_EQ(test.read(process, at, 2), "a.");
  EXPECT_EQ(test.read(process, at + size_of(PageCount{2}), 2), "c.");
  EXPECT_EQ(process.mm->rss(Rss::kAnon), PageCount{0});
  unmap(at, 3);
  EXPECT_EQ(process.mm->rss(Rss::kFile), PageCount{0});
}

TEST_F(MappedFile, TheFirstReadIsMajorAndBringsItsNeighbours) {
  RamFile disk(test, pages_of(8));
  const VirtAddr at = map_file(disk, map::kPrivate, PageCount{8});
  test.read(process, at, 1);
  EXPECT_EQ(process.major_faults, 1U);
  EXPECT_EQ(event_count(test.machine.nodes(), VmEvent::kPgmajfault), 1U);
  EXPECT_EQ(event_count(test.machine.nodes(), VmEvent::kPgfault), 2U) << "it is tried again";
  for (unsigned i = 1; i < 8; ++i) test.read(process, at + size_of(PageCount{i}), 1);
  EXPECT_EQ(process.minor_faults, 0U) << "read ahead: one fault maps all of them";
  EXPECT_EQ(process.major_faults, 1U);
  unmap(at, 8);
}

TEST_F(MappedFile, APrivateWriteIsTheWritersAlone) {
  RamFile disk(test, pages_of(1));
  const VirtAddr at = map_file(disk, map::kPrivate, PageCount{1});
  test.write(process, at, "mine");
  EXPECT_EQ(test.read(process, at, 5), "mine.");
  EXPECT_TRUE(test.floor->cache().fsync(disk.file).has_value());
  EXPECT_EQ(disk.bytes.substr(0, 4), "a...");
  EXPECT_EQ(process.mm->rss(Rss::kAnon), PageCount{1});
  unmap(at, 1);
}

TEST_F(MappedFile, ASharedWriteReachesTheFile) {
  RamFile disk(test, pages_of(2));
  const VirtAddr at = map_file(disk, map::kShared, PageCount{2});
  EXPECT_EQ(test.read(process, at, 1), "a");
  test.write(process, at, "ours");
  ASSERT_TRUE(do_msync(test.floor->caller(process), at, kPageSize, sync::kSync).has_value());
  EXPECT_EQ(disk.bytes.substr(0, 5), "ours.");
  test.write(process, at, "OURS");
  unmap(at, 2);
  EXPECT_TRUE(test.floor->cache().fsync(disk.file).has_value());
  EXPECT_EQ(disk.bytes.substr(0, 5), "OURS.") << "written after it was clean again, then unmapped";
}

TEST_F(MappedFile, BeyondItsEndIsSigbus) {
  RamFile disk(test, pages_of(1));
  const VirtAddr at = map_file(disk, map::kShared, PageCount{2});
  EXPECT_EQ(test.try_touch(process, at + kPageSize, Access::kUserRead), FaultEnd::kBeyondFile);
  unmap(at, 2);
}

TEST_F(MappedFile, ADiskThatFailsIsSigbusAndNotWrongBytes) {
  RamFile disk(test, pages_of(1));
  const VirtAddr at = map_file(disk, map::kPrivate, PageCount{1});
  disk.failing = true;
  EXPECT_EQ(test.try_touch(process, at, Access::kUserRead), FaultEnd::kBeyondFile);
  disk.failing = false;
  EXPECT_EQ(test.read(process, at, 1), "a");
  unmap(at, 1);
}

TEST_F(MappedFile, TruncationTakesPagesAway) {
  RamFile disk(test, pages_of(3));
  const VirtAddr at = map_file(disk, map::kShared, PageCount{3});
  for (unsigned i = 0; i < 3; ++i) test.read(process, at + size_of(PageCount{i}), 1);
  ASSERT_TRUE(test.floor->cache().truncate(disk.mapping, kPageSize).has_value());
  EXPECT_EQ(test.read(process, at, 1), "a");
  EXPECT_EQ(test.try_touch(process, at + kPageSize, Access::kUserRead), FaultEnd::kBeyondFile);
  unmap(at, 3);
}

TEST_F(MappedFile, SharedAnonymousMemoryIsOneForParentAndChild) {
  MmapRequest request;
  request.length = size_of(PageCount{2});
  request.prot = prot::kRead | prot::kWrite;
  request.flags = map::kShared | map::kAnonymous;
  const VirtAddr at = *do_mmap(test.floor->caller(process), request);
  test.write(process, at, "parent");
  Process& child = test.fork(process);
  EXPECT_EQ(test.read(child, at, 6), "parent");
  test.write(child, at, "child ");
  EXPECT_EQ(test.read(process, at, 6), "child ");
  EXPECT_EQ(process.mm->rss(Rss::kShmem), PageCount{1});
  test.exit(child);
  test.exit(process);
  EXPECT_TRUE(audited(test.machine));
}

}  // namespace
}  // namespace quire::testing
