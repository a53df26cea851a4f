#include "vma/vma_lock.hpp"

#include "vma/mm.hpp"

namespace quire {

VmaReadGuard::VmaReadGuard(Mm& mm, VirtAddr at) : vma_(nullptr) {
  const SpinGuard guard(mm.vmas.lock());
  Vma* const vma = mm.vmas.at(at);
  if (vma == nullptr) return;
  // Who changed it last has given mmap_lock back: what was written then is seen now.
  if (vma->lock.changed_in == mm.changes.load(std::memory_order_acquire)) return;
  __atomic_fetch_add(&vma->lock.readers, 1, __ATOMIC_RELAXED);
  vma_ = vma;
}

VmaReadGuard::~VmaReadGuard() {
  if (vma_ != nullptr) __atomic_fetch_sub(&vma_->lock.readers, 1, __ATOMIC_RELEASE);
}

void start_write(Vma& vma) {
  Mm& mm = *vma.mm;
  const std::uint64_t now = mm.changes.load(std::memory_order_relaxed);
  if (!mm.parts.vma_locks || vma.lock.changed_in == now) return;
  {
    const SpinGuard guard(mm.vmas.lock());
    vma.lock.changed_in = now;
  }
  while (__atomic_load_n(&vma.lock.readers, __ATOMIC_ACQUIRE) != 0) mm.parts.host.yield();
}

}  // namespace quire
