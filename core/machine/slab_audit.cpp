#include "machine/slab_audit.hpp"

namespace quire {
namespace {

// With what CPUs have not folded yet.
std::int64_t count_of(Nodes& nodes, NodeItem item) {
  std::int64_t sum = 0;
  for (const Node& node : nodes.all()) {
    if (!node.online) continue;
    sum += node.stat[index_of(item)].load(std::memory_order_relaxed);
    for (std::byte* const area : nodes.percpu_areas().all())
      sum += percpu_at<PerCpuNode>(area, node.percpu_offset).diffs[index_of(item)].read();
  }
  return sum;
}

}  // namespace

Errno SlabAudit::broken(const KmemCache& cache, std::string_view what, std::uint64_t value) {
  text_.str("cache ").str(cache.name()).str(": ").str(what).str(": ").dec(value).nl();
  return Errno::kFault;
}

KmemCache* SlabAudit::owner_of(const Page& head) const {
  KmemCache* owner = nullptr;
  const auto look = [&](KmemCache& cache) {
    if (cache.cpu_slab_offset() == SlabTag{head.mapping}.cpu_slab()) owner = &cache;
  };
  parts_.caches.for_each(look);
  parts_.caches.for_each_of_sheaves(look);
  return owner;
}

Result<void> SlabAudit::check_slab(Page& head) {
  const std::uint64_t pfn = parts_.map.pfn_of(head).raw();
  KmemCache* const cache = owner_of(head);
  const NodeId node = parts_.nodes.zone_of(head.word).node;
  if (cache == nullptr || head.mapping != SlabTag(cache->cpu_slab_offset(), node).raw()) {
    text_.str("the slab at pfn ").dec(pfn).str(" is of no cache").nl();
    return Errno::kFault;
  }
  const SlabLayout& layout = cache->layout();
  const Order order = head.word.order();
  const std::uint32_t objects = order == layout.order       ? layout.objects
                                : order == layout.min_order ? layout.min_slab_objects
                                                            : 0;
  if (head.slab.objects != objects)
    return broken(*cache, "a slab has another number of objects than its order holds", pfn);
  if (head.slab.inuse > objects || head.carved > objects)
    return broken(*cache, "a slab has more objects in use than there are", pfn);
  QUIRE_TRY(check_free_list(*cache, head));
  QUIRE_TRY(check_place(*cache, head));
  seen_.slabs += 1;
  seen_.objects += objects;
  (any(cache->flags() & SlabFlags::kReclaimAccount) ? seen_.reclaimable_pages
                                                    : seen_.unreclaimable_pages) +=
      order.pages().raw();
  return {};
}

Result<void> SlabAudit::check_free_list(const KmemCache& cache, const Page& head) {
  const std::uint64_t pfn = parts_.map.pfn_of(head).raw();
  const SlabObjects& objects = cache.objects();
  std::byte* const start = objects.start(head);
  std::uint32_t free = head.slab.objects - head.carved;
  void* object = head.slab.free == Page::kNoObject ? nullptr : start + head.slab.free;
  for (; object != nullptr; object = objects.link(object)) {
    const auto offset = static_cast<std::uint64_t>(static_cast<std::byte*>(object) - start);
    const std::uint64_t number = offset / cache.layout().size;
    if (number >= head.carved ||
        objects.object_at(head, static_cast<std::uint32_t>(number)) != object)
      return broken(cache, "a free list leads to what is no object, in the slab at pfn", pfn);
    if (++free > head.slab.objects) return broken(cache, "a free list has no end, at pfn", pfn);
  }
  if (free != std::uint32_t{head.slab.objects} - head.slab.inuse)
    return broken(cache, "free and used objects are not all, in the slab at pfn", pfn);
  return {};
}

// A slab with a free object is on its node's list.
Result<void> SlabAudit::check_place(const KmemCache& cache, Page& head) {
  NodeSlabs& node = cache.node(SlabTag{head.mapping}.node());
  const SpinGuard guard(node.lock);
  if (head.slab.inuse == head.slab.objects && !node.lists_full) return {};
  const bool full = head.slab.inuse == head.slab.objects;
  const PageList& list = full ? node.full : node.partial;
  const PageIndex index = parts_.map.index_of(head);
  const PageIndex before{head.prev};
  const PageIndex there =
      before == PageIndex::kNone ? list.front() : PageIndex{parts_.map.at(before).next};
  if (there != index)
    return broken(cache, "a slab is not on the list that it belongs on, at pfn",
                  parts_.map.pfn_of(head).raw());
  if (!full) seen_.partial += 1;
  return {};
}

Result<void> SlabAudit::check_caches() {
  Result<void> checked;
  const auto check = [&](KmemCache& cache) {
    if (checked.has_value()) checked = check_cache(cache);
  };
  parts_.caches.for_each(check);
  parts_.caches.for_each_of_sheaves(check);
  QUIRE_TRY(checked);
  if (seen_.slabs != listed_.slabs || seen_.objects != listed_.objects ||
      seen_.partial != listed_.partial) {
    text_.str("caches count ").dec(listed_.slabs).str(" slabs with ").dec(listed_.objects)
        .str(" objects, ").dec(listed_.partial).str(" of them partial; frames hold ")
        .dec(seen_.slabs).str(", ").dec(seen_.objects).str(", ").dec(seen_.partial).nl();
    return Errno::kFault;
  }
  return check_counters();
}

Result<void> SlabAudit::check_cache(KmemCache& cache) {
  for (NodeSlabs& node : cache.nodes()) {
    const auto id = NodeId{static_cast<std::uint16_t>(&node - cache.nodes().data())};
    const SpinGuard guard(node.lock);
    listed_.slabs += node.nr_slabs;
    listed_.objects += node.total_objects;
    listed_.partial += node.nr_partial;
    std::uint32_t full = 0;
    for (Sheaf* sheaf = node.full_sheaves; sheaf != nullptr; sheaf = sheaf->next, ++full) {
      if (!sheaf->full()) return broken(cache, "a full sheaf of a barn has room", sheaf->count);
      QUIRE_TRY(check_sheaf(cache, *sheaf, id));
    }
    std::uint32_t empty = 0;
    for (Sheaf* sheaf = node.empty_sheaves; sheaf != nullptr; sheaf = sheaf->next, ++empty)
      if (sheaf->count != 0)
        return broken(cache, "an empty sheaf of a barn has objects", sheaf->count);
    if (full != node.nr_full_sheaves || empty != node.nr_empty_sheaves)
      return broken(cache, "a barn has another number of sheaves than it counts", full);
  }
  for (unsigned cpu = 0; cpu < parts_.nodes.cpu_count(); ++cpu)
    QUIRE_TRY(check_cpu(cache, CpuId{static_cast<std::uint16_t>(cpu)}));
  return {};
}

Result<void> SlabAudit::check_cpu(KmemCache& cache, CpuId cpu) {
  CpuSlab& slab = cache.cpu_slab(cpu);
  const SlabTag tag{slab.tag};
  if (slab.cache != &cache || tag.cpu_slab() != cache.cpu_slab_offset())
    return broken(cache, "its place is another cache's on CPU", index_of(cpu));
  slab.lock.claim(cache.parts().host);
  Sheaf* const active = slab.active.load(std::memory_order_acquire);
  Sheaf* const main = slab.main;
  Sheaf* const spare = slab.spare;
  slab.lock.release();
  if (active != no_sheaf() && active != main)
    return broken(cache, "hot paths see a sheaf that is none of theirs, on CPU", index_of(cpu));
  if (main != nullptr) QUIRE_TRY(check_sheaf(cache, *main, tag.node()));
  if (spare != nullptr) QUIRE_TRY(check_sheaf(cache, *spare, tag.node()));
  return {};
}

// Objects at hand are out of their slabs, and each is there once.
Result<void> SlabAudit::check_sheaf(const KmemCache& cache, Sheaf& sheaf, NodeId node) {
  const SlabObjects& objects = cache.objects();
  if (sheaf.count > sheaf.limit) return broken(cache, "a sheaf is over its limit", sheaf.count);
  for (std::uint64_t i = 0; i < sheaf.count; ++i) {
    void* const object = sheaf.objects()[i];
    const PageIndex index = objects.frames.index_at(object);
    if (index == PageIndex::kNone || !objects.pages.at(index).word.is(PageKind::kSlab) ||
        objects.pages.at(index).mapping != SlabTag(cache.cpu_slab_offset(), node).raw())
      return broken(cache, "a sheaf has what is no object of the cache and node, at", i);
    for (std::uint64_t other = 0; other < i; ++other)
      if (sheaf.objects()[other] == object)
        return broken(cache, "a sheaf has an object twice, at", i);
    const Page& head = objects.head_of(index);
    std::byte* const start = objects.start(head);
    void* free = head.slab.free == Page::kNoObject ? nullptr : start + head.slab.free;
    for (; free != nullptr; free = objects.link(free))
      if (free == object) return broken(cache, "a sheaf has an object that its slab has, at", i);
  }
  return {};
}

// What kmalloc hands out in pages counts as slabs too, but is none.
Result<void> SlabAudit::check_counters() {
  const std::int64_t reclaimable = count_of(parts_.nodes, NodeItem::kNrSlabReclaimable);
  const std::int64_t unreclaimable = count_of(parts_.nodes, NodeItem::kNrSlabUnreclaimable);
  if (reclaimable == static_cast<std::int64_t>(seen_.reclaimable_pages) &&
      unreclaimable >= static_cast<std::int64_t>(seen_.unreclaimable_pages))
    return {};
  text_.str("nr_slab_reclaimable and nr_slab_unreclaimable are ").sdec(reclaimable).str(" and ")
      .sdec(unreclaimable).str(", but slabs have ").dec(seen_.reclaimable_pages).str(" and ")
      .dec(seen_.unreclaimable_pages).str(" pages").nl();
  return Errno::kFault;
}

}  // namespace quire
