// One mapping of an address space (struct vm_area_struct): a range of whole pages with one set of
// rights, backed by one object.
//
// Ownership  Its Mm's, in whose VmaTree it is. It holds a reference to its file.
// Locking    Its Mm's mmap_lock: written with it held exclusively and after start_write(), read
//            with it held shared, or with the VMA's own lock. Its chains belong to the AnonVmas'
//            locks.
#pragma once

#include "base/base.hpp"
#include "filemap/filemap.hpp"
#include "pagetable/pagetable.hpp"
#include "vma/vm_flags.hpp"
#include "vma/vma_lock.hpp"

namespace quire {

class AnonVma;
class Mm;
struct AnonVmaChain;
struct VmaNode;
struct Vma;

// A VMA among those that show a file.
struct FileLink : IntervalNode {
  Vma* vma = nullptr;
};

// Kept free before a VMA that grows down (stack_guard_gap).
inline constexpr Bytes kStackGuardGap = size_of(PageCount{256});

struct Vma {
  VirtRange range{};
  Relaxed<VmFlags> flags;    // who comes from its file holds the lock of FileVmas alone
  Prot prot{};               // of its present pages that may be written if it may (vm_page_prot)
  std::uint64_t pgoff = 0;   // the page of its file at its start; anonymous: where that was mapped
  Mm* mm = nullptr;
  File* file = nullptr;      // null: anonymous
  AnonVma* anon_vma = nullptr;       // of the pages that it made; null: none yet
  AnonVmaChain* chains = nullptr;    // the AnonVmas that its pages may belong to, own first

  FileLink file_link{};      // in its file's FileVmas
  VmaLock lock{};

  // Its neighbours by address, and its place in the tree: VmaTree's.
  Vma* previous = nullptr;
  Vma* next = nullptr;
  VmaNode* leaf = nullptr;

  [[nodiscard]] VirtAddr start() const { return range.start; }
  [[nodiscard]] VirtAddr end() const { return range.end; }
  [[nodiscard]] bool shows_shmem() const { return file != nullptr && file->mapping().is_shmem(); }
  [[nodiscard]] PageCount pages() const { return whole_pages(range.length()); }
  [[nodiscard]] bool has(VmFlags wanted) const { return any(flags & wanted); }
  // The page offset of `at`, in its file or among its anonymous pages (linear_page_index).
  [[nodiscard]] std::uint64_t index_of(VirtAddr at) const {
    return pgoff + ((at - range.start).raw() >> kPageShift);
  }
  [[nodiscard]] VirtAddr address_of(std::uint64_t index) const {
    return range.start + size_of(PageCount{index - pgoff});
  }
};

}  // namespace quire
