// A child gets its parent's pages: both map them, and whoever writes first makes a copy.
#include "fault/fork_pinned.hpp"
#include "fault/page_ranges.hpp"
#include "fault/table_runs.hpp"
#include "rmap/rmap.hpp"

namespace quire {
namespace {

class PageCopier {
 public:
  PageCopier(Vma& child, Vma& parent)
      : child_(*child.mm),
        format_(child_.tables.format()),
        private_(!parent.has(VmFlags::kShared)),
        has_copies_(may_have_pinned(parent)),
        dropped_(raw(Prot::kAccessed) | (private_ ? raw(Prot::kNone) : raw(Prot::kDirty))),
        pages_(child_.parts.map) {}

  // Entries of one table: the child's table is there, and no entry in it.
  template <class Word>
  void copy(const TableRun<Word>& from, const EntrySlot& slot) {
    const TableRun<Word> to = run_at<Word>(slot, from.start, from.count);
    const TableGuard guard(child_.parts.map.at(slot.page));
    MappingCounts counts(child_);
    std::int32_t made = 0;
    for (unsigned i = 0; i < from.count; ++i) {
      Entry entry = from.load(i);
      if (!entry.present()) continue;
      if (has_copies_ && !to.load(i).empty()) continue;
      share(entry, counts);
      if (private_ && (entry.raw() & raw(Prot::kWrite)) != 0) {
        entry = Entry{entry.raw() & ~std::uint64_t{raw(Prot::kWrite)}};
        from.exchange(i, entry);
      }
      // The child has not used it yet, and has written nothing that others should hear of.
      to.fill(i, Entry{entry.raw() & ~dropped_});
      ++made;
    }
    child_.tables.frames().count_entries(slot.page, made);
  }

 private:
  void share(Entry entry, MappingCounts& counts) {
    const Pfn frame = frame_of(format_, entry);
    if (frame == child_.parts.zero_page) return;
    Page& page = pages_.page_of(frame);
    if (page.word_racy().has(PageFlag::kAnonExclusive)) clear_flag(page, PageFlag::kAnonExclusive);
    counts.share(page);
  }

  Mm& child_;
  const PagingFormat& format_;
  const bool private_;
  const bool has_copies_;        // the child has entries already: copies of pinned pages
  const std::uint64_t dropped_;  // bits that a child's entries do not get
  PageFinder pages_;
};

// Tables of the parent that map something, since what is only reached through a fault need not be
// copied.
bool worth_copying(const Vma& vma) {
  return vma.anon_vma != nullptr || vma.has(VmFlags::kPfnMap | VmFlags::kMixedMap);
}

}  // namespace

Result<void> copy_pages(Vma& child, Vma& parent) {
  if (!worth_copying(parent)) return {};
  if (may_have_pinned(parent)) QUIRE_TRY(copy_pinned_pages(child, parent));
  PageCopier copier(child, parent);
  // The child's tables first: none can be made while the parent's are locked.
  const PagingFormat& format = parent.mm->tables.format();
  const Bytes span = format.at(PageLevel::kPmd).size();
  for (VirtAddr at = parent.start(); at < parent.end();) {
    const VirtAddr next = min_of(at.align_down(span) + span, parent.end());
    const EntrySlot there = parent.mm->tables.find_slot(at);
    if (there.level == PageLevel::kPte) {
      QUIRE_TRY_ASSIGN(slot, child.mm->tables.make_slot(at, PageLevel::kPte));
      for_each_run(*parent.mm, {at, next},
                   [&](const auto& run) { copier.copy(run, slot); });
    }
    at = next;
  }
  return {};
}

}  // namespace quire
