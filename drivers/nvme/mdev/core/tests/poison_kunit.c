// SPDX-License-Identifier: GPL-2.0
/* Guest memory with an uncorrectable error; rule 6 */
#include <kunit/test.h>
#include <linux/module.h>

#include "fake.h"

/* where a test can say which memory has one */
#ifdef SHIM_POISON

static void push_reads(struct fake *f, u32 n)
{
	struct vnvme_sqe sqe;

	while (n--) {
		sqe = fake_rw(VNVME_CMD_READ, n, 1, FAKE_DATA, 0);
		fake_push(f, 1, &sqe);
	}
	fake_sq_ring(f, 1);
}

static u32 pop_ok(struct fake *f)
{
	struct vnvme_cqe cqe;
	u32 n = 0;

	while (fake_pop(f, 1, &cqe))
		n += cqe.status >> 1 == 0;
	fake_cq_ring(f, 1);
	return n;
}

/* Commands of queue 1 come and go again after a controller reset. */
static void goes_on(struct kunit *test, struct fake *f)
{
	shim_poison = NULL;
	fake_write32(f, VNVME_REG_CC, 0);
	fake_run(f);
	f->dbbuf = false;
	KUNIT_ASSERT_TRUE(test, fake_enable(f, 16, 16));
	KUNIT_ASSERT_EQ(test, fake_create(f, 1, 1, 16), 0);
	push_reads(f, 3);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, pop_ok(f), 3);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS), VNVME_CSTS_RDY);
}

/* rule 6: a memory error in a queue or a doorbell page ends the controller */
static void r06_poisoned_queues(struct kunit *test)
{
	static const struct { u64 iova; bool dbbuf; } at[] = {
		{ FAKE_SQ(1) }, { FAKE_CQ(1) }, { FAKE_ASQ }, { FAKE_ACQ },
		{ FAKE_SQ(1), true }, { FAKE_CQ(1), true }, { FAKE_SHADOW, true },
		{ FAKE_EVENT, true },
	};
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(at); i++) {
		if (at[i].dbbuf)
			KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
		push_reads(f, 1);
		fake_run(f);
		KUNIT_ASSERT_EQ(test, pop_ok(f), 1);
		fake_poison(f, at[i].iova);
		if (at[i].iova == FAKE_ASQ || at[i].iova == FAKE_ACQ) {
			sqe = fake_sqe(0x0a, 0);
			fake_push(f, 0, &sqe);
			fake_sq_ring(f, 0);
		} else if (at[i].iova == FAKE_EVENT) {
			/* written when the lane goes to sleep */
			push_reads(f, 1);
			fake_run(f);
			vnvme_lane_arm(&f->ctrl.lane[1]);
		} else {
			push_reads(f, 1);
		}
		fake_run(f);
		KUNIT_EXPECT_EQ_MSG(test, fake_read32(f, VNVME_REG_CSTS),
				    VNVME_CSTS_RDY | VNVME_CSTS_CFS, "place %u", i);
		goes_on(test, f);
	}
	fake_free(f);
}

/* rule 6: one in what a single command points to ends that command */
static void r06_poisoned_data(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	__le64 *list = fake_ptr(f, FAKE_LIST);
	struct vnvme_sqe sqe;
	u32 i;

	for (i = 0; i < 4; i++)
		list[i] = cpu_to_le64(FAKE_DATA + (4 + i) * VNVME_PAGE_SIZE);
	fake_poison(f, FAKE_LIST);
	sqe = fake_rw(VNVME_CMD_READ, 0, 32, FAKE_DATA, FAKE_LIST);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), VNVME_SC_DATA_TRANSFER | VNVME_DNR);
	fake_poison(f, FAKE_DATA);
	sqe = fake_sqe(VNVME_CMD_DSM, 1);
	sqe.prp1 = cpu_to_le64(FAKE_DATA);
	sqe.cdw11 = cpu_to_le32(4);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), VNVME_SC_DATA_TRANSFER | VNVME_DNR);
	fake_poison(f, FAKE_ID);
	KUNIT_EXPECT_EQ(test, fake_identify(f, 1, 0), VNVME_SC_DATA_TRANSFER | VNVME_DNR);
	shim_poison = NULL;
	KUNIT_EXPECT_EQ(test, fake_identify(f, 1, 0), 0);
	sqe = fake_rw(VNVME_CMD_READ, 0, 32, FAKE_DATA, FAKE_LIST);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	KUNIT_EXPECT_FALSE(test, fake_read32(f, VNVME_REG_CSTS) & VNVME_CSTS_CFS);
	fake_free(f);
}

static struct kunit_case poison_cases[] = {
	KUNIT_CASE(r06_poisoned_queues),
	KUNIT_CASE(r06_poisoned_data),
	{ }
};

static struct kunit_suite poison_suite = {
	.name = "vnvme_poison",
	.test_cases = poison_cases,
};

kunit_test_suite(poison_suite);
#endif

MODULE_LICENSE("GPL");
