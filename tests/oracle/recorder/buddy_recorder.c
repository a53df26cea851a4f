// SPDX-License-Identifier: GPL-2.0
/*
 * buddy_recorder: runs one scripted sequence of page allocations on a node and writes down the
 * state of the node's zones before and after, and what every operation answered, as text in
 * /proc/buddy_recorder. Parameters: seq (which script), nid (which node), seed, n (length).
 *
 * The sequence runs inside init with bottom halves off, so that on a machine with one CPU and a
 * node without CPU nothing else touches the node's zones meanwhile (the scripts from 60 on allow
 * direct reclaim, which may sleep, and run with bottom halves on).
 */
#include <linux/module.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/gfp.h>
#include <linux/kprobes.h>
#include <linux/vmalloc.h>
#include <linux/proc_fs.h>

static int seq = 1, nid = 1, n = 0;
static unsigned int seed = 1;
module_param(seq, int, 0444);
module_param(nid, int, 0444);
module_param(n, int, 0444);
module_param(seed, uint, 0444);

#define BASE (__GFP_THISNODE | __GFP_NOWARN | __GFP_NORETRY)
#define MOVABLE __GFP_MOVABLE
#define RECLAIMABLE __GFP_RECLAIMABLE
#define HIGH __GFP_HIGH
#define ATOMIC __GFP_ATOMIC
#define PERIOD 512

/* ---- text ---- */
#define LOG_CAP (24u << 20)
static char *log_text;
static size_t log_len;

static __printf(1, 2) void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_len += vscnprintf(log_text + log_len, LOG_CAP - log_len, format, args);
	va_end(args);
}

/* ---- symbols that modules may not link to ---- */
static unsigned long (*lookup_name)(const char *name);
static void (*drain_this_cpu)(struct zone *zone);
static int *mobility_disabled;
static unsigned long (*block_flags)(const struct page *page, unsigned long pfn, unsigned long mask);

static int find_symbols(void)
{
	struct kprobe probe = { .symbol_name = "kallsyms_lookup_name" };
	int error = register_kprobe(&probe);

	if (error)
		return error;
	lookup_name = (void *)probe.addr;
	unregister_kprobe(&probe);
	drain_this_cpu = (void *)lookup_name("drain_local_pages");
	block_flags = (void *)lookup_name("get_pfnblock_flags_mask");
	mobility_disabled = (void *)lookup_name("page_group_by_mobility_disabled");
	return drain_this_cpu && block_flags && mobility_disabled ? 0 : -ENOENT;
}

/* ---- the state of the node ---- */
static int block_type(unsigned long pfn)
{
	return block_flags(pfn_to_page(pfn), pfn, MIGRATETYPE_MASK);
}

static void say_free_lists(struct zone *zone)
{
	int order, type;
	struct page *page;

	for (order = 0; order < MAX_ORDER; order++) {
		struct free_area *area = &zone->free_area[order];

		say("AREA order=%d nr_free=%lu\n", order, area->nr_free);
		for (type = 0; type < MIGRATE_TYPES; type++) {
			if (list_empty(&area->free_list[type]))
				continue;
			say("LIST order=%d mt=%d :", order, type);
			list_for_each_entry(page, &area->free_list[type], buddy_list)
				say(" %lx", page_to_pfn(page));
			say("\n");
		}
	}
}

/* A digit a block; a dash where the memory map has a hole (a zone spans to its limit, not to its last page). */
static void say_blocks(struct zone *zone)
{
	unsigned long pfn, start = zone->zone_start_pfn & ~(pageblock_nr_pages - 1);

	say("BLOCKS start=%lx pages=%lu :", start, (unsigned long)pageblock_nr_pages);
	for (pfn = start; pfn < zone_end_pfn(zone); pfn += pageblock_nr_pages)
		if (pfn_valid(pfn))
			say("%d", block_type(pfn));
		else
			say("-");
	say("\n");
}

