// SPDX-License-Identifier: GPL-2.0
/*
 * Drives lent queue pairs the way nvme-mdev does: a thread for each polls,
 * writes 4 KiB blocks and reads them back, at a given depth, while a script
 * resets, suspends or unbinds the controller.  What the controller loses is
 * submitted again when the queue pair is back.
 *
 * Each block has a version that its next write raises; a write carries the
 * block's number and version in every 8 bytes.  A read that finds anything but
 * the version last completed is bad.
 *
 * Counters are read as parameters; the parameters cycle, reset, suspend, pci_error and
 * admin are written to do something.  The namespace is claimed only while the module is
 * being loaded: a holder would keep the controller beyond its removal.
 */
#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/nvme-extq.h>
#include <linux/pci.h>
#include <linux/sched.h>
#include <linux/slab.h>

#define BLOCK		4096
#define STALL		(20 * HZ)

static char *bdf = "";
module_param(bdf, charp, 0444);
MODULE_PARM_DESC(bdf, "PCI function of the controller");

static char *dev = "";
module_param(dev, charp, 0444);
MODULE_PARM_DESC(dev, "block device to write to; its data is lost");

static unsigned int nsid = 1;
module_param(nsid, uint, 0444);
MODULE_PARM_DESC(nsid, "namespace of the controller that the block device is");

static unsigned int queues = 1;
module_param(queues, uint, 0444);
MODULE_PARM_DESC(queues, "queue pairs to borrow");

static unsigned int qd = 32;
module_param(qd, uint, 0444);
MODULE_PARM_DESC(qd, "commands in flight on each");

static unsigned int blocks = 1024;
module_param(blocks, uint, 0444);
MODULE_PARM_DESC(blocks, "blocks of 4 KiB for each queue pair");

static unsigned long reads, writes, bad, errors, downs, ups, gones;
static unsigned long drained, lost, stalls;
module_param(reads, ulong, 0444);
module_param(writes, ulong, 0444);
module_param(bad, ulong, 0444);
module_param(errors, ulong, 0444);
module_param(downs, ulong, 0444);
module_param(ups, ulong, 0444);
module_param(gones, ulong, 0444);
module_param(drained, ulong, 0444);
module_param(lost, ulong, 0444);
module_param(stalls, ulong, 0444);

enum slot_state { SLOT_IDLE, SLOT_BUSY, SLOT_LOST };

struct slot {
	enum slot_state	state;
	bool		write;
	unsigned int	block;		/* of the queue's region */
	unsigned long	since;
};

/* @lock is the thread's while it uses the queue, and the callbacks'. */
struct queue {
	struct mutex		lock;
	struct nvme_extq	*e;
	struct nvme_extq_info	info;
	struct slot		*slots;
	u32			*versions;
	unsigned long		reads;
	u64			first;		/* block of the device */
	void			*buf;
	dma_addr_t		dma;
	struct task_struct	*thread;
	bool			up;
	bool			leaving;	/* the thread keeps off */
	bool			gone;
};

static struct queue *tests;
static struct pci_dev *pdev;
static struct block_device *bdev;
static struct nvme_extq_ns ns;
static DEFINE_MUTEX(control);

static u64 pattern(struct queue *q, unsigned int block, u32 version)
{
	return (q->first + block) << 32 | version;
}

static void fill(struct queue *q, unsigned int i, u64 value)
{
	u64 *p = q->buf + i * BLOCK;
	unsigned int n;

	for (n = 0; n < BLOCK / sizeof(*p); n++)
		p[n] = value;
}

static bool holds(struct queue *q, unsigned int i, u64 value)
{
	u64 *p = q->buf + i * BLOCK;
	unsigned int n;

	for (n = 0; n < BLOCK / sizeof(*p); n++)
		if (READ_ONCE(p[n]) != value)
			return false;
	return true;
}

static int submit(struct queue *q, unsigned int i)
{
	struct slot *s = &q->slots[i];
	struct nvme_command c = { };
	int ret;

	if (s->write)
		fill(q, i, pattern(q, s->block, q->versions[s->block] + 1));
	else
		fill(q, i, ~0ULL);
	c.rw.opcode = s->write ? nvme_cmd_write : nvme_cmd_read;
	c.rw.command_id = i;
	c.rw.nsid = cpu_to_le32(nsid);
	c.rw.slba = cpu_to_le64((q->first + s->block) << (12 - ns.lba_shift));
	c.rw.length = cpu_to_le16((BLOCK >> ns.lba_shift) - 1);
	c.rw.dptr.prp1 = cpu_to_le64(q->dma + i * BLOCK);
	ret = nvme_extq_submit(q->e, &c, false);
	if (ret)
		return ret;
	s->state = SLOT_BUSY;
	s->since = jiffies;
	return 0;
}

