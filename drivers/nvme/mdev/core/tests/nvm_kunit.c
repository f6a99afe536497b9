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
		{ 2, 0, 129, 0, 1, 0, 0x400b },
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
		{ 0x0d, 0, 1, 0, 1, 0, 0x4001 },
		{ 0x18, 0, 1, 0, 1, 0, 0x4001 },
		{ 0x1a, 0, 1, 0, 1, 0, 0x4001 },
		{ 0x20, 0, 1, 0, 1, 0, 0x4001 },
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

/* 68, 116: the drive's limits are told, and the one on ranges is enforced */
static void c116_limits(struct kunit *test)
{
	struct vnvme_config cfg = { .nr_ioq = 1, .mdts = 5, .oncs = ~0,
				    .vsl = 3, .wzsl = 4, .dmrl = 255 };
	struct fake *f = fake_new_cfg(&cfg);
	struct vnvme_id_ctrl_nvm *id = fake_ptr(f, FAKE_ID);

	fake_enable(f, 8, 8);
	KUNIT_ASSERT_EQ(test, fake_create(f, 1, 1, 8), 0);
	KUNIT_ASSERT_EQ(test, fake_identify(f, 6, 0), 0);
	KUNIT_EXPECT_EQ(test, id->vsl << 16 | id->wzsl << 8 | id->dmrl, 0x304ff);
	KUNIT_EXPECT_EQ(test, dsm(f, 255, 20, 2, 4), 0);
	KUNIT_EXPECT_EQ(test, dsm(f, 256, 20, 2, 4), 0x4183);
	fake_free(f);
}

/* 68, 116: what Dataset Management may take is told and bounded, range and sum */
static void c116_dsm_sizes(struct kunit *test)
{
	struct vnvme_config cfg = { .nr_ioq = 1, .mdts = 5, .oncs = ~0,
				    .dmrsl = 100, .dmsl = 250 };
	struct fake *f = fake_new_cfg(&cfg);
	struct vnvme_id_ctrl_nvm *id = fake_ptr(f, FAKE_ID);

	fake_enable(f, 8, 8);
	KUNIT_ASSERT_EQ(test, fake_create(f, 1, 1, 8), 0);
	KUNIT_ASSERT_EQ(test, fake_identify(f, 6, 0), 0);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(id->dmrsl), 100);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(id->dmsl), 250);
	KUNIT_EXPECT_EQ(test, dsm(f, 1, 20, 100, 4), 0);
	KUNIT_EXPECT_EQ(test, dsm(f, 1, 20, 101, 4), 0x4183);
	KUNIT_EXPECT_EQ(test, dsm(f, 200, 20, 51, 4), 0);
	KUNIT_EXPECT_EQ(test, dsm(f, 200, 20, 52, 4), 0x4183);
	fake_free(f);
}

/* Copies @nr ranges of @nlb from @from, then one of @last, to @to. */
struct copy {
	u64 to, from, last;
	u32 nr, nlb, last_nlb;
	u32 cdw12;
};

static u16 copy(struct fake *f, struct copy c)
{
	struct vnvme_sqe sqe = fake_sqe(VNVME_CMD_COPY, 1);
	u64 at = FAKE_DATA + 0xfe0;	/* the first range in one page */
	struct vnvme_copy_range *r = fake_ptr(f, at);
	u32 i;

	memset(r, 0xa5, (c.nr + 1) * sizeof(*r));
	for (i = 0; i <= c.nr; i++) {
		r[i].slba = cpu_to_le64(i == c.nr ? c.last :
						    c.from + i * c.nlb);
		r[i].nlb = cpu_to_le16((i == c.nr ? c.last_nlb : c.nlb) - 1);
	}
	sqe.cdw10 = cpu_to_le32(lower_32_bits(c.to));
	sqe.cdw11 = cpu_to_le32(upper_32_bits(c.to));
	sqe.cdw12 = cpu_to_le32((c.nr & 0xff) | c.cdw12);
	sqe.prp1 = cpu_to_le64(at);
	sqe.prp2 = cpu_to_le64(FAKE_DATA + 0x1000);
	return fake_io(f, 1, &sqe);
}

static u32 *disk(struct fake *f, u64 lba)
{
	return (u32 *)(f->disk + lba * 512);
}

static const u8 all_ops[] = { 0, 1, 2, 5, 8, 9, 0x0c, 0x19 };

/* One of any opcode, that succeeds: one block, or a range of one block. */
static struct vnvme_sqe any_op(struct fake *f, u8 opcode, u64 slba)
{
	struct vnvme_sqe sqe = fake_rw(opcode, slba, 1, FAKE_DATA, 0);
	u64 *r = fake_ptr(f, FAKE_DATA);

	memcpy(r, f->disk + slba % FAKE_LBAS * 512, 512);
	if (opcode == VNVME_CMD_DSM || opcode == VNVME_CMD_COPY) {
		memset(r, 0, 32);
		r[1] = slba;
	}
	if (opcode == VNVME_CMD_DSM) {
		r[0] = 1ull << 32;
		sqe.cdw10 = 0;
		sqe.cdw11 = cpu_to_le32(4);
	}
	if (opcode == VNVME_CMD_COPY) {
		sqe.cdw10 = 0;
		sqe.cdw11 = 0;
	}
	return sqe;
}

/*
 * 55, 80, 109: whatever the backends can do, ONCS, the effects log and what is
 * done say the same, for each opcode.
 */
