// SPDX-License-Identifier: GPL-2.0
/*
 * vmalloc_recorder: runs a scripted sequence of vmalloc and its kin and writes down what each call
 * answered, with /proc/vmallocinfo in between, as text in /proc/vmalloc_recorder. Parameters: seq
 * (which script), seed, n (length). Addresses want kernel.kptr_restrict=1.
 *
 *   KIND SIZE ADDRESS CALLER   an allocation; size in bytes, of M and m in pages; address 0: failed
 *   X ADDRESS, R ADDRESS       vfree, vunmap
 *   P                          vm_unmap_aliases: everything lazily freed is purged
 *   W                          a pause, in which the kernel purges what is over its limit
 *   INFO ... END               the text of /proc/vmallocinfo
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

static int seq = 1, n = 0;
static unsigned int seed = 1;
module_param(seq, int, 0444);
module_param(n, int, 0444);
module_param(seed, uint, 0444);

#define LOG_CAP (8u << 20)
static char *log_text;
static size_t log_len;

static __printf(1, 2) void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_len += vscnprintf(log_text + log_len, LOG_CAP - log_len, format, args);
	va_end(args);
}

static struct vm_struct *(*find_area)(const void *);
static struct vm_struct *(*reserve_area)(unsigned long, unsigned long);
static void *(*vmalloc_range)(unsigned long, unsigned long, unsigned long, unsigned long, gfp_t,
			      pgprot_t, unsigned long, int, const void *);

static int find_symbols(void)
{
	unsigned long (*lookup)(const char *);
	struct kprobe probe = { .symbol_name = "kallsyms_lookup_name" };
	int error = register_kprobe(&probe);

	if (error)
		return error;
	lookup = (void *)probe.addr;
	unregister_kprobe(&probe);
	find_area = (void *)lookup("find_vm_area");
	reserve_area = (void *)lookup("get_vm_area");
	vmalloc_range = (void *)lookup("__vmalloc_node_range");
	return find_area && reserve_area && vmalloc_range ? 0 : -ENOENT;
}

static void info(void)
{
	struct file *file = filp_open("/proc/vmallocinfo", O_RDONLY, 0);
	loff_t pos = 0;
	ssize_t got;

	say("INFO\n");
	if (!IS_ERR(file)) {
		while ((got = kernel_read(file, log_text + log_len, 4096, &pos)) > 0)
			log_len += got;
		filp_close(file, NULL);
	}
	say("END\n");
}

static void *told(char kind, unsigned long size, void *address)
{
	struct vm_struct *area = address ? find_area(address) : NULL;

	say("%c %lu %lx %pS\n", kind, size, (unsigned long)address, area ? area->caller : NULL);
	return address;
}

static noinline void *op_vmalloc(unsigned long size) { return told('V', size, vmalloc(size)); }
static noinline void *op_vzalloc(unsigned long size) { return told('Z', size, vzalloc(size)); }
static noinline void *op_vmalloc_user(unsigned long size)
{
	return told('U', size, vmalloc_user(size));
}
static noinline void *op_vmalloc_huge(unsigned long size)
{
	return told('H', size, vmalloc_huge(size, GFP_KERNEL));
}
static noinline void *op_stack(unsigned long size)
{
	return told('S', size, vmalloc_range(size, size, VMALLOC_START, VMALLOC_END, GFP_KERNEL,
					     PAGE_KERNEL, 0, NUMA_NO_NODE,
					     __builtin_return_address(0)));
}
static noinline void *op_module(unsigned long size)
{
	return told('O', size, vmalloc_range(size, 1, MODULES_VADDR, MODULES_END, GFP_KERNEL,
					     PAGE_KERNEL, 0, NUMA_NO_NODE,
					     __builtin_return_address(0)));
}
static struct page *page_pool[64];
static noinline void *op_vmap(unsigned long pages)
{
	return told('M', pages, vmap(page_pool, pages, VM_MAP, PAGE_KERNEL));
}
static noinline void *op_ioremap(unsigned long size)
{
	void *address = ioremap(0xfd000000, size);

	return told('I', size, address);
}

static void give_back(void *address)
{
	say("X %lx\n", (unsigned long)address);
	vfree(address);
}
static void unmap(void *address)
{
	say("R %lx\n", (unsigned long)address);
	vunmap(address);
}
static void purge(void)
{
	say("P\n");
	vm_unmap_aliases();
}
static void pause_a_while(void)
{
	say("W\n");
	msleep(30);
}

static unsigned int random_state;
static unsigned int draw(unsigned int below)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 8) % below;
}

/* Each kind once, shown, given back, shown, purged, shown. */
static void each_kind(void)
{
	void *v = op_vmalloc(16384), *z = op_vzalloc(1), *u = op_vmalloc_user(5000);
	void *s = op_stack(16384), *m = op_vmap(3), *h = op_vmalloc_huge(4 << 20);
	void *big = op_vmalloc((513 << 12)), *o = op_module(8192), *i = op_ioremap(8192);
	void *small_huge = op_vmalloc_huge(8192), *odd_huge = op_vmalloc_huge((2 << 20) + 4096);

	info();
	give_back(z), give_back(v), unmap(m), give_back(big);
	info();
	give_back(u), give_back(s), give_back(h), give_back(o), give_back(small_huge);
	give_back(odd_huge);
	iounmap(i);
	say("X %lx\n", (unsigned long)i);
	info();
	purge();
	info();
}

