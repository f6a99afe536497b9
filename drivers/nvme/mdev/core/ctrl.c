// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a controller: a table of states and events.
 *
 * Control is the only one that changes states.  Nothing here waits for I/O:
 * what has to wait for it goes on when the last request has come home
 * (VNVME_EV_DRAINED).
 */
#include "internal.h"

/* Carries out what an event means in a state; returns the next state. */
typedef enum vnvme_state (*vnvme_action)(struct vnvme_ctrl *ctrl);

static bool vnvme_ctrl_drained(const struct vnvme_ctrl *ctrl)
{
	unsigned int i;

	for (i = 1; i <= ctrl->cfg.nr_ioq; i++)
		/* pairs with vnvme_lane_halted() */
		if (smp_load_acquire(&ctrl->lane[i].leaving))
			return false;
	return true;
}

static bool vnvme_ctrl_due(const struct vnvme_ctrl *ctrl)
{
	return (ctrl->state == VNVME_STOPPING ||
		ctrl->state == VNVME_SHUTTING) && vnvme_ctrl_drained(ctrl);
}

static void vnvme_queues_forget(struct vnvme_ctrl *ctrl)
{
	struct vnvme_lane *lane;
	unsigned int i;

	ctrl->env->park(ctrl);
	for (i = 0; i <= VNVME_MAX_IOQ; i++) {
		lane = &ctrl->lane[i];
		memset(&lane->cq, 0, sizeof(lane->cq));
		memset(&ctrl->sq[i], 0, sizeof(ctrl->sq[i]));
		lane->sqs = NULL;
		lane->cq_left = 0;
		lane->blocked = false;
		lane->deleting = 0;
	}
	/* requests that wait for an event, for a flush, deletions that wait for commands */
	ctrl->lane[0].busy = 0;
	ctrl->nr_flush_wait = 0;
	vnvme_abort_forget(ctrl);
	ctrl->env->unpark(ctrl);
}

/* Section 3.1.5: what cannot be enabled ends in CSTS.CFS. */
static bool vnvme_enable_ok(struct vnvme_ctrl *ctrl, u32 sqs, u32 cqs)
{
	const struct vnvme_env *env = ctrl->env;
	u32 sq_bytes = sqs * sizeof(struct vnvme_sqe);
	u32 cq_bytes = cqs * sizeof(struct vnvme_cqe);

	return !VNVME_CC_CSS(ctrl->cc) && !VNVME_CC_MPS(ctrl->cc) &&
	       !VNVME_CC_AMS(ctrl->cc) && sqs >= 2 && cqs >= 2 &&
	       ctrl->asq && ctrl->acq &&
	       ctrl->asq + (sq_bytes - 1) > ctrl->asq &&
	       ctrl->acq + (cq_bytes - 1) > ctrl->acq &&
	       !env->pin(ctrl, ctrl->asq, sq_bytes) &&
	       !env->pin(ctrl, ctrl->acq, cq_bytes);
}

/* Owners parked. */
static void vnvme_dbbuf_forget(struct vnvme_ctrl *ctrl)
{
	ctrl->dbbuf.db = 0;
	ctrl->dbbuf.ei = 0;
}

static enum vnvme_state vnvme_do_enable(struct vnvme_ctrl *ctrl)
{
	u32 sqs = VNVME_AQA_ASQS(ctrl->aqa) + 1;
	u32 cqs = VNVME_AQA_ACQS(ctrl->aqa) + 1;
	struct vnvme_lane *lane = &ctrl->lane[0];

	ctrl->csts &= ~(VNVME_CSTS_SHST | VNVME_CSTS_CFS);
	ctrl->flush_shut = 0;
	if (!vnvme_enable_ok(ctrl, sqs, cqs)) {
		WRITE_ONCE(ctrl->csts, ctrl->csts | VNVME_CSTS_CFS);
		return VNVME_FAILED;
	}
	memset(ctrl->db, 0, VNVME_PAGE_SIZE);
	vnvme_sq_init(&ctrl->sq[0], 0, 0, ctrl->asq, sqs);
	vnvme_cq_init(&lane->cq, 0, ctrl->acq, cqs, 0, true);
	lane->cq.nr_sqs = 1;
	lane->sqs = &ctrl->sq[0];
	return VNVME_READY;
}

