// SPDX-License-Identifier: GPL-2.0
/* The pass over a lane, and configuration space; rules 4, 7, 8, 9, 12 */
#include <kunit/test.h>
#include <linux/module.h>

#include "fake.h"

static void push_reads(struct fake *f, u16 sqid, u32 n)
{
	struct vnvme_sqe sqe;

	while (n--) {
		sqe = fake_rw(VNVME_CMD_READ, n, 1, FAKE_DATA, 0);
		fake_push(f, sqid, &sqe);
	}
	fake_sq_ring(f, sqid);
}

static u32 pop_ok(struct fake *f, u16 cqid)
{
	struct vnvme_cqe cqe;
	u32 n = 0;

	while (fake_pop(f, cqid, &cqe))
		n += cqe.status >> 1 == 0;
	fake_cq_ring(f, cqid);
	return n;
}

/* rule 8: a backend that is busy, or loses what it had */
static void r08_answered_once(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	u32 i;

	for (i = 0; i < 60; i++) {
		f->busy = i % 5;
		f->lossy = i % 7;
		f->at_once = i % 2;
		push_reads(f, 1, 15);
		fake_run(f);
		while (f->busy)
			fake_step(f, 1, 16);
		fake_run(f);
		KUNIT_ASSERT_EQ(test, pop_ok(f, 1), 15);
	}
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_check(f);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* Losses of a Read until it is answered, lost as @loss with @retries */
static u32 losses_of_one(struct kunit *test, struct fake *f, enum vnvme_loss loss,
			 u32 retries)
{
	struct vnvme_sqe sqe = fake_rw(VNVME_CMD_READ, 0, 1, FAKE_DATA, 0);
	u32 lost;

	f->loss = loss;
	f->retries = retries;
	f->lossy = 1000;
	/* Internal Error: no status of a path, and not to be tried again */
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0x4006);
	lost = 1000 - f->lossy;
	f->lossy = 0;
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	return lost;
}

/* rule 8: what is lost is not done again without end, and each counts for itself */
static void r08_lost_ends(struct kunit *test)
{
	struct fake *f = fake_ready(1);

	KUNIT_EXPECT_EQ(test, losses_of_one(test, f, VNVME_LOSS_LATE, 5), 6);
	KUNIT_EXPECT_EQ(test, losses_of_one(test, f, VNVME_LOSS_LATE, 1), 2);
	KUNIT_EXPECT_EQ(test, losses_of_one(test, f, VNVME_LOSS_OTHERS, 5), 21);
	/* what never was on its way has not been lost */
	f->loss = VNVME_LOSS_NONE;
	f->retries = 1;
	f->lossy = 1000;
	push_reads(f, 1, 15);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, pop_ok(f, 1), 15);
	KUNIT_EXPECT_EQ(test, f->lossy, 0);
	/* a queue that goes, a controller that stops: nobody is told */
	f->loss = VNVME_LOSS_LATE;
	f->hold = true;
	push_reads(f, 1, 15);
	fake_run(f);
	fake_write32(f, VNVME_REG_CC, 0);
	f->hold = false;
	f->lossy = 1000;
	fake_run(f);
	KUNIT_EXPECT_TRUE(test, vnvme_ctrl_idle(&f->ctrl));
	fake_check(f);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* With no budget a step goes on with what there is, and fetches nothing */
static void r09_budget_of_nothing(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_sq *sq = &f->ctrl.sq[1];

	push_reads(f, 1, 5);
	KUNIT_EXPECT_EQ(test, fake_step(f, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, sq->head, 0);
	KUNIT_EXPECT_EQ(test, f->ctrl.lane[1].busy, 0);
	f->at_once = false;
	fake_step(f, 1, 2);
	KUNIT_EXPECT_EQ(test, sq->head, 2);
	while (fake_step(f, 1, 0))
		;
	KUNIT_EXPECT_EQ(test, sq->head, 2);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, pop_ok(f, 1), 5);
	fake_free(f);
}

/* What steps have submitted or answered. */
static u32 steps_did(struct fake *f)
{
	return f->nr_submits + f->ctrl.lane[1].stat.reads + f->ctrl.lane[1].stat.errors;
}

/* @n in all, and in no step more than its budget */
static void step_all(struct kunit *test, struct fake *f, u32 n)
{
	u32 end = steps_did(f) + n, i, was;

	for (i = 0; i < 20; i++) {
		was = steps_did(f);
		fake_step(f, 1, 4);
		KUNIT_EXPECT_LE(test, steps_did(f) - was, 4);
	}
	KUNIT_EXPECT_EQ(test, steps_did(f), end);
}

