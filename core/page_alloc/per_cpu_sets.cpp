#include "page_alloc/per_cpu_sets.hpp"

namespace quire {
namespace {

// A flush at most doubles five times beyond one batch.
constexpr unsigned kMostFreeFactor = 5;

std::int32_t pages_of(Order order) { return std::int32_t{1} << order.raw(); }

// How many pages one flush gives back: a batch, doubled for each flush since the last allocation,
// but never so many that less than a batch stays.
std::int32_t flush_count(PerCpuPages& pages, std::int32_t high)
    QUIRE_REQUIRES(pages.lock) {
  const std::int32_t batch = pages.batch.load(std::memory_order_relaxed);
  if (high < batch) return 1;
  const std::int32_t most = high - batch;
  const std::int32_t scaled = batch << pages.free_factor;
  if (scaled < most && pages.free_factor < kMostFreeFactor) ++pages.free_factor;
  return clamp_to(scaled, batch, most);
}

}  // namespace

bool PerCpuSets::refill(const Set& set, const AllocRequest& request, AllocFlags flags) {
  std::int32_t blocks = set.pages.batch.load(std::memory_order_relaxed);
  if (blocks > 1) blocks = max_of(blocks >> request.order.raw(), 2);
  PageList& list = set.pages.lists[pcp_index(request.type, request.order)];
  const SpinGuard guard(set.zone.lock);
  std::int32_t taken = 0;
  for (; taken < blocks; ++taken) {
    const PageIndex index = mobility_.take(set.zone, request, flags);
    if (index == PageIndex::kNone) break;
    Page& page = buddy_.map().at(index);
    page.word = PageWord(set.zone.page_bits, request.order, PageKind::kPerCpu);
    page.list_type = request.type;
    list.push_back(buddy_.map().array(), index);
  }
  const std::int32_t pages = taken << request.order.raw();
  set.pages.count += pages;
  mod_zone_state(set.area, set.zone, ZoneItem::kNrFreePages, -pages);
  return taken != 0;
}

void PerCpuSets::flush(const Set& set, unsigned index) {
  // Blocks freed after a flush: their user is done with them, so nothing is kept.
  const bool burst = set.pages.free_factor != 0 && order_of_pcp_list(index) != Order{0} &&
                     order_of_pcp_list(index) <= kCostlyOrder;
  const std::int32_t high = set.pages.high.load(std::memory_order_relaxed);
  if (!burst && set.pages.count < high) return;
  give_back(set, burst ? set.pages.count : flush_count(set.pages, high), index);
}

std::int32_t PerCpuSets::empty_list(const Set& set, unsigned index, std::int32_t count) {
  PageList& list = set.pages.lists[index];
  const Order order = order_of_pcp_list(index);
  while (count > 0 && !list.empty()) {
    const PageIndex last = list.back();
    list.remove(buddy_.map().array(), last);
    count -= pages_of(order);
    set.pages.count -= pages_of(order);
    MigrateType type = buddy_.map().at(last).list_type;
    if (set.zone.nr_isolated_blocks != 0) [[unlikely]]
      type = buddy_.map().pageblock_type(last);
    mod_zone_state(set.area, set.zone, ZoneItem::kNrFreePages,
                   type == MigrateType::kIsolate ? 0 : pages_of(order));
    buddy_.free(set.zone, last, order, type);
  }
  return count;
}

void PerCpuSets::give_back(const Set& set, std::int32_t count, unsigned first) {
  count = min_of(count, set.pages.count);
  if (count <= 0) return;
  const SpinGuard guard(set.zone.lock);
  for (unsigned index = first; count > 0; index = (index + 1) % kPcpLists)
    count = empty_list(set, index, count);
}

}  // namespace quire
