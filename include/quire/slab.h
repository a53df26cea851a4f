/* Kernel objects: caches of objects of one size, and memory of any size. Included by quire/quire.h.
 *
 * Addresses   Objects lie in page frames and are the caller's to read and write.
 * Ownership   An object is its owner's until it is freed; it goes with the machine. Caches that are
 *             merged share objects, so that one may be freed through the other's cache.
 * Errors      As quire.h has them. What is no object, or of another cache, is refused with -EINVAL
 *             and left alone. Misuse that Linux notices is reported in the machine's log as Linux
 *             does, and the machine goes on: what it notices follows from the flags of the cache
 *             and slub_debug=. A second free that nothing notices hands one object out twice.
 * Callbacks   A constructor may come from any call that allocates and must not call the machine. */
#ifndef QUIRE_SLAB_H
#define QUIRE_SLAB_H

#include <quire/export.h>
#include <quire/gfp.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct quire_machine;
struct quire_kmem_cache;

/* Linux's flags, with their values. */
#define QUIRE_SLAB_CONSISTENCY_CHECKS 0x100u
#define QUIRE_SLAB_RED_ZONE 0x400u
#define QUIRE_SLAB_POISON 0x800u
#define QUIRE_SLAB_HWCACHE_ALIGN 0x2000u
#define QUIRE_SLAB_CACHE_DMA 0x4000u
#define QUIRE_SLAB_CACHE_DMA32 0x8000u
#define QUIRE_SLAB_STORE_USER 0x10000u
#define QUIRE_SLAB_RECLAIM_ACCOUNT 0x20000u
#define QUIRE_SLAB_PANIC 0x40000u
#define QUIRE_SLAB_TYPESAFE_BY_RCU 0x80000u
#define QUIRE_SLAB_ACCOUNT 0x4000000u

struct quire_cache_spec {
  size_t size;                        /* sizeof(struct quire_cache_spec) */
  const char *name;                   /* at most 47 bytes; copied */
  uint32_t object_size;               /* bytes */
  uint32_t align;                     /* a power of two; 0: a word */
  uint32_t flags;                     /* QUIRE_SLAB_ */
  void (*constructor)(void *object);  /* once for each object of a new slab; may be NULL */
};

/* NULL: a name that is taken (-EEXIST), a shape that makes no sense (-EINVAL), no room. With
 * QUIRE_SLAB_PANIC the machine stops instead, and the program with it. */
QUIRE_API struct quire_kmem_cache *quire_kmem_cache_create(struct quire_machine *machine,
                                                           const struct quire_cache_spec *spec);
/* -EBUSY, after a report, while objects are in use: the cache then goes on. */
QUIRE_API int quire_kmem_cache_destroy(struct quire_machine *machine,
                                       struct quire_kmem_cache *cache);
/* Gives empty slabs back to the page allocator. 1 while others remain, else 0. */
QUIRE_API int quire_kmem_cache_shrink(struct quire_machine *machine,
                                      struct quire_kmem_cache *cache);
/* What an object's owner may use, in bytes. */
QUIRE_API int64_t quire_kmem_cache_size(struct quire_machine *machine,
                                        struct quire_kmem_cache *cache);

QUIRE_API void *quire_kmem_cache_alloc(struct quire_machine *machine,
                                       struct quire_kmem_cache *cache, quire_gfp_t gfp);
QUIRE_API void *quire_kmem_cache_alloc_node(struct quire_machine *machine,
                                            struct quire_kmem_cache *cache, quire_gfp_t gfp,
                                            int node);
QUIRE_API int quire_kmem_cache_free(struct quire_machine *machine, struct quire_kmem_cache *cache,
                                    void *object);

struct quire_objects {
  size_t count;
  void **objects;
};
/* All of them (the count is returned) or none (0). */
QUIRE_API int64_t quire_kmem_cache_alloc_bulk(struct quire_machine *machine,
                                              struct quire_kmem_cache *cache, quire_gfp_t gfp,
                                              const struct quire_objects *objects);
/* None, when one of them is refused. */
QUIRE_API int quire_kmem_cache_free_bulk(struct quire_machine *machine,
                                         struct quire_kmem_cache *cache,
                                         const struct quire_objects *objects);

/* --- Memory of any size -------------------------------------------------------------------- */

/* What an allocation of no bytes gives; it may be freed. */
#define QUIRE_ZERO_SIZE_PTR ((void *)16)

/* From caches of Linux's sizes up to 8 KiB, by pages up to 4 MiB. */
QUIRE_API void *quire_kmalloc(struct quire_machine *machine, size_t size, quire_gfp_t gfp);
QUIRE_API void *quire_kmalloc_node(struct quire_machine *machine, size_t size, quire_gfp_t gfp,
                                   int node);
/* NULL, and the old memory stays, when there is none of the new size. */
QUIRE_API void *quire_krealloc(struct quire_machine *machine, void *memory, size_t size,
                               quire_gfp_t gfp);
/* What the owner may use: as much as was asked for, or more. */
QUIRE_API int64_t quire_ksize(struct quire_machine *machine, const void *memory);
QUIRE_API int quire_kfree(struct quire_machine *machine, void *memory);

#ifdef __cplusplus
}
#endif

#endif