/* rule 9: what comes back from a miss counts, whether it is translated again or fails */
static void r09_budget_of_retries(struct kunit *test)
{
	struct fake *f = fake_ready(1);

	f->pin_hold = true;
	push_reads(f, 1, 15);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, f->nr_submits, 0);
	fake_pin_all(f);
	f->hold = true;
	step_all(test, f, 15);
	f->hold = false;
	fake_run(f);
	KUNIT_EXPECT_EQ(test, pop_ok(f, 1), 15);

	/* who has parked them has all of them submitted, and nothing new fetched */
	f->hold = true;
	fake_unpin(f, FAKE_DATA, VNVME_PAGE_SIZE);
	push_reads(f, 1, 7);
	fake_run(f);
	push_reads(f, 1, 8);
	f->nr_submits = 0;
	fake_pin_all(f);
	vnvme_lane_resubmit(&f->ctrl.lane[1]);
	KUNIT_EXPECT_EQ(test, f->nr_submits, 7);
	f->pin_hold = false;
	f->hold = false;
	fake_run(f);
	KUNIT_EXPECT_EQ(test, pop_ok(f, 1), 15);
	f->pin_hold = true;

	fake_page(f, FAKE_DATA, FAKE_ABSENT);
	push_reads(f, 1, 15);
	fake_run(f);
	fake_pin_all(f);
	step_all(test, f, 15);
	KUNIT_EXPECT_EQ(test, pop_ok(f, 1), 0);
	fake_check(f);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* rule 9: so do answers that could not be written before, and new commands beside them */
static void r09_budget_of_held(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_lane *lane = &f->ctrl.lane[1];

	f->hold = true;
	push_reads(f, 1, 15);
	fake_run(f);
	fake_cfg_write16(f, VNVME_PCI_COMMAND, VNVME_PCI_CMD_MEM);
	f->hold = false;
	fake_step(f, 1, 16);
	KUNIT_EXPECT_EQ(test, lane->cq.tail, 0);
	fake_cfg_write16(f, VNVME_PCI_COMMAND, VNVME_PCI_CMD_MEM | VNVME_PCI_CMD_MASTER);
	step_all(test, f, 15);
	KUNIT_EXPECT_EQ(test, pop_ok(f, 1), 15);
	fake_free(f);
}

/* Busy: it stays the first, nothing overtakes it, nobody spins on it */
static void r08_busy_waits_for_a_kick(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_lane *lane = &f->ctrl.lane[1];

	push_reads(f, 1, 1);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, pop_ok(f, 1), 1);
	f->busy = 3;
	push_reads(f, 1, 4);
	KUNIT_EXPECT_EQ(test, fake_step(f, 1, 16), 1);
	KUNIT_EXPECT_FALSE(test, vnvme_lane_pending(lane));
	KUNIT_EXPECT_EQ(test, fake_step(f, 1, 16), 0);
	KUNIT_EXPECT_FALSE(test, vnvme_lane_pending(lane));
	f->busy = 0;
	fake_run(f);
	KUNIT_EXPECT_EQ(test, pop_ok(f, 1), 4);
	fake_free(f);
}

/* 128, rule 9: budget, requests and retries bound what one guest costs */
static void r09_bounds(struct kunit *test)
{
	struct fake *f = fake_ready(2);
	struct vnvme_sqe sqe;
	struct vnvme_cqe cqe;
	u32 i;

	KUNIT_ASSERT_EQ(test, fake_create(f, 2, 2, 64), 0);
	push_reads(f, 2, 1);
	fake_run(f);
	pop_ok(f, 2);
	f->hold = true;
	push_reads(f, 2, 60);
	KUNIT_EXPECT_EQ(test, fake_step(f, 2, 7), 7);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, f->ctrl.lane[2].busy, FAKE_REQS);
	KUNIT_EXPECT_FALSE(test, vnvme_lane_pending(&f->ctrl.lane[2]));
	f->hold = false;
	fake_run(f);
	KUNIT_EXPECT_EQ(test, pop_ok(f, 2), 60);

	/* a page that is gone again each time it has been pinned */
	sqe = fake_rw(VNVME_CMD_READ, 0, 1, FAKE_DATA + 4096, 0);
	f->pin_hold = true;
	fake_push(f, 1, &sqe);
	fake_sq_ring(f, 1);
	for (i = 0; i < 5000 && !fake_peek(f, 1, &cqe); i++) {
		fake_step(f, 1, 16);
		fake_pin_all(f);
		fake_unpin(f, FAKE_DATA + 4096, 4096);
	}
	KUNIT_ASSERT_TRUE(test, fake_pop(f, 1, &cqe));
	KUNIT_EXPECT_EQ(test, cqe.status >> 1, 0x0004);
	KUNIT_EXPECT_LE(test, i, VNVME_RETRIES + 2);
	fake_free(f);
}

