// SPDX-License-Identifier: GPL-2.0
/*
 * Namespace Write Protection: who may change it, what it refuses, and what has ended when
 * it is said to be there.
 */
#include <kunit/test.h>
#include <linux/module.h>

#include "fake.h"

#define PROTECT		VNVME_FEAT_PROTECT
#define DENIED		(VNVME_SC_WRITE_PROTECTED | VNVME_DNR)
#define FIXED		(VNVME_SC_NOT_CHANGEABLE | VNVME_DNR)

static u16 feature(struct fake *f, u8 opcode, u32 nsid, u32 cdw10, u32 cdw11, u32 *dw0)
{
	struct vnvme_sqe sqe = fake_sqe(opcode, nsid);

	sqe.cdw10 = cpu_to_le32(cdw10);
	sqe.cdw11 = cpu_to_le32(cdw11);
	return fake_admin(f, &sqe, dw0);
}

static u16 protect(struct fake *f, u32 nsid, u32 val)
{
	return feature(f, VNVME_ADM_SET_FEATURES, nsid, PROTECT, val, NULL);
}

static u32 protection(struct fake *f, u32 nsid)
{
	u32 dw0;

	return feature(f, VNVME_ADM_GET_FEATURES, nsid, PROTECT, 0, &dw0) ? ~0u : dw0;
}

static u8 nsattr(struct fake *f, u32 nsid)
{
	struct vnvme_id_ns *id = fake_ptr(f, FAKE_ID);

	return fake_identify(f, 0, nsid) ? 0xff : id->nsattr;
}

static u16 write(struct fake *f, u64 slba)
{
	struct vnvme_sqe sqe = fake_rw(VNVME_CMD_WRITE, slba, 1, FAKE_DATA, 0);

	return fake_io(f, 1, &sqe);
}

static void push_protect(struct fake *f, u32 nsid, u32 val)
{
	struct vnvme_sqe sqe = fake_sqe(VNVME_ADM_SET_FEATURES, nsid);

	sqe.cdw10 = cpu_to_le32(PROTECT);
	sqe.cdw11 = cpu_to_le32(val);
	fake_push(f, 0, &sqe);
	fake_sq_ring(f, 0);
	fake_run(f);
}

/* An answer is there; its status. */
static s32 popped(struct fake *f, u16 cqid)
{
	struct vnvme_cqe cqe;

	if (!fake_pop(f, cqid, &cqe))
		return -1;
	fake_cq_ring(f, cqid);
	return le16_to_cpu(cqe.status) >> 1;
}

/* What is to be written to LBA @slba, on its way while the backend holds it. */
static void push_write(struct fake *f, u64 slba)
{
	struct vnvme_sqe sqe = fake_rw(VNVME_CMD_WRITE, slba, 1, FAKE_DATA, 0);

	sqe.cid = cpu_to_le16(slba);
	fake_push(f, 1, &sqe);
	fake_sq_ring(f, 1);
	fake_run(f);
}

