// Every recorded sequence of allocations, replayed here, and replays that must fail.
#include "tools/oracle/buddy_oracle.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/oracle/recordings.hpp"
#include "tools/oracle/packed_file.hpp"

namespace quire::oracle {
namespace {

using ::testing::HasSubstr;

class EveryLog : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(EveryLog, GivesTheSamePagesCountsAndFinalLists) {
  const auto comparison = check_buddy_log(GetParam());
  ASSERT_TRUE(comparison.has_value()) << comparison.error();
  EXPECT_GT(comparison->agreed(), 250U);
  std::vector<std::string> first = comparison->differences();
  if (!first.empty()) first.resize(1);
  EXPECT_EQ(first, known_differences(name_of_recording(GetParam())));
}

INSTANTIATE_TEST_SUITE_P(Linux, EveryLog,
                         ::testing::ValuesIn(recordings_in(
                             "buddy",
                             [](const auto& path) { return path.string().ends_with(".log.gz"); })),
                         [](const auto& info) { return test_name_of(info.param); });

const std::filesystem::path kChurn = kRecordings / "buddy/01_order0_churn.log.gz";

std::string churn() {
  const auto text = read_packed(kChurn);
  EXPECT_TRUE(text.has_value());
  return text.value_or("");
}

// The line that begins with `head`, the last one if `last`; with its newline.
std::string line_of(const std::string& text, const std::string& head, bool last = false) {
  const std::size_t at = last ? text.rfind('\n' + head) : text.find('\n' + head);
  EXPECT_NE(at, std::string::npos) << head;
  return text.substr(at + 1, text.find('\n', at + 1) - at);
}

std::string replaced(std::string text, const std::string& old, const std::string& by) {
  const std::size_t at = text.rfind(old);
  EXPECT_NE(at, std::string::npos) << old;
  return text.replace(at, old.size(), by);
}

Comparison replay_of(const std::string& text) {
  const auto log = parse_buddy_log(text);
  EXPECT_TRUE(log.has_value()) << (log ? "" : log.error());
  const auto machine =
      machine_file::from_capture(kRecordings / "buddy/01_order0_churn.machine.json");
  EXPECT_TRUE(machine.has_value());
  return replay(*log, *machine);
}

TEST(Replay, NamesOperationLineAndBothPagesOfAnAnswerThatIsNotLinuxs) {
  const std::string text = churn();
  const std::string line = line_of(text, "A ");
  const std::string pfn = line.substr(line.rfind(' ') + 1);
  const std::size_t at = text.find(line);
  const std::string wrong = line.substr(0, line.rfind(' ') + 1) + "12345\n";
  const Comparison comparison = replay_of(std::string(text).replace(at, line.size(), wrong));
  ASSERT_FALSE(comparison.all_agree());
  EXPECT_THAT(comparison.differences().front(),
              AllOf(HasSubstr("operation 1 (line "),
                    HasSubstr("Linux gave 12345, here it is " + pfn.substr(0, pfn.size() - 1))));
}

TEST(Replay, FindsACountThatIsNotLinuxs) {
  const std::string text = churn();
  const std::string line = line_of(text, "S ");
  const Comparison comparison = replay_of(replaced(text, line, replaced(line, " 1=", " 1=9")));
  ASSERT_EQ(comparison.differed(), 1U);
  EXPECT_THAT(comparison.differences().front(), HasSubstr("free list of order 0 Movable"));
}

struct Change {
  const char* what;  // of the final state
  const char* head;  // the last line that begins so is altered
  const char* old;
  const char* by;
  const char* words;
};

class EveryPartOfTheFinalState : public ::testing::TestWithParam<Change> {};

TEST_P(EveryPartOfTheFinalState, IsCompared) {
  const Change& part = GetParam();
  const std::string text = churn();
  const std::string line = line_of(text, part.head, true);
  const std::string altered = *part.old == '\0' ? std::string() : replaced(line, part.old, part.by);
  const Comparison comparison = replay_of(replaced(text, line, altered));
  ASSERT_FALSE(comparison.all_agree());
  EXPECT_THAT(comparison.differences().front(),
              AllOf(HasSubstr("after the last operation"), HasSubstr(part.words)));
}

INSTANTIATE_TEST_SUITE_P(
    Altered, EveryPartOfTheFinalState,
    ::testing::Values(
        Change{"Watermark", "ZONE", " min=", " min=1", "zone DMA32: min"},
        Change{"Boost", "ZONE", " boost=", " boost=1", "zone DMA32: boost"},
        Change{"Flags", "ZONE", " flags=0", " flags=1", "zone DMA32: flags"},
        Change{"Managed", "ZONE", " managed=", " managed=1", "zone DMA32: managed"},
        Change{"Span", "ZONE", " spanned=", " spanned=1", "zone DMA32: spanned"},
        Change{"Reserve", "ZONE", "lowmem_reserve=0", "lowmem_reserve=7", "lowmem_reserve"},
        Change{"FreePages", "ZONE", " nr_free=", " nr_free=1", "zone DMA32: nr_free"},
        Change{"AreaCount", "AREA order=10", "nr_free=", "nr_free=1",
                   "count of free blocks of order 10"},
        Change{"ListOrder", "LIST order=10 mt=1", " : ", " : 9 ",
                   "free list of order 10 Movable"},
        Change{"MissingList", "LIST order=10 mt=1", "", "", "free list of order 10 Movable"},
        Change{"Pageblock", "BLOCKS", ":00", ":01", "pageblock types"},
        Change{"SetCount", "PCP ", "count=", "count=1", "CPU 0: count"},
        Change{"SetFactor", "PCP ", "free_factor=", "free_factor=1", "CPU 0: free_factor"},
        Change{"SetDrift", "PCP ", "nr_free_diff=", "nr_free_diff=1", "CPU 0: nr_free_diff"},
        Change{"SetList", "PCPLIST cpu=0 index=1", " : ", " : 9 ", "CPU 0: list 1"}),
    [](const auto& info) { return info.param.what; });

std::string refusal(const std::string& text) {
  const auto log = parse_buddy_log(text);
  return log ? "none" : log.error();
}

TEST(Logs, ThatAreEmptyOrOfAnotherKindAreRefused) {
  EXPECT_THAT(refusal(""), HasSubstr("# buddy_oracle"));
  EXPECT_THAT(refusal("hello\n"), HasSubstr("line 1: expected a log that begins with"));
}

TEST(Logs, ThatAreCutAreRefusedWithTheLine) {
  const std::string text = churn();
  EXPECT_THAT(refusal(text.substr(0, text.rfind("ENDSTATE"))), HasSubstr("the log is cut"));
  EXPECT_THAT(refusal(text.substr(0, text.find("\nOPS") + 1)), HasSubstr("the log is cut"));
}

TEST(Logs, WithALineThatIsNoneAreRefusedWithItsNumberAndWhatWasExpected) {
  const std::string text = churn();
  const std::string line = line_of(text, "A ");
  const auto with = [&](const char* by) { return refusal(replaced(text, line, by)); };
  const std::string number =
      "line " +
      std::to_string(1 + std::count(text.begin(),
                                    text.begin() + static_cast<std::ptrdiff_t>(text.find(line)),
                                    '\n'));
  EXPECT_THAT(with("A 212000 11 20000\n"), HasSubstr("an order of at most 10"));
  EXPECT_THAT(with("A zz 0 20000\n"), HasSubstr("gfp flags in hexadecimal"));
  EXPECT_THAT(with("A 212000 0 xyz\n"), HasSubstr("page frame number"));
  EXPECT_THAT(with("A 212000 0\n"), HasSubstr("an operation"));
  EXPECT_THAT(with("Q 1 2\n"), HasSubstr("an operation"));
  EXPECT_THAT(with("B 212000 1 : 1 2\n"), HasSubstr("no more pages than were asked for"));
  EXPECT_THAT(refusal(text.substr(0, text.find(line)) + "Q\n"), HasSubstr(number + ": expected"));
}

TEST(Logs, WithAStateThatIsNoneAreRefused) {
  const std::string text = churn();
  const auto without = [&](const char* head, const char* old, const char* by) {
    const std::string line = line_of(text, head);
    const std::size_t at = text.find(line);
    return refusal(std::string(text).replace(at, line.size(), replaced(line, old, by)));
  };
  EXPECT_THAT(without("ZONE", " managed=", " mangled="), HasSubstr("managed=, a number"));
  EXPECT_THAT(without("LIST", "mt=", "mt=7"), HasSubstr("a migrate type"));
  EXPECT_THAT(without("BLOCKS", "pages=512", "pages=1024"), HasSubstr("512 pages"));
  EXPECT_THAT(without("PCP ", "batch=", "botch="), HasSubstr("batch=, a number"));
}

TEST(Logs, WhoseStateDoesNotFitTheMachineAreADifferenceThatSaysSo) {
  const std::string text = churn();
  const std::string line = line_of(text, "LIST order=10 mt=1");
  const std::size_t at = text.find(line);
  const Comparison comparison =
      replay_of(std::string(text).replace(at, line.size(), replaced(line, " : ", " : 900000 ")));
  ASSERT_FALSE(comparison.all_agree());
  EXPECT_THAT(comparison.differences().front(), HasSubstr("outside the zone's memory"));
}

class CutFile : public ::testing::Test {
 protected:
  CutFile() {
    const auto packed = std::filesystem::file_size(kChurn);
    std::ifstream in(kChurn, std::ios::binary);
    std::string bytes(packed / 2, '\0');
    in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  ~CutFile() override { std::filesystem::remove(path_); }
  const std::filesystem::path path_ =
      std::filesystem::path(::testing::TempDir()) / "cut_in_half.log.gz";
};

TEST_F(CutFile, IsRefusedAsDamaged) {
  const auto comparison = check_buddy_log(path_);
  ASSERT_FALSE(comparison.has_value());
  EXPECT_THAT(comparison.error(), AllOf(HasSubstr("cut_in_half"), HasSubstr("cut or damaged")));
}

TEST(Logs, ThatAreNotThereAreRefusedWithTheReason) {
  const auto comparison = check_buddy_log(kRecordings / "buddy/nothing.log.gz");
  ASSERT_FALSE(comparison.has_value());
  EXPECT_THAT(comparison.error(), HasSubstr("No such file"));
  EXPECT_FALSE(check_buddy_log(kRecordings / "buddy").has_value());
}

}  // namespace
}  // namespace quire::oracle
