// A child gets its parent's pages: both map them, and whoever writes first makes a copy.
#include "fault/fork_pinned.hpp"
#include "fault/page_ranges.hpp"
#include "fault/table_runs.hpp"
#include "rmap/rmap.hpp"

namespace quire {
namespace {

// What the child's entry is; the parent's changes to the same where it could be written.
Entry shared_entry(const PagingFormat& format, const Vma& vma, const EntrySlot& parent,
                   Entry entry) {
  const bool copies = !vma.has(VmFlags::kShared);
  if (copies && (entry.raw() & raw(Prot::kWrite)) != 0) {
    entry = Entry{entry.raw() & ~std::uint64_t{raw(Prot::kWrite)}};
    exchange_entry(format, parent, entry);
  }
  // The child has not used it yet, and has written nothing that others should hear of.
  const Prot dropped = copies ? Prot::kAccessed : Prot::kAccessed | Prot::kDirty;
  return Entry{entry.raw() & ~std::uint64_t{raw(dropped)}};
}

class PageCopier {
 public:
  PageCopier(Vma& child, Vma& parent)
      : child_(child),
        parent_(parent),
        format_(parent.mm->tables.format()),
        has_copies_(may_have_pinned(parent)) {}

  // Entries of one table: the child's table is there, and no entry in it.
  void copy(const TableRun& from, const EntrySlot& to) {
    const TableGuard guard(child_.mm->parts.map.at(to.page));
    std::int32_t made = 0;
    for (unsigned i = 0; i < from.count; ++i) {
      const EntrySlot slot = nth(from, i);
      const Entry entry = load_entry(format_, slot);
      if (!entry.present()) continue;
      EntrySlot target = to;
      target.index += i;
      if (has_copies_ && !load_entry(format_, target).empty()) continue;
      share(entry);
      exchange_entry(format_, target, shared_entry(format_, parent_, slot, entry));
      ++made;
    }
    child_.mm->tables.frames().count_entries(to.page, made);
    child_.mm->count_rss(Rss::kAnon, anonymous_);
    child_.mm->count_rss(Rss::kFile, file_);
    child_.mm->count_rss(Rss::kShmem, shmem_);
    anonymous_ = file_ = shmem_ = 0;
  }

 private:
  void share(Entry entry) {
    const Pfn frame = format_.frame_of(PageLevel::kPte, entry);
    if (frame == child_.mm->parts.zero_page) return;
    Page& page = *child_.mm->parts.map.page_of(frame);
    if (is_anonymous(page)) {
      if (has_flag(page, PageFlag::kAnonExclusive)) clear_flag(page, PageFlag::kAnonExclusive);
      ++anonymous_;
    } else {
      ++(has_flag(page, PageFlag::kSwapBacked) ? shmem_ : file_);
    }
    share_mapping(page);
  }

  Vma& child_;
  Vma& parent_;
  const PagingFormat& format_;
  const bool has_copies_;  // the child has entries already: copies of pinned pages
  std::int64_t anonymous_ = 0, file_ = 0, shmem_ = 0;
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
                   [&](const TableRun& run) { copier.copy(run, slot); });
    }
    at = next;
  }
  return {};
}

}  // namespace quire
