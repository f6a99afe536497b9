// SPDX-License-Identifier: GPL-2.0
/* Admin commands: queues, Abort, events, Doorbell Buffer Config */
#include <kunit/test.h>
#include <linux/module.h>

#include "fake.h"

/* 41 to 49 */
static void c42_create_and_delete(struct kunit *test)
{
	static const struct {
		u8 opcode;
		u16 id;
		u32 depth;
		u64 base;
		u32 cdw11;
		u16 status;
	} t[] = {
		{ 5, 0, 16, FAKE_CQ(2), 3, 0x4101 },
		{ 5, 1, 16, FAKE_CQ(2), 3, 0x4101 },	/* exists */
		{ 5, 5, 16, FAKE_CQ(2), 3, 0x4101 },
		{ 5, 0xffff, 16, FAKE_CQ(2), 3, 0x4101 },
		{ 5, 2, 1, FAKE_CQ(2), 3, 0x4102 },
		{ 5, 2, 16, FAKE_CQ(2) + 8, 3, 0x4013 },
		{ 5, 2, 16, 1ull << 40, 3, 0x4004 },
		{ 5, 2, 32768, FAKE_RAM - 4096, 3, 0x4004 },
		{ 5, 2, 32769, FAKE_CQ(2), 3, 0x4102 },
		{ 5, 2, 65536, FAKE_CQ(2), 3, 0x4102 },
		{ 5, 2, 32768, ~0ull << 12, 3, 0x4004 },
		{ 5, 2, 16, FAKE_CQ(2), 2, 0x4002 },	/* 41: PC = 0 */
		{ 5, 2, 16, FAKE_CQ(2), 5 << 16 | 3, 0x4108 },
		{ 1, 2, 16, FAKE_SQ(2), 2 << 16 | 1, 0x4100 },
		{ 5, 2, 16, FAKE_CQ(2), 4 << 16 | 3, 0 },
		{ 1, 0, 16, FAKE_SQ(2), 2 << 16 | 1, 0x4101 },
		{ 1, 1, 16, FAKE_SQ(2), 2 << 16 | 1, 0x4101 },
		{ 1, 5, 16, FAKE_SQ(2), 2 << 16 | 1, 0x4101 },
		{ 1, 2, 16, FAKE_SQ(2), 0 << 16 | 1, 0x4101 },
		{ 1, 2, 16, FAKE_SQ(2), 5 << 16 | 1, 0x4101 },
		{ 1, 2, 1, FAKE_SQ(2), 2 << 16 | 1, 0x4102 },
		{ 1, 2, 32769, FAKE_SQ(2), 2 << 16 | 1, 0x4102 },
		{ 1, 2, 16, FAKE_SQ(2) + 4, 2 << 16 | 1, 0x4013 },
		{ 1, 2, 16, FAKE_SQ(2), 2 << 16, 0x4002 },
		{ 1, 2, 16, FAKE_SQ(2), 2 << 16 | 7, 0 },	/* QPRIO */
		{ 4, 2, 1, 0, 0, 0x410c },
		{ 4, 0, 1, 0, 0, 0x4101 },
		{ 4, 3, 1, 0, 0, 0x4101 },
		{ 0, 0, 1, 0, 0, 0x4101 },
		{ 0, 3, 1, 0, 0, 0x4101 },
		{ 0, 2, 1, 0, 0, 0 },
		{ 0, 2, 1, 0, 0, 0x4101 },
		{ 4, 2, 1, 0, 0, 0 },
		{ 4, 2, 1, 0, 0, 0x4101 },
	};
	struct fake *f = fake_ready(4);
	struct vnvme_sqe sqe;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		sqe = fake_sqe(t[i].opcode, 0);
		sqe.cdw10 = cpu_to_le32((t[i].depth - 1) << 16 | t[i].id);
		sqe.cdw11 = cpu_to_le32(t[i].cdw11);
		sqe.prp1 = cpu_to_le64(t[i].base);
		KUNIT_EXPECT_EQ_MSG(test, fake_admin(f, &sqe, NULL),
				    t[i].status, "%u", i);
	}
	fake_page(f, FAKE_CQ(2), FAKE_NOMEM);
	sqe = fake_create_cq_sqe(2, FAKE_CQ(2), 16, 0);
	KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, NULL), 0x0004);
	fake_free(f);
}

