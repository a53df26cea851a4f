/* Kernel memory by the names that kernel authors know. Included by quire/linux_names.h.
 *
 *   struct kmem_cache *cache = kmem_cache_create("inode", 600, 0, SLAB_HWCACHE_ALIGN, NULL);
 *   void *inode = kmem_cache_alloc(cache, GFP_KERNEL);
 *   kmem_cache_free(cache, inode);
 *   int *numbers = kmalloc_array(100, sizeof *numbers, GFP_KERNEL);
 *   kfree(numbers);
 *
 * Through what vmalloc, vmap and, where it is no kmalloc, kvmalloc give nothing can be read:
 * vread and vwrite copy (quire/vmalloc.h). */
#ifndef QUIRE_LINUX_SLAB_H
#define QUIRE_LINUX_SLAB_H

#include <quire/quire.h>
#include <string.h>

struct kmem_cache; /* a quire_kmem_cache by the name that Linux has for it */
struct page;

#define SLAB_CONSISTENCY_CHECKS QUIRE_SLAB_CONSISTENCY_CHECKS
#define SLAB_RED_ZONE QUIRE_SLAB_RED_ZONE
#define SLAB_POISON QUIRE_SLAB_POISON
#define SLAB_HWCACHE_ALIGN QUIRE_SLAB_HWCACHE_ALIGN
#define SLAB_CACHE_DMA QUIRE_SLAB_CACHE_DMA
#define SLAB_CACHE_DMA32 QUIRE_SLAB_CACHE_DMA32
#define SLAB_STORE_USER QUIRE_SLAB_STORE_USER
#define SLAB_RECLAIM_ACCOUNT QUIRE_SLAB_RECLAIM_ACCOUNT
#define SLAB_PANIC QUIRE_SLAB_PANIC
#define SLAB_TYPESAFE_BY_RCU QUIRE_SLAB_TYPESAFE_BY_RCU
#define SLAB_ACCOUNT QUIRE_SLAB_ACCOUNT

#define ZERO_SIZE_PTR QUIRE_ZERO_SIZE_PTR
#define ZERO_OR_NULL_PTR(memory) ((unsigned long)(memory) <= (unsigned long)ZERO_SIZE_PTR)

static inline struct quire_kmem_cache *quire_of_linux_cache(struct kmem_cache *cache) {
  return (struct quire_kmem_cache *)cache;
}
static inline struct quire_cache_spec quire_linux_spec(unsigned object_size,
                                                       void (*constructor)(void *)) {
  struct quire_cache_spec spec;
  memset(&spec, 0, sizeof spec);
  spec.size = sizeof spec;
  spec.object_size = object_size;
  spec.constructor = constructor;
  return spec;
}
static inline struct kmem_cache *quire_linux_cache(struct quire_cache_spec spec, const char *name,
                                                   unsigned align, unsigned long flags) {
  spec.name = name;
  spec.align = align;
  spec.flags = (uint32_t)flags;
  return (struct kmem_cache *)quire_kmem_cache_create(quire_current(), &spec);
}
#define kmem_cache_create(name, size, align, flags, constructor) \
  quire_linux_cache(quire_linux_spec((size), (constructor)), (name), (align), (flags))
