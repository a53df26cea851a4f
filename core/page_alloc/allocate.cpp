// Allocation: the order in which zones are asked, and the set or free list a block comes from.
#include "page_alloc/fast_path.hpp"

namespace quire {

PageAllocator::PageAllocator(const Parts& parts)
    : host_(parts.host),
      map_(parts.map),
      nodes_(parts.nodes),
      debug_(parts.debug),
      helpers_(parts.helpers),
      buddy_(parts.map, parts.debug.trace()),
      mobility_(buddy_, parts.tunables),
      sets_(buddy_, mobility_),
      array_(parts.map.array()),
      pageblocks_(parts.map.pageblocks()) {
  for (std::uint32_t bits = 0; bits < highest_zone_.size(); ++bits)
    highest_zone_[bits] = highest_zone(static_cast<Gfp>(bits), nodes_.arch());
}

void PageAllocator::count_allocation(std::byte* area, const Zone& zone,
                                     const AllocRequest& request, std::uint64_t times) const {
  const NodeId preferred = request.preferred->zone->node;
  auto& numa = percpu_at<PerCpuZone>(area, zone.percpu_offset).numa;
  const bool local = zone.node == Arch::current()->node;
  numa[index_of(local ? NumaItem::kNumaLocal : NumaItem::kNumaOther)].add(times);
  if (zone.node == preferred) {
    numa[index_of(NumaItem::kNumaHit)].add(times);
  } else {
    numa[index_of(NumaItem::kNumaMiss)].add(times);
    const Zone& missed = *request.preferred->zone;
    percpu_at<PerCpuZone>(area, missed.percpu_offset)
        .numa[index_of(NumaItem::kNumaForeign)]
        .add(times);
  }
  count_event(area, for_zone(VmEvent::kPgalloc, zone.type), times << request.order.raw());
}

Page& PageAllocator::hand_out(Zone& zone, PageIndex index, const AllocRequest& request) {
  Page& page = map_.at(index);
  const bool compound = request.order.raw() > 0 && any(request.gfp & Gfp::kCompound);
  page.set_word(PageWord(zone.page_bits, request.order,
                       compound ? PageKind::kCompound : PageKind::kInUse));
  page.refcount = 1;
  page.mapcount = 0;
  if (debug_.hooked() || any(request.gfp & Gfp::kZero)) [[unlikely]]
    debug_.after_alloc(page, request);
  return page;
}

Result<void> PageAllocator::reserve_routes(Arena& arena) {
  QUIRE_TRY_ASSIGN(routes, arena.make_array<Route>(nodes_.all().size() * kRoutesPerNode));
  routes_ = routes.data();
  return {};
}

void PageAllocator::build_routes() {
  plain_word_ = debug_.hooked() ? PerCpuEvents::kNoWord
                                : PageWord(0, Order{0}, PageKind::kInUse).raw();
  for (unsigned cpu = 0; cpu < nodes_.cpu_count(); ++cpu)
    percpu_at<PerCpuEvents>(nodes_.percpu_area(CpuId{static_cast<std::uint16_t>(cpu)}), 0)
        .recent_word = PerCpuEvents::kNoWord;
  nodes_.for_each_populated([&](Zone& zone) {
    zone.hooked = debug_.hooked();
    zone.refresh_fast_low();
  });
  nowhere_.hooked = true;
  nowhere_.refresh_fast_low();
  for (const Node& node : nodes_.all()) {
    for (std::uint32_t bits = 0; bits < highest_zone_.size(); ++bits) {
      const unsigned highest = index_of(highest_zone_[bits]);
      Zone* const first = node.possible ? node.fallback.first[highest]->zone : nullptr;
      Zone& zone = first == nullptr ? nowhere_ : *first;
      routes_[route_of(static_cast<Gfp>(bits), node.id)] = {&zone, &zone.fast_low[highest]};
    }
  }
}

// A block from the set's list, in a zone with pages to spare: the shortest path's next of kin.
Page* PageAllocator::allocate_block_fast(Gfp gfp, Order order, NodeId node) {
  const CpuContext& cpu = *Arch::current();
  const Route& route = routes_[route_of(gfp, node)];
  Zone& zone = *route.zone;
  const auto length = static_cast<std::int64_t>(order.pages().raw());
  if ((raw(gfp) & cpu.task->whole_path_gfp()) == 0 &&
      zone.free_pages() - length >= route.low->get() && has_free_block(zone, order)) [[likely]] {
    const unsigned list = pcp_list_of(order, mobility_.type_of(gfp));
    PerCpuPages& set = percpu_at<PerCpuZone>(cpu.percpu, zone.percpu_offset).pages;
    if (list != kNoPcpList && set.lock.try_lock()) [[likely]] {
      // Where limits are ample they stay so when pages leave, and no free_factor is to be lowered.
      PageList& blocks = set.lists.data()[list];
      if (set.ample && !blocks.empty()) [[likely]] {
        Page& page = array_.at(blocks.pop_front(array_));
        set.listed -= static_cast<std::int32_t>(length);
        ++set.blocks.data()[list];
        set.lock.unlock();
        page.references = 1;
        if (any(gfp & Gfp::kCompound))
          page.set_word(PageWord(zone.page_bits, order, PageKind::kCompound));
        return &page;
      }
      set.lock.unlock();
    }
  }
  return allocate_whole(gfp, order, node, __builtin_return_address(0));
}

// What the shortest path could not do for want of a page at hand: fetches some from the set's list.
Page* PageAllocator::allocate_warm(Gfp gfp, NodeId node) {
  const CpuContext& cpu = *Arch::current();
  const Route& route = routes_[route_of(gfp, node)];
  Zone& zone = *route.zone;
  PageIndex index = PageIndex::kNone;
  if ((raw(gfp) & cpu.task->whole_path_gfp()) == 0 && zone.free_pages() > route.low->get()) {
    PerCpuPages& set = percpu_at<PerCpuZone>(cpu.percpu, zone.percpu_offset).pages;
    if (set.lock.try_lock()) {
      index = sets_.take_single(set, mobility_.type_of(gfp));
      if (index != PageIndex::kNone) {
        --set.moved;
        ++set.served;
        set.free_factor >>= 1;
        set.set_limits();
      }
      set.lock.unlock();
    }
  }
  if (index == PageIndex::kNone)
    return allocate_whole(gfp, Order{0}, node, __builtin_return_address(0));
  Page& page = array_.at(index);
  page.references = 1;
  return &page;
}

Page* PageAllocator::allocate_whole(Gfp gfp, Order order, NodeId node, const void* caller) {
  AllocRequest request = prepare(gfp, order, node, kAllNodes);
  request.caller = caller;
  return allocate_with(request);
}

Page* PageAllocator::allocate_from(NodeMask nodes, Gfp gfp, Order order, NodeId node) {
  AllocRequest request = prepare(gfp, order, node, nodes);
  request.caller = __builtin_return_address(0);
  return allocate_with(request);
}

AllocRequest PageAllocator::prepare(Gfp gfp, Order order, NodeId node, NodeMask nodes) const {
  AllocRequest request;
  request.gfp = in_scope(gfp, Arch::current()->task->flags());
  request.order = order;
  request.highest = highest_zone_[raw(request.gfp) & 0xf];
  request.type = mobility_.type_of(request.gfp);
  const Node& from = nodes_.node(node);
  request.list = any(gfp & Gfp::kThisNode) ? &from.own : &from.fallback;
  request.nodes = nodes;
  request.find_preferred();
  return request;
}

AllocFlags PageAllocator::first_flags(const AllocRequest& request) const {
  AllocFlags flags{Watermark::kLow};
  flags.set(AllocFlags::kKswapd, any(request.gfp & Gfp::kKswapdReclaim));
  const Zone* const preferred = request.preferred->zone;
  flags.set(AllocFlags::kNoFragment, preferred != nullptr && preferred->fragments_late);
  return flags;
}

Page* PageAllocator::allocate_with(AllocRequest& request) {
  if (debug_.refuses(request.gfp)) [[unlikely]] return nullptr;
  Page* page = get_page_from_freelist(request, first_flags(request));
  if (page == nullptr) page = allocate_slow(request);
  debug_.trace().allocated(page, request);
  return page;
}

Page* PageAllocator::get_page_from_freelist(const AllocRequest& request, AllocFlags flags) {
  const ZoneRef* ref = request.preferred;
  while (ref->zone != nullptr) {
    Zone& zone = *ref->zone;
    // Memory that is near matters more than memory that is not fragmented.
    if (flags.has(AllocFlags::kNoFragment) && zone.node != request.preferred->zone->node) {
      flags.set(AllocFlags::kNoFragment, false);
      ref = request.preferred;
      continue;
    }
    const WatermarkQuery query{request.order, request.highest, flags,
                               zone.watermark_pages(flags.watermark())};
    if (flags.has(AllocFlags::kNoWatermarks) || watermark_fast(zone, query, request.gfp)) {
      if (Page* const page = take_from(zone, request, flags)) return page;
    }
    ref = request.next_from(ref + 1);
  }
  if (!flags.has(AllocFlags::kNoFragment)) return nullptr;
  flags.set(AllocFlags::kNoFragment, false);
  return get_page_from_freelist(request, flags);
}

Page* PageAllocator::take_from(Zone& zone, const AllocRequest& request, AllocFlags flags) {
  PageIndex index = PageIndex::kNone;
  if (has_pcp_list(request.order)) index = take_from_set(zone, request, flags);
  if (index == PageIndex::kNone) index = take_from_buddy(zone, request, flags);
  if (flags.has(AllocFlags::kKswapd) && zone.has(ZoneFlag::kBoostedWatermark)) {
    zone.clear(ZoneFlag::kBoostedWatermark);
    helpers_.wake_kswapd(zone, Order{0}, zone.type);
  }
  if (index == PageIndex::kNone) return nullptr;
  count_allocation(Arch::current()->percpu, zone, request, 1);
  Page& page = hand_out(zone, index, request);
  if (flags.has(AllocFlags::kHighAtomic)) [[unlikely]]
    mobility_.reserve_highatomic(zone, index);
  return &page;
}

PageIndex PageAllocator::take_from_set(Zone& zone, const AllocRequest& request,
                                       AllocFlags flags) {
  std::byte* const area = Arch::current()->percpu;
  const PerCpuSets::Set set{area, zone, percpu_at<PerCpuZone>(area, zone.percpu_offset).pages};
  if (!set.pages.lock.try_lock()) return PageIndex::kNone;
  set.pages.free_factor >>= 1;
  const PageIndex index = sets_.take(set, request, flags);
  set.pages.lock.unlock();
  return index;
}

PageIndex PageAllocator::take_from_buddy(Zone& zone, const AllocRequest& request,
                                         AllocFlags flags) {
  PageIndex index = PageIndex::kNone;
  const SpinGuard guard(zone.lock);
  if (flags.has(AllocFlags::kHighAtomic))
    index = buddy_.take(zone, request.order, MigrateType::kHighAtomic);
  if (index == PageIndex::kNone) index = mobility_.take(zone, request, flags);
  // Failing now is worse than failing an atomic block of high order later.
  if (index == PageIndex::kNone && flags.has_any(AllocFlags::kOom | AllocFlags::kNonBlock))
    index = buddy_.take(zone, request.order, MigrateType::kHighAtomic);
  if (index != PageIndex::kNone)
    mod_zone_state(Arch::current()->percpu, zone, ZoneItem::kNrFreePages,
                   -static_cast<std::int64_t>(request.order.pages().raw()));
  return index;
}

}  // namespace quire
