// The walk that a CPU does on a TLB miss, over tables of any format in the machine's own RAM, and
// how changes of tables reach the CPUs' caches.
//
// Locking  None: entries are read whole, and bits are set where the entry still is what was read.
// Cost     An access to memory a level; one where the table of leaves is remembered.
#pragma once

#include "base/base.hpp"
#include "memmap/memmap.hpp"
#include "pagetable/entry_access.hpp"
#include "pagetable/format.hpp"
#include "pagetable/page_tables.hpp"
#include "pagetable/tlb.hpp"
#include "pagetable/tlb_translation.hpp"

namespace quire {

class PagingWalker final : public TableWalker {
 public:
  PagingWalker(const PagingFormat& format, const MemoryMap& map) : format_(format), map_(map) {}

  std::optional<CachedTranslation> walk(Pfn root, VirtAddr address, Access access,
                                        TableMemo& memo) override;
  [[nodiscard]] std::optional<CachedTranslation> look(Pfn root, VirtAddr address) const override;
  [[nodiscard]] std::byte* content(Pfn frame) const override;

 private:
  // The entry that ends the way down, and what all levels together allow.
  struct Found {
    EntrySlot slot;
    Entry entry;
    Prot prot{};
  };
  template <class Touch>
  std::optional<Found> descend(Pfn root, VirtAddr address, Touch touch) const;
  [[nodiscard]] Found leaf_in(const EntrySlot& slot, Entry entry, const TableMemo& above) const;
  [[nodiscard]] std::optional<Found> leaf_below(const TableMemo& memo, VirtAddr address) const;
  std::optional<Found> descend_to(Pfn root, VirtAddr address, TableMemo& memo);
  [[nodiscard]] CachedTranslation translation_of(const Found& found) const;

  const PagingFormat& format_;
  const MemoryMap& map_;
};

// The kernel's half is cached by every CPU.
class KernelFlushSink final : public FlushSink {
 public:
  explicit KernelFlushSink(Tlb& tlb) : tlb_(tlb) {}
  void flush(const Gone& gone) override;
  void root_changed(const PageTables&, VirtAddr) override {}

 private:
  Tlb& tlb_;
};

// A program's tables: flushed on the CPUs that have them loaded.
class MmFlushSink final : public FlushSink {
 public:
  MmFlushSink(Tlb& tlb, TlbMm& mm) : tlb_(tlb), mm_(mm) {}
  void flush(const Gone& gone) override;
  void root_changed(const PageTables&, VirtAddr) override {}

 private:
  Tlb& tlb_;
  TlbMm& mm_;
};

}  // namespace quire