/* 45, 87: a vector other than 0 where the pin is what there is, and nowhere else */
static void c45_vector_of_the_pin(struct kunit *test)
{
	struct fake *f = fake_ready(3);
	u32 msix = fake_cfg_read32(f, VNVME_PCI_CAP_MSIX), vector, how, want;
	struct vnvme_sqe sqe;

	for (how = 0; how < 8; how++)
		for (vector = 0; vector <= 4; vector++) {
			/* what the VMM has set up, MSI-X, interrupts of this queue */
			f->pin_used = how & 1;
			fake_cfg_write32(f, VNVME_PCI_CAP_MSIX,
					 how & 2 ? msix | VNVME_PCI_MSIX_ENABLE : msix);
			sqe = fake_create_cq_sqe(2, FAKE_CQ(2), 16, vector);
			if (how & 4)
				sqe.cdw11 &= ~cpu_to_le32(2);
			want = vector > 3 || (how == 1 && vector) ? 0x4108 : 0;
			KUNIT_EXPECT_EQ_MSG(test, fake_admin(f, &sqe, NULL), want, "%u %u", how,
					    vector);
			if (want)
				continue;
			/* it can be configured while it is in use; 0 always is */
			KUNIT_EXPECT_EQ(test, fake_set_feature(f, VNVME_FEAT_VECTOR,
							       1 << 16 | vector, NULL), 0);
			KUNIT_EXPECT_EQ(test, fake_delete_cq(f, 2), 0);
			KUNIT_EXPECT_EQ_MSG(test, fake_set_feature(f, VNVME_FEAT_VECTOR,
								   1 << 16 | vector, NULL),
					    vector < 2 ? 0 : 0x4002, "%u", vector);
		}
	fake_free(f);
}

/* 50: a Delete waits for what was fetched, and for nothing else */
static void c50_delete_waits(struct kunit *test)
{
	struct fake *f = fake_ready(2);
	struct vnvme_sqe sqe;
	struct vnvme_cqe cqe;
	u32 i;

	f->hold = true;
	for (i = 0; i < 5; i++) {
		sqe = fake_rw(2, 0, 1, FAKE_DATA, 0);
		fake_push(f, 1, &sqe);
	}
	fake_sq_ring(f, 1);
	fake_run(f);
	sqe = fake_sqe(VNVME_ADM_DELETE_SQ, 0);
	sqe.cdw10 = cpu_to_le32(1);
	fake_push(f, 0, &sqe);
	fake_sq_ring(f, 0);
	fake_run(f);
	KUNIT_EXPECT_FALSE(test, fake_peek(f, 0, &cqe));
	/* others go on; the queue cannot be made again nor deleted twice */
	KUNIT_EXPECT_EQ(test, fake_identify(f, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, fake_delete_cq(f, 1), 0x410c);
	KUNIT_EXPECT_EQ(test, fake_delete_sq(f, 1), 0x4101);
	sqe = fake_create_sq_sqe(1, FAKE_SQ(1), 16, 1);
	KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, NULL), 0x4101);
	f->hold = false;
	fake_run(f);
	for (i = 0; i < 5; i++)
		KUNIT_EXPECT_TRUE(test, fake_pop(f, 1, &cqe));
	KUNIT_EXPECT_TRUE(test, fake_pop(f, 0, &cqe));
	KUNIT_EXPECT_EQ(test, cqe.status >> 1, 0);
	fake_cq_ring(f, 0);
	KUNIT_EXPECT_EQ(test, fake_delete_cq(f, 1), 0);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 53, 54, 56, 62 */
static void c53_opcodes(struct kunit *test)
{
	static const u8 known[] = { 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 0x7c };
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe;
	u32 i, k;
	bool is;

	for (i = 0; i < 256; i++) {
		for (is = false, k = 0; k < ARRAY_SIZE(known); k++)
			is |= known[k] == i;
		sqe = fake_sqe(i, 0);
		if (!is)
			KUNIT_EXPECT_EQ_MSG(test, fake_admin(f, &sqe, NULL),
					    0x4001, "%x", i);
		sqe.flags = 1;
		KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, NULL),
				is ? 0x4002 : 0x4001);
		sqe.flags = 0x80;
		KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, NULL),
				is ? 0x4002 : 0x4001);
	}
	KUNIT_EXPECT_EQ(test, f->nr_submits, 0);
	fake_free(f);
}

