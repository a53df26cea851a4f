// Recorded programs against Linux 6.1: wherever a program asked /proc how it stands, the replayed
// one must have had the same faults, and in the end have the same pages.
#include <array>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "tests/engine/script.hpp"
#include "tools/run/trace_program.hpp"

namespace quire {
namespace {

constexpr std::uint64_t kAsked = 0x10000;  // where nothing of a program lies
enum class Question : std::uint64_t { kVmstat = 1, kSmaps = 2 };

// A trace in which opening /proc/vmstat or smaps is a call that changes nothing, at kAsked.
class Asking final : public trace::TraceReader {
 public:
  explicit Asking(std::unique_ptr<trace::TraceReader> reader) : reader_(std::move(reader)) {}

  [[nodiscard]] const trace::Header& header() const override { return reader_->header(); }
  [[nodiscard]] std::expected<const trace::Event*, trace::TraceError> next() override {
    auto read = reader_->next();
    if (!read.has_value() || *read == nullptr) return read;
    event_ = **read;
    if (const auto* file = std::get_if<trace::File>(&event_.what)) {
      if (file->path == "/proc/vmstat") asks_[file->file] = Question::kVmstat;
      if (file->path.ends_with("/smaps")) asks_[file->file] = Question::kSmaps;
    } else if (const auto* open = std::get_if<trace::Open>(&event_.what)) {
      if (const auto asks = asks_.find(open->file); asks != asks_.end())
        event_.what = trace::Madvise{kAsked * static_cast<std::uint64_t>(asks->second), 0, 0};
    }
    return &event_;
  }
  [[nodiscard]] std::expected<void, trace::TraceError> seek(std::uint64_t event) override {
    return reader_->seek(event);
  }
  [[nodiscard]] unsigned progress() const override { return reader_->progress(); }

 private:
  std::unique_ptr<trace::TraceReader> reader_;
  std::map<std::uint32_t, Question> asks_;
  trace::Event event_;
};

using Figures = std::array<std::int64_t, 6>;  // of smaps, in KiB, in the order of kRows
constexpr std::array kRows = {"Rss:", "Anonymous:", "Private_Clean:", "Private_Dirty:",
                              "Shared_Clean:", "Shared_Dirty:"};
using Memory = std::map<std::string, Figures>;  // by kind of mapping

// What a mapping counts under: its name, without the folder, and its rights. Where mmap and stacks
// lie is qemu-user's choice in a recording, and a stack is a mapping like others there.
std::string kind_of(const std::string& rights, std::string name) {
  name = name.substr(name.rfind('/') + 1);
  return (name.empty() || name == "[stack]" ? "none" : name) + " " + rights;
}

struct Counts {
  std::int64_t fault = 0, major = 0;
  std::int64_t allocated = 0, freed = 0;  // pages
  std::int64_t own_minor = 0, own_major = 0;  // -1: not known
};

std::string text_of(const Counts& counts) {
  std::ostringstream out;
  out << "pgfault " << counts.fault << ", pgmajfault " << counts.major << ", own "
      << counts.own_minor << " and " << counts.own_major;
  return out.str();
}

std::string text_of(const Memory& memory) {
  std::ostringstream out;
  for (const auto& [kind, figures] : memory) {
    out << "  " << kind << ":";
    for (const std::int64_t figure : figures) out << " " << figure;
    out << "\n";
  }
  return out.str();
}

struct Answer {
  std::string name;
  Counts counts;
  Memory memory;
  std::int64_t children = 0;  // processes begun so far, without the program's own
};

std::vector<Answer> answers_of_linux(const std::string& path) {
  std::vector<Answer> answers;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string what, range, rights, name;
    words >> what;
    if (what == "at") {
      Counts& c = answers.emplace_back().counts;
      words >> c.fault >> c.major >> c.allocated >> c.freed >> c.own_minor >> c.own_major;
      words >> std::ws;
      std::getline(words, answers.back().name);
    } else {
      Figures figures{};
      words >> range >> rights;
      for (std::int64_t& figure : figures) words >> figure;
      std::getline(words >> std::ws, name);
      Figures& sums = answers.back().memory[kind_of(rights, name)];
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += figures[i];
    }
  }
  return answers;
}

class Sink final : public TextSink {
 public:
  void write(std::string_view piece) override { text.append(piece); }
  std::string text;
};

// Passes on what a trace does, and looks at the machine where it asks.
class Asked final : public Program {
 public:
  Asked(EngineMachine& test, std::unique_ptr<Program> trace, const trace::File& own,
        std::vector<Answer>& answers)
      : test_(test), trace_(std::move(trace)), own_(own), answers_(answers) {}

  Action next(const Reply& last) override {
    // Its own file is in memory before it begins, as it was there.
    if (!opened_) {
      opened_ = true;
      return OpenFile{own_.path, kOwn, Bytes{own_.size}, {}};
    }
    if (!read_) {
      read_ = true;
      return ReadFile{{kOwn, Bytes{0}, Bytes{own_.size}}};
    }
    if (!begun_) {
      begun_ = true;
      base_ = count();
    }
    Action action = trace_->next(last);
    const auto* const advice = std::get_if<AdviseMemory>(&action);
    if (advice != nullptr && advice->range.length() == Bytes{0}) look(advice->range.start);
    return action;
  }

