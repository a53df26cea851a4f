// The page tables of one address space, in frames of the machine's own RAM, of any format: mapping,
// unmapping, protection, pages of 4 KiB and larger, splitting and collapsing them, walking.
//
// Units       Ranges are of virtual addresses and whole pages; a range does not reach the very last
//             page of the 64-bit space. Frames are Pfns.
// Ownership   Table frames belong to the tables they are part of; frames that are mapped do not.
// Locking     Tables come to be without a lock: who is second gives his table back. A range that is
//             being changed belongs to the caller; walkers may look at any time. Tables are freed
//             by free_empty_tables(), collapse() and destroy() alone, whose callers know that
//             nobody else is in the range.
// Errors      kInvalid: no address of this format, no whole pages, an empty range. kExists: mapped
//             already. kNoMemory: no frame for a table. What failed has mapped nothing.
// Cost        A page of 4 KiB in a batch: docs/PERFORMANCE.md, pagetable.map_page.
// Source      Documentation/x86/x86_64/mm.rst, Documentation/mm/split_page_table_lock.rst.
#pragma once

#include <array>
#include <atomic>
#include <optional>
#include <span>

#include "base/base.hpp"
#include "memmap/memmap.hpp"
#include "pagetable/entry_access.hpp"
#include "pagetable/flush_sink.hpp"
#include "pagetable/format.hpp"
#include "pagetable/recent_tables.hpp"
#include "pagetable/table_frames.hpp"
#include "pagetable/table_reader.hpp"

namespace quire {

// How many pages of each size map what lies in `range`, which begins and ends where tables do.
struct LeafCounts {
  const PagingFormat* format = &kFourLevels;
  VirtRange range{};
  std::array<std::atomic<std::uint64_t>, 3> pages{};

  [[nodiscard]] std::uint64_t count(PageLevel level) const {
    return pages.data()[index_of(level)].load(std::memory_order_relaxed);
  }
  [[nodiscard]] Bytes mapped(PageLevel of) const { return format->at(of).size() * count(of); }
};

class PageTables {
 public:
  struct Parts {
    const PagingFormat& format;
    TableFrames& frames;
    FlushSink& flush;
    bool user = false;  // a process's: its tables are counted
    LeafCounts* counts = nullptr;
  };
  explicit PageTables(const Parts& parts) : parts_(parts) {}
  PageTables(const PageTables&) = delete;
  PageTables& operator=(const PageTables&) = delete;

  // An empty root. Until then, and after destroy(), there is nothing else to call.
  Result<void> make_root();
  // Frees all tables; nothing is mapped any more.
  void destroy();
  // From `from` on, addresses are mapped by the tables below `kernel`'s root, as they are now.
  void share(const PageTables& kernel, VirtAddr from);
  // Takes over the entry of `kernel`'s root that maps `at`, which has come to be since.
  void share_entry(const PageTables& kernel, VirtAddr at);

  [[nodiscard]] const PagingFormat& format() const { return parts_.format; }
  [[nodiscard]] Pfn root_frame() const { return parts_.frames.pfn_of(root_); }
  [[nodiscard]] PageIndex root() const { return root_; }
  // Entries of the root from this on lead to another's tables.
  [[nodiscard]] unsigned first_shared() const { return first_shared_; }
  [[nodiscard]] TableReader reader() const { return {parts_.format, parts_.frames}; }
  [[nodiscard]] bool is_user() const { return parts_.user; }
  [[nodiscard]] TableFrames& frames() const { return parts_.frames; }

  struct Mapping {
    Pfn first;  // frames that follow one another from here
    Prot prot{};
    PageLevel largest = PageLevel::kPte;  // of up to this size, where they fit and no table is
  };
  Result<void> map(VirtRange range, const Mapping& mapping);
  Result<void> map_pages(VirtAddr start, std::span<Page* const> pages, Prot prot);

  // Nothing is mapped in `range` any more. Tables stay. clear() does not flush: its caller does,
  // before the frames that were mapped are used again. kNoMemory: a large page that sticks out of
  // the range could not be split.
  Result<void> unmap(VirtRange range);
  Result<void> clear(VirtRange range);
  void flush(VirtRange range, PageLevel stride = PageLevel::kPte) const;

  // Changes what is allowed on every page of `range` that is mapped, and flushes.
  struct ProtChange {
    Prot set{};
    Prot clear{};
  };
  Result<void> protect(VirtRange range, ProtChange change);

