// Records with the built tool, as a user does, and looks at what was recorded.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "tests/cli/command.hpp"
#include "tests/record/shadow.hpp"

namespace quire::record {

// What a shell prints when it runs `command`.
inline std::string shell(const std::string& command) {
  std::string out;
  FILE* const pipe = popen(command.c_str(), "r");
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) out += static_cast<char>(c);
  pclose(pipe);
  return out;
}

template <typename T>
std::vector<T> all(const std::vector<trace::Event>& events) {
  std::vector<T> found;
  for (const trace::Event& event : events)
    if (const auto* what = std::get_if<T>(&event.what)) found.push_back(*what);
  return found;
}

class Recording : public ::testing::Test {
 protected:
  Recording() {
    std::ofstream lines(scratch_.path() / "lines");
    for (unsigned i = 0; i < 2000; ++i) lines << i * 7919 % 2003 << " of many\n";
  }
  [[nodiscard]] std::string file(const std::string& name) const { return scratch_.path() / name; }
  [[nodiscard]] std::string trace() const { return file("t.qtr"); }
  [[nodiscard]] tools::Outcome record(const std::string& program) const {
    return tools::quire("record -o " + trace() + " " + program);
  }
  // No folder of streams is left behind.
  [[nodiscard]] bool is_tidy() const {
    return std::ranges::none_of(std::filesystem::directory_iterator(scratch_.path()),
                                [](const auto& entry) { return entry.is_directory(); });
  }

  // Records `program`, which gives what it gives on its own; each page that is touched is mapped
  // so that it may be.
  std::vector<trace::Event> recorded(const std::string& program) {
    const tools::Outcome outcome = record("-- " + program);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.out, shell(program));
    EXPECT_TRUE(is_tidy());
    const std::vector<trace::Event> events = events_of(trace());
    Shadow shadow;
    std::size_t at = 0;
    for (const trace::Event& event : events) {
      if (shadow.take(event) == 0) {
        ++at;
        continue;
      }
      ADD_FAILURE() << "event " << at << " touches what is not mapped, or not so";
      break;
    }
    return events;
  }

  // calls.c, as a program.
  [[nodiscard]] std::string compiled() const {
    const std::string program = file("calls");
    const std::string command = "cc -O1 -pthread -o " + program + " " QUIRE_TESTS_DIR
                                "/record/calls.c";
    EXPECT_EQ(std::system(command.c_str()), 0);
    return program;
  }

  // As recorded(); and what was recorded runs on a machine with the same bytes in memory
  // throughout, each of its processes to its end.
  std::vector<trace::Event> replayed(const std::string& program) {
    const std::vector<trace::Event> events = recorded(program);
    const tools::Outcome run = tools::quire("run " + tools::example("two-small-nodes") + " " +
                                            trace() + " --verify");
    EXPECT_EQ(run.status, 0) << run.err;
    std::size_t ended = 0;
    for (std::size_t at = 0; (at = run.out.find(" exited ", at)) != run.out.npos; ++at) ++ended;
    EXPECT_EQ(ended, 1 + all<trace::Fork>(events).size()) << run.out;
    return events;
  }

  Scratch scratch_;
};

}  // namespace quire::record
