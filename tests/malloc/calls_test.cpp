// The C calls, on the process's own malloc: libquire_malloc.so comes first among this program's
// libraries.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <vector>

#include "malloc/size_classes.hpp"

namespace quire::preload {
namespace {

constexpr std::size_t kMax = std::numeric_limits<std::size_t>::max();

// Hides what the compiler knows of an argument that makes no sense.
template <class T>
T hidden(T value) {
  asm volatile("" : "+r"(value));
  return value;
}

bool is_aligned(const void* block, std::size_t to) {
  return reinterpret_cast<std::uintptr_t>(block) % to == 0;
}

class Block {
 public:
  explicit Block(void* start) : start_(static_cast<unsigned char*>(start)) {}
  ~Block() { std::free(start_); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  [[nodiscard]] unsigned char* get() const { return start_; }

 private:
  unsigned char* start_;
};

// From one byte past each kind of block to well into the next.
std::vector<std::size_t> sizes_of_all_kinds() {
  std::vector<std::size_t> sizes = {0, 1};
  for (std::size_t size = 2; size <= (std::size_t{16} << 20); size = size * 9 / 8 + 1)
    sizes.push_back(size);
  for (const SizeClass& of : kSizeClasses)
    for (const std::size_t size : {of.size - 1u, of.size + 0u, of.size + 1u}) sizes.push_back(size);
  return sizes;
}

TEST(MallocCalls, ABlockIsAlignedUsableToItsEndAndItsOwn) {
  std::vector<std::pair<unsigned char*, std::size_t>> blocks;
  unsigned char stamp = 0;
  for (const std::size_t size : sizes_of_all_kinds()) {
    auto* const block = static_cast<unsigned char*>(std::malloc(size));
    ASSERT_NE(block, nullptr) << size;
    ASSERT_TRUE(is_aligned(block, size < 16 ? 8 : 16)) << size;
    const std::size_t usable = malloc_usable_size(block);
    ASSERT_GE(usable, size);
    std::memset(block, stamp++, usable);
    blocks.emplace_back(block, usable);
  }
  stamp = 0;
  for (const auto& [block, usable] : blocks) {
    for (std::size_t i = 0; i < usable; i += 1 + usable / 512) ASSERT_EQ(block[i], stamp);
    ASSERT_EQ(block[usable - 1], stamp++);
    std::free(block);
  }
}

TEST(MallocCalls, NoBlockOfASizeClassIsMoreThanAnEighthLargerThanAskedFor) {
  for (std::size_t size = 129; size <= kLargestClass; size += 7) {
    const Block block(std::malloc(size));
    ASSERT_LE(malloc_usable_size(block.get()), size + std::max<std::size_t>(size / 8, 16)) << size;
  }
}

TEST(MallocCalls, AlignedBlocksComeFromTheLeastClassThatIsAligned) {
  const Block block(std::aligned_alloc(64, 100));
  EXPECT_EQ(malloc_usable_size(block.get()), 128);
}

TEST(MallocCalls, EveryAlignmentOfEverySizeIsKept) {
  for (std::size_t align = sizeof(void*); align <= (std::size_t{16} << 20); align *= 2) {
    for (const std::size_t size : {0uz, 1uz, 8uz, 24uz, 100uz, 1000uz, 4096uz, 5000uz, 40000uz,
                                   1uz << 20, (5uz << 20) + 1}) {
      std::array<void*, 3> blocks{};
      for (void*& block : blocks) {
        ASSERT_EQ(posix_memalign(&block, align, size), 0) << align << ' ' << size;
        ASSERT_TRUE(is_aligned(block, align)) << align << ' ' << size;
        ASSERT_GE(malloc_usable_size(block), size);
        std::memset(block, 0xa5, std::min(size, 50000uz));
      }
      for (void* const block : blocks) std::free(block);
    }
  }
}

TEST(MallocCalls, AlignedBlocksGrowAsOthersDo) {
  void* block = std::aligned_alloc(4096, 12288);
  std::memset(block, 0x77, 12288);
  block = std::realloc(block, 1 << 20);
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(static_cast<unsigned char*>(block)[12287], 0x77);
  std::free(block);
}

TEST(MallocCalls, BadAlignmentsAreRefused) {
  void* block = nullptr;
  EXPECT_EQ(posix_memalign(&block, hidden(24uz), 100), EINVAL);
  EXPECT_EQ(posix_memalign(&block, hidden(4uz), 100), EINVAL);
  EXPECT_EQ(posix_memalign(&block, hidden(0uz), 100), EINVAL);
  EXPECT_EQ(block, nullptr);
}

TEST(MallocCalls, PageAlignedCallsOfOldAreThere) {
  const Block whole(pvalloc(5000));
  EXPECT_TRUE(is_aligned(whole.get(), 4096));
  EXPECT_GE(malloc_usable_size(whole.get()), 8192);
  const Block page(valloc(100));
  EXPECT_TRUE(is_aligned(page.get(), 4096));
  const Block odd(memalign(hidden(48uz), 100));
  EXPECT_TRUE(is_aligned(odd.get(), 64)) << "rounded up to a power of two";
}

TEST(MallocCalls, CallocGivesZerosWhereBlocksWereUsedBefore) {
  for (const std::size_t size : {8uz, 100uz, 4000uz, 20000uz, 100000uz, 6uz << 20}) {
    void* const used = std::malloc(size);
    std::memset(used, 0xff, size);
    std::free(used);
    const Block block(std::calloc(size / 4, 4));
    ASSERT_NE(block.get(), nullptr);
    ASSERT_EQ(std::count(block.get(), block.get() + size / 4 * 4, 0), size / 4 * 4) << size;
  }
}

TEST(MallocCalls, ProductsThatOverflowAreRefused) {
  errno = 0;
  EXPECT_EQ(std::calloc(hidden(kMax / 2), 3), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_EQ(std::calloc(hidden(std::size_t{1} << 32), std::size_t{1} << 32), nullptr);
  const Block block(std::malloc(10));
  errno = 0;
  EXPECT_EQ(reallocarray(block.get(), hidden(kMax / 2), 3), nullptr);
  EXPECT_EQ(errno, ENOMEM);
}

TEST(MallocCalls, SizesThatCannotBeAreRefusedAndNothingIsLost) {
  for (const std::size_t size : {kMax, kMax - 15, kMax - 4096, kMax / 2 + 1, kMax / 2 - 10}) {
    errno = 0;
    EXPECT_EQ(std::malloc(hidden(size)), nullptr) << size;
    EXPECT_EQ(errno, ENOMEM) << size;
    void* block = nullptr;
    EXPECT_EQ(posix_memalign(&block, 1 << 20, hidden(size)), ENOMEM) << size;
    EXPECT_EQ(pvalloc(hidden(size)), nullptr) << size;
  }
  auto* const block = static_cast<unsigned char*>(std::malloc(100));
  std::memset(block, 0x5c, 100);
  EXPECT_EQ(std::realloc(block, hidden(kMax - 100)), nullptr);
  EXPECT_EQ(block[99], 0x5c);
  std::free(block);
}

TEST(MallocCalls, ReallocKeepsWhatFits) {
  for (const std::size_t from : {1uz, 50uz, 3000uz, 30000uz, 300000uz, 9uz << 20}) {
    for (const std::size_t to : {1uz, 60uz, 2500uz, 33000uz, 400000uz, 5uz << 20, 20uz << 20}) {
      auto* block = static_cast<unsigned char*>(std::malloc(from));
      for (std::size_t i = 0; i < from; ++i) block[i] = static_cast<unsigned char>(i * 7);
      block = static_cast<unsigned char*>(std::realloc(block, to));
      ASSERT_NE(block, nullptr);
      ASSERT_GE(malloc_usable_size(block), to);
      for (std::size_t i = 0; i < std::min(from, to); i += 1 + from / 3000)
        ASSERT_EQ(block[i], static_cast<unsigned char>(i * 7)) << from << ' ' << to;
      std::memset(block, 1, to);
      std::free(block);
    }
  }
}

TEST(MallocCalls, ReallocOfNothingAllocatesAndToNothingFrees) {
  void* const block = std::realloc(nullptr, 100);
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(std::realloc(block, hidden(0uz)), nullptr);
  std::free(nullptr);
  EXPECT_EQ(malloc_usable_size(nullptr), 0);
}

TEST(MallocCalls, EmptyBlocksAreDistinct) {
  const Block a(std::malloc(hidden(0uz)));
  const Block b(std::malloc(hidden(0uz)));
  EXPECT_NE(a.get(), nullptr);
  EXPECT_NE(a.get(), b.get());
}

TEST(MallocCalls, ABlockThatWasNeverGivenEndsTheProcess) {
  std::array<char, 8192> own{};
  EXPECT_DEATH(std::free(hidden(own.data() + 64)), "invalid pointer");
  auto* const block = static_cast<char*>(std::malloc(200000));
  EXPECT_DEATH(std::free(hidden(block + 4096)), "invalid pointer");
  std::free(block);
  EXPECT_DEATH(std::free(hidden(block)), "invalid pointer") << "freed twice";
}

}  // namespace
}  // namespace quire::preload
