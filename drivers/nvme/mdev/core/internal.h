/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the core share with each other and with nobody else.
 */
#ifndef _VNVME_INTERNAL_H
#define _VNVME_INTERNAL_H

#include "vnvme.h"
#include "guest.h"
#include "trace.h"

#define VNVME_ADMIN_DEPTH_MAX	4096	/* entries, section 3.1.8 */
#define VNVME_ADMIN_BATCH	16	/* commands per call of the worker */
#define VNVME_PIN_TRIES		8	/* pages that go while another is pinned */
#define VNVME_RETRIES		(8 * VNVME_MAX_SEGS)	/* also while memory is short */
#define VNVME_NO_CMD		(-1)
#define VNVME_CQE_PHASE		(1u << 16)	/* of the last word */
#define VNVME_HOLD_NS		50000	/* an interrupt, while no head moves */

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

static inline unsigned long vnvme_sq_db_index(u16 id)
{
	return 2ul * id;
}

static inline unsigned long vnvme_cq_db_index(u16 id)
{
	return 2ul * id + 1;
}

/*
 * Indexes of the guest's are clamped beside their check, as a processor that has
 * guessed a branch wrong reads with what the branch is there to refuse (rule 14).
 */

/* Is it the identifier of an I/O queue that can be?  Then it is good for ->lane and ->sq. */
static inline bool vnvme_lane_id_ok(const struct vnvme_ctrl *ctrl, u16 *id)
{
	if (!*id || *id > ctrl->cfg.nr_ioq)
		return false;
	*id = array_index_nospec(*id, VNVME_MAX_IOQ + 1);
	return ctrl->lane[*id].nr_reqs;
}

/*
 * The namespace of a guest's NSID, or NULL.  Each value that the mask leaves has a place, so
 * that nothing has to be clamped; there is none with NSID 0.
 */
static __always_inline struct vnvme_ns *vnvme_ns_find(const struct vnvme_ctrl *ctrl, u32 nsid)
{
	struct vnvme_ns *ns = ctrl->ns[nsid & (VNVME_NS_SLOTS - 1)];

	static_assert(!(VNVME_NS_SLOTS & (VNVME_NS_SLOTS - 1)));
	return likely(ns) && likely(ns->nsid == nsid) ? ns : NULL;
}

static inline u64 vnvme_make64(u32 lo, u32 hi)
{
	return (u64)hi << 32 | lo;
}

static inline u32 vnvme_db_get(const struct vnvme_ctrl *ctrl, unsigned long index)
{
	return le32_to_cpu((__force __le32)READ_ONCE(ctrl->db[index]));
}

/* queue.c */
u32 vnvme_memory_poisoned(const struct vnvme_ctrl *ctrl);
void vnvme_sq_init(struct vnvme_sq *sq, u16 id, u16 cqid, u64 base, u32 depth);
void vnvme_cq_init(struct vnvme_cq *cq, u16 id, u64 base, u32 depth, u16 vector,
		   bool irq);
void vnvme_sq_take_slow(struct vnvme_ctrl *ctrl, struct vnvme_sq *sq);
bool vnvme_sq_run(struct vnvme_ctrl *ctrl, struct vnvme_sq *sq);
void vnvme_sq_run_end(struct vnvme_sq *sq);
bool vnvme_sq_ready(const struct vnvme_ctrl *ctrl, const struct vnvme_sq *sq);
void vnvme_sq_event_set(struct vnvme_ctrl *ctrl, struct vnvme_sq *sq, u32 event);
void vnvme_sq_event_arm(struct vnvme_ctrl *ctrl, struct vnvme_sq *sq);
void vnvme_cq_take(struct vnvme_ctrl *ctrl, struct vnvme_cq *cq);
bool vnvme_cq_refresh(struct vnvme_ctrl *ctrl, struct vnvme_cq *cq);
bool vnvme_cq_may_have_room(const struct vnvme_ctrl *ctrl,
			    const struct vnvme_cq *cq);
