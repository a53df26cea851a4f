#include "pagetable/kernel_tables.hpp"

namespace quire {
namespace {

constexpr PageLevel largest_of(DirectPage page) {
  switch (page) {
    case DirectPage::kSmall:
      return PageLevel::kPte;
    case DirectPage::kLarge:
      return PageLevel::kPmd;
    case DirectPage::kGib:
      break;
  }
  return PageLevel::kPud;
}

constexpr VirtRange around(VirtRange range, Bytes unit) {
  return {range.start.align_down(unit), range.end.align_up(unit)};
}

}  // namespace

KernelTables::KernelTables(const AddressSpace& space, MemoryMap& map, LeafCounts& direct)
    : space_(space),
      direct_(direct),
      frames_(map),
      tables_({*space_.format, frames_, *this, false, &direct}),
      identity_({*space_.format, frames_, *this}),
      identity_sharer_(identity_) {
  direct.format = space.format;
  direct.range = space.direct;
}

Result<void> KernelTables::boot(const BootPlan& plan) {
  const std::span<const Pfn> image_tables = plan.image_tables();
  const std::span<const Pfn> buffer = image_tables.first(DirectMap::kBufferTables);
  frames_.set_early({image_tables.subspan(DirectMap::kBufferTables), {}});
  QUIRE_TRY(tables_.make_root());
  if (narrow())
    QUIRE_TRY(map_first_table());
  else
    QUIRE_TRY(map_kernel_image(plan.kernel_image()));
  QUIRE_TRY(make_tables_of(space_.fixmap));
  if (!space_.persistent_kmap.empty()) QUIRE_TRY(make_tables_of(space_.persistent_kmap));
  QUIRE_TRY(map_identity());

  frames_.set_early({plan.direct_map().tables, buffer});
  if (plan.direct_map().gib_pages) largest_ = PageLevel::kPud;
  for (const DirectMapPiece& piece : plan.direct_map().pieces)
    QUIRE_TRY(map_piece(piece, plan.kernel_image()));
  if (narrow()) QUIRE_TRY(clear_above_low_memory());
  share_with(identity_sharer_);
  return {};
}

// All that the image's range could hold, then nothing but the image (cleanup_highmap).
Result<void> KernelTables::map_kernel_image(PhysRange image) {
  const VirtRange all = space_.kernel_text;
  QUIRE_TRY(tables_.map(all, {Pfn{0}, Prot::kKernelExec, PageLevel::kPmd}));
  const VirtRange kept = image_addresses(image, space_.format->at(PageLevel::kPmd).size());
  if (kept.empty()) return tables_.clear(all);
  if (kept.start != all.start) QUIRE_TRY(tables_.clear({all.start, kept.start}));
  if (kept.end != all.end) QUIRE_TRY(tables_.clear({kept.end, all.end}));
  return {};
}

// Where the image, or a part of it, is mapped, rounded out to whole units.
VirtRange KernelTables::image_addresses(PhysRange image, Bytes unit) const {
  const VirtRange all = space_.kernel_text;
  const VirtAddr start = all.start + (image.start - PhysAddr{0});
  return around({start, start + image.length()}, unit).intersect(all);
}

Result<void> KernelTables::protect_image(PhysRange image, std::span<const KernelRange> parts) {
  const VirtRange all = image_addresses(image, space_.format->at(PageLevel::kPmd).size());
  if (all.empty()) return {};
  QUIRE_TRY(tables_.protect(all, {.set = Prot::kNoExecute}));
  for (const KernelRange& part : parts) {
    const bool code = part.name == "Kernel code";
    const VirtRange range = image_addresses(part.range, kPageSize);
    if ((!code && part.name != "Kernel rodata") || range.empty()) continue;
    QUIRE_TRY(tables_.protect(range, {.clear = code ? Prot::kWrite | Prot::kNoExecute
                                                    : Prot::kWrite}));
  }
  return {};
}

// With 32 bits the kernel starts on small pages from PAGE_OFFSET on, whether or not there is RAM.
Result<void> KernelTables::map_first_table() {
  const Bytes reach = space_.format->at(PageLevel::kPmd).size();
  return tables_.map({space_.page_offset(), space_.page_offset() + reach},
                     {Pfn{0}, Prot::kKernelExec});
}

Result<void> KernelTables::map_identity() {
  QUIRE_TRY(identity_.make_root());
  return identity_.map({VirtAddr{0}, VirtAddr{0} + gib(1)},
                       {Pfn{0}, Prot::kKernelExec, PageLevel::kPmd});
}

Result<void> KernelTables::make_tables_of(VirtRange range) {
  const Bytes reach = space_.format->at(PageLevel::kPmd).size();
  for (VirtAddr at = range.start.align_down(reach); at < range.end; at += reach)
    QUIRE_TRY(tables_.make_slot(at, PageLevel::kPte));
  return {};
}

// Large pages may reach over the ends of their piece; what is there already stays.
Result<void> KernelTables::map_piece(const DirectMapPiece& piece, PhysRange image) {
  const VirtRange range = space_.direct_range(piece.range);
  const PageLevel largest = largest_of(piece.page);
  for (VirtAddr at = range.start; at < range.end;) {
    const PhysAddr from = PhysAddr{0} + (at - space_.page_offset());
    const Bytes page = space_.format->at(largest).size();
    VirtAddr end = range.end;
    Prot prot = Prot::kKernel;
    if (narrow()) {
      // The kernel runs here: pages with any of its image in them may be executed.
      end = min_of(end, at.align_down(page) + page);
      const PhysRange whole{from.align_down(page), from.align_down(page) + page};
      if (!whole.intersect(image).empty()) prot = Prot::kKernelExec;
    }
    QUIRE_TRY_ASSIGN(next, map_step({at, end}, {pfn_down(from), prot, largest}));
    at = next;
  }
  return {};
}

// Maps the first of `rest`, as many entries of a table as are empty, by as large pages as are
// allowed and as the tables there let it.
Result<VirtAddr> KernelTables::map_step(VirtRange rest, const PageTables::Mapping& mapping) {
  EntrySlot slot = tables_.find_slot(rest.start);
  while (slot.level > mapping.largest && tables_.load(slot).empty()) {
    QUIRE_TRY_ASSIGN(lower, tables_.make_slot(rest.start, below(slot.level)));
    slot = lower;
  }
  const LevelFormat& of = space_.format->at(slot.level);
  const VirtAddr start = rest.start.align_down(of.size());
  const Pfn frame = mapping.first.align_down(of.pages());
  // Small pages of the first table, which the kernel started on, are mapped anew.
  if (slot.level == PageLevel::kPte && !tables_.load(slot).empty())
    QUIRE_TRY(tables_.clear({start, start + of.size()}));
  VirtAddr end = start;
  for (; slot.index < of.entries() && end < rest.end && tables_.load(slot).empty(); ++slot.index)
    end += of.size();
  if (end == start) return min_of(start + of.size(), rest.end);
  QUIRE_TRY(tables_.map({start, end}, {frame, mapping.prot, slot.level}));
  return min_of(end, rest.end);
}

Result<void> KernelTables::clear_above_low_memory() {
  const VirtAddr end = space_.direct.end;
  const VirtAddr last = end.align_up(space_.format->at(PageLevel::kPmd).size());
  return end < last ? tables_.clear({end, last}) : Result<void>{};
}

Result<void> KernelTables::map_direct(PfnRange frames) {
  const VirtRange range = space_.direct_range({address_of(frames.start), address_of(frames.end)});
  return tables_.map(range, {frames.start, Prot::kKernel, largest_});
}

Result<void> KernelTables::unmap_direct(PfnRange frames) {
  const VirtRange range = space_.direct_range({address_of(frames.start), address_of(frames.end)});
  QUIRE_TRY(tables_.unmap(range));
  tables_.free_empty_tables(range);
  return {};
}

void KernelTables::share_with(KernelSharer& sharer) {
  const SpinGuard guard(lock_);
  sharer.tables.share(tables_, space_.kernel_start());
  sharer.next = sharers_;
  sharer.previous = nullptr;
  if (sharers_ != nullptr) sharers_->previous = &sharer;
  sharers_ = &sharer;
}

void KernelTables::leave(KernelSharer& sharer) {
  const SpinGuard guard(lock_);
  if (sharer.next != nullptr) sharer.next->previous = sharer.previous;
  (sharer.previous == nullptr ? sharers_ : sharer.previous->next) = sharer.next;
}

void KernelTables::flush(const Gone& gone) {
  if (sink_ != nullptr) sink_->flush(gone);
}

void KernelTables::root_changed(const PageTables& tables, VirtAddr at) {
  if (&tables != &tables_ || at < space_.kernel_start()) return;
  for_each_sharer([&](PageTables& sharer) { sharer.share_entry(tables_, at); });
}

}  // namespace quire
