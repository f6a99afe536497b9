// SPDX-License-Identifier: GPL-2.0
/*
 * The pool of pollers: threads that own lanes and step over them.
 *
 * A poller serves lanes of many devices, a device's lanes may be served by many
 * pollers.  Each poller keeps a list of the lanes that it has to look at, and
 * gives each of them a bounded step in turn, so that none starves; a lane where
 * nothing happens leaves the list and costs nothing.
 *
 * Ownership without a lock: a poller counts the beginnings and ends of its
 * passes in ->seq.  Who wants the lanes of a device sets ->parked and waits
 * until each of its pollers is between two passes or in a later one; from then
 * on they skip these lanes.
 *
 * Idle: once nothing has happened in any lane of a device for a while, a work item
 * takes the doorbell page out of the guest's mappings (the next store to it then faults
 * and kicks), each poller arms its lanes (the guest's next doorbell is then a write to
 * BAR0) and takes them off its list.  Whoever arms the last one looks at all lanes
 * once more.  As long as one lane of a device is polled, an armed one
 * may miss a doorbell: so the one that is polled wakes the others as soon as
 * it has anything to do.
 *
 * A device that always polls is idle after milliseconds without commands in
 * flight.  One that adapts is idle after microseconds; what is in flight then
 * ends with an interrupt of the lent queue, which lists that lane again.
 *
 * A poller may be busy for ever.  What the host waits for from each of its
 * threads it does in a turn, between two passes, once a jiffy.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/livepatch.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/topology.h>

#include "mdev.h"
#include "trace.h"

#define POLLER_BUDGET	32	/* commands of one lane in a pass */
#define POLLER_LANES	16	/* lanes in a pass; who parks waits for no more */
#define POOL_SHARE	8	/* a pool's poller for so many CPUs of its node */
#define WATCH_PERIOD	HZ	/* somebody looks at what is in flight */
#define ADAPTIVE_NS	(50 * NSEC_PER_USEC) /* polled in vain if it adapts */

/* Bits of nvme_mdev_lane.flags */
#define LANE_ARMED	0	/* nobody looks at it; who clears this lists it */

/**
 * struct nvme_mdev_poller - a thread of the pool
 * @entry:	in the list of pollers
 * @task:	the thread
 * @cpu:	the CPU it is bound to, or -1: any of @node
 * @node:	memory node, or NUMA_NO_NODE; of those with @cpu -1
 * @nr_lanes:	lanes that are its own, polled or not; by pollers_lock
 * @seq:	odd while it is inside a pass
 * @waiters:	tasks that wait for the end of a pass ...
 * @wait:	... or for a lane to be let go, in here
 * @incoming:	lanes to be put on the list
 * @lanes:	the list; what follows is the thread's own
 * @armed:	lanes that are on it no more and are still to be charged
 * @jiffy:	of the last turn
 * @ran:	time that it had run by then, in ns
 */
struct nvme_mdev_poller {
	struct list_head	entry;
	struct task_struct	*task;
	int			cpu;
	int			node;
	unsigned int		nr_lanes;
	unsigned long		seq;
	atomic_t		waiters;
	wait_queue_head_t	wait;
	struct llist_head	incoming;
	struct list_head	lanes;
	struct list_head	armed;
	unsigned long		jiffy;
	u64			ran;
};

static LIST_HEAD(pollers);
static DEFINE_MUTEX(pollers_lock);
static struct cpumask default_cpus;	/* by pollers_lock */
static struct cpumask pool_cpus;	/* nvme_mdev_cpus_pool()'s; by pollers_lock */
static enum cpuhp_state hotplug_state;

/* ---------------------------------------------------------- any context -- */

/* Have a lane looked at again. */
static void lane_activate(struct nvme_mdev_lane *ml)
{
	struct nvme_mdev_poller *p;

	if (!test_and_clear_bit(LANE_ARMED, &ml->flags))
		return;
	if (atomic_fetch_dec(&ml->nm->armed) == ml->nm->nr_pairs)
		trace_nvme_mdev_wake(ml->nm);
	/* the lane keeps its poller only until that has seen it */
	rcu_read_lock();
	p = READ_ONCE(ml->poller);
	llist_add(&ml->incoming, &p->incoming);
	wake_up_process(p->task);
	rcu_read_unlock();
}

