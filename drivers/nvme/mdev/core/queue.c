// SPDX-License-Identifier: GPL-2.0
/*
 * Submission and completion rings, their doorbells and shadow doorbells.
 *
 * This is the one door through which doorbell values enter: behind it a tail
 * or a head lies inside its ring.  A value that cannot be is reported, noted as
 * seen and not looked at again until it changes; nothing is written back over
 * the guest's word.
 */
#include "internal.h"

/* What a doorbell value may be: up to @span entries after @from. */
struct vnvme_db_door {
	u32	from;
	u32	span;
	u32	depth;
};

static bool vnvme_db_fits(struct vnvme_db_door door, u32 val)
{
	return val < door.depth &&
	       vnvme_ring_dist(door.from, val, door.depth) <= door.span;
}

static __always_inline __le32 *
vnvme_dbbuf_word(const struct vnvme_ctrl *ctrl, u64 page, unsigned int index)
{
	struct vnvme_extent x;

	if (!vnvme_mem_lookup(ctrl->mem, page + 4 * index, &x) || x.ro)
		return NULL;
	return x.kva;
}

/*
 * Queue or DBBUF memory cannot be used.  What was pinned together with memory
 * that the guest unmaps goes away with it, for a moment: control pins it again,
 * or finds that it is the guest's no more.  What is read-only stays so.
 */
static noinline void vnvme_memory_lost(struct vnvme_ctrl *ctrl, u64 iova,
				       bool write)
{
	struct vnvme_extent x;

	if (write && vnvme_mem_lookup(ctrl->mem, iova, &x) && x.ro) {
		vnvme_ctrl_fatal(ctrl);
		return;
	}
	WRITE_ONCE(ctrl->lost, true);
	ctrl->env->work(ctrl);
}

static bool vnvme_dbbuf_put(struct vnvme_ctrl *ctrl, u64 page,
			    unsigned int index, u32 val)
{
	__le32 *word = vnvme_dbbuf_word(ctrl, page, index);

	if (unlikely(!word)) {
		vnvme_memory_lost(ctrl, page, true);
		return false;
	}
	WRITE_ONCE(*word, cpu_to_le32(val));
	return true;
}

/*
 * The value of a doorbell whose last accepted value is @cur; with DBBUF.
 *
 * A guest that uses a queue's shadow writes it first and BAR0 after, if at all;
 * one that rings a queue through BAR0 alone (Linux, its admin queue) never
 * touches the shadow, and gets it updated from here.  The shadow is only
 * written when BAR0 brings something new: the guest may be writing it.
 */
static __always_inline u32 vnvme_shadow_take(struct vnvme_ctrl *ctrl,
					     unsigned int index, u32 *db,
					     u32 *shadow, __le32 **kept,
					     u32 cur,
					     struct vnvme_db_door door)
{
	u32 m, s, was = *db;
	__le32 *word = *kept;
	bool bad = false;

	if (unlikely(!word)) {
		word = vnvme_dbbuf_word(ctrl, ctrl->dbbuf.db, index);
		if (!word) {
			vnvme_memory_lost(ctrl, ctrl->dbbuf.db, true);
			return cur;
		}
		*kept = word;
	}
	s = vnvme_dbbuf_get(word);
	/* pairs with the guest's barrier between its shadow and BAR0 writes */
	smp_rmb();
	m = vnvme_db_get(ctrl, index);
	WRITE_ONCE(*db, m);
	if (m != was) {
		/* pairs with the same: BAR0 is new, so its shadow is there */
		smp_rmb();
		s = vnvme_dbbuf_get(word);
	}
	if (s != *shadow) {
		WRITE_ONCE(*shadow, s);
		if (vnvme_db_fits(door, s))
			return s;
		bad = true;
	}
	if (m != was && m != cur) {
		if (vnvme_db_fits(door, m)) {
			WRITE_ONCE(*word, cpu_to_le32(m));
			WRITE_ONCE(*shadow, m);
			cur = m;
		} else {
			bad = true;
		}
	}
	if (unlikely(bad))
		vnvme_aen_raise(ctrl, VNVME_AEN_DB_VALUE);
	return cur;
}

