// Faults step by step against what Linux 6.1 had at the same ones: a recording of
// tests/oracle/recorder/fault_steps.c is made again on a machine, and each step must answer as the
// kernel did, have as many faults, and leave mapped what the kernel showed.
#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <set>
#include <vector>

#include "procfs/procfs.hpp"
#include "tests/mm/recorded_rows.hpp"
#include "tests/mm/replayed_process.hpp"
#include "tests/process/ram_file.hpp"
#include "tools/oracle/packed_file.hpp"

namespace quire::testing {
namespace {

const std::filesystem::path kRecorded = QUIRE_TESTS_DIR "/mm/recorded/faults";

class RecordedFaults {
 public:
  explicit RecordedFaults(const std::string& name) {
    std::istringstream in(oracle::read_packed(kRecorded / (name + ".log.gz")).value());
    for (std::string line; std::getline(in, line);) lines_.push_back(line);
  }
  ~RecordedFaults() {
    if (child_ != nullptr) machine().exit(*child_);
    machine().exit(*parent_);
  }

  std::vector<std::string> differences;
  unsigned steps = 0;
  unsigned shown = 0;  // mappings and runs of pages

  void run() {
    while (at_ < lines_.size() && differences.size() < 12) {
      std::string line = lines_[at_++];
      line_ = line;
      const bool by_child = line.starts_with("c ");
      if (by_child) line.erase(0, 2);
      actor_ = by_child ? child_ : parent_;
      process_.act_as(*actor_);
      const std::string op = line.substr(0, line.find(' '));
      if (op == "s") {
        // Where the recorder's own program lay.
        if (line.starts_with("s brk")) brk_ = from_text(line.substr(6));
        if (line.starts_with("s stack")) stack_ = from_text(line.substr(8));
      } else if (op == "base") {
        make_base();
      } else if (op == "maps") {
        compare_maps();
      } else if (op == "pages") {
        compare_pages(line);
      } else {
        compare_step(op, line);
      }
    }
  }
  Machine& audited_machine() { return machine().machine; }

 private:
  struct Counts {
    std::uint64_t fault = 0, major = 0, own = 0, own_major = 0;
    std::string since(const Counts& old) const {
      char text[96];
      std::snprintf(text, sizeof text, "%llu %llu %llu %llu",
                    static_cast<unsigned long long>(fault - old.fault),
                    static_cast<unsigned long long>(major - old.major),
                    static_cast<unsigned long long>(own - old.own),
                    static_cast<unsigned long long>(own_major - old.own_major));
      return text;
    }
  };
  class Sink final : public TextSink {
   public:
    void write(std::string_view piece) override { text.append(piece); }
    std::string text;
  };
  using Words = std::vector<std::string>;

  ProcessMachine& machine() { return process_.machine(); }
  Mm& mm() { return *actor_->mm; }
  void differ(const std::string& what) {
    differences.push_back("line " + std::to_string(at_) + ": " + line_ + "\n    here " + what);
  }
  static Words words_of(const std::string& text) {
    std::istringstream in(text);
    Words words;
    for (std::string word; in >> word;) words.push_back(word);
    return words;
  }
  std::uint64_t number(const std::string& word) const {
    if (word.starts_with("brk")) return brk_ + from_text(word.substr(3));
    if (word.starts_with("stack")) return stack_ + from_text(word.substr(5));
    return from_text(word);
  }
  static std::uint64_t from_text(const std::string& word) {
    return word[0] == '-' ? static_cast<std::uint64_t>(std::stoll(word, nullptr, 0))
                          : std::stoull(word, nullptr, 0);
  }

