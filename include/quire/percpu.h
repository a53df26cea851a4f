/* Per-CPU memory: one piece on every CPU of a machine. Included by quire/quire.h.
 *
 * Per-CPU pointers   What quire_alloc_percpu gives stands for all the pieces at once. It is no
 *                    address, and nothing can be read through it: quire_per_cpu_ptr gives the
 *                    address of one CPU's piece. A number of bytes may be added to it.
 * Variables          A variable of the program may stand for one piece a CPU: each piece begins as
 *                    what the variable holds when the machine meets it first, and the variable
 *                    itself is not touched. The pieces go with the machine.
 * Errors             As quire.h has them; -EINVAL too for what is no per-CPU pointer. */
#ifndef QUIRE_PERCPU_H
#define QUIRE_PERCPU_H

#include <quire/export.h>
#include <quire/gfp.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct quire_machine;

#define QUIRE_PERCPU_MAX_SIZE 32768u

/* Zeroed pieces of `size` bytes, aligned to `align`, a power of two up to a page. Without
 * QUIRE_GFP_KERNEL among the flags only from pages that are there already. NULL when there is no
 * room (-ENOMEM), or the size is 0 or above QUIRE_PERCPU_MAX_SIZE (-EINVAL). */
QUIRE_API void *quire_alloc_percpu(struct quire_machine *machine, size_t size, unsigned align,
                                   quire_gfp_t gfp);
QUIRE_API int quire_free_percpu(struct quire_machine *machine, void *pointer);

/* The piece of one CPU, of the CPU that the caller runs on. */
QUIRE_API void *quire_per_cpu_ptr(struct quire_machine *machine, const void *pointer, int cpu);
QUIRE_API void *quire_this_cpu_ptr(struct quire_machine *machine, const void *pointer);

struct quire_percpu_variable {
  const void *initial;  /* the variable; its address is its name */
  size_t size;          /* a power of two, or a multiple of the variable's alignment */
};
/* The variable's piece of one CPU; NULL as well when there is no room for its pieces. */
QUIRE_API void *quire_per_cpu_variable(struct quire_machine *machine,
                                       const struct quire_percpu_variable *variable, int cpu);

/* Keeps the calling thread on its CPU, and every other thread off it, until quire_put_cpu: what
 * lies in the CPU's pieces is the caller's alone. The CPU's number, or a negative errno. Gets and
 * puts nest, across machines too: -EPERM for a put that does not belong to the last get. */
QUIRE_API int quire_get_cpu(struct quire_machine *machine);
QUIRE_API int quire_put_cpu(struct quire_machine *machine);

#ifdef __cplusplus
}
#endif

#endif
