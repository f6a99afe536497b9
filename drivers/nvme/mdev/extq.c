// SPDX-License-Identifier: GPL-2.0
/*
 * The backend over queue pairs lent by nvme-pci: one pair per lane, whose
 * command identifiers are the tags of the lane's requests.
 *
 * A controller reset takes the pair away (->down) and brings it back (->up); the
 * requests that were lost go back to the core, which translates and submits
 * them again, since the guest has not seen them end.  A command that the drive
 * does not answer is aborted after nvme's own time limit, and after twice that
 * time the drive is reset.
 */
#include <linux/delay.h>
#include <linux/nospec.h>
#include <linux/sched/signal.h>

#include "mdev.h"
#include "trace.h"

#define EXTQ_BATCH	VNVME_REAP
#define EXTQ_LONGS	4		/* of a lane, on the drive at once */
#define EXTQ_RESET_WAIT	(60 * HZ)	/* for a drive that is being reset at open */

#define EXTQ_WZ_DEAC	BIT(9)		/* of nvme_rw_command.control */
#define EXTQ_COPY_FUA	BIT(30)		/* of command dword 12 */

/* The drive's page of PRP entries is the guest's: 4 KiB. */
#define PRP_SIZE	VNVME_PAGE_SIZE
#define PRP_OFF(addr)	((addr) & (PRP_SIZE - 1))

/* PRP entries for the segments of @req; the list stands in its scratch page. */
static void extq_map(const struct vnvme_req *req, struct nvme_rw_command *rw)
{
	__le64 *list = req->scratch;
	const struct vnvme_seg *seg = req->segs;
	const struct vnvme_seg *end = seg + req->nr_segs;
	u64 addr = seg->dma, stop = seg->dma + seg->len;
	unsigned int n = 0;

	rw->dptr.prp1 = cpu_to_le64(addr);
	addr += PRP_SIZE - PRP_OFF(addr);
	for (;;) {
		for (; addr < stop; addr += PRP_SIZE)
			list[n++] = cpu_to_le64(addr);
		if (++seg == end)
			break;
		addr = seg->dma;
		stop = addr + seg->len;
	}
	if (n == 1)
		rw->dptr.prp2 = list[0];
	else if (n)
		rw->dptr.prp2 = cpu_to_le64(req->scratch_dma);
}

/*
 * Commands go by the drive's namespace id, which may be given to another namespace.
 * The claim keeps a partition from being deleted, not from being resized, and a
 * drive can be formatted by who may send admin commands: look every time.
 */
static u16 extq_check(struct nvme_mdev_ns *ns, u64 slba, u64 nlb)
{
	u8 shift = ns->vns.lba_shift;

	if (unlikely(nvme_mdev_claim_lost(ns)))
		return nvme_mdev_ns_end(ns);
	if (unlikely(bdev_logical_block_size(ns->bdev) != 1u << shift))
		return VNVME_SC_NS_NOT_READY;
	if (unlikely((slba + nlb) << (shift - SECTOR_SHIFT) > bdev_nr_sectors(ns->bdev)))
		return VNVME_SC_LBA_RANGE | VNVME_DNR;
	return 0;
}

/* The ranges stand in the scratch page, checked against the guest's view. */
static u16 extq_map_ranges(const struct vnvme_req *req, struct nvme_mdev_ns *ns)
{
	struct vnvme_dsm_range *range = req->scratch;
	u16 status;
	u32 i;

	for (i = 0; i < req->nlb; i++) {
		u64 slba = le64_to_cpu(range[i].slba);

		status = extq_check(ns, slba, le32_to_cpu(range[i].nlb));
		if (status)
			return status;
		range[i].slba = cpu_to_le64(slba + ns->start);
	}
	return 0;
}