static void lane_kick(struct nvme_mdev_lane *ml)
{
	WRITE_ONCE(ml->kicked, true);
	/* pairs with the barrier between LANE_ARMED and the last look */
	smp_mb();
	if (test_bit(LANE_ARMED, &ml->flags))
		lane_activate(ml);
}

/**
 * nvme_mdev_poller_kick() - have all lanes of a device looked at
 * @nm: device
 *
 * Context: any. Full barrier: what was written before is seen by the next pass.
 */
void nvme_mdev_poller_kick(struct nvme_mdev *nm)
{
	unsigned int i;

	for (i = 1; i <= nm->nr_pairs; i++)
		lane_kick(&nm->lanes[i]);
}

/**
 * nvme_mdev_poller_irq() - a completion has come to a lane by interrupt
 * @ml: lane
 *
 * Context: any.
 */
void nvme_mdev_poller_irq(struct nvme_mdev_lane *ml)
{
	lane_kick(ml);
}

/* Return once @p is in no pass that began before this call. */
static void poller_sync(struct nvme_mdev_poller *p)
{
	unsigned long seq;

	WARN_ON_ONCE(p->task == current);
	atomic_inc(&p->waiters);
	/* what makes it skip lanes comes before; pairs with poller_begin() */
	smp_mb();
	seq = READ_ONCE(p->seq);
	if (seq & 1)
		wait_event(p->wait, READ_ONCE(p->seq) != seq);
	atomic_dec(&p->waiters);
	/* what the pass did comes before what the caller does */
	smp_mb();
}

/**
 * nvme_mdev_poller_park() - own the lanes of a device
 * @nm: device
 *
 * Context: may sleep, no longer than a pass takes. Not from a poller.
 */
void nvme_mdev_poller_park(struct nvme_mdev *nm)
{
	unsigned int i;

	mutex_lock(&nm->park_lock);
	WRITE_ONCE(nm->parked, true);
	for (i = 1; i <= nm->nr_pairs; i++)
		if (nm->lanes[i].poller &&
		    (i == 1 || nm->lanes[i].poller != nm->lanes[i - 1].poller))
			poller_sync(nm->lanes[i].poller);
	trace_nvme_mdev_park(nm);
}

/**
 * nvme_mdev_poller_unpark() - give the lanes back
 * @nm: device
 *
 * Kicks: whoever has parked the lanes has changed something.
 */
void nvme_mdev_poller_unpark(struct nvme_mdev *nm)
{
	trace_nvme_mdev_unpark(nm);
	/* pairs with the load of ->parked in poller_pass() */
	smp_store_release(&nm->parked, false);
	mutex_unlock(&nm->park_lock);
	nvme_mdev_poller_kick(nm);
}

/* ----------------------------------------------------------- the poller -- */

static bool lane_inflight(const struct nvme_mdev_lane *ml)
{
	return READ_ONCE(ml->lane->inflight);
}

static bool lane_pending(const struct nvme_mdev_lane *ml)
{
	return READ_ONCE(ml->kicked) || vnvme_lane_pending(ml->lane);
}

/* Does what is in flight end with an interrupt? */
static bool lane_is_heard(const struct nvme_mdev_lane *ml)
{
	return (!ml->q || (ml->info.irq && ml->up)) && list_empty(&ml->silent);
}

/* Has nothing happened for @ns, and will what is in flight make itself heard? */
static bool lane_is_idle(const struct nvme_mdev_lane *ml, u64 now, u64 ns, bool adaptive)
{
	u64 since = READ_ONCE(ml->idle_since);

	/* nobody but a pass ends the time of an interrupt that is held back */
	return since && since + ns <= now && !vnvme_lane_holds(ml->lane) &&
	       (!lane_inflight(ml) || (adaptive && lane_is_heard(ml)));
}

