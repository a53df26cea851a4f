// Every text that a running kernel was given to read: what it said, and what it showed afterwards.
#include "tests/procfs/answers.hpp"
#include "tests/procfs/recorded_state.hpp"

namespace quire::test {
namespace {

// The machine that the kernel was asked on: 1 GiB, one CPU.
class Answers : public testing::Test {
 protected:
  Answers() { machine_.size_everything(); }

  void hold_to(const Answer& asked) {
    SCOPED_TRACE(asked.path + " <- \"" + asked.written + "\"");
    if (asked.write) {
      EXPECT_EQ(answer_to_write(tree_, asked), asked.answer);
    }
    EXPECT_EQ(answer_to_read(tree_, asked.path), asked.read);
  }

  RecordedMachine machine_{"flat-1g"};
  ProcTree tree_ = machine_.tree();
};

// The recorder tells each file's value, then asks, then puts the value back where the file lets it.
class FirstValues {
 public:
  explicit FirstValues(const ProcTree& tree) : tree_(tree) {}

  void take(const std::string& comment) {
    const auto words = words_of(comment);
    if (words.size() < 4 || words[2] != "starts") return;
    put_back();
    path_ = "proc/sys/vm/" + words[1];
    const auto quote = comment.find('"');
    first_ = quote == std::string::npos ? "" : unquoted(comment.substr(quote));
    // Depends on what the kernel had used by then.
    if (words[1] == "user_reserve_kbytes") put_back();
    if (words[4] == "unreadable") return;
    EXPECT_EQ(answer_to_read(tree_, path_), first_) << path_;
  }
  void put_back() {
    if (!first_.empty()) (void)tree_.write(path_, first_).has_value();
  }

 private:
  const ProcTree& tree_;
  std::string path_;
  std::string first_;
};

TEST_F(Answers, EachTextWrittenToATunableIsTakenOrRefusedAsByTheKernel) {
  unsigned asked = 0;
  FirstValues first(tree_);
  for (const std::string& line :
       lines_of(file_text(QUIRE_TESTS_DIR "/oracle/sysctl_refusals.txt"))) {
    if (line[0] == '#') {
      first.take(line);
      continue;
    }
    Answer answer = answer_of(line);
    const bool huge_pages = answer.path.starts_with("transparent_hugepage/");
    if (huge_pages && answer.written == "never" && answer.answer == "ok") first.put_back();
    if (answer.path.ends_with("(reread)")) answer = {"min_free_kbytes", "", false, "", answer.read};
    answer.path = (huge_pages ? "sys/kernel/mm/" : "proc/sys/vm/") + answer.path;
    hold_to(answer);
    ++asked;
  }
  EXPECT_GT(asked, 1500u);
}

TEST_F(Answers, EachTextWrittenToASwitchIsTakenOrRefusedAsByTheKernel) {
  unsigned asked = 0;
  for (const std::string& line :
       lines_of(file_text(QUIRE_TESTS_DIR "/procfs/recorded/knob_answers.txt"))) {
    if (line[0] == '#') continue;
    hold_to(answer_of(line));
    ++asked;
  }
  EXPECT_GT(asked, 500u);
}

}  // namespace
}  // namespace quire::test
