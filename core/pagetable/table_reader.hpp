// Walking page tables of any format, as a processor does: from the frame of their root.
//
// Locking  None: entries are read whole, and tables are freed only where nobody can be.
#pragma once

#include "base/base.hpp"
#include "pagetable/entry_access.hpp"
#include "pagetable/format.hpp"
#include "pagetable/table_frames.hpp"

namespace quire {

// One page of some size, and what may be done with it.
struct Translation {
  VirtAddr start;
  Pfn frame;  // the first
  PageLevel size{};
  Prot prot{};

  [[nodiscard]] Pfn frame_of(VirtAddr at) const { return frame + whole_pages(at - start); }
};

struct TableReader {
  const PagingFormat& format;
  const TableFrames& frames;

  // The entry for `at`: of `down_to` or, where no table leads so far down, of a higher level.
  [[nodiscard]] EntrySlot find(PageIndex root, VirtAddr at,
                               PageLevel down_to = PageLevel::kPte) const {
    EntrySlot slot = slot_in(root, format.root(), at);
    while (slot.level > down_to) {
      const Entry entry = load_entry(format, slot);
      if (!entry.is_table(slot.level)) break;
      slot = child(slot, entry, at);
    }
    return slot;
  }
  // The slot for `at` in the table that `entry`, which stands in `slot`, names.
  [[nodiscard]] EntrySlot child(const EntrySlot& slot, Entry entry, VirtAddr at) const {
    return slot_in(frames.at(format.table_of(entry)), below(slot.level), at);
  }
  // The slot for `at` in the table `page`.
  [[nodiscard]] EntrySlot slot_in(PageIndex page, PageLevel level, VirtAddr at) const {
    return {frames.content(page), format.at(level).index(at), level, page};
  }
};

class PageTables;
// Tables below the root that are its own (VmPTE). Its owner keeps them from being freed meanwhile.
std::uint64_t table_count(const PageTables& tables);

}  // namespace quire
