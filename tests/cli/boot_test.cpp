#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
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

// A workload file of a test's own.
class RunCommand : public ::testing::Test {
 protected:
  std::string workload(const std::string& text) {
    const std::filesystem::path path = scratch_.path() / "w.toml";
    std::ofstream(path) << text;
    return path;
  }
  std::filesystem::path out(const char* name) const { return scratch_.path() / name; }
  static std::uint64_t word_at(const std::filesystem::path& path, std::uint64_t number) {
    std::ifstream file(path, std::ios::binary);
    std::uint64_t word = 0;
    file.seekg(static_cast<std::streamoff>(number * sizeof word));
    EXPECT_TRUE(file.read(reinterpret_cast<char*>(&word), sizeof word)) << path;
    return word;
  }

 private:
  Scratch scratch_;
};

TEST_F(RunCommand, RunsWorkloadsAndPrintsASummary) {
  const std::string file = workload(
      "[[workload]]\npattern = \"sequential\"\nmemory = \"4M\"\n"
      "[[workload]]\nname = \"storm\"\npattern = \"fork_storm\"\nmemory = \"1M\"\nchildren = 3\n");
  const Outcome run = quire("run " + example("numa2") + " " + file + " --copies 2 --verify");
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_THAT(run.err, IsEmpty());
  for (const char* words : {"numa2: 2 nodes, 4 CPUs, seed 0", "finished after", "anonymous",
                            "copy", "sequential", "storm", "node 1  Normal"})
    EXPECT_THAT(run.out, HasSubstr(words));
}

TEST_F(RunCommand, WritesTheSameJsonEachTimeAndTheTreeAsItWas) {
  const std::string file = workload("[[workload]]\npattern = \"zipf\"\nmemory = \"8M\"\n");
  const std::string command = "run -q " + example("numa2") + " " + file + " --until fault=100 ";
  const Outcome first = quire(command + "--json " + out("a").string() + " --proc " +
                              out("tree").string());
  ASSERT_EQ(first.status, 0) << first.err;
  ASSERT_EQ(quire(command + "--json " + out("b").string()).status, 0);
  EXPECT_EQ(text_of(out("a")), text_of(out("b")));
  EXPECT_THAT(text_of(out("a")), HasSubstr("\"end\":\"stopped as asked\""));
  EXPECT_THAT(text_of(out("tree") / "proc/1/status"), HasSubstr("RssAnon:\t     400 kB"));
}

TEST_F(RunCommand, SaysWhatIsWrongWithWhatItIsGiven) {
  const auto error = [&](const std::string& text, const std::string& more = "") {
    const Outcome run = quire("run -q " + example("numa2") + " " + workload(text) + more);
    EXPECT_EQ(run.status, 1);
    return run.err;
  };
  const std::string good = "[[workload]]\npattern = \"random\"\n";
  EXPECT_THAT(error(""), HasSubstr("expected at least one [[workload]]"));
  EXPECT_THAT(error("[[workload]]\npattern = \"zip\"\n"),
              HasSubstr("w.toml:2: workload[0].pattern"));
  EXPECT_THAT(error(good + "cpu = 9\n"), HasSubstr("there is no CPU 9"));
  EXPECT_THAT(error(good, " --until soon"), HasSubstr("--until soon: expected a time"));
  EXPECT_THAT(error(good, " missing.qtr"), HasSubstr("missing.qtr"));
  EXPECT_THAT(error(good, " --json /nowhere/at/all"), HasSubstr("cannot be written"));
}

