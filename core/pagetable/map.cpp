// Mapping and unmapping: entries are written a table at a time.
#include "pagetable/page_tables.hpp"

namespace quire {
namespace {

struct Row {
  const PagingFormat& format;
  EntrySlot slot;
};

// How many entries from the first on were written before one that was not empty.
template <class Word>
unsigned fill_row(const Row& row, unsigned count, Word value) {
  Word* const entry = words_of<Word>(row.slot.table) + row.slot.index;
  const auto step = static_cast<Word>(row.format.at(row.slot.level).size().raw());
  for (unsigned i = 0; i < count; ++i, value += step) {
    if (__atomic_load_n(entry + i, __ATOMIC_RELAXED) != 0) return i;
    __atomic_store_n(entry + i, value, __ATOMIC_RELAXED);
  }
  return count;
}

unsigned fill(const Row& row, unsigned count, Entry first) {
  if (row.format.entry_bytes == sizeof(std::uint64_t)) return fill_row(row, count, first.raw());
  return fill_row(row, count, static_cast<std::uint32_t>(first.raw()));
}

// How many of them were not empty. The processor may note an access until the very moment.
template <class Word>
unsigned clear_row(Word* entry, unsigned count) {
  unsigned cleared = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (__atomic_load_n(entry + i, __ATOMIC_RELAXED) == 0) continue;
    __atomic_store_n(entry + i, 0, __ATOMIC_RELAXED);
    ++cleared;
  }
  return cleared;
}

unsigned clear_entries(const Row& row, unsigned count) {
  if (row.format.entry_bytes == sizeof(std::uint64_t))
    return clear_row(words_of<std::uint64_t>(row.slot.table) + row.slot.index, count);
  return clear_row(words_of<std::uint32_t>(row.slot.table) + row.slot.index, count);
}

}  // namespace

PageLevel PageTables::largest_at(VirtRange rest, const Mapping& mapping) const {
  const std::uint64_t both = rest.start.raw() | address_of(mapping.first).raw();
  for (PageLevel level = min_of(mapping.largest, format().root()); level > PageLevel::kPte;
       level = below(level)) {
    const LevelFormat& of = format().at(level);
    if (of.leaf && (both & (of.size().raw() - 1)) == 0 && rest.length() >= of.size()) return level;
  }
  return PageLevel::kPte;
}

// Maps the first of `rest`: all entries of a table that are wanted. Where that ends.
Result<VirtAddr> PageTables::map_step(VirtRange rest, const Mapping& mapping) {
  PageLevel level = largest_at(rest, mapping);
  QUIRE_TRY_ASSIGN(slot, make_slot(rest.start, level));
  for (Entry there = load(slot); there.is_table(level); there = load(slot)) {
    slot = child(slot, there, rest.start);
    level = slot.level;
  }
  const LevelFormat& of = format().at(level);
  const Entry first = format().leaf_entry(level, mapping.first, mapping.prot);
  const auto count = static_cast<unsigned>(
      min_of<std::uint64_t>(of.entries() - slot.index, rest.length() / of.size()));
  const unsigned filled = fill({format(), slot}, count, first);
  if (filled == 0) return Errno::kExists;
  parts_.frames.count_entries(slot.page, static_cast<std::int32_t>(filled));
  count_leaves(rest.start, level, filled);
  return rest.start + of.size() * filled;
}

Result<void> PageTables::map(VirtRange range, const Mapping& mapping) {
  QUIRE_TRY(check(range));
  Mapping next = mapping;
  for (VirtAddr at = range.start; at < range.end;) {
    const Result<VirtAddr> to = map_step({at, range.end}, next);
    if (!to.has_value()) {
      if (at != range.start && !clear({range.start, at}).has_value())
        QUIRE_PANIC("what was just mapped cannot be unmapped");
      return to.error();
    }
    next.first += whole_pages(*to - at);
    at = *to;
  }
  return {};
}

Result<void> PageTables::map_pages(VirtAddr start, std::span<Page* const> pages, Prot prot) {
  const VirtRange range{start, start + kPageSize * pages.size()};
  QUIRE_TRY(check(range));
  std::size_t done = 0;
  Errno failed{};
  while (done < pages.size() && failed == Errno{}) {
    const auto slot = make_slot(start + kPageSize * done, PageLevel::kPte);
    if (!slot.has_value()) {
      failed = slot.error();
      break;
    }
    Row row{format(), *slot};
    const auto count = static_cast<unsigned>(min_of<std::uint64_t>(
        format().at(PageLevel::kPte).entries() - row.slot.index, pages.size() - done));
    unsigned filled = 0;
    while (filled < count) {
      const Pfn frame = parts_.frames.map().pfn_of(*pages.data()[done + filled]);
      if (fill(row, 1, format().leaf_entry(PageLevel::kPte, frame, prot)) == 0) break;
      ++row.slot.index;
      ++filled;
    }
    parts_.frames.count_entries(row.slot.page, static_cast<std::int32_t>(filled));
    if (filled != count) failed = Errno::kExists;
    done += filled;
  }
  if (failed == Errno{}) return {};
  if (done != 0 && !clear({start, start + kPageSize * done}).has_value())
    QUIRE_PANIC("what was just mapped cannot be unmapped");
  return failed;
}

// Clears the first of `rest`: a large page, or all of a table's entries in it. Where that ends.
Result<VirtAddr> PageTables::clear_step(VirtRange rest) {
  const EntrySlot slot = find_slot(rest.start);
  const LevelFormat& of = format().at(slot.level);
  if (slot.level == PageLevel::kPte) {
    const auto count = static_cast<unsigned>(
        min_of<std::uint64_t>(of.entries() - slot.index, rest.length() / kPageSize));
    const auto cleared = static_cast<std::int32_t>(clear_entries({format(), slot}, count));
    parts_.frames.count_entries(slot.page, -cleared);
    count_leaves(rest.start, slot.level, -cleared);
    return rest.start + kPageSize * count;
  }
  const Entry entry = load(slot);
  if (entry.is_leaf(slot.level)) {
    if (!rest.start.is_aligned(of.size()) || rest.length() < of.size()) {
      QUIRE_TRY(split_one(rest.start, slot, entry));
      return rest.start;
    }
    store(slot, Entry{});
    count_leaves(rest.start, slot.level, -1);
  }
  return end_of(rest.start, slot.level, rest);
}

Result<void> PageTables::clear(VirtRange range) {
  QUIRE_TRY(check(range));
  for (VirtAddr at = range.start; at < range.end;) {
    QUIRE_TRY_ASSIGN(next, clear_step({at, range.end}));
    at = next;
  }
  return {};
}

Result<void> PageTables::unmap(VirtRange range) {
  QUIRE_TRY(clear(range));
  flush(range);
  return {};
}

}  // namespace quire