#define KMEM_CACHE(type, flags) \
  kmem_cache_create(#type, sizeof(struct type), __alignof__(struct type), (flags), 0)
static inline void kmem_cache_destroy(struct kmem_cache *cache) {
  quire_kmem_cache_destroy(quire_current(), quire_of_linux_cache(cache));
}
static inline int kmem_cache_shrink(struct kmem_cache *cache) {
  return quire_kmem_cache_shrink(quire_current(), quire_of_linux_cache(cache));
}
static inline unsigned kmem_cache_size(struct kmem_cache *cache) {
  return (unsigned)quire_kmem_cache_size(quire_current(), quire_of_linux_cache(cache));
}
static inline void *kmem_cache_alloc(struct kmem_cache *cache, quire_gfp_t gfp) {
  return quire_kmem_cache_alloc(quire_current(), quire_of_linux_cache(cache), gfp);
}
static inline void *kmem_cache_zalloc(struct kmem_cache *cache, quire_gfp_t gfp) {
  return kmem_cache_alloc(cache, gfp | QUIRE_GFP_ZERO);
}
#define kmem_cache_alloc_node(cache, gfp, node) \
  quire_kmem_cache_alloc_node(quire_current(), quire_of_linux_cache(cache), (gfp), (node))
static inline void kmem_cache_free(struct kmem_cache *cache, void *object) {
  quire_kmem_cache_free(quire_current(), quire_of_linux_cache(cache), object);
}
static inline int kmem_cache_alloc_bulk(struct kmem_cache *cache, quire_gfp_t gfp, size_t count,
                                        void **objects) {
  const struct quire_objects all = {count, objects};
  return (int)quire_kmem_cache_alloc_bulk(quire_current(), quire_of_linux_cache(cache), gfp, &all);
}
static inline void kmem_cache_free_bulk(struct kmem_cache *cache, size_t count, void **objects) {
  const struct quire_objects all = {count, objects};
  quire_kmem_cache_free_bulk(quire_current(), quire_of_linux_cache(cache), &all);
}

static inline void *kmalloc(size_t size, quire_gfp_t gfp) {
  return quire_kmalloc(quire_current(), size, gfp);
}
static inline void *kzalloc(size_t size, quire_gfp_t gfp) {
  return kmalloc(size, gfp | QUIRE_GFP_ZERO);
}
#define kmalloc_node(size, gfp, node) quire_kmalloc_node(quire_current(), (size), (gfp), (node))
#define kzalloc_node(size, gfp, node) kmalloc_node((size), (gfp) | QUIRE_GFP_ZERO, (node))
/* No object is as large as what a product that does not fit stands for. */
static inline size_t quire_linux_product(const size_t factors[2]) {
  size_t bytes;
  return __builtin_mul_overflow(factors[0], factors[1], &bytes) ? ~(size_t)0 : bytes;
}
#define quire_linux_array(count, size) \
  __extension__({                      \
    const size_t factors_[2] = {(count), (size)}; \
    quire_linux_product(factors_);     \
  })
#define kmalloc_array(count, size, gfp) kmalloc(quire_linux_array((count), (size)), (gfp))
#define kcalloc(count, size, gfp) kzalloc(quire_linux_array((count), (size)), (gfp))
static inline void *krealloc(const void *memory, size_t size, quire_gfp_t gfp) {
  return quire_krealloc(quire_current(), (void *)memory, size, gfp);
}
static inline size_t ksize(const void *memory) {
  const int64_t size = quire_ksize(quire_current(), memory);
  return size < 0 ? 0 : (size_t)size;
}
static inline void kfree(const void *memory) { quire_kfree(quire_current(), (void *)memory); }
static inline void kfree_sensitive(const void *memory) {
  if (!ZERO_OR_NULL_PTR(memory)) memset((void *)memory, 0, ksize(memory));
  kfree(memory);
}

static inline void *kvmalloc(size_t size, quire_gfp_t gfp) {
  return quire_kvmalloc(quire_current(), size, gfp);
}
static inline void *kvzalloc(size_t size, quire_gfp_t gfp) {
  return kvmalloc(size, gfp | QUIRE_GFP_ZERO);
}
#define kvmalloc_node(size, gfp, node) quire_kvmalloc_node(quire_current(), (size), (gfp), (node))
#define kvmalloc_array(count, size, gfp) kvmalloc(quire_linux_array((count), (size)), (gfp))
#define kvcalloc(count, size, gfp) kvzalloc(quire_linux_array((count), (size)), (gfp))
static inline void kvfree(const void *memory) { quire_kvfree(quire_current(), (void *)memory); }

static inline void *vmalloc(unsigned long size) { return quire_vmalloc(quire_current(), size); }
static inline void *vzalloc(unsigned long size) { return quire_vzalloc(quire_current(), size); }
static inline void *vmalloc_user(unsigned long size) {
  return quire_vmalloc_user(quire_current(), size);
}
#define __vmalloc(size, gfp) \
  quire_vmalloc_node(quire_current(), (size), (gfp), QUIRE_NO_NODE)
#define vmalloc_node(size, node) \
  quire_vmalloc_node(quire_current(), (size), QUIRE_GFP_KERNEL, (node))
#define vzalloc_node(size, node) \
  quire_vmalloc_node(quire_current(), (size), QUIRE_GFP_KERNEL | QUIRE_GFP_ZERO, (node))
#define vmalloc_huge(size, gfp) quire_vmalloc_huge(quire_current(), (size), (gfp))
static inline void vfree(const void *address) { quire_vfree(quire_current(), (void *)address); }

/* Always for the kernel alone, to read and write. */
#define VM_MAP 0x4
#define PAGE_KERNEL 0
#define vmap(pages, count, flags, prot) \
  ((void)(flags), (void)(prot),         \
   quire_vmap(quire_current(), (struct quire_page *const *)(pages), (count)))
static inline void vunmap(const void *address) { quire_vunmap(quire_current(), (void *)address); }
static inline void vm_unmap_aliases(void) { quire_vm_unmap_aliases(quire_current()); }
static inline int is_vmalloc_addr(const void *address) {
  return quire_is_vmalloc_addr(quire_current(), address) == 1;
}
static inline struct page *vmalloc_to_page(const void *address) {
  return (struct page *)quire_vmalloc_to_page(quire_current(), address);
}
/* Bytes copied, or a negative errno. */
static inline long vread(char *into, const void *address, unsigned long size) {
  return (long)quire_vmalloc_read(quire_current(), address, into, size);
}
static inline long vwrite(const char *from, void *address, unsigned long size) {
  return (long)quire_vmalloc_write(quire_current(), address, from, size);
}

static inline void flush_tlb_all(void) { quire_flush_tlb_all(quire_current()); }
#define flush_tlb_kernel_range(start, end) \
  ((void)quire_flush_tlb_kernel_range(quire_current(), (const void *)(start), (end) - (start)))

#endif