TEST_F(RunCommand, ShowsAPageAsItIsWhenTheRunStopsAndWhatItWas) {
  const std::string rest = example("numa2") + " " +
                           workload("[[workload]]\npattern = \"sequential\"\nmemory = \"1M\"\n");
  const Outcome run = quire("run -q " + rest + " --until fault=100 --proc " + out("tree").string());
  ASSERT_EQ(run.status, 0) << run.err;
  std::uint64_t start = 0;
  std::istringstream maps(text_of(out("tree") / "proc/1/maps"));
  for (std::string line; std::getline(maps, line);)
    if (line.starts_with("7fff") && start == 0) start = std::stoull(line, nullptr, 16);
  // The last that was touched, so that it has been seen free.
  const std::uint64_t entry = word_at(out("tree") / "proc/1/pagemap", (start >> 12) + 99);
  ASSERT_EQ(entry >> 63, 1u);
  const std::uint64_t frame = entry & ((std::uint64_t{1} << 55) - 1);
  EXPECT_EQ(word_at(out("tree") / "proc/kpagecount", frame), 1u);
  EXPECT_EQ(word_at(out("tree") / "proc/kpageflags", frame) >> 11 & 3, 3u);  // mmap, anon
  const Outcome page = quire("page " + std::to_string(frame) + " " + rest + " --until fault=100");
  EXPECT_EQ(page.status, 0) << page.err;
  for (const char* words : {"holds:  anonymous memory\n", "mapped: once\n  process 1 (sequential)",
                            "nothing: free; list: free, Movable; buddy\n"})
    EXPECT_THAT(page.out, HasSubstr(words));
  EXPECT_EQ(quire("page " + std::to_string(frame) + " " + rest + " --until fault=100").out,
            page.out);
  const Outcome beyond = quire("page 0x10000000 " + rest);
  EXPECT_EQ(beyond.status, 1);
  EXPECT_THAT(beyond.err, HasSubstr("there is no page 0x10000000: the machine's last is 0x"));
}

TEST_F(RunCommand, TellsWhatLinuxWouldWhenTheMachineIsTooSmall) {
  const std::filesystem::path machine = out("small.toml");
  std::ofstream(machine) << "name = \"small\"\nram = \"128M\"\n";
  const Outcome run = quire(
      "run " + machine.string() + " " +
      workload("[[workload]]\npattern = \"sequential\"\nmemory = \"512M\"\n") +
      " --set vm.overcommit_memory=1 --json " + out("a").string());
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("out of memory"));
  EXPECT_THAT(text_of(out("a")), HasSubstr("Out of memory: Killed process 1 (sequential)"));
}

TEST_F(RunCommand, SaysWhatIsWrongWithATrace) {
  const std::string trace = text_of(QUIRE_SOURCE_DIR "/examples/traces/sqlite.qtr");
  const auto error = [&](std::size_t place) {
    std::string altered = trace;
    altered[place] ^= 4;
    std::ofstream(out("t.qtr"), std::ios::binary) << altered;
    const Outcome run = quire("run -q " + example("numa2") + " " + out("t.qtr").string());
    EXPECT_EQ(run.status, 1);
    return run.err;
  };
  EXPECT_THAT(error(8), HasSubstr("t.qtr: at byte 8: is of version 5"));
  EXPECT_THAT(error(trace.size() / 2), HasSubstr("t.qtr: at byte "));
}

TEST_F(RunCommand, SaysThatADiskIsFull) {
  const Outcome run = quire("run -q " + example("numa2") + " " +
                            workload("[[workload]]\npattern = \"random\"\nmemory = \"1M\"\n") +
                            " --json /dev/full");
  EXPECT_EQ(run.status, 1);
  EXPECT_THAT(run.err, HasSubstr("/dev/full: cannot be written"));
}

// On a terminal of its own: Ctrl-C ends the run, and there is a report so far.
TEST_F(RunCommand, DrawsHowFarItIsAndEndsWellWhenInterrupted) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_GE(terminal, 0);
  ASSERT_EQ(::grantpt(terminal) | ::unlockpt(terminal), 0);
  const int kept = ::open(::ptsname(terminal), O_RDWR | O_NOCTTY);
  const std::string file = workload(
      "[[workload]]\npattern = \"random\"\nmemory = \"1M\"\naccesses = 1000000000000\n");
  const std::string machine = example("numa2"), json = out("a"), program = tool();
  const int ended = ::open(out("out").c_str(), O_CREAT | O_WRONLY, 0600);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(kept, 2);
    ::dup2(ended, 1);
    ::execl(program.c_str(), "quire", "run", machine.c_str(), file.c_str(), "--json", json.c_str(),
            nullptr);
    ::_exit(9);
  }
  // What it draws first shows that it runs.
  std::string drawn;
  char piece[256];
  while (drawn.find("faults") == std::string::npos) {
    const ssize_t got = ::read(terminal, piece, sizeof piece);
    ASSERT_GT(got, 0);
    drawn.append(piece, static_cast<std::size_t>(got));
  }
  ::kill(child, SIGINT);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 130);
  EXPECT_THAT(text_of(out("a")), HasSubstr("\"end\":\"interrupted\""));
  EXPECT_THAT(text_of(out("out")), HasSubstr("interrupted"));
  for (const int descriptor : {terminal, kept, ended}) ::close(descriptor);
}

}  // namespace
}  // namespace quire::tools