 private:
  Counts count() const {
    const LiveProcess& live = *test_.engine.processes().front();
    const auto event = [this](VmEvent event) {
      return static_cast<std::int64_t>(event_count(test_.machine.nodes(), event));
    };
    std::int64_t allocated = 0;
    for (unsigned zone = 0; zone < kZoneTypes; ++zone)
      allocated += event(for_zone(VmEvent::kPgalloc, static_cast<ZoneType>(zone)));
    return {event(VmEvent::kPgfault), event(VmEvent::kPgmajfault), allocated,
            event(VmEvent::kPgfree),
            static_cast<std::int64_t>(live.process->minor_faults),
            static_cast<std::int64_t>(live.process->major_faults)};
  }
  void look(VirtAddr at) {
    const Question question{at.raw() / kAsked};
    if (question == Question::kSmaps) {
      answers_.back().memory = memory();
    } else {
      Counts now = count();
      now.allocated -= base_.allocated;
      now.freed -= base_.freed;
      const auto begun = static_cast<std::int64_t>(test_.engine.processes().size());
      answers_.push_back({"", now, {}, begun - 1});
    }
  }
  Memory memory() {
    Sink sink;
    const std::uint32_t pid = test_.engine.processes().front()->pid;
    EXPECT_TRUE(
        test_.machine.proc().read("proc/" + std::to_string(pid) + "/smaps", sink).has_value());
    Memory memory;
    Figures* sums = nullptr;
    std::istringstream in(sink.text);
    for (std::string line; std::getline(in, line);) {
      std::istringstream words(line);
      std::string first, rights, offset, device, inode, name;
      words >> first;
      if (first.find('-') != std::string::npos) {
        words >> rights >> offset >> device >> inode >> std::ws;
        std::getline(words, name);
        sums = &memory[kind_of(rights, name)];
      }
      for (std::size_t i = 0; i < kRows.size(); ++i) {
        std::int64_t figure = 0;
        if (first == kRows[i] && words >> figure) (*sums)[i] += figure;
      }
    }
    return memory;
  }

  static constexpr int kOwn = 1'000'000;  // no descriptor of the trace

  EngineMachine& test_;
  std::unique_ptr<Program> trace_;
  const trace::File own_;
  std::vector<Answer>& answers_;
  bool opened_ = false;
  bool read_ = false;
  bool begun_ = false;
  Counts base_;  // before it begins
};

class Exact : public ::testing::TestWithParam<const char*> {};

// The first file that a trace tells of.
trace::File own_file(trace::TraceReader& reader) {
  for (auto event = reader.next(); event.has_value() && *event != nullptr; event = reader.next())
    if (const auto* const file = std::get_if<trace::File>(&(*event)->what)) return *file;
  return {};
}

// Pages allocated and freed by all of the kernel are near, as Linux has more for each program than
// its memory (README.md has the figures): as much at each start, which is taken off, some for each
// child, and a few slabs that were or were not there before. Compaction, which is not here, frees
// what it has moved.
void expect_near_pages(const Answer& here, const Answer& there, bool compacted) {
  constexpr std::int64_t kStartAllocates = 5, kStartFrees = 43, kSlabs = 10, kChild = 9;
  const std::int64_t far = kSlabs + kChild * here.children;
  EXPECT_NEAR(here.counts.allocated, there.counts.allocated - kStartAllocates, far) << there.name;
  if (compacted) return;
  EXPECT_NEAR(here.counts.freed, there.counts.freed - kStartFrees, far) << there.name;
}

TEST_P(Exact, FaultsAndPagesAreLinuxs) {
  const std::string base = std::string(QUIRE_TESTS_DIR) + "/exact/recorded/" + GetParam();
  const auto open = [&] { return *trace::open_trace(base + ".qtr"); };
  EngineMachine test({.verify = true}, Shape::one_zone({.size_mib = 128}));
  std::vector<Answer> here;
  auto trace = run::make_trace_program(std::make_unique<Asking>(open()));
  EXPECT_EQ(test.run(std::make_unique<Asked>(test, std::move(trace), own_file(*open()), here)),
            RunEnd::kFinished);
  for (const auto& process : test.engine.processes()) EXPECT_EQ(process->why, "");

  const std::vector<Answer> there = answers_of_linux(base + ".guest");
  ASSERT_EQ(here.size(), there.size());
  bool compacted = false;
  for (std::size_t i = 0; i < here.size(); ++i) {
    if (there[i].counts.own_minor < 0) here[i].counts.own_minor = here[i].counts.own_major = -1;
    EXPECT_EQ(text_of(here[i].counts), text_of(there[i].counts)) << there[i].name;
    compacted |= there[i].name == "compact_memory";
    expect_near_pages(here[i], there[i], compacted);
    EXPECT_EQ(text_of(here[i].memory), text_of(there[i].memory)) << there[i].name;
  }
}

INSTANTIATE_TEST_SUITE_P(Recorded, Exact,
                         ::testing::Values("once", "read_write", "forks", "files", "heap",
                                           "threads", "execs", "seq", "rand", "zipf", "stream",
                                           "mixed", "frag", "forkcow", "advice", "moved"),
                         [](const auto& name) { return std::string(name.param); });

}  // namespace
}  // namespace quire
