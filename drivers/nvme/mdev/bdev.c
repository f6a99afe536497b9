// SPDX-License-Identifier: GPL-2.0
/*
 * The backend over any block device of the host: a bio for each request, on the
 * guest's own pages.
 *
 * Each request of a lane has its bio, and its segments become the bio's vectors
 * where they stand, so that nothing is allocated on the way.  A pass submits
 * under one plug.  A bio ends in whatever context the device ends it; that hands
 * the request to the lane by an llist, and kicks.  Where the device has queues that
 * are polled, most bios end because the lane looks for them: see bdev_is_silent().
 *
 * A poller never waits for a device: other guests would wait with it, and a
 * drive that lends queue pairs waits for pollers while it is being reset.  So it
 * submits with REQ_NOWAIT.  What the device would have to wait for, all of what
 * is for a device that cannot say so, and what is done by several bios or by
 * hand, goes to work items: one per namespace that only submits (bdev_wait_work)
 * and one per request that also waits for the end (bdev_slow_work).  A namespace
 * has a workqueue for the latter, so that none waits for another one's device.
 *
 * The VMM's cgroup pays for all of it.
 */
#include <linux/bio.h>
#include <linux/blk-integrity.h>
#include <linux/blk-mq.h>
#include <linux/cgroup.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#include "mdev.h"

#define BDEV_COPY_ORDER	4	/* what is done by hand goes through 64 KiB */
#define BDEV_PIECE	(SZ_1G >> SECTOR_SHIFT)	/* of a discard, which nothing can end */
#define BDEV_AGAIN	0xffff	/* no status: would have had to wait for the device */

/**
 * struct nvme_mdev_bio - what goes with a request
 * @req:	the request
 * @node:	in nvme_mdev_ns.waiting or in nvme_mdev_lane.ended
 * @silent:	in nvme_mdev_lane.silent; owner
 * @slow:	for what has to wait
 * @status:	how it ended
 * @filled:	the vectors of @bio have taken the place of the request's segments
 * @bio:	the bio
 */
struct nvme_mdev_bio {
	struct vnvme_req	*req;
	struct llist_node	node;
	struct list_head	silent;
	struct work_struct	slow;
	u16			status;
	bool			filled;
	struct bio		bio;
};

/* Has its driver taken the disk away? */
static bool bdev_is_gone(const struct nvme_mdev_ns *ns)
{
	return !compat_disk_live(ns->bdev->bd_disk) || !bdev_nr_sectors(ns->bdev);
}

/* The one translation from the block layer's statuses. */
static u16 bdev_status(const struct nvme_mdev_ns *ns, blk_status_t status, bool write)
{
	/* whatever it says */
	if (status && bdev_is_gone(ns))
		return VNVME_SC_NS_NOT_READY | VNVME_DNR;
	switch (status) {
	case BLK_STS_OK:
		return VNVME_SC_SUCCESS;
	case BLK_STS_NOTSUPP:
		return VNVME_SC_INVALID_OPCODE | VNVME_DNR;
	case BLK_STS_NOSPC:
		return VNVME_SC_CAP_EXCEEDED | VNVME_DNR;
	case BLK_STS_NEXUS:
		return VNVME_SC_DENIED | VNVME_DNR;
	case BLK_STS_MEDIUM:
	case BLK_STS_PROTECTION: /* of which the guest knows nothing */
		return (write ? VNVME_SC_WRITE_FAULT : VNVME_SC_READ_ERROR) | VNVME_DNR;
	case BLK_STS_TARGET:
		return VNVME_SC_INTERNAL | VNVME_DNR;
	case BLK_STS_AGAIN:
	case BLK_STS_RESOURCE:
	case BLK_STS_DEV_RESOURCE:
	case BLK_STS_OFFLINE:
	case BLK_STS_TRANSPORT: /* a path that is no more, or not yet */
		return VNVME_SC_NS_NOT_READY;
	default:
		return VNVME_SC_INTERNAL;
	}
}

static u16 bdev_errno(const struct nvme_mdev_ns *ns, int err, bool write)
{
	if (err == -EPERM)
		return VNVME_SC_WRITE_PROTECTED | VNVME_DNR;
	return bdev_status(ns, errno_to_blk_status(err), write);
}

