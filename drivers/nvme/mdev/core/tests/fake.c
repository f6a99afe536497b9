// SPDX-License-Identifier: GPL-2.0
/* See fake.h. */
#include "fake.h"

static struct fake *to_fake(struct vnvme_ctrl *ctrl)
{
	return container_of(ctrl, struct fake, ctrl);
}

/* -------------------------------------------------------------- host ---- */

static void fake_env_irq(struct vnvme_ctrl *ctrl, u16 vector)
{
	to_fake(ctrl)->irqs[vector]++;
	to_fake(ctrl)->nr_irqs++;
}

static void fake_env_kick(struct vnvme_ctrl *ctrl)
{
	to_fake(ctrl)->kicked = true;
}

static void fake_env_work(struct vnvme_ctrl *ctrl)
{
	to_fake(ctrl)->work = true;
}

static void fake_env_park(struct vnvme_ctrl *ctrl)
{
	struct fake *f = to_fake(ctrl);

	f->parked++;
	if (f->lose_parked)
		fake_unpin(f, f->lose, VNVME_PAGE_SIZE);
}

static void fake_env_unpark(struct vnvme_ctrl *ctrl)
{
	to_fake(ctrl)->parked--;
}

/* An offset in RAM, or -1. */
static s64 fake_offset(u64 iova)
{
	if (iova < FAKE_RAM)
		return iova;
	if (iova - FAKE_HIGH < VNVME_CHUNK_SIZE)
		return iova - FAKE_HIGH;
	if (iova >= FAKE_TOP)
		return iova - FAKE_TOP;
	return -1;
}

static struct vnvme_page *fake_entry(struct fake *f, u64 iova)
{
	u32 c = iova >= FAKE_TOP ? FAKE_CHUNKS - 1 :
		iova >= FAKE_HIGH ? FAKE_CHUNKS - 2 : iova >> VNVME_CHUNK_SHIFT;

	return &f->chunk[c].page[(iova & (VNVME_CHUNK_SIZE - 1)) >>
				 VNVME_PAGE_SHIFT];
}

static int fake_pin_page(struct fake *f, u64 iova)
{
	s64 off = fake_offset(iova);
	struct vnvme_page *p;

	if (off < 0)
		return -EFAULT;
	off &= ~(s64)(VNVME_PAGE_SIZE - 1);
	switch (f->kind[off / VNVME_PAGE_SIZE]) {
	case FAKE_ABSENT:
		return -EFAULT;
	case FAKE_NOMEM:
		return -ENOMEM;
	}
	p = fake_entry(f, iova);
	p->dma = FAKE_DMA + off;
	p->ro = f->kind[off / VNVME_PAGE_SIZE] == FAKE_RO;
	p->kva = f->ram + off;
	f->nr_pins++;
	if (f->on_pin)
		f->on_pin(p->kva, true);
	return 0;
}

static int fake_env_pin(struct vnvme_ctrl *ctrl, u64 iova, u32 len)
{
	struct fake *f = to_fake(ctrl);
	u64 last = (iova + len - 1) | (VNVME_PAGE_SIZE - 1);
	int err;

	if (f->parked)
		f->nr_bad++;	/* it may wait for somebody who parks */
	for (iova &= ~(u64)(VNVME_PAGE_SIZE - 1); iova - 1 != last;
	     iova += VNVME_PAGE_SIZE) {
		err = fake_pin_page(f, iova);
		if (err)
			return err;
	}
	if (f->lose_pins) {
		f->lose_pins--;
		fake_unpin(f, f->lose, VNVME_PAGE_SIZE);
	}
	return 0;
}

static void fake_env_pin_req(struct vnvme_req *req)
{
	struct fake *f = to_fake(req->lane->ctrl);
	struct vnvme_req **last = &f->pin_list;

	while (*last)
		last = &(*last)->next;
	req->next = NULL;
	*last = req;
}

static void fake_env_flush(struct vnvme_ctrl *ctrl)
{
	struct fake *f = to_fake(ctrl);

	f->nr_flush++;
	if (!f->flush_hold)
		fake_flush_end(f);
}

void fake_flush_end(struct fake *f)
{
	memset(f->durable, 1, FAKE_LBAS);
	vnvme_ctrl_flushed(&f->ctrl, vnvme_ctrl_flush_asked(&f->ctrl));
}

static bool fake_env_pin_used(struct vnvme_ctrl *ctrl)
{
	return to_fake(ctrl)->pin_used;
}

static void fake_beside(struct fake *f)
{
	if (f->on_step)
		f->on_step(f);
}

