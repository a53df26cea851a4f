// What Linux wrote to its log of bad frees and failed allocations (reports/reports.txt), and what
// the same machine writes here of the same.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "tests/oracle/recordings.hpp"
#include "tools/oracle/booted_machine.hpp"

namespace quire::oracle {
namespace {

using Lines = std::vector<std::string>;

// What depends on which pages are in use, and on who asks, is made the same.
std::string masked(std::string line) {
  static const std::pair<std::regex, const char*> kRules[] = {
      {std::regex("^(page|head):[0-9a-f]{16}"), "$1:#"},
      {std::regex("pfn:(0x)?[0-9a-f]+"), "pfn:#"},
      {std::regex("PID: [0-9]+"), "PID: #"},
      {std::regex("((active_|inactive_|isolated_|isolated\\()?(anon|file)\\)?|slab_\\w+|mapped|"
                  "shmem|\\bpagetables|free|free_pcp|local_pcp|kernel_stack):[0-9]+"),
       "$1:#"},
      {std::regex(" [0-9]+\\*"), " #*"},
      {std::regex(" \\([UMEHCI]+\\)"), ""},
      {std::regex(" = [0-9]+kB$"), " = #kB"},
      {std::regex("all_unreclaimable\\? .*"), "all_unreclaimable? #"},  // kswapd has given up
      {std::regex("^[0-9]+ total pagecache pages"), "# total pagecache pages"},
  };
  for (const auto& [what, by] : kRules) line = std::regex_replace(line, what, by);
  return line;
}

std::map<std::string, Lines> recorded() {
  std::ifstream file(kRecordings / "reports/reports.txt");
  std::map<std::string, Lines> sections;
  std::string section;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("== "))
      section = line.substr(3);
    else
      sections[section].push_back(masked(line));
  }
  return sections;
}

class Reports : public ::testing::Test {
 protected:
  Reports() {
    const auto file = machine_file::from_capture(kRecordings / "reports");
    EXPECT_TRUE(file.has_value());
    auto booted = BootedMachine::boot(*file, {});
    EXPECT_TRUE(booted.has_value());
    booted_ = std::move(*booted);
    // The recording's snapshots had read it, by which it is computed anew.
    EXPECT_TRUE(booted_->read("proc/sys/vm/lowmem_reserve_ratio").has_value());
    on_cpu_.emplace(machine().cpus()[0]);
    Arch::current()->task->set_name("insmod");
    seen_ = booted_->log().size();
  }
  Machine& machine() { return booted_->machine(); }
  PageAllocator& pages() { return machine().pages(); }

  // What was logged since the last call.
  Lines fresh() {
    Lines lines;
    for (; seen_ < booted_->log().size(); ++seen_) lines.push_back(masked(booted_->log()[seen_]));
    return lines;
  }
  Page& sixteen(Gfp extra) { return *pages().allocate(Gfp::kKernel | extra, Order{4}); }

  std::unique_ptr<BootedMachine> booted_;
  std::optional<OnCpu> on_cpu_;
  std::size_t seen_ = 0;
  std::map<std::string, Lines> linux_ = recorded();
};

constexpr NodeId kNode1{1};

TEST_F(Reports, OfAMappedPageAreLinuxs) {
  Page& page = sixteen(Gfp::kNone);
  page.mapcount = 1;
  pages().free(page, Order{4});
  EXPECT_EQ(fresh(), linux_["mapcount"]);
}

TEST_F(Reports, OfAPageInUseByItsFlagsAreLinuxs) {
  Page& page = sixteen(Gfp::kNone);
  for (const PageFlag flag :
       {PageFlag::kReferenced, PageFlag::kUptodate, PageFlag::kDirty, PageFlag::kLocked,
        PageFlag::kWorkingset, PageFlag::kSwapBacked, PageFlag::kUnevictable, PageFlag::kReclaim,
        PageFlag::kPrivate})
    page.word.set(flag);
  pages().free(page, Order{4});
  EXPECT_EQ(fresh(), linux_["flags"]);
}

TEST_F(Reports, OfACompoundPageAreLinuxs) {
  Page& page = sixteen(Gfp::kCompound);
  page.word.set(PageFlag::kLocked);
  pages().free(page, Order{4});
  EXPECT_EQ(fresh(), linux_["compound"]);
}

TEST_F(Reports, OfAFailedAllocationAreLinuxs) {
  const Gfp here = Gfp::kNoWait | Gfp::kThisNode;
  while (pages().allocate(here, Order{0}, kNode1) != nullptr) continue;
  EXPECT_EQ(fresh(), linux_["failure"]);
  EXPECT_EQ(pages().allocate(here, Order{0}, kNode1), nullptr);
  EXPECT_EQ(fresh(), linux_["failure 8 seconds later"]);
}

TEST_F(Reports, OfFailuresOnSomeNodesTellOfThose) {
  const Gfp silent = Gfp::kNoWait | Gfp::kThisNode | Gfp::kNoWarn;
  while (pages().allocate(silent, Order{0}, kNode1) != nullptr) continue;
  EXPECT_EQ(pages().allocate_from(0b10, Gfp::kKernel | Gfp::kNoRetry, Order{10}, kNode1), nullptr);
  Lines wanted = linux_["failure of one node"];
  std::erase(wanted, "warn_alloc: 1 callbacks suppressed");
  EXPECT_EQ(fresh(), wanted);
}

TEST_F(Reports, OfFailuresInLowZonesTellOfThose) {
  EXPECT_EQ(pages().allocate(Gfp::kDma32 | Gfp::kDirectReclaim | Gfp::kNoRetry | Gfp::kThisNode,
                             Order{10}, kNode1),
            nullptr);
  EXPECT_EQ(fresh(), linux_["failure of low zones"]);
}

TEST_F(Reports, OfFailuresInDmaTellOfThat) {
  EXPECT_EQ(pages().allocate(Gfp::kDma | Gfp::kThisNode, Order{10}, kNode1), nullptr);
  EXPECT_EQ(fresh(), linux_["failure of DMA"]);
}

}  // namespace
}  // namespace quire::oracle
