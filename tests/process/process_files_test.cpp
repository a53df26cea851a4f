// /proc/PID of a process that does what tests/oracle/recorder/process_files.c did on Linux.
#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <vector>

#include "procfs/procfs.hpp"
#include "tests/process/ram_file.hpp"

namespace quire::testing {
namespace {

using Lines = std::vector<std::string>;

Lines lines_of(std::istream& in) {
  Lines lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// A section of the recording: a file as the kernel showed it.
Lines recorded(const std::string& name) {
  std::ifstream in(QUIRE_TESTS_DIR "/process/recorded/process_files.log");
  Lines section;
  bool inside = false;
  for (const std::string& line : lines_of(in)) {
    if (line.starts_with("== ")) {
      inside = line.substr(3) == name;
    } else if (inside && !line.starts_with("rc ")) {
      section.push_back(line);
    }
  }
  EXPECT_FALSE(section.empty()) << name;
  return section;
}

class SinkOfText final : public TextSink {
 public:
  void write(std::string_view piece) override { text.append(piece); }
  std::string text;
};

// What follows the header of each mapping, by where the mapping lies, without those of the
// program's file and of the kernel's pages.
bool is_header(const std::string& line) { return line.find('-') < line.find(' '); }
bool is_of_file(const std::string& line) {
  return line.find(" /") != std::string::npos || line.find("[v") != std::string::npos;
}
std::map<std::string, Lines> by_mapping(const Lines& lines) {
  std::map<std::string, Lines> blocks;
  Lines* block = nullptr;
  for (const std::string& line : lines) {
    if (is_header(line)) block = &blocks[line.substr(0, line.find(' '))];
    block->push_back(line);
  }
  return blocks;
}

// Numbers and blanks all alike: what is left is names and columns.
std::string masked(std::string line) {
  const std::size_t colon = line.find(':');
  for (std::size_t i = colon == std::string::npos ? 0 : colon; i < line.size(); ++i)
    if (line[i] == ' ' || std::isdigit(static_cast<unsigned char>(line[i])) != 0) line[i] = '#';
  return line;
}

class RecordedProcess : public ProcessMachine {
 public:
  RecordedProcess() : ProcessMachine(Shape::one_zone({.size_mib = 64, .cpus = 2})) {
    static constexpr auto kText = VmFlags::kRead | VmFlags::kExec;
    static constexpr auto kData = VmFlags::kRead | VmFlags::kWrite;
    const auto segment = [](VirtAddr start, VirtAddr end, VmFlags access) {
      return Segment{{start, end}, access};
    };
    const Segment segments[] = {
        segment(VirtAddr{0x400000}, VirtAddr{0x401000}, VmFlags::kRead),
        segment(VirtAddr{0x401000}, VirtAddr{0x47b000}, kText),
        segment(VirtAddr{0x47b000}, VirtAddr{0x4a3000}, VmFlags::kRead),
        segment(VirtAddr{0x4a3000}, VirtAddr{0x4a7000}, VmFlags::kRead),
        segment(VirtAddr{0x4a7000}, VirtAddr{0x4aa000}, kData),
        segment(VirtAddr{0x4aa000}, VirtAddr{0x4c1000}, kData)};
    process = *floor->processes().create({"process_files", segments});
    map_all();
    child = &fork(*process);
    write_pages(*child, shared, 2);
    write_pages(*process, shared + kPageSize * 2, 1);
    floor->processes().run(*process);
  }

  Lines file(const std::string& name) {
    SinkOfText sink;
    const std::string path = "proc/" + std::to_string(process->task.pid) + "/" + name;
    EXPECT_TRUE(machine.proc().read(path, sink).has_value()) << path;
    std::istringstream in(sink.text);
    return lines_of(in);
  }
  std::uint64_t word(const std::string& path, std::uint64_t number) {
    std::uint64_t word = 0;
    EXPECT_EQ(machine.proc().read_words(path, number, {&word, 1}).value_or(0), 1u) << path;
    return word;
  }
  std::uint64_t entry(VirtAddr at) {
    return word("proc/" + std::to_string(process->task.pid) + "/pagemap",
                at.raw() >> kPageShift);
  }

  Process* process = nullptr;
  Process* child = nullptr;
  VirtAddr shared{0x10200000};

 private:
  static constexpr std::uint64_t kRW = prot::kRead | prot::kWrite;

  struct As {
    std::uint64_t prot = kRW;
    std::uint64_t flags = 0;
  };
  VirtAddr map_at(VirtAddr at, std::uint64_t pages) { return map_at(at, pages, As{}); }
  VirtAddr map_at(VirtAddr at, std::uint64_t pages, As as) {
    MmapRequest request;
    request.address = at;
    request.length = size_of(PageCount{pages});
    request.prot = as.prot;
    request.flags = map::kPrivate | map::kAnonymous | map::kFixed | as.flags;
    return *do_mmap(floor->caller(*process), request);
  }
  void write_pages(Process& by, VirtAddr at, unsigned pages) {
    for (unsigned i = 0; i < pages; ++i)
      touch(by, at + size_of(PageCount{i}), Access::kUserWrite);
  }
  void map_all() {
    const Caller caller = floor->caller(*process);
    write_pages(*process, map_at(VirtAddr{0x10000000}, 8), 4);
    for (const std::uint64_t zeros : {0x10004000, 0x10005000})
      touch(*process, VirtAddr{zeros}, Access::kUserRead);
    touch(*process, map_at(VirtAddr{0x10010000}, 4, {.prot = prot::kRead}), Access::kUserRead);
    map_at(VirtAddr{0x10020000}, 3, {.prot = 0});
    write_pages(*process, map_at(VirtAddr{0x10030000}, 2, {.prot = kRW | prot::kExec}), 1);
    write_pages(*process, map_at(VirtAddr{0x10040000}, 4, {.flags = map::kNoReserve}), 2);
    EXPECT_TRUE(do_mlock(caller, map_at(VirtAddr{0x10050000}, 3), kib(12)).has_value());
    const Advice advice[] = {Advice::kDontFork, Advice::kDontDump,   Advice::kHugePage,
                             Advice::kNoHugePage, Advice::kRandom,   Advice::kSequential,
                             Advice::kWipeOnFork};
    VirtAddr at{0x10060000};
    for (const Advice each : advice) {
      EXPECT_TRUE(do_madvise(caller, map_at(at, 2), kib(8), each).has_value());
      at += kib(64);
    }
    write_pages(*process, map_at(VirtAddr{0x10100000}, 4, {.flags = map::kGrowsDown}), 2);
    write_pages(*process, map_at(shared, 6), 6);
    const VirtAddr closed = map_at(VirtAddr{0x10300000}, 2);
    write_pages(*process, closed, 2);
    EXPECT_TRUE(do_mprotect(caller, closed, kib(8), 0).has_value());
    EXPECT_EQ(do_brk(caller, VirtAddr{0x4f3000}), VirtAddr{0x4f3000});
    write_pages(*process, VirtAddr{0x4c1000}, 1);
    write_pages(*process, process->mm->vmas.last()->end() - kPageSize, 1);
  }
};

TEST(ProcessFiles, MapsAreLinuxs) {
  RecordedProcess test;
  auto mine = by_mapping(test.file("maps"));
  for (const auto& [range, lines] : by_mapping(recorded("maps")))
    if (!is_of_file(lines[0])) {
      EXPECT_EQ(mine[range], lines);
    }
}

TEST(ProcessFiles, SmapsOfEachKindOfMappingAreLinuxs) {
  RecordedProcess test;
  auto mine = by_mapping(test.file("smaps"));
  for (const auto& [range, lines] : by_mapping(recorded("smaps"))) {
    if (is_of_file(lines[0])) continue;
    // How much heap and stack the C library had touched is its own affair.
    if (range.starts_with("10")) {
      EXPECT_EQ(mine[range], lines);
      continue;
    }
    ASSERT_EQ(mine[range].size(), lines.size()) << range;
    for (std::size_t i = 0; i < lines.size(); ++i)
      EXPECT_EQ(masked(mine[range][i]), masked(lines[i]));
    EXPECT_EQ(mine[range].back(), lines.back()) << "VmFlags";
  }
}

// What is active is not compared: pages wait in CPUs' batches, and where depends on the CPU.
TEST(ProcessFiles, NumaMapsAreLinuxs) {
  RecordedProcess test;
  const auto rows = [](const Lines& lines) {
    std::map<std::string, std::string> rows;
    for (std::string line : lines) {
      const std::size_t active = line.find(" active=");
      if (active != line.npos) line.erase(active, line.find(' ', active + 1) - active);
      rows[line.substr(0, line.find(' '))] = line;
    }
    return rows;
  };
  const auto mine = rows(test.file("numa_maps"));
  unsigned compared = 0;
  for (const auto& [at, line] : rows(recorded("numa_maps"))) {
    if (!at.starts_with("10")) continue;  // the program's own pages are not all here
    EXPECT_EQ(mine.at(at), line);
    ++compared;
  }
  EXPECT_EQ(compared, 16u);
  EXPECT_TRUE(mine.at("004c1000").starts_with("004c1000 default heap anon=1 dirty=1 mapmax=2 N0"));
  EXPECT_TRUE(mine.at("7ffffffde000").starts_with("7ffffffde000 default stack anon=1 "));
}

TEST(ProcessFiles, TheRollupIsTheSumOfSmaps) {
  RecordedProcess test;
  const Lines rollup = test.file("smaps_rollup");
  const Lines linuxs = recorded("smaps_rollup");
  ASSERT_EQ(rollup.size(), linuxs.size());
  EXPECT_EQ(rollup[0], linuxs[0]);
  for (std::size_t i = 1; i < rollup.size(); ++i) EXPECT_EQ(masked(rollup[i]), masked(linuxs[i]));
  std::map<std::string, std::uint64_t> sums;
  for (const std::string& line : test.file("smaps"))
    if (line.ends_with(" kB")) sums[line.substr(0, line.find(':'))] +=
        std::strtoull(line.c_str() + line.find(':') + 1, nullptr, 10);
  for (const std::string& line : rollup) {
    const std::string name = line.substr(0, line.find(':'));
    if (name == "Rss" || name == "Pss" || name == "Anonymous" || name == "Shared_Dirty" ||
        name == "Private_Dirty" || name == "Locked") {
      EXPECT_EQ(std::strtoull(line.c_str() + name.size() + 1, nullptr, 10), sums[name]) << name;
    }
  }
}

TEST(ProcessFiles, StatusAndStatmAreLinuxs) {
  RecordedProcess test;
  const Lines mine = test.file("status");
  const Lines linuxs = recorded("status");
  ASSERT_EQ(mine.size(), linuxs.size());
  // Linux counts what is resident by the task and adds it up later; the rest is another program's.
  const std::string_view kOthers = "Tgid Pid PPid NStgid NSpid VmPeak VmSize VmHWM VmRSS RssAnon "
                                   "VmLib VmPTE SigQ voluntary_ctxt_switches";
  for (std::size_t i = 0; i < mine.size(); ++i) {
    const std::string name = mine[i].substr(0, mine[i].find(':'));
    const bool other = kOthers.find(name) != std::string_view::npos;
    if (!other) {
      EXPECT_EQ(mine[i], linuxs[i]);
    } else if (name.starts_with("Vm")) {
      EXPECT_EQ(masked(mine[i]), masked(linuxs[i]));
    }
    EXPECT_EQ(name, linuxs[i].substr(0, linuxs[i].find(':')));
  }
  // The recorder had six pages of the kernel's, four of them data, in a table of the stack's GiB.
  EXPECT_EQ(std::ranges::count(mine, "VmSize:\t    1304 kB"), 1);
  EXPECT_EQ(std::ranges::count(mine, "VmLib:\t       0 kB"), 1);
  EXPECT_EQ(std::ranges::count(mine, "VmPTE:\t      32 kB"), 1);
  EXPECT_EQ(recorded("statm").at(0), "332 1 0 122 0 150 0");
  const std::string resident = std::to_string(test.process->mm->resident().raw());
  EXPECT_EQ(test.file("statm").at(0), "326 " + resident + " 0 122 0 150 0");
}

// Which pages wait in a CPU's batch for their list differs, and mlock() moves none yet.
TEST(ProcessFiles, WordsOfEachPageAreLinuxs) {
  RecordedProcess test;
  for (const std::string& line : recorded("pages")) {
    std::istringstream in(line);
    std::uint64_t at = 0, entry = 0, count = 0, flags = 0;
    in >> std::hex >> at >> entry >> std::dec >> count >> std::hex >> flags;
    constexpr std::uint64_t kFrame = (std::uint64_t{1} << 55) - 1;
    const std::uint64_t word = test.entry(VirtAddr{at});
    EXPECT_EQ(word & ~kFrame, entry) << line;
    EXPECT_EQ((word & kFrame) != 0, (entry >> 63) != 0) << line;
    if ((word & kFrame) == 0) continue;
    EXPECT_EQ(test.word("proc/kpagecount", word & kFrame), count) << line;
    constexpr std::uint64_t kReferenced = 4, kLru = 0x20, kUnevictable = 1u << 18;
    constexpr std::uint64_t kOurs = kReferenced | kLru | kUnevictable | std::uint64_t{1} << 33;
    EXPECT_EQ(test.word("proc/kpageflags", word & kFrame) & ~kOurs, flags & ~kOurs) << line;
  }
}

TEST(ProcessFiles, FlagsTellWhatPagesAre) {
  ProcessMachine test;
  test.create("user of slabs and tables");
  Page* const block = test.pages().allocate(Gfp::kKernel | Gfp::kCompound, Order{2});
  const std::uint64_t first = test.machine.map().pfn_of(*block).raw();
  const std::uint64_t end = test.machine.map().end().raw();
  std::vector<std::uint64_t> words(end + 1);
  EXPECT_EQ(*test.machine.proc().read_words("proc/kpageflags", 0, words), end);
  EXPECT_EQ(*test.machine.proc().read_words("proc/kpageflags", end, words), 0u);
  constexpr std::uint64_t kBuddy = 1u << 10, kSlab = 1u << 7, kTable = 1u << 26;
  constexpr std::uint64_t kHead = 1u << 15, kTail = 1u << 16;
  EXPECT_EQ(words.at(first), kHead);
  for (unsigned i = 1; i < 4; ++i) EXPECT_EQ(words.at(first + i), kTail);
  EXPECT_EQ(words.at(0), std::uint64_t{1} << 32) << "reserved";
  std::uint64_t free = 0;
  test.machine.nodes().for_each_populated([&](const Zone& zone) {
    free += static_cast<std::uint64_t>(
        zone_state_snapshot(test.machine.nodes(), zone, ZoneItem::kNrFreePages));
  });
  std::uint64_t buddy = 0, slab = 0, tables = 0;
  for (const std::uint64_t word : words) {
    buddy += word == kBuddy ? 1 : 0;
    slab += (word & kSlab) != 0 ? 1 : 0;
    tables += word == kTable ? 1 : 0;
  }
  EXPECT_EQ(buddy, free);
  EXPECT_GT(slab, 0u);
  EXPECT_GT(tables, 0u);
}

TEST(ProcessFiles, AProcessThatIsGoneHasNone) {
  ProcessMachine test;
  Process& process = test.create("short");
  const std::string path = "proc/" + std::to_string(process.task.pid) + "/maps";
  SinkOfText sink;
  EXPECT_TRUE(test.machine.proc().read(path, sink).has_value());
  EXPECT_EQ(test.machine.proc().write(path, "1").error(), Errno::kIo);
  test.exit(process);
  EXPECT_EQ(test.machine.proc().read(path, sink).error(), Errno::kNoEntry);
  EXPECT_EQ(test.machine.proc().read("proc/0/maps", sink).error(), Errno::kNoEntry);
}

std::string text_of(ProcessMachine& test, const std::string& path) {
  SinkOfText sink;
  EXPECT_TRUE(test.machine.proc().read(path, sink).has_value()) << path;
  return sink.text;
}

// A row of /proc/meminfo in KiB.
std::uint64_t meminfo(ProcessMachine& test, const std::string& name) {
  fold_vmstat(test.machine.nodes(), Arch::current()->percpu);
  const std::string text = text_of(test, "proc/meminfo");
  const std::size_t at = text.find("\n" + name + ":");
  EXPECT_NE(at, std::string::npos) << name;
  return std::strtoull(text.c_str() + at + name.size() + 2, nullptr, 10);
}

TEST(ProcessFiles, AMappedFileHasItsNameItsOffsetAndItsRows) {
  ProcessMachine test;
  Process& process = test.create("reader");
  RamFile disk(test, std::string(kPageSize.raw() * 3, 'x'));
  const std::uint64_t mapped = meminfo(test, "Mapped");
  MmapRequest request;
  request.length = kPageSize * 2;
  request.prot = prot::kRead;
  request.flags = map::kShared;
  request.file = &disk.file;
  request.offset = kPageSize;
  const VirtAddr at = *do_mmap(test.floor->caller(process), request);
  for (const Bytes page : {Bytes{0}, kPageSize}) test.touch(process, at + page, Access::kUserRead);
  const std::string directory = "proc/" + std::to_string(process.task.pid) + "/";
  EXPECT_NE(text_of(test, directory + "maps")
                .find("7ffff7ffd000-7ffff7fff000 r--s 00001000 00:00 0 " + std::string(25, ' ') +
                      "/data\n"),
            std::string::npos);
  disk.mapping.identity.device_major = 254;
  disk.mapping.identity.inode = 12;
  disk.mapping.identity.unlinked = true;
  EXPECT_NE(text_of(test, directory + "maps").find(" fe:00 12 "), std::string::npos);
  EXPECT_NE(text_of(test, directory + "maps").find(" /data (deleted)\n"), std::string::npos);
  EXPECT_NE(text_of(test, directory + "numa_maps")
                .find("7ffff7ffd000 default file=/data\\040(deleted) mapped=2"),
            std::string::npos);
  const std::string rollup = text_of(test, directory + "smaps_rollup");
  for (const char* row : {"Rss:                   8 kB", "Pss_File:              8 kB",
                          "Pss_Anon:              0 kB", "Private_Clean:         8 kB"})
    EXPECT_NE(rollup.find(row), std::string::npos) << row << " in\n" << rollup;
  EXPECT_EQ(meminfo(test, "Mapped"), mapped + 8);
  std::uint64_t word = 0;
  EXPECT_TRUE(test.machine.proc()
                  .read_words(directory + "pagemap", at.raw() >> kPageShift, {&word, 1})
                  .has_value());
  EXPECT_EQ(word >> 55, 0x143U) << "present, of a file, its only mapping, soft-dirty";
  test.exit(process);
  EXPECT_EQ(meminfo(test, "Mapped"), mapped);
}

TEST(ProcessFiles, MeminfoMovesWithProcesses) {
  ProcessMachine test;
  Process& process = test.create("filler");
  static constexpr const char* kRows[] = {"AnonPages", "Inactive(anon)", "Active(anon)",
                                          "PageTables", "Committed_AS", "Mapped"};
  std::map<std::string, std::uint64_t> before;
  for (const char* row : kRows) before[row] = meminfo(test, row);
  const VirtAddr at = test.map(process, 1500);
  for (unsigned i = 0; i < 1500; ++i)
    test.touch(process, at + size_of(PageCount{i}), Access::kUserWrite);
  test.floor->lru().drain_all();
  const auto grown = [&](const char* row) { return meminfo(test, row) - before[row]; };
  EXPECT_EQ(grown("AnonPages"), 6000u);
  EXPECT_EQ(grown("Inactive(anon)") + grown("Active(anon)"), 6000u);
  EXPECT_EQ(grown("Committed_AS"), 6000u);
  EXPECT_EQ(grown("Mapped"), 0u);
  EXPECT_GE(grown("PageTables"), 12u);
  test.exit(process);
  EXPECT_EQ(meminfo(test, "AnonPages"), 0u);
  EXPECT_EQ(meminfo(test, "Committed_AS"), 0u);
}

}  // namespace
}  // namespace quire::testing
