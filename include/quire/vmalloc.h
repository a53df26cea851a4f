/* Memory at addresses of the machine's own, over pages that lie anywhere, and the translation
 * caches between the two. Included by quire/quire.h.
 *
 * Addresses   What quire_vmalloc and quire_vmap give is an address in the machine's kernel space,
 *             which its page tables translate, not the caller's: nothing can be read through it.
 *             quire_vmalloc_read and _write copy what lies there; quire_vmalloc_to_page leads to
 *             the page, whose content quire_page_address shows. A number of bytes may be added to
 *             it. What quire_kvmalloc gives is such an address or one of quire_kmalloc's, which can
 *             be used as it is: quire_is_vmalloc_addr tells which.
 * Ownership   Memory and mappings are their owner's until they are freed, by the address that was
 *             given; they go with the machine. Pages that quire_vmap shows stay the caller's.
 * Errors      As quire.h has them; -EINVAL too for what is not allocated, or was freed already.
 *             No room, neither pages nor addresses, is -ENOMEM. */
#ifndef QUIRE_VMALLOC_H
#define QUIRE_VMALLOC_H

#include <quire/export.h>
#include <quire/gfp.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct quire_machine;
struct quire_page;

/* Whole pages for `size` bytes, which is not 0, and an unmapped one behind them. */
QUIRE_API void *quire_vmalloc(struct quire_machine *machine, size_t size);
QUIRE_API void *quire_vzalloc(struct quire_machine *machine, size_t size);
/* Zeroed, and may be shown to a user. */
QUIRE_API void *quire_vmalloc_user(struct quire_machine *machine, size_t size);
QUIRE_API void *quire_vmalloc_node(struct quire_machine *machine, size_t size, quire_gfp_t gfp,
                                   int node);
/* In pages of 2 MiB where size and memory allow it. */
QUIRE_API void *quire_vmalloc_huge(struct quire_machine *machine, size_t size, quire_gfp_t gfp);
QUIRE_API int quire_vfree(struct quire_machine *machine, void *address);

/* Shows `count` pages, which are used meanwhile, one after the other. */
QUIRE_API void *quire_vmap(struct quire_machine *machine, struct quire_page *const *pages,
                           size_t count);
QUIRE_API int quire_vunmap(struct quire_machine *machine, void *address);

/* In one piece if that is easily had, else as quire_vmalloc; up to 2 GiB. Without
 * QUIRE_GFP_DIRECT_RECLAIM in one piece or not at all. quire_kvfree frees what quire_kmalloc and
 * quire_vmalloc gave as well. */
QUIRE_API void *quire_kvmalloc(struct quire_machine *machine, size_t size, quire_gfp_t gfp);
QUIRE_API void *quire_kvmalloc_node(struct quire_machine *machine, size_t size, quire_gfp_t gfp,
                                    int node);
QUIRE_API int quire_kvfree(struct quire_machine *machine, void *memory);

/* 1: in the range of addresses that vmalloc has; else 0. */
QUIRE_API int quire_is_vmalloc_addr(const struct quire_machine *machine, const void *address);
/* NULL where nothing is mapped. */
QUIRE_API struct quire_page *quire_vmalloc_to_page(struct quire_machine *machine,
                                                   const void *address);
/* Copies all `size` bytes, and returns how many; -EFAULT, and none, unless all of them lie in one
 * piece of memory or mapping of this header. What quire_kvmalloc gave in one piece will do too. */
QUIRE_API int64_t quire_vmalloc_read(struct quire_machine *machine, const void *address,
                                     void *into, size_t size);
QUIRE_API int64_t quire_vmalloc_write(struct quire_machine *machine, void *address,
                                      const void *from, size_t size);

/* Freed addresses are not handed out again until no CPU can translate them any more, which is seen
 * to when there are many: now. */
QUIRE_API int quire_vm_unmap_aliases(struct quire_machine *machine);

/* --- Translation caches, of a simulated machine whose description has [tlb]; else no effect --- */

QUIRE_API int quire_flush_tlb_all(struct quire_machine *machine);
QUIRE_API int quire_flush_tlb_kernel_range(struct quire_machine *machine, const void *start,
                                           size_t size);

#ifdef __cplusplus
}
#endif

#endif
