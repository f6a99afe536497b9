// SPDX-License-Identifier: GPL-2.0
/*
 * A whole guest's day: enable, identify, features, queues, DBBUF, I/O with the
 * data checked, reset, shutdown, another driver.
 */
#include <kunit/test.h>
#include <linux/module.h>

#include "fake.h"

static u32 rnd_state = 1;

static u32 rnd(u32 n)
{
	rnd_state = rnd_state * 1103515245 + 12345;
	return (rnd_state >> 8) % n;
}

/* PRPs for @bytes at @at: pages in order, a list where one is needed. */
static void guest_prps(struct fake *f, struct vnvme_sqe *sqe, u64 at, u32 bytes,
		       u64 list)
{
	u32 first = VNVME_PAGE_SIZE - (at & (VNVME_PAGE_SIZE - 1)), n = 0;
	u64 page = at - (at & (VNVME_PAGE_SIZE - 1)) + VNVME_PAGE_SIZE;
	__le64 *e = fake_ptr(f, list);

	sqe->prp1 = cpu_to_le64(at);
	if (bytes <= first)
		return;
	bytes -= first;
	sqe->prp2 = cpu_to_le64(bytes <= VNVME_PAGE_SIZE ? page : list);
	for (; bytes > VNVME_PAGE_SIZE; bytes -= VNVME_PAGE_SIZE) {
		/* the last slot of a page chains */
		if (!((list + 8 * (n + 1)) & (VNVME_PAGE_SIZE - 1))) {
			e[n] = cpu_to_le64(list + 8 * (n + 1));
			n++;
		}
		e[n++] = cpu_to_le64(page);
		page += VNVME_PAGE_SIZE;
	}
	e[n] = cpu_to_le64(page);
}

static void guest_fill(u8 *p, u32 bytes, u32 seed)
{
	u32 i;

	for (i = 0; i < bytes; i++)
		p[i] = (seed + i) * 2654435761u >> 24;
}

/* Writes and reads of mixed sizes and offsets; 112, 102 */
static void guest_io(struct kunit *test, struct fake *f, u16 sqid, u32 rounds)
{
	u32 i, nlb, off;
	struct vnvme_sqe sqe;
	u64 slba, list;

	for (i = 0; i < rounds; i++) {
		nlb = 1 + rnd(rnd(4) ? 16 : 2048);
		slba = rnd(FAKE_LBAS - nlb);
		off = rnd(1024) * 4;
		list = FAKE_LIST + 8 * rnd(600);
		guest_fill(fake_ptr(f, FAKE_DATA + off), nlb * 512, i);
		sqe = fake_rw(VNVME_CMD_WRITE, slba, nlb, 0, 0);
		guest_prps(f, &sqe, FAKE_DATA + off, nlb * 512, list);
		KUNIT_ASSERT_EQ(test, fake_io(f, sqid, &sqe), 0);
		KUNIT_EXPECT_EQ(test, memcmp(f->disk + slba * 512,
					     fake_ptr(f, FAKE_DATA + off),
					     nlb * 512), 0);
		off = rnd(1024) * 4;
		memset(fake_ptr(f, FAKE_DATA), 0xcc, nlb * 512 + 8192);
		sqe = fake_rw(VNVME_CMD_READ, slba, nlb, 0, 0);
		guest_prps(f, &sqe, FAKE_DATA + off, nlb * 512, list);
		KUNIT_ASSERT_EQ(test, fake_io(f, sqid, &sqe), 0);
		KUNIT_EXPECT_EQ(test, memcmp(f->disk + slba * 512,
					     fake_ptr(f, FAKE_DATA + off),
					     nlb * 512), 0);
		KUNIT_EXPECT_EQ(test, *(u8 *)fake_ptr(f, FAKE_DATA + off +
						      nlb * 512), 0xcc);
	}
}

static void guest_day(struct kunit *test, struct fake *f, bool dbbuf,
		      bool mapped)
{
	u32 dw0 = 0, i;

	KUNIT_ASSERT_TRUE(test, fake_enable(f, 32, 32));
	KUNIT_EXPECT_EQ(test, fake_identify(f, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, fake_identify(f, 2, 0), 0);
	KUNIT_EXPECT_EQ(test, fake_identify(f, 0, 1), 0);
	KUNIT_EXPECT_EQ(test, fake_identify(f, 3, 1), 0);
	KUNIT_EXPECT_EQ(test, fake_set_feature(f, VNVME_FEAT_NR_QUEUES,
					       0x00070007, &dw0), 0);
	KUNIT_EXPECT_EQ(test, dw0, 0x00030003);
	KUNIT_EXPECT_EQ(test, fake_create(f, 1, 1, 16), 0);
	if (dbbuf)
		KUNIT_EXPECT_EQ(test, fake_dbbuf(f), 0);
	f->mapped = mapped;
	for (i = 2; i <= 4; i++)
		KUNIT_EXPECT_EQ_MSG(test, fake_create(f, i, i, 2 + i), 0,
				    "%u dbbuf %u mapped %u", i, dbbuf, mapped);
	for (i = 1; i <= 4; i++)
		guest_io(test, f, i, 60);
	f->at_once = true;
	guest_io(test, f, 1, 30);
	f->at_once = false;
	for (i = 1; i <= 4; i++) {
		KUNIT_EXPECT_EQ(test, fake_delete_sq(f, i), 0);
		KUNIT_EXPECT_EQ(test, fake_delete_cq(f, i), 0);
	}
	fake_write32(f, VNVME_REG_CC, 0x00464001);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS),
			VNVME_CSTS_RDY | VNVME_CSTS_SHST_DONE);
	fake_write32(f, VNVME_REG_CC, 0);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS), 0);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	KUNIT_EXPECT_EQ(test, f->parked, 0);
	KUNIT_EXPECT_TRUE(test, vnvme_ctrl_idle(&f->ctrl));
	f->mapped = false;
}

