#include "page_alloc/exact.hpp"

#include "page_alloc/fast_path.hpp"
#include "page_alloc/isolation.hpp"

namespace quire {

Page* ExactPages::allocate(Gfp gfp, Bytes size, NodeId node) {
  const std::uint64_t pages = pages_to_hold(size).raw();
  if (pages == 0 || pages > kMaxOrderPages.raw()) return nullptr;
  const Order order{fls(pages - 1)};
  Page* const first = allocator_.allocate(gfp & ~Gfp::kCompound, order, node);
  if (first == nullptr || order == Order{0}) return first;
  allocator_.split(*first, order);
  const PageArray array = allocator_.map().array();
  const std::uint32_t at = raw(array.index_of(*first));
  for (std::uint64_t i = pages; i < order.pages().raw(); ++i)
    give_to_zone(array.at(at + static_cast<std::uint32_t>(i)));
  return first;
}

// Past the CPU's set, and to the back: pages that nobody has used are not worth keeping at hand.
void ExactPages::give_to_zone(Page& page) {
  if (allocator_.debug().hooked())
    allocator_.debug().before_free(page, Order{0}, __builtin_return_address(0));
  std::byte* const area = Arch::current()->percpu;
  Zone& zone = allocator_.nodes().zone_of(page.word);
  const PageIndex index = allocator_.map().index_of(page);
  page.refcount = 0;
  {
    const SpinGuard guard(zone.lock);
    if (allocator_.map().pageblock_type(index) != MigrateType::kIsolate)
      mod_zone_state(area, zone, ZoneItem::kNrFreePages, 1);
    allocator_.buddy().free_to(ListEnd::kBack, zone, index, Order{0});
  }
  count_event(area, VmEvent::kPgfree, 1);
}

void ExactPages::free(Page& first, Bytes size) {
  const PageArray array = allocator_.map().array();
  const std::uint32_t at = raw(array.index_of(first));
  for (std::uint64_t i = 0; i < pages_to_hold(size).raw(); ++i)
    allocator_.free(array.at(at + static_cast<std::uint32_t>(i)), Order{0});
}

Result<Page*> ExactPages::allocate_range(Zone& zone, PfnRange range, const Demand& demand) {
  const PfnRange blocks = Isolation::pageblocks_of(range);
  Isolation isolation(allocator_, zone);
  QUIRE_TRY(isolation.isolate(blocks, range));
  isolation.take(range);
  hand_out(zone, range, demand.gfp);
  isolation.undo(blocks, demand.type);
  return allocator_.map().page_of(range.start);
}

void ExactPages::hand_out(const Zone& zone, PfnRange range, Gfp gfp) {
  AllocRequest request;
  request.gfp = gfp;
  request.caller = __builtin_return_address(0);
  for (Pfn pfn = range.start; pfn < range.end; ++pfn) {
    Page& page = *allocator_.map().page_of(pfn);
    page.word = PageWord(zone.page_bits, Order{0}, PageKind::kInUse);
    page.refcount = 1;
    if (allocator_.debug().hooked() || any(gfp & Gfp::kZero))
      allocator_.debug().after_alloc(page, request);
  }
}

Result<Page*> ExactPages::allocate_contiguous(Gfp gfp, PageCount pages, NodeId node) {
  if (!pages) return Errno::kInvalid;
  const Node& from = allocator_.nodes().node(node);
  const Zonelist& list = any(gfp & Gfp::kThisNode) ? from.own : from.fallback;
  const ZoneType highest = highest_zone(gfp, allocator_.nodes().arch());
  for (const ZoneRef* ref = list.first[index_of(highest)]; ref->zone != nullptr; ++ref) {
    if (ref->type > highest) continue;
    Zone& zone = *ref->zone;
    // A multiple of their number, whether that is a power of two or not.
    const std::uint64_t first = (zone.span.start.raw() + pages.raw() - 1) / pages.raw();
    for (Pfn start{first * pages.raw()}; start + pages <= zone.span.end; start += pages) {
      const auto taken = allocate_range(zone, {start, start + pages}, {gfp});
      if (taken.has_value()) return taken;
    }
  }
  return Errno::kNoMemory;
}

void ExactPages::free_range(PfnRange range) {
  for (Pfn pfn = range.start; pfn < range.end; ++pfn)
    allocator_.free(*allocator_.map().page_of(pfn), Order{0});
}

}  // namespace quire
