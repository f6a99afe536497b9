// SPDX-License-Identifier: GPL-2.0
/* The NVM command set; rules 1 and 11 of the design */
#include <kunit/test.h>
#include <linux/module.h>

#include "fake.h"

/* 106, 109, 110, 111, 113: one command, one status */
static void c109_one_command(struct kunit *test)
{
	static const struct {
		u8 opcode, flags;
		u32 nsid;
		u64 slba;
		u32 nlb;
		u32 cdw12;
		u16 status;
	} t[] = {
		{ 2, 0, 1, 0, 1, 0, 0 },
		{ 2, 0, 1, FAKE_LBAS - 1, 1, 0, 0 },
		{ 2, 0, 1, FAKE_LBAS - 8, 8, 0, 0 },
		{ 2, 0, 1, FAKE_LBAS - 7, 8, 0, 0x4080 },
		{ 2, 0, 1, FAKE_LBAS, 1, 0, 0x4080 },
		{ 1, 0, 1, ~0ull, 1, 0, 0x4080 },
		{ 1, 0, 1, ~0ull - 6, 8, 0, 0x4080 },
		{ 8, 0, 1, FAKE_LBAS - 7, 8, 0, 0x4080 },
		{ 8, 0, 1, 0, 4000, 0, 0 },		/* 115: no MDTS */
		{ 2, 0, 0, 0, 1, 0, 0x400b },
		{ 2, 0, 17, 0, 1, 0, 0x400b },
		{ 2, 0, ~0u, 0, 1, 0, 0x400b },
		{ 0, 0, ~0u, 0, 1, 0, 0x400b },		/* 114 */
		{ 2, 0, 2, 0, 1, 0, 0x4002 },		/* inactive */
		{ 0, 0, 2, 0, 1, 0, 0x4002 },
		{ 0, 0, 1, 0, 1, 0, 0 },
		{ 2, 1, 1, 0, 1, 0, 0x4002 },		/* FUSE */
		{ 2, 2, 1, 0, 1, 0, 0x4002 },
		{ 2, 0x40, 1, 0, 1, 0, 0x4002 },	/* PSDT */
		{ 2, 0x80, 1, 0, 1, 0, 0x4002 },
		{ 2, 0x3c, 1, 0, 1, 0, 0 },		/* reserved */
		{ 1, 0, 1, 0, 1, 1 << 20, 0x4002 },	/* DTYPE */
		{ 2, 0, 1, 0, 1, 0xbf0f0000, 0 },	/* LR, PRINFO */
		{ 4, 0, 1, 0, 1, 0, 0x4001 },
		{ 5, 0, 1, 0, 1, 0, 0x4001 },
		{ 0x0c, 0, 1, 0, 1, 0, 0x4001 },
		{ 0x0d, 0, 1, 0, 1, 0, 0x4001 },
		{ 0x19, 0, 1, 0, 1, 0, 0x4001 },
		{ 0x80, 0, 1, 0, 1, 0, 0x4001 },
		{ 0xff, 0, 1, 0, 1, 0, 0x4001 },
	};
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		sqe = fake_rw(t[i].opcode, t[i].slba, t[i].nlb, FAKE_DATA, 0);
		sqe.flags = t[i].flags;
		sqe.nsid = cpu_to_le32(t[i].nsid);
		sqe.cdw12 |= cpu_to_le32(t[i].cdw12);
		KUNIT_EXPECT_EQ_MSG(test, fake_io(f, 1, &sqe), t[i].status,
				    "%u", i);
	}
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 101: MDTS is enforced, for each value, before memory is looked at */
static void c101_mdts(struct kunit *test)
{
	struct vnvme_config cfg = { .nr_ioq = 1 };
	struct vnvme_sqe sqe;
	struct fake *f;
	u32 i, nlb;

	for (cfg.mdts = 1; cfg.mdts <= 9; cfg.mdts++) {
		f = fake_new_cfg(&cfg);
		fake_enable(f, 8, 8);
		fake_create(f, 1, 1, 8);
		nlb = 8u << cfg.mdts;
		for (i = 0; i < 513; i++)
			((__le64 *)fake_ptr(f, FAKE_LIST))[i] =
				cpu_to_le64(i == 511 ? FAKE_LIST + 4096 :
					    FAKE_DATA);
		((__le64 *)fake_ptr(f, FAKE_LIST))[512] = FAKE_DATA;
		((__le64 *)fake_ptr(f, FAKE_LIST))[513] = FAKE_DATA;
		sqe = fake_rw(2, 0, nlb, FAKE_DATA,
			      cfg.mdts == 1 ? FAKE_DATA : FAKE_LIST);
		KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
		sqe = fake_rw(2, 0, nlb, FAKE_DATA + 512, FAKE_LIST);
		KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
		sqe = fake_rw(2, 0, nlb + 1, 1ull << 40, FAKE_LIST);
		KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0x4002);
		fake_free(f);
	}
}

