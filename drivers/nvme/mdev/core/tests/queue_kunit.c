// SPDX-License-Identifier: GPL-2.0
/* Rings, doorbells, shadow doorbells; rules 3, 4, 5, 6, 10, 12 of the design */
#include <kunit/test.h>
#include <linux/module.h>

#include "fake.h"

#define SHADOW(f, i)	(((u32 *)fake_ptr(f, FAKE_SHADOW))[i])
#define EVENT(f, i)	(((u32 *)fake_ptr(f, FAKE_EVENT))[i])

static void push_reads(struct fake *f, u16 sqid, u32 n)
{
	struct vnvme_sqe sqe;

	while (n--) {
		sqe = fake_rw(VNVME_CMD_READ, n, 1, FAKE_DATA, 0);
		fake_push(f, sqid, &sqe);
	}
}

static u32 pop_all(struct fake *f, u16 cqid)
{
	struct vnvme_cqe cqe;
	u32 n = 0;

	while (fake_pop(f, cqid, &cqe))
		n++;
	return n;
}

/* The page that the tests read into is pinned from here on. */
static void pin_data(struct kunit *test, struct fake *f)
{
	struct vnvme_sqe sqe = fake_rw(VNVME_CMD_READ, 0, 1, FAKE_DATA, 0);

	KUNIT_ASSERT_EQ(test, fake_io(f, 1, &sqe), 0);
}

static u32 next_aen(struct fake *f)
{
	struct vnvme_sqe sqe = fake_sqe(VNVME_ADM_AER, 0);
	struct vnvme_cqe cqe;

	fake_push(f, 0, &sqe);
	fake_sq_ring(f, 0);
	fake_run(f);
	if (!fake_pop(f, 0, &cqe))
		return ~0u;
	fake_cq_ring(f, 0);
	return le32_to_cpu(cqe.dw0);
}

