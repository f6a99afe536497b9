// SPDX-License-Identifier: GPL-2.0
/*
 * The poller: a thread that owns a device's lanes and steps over them.
 *
 * It holds nvme_mdev_poller.lock while it runs, so that owning the lanes costs
 * nothing per pass; whoever wants them counts itself in park_pending and waits
 * for the lock, and the poller lets go at the end of its pass.
 *
 * Idle: after NVME_MDEV_IDLE_MS without work the poller arms the lanes (the
 * guest's next doorbell is then a write to BAR0), takes the doorbell page out of
 * the guest's mappings (that write then faults and kicks us), looks once more
 * and sleeps.
 */
#include <linux/cpumask.h>
#include <linux/sched.h>
#include <linux/topology.h>

#include "mdev.h"
#include "trace.h"

#define POLLER_BUDGET	32	/* commands fetched from one lane in a pass */

/**
 * nvme_mdev_poller_init() - before anybody may kick or park
 * @nm: device
 */
void nvme_mdev_poller_init(struct nvme_mdev *nm)
{
	struct nvme_mdev_poller *p = &nm->poller;

	mutex_init(&p->lock);
	atomic_set(&p->park_pending, 0);
	init_waitqueue_head(&p->unparked);
}

/**
 * nvme_mdev_poller_kick() - make the poller look at all lanes
 * @nm: device
 *
 * Context: any. Full barrier: what was written before is seen by the pass.
 */
void nvme_mdev_poller_kick(struct nvme_mdev *nm)
{
	struct nvme_mdev_poller *p = &nm->poller;
	struct task_struct *task;

	WRITE_ONCE(p->kicked, true);
	/* pairs with the barrier of set_current_state() in poller_sleep() */
	smp_mb();
	if (!READ_ONCE(p->asleep))
		return;
	/* keeps the task until nvme_mdev_poller_stop() may let go of it */
	rcu_read_lock();
	task = READ_ONCE(p->task);
	if (task)
		wake_up_process(task);
	rcu_read_unlock();
}

/**
 * nvme_mdev_poller_park() - own the lanes
 * @nm: device
 *
 * Context: may sleep, no longer than a pass takes. Not from the poller.
 */
void nvme_mdev_poller_park(struct nvme_mdev *nm)
{
	struct nvme_mdev_poller *p = &nm->poller;

	WARN_ON_ONCE(p->task == current);
	atomic_inc(&p->park_pending);
	mutex_lock(&p->lock);
	trace_nvme_mdev_park(nm);
	if (atomic_dec_and_test(&p->park_pending))
		wake_up_all(&p->unparked);
}

/**
 * nvme_mdev_poller_unpark() - give the lanes back
 * @nm: device
 *
 * Kicks the poller: whoever parked it has changed something.
 */
void nvme_mdev_poller_unpark(struct nvme_mdev *nm)
{
	trace_nvme_mdev_unpark(nm);
	mutex_unlock(&nm->poller.lock);
	nvme_mdev_poller_kick(nm);
}

static bool poller_pending(struct nvme_mdev *nm)
{
	struct nvme_mdev_poller *p = &nm->poller;
	unsigned int i;

	if (READ_ONCE(p->kicked) || atomic_read(&p->park_pending) || kthread_should_stop() ||
	    vnvme_admin_pending(&nm->ctrl))
		return true;
	for (i = 1; i <= nm->nr_pairs; i++)
		if (vnvme_lane_pending(&nm->ctrl.lane[i]))
			return true;
	return false;
}

/* Nothing in flight: only the guest or a kick can bring work. */
static bool poller_may_sleep(struct nvme_mdev *nm)
{
	unsigned int i;

	for (i = 1; i <= nm->nr_pairs; i++)
		if (nm->ctrl.lane[i].inflight[0] || nm->ctrl.lane[i].inflight[1])
			return false;
	return true;
}

static void poller_sleep(struct nvme_mdev *nm)
{
	struct nvme_mdev_poller *p = &nm->poller;
	unsigned int i;

	for (i = 1; i <= nm->nr_pairs; i++)
		vnvme_lane_arm(&nm->ctrl.lane[i]);
	vnvme_db_scan(&nm->ctrl);
	if (!nvme_mdev_db_zap(nm))
		return;

	WRITE_ONCE(p->asleep, true);
	set_current_state(TASK_INTERRUPTIBLE);
	/*
	 * EventIdx, the zap and asleep come before this look; pairs with the guest's
	 * barrier between its doorbell and its look at EventIdx, and with the kick's
	 */
	if (!poller_pending(nm)) {
		trace_nvme_mdev_sleep(nm);
		mutex_unlock(&p->lock);
		schedule();
		__set_current_state(TASK_RUNNING);
		trace_nvme_mdev_wake(nm);
		mutex_lock(&p->lock);
		p->wakeups++;
	}
	__set_current_state(TASK_RUNNING);
	WRITE_ONCE(p->asleep, false);
}

