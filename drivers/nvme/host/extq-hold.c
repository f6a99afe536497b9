// SPDX-License-Identifier: GPL-2.0
/*
 * Namespaces that change under lent queue pairs.  Format NVM, Namespace
 * Management and Namespace Attachment can give a namespace id blocks of another
 * size or other data, and nobody knows until the core has looked at it again.  A
 * command that was made before and is fetched after would be taken for another
 * one: a page of its data may then pass for a list of addresses.
 *
 * So such a command waits until nothing is in flight on any lent queue pair of
 * the controller, and nothing is submitted from then on until the core's scan
 * after it is over.  That is what the core does to blk-mq's queues for Format,
 * but for the scan.  After a reset nothing is submitted before a scan, either.
 *
 * Included by extq.c.
 *
 * Locks: pool->hold_lock, innermost, for ->changing, ->drained, ->ended, ->deaf.
 * The work takes pool->list_lock, and pool->lock to call ->up.  It waits for lent
 * commands, which their borrowers see to by their time limits, and for the scan,
 * with no lock held.
 */

/* Of nvme_ns.flags, beside the core's: its NSID has been given back to the drive. */
#define NVME_EXTQ_NS_DELETED	31
#define NVME_EXTQ_NS_GOING	(BIT(NVME_NS_REMOVING) | BIT(NVME_EXTQ_NS_DELETED))

/* A command that was let through, and whom to tell of its end. */
struct nvme_extq_change {
	struct nvme_extq_pool	*pool;
	rq_end_io_fn		*end_io;
	void			*data;
};

/*
 * The work waits for one of nvme_wq, the scan, and so may not stand there itself,
 * nor may the removal wait for it, which may be a work of nvme_wq, too.  So it
 * has a reference to the controller, and finds nothing to do after a removal.
 */
static void nvme_extq_queue_hold(struct nvme_extq_pool *pool)
{
	lockdep_assert_held(&pool->hold_lock);
	/* until it is deaf the driver's own reference is there */
	if (!pool->deaf && queue_work(nvme_delete_wq, &pool->hold_work))
		nvme_get_ctrl(pool->ctrl);
}

/*
 * A namespace that was deleted never comes back.  Where namespaces have no names, the
 * core takes another one that is made under the same id before its scan for the same.
 */
static void nvme_extq_note_deleted(struct nvme_extq_pool *pool, struct request *req)
{
	const struct nvme_command *cmd = nvme_req(req)->cmd;
	unsigned int i;

	lockdep_assert_held(&pool->hold_lock);
	if (cmd->common.opcode != nvme_admin_ns_mgmt ||
	    (le32_to_cpu(cmd->common.cdw10) & 0xf) != 1)
		return;
	i = min_t(unsigned int, pool->nr_deleted, ARRAY_SIZE(pool->deleted) - 1);
	/* too many to tell: all of them */
	pool->deleted[i] = i == pool->nr_deleted ? le32_to_cpu(cmd->common.nsid) : NVME_NSID_ALL;
	pool->nr_deleted = i + 1;
}

static void nvme_extq_mark_deleted(struct nvme_extq_pool *pool)
{
	u32 deleted[ARRAY_SIZE(pool->deleted)];
	unsigned int i, nr;
	struct nvme_ns *ns;

	spin_lock_irq(&pool->hold_lock);
	nr = pool->nr_deleted;
	memcpy(deleted, pool->deleted, sizeof(deleted));
	pool->nr_deleted = 0;
	spin_unlock_irq(&pool->hold_lock);
	if (!nr)
		return;
	down_read(&pool->ctrl->namespaces_rwsem);
	list_for_each_entry(ns, &pool->ctrl->namespaces, list)
		for (i = 0; i < nr; i++)
			if (deleted[i] == ns->head->ns_id || deleted[i] == NVME_NSID_ALL)
				set_bit(NVME_EXTQ_NS_DELETED, &ns->flags);
	up_read(&pool->ctrl->namespaces_rwsem);
}

/* Who formats may not know of those who have the namespace: it keeps its names. */
static void nvme_extq_tell_format(struct nvme_extq_pool *pool, struct request *req)
{
	const struct nvme_command *cmd = nvme_req(req)->cmd;
	unsigned int i, lent = 0;

	if (cmd->common.opcode != nvme_admin_format_nvm)
		return;
	for (i = 0; i < NVME_EXTQ_MAX; i++)
		lent += !!READ_ONCE(pool->lent[i]);
	if (lent)
		dev_notice(pool->ctrl->device,
			   "namespace %u was formatted while %u queue pairs are lent: what a guest had on it is gone\n",
			   le32_to_cpu(cmd->common.nsid), lent);
}