/* A page on a per-CPU list remembers its migrate type; it is told when the list does not say it. */
static void say_pcp(struct zone *zone, int cpu)
{
	struct per_cpu_pages *pcp = per_cpu_ptr(zone->per_cpu_pageset, cpu);
	struct per_cpu_zonestat *stat = per_cpu_ptr(zone->per_cpu_zonestats, cpu);
	struct page *page;
	int i;

	say("PCP cpu=%d count=%d high=%d batch=%d free_factor=%d expire=%d nr_free_diff=%d stat_threshold=%d\n",
	    cpu, pcp->count, pcp->high, pcp->batch, pcp->free_factor, pcp->expire,
	    stat->vm_stat_diff[NR_FREE_PAGES], stat->stat_threshold);
	for (i = 0; i < NR_PCP_LISTS; i++) {
		if (list_empty(&pcp->lists[i]))
			continue;
		say("PCPLIST cpu=%d index=%d :", cpu, i);
		list_for_each_entry(page, &pcp->lists[i], pcp_list) {
			int type = page->index;

			say(" %lx", page_to_pfn(page));
			if (i >= NR_LOWORDER_PCP_LISTS || type != i % MIGRATE_PCPTYPES)
				say(":%d", type);
		}
		say("\n");
	}
}

static void say_zone(struct zone *zone)
{
	int i, cpu;

	say("ZONE idx=%ld name=%s node=%d start_pfn=%lx spanned=%lu present=%lu managed=%lu min=%lu low=%lu high=%lu boost=%lu highatomic=%lu flags=%lx drift_mark=%lu pageset_high=%d pageset_batch=%d nr_free=%ld lowmem_reserve=",
	    (long)zone_idx(zone), zone->name, zone->node, zone->zone_start_pfn, zone->spanned_pages,
	    zone->present_pages, zone_managed_pages(zone), zone->_watermark[WMARK_MIN],
	    zone->_watermark[WMARK_LOW], zone->_watermark[WMARK_HIGH], zone->watermark_boost,
	    zone->nr_reserved_highatomic, zone->flags, zone->percpu_drift_mark, zone->pageset_high,
	    zone->pageset_batch, atomic_long_read(&zone->vm_stat[NR_FREE_PAGES]));
	for (i = 0; i < MAX_NR_ZONES; i++)
		say("%s%ld", i ? "," : "", zone->lowmem_reserve[i]);
	say("\n");
	say_free_lists(zone);
	say_blocks(zone);
	for_each_online_cpu(cpu)
		say_pcp(zone, cpu);
}

static int ops, failed;

static void say_state(const char *when)
{
	int i;

	say("STATE %s op=%d\n", when, ops);
	for (i = 0; i < MAX_NR_ZONES; i++)
		if (populated_zone(&NODE_DATA(nid)->node_zones[i]))
			say_zone(&NODE_DATA(nid)->node_zones[i]);
	say("ENDSTATE\n");
}

static unsigned long list_length(struct list_head *head)
{
	struct list_head *at;
	unsigned long length = 0;

	list_for_each(at, head)
		length++;
	return length;
}

static void say_counts(const char *label)
{
	int i, type, order;

	for (i = 0; i < MAX_NR_ZONES; i++) {
		struct zone *zone = &NODE_DATA(nid)->node_zones[i];

		if (!populated_zone(zone))
			continue;
		say("S %s op=%d zone=%s nr_free=%ld boost=%lu highatomic=%lu :", label, ops, zone->name,
		    atomic_long_read(&zone->vm_stat[NR_FREE_PAGES]), zone->watermark_boost,
		    zone->nr_reserved_highatomic);
		for (type = 0; type < MIGRATE_TYPES; type++) {
			say(" %d=", type);
			for (order = 0; order < MAX_ORDER; order++)
				say("%s%lu", order ? "," : "", list_length(&zone->free_area[order].free_list[type]));
		}
		say("\n");
	}
}

/* ---- operations ---- */
struct held { struct page *page; int order; };
#define HELD_CAP 400000
static struct held *held;
static int held_count;

static void did(void)
{
	if (++ops % PERIOD == 0)
		say_counts("periodic");
}

static bool A(gfp_t gfp, int order)
{
	struct page *page = __alloc_pages(gfp, order, nid, NULL);

	say("A %x %d %lx\n", gfp, order, page ? page_to_pfn(page) : 0);
	if (page)
		held[held_count++] = (struct held){ page, order };
	else
		failed++;
	did();
	return page;
}

static void F(int index)
{
	struct held it = held[index];

	held[index] = held[--held_count];
	say("F %d %lx\n", it.order, page_to_pfn(it.page));
	__free_pages(it.page, it.order);
	did();
}

static void D(void)
{
	say("D\n");
	drain_this_cpu(NULL);
	did();
}

#define BULK_CAP 4096
static struct page **bulk;

static int B(gfp_t gfp, int count)
{
	int got, i;

	memset(bulk, 0, count * sizeof(*bulk));
	got = __alloc_pages_bulk(gfp, nid, NULL, count, NULL, bulk);
	say("B %x %d :", gfp, count);
	for (i = 0; i < got; i++) {
		say(" %lx", page_to_pfn(bulk[i]));
		held[held_count++] = (struct held){ bulk[i], 0 };
	}
	say("\n");
	if (!got)
		failed++;
	did();
	return got;
}

