// SPDX-License-Identifier: GPL-2.0
/* Registers, and the life cycle as the guest sees it through them. */
#include <kunit/test.h>
#include <linux/module.h>

#include "fake.h"

#define CC_EN	0x00460001u

static void c01_cap(struct kunit *test)
{
	struct fake *f = fake_new(4);
	u64 cap = fake_read64(f, VNVME_REG_CAP);

	/* a depth that u16 holds, and the sum of two places in it */
	KUNIT_EXPECT_LE(test, 2 * ((cap & 0xffff) + 1), 65536);
	KUNIT_EXPECT_EQ(test, cap & 0xffff, VNVME_MQES);
	KUNIT_EXPECT_EQ(test, cap >> 16 & 1, 1);	/* CQR */
	KUNIT_EXPECT_EQ(test, cap >> 24 & 0xff, 255);	/* TO: a device below may hang */
	KUNIT_EXPECT_EQ(test, cap >> 32 & 0x1f, 0);	/* DSTRD, NSSRS */
	KUNIT_EXPECT_EQ(test, cap >> 37 & 0xff, 1);	/* CSS */
	KUNIT_EXPECT_EQ(test, cap >> 45, 1 << 14);	/* CRMS: CRWMS */
	/* CRTO: CRWMT, which TO must not be beyond */
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CRTO), cap >> 24 & 0xff);
	fake_enable(f, 8, 8);
	KUNIT_EXPECT_EQ(test, fake_read64(f, VNVME_REG_CAP), cap);
	vnvme_ctrl_reset(&f->ctrl);
	KUNIT_EXPECT_EQ(test, fake_read64(f, VNVME_REG_CAP), cap);
	/* 4 */
	KUNIT_EXPECT_EQ(test, fake_read32(f, 0), lower_32_bits(cap));
	KUNIT_EXPECT_EQ(test, fake_read32(f, 4), upper_32_bits(cap));
	fake_free(f);
}

static void c03_read_only(struct kunit *test)
{
	static const u32 ro[] = { 0, 4, 8, 0x18, 0x1c, 0x20, 0x38, 0x3c, 0x40,
				  0x100, 0xffc };
	struct fake *f = fake_ready(2);
	u32 i, was;

	for (i = 0; i < ARRAY_SIZE(ro); i++) {
		was = fake_read32(f, ro[i]);
		fake_write32(f, ro[i], ~0u);
		KUNIT_EXPECT_EQ_MSG(test, fake_read32(f, ro[i]), was, "%x",
				    ro[i]);
		fake_write32(f, ro[i], 0);
		KUNIT_EXPECT_EQ_MSG(test, fake_read32(f, ro[i]), was, "%x",
				    ro[i]);
	}
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_VS), 0x00020000);
	fake_free(f);
}

static void c04_asq_in_parts(struct kunit *test)
{
	struct fake *f = fake_new(1);

	fake_write32(f, VNVME_REG_ASQ, 0x12345fff);
	fake_write32(f, VNVME_REG_ASQ + 4, 0xabc);
	KUNIT_EXPECT_EQ(test, fake_read64(f, VNVME_REG_ASQ), 0xabc12345000ull);
	fake_write32(f, VNVME_REG_ACQ + 4, 0xdef);
	fake_write32(f, VNVME_REG_ACQ, 0x6000);
	KUNIT_EXPECT_EQ(test, fake_read64(f, VNVME_REG_ACQ), 0xdef00006000ull);
	fake_write64(f, VNVME_REG_ASQ, 0x7777777777777fffull);
	KUNIT_EXPECT_EQ(test, fake_read64(f, VNVME_REG_ASQ),
			0x7777777777777000ull);
	fake_write32(f, VNVME_REG_AQA, ~0u);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_AQA), 0x0fff0fff);
	fake_free(f);
}

