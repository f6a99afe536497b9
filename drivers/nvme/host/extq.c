// SPDX-License-Identifier: GPL-2.0
/*
 * The queue pairs that nvme-pci lends (parameter mdev_queues): their
 * reservation, creation and deletion, and what a reset does to them.  What a
 * borrower may rely on is in <linux/nvme-extq.h>.
 *
 * Included at the end of pci.c, whose queue helpers it uses unchanged.  What
 * differs between kernels comes in macros that pci.c defines before:
 *
 *	NVME_EXTQ_TIMEOUT(dev)		jiffies for an admin command
 *	NVME_EXTQ_NS(ns)		what holds lba_shift and ms
 *	NVME_EXTQ_DSM_RANGES(ctrl)	most ranges of a DSM command, 0: no DSM
 *
 * A controller has a pool if queue pairs are wanted of it, else no pool and
 * nothing here does anything.  The pool outlives the controller until the last
 * pair is put; pool->dev tells whether the controller is still there.
 *
 * Locks, outer first:
 *   pool->lock		get, put, creation, removal; held over admin commands.
 *			Neither nvme_dev_disable() nor nvme_reset_work() takes
 *			it, so that they can end the command waited for.
 *   dev->shutdown_lock	nvme_dev_disable() holds it.  Not taken here: a reset
 *			that finds it taken gives the controller up.
 *   pool->list_lock	pool->open, the list (changed with both locks of the pool
 *			held, walked with either), ->down.  nvme_dev_disable()
 *			holds it from nvme_extq_quiesce() to nvme_extq_down().
 *			No admin command is sent under it but by the former,
 *			with a time limit.
 *   q->sq_lock		NVMEQ_ENABLED of the pair and its submission side
 *   q->cq_poll_lock	NVMEQ_ENABLED of the pair and its completion side
 *
 * While NVMEQ_ENABLED is set the registers are mapped and the rings exist: it
 * is cleared, with both of a queue's locks held, before anything is torn down.
 */

#include <linux/delay.h>
#include <linux/irq.h>

#define NVME_EXTQ_MAX	64
#define NVME_EXTQ_RETRIES	5	/* nvme_core.max_retries, if it cannot be found */

/* ONCS, and fields of Identify that not every kernel's structures name */
#define NVME_EXTQ_ONCS_VERIFY	(1 << 7)
#define NVME_EXTQ_ONCS_COPY	(1 << 8)
#define NVME_EXTQ_ID_CTRL_OCFS	534
#define NVME_EXTQ_ID_NS_MSSRL	74
#define NVME_EXTQ_ID_NS_MCL	76
#define NVME_EXTQ_ID_NS_MSRC	80
#define NVME_EXTQ_NSFEAT_NSABP	(1 << 1)
#define NVME_EXTQ_NSFEAT_OPTPERF	(1 << 4)

struct nvme_extq_pool {
	struct kref		ref;
	struct nvme_dev		*dev;		/* NULL after the removal */
	struct device		*dma_dev;
	struct mutex		lock;
	struct mutex		list_lock;
	struct list_head	list;
	struct work_struct	work;
	wait_queue_head_t	disabled;	/* disables has changed */
	unsigned int		disables;	/* times the device was off */
	unsigned int		wanted;
	unsigned int		online;		/* what the controller granted */
	unsigned int		reported;	/* the last one logged */
	u32			max_bytes;
	u64			dmsl;
	u16			ocfs;
	u16			awun;
	u16			awupf;
	u16			wctemp;
	u16			cctemp;
	u8			vsl;
	u8			wzsl;
	unsigned int		first_vec;	/* of those that are ours */
	unsigned int		nr_vecs;
	bool			open;		/* queues may be created */
	bool			dead;		/* there will be no reset */
	/* extq-hold.c */
	spinlock_t		hold_lock;
	struct work_struct	hold_work;
	struct nvme_ctrl	*ctrl;		/* for the work, which has a reference */
	unsigned int		changing;	/* commands that change namespaces */
	bool			drained;	/* they may start */
	bool			ended;		/* one has, since the work looked */
	bool			deaf;		/* the work is not queued any more */
	bool			stopping;	/* who still waits to start fails */
	bool			held;		/* by list_lock */
	u32			deleted[8];	/* NSIDs, since the work looked */
	unsigned int		nr_deleted;
	/* whose each pair is; by lock, read by any */
	const struct nvme_extq_ops *lent[NVME_EXTQ_MAX];
};

/* The Abort of a queue pair that is on its way; it may outlive the pair. */
struct nvme_extq_abort {
	struct kref			ref;
	spinlock_t			lock;
	struct nvme_extq		*e;	/* NULL: the pair was given back */
	bool				busy;
	u32				cookie;
};

struct nvme_extq {
	struct nvme_queue		q;
	struct nvme_extq_pool		*pool;
	struct list_head		entry;
	const struct nvme_extq_ops	*ops;
	void				*priv;
	struct nvme_extq_info		info;	/* changed under q.sq_lock */
	unsigned int			idx;
	int				irq;	/* 0: none; by list_lock */
	unsigned long			armed;	/* bit 0: the interrupt is on */
	u32				submitted;	/* under q.sq_lock */
	u32				reaped;		/* under q.cq_poll_lock, */
	u32				acked;		/* what the drive knows of it */
	bool				draining;
	bool				gone;
	bool				held;	/* under q.sq_lock */
	struct nvme_extq_abort		*abort;
};

static int mdev_queues_set(const char *val, const struct kernel_param *kp)
{
	unsigned int n;
	int ret = kstrtouint(val, 0, &n);

	if (ret)
		return ret;
	if (n > NVME_EXTQ_MAX) {
		pr_warn("nvme: mdev_queues=%u is too many, taking %u\n",
			n, NVME_EXTQ_MAX);
		n = NVME_EXTQ_MAX;
	}
	*(unsigned int *)kp->arg = n;
	return 0;
}

static void nvme_extq_pool_release(struct kref *ref)
{
	struct nvme_extq_pool *pool =
		container_of(ref, struct nvme_extq_pool, ref);

	put_device(pool->dma_dev);
	mutex_destroy(&pool->list_lock);
	mutex_destroy(&pool->lock);
	kfree(pool);
}

/*
 * A pair that is deleted and created again without a controller reset would
 * find the shadow doorbells that it left, and be told to ring none.
 */
static void nvme_extq_init_dbbuf(struct nvme_dev *dev, struct nvme_queue *q)
{
	nvme_dbbuf_free(q);	/* the controller may have lost the feature */
	nvme_dbbuf_init(dev, q, q->qid);
	if (!q->dbbuf_sq_db)
		return;
	*q->dbbuf_sq_db = 0;
	*q->dbbuf_sq_ei = 0;
	*q->dbbuf_cq_db = 0;
	*q->dbbuf_cq_ei = 0;
}

/*
 * Sends an admin command without data that must not reach the controller while
 * it is being initialised: a queue created before the number of queues is set
 * makes that fail, and a queue id may belong to blk-mq afterwards.  Marked like
 * a command of a user it fails at once unless the controller is live.
 *
 * -EIO: the controller has refused it; anything else: it may not have seen it.
 */