/* The same without DBBUF.  *@cur stays if there is nothing, or nonsense. */
static __always_inline void vnvme_db_take(struct vnvme_ctrl *ctrl,
					  unsigned int index, u32 *db, u32 *cur,
					  struct vnvme_db_door door)
{
	u32 m = vnvme_db_get(ctrl, index);

	if (m == *db)
		return;
	WRITE_ONCE(*db, m);
	if (likely(vnvme_db_fits(door, m)))
		WRITE_ONCE(*cur, m);
	else
		vnvme_aen_raise(ctrl, VNVME_AEN_DB_VALUE);
}

/* Has a doorbell changed since it was last taken? */
static bool vnvme_db_changed(const struct vnvme_ctrl *ctrl, unsigned int index,
			     u32 db, u32 shadow)
{
	const __le32 *word;

	if (vnvme_db_get(ctrl, index) != db)
		return true;
	if (!ctrl->dbbuf.db)
		return false;
	word = vnvme_dbbuf_word(ctrl, ctrl->dbbuf.db, index);
	/* a page that has vanished: the step finds out */
	return !word || vnvme_dbbuf_get(word) != shadow;
}

/* The entries of a ring from @i on, as far as one look-up tells: how many. */
static u32 vnvme_run_find(struct vnvme_ctrl *ctrl, u64 base, u32 i, u32 depth,
			  u32 size, bool write, void **at)
{
	struct vnvme_extent x;
	u64 iova = base + i * size;

	if (unlikely(!vnvme_mem_lookup(ctrl->mem, iova, &x) ||
		     (write && x.ro))) {
		vnvme_memory_lost(ctrl, iova, write);
		return 0;
	}
	*at = x.kva;
	/* entries do not straddle pages */
	return min(x.len / size, depth - i);
}

/**
 * vnvme_lane_forget() - look-ups that the lane keeps are good no more
 * @lane:	lane
 *
 * Context: owner (admin queue: control).
 */
void vnvme_lane_forget(struct vnvme_lane *lane)
{
	struct vnvme_sq *sq;

	lane->cq_left = 0;
	lane->cq.word = NULL;
	for (sq = lane->sqs; sq; sq = sq->next) {
		sq->left = 0;
		sq->word = NULL;
	}
}

/* ---------------------------------------------------------------- SQ ---- */

/**
 * vnvme_sq_init() - a submission queue as its creation leaves it
 * @sq:		queue
 * @id:		its identifier
 * @cqid:	where its commands are answered
 * @base:	guest address of the ring, page aligned
 * @depth:	entries, at least 2
 */
void vnvme_sq_init(struct vnvme_sq *sq, u16 id, u16 cqid, u64 base, u32 depth)
{
	memset(sq, 0, sizeof(*sq));
	sq->id = id;
	sq->answer_id = (u32)id << 16;
	sq->cqid = cqid;
	sq->base = base;
	sq->depth = depth;
	sq->del_cid = VNVME_NO_CMD;
	sq->live = true;
}

/* Anywhere in the ring: up to depth - 1 after the head. */
static struct vnvme_db_door vnvme_sq_door(const struct vnvme_sq *sq)
{
	return (struct vnvme_db_door){ .span = ~0u, .depth = sq->depth };
}

/**
 * vnvme_sq_take_slow() - vnvme_sq_take() where that is not enough
 * @ctrl:	controller
 * @sq:		live queue
 *
 * Context: owner (admin queue: control).
 */
