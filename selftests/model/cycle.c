// SPDX-License-Identifier: GPL-2.0
#include "../../drivers/nvme/mdev/core/tests/fake.h"
#include "cycle.h"

#define DEPTH	16

struct cycle {
	struct fake		*f;
	struct vnvme_env	env;
	void			(*kick)(void);
};

static struct cycle *the_cycle;

static u16 null_submit(struct vnvme_backend *b, struct vnvme_lane *lane, struct vnvme_req *req)
{
	vnvme_req_done(req, 0);
	return 0;
}

static const struct vnvme_backend_ops null_ops = {
	.submit	= null_submit,
};

static void cycle_env_kick(struct vnvme_ctrl *ctrl)
{
	the_cycle->kick();
}

struct cycle *cycle_new(_Bool shadow, unsigned int *page, void (*kick)(void))
{
	struct cycle *c = kvzalloc(sizeof(*c), GFP_KERNEL);
	struct fake *f = fake_ready(1);

	if (fake_delete_sq(f, 1) || fake_delete_cq(f, 1) || fake_create(f, 1, 1, DEPTH) ||
	    (shadow && fake_dbbuf(f)) || f->ctrl.env->pin(&f->ctrl, 0, FAKE_RAM))
		return NULL;
	memcpy(page, f->ctrl.db, VNVME_PAGE_SIZE);
	f->ctrl.db = page;
	f->backend.ops = &null_ops;
	c->f = f;
	c->kick = kick;
	c->env = *f->ctrl.env;
	c->env.kick = cycle_env_kick;
	f->ctrl.env = &c->env;
	the_cycle = c;
	return c;
}

void cycle_free(struct cycle *c)
{
	fake_free(c->f);
	kvfree(c);
}

/* The specification's rule: the shadow; a full barrier; BAR0 if it passes EventIdx. */
static void cycle_ring(struct cycle *c, unsigned int index, u32 val,
		       volatile unsigned int *doorbells)
{
	__le32 *shadow = (__le32 *)fake_ptr(c->f, FAKE_SHADOW) + index;
	__le32 *event = (__le32 *)fake_ptr(c->f, FAKE_EVENT) + index;
	__le32 raw = cpu_to_le32(val);
	u16 old, ei;

	if (c->f->q[1].shadow) {
		old = le32_to_cpu(READ_ONCE(*shadow));
		/* entries before the doorbell */
		smp_wmb();
		WRITE_ONCE(*shadow, raw);
#ifndef NO_GUEST_MB
		/* pairs with the controller's between EventIdx and its look */
		smp_mb();
#else
		barrier();
#endif
		ei = le32_to_cpu(READ_ONCE(*event));
		if ((u16)(val - ei - 1) >= (u16)(val - old))
			return;
	}
	/* the entries again, where there is no shadow */
	smp_wmb();
	if (doorbells)
		doorbells[index] = (__force u32)raw;
	else
		vnvme_doorbell_write(&c->f->ctrl, VNVME_BAR_DB + 4 * index, &raw, 4);
}

void cycle_submit(struct cycle *c, unsigned int n, volatile unsigned int *doorbells)
{
	struct vnvme_sqe sqe = fake_rw(VNVME_CMD_READ, 0, 8, FAKE_DATA, 0);

	while (n--) {
		sqe.cid = cpu_to_le16(c->f->q[1].tail);
		fake_push(c->f, 1, &sqe);
	}
	cycle_ring(c, 2, c->f->q[1].tail, doorbells);
}

_Bool cycle_answered(struct cycle *c)
{
	struct fake_queue *q = &c->f->q[1];
	struct vnvme_cqe *e = fake_ptr(c->f, q->cq + q->head * sizeof(*e));

	return (le16_to_cpu(READ_ONCE(e->status)) & 1) == q->phase;
}

unsigned int cycle_take(struct cycle *c, volatile unsigned int *doorbells)
{
	struct vnvme_cqe cqe;
	unsigned int n = 0;

	while (cycle_answered(c)) {
		/* the entry after its phase bit */
		smp_rmb();
		if (!fake_pop(c->f, 1, &cqe) || le16_to_cpu(cqe.status) >> 1)
			c->f->nr_bad++;
		n++;
	}
	if (n)
		cycle_ring(c, 3, c->f->q[1].head, doorbells);
	return n;
}

unsigned int cycle_bad(struct cycle *c)
{
	return c->f->nr_bad;
}

unsigned int cycle_step(struct cycle *c)
{
	return vnvme_lane_step(&c->f->ctrl.lane[1], 32);
}

void cycle_arm(struct cycle *c)
{
	vnvme_lane_arm(&c->f->ctrl.lane[1]);
}

_Bool cycle_pending(struct cycle *c)
{
	return vnvme_lane_pending(&c->f->ctrl.lane[1]);
}

void cycle_look(struct cycle *c, struct cycle_state *s)
{
	struct vnvme_sq *sq = &c->f->ctrl.sq[1];

	*s = (struct cycle_state){
		.sq_head = READ_ONCE(sq->head), .sq_tail = READ_ONCE(sq->tail),
		.db = c->f->ctrl.db[2],
		.shadow = ((u32 *)fake_ptr(c->f, FAKE_SHADOW))[2],
		.event = ((u32 *)fake_ptr(c->f, FAKE_EVENT))[2],
		.guest_tail = c->f->q[1].tail, .guest_head = c->f->q[1].head,
	};
}