/* 139, 83: states that are there, by namespace; what is told of them */
static void c139_states(struct kunit *test)
{
	struct vnvme_id_ctrl *id;
	struct fake *f = fake_ready(1);
	struct vnvme_ns two = f->ns;
	u32 dw0, i;

	two.nsid = 2;
	KUNIT_ASSERT_EQ(test, vnvme_ns_attach(&f->ctrl, &two), 0);
	KUNIT_ASSERT_EQ(test, fake_identify(f, 1, 0), 0);
	id = fake_ptr(f, FAKE_ID);
	KUNIT_EXPECT_EQ(test, ((u8 *)id)[531], 3);
	KUNIT_EXPECT_EQ(test, protection(f, 1), 0);
	KUNIT_EXPECT_EQ(test, feature(f, 10, 1, 3 << 8 | PROTECT, 0, &dw0), 0);
	KUNIT_EXPECT_EQ(test, dw0, 6);
	/* permanent, and what means nothing */
	for (i = 3; i < 8; i++)
		KUNIT_EXPECT_EQ(test, protect(f, 1, i), 0x4002);
	KUNIT_EXPECT_EQ(test, protect(f, 0, 1), 0x400b);
	KUNIT_EXPECT_EQ(test, protect(f, 3, 1), 0x4002);
	KUNIT_EXPECT_EQ(test, feature(f, 10, ~0u, PROTECT, 0, NULL), 0x400b);
	KUNIT_EXPECT_EQ(test, feature(f, 10, 3, PROTECT, 0, NULL), 0x4002);
	KUNIT_EXPECT_EQ(test, feature(f, 9, 1, 1u << 31 | PROTECT, 1, NULL), 0x410d);

	KUNIT_EXPECT_EQ(test, protect(f, 1, 1), 0);
	KUNIT_EXPECT_EQ(test, protection(f, 1), 1);
	KUNIT_EXPECT_EQ(test, protection(f, 2), 0);
	KUNIT_EXPECT_EQ(test, nsattr(f, 1), 1);
	KUNIT_EXPECT_EQ(test, nsattr(f, 2), 0);
	KUNIT_EXPECT_EQ(test, feature(f, 10, 1, 1 << 8 | PROTECT, 0, &dw0), 0);
	KUNIT_EXPECT_EQ(test, dw0, 0);
	KUNIT_EXPECT_EQ(test, protect(f, ~0u, 0), 0);
	KUNIT_EXPECT_EQ(test, nsattr(f, 1), 0);
	KUNIT_EXPECT_EQ(test, protect(f, ~0u, 2), 0);
	KUNIT_EXPECT_EQ(test, protection(f, 2), 2);
	/* until a power cycle: not changed by anything, all together or none */
	KUNIT_EXPECT_EQ(test, protect(f, 1, 2), 0);
	KUNIT_EXPECT_EQ(test, protect(f, 1, 1), FIXED);
	KUNIT_EXPECT_EQ(test, protect(f, 1, 0), FIXED);
	KUNIT_EXPECT_EQ(test, vnvme_ns_detach(&f->ctrl, 2), 0);
	KUNIT_EXPECT_EQ(test, vnvme_ns_attach(&f->ctrl, &two), 0);
	KUNIT_EXPECT_EQ(test, protection(f, 2), 0);
	KUNIT_EXPECT_EQ(test, protect(f, ~0u, 1), FIXED);
	KUNIT_EXPECT_EQ(test, protection(f, 2), 0);
	KUNIT_EXPECT_EQ(test, vnvme_ns_detach(&f->ctrl, 2), 0);
	fake_free(f);
}

/* 139: it outlives resets; "until power cycle" ends with one, the other one does not */
static void c139_resets(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	u32 val;

	for (val = 1; val <= 2; val++) {
		KUNIT_ASSERT_EQ(test, protect(f, 1, val), 0);
		fake_write32(f, VNVME_REG_CC, 0);
		fake_run(f);
		KUNIT_ASSERT_TRUE(test, fake_enable(f, 32, 32));
		KUNIT_EXPECT_EQ(test, protection(f, 1), val);
		vnvme_ctrl_reset(&f->ctrl);
		fake_run(f);
		fake_cfg_write16(f, VNVME_PCI_COMMAND, 6);
		KUNIT_ASSERT_TRUE(test, fake_enable(f, 32, 32));
		KUNIT_EXPECT_EQ(test, protection(f, 1), val);
		KUNIT_ASSERT_EQ(test, fake_create(f, 1, 1, 16), 0);
		KUNIT_EXPECT_EQ(test, write(f, 1), DENIED);
		/* another controller: see vnvme_ns_attach() */
		KUNIT_ASSERT_EQ(test, vnvme_ns_detach(&f->ctrl, 1), 0);
		KUNIT_ASSERT_EQ(test, vnvme_ns_attach(&f->ctrl, &f->ns), 0);
		KUNIT_EXPECT_EQ(test, protection(f, 1), val == 1 ? 1 : 0);
		KUNIT_EXPECT_EQ(test, write(f, 1), val == 1 ? DENIED : 0);
	}
	fake_free(f);
}

