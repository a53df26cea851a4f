// Pages change their size, and what they allow: splitting, collapsing, protecting, freeing tables.
#include "pagetable/page_tables.hpp"

namespace quire {

// One step down: `leaf`, which stands in `slot`, becomes a table of the next smaller pages.
Result<void> PageTables::split_one(VirtAddr at, const EntrySlot& slot, Entry leaf) {
  const PageLevel level = below(slot.level);
  const LevelFormat& of = format().at(level);
  QUIRE_TRY_ASSIGN(table, parts_.frames.allocate(level, parts_.user));
  const Prot prot = format().prot_of(leaf);
  Pfn frame = format().frame_of(slot.level, leaf);
  EntrySlot part{parts_.frames.content(table), 0, level, table};
  for (; part.index < of.entries(); ++part.index, frame += of.pages())
    exchange_entry(format(), part, format().leaf_entry(level, frame, prot));
  parts_.frames.count_entries(table, static_cast<std::int32_t>(of.entries()));
  const Entry whole = format().table_entry(slot.level, parts_.frames.pfn_of(table));
  if (!replace_entry(format(), slot, leaf, whole)) {
    parts_.frames.free(table, parts_.user);
    return {};
  }
  count_leaves(at, slot.level, -1);
  count_leaves(at, level, of.entries());
  const Bytes size = format().at(slot.level).size();
  flush({at.align_down(size), at.align_down(size) + size}, slot.level);
  return {};
}

Result<void> PageTables::split(VirtAddr at, PageLevel size) {
  if (!format().is_address(at)) return Errno::kInvalid;
  for (;;) {
    const EntrySlot slot = find_slot(at, size);
    const Entry entry = load(slot);
    if (!entry.present()) return Errno::kNoEntry;
    if (slot.level == size) return {};
    QUIRE_TRY(split_one(at, slot, entry));
  }
}

// The page that would map what the table in `slot` maps.
std::optional<Entry> PageTables::collapsed(const EntrySlot& slot, Entry table) const {
  constexpr Prot kNoted = Prot::kAccessed | Prot::kDirty;
  const PageLevel level = below(slot.level);
  const LevelFormat& of = format().at(level);
  EntrySlot part = child(slot, table, VirtAddr{0});
  const Entry first = load(part);
  if (!of.leaf || !first.is_leaf(level)) return std::nullopt;
  const Pfn frame = format().frame_of(level, first);
  if (!frame.is_aligned(format().at(slot.level).pages())) return std::nullopt;
  Prot noted{};
  const Prot rights = format().prot_of(first) & ~kNoted;
  for (; part.index < of.entries(); ++part.index) {
    const Entry entry = load(part);
    if (!entry.is_leaf(level) || (format().prot_of(entry) & ~kNoted) != rights ||
        format().frame_of(level, entry) != frame + of.pages() * part.index)
      return std::nullopt;
    noted = noted | (format().prot_of(entry) & kNoted);
  }
  return format().leaf_entry(slot.level, frame, rights | noted);
}

Result<void> PageTables::collapse(VirtAddr at, PageLevel size) {
  if (!format().is_address(at) || size > format().root() || !format().at(size).leaf)
    return Errno::kInvalid;
  const EntrySlot slot = find_slot(at, size);
  Entry entry = load(slot);
  if (entry.is_leaf(slot.level)) return {};
  if (slot.level != size || !entry.is_table(size)) return Errno::kInvalid;
  const Bytes whole = format().at(size).size();
  const VirtAddr start = at.align_down(whole);
  const Bytes part = format().at(below(size)).size();
  if (below(size) != PageLevel::kPte)
    for (VirtAddr piece = start; piece < start + whole; piece += part)
      QUIRE_TRY(collapse(piece, below(size)));
  const std::optional<Entry> page = collapsed(slot, entry);
  if (!page) return Errno::kInvalid;
  const PageIndex table = child(slot, entry, at).page;
  exchange_entry(format(), slot, *page);
  count_leaves(start, below(size), -static_cast<std::int64_t>(whole / part));
  count_leaves(start, size, 1);
  recent_.forget();
  parts_.flush.flush({*this, {start, start + whole}, below(size), true});
  parts_.frames.free(table, parts_.user);
  return {};
}

// A page that begins before `at` and ends after it becomes two or more.
Result<void> PageTables::cut(VirtAddr at) {
  for (;;) {
    const EntrySlot slot = find_slot(at);
    const Entry entry = load(slot);
    if (at.is_aligned(format().at(slot.level).size()) || !entry.is_leaf(slot.level)) return {};
    QUIRE_TRY(split_one(at, slot, entry));
  }
}

Result<void> PageTables::protect(VirtRange range, ProtChange change) {
  if (!format().is_range(range)) return Errno::kInvalid;
  QUIRE_TRY(cut(range.start));
  if (format().is_address(range.end)) QUIRE_TRY(cut(range.end));
  for_each_entry(range, [&](VirtAddr, const EntrySlot& slot, Entry entry) {
    // The processor may note an access meanwhile.
    while (entry.is_leaf(slot.level)) {
      const Prot prot = (format().prot_of(entry) & ~change.clear) | change.set;
      const Pfn frame = format().frame_of(slot.level, entry);
      if (replace_entry(format(), slot, entry, format().leaf_entry(slot.level, frame, prot))) break;
    }
  });
  flush(range);
  return {};
}

// What is freed hangs on a chain until no CPU can be walking through it.
struct PageTables::Pruning {
  VirtRange gone;
  VirtRange between;
  PageIndex chain = PageIndex::kNone;
  VirtRange freed{};  // what the tables of the chain mapped, and what lies between
};

// A table, and where what it maps begins; of the root, where the gone range does.
struct PageTables::Pruned {
  PageIndex table;
  PageLevel level;
  VirtAddr start;
};

// Frees what can be below a table; whether it is empty then.
bool PageTables::prune(const Pruned& at, Pruning& pruning) {
  const LevelFormat& of = format().at(at.level);
  const bool keep = at.level == format().root() && !parts_.user;
  const VirtAddr end = pruning.gone.end;
  EntrySlot slot{parts_.frames.content(at.table), of.index(at.start), at.level, at.table};
  VirtAddr start = at.start.align_down(of.size());
  for (; start < end && slot.index < of.entries(); ++slot.index, start += of.size()) {
    const Entry entry = load(slot);
    if (!entry.is_table(at.level)) continue;
    const VirtAddr last = start + (of.size() - Bytes{1});
    const EntrySlot below_it = child(slot, entry, VirtAddr{0});
    const bool empty =
        below_it.level == PageLevel::kPte
            ? parts_.frames.entries_in_use(below_it.page) == 0
            : prune({below_it.page, below_it.level, max_of(start, pruning.gone.start)}, pruning);
    if (!empty || keep || start < pruning.between.start || last >= pruning.between.end) continue;
    store(slot, Entry{});
    parts_.frames.map().at(below_it.page).next = raw(pruning.chain);
    const VirtAddr after = end_of(start, at.level, pruning.between);
    if (pruning.chain == PageIndex::kNone) pruning.freed = {start, after};
    pruning.freed = {min_of(start, pruning.freed.start), max_of(after, pruning.freed.end)};
    pruning.chain = below_it.page;
  }
  return parts_.frames.entries_in_use(at.table) == 0;
}

void PageTables::free_chain(PageIndex first) {
  while (first != PageIndex::kNone) {
    const PageIndex next{parts_.frames.map().at(first).next};
    parts_.frames.free(first, parts_.user);
    first = next;
  }
}

void PageTables::free_below(PageIndex table, PageLevel level) {
  EntrySlot slot{parts_.frames.content(table), 0, level, table};
  const bool is_root = level == format().root();
  for (; slot.index < format().at(level).entries(); ++slot.index) {
    if (is_root && slot.index >= first_shared_) return;
    const Entry entry = load(slot);
    if (!entry.is_table(level)) continue;
    const PageIndex page = child(slot, entry, VirtAddr{0}).page;
    if (below(level) != PageLevel::kPte) free_below(page, below(level));
    parts_.frames.free(page, parts_.user);
  }
}

void PageTables::destroy() {
  const VirtRange all{VirtAddr{0}, VirtAddr{~std::uint64_t{0}}};
  recent_.forget();
  parts_.flush.flush({*this, all, PageLevel::kPte, true});
  free_below(root_, format().root());
  parts_.frames.free(root_, parts_.user);
  root_ = PageIndex::kNone;
}

void PageTables::free_empty_tables(VirtRange gone, VirtRange between) {
  Pruning pruning{.gone = gone, .between = between};
  prune({root_, format().root(), gone.start}, pruning);
  if (pruning.chain == PageIndex::kNone) return;
  recent_.forget();
  parts_.flush.flush({*this, pruning.freed, PageLevel::kPte, true});
  free_chain(pruning.chain);
}

Result<bool> PageTables::move_table(VirtAddr from, VirtAddr to) {
  const EntrySlot source = find_slot(from, PageLevel::kPmd);
  const Entry table = load(source);
  if (source.level != PageLevel::kPmd || !table.is_table(PageLevel::kPmd)) return false;
  QUIRE_TRY_ASSIGN(target, make_slot(to, PageLevel::kPmd));
  const Entry there = load(target);
  if (there.is_table(PageLevel::kPmd)) {
    if (parts_.frames.entries_in_use(child(target, there, to).page) != 0) return false;
  } else if (!there.empty()) {
    return false;
  }
  recent_.forget();
  store(source, there);
  store(target, table);
  return true;
}

}  // namespace quire
