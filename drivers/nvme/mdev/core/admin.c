// SPDX-License-Identifier: GPL-2.0
/*
 * Admin commands: the opcode table, the commands that change queues, Abort and
 * Doorbell Buffer Config.
 *
 * Runs beside I/O, in control; owners are parked only for the moment in which a
 * queue appears or goes.
 */
#include "internal.h"

#define VNVME_QUEUE_PC		(1u << 0)
#define VNVME_QUEUE_IEN		(1u << 1)

struct vnvme_admin_op {
	u8	opcode;
	u16	oacs;	/* needed in Identify's OACS, 0: always there */
	u16	(*fn)(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd);
};

static u16 vnvme_bad(struct vnvme_cmd *cmd, u16 status, u16 loc)
{
	cmd->err_loc = loc;
	return status | VNVME_DNR;
}

/* ------------------------------------------------------------ queues ---- */

/*
 * What both kinds of queue have in common: size, place, memory, doorbell.  The
 * memory is pinned as a whole, so that a ring is either there or refused.
 */
static u16 vnvme_create_check(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd,
			      u32 entry_size, unsigned int db_index)
{
	u32 depth = (le32_to_cpu(cmd->sqe.cdw10) >> 16) + 1;
	u64 base = le64_to_cpu(cmd->sqe.prp1);
	u32 bytes = depth * entry_size;
	int err;

	if (depth < 2 || depth > VNVME_MQES + 1)
		return vnvme_bad(cmd, VNVME_SC_QUEUE_SIZE, VNVME_LOC(cdw10));
	if (!(le32_to_cpu(cmd->sqe.cdw11) & VNVME_QUEUE_PC))
		return vnvme_bad(cmd, VNVME_SC_INVALID_FIELD,
				 VNVME_LOC(cdw11));
	if (base & (VNVME_PAGE_SIZE - 1))
		return vnvme_bad(cmd, VNVME_SC_PRP_OFFSET, VNVME_LOC(prp1));
	/* the last byte of all addresses may be its last */
	if (base + (bytes - 1) < base)
		return vnvme_bad(cmd, VNVME_SC_DATA_TRANSFER, VNVME_LOC(prp1));
	err = ctrl->env->pin(ctrl, base, bytes);
	if (err) {
		cmd->err_loc = VNVME_LOC(prp1);
		return vnvme_pin_status(err);
	}
	WRITE_ONCE(ctrl->db[db_index], 0);
	return vnvme_dbbuf_clear(ctrl, db_index) ? 0 : VNVME_SC_INTERNAL;
}

/*
 * A vector is one of the table; the pin is vector 0 (section 5.3).  Who has not set up
 * any interrupts yet may still do so: as messages, with what is asked for here.
 */
static bool vnvme_vector_ok(struct vnvme_ctrl *ctrl, u16 vector, bool irq)
{
	return vector <= ctrl->cfg.nr_ioq &&
	       !(vector && irq && vnvme_intx_there(ctrl) && ctrl->env->pin_used(ctrl));
}

static u16 vnvme_create_cq(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd)
{
	u32 cdw10 = le32_to_cpu(cmd->sqe.cdw10);
	u32 cdw11 = le32_to_cpu(cmd->sqe.cdw11);
	u16 id = cdw10 & 0xffff, vector = cdw11 >> 16, status;
	struct vnvme_cq *cq;

	if (!vnvme_lane_id_ok(ctrl, &id) || ctrl->lane[id].cq.live)
		return vnvme_bad(cmd, VNVME_SC_QID_INVALID, VNVME_LOC(cdw10));
	if (VNVME_CC_IOCQES(ctrl->cc) != VNVME_CQES)
		return vnvme_bad(cmd, VNVME_SC_QUEUE_SIZE, VNVME_LOC(cdw10));
	if (!vnvme_vector_ok(ctrl, vector, cdw11 & VNVME_QUEUE_IEN))
		return vnvme_bad(cmd, VNVME_SC_VECTOR_INVALID,
				 VNVME_LOC(cdw11));
	vector = array_index_nospec(vector, VNVME_MAX_IOQ + 1);
	status = vnvme_create_check(ctrl, cmd, sizeof(struct vnvme_cqe),
				    vnvme_cq_db_index(id));
	if (status)
		return status;

	ctrl->env->park(ctrl);
	cq = &ctrl->lane[id].cq;
	vnvme_cq_init(cq, id, le64_to_cpu(cmd->sqe.prp1), (cdw10 >> 16) + 1,
		      vector, cdw11 & VNVME_QUEUE_IEN);
	cq->direct = cq->irq_enabled && !vnvme_cq_coalesces(ctrl, cq);
	ctrl->lane[id].cq_left = 0;
	ctrl->env->unpark(ctrl);
	return 0;
}

