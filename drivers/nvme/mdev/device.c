// SPDX-License-Identifier: GPL-2.0
/*
 * A device between open and close: puts the controller, its memory, lanes,
 * namespaces and pollers together, and takes them apart in reverse.
 */
#include <linux/cgroup.h>
#include <linux/log2.h>
#include <linux/memcontrol.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "mdev.h"

#define STOP_PATIENCE	(5 * HZ)	/* for I/O to end by itself at close */
#define DEFAULT_MDTS	9		/* 2 MiB, if the drive knows no limit */
#define BLOCK_MDTS	8		/* 1 MiB: larger ones are split on most devices */
#define BLOCK_WZSL	13		/* 32 MiB of Write Zeroes, even if they are written */
#define DSM_LBAS	U32_MAX		/* of one Dataset Management */

static void env_irq(struct vnvme_ctrl *ctrl, u16 vector)
{
	nvme_mdev_irq_raise(nvme_mdev_of_ctrl(ctrl), vector);
}

static void env_kick(struct vnvme_ctrl *ctrl)
{
	nvme_mdev_poller_kick(nvme_mdev_of_ctrl(ctrl));
}

static void env_work(struct vnvme_ctrl *ctrl)
{
	struct nvme_mdev *nm = nvme_mdev_of_ctrl(ctrl);

	queue_work(nm->wq, &nm->work);
}

static void env_park(struct vnvme_ctrl *ctrl)
	__acquires(&nvme_mdev_of_ctrl(ctrl)->park_lock)
{
	nvme_mdev_poller_park(nvme_mdev_of_ctrl(ctrl));
}

static void env_unpark(struct vnvme_ctrl *ctrl)
	__releases(&nvme_mdev_of_ctrl(ctrl)->park_lock)
{
	nvme_mdev_poller_unpark(nvme_mdev_of_ctrl(ctrl));
}

static int env_pin(struct vnvme_ctrl *ctrl, u64 iova, u32 len)
{
	struct nvme_mdev *nm = nvme_mdev_of_ctrl(ctrl);
	int ret;

	/* VFIO may be waiting for us to let go of memory before it lets us pin */
	up_read(&nm->mem.users);
	ret = nvme_mdev_mem_pin(nm, iova, len, NVME_MDEV_CONTROL);
	down_read(&nm->mem.users);
	return ret;
}

static void env_pin_req(struct vnvme_req *req)
{
	nvme_mdev_mem_miss(nvme_mdev_of_ctrl(req->lane->ctrl), req);
}

static void env_flush(struct vnvme_ctrl *ctrl)
{
	struct nvme_mdev *nm = nvme_mdev_of_ctrl(ctrl);

	queue_work(nm->wq, &nm->flush);
}

static bool env_pin_used(struct vnvme_ctrl *ctrl)
{
	return nvme_mdev_irq_pin_used(nvme_mdev_of_ctrl(ctrl));
}

static u64 env_now_ns(struct vnvme_ctrl *ctrl)
{
	return ktime_get_ns();
}

static const struct vnvme_env nvme_mdev_env = {
	.irq		= env_irq,
	.kick		= env_kick,
	.work		= env_work,
	.park		= env_park,
	.unpark		= env_unpark,
	.pin		= env_pin,
	.pin_req	= env_pin_req,
	.flush		= env_flush,
	.pin_used	= env_pin_used,
	.now_ns		= env_now_ns,
};

/**
 * nvme_mdev_work_fn() - what the controller has to do and may sleep for
 * @work: nvme_mdev.work
 */
void nvme_mdev_work_fn(struct work_struct *work)
{
	struct nvme_mdev *nm = container_of(work, struct nvme_mdev, work);

	nvme_mdev_control_lock(nm);
	vnvme_ctrl_work(&nm->ctrl);
	nvme_mdev_control_unlock(nm);
	wake_up_all(&nm->idle);
}

/**
 * nvme_mdev_wait_stopped() - if the controller is being reset, wait for the end
 * @nm: device
 *
 * Context: may sleep, as long as the drive takes for what is in flight, unless the
 * VMM is killed; not in control.
 */
