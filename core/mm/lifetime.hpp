// How address spaces begin and end: a copy of the parent's by fork, nothing left at exit.
//
// Locking  fork_mm() takes the parent's mmap_lock exclusively. exit_mm() is its user's last call.
// Errors   fork_mm(): kNoMemory, and the parent is as it was, but for pages that its next writes
//          find read-only.
// Source   fork(2), madvise(2) (MADV_DONTFORK, MADV_WIPEONFORK), mlock(2).
#pragma once

#include "base/base.hpp"
#include "fault/fault.hpp"
#include "vma/vma.hpp"

namespace quire {

// Private memory is shared until one of the two writes; nothing is locked in the child.
Result<Mm*> fork_mm(Mm& parent, AnonVmas& anon_vmas);

// Its user needs it no more: with the last one all its pages, VMAs and tables go (mmput).
void exit_mm(Mm& mm, AnonVmas& anon_vmas);

// Takes `vma`, whose pages are zapped and which is in no tree any more, out of all books.
void drop_vma(Vma& vma, AnonVmas& anon_vmas);

}  // namespace quire
