/* Boots a machine from its description, uses a few of its pages and shows what it counted.
 *
 *   cc embed_c.c $(pkg-config --cflags --libs quire) && ./a.out [MACHINE.toml] */
#include <inttypes.h>
#include <quire/quire.h>
#include <stdio.h>
#include <string.h>

static const char kMachine[] =
    "ram = \"256M\"\n"
    "cpus = 2\n";

static void print_line(void *user, const char *line) {
  (void)user;
  printf("| %s\n", line);
}

int main(int argc, char **argv) {
  const struct quire_options options = {
      .size = sizeof options, .host = QUIRE_HOST_NATIVE, .log = print_line};
  char error[256];
  struct quire_machine *machine =
      argc > 1 ? quire_machine_create_from_file(argv[1], &options, error, sizeof error)
               : quire_machine_create_from_text(kMachine, &options, error, sizeof error);
  if (!machine) {
    fprintf(stderr, "%s\n", error);
    return 1;
  }
  if (quire_attach(machine, QUIRE_ANY_CPU) != 0) return 1;

  struct quire_page *block = quire_alloc_pages(machine, QUIRE_GFP_KERNEL, 2);
  if (!block) {
    fprintf(stderr, "%s\n", quire_last_error());
    return 1;
  }
  printf("four pages from pfn %" PRId64 " in zone %s of node %d\n",
         quire_page_to_pfn(machine, block), quire_page_zone(machine, block),
         quire_page_node(machine, block));
  unsigned char *content = quire_page_address(machine, block);
  content[0] = 42;
  if (quire_free_pages(machine, block, 2) != 0) return 1;

  char *object = quire_kmalloc(machine, 100, QUIRE_GFP_KERNEL);  /* ours to use as it is */
  if (!object) return 1;
  strcpy(object, "kept by the machine");
  char *area = quire_vmalloc(machine, 100000);  /* an address of the machine's: copied to */
  if (!area || quire_vmalloc_write(machine, area + 4090, object, 20) != 20) return 1;
  char text[20];
  if (quire_vmalloc_read(machine, area + 4090, text, sizeof text) < 0) return 1;
  printf("%s, across two pages\n", text);
  if (quire_vfree(machine, area) != 0 || quire_kfree(machine, object) != 0) return 1;

  printf("free pages: %" PRId64 "\n", quire_counter(machine, "nr_free_pages"));
  quire_machine_destroy(machine);
  return 0;
}