/* 113, 86: FUA, and each write without a write cache, is durable */
static void c86_durable(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe = fake_rw(1, 5, 1, FAKE_DATA, 0);

	fake_io(f, 1, &sqe);
	KUNIT_EXPECT_EQ(test, f->durable[5], 0);
	sqe.cdw12 |= cpu_to_le32(1u << 30);
	fake_io(f, 1, &sqe);
	KUNIT_EXPECT_EQ(test, f->durable[5], 1);
	KUNIT_EXPECT_EQ(test, fake_set_feature(f, VNVME_FEAT_WCE, 0, NULL), 0);
	sqe = fake_rw(1, 6, 1, FAKE_DATA, 0);
	fake_io(f, 1, &sqe);
	KUNIT_EXPECT_EQ(test, f->durable[6], 1);
	sqe = fake_rw(8, 7, 1, 0, 0);
	fake_io(f, 1, &sqe);
	KUNIT_EXPECT_EQ(test, f->durable[7], 1);
	KUNIT_EXPECT_EQ(test, fake_set_feature(f, VNVME_FEAT_WCE, 1, NULL), 0);
	sqe = fake_rw(1, 8, 1, FAKE_DATA, 0);
	fake_io(f, 1, &sqe);
	KUNIT_EXPECT_EQ(test, f->durable[8], 0);
	sqe = fake_sqe(0, 1);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	KUNIT_EXPECT_EQ(test, f->durable[8], 1);
	fake_free(f);
}

static u16 dsm(struct fake *f, u32 nr, u64 slba, u32 nlb, u32 ad)
{
	struct vnvme_sqe sqe = fake_sqe(VNVME_CMD_DSM, 1);
	struct vnvme_dsm_range *r = fake_ptr(f, FAKE_DATA + 0xff0);
	u32 i;

	for (i = 0; i < nr; i++)
		r[i] = (struct vnvme_dsm_range){
			.slba = cpu_to_le64(i == nr - 1 ? slba : 0),
			.nlb = cpu_to_le32(i == nr - 1 ? nlb : 1),
		};
	sqe.cdw10 = cpu_to_le32(nr - 1);
	sqe.cdw11 = cpu_to_le32(ad);
	sqe.prp1 = cpu_to_le64(FAKE_DATA + 0xff0);
	sqe.prp2 = cpu_to_le64(FAKE_DATA + 0x1000);
	return fake_io(f, 1, &sqe);
}

/* 116, rule 11 */
static void c116_dsm(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	u32 was;

	KUNIT_EXPECT_EQ(test, dsm(f, 1, 10, 2, 4), 0);
	KUNIT_EXPECT_EQ(test, *(u32 *)(f->disk + 10 * 512), 0);
	KUNIT_EXPECT_EQ(test, dsm(f, 256, 20, 2, 4), 0);
	KUNIT_EXPECT_EQ(test, *(u32 *)(f->disk + 20 * 512), 0);
	was = f->nr_submits;
	/* nothing is done if one of them is out of range */
	KUNIT_EXPECT_EQ(test, dsm(f, 256, FAKE_LBAS, 1, 4), 0x4080);
	KUNIT_EXPECT_EQ(test, dsm(f, 2, ~0ull, 2, 4), 0x4080);
	KUNIT_EXPECT_EQ(test, dsm(f, 2, 1, ~0u, 4), 0x4080);
	/* hints only: no backend */
	KUNIT_EXPECT_EQ(test, dsm(f, 3, 30, 2, 3), 0);
	KUNIT_EXPECT_EQ(test, f->nr_submits, was);
	KUNIT_EXPECT_NE(test, *(u32 *)(f->disk + 30 * 512), 0);
	fake_page(f, FAKE_DATA + 0x1000, FAKE_ABSENT);
	KUNIT_EXPECT_EQ(test, dsm(f, 2, 1, 1, 4), 0x4004);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 55, 109: what ONCS does not claim is refused */
static void c55_oncs(struct kunit *test)
{
	struct vnvme_config cfg = { .nr_ioq = 1, .mdts = 5 };
	struct fake *f = fake_new_cfg(&cfg);
	struct vnvme_sqe sqe;

	fake_enable(f, 8, 8);
	fake_create(f, 1, 1, 8);
	KUNIT_EXPECT_EQ(test, dsm(f, 1, 0, 1, 4), 0x4001);
	sqe = fake_rw(8, 0, 1, 0, 0);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0x4001);
	KUNIT_EXPECT_EQ(test, fake_dbbuf(f), 0x4001);
	fake_free(f);
}