/* 139, 121: read-only by the host, it is protected, and the guest cannot change that */
static void c139_read_only(struct kunit *test)
{
	struct fake *f = fake_ready(1);

	vnvme_ns_set_read_only(&f->ns, true);
	KUNIT_EXPECT_EQ(test, protection(f, 1), 1);
	KUNIT_EXPECT_EQ(test, protect(f, 1, 0), FIXED);
	KUNIT_EXPECT_EQ(test, write(f, 1), DENIED);
	/* what it sets stays when the host's ends */
	KUNIT_EXPECT_EQ(test, protect(f, 1, 1), 0);
	vnvme_ns_set_read_only(&f->ns, false);
	KUNIT_EXPECT_EQ(test, protection(f, 1), 1);
	KUNIT_EXPECT_EQ(test, write(f, 1), DENIED);
	KUNIT_EXPECT_EQ(test, protect(f, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, write(f, 1), 0);
	vnvme_ns_set_read_only(&f->ns, true);
	KUNIT_EXPECT_EQ(test, protect(f, 1, 2), 0);
	KUNIT_EXPECT_EQ(test, protection(f, 1), 2);
	vnvme_ns_set_read_only(&f->ns, false);
	KUNIT_EXPECT_EQ(test, write(f, 1), DENIED);
	fake_free(f);
}

/* 139: what changes the media is refused, the rest goes on; the guest hears of the change */
static void c139_commands(struct kunit *test)
{
	static const struct {
		u8 opcode;
		u32 cdw11;
		u16 status;
	} t[] = {
		{ VNVME_CMD_READ, 0, 0 }, { VNVME_CMD_FLUSH, 0, 0 }, { VNVME_CMD_COMPARE, 0, 0 },
		{ VNVME_CMD_VERIFY, 0, 0 }, { VNVME_CMD_DSM, 0, 0 },
		{ VNVME_CMD_DSM, 4, DENIED }, { VNVME_CMD_WRITE, 0, DENIED },
		{ VNVME_CMD_WRITE_ZEROES, 0, DENIED }, { VNVME_CMD_COPY, 0, DENIED },
	};
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe;
	u32 i;

	KUNIT_ASSERT_EQ(test, fake_set_feature(f, VNVME_FEAT_AEC, VNVME_AEC_NS_ATTR, NULL), 0);
	sqe = fake_sqe(VNVME_ADM_AER, 0);
	fake_push(f, 0, &sqe);
	fake_sq_ring(f, 0);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, popped(f, 0), -1);
	push_protect(f, 1, 1);
	KUNIT_EXPECT_EQ(test, popped(f, 0), 0);
	KUNIT_EXPECT_EQ(test, popped(f, 0), 0);
	memcpy(fake_ptr(f, FAKE_DATA), f->disk, 512);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		sqe = fake_rw(t[i].opcode, 0, 1, FAKE_DATA, 0);
		if (t[i].opcode == VNVME_CMD_DSM) {
			sqe.cdw10 = 0;
			memset(fake_ptr(f, FAKE_DATA), 0, 16);
		}
		sqe.cdw11 = cpu_to_le32(t[i].cdw11);
		KUNIT_EXPECT_EQ_MSG(test, fake_io(f, 1, &sqe), t[i].status, "%u", i);
	}
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 139: it is answered when what was written before has ended and is durable */
static void c139_in_flight(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe;
	u32 i;

	f->hold = true;
	f->flush_hold = true;
	for (i = 1; i <= 3; i++)
		push_write(f, i);
	push_protect(f, 1, 1);
	KUNIT_EXPECT_EQ(test, popped(f, 0), -1);
	KUNIT_EXPECT_EQ(test, f->nr_flush, 0);
	/* other admin commands, and what is refused from now on, do not wait */
	KUNIT_EXPECT_EQ(test, protection(f, 1), 1);
	push_write(f, 4);
	KUNIT_EXPECT_EQ(test, popped(f, 1), DENIED);
	f->hold = false;
	fake_run(f);
	for (i = 1; i <= 3; i++) {
		KUNIT_EXPECT_EQ(test, popped(f, 1), 0);
		KUNIT_EXPECT_EQ(test, f->durable[i], 0);
	}
	KUNIT_EXPECT_EQ(test, popped(f, 0), -1);
	KUNIT_EXPECT_EQ(test, f->nr_flush, 1);
	fake_flush_end(f);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, popped(f, 0), 0);
	KUNIT_EXPECT_EQ(test, f->durable[3], 1);
	/* reads are not waited for, and answers are what they always were */
	f->flush_hold = false;
	f->hold = true;
	sqe = fake_rw(VNVME_CMD_READ, 0, 1, FAKE_DATA, 0);
	fake_push(f, 1, &sqe);
	fake_sq_ring(f, 1);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, protect(f, 1, 2), 0);
	f->hold = false;
	fake_run(f);
	KUNIT_EXPECT_EQ(test, popped(f, 1), 0);
	KUNIT_EXPECT_EQ(test, f->ctrl.lane[1].settling, 0);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 139: of several at once, of lost commands, and of a reset meanwhile */
