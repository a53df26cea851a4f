#include "mm/backing.hpp"
#include "mm/mapping_flags.hpp"
#include "mm/unmap.hpp"
#include "mm/unmapped_area.hpp"
#include "mm/vma_merge.hpp"

namespace quire {
namespace {

// A request on its way, once its numbers make sense.
struct Plan {
  VirtRange range{};
  VmFlags flags{};
  File* file = nullptr;
  std::uint64_t pgoff = 0;
  std::uint64_t map_flags = 0;
};

// No huge pages are kept in reserve, and there is one size of them.
Errno refuse_huge(const MmapRequest& request) {
  const std::uint64_t shift = request.flags >> map::kHugeShift & map::kHugeMask;
  return shift == 0 || shift == kPageShift + kPageblockOrder.raw() ? Errno::kNoMemory
                                                                   : Errno::kInvalid;
}

Result<void> check_numbers(const Caller& caller, const MmapRequest& request) {
  if ((request.offset.raw() & (kPageSize.raw() - 1)) != 0) return Errno::kInvalid;
  const bool anonymous = (request.flags & map::kAnonymous) != 0;
  if (!anonymous && request.file == nullptr) return Errno::kBadFile;
  if ((request.flags & map::kHugeTlb) != 0) {
    if (!anonymous) return Errno::kInvalid;
    return refuse_huge(request);
  }
  if (!request.length) return Errno::kInvalid;
  const Bytes length = page_align(request.length);
  if (!length) return Errno::kNoMemory;
  const Mm& mm = caller.mm;
  if (mm.vmas.count() > mm.parts.rules.max_map_count()) return Errno::kNoMemory;
  return {};
}

// A hint in the pages that nobody may map means the first one above them.
VirtAddr round_hint(const Mm& mm, VirtAddr hint) {
  const VirtAddr at = hint.align_down(kPageSize);
  const VirtAddr lowest = mm.parts.rules.mmap_min_addr().align_up(kPageSize);
  return at != VirtAddr{0} && at < lowest ? lowest : at;
}

Result<VirtRange> find_place(const Mm& mm, const MmapRequest& request) {
  const bool fixed = (request.flags & (map::kFixed | map::kFixedNoReplace)) != 0;
  const Bytes length = page_align(request.length);
  const std::uint64_t flags = request.flags | (fixed ? map::kFixed : 0);
  const VirtAddr wish = fixed ? request.address : round_hint(mm, request.address);
  QUIRE_TRY_ASSIGN(at, unmapped_area(mm, {wish, length, flags}));
  const VirtRange range{at, at + length};
  if ((request.flags & map::kFixedNoReplace) != 0) {
    const Vma* const there = mm.vmas.find(range.start);
    if (there != nullptr && there->start() < range.end) return Errno::kExists;
  }
  return range;
}

// Checks what kind of mapping is asked for, and completes the flags that follow from it.
Result<Plan> make_plan(const Caller& caller, const MmapRequest& request, VirtRange range) {
  const Mm& mm = caller.mm;
  Plan plan{.range = range, .map_flags = request.flags};
  plan.flags = flags_of_prot(request.prot) | flags_of_map(request.flags) | mm.default_flags |
               VmFlags::kMayAll;
  if ((request.flags & map::kLocked) != 0 && !mm.limits.ipc_lock && mm.limits.locked == 0)
    return Errno::kPermission;
  QUIRE_TRY(may_lock_more(mm, plan.flags, whole_pages(range.length())));
  const std::uint64_t type = request.flags & map::kType;
  if ((request.flags & map::kAnonymous) == 0) {
    plan.file = request.file;
    plan.pgoff = request.offset.raw() >> kPageShift;
    QUIRE_TRY_ASSIGN(allowed, backing::allow(request, plan.flags));
    plan.flags = allowed;
  } else if (type == map::kPrivate) {
    plan.pgoff = range.start.raw() >> kPageShift;
  } else if (type == map::kShared) {
    if (any(plan.flags & VmFlags::kGrowsDown)) return Errno::kInvalid;
    plan.flags |= VmFlags::kShared | VmFlags::kMayShare;
  } else {
    return Errno::kInvalid;
  }
  if ((request.flags & map::kNoReserve) != 0 &&
      mm.parts.rules.overcommit() != Overcommit::kNever)
    plan.flags |= VmFlags::kNoReserve;
  return plan;
}

// What is in the way does not count.
Result<void> check_limits(const Mm& mm, const Plan& plan) {
  const PageCount pages = whole_pages(plan.range.length());
  if (may_expand(mm, plan.flags, pages)) return {};
  PageCount there;
  for (const Vma* vma = mm.vmas.find(plan.range.start);
       vma != nullptr && vma->start() < plan.range.end; vma = vma->next)
    there += whole_pages(vma->range.intersect(plan.range).length());
  if (!may_expand(mm, plan.flags, pages - there)) return Errno::kNoMemory;
  return {};
}

Result<Vma*> make_vma(const Caller& caller, const Plan& plan) {
  const bool shared_anonymous = plan.file == nullptr && any(plan.flags & VmFlags::kShared);
  if (!shared_anonymous) {
    Vma* const merged = merge_new(caller, {.range = plan.range,
                                           .flags = plan.flags,
                                           .file = plan.file,
                                           .pgoff = plan.pgoff,
                                           .after_first = true});
    if (merged != nullptr) return merged;
  }
  Vma like{.range = plan.range, .flags = plan.flags, .file = plan.file};
  like.pgoff = plan.pgoff;
  like.prot = prot_of(plan.flags);
  if (!shared_anonymous) return add_vma(caller, like);
  QUIRE_TRY_ASSIGN(zeros, backing::shared_zeros(caller, plan.range.length(), plan.flags));
  like.file = zeros;
  const auto made = add_vma(caller, like);
  backing::release(zeros);
  return made;
}

Result<void> map_region(const Caller& caller, Plan& plan) {
  Mm& mm = caller.mm;
  QUIRE_TRY(check_limits(mm, plan));
  QUIRE_TRY(unmap(caller, plan.range.start, plan.range.length()));
  const PageCount pages = whole_pages(plan.range.length());
  const bool accountable = (plan.flags & (VmFlags::kNoReserve | VmFlags::kShared |
                                          VmFlags::kWrite)) == VmFlags::kWrite;
  if (accountable) {
    QUIRE_TRY(charge(mm, pages));
    plan.flags |= VmFlags::kAccount;
  }
  const auto vma = make_vma(caller, plan);
  if (!vma.has_value()) {
    if (accountable) uncharge(mm, pages);
    return vma.error();
  }
  (*vma)->flags |= VmFlags::kSoftDirty;
  account_pages(mm, plan.flags, pages);
  if ((*vma)->has(VmFlags::kLocked)) mm.locked += pages;
  return {};
}

}  // namespace

Result<VirtAddr> do_mmap(const Caller& caller, const MmapRequest& request) {
  VirtRange made;
  bool fill = false;
  {
    const MmapWriteGuard guard(caller.mm);
    QUIRE_TRY(check_numbers(caller, request));
    QUIRE_TRY_ASSIGN(range, find_place(caller.mm, request));
    QUIRE_TRY_ASSIGN(plan, make_plan(caller, request, range));
    QUIRE_TRY(map_region(caller, plan));
    made = range;
    fill = any(plan.flags & VmFlags::kLocked) ||
           (request.flags & (map::kPopulate | map::kNonBlock)) == map::kPopulate;
  }
  // Pages that cannot be had now come when they are touched, or say then why not.
  if (fill) static_cast<void>(populate(caller, made, OnError::kGoOn));
  return made.start;
}

}  // namespace quire
