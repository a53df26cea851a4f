#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/cli/command.hpp"

namespace quire::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

TEST(Quire, TellsItsVersionAndItsCommands) {
  EXPECT_THAT(quire("--version").out, StartsWith("quire 0."));
  const Outcome help = quire("--help");
  EXPECT_EQ(help.status, 0);
  for (const char* command : {"boot", "import", "oracle", "run"})
    EXPECT_THAT(help.out, HasSubstr(command));
}

TEST(Quire, ExitsWith2WhenTheCommandLineIsWrong) {
  EXPECT_EQ(quire("").status, 2);
  EXPECT_EQ(quire("sail").status, 2);
  EXPECT_EQ(quire("boot").status, 2);
  EXPECT_EQ(quire("boot --wings " + example("numa2")).status, 2);
}

class EveryExample : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(EveryExample, BootsAndPrintsLogZoneinfoAndBuddyinfo) {
  const Outcome boot = quire("boot " + GetParam().string());
  EXPECT_EQ(boot.status, 0) << boot.err;
  EXPECT_THAT(boot.err, IsEmpty());
  const std::size_t log = boot.out.find("Early memory node ranges");
  const std::size_t zones = boot.out.find("# proc/zoneinfo\nNode 0, zone");
  const std::size_t free = boot.out.find("# proc/buddyinfo\nNode 0, zone");
  ASSERT_NE(free, std::string::npos);
  EXPECT_LT(log, zones);
  EXPECT_LT(zones, free);
}

std::vector<std::filesystem::path> examples() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry :
       std::filesystem::directory_iterator(QUIRE_SOURCE_DIR "/examples/machines"))
    if (entry.path().extension() == ".toml") paths.push_back(entry.path());
  std::ranges::sort(paths);
  return paths;
}

