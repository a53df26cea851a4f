// Records small runs of Debian's programs with the built tool, as a user does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <iterator>
#include <map>
#include <set>
#include <thread>

#include "tests/record/recording.hpp"

namespace quire::record {
namespace {

using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::StartsWith;
using tools::Outcome;
using namespace trace;

std::uint64_t bytes_read(const std::vector<Event>& events, const std::string& path) {
  const auto files = all<File>(events);
  const auto file = std::ranges::find(files, path, &File::path);
  std::uint64_t bytes = 0;
  for (const Transfer& transfer : all<Transfer>(events))
    if (file != files.end() && transfer.file == file->file && !transfer.write)
      bytes += transfer.length;
  return bytes;
}

TEST_F(Recording, OfSortHasItsFilesItsBuffersAndAtMostTwoBytesAnAccess) {
  const std::vector<Event> events = recorded("sort " + file("lines"));
  EXPECT_EQ(bytes_read(events, file("lines")), std::filesystem::file_size(file("lines")));
  std::uint64_t accesses = 0;
  for (const Access& access : all<Access>(events))
    accesses += std::uint64_t{access.pages} * access.times;
  EXPECT_GT(accesses, 1'000'000u);
  EXPECT_LT(std::filesystem::file_size(trace()), 2 * accesses);
}

TEST_F(Recording, OfGzipReadsItsInputAndExits) {
  const std::vector<Event> events = recorded("gzip -n -c " + file("lines"));
  EXPECT_EQ(bytes_read(events, file("lines")), std::filesystem::file_size(file("lines")));
  EXPECT_EQ(all<Exit>(events), (std::vector{Exit{.status = 0, .process = true}}));
}

// dd hands its buffer from read to write, and never looks at it.
TEST_F(Recording, HasThePagesThatOnlyTheKernelTouches) {
  std::map<Touch, std::set<std::uint64_t>> pages;
  for (const Access& access :
       all<Access>(recorded("dd if=/dev/zero of=/dev/null bs=1M count=1 status=none")))
    for (std::uint64_t i = 0; i < access.pages; ++i)
      pages[access.touch].insert(access.page + i * static_cast<std::uint64_t>(access.stride));
  std::vector<std::uint64_t> both;
  std::ranges::set_intersection(pages[Touch::kRead], pages[Touch::kWrite],
                                std::back_inserter(both));
  EXPECT_GE(both.size(), 256u);
  EXPECT_LT(pages[Touch::kFetch].size(), 256u);
}

TEST_F(Recording, OfSqliteWritesItsDatabase) {
  const std::vector<Event> events = recorded(
      "sqlite3 " + file("db") +
      " 'drop table if exists t; create table t(a);"
      " insert into t values(1),(2); select sum(a) from t'");
  EXPECT_TRUE(std::ranges::any_of(all<Transfer>(events), &Transfer::write));
}

TEST_F(Recording, OfPythonWithThreadsHasEachThreadsPages) {
  const std::vector<Event> events = recorded(
      "/usr/bin/python3 -S -c \"import threading\n"
      "ts=[threading.Thread(target=lambda: bytearray(1<<20)) for _ in range(3)]\n"
      "[t.start() for t in ts]; [t.join() for t in ts]; print('done')\"");
  EXPECT_EQ(all<Clone>(events).size(), 3u);
  std::map<ThreadId, unsigned> touches;
  for (const Event& event : events) touches[event.thread] += event.what.index() == 0;
  for (std::uint32_t thread = 0; thread < 4; ++thread)
    EXPECT_GT(touches[ThreadId{thread}], 10u) << thread;
}

TEST_F(Recording, OfAScriptHasItsChildrenAndWhatTheyRun) {
  std::ofstream(file("script")) << "#!/bin/sh -u\n"
                                   "for i in 1 2; do echo $i | cat | sed s/1/x/; done\n"
                                   "(exit 3); echo $?; /nonexistent/program 2>/dev/null; echo $?\n"
                                << file("lines") << " 2>/dev/null; echo $?\n";
  std::filesystem::permissions(file("script"), std::filesystem::perms::owner_all);
  const std::vector<Event> events = recorded(file("script"));
  std::vector<std::string> programs;
  for (const Exec& exec : all<Exec>(events))
    programs.push_back(std::filesystem::path(exec.path).filename());
  EXPECT_THAT(programs, IsSupersetOf({"dash", "cat", "cat", "sed", "sed"}));
  std::set<ProcessId> born = {ProcessId{0}};
  for (const Event& event : events) {
    ASSERT_TRUE(born.contains(event.process)) << "acts before its Fork";
    if (const auto* fork = std::get_if<Fork>(&event.what)) born.insert(fork->child);
  }
  EXPECT_GE(born.size(), 8u);
  EXPECT_THAT(all<Exit>(events), ::testing::Contains(Exit{.status = 3, .process = true}));
}

TEST_F(Recording, InOrderOfAllAccessesTouchesTheSamePages) {
  const auto pages = [this](const std::string& options) {
    EXPECT_EQ(record(options + " -- /bin/true").status, 0);
    std::set<std::pair<std::uint64_t, Touch>> touched;
    for (const Access& access : all<Access>(events_of(trace())))
      for (std::uint64_t i = 0; i < access.pages; ++i)
        touched.emplace(access.page + i * static_cast<std::uint64_t>(access.stride), access.touch);
    return touched;
  };
  const auto each = pages("--window 1");
  const std::size_t events = events_of(trace()).size();
  EXPECT_EQ(each, pages(""));
  EXPECT_GT(events, 10 * events_of(trace()).size());
}

TEST_F(Recording, HasTheCommandAsAShellTakesIt) {
  EXPECT_EQ(record("-- sh -c 'exit 0' \"it's\"").status, 0);
  const auto reader = open_trace(trace());
  ASSERT_TRUE(reader.has_value());
  EXPECT_EQ((*reader)->header().command, "sh -c 'exit 0' 'it'\\''s'");
}

// In the end there is nothing more that could be recorded.
TEST_F(Recording, WaitsForWhatAProgramLeavesBehind) {
  EXPECT_EQ(record("-- sh -c 'sleep 0.3 & exit 4'").status, 4);
  const std::vector<Event> events = events_of(trace());
  EXPECT_EQ(all<Exec>(events).size(), 2u);
  EXPECT_EQ(all<Exit>(events).size(), 2u);
}

TEST_F(Recording, OfAMissingProgramEndsWith127AndNoTrace) {
  const Outcome missing = record("-- no-such-program");
  EXPECT_EQ(missing.status, 127);
  EXPECT_EQ(missing.err, "quire: no-such-program: not found\n");
  EXPECT_EQ(record("-- " + file("lines")).status, 127);
  EXPECT_FALSE(std::filesystem::exists(trace()));
}

TEST_F(Recording, HasTheStatusOfItsProgram) {
  EXPECT_EQ(record("-- sh -c 'exit 7'").status, 7);
  EXPECT_EQ(record("-- sh -c 'kill -9 $$'").status, 137);
  EXPECT_GT(events_of(trace()).size(), 100u) << "what a killed program did is there";
}

TEST_F(Recording, WithoutRoomEndsTheProgramAndSaysSo) {
  const std::string command = "trap '' XFSZ; ulimit -f 300; exec " + tools::tool() + " record -o " +
                              trace() + " --window 1 -- sort " + file("lines") + " 2>&1";
  const std::string said = shell("sh -c \"" + command + "\"; echo status $?");
  EXPECT_THAT(said, HasSubstr("quire: cannot write to " + trace() + ".parts-"));
  EXPECT_THAT(said, HasSubstr(": File too large; the program was ended\nstatus 1\n"));
  EXPECT_FALSE(std::filesystem::exists(trace()));
  EXPECT_TRUE(is_tidy());
}

// What the streams come to is written into the trace in the end: there the disk is full.
TEST_F(Recording, ThatFindsNoRoomForItsTraceSaysSo) {
  const Outcome full = tools::quire("record -o /dev/full -- true");
  EXPECT_EQ(full.status, 1);
  EXPECT_EQ(full.err, "quire: cannot write /dev/full: No space left on device\n");
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));
}