/* ---- pieces of scripts ---- */
static u32 rnd_state;

static u32 rnd(u32 below)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 17;
	rnd_state ^= rnd_state << 5;
	return rnd_state % below;
}

static gfp_t any_type(void)
{
	static const gfp_t types[] = { 0, MOVABLE, RECLAIMABLE };

	return BASE | types[rnd(3)];
}

/* Small orders often, large ones seldom. */
static int any_order(int max)
{
	int order = 0;

	while (order < max && rnd(100) < 55)
		order++;
	return order;
}

static void until_dry(gfp_t gfp, int order, const char *label)
{
	int i;

	for (i = 0; i < 300000; i++)
		if (!A(gfp, order))
			break;
	say_counts(label);
}

static void some(gfp_t gfp, int order, int count)
{
	while (count--)
		A(gfp, order);
}

/* Movable blocks until the node's highest zone is below its low watermark, the largest first. */
static void fill_to_low(void)
{
	struct zone *zone = NULL;
	int i, order = MAX_ORDER - 1;

	for (i = 0; i < MAX_NR_ZONES; i++)
		if (populated_zone(&NODE_DATA(nid)->node_zones[i]))
			zone = &NODE_DATA(nid)->node_zones[i];
	while (atomic_long_read(&zone->vm_stat[NR_FREE_PAGES]) >= low_wmark_pages(zone) && order >= 0)
		if (!A(BASE | MOVABLE, order))
			order--;
	say_counts("below-low");
}

static void free_random(int count)
{
	while (count-- > 0 && held_count)
		F(rnd(held_count));
}

static void free_newest(int count)
{
	while (count-- > 0 && held_count)
		F(held_count - 1);
}

/* Oldest first among what lies at from and above; the order of the held array is kept. */
static void free_oldest(int from, int count)
{
	int i, end;

	if (count > held_count - from)
		count = held_count - from;
	for (i = from; i < from + count; i++) {
		say("F %d %lx\n", held[i].order, page_to_pfn(held[i].page));
		__free_pages(held[i].page, held[i].order);
		did();
	}
	end = held_count;
	memmove(held + from, held + from + count, (end - from - count) * sizeof(*held));
	held_count -= count;
}

static void free_all(const char *label)
{
	free_random(held_count);
	say_counts(label);
}

static void mixed(int steps, int max_order, int percent_alloc, int permille_drain)
{
	while (steps--) {
		if (permille_drain && rnd(1000) < permille_drain)
			D();
		else if (!held_count || rnd(100) < percent_alloc)
			A(any_type(), any_order(max_order));
		else
			F(rnd(held_count));
	}
}

/* ---- scripts ---- */
static void order0_churn(void)
{
	some(BASE | MOVABLE, 0, 400);
	free_oldest(0, 200);
	some(BASE | MOVABLE, 0, 300);
	free_newest(500);
	mixed(n ?: 1000, 0, 50, 0);
}

static void stealing(void)
{
	static const gfp_t types[] = { BASE, BASE | RECLAIMABLE, BASE | MOVABLE };
	static const char *const labels[] = { "dry-unmovable", "dry-reclaimable", "dry-movable" };
	int t;

	for (t = 0; t < 3; t++) {
		while (A(types[t], rnd(4)))
			;
		say_counts(labels[t]);
		free_random(held_count / 2);
		say_counts("half-freed");
	}
	free_all("empty");
}

static void checkerboard(void)
{
	int i, end;

	until_dry(BASE | MOVABLE, 0, "dry");
	end = held_count;
	for (i = end - 1; i >= 0; i -= 2)
		F(i);
	say_counts("even-freed");
	some(BASE, 3, 50);
	say_counts("stolen");
	free_all("coalesced");
	D();
}

static void drains(void)
{
	mixed(n ?: 3000, 4, 52, 8);
	D();
}

static void thp_orders(void)
{
	static const int orders[] = { 0, 3, 8, 9, 9, 9, 10 };
	int i, steps = n ?: 1500;

	for (i = 0; i < steps; i++) {
		if (!held_count || rnd(100) < (i < steps * 2 / 3 ? 55 : 40))
			A(any_type(), orders[rnd(7)]);
		else
			F(rnd(held_count));
	}
}