bool vnvme_cq_unread(const struct vnvme_ctrl *ctrl, const struct vnvme_cq *cq);
void vnvme_cq_event_arm(struct vnvme_ctrl *ctrl, struct vnvme_cq *cq);
bool vnvme_cq_run(struct vnvme_lane *lane);
void vnvme_cq_run_end(struct vnvme_cq *cq);
bool vnvme_dbbuf_pin(struct vnvme_ctrl *ctrl, struct vnvme_dbbuf pages);
bool vnvme_dbbuf_clear(struct vnvme_ctrl *ctrl, unsigned int index);
bool vnvme_dbbuf_adopt(struct vnvme_ctrl *ctrl, struct vnvme_dbbuf pages);

/* Return: ~0, which is no doorbell, if it cannot be read: the controller then fails. */
static inline u32 vnvme_dbbuf_get(const struct vnvme_ctrl *ctrl, const __le32 *word)
{
	__le32 val;

	vnvme_guest_load(val, word, bad);
	return le32_to_cpu(val);
bad:
	return vnvme_memory_poisoned(ctrl);
}

/*
 * How many more entries may be promised, by the head last seen.  One entry
 * stays empty (section 4.1.2): full is depth - 1.
 */
static inline u32 vnvme_cq_room(const struct vnvme_cq *cq)
{
	const struct vnvme_lane *lane = container_of(cq, struct vnvme_lane, cq);

	return cq->depth - 1 - READ_ONCE(lane->busy) -
	       vnvme_ring_dist(READ_ONCE(cq->head), READ_ONCE(cq->tail), cq->depth);
}

static inline bool vnvme_cq_full(const struct vnvme_cq *cq)
{
	return !vnvme_cq_room(cq);
}

/*
 * Interrupt Coalescing and Interrupt Vector Configuration (sections 5.21.1.8, 5.21.1.9).
 * Not of the admin queue; a threshold or a time of 0 holds nothing back.
 */
#define VNVME_THR(val)		((val) & 0xff)	/* 0's based */
#define VNVME_TIME(val)		(((val) >> 8) & 0xff)	/* of 100 us */
#define VNVME_VECTOR_CD		(1u << 16)

static inline bool vnvme_cq_coalesces(const struct vnvme_ctrl *ctrl, const struct vnvme_cq *cq)
{
	u32 val = ctrl->feat[VNVME_FEAT_COALESCING];

	return cq->irq_enabled && cq->id && VNVME_THR(val) && VNVME_TIME(val) &&
	       !(ctrl->feat_vec[cq->vector] & VNVME_VECTOR_CD);
}

static inline void vnvme_cq_gather_end(struct vnvme_cq *cq)
{
	cq->gathers = false;
	cq->urgent = false;
}

/* Are there entries that no interrupt has told the guest of? */
static inline bool vnvme_cq_untold(const struct vnvme_cq *cq)
{
	return READ_ONCE(cq->told) != READ_ONCE(cq->tail);
}

/**
 * vnvme_cq_settled() - has the guest taken what it was told of, and no more?
 * @ctrl:	controller
 * @cq:		live queue
 *
 * The usual case of vnvme_cq_take(): a head that is known to be a good one.
 * Looked at before something is posted (after the tail of a command that is new:
 * the guest has written its head before), so that an entry which was posted
 * while nothing was left to take always has its interrupt, however fast the
 * guest is.
 *
 * Context: owner.
 */
static inline void vnvme_cq_settled(struct vnvme_ctrl *ctrl, struct vnvme_cq *cq)
{
	u32 m = vnvme_db_get(ctrl, vnvme_cq_db_index(cq->id));

	if (ctrl->dbbuf.db) {
		if (unlikely(!cq->word) || unlikely(m != cq->db)) {
			vnvme_cq_take(ctrl, cq);
			return;
		}
		if (vnvme_dbbuf_get(ctrl, cq->word) != cq->told)
			return;
		WRITE_ONCE(cq->shadow, cq->told);
	} else {
		if (m != cq->told)
			return;
		WRITE_ONCE(cq->db, m);
	}
	WRITE_ONCE(cq->head, cq->told);
}

/*
 * Keep EventIdx out of the way of a polled queue whose tail has moved (not the
 * admin queue: it stays armed).  One
 * behind the tail is a whole ring ahead: the guest passes it only after the
 * controller has fetched; so it is rewritten once the guest has come within a
 * quarter of the ring, not for each command.
 */
