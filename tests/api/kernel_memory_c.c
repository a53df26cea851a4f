/* Slab, kmalloc and vmalloc by Linux's names, in C11. */
#include <quire/linux_names.h>
#include <string.h>

#include "tests/api/quire_c.h"

struct quire_c_inode {
  long number;
  char name[100];
};
static void name_it(void *object) { strcpy(((struct quire_c_inode *)object)->name, "new"); }

const char *quire_c_slab(struct quire_machine *machine) {
  CHECK(kmalloc(8, GFP_KERNEL) == NULL);
  CHECK(quire_attach(machine, 0) == 0);
  struct kmem_cache *inodes = kmem_cache_create("quire_c_inode", sizeof(struct quire_c_inode), 64,
                                                SLAB_HWCACHE_ALIGN | SLAB_ACCOUNT, name_it);
  CHECK(inodes != NULL);
  CHECK(kmem_cache_size(inodes) == sizeof(struct quire_c_inode));
  struct quire_c_inode *inode = kmem_cache_alloc(inodes, GFP_KERNEL);
  CHECK(inode != NULL && strcmp(inode->name, "new") == 0 && (unsigned long)inode % 64 == 0);
  kmem_cache_free(inodes, inode);
  inode = kmem_cache_alloc_node(inodes, GFP_KERNEL, 1);
  CHECK(page_to_nid(virt_to_page(inode)) == 1);
  kmem_cache_free(inodes, inode);
  void *objects[20];
  CHECK(kmem_cache_alloc_bulk(inodes, GFP_KERNEL, 20, objects) == 20);
  kmem_cache_free_bulk(inodes, 20, objects);
  CHECK(kmem_cache_shrink(inodes) == 0);
  kmem_cache_destroy(inodes);
  struct kmem_cache *plain = KMEM_CACHE(quire_c_inode, SLAB_POISON);
  inode = kmem_cache_zalloc(plain, GFP_KERNEL);
  CHECK(inode->number == 0 && inode->name[99] == 0);
  kmem_cache_free(plain, inode);
  kmem_cache_destroy(plain);

  long *numbers = kcalloc(10, sizeof *numbers, GFP_KERNEL);
  CHECK(numbers != NULL && numbers[9] == 0 && ksize(numbers) == 96);
  numbers[9] = 7;
  numbers = krealloc(numbers, 1000, GFP_KERNEL);
  CHECK(numbers != NULL && numbers[9] == 7 && ksize(numbers) == 1024);
  kfree_sensitive(numbers);
  CHECK(kmalloc_array(~0ul / 4, 8, GFP_KERNEL) == NULL);
  CHECK(kvmalloc_array(~0ul / 4, 8, GFP_KERNEL) == NULL);
  void *far_memory = kzalloc_node(64, GFP_KERNEL, 1);
  CHECK(page_to_nid(virt_to_page(far_memory)) == 1);
  kfree(far_memory);
  CHECK(ZERO_OR_NULL_PTR(kmalloc(0, GFP_KERNEL)));
  kfree(ZERO_SIZE_PTR);
  kfree(NULL);
  CHECK(ksize(NULL) == 0);
  CHECK(quire_detach(machine) == 0);
  return NULL;
}

const char *quire_c_vmalloc(struct quire_machine *machine) {
  CHECK(quire_attach(machine, 0) == 0);
  char *area = vmalloc(3 * PAGE_SIZE);
  CHECK(area != NULL && is_vmalloc_addr(area));
  char text[6];
  CHECK(vwrite("split", area + PAGE_SIZE - 2, 6) == 6);
  CHECK(vread(text, area + PAGE_SIZE - 2, 6) == 6 && strcmp(text, "split") == 0);
  CHECK(strcmp(page_address(vmalloc_to_page(area + PAGE_SIZE)), "lit") == 0);
  vfree(area);
  CHECK(vread(text, area, 1) < 0);
  area = vzalloc_node(PAGE_SIZE, 1);
  CHECK(page_to_nid(vmalloc_to_page(area)) == 1);
  CHECK(*(char *)page_address(vmalloc_to_page(area)) == 0);
  vfree(area);
  area = __vmalloc(PAGE_SIZE, GFP_KERNEL | __GFP_ZERO);
  vfree(area);

  struct page *pages[2] = {alloc_page(GFP_KERNEL), alloc_page(GFP_KERNEL)};
  area = vmap(pages, 2, VM_MAP, PAGE_KERNEL);
  CHECK(area != NULL && vmalloc_to_page(area + PAGE_SIZE) == pages[1]);
  vunmap(area);
  vm_unmap_aliases();
  CHECK(vmalloc_to_page(area) == NULL);
  __free_page(pages[0]);
  __free_page(pages[1]);

  char *small = kvzalloc(100, GFP_KERNEL);
  CHECK(!is_vmalloc_addr(small) && small[99] == 0);
  kvfree(small);
  void *large = kvmalloc(6ul << 20, GFP_KERNEL);
  CHECK(is_vmalloc_addr(large));
  flush_tlb_all();
  flush_tlb_kernel_range((unsigned long)large, (unsigned long)large + PAGE_SIZE);
  kvfree(large);
  CHECK(quire_detach(machine) == 0);
  return NULL;
}
