// SPDX-License-Identifier: GPL-2.0
/*
 * The hot path: one bounded pass over a lane.
 *
 *   pop, decode, translate, submit | ring once | reap, post | interrupt once
 *
 * All of it runs as the lane's owner: no lock, no sleep, no allocation.
 */
#include "internal.h"

static bool vnvme_lane_may_fetch(const struct vnvme_lane *lane)
{
	const struct vnvme_ctrl *ctrl = lane->ctrl;

	return READ_ONCE(ctrl->state) == VNVME_READY &&
	       !READ_ONCE(ctrl->fatal) && !lane->retry;
}

/* The last request of a lane that somebody may be waiting for has come home. */
static noinline void vnvme_lane_drained(struct vnvme_lane *lane)
{
	lane->ctrl->env->work(lane->ctrl);
}

static __always_inline void vnvme_req_free(struct vnvme_req *req)
{
	struct vnvme_lane *lane = req->lane;
	u32 busy = lane->busy - 1;

	req->next = lane->free;
	lane->free = req;
	/* the state machine looks for 0; it must then see all that was done */
	smp_store_release(&lane->busy, busy);
	if (!busy && unlikely(READ_ONCE(lane->ctrl->state) != VNVME_READY))
		vnvme_lane_drained(lane);
}

static __always_inline void vnvme_req_count(struct vnvme_req *req)
{
	struct vnvme_lane_stat *stat = &req->lane->stat;

	if (likely(req->opcode == VNVME_CMD_READ)) {
		stat->reads++;
		stat->read_sectors += req->bytes >> 9;
	} else if (req->opcode == VNVME_CMD_WRITE) {
		stat->writes++;
		stat->write_sectors += req->bytes >> 9;
	} else if (req->opcode == VNVME_CMD_COMPARE) {
		/* it reads, says the SMART log's definition */
		stat->reads++;
		stat->read_sectors += req->bytes >> 9;
	} else {
		stat->others++;
	}
}

static noinline void vnvme_req_log(struct vnvme_req *req, u16 status)
{
	req->lane->stat.errors++;
	vnvme_errlog_add(req->lane->ctrl, req->sq->id,
			 le16_to_cpu(req->sqe.cid), status, req->err_loc,
			 req->slba, le32_to_cpu(req->sqe.nsid));
}

/* Answer the guest and let the request go.  Return: false if not now. */
static noinline bool vnvme_req_post(struct vnvme_req *req, u16 status)
{
	struct vnvme_lane *lane = req->lane;
	struct vnvme_sq *sq = req->sq;
	u32 inflight;

	/* nothing reaches guest memory once CC.EN is 0 */
	if (likely(!lane->stopping)) {
		if (!lane->cq_left && !vnvme_cq_run(lane))
			return false;
		vnvme_cq_post(lane, sq, le16_to_cpu(req->sqe.cid), status, 0);
		if (status)
			vnvme_req_log(req, status);
		else
			vnvme_req_count(req);
		inflight = sq->inflight - 1;
		/* pairs with Delete I/O Submission Queue, which waits for 0 */
		smp_store_release(&sq->inflight, inflight);
		if (!sq->live && !inflight)
			lane->ctrl->env->work(lane->ctrl);
	}
	vnvme_req_free(req);
	return true;
}

/* Answer, or keep the answer until it can be written. */
static noinline void vnvme_req_end(struct vnvme_req *req, u16 status)
{
	struct vnvme_lane *lane = req->lane;

	if (vnvme_req_post(req, status))
		return;
	req->status = status;
	req->next = NULL;
	*lane->held_tail = req;
	lane->held_tail = &req->next;
}

static __always_inline void vnvme_req_untake(struct vnvme_req *req)
{
	if (req->submitted) {
		req->submitted = false;
		WRITE_ONCE(req->lane->inflight[req->epoch],
			   req->lane->inflight[req->epoch] - 1);
	}
}

/**
 * vnvme_req_done() - a backend is done with a request
 * @req:	request; not to be touched afterwards
 * @status:	NVMe status without phase bit
 *
 * Success, a live queue, a place for the answer: vnvme_req_end() in a straight
 * line.  All else is left to that.
 *
 * Context: owner.
 */
void vnvme_req_done(struct vnvme_req *req, u16 status)
{
	struct vnvme_lane *lane = req->lane;
	struct vnvme_sq *sq = req->sq;

	vnvme_req_untake(req);
	if (unlikely(status || lane->stopping || !lane->cq_left || !sq->live)) {
		vnvme_req_end(req, status);
		return;
	}
	vnvme_cq_post(lane, sq, le16_to_cpu(req->sqe.cid), 0, 0);
	vnvme_req_count(req);
	/* pairs as in vnvme_req_post() */
	smp_store_release(&sq->inflight, sq->inflight - 1);
	vnvme_req_free(req);
}