void nvme_mdev_wait_stopped(struct nvme_mdev *nm)
{
	wait_event_killable(nm->idle, READ_ONCE(nm->ctrl.state) != VNVME_STOPPING);
}

/**
 * nvme_mdev_wait_quiet() - wait for what was in flight when bus mastering ended
 * @nm: device
 *
 * Context: as nvme_mdev_wait_stopped().
 */
void nvme_mdev_wait_quiet(struct nvme_mdev *nm)
{
	wait_event_killable(nm->idle, vnvme_ctrl_quiet(&nm->ctrl));
}

/**
 * nvme_mdev_reset_and_wait() - reset the controller, return once it has drained
 * @nm: device
 *
 * Context: may sleep; the caller is not in control.
 */
void nvme_mdev_reset_and_wait(struct nvme_mdev *nm)
{
	nvme_mdev_control_lock(nm);
	vnvme_ctrl_reset(&nm->ctrl);
	nvme_mdev_control_unlock(nm);
	nvme_mdev_wait_stopped(nm);
}

/* Optional commands of the drive; the null backend has them all. */
static u16 device_oncs(const struct nvme_extq_info *info)
{
	u16 oncs = info->oncs & (VNVME_ONCS_COMPARE | VNVME_ONCS_VERIFY);

	if (info->max_wz_bytes)
		oncs |= VNVME_ONCS_WRITE_ZEROES;
	if (info->dsm_ranges)
		oncs |= VNVME_ONCS_DSM;
	if (info->ocfs & VNVME_OCFS_FORMAT_0)
		oncs |= info->oncs & VNVME_ONCS_COPY;
	return oncs;
}

/*
 * Write Zeroes as the host's own driver bounds it: as the drive says, else by MDTS,
 * as many a drive that says nothing takes long.  By that do guests that ask for
 * MDTS only, so it is never less.
 */
static u8 device_wzsl(const struct nvme_extq_info *info, u8 mdts)
{
	u32 pages = info->max_wz_bytes >> VNVME_PAGE_SHIFT;

	if (info->wzsl)
		return info->wzsl;
	return pages ? max_t(u8, ilog2(pages), mdts) : mdts;
}

/*
 * Without lent queue pairs: all that the block backend can do, or do by hand;
 * nothing is promised of writes that are torn.
 */
static struct vnvme_config device_block_config(struct vnvme_config cfg)
{
	cfg.oncs = VNVME_ONCS_COMPARE | VNVME_ONCS_VERIFY | VNVME_ONCS_WRITE_ZEROES |
		   VNVME_ONCS_DSM | VNVME_ONCS_COPY;
	cfg.mdts = BLOCK_MDTS;
	cfg.vsl = BLOCK_MDTS;
	cfg.wzsl = BLOCK_WZSL;
	cfg.dmsl = DSM_LBAS;
	cfg.vwc = true;
	return cfg;
}

/*
 * What the operator has set, and what the lent queue pairs of this drive can do.
 * What is written as one is each namespace's: see lent_atomicity().
 */
static struct vnvme_config device_config(struct nvme_mdev *nm)
{
	const struct nvme_extq_info *info = &nm->lanes[1].info;
	struct vnvme_config cfg = nm->cfg;

	if (!nm->nr_lent)
		return device_block_config(cfg);

	cfg.oncs = device_oncs(info);
	/* the drive's own limits are those of the pieces: see dsm.c */
	cfg.dmsl = DSM_LBAS;
	cfg.mdts = DEFAULT_MDTS;
	cfg.vwc = info->vwc & NVME_CTRL_VWC_PRESENT;
	if (info->max_bytes)
		cfg.mdts = clamp(ilog2(info->max_bytes >> VNVME_PAGE_SHIFT), 1, DEFAULT_MDTS);
	cfg.wctemp = info->wctemp;
	cfg.cctemp = info->cctemp;
	cfg.vsl = info->vsl ?: cfg.mdts;
	cfg.wzsl = device_wzsl(info, cfg.mdts);
	return cfg;
}

