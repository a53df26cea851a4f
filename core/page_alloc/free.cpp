// Freeing: back to the CPU's own set, or merged into the zone's free lists.
#include "page_alloc/fast_path.hpp"

namespace quire {
namespace {

// Whoever frees a page with one of these still uses it; the other flags go with the page.
constexpr std::uint32_t kCheckedAtFree =
    static_cast<std::uint32_t>(PageFlag::kLocked) | static_cast<std::uint32_t>(PageFlag::kLru) |
    static_cast<std::uint32_t>(PageFlag::kActive) | static_cast<std::uint32_t>(PageFlag::kPrivate) |
    static_cast<std::uint32_t>(PageFlag::kWriteback) |
    static_cast<std::uint32_t>(PageFlag::kUnevictable);

}  // namespace

// A single page that the shortest path left: perhaps of another zone than the page before.
void PageAllocator::free_elsewhere(Page& page) {
  std::byte* const area = Arch::current()->percpu;
  PerCpuEvents& own = percpu_at<PerCpuEvents>(area, 0);
  const PageWord word = page.word;
  if (word.without_zone() == plain_word_ && word.raw() != own.recent_word) {
    own.recent_word = word.raw();
    own.recent_set = &percpu_zone(area, word.zone()).pages;
  }
  free_checked(page, Order{0}, __builtin_return_address(0));
}

// What most blocks are: whole, with their last reference, and the CPU's set has room.
void PageAllocator::free_block_fast(Page& page, Order order) {
  const PageWord word = page.word;
  // Of the kinds of blocks in use, compound is the one with its lowest bit set.
  constexpr std::uint32_t kCompoundBit = 1u << PageWord::kKindShift;
  const std::uint32_t plain = plain_word_ | order.raw() << PageWord::kOrderShift;
  if ((word.without_zone() & ~kCompoundBit) == plain &&
      ((page.references ^ 1) | page.mapping) == 0) [[likely]] {
    const PageIndex index = array_.index_of(page);
    const MigrateType type = pageblocks_.get(raw(index));
    const unsigned list = pcp_list_of(order, type);
    PerCpuPages& set = percpu_zone(Arch::current()->percpu, word.zone()).pages;
    if (list != kNoPcpList && set.lock.try_lock()) [[likely]] {
      const auto length = static_cast<std::int32_t>(order.pages().raw());
      if (set.has_room_for(length)) [[likely]] {
        page.references = 0;
        page.list_type = type;
        if ((word.raw() & kCompoundBit) != 0)
          page.set_word(PageWord(word.zone_bits(), order, PageKind::kInUse));
        set.lists.data()[list].push_front(array_, page, index);
        set.listed += length;
        set.lock.unlock();
        return;
      }
      set.lock.unlock();
    }
  }
  free_checked(page, order, __builtin_return_address(0));
}

// References that others hold, bad states, hooks, full sets, orders that have no list.
void PageAllocator::free_checked(Page& page, Order order, const void* caller) {
  const PageWord word = page.word;
  const bool in_use = word.kind() == PageKind::kInUse || word.kind() == PageKind::kCompound;
  if (!in_use || page.refcount <= 0) {
    debug_.report_bad_page(page, in_use ? "nonzero _refcount" : "not allocated");
    return;
  }
  if (word.order() != order) {
    debug_.report_bad_page(page, "freed with another order than it was allocated with");
    return;
  }
  if (--page.refcount > 0) {
    if (word.kind() != PageKind::kCompound) free_all_but_first(page, order, caller);
    return;
  }
  free_block(page, order, caller);
}

// Someone still holds a reference to a plain block, which is to its first page: the rest goes now.
void PageAllocator::free_all_but_first(Page& page, Order order, const void* caller) {
  const PageWord word = page.word;
  page.set_word(PageWord(word.zone_bits(), Order{0}, word.kind()));
  for (unsigned o = order.raw(); o-- > 0;) {
    Page& part = map_.at(raw(map_.index_of(page)) + (1u << o));
    part.set_word(PageWord(word.zone_bits(), Order{o}, word.kind()));
    part.mapcount = 0;
    part.mapping = 0;
    free_block(part, Order{o}, caller);
  }
}

// The last reference is gone.
void PageAllocator::free_block(Page& page, Order order, const void* caller) {
  const bool flagged = (page.word.raw() & kCheckedAtFree) != 0;
  if (page.mapcount != 0 || page.mapping != 0 || flagged) {
    debug_.report_bad_page(page, flagged             ? "PAGE_FLAGS_CHECK_AT_FREE flag(s) set"
                                 : page.mapping != 0 ? "non-NULL mapping"
                                                     : "nonzero mapcount");
    return;
  }
  if (debug_.hooked()) debug_.before_free(page, order, caller);
  Zone& zone = nodes_.zone_of(page.word);
  const PageIndex index = map_.index_of(page);
  const MigrateType type = map_.pageblock_type(index);
  std::byte* const area = Arch::current()->percpu;
  const PerCpuSets::Set set{area, zone, percpu_at<PerCpuZone>(area, zone.percpu_offset).pages};
  page.refcount = 0;
  if (!has_pcp_list(order) || type == MigrateType::kIsolate || !set.pages.lock.try_lock()) {
    free_to_zone(zone, index, order);
    return;
  }
  page.set_word(PageWord(zone.page_bits, order, PageKind::kInUse));
  page.list_type = type;
  sets_.put(set, index, order);
  set.pages.lock.unlock();
}

void PageAllocator::free_to_zone(Zone& zone, PageIndex index, Order order) {
  std::byte* const area = Arch::current()->percpu;
  const auto pages = static_cast<std::int64_t>(order.pages().raw());
  {
    const SpinGuard guard(zone.lock);
    const MigrateType type = map_.pageblock_type(index);
    if (type != MigrateType::kIsolate)
      mod_zone_state(area, zone, ZoneItem::kNrFreePages, pages);
    buddy_.free(zone, index, order, type);
  }
  count_event(area, VmEvent::kPgfree, order.pages().raw());
}

void PageAllocator::split(Page& page, Order order) {
  QUIRE_ASSERT(page.word.kind() == PageKind::kInUse && page.word.order() == order);
  const std::uint32_t first = raw(map_.index_of(page));
  const std::uint32_t zone_bits = page.word.zone_bits();
  page.set_word(PageWord(zone_bits, Order{0}, PageKind::kInUse));
  if (debug_.owners().on()) debug_.owners().note_split(map_.index_of(page), order);
  for (std::uint32_t i = 1; i < order.pages().raw(); ++i) {
    Page& single = map_.at(first + i);
    single.set_word(page.word);
    single.refcount = 1;
    single.mapcount = 0;
    single.mapping = 0;
  }
}

void PageAllocator::release(Zone& zone, PfnRange pages) {
  std::byte* const area = Arch::current()->percpu;
  const SpinGuard guard(zone.lock);
  const std::uint64_t count = pages.length().raw();
  std::uint32_t at = raw(map_.index_of(*map_.page_of(pages.start)));
  std::uint64_t left = count;
  while (left != 0) {
    const unsigned aligned = at == 0 ? Order::kMax : min_of(ffs0(at), Order::kMax);
    const Order order{min_of(aligned, fls(left) - 1)};
    std::uint64_t step = order.pages().raw();
    if (order == Order{Order::kMax}) {
      step = map_.contiguous_from(PageIndex{at}, left) & ~(kMaxOrderPages.raw() - 1);
      buddy_.add_run(zone, PageIndex{at},
                     static_cast<std::uint32_t>(step / kMaxOrderPages.raw()));
    } else {
      buddy_.free_to(ListEnd::kBack, zone, PageIndex{at}, order);
    }
    left -= step;
    if (left == 0) break;
    at = raw(map_.index_of(*map_.page_of(pages.end - PageCount{left})));
  }
  zone.managed.fetch_add(count, std::memory_order_relaxed);
  zone.stat[index_of(ZoneItem::kNrFreePages)].fetch_add(static_cast<std::int64_t>(count),
                                                         std::memory_order_relaxed);
  count_event(area, VmEvent::kPgfree, count);
}

void PageAllocator::drain(Zone& zone, CpuId cpu) {
  const PerCpuSets::Set set{Arch::current()->percpu, zone, nodes_.percpu(zone, cpu).pages};
  set.pages.lock.claim(host_);
  sets_.drain(set);
  set.pages.lock.release();
}

void PageAllocator::settle(Zone& zone, CpuId cpu) {
  PerCpuPages& set = nodes_.percpu(zone, cpu).pages;
  set.lock.claim(host_);
  sets_.settle(set);
  set.lock.release();
}

void PageAllocator::drain_cpu(CpuId cpu) {
  nodes_.for_each_populated([&](Zone& zone) { drain(zone, cpu); });
}

void PageAllocator::drain_all() {
  for (unsigned cpu = 0; cpu < nodes_.cpu_count(); ++cpu)
    drain_cpu(CpuId{static_cast<std::uint16_t>(cpu)});
}

}  // namespace quire