/* The device as it is now: nobody tells when it shrinks, or becomes read-only. */
static u16 bdev_check(struct nvme_mdev_ns *ns, u64 slba, u64 nlb, bool write)
{
	u8 shift = ns->vns.lba_shift;

	/* a medium that was changed, a loop device that is on another file */
	if (unlikely(READ_ONCE(ns->bdev->bd_disk->diskseq) != ns->id.diskseq) ||
	    unlikely(READ_ONCE(ns->ended)))
		return nvme_mdev_ns_end(ns);
	if (unlikely(bdev_logical_block_size(ns->bdev) != 1u << shift))
		return VNVME_SC_NS_NOT_READY;
	if (unlikely((slba + nlb) << (shift - SECTOR_SHIFT) > bdev_nr_sectors(ns->bdev)))
		return bdev_nr_sectors(ns->bdev) ? VNVME_SC_LBA_RANGE | VNVME_DNR :
						   VNVME_SC_NS_NOT_READY | VNVME_DNR;
	if (write && unlikely(nvme_mdev_ns_read_only(ns)))
		return VNVME_SC_WRITE_PROTECTED | VNVME_DNR;
	return 0;
}

/*
 * The request goes back to its lane.  The lane may be taken apart as soon as it
 * has been seen there; who does so waits for RCU readers.
 */
static void bdev_ended(struct nvme_mdev_bio *io, u16 status)
{
	struct nvme_mdev_lane *ml = io->req->lane->priv;

	io->status = status;
	rcu_read_lock();
	if (llist_add(&io->node, &ml->ended))
		nvme_mdev_poller_irq(ml);
	rcu_read_unlock();
}

/* Have somebody submit it who may wait for the device. */
static void bdev_wait(struct nvme_mdev_ns *ns, struct nvme_mdev_bio *io)
{
	if (llist_add(&io->node, &ns->waiting))
		queue_work(ns->nm->block_wq, &ns->wait);
}

/* The lane may be looking at a bio that is silent: it is submitted again from there. */
static void bdev_endio(struct bio *bio)
{
	struct nvme_mdev_bio *io = container_of(bio, struct nvme_mdev_bio, bio);
	struct nvme_mdev_ns *ns = io->req->ns->priv;
	blk_status_t status = bio->bi_status;
	bool nowait = bio->bi_opf & REQ_NOWAIT;

	bio_uninit(bio);
	if (unlikely(status == BLK_STS_AGAIN) && nowait)
		bdev_ended(io, BDEV_AGAIN);
	else
		bdev_ended(io, bdev_status(ns, status, io->req->opcode != VNVME_CMD_READ));
}

/* Without a write cache that the guest knows of, each write is durable. */
static bool bdev_is_durable(const struct vnvme_req *req)
{
	return req->fua || !req->lane->ctrl->cfg.vwc;
}

/* As direct I/O does it: a write that somebody waits for is not throttled. */
static blk_opf_t bdev_opf(const struct vnvme_req *req)
{
	switch (req->opcode) {
	case VNVME_CMD_WRITE:
	case VNVME_CMD_WRITE_ZEROES:
		return REQ_OP_WRITE | REQ_SYNC | REQ_IDLE | (bdev_is_durable(req) ? REQ_FUA : 0);
	case VNVME_CMD_FLUSH:
		return REQ_OP_WRITE | REQ_SYNC | REQ_PREFLUSH;
	default:
		return REQ_OP_READ;
	}
}

/* On vectors that are there, for the first or a second time. */
static void bdev_submit_bio(const struct nvme_mdev_ns *ns, struct nvme_mdev_bio *io,
			    blk_opf_t flags)
{
	struct vnvme_req *req = io->req;
	struct bio *bio = &io->bio;

	bio_init(bio, NULL, (struct bio_vec *)req->segs, req->nr_segs, bdev_opf(req) | flags);
	bio->bi_bdev = ns->bdev;
	bio_associate_blkg_from_css(bio, ns->nm->block_css);
	bio->bi_vcnt = req->nr_segs;
	bio->bi_iter.bi_sector = req->slba << (ns->vns.lba_shift - SECTOR_SHIFT);
	bio->bi_iter.bi_size = req->bytes;
	bio->bi_end_io = bdev_endio;
	submit_bio(bio);
}