static int device_borrow(struct nvme_mdev *nm)
{
	u16 i;
	int ret;

	for (i = 1; i <= nm->nr_pairs; i++) {
		if (!nm->nr_lent) {
			nvme_mdev_lane_reset(nm, i);
			continue;
		}
		ret = nvme_mdev_extq_get(nm, i);
		if (ret) {
			dev_err(nvme_mdev_dev(nm),
				"the drive lends queue pair %u of %u not: %d; see mdev_queues of nvme\n",
				i, nm->nr_pairs, ret);
			return ret;
		}
	}
	return 0;
}

static void device_return(struct nvme_mdev *nm)
{
	u16 i;

	for (i = 1; i <= nm->nr_pairs; i++)
		nvme_mdev_extq_put(nm, i);
}

static int device_setup_lanes(struct nvme_mdev *nm, u32 max_segs)
{
	u16 i;
	int ret = 0;

	for (i = 1; i <= nm->nr_pairs && !ret; i++)
		ret = nvme_mdev_lane_setup(nm, i, max_segs);
	return ret;
}

static void device_free_lanes(struct nvme_mdev *nm)
{
	u16 i;

	for (i = 1; i <= nm->nr_pairs; i++)
		nvme_mdev_lane_free(nm, i);
}

static void device_free_all(struct nvme_mdev *nm)
{
	device_return(nm);
	device_free_lanes(nm);
	nvme_mdev_block_close(nm);
	nvme_mdev_mem_exit(nm);
}

/* The controller, its queue pairs and lanes, without namespaces. */
static int device_make(struct nvme_mdev *nm)
{
	struct vnvme_config cfg;
	int ret;

	clear_page(nm->db);
	memset(&nm->ctrl, 0, sizeof(nm->ctrl));
	ret = device_borrow(nm);
	if (ret)
		return ret;
	cfg = device_config(nm);
	vnvme_ctrl_init(&nm->ctrl, &nvme_mdev_env, &nm->mem.table, &cfg, nm->db);
	nm->has_block = false;
	ret = nm->nr_lent ? vnvme_backend_add(&nm->ctrl, &nm->extq) : 0;
	return ret ?: vnvme_backend_add(&nm->ctrl, &nm->null) ?:
	       device_setup_lanes(nm, (1u << cfg.mdts) + 1);
}

/* From the controller and the claims to a device that works. */
static int device_run(struct nvme_mdev *nm)
{
	int ret;

	nvme_mdev_control_lock(nm);
	ret = nvme_mdev_ns_attach_all(nm) ?: nvme_mdev_poller_place(nm, &nm->iothread_cpus);
	nm->open = !ret;
	nvme_mdev_control_unlock(nm);
	return ret;
}

static int device_open(struct nvme_mdev *nm)
{
	int ret;

	ret = nvme_mdev_mem_init(nm);
	if (ret) {
		nvme_mdev_block_close(nm);
		return ret;
	}
	ret = device_make(nm) ?: nvme_mdev_ns_claim_all(nm);
	if (!ret) {
		ret = device_run(nm);
		if (ret)
			nvme_mdev_ns_close_all(nm);
	}
	if (ret)
		device_free_all(nm);
	else
		queue_delayed_work(nm->wq, &nm->ns_watch, HZ);
	if (!ret && nm->nr_lent)
		queue_delayed_work(nm->wq, &nm->health, 0);
	return ret;
}

/* From here on, or no more, who attaches and removes namespaces leaves the device alone. */
static void device_set_changing(struct nvme_mdev *nm, bool changing)
{
	nvme_mdev_control_lock(nm);
	nm->changing = changing;
	nvme_mdev_control_unlock(nm);
	wake_up_all(&nm->idle);
}

/**
 * struct device_opening - a device that is opened for a task
 * @work:	does it
 * @done:	when it has
 * @nm:		device
 * @memcg:	the task's, which pays for memory, NULL: nobody's
 * @ret:	how it went
 */
struct device_opening {
	struct work_struct		work;
	struct completion		done;
	struct nvme_mdev		*nm;
	struct cgroup_subsys_state	*memcg;
	int				ret;
};