/* A slot writes and reads back its blocks in turn: i, i + qd, ... */
static void advance(struct queue *q, unsigned int i)
{
	struct slot *s = &q->slots[i];

	s->state = SLOT_IDLE;
	s->write = !s->write;
	if (s->write) {
		s->block += qd;
		if (s->block >= blocks)
			s->block = i;
	}
}

static void complete_one(struct queue *q, struct nvme_completion *c, bool down)
{
	u16 status = le16_to_cpu(c->status) >> 1;
	unsigned int i = c->command_id;
	struct slot *s;

	if (i >= qd || q->slots[i].state != SLOT_BUSY) {
		pr_err("extqtest: completion of command %u, not in flight\n", i);
		bad++;
		return;
	}
	s = &q->slots[i];
	if (down && status) {
		s->state = SLOT_LOST;
		lost++;
		return;
	}
	if (status) {
		pr_err("extqtest: command %u: status %x\n", i, status);
		errors++;
	} else if (s->write) {
		q->versions[s->block]++;
		writes++;
	} else {
		if (!holds(q, i, pattern(q, s->block, q->versions[s->block]))) {
			pr_err("extqtest: block %u: %llx instead of %llx\n",
			       s->block, *(u64 *)(q->buf + i * BLOCK),
			       pattern(q, s->block, q->versions[s->block]));
			bad++;
		}
		reads++;
		q->reads++;
	}
	advance(q, i);
}

static void lose_all(struct queue *q)
{
	unsigned int i;

	for (i = 0; i < qd; i++) {
		if (q->slots[i].state != SLOT_BUSY)
			continue;
		q->slots[i].state = SLOT_LOST;
		lost++;
	}
}

static void test_down(void *priv)
{
	struct nvme_completion c[16];
	struct queue *q = priv;
	int n, i;

	mutex_lock(&q->lock);
	q->up = false;
	while (q->e && (n = nvme_extq_drain(q->e, c, ARRAY_SIZE(c))) > 0) {
		for (i = 0; i < n; i++)
			complete_one(q, &c[i], true);
		drained += n;
	}
	lose_all(q);
	downs++;
	mutex_unlock(&q->lock);
}

static void test_up(void *priv)
{
	struct queue *q = priv;

	mutex_lock(&q->lock);
	q->up = true;
	ups++;
	mutex_unlock(&q->lock);
}

/* This borrower polls and never arms. */
static void test_irq(void *priv)
{
	bad++;
}

static void free_buf(struct queue *q)
{
	if (q->buf)
		dma_free_coherent(&pdev->dev, qd * BLOCK, q->buf, q->dma);
	q->buf = NULL;
}

static void test_gone(void *priv)
{
	struct queue *q = priv;

	mutex_lock(&q->lock);
	if (q->up || q->gone)
		bad++;	/* the contract: after a down, once */
	q->gone = true;
	gones++;
	free_buf(q);
	mutex_unlock(&q->lock);
}

static void test_aborted(void *priv, u32 cookie, bool done)
{
}

static const struct nvme_extq_ops test_ops = {
	.down	= test_down,
	.up	= test_up,
	.irq	= test_irq,
	.aborted = test_aborted,
	.gone	= test_gone,
};

static void pass(struct queue *q)
{
	struct nvme_completion c[32];
	unsigned int i;
	int n;

	for (i = 0; i < qd; i++)
		if (q->slots[i].state != SLOT_BUSY && submit(q, i))
			break;
	nvme_extq_ring(q->e);
	n = nvme_extq_poll(q->e, c, ARRAY_SIZE(c));
	for (i = 0; n > 0 && i < n; i++)
		complete_one(q, &c[i], false);
	nvme_extq_ack(q->e);
	for (i = 0; n == 0 && i < qd; i++) {
		if (time_before(jiffies, q->slots[i].since + STALL))
			continue;
		if (q->slots[i].state == SLOT_BUSY)
			stalls++;
		q->slots[i].since = jiffies;
	}
}