static void vnvme_lane_retry_add(struct vnvme_lane *lane, struct vnvme_req *req)
{
	req->next = NULL;
	*lane->retry_tail = req;
	lane->retry_tail = &req->next;
}

static struct vnvme_req *vnvme_lane_retry_pop(struct vnvme_lane *lane)
{
	struct vnvme_req *req = lane->retry;

	lane->retry = req->next;
	if (!lane->retry)
		lane->retry_tail = &lane->retry;
	return req;
}

/**
 * vnvme_req_requeue() - the backend lost a request: do it again
 * @req:	request that was submitted and has not completed
 *
 * Context: owner.
 */
void vnvme_req_requeue(struct vnvme_req *req)
{
	vnvme_req_untake(req);
	req->lane->blocked = false;
	vnvme_lane_retry_add(req->lane, req);
}

/**
 * vnvme_req_return() - the miss of a request was dealt with
 * @req:	request that went to env->pin_req()
 * @err:	0 or -errno
 *
 * Context: any; kick afterwards.
 */
void vnvme_req_return(struct vnvme_req *req, int err)
{
	req->miss_err = err;
	llist_add(&req->node, &req->lane->returned);
}

/* Nothing for a backend, or not yet. */
static noinline void vnvme_req_refused(struct vnvme_req *req, u16 status)
{
	struct vnvme_lane *lane = req->lane;

	if (status == VNVME_NOTHING) {
		vnvme_req_end(req, 0);
	} else if (status != VNVME_MISS) {
		vnvme_req_end(req, status);
	} else if (++req->retries > VNVME_RETRIES) {
		vnvme_req_end(req, VNVME_SC_DATA_TRANSFER);
	} else {
		lane->stat.misses++;
		lane->ctrl->env->pin_req(req);
	}
}

/*
 * Decode, translate, submit.  Return: false if the backend is busy; the
 * request then belongs to the caller again.
 */
static __always_inline bool vnvme_req_start(struct vnvme_req *req)
{
	struct vnvme_lane *lane = req->lane;
	struct vnvme_ctrl *ctrl = lane->ctrl;
	struct vnvme_backend *b;
	u16 status;

	status = vnvme_nvm_prepare(ctrl, req);
	if (unlikely(status)) {
		vnvme_req_refused(req, status);
		return true;
	}

	b = req->ns->backend;
	req->epoch = lane->epoch;
	req->submitted = true;
	WRITE_ONCE(lane->inflight[req->epoch],
		   lane->inflight[req->epoch] + 1);
	lane->dirty |= b->bit;
	status = b->ops->submit(b, lane, req);
	if (likely(!status))
		return true;
	vnvme_req_untake(req);
	if (status == VNVME_BUSY)
		return false;
	vnvme_req_end(req, status);
	return true;
}

/* Requests whose miss was dealt with come back, in the order they went. */
static noinline unsigned int
vnvme_lane_take_returned(struct vnvme_lane *lane)
{
	struct vnvme_req *req, *next;
	struct llist_node *first;
	unsigned int n = 0;

	first = llist_reverse_order(llist_del_all(&lane->returned));
	llist_for_each_entry_safe(req, next, first, node) {
		n++;
		if (req->miss_err && !lane->stopping)
			vnvme_req_end(req, VNVME_SC_DATA_TRANSFER |
				      (req->miss_err == -ENOMEM ? 0 :
								  VNVME_DNR));
		else
			vnvme_lane_retry_add(lane, req);
	}
	return n;
}

static noinline unsigned int vnvme_lane_retry(struct vnvme_lane *lane)
{
	struct vnvme_req *req;
	unsigned int n = 0;

	lane->blocked = false;
	/* no more than there are: a request may come back at once */
	while (lane->retry && n < lane->nr_reqs) {
		req = vnvme_lane_retry_pop(lane);
		if (!vnvme_req_start(req)) {
			/* it stays the first */
			req->next = lane->retry;
			if (!lane->retry)
				lane->retry_tail = &req->next;
			lane->retry = req;
			lane->blocked = true;
			break;
		}
		n++;
	}
	return n;
}

/* Answers that could not be written; a lane that stops drops them. */
static noinline unsigned int vnvme_lane_post_held(struct vnvme_lane *lane)
{
	struct vnvme_req *req, *next;
	unsigned int n = 0;

	for (req = lane->held; req; req = next) {
		next = req->next;
		if (!vnvme_req_post(req, req->status))
			break;
		n++;
	}
	lane->held = req;
	if (!req)
		lane->held_tail = &lane->held;
	return n;
}

