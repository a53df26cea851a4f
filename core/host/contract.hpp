// The whole demand that the core has on whoever embeds it. Cold calls go through this one object,
// so that several machines live in one process and a test can wrap a host in one that fails on
// purpose; hot ones are the static members of an Arch (host/arch.hpp).
//
// A host is written tier by tier; the core calls nothing of a tier before the step that needs it.
//
//   boot      reserve_tables, reserve_frames, map_frames, log, panic
//                                                         boots a machine, allocates, frees
//   running   now_ns, yield, barrier_all                  waits of any kind, contended locks,
//                                                         reaching into another CPU's own data
//   optional  name_code                                   makes reports easier to read
//             seed                                        lets chance differ between machines
//
// Locking   Any call may come from any CPU. log and panic may come with spinlocks held.
// Example   examples/minimal_host is a complete host in one file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/base.hpp"

namespace quire {

class Host {
 public:
  // Boot tier ------------------------------------------------------------------------------------

  // Zeroed, page-aligned memory for the core's own tables (memory map, zones, per-CPU areas),
  // near `node` where the host can place it. It is never given back while the machine lives. The
  // core asks for what could be touched and touches what it uses: a host should back it lazily.
  // Errors: kNoMemory.
  virtual Result<std::byte*> reserve_tables(Bytes size, NodeId node) = 0;

  // A window of address space for the content of `frames` page frames, aligned to 4 MiB: all that
  // the machine may ever have, most of which may never be touched. Called once. Errors: kNoMemory.
  virtual Result<std::byte*> reserve_frames(PageCount frames) = 0;

  // From now on the content of `frames`, RAM of `node`, can be read and written at `at`, a place in
  // the window. Errors: kNoMemory.
  virtual Result<void> map_frames(std::byte* at, PfnRange frames, NodeId node) = 0;

  // One whole line of the machine's log (dmesg), without its newline.
  virtual void log(std::string_view line) = 0;

  // The machine is broken and must not go on. `report` says why, and where.
  [[noreturn]] virtual void panic(std::string_view report) = 0;

  // Running tier ---------------------------------------------------------------------------------

  // Nanoseconds since boot; never goes back.
  virtual std::uint64_t now_ns() = 0;

  // The caller has no use for its CPU right now: let another task have it (cond_resched).
  virtual void yield() = 0;

  // Returns when every CPU of the machine has passed a full memory barrier since the call
  // (membarrier(2), an interrupt to all). Nothing to do where CPUs share one thread.
  virtual void barrier_all() = 0;

  // Optional tier: has a default -----------------------------------------------------------------

  // Writes what the code at `address` is called to `name`, such as "inode_get+0x1a/0x40". False:
  // it has no name, and reports show the bare address. May come with spinlocks held.
  virtual bool name_code(const void* address, TextSink& name);

  // What the numbers are drawn from that are left to chance, such as where a program is put: alike
  // on machines whose hosts give the same. Asked once a machine. 0 unless the host says otherwise.
  virtual std::uint64_t seed();

 protected:
  ~Host() = default;
};

inline bool Host::name_code(const void*, TextSink&) { return false; }
inline std::uint64_t Host::seed() { return 0; }

}  // namespace quire