/*
 * Only the guest, a kick or an interrupt can bring work, and none did for long.
 * The clock is read by who has nothing else to do.
 */
static noinline bool device_is_idle(struct nvme_mdev *nm, struct nvme_mdev_lane *ml)
{
	bool adaptive = READ_ONCE(nm->adaptive);
	u64 ns = adaptive ? ADAPTIVE_NS : (u64)READ_ONCE(nm->idle_ms) * NSEC_PER_MSEC;
	/* the same clock; who looks for microseconds only has to read the hardware's */
	u64 now = adaptive ? ktime_get_mono_fast_ns() : ktime_get_coarse_ns();
	unsigned int i;

	if (!ml->idle_since)
		WRITE_ONCE(ml->idle_since, now);
	if (!ns || !lane_is_idle(ml, now, ns, adaptive))
		return false;
	for (i = 1; i <= nm->nr_pairs; i++)
		if (!lane_is_idle(&nm->lanes[i], now, ns, adaptive))
			return false;
	return true;
}

/*
 * All lanes of the device are armed: the rest of what makes the next doorbell
 * come to us, and the last look.
 */
static bool device_may_sleep(struct nvme_mdev *nm)
{
	unsigned int i;

	vnvme_db_scan(&nm->ctrl);
	/*
	 * LANE_ARMED and EventIdx come before this look; pairs with the guest's
	 * barrier between its doorbell and its look at EventIdx, and with that of
	 * lane_kick()
	 */
	smp_mb();
	/* a doorbell may have faulted since the zap; the next one would not */
	if (READ_ONCE(nm->db_mapped))
		return false;
	for (i = 1; i <= nm->nr_pairs; i++)
		if (lane_pending(&nm->lanes[i]))
			return false;
	return !vnvme_admin_pending(&nm->ctrl);
}

/* Stop looking at a lane of an idle device. */
static noinline void lane_arm(struct nvme_mdev_lane *ml)
{
	struct nvme_mdev *nm = ml->nm;

	/* first of all: until it is gone doorbells are heard by looking only */
	if (READ_ONCE(nm->db_mapped)) {
		nvme_mdev_db_zap(nm);
		return;
	}
	if (lane_inflight(ml)) {
		nvme_mdev_extq_arm(ml);
		/* what came before that may cause no interrupt */
		if (vnvme_lane_step(ml->lane, POLLER_BUDGET)) {
			WRITE_ONCE(ml->idle_since, 0);
			return;
		}
		nvme_mdev_stat_fold(ml);
		/* a drive that does not answer is found out by looking */
		queue_delayed_work(nm->wq, &nm->watch, WATCH_PERIOD);
	}
	vnvme_lane_arm(ml->lane);
	list_move(&ml->polled, &ml->poller->armed);
	/* who finds the bit may list the lane at once */
	set_bit(LANE_ARMED, &ml->flags);
	if (atomic_inc_return(&nm->armed) == nm->nr_pairs) {
		if (device_may_sleep(nm))
			trace_nvme_mdev_sleep(nm);
		else
			nvme_mdev_poller_kick(nm);
		return;
	}
	/* as in device_may_sleep(); who arms the last lane looks at this one, too */
	smp_mb();
	if (lane_pending(ml))
		lane_activate(ml);
}

/* What is done once for a device, by the poller of its first lane. */
static unsigned int device_pass(struct nvme_mdev *nm)
{
	if (unlikely(READ_ONCE(nm->irq.intx_check)))
		nvme_mdev_irq_recheck(nm);
	if (unlikely(vnvme_admin_pending(&nm->ctrl)))
		return queue_work(nm->wq, &nm->work);
	return 0;
}

