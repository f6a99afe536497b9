// SPDX-License-Identifier: GPL-2.0
/*
 * Asynchronous events: what happened, which of it the guest wants to hear, and
 * its outstanding requests (section 5.2).
 */
#include "internal.h"

struct vnvme_aen_desc {
	u8	type;
	u8	info;
	u8	log;	/* reading it allows the next event of this type */
};

static const struct vnvme_aen_desc vnvme_aens[VNVME_NR_AENS] = {
	[VNVME_AEN_DB_REGISTER]	= { 0, 0, VNVME_LOG_ERROR },
	[VNVME_AEN_DB_VALUE]	= { 0, 1, VNVME_LOG_ERROR },
	[VNVME_AEN_RELIABILITY]	= { 1, 0, VNVME_LOG_SMART },
	[VNVME_AEN_TEMPERATURE]	= { 1, 1, VNVME_LOG_SMART },
	[VNVME_AEN_SPARE]	= { 1, 2, VNVME_LOG_SMART },
	[VNVME_AEN_NS_CHANGED]	= { 2, 0, VNVME_LOG_CHANGED_NS },
};

/* What a poller may find without asking control. */
static void vnvme_aen_update(struct vnvme_ctrl *ctrl)
{
	unsigned long open = 0;
	unsigned int i;

	for (i = 0; i < VNVME_NR_AENS && ctrl->nr_aer; i++)
		if (!(ctrl->aen_masked & 1u << vnvme_aens[i].type))
			open |= 1ul << i;
	WRITE_ONCE(ctrl->ev_open, open);
}

/**
 * vnvme_aen_raise() - something happened
 * @ctrl:	controller; ignored unless it is ready
 * @event:	what
 *
 * Context: any.
 */
void vnvme_aen_raise(struct vnvme_ctrl *ctrl, enum vnvme_aen event)
{
	if (READ_ONCE(ctrl->state) != VNVME_READY)
		return;
	if (vnvme_aens[event].log == VNVME_LOG_ERROR &&
	    !test_bit(event, &ctrl->events))
		vnvme_errlog_add(ctrl, 0xffff, 0xffff, VNVME_SC_INVALID_FIELD,
				 VNVME_LOC_NONE, 0, 0);
	if (!test_and_set_bit(event, &ctrl->events))
		ctrl->env->work(ctrl);
}

/**
 * vnvme_aen_deliver() - answer requests with what is pending
 * @ctrl:	controller, ready
 *
 * Context: control.
 */
void vnvme_aen_deliver(struct vnvme_ctrl *ctrl)
{
	struct vnvme_lane *lane = &ctrl->lane[0];
	const struct vnvme_aen_desc *d;
	unsigned int i;

	for (i = 0; i < VNVME_NR_AENS; i++) {
		d = &vnvme_aens[i];
		if (!test_bit(i, &ctrl->events) ||
		    (ctrl->aen_masked & 1u << d->type))
			continue;
		if (!ctrl->nr_aer || !vnvme_cq_refresh(ctrl, &lane->cq))
			break;
		clear_bit(i, &ctrl->events);
		ctrl->aen_masked |= 1u << d->type;
		WRITE_ONCE(lane->busy, lane->busy + 1);
		vnvme_admin_post(ctrl, ctrl->aer_cid[--ctrl->nr_aer], 0,
				 d->type | d->info << 8 | d->log << 16);
	}
	vnvme_aen_update(ctrl);
}

/**
 * vnvme_aen_reset() - forget events and requests; the latter get no answer
 * @ctrl:	controller
 */
void vnvme_aen_reset(struct vnvme_ctrl *ctrl)
{
	WRITE_ONCE(ctrl->events, 0);
	ctrl->aen_masked = 0;
	ctrl->nr_aer = 0;
	memset(ctrl->changed_ns, 0, sizeof(ctrl->changed_ns));
	vnvme_aen_update(ctrl);
}

/**
 * vnvme_aen_told_by() - the events that wait, of which a log page tells
 * @ctrl:	controller
 * @lid:	log page
 *
 * Return: bits of enum vnvme_aen.
 */
unsigned long vnvme_aen_told_by(const struct vnvme_ctrl *ctrl, u8 lid)
{
	unsigned long told = 0;
	unsigned int i;

	for (i = 0; i < VNVME_NR_AENS; i++)
		if (vnvme_aens[i].log == lid)
			told |= 1ul << i;
	return told & READ_ONCE(ctrl->events);
}

/**
 * vnvme_aen_read() - a log page was read without Retain Asynchronous Event
 * @ctrl:	controller
 * @lid:	log page
 * @told:	vnvme_aen_told_by() from before it was put together
 *
 * The guest knows of those, and hears of the next one.
 */
void vnvme_aen_read(struct vnvme_ctrl *ctrl, u8 lid, unsigned long told)
{
	unsigned int i;

	for (i = 0; i < VNVME_NR_AENS; i++) {
		if (told & 1ul << i)
			clear_bit(i, &ctrl->events);
		if (vnvme_aens[i].log == lid)
			ctrl->aen_masked &= ~(1u << vnvme_aens[i].type);
	}
	vnvme_aen_update(ctrl);
}

/**
 * vnvme_aer_abort() - end an outstanding Asynchronous Event Request
 * @ctrl:	controller, ready
 * @cid:	its identifier
 *
 * Context: control.
 * Return: false if there is none, or no place for its answer.
 */
bool vnvme_aer_abort(struct vnvme_ctrl *ctrl, u16 cid)
{
	struct vnvme_cq *cq = &ctrl->lane[0].cq;
	unsigned int i;

	for (i = 0; i < ctrl->nr_aer && ctrl->aer_cid[i] != cid; i++)
		;
	if (i == ctrl->nr_aer || !vnvme_cq_refresh(ctrl, cq))
		return false;
	/* which of the others is answered first does not matter */
	ctrl->aer_cid[i] = ctrl->aer_cid[--ctrl->nr_aer];
	WRITE_ONCE(ctrl->lane[0].busy, ctrl->lane[0].busy + 1);
	vnvme_admin_post(ctrl, cid, VNVME_SC_ABORT_REQUESTED, 0);
	vnvme_aen_update(ctrl);
	return true;
}

/**
 * vnvme_aer_command() - Asynchronous Event Request
 * @ctrl:	controller
 * @cmd:	the command
 *
 * Return: VNVME_HELD, or the status that says it is one too many.
 */
u16 vnvme_aer_command(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd)
{
	if (ctrl->nr_aer > VNVME_AERL)
		return VNVME_SC_AER_LIMIT | VNVME_DNR;
	ctrl->aer_cid[ctrl->nr_aer++] = le16_to_cpu(cmd->sqe.cid);
	/* it will look for room when it has something to say */
	WRITE_ONCE(ctrl->lane[0].busy, ctrl->lane[0].busy - 1);
	vnvme_aen_update(ctrl);
	return VNVME_HELD;
}
