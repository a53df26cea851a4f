// What vmalloc.* counts in instructions, one dump a case: kPairs of vmalloc() and vfree() of four
// pages. Addresses are purged as they are while running: every 8,192 pages that were freed.
#include <cstdlib>

#include "bench/support/bench_machine.hpp"
#include "bench/support/callgrind.hpp"
#include "vmalloc/vmalloc.hpp"

namespace quire::bench {
namespace {

constexpr int kPairs = 10'000;
constexpr Bytes kFourPages = kPageSize * 4;

void count_pairs(VmallocSpace& space) {
  count("empty_pair", [] {
    VirtAddr address;
    for (int i = 0; i < kPairs; ++i) hide(address);
  });
  count("4_pages_pair", [&space] {
    for (int i = 0; i < kPairs; ++i) {
      VirtAddr address = space.vmalloc(kFourPages);
      hide(address);
      space.vfree(address);
    }
  });
}

}  // namespace
}  // namespace quire::bench

int main() {
  quire::bench::BenchMachine machine;
  quire::bench::count_pairs(machine.machine().vmalloc());
}
