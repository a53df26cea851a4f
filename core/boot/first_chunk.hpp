// The first chunk of per-CPU memory as Linux 6.1 lays it out: a unit for each CPU, those of one
// node's CPUs side by side in pieces of 2 MiB.
//
// Source  The boot log ("percpu: Embedded ..."), which shows sizes and units.
#pragma once

#include <cstdint>

#include "base/base.hpp"
#include "boot/machine_spec.hpp"
#include "boot/numa_info.hpp"
#include "host/host.hpp"

namespace quire {

struct FirstChunk {
  static constexpr Bytes kStatic{212992};   // the kernel's own per-CPU variables
  static constexpr Bytes kReserved{8192};   // those of modules
  static constexpr Bytes kDynamic{28672};   // alloc_percpu()
  static constexpr Bytes kUsed = kStatic + kReserved + kDynamic;
  static constexpr Bytes kPiece = mib(2);

  Bytes unit;                   // from one CPU's to the next one's
  std::uint64_t units_a_piece;  // kPiece / unit

  // Few pieces, of whose units a third of the number of CPUs may be left over.
  static FirstChunk plan(const NumaInfo& numa);
  // What the log says; nothing on 32 bits, where the sizes are others.
  void log(const NumaInfo& numa, ArchProfile arch, Host& host) const;
};

}  // namespace quire