static int nvme_extq_sync_cmd(struct nvme_dev *dev, struct nvme_command *cmd)
{
	struct request *req;
	blk_status_t status;
	int ret;

	req = blk_mq_alloc_request(dev->ctrl.admin_q, nvme_req_op(cmd), 0);
	if (IS_ERR(req))
		return PTR_ERR(req);
	nvme_init_request(req, cmd);
	nvme_req(req)->flags |= NVME_REQ_USERCMD;

	status = blk_execute_rq(req, false);
	if (nvme_req(req)->flags & NVME_REQ_CANCELLED)
		ret = -EINTR;
	else if (nvme_req(req)->status)
		ret = nvme_req(req)->status == NVME_SC_HOST_PATH_ERROR ? -EAGAIN : -EIO;
	else
		ret = status ? -EAGAIN : 0;
	blk_mq_free_request(req);
	return ret;
}

static bool nvme_extq_has_vec(const struct nvme_extq *e)
{
	return e->idx < e->pool->nr_vecs;
}

static int nvme_extq_create_cq(struct nvme_dev *dev, struct nvme_extq *e)
{
	struct nvme_queue *q = &e->q;
	struct nvme_command c = { };
	u16 flags = NVME_QUEUE_PHYS_CONTIG;

	if (nvme_extq_has_vec(e)) {
		flags |= NVME_CQ_IRQ_ENABLED;
		c.create_cq.irq_vector =
			cpu_to_le16(e->pool->first_vec + e->idx);
	}
	c.create_cq.opcode = nvme_admin_create_cq;
	c.create_cq.prp1 = cpu_to_le64(q->cq_dma_addr);
	c.create_cq.cqid = cpu_to_le16(q->qid);
	c.create_cq.qsize = cpu_to_le16(q->q_depth - 1);
	c.create_cq.cq_flags = cpu_to_le16(flags);
	return nvme_extq_sync_cmd(dev, &c);
}

static int nvme_extq_create_sq(struct nvme_dev *dev, struct nvme_queue *q)
{
	struct nvme_command c = { };
	u16 flags = NVME_QUEUE_PHYS_CONTIG;

	/* without it some drives treat every queue as urgent */
	if (dev->ctrl.quirks & NVME_QUIRK_MEDIUM_PRIO_SQ)
		flags |= NVME_SQ_PRIO_MEDIUM;

	c.create_sq.opcode = nvme_admin_create_sq;
	c.create_sq.prp1 = cpu_to_le64(q->sq_dma_addr);
	c.create_sq.sqid = cpu_to_le16(q->qid);
	c.create_sq.qsize = cpu_to_le16(q->q_depth - 1);
	c.create_sq.sq_flags = cpu_to_le16(flags);
	c.create_sq.cqid = cpu_to_le16(q->qid);
	return nvme_extq_sync_cmd(dev, &c);
}

static int nvme_extq_delete(struct nvme_dev *dev, u8 opcode, u16 qid)
{
	struct nvme_command c = { };

	c.delete_queue.opcode = opcode;
	c.delete_queue.qid = cpu_to_le16(qid);
	return nvme_extq_sync_cmd(dev, &c);
}

/*
 * Deletes a pair, or what there is of it, that existed when the device had been
 * off @disables times.  What the controller does not delete ends with the next
 * reset, which is asked for if it is not under way.  Afterwards the device
 * accesses neither the rings nor the memory of a command.
 */
static void nvme_extq_destroy(struct nvme_extq_pool *pool, u16 qid,
			      unsigned int disables, bool sq)
{
	struct nvme_dev *dev = pool->dev;

	lockdep_assert_held(&pool->lock);
	if (sq && nvme_extq_delete(dev, nvme_admin_delete_sq, qid))
		goto reset;
	if (!nvme_extq_delete(dev, nvme_admin_delete_cq, qid))
		return;
reset:
	/* whoever else has it in another state than live is about to disable it */
	nvme_reset_ctrl(&dev->ctrl);
	wait_event(pool->disabled, READ_ONCE(pool->disables) != disables);
}

/*
 * Deletes a pair, or its completion queue, of which nobody knows whether it was
 * created before or after the device was off.  What the controller does not know
 * is not there; and if it takes no command now, it is about to be off, or it is
 * asked again when it is back.
 */
static void nvme_extq_forget(struct nvme_extq_pool *pool, u16 qid, bool sq)
{
	unsigned int disables = READ_ONCE(pool->disables);
	u8 opcode = sq ? nvme_admin_delete_sq : nvme_admin_delete_cq;
	int ret;

	lockdep_assert_held(&pool->lock);
	do {
		ret = nvme_extq_delete(pool->dev, opcode, qid);
		if (!ret && sq)
			nvme_extq_destroy(pool, qid, disables, false);
		/* one that has been given up is off */
		if (!ret || ret == -EIO || READ_ONCE(pool->dead))
			return;
	} while (!wait_event_timeout(pool->disabled,
				     READ_ONCE(pool->disables) != disables, HZ / 50));
}

/* One interrupt for each time that it is armed. */
static irqreturn_t nvme_extq_irq(int irq, void *data)
{
	struct nvme_extq *e = data;

	if (!test_bit(0, &e->armed))
		return IRQ_NONE;
	disable_irq_nosync(irq);
	/* off before it may be armed, and turned on, again */
	clear_bit_unlock(0, &e->armed);
	e->ops->irq(e->priv);
	return IRQ_HANDLED;
}

/* The vector stays masked until it is armed.  Without it there is polling. */
static void nvme_extq_request_irq(struct nvme_dev *dev, struct nvme_extq *e)
{
	int irq;

	lockdep_assert_held(&e->pool->list_lock);
	if (!nvme_extq_has_vec(e))
		return;
	irq = pci_irq_vector(to_pci_dev(dev->dev),
			     e->pool->first_vec + e->idx);
	/* masked at once when disabled: the drive keeps what comes meanwhile */
	irq_set_status_flags(irq, IRQ_DISABLE_UNLAZY);
	e->armed = 0;
	if (request_irq(irq, nvme_extq_irq, IRQF_NO_AUTOEN, "nvme-extq", e))
		return;
	e->irq = irq;
	spin_lock(&e->q.sq_lock);
	e->info.irq = true;
	spin_unlock(&e->q.sq_lock);
}

static void nvme_extq_free_irq(struct nvme_extq *e)
{
	lockdep_assert_held(&e->pool->list_lock);
	if (!e->irq)
		return;
	free_irq(e->irq, e);
	irq_clear_status_flags(e->irq, IRQ_DISABLE_UNLAZY);
	e->irq = 0;
}

static void nvme_extq_init_queue(struct nvme_dev *dev, struct nvme_extq *e)
{
	struct nvme_queue *q = &e->q;

	q->qid = dev->max_qid + 1 + e->idx;
	q->q_db = &dev->dbs[q->qid * 2 * dev->db_stride];
	q->sq_tail = 0;
	q->last_sq_tail = 0;
	q->cq_head = 0;
	q->cq_phase = 1;
	e->submitted = 0;
	e->reaped = 0;
	e->acked = 0;
	memset((void *)q->cqes, 0, CQ_SIZE(q));
	nvme_extq_init_dbbuf(dev, q);
}