/* What had to wait, in the order in which it came; ends what the guest has dropped. */
static void bdev_wait_work(struct work_struct *work)
{
	struct nvme_mdev_ns *ns = container_of(work, struct nvme_mdev_ns, wait);
	struct nvme_mdev_bio *io, *next;
	struct llist_node *list;
	struct blk_plug plug;

	list = llist_reverse_order(llist_del_all(&ns->waiting));
	blk_start_plug(&plug);
	llist_for_each_entry_safe(io, next, list, node) {
		if (READ_ONCE(io->req->lane->stopping))
			bdev_ended(io, VNVME_SC_ABORT_REQUESTED);
		else
			bdev_submit_bio(ns, io, 0);
	}
	blk_finish_plug(&plug);
}

/* ---------------------------------------------------- what has to wait ---- */

/* A place in the guest's memory of a request. */
struct bdev_place {
	const struct vnvme_seg	*seg;
	u32			off;
};

enum bdev_move { BDEV_TO_GUEST, BDEV_FROM_GUEST, BDEV_COMPARE };

/* Move @len bytes and the place with them. */
static u16 bdev_move(struct bdev_place *p, void *buf, u32 len, enum bdev_move how)
{
	u16 status = 0;

	while (len && !status) {
		u32 n = min(len, p->seg->len - p->off);
		void *kva = p->seg->kva + p->off;

		if (how == BDEV_TO_GUEST)
			status = vnvme_guest_put(kva, buf, n);
		else if (how == BDEV_FROM_GUEST)
			status = vnvme_guest_get(buf, kva, n);
		else
			status = vnvme_guest_compare(kva, buf, n);
		buf += n;
		len -= n;
		p->off += n;
		if (p->off == p->seg->len) {
			p->seg++;
			p->off = 0;
		}
	}
	return status;
}

/* One bio on host memory, and its end. */
static u16 bdev_sync(const struct nvme_mdev_ns *ns, blk_opf_t opf, u64 slba, void *buf, u32 len)
{
	struct bio_vec vec;
	struct bio bio;

	bio_init(&bio, ns->bdev, &vec, 1, opf);
	bio.bi_iter.bi_sector = slba << (ns->vns.lba_shift - SECTOR_SHIFT);
	__bio_add_page(&bio, virt_to_page(buf), len, 0);
	submit_bio_wait(&bio);
	bio_uninit(&bio);
	return bdev_status(ns, bio.bi_status, op_is_write(opf));
}

static u16 bdev_flush(const struct nvme_mdev_ns *ns)
{
	return bdev_errno(ns, blkdev_issue_flush(ns->bdev), true);
}

/* Has the guest dropped it?  Then there is no need to go on. */
static bool bdev_dropped(const struct vnvme_req *req)
{
	return READ_ONCE(req->lane->stopping);
}

/*
 * Piece by piece through @buf: Compare, Verify, data that the device cannot reach,
 * and zeros for one that knows only how to write.
 */
static u16 bdev_by_hand(const struct nvme_mdev_ns *ns, const struct vnvme_req *req, void *buf,
			u32 size)
{
	bool write = op_is_write(bdev_opf(req));
	u64 slba = req->slba, left = (u64)req->nlb << ns->vns.lba_shift;
	struct bdev_place place = { .seg = req->segs };
	u16 status = 0;

	/* what is read is what the medium has, if the guest wants that */
	if (!write && req->fua)
		status = bdev_flush(ns);
	while (!status && left) {
		u32 n = min_t(u64, left, size);

		if (bdev_dropped(req))
			return VNVME_SC_ABORT_REQUESTED;
		if (req->opcode == VNVME_CMD_WRITE)
			status = bdev_move(&place, buf, n, BDEV_FROM_GUEST);
		else if (write)
			memset(buf, 0, n);
		if (!status)
			status = bdev_sync(ns, bdev_opf(req), slba, buf, n);
		if (!status && req->opcode == VNVME_CMD_READ)
			status = bdev_move(&place, buf, n, BDEV_TO_GUEST);
		if (!status && req->opcode == VNVME_CMD_COMPARE)
			status = bdev_move(&place, buf, n, BDEV_COMPARE);
		slba += n >> ns->vns.lba_shift;
		left -= n;
	}
	return status;
}

