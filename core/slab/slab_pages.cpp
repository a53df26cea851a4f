// Slabs and sheaves come and go: pages become slabs, dead slabs pages again.
#include "slab/debug.hpp"
#include "slab/kmem_cache.hpp"

namespace quire {
namespace {

// Of a caller's flags, those that say how hard to try, and where (GFP_RECLAIM_MASK and
// GFP_CONSTRAINT_MASK); the rest is about the object, not about its slab.
constexpr Gfp kEffort = Gfp::kReclaim | Gfp::kHigh | Gfp::kIo | Gfp::kFs | Gfp::kNoWarn |
                        Gfp::kRetryMayFail | Gfp::kNoFail | Gfp::kNoRetry | Gfp::kMemalloc |
                        Gfp::kNoMemalloc | Gfp::kAtomicContext | Gfp::kHardwall | Gfp::kThisNode;

constexpr Gfp compound(Order order) {
  return order == Order{0} ? Gfp::kNone : Gfp::kCompound;
}

}  // namespace

// The large order is a wish that is not worth much effort.
Page* KmemCache::new_slab(const Want& want) {
  const SlabLayout& layout = objects_.layout;
  const Gfp gfp = (want.gfp & kEffort) | slab_gfp_;
  if (layout.order != layout.min_order) {
    Gfp wish = (gfp | Gfp::kNoWarn | Gfp::kNoRetry) & ~Gfp::kNoFail;
    if (any(wish & Gfp::kDirectReclaim)) wish = (wish | Gfp::kNoMemalloc) & ~Gfp::kReclaim;
    if (Page* const page = parts_->pages.allocate(wish | compound(layout.order), layout.order,
                                                  want.node))
      return page;
  }
  return parts_->pages.allocate(gfp | compound(layout.min_order), layout.min_order, want.node);
}

void* KmemCache::grow(const Want& want) {
  Page* const head = new_slab(want);
  if (head == nullptr) return nullptr;
  const NodeId from = parts_->nodes.zone_of(head->word).node;
  set_up(*head, from);
  NodeSlabs& node = nodes_[index_of(from)];
  const SpinGuard guard(node.lock);
  node.add(objects_, *head);
  return take_one_locked(want, node);
}

// Objects that a constructor or debugging has to see are made now, others when they are taken.
void KmemCache::set_up(Page& head, NodeId node) {
  const Order order = head.word.order();
  const PageWord word(head.word.zone_bits(), order, PageKind::kSlab);
  const SlabTag tag(cpu_slab_, node);
  Page* const pages = &head;
  for (std::uint64_t i = 0; i < order.pages().raw(); ++i) {
    pages[i].mapping = tag.raw();
    pages[i].set_word(word);
  }
  const SlabLayout& layout = objects_.layout;
  head.slab = {.free = Page::kNoObject,
               .inuse = 0,
               .objects = static_cast<std::uint16_t>(
                   order == layout.order ? layout.objects : layout.min_slab_objects)};
  head.carved = 0;
  count_pages(node, static_cast<std::int64_t>(order.pages().raw()));
  if (constructor_ == nullptr && !debugged()) return;
  if (debugged()) SlabDebug(parts_->reports).fill(objects_, head);
  for (std::uint32_t i = head.slab.objects; i-- > 0;) {
    void* const object = objects_.object_at(head, i);
    if (constructor_ != nullptr) constructor_(object);
    ++head.slab.inuse;
    objects_.put(head, object);
  }
  head.carved = head.slab.objects;
}

void KmemCache::count_pages(NodeId node, std::int64_t pages) const {
  const bool reclaimable = any(flags() & SlabFlags::kReclaimAccount);
  mod_node_state(Arch::current()->percpu, parts_->nodes.node(node),
                 reclaimable ? NodeItem::kNrSlabReclaimable : NodeItem::kNrSlabUnreclaimable,
                 pages);
}

void KmemCache::bury(DeadSlabs& dead) {
  while (!dead.empty()) give_back(objects_.pages.at(dead.pop(objects_.pages)));
}

void KmemCache::give_back(Page& head) {
  const Order order = head.word.order();
  count_pages(SlabTag{head.mapping}.node(), -static_cast<std::int64_t>(order.pages().raw()));
  Page* const pages = &head;
  for (std::uint64_t i = 1; i < order.pages().raw(); ++i) {
    pages[i].mapping = 0;
    pages[i].set_word({});
  }
  head.mapping = 0;
  head.references = 1;
  head.index_low = 0;
  head.set_word(PageWord(head.word.zone_bits(), order,
                         order == Order{0} ? PageKind::kInUse : PageKind::kCompound));
  parts_->pages.free(head, order);
}

// Called without the lock: a new sheaf may need a new slab, and that may take long.
void KmemCache::bring_sheaf(CpuSlab& slab, Gfp gfp) {
  Sheaf* const sheaf = new_sheaf(gfp);
  if (sheaf == nullptr) return;
  bool used = false;
  if (slab.lock.try_lock()) {
    Sheaf** const place = slab.main == nullptr    ? &slab.main
                          : slab.spare == nullptr ? &slab.spare
                                                  : nullptr;
    used = place != nullptr;
    if (used) *place = sheaf;
    publish(slab);
    slab.lock.unlock();
  }
  if (!used) drop_sheaf(*sheaf);
}

Sheaf* KmemCache::new_sheaf(Gfp gfp) {
  NodeSlabs& node = nodes_[index_of(SlabTag{own().tag}.node())];
  {
    const SpinGuard guard(node.lock);
    if (Sheaf* const sheaf = node.take_empty()) return sheaf;
  }
  const Gfp effort = (gfp & kEffort & ~Gfp::kThisNode & ~Gfp::kNoFail) | Gfp::kNoWarn;
  void* const memory = sheaf_cache_->alloc(effort);
  if (memory == nullptr) return nullptr;
  return new (memory) Sheaf{.count = 0, .limit = sheaf_capacity_};
}

void KmemCache::drop_sheaf(Sheaf& sheaf) { sheaf_cache_->free(&sheaf); }

}  // namespace quire