/*
 * nvme_core.max_retries.  The core, whose character devices the controllers have,
 * shows it to nobody else; its parameters stay where they are while it is loaded.
 */
static unsigned int nvme_extq_max_retries(struct nvme_ctrl *ctrl)
{
	const struct module *core = ctrl->cdev.ops ? ctrl->cdev.ops->owner : NULL;
	unsigned int i;

	for (i = 0; core && i < core->num_kp; i++)
		if (!strcmp(core->kp[i].name, "max_retries") &&
		    core->kp[i].ops == &param_ops_byte)
			return READ_ONCE(*(u8 *)core->kp[i].arg);
	return NVME_EXTQ_RETRIES;
}

static void nvme_extq_fill_info(struct nvme_dev *dev, struct nvme_extq *e)
{
	struct nvme_ctrl *ctrl = &dev->ctrl;
	u32 wz = 0;

	if (ctrl->oncs & NVME_CTRL_ONCS_WRITE_ZEROES)
		wz = min_t(u32, ctrl->max_zeroes_sectors,
			   U32_MAX >> SECTOR_SHIFT) << SECTOR_SHIFT;

	spin_lock(&e->q.sq_lock);
	e->info = (struct nvme_extq_info) {
		.dma_dev	= dev->dev,
		.numa_node	= dev_to_node(dev->dev),
		.instance	= ctrl->instance,
		.max_retries	= nvme_extq_max_retries(ctrl),
		.page_size	= NVME_CTRL_PAGE_SIZE,
		.depth		= e->q.q_depth,
		.max_bytes	= e->pool->max_bytes,
		.max_wz_bytes	= wz,
		.dsm_ranges	= NVME_EXTQ_DSM_RANGES(ctrl),
		.dsm_range_lbas	= ctrl->dmrsl,
		.dsm_lbas	= e->pool->dmsl,
		.sgls		= ctrl->sgls,
		.oncs		= ctrl->oncs,
		.ocfs		= e->pool->ocfs,
		.awun		= e->pool->awun,
		.awupf		= e->pool->awupf,
		.wctemp		= e->pool->wctemp,
		.cctemp		= e->pool->cctemp,
		.vsl		= e->pool->vsl,
		.wzsl		= e->pool->wzsl,
		.qid		= e->q.qid,
		.vwc		= ctrl->vwc,
	};
	spin_unlock(&e->q.sq_lock);
}

/*
 * Creates the pair.  A pair that is not on the list yet goes there at the
 * moment it becomes usable, so that no reset overlooks it.
 *
 * -ENXIO: the controller has no such queue (any more); -EAGAIN: a reset came
 * between; else what the creation failed with.
 */
static int nvme_extq_attach(struct nvme_dev *dev, struct nvme_extq *e)
{
	struct nvme_extq_pool *pool = e->pool;
	struct nvme_queue *q = &e->q;
	unsigned int disables = READ_ONCE(pool->disables);
	bool made;
	int ret;

	lockdep_assert_held(&pool->lock);
	if (e->idx >= pool->online || q->q_depth > dev->q_depth)
		return -ENXIO;

	nvme_extq_init_queue(dev, e);
	nvme_extq_fill_info(dev, e);
	ret = nvme_extq_create_cq(dev, e);
	if (!ret) {
		ret = nvme_extq_create_sq(dev, q);
		if (ret)
			nvme_extq_forget(pool, q->qid, false);
	}

	mutex_lock(&pool->list_lock);
	made = !ret;
	if (!pool->open || pool->disables != disables ||
	    (ret && dev->ctrl.state != NVME_CTRL_LIVE)) {
		/*
		 * The device was off since it was last looked at, or takes no
		 * command since it is about to be.
		 */
		ret = -EAGAIN;
	} else if (!ret) {
		if (list_empty(&e->entry))
			list_add_tail(&e->entry, &pool->list);
		nvme_extq_request_irq(dev, e);
		e->held = pool->held;
		set_bit(NVMEQ_ENABLED, &q->flags);
	}
	mutex_unlock(&pool->list_lock);
	/* it may have been made after that, and the rings may be freed now */
	if (made && ret)
		nvme_extq_forget(pool, q->qid, true);
	return ret;
}

/* Returns whether the pair was usable until now. */
static bool nvme_extq_disable(struct nvme_extq *e)
{
	bool was;

	spin_lock(&e->q.sq_lock);
	spin_lock(&e->q.cq_poll_lock);
	was = test_and_clear_bit(NVMEQ_ENABLED, &e->q.flags);
	spin_unlock(&e->q.cq_poll_lock);
	spin_unlock(&e->q.sq_lock);
	return was;
}

static void nvme_extq_tell_gone(struct nvme_extq *e)
{
	lockdep_assert_held(&e->pool->lock);
	if (e->gone)
		return;
	e->gone = true;
	e->ops->gone(e->priv);
}

/*
 * VSL and WZSL in units of 4 KiB, DMSL.  Older controllers do not know what is asked
 * here and the core logs their answer: it is asked only of those that have
 * Verify or claim 2.0.
 */
static void nvme_extq_read_nvm_limits(struct nvme_extq_pool *pool, void *buf)
{
	struct nvme_ctrl *ctrl = &pool->dev->ctrl;
	struct nvme_id_ctrl_nvm *id = buf;
	struct nvme_command c = { };
	u8 unit = NVME_CAP_MPSMIN(ctrl->cap);

	pool->vsl = 0;
	pool->wzsl = 0;
	pool->dmsl = 0;
	if (!(ctrl->oncs & NVME_EXTQ_ONCS_VERIFY) &&
	    ctrl->vs < NVME_VS(2, 0, 0))
		return;
	c.identify.opcode = nvme_admin_identify;
	c.identify.cns = NVME_ID_CNS_CS_CTRL;
	c.identify.csi = NVME_CSI_NVM;
	if (nvme_submit_sync_cmd(ctrl->admin_q, &c, id, sizeof(*id)))
		return;
	pool->vsl = id->vsl ? min(id->vsl + unit, 32) : 0;
	pool->wzsl = id->wzsl ? min(id->wzsl + unit, 32) : 0;
	pool->dmsl = le64_to_cpu(id->dmsl);
}

/* MDTS is asked for because the core only keeps it mixed with its own limits. */
static void nvme_extq_read_limits(struct nvme_extq_pool *pool)
{
	struct nvme_dev *dev = pool->dev;
	struct nvme_command c = { };
	struct nvme_id_ctrl *id;
	unsigned int shift;

	pool->max_bytes = min_t(u32, dev->ctrl.max_hw_sectors,
				U32_MAX >> SECTOR_SHIFT) << SECTOR_SHIFT;
	id = kzalloc(sizeof(*id), GFP_KERNEL);
	if (!id)
		return;
	c.identify.opcode = nvme_admin_identify;
	c.identify.cns = NVME_ID_CNS_CTRL;
	if (!nvme_submit_sync_cmd(dev->ctrl.admin_q, &c, id, sizeof(*id))) {
		shift = NVME_CAP_MPSMIN(dev->ctrl.cap) + 12 + id->mdts;
		pool->max_bytes = id->mdts && shift < 32 ? 1U << shift : 0;
		pool->ocfs = le16_to_cpup((void *)id + NVME_EXTQ_ID_CTRL_OCFS);
		pool->awun = le16_to_cpu(id->awun);
		pool->awupf = le16_to_cpu(id->awupf);
		pool->wctemp = le16_to_cpu(id->wctemp);
		pool->cctemp = le16_to_cpu(id->cctemp);
	}
	nvme_extq_read_nvm_limits(pool, id);
	kfree(id);
}