noinline void vnvme_sq_take_slow(struct vnvme_ctrl *ctrl, struct vnvme_sq *sq)
{
	unsigned int index = vnvme_sq_db_index(sq->id);
	u32 tail;

	if (!ctrl->dbbuf.db) {
		vnvme_db_take(ctrl, index, &sq->db, &sq->tail,
			      vnvme_sq_door(sq));
		return;
	}
	tail = vnvme_shadow_take(ctrl, index, &sq->db, &sq->shadow, &sq->word,
				 sq->tail, vnvme_sq_door(sq));
	if (tail == sq->tail)
		return;
	WRITE_ONCE(sq->tail, tail);
	if (sq->id)
		vnvme_sq_event_lag(ctrl, sq);
}

/**
 * vnvme_sq_ready() - would a fetch find commands?
 * @ctrl:	controller
 * @sq:		live queue
 *
 * Context: any.
 * Return: false only if there is nothing new.
 */
bool vnvme_sq_ready(const struct vnvme_ctrl *ctrl, const struct vnvme_sq *sq)
{
	return READ_ONCE(sq->tail) != READ_ONCE(sq->head) ||
	       vnvme_db_changed(ctrl, vnvme_sq_db_index(sq->id),
				READ_ONCE(sq->db), READ_ONCE(sq->shadow));
}

/**
 * vnvme_sq_run() - find the ring's memory from the head on
 * @ctrl:	controller
 * @sq:		live queue
 *
 * Return: false if it is missing; control then looks for it.
 */
bool vnvme_sq_run(struct vnvme_ctrl *ctrl, struct vnvme_sq *sq)
{
	sq->left = vnvme_run_find(ctrl, sq->base, sq->head, sq->depth,
				  sizeof(struct vnvme_sqe), false, &sq->at);
	return sq->left;
}

/**
 * vnvme_sq_run_end() - what was found of the ring is used up
 * @sq:		queue whose head has moved
 *
 * No run goes past the ring's end.
 */
noinline void vnvme_sq_run_end(struct vnvme_sq *sq)
{
	if (sq->head == sq->depth)
		WRITE_ONCE(sq->head, 0);
}

/**
 * vnvme_sq_event_set() - write a queue's EventIdx
 * @ctrl:	controller, with DBBUF
 * @sq:		queue
 * @event:	the guest writes BAR0 when its tail passes this
 */
noinline void vnvme_sq_event_set(struct vnvme_ctrl *ctrl, struct vnvme_sq *sq,
				 u32 event)
{
	if (sq->event == event)
		return;
	if (vnvme_dbbuf_put(ctrl, ctrl->dbbuf.ei, vnvme_sq_db_index(sq->id),
			    event))
		sq->event = event;
	ctrl->lane[sq->cqid].stat.eventidx++;
}

/**
 * vnvme_sq_event_arm() - have the guest's next tail written to BAR0
 * @ctrl:	controller
 * @sq:		queue
 *
 * The caller looks at the queue again after a full barrier.
 */
void vnvme_sq_event_arm(struct vnvme_ctrl *ctrl, struct vnvme_sq *sq)
{
	if (ctrl->dbbuf.db)
		vnvme_sq_event_set(ctrl, sq, sq->tail);
}

/* ---------------------------------------------------------------- CQ ---- */

/**
 * vnvme_cq_init() - a completion queue as its creation leaves it
 * @cq:		queue
 * @id:		its identifier
 * @base:	guest address of the ring, page aligned
 * @depth:	entries, at least 2
 * @vector:	interrupt vector
 * @irq:	interrupts enabled
 */
void vnvme_cq_init(struct vnvme_cq *cq, u16 id, u64 base, u32 depth, u16 vector,
		   bool irq)
{
	memset(cq, 0, sizeof(*cq));
	cq->id = id;
	cq->base = base;
	cq->depth = depth;
	cq->vector = vector;
	cq->irq_enabled = irq;
	cq->phase = VNVME_CQE_PHASE;
	cq->live = true;
}

static struct vnvme_db_door vnvme_cq_door(const struct vnvme_cq *cq)
{
	u32 head = READ_ONCE(cq->head);