/* One step of a lane. Return: how much was done. */
static unsigned int lane_pass(struct nvme_mdev_lane *ml)
{
	struct nvme_mdev *nm = ml->nm;
	unsigned int n;

	if (unlikely(READ_ONCE(ml->kicked))) {
		WRITE_ONCE(ml->kicked, false);
		/* the flag goes down before the lane is looked at */
		smp_mb();
		WRITE_ONCE(ml->idle_since, 0);
	}
	n = vnvme_lane_step(ml->lane, POLLER_BUDGET);
	if (ml->lane->id == 1)
		n += device_pass(nm);
	nvme_mdev_extq_tick(ml);
	ml->passes++;
	if (n) {
		ml->finds++;
		ml->work += n;
		if (ml->idle_since)
			WRITE_ONCE(ml->idle_since, 0);
	} else if (device_is_idle(nm, ml)) {
		lane_arm(ml);
		return 0;
	}
	/* the doorbells of an armed lane cause no fault while the page is mapped */
	if (unlikely(atomic_read(&nm->armed)) && READ_ONCE(nm->db_mapped) &&
	    (n || lane_inflight(ml)))
		nvme_mdev_poller_kick(nm);
	return n;
}

static void lane_let_go(struct nvme_mdev_poller *p, struct nvme_mdev_lane *ml)
{
	list_del(&ml->polled);
	/* not to be touched from here on; pairs with lane_detach() */
	smp_store_release(&ml->served, false);
	wake_up_all(&p->wait);
}

static void poller_take_incoming(struct nvme_mdev_poller *p)
{
	struct nvme_mdev_lane *ml, *next;
	struct llist_node *list = llist_reverse_order(llist_del_all(&p->incoming));

	llist_for_each_entry_safe(ml, next, list, incoming) {
		list_move_tail(&ml->polled, &p->lanes);
		ml->wakeups++;
	}
}

/* Begin a pass: from here on ->parked is seen, or who has set it waits. */
static void poller_begin(struct nvme_mdev_poller *p)
{
	WRITE_ONCE(p->seq, p->seq + 1);
	/* pairs with poller_sync() */
	smp_mb();
}

static void poller_end(struct nvme_mdev_poller *p)
{
	/* what the pass did comes before; pairs with poller_sync() */
	smp_store_release(&p->seq, p->seq + 1);
	/* pairs with the barriers of wait_event() */
	smp_mb();
	if (unlikely(atomic_read(&p->waiters)))
		wake_up_all(&p->wait);
}

static unsigned int poller_pass(struct nvme_mdev_poller *p)
{
	struct nvme_mdev_lane *ml, *next;
	unsigned int n = 0, left = POLLER_LANES;

	poller_begin(p);
	/* a kernel that looks for it reports whatever sleeps from here on */
	non_block_start();
	if (unlikely(!llist_empty(&p->incoming)))
		poller_take_incoming(p);
	list_for_each_entry_safe(ml, next, &p->lanes, polled) {
		if (unlikely(READ_ONCE(ml->leaving)))
			lane_let_go(p, ml);
		/* pairs with nvme_mdev_poller_unpark() */
		else if (likely(!smp_load_acquire(&ml->nm->parked)))
			n += lane_pass(ml);
		if (likely(--left))
			continue;
		/* the others are first in the next pass */
		if (!list_entry_is_head(next, &p->lanes, polled))
			list_rotate_to_front(&next->polled, &p->lanes);
		break;
	}
	non_block_end();
	poller_end(p);
	return n;
}

/* To look at a lane costs about as much as to fetch a command, or to complete one. */
static u64 lane_cost(const struct nvme_mdev_lane *ml)
{
	return (u64)ml->passes + ml->work;
}

/* The lane's part of @ns, in which all lanes together have cost @total. */
static void lane_charge(struct nvme_mdev_lane *ml, u64 ns, u64 total)
{
	ml->poller_ns += div64_u64(ns * lane_cost(ml), total);
	ml->idle_ns += div64_u64(ns * (ml->passes - ml->finds), total);
	ml->passes = 0;
	ml->finds = 0;
	ml->work = 0;
}

/*
 * Share out the time that the thread has run since the last time, which the
 * scheduler has just counted, among those for whom it did.
 */
