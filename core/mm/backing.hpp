// What mappings of files need beside anonymous ones, in one place.
//
// Locking  mmap_lock exclusively; is_cached(), read_ahead(), punch() and write_back() shared.
#pragma once

#include "mm/calls.hpp"

namespace quire {

inline constexpr std::uint64_t kLargestFile = 0x7fffffffffffffff;  // s_maxbytes

namespace backing {

// Whether the file lets itself be mapped so, and the flags that the VMA gets then.
// Errors: kAccess, kNoDevice, kInvalid, kOverflow, kNotSupported, kPermission, kTextBusy.
Result<VmFlags> allow(const MmapRequest& request, VmFlags flags);
// A file of zeros that only those see who map it, with a reference (MAP_SHARED | MAP_ANONYMOUS).
Result<File*> shared_zeros(const Caller& caller, Bytes length, VmFlags flags);
void release(File* file);

// `vma` now shows its file, if any: a reference, and a place among those that show it.
void attach(Vma& vma);
void detach(Vma& vma);
// Around changes of range and offset.
void before_change(Vma& vma);
void after_change(Vma& vma);

// Of the part of a file that a VMA shows: whether a page is in memory; to read it in before it is
// needed; to make a hole there; to write what was changed. Errors: the file's.
bool is_cached(const Vma& vma, VirtAddr at);
Result<void> read_ahead(Vma& vma, VirtRange part);
Result<void> punch(Vma& vma, VirtRange part);
Result<void> write_back(const Vma& vma, VirtRange part);

}  // namespace backing
}  // namespace quire