/* 58: one that is not there */
static void c58_abort(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe = fake_sqe(VNVME_ADM_ABORT, 0);
	u32 dw0 = 0;

	sqe.cdw10 = cpu_to_le32(77u << 16 | 9);
	KUNIT_EXPECT_EQ(test, fake_admin(f, &sqe, &dw0), 0);
	KUNIT_EXPECT_EQ(test, dw0, 1);
	fake_free(f);
}

static void push_abort(struct fake *f, u16 sqid, u16 cid)
{
	struct vnvme_sqe sqe = fake_sqe(VNVME_ADM_ABORT, 0);

	sqe.cdw10 = cpu_to_le32((u32)cid << 16 | sqid);
	fake_push(f, 0, &sqe);
	fake_sq_ring(f, 0);
	fake_run(f);
}

static void expect_answer(struct kunit *test, struct fake *f, u16 cqid,
			  u16 status, u32 dw0)
{
	struct vnvme_cqe cqe;

	KUNIT_ASSERT_TRUE(test, fake_pop(f, cqid, &cqe));
	KUNIT_EXPECT_EQ(test, cqe.status >> 1, status);
	KUNIT_EXPECT_EQ(test, cqe.dw0, dw0);
	fake_cq_ring(f, cqid);
}

/* 58: what waits to be submitted is aborted, and answered first */
static void c58_abort_of_waiting(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe;
	struct vnvme_cqe cqe;
	u16 cid = 0;
	u32 i;

	f->busy = ~0u;
	for (i = 0; i < 3; i++) {
		sqe = fake_rw(2, 0, 1, FAKE_DATA, 0);
		if (!i)
			cid = le16_to_cpu(sqe.cid);
		fake_push(f, 1, &sqe);
	}
	fake_sq_ring(f, 1);
	fake_run(f);
	/* the first waits; those behind it were not fetched */
	push_abort(f, 1, cid);
	expect_answer(test, f, 1, 0x007, 0);
	expect_answer(test, f, 0, 0, 0);
	f->busy = 0;
	f->kicked = true;
	fake_run(f);
	expect_answer(test, f, 1, 0, 0);
	expect_answer(test, f, 1, 0, 0);
	KUNIT_EXPECT_FALSE(test, fake_peek(f, 1, &cqe));
	/* what the backend has is not, and is answered once */
	f->hold = true;
	sqe = fake_rw(2, 0, 1, FAKE_DATA, 0);
	fake_push(f, 1, &sqe);
	fake_sq_ring(f, 1);
	fake_run(f);
	push_abort(f, 1, le16_to_cpu(sqe.cid));
	expect_answer(test, f, 0, 0, 1);
	f->hold = false;
	fake_run(f);
	expect_answer(test, f, 1, 0, 0);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* Reads with CIDs @from to @to, which the backend holds. */
static void push_held(struct fake *f, u16 from, u16 to)
{
	struct vnvme_sqe sqe = fake_rw(VNVME_CMD_READ, 0, 1, FAKE_DATA, 0);

	f->hold = true;
	for (; from <= to; from++) {
		sqe.cid = cpu_to_le16(from);
		fake_push(f, 1, &sqe);
	}
	fake_sq_ring(f, 1);
	fake_run(f);
}

/* The backend ends what it was last asked to abort. */
static void end_aborted(struct fake *f, u16 status)
{
	u32 i, k = 0;

	for (i = 0; i < f->nr_list; i++)
		if (f->list[i] != f->abort_req)
			f->list[k++] = f->list[i];
	f->nr_list = k;
	vnvme_req_done(f->abort_req, status);
	fake_run(f);
}

/* The answer of an Abort: DW0, or -1 for none, or its status. */
static s64 abort_answer(struct fake *f)
{
	struct vnvme_cqe cqe;

	if (!fake_pop(f, 0, &cqe))
		return -1;
	fake_cq_ring(f, 0);
	return le16_to_cpu(cqe.status) >> 1 ?: le32_to_cpu(cqe.dw0);
}

static s64 io_answer(struct fake *f)
{
	struct vnvme_cqe cqe;

	if (!fake_pop(f, 1, &cqe))
		return -1;
	fake_cq_ring(f, 1);
	return le16_to_cpu(cqe.status) >> 1;
}

/* 58: a backend that has it is asked; the answer says what became of it, and comes after it */
static void c58_abort_of_submitted(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	u32 token;

	push_held(f, 1, 8);
	push_abort(f, 1, 1);
	KUNIT_EXPECT_EQ(test, abort_answer(f), 1);
	f->aborts = true;
	push_abort(f, 1, 99);
	KUNIT_EXPECT_EQ(test, abort_answer(f), 1);

	push_abort(f, 1, 1);
	KUNIT_EXPECT_EQ(test, abort_answer(f), -1);
	/* others go on meanwhile, the same one again is not aborted twice */
	KUNIT_EXPECT_EQ(test, fake_identify(f, 1, 0), 0);
	token = f->abort_token;
	push_abort(f, 1, 1);
	KUNIT_EXPECT_EQ(test, abort_answer(f), 1);
	KUNIT_EXPECT_EQ(test, f->abort_token, token);
	end_aborted(f, VNVME_SC_ABORT_REQUESTED);
	KUNIT_EXPECT_EQ(test, io_answer(f), VNVME_SC_ABORT_REQUESTED);
	KUNIT_EXPECT_EQ(test, abort_answer(f), 0);
	/* what is late is nobody's */
	vnvme_abort_refused(&f->ctrl, token);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, abort_answer(f), -1);

	/* it ended by itself */
	push_abort(f, 1, 2);
	end_aborted(f, 0);
	KUNIT_EXPECT_EQ(test, io_answer(f), 0);
	KUNIT_EXPECT_EQ(test, abort_answer(f), 1);

	/* refused: it goes on, and its end is answered as ever */
	push_abort(f, 1, 3);
	vnvme_abort_refused(&f->ctrl, f->abort_token);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, abort_answer(f), 1);
	end_aborted(f, 0);
	KUNIT_EXPECT_EQ(test, io_answer(f), 0);
	KUNIT_EXPECT_EQ(test, abort_answer(f), -1);
	KUNIT_EXPECT_EQ(test, f->ctrl.lane[1].aborts, 0);

	/* lost in a reset of the drive: then it is not done again */
	push_abort(f, 1, 4);
	vnvme_req_requeue(f->abort_req, VNVME_LOSS_OTHERS, 5);
	f->nr_list--;
	memmove(f->list, f->list + 1, f->nr_list * sizeof(*f->list));
	fake_run(f);
	KUNIT_EXPECT_EQ(test, io_answer(f), VNVME_SC_ABORT_REQUESTED);
	KUNIT_EXPECT_EQ(test, abort_answer(f), 0);
	f->hold = false;
	fake_run(f);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

