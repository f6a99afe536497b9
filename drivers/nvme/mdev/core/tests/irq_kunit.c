// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts: a guest that sleeps until one comes, fast, slow, and one that
 * defers its head doorbell.
 */
#include <kunit/test.h>
#include <linux/module.h>

#include "fake.h"

#define DEPTH		64u
#define SLACK_NS	100000u		/* of the model: its steps come at random */

/*
 * The guest of queue 1.  It wakes up by an interrupt only, takes entries until
 * it finds none, and goes to sleep without looking again.
 */
static struct sim {
	struct fake *f;
	u32 qd;
	u32 ring_each;		/* entries to a head doorbell; 0: before sleep */
	u32 defer;		/* entries it may owe when it goes to sleep */
	u32 out;		/* submitted, not taken */
	u32 unrung;		/* taken, and the head does not say so */
	u32 seen;		/* interrupts */
	u32 spurious;
	u32 sleeps;
	u64 taken;
	u64 waits_since;	/* an entry, without an interrupt */
	u64 longest;
	u64 coalescing_ns;	/* longer than this is too long, see sim_coalesce() */
	bool awake;
	bool waits;
	bool resubmit;		/* a command for each that was taken, at once */
	bool random;
} sim;

static u32 rnd_state;

static u32 rnd(u32 n)
{
	rnd_state = rnd_state * 1103515245 + 12345;
	return (rnd_state >> 8) % n;
}

static void sim_submit(u32 n)
{
	struct vnvme_sqe sqe;

	if (!n)
		return;
	for (; n; n--) {
		sqe = fake_rw(VNVME_CMD_READ, n, 1, FAKE_DATA, 0);
		fake_push(sim.f, 1, &sqe);
		sim.out++;
	}
	fake_sq_ring(sim.f, 1);
}

static void sim_ring(void)
{
	if (sim.unrung)
		fake_cq_ring(sim.f, 1);
	sim.unrung = 0;
}

/* One thing the guest does. */
static void sim_turn(void)
{
	struct fake *f = sim.f;
	struct vnvme_cqe cqe;

	if (!sim.awake) {
		if (f->irqs[1] == sim.seen)
			return;
		sim.seen = f->irqs[1];
		sim.awake = true;
		sim.waits = false;
		sim.spurious += !fake_peek(f, 1, &cqe);
		return;
	}
	if (fake_pop(f, 1, &cqe)) {
		sim.taken++;
		sim.out--;
		sim.unrung++;
		if (sim.ring_each && sim.unrung >= sim.ring_each)
			sim_ring();
		if (sim.resubmit || (sim.random && rnd(2)))
			sim_submit(1);
		return;
	}
	if (!sim.random)
		sim_submit(sim.qd - sim.out);
	if (sim.unrung > sim.defer || (sim.random && rnd(2)))
		sim_ring();
	sim.awake = false;
	sim.sleeps++;
}

/* How long does an entry wait for a guest that nobody wakes? */
static void sim_watch(void)
{
	struct fake *f = sim.f;
	struct vnvme_cqe cqe;

	if (sim.awake || f->irqs[1] != sim.seen || !fake_peek(f, 1, &cqe)) {
		sim.waits = false;
		return;
	}
	if (!sim.waits) {
		sim.waits = true;
		sim.waits_since = f->now;
	}
	if (f->now - sim.waits_since < sim.coalescing_ns)
		return;
	if (f->now - sim.waits_since - sim.coalescing_ns > sim.longest)
		sim.longest = f->now - sim.waits_since - sim.coalescing_ns;
}

static struct fake *sim_start(struct kunit *test, bool dbbuf, u32 qd)
{
	struct fake *f = fake_new(1);