static u16 vnvme_create_sq(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd)
{
	u32 cdw10 = le32_to_cpu(cmd->sqe.cdw10);
	u16 id = cdw10 & 0xffff;
	u16 cqid = le32_to_cpu(cmd->sqe.cdw11) >> 16;
	struct vnvme_lane *lane;
	struct vnvme_sq *sq;
	u16 status;

	/* one that is being deleted still exists */
	if (!vnvme_lane_id_ok(ctrl, &id) || ctrl->sq[id].depth)
		return vnvme_bad(cmd, VNVME_SC_QID_INVALID, VNVME_LOC(cdw10));
	if (!vnvme_lane_id_ok(ctrl, &cqid))
		return vnvme_bad(cmd, VNVME_SC_QID_INVALID, VNVME_LOC(cdw11));
	lane = &ctrl->lane[cqid];
	if (!lane->cq.live || lane->cq.gone)
		return vnvme_bad(cmd, VNVME_SC_CQ_INVALID, VNVME_LOC(cdw11));
	if (VNVME_CC_IOSQES(ctrl->cc) != VNVME_SQES)
		return vnvme_bad(cmd, VNVME_SC_QUEUE_SIZE, VNVME_LOC(cdw10));
	status = vnvme_create_check(ctrl, cmd, sizeof(struct vnvme_sqe),
				    vnvme_sq_db_index(id));
	if (status)
		return status;

	ctrl->env->park(ctrl);
	sq = &ctrl->sq[id];
	vnvme_sq_init(sq, id, cqid, le64_to_cpu(cmd->sqe.prp1),
		      (cdw10 >> 16) + 1);
	sq->next = lane->sqs;
	lane->sqs = sq;
	lane->cq.nr_sqs++;
	ctrl->env->unpark(ctrl);
	return 0;
}

/**
 * vnvme_sq_unlink() - nothing is fetched from a queue any more
 * @ctrl:	controller, owners parked
 * @sq:		queue; it may have been unlinked before
 */
void vnvme_sq_unlink(struct vnvme_ctrl *ctrl, struct vnvme_sq *sq)
{
	struct vnvme_sq **link = &ctrl->lane[sq->cqid].sqs;

	while (*link && *link != sq)
		link = &(*link)->next;
	if (*link)
		*link = sq->next;
}

/* Owners parked. */
static void vnvme_sq_gone(struct vnvme_ctrl *ctrl, struct vnvme_sq *sq)
{
	ctrl->lane[sq->cqid].cq.nr_sqs--;
	memset(sq, 0, sizeof(*sq));
}

static u16 vnvme_delete_sq(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd)
{
	u16 id = le32_to_cpu(cmd->sqe.cdw10) & 0xffff;
	u16 status = VNVME_HELD;
	struct vnvme_sq *sq;

	if (!vnvme_lane_id_ok(ctrl, &id) || !ctrl->sq[id].live)
		return vnvme_bad(cmd, VNVME_SC_QID_INVALID, VNVME_LOC(cdw10));
	sq = &ctrl->sq[id];
	ctrl->env->park(ctrl);
	/* no fetch from here on; the answer waits for what was fetched */
	sq->live = false;
	vnvme_sq_unlink(ctrl, sq);
	WRITE_ONCE(ctrl->db[vnvme_sq_db_index(id)], 0);
	sq->inflight = vnvme_lane_inflight(&ctrl->lane[sq->cqid], sq);
	if (sq->inflight) {
		sq->del_cid = le16_to_cpu(cmd->sqe.cid);
		ctrl->lane[sq->cqid].deleting++;
		ctrl->lane[sq->cqid].cq_left = 0;
	} else {
		vnvme_sq_gone(ctrl, sq);
		status = 0;
	}
	ctrl->env->unpark(ctrl);
	return status;
}

