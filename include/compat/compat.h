/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that the module is built for, under one
 * name each.  The only file that may look at LINUX_VERSION_CODE; included
 * before everything else, by the compiler's command line.
 */
#ifndef _NVME_MDEV_COMPAT_H
#define _NVME_MDEV_COMPAT_H

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/dma-map-ops.h>
#include <linux/eventfd.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/version.h>
#include <linux/vfio.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0) || \
	LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#error "nvme-mdev is built for Linux 6.1"
#endif

/* Exclusive claim of a block device by number. */
static inline struct block_device *compat_bdev_claim(dev_t devt, bool write, void *holder)
{
	return blkdev_get_by_dev(devt, FMODE_READ | FMODE_EXCL | (write ? FMODE_WRITE : 0),
				 holder);
}

static inline void compat_bdev_release(struct block_device *bdev, bool write)
{
	blkdev_put(bdev, FMODE_READ | FMODE_EXCL | (write ? FMODE_WRITE : 0));
}

/* Has the driver not taken the disk away? */
static inline bool compat_disk_live(struct gendisk *disk)
{
	return disk_live(disk);
}

/* An ioctl of the driver's that takes no argument. */
static inline int compat_bdev_ioctl(struct block_device *bdev, unsigned int cmd)
{
	const struct block_device_operations *fops = bdev->bd_disk->fops;

	return fops->ioctl ? fops->ioctl(bdev, FMODE_READ, cmd, 0) : -ENOTTY;
}

/*
 * Has the device queues that are polled?  None that hands bios on to others: who
 * polls then depends on what is below.  Of another queue Linux 6.1 makes the bio an
 * ordinary one; 6.12, where this is a feature among the limits, refuses it.
 */
static inline bool compat_bdev_polls(struct block_device *bdev)
{
	struct request_queue *q = bdev_get_queue(bdev);

	return queue_is_mq(q) && test_bit(QUEUE_FLAG_POLL, &q->queue_flags);
}

/* One look at the queue of a polled bio; whatever the device's io_poll_delay, no sleep. */
static inline void compat_bio_poll(struct bio *bio, struct io_comp_batch *iob)
{
	bio_poll(bio, iob, BLK_POLL_ONESHOT | BLK_POLL_NOSLEEP);
}

/* A look at a block device, without a claim. */
static inline struct block_device *compat_bdev_open(dev_t devt)
{
	return blkdev_get_by_dev(devt, FMODE_READ, NULL);
}

static inline void compat_bdev_close(struct block_device *bdev)
{
	blkdev_put(bdev, FMODE_READ);
}

static inline struct class *compat_class_create(const char *name)
{
	return class_create(THIS_MODULE, name);
}

static inline void compat_eventfd_signal(struct eventfd_ctx *ctx)
{
	eventfd_signal(ctx, 1);
}

static inline void compat_vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}

/*
 * Is memory that was mapped at @addr reached through a bounce buffer?  Behind an
 * IOMMU dma_need_sync() says so of everything; there only untrusted functions
 * bounce.
 */
static inline bool compat_dma_bounced(struct pci_dev *pdev, dma_addr_t addr)
{
	if (get_dma_ops(&pdev->dev))
		return pdev->untrusted;
	return dma_need_sync(&pdev->dev, addr);
}

/* The release callback of a vfio_device frees it. */
static inline void compat_vfio_release(struct vfio_device *vdev)
{
	vfio_free_device(vdev);
}

#endif
