/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints.  Documentation/observability.rst has a table of their fields.
 *
 * qid, cmdid, nsid, slba, len and status are the guest's, named and counted as
 * nvme's own events in the guest's kernel do; what begins with host_ is the
 * drive's, as nvme's events on the host have it.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM nvme_mdev

#if !defined(_NVME_MDEV_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _NVME_MDEV_TRACE_H

#include <linux/nvme.h>
#include <linux/tracepoint.h>

#include "mdev.h"

#ifndef NVME_MDEV_TRACE_NAME
#define NVME_MDEV_TRACE_NAME	9	/* the UUID up to its first dash, and 0 */
#endif

#define trace_mdev_name(nm)						\
	strscpy(__entry->dev, dev_name(nvme_mdev_dev(nm)), NVME_MDEV_TRACE_NAME)
#define trace_ctrl_name(ctrl)	trace_mdev_name(nvme_mdev_of_ctrl(ctrl))

TRACE_EVENT(nvme_mdev_command,
	TP_PROTO(struct vnvme_req *req, bool refused),
	TP_ARGS(req, refused),
	TP_STRUCT__entry(
		__array(char, dev, NVME_MDEV_TRACE_NAME)
		__array(char, host_disk, DISK_NAME_LEN)
		__field(u8, opcode)
		__field(u16, qid)
		__field(u16, cmdid)
		__field(u16, len)
		__field(u32, nsid)
		__field(u64, slba)
		__field(int, host_ctrl_id)
		__field(u16, host_qid)
		__field(u16, host_cmdid)
		__field(u32, host_nsid)
		__field(u64, host_slba)
	),
	TP_fast_assign(
		const struct nvme_mdev_lane *ml = req->lane->priv;
		const struct nvme_mdev_ns *ns = refused ? NULL : req->ns->priv;

		trace_mdev_name(ml->nm);
		__entry->opcode = req->sqe.opcode;
		__entry->qid = req->sq->id;
		__entry->cmdid = le16_to_cpu(req->sqe.cid);
		__entry->nsid = le32_to_cpu(req->sqe.nsid);
		__entry->slba = (u64)le32_to_cpu(req->sqe.cdw11) << 32 |
				le32_to_cpu(req->sqe.cdw10);
		__entry->len = le32_to_cpu(req->sqe.cdw12);
		memset(__entry->host_disk, 0, DISK_NAME_LEN);
		__entry->host_ctrl_id = -1;
		__entry->host_qid = 0;
		__entry->host_cmdid = 0;
		__entry->host_nsid = 0;
		__entry->host_slba = 0;
		if (ns && ns->bdev) {
			memcpy(__entry->host_disk, ns->bdev->bd_disk->disk_name,
			       DISK_NAME_LEN);
			if (ns->kind == NVME_MDEV_LENT)
				__entry->host_ctrl_id = ml->info.instance;
			__entry->host_qid = ml->info.qid;
			__entry->host_cmdid = req->tag;
			__entry->host_nsid = ns->host_nsid;
			__entry->host_slba = ns->start + __entry->slba;
		}
	),
	TP_printk("%s: qid=%u, cmdid=%u, nsid=%u, cmd=(%s slba=%llu, len=%u), host=(nvme%d: disk=%s, qid=%u, cmdid=%u, nsid=%u, slba=%llu)",
		__entry->dev, __entry->qid, __entry->cmdid, __entry->nsid,
		show_nvm_opcode_name(__entry->opcode), __entry->slba,
		__entry->len, __entry->host_ctrl_id, __entry->host_disk,
		__entry->host_qid, __entry->host_cmdid, __entry->host_nsid,
		__entry->host_slba)
);

TRACE_EVENT(nvme_mdev_admin,
	TP_PROTO(struct vnvme_ctrl *ctrl, const struct vnvme_sqe *sqe),
	TP_ARGS(ctrl, sqe),
	TP_STRUCT__entry(
		__array(char, dev, NVME_MDEV_TRACE_NAME)
		__field(u8, opcode)
		__field(u16, cmdid)
		__field(u32, nsid)
		__field(u32, cdw10)
		__field(u32, cdw11)
		__field(u32, cdw12)
	),
	TP_fast_assign(
		trace_ctrl_name(ctrl);
		__entry->opcode = sqe->opcode;
		__entry->cmdid = le16_to_cpu(sqe->cid);
		__entry->nsid = le32_to_cpu(sqe->nsid);
		__entry->cdw10 = le32_to_cpu(sqe->cdw10);
		__entry->cdw11 = le32_to_cpu(sqe->cdw11);
		__entry->cdw12 = le32_to_cpu(sqe->cdw12);
	),
	TP_printk("%s: qid=0, cmdid=%u, nsid=%u, cmd=(%s cdw10=%#x, cdw11=%#x, cdw12=%#x)",
		__entry->dev, __entry->cmdid, __entry->nsid,
		show_admin_opcode_name(__entry->opcode), __entry->cdw10,
		__entry->cdw11, __entry->cdw12)
);