static void c05_odd_accesses(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	u64 val = ~0ull, was = fake_read32(f, VNVME_REG_CC);
	u32 off, len;
	u8 buf[64];

	for (off = 0; off < 0x60; off++)
		for (len = 0; len < 9; len++)
			if ((off & 3) || (len != 4 && len != 8))
				vnvme_bar_write(&f->ctrl, off, &val, len);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CC), was);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_AQA), 0x001f001f);
	/* nor do doorbells and vectors take parts */
	for (off = 0x1009; off < 0x100c; off++)
		vnvme_bar_write(&f->ctrl, off, &val, 4);
	vnvme_bar_write(&f->ctrl, 0x1008, &val, 2);
	KUNIT_EXPECT_EQ(test, f->db[2], 0);
	for (off = 0x3ff0; off < 0x4010; off++) {
		vnvme_bar_write(&f->ctrl, off, &val, 8);
		vnvme_bar_read(&f->ctrl, off, buf, sizeof(buf));
	}
	vnvme_bar_read(&f->ctrl, ~0u, buf, 8);
	vnvme_bar_write(&f->ctrl, ~0u - 3, &val, 8);
	/* a byte of a register */
	vnvme_bar_read(&f->ctrl, VNVME_REG_VS + 1, buf, 2);
	KUNIT_EXPECT_EQ(test, buf[0] | buf[1] << 8, 0x0200);
	fake_free(f);
}

static void c06_intms(struct kunit *test)
{
	struct fake *f = fake_new(1);

	fake_write32(f, VNVME_REG_INTMS, 0x0f);
	fake_write32(f, VNVME_REG_INTMC, 0x05);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_INTMS), 0x0a);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_INTMC), 0x0a);
	fake_free(f);
}

/* A command that ends; its entry is left for later. */
static void end_one(struct fake *f)
{
	struct vnvme_sqe sqe = fake_rw(VNVME_CMD_READ, 0, 1, FAKE_DATA, 0);

	fake_push(f, 1, &sqe);
	fake_sq_ring(f, 1);
	fake_run(f);
}

/* 6: bit 0 alone masks the pin; messages are not masked by any */
static void c06_intms_and_delivery(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	u32 i, was;

	/* only what is written as 1 is set, or cleared */
	fake_write32(f, VNVME_REG_INTMS, 0x80000001);
	fake_write32(f, VNVME_REG_INTMS, 0);
	fake_write32(f, VNVME_REG_INTMC, 0);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_INTMC), 0x80000001);
	fake_write32(f, VNVME_REG_INTMC, 0x80000000);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_INTMS), 1);
	end_one(f);
	KUNIT_EXPECT_FALSE(test, vnvme_intx_level(&f->ctrl));
	was = f->nr_irqs;
	fake_write32(f, VNVME_REG_INTMC, 1);
	KUNIT_EXPECT_TRUE(test, vnvme_intx_level(&f->ctrl));
	KUNIT_EXPECT_EQ(test, f->nr_irqs, was + 1);
	for (i = 1; i < 32; i++) {
		fake_write32(f, VNVME_REG_INTMS, 1u << i);
		KUNIT_EXPECT_TRUE(test, vnvme_intx_level(&f->ctrl));
	}
	fake_write32(f, VNVME_REG_INTMS, 1);
	fake_write32(f, VNVME_REG_INTMC, ~1u);
	KUNIT_EXPECT_FALSE(test, vnvme_intx_level(&f->ctrl));
	/* with MSI-X, vector by vector */
	fake_cfg_write32(f, VNVME_PCI_CAP_MSIX, VNVME_PCI_MSIX_ENABLE);
	fake_write32(f, VNVME_REG_INTMS, ~0u);
	for (i = 0; i < 5; i++) {
		struct vnvme_cqe cqe;

		while (fake_pop(f, 1, &cqe))
			;
		fake_cq_ring(f, 1);
		fake_run(f);
		was = f->irqs[1];
		end_one(f);
		KUNIT_EXPECT_EQ(test, f->irqs[1], was + 1);
		was = f->irqs[0];
		KUNIT_EXPECT_EQ(test, fake_identify(f, 1, 0), 0);
		KUNIT_EXPECT_EQ(test, f->irqs[0], was + 1);
	}
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_INTMS), ~0u);
	fake_free(f);
}

