// SPDX-License-Identifier: GPL-2.0
/*
 * Rings from the smallest to the largest, full and shared ones, and EventIdx: by what
 * the guest can see, not by what the controller thinks.
 */
#include <kunit/test.h>
#include <linux/module.h>

#include "fake.h"

#define SHADOW(f, i)	(((u32 *)fake_ptr(f, FAKE_SHADOW))[i])
#define EVENT(f, i)	(((u32 *)fake_ptr(f, FAKE_EVENT))[i])
#define DEEP		(VNVME_MQES + 1u)
#define DEEP_SQ		0x100000u	/* 2 MiB of entries, */
#define DEEP_CQ		0x300000u	/* 512 KiB, */
#define DEEP_DATA	0x380000u	/* and what is left */

static void push_read(struct fake *f, u16 sqid, u64 slba, u64 to)
{
	struct vnvme_sqe sqe = fake_rw(VNVME_CMD_READ, slba, 1, to, 0);

	fake_push(f, sqid, &sqe);
}

static u32 pop_all(struct fake *f, u16 cqid)
{
	struct vnvme_cqe cqe;
	u32 n = 0;

	while (fake_pop(f, cqid, &cqe))
		n += !(le16_to_cpu(cqe.status) >> 1);
	return n;
}

/* A queue pair of the largest size, at a place of its own. */
static void deep_queue(struct kunit *test, struct fake *f)
{
	struct vnvme_sqe sqe;

	fake_queue_start(f, 1, 1, DEEP);
	f->q[1].sq = DEEP_SQ;
	f->q[1].cq = DEEP_CQ;
	sqe = fake_create_cq_sqe(1, DEEP_CQ, DEEP, 1);
	KUNIT_ASSERT_EQ(test, fake_admin(f, &sqe, NULL), 0);
	sqe = fake_create_sq_sqe(1, DEEP_SQ, DEEP, 1);
	KUNIT_ASSERT_EQ(test, fake_admin(f, &sqe, NULL), 0);
}

