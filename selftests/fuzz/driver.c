// SPDX-License-Identifier: GPL-2.0
/*
 * A well-behaved driver under any timing: bursts, slow reaping, pollers that
 * fall asleep, pages that come and go, a backend that is busy, slow or loses
 * requests, queues deleted and made again, DBBUF switched on in between.
 *
 * What must hold: each command is answered once, with success and the right
 * data; no answer is overwritten; nobody is left asleep with work to do; no
 * interrupt is held back for longer than Interrupt Coalescing says; after
 * CC.EN = 0 nothing is written to the guest any more.
 */
#include "fuzz.h"

#define NR_Q	2
#define NR_CID	24	/* per queue; each has its own blocks and buffer */
#define NR_LBA	16

struct driver {
	struct fake	*f;
	bool		asleep[NR_Q + 1];
	bool		busy[NR_Q + 1][NR_CID];
	u8		opcode[NR_Q + 1][NR_CID];
	u32		used[NR_Q + 1];		/* entries of the ring */
	u32		told[NR_Q + 1];		/* up to here, and since when ... */
	u64		since[NR_Q + 1];	/* ... it has been so; 0: nothing waits */
	u8		disk[(NR_Q + 1) * NR_CID];	/* what a region holds */
	u8		want[(NR_Q + 1) * NR_CID];
};

static u32 region(u16 q, u16 cid)
{
	return q * NR_CID + cid;
}

static u64 buffer(u16 q, u16 cid)
{
	return FAKE_DATA + region(q, cid) * 0x4000ull + 4 * cid;
}

static void driver_submit(struct driver *d, u16 q, struct fuzz_in *in)
{
	u8 how = fuzz_u8(in), val = fuzz_u8(in);
	u16 cid = how % NR_CID;
	u32 r = region(q, cid);
	struct vnvme_sqe sqe;
	u64 at = buffer(q, cid);

	if (d->busy[q][cid] || d->used[q] >= d->f->q[q].depth - 1)
		return;
	sqe = fake_rw(how & 128 ? VNVME_CMD_WRITE : VNVME_CMD_READ, r * NR_LBA,
		      NR_LBA, at,
		      (at & ~0xfffull) + VNVME_PAGE_SIZE);
	if (!(at & 0xfff)) {
		sqe.prp2 = cpu_to_le64(at + VNVME_PAGE_SIZE);
	} else {
		/* three pages: a list, at the end of its page, chained */
		__le64 *e = fake_ptr(d->f, FAKE_LIST + r * 0x2000 + 0xff8);

		e[0] = cpu_to_le64(FAKE_LIST + r * 0x2000 + 0x1000);
		e[1] = cpu_to_le64((at & ~0xfffull) + VNVME_PAGE_SIZE);
		e[2] = cpu_to_le64((at & ~0xfffull) + 2 * VNVME_PAGE_SIZE);
		sqe.prp2 = cpu_to_le64(FAKE_LIST + r * 0x2000 + 0xff8);
	}
	sqe.cid = cpu_to_le16(cid);
	d->opcode[q][cid] = sqe.opcode;
	d->want[r] = sqe.opcode == VNVME_CMD_WRITE ? val : d->disk[r];
	memset(fake_ptr(d->f, at),
	       sqe.opcode == VNVME_CMD_WRITE ? val : (u8)~d->disk[r],
	       NR_LBA * 512);
	d->busy[q][cid] = true;
	d->used[q]++;
	fake_push(d->f, q, &sqe);
}

static void driver_reap(struct driver *d, u16 q, u32 max)
{
	struct vnvme_cqe cqe;
	u32 r, i;
	u16 cid;
	u8 *p;

	while (max-- && fake_pop(d->f, q, &cqe)) {
		cid = le16_to_cpu(cqe.cid);
		fuzz_check(!d->f->nr_bad && cid < NR_CID && d->busy[q][cid]);
		fuzz_check(le16_to_cpu(cqe.status) >> 1 == 0);
		r = region(q, cid);
		d->disk[r] = d->want[r];
		p = fake_ptr(d->f, buffer(q, cid));
		for (i = 0; i < NR_LBA * 512; i += 509)
			fuzz_check(p[i] == d->want[r]);
		d->busy[q][cid] = false;
		d->used[q]--;
	}
	fake_cq_ring(d->f, q);
}