/* 7, 8, 9, L5 */
static void c08_disable_keeps_aqa(struct kunit *test)
{
	struct fake *f = fake_ready(2);

	fake_write32(f, VNVME_REG_INTMS, 1);
	fake_write32(f, VNVME_REG_CC, 0);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS), 0);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_AQA), 0x001f001f);
	KUNIT_EXPECT_EQ(test, fake_read64(f, VNVME_REG_ASQ), FAKE_ASQ);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_INTMS), 0);
	KUNIT_EXPECT_EQ(test, f->ctrl.sq[1].depth, 0);
	KUNIT_EXPECT_FALSE(test, f->ctrl.lane[1].cq.live);
	fake_queue_start(f, 0, 0, 32);
	memset(fake_ptr(f, FAKE_ACQ), 0, 4096);
	fake_write32(f, VNVME_REG_CC, 1);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS), 1);
	KUNIT_EXPECT_EQ(test, fake_identify(f, 1, 0), 0);
	/* entry sizes are only needed for I/O queues */
	KUNIT_EXPECT_EQ(test, fake_create_cq(f, 1, 16), 0x4102);
	fake_free(f);
}

static void c10_cannot_enable(struct kunit *test)
{
	static const struct {
		u32 cc, aqa;
		u64 asq, acq;
	} t[] = {
		{ CC_EN | 1 << 7, 0x001f001f, FAKE_ASQ, FAKE_ACQ },
		{ CC_EN | 1 << 4, 0x001f001f, FAKE_ASQ, FAKE_ACQ },
		{ CC_EN | 1 << 11, 0x001f001f, FAKE_ASQ, FAKE_ACQ },
		{ CC_EN, 0x001f0000, FAKE_ASQ, FAKE_ACQ },
		{ CC_EN, 0x0000001f, FAKE_ASQ, FAKE_ACQ },
		{ CC_EN, 0x001f001f, 0, FAKE_ACQ },
		{ CC_EN, 0x001f001f, FAKE_ASQ, 0 },
		{ CC_EN, 0x001f001f, 1ull << 40, FAKE_ACQ },
		{ CC_EN, 0x001f001f, FAKE_ASQ, FAKE_RAM },
		{ CC_EN, 0x0fff0fff, ~0ull << 12, FAKE_ACQ },
	};
	struct fake *f = fake_new(1);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		fake_write32(f, VNVME_REG_AQA, t[i].aqa);
		fake_write64(f, VNVME_REG_ASQ, t[i].asq);
		fake_write64(f, VNVME_REG_ACQ, t[i].acq);
		fake_write32(f, VNVME_REG_CC, t[i].cc);
		fake_run(f);
		KUNIT_EXPECT_EQ_MSG(test, fake_read32(f, VNVME_REG_CSTS),
				    VNVME_CSTS_CFS, "%u", i);
		/* nobody waits for ever for a shutdown either */
		fake_write32(f, VNVME_REG_CC, t[i].cc | 1 << 14);
		KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS) & 0xc,
				VNVME_CSTS_SHST_DONE);
		fake_write32(f, VNVME_REG_CC, 0);
		KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS), 0);
	}
	KUNIT_EXPECT_TRUE(test, fake_enable(f, 8, 8));
	fake_free(f);
}