/**
 * vnvme_admin_post() - answer an admin command
 * @ctrl:	controller; COMMAND.MASTER is set
 * @cid:	its identifier
 * @status:	without phase
 * @dw0:	command specific
 *
 * Looks the ring up each time: env->pin() ends what earlier look-ups said.
 *
 * Context: control.
 */
void vnvme_admin_post(struct vnvme_ctrl *ctrl, u16 cid, u16 status, u32 dw0)
{
	struct vnvme_lane *lane = &ctrl->lane[0];

	WRITE_ONCE(lane->busy, lane->busy - 1);
	if (vnvme_cq_run(lane) ||
	    (!ctrl->env->pin(ctrl, lane->cq.base,
			     lane->cq.depth * sizeof(struct vnvme_cqe)) &&
	     vnvme_cq_run(lane)))
		vnvme_cq_post(lane, &ctrl->sq[0], cid, status, dw0);
	else
		vnvme_ctrl_fatal(ctrl);
	vnvme_lane_forget(lane);
}

/* Deletions whose last command has been answered. */
static void vnvme_delete_finish(struct vnvme_ctrl *ctrl)
{
	struct vnvme_sq *sq;
	unsigned int i;
	s32 cid;

	for (i = 1; i <= ctrl->cfg.nr_ioq; i++) {
		sq = &ctrl->sq[i];
		if (!sq->depth || sq->del_cid == VNVME_NO_CMD)
			continue;
		/* pairs with the releases in step.c */
		if (smp_load_acquire(&sq->inflight))
			continue;
		cid = sq->del_cid;
		ctrl->env->park(ctrl);
		ctrl->lane[sq->cqid].deleting--;
		vnvme_sq_gone(ctrl, sq);
		ctrl->env->unpark(ctrl);
		vnvme_admin_post(ctrl, cid, 0, 0);
	}
}

static u16 vnvme_delete_cq(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd)
{
	u16 id = le32_to_cpu(cmd->sqe.cdw10) & 0xffff;
	struct vnvme_cq *cq;

	if (!vnvme_lane_id_ok(ctrl, &id) || !ctrl->lane[id].cq.live)
		return vnvme_bad(cmd, VNVME_SC_QID_INVALID, VNVME_LOC(cdw10));
	cq = &ctrl->lane[id].cq;
	if (cq->nr_sqs)
		return vnvme_bad(cmd, VNVME_SC_QUEUE_DELETE, VNVME_LOC(cdw10));
	ctrl->env->park(ctrl);
	WRITE_ONCE(ctrl->db[vnvme_cq_db_index(id)], 0);
	memset(cq, 0, sizeof(*cq));
	ctrl->env->unpark(ctrl);
	return 0;
}

/* ------------------------------------------------------------ others ---- */

enum vnvme_abort_state {
	VNVME_ABORT_ASKED	= 1,
	VNVME_ABORT_DONE	= 2,
	VNVME_ABORT_NOT		= 3,
	VNVME_ABORT_STATE	= 3,
};

#define VNVME_ABORT_SLOT(token)	(((token) >> 2) % (VNVME_ACL + 1))

static_assert(!((VNVME_ACL + 1) & VNVME_ACL));