/* 121, 27, 103: read-only namespaces and pages, holes, limits */
static void c121_read_only(struct kunit *test)
{
	static const u8 changes[] = { 1, 8 };
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe;
	u32 i;

	f->ns.ro = true;
	for (i = 0; i < ARRAY_SIZE(changes); i++) {
		sqe = fake_rw(changes[i], 0, 1, FAKE_DATA, 0);
		KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0x4020);
	}
	KUNIT_EXPECT_EQ(test, dsm(f, 1, 0, 1, 4), 0x4020);
	sqe = fake_rw(2, 0, 1, FAKE_DATA, 0);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	f->ns.ro = false;
	fake_page(f, FAKE_DATA, FAKE_RO);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0x4004);
	sqe = fake_rw(1, 0, 1, FAKE_DATA, 0);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	fake_page(f, FAKE_DATA, FAKE_ABSENT);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0x4004);
	fake_page(f, FAKE_DATA, FAKE_NOMEM);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0x0004);
	fake_page(f, FAKE_DATA, FAKE_OK);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	fake_free(f);
}

/*
 * 35, 124, rule 1: the entry, the PRP list and the ranges are read once: what
 * the guest makes of them afterwards has no effect.
 */
static void r01_read_once(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe = fake_rw(2, 0, 1, FAKE_DATA, 0);
	struct vnvme_sqe *slot = fake_ptr(f, FAKE_SQ(1));
	struct vnvme_cqe cqe;

	f->pin_hold = true;
	fake_push(f, 1, &sqe);
	fake_sq_ring(f, 1);
	fake_run(f);		/* fetched, waits for its page */
	KUNIT_EXPECT_EQ(test, f->ctrl.lane[1].busy, 1);
	memset(slot, 0xff, sizeof(*slot));
	f->pin_hold = false;
	fake_run(f);
	KUNIT_ASSERT_TRUE(test, fake_pop(f, 1, &cqe));
	KUNIT_EXPECT_EQ(test, cqe.status >> 1, 0);
	KUNIT_EXPECT_EQ(test, cqe.cid, sqe.cid);
	KUNIT_EXPECT_EQ(test, memcmp(fake_ptr(f, FAKE_DATA), f->disk, 512), 0);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 120: the backing's status, DNR and all */
static void c120_backing_errors(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe = fake_rw(2, 3, 1, FAKE_DATA, 0);
	struct vnvme_err_entry *e = fake_ptr(f, FAKE_ID);

	f->status = 0x4281;
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0x4281);
	f->status = 0;
	f->refuse = 0x006;
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0x006);
	f->refuse = 0;
	KUNIT_EXPECT_EQ(test, fake_get_log(f, 1, 128, 0, false), 0);
	KUNIT_EXPECT_EQ(test, e[0].status >> 1, 0x006);
	KUNIT_EXPECT_EQ(test, e[0].count, 2);
	KUNIT_EXPECT_EQ(test, e[1].status >> 1, 0x4281);
	KUNIT_EXPECT_EQ(test, e[1].lba, 3);
	KUNIT_EXPECT_EQ(test, e[1].sqid, 1);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	fake_free(f);
}

static struct kunit_case nvm_cases[] = {
	KUNIT_CASE(c109_one_command),
	KUNIT_CASE(c101_mdts),
	KUNIT_CASE(c86_durable),
	KUNIT_CASE(c116_dsm),
	KUNIT_CASE(c55_oncs),
	KUNIT_CASE(c121_read_only),
	KUNIT_CASE(r01_read_once),
	KUNIT_CASE(c120_backing_errors),
	{}
};

static struct kunit_suite nvm_suite = {
	.name = "vnvme_nvm",
	.test_cases = nvm_cases,
};

kunit_test_suite(nvm_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Virtual NVMe controller: NVM command set");
