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
	return READ_ONCE(lane->ctrl->going) && !lane->retry;
}

static __always_inline void vnvme_req_free(struct vnvme_req *req)
{
	struct vnvme_lane *lane = req->lane;

	req->next = lane->free;
	lane->free = req;
	/* others only show it */
	data_race(lane->busy--);
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
	} else if (req->opcode == VNVME_CMD_VERIFY) {
		/* and so does this */
		stat->reads++;
		stat->read_sectors += req->verified;
	} else {
		stat->others++;
	}
}

static noinline void vnvme_req_fail(struct vnvme_req *req, u16 status)
{
	/* recommended by section 5.21.1.8 */
	req->lane->cq.urgent = !req->lane->cq.direct;
	req->lane->stat.errors++;
	vnvme_errlog_add(req->lane->ctrl, req->sq->id,
			 le16_to_cpu(req->sqe.cid), status, req->err_loc,
			 req->slba, le32_to_cpu(req->sqe.nsid));
}

/* Only a Copy that fails has something to say beyond its status. */
static u32 vnvme_req_dw0(const struct vnvme_req *req, u16 status)
{
	return status && req->opcode == VNVME_CMD_COPY ? req->copied : 0;
}

/* What the request has written is not in the cache any more, or can be flushed. */
static void vnvme_req_settled(struct vnvme_req *req)
{
	struct vnvme_lane *lane = req->lane;
	u16 settling;

	if (likely(!req->settling))
		return;
	req->settling = false;
	settling = lane->settling - 1;
	/* pairs with vnvme_lanes_settled() */
	smp_store_release(&lane->settling, settling);
	if (!settling)
		lane->ctrl->env->work(lane->ctrl);
}

static noinline void vnvme_req_unabort(struct vnvme_req *req, u16 status)
{
	struct vnvme_lane *lane = req->lane;

	lane->aborts--;
	vnvme_abort_ended(lane->ctrl, req->abort_token,
			  (status & ~VNVME_DNR) == VNVME_SC_ABORT_REQUESTED);
	req->abort_token = 0;
}

/* Answer the guest and let the request go.  Return: false if not now. */
static noinline bool vnvme_req_post(struct vnvme_req *req, u16 status)
{
	struct vnvme_lane *lane = req->lane;
	struct vnvme_sq *sq = req->sq;
	u32 inflight;

	/* nothing reaches guest memory once CC.EN is 0 */
	if (likely(!lane->stopping)) {
		if (unlikely(lane->cq.gone))
			;	/* nobody hears of it but a deletion that waits */
		else if (lane->cq_left || vnvme_cq_run(lane))
			vnvme_cq_post(lane, sq, le16_to_cpu(req->sqe.cid),
				      status, vnvme_req_dw0(req, status));
		else
			return false;
		if (status)
			vnvme_req_fail(req, status);
		else
			vnvme_req_count(req);
		if (!sq->live) {
			inflight = sq->inflight - 1;
			/* pairs with vnvme_delete_finish(), which waits for 0 */
			smp_store_release(&sq->inflight, inflight);
			if (!inflight)
				lane->ctrl->env->work(lane->ctrl);
		}
		/* each answer is looked at: it may be of a queue that goes */
		if (lane->deleting || lane->settling || lane->aborts)
			lane->cq_left = 0;
	}
	vnvme_req_settled(req);
	if (unlikely(req->abort_token))
		vnvme_req_unabort(req, status);
	vnvme_req_free(req);
	return true;
}

static void vnvme_lane_hold_answer(struct vnvme_lane *lane, struct vnvme_req *req, u16 status)
{
	req->status = status;
	req->next = NULL;
	*lane->held_tail = req;
	lane->held_tail = &req->next;
}

/* Answer, or keep the answer until it can be written. */
static noinline void vnvme_req_end(struct vnvme_req *req, u16 status)
{
	if (!vnvme_req_post(req, status))
		vnvme_lane_hold_answer(req->lane, req, status);
}

/*
 * A backend has the request from here on, and up to vnvme_req_untake() what it
 * moves to and from; only the owner counts, others look.
 */