static enum vnvme_state vnvme_do_disable(struct vnvme_ctrl *ctrl)
{
	return VNVME_STOPPING;
}

/*
 * Registers, configuration space and all that a client could have left behind
 * are as after power-on at once; what was in flight is still coming home.
 */
static void vnvme_power_on(struct vnvme_ctrl *ctrl)
{
	ctrl->cc = 0;
	ctrl->csts = 0;
	ctrl->flush_shut = 0;
	ctrl->intms = 0;
	ctrl->aqa = 0;
	ctrl->asq = 0;
	ctrl->acq = 0;
	memset(ctrl->db, 0, VNVME_PAGE_SIZE);
	vnvme_pci_reset(ctrl);
	vnvme_errlog_reset(ctrl);
	vnvme_feature_reset(ctrl);
	vnvme_aen_reset(ctrl);
}

static enum vnvme_state vnvme_do_reset(struct vnvme_ctrl *ctrl)
{
	/* DBBUF and the lanes first: vnvme_state_enter() */
	return VNVME_STOPPING;
}

static enum vnvme_state vnvme_do_reset_idle(struct vnvme_ctrl *ctrl)
{
	vnvme_power_on(ctrl);
	return VNVME_DISABLED;
}

static enum vnvme_state vnvme_do_reset_again(struct vnvme_ctrl *ctrl)
{
	vnvme_power_on(ctrl);
	return VNVME_STOPPING;
}

/* ------------------------------------------------------------ flushes ---- */

/* Have what has completed made durable; the flush's number is returned. */
static u32 vnvme_flush_begin(struct vnvme_ctrl *ctrl)
{
	u32 nr = ctrl->flush_asked + 1;

	/* 0 is none */
	WRITE_ONCE(ctrl->flush_asked, nr ?: 1);
	ctrl->env->flush(ctrl);
	return ctrl->flush_asked;
}

static bool vnvme_flush_ended(const struct vnvme_ctrl *ctrl, u32 nr)
{
	return (s32)(READ_ONCE(ctrl->flush_done) - nr) >= 0;
}

/* Has everything ended that vnvme_lane_settle() has found? */
static bool vnvme_lanes_settled(const struct vnvme_ctrl *ctrl)
{
	unsigned int i;

	for (i = 1; i <= ctrl->cfg.nr_ioq; i++)
		/* pairs with vnvme_req_settled() */
		if (smp_load_acquire(&ctrl->lane[i].settling))
			return false;
	return true;
}

/**
 * vnvme_flush_settled() - have what vnvme_lane_settle() has found made durable, too
 * @ctrl:	controller
 * @cid:	command that is answered once that is so; there is room in ->flush_wait
 *
 * Context: control; waits for no device.
 * Return: true if it is so already, and the command is the caller's to be answered.
 */
bool vnvme_flush_settled(struct vnvme_ctrl *ctrl, u16 cid)
{
	u32 nr = 0;

	if (vnvme_lanes_settled(ctrl)) {
		nr = vnvme_flush_begin(ctrl);
		if (vnvme_flush_ended(ctrl, nr))
			return true;
	}
	ctrl->flush_wait[ctrl->nr_flush_wait++] = (struct vnvme_flush_wait){
		.nr = nr, .cid = cid,
	};
	return false;
}

u32 vnvme_ctrl_flush_asked(const struct vnvme_ctrl *ctrl)
{
	return READ_ONCE(ctrl->flush_asked);
}

void vnvme_ctrl_flushed(struct vnvme_ctrl *ctrl, u32 nr)
{
	WRITE_ONCE(ctrl->flush_done, nr);
	ctrl->env->work(ctrl);
}

static void vnvme_shutdown_end(struct vnvme_ctrl *ctrl)
{
	u32 csts = ctrl->csts & ~VNVME_CSTS_SHST;

	if (!ctrl->flush_shut || !vnvme_flush_ended(ctrl, ctrl->flush_shut))
		return;
	ctrl->flush_shut = 0;
	/* not if the guest waits for it no more */
	if (VNVME_CC_SHN(ctrl->cc))
		csts |= VNVME_CSTS_SHST_DONE;
	WRITE_ONCE(ctrl->csts, csts);
}