static void nvm_c109_c55_announced(struct kunit *test)
{
	static const struct {
		u16 oncs;
		u8 opcode;
	} bits[] = {
		{ 1 << 0, 5 }, { 1 << 2, 9 }, { 1 << 3, 8 }, { 1 << 7, 0x0c },
		{ 1 << 8, 0x19 },
	};
	struct vnvme_config cfg = { .nr_ioq = 1, .mdts = 5 };
	struct vnvme_id_ctrl *id;
	struct vnvme_sqe sqe;
	struct fake *f;
	u32 k, i, b, effect;
	bool has;

	for (k = 0; k < 1 << ARRAY_SIZE(bits); k++) {
		cfg.oncs = 0xfe72;	/* what nobody knows here */
		for (b = 0; b < ARRAY_SIZE(bits); b++)
			cfg.oncs |= k & 1 << b ? bits[b].oncs : 0;
		f = fake_new_cfg(&cfg);
		id = fake_ptr(f, FAKE_ID);
		fake_enable(f, 8, 8);
		fake_create(f, 1, 1, 8);
		fake_identify(f, 1, 0);
		KUNIT_EXPECT_EQ(test, id->oncs, (cfg.oncs & 0x18d) | 1 << 4 | 1 << 6);
		KUNIT_EXPECT_EQ(test, id->ocfs, cfg.oncs >> 8 & 1);
		KUNIT_EXPECT_EQ(test, id->fuses, 0);
		for (i = 0; i < 256; i++) {
			has = i <= 2;
			for (b = 0; b < ARRAY_SIZE(bits); b++)
				has |= bits[b].opcode == i && k & 1 << b;
			fake_get_log(f, 5, 4096, 0, true);
			effect = ((u32 *)id)[256 + i];
			KUNIT_EXPECT_EQ_MSG(test, effect & 1, has, "%u", i);
			sqe = any_op(f, i, 5);
			KUNIT_EXPECT_EQ_MSG(test, fake_io(f, 1, &sqe),
					    has ? 0 : 0x4001, "%u", i);
		}
		KUNIT_EXPECT_EQ(test, fake_dbbuf(f), 0x4001);
		KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
		fake_free(f);
	}
}

/* 110: each opcode, each kind of NSID that is not one */
static void nvm_c110_nsid(struct kunit *test)
{
	static const struct {
		u32 nsid;
		u16 status;
	} t[] = {
		{ 0, 0x400b }, { 129, 0x400b }, { ~0u, 0x400b },
		{ 0x10001, 0x400b }, { 2, 0x4002 }, { 16, 0x4002 }, { 1, 0 },
	};
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe;
	u32 i, k;

	for (i = 0; i < ARRAY_SIZE(all_ops); i++)
		for (k = 0; k < ARRAY_SIZE(t); k++) {
			sqe = any_op(f, all_ops[i], 5);
			sqe.nsid = cpu_to_le32(t[k].nsid);
			KUNIT_EXPECT_EQ_MSG(test, fake_io(f, 1, &sqe),
					    t[k].status, "%u %u", i, k);
		}
	fake_free(f);
}

