#include "mm/backing.hpp"
#include "mm/calls.hpp"

namespace quire {
namespace {

std::uint8_t in_memory(const Mm& mm, const Vma& vma, VirtAddr at) {
  const auto slot = mm.tables.find_slot(at);
  const Entry entry = mm.tables.load(slot);
  if (entry.is_leaf(slot.level)) return 1;
  return vma.file != nullptr && backing::is_cached(vma, at) ? 1 : 0;
}

}  // namespace

Result<void> do_mincore(const Caller& caller, VirtAddr start, Bytes length,
                        std::span<std::uint8_t> pages) {
  const Mm& mm = caller.mm;
  if (!start.is_aligned(kPageSize)) return Errno::kInvalid;
  const VirtAddr limit = mm.layout.task_size;
  if (start > limit || length > limit - start) return Errno::kNoMemory;
  if (pages_to_hold(length).raw() > pages.size()) return Errno::kFault;
  const SharedGuard guard(caller.mm.mmap_lock);
  const Vma* vma = nullptr;
  VirtAddr at = start;
  for (std::uint8_t& page : pages.first(pages_to_hold(length).raw())) {
    if (vma == nullptr || at >= vma->end()) vma = mm.vmas.at(at);
    if (vma == nullptr) return Errno::kNoMemory;
    page = in_memory(mm, *vma, at);
    at += kPageSize;
  }
  return {};
}

}  // namespace quire