/* Nothing is in flight any more; SHST is 10b once all of it is durable. */
static void vnvme_shutdown_done(struct vnvme_ctrl *ctrl)
{
	WRITE_ONCE(ctrl->csts, (ctrl->csts & ~VNVME_CSTS_SHST) |
			       VNVME_CSTS_SHST_BUSY);
	if (!ctrl->flush_shut)
		ctrl->flush_shut = vnvme_flush_begin(ctrl);
	vnvme_shutdown_end(ctrl);
}

/* One flush for all who have waited for the lanes to settle. */
static void vnvme_flush_go_on(struct vnvme_ctrl *ctrl)
{
	unsigned int i;
	u32 nr = 0;

	for (i = 0; i < ctrl->nr_flush_wait; i++) {
		if (ctrl->flush_wait[i].nr)
			continue;
		if (!nr && !vnvme_lanes_settled(ctrl))
			return;
		nr = nr ?: vnvme_flush_begin(ctrl);
		ctrl->flush_wait[i].nr = nr;
	}
}

/* A flush may have ended, or may begin: who waits for it? */
static void vnvme_flush_tell(struct vnvme_ctrl *ctrl)
{
	unsigned int i, left = 0;

	vnvme_flush_go_on(ctrl);
	for (i = 0; i < ctrl->nr_flush_wait; i++) {
		const struct vnvme_flush_wait *w = &ctrl->flush_wait[i];

		/* nothing is written without bus mastering; its return has control look again */
		if (!READ_ONCE(ctrl->master) || !w->nr || !vnvme_flush_ended(ctrl, w->nr))
			ctrl->flush_wait[left++] = *w;
		else if (ctrl->state == VNVME_READY || ctrl->state == VNVME_SHUTTING)
			vnvme_admin_post(ctrl, w->cid, 0, 0);
	}
	ctrl->nr_flush_wait = left;
	vnvme_shutdown_end(ctrl);
}

/* The controller reset proper, section 7.3.2; AQA, ASQ and ACQ stay. */
static enum vnvme_state vnvme_do_stopped(struct vnvme_ctrl *ctrl)
{
	vnvme_queues_forget(ctrl);
	vnvme_feature_reset(ctrl);
	vnvme_aen_reset(ctrl);
	ctrl->intms = 0;
	WRITE_ONCE(ctrl->fatal, false);
	WRITE_ONCE(ctrl->lost, false);
	if ((ctrl->csts & VNVME_CSTS_SHST) == VNVME_CSTS_SHST_BUSY) {
		/* asked for, even if the guest waits for it no more */
		WRITE_ONCE(ctrl->csts, VNVME_CSTS_SHST_BUSY);
		vnvme_shutdown_done(ctrl);
	} else {
		WRITE_ONCE(ctrl->csts, 0);
	}
	/* CC.EN that went to 1 meanwhile counts now */
	if (ctrl->cc & VNVME_CC_EN)
		return vnvme_do_enable(ctrl);
	return VNVME_DISABLED;
}

static enum vnvme_state vnvme_do_shutdown(struct vnvme_ctrl *ctrl)
{
	WRITE_ONCE(ctrl->csts, (ctrl->csts & ~VNVME_CSTS_SHST) |
			       VNVME_CSTS_SHST_BUSY);
	return VNVME_SHUTTING;
}

/* Asked for while draining after CC.EN = 0: vnvme_do_stopped() ends it. */
static enum vnvme_state vnvme_do_shutdown_later(struct vnvme_ctrl *ctrl)
{
	WRITE_ONCE(ctrl->csts, (ctrl->csts & ~VNVME_CSTS_SHST) |
			       VNVME_CSTS_SHST_BUSY);
	return VNVME_STOPPING;
}

static enum vnvme_state vnvme_do_shut(struct vnvme_ctrl *ctrl)
{
	unsigned int i;

	/* nothing is written to the guest's memory once CSTS says so */
	ctrl->env->park(ctrl);
	vnvme_dbbuf_forget(ctrl);
	for (i = 0; i <= VNVME_MAX_IOQ; i++)
		vnvme_lane_forget(&ctrl->lane[i]);
	ctrl->env->unpark(ctrl);
	vnvme_shutdown_done(ctrl);
	return VNVME_SHUT;
}

/* Disabled or failed: there is nothing to end, nobody may wait for ever. */
static enum vnvme_state vnvme_do_shutdown_same(struct vnvme_ctrl *ctrl)
{
	vnvme_shutdown_done(ctrl);
	return ctrl->state;
}

