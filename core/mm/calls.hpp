// The calls with which a process changes its address space, with what Linux 6.1 answers to each.
//
// Units    Addresses and lengths are as programs give them: any number, checked here.
// Locking  Called with no lock held; each takes the Mm's mmap_lock itself.
// Errors   Each call's are Linux's, by the manual page that it names. A call that fails has changed
//          nothing, but where the manual says that a part of the range was done, and where a
//          mapping could not be split a second time: then it stays split once.
// Source   mmap(2), brk(2), mprotect(2), mremap(2), madvise(2), mlock(2), mincore(2), msync(2);
//          recorded runs (tests/mm/recorded).
#pragma once

#include <cstdint>
#include <span>

#include "base/base.hpp"
#include "fault/fault.hpp"
#include "mm/mman.hpp"
#include "rmap/rmap.hpp"
#include "vma/vma.hpp"

namespace quire {

// Who calls: an address space, the parts of its machine that calls need, and where the faults are
// counted that a call has for its task.
struct Caller {
  Mm& mm;
  AnonVmas& anon_vmas;
  Faults& faults;
  std::uint64_t& minor_faults;
};

// mmap(2): where the mapping is.
struct MmapRequest {
  VirtAddr address{};  // with map::kFixed the place, else a hint
  Bytes length{};
  std::uint64_t prot = 0;
  std::uint64_t flags = 0;
  File* file = nullptr;  // null: none, or a descriptor that is not open
  Bytes offset{};
};
Result<VirtAddr> do_mmap(const Caller& caller, const MmapRequest& request);

// munmap(2)
Result<void> do_munmap(const Caller& caller, VirtAddr start, Bytes length);

// mprotect(2)
Result<void> do_mprotect(const Caller& caller, VirtAddr start, Bytes length, std::uint64_t prot);

// brk(2) as the kernel has it: the end of the heap after the call, which is the old one where it
// could not be moved.
VirtAddr do_brk(const Caller& caller, VirtAddr end);

// mremap(2): where the mapping is now.
struct MremapRequest {
  VirtAddr old_address{};
  Bytes old_length{};
  Bytes new_length{};
  std::uint64_t flags = 0;
  VirtAddr new_address{};
};
Result<VirtAddr> do_mremap(const Caller& caller, const MremapRequest& request);

// madvise(2). Advice on pages that are huge or may be merged is checked, kept in the VMAs' flags,
// and has no effect on pages yet. kCollapse: kInvalid.
Result<void> do_madvise(const Caller& caller, VirtAddr start, Bytes length, Advice advice);

// mlock(2), mlock2(2), munlock(2), mlockall(2), munlockall(2)
Result<void> do_mlock(const Caller& caller, VirtAddr start, Bytes length, std::uint64_t flags = 0);
Result<void> do_munlock(const Caller& caller, VirtAddr start, Bytes length);
Result<void> do_mlockall(const Caller& caller, std::uint64_t flags);
void do_munlockall(const Caller& caller);

// mincore(2): a byte for each page, 1 if it is in memory. What comes before an error is filled.
Result<void> do_mincore(const Caller& caller, VirtAddr start, Bytes length,
                        std::span<std::uint8_t> pages);

// msync(2)
Result<void> do_msync(const Caller& caller, VirtAddr start, Bytes length, std::uint64_t flags);

}  // namespace quire
