/* Per-CPU variables by the names that kernel authors know. Included by quire/linux_names.h.
 *
 *   DEFINE_PER_CPU(int, hits) = 5;             in one source; DECLARE_PER_CPU elsewhere
 *   ++get_cpu_var(hits);                       on this CPU, which the thread stays on
 *   put_cpu_var(hits);
 *   int *bytes = alloc_percpu(int);
 *   for_each_possible_cpu(cpu) sum += per_cpu(hits, cpu) + *per_cpu_ptr(bytes, cpu);
 *   free_percpu(bytes);
 *
 * A variable stands for its pieces on the machine that the thread is attached to; each machine has
 * its own. What a pointer points to tells how much of it there is, so a `void *` that was allocated
 * is cast back before it is used. */
#ifndef QUIRE_LINUX_PERCPU_H
#define QUIRE_LINUX_PERCPU_H

#include <quire/quire.h>
#include <stdint.h>

#define DEFINE_PER_CPU(type, name) __typeof__(type) name
#define DECLARE_PER_CPU(type, name) extern __typeof__(type) name

/* Per-CPU pointers have a form that no variable's address has. */
static inline int quire_linux_is_allocated(const void *pointer) {
  return (uintptr_t)pointer >> 62 == 1;
}
static inline void *quire_linux_per_cpu(const void *pointer, size_t size, int cpu) {
  const struct quire_percpu_variable variable = {pointer, size};
  if (quire_linux_is_allocated(pointer)) return quire_per_cpu_ptr(quire_current(), pointer, cpu);
  return quire_per_cpu_variable(quire_current(), &variable, cpu);
}

static inline int get_cpu(void) { return quire_get_cpu(quire_current()); }
static inline void put_cpu(void) { quire_put_cpu(quire_current()); }
static inline int smp_processor_id(void) {
  const int cpu = get_cpu();
  put_cpu();
  return cpu;
}
static inline int num_possible_cpus(void) { return quire_cpu_count(quire_current()); }
#define for_each_possible_cpu(cpu) for ((cpu) = 0; (cpu) < num_possible_cpus(); ++(cpu))

#define per_cpu_ptr(pointer, cpu) \
  ((__typeof__(pointer))quire_linux_per_cpu((pointer), sizeof *(pointer), (cpu)))
#define per_cpu(variable, cpu) (*per_cpu_ptr(&(variable), (cpu)))
#define this_cpu_ptr(pointer) per_cpu_ptr((pointer), smp_processor_id())
#define get_cpu_ptr(pointer) per_cpu_ptr((pointer), get_cpu())
#define put_cpu_ptr(pointer) ((void)(pointer), put_cpu())
#define get_cpu_var(variable) (*get_cpu_ptr(&(variable)))
#define put_cpu_var(variable) put_cpu_ptr(&(variable))

#define alloc_percpu_gfp(type, gfp) \
  ((__typeof__(type) *)quire_alloc_percpu(quire_current(), sizeof(type), __alignof__(type), (gfp)))
#define alloc_percpu(type) alloc_percpu_gfp(type, GFP_KERNEL)
#define __alloc_percpu(size, align) \
  quire_alloc_percpu(quire_current(), (size), (unsigned)(align), GFP_KERNEL)
static inline void free_percpu(void *pointer) { quire_free_percpu(quire_current(), pointer); }

#endif