static enum vnvme_state vnvme_do_fail(struct vnvme_ctrl *ctrl)
{
	WRITE_ONCE(ctrl->csts, ctrl->csts | VNVME_CSTS_CFS);
	/* as in vnvme_do_shutdown_same() */
	if ((ctrl->csts & VNVME_CSTS_SHST) == VNVME_CSTS_SHST_BUSY)
		vnvme_shutdown_done(ctrl);
	return VNVME_FAILED;
}

static const vnvme_action
vnvme_actions[VNVME_NR_STATES][VNVME_NR_EVENTS] = {
	[VNVME_DISABLED] = {
		[VNVME_EV_ENABLE]	= vnvme_do_enable,
		[VNVME_EV_SHUTDOWN]	= vnvme_do_shutdown_same,
		[VNVME_EV_RESET]	= vnvme_do_reset_idle,
	},
	[VNVME_READY] = {
		[VNVME_EV_DISABLE]	= vnvme_do_disable,
		[VNVME_EV_SHUTDOWN]	= vnvme_do_shutdown,
		[VNVME_EV_RESET]	= vnvme_do_reset,
		[VNVME_EV_FATAL]	= vnvme_do_fail,
	},
	[VNVME_STOPPING] = {
		/* ENABLE, DISABLE: CC remembers */
		[VNVME_EV_SHUTDOWN]	= vnvme_do_shutdown_later,
		[VNVME_EV_RESET]	= vnvme_do_reset_again,
		[VNVME_EV_DRAINED]	= vnvme_do_stopped,
	},
	[VNVME_SHUTTING] = {
		[VNVME_EV_DISABLE]	= vnvme_do_disable,
		[VNVME_EV_RESET]	= vnvme_do_reset,
		[VNVME_EV_DRAINED]	= vnvme_do_shut,
		[VNVME_EV_FATAL]	= vnvme_do_fail,
	},
	[VNVME_SHUT] = {
		[VNVME_EV_DISABLE]	= vnvme_do_disable,
		[VNVME_EV_RESET]	= vnvme_do_reset,
		[VNVME_EV_FATAL]	= vnvme_do_fail,
	},
	[VNVME_FAILED] = {
		[VNVME_EV_DISABLE]	= vnvme_do_disable,
		[VNVME_EV_SHUTDOWN]	= vnvme_do_shutdown_same,
		[VNVME_EV_RESET]	= vnvme_do_reset,
	},
};

/**
 * vnvme_ctrl_going() - may owners fetch?  Something has changed
 * @ctrl:	->state, ->master or ->fatal
 *
 * Context: control, owners parked; any, where ->fatal was set: what is fetched
 * after that does no harm.
 */
void vnvme_ctrl_going(struct vnvme_ctrl *ctrl)
{
	WRITE_ONCE(ctrl->going, READ_ONCE(ctrl->state) == VNVME_READY &&
		   READ_ONCE(ctrl->master) && !READ_ONCE(ctrl->fatal));
}

/*
 * The state changes while no owner is inside a step.  Where I/O must not go on,
 * DBBUF is forgotten before anything else.
 */
static void vnvme_state_enter(struct vnvme_ctrl *ctrl, enum vnvme_state next)
{
	bool stop = next == VNVME_STOPPING || next == VNVME_FAILED;
	bool runs = next == VNVME_READY;
	unsigned int i;

	vnvme_trace_reset(ctrl, next);
	ctrl->env->park(ctrl);
	if (stop)
		vnvme_dbbuf_forget(ctrl);
	if (stop || runs)
		for (i = 0; i <= VNVME_MAX_IOQ; i++) {
			ctrl->lane[i].stopping = stop;
			ctrl->lane[i].cq_left = 0;
		}
	for (i = 1; i <= VNVME_MAX_IOQ; i++)
		ctrl->lane[i].leaving = !runs && ctrl->lane[i].busy;
	WRITE_ONCE(ctrl->state, next);
	vnvme_ctrl_going(ctrl);
	ctrl->env->unpark(ctrl);
	/* RDY only once the admin queue works; DISABLED and so on set theirs */
	if (runs)
		WRITE_ONCE(ctrl->csts, ctrl->csts | VNVME_CSTS_RDY);
	ctrl->env->kick(ctrl);
}

