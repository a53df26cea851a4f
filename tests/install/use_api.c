/* A stranger's C program: the library that runs is the one whose header was read, and has what is
 * declared there. */
#include <quire/quire.h>
#include <stdio.h>

int main(void) {
  printf("C: quire %d\n", quire_version());
  if (quire_vmalloc(NULL, 1) != NULL || quire_kfree(NULL, NULL) >= 0) return 1;
  return quire_version() == QUIRE_VERSION ? 0 : 1;
}
