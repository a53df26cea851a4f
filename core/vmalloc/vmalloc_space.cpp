#include "vmalloc/vmalloc_space.hpp"

#include <new>

namespace quire {
namespace {

constexpr Bytes kHugeSize = size_of(kPageblockPages);
constexpr std::uint32_t kArrayPerPage = kPageSize.raw() / sizeof(Page*);

// All of the kernel's addresses but the very last page, which no range can end after.
VirtRange kernel_space(const AddressSpace& layout) {
  const std::uint64_t last = layout.format->address_bits == 32 ? ~std::uint32_t{0}
                                                               : ~std::uint64_t{0};
  return {layout.kernel_start(), VirtAddr{last}.align_down(kPageSize)};
}

Bytes whole(Bytes size) { return size_of(pages_to_hold(size)); }

// What an array of pages, and records, are asked for with.
Gfp for_records(Gfp gfp) {
  constexpr Gfp kReclaimMask = Gfp::kReclaim | Gfp::kHigh | Gfp::kIo | Gfp::kFs | Gfp::kNoWarn |
                               Gfp::kRetryMayFail | Gfp::kNoFail | Gfp::kNoRetry |
                               Gfp::kMemalloc | Gfp::kNoMemalloc | Gfp::kAtomicContext;
  return gfp & kReclaimMask;
}

}  // namespace

VmallocSpace::VmallocSpace(const Parts& parts)
    : parts_(parts),
      lazy_limit_(whole_pages(mib(32) * fls(parts.nodes.cpu_count()))),
      areas_(kernel_space(parts.layout)) {}

VirtAddr VmallocSpace::allocate(const Ask& ask) {
  if (ask.size == Bytes{}) {
    warn("vmalloc of no bytes");
    return {};
  }
  // Rounded up without going beyond the last of all numbers.
  const PageCount pages = whole_pages(ask.size - Bytes{1}) + PageCount{1};
  if (!parts_.nodes.has_managed(pages)) [[unlikely]] {
    report_too_large(ask);
    return {};
  }
  const bool may_be_huge = (ask.flags & VmapFlags::kAllowHuge) != VmapFlags::kNone;
  if (const auto huge = may_be_huge ? huge_shape(ask) : std::nullopt; huge.has_value())
    if (const VirtAddr at = allocate_shaped(ask, *huge); at != VirtAddr{}) return at;
  return allocate_shaped(ask, {whole(ask.size), ask.align, Order{0}, VmapFlags::kAlloc});
}

// Memory that all nodes share in is huge only where each one's share is.
std::optional<VmallocSpace::Shape> VmallocSpace::huge_shape(const Ask& ask) const {
  if (parts_.layout.format->address_bits == 32) return std::nullopt;
  const Bytes share = ask.node == kNoNode ? ask.size / parts_.nodes.online_count() : ask.size;
  if (share < kHugeSize) return std::nullopt;
  const Bytes size{(ask.size.raw() + kHugeSize.raw() - 1) & ~(kHugeSize.raw() - 1)};
  return Shape{size, max_of(ask.align, kHugeSize), kPageblockOrder, VmapFlags::kAlloc};
}

VirtAddr VmallocSpace::allocate_shaped(const Ask& ask, const Shape& shape) {
  VmapArea* const area = take_area(ask, shape);
  if (area == nullptr) return {};
  const bool made = make_array(*area, ask) && fill(*area, ask, shape.order) &&
                    map(*area, ask.prot, shape.order).has_value();
  used_pages_.fetch_add(area->page_count, std::memory_order_relaxed);
  if (!made) {
    drop(*area);
    return {};
  }
  area->show();
  return area->start;
}

VirtAddr VmallocSpace::vmap(std::span<Page* const> pages, Prot prot, const char* caller) {
  if (pages.size() > parts_.nodes.managed_pages()) return {};
  const Ask ask{.size = size_of(PageCount{pages.size()}), .caller = caller};
  VmapArea* const area = take_area(ask, {ask.size, ask.align, Order{0}, VmapFlags::kMap});
  if (area == nullptr) return {};
  if (!parts_.tables.map_pages(area->start, pages, prot).has_value()) {
    drop(*area);
    return {};
  }
  area->show();
  return area->start;
}

VirtAddr VmallocSpace::reserve(const Ask& ask) {
  VmapArea* const area = take_area(ask, {whole(ask.size), ask.align, Order{0}, {}});
  if (area == nullptr) return {};
  area->show();
  return area->start;
}

// A place and a record of it, which nobody finds yet. Records that merging left over are at hand
// without a look at the slab's objects.
VmapArea* VmallocSpace::take_area(const Ask& ask, const Shape& shape) {
  if (shape.size == Bytes{}) return nullptr;
  const VmapFlags flags = ask.flags | shape.flags | VmapFlags::kUninitialized;
  const Bytes guard = (flags & VmapFlags::kNoGuard) != VmapFlags::kNone ? Bytes{} : kPageSize;
  const VmapAreas::Wish wish{shape.size + guard, max_of(shape.align, kPageSize),
                             ask.within.value_or(parts_.layout.vmalloc)};
  const auto make = [&](void* record) {
    return new (record) VmapArea{.flags = flags, .caller = ask.caller};
  };
  VmapArea* area = nullptr;
  {
    const SpinGuard hold(lock_);
    if (VmapArea* const spare = take_spare(); spare != nullptr) {
      area = make(spare);
      if (areas_.insert_lowest(*area, wish)) [[likely]] return area;
    }
  }
  if (area == nullptr) {
    void* const record = parts_.records.alloc_node(for_records(ask.gfp), ask.node);
    if (record == nullptr) return nullptr;
    area = make(record);
  }
  for (bool purged = false;; purged = true) {
    {
      const SpinGuard hold(lock_);
      if (areas_.insert_lowest(*area, wish)) return area;
    }
    if (purged) break;
    purge();
  }
  report_no_place(ask, wish.size);
  parts_.records.free(area);
  return nullptr;
}

// Of those linked by `next`, a few are kept.
void VmallocSpace::keep_spare(VmapArea*& records) {
  constexpr std::uint32_t kMostSpare = 32;
  while (records != nullptr && spare_count_ < kMostSpare) {
    VmapArea* const record = records;
    records = record->next;
    record->next = spare_;
    spare_ = record;
    ++spare_count_;
  }
}

bool VmallocSpace::make_array(VmapArea& area, const Ask& ask) {
  const std::uint64_t count = whole_pages(area.inside().length()).raw();
  area.capacity = static_cast<std::uint32_t>(count);
  if (count <= VmapArea::kFew) {
    area.pages = area.few.data();
    return true;
  }
  const Gfp gfp = for_records(ask.gfp) | Gfp::kZero;
  if (count <= kArrayPerPage) {
    area.pages = static_cast<Page**>(
        parts_.kmalloc.alloc_node(count * sizeof(Page*), gfp, ask.node));
    return area.pages != nullptr;
  }
  const VirtAddr at = allocate({.size = Bytes{count * sizeof(Page*)}, .gfp = gfp,
                                .node = ask.node, .caller = area.caller});
  if (at == VirtAddr{}) return false;
  const SpinGuard hold(lock_);
  area.array_area = areas_.find(at);
  return true;
}

std::span<Page*> VmallocSpace::entries_in_area(const VmapArea& area, std::uint32_t first) const {
  const Page* const frame = entries(*area.array_area, first / kArrayPerPage).front();
  const std::uint32_t within = first % kArrayPerPage;
  auto* const array = reinterpret_cast<Page**>(parts_.map.content_of(*frame));
  return {array + within, min_of(kArrayPerPage - within, area.capacity - first)};
}

bool VmallocSpace::fill(VmapArea& area, const Ask& ask, Order order) {
  const Gfp low = ask.gfp & (Gfp::kDmaZone | Gfp::kDma32Zone);
  const Gfp gfp = ask.gfp | Gfp::kNoWarn | (any(low) ? Gfp::kNone : Gfp::kHighMemZone);
  const NodeId node = ask.node == kNoNode ? Arch::current()->node : ask.node;
  if (order == Order{0} && area.capacity <= VmapArea::kFew &&
      parts_.pages.allocate_ready(gfp, node, {area.pages, area.capacity})) {
    area.page_count = area.capacity;
    return true;
  }
  if (order == Order{0} && fill_in_bulk(area, gfp, node)) return true;
  while (area.page_count < area.capacity) {
    Page* const block = parts_.pages.allocate(gfp, order, node);
    if (block == nullptr) return false;
    if (order != Order{0}) parts_.pages.split(*block, order);
    const PageIndex first = parts_.map.index_of(*block);
    for (std::uint32_t i = 0; i < order.pages().raw(); ++i)
      entries(area, area.page_count++).front() = &parts_.map.at(raw(first) + i);
    if (area.page_count < area.capacity) parts_.host.yield();
  }
  return true;
}

// A hundred at a time, as long as all are to be had. False: some are missing.
bool VmallocSpace::fill_in_bulk(VmapArea& area, Gfp gfp, NodeId node) {
  constexpr std::uint32_t kBatch = 100;
  while (area.page_count < area.capacity) {
    const std::uint32_t wanted = min_of(kBatch, area.capacity - area.page_count);
    std::span<Page*> place = entries(area, area.page_count);
    Page* batch[kBatch];
    const bool in_one_piece = place.size() >= wanted;
    if (!in_one_piece) {
      for (Page*& page : batch) page = nullptr;
      place = batch;
    }
    const std::size_t got =
        parts_.pages.allocate_bulk(gfp & ~Gfp::kNoFail, node, place.first(wanted));
    for (std::size_t i = 0; !in_one_piece && i < got; ++i)
      entries(area, area.page_count + static_cast<std::uint32_t>(i)).front() = batch[i];
    area.page_count += static_cast<std::uint32_t>(got);
    if (got != wanted) return false;
    if (area.page_count < area.capacity) parts_.host.yield();
  }
  return true;
}

Result<void> VmallocSpace::map(const VmapArea& area, Prot prot, Order order) {
  if (order == Order{0} && area.array_area == nullptr) [[likely]]
    return parts_.tables.map_pages(area.start, {area.pages, area.page_count}, prot);
  for (std::uint32_t i = 0; i < area.page_count;) {
    const VirtAddr at = area.start + size_of(PageCount{i});
    const std::span<Page*> pages = entries(area, i);
    if (order == Order{0}) {
      QUIRE_TRY(parts_.tables.map_pages(at, pages, prot));
      i += static_cast<std::uint32_t>(pages.size());
      continue;
    }
    const Pfn first = parts_.map.pfn_of(*pages.front());
    const VirtRange range{at, at + size_of(order.pages())};
    parts_.tables.free_empty_tables(range);  // of small pages that were there before
    QUIRE_TRY(parts_.tables.map(range, {.first = first, .prot = prot, .largest = PageLevel::kPmd}));
    i += static_cast<std::uint32_t>(order.pages().raw());
  }
  return {};
}

// From here on nobody else finds the area.
VmapArea* VmallocSpace::take_out(VirtAddr address) {
  const SpinGuard hold(lock_);
  VmapArea* const area = areas_.find(address);
  if (area == nullptr || area->has(VmapFlags::kUninitialized)) return nullptr;
  area->flags = area->flags | VmapFlags::kUninitialized;
  return area;
}

void VmallocSpace::vfree(VirtAddr address) {
  if (address == VirtAddr{}) return;
  if (!address.is_aligned(kPageSize)) return warn("Trying to vfree() bad address ", address);
  VmapArea* const area = take_out(address);
  if (area == nullptr) return warn("Trying to vfree() nonexistent vm area ", address);
  drop(*area);
}

// Pages, addresses, then the array: what is lazily freed is purged in the same order as in Linux.
void VmallocSpace::drop(VmapArea& area) {
  const Result<void> cleared = parts_.tables.clear(area.inside());
  QUIRE_ASSERT(cleared.has_value());
  drop_pages(area);
  VmapArea* const array_area = area.array_area;
  if (array_area == nullptr && area.pages != area.few.data()) parts_.kmalloc.free(area.pages);
  VmapArea* spare = nullptr;
  bool too_many;
  {
    const SpinGuard hold(lock_);
    areas_.free_lazily(area, spare);
    too_many = areas_.lazy_pages() > lazy_limit_;
    keep_spare(spare);
  }
  while (spare != nullptr) {
    VmapArea* const next = spare->next;
    parts_.records.free(spare);
    spare = next;
  }
  if (too_many) purge();
  if (array_area != nullptr) vfree(array_area->start);
}

void VmallocSpace::drop_pages(VmapArea& area) {
  used_pages_.fetch_sub(area.page_count, std::memory_order_relaxed);
  if (area.array_area == nullptr) return parts_.pages.free_pages({area.pages, area.page_count});
  for (std::uint32_t i = 0; i < area.page_count;) {
    const std::span<Page*> pages = entries(area, i);
    const auto here = min_of(static_cast<std::uint32_t>(pages.size()), area.page_count - i);
    parts_.pages.free_pages(pages.first(here));
    i += here;
    if (i < area.page_count) parts_.host.yield();
  }
}

// Where somebody else is purging, he is waited for: the caller may be after those addresses.
void VmallocSpace::purge() {
  VmapArea* purged;
  {
    const SpinGuard hold(lock_);
    purged = areas_.begin_purge();
    purges_.fetch_add(1, std::memory_order_relaxed);
  }
  if (purged != nullptr) {
    VirtRange range{purged->start, purged->end};
    for (const VmapArea* area = purged; area != nullptr; area = area->lazy_next)
      range = {min_of(range.start, area->start), max_of(range.end, area->end)};
    parts_.tables.flush(range);
    const SpinGuard hold(lock_);
    areas_.end_purge(purged);
  }
  purges_.fetch_sub(1, std::memory_order_release);
  while (purged != nullptr) {
    VmapArea* const next = purged->lazy_next;
    parts_.records.free(purged);
    purged = next;
  }
  while (purges_.load(std::memory_order_acquire) != 0) parts_.host.yield();
}

}  // namespace quire