  // The recorder's own mappings, all of which it had in memory. Of those that show files only the
  // place is kept: nothing is mapped there, and they are not compared.
  void make_base() {
    for (; lines_[at_].starts_with("m "); ++at_) {
      const std::string& line = lines_[at_];
      const bool of_file = line.find(" /") != std::string::npos || line.find("[v") != line.npos;
      if (line.find("[vsyscall]") != std::string::npos) continue;
      Vma like{.range = range_of(line), .flags = flags_named(line.substr(line.rfind('|') + 2))};
      like.prot = prot_of(like.flags);
      like.pgoff = like.range.start.raw() >> kPageShift;
      if (of_file) {
        like.pgoff += 0x7000000000 + 0x100000 * hidden_.size();
        like.flags = like.flags & ~VmFlags::kShared;
        hidden_.insert(like.range.start.raw());
      }
      Vma* const vma = *mm().new_vma(like);
      ASSERT_TRUE(mm().vmas.insert(*vma).has_value());
      account_pages(mm(), like.flags, vma->pages());
      // The heap is what ends with brk.
      if (like.range.end == VirtAddr{brk_}) mm().layout.start_brk = like.range.start;
      if (any(like.flags & VmFlags::kAccount)) {
        ASSERT_TRUE(charge(mm(), vma->pages()).has_value());
      }
      for (VirtAddr at = vma->start(); !of_file && at < vma->end(); at += kPageSize)
        machine().touch(*actor_, at, Access::kUserWrite);
    }
    mm().layout.brk = VirtAddr{brk_};
  }
  static VirtRange range_of(const std::string& line) {
    char* at = nullptr;
    VirtRange range;
    range.start = VirtAddr{std::strtoull(line.c_str() + (line[0] == 'm' ? 2 : 0), &at, 16)};
    range.end = VirtAddr{std::strtoull(at + 1, nullptr, 16)};
    return range;
  }

  Counts count() {
    return {event_count(machine().machine.nodes(), VmEvent::kPgfault),
            event_count(machine().machine.nodes(), VmEvent::kPgmajfault), actor_->minor_faults,
            actor_->major_faults};
  }
  void compare_step(const std::string& op, const std::string& line) {
    ++steps;
    const std::size_t equals = line.find(" = ");
    ReplayedProcess::Args args;
    for (const std::string& word : words_of(line.substr(op.size(), equals - op.size())))
      args.push_back(number(word));
    args.resize(6);
    const Counts before = count();
    const Result<std::uint64_t> result = make(op, args);
    char text[64];
    if (result.has_value()) {
      std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(*result));
    } else {
      std::snprintf(text, sizeof text, "-%u", static_cast<unsigned>(result.error()));
    }
    // The program's own pages are copied after a fork; here they are not run.
    const bool counted = op != "fork" && op != "exit" && op != "succeed";
    std::string ours = " = " + std::string(text);
    if (counted) ours += " | " + count().since(before);
    const std::string linux = line.substr(equals, counted ? line.npos : line.find(" |") - equals);
    if (ours != linux) differ(ours);
  }