static u64 fake_env_now_ns(struct vnvme_ctrl *ctrl)
{
	fake_beside(to_fake(ctrl));
	return to_fake(ctrl)->now;
}

static const struct vnvme_env fake_env = {
	.irq		= fake_env_irq,
	.kick		= fake_env_kick,
	.work		= fake_env_work,
	.park		= fake_env_park,
	.unpark		= fake_env_unpark,
	.pin		= fake_env_pin,
	.pin_req	= fake_env_pin_req,
	.flush		= fake_env_flush,
	.pin_used	= fake_env_pin_used,
	.now_ns		= fake_env_now_ns,
};

void fake_pin_all(struct fake *f)
{
	struct vnvme_req *req = f->pin_list, *next;
	int err;

	for (f->pin_list = NULL; req; req = next) {
		next = req->next;
		do {
			err = fake_pin_page(f, req->miss_iova);
		} while (!err && vnvme_req_next_miss(req));
		vnvme_req_return(req, err);
	}
}

void fake_unpin(struct fake *f, u64 iova, u32 len)
{
	u64 end = iova + len;
	unsigned int i;
	s64 off;

	/* as whoever takes memory out of the table */
	for (i = 1; i <= f->ctrl.cfg.nr_ioq; i++)
		vnvme_lane_forget(&f->ctrl.lane[i]);
	for (; iova != end; iova += VNVME_PAGE_SIZE) {
		off = fake_offset(iova);
		fake_entry(f, off)->kva = NULL;
		if (off < VNVME_CHUNK_SIZE)
			fake_entry(f, FAKE_HIGH + off)->kva = NULL;
		if (off < VNVME_CHUNK_SIZE)
			fake_entry(f, FAKE_TOP + off)->kva = NULL;
		if (f->on_pin)
			f->on_pin(f->ram + off, false);
	}
}

void fake_page(struct fake *f, u64 iova, enum fake_page kind)
{
	f->kind[fake_offset(iova) / VNVME_PAGE_SIZE] = kind;
	fake_unpin(f, iova & ~(u64)(VNVME_PAGE_SIZE - 1), VNVME_PAGE_SIZE);
}

struct fake_pages {
	u32	first;
	u64	nr;		/* from 2^32 on: all */
	bool	met;
};

static void fake_pages_meet(void *arg, u32 page, u32 nr)
{
	struct fake_pages *p = arg;

	p->met |= (u32)(page - p->first) < p->nr || (u32)(p->first - page) < nr;
}

bool fake_uses(const struct vnvme_lane *lane, u64 first, u64 last)
{
	struct fake_pages p = {
		.first = first >> VNVME_PAGE_SHIFT,
		.nr = (last >> VNVME_PAGE_SHIFT) - (first >> VNVME_PAGE_SHIFT) + 1,
	};

	vnvme_lane_pages(lane, fake_pages_meet, &p);
	return p.met;
}

const void *shim_poison;

void fake_poison(struct fake *f, u64 iova)
{
	shim_poison = fake_ptr(f, iova & ~(u64)(VNVME_PAGE_SIZE - 1));
}

static bool fake_ring_ok(u32 a, u32 b, u32 depth)
{
	return a < depth && b < depth;
}

static void fake_check_lane(struct fake *f, struct vnvme_lane *lane)
{
	u32 nr_free = 0, submitted = 0, cached = 0, i;
	struct vnvme_req *req;
	struct vnvme_sq *sq;

	for (req = lane->free; req; req = req->next)
		nr_free++;
	for (i = 0; i < lane->nr_reqs; i++) {
		submitted += lane->reqs[i].submitted;
		cached += lane->reqs[i].settling;
	}
	if (cached != lane->settling ||
	    (lane->id && nr_free + lane->busy != lane->nr_reqs) ||
	    lane->inflight != submitted)
		f->nr_bad++;
	if (lane->cq.live &&
	    (!fake_ring_ok(lane->cq.head, lane->cq.tail, lane->cq.depth) ||
	     vnvme_ring_dist(lane->cq.head, lane->cq.tail, lane->cq.depth) +
	     lane->busy > lane->cq.depth - 1))
		f->nr_bad++;
	for (sq = lane->sqs; sq; sq = sq->next)
		if (!fake_ring_ok(sq->head, sq->tail, sq->depth))
			f->nr_bad++;
}