/**
 * vnvme_ctrl_event() - something happened that the life cycle depends on
 * @ctrl:	controller
 * @event:	what
 *
 * Context: control.
 */
void vnvme_ctrl_event(struct vnvme_ctrl *ctrl, enum vnvme_event event)
{
	enum vnvme_state was, next;
	vnvme_action action;

	for (;;) {
		was = ctrl->state;
		action = vnvme_actions[was][event];
		if (!action)
			return;
		next = action(ctrl);
		if (next != was)
			vnvme_state_enter(ctrl, next);
		if (event == VNVME_EV_RESET && was != next)
			vnvme_power_on(ctrl);
		/* enabled with CC.SHN set: that counts, too */
		if (next != was && next == VNVME_READY && VNVME_CC_SHN(ctrl->cc)) {
			event = VNVME_EV_SHUTDOWN;
			continue;
		}
		/* nothing in flight: nobody else will say so */
		if (!vnvme_ctrl_due(ctrl))
			return;
		event = VNVME_EV_DRAINED;
	}
}

/**
 * vnvme_cc_write() - the guest has written Controller Configuration
 * @ctrl:	controller
 * @val:	what
 *
 * Context: control.
 */
void vnvme_cc_write(struct vnvme_ctrl *ctrl, u32 val)
{
	u32 old = ctrl->cc;

	val &= VNVME_CC_MASK;
	WRITE_ONCE(ctrl->cc, val);
	if (!(old & VNVME_CC_EN) && (val & VNVME_CC_EN))
		vnvme_ctrl_event(ctrl, VNVME_EV_ENABLE);
	if ((old & VNVME_CC_EN) && !(val & VNVME_CC_EN))
		vnvme_ctrl_event(ctrl, VNVME_EV_DISABLE);
	if (!VNVME_CC_SHN(old) && VNVME_CC_SHN(val))
		vnvme_ctrl_event(ctrl, VNVME_EV_SHUTDOWN);
}

void vnvme_ctrl_init(struct vnvme_ctrl *ctrl, const struct vnvme_env *env,
		     struct vnvme_mem *mem, const struct vnvme_config *cfg,
		     u32 *db)
{
	unsigned int i;

	ctrl->env = env;
	ctrl->mem = mem;
	ctrl->cfg = *cfg;
	ctrl->db = db;
	ctrl->cfg.nr_ioq = clamp_t(u16, cfg->nr_ioq, 1, VNVME_MAX_IOQ);
	if (!cfg->mdts || VNVME_PAGE_SIZE << cfg->mdts > VNVME_MAX_BYTES)
		ctrl->cfg.mdts = 9;
	ctrl->max_bytes = VNVME_PAGE_SIZE << ctrl->cfg.mdts;
	vnvme_nvm_init(ctrl);
	for (i = 0; i <= VNVME_MAX_IOQ; i++) {
		ctrl->lane[i].ctrl = ctrl;
		ctrl->lane[i].id = i;
		ctrl->lane[i].retry_tail = &ctrl->lane[i].retry;
		ctrl->lane[i].held_tail = &ctrl->lane[i].held;
		init_llist_head(&ctrl->lane[i].returned);
	}
	spin_lock_init(&ctrl->errlog.lock);
	ctrl->power_on_ns = env->now_ns(ctrl);
	vnvme_power_on(ctrl);
}

void vnvme_lane_init(struct vnvme_ctrl *ctrl, u16 id, struct vnvme_req *reqs,
		     u32 nr, void *priv)
{
	struct vnvme_lane *lane = &ctrl->lane[id];
	u32 i;

	lane->reqs = reqs;
	lane->nr_reqs = nr;
	lane->priv = priv;
	lane->free = NULL;
	for (i = nr; i--;) {
		reqs[i].lane = lane;
		reqs[i].tag = i;
		reqs[i].next = lane->free;
		lane->free = &reqs[i];
	}
}

/* Is the ring there, and may the device write it?  Owners are not parked. */
static bool vnvme_ring_pin(struct vnvme_ctrl *ctrl, u64 base, u32 bytes,
			   bool write)
{
	struct vnvme_extent x;
	u64 at;

	if (ctrl->env->pin(ctrl, base, bytes))
		return false;
	for (at = base; write && at - base < bytes; at += VNVME_PAGE_SIZE)
		if (vnvme_mem_lookup(ctrl->mem, at, &x) && x.ro)
			return false;
	return true;
}

