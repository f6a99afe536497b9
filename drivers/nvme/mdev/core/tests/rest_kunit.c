// SPDX-License-Identifier: GPL-2.0
/* What drivers do at the edges of the specification: each survives, and works */
#include <kunit/test.h>
#include <linux/module.h>

#include "fake.h"

static void push_read(struct fake *f, u16 sqid, u64 slba)
{
	struct vnvme_sqe sqe = fake_rw(VNVME_CMD_READ, slba, 1, FAKE_DATA, 0);

	fake_push(f, sqid, &sqe);
}

static u32 pop_ok(struct kunit *test, struct fake *f, u16 cqid)
{
	struct vnvme_cqe cqe;
	u32 n = 0;

	while (fake_pop(f, cqid, &cqe)) {
		KUNIT_EXPECT_EQ(test, le16_to_cpu(cqe.status) >> 1, 0);
		n++;
	}
	if (n)
		fake_cq_ring(f, cqid);
	return n;
}

/* 12: written while enabled they count from the next enable on */
static void c12_admin_registers_while_enabled(struct kunit *test)
{
	struct fake *f = fake_ready(1);

	fake_write32(f, VNVME_REG_AQA, 0x00010001);
	fake_write64(f, VNVME_REG_ASQ, FAKE_DATA);
	fake_write64(f, VNVME_REG_ACQ, FAKE_DATA + 4096);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, fake_identify(f, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, fake_identify(f, 2, 0), 0);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS), VNVME_CSTS_RDY);
	fake_write32(f, VNVME_REG_CC, 0);
	fake_run(f);
	KUNIT_EXPECT_TRUE(test, fake_enable(f, 8, 8));
	KUNIT_EXPECT_EQ(test, fake_identify(f, 1, 0), 0);
	fake_free(f);
}

/* 14, 129: a shutdown is not for ever; firmware, loader, system in turn */
static void c14_usable_after_shutdown(struct kunit *test)
{
	static const u32 depth[] = { 2, 16, 3, 64 };
	struct fake *f = fake_new(1);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(depth); i++) {
		KUNIT_ASSERT_TRUE(test, fake_enable(f, depth[i], depth[i]));
		KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS) & 0xc, 0);
		KUNIT_ASSERT_EQ(test, fake_create(f, 1, 1, depth[i]), 0);
		push_read(f, 1, i);
		fake_sq_ring(f, 1);
		fake_run(f);
		KUNIT_EXPECT_EQ(test, pop_ok(test, f, 1), 1);
		if (i != 1) {	/* not everybody says good-bye */
			fake_write32(f, VNVME_REG_CC, 0x00464001);
			fake_run(f);
			KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS),
					VNVME_CSTS_RDY | VNVME_CSTS_SHST_DONE);
		}
		fake_write32(f, VNVME_REG_CC, 0);
		fake_run(f);
		KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS) &
				VNVME_CSTS_RDY, 0);
	}
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 18, 93: doorbells read as 0; reserved bits make a value one that cannot be */
static void c18_doorbell_register(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	u32 i;

	for (i = VNVME_BAR_DB; i < VNVME_BAR_MSIX; i += 4)
		KUNIT_EXPECT_EQ(test, fake_read32(f, i), 0);
	push_read(f, 1, 0);
	fake_write32(f, VNVME_BAR_DB + 8, 0xabcd0000 | f->q[1].tail);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, f->ctrl.events, 1ul << VNVME_AEN_DB_VALUE);
	KUNIT_EXPECT_EQ(test, pop_ok(test, f, 1), 0);
	fake_sq_ring(f, 1);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, pop_ok(test, f, 1), 1);
	fake_free(f);
}

/* 30: all of a completion queue entry */
static void c30_completion_entry(struct kunit *test)
{
	struct fake *f = fake_ready(2);
	struct vnvme_sqe sqe;
	struct vnvme_cqe cqe;
	u32 i;

	KUNIT_ASSERT_EQ(test, fake_create_sq(f, 2, 1, 4), 0);
	for (i = 1; i < 20; i++) {
		sqe = fake_rw(VNVME_CMD_READ, i % 5 ? 0 : ~0ull, 1, FAKE_DATA, 0);
		sqe.cid = cpu_to_le16(1000 + i);
		fake_push(f, 2, &sqe);
		fake_sq_ring(f, 2);
		fake_run(f);
		memset(&cqe, 0xee, sizeof(cqe));
		KUNIT_ASSERT_TRUE(test, fake_pop(f, 1, &cqe));
		fake_cq_ring(f, 1);
		KUNIT_EXPECT_EQ(test, le16_to_cpu(cqe.cid), 1000 + i);
		KUNIT_EXPECT_EQ(test, le16_to_cpu(cqe.sqid), 2);
		KUNIT_EXPECT_EQ(test, le16_to_cpu(cqe.sqhd), i % 4);
		KUNIT_EXPECT_EQ(test, cqe.dw0 | cqe.dw1, 0);
		/* what will fail again says so */
		KUNIT_EXPECT_EQ(test, le16_to_cpu(cqe.status) >> 1,
				i % 5 ? 0 : 0x4080);
	}
	fake_free(f);
}