/* 33, L10, rule 4: a full queue holds answers back, across the wrap */
static void c33_cq_full(struct kunit *test)
{
	struct fake *f = fake_ready(4);
	u32 i, round, got;

	KUNIT_ASSERT_EQ(test, fake_create(f, 2, 2, 4), 0);
	for (i = 3; i <= 4; i++)
		KUNIT_ASSERT_EQ(test, fake_create_sq(f, i, 2, 16), 0);
	for (round = 0; round < 50; round++) {
		push_reads(f, 2, 3);
		push_reads(f, 3, 15);
		push_reads(f, 4, 15);
		for (i = 2; i <= 4; i++)
			fake_sq_ring(f, i);
		for (got = i = 0; i < 20; i++) {
			struct vnvme_cqe cqe;

			fake_run(f);
			/* take one or two of the three */
			got += fake_pop(f, 2, &cqe);
			if (i & 1)
				got += fake_pop(f, 2, &cqe);
			fake_cq_ring(f, 2);
		}
		fake_run(f);
		for (i = 0; i < 20; i++) {
			got += pop_all(f, 2);
			fake_cq_ring(f, 2);
			fake_run(f);
		}
		KUNIT_ASSERT_EQ(test, got, 33);
	}
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* L8, rule 4: full, the poller asleep, DBBUF: draining the CQ wakes it */
static void l08_full_cq_with_dbbuf_wakes(struct kunit *test)
{
	struct fake *f = fake_ready(2);
	struct vnvme_lane *lane = &f->ctrl.lane[2];
	u32 depth, i;

	KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
	for (depth = 2; depth < 7; depth++) {
		KUNIT_ASSERT_EQ(test, fake_create_cq(f, 2, depth), 0);
		f->q[2].depth = 16;
		KUNIT_ASSERT_EQ(test, fake_create_sq(f, 2, 2, 16), 0);
		for (i = 0; i < 40; i++) {
			push_reads(f, 2, depth + 1);
			fake_sq_ring(f, 2);
			fake_run(f);
			vnvme_lane_arm(lane);
			KUNIT_EXPECT_FALSE(test, vnvme_lane_pending(lane));
			KUNIT_EXPECT_EQ(test, pop_all(f, 2), depth - 1);
			f->kicked = false;
			fake_cq_ring(f, 2);
			KUNIT_EXPECT_TRUE(test, f->kicked);
			KUNIT_EXPECT_TRUE(test, vnvme_lane_pending(lane));
			do {
				fake_cq_ring(f, 2);
				fake_run(f);
			} while (pop_all(f, 2));
			KUNIT_EXPECT_EQ(test, lane->sqs->head, f->q[2].tail);
		}
		KUNIT_ASSERT_EQ(test, fake_delete_sq(f, 2), 0);
		KUNIT_ASSERT_EQ(test, fake_delete_cq(f, 2), 0);
	}
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 92, L11, rule 3: impossible values: an event, once; the queue goes on */
static void c92_bad_doorbells(struct kunit *test)
{
	static const u32 bad[] = { 16, 17, 255, 0xffff, 0x10001, ~0u };
	struct fake *f = fake_ready(2);
	struct vnvme_sqe sqe;
	u32 i, k, shadow;

	for (shadow = 0; shadow < 2; shadow++) {
		if (shadow) {
			KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
			pin_data(test, f);	/* seen to use it */
		}
		for (i = 0; i < ARRAY_SIZE(bad); i++) {
			if (shadow)
				SHADOW(f, 2) = bad[i];
			else
				fake_write32(f, 0x1008, bad[i]);
			for (k = 0; k < 3; k++)
				fake_run(f);
			KUNIT_EXPECT_EQ(test, next_aen(f), 0x010100);
			KUNIT_EXPECT_EQ(test, next_aen(f), ~0u);
			KUNIT_EXPECT_EQ(test, fake_get_log(f, 1, 64, 0, false),
					0);
			/* the request that waits hears of the next one */
			if (shadow)
				SHADOW(f, 2) = f->q[1].tail;
			sqe = fake_rw(VNVME_CMD_READ, 0, 1, FAKE_DATA, 0);
			KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
			f->ctrl.nr_aer = 0;
			memset(f->q[0].waiting, 0, FAKE_CIDS);
		}
	}
	/* a head past the tail */
	sqe = fake_rw(VNVME_CMD_READ, 0, 1, FAKE_DATA, 0);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	SHADOW(f, 3) = (f->q[1].head + 1) % 16;
	push_reads(f, 1, 15);
	fake_sq_ring(f, 1);
	vnvme_cq_take(&f->ctrl, &f->ctrl.lane[1].cq);
	KUNIT_EXPECT_EQ(test, next_aen(f), 0x010100);
	fake_free(f);
}

/* 91 */
static void c91_doorbell_of_nobody(struct kunit *test)
{
	struct fake *f = fake_ready(2);

	fake_write32(f, 0x1010, 1);	/* SQ 2 */
	KUNIT_EXPECT_EQ(test, next_aen(f), 0x010000);
	KUNIT_EXPECT_EQ(test, fake_get_log(f, 1, 64, 0, false), 0);
	f->db[900] = 5;
	f->db[4] = 5;
	vnvme_db_scan(&f->ctrl);
	KUNIT_EXPECT_EQ(test, f->db[900] | f->db[4], 0);
	KUNIT_EXPECT_EQ(test, next_aen(f), 0x010000);
	KUNIT_EXPECT_EQ(test, next_aen(f), ~0u);
	/* those that exist are left alone */
	push_reads(f, 1, 1);
	f->db[2] = f->q[1].tail;
	vnvme_db_scan(&f->ctrl);
	KUNIT_EXPECT_EQ(test, f->db[2], f->q[1].tail);
	fake_free(f);
}

/* 91, 92: found by the look once a second, with nothing to do for the lane */
static void c91_c92_watched(struct kunit *test)
{
	static const struct { u32 index, val; u32 event; } t[] = {
		{ 3, 7, 0x010100 }, { 3, 16, 0x010100 }, { 2, 16, 0x010100 },
		{ 4, 1, 0x010000 }, { 5, 3, 0x010000 }, { 900, 1, 0x010000 },
		{ 1, 31, 0x010100 }, { 3, ~0u, 0x010100 },
	};
	struct fake *f;
	u32 i, shadow;

	for (shadow = 0; shadow < 2; shadow++) {
		f = fake_ready(2);
		pin_data(test, f);
		if (shadow)
			KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
		pin_data(test, f);
		vnvme_cq_take(&f->ctrl, &f->ctrl.lane[1].cq);
		for (i = 0; i < ARRAY_SIZE(t); i++) {
			if (shadow && (t[i].index & ~1u) == 2)
				SHADOW(f, t[i].index) = t[i].val;
			else
				f->db[t[i].index] = t[i].val;
			vnvme_db_watch(&f->ctrl);
			KUNIT_EXPECT_EQ_MSG(test, next_aen(f), t[i].event, "%u", i);
			KUNIT_EXPECT_EQ(test, fake_get_log(f, 1, 64, 0, false), 0);
			/* once */
			vnvme_db_watch(&f->ctrl);
			KUNIT_EXPECT_EQ_MSG(test, next_aen(f), ~0u, "%u", i);
			f->ctrl.nr_aer = 0;
			memset(f->q[0].waiting, 0, FAKE_CIDS);
			if (shadow && t[i].index == 2)
				SHADOW(f, 2) = f->q[1].tail;
			if (shadow && t[i].index == 3)
				SHADOW(f, 3) = f->q[1].head;
			pin_data(test, f);
		}
		f->work = false;
		vnvme_db_watch(&f->ctrl);
		KUNIT_EXPECT_FALSE(test, f->work);
		KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
		fake_free(f);
	}
}

/* 92: a head that was refused does not become good when the tail has got there */
static void c92_refused_head_stays_refused(struct kunit *test)
{
	struct vnvme_cqe cqe;
	struct fake *f;
	u32 shadow, i;

	for (shadow = 0; shadow < 2; shadow++) {
		f = fake_ready(1);
		if (shadow)
			KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
		pin_data(test, f);
		vnvme_cq_take(&f->ctrl, &f->ctrl.lane[1].cq);
		/* five ahead of what there is */
		if (shadow)
			SHADOW(f, 3) = 6;
		else
			f->db[3] = 6;
		vnvme_db_watch(&f->ctrl);
		KUNIT_EXPECT_EQ(test, next_aen(f), 0x010100);
		for (i = 0; i < 5; i++) {
			push_reads(f, 1, 1);
			fake_sq_ring(f, 1);
			fake_run(f);
		}
		KUNIT_EXPECT_EQ(test, f->ctrl.lane[1].cq.tail, 6);
		fake_step(f, 1, 16);
		vnvme_cq_take(&f->ctrl, &f->ctrl.lane[1].cq);
		KUNIT_EXPECT_EQ_MSG(test, f->ctrl.lane[1].cq.head, 1, "%u", shadow);
		/* nothing of what was not read is written over */
		push_reads(f, 1, 12);
		fake_sq_ring(f, 1);
		fake_run(f);
		for (i = 0; i < 14; i++)
			KUNIT_EXPECT_TRUE(test, fake_pop(f, 1, &cqe));
		KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
		fake_free(f);
	}
}

/* 96: EventIdx is honoured, with barriers; 97: no wake-up is missed */
static void c96_no_missed_wake(struct kunit *test)
{
	struct fake *f = fake_ready(2);
	struct vnvme_lane *lane = &f->ctrl.lane[2];
	u32 depth, i, n;

	pin_data(test, f);
	KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
	for (depth = 2; depth <= 65; depth = depth * 2 - 1 + (depth < 3)) {
		KUNIT_ASSERT_EQ(test, fake_create(f, 2, 2, depth), 0);
		for (i = 0; i < 3000; i++) {
			n = 1 + i % (depth - 1);
			vnvme_lane_arm(lane);
			KUNIT_ASSERT_EQ(test, vnvme_lane_pending(lane), 0);
			f->kicked = false;
			push_reads(f, 2, n);
			fake_sq_ring(f, 2);
			KUNIT_ASSERT_TRUE(test, f->kicked);
			KUNIT_ASSERT_TRUE(test, vnvme_lane_pending(lane));
			while (fake_step(f, 2, 16))
				;
			KUNIT_ASSERT_EQ(test, pop_all(f, 2), n);
			fake_cq_ring(f, 2);
			/* an interrupt may have been held back so far */
			fake_step(f, 2, 16);
		}
		KUNIT_ASSERT_EQ(test, fake_delete_sq(f, 2), 0);
		KUNIT_ASSERT_EQ(test, fake_delete_cq(f, 2), 0);
	}
	fake_free(f);
}

/* 95, 98, L2, L3: shadow and BAR0 mixed, before and after 7Ch */
static void c98_shadow_and_mmio_mixed(struct kunit *test)
{
	struct fake *f = fake_ready(2);
	struct vnvme_sqe sqe;
	u32 i;

	for (i = 0; i < 5; i++) {
		sqe = fake_rw(VNVME_CMD_READ, 0, 1, FAKE_DATA, 0);
		KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	}
	/* one rung and not fetched yet when 7Ch comes */
	push_reads(f, 1, 1);
	fake_sq_ring(f, 1);
	KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, pop_all(f, 1), 1);
	fake_cq_ring(f, 1);
	KUNIT_EXPECT_EQ(test, SHADOW(f, 2), 6);
	KUNIT_EXPECT_EQ(test, SHADOW(f, 3), 6);
	for (i = 0; i < 100; i++) {
		f->q[1].shadow = i % 3;
		f->q[0].shadow = i % 2;
		sqe = fake_rw(VNVME_CMD_READ, 0, 1, FAKE_DATA, 0);
		KUNIT_ASSERT_EQ(test, fake_io(f, 1, &sqe), 0);
		KUNIT_EXPECT_EQ(test, SHADOW(f, 2), f->q[1].tail);
		KUNIT_ASSERT_EQ(test, fake_identify(f, 1, 0), 0);
		KUNIT_EXPECT_EQ(test, SHADOW(f, 0), f->q[0].tail);
	}
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/*
 * 98: a guest that never used its shadow gives the page back, cleared or with
 * something else in it: no command is fetched again, and nothing is written there
 */
static void c98_shadow_given_back(struct kunit *test)
{
	/* in the shadow page, and in the other one */
	static const struct { u32 db, ei; bool both; } left[] = {
		{ 0 }, { 0x55555555 }, { 0, 0, true }, { 3, 3, true },
		{ 0x55555555, 0x55555555, true },
	};
	struct vnvme_sqe sqe;
	struct fake *f;
	u32 i, k, nr;

	for (k = 0; k < ARRAY_SIZE(left); k++) {
		f = fake_ready(2);
		pin_data(test, f);
		KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
		f->q[1].shadow = false;
		for (i = 0; i < 5; i++) {
			sqe = fake_rw(VNVME_CMD_READ, 0, 1, FAKE_DATA, 0);
			KUNIT_ASSERT_EQ(test, fake_io(f, 1, &sqe), 0);
		}
		for (i = 0; i < 10; i++)
			KUNIT_ASSERT_EQ(test, fake_identify(f, 1, 0), 0);
		nr = f->nr_submits;
		for (i = 0; i < 1024; i++) {
			SHADOW(f, i) = left[k].db;
			if (left[k].both)
				EVENT(f, i) = left[k].ei;
		}
		memset(fake_ptr(f, FAKE_ID), 0x77, 4096);
		f->work = true;
		fake_run(f);
		KUNIT_EXPECT_EQ(test, *(u32 *)fake_ptr(f, FAKE_ID), 0x77777777);
		KUNIT_EXPECT_EQ(test, pop_all(f, 0) + pop_all(f, 1), 0);
		KUNIT_EXPECT_EQ(test, f->nr_submits, nr);
		/* it goes on ringing through BAR0, round the ring */
		for (i = 0; i < 50; i++) {
			sqe = fake_rw(VNVME_CMD_READ, 0, 1, FAKE_DATA, 0);
			KUNIT_ASSERT_EQ(test, fake_io(f, 1, &sqe), 0);
			KUNIT_ASSERT_EQ(test, fake_identify(f, 1, 0), 0);
			KUNIT_ASSERT_EQ(test, pop_all(f, 0) + pop_all(f, 1), 0);
		}
		KUNIT_EXPECT_EQ(test, f->nr_submits, nr + 50);
		/* nor does anything change in what they hold now */
		for (i = 0; i < 1024 && left[k].both; i++) {
			KUNIT_ASSERT_EQ(test, SHADOW(f, i), left[k].db);
			KUNIT_ASSERT_EQ(test, EVENT(f, i), left[k].ei);
		}
		KUNIT_EXPECT_EQ(test, next_aen(f), ~0u);
		KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
		fake_free(f);
	}
}

/* 94, 98: pages with another life's doorbells in them are no doorbells */
static void c94_dbbuf_not_cleared(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe;

	pin_data(test, f);
	/* a ring full of commands that are no more */
	push_reads(f, 1, 14);
	f->q[1].tail = 1;
	memset(f->q[1].waiting, 0, FAKE_CIDS);
	SHADOW(f, 2) = 15;
	SHADOW(f, 3) = 1;
	EVENT(f, 2) = 14;
	KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, pop_all(f, 1), 0);
	KUNIT_EXPECT_EQ(test, SHADOW(f, 2), 1);
	KUNIT_EXPECT_EQ(test, EVENT(f, 2), 1);
	sqe = fake_rw(VNVME_CMD_READ, 0, 1, FAKE_DATA, 0);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* Linux after a reset: commands through the shadow before 7Ch tells of it */
static void c95_shadow_ahead_of_7c(struct kunit *test)
{
	struct fake *f = fake_ready(1);

	f->q[1].shadow = true;
	push_reads(f, 1, 1);
	fake_sq_ring(f, 1);
	fake_run(f);
	push_reads(f, 1, 1);
	fake_sq_ring(f, 1);	/* EventIdx 0: this one is not rung */
	fake_run(f);
	KUNIT_EXPECT_EQ(test, pop_all(f, 1), 1);
	KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, pop_all(f, 1), 1);
	fake_free(f);
}

/* 94: DBBUF moves to other pages under queues that run */
static void c94_dbbuf_moves(struct kunit *test)
{
	struct vnvme_sqe sqe = fake_sqe(VNVME_ADM_DBBUF, 0);
	struct fake *f = fake_ready(1);

	pin_data(test, f);
	KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
	pin_data(test, f);
	sqe.prp1 = cpu_to_le64(FAKE_ID);
	sqe.prp2 = cpu_to_le64(FAKE_ID + VNVME_PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, fake_admin(f, &sqe, NULL), 0);
	push_reads(f, 1, 2);
	((u32 *)fake_ptr(f, FAKE_ID))[2] = f->q[1].tail;
	/* armed where it stands: it is rung */
	fake_ring(f, 2, f->q[1].tail, false);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, pop_all(f, 1), 2);
	fake_free(f);
}