	KUNIT_ASSERT_TRUE(test, fake_enable(f, 32, 32));
	KUNIT_ASSERT_EQ(test, fake_create(f, 1, 1, DEPTH), 0);
	if (dbbuf)
		KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
	f->mapped = true;
	f->at_once = true;
	f->ctrl.env->pin(&f->ctrl, 0, FAKE_RAM);
	memset(&sim, 0, sizeof(sim));
	sim.f = f;
	sim.qd = qd;
	sim.seen = f->irqs[1];
	return f;
}

/* Steps of the controller and turns of the guest, 1 us each */
static u32 sim_run(u32 commands, u32 steps, u32 budget, u32 turns)
{
	struct fake *f = sim.f;
	u32 irqs = f->irqs[1], i;

	sim_submit(sim.qd);
	while (sim.taken < commands && sim.longest < 10 * SLACK_NS) {
		for (i = 0; i < steps; i++) {
			fake_step(f, 1, budget);
			f->now += 1000;
			sim_watch();
		}
		for (i = 0; i < turns; i++)
			sim_turn();
	}
	return f->irqs[1] - irqs;
}

/* 36: alone it is told of each command at once, and once */
static void irq_qd1(struct kunit *test)
{
	struct fake *f;
	u32 how;

	for (how = 0; how < 4; how++) {
		f = sim_start(test, how & 1, 1);
		/* Linux: the next command may come before the head */
		sim.ring_each = how & 2 ? 1 : 0;
		KUNIT_EXPECT_EQ(test, sim_run(1000, 1, 16, 1), 1000);
		KUNIT_EXPECT_EQ(test, sim.taken, 1000);
		KUNIT_EXPECT_EQ(test, sim.longest, 0);
		KUNIT_EXPECT_EQ(test, sim.spurious, 0);
		KUNIT_EXPECT_EQ(test, f->ctrl.lane[1].stat.late_irqs, 0);
		KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
		fake_free(f);
	}
}

/* The guest polls, too, and is done before the pass is. */
static void sim_polls(struct fake *f)
{
	struct vnvme_cqe cqe;

	while (fake_pop(f, 1, &cqe))
		sim.taken++;
	fake_cq_ring(f, 1);
}

/* 36: what was posted while nothing was left to take has its interrupt */
static void irq_polling_guest(struct kunit *test)
{
	struct fake *f;
	u32 dbbuf, i;

	for (dbbuf = 0; dbbuf < 2; dbbuf++) {
		f = sim_start(test, dbbuf, 1);
		f->on_step = sim_polls;
		for (i = 1; i <= 500; i++) {
			sim_submit(1);
			fake_step(f, 1, 16);
			KUNIT_ASSERT_EQ(test, sim.taken, i);
			KUNIT_ASSERT_EQ(test, f->irqs[1], i);
		}
		fake_free(f);
	}
}

/* 36: a guest that takes all at once gets one for each batch */
static void irq_fast_guest(struct kunit *test)
{
	struct fake *f;
	u32 dbbuf;

	for (dbbuf = 0; dbbuf < 2; dbbuf++) {
		f = sim_start(test, dbbuf, 16);
		KUNIT_EXPECT_EQ(test, sim_run(16000, 1, 16, 64), 1000);
		KUNIT_EXPECT_EQ(test, sim.taken, 16000);
		KUNIT_EXPECT_EQ(test, sim.longest, 0);
		KUNIT_EXPECT_EQ(test, sim.spurious, 0);
		fake_free(f);
	}
}

/* 36: none while it takes entries, each of them posted in a pass of its own */
static void irq_slow_guest(struct kunit *test)
{
	struct fake *f;
	u32 how, irqs;

	for (how = 0; how < 8; how++) {
		f = sim_start(test, how & 1, 32);
		sim.ring_each = how & 2 ? 1 : 4;
		sim.resubmit = true;
		/*
		 * Slower than the controller it never gets to sleep: one each
		 * time it is through with what the last one was about.
		 */
		irqs = sim_run(16000, how & 4 ? 2 : 1, 1, how & 4 ? 1 : 3);
		KUNIT_EXPECT_LE(test, irqs, how & 4 ? 16000 / 31 : sim.sleeps + 1);
		KUNIT_EXPECT_GE(test, sim.taken, 16000);
		KUNIT_EXPECT_LE(test, sim.longest, 2000);
		KUNIT_EXPECT_EQ(test, sim.spurious, 0);
		KUNIT_EXPECT_EQ(test, f->ctrl.lane[1].stat.late_irqs, 0);
		fake_free(f);
	}
}