/* As extq_map_ranges(); the destination is as long as all of them. */
static u16 extq_map_copy(const struct vnvme_req *req, struct nvme_mdev_ns *ns,
			 struct nvme_common_command *copy)
{
	struct vnvme_copy_range *range = req->scratch;
	u64 to = ns->start + req->slba, slba;
	u32 i, nlb, total = 0;
	u16 status;

	for (i = 0; i < req->nlb; i++) {
		slba = le64_to_cpu(range[i].slba);
		nlb = le16_to_cpu(range[i].nlb) + 1;
		total += nlb;
		status = extq_check(ns, slba, nlb);
		if (status)
			return status;
		range[i].slba = cpu_to_le64(slba + ns->start);
	}
	copy->cdw10 = cpu_to_le32(lower_32_bits(to));
	copy->cdw11 = cpu_to_le32(upper_32_bits(to));
	copy->cdw12 = cpu_to_le32((req->nlb - 1) | (req->fua ? EXTQ_COPY_FUA : 0));
	copy->dptr.prp1 = cpu_to_le64(req->scratch_dma);
	return extq_check(ns, req->slba, total);
}

static u16 extq_map_range(const struct vnvme_req *req, struct nvme_mdev_ns *ns,
			  struct nvme_rw_command *rw)
{
	rw->slba = cpu_to_le64(ns->start + req->slba);
	rw->length = cpu_to_le16(req->nlb - 1);
	if (req->fua)
		rw->control |= cpu_to_le16(NVME_RW_FUA);
	return extq_check(ns, req->slba, req->nlb);
}

/* What moves no data of the guest's. */
static noinline u16 extq_map_other(struct nvme_mdev_lane *ml, const struct vnvme_req *req,
				   struct nvme_mdev_ns *ns, struct nvme_command *cmd)
{
	u16 status;

	switch (req->opcode) {
	case VNVME_CMD_WRITE_ZEROES:
	case VNVME_CMD_VERIFY:
		if (req->deallocate)
			cmd->rw.control = cpu_to_le16(EXTQ_WZ_DEAC);
		return extq_map_range(req, ns, &cmd->rw);
	case VNVME_CMD_DSM:
		ml->dsm[req->tag] = (struct nvme_mdev_dsm){ };
		status = extq_map_ranges(req, ns);
		if (!status)
			nvme_mdev_dsm_piece(ml, req, &cmd->dsm);
		return status;
	case VNVME_CMD_COPY:
		return extq_map_copy(req, ns, &cmd->common);
	case VNVME_CMD_FLUSH:
		return extq_check(ns, 0, 0);
	default:
		return VNVME_SC_INVALID_OPCODE | VNVME_DNR;
	}
}

/*
 * What may take the drive long.  If it had many of them at once, the last one might
 * wait for the others longer than a command may take; so it has a few of each lane,
 * and the others wait for their turn here, while what is short goes on.
 */
static bool extq_is_long(const struct vnvme_req *req)
{
	/* and Dataset Management, Verify, Copy; what is below moves the guest's data */
	return req->opcode >= VNVME_CMD_WRITE_ZEROES;
}

/* Onto the lent queue.  Return: 0, VNVME_BUSY or what is wrong with it. */
static __always_inline u16 extq_start(struct nvme_mdev_lane *ml, struct vnvme_req *req)
{
	struct nvme_mdev_ns *ns = req->ns->priv;
	struct nvme_command cmd = { };
	u16 status;

	cmd.common.opcode = req->opcode;
	cmd.common.command_id = req->tag;
	cmd.common.nsid = cpu_to_le32(ns->host_nsid);
	switch (req->opcode) {
	case VNVME_CMD_READ:
	case VNVME_CMD_WRITE:
	case VNVME_CMD_COMPARE:
		extq_map(req, &cmd.rw);
		status = extq_map_range(req, ns, &cmd.rw);
		break;
	default:
		status = extq_map_other(ml, req, ns, &cmd);
	}

	if (unlikely(status))
		return status;
	if (unlikely(static_call(extq_submit)(ml->q, &cmd, false)))
		return VNVME_BUSY;
	ml->submitted = true;
	ml->submits++;
	return 0;
}