/* 111, 124: no opcode leaves the namespace, also when it has shrunk meanwhile */
static void nvm_c111_c124_range(struct kunit *test)
{
	static const u64 beyond[] = {
		FAKE_LBAS, FAKE_LBAS + 1, 1ull << 32, 1ull << 63, ~0ull - 1,
		~0ull,
	};
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe;
	struct vnvme_cqe cqe;
	u32 i, k, was;

	for (i = 1; i < ARRAY_SIZE(all_ops); i++) {
		sqe = any_op(f, all_ops[i], FAKE_LBAS - 1);
		KUNIT_EXPECT_EQ_MSG(test, fake_io(f, 1, &sqe), 0, "%u", i);
		was = f->nr_submits;
		for (k = 0; k < ARRAY_SIZE(beyond); k++) {
			sqe = any_op(f, all_ops[i], beyond[k]);
			KUNIT_EXPECT_EQ_MSG(test, fake_io(f, 1, &sqe), 0x4080,
					    "%u %u", i, k);
		}
		sqe = any_op(f, all_ops[i], 100);
		f->busy = 1;
		fake_push(f, 1, &sqe);
		fake_sq_ring(f, 1);
		fake_step(f, 1, 1);
		f->ns.nlb = 100;
		fake_run(f);
		KUNIT_ASSERT_TRUE(test, fake_pop(f, 1, &cqe));
		fake_cq_ring(f, 1);
		KUNIT_EXPECT_EQ_MSG(test, cqe.status >> 1, 0x4080, "%u", i);
		f->ns.nlb = FAKE_LBAS;
		KUNIT_EXPECT_EQ_MSG(test, f->nr_submits, was, "%u", i);
	}
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* Does what the backend has lie within the namespace? */
static bool within(struct fake *f, const struct vnvme_req *req)
{
	const u64 *r = req->scratch;
	u64 slba = req->slba, nlb = req->nlb, total = 0;
	u32 i;

	if (req->opcode == VNVME_CMD_FLUSH)
		return true;
	for (i = 0; req->opcode == VNVME_CMD_DSM && i < req->nlb; i++)
		if (r[2 * i + 1] > FAKE_LBAS || (r[2 * i] >> 32) > FAKE_LBAS - r[2 * i + 1])
			return false;
	if (req->opcode == VNVME_CMD_DSM)
		return true;
	for (i = 0; req->opcode == VNVME_CMD_COPY && i < req->nlb; i++) {
		nlb = (r[4 * i + 2] & 0xffff) + 1;
		if (r[4 * i + 1] >= FAKE_LBAS || nlb > FAKE_LBAS - r[4 * i + 1])
			return false;
		total += nlb;
	}
	if (req->opcode == VNVME_CMD_COPY)
		nlb = total;
	return slba < FAKE_LBAS && nlb <= FAKE_LBAS - slba;
}

/*
 * 124: every opcode, each with a range that begins inside and ends beyond, by one block or by
 * many, and with dwords at random: nothing of it is ever beyond the namespace's end
 */
static void nvm_c124_any_opcode(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	u32 seed = 1, i, k, op, over, got[256] = { 0 };
	u64 *r = fake_ptr(f, FAKE_DATA);
	struct vnvme_sqe sqe;
	struct vnvme_cqe cqe;

	for (i = 1; i < ARRAY_SIZE(all_ops); i++)
		for (over = 1; over < 9; over++) {
			sqe = any_op(f, all_ops[i], FAKE_LBAS - 8 + over);
			if (all_ops[i] == VNVME_CMD_DSM)
				r[0] = 8ull << 32;
			else if (all_ops[i] == VNVME_CMD_COPY)
				r[2] = 7;
			else
				sqe.cdw12 = cpu_to_le32(7);
			KUNIT_EXPECT_EQ_MSG(test, fake_io(f, 1, &sqe), 0x4080, "%u %u", i, over);
			/* up to the end it is done */
			sqe.cdw10 = cpu_to_le32(all_ops[i] == VNVME_CMD_DSM ||
						all_ops[i] == VNVME_CMD_COPY ? 0 : FAKE_LBAS - 8);
			if (all_ops[i] == VNVME_CMD_COMPARE)
				memcpy(r, disk(f, FAKE_LBAS - 8), 8 * 512);
			if (!sqe.cdw10)
				r[1] = FAKE_LBAS - 8;
			KUNIT_EXPECT_EQ_MSG(test, fake_io(f, 1, &sqe), 0, "%u %u", i, over);
		}
	f->hold = true;
	for (i = 0; i < 60000; i++) {
		op = i & 255;
		sqe = fake_sqe(op, 1);
		for (k = 0; k < 64; k++) {
			seed ^= seed << 13;
			seed ^= seed >> 17;
			seed ^= seed << 5;
			/* near the end, far beyond it, small */
			r[k] = (k & 1 ? FAKE_LBAS - 24 : 0) + (seed >> 27);
			if (op == VNVME_CMD_DSM && !(k & 1))
				r[k] <<= 32;
			if (!(seed >> 8 & 15))
				r[k] = (u64)seed << 32 | seed;
		}
		sqe.cdw10 = cpu_to_le32(op == 9 ? seed >> 30 : FAKE_LBAS - 56 + (seed >> 26));
		sqe.cdw11 = cpu_to_le32(op == 9 ? 4 : seed >> 5 & 15 ? 0 : seed);
		sqe.cdw12 = cpu_to_le32(op == 0x19 ? seed >> 16 & 1 : seed >> 16 & 7);
		sqe.prp1 = cpu_to_le64(FAKE_DATA);
		sqe.prp2 = cpu_to_le64(FAKE_DATA + VNVME_PAGE_SIZE);
		fake_push(f, 1, &sqe);
		fake_sq_ring(f, 1);
		fake_run(f);
		if (f->nr_list) {
			got[op]++;
			KUNIT_ASSERT_TRUE(test, within(f, f->list[0]));
			vnvme_req_done(f->list[0], 0);
			f->nr_list = 0;
			fake_run(f);
		}
		KUNIT_ASSERT_TRUE(test, fake_pop(f, 1, &cqe));
		fake_cq_ring(f, 1);
	}
	/* and those that there are came through, the others never */
	for (i = 0; i < 256; i++) {
		for (k = 0; k < ARRAY_SIZE(all_ops) && all_ops[k] != i; k++)
			;
		if (k < ARRAY_SIZE(all_ops))
			KUNIT_EXPECT_EQ_MSG(test, got[i] > 10, 1, "%x: %u", i, got[i]);
		else
			KUNIT_EXPECT_EQ_MSG(test, got[i], 0, "%x", i);
	}
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 112: lengths and places, written, compared, read */
static void nvm_c112_lengths(struct kunit *test)
{
	static const u32 nlbs[] = { 1, 2, 7, 8, 9, 16 };
	static const u64 slbas[] = { 0, 1, 7, 4095, FAKE_LBAS - 16 };
	static const u32 offs[] = { 0, 4, 512, 4092 };
	struct fake *f = fake_ready(1);
	u8 *was = kvzalloc(FAKE_LBAS * 512, GFP_KERNEL);
	struct vnvme_sqe sqe;
	u32 n, s, o, i, len;
	u8 *p;

	for (n = 0; n < ARRAY_SIZE(nlbs); n++)
		for (s = 0; s < ARRAY_SIZE(slbas); s++)
			for (o = 0; o < ARRAY_SIZE(offs); o++) {
				len = nlbs[n] * 512;
				p = fake_ptr(f, FAKE_DATA + offs[o]);
				for (i = 0; i < len; i++)
					p[i] = i * 7 + n * 31 + s + o;
				for (i = 0; i < 3; i++)
					((u64 *)fake_ptr(f, FAKE_LIST))[i] =
						FAKE_DATA + 4096 * (i + 1);
				memcpy(was, f->disk, FAKE_LBAS * 512);
				memcpy(was + slbas[s] * 512, p, len);
				sqe = fake_rw(1, slbas[s], nlbs[n],
					      FAKE_DATA + offs[o],
					      offs[o] + len > 8192 ? FAKE_LIST :
					      FAKE_DATA + 4096);
				KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
				sqe.opcode = VNVME_CMD_COMPARE;
				KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
				memset(p, 0, len);
				sqe.opcode = VNVME_CMD_READ;
				KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
				KUNIT_EXPECT_EQ(test, memcmp(was, f->disk,
							     FAKE_LBAS * 512), 0);
				KUNIT_EXPECT_EQ(test, memcmp(was + slbas[s] * 512,
							     p, len), 0);
			}
	kvfree(was);
	fake_free(f);
}

/* 113: FUA reaches the backend, hints and what is reserved do no harm */
static void nvm_c113_fua_and_hints(struct kunit *test)
{
	static const u8 ops[] = { 1, 2, 5, 8, 0x0c, 0x19 };
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		bool dtype = ops[i] == 1 || ops[i] == 0x19;

		sqe = any_op(f, ops[i], 5);
		KUNIT_EXPECT_EQ_MSG(test, fake_io(f, 1, &sqe), 0, "%u", i);
		KUNIT_EXPECT_FALSE(test, f->last_fua);
		sqe = any_op(f, ops[i], 5);
		/* LR, FUA, PRINFO */
		sqe.cdw12 |= cpu_to_le32(0xfc000000);
		sqe.cdw13 = ~0u;
		sqe.cdw14 = ~0u;
		sqe.cdw15 = ~0u;
		sqe.mptr = ~0ull;
		KUNIT_EXPECT_EQ_MSG(test, fake_io(f, 1, &sqe), 0, "%u", i);
		KUNIT_EXPECT_TRUE(test, f->last_fua);
		sqe = any_op(f, ops[i], 5);
		sqe.cdw12 |= cpu_to_le32(8 << 20);
		KUNIT_EXPECT_EQ_MSG(test, fake_io(f, 1, &sqe),
				    dtype ? 0x4002 : 0, "%u", i);
	}
	fake_free(f);
}

/* 114: VWC says 10b: a flush of all namespaces is refused */
static void nvm_c114_flush(struct kunit *test)
{
	struct vnvme_config cfg = { .nr_ioq = 1 };
	struct vnvme_id_ctrl *id;
	struct vnvme_sqe sqe;
	struct fake *f;
	u32 vwc;

	for (vwc = 0; vwc < 2; vwc++) {
		cfg.vwc = vwc;
		f = fake_new_cfg(&cfg);
		id = fake_ptr(f, FAKE_ID);
		fake_enable(f, 8, 8);
		fake_create(f, 1, 1, 8);
		fake_identify(f, 1, 0);
		KUNIT_EXPECT_EQ(test, id->vwc, 4 | vwc);
		sqe = fake_rw(1, 8, 1, FAKE_DATA, 0);
		KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
		sqe = fake_sqe(0, ~0u);
		KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0x400b);
		KUNIT_EXPECT_EQ(test, f->durable[8], 0);
		sqe = fake_sqe(0, 1);
		KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
		KUNIT_EXPECT_EQ(test, f->durable[8], 1);
		fake_free(f);
	}
}

