// SPDX-License-Identifier: GPL-2.0
/*
 * Submission and completion rings, their doorbells and shadow doorbells.
 *
 * This is the one door through which doorbell values enter: behind it a tail
 * or a head lies inside its ring.  A value that cannot be is reported and not
 * looked at again, so that it does not become good when the ring turns: in BAR0
 * the last good one is put back, over the guest's shadow nothing is written.
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
 * or finds that it is the guest's no more, or may not be written.
 */
static noinline void vnvme_memory_lost(struct vnvme_ctrl *ctrl)
{
	WRITE_ONCE(ctrl->lost, true);
	ctrl->env->work(ctrl);
}

/**
 * vnvme_memory_poisoned() - memory of a queue or of DBBUF has an error: the controller fails
 * @ctrl:	controller
 *
 * Context: any.
 * Return: ~0
 */
noinline u32 vnvme_memory_poisoned(const struct vnvme_ctrl *ctrl)
{
	if (!READ_ONCE(ctrl->fatal))
		vnvme_ctrl_fatal((struct vnvme_ctrl *)ctrl);
	return ~0u;
}

static void vnvme_dbbuf_set(const struct vnvme_ctrl *ctrl, __le32 *word, u32 val)
{
	vnvme_guest_store(word, cpu_to_le32(val), bad);
	return;
bad:
	vnvme_memory_poisoned(ctrl);
}

static bool vnvme_dbbuf_put(struct vnvme_ctrl *ctrl, u64 page,
			    unsigned int index, u32 val)
{
	__le32 *word = vnvme_dbbuf_word(ctrl, page, index);

	if (unlikely(!word)) {
		vnvme_memory_lost(ctrl);
		return false;
	}
	vnvme_dbbuf_set(ctrl, word, val);
	return true;
}

/* Where a queue keeps what is known of one of its doorbells. */
struct vnvme_db_view {
	u32	*db, *shadow, *event;
	__le32	**word, *own;
	u8	*use;
};

static struct vnvme_db_view vnvme_sq_view(struct vnvme_sq *sq)
{
	return (struct vnvme_db_view){ &sq->db, &sq->shadow, &sq->event,
				       &sq->word, &sq->own, &sq->use };
}

static struct vnvme_db_view vnvme_cq_view(struct vnvme_cq *cq)
{
	return (struct vnvme_db_view){ &cq->db, &cq->shadow, &cq->event,
				       &cq->word, &cq->own, &cq->use };
}

/* A shadow that is not looked at does not change, for those who look at ->word. */
static void vnvme_db_shut(const struct vnvme_db_view *v)
{
	*v->own = cpu_to_le32(*v->shadow);
	*v->word = v->own;
}

/*
 * In the last word of the EventIdx page, which is no queue's: as long as it is
 * there the pages are DBBUF's, and where it is found by Doorbell Buffer Config
 * they were not cleared since an earlier one.
 */
#define VNVME_DBBUF_MARK	0x6d646576u
#define VNVME_DBBUF_MARK_AT	(VNVME_PAGE_SIZE / 4 - 1)

/* A look at a doorbell that has changed in BAR0, to @m, from @cur. */
struct vnvme_db_look {
	u32	m, cur;
	u32	s;		/* its shadow word, */
	u32	shadow;		/* and what the controller knows of it */
	u8	use;
};

static bool vnvme_dbbuf_marked(const struct vnvme_ctrl *ctrl)
{
	const __le32 *mark = vnvme_dbbuf_word(ctrl, ctrl->dbbuf.ei,
					      VNVME_DBBUF_MARK_AT);

	return !mark || vnvme_dbbuf_get(ctrl, mark) == VNVME_DBBUF_MARK;
}

/*
 * Does the guest use the shadow?  The controller has written the word itself, so
 * that only another value can be the guest's, at BAR0's or ahead of it.  0 is
 * also what memory holds that was given back and cleared: it is believed where
 * a queue was not rung without its shadow before.  What is none of that is no
 * doorbell any more, and not to be written either.
 */