static bool uses_page(const struct vnvme_lane *lane, u64 iova)
{
	return fake_uses(lane, iova, iova + VNVME_PAGE_SIZE - 1);
}

/* rule 7, 26, 134: which memory is in use by what is in flight, to the page */
static void r07_memory_in_use(struct kunit *test)
{
	/* of a list: one after another, backwards, and again after a gap */
	static const u8 at[] = { 8, 9, 10, 7, 6, 12, 13, 20 };
	struct fake *f = fake_ready(1);
	struct vnvme_lane *lane = &f->ctrl.lane[1];
	__le64 *list = fake_ptr(f, FAKE_LIST);
	struct vnvme_sqe sqe;
	u64 used = 0;
	u32 i;

	f->hold = true;
	/* the end of page 0 and the beginning of 1; page 3 and 5; from the middle of 30 */
	sqe = fake_rw(VNVME_CMD_READ, 0, 2, FAKE_DATA + 4096 - 512, FAKE_DATA + 4096);
	fake_push(f, 1, &sqe);
	sqe = fake_rw(VNVME_CMD_WRITE, 0, 16, FAKE_DATA + 3 * 4096, FAKE_DATA + 5 * 4096);
	fake_push(f, 1, &sqe);
	for (i = 0; i < ARRAY_SIZE(at); i++)
		list[i] = cpu_to_le64(FAKE_DATA + at[i] * 4096);
	sqe = fake_rw(VNVME_CMD_READ, 0, 4 + 8 * ARRAY_SIZE(at), FAKE_DATA + 30 * 4096 + 2048,
		      FAKE_LIST);
	fake_push(f, 1, &sqe);
	fake_sq_ring(f, 1);
	fake_run(f);
	KUNIT_ASSERT_EQ(test, lane->inflight, 3);
	/* the guest may change its list; what is used stays */
	memset(list, 0, VNVME_PAGE_SIZE);
	used = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 5 | 1 << 30;
	for (i = 0; i < ARRAY_SIZE(at); i++)
		used |= 1u << at[i];
	for (i = 0; i < 64; i++)
		KUNIT_EXPECT_EQ_MSG(test, uses_page(lane, FAKE_DATA + i * 4096), used >> i & 1,
				    "page %u", i);
	KUNIT_EXPECT_TRUE(test, fake_uses(lane, FAKE_DATA, FAKE_DATA));
	KUNIT_EXPECT_TRUE(test, fake_uses(lane, FAKE_DATA + 14 * 4096,
					  FAKE_DATA + 20 * 4096));
	KUNIT_EXPECT_FALSE(test, fake_uses(lane, FAKE_DATA + 14 * 4096,
					   FAKE_DATA + 20 * 4096 - 1));
	KUNIT_EXPECT_TRUE(test, fake_uses(lane, 0, ~0ull));
	KUNIT_EXPECT_FALSE(test, uses_page(lane, FAKE_LIST));
	f->hold = false;
	fake_step(f, 1, 16);
	KUNIT_EXPECT_EQ(test, pop_ok(f, 1), 3);
	KUNIT_EXPECT_FALSE(test, fake_uses(lane, 0, ~0ull));
	fake_free(f);
}

/* 34: SQHD, and no queue of a lane starves another */
static void c34_several_sqs(struct kunit *test)
{
	struct fake *f = fake_ready(4);
	struct vnvme_cqe cqe;
	u32 i, seen[5] = { 0 }, first = 0;

	for (i = 2; i <= 4; i++)
		KUNIT_ASSERT_EQ(test, fake_create_sq(f, i, 1, 16), 0);
	push_reads(f, 1, 1);
	fake_run(f);
	pop_ok(f, 1);
	f->at_once = true;
	for (i = 1; i <= 4; i++)
		push_reads(f, i, 3);
	for (i = 0; i < 4; i++)
		fake_step(f, 1, 3);
	for (i = 0; fake_pop(f, 1, &cqe); i++) {
		seen[cqe.sqid]++;
		first |= 1u << cqe.sqid;
		KUNIT_EXPECT_EQ(test, cqe.sqhd, seen[cqe.sqid] +
				(cqe.sqid == 1));
	}
	KUNIT_EXPECT_EQ(test, i, 12);
	KUNIT_EXPECT_EQ(test, first, 0x1e);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 28, 23: a reset with everything in flight; nothing is answered after it */
static void c28_reset_in_flight(struct kunit *test)
{
	struct fake *f;
	struct vnvme_cqe cqe;
	u32 how;

	for (how = 0; how < 4; how++) {
		f = fake_ready(1);
		f->pin_hold = how & 1;
		f->hold = true;
		f->busy = how & 2;
		push_reads(f, 1, 8);
		fake_run(f);
		vnvme_ctrl_reset(&f->ctrl);
		KUNIT_EXPECT_EQ(test, f->ctrl.state, VNVME_STOPPING);
		KUNIT_EXPECT_FALSE(test, vnvme_ctrl_idle(&f->ctrl));
		fake_run(f);
		f->hold = false;
		f->pin_hold = false;
		fake_run(f);
		KUNIT_EXPECT_TRUE(test, vnvme_ctrl_idle(&f->ctrl));
		KUNIT_EXPECT_FALSE(test, fake_peek(f, 1, &cqe));
		KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_AQA), 0);
		KUNIT_EXPECT_EQ(test, fake_read64(f, VNVME_REG_ASQ), 0);
		KUNIT_EXPECT_FALSE(test, f->ctrl.master);
		fake_check(f);
		KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
		fake_free(f);
	}
}