static __always_inline void vnvme_req_take(struct vnvme_lane *lane,
					   struct vnvme_req *req)
{
	req->submitted = true;
	/* others only want to know whether there are any */
	data_race(lane->inflight++);
}

static __always_inline void vnvme_req_untake(struct vnvme_lane *lane,
					     struct vnvme_req *req)
{
	req->submitted = false;
	/* as above */
	data_race(lane->inflight--);
}

/**
 * vnvme_req_done() - a backend is done with a request
 * @req:	request; not to be touched afterwards
 * @status:	NVMe status without phase bit
 *
 * Success, and a place for the answer: vnvme_req_end() in a straight line.  All
 * else is left to that; no place is left where more is to be done.
 *
 * Context: owner.
 */
void vnvme_req_done(struct vnvme_req *req, u16 status)
{
	struct vnvme_lane *lane = req->lane;
	struct vnvme_sq *sq = req->sq;

	vnvme_req_untake(lane, req);
	if (unlikely(status) || unlikely(!lane->cq_left)) {
		vnvme_req_end(req, status);
		return;
	}
	vnvme_cq_post(lane, sq, le16_to_cpu(req->sqe.cid), 0, 0);
	vnvme_req_count(req);
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
 * vnvme_req_requeue() - the backend lost a request: do it again, or give it up
 * @req:	request that was submitted and has not completed
 * @loss:	how it was lost
 * @retries:	how often one may be done again that had its time
 *
 * A request that is always lost would otherwise be done again without end, and
 * each time take the drive away from all others.  One that is to be aborted is so now.
 *
 * Context: owner.
 */
void vnvme_req_requeue(struct vnvme_req *req, enum vnvme_loss loss, u32 retries)
{
	vnvme_req_untake(req->lane, req);
	req->lane->blocked = false;
	req->losses = min_t(u32, req->losses + loss, U16_MAX);
	if (req->abort_token)
		vnvme_req_end(req, VNVME_SC_ABORT_REQUESTED);
	else if (req->losses > retries * VNVME_LOSS_LATE)
		vnvme_req_end(req, VNVME_SC_INTERNAL | VNVME_DNR);
	else
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
	vnvme_trace_pinned(req, err);
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
		vnvme_trace_miss(req);
		lane->ctrl->env->pin_req(req);
	}
}

/* Return: false if the backend is busy; it belongs to the caller again. */
static __always_inline bool vnvme_req_submit(struct vnvme_lane *lane,
					     struct vnvme_req *req)
{
	struct vnvme_backend *b = req->ns->backend;
	u16 status;

	vnvme_trace_command(req, 0);
	vnvme_req_take(lane, req);
	lane->dirty |= b->bit;
	status = b->ops->submit(b, lane, req);
	if (likely(!status))
		return true;
	vnvme_req_untake(lane, req);
	if (status == VNVME_BUSY)
		return false;
	vnvme_req_end(req, status);
	return true;
}

/* Decode, translate, submit.  Return: as vnvme_req_submit(). */
static noinline bool vnvme_req_start(struct vnvme_req *req)
{
	struct vnvme_lane *lane = req->lane;
	u16 status = vnvme_nvm_prepare(lane->ctrl, req);

	if (likely(!status))
		return vnvme_req_submit(lane, req);
	vnvme_trace_command(req, status);
	vnvme_req_refused(req, status);
	return true;
}

/*
 * Requests whose miss was dealt with come back, in the order they went: to be
 * submitted, or to be answered.
 */
static noinline void vnvme_lane_take_returned(struct vnvme_lane *lane)
{
	struct vnvme_req *req, *next;
	struct llist_node *first;

	first = llist_reverse_order(llist_del_all(&lane->returned));
	llist_for_each_entry_safe(req, next, first, node) {
		if (req->miss_err && !lane->stopping)
			vnvme_lane_hold_answer(lane, req, vnvme_pin_status(req->miss_err));
		else
			vnvme_lane_retry_add(lane, req);
	}
}

