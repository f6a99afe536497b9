// SPDX-License-Identifier: GPL-2.0
/*
 * Takes pages out of the kernel's own mapping, as the kernel does with those that have an
 * uncorrectable memory error: who reads or writes one through it takes a fault.
 *
 * Write a page frame number to parameters/out; what is out comes back with a write to
 * parameters/back, or with the module's removal.  A page is kept as long as it is out.
 */
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/smp.h>

#define HOLES	8

static struct page *holes[HOLES];
static unsigned int nr_holes;
static int (*map_invalid)(struct page *page);
static int (*map_default)(struct page *page);

/* What no module is to call. */
static void *find(const char *name)
{
	struct kprobe kp = { .symbol_name = name };
	void *addr;

	if (register_kprobe(&kp))
		return NULL;
	addr = kp.addr;
	unregister_kprobe(&kp);
	return addr;
}

static void forget(void *addr)
{
	asm volatile("invlpg (%0)" : : "r" (addr) : "memory");
}

static int hole_out(const char *val, const struct kernel_param *kp)
{
	unsigned long pfn;
	int ret = kstrtoul(val, 0, &pfn);

	if (ret)
		return ret;
	if (nr_holes == HOLES || !pfn_valid(pfn))
		return -EINVAL;
	get_page(pfn_to_page(pfn));
	holes[nr_holes] = pfn_to_page(pfn);
	ret = map_invalid(holes[nr_holes]);
	if (ret) {
		put_page(holes[nr_holes]);
		return ret;
	}
	on_each_cpu(forget, page_address(holes[nr_holes]), 1);
	nr_holes++;
	return 0;
}

static void holes_back(void)
{
	while (nr_holes) {
		struct page *page = holes[--nr_holes];

		map_default(page);
		on_each_cpu(forget, page_address(page), 1);
		put_page(page);
	}
}

static int hole_back(const char *val, const struct kernel_param *kp)
{
	holes_back();
	return 0;
}

static const struct kernel_param_ops out_ops = { .set = hole_out };
static const struct kernel_param_ops back_ops = { .set = hole_back };

module_param_cb(out, &out_ops, NULL, 0200);
MODULE_PARM_DESC(out, "number of a page frame that goes");
module_param_cb(back, &back_ops, NULL, 0200);
MODULE_PARM_DESC(back, "all that went come back");

static int __init hole_init(void)
{
	map_invalid = find("set_direct_map_invalid_noflush");
	map_default = find("set_direct_map_default_noflush");
	return map_invalid && map_default ? 0 : -ENOENT;
}

static void __exit hole_exit(void)
{
	holes_back();
}

module_init(hole_init);
module_exit(hole_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The nvme-mdev authors");
MODULE_DESCRIPTION("Takes pages out of the kernel's own mapping");
