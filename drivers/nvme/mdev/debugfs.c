// SPDX-License-Identifier: GPL-2.0
/*
 * <debugfs>/nvme-mdev/<uuid>/: what a device's queues, lanes and memory look
 * like now, and how long its commands take.
 *
 * debugfs waits for readers before a file goes, so that the device outlives
 * them.  What is freed when the device is closed is looked at in control only,
 * and only if it is open.  The pollers go on: what they change is read while
 * they do, a value at a time; only the lanes' lists are counted with the pollers
 * parked, for as long as that takes.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "mdev.h"

static struct dentry *debugfs_root;

static u32 queue_doorbell(const struct nvme_mdev *nm, unsigned int index)
{
	return le32_to_cpu((__force __le32)READ_ONCE(nm->db[index]));
}

static void queue_show_sq(struct seq_file *m, const struct nvme_mdev *nm,
			  const struct vnvme_sq *sq)
{
	seq_printf(m, "sq    %4u %4u      - %5u %5u %5u %8u %5u %6u %8u        -\n", sq->id,
		   sq->cqid, sq->depth, READ_ONCE(sq->head), READ_ONCE(sq->tail),
		   queue_doorbell(nm, 2 * sq->id), READ_ONCE(sq->db), READ_ONCE(sq->shadow),
		   READ_ONCE(sq->event));
}

static void queue_show_cq(struct seq_file *m, const struct nvme_mdev *nm,
			  const struct vnvme_cq *cq)
{
	seq_printf(m, "cq    %4u %4u %6d %5u %5u %5u %8u %5u %6u %8u %8u\n", cq->id, cq->id,
		   cq->irq_enabled ? cq->vector : -1, cq->depth, READ_ONCE(cq->head),
		   READ_ONCE(cq->tail), queue_doorbell(nm, 2 * cq->id + 1), READ_ONCE(cq->db),
		   READ_ONCE(cq->shadow), READ_ONCE(cq->event),
		   READ_ONCE(nm->ctrl.lane[cq->id].busy));
}

static int queues_show(struct seq_file *m, void *v)
{
	struct nvme_mdev *nm = m->private;
	unsigned int i;

	seq_puts(m, "queue   id   cq vector depth  head  tail doorbell taken shadow eventidx inflight\n");
	nvme_mdev_control_lock(nm);
	for (i = 0; i <= nm->nr_pairs; i++)
		if (nm->ctrl.sq[i].live)
			queue_show_sq(m, nm, &nm->ctrl.sq[i]);
	for (i = 0; i <= nm->nr_pairs; i++)
		if (nm->ctrl.lane[i].cq.live)
			queue_show_cq(m, nm, &nm->ctrl.lane[i].cq);
	nvme_mdev_control_unlock(nm);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(queues);

/* What of a lane is worth a look, taken with its poller parked. */
struct lane_view {
	unsigned int	reqs, busy, retry, held, with_drive;
	bool		up, gone, stopping, blocked;
	u64		submits, rings, reaps, acks;
};

static unsigned int lane_count(const struct vnvme_req *req)
{
	unsigned int n = 0;

	for (; req; req = req->next)
		n++;
	return n;
}

static void lane_look(struct nvme_mdev_lane *ml, const struct vnvme_lane *lane,
		      struct lane_view *view)
{
	*view = (struct lane_view){
		.reqs = lane->nr_reqs, .busy = lane->busy, .retry = lane_count(lane->retry),
		.held = lane_count(lane->held),
		.with_drive = lane->inflight,
		.up = ml->q && ml->up, .gone = ml->gone, .stopping = lane->stopping,
		.blocked = lane->blocked, .submits = ml->submits, .rings = ml->rings,
		.reaps = ml->reaps, .acks = ml->acks,
	};
}

/* The thread that serves a lane, and where it is; in control. */
static void lane_show_owner(struct seq_file *m, const struct nvme_mdev_lane *ml)
{
	struct task_struct *task = nvme_mdev_poller_task(ml);

	if (task)
		seq_printf(m, " %7d %3u %s", task->pid, task_cpu(task),
			   nvme_mdev_poller_asleep(ml) ? "asleep " : "polling");
	else
		seq_puts(m, "       -   - -      ");
}

