// A recording of tests/oracle/recorder/mm_calls.c, made again on a process of a machine: each call
// must answer as the kernel did, and the address space look as it did whenever the script asked.
#pragma once

#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <vector>

#include "tests/mm/recorded_rows.hpp"
#include "tests/mm/replayed_process.hpp"

namespace quire {

class RecordedCalls {
 public:
  explicit RecordedCalls(const std::string& name) {
    std::ifstream in(std::string(QUIRE_TESTS_DIR) + "/mm/recorded/" + name + ".log");
    for (std::string line; std::getline(in, line);) lines_.push_back(line);
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
        if (!audited(process_.machine().machine)) differ("the books do not balance");
      } else {
        ++calls;
        compare_call(line);
        // The books need not balance before the recording's own mappings are there.
        if (!base_.empty() && !audited(process_.machine().machine))
          differ("the books do not balance");
        ++at_;
      }
    }
  }
  ReplayedProcess& process() { return process_; }

 private:
  Mm& mm() { return process_.mm(); }
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
      if (any(row.flags & VmFlags::kAccount)) {
        ASSERT_TRUE(charge(mm(), vma->pages()).has_value());
      }
      if (row.anonymous_kib != 0 && any(row.flags & VmFlags::kWrite))
        process_.machine().touch(process_.process(), row.range.end - kPageSize, Access::kUserWrite);
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
      // Of what was there before, pages are not compared.
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
    const Result<std::uint64_t> result = process_.make(op, name, args);
    char text[64];
    if (result.has_value()) {
      std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(*result));
      if (op == "mmap" || op == "mremap") last_ = *result;
    } else {
      std::snprintf(text, sizeof text, "-%u", static_cast<unsigned>(result.error()));
    }
    if (text != expected) differ(line + ", here " + text);
    if (op == "mincore" && line.find("[" + process_.resident() + "]") == std::string::npos)
      differ(line + ", here [" + process_.resident() + "]");
  }

  ReplayedProcess process_;
  std::vector<std::string> lines_;
  std::size_t at_ = 0;
  std::set<std::uint64_t> base_;
  std::uint64_t last_ = 0;
};

}  // namespace quire
