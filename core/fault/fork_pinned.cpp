#include "fault/fork_pinned.hpp"

#include "rmap/rmap.hpp"

namespace quire {
namespace {

// The page at `slot` with a reference, if it is this process's own and may be pinned.
Page* pinned_at(Mm& mm, const EntrySlot& slot) {
  const TableGuard guard(mm.parts.map.at(slot.page));
  const Entry entry = mm.tables.load(slot);
  if (!entry.present()) return nullptr;
  const Pfn frame = mm.tables.format().frame_of(PageLevel::kPte, entry);
  if (frame == mm.parts.zero_page) return nullptr;
  Page& page = *mm.parts.map.page_of(frame);
  if (!has_flag(page, PageFlag::kAnonExclusive) || !may_be_pinned(page)) return nullptr;
  get_page(page);
  return &page;
}

Result<void> map_copy(Vma& child, VirtAddr at, const Page& page) {
  Mm& mm = *child.mm;
  QUIRE_TRY_ASSIGN(slot, mm.tables.make_slot(at, PageLevel::kPte));
  Page* const copy = mm.parts.pages.allocate_page(Gfp::kHighUserMovable, Arch::current()->node);
  if (copy == nullptr) return Errno::kNoMemory;
  if (mm.parts.keep_content)
    Arch::copy_page(mm.parts.map.content_of(*copy), mm.parts.map.content_of(page));
  const Prot writable = child.has(VmFlags::kWrite) ? Prot::kWrite : Prot::kNone;
  const Entry entry = mm.tables.format().leaf_entry(
      PageLevel::kPte, mm.parts.map.pfn_of(*copy), child.prot | Prot::kDirty | writable);
  {
    const TableGuard guard(mm.parts.map.at(slot.page));
    add_new_anonymous(*copy, child, at);
    mm.parts.lru.add(*copy);  // before its entry, by which a truncation may take it away
    mm.tables.store(slot, entry);
  }
  return {};
}

}  // namespace

bool may_have_pinned(const Vma& vma) {
  return vma.anon_vma != nullptr && vma.mm->has_pinned.load(std::memory_order_relaxed);
}

Result<void> copy_pinned_pages(Vma& child, Vma& parent) {
  Mm& mm = *parent.mm;
  Result<void> result{};
  mm.tables.for_each_entry(parent.range, [&](VirtAddr at, const EntrySlot& slot, Entry) {
    if (!result.has_value()) return;
    Page* const page = pinned_at(mm, slot);
    if (page == nullptr) return;
    result = map_copy(child, at, *page);
    mm.parts.lru.put(*page);
  });
  return result;
}

}  // namespace quire