static noinline u16 extq_start_long(struct nvme_mdev_lane *ml, struct vnvme_req *req)
{
	u16 status;

	if (ml->longs >= EXTQ_LONGS) {
		__set_bit(req->tag, ml->waiting);
		ml->nr_waiting++;
		return 0;
	}
	status = extq_start(ml, req);
	if (!status)
		ml->longs++;
	return status;
}

static u16 extq_submit(struct vnvme_backend *b, struct vnvme_lane *lane, struct vnvme_req *req)
{
	struct nvme_mdev_lane *ml = lane->priv;
	u16 status;

	if (unlikely(!ml->up))
		return ml->gone ? VNVME_SC_INTERNAL | VNVME_DNR : VNVME_BUSY;
	if (unlikely(extq_is_long(req)))
		status = extq_start_long(ml, req);
	else
		status = extq_start(ml, req);
	if (likely(!status))
		nvme_mdev_stat_start(ml->stat, req);
	return status;
}

static void extq_commit(struct vnvme_backend *b, struct vnvme_lane *lane)
{
	struct nvme_mdev_lane *ml = lane->priv;

	if (!ml->submitted || !ml->up)
		return;
	ml->submitted = false;
	ml->rings++;
	trace_nvme_mdev_ring(ml);
	static_call(extq_ring)(ml->q);
}

/* Is a request on the lent queue?  Others of the lane may be with other backends. */
static bool extq_has(const struct nvme_mdev_lane *ml, const struct vnvme_req *req)
{
	return req->submitted && req->ns->backend == &ml->nm->extq;
}

/* Back to the core, which does it again from its beginning. */
static void extq_again(struct nvme_mdev_lane *ml, struct vnvme_req *req, enum vnvme_loss loss)
{
	nvme_mdev_stat_lost(ml->stat, req);
	vnvme_req_requeue(req, loss, ml->info.max_retries);
}

/* As extq_map_ranges(), of what is left: the namespace may have changed meanwhile. */
static u16 extq_check_left(struct nvme_mdev_lane *ml, const struct vnvme_req *req)
{
	const struct vnvme_dsm_range *range = req->scratch;
	struct nvme_mdev_ns *ns = req->ns->priv;
	u16 status = 0;
	u32 i;

	for (i = ml->dsm[req->tag].next; i < req->nlb && !status; i++)
		status = extq_check(ns, le64_to_cpu(range[i].slba) - ns->start,
				    le32_to_cpu(range[i].nlb));
	return status;
}

/* Dataset Management goes on with its next piece, unless the guest has dropped it. */
static bool extq_next_piece(struct nvme_mdev_lane *ml, struct vnvme_req *req)
{
	struct nvme_command cmd = { };
	u16 status;

	if (!nvme_mdev_dsm_sent(ml, req) || ml->lane->stopping)
		return false;
	status = extq_check_left(ml, req);
	if (unlikely(status)) {
		ml->longs--;
		nvme_mdev_stat_done(ml->stat, req);
		vnvme_req_done(req, status);
		return true;
	}
	cmd.dsm.opcode = nvme_cmd_dsm;
	cmd.dsm.command_id = req->tag;
	cmd.dsm.nsid = cpu_to_le32(((struct nvme_mdev_ns *)req->ns->priv)->host_nsid);
	nvme_mdev_dsm_piece(ml, req, &cmd.dsm);
	if (!ml->up || static_call(extq_submit)(ml->q, &cmd, true)) {
		ml->longs--;
		extq_again(ml, req, VNVME_LOSS_NONE);
		return true;
	}
	req->start = jiffies;
	ml->submits++;
	ml->rings++;
	return true;
}