/* 51: no stale doorbell, BAR0 or shadow, for a queue made again */
static void c51_made_again(struct kunit *test)
{
	struct fake *f = fake_ready(2);
	struct vnvme_sqe sqe;
	u32 i, k;

	KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
	for (i = 0; i < 10; i++) {
		KUNIT_ASSERT_EQ(test, fake_create(f, 2, 2, 3 + i), 0);
		KUNIT_EXPECT_EQ(test, SHADOW(f, 4) | SHADOW(f, 5), 0);
		KUNIT_EXPECT_EQ(test, EVENT(f, 4) | EVENT(f, 5), 0);
		for (k = 0; k < i + 1; k++) {
			sqe = fake_rw(VNVME_CMD_READ, 0, 1, FAKE_DATA, 0);
			KUNIT_ASSERT_EQ(test, fake_io(f, 2, &sqe), 0);
		}
		KUNIT_ASSERT_EQ(test, fake_delete_sq(f, 2), 0);
		KUNIT_ASSERT_EQ(test, fake_delete_cq(f, 2), 0);
		/* what the guest leaves behind */
		SHADOW(f, 4) = SHADOW(f, 5) = EVENT(f, 4) = 2;
	}
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 99, L1, rule 5: after CC.EN = 0 nothing touches the pages again */
static void l01_dbbuf_forgotten(struct kunit *test)
{
	struct fake *f = fake_ready(2);
	struct vnvme_sqe sqe;
	u32 i, how;

	for (how = 0; how < 3; how++) {
		KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
		f->hold = true;
		push_reads(f, 1, 3);
		fake_sq_ring(f, 1);
		fake_run(f);
		if (how == 0)
			fake_write32(f, VNVME_REG_CC, 0);
		else if (how == 1)
			vnvme_ctrl_reset(&f->ctrl);
		else
			fake_cfg_write16(f, VNVME_PCI_DEVCTL,
					 VNVME_PCI_DEVCTL_FLR);
		KUNIT_EXPECT_EQ(test, f->ctrl.dbbuf.db, 0);
		memset(fake_ptr(f, FAKE_SHADOW), 0x55, 8192);
		f->hold = false;
		fake_run(f);
		fake_cfg_write16(f, VNVME_PCI_COMMAND, 6);
		fake_write32(f, VNVME_REG_AQA, 0x001f001f);
		fake_write64(f, VNVME_REG_ASQ, FAKE_ASQ);
		fake_write64(f, VNVME_REG_ACQ, FAKE_ACQ);
		memset(fake_ptr(f, FAKE_ACQ), 0, 4096);
		fake_queue_start(f, 0, 0, 32);
		f->dbbuf = false;
		fake_write32(f, VNVME_REG_CC, 0x00460001);
		fake_run(f);
		KUNIT_ASSERT_EQ(test, fake_create(f, 1, 1, 16), 0);
		for (i = 0; i < 20; i++) {
			sqe = fake_rw(VNVME_CMD_READ, 0, 1, FAKE_DATA, 0);
			KUNIT_ASSERT_EQ(test, fake_io(f, 1, &sqe), 0);
		}
		for (i = 0; i < 2048; i++)
			KUNIT_ASSERT_EQ(test, SHADOW(f, i), 0x55555555);
		memset(fake_ptr(f, FAKE_SHADOW), 0, 8192);
	}
	fake_free(f);
}

static const u64 queue_pages[] = {
	FAKE_SQ(1), FAKE_CQ(1), FAKE_ASQ, FAKE_ACQ, FAKE_SHADOW, FAKE_EVENT,
};

static void push_both(struct fake *f)
{
	struct vnvme_sqe sqe = fake_rw(VNVME_CMD_READ, 0, 1, FAKE_DATA, 0);

	fake_push(f, 1, &sqe);
	fake_sq_ring(f, 1);
	sqe = fake_sqe(VNVME_ADM_ABORT, 0);
	fake_push(f, 0, &sqe);
	fake_sq_ring(f, 0);
}

/* What the controller cannot be without. */
static const u64 ctrl_pages[] = {
	FAKE_ASQ, FAKE_ACQ, FAKE_SHADOW, FAKE_EVENT,
};

/* 26, rule 6: memory of the admin queue or of DBBUF vanishes: CSTS.CFS, no fault */
static void r06_queue_memory_vanishes(struct kunit *test)
{
	struct fake *f;
	u32 i, k, kind;

	for (i = 0; i < 3 * ARRAY_SIZE(ctrl_pages); i++) {
		u64 gone = ctrl_pages[i / 3];

		kind = FAKE_ABSENT + i % 3;
		/* the device only reads these */
		if (kind == FAKE_RO && gone == FAKE_ASQ)
			continue;
		f = fake_ready(1);
		KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
		/* used, found, and then gone */
		pin_data(test, f);
		fake_page(f, gone, kind);
		if (kind == FAKE_RO)
			f->ctrl.env->pin(&f->ctrl, gone, 4096);
		for (k = 0; k < 9; k++) {
			push_both(f);
			fake_run(f);
		}
		vnvme_lane_arm(&f->ctrl.lane[1]);
		fake_run(f);
		KUNIT_EXPECT_EQ_MSG(test, f->ctrl.state, VNVME_FAILED,
				    "%llx kind %u", gone, kind);
		KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS) & 2, 2);
		fake_page(f, gone, FAKE_OK);
		fake_write32(f, VNVME_REG_CC, 0);
		fake_run(f);
		KUNIT_EXPECT_TRUE(test, fake_enable(f, 8, 8));
		fake_check(f);
		KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
		fake_free(f);
	}
}