/* 115: no MDTS, DEAC is passed on, WZSL if there is one */
static void nvm_c115_write_zeroes(struct kunit *test)
{
	struct vnvme_config cfg = { .nr_ioq = 1, .mdts = 1, .oncs = ~0 };
	struct fake *f = fake_new_cfg(&cfg);
	struct vnvme_sqe sqe;
	u32 i;

	fake_enable(f, 8, 8);
	fake_create(f, 1, 1, 8);
	sqe = fake_rw(8, 10, 4000, 0, 0);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	for (i = 10 * 128; i < 4010 * 128; i++)
		if (disk(f, 0)[i])
			break;
	KUNIT_EXPECT_EQ(test, i, 4010 * 128);
	KUNIT_EXPECT_NE(test, disk(f, 9)[127], 0);
	KUNIT_EXPECT_NE(test, disk(f, 4010)[0], 0);
	KUNIT_EXPECT_EQ(test, f->nr_deallocate, 0);
	sqe = fake_rw(8, FAKE_LBAS - 4, 4, 0, 0);
	sqe.cdw12 |= cpu_to_le32(1 << 25);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	KUNIT_EXPECT_EQ(test, f->nr_deallocate, 1);
	KUNIT_EXPECT_EQ(test, disk(f, FAKE_LBAS - 1)[127], 0);
	sqe = fake_rw(8, FAKE_LBAS - 4, 5, 0, 0);
	sqe.cdw12 |= cpu_to_le32(1 << 25);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0x4080);
	f->ctrl.cfg.wzsl = 3;
	sqe = fake_rw(8, 0, 64, 0, 0);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	KUNIT_EXPECT_EQ(test, f->nr_deallocate, 1);
	sqe = fake_rw(8, 0, 65, 0, 0);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0x4002);
	fake_free(f);
}

/* 117, 79: equal, unequal in one bit, which the SMART log counts as a read */
static void nvm_c117_compare(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_smart_log *s = fake_ptr(f, FAKE_ID);
	struct vnvme_sqe sqe = fake_rw(5, 7, 16, FAKE_DATA, FAKE_DATA + 4096);
	u8 *p = fake_ptr(f, FAKE_DATA);

	memcpy(p, disk(f, 7), 8192);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	p[8191] ^= 1;
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe) & ~VNVME_DNR, 0x285);
	/* it changes neither */
	KUNIT_EXPECT_EQ(test, memcmp(p, disk(f, 7), 8191), 0);
	KUNIT_EXPECT_NE(test, p[8191], ((u8 *)disk(f, 7))[8191]);
	KUNIT_EXPECT_EQ(test, fake_get_log(f, 2, 512, 0, true), 0);
	KUNIT_EXPECT_EQ(test, s->host_reads[0], 1);
	KUNIT_EXPECT_EQ(test, s->data_units_read[0], 1);
	/* from memory that it must not write */
	p[8191] ^= 1;
	fake_page(f, FAKE_DATA, FAKE_RO);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	vnvme_ns_set_read_only(&f->ns, true);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	sqe = fake_rw(5, 0, 4097, FAKE_DATA, FAKE_LIST);	/* MDTS */
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0x4002);
	fake_free(f);
}

/* 117: moves nothing, not bound by MDTS but by VSL */
static void nvm_c117_verify(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe = fake_rw(0x0c, 0, FAKE_LBAS, 3, 5);
	u32 pins;

	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);	/* PRPs: unused */
	pins = f->nr_pins;
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	KUNIT_EXPECT_EQ(test, f->nr_pins, pins);
	vnvme_ns_set_read_only(&f->ns, true);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	f->status = 0x4281;
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0x4281);
	f->status = 0;
	f->ctrl.cfg.vsl = 7;
	sqe = fake_rw(0x0c, 0, 1024, 0, 0);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	sqe = fake_rw(0x0c, 0, 1025, 0, 0);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0x4002);
	fake_free(f);
}

/* Of the answer that queue 1 took last. */
static u32 last_dw0(struct fake *f)
{
	const struct fake_queue *q = &f->q[1];
	u32 at = (q->head + q->cq_depth - 1) % q->cq_depth;

	return le32_to_cpu(((struct vnvme_cqe *)fake_ptr(f, FAKE_CQ(1)))[at].dw0);
}