/* As memmove(): what is still to be read is not written over. */
static u16 bdev_copy_range(const struct nvme_mdev_ns *ns, const struct vnvme_req *req, u64 from,
			   u64 to, u64 left, void *buf, u32 size)
{
	bool backwards = to > from && to - from < left;
	u16 status = 0;
	u64 at = 0;

	while (!status && left) {
		u32 n = min_t(u64, left, size >> ns->vns.lba_shift);

		if (bdev_dropped(req))
			return VNVME_SC_ABORT_REQUESTED;
		left -= n;
		if (backwards)
			at = left;
		status = bdev_sync(ns, REQ_OP_READ, from + at, buf, n << ns->vns.lba_shift);
		if (!status)
			status = bdev_sync(ns, REQ_OP_WRITE | REQ_SYNC | REQ_IDLE, to + at, buf,
					   n << ns->vns.lba_shift);
		at += n;
	}
	return status;
}

/* The ranges stand in the scratch page, checked. */
static u16 bdev_copy(struct nvme_mdev_ns *ns, struct vnvme_req *req, void *buf, u32 size)
{
	const struct vnvme_copy_range *range = req->scratch;
	u64 to = req->slba;
	u16 status = 0;
	u32 i, nlb;

	for (i = 0; i < req->nlb && !status; i++) {
		req->copied = i;
		nlb = le16_to_cpu(range[i].nlb) + 1;
		status = bdev_check(ns, le64_to_cpu(range[i].slba), nlb, false) ?:
			 bdev_check(ns, to, nlb, true) ?:
			 bdev_copy_range(ns, req, le64_to_cpu(range[i].slba), to, nlb, buf, size);
		to += nlb;
	}
	if (!status && bdev_is_durable(req)) {
		/* not durable: none of them */
		req->copied = 0;
		status = bdev_flush(ns);
	}
	return status;
}

/* Where a piece of a discard ends: at a multiple of what the device can discard. */
static sector_t bdev_piece_end(struct block_device *bdev, sector_t from, sector_t end)
{
	u32 gran = max(bdev_discard_granularity(bdev) >> SECTOR_SHIFT, 1u);
	u32 piece = max(rounddown(BDEV_PIECE, gran), gran);
	sector_t at = get_start_sect(bdev) + from;

	return min(end, from + piece - sector_div(at, piece));
}

/*
 * Piece by piece: a discard of terabytes may take minutes, in which neither the
 * guest could stop its controller nor the host close the device.
 */
static u16 bdev_discard(const struct nvme_mdev_ns *ns, const struct vnvme_req *req, u64 slba,
			u32 nlb)
{
	u8 shift = ns->vns.lba_shift - SECTOR_SHIFT;
	sector_t from = slba << shift, end = (slba + nlb) << shift, next;
	int err;

	for (; from < end; from = next) {
		if (bdev_dropped(req))
			return VNVME_SC_ABORT_REQUESTED;
		next = bdev_piece_end(ns->bdev, from, end);
		err = blkdev_issue_discard(ns->bdev, from, next - from, GFP_NOIO);
		if (err == -EOPNOTSUPP && !bdev_is_gone(ns))
			return 0;
		if (err)
			return bdev_errno(ns, err, true);
	}
	return 0;
}

/* Whether a device can discard or not: the guest has only said what it does not need. */
static u16 bdev_deallocate(struct nvme_mdev_ns *ns, const struct vnvme_req *req)
{
	const struct vnvme_dsm_range *range = req->scratch;
	u16 status = 0;
	u32 i, nlb;

	for (i = 0; i < req->nlb && !status; i++) {
		u64 slba = le64_to_cpu(range[i].slba);

		nlb = le32_to_cpu(range[i].nlb);
		status = bdev_check(ns, slba, nlb, true) ?: bdev_discard(ns, req, slba, nlb);
	}
	return status;
}