/* Order 9 of each type through the two huge-page lists, in long runs, with drains. */
static void thp_lists(void)
{
	static const gfp_t types[] = { BASE, BASE | RECLAIMABLE, BASE | MOVABLE };
	int t, u;

	for (t = 0; t < 3; t++) {
		some(types[t], 9, 6);
		free_oldest(0, 3);
		some(types[(t + 1) % 3], 9, 2);
		free_all("freed");
	}
	D();
	for (t = 0; t < 3; t++)
		for (u = 0; u < 3; u++) {
			some(types[t], 9, 5);
			free_newest(5);
			some(types[u], 9, 7);
			some(types[u], 10, 2);
			free_random(4);
		}
	say_counts("cycled");
	D();
	free_all("empty");
	D();
	for (t = 0; t < 3; t++)
		until_dry(types[t], 9, "dry9");
	free_random(held_count / 2);
	for (t = 0; t < 3; t++)
		until_dry(types[t], 10, "dry10");
	some(BASE | HIGH | ATOMIC, 9, 4);
	free_random(held_count / 2);
	some(BASE, 0, 900);
	some(BASE | MOVABLE, 9, 20);
	free_all("empty");
	D();
	thp_orders();
}

/* High-order atomic allocations until the reserve stops growing; then who may use it. */
static void highatomic(void)
{
	static const gfp_t kinds[] = { BASE, BASE | HIGH, BASE | ATOMIC, BASE | HIGH | ATOMIC };
	int i, kind;

	some(BASE | HIGH | ATOMIC, 1, 3);
	some(BASE | ATOMIC, 2, 3);
	some(BASE | HIGH, 3, 3);
	some(BASE | HIGH | ATOMIC, 0, 20);
	say_counts("first");
	for (i = 0; i < 300; i++)
		A(BASE | HIGH | ATOMIC, 1 + rnd(3));
	say_counts("grown");
	free_random(100);
	for (i = 0; i < 100; i++)
		A(BASE | HIGH | ATOMIC | (rnd(2) ? RECLAIMABLE : 0), 1 + rnd(3));
	say_counts("again");
	until_dry(BASE | MOVABLE, 0, "dry-plain-movable");
	until_dry(BASE, 0, "dry-plain");
	until_dry(BASE, 1, "dry-plain-order1");
	for (kind = 1; kind < 4; kind++) {
		until_dry(kinds[kind], 0, "dry-order0-of-kind");
		until_dry(kinds[kind], 1, "dry-order1-of-kind");
		until_dry(kinds[kind], 3, "dry-order3-of-kind");
	}
	free_random(held_count / 20);
	say_counts("freed-a-little");
	for (i = 0; i < 1200; i++) {
		if (rnd(100) < 60)
			A(kinds[rnd(4)] | (rnd(2) ? MOVABLE : 0), rnd(4));
		else
			free_random(1);
	}
	free_oldest(0, held_count / 2);
	say_counts("half-freed");
	for (i = 0; i < 2000; i++) {
		if (rnd(100) < 55)
			A(kinds[rnd(4)] | (rnd(2) ? RECLAIMABLE : 0), any_order(6));
		else
			free_random(1);
	}
	D();
	free_random(1500);
	D();
}

/* The reserve alone: pages of it pass through the per-CPU lists and back. */
static void highatomic_pages(void)
{
	int i;

	fill_to_low();
	for (i = 0; i < 40; i++) {
		some(BASE | HIGH | ATOMIC, 1 + rnd(5), 6);
		free_newest(3);
		free_random(rnd(3));
		if (i % 8 == 7)
			D();
	}
	say_counts("grown");
	until_dry(BASE | MOVABLE, 2, "dry-order2");
	until_dry(BASE | MOVABLE, 0, "dry-order0");
	until_dry(BASE | HIGH | ATOMIC, 0, "dry-atomic");
	free_newest(700);
	D();
	some(BASE | HIGH | ATOMIC, 0, 200);
	some(BASE | MOVABLE, 0, 100);
	free_random(300);
	some(BASE | MOVABLE, 0, 300);
	some(BASE, 0, 300);
	free_random(600);
	some(BASE | HIGH | ATOMIC | MOVABLE, 2, 100);
	D();
	some(BASE | HIGH | ATOMIC, 2, 20);
	some(BASE | HIGH | ATOMIC, 1, 20);
	free_newest(35);
}

