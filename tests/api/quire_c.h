/* Scenarios in C: NULL when all is well, else what was not. */
#ifndef QUIRE_TESTS_API_QUIRE_C_H
#define QUIRE_TESTS_API_QUIRE_C_H

#define CHECK(condition) \
  do {                   \
    if (!(condition)) return "line " QUIRE_TEXT(__LINE__) ": " #condition; \
  } while (0)
#define QUIRE_TEXT(x) QUIRE_TEXT_OF(x)
#define QUIRE_TEXT_OF(x) #x

#ifdef __cplusplus
extern "C" {
#endif

struct quire_machine;
/* On a machine of two nodes whose frames have content. */
const char *quire_c_linux_names(struct quire_machine *machine);
const char *quire_c_percpu(struct quire_machine *machine);
const char *quire_c_slab(struct quire_machine *machine);
const char *quire_c_vmalloc(struct quire_machine *machine);

#ifdef __cplusplus
}
#endif

#endif
