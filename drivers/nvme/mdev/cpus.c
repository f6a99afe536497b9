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

static bool cpus_any(const struct cpumask *cpus, int going)
{
	unsigned int cpu;

	for_each_cpu_and(cpu, cpus, cpu_online_mask)
		if (cpu != going)
			return true;
	return false;
}

/**
 * nvme_mdev_cpus_pool() - the CPUs for a poller of the pool
 * @node:	memory node, or NUMA_NO_NODE
 * @going:	a CPU that is still online, and goes; or -1
 * @cpus:	those of @node that are for housekeeping; if none of them is
 *		online, all that are; if there are none, those of any kernel thread
 *
 * CPUs that are offline are among them, and used when they come.
 * Context: any in which CPUs neither come nor go.
 */
void nvme_mdev_cpus_pool(int node, int going, struct cpumask *cpus)
{
	/* isolcpus= and nohz_full= */
	const struct cpumask *domain = housekeeping_cpumask(HK_TYPE_DOMAIN);
	const struct cpumask *kthread = housekeeping_cpumask(HK_TYPE_KTHREAD);

	cpumask_and(cpus, domain, kthread);
	if (node != NUMA_NO_NODE && cpumask_and(cpus, cpus, cpumask_of_node(node)) &&
	    cpus_any(cpus, going))
		return;
	cpumask_and(cpus, domain, kthread);
	if (cpus_any(cpus, going))
		return;
	cpumask_copy(cpus, kthread);
}
