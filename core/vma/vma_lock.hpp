// A VMA's own lock, so that faults of different VMAs, and calls that change others, do not wait for
// each other (per-VMA locks, as Linux has them since 6.4; off in the 6.1 profile).
//
//   a fault    finds its VMA under the tree's small lock and holds it shared, without mmap_lock.
//              Where there is none, or it is being changed, the fault takes mmap_lock as ever
//   a change   holds mmap_lock exclusively, and tells each VMA before it touches it or its entries:
//              start_write(). From then on no fault enters it, and those that are in have left.
//              All are open again when mmap_lock is given back (MmapWriteGuard)
//
// What holds  While it is held shared a VMA stays as it is, and so do the tables that map it; its
//             neighbours may change, come and go.
// Locking     The numbers are read and written under VmaTree::lock(), readers leave without it.
// Cost        Of a fault two locked instructions more than those of mmap_lock, which it saves.
// Source      Documentation/mm/process_addrs.rst (of newer kernels).
#pragma once

#include <cstdint>

#include "base/base.hpp"
#include "host/host.hpp"

namespace quire {

class Mm;
struct Vma;

struct VmaLock {
  std::uint64_t changed_in = 0;  // Mm::changes when it was last changed: now, it is being so
  std::uint32_t readers = 0;
};

// Holds the VMA that `at` lies in, or nothing.
class VmaReadGuard {
 public:
  VmaReadGuard(Mm& mm, VirtAddr at);
  ~VmaReadGuard();
  VmaReadGuard(const VmaReadGuard&) = delete;
  VmaReadGuard& operator=(const VmaReadGuard&) = delete;

  [[nodiscard]] Vma* vma() const { return vma_; }

 private:
  Vma* vma_;
};

// `vma` is about to be changed, or entries in its range are, by who holds mmap_lock exclusively.
void start_write(Vma& vma);

}  // namespace quire