/* 117, 86: one range, a page of them; durable as asked for */
static void nvm_c117_copy(struct kunit *test)
{
	static const struct copy one = { .to = 5000, .last = 3, .last_nlb = 64 };
	static const struct copy many = {
		.to = 6000, .from = 100, .nr = 127, .nlb = 2,
		.last = FAKE_LBAS - 9, .last_nlb = 9, .cdw12 = 1u << 30,
	};
	struct fake *f = fake_ready(1);
	struct vnvme_id_ns *id = fake_ptr(f, FAKE_ID);

	KUNIT_EXPECT_EQ(test, fake_identify(f, 0, 1), 0);
	KUNIT_EXPECT_EQ(test, id->msrc, 127);
	KUNIT_EXPECT_EQ(test, id->mssrl, FAKE_MSSRL);
	KUNIT_EXPECT_EQ(test, id->mcl, FAKE_MCL);
	KUNIT_EXPECT_EQ(test, ((u8 *)id)[74], FAKE_MSSRL);
	KUNIT_EXPECT_EQ(test, ((u8 *)id)[80], 127);

	KUNIT_EXPECT_EQ(test, copy(f, one), 0);
	KUNIT_EXPECT_EQ(test, memcmp(disk(f, 5000), disk(f, 3), 64 * 512), 0);
	KUNIT_EXPECT_NE(test, disk(f, 5064)[0], disk(f, 67)[0]);
	KUNIT_EXPECT_EQ(test, f->durable[5000], 0);
	KUNIT_EXPECT_EQ(test, copy(f, many), 0);
	KUNIT_EXPECT_EQ(test, memcmp(disk(f, 6000), disk(f, 100), 254 * 512), 0);
	KUNIT_EXPECT_EQ(test, memcmp(disk(f, 6254), disk(f, FAKE_LBAS - 9),
				     9 * 512), 0);
	KUNIT_EXPECT_EQ(test, f->durable[6000] & f->durable[6262], 1);
	KUNIT_EXPECT_EQ(test, fake_set_feature(f, VNVME_FEAT_WCE, 0, NULL), 0);
	KUNIT_EXPECT_EQ(test, copy(f, one), 0);
	KUNIT_EXPECT_EQ(test, f->durable[5000], 1);
	/* DW0 of one that fails is the first range that was not copied */
	KUNIT_EXPECT_EQ(test, last_dw0(f), 0);
	f->status = VNVME_SC_READ_ERROR;
	KUNIT_EXPECT_EQ(test, copy(f, many), VNVME_SC_READ_ERROR);
	KUNIT_EXPECT_EQ(test, last_dw0(f), 127);
	KUNIT_EXPECT_EQ(test, copy(f, one), VNVME_SC_READ_ERROR);
	KUNIT_EXPECT_EQ(test, last_dw0(f), 0);
	f->refuse = VNVME_SC_LBA_RANGE;
	KUNIT_EXPECT_EQ(test, copy(f, many), VNVME_SC_LBA_RANGE);
	KUNIT_EXPECT_EQ(test, last_dw0(f), 0);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 117, 111, 124: each limit, each range, the destination */
static void nvm_c117_c124_copy_refused(struct kunit *test)
{
	static const struct {
		struct copy c;
		u16 status;
	} t[] = {
		{ { 0, 0, 100, 0, 0, 65 }, 0x4183 },		/* MSSRL */
		{ { 0, 0, 100, 0, 0, 65536 }, 0x4183 },
		{ { 0, 100, 100, 1, 65, 1 }, 0x4183 },
		{ { 0, 1000, 900, 15, 64, 41 }, 0x4183 },	/* MCL: 1001 */
		{ { 0, 1000, 900, 15, 64, 40 }, 0 },
		{ { 0, 100, 100, 128, 1, 1 }, 0x4183 },		/* MSRC */
		{ { 0, 100, 100, 255, 1, 1 }, 0x4183 },
		{ { 0, 0, FAKE_LBAS, 0, 0, 1 }, 0x4080 },
		{ { 0, 0, FAKE_LBAS - 7, 0, 0, 8 }, 0x4080 },
		{ { 0, 0, FAKE_LBAS - 8, 0, 0, 8 }, 0 },
		{ { 0, 0, ~0ull, 0, 0, 1 }, 0x4080 },
		{ { 0, 0, ~0ull - 6, 0, 0, 8 }, 0x4080 },
		{ { 0, 100, FAKE_LBAS, 127, 1, 1 }, 0x4080 },
		{ { 0, ~0ull, 100, 1, 1, 1 }, 0x4080 },
		{ { FAKE_LBAS, 0, 100, 0, 0, 1 }, 0x4080 },
		{ { FAKE_LBAS - 7, 0, 100, 0, 0, 8 }, 0x4080 },
		{ { FAKE_LBAS - 8, 0, 100, 0, 0, 8 }, 0 },
		{ { FAKE_LBAS - 8, 100, 100, 4, 2, 1 }, 0x4080 },
		{ { ~0ull, 0, 100, 0, 0, 1 }, 0x4080 },
		{ { ~0ull - 3, 100, 100, 4, 2, 1 }, 0x4080 },
		{ { 0, 0, 100, 0, 0, 1, 1 << 8 }, 0x4002 },	/* format */
		{ { 0, 0, 100, 0, 0, 1, 2 << 8 }, 0x4002 },
		{ { 0, 0, 100, 0, 0, 1, 15 << 8 }, 0x4002 },
		{ { 0, 0, 100, 0, 0, 1, 1 << 20 }, 0x4002 },	/* DTYPE */
		{ { 0, 0, 100, 0, 0, 1, 0xbc00f000 }, 0 },	/* LR, PRINFO */
	};
	struct fake *f = fake_ready(1);
	u32 i, was, ok = 0;

	was = f->nr_submits;
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		KUNIT_EXPECT_EQ_MSG(test, copy(f, t[i].c), t[i].status, "%u", i);
		ok += !t[i].status;
	}
	KUNIT_EXPECT_EQ(test, f->nr_submits - was, ok);
	vnvme_ns_set_read_only(&f->ns, true);
	KUNIT_EXPECT_EQ(test, copy(f, (struct copy){ 0, 0, 100, 0, 0, 1 }),
			0x4020);
	vnvme_ns_set_read_only(&f->ns, false);
	fake_page(f, FAKE_DATA + 0x1000, FAKE_ABSENT);
	KUNIT_EXPECT_EQ(test, copy(f, (struct copy){ 0, 100, 100, 1, 1, 1 }),
			0x4004);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	/* nobody may attach what the scratch page does not hold */
	vnvme_ns_detach(&f->ctrl, 1);
	f->ns.msrc = VNVME_COPY_RANGES;
	KUNIT_EXPECT_EQ(test, vnvme_ns_attach(&f->ctrl, &f->ns), -EINVAL);
	fake_free(f);
}