static bool vnvme_sq_pin(struct vnvme_ctrl *ctrl, const struct vnvme_sq *sq)
{
	return !sq->live || sq->gone ||
	       vnvme_ring_pin(ctrl, sq->base,
			      sq->depth * sizeof(struct vnvme_sqe), false);
}

static bool vnvme_cq_pin(struct vnvme_ctrl *ctrl, const struct vnvme_cq *cq)
{
	return !cq->live || cq->gone ||
	       vnvme_ring_pin(ctrl, cq->base,
			      cq->depth * sizeof(struct vnvme_cqe), true);
}

/*
 * The guest has taken back the memory of an I/O queue and may delete that; until
 * then it stands still.  Without a completion queue its submission queues do, too.
 * Owners parked.
 */
static void vnvme_queue_gone(struct vnvme_ctrl *ctrl, unsigned int id,
			     bool sq_there, bool cq_there)
{
	struct vnvme_lane *lane = &ctrl->lane[id];

	if (!cq_there) {
		lane->cq.gone = true;
		lane->cq_left = 0;
		lane->sqs = NULL;
	}
	if (!sq_there) {
		ctrl->sq[id].gone = true;
		vnvme_sq_unlink(ctrl, &ctrl->sq[id]);
	}
}

/*
 * Have all memory of queues and of DBBUF in the table.  Owners are not parked:
 * env->pin() may wait for somebody who has to park them.
 * Return: false if what is missing is more than I/O queues.
 */
static bool vnvme_queues_pin(struct vnvme_ctrl *ctrl)
{
	bool sq_there, cq_there;
	unsigned int i;

	for (i = 0; i <= ctrl->cfg.nr_ioq; i++) {
		sq_there = vnvme_sq_pin(ctrl, &ctrl->sq[i]);
		cq_there = vnvme_cq_pin(ctrl, &ctrl->lane[i].cq);
		if (sq_there && cq_there)
			continue;
		if (!i)
			return false;
		vnvme_errlog_add(ctrl, i, 0xffff, VNVME_SC_DATA_TRANSFER,
				 VNVME_LOC_NONE, 0, 0);
		ctrl->env->park(ctrl);
		vnvme_queue_gone(ctrl, i, sq_there, cq_there);
		ctrl->env->unpark(ctrl);
	}
	return !ctrl->dbbuf.db || vnvme_dbbuf_pin(ctrl, ctrl->dbbuf);
}

static void vnvme_queues_find(struct vnvme_ctrl *ctrl)
{
	/* first: what goes missing from here on is another loss */
	WRITE_ONCE(ctrl->lost, false);
	if (ctrl->state != VNVME_READY && ctrl->state != VNVME_SHUTTING)
		return;
	if (vnvme_queues_pin(ctrl))
		ctrl->env->kick(ctrl);
	else
		vnvme_ctrl_event(ctrl, VNVME_EV_FATAL);
}

void vnvme_ctrl_work(struct vnvme_ctrl *ctrl)
{
	if (READ_ONCE(ctrl->fatal)) {
		WRITE_ONCE(ctrl->fatal, false);
		vnvme_ctrl_event(ctrl, VNVME_EV_FATAL);
	}
	if (READ_ONCE(ctrl->lost))
		vnvme_queues_find(ctrl);
	if (vnvme_ctrl_due(ctrl))
		vnvme_ctrl_event(ctrl, VNVME_EV_DRAINED);
	vnvme_flush_tell(ctrl);
	vnvme_abort_tell(ctrl);
	if (vnvme_admin_step(ctrl))
		ctrl->env->work(ctrl);
}

void vnvme_ctrl_reset(struct vnvme_ctrl *ctrl)
{
	vnvme_ctrl_event(ctrl, VNVME_EV_RESET);
}

bool vnvme_ctrl_idle(const struct vnvme_ctrl *ctrl)
{
	return READ_ONCE(ctrl->state) == VNVME_DISABLED;
}

void vnvme_ctrl_fatal(struct vnvme_ctrl *ctrl)
{
	WRITE_ONCE(ctrl->fatal, true);
	vnvme_ctrl_going(ctrl);
	ctrl->env->work(ctrl);
}

/* -------------------------------------------------------- namespaces ---- */

