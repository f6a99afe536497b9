// SPDX-License-Identifier: GPL-2.0
/*
 * Counters of a device in the block layer's terms, and what the host's own
 * block devices are told of the guest's I/O.
 *
 * A lane's owner counts each command, see stat.h.  Once a jiffy it adds what is
 * new to the partition that is behind each namespace, so that iostat on the
 * host sees it; that costs a comparison per pass.
 */
#include <linux/blkdev.h>
#include <linux/ktime.h>
#include <linux/part_stat.h>
#include <linux/slab.h>

#include "mdev.h"

DEFINE_STATIC_KEY_FALSE(nvme_mdev_timing);

static u64 stat_ended(const struct nvme_mdev_acct *acct)
{
	u64 n = 0;
	int g;

	for (g = 0; g < NR_STAT_GROUPS; g++)
		n += nvme_mdev_counted(acct->ios[g]);
	return n;
}

/* Of a command with ranges: they are still in the scratch page. */
static u64 stat_range_lbas(const struct vnvme_req *req)
{
	const struct vnvme_copy_range *copy = req->scratch;
	const struct vnvme_dsm_range *dsm = req->scratch;
	u64 lbas = 0;
	u32 i;

	for (i = 0; i < req->nlb; i++)
		lbas += req->opcode == VNVME_CMD_COPY ? le16_to_cpu(copy[i].nlb) + 1u :
							le32_to_cpu(dsm[i].nlb);
	return lbas;
}

/**
 * nvme_mdev_stat_other() - count what is neither a Read nor a Write
 * @acct:	of its namespace
 * @req:	request that has ended
 *
 * Context: owner.
 */
void nvme_mdev_stat_other(struct nvme_mdev_acct *acct, const struct vnvme_req *req)
{
	u8 shift = req->ns->lba_shift - SECTOR_SHIFT;

	switch (req->opcode) {
	case VNVME_CMD_FLUSH:
		nvme_mdev_stat_group(acct, req, STAT_FLUSH, 0);
		break;
	case VNVME_CMD_DSM:
		nvme_mdev_stat_group(acct, req, STAT_DISCARD, stat_range_lbas(req) << shift);
		break;
	case VNVME_CMD_COPY:
		nvme_mdev_stat_group(acct, req, STAT_WRITE, stat_range_lbas(req) << shift);
		break;
	case VNVME_CMD_WRITE_ZEROES:
		nvme_mdev_stat_group(acct, req, STAT_WRITE, (u64)req->nlb << shift);
		break;
	default: /* Compare, Verify */
		nvme_mdev_stat_group(acct, req, STAT_READ, (u64)req->nlb << shift);
	}
}

/**
 * nvme_mdev_stat_clock() - note when a request starts, if its device is watched
 * @stat:	of its lane
 * @req:	request
 *
 * Context: owner.
 */
void nvme_mdev_stat_clock(const struct nvme_mdev_lane_stat *stat, struct vnvme_req *req)
{
	req->start_ns = stat->timing ? ktime_get_ns() : 0;
}

/**
 * nvme_mdev_stat_latency() - count how long a request took, if that is known
 * @stat:	of its lane
 * @req:	request that has ended
 *
 * Context: owner.
 */
void nvme_mdev_stat_latency(struct nvme_mdev_lane_stat *stat, const struct vnvme_req *req)
{
	unsigned int op, bucket;

	if (!stat->timing || !req->start_ns)
		return;
	static_assert(VNVME_CMD_FLUSH == 0 && VNVME_CMD_WRITE == 1 && VNVME_CMD_READ == 2);
	op = min_t(unsigned int, req->opcode, NVME_MDEV_LATENCY_OPS - 1);
	bucket = ilog2((ktime_get_ns() - req->start_ns) | 1);
	stat->latency[op][min_t(unsigned int, bucket, NVME_MDEV_LATENCY_BUCKETS - 1)]++;
}

/**
 * nvme_mdev_stat_time() - switch the timing of commands
 * @nm:	device
 * @on:	clears what was counted and begins, or ends and keeps it
 *
 * Context: may sleep; not in control.
 */
