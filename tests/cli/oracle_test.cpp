#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/command.hpp"

namespace quire::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

TEST(OracleMachine, ExitsWith0AndCountsTheFieldsWhenAllAgree) {
  const Outcome oracle = quire("oracle machine " + recording("captures/flat-1g"));
  EXPECT_EQ(oracle.status, 0) << oracle.out;
  EXPECT_THAT(oracle.out, MatchesRegex("[0-9]+ fields agree\n"));
}

class AlteredCapture : public ::testing::Test {
 protected:
  AlteredCapture() {
    std::filesystem::copy(recording("captures/flat-1g"), scratch_.path() / "c",
                          std::filesystem::copy_options::recursive);
    std::filesystem::permissions(zoneinfo_, std::filesystem::perms::owner_all,
                                 std::filesystem::perm_options::add);
  }
  void alter(const std::string& old, const std::string& by) {
    std::string text = text_of(zoneinfo_);
    for (std::size_t at = text.find(old); at != std::string::npos;
         at = text.find(old, at + by.size())) {
      text.replace(at, old.size(), by);
    }
    std::ofstream(zoneinfo_, std::ios::trunc) << text;
  }
  Scratch scratch_;
  const std::filesystem::path zoneinfo_ = scratch_.path() / "c/boot/zoneinfo";
};

TEST_F(AlteredCapture, ExitsWith1AndSaysWhatDiffers) {
  alter("        min      175", "        min      176");
  const Outcome oracle = quire("oracle machine " + (scratch_.path() / "c").string());
  EXPECT_EQ(oracle.status, 1);
  EXPECT_THAT(oracle.out, HasSubstr("node 0 zone DMA: min is 176 in Linux, 175 here\n"));
}

TEST_F(AlteredCapture, ShowsTwentyDifferencesUnlessAskedForAll) {
  alter("      nr_", "     nr_");
  const std::string path = (scratch_.path() / "c").string();
  const Outcome few = quire("oracle machine " + path);
  EXPECT_EQ(std::ranges::count(few.out, '\n'), 22);
  EXPECT_THAT(few.out, HasSubstr("more differences"));
  const Outcome all = quire("oracle machine --verbose " + path);
  EXPECT_THAT(all.out, ::testing::Not(HasSubstr("more differences")));
  EXPECT_THAT(all.out, HasSubstr("user_reserve_kbytes"));
}

TEST(OracleMachine, ExitsWith2WhenTheCaptureCannotBeRead) {
  const Outcome oracle = quire("oracle machine " + recording("nothing"));
  EXPECT_EQ(oracle.status, 2);
  EXPECT_THAT(oracle.out, IsEmpty());
  EXPECT_THAT(oracle.err, HasSubstr("machine.json"));
}

TEST(OracleBuddy, ExitsWith0WhenAllAgree) {
  const Outcome oracle = quire("oracle buddy " + recording("buddy/01_order0_churn.log.gz"));
  EXPECT_EQ(oracle.status, 0) << oracle.out;
  EXPECT_THAT(oracle.out, MatchesRegex("[0-9]+ fields agree\n"));
}

TEST(OracleBuddy, ExitsWith1AndNamesTheOperationThatDiffers) {
  const Scratch scratch;
  const std::string log = scratch.path() / "x.log";
  std::filesystem::copy(recording("buddy/01_order0_churn.machine.json"),
                        scratch.path() / "x.machine.json");
  const std::string unpack = "gzip -dc " + recording("buddy/01_order0_churn.log.gz");
  ASSERT_EQ(std::system((unpack + " | sed '0,/^A .*/s//A 212008 0 77777/' > " + log).c_str()), 0);
  const Outcome oracle = quire("oracle buddy " + log);
  EXPECT_EQ(oracle.status, 1);
  EXPECT_THAT(oracle.out, HasSubstr("operation 1 (line "));
  EXPECT_THAT(oracle.out, HasSubstr("Linux gave 77777"));
}

// From each event's name on; before it stand task, CPU and time.
std::string without_prefix(const std::string& trace) {
  std::istringstream lines(trace);
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    constexpr std::string_view kPrefix = "          <idle>-0       [000] .....     0.000000: ";
    EXPECT_THAT(line, ::testing::StartsWith(std::string(kPrefix)));
    kept += line.substr(kPrefix.size()) + '\n';
  }
  return kept;
}

TEST(OracleBuddy, WritesTheEventsThatLinuxTraced) {
  const Scratch scratch;
  const std::string trace = scratch.path() / "trace";
  const std::string linux_trace = scratch.path() / "linux";
  const std::string log = recording("buddy/70_trace_mixed");
  ASSERT_EQ(std::system(("gzip -dc " + log + ".trace.gz >" + linux_trace).c_str()), 0);
  EXPECT_EQ(quire("oracle buddy " + log + ".log.gz --trace " + trace).status, 0);
  EXPECT_EQ(without_prefix(text_of(trace)), text_of(linux_trace));
  EXPECT_THAT(quire("oracle buddy " + log + ".log.gz --trace -").out,
              ::testing::StartsWith(text_of(trace)));
}

TEST(OracleBuddy, SaysWhichTraceCannotBeWritten) {
  const std::string log = recording("buddy/01_order0_churn.log.gz");
  const Outcome nowhere = quire("oracle buddy " + log + " --trace /nowhere/trace");
  EXPECT_EQ(nowhere.status, 1);
  EXPECT_EQ(nowhere.err, "quire: cannot write /nowhere/trace: No such file or directory\n");
  EXPECT_EQ(quire("oracle buddy " + log + " --trace /dev/full").err,
            "quire: cannot write /dev/full: the trace is not whole\n");
}

TEST(OracleBuddy, ExitsWith2WhenTheLogCannotBeRead) {
  EXPECT_EQ(quire("oracle buddy nothing.log.gz").status, 2);
  const Outcome wrong = quire("oracle buddy " + example("numa2"));
  EXPECT_EQ(wrong.status, 2);
  EXPECT_THAT(wrong.err, HasSubstr("line 1: expected a log that begins with"));
}

TEST(Import, OfACaptureMakesAMachineThatBoots) {
  const Scratch scratch;
  const std::string file = scratch.path() / "m.toml";
  const Outcome import = quire("import " + recording("captures/numa4-asym") + " -o " + file);
  ASSERT_EQ(import.status, 0) << import.err;
  EXPECT_EQ(quire("boot -q " + file).status, 0);
}

TEST(Import, OfThisHostMakesAMachineThatBoots) {
  const Scratch scratch;
  const std::string file = scratch.path() / "host.toml";
  const Outcome import = quire("import -o " + file);
  ASSERT_EQ(import.status, 0) << import.err;
  const Outcome boot = quire("boot -q " + file);
  EXPECT_EQ(boot.status, 0) << boot.err;
}

TEST(Import, OfNothingExitsWith1) {
  const Outcome import = quire("import " + recording("nothing"));
  EXPECT_EQ(import.status, 1);
  EXPECT_THAT(import.err, HasSubstr("nothing"));
}

}  // namespace
}  // namespace quire::tools