static int test_thread(void *data)
{
	struct queue *q = data;

	while (!kthread_should_stop()) {
		mutex_lock(&q->lock);
		if (q->e && q->up && !q->leaving)
			pass(q);
		mutex_unlock(&q->lock);
		cond_resched();
	}
	return 0;
}

/*
 * Fills the ring without looking at completions: exactly depth - 1 commands
 * fit, all of them complete.
 */
static int overrun(struct queue *q)
{
	unsigned long end = jiffies + STALL;
	struct nvme_completion c[32];
	struct nvme_command cmd = { };
	int n = 0, done = 0, ret;

	cmd.common.opcode = nvme_cmd_flush;
	cmd.common.nsid = cpu_to_le32(nsid);
	do {
		cmd.common.command_id = n;
		ret = nvme_extq_submit(q->e, &cmd, false);
	} while (!ret && ++n);
	nvme_extq_ring(q->e);
	while (done < n && time_before(jiffies, end)) {
		int got = nvme_extq_poll(q->e, c, ARRAY_SIZE(c));

		if (got < 0)
			return got;
		done += got;
		cond_resched();
	}
	/* the ring is full until the drive has its places back */
	if (nvme_extq_submit(q->e, &cmd, false) != -EBUSY) {
		pr_err("extqtest: a place that was not given back was taken\n");
		return -EIO;
	}
	nvme_extq_ack(q->e);
	if (ret == -EBUSY && n == q->info.depth - 1 && done == n)
		return 0;
	pr_err("extqtest: ring of %u took %d commands (then %d), completed %d\n",
	       q->info.depth, n, ret, done);
	return -EIO;
}

/* Callbacks may come before the handle is known: up is what they left it. */
static int borrow(struct queue *q)
{
	struct nvme_extq *e;

	if (q->gone)
		return -ENODEV;	/* and so is the memory */
	mutex_lock(&q->lock);
	q->leaving = false;
	q->up = true;
	mutex_unlock(&q->lock);
	e = nvme_extq_get(pdev, &test_ops, q);
	if (IS_ERR(e)) {
		q->up = false;
		return PTR_ERR(e);
	}
	nvme_extq_info(e, &q->info);
	mutex_lock(&q->lock);
	q->e = e;
	mutex_unlock(&q->lock);
	return 0;
}

static void give_back(struct queue *q)
{
	struct nvme_extq *e = q->e;

	/* a down may still drain, an up would start the thread again */
	mutex_lock(&q->lock);
	q->leaving = true;
	mutex_unlock(&q->lock);
	nvme_extq_put(e);
	mutex_lock(&q->lock);
	q->e = NULL;
	lose_all(q);
	mutex_unlock(&q->lock);
}

static int borrow_again(struct queue *q)
{
	unsigned long end = jiffies + STALL;
	int ret;

	while ((ret = borrow(q)) == -EAGAIN && time_before(jiffies, end))
		msleep(20);
	return ret;
}

static int set_cycle(const char *val, const struct kernel_param *kp)
{
	unsigned int n, i;
	int ret = kstrtouint(val, 0, &n);

	mutex_lock(&control);
	if (!ret && !tests)
		ret = -ENODEV;
	while (!ret && n--) {
		for (i = 0; i < queues && !ret; i++) {
			if (tests[i].e)
				give_back(&tests[i]);
			ret = borrow_again(&tests[i]);
		}
		msleep(20);
	}
	mutex_unlock(&control);
	return ret;
}

static const struct kernel_param_ops cycle_ops = { .set = set_cycle };
module_param_cb(cycle, &cycle_ops, NULL, 0200);
MODULE_PARM_DESC(cycle, "put and get all queue pairs N times, under load");

static int set_reset(const char *val, const struct kernel_param *kp)
{
	int ret = -ENODEV;

	mutex_lock(&control);
	if (tests && tests[0].e)
		ret = nvme_extq_reset_ctrl(tests[0].e);
	mutex_unlock(&control);
	return ret;
}

static const struct kernel_param_ops reset_ops = { .set = set_reset };
module_param_cb(reset, &reset_ops, NULL, 0200);
MODULE_PARM_DESC(reset, "reset the controller through a queue pair");

