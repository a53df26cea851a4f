// What the recorded runs do not reach: layouts, overcommit by account, memory that runs out.
#include "tests/process/process_machine.hpp"

namespace quire {
namespace {

constexpr VirtAddr kPlace{0x100000000000};
constexpr std::uint64_t kPrivate = map::kPrivate | map::kAnonymous;
constexpr std::uint64_t kFixed = kPrivate | map::kFixed;
constexpr std::uint64_t kReadWrite = prot::kRead | prot::kWrite;

class Calls : public ::testing::Test {
 protected:
  ProcessMachine machine;
  Process& process = machine.create("caller");
  Caller caller = machine.floor->caller(process);
  Mm& mm = *process.mm;

  Result<VirtAddr> map_at(VirtAddr at, std::uint64_t pages) {
    return do_mmap(caller, {.address = at,
                            .length = size_of(PageCount{pages}),
                            .prot = kReadWrite,
                            .flags = kFixed});
  }
  Result<VirtAddr> map_anywhere(Bytes length) {
    return do_mmap(caller, {.length = length, .prot = prot::kRead, .flags = kPrivate});
  }
  void set(const char* name, std::uint64_t value) {
    const std::string path = std::string("proc/sys/vm/") + name;
    ASSERT_TRUE(machine.machine.proc().write(path, std::to_string(value)).has_value());
  }
};

TEST_F(Calls, TheLegacyLayoutGrowsUpwardsFromItsBase) {
  mm.layout.bottom_up = true;
  mm.layout.mmap_base = VirtAddr{0x2aaaaaaab000};
  EXPECT_EQ(map_anywhere(kib(8)), VirtAddr{0x2aaaaaaab000});
  EXPECT_EQ(map_anywhere(kib(4)), VirtAddr{0x2aaaaaaad000});
}

TEST_F(Calls, WhereNothingIsFreeBelowTheBasePlacesAboveItAreTaken) {
  mm.layout.mmap_base = VirtAddr{0x400000};
  // A third of the address space, upwards.
  EXPECT_EQ(map_anywhere(mib(8)), VirtAddr{0x2aaaaaaaa000}.align_up(kPageSize) + kPageSize);
}

TEST_F(Calls, WithOvercommitOffWhatIsPromisedStaysBelowTheLimit) {
  set("overcommit_memory", 2);
  const PageCount limit = mm.parts.rules.commit_limit();
  EXPECT_EQ(map_at(kPlace, limit.raw()).error(), Errno::kNoMemory);
  EXPECT_TRUE(map_at(kPlace, limit.raw() / 2).has_value());
  const PageCount promised = mm.parts.committed.pages();
  EXPECT_EQ(map_at(kPlace + gib(1), limit.raw() / 2).error(), Errno::kNoMemory);
  EXPECT_EQ(mm.parts.committed.pages(), promised) << "what was refused is not promised";
  // MAP_NORESERVE changes nothing then.
  EXPECT_EQ(do_mmap(caller, {.address = kPlace + gib(1),
                             .length = size_of(limit),
                             .prot = kReadWrite,
                             .flags = kFixed | map::kNoReserve})
                .error(),
            Errno::kNoMemory);
  ASSERT_TRUE(do_munmap(caller, kPlace, size_of(limit)).has_value());
  EXPECT_EQ(mm.parts.committed.pages(), promised - limit / 2);
}

TEST_F(Calls, WhatIsMappedOverDoesNotCountWhereTheLimitIsReached) {
  ASSERT_TRUE(map_at(kPlace, 8).has_value());
  mm.limits.address_space = size_of(mm.total).raw();
  EXPECT_TRUE(map_at(kPlace, 8).has_value());
  EXPECT_EQ(map_at(kPlace, 9).error(), Errno::kNoMemory);
  EXPECT_EQ(map_at(kPlace + gib(1), 1).error(), Errno::kNoMemory);
}

TEST_F(Calls, ThePeakIsKeptWhenAMappingGoes) {
  ASSERT_TRUE(map_at(kPlace, 64).has_value());
  machine.write(process, kPlace, "touched");
  const PageCount total = mm.total;
  const PageCount resident = mm.resident();
  ASSERT_TRUE(do_munmap(caller, kPlace, size_of(PageCount{64})).has_value());
  EXPECT_EQ(mm.peak_total, total.raw());
  EXPECT_EQ(mm.peak_resident, resident.raw());
}

// As 6.1 answers, of files on disks and of memfd_create; without a file any offset will do.
TEST_F(Calls, NothingIsMappedOfWhatLiesBehindTheLargestFile) {
  struct Case {
    std::uint64_t pages;
    std::uint64_t offset;
    bool fits;
  };
  static constexpr Case kCases[] = {
      {1, 0x7fffffffffffe000, true},  {1, 0x7ffffffffffff000, false},
      {1, 0x8000000000000000, false}, {1, 0xfffffffffffff000, false},
      {2, 0x7fffffffffffd000, true},  {2, 0x7fffffffffffe000, false}};
  const auto file = ShmemFile::make(mm.parts, {.path = {"/memfd:large"}});
  ASSERT_TRUE(file.has_value());
  for (const Case& one : kCases) {
    MmapRequest request{.length = size_of(PageCount{one.pages}), .prot = prot::kRead};
    request.offset = Bytes{one.offset};
    request.flags = kPrivate;
    EXPECT_TRUE(do_mmap(caller, request).has_value());
    request.flags = map::kPrivate;
    request.file = *file;
    const auto mapped = do_mmap(caller, request);
    EXPECT_EQ(mapped.has_value() ? Errno{} : mapped.error(),
              one.fits ? Errno{} : Errno::kOverflow)
        << std::hex << one.offset;
  }
  (*file)->put();
}

TEST_F(Calls, AMoveThatFindsNoTableLeavesEverythingWhereItWas) {
  ASSERT_TRUE(map_at(kPlace, 3).has_value());
  machine.write(process, kPlace + kPageSize, "stays");
  // Everything that the machine has is taken.
  std::vector<Page*> taken;
  const Gfp gfp = Gfp::kKernel | Gfp::kNoWarn;
  while (Page* const page = machine.pages().allocate(gfp, Order{0}, NodeId{0}))
    taken.push_back(page);
  const PageCount total = mm.total;
  const PageCount promised = mm.parts.committed.pages();
  const auto moved = do_mremap(caller, {kPlace, kPageSize * 3, kPageSize * 3,
                                        remap::kMayMove | remap::kFixed, kPlace + gib(600)});
  for (Page* const page : taken) machine.free(page, 0);
  EXPECT_EQ(moved.error(), Errno::kNoMemory);
  EXPECT_EQ(mm.total, total);
  EXPECT_EQ(mm.parts.committed.pages(), promised);
  EXPECT_EQ(mm.vmas.at(kPlace + gib(600)), nullptr);
  EXPECT_EQ(machine.read(process, kPlace + kPageSize, 5), "stays");
}

TEST_F(Calls, TheEndsOfAMappingAreUnmappedWhereThereIsNoMemoryForAnotherVma) {
  ASSERT_TRUE(map_at(kPlace, 8).has_value());
  for (unsigned i = 0; i < 8; ++i)
    machine.write(process, kPlace + kPageSize * i, std::string(1, static_cast<char>('0' + i)));
  Vma* const vma = mm.vmas.at(kPlace);
  const PageCount total = mm.total, promised = mm.parts.committed.pages();
  while (machine.pages().allocate(Gfp::kKernel | Gfp::kNoWarn, Order{0}, NodeId{0}) != nullptr) {
  }
  ASSERT_TRUE(do_munmap(caller, kPlace, kPageSize * 2).has_value());
  ASSERT_TRUE(do_munmap(caller, kPlace + kPageSize * 5, kPageSize * 3).has_value());
  EXPECT_EQ(mm.vmas.at(kPlace + kPageSize * 2), vma);
  EXPECT_EQ(vma->range, (VirtRange{kPlace + kPageSize * 2, kPlace + kPageSize * 5}));
  EXPECT_EQ(mm.vmas.at(kPlace + kPageSize), nullptr);
  EXPECT_EQ(mm.rss(Rss::kAnon), PageCount{3});
  EXPECT_EQ(total - mm.total, PageCount{5});
  EXPECT_EQ(promised - mm.parts.committed.pages(), PageCount{5});
  for (unsigned i = 2; i < 5; ++i)
    EXPECT_EQ(machine.read(process, kPlace + kPageSize * i, 1),
              std::string(1, static_cast<char>('0' + i)));
}

TEST_F(Calls, UnmappingFreesTablesThatMapNothingElse) {
  ASSERT_TRUE(map_at(kPlace, 1024).has_value());
  machine.touch(process, kPlace, Access::kUserWrite);
  machine.touch(process, kPlace + mib(2), Access::kUserWrite);
  ASSERT_TRUE(do_munmap(caller, kPlace, mib(2)).has_value());
  EXPECT_NE(mm.tables.find_slot(kPlace).level, PageLevel::kPte);
  EXPECT_EQ(mm.tables.find_slot(kPlace + mib(2)).level, PageLevel::kPte);
  // A neighbour in the same table keeps it.
  ASSERT_TRUE(do_munmap(caller, kPlace + mib(2), mib(1)).has_value());
  EXPECT_EQ(mm.tables.find_slot(kPlace + mib(2)).level, PageLevel::kPte);
}

}  // namespace
}  // namespace quire