#include "extq-hold.c"

/* The controller is up after a reset, or will never be again. */
static void nvme_extq_work(struct work_struct *work)
{
	struct nvme_extq_pool *pool =
		container_of(work, struct nvme_extq_pool, work);
	struct nvme_dev *dev = pool->dev;
	struct nvme_extq *e;
	int ret;

	mutex_lock(&pool->lock);
	if (!READ_ONCE(pool->dead)) {
		nvme_extq_read_limits(pool);
		mutex_lock(&pool->list_lock);
		pool->open = dev->ctrl.state == NVME_CTRL_LIVE &&
			     READ_ONCE(dev->online_queues);
		mutex_unlock(&pool->list_lock);
	}

	list_for_each_entry(e, &pool->list, entry) {
		if (READ_ONCE(pool->dead)) {
			nvme_extq_tell_gone(e);
			continue;
		}
		if (!READ_ONCE(pool->open))
			break;	/* the reset that closed it ends in here */
		if (e->gone || test_bit(NVMEQ_ENABLED, &e->q.flags))
			continue;
		ret = nvme_extq_attach(dev, e);
		/* nvme_extq_hold() tells when it is up: after the scan */
		if (ret && ret != -EAGAIN) {
			dev_warn(dev->ctrl.device,
				 "lent queue %u is lost: error %d\n",
				 e->idx, ret);
			nvme_extq_tell_gone(e);
		}
	}
	mutex_unlock(&pool->lock);
	nvme_extq_hold_again(pool);
}

/*
 * What pci.c calls.
 */

/* From nvme_pci_alloc_dev(): the parameter is looked at once for a controller. */
static void nvme_extq_init(struct nvme_dev *dev)
{
	unsigned int wanted = READ_ONCE(mdev_queues);
	struct nvme_extq_pool *pool;

	if (!wanted)
		return;
	if (dev->ctrl.quirks & NVME_QUIRK_SHARED_TAGS) {
		dev_warn(dev->ctrl.device,
			 "mdev_queues: this controller can lend no queue\n");
		return;
	}
	pool = kzalloc_node(sizeof(*pool), GFP_KERNEL, dev_to_node(dev->dev));
	if (!pool)
		return;
	kref_init(&pool->ref);
	mutex_init(&pool->lock);
	mutex_init(&pool->list_lock);
	INIT_LIST_HEAD(&pool->list);
	INIT_WORK(&pool->work, nvme_extq_work);
	nvme_extq_hold_init(pool, &dev->ctrl);
	init_waitqueue_head(&pool->disabled);
	pool->dev = dev;
	pool->dma_dev = get_device(dev->dev);
	pool->wanted = wanted;
	pool->reported = wanted;
	dev->extq_pool = pool;
}

/* From nvme_pci_free_ctrl(); a work of ours may have had the last reference. */
static void nvme_extq_free(struct nvme_dev *dev)
{
	if (dev->extq_pool)
		kref_put(&dev->extq_pool->ref, nvme_extq_pool_release);
}

/* Queue pairs to have room for, and to ask the controller for, beside blk-mq's. */
static unsigned int nvme_extq_wanted(struct nvme_dev *dev)
{
	return dev->extq_pool ? dev->extq_pool->wanted : 0;
}

/*
 * The controller granted @granted pairs, or none: ours come first, but one
 * stays for blk-mq.  Ours follow blk-mq's, see nvme_extq_init_queue().
 * Returns how many are ours.
 */
static unsigned int nvme_extq_reserve(struct nvme_dev *dev, unsigned int granted)
{
	struct nvme_extq_pool *pool = dev->extq_pool;

	if (!pool)
		return 0;
	WRITE_ONCE(pool->online, granted ? min(pool->wanted, granted - 1) : 0);
	if (pool->online != pool->reported)
		dev_warn(dev->ctrl.device,
			 "mdev_queues: %u I/O queues granted, %u of %u can be lent\n",
			 granted, pool->online, pool->wanted);
	pool->reported = pool->online;
	return pool->online;
}

/*
 * From nvme_setup_irqs(): the vectors of blk-mq's queues, @nr of them, and ours
 * behind them, but only if the function has enough for both.
 * Returns how many are for the former.
 */
static int nvme_extq_alloc_vectors(struct nvme_dev *dev, unsigned int nr,
				   struct irq_affinity *affd)
{
	struct pci_dev *pdev = to_pci_dev(dev->dev);
	struct nvme_extq_pool *pool = dev->extq_pool;
	int ret;

	if (!pool)
		goto stock;
	pool->nr_vecs = 0;
	if (!pool->online || (dev->ctrl.quirks & NVME_QUIRK_SINGLE_VECTOR) ||
	    pci_msix_vec_count(pdev) < (int)(nr + pool->online))
		goto stock;
	affd->post_vectors = pool->online;
	ret = pci_alloc_irq_vectors_affinity(pdev, nr + pool->online,
					     nr + pool->online,
					     PCI_IRQ_MSIX | PCI_IRQ_AFFINITY,
					     affd);
	affd->post_vectors = 0;
	if (ret > 0) {
		pool->nr_vecs = pool->online;
		pool->first_vec = nr;
		return nr;
	}
stock:
	return pci_alloc_irq_vectors_affinity(pdev, 1, nr, PCI_IRQ_ALL_TYPES |
					      PCI_IRQ_AFFINITY, affd);
}

/*
 * From nvme_dev_disable(), first: no pair is used from here on.
 * Returns false if the controller has answered no command within the time that
 * there is for queues to be deleted: blk-mq's need not be tried.
 */
static bool nvme_extq_quiesce(struct nvme_dev *dev, bool dead)
{
	static const u8 ops[] = { nvme_admin_delete_sq, nvme_admin_delete_cq };
	unsigned long left = NVME_EXTQ_TIMEOUT(dev);
	struct nvme_extq_pool *pool = dev->extq_pool;
	struct nvme_extq *e;
	bool was;
	int i;

	lockdep_assert_held(&dev->shutdown_lock);
	if (!pool)
		return true;
	/* or what deletes queues would wait behind who waits for the list's lock */
	nvme_extq_hold_stop(pool, true);
	/* until nvme_extq_down() */
	mutex_lock(&pool->list_lock);
	WRITE_ONCE(pool->open, false);
	list_for_each_entry(e, &pool->list, entry) {
		was = nvme_extq_disable(e);
		nvme_extq_free_irq(e);
		if (!was)
			continue;
		e->draining = true;
		for (i = 0; i < ARRAY_SIZE(ops) && !dead && left; i++) {
			if (nvme_delete_queue(&e->q, ops[i]))
				break;
			left = wait_for_completion_io_timeout(&e->q.delete_done,
							      left);
		}
	}
	return left;
}

