#include "pagetable/tlb_walker.hpp"

#include <array>

namespace quire {
namespace {

constexpr Prot kRights = Prot::kWrite | Prot::kUser;

// What the four bits of Prot that decide it allow, in the order of allowed().
constexpr std::array<AccessSet, 16> kAllowed = [] {
  std::array<AccessSet, 16> all{};
  for (unsigned bits = 0; bits < 8; ++bits)  // with kNoAccess nothing
    all[bits] = AccessSet::of(
        {.write = (bits & 1) != 0, .user = (bits & 2) != 0, .execute = (bits & 4) == 0});
  return all;
}();

AccessSet allowed(Prot prot) {
  static_assert(kRights == static_cast<Prot>(3u << 1));
  static_assert((Prot::kNoExecute | Prot::kNoAccess) == static_cast<Prot>(3u << 12));
  return kAllowed.data()[(raw(prot) >> 1 & 3) | (raw(prot) >> 12 & 3) << 2];
}

// Sets `bits` in an entry that is still the one that was read.
Entry mark(const PagingFormat& format, const EntrySlot& slot, Entry entry, Prot bits) {
  const Entry marked{entry.raw() | raw(bits)};
  if (marked == entry) return entry;
  return replace_entry(format, slot, entry, marked) ? marked : entry;
}

}  // namespace

// Calls touch(slot, entry, rights so far) for each entry that names a table.
template <class Touch>
std::optional<PagingWalker::Found> PagingWalker::descend(Pfn root, VirtAddr address,
                                                         Touch touch) const {
  if (!format_.is_address(address)) return std::nullopt;
  TableMemo above{.rights = kRights};
  Pfn table = root;
  for (PageLevel level = format_.root();; level = below(level)) {
    const LevelFormat& of = format_.at(level);
    const EntrySlot slot{content(table), of.index(address), level, PageIndex::kNone};
    const Entry entry = load_entry(format_, slot);
    if (entry.is_leaf(level)) return leaf_in(slot, entry, above);
    if (!entry.is_table(level)) return std::nullopt;
    // The root of three levels has no room for rights.
    if ((of.table_bits & raw(kRights)) != 0)
      above.rights = above.rights & static_cast<Prot>(entry.raw() & raw(kRights));
    if (format_.no_execute != 0 && (entry.raw() & format_.no_execute) != 0)
      above.denied = Prot::kNoExecute;
    table = format_.frame_of(level, entry);
    touch(slot, entry, above);
  }
}

PagingWalker::Found PagingWalker::leaf_in(const EntrySlot& slot, Entry entry,
                                          const TableMemo& above) const {
  const Prot own = format_.prot_of(entry);
  return {slot, entry, (own & ~kRights) | (own & above.rights) | above.denied};
}

CachedTranslation PagingWalker::translation_of(const Found& found) const {
  const PageLevel level = found.slot.level;
  return {format_.frame_of(level, found.entry), format_.at(level).shift,
          any(found.prot & Prot::kGlobal), any(found.prot & Prot::kDirty), allowed(found.prot)};
}

std::optional<CachedTranslation> PagingWalker::look(Pfn root, VirtAddr address) const {
  const auto found = descend(root, address, [](const EntrySlot&, Entry, const TableMemo&) {});
  if (!found.has_value()) return std::nullopt;
  return translation_of(*found);
}

[[gnu::flatten]] std::optional<CachedTranslation> PagingWalker::walk(Pfn root, VirtAddr address,
                                                                    Access access,
                                                                    TableMemo& memo) {
  auto found = memo.table != nullptr ? leaf_below(memo, address) : descend_to(root, address, memo);
  if (!found.has_value()) return std::nullopt;
  // What is not allowed was not done: the entry stays as it is.
  if (!allowed(found->prot).has(access)) return translation_of(*found);
  const Prot bits = Prot::kAccessed | (is_write(access) ? Prot::kDirty : Prot::kNone);
  const Entry marked = mark(format_, found->slot, found->entry, bits);
  // Changed under the CPU's eyes: it walks again.
  if ((marked.raw() | raw(bits)) != (found->entry.raw() | raw(bits))) [[unlikely]]
    return walk(root, address, access, memo);
  found->prot = found->prot | (bits & Prot::kDirty);
  return translation_of(*found);
}

std::optional<PagingWalker::Found> PagingWalker::leaf_below(const TableMemo& memo,
                                                            VirtAddr address) const {
  constexpr PageLevel kLevel = PageLevel::kPte;
  const EntrySlot slot{memo.table, format_.at(kLevel).index(address), kLevel, PageIndex::kNone};
  const Entry entry = load_entry(format_, slot);
  if (!entry.is_leaf(kLevel)) return std::nullopt;
  return leaf_in(slot, entry, memo);
}

// From the root, leaving marks; remembers a table of 4 KiB leaves.
std::optional<PagingWalker::Found> PagingWalker::descend_to(Pfn root, VirtAddr address,
                                                            TableMemo& memo) {
  return descend(root, address, [&](const EntrySlot& slot, Entry entry, const TableMemo& above) {
    if ((format_.at(slot.level).table_bits & raw(Prot::kAccessed)) != 0)
      mark(format_, slot, entry, Prot::kAccessed);
    if (slot.level != PageLevel::kPmd) return;
    memo.table = content(format_.frame_of(slot.level, entry));
    memo.rights = above.rights;
    memo.denied = above.denied;
  });
}

std::byte* PagingWalker::content(Pfn frame) const {
  if (!map_.has_section(section_of(frame))) return nullptr;
  return map_.frames().content(map_.index_of(frame));
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