  // The page at `at`, if larger, becomes pages of `size` that map the same. kNoEntry: not mapped.
  Result<void> split(VirtAddr at, PageLevel size);
  // The pages around `at` become one of `size`. kInvalid: they do not map aligned frames that
  // follow one another, all with the same rights.
  Result<void> collapse(VirtAddr at, PageLevel size);
  // Frees tables that map nothing, of those that map addresses in `range` only; or of those that
  // map some of `gone`, which are the only ones to have lost something, and nothing outside of
  // `between`.
  void free_empty_tables(VirtRange range) { free_empty_tables(range, range); }
  void free_empty_tables(VirtRange gone, VirtRange between);
  // The table that maps the leaves of the span of a kPmd entry that `from` lies in becomes that of
  // the span of `to`, which maps nothing; the caller owns both. False: not so here. No flush.
  Result<bool> move_table(VirtAddr from, VirtAddr to);

  [[nodiscard]] std::optional<Translation> walk(VirtAddr at) const;

  // The entry for `at` at `level`, with the tables above it made. kExists: within a larger page.
  Result<EntrySlot> make_slot(VirtAddr at, PageLevel level);
  // The entry for `at`, as TableReader finds it.
  [[nodiscard]] EntrySlot find_slot(VirtAddr at, PageLevel down_to = PageLevel::kPte) const {
    return reader().find(root_, at, down_to);
  }
  // The entry for `at`, as find_slot(), for who owns the range (make_slot).
  [[nodiscard]] EntrySlot own_slot(VirtAddr at) {
    const PageIndex table = recent_.find(format().leaf_table_of(at));
    return table == PageIndex::kNone ? find_and_note(at)
                                     : reader().slot_in(table, PageLevel::kPte, at);
  }
  [[nodiscard]] Entry load(const EntrySlot& slot) const { return load_entry(format(), slot); }
  // Writes an entry and keeps the books; what stood there before. No flush.
  Entry store(const EntrySlot& slot, Entry entry);

  // Calls visit(VirtAddr, EntrySlot, Entry) for each entry in `range` that is not empty and names
  // no table, ascending; a page that sticks out of the range counts as in it.
  template <class Visit>
  void for_each_entry(VirtRange range, Visit visit) const;

 private:
  [[nodiscard]] EntrySlot child(const EntrySlot& slot, Entry entry, VirtAddr at) const {
    return reader().child(slot, entry, at);
  }
  Result<Entry> make_table(const EntrySlot& slot, VirtAddr at);
  [[nodiscard]] PageLevel largest_at(VirtRange rest, const Mapping& mapping) const;
  EntrySlot find_and_note(VirtAddr at);
  template <class Step>
  Result<void> map_by(VirtRange range, Step step);
  Result<VirtAddr> map_step(VirtRange rest, const Mapping& mapping);
  VirtAddr clear_small(const EntrySlot& slot, VirtRange rest);
  Result<VirtAddr> clear_large(const EntrySlot& slot, VirtRange rest);
  Result<void> cut(VirtAddr at);
  Result<void> split_one(VirtAddr at, const EntrySlot& slot, Entry leaf);
  [[nodiscard]] std::optional<Entry> collapsed(const EntrySlot& slot, Entry table) const;
  struct Pruning;
  struct Pruned;
  bool prune(const Pruned& at, Pruning& pruning);
  void free_chain(PageIndex first);
  void free_below(PageIndex table, PageLevel level);
  void count_leaves(VirtAddr at, PageLevel level, std::int64_t change) const;
  // One past the last address that the entry for `at` maps, or the end of `range`.
  [[nodiscard]] VirtAddr end_of(VirtAddr at, PageLevel level, VirtRange range) const {
    const LevelFormat& of = format().at(level);
    const VirtAddr next = at.align_down(of.size()) + of.size();
    return next < at ? range.end : min_of(next, range.end);
  }

  const Parts parts_;
  PageIndex root_ = PageIndex::kNone;
  unsigned first_shared_ = ~0u;
  RecentTables recent_;
};

template <class Visit>
void PageTables::for_each_entry(VirtRange range, Visit visit) const {
  for (VirtAddr at = range.start; at < range.end;) {
    EntrySlot slot = find_slot(at);
    const Bytes step = format().at(slot.level).size();
    const VirtAddr table_end =
        end_of(at, slot.level == format().root() ? slot.level : above(slot.level), range);
    // Entries of the same table follow without another walk, but for those that name a table.
    do {
      const Entry entry = load(slot);
      if (entry.is_table(slot.level)) break;
      if (!entry.empty()) visit(at.align_down(step), slot, entry);
      at = end_of(at, slot.level, range);
      ++slot.index;
    } while (at < table_end);
  }
}

}  // namespace quire
