#include "hosts/native/native_host.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/cpu_contexts.hpp"
#include "tests/support/sanitized.hpp"

namespace quire {
namespace {

std::uint64_t resident_kib() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  statm >> total >> resident;
  return resident * 4;
}

// Address space, as a line of /proc/self/statm gives it.
std::uint64_t virtual_kib() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0;
  statm >> total;
  return total * 4;
}

TEST(NativeHost, TablesAreZeroedPageAlignedAndWritable) {
  NativeHost host;
  std::byte* const tables = *host.reserve_tables(Bytes{5000}, NodeId{0});
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tables) % kPageSize.raw(), 0u);
  for (int i = 0; i < 5000; ++i) ASSERT_EQ(tables[i], std::byte{0});
  tables[4999] = std::byte{1};
}

TEST(NativeHost, TheMemoryMapOf16TibIsReservedAndCostsNothingUntilTouched) {
  NativeHost host;
  const std::uint64_t before = resident_kib();
  const Result<std::byte*> tables = host.reserve_tables(gib(128), NodeId{0});
  ASSERT_TRUE(tables.has_value());
  EXPECT_EQ((*tables)[0], std::byte{0});
  (*tables)[gib(128).raw() - 1] = std::byte{1};
  EXPECT_LT(resident_kib(), before + 8192);
}

TEST(NativeHost, TheFramesOfA16TibMachineCanBeMapped) {
  if (under_sanitizer()) GTEST_SKIP() << "the sanitizer's shadow leaves no room";
  NativeHost host;
  const std::uint64_t pages = std::uint64_t{16} << (40 - kPageShift);
  const Result<std::byte*> frames = host.reserve_frames(PageCount{pages});
  ASSERT_TRUE(frames.has_value());
  (*frames)[size_of(PageCount{pages}).raw() - 1] = std::byte{1};
  EXPECT_GE(host.mapped(), size_of(PageCount{pages}));
}

TEST(NativeHost, EverythingIsUnmappedWithTheHost) {
  const std::uint64_t before = virtual_kib();
  {
    NativeHost host;
    ASSERT_TRUE(host.reserve_tables(gib(64), NodeId{0}).has_value());
    ASSERT_TRUE(host.reserve_frames(PageCount{1 << 20}).has_value());
    EXPECT_GE(virtual_kib() - before, gib(68).raw() >> 10);
  }
  EXPECT_LT(virtual_kib(), before + (gib(1).raw() >> 10));
}

TEST(NativeHost, ANodeThatTheRealMachineLacksIsServedAnyway) {
  NativeHost host;
  for (const NodeId node : {NodeId{0}, NodeId{63}, NodeId{64}, NodeId{1000}, kNoNode}) {
    const Result<std::byte*> tables = host.reserve_tables(kib(64), node);
    ASSERT_TRUE(tables.has_value());
    (*tables)[0] = std::byte{1};
  }
}

TEST(NativeHost, AReservationThatFailsIsAnErrorAndALineThatSaysHowMuch) {
  std::vector<std::string> lines;
  NativeHost host({.log = [&](std::string_view line) { lines.emplace_back(line); }});
  const Bytes too_much{std::uint64_t{1} << 60};
  EXPECT_EQ(host.reserve_tables(too_much, NodeId{2}).error(), Errno::kNoMemory);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0],
            "host: cannot map 1125899906842624 KiB for the tables of node 2: no memory");
}

TEST(NativeHost, CodeIsNamedByTheFunctionItLiesIn) {
  NativeHost host;
  char storage[200];
  BufferSink name(storage, sizeof storage);
  const auto* const code = reinterpret_cast<const std::byte*>(&std::abort);
  ASSERT_TRUE(host.name_code(code + 1, name));
  EXPECT_TRUE(name.text().starts_with("abort+0x1/0x")) << name.text();
  EXPECT_FALSE(host.name_code(storage, name));
}

TEST(NativeHost, TimeNeverGoesBack) {
  NativeHost host;
  std::uint64_t last = host.now_ns();
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t now = host.now_ns();
    EXPECT_GE(now, last);
    last = now;
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  EXPECT_GE(host.now_ns() - last, 2'000'000u);
}

TEST(NativeHost, LinesFromManyThreadsArriveWholeAndOneAtATime) {
  std::vector<std::string> lines;
  NativeHost host({.log = [&](std::string_view line) { lines.emplace_back(line); }});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 100; ++n) host.log("one whole line");
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(lines, std::vector<std::string>(400, "one whole line"));
}

TEST(NativeHostDeathTest, APanicPrintsTheReportAndAborts) {
  NativeHost host;
  EXPECT_EXIT(host.panic("kernel panic: out of luck"), testing::KilledBySignal(SIGABRT),
              "kernel panic: out of luck");
}

TEST(NativeHostDeathTest, ThePanicCallbackSeesTheReportFirst) {
  NativeHost host({.on_panic = [](std::string_view) { std::_Exit(3); }});
  EXPECT_EXIT(host.panic("kernel panic"), testing::ExitedWithCode(3), "");
}

TEST(NativeHostDeathTest, ABrokenInvariantOfTheCoreReachesTheHostOfTheCurrentCpu) {
  NativeHost host({.on_panic = [](std::string_view report) {
    std::fprintf(stderr, "host says %.*s", static_cast<int>(report.size()), report.data());
  }});
  CpuContexts cpus(host, 1);
  Arch::set_current(&cpus[0]);
  EXPECT_DEATH(QUIRE_PANIC("page on two lists"), "host says kernel panic: page on two lists");
  Arch::set_current(nullptr);
}

}  // namespace
}  // namespace quire
