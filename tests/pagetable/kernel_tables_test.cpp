// The kernel's own tables, as boot leaves them and as they change.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <set>

#include "tests/boot/capture.hpp"
#include "tests/pagetable/tables_on_machine.hpp"

namespace quire::test {
namespace {

struct Case {
  const char* name;
  unsigned levels;
  ArchProfile arch;
  std::uint64_t ram_mib;
  bool gib_pages = false;
};
void PrintTo(const Case& of, std::ostream* out) { *out << of.name; }

Shape shape_of(const Case& of) {
  Shape shape;
  shape.arch = of.arch;
  shape.ram = {{0, 1, of.ram_mib}};
  shape.cpus = {NodeId{0}};
  shape.gib_pages = of.gib_pages;
  return shape;
}

class KernelTablesOf : public testing::TestWithParam<Case> {
 protected:
  [[nodiscard]] KernelTables& kernel() { return on.machine.kernel_tables(); }
  [[nodiscard]] std::uint64_t page_offset() { return kernel().space().page_offset().raw(); }
  [[nodiscard]] std::vector<NaivePage> pages_in(VirtRange range) {
    std::vector<NaivePage> found;
    for (const NaivePage& page : walker.pages(kernel().tables().root_frame()))
      if (range.contains(VirtAddr{page.address})) found.push_back(page);
    return found;
  }