/* 31, 32: the largest queue, filled to its last entry, three times around */
static void c31_largest(struct kunit *test)
{
	struct fake *f = fake_new(1);
	u32 round, n, i, done;

	KUNIT_ASSERT_TRUE(test, fake_enable(f, 8, 8));
	deep_queue(test, f);
	for (round = 0; round < 4; round++) {
		/* one entry stays empty */
		n = round ? DEEP - 1 : 5;
		for (i = 0; i < n; i++)
			push_read(f, 1, i % FAKE_LBAS, DEEP_DATA);
		fake_sq_ring(f, 1);
		for (done = 0; done < n; done += i) {
			fake_run(f);
			i = pop_all(f, 1);
			KUNIT_ASSERT_TRUE(test, i);
			fake_cq_ring(f, 1);
		}
		KUNIT_EXPECT_EQ(test, done, n);
	}
	/* three wraps, and a bit */
	KUNIT_EXPECT_EQ(test, f->q[1].head, 5 - 3);
	KUNIT_EXPECT_EQ(test, f->q[1].phase, 0);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 31: a hundred thousand wraps: the phase is never the one of the round before */
static void c31_many_wraps(struct kunit *test)
{
	struct fake *f = fake_ready(2);
	struct vnvme_cqe cqe;
	u32 i;

	KUNIT_ASSERT_EQ(test, fake_create(f, 2, 2, 2), 0);
	f->at_once = true;
	f->ctrl.env->pin(&f->ctrl, FAKE_DATA, VNVME_PAGE_SIZE);
	for (i = 0; i < 2 * 100000; i++) {
		push_read(f, 2, i % 64, FAKE_DATA);
		fake_sq_ring(f, 2);
		fake_step(f, 2, 16);
		KUNIT_ASSERT_TRUE(test, fake_pop(f, 2, &cqe));
		/* nor is the entry after it taken for one */
		KUNIT_ASSERT_TRUE(test, !fake_peek(f, 2, &cqe));
		fake_cq_ring(f, 2);
	}
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/*
 * 33, L10: a queue that four others share, and that is never empty for long: the guest's
 * own copy of what it has not taken says whether something was written over it
 */
static void c33_shared_and_full(struct kunit *test)
{
	static const u32 depths[] = { 2, 3, 4, 7 };
	struct fake *f = fake_ready(5);
	struct vnvme_lane *lane = &f->ctrl.lane[2];
	struct vnvme_cqe was[8], now, cqe;
	u32 d, i, k, round, got, posted;

	for (d = 0; d < ARRAY_SIZE(depths); d++) {
		KUNIT_ASSERT_EQ(test, fake_create_cq(f, 2, depths[d]), 0);
		for (i = 2; i <= 5; i++) {
			f->q[i].depth = 16;
			KUNIT_ASSERT_EQ(test, fake_create_sq(f, i, 2, 16), 0);
		}
		lane->stat.reads = 0;
		for (round = got = 0; round < 300; round++) {
			for (i = 2; i <= 5; i++) {
				k = f->q[i].depth - 1 -
				    vnvme_ring_dist(f->ctrl.sq[i].head, f->q[i].tail,
						    f->q[i].depth);
				/* not more than there is room for */
				for (; k; k--)
					push_read(f, i, k, FAKE_DATA);
				fake_sq_ring(f, i);
			}
			fake_run(f);
			posted = lane->stat.reads;
			/* all that it holds and no more, though much is waiting */
			KUNIT_ASSERT_EQ(test, posted - got, depths[d] - 1);
			memcpy(was, fake_ptr(f, FAKE_CQ(2)), sizeof(was));
			fake_run(f);
			fake_run(f);
			KUNIT_ASSERT_EQ(test, memcmp(was, fake_ptr(f, FAKE_CQ(2)),
						     sizeof(was)), 0);
			for (k = 1 + round % (depths[d] - 1); k; k--) {
				KUNIT_ASSERT_TRUE(test, fake_peek(f, 2, &now));
				KUNIT_ASSERT_TRUE(test, fake_pop(f, 2, &cqe));
				got++;
			}
			/* taken, but the head does not say so yet */
			fake_run(f);
			KUNIT_ASSERT_EQ(test, (u32)lane->stat.reads, posted);
			fake_cq_ring(f, 2);
		}
		do {
			fake_run(f);
			k = pop_all(f, 2);
			got += k;
			fake_cq_ring(f, 2);
		} while (k);
		KUNIT_EXPECT_EQ(test, (u32)lane->stat.reads, got);
		for (i = 2; i <= 5; i++) {
			KUNIT_EXPECT_EQ(test, f->ctrl.sq[i].head, f->q[i].tail);
			for (k = 0; k < FAKE_CIDS; k++)
				KUNIT_ASSERT_EQ(test, f->q[i].waiting[k], 0);
			KUNIT_ASSERT_EQ(test, fake_delete_sq(f, i), 0);
		}
		KUNIT_ASSERT_EQ(test, fake_delete_cq(f, 2), 0);
	}
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 35: what is on the ring is none of the controller's before the doorbell says so */
static void c35_after_the_doorbell(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_sqe *ring = fake_ptr(f, FAKE_SQ(1));
	u32 shadow, i;

	for (shadow = 0; shadow < 2; shadow++) {
		if (shadow)
			KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
		for (i = 0; i < 20; i++) {
			/* one that it would carry out, and one that is rung */
			push_read(f, 1, 1, FAKE_DATA);
			fake_sq_ring(f, 1);
			push_read(f, 1, 2, FAKE_DATA);
			fake_run(f);
			KUNIT_ASSERT_EQ(test, pop_all(f, 1), 1);
			fake_run(f);
			KUNIT_ASSERT_EQ(test, pop_all(f, 1), 0);
			/* changed before it is rung: this is what counts */
			ring[(f->q[1].tail + 15) % 16].cdw10 = cpu_to_le32(33);
			fake_sq_ring(f, 1);
			fake_run(f);
			KUNIT_ASSERT_EQ(test, pop_all(f, 1), 1);
			KUNIT_ASSERT_EQ(test, memcmp(fake_ptr(f, FAKE_DATA),
						     f->disk + 33 * 512, 512), 0);
			fake_cq_ring(f, 1);
		}
	}
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* Where the guest comes in while the poller goes to sleep. */
enum moment {
	BEFORE_ARMED,
	BEFORE_LOOK,		/* armed, and not looked once more yet */
	ASLEEP,
	NR_MOMENTS,
};

static void ring_one(struct fake *f)
{
	push_read(f, 2, 0, FAKE_DATA);
	fake_sq_ring(f, 2);
}

/* Poller: to sleep, and is it woken?  The guest submits one command at @when. */
static bool sleeps_and_wakes(struct fake *f, enum moment when)
{
	struct vnvme_lane *lane = &f->ctrl.lane[2];

	f->kicked = false;
	if (when == BEFORE_ARMED)
		ring_one(f);
	vnvme_lane_arm(lane);
	if (when == BEFORE_LOOK)
		ring_one(f);
	if (vnvme_lane_pending(lane))
		return when != ASLEEP;
	if (when == ASLEEP)
		ring_one(f);
	return f->kicked && vnvme_lane_pending(lane);
}

/* 96, 97: a million commands, each alone, around the moment of going to sleep */
static void c96_a_million_alone(struct kunit *test)
{
	struct fake *f = fake_ready(2);
	u32 depth = 2, i;

	f->at_once = true;
	f->ctrl.env->pin(&f->ctrl, FAKE_DATA, VNVME_PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
	for (i = 0; i < 1000000; i++) {
		if (!(i % 50000)) {
			if (i) {
				KUNIT_ASSERT_EQ(test, fake_delete_sq(f, 2), 0);
				KUNIT_ASSERT_EQ(test, fake_delete_cq(f, 2), 0);
			}
			depth = depth > 128 ? 2 : 2 * depth - 1;
			KUNIT_ASSERT_EQ(test, fake_create(f, 2, 2, depth), 0);
			KUNIT_ASSERT_TRUE(test, !vnvme_lane_pending(&f->ctrl.lane[2]));
		}
		/* some of them while it is about others, without going to sleep */
		if (i % 7 < 3) {
			KUNIT_ASSERT_TRUE(test, sleeps_and_wakes(f, i % 7));
		} else {
			ring_one(f);
			KUNIT_ASSERT_TRUE(test, vnvme_lane_pending(&f->ctrl.lane[2]));
		}
		fake_step(f, 2, 16);
		KUNIT_ASSERT_EQ(test, pop_all(f, 2), 1);
		fake_cq_ring(f, 2);
		fake_step(f, 2, 16);
	}
	/* most of them without BAR0 */
	KUNIT_EXPECT_LE(test, f->nr_mmio, i * 5 / 7);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* Nothing in the EventIdx page but places in rings that are there, and the mark at its end. */
static void event_idx_sane(struct kunit *test, struct fake *f)
{
	u32 i, depth;

	for (i = 0; i < VNVME_PAGE_SIZE / 4 - 1; i++) {
		depth = i / 2 > VNVME_MAX_IOQ ? 0 :
			i & 1 ? f->ctrl.lane[i / 2].cq.depth : f->ctrl.sq[i / 2].depth;
		if (depth)
			KUNIT_ASSERT_TRUE(test, EVENT(f, i) < depth);
		else
			KUNIT_ASSERT_EQ(test, EVENT(f, i), 0);
	}
}

/* 97: with nothing to do a lane is not pending, and EventIdx is what guests can believe */
static void c97_event_idx_sane(struct kunit *test)
{
	struct fake *f = fake_ready(5);
	u32 i, k;

	KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
	KUNIT_ASSERT_EQ(test, fake_create(f, 3, 3, 3), 0);
	for (i = 0; i < 500; i++) {
		for (k = 0; k < 1 + i % 2; k++) {
			push_read(f, 3, k, FAKE_DATA);
			push_read(f, 1, k, FAKE_DATA);
		}
		fake_sq_ring(f, 1);
		fake_sq_ring(f, 3);
		if (i % 3)
			fake_run(f);
		event_idx_sane(test, f);
		fake_run(f);
		pop_all(f, 1);
		pop_all(f, 3);
		fake_cq_ring(f, 1);
		fake_cq_ring(f, 3);
		if (i & 1)
			fake_run(f);
		vnvme_lane_arm(&f->ctrl.lane[1]);
		vnvme_lane_arm(&f->ctrl.lane[3]);
		event_idx_sane(test, f);
		fake_run(f);
		for (k = 1; k <= 5; k++)
			KUNIT_ASSERT_TRUE(test, !vnvme_lane_pending(&f->ctrl.lane[k]));
	}
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

static u32 next_aen(struct fake *f)
{
	struct vnvme_sqe sqe = fake_sqe(VNVME_ADM_AER, 0);
	struct vnvme_cqe cqe;
	u32 event = ~0u;

	fake_push(f, 0, &sqe);
	fake_sq_ring(f, 0);
	fake_run(f);
	if (fake_pop(f, 0, &cqe)) {
		fake_cq_ring(f, 0);
		event = le32_to_cpu(cqe.dw0);
	}
	/* the request that waits is forgotten */
	f->ctrl.nr_aer = 0;
	memset(f->q[0].waiting, 0, FAKE_CIDS);
	return event;
}

/* The newest entry of the Error Information log; its count is returned. */
static u64 newest_error(struct kunit *test, struct fake *f, struct vnvme_err_entry *e)
{
	KUNIT_EXPECT_EQ(test, fake_get_log(f, VNVME_LOG_ERROR, sizeof(*e), 0, false), 0);
	memcpy(e, fake_ptr(f, FAKE_ID), sizeof(*e));
	return le64_to_cpu(e->count);
}

/* 91: an event, an entry of the log that is of no command, and nothing else */
static void c91_logged_without_effect(struct kunit *test)
{
	static const u32 nobody[] = { 4, 5, 6, 7, 2 * VNVME_MAX_IOQ + 2, 1023 };
	struct fake *f = fake_ready(2);
	struct vnvme_sqe sqe = fake_rw(VNVME_CMD_READ, 0, 1, FAKE_DATA, 0);
	struct vnvme_err_entry e;
	u64 count;
	u32 i;

	count = newest_error(test, f, &e);
	KUNIT_EXPECT_EQ(test, count, 0);
	for (i = 0; i < ARRAY_SIZE(nobody); i++) {
		fake_write32(f, VNVME_BAR_DB + 4 * nobody[i], 3);
		KUNIT_EXPECT_EQ_MSG(test, next_aen(f), 0x010000, "%u", nobody[i]);
		KUNIT_EXPECT_EQ(test, newest_error(test, f, &e), ++count);
		KUNIT_EXPECT_EQ(test, le16_to_cpu(e.sqid), 0xffff);
		KUNIT_EXPECT_EQ(test, le16_to_cpu(e.cid), 0xffff);
		KUNIT_EXPECT_EQ(test, le16_to_cpu(e.loc), VNVME_LOC_NONE);
		KUNIT_EXPECT_EQ(test, f->db[nobody[i]], 0);
	}
	KUNIT_EXPECT_EQ(test, next_aen(f), ~0u);
	/* a queue that is made now does not start where its doorbell stood */
	for (i = 0; i < 8; i++)
		memcpy(fake_ptr(f, FAKE_SQ(2) + 64 * i), &sqe, sizeof(sqe));
	KUNIT_ASSERT_EQ(test, fake_create(f, 2, 2, 8), 0);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, pop_all(f, 2), 0);
	KUNIT_EXPECT_EQ(test, f->nr_submits, 0);
	push_read(f, 2, 0, FAKE_DATA);
	fake_sq_ring(f, 2);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, pop_all(f, 2), 1);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

static void write_doorbell(struct fake *f, u32 index, u32 val, bool shadow)
{
	if (shadow)
		SHADOW(f, index) = val;
	else
		fake_write32(f, VNVME_BAR_DB + 4 * index, val);
	fake_run(f);
	vnvme_db_watch(&f->ctrl);
	fake_run(f);
}

/* A whole round of commands, one after another, that all end well. */
static void goes_on(struct kunit *test, struct fake *f)
{
	u32 i;

	for (i = 0; i < 20; i++) {
		push_read(f, 1, i, FAKE_DATA);
		fake_sq_ring(f, 1);
		fake_run(f);
		KUNIT_ASSERT_EQ(test, pop_all(f, 1), 1);
		fake_cq_ring(f, 1);
		fake_run(f);
	}
}

/* 92, 99: what was written before, again, means nothing; what cannot be is an event; all goes on */
static void c92_goes_on(struct kunit *test)
{
	static const u32 far[] = { 16, 17, 0x10000, 0xffff, ~0u };
	struct fake *f;
	u32 shadow, i, nr;

	for (shadow = 0; shadow < 2; shadow++) {
		f = fake_ready(1);
		if (shadow)
			KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
		goes_on(test, f);
		nr = f->nr_submits;
		for (i = 0; i < 3; i++) {
			write_doorbell(f, 2, f->q[1].tail, shadow);
			write_doorbell(f, 3, f->q[1].head, shadow);
			KUNIT_EXPECT_EQ(test, next_aen(f), ~0u);
		}
		KUNIT_EXPECT_EQ(test, f->nr_submits, nr);
		for (i = 0; i < ARRAY_SIZE(far); i++) {
			write_doorbell(f, 2, far[i], shadow);
			KUNIT_EXPECT_EQ_MSG(test, next_aen(f), 0x010100, "%x", far[i]);
			KUNIT_EXPECT_EQ(test, fake_get_log(f, 1, 64, 0, false), 0);
			goes_on(test, f);
			write_doorbell(f, 3, far[i], shadow);
			KUNIT_EXPECT_EQ_MSG(test, next_aen(f), 0x010100, "%x", far[i]);
			KUNIT_EXPECT_EQ(test, fake_get_log(f, 1, 64, 0, false), 0);
			goes_on(test, f);
		}
		/* each head that is beyond what there is to take */
		for (i = 1; i < 16; i++) {
			/* a head that nobody has looked at can be written over */
			vnvme_cq_take(&f->ctrl, &f->ctrl.lane[1].cq);
			write_doorbell(f, 3, (f->q[1].head + i) % 16, shadow);
			KUNIT_EXPECT_EQ_MSG(test, next_aen(f), 0x010100, "%u", i);
			KUNIT_EXPECT_EQ(test, fake_get_log(f, 1, 64, 0, false), 0);
			goes_on(test, f);
		}
		KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
		fake_free(f);
	}
}

/* All that the controller may do of itself, and that would look at the pages or write them. */
static void stir(struct fake *f)
{
	u32 i;

	for (i = 1; i <= f->ctrl.cfg.nr_ioq; i++)
		vnvme_lane_arm(&f->ctrl.lane[i]);
	vnvme_db_watch(&f->ctrl);
	f->work = true;
	f->kicked = true;
	fake_run(f);
}

/* 99: with garbage in them; neither read nor written, whatever ended their use */
static void c99_forgotten_with_garbage(struct kunit *test)
{
	enum { DISABLE, RESET, FLR, D3, FAIL, SHUT, NR_WAYS };
	struct fake *f;
	u32 how, i;

	for (how = 0; how < NR_WAYS; how++) {
		f = fake_ready(2);
		KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
		goes_on(test, f);
		if (how == DISABLE)
			fake_write32(f, VNVME_REG_CC, 0);
		else if (how == RESET)
			vnvme_ctrl_reset(&f->ctrl);
		else if (how == FLR)
			fake_cfg_write16(f, VNVME_PCI_DEVCTL, VNVME_PCI_DEVCTL_FLR);
		else if (how == D3)
			fake_cfg_write16(f, VNVME_PCI_PMCSR, 3);
		else if (how == FAIL)
			vnvme_ctrl_fatal(&f->ctrl);
		else
			fake_write32(f, VNVME_REG_CC, 0x00464001);
		fake_run(f);
		memset(fake_ptr(f, FAKE_SHADOW), 0x55, 2 * VNVME_PAGE_SIZE);
		stir(f);
		if (how == D3)
			fake_cfg_write16(f, VNVME_PCI_PMCSR, 0);
		stir(f);
		/* and in the next life, which has not told of any */
		fake_write32(f, VNVME_REG_CC, 0);
		fake_run(f);
		fake_cfg_write16(f, VNVME_PCI_COMMAND, 6);
		fake_queue_start(f, 0, 0, 32);
		f->dbbuf = false;
		memset(fake_ptr(f, FAKE_ACQ), 0, 32 * 16);
		fake_write32(f, VNVME_REG_AQA, 0x001f001f);
		fake_write64(f, VNVME_REG_ASQ, FAKE_ASQ);
		fake_write64(f, VNVME_REG_ACQ, FAKE_ACQ);
		fake_write32(f, VNVME_REG_CC, 0x00460001);
		fake_run(f);
		KUNIT_ASSERT_EQ(test, fake_create(f, 1, 1, 16), 0);
		goes_on(test, f);
		stir(f);
		for (i = 0; i < 2048; i++)
			KUNIT_ASSERT_EQ(test, SHADOW(f, i), 0x55555555);
		KUNIT_EXPECT_EQ(test, next_aen(f), ~0u);
		KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
		fake_free(f);
	}
}

#define LAST_PAGE	(~0ull << VNVME_PAGE_SHIFT)

/* Rings of one page: admin queues and a pair for I/O, at @at and the page before. */
static void rings_at(struct kunit *test, struct fake *f, u64 at)
{
	const u64 before = at - VNVME_PAGE_SIZE;
	struct vnvme_sqe sqe;

	fake_write32(f, VNVME_REG_AQA, 255 << 16 | 63);
	fake_write64(f, VNVME_REG_ASQ, at);
	fake_write64(f, VNVME_REG_ACQ, at);
	fake_write32(f, VNVME_REG_CC, 0x00460001);
	fake_run(f);
	/* there, even though nothing is behind it */
	KUNIT_ASSERT_EQ(test, fake_read32(f, VNVME_REG_CSTS), VNVME_CSTS_RDY);
	fake_write32(f, VNVME_REG_CC, 0);
	fake_run(f);
	memset(fake_ptr(f, before), 0, 2 * VNVME_PAGE_SIZE);
	KUNIT_ASSERT_TRUE(test, fake_enable(f, 8, 8));
	fake_queue_start(f, 1, 1, 64);
	f->q[1].sq = at;
	f->q[1].cq = before;
	sqe = fake_create_cq_sqe(1, before, 64, 1);
	KUNIT_ASSERT_EQ(test, fake_admin(f, &sqe, NULL), 0);
	sqe = fake_create_sq_sqe(1, at, 64, 1);
	KUNIT_ASSERT_EQ(test, fake_admin(f, &sqe, NULL), 0);
	/* and the other way round */
	sqe = fake_create_cq_sqe(2, at, 256, 1);
	KUNIT_ASSERT_EQ(test, fake_admin(f, &sqe, NULL), 0);
	sqe = fake_create_sq_sqe(2, before, 64, 2);
	KUNIT_ASSERT_EQ(test, fake_admin(f, &sqe, NULL), 0);
	/* one entry more has no place */
	if (at != LAST_PAGE)
		return;
	sqe = fake_create_cq_sqe(3, at, 257, 1);
	KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, NULL), 0x4004);
	sqe = fake_create_sq_sqe(3, at, 65, 1);
	KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, NULL), 0x4004);
}

/* 137, 104: any address may be the guest's, up to the last byte of all there are */
static void c137_last_page(struct kunit *test)
{
	static const u64 at[] = { FAKE_HIGH + 0x1ff000, FAKE_TOP + 0x1f7000, LAST_PAGE };
	struct fake *f = fake_new(3);
	struct vnvme_sqe sqe;
	u32 i, k;
	__le64 *list;
	u64 data;

	for (i = 0; i < ARRAY_SIZE(at); i++) {
		rings_at(test, f, at[i]);
		goes_on(test, f);
		fake_write32(f, VNVME_REG_CC, 0);
		KUNIT_ASSERT_TRUE(test, fake_enable(f, 8, 8));
		KUNIT_ASSERT_EQ(test, fake_create(f, 1, 1, 16), 0);
		/* data up to there, without and with a list, and the list itself */
		for (k = 1; k <= 5; k++) {
			data = at[i] - (k - 1) * VNVME_PAGE_SIZE;
			list = fake_ptr(f, at[i] + VNVME_PAGE_SIZE - 8 * (k - 1));
			sqe = fake_rw(VNVME_CMD_READ, 7 * k, 8 * k, data, k == 2 ? at[i] :
				      at[i] + VNVME_PAGE_SIZE - 8 * (k - 1));
			memset(fake_ptr(f, data), 0xcc, k * VNVME_PAGE_SIZE);
			if (k > 2)
				sqe.prp1 = cpu_to_le64(data - 0x6000);
			while (k > 2 && list < (__le64 *)(fake_ptr(f, at[i]) + 4096)) {
				data += VNVME_PAGE_SIZE;
				*list++ = cpu_to_le64(data - 0x6000);
			}
			data = le64_to_cpu(sqe.prp1);
			KUNIT_ASSERT_EQ(test, fake_io(f, 1, &sqe), 0);
			KUNIT_EXPECT_EQ_MSG(test, memcmp(fake_ptr(f, data), f->disk + 7 * k * 512,
							 k * VNVME_PAGE_SIZE), 0, "%u", k);
		}
		/* admin data, of which the second page is the last */
		sqe = fake_sqe(VNVME_ADM_IDENTIFY, 0);
		sqe.cdw10 = cpu_to_le32(1);
		sqe.prp1 = cpu_to_le64(at[i] - 4);
		sqe.prp2 = cpu_to_le64(at[i]);
		KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, NULL), 0);
		KUNIT_EXPECT_EQ(test, *(u32 *)fake_ptr(f, at[i] - 4), 0x1af41af4);
		/* and DBBUF */
		sqe = fake_sqe(VNVME_ADM_DBBUF, 0);
		sqe.prp1 = cpu_to_le64(at[i]);
		sqe.prp2 = cpu_to_le64(at[i] - VNVME_PAGE_SIZE);
		memset(fake_ptr(f, at[i] - VNVME_PAGE_SIZE), 0, 2 * VNVME_PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, NULL), 0);
		goes_on(test, f);
		KUNIT_EXPECT_EQ(test, ((u32 *)fake_ptr(f, at[i]))[2], f->q[1].tail);
		fake_write32(f, VNVME_REG_CC, 0);
	}
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 137, 26: the guest takes the last page back, or write access to it */
static void c137_last_page_goes(struct kunit *test)
{
	u32 kind, i;
	struct fake *f;

	for (kind = FAKE_OK; kind <= FAKE_RO; kind++) {
		f = fake_ready(1);
		fake_write32(f, VNVME_REG_CC, 0);
		fake_queue_start(f, 0, 0, 32);
		f->q[0].cq = LAST_PAGE;
		memset(fake_ptr(f, LAST_PAGE), 0, VNVME_PAGE_SIZE);
		fake_write32(f, VNVME_REG_AQA, 31 << 16 | 31);
		fake_write64(f, VNVME_REG_ACQ, LAST_PAGE);
		fake_write32(f, VNVME_REG_CC, 0x00460001);
		KUNIT_ASSERT_EQ(test, fake_identify(f, 1, 0), 0);
		fake_page(f, LAST_PAGE, kind);
		if (kind == FAKE_RO)
			f->ctrl.env->pin(&f->ctrl, LAST_PAGE, VNVME_PAGE_SIZE);
		for (i = 0; i < 3; i++) {
			WRITE_ONCE(f->ctrl.lost, true);
			f->work = true;
			fake_run(f);
		}
		KUNIT_EXPECT_EQ_MSG(test, f->ctrl.state,
				    kind == FAKE_OK ? VNVME_READY : VNVME_FAILED, "%u", kind);
		KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
		fake_free(f);
	}
}

static struct kunit_case ring_cases[] = {
	KUNIT_CASE(c31_largest),
	KUNIT_CASE(c31_many_wraps),
	KUNIT_CASE(c33_shared_and_full),
	KUNIT_CASE(c35_after_the_doorbell),
	KUNIT_CASE(c96_a_million_alone),
	KUNIT_CASE(c97_event_idx_sane),
	KUNIT_CASE(c91_logged_without_effect),
	KUNIT_CASE(c92_goes_on),
	KUNIT_CASE(c99_forgotten_with_garbage),
	KUNIT_CASE(c137_last_page),
	KUNIT_CASE(c137_last_page_goes),
	{}
};

static struct kunit_suite ring_suite = {
	.name = "vnvme_ring",
	.test_cases = ring_cases,
};

kunit_test_suite(ring_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Virtual NVMe controller: rings by what the guest sees");