static void vnvme_ns_set(struct vnvme_ctrl *ctrl, u32 nsid, struct vnvme_ns *ns)
{
	ctrl->env->park(ctrl);
	WRITE_ONCE(ctrl->ns[nsid], ns);
	ctrl->env->unpark(ctrl);
}

/**
 * vnvme_ns_notice() - Identify Namespace has changed, and the guest is to hear of it
 * @ctrl:	controller
 * @nsid:	namespace
 *
 * Context: control.
 */
void vnvme_ns_notice(struct vnvme_ctrl *ctrl, u32 nsid)
{
	if (ctrl->state != VNVME_READY)
		return;
	ctrl->changed_ns[nsid] = true;
	if (ctrl->feat[VNVME_FEAT_AEC] & VNVME_AEC_NS_ATTR)
		vnvme_aen_raise(ctrl, VNVME_AEN_NS_CHANGED);
}

/**
 * vnvme_ns_protect() - the guest's write protection of a namespace
 * @ns:		namespace
 * @protect:	enum vnvme_protect
 *
 * Context: control, owners parked if it is attached.
 */
void vnvme_ns_protect(struct vnvme_ns *ns, u8 protect)
{
	ns->protect = protect;
	WRITE_ONCE(ns->ro, ns->read_only || protect);
}

void vnvme_ns_set_read_only(struct vnvme_ns *ns, bool read_only)
{
	ns->read_only = read_only;
	WRITE_ONCE(ns->ro, read_only || ns->protect);
}

int vnvme_ns_attach(struct vnvme_ctrl *ctrl, struct vnvme_ns *ns)
{
	if (!ns->nsid || ns->nsid > VNVME_MAX_NS || !ns->backend ||
	    ns->lba_shift < 9 || ns->lba_shift > 16 ||
	    ns->msrc >= VNVME_COPY_RANGES)
		return -EINVAL;
	if (ctrl->ns[ns->nsid] || ctrl->leaving[ns->nsid])
		return -EEXIST;
	if (ns->protect == VNVME_PROTECT_CYCLE)
		vnvme_ns_protect(ns, VNVME_PROTECT_NONE);
	vnvme_ns_set(ctrl, ns->nsid, ns);
	vnvme_ns_notice(ctrl, ns->nsid);
	return 0;
}

static bool vnvme_ns_in_flight(const struct vnvme_ctrl *ctrl,
			       const struct vnvme_ns *ns)
{
	const struct vnvme_lane *lane;
	unsigned int i, k;

	for (i = 1; i <= ctrl->cfg.nr_ioq; i++) {
		lane = &ctrl->lane[i];
		for (k = 0; k < lane->nr_reqs; k++)
			if (lane->reqs[k].submitted && lane->reqs[k].ns == ns)
				return true;
	}
	return false;
}

int vnvme_ns_detach(struct vnvme_ctrl *ctrl, u32 nsid)
{
	bool busy;

	if (!nsid || nsid > VNVME_MAX_NS ||
	    (!ctrl->ns[nsid] && !ctrl->leaving[nsid]))
		return -ENOENT;
	if (ctrl->ns[nsid]) {
		ctrl->leaving[nsid] = ctrl->ns[nsid];
		vnvme_ns_set(ctrl, nsid, NULL);
		vnvme_ns_notice(ctrl, nsid);
	}
	ctrl->env->park(ctrl);
	busy = vnvme_ns_in_flight(ctrl, ctrl->leaving[nsid]);
	ctrl->env->unpark(ctrl);
	if (busy)
		return -EAGAIN;
	ctrl->leaving[nsid] = NULL;
	return 0;
}

void vnvme_ns_changed(struct vnvme_ctrl *ctrl, const struct vnvme_ns *ns)
{
	vnvme_ns_notice(ctrl, ns->nsid);
}

int vnvme_backend_add(struct vnvme_ctrl *ctrl, struct vnvme_backend *b)
{
	int err = -ENOSPC;

	ctrl->env->park(ctrl);
	if (ctrl->nr_backends < VNVME_MAX_BACKENDS) {
		b->bit = b->ops->commit ? 1u << ctrl->nr_backends : 0;
		ctrl->backend[ctrl->nr_backends++] = b;
		err = 0;
	}
	ctrl->env->unpark(ctrl);
	return err;
}
