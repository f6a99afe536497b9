// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-mdev: NVMe controllers for virtual machines, on queue pairs that
 * nvme-pci lends, or on any block device.
 *
 *	parent.c	what may be created: one mdev parent per NVMe function, one more
 *	lender.c	nvme-pci, if it lends
 *	vfio.c		what a VMM talks to
 *	device.c	what an open device consists of
 *	sysfs.c, ns.c, find.c	what an operator sets
 *	claim.c		what a namespace is on, and is it still that?
 *	poller.c, cpus.c	who moves I/O, and where
 *	lane.c, mem.c, irq.c, db.c	what it is moved with
 *	extq.c, dsm.c, bdev.c, null.c	and to
 *	reclaim.c, unmap.c	which guest memory stays pinned, and which must not be
 *	hints.c, health.c	what the guest is told of the drive
 *	stat.c, debugfs.c, trace.c	what can be seen of it
 *	core/		the controller itself
 */
#include <linux/module.h>
#include <xen/xen.h>

#include "mdev.h"

/* A page of the guest's is one of the host's: what is pinned, mapped and put into PRPs. */
static_assert(PAGE_SIZE == VNVME_PAGE_SIZE, "nvme-mdev needs pages of 4 KiB");
static_assert(IS_ENABLED(CONFIG_64BIT), "nvme-mdev needs a host of 64 bits");

static int __init nvme_mdev_init(void)
{
	int ret;

	if (xen_pv_domain()) {
		pr_err("nvme-mdev: not under Xen PV, where guest memory is not contiguous for drives: use a host of its own, or Xen PVH\n");
		return -ENODEV;
	}
	nvme_mdev_debugfs_init();
	ret = nvme_mdev_pollers_init();
	if (ret)
		goto err;
	ret = mdev_register_driver(&nvme_mdev_driver);
	if (ret)
		goto err_pollers;
	ret = nvme_mdev_parents_init();
	if (ret)
		goto err_unregister;
	return 0;

err_unregister:
	mdev_unregister_driver(&nvme_mdev_driver);
err_pollers:
	nvme_mdev_pollers_exit();
err:
	nvme_mdev_debugfs_exit();
	return ret;
}

static void __exit nvme_mdev_exit(void)
{
	nvme_mdev_parents_exit();
	mdev_unregister_driver(&nvme_mdev_driver);
	nvme_mdev_pollers_exit();
	nvme_mdev_debugfs_exit();
}

module_init(nvme_mdev_init);
module_exit(nvme_mdev_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The nvme-mdev authors");
MODULE_DESCRIPTION("Mediated NVMe controllers on lent queue pairs and block devices");
/* first, so that it is known whether it lends; it need not be there */
MODULE_SOFTDEP("pre: nvme");