	return (struct vnvme_db_door){
		.from = head, .depth = cq->depth,
		.span = vnvme_ring_dist(head, READ_ONCE(cq->tail), cq->depth),
	};
}

static void vnvme_cq_event_set(struct vnvme_ctrl *ctrl, struct vnvme_cq *cq,
			       u32 event)
{
	if (cq->event == event)
		return;
	if (vnvme_dbbuf_put(ctrl, ctrl->dbbuf.ei, vnvme_cq_db_index(cq->id),
			    event))
		cq->event = event;
	ctrl->lane[cq->id].stat.eventidx++;
}

/* The guest has taken entries up to @head: of those nobody has to tell it. */
static void vnvme_cq_head_set(struct vnvme_cq *cq, u32 head)
{
	if (vnvme_ring_dist(cq->head, head, cq->depth) >
	    vnvme_ring_dist(cq->head, cq->told, cq->depth))
		WRITE_ONCE(cq->told, head);
	WRITE_ONCE(cq->head, head);
}

static noinline void vnvme_cq_shadow_take(struct vnvme_ctrl *ctrl,
					  struct vnvme_cq *cq)
{
	vnvme_cq_head_set(cq, vnvme_shadow_take(ctrl, vnvme_cq_db_index(cq->id),
						&cq->db, &cq->shadow, &cq->word,
						cq->head, vnvme_cq_door(cq)));
	/* as vnvme_sq_event_lag(); the admin queue stays armed */
	if (cq->id &&
	    vnvme_ring_dist(cq->head, cq->event, cq->depth) <= cq->depth / 4)
		vnvme_cq_event_set(ctrl, cq,
				   (cq->head ? cq->head : cq->depth) - 1);
}

/**
 * vnvme_cq_take() - take the head doorbell
 * @ctrl:	controller
 * @cq:		live queue
 *
 * Context: owner (admin queue: control).
 */
void vnvme_cq_take(struct vnvme_ctrl *ctrl, struct vnvme_cq *cq)
{
	u32 head = cq->head;

	if (ctrl->dbbuf.db) {
		vnvme_cq_shadow_take(ctrl, cq);
		return;
	}
	vnvme_db_take(ctrl, vnvme_cq_db_index(cq->id), &cq->db, &head,
		      vnvme_cq_door(cq));
	if (head != cq->head)
		vnvme_cq_head_set(cq, head);
}

/**
 * vnvme_cq_refresh() - is there room?  Look at the head doorbell first
 * @ctrl:	controller
 * @cq:		live queue
 *
 * Called where the head last seen leaves too little room.
 *
 * Context: owner (admin queue: control).
 * Return: true if there is room now.
 */
bool vnvme_cq_refresh(struct vnvme_ctrl *ctrl, struct vnvme_cq *cq)
{
	vnvme_cq_take(ctrl, cq);
	return !vnvme_cq_full(cq);
}

/**
 * vnvme_cq_may_have_room() - is it worth calling vnvme_cq_room()?
 * @ctrl:	controller
 * @cq:		live queue
 *
 * Context: any.
 * Return: false only if the queue is full and the guest has not moved its head.
 */
bool vnvme_cq_may_have_room(const struct vnvme_ctrl *ctrl,
			    const struct vnvme_cq *cq)
{
	return !vnvme_cq_full(cq) ||
	       vnvme_db_changed(ctrl, vnvme_cq_db_index(cq->id),
				READ_ONCE(cq->db), READ_ONCE(cq->shadow));
}

/**
 * vnvme_cq_unread() - are there entries that the guest has not taken?
 * @ctrl:	controller
 * @cq:		live queue
 *
 * Context: any; takes nothing.
 * Return: true if so.
 */