static u16 bdev_buffered(struct nvme_mdev_ns *ns, struct vnvme_req *req)
{
	unsigned int order = BDEV_COPY_ORDER;
	unsigned long buf;
	u16 status;

	buf = __get_free_pages(GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN, order);
	if (!buf) {
		order = 0;
		buf = __get_free_page(GFP_NOIO);
	}
	if (!buf)
		return VNVME_SC_NS_NOT_READY;
	if (req->opcode == VNVME_CMD_COPY)
		status = bdev_copy(ns, req, (void *)buf, PAGE_SIZE << order);
	else
		status = bdev_by_hand(ns, req, (void *)buf, PAGE_SIZE << order);
	free_pages(buf, order);
	return status;
}

/*
 * By the device if it can.  One that says so and cannot after all is believed
 * once: each time is a line in the host's log.
 */
static u16 bdev_zero(struct nvme_mdev_ns *ns, struct vnvme_req *req)
{
	u8 shift = ns->vns.lba_shift - SECTOR_SHIFT;
	u16 status;
	int err;

	if (READ_ONCE(ns->zero_by_hand))
		return bdev_buffered(ns, req);
	err = blkdev_issue_zeroout(ns->bdev, req->slba << shift, (u64)req->nlb << shift, GFP_NOIO,
				   BLKDEV_ZERO_NOFALLBACK |
				   (req->deallocate ? 0 : BLKDEV_ZERO_NOUNMAP));
	if (err == -EOPNOTSUPP && !bdev_is_gone(ns)) {
		WRITE_ONCE(ns->zero_by_hand, true);
		return bdev_buffered(ns, req);
	}
	status = bdev_errno(ns, err, true);
	if (!status && bdev_is_durable(req))
		status = bdev_flush(ns);
	return status;
}

static void bdev_slow_work(struct work_struct *work)
{
	struct nvme_mdev_bio *io = container_of(work, struct nvme_mdev_bio, slow);
	struct vnvme_req *req = io->req;
	struct nvme_mdev_ns *ns = req->ns->priv;
	u16 status;

	kthread_associate_blkcg(ns->nm->block_css);
	if (bdev_dropped(req))
		status = VNVME_SC_ABORT_REQUESTED;
	else if (req->opcode == VNVME_CMD_DSM)
		status = bdev_deallocate(ns, req);
	else if (req->opcode == VNVME_CMD_WRITE_ZEROES)
		status = bdev_zero(ns, req);
	else
		status = bdev_buffered(ns, req);
	kthread_associate_blkcg(NULL);
	bdev_ended(io, status);
}

/* ------------------------------------------------------------- the seam ---- */

/* Can the device reach the guest's memory as it is? */
static bool bdev_reaches(const struct nvme_mdev_ns *ns, const struct vnvme_req *req)
{
	const struct vnvme_seg *seg = req->segs, *end = seg + req->nr_segs;
	unsigned long bits = 0;

	for (; seg != end; seg++)
		bits |= (unsigned long)seg->kva | seg->len;
	return !(bits & ns->dma_mask);
}

/* Vectors are smaller than segments and stand in their place, the first ones first. */
static void bdev_fill(const struct vnvme_req *req)
{
	struct bio_vec *vec = (struct bio_vec *)req->segs;
	const struct vnvme_seg *seg = req->segs, *end = seg + req->nr_segs;
	u32 *page = req->scratch;

	static_assert(sizeof(*vec) <= sizeof(*seg));
	static_assert(VNVME_MAX_SEGS * sizeof(*page) <= PAGE_SIZE);
	for (; seg != end; seg++, vec++) {
		void *kva = seg->kva;
		u32 len = seg->len;

		/* the first one's is in PRP1 */
		if (seg != req->segs)
			*page++ = seg->page;
		vec->bv_page = virt_to_page(kva);
		vec->bv_offset = offset_in_page(kva);
		vec->bv_len = len;
	}
}

