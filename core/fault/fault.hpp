// Page faults: what happens when a program touches an address that its tables do not allow.
//
//   no VMA, or not allowed   SIGSEGV
//   anonymous                the zero page for a read, a page of zeros for a write
//   file                     its page, read in if need be; a write to a private one copies it
//   present and read-only    the page is copied, or kept where nobody else can see it
//   stack                    a VMA that grows down is extended first
//
// Locking  Called with no lock held; takes mmap_lock shared, or exclusively to grow a stack.
// Counts   pgfault, pgmajfault; the caller counts for its task.
// Source   Documentation/mm/, getrusage(2), sigaction(2).
#pragma once

#include "base/base.hpp"
#include "fault/page_ranges.hpp"
#include "rmap/rmap.hpp"
#include "vma/vma.hpp"

namespace quire {

enum class FaultEnd : std::uint8_t {
  kMinor,
  kMajor,       // something had to be read
  kNotMapped,   // SIGSEGV, SEGV_MAPERR
  kNotAllowed,  // SIGSEGV, SEGV_ACCERR
  kBeyondFile,  // SIGBUS: past the end of the file, or it could not be read
  kNoMemory,    // VM_FAULT_OOM
};

class Faults {
 public:
  struct Parts {
    AnonVmas& anon_vmas;
    PageAllocator& pages;
    Lru& lru;
  };
  explicit Faults(const Parts& parts) : parts_(parts) {}

  // `access` is one of the user's three.
  FaultEnd handle(Mm& mm, VirtAddr address, Access access);
  // The same with mmap_lock held shared and the VMA known (handle_mm_fault).
  FaultEnd handle_in(Vma& vma, VirtAddr address, Access access);

  // The page that anonymous reads map; the first call makes it. Errors: kNoMemory.
  Result<Pfn> zero_page();

 private:
  const Parts parts_;
  std::atomic<std::uint64_t> zero_page_ = 0;
};

// Extends `vma`, which grows down, so that it contains `address`, if limits and its neighbour
// allow. mmap_lock is held exclusively. Errors: kNoMemory.
Result<void> expand_stack(Vma& vma, VirtAddr address);

}  // namespace quire