static unsigned int vnvme_lane_fetch_sq(struct vnvme_lane *lane,
					struct vnvme_sq *sq,
					unsigned int budget)
{
	struct vnvme_ctrl *ctrl = lane->ctrl;
	unsigned int room, n = 0;
	struct vnvme_req *req;

	vnvme_sq_take(ctrl, sq);
	if (sq->tail == sq->head)
		return 0;
	if (ctrl->dbbuf.db)
		vnvme_sq_event_lag(ctrl, sq);
	budget = min(budget, vnvme_ring_dist(sq->head, sq->tail, sq->depth));
	room = vnvme_cq_room(&lane->cq);
	if (unlikely(room < budget)) {
		vnvme_cq_refresh(ctrl, &lane->cq);
		room = vnvme_cq_room(&lane->cq);
		if (room < budget)
			lane->stat.full++;
		budget = min(budget, room);
	}
	while (n < budget) {
		req = lane->free;
		if (!req || unlikely(!vnvme_sq_pop(ctrl, sq, &req->sqe)))
			break;
		lane->free = req->next;
		lane->busy++;
		/* the entry for its answer; what completes gives one for one */
		lane->cq.reserved++;
		req->sq = sq;
		req->retries = 0;
		n++;
		if (unlikely(!vnvme_req_start(req))) {
			vnvme_lane_retry_add(lane, req);
			lane->blocked = true;
			break;
		}
	}
	return n;
}

static unsigned int vnvme_lane_fetch(struct vnvme_lane *lane,
				     unsigned int budget)
{
	struct vnvme_sq *sq, *first = lane->sqs;
	unsigned int n = 0;

	if (!first)
		return 0;
	/* the state does not change while an owner is inside a step */
	for (sq = first; sq && n < budget && !lane->retry; sq = sq->next)
		if (sq->live)
			n += vnvme_lane_fetch_sq(lane, sq, budget - n);
	/* another queue goes first the next time: none starves */
	if (unlikely(first->next) && n) {
		lane->sqs = first->next;
		for (sq = lane->sqs; sq->next; sq = sq->next)
			;
		sq->next = first;
		first->next = NULL;
	}
	return n;
}

static unsigned int vnvme_lane_reap(struct vnvme_lane *lane)
{
	struct vnvme_ctrl *ctrl = lane->ctrl;
	unsigned int i, n = 0;

	for (i = 0; i < ctrl->nr_backends; i++)
		if (ctrl->backend[i]->ops->reap)
			n += ctrl->backend[i]->ops->reap(ctrl->backend[i],
							 lane);
	return n;
}

static void vnvme_lane_commit(struct vnvme_lane *lane)
{
	struct vnvme_backend **b = lane->ctrl->backend;
	unsigned int dirty;

	for (dirty = lane->dirty; dirty; dirty >>= 1, b++)
		if ((dirty & 1) && (*b)->ops->commit)
			(*b)->ops->commit(*b, lane);
	lane->dirty = 0;
}

/**
 * vnvme_lane_abort() - end a command that no backend has
 * @lane:	of @sq
 * @sq:		where the command came from
 * @cid:	its identifier
 *
 * Context: owner.
 * Return: false if it is not among those that wait to be submitted.
 */
bool vnvme_lane_abort(struct vnvme_lane *lane, const struct vnvme_sq *sq, u16 cid)
{
	struct vnvme_req **link = &lane->retry;
	struct vnvme_req *req;

	while ((req = *link) && (req->sq != sq || le16_to_cpu(req->sqe.cid) != cid))
		link = &req->next;
	if (!req)
		return false;
	*link = req->next;
	if (!req->next)
		lane->retry_tail = link;
	vnvme_req_end(req, VNVME_SC_ABORT_REQUESTED);
	return true;
}

/* Nothing is answered any more; what is in flight comes home and is dropped. */
static unsigned int vnvme_lane_drain(struct vnvme_lane *lane)
{
	unsigned int n = 0;

	if (!lane->busy)
		return 0;
	n += vnvme_lane_post_held(lane);
	n += vnvme_lane_reap(lane);
	n += vnvme_lane_take_returned(lane);
	while (lane->retry) {
		vnvme_req_end(vnvme_lane_retry_pop(lane), 0);
		n++;
	}
	return n;
}

/* Without COMMAND.MASTER memory comes free, but nothing reaches the guest. */
static unsigned int vnvme_lane_quiet(struct vnvme_lane *lane)
{
	lane->cq_left = 0;
	return lane->busy ? vnvme_lane_reap(lane) : 0;
}

