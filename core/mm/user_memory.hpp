// How a program's accesses reach its memory: through its CPU's translation caches, where those are
// modelled, else by a walk of its tables; what they do not allow is a fault, and then tried again.
//
//   accesses   touch() for programs of which only the pages matter, read() and write() for bytes
//
// Units      Addresses and lengths in bytes, of any alignment.
// Ownership  None of its own.
// Locking    The caller runs on a CPU that has the process's tables loaded (Processes::run), and
//            holds no lock. Where caches are not modelled, bytes are copied with their table's lock
//            held: so no frame goes before who has found it is done with it, as a CPU's flush
//            would see to.
// Errors     kFault where the program would get a signal, which last_end() tells, or kNoMemory
//            where the kernel would kill for memory; what comes before is done. read() and write():
//            kNotSupported on a machine that keeps no content of frames.
// Cost       A hit in modelled caches: bench tlb.hit.
#pragma once

#include <cstddef>
#include <span>

#include "base/base.hpp"
#include "fault/fault.hpp"
#include "mm/process.hpp"
#include "pagetable/pagetable.hpp"

namespace quire {

class UserMemory {
 public:
  struct Parts {
    Faults& faults;
    PagingWalker& walker;
    TlbModel* model;  // null: translation caches are not modelled
  };
  explicit UserMemory(const Parts& parts) : parts_(parts) {}

  // One access of the page that `at` lies in, as the program's own.
  Result<void> touch(Process& process, VirtAddr at, Access access);
  Result<void> read(Process& process, VirtAddr from, std::span<std::byte> to);
  Result<void> write(Process& process, VirtAddr to, std::span<const std::byte> from);

  // How the last fault that an access of `process` had went.
  [[nodiscard]] static FaultEnd last_end(const Process& process) { return process.last_end; }

 private:
  // use(content of `at`), once the access is allowed.
  template <class Use>
  Result<void> reach(Process& process, VirtAddr at, Access access, Use use);
  // The same if it is allowed now.
  template <class Use>
  [[nodiscard]] bool try_reach(Mm& mm, VirtAddr at, Access access, Use use);
  [[nodiscard]] std::byte* translate(VirtAddr at, Access access) const;
  [[nodiscard]] std::byte* walk(const Mm& mm, VirtAddr at, Access access) const;
  template <class Copy>
  Result<void> for_each_page(Process& process, VirtRange range, Copy copy);

  const Parts parts_;
};

}  // namespace quire