/* Its head lags behind what it has taken, as it may: it waits, not for long */
static void irq_deferred_head(struct kunit *test)
{
	struct fake *f;
	u32 how;

	for (how = 0; how < 4; how++) {
		f = sim_start(test, how & 1, how & 2 ? 1 : 5);
		sim.defer = 40;
		sim_run(5000, 1, 16, 8);
		KUNIT_EXPECT_GE(test, sim.taken, 5000);
		KUNIT_EXPECT_LE(test, sim.longest, VNVME_HOLD_NS + 2000);
		KUNIT_EXPECT_EQ(test, sim.spurious, 0);
		KUNIT_EXPECT_NE(test, f->ctrl.lane[1].stat.late_irqs, 0);
		fake_free(f);
	}
}

/* Without an interrupt to be told by, nothing is ever held back */
static void irq_disabled(struct kunit *test)
{
	struct fake *f = sim_start(test, false, 1);
	struct vnvme_lane *lane = &f->ctrl.lane[1];
	u32 i;

	lane->cq.irq_enabled = false;
	lane->cq.direct = false;
	for (i = 0; i < 20; i++) {
		sim_submit(1);
		fake_step(f, 1, 16);
		KUNIT_EXPECT_FALSE(test, vnvme_lane_pending(lane));
	}
	KUNIT_EXPECT_EQ(test, f->irqs[1], 0);
	fake_free(f);
}

/* What is held keeps the poller awake; a head that says more ends it */
static void irq_held_is_pending(struct kunit *test)
{
	struct fake *f;
	struct vnvme_lane *lane;
	struct vnvme_cqe cqe;
	u32 how;

	for (how = 0; how < 4; how++) {
		f = sim_start(test, how & 1, 1);
		lane = &f->ctrl.lane[1];
		sim_submit(1);
		fake_step(f, 1, 16);
		KUNIT_EXPECT_EQ(test, f->irqs[1], 1);
		KUNIT_EXPECT_FALSE(test, vnvme_lane_pending(lane));
		sim_submit(1);
		fake_step(f, 1, 16);
		fake_step(f, 1, 16);
		KUNIT_EXPECT_EQ(test, f->irqs[1], 1);
		KUNIT_EXPECT_TRUE(test, vnvme_lane_pending(lane));
		/* the first alone, or both */
		KUNIT_EXPECT_TRUE(test, fake_pop(f, 1, &cqe));
		if (how & 2)
			KUNIT_EXPECT_TRUE(test, fake_pop(f, 1, &cqe));
		fake_cq_ring(f, 1);
		fake_step(f, 1, 16);
		KUNIT_EXPECT_EQ(test, f->irqs[1], how & 2 ? 1 : 2);
		KUNIT_EXPECT_FALSE(test, vnvme_lane_pending(lane));
		fake_free(f);
	}
}