/* 21: no DMA, no interrupt without COMMAND.MASTER; nothing is lost */
static void c21_command_register(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_cqe cqe;

	push_reads(f, 1, 1);
	fake_run(f);
	pop_ok(f, 1);
	f->hold = true;
	push_reads(f, 1, 2);
	fake_run(f);
	f->hold = false;
	fake_cfg_write16(f, VNVME_PCI_COMMAND, 2);
	push_reads(f, 1, 2);
	f->nr_irqs = 0;
	fake_run(f);
	KUNIT_EXPECT_FALSE(test, fake_peek(f, 1, &cqe));
	KUNIT_EXPECT_EQ(test, f->nr_irqs, 0);
	KUNIT_EXPECT_EQ(test, f->ctrl.lane[1].busy, 2);
	KUNIT_EXPECT_FALSE(test, vnvme_lane_pending(&f->ctrl.lane[1]));
	f->kicked = false;
	fake_cfg_write16(f, VNVME_PCI_COMMAND, 6);
	KUNIT_EXPECT_TRUE(test, f->kicked);
	KUNIT_EXPECT_TRUE(test, vnvme_lane_pending(&f->ctrl.lane[1]));
	fake_step(f, 1, 2);
	KUNIT_EXPECT_EQ(test, f->nr_irqs, 1);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, pop_ok(f, 1), 4);
	/* MEM = 0 */
	fake_cfg_write16(f, VNVME_PCI_COMMAND, 4);
	KUNIT_EXPECT_EQ(test, fake_read64(f, 0), ~0ull);
	fake_write32(f, VNVME_REG_CC, 0);
	fake_cfg_write16(f, VNVME_PCI_COMMAND, 6);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS), 1);
	fake_free(f);
}

/* 21: no admin command, no event, no interrupt that was held back; then all of them */
static void c21_nothing_without_master(struct kunit *test)
{
	static const u16 off[] = { VNVME_PCI_CMD_MEM, 0 };
	struct vnvme_sqe sqe;
	struct vnvme_cqe cqe;
	struct fake *f;
	u32 i, k;

	for (i = 0; i < ARRAY_SIZE(off); i++) {
		f = fake_ready(1);
		sqe = fake_sqe(VNVME_ADM_AER, 0);
		fake_push(f, 0, &sqe);
		fake_sq_ring(f, 0);
		fake_run(f);
		/* told of one; the others are held back until it is taken */
		f->at_once = true;
		push_reads(f, 1, 1);
		fake_run(f);
		for (k = 0; k < 3; k++) {
			push_reads(f, 1, 1);
			fake_step(f, 1, 16);
		}
		KUNIT_EXPECT_EQ(test, f->irqs[1], 1);
		KUNIT_EXPECT_TRUE(test, vnvme_lane_pending(&f->ctrl.lane[1]));
		/* by doorbells that are mapped: they do not pass BAR0 */
		f->mapped = true;
		sqe = fake_sqe(VNVME_ADM_IDENTIFY, 0);
		sqe.cdw10 = cpu_to_le32(1);
		sqe.prp1 = cpu_to_le64(FAKE_ID);
		memset(fake_ptr(f, FAKE_ID), 0x77, VNVME_PAGE_SIZE);
		fake_cfg_write16(f, VNVME_PCI_COMMAND, off[i]);
		fake_push(f, 0, &sqe);
		fake_sq_ring(f, 0);
		vnvme_aen_raise(&f->ctrl, VNVME_AEN_DB_VALUE);
		push_reads(f, 1, 2);
		f->nr_irqs = 0;
		for (k = 0; k < 5; k++) {
			f->now += VNVME_HOLD_NS;
			f->work = true;
			fake_run(f);
		}
		KUNIT_EXPECT_EQ(test, f->nr_irqs, 0);
		KUNIT_EXPECT_FALSE(test, fake_peek(f, 0, &cqe));
		KUNIT_EXPECT_EQ(test, *(u32 *)fake_ptr(f, FAKE_ID), 0x77777777);
		KUNIT_EXPECT_EQ(test, f->nr_submits, 4);
		KUNIT_EXPECT_FALSE(test, vnvme_lane_pending(&f->ctrl.lane[1]));
		fake_cfg_write16(f, VNVME_PCI_COMMAND, 6);
		fake_run(f);
		f->now += VNVME_HOLD_NS;
		fake_run(f);
		KUNIT_EXPECT_NE(test, f->irqs[0], 0);
		KUNIT_EXPECT_EQ(test, f->irqs[1], 2);
		KUNIT_EXPECT_TRUE(test, fake_pop(f, 0, &cqe));
		KUNIT_EXPECT_TRUE(test, fake_pop(f, 0, &cqe));
		KUNIT_EXPECT_EQ(test, pop_ok(f, 1), 6);
		KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
		fake_free(f);
	}
}

