// `quire run` and `quire page` where a recorded trace does not fit, a disk is full, or somebody
// watches and interrupts.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/cli/command.hpp"

namespace quire::tools {
namespace {

using ::testing::ContainsRegex;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

const std::string kTrace = QUIRE_SOURCE_DIR "/examples/traces/sqlite.qtr";

// The tool on a terminal of its own, of which both ends are kept: what is drawn stays to be read.
class OnTerminal {
 public:
  explicit OnTerminal(std::vector<std::string> arguments, const std::string& out)
      : terminal_(::posix_openpt(O_RDWR | O_NOCTTY)) {
    EXPECT_EQ(::grantpt(terminal_) | ::unlockpt(terminal_), 0);
    kept_ = ::open(::ptsname(terminal_), O_RDWR | O_NOCTTY);
    std::string program = tool();
    std::vector<char*> words = {program.data()};
    for (std::string& argument : arguments) words.push_back(argument.data());
    words.push_back(nullptr);
    child_ = ::fork();
    if (child_ != 0) return;
    ::dup2(kept_, 2);
    ::dup2(::open(out.c_str(), O_CREAT | O_WRONLY, 0600), 1);
    ::execv(program.c_str(), words.data());
    ::_exit(9);
  }
  OnTerminal(const OnTerminal&) = delete;
  OnTerminal& operator=(const OnTerminal&) = delete;
  ~OnTerminal() {
    for (const int descriptor : {terminal_, kept_}) ::close(descriptor);
  }

