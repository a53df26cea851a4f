// Pages of a process handed to somebody who uses their frames: what the kernel does for devices,
// debuggers and its own reads and writes of a program's memory.
//
//   get_user_pages   a reference each: the pages stay, and may come to be somebody else's copy
//   pin_user_pages   a pin each: while it lasts the process keeps this very page. A fork copies it
//                    for the child at once, and a page that is shared since an earlier fork becomes
//                    the process's own before it is pinned, to be read too
//
// Faults as the program's own would be: the pages are there, and count as used.
//
//   _fast            of the caller's own process. Pages whose entries allow it already are had
//                    without mmap_lock or a VMA's lock, but for the lock of their table; they are
//                    marked referenced. The rest as above
//
// Units      Whole pages, one after another from the page that `start` lies in.
// Ownership  Pages that were had are the caller's, until Lru::put() of each, or unpin_user_pages().
// Locking    Called with no lock held; takes mmap_lock shared, exclusively to grow a stack.
// Errors     How many pages were had, which may be fewer than wanted; only where it is none, why:
//            kFault  not mapped, not allowed, no memory of programs (VM_IO), behind a file's end
//            kNoMemory  no page; or to be pinned for long in ZONE_MOVABLE, which migration is to
//                       prevent and does not yet
//            kInvalid   Foll::kLongterm without a pin, or a flag that is none of these
// Counts     pgfault; nr_foll_pin_acquired and _released.
// Source     Documentation/core-api/pin_user_pages.rst.
#pragma once

#include <span>

#include "base/base.hpp"
#include "vma/vma.hpp"

namespace quire {

class Faults;

// Linux's FOLL_ values.
enum class Foll : std::uint32_t {
  kNone = 0,
  kWrite = 0x1,         // to be written: the page is the process's own, or a shared file's
  kForce = 0x10,        // also where the VMA does not allow it, if mprotect could make it so; a
                        // write then goes to a private copy (ptrace)
  kLongterm = 0x10000,  // pinned for as long as a program likes
};
constexpr std::uint32_t raw(Foll flags) { return static_cast<std::uint32_t>(flags); }
constexpr Foll operator|(Foll a, Foll b) { return static_cast<Foll>(raw(a) | raw(b)); }
constexpr Foll operator&(Foll a, Foll b) { return static_cast<Foll>(raw(a) & raw(b)); }
constexpr bool any(Foll flags) { return raw(flags) != 0; }

struct UserPages {
  VirtAddr start{};
  Foll flags{};
  std::span<Page*> pages;  // where they go, as many as are wanted
};

Result<PageCount> get_user_pages(Faults& faults, Mm& mm, const UserPages& wanted);
Result<PageCount> pin_user_pages(Faults& faults, Mm& mm, const UserPages& wanted);
Result<PageCount> get_user_pages_fast(Faults& faults, Mm& mm, const UserPages& wanted);
Result<PageCount> pin_user_pages_fast(Faults& faults, Mm& mm, const UserPages& wanted);

// Ends a pin of each; `written`: the caller has changed their bytes
// (unpin_user_pages_dirty_lock).
enum class Written : bool { kNo, kYes };
void unpin_user_pages(const MmParts& parts, std::span<Page* const> pages, Written written);

}  // namespace quire
