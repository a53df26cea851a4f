#include "slab/slab_caches.hpp"

#include <algorithm>

#include "slab/report.hpp"

namespace quire {
namespace {

// kmalloc's are apart, so that what overruns them meets no other objects.
constexpr SlabFlags kNeverMerge = SlabFlags::kDebug | SlabFlags::kTypesafeByRcu |
                                  SlabFlags::kNoLeakTrace | SlabFlags::kNoMerge |
                                  SlabFlags::kKmalloc;
constexpr SlabFlags kMergeSame = SlabFlags::kReclaimAccount | SlabFlags::kCacheDma |
                                 SlabFlags::kCacheDma32 | SlabFlags::kAccount;

// The smallest sheaf fills a cache line, the others are its doubles.
constexpr unsigned kSheafShift = 6;

// Sheaves hold about a slab of small objects, and less where much memory would be kept.
std::uint32_t default_capacity(const SlabLayout& layout) {
  const std::uint32_t bytes = layout.size < 256    ? 512
                              : layout.size < 1024 ? 256
                              : layout.size < 4096 ? 128
                                                   : 64;
  return (bytes - sizeof(Sheaf)) / sizeof(void*);
}

// Who tunes a cache wants it for himself.
bool may_merge(const CacheSpec& spec) {
  const CacheTuning& tuning = spec.tuning;
  return !any(spec.shape.flags & kNeverMerge) && spec.constructor == nullptr &&
         !tuning.sheaf_capacity.has_value() && !tuning.min_partial.has_value() &&
         !tuning.sizing.has_value() && !tuning.cpu_slab.has_value();
}

std::uint64_t mixed(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

// The nearest node whose memory kernel objects may come from.
NodeId home_of(const Nodes& nodes, NodeId node) {
  const Zone* const first =
      nodes.node(node).fallback.first[index_of(ZoneType::kNormal)]->zone;
  return first == nullptr ? node : first->node;
}

}  // namespace

Result<KmemCache*> SlabCaches::create(const CacheSpec& spec) {
  const Turn turn(*this);
  Result<KmemCache*> made = create_in_turn(spec);
  if (!made.has_value()) report_no_cache(parts_, spec, made.error());
  return made;
}

Result<KmemCache*> SlabCaches::create_in_turn(const CacheSpec& asked) {
  CacheSpec spec = asked;
  if (spec.name.empty() || spec.name.size() > KmemCache::kMaxName) return Errno::kInvalid;
  spec.shape.flags = settings_.debug.flags_for(spec.name, spec.shape.flags);
  if (find_in_turn(spec.name) != nullptr) return Errno::kExists;
  QUIRE_TRY_ASSIGN(layout, layout_of(spec.shape, spec.tuning.sizing.value_or(settings_.sizing)));
  if (KmemCache* const like = mergeable(spec, layout)) {
    QUIRE_TRY(add_alias(spec.name, *like));
    ++like->references_;
    like->object_size_ = max_of(like->object_size_, layout.object_size);
    like->objects_.layout.object_size = like->object_size_;
    like->objects_.layout.inuse = max_of(like->objects_.layout.inuse, layout.inuse);
    return like;
  }
  QUIRE_TRY_ASSIGN(cache, make(spec, layout));
  if (!cache->debugged())
    QUIRE_TRY(give_sheaves(*cache, spec.tuning.sheaf_capacity.value_or(default_capacity(layout))));
  open(*cache);
  cache->next_ = newest_;
  newest_ = cache;
  return cache;
}

KmemCache* SlabCaches::mergeable(const CacheSpec& spec, const SlabLayout& layout) {
  if (!settings_.merge || !may_merge(spec)) return nullptr;
  for (KmemCache* cache = newest_; cache != nullptr; cache = cache->next_) {
    const SlabLayout& other = cache->layout();
    if (!cache->knobs_.mergeable || layout.size > other.size) continue;
    if (other.size % layout.align != 0) continue;
    if ((layout.flags & kMergeSame) != (other.flags & kMergeSame)) continue;
    if (other.size - layout.size < SlabLayout::kWord) return cache;
  }
  return nullptr;
}

// A slot keeps its nodes' books and its place in the per-CPU areas for the next cache.
Result<KmemCache*> SlabCaches::new_slot() {
  if (vacant_ != nullptr) {
    KmemCache* const slot = vacant_;
    vacant_ = slot->next_;
    const std::span<NodeSlabs> nodes = slot->nodes_;
    const std::uint32_t place = slot->own_cpu_slab_;
    new (slot) KmemCache;
    slot->nodes_ = nodes;
    slot->own_cpu_slab_ = place;
    return slot;
  }
  QUIRE_TRY_ASSIGN(slot, arena_.make<KmemCache>(NodeId{0}));
  QUIRE_TRY_ASSIGN(nodes, arena_.make_array<NodeSlabs>(parts_.nodes.all().size()));
  slot->nodes_ = nodes;
  return slot;
}

Result<KmemCache*> SlabCaches::make(const CacheSpec& spec, const SlabLayout& layout) {
  QUIRE_TRY_ASSIGN(cache, new_slot());
  if (spec.tuning.cpu_slab.has_value()) {
    cache->cpu_slab_ = raw(*spec.tuning.cpu_slab);
  } else {
    if (cache->own_cpu_slab_ == 0) {
      QUIRE_TRY_ASSIGN(place, parts_.nodes.percpu_areas().allocate(Bytes{sizeof(CpuSlab)},
                                                                   Bytes{alignof(CpuSlab)}));
      cache->own_cpu_slab_ = raw(place);
    }
    cache->cpu_slab_ = cache->own_cpu_slab_;
  }
  const FrameWindow frames = parts_.map.frames();
  const PageArray pages = parts_.map.array();
  cache->parts_ = &parts_;
  cache->objects_ = {frames, pages, layout,
                     mixed(reinterpret_cast<std::uintptr_t>(frames.base()) ^ ++secrets_)};
  cache->object_size_ = layout.object_size;
  cache->page_bias_ =
      reinterpret_cast<std::uintptr_t>(&pages.at(PageIndex::kNone)) -
      (reinterpret_cast<std::uintptr_t>(frames.base()) >> KmemCache::kPageByteShift);
  cache->constructor_ = spec.constructor;
  cache->references_ = 1;
  cache->full_sheaves_ = spec.tuning.full_sheaves;
  cache->empty_sheaves_ = spec.tuning.empty_sheaves;
  const bool content_stays = spec.constructor != nullptr ||
                             any(layout.flags & (SlabFlags::kTypesafeByRcu | SlabFlags::kPoison));
  cache->init_on_alloc_ = parts_.profile.init_on_alloc && !content_stays;
  cache->init_on_free_ = parts_.profile.init_on_free && !content_stays;
  if (any(layout.flags & SlabFlags::kCacheDma)) cache->slab_gfp_ = cache->slab_gfp_ | Gfp::kDma;
  if (any(layout.flags & SlabFlags::kCacheDma32))
    cache->slab_gfp_ = cache->slab_gfp_ | Gfp::kDma32;
  if (any(layout.flags & SlabFlags::kReclaimAccount))
    cache->slab_gfp_ = cache->slab_gfp_ | Gfp::kReclaimable;
  cache->name_ = CacheName(spec.name);
  cache->knobs_.mergeable = settings_.merge && may_merge(spec);
  for (NodeSlabs& node : cache->nodes_) {
    new (&node) NodeSlabs;
    node.min_partial = spec.tuning.min_partial.value_or(partial_limits(layout).min_partial);
    node.lists_full = any(layout.flags & SlabFlags::kStoreUser);
    node.keeps_empty = any(layout.flags & SlabFlags::kTypesafeByRcu);
  }
  return cache;
}

// Sheaves are objects too, of caches that have none.
Result<void> SlabCaches::give_sheaves(KmemCache& cache, std::uint32_t capacity) {
  if (capacity == 0) return {};
  const unsigned shift = max_of(kSheafShift, fls(sheaf_size(capacity).raw() - 1));
  if (shift - kSheafShift >= kSheafSizes) return Errno::kInvalid;
  KmemCache*& source = sheaf_caches_[shift - kSheafShift];
  if (source == nullptr) {
    const ObjectShape shape{.size = 1u << shift, .align = kCacheLine};
    QUIRE_TRY_ASSIGN(layout, layout_of(shape, {}));
    QUIRE_TRY_ASSIGN(made, make({.name = "sheaf", .shape = shape}, layout));
    open(*made);
    source = made;
  }
  cache.sheaf_cache_ = source;
  cache.sheaf_capacity_ = capacity;
  cache.hot_ = !cache.init_on_alloc_ && !cache.init_on_free_;
  return {};
}

void SlabCaches::open(KmemCache& cache) {
  for (unsigned i = 0; i < parts_.nodes.cpu_count(); ++i) {
    const CpuId cpu{static_cast<std::uint16_t>(i)};
    CpuSlab& slab = *new (&cache.cpu_slab(cpu)) CpuSlab;
    slab.tag =
        SlabTag(cache.cpu_slab_, home_of(parts_.nodes, parts_.nodes.node_of(cpu))).raw();
    slab.cache = &cache;
  }
}

KmemCache* SlabCaches::find(std::string_view name) {
  const Turn turn(*this);
  return find_in_turn(name);
}

KmemCache* SlabCaches::find_in_turn(std::string_view name) {
  for (KmemCache* cache = newest_; cache != nullptr; cache = cache->next_)
    if (cache->name() == name) return cache;
  for (Alias* alias = aliases_; alias != nullptr; alias = alias->next)
    if (alias->cache != nullptr && alias->name.text() == name) return alias->cache;
  return nullptr;
}

KmemCache* SlabCaches::cache_at(std::size_t number) {
  const Turn turn(*this);
  KmemCache* cache = newest_;
  while (cache != nullptr && number-- != 0) cache = cache->next_;
  return cache;
}

CacheName SlabCaches::alias_at(std::size_t number) {
  const Turn turn(*this);
  for (const Alias* alias = aliases_; alias != nullptr; alias = alias->next)
    if (alias->cache != nullptr && number-- == 0) return alias->name;
  return {};
}

// Who destroys an alias does not say which: names stay as long as the cache.
Result<void> SlabCaches::add_alias(std::string_view name, KmemCache& cache) {
  Alias* place = aliases_;
  while (place != nullptr && place->cache != nullptr) place = place->next;
  if (place == nullptr) {
    QUIRE_TRY_ASSIGN(made, arena_.make<Alias>(NodeId{0}));
    place = made;
    place->next = aliases_;
    aliases_ = place;
  }
  place->name = CacheName(name);
  place->cache = &cache;
  return {};
}

Result<void> SlabCaches::destroy(KmemCache& cache) {
  const Turn turn(*this);
  if (cache.references_ > 1) {
    --cache.references_;
    return {};
  }
  if (cache.shrink()) {
    report_remaining(cache, __builtin_return_address(0));
    return Errno::kBusy;
  }
  KmemCache** place = &newest_;
  while (*place != &cache) place = &(*place)->next_;
  *place = cache.next_;
  for (Alias* alias = aliases_; alias != nullptr; alias = alias->next)
    if (alias->cache == &cache) alias->cache = nullptr;
  cache.next_ = vacant_;
  vacant_ = &cache;
  return {};
}

void SlabCaches::drain_cpu(CpuId cpu) {
  for_each([&](KmemCache& cache) { cache.drain_cpu(cpu); });
}

void SlabCaches::shrink_all() {
  for_each([](KmemCache& cache) { cache.shrink(); });
  for (KmemCache* const cache : sheaf_caches_)
    if (cache != nullptr) cache->shrink();
}

}  // namespace quire
