// Memory in one piece of kernel addresses over scattered pages: vmalloc(), vmap() and the rest.
//
// Each area ends with a guard page that is never mapped, so that who runs over the end faults.
// Freeing unmaps the pages at once and gives them back, but keeps the addresses until there are so
// many that one flush of all CPUs' TLBs pays (lazy_max_pages).
//
// Units       Sizes in bytes, rounded up to whole pages; the guard comes on top.
// Ownership   An area belongs to whoever got its address. The pages of vmalloc() go with it, those
//             of vmap() are the caller's.
// Locking     Callers run on a CPU of the machine and hold no spinlock. One lock guards the areas;
//             it is held for no longer than the index takes.
// Errors      The null address, after the report that Linux prints. What is freed but was never
//             given is reported and left alone.
// Cost        docs/PERFORMANCE.md: vmalloc.4_pages_pair.
// Source      Documentation/core-api/memory-allocation.rst, x86/x86_64/mm.rst; recorded runs of
//             Linux (tests/oracle/vmalloc).
#pragma once

#include <array>
#include <atomic>
#include <optional>
#include <span>

#include "base/base.hpp"
#include "host/host.hpp"
#include "memmap/memmap.hpp"
#include "page_alloc/page_alloc.hpp"
#include "pagetable/pagetable.hpp"
#include "slab/slab.hpp"
#include "vmalloc/vmap_areas.hpp"
#include "zone/zone.hpp"

namespace quire {

class VmallocSpace {
 public:
  struct Parts {
    Host& host;
    MemoryMap& map;
    Nodes& nodes;
    PageAllocator& pages;
    PageTables& tables;
    const AddressSpace& layout;
    KmemCache& records;  // of VmapAreas
    Kmalloc& kmalloc;
    bool panic_on_warn;
  };
  explicit VmallocSpace(const Parts& parts);

  // What __vmalloc_node_range() takes.
  struct Ask {
    Bytes size;
    Bytes align = kPageSize;  // a power of two
    Gfp gfp = Gfp::kKernel;
    Prot prot = Prot::kKernel;
    NodeId node = kNoNode;    // kNoNode: near the caller
    VmapFlags flags{};
    std::optional<VirtRange> within = std::nullopt;  // none: the range that vmalloc has
    const char* caller = nullptr;                    // lives as long as the machine
  };
  [[nodiscard]] VirtAddr allocate(const Ask& ask);
  [[nodiscard]] VirtAddr vmalloc(Bytes size, const char* caller = __builtin_FUNCTION()) {
    return allocate({.size = size, .caller = caller});
  }
  [[nodiscard]] VirtAddr vzalloc(Bytes size, const char* caller = __builtin_FUNCTION()) {
    return allocate({.size = size, .gfp = Gfp::kKernel | Gfp::kZero, .caller = caller});
  }
  // Zeroed, and may be shown to a user.
  [[nodiscard]] VirtAddr vmalloc_user(Bytes size, const char* caller = __builtin_FUNCTION()) {
    return allocate({.size = size, .gfp = Gfp::kKernel | Gfp::kZero,
                     .flags = VmapFlags::kUserMap, .caller = caller});
  }
  // In pages of 2 MiB where size and memory allow it.
  [[nodiscard]] VirtAddr vmalloc_huge(Bytes size, Gfp gfp,
                                      const char* caller = __builtin_FUNCTION()) {
    return allocate({.size = size, .gfp = gfp, .flags = VmapFlags::kAllowHuge, .caller = caller});
  }
  // Any address within the area will do, as in Linux. Nothing happens to the null address.
  void vfree(VirtAddr address);

  // Shows the caller's pages, one after the other, at one piece of addresses.
  [[nodiscard]] VirtAddr vmap(std::span<Page* const> pages, Prot prot,
                              const char* caller = __builtin_FUNCTION());
  void vunmap(VirtAddr address) { vfree(address); }
  // Addresses alone, with nothing mapped (get_vm_area).
  [[nodiscard]] VirtAddr reserve(const Ask& ask);

  // Flushes and gives back all addresses that were freed lazily (vm_unmap_aliases).
  void purge();

  [[nodiscard]] bool is_vmalloc_address(VirtAddr address) const {
    return parts_.layout.vmalloc.contains(address);
  }
  // Null where nothing is mapped.
  [[nodiscard]] Page* to_page(VirtAddr address) const;