/* The driver's part of a suspend and a resume, with the controller off between. */
static int set_suspend(const char *val, const struct kernel_param *kp)
{
	const struct dev_pm_ops *pm = NULL;
	unsigned int ms;
	int ret = kstrtouint(val, 0, &ms);

	if (ret)
		return ret;
	mutex_lock(&control);
	if (!tests) {
		mutex_unlock(&control);
		return -ENODEV;
	}
	device_lock(&pdev->dev);
	if (pdev->dev.driver)
		pm = pdev->dev.driver->pm;
	ret = pm && pm->suspend && pm->resume ? pm->suspend(&pdev->dev) : -ENODEV;
	if (!ret) {
		msleep(ms);
		ret = pm->resume(&pdev->dev);
	}
	device_unlock(&pdev->dev);
	mutex_unlock(&control);
	return ret;
}

static const struct kernel_param_ops suspend_ops = { .set = set_suspend };
module_param_cb(suspend, &suspend_ops, NULL, 0200);
MODULE_PARM_DESC(suspend, "suspend the controller for N milliseconds");

/* What the PCI core calls after an uncorrectable error, with the function reset between. */
static int set_pci_error(const char *val, const struct kernel_param *kp)
{
	const struct pci_error_handlers *handlers = NULL;
	int ret = -ENODEV;

	mutex_lock(&control);
	if (!tests)
		goto out;
	device_lock(&pdev->dev);
	if (pdev->dev.driver)
		handlers = to_pci_driver(pdev->dev.driver)->err_handler;
	if (handlers) {
		ret = -EIO;
		if (handlers->error_detected(pdev, pci_channel_io_frozen) ==
		    PCI_ERS_RESULT_NEED_RESET &&
		    !__pci_reset_function_locked(pdev) &&
		    handlers->slot_reset(pdev) == PCI_ERS_RESULT_RECOVERED) {
			handlers->resume(pdev);
			ret = 0;
		}
	}
	device_unlock(&pdev->dev);
out:
	mutex_unlock(&control);
	return ret;
}

static const struct kernel_param_ops pci_error_ops = { .set = set_pci_error };
module_param_cb(pci_error, &pci_error_ops, NULL, 0200);
MODULE_PARM_DESC(pci_error, "recover from a PCI error that froze the channel");

/* Abort of a command that is not there, and Identify with data. */
static int admin(struct queue *q)
{
	struct nvme_command abort = { }, id = { };
	u8 *buf = kzalloc(4096, GFP_KERNEL);
	int ret;

	if (!buf)
		return -ENOMEM;
	abort.abort.opcode = nvme_admin_abort_cmd;
	abort.abort.sqid = cpu_to_le16(q->info.qid);
	abort.abort.cid = qd;
	ret = nvme_extq_admin(q->e, &abort, NULL, 0);
	if (!ret) {
		id.identify.opcode = nvme_admin_identify;
		id.identify.cns = NVME_ID_CNS_CTRL;
		ret = nvme_extq_admin(q->e, &id, buf, 4096);
		if (!ret && le16_to_cpup((__le16 *)buf) != pdev->vendor)
			ret = -EBADMSG;
	}
	kfree(buf);
	return ret > 0 ? -EIO : ret;
}

static int set_admin(const char *val, const struct kernel_param *kp)
{
	int ret = -ENODEV;

	mutex_lock(&control);
	if (tests && tests[0].e)
		ret = admin(&tests[0]);
	mutex_unlock(&control);
	return ret;
}

static const struct kernel_param_ops admin_ops = { .set = set_admin };
module_param_cb(admin, &admin_ops, NULL, 0200);
MODULE_PARM_DESC(admin, "run two admin commands");

static int get_avail(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%u\n", pdev ? nvme_extq_avail(pdev, NULL) : 0);
}

static const struct kernel_param_ops avail_ops = { .get = get_avail };
module_param_cb(avail, &avail_ops, NULL, 0444);
MODULE_PARM_DESC(avail, "queue pairs that could be lent besides");

static int get_each(char *buf, const struct kernel_param *kp)
{
	unsigned int i;
	int len = 0;

	mutex_lock(&control);
	for (i = 0; tests && i < queues; i++)
		len += sysfs_emit_at(buf, len, "%lu ", tests[i].reads);
	len += sysfs_emit_at(buf, len, "\n");
	mutex_unlock(&control);
	return len;
}

static const struct kernel_param_ops each_ops = { .get = get_each };
module_param_cb(each, &each_ops, NULL, 0444);
MODULE_PARM_DESC(each, "reads of each queue pair");

