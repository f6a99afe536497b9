// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints themselves, and the way to them from the core's hooks
 * (core/trace.h), which know of no kernel object.
 */
#define CREATE_TRACE_POINTS
#include "trace.h"

#include "core/internal.h"

void vnvme_do_trace_command(struct vnvme_req *req, u16 status)
{
	/* it comes again when its memory is there */
	if (status != VNVME_MISS)
		trace_nvme_mdev_command(req, status);
}

void vnvme_do_trace_admin(struct vnvme_ctrl *ctrl, const struct vnvme_sqe *sqe)
{
	trace_nvme_mdev_admin(ctrl, sqe);
}

void vnvme_do_trace_completion(struct vnvme_lane *lane, const struct vnvme_sq *sq, u16 cid,
			       u16 status, u32 dw0)
{
	trace_nvme_mdev_completion(lane, sq, cid, status, dw0);
}

void vnvme_do_trace_doorbell(struct vnvme_ctrl *ctrl, const struct vnvme_sq *sq)
{
	trace_nvme_mdev_doorbell(ctrl, sq);
}

void vnvme_do_trace_exit(struct vnvme_ctrl *ctrl, u32 index, u32 val)
{
	trace_nvme_mdev_exit(ctrl, index, val);
}

void vnvme_do_trace_miss(struct vnvme_req *req)
{
	trace_nvme_mdev_miss(req);
}

void vnvme_do_trace_pinned(struct vnvme_req *req, int err)
{
	trace_nvme_mdev_pinned(req, err);
}

void vnvme_do_trace_reset(struct vnvme_ctrl *ctrl, enum vnvme_state next)
{
	trace_nvme_mdev_reset(ctrl, next);
}
