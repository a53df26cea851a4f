// The calls on memory that are recorded, held against those that qemu-user tells with -d strace,
// and strace of the program on its own.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <utility>

#include "tests/record/recording.hpp"

namespace quire::record {
namespace {

using namespace trace;

// What a call is told as: its name, where, how long; natively the place is another.
struct MemoryCall {
  std::string name;
  unsigned long address = 0;
  unsigned long length = 0;
  auto operator<=>(const MemoryCall&) const = default;
  friend void PrintTo(const MemoryCall& call, std::ostream* out) {
    *out << call.name << " " << call.address << " " << call.length;
  }
};
// One thread's.
using MemoryCalls = std::vector<MemoryCall>;
// Of all threads that made any, in no order.
using AllCalls = std::multiset<MemoryCalls>;

constexpr std::array kTold = {"mmap",    "munmap", "mprotect", "mremap", "brk",
                              "madvise", "mlock",  "munlock",  "msync"};

// Lines of strace: "name(first, length, ...) = result", behind a process's number or not. A line
// begins with what another process was about to tell, where two are told in one file.
class Lines {
 public:
  void take(const std::string& line) {
    const std::size_t equals = line.rfind(" = ");
    if (equals == std::string::npos || line[equals + 3] == '-') return;
    const unsigned long result = std::strtoul(line.c_str() + equals + 3, nullptr, 0);
    for (const char* const name : kTold) {
      const std::string call = std::string(name) + "(";
      std::size_t at = line.rfind(call);
      if (at == std::string::npos || (at != 0 && line[at - 1] != ' ')) continue;
      std::size_t number = at == 0 ? 0 : at - 1;
      while (number > 0 && std::isdigit(line[number - 1]) != 0) --number;
      const unsigned long process = std::strtoul(line.c_str() + number, nullptr, 10);
      add(process, {name, 0, result}, line.c_str() + at + call.size());
    }
  }
  void give(AllCalls& all) {
    for (auto& [process, calls] : calls_) all.insert(std::move(calls));
  }

 private:
  // `call` has the result where its length is to be.
  void add(unsigned long process, MemoryCall call, const char* arguments) {
    MemoryCalls& calls = calls_[process];
    const unsigned long result = std::exchange(call.length, 0);
    char first[32] = {};
    std::sscanf(arguments, "%31[^,)],%lu", first, &call.length);
    call.address = call.name == "mmap" || call.name == "brk" ? result
                                                             : std::strtoul(first, nullptr, 0);
    if (call.name != "brk" || std::exchange(heaps_[process], result) != result)
      calls.push_back(std::move(call));
  }