/* The drive has answered one that may take long.  Return: false if that was its end. */
static noinline bool extq_goes_on(struct nvme_mdev_lane *ml, struct vnvme_req *req, u16 status)
{
	if (!status && req->opcode == VNVME_CMD_DSM && extq_next_piece(ml, req))
		return true;
	ml->longs--;
	return false;
}

/* The next that has waited, each tag in its turn. */
static struct vnvme_req *extq_next_waiting(struct nvme_mdev_lane *ml)
{
	unsigned long tag = find_next_bit(ml->waiting, ml->nr, ml->turn);

	if (tag >= ml->nr)
		tag = find_first_bit(ml->waiting, ml->nr);
	__clear_bit(tag, ml->waiting);
	ml->nr_waiting--;
	ml->turn = tag + 1;
	return &ml->reqs[tag];
}

static noinline void extq_take_turns(struct nvme_mdev_lane *ml)
{
	struct vnvme_req *req;
	u16 status;

	while (ml->nr_waiting && (ml->longs < EXTQ_LONGS || ml->lane->stopping)) {
		req = extq_next_waiting(ml);
		status = ml->lane->stopping ? VNVME_BUSY : extq_start(ml, req);
		if (!status) {
			ml->longs++;
			req->start = jiffies;
			ml->rings++;
			static_call(extq_ring)(ml->q);
		} else if (status == VNVME_BUSY) {
			extq_again(ml, req, VNVME_LOSS_NONE);
		} else {
			nvme_mdev_stat_done(ml->stat, req);
			vnvme_req_done(req, status);
		}
	}
}

/*
 * An Abort goes by the tag, which another command may have by the time the drive looks at
 * it.  That one is lost, and done again.
 */
static noinline bool extq_hit_by_chance(struct nvme_mdev_lane *ml, struct vnvme_req *req,
					u16 status)
{
	if ((status & ~VNVME_DNR) != VNVME_SC_ABORT_REQUESTED || req->abort_token ||
	    test_bit(req->tag, ml->late))
		return false;
	if (extq_is_long(req))
		ml->longs--;
	extq_again(ml, req, VNVME_LOSS_OTHERS);
	return true;
}

/* Hand what the drive says to the core; a tag it never got is ignored. */
static void extq_complete(struct nvme_mdev_lane *ml, const struct nvme_completion *cqe, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		u16 tag = cqe[i].command_id, status;
		struct vnvme_req *req;

		if (tag >= ml->lane->nr_reqs)
			continue;
		req = &ml->reqs[array_index_nospec(tag, ml->lane->nr_reqs)];
		if (!extq_has(ml, req) || unlikely(test_bit(tag, ml->waiting)))
			continue;
		/* phase, Command Retry Delay and More are not the guest's */
		status = (le16_to_cpu(cqe[i].status) >> 1) & (VNVME_DNR | 0x7ff);
		if (unlikely(status) && extq_hit_by_chance(ml, req, status))
			continue;
		if (unlikely(test_bit(tag, ml->late))) {
			__clear_bit(tag, ml->late);
			clear_bit(tag, ml->abort_due);
		}
		if (unlikely(req->opcode == VNVME_CMD_COPY))
			req->copied = le32_to_cpu(cqe[i].result.u32);
		if (unlikely(extq_is_long(req)) && extq_goes_on(ml, req, status))
			continue;
		nvme_mdev_stat_done(ml->stat, req);
		vnvme_req_done(req, unlikely(status) ? vnvme_nvm_status(status) : 0);
	}
}

/*
 * The last completions of a pair that is being deleted.  What the drive aborted
 * for that, the guest did not ask for: it stays submitted, and is lost.
 */
static void extq_complete_last(struct nvme_mdev_lane *ml, const struct nvme_completion *cqe, int n)
{
	u16 status;
	int i;

	for (i = 0; i < n; i++) {
		status = (le16_to_cpu(cqe[i].status) >> 1) & 0x7ff;
		if (status != NVME_SC_ABORT_QUEUE && status != NVME_SC_ABORT_REQ)
			extq_complete(ml, &cqe[i], 1);
	}
}