/* 58: ACL + 1 at once; a reset forgets them */
static void c58_abort_limit(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	u32 i;

	f->aborts = true;
	push_held(f, 1, 8);
	for (i = 1; i <= 4; i++) {
		push_abort(f, 1, i);
		KUNIT_EXPECT_EQ(test, abort_answer(f), -1);
	}
	push_abort(f, 1, 5);
	KUNIT_EXPECT_EQ(test, abort_answer(f), VNVME_SC_ABORT_LIMIT);
	/* without bus mastering the answer waits */
	fake_cfg_write16(f, VNVME_PCI_COMMAND, 2);
	vnvme_abort_refused(&f->ctrl, f->abort_token);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, abort_answer(f), -1);
	fake_cfg_write16(f, VNVME_PCI_COMMAND, 6);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, abort_answer(f), 1);
	push_abort(f, 1, 5);
	KUNIT_EXPECT_EQ(test, abort_answer(f), -1);
	fake_write32(f, VNVME_REG_CC, 0);
	fake_run(f);
	KUNIT_EXPECT_FALSE(test, vnvme_ctrl_idle(&f->ctrl));
	f->hold = false;
	fake_run(f);
	KUNIT_EXPECT_TRUE(test, vnvme_ctrl_idle(&f->ctrl));
	KUNIT_ASSERT_TRUE(test, fake_enable(f, 32, 32));
	vnvme_abort_refused(&f->ctrl, f->abort_token);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, abort_answer(f), -1);
	KUNIT_EXPECT_EQ(test, f->ctrl.lane[1].aborts, 0);
	fake_free(f);
}

