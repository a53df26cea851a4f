#include "procfs/slab_files.hpp"

#include "procfs/number_text.hpp"

namespace quire {
namespace {

constexpr std::uint16_t kShown = 0400;
constexpr std::uint16_t kChanged = 0600;

// "42 N0=40 N1=2".
template <std::uint64_t SlabCounts::*kCount>
void show_by_node(const KmemCache& cache, Text& out) {
  std::uint64_t sum = 0;
  for (const Node& node : cache.parts().nodes.all())
    sum += CacheFiles::count(cache, node.id).*kCount;
  out.dec(sum);
  for (const Node& node : cache.parts().nodes.all()) {
    const std::uint64_t count = CacheFiles::count(cache, node.id).*kCount;
    if (count != 0) out.str(" N").dec(index_of(node.id)).ch('=').dec(count);
  }
  out.nl();
}

template <std::uint32_t SlabLayout::*kField>
void show_layout(const KmemCache& cache, Text& out) {
  out.dec(cache.layout().*kField).nl();
}

template <SlabFlags kFlag>
void show_flag(const KmemCache& cache, Text& out) {
  out.dec(any(cache.flags() & kFlag) ? 1 : 0).nl();
}

void show_order(const KmemCache& cache, Text& out) { out.dec(cache.layout().order.raw()).nl(); }

void show_constructor(const KmemCache& cache, Text& out) {
  if (cache.constructor() == nullptr) return;
  cache.parts().reports.code(out, reinterpret_cast<const void*>(cache.constructor()));
  out.nl();
}

// What may be copied to and from users: all of an object of kmalloc.
void show_user_size(const KmemCache& cache, Text& out) {
  const bool kmalloc = any(cache.flags() & SlabFlags::kKmalloc);
  out.dec(kmalloc ? cache.layout().object_size : 0).nl();
}

void show_aliases(const KmemCache& cache, Text& out) { out.dec(CacheFiles::aliases(cache)).nl(); }
void show_min_partial(const KmemCache& cache, Text& out) {
  out.dec(CacheFiles::min_partial(cache)).nl();
}
void show_cpu_partial(const KmemCache& cache, Text& out) {
  out.dec(CacheFiles::cpu_partial(cache)).nl();
}
void show_defrag_ratio(const KmemCache& cache, Text& out) {
  out.dec(CacheFiles::defrag_ratio(cache)).nl();
}

// No CPU has a slab for itself: what CPUs keep is in sheaves.
void show_cpu_slabs(const KmemCache&, Text& out) { out.dec(0).nl(); }
void show_cpu_partial_slabs(const KmemCache&, Text& out) { out.str("0(0)").nl(); }
void show_nothing(const KmemCache&, Text&) {}

Result<std::uint32_t> number_of_32_bits(std::string_view text) {
  QUIRE_TRY_ASSIGN(number, whole_number(text, Radix::kDecimal));
  if (number > ~std::uint32_t{0}) return Errno::kRange;
  return static_cast<std::uint32_t>(number);
}

Result<void> write_min_partial(KmemCache& cache, std::string_view text) {
  QUIRE_TRY_ASSIGN(slabs, whole_number(text, Radix::kDecimal));
  CacheFiles::set_min_partial(cache, slabs);
  return {};
}

Result<void> write_cpu_partial(KmemCache& cache, std::string_view text) {
  QUIRE_TRY_ASSIGN(objects, number_of_32_bits(text));
  return CacheFiles::set_cpu_partial(cache, objects);
}

Result<void> write_defrag_ratio(KmemCache& cache, std::string_view text) {
  QUIRE_TRY_ASSIGN(percent, number_of_32_bits(text));
  return CacheFiles::set_defrag_ratio(cache, percent);
}

Result<void> write_shrink(KmemCache& cache, std::string_view text) {
  if (!text.starts_with('1')) return Errno::kInvalid;
  cache.shrink();
  return {};
}

Result<void> write_validate(KmemCache& cache, std::string_view text) {
  if (!text.starts_with('1')) return Errno::kInvalid;
  return CacheDebug::validate(cache);
}

constexpr SlabFile kSlabFiles[] = {
    {"aliases", kShown, show_aliases},
    {"align", kShown, show_layout<&SlabLayout::align>},
    {"cache_dma", kShown, show_flag<SlabFlags::kCacheDma>},
    {"cpu_partial", kChanged, show_cpu_partial, write_cpu_partial},
    {"cpu_slabs", kShown, show_cpu_slabs},
    {"ctor", kShown, show_constructor},
    {"destroy_by_rcu", kShown, show_flag<SlabFlags::kTypesafeByRcu>},
    {"hwcache_align", kShown, show_flag<SlabFlags::kHwcacheAlign>},
    {"min_partial", kChanged, show_min_partial, write_min_partial},
    {"object_size", kShown, show_layout<&SlabLayout::object_size>},
    {"objects", kShown, show_by_node<&SlabCounts::used>},
    {"objects_partial", kShown, show_by_node<&SlabCounts::used_of_partial>},
    {"objs_per_slab", kShown, show_layout<&SlabLayout::objects>},
    {"order", kShown, show_order},
    {"partial", kShown, show_by_node<&SlabCounts::partial>},
    {"poison", kShown, show_flag<SlabFlags::kPoison>},
    {"reclaim_account", kShown, show_flag<SlabFlags::kReclaimAccount>},
    {"red_zone", kShown, show_flag<SlabFlags::kRedZone>},
    {"remote_node_defrag_ratio", kChanged, show_defrag_ratio, write_defrag_ratio},
    {"sanity_checks", kShown, show_flag<SlabFlags::kConsistencyChecks>},
    {"shrink", kChanged, show_nothing, write_shrink},
    {"slab_size", kShown, show_layout<&SlabLayout::size>},
    {"slabs", kShown, show_by_node<&SlabCounts::slabs>},
    {"slabs_cpu_partial", kShown, show_cpu_partial_slabs},
    {"store_user", kShown, show_flag<SlabFlags::kStoreUser>},
    {"total_objects", kShown, show_by_node<&SlabCounts::objects>},
    {"trace", kShown, show_flag<SlabFlags::kTrace>},
    {"usersize", kShown, show_user_size},
    {"validate", kChanged, show_nothing, write_validate},
};

}  // namespace

std::span<const SlabFile> slab_files() { return kSlabFiles; }

std::string_view slab_directory_of(const KmemCache& cache, DirectoryName& storage) {
  BufferSink sink(storage.data(), storage.size());
  Text text(sink);
  CacheFiles::write_directory(cache, text);
  text.flush();
  return sink.text();
}

KmemCache* slab_directory(const ProcSources& from, std::string_view name) {
  if (from.slabs == nullptr) return nullptr;
  if (KmemCache* const cache = from.slabs->find(name)) return cache;
  KmemCache* found = nullptr;
  DirectoryName storage;
  from.slabs->for_each([&](KmemCache& cache) {
    if (slab_directory_of(cache, storage) == name) found = &cache;
  });
  return found;
}

}  // namespace quire