void fake_check(struct fake *f)
{
	bool ready = f->ctrl.csts & VNVME_CSTS_RDY;
	enum vnvme_state state = f->ctrl.state;
	unsigned int i;

	for (i = 0; i <= f->ctrl.cfg.nr_ioq; i++)
		fake_check_lane(f, &f->ctrl.lane[i]);
	if (f->parked || state >= VNVME_NR_STATES ||
	    (state == VNVME_READY && !ready) ||
	    (state == VNVME_DISABLED && ready) ||
	    (state == VNVME_FAILED && !(f->ctrl.csts & VNVME_CSTS_CFS)))
		f->nr_bad++;
}

void *fake_ptr(struct fake *f, u64 iova)
{
	return f->ram + fake_offset(iova);
}

unsigned int fake_step(struct fake *f, u16 lane, unsigned int budget)
{
	return vnvme_lane_step(&f->ctrl.lane[lane], budget);
}

void fake_work(struct fake *f)
{
	unsigned int i;

	for (i = 0; f->work && i < 1000; i++) {
		f->work = false;
		vnvme_ctrl_work(&f->ctrl);
	}
}

void fake_run(struct fake *f)
{
	unsigned int i, n, rounds = 0;

	do {
		n = 0;
		if (f->work || vnvme_admin_pending(&f->ctrl)) {
			f->work = false;
			vnvme_ctrl_work(&f->ctrl);
			n += f->work;
		}
		for (i = 1; i <= f->ctrl.cfg.nr_ioq; i++)
			n += fake_step(f, i, 16);
		if (f->pin_list && !f->pin_hold) {
			fake_pin_all(f);
			n++;
		}
	} while ((n || f->work) && ++rounds < 10000);
}

/* ----------------------------------------------------------- backend ---- */

static u8 *fake_lba(struct fake *f, u64 lba)
{
	return f->disk + (lba << f->ns.lba_shift);
}

static u64 fake_size(struct fake *f)
{
	return (u64)FAKE_LBAS * 512 >> f->ns.lba_shift;
}

static void fake_dsm(struct fake *f, struct vnvme_req *req)
{
	const struct vnvme_dsm_range *r = req->scratch;
	u32 i;

	for (i = 0; i < req->nlb; i++) {
		if (le64_to_cpu(r[i].slba) + le32_to_cpu(r[i].nlb) >
		    fake_size(f)) {
			f->nr_bad++;
			return;
		}
		memset(fake_lba(f, le64_to_cpu(r[i].slba)), 0,
		       le32_to_cpu(r[i].nlb) << f->ns.lba_shift);
	}
}

static bool fake_in_range(struct fake *f, u64 slba, u32 nlb)
{
	if (nlb && nlb <= fake_size(f) && slba <= fake_size(f) - nlb)
		return true;
	f->nr_bad++;
	return false;
}

static void fake_durable(struct fake *f, u64 slba, u32 nlb, bool fua)
{
	memset(f->durable + (slba << f->ns.lba_shift >> 9), fua,
	       (u64)nlb << f->ns.lba_shift >> 9);
}

static void fake_copy(struct fake *f, struct vnvme_req *req)
{
	const struct vnvme_copy_range *r = req->scratch;
	u64 from, to = req->slba;
	u32 i, nlb;

	for (i = 0; i < req->nlb; i++, to += nlb) {
		req->copied = i;
		from = le64_to_cpu(r[i].slba);
		nlb = le16_to_cpu(r[i].nlb) + 1;
		if (!fake_in_range(f, from, nlb) || !fake_in_range(f, to, nlb))
			return;
		if (r[i].rsvd0 | r[i].rsvd18[0] | r[i].rsvd18[5] |
		    r[i].eilbrt | r[i].elbat | r[i].elbatm)
			f->nr_bad++;
		memmove(fake_lba(f, to), fake_lba(f, from),
			(u64)nlb << f->ns.lba_shift);
		fake_durable(f, to, nlb, req->fua);
	}
}

/* Read, Write, Compare; the latter's result */
static u16 fake_move(struct fake *f, struct vnvme_req *req)
{
	u8 *at = fake_lba(f, req->slba);
	u32 i, bytes = 0;
	u16 status = 0;

	for (i = 0; i < req->nr_segs; i++) {
		struct vnvme_seg *s = &req->segs[i];

		bytes += s->len;
		if (bytes > req->bytes ||
		    s->dma - FAKE_DMA != (u64)((u8 *)s->kva - f->ram)) {
			f->nr_bad++;
			return 0;
		}
		if (req->opcode == VNVME_CMD_WRITE)
			memcpy(at, s->kva, s->len);
		else if (req->opcode == VNVME_CMD_READ)
			memcpy(s->kva, at, s->len);
		else if (memcmp(s->kva, at, s->len))
			status = VNVME_SC_COMPARE_FAILED;
		at += s->len;
	}
	if (bytes != req->bytes)
		f->nr_bad++;
	return status;
}