/*
 * 26, 49, 50: the ring of an I/O queue vanishes, idle, with a command before or
 * behind the drive, or while its queue is being deleted: that queue stands still,
 * can be deleted and made again; nothing reaches what was its memory
 */
static void c49_c50_ring_of_an_io_queue_vanishes(struct kunit *test)
{
	u64 gone;
	struct vnvme_sqe sqe;
	struct vnvme_cqe cqe;
	struct fake *f;
	u32 i, how, kind;

	for (i = 0; i < 2 * 3 * 4; i++) {
		gone = i & 1 ? FAKE_CQ(2) : FAKE_SQ(2);
		kind = FAKE_ABSENT + i / 2 % 3;
		how = i / 6;
		if (kind == FAKE_RO && gone == FAKE_SQ(2))
			continue;
		f = fake_ready(2);
		pin_data(test, f);
		KUNIT_ASSERT_EQ(test, fake_create(f, 2, 2, 16), 0);
		if (how & 1)
			KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
		f->hold = true;
		push_reads(f, 2, 3);
		if (how) {
			fake_sq_ring(f, 2);
			fake_run(f);
		}
		sqe = fake_sqe(VNVME_ADM_DELETE_SQ, 0);
		sqe.cdw10 = cpu_to_le32(2);
		fake_push(f, 0, &sqe);
		if (how == 3)
			fake_sq_ring(f, 0);
		fake_run(f);
		fake_page(f, gone, kind);
		if (kind == FAKE_RO)
			f->ctrl.env->pin(&f->ctrl, gone, 4096);
		memset(fake_ptr(f, FAKE_CQ(2)), 0x77, 4096);
		f->hold = false;
		if (how < 3)
			fake_sq_ring(f, 2);
		for (kind = 0; kind < 5; kind++) {
			f->work = true;
			fake_run(f);
		}
		KUNIT_EXPECT_EQ_MSG(test, f->ctrl.state, VNVME_READY, "%u", i);
		if (how < 3)
			fake_sq_ring(f, 0);
		fake_run(f);
		KUNIT_ASSERT_TRUE(test, fake_pop(f, 0, &cqe));
		KUNIT_EXPECT_EQ(test, le16_to_cpu(cqe.status) >> 1, 0);
		fake_cq_ring(f, 0);
		KUNIT_EXPECT_EQ(test, fake_delete_cq(f, 2), 0);
		if (gone == FAKE_CQ(2))
			KUNIT_EXPECT_EQ(test, *(u8 *)fake_ptr(f, FAKE_CQ(2)), 0x77);
		KUNIT_EXPECT_EQ(test, f->ctrl.lane[2].busy, 0);
		KUNIT_EXPECT_FALSE(test, vnvme_intx_level(&f->ctrl));
		/* the others never noticed, and it can be made again */
		pin_data(test, f);
		fake_page(f, gone, FAKE_OK);
		KUNIT_ASSERT_EQ(test, fake_create(f, 2, 2, 16), 0);
		sqe = fake_rw(VNVME_CMD_READ, 0, 1, FAKE_DATA, 0);
		KUNIT_EXPECT_EQ(test, fake_io(f, 2, &sqe), 0);
		fake_check(f);
		KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
		fake_free(f);
	}
}