/* From nvme_dev_disable(), once the device cannot access memory any more. */
static void nvme_extq_down(struct nvme_dev *dev)
{
	struct nvme_extq_pool *pool = dev->extq_pool;
	struct nvme_extq *e;

	if (!pool)
		return;
	lockdep_assert_held(&pool->list_lock);
	list_for_each_entry(e, &pool->list, entry) {
		if (!e->draining)
			continue;
		e->ops->down(e->priv);
		e->draining = false;
	}
	WRITE_ONCE(pool->disables, pool->disables + 1);
	nvme_extq_hold_reset(pool);
	mutex_unlock(&pool->list_lock);
	nvme_extq_hold_stop(pool, false);
	wake_up_all(&pool->disabled);
}

/*
 * At the end of nvme_reset_work().  Not done there: whoever holds the pool's
 * lock may wait for an admin command that only the next reset ends.
 */
static void nvme_extq_up(struct nvme_dev *dev)
{
	if (dev->extq_pool)
		queue_work(nvme_wq, &dev->extq_pool->work);
}

/*
 * The controller failed to come back.  Borrowers hear of it now: the removal
 * may be waiting for them.
 */
static void nvme_extq_dead(struct nvme_dev *dev)
{
	if (!dev->extq_pool)
		return;
	WRITE_ONCE(dev->extq_pool->dead, true);
	queue_work(nvme_wq, &dev->extq_pool->work);
}

/* From nvme_remove(), the device is off: what was not put loses its rings. */
static void nvme_extq_remove(struct nvme_dev *dev)
{
	struct nvme_extq_pool *pool = dev->extq_pool;
	struct nvme_extq *e, *n;

	if (!pool)
		return;
	cancel_work_sync(&pool->work);
	nvme_extq_hold_end(pool);
	mutex_lock(&pool->lock);
	list_for_each_entry_safe(e, n, &pool->list, entry) {
		nvme_extq_tell_gone(e);
		mutex_lock(&pool->list_lock);
		list_del_init(&e->entry);
		mutex_unlock(&pool->list_lock);
		nvme_free_queue(&e->q);
	}
	WRITE_ONCE(pool->dev, NULL);
	mutex_unlock(&pool->lock);
}

/*
 * What borrowers call.
 */

/* NULL if the function is not ours or lends nothing. */
static struct nvme_extq_pool *nvme_extq_pool(struct pci_dev *pdev)
{
	struct nvme_dev *dev;

	if (pdev->dev.driver != &nvme_driver.driver)
		return NULL;
	dev = pci_get_drvdata(pdev);
	return dev ? dev->extq_pool : NULL;
}

/**
 * nvme_extq_avail - how many queue pairs of a controller can be lent now
 * @pdev: its PCI function; the caller sees to it that it is not unbound from
 *	its driver meanwhile, e.g. by a bus notifier
 * @ops: those that were borrowed with these count as if they could be lent; NULL:
 *	none does.  So a borrower that counts its own does not have to know which
 *	of them it holds at this moment.
 *
 * Return: the number; 0 also if the function is not driven by nvme-pci, its
 * controller is not initialised yet or has failed.
 *
 * Context: any.
 */
unsigned int nvme_extq_avail(struct pci_dev *pdev, const struct nvme_extq_ops *ops)
{
	struct nvme_extq_pool *pool = nvme_extq_pool(pdev);
	const struct nvme_extq_ops *lent;
	unsigned int i, online, n = 0;

	if (!pool || !READ_ONCE(pool->dev) || READ_ONCE(pool->dead))
		return 0;
	/* not behind pool->lock: who has that may wait for the controller */
	online = READ_ONCE(pool->online);
	for (i = 0; i < online; i++) {
		lent = READ_ONCE(pool->lent[i]);
		n += !lent || lent == ops;
	}
	return n;
}
EXPORT_SYMBOL_GPL(nvme_extq_avail);

static void nvme_extq_abort_release(struct kref *ref)
{
	kfree(container_of(ref, struct nvme_extq_abort, ref));
}

/* What is on its way has nobody to tell from here on. */
static void nvme_extq_release_pair(struct nvme_extq *e)
{
	spin_lock_irq(&e->abort->lock);
	e->abort->e = NULL;
	spin_unlock_irq(&e->abort->lock);
	kref_put(&e->abort->ref, nvme_extq_abort_release);
	kfree(e);
}

static struct nvme_extq *nvme_extq_alloc(struct nvme_extq_pool *pool)
{
	struct nvme_dev *dev = pool->dev;
	struct nvme_extq *e;

	e = kzalloc_node(sizeof(*e), GFP_KERNEL, dev_to_node(dev->dev));
	if (!e)
		return NULL;
	e->abort = kzalloc(sizeof(*e->abort), GFP_KERNEL);
	if (!e->abort) {
		kfree(e);
		return NULL;
	}
	kref_init(&e->abort->ref);
	spin_lock_init(&e->abort->lock);
	e->abort->e = e;
	INIT_LIST_HEAD(&e->entry);
	e->pool = pool;
	e->q.dev = dev;
	e->q.sqes = dev->io_sqes;
	e->q.q_depth = dev->q_depth;
	spin_lock_init(&e->q.sq_lock);
	spin_lock_init(&e->q.cq_poll_lock);
	e->q.cqes = dma_alloc_coherent(dev->dev, CQ_SIZE(&e->q),
				       &e->q.cq_dma_addr, GFP_KERNEL);
	if (!e->q.cqes)
		goto free;
	/* as if for the admin queue: the controller's memory is blk-mq's */
	if (nvme_alloc_sq_cmds(dev, &e->q, 0))
		goto free_queue;
	return e;

free_queue:
	nvme_free_queue(&e->q);
free:
	nvme_extq_release_pair(e);
	return NULL;
}

/**
 * nvme_extq_get - borrow a queue pair
 * @pdev: PCI function of the controller; as for nvme_extq_avail()
 * @ops: what to tell the borrower
 * @priv: given to each of @ops
 *
 * Return: the queue pair, to be given back with nvme_extq_put(), or
 * -ENODEV	@pdev is not driven by nvme-pci, or was bound when mdev_queues
 *		was 0, or its controller is gone;
 * -EBUSY	all queue pairs are lent, or the controller granted none;
 * -EAGAIN	the controller is not live, or was reset meanwhile; try again;
 * -ENOMEM	no memory for the rings;
 * other	the controller failed to create the queues.
 *
 * Context: may sleep; see struct nvme_extq_ops for locks.
 */