/* What bdev_fill() has made of them. */
static struct vnvme_seg bdev_seg(const struct vnvme_req *req, u32 i)
{
	const struct nvme_mdev_lane *ml = req->lane->priv;
	const struct bio_vec *vec = (const struct bio_vec *)req->segs + i;
	const u32 *page = req->scratch;

	if (!ml->bios[req->tag].filled)
		return req->segs[i];
	return (struct vnvme_seg){ .len = vec->bv_len, .page = i ? page[i - 1] : 0 };
}

/* Must it be done by hand, or by several bios? */
static bool bdev_is_slow(const struct nvme_mdev_ns *ns, const struct vnvme_req *req)
{
	switch (req->opcode) {
	case VNVME_CMD_READ:
		return unlikely(req->fua) || unlikely(!bdev_reaches(ns, req));
	case VNVME_CMD_WRITE:
		return unlikely(!bdev_reaches(ns, req));
	case VNVME_CMD_FLUSH:
		return false;
	default:
		return true;
	}
}

static u16 bdev_check_req(struct nvme_mdev_ns *ns, const struct vnvme_req *req)
{
	switch (req->opcode) {
	case VNVME_CMD_DSM:
	case VNVME_CMD_COPY:
		return 0; /* range by range */
	case VNVME_CMD_FLUSH:
		return bdev_check(ns, 0, 1, false);
	default:
		return bdev_check(ns, req->slba, req->nlb, req->opcode == VNVME_CMD_WRITE ||
				  req->opcode == VNVME_CMD_WRITE_ZEROES);
	}
}

/*
 * Is there no interrupt when it ends?  Then the lane has to be looked at until it
 * has, so not if the device adapts: its lanes sleep with commands in flight.  What
 * makes the block layer flush a cache, too, becomes requests that no bio leads to.
 */
static bool bdev_is_silent(const struct nvme_mdev_ns *ns, const struct vnvme_req *req)
{
	return compat_bdev_polls(ns->bdev) && !READ_ONCE(ns->nm->adaptive) &&
	       !op_is_flush(bdev_opf(req));
}

/*
 * The poller's own.  A bio that is merged into another one's request leads to no
 * queue, so a silent one is not.
 */
static void bdev_submit_nowait(struct nvme_mdev_lane *ml, const struct nvme_mdev_ns *ns,
			       struct nvme_mdev_bio *io)
{
	blk_opf_t flags = REQ_NOWAIT;

	if (bdev_is_silent(ns, io->req)) {
		list_add_tail(&io->silent, &ml->silent);
		flags |= REQ_POLLED | REQ_NOMERGE;
	}
	if (!ml->plugged) {
		ml->plugged = true;
		blk_start_plug(&ml->plug);
	}
	/* of any submission the block layer says that it might sleep; not with REQ_NOWAIT */
	non_block_end();
	bdev_submit_bio(ns, io, flags);
	non_block_start();
}

static u16 bdev_submit(struct vnvme_backend *b, struct vnvme_lane *lane, struct vnvme_req *req)
{
	struct nvme_mdev_lane *ml = lane->priv;
	struct nvme_mdev_ns *ns = req->ns->priv;
	struct nvme_mdev_bio *io = &ml->bios[req->tag];
	u16 status = bdev_check_req(ns, req);

	if (unlikely(status))
		return status;
	nvme_mdev_stat_start(ml->stat, req);
	io->filled = !bdev_is_slow(ns, req);
	if (!io->filled) {
		queue_work(ns->slow_wq, &io->slow);
		return 0;
	}
	bdev_fill(req);
	if (!ns->nowait) {
		bdev_wait(ns, io);
		return 0;
	}
	bdev_submit_nowait(ml, ns, io);
	return 0;
}

static void bdev_commit(struct vnvme_backend *b, struct vnvme_lane *lane)
{
	struct nvme_mdev_lane *ml = lane->priv;

	if (!ml->plugged)
		return;
	ml->plugged = false;
	blk_finish_plug(&ml->plug);
}

/*
 * What has ended on the queue where one of them is; the next time it is another
 * one's turn, as they may be on several.  One that is not on its way to the device
 * yet, or had to be split, leads to none and does no harm.
 */
