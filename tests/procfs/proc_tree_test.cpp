// Paths, what is refused about them, and what differs between architectures.
#include <gtest/gtest.h>

#include "tests/procfs/recorded_machine.hpp"

namespace quire::test {
namespace {

constexpr PhysAddr at(std::uint64_t address) { return PhysAddr{address}; }

// RAM from 1 MiB to `end`, and the first 640 KiB.
machine_file::MachineFile plain_machine(ArchProfile arch, Bytes end, std::size_t cpus = 1) {
  machine_file::MachineFile machine;
  machine.arch = arch;
  machine.firmware_map = {{{at(0), at(0xa0000)}, FirmwareType::kUsable},
                          {{at(0x100000), at(end.raw())}, FirmwareType::kUsable}};
  machine.cpu_nodes.assign(cpus, NodeId{0});
  return machine;
}

Errno error_of_read(const ProcTree& tree, std::string_view path) {
  StringSink sink;
  return tree.read(path, sink).error();
}

std::size_t count_of(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(ProcTree, APathThatIsNoFileHasNoEntry) {
  BootedParts machine(plain_machine(ArchProfile::kX86_64, gib(1)));
  for (const char* path :
       {"", "proc", "/proc/zoneinfo", "proc/zoneinfo/", "proc/sys/vm/", "proc/sys/vm/bad",
        "sys/devices/system/node/node1/meminfo", "sys/devices/system/node/node00/meminfo",
        "sys/devices/system/node/node0/", "sys/devices/system/node/node/meminfo",
        "sys/devices/system/node/node99999999999/meminfo", "sys/devices/system/node/node0",
        "sys/devices/system/memory/memory8/state", "sys/devices/system/memory/memory0/bad",
        "sys/devices/system/memory/memory-1/state"}) {
    EXPECT_EQ(error_of_read(machine.tree(), path), Errno::kNoEntry) << path;
    EXPECT_EQ(machine.tree().write(path, "1").error(), Errno::kNoEntry) << path;
  }
}

TEST(ProcTree, AFileThatCannotBeReadSaysSo) {
  BootedParts machine(plain_machine(ArchProfile::kX86_64, gib(1)));
  EXPECT_EQ(error_of_read(machine.tree(), "proc/sys/vm/drop_caches"), Errno::kAccess);
}

TEST(ProcTree, AFileThatCannotBeWrittenSaysSoAsItsFileSystemDoes) {
  BootedParts machine(plain_machine(ArchProfile::kX86_64, gib(1)));
  EXPECT_EQ(machine.tree().write("proc/meminfo", "1").error(), Errno::kIo);
  EXPECT_EQ(machine.tree().write("sys/devices/system/node/online", "1").error(), Errno::kAccess);
  EXPECT_EQ(machine.tree().write("sys/devices/system/node/node0/distance", "1").error(),
            Errno::kAccess);
  EXPECT_EQ(machine.tree().write("sys/devices/system/memory/memory1/phys_index", "1").error(),
            Errno::kAccess);
}

TEST(ProcTree, ATunableIsSetByItsDottedName) {
  BootedParts machine(plain_machine(ArchProfile::kX86_64, gib(1)));
  EXPECT_EQ(machine.tree().set("vm.swappiness", "10").value_or(0), 2u);
  EXPECT_EQ(machine.read("proc/sys/vm/swappiness"), "10\n");
  EXPECT_EQ(machine.tree().set("vm.swappiness", "201").error(), Errno::kInvalid);
  EXPECT_EQ(machine.tree().set("vm.nothing", "1").error(), Errno::kNoEntry);
  EXPECT_EQ(machine.tree().set("kernel.swappiness", "1").error(), Errno::kNoEntry);
}

class ReadsAll final : public PathVisitor {
 public:
  explicit ReadsAll(const ProcTree& tree) : tree_(tree) {}
  void visit(std::string_view path, std::uint16_t mode) override {
    StringSink sink;
    EXPECT_EQ(tree_.read(path, sink).has_value(), (mode & 0400) != 0) << path;
    EXPECT_TRUE(sink.text.empty() || sink.text.back() == '\n') << path;
    files += 1;
  }
  unsigned files = 0;

 private:
  const ProcTree& tree_;
};

TEST(ProcTree, EachListedFileCanBeReadUnlessItsModeSaysNot) {
  for (const ArchProfile arch :
       {ArchProfile::kX86_64, ArchProfile::kX86_64La57, ArchProfile::kX86_32}) {
    BootedParts machine(plain_machine(arch, gib(2)));
    const ProcTree tree = machine.tree();
    ReadsAll all(tree);
    tree.list(all);
    EXPECT_GT(all.files, 70u);
  }
}

TEST(ProcTree, A32BitKernelShowsHighMemory) {
  BootedParts machine(plain_machine(ArchProfile::kX86_32, gib(2)));
  EXPECT_EQ(machine.read("proc/sys/vm/lowmem_reserve_ratio"), "256\t32\t0\t0\n");
  EXPECT_EQ(machine.read("proc/sys/vm/mmap_rnd_bits"), "8\n");
  EXPECT_EQ(machine.read("proc/sys/vm/highmem_is_dirtyable"), "0\n");
  EXPECT_EQ(machine.read("sys/devices/system/node/has_high_memory"), "0\n");
  EXPECT_EQ(count_of(machine.read("proc/zoneinfo"), ", zone "), 4u);
  EXPECT_EQ(count_of(machine.read("proc/zoneinfo"), ", zone  HighMem"), 1u);
  EXPECT_EQ(count_of(machine.read("proc/vmstat"), "\npgalloc_high 0\npgalloc_movable 0\n"), 1u);
  EXPECT_EQ(count_of(machine.read("proc/vmstat"), "dma32"), 0u);
  EXPECT_EQ(count_of(machine.read("proc/meminfo"),
                     "Mlocked:               0 kB\nHighTotal:             0 kB\n"
                     "HighFree:              0 kB\nLowTotal:              0 kB\n"
                     "LowFree:               0 kB\nSwapTotal:"), 1u);
  EXPECT_EQ(count_of(machine.read("proc/meminfo"), "VmallocTotal:     122880 kB\n"), 1u);
}

// 64-bit files that it has no use for, and memory hot-plug, which 32-bit kernels lost.
TEST(ProcTree, A32BitKernelLacksWhatOnly64BitsHave) {
  BootedParts machine(plain_machine(ArchProfile::kX86_32, gib(2)));
  for (const char* path : {"proc/sys/vm/mmap_rnd_compat_bits",
                           "proc/sys/vm/hugetlb_optimize_vmemmap",
                           "sys/devices/system/memory/block_size_bytes",
                           "sys/devices/system/memory/memory0/state"})
    EXPECT_EQ(error_of_read(machine.tree(), path), Errno::kNoEntry) << path;
}

TEST(ProcTree, A64BitKernelHasNoHighMemory) {
  BootedParts machine(plain_machine(ArchProfile::kX86_64, gib(2)));
  for (const char* path : {"proc/sys/vm/highmem_is_dirtyable", "proc/sys/vm/vdso_enabled",
                           "sys/devices/system/node/has_high_memory"})
    EXPECT_EQ(error_of_read(machine.tree(), path), Errno::kNoEntry) << path;
}

TEST(ProcTree, FiveLevelsOfPageTablesLeaveMoreRoomForVmalloc) {
  BootedParts machine(plain_machine(ArchProfile::kX86_64La57, gib(2)));
  EXPECT_EQ(count_of(machine.read("proc/meminfo"), "VmallocTotal:   13743895347199 kB\n"), 1u);
}

TEST(ProcTree, ACpumapHasAGroupForEach32CpusAndADigitForEachFour) {
  const auto cpumap = [](std::size_t cpus) {
    BootedParts machine(plain_machine(ArchProfile::kX86_64, gib(1), cpus));
    return machine.read("sys/devices/system/node/node0/cpumap");
  };
  EXPECT_EQ(cpumap(1), "1\n");
  EXPECT_EQ(cpumap(6), "3f\n");
  EXPECT_EQ(cpumap(32), "ffffffff\n");
  EXPECT_EQ(cpumap(33), "1,ffffffff\n");
  EXPECT_EQ(cpumap(72), "ff,ffffffff,ffffffff\n");
}

// As a kernel under QEMU printed them for these sizes.
TEST(ProcTree, MemoryBlocksGrowWithTheMachineAsFarAsItsEndAllows) {
  const auto block_size = [](Bytes end, bool under_hypervisor) {
    BootedParts machine(plain_machine(ArchProfile::kX86_64, end));
    ProcSources sources = machine.sources();
    sources.under_hypervisor = under_hypervisor;
    StringSink sink;
    EXPECT_TRUE(ProcTree(sources).read("sys/devices/system/memory/block_size_bytes", sink));
    return sink.text;
  };
  EXPECT_EQ(block_size(gib(63), true), "8000000\n");
  EXPECT_EQ(block_size(gib(64), true), "80000000\n");
  EXPECT_EQ(block_size(gib(65), true), "40000000\n");
  EXPECT_EQ(block_size(gib(67), true), "40000000\n");
  EXPECT_EQ(block_size(gib(65) + mib(128), true), "8000000\n");
  EXPECT_EQ(block_size(gib(65) + mib(100), true), "8000000\n");
  EXPECT_EQ(block_size(gib(65), false), "80000000\n");
}

// "Movable >100000", as a kernel with every second page free printed it.
TEST(ProcTree, AFreeListIsCountedToAHundredThousand) {
  BootedParts machine(plain_machine(ArchProfile::kX86_64, gib(1)));
  Zone& zone = machine.nodes.all()[0].zone(ZoneType::kDma32);
  Page& head = *machine.map.page_of(zone.span.start);
  head.run_blocks = 99999;
  PageList& list = zone.free_area[Order::kMax].lists[index_of(MigrateType::kMovable)];
  list.push_back(machine.map.array(), machine.map.index_of(head));
  const auto row = [&] {
    const std::string text = machine.read("proc/pagetypeinfo");
    const auto found = text.find("DMA32, type      Movable");
    return text.substr(found, text.find('\n', found) - found);
  };
  EXPECT_EQ(row(), "DMA32, type      Movable      0      0      0      0      0      0      0"
                   "      0      0      0  99999 ");
  head.run_blocks = 100000;
  EXPECT_EQ(row(), "DMA32, type      Movable      0      0      0      0      0      0      0"
                   "      0      0      0 >100000 ");
  head.run_blocks = 262144;
  EXPECT_EQ(row(), "DMA32, type      Movable      0      0      0      0      0      0      0"
                   "      0      0      0 >100000 ");
}

}  // namespace
}  // namespace quire::test