/* 129, 130: drivers of different kinds one after the other, no reset between */
static void guest_boots_and_does_io(struct kunit *test)
{
	struct fake *f = fake_new(4);

	guest_day(test, f, false, false);
	guest_day(test, f, true, false);
	guest_day(test, f, false, true);
	guest_day(test, f, true, true);
	vnvme_ctrl_reset(&f->ctrl);
	fake_run(f);
	KUNIT_EXPECT_TRUE(test, vnvme_ctrl_idle(&f->ctrl));
	fake_cfg_write16(f, VNVME_PCI_COMMAND, 6);
	guest_day(test, f, true, true);
	fake_free(f);
}

/* Guest memory and the disk, with pages coming and going */
static void guest_with_misses(struct kunit *test)
{
	struct fake *f = fake_ready(2);
	u32 i;

	for (i = 0; i < 40; i++) {
		guest_io(test, f, 1, 2);
		fake_unpin(f, FAKE_DATA, 2 << 20);
		fake_unpin(f, FAKE_LIST, 64 << 10);
	}
	KUNIT_EXPECT_NE(test, f->ctrl.lane[1].stat.misses, 0);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* Pages that are pinned one by one, a list among them: the command waits once */
static void guest_misses_once(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	u64 *misses = &f->ctrl.lane[1].stat.misses;
	struct vnvme_sqe sqe;
	struct vnvme_cqe cqe;
	u32 i;

	for (i = 0; i < 3; i++) {
		fake_unpin(f, FAKE_DATA, 1 << 20);
		fake_unpin(f, FAKE_LIST, 64 << 10);
		if (i == 2)
			fake_page(f, FAKE_DATA + 77 * VNVME_PAGE_SIZE, FAKE_ABSENT);
		sqe = fake_rw(VNVME_CMD_WRITE, 0, 1024, FAKE_DATA, 0);
		guest_prps(f, &sqe, FAKE_DATA + 512, 1024 * 512, FAKE_LIST + 0xf80);
		fake_push(f, 1, &sqe);
		fake_sq_ring(f, 1);
		fake_run(f);
		KUNIT_EXPECT_EQ(test, *misses, i + 1);
		KUNIT_ASSERT_TRUE(test, fake_pop(f, 1, &cqe));
		fake_cq_ring(f, 1);
		KUNIT_EXPECT_EQ(test, cqe.status >> 1,
				i < 2 ? 0 : VNVME_SC_DATA_TRANSFER | VNVME_DNR);
	}
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* A queue deep in work: everything answered once, across many wraps; 31, 112 */
static void guest_batches(struct kunit *test)
{
	static const u32 depths[] = { 2, 3, 17, 64 };
	struct vnvme_sqe sqe;
	struct vnvme_cqe cqe;
	u32 d, i, k, n, done;
	struct fake *f;

	for (d = 0; d < 8; d++) {
		f = fake_new(1);
		KUNIT_ASSERT_TRUE(test, fake_enable(f, 8, 8));
		KUNIT_EXPECT_EQ(test, fake_create(f, 1, 1, depths[d / 2]), 0);
		if (d & 1)
			KUNIT_EXPECT_EQ(test, fake_dbbuf(f), 0);
		for (i = done = 0; i < 3000; i += n) {
			n = 1 + rnd(depths[d / 2] - 1);
			for (k = 0; k < n; k++) {
				sqe = fake_rw(VNVME_CMD_READ, rnd(100), 8,
					      FAKE_DATA, 0);
				fake_push(f, 1, &sqe);
			}
			fake_sq_ring(f, 1);
			fake_run(f);
			for (k = 0; fake_pop(f, 1, &cqe); k++)
				KUNIT_EXPECT_EQ(test, cqe.status >> 1, 0);
			done += k;
			KUNIT_ASSERT_EQ(test, k, n);
			fake_cq_ring(f, 1);
		}
		KUNIT_EXPECT_EQ(test, done, i);
		KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
		/* a store to EventIdx for a quarter of the ring, not each */
		if (depths[d / 2] == 64)
			KUNIT_EXPECT_LE(test, f->ctrl.lane[1].stat.eventidx,
					i / 16);
		fake_free(f);
	}
}

static struct kunit_case guest_cases[] = {
	KUNIT_CASE(guest_boots_and_does_io),
	KUNIT_CASE(guest_with_misses),
	KUNIT_CASE(guest_misses_once),
	KUNIT_CASE(guest_batches),
	{}
};

static struct kunit_suite guest_suite = {
	.name = "vnvme_guest",
	.test_cases = guest_cases,
};

kunit_test_suite(guest_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Virtual NVMe controller: a whole guest");