static void bulks(void)
{
	static const int counts[] = { 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 63, 64, 100, 128, 200, 256, 500, 512 };
	int i, steps = n ?: 150;

	for (i = 0; i < ARRAY_SIZE(counts); i++)
		B(BASE | MOVABLE, counts[i]);
	free_random(held_count / 2);
	D();
	B(BASE | MOVABLE, 1);
	B(BASE | MOVABLE, 2);
	B(BASE, 10);
	for (i = 0; i < steps; i++) {
		switch (rnd(8)) {
		case 0: case 1: case 2:
			B(any_type(), counts[rnd(ARRAY_SIZE(counts))]);
			break;
		case 3:
			D();
			break;
		case 4:
			some(any_type(), rnd(4), 5);
			break;
		default:
			free_random(rnd(220));
		}
	}
	say_counts("mixed");
	while (B(BASE | MOVABLE, 300) == 300)
		;
	say_counts("short");
	for (i = 0; i < 5; i++)
		B(BASE | MOVABLE, 1 << i);
	B(BASE, 64);
	B(BASE | HIGH, 64);
	B(BASE | HIGH, 600);
	B(BASE | HIGH, 64);
	B(BASE | ATOMIC, 64);
	B(BASE | HIGH | ATOMIC, 64);
	B(BASE | HIGH | ATOMIC, 600);
	for (i = 0; i < 6; i++)
		B(BASE | HIGH | ATOMIC, 64);
	say_counts("dry");
	for (i = 0; i < 30; i++) {
		free_random(20 + rnd(30));
		B(any_type() | (rnd(3) ? 0 : HIGH), 40);
	}
	free_oldest(0, held_count / 2);
	for (i = 0; i < 60; i++) {
		B(any_type(), 1 + rnd(20));
		free_newest(rnd(20));
		if (rnd(4) == 0)
			D();
	}
	free_random(1000);
	D();
}

/* Ends with pages of the reserve on the per-CPU lists. */
static void highatomic_on_pcp(void)
{
	int order;

	fill_to_low();
	for (order = 3; order > 0; order--) {
		some(BASE | HIGH | ATOMIC, order, 20);
		free_newest(12);
	}
	some(BASE | MOVABLE, 1, 3);
	some(BASE | HIGH | ATOMIC, 1, 4);
	say_counts("grown");
	free_oldest(0, 2);
	some(BASE | MOVABLE, 1, 4);
	some(BASE | MOVABLE, 2, 4);
	free_newest(20);
}

/* Bulk requests around the low watermark, where they shrink to one page. */
static void bulks_at_low(void)
{
	int i;

	fill_to_low();
	D();
	for (i = 0; i < 200; i++) {
		B(any_type() | (rnd(4) ? 0 : HIGH), 2 + rnd(120));
		if (rnd(3) == 0)
			some(any_type(), rnd(3), rnd(8));
		if (rnd(5) == 0)
			D();
		while (held_count && rnd(4))
			free_random(rnd(40));
	}
	free_random(held_count / 2);
	for (i = 0; i < 60; i++)
		B(any_type(), 1 + rnd(200));
}

/* Two zones: the high one until it is exhausted, then the low one and what is kept back in it. */
static void zone_fallback(void)
{
	int i;
	static const gfp_t kinds[] = { BASE, BASE | MOVABLE, BASE | RECLAIMABLE, BASE | MOVABLE | __GFP_HIGHMEM,
				       BASE | __GFP_DMA32, BASE | __GFP_DMA32 | MOVABLE, BASE | HIGH, BASE | HIGH | ATOMIC };

	some(BASE | __GFP_DMA32, 0, 100);
	some(BASE | MOVABLE | __GFP_HIGHMEM, 0, 100);
	for (i = 0; i < 600; i++) {
		if (rnd(100) < 60)
			A(kinds[rnd(8)], any_order(5));
		else
			free_random(1);
	}
	say_counts("mixed");
	until_dry(BASE | MOVABLE | __GFP_HIGHMEM, 6, "dry-highuser-order6");
	until_dry(BASE | MOVABLE, 4, "dry-movable-order4");
	until_dry(BASE, 3, "dry-unmovable-order3");
	until_dry(BASE | MOVABLE | __GFP_HIGHMEM, 0, "dry-highuser");
	until_dry(BASE | MOVABLE, 0, "dry-movable");
	until_dry(BASE, 0, "dry-unmovable");
	until_dry(BASE | __GFP_DMA32, 0, "dry-dma32");
	until_dry(BASE | HIGH, 0, "dry-high");
	until_dry(BASE | HIGH | ATOMIC, 0, "dry-high-atomic");
	until_dry(BASE | HIGH | ATOMIC | __GFP_DMA32, 0, "dry-high-atomic-dma32");
	free_random(held_count / 3);
	say_counts("third-freed");
	for (i = 0; i < 2500; i++) {
		if (rnd(100) < 55)
			A(kinds[rnd(8)], any_order(5));
		else
			free_random(1);
		if (rnd(100) == 0)
			D();
	}
	for (i = 0; i < 20; i++) {
		B(kinds[rnd(8)], 1 + rnd(80));
		free_random(rnd(60));
	}
	free_all("empty");
	D();
}

