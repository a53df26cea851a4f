#include <gmock/gmock.h>

#include <cstdio>
#include <filesystem>

#include "tests/engine/script.hpp"
#include "tools/run/trace_program.hpp"

namespace quire {
namespace {

using ::testing::HasSubstr;
using trace::ProcessId;
using trace::ThreadId;

// A trace of these events, as a program reads it back.
class Recorded {
 public:
  explicit Recorded(const std::vector<trace::Event>& events)
      : path_(std::filesystem::temp_directory_path() /
              ("quire-trace-" + std::to_string(::getpid()) + ".qtr")) {
    trace::TraceWriter writer(path_, {});
    for (const trace::Event& event : events) writer.append(event);
    EXPECT_TRUE(writer.finish().has_value());
  }
  ~Recorded() { std::filesystem::remove(path_); }
  [[nodiscard]] std::unique_ptr<Program> program() const {
    auto reader = trace::open_trace(path_);
    EXPECT_TRUE(reader.has_value());
    return run::make_trace_program(std::move(*reader));
  }

 private:
  const std::filesystem::path path_;
};

constexpr std::uint64_t kData = 0x555500000;
constexpr std::uint64_t kStack = 0x7ffffffde000;

struct Who {
  unsigned process = 0;
  unsigned thread = 0;
};
constexpr Who kMain{};

trace::Event of(Who who, trace::What what) {
  return {ProcessId{who.process}, ThreadId{who.thread}, std::move(what)};
}
// Each page of a stretch, once.
trace::Event touch(Who who, trace::Touch kind, std::uint64_t page, std::uint32_t pages) {
  return of(who, trace::Access{.page = page, .pages = pages, .touch = kind});
}

std::vector<trace::Event> start_of_program() {
  return {of(kMain, trace::Exec{"/bin/tool", 0x400000, 0x600000, 100}),
          of(kMain, trace::File{0, 20'000, "/bin/tool"}),
          of(kMain, trace::Segment{0x400000, 0x2000, 0x2000, 5, 0, 0}),
          of(kMain, trace::Segment{0x403100, 0x400, 0x2000, 3, 0, 0x2100}),
          of(kMain, trace::Stack{kStack - 0x1800, kStack})};
}

TEST(Trace, AProgramIsMappedAsItWasAndFaultsAsItDid) {
  auto events = start_of_program();
  events.push_back(of(kMain, trace::Access{.page = 0x400, .pages = 2, .times = 5000,
                                           .touch = trace::Touch::kFetch}));
  events.push_back(of(kMain, trace::Brk{0x600000}));
  events.push_back(of(kMain, trace::Brk{0x604000}));
  events.push_back(touch(kMain, trace::Touch::kWrite, 0x600, 4));
  events.push_back(of(kMain, trace::Mmap{.address = kData, .length = 0x8000, .protection = 3,
                                        .flags = 0x22}));
  events.push_back(touch(kMain, trace::Touch::kRead, kData >> 12, 4));
  events.push_back(of(kMain, trace::Mremap{kData, 0x8000, 0x9000, kData + 0x100000, 1}));
  events.push_back(touch(kMain, trace::Touch::kWrite, (kData + 0x100000) >> 12, 9));
  events.push_back(of(kMain, trace::Exit{0, true}));
  EngineMachine test({.verify = true});
  EXPECT_EQ(test.run(Recorded(events).program()), RunEnd::kFinished);
  const LiveProcess& process = *test.engine.processes().front();
  EXPECT_EQ(process.why, "");
  EXPECT_EQ(process.name, "tool");
  EXPECT_EQ(process.state, LiveProcess::State::kExited);
  EXPECT_EQ(test.faults(FaultKind::kZeroPage), 4u);
  EXPECT_EQ(test.faults(FaultKind::kZeroWrite), 4u);
  EXPECT_EQ(test.faults(FaultKind::kAnonymous), 2u + 4u + 5u);  // the stack's, the heap's, the rest
  EXPECT_EQ(test.faults(FaultKind::kFileRead), 1u);    // what is cleared behind the data
  EXPECT_EQ(test.faults(FaultKind::kFileMapped), 1u);  // the code, which came with it
  EXPECT_EQ(process.accesses, 2u + 1u + 10'000u + 4u + 4u + 9u);
}

TEST(Trace, ThreadsAndChildrenFindWhatOthersHaveMapped) {
  auto events = start_of_program();
  events.push_back(of(kMain, trace::Clone{ThreadId{1}, 101}));
  for (unsigned round = 0; round < 20; ++round) {
    const std::uint64_t at = kData + round * 0x10000;
    const unsigned mapper = round % 2;
    events.push_back(of({0, mapper}, trace::Mmap{.address = at, .length = 0x4000, .protection = 3,
                                               .flags = 0x22}));
    events.push_back(touch({0, 1 - mapper}, trace::Touch::kWrite, at >> 12, 4));
    events.push_back(touch({0, mapper}, trace::Touch::kWrite, at >> 12, 4));
    events.push_back(of({0, 1 - mapper}, trace::Munmap{at, 0x4000}));
  }
  events.push_back(of({0, 1}, trace::Fork{ProcessId{1}, ThreadId{2}, 102}));
  events.push_back(touch({1, 2}, trace::Touch::kWrite, (kStack >> 12) - 1, 1));
  events.push_back(of({1, 2}, trace::Exit{0, true}));
  events.push_back(of(kMain, trace::Exit{0, true}));
  Shape shape = Shape::one_zone({.size_mib = 64, .cpus = 2});
  EngineMachine test({.verify = true}, shape);
  EXPECT_EQ(test.run(Recorded(events).program()), RunEnd::kFinished);
  ASSERT_EQ(test.engine.processes().size(), 2u);
  for (const auto& process : test.engine.processes()) {
    EXPECT_EQ(process->why, "");
    EXPECT_EQ(process->state, LiveProcess::State::kExited);
  }
  EXPECT_EQ(test.faults(FaultKind::kAnonymous), 2u + 20u * 4u);
  EXPECT_EQ(test.faults(FaultKind::kCopy), 1u);
}

TEST(Trace, FilesAreReadAndWrittenAtTheirPlaces) {
  auto events = start_of_program();
  events.push_back(of(kMain, trace::File{1, 100'000, "/data"}));
  events.push_back(of(kMain, trace::Open{1, 3, 0}));
  events.push_back(of(kMain, trace::Transfer{1, 0, 100'000, false}));
  events.push_back(of(kMain, trace::Transfer{1, 50'000, 100'000, true}));
  events.push_back(of(kMain, trace::Mmap{.address = kData, .length = 0x20000, .protection = 1,
                                        .flags = 1, .file = 1}));
  events.push_back(touch(kMain, trace::Touch::kRead, kData >> 12, 32));
  events.push_back(of(kMain, trace::Truncate{1, 4096}));
  events.push_back(touch(kMain, trace::Touch::kRead, (kData >> 12) + 1, 1));
  EngineMachine test({.verify = true});
  test.run(Recorded(events).program());
  const LiveProcess& process = *test.engine.processes().front();
  EXPECT_EQ(test.engine.mismatch(), "");
  EXPECT_EQ(process.state, LiveProcess::State::kSignalled);  // behind what was cut off
  EXPECT_THAT(process.why, HasSubstr("SIGBUS"));
  EXPECT_GE(test.faults(FaultKind::kFileMapped), 1u);
}

TEST(Trace, ACallThatFailsHereEndsTheProcessWithTheReason) {
  auto events = start_of_program();
  events.push_back(of(kMain, trace::Mprotect{kData, 0x1000, 1}));
  EngineMachine test;
  test.run(Recorded(events).program());
  const LiveProcess& process = *test.engine.processes().front();
  EXPECT_EQ(process.state, LiveProcess::State::kBroken);
  EXPECT_THAT(process.why, HasSubstr("ENOMEM"));
}

}  // namespace
}  // namespace quire