INSTANTIATE_TEST_SUITE_P(Machine, EveryExample, ::testing::ValuesIn(examples()),
                         [](const auto& info) {
                           std::string name = info.param.stem().string();
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(Boot, IsQuietWhenAskedTo) {
  const Outcome boot = quire("boot --quiet " + example("numa2"));
  EXPECT_EQ(boot.status, 0);
  EXPECT_THAT(boot.out + boot.err, IsEmpty());
}

TEST(Boot, PrintsTheSameForTheSameSeed) {
  const std::string command = "boot --seed 7 " + example("numa2");
  EXPECT_EQ(quire(command).out, quire(command).out);
}

TEST(BootProc, WritesTheWholeTreeAsFiles) {
  const Scratch scratch;
  const std::filesystem::path tree = scratch.path() / "a/b";
  const Outcome boot = quire("boot -q " + example("numa2") + " --proc " + tree.string());
  ASSERT_EQ(boot.status, 0) << boot.err;
  for (const char* file : {"zoneinfo", "buddyinfo", "pagetypeinfo", "meminfo", "vmstat", "iomem"}) {
    EXPECT_THAT(text_of(tree / "proc" / file), ::testing::EndsWith("\n")) << file;
  }
  for (const char* file : {"meminfo", "numastat", "distance", "vmstat", "cpumap", "cpulist"})
    EXPECT_TRUE(exists(tree / "sys/devices/system/node/node1" / file)) << file;
  for (const char* file : {"online", "possible", "has_cpu", "has_memory", "has_normal_memory"})
    EXPECT_EQ(text_of(tree / "sys/devices/system/node" / file), "0-1\n") << file;
  EXPECT_EQ(text_of(tree / "proc/sys/vm/swappiness"), "60\n");
  EXPECT_TRUE(exists(tree / "sys/devices/system/memory/block_size_bytes"));
  EXPECT_EQ(text_of(tree / "proc/sys/vm/drop_caches"), "");
  EXPECT_FALSE(exists(tree / "proc/kpageflags")) << "is as long as memory";
}

TEST(BootProc, SaysWhichDirectoryCannotBeWritten) {
  const Scratch scratch;
  std::ofstream(scratch.path() / "file") << "in the way";
  const Outcome boot =
      quire("boot -q " + example("numa2") + " --proc " + (scratch.path() / "file").string());
  EXPECT_EQ(boot.status, 1);
  EXPECT_THAT(boot.err, AllOf(StartsWith("quire: cannot write "), HasSubstr("file/"),
                              HasSubstr("Not a directory")));
}

TEST(BootProc, SaysWhichFileAFullDiskDidNotTake) {
  const Scratch scratch;
  const std::filesystem::path file = scratch.path() / "proc/zoneinfo";
  create_directories(file.parent_path());
  std::filesystem::create_symlink("/dev/full", file);
  const Outcome boot =
      quire("boot -q " + example("numa2") + " --proc " + scratch.path().string());
  EXPECT_EQ(boot.status, 1);
  EXPECT_EQ(boot.err, "quire: cannot write " + file.string() + ": No space left on device\n");
}

TEST(BootSet, WritesTunablesInOrderAndRecomputesWhatFollows) {
  const Scratch scratch;
  const Outcome boot = quire("boot -q " + example("numa2") +
                             " --set vm.min_free_kbytes=65536 --set vm.swappiness=10"
                             " --set vm.min_free_kbytes=8192"
                             " --set /sys/kernel/mm/transparent_hugepage/enabled=madvise"
                             " --proc " +
                             scratch.path().string());
  ASSERT_EQ(boot.status, 0) << boot.err;
  EXPECT_EQ(text_of(scratch.path() / "proc/sys/vm/swappiness"), "10\n");
  EXPECT_THAT(text_of(scratch.path() / "sys/kernel/mm/transparent_hugepage/enabled"),
              HasSubstr("[madvise]"));
}

TEST(BootSet, RefusesWhatLinuxRefusesWithItsErrno) {
  const auto refusal = [](const std::string& setting) {
    return quire("boot -q " + example("numa2") + " --set '" + setting + "'");
  };
  const Outcome text = refusal("vm.min_free_kbytes=abc");
  EXPECT_EQ(text.status, 1);
  EXPECT_EQ(text.err, "quire: vm.min_free_kbytes: Invalid argument (EINVAL): \"abc\"\n");
  EXPECT_THAT(refusal("vm.watermark_scale_factor=0").err, HasSubstr("EINVAL"));
  EXPECT_THAT(refusal("vm.no_such=1").err, HasSubstr("No such file or directory (ENOENT)"));
  EXPECT_THAT(refusal("swappiness").err, HasSubstr("expected NAME=VALUE"));
}

// A cache's traces are put together in a page of the machine's.
TEST(BootTrace, TellsWhatThePageAllocatorDoesOnceBooted) {
  const Scratch scratch;
  const std::string file = scratch.path() / "traced.toml";
  const std::string trace = scratch.path() / "trace";
  std::ofstream(file) << "ram = \"1G\"\ncommand_line = \"slub_debug=U,kmalloc-64\"\n";
  const std::string command = "boot -q " + file + " --trace " + trace;
  EXPECT_EQ(quire(command + " --set vm.swappiness=10").status, 0);
  EXPECT_THAT(text_of(trace), IsEmpty());
  const Outcome boot = quire(command + " --proc " + (scratch.path() / "tree").string());
  EXPECT_EQ(boot.status, 0) << boot.err;
  EXPECT_EQ(text_of(scratch.path() / "tree/sys/kernel/debug/slab/kmalloc-64/alloc_traces"),
            "No data\n");
  EXPECT_THAT(text_of(trace), HasSubstr("          <idle>-0       [000] .....     0.000000: "
                                        "mm_page_alloc: page=ffffea00"));
  EXPECT_THAT(text_of(trace), HasSubstr(" gfp_flags=GFP_KERNEL|__GFP_NOWARN\n"));
}

TEST(Boot, OfAFileThatIsNotThereSaysSo) {
  const Outcome boot = quire("boot nothing.toml");
  EXPECT_EQ(boot.status, 1);
  EXPECT_THAT(boot.err, StartsWith("quire: nothing.toml: expected a machine file"));
}

TEST(Boot, OfAFileThatIsNoMachineSaysWhere) {
  const Scratch scratch;
  const std::string file = scratch.path() / "wrong.toml";
  std::ofstream(file) << "arch = \"x86_64\"\n\n[[node]]\nmemory = true\n";
  const Outcome boot = quire("boot " + file);
  EXPECT_EQ(boot.status, 1);
  EXPECT_THAT(boot.err, HasSubstr("wrong.toml:4: node[0].memory: expected"));
}

TEST(Boot, OfAMachineWithoutRamSaysWhy) {
  const Scratch scratch;
  const std::string file = scratch.path() / "none.toml";
  std::ofstream(file) << "[[firmware]]\nstart = 0\nend = 0xfffff\ntype = \"reserved\"\n";
  const Outcome boot = quire("boot " + file);
  EXPECT_EQ(boot.status, 1);
  EXPECT_THAT(boot.err, AllOf(HasSubstr("none.toml"), HasSubstr("EINVAL")));
}

TEST(Boot, FailsWhenItsOutputCannotBeWritten) {
  const Outcome boot = quire("boot " + example("numa2") + " >/dev/full; exit $?; true");
  EXPECT_EQ(boot.status, 1);
}

}  // namespace
}  // namespace quire::tools
