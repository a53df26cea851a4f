// A recording of tests/oracle/recorder/mm_calls.c, made again on a process of a machine: each call
// must answer as the kernel did, and the address space look as it did whenever the script asked.
#pragma once

#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <vector>

#include "tests/process/process_machine.hpp"

namespace quire::testing {

// The letters of smaps' VmFlags row.
inline VmFlags flags_named(const std::string& text) {
  static const std::map<std::string, VmFlags> kNames = {
      {"rd", VmFlags::kRead},      {"wr", VmFlags::kWrite},      {"ex", VmFlags::kExec},
      {"sh", VmFlags::kShared},    {"mr", VmFlags::kMayRead},    {"mw", VmFlags::kMayWrite},
      {"me", VmFlags::kMayExec},   {"ms", VmFlags::kMayShare},   {"gd", VmFlags::kGrowsDown},
      {"pf", VmFlags::kPfnMap},    {"lo", VmFlags::kLocked},     {"io", VmFlags::kIo},
      {"sr", VmFlags::kSeqRead},   {"rr", VmFlags::kRandRead},   {"dc", VmFlags::kDontCopy},
      {"de", VmFlags::kDontExpand}, {"ac", VmFlags::kAccount},   {"nr", VmFlags::kNoReserve},
      {"wf", VmFlags::kWipeOnFork}, {"dd", VmFlags::kDontDump},  {"sd", VmFlags::kSoftDirty},
      {"hg", VmFlags::kHugePage},  {"nh", VmFlags::kNoHugePage}, {"mg", VmFlags::kMergeable}};
  std::istringstream in(text);
  VmFlags flags{};
  for (std::string name; in >> name;) flags |= kNames.at(name);
  return flags;
}

struct MapsRow {
  VirtRange range{};
  std::uint64_t rss_kib = 0;
  std::uint64_t anonymous_kib = 0;
  VmFlags flags{};
  bool of_file = false;
};

// "START-END PERMS OFFSET DEVICE INODE NAME | Rss | Anonymous | Locked | VmFlags"
inline MapsRow parse_row(const std::string& line) {
  MapsRow row;
  char* at = nullptr;
  row.range.start = VirtAddr{std::strtoull(line.c_str() + 2, &at, 16)};
  row.range.end = VirtAddr{std::strtoull(at + 1, nullptr, 16)};
  row.of_file = line.find(" /") != std::string::npos;
  std::istringstream figures(line.substr(line.find('|')));
  std::string bar, flags;
  std::uint64_t locked = 0;
  figures >> bar >> row.rss_kib >> bar >> row.anonymous_kib >> bar >> locked >> bar;
  std::getline(figures, flags);
  row.flags = flags_named(flags);
  return row;
}

class RecordedCalls {
 public:
  explicit RecordedCalls(const std::string& name) : process_(&machine_.create("recorded")) {
    std::ifstream in(std::string(QUIRE_TESTS_DIR) + "/mm/recorded/" + name + ".log");
    for (std::string line; std::getline(in, line);) lines_.push_back(line);
    static_cast<void>(do_munmap(caller(), VirtAddr{0}, mm().layout.task_size - VirtAddr{0}));
    mm().limits.ipc_lock = mm().limits.sys_admin = mm().limits.raw_io = true;
  }

  // What differed; empty: nothing. How many calls were compared is counted.
  std::vector<std::string> differences;
  unsigned calls = 0;
  unsigned maps = 0;

  void run() {
    for (at_ = 0; at_ < lines_.size() && differences.size() < 10;) {
      const std::string& line = lines_[at_];
      if (line.starts_with("s ")) {
        set_layout(line);
        ++at_;
      } else if (line == "maps") {
        const std::vector<MapsRow> rows = read_rows();
        if (base_.empty()) {
          make_base(rows);
        } else {
          ++maps;
          compare_rows(rows);
        }
        compare_totals();
      } else {
        ++calls;
        compare_call(line);
        ++at_;
      }
    }
  }
  Mm& mm() { return *process_->mm; }
  ProcessMachine& machine() { return machine_; }

 private:
  Caller caller() { return machine_.floor->caller(*process_); }
  void differ(const std::string& what) {
    differences.push_back("line " + std::to_string(at_ + 1) + ": " + what);
  }

  void set_layout(const std::string& line) {
    std::istringstream in(line);
    std::string s, name, value;
    in >> s >> name >> value;
    const VirtAddr at{std::stoull(value, nullptr, 16)};
    MmLayout& layout = mm().layout;
    if (name == "start_data") layout.start_data = at;
    if (name == "end_data") layout.end_data = at;
    if (name == "start_brk") layout.start_brk = at;
    if (name == "brk") layout.brk = at;
  }

