// The entries of a range, table by table: what walks over many of them locks each table once.
//
// Locking  visit() is called with the table's lock held: no page is asked for there.
#pragma once

#include "base/base.hpp"
#include "pagetable/pagetable.hpp"
#include "vma/vma.hpp"

namespace quire {

// Entries of one table that map addresses in the range, the first of which maps `start`.
struct TableRun {
  EntrySlot first;
  VirtAddr start;
  unsigned count;
};

// Calls visit(const TableRun&) for each table of 4 KiB entries that there is in `range`, ascending;
// for parts of it, where limit(), which is asked before the lock is taken, says how many entries
// may be visited at a time: at least one.
template <class Visit, class Limit>
void for_each_run(Mm& mm, VirtRange range, Visit visit, Limit limit) {
  const PagingFormat& format = mm.tables.format();
  for (VirtAddr at = range.start; at < range.end;) {
    const EntrySlot slot = mm.tables.find_slot(at);
    const PageLevel ends = slot.level == PageLevel::kPte ? PageLevel::kPmd : slot.level;
    const Bytes size = format.at(ends).size();
    const VirtAddr next = min_of(at.align_down(size) + size, range.end);
    if (slot.level == PageLevel::kPte) {
      TableRun run{slot, at, 0};
      while (run.start < next) {
        const auto left = static_cast<unsigned>((next - run.start).raw() >> kPageShift);
        run.count = min_of(left, limit());
        {
          const TableGuard guard(mm.parts.map.at(slot.page));
          visit(run);
        }
        run.first.index += run.count;
        run.start += size_of(PageCount{run.count});
      }
    }
    at = next;
  }
}

template <class Visit>
void for_each_run(Mm& mm, VirtRange range, Visit visit) {
  for_each_run(mm, range, visit, [] { return ~0u; });
}

inline EntrySlot nth(const TableRun& run, unsigned number) {
  EntrySlot slot = run.first;
  slot.index += number;
  return slot;
}
inline VirtAddr address_of(const TableRun& run, unsigned number) {
  return run.start + size_of(PageCount{number});
}

}  // namespace quire
