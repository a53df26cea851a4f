// What faults and memory calls count in instructions, one dump a case, without clearing and copying
// pages: a machine that keeps no content. Its translation caches are modelled, so that flushes are
// made; process_figures.py takes what is core's from the dumps.
#include <cstdlib>

#include "bench/support/bench_machine.hpp"
#include "bench/support/callgrind.hpp"
#include "mm/mm.hpp"

namespace quire::bench {
namespace {

constexpr std::uint64_t kPages = 1'000;
constexpr std::uint64_t kCalls = 1'000;

class ProcessBench {
 public:
  explicit ProcessBench(Machine& machine) : machine_(machine), floor_(**machine.processes()) {
    static constexpr Segment kCode[] = {
        {{VirtAddr{0x400000}, VirtAddr{0x401000}}, VmFlags::kRead | VmFlags::kExec}};
    process_ = *floor_.processes().create({"bench", kCode});
    floor_.processes().run(*process_);
  }

  // All of it twice: the first time to be warm.
  void run() {
    for (const bool counting : {false, true}) {
      counting_ = counting;
      faults();
      calls();
    }
  }

 private:
  VirtAddr map(std::uint64_t pages) {
    MmapRequest request;
    request.length = size_of(PageCount{pages});
    request.prot = prot::kRead | prot::kWrite;
    request.flags = map::kPrivate | map::kAnonymous;
    const auto at = do_mmap(floor_.caller(*process_), request);
    if (!at.has_value()) std::abort();
    return *at;
  }
  void unmap(VirtAddr at, std::uint64_t pages) {
    if (!do_munmap(floor_.caller(*process_), at, size_of(PageCount{pages})).has_value())
      std::abort();
  }
  template <class Body>
  void measure(const char* name, const Body& body) {
    if (counting_)
      count_once(name, body);
    else
      body();
  }
  // The faults alone, as a trap would call for them.
  void touch_all(const char* name, Process& process, VirtAddr at, Access access) {
    measure(name, [&] {
      for (std::uint64_t i = 0; i < kPages; ++i)
        if (floor_.faults().handle(*process.mm, at + size_of(PageCount{i}), access) !=
            FaultEnd::kMinor)
          std::abort();
    });
  }

  // As programs leave it: the CPU knows the translations, which flushes then take away.
  void read_all(VirtAddr at) {
    CpuTlb& tlb = machine_.mmu().model()->here();
    for (std::uint64_t i = 0; i < kPages; ++i)
      if (tlb.translate(at + size_of(PageCount{i}), Access::kUserRead) == nullptr) std::abort();
  }

  void faults() {
    const VirtAddr read = map(kPages);
    touch_all("fault_zero", *process_, read, Access::kUserRead);
    unmap(read, kPages);
    const VirtAddr at = map(kPages);
    touch_all("fault_anon", *process_, at, Access::kUserWrite);
    Process* child = nullptr;
    read_all(at);
    measure("fork_small", [&] { child = *floor_.processes().fork(*process_); });
    floor_.processes().exit(*child);
    child = *floor_.processes().fork(*process_);
    read_all(at);
    touch_all("fault_cow", *process_, at, Access::kUserWrite);
    floor_.processes().exit(*child);
    read_all(at);
    measure("munmap_touched", [&] { unmap(at, kPages); });
    measure("fork_empty", [&] { child = *floor_.processes().fork(*process_); });
    floor_.processes().exit(*child);
  }

  void map_and_unmap(const char* name) {
    measure(name, [&] {
      for (std::uint64_t i = 0; i < kCalls; ++i) unmap(map(1), 1);
    });
  }
  // To a place that far below.
  void move(const char* name, VirtAddr& at, Bytes below) {
    read_all(at);
    MremapRequest request;
    request.old_address = at;
    request.old_length = request.new_length = size_of(PageCount{kPages});
    request.flags = remap::kMayMove | remap::kFixed;
    request.new_address = at - below;
    measure(name, [&] {
      if (!do_mremap(floor_.caller(*process_), request).has_value()) std::abort();
    });
    at = request.new_address;
  }

  void calls() {
    map_and_unmap("mmap_munmap");
    VirtAddr at = map(kPages);
    map_and_unmap("mmap_munmap_beside");
    touch_all("fault_again", *process_, at, Access::kUserWrite);
    map_and_unmap("mmap_munmap_beside_touched");
    move("mremap", at, gib(1));
    move("mremap_entries", at, gib(1) + kPageSize);
    unmap(at, kPages);
  }

  Machine& machine_;
  ProcessFloor& floor_;
  Process* process_ = nullptr;
  bool counting_ = false;
};

}  // namespace
}  // namespace quire::bench

int main() {
  quire::bench::SimBenchMachine machine;
  quire::bench::ProcessBench(machine.machine()).run();
}