/* 118: FUSES is 0, so no opcode takes a FUSE */
static void nvm_c118_fused(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe;
	u32 i, fuse;

	for (i = 0; i < ARRAY_SIZE(all_ops); i++)
		for (fuse = 1; fuse <= 3; fuse++) {
			sqe = any_op(f, all_ops[i], 5);
			sqe.flags = fuse;
			KUNIT_EXPECT_EQ_MSG(test, fake_io(f, 1, &sqe), 0x4002,
					    "%u", i);
		}
	KUNIT_EXPECT_EQ(test, f->nr_submits, 0);
	fake_free(f);
}

/* 119: what the backend promises; a command is one to the backend */
static void nvm_c119_atomicity(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_id_ctrl *id = fake_ptr(f, FAKE_ID);
	struct vnvme_id_ns *ns = fake_ptr(f, FAKE_ID);
	struct vnvme_sqe sqe = fake_rw(1, 0, 4096, FAKE_DATA, FAKE_LIST);
	struct vnvme_ns two;
	u32 i;

	/* 32 KiB and 16 KiB, in blocks of 512 bytes and of 4 KiB */
	f->ns.awun = 63;
	f->ns.awupf = 31;
	two = f->ns;
	two.nsid = 2;
	two.lba_shift = 12;
	two.awun = 7;
	two.awupf = 3;
	vnvme_ns_attach(&f->ctrl, &two);
	KUNIT_EXPECT_EQ(test, fake_identify(f, 1, 0), 0);
	/* of any namespace that may still come */
	KUNIT_EXPECT_EQ(test, id->awun, 0);
	KUNIT_EXPECT_EQ(test, id->awupf, 0);
	for (i = 1; i <= 2; i++) {
		KUNIT_EXPECT_EQ(test, fake_identify(f, 0, i), 0);
		KUNIT_EXPECT_EQ(test, ns->nsfeat, 2);
		KUNIT_EXPECT_EQ(test, (((u8 *)ns)[34] + 1) << (ns->lbaf[0] >> 16), 32768);
		KUNIT_EXPECT_EQ(test, (((u8 *)ns)[36] + 1) << (ns->lbaf[0] >> 16), 16384);
		KUNIT_EXPECT_EQ(test, ns->nacwu, 0);
	}
	for (i = 0; i < 511; i++)
		((u64 *)fake_ptr(f, FAKE_LIST))[i] = FAKE_DATA;
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	KUNIT_EXPECT_EQ(test, f->nr_submits, 1);
	fake_free(f);
}

