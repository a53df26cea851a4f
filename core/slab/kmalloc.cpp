#include "slab/kmalloc.hpp"

#include "slab/report.hpp"

namespace quire {
namespace {

constexpr std::string_view kPrefix[kKmallocKinds] = {"kmalloc-", "dma-kmalloc-", "kmalloc-cg-",
                                                     "kmalloc-rcl-"};
constexpr SlabFlags kKindFlags[kKmallocKinds] = {SlabFlags::kNone, SlabFlags::kCacheDma,
                                                 SlabFlags::kAccount, SlabFlags::kReclaimAccount};

void print_size(Text& text, std::size_t size) {
  if (size >= 1024)
    text.dec(size / 1024).ch('k');
  else
    text.dec(size);
}

}  // namespace

// In the order in which Linux makes them, which /proc/slabinfo shows.
Result<void> Kmalloc::init() {
  const MemoryMap& map = caches_.parts().map;
  frames_ = reinterpret_cast<std::uintptr_t>(map.frames().base());
  frame_count_ = map.frames().pages();
  pages_ = map.array();
  for (const KmallocKind kind : {KmallocKind::kNormal, KmallocKind::kCgroup,
                                 KmallocKind::kReclaim, KmallocKind::kDma}) {
    const auto k = static_cast<unsigned>(kind);
    for (const unsigned index : {3u, 4u, 5u, 6u, 1u, 7u, 2u, 8u, 9u, 10u, 11u, 12u, 13u}) {
      const std::size_t size = kmalloc_size(index);
      char name[KmemCache::kMaxName];
      BufferSink sink(name, sizeof name);
      Text text(sink);
      text.str(kPrefix[k]);
      print_size(text, size);
      text.flush();
      const auto bytes = static_cast<std::uint32_t>(size);
      // Powers of two are aligned to themselves.
      const ObjectShape shape{.size = bytes,
                              .align = index > 2 ? bytes : 0,
                              .flags = kKindFlags[k] | SlabFlags::kKmalloc};
      QUIRE_TRY_ASSIGN(cache, caches_.create({.name = sink.text(), .shape = shape}));
      by_size_[k][index] = cache;
      cpu_slabs_[k][index] = cache->cpu_slab_offset();
    }
  }
  return {};
}

void* Kmalloc::alloc_node(std::size_t size, Gfp gfp, NodeId node) {
  return alloc_slow(size, gfp, node);
}

void* Kmalloc::alloc_slow(std::size_t size, Gfp gfp, NodeId node) {
  if (size == 0) return zero_size_pointer();
  if (size > kMaxKmallocCache) return alloc_pages(size, gfp, node);
  return cache(kmalloc_kind(gfp), kmalloc_index(size))
      ->allocate({gfp, node, __builtin_return_address(0), static_cast<std::uint32_t>(size)});
}

void* Kmalloc::alloc_pages(std::size_t size, Gfp gfp, NodeId node) {
  if (Bytes{size} > size_of(kMaxOrderPages)) return nullptr;
  const Order order{fls(pages_to_hold(Bytes{size}).raw() - 1)};
  const NodeId from = node == kNoNode ? Arch::current()->node : node;
  Page* const page = caches_.parts().pages.allocate(gfp | Gfp::kCompound, order, from);
  if (page == nullptr) return nullptr;
  count_pages(*page, static_cast<std::int64_t>(order.pages().raw()));
  return caches_.parts().map.content_of(*page);
}

void Kmalloc::count_pages(const Page& page, std::int64_t pages) const {
  const Nodes& nodes = caches_.parts().nodes;
  mod_node_state(Arch::current()->percpu, nodes.node(nodes.zone_of(page.word).node),
                 NodeItem::kNrSlabUnreclaimable, pages);
}

// The slab, or the block of pages, that `memory` begins or lies in; null: neither.
Page* Kmalloc::head_of(const void* memory) const {
  const MemoryMap& map = caches_.parts().map;
  const PageIndex index = map.frames().index_at(memory);
  if (index == PageIndex::kNone) return nullptr;
  Page& page = map.at(index);
  if (page.word.kind() == PageKind::kSlab)
    return &map.at(raw(index) & ~((1u << page.word.order().raw()) - 1));
  const bool starts = map.content_of(page) == memory;
  return starts && page.word.kind() == PageKind::kCompound ? &page : nullptr;
}

void Kmalloc::free_slow(void* memory) {
  const void* const caller = __builtin_return_address(0);
  if (is_zero_size_or_null(memory)) return;
  Page* const head = head_of(memory);
  if (head == nullptr) {
    report_bad_kfree(caches_.parts(), {memory, caller});
  } else if (head->word.kind() == PageKind::kCompound) {
    free_pages(*head);
  } else {
    KmemCache& owner =
        *percpu_at<CpuSlab>(Arch::current()->percpu, SlabTag{head->mapping}.cpu_slab()).cache;
    owner.free_object(memory, *head, caller);
  }
}

void Kmalloc::free_pages(Page& head) {
  const Order order = head.word.order();
  count_pages(head, -static_cast<std::int64_t>(order.pages().raw()));
  caches_.parts().pages.free(head, order);
}

Bytes Kmalloc::usable_size(const void* memory) const {
  if (is_zero_size_or_null(memory)) return Bytes{0};
  const Page* const head = head_of(memory);
  if (head == nullptr) return Bytes{0};
  if (head->word.kind() == PageKind::kCompound) return size_of(head->word.order().pages());
  const SlabLayout& layout =
      percpu_at<CpuSlab>(Arch::current()->percpu, SlabTag{head->mapping}.cpu_slab())
          .cache->layout();
  // What lies behind an object must not be written where it is looked at.
  if (any(layout.flags & (SlabFlags::kRedZone | SlabFlags::kPoison)))
    return Bytes{layout.object_size};
  if (any(layout.flags & (SlabFlags::kTypesafeByRcu | SlabFlags::kStoreUser)))
    return Bytes{layout.inuse};
  return Bytes{layout.size};
}

void* Kmalloc::realloc(void* memory, std::size_t size, Gfp gfp) {
  if (size == 0) {
    free(memory);
    return zero_size_pointer();
  }
  const std::size_t usable = usable_size(memory).raw();
  if (size <= usable) return memory;
  void* const moved = alloc(size, gfp);
  if (moved == nullptr) return nullptr;
  if (usable != 0) std::memcpy(moved, memory, usable);
  free(memory);
  return moved;
}

void* Kmalloc::kvmalloc(std::size_t size, Gfp gfp, NodeId node) {
  // vmalloc waits, so that who may not wait has no way out.
  const bool retreat =
      size > kPageSize.raw() && virtual_ != nullptr && any(gfp & Gfp::kDirectReclaim);
  // There is a way out: no need to try hard, or to complain.
  const bool patient = any(gfp & (Gfp::kRetryMayFail | Gfp::kNoFail));
  Gfp first = gfp;
  if (retreat) {
    first = (gfp | Gfp::kNoWarn) & ~Gfp::kNoFail;
    if (!patient) first = first | Gfp::kNoRetry;
  }
  if (void* const memory = alloc_node(size, first, node)) return memory;
  return retreat ? virtual_->allocate(Bytes{size}, gfp, node) : nullptr;
}

void Kmalloc::kvfree(void* memory) {
  if (virtual_ != nullptr && virtual_->owns(memory))
    virtual_->free(memory);
  else
    free(memory);
}

}  // namespace quire
