// The kernel's own page tables: swapper_pg_dir and what boot puts into it, the tables that CPUs
// start with, and the half of every process's tables that is the kernel's.
//
//   kernel image   at __START_KERNEL_map (level3_kernel_pgt and on, behind level4_kernel_pgt with
//                  five levels): the whole range at first, then what is outside the image cleared
//   identity       level4_ident_pgt: the first GiB at its own addresses, for CPUs that come up
//   direct map     all RAM (32 bits: low memory) at PAGE_OFFSET, step by step as BootPlan has it;
//                  what lies above low memory is cleared then
//   fixmap, kmap   their tables, empty
//
// Ownership   Tables at boot lie in frames that the boot plan has reserved, and stay.
// Locking     lock_ guards who shares the kernel's half. boot() runs on one CPU. The rest as
//             PageTables; who changes the direct map's protection owns what it maps.
// Errors      kNoMemory; boot() also when the plan has fewer frames than the tables need.
#pragma once

#include "base/base.hpp"
#include "boot/boot.hpp"
#include "host/host.hpp"
#include "memmap/memmap.hpp"
#include "pagetable/address_space.hpp"
#include "pagetable/page_tables.hpp"
#include "pagetable/table_frames.hpp"

namespace quire {

// Tables of a process that share the kernel's half (a link of Linux's pgd_list).
struct KernelSharer {
  explicit KernelSharer(PageTables& of) : tables(of) {}
  PageTables& tables;
  KernelSharer* next = nullptr;
  KernelSharer* previous = nullptr;
};

class KernelTables final : public FlushSink {
 public:
  // `direct` will count the pages of the direct map.
  KernelTables(const AddressSpace& space, MemoryMap& map, LeafCounts& direct);

  Result<void> boot(const BootPlan& plan);
  // The kernel has started: its code can be executed and not written, its read-only data neither,
  // and the rest of what its image lies in not executed (mark_rodata_ro).
  Result<void> protect_image(PhysRange image, std::span<const KernelRange> parts);
  // From now on tables lie in pages of the allocator.
  void attach(PageAllocator& pages) { frames_.attach(pages); }
  // Who caches translations; none: nobody does.
  void set_flush_sink(FlushSink& sink) { sink_ = &sink; }

  [[nodiscard]] const AddressSpace& space() const { return space_; }
  [[nodiscard]] PageTables& tables() { return tables_; }
  [[nodiscard]] const PageTables& tables() const { return tables_; }
  [[nodiscard]] const PageTables& identity() const { return identity_; }
  [[nodiscard]] TableFrames& frames() { return frames_; }
  [[nodiscard]] const LeafCounts& direct() const { return direct_; }

  // RAM that comes and goes while running.
  Result<void> map_direct(PfnRange frames);
  Result<void> unmap_direct(PfnRange frames);

  // `sharer` stays until leave(); its tables have a root and nothing in the kernel's half.
  void share_with(KernelSharer& sharer) QUIRE_EXCLUDES(lock_);
  void leave(KernelSharer& sharer) QUIRE_EXCLUDES(lock_);

  template <class Visit>
  void for_each_sharer(Visit visit) QUIRE_EXCLUDES(lock_) {
    const SpinGuard guard(lock_);
    for (KernelSharer* sharer = sharers_; sharer != nullptr; sharer = sharer->next)
      visit(sharer->tables);
  }

  // FlushSink, for the kernel's and for processes' tables.
  void flush(const Gone& gone) override;
  // A new entry of the kernel's root is put into every root (sync_global_pgds).
  void root_changed(const PageTables& tables, VirtAddr at) override;

 private:
  [[nodiscard]] bool narrow() const { return space_.format->address_bits == 32; }
  Result<void> map_kernel_image(PhysRange image);
  [[nodiscard]] VirtRange image_addresses(PhysRange image, Bytes unit) const;
  Result<void> map_first_table();
  Result<void> map_identity();
  Result<void> make_tables_of(VirtRange range);
  Result<void> map_piece(const DirectMapPiece& piece, PhysRange image);
  Result<VirtAddr> map_step(VirtRange rest, const PageTables::Mapping& mapping);
  Result<void> clear_above_low_memory();

  const AddressSpace space_;
  LeafCounts& direct_;
  TableFrames frames_;
  FlushSink* sink_ = nullptr;
  PageTables tables_;
  PageTables identity_;
  KernelSharer identity_sharer_;
  PageLevel largest_ = PageLevel::kPmd;  // of the direct map's pages
  SpinLock lock_{LockRank::kPageTable};
  KernelSharer* sharers_ QUIRE_GUARDED_BY(lock_) = nullptr;
};

}  // namespace quire