/* A head that cannot be is no head; the queue made again starts afresh */
static void irq_bad_head_and_new_queue(struct kunit *test)
{
	struct fake *f = sim_start(test, false, 1);
	struct vnvme_lane *lane = &f->ctrl.lane[1];
	u32 i;

	sim_submit(1);
	fake_step(f, 1, 16);
	sim_submit(1);
	for (i = 0; i < 4; i++) {
		f->db[3] = cpu_to_le32(i < 2 ? 3 + i : DEPTH - 1 + i);
		fake_step(f, 1, 16);
		KUNIT_EXPECT_EQ(test, f->irqs[1], 1);
		KUNIT_EXPECT_TRUE(test, vnvme_lane_pending(lane));
	}
	f->now += VNVME_HOLD_NS;
	fake_step(f, 1, 16);
	KUNIT_EXPECT_EQ(test, f->irqs[1], 2);
	sim_submit(1);
	fake_step(f, 1, 16);
	KUNIT_EXPECT_TRUE(test, vnvme_lane_pending(lane));
	KUNIT_ASSERT_EQ(test, fake_delete_sq(f, 1), 0);
	KUNIT_ASSERT_EQ(test, fake_delete_cq(f, 1), 0);
	KUNIT_EXPECT_FALSE(test, vnvme_lane_pending(lane));
	KUNIT_ASSERT_EQ(test, fake_create(f, 1, 1, DEPTH), 0);
	sim_submit(1);
	fake_step(f, 1, 16);
	KUNIT_EXPECT_EQ(test, f->irqs[1], 3);
	/* taken through the shadow that 7Ch brings: nothing is left to tell */
	sim_submit(1);
	fake_step(f, 1, 16);
	KUNIT_EXPECT_TRUE(test, vnvme_lane_pending(lane));
	((__le32 *)fake_ptr(f, FAKE_SHADOW))[3] = cpu_to_le32(2);
	KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
	fake_step(f, 1, 16);
	KUNIT_EXPECT_EQ(test, f->irqs[1], 3);
	KUNIT_EXPECT_FALSE(test, vnvme_lane_pending(lane));
	fake_free(f);
}

/* ---------------------------------------------------- coalescing ---- */

#define TIME_NS		100000u		/* of Aggregation Time, per unit */

static u16 set_coalescing(struct fake *f, u32 thr, u32 time)
{
	return fake_set_feature(f, VNVME_FEAT_COALESCING, time << 8 | thr, NULL);
}

static u16 set_cd(struct fake *f, u16 vector, bool cd)
{
	return fake_set_feature(f, VNVME_FEAT_VECTOR, vector | cd << 16, NULL);
}

/* A pass, with @n new commands.  Return: interrupts of queue 1 so far. */
static u32 pass(struct fake *f, u32 n)
{
	sim_submit(n);
	fake_step(f, 1, 16);
	return f->irqs[1];
}

static void take_all(struct fake *f, u16 cqid)
{
	struct vnvme_cqe cqe;

	while (fake_pop(f, cqid, &cqe))
		;
	fake_cq_ring(f, cqid);
}

/* 39: as many entries as were asked for, or the time, whichever is first */
static void c39_coalescing(struct kunit *test)
{
	struct vnvme_lane *lane;
	struct fake *f;
	u32 dbbuf, i;

	for (dbbuf = 0; dbbuf < 2; dbbuf++) {
		f = sim_start(test, dbbuf, 1);
		lane = &f->ctrl.lane[1];
		KUNIT_ASSERT_EQ(test, set_coalescing(f, 7, 10), 0);
		for (i = 1; i < 8; i++) {
			KUNIT_EXPECT_EQ(test, pass(f, 1), 0);
			KUNIT_EXPECT_TRUE(test, vnvme_lane_holds(lane));
			KUNIT_EXPECT_TRUE(test, vnvme_lane_pending(lane));
		}
		KUNIT_EXPECT_EQ(test, pass(f, 1), 1);
		KUNIT_EXPECT_FALSE(test, vnvme_lane_holds(lane));
		take_all(f, 1);

		/* alone it comes when the time is over, also if nothing else happens */
		KUNIT_EXPECT_EQ(test, pass(f, 1), 1);
		f->now += 10 * TIME_NS - 1;
		KUNIT_EXPECT_EQ(test, pass(f, 0), 1);
		KUNIT_EXPECT_TRUE(test, vnvme_lane_pending(lane));
		f->now++;
		KUNIT_EXPECT_EQ(test, pass(f, 0), 2);
		KUNIT_EXPECT_FALSE(test, vnvme_lane_pending(lane));

		/* the time is the first one's, and the guest's head ends it no later */
		KUNIT_EXPECT_EQ(test, pass(f, 1), 2);
		f->now += 6 * TIME_NS;
		KUNIT_EXPECT_EQ(test, pass(f, 1), 2);
		f->now += 4 * TIME_NS;
		KUNIT_EXPECT_EQ(test, pass(f, 0), 3);
		take_all(f, 1);

		/* taken without one: there is nothing to tell, and the time begins anew */
		KUNIT_EXPECT_EQ(test, pass(f, 1), 3);
		f->now += 9 * TIME_NS;
		take_all(f, 1);
		KUNIT_EXPECT_EQ(test, pass(f, 0), 3);
		KUNIT_EXPECT_FALSE(test, vnvme_lane_pending(lane));
		f->now += 9 * TIME_NS;
		KUNIT_EXPECT_EQ(test, pass(f, 1), 3);
		KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
		fake_free(f);
	}
}

