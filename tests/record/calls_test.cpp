// What programs do besides mapping memory, and their replays need: signals, files that change
// their length by other calls than write, shared memory, children. calls.c does it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/record/recording.hpp"

namespace quire::record {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::SizeIs;
using namespace trace;

constexpr std::uint64_t kPage = 4096;
const std::vector<Exit> kEnded = {{.status = 0, .process = true}};

class RecordedDeeds : public Recording {
 protected:
  [[nodiscard]] std::vector<Event> done(const std::string& deed) {
    return replayed(compiled() + " " + deed + " " + file("made"));
  }
};

// The number of the file at a path, or of one whose path ends so.
std::uint32_t number_of(const std::vector<Event>& events, const std::string& path) {
  for (const File& file : all<File>(events))
    if (file.path.ends_with(path)) return file.file;
  ADD_FAILURE() << "no file " << path;
  return kNoFile;
}

// A piece of a file that is read or written, in pages.
struct Part {
  std::uint64_t page = 0;
  std::uint64_t pages = 0;
  bool operator==(const Part&) const = default;
};

std::vector<Part> transfers(const std::vector<Event>& events, const std::string& path, bool write) {
  std::vector<Part> parts;
  const std::uint32_t file = number_of(events, path);
  for (const Transfer& transfer : all<Transfer>(events))
    if (transfer.file == file && transfer.write == write)
      parts.push_back({transfer.offset / kPage, transfer.length / kPage});
  return parts;
}

std::vector<std::uint64_t> lengths(const std::vector<Event>& events) {
  std::vector<std::uint64_t> pages;
  for (const Truncate& truncate : all<Truncate>(events))
    if (truncate.file == number_of(events, "/made")) pages.push_back(truncate.size / kPage);
  return pages;
}

// qemu-user reads tables of its own in the program's memory then.
TEST_F(RecordedDeeds, OnSignalsOfATimer) { EXPECT_EQ(all<Exit>(done("ring_by_timer")), kEnded); }
TEST_F(RecordedDeeds, OnSignalsInThreads) {
  EXPECT_THAT(all<Clone>(done("ring_in_threads")), SizeIs(2));
}
TEST_F(RecordedDeeds, OnSignalsOfATimerInPython) {
  const std::vector<Event> events = replayed(
      "/usr/bin/python3 -S -c \"import signal\n"
      "rings = []\n"
      "signal.signal(signal.SIGALRM, lambda *_: rings.append(1))\n"
      "signal.setitimer(signal.ITIMER_REAL, .002, .002)\n"
      "while len(rings) < 3: pass\n"
      "signal.setitimer(signal.ITIMER_REAL, 0)\nprint('done')\"");
  EXPECT_EQ(all<Exit>(events), kEnded);
}

TEST_F(RecordedDeeds, TruncateByPathChangesTheLength) {
  EXPECT_THAT(lengths(done("by_truncate")), ElementsAre(0, 1, 5, 2, 5));
}
TEST_F(RecordedDeeds, FallocateChangesTheLengthWhereItDoes) {
  EXPECT_THAT(lengths(done("by_fallocate")), ElementsAre(0, 1, 5));
}
TEST_F(RecordedDeeds, OpenCutsAFile) {
  EXPECT_THAT(lengths(done("by_open")), ElementsAre(0, 1, 5, 0, 5));
}
TEST_F(RecordedDeeds, SendfileReadsAndWrites) {
  const std::vector<Event> events = done("by_sendfile");
  EXPECT_THAT(transfers(events, "/made", true), ElementsAre(Part{1, 1}, Part{2, 3}));
  EXPECT_THAT(transfers(events, "/made.other", false), ElementsAre(Part{1, 1}, Part{0, 3}));
}
TEST_F(RecordedDeeds, CopyFileRangeReadsAndWrites) {
  const std::vector<Event> events = done("by_copy_file_range");
  EXPECT_THAT(transfers(events, "/made", true), ElementsAre(Part{1, 2}, Part{3, 2}));
  EXPECT_THAT(transfers(events, "/made.other", false), ElementsAre(Part{0, 2}, Part{0, 2}));
}
TEST_F(RecordedDeeds, SpliceReadsAndWrites) {
  const std::vector<Event> events = done("by_splice");
  const auto one_by_one =
      ElementsAre(Part{1, 1}, Part{2, 1}, Part{3, 1}, Part{4, 1});
  EXPECT_THAT(transfers(events, "/made", true), one_by_one);
  EXPECT_THAT(transfers(events, "/made.other", false),
              ElementsAre(Part{0, 1}, Part{1, 1}, Part{2, 1}, Part{3, 1}));
}
TEST_F(RecordedDeeds, VectorsAreWrittenAndRead) {
  const std::vector<Event> events = done("by_vectors");
  EXPECT_THAT(transfers(events, "/made", true), ElementsAre(Part{1, 2}, Part{3, 2}));
  EXPECT_THAT(transfers(events, "/made", false), ElementsAre(Part{1, 2}));
}
TEST_F(RecordedDeeds, WhatIsAppendedIsAtTheEnd) {
  EXPECT_THAT(transfers(done("by_append"), "/made", true), ElementsAre(Part{1, 2}, Part{3, 2}));
}

TEST_F(RecordedDeeds, SharedMemoryIsAttachedAndDetached) {
  const std::vector<Event> events = done("shared_memory");
  const std::uint32_t segment = number_of(events, "/SYSV00000000 (deleted)");
  std::vector<Mmap> attached = all<Mmap>(events);
  std::erase_if(attached, [&](const Mmap& map) { return map.file != segment; });
  ASSERT_THAT(attached, SizeIs(2));
  for (const Mmap& map : attached) {
    EXPECT_EQ(map.length, 5 * kPage);
    EXPECT_THAT(all<Munmap>(events), Contains(Munmap{map.address, map.length}));
  }
  EXPECT_EQ(attached[0].protection, std::uint32_t{PROT_READ | PROT_WRITE});
  EXPECT_EQ(attached[1].protection, std::uint32_t{PROT_READ});
}
TEST_F(RecordedDeeds, FilesInMemoryOfOneNameAreNotOneFile) {
  const std::vector<Event> events = done("memory_files");
  EXPECT_EQ(std::ranges::count_if(all<File>(events),
                                  [](const File& file) { return file.path.contains("memfd"); }),
            5);
}
TEST_F(RecordedDeeds, PiecesOfSharedMappingsMoveAndGrow) {
  EXPECT_THAT(all<Mremap>(done("moved_pieces")), SizeIs(2));
}
TEST_F(RecordedDeeds, ANumberIsNoAddress) { EXPECT_EQ(all<Exit>(done("numbers")), kEnded); }

// The program prints the errno of each.
TEST_F(RecordedDeeds, WhatCannotBeRunSaysWhyAsOnItsOwn) {
  EXPECT_THAT(all<Exec>(done("refused")), SizeIs(1));
}
TEST_F(RecordedDeeds, ChildrenByPosixSpawnAndExecveatAreRecorded) {
  const std::vector<Event> events = done("children");
  std::vector<std::string> programs;
  for (const Exec& exec : all<Exec>(events)) programs.push_back(exec.path);
  EXPECT_THAT(programs, ElementsAre(EndsWith("/calls"), EndsWith("/dash"), EndsWith("/dash"),
                                    EndsWith("/dash")));
  EXPECT_EQ(std::ranges::count(all<Exit>(events), Exit{.status = 5, .process = true}), 3);
}
TEST_F(RecordedDeeds, ChildrenOfPythonAreRecorded) {
  const std::vector<Event> events = replayed(
      "/usr/bin/python3 -S -c \"import os, subprocess\n"
      "pid = os.posix_spawn('/bin/echo', ['echo', 'spawned'], {})\n"
      "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)\n"
      "print(subprocess.run(['/bin/sh', '-c', 'echo run; exit 3']).returncode, flush=True)\n"
      "for bad in '/nonexistent/program', '/etc/passwd', '" +
      file("lines") +
      "':\n"
      "  try: subprocess.run([bad])\n"
      "  except OSError as error: print(error.strerror)\"");
  std::vector<std::string> programs;
  for (const Exec& exec : all<Exec>(events))
    programs.push_back(std::filesystem::path(exec.path).filename());
  EXPECT_THAT(programs, ElementsAre(::testing::StartsWith("python3"), "echo", "dash"));
}

}  // namespace
}  // namespace quire::record
