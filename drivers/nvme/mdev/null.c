// SPDX-License-Identifier: GPL-2.0
/*
 * A backend without a drive: every command succeeds at once and moves nothing.
 * It is the ceiling that other backends are measured against, and it lets the
 * controller be tested where there is nothing to lose.
 */
#include "mdev.h"

static u16 null_submit(struct vnvme_backend *b, struct vnvme_lane *lane, struct vnvme_req *req)
{
	vnvme_req_done(req, VNVME_SC_SUCCESS);
	return 0;
}

static void null_commit(struct vnvme_backend *b, struct vnvme_lane *lane)
{
}

static unsigned int null_reap(struct vnvme_backend *b, struct vnvme_lane *lane)
{
	return 0;
}

const struct vnvme_backend_ops nvme_mdev_null_backend = {
	.submit	= null_submit,
	.commit	= null_commit,
	.reap	= null_reap,
};