/* What a step leaves untold may wait: for the guest's time, or for a guest that reaps. */
static void driver_told(struct driver *d, u16 q)
{
	const struct vnvme_lane *lane = &d->f->ctrl.lane[q];
	const struct vnvme_cq *cq = &lane->cq;
	u32 time = VNVME_TIME(d->f->ctrl.feat[VNVME_FEAT_COALESCING]);

	if (!vnvme_cq_untold(cq) || !lane->ctrl->going) {
		d->since[q] = 0;
		return;
	}
	if (!d->since[q] || d->told[q] != cq->told)
		d->since[q] = d->f->now;
	d->told[q] = cq->told;
	if (cq->direct)
		fuzz_check(cq->held && d->f->now - cq->held_ns < VNVME_HOLD_NS);
	else
		fuzz_check(d->f->now - d->since[q] < time * 100000ull);
	/* what is lost brings a kick when it is found */
	fuzz_check(lane->ctrl->lost || (vnvme_lane_pending(lane) && vnvme_lane_holds(lane)));
}

/* What a poller does: step, or sleep until somebody kicks it. */
static void driver_poll(struct driver *d, u16 q, u8 how)
{
	struct vnvme_lane *lane = &d->f->ctrl.lane[q];
	unsigned int n;

	if (d->f->kicked) {
		d->asleep[1] = false;
		d->asleep[2] = false;
		d->f->kicked = false;
	}
	if (d->asleep[q])
		return;
	d->f->now += 1 + how * 1000;
	n = vnvme_lane_step(lane, 1 + how % 16);
	driver_told(d, q);
	if (n)
		return;
	if (!(how & 16) || lane->busy)
		return;
	vnvme_lane_arm(lane);
	/* pairs with the guest's, between its doorbell and its look at EventIdx */
	smp_mb();
	if (!vnvme_lane_pending(lane))
		d->asleep[q] = true;
}

/* Everything that is due, without help from a step that nobody asked for. */
static void driver_settle(struct driver *d)
{
	u32 i, q;

	d->f->hold = false;
	d->f->pin_hold = false;
	d->f->busy = 0;
	d->f->lossy = 0;
	for (i = 0; i < 400 && (d->used[1] || d->used[2]); i++) {
		fake_work(d->f);
		fake_pin_all(d->f);
		for (q = 1; q <= NR_Q; q++) {
			fake_sq_ring(d->f, q);
			driver_poll(d, q, i % 32);
			driver_reap(d, q, 2);
		}
	}
	for (q = 1; q <= NR_Q; q++)
		fuzz_check(!d->used[q]);
}

static void driver_make_again(struct driver *d, u16 q, u8 how)
{
	struct fake *f = d->f;

	driver_settle(d);
	d->since[q] = 0;
	fuzz_check(!fake_delete_sq(f, q));
	fuzz_check(!fake_delete_cq(f, q));
	fuzz_check(!fake_create(f, q, q, 2 + how % 30));
}

/* DBBUF; some queues go on ringing through BAR0 all the same. */
static void driver_dbbuf(struct driver *d, u8 how)
{
	u32 q;

	fuzz_check(!fake_dbbuf(d->f));
	for (q = 1; q <= NR_Q; q++)
		d->f->q[q].shadow = !(how & 32 * q);
}

/* Shadow doorbells of queues that were rung without them are given back, cleared. */
static void driver_give_back(struct driver *d)
{
	u32 *shadow = fake_ptr(d->f, FAKE_SHADOW), q;

	for (q = 0; q <= NR_Q && d->f->dbbuf; q++) {
		if (d->f->q[q].shadow)
			continue;
		if (!q || d->f->ctrl.sq[q].use != VNVME_DB_NEW)
			shadow[vnvme_sq_db_index(q)] = 0;
		if (!q || d->f->ctrl.lane[q].cq.use != VNVME_DB_NEW)
			shadow[vnvme_cq_db_index(q)] = 0;
	}
}