static u8 vnvme_db_use(const struct vnvme_ctrl *ctrl, unsigned int index,
		       struct vnvme_db_look l, struct vnvme_db_door door)
{
	if (l.use == VNVME_DB_SHADOW || l.use == VNVME_DB_LEFT ||
	    !vnvme_db_fits(door, l.m))
		return l.use;
	if (!vnvme_dbbuf_marked(ctrl))
		return VNVME_DB_LEFT;
	if (l.s == l.shadow || (!l.s && !l.m))
		return VNVME_DB_BAR0;
	if (!l.s)
		return l.use == VNVME_DB_NEW && index > vnvme_cq_db_index(0) ?
		       VNVME_DB_SHADOW : VNVME_DB_UNSURE;
	if (vnvme_db_fits(door, l.s) &&
	    vnvme_ring_dist(l.cur, l.m, door.depth) <=
	    vnvme_ring_dist(l.cur, l.s, door.depth))
		return VNVME_DB_SHADOW;
	return VNVME_DB_LEFT;
}

/* Have the guest's next move from @event on reach BAR0.  Return: false if that is missing. */
static bool vnvme_db_arm(struct vnvme_ctrl *ctrl, unsigned int index,
			 const struct vnvme_db_view *v, u32 event)
{
	if (*v->event == event)
		return true;
	if (!vnvme_dbbuf_put(ctrl, ctrl->dbbuf.ei, index, event))
		return false;
	*v->event = event;
	return true;
}

/*
 * Rung without its shadow, which gets the value, too.  EventIdx first: a guest
 * that finds the new shadow finds that, and its next move reaches BAR0.
 *
 * Return: false if EventIdx is missing; control then looks for it.
 */
static bool vnvme_db_follow(struct vnvme_ctrl *ctrl, unsigned int index,
			    const struct vnvme_db_view *v, __le32 *word, u32 m)
{
	if (*v->use == VNVME_DB_LEFT)
		return true;
	if (*v->use == VNVME_DB_UNSURE)
		return vnvme_db_arm(ctrl, index, v, 0);
	WRITE_ONCE(*v->use, VNVME_DB_BAR0);
	if (!vnvme_db_arm(ctrl, index, v, m))
		return false;
	/* pairs with the guest's barrier between its shadow and EventIdx */
	smp_wmb();
	vnvme_dbbuf_set(ctrl, word, m);
	WRITE_ONCE(*v->shadow, m);
	vnvme_db_shut(v);
	return true;
}

/* @m came through BAR0 and may not be: unless there is a new one, @cur stands. */
static void vnvme_db_refuse(struct vnvme_ctrl *ctrl, unsigned int index, u32 *db,
			    u32 m, u32 cur)
{
	u32 bad = (__force u32)cpu_to_le32(m);

	if (cmpxchg(&ctrl->db[index], bad, (__force u32)cpu_to_le32(cur)) == bad)
		WRITE_ONCE(*db, cur);
}

/* The same without DBBUF.  Return: @cur if there is nothing, or nonsense. */
static __always_inline u32 vnvme_db_take(struct vnvme_ctrl *ctrl,
					 unsigned int index, u32 *db, u32 cur,
					 struct vnvme_db_door door)
{
	u32 m = vnvme_db_get(ctrl, index);

	if (m == *db)
		return cur;
	WRITE_ONCE(*db, m);
	if (likely(vnvme_db_fits(door, m)))
		return m;
	vnvme_db_refuse(ctrl, index, db, m, cur);
	vnvme_aen_raise(ctrl, VNVME_AEN_DB_VALUE);
	return cur;
}

/*
 * The value of a doorbell whose last accepted value is @cur; with DBBUF.
 *
 * A guest that uses a queue's shadow writes it first and BAR0 after, if at all;
 * one that rings a queue through BAR0 alone (Linux, its admin queue) never
 * touches the shadow, may have given its page back, and gets it updated from
 * here.  So a shadow is looked at only once the guest was seen to use it, which
 * is when BAR0 changes, and the word has, too.  Until then EventIdx stays at the
 * value last taken, and each move of the guest's reaches BAR0.
 */
static noinline u32 vnvme_shadow_take(struct vnvme_ctrl *ctrl,
				      unsigned int index,
				      struct vnvme_db_view v, u32 cur,
				      struct vnvme_db_door door)
{
	__le32 *word = *v.use == VNVME_DB_SHADOW ? *v.word : NULL;
	u32 m, s, was = *v.db;
	bool bad = false;

