/* The names that kernel authors know, on the machine that the calling thread attached to last:
 *
 *   quire_attach(machine, 0);
 *   struct page *page = alloc_pages(GFP_KERNEL, 2);
 *   __free_pages(page, 2);
 *
 * Errors   As quire.h has them; without an attached machine, those of a null machine.
 * Addresses are those of pages' content.
 * Nothing includes this header by itself: its names are Linux's, not Quire's. */
#ifndef QUIRE_LINUX_NAMES_H
#define QUIRE_LINUX_NAMES_H

#include <quire/linux_percpu.h>
#include <quire/linux_slab.h>
#include <quire/quire.h>

struct page; /* a quire_page by the name that Linux has for it */
typedef quire_gfp_t gfp_t;

#define PAGE_SHIFT QUIRE_PAGE_SHIFT
#define PAGE_SIZE (1ul << PAGE_SHIFT)
#define NUMA_NO_NODE QUIRE_NO_NODE

#define __GFP_DMA QUIRE_GFP_DMA_ZONE
#define __GFP_HIGHMEM QUIRE_GFP_HIGHMEM_ZONE
#define __GFP_DMA32 QUIRE_GFP_DMA32_ZONE
#define __GFP_MOVABLE QUIRE_GFP_MOVABLE
#define __GFP_RECLAIMABLE QUIRE_GFP_RECLAIMABLE
#define __GFP_HIGH QUIRE_GFP_HIGH
#define __GFP_ATOMIC QUIRE_GFP_ATOMIC_CONTEXT
#define __GFP_MEMALLOC QUIRE_GFP_MEMALLOC
#define __GFP_NOMEMALLOC QUIRE_GFP_NOMEMALLOC
#define __GFP_IO QUIRE_GFP_IO
#define __GFP_FS QUIRE_GFP_FS
#define __GFP_DIRECT_RECLAIM QUIRE_GFP_DIRECT_RECLAIM
#define __GFP_KSWAPD_RECLAIM QUIRE_GFP_KSWAPD_RECLAIM
#define __GFP_RECLAIM QUIRE_GFP_RECLAIM
#define __GFP_RETRY_MAYFAIL QUIRE_GFP_RETRY_MAYFAIL
#define __GFP_NOFAIL QUIRE_GFP_NOFAIL
#define __GFP_NORETRY QUIRE_GFP_NORETRY
#define __GFP_ZERO QUIRE_GFP_ZERO
#define __GFP_WRITE QUIRE_GFP_WRITE
#define __GFP_NOWARN QUIRE_GFP_NOWARN
#define __GFP_COMP QUIRE_GFP_COMP
#define __GFP_HARDWALL QUIRE_GFP_HARDWALL
#define __GFP_THISNODE QUIRE_GFP_THISNODE
#define __GFP_ACCOUNT QUIRE_GFP_ACCOUNT
#define __GFP_WAIT QUIRE_GFP_RECLAIM
#define __GFP_REPEAT QUIRE_GFP_RETRY_MAYFAIL

#define GFP_ATOMIC QUIRE_GFP_ATOMIC
#define GFP_KERNEL QUIRE_GFP_KERNEL
#define GFP_KERNEL_ACCOUNT QUIRE_GFP_KERNEL_ACCOUNT
#define GFP_NOWAIT QUIRE_GFP_NOWAIT
#define GFP_NOIO QUIRE_GFP_NOIO
#define GFP_NOFS QUIRE_GFP_NOFS
#define GFP_USER QUIRE_GFP_USER
#define GFP_DMA QUIRE_GFP_DMA
#define GFP_DMA32 QUIRE_GFP_DMA32
#define GFP_HIGHUSER QUIRE_GFP_HIGHUSER
#define GFP_HIGHUSER_MOVABLE QUIRE_GFP_HIGHUSER_MOVABLE
#define GFP_TRANSHUGE_LIGHT QUIRE_GFP_TRANSHUGE_LIGHT
#define GFP_TRANSHUGE QUIRE_GFP_TRANSHUGE