/*
 * The guest was told of entries that it has not taken, as far as its head says:
 * it takes them now, and will find the others.  But it may have taken all and
 * not say so (it need not), so that waits for a while only.
 */
static noinline bool vnvme_lane_hold(struct vnvme_lane *lane)
{
	u64 now = lane->ctrl->env->now_ns(lane->ctrl);
	struct vnvme_cq *cq = &lane->cq;

	if (!cq->held || cq->held_head != cq->head) {
		cq->held = true;
		cq->held_head = cq->head;
		cq->held_ns = now;
		return true;
	}
	if (now - cq->held_ns < VNVME_HOLD_NS)
		return true;
	lane->stat.late_irqs++;
	return false;
}

/*
 * There are entries that no interrupt has told the guest of.  Raise one, unless
 * the guest is still about what the last one told it: until its head has gone
 * past that, further entries wait, and vnvme_lane_pending() says so.  Once it
 * has, there may be nobody left to take them.
 *
 * No barrier between the entries and the look at the head: an entry that the
 * guest has missed, and a head that was missed here, is found by the next pass.
 */
static void vnvme_lane_tell(struct vnvme_lane *lane)
{
	struct vnvme_ctrl *ctrl = lane->ctrl;
	struct vnvme_cq *cq = &lane->cq;

	if (cq->irq_enabled && cq->told != cq->head &&
	    !vnvme_cq_settled(ctrl, cq)) {
		vnvme_cq_take(ctrl, cq);
		if (!vnvme_cq_untold(cq))
			return;
		if (cq->told != cq->head && vnvme_lane_hold(lane))
			return;
	}
	cq->held = false;
	WRITE_ONCE(cq->told, cq->tail);
	if (cq->irq_enabled) {
		lane->stat.irqs++;
		ctrl->env->irq(ctrl, cq->vector);
	}
}

unsigned int vnvme_lane_step(struct vnvme_lane *lane, unsigned int budget)
{
	struct vnvme_ctrl *ctrl = lane->ctrl;
	unsigned int n = 0;

	if (unlikely(lane->stopping))
		return vnvme_lane_drain(lane);
	if (unlikely(!READ_ONCE(ctrl->master)))
		return vnvme_lane_quiet(lane);

	if (lane->busy) {
		if (unlikely(lane->held))
			n += vnvme_lane_post_held(lane);
		n += vnvme_lane_reap(lane);
		if (unlikely(!llist_empty(&lane->returned)))
			n += vnvme_lane_take_returned(lane);
		if (unlikely(lane->retry))
			n += vnvme_lane_retry(lane);
	}
	if (vnvme_lane_may_fetch(lane))
		n += vnvme_lane_fetch(lane, budget);
	if (lane->dirty)
		vnvme_lane_commit(lane);

	if (vnvme_cq_untold(&lane->cq))
		vnvme_lane_tell(lane);
	return n;
}

void vnvme_lane_epoch(struct vnvme_lane *lane)
{
	WRITE_ONCE(lane->epoch, lane->epoch ^ 1);
	vnvme_lane_forget(lane);
}

bool vnvme_lane_old_inflight(const struct vnvme_lane *lane)
{
	return READ_ONCE(lane->inflight[READ_ONCE(lane->epoch) ^ 1]) != 0;
}

void vnvme_lane_arm(struct vnvme_lane *lane)
{
	struct vnvme_ctrl *ctrl = lane->ctrl;
	struct vnvme_sq *sq;

	if (!ctrl->dbbuf.db || lane->stopping || !lane->cq.live)
		return;
	for (sq = lane->sqs; sq; sq = sq->next)
		if (sq->live)
			vnvme_sq_event_arm(ctrl, sq);
	vnvme_cq_event_arm(ctrl, &lane->cq);
}

bool vnvme_lane_pending(const struct vnvme_lane *lane)
{
	const struct vnvme_ctrl *ctrl = lane->ctrl;
	const struct vnvme_sq *sq;

	if (lane->stopping)
		return !llist_empty(&lane->returned) || lane->retry ||
		       lane->held;
	/* what is missing brings a kick when it is back */
	if (!READ_ONCE(ctrl->master) || READ_ONCE(ctrl->lost))
		return false;
	if (!llist_empty(&lane->returned) || (lane->retry && !lane->blocked) ||
	    lane->held || vnvme_cq_untold(&lane->cq))
		return true;
	if (!lane->free || !vnvme_lane_may_fetch(lane))
		return false;
	for (sq = lane->sqs; sq; sq = sq->next)
		if (sq->live && vnvme_sq_ready(ctrl, sq))
			return vnvme_cq_may_have_room(ctrl, &lane->cq);
	return false;
}