/* Carries out on the model disk; counts what it should never have been given */
static u16 fake_execute(struct fake *f, struct vnvme_req *req)
{
	u16 status = 0;

	if (req->opcode == VNVME_CMD_FLUSH) {
		memset(f->durable, 1, FAKE_LBAS);
	} else if (req->opcode == VNVME_CMD_DSM) {
		fake_dsm(f, req);
	} else if (req->opcode == VNVME_CMD_COPY) {
		fake_copy(f, req);
	} else if (fake_in_range(f, req->slba, req->nlb)) {
		status = fake_move(f, req);
		if (req->opcode == VNVME_CMD_WRITE_ZEROES) {
			memset(fake_lba(f, req->slba), 0,
			       (u64)req->nlb << f->ns.lba_shift);
			f->nr_deallocate += req->deallocate;
		}
		if (req->opcode == VNVME_CMD_WRITE ||
		    req->opcode == VNVME_CMD_WRITE_ZEROES)
			fake_durable(f, req->slba, req->nlb, req->fua);
	}
	f->last_fua = req->fua;
	return f->status ? f->status : status;
}

static u16 fake_submit(struct vnvme_backend *b, struct vnvme_lane *lane,
		       struct vnvme_req *req)
{
	struct fake *f = b->priv;

	if (f->busy) {
		f->busy--;
		return VNVME_BUSY;
	}
	if (f->refuse)
		return f->refuse;
	f->nr_submits++;
	if (f->at_once) {
		vnvme_req_done(req, fake_execute(f, req));
		return 0;
	}
	f->list[f->nr_list++] = req;
	return 0;
}

static void fake_commit(struct vnvme_backend *b, struct vnvme_lane *lane)
{
	struct fake *f = b->priv;

	f->nr_commits++;
	fake_beside(f);
}

static unsigned int fake_reap(struct vnvme_backend *b, struct vnvme_lane *lane)
{
	struct fake *f = b->priv;
	struct vnvme_req *req;
	unsigned int n = 0, i, k = 0;

	if (f->hold)
		return 0;
	for (i = 0; i < f->nr_list; i++) {
		req = f->list[i];
		if (req->lane != lane) {
			f->list[k++] = req;
			continue;
		}
		n++;
		if (f->lossy) {
			f->lossy--;
			vnvme_req_requeue(req, f->loss,
					  f->retries ?: U16_MAX);
			continue;
		}
		vnvme_req_done(req, fake_execute(f, req));
	}
	f->nr_list = k;
	return n;
}

static bool fake_abort(struct vnvme_backend *b, struct vnvme_lane *lane, struct vnvme_req *req,
		       u32 token)
{
	struct fake *f = b->priv;

	if (!f->aborts)
		return false;
	f->abort_token = token;
	f->abort_req = req;
	return true;
}

static const struct vnvme_backend_ops fake_backend_ops = {
	.submit	= fake_submit,
	.commit	= fake_commit,
	.abort	= fake_abort,
	.reap	= fake_reap,
};

/* ------------------------------------------------------ making, freeing -- */

static void fake_mem_init(struct fake *f)
{
	unsigned int i;

	f->ram = kvzalloc(FAKE_RAM, GFP_KERNEL);
	f->kind = kvzalloc(FAKE_RAM_PAGES, GFP_KERNEL);
	f->mem.slot = kvcalloc(VNVME_MEM_SLOTS, sizeof(*f->mem.slot),
			       GFP_KERNEL);
	for (i = 0; i < FAKE_CHUNKS; i++) {
		struct vnvme_chunk *c = &f->chunk[i];
		struct vnvme_chunk **slot;

		c->index = i == FAKE_CHUNKS - 1 ? FAKE_TOP >> VNVME_CHUNK_SHIFT :
			   i == FAKE_CHUNKS - 2 ? FAKE_HIGH >> VNVME_CHUNK_SHIFT : i;
		c->page = kvcalloc(VNVME_CHUNK_PAGES, sizeof(*c->page),
				   GFP_KERNEL);
		/* FAKE_HIGH shares its slot with IOVA 0 */
		slot = &f->mem.slot[c->index & (VNVME_MEM_SLOTS - 1)];
		c->next = *slot;
		*slot = c;
	}
}