/* The drive may use the places of what was taken. */
static void extq_ack(struct nvme_mdev_lane *ml)
{
	ml->unacked = 0;
	ml->acks++;
	static_call(extq_ack)(ml->q);
}

/**
 * nvme_mdev_extq_arm() - have the next completion kick the lane
 * @ml: lane; its queue pair, if it has one, has an interrupt
 *
 * What came before may cause none: step over the lane afterwards.
 * Context: owner.
 */
void nvme_mdev_extq_arm(struct nvme_mdev_lane *ml)
{
	if (!ml->q)
		return;
	if (ml->unacked)
		extq_ack(ml);
	static_call(extq_irq_arm)(ml->q);
}

/*
 * Abort what is late, one at a time: the next when the last was answered, or at the
 * next look if the drive takes none now.  A controller that is dead does not answer
 * this either, and is reset.
 */
static void extq_abort_late(struct work_struct *work)
{
	struct nvme_mdev_lane *ml = container_of(work, struct nvme_mdev_lane, abort);
	unsigned long tag = find_first_bit(ml->abort_due, NVME_MDEV_LANE_DEPTH);

	/* the last answer may come while the queue pair is given back */
	if (READ_ONCE(ml->closing))
		return;
	if (tag < NVME_MDEV_LANE_DEPTH && !static_call(extq_abort)(ml->q, tag, 0, false))
		clear_bit(tag, ml->abort_due);
}

/*
 * The guest would like one aborted: what waits for its turn ends here, the drive is asked
 * for the rest.  It is to have one left for what is late, of the host's, too.
 */
static bool extq_abort(struct vnvme_backend *b, struct vnvme_lane *lane, struct vnvme_req *req,
		       u32 token)
{
	struct nvme_mdev_lane *ml = lane->priv;

	if (!ml->up)
		return false;
	if (__test_and_clear_bit(req->tag, ml->waiting)) {
		ml->nr_waiting--;
		nvme_mdev_stat_done(ml->stat, req);
		vnvme_req_done(req, VNVME_SC_ABORT_REQUESTED);
		return true;
	}
	return !static_call(extq_abort)(ml->q, req->tag, token, true);
}

/* nvme_extq_ops.aborted; what was aborted completes, and that tells the guest. */
static void extq_aborted(void *priv, u32 cookie, bool done)
{
	struct nvme_mdev_lane *ml = priv;

	/* 0: of one that was late */
	if (cookie && !done)
		vnvme_abort_refused(&ml->nm->ctrl, cookie);
	queue_work(ml->nm->wq, &ml->abort);
}

static unsigned int extq_reap(struct vnvme_backend *b, struct vnvme_lane *lane)
{
	struct nvme_mdev_lane *ml = lane->priv;
	struct nvme_completion cqe[EXTQ_BATCH];
	int n;

	if (!ml->up || !lane->inflight)
		return 0;
	n = static_call(extq_poll)(ml->q, cqe, EXTQ_BATCH);
	if (n > 0) {
		ml->reaps++;
		ml->unacked += n;
		if (ml->unacked >= ml->ack_at)
			extq_ack(ml);
		extq_complete(ml, cqe, n);
	}
	if (unlikely(ml->nr_waiting))
		extq_take_turns(ml);
	return max(n, 0);
}

const struct vnvme_backend_ops nvme_mdev_extq_backend = {
	.submit	= extq_submit,
	.commit	= extq_commit,
	.abort	= extq_abort,
	.reap	= extq_reap,
};

/* What became of a request that the drive has not answered? */
static enum vnvme_loss extq_loss(const struct nvme_mdev_lane *ml, u32 tag)
{
	if (test_bit(tag, ml->waiting))
		return VNVME_LOSS_NONE;
	return test_bit(tag, ml->late) ? VNVME_LOSS_LATE : VNVME_LOSS_OTHERS;
}