/* Unmovable pages while only movable blocks are left in the high zone: no mixing when a lower zone has room. */
static void zone_mixing(void)
{
	int i;

	until_dry(BASE | MOVABLE, 9, "movable9");
	until_dry(BASE | MOVABLE, 0, "movable0");
	free_random(held_count / 2);
	say_counts("half-freed");
	for (i = 0; i < 1500; i++) {
		A(BASE | (rnd(2) ? RECLAIMABLE : 0), rnd(4));
		if (rnd(3) == 0)
			free_random(1);
	}
	say_counts("unmovable");
	until_dry(BASE, 1, "dry-unmovable1");
	until_dry(BASE, 0, "dry-unmovable0");
	free_all("empty");
	D();
}

/* Each kind of request until it fails, one level after another. */
static void watermark_levels(void)
{
	static const gfp_t kinds[] = { BASE, BASE | HIGH, BASE | ATOMIC, BASE | HIGH | ATOMIC };
	static const char *const labels[] = { "dry-plain", "dry-high", "dry-atomic", "dry-high-atomic" };
	int kind, order, round;

	some(BASE | MOVABLE, 10, 10);
	for (round = 0; round < 2; round++) {
		for (kind = 0; kind < 4; kind++)
			until_dry(kinds[kind] | (round ? MOVABLE : 0), 0, labels[kind]);
		D();
		for (kind = 0; kind < 4; kind++)
			until_dry(kinds[kind] | (round ? MOVABLE : 0), 0, labels[kind]);
		until_dry(BASE | __GFP_MEMALLOC, 0, "dry-memalloc");
		free_newest(round ? 1500 : 3000);
		D();
		say_counts("freed");
		for (order = 4; order >= 1; order--)
			for (kind = 0; kind < 4; kind++)
				until_dry(kinds[kind], order, labels[kind]);
		for (kind = 0; kind < 4; kind++)
			until_dry(kinds[kind] | RECLAIMABLE, 0, labels[kind]);
		free_random(400);
		free_oldest(0, held_count / 3);
		D();
	}
	mixed(1500, 10, 50, 5);
}

/* Stealing at high orders: the boost grows by pageblocks to its limit. */
static void boosts(gfp_t extra)
{
	int i;

	until_dry(BASE | MOVABLE | extra, 0, "dry-movable");
	for (i = held_count - 1; i >= 0; i -= 4)
		F(i);
	say_counts("quarter-freed");
	for (i = 0; i < 60; i++)
		A(BASE | extra, rnd(3));
	say_counts("stolen");
	for (i = 0; i < 60; i++)
		A(BASE | RECLAIMABLE | extra, rnd(3));
	say_counts("stolen-again");
	until_dry(BASE | extra, 0, "dry");
	until_dry(BASE | extra | HIGH, 0, "dry-high");
	free_oldest(0, held_count / 2);
	for (i = 0; i < 1500; i++) {
		if (rnd(100) < 55)
			A(any_type() | extra, any_order(9));
		else
			free_random(1);
	}
	free_random(1000);
}

static void free_factor(void)
{
	int run, i;
	static const int runs[] = { 10, 40, 100, 300, 700, 1500, 3000 };

	for (run = 0; run < ARRAY_SIZE(runs); run++) {
		some(BASE | MOVABLE, 0, runs[run]);
		free_oldest(0, runs[run]);
		some(BASE | MOVABLE, 0, runs[run] / 3);
		free_newest(runs[run] / 3);
		say_counts("run");
	}
	for (run = 0; run < ARRAY_SIZE(runs); run++) {
		some(BASE, 3, runs[run] / 8 + 1);
		some(BASE | MOVABLE, 0, runs[run] / 2);
		free_newest(runs[run]);
		some(BASE | RECLAIMABLE, 1, runs[run] / 4);
		free_oldest(0, runs[run] / 2);
		D();
	}
	for (i = 0; i < 12; i++) {
		some(BASE | MOVABLE, rnd(4), 200);
		free_oldest(0, 60 + rnd(120));
		some(any_type(), rnd(2), 1 + rnd(12));
		free_newest(rnd(300));
		if (rnd(5) == 0)
			D();
	}
	free_oldest(0, held_count);
	say_counts("empty");
}

