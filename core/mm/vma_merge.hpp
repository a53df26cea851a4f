// VMAs become one, and one becomes two: what calls do to keep an address space at as few VMAs as
// its flags allow, which is what /proc/PID/maps shows.
//
// Two neighbours become one when their flags (but for soft-dirty) and file are the same, their page
// offsets go on, and their anonymous pages may have one AnonVma: both have the same, or the one
// that is to grow has never been forked and the other has none. A range that has an AnonVma is not
// added to a VMA without one, unless a third VMA is between them.
//
// Locking  mmap_lock exclusively.
// Errors   kNoMemory, with nothing changed. A merge that finds no memory is not made.
// Source   Linux's answers to tests/mm/recorder; Documentation/filesystems/proc.rst.
#pragma once

#include "mm/calls.hpp"

namespace quire {

// A range as it is to be, for its neighbours to be compared with.
struct NewRange {
  VirtRange range{};
  VmFlags flags{};
  File* file = nullptr;
  std::uint64_t pgoff = 0;
  AnonVma* anon_vma = nullptr;
  bool after_first = false;  // of two neighbours that exclude each other, the one after it
};

// The neighbours of an empty range grow over it if they can; the VMA that it is part of then, or
// null: none can.
Vma* merge_new(const Caller& caller, const NewRange& added);

// `vma` grows up to `end` and no other VMA is merged; whether it could.
bool extends(const Vma& vma, const NewRange& added);

// Cuts `vma` at `at`, which lies within it; the part from there on is another VMA, which is
// returned. kNoMemory also: the address space has as many VMAs as it may have.
Result<Vma*> split(const Caller& caller, Vma& vma, VirtAddr at);
// The same whatever the number of VMAs.
Result<Vma*> split_uncounted(const Caller& caller, Vma& vma, VirtAddr at);

// Gives `part` of `vma` other flags: neighbours take it over, or it becomes a VMA of its own. The
// VMA that has it now. Nothing is accounted, and entries are as they were.
Result<Vma*> change_flags(const Caller& caller, Vma& vma, VirtRange part, VmFlags flags);

// Changes where `vma` lies; what it shows stays where it is.
void resize(const Caller& caller, Vma& vma, VirtRange range);
// A new VMA in a free range. Errors: kNoMemory.
Result<Vma*> add_vma(const Caller& caller, const Vma& like);
// Takes `vma`, which has no pages any more, out of everything and frees it.
void remove_vma(const Caller& caller, Vma& vma);

}  // namespace quire