/* What the drive has not answered is lost: give it back to the core. */
static void extq_lose(struct nvme_mdev_lane *ml)
{
	u32 i;

	lockdep_assert_held(&ml->nm->park_lock);
	ml->up = false;
	ml->submitted = false;
	ml->unacked = 0;
	if (!ml->lane)
		return;
	for (i = 0; i < ml->lane->nr_reqs; i++)
		if (extq_has(ml, &ml->reqs[i]))
			extq_again(ml, &ml->reqs[i], extq_loss(ml, i));
	bitmap_zero(ml->waiting, NVME_MDEV_LANE_DEPTH);
	ml->nr_waiting = 0;
	ml->longs = 0;
	/* what was done about them is done */
	bitmap_zero(ml->late, NVME_MDEV_LANE_DEPTH);
	bitmap_zero(ml->abort_due, NVME_MDEV_LANE_DEPTH);
	ml->reset_asked = false;
}

/* nvme_extq_ops.down: the drive touches no memory of this pair any more. */
static void extq_down(void *priv)
{
	struct nvme_mdev_lane *ml = priv;
	struct nvme_completion cqe[EXTQ_BATCH];
	int n;

	nvme_mdev_poller_park(ml->nm);
	/* what has come is taken, nothing more is sent */
	ml->up = false;
	while (ml->lane && ml->q && (n = static_call(extq_drain)(ml->q, cqe, EXTQ_BATCH)) > 0)
		extq_complete_last(ml, cqe, n);
	extq_lose(ml);
	trace_nvme_mdev_down(ml);
	nvme_mdev_poller_unpark(ml->nm);
}

static void extq_up(void *priv)
{
	struct nvme_mdev_lane *ml = priv;

	nvme_mdev_poller_park(ml->nm);
	ml->up = !ml->closing;
	if (ml->q)
		static_call(extq_info)(ml->q, &ml->info);
	trace_nvme_mdev_up(ml);
	nvme_mdev_poller_unpark(ml->nm);
}

static void extq_irq(void *priv)
{
	struct nvme_mdev_lane *ml = priv;

	ml->irqs++;
	nvme_mdev_poller_irq(ml);
}

static void extq_gone(void *priv)
{
	struct nvme_mdev_lane *ml = priv;

	nvme_mdev_poller_park(ml->nm);
	ml->gone = true;
	trace_nvme_mdev_gone(ml);
	nvme_mdev_poller_unpark(ml->nm);
	dev_warn(nvme_mdev_dev(ml->nm),
		 "queue pair lost for good: the guest's I/O fails until the device is opened again\n");
}

/* What the lender knows this borrower's queue pairs by, too. */
const struct nvme_extq_ops nvme_mdev_extq_ops = {
	.down	= extq_down,
	.up	= extq_up,
	.irq	= extq_irq,
	.aborted = extq_aborted,
	.gone	= extq_gone,
};

/* Aborting has not helped, or lasts. */
static void extq_reset(struct nvme_mdev_lane *ml)
{
	if (ml->reset_asked)
		return;
	ml->reset_asked = true;
	dev_warn(nvme_mdev_dev(ml->nm), "drive does not answer on queue %u: reset\n",
		 ml->info.qid);
	static_call(extq_reset_ctrl)(ml->q);
}

/**
 * nvme_mdev_extq_tick() - once a second, look for commands without an answer
 * @ml: lane
 *
 * Context: the poller.
 */