/* Everything at once, near full and near empty in turns. */
static void everything(void)
{
	int i, phase, steps = n ?: 6000;

	for (phase = 0; phase < 8; phase++) {
		int percent = phase % 2 ? 38 : 64;

		for (i = 0; i < steps / 8; i++) {
			gfp_t gfp = any_type();

			if (rnd(10) == 0)
				gfp |= HIGH;
			if (rnd(10) == 0)
				gfp = (gfp & ~MOVABLE) | ATOMIC | HIGH;
			if (rnd(250) == 0)
				D();
			else if (rnd(60) == 0)
				B(gfp, 1 + rnd(90));
			else if (!held_count || rnd(100) < percent)
				A(gfp, any_order(rnd(4) ? 4 : 10));
			else
				F(rnd(held_count));
		}
	}
	say_counts("mixed");
	if (n < 0)
		free_all("empty");
}

/* Fills with large blocks first, so that the small ones soon meet the watermarks. */
static void big_node(void)
{
	int i, steps = n ?: 8000;
	struct zone *zone;
	long free = 0;

	for (i = 0; i < MAX_NR_ZONES; i++) {
		zone = &NODE_DATA(nid)->node_zones[i];
		if (populated_zone(zone))
			free += atomic_long_read(&zone->vm_stat[NR_FREE_PAGES]);
	}
	mixed(steps / 2, 10, 56, 3);
	for (i = 0; i < free / 1024 / 2; i++)
		A(any_type(), 10);
	say_counts("filled");
	mixed(steps / 4, 10, 58, 3);
	until_dry(BASE | MOVABLE, 10, "dry10");
	until_dry(BASE, 9, "dry9");
	until_dry(BASE | RECLAIMABLE, 7, "dry7");
	until_dry(BASE | MOVABLE, 4, "dry4");
	mixed(steps / 4, 6, 62, 5);
	until_dry(BASE | MOVABLE, 3, "dry3");
	until_dry(BASE | RECLAIMABLE, 2, "dry2");
	mixed(steps / 4, 4, 50, 5);
	free_random(held_count / 2);
	mixed(steps / 8, 10, 50, 5);
}

/* With direct reclaim allowed (it finds nothing on this node): the reserve is given back. */
static void unreserve(gfp_t reclaim)
{
	gfp_t slow = __GFP_THISNODE | __GFP_NOWARN | reclaim;
	int i;

	fill_to_low();
	free_newest(3);
	until_dry(BASE | MOVABLE, 2, "dry-plain");
	some(BASE | HIGH | ATOMIC, 2, 40);
	free_newest(60);
	some(BASE | HIGH | ATOMIC, 2, 40);
	say_counts("grown");
	free_newest(90);
	D();
	until_dry(BASE | MOVABLE, 0, "dry-plain");
	say_counts("before-slow");
	for (i = 0; i < 3; i++) {
		A(slow | MOVABLE, 0);
		say_counts("after-slow");
	}
	until_dry(BASE | MOVABLE, 0, "dry-plain");
	some(slow, 0, 3);
	say_counts("after-slow");
	until_dry(slow | MOVABLE, 0, "dry-slow");
	say_counts("end-slow");
	D();
	free_all("empty");
}

/* How far down one kind of request reaches, and whether it makes or uses the high-order reserve. */
static void reach(int which)
{
	static const gfp_t kinds[] = {
		0, HIGH, ATOMIC, HIGH | ATOMIC, HIGH | __GFP_NOMEMALLOC, HIGH | ATOMIC | __GFP_NOMEMALLOC,
		HIGH | __GFP_KSWAPD_RECLAIM, HIGH | ATOMIC | __GFP_KSWAPD_RECLAIM, HIGH | __GFP_DIRECT_RECLAIM,
		__GFP_MEMALLOC, __GFP_KSWAPD_RECLAIM, HIGH | ATOMIC | MOVABLE, ATOMIC | __GFP_KSWAPD_RECLAIM,
	};
	gfp_t kind = BASE | kinds[which];
	int order, before;

	fill_to_low();
	before = held_count;
	for (order = 3; order > 0; order--)
		some(kind, order, 10);
	say_counts("tried-orders-1-to-3");
	free_newest(held_count - before);
	D();
	until_dry(BASE | MOVABLE, 0, "dry-plain");
	until_dry(kind, 0, "dry-kind");
	free_newest(held_count - before + 1);
	D();
	say_counts("freed");
	fill_to_low();
	before = held_count;
	some(BASE | HIGH | ATOMIC, 3, 20);
	free_newest(held_count - before);
	D();
	say_counts("reserve");
	until_dry(BASE | MOVABLE, 0, "dry-plain");
	until_dry(kind, 2, "dry-kind-order2");
	until_dry(kind, 0, "dry-kind");
	D();
	until_dry(kind, 0, "dry-kind");
	until_dry(BASE | HIGH | ATOMIC, 0, "dry-high-atomic");
	free_all("empty");
}