	if (*v.use != VNVME_DB_SHADOW)
		vnvme_db_shut(&v);
	if (*v.use == VNVME_DB_LEFT)
		return vnvme_db_take(ctrl, index, v.db, cur, door);
	if (*v.use != VNVME_DB_SHADOW && vnvme_db_get(ctrl, index) == was)
		return cur;
	if (unlikely(!word)) {
		word = vnvme_dbbuf_word(ctrl, ctrl->dbbuf.db, index);
		if (!word) {
			vnvme_memory_lost(ctrl);
			return cur;
		}
	}
	s = vnvme_dbbuf_get(ctrl, word);
	/* pairs with the guest's barrier between its shadow and BAR0 writes */
	smp_rmb();
	m = vnvme_db_get(ctrl, index);
	WRITE_ONCE(*v.db, m);
	if (m != was) {
		/* pairs with the same: BAR0 is new, so its shadow is there */
		smp_rmb();
		s = vnvme_dbbuf_get(ctrl, word);
		WRITE_ONCE(*v.use,
			   vnvme_db_use(ctrl, index,
					(struct vnvme_db_look){
						.m = m, .cur = cur, .s = s,
						.shadow = *v.shadow,
						.use = *v.use }, door));
	}
	if (*v.use == VNVME_DB_SHADOW) {
		*v.word = word;
		if (s != *v.shadow) {
			WRITE_ONCE(*v.shadow, s);
			if (vnvme_db_fits(door, s))
				return s;
			bad = true;
		}
	}
	if (m != was && m != cur) {
		if (!vnvme_db_fits(door, m)) {
			vnvme_db_refuse(ctrl, index, v.db, m, cur);
			bad = true;
		} else if (vnvme_db_follow(ctrl, index, &v, word, m)) {
			cur = m;
		} else {
			/* nothing was taken: it is looked at again */
			WRITE_ONCE(*v.db, was);
		}
	}
	if (unlikely(bad))
		vnvme_aen_raise(ctrl, VNVME_AEN_DB_VALUE);
	return cur;
}

/* Has a doorbell changed since it was last taken? */
static bool vnvme_db_changed(const struct vnvme_ctrl *ctrl, unsigned int index,
			     u32 db, u32 shadow, u8 use)
{
	const __le32 *word;

	if (vnvme_db_get(ctrl, index) != db)
		return true;
	if (!ctrl->dbbuf.db || use != VNVME_DB_SHADOW)
		return false;
	word = vnvme_dbbuf_word(ctrl, ctrl->dbbuf.db, index);
	/* a page that has vanished: the step finds out */
	return !word || vnvme_dbbuf_get(ctrl, word) != shadow;
}

/* The entries of a ring from @i on, as far as one look-up tells: how many. */
static u32 vnvme_run_find(struct vnvme_ctrl *ctrl, u64 base, u32 i, u32 depth,
			  u32 size, bool write, void **at)
{
	struct vnvme_extent x;
	u64 iova = base + i * size;

	if (unlikely(!vnvme_mem_lookup(ctrl->mem, iova, &x) ||
		     (write && x.ro))) {
		vnvme_memory_lost(ctrl);
		return 0;
	}
	*at = x.kva;
	/* entries do not straddle pages */
	return min(x.len / size, depth - i);
}

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

	if (ctrl->dbbuf.db)
		tail = vnvme_shadow_take(ctrl, index, vnvme_sq_view(sq),
					 sq->tail, vnvme_sq_door(sq));
	else
		tail = vnvme_db_take(ctrl, index, &sq->db, sq->tail,
				     vnvme_sq_door(sq));
	if (tail == sq->tail)
		return;
	WRITE_ONCE(sq->tail, tail);
	if (sq->id && ctrl->dbbuf.db && sq->use == VNVME_DB_SHADOW)
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
				READ_ONCE(sq->db), READ_ONCE(sq->shadow),
				READ_ONCE(sq->use));
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
	if (sq->event == event || sq->use == VNVME_DB_LEFT)
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
	cq->direct = irq;
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
	if (cq->event == event || cq->use == VNVME_DB_LEFT)
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
	    vnvme_ring_dist(cq->head, cq->told, cq->depth)) {
		WRITE_ONCE(cq->told, head);
		/* what is posted next has its own time */
		if (head == cq->tail)
			vnvme_cq_gather_end(cq);
	}
	WRITE_ONCE(cq->head, head);
}