/* One that is free, asked for now; 0: there are as many as may be. */
static u32 vnvme_abort_new(struct vnvme_ctrl *ctrl, u16 cid)
{
	unsigned int i;
	u32 token;

	for (i = 0; i <= VNVME_ACL && READ_ONCE(ctrl->abort[i].word); i++)
		;
	if (i > VNVME_ACL)
		return 0;
	ctrl->abort_seq++;
	token = (ctrl->abort_seq * (VNVME_ACL + 1) + i) << 2 | VNVME_ABORT_ASKED;
	ctrl->abort[i].cid = cid;
	WRITE_ONCE(ctrl->abort[i].word, token);
	return token;
}

/**
 * vnvme_abort_ended() - it is known what became of a command that was to be aborted
 * @ctrl:	controller
 * @token:	of the Abort, which may have been answered before
 * @aborted:	it was
 *
 * Context: any.
 */
void vnvme_abort_ended(struct vnvme_ctrl *ctrl, u32 token, bool aborted)
{
	u32 now = (token & ~(u32)VNVME_ABORT_STATE) |
		  (aborted ? VNVME_ABORT_DONE : VNVME_ABORT_NOT);

	if (cmpxchg(&ctrl->abort[VNVME_ABORT_SLOT(token)].word, token, now) == token)
		ctrl->env->work(ctrl);
}

void vnvme_abort_refused(struct vnvme_ctrl *ctrl, u32 token)
{
	vnvme_abort_ended(ctrl, token, false);
}

/**
 * vnvme_abort_tell() - answer the Aborts of which that is known
 * @ctrl:	controller
 *
 * Context: control.
 */
void vnvme_abort_tell(struct vnvme_ctrl *ctrl)
{
	u32 i, state;

	if (!READ_ONCE(ctrl->master) ||
	    (ctrl->state != VNVME_READY && ctrl->state != VNVME_SHUTTING))
		return;
	for (i = 0; i <= VNVME_ACL; i++) {
		state = READ_ONCE(ctrl->abort[i].word) & VNVME_ABORT_STATE;
		if (state != VNVME_ABORT_DONE && state != VNVME_ABORT_NOT)
			continue;
		WRITE_ONCE(ctrl->abort[i].word, 0);
		vnvme_admin_post(ctrl, ctrl->abort[i].cid, 0, state == VNVME_ABORT_NOT);
	}
}

/**
 * vnvme_abort_forget() - nobody waits for Aborts any more
 * @ctrl:	controller, being reset; no request is left
 */
void vnvme_abort_forget(struct vnvme_ctrl *ctrl)
{
	unsigned int i;

	for (i = 0; i <= VNVME_ACL; i++)
		WRITE_ONCE(ctrl->abort[i].word, 0);
}

/* The lane of the command is parked. */
static bool vnvme_abort_ask(struct vnvme_ctrl *ctrl, const struct vnvme_sq *sq, u16 cid,
			    u32 token)
{
	if (vnvme_lane_abort_ask(&ctrl->lane[sq->cqid], sq, cid, token))
		return true;
	WRITE_ONCE(ctrl->abort[VNVME_ABORT_SLOT(token)].word, 0);
	return false;
}

/*
 * Abort: best effort (section 5.1).  What the controller still holds ends here,
 * before the answer to the Abort.  A backend is asked for what it has, and the answer
 * waits for what comes of that; what cannot be aborted, or whose memory is being
 * pinned, goes on, and DW0 says so.
 */
static u16 vnvme_abort(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd)
{
	u16 sqid = le32_to_cpu(cmd->sqe.cdw10) & 0xffff;
	u16 cid = le32_to_cpu(cmd->sqe.cdw10) >> 16;
	bool done = false, asked = false;
	struct vnvme_sq *sq;
	u32 token;

	if (!sqid) {
		done = vnvme_aer_abort(ctrl, cid);
	} else if (vnvme_lane_id_ok(ctrl, &sqid) && ctrl->sq[sqid].depth) {
		token = vnvme_abort_new(ctrl, le16_to_cpu(cmd->sqe.cid));
		if (!token)
			return VNVME_SC_ABORT_LIMIT;
		sq = &ctrl->sq[sqid];
		ctrl->env->park(ctrl);
		done = vnvme_lane_abort(&ctrl->lane[sq->cqid], sq, cid);
		if (done)
			WRITE_ONCE(ctrl->abort[VNVME_ABORT_SLOT(token)].word, 0);
		else
			asked = vnvme_abort_ask(ctrl, sq, cid, token);
		ctrl->env->unpark(ctrl);
	}
	cmd->dw0 = !done;
	return asked ? VNVME_HELD : 0;
}