static inline void vnvme_sq_event_lag(struct vnvme_ctrl *ctrl,
				      struct vnvme_sq *sq)
{
	if (vnvme_ring_dist(sq->tail, sq->event, sq->depth) <= sq->depth / 4)
		vnvme_sq_event_set(ctrl, sq,
				   (sq->tail ? sq->tail : sq->depth) - 1);
}

/**
 * vnvme_sq_take() - take the tail doorbell
 * @ctrl:	controller
 * @sq:		live queue
 *
 * A value that has not changed, or is a good one, and came where those of this
 * queue always come from; the rest is left to vnvme_sq_take_slow().
 *
 * Context: owner (admin queue: control).
 */
static __always_inline void vnvme_sq_take(struct vnvme_ctrl *ctrl,
					  struct vnvme_sq *sq)
{
	u32 m, s;

	if (!ctrl->dbbuf.db) {
		m = vnvme_db_get(ctrl, vnvme_sq_db_index(sq->id));
		if (m == sq->db)
			return;
		if (likely(m < sq->depth)) {
			WRITE_ONCE(sq->db, m);
			WRITE_ONCE(sq->tail, m);
			return;
		}
	} else if (likely(sq->word)) {
		s = vnvme_dbbuf_get(ctrl, sq->word);
		/* as in vnvme_shadow_take() */
		smp_rmb();
		m = vnvme_db_get(ctrl, vnvme_sq_db_index(sq->id));
		if (likely(m == sq->db)) {
			if (s == sq->shadow)
				return;
			if (likely(s < sq->depth)) {
				WRITE_ONCE(sq->shadow, s);
				WRITE_ONCE(sq->tail, s);
				vnvme_sq_event_lag(ctrl, sq);
				return;
			}
		}
	}
	vnvme_sq_take_slow(ctrl, sq);
}

/**
 * vnvme_sq_pop() - copy the next command, once
 * @ctrl:	controller
 * @sq:		queue that is not empty
 * @sqe:	filled
 *
 * Return: false if the ring's memory is missing: control then looks for it; or if it cannot
 * be read: then the controller fails.
 */
static inline bool vnvme_sq_pop(struct vnvme_ctrl *ctrl, struct vnvme_sq *sq,
				struct vnvme_sqe *sqe)
{
	unsigned int i;
	u64 *at, val;

	if (unlikely(!sq->left) && !vnvme_sq_run(ctrl, sq))
		return false;
	at = sq->at;
	/* the entry after the doorbell; pairs with the guest's barrier */
	smp_rmb();
#pragma GCC unroll 8
	for (i = 0; i < sizeof(*sqe) / 8; i++) {
		vnvme_guest_load(val, &at[i], bad);
		((u64 *)sqe)[i] = val;
	}
	/* from here on nothing may be read from the guest's copy */
	barrier();
	sq->at = at + i;
	/* who is not the owner only wants to know whether it is the tail */
	data_race(sq->head++);
	if (unlikely(!--sq->left))
		vnvme_sq_run_end(sq);
	return true;
bad:
	vnvme_memory_poisoned(ctrl);
	return false;
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
	void *at = lane->cq_at;
	__le32 *dw = at;

	vnvme_trace_completion(lane, sq, cid, status, dw0);
	vnvme_guest_store((__le64 *)at, cpu_to_le64(dw0), bad);
	vnvme_guest_store(&dw[2], cpu_to_le32(sq->answer_id | sq->head), bad);
	/* the phase bit last; pairs with the guest's read barrier */
	smp_wmb();
	vnvme_guest_store(&dw[3], cpu_to_le32((u32)status << 17 | cq->phase | cid), bad);
posted:
	lane->cq_at = at + sizeof(struct vnvme_cqe);
	/* as the head of a submission queue */
	data_race(cq->tail++);
	if (unlikely(!--lane->cq_left))
		vnvme_cq_run_end(cq);
	return;
bad:
	vnvme_memory_poisoned(lane->ctrl);
	goto posted;
}

/* A pin has failed: is there a point in trying again? */
static inline u16 vnvme_pin_status(int err)
{
	return VNVME_SC_DATA_TRANSFER | (err == -ENOMEM || err == -EBUSY ? 0 : VNVME_DNR);
}

