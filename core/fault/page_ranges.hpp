// What is done to the entries of a whole range: taking its pages away, giving a child the same
// pages, moving them to other addresses, changing what is allowed.
//
// Locking  The Mm's mmap_lock is held: exclusively and the VMAs as by start_write(), but for what
//          changes no VMA: zap(), which may also come with the lock of the file that the VMA shows
//          (FileVmas), and free_lazily() and those beside it. copy_pages() comes with the parent's
//          `walks` exclusively; move_pages() takes it.
//          Tables' locks are taken here.
// Errors   kNoMemory: no frame for a table. copy_pages() and move_pages() have done a part then;
//          what they did is undone by zapping it.
// Cost     docs/PERFORMANCE.md: mm.munmap_page, mm.fork_page, mm.mremap_page.
#pragma once

#include "base/base.hpp"
#include "pagetable/pagetable.hpp"
#include "vma/vma.hpp"

namespace quire {

// Whether a private mapping's own copies go too, or only what it shows of its file.
enum class Zap : bool { kAll, kFilePages };

// Takes the pages of `range`, part of `vma`, out of the tables; they are free once `gather` is
// finished, unless somebody else has them (zap_page_range).
void zap(Vma& vma, VirtRange range, TlbGather& gather, Zap what = Zap::kAll);
// The same with a gather of its own.
void zap(Vma& vma, VirtRange range);

// `child`, of another Mm, gets the pages of `parent` as fork shares them: what may be written and
// is private becomes read-only in both (copy_page_range). The parent's translations must be
// flushed afterwards.
Result<void> copy_pages(Vma& child, Vma& parent);

// The entries of `from` are moved to `to` on, which is empty (move_page_tables); how many bytes
// were moved before an error.
struct Move {
  Vma& from;
  VirtRange range;
  Vma& to;
  VirtAddr target;
};
Bytes move_pages(const Move& move);

// Gives the entries of `range`, part of `vma`, the rights of vma.prot; writes to pages that must be
// copied first, or that must be told of a write, still fault (change_protection).
void protect(Vma& vma, VirtRange range);

// `vma` has got or lost kLocked: its pages in `range` are held in memory for it, or no longer
// (mlock_vma_pages_range).
void update_mlocked(Vma& vma, VirtRange range);

// madvise(2)'s effects on the pages of `range`, part of `vma`; mmap_lock is held shared.
// MADV_FREE: anonymous pages may lose their content until they are written to again.
void free_lazily(Vma& vma, VirtRange range);
// MADV_COLD: pages of this Mm alone have not been used, and are not active.
void make_cold(Vma& vma, VirtRange range);
// MADV_PAGEOUT: pages of files, and those given up before, leave memory where nobody else has them;
// what is dirty is written first. Other anonymous pages stay: there is no swap.
void page_out(Vma& vma, VirtRange range);

}  // namespace quire