static enum rq_end_io_ret nvme_extq_changed(struct request *req, blk_status_t status)
{
	struct nvme_extq_change *change = req->end_io_data;
	struct nvme_extq_pool *pool = change->pool;
	unsigned long flags;

	req->end_io = change->end_io;
	req->end_io_data = change->data;
	kfree(change);
	if (!status && !nvme_req(req)->status)
		nvme_extq_tell_format(pool, req);

	spin_lock_irqsave(&pool->hold_lock, flags);
	pool->changing--;
	pool->ended = true;
	if (!status && !nvme_req(req)->status)
		nvme_extq_note_deleted(pool, req);
	nvme_extq_queue_hold(pool);
	spin_unlock_irqrestore(&pool->hold_lock, flags);
	return req->end_io ? req->end_io(req, status) : RQ_END_IO_FREE;
}

static bool nvme_extq_changes_ns(const struct request *req)
{
	switch (nvme_req((struct request *)req)->cmd->common.opcode) {
	case nvme_admin_ns_mgmt:
	case nvme_admin_ns_attach:
	case nvme_admin_format_nvm:
		return true;
	default:
		return false;
	}
}

/*
 * May the command start?  If not (BLK_STS_RESOURCE), it is asked for again.  When the
 * controller is about to be disabled, it fails as one does that is in flight then:
 * behind it wait the commands that delete the queues.
 */
static blk_status_t nvme_extq_let_through(struct nvme_extq_pool *pool, struct request *req)
{
	struct nvme_extq_change *change;
	blk_status_t ret = BLK_STS_OK;
	unsigned long flags;

	if (req->end_io == nvme_extq_changed)
		return BLK_STS_OK;	/* once more, for want of memory */
	change = kmalloc(sizeof(*change), GFP_ATOMIC);
	if (!change)
		return READ_ONCE(pool->stopping) ? BLK_STS_IOERR : BLK_STS_RESOURCE;

	spin_lock_irqsave(&pool->hold_lock, flags);
	if (pool->stopping) {
		/* the work may be about to hold all of them for this one */
		pool->ended = true;
		ret = BLK_STS_IOERR;
	} else if (pool->drained) {
		pool->changing++;
	} else {
		ret = BLK_STS_RESOURCE;
	}
	if (ret)
		nvme_extq_queue_hold(pool);
	spin_unlock_irqrestore(&pool->hold_lock, flags);
	if (ret) {
		kfree(change);
		return ret;
	}
	change->pool = pool;
	change->end_io = req->end_io;
	change->data = req->end_io_data;
	req->end_io = nvme_extq_changed;
	req->end_io_data = change;
	return BLK_STS_OK;
}

/* blk_mq_ops.queue_rq of the admin queue */
static blk_status_t nvme_extq_queue_admin_rq(struct blk_mq_hw_ctx *hctx,
					     const struct blk_mq_queue_data *bd)
{
	struct nvme_queue *adminq = hctx->driver_data;
	struct nvme_extq_pool *pool = adminq->dev->extq_pool;
	blk_status_t ret = BLK_STS_OK;

	/* what is off fails it */
	if (pool && nvme_extq_changes_ns(bd->rq) &&
	    test_bit(NVMEQ_ENABLED, &adminq->flags))
		ret = nvme_extq_let_through(pool, bd->rq);
	return ret ?: nvme_queue_rq(hctx, bd);
}

/* Nothing is submitted from here on, or all may be again. */
static void nvme_extq_set_held(struct nvme_extq_pool *pool, bool held)
{
	struct nvme_extq *e;

	lockdep_assert_held(&pool->list_lock);
	pool->held = held;
	list_for_each_entry(e, &pool->list, entry) {
		spin_lock(&e->q.sq_lock);
		e->held = held;
		spin_unlock(&e->q.sq_lock);
	}
}

/*
 * Let go, unless something has come between since the scan began: a command that has
 * changed namespaces, or a reset.  Either has the work look again.
 */
static bool nvme_extq_let_go(struct nvme_extq_pool *pool, unsigned int disables)
{
	bool over;

	lockdep_assert_held(&pool->lock);
	mutex_lock(&pool->list_lock);
	spin_lock_irq(&pool->hold_lock);
	over = !pool->changing && !pool->ended && pool->disables == disables;
	if (over)
		pool->drained = false;
	spin_unlock_irq(&pool->hold_lock);
	if (over)
		nvme_extq_set_held(pool, false);
	mutex_unlock(&pool->list_lock);
	return over;
}

