#include "mm/backing.hpp"
#include "mm/unmap.hpp"
#include "mm/vma_merge.hpp"

namespace quire {
namespace {

bool is_known(Advice advice) {
  const auto number = static_cast<std::uint32_t>(advice);
  return number <= 4 || (number >= 8 && number <= 25);
}

// What advice about a VMA changes of its flags; none: it is about its pages, or refused.
struct FlagChange {
  VmFlags set{};
  VmFlags clear{};
};
Result<FlagChange> flag_change(const Vma& vma, Advice advice) {
  using enum VmFlags;
  switch (advice) {
    case Advice::kNormal: return FlagChange{.clear = kRandRead | kSeqRead};
    case Advice::kSequential: return FlagChange{.set = kSeqRead, .clear = kRandRead};
    case Advice::kRandom: return FlagChange{.set = kRandRead, .clear = kSeqRead};
    case Advice::kDontFork: return FlagChange{.set = kDontCopy};
    case Advice::kDoFork:
      if (vma.has(kIo)) return Errno::kInvalid;
      return FlagChange{.clear = kDontCopy};
    case Advice::kWipeOnFork:
      if (vma.file != nullptr || vma.has(kShared)) return Errno::kInvalid;
      return FlagChange{.set = kWipeOnFork};
    case Advice::kKeepOnFork: return FlagChange{.clear = kWipeOnFork};
    case Advice::kDontDump: return FlagChange{.set = kDontDump};
    case Advice::kDoDump:
      if (vma.has(kSpecial) && !vma.has(kHugeTlb)) return Errno::kInvalid;
      return FlagChange{.clear = kDontDump};
    case Advice::kMergeable:
      if (vma.has(kShared | kMayShare | kSpecial | kHugeTlb)) return FlagChange{};
      return FlagChange{.set = kMergeable};
    case Advice::kUnmergeable: return FlagChange{.clear = kMergeable};
    case Advice::kHugePage:
      if (vma.has(kSpecial | kHugeTlb)) return Errno::kInvalid;
      return FlagChange{.set = kHugePage, .clear = kNoHugePage};
    case Advice::kNoHugePage:
      if (vma.has(kSpecial | kHugeTlb)) return Errno::kInvalid;
      return FlagChange{.set = kNoHugePage, .clear = kHugePage};
    default: return Errno::kInvalid;
  }
}

Result<void> change_part(const Caller& caller, Vma& vma, VirtRange part, Advice advice) {
  QUIRE_TRY_ASSIGN(change, flag_change(vma, advice));
  const VmFlags flags = (vma.flags & ~change.clear) | change.set;
  if (flags == vma.flags) return {};
  const auto changed = change_flags(caller, vma, part, flags);
  // Slabs may have some later, is what Linux means here.
  if (!changed.has_value()) return Errno::kAgain;
  return {};
}

// Advice about pages, of a part of one VMA.
Result<void> advise_pages(Vma& vma, VirtRange part, Advice advice) {
  switch (advice) {
    case Advice::kWillNeed: return backing::read_ahead(vma, part);
    case Advice::kCold:
    case Advice::kPageOut:
      if (vma.has(VmFlags::kLocked | VmFlags::kPfnMap | VmFlags::kHugeTlb)) return Errno::kInvalid;
      (advice == Advice::kCold ? make_cold : page_out)(vma, part);
      return {};
    case Advice::kDontNeed:
      if (vma.has(VmFlags::kLocked | VmFlags::kPfnMap)) return Errno::kInvalid;
      zap(vma, part);
      return {};
    case Advice::kDontNeedLocked:
      if (vma.has(VmFlags::kPfnMap)) return Errno::kInvalid;
      zap(vma, part);
      return {};
    case Advice::kFree:
      if (vma.has(VmFlags::kLocked | VmFlags::kPfnMap) || vma.file != nullptr)
        return Errno::kInvalid;
      free_lazily(vma, part);
      return {};
    case Advice::kRemove:
      if (vma.has(VmFlags::kLocked) || vma.file == nullptr) return Errno::kInvalid;
      if (!vma.has(VmFlags::kShared) || !vma.has(VmFlags::kWrite)) return Errno::kAccess;
      return backing::punch(vma, part);
    default: return Errno::kInvalid;  // kCollapse: there are no huge pages
  }
}

bool is_about_pages(Advice advice) {
  switch (advice) {
    case Advice::kWillNeed:
    case Advice::kDontNeed:
    case Advice::kFree:
    case Advice::kRemove:
    case Advice::kCold:
    case Advice::kPageOut:
    case Advice::kDontNeedLocked:
    case Advice::kCollapse: return true;
    default: return false;
  }
}

// Visits each part of a VMA in `range`; holes are passed over, and told at the end.
template <class Visit>
Result<void> for_each_part(const Mm& mm, VirtRange range, Visit visit) {
  Result<void> result{};
  for (VirtAddr at = range.start; at < range.end;) {
    Vma* const vma = mm.vmas.find(at);
    if (vma == nullptr) return Errno::kNoMemory;
    if (vma->start() > at) result = Errno::kNoMemory;
    if (vma->start() >= range.end) break;
    const VirtRange part = range.intersect(vma->range);
    QUIRE_TRY(visit(*vma, part));
    at = part.end;
  }
  return result;
}

Result<void> populate_for(const Caller& caller, VirtRange range, Access access) {
  const VmFlags needed = is_write(access) ? VmFlags::kWrite : VmFlags::kRead;
  return for_each_part(caller.mm, range, [&](Vma& vma, VirtRange part) -> Result<void> {
    if (vma.has(VmFlags::kIo | VmFlags::kPfnMap) || !vma.has(needed)) return Errno::kInvalid;
    return touch(caller, vma, part, access);
  });
}

}  // namespace

Result<void> do_madvise(const Caller& caller, VirtAddr start, Bytes length, Advice advice) {
  Mm& mm = caller.mm;
  if (!is_known(advice) || !start.is_aligned(kPageSize)) return Errno::kInvalid;
  const Bytes whole = page_align(length);
  const VirtRange range{start, start + whole};
  if ((length && !whole) || range.end < range.start) return Errno::kInvalid;
  if (range.empty()) return {};
  if (advice == Advice::kPopulateRead || advice == Advice::kPopulateWrite) {
    const SharedGuard guard(mm.mmap_lock);
    const bool write = advice == Advice::kPopulateWrite;
    return populate_for(caller, range, write ? Access::kUserWrite : Access::kUserRead);
  }
  if (is_about_pages(advice)) {
    const SharedGuard guard(mm.mmap_lock);
    return for_each_part(mm, range, [&](Vma& vma, VirtRange part) {
      return advise_pages(vma, part, advice);
    });
  }
  const MmapWriteGuard guard(mm);
  return for_each_part(mm, range, [&](Vma& vma, VirtRange part) {
    return change_part(caller, vma, part, advice);
  });
}

}  // namespace quire