  std::map<unsigned long, MemoryCalls> calls_;
  std::map<unsigned long, unsigned long> heaps_;
};

AllCalls calls_in(const std::string& text) {
  AllCalls all;
  Lines told;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) told.take(line);
  told.give(all);
  return all;
}

// Up to where another program begins in a process, which qemu-user without the recorder lets go.
AllCalls calls_in(const std::vector<Event>& events) {
  std::map<ThreadId, MemoryCalls> calls;
  std::map<ProcessId, unsigned> programs;
  for (const Event& event : events) {
    const auto tell = [&](const char* name, const auto& call) {
      calls[event.thread].push_back({name, call.address, call.length});
    };
    if (const auto* fork = std::get_if<Fork>(&event.what)) programs[fork->child] = 1;
    if (std::holds_alternative<Exec>(event.what)) ++programs[event.process];
    if (programs[event.process] > 1) continue;
    if (const auto* map = std::get_if<Mmap>(&event.what)) tell("mmap", *map);
    if (const auto* unmap = std::get_if<Munmap>(&event.what)) tell("munmap", *unmap);
    if (const auto* protect = std::get_if<Mprotect>(&event.what)) tell("mprotect", *protect);
    if (const auto* move = std::get_if<Mremap>(&event.what)) tell("mremap", *move);
    if (const auto* advice = std::get_if<Madvise>(&event.what)) tell("madvise", *advice);
    if (const auto* lock = std::get_if<Mlock>(&event.what))
      tell(lock->lock ? "mlock" : "munlock", *lock);
    if (const auto* sync = std::get_if<Msync>(&event.what)) tell("msync", *sync);
    if (const auto* brk = std::get_if<Brk>(&event.what))
      calls[event.thread].push_back({"brk", brk->end, 0});
  }
  AllCalls all;
  for (auto& [thread, made] : calls) all.insert(std::move(made));
  return all;
}

class RecordedCalls : public Recording {
 protected:
  // As qemu-user tells them, each thread's in a file of its own.
  [[nodiscard]] AllCalls told_by_qemu(const std::string& program) const {
    const std::filesystem::path folder = file("told");
    std::filesystem::create_directory(folder);
    shell("qemu-x86_64 -d strace,tid -D " + (folder / "%d").string() + " " + program + " 2>&1");
    AllCalls all;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      all.merge(calls_in(text_of(entry.path())));
    std::filesystem::remove_all(folder);
    return all;
  }
};

class RecordedCallsOf : public RecordedCalls, public ::testing::WithParamInterface<const char*> {
 protected:
  // The parameter, with the name of a file for %.
  [[nodiscard]] std::string program() const {
    std::string text = GetParam();
    if (const std::size_t at = text.find('%'); at != text.npos) text.replace(at, 1, file("lines"));
    return text;
  }
};

TEST_P(RecordedCallsOf, AreThoseThatQemuTells) {
  const AllCalls told = told_by_qemu(program());
  ASSERT_EQ(told.size(), 1u);
  EXPECT_GT(told.begin()->size(), 10u);
  EXPECT_EQ(calls_in(recorded(program())), told);
}

// docs/TRACE.md: the loader's own memory, two pages at a time, is asked for at other moments.
TEST_P(RecordedCallsOf, AreThoseOfTheProgramOnItsOwn) {
  if (std::system("strace -o /dev/null true") != 0) {
    std::cout << "NOTHING IS COMPARED: strace cannot trace here (ptrace is refused).\n";
    GTEST_SKIP() << "nothing is compared with strace, which cannot trace here";
  }
  const std::string strace = "strace -f -e trace=%memory " + program() + " 2>&1 >/dev/null";
  const auto without_places = [](const AllCalls& all) {
    MemoryCalls calls = all.size() == 1 ? *all.begin() : MemoryCalls{};
    for (MemoryCall& call : calls) call.address = 0;
    const std::size_t loaders = std::erase(calls, MemoryCall{"mmap", 0, 8192});
    return std::pair{calls, loaders};
  };
  const auto own = without_places(calls_in(shell(strace)));
  EXPECT_GT(own.first.size(), 10u);
  EXPECT_EQ(without_places(calls_in(recorded(program()))), own);
}

INSTANTIATE_TEST_SUITE_P(Programs, RecordedCallsOf,
                         ::testing::Values("/usr/bin/sort %", "/usr/bin/gzip -n -c %",
                                           "/usr/bin/sqlite3 :memory: 'select 1'",
                                           "/usr/bin/python3 -S -c pass"));

TEST_F(RecordedCalls, OfThreadsAreThoseThatQemuTells) {
  const std::string program = compiled() + " threads " + file("made");
  const AllCalls told = told_by_qemu(program);
  ASSERT_EQ(told.size(), 4u);
  std::set<std::string> names;
  for (const MemoryCalls& calls : told)
    for (const MemoryCall& call : calls) names.insert(call.name);
  EXPECT_EQ(names, std::set<std::string>(kTold.begin(), kTold.end()));
  EXPECT_EQ(calls_in(recorded(program)), told);
}

TEST_F(RecordedCalls, OfAScriptThatForksAreThoseThatQemuTells) {
  std::ofstream(file("script")) << "(x=$(printf %9000s x); y=$x$x$x; echo ${#y}; exit 3); echo $?\n"
                                   "for i in 1 2; do echo $i | cat | sed s/1/x/; done\n";
  const std::string program = "/bin/sh " + file("script");
  const AllCalls told = told_by_qemu(program);
  EXPECT_GE(told.size(), 2u) << "a child's heap grows";
  EXPECT_EQ(calls_in(recorded(program)), told);
}

}  // namespace
}  // namespace quire::record