/* At most @budget of them: each may have a PRP list to be walked. */
static noinline unsigned int vnvme_lane_retry(struct vnvme_lane *lane, unsigned int budget)
{
	struct vnvme_req *req;
	unsigned int n = 0;

	lane->blocked = false;
	while (lane->retry && n < budget) {
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

/* At most @budget answers that could not be written; a lane that stops drops them. */
static noinline unsigned int vnvme_lane_post_held(struct vnvme_lane *lane, unsigned int budget)
{
	struct vnvme_req *req, *next;
	unsigned int n = 0;

	for (req = lane->held; req && n < budget; req = next) {
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

/* How many of @nr commands may be promised their entries? */
static noinline u32 vnvme_lane_room(struct vnvme_lane *lane, u32 nr)
{
	struct vnvme_cq *cq = &lane->cq;

	cq->room = vnvme_cq_room(cq);
	if (cq->room < nr) {
		vnvme_cq_take(lane->ctrl, cq);
		cq->room = vnvme_cq_room(cq);
	}
	if (cq->room >= nr)
		return nr;
	lane->stat.full++;
	return cq->room;
}

/* At most @budget commands of a queue; returns @n and how many it were. */
static __always_inline u32 vnvme_lane_fetch_sq(struct vnvme_lane *lane,
					       struct vnvme_sq *sq, u32 budget,
					       u32 n)
{
	struct vnvme_ctrl *ctrl = lane->ctrl;
	struct vnvme_req *req;
	u32 nr, end;

	vnvme_sq_take(ctrl, sq);
	nr = sq->tail - sq->head;
	if (!nr)
		return n;
	vnvme_trace_doorbell(ctrl, sq);
	/* the head after the tail; pairs with the guest's barrier between them */
	smp_rmb();
	vnvme_cq_settled(ctrl, &lane->cq);
	if (unlikely((s32)nr < 0))
		nr += sq->depth;
	nr = min(budget, nr);
	if (unlikely(lane->cq.room < nr))
		nr = vnvme_lane_room(lane, nr);
	if (unlikely(!nr))
		return n;
	end = n + nr;
	do {
		req = lane->free;
		if (unlikely(!req) || unlikely(!vnvme_sq_pop(ctrl, sq, &req->sqe)))
			break;
		lane->free = req->next;
		/* and the entry for its answer */
		data_race(lane->busy++);
		lane->cq.room--;
		n++;
		req->sq = sq;
		if (likely(vnvme_nvm_quick(ctrl, req))) {
			if (likely(vnvme_req_submit(lane, req)))
				continue;
		} else {
			req->retries = 0;
			req->losses = 0;
			if (vnvme_req_start(req))
				continue;
		}
		vnvme_lane_retry_add(lane, req);
		lane->blocked = true;
		break;
	} while (n != end);
	return n;
}

/* Several queues: another one goes first the next time, so that none starves. */
static noinline u32 vnvme_lane_fetch_all(struct vnvme_lane *lane, u32 budget)
{
	struct vnvme_sq *first = lane->sqs, *sq;
	u32 n = 0;

	for (sq = first; sq && n < budget && !lane->retry; sq = sq->next)
		n = vnvme_lane_fetch_sq(lane, sq, budget - n, n);
	if (!n)
		return 0;
	lane->sqs = first->next;
	for (sq = lane->sqs; sq->next; sq = sq->next)
		;
	sq->next = first;
	first->next = NULL;
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

static __always_inline void vnvme_lane_commit(struct vnvme_lane *lane)
{
	struct vnvme_ctrl *ctrl = lane->ctrl;
	unsigned int dirty = lane->dirty;
	struct vnvme_backend *b;

	lane->dirty = 0;
	for (; dirty; dirty &= dirty - 1) {
		b = ctrl->backend[__ffs(dirty)];
		if (b->ops->commit)
			b->ops->commit(b, lane);
	}
}

/**
 * vnvme_lane_inflight() - the commands of a queue that are not answered yet
 * @lane:	of @sq
 * @sq:		queue
 *
 * Context: owner.
 * Return: how many there are.
 */
u32 vnvme_lane_inflight(const struct vnvme_lane *lane, const struct vnvme_sq *sq)
{
	const struct vnvme_req *req;
	u32 i, n = 0;

	for (i = 0; i < lane->nr_reqs; i++)
		n += lane->reqs[i].sq == sq;
	for (req = lane->free; req; req = req->next)
		n -= req->sq == sq;
	return n;
}

/**
 * vnvme_lane_settle() - find out when what has been written has ended
 * @lane:	lane 1..nr_ioq
 * @ns:		namespace of which everything counts that changes it, also what is durable when
 *		it ends; NULL: what may be in the cache, of all of them
 *
 * Of the requests that backends have now: vnvme_lanes_settled().
 *
 * Context: control, owners parked.
 */
void vnvme_lane_settle(struct vnvme_lane *lane, const struct vnvme_ns *ns)
{
	struct vnvme_req *req = lane->reqs;
	u32 i;

	for (i = 0; i < lane->nr_reqs; i++, req++) {
		if (!req->submitted || req->settling)
			continue;
		if (ns ? req->ns != ns || !vnvme_nvm_changes(lane->ctrl, req->opcode) :
			 !vnvme_nvm_cached(lane->ctrl, req))
			continue;
		req->settling = true;
		lane->settling++;
	}
	if (lane->settling)
		lane->cq_left = 0;
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

/**
 * vnvme_lane_abort_ask() - have a backend abort a command that it has
 * @lane:	of @sq
 * @sq:		where the command came from
 * @cid:	its identifier
 * @token:	for vnvme_abort_ended()
 *
 * Context: owner.
 * Return: false if no backend has it, or cannot, or is about it already.
 */
bool vnvme_lane_abort_ask(struct vnvme_lane *lane, const struct vnvme_sq *sq, u16 cid,
			  u32 token)
{
	struct vnvme_req *req = lane->reqs;
	struct vnvme_backend *b;
	u32 i;

	for (i = 0; i < lane->nr_reqs; i++, req++)
		if (req->submitted && req->sq == sq && le16_to_cpu(req->sqe.cid) == cid)
			break;
	if (i == lane->nr_reqs || req->abort_token || !req->ns->backend->ops->abort)
		return false;
	b = req->ns->backend;
	req->abort_token = token;
	lane->aborts++;
	lane->cq_left = 0;
	if (b->ops->abort(b, lane, req, token))
		return true;
	req->abort_token = 0;
	lane->aborts--;
	return false;
}

/* Nothing is answered any more; what is in flight comes home and is dropped. */
static unsigned int vnvme_lane_drain(struct vnvme_lane *lane)
{
	unsigned int n = 0;

	if (!lane->busy)
		return 0;
	/* nothing is written or walked: all there are, at little cost */
	n += vnvme_lane_post_held(lane, lane->nr_reqs);
	n += vnvme_lane_reap(lane);
	vnvme_lane_take_returned(lane);
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

enum vnvme_gather {
	VNVME_GATHER_MORE,	/* the interrupt waits for entries, or for its time */
	VNVME_GATHER_ENOUGH,
	VNVME_GATHER_LATE,	/* it must not wait for anything else either */
};

/*
 * Interrupt Coalescing: the time begins with the pass that has posted the first entry
 * nobody has told of.  Entries are counted by completion queue, not by vector: queues
 * of one vector may have different owners.  A ring that is full gets no more of them.
 */
static noinline enum vnvme_gather vnvme_lane_gather(struct vnvme_lane *lane)
{
	u32 val = lane->ctrl->feat[VNVME_FEAT_COALESCING];
	u64 now = lane->ctrl->env->now_ns(lane->ctrl);
	struct vnvme_cq *cq = &lane->cq;

	if (!cq->gathers) {
		cq->gathers = true;
		cq->gather_ns = now;
	}
	if (now - cq->gather_ns >= VNVME_TIME(val) * 100000ull)
		return VNVME_GATHER_LATE;
	if (cq->urgent || vnvme_ring_dist(cq->told, cq->tail, cq->depth) >=
			  min(VNVME_THR(val) + 1, cq->depth - 1))
		return VNVME_GATHER_ENOUGH;
	return VNVME_GATHER_MORE;
}

/* Return: true if the guest's Interrupt Coalescing, or the guest, is to be waited for. */
static bool vnvme_lane_waits(struct vnvme_lane *lane)
{
	enum vnvme_gather gather = VNVME_GATHER_ENOUGH;
	struct vnvme_cq *cq = &lane->cq;

	if (!cq->direct)
		gather = vnvme_lane_gather(lane);
	return gather == VNVME_GATHER_MORE ||
	       (gather == VNVME_GATHER_ENOUGH && cq->told != cq->head && vnvme_lane_hold(lane));
}

/*
 * There are entries that no interrupt has told the guest of.  Raise one, unless
 * it is to be coalesced with others, or the guest is still about what the last
 * one told it, as seen before they were posted: until its head has gone past
 * that, further entries wait, and vnvme_lane_pending() says so.  Once it has,
 * there may be nobody left to take them.
 *
 * No barrier between the entries and the look at the head: an entry that the
 * guest has missed, and a head that was missed here, is found by the next pass.
 *
 * Return: true if one is to be raised.
 */
static noinline bool vnvme_lane_tell_slow(struct vnvme_lane *lane)
{
	struct vnvme_cq *cq = &lane->cq;

	if (!cq->irq_enabled) {
		WRITE_ONCE(cq->told, cq->tail);
		return false;
	}
	vnvme_cq_take(lane->ctrl, cq);
	if (!vnvme_cq_untold(cq))
		return false;
	if (vnvme_lane_waits(lane))
		return false;
	cq->held = false;
	vnvme_cq_gather_end(cq);
	return true;
}

static __always_inline void vnvme_lane_tell(struct vnvme_lane *lane)
{
	struct vnvme_ctrl *ctrl = lane->ctrl;
	struct vnvme_cq *cq = &lane->cq;

	if (unlikely(!cq->direct || cq->told != cq->head) &&
	    !vnvme_lane_tell_slow(lane))
		return;
	WRITE_ONCE(cq->told, cq->tail);
	lane->stat.irqs++;
	ctrl->env->irq(ctrl, cq->vector);
}

/* What was begun in earlier passes and is with no backend; at most @budget. */
static noinline unsigned int vnvme_lane_resume(struct vnvme_lane *lane, unsigned int budget)
{
	unsigned int n;

	vnvme_lane_take_returned(lane);
	n = vnvme_lane_post_held(lane, budget);
	return n + vnvme_lane_retry(lane, budget - n);
}

static __always_inline bool vnvme_lane_may_resume(const struct vnvme_lane *lane)
{
	return lane->held || lane->retry || !llist_empty(&lane->returned);
}

/* What is with backends. */
static noinline unsigned int vnvme_lane_go_on(struct vnvme_lane *lane)
{
	vnvme_cq_settled(lane->ctrl, &lane->cq);
	return vnvme_lane_reap(lane);
}

static __always_inline void vnvme_lane_end(struct vnvme_lane *lane)
{
	if (lane->dirty)
		vnvme_lane_commit(lane);
	if (lane->cq.told != lane->cq.tail)
		vnvme_lane_tell(lane);
}

/* Nothing is fetched: the controller is not ready, or may not move data. */
static noinline unsigned int vnvme_lane_halted(struct vnvme_lane *lane, unsigned int budget)
{
	struct vnvme_ctrl *ctrl = lane->ctrl;
	unsigned int n = 0;

	if (lane->stopping) {
		n = vnvme_lane_drain(lane);
	} else if (!READ_ONCE(ctrl->master)) {
		n = vnvme_lane_quiet(lane);
	} else {
		if (lane->busy) {
			n = vnvme_lane_go_on(lane);
			n += vnvme_lane_resume(lane, budget);
		}
		vnvme_lane_end(lane);
	}
	if (lane->leaving && !lane->busy) {
		/* the state machine waits for it, and must see all that was done */
		smp_store_release(&lane->leaving, false);
		ctrl->env->work(ctrl);
	}
	if (lane->quieting && !vnvme_lane_with_backend(lane)) {
		/* pairs with vnvme_ctrl_quiet() */
		smp_store_release(&lane->quieting, false);
		ctrl->env->work(ctrl);
	}
	return n;
}

unsigned int vnvme_lane_step(struct vnvme_lane *lane, unsigned int budget)
{
	struct vnvme_sq *sq = lane->sqs;
	unsigned int n = 0, resumed;

	/* the state does not change while an owner is inside a step */
	if (unlikely(!lane->ctrl->going))
		return vnvme_lane_halted(lane, budget);
	if (lane->busy) {
		n = vnvme_lane_go_on(lane);
		/* those that wait go first */
		if (unlikely(vnvme_lane_may_resume(lane))) {
			resumed = vnvme_lane_resume(lane, budget);
			n += resumed;
			budget -= resumed;
			if (lane->retry)
				sq = NULL;
		}
	}
	if (likely(sq)) {
		if (unlikely(sq->next))
			n += vnvme_lane_fetch_all(lane, budget);
		else
			n = vnvme_lane_fetch_sq(lane, sq, budget, n);
	}
	vnvme_lane_end(lane);
	return n;
}

void vnvme_lane_resubmit(struct vnvme_lane *lane)
{
	if (!lane->ctrl->going) {
		vnvme_lane_halted(lane, lane->nr_reqs);
		return;
	}
	if (lane->busy) {
		vnvme_lane_go_on(lane);
		vnvme_lane_resume(lane, lane->nr_reqs);
	}
	vnvme_lane_end(lane);
}

static void vnvme_req_pages(const struct vnvme_req *req,
			    void (*fn)(void *arg, u32 page, u32 nr), void *arg)
{
	const struct vnvme_backend_ops *ops = req->ns->backend->ops;
	u64 prp1 = le64_to_cpu(req->sqe.prp1);
	struct vnvme_seg seg;
	u32 i, bytes;

	for (i = 0; i < req->nr_segs; i++) {
		seg = ops->seg ? ops->seg(req, i) : req->segs[i];
		bytes = seg.len + VNVME_PAGE_SIZE - 1;
		/* the others begin with a page */
		if (!i) {
			seg.page = prp1 >> VNVME_PAGE_SHIFT;
			bytes += prp1 & (VNVME_PAGE_SIZE - 1);
		}
		fn(arg, seg.page, bytes >> VNVME_PAGE_SHIFT);
	}
}

void vnvme_lane_pages(const struct vnvme_lane *lane,
		      void (*fn)(void *arg, u32 page, u32 nr), void *arg)
{
	u32 i;

	for (i = 0; i < lane->nr_reqs; i++)
		if (lane->reqs[i].submitted)
			vnvme_req_pages(&lane->reqs[i], fn, arg);
}

void vnvme_lane_arm(struct vnvme_lane *lane)
{
	struct vnvme_ctrl *ctrl = lane->ctrl;
	struct vnvme_sq *sq;

	/* EventIdx is guest memory, too; what brings MASTER back kicks */
	if (!ctrl->dbbuf.db || lane->stopping || !lane->cq.live || !READ_ONCE(ctrl->master))
		return;
	for (sq = lane->sqs; sq; sq = sq->next)
		vnvme_sq_event_arm(ctrl, sq);
	vnvme_cq_event_arm(ctrl, &lane->cq);
}

bool vnvme_lane_pending(const struct vnvme_lane *lane)
{
	const struct vnvme_ctrl *ctrl = lane->ctrl;
	const struct vnvme_sq *sq;

	if (lane->leaving && !lane->busy)
		return true;
	if (lane->quieting && !vnvme_lane_with_backend(lane))
		return true;
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
		if (vnvme_sq_ready(ctrl, sq))
			return vnvme_cq_may_have_room(ctrl, &lane->cq);
	return false;
}

bool vnvme_lane_holds(const struct vnvme_lane *lane)
{
	return vnvme_cq_untold(&lane->cq) && vnvme_lane_pending(lane);
}
