#include "vma/accounting.hpp"

namespace quire {
namespace {

bool is_data(VmFlags flags) {
  return (flags & (VmFlags::kWrite | VmFlags::kShared | VmFlags::kGrowsDown)) == VmFlags::kWrite;
}
bool is_code(VmFlags flags) {
  return (flags & (VmFlags::kExec | VmFlags::kWrite | VmFlags::kGrowsDown)) == VmFlags::kExec;
}

// The sum that a mapping of `flags` counts into besides the total; null: none.
PageCount* sum_of(Mm& mm, VmFlags flags) {
  if (is_code(flags)) return &mm.exec;
  if (any(flags & VmFlags::kGrowsDown)) return &mm.stack;
  return is_data(flags) ? &mm.data : nullptr;
}

bool fits(PageCount pages, std::uint64_t limit) { return pages.raw() <= limit >> kPageShift; }

}  // namespace

bool may_expand(const Mm& mm, VmFlags flags, PageCount pages) {
  if (!fits(mm.total + pages, mm.limits.address_space)) return false;
  return !is_data(flags) || fits(mm.data + pages, mm.limits.data);
}

void account_pages(Mm& mm, VmFlags flags, PageCount pages) {
  mm.total += pages;
  if (PageCount* const sum = sum_of(mm, flags); sum != nullptr) *sum += pages;
}

void unaccount_pages(Mm& mm, VmFlags flags, PageCount pages) {
  mm.total -= pages;
  if (PageCount* const sum = sum_of(mm, flags); sum != nullptr) *sum -= pages;
}

Result<void> charge(const Mm& mm, PageCount pages) {
  const VmRules& rules = mm.parts.rules;
  Committed& committed = mm.parts.committed;
  committed.add(pages);
  bool enough = true;
  if (rules.overcommit() == Overcommit::kGuess) {
    enough = pages <= rules.ram_and_swap();
  } else if (rules.overcommit() == Overcommit::kNever) {
    // The program leaves room for whoever must stop it, and root for its own work.
    const PageCount kept = (mm.limits.sys_admin ? PageCount{0} : rules.admin_reserve()) +
                           min_of(mm.total / 32, rules.user_reserve());
    enough = committed.pages() + kept < rules.commit_limit();
  }
  if (enough) return {};
  committed.drop(pages);
  return Errno::kNoMemory;
}

void uncharge(const Mm& mm, PageCount pages) { mm.parts.committed.drop(pages); }

}  // namespace quire
