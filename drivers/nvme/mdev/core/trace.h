/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the core lets itself be watched: a line in the code, a tracepoint in
 * the kernel, nothing at all in userspace.
 *
 * A hook that is off is a jump that is not taken; its arguments are what the
 * caller has at hand anyway.  What is recorded, and how it is named, is
 * ../trace.h's.
 */
#ifndef _VNVME_TRACE_H
#define _VNVME_TRACE_H

#include "vnvme.h"

#ifdef __KERNEL__
#include <linux/tracepoint-defs.h>

#define VNVME_TRACE(name, proto, args)				\
	DECLARE_TRACEPOINT(nvme_mdev_##name);			\
	void vnvme_do_trace_##name proto;			\
	static __always_inline void vnvme_trace_##name proto	\
	{							\
		if (tracepoint_enabled(nvme_mdev_##name))	\
			vnvme_do_trace_##name args;		\
	}

#else

#define VNVME_TRACE(name, proto, args)				\
	static __always_inline void vnvme_trace_##name proto	\
	{							\
	}

#endif

/* An I/O command was decoded; status: of vnvme_nvm_prepare(). */
VNVME_TRACE(command, (struct vnvme_req *req, u16 status), (req, status))

/* An admin command was fetched. */
VNVME_TRACE(admin, (struct vnvme_ctrl *ctrl, const struct vnvme_sqe *sqe),
	    (ctrl, sqe))

/* An answer was written, for a command of either kind. */
VNVME_TRACE(completion, (struct vnvme_lane *lane, const struct vnvme_sq *sq,
			 u16 cid, u16 status, u32 dw0),
	    (lane, sq, cid, status, dw0))

/* A tail was taken and there are commands behind it. */
VNVME_TRACE(doorbell, (struct vnvme_ctrl *ctrl, const struct vnvme_sq *sq),
	    (ctrl, sq))

/* A doorbell came as a write to BAR0, which left the guest. */
VNVME_TRACE(exit, (struct vnvme_ctrl *ctrl, u32 index, u32 val),
	    (ctrl, index, val))

/* A request waits for req->miss_iova; that was dealt with: err. */
VNVME_TRACE(miss, (struct vnvme_req *req), (req))
VNVME_TRACE(pinned, (struct vnvme_req *req, int err), (req, err))

/* The controller leaves ctrl->state. */
VNVME_TRACE(reset, (struct vnvme_ctrl *ctrl, enum vnvme_state next),
	    (ctrl, next))

#endif
