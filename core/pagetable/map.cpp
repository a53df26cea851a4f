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

// What all entries of a row have in common, and how the frame of a page is found.
struct Rights {
  const MemoryMap& map;
  Entry entry;
};

// The same for pages that lie anywhere.
template <class Word>
unsigned fill_row(Word* entry, std::span<Page* const> pages, const Rights& rights) {
  unsigned filled = 0;
  for (const Page* page : pages) {
    if (__atomic_load_n(entry + filled, __ATOMIC_RELAXED) != 0) break;
    const std::uint64_t value = rights.entry.raw() | address_of(rights.map.pfn_of(*page)).raw();
    __atomic_store_n(entry + filled++, static_cast<Word>(value), __ATOMIC_RELAXED);
  }
  return filled;
}

unsigned fill(const Row& row, std::span<Page* const> pages, const Rights& rights) {
  if (row.format.entry_bytes == sizeof(std::uint64_t))
    return fill_row(words_of<std::uint64_t>(row.slot.table) + row.slot.index, pages, rights);
  return fill_row(words_of<std::uint32_t>(row.slot.table) + row.slot.index, pages, rights);
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

// Step by step: `step` maps the first of a range and says where that ends.
template <class Step>
Result<void> PageTables::map_by(VirtRange range, Step step) {
  if (!format().is_range(range)) return Errno::kInvalid;
  for (VirtAddr at = range.start; at < range.end;) {
    const Result<VirtAddr> to = step(VirtRange{at, range.end});
    if (!to.has_value()) [[unlikely]] {
      if (at != range.start && !clear({range.start, at}).has_value())
        QUIRE_PANIC("what was just mapped cannot be unmapped");
      return to.error();
    }
    at = *to;
  }
  return {};
}

Result<void> PageTables::map(VirtRange range, const Mapping& mapping) {
  return map_by(range, [&](VirtRange rest) {
    Mapping of_rest = mapping;
    of_rest.first += whole_pages(rest.start - range.start);
    return map_step(rest, of_rest);
  });
}

Result<void> PageTables::map_pages(VirtAddr start, std::span<Page* const> pages, Prot prot) {
  const Entry rights = format().leaf_entry(PageLevel::kPte, Pfn{0}, prot);
  const VirtRange range{start, start + kPageSize * pages.size()};
  return map_by(range, [&](VirtRange rest) -> Result<VirtAddr> {
    EntrySlot slot = own_slot(rest.start);
    if (slot.level != PageLevel::kPte) {
      QUIRE_TRY_ASSIGN(made, make_slot(rest.start, PageLevel::kPte));
      slot = made;
    }
    const std::size_t room = format().at(PageLevel::kPte).entries() - slot.index;
    const std::size_t left = whole_pages(rest.length()).raw();
    const unsigned filled =
        fill({format(), slot}, pages.last(left).first(min_of(room, left)),
             {parts_.frames.map(), rights});
    if (filled == 0) return Errno::kExists;
    parts_.frames.count_entries(slot.page, static_cast<std::int32_t>(filled));
    return rest.start + kPageSize * filled;
  });
}

// Clears what lies in `rest` of the table that `slot` is in. Where that ends.
VirtAddr PageTables::clear_small(const EntrySlot& slot, VirtRange rest) {
  const unsigned room = format().at(PageLevel::kPte).entries() - slot.index;
  const auto count =
      static_cast<unsigned>(min_of<std::uint64_t>(room, whole_pages(rest.length()).raw()));
  const auto cleared = static_cast<std::int32_t>(clear_entries({format(), slot}, count));
  parts_.frames.count_entries(slot.page, -cleared);
  count_leaves(rest.start, PageLevel::kPte, -cleared);
  return rest.start + kPageSize * count;
}

// Clears a large page, or passes over what no table maps. Where that ends; where it began, if that
// page had to be split.
Result<VirtAddr> PageTables::clear_large(const EntrySlot& slot, VirtRange rest) {
  const LevelFormat& of = format().at(slot.level);
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
  if (!format().is_range(range)) return Errno::kInvalid;
  for (VirtAddr at = range.start; at < range.end;) {
    const EntrySlot slot = own_slot(at);
    if (slot.level == PageLevel::kPte) [[likely]] {
      at = clear_small(slot, {at, range.end});
    } else {
      QUIRE_TRY_ASSIGN(next, clear_large(slot, {at, range.end}));
      at = next;
    }
  }
  return {};
}

Result<void> PageTables::unmap(VirtRange range) {
  QUIRE_TRY(clear(range));
  flush(range);
  return {};
}

}  // namespace quire