static bool vnvme_dbbuf_page_ok(struct vnvme_ctrl *ctrl, u64 page)
{
	struct vnvme_extent x;

	return page && !(page & (VNVME_PAGE_SIZE - 1)) &&
	       !ctrl->env->pin(ctrl, page, VNVME_PAGE_SIZE) &&
	       !(vnvme_mem_lookup(ctrl->mem, page, &x) && x.ro);
}

static u16 vnvme_dbbuf_config(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd)
{
	struct vnvme_dbbuf pages = {
		.db = le64_to_cpu(cmd->sqe.prp1),
		.ei = le64_to_cpu(cmd->sqe.prp2),
	};
	bool adopted;

	if (!vnvme_dbbuf_page_ok(ctrl, pages.db))
		return vnvme_bad(cmd, VNVME_SC_INVALID_FIELD, VNVME_LOC(prp1));
	if (!vnvme_dbbuf_page_ok(ctrl, pages.ei))
		return vnvme_bad(cmd, VNVME_SC_INVALID_FIELD, VNVME_LOC(prp2));
	/* the second may have cost the first */
	if (!vnvme_dbbuf_pin(ctrl, pages))
		return VNVME_SC_INTERNAL;
	ctrl->env->park(ctrl);
	adopted = vnvme_dbbuf_adopt(ctrl, pages);
	ctrl->env->unpark(ctrl);
	if (!adopted)
		return VNVME_SC_INTERNAL;
	/* a shadow may have been ahead */
	ctrl->env->kick(ctrl);
	return 0;
}

static const struct vnvme_admin_op vnvme_admin_ops[] = {
	{ VNVME_ADM_DELETE_SQ,		0, vnvme_delete_sq },
	{ VNVME_ADM_CREATE_SQ,		0, vnvme_create_sq },
	{ VNVME_ADM_GET_LOG,		0, vnvme_get_log_command },
	{ VNVME_ADM_DELETE_CQ,		0, vnvme_delete_cq },
	{ VNVME_ADM_CREATE_CQ,		0, vnvme_create_cq },
	{ VNVME_ADM_IDENTIFY,		0, vnvme_identify_command },
	{ VNVME_ADM_ABORT,		0, vnvme_abort },
	{ VNVME_ADM_SET_FEATURES,	0, vnvme_set_features_command },
	{ VNVME_ADM_GET_FEATURES,	0, vnvme_get_features_command },
	{ VNVME_ADM_AER,		0, vnvme_aer_command },
	{ VNVME_ADM_DBBUF, VNVME_OACS_DBBUF, vnvme_dbbuf_config },
};

static const struct vnvme_admin_op *
vnvme_admin_op(const struct vnvme_ctrl *ctrl, u8 opcode)
{
	u16 oacs = ctrl->cfg.dbbuf ? VNVME_OACS_DBBUF : 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vnvme_admin_ops); i++)
		if (vnvme_admin_ops[i].opcode == opcode &&
		    (vnvme_admin_ops[i].oacs & oacs) == vnvme_admin_ops[i].oacs)
			return &vnvme_admin_ops[i];
	return NULL;
}

/**
 * vnvme_admin_effects() - entry of the Commands Supported and Effects log
 * @ctrl:	controller
 * @opcode:	of an admin command
 *
 * Return: CSUPP and the scope, or 0.
 */
u32 vnvme_admin_effects(const struct vnvme_ctrl *ctrl, u8 opcode)
{
	return vnvme_admin_op(ctrl, opcode) ? VNVME_EFFECT_CSUPP | VNVME_EFFECT_CTRL : 0;
}