static int lanes_show(struct seq_file *m, void *v)
{
	struct nvme_mdev *nm = m->private;
	struct lane_view view;
	unsigned int i;

	seq_puts(m, "lane    pid cpu poller  host_qid pair requests  busy retry  held drive    submits      rings      reaps       acks\n");
	nvme_mdev_control_lock(nm);
	for (i = 1; nm->open && i <= nm->nr_pairs; i++) {
		nvme_mdev_poller_park(nm);
		lane_look(&nm->lanes[i], &nm->ctrl.lane[i], &view);
		nvme_mdev_poller_unpark(nm);

		seq_printf(m, "%4u", i);
		lane_show_owner(m, &nm->lanes[i]);
		seq_printf(m, " %8u %-4s %8u %5u %5u %5u %5u %10llu %10llu %10llu %10llu%s%s\n",
			   nm->lanes[i].info.qid, view.gone ? "gone" : view.up ? "up" : "down",
			   view.reqs, view.busy, view.retry, view.held, view.with_drive,
			   view.submits, view.rings, view.reaps, view.acks,
			   view.stopping ? " stopping" : "", view.blocked ? " blocked" : "");
	}
	nvme_mdev_control_unlock(nm);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(lanes);

/* Neighbours that are each contiguous on the host are one line. */
struct memory_view {
	u64		first, end;	/* of the run, in chunks */
	unsigned int	whole, paged, pages;
};

static void memory_show_run(struct seq_file *m, struct memory_view *view)
{
	if (view->end != view->first)
		seq_printf(m, "%#llx %#llx contiguous\n", view->first << VNVME_CHUNK_SHIFT,
			   view->end << VNVME_CHUNK_SHIFT);
	view->first = 0;
	view->end = 0;
}

static void memory_show_chunk(struct seq_file *m, struct memory_view *view,
			      const struct vnvme_chunk *c)
{
	unsigned int i, pages = 0;

	if (c->kva) {
		view->whole++;
		if (c->index != view->end)
			memory_show_run(m, view);
		if (!view->end)
			view->first = c->index;
		view->end = c->index + 1;
		return;
	}
	for (i = 0; i < VNVME_CHUNK_PAGES; i++)
		pages += !!READ_ONCE(c->page[i].kva);
	view->paged++;
	view->pages += pages;
	memory_show_run(m, view);
	seq_printf(m, "%#llx %#llx %u pages\n", c->index << VNVME_CHUNK_SHIFT,
		   (c->index + 1) << VNVME_CHUNK_SHIFT, pages);
}

static int memory_show(struct seq_file *m, void *v)
{
	struct nvme_mdev *nm = m->private;
	struct memory_view view = { };
	const struct vnvme_chunk *c;
	unsigned int i;

	nvme_mdev_control_lock(nm);
	if (nm->open) {
		mutex_lock(&nm->mem.lock);
		for (i = 0; i < VNVME_MEM_SLOTS; i++)
			for (c = nm->mem.table.slot[i]; c; c = c->next)
				memory_show_chunk(m, &view, c);
		memory_show_run(m, &view);
		mutex_unlock(&nm->mem.lock);
	}
	seq_printf(m, "contiguous chunks %u\nother chunks %u, pages %u\n",
		   view.whole, view.paged, view.pages);
	seq_printf(m, "pinned bytes %llu\npins refused %llu\n",
		   (u64)atomic64_read(&nm->mem.pinned_pages) << PAGE_SHIFT, nm->locked_out);
	nvme_mdev_control_unlock(nm);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(memory);

static u64 latency_sum(const struct nvme_mdev *nm, unsigned int op, unsigned int bucket)
{
	unsigned int i;
	u64 n = 0;

	for (i = 1; i <= nm->nr_pairs; i++)
		n += nvme_mdev_counted(nm->stat.lane[i].latency[op][bucket]);
	return n;
}

/* The counters live as long as the device: no lock. */
static int latency_show(struct seq_file *m, void *v)
{
	const struct nvme_mdev *nm = m->private;
	u64 n[NVME_MDEV_LATENCY_OPS], any;
	unsigned int bucket, op;

	seq_printf(m, "%s\n", READ_ONCE(nm->stat.lane[0].timing) ? "on" : "off");
	seq_puts(m, "    from ns      flush      write       read      other\n");
	for (bucket = 0; bucket < NVME_MDEV_LATENCY_BUCKETS; bucket++) {
		for (any = 0, op = 0; op < NVME_MDEV_LATENCY_OPS; op++) {
			n[op] = latency_sum(nm, op, bucket);
			any += n[op];
		}
		if (any)
			seq_printf(m, "%11llu %10llu %10llu %10llu %10llu\n",
				   bucket ? 1ull << bucket : 0, n[0], n[1], n[2], n[3]);
	}
	return 0;
}

static int latency_open(struct inode *inode, struct file *file)
{
	return single_open(file, latency_show, inode->i_private);
}

static ssize_t latency_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	bool on;
	int ret = kstrtobool_from_user(buf, count, &on);

	if (ret)
		return ret;
	nvme_mdev_stat_time(file_inode(file)->i_private, on);
	return count;
}

static const struct file_operations latency_fops = {
	.owner		= THIS_MODULE,
	.open		= latency_open,
	.read		= seq_read,
	.write		= latency_write,
	.llseek		= seq_lseek,
	.release	= single_release,
};

/**
 * nvme_mdev_debugfs_add() - show a new device
 * @nm: device
 */
void nvme_mdev_debugfs_add(struct nvme_mdev *nm)
{
	struct dentry *dir = debugfs_create_dir(dev_name(nvme_mdev_dev(nm)), debugfs_root);

	debugfs_create_file("queues", 0400, dir, nm, &queues_fops);
	debugfs_create_file("lanes", 0400, dir, nm, &lanes_fops);
	debugfs_create_file("memory", 0400, dir, nm, &memory_fops);
	debugfs_create_file("latency", 0600, dir, nm, &latency_fops);
	nm->debugfs = dir;
}

/**
 * nvme_mdev_debugfs_del() - show a device no more
 * @nm: device; the caller is not in control
 *
 * Context: may sleep, until the last reader has left.
 */
void nvme_mdev_debugfs_del(struct nvme_mdev *nm)
{
	debugfs_remove(nm->debugfs);
}

/**
 * nvme_mdev_debugfs_init() - the directory for all devices
 */
void nvme_mdev_debugfs_init(void)
{
	debugfs_root = debugfs_create_dir("nvme-mdev", NULL);
}

/**
 * nvme_mdev_debugfs_exit() - undo nvme_mdev_debugfs_init()
 */
void nvme_mdev_debugfs_exit(void)
{
	debugfs_remove(debugfs_root);
}
