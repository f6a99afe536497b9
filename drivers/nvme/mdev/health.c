// SPDX-License-Identifier: GPL-2.0
/*
 * What the drive that lends tells of itself and changes: its SMART / Health
 * Information, and how much of its namespaces is allocated.
 *
 * Asked once a minute by a work item that waits for the drive; control takes what
 * was told last, and never waits.  Devices on block devices know nothing of this.
 */
#include <linux/slab.h>
#include <asm/unaligned.h>

#include "mdev.h"

#define HEALTH_PERIOD	(60 * HZ)
#define HEALTH_LOG	512
#define HEALTH_RAE	BIT(7)	/* Retain Asynchronous Event, above LSP */

/* Return: 0, or what nvme_extq_admin() returns. */
static int health_ask(struct nvme_mdev *nm, struct nvme_smart_log *log)
{
	struct nvme_command cmd = { };

	cmd.get_log_page.opcode = nvme_admin_get_log_page;
	cmd.get_log_page.nsid = cpu_to_le32(NVME_NSID_ALL);
	cmd.get_log_page.lid = NVME_LOG_SMART;
	/* what has happened stays the host's to be told of */
	cmd.get_log_page.lsp = HEALTH_RAE;
	cmd.get_log_page.numdl = cpu_to_le16(HEALTH_LOG / 4 - 1);
	return static_call(extq_admin)(nm->lanes[1].q, &cmd, log, HEALTH_LOG);
}

static void health_tell(struct nvme_mdev *nm, const struct nvme_smart_log *log)
{
	struct vnvme_health health = {
		.warnings	= log->critical_warning,
		.temperature	= get_unaligned_le16(log->temperature),
		.spare		= log->avail_spare,
		.spare_thresh	= log->spare_thresh,
		.percent_used	= log->percent_used,
		.media_errors	= get_unaligned_le64(log->media_errors),
	};

	nvme_mdev_control_lock(nm);
	vnvme_ctrl_health(&nm->ctrl, &health);
	nvme_mdev_control_unlock(nm);
}

/* The namespace that the guest knows as @nsid, if it is the whole of one of the drive's. */
static u32 health_host_nsid(struct nvme_mdev *nm, u32 nsid)
{
	const struct nvme_mdev_ns *ns;
	u32 host_nsid = 0;

	nvme_mdev_control_lock(nm);
	ns = nm->ns[nsid];
	if (ns && ns->kind == NVME_MDEV_LENT && !ns->partno && ns->attached)
		host_nsid = ns->host_nsid;
	nvme_mdev_control_unlock(nm);
	return host_nsid;
}

/* What is told of one that has been exchanged meanwhile is right the next time. */
static void health_ask_ns(struct nvme_mdev *nm, u32 nsid)
{
	u32 host_nsid = health_host_nsid(nm, nsid);
	struct nvme_extq_ns info;

	if (!host_nsid || static_call(extq_ns)(nm->pdev, host_nsid, &info))
		return;
	static_call(extq_ns_put)(&info);
	nvme_mdev_control_lock(nm);
	if (nm->ns[nsid] && nm->ns[nsid]->host_nsid == host_nsid && !nm->ns[nsid]->partno)
		nm->ns[nsid]->vns.nuse = info.nuse;
	nvme_mdev_control_unlock(nm);
}

/**
 * nvme_mdev_health_work() - ask the drive how it is
 * @work: nvme_mdev.health, of an open device with lent queue pairs
 *
 * Context: may sleep, as long as the drive takes for its admin commands.
 */
void nvme_mdev_health_work(struct work_struct *work)
{
	struct nvme_mdev *nm = container_of(to_delayed_work(work), struct nvme_mdev, health);
	struct nvme_smart_log *log;
	int ret = -ENOMEM;
	u32 nsid;

	static_assert(sizeof(*log) == HEALTH_LOG);
	log = kzalloc(sizeof(*log), GFP_KERNEL);
	if (log)
		ret = health_ask(nm, log);
	if (!ret) {
		health_tell(nm, log);
		for (nsid = 1; nsid <= VNVME_MAX_NS; nsid++)
			health_ask_ns(nm, nsid);
	}
	kfree(log);
	/* one that does not know the log is not asked again: each time is a line in the host's */
	if (ret <= 0)
		queue_delayed_work(nm->wq, &nm->health, HEALTH_PERIOD);
}