static int run(void)
{
	switch (seq) {
	case 1: order0_churn(); break;
	case 2: mixed(n ?: 4000, 10, 52, 0); break;
	case 3: stealing(); break;
	case 4: checkerboard(); break;
	case 5: drains(); break;
	case 6: highatomic(); break;
	case 7: bulks(); break;
	case 8: thp_orders(); break;
	case 9: zone_fallback(); break;
	case 10: watermark_levels(); break;
	case 11: big_node(); break;
	case 12: thp_lists(); break;
	case 13: free_factor(); break;
	case 14: everything(); break;
	case 15: boosts(0); break;
	case 16: boosts(__GFP_KSWAPD_RECLAIM); break;
	case 17: highatomic_pages(); break;
	case 18: zone_mixing(); break;
	case 19: bulks_at_low(); break;
	case 20: highatomic_on_pcp(); break;
	case 59: reach(n); break;
	case 62: reach(n); break;
	case 60: unreserve(__GFP_DIRECT_RECLAIM); break;
	case 61: unreserve(__GFP_DIRECT_RECLAIM | __GFP_NORETRY); break;
	default: return -EINVAL;
	}
	return 0;
}

/* ---- module ---- */
static ssize_t read_log(struct file *file, char __user *to, size_t count, loff_t *at)
{
	return simple_read_from_buffer(to, count, at, log_text, log_len);
}

static const struct proc_ops log_ops = { .proc_read = read_log, .proc_lseek = default_llseek };

static int __init recorder_init(void)
{
	int error = find_symbols();
	bool quiet = seq < 60;

	if (error)
		return error;
	log_text = vzalloc_node(LOG_CAP, 0);
	held = vzalloc_node(HELD_CAP * sizeof(*held), 0);
	bulk = vzalloc_node(BULK_CAP * sizeof(*bulk), 0);
	if (!log_text || !held || !bulk)
		return -ENOMEM;
	rnd_state = 2463534242u ^ (seed * 2654435761u) ^ (seq * 40503u);
	say("# buddy_oracle seq=%d nid=%d nr_cpus=%d pageblock_order=%d MIGRATE: 0=Unmovable 1=Movable 2=Reclaimable 3=HighAtomic 4=Isolate; page_group_by_mobility_disabled=%d\n",
	    seq, nid, num_online_cpus(), pageblock_order, *mobility_disabled);
	say("# GFP bits: BASE(THISNODE|NOWARN|NORETRY)=%x MOVABLE=%x RECLAIMABLE=%x HIGHMEM=%x HIGH=%x ATOMIC=%x DMA32=%x\n",
	    BASE, MOVABLE, RECLAIMABLE, __GFP_HIGHMEM, HIGH, ATOMIC, __GFP_DMA32);
	say("# A gfp order pfn(hex, 0=failed) | F order pfn | D drain this cpu | B gfp n : pfns | S counts per zone, migratetype=order0,..,order10\n");
	if (quiet)
		local_bh_disable();
	say_state("before");
	say("OPS\n");
	error = run();
	say("ENDOPS ops=%d failed=%d\n", ops, failed);
	say_state("after");
	if (quiet)
		local_bh_enable();
	if (error)
		return error;
	if (log_len >= LOG_CAP - 1)
		pr_err("buddy_recorder: the text was cut\n");
	proc_create("buddy_recorder", 0444, NULL, &log_ops);
	return 0;
}

static void __exit recorder_exit(void)
{
	remove_proc_entry("buddy_recorder", NULL);
	while (held_count--)
		__free_pages(held[held_count].page, held[held_count].order);
	vfree(log_text);
	vfree(held);
	vfree(bulk);
}

module_init(recorder_init);
module_exit(recorder_exit);
MODULE_DESCRIPTION("Records what the page allocator answers to scripted sequences");
MODULE_LICENSE("GPL");
