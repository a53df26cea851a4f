// Caches of objects, and memory of any size.
#include <cstring>
#include <vector>

#include "api/arguments.hpp"

using quire::Errno;
using quire::KmemCache;
using quire::Page;
using quire::PageKind;
using quire::api::Call;
using quire::api::fail;
using quire::api::flags_of;
using quire::api::node_of;
using quire::api::refuse;

namespace {

constexpr std::uint32_t kKnownSlabFlags =
    QUIRE_SLAB_CONSISTENCY_CHECKS | QUIRE_SLAB_RED_ZONE | QUIRE_SLAB_POISON |
    QUIRE_SLAB_HWCACHE_ALIGN | QUIRE_SLAB_CACHE_DMA | QUIRE_SLAB_CACHE_DMA32 |
    QUIRE_SLAB_STORE_USER | QUIRE_SLAB_RECLAIM_ACCOUNT | QUIRE_SLAB_PANIC |
    QUIRE_SLAB_TYPESAFE_BY_RCU | QUIRE_SLAB_ACCOUNT;

KmemCache* find(quire_machine* machine, quire_kmem_cache* cache) {
  if (machine == nullptr) return refuse(Errno::kInvalid, "no machine");
  KmemCache* const found = reinterpret_cast<KmemCache*>(cache);
  if (!machine->has_cache(found)) return refuse(Errno::kInvalid, "not a cache of this machine");
  return found;
}

// The cache of the slab that `object` begins in; null when none does.
KmemCache* owner_of(const quire_machine& machine, const void* object) {
  const Page* const page = machine.page_at(object);
  if (page == nullptr || page->word.kind() != PageKind::kSlab) return nullptr;
  const quire::SlabTag tag{page->mapping};
  std::byte* const area = machine.machine->cpus().front().percpu;
  KmemCache& cache = *quire::percpu_at<quire::CpuSlab>(area, tag.cpu_slab()).cache;
  const Page& head = cache.objects().head_of(object);
  const auto at = static_cast<std::uint32_t>(static_cast<const std::byte*>(object) -
                                             cache.objects().start(head));
  const std::uint32_t number = cache.layout().index_at(at);
  if (number >= head.slab.objects) return nullptr;
  return cache.objects().object_at(head, number) == object ? &cache : nullptr;
}

bool is_kmalloced(const quire_machine& machine, const void* memory) {
  if (quire::is_zero_size_or_null(memory) || owner_of(machine, memory) != nullptr) return true;
  const Page* const page = machine.page_at(memory);
  return page != nullptr && page->word.kind() == PageKind::kCompound && page->refcount > 0 &&
         machine.machine->map().content_of(*page) == memory;
}

void* or_no_memory(void* memory) {
  return memory == nullptr ? refuse(Errno::kNoMemory, "no memory of that size") : memory;
}

}  // namespace

bool quire_machine::has_cache(KmemCache* cache) const {
  const std::lock_guard guard(caches_lock_);
  return caches_.contains(cache);
}

void quire_machine::add_cache(KmemCache* cache) {
  const std::lock_guard guard(caches_lock_);
  caches_.insert(cache);
}

void quire_machine::drop_cache(KmemCache* cache) {
  const std::lock_guard guard(caches_lock_);
  caches_.erase(caches_.find(cache));
}