/* 58, 59: so is an Asynchronous Event Request, and its place is free again */
static void c58_abort_of_aer(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe;
	u32 i, cid = FAKE_CIDS;

	for (i = 0; i <= VNVME_AERL; i++) {
		sqe = fake_sqe(VNVME_ADM_AER, 0);
		fake_push(f, 0, &sqe);
	}
	fake_sq_ring(f, 0);
	fake_run(f);
	for (i = 0; i < FAKE_CIDS; i++)
		if (f->q[0].waiting[i])
			cid = i;
	KUNIT_ASSERT_TRUE(test, cid < FAKE_CIDS);
	push_abort(f, 0, cid);
	expect_answer(test, f, 0, 0x007, 0);
	expect_answer(test, f, 0, 0, 0);
	push_abort(f, 0, cid);
	expect_answer(test, f, 0, 0, 1);
	KUNIT_EXPECT_EQ(test, f->ctrl.nr_aer, VNVME_AERL);
	sqe = fake_sqe(VNVME_ADM_AER, 0);
	fake_push(f, 0, &sqe);
	fake_sq_ring(f, 0);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, f->ctrl.nr_aer, VNVME_AERL + 1);
	KUNIT_EXPECT_EQ(test, f->nr_bad, 0);
	fake_free(f);
}

static void push_aer(struct fake *f, u32 n)
{
	struct vnvme_sqe sqe;

	while (n--) {
		sqe = fake_sqe(VNVME_ADM_AER, 0);
		fake_push(f, 0, &sqe);
	}
	fake_sq_ring(f, 0);
	fake_run(f);
}

static u32 take_aer(struct fake *f)
{
	struct vnvme_cqe cqe;

	fake_run(f);
	if (!fake_pop(f, 0, &cqe))
		return ~0u;
	fake_cq_ring(f, 0);
	return le32_to_cpu(cqe.dw0) | (u32)(cqe.status >> 1) << 24;
}

/* 59 */
static void c59_aer_limit(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_cqe cqe;

	push_aer(f, 4);
	KUNIT_EXPECT_FALSE(test, fake_peek(f, 0, &cqe));
	push_aer(f, 1);
	KUNIT_EXPECT_TRUE(test, fake_pop(f, 0, &cqe));
	KUNIT_EXPECT_EQ(test, cqe.status >> 1, 0x4105);
	fake_cq_ring(f, 0);
	/* they get no answer at CC.EN = 0, and work again afterwards */
	fake_write32(f, VNVME_REG_CC, 0);
	KUNIT_EXPECT_FALSE(test, fake_peek(f, 0, &cqe));
	KUNIT_EXPECT_TRUE(test, fake_enable(f, 8, 8));
	push_aer(f, 4);
	KUNIT_EXPECT_FALSE(test, fake_peek(f, 0, &cqe));
	vnvme_aen_raise(&f->ctrl, VNVME_AEN_DB_VALUE);
	KUNIT_EXPECT_EQ(test, take_aer(f), 0x010100);
	fake_free(f);
}

/* 60, 61, 77: masking, queueing before a request, RAE */
static void c60_aer_masking(struct kunit *test)
{
	struct fake *f = fake_ready(1);

	vnvme_aen_raise(&f->ctrl, VNVME_AEN_DB_VALUE);
	fake_run(f);
	push_aer(f, 3);
	KUNIT_EXPECT_EQ(test, take_aer(f), 0x010100);
	vnvme_aen_raise(&f->ctrl, VNVME_AEN_DB_VALUE);
	vnvme_aen_raise(&f->ctrl, VNVME_AEN_DB_REGISTER);
	KUNIT_EXPECT_EQ(test, take_aer(f), ~0u);
	KUNIT_EXPECT_EQ(test, fake_get_log(f, 1, 64, 0, true), 0);
	KUNIT_EXPECT_EQ(test, take_aer(f), ~0u);
	KUNIT_EXPECT_EQ(test, fake_get_log(f, 2, 64, 0, false), 0);
	KUNIT_EXPECT_EQ(test, take_aer(f), ~0u);
	/* this log told of both */
	KUNIT_EXPECT_EQ(test, fake_get_log(f, 1, 64, 0, false), 0);
	KUNIT_EXPECT_EQ(test, take_aer(f), ~0u);
	/* the next ones: one of them, and the other after that was read */
	vnvme_aen_raise(&f->ctrl, VNVME_AEN_DB_REGISTER);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, take_aer(f), 0x010000);
	vnvme_aen_raise(&f->ctrl, VNVME_AEN_DB_VALUE);
	KUNIT_EXPECT_EQ(test, take_aer(f), ~0u);
	KUNIT_EXPECT_EQ(test, fake_get_log(f, 1, 64, 0, false), 0);
	KUNIT_EXPECT_EQ(test, take_aer(f), ~0u);
	vnvme_aen_raise(&f->ctrl, VNVME_AEN_DB_VALUE);
	KUNIT_EXPECT_EQ(test, take_aer(f), 0x010100);
	fake_free(f);
}