/* dptr.c */
u16 vnvme_dptr_walk(const struct vnvme_mem *mem, struct vnvme_dptr *d);
u16 vnvme_dptr_put(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd,
		   const void *buf, u32 bytes, u32 len);
u16 vnvme_dptr_get(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd, void *buf,
		   u32 bytes);

/* nvm.c */
void vnvme_nvm_init(struct vnvme_ctrl *ctrl);
u16 vnvme_nvm_prepare(struct vnvme_ctrl *ctrl, struct vnvme_req *req);

#define VNVME_RW_FUA		(1u << 30)
#define VNVME_RW_DTYPE(cdw12)	(((cdw12) >> 20) & 0xf)

/* Without a write cache each write is durable when it is answered. */
static inline bool vnvme_nvm_durable(const struct vnvme_ctrl *ctrl, u32 cdw12)
{
	return (cdw12 & VNVME_RW_FUA) || !(ctrl->feat[VNVME_FEAT_WCE] & 1);
}

static inline bool vnvme_nvm_range_ok(const struct vnvme_ns *ns, u64 slba,
				      u64 nlb)
{
	u64 size = READ_ONCE(ns->nlb);

	return nlb <= size && slba <= size - nlb;
}

static_assert(VNVME_CMD_WRITE == 1 && VNVME_CMD_READ == 2);

/**
 * vnvme_nvm_quick() - most commands: Read or Write, all in the page of PRP1
 * @ctrl:	controller
 * @req:	->sqe is read; the decoded members are set
 *
 * What vnvme_nvm_prepare() does for them, in a straight line.  It looks at the
 * same things, and leaves to that whatever is not as it mostly is.  A page is
 * never too much for MDTS.
 *
 * Context: owner.
 * Return: true: submit it to ->ns.
 */
static __always_inline bool vnvme_nvm_quick(struct vnvme_ctrl *ctrl,
					    struct vnvme_req *req)
{
	/* both are mandatory; the flags are FUSE, PSDT and reserved ones */
	u32 op = req->sqe.opcode | req->sqe.flags << 8;
	u32 nsid = le32_to_cpu(req->sqe.nsid);
	u32 cdw12 = le32_to_cpu(req->sqe.cdw12);
	u64 prp1 = le64_to_cpu(req->sqe.prp1);
	u32 off = prp1 & (VNVME_PAGE_SIZE - 1);
	u32 nlb = (cdw12 & 0xffff) + 1;
	struct vnvme_extent x;
	struct vnvme_seg *seg;
	struct vnvme_ns *ns;
	u64 bytes;

	if (unlikely(op - 1 > 1))
		return false;
	ns = vnvme_ns_find(ctrl, nsid);
	if (unlikely(!ns))
		return false;
	bytes = (u64)nlb << ns->lba_shift;
	req->slba = vnvme_make64(le32_to_cpu(req->sqe.cdw10),
				 le32_to_cpu(req->sqe.cdw11));
	if (unlikely(off + bytes > VNVME_PAGE_SIZE) || unlikely(off & 3) ||
	    unlikely(!vnvme_nvm_range_ok(ns, req->slba, nlb)) ||
	    unlikely(!vnvme_mem_lookup(ctrl->mem, prp1, &x)))
		return false;
	if (likely(op == VNVME_CMD_READ)) {
		if (unlikely(x.ro))
			return false;
		req->fua = (cdw12 / VNVME_RW_FUA) & 1;
	} else {
		if (unlikely(ns->ro) || unlikely(VNVME_RW_DTYPE(cdw12)))
			return false;
		req->fua = vnvme_nvm_durable(ctrl, cdw12);
	}
	req->err_loc = VNVME_LOC_NONE;
	req->retries = 0;
	req->losses = 0;
	req->nr_segs = 1;
	req->ns = ns;
	req->opcode = op;
	req->nlb = nlb;
	req->bytes = bytes;
	seg = req->segs;
	seg->dma = x.dma;
	seg->kva = x.kva;
	seg->len = bytes;
	return true;
}