extern "C" {

quire_kmem_cache* quire_kmem_cache_create(quire_machine* machine, const quire_cache_spec* spec) {
  if (machine == nullptr || spec == nullptr || spec->size != sizeof *spec || spec->name == nullptr)
    return refuse(Errno::kInvalid, "no machine, specification or name");
  const quire::ObjectShape shape{.size = spec->object_size,
                                 .align = spec->align,
                                 .flags = quire::SlabFlags{spec->flags & kKnownSlabFlags},
                                 .has_constructor = spec->constructor != nullptr};
  const Call call(*machine);
  const auto cache = machine->machine->slabs().create(
      {.name = spec->name, .shape = shape, .constructor = spec->constructor});
  if (!cache.has_value()) return refuse(cache.error(), "cannot make the cache");
  machine->add_cache(*cache);
  return reinterpret_cast<quire_kmem_cache*>(*cache);
}

int quire_kmem_cache_destroy(quire_machine* machine, quire_kmem_cache* cache) {
  if (machine != nullptr && cache == nullptr) return 0;
  KmemCache* const found = find(machine, cache);
  if (found == nullptr) return -EINVAL;
  const Call call(*machine);
  const auto done = machine->machine->slabs().destroy(*found);
  if (!done.has_value()) return fail(done.error(), "the cache has objects in use");
  machine->drop_cache(found);
  return 0;
}

int quire_kmem_cache_shrink(quire_machine* machine, quire_kmem_cache* cache) {
  KmemCache* const found = find(machine, cache);
  if (found == nullptr) return -EINVAL;
  const Call call(*machine);
  return found->shrink() ? 1 : 0;
}

int64_t quire_kmem_cache_size(quire_machine* machine, quire_kmem_cache* cache) {
  const KmemCache* const found = find(machine, cache);
  return found == nullptr ? -EINVAL : static_cast<int64_t>(found->object_size().raw());
}

void* quire_kmem_cache_alloc(quire_machine* machine, quire_kmem_cache* cache, quire_gfp_t gfp) {
  KmemCache* const found = find(machine, cache);
  if (found == nullptr) return nullptr;
  const Call call(*machine);
  return or_no_memory(found->alloc(flags_of(gfp)));
}

void* quire_kmem_cache_alloc_node(quire_machine* machine, quire_kmem_cache* cache,
                                  quire_gfp_t gfp, int node) {
  KmemCache* const found = find(machine, cache);
  if (found == nullptr) return nullptr;
  const auto from = node_of(*machine, node);
  if (!from) return refuse(Errno::kInvalid, "no such node");
  const Call call(*machine);
  return or_no_memory(found->alloc_node(flags_of(gfp), *from));
}

int quire_kmem_cache_free(quire_machine* machine, quire_kmem_cache* cache, void* object) {
  KmemCache* const found = find(machine, cache);
  if (found == nullptr) return -EINVAL;
  if (object == nullptr) return 0;
  if (owner_of(*machine, object) != found)
    return fail(Errno::kInvalid, "not an object of the cache");
  const Call call(*machine);
  found->free(object);
  return 0;
}

int64_t quire_kmem_cache_alloc_bulk(quire_machine* machine, quire_kmem_cache* cache,
                                    quire_gfp_t gfp, const quire_objects* objects) {
  KmemCache* const found = find(machine, cache);
  if (found == nullptr) return -EINVAL;
  if (objects == nullptr || objects->objects == nullptr)
    return fail(Errno::kInvalid, "no array");
  const Call call(*machine);
  if (found->alloc_bulk(flags_of(gfp), {objects->objects, objects->count}))
    return static_cast<int64_t>(objects->count);
  fail(Errno::kNoMemory, "not as many objects");
  return 0;
}

int quire_kmem_cache_free_bulk(quire_machine* machine, quire_kmem_cache* cache,
                               const quire_objects* objects) {
  KmemCache* const found = find(machine, cache);
  if (found == nullptr) return -EINVAL;
  if (objects == nullptr || objects->objects == nullptr)
    return fail(Errno::kInvalid, "no array");
  const std::span<void* const> all(objects->objects, objects->count);
  for (const void* const object : all)
    if (owner_of(*machine, object) != found)
      return fail(Errno::kInvalid, "not an object of the cache");
  const Call call(*machine);
  found->free_bulk(all);
  return 0;
}

void* quire_kmalloc(quire_machine* machine, size_t size, quire_gfp_t gfp) {
  return quire_kmalloc_node(machine, size, gfp, QUIRE_NO_NODE);
}

void* quire_kmalloc_node(quire_machine* machine, size_t size, quire_gfp_t gfp, int node) {
  if (machine == nullptr) return refuse(Errno::kInvalid, "no machine");
  const auto from = node_of(*machine, node);
  if (!from) return refuse(Errno::kInvalid, "no such node");
  const Call call(*machine);
  quire::Kmalloc& kmalloc = machine->machine->kmalloc();
  return or_no_memory(*from == quire::kNoNode ? kmalloc.alloc(size, flags_of(gfp))
                                              : kmalloc.alloc_node(size, flags_of(gfp), *from));
}

void* quire_krealloc(quire_machine* machine, void* memory, size_t size, quire_gfp_t gfp) {
  if (machine == nullptr) return refuse(Errno::kInvalid, "no machine");
  if (!is_kmalloced(*machine, memory)) return refuse(Errno::kInvalid, "not allocated memory");
  const Call call(*machine);
  return or_no_memory(machine->machine->kmalloc().realloc(memory, size, flags_of(gfp)));
}

int64_t quire_ksize(quire_machine* machine, const void* memory) {
  if (machine == nullptr) return fail(Errno::kInvalid, "no machine");
  if (!is_kmalloced(*machine, memory)) return fail(Errno::kInvalid, "not allocated memory");
  const Call call(*machine);
  return static_cast<int64_t>(machine->machine->kmalloc().usable_size(memory).raw());
}

int quire_kfree(quire_machine* machine, void* memory) {
  if (machine == nullptr) return fail(Errno::kInvalid, "no machine");
  if (!is_kmalloced(*machine, memory)) return fail(Errno::kInvalid, "not allocated memory");
  const Call call(*machine);
  machine->machine->kmalloc().free(memory);
  return 0;
}

}  // extern "C"
