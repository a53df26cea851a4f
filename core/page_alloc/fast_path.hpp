// The shortest paths: one page out of, or into, the current CPU's own set. Everything that Linux's
// path decides is decided here too, from words that slower paths keep ready:
//
//   may the zone be used at all     Route: the request's first zone and its threshold, in which
//                                   watermark, boost, protection and reserves are summed up
//   does the request ask for more   Task::whole_path_gfp
//   must pages be cleared, checked  Zone::hooked: the threshold cannot be met; recent_word
//   are there too many              HotPages::limit
//   counters                        PerCpuPages::served, folded in by readers
//
// Cost  docs/PERFORMANCE.md: page.order0_pair.
#pragma once

#include "page_alloc/page_allocator.hpp"

namespace quire {

[[gnu::always_inline]] inline Page* PageAllocator::allocate_page(Gfp gfp, NodeId node) {
  const CpuContext& cpu = *Arch::current();
  const Route& route = routes_[route_of(gfp, node)];
  if ((raw(gfp) & cpu.task->whole_path_gfp()) == 0 &&
      route.zone->free_pages() > route.low->get()) [[likely]] {
    PerCpuPages& set = percpu_at<PerCpuZone>(cpu.percpu, route.zone->percpu_offset).pages;
    if (set.lock.try_lock()) [[likely]] {
      HotPages& hot = set.hot.data()[index_of(mobility_.type_of(gfp))];
      if (hot.count != 0) [[likely]] {
        Page* const page = hot.pages.data()[--hot.count];
        ++set.served;
        set.lock.unlock();
        page->references = 1;
        return page;
      }
      set.lock.unlock();
    }
  }
  return allocate_warm(gfp, node);
}

inline bool PageAllocator::allocate_ready(Gfp gfp, NodeId node, std::span<Page*> pages) {
  const CpuContext& cpu = *Arch::current();
  const Route& route = routes_[route_of(gfp, node)];
  const std::int64_t left = route.zone->free_pages() - static_cast<std::int64_t>(pages.size());
  if ((raw(gfp) & cpu.task->whole_path_gfp()) != 0 || left <= route.low->get()) return false;
  PerCpuPages& set = percpu_at<PerCpuZone>(cpu.percpu, route.zone->percpu_offset).pages;
  if (!set.lock.try_lock()) return false;
  HotPages& hot = set.hot.data()[index_of(mobility_.type_of(gfp))];
  const bool enough = hot.count >= pages.size();
  if (enough) [[likely]] {
    for (Page*& page : pages) {
      page = hot.pages.data()[--hot.count];
      page->references = 1;
    }
    set.served += pages.size();
  }
  set.lock.unlock();
  return enough;
}

// A branch for each type instead of arithmetic: the processor guesses which it is, and goes on long
// before the type has arrived from memory. Null for types that have no list.
[[gnu::always_inline]] inline HotPages* hot_pages_of(PerCpuPages& set, MigrateType type)
    QUIRE_REQUIRES(set.lock) {
  HotPages* hot = set.hot.data();
  if (type == MigrateType::kMovable)
    hot += index_of(MigrateType::kMovable);
  else if (type == MigrateType::kReclaimable)
    hot += index_of(MigrateType::kReclaimable);
  else if (type != MigrateType::kUnmovable)
    return nullptr;
  return hot;
}

[[gnu::always_inline]] inline void PageAllocator::free_page(Page& page) {
  const PerCpuEvents& own = percpu_at<PerCpuEvents>(Arch::current()->percpu, 0);
  const MigrateType type = pageblocks_.get(raw(array_.index_of(page)));
  if (page.word.raw() == own.recent_word && ((page.references ^ 1) | page.mapping) == 0)
      [[likely]] {
    PerCpuPages& set = *own.recent_set;
    if (set.lock.try_lock()) [[likely]] {
      HotPages* const hot = hot_pages_of(set, type);
      if (hot != nullptr && hot->count < hot->limit) [[likely]] {
        page.references = 0;
        page.list_type = type;
        hot->pages.data()[hot->count++] = &page;
        set.lock.unlock();
        return;
      }
      set.lock.unlock();
    }
  }
  free_elsewhere(page);
}

// How many, from the first on, have gone into the CPU's own set as free_page() would put them.
inline std::size_t PageAllocator::free_ready(std::span<Page* const> pages) {
  const PerCpuEvents& own = percpu_at<PerCpuEvents>(Arch::current()->percpu, 0);
  const std::uint32_t word = own.recent_word;
  if (pages.front()->word.raw() != word) return 0;
  PerCpuPages& set = *own.recent_set;
  if (!set.lock.try_lock()) return 0;
  std::size_t freed = 0;
  HotPages* hot = nullptr;
  MigrateType type = MigrateType::kIsolate;
  for (Page* const page : pages) {
    if (page->word.raw() != word || ((page->references ^ 1) | page->mapping) != 0) break;
    const MigrateType own_type = pageblocks_.get(raw(array_.index_of(*page)));
    if (own_type != type) hot = hot_pages_of(set, type = own_type);
    if (hot == nullptr || hot->count >= hot->limit) break;
    page->references = 0;
    page->list_type = type;
    hot->pages.data()[hot->count++] = page;
    ++freed;
  }
  set.lock.unlock();
  return freed;
}

inline void PageAllocator::free_pages(std::span<Page* const> pages) {
  while (!pages.empty()) {
    pages = pages.subspan(free_ready(pages));
    if (pages.empty()) [[likely]] return;
    free_page(*pages.front());
    pages = pages.subspan(1);
  }
}

inline Page* PageAllocator::allocate(Gfp gfp, Order order, NodeId node) {
  return order == Order{0} ? allocate_page(gfp, node) : allocate_block_fast(gfp, order, node);
}

inline void PageAllocator::free(Page& page, Order order) {
  if (order == Order{0})
    free_page(page);
  else
    free_block_fast(page, order);
}

}  // namespace quire
