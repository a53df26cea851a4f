// What vma.* counts in instructions, one dump a case: kLookups calls of VmaTree::find() for
// addresses that are not known where it is compiled, among kVmas VMAs that were mapped from above
// down, as mmap does. `empty_lookup` is the loop alone; run.py subtracts it.
#include <cstdlib>
#include <vector>

#include "bench/support/bench_machine.hpp"
#include "bench/support/callgrind.hpp"
#include "vma/vma.hpp"

namespace quire::bench {
namespace {

constexpr unsigned kLookups = 10'000;
constexpr unsigned kVmas = 1'000;

template <class Look>
void count_lookups(const char* name, Look look) {
  count(name, [look] {
    const Look local = look;
    for (unsigned i = 0; i < kLookups; ++i) {
      std::uint64_t at = i * 387 % kVmas * 2 * kPageSize.raw();
      hide(at);
      const Vma* found = local(VirtAddr{at});
      hide(found);
    }
  });
}

}  // namespace
}  // namespace quire::bench

int main() {
  using namespace quire;
  bench::BenchMachine on;
  VmaTree tree(**on.machine().slabs().create(VmaTree::node_cache()));
  std::vector<Vma> vmas(bench::kVmas);
  for (unsigned i = bench::kVmas; i-- > 0;) {
    const VirtAddr start = VirtAddr{} + kPageSize * (2 * i);
    vmas[i].range = {start, start + kPageSize};
    if (!tree.insert(vmas[i]).has_value()) return EXIT_FAILURE;
  }
  bench::count_lookups("empty_lookup",
                       [](VirtAddr at) { return reinterpret_cast<const Vma*>(at.raw()); });
  bench::count_lookups("lookup", [&tree](VirtAddr at) { return tree.find(at); });
  for (Vma& vma : vmas) tree.remove(vma);
}