/* How much may stay freed lazily. */
static void lazy_limit(void)
{
	int i;

	for (i = 0; i < 80; ++i) {
		give_back(op_vmalloc(2 << 20));
		pause_a_while();
		if (i % 5 == 4)
			info();
	}
}

static bool is_map[256];
static void *kept[256];
static void random_steps(int steps, unsigned int largest_pages)
{
	int i;

	for (i = 0; i < steps; ++i) {
		unsigned int slot = draw(256);

		if (kept[slot]) {
			is_map[slot] ? unmap(kept[slot]) : give_back(kept[slot]);
			kept[slot] = NULL;
			pause_a_while();
		} else {
			unsigned int kind = draw(16);
			unsigned long size = (draw(largest_pages) << 12) + draw(4096) + 1;

			is_map[slot] = kind == 3 || kind == 4;
			if (is_map[slot])
				kept[slot] = op_vmap(1 + draw(64));
			else if (kind == 5)
				kept[slot] = op_vmalloc_user(size);
			else if (kind == 6)
				kept[slot] = op_module(size);
			else
				kept[slot] = op_vmalloc(size);
		}
		if (draw(200) == 0)
			purge();
		if (draw(300) == 0)
			info();
	}
	info();
}

static void refusals(void)
{
	struct vm_struct *most;
	void *v;

	op_vmalloc(0);
	op_vmalloc(1ul << 50);
	most = reserve_area(31ul << 40, VM_MAP);
	printk("recorder: reserved %lx\n", most ? (unsigned long)most->addr : 0);
	printk("recorder: %lx\n", (unsigned long)reserve_area(2ul << 40, VM_MAP));
	v = vmalloc_range(16384, 1, VMALLOC_START, VMALLOC_START + 4096, GFP_KERNEL, PAGE_KERNEL, 0,
			  NUMA_NO_NODE, __builtin_return_address(0));
	printk("recorder: small range %lx\n", (unsigned long)v);
	v = __vmalloc(900ul << 20, GFP_KERNEL | __GFP_NORETRY);
	printk("recorder: most of memory %lx\n", (unsigned long)v);
	vfree(v);
	v = vmalloc(8192);
	printk("recorder: vfree inside\n");
	vfree(v + 4096);
	printk("recorder: vfree odd\n");
	vfree(v + 1);
	vfree(v);
	printk("recorder: vfree twice\n");
	vfree(v);
	printk("recorder: vunmap twice\n");
	vunmap(v);
	printk("recorder: vunmap odd\n");
	vunmap(v + 1);
}

/* What the log gets where pages are missing. */
static void out_of_memory(void)
{
	printk("recorder: all of memory %lx\n",
	       (unsigned long)__vmalloc(totalram_pages() << PAGE_SHIFT, GFP_KERNEL | __GFP_RETRY_MAYFAIL));
}

static ssize_t read_log(struct file *f, char __user *to, size_t count, loff_t *offset)
{
	return simple_read_from_buffer(to, count, offset, log_text, log_len);
}
static const struct proc_ops log_ops = { .proc_read = read_log, .proc_lseek = default_llseek };

static int __init start(void)
{
	int i, error = find_symbols();

	if (error)
		return error;
	log_text = vzalloc(LOG_CAP);
	for (i = 0; i < 64; ++i)
		page_pool[i] = alloc_page(GFP_KERNEL);
	random_state = seed;
	say("seq=%d seed=%u n=%d %pS\n", seq, seed, n, __builtin_return_address(0));
	msleep(200);
	purge();
	info();
	switch (seq) {
	case 1: each_kind(); break;
	case 2: lazy_limit(); break;
	case 3: random_steps(n ? n : 3000, 40); break;
	case 4: random_steps(n ? n : 2000, 512); break;
	case 5: refusals(); break;
	case 6: out_of_memory(); break;
	}
	proc_create("vmalloc_recorder", 0444, NULL, &log_ops);
	return 0;
}
module_init(start);
MODULE_LICENSE("GPL");