static void poller_charge(struct nvme_mdev_poller *p)
{
	u64 ran = current->se.sum_exec_runtime, ns = ran - p->ran, total = 0;
	struct nvme_mdev_lane *ml, *next;

	list_for_each_entry(ml, &p->lanes, polled)
		total += lane_cost(ml);
	list_for_each_entry(ml, &p->armed, polled)
		total += lane_cost(ml);
	p->ran = ran;
	if (!total)
		return;
	list_for_each_entry(ml, &p->lanes, polled)
		lane_charge(ml, ns, total);
	list_for_each_entry_safe(ml, next, &p->armed, polled) {
		lane_charge(ml, ns, total);
		list_del_init(&ml->polled);
	}
}

/*
 * The CPU that it is bound to is there, and it runs elsewhere: that was offline, or
 * a cpuset has taken all kernel threads away from it.
 */
static void poller_go_home(struct nvme_mdev_poller *p)
{
	if (cpumask_test_cpu(p->cpu, cpu_active_mask))
		set_cpus_allowed_ptr(current, cpumask_of(p->cpu));
}

/*
 * What the host waits for from a thread that may be busy for ever.
 *
 * Tasks RCU (function tracer, kprobes, BPF trampolines, modules): schedule(), called by the
 * thread itself.  cond_resched() is not enough where the kernel can be preempted.
 * It is a quiescent state of RCU, too, with or without a tick, and counts the
 * thread's time.
 *
 * Live patches: the kernel looks at the stack of a thread that does not run, once
 * a second.  So while it waits for this one, that sleeps between any two passes.
 */
static noinline void poller_turn(struct nvme_mdev_poller *p)
{
	p->jiffy = jiffies;
	if (unlikely(klp_patch_pending(current))) {
		/* the next pass ends here, too */
		p->jiffy--;
		usleep_idle_range(500, 1000);
	} else {
		schedule();
	}
	poller_charge(p);
	if (unlikely(p->cpu >= 0 && p->cpu != raw_smp_processor_id()))
		poller_go_home(p);
}