TRACE_EVENT(nvme_mdev_completion,
	TP_PROTO(struct vnvme_lane *lane, const struct vnvme_sq *sq, u16 cid,
		 u16 status, u32 dw0),
	TP_ARGS(lane, sq, cid, status, dw0),
	TP_STRUCT__entry(
		__array(char, dev, NVME_MDEV_TRACE_NAME)
		__field(u16, qid)
		__field(u16, cmdid)
		__field(u16, status)
		__field(u16, cqid)
		__field(u16, vector)
		__field(u32, res)
		__field(u32, tail)
	),
	TP_fast_assign(
		trace_ctrl_name(lane->ctrl);
		__entry->qid = sq->id;
		__entry->cmdid = cid;
		__entry->status = status;
		__entry->cqid = lane->cq.id;
		__entry->vector = lane->cq.vector;
		__entry->res = dw0;
		__entry->tail = lane->cq.tail;
	),
	TP_printk("%s: qid=%u, cmdid=%u, res=%#x, status=%#x, cqid=%u, tail=%u, vector=%u",
		__entry->dev, __entry->qid, __entry->cmdid, __entry->res,
		__entry->status, __entry->cqid, __entry->tail, __entry->vector)
);

TRACE_EVENT(nvme_mdev_doorbell,
	TP_PROTO(struct vnvme_ctrl *ctrl, const struct vnvme_sq *sq),
	TP_ARGS(ctrl, sq),
	TP_STRUCT__entry(
		__array(char, dev, NVME_MDEV_TRACE_NAME)
		__field(u16, qid)
		__field(u32, head)
		__field(u32, tail)
		__field(bool, shadow)
	),
	TP_fast_assign(
		trace_ctrl_name(ctrl);
		__entry->qid = sq->id;
		__entry->head = sq->head;
		__entry->tail = sq->tail;
		__entry->shadow = ctrl->dbbuf.db;
	),
	TP_printk("%s: qid=%u, head=%u, tail=%u, shadow=%d",
		__entry->dev, __entry->qid, __entry->head, __entry->tail,
		__entry->shadow)
);

TRACE_EVENT(nvme_mdev_exit,
	TP_PROTO(struct vnvme_ctrl *ctrl, u32 index, u32 val),
	TP_ARGS(ctrl, index, val),
	TP_STRUCT__entry(
		__array(char, dev, NVME_MDEV_TRACE_NAME)
		__field(u16, qid)
		__field(bool, cq)
		__field(u32, val)
	),
	TP_fast_assign(
		trace_ctrl_name(ctrl);
		__entry->qid = index / 2;
		__entry->cq = index & 1;
		__entry->val = val;
	),
	TP_printk("%s: qid=%u, %s=%u", __entry->dev, __entry->qid,
		__entry->cq ? "head" : "tail", __entry->val)
);

TRACE_EVENT(nvme_mdev_ring,
	TP_PROTO(const struct nvme_mdev_lane *ml),
	TP_ARGS(ml),
	TP_STRUCT__entry(
		__array(char, dev, NVME_MDEV_TRACE_NAME)
		__field(int, host_ctrl_id)
		__field(u16, host_qid)
		__field(u64, submits)
	),
	TP_fast_assign(
		trace_mdev_name(ml->nm);
		__entry->host_ctrl_id = ml->info.instance;
		__entry->host_qid = ml->info.qid;
		__entry->submits = ml->submits;
	),
	TP_printk("%s: host=(nvme%d: qid=%u), submits=%llu", __entry->dev,
		__entry->host_ctrl_id, __entry->host_qid, __entry->submits)
);

#define show_irq_way(way)						\
	__print_symbolic(way,						\
		{ NVME_MDEV_IRQ_KEPT, "kept" },				\
		{ NVME_MDEV_IRQ_MSIX, "msix" },				\
		{ NVME_MDEV_IRQ_INTX, "intx" })

TRACE_EVENT(nvme_mdev_interrupt,
	TP_PROTO(struct nvme_mdev *nm, u16 vector, u8 way),
	TP_ARGS(nm, vector, way),
	TP_STRUCT__entry(
		__array(char, dev, NVME_MDEV_TRACE_NAME)
		__field(u16, vector)
		__field(u8, way)
	),
	TP_fast_assign(
		trace_mdev_name(nm);
		__entry->vector = vector;
		__entry->way = way;
	),
	TP_printk("%s: vector=%u, %s", __entry->dev, __entry->vector,
		show_irq_way(__entry->way))
);

DECLARE_EVENT_CLASS(nvme_mdev_poller,
	TP_PROTO(struct nvme_mdev *nm),
	TP_ARGS(nm),
	TP_STRUCT__entry(
		__array(char, dev, NVME_MDEV_TRACE_NAME)
	),
	TP_fast_assign(
		trace_mdev_name(nm);
	),
	TP_printk("%s", __entry->dev)
);