static void device_open_work(struct work_struct *work)
{
	struct device_opening *o = container_of(work, struct device_opening, work);
	struct mem_cgroup *old;

	old = set_active_memcg(o->memcg ? mem_cgroup_from_css(o->memcg) : NULL);
	device_set_changing(o->nm, true);
	o->ret = device_open(o->nm);
	device_set_changing(o->nm, false);
	set_active_memcg(old);
	complete(&o->done);
}

/* What the guest needs at once must be allowed, or it would fail in the middle of its work. */
static int device_check_rlimit(struct nvme_mdev *nm)
{
	unsigned long may = rlimit(RLIMIT_MEMLOCK);

	if (may >= nvme_mdev_mem_limit_min(nm) || capable(CAP_IPC_LOCK))
		return 0;
	dev_err(nvme_mdev_dev(nm),
		"the VMM may lock %lu KiB of memory and needs %llu at least: raise its RLIMIT_MEMLOCK (ulimit -l, LimitMEMLOCK=, memtune/hard_limit of libvirt)\n",
		may >> 10, nvme_mdev_mem_limit_min(nm) >> 10);
	return -ENOMEM;
}

/**
 * nvme_mdev_start() - a VMM opens the device
 * @nm: device
 *
 * The operator was allowed what he has attached.  The VMM is not asked again,
 * whatever cgroup, namespaces, credentials and limits it has: all but what is its
 * own (who pays) is done by a work item.
 *
 * Context: the VMM; may sleep, also while the drive is being reset, and as long as
 * the devices below take.
 * Return: 0, or -errno with everything as before: -EBUSY (a namespace is in use,
 * or queue pairs are), -ENODEV, -ENOMEM (RLIMIT_MEMLOCK, too) and what
 * nvme_mdev_ns_add() may return.
 */
int nvme_mdev_start(struct nvme_mdev *nm)
{
	struct device_opening o = { .nm = nm };
	int ret = device_check_rlimit(nm) ?: nvme_mdev_unmap_settle(&nm->mem);

	if (ret)
		return ret;
	nvme_mdev_block_open(nm);
#ifdef CONFIG_MEMCG
	o.memcg = task_get_css(current, memory_cgrp_id);
#endif
	WRITE_ONCE(nm->abandoned, false);
	init_completion(&o.done);
	INIT_WORK_ONSTACK(&o.work, device_open_work);
	queue_work(nm->wq, &o.work);
	if (wait_for_completion_killable(&o.done)) {
		WRITE_ONCE(nm->abandoned, true);
		wait_for_completion(&o.done);
	}
	WRITE_ONCE(nm->abandoned, false);
	destroy_work_on_stack(&o.work);
	if (o.memcg)
		css_put(o.memcg);
	return o.ret;
}

/**
 * nvme_mdev_stop() - the VMM is gone: give everything back
 * @nm: device
 *
 * I/O in flight gets STOP_PATIENCE to end by itself; then the queue pairs are
 * deleted, which ends it.  No page is unpinned before the drive has let go.
 * Context: may sleep.
 */
void nvme_mdev_stop(struct nvme_mdev *nm)
{
	nvme_mdev_control_lock(nm);
	vnvme_ctrl_reset(&nm->ctrl);
	nvme_mdev_control_unlock(nm);
	wait_event_timeout(nm->idle, vnvme_ctrl_idle(&nm->ctrl), STOP_PATIENCE);

	/* it uses a queue pair */
	cancel_delayed_work_sync(&nm->health);
	device_return(nm);
	wait_event(nm->idle, vnvme_ctrl_idle(&nm->ctrl));
	nvme_mdev_control_lock(nm);
	nvme_mdev_poller_remove(nm);
	nm->open = false;
	nm->changing = true;
	nvme_mdev_control_unlock(nm);
	cancel_delayed_work_sync(&nm->ns_watch);
	flush_workqueue(nm->wq);
	flush_workqueue(nm->block_wq);
	/* whoever has ended a bio may still be about its kick */
	synchronize_rcu();

	nvme_mdev_mem_unmap_all(nm);
	nvme_mdev_ns_close_all(nm);
	device_free_all(nm);
	nvme_mdev_irq_release(nm);
	device_set_changing(nm, false);
}