TEST_F(Recording, IntoAFolderThatIsNotThereIsRefused) {
  const Outcome refused = tools::quire("record -o /proc/absent/t.qtr -- true");
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err, StartsWith("quire: cannot write /proc/absent/t.qtr: No such file"));
}

// Ctrl-C reaches the program and the tool alike.
TEST_F(Recording, ThatIsInterruptedIsATraceOfWhatWasUntilThen) {
  const pid_t group = fork();
  if (group == 0) {
    setpgid(0, 0);
    std::signal(SIGINT, SIG_DFL);  // a shell's background has it ignored
    execl("/bin/sh", "sh", "-c",
          ("exec " + tools::tool() + " record -o " + trace() + " -- sh -c 'echo > " +
           file("ready") + "; exec sleep 100' 2>" + file("said")).c_str(),
          nullptr);
    _exit(1);
  }
  using std::chrono::steady_clock;
  const auto late = steady_clock::now() + std::chrono::seconds(60);
  while (!std::filesystem::exists(file("ready")) && steady_clock::now() < late)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  kill(-group, SIGINT);
  int status = 0;
  waitpid(group, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGINT);
  EXPECT_THAT(text_of(file("said")), HasSubstr("quire: interrupted; "));
  EXPECT_GT(events_of(trace()).size(), 100u);
}

}  // namespace
}  // namespace quire::record