static void bdev_poll(struct nvme_mdev_lane *ml)
{
	struct nvme_mdev_bio *io = list_first_entry(&ml->silent, struct nvme_mdev_bio, silent);
	DEFINE_IO_COMP_BATCH(iob);

	list_rotate_left(&ml->silent);
	compat_bio_poll(&io->bio, &iob);
	if (iob.complete)
		iob.complete(&iob);
}

static void bdev_found(struct nvme_mdev_lane *ml, struct nvme_mdev_bio *io)
{
	if (list_empty(&io->silent))
		return;
	list_del_init(&io->silent);
	/* not if it had to be split */
	if (io->status != BDEV_AGAIN && io->bio.bi_opf & REQ_POLLED)
		ml->polls++;
}

static unsigned int bdev_reap(struct vnvme_backend *b, struct vnvme_lane *lane)
{
	struct nvme_mdev_lane *ml = lane->priv;
	struct nvme_mdev_bio *io;
	struct llist_node *list;
	unsigned int n = 0;

	if (!list_empty(&ml->silent))
		bdev_poll(ml);
	list = ml->reaped;
	if (!list) {
		if (llist_empty(&ml->ended))
			return 0;
		list = llist_reverse_order(llist_del_all(&ml->ended));
	}
	for (; list && n < VNVME_REAP; n++) {
		io = llist_entry(list, struct nvme_mdev_bio, node);
		list = list->next;
		bdev_found(ml, io);
		if (unlikely(io->status == BDEV_AGAIN)) {
			bdev_wait(io->req->ns->priv, io);
			continue;
		}
		nvme_mdev_stat_done(ml->stat, io->req);
		vnvme_req_done(io->req, io->status);
	}
	ml->reaped = list;
	return n;
}

const struct vnvme_backend_ops nvme_mdev_block_backend = {
	.submit	= bdev_submit,
	.commit	= bdev_commit,
	.reap	= bdev_reap,
	.seg	= bdev_seg,
};

/* ------------------------------------------------------ devices, limits ---- */

/* The backend is there before the first namespace of it. */
static int bdev_setup(struct nvme_mdev *nm)
{
	unsigned int i;
	u32 k;
	int ret;

	if (nm->has_block)
		return 0;
	for (i = 1; i <= nm->nr_pairs; i++) {
		struct nvme_mdev_lane *ml = &nm->lanes[i];

		if (!ml->bios)
			ml->bios = kvcalloc(ml->nr, sizeof(*ml->bios), GFP_KERNEL_ACCOUNT);
		if (!ml->bios)
			return -ENOMEM;
		for (k = 0; k < ml->nr; k++) {
			ml->bios[k].req = &ml->reqs[k];
			INIT_LIST_HEAD(&ml->bios[k].silent);
			INIT_WORK(&ml->bios[k].slow, bdev_slow_work);
		}
	}
	ret = vnvme_backend_add(&nm->ctrl, &nm->block);
	nm->has_block = !ret;
	return ret;
}

/**
 * nvme_mdev_block_attach() - before a namespace is attached
 * @ns: namespace, claimed; the lanes of its device have their requests
 *
 * Devices without such a namespace do not pay for it.
 * Context: control, may sleep. Return: 0 or -ENOMEM.
 */
int nvme_mdev_block_attach(struct nvme_mdev_ns *ns)
{
	ns->slow_wq = alloc_workqueue("nvme-mdev/%.8s.%u", WQ_UNBOUND,
				      NVME_MDEV_BLOCK_WORKERS,
				      dev_name(nvme_mdev_dev(ns->nm)), ns->vns.nsid);
	return ns->slow_wq ? bdev_setup(ns->nm) : -ENOMEM;
}

/**
 * nvme_mdev_block_detach() - before the claim of a namespace is given back
 * @ns: namespace of any kind; nothing of it is in flight
 *
 * Context: control, may sleep.
 */
void nvme_mdev_block_detach(struct nvme_mdev_ns *ns)
{
	flush_work(&ns->wait);
	if (ns->slow_wq)
		destroy_workqueue(ns->slow_wq);
	ns->slow_wq = NULL;
}