static int poller_fn(void *data)
{
	struct nvme_mdev_poller *p = data;

	/* its place is iothread_cpu's: taskset and a cgroup are refused */
	current->flags |= PF_NO_SETAFFINITY;
	for (;;) {
		if (!poller_pass(p))
			cpu_relax();
		if (unlikely(time_after(jiffies, p->jiffy)))
			poller_turn(p);
		else
			cond_resched();
		if (likely(!list_empty(&p->lanes)))
			continue;
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		/* lanes come with a wake-up, after they are in the list */
		if (llist_empty(&p->incoming))
			schedule();
		__set_current_state(TASK_RUNNING);
		poller_charge(p);
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

/* ------------------------------------------------------------- the pool -- */

/**
 * nvme_mdev_poller_parse() - CPUs as an operator writes them
 * @buf:  as in "11" or "2-3,7"; "-1" is none in particular
 * @cpus: where they go
 *
 * Context: any.  Return: 0; -EINVAL if that is no list of CPUs that are online,
 * with a line in the log.
 */
int nvme_mdev_poller_parse(const char *buf, struct cpumask *cpus)
{
	if (sysfs_streq(buf, "-1")) {
		cpumask_clear(cpus);
		return 0;
	}
	if (!cpulist_parse(buf, cpus) && !cpumask_empty(cpus) &&
	    cpumask_subset(cpus, cpu_online_mask))
		return 0;
	pr_err("nvme-mdev: iothread_cpu: write CPUs that are online (%*pbl), as in 3 or 2-3, or -1 for any\n",
	       cpumask_pr_args(cpu_online_mask));
	return -EINVAL;
}

/**
 * nvme_mdev_poller_format() - CPUs as an operator reads them
 * @buf:  a page of sysfs
 * @cpus: none: -1
 *
 * Return: length.
 */
int nvme_mdev_poller_format(char *buf, const struct cpumask *cpus)
{
	return cpumask_empty(cpus) ? sysfs_emit(buf, "-1\n") :
				     sysfs_emit(buf, "%*pbl\n", cpumask_pr_args(cpus));
}

static int default_set(const char *val, const struct kernel_param *kp)
{
	cpumask_var_t cpus;
	int ret;

	if (!zalloc_cpumask_var(&cpus, GFP_KERNEL))
		return -ENOMEM;
	ret = nvme_mdev_poller_parse(val, cpus);
	if (!ret) {
		mutex_lock(&pollers_lock);
		cpumask_copy(&default_cpus, cpus);
		mutex_unlock(&pollers_lock);
	}
	free_cpumask_var(cpus);
	return ret;
}

static int default_get(char *buf, const struct kernel_param *kp)
{
	int len;

	mutex_lock(&pollers_lock);
	len = nvme_mdev_poller_format(buf, &default_cpus);
	mutex_unlock(&pollers_lock);
	return len;
}

static const struct kernel_param_ops default_ops = {
	.set = default_set,
	.get = default_get,
};
module_param_cb(iothread_cpu, &default_ops, NULL, 0644);
MODULE_PARM_DESC(iothread_cpu,
		 "CPUs that serve devices whose own iothread_cpu is -1, from when they are opened (-1: any of the drive's node)");

/* Those of a node; not to be used longer than until the next call. */
static const struct cpumask *pool_mask(int node, int going)
{
	lockdep_assert_held(&pollers_lock);
	nvme_mdev_cpus_pool(node, going, &pool_cpus);
	return &pool_cpus;
}

/*
 * Have a poller run where it is to, or, as long as that CPU is not there, or @going,
 * where one of the pool of its node would. Return: false if that is so.
 */
static bool poller_bind(struct nvme_mdev_poller *p, int going)
{
	int node = p->cpu >= 0 ? cpu_to_node(p->cpu) : p->node;

	/* one that comes is online already, and not active yet */
	if (p->cpu >= 0 && p->cpu != going && cpu_online(p->cpu) &&
	    !set_cpus_allowed_ptr(p->task, cpumask_of(p->cpu)))
		return true;
	set_cpus_allowed_ptr(p->task, pool_mask(node, going));
	return p->cpu < 0;
}

static struct nvme_mdev_poller *poller_new(int cpu, int node)
{
	struct nvme_mdev_poller *p = kzalloc_node(sizeof(*p), GFP_KERNEL, node);
	struct task_struct *task;

	if (!p)
		return ERR_PTR(-ENOMEM);
	p->cpu = cpu;
	p->node = cpu >= 0 ? NUMA_NO_NODE : node;
	init_waitqueue_head(&p->wait);
	init_llist_head(&p->incoming);
	INIT_LIST_HEAD(&p->lanes);
	INIT_LIST_HEAD(&p->armed);
	p->jiffy = jiffies;
	if (cpu >= 0)
		task = kthread_create_on_node(poller_fn, p, cpu_to_node(cpu), "nvme-mdev/%d", cpu);
	else
		task = kthread_create_on_node(poller_fn, p, node, "nvme-mdev/node%d",
					      max(node, 0));
	if (IS_ERR(task)) {
		kfree(p);
		return ERR_CAST(task);
	}
	p->task = get_task_struct(task);
	if (!poller_bind(p, -1))
		pr_warn("nvme-mdev: poller cannot run on CPU %d: until that is online it runs where there is room\n",
			cpu);
	wake_up_process(task);
	list_add_tail(&p->entry, &pollers);
	return p;
}

/* The pool's poller with the fewest lanes, and whether there may be another. */
static struct nvme_mdev_poller *pool_least(int node, bool *full)
{
	unsigned int n = 0, most = max(cpumask_weight(pool_mask(node, -1)) / POOL_SHARE, 1u);
	struct nvme_mdev_poller *p, *least = NULL;

	list_for_each_entry(p, &pollers, entry) {
		if (p->cpu >= 0 || p->node != node)
			continue;
		n++;
		if (!least || p->nr_lanes < least->nr_lanes)
			least = p;
	}
	*full = n >= most;
	return least;
}

/* The CPU of a device's lane, from 1; -1: any of the node. */
static int lane_cpu(const struct cpumask *cpus, unsigned int lane)
{
	unsigned int n;
	int cpu;

	lockdep_assert_held(&pollers_lock);
	if (cpumask_empty(cpus))
		cpus = &default_cpus;
	if (cpumask_empty(cpus))
		return -1;
	n = (lane - 1) % cpumask_weight(cpus);
	for_each_cpu(cpu, cpus)
		if (!n--)
			break;
	return cpu;
}

/* The poller for a device's lane, from 1. */
static struct nvme_mdev_poller *pool_get(const struct cpumask *cpus, unsigned int lane, int node)
{
	struct nvme_mdev_poller *p;
	bool full;
	int cpu;

	mutex_lock(&pollers_lock);
	cpu = lane_cpu(cpus, lane);
	if (cpu < 0) {
		p = pool_least(node, &full);
		if (!p || (!full && p->nr_lanes))
			p = poller_new(-1, node);
	} else {
		list_for_each_entry(p, &pollers, entry)
			if (p->cpu == cpu)
				break;
		if (list_entry_is_head(p, &pollers, entry))
			p = poller_new(cpu, node);
	}
	if (!IS_ERR(p))
		p->nr_lanes++;
	mutex_unlock(&pollers_lock);
	return p;
}

static void pool_put(struct nvme_mdev_poller *p)
{
	mutex_lock(&pollers_lock);
	if (--p->nr_lanes) {
		mutex_unlock(&pollers_lock);
		return;
	}
	list_del(&p->entry);
	mutex_unlock(&pollers_lock);
	kthread_stop(p->task);
	/* somebody may still be waking it */
	synchronize_rcu();
	put_task_struct(p->task);
	kfree(p);
}

/*
 * A CPU goes: its poller runs where the pool's do, and those of the pool find another
 * one.  The lanes stay with it, so that nothing is drained and no setting is forgotten.
 */
static int hotplug_down(unsigned int cpu)
{
	struct nvme_mdev_poller *p;

	/* the host is being suspended: they come back together */
	if (cpuhp_tasks_frozen)
		return 0;
	mutex_lock(&pollers_lock);
	list_for_each_entry(p, &pollers, entry) {
		if (p->cpu == cpu)
			pr_warn("nvme-mdev: CPU %u goes offline: until it is back its poller runs where there is room\n",
				cpu);
		if (p->cpu == cpu || p->cpu < 0)
			poller_bind(p, cpu);
	}
	mutex_unlock(&pollers_lock);
	return 0;
}

/* A CPU comes: so do its poller, and those of the pool that had lost it. */
static int hotplug_up(unsigned int cpu)
{
	struct nvme_mdev_poller *p;

	mutex_lock(&pollers_lock);
	list_for_each_entry(p, &pollers, entry)
		if (p->cpu == cpu || p->cpu < 0)
			poller_bind(p, -1);
	mutex_unlock(&pollers_lock);
	return 0;
}

/**
 * nvme_mdev_pollers_init() - before there are devices: hear of CPUs that come and go
 *
 * Context: may sleep. Return: 0 or -errno.
 */
int nvme_mdev_pollers_init(void)
{
	int ret = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "nvme-mdev:online", hotplug_up,
					    hotplug_down);

	if (ret < 0)
		return ret;
	hotplug_state = ret;
	return 0;
}

/**
 * nvme_mdev_pollers_exit() - after the last device
 */
void nvme_mdev_pollers_exit(void)
{
	cpuhp_remove_state_nocalls(hotplug_state);
}

/* ---------------------------------------------------- lanes in the pool -- */

static void lane_attach(struct nvme_mdev_lane *ml, struct nvme_mdev_poller *p)
{
	ml->leaving = false;
	ml->served = true;
	INIT_LIST_HEAD(&ml->polled);
	WRITE_ONCE(ml->poller, p);
	llist_add(&ml->incoming, &p->incoming);
	wake_up_process(p->task);
}

/*
 * The lane's poller forgets it; what is in flight stays in flight.
 * Return: who that was, or NULL, for pool_put() once the lanes are not parked any more.
 */
static struct nvme_mdev_poller *lane_detach(struct nvme_mdev_lane *ml)
{
	struct nvme_mdev_poller *p = ml->poller;

	if (!p)
		return NULL;
	WRITE_ONCE(ml->leaving, true);
	lane_kick(ml);
	/* pairs with lane_let_go() */
	wait_event(p->wait, !smp_load_acquire(&ml->served));
	WRITE_ONCE(ml->poller, NULL);
	return p;
}

/* Not parked: pollers_lock is held over the making of threads, which allocates. */
static void pool_put_all(struct nvme_mdev *nm, struct nvme_mdev_poller *p[])
{
	unsigned int i;

	for (i = 1; i <= nm->nr_pairs; i++)
		if (p[i])
			pool_put(p[i]);
}

/**
 * nvme_mdev_poller_place() - choose who serves a device's lanes
 * @nm:		device
 * @cpus:	the CPUs that the lanes are spread over; none: those of
 *		the module's parameter, and if there are none, too, any of the
 *		drive's node
 *
 * Under I/O: no lane is drained, and no other device notices.
 * Context: control.  Return: 0, or -errno with all lanes where they were.
 */
int nvme_mdev_poller_place(struct nvme_mdev *nm, const struct cpumask *cpus)
{
	struct nvme_mdev_poller *p[VNVME_MAX_IOQ + 1], *was;
	int node = dev_to_node(nm->parent->dev);
	unsigned int i, pairs = nm->nr_pairs;

	for (i = 1; i <= pairs; i++) {
		p[i] = pool_get(cpus, i, node);
		if (IS_ERR(p[i])) {
			int ret = PTR_ERR(p[i]);

			while (--i)
				pool_put(p[i]);
			return ret;
		}
	}
	nvme_mdev_poller_park(nm);
	for (i = 1; i <= pairs; i++) {
		was = lane_detach(&nm->lanes[i]);
		lane_attach(&nm->lanes[i], p[i]);
		p[i] = was;
	}
	nvme_mdev_poller_unpark(nm);
	pool_put_all(nm, p);
	return 0;
}

/**
 * nvme_mdev_poller_remove() - nobody serves a device's lanes any more
 * @nm: device; nothing kicks any more, or may do so in vain
 *
 * Context: control, may sleep.
 */
void nvme_mdev_poller_remove(struct nvme_mdev *nm)
{
	struct nvme_mdev_poller *was[VNVME_MAX_IOQ + 1] = { };
	unsigned int i;

	nvme_mdev_poller_park(nm);
	for (i = 1; i <= nm->nr_pairs; i++)
		was[i] = lane_detach(&nm->lanes[i]);
	nvme_mdev_poller_unpark(nm);
	pool_put_all(nm, was);
	cancel_delayed_work_sync(&nm->watch);
}

static void watch_fn(struct work_struct *work)
{
	nvme_mdev_poller_kick(container_of(to_delayed_work(work), struct nvme_mdev, watch));
}

/**
 * nvme_mdev_poller_init() - before anybody may kick or park
 * @nm: device
 */
void nvme_mdev_poller_init(struct nvme_mdev *nm)
{
	mutex_init(&nm->park_lock);
	INIT_DELAYED_WORK(&nm->watch, watch_fn);
	/* memory is reclaimed through a drive whose reset takes it */
	fs_reclaim_acquire(GFP_KERNEL);
	might_lock(&nm->park_lock);
	fs_reclaim_release(GFP_KERNEL);
}

/**
 * nvme_mdev_poller_task() - the thread that serves a lane
 * @ml: lane
 *
 * Context: control, in which it stays. Return: NULL while the device is closed.
 */
struct task_struct *nvme_mdev_poller_task(const struct nvme_mdev_lane *ml)
{
	return ml->poller ? ml->poller->task : NULL;
}

/**
 * nvme_mdev_poller_asleep() - is a lane on no list?
 * @ml: lane
 *
 * Context: any.
 */
bool nvme_mdev_poller_asleep(const struct nvme_mdev_lane *ml)
{
	return test_bit(LANE_ARMED, &ml->flags);
}