/* 11: small and asymmetric ones */
static void c11_admin_sizes(struct kunit *test)
{
	static const u32 t[][2] = { { 2, 2 }, { 2, 64 }, { 64, 2 }, { 4, 3 } };
	struct fake *f = fake_new(1);
	u32 i, k;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		KUNIT_ASSERT_TRUE(test, fake_enable(f, t[i][0], t[i][1]));
		for (k = 0; k < 200; k++)
			KUNIT_EXPECT_EQ(test, fake_identify(f, 1, 0), 0);
		fake_write32(f, VNVME_REG_CC, 0);
	}
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 11: up to the largest, each filled to its last entry, more than once around */
static void c11_largest_admin_queues(struct kunit *test)
{
	static const u32 t[][2] = {
		{ 4096, 4096 }, { 4096, 2 }, { 2, 4096 }, { 4095, 17 }, { 2049, 2048 },
	};
	const u64 asq = FAKE_DATA, acq = FAKE_DATA + 0x40000;
	struct fake *f = fake_new(1);
	struct vnvme_sqe sqe;
	struct vnvme_cqe cqe;
	u32 i, k, n, round;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		memset(fake_ptr(f, acq), 0, 4096 * sizeof(cqe));
		fake_queue_start(f, 0, 0, t[i][0]);
		f->q[0].sq = asq;
		f->q[0].cq = acq;
		f->q[0].cq_depth = t[i][1];
		/* what is reserved is 0 and does not count */
		fake_write32(f, VNVME_REG_AQA, 0xf000f000 | (t[i][1] - 1) << 16 | (t[i][0] - 1));
		fake_write64(f, VNVME_REG_ASQ, asq | 0xfff);
		fake_write64(f, VNVME_REG_ACQ, acq | 0xfff);
		KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_AQA),
				(t[i][1] - 1) << 16 | (t[i][0] - 1));
		KUNIT_EXPECT_EQ(test, fake_read64(f, VNVME_REG_ASQ), asq);
		KUNIT_EXPECT_EQ(test, fake_read64(f, VNVME_REG_ACQ), acq);
		fake_write32(f, VNVME_REG_CC, CC_EN);
		KUNIT_ASSERT_EQ(test, fake_read32(f, VNVME_REG_CSTS), VNVME_CSTS_RDY);
		for (round = 0; round < 3; round++) {
			for (n = 1; n < t[i][0]; n++) {
				sqe = fake_sqe(VNVME_ADM_ABORT, 0);
				sqe.cdw10 = cpu_to_le32(99 << 16 | 1);
				fake_push(f, 0, &sqe);
			}
			fake_sq_ring(f, 0);
			for (n = 1; n < t[i][0]; n += k) {
				fake_run(f);
				for (k = 0; fake_pop(f, 0, &cqe); k++)
					KUNIT_ASSERT_EQ(test, le16_to_cpu(cqe.status) >> 1, 0);
				fake_cq_ring(f, 0);
				KUNIT_ASSERT_TRUE(test, k);
			}
			KUNIT_EXPECT_EQ(test, n, t[i][0]);
		}
		KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
		fake_write32(f, VNVME_REG_CC, 0);
	}
	fake_free(f);
}

static void c13_shutdown(struct kunit *test)
{
	struct vnvme_sqe sqe = fake_rw(VNVME_CMD_WRITE, 0, 8, FAKE_DATA, 0);
	struct vnvme_cqe cqe;
	struct fake *f;
	u32 how;

	for (how = 1; how <= 2; how++) {
		f = fake_ready(1);
		f->hold = true;
		fake_push(f, 1, &sqe);
		fake_sq_ring(f, 1);
		fake_run(f);
		fake_write32(f, VNVME_REG_CC, CC_EN | how << 14);
		fake_run(f);
		KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS),
				1 | VNVME_CSTS_SHST_BUSY);
		/* nothing new is fetched, what is there is answered */
		fake_push(f, 1, &sqe);
		fake_sq_ring(f, 1);
		f->hold = false;
		fake_run(f);
		KUNIT_EXPECT_TRUE(test, fake_pop(f, 1, &cqe));
		KUNIT_EXPECT_FALSE(test, fake_pop(f, 1, &cqe));
		KUNIT_EXPECT_EQ(test, f->nr_flush, 1);
		KUNIT_EXPECT_EQ(test, f->durable[0], 1);
		KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS),
				1 | VNVME_CSTS_SHST_DONE);
		/* 14 */
		fake_write32(f, VNVME_REG_CC, 0);
		KUNIT_EXPECT_TRUE(test, fake_enable(f, 8, 8));
		KUNIT_EXPECT_EQ(test, fake_identify(f, 1, 0), 0);
		fake_free(f);
	}
}

static void c15_shutdown_any_time(struct kunit *test)
{
	struct vnvme_sqe sqe = fake_rw(VNVME_CMD_READ, 0, 8, FAKE_DATA, 0);
	struct fake *f = fake_new(1);

	fake_write32(f, VNVME_REG_CC, 1 << 14);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS) & 0xc,
			VNVME_CSTS_SHST_DONE);
	fake_write32(f, VNVME_REG_CC, 0);
	fake_free(f);

	/* together with, and after, CC.EN = 0 with I/O in flight */
	f = fake_ready(1);
	f->hold = true;
	fake_push(f, 1, &sqe);
	fake_sq_ring(f, 1);
	fake_run(f);
	fake_write32(f, VNVME_REG_CC, 0x00464000);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS) & 0xc,
			VNVME_CSTS_SHST_BUSY);
	f->hold = false;
	fake_run(f);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS),
			VNVME_CSTS_SHST_DONE);
	KUNIT_EXPECT_EQ(test, f->nr_flush, 1);
	fake_free(f);
}

