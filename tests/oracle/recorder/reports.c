// SPDX-License-Identifier: MIT
/* reports: makes a running kernel print what it prints of bad frees and of failed allocations. */
#include <linux/module.h>
#include <linux/delay.h>
#include <linux/mm.h>

static struct page *held[400000];

static struct page *four(gfp_t extra)
{
	return alloc_pages(GFP_KERNEL | extra, 4);
}

static int __init reports_init(void)
{
	struct page *page;
	nodemask_t mask = nodemask_of_node(1);
	int i, n;

	pr_info("== mapcount\n");
	page = four(0);
	atomic_set(&page->_mapcount, 0);
	__free_pages(page, 4);
	pr_info("== flags\n");
	page = four(0);
	SetPageReferenced(page);
	SetPageUptodate(page);
	SetPageDirty(page);
	__SetPageLocked(page);
	SetPageWorkingset(page);
	SetPageSwapBacked(page);
	SetPageUnevictable(page);
	SetPageReclaim(page);
	SetPagePrivate(page);
	__free_pages(page, 4);
	pr_info("== compound\n");
	page = four(__GFP_COMP);
	__SetPageLocked(page);
	__free_pages(page, 4);
	pr_info("== failure\n");
	for (n = 0; n < ARRAY_SIZE(held); n++) {
		held[n] = alloc_pages_node(1, GFP_NOWAIT | __GFP_THISNODE, 0);
		if (!held[n])
			break;
	}
	ssleep(8);
	pr_info("== failure 8 seconds later\n");
	alloc_pages_node(1, GFP_NOWAIT | __GFP_THISNODE, 0);
	ssleep(3);
	pr_info("== failure of one node\n");
	__alloc_pages(GFP_KERNEL | __GFP_NORETRY, 10, 1, &mask);
	for (i = 0; i < n; i++)
		__free_page(held[i]);
	ssleep(11);
	pr_info("== failure of low zones\n");
	__alloc_pages(GFP_DMA32 | __GFP_DIRECT_RECLAIM | __GFP_NORETRY | __GFP_THISNODE, 10, 1, NULL);
	ssleep(11);
	pr_info("== failure of DMA\n");
	__alloc_pages(GFP_DMA | __GFP_THISNODE, 10, 1, NULL);
	pr_info("== end\n");
	return 0;
}

static void __exit reports_exit(void)
{
}

module_init(reports_init);
module_exit(reports_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Provokes the reports that the page allocator writes to the log");