static void fake_reqs_init(struct fake *f, u16 lane)
{
	struct vnvme_req *req = f->reqs[lane];
	unsigned int k;

	for (k = 0; k < FAKE_REQS; k++, req++) {
		struct vnvme_seg *segs = req->segs;
		void *scratch = req->scratch;

		memset(req, 0, sizeof(*req));
		req->segs = segs;
		req->scratch = scratch;
	}
	vnvme_lane_init(&f->ctrl, lane, f->reqs[lane], FAKE_REQS, NULL);
}

void fake_renew(struct fake *f)
{
	void *zero = &f->work;
	unsigned int i;

	memset(zero, 0, (void *)(f + 1) - zero);
	memset(&f->ctrl, 0, sizeof(f->ctrl));
	memset(f->ram, 0, FAKE_DATA);
	memset(f->kind, 0, FAKE_RAM_PAGES);
	memset(f->db, 0, VNVME_PAGE_SIZE);
	for (i = 0; i < FAKE_CHUNKS; i++)
		memset(f->chunk[i].page, 0,
		       VNVME_CHUNK_PAGES * sizeof(*f->chunk[i].page));
	vnvme_ctrl_init(&f->ctrl, &fake_env, &f->mem, &f->cfg, f->db);
	for (i = 1; i <= f->ctrl.cfg.nr_ioq; i++)
		fake_reqs_init(f, i);
	f->backend.ops = &fake_backend_ops;
	f->backend.priv = f;
	vnvme_backend_add(&f->ctrl, &f->backend);
	memset(&f->ns, 0, sizeof(f->ns));
	f->ns.nsid = 1;
	f->ns.lba_shift = 9;
	f->ns.nlb = FAKE_LBAS;
	f->ns.mssrl = FAKE_MSSRL;
	f->ns.mcl = FAKE_MCL;
	f->ns.msrc = VNVME_COPY_RANGES - 1;
	f->ns.backend = &f->backend;
	vnvme_ns_attach(&f->ctrl, &f->ns);
	fake_cfg_write16(f, VNVME_PCI_COMMAND,
			 VNVME_PCI_CMD_MEM | VNVME_PCI_CMD_MASTER);
}

struct fake *fake_new_cfg(const struct vnvme_config *cfg)
{
	struct fake *f = kvzalloc(sizeof(*f), GFP_KERNEL);
	unsigned int i, k;

	fake_mem_init(f);
	f->cfg = *cfg;
	f->db = kvzalloc(VNVME_PAGE_SIZE, GFP_KERNEL);
	f->disk = kvzalloc(FAKE_LBAS * 512, GFP_KERNEL);
	f->durable = kvzalloc(FAKE_LBAS, GFP_KERNEL);
	for (i = 0; i < FAKE_LBAS * 512; i += 4)
		*(u32 *)(f->disk + i) = i * 2654435761u;
	for (i = 1; i <= cfg->nr_ioq; i++) {
		f->reqs[i] = kvcalloc(FAKE_REQS, sizeof(*f->reqs[i]),
				      GFP_KERNEL);
		for (k = 0; k < FAKE_REQS; k++) {
			f->reqs[i][k].segs = kvcalloc(VNVME_MAX_SEGS,
						      sizeof(struct vnvme_seg),
						      GFP_KERNEL);
			f->reqs[i][k].scratch = kvzalloc(VNVME_PAGE_SIZE,
							 GFP_KERNEL);
		}
	}
	fake_renew(f);
	return f;
}

struct fake *fake_new(u16 nr_ioq)
{
	struct vnvme_config cfg = {
		.uuid = { .b = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0x4c,
				 0xde, 0x8f, 0x01, 0x23, 0x45, 0x67, 0x89,
				 0xab, 0xcd } },
		.nr_ioq = nr_ioq, .mdts = 9, .vwc = true, .dbbuf = true,
		.oncs = ~0,
	};

	vnvme_default_names(&cfg);
	return fake_new_cfg(&cfg);
}

void fake_free(struct fake *f)
{
	unsigned int i, k;

	for (i = 0; i < FAKE_CHUNKS; i++)
		kvfree(f->chunk[i].page);
	for (i = 1; i <= VNVME_MAX_IOQ; i++) {
		for (k = 0; f->reqs[i] && k < FAKE_REQS; k++) {
			kvfree(f->reqs[i][k].segs);
			kvfree(f->reqs[i][k].scratch);
		}
		kvfree(f->reqs[i]);
	}
	kvfree(f->mem.slot);
	kvfree(f->kind);
	kvfree(f->ram);
	kvfree(f->db);
	kvfree(f->disk);
	kvfree(f->durable);
	kvfree(f);
}