  Result<std::uint64_t> make(const std::string& op, const ReplayedProcess::Args& arg) {
    if (op == "r" || op == "w" || op == "rw") return touch(op, arg);
    if (op == "mmap" && arg[4] < files_.size()) {
      const MmapRequest request{VirtAddr{arg[0]}, Bytes{arg[1]}, arg[2], arg[3],
                                &files_[arg[4]]->file, Bytes{arg[5]}};
      QUIRE_TRY_ASSIGN(at, do_mmap(process_.caller(), request));
      return at.raw();
    }
    if (op == "fork") {
      child_ = &machine().fork(*parent_);
      settle(*child_);
      settle(*parent_);
      return 0;
    }
    if (op == "exit" || op == "succeed") {
      if (op == "succeed") std::swap(parent_, child_);
      machine().exit(*child_);
      child_ = nullptr;
      return 0;
    }
    if (op == "wait") return 0;
    if (op == "file") {
      files_[arg[0]] = std::make_unique<RamFile>(machine(), std::string());
      const std::string content(arg[1] * kPageSize.raw(), 'f');
      QUIRE_TRY(write(arg[0], Bytes{0}, content));
      return of_file("fsync", arg);
    }
    if (op == "evict" || op == "fsync" || op == "ftruncate" || op.starts_with('p'))
      return of_file(op, arg);
    return process_.make(op, "", arg);
  }
  Result<std::uint64_t> of_file(const std::string& op, const ReplayedProcess::Args& arg) {
    RamFile& disk = *files_[arg[0]];
    PageCache& cache = machine().floor->cache();
    if (op == "ftruncate") {
      QUIRE_TRY(cache.truncate(disk.mapping, Bytes{arg[1]}));
      return 0;
    }
    std::string bytes(arg[2], 'f');
    if (op == "pread") {
      QUIRE_TRY_ASSIGN(done, cache.read(disk.file, {Bytes{arg[1]},
                                                    std::as_writable_bytes(std::span(bytes))}));
      return done.raw();
    }
    if (op == "pwrite") return write(arg[0], Bytes{arg[1]}, bytes);
    QUIRE_TRY(cache.fsync(disk.file));
    if (op == "evict") cache.advise(disk.file, ReadAdvice::kDontNeed, {0, 0});
    return 0;
  }
  Result<std::uint64_t> write(std::uint64_t file, Bytes offset, const std::string& bytes) {
    QUIRE_TRY_ASSIGN(done, machine().floor->cache().write(
                               files_[file]->file, {offset, std::as_bytes(std::span(bytes))}));
    return done.raw();
  }
  Result<std::uint64_t> touch(const std::string& how, const ReplayedProcess::Args& arg) {
    for (std::uint64_t i = 0; i < arg[1]; ++i)
      for (const char c : how) {
        const Access access = c == 'r' ? Access::kUserRead : Access::kUserWrite;
        const VirtAddr at{arg[0] + i * kPageSize.raw()};
        const FaultEnd end = machine().try_touch(*actor_, at, access);
        if (end == FaultEnd::kBeyondFile) return Errno{7};  // SIGBUS
        if (end != FaultEnd::kMinor) return Errno{11};      // SIGSEGV
      }
    return 0;
  }
  // Each has its heap and its stack for itself.
  void settle(Process& process) {
    for (Vma* vma = process.mm->vmas.first(); vma != nullptr; vma = vma->next) {
      if (!own_heap_or_stack(vma->start()) || !vma->has(VmFlags::kWrite)) continue;
      for (VirtAddr at = vma->start(); at < vma->end(); at += kPageSize)
        if (at < VirtAddr{brk_} || VirtAddr{stack_} <= at)
          machine().touch(process, at, Access::kUserWrite);
    }
  }
  [[nodiscard]] bool own_heap_or_stack(VirtAddr at) const {
    return at < VirtAddr{brk_} || VirtAddr{stack_ - 0x1000000} <= at;
  }

  std::string file(const std::string& name) {
    Sink sink;
    EXPECT_TRUE(machine().machine.proc().read("proc/" + name, sink).has_value()) << name;
    return sink.text;
  }
  // A mapping's range, rights, offset, figures and flags, without what a file is called.
  static std::string row_text(const std::string& line) {
    const Words words = words_of(line);
    const std::size_t bar = line.find('|');
    return words[0] + " " + words[1] + " " + words[2] + " " + line.substr(bar);
  }
  std::vector<std::string> own_rows() {
    static const std::set<std::string> kNames = {
        "Rss:", "Pss:", "Shared_Clean:", "Shared_Dirty:", "Private_Clean:",
        "Private_Dirty:", "Referenced:", "Anonymous:", "Locked:"};
    std::vector<std::string> rows;
    std::istringstream in(file(std::to_string(actor_->task.pid) + "/smaps"));
    for (std::string line; std::getline(in, line);) {
      const Words words = words_of(line);
      if (words[0].find('-') != std::string::npos)
        rows.push_back(words[0] + " " + words[1] + " " + words[2] + " |");
      if (kNames.contains(words[0])) rows.back() += " " + words[1];
      if (words[0] == "VmFlags:") rows.back() += " | " + line.substr(9);
    }
    return rows;
  }
  void compare_maps() {
    std::string linux, ours;
    for (; at_ < lines_.size() && lines_[at_].starts_with("m "); ++at_) {
      if (hidden(range_of(lines_[at_]))) continue;
      linux += "\n    " + row_text(lines_[at_].substr(2));
      ++shown;
    }
    for (const std::string& row : own_rows())
      if (!hidden(range_of(row))) ours += "\n    " + row;
    if (linux != ours) differ("it is" + ours + "\n  and there it was" + linux);
  }
  bool hidden(VirtRange range) { return hidden_.contains(range.start.raw()); }