/* 31, 32: each size, many times around, as many as fit at once */
static void c31_wraps(struct kunit *test)
{
	static const u32 depths[] = { 2, 3, 17, 200 };
	struct fake *f;
	u32 k, i, n, total;

	for (k = 0; k < ARRAY_SIZE(depths); k++) {
		f = fake_new(1);
		fake_enable(f, 8, 8);
		KUNIT_ASSERT_EQ(test, fake_create(f, 1, 1, depths[k]), 0);
		for (total = 0; total < 40 * depths[k] + 3000; total += n) {
			n = 1 + total % (depths[k] - 1);
			for (i = 0; i < n; i++)
				push_read(f, 1, i);
			fake_sq_ring(f, 1);
			fake_run(f);
			KUNIT_ASSERT_EQ(test, pop_ok(test, f, 1), n);
		}
		KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
		fake_free(f);
	}
}

/* 37: completion queues that share a vector */
static void c37_shared_vector(struct kunit *test)
{
	struct fake *f = fake_new(3);
	struct vnvme_sqe sqe;
	u32 i, irqs;

	fake_enable(f, 16, 16);
	for (i = 1; i <= 3; i++) {
		sqe = fake_create_cq_sqe(i, FAKE_CQ(i), 16, 2);
		KUNIT_ASSERT_EQ(test, fake_admin(f, &sqe, NULL), 0);
		sqe = fake_create_sq_sqe(i, FAKE_SQ(i), 16, i);
		KUNIT_ASSERT_EQ(test, fake_admin(f, &sqe, NULL), 0);
		fake_queue_start(f, i, i, 16);
	}
	irqs = f->irqs[2];
	for (i = 1; i <= 3; i++) {
		push_read(f, i, i);
		fake_sq_ring(f, i);
	}
	fake_run(f);
	KUNIT_EXPECT_EQ(test, f->irqs[2], irqs + 3);
	KUNIT_EXPECT_EQ(test, f->irqs[1] + f->irqs[3], 0);
	for (i = 1; i <= 3; i++)
		KUNIT_EXPECT_EQ(test, pop_ok(test, f, i), 1);
	fake_free(f);
}

/* 57: one identifier twice is the guest's own trouble: two answers, no more */
static void c57_duplicate_identifier(struct kunit *test)
{
	struct vnvme_sqe sqe = fake_rw(VNVME_CMD_READ, 0, 1, FAKE_DATA, 0);
	struct fake *f = fake_ready(1);

	f->hold = true;
	fake_push(f, 1, &sqe);
	fake_push(f, 1, &sqe);
	fake_sq_ring(f, 1);
	fake_run(f);
	f->hold = false;
	fake_run(f);
	KUNIT_EXPECT_EQ(test, pop_ok(test, f, 1), 2);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 108: without metadata its pointer means nothing */
static void c108_metadata_pointer(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe = fake_rw(VNVME_CMD_WRITE, 3, 1, FAKE_DATA, 0);

	sqe.mptr = cpu_to_le64(0xffffffffffff0001ull);
	memset(fake_ptr(f, FAKE_DATA), 0x5a, 512);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	KUNIT_EXPECT_EQ(test, f->disk[3 * 512], 0x5a);
	fake_free(f);
}

/* 127: a guest that never takes its answers costs nobody else anything */
static void c127_never_reaped(struct kunit *test)
{
	struct fake *f = fake_ready(2);
	u32 i, n = 0;

	KUNIT_ASSERT_EQ(test, fake_create(f, 2, 2, 16), 0);
	for (i = 0; i < 100; i++) {
		if (vnvme_ring_next(f->q[1].tail, 16) != f->ctrl.sq[1].head)
			push_read(f, 1, 0);
		fake_sq_ring(f, 1);
		push_read(f, 2, i);
		fake_sq_ring(f, 2);
		fake_run(f);
		n += pop_ok(test, f, 2);
	}
	KUNIT_EXPECT_EQ(test, n, 100);
	/* nothing waits at the backing; the queues go at once */
	KUNIT_EXPECT_EQ(test, f->ctrl.lane[1].busy, 0);
	vnvme_ctrl_reset(&f->ctrl);
	fake_run(f);
	KUNIT_EXPECT_TRUE(test, vnvme_ctrl_idle(&f->ctrl));
	fake_free(f);
}

static struct kunit_case rest_cases[] = {
	KUNIT_CASE(c12_admin_registers_while_enabled),
	KUNIT_CASE(c14_usable_after_shutdown),
	KUNIT_CASE(c18_doorbell_register),
	KUNIT_CASE(c30_completion_entry),
	KUNIT_CASE(c31_wraps),
	KUNIT_CASE(c37_shared_vector),
	KUNIT_CASE(c57_duplicate_identifier),
	KUNIT_CASE(c108_metadata_pointer),
	KUNIT_CASE(c127_never_reaped),
	{}
};

static struct kunit_suite rest_suite = {
	.name = "vnvme_rest",
	.test_cases = rest_cases,
};

kunit_test_suite(rest_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Virtual NVMe controller: the rest of the checklist");