/* --------------------------------------------------- guest: registers --- */

u64 fake_read64(struct fake *f, u32 off)
{
	__le64 val;

	vnvme_bar_read(&f->ctrl, off, &val, 8);
	return le64_to_cpu(val);
}

u32 fake_read32(struct fake *f, u32 off)
{
	__le32 val;

	vnvme_bar_read(&f->ctrl, off, &val, 4);
	return le32_to_cpu(val);
}

void fake_write32(struct fake *f, u32 off, u32 val)
{
	__le32 le = cpu_to_le32(val);

	vnvme_bar_write(&f->ctrl, off, &le, 4);
}

void fake_write64(struct fake *f, u32 off, u64 val)
{
	__le64 le = cpu_to_le64(val);

	vnvme_bar_write(&f->ctrl, off, &le, 8);
}

u32 fake_cfg_read32(struct fake *f, u32 off)
{
	__le32 val;

	vnvme_cfg_read(&f->ctrl, off, &val, 4);
	return le32_to_cpu(val);
}

void fake_cfg_write16(struct fake *f, u32 off, u16 val)
{
	__le16 le = cpu_to_le16(val);

	vnvme_cfg_write(&f->ctrl, off, &le, 2);
}

void fake_cfg_write32(struct fake *f, u32 off, u32 val)
{
	__le32 le = cpu_to_le32(val);

	vnvme_cfg_write(&f->ctrl, off, &le, 4);
}

/* As a driver does it: the shadow first; BAR0 only if EventIdx asks for it. */
void fake_ring(struct fake *f, unsigned int index, u32 val, bool shadow)
{
	__le32 *word;
	u16 old, event;

	if (shadow) {
		word = (__le32 *)fake_ptr(f, FAKE_SHADOW) + index;
		old = le32_to_cpu(*word);
		WRITE_ONCE(*word, cpu_to_le32(val));
		/* pairs with the controller's between EventIdx and its look */
		smp_mb();
		event = le32_to_cpu(((__le32 *)fake_ptr(f, FAKE_EVENT))[index]);
		if ((u16)(val - event - 1) >= (u16)(val - old))
			return;
	}
	f->nr_mmio++;
	if (f->mapped)
		f->db[index] = (__force u32)cpu_to_le32(val);
	else
		fake_write32(f, VNVME_BAR_DB + 4 * index, val);
}

/* ------------------------------------------------------ guest: driver --- */

void fake_queue_start(struct fake *f, u16 id, u16 cqid, u32 depth)
{
	struct fake_queue *q = &f->q[id];

	memset(q, 0, sizeof(*q));
	q->id = id;
	q->cqid = cqid;
	q->sq = id ? FAKE_SQ(id) : FAKE_ASQ;
	q->cq = id ? FAKE_CQ(id) : FAKE_ACQ;
	q->depth = depth;
	q->cq_depth = depth;
	q->phase = 1;
	q->shadow = id && f->dbbuf;
}

bool fake_enable(struct fake *f, u32 sqs, u32 cqs)
{
	memset(fake_ptr(f, FAKE_ACQ), 0, cqs * sizeof(struct vnvme_cqe));
	/* as drivers do: no shadow of another life */
	memset(fake_ptr(f, FAKE_SHADOW), 0, 2 * VNVME_PAGE_SIZE);
	fake_queue_start(f, 0, 0, sqs);
	f->q[0].cq_depth = cqs;
	f->dbbuf = false;
	fake_write32(f, VNVME_REG_AQA, (cqs - 1) << 16 | (sqs - 1));
	fake_write64(f, VNVME_REG_ASQ, FAKE_ASQ);
	fake_write64(f, VNVME_REG_ACQ, FAKE_ACQ);
	fake_write32(f, VNVME_REG_CC, 0x00460001);
	fake_run(f);
	return fake_read32(f, VNVME_REG_CSTS) == VNVME_CSTS_RDY;
}

void fake_push(struct fake *f, u16 sqid, const struct vnvme_sqe *sqe)
{
	struct fake_queue *q = &f->q[sqid];

	memcpy(fake_ptr(f, q->sq + q->tail * sizeof(*sqe)), sqe, sizeof(*sqe));
	q->tail = vnvme_ring_next(q->tail, q->depth);
	q->waiting[le16_to_cpu(sqe->cid) % FAKE_CIDS]++;
}

void fake_sq_ring(struct fake *f, u16 sqid)
{
	fake_ring(f, 2 * sqid, f->q[sqid].tail, f->q[sqid].shadow);
}

