// What pagetable.* counts in instructions: a batch of kPages small pages mapped, to frames that
// follow one another and to scattered ones, and unmapped; the tables are there.
#include <cstdlib>
#include <vector>

#include "bench/support/bench_machine.hpp"
#include "bench/support/callgrind.hpp"

namespace quire::bench {
namespace {

constexpr std::size_t kPages = 1024;

template <class Body>
void count_once(const char* name, bool warm, const Body& body) {
  CALLGRIND_ZERO_STATS;
  CALLGRIND_TOGGLE_COLLECT;
  const Result<void> done = body();
  CALLGRIND_TOGGLE_COLLECT;
  CALLGRIND_DUMP_STATS_AT(warm ? "warm" : name);
  if (!done.has_value()) std::abort();
}

void count_tables(Machine& machine) {
  PageTables& tables = machine.kernel_tables().tables();
  const VirtAddr start = machine.kernel_tables().space().vmalloc.start + gib(64);
  const VirtRange range{start, start + kPageSize * kPages};
  std::vector<Page*> pages(kPages);
  for (Page*& page : pages) page = machine.pages().allocate_page(Gfp::kKernel, NodeId{0});
  for (const bool warm : {true, false}) {
    count_once("map", warm, [&] { return tables.map(range, {Pfn{0x1000}, Prot::kKernel}); });
    count_once("unmap", warm, [&] { return tables.unmap(range); });
    count_once("map_pages", warm, [&] { return tables.map_pages(start, pages, Prot::kKernel); });
    if (!tables.unmap(range).has_value()) std::abort();
  }
  for (Page* page : pages) machine.pages().free_page(*page);
}

}  // namespace
}  // namespace quire::bench

int main() {
  quire::bench::BenchMachine machine;
  quire::bench::count_tables(machine.machine());
}
