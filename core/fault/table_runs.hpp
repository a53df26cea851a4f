// The entries of a range, table by table: what walks over many of them locks each table once, and
// knows how wide entries are.
//
// Locking  visit() is called with the table's lock held: no page is asked for there.
#pragma once

#include "base/base.hpp"
#include "fault/page_finder.hpp"
#include "pagetable/pagetable.hpp"
#include "vma/vma.hpp"

namespace quire {

// Entries of one table that follow one another, the first of which maps `start`. Word is as wide as
// an entry.
template <class Word>
struct TableRun {
  Word* words;
  VirtAddr start;
  unsigned count;
  PageIndex table;

  [[nodiscard]] Entry load(unsigned number) const {
    return Entry{__atomic_load_n(words + number, __ATOMIC_RELAXED)};
  }
  // What stood there.
  Entry exchange(unsigned number, Entry by) const {
    return Entry{
        __atomic_exchange_n(words + number, static_cast<Word>(by.raw()), __ATOMIC_ACQ_REL)};
  }
  // Where nothing stood, so that the processor has noted nothing.
  void fill(unsigned number, Entry by) const {
    __atomic_store_n(words + number, static_cast<Word>(by.raw()), __ATOMIC_RELEASE);
  }
  [[nodiscard]] VirtAddr address_of(unsigned number) const {
    return start + size_of(PageCount{number});
  }
};

// The frame of a page of 4 KiB.
inline Pfn frame_of(const PagingFormat& format, Entry entry) {
  return pfn_down(PhysAddr{entry.raw() & format.frame_bits});
}

// The run of `count` entries from `slot` on.
template <class Word>
TableRun<Word> run_at(const EntrySlot& slot, VirtAddr start, unsigned count) {
  return {words_of<Word>(slot.table) + slot.index, start, count, slot.page};
}

// Calls visit(TableRun) for each table of 4 KiB entries that there is in `range`, ascending; for
// parts of it, where limit(), which is asked before the lock is taken, says how many entries may be
// visited at a time: at least one.
template <class Visit, class Limit>
void for_each_run(Mm& mm, VirtRange range, Visit visit, Limit limit) {
  const PagingFormat& format = mm.tables.format();
  for (VirtAddr at = range.start; at < range.end;) {
    EntrySlot slot = mm.tables.find_slot(at);
    const PageLevel ends = slot.level == PageLevel::kPte ? PageLevel::kPmd : slot.level;
    const Bytes size = format.at(ends).size();
    const VirtAddr next = min_of(at.align_down(size) + size, range.end);
    while (slot.level == PageLevel::kPte && at < next) {
      const auto left = static_cast<unsigned>((next - at).raw() >> kPageShift);
      const unsigned count = min_of(left, limit());
      const TableGuard guard(mm.parts.map.at(slot.page));
      if (format.entry_bytes == sizeof(std::uint64_t)) [[likely]]
        visit(run_at<std::uint64_t>(slot, at, count));
      else
        visit(run_at<std::uint32_t>(slot, at, count));
      slot.index += count;
      at += size_of(PageCount{count});
    }
    at = next;
  }
}

template <class Visit>
void for_each_run(Mm& mm, VirtRange range, Visit visit) {
  for_each_run(mm, range, visit, [] { return ~0u; });
}

}  // namespace quire
