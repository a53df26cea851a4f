/* The C API as a C11 program sees it, Linux's names included; called from quire_c_test.cpp. */
#include "tests/api/quire_c.h"

#include <errno.h>
#include <quire/linux_names.h>
#include <quire/quire.h>
#include <string.h>

const char *quire_c_linux_names(struct quire_machine *machine) {
  CHECK(alloc_pages(GFP_KERNEL, 0) == NULL);
  CHECK(quire_attach(machine, 1) == 0);
  struct page *block = alloc_pages(GFP_KERNEL, 2);
  CHECK(block != NULL);
  CHECK(pfn_to_page(page_to_pfn(block)) == block);
  CHECK(virt_to_page(page_address(block)) == block);
  split_page(block, 2);
  for (unsigned long i = 0; i < 4; ++i) __free_page(pfn_to_page(page_to_pfn(block) + i));

  struct page *far_page = alloc_pages_node(1, GFP_USER | __GFP_THISNODE, 0);
  CHECK(far_page != NULL && page_to_nid(far_page) == 1);
  __free_page(far_page);

  char *zeroed = (char *)get_zeroed_page(GFP_KERNEL);
  CHECK(zeroed != NULL && zeroed[0] == 0 && memcmp(zeroed, zeroed + 1, PAGE_SIZE - 1) == 0);
  memset(zeroed, 1, PAGE_SIZE);
  free_page((unsigned long)zeroed);
  const unsigned long address = __get_free_pages(GFP_ATOMIC, 3);
  CHECK(address != 0);
  free_pages(address, 3);
  free_pages(0, 3);

  char *exact = alloc_pages_exact(3 * PAGE_SIZE - 1, GFP_KERNEL);
  CHECK(exact != NULL);
  const unsigned long pfn = page_to_pfn(virt_to_page(exact));
  CHECK(alloc_contig_range(pfn, pfn + 3, MIGRATE_MOVABLE, GFP_KERNEL) == -EBUSY);
  CHECK(alloc_contig_range(pfn + 3, pfn + 4, MIGRATE_MOVABLE, GFP_KERNEL) == 0);
  free_contig_range(pfn + 3, 1);
  free_pages_exact(exact, 3 * PAGE_SIZE - 1);
  struct page *row = alloc_contig_pages(1500, GFP_KERNEL, NUMA_NO_NODE, NULL);
  CHECK(row != NULL && page_to_pfn(row) % 1500 == 0);
  free_contig_range(page_to_pfn(row), 1500);
  CHECK(quire_detach(machine) == 0);
  CHECK(quire_current() == NULL);
  return NULL;
}