struct nvme_extq *nvme_extq_get(struct pci_dev *pdev,
				const struct nvme_extq_ops *ops, void *priv)
{
	struct nvme_extq_pool *pool = nvme_extq_pool(pdev);
	struct nvme_extq *e;
	unsigned int idx;
	int ret;

	if (!pool)
		return ERR_PTR(-ENODEV);
	mutex_lock(&pool->lock);
	ret = -ENODEV;
	if (!pool->dev || READ_ONCE(pool->dead))
		goto unlock;
	ret = -EAGAIN;
	if (!READ_ONCE(pool->open))
		goto unlock;
	ret = -EBUSY;
	for (idx = 0; idx < pool->online && pool->lent[idx]; idx++)
		;
	if (idx >= pool->online)
		goto unlock;
	ret = -ENOMEM;
	e = nvme_extq_alloc(pool);
	if (!e)
		goto unlock;
	e->ops = ops;
	e->priv = priv;
	e->idx = idx;
	ret = nvme_extq_attach(pool->dev, e);
	if (ret)
		goto free;
	WRITE_ONCE(pool->lent[idx], ops);
	kref_get(&pool->ref);
	mutex_unlock(&pool->lock);
	return e;

free:
	nvme_free_queue(&e->q);
	nvme_extq_release_pair(e);
unlock:
	mutex_unlock(&pool->lock);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_GPL(nvme_extq_get);

/**
 * nvme_extq_put - give a queue pair back
 * @e: the queue pair
 *
 * Allowed in every state, with commands in flight too: when it returns, the
 * device does not access their memory any more and no callback is running or
 * will be called.  What was in flight has no completion.  No other call for @e
 * may be running.
 *
 * If the controller does not delete the queues it is reset, and this waits
 * for that; it may take as long as the timeout of admin commands.
 *
 * Context: may sleep; see struct nvme_extq_ops for locks.  Not from a callback.
 */
void nvme_extq_put(struct nvme_extq *e)
{
	struct nvme_extq_pool *pool = e->pool;
	struct nvme_dev *dev;
	unsigned int disables;

	mutex_lock(&pool->lock);
	dev = pool->dev;
	if (dev) {
		disables = READ_ONCE(pool->disables);
		if (nvme_extq_disable(e))
			nvme_extq_destroy(pool, e->q.qid, disables, true);
		/* nvme_dev_disable(), if it was first, has finished after that */
		mutex_lock(&pool->list_lock);
		list_del(&e->entry);
		nvme_extq_free_irq(e);
		mutex_unlock(&pool->list_lock);
		nvme_free_queue(&e->q);
	}
	WRITE_ONCE(pool->lent[e->idx], NULL);
	mutex_unlock(&pool->lock);
	kref_put(&pool->ref, nvme_extq_pool_release);
	nvme_extq_release_pair(e);
}
EXPORT_SYMBOL_GPL(nvme_extq_put);

/**
 * nvme_extq_info - describe a queue pair and the limits of its controller
 * @e: the queue pair
 * @info: filled in; may differ after each ->up
 *
 * While the queue pair is down it describes what it was before.
 *
 * Context: process context, does not sleep; any callback.
 */
void nvme_extq_info(struct nvme_extq *e, struct nvme_extq_info *info)
{
	spin_lock(&e->q.sq_lock);
	*info = e->info;
	spin_unlock(&e->q.sq_lock);
	info->io_timeout = min_t(u64, (u64)READ_ONCE(nvme_io_timeout) * HZ, MAX_JIFFY_OFFSET / 4);
}
EXPORT_SYMBOL_GPL(nvme_extq_info);

/**
 * nvme_extq_submit - put one command on the submission ring
 * @e: the queue pair
 * @cmd: the command, copied; its command id is the borrower's
 * @ring: write the doorbell now; else it is written by the next call that asks
 *	for it, by nvme_extq_ring(), or when the ring would wrap
 *
 * Commands are counted, so that a borrower that loses count cannot overrun the
 * rings: from submit to the nvme_extq_ack() after the nvme_extq_poll() that
 * returns it.
 *
 * Return: 0; -EBUSY if there are depth - 1 such commands; -EAGAIN while the
 * controller's namespaces change, until ->up; -ENODEV while the queue pair is
 * down or gone.
 *
 * Context: process context, does not sleep; may run beside nvme_extq_poll().
 */
int nvme_extq_submit(struct nvme_extq *e, struct nvme_command *cmd, bool ring)
{
	struct nvme_queue *q = &e->q;
	int ret = 0;

	spin_lock(&q->sq_lock);
	if (unlikely(!test_bit(NVMEQ_ENABLED, &q->flags))) {
		ret = -ENODEV;
	} else if (unlikely(e->held)) {
		ret = -EAGAIN;
	} else if (unlikely((s32)(e->submitted - READ_ONCE(e->acked)) >=
			    (s32)q->q_depth - 1)) {
		ret = -EBUSY;
	} else {
		e->submitted++;
		nvme_sq_copy_cmd(q, cmd);
		nvme_write_sq_db(q, ring);
	}
	spin_unlock(&q->sq_lock);
	return ret;
}
EXPORT_SYMBOL_GPL(nvme_extq_submit);

/**
 * nvme_extq_ring - write the submission doorbell if commands wait for it
 * @e: the queue pair; nothing happens while it is down
 *
 * Context: process context, does not sleep.
 */
void nvme_extq_ring(struct nvme_extq *e)
{
	struct nvme_queue *q = &e->q;

	spin_lock(&q->sq_lock);
	if (test_bit(NVMEQ_ENABLED, &q->flags) && q->sq_tail != q->last_sq_tail)
		nvme_write_sq_db(q, true);
	spin_unlock(&q->sq_lock);
}
EXPORT_SYMBOL_GPL(nvme_extq_ring);

static int nvme_extq_reap(struct nvme_extq *e, struct nvme_completion *cqe,
			  int max)
{
	struct nvme_queue *q = &e->q;
	int n = 0;

	while (n < max && nvme_cqe_pending(q)) {
		dma_rmb();	/* the phase before the rest of the entry */
		cqe[n++] = q->cqes[q->cq_head];
		nvme_update_cq_head(q);
	}
	return n;
}

/**
 * nvme_extq_poll - take completions off the completion ring
 * @e: the queue pair
 * @cqe: filled in, copies; the phase bit in the status means nothing
 * @max: room in @cqe
 *
 * The drive may use their places only after nvme_extq_ack().
 *
 * Return: how many there were, 0 if none; -ENODEV while the queue pair is down
 * or gone.
 *
 * Context: process context, does not sleep; may run beside nvme_extq_submit().
 */
int nvme_extq_poll(struct nvme_extq *e, struct nvme_completion *cqe, int max)
{
	struct nvme_queue *q = &e->q;
	int n = -ENODEV;

	spin_lock(&q->cq_poll_lock);
	if (likely(test_bit(NVMEQ_ENABLED, &q->flags))) {
		n = nvme_extq_reap(e, cqe, max);
		e->reaped += n;
	}
	spin_unlock(&q->cq_poll_lock);
	return n;
}
EXPORT_SYMBOL_GPL(nvme_extq_poll);

/**
 * nvme_extq_ack - write the completion doorbell
 * @e: the queue pair; nothing happens while it is down
 *
 * Gives the drive the places of all that nvme_extq_poll() has returned.  May be
 * put off, for as long as the borrower can do with fewer commands.
 *
 * Context: process context, does not sleep; may run beside nvme_extq_submit().
 */
void nvme_extq_ack(struct nvme_extq *e)
{
	struct nvme_queue *q = &e->q;

	spin_lock(&q->cq_poll_lock);
	if (test_bit(NVMEQ_ENABLED, &q->flags) && e->acked != e->reaped) {
		WRITE_ONCE(e->acked, e->reaped);
		nvme_ring_cq_doorbell(q);
	}
	spin_unlock(&q->cq_poll_lock);
}
EXPORT_SYMBOL_GPL(nvme_extq_ack);

/**
 * nvme_extq_drain - take the completions that came before the queue pair died
 * @e: the queue pair
 * @cqe: filled in as by nvme_extq_poll()
 * @max: room in @cqe
 *
 * Return: how many there were; 0 after the last one, and outside of ->down.
 *
 * Context: only from ->down of @e.
 */
int nvme_extq_drain(struct nvme_extq *e, struct nvme_completion *cqe, int max)
{
	return e->draining ? nvme_extq_reap(e, cqe, max) : 0;
}
EXPORT_SYMBOL_GPL(nvme_extq_drain);

/**
 * nvme_extq_irq_arm - have the next completion call ->irq
 * @e: the queue pair; nothing happens if it has no interrupt, or while it is
 *	down
 *
 * Completions that are there already, or have come since the last ->irq, may
 * count or not: look with nvme_extq_poll() afterwards.  ->irq comes once; it may
 * come without completions if these were taken meanwhile.
 *
 * Context: process context, does not sleep.
 */
void nvme_extq_irq_arm(struct nvme_extq *e)
{
	spin_lock(&e->q.sq_lock);
	/* what is enabled keeps its vector, see nvme_extq_free_irq() */
	if (test_bit(NVMEQ_ENABLED, &e->q.flags) && e->irq &&
	    !test_and_set_bit(0, &e->armed))
		enable_irq(e->irq);
	spin_unlock(&e->q.sq_lock);
}
EXPORT_SYMBOL_GPL(nvme_extq_irq_arm);

static enum rq_end_io_ret nvme_extq_abort_end(struct request *req, blk_status_t status)
{
	struct nvme_extq_abort *a = req->end_io_data;
	struct nvme_queue *adminq = req->mq_hctx->driver_data;
	bool done = !status && !nvme_req(req)->status &&
		    !(le32_to_cpu(nvme_req(req)->result.u32) & 1);
	unsigned long flags;

	atomic_inc(&adminq->dev->ctrl.abort_limit);
	blk_mq_free_request(req);
	spin_lock_irqsave(&a->lock, flags);
	a->busy = false;
	if (a->e)
		a->e->ops->aborted(a->e->priv, a->cookie, done);
	spin_unlock_irqrestore(&a->lock, flags);
	kref_put(&a->ref, nvme_extq_abort_release);
	return RQ_END_IO_NONE;
}

/* pool->lock is held. */
static int nvme_extq_abort_send(struct nvme_extq *e, u16 cid, u32 cookie, bool spare)
{
	struct nvme_ctrl *ctrl = &e->pool->dev->ctrl;
	struct nvme_extq_abort *a = e->abort;
	struct nvme_command cmd = { };
	struct request *req;

	if (atomic_dec_return(&ctrl->abort_limit) < (spare ? 1 : 0)) {
		atomic_inc(&ctrl->abort_limit);
		return -EBUSY;
	}
	cmd.abort.opcode = nvme_admin_abort_cmd;
	cmd.abort.sqid = cpu_to_le16(e->q.qid);
	cmd.abort.cid = cid;
	req = blk_mq_alloc_request(ctrl->admin_q, nvme_req_op(&cmd), BLK_MQ_REQ_NOWAIT);
	if (IS_ERR(req)) {
		atomic_inc(&ctrl->abort_limit);
		return -EAGAIN;
	}
	nvme_init_request(req, &cmd);
	a->cookie = cookie;
	kref_get(&a->ref);
	req->end_io = nvme_extq_abort_end;
	req->end_io_data = a;
	req->rq_flags |= RQF_QUIET;
	blk_execute_rq_nowait(req, false);
	return 0;
}

/**
 * nvme_extq_abort - ask the controller to abort a command of a queue pair
 * @e: the queue pair
 * @cid: the command
 * @cookie: for ->aborted
 * @spare: leave the last of the Aborts that the controller takes at once to others,
 *	who may have a command without an answer
 *
 * One at a time.  It may hit a command that has got the same id meanwhile.
 *
 * Return: 0: ->aborted follows, unless nvme_extq_put() comes first; -EBUSY: one of this
 * pair is on its way, or the controller takes no more of them (ACL); -EAGAIN: not now;
 * -ENODEV: the controller is gone.
 *
 * Context: process context, does not sleep, waits for nobody.
 */
int nvme_extq_abort(struct nvme_extq *e, u16 cid, u32 cookie, bool spare)
{
	struct nvme_extq_pool *pool = e->pool;
	struct nvme_extq_abort *a = e->abort;
	bool busy;
	int ret;

	spin_lock_irq(&a->lock);
	busy = a->busy;
	a->busy = true;
	spin_unlock_irq(&a->lock);
	if (busy)
		return -EBUSY;
	/* who has it may wait for the controller */
	ret = -EAGAIN;
	if (mutex_trylock(&pool->lock)) {
		if (!pool->dev || READ_ONCE(pool->dead))
			ret = -ENODEV;
		else if (READ_ONCE(pool->open))
			ret = nvme_extq_abort_send(e, cid, cookie, spare);
		mutex_unlock(&pool->lock);
	}
	if (ret) {
		spin_lock_irq(&a->lock);
		a->busy = false;
		spin_unlock_irq(&a->lock);
	}
	return ret;
}
EXPORT_SYMBOL_GPL(nvme_extq_abort);

/**
 * nvme_extq_admin - run an admin command on the controller of a queue pair
 * @e: the queue pair
 * @cmd: the command
 * @buf: kernel memory for its data, or NULL
 * @len: bytes at @buf
 *
 * For commands that are harmless at any moment, such as Abort of a command of
 * this queue, Identify and Get Log Page: a reset may run before the command,
 * which then refers to what is there afterwards.
 *
 * Return: 0; the NVMe status if the controller answered with one; -EAGAIN
 * while the controller is not live, and, but for Abort, while its namespaces
 * change, as it may answer nothing for as long as that takes; -ENODEV if it is
 * gone; another errno if the command was lost, e.g. in a reset.
 *
 * Context: may sleep, up to the timeout of admin commands; see struct
 * nvme_extq_ops for locks.
 */
int nvme_extq_admin(struct nvme_extq *e, struct nvme_command *cmd,
		    void *buf, unsigned int len)
{
	struct nvme_extq_pool *pool = e->pool;
	int ret;

	mutex_lock(&pool->lock);
	if (!pool->dev || READ_ONCE(pool->dead))
		ret = -ENODEV;
	else if (!READ_ONCE(pool->open) ||
		 (READ_ONCE(pool->held) && cmd->common.opcode != nvme_admin_abort_cmd))
		ret = -EAGAIN;
	else
		ret = nvme_submit_sync_cmd(pool->dev->ctrl.admin_q, cmd, buf,
					   len);
	mutex_unlock(&pool->lock);
	return ret;
}
EXPORT_SYMBOL_GPL(nvme_extq_admin);

/**
 * nvme_extq_reset_ctrl - reset the controller of a queue pair
 * @e: the queue pair
 *
 * The last resort for a command that neither completes nor can be aborted:
 * the host and all borrowers of the drive notice.  ->down will follow.
 *
 * Return: 0; -EBUSY if a reset is under way already or the controller is being
 * removed; -ENODEV while the queue pair is down or gone.
 *
 * Context: process context, does not sleep.
 */
int nvme_extq_reset_ctrl(struct nvme_extq *e)
{
	int ret = -ENODEV;

	/* what is enabled was not removed, nor can be while this is held */
	spin_lock(&e->q.sq_lock);
	if (test_bit(NVMEQ_ENABLED, &e->q.flags))
		ret = nvme_reset_ctrl(&e->q.dev->ctrl);
	spin_unlock(&e->q.sq_lock);
	return ret;
}
EXPORT_SYMBOL_GPL(nvme_extq_reset_ctrl);

/**
 * nvme_extq_unbinding - the driver of a controller is about to let go of it
 * @pdev: its PCI function, still bound; as for nvme_extq_avail()
 *
 * To be called before waiting for borrowers.  One whose drive was pulled waits
 * itself, for commands that nothing ends: nvme-pci leaves those of a function
 * that is gone to the removal, which has not begun.  So such a controller is
 * reset, which finds it dead, and each borrower hears of that by ->gone.
 *
 * Context: may sleep.
 */
void nvme_extq_unbinding(struct pci_dev *pdev)
{
	struct nvme_extq_pool *pool = nvme_extq_pool(pdev);

	/* if a reset is under way already, that one finds it */
	if (pool && !pci_device_is_present(pdev))
		nvme_reset_ctrl(&pool->dev->ctrl);
}
EXPORT_SYMBOL_GPL(nvme_extq_unbinding);

/* As nvme_set_chunk_sectors() of the core, in logical blocks. */
static u32 nvme_extq_boundary(struct nvme_ctrl *ctrl, const struct nvme_id_ns *id,
			      u8 lba_shift)
{
	u32 iob = le16_to_cpu(id->noiob);

	if ((ctrl->quirks & NVME_QUIRK_STRIPE_SIZE) &&
	    is_power_of_2(ctrl->max_hw_sectors))
		iob = ctrl->max_hw_sectors >> (lba_shift - SECTOR_SHIFT);
	return is_power_of_2(iob) ? iob : 0;
}

static void nvme_extq_fill_hints(const struct nvme_id_ns *id, struct nvme_extq_ns *out)
{
	if (!(id->nsfeat & NVME_EXTQ_NSFEAT_OPTPERF))
		return;
	out->npwg = le16_to_cpu(id->npwg) + 1;
	out->npwa = le16_to_cpu(id->npwa) + 1;
	out->npdg = le16_to_cpu(id->npdg) + 1;
	out->npda = le16_to_cpu(id->npda) + 1;
	out->nows = le16_to_cpu(id->nows) + 1;
}

/* What the core does not keep of Identify Namespace. */
static int nvme_extq_read_ns(struct nvme_extq_pool *pool, u32 nsid,
			     struct nvme_extq_ns *out)
{
	struct nvme_ctrl *ctrl = &pool->dev->ctrl;
	struct nvme_command c = { };
	struct nvme_id_ns *id;
	int ret;

	id = kzalloc(sizeof(*id), GFP_KERNEL);
	if (!id)
		return -ENOMEM;
	c.identify.opcode = nvme_admin_identify;
	c.identify.nsid = cpu_to_le32(nsid);
	c.identify.cns = NVME_ID_CNS_NS;
	ret = nvme_submit_sync_cmd(ctrl->admin_q, &c, id, sizeof(*id));
	out->bounded = (id->nsfeat & NVME_EXTQ_NSFEAT_NSABP) &&
		       (id->nabsn || id->nabspf);
	out->mssrl = le16_to_cpup((void *)id + NVME_EXTQ_ID_NS_MSSRL);
	out->mcl = le32_to_cpup((void *)id + NVME_EXTQ_ID_NS_MCL);
	out->msrc = ((u8 *)id)[NVME_EXTQ_ID_NS_MSRC];
	out->nuse = le64_to_cpu(id->nuse);
	out->dlfeat = id->dlfeat;
	out->boundary = nvme_extq_boundary(ctrl, id, out->lba_shift);
	nvme_extq_fill_hints(id, out);
	kfree(id);
	return ret > 0 ? -EIO : ret;
}

/**
 * nvme_extq_ns_put - let go of what nvme_extq_ns() has described
 * @out: the description; its reference is gone afterwards
 *
 * Context: may sleep.
 */
void nvme_extq_ns_put(struct nvme_extq_ns *out)
{
	nvme_put_ns(out->ns);
	out->ns = NULL;
	out->state = NULL;
}
EXPORT_SYMBOL_GPL(nvme_extq_ns_put);

/**
 * nvme_extq_ns - describe a namespace of a controller
 * @pdev: PCI function of the controller; as for nvme_extq_avail()
 * @nsid: namespace id on this controller
 * @out: filled in; give it back with nvme_extq_ns_put()
 *
 * Return: 0; -ENODEV if there is no such namespace, or the controller is gone;
 * -ENOMEM; -EAGAIN during a reset; -EIO or another errno if it could not be asked.
 *
 * Context: may sleep, up to the timeout of admin commands; see struct nvme_extq_ops for locks.
 */
int nvme_extq_ns(struct pci_dev *pdev, u32 nsid, struct nvme_extq_ns *out)
{
	struct nvme_extq_pool *pool = nvme_extq_pool(pdev);
	int ret = -ENODEV;
	struct nvme_ns *ns;

	if (!pool)
		return -ENODEV;
	mutex_lock(&pool->lock);
	ns = pool->dev ? nvme_find_get_ns(&pool->dev->ctrl, nsid) : NULL;
	if (!IS_ERR_OR_NULL(ns)) {
		*out = (struct nvme_extq_ns) {
			.devt		= disk_devt(ns->head->disk ?: ns->disk),
			.lba_shift	= NVME_EXTQ_NS(ns)->lba_shift,
			.csi		= ns->head->ids.csi,
			.ms		= NVME_EXTQ_NS(ns)->ms,
			.uuid		= ns->head->ids.uuid,
			.ns		= ns,
			.state		= &ns->flags,
			.going		= NVME_EXTQ_NS_GOING,
		};
		memcpy(out->eui64, ns->head->ids.eui64, sizeof(out->eui64));
		memcpy(out->nguid, ns->head->ids.nguid, sizeof(out->nguid));
		ret = nvme_extq_read_ns(pool, nsid, out);
		if (ret && (!READ_ONCE(pool->open) || pool->dev->ctrl.state != NVME_CTRL_LIVE))
			ret = -EAGAIN;
		if (ret)
			nvme_extq_ns_put(out);
	}
	mutex_unlock(&pool->lock);
	return ret;
}
EXPORT_SYMBOL_GPL(nvme_extq_ns);