void nvme_mdev_extq_tick(struct nvme_mdev_lane *ml)
{
	unsigned long limit = ml->info.io_timeout;
	bool late = false;
	u32 i;

	nvme_mdev_stat_tick(ml);
	if (likely(time_before(jiffies, ml->tick)))
		return;
	ml->tick = jiffies + HZ;
	if (!ml->up)
		return;
	for (i = 0; i < ml->lane->nr_reqs; i++) {
		unsigned long start = ml->reqs[i].start;

		if (!extq_has(ml, &ml->reqs[i]) || test_bit(i, ml->waiting) ||
		    time_before(jiffies, start + limit))
			continue;
		if (!__test_and_set_bit(i, ml->late)) {
			set_bit(i, ml->abort_due);
			late = true;
		} else if (time_after(jiffies, start + 2 * limit)) {
			extq_reset(ml);
		}
	}
	if (late || !bitmap_empty(ml->abort_due, NVME_MDEV_LANE_DEPTH))
		queue_work(ml->nm->wq, &ml->abort);
}

/* A drive that is being initialised or reset lends, and tells, when it is back. */
static bool extq_wait(const struct nvme_mdev *nm, unsigned long end)
{
	if (time_after(jiffies, end) || fatal_signal_pending(current) ||
	    READ_ONCE(nm->abandoned))
		return false;
	msleep_interruptible(20);
	return true;
}

static struct nvme_extq *extq_get_patiently(struct nvme_mdev_lane *ml)
{
	unsigned long end = jiffies + EXTQ_RESET_WAIT;
	struct nvme_extq *q;

	do {
		/* ->down may come before nvme_extq_get() has returned */
		ml->up = true;
		q = static_call(extq_get)(ml->nm->pdev, &nvme_mdev_extq_ops, ml);
	} while (q == ERR_PTR(-EAGAIN) && extq_wait(ml->nm, end));
	return q;
}

/**
 * nvme_mdev_extq_ns() - ask the drive for one of its namespaces
 * @nm:		device
 * @nsid:	the drive's
 * @info:	filled in
 *
 * Context: may sleep, while the drive is being reset.
 * Return: 0 or -errno of nvme_extq_ns().
 */
int nvme_mdev_extq_ns(struct nvme_mdev *nm, u32 nsid, struct nvme_extq_ns *info)
{
	unsigned long end = jiffies + EXTQ_RESET_WAIT;
	int ret;

	do {
		ret = static_call(extq_ns)(nm->pdev, nsid, info);
	} while (ret == -EAGAIN && extq_wait(nm, end));
	return ret;
}

/**
 * nvme_mdev_extq_get() - borrow the queue pair of a lane
 * @nm:	device
 * @id:	lane, from 1
 *
 * The lane takes no request before nvme_mdev_lane_setup().
 * Context: control, may sleep, while the drive is being reset.
 * Return: 0 or -errno of nvme_extq_get().
 */
int nvme_mdev_extq_get(struct nvme_mdev *nm, u16 id)
{
	struct nvme_mdev_lane *ml = nvme_mdev_lane_reset(nm, id);
	struct nvme_extq *q;

	INIT_WORK(&ml->abort, extq_abort_late);
	q = extq_get_patiently(ml);
	if (IS_ERR(q))
		return PTR_ERR(q);
	ml->q = q;
	static_call(extq_info)(q, &ml->info);
	return 0;
}

/**
 * nvme_mdev_extq_put() - give the queue pair of a lane back
 * @nm:	device
 * @id:	lane
 *
 * What the drive still had is lost and given back to the core.
 * Context: control, may sleep.
 */
void nvme_mdev_extq_put(struct nvme_mdev *nm, u16 id)
{
	struct nvme_mdev_lane *ml = &nm->lanes[id];

	if (!ml->q)
		return;
	nvme_mdev_poller_park(nm);
	ml->up = false;
	ml->closing = true;
	nvme_mdev_poller_unpark(nm);
	cancel_work_sync(&ml->abort);

	static_call(extq_put)(ml->q);
	cancel_work_sync(&ml->abort);

	nvme_mdev_poller_park(nm);
	ml->q = NULL;
	extq_lose(ml);
	nvme_mdev_poller_unpark(nm);
}