/* 39: off, by either value, by its vector, and when it is switched off */
static void c39_coalescing_off(struct kunit *test)
{
	struct fake *f = sim_start(test, false, 1);

	KUNIT_ASSERT_EQ(test, set_coalescing(f, 0, 255), 0);
	KUNIT_EXPECT_EQ(test, pass(f, 1), 1);
	take_all(f, 1);
	KUNIT_ASSERT_EQ(test, set_coalescing(f, 255, 0), 0);
	KUNIT_EXPECT_EQ(test, pass(f, 1), 2);
	take_all(f, 1);

	/* what is held back is told of with the change */
	KUNIT_ASSERT_EQ(test, set_coalescing(f, 255, 255), 0);
	KUNIT_EXPECT_EQ(test, pass(f, 1), 2);
	KUNIT_ASSERT_EQ(test, set_coalescing(f, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, pass(f, 0), 3);
	take_all(f, 1);
	KUNIT_ASSERT_EQ(test, set_coalescing(f, 255, 255), 0);
	KUNIT_EXPECT_EQ(test, pass(f, 1), 3);
	KUNIT_ASSERT_EQ(test, set_cd(f, 1, true), 0);
	KUNIT_EXPECT_EQ(test, pass(f, 0), 4);
	take_all(f, 1);
	KUNIT_EXPECT_EQ(test, pass(f, 1), 5);
	take_all(f, 1);
	KUNIT_ASSERT_EQ(test, set_cd(f, 1, false), 0);
	KUNIT_EXPECT_EQ(test, pass(f, 1), 5);
	fake_free(f);
}

/* 39: an error is told of at once; a ring that is full waits for no more entries */
static void c39_coalescing_errors(struct kunit *test)
{
	struct vnvme_sqe sqe = fake_rw(VNVME_CMD_READ, FAKE_LBAS, 1, FAKE_DATA, 0);
	struct fake *f = sim_start(test, false, 1);
	u32 i;

	KUNIT_ASSERT_EQ(test, set_coalescing(f, 255, 255), 0);
	KUNIT_EXPECT_EQ(test, pass(f, 1), 0);
	fake_push(f, 1, &sqe);
	fake_sq_ring(f, 1);
	KUNIT_EXPECT_EQ(test, pass(f, 0), 1);
	take_all(f, 1);
	for (i = 1; i < DEPTH - 1; i++)
		KUNIT_EXPECT_EQ(test, pass(f, 1), 1);
	KUNIT_EXPECT_EQ(test, pass(f, 1), 2);
	take_all(f, 1);

	/* nor does an error of before it was switched on count */
	KUNIT_ASSERT_EQ(test, set_coalescing(f, 0, 0), 0);
	fake_push(f, 1, &sqe);
	fake_sq_ring(f, 1);
	KUNIT_EXPECT_EQ(test, pass(f, 0), 3);
	take_all(f, 1);
	KUNIT_ASSERT_EQ(test, set_coalescing(f, 255, 255), 0);
	KUNIT_EXPECT_EQ(test, pass(f, 1), 3);
	fake_free(f);
}

/* 39, 84: not for the admin queue, on any vector; queues of later, too; forgotten by a reset */
static void c39_coalescing_whose(struct kunit *test)
{
	struct fake *f = fake_new(2);
	struct vnvme_sqe sqe;
	u32 irqs, val;

	KUNIT_ASSERT_TRUE(test, fake_enable(f, 32, 32));
	KUNIT_ASSERT_EQ(test, set_coalescing(f, 255, 255), 0);
	/* on the vector of the admin queue */
	fake_queue_start(f, 1, 1, DEPTH);
	sqe = fake_create_cq_sqe(1, FAKE_CQ(1), DEPTH, 0);
	KUNIT_ASSERT_EQ(test, fake_admin(f, &sqe, NULL), 0);
	KUNIT_ASSERT_EQ(test, fake_create_sq(f, 1, 1, DEPTH), 0);
	sqe = fake_rw(VNVME_CMD_READ, 0, 1, FAKE_DATA, 0);
	irqs = f->irqs[0];
	fake_push(f, 1, &sqe);
	fake_sq_ring(f, 1);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, f->irqs[0], irqs);
	KUNIT_EXPECT_TRUE(test, vnvme_lane_holds(&f->ctrl.lane[1]));
	KUNIT_EXPECT_EQ(test, fake_identify(f, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, f->irqs[0], irqs + 1);
	f->now += 255 * TIME_NS;
	fake_run(f);
	KUNIT_EXPECT_EQ(test, f->irqs[0], irqs + 2);

	/* a reset does not wait for what is held back, and forgets it */
	fake_push(f, 1, &sqe);
	fake_sq_ring(f, 1);
	fake_run(f);
	fake_write32(f, VNVME_REG_CC, 0);
	fake_run(f);
	KUNIT_EXPECT_TRUE(test, vnvme_ctrl_idle(&f->ctrl));
	KUNIT_ASSERT_TRUE(test, fake_enable(f, 32, 32));
	KUNIT_ASSERT_EQ(test, fake_get_feature(f, VNVME_FEAT_COALESCING, &val), 0);
	KUNIT_EXPECT_EQ(test, val, 0);
	KUNIT_ASSERT_EQ(test, fake_create(f, 1, 1, DEPTH), 0);
	fake_push(f, 1, &sqe);
	fake_sq_ring(f, 1);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, f->irqs[1], 1);
	fake_free(f);
}