  // All that was drawn until `wanted` is; less where nothing more comes.
  std::string drawn_until(const std::string& wanted) {
    std::string drawn;
    while (drawn.find(wanted) == std::string::npos) {
      const std::string more = piece(60'000);
      if (more.empty()) break;
      drawn += more;
    }
    return drawn;
  }
  // What else has been drawn.
  std::string rest() {
    std::string drawn;
    for (std::string more = piece(0); !more.empty(); more = piece(0)) drawn += more;
    return drawn;
  }
  int interrupted() const {
    ::kill(child_, SIGINT);
    int status = 0;
    ::waitpid(child_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  std::string piece(int timeout_ms) const {
    pollfd ready{terminal_, POLLIN, 0};
    char bytes[256];
    if (::poll(&ready, 1, timeout_ms) != 1) return {};
    const ssize_t got = ::read(terminal_, bytes, sizeof bytes);
    return {bytes, static_cast<std::size_t>(got > 0 ? got : 0)};
  }

  const int terminal_;
  int kept_ = -1;
  pid_t child_ = -1;
};

class Traced : public ::testing::Test {
 protected:
  [[nodiscard]] std::string out(const char* name) const { return scratch_.path() / name; }
  // With no room for a file of more than 4 KiB.
  [[nodiscard]] Outcome without_room(const std::string& arguments) const {
    const Scratch scratch;
    const std::string err = scratch.path() / "err";
    const std::string command = "trap '' XFSZ; ulimit -f 8; exec " + tool() + " " + arguments +
                                " 2>" + err;
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, "", text_of(err)};
  }

  // The first number of that name in the JSON.
  [[nodiscard]] std::uint64_t figure(const std::string& name) const {
    const std::string json = text_of(out("json"));
    const std::size_t at = json.find("\"" + name + "\":");
    EXPECT_NE(at, json.npos) << name;
    return at == json.npos ? 0 : std::strtoull(json.c_str() + at + name.size() + 3, nullptr, 10);
  }

 private:
  Scratch scratch_;
};

TEST_F(Traced, ProgramThatDoesNotFitEndsAsLinuxWouldEndIt) {
  const Outcome run = quire("run " + example("tiny-4m") + " " + kTrace + " --verify --json " +
                            out("json"));
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_THAT(run.err, IsEmpty());
  EXPECT_TRUE(std::regex_search(
      run.out, std::regex(" 1 sqlite3 +killed .*\n +out of memory\n"))) << run.out;
  EXPECT_TRUE(std::regex_search(
      run.out, std::regex("\nsqlite3 invoked oom-killer: gfp_mask=0x[0-9a-f]+\\([A-Z_|]+\\), "
                          "order=0, oom_score_adj=0\n"
                          "Out of memory: Killed process 1 \\(sqlite3\\) total-vm:[0-9]+kB, "
                          "anon-rss:[0-9]+kB, file-rss:[0-9]+kB, shmem-rss:0kB, UID:0 "
                          "pgtables:[0-9]+kB oom_score_adj:0\n$")))
      << run.out;
  for (const char* words : {"\"end\":\"finished\"", "\"why\":\"out of memory\"",
                            "Out of memory: Killed process 1 (sqlite3)"})
    EXPECT_THAT(text_of(out("json")), HasSubstr(words));
}

TEST_F(Traced, ProgramsThatDoNotFitTogetherAreKilledUntilTheRestDo) {
  std::ofstream(out("small.toml")) << "name = \"small\"\nram = \"16M\"\n";
  const Outcome run = quire("run " + out("small.toml") + " " + kTrace + " --copies 5");
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr(" killed "));
  EXPECT_THAT(run.out, HasSubstr(" exited "));
}

TEST_F(Traced, RunStopsAtTheTimeThatItIsTold) {
  const auto time = [&](const std::string& until) {
    const Outcome run = quire("run -q " + example("tiny-4m") + " " + kTrace + " --until " + until +
                              " --json " + out("json"));
    EXPECT_EQ(run.status, 0) << run.err;
    return figure("time_ns");
  };
  // A turn is 20 us, a wait for the disk some more.
  const std::uint64_t stopped = time("2ms");
  EXPECT_GE(stopped, 2'000'000u);
  EXPECT_LE(stopped, 2'200'000u);
  EXPECT_EQ(time("2000us"), stopped);
  EXPECT_EQ(time("2000000ns"), stopped);
  EXPECT_THAT(text_of(out("json")), HasSubstr("\"end\":\"stopped as asked\""));
  EXPECT_GT(time("1s"), 3'000'000u);
  EXPECT_THAT(text_of(out("json")), HasSubstr("\"end\":\"finished\""));
}

TEST_F(Traced, RunStopsRightAfterTheFaultThatItIsTold) {
  ASSERT_EQ(quire("run -q " + example("tiny-4m") + " " + kTrace + " --until fault=50 --json " +
                  out("json")).status, 0);
  const std::string json = text_of(out("json"));
  std::smatch kinds;
  ASSERT_TRUE(std::regex_search(json, kinds, std::regex("\"faults\":\\{([^}]*)\\}")));
  std::uint64_t sum = 0;
  std::istringstream left(kinds[1]);
  for (std::string kind; std::getline(left, kind, ',');)
    sum += std::stoull(kind.substr(kind.find(':') + 1));
  EXPECT_EQ(sum, 50u);
}

TEST_F(Traced, QuietRunPrintsNothing) {
  const Outcome run = quire("run -q " + example("tiny-4m") + " " + kTrace);
  EXPECT_EQ(run.out + run.err, "");
}

TEST_F(Traced, PageIsOneOfTheMachines) {
  const std::string rest = " " + example("tiny-4m") + " " + kTrace + " --until 1us";
  const Outcome beyond = quire("page 0x10000000" + rest);
  const std::string words = "the machine's last is ";
  const std::size_t at = beyond.err.find(words);
  ASSERT_NE(at, beyond.err.npos) << beyond.err;
  const std::uint64_t last = std::stoull(beyond.err.substr(at + words.size()), nullptr, 16);
  EXPECT_EQ(quire("page " + std::to_string(last + 1) + rest).status, 1);
  EXPECT_EQ(quire("page " + std::to_string(last) + rest).status, 0);
  EXPECT_EQ(quire("page " + std::to_string(last) + rest + " >/dev/full; exit $?; true").status, 1);
}

TEST_F(Traced, WorkloadsTouchOtherPagesWithAnotherSeed) {
  std::ofstream(out("w.toml"))
      << "[[workload]]\npattern = \"random\"\nmemory = \"1M\"\naccesses = 300\n";
  const auto faults = [&](const std::string& seed) {
    EXPECT_EQ(quire("run -q " + example("tiny-4m") + " " + out("w.toml") + " --seed " + seed +
                    " --json " + out("json")).status, 0);
    return figure("anonymous");
  };
  const std::uint64_t first = faults("1");
  EXPECT_EQ(faults("1"), first);
  EXPECT_NE(std::set({first, faults("2"), faults("3"), faults("4")}).size(), 1u);
}

TEST_F(Traced, RunDrawsABarThatGrowsAndTakesItAwayWhenInterrupted) {
  OnTerminal run({"run", example("numa2"), kTrace, "--copies", "64", "--json", out("json")},
                 out("out"));
  const std::string drawn = run.drawn_until("[#");
  // Thirty wide, then how much is read of all traces.
  EXPECT_THAT(drawn, ContainsRegex("\r\x1b\\[K\\[ {30}\\]   0 %  [0-9]+\\.[0-9]{3} ms  [0-9]+ "
                                   "faults\r"));
  EXPECT_EQ(run.interrupted(), 130);
  EXPECT_THAT(text_of(out("json")), HasSubstr("\"end\":\"interrupted\""));
  EXPECT_THAT(text_of(out("out")), HasSubstr("interrupted after"));
  EXPECT_THAT(run.rest(), EndsWith("\r\x1b[K"));
}

TEST_F(Traced, PageShowsWhatThereIsWhenInterrupted) {
  OnTerminal page({"page", "0x100", example("numa2"), kTrace, "--copies", "64"},
                  out("out"));
  EXPECT_THAT(page.drawn_until("faults"), HasSubstr("faults"));
  EXPECT_EQ(page.interrupted(), 130);
  EXPECT_THAT(text_of(out("out")), HasSubstr("page 0x100 at 0x100000 after "));
}

TEST_F(Traced, RunSaysWhatCouldNotBeWrittenAndLeavesNoPartOfIt) {
  const std::string run = "run -q " + example("tiny-4m") + " " + kTrace;
  const auto refused = [&](const std::string& option, const std::string& why) {
    const Outcome outcome = without_room(run + " " + option + " " + out("full"));
    EXPECT_EQ(outcome.status, 1) << option;
    EXPECT_THAT(outcome.err, StartsWith("quire: ")) << option;
    EXPECT_THAT(outcome.err, EndsWith(why + "\n")) << option;
    EXPECT_FALSE(std::filesystem::is_regular_file(out("full"))) << option;
  };
  refused("--json", "/full: cannot be written: File too large");
  refused("--sqlite", "/full: disk I/O error");
  refused("--proc", ": File too large");
  for (const char* option : {"--json", "--sqlite"}) {
    const Outcome outcome = quire(run + " " + option + " /dev/full");
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.err, StartsWith("quire: /dev/full: "));
  }
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));
  EXPECT_EQ(quire("run " + example("tiny-4m") + " " + kTrace + " >/dev/full; exit $?; true").status,
            1);
}

TEST_F(Traced, MallocOfAProgramThatIsNotThereEndsWith127) {
  if (!std::filesystem::exists(std::filesystem::path(tool()).parent_path() / "libquire_malloc.so"))
    GTEST_SKIP() << "a build without it";
  EXPECT_EQ(quire("malloc -- no-such-program").status, 127);
  EXPECT_EQ(quire("malloc -- sh -c 'exit 7'").status, 7);
}

}  // namespace
}  // namespace quire::tools