/* 21: without COMMAND.MEM every register reads as ones, and no write has an effect */
static void c21_no_memory_space(struct kunit *test)
{
	struct fake *f = fake_ready(2);
	struct vnvme_ctrl *ctrl = &f->ctrl;
	u8 msix[sizeof(ctrl->msix)];
	u32 db[1024], off;

	push_reads(f, 1, 1);
	fake_run(f);
	memcpy(msix, ctrl->msix, sizeof(msix));
	memcpy(db, f->db, sizeof(db));
	fake_cfg_write16(f, VNVME_PCI_COMMAND, VNVME_PCI_CMD_MASTER);
	for (off = 0; off < VNVME_BAR_SIZE; off += 4) {
		KUNIT_ASSERT_EQ(test, fake_read32(f, off), ~0u);
		fake_write32(f, off, 0);
		fake_write32(f, off, 0x00464001);
	}
	fake_run(f);
	fake_cfg_write16(f, VNVME_PCI_COMMAND, 6);
	KUNIT_EXPECT_EQ(test, memcmp(msix, ctrl->msix, sizeof(msix)), 0);
	KUNIT_EXPECT_EQ(test, memcmp(db, f->db, sizeof(db)), 0);
	KUNIT_EXPECT_EQ(test, ctrl->events, 0);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CC), 0x00460001);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS), 1);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_INTMS), 0);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_AQA), 0x001f001f);
	KUNIT_EXPECT_EQ(test, fake_read64(f, VNVME_REG_ASQ), FAKE_ASQ);
	KUNIT_EXPECT_EQ(test, fake_read64(f, VNVME_REG_ACQ), FAKE_ACQ);
	KUNIT_EXPECT_EQ(test, pop_ok(f, 1), 1);
	fake_free(f);
}

