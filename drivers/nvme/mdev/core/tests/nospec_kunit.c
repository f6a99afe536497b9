// SPDX-License-Identifier: GPL-2.0
/*
 * Rule 14: an index of the guest's is clamped beside its check.  What a processor does
 * beyond a branch that it has guessed wrong no test sees; here is counted that each
 * way of such an index into a table clamps it.
 */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/nospec.h>

#include "fake.h"

#ifdef SHIM_NOSPEC_COUNT
unsigned long shim_nospec_count;

/* An admin command through a doorbell that is mapped. Return: how often it clamped. */
static unsigned long clamps(struct fake *f, u8 opcode, u32 nsid, u32 cdw10, u32 cdw11)
{
	struct vnvme_sqe sqe = fake_sqe(opcode, nsid);
	unsigned long was = shim_nospec_count;

	sqe.prp1 = cpu_to_le64(FAKE_ID);
	sqe.cdw10 = cpu_to_le32(cdw10);
	sqe.cdw11 = cpu_to_le32(cdw11);
	fake_admin(f, &sqe, NULL);
	return shim_nospec_count - was;
}

static void r14_admin(struct kunit *test)
{
	struct fake *f = fake_ready(2);

	f->mapped = true;
	KUNIT_EXPECT_EQ(test, clamps(f, 0xc0, 1, 1, 1), 0);
	/* identifier and vector; identifier and that of its completion queue */
	KUNIT_EXPECT_EQ(test, clamps(f, VNVME_ADM_CREATE_CQ, 0, 15 << 16 | 2, 1 << 16 | 1), 2);
	KUNIT_EXPECT_EQ(test, clamps(f, VNVME_ADM_CREATE_SQ, 0, 15 << 16 | 2, 2 << 16 | 1), 2);
	KUNIT_EXPECT_EQ(test, clamps(f, VNVME_ADM_ABORT, 0, 2, 0), 1);
	KUNIT_EXPECT_EQ(test, clamps(f, VNVME_ADM_DELETE_SQ, 0, 2, 0), 1);
	KUNIT_EXPECT_EQ(test, clamps(f, VNVME_ADM_DELETE_CQ, 0, 2, 0), 1);
	/* CNS */
	KUNIT_EXPECT_EQ(test, clamps(f, VNVME_ADM_IDENTIFY, 1, 0, 0), 1);
	/* log page and place in it */
	KUNIT_EXPECT_EQ(test, clamps(f, VNVME_ADM_GET_LOG, VNVME_NSID_ALL,
				     127 << 16 | VNVME_LOG_SMART, 0), 2);
	KUNIT_EXPECT_GE(test, clamps(f, VNVME_ADM_GET_FEATURES, 0, VNVME_FEAT_ARBITRATION, 0), 1);
	KUNIT_EXPECT_GE(test, clamps(f, VNVME_ADM_SET_FEATURES, 0, VNVME_FEAT_ARBITRATION, 0), 1);
	/* and the vector */
	KUNIT_EXPECT_GE(test, clamps(f, VNVME_ADM_GET_FEATURES, 0, VNVME_FEAT_VECTOR, 1), 2);
	KUNIT_EXPECT_GE(test, clamps(f, VNVME_ADM_SET_FEATURES, 0, VNVME_FEAT_VECTOR, 1), 2);
	fake_free(f);
}

/* @count, and the counter as it is again */
#define EXPECT_CLAMPS(test, n, call)				\
do {								\
	unsigned long was = shim_nospec_count;			\
								\
	call;							\
	KUNIT_EXPECT_EQ(test, shim_nospec_count - was, n);	\
} while (0)

static void r14_registers(struct kunit *test)
{
	struct fake *f = fake_ready(1);

	/* of a doorbell: that there is such a queue, and the place of the value */
	EXPECT_CLAMPS(test, 2, fake_write32(f, VNVME_BAR_DB + 8, 0));
	EXPECT_CLAMPS(test, 1, fake_write32(f, VNVME_BAR_MSIX + 16, 0));
	EXPECT_CLAMPS(test, 4, fake_read32(f, VNVME_BAR_MSIX + 16));
	EXPECT_CLAMPS(test, 4, fake_cfg_read32(f, VNVME_PCI_COMMAND));
	fake_free(f);
}

/* The table that a command's NSID leads to has a place for each value that it is masked to. */
static void r14_commands(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe;
	u32 nsid;

	/* those beyond it end at a place of it, too */
	for (nsid = 0; nsid < 4 * VNVME_NS_SLOTS; nsid++)
		KUNIT_EXPECT_TRUE(test, vnvme_ns_find(&f->ctrl, nsid) ==
					(nsid == 1 ? &f->ns : NULL));
	KUNIT_EXPECT_TRUE(test, !vnvme_ns_find(&f->ctrl, VNVME_NSID_ALL));
	sqe = fake_rw(VNVME_CMD_READ, 0, 1, FAKE_DATA, 0);
	sqe.nsid = cpu_to_le32(VNVME_NS_SLOTS + 1);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), VNVME_SC_INVALID_NS | VNVME_DNR);
	fake_free(f);
}

static struct kunit_case vnvme_nospec_cases[] = {
	KUNIT_CASE(r14_admin),
	KUNIT_CASE(r14_registers),
	KUNIT_CASE(r14_commands),
	{ }
};

static struct kunit_suite vnvme_nospec_suite = {
	.name = "vnvme_nospec",
	.test_cases = vnvme_nospec_cases,
};

kunit_test_suite(vnvme_nospec_suite);
#endif

MODULE_LICENSE("GPL");