void nvme_mdev_stat_time(struct nvme_mdev *nm, bool on)
{
	unsigned int i, k;
	bool was;

	/* the branch is there before anybody is to take it */
	if (on)
		static_branch_inc(&nvme_mdev_timing);
	nvme_mdev_control_lock(nm);
	nvme_mdev_poller_park(nm);
	was = nm->stat.lane[0].timing;
	for (i = 0; i <= nm->nr_pairs; i++) {
		struct nvme_mdev_lane_stat *stat = &nm->stat.lane[i];
		struct nvme_mdev_lane *ml = &nm->lanes[i];

		stat->timing = on;
		if (!on)
			continue;
		memset(stat->latency, 0, sizeof(stat->latency));
		/* of those in flight it is not known when they started */
		for (k = 0; ml->reqs && k < ml->nr; k++)
			ml->reqs[k].start_ns = 0;
	}
	nvme_mdev_poller_unpark(nm);
	nvme_mdev_control_unlock(nm);
	if (was)
		static_branch_dec(&nvme_mdev_timing);
}

/*
 * The jiffies from @since to @now, those that somebody has counted already left
 * out; as the block layer does it, @stamp is how far that is.
 */
static unsigned long stat_busy(unsigned long *stamp, unsigned long since, unsigned long now)
{
	unsigned long last = READ_ONCE(*stamp);

	if (!time_after(now, last) || !try_cmpxchg(stamp, &last, now))
		return 0;
	return now - (time_after(since, last) ? since : last);
}

/* How many of the @span jiffies since the last time began with something in flight. */
static unsigned long stat_busy_for(const struct nvme_mdev_ns_stat *s, unsigned long span)
{
	unsigned int g;
	u64 ticks = 0;

	if (s->seen > stat_ended(&s->now))
		return span;
	for (g = 0; g < NR_STAT_GROUPS; g++)
		ticks += s->now.ticks[g] - s->told.ticks[g];
	return min_t(u64, span, ticks);
}

/* What is new since the last time, for a partition and, by the macros, its disk. */
static void stat_tell(struct block_device *bdev, const struct nvme_mdev_ns_stat *s,
		      unsigned long since, unsigned long now)
{
	struct block_device *disk = bdev_whole(bdev);
	unsigned int g;

	if (!blk_queue_io_stat(bdev_get_queue(bdev)))
		return;
	part_stat_lock();
	__part_stat_add(bdev, io_ticks, stat_busy(&bdev->bd_stamp, since, now));
	if (disk != bdev)
		__part_stat_add(disk, io_ticks, stat_busy(&disk->bd_stamp, since, now));
	for (g = 0; g < NR_STAT_GROUPS; g++) {
		if (s->now.ios[g] == s->told.ios[g])
			continue;
		part_stat_add(bdev, ios[g], s->now.ios[g] - s->told.ios[g]);
		part_stat_add(bdev, sectors[g], s->now.sectors[g] - s->told.sectors[g]);
		part_stat_add(bdev, nsecs[g],
			      jiffies64_to_nsecs(s->now.ticks[g] - s->told.ticks[g]));
	}
	part_stat_unlock();
}

/* Returns how many of the jiffies from @last, the last time, to @now were busy. */
static unsigned long stat_fold_ns(struct nvme_mdev_ns *ns, struct nvme_mdev_ns_stat *s,
				  unsigned long last, unsigned long now)
{
	unsigned long busy;

	/* all that was ever started has ended and been told */
	if (s->started == stat_ended(&s->told)) {
		s->seen = s->started;
		return 0;
	}
	busy = stat_busy_for(s, now - last);
	/* the block layer counts by itself */
	if (ns->bdev && ns->kind == NVME_MDEV_LENT)
		stat_tell(ns->bdev, s, now - busy, now);
	s->told = s->now;
	s->seen = s->started;
	return busy;
}

/**
 * nvme_mdev_stat_fold() - have the host's block devices know what is new
 * @ml: lane
 *
 * Context: owner; does not sleep.
 */
void nvme_mdev_stat_fold(struct nvme_mdev_lane *ml)
{
	struct nvme_mdev_stat *stat = &ml->nm->stat;
	unsigned long last = ml->stat->jiffy, now = jiffies;
	struct vnvme_ns **vns = ml->nm->ctrl.ns;
	unsigned long busy = 0;
	u32 i;

	ml->stat->jiffy = now;
	for (i = 1; i <= VNVME_MAX_NS; i++)
		if (vns[i])
			busy = max(busy, stat_fold_ns(vns[i]->priv, &ml->stat->ns[i], last, now));
	if (busy)
		atomic_long_add(stat_busy(&stat->stamp, now - busy, now), &stat->io_ticks);
}