/* 21, rule 13: a device that has lost MASTER, or is in D3hot, still ends what it had */
static void r13_quiet_without_master(struct kunit *test)
{
	static const struct { u32 off; u16 off_val, on_val; } way[] = {
		{ VNVME_PCI_COMMAND, VNVME_PCI_CMD_MEM,
		  VNVME_PCI_CMD_MEM | VNVME_PCI_CMD_MASTER },
		{ VNVME_PCI_PMCSR, 3, 0 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(way); i++) {
		struct fake *f = fake_ready(2);
		struct vnvme_ctrl *ctrl = &f->ctrl;

		KUNIT_ASSERT_EQ(test, fake_create(f, 2, 2, 16), 0);
		push_reads(f, 2, 1);
		fake_run(f);
		f->hold = true;
		push_reads(f, 1, 3);
		fake_run(f);
		KUNIT_EXPECT_TRUE(test, vnvme_ctrl_quiet(ctrl));
		fake_cfg_write16(f, way[i].off, way[i].off_val);
		KUNIT_EXPECT_FALSE(test, vnvme_ctrl_quiet(ctrl));
		fake_run(f);
		KUNIT_EXPECT_FALSE(test, vnvme_ctrl_quiet(ctrl));
		/* whoever waits is told */
		f->hold = false;
		f->work = false;
		fake_step(f, 2, 16);
		KUNIT_EXPECT_FALSE(test, vnvme_ctrl_quiet(ctrl));
		fake_step(f, 1, 16);
		KUNIT_EXPECT_TRUE(test, vnvme_ctrl_quiet(ctrl));
		KUNIT_EXPECT_TRUE(test, f->work);
		KUNIT_EXPECT_FALSE(test, vnvme_lane_pending(&ctrl->lane[1]));
		/* a reset, or MASTER again, while it waits */
		fake_cfg_write16(f, way[i].off, way[i].on_val);
		fake_run(f);
		KUNIT_EXPECT_EQ(test, pop_ok(f, 1), i ? 0 : 3);
		fake_free(f);
	}
}

/* 21, rule 13: nobody waits for ever if it comes back, or all is reset meanwhile */
static void r13_quiet_is_called_off(struct kunit *test)
{
	struct fake *f = fake_ready(1);

	f->hold = true;
	push_reads(f, 1, 3);
	fake_run(f);
	fake_cfg_write16(f, VNVME_PCI_COMMAND, VNVME_PCI_CMD_MEM);
	KUNIT_EXPECT_FALSE(test, vnvme_ctrl_quiet(&f->ctrl));
	fake_cfg_write16(f, VNVME_PCI_COMMAND, VNVME_PCI_CMD_MEM | VNVME_PCI_CMD_MASTER);
	KUNIT_EXPECT_TRUE(test, vnvme_ctrl_quiet(&f->ctrl));
	fake_cfg_write16(f, VNVME_PCI_COMMAND, VNVME_PCI_CMD_MEM);
	vnvme_ctrl_reset(&f->ctrl);
	KUNIT_EXPECT_FALSE(test, vnvme_ctrl_quiet(&f->ctrl));
	f->hold = false;
	fake_run(f);
	KUNIT_EXPECT_TRUE(test, vnvme_ctrl_quiet(&f->ctrl));
	KUNIT_EXPECT_TRUE(test, vnvme_ctrl_idle(&f->ctrl));
	fake_free(f);
}

/* 21: EventIdx is the guest's memory */
static void c21_eventidx_without_master(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	__le32 *ei = fake_ptr(f, FAKE_EVENT);

	KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
	push_reads(f, 1, 3);
	fake_run(f);
	fake_cfg_write16(f, VNVME_PCI_COMMAND, VNVME_PCI_CMD_MEM);
	memset(ei, 0xa5, VNVME_PAGE_SIZE);
	vnvme_lane_arm(&f->ctrl.lane[1]);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(ei[2]), 0xa5a5a5a5);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(ei[3]), 0xa5a5a5a5);
	fake_free(f);
}

/* 21, rule 7: without MASTER memory still comes free; a reset drops answers */
static void c21_reaps_without_master(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_lane *lane = &f->ctrl.lane[1];
	struct vnvme_cqe cqe;
	u32 round;

	push_reads(f, 1, 1);
	fake_run(f);
	pop_ok(f, 1);
	for (round = 0; round < 2; round++) {
		f->hold = true;
		push_reads(f, 1, 5);
		fake_run(f);
		fake_cfg_write16(f, VNVME_PCI_COMMAND, 2);
		KUNIT_EXPECT_TRUE(test, fake_uses(lane, FAKE_DATA, FAKE_DATA));
		f->hold = false;
		KUNIT_EXPECT_EQ(test, fake_step(f, 1, 16), 5);
		KUNIT_EXPECT_FALSE(test, fake_uses(lane, 0, ~0ull));
		KUNIT_EXPECT_EQ(test, lane->busy, 5);
		KUNIT_EXPECT_EQ(test, lane->busy, 5);
		KUNIT_EXPECT_FALSE(test, fake_peek(f, 1, &cqe));
		fake_check(f);
		if (!round) {
			fake_cfg_write16(f, VNVME_PCI_COMMAND, 6);
			fake_run(f);
			KUNIT_EXPECT_EQ(test, pop_ok(f, 1), 5);
			KUNIT_EXPECT_EQ(test, lane->busy, 0);
		}
	}
	vnvme_ctrl_reset(&f->ctrl);
	KUNIT_EXPECT_TRUE(test, vnvme_lane_pending(lane));
	fake_run(f);
	KUNIT_EXPECT_TRUE(test, vnvme_ctrl_idle(&f->ctrl));
	KUNIT_EXPECT_FALSE(test, fake_peek(f, 1, &cqe));
	fake_check(f);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 19, 20 */
static void c19_config_space(struct kunit *test)
{
	struct fake *f = fake_new(2);
	u32 i, n, cap, was[64];
	u8 ones[256];

	KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, 8) >> 8, 0x010802);
	KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, 0x0c), 0);
	fake_cfg_write32(f, 0x10, ~0u);
	fake_cfg_write32(f, 0x14, ~0u);
	KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, 0x10), 0xffffc004);
	KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, 0x14), ~0u);
	fake_cfg_write32(f, 0x10, 0xfebd0000);
	KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, 0x10), 0xfebd0004);
	KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, 4) >> 16 & 0x10, 0x10);
	for (n = 0, i = 0, cap = fake_cfg_read32(f, 0x34) & 0xff; cap;
	     cap = fake_cfg_read32(f, cap) >> 8 & 0xff) {
		i = i << 8 | (fake_cfg_read32(f, cap) & 0xff);
		if (++n > 8)
			break;
	}
	KUNIT_EXPECT_EQ(test, i, 0x011110);
	/* table size: queues + 1 */
	KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, 0x50) >> 16 & 0x7ff, 2);
	/* all ones everywhere: only what may changes, and nothing breaks */
	for (i = 0; i < 64; i++)
		was[i] = fake_cfg_read32(f, 4 * i);
	memset(ones, 0xff, sizeof(ones));
	for (i = 0; i < 64; i++)
		if (4 * i != VNVME_PCI_DEVCTL)
			vnvme_cfg_write(&f->ctrl, 4 * i, ones, 4);
	KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, 0), was[0]);
	KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, 0x2c), was[0x2c / 4]);
	KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, 4), 0x00100406);
	KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, 0x50),
			was[0x50 / 4] | 0xc0000000);
	KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, 0x54), 0x2000);
	vnvme_cfg_write(&f->ctrl, 250, ones, 256);
	vnvme_cfg_read(&f->ctrl, 250, ones, 20);
	KUNIT_EXPECT_EQ(test, ones[19], 0);
	fake_free(f);
}