static unsigned int poller_pass(struct nvme_mdev *nm)
{
	unsigned int i, n = 0;

	for (i = 1; i <= nm->nr_pairs; i++) {
		n += vnvme_lane_step(&nm->ctrl.lane[i], POLLER_BUDGET);
		nvme_mdev_extq_tick(&nm->lanes[i]);
	}
	if (vnvme_admin_pending(&nm->ctrl))
		n += queue_work(nm->wq, &nm->work);
	if (unlikely(READ_ONCE(nm->irq.intx_check)))
		nvme_mdev_irq_recheck(nm);
	return n;
}

static int poller_fn(void *data)
{
	struct nvme_mdev *nm = data;
	struct nvme_mdev_poller *p = &nm->poller;
	unsigned long last = jiffies;

	mutex_lock(&p->lock);
	while (!kthread_should_stop()) {
		if (atomic_read(&p->park_pending)) {
			mutex_unlock(&p->lock);
			wait_event(p->unparked, !atomic_read(&p->park_pending));
			mutex_lock(&p->lock);
		}
		if (READ_ONCE(p->kicked)) {
			WRITE_ONCE(p->kicked, false);
			/* the flag goes down before the lanes are looked at */
			smp_mb();
			last = jiffies;
		}
		p->passes++;
		if (poller_pass(nm)) {
			last = jiffies;
		} else if (time_after(jiffies, last + msecs_to_jiffies(NVME_MDEV_IDLE_MS)) &&
			   poller_may_sleep(nm)) {
			poller_sleep(nm);
			last = jiffies;
		} else {
			cpu_relax();
		}
		cond_resched();
	}
	mutex_unlock(&p->lock);
	return 0;
}

/**
 * nvme_mdev_poller_place() - choose the poller's CPU
 * @nm:		device
 * @cpu:	a CPU that is online, or -1: any of the drive's node
 *
 * Context: control.  Return: 0 or -errno of set_cpus_allowed_ptr().
 */
int nvme_mdev_poller_place(struct nvme_mdev *nm, int cpu)
{
	int node = dev_to_node(&nm->pdev->dev);
	const struct cpumask *mask = cpu_possible_mask;

	if (!nm->poller.task)
		return 0;
	if (cpu >= 0)
		mask = cpumask_of(cpu);
	else if (node != NUMA_NO_NODE && !cpumask_empty(cpumask_of_node(node)))
		mask = cpumask_of_node(node);
	return set_cpus_allowed_ptr(nm->poller.task, mask);
}

/**
 * nvme_mdev_poller_start() - create and start the thread
 * @nm: device, its lanes are ready
 *
 * Context: control. Return: 0 or -errno.
 */
int nvme_mdev_poller_start(struct nvme_mdev *nm)
{
	struct nvme_mdev_poller *p = &nm->poller;
	struct task_struct *task;
	int ret;

	task = kthread_create_on_node(poller_fn, nm, dev_to_node(&nm->pdev->dev),
				      "nvme-mdev/%.8s", dev_name(nvme_mdev_dev(nm)));
	if (IS_ERR(task))
		return PTR_ERR(task);
	get_task_struct(task);
	p->task = task;
	ret = nvme_mdev_poller_place(nm, nm->iothread_cpu);
	if (ret)
		dev_warn(nvme_mdev_dev(nm),
			 "poller cannot run on CPU %d (%d): it runs where there is room\n",
			 nm->iothread_cpu, ret);
	wake_up_process(task);
	return 0;
}

/**
 * nvme_mdev_poller_stop() - end the thread
 * @nm: device; nothing kicks any more, or may do so in vain
 *
 * Context: control, may sleep.
 */
void nvme_mdev_poller_stop(struct nvme_mdev *nm)
{
	struct nvme_mdev_poller *p = &nm->poller;
	struct task_struct *task = p->task;

	if (!task)
		return;
	kthread_stop(task);
	WRITE_ONCE(p->task, NULL);
	/* a kick that read the task before may still wake it */
	synchronize_rcu();
	put_task_struct(task);
}
