#include "pagetable/page_tables.hpp"

namespace quire {

Result<void> PageTables::make_root() {
  QUIRE_TRY_ASSIGN(root, parts_.frames.allocate(format().root(), parts_.user));
  root_ = root;
  return {};
}

void PageTables::share(const PageTables& kernel, VirtAddr from) {
  const LevelFormat& top = format().at(format().root());
  first_shared_ = top.index(from);
  for (unsigned i = first_shared_; i < top.entries(); ++i)
    share_entry(kernel, VirtAddr{std::uint64_t{i} << top.shift});
}

void PageTables::share_entry(const PageTables& kernel, VirtAddr at) {
  const PageLevel top = format().root();
  exchange_entry(format(), find_slot(at, top), kernel.load(kernel.find_slot(at, top)));
}

EntrySlot PageTables::find_and_note(VirtAddr at) {
  const EntrySlot slot = find_slot(at);
  const bool ours = format().at(format().root()).index(at) < first_shared_;
  if (slot.level == PageLevel::kPte && ours) recent_.note(format().leaf_table_of(at), slot.page);
  return slot;
}

Result<EntrySlot> PageTables::make_slot(VirtAddr at, PageLevel level) {
  EntrySlot slot = level == PageLevel::kPte ? own_slot(at) : find_slot(at, level);
  while (slot.level > level) {
    Entry entry = load(slot);
    if (entry.empty()) {
      QUIRE_TRY_ASSIGN(made, make_table(slot, at));
      entry = made;
    }
    if (!entry.is_table(slot.level)) return Errno::kExists;
    slot = child(slot, entry, at);
  }
  return slot;
}

// The entry of a new table in `slot`, or what another CPU has put there meanwhile.
Result<Entry> PageTables::make_table(const EntrySlot& slot, VirtAddr at) {
  QUIRE_TRY_ASSIGN(table, parts_.frames.allocate(below(slot.level), parts_.user));
  const Entry ours = format().table_entry(slot.level, parts_.frames.pfn_of(table));
  Entry there;
  if (!replace_entry(format(), slot, there, ours)) {
    parts_.frames.free(table, parts_.user);
    return there;
  }
  parts_.frames.count_entries(slot.page, 1);
  if (slot.level == format().root()) parts_.flush.root_changed(*this, at);
  return ours;
}

Entry PageTables::store(const EntrySlot& slot, Entry entry) {
  const Entry before = exchange_entry(format(), slot, entry);
  const std::int32_t change = (entry.empty() ? 0 : 1) - (before.empty() ? 0 : 1);
  if (change != 0) parts_.frames.count_entries(slot.page, change);
  return before;
}

std::optional<Translation> PageTables::walk(VirtAddr at) const {
  if (!format().is_address(at)) return std::nullopt;
  const EntrySlot slot = find_slot(at);
  const Entry entry = load(slot);
  if (!entry.is_leaf(slot.level)) return std::nullopt;
  return Translation{at.align_down(format().at(slot.level).size()),
                     format().frame_of(slot.level, entry), slot.level, format().prot_of(entry)};
}

void PageTables::flush(VirtRange range, PageLevel stride) const {
  parts_.flush.flush({*this, range, stride, false});
}

void PageTables::count_leaves(VirtAddr at, PageLevel level, std::int64_t change) const {
  if (parts_.counts == nullptr || !parts_.counts->range.contains(at)) return;
  parts_.counts->pages.data()[index_of(level)].fetch_add(static_cast<std::uint64_t>(change),
                                                         std::memory_order_relaxed);
}

namespace {

// Below `table`, in its first `entries`.
std::uint64_t tables_below(const TableReader& reader, EntrySlot table, unsigned entries) {
  if (table.level == PageLevel::kPte) return 0;
  std::uint64_t sum = 0;
  for (table.index = 0; table.index < entries; ++table.index) {
    const Entry entry = load_entry(reader.format, table);
    if (!entry.is_table(table.level)) continue;
    const EntrySlot below = reader.child(table, entry, VirtAddr{0});
    sum += 1 + tables_below(reader, below, reader.format.at(below.level).entries());
  }
  return sum;
}

}  // namespace

std::uint64_t table_count(const PageTables& tables) {
  const PagingFormat& format = tables.format();
  const EntrySlot root{tables.frames().content(tables.root()), 0, format.root(), tables.root()};
  return tables_below(tables.reader(), root,
                      min_of(tables.first_shared(), format.at(format.root()).entries()));
}

}  // namespace quire