  std::vector<MapsRow> read_rows() {
    std::vector<MapsRow> rows;
    for (++at_; at_ < lines_.size() && lines_[at_].starts_with("m "); ++at_)
      if (lines_[at_].find("[vsyscall]") == std::string::npos)
        rows.push_back(parse_row(lines_[at_]));
    return rows;
  }

  // What was there when the recorder began: its program, heap, stack and the kernel's pages.
  void make_base(const std::vector<MapsRow>& rows) {
    for (const MapsRow& row : rows) {
      base_.insert(row.range.start.raw());
      Vma like{.range = row.range, .flags = row.flags};
      like.prot = prot_of(row.flags);
      like.pgoff = row.range.start.raw() >> kPageShift;
      // Nothing that could be merged with others.
      if (row.of_file) like.pgoff += 0x7000000000 + 0x100000 * base_.size();
      Vma* const vma = *mm().new_vma(like);
      ASSERT_TRUE(mm().vmas.insert(*vma).has_value());
      account_pages(mm(), row.flags, vma->pages());
      if (any(row.flags & VmFlags::kAccount))
        ASSERT_TRUE(charge(mm(), vma->pages()).has_value());
      if (row.anonymous_kib != 0 && any(row.flags & VmFlags::kWrite))
        machine_.touch(*process_, row.range.end - kPageSize, Access::kUserWrite);
    }
  }

  MapsRow row_of(const Vma& vma) {
    MapsRow row{.range = vma.range, .flags = vma.flags};
    for (VirtAddr at = vma.start(); at < vma.end(); at += kPageSize) {
      const auto there = mm().tables.walk(at);
      if (!there.has_value() || there->frame_of(at) == mm().parts.zero_page) continue;
      row.rss_kib += 4;
      if (is_anonymous(*mm().parts.map.page_of(there->frame_of(at)))) row.anonymous_kib += 4;
    }
    return row;
  }
  static std::string text_of(const MapsRow& row) {
    char text[128];
    std::snprintf(text, sizeof text, "%llx-%llx rss %llu anonymous %llu flags %llx",
                  static_cast<unsigned long long>(row.range.start.raw()),
                  static_cast<unsigned long long>(row.range.end.raw()),
                  static_cast<unsigned long long>(row.rss_kib),
                  static_cast<unsigned long long>(row.anonymous_kib),
                  static_cast<unsigned long long>(raw(row.flags)));
    return text;
  }
  void compare_rows(const std::vector<MapsRow>& rows) {
    std::string linux, ours;
    const auto add = [this](std::string& text, MapsRow row) {
      // smaps does not show it; and of what was there before, pages are not compared.
      row.flags = row.flags & ~VmFlags::kLockOnFault;
      if (base_.contains(row.range.start.raw())) row.rss_kib = row.anonymous_kib = 0;
      text += "\n    " + text_of(row);
    };
    for (const MapsRow& row : rows) add(linux, row);
    for (Vma* vma = mm().vmas.first(); vma != nullptr; vma = vma->next) add(ours, row_of(*vma));
    if (linux != ours) differ("maps before here are" + linux + "\n  but here" + ours);
    if (const char* const fault = mm().vmas.fault()) differ(fault);
  }

  void compare_totals() {
    const std::map<std::string, PageCount> sums = {{"VmSize:", mm().total},
                                                   {"VmLck:", mm().locked},
                                                   {"VmData:", mm().data},
                                                   {"VmStk:", mm().stack}};
    for (; at_ < lines_.size() && lines_[at_].starts_with("t "); ++at_) {
      std::istringstream in(lines_[at_]);
      std::string t, name;
      std::uint64_t kib = 0;
      in >> t >> name >> kib;
      if (in_kib(sums.at(name)) != kib)
        differ(lines_[at_] + ", here " + std::to_string(in_kib(sums.at(name))));
    }
  }

