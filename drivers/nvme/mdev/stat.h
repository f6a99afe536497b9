/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is counted of each command, by the owner of its lane: no lock, no atomic
 * operation, no clock but jiffies.
 *
 * The clock is read only while somebody has asked for a latency histogram of
 * some device; until then its place in the code is a jump that is not taken.
 */
#ifndef _NVME_MDEV_STAT_H
#define _NVME_MDEV_STAT_H

#include <linux/blk_types.h>
#include <linux/jiffies.h>
#include <linux/jump_label.h>
#include <linux/minmax.h>

#include "core/vnvme.h"

#define NVME_MDEV_LATENCY_OPS		4	/* Flush, Write, Read, others */
#define NVME_MDEV_LATENCY_BUCKETS	40	/* [2^n, 2^(n+1)) ns, the last: all above */

/* A counter that its owner may be going on with. */
#define nvme_mdev_counted(x)	data_race(READ_ONCE(x))

/**
 * struct nvme_mdev_acct - commands that have ended, as the block layer groups them
 * @ios:	commands
 * @sectors:	of 512 bytes
 * @ticks:	jiffies from submission to completion
 */
struct nvme_mdev_acct {
	u64	ios[NR_STAT_GROUPS];
	u64	sectors[NR_STAT_GROUPS];
	u64	ticks[NR_STAT_GROUPS];
};

/**
 * struct nvme_mdev_ns_stat - one namespace on one lane
 * @started:	commands that a backend has taken
 * @now:	those that have ended
 * @told:	what of @now the host's block device has been told
 * @seen:	@started when that was done
 */
struct nvme_mdev_ns_stat {
	u64			started;
	struct nvme_mdev_acct	now;
	struct nvme_mdev_acct	told;
	u64			seen;
};

/**
 * struct nvme_mdev_lane_stat - one lane; written by its owner
 * @jiffy:	when the host's block devices were last told
 * @timing:	commands are timed; changed by control with the lane parked
 * @ns:		by the guest's NSID
 * @latency:	ends, by operation and log2 of nanoseconds
 */
struct nvme_mdev_lane_stat {
	unsigned long			jiffy;
	bool				timing;
	struct nvme_mdev_ns_stat	ns[VNVME_MAX_NS + 1];
	u64	latency[NVME_MDEV_LATENCY_OPS][NVME_MDEV_LATENCY_BUCKETS];
} ____cacheline_aligned;

/**
 * struct nvme_mdev_stat - a device's counters; they outlive its being closed
 * @lane:	by lane
 * @stamp:	the jiffy up to which @io_ticks has been counted
 * @io_ticks:	jiffies that began with commands in flight
 */
struct nvme_mdev_stat {
	struct nvme_mdev_lane_stat	*lane;
	unsigned long			stamp;
	atomic_long_t			io_ticks;
};

/* Some device's commands are timed. */
DECLARE_STATIC_KEY_FALSE(nvme_mdev_timing);

void nvme_mdev_stat_other(struct nvme_mdev_acct *acct, const struct vnvme_req *req);
void nvme_mdev_stat_clock(const struct nvme_mdev_lane_stat *stat, struct vnvme_req *req);
void nvme_mdev_stat_latency(struct nvme_mdev_lane_stat *stat, const struct vnvme_req *req);

/**
 * nvme_mdev_stat_start() - a backend has taken a request
 * @stat:	of its lane
 * @req:	request
 *
 * Context: owner.
 */
static __always_inline void nvme_mdev_stat_start(struct nvme_mdev_lane_stat *stat,
						 struct vnvme_req *req)
{
	req->start = jiffies;
	stat->ns[req->ns->nsid].started++;
	if (static_branch_unlikely(&nvme_mdev_timing))
		nvme_mdev_stat_clock(stat, req);
}

/**
 * nvme_mdev_stat_lost() - undo nvme_mdev_stat_start(): it will start again
 * @stat:	of its lane
 * @req:	request
 *
 * Context: owner.
 */
static inline void nvme_mdev_stat_lost(struct nvme_mdev_lane_stat *stat,
				       const struct vnvme_req *req)
{
	stat->ns[req->ns->nsid].started--;
}

static __always_inline void nvme_mdev_stat_group(struct nvme_mdev_acct *acct,
						 const struct vnvme_req *req,
						 enum stat_group group, u64 sectors)
{
	acct->ios[group]++;
	acct->sectors[group] += sectors;
	acct->ticks[group] += jiffies - req->start;
}

/**
 * nvme_mdev_stat_done() - a request has ended, well or not; before vnvme_req_done()
 * @stat:	of its lane
 * @req:	request
 *
 * Context: owner.
 */
static __always_inline void nvme_mdev_stat_done(struct nvme_mdev_lane_stat *stat,
						const struct vnvme_req *req)
{
	struct nvme_mdev_acct *acct = &stat->ns[req->ns->nsid].now;

	if (likely(req->opcode == VNVME_CMD_READ))
		nvme_mdev_stat_group(acct, req, STAT_READ, req->bytes >> 9);
	else if (likely(req->opcode == VNVME_CMD_WRITE))
		nvme_mdev_stat_group(acct, req, STAT_WRITE, req->bytes >> 9);
	else
		nvme_mdev_stat_other(acct, req);
	if (static_branch_unlikely(&nvme_mdev_timing))
		nvme_mdev_stat_latency(stat, req);
}

#endif