/* The namespace of the disk under test, and one that does not exist. */
static int look_up(void)
{
	struct nvme_extq_ns none;
	int ret = nvme_extq_ns(pdev, nsid, &ns);
	bool going;

	if (ret)
		return ret;
	going = *ns.state & ns.going;
	nvme_extq_ns_put(&ns);
	if (ns.devt != disk_devt(bdev->bd_disk) || going)
		return -EXDEV;
	if (nvme_extq_ns(pdev, 0xfffffffe, &none) != -ENODEV)
		return -EEXIST;
	return ns.ms || ns.csi || ns.lba_shift > 12 ? -EOPNOTSUPP : 0;
}

static void queue_stop(struct queue *q)
{
	if (!IS_ERR_OR_NULL(q->thread))
		kthread_stop(q->thread);
	if (q->e)
		give_back(q);
	free_buf(q);
	kfree(q->slots);
	kvfree(q->versions);
}

static int queue_start(struct queue *q, unsigned int nr)
{
	unsigned int i;
	int ret;

	mutex_init(&q->lock);
	q->first = (u64)nr * blocks;
	q->slots = kcalloc(qd, sizeof(*q->slots), GFP_KERNEL);
	q->versions = kvcalloc(blocks, sizeof(*q->versions), GFP_KERNEL);
	q->buf = dma_alloc_coherent(&pdev->dev, qd * BLOCK, &q->dma, GFP_KERNEL);
	if (!q->slots || !q->versions || !q->buf)
		return -ENOMEM;
	for (i = 0; i < qd; i++) {
		q->slots[i].block = i;
		q->slots[i].write = true;
	}
	ret = borrow_again(q);
	if (ret)
		return ret;
	ret = look_up();
	if (ret)
		return ret;
	if (qd >= q->info.depth || qd > blocks)
		return -ERANGE;
	ret = overrun(q);
	if (ret)
		return ret;
	pr_info("extqtest: qid %u depth %u max %u wz %u dsm %ux%u oncs %x vwc %x nsid %u shift %u\n",
		q->info.qid, q->info.depth, q->info.max_bytes,
		q->info.max_wz_bytes, q->info.dsm_ranges,
		q->info.dsm_range_lbas, q->info.oncs, q->info.vwc, nsid,
		ns.lba_shift);
	q->thread = kthread_run(test_thread, q, "extqtest/%u", nr);
	return PTR_ERR_OR_ZERO(q->thread);
}

static void stop_all(void)
{
	unsigned int i;

	for (i = 0; i < queues; i++)
		queue_stop(&tests[i]);
	kfree(tests);
	tests = NULL;
}

static int start_all(void)
{
	unsigned int i;
	int ret = 0;

	tests = kcalloc(queues, sizeof(*tests), GFP_KERNEL);
	if (!tests)
		return -ENOMEM;
	for (i = 0; i < queues && !ret; i++)
		ret = queue_start(&tests[i], i);
	if (ret)
		stop_all();
	return ret;
}

static int __init extqtest_init(void)
{
	unsigned int domain, bus, slot, func;
	dev_t devt;
	int ret;

	if (sscanf(bdf, "%x:%x:%x.%x", &domain, &bus, &slot, &func) != 4)
		return -EINVAL;
	ret = lookup_bdev(dev, &devt);
	if (ret)
		return ret;
	pdev = pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, func));
	if (!pdev)
		return -ENODEV;
	bdev = compat_bdev_claim(devt, true, &tests);
	ret = PTR_ERR_OR_ZERO(bdev);
	if (ret)
		goto put_pdev;
	mutex_lock(&control);
	ret = start_all();
	mutex_unlock(&control);
	compat_bdev_release(bdev, true);
	if (!ret)
		return 0;
put_pdev:
	pci_dev_put(pdev);
	return ret;
}

static void __exit extqtest_exit(void)
{
	mutex_lock(&control);
	stop_all();
	mutex_unlock(&control);
	pci_dev_put(pdev);
	pr_info("extqtest: reads %lu writes %lu bad %lu errors %lu downs %lu ups %lu gones %lu drained %lu lost %lu stalls %lu\n",
		reads, writes, bad, errors, downs, ups, gones, drained, lost,
		stalls);
}

module_init(extqtest_init);
module_exit(extqtest_exit);
MODULE_DESCRIPTION("Test of the queue pairs that nvme-pci lends");
MODULE_LICENSE("GPL");