/* 78, 122, L12: each change of a namespace, each time */
static void c122_ns_changes(struct kunit *test)
{
	struct fake *f = fake_ready(1);
	struct vnvme_ns two = { .nsid = 2, .lba_shift = 12, .nlb = 5,
				.backend = &f->backend };
	__le32 *list = fake_ptr(f, FAKE_ID);
	struct vnvme_sqe sqe;
	struct vnvme_cqe cqe;
	u32 i;

	KUNIT_EXPECT_EQ(test, fake_set_feature(f, 0x0b, 1 << 8, NULL), 0);
	push_aer(f, 1);
	for (i = 0; i < 6; i++) {
		if (i & 1)
			KUNIT_EXPECT_EQ(test, vnvme_ns_detach(&f->ctrl, 2), 0);
		else
			KUNIT_EXPECT_EQ(test, vnvme_ns_attach(&f->ctrl, &two),
					0);
		KUNIT_EXPECT_EQ(test, take_aer(f), 0x040002);
		KUNIT_EXPECT_EQ(test, fake_get_log(f, 4, 4096, 0, true), 0);
		KUNIT_EXPECT_EQ(test, list[0], 2);
		KUNIT_EXPECT_EQ(test, list[1], 0);
		KUNIT_EXPECT_EQ(test, fake_get_log(f, 4, 4096, 0, false), 0);
		KUNIT_EXPECT_EQ(test, list[0], 2);
		KUNIT_EXPECT_EQ(test, fake_get_log(f, 4, 4096, 0, false), 0);
		KUNIT_EXPECT_EQ(test, list[0], 0);
		push_aer(f, 1);
	}
	f->ns.nlb = 100;
	vnvme_ns_changed(&f->ctrl, &f->ns);
	KUNIT_EXPECT_EQ(test, take_aer(f), 0x040002);
	sqe = fake_rw(2, 100, 1, FAKE_DATA, 0);
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0x4080);
	/* nobody asked: no event */
	KUNIT_EXPECT_EQ(test, fake_set_feature(f, 0x0b, 0, NULL), 0);
	KUNIT_EXPECT_EQ(test, fake_get_log(f, 4, 4096, 0, false), 0);
	push_aer(f, 1);
	vnvme_ns_changed(&f->ctrl, &f->ns);
	KUNIT_EXPECT_EQ(test, take_aer(f), ~0u);

	/* under I/O: what is in flight ends first */
	f->hold = true;
	sqe = fake_rw(2, 0, 1, FAKE_DATA, 0);
	fake_push(f, 1, &sqe);
	fake_sq_ring(f, 1);
	fake_run(f);
	KUNIT_EXPECT_EQ(test, vnvme_ns_detach(&f->ctrl, 1), -EAGAIN);
	KUNIT_EXPECT_EQ(test, vnvme_ns_detach(&f->ctrl, 1), -EAGAIN);
	KUNIT_EXPECT_EQ(test, vnvme_ns_attach(&f->ctrl, &f->ns), -EEXIST);
	f->hold = false;
	fake_run(f);
	KUNIT_EXPECT_TRUE(test, fake_pop(f, 1, &cqe));
	KUNIT_EXPECT_EQ(test, vnvme_ns_detach(&f->ctrl, 1), 0);
	KUNIT_EXPECT_EQ(test, vnvme_ns_detach(&f->ctrl, 1), -ENOENT);
	KUNIT_EXPECT_EQ(test, vnvme_ns_detach(&f->ctrl, 99), -ENOENT);
	two.nsid = VNVME_MAX_NS + 1;
	KUNIT_EXPECT_EQ(test, vnvme_ns_attach(&f->ctrl, &two), -EINVAL);
	/* the last one there can be, among others */
	KUNIT_EXPECT_EQ(test, fake_get_log(f, 4, 4096, 0, false), 0);
	two.nsid = VNVME_MAX_NS;
	KUNIT_EXPECT_EQ(test, vnvme_ns_attach(&f->ctrl, &two), 0);
	KUNIT_EXPECT_EQ(test, vnvme_ns_attach(&f->ctrl, &f->ns), 0);
	KUNIT_EXPECT_EQ(test, fake_get_log(f, 4, 4096, 0, false), 0);
	KUNIT_EXPECT_EQ(test, list[0], 1);
	KUNIT_EXPECT_EQ(test, list[1], VNVME_MAX_NS);
	KUNIT_EXPECT_EQ(test, list[2], 0);
	KUNIT_EXPECT_EQ(test, fake_identify(f, 2, 1), 0);
	KUNIT_EXPECT_EQ(test, list[0], VNVME_MAX_NS);
	sqe = fake_rw(2, 0, 1, FAKE_DATA, 0);
	sqe.nsid = VNVME_MAX_NS;
	KUNIT_EXPECT_EQ(test, fake_io(f, 1, &sqe), 0);
	fake_free(f);
}

