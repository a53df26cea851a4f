// Bulk allocation: many single pages from one zone's set in one go.
#include "page_alloc/fast_path.hpp"

namespace quire {
namespace {

std::size_t first_empty(std::span<Page*> pages, std::size_t from) {
  while (from < pages.size() && pages[from] != nullptr) ++from;
  return from;
}

}  // namespace

std::size_t PageAllocator::allocate_bulk(Gfp gfp, NodeId node, std::span<Page*> pages) {
  std::size_t missing = 0;
  for (const Page* page : pages) missing += page == nullptr;
  if (missing == 0) return pages.size();
  if (debug_.refuses(gfp)) [[unlikely]] return pages.size() - missing;
  AllocRequest request = prepare(gfp, Order{0}, node, kAllNodes);
  request.caller = __builtin_return_address(0);
  // A single page is the ordinary path's; so is what no near zone can give as a whole.
  for (const ZoneRef* ref = request.preferred; missing > 1 && ref->zone != nullptr;
       ref = request.next_from(ref + 1)) {
    Zone& zone = *ref->zone;
    if (zone.node != request.preferred->zone->node) break;
    const AllocFlags flags{Watermark::kLow};
    const WatermarkQuery query{Order{0}, request.preferred->type, flags,
                               zone.watermark_pages(Watermark::kLow) +
                                   static_cast<std::int64_t>(pages.size())};
    if (!watermark_fast(zone, query, gfp)) continue;
    const std::size_t taken = take_bulk_from(zone, request, pages);
    if (taken != 0) return pages.size() - missing + taken;
    break;
  }
  if (Page* const page = allocate(gfp, Order{0}, node)) {
    pages[first_empty(pages, 0)] = page;
    --missing;
  }
  return pages.size() - missing;
}

std::size_t PageAllocator::take_bulk_from(Zone& zone, const AllocRequest& request,
                                          std::span<Page*> pages) {
  std::byte* const area = Arch::current()->percpu;
  const PerCpuSets::Set set{area, zone, percpu_at<PerCpuZone>(area, zone.percpu_offset).pages};
  if (!set.pages.lock.try_lock()) return 0;
  std::size_t taken = 0;
  HotPages& hot = set.pages.hot.data()[index_of(request.type)];
  const bool as_they_are = !debug_.hooked() && !any(request.gfp & Gfp::kZero);
  for (std::size_t slot = first_empty(pages, 0); slot < pages.size();
       slot = first_empty(pages, slot + 1)) {
    if (hot.count != 0 && as_they_are) [[likely]] {
      pages[slot] = hot.pages.data()[--hot.count];
      pages[slot]->references = 1;
      ++set.pages.moved;
      ++taken;
      continue;
    }
    const PageIndex index = sets_.take(set, request, AllocFlags{Watermark::kLow});
    if (index == PageIndex::kNone) break;
    pages[slot] = &hand_out(zone, index, request);
    ++taken;
  }
  set.pages.set_limits();
  set.pages.lock.unlock();
  if (taken != 0) count_allocation(area, zone, request, taken);
  return taken;
}

}  // namespace quire