/* 20: the link registers of PCI Express agree with each other */
static void c20_express_link(struct kunit *test)
{
	struct fake *f = fake_new(1);
	const u32 exp = VNVME_PCI_CAP_EXP;
	u32 speed = fake_cfg_read32(f, exp + 0x0c) & 15;

	/* as fast as the capability says, which lists every speed up to it */
	KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, exp + 0x10) >> 16 & 15, speed);
	KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, exp + 0x2c),
			(1u << (speed + 1)) - 2);
	/* the same width */
	KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, exp + 0x0c) >> 4 & 0x3f,
			fake_cfg_read32(f, exp + 0x10) >> 20 & 0x3f);
	/* the target speed begins with the highest and can be set */
	KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, exp + 0x30), speed);
	fake_cfg_write16(f, exp + 0x30, 0xfff1);
	KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, exp + 0x30), 1);
	/* who sends requests has a way to disable completion timeouts */
	KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, exp + 0x24), 0x10);
	fake_cfg_write16(f, exp + 0x28, 0xffff);
	KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, exp + 0x28), 0x10);
	fake_free(f);
}

/* 20, 23: D3hot to D0 and FLR are resets; D1 and D2 are not there */
static void c20_power_and_flr(struct kunit *test)
{
	struct fake *f = fake_ready(1);

	fake_cfg_write16(f, VNVME_PCI_PMCSR, 1);
	KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, VNVME_PCI_PMCSR), 0);
	fake_cfg_write16(f, VNVME_PCI_PMCSR, 3);
	KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, VNVME_PCI_PMCSR), 3);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_VS), ~0u);
	KUNIT_EXPECT_FALSE(test, f->ctrl.master);
	fake_cfg_write16(f, VNVME_PCI_PMCSR, 0);
	KUNIT_EXPECT_TRUE(test, vnvme_ctrl_idle(&f->ctrl));
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CC), 0);
	fake_cfg_write16(f, VNVME_PCI_COMMAND, 6);
	KUNIT_EXPECT_TRUE(test, fake_enable(f, 8, 8));
	fake_cfg_write16(f, VNVME_PCI_DEVCTL, VNVME_PCI_DEVCTL_FLR);
	KUNIT_EXPECT_TRUE(test, vnvme_ctrl_idle(&f->ctrl));
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_AQA), 0);
	KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, VNVME_PCI_DEVCTL) & 0x8000, 0);
	fake_free(f);
}

/* 38, L7 */
static void c38_intx(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_cqe cqe;
	u32 how;

	for (how = 0; how < 3; how++) {
		if (how == 1)
			KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
		f->mapped = how == 2;
		KUNIT_EXPECT_FALSE(test, vnvme_intx_level(&f->ctrl));
		push_reads(f, 1, 2);
		fake_run(f);
		KUNIT_EXPECT_TRUE(test, vnvme_intx_level(&f->ctrl));
		KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, 4) >> 16 & 8, 8);
		fake_cfg_write16(f, VNVME_PCI_COMMAND, 0x406);
		KUNIT_EXPECT_FALSE(test, vnvme_intx_level(&f->ctrl));
		KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, 4) >> 16 & 8, 8);
		f->nr_irqs = 0;
		fake_cfg_write16(f, VNVME_PCI_COMMAND, 6);
		KUNIT_EXPECT_EQ(test, f->nr_irqs, 1);
		fake_write32(f, VNVME_REG_INTMS, ~0u);
		KUNIT_EXPECT_FALSE(test, vnvme_intx_level(&f->ctrl));
		KUNIT_EXPECT_EQ(test, f->nr_irqs, 1);
		fake_write32(f, VNVME_REG_INTMC, ~0u);
		KUNIT_EXPECT_EQ(test, f->nr_irqs, 2);
		KUNIT_EXPECT_TRUE(test, fake_pop(f, 1, &cqe));
		fake_cq_ring(f, 1);
		KUNIT_EXPECT_TRUE(test, vnvme_intx_level(&f->ctrl));
		KUNIT_EXPECT_EQ(test, pop_ok(f, 1), 1);
		KUNIT_EXPECT_FALSE(test, vnvme_intx_level(&f->ctrl));
	}
	fake_free(f);
}