/* 15: a device that flushes for long holds up the end of the shutdown, and nothing else */
static void c15_slow_flush(struct kunit *test)
{
	struct vnvme_sqe sqe = fake_rw(VNVME_CMD_WRITE, 0, 8, FAKE_DATA, 0);
	struct fake *f;
	u32 how;

	for (how = 0; how < 5; how++) {
		f = fake_ready(1);
		f->flush_hold = true;
		KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
		if (how == 4)
			vnvme_ctrl_fatal(&f->ctrl);
		fake_run(f);
		fake_write32(f, VNVME_REG_CC, CC_EN | 1 << 14);
		fake_run(f);
		KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS) & VNVME_CSTS_SHST,
				VNVME_CSTS_SHST_BUSY);
		KUNIT_EXPECT_EQ(test, f->nr_flush, 1);
		if (how == 1) {
			/* a reset goes on beside it */
			fake_write32(f, VNVME_REG_CC, 1 << 14);
			fake_run(f);
			KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS),
					VNVME_CSTS_SHST_BUSY);
		} else if (how == 2) {
			fake_write32(f, VNVME_REG_CC, 0);
			fake_run(f);
			KUNIT_EXPECT_TRUE(test, fake_enable(f, 8, 8));
			KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS), 1);
		} else if (how == 3) {
			vnvme_ctrl_reset(&f->ctrl);
			fake_run(f);
			KUNIT_EXPECT_TRUE(test, vnvme_ctrl_idle(&f->ctrl));
			KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS), 0);
		}
		fake_flush_end(f);
		fake_run(f);
		KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS) & VNVME_CSTS_SHST,
				how == 2 || how == 3 ? 0 : VNVME_CSTS_SHST_DONE);
		KUNIT_EXPECT_EQ(test, f->nr_flush, 1);
		fake_free(f);
	}
}

/* 13, 15: not lost to what comes while draining, nor left over at enable */
static void c15_shutdown_is_not_lost(struct kunit *test)
{
	struct vnvme_sqe sqe = fake_rw(VNVME_CMD_WRITE, 0, 8, FAKE_DATA, 0);
	struct fake *f;
	u32 how;

	for (how = 0; how < 3; how++) {
		f = fake_ready(1);
		f->hold = true;
		fake_push(f, 1, &sqe);
		fake_sq_ring(f, 1);
		fake_run(f);
		fake_write32(f, VNVME_REG_CC, CC_EN | 1 << 14);
		fake_run(f);
		if (how == 0) {
			fake_write32(f, VNVME_REG_CC, 0x00464000);
		} else if (how == 1) {
			fake_write32(f, VNVME_REG_CC, 0x00460000);
		} else {
			vnvme_ctrl_fatal(&f->ctrl);
			fake_run(f);
		}
		f->hold = false;
		fake_run(f);
		KUNIT_EXPECT_EQ(test, f->nr_flush, 1);
		KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS) & VNVME_CSTS_SHST,
				how == 1 ? 0 : VNVME_CSTS_SHST_DONE);
		fake_free(f);
	}
	for (how = 0; how < 3; how++) {
		f = fake_ready(1);
		if (how == 2)
			f->hold = true;
		fake_push(f, 1, &sqe);
		fake_sq_ring(f, 1);
		fake_run(f);
		/* left from before, with it, and while CC.EN = 0 drains */
		fake_write32(f, VNVME_REG_CC, how ? 0x00460000 : 0x00464000);
		if (how < 2)
			fake_run(f);
		fake_write32(f, VNVME_REG_CC, CC_EN | 1 << 14);
		f->hold = false;
		fake_run(f);
		KUNIT_EXPECT_EQ_MSG(test, fake_read32(f, VNVME_REG_CSTS),
				    VNVME_CSTS_RDY | VNVME_CSTS_SHST_DONE, "%u", how);
		fake_free(f);
	}
}