/* 119: one write of the backing's, whole, however its memory is found and whatever is lost */
static void c119_never_torn(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_id_ns *ns = fake_ptr(f, FAKE_ID);
	struct vnvme_sqe sqe = fake_rw(1, 0, 1024, FAKE_DATA, FAKE_LIST);
	struct vnvme_req *req;
	struct vnvme_cqe cqe;
	u32 i, k, bytes;

	/* no boundary that it would not hold across */
	KUNIT_EXPECT_EQ(test, fake_identify(f, 0, 1), 0);
	for (i = 40; i < 46; i++)
		KUNIT_EXPECT_EQ(test, ((u8 *)ns)[i], 0);	/* NABSN, NABO, NABSPF */
	for (i = 0; i < 511; i++)
		((__le64 *)fake_ptr(f, FAKE_LIST))[i] = cpu_to_le64(FAKE_DATA + i % 400 * 4096);
	for (i = 0; i < 3; i++) {
		/* pages that are missing, each time another one */
		fake_unpin(f, FAKE_DATA + i * 4096, 8 * 4096);
		f->hold = true;
		f->nr_submits = 0;
		f->lossy = i;
		f->loss = VNVME_LOSS_OTHERS;
		f->busy = i;
		fake_push(f, 1, &sqe);
		fake_sq_ring(f, 1);
		fake_run(f);
		while (f->busy)
			fake_step(f, 1, 16);
		fake_run(f);
		for (;;) {
			KUNIT_ASSERT_EQ(test, f->nr_list, 1);
			req = f->list[0];
			for (bytes = 0, k = 0; k < req->nr_segs; k++)
				bytes += req->segs[k].len;
			KUNIT_EXPECT_EQ(test, bytes, 1024 * 512);
			KUNIT_EXPECT_EQ(test, req->nlb, 1024);
			if (!f->lossy)
				break;
			f->hold = false;
			fake_step(f, 1, 16);
			f->hold = true;
			fake_run(f);
		}
		f->hold = false;
		fake_run(f);
		KUNIT_ASSERT_TRUE(test, fake_pop(f, 1, &cqe));
		fake_cq_ring(f, 1);
		KUNIT_EXPECT_EQ(test, cqe.status >> 1, 0);
		KUNIT_EXPECT_EQ(test, f->nr_submits, i + 1);
	}
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 121, 27, 103: read-only namespaces and pages, holes, limits */
static void c121_read_only(struct kunit *test)
{
	static const u8 changes[] = { 1, 8, 0x19 };
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe;
	u32 i;

	vnvme_ns_set_read_only(&f->ns, true);
	for (i = 0; i < ARRAY_SIZE(changes); i++) {
		sqe = any_op(f, changes[i], 0);
		KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0x4020);
	}
	KUNIT_EXPECT_EQ(test, dsm(f, 1, 0, 1, 4), 0x4020);
	sqe = fake_rw(2, 0, 1, FAKE_DATA, 0);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	vnvme_ns_set_read_only(&f->ns, false);
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

/*
 * 35, 124, rule 1: the same of PRP lists and of ranges, once the backend has the command: not
 * what the guest makes of them afterwards is carried out, but what was checked
 */
static void r01_lists_and_ranges(struct kunit *test)
{
	static const u8 ops[] = { 1, 2, 5, 9, 0x19 };
	struct fake *f = fake_ready(1);
	__le64 *list = fake_ptr(f, FAKE_LIST);
	u8 *data = fake_ptr(f, FAKE_DATA);
	struct vnvme_sqe sqe;
	struct vnvme_cqe cqe;
	u32 i, k;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		memset(data, 0x11 + i, 4 * VNVME_PAGE_SIZE);
		memset(data + 8 * VNVME_PAGE_SIZE, 0xee, 4 * VNVME_PAGE_SIZE);
		for (k = 0; k < 3; k++)
			list[k] = cpu_to_le64(FAKE_DATA + (k + 1) * VNVME_PAGE_SIZE);
		if (ops[i] == VNVME_CMD_DSM || ops[i] == VNVME_CMD_COPY) {
			sqe = any_op(f, ops[i], 100);
		} else {
			sqe = fake_rw(ops[i], 200, 32, FAKE_DATA, FAKE_LIST);
			if (ops[i] == VNVME_CMD_COMPARE)
				memcpy(f->disk + 200 * 512, data, 32 * 512);
		}
		if (ops[i] == VNVME_CMD_COPY)
			sqe.cdw10 = cpu_to_le32(300);
		f->hold = true;
		f->nr_submits = 0;
		fake_push(f, 1, &sqe);
		fake_sq_ring(f, 1);
		fake_run(f);
		KUNIT_ASSERT_EQ(test, f->nr_submits, 1);
		/* the entry, the list to other pages and to none, the ranges to other blocks */
		memset(fake_ptr(f, FAKE_SQ(1)), 0xff, 16 * sizeof(sqe));
		list[0] = cpu_to_le64(FAKE_DATA + 8 * VNVME_PAGE_SIZE);
		list[1] = ~0ull;
		list[2] = cpu_to_le64(1ull << 40);
		if (ops[i] == VNVME_CMD_DSM || ops[i] == VNVME_CMD_COPY) {
			((__le64 *)data)[0] = cpu_to_le64(5ull << 32);
			((__le64 *)data)[1] = cpu_to_le64(500);
			((__le64 *)data)[2] = cpu_to_le64(0xffff);
		}
		memset(disk(f, 500), 0x77, 512);
		memcpy(disk(f, 300), disk(f, 0), 512);
		f->hold = false;
		fake_run(f);
		KUNIT_ASSERT_TRUE(test, fake_pop(f, 1, &cqe));
		fake_cq_ring(f, 1);
		KUNIT_EXPECT_EQ(test, cqe.status >> 1, 0);
		KUNIT_EXPECT_EQ(test, cqe.cid, sqe.cid);
		KUNIT_EXPECT_EQ(test, data[8 * VNVME_PAGE_SIZE], 0xee);
		KUNIT_EXPECT_EQ(test, *disk(f, 500), 0x77777777);
		if (ops[i] == 9)
			KUNIT_EXPECT_EQ(test, *disk(f, 100), 0);
		else if (ops[i] == 0x19)
			KUNIT_EXPECT_EQ(test, memcmp(disk(f, 300), disk(f, 100), 512), 0);
		else
			KUNIT_EXPECT_EQ(test, memcmp(disk(f, 200), data, 32 * 512), 0);
	}
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 104: memory is only memory: a page that is there more than once, lists, rings */
static void c104_any_memory(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	__le64 *list = fake_ptr(f, FAKE_LIST);
	u8 *data = fake_ptr(f, FAKE_DATA);
	struct vnvme_sqe sqe;
	u32 i, before;

	/* each block of a page for three pages of disk: the last one stays */
	list[0] = cpu_to_le64(FAKE_DATA);
	list[1] = cpu_to_le64(FAKE_DATA);
	sqe = fake_rw(VNVME_CMD_READ, 10, 24, FAKE_DATA, FAKE_LIST);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	KUNIT_EXPECT_EQ(test, memcmp(data, disk(f, 26), VNVME_PAGE_SIZE), 0);
	/* and written from there: three times the same */
	sqe = fake_rw(VNVME_CMD_WRITE, 100, 24, FAKE_DATA, FAKE_LIST);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, memcmp(data, disk(f, 100 + 8 * i), VNVME_PAGE_SIZE), 0);
	/* two commands at once, of which one reads what the other writes to: each ends */
	for (i = 0; i < 4; i++) {
		sqe = fake_rw(i & 1 ? VNVME_CMD_READ : VNVME_CMD_WRITE, 40 + 16 * i, 16,
			      FAKE_DATA + 2048, FAKE_DATA + VNVME_PAGE_SIZE);
		sqe.prp2 = cpu_to_le64(FAKE_LIST);
		list[0] = cpu_to_le64(FAKE_DATA + VNVME_PAGE_SIZE);
		list[1] = cpu_to_le64(FAKE_DATA);
		fake_push(f, 1, &sqe);
	}
	fake_sq_ring(f, 1);
	fake_run(f);
	for (i = 0; i < 4; i++) {
		struct vnvme_cqe cqe;

		KUNIT_ASSERT_TRUE(test, fake_pop(f, 1, &cqe));
		KUNIT_EXPECT_EQ(test, cqe.status >> 1, 0);
	}
	fake_cq_ring(f, 1);
	/* a list that ends with the last eight bytes of the guest's memory, and describes itself */
	list = fake_ptr(f, FAKE_RAM - 16);
	for (i = 0; i < 2; i++) {
		list[0] = cpu_to_le64(FAKE_DATA + VNVME_PAGE_SIZE);
		list[1] = cpu_to_le64(FAKE_RAM - VNVME_PAGE_SIZE);
		sqe = fake_rw(i ? VNVME_CMD_READ : VNVME_CMD_WRITE, 400, 24, FAKE_DATA,
			      FAKE_RAM - 16);
		KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
		KUNIT_EXPECT_EQ(test, memcmp(fake_ptr(f, FAKE_RAM - VNVME_PAGE_SIZE), disk(f, 416),
					     VNVME_PAGE_SIZE), 0);
	}
	/* one entry more, and there is nothing where it would lead to */
	list[1] = cpu_to_le64(FAKE_RAM);
	sqe = fake_rw(VNVME_CMD_READ, 400, 32, FAKE_DATA, FAKE_RAM - 16);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0x4004);
	/* the ring that it stands in, and the one that its answer goes to */
	before = f->q[1].tail;
	memset(disk(f, 600), 0, 16 * 512);
	sqe = fake_rw(VNVME_CMD_READ, 600, 8, FAKE_SQ(1), 0);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	KUNIT_EXPECT_EQ(test, *(u64 *)fake_ptr(f, FAKE_SQ(1) + 64 * before), 0);
	f->hold = true;
	sqe = fake_rw(VNVME_CMD_READ, 600, 8, FAKE_CQ(1), 0);
	fake_push(f, 1, &sqe);
	fake_sq_ring(f, 1);
	fake_run(f);
	f->hold = false;
	fake_run(f);
	/* the guest may have spoilt its own answers; the controller goes on */
	KUNIT_EXPECT_EQ(test, f->ctrl.state, VNVME_READY);
	KUNIT_EXPECT_EQ(test, fake_identify(f, 1, 0), 0);
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