/* 26: memory that the guest still has is only missing: nothing is lost */
static void r06_queue_memory_comes_back(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	u32 i, k;

	KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
	pin_data(test, f);
	for (i = 0; i < 3 * ARRAY_SIZE(queue_pages); i++) {
		for (k = 0; k < 7; k++) {
			/* before the fetch, or with the answer under way */
			f->hold = i % 3 == 1;
			if (f->hold)
				push_both(f);
			if (f->hold)
				fake_step(f, 1, 16);
			fake_unpin(f, queue_pages[i / 3], 4096);
			if (!f->hold)
				push_both(f);
			if (i % 3 == 2)
				vnvme_lane_arm(&f->ctrl.lane[1]);
			f->hold = false;
			fake_step(f, 1, 16);
			fake_check(f);
			fake_run(f);
			KUNIT_EXPECT_EQ_MSG(test, pop_all(f, 1), 1, "%u", i);
			KUNIT_EXPECT_EQ_MSG(test, pop_all(f, 0), 1, "%u", i);
			fake_cq_ring(f, 1);
			fake_cq_ring(f, 0);
		}
	}
	KUNIT_EXPECT_EQ(test, f->ctrl.state, VNVME_READY);
	KUNIT_EXPECT_EQ(test, f->ctrl.lane[1].busy, 0);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 26, 96: EventIdx that is missing for a moment is armed when it is back */
static void c96_event_missing(struct kunit *test)
{
	struct vnvme_sqe sqe = fake_rw(VNVME_CMD_READ, 0, 8, FAKE_DATA, 0);
	struct fake *f = fake_ready(1);
	const __le32 *event = fake_ptr(f, FAKE_EVENT);

	KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
	f->q[1].shadow = false;
	fake_unpin(f, FAKE_EVENT, VNVME_PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(event[vnvme_sq_db_index(1)]), 1);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 26: asleep while something is missing: no spinning, and the kick comes */
static void r06_missing_brings_a_kick(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_lane *lane = &f->ctrl.lane[1];

	pin_data(test, f);
	f->hold = true;
	push_reads(f, 1, 3);
	fake_sq_ring(f, 1);
	fake_step(f, 1, 16);
	f->hold = false;
	fake_unpin(f, FAKE_CQ(1), 4096);
	KUNIT_EXPECT_EQ(test, fake_step(f, 1, 16), 3);
	KUNIT_EXPECT_EQ(test, lane->busy, 3);
	KUNIT_EXPECT_EQ(test, lane->busy, 3);
	KUNIT_EXPECT_EQ(test, lane->inflight, 0);
	KUNIT_EXPECT_FALSE(test, vnvme_lane_pending(lane));
	KUNIT_EXPECT_TRUE(test, f->work);
	f->kicked = false;
	fake_work(f);
	KUNIT_EXPECT_TRUE(test, f->kicked);
	KUNIT_EXPECT_TRUE(test, vnvme_lane_pending(lane));
	fake_step(f, 1, 16);
	KUNIT_EXPECT_EQ(test, pop_all(f, 1), 3);
	KUNIT_EXPECT_EQ(test, lane->busy, 0);
	fake_free(f);
}

/* 26: what goes while control pins something else */
static void r06_lost_while_pinning(struct kunit *test)
{
	struct fake *f = fake_ready(2);
	struct vnvme_extent x;
	struct vnvme_sqe sqe;
	u32 i;

	/* found for the first answer, gone when the second has pinned its data */
	fake_unpin(f, FAKE_ID, 8192);
	f->lose = FAKE_ACQ;
	f->lose_pins = 1;
	sqe = fake_sqe(VNVME_ADM_ABORT, 0);
	fake_push(f, 0, &sqe);
	sqe = fake_sqe(VNVME_ADM_IDENTIFY, 0);
	sqe.cdw10 = cpu_to_le32(1);
	sqe.prp1 = cpu_to_le64(FAKE_ID);
	fake_push(f, 0, &sqe);
	fake_sq_ring(f, 0);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, f->lose_pins, 0);
	KUNIT_EXPECT_EQ(test, pop_all(f, 0), 2);
	fake_cq_ring(f, 0);
	KUNIT_EXPECT_TRUE(test, vnvme_mem_lookup(&f->mem, FAKE_ACQ, &x));

	/* one of DBBUF's pages, when the other is pinned */
	f->lose = FAKE_SHADOW;
	f->lose_pins = 4;
	KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
	for (i = 0; i < 4; i++) {
		SHADOW(f, 4) = SHADOW(f, 5) = EVENT(f, 4) = EVENT(f, 5) = 2;
		f->lose_pins = i;
		KUNIT_ASSERT_EQ(test, fake_create(f, 2, 2, 8), 0);
		KUNIT_EXPECT_EQ(test, SHADOW(f, 4) | SHADOW(f, 5), 0);
		KUNIT_EXPECT_EQ(test, EVENT(f, 4) | EVENT(f, 5), 0);
		sqe = fake_rw(VNVME_CMD_READ, 0, 1, FAKE_DATA, 0);
		KUNIT_ASSERT_EQ(test, fake_io(f, 2, &sqe), 0);
		KUNIT_ASSERT_EQ(test, fake_delete_sq(f, 2), 0);
		KUNIT_ASSERT_EQ(test, fake_delete_cq(f, 2), 0);
	}
	KUNIT_EXPECT_EQ(test, f->ctrl.state, VNVME_READY);
	/* each time: that is given up */
	f->lose_pins = 100;
	KUNIT_EXPECT_NE(test, fake_create(f, 2, 2, 8), 0);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, f->ctrl.state, VNVME_FAILED);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 36: no interrupt without IEN, none when nothing is new, one a pass */
static void c36_interrupts(struct kunit *test)
{
	struct fake *f = fake_ready(2);
	struct vnvme_sqe sqe;

	pin_data(test, f);
	f->nr_irqs = 0;
	push_reads(f, 1, 10);
	fake_sq_ring(f, 1);
	fake_step(f, 1, 16);
	fake_step(f, 1, 16);
	KUNIT_EXPECT_EQ(test, f->nr_irqs, 1);
	KUNIT_EXPECT_EQ(test, f->irqs[1], 2);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, f->nr_irqs, 1);
	sqe = fake_create_cq_sqe(2, FAKE_CQ(2), 16, 2);
	sqe.cdw11 = cpu_to_le32(2 << 16 | 1);
	fake_queue_start(f, 2, 2, 16);
	KUNIT_ASSERT_EQ(test, fake_admin(f, &sqe, NULL), 0);
	KUNIT_ASSERT_EQ(test, fake_create_sq(f, 2, 2, 16), 0);
	f->nr_irqs = 0;
	push_reads(f, 2, 10);
	fake_sq_ring(f, 2);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, pop_all(f, 2), 10);
	KUNIT_EXPECT_EQ(test, f->nr_irqs, 0);
	fake_free(f);
}