/* Without bus mastering nothing is told; what was held back is, when it returns */
static void c39_coalescing_without_master(struct kunit *test)
{
	struct fake *f = sim_start(test, false, 1);
	struct vnvme_lane *lane = &f->ctrl.lane[1];

	KUNIT_ASSERT_EQ(test, set_coalescing(f, 255, 2), 0);
	KUNIT_EXPECT_EQ(test, pass(f, 1), 0);
	fake_cfg_write16(f, VNVME_PCI_COMMAND, VNVME_PCI_CMD_MEM);
	f->now += 2 * TIME_NS;
	KUNIT_EXPECT_EQ(test, pass(f, 0), 0);
	KUNIT_EXPECT_FALSE(test, vnvme_lane_holds(lane));
	f->kicked = false;
	fake_cfg_write16(f, VNVME_PCI_COMMAND, VNVME_PCI_CMD_MEM | VNVME_PCI_CMD_MASTER);
	KUNIT_EXPECT_TRUE(test, f->kicked);
	KUNIT_EXPECT_EQ(test, pass(f, 0), 1);
	fake_free(f);
}

/* The guest runs beside the controller: also in the middle of a pass. */
static void sim_beside(struct fake *f)
{
	u32 n;

	for (n = rnd(4); n; n--)
		sim_turn();
}

