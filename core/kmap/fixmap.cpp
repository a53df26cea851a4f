#include "kmap/fixmap.hpp"

namespace quire {

Result<void> Fixmap::set(FixedSlot slot, Pfn frame, Prot prot) {
  if (!has(slot)) return Errno::kInvalid;
  QUIRE_TRY_ASSIGN(entry, tables_.make_slot(address_of(slot), PageLevel::kPte));
  const Entry leaf = tables_.format().leaf_entry(PageLevel::kPte, frame, prot);
  const Entry before = tables_.store(entry, leaf);
  if (!before.empty()) tables_.flush({address_of(slot), address_of(slot) + kPageSize});
  return {};
}

void Fixmap::clear(FixedSlot slot) {
  if (!has(slot)) return;
  const EntrySlot entry = tables_.find_slot(address_of(slot));
  if (entry.level != PageLevel::kPte || tables_.store(entry, {}).empty()) return;
  tables_.flush({address_of(slot), address_of(slot) + kPageSize});
}

}  // namespace quire