static struct kunit_case queue_cases[] = {
	KUNIT_CASE(c33_cq_full),
	KUNIT_CASE(l08_full_cq_with_dbbuf_wakes),
	KUNIT_CASE(c92_bad_doorbells),
	KUNIT_CASE(c91_doorbell_of_nobody),
	KUNIT_CASE(c91_c92_watched),
	KUNIT_CASE(c92_refused_head_stays_refused),
	KUNIT_CASE(c96_no_missed_wake),
	KUNIT_CASE(c98_shadow_and_mmio_mixed),
	KUNIT_CASE(c98_shadow_given_back),
	KUNIT_CASE(c94_dbbuf_not_cleared),
	KUNIT_CASE(c95_shadow_ahead_of_7c),
	KUNIT_CASE(c94_dbbuf_moves),
	KUNIT_CASE(c51_made_again),
	KUNIT_CASE(l01_dbbuf_forgotten),
	KUNIT_CASE(r06_queue_memory_vanishes),
	KUNIT_CASE(c49_c50_ring_of_an_io_queue_vanishes),
	KUNIT_CASE(r06_queue_memory_comes_back),
	KUNIT_CASE(c96_event_missing),
	KUNIT_CASE(r06_missing_brings_a_kick),
	KUNIT_CASE(r06_lost_while_pinning),
	KUNIT_CASE(c36_interrupts),
	{}
};

static struct kunit_suite queue_suite = {
	.name = "vnvme_queue",
	.test_cases = queue_cases,
};

kunit_test_suite(queue_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Virtual NVMe controller: queues and doorbells");