/* Another mood: what the guest and the backend do from now on */
static void sim_mood(void)
{
	struct fake *f = sim.f;

	sim.ring_each = rnd(3) ? 0 : 1 + rnd(5);
	sim.defer = rnd(3) ? 0 : rnd(DEPTH / 4);
	sim.qd = 1 + rnd(rnd(2) ? 2 : DEPTH / 4);
	f->at_once = rnd(2);
	f->hold = !rnd(3);
	f->on_step = rnd(4) ? sim_beside : NULL;
}

/* Interrupt Coalescing, or none; the old time counts for what is held back by it. */
static void sim_coalesce(void)
{
	void (*on_step)(struct fake *f) = sim.f->on_step;
	u32 time = rnd(3) ? 0 : rnd(10);

	/* admin commands look at the clock, and the guest's answers are its own */
	sim.f->on_step = NULL;
	sim.waits = false;
	if (set_coalescing(sim.f, rnd(16), time))
		sim.f->nr_bad++;
	sim.coalescing_ns = time * TIME_NS;
	sim.f->on_step = on_step;
}

/* A poller: steps, and sleeps when nothing is pending.  The page is unmapped. */
static void sim_poll(void)
{
	struct fake *f = sim.f;
	struct vnvme_lane *lane = &f->ctrl.lane[1];

	if (!f->mapped && !f->kicked)
		return;
	f->kicked = false;
	f->mapped = true;
	if (fake_step(f, 1, 1 + rnd(4)) || rnd(4) ||
	    lane->inflight)
		return;
	vnvme_lane_arm(lane);
	f->mapped = false;
	if (vnvme_lane_pending(lane))
		f->mapped = true;
}

/* 38, 97: a million commands of a guest that sleeps until it is woken */
static void sim_random(struct kunit *test, bool dbbuf, u32 commands)
{
	struct fake *f = sim_start(test, dbbuf, 1);
	u64 i;

	sim.random = true;
	for (i = 0; sim.taken < commands && sim.longest < 10 * SLACK_NS; i++) {
		if (!(i & 511))
			sim_mood();
		if (!(i & 4095))
			sim_coalesce();
		if (rnd(2))
			sim_poll();
		else
			sim_turn();
		if (sim.out < sim.qd && !rnd(sim.out ? 8 : 2))
			sim_submit(1 + rnd(sim.qd - sim.out));
		f->now += rnd(4000);
		sim_watch();
	}
	KUNIT_EXPECT_GE(test, sim.taken, commands);
	KUNIT_EXPECT_LE(test, sim.longest, VNVME_HOLD_NS + SLACK_NS);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	KUNIT_EXPECT_NE(test, f->ctrl.lane[1].stat.late_irqs, 0);
	fake_check(f);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

static void irq_none_lost_bar0(struct kunit *test)
{
	rnd_state = 1;
	sim_random(test, false, 1000000);
}

static void irq_none_lost_shadow(struct kunit *test)
{
	rnd_state = 2;
	sim_random(test, true, 1000000);
}

static struct kunit_case irq_cases[] = {
	KUNIT_CASE(irq_qd1),
	KUNIT_CASE(irq_polling_guest),
	KUNIT_CASE(irq_fast_guest),
	KUNIT_CASE(irq_slow_guest),
	KUNIT_CASE(irq_deferred_head),
	KUNIT_CASE(irq_disabled),
	KUNIT_CASE(irq_held_is_pending),
	KUNIT_CASE(irq_bad_head_and_new_queue),
	KUNIT_CASE(c39_coalescing),
	KUNIT_CASE(c39_coalescing_off),
	KUNIT_CASE(c39_coalescing_errors),
	KUNIT_CASE(c39_coalescing_whose),
	KUNIT_CASE(c39_coalescing_without_master),
	KUNIT_CASE(irq_none_lost_bar0),
	KUNIT_CASE(irq_none_lost_shadow),
	{}
};

static struct kunit_suite irq_suite = {
	.name = "vnvme_irq",
	.test_cases = irq_cases,
};

kunit_test_suite(irq_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Virtual NVMe controller: interrupts");