/* 13, 97, 99: after SHST = 10b nothing is written to the guest's memory */
static void c13_c99_shut_is_quiet(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe = fake_rw(VNVME_CMD_READ, 0, 1, FAKE_DATA, 0);
	const u32 *event = fake_ptr(f, FAKE_EVENT);
	u32 i;

	KUNIT_ASSERT_EQ(test, fake_dbbuf(f), 0);
	for (i = 0; i < 3; i++)
		KUNIT_ASSERT_EQ(test, fake_io(f, 1, &sqe), 0);
	fake_write32(f, VNVME_REG_CC, CC_EN | 1 << 14);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS) & VNVME_CSTS_SHST,
			VNVME_CSTS_SHST_DONE);
	memset(fake_ptr(f, FAKE_SHADOW), 0x33, 2 * VNVME_PAGE_SIZE);
	vnvme_lane_arm(&f->ctrl.lane[1]);
	f->work = true;
	fake_run(f);
	vnvme_lane_arm(&f->ctrl.lane[1]);
	for (i = 0; i < 1024; i++)
		KUNIT_ASSERT_EQ(test, event[i], 0x33333333);
	fake_free(f);
}

/* 16 */
static void c16_nssr(struct kunit *test)
{
	struct fake *f = fake_ready(1);

	fake_write32(f, VNVME_REG_NSSR, 0x4e564d65);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS), 1);
	fake_free(f);
}

static void c17_enable_toggled(struct kunit *test)
{
	struct vnvme_sqe sqe = fake_rw(VNVME_CMD_READ, 0, 8, FAKE_DATA, 0);
	struct fake *f = fake_ready(1);
	u32 i;

	f->hold = true;
	fake_push(f, 1, &sqe);
	fake_sq_ring(f, 1);
	fake_run(f);
	for (i = 0; i < 5; i++) {
		fake_write32(f, VNVME_REG_CC, 0);
		fake_write32(f, VNVME_REG_CC, CC_EN);
	}
	KUNIT_EXPECT_EQ(test, f->ctrl.state, VNVME_STOPPING);
	f->hold = false;
	fake_run(f);
	KUNIT_EXPECT_EQ(test, f->ctrl.state, VNVME_READY);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_REG_CSTS), 1);
	fake_queue_start(f, 0, 0, 32);
	memset(fake_ptr(f, FAKE_ACQ), 0, 4096);
	KUNIT_EXPECT_EQ(test, fake_identify(f, 1, 0), 0);
	fake_free(f);
}

/* 22: the table is memory with reserved bits held, the PBA read only */
static void c22_msix_table(struct kunit *test)
{
	struct fake *f = fake_new(2);
	u32 i;

	for (i = 0; i < 4; i++) {
		fake_write32(f, VNVME_BAR_MSIX + 16 * i, ~0u);
		fake_write32(f, VNVME_BAR_MSIX + 16 * i + 12, ~0u);
		KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_BAR_MSIX + 16 * i),
				i < 3 ? ~3u : 0);
		KUNIT_EXPECT_EQ(test,
				fake_read32(f, VNVME_BAR_MSIX + 16 * i + 12),
				i < 3 ? 1 : 0);
	}
	fake_write32(f, VNVME_BAR_PBA, ~0u);
	KUNIT_EXPECT_EQ(test, fake_read32(f, VNVME_BAR_PBA), 0);
	fake_free(f);
}

static struct fake *in_state(enum vnvme_state state)
{
	struct vnvme_sqe sqe = fake_rw(VNVME_CMD_READ, 0, 8, FAKE_DATA, 0);
	struct fake *f = fake_ready(1);

	if (state == VNVME_STOPPING || state == VNVME_SHUTTING) {
		f->hold = true;
		fake_push(f, 1, &sqe);
		fake_sq_ring(f, 1);
		fake_run(f);
	}
	if (state == VNVME_STOPPING || state == VNVME_DISABLED)
		fake_write32(f, VNVME_REG_CC, 0);
	if (state == VNVME_SHUTTING || state == VNVME_SHUT)
		fake_write32(f, VNVME_REG_CC, 0x00464001);
	if (state == VNVME_FAILED)
		vnvme_ctrl_fatal(&f->ctrl);
	fake_run(f);
	return f;
}