static bool nvme_extq_in_flight(struct nvme_extq_pool *pool)
{
	bool busy = false;
	struct nvme_extq *e;

	mutex_lock(&pool->list_lock);
	list_for_each_entry(e, &pool->list, entry) {
		spin_lock(&e->q.sq_lock);
		spin_lock(&e->q.cq_poll_lock);
		busy |= test_bit(NVMEQ_ENABLED, &e->q.flags) && e->submitted != e->reaped;
		spin_unlock(&e->q.cq_poll_lock);
		spin_unlock(&e->q.sq_lock);
	}
	mutex_unlock(&pool->list_lock);
	return busy;
}

/* The core knows all namespaces as they are now; false if a reset comes between. */
static bool nvme_extq_rescan(struct nvme_ctrl *ctrl)
{
	if (ctrl->state != NVME_CTRL_LIVE)
		return false;
	/* it waits for the command's end in the core */
	queue_work(nvme_wq, &ctrl->scan_work);
	flush_work(&ctrl->scan_work);
	return ctrl->state == NVME_CTRL_LIVE;
}

/*
 * A borrower that gives a pair back looks for no completions any more, and may wait
 * for a command that stands behind what waits for us: only a reset ends that.
 */
static void nvme_extq_drain_all(struct nvme_extq_pool *pool)
{
	unsigned long end = jiffies + 3 * NVME_IO_TIMEOUT;

	while (nvme_extq_in_flight(pool)) {
		if (time_after(jiffies, end)) {
			nvme_reset_ctrl(pool->ctrl);
			end = jiffies + 3 * NVME_IO_TIMEOUT;
		}
		usleep_range(200, 1000);
	}
}

static void nvme_extq_hold(struct nvme_extq_pool *pool)
{
	unsigned int disables;
	struct nvme_extq *e;
	bool over;

	mutex_lock(&pool->list_lock);
	nvme_extq_set_held(pool, true);
	mutex_unlock(&pool->list_lock);
	nvme_extq_drain_all(pool);

	spin_lock_irq(&pool->hold_lock);
	pool->drained = true;
	over = pool->ended && !pool->changing;
	pool->ended = false;
	spin_unlock_irq(&pool->hold_lock);
	nvme_extq_mark_deleted(pool);
	disables = READ_ONCE(pool->disables);
	/* after a reset nvme_extq_work() comes here again */
	if (!over || !nvme_extq_rescan(pool->ctrl))
		return;

	mutex_lock(&pool->lock);
	if (nvme_extq_let_go(pool, disables))
		list_for_each_entry(e, &pool->list, entry)
			if (!e->gone && test_bit(NVMEQ_ENABLED, &e->q.flags))
				e->ops->up(e->priv);
	mutex_unlock(&pool->lock);
}

static void nvme_extq_hold_work(struct work_struct *work)
{
	struct nvme_extq_pool *pool = container_of(work, struct nvme_extq_pool, hold_work);

	nvme_extq_hold(pool);
	nvme_put_ctrl(pool->ctrl);
}

/*
 * The device is off, and may be another one when it is on again, or have other
 * namespaces: all is held until the core has looked.  The list's lock is held.
 */
static void nvme_extq_hold_reset(struct nvme_extq_pool *pool)
{
	lockdep_assert_held(&pool->list_lock);
	pool->held = true;
	spin_lock_irq(&pool->hold_lock);
	pool->drained = true;
	spin_unlock_irq(&pool->hold_lock);
}

/* The controller is up: what is held is looked at again. */
static void nvme_extq_hold_again(struct nvme_extq_pool *pool)
{
	spin_lock_irq(&pool->hold_lock);
	if (pool->drained) {
		pool->ended = true;
		nvme_extq_queue_hold(pool);
	}
	spin_unlock_irq(&pool->hold_lock);
}

/* Commands that still wait to start fail from here on, or wait again. */
static void nvme_extq_hold_stop(struct nvme_extq_pool *pool, bool stop)
{
	spin_lock_irq(&pool->hold_lock);
	pool->stopping = stop;
	spin_unlock_irq(&pool->hold_lock);
}

static void nvme_extq_hold_init(struct nvme_extq_pool *pool, struct nvme_ctrl *ctrl)
{
	spin_lock_init(&pool->hold_lock);
	INIT_WORK(&pool->hold_work, nvme_extq_hold_work);
	pool->ctrl = ctrl;
}

/* The device is off and is not looked at any more; see nvme_exit() for the last work. */
static void nvme_extq_hold_end(struct nvme_extq_pool *pool)
{
	spin_lock_irq(&pool->hold_lock);
	pool->deaf = true;
	spin_unlock_irq(&pool->hold_lock);
}