bool vnvme_nvm_cached(const struct vnvme_ctrl *ctrl, const struct vnvme_req *req);
bool vnvme_nvm_changes(const struct vnvme_ctrl *ctrl, u8 opcode);
u32 vnvme_nvm_effects(const struct vnvme_ctrl *ctrl, u8 opcode);
u16 vnvme_nvm_oncs(const struct vnvme_ctrl *ctrl);

/* step.c */
static inline bool vnvme_lane_with_backend(const struct vnvme_lane *lane)
{
	return READ_ONCE(lane->inflight);
}

u32 vnvme_lane_inflight(const struct vnvme_lane *lane, const struct vnvme_sq *sq);
bool vnvme_lane_abort(struct vnvme_lane *lane, const struct vnvme_sq *sq,
		      u16 cid);
void vnvme_lane_settle(struct vnvme_lane *lane, const struct vnvme_ns *ns);
bool vnvme_lane_abort_ask(struct vnvme_lane *lane, const struct vnvme_sq *sq, u16 cid,
			  u32 token);

/* admin.c */
void vnvme_abort_ended(struct vnvme_ctrl *ctrl, u32 token, bool aborted);
void vnvme_abort_tell(struct vnvme_ctrl *ctrl);
void vnvme_abort_forget(struct vnvme_ctrl *ctrl);
void vnvme_sq_unlink(struct vnvme_ctrl *ctrl, struct vnvme_sq *sq);
void vnvme_admin_post(struct vnvme_ctrl *ctrl, u16 cid, u16 status, u32 dw0);
bool vnvme_admin_step(struct vnvme_ctrl *ctrl);
u32 vnvme_admin_effects(const struct vnvme_ctrl *ctrl, u8 opcode);

/* event.c */
void vnvme_aen_raise(struct vnvme_ctrl *ctrl, enum vnvme_aen event);
void vnvme_aen_deliver(struct vnvme_ctrl *ctrl);
void vnvme_aen_reset(struct vnvme_ctrl *ctrl);
unsigned long vnvme_aen_told_by(const struct vnvme_ctrl *ctrl, u8 lid);
void vnvme_aen_read(struct vnvme_ctrl *ctrl, u8 lid, unsigned long told);
bool vnvme_aer_abort(struct vnvme_ctrl *ctrl, u16 cid);
u16 vnvme_aer_command(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd);

/* identity.c */
void vnvme_oui(u8 oui[3]);

/* identify.c */
u16 vnvme_identify_command(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd);

/* feature.c */
void vnvme_feature_reset(struct vnvme_ctrl *ctrl);
u32 vnvme_feature_effects(const struct vnvme_ctrl *ctrl, u8 fid);
bool vnvme_temperature_critical(const struct vnvme_ctrl *ctrl);
u16 vnvme_set_features_command(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd);
u16 vnvme_get_features_command(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd);

/* log.c */
#define VNVME_TEMPERATURE	310	/* K, where nobody knows */
#define VNVME_WCTEMP		343
#define VNVME_CCTEMP		353

static inline u16 vnvme_temperature(const struct vnvme_ctrl *ctrl)
{
	return ctrl->health.temperature ?: VNVME_TEMPERATURE;
}

void vnvme_errlog_reset(struct vnvme_ctrl *ctrl);
void vnvme_errlog_add(struct vnvme_ctrl *ctrl, u16 sqid, u16 cid, u16 status,
		      u16 loc, u64 lba, u32 nsid);
u16 vnvme_get_log_command(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd);

/* pcicfg.c */
void vnvme_pci_reset(struct vnvme_ctrl *ctrl);
bool vnvme_intx_there(const struct vnvme_ctrl *ctrl);

/* ctrl.c */
void vnvme_ctrl_event(struct vnvme_ctrl *ctrl, enum vnvme_event event);
void vnvme_cc_write(struct vnvme_ctrl *ctrl, u32 val);
void vnvme_ctrl_going(struct vnvme_ctrl *ctrl);
bool vnvme_flush_settled(struct vnvme_ctrl *ctrl, u16 cid);
void vnvme_ns_protect(struct vnvme_ns *ns, u8 protect);
void vnvme_ns_notice(struct vnvme_ctrl *ctrl, u32 nsid);

#endif