  TestMachine on{shape_of(GetParam())};
  NaiveWalker walker{on.machine.map(), GetParam().levels};
};

TEST_P(KernelTablesOf, TheDirectMapIsRamAtAFixedDistance) {
  std::uint64_t next = page_offset();
  for (const NaivePage& page : pages_in(kernel().space().direct)) {
    EXPECT_EQ(page.frame << 12, page.address - page_offset());
    // The first MiB is mapped whatever is there.
    EXPECT_EQ(page.address, next);
    next = page.address + page.bytes;
  }
  EXPECT_EQ(next, page_offset() + on.machine.plan().direct_map().end.raw());
}

TEST_P(KernelTablesOf, MeminfoTellsByWhatPagesItIsMapped) {
  std::map<std::uint64_t, std::uint64_t> bytes;
  for (const NaivePage& page : pages_in(kernel().space().direct)) bytes[page.bytes] += page.bytes;
  StringSink text;
  ASSERT_TRUE(on.machine.proc().read("proc/meminfo", text).has_value());
  const std::string large = GetParam().levels == 2 ? "DirectMap4M:" : "DirectMap2M:";
  const auto row = [&](const std::string& name) -> std::uint64_t {
    const std::size_t at = text.text.find(name);
    return at == std::string::npos ? 0 : std::stoull(text.text.substr(at + name.size())) << 10;
  };
  EXPECT_EQ(row("DirectMap4k:"), bytes[4096]);
  EXPECT_EQ(row(large), bytes[GetParam().levels == 2 ? 4 << 20 : 2 << 20]);
  EXPECT_EQ(row("DirectMap1G:"), bytes[1 << 30]);
  EXPECT_EQ(bytes[1 << 30] != 0, GetParam().gib_pages);
}

TEST_P(KernelTablesOf, TheTablesLieInReservedFrames) {
  (void)pages_in({});
  for (const std::uint64_t table : walker.tables()) {
    EXPECT_TRUE(on.machine.plan().memblock().is_reserved(Pfn{table}));
    EXPECT_EQ(on.machine.map().page_of(Pfn{table})->word.kind(), PageKind::kPageTable);
  }
  EXPECT_TRUE(audited(on.machine));
}

TEST_P(KernelTablesOf, EveryFrameThatWasPlannedForATableIsOne) {
  std::set<std::uint64_t> tables;
  (void)pages_in({});
  for (const std::uint64_t table : walker.tables()) tables.insert(table);
  for (const Pfn planned : on.machine.plan().direct_map().tables)
    EXPECT_TRUE(planned == DirectMap::kInBuffer || tables.contains(planned.raw()));
}

TEST_P(KernelTablesOf, TheIdentityMapIsTheFirstGibibyteAtItsOwnAddress) {
  std::uint64_t bytes = 0;
  for (const NaivePage& page : walker.pages(kernel().identity().root_frame())) {
    if (page.address >= 1 << 30) continue;
    EXPECT_EQ(page.frame << 12, page.address);
    bytes += page.bytes;
  }
  EXPECT_EQ(bytes, std::uint64_t{1} << 30);
}

TEST_P(KernelTablesOf, WhatTheKernelMapsLaterIsInEverybodysTables) {
  PageTables user({kernel().tables().format(), kernel().frames(), kernel(), true});
  ASSERT_TRUE(user.make_root().has_value());
  KernelSharer sharer(user);
  kernel().share_with(sharer);
  const VirtAddr at = kernel().space().vmalloc.start.align_up(kPageSize);
  ASSERT_TRUE(kernel().tables().map({at, at + kPageSize}, {Pfn{0x1234}, Prot::kKernel}));
  for (const PageTables* tables : {&std::as_const(user), &kernel().identity()}) {
    const auto found = tables->walk(at);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->frame, Pfn{0x1234});
  }
  kernel().leave(sharer);
  user.destroy();
  EXPECT_TRUE(kernel().tables().walk(at).has_value());
}

TEST_P(KernelTablesOf, TablesThatBootMadeAreUsedAgain) {
  PageTables& tables = kernel().tables();
  VirtAddr large{};
  for (const NaivePage& page : pages_in(kernel().space().direct))
    if (page.bytes > 4096) large = VirtAddr{page.address};
  ASSERT_TRUE(tables.split(large, PageLevel::kPte).has_value());
  EXPECT_TRUE(audited(on.machine));
  ASSERT_TRUE(tables.collapse(large, PageLevel::kPmd).has_value());
  EXPECT_EQ(tables.walk(large)->size, PageLevel::kPmd);
  EXPECT_TRUE(audited(on.machine));
}

TEST_P(KernelTablesOf, FixmapAndKmapHaveTheirTables) {
  for (const VirtRange range : {kernel().space().fixmap, kernel().space().persistent_kmap}) {
    if (range.empty()) continue;
    EXPECT_EQ(kernel().tables().find_slot(range.start).level, PageLevel::kPte);
    EXPECT_EQ(kernel().tables().find_slot(range.end - kPageSize).level, PageLevel::kPte);
  }
}

constexpr Case kCases[] = {
    {"four", 4, ArchProfile::kX86_64, 3000},
    {"four_gib_pages", 4, ArchProfile::kX86_64, 5000, true},
    {"four_one_gib", 4, ArchProfile::kX86_64, 1024},
    {"five", 5, ArchProfile::kX86_64La57, 6001},
    {"five_gib_pages", 5, ArchProfile::kX86_64La57, 9000, true},
    {"two", 2, ArchProfile::kX86_32, 512},
    {"two_high_memory", 2, ArchProfile::kX86_32, 3000},
    {"three", 3, ArchProfile::kX86_32, 6000},
};
INSTANTIATE_TEST_SUITE_P(Machines, KernelTablesOf, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(KernelTables, WithThirtyTwoBitsNothingIsMappedAboveLowMemory) {
  Shape shape;
  shape.arch = ArchProfile::kX86_32;
  shape.ram = {{0, 0, 7}};
  shape.cpus = {NodeId{0}};
  TestMachine on(shape);
  PageTables& tables = on.machine.kernel_tables().tables();
  const VirtRange direct = on.machine.kernel_tables().space().direct;
  EXPECT_EQ(direct.length(), mib(7));
  EXPECT_TRUE(tables.walk(direct.end - kPageSize).has_value());
  EXPECT_FALSE(tables.walk(direct.end).has_value());
}

TEST(KernelTables, HighMemoryAndVmallocLieAsThirtyTwoBitKernelsPrintThem) {
  const AddressSpace space = make_address_space(ArchProfile::kX86_32, {Pfn{0xc0000}, Pfn{0x38000}});
  EXPECT_EQ(space.page_offset(), VirtAddr{0xc0000000});
  EXPECT_EQ(space.direct.end, VirtAddr{0xf8000000});
  EXPECT_EQ(space.vmalloc, (VirtRange{VirtAddr{0xf8800000}, VirtAddr{0xff7fe000}}));
  EXPECT_EQ(space.persistent_kmap.start, VirtAddr{0xff800000});
  EXPECT_EQ(space.persistent_kmap.length() / kPageSize, 1024u);
  const AddressSpace pae = make_address_space(ArchProfile::kX86_32, {Pfn{0x200000}, Pfn{0x38000}});
  EXPECT_EQ(pae.persistent_kmap.length() / kPageSize, 512u);
}

TEST(KernelTables, OnlyTheImageIsMappedAtItsAddress) {
  MachineBuilder builder;
  builder.ram(0, 0x4000'0000).cpu_on(0);
  builder.kernel(bytes(0x100'0000, 0x1e0'1000), "Kernel code");
  builder.kernel(bytes(0x200'0000, 0x380'0000), "Kernel data");
  ASSERT_TRUE(builder.boot().has_value());
  SimHost host{SimOptions{}};
  Machine machine(host);
  ASSERT_TRUE(machine.boot(builder.spec).has_value());
  const PageTables& tables = machine.kernel_tables().tables();
  const VirtAddr text = machine.kernel_tables().space().kernel_text.start;
  EXPECT_FALSE(tables.walk(text + mib(14)).has_value());
  EXPECT_FALSE(tables.walk(text + mib(56)).has_value());
  EXPECT_EQ(tables.walk(text + mib(16))->frame, Pfn{0x1000});
  EXPECT_EQ(tables.walk(text + mib(54))->frame, Pfn{0x3600});
}

// Of each page of the image: whether it can be written and executed, as "w-", "-x", ...
std::map<std::string, std::string> rights_of_image(Machine& machine) {
  const KernelTables& kernel = machine.kernel_tables();
  std::map<std::string, std::string> pages;
  std::string before;
  for (VirtAddr at = kernel.space().kernel_text.start + mib(16);; at += kPageSize) {
    const auto page = kernel.tables().walk(at);
    std::string rights = "none";
    if (page.has_value()) {
      rights = any(page->prot & Prot::kWrite) ? "w" : "-";
      rights += any(page->prot & Prot::kNoExecute) ? "-" : "x";
    }
    char offset[16];
    std::snprintf(offset, sizeof offset, "%lx", (at - kernel.space().kernel_text.start).raw());
    if (rights != before) pages[offset] = rights;
    before = rights;
    if (!page.has_value() || pages.size() > 20) return pages;
  }
}

TEST(KernelTables, CodeIsReadOnlyAndTheRestOfTheImageNotExecutable) {
  for (const ArchProfile arch : {ArchProfile::kX86_64, ArchProfile::kX86_64La57}) {
    MachineBuilder builder;
    builder.ram(0, 0x4000'0000).cpu_on(0);
    builder.spec.arch = arch;
    builder.kernel(bytes(0x100'0000, 0x1e0'1ef2), "Kernel code");
    builder.kernel(bytes(0x1e0'2000, 0x200'0000), "", true);
    builder.kernel(bytes(0x200'0000, 0x282'7000), "Kernel rodata");
    builder.kernel(bytes(0x2a0'0000, 0x2c4'5e00), "Kernel data");
    builder.kernel(bytes(0x32b'1000, 0x380'0000), "Kernel bss");
    ASSERT_TRUE(builder.boot().has_value());
    SimHost host{SimOptions{}};
    Machine machine(host);
    ASSERT_TRUE(machine.boot(builder.spec).has_value());
    EXPECT_EQ(rights_of_image(machine),
              (std::map<std::string, std::string>{{"1000000", "-x"},
                                                  {"1e02000", "w-"},
                                                  {"2000000", "--"},
                                                  {"2827000", "w-"},
                                                  {"3800000", "none"}}));
    const PageTables& tables = machine.kernel_tables().tables();
    const VirtAddr text = machine.kernel_tables().space().kernel_text.start;
    EXPECT_EQ(tables.walk(text + mib(16))->size, PageLevel::kPmd) << "large where it can be";
    const auto direct = tables.walk(machine.kernel_tables().space().page_offset() + mib(16));
    EXPECT_EQ(direct->prot & (Prot::kWrite | Prot::kNoExecute), Prot::kWrite | Prot::kNoExecute);
    EXPECT_TRUE(audited(machine));
  }
}

TEST(KernelTables, With32BitsTheImageIsProtectedInTheDirectMap) {
  MachineBuilder builder;
  builder.ram(0, 0x8000'0000).ram(0x1'0000'0000, 0x1'4000'0000).cpu_on(0);
  builder.spec.arch = ArchProfile::kX86_32;
  builder.kernel(bytes(0x100'0000, 0x180'1000), "Kernel code");
  builder.kernel(bytes(0x1a0'0000, 0x1b0'0000), "Kernel rodata");
  ASSERT_TRUE(builder.boot().has_value());
  SimHost host{SimOptions{}};
  Machine machine(host);
  ASSERT_TRUE(machine.boot(builder.spec).has_value());
  const PageTables& tables = machine.kernel_tables().tables();
  const VirtAddr start = machine.kernel_tables().space().page_offset();
  const auto rights = [&](std::uint64_t at) {
    return tables.walk(start + Bytes{at})->prot & (Prot::kWrite | Prot::kNoExecute);
  };
  EXPECT_EQ(rights(0x100'0000), Prot::kNone);
  EXPECT_EQ(rights(0x180'0000), Prot::kNone);
  EXPECT_EQ(rights(0x180'1000), Prot::kWrite | Prot::kNoExecute);
  EXPECT_EQ(rights(0x1a0'0000), Prot::kNoExecute);
  EXPECT_EQ(rights(0x1b0'0000), Prot::kWrite | Prot::kNoExecute);
  EXPECT_TRUE(audited(machine));
}

// Later the recorded kernel has split some pages, each of 2 MiB into pages of 4 KiB.
TEST(KernelTables, EachRecordedMachineMapsAsMuchAsLinuxDid) {
  const std::filesystem::path folder = std::string(QUIRE_TESTS_DIR) + "/oracle/captures";
  unsigned compared = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    Capture capture(entry.path());
    // Not what was mapped at boot: memory that was added. And of pages of 1 GiB Linux counts one
    // again with each step of the boot that comes by.
    MachineBuilder builder;
    if (!capture.complete() || capture.has_memory_to_add()) continue;
    capture.describe(builder);
    if (builder.spec.gib_pages) continue;
    SCOPED_TRACE(entry.path().filename());
    std::ifstream file(entry.path() / "boot" / "meminfo");
    std::map<std::string, std::uint64_t> kib;
    std::string name, unit;
    for (std::uint64_t value = 0; file >> name >> value && std::getline(file, unit);)
      kib[name] = value;
    ASSERT_TRUE(builder.boot().has_value());
    SimHost host{SimOptions{}};
    Machine machine(host);
    ASSERT_TRUE(machine.boot(builder.spec).has_value());
    const LeafCounts& direct = machine.kernel_tables().direct();
    const std::uint64_t small = direct.mapped(PageLevel::kPte).raw() >> 10;
    const std::uint64_t all = small + (direct.mapped(PageLevel::kPmd).raw() >> 10) +
                              (direct.mapped(PageLevel::kPud).raw() >> 10);
    EXPECT_EQ(all, kib["DirectMap4k:"] + kib["DirectMap2M:"] + kib["DirectMap1G:"]);
    EXPECT_EQ((kib["DirectMap4k:"] - small) % 2048, 0u);
    ++compared;
  }
  EXPECT_GT(compared, 70u);
}

}  // namespace
}  // namespace quire::test
