// What things cost on a simulated machine, in virtual time: integers, so that every run of the same
// machine has the same clock. docs/MACHINE.md, [cost], says where the defaults come from.
//
// Memory    An access whose translation the caches have is taken to find its data in caches too.
//           One that needs a walk waits for memory: of its own node local_access_ns, of another
//           one as much longer as the distance is larger (MachineSpec).
#pragma once

#include <cstdint>

namespace quire {

struct CostModel {
  std::uint64_t hit_ps = 1'250;         // an access: translation and data at hand
  std::uint64_t second_hit_ps = 1'750;  // more, when the second level has the translation
  std::uint64_t walk_ps = 7'000;        // more, when the tables are walked
  std::uint64_t fault_ns = 500;         // a fault, without what it reads, clears and copies
  std::uint64_t clear_page_ns = 100;
  std::uint64_t copy_page_ns = 200;
  std::uint64_t call_ns = 100;          // a system call, without what it waits for
  std::uint64_t switch_ns = 1'500;      // from one thread to another on a CPU
  std::uint64_t slice_ns = 3'000'000;   // so long a thread runs while others want its CPU
  std::uint64_t disk_latency_ns = 80'000;
  std::uint64_t disk_mib_per_s = 3'000;

  bool operator==(const CostModel&) const = default;

  [[nodiscard]] std::uint64_t disk_page_ns() const {
    return 1'000'000'000 / (disk_mib_per_s * 256);
  }
};

}  // namespace quire
