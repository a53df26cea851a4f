#include "fault/file_vmas.hpp"
#include "fault/page_ranges.hpp"
#include "fault/table_runs.hpp"
#include "rmap/rmap.hpp"

namespace quire {
namespace {

// Up to where both addresses stay within one table each, and within what is left.
Bytes step_of(const PagingFormat& format, const Move& move, Bytes done) {
  const Bytes span = format.at(PageLevel::kPmd).size();
  const VirtAddr from = move.range.start + done;
  const VirtAddr to = move.target + done;
  const Bytes from_left = from.align_down(span) + span - from;
  const Bytes to_left = to.align_down(span) + span - to;
  return min_of(min_of(from_left, to_left), move.range.length() - done);
}

// Whether nothing but what is moved of `vma` lies in the table's span around `at`.
bool has_table_alone(const Vma& vma, VirtRange moved, VirtAddr at) {
  const Bytes span = vma.mm->tables.format().at(PageLevel::kPmd).size();
  const VirtRange table{at.align_down(span), at.align_down(span) + span};
  return max_of(vma.start(), table.start) >= moved.start &&
         min_of(vma.end(), table.end) <= moved.end &&
         (vma.previous == nullptr || vma.previous->end() <= table.start) &&
         (vma.next == nullptr || vma.next->start() >= table.end);
}

// Moves the whole table of the entry for `from`, where both places are at the same offset in a
// table, nothing else lies in it, and nobody finds its entries but by the Mm's locks, which are
// held, or by the family of the AnonVma: whoever walks from a file could be in it. Not for a range
// of one table, where its absence would hide from munmap that the tables above may be empty.
Result<bool> move_table(const Move& move, VirtAddr from, VirtAddr to) {
  const Vma& vma = move.from;
  const Bytes span = vma.mm->tables.format().at(PageLevel::kPmd).size();
  if (vma.file != nullptr || !VirtAddr{from.raw() ^ to.raw()}.is_aligned(span)) return false;
  if (move.range.start.align_down(span) == (move.range.end - kPageSize).align_down(span))
    return false;
  if (!has_table_alone(vma, move.range, from)) return false;
  QUIRE_TRY(vma.mm->tables.make_slot(to, PageLevel::kPmd));
  if (vma.anon_vma == nullptr) return vma.mm->tables.move_table(from, to);
  const SpinGuard family(vma.anon_vma->lock());
  return vma.mm->tables.move_table(from, to);
}

template <class Word>
void move_run(Mm& mm, const TableRun<Word>& run, const EntrySlot& to) {
  const TableRun<Word> target = run_at<Word>(to, run.start, run.count);
  std::int32_t moved = 0;
  for (unsigned i = 0; i < run.count; ++i) {
    if (run.load(i).empty()) continue;
    target.fill(i, run.exchange(i, Entry{}));
    ++moved;
  }
  mm.tables.frames().count_entries(run.table, -moved);
  mm.tables.frames().count_entries(to.page, moved);
}

// Moves the entries of one table to another. Errors: kNoMemory.
Result<void> move_entries(const Move& move, VirtRange from, VirtAddr to) {
  Mm& mm = *move.from.mm;
  QUIRE_TRY_ASSIGN(whole, move_table(move, from.start, to));
  if (whole) return {};
  QUIRE_TRY_ASSIGN(slot, mm.tables.make_slot(to, PageLevel::kPte));
  // The locks of the Mm and of both VMAs keep faults away: the second table needs none of its own.
  for_each_run(mm, from, [&](const auto& run) { move_run(mm, run, slot); });
  return {};
}

}  // namespace

Bytes move_pages(const Move& move) {
  Mm& mm = *move.from.mm;
  const PagingFormat& format = mm.tables.format();
  const FileVmas::Stop stop(move.from);
  const ExclusiveGuard guard(mm.walks);
  Bytes done{0};
  while (done < move.range.length()) {
    const Bytes step = step_of(format, move, done);
    const VirtAddr from = move.range.start + done;
    if (mm.tables.find_slot(from).level == PageLevel::kPte &&
        !move_entries(move, {from, from + step}, move.target + done).has_value())
      break;
    done += step;
  }
  const VirtRange moved{move.range.start, move.range.start + done};
  if (done) mm.parts.tlb.flush_range(mm.tlb, {.range = moved, .freed_tables = true});
  return done;
}

}  // namespace quire
