// The limit, statistics and free memory, each in a process of its own: this program run again with
// QUIRE_MALLOC_* set, which then plays a part by name.
#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace quire::preload {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  file >> total >> resident;
  return resident * 4096;
}

// How many blocks there can be, written to; frees them. They are linked through themselves, since
// nothing else may ask for memory while there is none.
std::size_t blocks_to_be_had(std::size_t size) {
  std::size_t count = 0;
  void** newest = nullptr;
  for (;; ++count) {
    errno = 0;
    auto* const block = static_cast<void**>(std::malloc(size));
    if (block == nullptr) break;
    std::memset(block, 1, size);
    *block = newest;
    newest = block;
  }
  if (errno != ENOMEM) std::abort();
  while (newest != nullptr) {
    void* const block = newest;
    newest = static_cast<void**>(*newest);
    std::free(block);
  }
  return count;
}

// Each part ends with 0 when all is well.
int part_limit() {
  for (const std::size_t size : {100uz, 1000uz, 10'000uz, 100'000uz, 1'000'000uz, 10'000'000uz}) {
    const std::size_t bytes = blocks_to_be_had(size) * size;
    std::printf("%zu: %zu MiB\n", size, bytes / kMiB);
    if (bytes > 64 * kMiB || bytes < 35 * kMiB) return 1;
  }
  return 0;
}

int part_limit_in_threads() {
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([] {
      for (const std::size_t size : {50uz, 5000uz, 500'000uz}) blocks_to_be_had(size);
    });
  threads.clear();
  return blocks_to_be_had(1000) * 1000 > 30 * kMiB ? 0 : 1;
}

int part_realloc_at_the_limit() {
  auto* block = static_cast<char*>(std::malloc(1000));
  std::memset(block, 0x42, 1000);
  for (std::size_t size = 2000;; size *= 2) {
    auto* const moved = static_cast<char*>(std::realloc(block, size));
    if (moved == nullptr) break;
    block = moved;
    if (size > 64 * kMiB) return 1;
  }
  return block[999] == 0x42 ? 0 : 2;
}

int part_given_back() {
  std::vector<void*> blocks;
  for (int i = 0; i < 100'000; ++i) {
    blocks.push_back(std::malloc(1000));
    std::memset(blocks.back(), 1, 1000);
  }
  const std::size_t full = resident_bytes();
  for (void* const block : blocks) std::free(block);
  const bool any = malloc_trim(0) == 1;
  const std::size_t empty = resident_bytes();
  std::printf("%zu MiB, then %zu\n", full / kMiB, empty / kMiB);
  return any && empty + 80 * kMiB < full ? 0 : 1;
}

// Runs this program again; returns what it printed and ends with "status N".
std::string play(const std::string& part, const std::string& environment) {
  std::array<char, 4096> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size() - 1);
  EXPECT_GT(length, 0);
  const std::string command =
      environment + " QUIRE_TEST_PART=" + part + " " + path.data() + " 2>&1; echo status $?";
  std::FILE* const pipe = popen(command.c_str(), "r");
  std::string output;
  for (int c = 0; (c = std::fgetc(pipe)) != EOF;) output += static_cast<char>(c);
  pclose(pipe);
  return output;
}

bool ended_well(const std::string& output) {
  return output.find("status 0\n") != std::string::npos;
}

#define QUIRE_PLAYS(part, environment)                    \
  do {                                                    \
    const std::string output = play(part, environment);   \
    EXPECT_TRUE(ended_well(output)) << output;            \
  } while (false)

TEST(MallocLimit, MoreIsENOMEMForBlocksOfEveryKindAndWhatIsFreedServesTheNext) {
  QUIRE_PLAYS("limit", "QUIRE_MALLOC_LIMIT=64M");
}

TEST(MallocLimit, ThreadsAtTheLimitGoOnWhenMemoryComesFree) {
  QUIRE_PLAYS("limit_in_threads", "QUIRE_MALLOC_LIMIT=64M");
}

TEST(MallocLimit, ABlockThatCannotGrowIsAsItWas) {
  QUIRE_PLAYS("realloc", "QUIRE_MALLOC_LIMIT=64M");
}

TEST(MallocLimit, AValueThatIsNoneIsToldOfAndIgnored) {
  for (const std::string value : {"lots", "12Q", "0", "99999999999G"}) {
    const std::string output = play("given_back", "QUIRE_MALLOC_LIMIT=" + value);
    EXPECT_TRUE(ended_well(output)) << output;
    EXPECT_NE(output.find("QUIRE_MALLOC_LIMIT"), std::string::npos) << value;
  }
}

TEST(MallocMemory, FreePagesGoBackToTheOperatingSystem) { QUIRE_PLAYS("given_back", ""); }

TEST(MallocStatistics, AreAppendedToTheFileAtExit) {
  const std::string path = testing::TempDir() + "quire_malloc_stats";
  std::remove(path.c_str());
  QUIRE_PLAYS("given_back", "QUIRE_MALLOC_LIMIT=512M QUIRE_MALLOC_STATS=" + path);
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_NE(text.str().find("quire malloc: limit: 512.0 MiB, 0 requests failed"),
            std::string::npos) << text.str();
}

// Before main(), so that nothing of the test runner is in the way.
[[gnu::constructor]] void play_a_part() {
  const char* const part = std::getenv("QUIRE_TEST_PART");
  if (part == nullptr) return;
  const std::string name = part;
  unsetenv("QUIRE_TEST_PART");
  std::exit(name == "limit"              ? part_limit()
            : name == "limit_in_threads" ? part_limit_in_threads()
            : name == "realloc"          ? part_realloc_at_the_limit()
                                         : part_given_back());
}

}  // namespace
}  // namespace quire::preload