static void driver_page(struct driver *d, u8 which)
{
	static const u64 queues[] = {
		FAKE_ASQ, FAKE_ACQ, FAKE_SHADOW, FAKE_EVENT,
		FAKE_SQ(1), FAKE_CQ(1), FAKE_SQ(2), FAKE_CQ(2),
	};
	u32 r = which % ((NR_Q + 1) * NR_CID);

	/* queues are not waited for: no request holds their memory */
	if (which & 128) {
		fake_unpin(d->f, queues[which % ARRAY_SIZE(queues)],
			   VNVME_PAGE_SIZE);
		return;
	}
	/* whoever unpins waits for what is in flight first */
	if (d->f->nr_list)
		return;
	fake_unpin(d->f, FAKE_DATA + r * 0x4000, 0x4000);
	fake_unpin(d->f, FAKE_LIST + r * 0x2000, 0x2000);
}

static void driver_op(struct driver *d, struct fuzz_in *in)
{
	u8 op = fuzz_u8(in);
	u16 q = 1 + (op >> 4) % NR_Q;

	switch (op % 16) {
	case 0 ... 5:
		driver_submit(d, q, in);
		break;
	case 6:
		fake_sq_ring(d->f, q);
		break;
	case 7:
	case 8:
		driver_poll(d, q, op >> 3);
		break;
	case 9:
		driver_reap(d, q, 1 + (op >> 5));
		break;
	case 10:
		fake_pin_all(d->f);
		break;
	case 11:
		d->f->hold = op & 16;
		d->f->busy = op >> 5;
		d->f->at_once = op & 64;
		d->f->lossy = op & 128 ? 5 : 0;
		break;
	case 12:
		driver_page(d, fuzz_u8(in));
		break;
	case 13:
		if (!d->f->dbbuf && (op & 128))
			driver_dbbuf(d, op);
		else
			d->f->mapped = op & 16 && !d->asleep[1] && !d->asleep[2];
		break;
	case 14:
		if (op & 128)
			driver_make_again(d, q, fuzz_u8(in));
		else
			driver_give_back(d);
		break;
	case 15:
		/* commands of admin are followed by steps of their own */
		d->since[1] = 0;
		d->since[2] = 0;
		if (op & 128)
			fuzz_check(!fake_set_feature(d->f, VNVME_FEAT_COALESCING,
						     fuzz_u8(in) % 4 << 8 | op >> 4, NULL));
		else
			fuzz_check(!fake_identify(d->f, 1, 0));
		break;
	}
	/* a mapped doorbell page is unmapped before a poller sleeps */
	if (d->asleep[1] || d->asleep[2])
		d->f->mapped = false;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, data + size };
	struct fake *f = fuzz_fake(NR_Q);
	struct driver d = { .f = f };
	u8 depth = fuzz_u8(&in), *before;
	u32 i;

	fuzz_check(fake_enable(f, 8, 8));
	fuzz_check(!fake_create(f, 1, 1, 2 + depth % 16));
	fuzz_check(!fake_create(f, 2, 2, 2 + depth / 16));
	for (i = 0; i < sizeof(d.disk); i++)
		memset(f->disk + i * NR_LBA * 512, 0, NR_LBA * 512);
	while (in.p < in.end) {
		driver_op(&d, &in);
		fake_check(f);
		fuzz_check(!f->nr_bad);
	}
	if (depth & 1) {
		/* no completion, no shadow, nothing after CC.EN = 0 */
		f->lossy = 0;
		before = kvzalloc(FAKE_DATA, GFP_KERNEL);
		fake_write32(f, VNVME_REG_CC, 0x00460000);
		memcpy(before, f->ram, FAKE_DATA);
		f->hold = false;
		f->pin_hold = false;
		fake_run(f);
		fuzz_check(!memcmp(before, f->ram, FAKE_DATA));
		fuzz_check(vnvme_ctrl_idle(&f->ctrl));
		kvfree(before);
	} else {
		driver_settle(&d);
	}
	fuzz_check(!f->nr_bad);
	return 0;
}
