#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "tests/cli/command.hpp"

namespace quire::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

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
  // What a run of these workloads on two small nodes tells as JSON.
  nlohmann::json json_of(const std::string& workloads) {
    const Outcome run = quire("run -q " + example("two-small-nodes") + " " + workloads +
                              " --json " + out("json").string());
    EXPECT_EQ(run.status, 0) << run.err;
    return nlohmann::json::parse(text_of(out("json")));
  }
  // A trace of 1,024 pages that are written, one after the other.
  std::string trace() {
    const std::filesystem::path path = out("t.csv");
    std::ofstream file(path);
    for (unsigned page = 0; page < 1024; ++page) file << 0x10000000 + page * 4096 << ",w\n";
    return path;
  }
  // How many pages each node gave away in such a run.
  std::array<std::uint64_t, 2> taken_of_nodes(const std::string& workloads) {
    const nlohmann::json json = json_of(workloads);
    std::array<std::uint64_t, 2> taken{};
    for (std::size_t zone = 0; zone < json["zones"].size(); ++zone) {
      const std::vector<std::uint64_t> free = json["samples"]["free"][zone]["values"];
      taken[json["zones"][zone]["node"].get<unsigned>()] +=
          *std::ranges::max_element(free) - *std::ranges::min_element(free);
    }
    return taken;
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

// CPUs 0 and 1 are of node 0, 2 and 3 of node 1, and memory is that of the node where it is asked
// for. Of 1,024 pages the first are gone before the first sample.
TEST_F(RunCommand, RunsATraceOnTheCpuThatItIsPinnedTo) {
  const auto expect_on = [](unsigned node, const std::array<std::uint64_t, 2>& taken) {
    EXPECT_GE(taken[node], 512u);
    EXPECT_LT(taken[1 - node], 16u);
  };
  expect_on(0, taken_of_nodes(trace() + "@1"));
  expect_on(1, taken_of_nodes(trace() + "@2"));
  expect_on(1, taken_of_nodes(workload("[[workload]]\ntrace = \"t.csv\"\ncpu = 3\n")));
}

TEST_F(RunCommand, RunsThreadsAndChildrenWhereTheirProgramIsPinned) {
  for (const char* program : {"pattern = \"random\"\nthreads = 3\n",
                              "pattern = \"fork_storm\"\nchildren = 3\n"}) {
    const std::string one =
        std::string("[[workload]]\nmemory = \"4M\"\naccesses = 4000\n") + program;
    const auto pinned = taken_of_nodes(workload(one + "cpu = 2\n"));
    EXPECT_LT(pinned[0], 16u) << program;
    EXPECT_GE(pinned[1], 512u) << program;
    EXPECT_GE(taken_of_nodes(workload(one))[0], 16u) << program;
  }
}

TEST_F(RunCommand, SaysWhereACpuIsNamedThatIsNotThere) {
  const auto error = [&](const std::string& workloads) {
    const Outcome run = quire("run -q " + example("numa2") + " " + workloads);
    EXPECT_EQ(run.status, 1);
    return run.err;
  };
  EXPECT_EQ(error(trace() + "@4"),
            "quire: " + trace() + "@4: there is no CPU 4: the machine's last is 3\n");
  EXPECT_THAT(error(trace() + "@123456789"), HasSubstr("t.csv@123456789: expected a CPU below"));
  EXPECT_THAT(error(workload("[[workload]]\ntrace = \"t.csv\"\ncpu = 4\n")),
              HasSubstr("w.toml:3: workload[0].cpu: there is no CPU 4: the machine's last is 3"));
  EXPECT_THAT(error(workload("") + "@1"), HasSubstr("w.toml@1: a workload file says itself"));
  EXPECT_THAT(error(workload("[[workload]]\ntrace = \"t.csv\"\nmemory = \"1M\"\n")),
              HasSubstr("w.toml:3: workload[0].memory: unknown key, expected one of trace, cpu"));
  EXPECT_THAT(error(workload("[[workload]]\nname = \"nothing\"\n")),
              HasSubstr("expected \"pattern\" or \"trace\""));
}

TEST_F(RunCommand, TouchesOtherPagesWithAnotherSeedAndTheSameWithTheSame) {
  const auto told = [&](const std::string& pattern, const std::string& seed) {
    nlohmann::json json = json_of(workload("[[workload]]\npattern = \"" + pattern +
                                           "\"\nmemory = \"1M\"\naccesses = 256\n") + seed);
    json.erase("seed");
    return json;
  };
  const nlohmann::json none = told("random", "");
  EXPECT_EQ(told("random", " --seed 0"), none);
  const nlohmann::json seven = told("random", " --seed 7");
  EXPECT_NE(seven["faults"], none["faults"]);
  EXPECT_EQ(told("random", " --seed 7"), seven);
  EXPECT_EQ(told("sequential", " --seed 7"), told("sequential", " --seed 8"));
}

TEST_F(RunCommand, CopiesShareThePagesOfAFileAndHaveTheirOwnAnonymousOnes) {
  // Pages in memory when both copies have touched 64 and go on.
  const auto kept = [&](const std::string& more, const std::string& series) {
    const nlohmann::json json =
        json_of(workload("[[workload]]\npattern = \"sequential\"\nmemory = \"256K\"\n"
                         "accesses = 1000000000\n" + more) + " --copies 2 --until 1ms");
    EXPECT_EQ(json["processes"].size(), 2u);
    for (const nlohmann::json& process : json["processes"])
      EXPECT_EQ(process["peak_resident"], 64) << process;
    for (const nlohmann::json& group : json["samples"]["memory"])
      if (group["name"] == series) return group["values"].back().get<unsigned>();
    return 0u;
  };
  const std::string file = "file = \"/srv/data\"\n";
  EXPECT_EQ(kept(file + "write_percent = 0\n", "page cache"), 64u);
  EXPECT_EQ(kept(file + "shared = true\n", "page cache"), 64u);
  EXPECT_EQ(kept("", "anonymous"), 128u);
}

TEST_F(RunCommand, NamesTheTunableThatIsUnknownOrRefused) {
  const auto error = [&](const std::string& setting) {
    const Outcome run = quire("run -q " + example("numa2") + " " + trace() + " --set " + setting);
    EXPECT_EQ(run.status, 1);
    return run.err;
  };
  EXPECT_EQ(error("vm.swapiness=10"),
            "quire: vm.swapiness: No such file or directory (ENOENT): \"10\"\n");
  EXPECT_THAT(error("vm.swappiness=much"), StartsWith("quire: vm.swappiness: Invalid argument"));
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
