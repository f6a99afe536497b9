// SPDX-License-Identifier: GPL-2.0
/*
 * A live patch, as small as can be: /proc/cmdline says what it says here.  The
 * kernel goes over to it task by task, and back when 0 is written to "enabled" of
 * /sys/kernel/livepatch/patched.
 */
#include <linux/kernel.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

static int patched_cmdline_show(struct seq_file *m, void *v)
{
	seq_puts(m, "patched\n");
	return 0;
}

static struct klp_func patched_funcs[] = {
	{ .old_name = "cmdline_proc_show", .new_func = patched_cmdline_show },
	{ }
};

static struct klp_object patched_objs[] = {
	{ .funcs = patched_funcs },	/* of vmlinux */
	{ }
};

static struct klp_patch patched_patch = {
	.mod	= THIS_MODULE,
	.objs	= patched_objs,
};

static int __init patched_init(void)
{
	return klp_enable_patch(&patched_patch);
}

static void __exit patched_exit(void)
{
}

module_init(patched_init);
module_exit(patched_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The nvme-mdev authors");
MODULE_DESCRIPTION("Live patch for the tests of nvme-mdev");
MODULE_INFO(livepatch, "Y");