static inline struct quire_page *quire_of_linux_page(const struct page *page) {
  return (struct quire_page *)page;
}

static inline struct page *alloc_pages(gfp_t gfp, unsigned order) {
  return (struct page *)quire_alloc_pages(quire_current(), gfp, order);
}
static inline struct page *alloc_page(gfp_t gfp) { return alloc_pages(gfp, 0); }
static inline struct page *alloc_pages_node(int node, gfp_t gfp, unsigned order) {
  return (struct page *)quire_alloc_pages_node(quire_current(), node, gfp, order);
}
static inline void __free_pages(struct page *page, unsigned order) {
  quire_free_pages(quire_current(), quire_of_linux_page(page), order);
}
static inline void __free_page(struct page *page) { __free_pages(page, 0); }
static inline void split_page(struct page *page, unsigned order) {
  quire_split_page(quire_current(), quire_of_linux_page(page), order);
}

static inline unsigned long page_to_pfn(const struct page *page) {
  return (unsigned long)quire_page_to_pfn(quire_current(), quire_of_linux_page(page));
}
static inline struct page *pfn_to_page(unsigned long pfn) {
  return (struct page *)quire_pfn_to_page(quire_current(), pfn);
}
static inline void *page_address(const struct page *page) {
  return quire_page_address(quire_current(), quire_of_linux_page(page));
}
static inline struct page *virt_to_page(const void *address) {
  return (struct page *)quire_virt_to_page(quire_current(), address);
}
static inline int page_to_nid(const struct page *page) {
  return quire_page_node(quire_current(), quire_of_linux_page(page));
}

static inline unsigned long __get_free_pages(gfp_t gfp, unsigned order) {
  struct page *page = alloc_pages(gfp & ~__GFP_HIGHMEM, order);
  return page ? (unsigned long)page_address(page) : 0;
}
static inline unsigned long __get_free_page(gfp_t gfp) { return __get_free_pages(gfp, 0); }
static inline unsigned long get_zeroed_page(gfp_t gfp) {
  return __get_free_pages(gfp | __GFP_ZERO, 0);
}
static inline void free_pages(unsigned long address, unsigned order) {
  if (address != 0) __free_pages(virt_to_page((const void *)address), order);
}
static inline void free_page(unsigned long address) { free_pages(address, 0); }

static inline void *alloc_pages_exact_nid(int node, size_t size, gfp_t gfp) {
  struct quire_page *page =
      quire_alloc_pages_exact(quire_current(), node, gfp & ~__GFP_HIGHMEM, size);
  return page ? quire_page_address(quire_current(), page) : (void *)0;
}
static inline void *alloc_pages_exact(size_t size, gfp_t gfp) {
  return alloc_pages_exact_nid(NUMA_NO_NODE, size, gfp);
}
static inline void free_pages_exact(void *address, size_t size) {
  if (address) quire_free_pages_exact(quire_current(), quire_virt_to_page(quire_current(), address),
                                      size);
}

/* In `gfp`, which zones may serve; the pageblocks become movable whatever `type` says. */
static inline int quire_linux_range(unsigned long start, gfp_t gfp, unsigned long end) {
  const struct quire_range range = {(uint64_t)start << PAGE_SHIFT,
                                    (uint64_t)(end - start) << PAGE_SHIFT};
  return quire_alloc_contig_range(quire_current(), &range, gfp);
}
#define MIGRATE_MOVABLE 1
#define alloc_contig_range(start, end, type, gfp) \
  ((void)(type), quire_linux_range((start), (gfp), (end)))
#define alloc_contig_pages(count, gfp, node, nodes) \
  ((void)(nodes), (struct page *)quire_alloc_contig_pages(quire_current(), (node), (gfp), (count)))
static inline void free_contig_range(unsigned long pfn, unsigned count) {
  const struct quire_range range = {(uint64_t)pfn << PAGE_SHIFT, (uint64_t)count << PAGE_SHIFT};
  quire_free_contig_range(quire_current(), &range);
}

#endif
