#include "pagetable/tlb_walker.hpp"

namespace quire {
namespace {

constexpr Prot kRights = Prot::kWrite | Prot::kUser;

AccessSet allowed(Prot prot) {
  if (any(prot & Prot::kNoAccess)) return {};
  return AccessSet::of({.write = any(prot & Prot::kWrite),
                        .user = any(prot & Prot::kUser),
                        .execute = !any(prot & Prot::kNoExecute)});
}

// Sets `bits` in an entry that is still the one that was read.
Entry mark(const PagingFormat& format, const EntrySlot& slot, Entry entry, Prot bits) {
  const Entry marked{entry.raw() | raw(bits)};
  if (marked == entry) return entry;
  return replace_entry(format, slot, entry, marked) ? marked : entry;
}

}  // namespace

// Calls touch(slot, entry) for each entry that names a table.
template <class Touch>
std::optional<PagingWalker::Found> PagingWalker::descend(Pfn root, VirtAddr address,
                                                         Touch touch) const {
  if (!format_.is_address(address)) return std::nullopt;
  Prot rights = kRights;
  Prot denied{};
  Pfn table = root;
  for (PageLevel level = format_.root();; level = below(level)) {
    const LevelFormat& of = format_.at(level);
    const EntrySlot slot{content(table), of.index(address), level, PageIndex::kNone};
    const Entry entry = load_entry(format_, slot);
    if (entry.is_leaf(level)) {
      const Prot own = format_.prot_of(entry);
      return Found{slot, entry, (own & ~kRights) | (own & rights) | denied};
    }
    if (!entry.is_table(level)) return std::nullopt;
    // The root of three levels has no room for rights.
    if ((of.table_bits & raw(kRights)) != 0)
      rights = rights & static_cast<Prot>(entry.raw() & raw(kRights));
    if (format_.no_execute != 0 && (entry.raw() & format_.no_execute) != 0)
      denied = Prot::kNoExecute;
    touch(slot, entry);
    table = format_.frame_of(level, entry);
  }
}

CachedTranslation PagingWalker::translation_of(const Found& found) const {
  const PageLevel level = found.slot.level;
  return {format_.frame_of(level, found.entry), format_.at(level).shift,
          any(found.prot & Prot::kGlobal), any(found.prot & Prot::kDirty), allowed(found.prot)};
}

std::optional<CachedTranslation> PagingWalker::look(Pfn root, VirtAddr address) const {
  const auto found = descend(root, address, [](const EntrySlot&, Entry) {});
  if (!found.has_value()) return std::nullopt;
  return translation_of(*found);
}

std::optional<CachedTranslation> PagingWalker::walk(Pfn root, VirtAddr address, Access access) {
  auto found = descend(root, address, [this](const EntrySlot& slot, Entry entry) {
    if ((format_.at(slot.level).table_bits & raw(Prot::kAccessed)) != 0)
      mark(format_, slot, entry, Prot::kAccessed);
  });
  if (!found.has_value()) return std::nullopt;
  // What is not allowed was not done: the entry stays as it is.
  if (!allowed(found->prot).has(access)) return translation_of(*found);
  const Prot bits = Prot::kAccessed | (is_write(access) ? Prot::kDirty : Prot::kNone);
  const Entry marked = mark(format_, found->slot, found->entry, bits);
  // Changed under the CPU's eyes: it walks again.
  if ((marked.raw() | raw(bits)) != (found->entry.raw() | raw(bits)))
    return walk(root, address, access);
  found->prot = found->prot | (bits & Prot::kDirty);
  return translation_of(*found);
}

std::byte* PagingWalker::content(Pfn frame) const {
  const Page* const page = map_.page_of(frame);
  return page == nullptr ? nullptr : map_.content_of(*page);
}

void KernelFlushSink::flush(const Gone& gone) {
  // Freed tables may be cached as such, for whatever address they mapped; and who caches a
  // program's tables under which number is not known here.
  if (gone.tables_too || gone.tables.is_user())
    tlb_.flush_all();
  else
    tlb_.flush_kernel_range(gone.range);
}

void MmFlushSink::flush(const Gone& gone) {
  tlb_.flush_range(mm_, {.range = gone.range,
                         .stride_shift = gone.tables.format().at(gone.stride).shift,
                         .freed_tables = gone.tables_too});
}

}  // namespace quire