static noinline void vnvme_cq_shadow_take(struct vnvme_ctrl *ctrl,
					  struct vnvme_cq *cq)
{
	vnvme_cq_head_set(cq, vnvme_shadow_take(ctrl, vnvme_cq_db_index(cq->id),
						vnvme_cq_view(cq), cq->head,
						vnvme_cq_door(cq)));
	/* refused: vnvme_cq_settled() is not to find it good later */
	if (cq->use == VNVME_DB_SHADOW && cq->shadow != cq->head)
		cq->word = NULL;
	/* as vnvme_sq_event_lag(); the admin queue stays armed */
	if (cq->id && cq->use == VNVME_DB_SHADOW &&
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
	u32 head;

	if (ctrl->dbbuf.db) {
		vnvme_cq_shadow_take(ctrl, cq);
		return;
	}
	head = vnvme_db_take(ctrl, vnvme_cq_db_index(cq->id), &cq->db, cq->head,
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
				READ_ONCE(cq->db), READ_ONCE(cq->shadow),
				READ_ONCE(cq->use));
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
	struct vnvme_db_look l = {
		.m = vnvme_db_get(ctrl, index), .cur = door.from,
		.shadow = READ_ONCE(cq->shadow), .use = READ_ONCE(cq->use),
	};
	u32 head = door.from;
	const __le32 *word;

	if (l.m != READ_ONCE(cq->db) && vnvme_db_fits(door, l.m))
		head = l.m;
	word = ctrl->dbbuf.db ? vnvme_dbbuf_word(ctrl, ctrl->dbbuf.db, index) : NULL;
	if (word) {
		l.s = vnvme_dbbuf_get(ctrl, word);
		if (l.m != READ_ONCE(cq->db))
			l.use = vnvme_db_use(ctrl, index, l, door);
		if (l.use == VNVME_DB_SHADOW && l.s != l.shadow &&
		    vnvme_db_fits(door, l.s))
			head = l.s;
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

/* The pages that a guest hands over, and whether it has cleared them. */
struct vnvme_dbbuf_words {
	const struct vnvme_ctrl	*ctrl;
	__le32			*db, *ei;
	bool			cleared;
};

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
 * a controller reset): then a value other than 0 that fits is where it stands,
 * if it @cleared its pages as it has to.  0 is what fresh memory holds: then the
 * word gets the value that BAR0 gave.  So it does for the admin queue, which is
 * rung through BAR0 up to this command.
 *
 * Armed first, so that a move that the guest makes meanwhile is either found
 * here or reaches BAR0.
 */
static u32 vnvme_dbbuf_start(struct vnvme_dbbuf_words at, unsigned int index,
			     struct vnvme_db_view v, u32 cur,
			     struct vnvme_db_door door)
{
	u32 val;

	vnvme_dbbuf_set(at.ctrl, &at.ei[index], cur);
	/* pairs with the guest's barrier between its shadow and EventIdx */
	smp_mb();
	val = vnvme_dbbuf_get(at.ctrl, &at.db[index]);
	if (at.cleared && index > vnvme_cq_db_index(0) && val &&
	    vnvme_db_fits(door, val)) {
		cur = val;
		WRITE_ONCE(*v.use, VNVME_DB_SHADOW);
		vnvme_dbbuf_set(at.ctrl, &at.ei[index], cur);
	} else {
		WRITE_ONCE(*v.use, VNVME_DB_NEW);
		vnvme_dbbuf_set(at.ctrl, &at.db[index], cur);
	}
	WRITE_ONCE(*v.shadow, cur);
	*v.event = cur;
	return cur;
}

/* Only the controller writes EventIdx: what is there already is another life's. */
static bool vnvme_dbbuf_cleared(const struct vnvme_ctrl *ctrl, const __le32 *ei)
{
	unsigned int i;

	for (i = 0; i < VNVME_PAGE_SIZE / sizeof(*ei); i++)
		if (vnvme_dbbuf_get(ctrl, &ei[i]))
			return false;
	return true;
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
	struct vnvme_dbbuf_words at = {
		.ctrl = ctrl,
		.db = vnvme_dbbuf_word(ctrl, pages.db, 0),
		.ei = vnvme_dbbuf_word(ctrl, pages.ei, 0),
	};
	struct vnvme_sq *sq;
	struct vnvme_cq *cq;
	unsigned int i;

	if (!at.db || !at.ei)
		return false;
	at.cleared = vnvme_dbbuf_cleared(ctrl, at.ei);
	/* what was rung before is not mistaken for what comes after */
	for (i = 0; i <= ctrl->cfg.nr_ioq; i++) {
		if (ctrl->sq[i].live)
			vnvme_sq_take_slow(ctrl, &ctrl->sq[i]);
		if (ctrl->lane[i].cq.live)
			vnvme_cq_take(ctrl, &ctrl->lane[i].cq);
	}
	ctrl->dbbuf = pages;
	vnvme_dbbuf_set(ctrl, &at.ei[VNVME_DBBUF_MARK_AT], VNVME_DBBUF_MARK);
	for (i = 0; i <= ctrl->cfg.nr_ioq; i++) {
		vnvme_lane_forget(&ctrl->lane[i]);
		sq = &ctrl->sq[i];
		if (sq->live)
			WRITE_ONCE(sq->tail,
				   vnvme_dbbuf_start(at, vnvme_sq_db_index(i),
						     vnvme_sq_view(sq), sq->tail,
						     vnvme_sq_door(sq)));
		cq = &ctrl->lane[i].cq;
		if (cq->live)
			vnvme_cq_head_set(cq,
					  vnvme_dbbuf_start(at,
							    vnvme_cq_db_index(i),
							    vnvme_cq_view(cq),
							    cq->head,
							    vnvme_cq_door(cq)));
	}
	return true;
}

/* Is there a doorbell of a queue that does not exist? */
static bool vnvme_db_stray(const struct vnvme_ctrl *ctrl, unsigned int i)
{
	if (!READ_ONCE(ctrl->db[i]))
		return false;
	return i / 2 > ctrl->cfg.nr_ioq ||
	       !(i & 1 ? READ_ONCE(ctrl->lane[i / 2].cq.live) :
			 READ_ONCE(ctrl->sq[i / 2].live));
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
		if (!vnvme_db_stray(ctrl, i))
			continue;
		WRITE_ONCE(ctrl->db[i], 0);
		found = true;
	}
	if (found)
		vnvme_aen_raise(ctrl, VNVME_AEN_DB_REGISTER);
}

/* A doorbell that has a value since it was last taken which it may not have. */
static bool vnvme_db_suspect(const struct vnvme_ctrl *ctrl, unsigned int index,
			     u32 db, u32 shadow, u8 use, struct vnvme_db_door door)
{
	u32 m = vnvme_db_get(ctrl, index);
	const __le32 *word;
	u32 s;

	if (m != db && !vnvme_db_fits(door, m))
		return true;
	if (!ctrl->dbbuf.db || use != VNVME_DB_SHADOW)
		return false;
	word = vnvme_dbbuf_word(ctrl, ctrl->dbbuf.db, index);
	if (!word)
		return false;
	s = vnvme_dbbuf_get(ctrl, word);
	return s != shadow && !vnvme_db_fits(door, s);
}

/* Owners may be moving on meanwhile: who finds something looks again. */
static bool vnvme_db_suspects(const struct vnvme_ctrl *ctrl)
{
	unsigned int i, nr = VNVME_PAGE_SIZE / sizeof(*ctrl->db);
	const struct vnvme_sq *sq;
	const struct vnvme_cq *cq;

	for (i = 0; i < nr; i++)
		if (vnvme_db_stray(ctrl, i))
			return true;
	for (i = 0; i <= ctrl->cfg.nr_ioq; i++) {
		sq = &ctrl->sq[i];
		cq = &ctrl->lane[i].cq;
		if ((sq->live &&
		     vnvme_db_suspect(ctrl, vnvme_sq_db_index(i), READ_ONCE(sq->db),
				      READ_ONCE(sq->shadow), READ_ONCE(sq->use),
				      vnvme_sq_door(sq))) ||
		    (cq->live &&
		     vnvme_db_suspect(ctrl, vnvme_cq_db_index(i), READ_ONCE(cq->db),
				      READ_ONCE(cq->shadow), READ_ONCE(cq->use),
				      vnvme_cq_door(cq))))
			return true;
	}
	return false;
}

/**
 * vnvme_db_watch() - doorbells that may not be, and that nobody has looked at
 * @ctrl:	controller
 *
 * A head is looked at when it is needed, and the page may be mapped: this finds
 * the rest (section 5.2), once a second.  Owners are parked only if there is
 * something.
 *
 * Context: control.
 */
void vnvme_db_watch(struct vnvme_ctrl *ctrl)
{
	unsigned int i;

	if (ctrl->state != VNVME_READY || !ctrl->master || !vnvme_db_suspects(ctrl))
		return;
	ctrl->env->park(ctrl);
	vnvme_db_scan(ctrl);
	for (i = 0; i <= ctrl->cfg.nr_ioq; i++) {
		if (ctrl->sq[i].live)
			vnvme_sq_take_slow(ctrl, &ctrl->sq[i]);
		if (ctrl->lane[i].cq.live)
			vnvme_cq_take(ctrl, &ctrl->lane[i].cq);
		vnvme_lane_forget(&ctrl->lane[i]);
	}
	ctrl->env->unpark(ctrl);
	ctrl->env->kick(ctrl);
	ctrl->env->work(ctrl);
}
