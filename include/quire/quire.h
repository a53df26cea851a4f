/* Quire's C API: boot a machine from its description, allocate and free its pages, read and write
 * its /proc and /sys files.
 *
 *   struct quire_machine *m = quire_machine_create_from_file("m.toml", NULL, error, sizeof error);
 *   quire_attach(m, QUIRE_ANY_CPU);
 *   struct quire_page *page = quire_alloc_pages(m, QUIRE_GFP_KERNEL, 0);
 *   quire_free_pages(m, page, 0);
 *   quire_machine_destroy(m);
 *
 * ABI        Functions and their meaning stay while the library's major and minor version do;
 *            structures that callers fill in begin with their size.
 * Errors     No call aborts on bad arguments. Functions that return int or a 64-bit number give a
 *            negative errno (-EINVAL for a null machine, a null string or buffer, an order above
 *            10, a node or CPU that is not there, a page of another machine); those that return a
 *            pointer give NULL. quire_last_error() then says why, for the calling thread. Freeing
 *            NULL does nothing. Freeing a page that is not in use, or with another order than it
 *            was allocated with, is reported in the machine's log as Linux does, leaks the block
 *            and gives -EINVAL.
 * Threads    Any thread may call. One that has attached runs on the CPU that it attached to;
 *            others share the last CPU, for which each call takes a lock. A simulated machine
 *            takes one lock for every call. quire_machine_destroy comes after all other calls.
 * Callbacks  The log callback may come from any call and must not call the machine.
 */
#ifndef QUIRE_QUIRE_H
#define QUIRE_QUIRE_H

#include <quire/export.h>
#include <quire/gfp.h>
#include <quire/percpu.h>
#include <quire/files.h>
#include <quire/process.h>
#include <quire/slab.h>
#include <quire/user_pages.h>
#include <quire/version.h>
#include <quire/vmalloc.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct quire_machine;
struct quire_page;

#define QUIRE_MAX_ORDER 10u     /* blocks are 2^order pages */
#define QUIRE_PAGE_SHIFT 12u
#define QUIRE_ANY_CPU (-1)
#define QUIRE_NO_NODE (-1)      /* the node of the CPU that the caller runs on */

/* --- Machines ------------------------------------------------------------------------------ */

enum quire_host {
  QUIRE_HOST_SIM = 0,    /* virtual clock; the same to the bit each time */
  QUIRE_HOST_NATIVE = 1  /* real threads, and content cleared as the kernel does */
};

struct quire_options {
  size_t size;           /* sizeof(struct quire_options) */
  int host; /* an enum quire_host; any int may come from C, so it is checked as one */
  uint64_t seed;         /* of the sim host */
  void (*log)(void *user, const char *line);  /* each line of the machine's log, or NULL */
  void *user;            /* handed to log */
};

/* Boots the machine that the TOML file, or text, describes (docs/MACHINE.md). `options` may be
 * NULL: a simulated machine without a log. NULL on failure, with the reason in `error` as well,
 * cut to `error_size` bytes, when `error` is not NULL. */
QUIRE_API struct quire_machine *quire_machine_create_from_file(
    const char *path, const struct quire_options *options, char *error, size_t error_size);
QUIRE_API struct quire_machine *quire_machine_create_from_text(
    const char *toml, const struct quire_options *options, char *error, size_t error_size);
QUIRE_API void quire_machine_destroy(struct quire_machine *machine);

/* Why the calling thread's last call that failed did; "" when none has. */
QUIRE_API const char *quire_last_error(void);

/* --- CPUs ---------------------------------------------------------------------------------- */

/* Puts the calling thread on a CPU of the machine, which is its own until it detaches or ends;
 * the last CPU is always shared. QUIRE_ANY_CPU: one that nobody has, else the last. -EBUSY: another
 * thread has it; -EEXIST: the thread is on a CPU of this machine already. */
QUIRE_API int quire_attach(struct quire_machine *machine, int cpu);
QUIRE_API int quire_detach(struct quire_machine *machine);
/* The machine that the calling thread attached to last and has not left; else NULL. */
QUIRE_API struct quire_machine *quire_current(void);

QUIRE_API int quire_cpu_count(const struct quire_machine *machine);
QUIRE_API int quire_node_count(const struct quire_machine *machine);  /* the highest plus one */
QUIRE_API int quire_node_is_online(const struct quire_machine *machine, int node);

/* --- Pages --------------------------------------------------------------------------------- */

/* A block of 2^order pages with one reference, or NULL. */
QUIRE_API struct quire_page *quire_alloc_pages(struct quire_machine *machine, quire_gfp_t gfp,
                                               unsigned order);
