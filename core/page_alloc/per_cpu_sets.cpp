#include "page_alloc/per_cpu_sets.hpp"

#include <algorithm>

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

// Fills the request's empty list from the zone. False when the zone has nothing to give.
bool PerCpuSets::refill(const Set& set, const AllocRequest& request, AllocFlags flags) {
  std::int32_t blocks = set.pages.batch.load(std::memory_order_relaxed);
  if (blocks > 1) blocks = max_of(blocks >> request.order.raw(), 2);
  PageList& list = set.pages.lists[pcp_index(request.type, request.order)];
  const PageWord word(set.zone.page_bits, request.order, PageKind::kInUse);
  const SpinGuard guard(set.zone.lock);
  std::int32_t taken = 0;
  for (; taken < blocks; ++taken) {
    const PageIndex index = mobility_.take(set.zone, request, flags);
    if (index == PageIndex::kNone) break;
    Page& page = array_.at(index);
    page.word = word;
    page.refcount = 0;
    page.mapcount = 0;
    page.list_type = request.type;
    list.push_back(array_, index);
  }
  const std::int32_t pages = taken << request.order.raw();
  set.pages.listed += pages;
  set.pages.moved -= pages;
  mod_zone_state(set.area, set.zone, ZoneItem::kNrFreePages, -pages);
  return taken != 0;
}

// Makes room: the oldest hot pages go to the front of their list.
void PerCpuSets::spill(PerCpuPages& set, MigrateType of, std::uint32_t pages) {
  const unsigned type = index_of(of);
  HotPages& hot = set.hot.data()[type];
  PageList& list = set.lists.data()[type];
  Page** const slots = hot.pages.data();
  for (std::uint32_t i = 0; i < pages; ++i)
    list.push_front(array_, *slots[i], array_.index_of(*slots[i]));
  for (std::uint32_t i = pages; i < hot.count; ++i) slots[i - pages] = slots[i];
  hot.count = static_cast<std::uint16_t>(hot.count - pages);
  set.listed += static_cast<std::int32_t>(pages);
}

// Fetches pages from the front of a list, so that the next requests find them at hand.
void PerCpuSets::warm(PerCpuPages& set, unsigned type) {
  constexpr std::uint32_t kMost = HotPages::kCapacity - 1;
  HotPages& hot = set.hot.data()[type];
  PageList& list = set.lists.data()[type];
  Page** const slots = hot.pages.data();
  std::uint32_t count = 0;
  while (count < kMost && !list.empty()) slots[count++] = &array_.at(list.pop_front(array_));
  std::reverse(slots, slots + count);
  hot.count = static_cast<std::uint16_t>(count);
  set.listed -= static_cast<std::int32_t>(count);
}

void PerCpuSets::settle(PerCpuPages& set) {
  for (unsigned type = 0; type < kPcpTypes; ++type)
    spill(set, static_cast<MigrateType>(type), set.hot[type].count);
  set.set_limits();
}

PageIndex PerCpuSets::take_listed(PerCpuPages& pages, unsigned list) {
  if (pages.lists.data()[list].empty()) return PageIndex::kNone;
  const std::int32_t length = pages_of(order_of_pcp_list(list));
  pages.listed -= length;
  pages.moved += length;
  return pages.lists.data()[list].pop_front(array_);
}

// While free_factor counts down every request must be looked at, so nothing is kept at hand.
PageIndex PerCpuSets::take_single(PerCpuPages& pages, MigrateType type) {
  HotPages& hot = pages.hot.data()[index_of(type)];
  if (hot.count == 0 && pages.free_factor == 0) warm(pages, index_of(type));
  if (hot.count == 0) return take_listed(pages, index_of(type));
  ++pages.moved;
  return array_.index_of(*hot.pages.data()[--hot.count]);
}

PageIndex PerCpuSets::take_ready(PerCpuPages& pages, MigrateType type, Order order) {
  const PageIndex index =
      order == Order{0} ? take_single(pages, type) : take_listed(pages, pcp_index(type, order));
  pages.set_limits();
  return index;
}

PageIndex PerCpuSets::take(const Set& set, const AllocRequest& request, AllocFlags flags) {
  const PageIndex ready = take_ready(set.pages, request.type, request.order);
  if (ready != PageIndex::kNone) return ready;
  const unsigned list = pcp_index(request.type, request.order);
  if (set.pages.lists[list].empty() && !refill(set, request, flags)) return PageIndex::kNone;
  return take_ready(set.pages, request.type, request.order);
}

void PerCpuSets::put(const Set& set, PageIndex index, Order order) {
  Page& page = array_.at(index);
  const MigrateType kept =
      is_mergeable(page.list_type) ? page.list_type : MigrateType::kMovable;
  const unsigned list = pcp_index(kept, order);
  if (order == Order{0} && set.pages.free_factor == 0) {
    HotPages& hot = set.pages.hot[list];
    if (hot.count == HotPages::kCapacity) spill(set.pages, kept, HotPages::kCapacity - 1);
    hot.pages[hot.count++] = &page;
  } else {
    set.pages.lists[list].push_front(array_, index);
    set.pages.listed += pages_of(order);
  }
  flush(set, list);
  set.pages.set_limits();
}

// After a block was freed to list `index`: gives pages back if the set is over its limit.
void PerCpuSets::flush(const Set& set, unsigned index) {
  // Blocks freed after a flush: their user is done with them, so nothing is kept.
  const bool burst = set.pages.free_factor != 0 && order_of_pcp_list(index) != Order{0} &&
                     order_of_pcp_list(index) <= kCostlyOrder;
  const std::int32_t high = set.pages.high.load(std::memory_order_relaxed);
  if (!burst && set.pages.count() < high) return;
  give_back(set, burst ? set.pages.count() : flush_count(set.pages, high), index);
}

std::int32_t PerCpuSets::empty_list(const Set& set, unsigned index, std::int32_t count) {
  PageList& list = set.pages.lists[index];
  const Order order = order_of_pcp_list(index);
  while (count > 0 && !list.empty()) {
    const PageIndex last = list.back();
    list.remove(array_, last);
    count -= pages_of(order);
    set.pages.listed -= pages_of(order);
    set.pages.moved += pages_of(order);
    MigrateType type = array_.at(last).list_type;
    if (set.zone.nr_isolated_blocks != 0) [[unlikely]]
      type = buddy_.map().pageblock_type(last);
    mod_zone_state(set.area, set.zone, ZoneItem::kNrFreePages,
                   type == MigrateType::kIsolate ? 0 : pages_of(order));
    buddy_.free(set.zone, last, order, type);
    if (buddy_.trace().on()) [[unlikely]] buddy_.trace().drained(last, order, type);
  }
  return count;
}

void PerCpuSets::give_back(const Set& set, std::int32_t count, unsigned first) {
  count = min_of(count, set.pages.count());
  if (count <= 0) return;
  settle(set.pages);
  const SpinGuard guard(set.zone.lock);
  for (unsigned index = first; count > 0; index = (index + 1) % kPcpLists)
    count = empty_list(set, index, count);
  set.pages.set_limits();
}

}  // namespace quire