/**
 * nvme_mdev_block_open() - the calling VMM's cgroup pays from now on
 * @nm: device
 */
void nvme_mdev_block_open(struct nvme_mdev *nm)
{
#ifdef CONFIG_BLK_CGROUP
	nm->block_css = task_get_css(current, io_cgrp_id);
#endif
}

/**
 * nvme_mdev_block_close() - undo nvme_mdev_block_open(), if that was done
 * @nm: device; nothing is in flight
 */
void nvme_mdev_block_close(struct nvme_mdev *nm)
{
#ifdef CONFIG_BLK_CGROUP
	if (nm->block_css)
		css_put(nm->block_css);
#endif
	nm->block_css = NULL;
}

/**
 * nvme_mdev_block_init_ns() - before a namespace is claimed
 * @ns: namespace
 */
void nvme_mdev_block_init_ns(struct nvme_mdev_ns *ns)
{
	init_llist_head(&ns->waiting);
	INIT_WORK(&ns->wait, bdev_wait_work);
}

/*
 * Does the poller submit by itself?  Not where a driver may sleep though it is
 * told not to, as those do that may sleep in ->queue_rq, and the generation of
 * checksums does.
 */
static bool bdev_is_nowait(struct block_device *bdev)
{
	struct request_queue *q = bdev_get_queue(bdev);

	return bdev_nowait(bdev) && !blk_get_integrity(bdev->bd_disk) &&
	       !(queue_is_mq(q) && q->tag_set->flags & BLK_MQ_F_BLOCKING);
}

/* Bytes in blocks. */
static u32 bdev_blocks(const struct nvme_mdev_ns *ns, u64 bytes)
{
	return min_t(u64, bytes >> ns->vns.lba_shift, U32_MAX);
}

/* A chunk's size, if the namespace begins at a chunk. */
static u32 bdev_boundary(const struct nvme_mdev_ns *ns)
{
	u32 chunk = bdev_get_queue(ns->bdev)->limits.chunk_sectors;
	u64 start = get_start_sect(ns->bdev);

	if (!chunk || do_div(start, chunk))
		return 0;
	return bdev_blocks(ns, (u64)chunk << SECTOR_SHIFT);
}

/**
 * nvme_mdev_block_limits() - what a device can do and likes
 * @ns: namespace, claimed, its LBA size is known
 */
void nvme_mdev_block_limits(struct nvme_mdev_ns *ns)
{
	struct block_device *bdev = ns->bdev;
	u32 gran = bdev_blocks(ns, max(bdev_physical_block_size(bdev), bdev_io_min(bdev)));
	u32 free = bdev_max_discard_sectors(bdev) ?
		   bdev_blocks(ns, bdev_discard_granularity(bdev)) : 0;
	struct nvme_mdev_hints raw;

	ns->nowait = bdev_is_nowait(bdev);
	/*
	 * No block lies in two vectors: not every driver that says so can do
	 * that (null_blk writes beyond a page then).
	 */
	ns->dma_mask = bdev_dma_alignment(bdev) | (bdev_logical_block_size(bdev) - 1);
	ns->start = 0;
	ns->vns.nuse = 0;
	raw = (struct nvme_mdev_hints){
		.boundary	= bdev_boundary(ns),
		.write_gran	= gran,
		.write_align	= bdev_alignment_offset(bdev) ? 0 : gran,
		.write_best	= bdev_blocks(ns, bdev_io_opt(bdev)),
		.free_gran	= free,
		.free_align	= bdev_discard_alignment(bdev) ? 0 : free,
		.wz_deac	= bdev_write_zeroes_sectors(bdev),
	};
	/* the block layer has looked at where the namespace begins */
	nvme_mdev_hints_set(ns, &raw, 0);
	/* by hand; 1 MiB a range keeps a command short */
	ns->vns.msrc = VNVME_COPY_RANGES - 1;
	ns->vns.mssrl = bdev_blocks(ns, SZ_1M);
	ns->vns.mcl = VNVME_COPY_RANGES * ns->vns.mssrl;
}
