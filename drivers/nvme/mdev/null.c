// SPDX-License-Identifier: GPL-2.0
/*
 * A backend without a drive: every command succeeds at once and moves nothing.
 * It is the ceiling that other backends are measured against, and it lets the
 * controller be tested where there is nothing to lose.
 *
 * It carries out every command that the core knows.  Its blocks are zeros, to
 * Compare as well; only Read does not take the time to say so.
 */
#include "mdev.h"

static noinline u16 null_compare(const struct vnvme_req *req)
{
	u16 status = 0, i;

	for (i = 0; i < req->nr_segs && !status; i++)
		status = vnvme_guest_compare(req->segs[i].kva, NULL, req->segs[i].len);
	return status;
}

static u16 null_submit(struct vnvme_backend *b, struct vnvme_lane *lane, struct vnvme_req *req)
{
	struct nvme_mdev_lane *ml = lane->priv;
	u16 status = VNVME_SC_SUCCESS;

	nvme_mdev_stat_start(ml->stat, req);
	if (unlikely(req->opcode == VNVME_CMD_COMPARE))
		status = null_compare(req);
	nvme_mdev_stat_done(ml->stat, req);
	vnvme_req_done(req, status);
	return 0;
}

const struct vnvme_backend_ops nvme_mdev_null_backend = {
	.submit	= null_submit,
};