  // Copies out of, or into, what lies at `address`; what is in no area or not mapped reads as
  // zeros and swallows what is written. The bytes copied: all, or none where no area is.
  Bytes read(VirtAddr address, std::span<std::byte> into) const;
  Bytes write(VirtAddr address, std::span<const std::byte> from);

  // Pages that vmalloc() and the like have got (VmallocUsed).
  [[nodiscard]] PageCount used() const {
    return PageCount{used_pages_.load(std::memory_order_relaxed)};
  }
  [[nodiscard]] const AddressSpace& layout() const { return parts_.layout; }
  // Purged when more than this is freed lazily: 32 MiB for each binary digit of the CPUs' count.
  [[nodiscard]] PageCount lazy_limit() const { return lazy_limit_; }

  // What /proc/vmallocinfo shows of an area.
  struct Info {
    VirtRange range;
    VmapFlags flags{};
    const char* caller = nullptr;
    std::uint32_t pages = 0;
    bool pages_elsewhere = false;  // their array is an area of its own
    std::array<std::uint32_t, kMaxNodes> by_node{};
  };
  // The first area that ends after `from`; then of what is freed lazily. False: there is none.
  bool next_area(VirtAddr from, Info& info) const;
  bool next_lazy(VirtAddr from, VirtRange& range) const;

  // What does not agree: the areas, their pages and the page tables. Null: nothing. Nobody uses
  // the space meanwhile.
  [[nodiscard]] const char* fault() const;

 private:
  struct Shape {
    Bytes size;   // of what is mapped
    Bytes align;
    Order order;  // of its pages
    VmapFlags flags;  // besides those asked for
  };

  [[nodiscard]] std::optional<Shape> huge_shape(const Ask& ask) const;
  VirtAddr allocate_shaped(const Ask& ask, const Shape& shape);
  VmapArea* take_area(const Ask& ask, const Shape& shape);
  VmapArea* take_spare() QUIRE_REQUIRES(lock_) {
    VmapArea* const record = spare_;
    if (record != nullptr) {
      spare_ = record->next;
      --spare_count_;
    }
    return record;
  }
  void keep_spare(VmapArea*& records) QUIRE_REQUIRES(lock_);
  bool make_array(VmapArea& area, const Ask& ask);
  bool fill(VmapArea& area, const Ask& ask, Order order);
  bool fill_in_bulk(VmapArea& area, Gfp gfp, NodeId node);
  Result<void> map(const VmapArea& area, Prot prot, Order order);
  VmapArea* take_out(VirtAddr address);
  void drop(VmapArea& area);
  void drop_pages(VmapArea& area);

  // The array of an area's pages from entry `first` on, as far as it lies in one piece.
  [[nodiscard]] std::span<Page*> entries(const VmapArea& area, std::uint32_t first) const {
    if (area.array_area != nullptr) [[unlikely]] return entries_in_area(area, first);
    return {area.pages + first, area.capacity - first};
  }
  [[nodiscard]] std::span<Page*> entries_in_area(const VmapArea& area, std::uint32_t first) const;
  [[nodiscard]] PageCount total_pages() const;
  [[nodiscard]] std::byte* content_at(VirtAddr address) const;
  template <class Copy>
  Bytes copy(VirtRange range, Copy copy) const;
  [[nodiscard]] const char* fault_of(const VmapArea& area) const QUIRE_REQUIRES(lock_);

  void report_too_large(const Ask& ask) const;
  void report_no_place(const Ask& ask, Bytes size) const;
  void warn(std::string_view what, std::optional<VirtAddr> address = std::nullopt) const;

  const Parts parts_;
  const PageCount lazy_limit_;
  mutable SpinLock lock_{LockRank::kVmap};
  VmapAreas areas_ QUIRE_GUARDED_BY(lock_);
  VmapArea* spare_ QUIRE_GUARDED_BY(lock_) = nullptr;  // records, linked by `next`
  std::uint32_t spare_count_ QUIRE_GUARDED_BY(lock_) = 0;
  std::atomic<std::uint64_t> used_pages_ = 0;
  std::atomic<std::uint32_t> purges_ = 0;  // under way
};

}  // namespace quire
