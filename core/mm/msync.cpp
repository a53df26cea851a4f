#include "mm/backing.hpp"
#include "mm/unmap.hpp"

namespace quire {
namespace {

// Writes back what shared mappings of files in `range` have changed.
Result<void> sync_range(const Caller& caller, VirtRange range, std::uint64_t flags) {
  const SharedGuard guard(caller.mm.mmap_lock);
  Result<void> result{};
  for (VirtAddr at = range.start; at < range.end;) {
    const Vma* const vma = caller.mm.vmas.find(at);
    if (vma == nullptr) return Errno::kNoMemory;
    if (vma->start() > at) result = Errno::kNoMemory;
    // With nothing but MS_ASYNC there is nothing to do: the first hole ends it.
    if (!result.has_value() && flags == sync::kAsync) return result;
    if (vma->start() >= range.end) return result;
    if ((flags & sync::kInvalidate) != 0 && vma->has(VmFlags::kLocked)) return Errno::kBusy;
    const VirtRange part = range.intersect(vma->range);
    if ((flags & sync::kSync) != 0 && vma->file != nullptr && vma->has(VmFlags::kShared))
      QUIRE_TRY(backing::write_back(*vma, part));
    at = part.end;
  }
  return result;
}

}  // namespace

Result<void> do_msync(const Caller& caller, VirtAddr start, Bytes length, std::uint64_t flags) {
  constexpr std::uint64_t kBoth = sync::kAsync | sync::kSync;
  if ((flags & ~(kBoth | sync::kInvalidate)) != 0 || (flags & kBoth) == kBoth ||
      !start.is_aligned(kPageSize))
    return Errno::kInvalid;
  const VirtRange range{start, start + page_align(length)};
  if (range.end < range.start) return Errno::kNoMemory;
  return sync_range(caller, range, flags);
}

}  // namespace quire