DEFINE_EVENT(nvme_mdev_poller, nvme_mdev_park,
	TP_PROTO(struct nvme_mdev *nm), TP_ARGS(nm));
DEFINE_EVENT(nvme_mdev_poller, nvme_mdev_unpark,
	TP_PROTO(struct nvme_mdev *nm), TP_ARGS(nm));
DEFINE_EVENT(nvme_mdev_poller, nvme_mdev_sleep,
	TP_PROTO(struct nvme_mdev *nm), TP_ARGS(nm));
DEFINE_EVENT(nvme_mdev_poller, nvme_mdev_wake,
	TP_PROTO(struct nvme_mdev *nm), TP_ARGS(nm));

TRACE_EVENT(nvme_mdev_miss,
	TP_PROTO(struct vnvme_req *req),
	TP_ARGS(req),
	TP_STRUCT__entry(
		__array(char, dev, NVME_MDEV_TRACE_NAME)
		__field(u16, qid)
		__field(u16, cmdid)
		__field(u16, retries)
		__field(u64, iova)
	),
	TP_fast_assign(
		trace_ctrl_name(req->lane->ctrl);
		__entry->qid = req->sq->id;
		__entry->cmdid = le16_to_cpu(req->sqe.cid);
		__entry->retries = req->retries;
		__entry->iova = req->miss_iova;
	),
	TP_printk("%s: qid=%u, cmdid=%u, iova=%#llx, retries=%u", __entry->dev,
		__entry->qid, __entry->cmdid, __entry->iova, __entry->retries)
);

TRACE_EVENT(nvme_mdev_pinned,
	TP_PROTO(struct vnvme_req *req, int err),
	TP_ARGS(req, err),
	TP_STRUCT__entry(
		__array(char, dev, NVME_MDEV_TRACE_NAME)
		__field(u16, qid)
		__field(u16, cmdid)
		__field(u64, iova)
		__field(int, err)
	),
	TP_fast_assign(
		trace_ctrl_name(req->lane->ctrl);
		__entry->qid = req->sq->id;
		__entry->cmdid = le16_to_cpu(req->sqe.cid);
		__entry->iova = req->miss_iova;
		__entry->err = err;
	),
	TP_printk("%s: qid=%u, cmdid=%u, iova=%#llx, err=%d", __entry->dev,
		__entry->qid, __entry->cmdid, __entry->iova, __entry->err)
);

#define show_ctrl_state(state)						\
	__print_symbolic(state,						\
		{ VNVME_DISABLED, "disabled" },				\
		{ VNVME_READY, "ready" },				\
		{ VNVME_STOPPING, "stopping" },				\
		{ VNVME_SHUTTING, "shutting down" },			\
		{ VNVME_SHUT, "shut down" },				\
		{ VNVME_FAILED, "failed" })

TRACE_EVENT(nvme_mdev_reset,
	TP_PROTO(struct vnvme_ctrl *ctrl, u8 next),
	TP_ARGS(ctrl, next),
	TP_STRUCT__entry(
		__array(char, dev, NVME_MDEV_TRACE_NAME)
		__field(u8, was)
		__field(u8, next)
		__field(u32, cc)
	),
	TP_fast_assign(
		trace_ctrl_name(ctrl);
		__entry->was = ctrl->state;
		__entry->next = next;
		__entry->cc = ctrl->cc;
	),
	TP_printk("%s: %s -> %s, cc=%#x", __entry->dev,
		show_ctrl_state(__entry->was), show_ctrl_state(__entry->next),
		__entry->cc)
);

DECLARE_EVENT_CLASS(nvme_mdev_lent,
	TP_PROTO(const struct nvme_mdev_lane *ml),
	TP_ARGS(ml),
	TP_STRUCT__entry(
		__array(char, dev, NVME_MDEV_TRACE_NAME)
		__field(int, host_ctrl_id)
		__field(u16, host_qid)
	),
	TP_fast_assign(
		trace_mdev_name(ml->nm);
		__entry->host_ctrl_id = ml->info.instance;
		__entry->host_qid = ml->info.qid;
	),
	TP_printk("%s: host=(nvme%d: qid=%u)", __entry->dev,
		__entry->host_ctrl_id, __entry->host_qid)
);

DEFINE_EVENT(nvme_mdev_lent, nvme_mdev_down,
	TP_PROTO(const struct nvme_mdev_lane *ml), TP_ARGS(ml));
DEFINE_EVENT(nvme_mdev_lent, nvme_mdev_up,
	TP_PROTO(const struct nvme_mdev_lane *ml), TP_ARGS(ml));
DEFINE_EVENT(nvme_mdev_lent, nvme_mdev_gone,
	TP_PROTO(const struct nvme_mdev_lane *ml), TP_ARGS(ml));

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace

#include <trace/define_trace.h>
