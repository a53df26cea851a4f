#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "tests/support/scratch.hpp"
#include "tools/trace/trace.hpp"

namespace quire::trace {
namespace {

using ::testing::HasSubstr;

Event event(What what, std::uint32_t thread = 0) {
  return {.process = ProcessId{0}, .thread = ThreadId{thread}, .what = std::move(what)};
}

std::vector<Event> one_of_each() {
  return {event(Exec{.path = "/bin/x", .entry = 0x401000, .brk_start = 0x404000, .pid = 42}),
          event(File{.file = 0, .size = 4096, .path = "/bin/x"}),
          event(Segment{.address = 0x400000, .file_length = 100, .memory_length = 9000,
                        .protection = 5, .file = 0, .offset = 0}),
          event(Stack{.low = 0x7ffe12345678, .high = 0x7ffe12347000}),
          event(Access{.page = 0x401, .times = 7, .touch = Touch::kFetch}),
          event(Mmap{.address = 0x7f0000000000, .length = 5000, .protection = 3, .flags = 0x22}),
          event(Mmap{.address = 1 << 20, .length = 1, .file = 0, .offset = 1ull << 40}),
          event(Access{.page = 5, .pages = 9, .times = 2, .stride = -3}),
          event(Access{.page = UINT64_MAX, .times = UINT32_MAX, .touch = Touch::kWrite}),
          event(Munmap{.address = UINT64_MAX, .length = 0}),
          event(Mremap{1, 2, 3, 4, 5}),
          event(Mprotect{.address = 1, .length = 2, .protection = 1}),
          event(Madvise{.address = 1, .length = 2, .advice = 4}),
          event(Brk{.end = 0x500000}),
          event(Clone{.thread = ThreadId{1}, .tid = 43}),
          event(Access{.page = 5}, 1),
          event(Exit{.status = 0, .process = false}, 1),
          event(Fork{.child = ProcessId{1}, .thread = ThreadId{2}, .pid = 44, .vfork = true}),
          event(Open{.file = 0, .fd = 3, .flags = 2}),
          event(Transfer{.file = 0, .offset = 1, .length = 2, .write = true}),
          event(Truncate{.file = 0, .size = 1}),
          event(Mlock{.address = 0x7000, .length = 1, .lock = true}),
          event(Msync{.address = 0x8000, .length = 4096, .flags = 4}),
          event(Sync{.file = 0}),
          event(Close{.file = 0, .fd = 3}),
          event(Exit{.status = 7, .process = true})};
}

std::string file_of(const std::vector<Event>& events) {
  const Scratch scratch;
  const std::string path = scratch.path() / "t.qtr";
  TraceWriter writer(path, {.command = "x 'a b'", .source = "a test"});
  for (const Event& each : events) writer.append(each);
  const auto written = writer.finish();
  EXPECT_TRUE(written) << written.error().text();
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Reading {
  std::vector<Event> events;
  std::string error;
};

Reading read(std::string bytes) {
  Reading reading;
  auto reader = open_qtr_bytes(std::move(bytes), "t");
  if (!reader) return {{}, reader.error().text()};
  for (;;) {
    const auto next = (*reader)->next();
    if (!next) {
      reading.error = next.error().text();
      EXPECT_FALSE((*reader)->next()) << "a reader that failed stays so";
      return reading;
    }
    if (*next == nullptr) return reading;
    reading.events.push_back(**next);
  }
}

// Pages in no order, touched ever more often, so that nothing is put together.
std::vector<Event> many(std::size_t count) {
  std::mt19937_64 random(7);
  std::vector<Event> events;
  for (std::size_t i = 0; i < count; ++i)
    events.push_back(
        event(Access{.page = random() >> 29, .times = static_cast<std::uint32_t>(i + 1)}));
  return events;
}

TEST(Qtr, GivesBackEachKindOfEventAsItWasWritten) {
  const std::vector<Event> events = one_of_each();
  EXPECT_EQ(read(file_of(events)).events, events);
}

TEST(Qtr, TellsInItsHeaderWhatIsInIt) {
  const auto reader = open_qtr_bytes(file_of(one_of_each()), "t");
  ASSERT_TRUE(reader);
  const Header& header = (*reader)->header();
  EXPECT_EQ(header.command, "x 'a b'");
  EXPECT_EQ(header.source, "a test");
  EXPECT_EQ(header.events, one_of_each().size());
  EXPECT_EQ(header.accesses, 7ull + 18 + UINT32_MAX + 1);
  EXPECT_EQ(header.threads, 2u);
  EXPECT_EQ(header.files, 1u);
}

TEST(Qtr, PutsPagesOfOneStrideTogether) {
  std::vector<Event> pages;
  for (std::uint64_t i = 0; i < 1000; ++i) pages.push_back(event(Access{.page = 100 + 2 * i}));
  pages.push_back(event(Access{.page = 100}));
  EXPECT_EQ(read(file_of(pages)).events,
            (std::vector{event(Access{.page = 100, .pages = 1000, .stride = 2}),
                         event(Access{.page = 100})}));
}

TEST(Qtr, KeepsTouchesOfOtherKindsNumbersAndThreadsApart) {
  const Access twice{.page = 4, .times = 2, .touch = Touch::kWrite};
  const std::vector<Event> apart = {event(Access{.page = 1}),
                                    event(Access{.page = 2, .touch = Touch::kWrite}),
                                    event(Access{.page = 3, .times = 2, .touch = Touch::kWrite}),
                                    event(twice, 1), event(twice, 1)};
  EXPECT_EQ(read(file_of(apart)).events, apart);
}

TEST(Qtr, ReadsBlocksOneAfterTheOtherAndFromAnywhere) {
  const std::vector<Event> events = many(400'000);
  auto reader = open_qtr_bytes(file_of(events), "t");
  ASSERT_TRUE(reader);
  for (const std::size_t at : {std::size_t{399'999}, std::size_t{0}, std::size_t{250'000}}) {
    ASSERT_TRUE((*reader)->seek(at));
    for (std::size_t i = at; i < std::min(at + 200'000, events.size()); ++i) {
      const auto next = (*reader)->next();
      ASSERT_TRUE(next && *next != nullptr) << i;
      ASSERT_EQ(**next, events[i]) << i;
    }
  }
  EXPECT_GT((*reader)->progress(), 500u);
  ASSERT_TRUE((*reader)->seek(400'000));
  EXPECT_EQ(*(*reader)->next(), nullptr);
  EXPECT_EQ((*reader)->progress(), TraceReader::kProgressWhole);
}

TEST(Qtr, OfNoEventsIsATraceToo) {
  const Reading reading = read(file_of({}));
  EXPECT_EQ(reading.error, "");
  EXPECT_TRUE(reading.events.empty());
}

TEST(QtrErrors, ATruncatedFileIsOneAtEveryLength) {
  const std::string whole = file_of(one_of_each());
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_NE(read(whole.substr(0, size)).error, "") << size;
  EXPECT_THAT(read(whole.substr(0, whole.size() - 1)).error,
              HasSubstr("t: at byte " + std::to_string(whole.size() - 1) + ": ends early"));
}

TEST(QtrErrors, ABitThatFlippedIsSeenAtEveryByteThatMatters) {
  const std::string whole = file_of(one_of_each());
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (const unsigned bit : {0u, 7u}) {
      if (at >= 20 && at < 24) continue;  // reserved
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ (1u << bit));
      EXPECT_NE(read(damaged).error, "") << "byte " << at << " bit " << bit;
    }
}

TEST(QtrErrors, OfAnotherVersionAndOfNoTraceAreSaid) {
  std::string other = file_of(one_of_each());
  other[8] = 2;
  EXPECT_THAT(read(other).error, HasSubstr("is of version 2, this reads version 1"));
  EXPECT_THAT(read("#!/bin/sh\necho this is no trace\n").error, HasSubstr("not a Quire trace"));
}

TEST(QtrErrors, AFileThatIsMissingOrNoneIsSaid) {
  EXPECT_THAT(open_trace("/nonexistent.qtr").error().text(),
              HasSubstr("/nonexistent.qtr: No such file or directory"));
  EXPECT_THAT(open_trace("/dev").error().text(), HasSubstr("/dev: not a regular file"));
}

TEST(QtrErrors, AFullDiskIsToldWhenTheTraceIsFinished) {
  TraceWriter writer("/dev/full", {});
  for (const Event& each : one_of_each()) writer.append(each);
  const auto written = writer.finish();
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().text(), HasSubstr("/dev/full: No space left on device"));
  EXPECT_TRUE(writer.failed());
}

TEST(QtrErrors, AWriterThatCannotMakeItsFileSaysSo) {
  TraceWriter writer("/proc/absent/t.qtr", {});
  EXPECT_TRUE(writer.failed());
  EXPECT_FALSE(writer.finish());
}

}  // namespace
}  // namespace quire::trace