bool fake_peek(struct fake *f, u16 cqid, struct vnvme_cqe *cqe)
{
	struct fake_queue *q = &f->q[cqid];

	memcpy(cqe, fake_ptr(f, q->cq + q->head * sizeof(*cqe)), sizeof(*cqe));
	return (le16_to_cpu(cqe->status) & 1) == q->phase;
}

/* Takes an answer; one that nobody waits for is counted in ->nr_bad. */
bool fake_pop(struct fake *f, u16 cqid, struct vnvme_cqe *cqe)
{
	struct fake_queue *q = &f->q[cqid];
	u16 sqid, cid;

	if (!fake_peek(f, cqid, cqe))
		return false;
	q->head++;
	if (q->head == q->cq_depth) {
		q->head = 0;
		q->phase ^= 1;
	}
	sqid = le16_to_cpu(cqe->sqid);
	cid = le16_to_cpu(cqe->cid) % FAKE_CIDS;
	if (sqid > VNVME_MAX_IOQ || !f->q[sqid].waiting[cid] || cqe->dw1 ||
	    f->q[sqid].cqid != cqid ||
	    le16_to_cpu(cqe->sqhd) >= f->q[sqid].depth)
		f->nr_bad++;
	else
		f->q[sqid].waiting[cid]--;
	return true;
}

void fake_cq_ring(struct fake *f, u16 cqid)
{
	fake_ring(f, 2 * cqid + 1, f->q[cqid].head, f->q[cqid].shadow);
}

/* One command, and its answer; FFFFh if there is none. */
static u16 fake_one(struct fake *f, u16 sqid, struct vnvme_sqe *sqe, u32 *dw0)
{
	struct vnvme_cqe cqe;

	fake_push(f, sqid, sqe);
	fake_sq_ring(f, sqid);
	fake_run(f);
	if (!fake_pop(f, f->q[sqid].cqid, &cqe))
		return 0xffff;
	fake_cq_ring(f, f->q[sqid].cqid);
	if (cqe.cid != sqe->cid)
		f->nr_bad++;
	if (dw0)
		*dw0 = le32_to_cpu(cqe.dw0);
	return le16_to_cpu(cqe.status) >> 1;
}

u16 fake_admin(struct fake *f, struct vnvme_sqe *sqe, u32 *dw0)
{
	return fake_one(f, 0, sqe, dw0);
}

u16 fake_io(struct fake *f, u16 sqid, struct vnvme_sqe *sqe)
{
	return fake_one(f, sqid, sqe, NULL);
}

struct vnvme_sqe fake_sqe(u8 opcode, u32 nsid)
{
	static u16 cid;

	return (struct vnvme_sqe){
		.opcode = opcode, .nsid = cpu_to_le32(nsid),
		.cid = cpu_to_le16(cid++ % FAKE_CIDS),
	};
}

struct vnvme_sqe fake_rw(u8 opcode, u64 slba, u32 nlb, u64 prp1, u64 prp2)
{
	struct vnvme_sqe sqe = fake_sqe(opcode, 1);

	sqe.cdw10 = cpu_to_le32(lower_32_bits(slba));
	sqe.cdw11 = cpu_to_le32(upper_32_bits(slba));
	sqe.cdw12 = cpu_to_le32((nlb - 1) & 0xffff);
	sqe.prp1 = cpu_to_le64(prp1);
	sqe.prp2 = cpu_to_le64(prp2);
	return sqe;
}

struct vnvme_sqe fake_create_cq_sqe(u16 id, u64 base, u32 depth, u16 iv)
{
	struct vnvme_sqe sqe = fake_sqe(VNVME_ADM_CREATE_CQ, 0);

	sqe.prp1 = cpu_to_le64(base);
	sqe.cdw10 = cpu_to_le32((depth - 1) << 16 | id);
	sqe.cdw11 = cpu_to_le32((u32)iv << 16 | 3);
	return sqe;
}

struct vnvme_sqe fake_create_sq_sqe(u16 id, u64 base, u32 depth, u16 cqid)
{
	struct vnvme_sqe sqe = fake_sqe(VNVME_ADM_CREATE_SQ, 0);

	sqe.prp1 = cpu_to_le64(base);
	sqe.cdw10 = cpu_to_le32((depth - 1) << 16 | id);
	sqe.cdw11 = cpu_to_le32((u32)cqid << 16 | 1);
	return sqe;
}