/* 38: there is no pin with MSI-X on, nor in D3hot */
static void c38_no_pin(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	u32 msix = fake_cfg_read32(f, VNVME_PCI_CAP_MSIX);

	push_reads(f, 1, 2);
	fake_run(f);
	KUNIT_EXPECT_TRUE(test, vnvme_intx_level(&f->ctrl));
	fake_cfg_write32(f, VNVME_PCI_CAP_MSIX, msix | 1u << 31);
	KUNIT_EXPECT_FALSE(test, vnvme_intx_level(&f->ctrl));
	KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, 4) >> 16 & 8, 0);
	f->nr_irqs = 0;
	fake_write32(f, VNVME_REG_INTMS, 1);
	fake_write32(f, VNVME_REG_INTMC, 1);
	fake_cfg_write16(f, VNVME_PCI_COMMAND, 0x406);
	fake_cfg_write16(f, VNVME_PCI_COMMAND, 6);
	KUNIT_EXPECT_EQ(test, f->nr_irqs, 0);
	/* off again: the level is there */
	fake_cfg_write32(f, VNVME_PCI_CAP_MSIX, msix);
	KUNIT_EXPECT_EQ(test, f->nr_irqs, 1);
	KUNIT_EXPECT_TRUE(test, vnvme_intx_level(&f->ctrl));
	fake_cfg_write16(f, VNVME_PCI_PMCSR, 3);
	KUNIT_EXPECT_FALSE(test, vnvme_intx_level(&f->ctrl));
	KUNIT_EXPECT_EQ(test, fake_cfg_read32(f, 4) >> 16 & 8, 0);
	fake_free(f);
}

/* rule 12: a queue whose doorbell nobody rang is found by one scan */
static void r12_one_scan_finds_all(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_lane *lane = &f->ctrl.lane[1];

	push_reads(f, 1, 1);
	fake_run(f);
	pop_ok(f, 1);
	KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
	push_reads(f, 1, 1);
	fake_run(f);
	pop_ok(f, 1);
	/* not armed: the guest does not ring */
	f->kicked = false;
	push_reads(f, 1, 1);
	KUNIT_EXPECT_FALSE(test, f->kicked);
	KUNIT_EXPECT_TRUE(test, vnvme_lane_pending(lane));
	fake_step(f, 1, 1);
	fake_step(f, 1, 1);
	KUNIT_EXPECT_EQ(test, pop_ok(f, 1), 1);
	fake_free(f);
}

static struct kunit_case step_cases[] = {
	KUNIT_CASE(r08_answered_once),
	KUNIT_CASE(r08_lost_ends),
	KUNIT_CASE(r09_budget_of_nothing),
	KUNIT_CASE(r09_budget_of_retries),
	KUNIT_CASE(r09_budget_of_held),
	KUNIT_CASE(r08_busy_waits_for_a_kick),
	KUNIT_CASE(r09_bounds),
	KUNIT_CASE(r07_memory_in_use),
	KUNIT_CASE(c34_several_sqs),
	KUNIT_CASE(c28_reset_in_flight),
	KUNIT_CASE(c21_command_register),
	KUNIT_CASE(c21_nothing_without_master),
	KUNIT_CASE(c21_no_memory_space),
	KUNIT_CASE(r13_quiet_without_master),
	KUNIT_CASE(r13_quiet_is_called_off),
	KUNIT_CASE(c21_eventidx_without_master),
	KUNIT_CASE(c21_reaps_without_master),
	KUNIT_CASE(c19_config_space),
	KUNIT_CASE(c20_express_link),
	KUNIT_CASE(c20_power_and_flr),
	KUNIT_CASE(c38_intx),
	KUNIT_CASE(c38_no_pin),
	KUNIT_CASE(r12_one_scan_finds_all),
	{}
};

static struct kunit_suite step_suite = {
	.name = "vnvme_step",
	.test_cases = step_cases,
};

kunit_test_suite(step_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Virtual NVMe controller: a pass over a lane, PCI");
