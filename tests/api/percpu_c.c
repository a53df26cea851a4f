/* Per-CPU variables by Linux's names, in C11. */
#include <quire/linux_names.h>

#include "tests/api/quire_c.h"

DECLARE_PER_CPU(long, quire_c_hits);
DEFINE_PER_CPU(long, quire_c_hits) = 5;
struct quire_c_pair {
  int left;
  char right[60];
};
static DEFINE_PER_CPU(struct quire_c_pair, quire_c_pairs);

const char *quire_c_percpu(struct quire_machine *machine) {
  CHECK(quire_attach(machine, 1) == 0);
  int cpu;
  for_each_possible_cpu(cpu) CHECK(per_cpu(quire_c_hits, cpu) == 5);
  CHECK(smp_processor_id() == 1);
  ++get_cpu_var(quire_c_hits);
  put_cpu_var(quire_c_hits);
  *this_cpu_ptr(&quire_c_hits) += 10;
  CHECK(quire_c_hits == 5);
  CHECK(per_cpu(quire_c_hits, 0) == 5 && per_cpu(quire_c_hits, 1) == 16);

  get_cpu_ptr(&quire_c_pairs)->right[59] = 7;
  put_cpu_ptr(&quire_c_pairs);
  CHECK(per_cpu(quire_c_pairs, 1).right[59] == 7 && per_cpu(quire_c_pairs, 2).right[59] == 0);

  int *numbers = alloc_percpu(int);
  CHECK(numbers != NULL);
  for_each_possible_cpu(cpu) *per_cpu_ptr(numbers, cpu) += cpu;
  int sum = 0;
  for_each_possible_cpu(cpu) sum += *per_cpu_ptr(numbers, cpu);
  CHECK(sum == 0 + 1 + 2 + 3);
  CHECK(*get_cpu_ptr(numbers) == 1);
  put_cpu_ptr(numbers);
  free_percpu(numbers);
  struct quire_c_pair *pairs = __alloc_percpu(3 * sizeof *pairs, __alignof__(*pairs));
  CHECK(pairs != NULL);
  CHECK((char *)per_cpu_ptr(pairs + 2, 3) - (char *)per_cpu_ptr(pairs, 3) == 2 * sizeof *pairs);
  free_percpu(pairs);
  CHECK(quire_detach(machine) == 0);
  return NULL;
}