/**
 * nvme_mdev_stat_release() - tell the last of a namespace that is let go
 * @ns: namespace; none of its commands is in flight or will be
 *
 * What comes next under its NSID is something else.
 * Context: control.
 */
void nvme_mdev_stat_release(struct nvme_mdev_ns *ns)
{
	struct nvme_mdev_lane_stat *stat;
	unsigned int i;

	for (i = 1; i <= ns->nm->nr_pairs; i++) {
		stat = &ns->nm->stat.lane[i];
		stat_fold_ns(ns, &stat->ns[ns->vns.nsid], READ_ONCE(stat->jiffy), jiffies);
	}
}

/*
 * All lanes and namespaces, beside those who count; returns how many commands
 * are in flight, or ended while this looked.
 */
static u64 stat_sum(const struct nvme_mdev *nm, struct nvme_mdev_acct *sum)
{
	u64 ended = 0, started = 0;
	unsigned int i, k, g;

	for (i = 1; i <= nm->nr_pairs; i++) {
		for (k = 1; k <= VNVME_MAX_NS; k++) {
			const struct nvme_mdev_ns_stat *s = &nm->stat.lane[i].ns[k];

			ended += stat_ended(&s->now);
			started += nvme_mdev_counted(s->started);
			for (g = 0; g < NR_STAT_GROUPS; g++) {
				sum->ios[g] += nvme_mdev_counted(s->now.ios[g]);
				sum->sectors[g] += nvme_mdev_counted(s->now.sectors[g]);
				sum->ticks[g] += nvme_mdev_counted(s->now.ticks[g]);
			}
		}
	}
	return started > ended ? started - ended : 0;
}

/**
 * nvme_mdev_stat_show() - the line of /sys/block/<disk>/stat, for a device
 * @nm:		device
 * @buf:	a page, from sysfs
 *
 * Context: any that may be preempted; takes no lock.
 * Return: length.
 */
ssize_t nvme_mdev_stat_show(const struct nvme_mdev *nm, char *buf)
{
	struct nvme_mdev_acct sum = { };
	u64 in_flight = stat_sum(nm, &sum);
	u64 ms[NR_STAT_GROUPS], queue = 0;
	unsigned int g;

	for (g = 0; g < NR_STAT_GROUPS; g++) {
		ms[g] = jiffies64_to_msecs(sum.ticks[g]);
		queue += ms[g];
	}
	return sysfs_emit(buf,
			  "%8llu %8u %8llu %8llu %8llu %8u %8llu %8llu %8llu %8llu %8llu %8llu %8u %8llu %8llu %8llu %8llu\n",
			  sum.ios[STAT_READ], 0, sum.sectors[STAT_READ], ms[STAT_READ],
			  sum.ios[STAT_WRITE], 0, sum.sectors[STAT_WRITE], ms[STAT_WRITE],
			  in_flight, jiffies64_to_msecs(atomic_long_read(&nm->stat.io_ticks)),
			  queue, sum.ios[STAT_DISCARD], 0, sum.sectors[STAT_DISCARD],
			  ms[STAT_DISCARD], sum.ios[STAT_FLUSH], ms[STAT_FLUSH]);
}

/**
 * nvme_mdev_stat_init() - counters of a new device
 * @nm: device
 *
 * Return: 0 or -ENOMEM.
 */
int nvme_mdev_stat_init(struct nvme_mdev *nm)
{
	nm->stat.lane = kvcalloc(nm->nr_pairs + 1, sizeof(*nm->stat.lane), GFP_KERNEL_ACCOUNT);
	return nm->stat.lane ? 0 : -ENOMEM;
}

/**
 * nvme_mdev_stat_exit() - free them
 * @nm: device; nobody reads or counts any more
 */
void nvme_mdev_stat_exit(struct nvme_mdev *nm)
{
	if (nm->stat.lane && nm->stat.lane[0].timing)
		static_branch_dec(&nvme_mdev_timing);
	kvfree(nm->stat.lane);
}