u16 fake_create_cq(struct fake *f, u16 id, u32 depth)
{
	struct vnvme_sqe sqe = fake_create_cq_sqe(id, FAKE_CQ(id), depth, id);

	memset(fake_ptr(f, FAKE_CQ(id)), 0, depth * sizeof(struct vnvme_cqe));
	fake_queue_start(f, id, id, depth);
	return fake_admin(f, &sqe, NULL);
}

u16 fake_create_sq(struct fake *f, u16 id, u16 cqid, u32 depth)
{
	struct vnvme_sqe sqe = fake_create_sq_sqe(id, FAKE_SQ(id), depth, cqid);

	if (id != cqid)
		fake_queue_start(f, id, cqid, depth);
	return fake_admin(f, &sqe, NULL);
}

u16 fake_create(struct fake *f, u16 id, u16 cqid, u32 depth)
{
	u16 status = fake_create_cq(f, cqid, depth);

	return status ? status : fake_create_sq(f, id, cqid, depth);
}

u16 fake_delete_sq(struct fake *f, u16 id)
{
	struct vnvme_sqe sqe = fake_sqe(VNVME_ADM_DELETE_SQ, 0);

	sqe.cdw10 = cpu_to_le32(id);
	return fake_admin(f, &sqe, NULL);
}

u16 fake_delete_cq(struct fake *f, u16 id)
{
	struct vnvme_sqe sqe = fake_sqe(VNVME_ADM_DELETE_CQ, 0);

	sqe.cdw10 = cpu_to_le32(id);
	return fake_admin(f, &sqe, NULL);
}

u16 fake_identify(struct fake *f, u8 cns, u32 nsid)
{
	struct vnvme_sqe sqe = fake_sqe(VNVME_ADM_IDENTIFY, nsid);

	sqe.cdw10 = cpu_to_le32(cns);
	sqe.prp1 = cpu_to_le64(FAKE_ID);
	memset(fake_ptr(f, FAKE_ID), 0xee, 2 * VNVME_PAGE_SIZE);
	return fake_admin(f, &sqe, NULL);
}

u16 fake_get_log(struct fake *f, u8 lid, u32 bytes, u64 off, bool rae)
{
	struct vnvme_sqe sqe = fake_sqe(VNVME_ADM_GET_LOG, VNVME_NSID_ALL);
	u32 numd = bytes / 4 - 1;

	sqe.cdw10 = cpu_to_le32(numd << 16 | (u32)rae << 15 | lid);
	sqe.cdw11 = cpu_to_le32(numd >> 16);
	sqe.cdw12 = cpu_to_le32(lower_32_bits(off));
	sqe.cdw13 = cpu_to_le32(upper_32_bits(off));
	sqe.prp1 = cpu_to_le64(FAKE_ID);
	sqe.prp2 = cpu_to_le64(FAKE_ID + VNVME_PAGE_SIZE);
	memset(fake_ptr(f, FAKE_ID), 0xee, 2 * VNVME_PAGE_SIZE);
	return fake_admin(f, &sqe, NULL);
}

u16 fake_set_feature(struct fake *f, u8 fid, u32 val, u32 *dw0)
{
	struct vnvme_sqe sqe = fake_sqe(VNVME_ADM_SET_FEATURES, 0);

	sqe.cdw10 = cpu_to_le32(fid);
	sqe.cdw11 = cpu_to_le32(val);
	return fake_admin(f, &sqe, dw0);
}

u16 fake_get_feature(struct fake *f, u8 fid, u32 *dw0)
{
	struct vnvme_sqe sqe = fake_sqe(VNVME_ADM_GET_FEATURES, 0);

	sqe.cdw10 = cpu_to_le32(fid);
	return fake_admin(f, &sqe, dw0);
}

u16 fake_dbbuf(struct fake *f)
{
	struct vnvme_sqe sqe = fake_sqe(VNVME_ADM_DBBUF, 0);
	unsigned int i;
	u16 status;

	sqe.prp1 = cpu_to_le64(FAKE_SHADOW);
	sqe.prp2 = cpu_to_le64(FAKE_EVENT);
	status = fake_admin(f, &sqe, NULL);
	if (!status) {
		f->dbbuf = true;
		for (i = 1; i <= VNVME_MAX_IOQ; i++)
			f->q[i].shadow = true;
	}
	return status;
}

struct fake *fake_ready(u16 nr_ioq)
{
	struct fake *f = fake_new(nr_ioq);

	if (!fake_enable(f, 32, 32) || fake_create(f, 1, 1, 16)) {
		fake_free(f);
		return NULL;
	}
	return f;
}
