/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the core share with each other and with nobody else.
 */
#ifndef _VNVME_INTERNAL_H
#define _VNVME_INTERNAL_H

#include "vnvme.h"

#define VNVME_ADMIN_DEPTH_MAX	4096	/* entries, section 3.1.8 */
#define VNVME_ADMIN_BATCH	16	/* commands per call of the worker */
#define VNVME_PIN_TRIES		8	/* pages that go while another is pinned */
#define VNVME_RETRIES		(8 * VNVME_MAX_SEGS)	/* also while memory is short */
#define VNVME_NO_CMD		(-1)

/* Not NVMe statuses: */
#define VNVME_MISS		0xfffeu	/* look-up missed, see ->miss_iova */
#define VNVME_HELD		0xfffdu	/* answered later */
#define VNVME_NOTHING		0xfffcu	/* success without a backend */

/* An admin command: the SQE copied once, the result, where it was wrong. */
struct vnvme_cmd {
	struct vnvme_sqe	sqe;
	u32			dw0;
	u16			err_loc;
};

/* What is to be moved, and, after the walk, where. */
struct vnvme_dptr {
	u64			prp1;
	u64			prp2;
	u32			len;	/* of the transfer: what PRP2 means */
	u32			need;	/* bytes wanted of it, from the start */
	bool			to_guest;
	u16			err_loc;
	u16			nr_segs;
	u16			max_segs;
	u64			miss_iova;
	struct vnvme_seg	*segs;
};

static inline u32 vnvme_ring_next(u32 i, u32 depth)
{
	return i + 1 == depth ? 0 : i + 1;
}

/* Entries from @from up to @to. */
static inline u32 vnvme_ring_dist(u32 from, u32 to, u32 depth)
{
	return to >= from ? to - from : to + depth - from;
}

static inline unsigned int vnvme_sq_db_index(u16 id)
{
	return 2 * id;
}

static inline unsigned int vnvme_cq_db_index(u16 id)
{
	return 2 * id + 1;
}

static inline bool vnvme_lane_id_ok(const struct vnvme_ctrl *ctrl, u32 id)
{
	return id >= 1 && id <= ctrl->cfg.nr_ioq && ctrl->lane[id].nr_reqs;
}

static inline u64 vnvme_make64(u32 lo, u32 hi)
{
	return (u64)hi << 32 | lo;
}

/* queue.c */
void vnvme_sq_init(struct vnvme_sq *sq, u16 id, u16 cqid, u64 base, u32 depth);
void vnvme_cq_init(struct vnvme_cq *cq, u16 id, u64 base, u32 depth, u16 vector,
		   bool irq);
void vnvme_sq_take(struct vnvme_ctrl *ctrl, struct vnvme_sq *sq);
bool vnvme_sq_run(struct vnvme_ctrl *ctrl, struct vnvme_sq *sq);
bool vnvme_sq_ready(const struct vnvme_ctrl *ctrl, const struct vnvme_sq *sq);
void vnvme_sq_event_lag(struct vnvme_ctrl *ctrl, struct vnvme_sq *sq);
void vnvme_sq_event_arm(struct vnvme_ctrl *ctrl, struct vnvme_sq *sq);
void vnvme_cq_poll(struct vnvme_ctrl *ctrl, struct vnvme_cq *cq);
bool vnvme_cq_refresh(struct vnvme_ctrl *ctrl, struct vnvme_cq *cq);
bool vnvme_cq_may_have_room(const struct vnvme_ctrl *ctrl,
			    const struct vnvme_cq *cq);
bool vnvme_cq_unread(const struct vnvme_ctrl *ctrl, const struct vnvme_cq *cq);
void vnvme_cq_event_arm(struct vnvme_ctrl *ctrl, struct vnvme_cq *cq);
bool vnvme_cq_run(struct vnvme_lane *lane);
void vnvme_lane_forget(struct vnvme_lane *lane);
bool vnvme_dbbuf_pin(struct vnvme_ctrl *ctrl, struct vnvme_dbbuf pages);
bool vnvme_dbbuf_clear(struct vnvme_ctrl *ctrl, unsigned int index);
void vnvme_dbbuf_adopt(struct vnvme_ctrl *ctrl);

/*
 * How many more entries may be promised, by the head last seen.  One entry
 * stays empty (section 4.1.2): full is depth - 1.
 */
static inline u32 vnvme_cq_room(const struct vnvme_cq *cq)
{
	return cq->depth - 1 - cq->reserved -
	       vnvme_ring_dist(cq->head, cq->tail, cq->depth);
}

static inline bool vnvme_cq_full(const struct vnvme_cq *cq)
{
	return !vnvme_cq_room(cq);
}

/**
 * vnvme_sq_pop() - copy the next command, once
 * @ctrl:	controller
 * @sq:		queue that is not empty
 * @sqe:	filled
 *
 * Return: false if the ring's memory is missing; control then looks for it.
 */