/* 94 */
static void c94_dbbuf_pages(struct kunit *test)
{
	static const u64 t[][2] = {
		{ 0, FAKE_EVENT }, { FAKE_SHADOW, 0 },
		{ FAKE_SHADOW + 4, FAKE_EVENT }, { FAKE_SHADOW, FAKE_EVENT + 8 },
		{ 1ull << 40, FAKE_EVENT }, { FAKE_SHADOW, FAKE_RAM },
	};
	struct fake *f = fake_ready(1);
	struct vnvme_sqe sqe;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		sqe = fake_sqe(VNVME_ADM_DBBUF, 0);
		sqe.prp1 = cpu_to_le64(t[i][0]);
		sqe.prp2 = cpu_to_le64(t[i][1]);
		KUNIT_EXPECT_EQ_MSG(test, fake_admin(f, &sqe, NULL), 0x4002,
				    "%u", i);
	}
	KUNIT_EXPECT_EQ(test, f->ctrl.dbbuf.db, 0);
	fake_page(f, FAKE_EVENT, FAKE_RO);
	KUNIT_EXPECT_EQ(test, fake_dbbuf(f), 0x4002);
	fake_page(f, FAKE_EVENT, FAKE_OK);
	KUNIT_EXPECT_EQ(test, fake_dbbuf(f), 0);
	fake_free(f);
}

/* 94, and rule 6: a page that goes once it has been found */
static void c94_dbbuf_page_goes(struct kunit *test)
{
	static const u64 t[] = { FAKE_SHADOW, FAKE_EVENT };
	struct fake *f = fake_ready(1);
	u32 i;

	f->lose_parked = true;
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		f->lose = t[i];
		KUNIT_EXPECT_EQ_MSG(test, fake_dbbuf(f), VNVME_SC_INTERNAL,
				    "%u", i);
		KUNIT_EXPECT_EQ(test, f->ctrl.dbbuf.db, 0);
	}
	f->lose_parked = false;
	KUNIT_EXPECT_EQ(test, fake_dbbuf(f), 0);
	fake_free(f);
}

static struct kunit_case admin_cases[] = {
	KUNIT_CASE(c42_create_and_delete),
	KUNIT_CASE(c45_vector_of_the_pin),
	KUNIT_CASE(c50_delete_waits),
	KUNIT_CASE(c53_opcodes),
	KUNIT_CASE(c58_abort),
	KUNIT_CASE(c58_abort_of_submitted),
	KUNIT_CASE(c58_abort_limit),
	KUNIT_CASE(c58_abort_of_waiting),
	KUNIT_CASE(c58_abort_of_aer),
	KUNIT_CASE(c59_aer_limit),
	KUNIT_CASE(c60_aer_masking),
	KUNIT_CASE(c122_ns_changes),
	KUNIT_CASE(c94_dbbuf_pages),
	KUNIT_CASE(c94_dbbuf_page_goes),
	{}
};

static struct kunit_suite admin_suite = {
	.name = "vnvme_admin",
	.test_cases = admin_cases,
};

kunit_test_suite(admin_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Virtual NVMe controller: admin commands and events");