  std::uint64_t number(const std::string& word) const {
    if (word[0] == '$')
      return last_ + (word.size() > 1 ? std::stoull(word.substr(2), nullptr, 0) : 0);
    return static_cast<std::uint64_t>(word[0] == '-' ? std::stoll(word, nullptr, 0)
                                                     : std::stoull(word, nullptr, 0));
  }
  void compare_call(const std::string& line) {
    std::istringstream in(line.substr(0, line.find(" = ")));
    std::string op, word, name;
    std::vector<std::uint64_t> args;
    in >> op;
    while (in >> word && word[0] != '[') {
      if (op == "sysctl" && name.empty()) {
        name = word;
      } else {
        args.push_back(number(word));
      }
    }
    args.resize(6);
    const std::string expected = line.substr(line.find(" = ") + 3);
    resident_.clear();
    const Result<std::uint64_t> result = make(op, name, args);
    char text[64];
    if (result.has_value()) {
      std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(*result));
      if (op == "mmap" || op == "mremap") last_ = *result;
    } else {
      std::snprintf(text, sizeof text, "-%u", static_cast<unsigned>(result.error()));
    }
    if (text != expected) differ(line + ", here " + text);
    if (op == "mincore" && line.find("[" + resident_ + "]") == std::string::npos)
      differ(line + ", here [" + resident_ + "]");
  }

  static Result<std::uint64_t> zero(Result<void> result) {
    if (!result.has_value()) return result.error();
    return 0;
  }
  static Result<std::uint64_t> raw_of(Result<VirtAddr> result) {
    if (!result.has_value()) return result.error();
    return result->raw();
  }
  using Args = std::vector<std::uint64_t>;
  Result<std::uint64_t> make(const std::string& op, const std::string& name, const Args& arg) {
    const VirtAddr at{arg[0]};
    const Bytes length{arg[1]};
    if (op == "mmap")
      return raw_of(do_mmap(caller(), {at, length, arg[2], arg[3], nullptr, Bytes{arg[5]}}));
    if (op == "mremap")
      return raw_of(do_mremap(caller(), {at, length, Bytes{arg[2]}, arg[3], VirtAddr{arg[4]}}));
    if (op == "munmap") return zero(do_munmap(caller(), at, length));
    if (op == "mprotect") return zero(do_mprotect(caller(), at, length, arg[2]));
    if (op == "madvise")
      return zero(do_madvise(caller(), at, length, static_cast<Advice>(arg[2])));
    if (op == "mlock") return zero(do_mlock(caller(), at, length));
    if (op == "mlock2") return zero(do_mlock(caller(), at, length, arg[2]));
    if (op == "munlock") return zero(do_munlock(caller(), at, length));
    if (op == "mlockall") return zero(do_mlockall(caller(), arg[0]));
    if (op == "msync") return zero(do_msync(caller(), at, length, arg[2]));
    if (op == "brk") return do_brk(caller(), at).raw();
    if (op == "mincore") return resident(at, length);
    return other(op, name, arg);
  }
  Result<std::uint64_t> other(const std::string& op, const std::string& name, const Args& arg) {
    if (op == "munlockall") do_munlockall(caller());
    if (op == "read" || op == "write") return touch(VirtAddr{arg[0]}, op == "write");
    if (op == "fork") process_ = &machine_.fork(*process_);
    if (op == "drop")
      mm().limits.ipc_lock = mm().limits.sys_admin = mm().limits.raw_io = false;
    if (op == "rlimit" && arg[0] == 2) mm().limits.data = arg[1];
    if (op == "rlimit" && arg[0] == 8) mm().limits.locked = arg[1];
    if (op == "rlimit" && arg[0] == 9) mm().limits.address_space = arg[1];
    if (op == "sysctl") {
      const std::string value = std::to_string(arg[0]);
      EXPECT_TRUE(machine_.machine.proc().write("/proc/sys/vm/" + name, value).has_value());
    }
    return 0;
  }
  Result<std::uint64_t> resident(VirtAddr at, Bytes length) {
    std::vector<std::uint8_t> pages(256, 9);
    const auto done = do_mincore(caller(), at, length, pages);
    for (const std::uint8_t page : pages)
      if (page != 9) resident_ += page == 0 ? '0' : '1';
    return zero(done);
  }
  // The recorder reads a byte, and then writes it.
  Result<std::uint64_t> touch(VirtAddr at, bool write) {
    for (const Access access : {Access::kUserRead, Access::kUserWrite}) {
      if (access == Access::kUserWrite && !write) break;
      const FaultEnd end = machine_.try_touch(*process_, at, access);
      if (end == FaultEnd::kNotMapped || end == FaultEnd::kNotAllowed)
        return Errno{11};  // SIGSEGV
    }
    return 0;
  }

  ProcessMachine machine_;
  Process* process_;
  std::vector<std::string> lines_;
  std::size_t at_ = 0;
  std::set<std::uint64_t> base_;
  std::uint64_t last_ = 0;
  std::string resident_;
};

}  // namespace quire::testing