QUIRE_API struct quire_page *quire_alloc_pages_node(struct quire_machine *machine, int node,
                                                    quire_gfp_t gfp, unsigned order);
/* One page full of zeros. */
QUIRE_API struct quire_page *quire_get_zeroed_page(struct quire_machine *machine,
                                                   quire_gfp_t gfp);
/* Fills the slots of `pages` that are NULL; how many of `count` are filled then. */
QUIRE_API int64_t quire_alloc_pages_bulk(struct quire_machine *machine, quire_gfp_t gfp,
                                         size_t count, struct quire_page **pages);
/* Drops a reference to the block; with the last one it is free. */
QUIRE_API int quire_free_pages(struct quire_machine *machine, struct quire_page *page,
                               unsigned order);
/* Makes single pages of a block that was allocated without QUIRE_GFP_COMP. */
QUIRE_API int quire_split_page(struct quire_machine *machine, struct quire_page *page,
                               unsigned order);

/* As many pages as hold `size` bytes, at most a block, from the smallest block that has them; each
 * has a reference of its own. quire_free_pages_exact takes back all of them or, where not all are
 * single pages in use, none. */
QUIRE_API struct quire_page *quire_alloc_pages_exact(struct quire_machine *machine, int node,
                                                     quire_gfp_t gfp, size_t size);
QUIRE_API int quire_free_pages_exact(struct quire_machine *machine, struct quire_page *first,
                                     size_t size);

/* -EINVAL when it is no page of the machine. */
QUIRE_API int64_t quire_page_to_pfn(const struct quire_machine *machine,
                                    const struct quire_page *page);
/* The page after `page` in a block and the like; NULL when the machine has no memory there. */
QUIRE_API struct quire_page *quire_pfn_to_page(const struct quire_machine *machine, uint64_t pfn);
/* Where the content of the page can be read and written. */
QUIRE_API void *quire_page_address(const struct quire_machine *machine,
                                   const struct quire_page *page);
/* The page whose content lies at `address`; NULL when none does. */
QUIRE_API struct quire_page *quire_virt_to_page(const struct quire_machine *machine,
                                                const void *address);
/* "DMA", "DMA32", "Normal", "HighMem", "Movable" or "Device"; and the node's number. */
QUIRE_API const char *quire_page_zone(const struct quire_machine *machine,
                                      const struct quire_page *page);
QUIRE_API int quire_page_node(const struct quire_machine *machine,
                              const struct quire_page *page);

/* --- Ranges of memory ----------------------------------------------------------------------- */

struct quire_range {
  uint64_t start;  /* bytes, in whole pages */
  uint64_t size;
};

/* All pages of the range, which lies in one zone (-EBUSY when one is in use); the first `count`
 * pages that are free in a row, at a multiple of their number. Each has its own reference. */
QUIRE_API int quire_alloc_contig_range(struct quire_machine *machine,
                                       const struct quire_range *range, quire_gfp_t gfp);
QUIRE_API struct quire_page *quire_alloc_contig_pages(struct quire_machine *machine, int node,
                                                      quire_gfp_t gfp, uint64_t count);
QUIRE_API int quire_free_contig_range(struct quire_machine *machine,
                                      const struct quire_range *range);

/* Adds RAM of `node` as memory blocks, whole ones and offline, which
 * /sys/devices/system/memory/memoryN/state brings online; removes blocks that are offline. There is
 * room for what the machine's affinity rows mark as hot-pluggable: -ENOSPC beyond. No other thread
 * calls the machine meanwhile. */
QUIRE_API int quire_add_memory(struct quire_machine *machine, int node,
                               const struct quire_range *range);
QUIRE_API int quire_remove_memory(struct quire_machine *machine,
                                  const struct quire_range *range);

/* --- Files --------------------------------------------------------------------------------- */

/* The text of a file by its path, "/proc/zoneinfo" (the slash may be left out). At most `size`-1
 * bytes and a zero byte go to `buffer`, as snprintf does; returns the length of the whole text. */
QUIRE_API int64_t quire_read(struct quire_machine *machine, const char *path, char *buffer,
                             size_t size);
/* Writes to a file, as `echo text > path` does; returns the bytes taken, as write(2) does. */
QUIRE_API int64_t quire_write(struct quire_machine *machine, const char *path, const char *text);
/* The row `name` of /proc/vmstat; -ENOENT when there is none. */
QUIRE_API int64_t quire_counter(struct quire_machine *machine, const char *name);

#ifdef __cplusplus
}
#endif

#endif