  std::uint64_t word(const std::string& name, std::uint64_t number) {
    std::uint64_t word = 0;
    EXPECT_EQ(machine().machine.proc().read_words("proc/" + name, number, {&word, 1}), 1u);
    return word;
  }
  void compare_pages(const std::string& line) {
    const Words words = words_of(line);
    std::uint64_t at = number(words[1]) >> kPageShift;
    std::string difference;
    for (; at_ < lines_.size() && lines_[at_].starts_with("p "); ++at_) {
      const Words run = words_of(lines_[at_]);
      ++shown;
      for (std::uint64_t i = 0; i < std::stoull(run[2]); ++i, ++at) {
        const std::uint64_t flags = std::stoull(run[5], nullptr, 16);
        const std::string linux = run[3] + " " + run[4] + " " + hex(flags & ~unstable(flags));
        const std::string ours = page_text(VirtAddr{at << kPageShift}, unstable(flags));
        if (linux != ours && difference.empty())
          difference = hex(at << kPageShift) + " is " + ours + ", and there it was " + linux;
      }
    }
    if (!difference.empty()) differ(difference);
  }
  std::string page_text(VirtAddr at, std::uint64_t unstable) {
    const std::uint64_t page = at.raw() >> kPageShift;
    constexpr std::uint64_t kFrame = (std::uint64_t{1} << 55) - 1;
    const std::uint64_t entry = word(std::to_string(actor_->task.pid) + "/pagemap", page);
    const std::uint64_t frame = entry & kFrame;
    if (entry >> 63 == 0) return hex(entry) + " 0 0";
    return hex(entry & ~kFrame) + " " + std::to_string(word("kpagecount", frame)) + " " +
           hex(word("kpageflags", frame) & ~unstable);
  }
  // Flags that are not compared with those that Linux had: what waits in a CPU's batch, of which
  // Linux has one for locked pages, too; what all programs before this one have done to the page of
  // zeros; and what a file system keeps in its pages' flags.
  static std::uint64_t unstable(std::uint64_t linux_flags) {
    constexpr std::uint64_t kReferenced = 4, kLru = 0x20, kActive = 0x40, kAnon = 0x1000;
    constexpr std::uint64_t kUnevictable = 1u << 18, kZeros = 1u << 24;
    constexpr std::uint64_t kMlocked = std::uint64_t{1} << 33;
    std::uint64_t flags = kLru | kActive | kUnevictable | kMlocked;
    if ((linux_flags & (kZeros | kMlocked)) != 0) flags |= kReferenced;
    if ((linux_flags & kAnon) == 0) flags |= ~std::uint64_t{0xffffffff};
    return flags;
  }
  static std::string hex(std::uint64_t value) {
    char text[24];
    std::snprintf(text, sizeof text, "%llx", static_cast<unsigned long long>(value));
    return text;
  }

  ReplayedProcess process_;
  Process* parent_ = &process_.process();
  Process* child_ = nullptr;
  Process* actor_ = parent_;
  std::array<std::unique_ptr<RamFile>, 8> files_;
  std::vector<std::string> lines_;
  std::string line_;
  std::size_t at_ = 0;
  std::uint64_t brk_ = 0, stack_ = 0;
  std::set<std::uint64_t> hidden_;
};

std::vector<std::string> recorded_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kRecorded))
    if (entry.path().extension() == ".gz") names.push_back(entry.path().stem().stem());
  std::ranges::sort(names);
  return names;
}

class Faulted : public ::testing::TestWithParam<std::string> {};

TEST_P(Faulted, EachStepHasTheFaultsThatLinuxHadAndLeavesTheSamePages) {
  RecordedFaults recording(GetParam());
  recording.run();
  for (const std::string& difference : recording.differences) ADD_FAILURE() << difference;
  EXPECT_GT(recording.steps, 20u);
  EXPECT_GT(recording.shown, 20u);
  EXPECT_TRUE(audited(recording.audited_machine()));
}

INSTANTIATE_TEST_SUITE_P(Mm, Faulted, ::testing::ValuesIn(recorded_names()),
                         [](const auto& param) { return param.param; });

}  // namespace
}  // namespace quire::testing
