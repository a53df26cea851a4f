#include "fault/page_ranges.hpp"
#include "fault/table_runs.hpp"

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

void move_run(Mm& mm, const TableRun& run, const EntrySlot& to) {
  const PagingFormat& format = mm.tables.format();
  std::int32_t moved = 0;
  for (unsigned i = 0; i < run.count; ++i) {
    const Entry entry = exchange_entry(format, nth(run, i), Entry{});
    if (entry.empty()) continue;
    EntrySlot target = to;
    target.index += i;
    exchange_entry(format, target, entry);
    ++moved;
  }
  mm.tables.frames().count_entries(run.first.page, -moved);
  mm.tables.frames().count_entries(to.page, moved);
}

}  // namespace

Bytes move_pages(const Move& move) {
  Mm& mm = *move.from.mm;
  const PagingFormat& format = mm.tables.format();
  Bytes done{0};
  while (done < move.range.length()) {
    const Bytes step = step_of(format, move, done);
    const VirtAddr from = move.range.start + done;
    if (mm.tables.find_slot(from).level == PageLevel::kPte) {
      const auto to = mm.tables.make_slot(move.target + done, PageLevel::kPte);
      if (!to.has_value()) break;
      // mmap_lock keeps faults away from both, so that the second table needs no lock of its own.
      for_each_run(mm, {from, from + step},
                   [&](const TableRun& run) { move_run(mm, run, *to); });
    }
    done += step;
  }
  const VirtRange moved{move.range.start, move.range.start + done};
  if (done) mm.parts.tlb.flush_range(mm.tlb, {.range = moved});
  return done;
}

}  // namespace quire
