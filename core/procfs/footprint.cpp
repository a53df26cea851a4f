#include "procfs/footprint.hpp"

#include "rmap/rmap.hpp"

namespace quire {

void Footprint::add(const Vma& vma) {
  const Mm& mm = *vma.mm;
  const PagingFormat& format = mm.tables.format();
  mm.tables.for_each_entry(vma.range, [&](VirtAddr, const EntrySlot& slot, Entry entry) {
    if (!entry.present()) {
      swapped_ += PageCount{1};
      return;
    }
    const Pfn frame = format.frame_of(slot.level, entry);
    const Page* const page = frame == mm.parts.zero_page ? nullptr : mm.parts.map.page_of(frame);
    if (page != nullptr) add_page(vma, *page, format.prot_of(entry));
  });
}

void Footprint::add_page(const Vma& vma, const Page& page, Prot prot) {
  constexpr PageCount kOne{1};
  const bool anonymous = is_anonymous(page);
  const bool swap_backed = has_flag(page, PageFlag::kSwapBacked);
  const bool dirty = any(prot & Prot::kDirty) || has_flag(page, PageFlag::kDirty);
  const auto mappings = static_cast<std::uint64_t>(max_of(mapcount(page), 1));
  resident_ += kOne;
  if (any(prot & Prot::kAccessed) || has_flag(page, PageFlag::kReferenced)) referenced_ += kOne;
  if (anonymous) anonymous_ += kOne;
  if (anonymous && !swap_backed && !dirty) lazy_free_ += kOne;
  if (mappings > 1)
    (dirty ? shared_dirty_ : shared_clean_) += kOne;
  else
    (dirty ? private_dirty_ : private_clean_) += kOne;
  all_.add(mappings);
  if (dirty) dirty_.add(mappings);
  (anonymous ? anon_ : swap_backed ? shmem_ : file_).add(mappings);
  if (vma.has(VmFlags::kLocked)) locked_.add(mappings);
}

// There are no huge pages; swapped pages are nobody else's.
void Footprint::show(MeminfoRows& rows, bool rolled_up) const {
  rows.pages("Rss", resident_.raw());
  rows.kib("Pss", all_.kib());
  rows.kib("Pss_Dirty", dirty_.kib());
  if (rolled_up) {
    rows.kib("Pss_Anon", anon_.kib());
    rows.kib("Pss_File", file_.kib());
    rows.kib("Pss_Shmem", shmem_.kib());
  }
  rows.pages("Shared_Clean", shared_clean_.raw());
  rows.pages("Shared_Dirty", shared_dirty_.raw());
  rows.pages("Private_Clean", private_clean_.raw());
  rows.pages("Private_Dirty", private_dirty_.raw());
  rows.pages("Referenced", referenced_.raw());
  rows.pages("Anonymous", anonymous_.raw());
  rows.pages("LazyFree", lazy_free_.raw());
  for (const std::string_view name : {"AnonHugePages", "ShmemPmdMapped", "FilePmdMapped",
                                      "Shared_Hugetlb", "Private_Hugetlb"})
    rows.kib(name, 0);
  rows.pages("Swap", swapped_.raw());
  rows.pages("SwapPss", swapped_.raw());
  rows.kib("Locked", locked_.kib());
}

}  // namespace quire