static inline bool vnvme_sq_pop(struct vnvme_ctrl *ctrl, struct vnvme_sq *sq,
				struct vnvme_sqe *sqe)
{
	unsigned int i;
	u64 *at;

	if (unlikely(!sq->left) && !vnvme_sq_run(ctrl, sq))
		return false;
	at = sq->at;
	/* the entry after the doorbell; pairs with the guest's barrier */
	smp_rmb();
#pragma GCC unroll 8
	for (i = 0; i < sizeof(*sqe) / 8; i++)
		((u64 *)sqe)[i] = READ_ONCE(at[i]);
	/* from here on nothing may be read from the guest's copy */
	barrier();
	sq->at = at + i;
	sq->left--;
	sq->head = vnvme_ring_next(sq->head, sq->depth);
	sq->inflight++;
	return true;
}

/**
 * vnvme_cq_post() - answer a command; its entry was promised before the fetch
 * @lane:	of the queue; ->cq_left is not 0, see vnvme_cq_run()
 * @sq:		where the command came from
 * @cid:	its identifier
 * @status:	without phase
 * @dw0:	command specific
 */
static inline void vnvme_cq_post(struct vnvme_lane *lane, struct vnvme_sq *sq,
				 u16 cid, u16 status, u32 dw0)
{
	struct vnvme_cq *cq = &lane->cq;
	__le32 *dw;

	cq->reserved--;
	dw = lane->cq_at;
	lane->cq_at += sizeof(struct vnvme_cqe);
	lane->cq_left--;
	WRITE_ONCE(dw[0], cpu_to_le32(dw0));
	WRITE_ONCE(dw[1], 0);
	WRITE_ONCE(dw[2], cpu_to_le32((u32)sq->id << 16 | sq->head));
	/* the phase bit last; pairs with the guest's read barrier */
	smp_wmb();
	WRITE_ONCE(dw[3], cpu_to_le32((u32)status << 17 | (u32)cq->phase << 16 |
				      cid));
	if (unlikely(cq->tail + 1 == cq->depth)) {
		cq->phase ^= 1;
		WRITE_ONCE(cq->tail, 0);
	} else {
		WRITE_ONCE(cq->tail, cq->tail + 1);
	}
	lane->posted = true;
}

/* dptr.c */
u16 vnvme_dptr_walk(const struct vnvme_mem *mem, struct vnvme_dptr *d);
u16 vnvme_dptr_put(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd,
		   const void *buf, u32 bytes, u32 len);

/* nvm.c */
void vnvme_nvm_init(struct vnvme_ctrl *ctrl);
u16 vnvme_nvm_prepare(struct vnvme_ctrl *ctrl, struct vnvme_req *req);
u32 vnvme_nvm_effects(const struct vnvme_ctrl *ctrl, u8 opcode);
u16 vnvme_nvm_oncs(const struct vnvme_ctrl *ctrl);

/* step.c */
bool vnvme_lane_abort(struct vnvme_lane *lane, const struct vnvme_sq *sq,
		      u16 cid);

/* admin.c */
void vnvme_admin_post(struct vnvme_ctrl *ctrl, u16 cid, u16 status, u32 dw0);
bool vnvme_admin_step(struct vnvme_ctrl *ctrl);
u32 vnvme_admin_effects(const struct vnvme_ctrl *ctrl, u8 opcode);

/* event.c */
void vnvme_aen_raise(struct vnvme_ctrl *ctrl, enum vnvme_aen event);
void vnvme_aen_deliver(struct vnvme_ctrl *ctrl);
void vnvme_aen_reset(struct vnvme_ctrl *ctrl);
void vnvme_aen_unmask(struct vnvme_ctrl *ctrl, u8 lid);
bool vnvme_aer_abort(struct vnvme_ctrl *ctrl, u16 cid);
u16 vnvme_aer_command(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd);

/* identify.c */
u16 vnvme_identify_command(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd);

/* feature.c */
void vnvme_feature_reset(struct vnvme_ctrl *ctrl);
u32 vnvme_feature_effects(const struct vnvme_ctrl *ctrl, u8 fid);
bool vnvme_temperature_critical(const struct vnvme_ctrl *ctrl);
u16 vnvme_set_features_command(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd);
u16 vnvme_get_features_command(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd);

/* log.c */
#define VNVME_TEMPERATURE	310	/* K: a virtual controller is always well */
void vnvme_errlog_reset(struct vnvme_ctrl *ctrl);
void vnvme_errlog_add(struct vnvme_ctrl *ctrl, u16 sqid, u16 cid, u16 status,
		      u16 loc, u64 lba, u32 nsid);
u16 vnvme_get_log_command(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd);

/* pcicfg.c */
void vnvme_pci_reset(struct vnvme_ctrl *ctrl);

/* ctrl.c */
void vnvme_ctrl_event(struct vnvme_ctrl *ctrl, enum vnvme_event event);
void vnvme_cc_write(struct vnvme_ctrl *ctrl, u32 val);

#endif