bool vnvme_cq_unread(const struct vnvme_ctrl *ctrl, const struct vnvme_cq *cq)
{
	unsigned int index = vnvme_cq_db_index(cq->id);
	struct vnvme_db_door door = vnvme_cq_door(cq);
	u32 head = door.from;
	const __le32 *word;
	u32 val;

	val = vnvme_db_get(ctrl, index);
	if (val != READ_ONCE(cq->db) && vnvme_db_fits(door, val))
		head = val;
	if (ctrl->dbbuf.db) {
		word = vnvme_dbbuf_word(ctrl, ctrl->dbbuf.db, index);
		val = word ? vnvme_dbbuf_get(word) : head;
		if (val != READ_ONCE(cq->shadow) && vnvme_db_fits(door, val))
			head = val;
	}
	return vnvme_ring_dist(door.from, head, door.depth) != door.span;
}

/**
 * vnvme_cq_event_arm() - have the head that frees a full queue written to BAR0
 * @ctrl:	controller
 * @cq:		queue
 *
 * A guest that drains a queue it has found full rings nothing else: EventIdx
 * has to be the head, not the tail.
 */
void vnvme_cq_event_arm(struct vnvme_ctrl *ctrl, struct vnvme_cq *cq)
{
	if (ctrl->dbbuf.db && vnvme_cq_full(cq))
		vnvme_cq_event_set(ctrl, cq, cq->head);
}

/**
 * vnvme_cq_run() - find the ring's memory from the tail on
 * @lane:	of the queue; ->cq_at and ->cq_left are set
 *
 * Return: false if it may not be written, or is missing: control then looks for
 *	   it.
 */
bool vnvme_cq_run(struct vnvme_lane *lane)
{
	struct vnvme_cq *cq = &lane->cq;

	if (READ_ONCE(lane->ctrl->master))
		lane->cq_left = vnvme_run_find(lane->ctrl, cq->base, cq->tail,
					       cq->depth,
					       sizeof(struct vnvme_cqe), true,
					       &lane->cq_at);
	return lane->cq_left;
}

/**
 * vnvme_cq_run_end() - what was found of the ring is used up
 * @cq:		queue whose tail has moved
 *
 * No run goes past the ring's end.
 */
noinline void vnvme_cq_run_end(struct vnvme_cq *cq)
{
	if (cq->tail != cq->depth)
		return;
	cq->phase ^= VNVME_CQE_PHASE;
	WRITE_ONCE(cq->tail, 0);
}

/* ------------------------------------------------------------- DBBUF ---- */

/**
 * vnvme_dbbuf_pin() - have both pages of DBBUF in the table
 * @ctrl:	controller
 * @pages:	where
 *
 * Context: control, owners not parked.
 * Return: true if both were found; the guest may unmap them at any time.
 */
bool vnvme_dbbuf_pin(struct vnvme_ctrl *ctrl, struct vnvme_dbbuf pages)
{
	const struct vnvme_env *env = ctrl->env;
	unsigned int tries;

	/* one page may go away while the other is being pinned */
	for (tries = 0; tries < VNVME_PIN_TRIES; tries++) {
		if (env->pin(ctrl, pages.db, VNVME_PAGE_SIZE) ||
		    env->pin(ctrl, pages.ei, VNVME_PAGE_SIZE))
			return false;
		if (vnvme_dbbuf_word(ctrl, pages.db, 0) &&
		    vnvme_dbbuf_word(ctrl, pages.ei, 0))
			return true;
	}
	return false;
}

/**
 * vnvme_dbbuf_clear() - nothing stale in the words of a queue to be made
 * @ctrl:	controller
 * @index:	of the doorbell
 *
 * Context: control, owners not parked; nobody uses these words.
 * Return: false if the pages cannot be used; the controller then fails.
 */
