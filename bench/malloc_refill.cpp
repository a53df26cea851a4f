// malloc.refill_rss_ratio: resident memory over live bytes of whichever malloc the program runs on
// (LD_PRELOAD), after its heap was filled with small objects, mostly emptied at random, and filled
// again with larger ones. Sizes are log-uniform, every byte of an object is written.
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

namespace quire::bench {
namespace {

constexpr std::size_t kLive = 400'000'000;
constexpr double kFreed = 0.9;
constexpr std::size_t kMostObjects = 4'000'000;

struct Object {
  char* start;
  std::size_t size;
};
struct Sizes {
  double least, end;
};

std::size_t resident_bytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  std::size_t total = 0;
  std::size_t resident = 0;
  if (file == nullptr || std::fscanf(file, "%zu %zu", &total, &resident) != 2) std::abort();
  std::fclose(file);
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

// The table of objects lies outside of the heap and is resident from the start.
class Heap {
 public:
  Heap() {
    constexpr std::size_t kBytes = kMostObjects * sizeof(Object);
    void* const table = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (table == MAP_FAILED) std::abort();
    objects_ = static_cast<Object*>(table);
  }

  void fill(Sizes sizes) {
    std::uniform_real_distribution<double> logarithm(std::log(sizes.least), std::log(sizes.end));
    while (live_ < kLive && count_ < kMostObjects) {
      const auto size = static_cast<std::size_t>(std::exp(logarithm(random_)));
      char* const start = static_cast<char*>(std::malloc(size));
      if (start == nullptr) std::abort();
      std::memset(start, 1, size);
      objects_[count_++] = {start, size};
      live_ += size;
    }
  }
  void thin_out() {
    std::uniform_real_distribution<double> chance(0, 1);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      if (chance(random_) >= kFreed) {
        objects_[kept++] = objects_[i];
        continue;
      }
      std::free(objects_[i].start);
      live_ -= objects_[i].size;
    }
    count_ = kept;
  }
  [[nodiscard]] std::size_t live() const { return live_; }

 private:
  Object* objects_;
  std::size_t count_ = 0;
  std::size_t live_ = 0;
  std::mt19937_64 random_{1};
};

}  // namespace
}  // namespace quire::bench

int main() {
  using namespace quire::bench;
  Heap heap;
  const std::size_t before = resident_bytes();
  heap.fill({16, 2048});
  heap.thin_out();
  heap.fill({192, 12288});
  const std::size_t after = resident_bytes();
  std::printf("%.3f\n", static_cast<double>(after - before) / static_cast<double>(heap.live()));
}
