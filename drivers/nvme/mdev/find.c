// SPDX-License-Identifier: GPL-2.0
/*
 * From what an operator writes to the number of a block device.
 */
#include <linux/blkdev.h>
#include <linux/kdev_t.h>
#include <linux/nvme_ioctl.h>

#include "mdev.h"

/**
 * nvme_mdev_find_named() - a block device by path or number
 * @name:	an absolute path, in the caller's mount namespace, or major:minor
 * @devt:	its number
 *
 * Context: may sleep.
 * Return: 0, -EINVAL: neither of them; -ENOENT, -ENOTBLK, -EACCES and what else
 * a path may be.
 */
int nvme_mdev_find_named(const char *name, dev_t *devt)
{
	unsigned int major, minor;
	char after;

	if (name[0] == '/')
		return lookup_bdev(name, devt);
	if (sscanf(name, "%9u:%9u%c", &major, &minor, &after) != 2 ||
	    major >> (32 - MINORBITS) || minor > MINORMASK)
		return -EINVAL;
	*devt = MKDEV(major, minor);
	return 0;
}

/* What is looked for on a drive: a namespace by its number. */
struct on_drive {
	u32	nsid;
	dev_t	devt;
	bool	hidden;
	int	err;	/* of a disk that could not be looked at */
};

static int find_disk(struct device *dev, void *data)
{
	struct on_drive *want = data;
	struct block_device *bdev;
	int nsid;

	if (!dev->class || strcmp(dev->class->name, "block"))
		return 0;
	if (dev_to_disk(dev)->flags & GENHD_FL_HIDDEN) {
		want->hidden = true;
		return 0;
	}
	bdev = compat_bdev_open(dev->devt);
	if (IS_ERR(bdev)) {
		want->err = PTR_ERR(bdev);
		return 0;
	}
	nsid = compat_bdev_ioctl(bdev, NVME_IOCTL_ID);
	compat_bdev_close(bdev);
	if (nsid <= 0 || (u32)nsid != want->nsid)
		return 0;
	want->devt = dev->devt;
	return 1;
}

static int find_controller(struct device *dev, void *data)
{
	if (!dev->class || strcmp(dev->class->name, "nvme"))
		return 0;
	return device_for_each_child(dev, data, find_disk);
}

/**
 * nvme_mdev_find_on_drive() - the disk of a namespace of an NVMe drive
 * @drive:	its PCI function; whatever nvme driver has it
 * @nsid:	the drive's
 * @devt:	the disk's number
 *
 * Context: may sleep.
 * Return: 0, -ENODEV: none; -EOPNOTSUPP: its disks are those of several paths; or
 * what opening one of them fails with.
 */
int nvme_mdev_find_on_drive(struct device *drive, u32 nsid, dev_t *devt)
{
	struct on_drive want = { .nsid = nsid };

	if (!device_for_each_child(drive, &want, find_controller)) {
		if (want.hidden)
			return -EOPNOTSUPP;
		return want.err && want.err != -ENXIO ? want.err : -ENODEV;
	}
	*devt = want.devt;
	return 0;
}

/**
 * nvme_mdev_find_partition() - a partition of a disk
 * @disk:	the disk's number
 * @partno:	from 1
 * @devt:	its number
 *
 * Context: may sleep.
 * Return: 0, -ENODEV: there is none, or what opening the disk fails with.
 */
int nvme_mdev_find_partition(dev_t disk, u32 partno, dev_t *devt)
{
	struct block_device *bdev, *part;
	int ret = -ENODEV;

	bdev = compat_bdev_open(disk);
	if (IS_ERR(bdev))
		return PTR_ERR(bdev) == -ENXIO ? -ENODEV : PTR_ERR(bdev);
	rcu_read_lock();
	part = xa_load(&bdev->bd_disk->part_tbl, partno);
	if (part) {
		*devt = part->bd_dev;
		ret = 0;
	}
	rcu_read_unlock();
	compat_bdev_close(bdev);
	return ret;
}
