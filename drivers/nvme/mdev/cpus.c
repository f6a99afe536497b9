// SPDX-License-Identifier: GPL-2.0
/*
 * Where pollers may run if nobody has said where.
 *
 * A CPU that the host's administrator has isolated is somebody else's, most often
 * a vCPU's, and the scheduler takes nothing away from it that has once come there.
 * An operator who names such a CPU in iothread_cpu gets it.
 */
#include <linux/cpumask.h>
#include <linux/sched/isolation.h>
#include <linux/topology.h>

#include "mdev.h"

/**
 * nvme_mdev_cpus_pool() - the CPUs for a poller of the pool
 * @node:	memory node, or NUMA_NO_NODE
 * @cpus:	those of @node that are for housekeeping; if none of them is
 *		active, all that are; if there are none, those of any kernel thread
 *
 * CPUs that are not active are among them, and used when they come.
 * Context: any.
 */
void nvme_mdev_cpus_pool(int node, struct cpumask *cpus)
{
	/* isolcpus= and nohz_full= */
	const struct cpumask *domain = housekeeping_cpumask(HK_TYPE_DOMAIN);
	const struct cpumask *kthread = housekeeping_cpumask(HK_TYPE_KTHREAD);

	cpumask_and(cpus, domain, kthread);
	if (node != NUMA_NO_NODE && cpumask_and(cpus, cpus, cpumask_of_node(node)) &&
	    cpumask_intersects(cpus, cpu_active_mask))
		return;
	if (cpumask_and(cpus, domain, kthread) && cpumask_intersects(cpus, cpu_active_mask))
		return;
	cpumask_copy(cpus, kthread);
}