static void vnvme_admin_one(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd)
{
	const struct vnvme_admin_op *op;
	u16 status;

	vnvme_trace_admin(ctrl, &cmd->sqe);
	cmd->dw0 = 0;
	cmd->err_loc = VNVME_LOC_NONE;
	op = vnvme_admin_op(ctrl, cmd->sqe.opcode);
	if (!op)
		status = vnvme_bad(cmd, VNVME_SC_INVALID_OPCODE,
				   VNVME_LOC(opcode));
	else if (cmd->sqe.flags & (VNVME_SQE_FUSE | VNVME_SQE_PSDT))
		status = vnvme_bad(cmd, VNVME_SC_INVALID_FIELD,
				   VNVME_LOC(flags));
	else
		status = op->fn(ctrl, cmd);
	if (status == VNVME_HELD)
		return;
	if (status)
		vnvme_errlog_add(ctrl, 0, le16_to_cpu(cmd->sqe.cid), status,
				 cmd->err_loc, 0, le32_to_cpu(cmd->sqe.nsid));
	vnvme_admin_post(ctrl, le16_to_cpu(cmd->sqe.cid), status,
			 status ? 0 : cmd->dw0);
}

static bool vnvme_admin_fetch(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd)
{
	struct vnvme_lane *lane = &ctrl->lane[0];

	vnvme_lane_forget(lane);
	if (ctrl->state != VNVME_READY || READ_ONCE(ctrl->fatal))
		return false;
	vnvme_sq_take_slow(ctrl, &ctrl->sq[0]);
	if (ctrl->sq[0].tail == ctrl->sq[0].head ||
	    !vnvme_cq_refresh(ctrl, &lane->cq) ||
	    !vnvme_sq_pop(ctrl, &ctrl->sq[0], &cmd->sqe))
		return false;
	WRITE_ONCE(lane->busy, lane->busy + 1);
	return true;
}

/**
 * vnvme_admin_step() - carry out a bounded number of admin commands
 * @ctrl:	controller
 *
 * Context: control.
 * Return: true if there is more to do.
 */
bool vnvme_admin_step(struct vnvme_ctrl *ctrl)
{
	struct vnvme_lane *lane = &ctrl->lane[0];
	struct vnvme_cmd cmd;
	unsigned int n = 0;

	if ((ctrl->state != VNVME_READY && ctrl->state != VNVME_SHUTTING) ||
	    !ctrl->master)
		return false;
	vnvme_delete_finish(ctrl);
	while (n < VNVME_ADMIN_BATCH && vnvme_admin_fetch(ctrl, &cmd)) {
		vnvme_admin_one(ctrl, &cmd);
		n++;
	}
	if (ctrl->state == VNVME_READY) {
		vnvme_aen_deliver(ctrl);
		/* each admin doorbell, and the head of a full queue, to BAR0 */
		vnvme_sq_event_arm(ctrl, &ctrl->sq[0]);
		vnvme_cq_event_arm(ctrl, &lane->cq);
		/* pairs with the guest's barrier before it reads EventIdx */
		smp_mb();
	}
	/* nothing that was looked up here is good in the next section */
	vnvme_lane_forget(lane);
	if (vnvme_cq_untold(&lane->cq)) {
		WRITE_ONCE(lane->cq.told, lane->cq.tail);
		lane->stat.irqs++;
		ctrl->env->irq(ctrl, lane->cq.vector);
	}
	return vnvme_admin_pending(ctrl);
}

bool vnvme_admin_pending(const struct vnvme_ctrl *ctrl)
{
	const struct vnvme_cq *cq = &ctrl->lane[0].cq;

	if (READ_ONCE(ctrl->fatal))
		return true;
	if (READ_ONCE(ctrl->state) != VNVME_READY || !READ_ONCE(ctrl->master))
		return false;
	if (!(READ_ONCE(ctrl->events) & READ_ONCE(ctrl->ev_open)) &&
	    !vnvme_sq_ready(ctrl, &ctrl->sq[0]))
		return false;
	return vnvme_cq_may_have_room(ctrl, cq);
}
