#include "mm/vma_merge.hpp"

#include "mm/backing.hpp"

namespace quire {
namespace {

bool same_nature(const Vma& vma, const NewRange& added) {
  return !any((vma.flags ^ added.flags) & ~VmFlags::kSoftDirty) && vma.file == added.file;
}

// Whether `vma` may grow over a range whose pages belong to `anon_vma`, or to none yet.
bool takes_pages_of(const Vma& vma, const AnonVma* anon_vma) {
  if (vma.anon_vma == anon_vma) return true;
  const bool never_forked = vma.chains != nullptr && vma.chains->next == nullptr;
  return never_forked && (vma.anon_vma == nullptr || anon_vma == nullptr);
}

std::uint64_t pages_in(VirtRange range) { return whole_pages(range.length()).raw(); }

// The VMAs that end where the range begins and begin where it ends, if they could grow over it.
struct Neighbours {
  Vma* before = nullptr;
  Vma* after = nullptr;
};

Neighbours neighbours_of(const NewRange& added, Vma* before, Vma* after) {
  if (any(added.flags & VmFlags::kSpecial)) return {};
  Neighbours fit;
  if (before != nullptr && extends(*before, added)) fit.before = before;
  if (after != nullptr && after->start() == added.range.end && same_nature(*after, added) &&
      takes_pages_of(*after, added.anon_vma) &&
      added.pgoff + pages_in(added.range) == after->pgoff)
    fit.after = after;
  if (fit.before == nullptr || fit.after == nullptr) return fit;
  if (added.after_first) {
    if (!takes_pages_of(*before, after->anon_vma)) fit.before = nullptr;
    return fit;
  }
  const AnonVma* const low = fit.before->anon_vma;
  const AnonVma* const high = fit.after->anon_vma;
  if (low == high || low == nullptr || high == nullptr) return fit;
  fit.after = nullptr;
  return fit;
}

// `grown` is about to show pages of `other` as well.
Result<void> take_over_pages(const Caller& caller, Vma& grown, const Vma* other) {
  if (other == nullptr || other->anon_vma == nullptr || grown.anon_vma != nullptr) return {};
  return caller.anon_vmas.clone(grown, *other);
}

// Lets `fit` grow over `range`; `inside` is the VMA that is there now, which gives it up.
Vma* grow(const Caller& caller, VirtRange range, const Neighbours& fit, Vma* inside) {
  Vma& grown = fit.before != nullptr ? *fit.before : *fit.after;
  Vma* const swallowed = fit.before != nullptr ? fit.after : nullptr;
  start_write(grown);
  if (!take_over_pages(caller, grown, inside).has_value() ||
      !take_over_pages(caller, grown, swallowed).has_value())
    return nullptr;
  if (inside != nullptr) {
    if (inside->range == range) {
      remove_vma(caller, *inside);
    } else {
      const bool low = inside->start() == range.start;
      resize(caller, *inside, low ? VirtRange{range.end, inside->end()}
                                  : VirtRange{inside->start(), range.start});
    }
  }
  VirtRange whole{min_of(grown.start(), range.start), max_of(grown.end(), range.end)};
  if (swallowed != nullptr) {
    whole.end = swallowed->end();
    remove_vma(caller, *swallowed);
  }
  resize(caller, grown, whole);
  return &grown;
}

}  // namespace

bool extends(const Vma& vma, const NewRange& added) {
  return vma.end() == added.range.start && same_nature(vma, added) &&
         takes_pages_of(vma, added.anon_vma) && vma.pgoff + vma.pages().raw() == added.pgoff;
}

Vma* merge_new(const Caller& caller, const NewRange& added) {
  Vma* const after = caller.mm.vmas.find(added.range.start);
  Vma* const before = after != nullptr ? after->previous : caller.mm.vmas.last();
  const Neighbours fit = neighbours_of(added, before, after);
  if (fit.before == nullptr && fit.after == nullptr) return nullptr;
  return grow(caller, added.range, fit, nullptr);
}

Result<Vma*> split(const Caller& caller, Vma& vma, VirtAddr at) {
  if (caller.mm.vmas.count() >= caller.mm.parts.rules.max_map_count()) return Errno::kNoMemory;
  return split_uncounted(caller, vma, at);
}

Result<Vma*> split_uncounted(const Caller& caller, Vma& vma, VirtAddr at) {
  QUIRE_ASSERT(vma.start() < at && at < vma.end());
  start_write(vma);
  Vma upper = vma;
  upper.range.start = at;
  upper.pgoff = vma.index_of(at);
  QUIRE_TRY(caller.mm.vmas.reserve(1));
  QUIRE_TRY_ASSIGN(made, caller.mm.new_vma(upper));
  if (const auto cloned = caller.anon_vmas.clone(*made, vma); !cloned.has_value()) {
    caller.mm.free_vma(*made);
    return cloned.error();
  }
  resize(caller, vma, {vma.start(), at});
  backing::attach(*made);
  const auto inserted = caller.mm.vmas.insert(*made);
  QUIRE_ASSERT(inserted.has_value());
  return made;
}

Result<Vma*> change_flags(const Caller& caller, Vma& vma, VirtRange part, VmFlags flags) {
  start_write(vma);
  const NewRange changed{.range = part,
                         .flags = flags,
                         .file = vma.file,
                         .pgoff = vma.index_of(part.start),
                         .anon_vma = vma.anon_vma};
  const Neighbours fit =
      neighbours_of(changed, part.start == vma.start() ? vma.previous : nullptr,
                    part.end == vma.end() ? vma.next : nullptr);
  if (fit.before != nullptr || fit.after != nullptr)
    if (Vma* const merged = grow(caller, part, fit, &vma)) return merged;
  Vma* changing = &vma;
  if (part.start != vma.start()) {
    QUIRE_TRY_ASSIGN(upper, split(caller, vma, part.start));
    changing = upper;
  }
  if (part.end != changing->end()) QUIRE_TRY(split(caller, *changing, part.end));
  changing->flags = flags;
  changing->prot = prot_of(flags);
  return changing;
}

void resize(const Caller& caller, Vma& vma, VirtRange range) {
  start_write(vma);
  caller.anon_vmas.before_change(vma);
  backing::before_change(vma);
  vma.pgoff = range.start < vma.start() ? vma.pgoff - pages_in({range.start, vma.start()})
                                        : vma.index_of(range.start);
  caller.mm.vmas.resize(vma, range);
  backing::after_change(vma);
  caller.anon_vmas.after_change(vma);
}

Result<Vma*> add_vma(const Caller& caller, const Vma& like) {
  QUIRE_TRY_ASSIGN(vma, caller.mm.new_vma(like));
  if (const auto inserted = caller.mm.vmas.insert(*vma); !inserted.has_value()) {
    caller.mm.free_vma(*vma);
    return inserted.error();
  }
  backing::attach(*vma);
  return vma;
}

void remove_vma(const Caller& caller, Vma& vma) {
  start_write(vma);
  caller.mm.vmas.remove(vma);
  caller.anon_vmas.unlink(vma);
  backing::detach(vma);
  caller.mm.free_vma(vma);
}

}  // namespace quire