/* 7, 8, 10, 13 to 15, 17, 23: every event in every state */
static void c08_every_state_and_event(struct kunit *test)
{
	/* stopping and shutting down: with a command in flight */
	static const u8 next[VNVME_NR_STATES][VNVME_NR_EVENTS] = {
		/* enable, disable, shutdown, reset, drained, fatal */
		[VNVME_DISABLED] = { VNVME_READY, VNVME_DISABLED, VNVME_DISABLED,
				     VNVME_DISABLED, VNVME_DISABLED, VNVME_DISABLED },
		[VNVME_READY] = { VNVME_READY, VNVME_DISABLED, VNVME_SHUT,
				  VNVME_DISABLED, VNVME_READY, VNVME_FAILED },
		[VNVME_STOPPING] = { VNVME_STOPPING, VNVME_STOPPING, VNVME_STOPPING,
				     VNVME_STOPPING, VNVME_DISABLED, VNVME_STOPPING },
		[VNVME_SHUTTING] = { VNVME_SHUTTING, VNVME_STOPPING, VNVME_SHUTTING,
				     VNVME_STOPPING, VNVME_SHUT, VNVME_FAILED },
		[VNVME_SHUT] = { VNVME_SHUT, VNVME_DISABLED, VNVME_SHUT,
				 VNVME_DISABLED, VNVME_SHUT, VNVME_FAILED },
		[VNVME_FAILED] = { VNVME_FAILED, VNVME_DISABLED, VNVME_FAILED,
				   VNVME_DISABLED, VNVME_FAILED, VNVME_FAILED },
	};
	u32 state, event, csts;
	struct fake *f;

	for (state = 0; state < VNVME_NR_STATES; state++) {
		for (event = 0; event < VNVME_NR_EVENTS; event++) {
			f = in_state(state);
			KUNIT_ASSERT_EQ(test, f->ctrl.state, state);
			if (event == VNVME_EV_ENABLE)
				f->ctrl.cc |= CC_EN;
			if (event == VNVME_EV_DISABLE)
				f->ctrl.cc &= ~VNVME_CC_EN;
			if (event == VNVME_EV_DRAINED && f->hold) {
				f->hold = false;
				fake_run(f);
			} else {
				vnvme_ctrl_event(&f->ctrl, event);
			}
			KUNIT_EXPECT_EQ_MSG(test, f->ctrl.state, next[state][event],
					    "state %u event %u", state, event);
			csts = fake_read32(f, VNVME_REG_CSTS);
			KUNIT_EXPECT_EQ(test, !!(csts & VNVME_CSTS_CFS),
					f->ctrl.state == VNVME_FAILED);
			if (f->ctrl.state == VNVME_DISABLED)
				KUNIT_EXPECT_EQ(test, csts & VNVME_CSTS_RDY, 0);
			/* and there is a way out of it */
			f->hold = false;
			vnvme_ctrl_reset(&f->ctrl);
			fake_run(f);
			KUNIT_EXPECT_TRUE(test, vnvme_ctrl_idle(&f->ctrl));
			fake_cfg_write16(f, VNVME_PCI_COMMAND, 6);
			KUNIT_EXPECT_TRUE(test, fake_enable(f, 8, 8));
			fake_free(f);
		}
	}
}

static struct kunit_case regs_cases[] = {
	KUNIT_CASE(c08_every_state_and_event),
	KUNIT_CASE(c01_cap),
	KUNIT_CASE(c03_read_only),
	KUNIT_CASE(c04_asq_in_parts),
	KUNIT_CASE(c05_odd_accesses),
	KUNIT_CASE(c06_intms),
	KUNIT_CASE(c06_intms_and_delivery),
	KUNIT_CASE(c08_disable_keeps_aqa),
	KUNIT_CASE(c10_cannot_enable),
	KUNIT_CASE(c11_admin_sizes),
	KUNIT_CASE(c11_largest_admin_queues),
	KUNIT_CASE(c13_shutdown),
	KUNIT_CASE(c15_shutdown_any_time),
	KUNIT_CASE(c15_slow_flush),
	KUNIT_CASE(c15_shutdown_is_not_lost),
	KUNIT_CASE(c13_c99_shut_is_quiet),
	KUNIT_CASE(c16_nssr),
	KUNIT_CASE(c17_enable_toggled),
	KUNIT_CASE(c22_msix_table),
	{}
};

static struct kunit_suite regs_suite = {
	.name = "vnvme_regs",
	.test_cases = regs_cases,
};

kunit_test_suite(regs_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Virtual NVMe controller: registers");
