// Page faults: what happens when a program touches an address that its tables do not allow.
//
//   no VMA, or not allowed   SIGSEGV
//   anonymous                the zero page for a read, a page of zeros for a write
//   file                     its page, read in if it must be, with those around it that are there;
//                            a copy for a write to a private mapping
//   present and read-only    the page is copied, or kept where nobody else can see it
//   stack                    a VMA that grows down is extended first
//
// Locking  Called with no lock held; takes the VMA's own lock where there are such, else mmap_lock
//          shared, or exclusively to grow a stack.
// Counts   pgfault, pgmajfault; the caller counts for its task.
// Source   Documentation/mm/, getrusage(2), sigaction(2).
#pragma once

#include <atomic>

#include "base/base.hpp"
#include "fault/file_vmas.hpp"
#include "fault/get_user_pages.hpp"
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
  explicit Faults(AnonVmas& anon_vmas) : anon_vmas_(anon_vmas) {}

  // `access` is one of the user's three.
  FaultEnd handle(Mm& mm, VirtAddr address, Access access);
  // The same with mmap_lock or the VMA's own lock held, and the VMA known to be the right one
  // (handle_mm_fault).
  FaultEnd handle_in(Vma& vma, VirtAddr address, Access access);
  // With mmap_lock held exclusively: `vma`, the first that ends after `address`, contains it or
  // grows so that it does. Errors: kNoMemory.
  Result<void> expand_to(Vma& vma, VirtAddr address);
  // With mmap_lock held, of a private VMA. A write that goes on although it is not allowed: then
  // this Mm has a page of its own that still may not be written (FAULT_FLAG_WRITE, FOLL_FORCE).
  FaultEnd write_forced(Vma& vma, VirtAddr address);
  // The anonymous page there, if any, becomes this Mm's alone, without a write to it
  // (FAULT_FLAG_UNSHARE).
  FaultEnd unshare(Vma& vma, VirtAddr address);

 private:
  struct Place {
    Vma& vma;
    VirtAddr at;   // of the page
    EntrySlot slot;
  };
  [[gnu::always_inline]] FaultEnd handle_here(Vma& vma, VirtAddr address, Access access);
  bool handle_with_vma_lock(Mm& mm, VirtAddr address, Access access, FaultEnd& end);
  FaultEnd handle_below(Mm& mm, VirtAddr address, Access access);
  FaultEnd anonymous(const Place& place, Access access);
  FaultEnd map_zero_page(const Place& place);
  // What a read-only entry shows.
  struct Shown {
    Entry entry;
    Page& page;
    bool zeros;   // the page of zeros
    Prot gained;  // what its entry shall allow and say beyond what it does
  };
  FaultEnd copy_on_write(const Place& place, Entry entry,
                         Prot gained = Prot::kWrite | Prot::kDirty);
  [[gnu::always_inline]] FaultEnd replace_by_copy(const Place& place, const Shown& old);
  FaultEnd write_shared(const Place& place, Entry entry);
  FaultEnd of_file(const Place& place, Access access);
  FaultEnd read_file(const Place& place);
  FaultEnd copy_file_page(const Place& place);
  FaultEnd write_file(const Place& place);
  bool map_around(const Place& place);
  static void reuse_locked(const Place& place, const Shown& shown);
  [[nodiscard, gnu::always_inline]] static bool replace(const Place& place, const Shown& old,
                                                        Page& copy);
  static Page* new_page(const Place& place, Gfp zero);
  // `page`, which nobody else can see, is about to get its first entry, perhaps that of another
  // page: once it is there, others may take it away again, page and all.
  [[gnu::always_inline]] static void add_new(const Place& place, Page& page, Page* instead_of) {
    Lru& lru = place.vma.mm->parts.lru;
    if (instead_of == nullptr)
      add_new_anonymous(page, place.vma, place.at);
    else
      replace_by_anonymous(page, *instead_of, place.vma, place.at);
    if (place.vma.has(VmFlags::kLocked)) [[unlikely]] lru.mlock(page);
    lru.add(page);
  }
  static void map_new(const Place& place, Page& page, Entry entry);

  AnonVmas& anon_vmas_;
};

// Whether accesses of this kind are what `vma` is for.
[[nodiscard]] bool allows(const Vma& vma, Access access);

// Extends `vma`, which grows down, so that it contains `address`, if limits and its neighbour
// allow. mmap_lock is held exclusively. Errors: kNoMemory.
Result<void> expand_stack(Vma& vma, VirtAddr address, AnonVmas& anon_vmas);

}  // namespace quire