static void c139_in_flight_lost(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	u32 i;

	/* the drive is reset: what was lost is refused when it is tried again */
	f->hold = true;
	push_write(f, 1);
	push_write(f, 2);
	push_protect(f, 1, 1);
	push_protect(f, 1, 1);
	f->lossy = 1;
	f->hold = false;
	fake_run(f);
	KUNIT_EXPECT_EQ(test, popped(f, 1), 0);
	KUNIT_EXPECT_EQ(test, popped(f, 1), DENIED);
	KUNIT_EXPECT_EQ(test, popped(f, 0), 0);
	KUNIT_EXPECT_EQ(test, popped(f, 0), 0);
	KUNIT_EXPECT_EQ(test, f->nr_flush, 1);

	/* no more than there is room for; one too many changes nothing */
	KUNIT_ASSERT_EQ(test, protect(f, 1, 0), 0);
	f->hold = true;
	push_write(f, 3);
	for (i = 0; i < VNVME_FLUSH_WAITS; i++) {
		push_protect(f, 1, 1);
		KUNIT_EXPECT_EQ(test, popped(f, 0), -1);
	}
	KUNIT_EXPECT_EQ(test, protect(f, 1, 0), 0);
	push_protect(f, 1, 1);
	KUNIT_EXPECT_EQ(test, popped(f, 0), VNVME_SC_INTERNAL);
	KUNIT_EXPECT_EQ(test, protection(f, 1), 0);

	/* a reset meanwhile: no answer, nothing is waited for */
	fake_write32(f, VNVME_REG_CC, 0);
	fake_run(f);
	KUNIT_EXPECT_FALSE(test, vnvme_ctrl_idle(&f->ctrl));
	f->hold = false;
	fake_run(f);
	KUNIT_EXPECT_TRUE(test, vnvme_ctrl_idle(&f->ctrl));
	KUNIT_EXPECT_EQ(test, f->ctrl.lane[1].settling, 0);
	KUNIT_ASSERT_TRUE(test, fake_enable(f, 32, 32));
	KUNIT_EXPECT_EQ(test, popped(f, 0), -1);
	KUNIT_ASSERT_EQ(test, fake_create(f, 1, 1, 16), 0);
	KUNIT_EXPECT_EQ(test, write(f, 1), 0);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

static struct kunit_case protect_cases[] = {
	KUNIT_CASE(c139_states),
	KUNIT_CASE(c139_resets),
	KUNIT_CASE(c139_read_only),
	KUNIT_CASE(c139_commands),
	KUNIT_CASE(c139_in_flight),
	KUNIT_CASE(c139_in_flight_lost),
	{}
};

static struct kunit_suite protect_suite = {
	.name = "vnvme_protect",
	.test_cases = protect_cases,
};

kunit_test_suite(protect_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Virtual NVMe controller: namespace write protection");