bool vnvme_dbbuf_clear(struct vnvme_ctrl *ctrl, unsigned int index)
{
	if (!ctrl->dbbuf.db)
		return true;
	if (!vnvme_dbbuf_pin(ctrl, ctrl->dbbuf)) {
		vnvme_ctrl_fatal(ctrl);
		return false;
	}
	return vnvme_dbbuf_put(ctrl, ctrl->dbbuf.db, index, 0) &&
	       vnvme_dbbuf_put(ctrl, ctrl->dbbuf.ei, index, 0);
}

/*
 * A word of a page that the guest has just handed over.  A driver may have
 * used its shadow doorbells before it told us where they are (Linux does, after
 * a controller reset): a value other than 0 that fits is where it stands.  0 is
 * what fresh memory holds: then the word gets the value that BAR0 gave.  So it
 * does for the admin queue, which is rung through BAR0 up to this command.
 */
static u32 vnvme_dbbuf_start(__le32 *page, unsigned int index, u32 cur,
			     struct vnvme_db_door door)
{
	u32 val = vnvme_dbbuf_get(&page[index]);

	if (index > vnvme_cq_db_index(0) && val && vnvme_db_fits(door, val))
		return val;
	WRITE_ONCE(page[index], cpu_to_le32(cur));
	return cur;
}

/**
 * vnvme_dbbuf_adopt() - let the queues that exist take part in DBBUF
 * @ctrl:	controller; owners parked
 * @pages:	where, found by vnvme_dbbuf_pin()
 *
 * All of them start armed: their poller may be asleep.
 * Return: false, with nothing changed, if the guest has unmapped a page since.
 */
bool vnvme_dbbuf_adopt(struct vnvme_ctrl *ctrl, struct vnvme_dbbuf pages)
{
	__le32 *db = vnvme_dbbuf_word(ctrl, pages.db, 0);
	__le32 *ei = vnvme_dbbuf_word(ctrl, pages.ei, 0);
	struct vnvme_sq *sq;
	struct vnvme_cq *cq;
	unsigned int i, id;

	if (!db || !ei)
		return false;
	ctrl->dbbuf = pages;
	for (i = 0; i <= ctrl->cfg.nr_ioq; i++) {
		vnvme_lane_forget(&ctrl->lane[i]);
		sq = &ctrl->sq[i];
		id = vnvme_sq_db_index(i);
		if (sq->live) {
			WRITE_ONCE(sq->tail, vnvme_dbbuf_start(db, id, sq->tail,
							       vnvme_sq_door(sq)));
			WRITE_ONCE(sq->shadow, sq->tail);
			sq->event = sq->tail;
			WRITE_ONCE(ei[id], cpu_to_le32(sq->event));
		}
		cq = &ctrl->lane[i].cq;
		id = vnvme_cq_db_index(i);
		if (cq->live) {
			vnvme_cq_head_set(cq, vnvme_dbbuf_start(db, id, cq->head,
								vnvme_cq_door(cq)));
			WRITE_ONCE(cq->shadow, cq->head);
			cq->event = cq->head;
			WRITE_ONCE(ei[id], cpu_to_le32(cq->event));
		}
	}
	return true;
}

/**
 * vnvme_db_scan() - doorbells of queues that do not exist: report and forget
 * @ctrl:	controller
 *
 * Context: owner.
 */
void vnvme_db_scan(struct vnvme_ctrl *ctrl)
{
	unsigned int i, nr = VNVME_PAGE_SIZE / sizeof(*ctrl->db);
	bool found = false;

	if (READ_ONCE(ctrl->state) != VNVME_READY)
		return;
	for (i = 0; i < nr; i++) {
		if (!READ_ONCE(ctrl->db[i]))
			continue;
		if (i / 2 <= ctrl->cfg.nr_ioq &&
		    (i & 1 ? READ_ONCE(ctrl->lane[i / 2].cq.live) :
			     READ_ONCE(ctrl->sq[i / 2].live)))
			continue;
		WRITE_ONCE(ctrl->db[i], 0);
		found = true;
	}
	if (found)
		vnvme_aen_raise(ctrl, VNVME_AEN_DB_REGISTER);
}