/* 120: what only a drive with paths, reservations, keys and the like may say */
static void c120_foreign_status(struct kunit *test)
{
	static const u16 same[] = {
		0x000, 0x4001, 0x4002, 0x004, 0x006, 0x4006, 0x007, 0x4020, 0x021,
		0x4080, 0x4081, 0x082, 0x4180, 0x4182, 0x4183, 0x4280, 0x281,
		0x4281, 0x4285, 0x4286,
	};
	static const struct { u16 drive, guest; } other[] = {
		/* paths, ANA, the host's own */
		{ 0x300, 0x082 }, { 0x4301, 0x4082 }, { 0x302, 0x082 },
		{ 0x303, 0x082 }, { 0x360, 0x082 }, { 0x4370, 0x082 },
		{ 0x371, 0x082 }, { 0x022, 0x082 },
		/* format, sanitize */
		{ 0x4084, 0x082 }, { 0x01d, 0x082 }, { 0x401c, 0x4006 },
		/* reservations, fused, SGLs, host identifier, Keep Alive */
		{ 0x4083, 0x4015 }, { 0x009, 0x006 }, { 0x400a, 0x4006 },
		{ 0x400d, 0x4006 }, { 0x018, 0x006 }, { 0x401b, 0x4006 },
		/* protection information, zones, keys, vendors, admin commands */
		{ 0x4282, 0x4281 }, { 0x287, 0x281 }, { 0x41b8, 0x4006 },
		{ 0x4086, 0x4006 }, { 0x40c0, 0x4006 }, { 0x47ff, 0x4006 },
		{ 0x4108, 0x4006 }, { 0x4400, 0x4006 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(same); i++)
		KUNIT_EXPECT_EQ(test, vnvme_nvm_status(same[i]), same[i]);
	for (i = 0; i < ARRAY_SIZE(other); i++)
		KUNIT_EXPECT_EQ(test, vnvme_nvm_status(other[i].drive),
				other[i].guest);
	for (i = 0; i < 0x800; i++)
		KUNIT_EXPECT_NE(test, VNVME_SCT(vnvme_nvm_status(i)), 3);
}

static struct kunit_case nvm_cases[] = {
	KUNIT_CASE(c109_one_command),
	KUNIT_CASE(c101_mdts),
	KUNIT_CASE(c86_durable),
	KUNIT_CASE(c116_dsm),
	KUNIT_CASE(c116_limits),
	KUNIT_CASE(c116_dsm_sizes),
	KUNIT_CASE(nvm_c109_c55_announced),
	KUNIT_CASE(nvm_c110_nsid),
	KUNIT_CASE(nvm_c111_c124_range),
	KUNIT_CASE(nvm_c124_any_opcode),
	KUNIT_CASE(nvm_c112_lengths),
	KUNIT_CASE(nvm_c113_fua_and_hints),
	KUNIT_CASE(nvm_c114_flush),
	KUNIT_CASE(nvm_c115_write_zeroes),
	KUNIT_CASE(nvm_c117_compare),
	KUNIT_CASE(nvm_c117_verify),
	KUNIT_CASE(nvm_c117_copy),
	KUNIT_CASE(nvm_c117_c124_copy_refused),
	KUNIT_CASE(nvm_c118_fused),
	KUNIT_CASE(nvm_c119_atomicity),
	KUNIT_CASE(c119_never_torn),
	KUNIT_CASE(c121_read_only),
	KUNIT_CASE(r01_read_once),
	KUNIT_CASE(r01_lists_and_ranges),
	KUNIT_CASE(c104_any_memory),
	KUNIT_CASE(c120_backing_errors),
	KUNIT_CASE(c120_foreign_status),
	{}
};

static struct kunit_suite nvm_suite = {
	.name = "vnvme_nvm",
	.test_cases = nvm_cases,
};

kunit_test_suite(nvm_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Virtual NVMe controller: NVM command set");
