// SPDX-License-Identifier: GPL-2.0
/*
 * What a VMM talks to: the VFIO device, its regions and ioctls.
 *
 * Region offsets are those of vfio-pci: the index in the bits from 40 up.
 * Registers and config space are the core's; here is only the way to them.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "mdev.h"

#define REGION_SHIFT		40
#define REGION_OFFSET(index)	((u64)(index) << REGION_SHIFT)
#define REGION_INDEX(off)	((u64)(off) >> REGION_SHIFT)
#define REGION_MASK		((1ULL << REGION_SHIFT) - 1)
#define CONFIG_SIZE		4096	/* extended config space reads 0 */

static struct nvme_mdev *to_nm(struct vfio_device *vdev)
{
	return container_of(vdev, struct nvme_mdev, vdev);
}

static u64 region_size(u32 index)
{
	switch (index) {
	case VFIO_PCI_BAR0_REGION_INDEX:
		return VNVME_BAR_SIZE;
	case VFIO_PCI_CONFIG_REGION_INDEX:
		return CONFIG_SIZE;
	}
	return 0;
}

/* @len of 1, 2, 4 or 8 bytes, aligned, inside the region. */
static void region_read(struct nvme_mdev *nm, u32 index, u32 off, void *buf, u32 len)
{
	memset(buf, 0, len);
	if (index == VFIO_PCI_BAR0_REGION_INDEX) {
		vnvme_bar_read(&nm->ctrl, off, buf, len);
	} else if (off < VNVME_CFG_SIZE) {
		/* the INTx bit of STATUS looks at doorbells in guest memory */
		down_read(&nm->mem.users);
		vnvme_cfg_read(&nm->ctrl, off, buf, len);
		up_read(&nm->mem.users);
	}
}

/*
 * A write that starts a reset, or takes bus mastering away, returns when DMA has
 * stopped.
 */
static void config_write(struct nvme_mdev *nm, u32 off, const void *buf, u32 len)
{
	bool stopping;

	nvme_mdev_control_lock(nm);
	stopping = nm->ctrl.state == VNVME_STOPPING;
	vnvme_cfg_write(&nm->ctrl, off, buf, len);
	stopping = !stopping && nm->ctrl.state == VNVME_STOPPING;
	nvme_mdev_control_unlock(nm);
	if (stopping)
		nvme_mdev_wait_stopped(nm);
	else
		nvme_mdev_wait_quiet(nm);
}

static void region_write(struct nvme_mdev *nm, u32 index, u32 off, const void *buf, u32 len)
{
	if (index == VFIO_PCI_BAR0_REGION_INDEX) {
		/* the way of every doorbell that is not mapped: no lock */
		if (vnvme_doorbell_write(&nm->ctrl, off, buf, len))
			return;
		nvme_mdev_control_lock(nm);
		vnvme_bar_write(&nm->ctrl, off, buf, len);
		nvme_mdev_control_unlock(nm);
	} else if (off < VNVME_CFG_SIZE) {
		config_write(nm, off, buf, len);
	}
}

/* The largest aligned access at @off that @count allows, at most 8 bytes. */
static u32 access_size(u64 off, size_t count)
{
	u32 len = 8;

	while (len > count || off & (len - 1))
		len >>= 1;
	return len;
}

/* Check a read or write of @count at @pos; *@count is cut at the region's end. */
static int region_check(loff_t pos, size_t *count, u32 *index, u32 *off)
{
	u64 where = (u64)pos & REGION_MASK;
	u64 size;

	if (REGION_INDEX(pos) >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	*index = REGION_INDEX(pos);
	size = region_size(*index);
	if (where >= size)
		return -EINVAL;
	*off = where;
	*count = min_t(u64, *count, size - where);
	return 0;
}

static ssize_t nvme_mdev_read(struct vfio_device *vdev, char __user *ubuf, size_t count,
			      loff_t *ppos)
{
	struct nvme_mdev *nm = to_nm(vdev);
	size_t done = 0;
	u32 index, off, len;
	u64 val;
	int ret;

	ret = region_check(*ppos, &count, &index, &off);
	if (ret)
		return ret;
	for (; done < count; done += len) {
		len = access_size(off + done, count - done);
		region_read(nm, index, off + done, &val, len);
		if (copy_to_user(ubuf + done, &val, len))
			return -EFAULT;
	}
	*ppos += done;
	return done;
}

static ssize_t nvme_mdev_write(struct vfio_device *vdev, const char __user *ubuf, size_t count,
			       loff_t *ppos)
{
	struct nvme_mdev *nm = to_nm(vdev);
	size_t done = 0;
	u32 index, off, len;
	u64 val;
	int ret;

	ret = region_check(*ppos, &count, &index, &off);
	if (ret)
		return ret;
	for (; done < count; done += len) {
		len = access_size(off + done, count - done);
		if (copy_from_user(&val, ubuf + done, len))
			return -EFAULT;
		region_write(nm, index, off + done, &val, len);
	}
	*ppos += done;
	return done;
}

static int nvme_mdev_mmap(struct vfio_device *vdev, struct vm_area_struct *vma)
{
	u64 start = (u64)vma->vm_pgoff << PAGE_SHIFT;

	if (start != REGION_OFFSET(VFIO_PCI_BAR0_REGION_INDEX) + VNVME_BAR_DB ||
	    vma->vm_end - vma->vm_start != PAGE_SIZE)
		return -EINVAL;
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	return nvme_mdev_db_mmap(to_nm(vdev), vma);
}

static long ioctl_get_info(struct nvme_mdev *nm, void __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_device_info, num_irqs);
	struct vfio_device_info info;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	info.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	info.num_regions = VFIO_PCI_NUM_REGIONS;
	info.num_irqs = VFIO_PCI_NUM_IRQS;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

/* Only the doorbell page of BAR0 can be mapped. */
static int region_bar0_caps(struct vfio_info_cap *caps)
{
	struct vfio_region_info_cap_sparse_mmap *sparse;
	size_t size = struct_size(sparse, areas, 1);
	int ret;

	sparse = kzalloc(size, GFP_KERNEL);
	if (!sparse)
		return -ENOMEM;
	sparse->header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
	sparse->header.version = 1;
	sparse->nr_areas = 1;
	sparse->areas[0].offset = VNVME_BAR_DB;
	sparse->areas[0].size = PAGE_SIZE;
	ret = vfio_info_add_capability(caps, &sparse->header, size);
	kfree(sparse);
	return ret;
}

static int region_info(struct vfio_region_info *info, struct vfio_info_cap *caps)
{
	if (info->index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	info->offset = REGION_OFFSET(info->index);
	info->size = region_size(info->index);
	info->flags = info->size ? VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE : 0;
	if (info->index != VFIO_PCI_BAR0_REGION_INDEX)
		return 0;
	info->flags |= VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS;
	return region_bar0_caps(caps);
}

static long ioctl_get_region_info(struct nvme_mdev *nm, void __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_region_info, offset);
	struct vfio_info_cap caps = { };
	struct vfio_region_info info;
	long ret;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	info.cap_offset = 0;
	ret = region_info(&info, &caps);
	if (ret)
		return ret;

	if (caps.size && info.argsz < sizeof(info) + caps.size) {
		/* the caller asks again with room for the capabilities */
		info.argsz = sizeof(info) + caps.size;
	} else if (caps.size) {
		vfio_info_cap_shift(&caps, sizeof(info));
		info.cap_offset = sizeof(info);
		if (copy_to_user(arg + sizeof(info), caps.buf, caps.size))
			ret = -EFAULT;
	}
	if (!ret && copy_to_user(arg, &info, minsz))
		ret = -EFAULT;
	kfree(caps.buf);
	return ret;
}

static long ioctl_get_irq_info(struct nvme_mdev *nm, void __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_irq_info, count);
	struct vfio_irq_info info;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz || info.index >= VFIO_PCI_NUM_IRQS)
		return -EINVAL;
	/* as vfio-pci says that a function has none */
	if (info.index == VFIO_PCI_ERR_IRQ_INDEX)
		return -EINVAL;
	info.count = nvme_mdev_irq_count(nm, info.index);
	info.flags = VFIO_IRQ_INFO_EVENTFD;
	if (info.index == VFIO_PCI_INTX_IRQ_INDEX)
		info.flags |= VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
	else
		info.flags |= VFIO_IRQ_INFO_NORESIZE;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long ioctl_set_irqs(struct nvme_mdev *nm, void __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_irq_set, count);
	struct vfio_irq_set hdr;
	size_t size = 0;
	void *data = NULL;
	long ret;

	if (copy_from_user(&hdr, arg, minsz))
		return -EFAULT;
	ret = vfio_set_irqs_validate_and_prepare(&hdr, nvme_mdev_irq_count(nm, hdr.index),
						 VFIO_PCI_NUM_IRQS, &size);
	if (ret)
		return ret;
	if (size) {
		data = memdup_user(arg + minsz, size);
		if (IS_ERR(data))
			return PTR_ERR(data);
	}
	ret = nvme_mdev_irq_set(nm, hdr.flags, hdr.index, hdr.start, hdr.count, data);
	kfree(data);
	return ret;
}

static long nvme_mdev_ioctl(struct vfio_device *vdev, unsigned int cmd, unsigned long arg)
{
	struct nvme_mdev *nm = to_nm(vdev);
	void __user *uarg = (void __user *)arg;

	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		return ioctl_get_info(nm, uarg);
	case VFIO_DEVICE_GET_REGION_INFO:
		return ioctl_get_region_info(nm, uarg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return ioctl_get_irq_info(nm, uarg);
	case VFIO_DEVICE_SET_IRQS:
		return ioctl_set_irqs(nm, uarg);
	case VFIO_DEVICE_RESET:
		nvme_mdev_reset_and_wait(nm);
		return 0;
	}
	return -ENOTTY;
}

static int nvme_mdev_open_device(struct vfio_device *vdev)
{
	return nvme_mdev_start(to_nm(vdev));
}

static void nvme_mdev_close_device(struct vfio_device *vdev)
{
	nvme_mdev_stop(to_nm(vdev));
}

static void nvme_mdev_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length)
{
	nvme_mdev_mem_unmap(to_nm(vdev), iova, length);
}

/* The device is to be removed while a VMM has it: ask, and say so once. */
static void nvme_mdev_request(struct vfio_device *vdev, unsigned int count)
{
	struct nvme_mdev *nm = to_nm(vdev);
	bool asked = nvme_mdev_irq_request(nm);

	if (!count)
		dev_notice(nvme_mdev_dev(nm), "removal waits for the VMM%s\n",
			   asked ? ", which has been asked to let go" : ": stop it");
}

static void device_free(struct nvme_mdev *nm)
{
	nvme_mdev_stat_exit(nm);
	if (nm->block_wq)
		destroy_workqueue(nm->block_wq);
	if (nm->wq)
		destroy_workqueue(nm->wq);
	free_page((unsigned long)nm->db);
}

static int nvme_mdev_init_dev(struct vfio_device *vdev)
{
	struct nvme_mdev *nm = to_nm(vdev);

	nm->mdev = to_mdev_device(vdev->dev);
	nm->parent = container_of(nm->mdev->type->parent, struct nvme_mdev_parent, mdev);
	nm->nr_lent = nvme_mdev_type_lent(nm->mdev->type);
	nm->nr_pairs = nm->nr_lent ?: NVME_MDEV_BLOCK_LANES;
	nm->pdev = nm->nr_lent ? nm->parent->pdev : NULL;
	nm->idle_ms = NVME_MDEV_IDLE_MS;
	/* the text form of a mediated device's name is what its guest sees */
	uuid_parse(dev_name(vdev->dev), &nm->cfg.uuid);
	vnvme_default_names(&nm->cfg);
	nm->cfg.nr_ioq = nm->nr_pairs;
	nm->cfg.dbbuf = true;
	nm->extq.ops = &nvme_mdev_extq_backend;
	nm->null.ops = &nvme_mdev_null_backend;
	nm->block.ops = &nvme_mdev_block_backend;
	mutex_init(&nm->lock);
	INIT_WORK(&nm->work, nvme_mdev_work_fn);
	INIT_WORK(&nm->flush, nvme_mdev_ns_flush);
	INIT_DELAYED_WORK(&nm->ns_watch, nvme_mdev_ns_watch);
	INIT_DELAYED_WORK(&nm->health, nvme_mdev_health_work);
	init_waitqueue_head(&nm->idle);
	nvme_mdev_irq_init(nm);
	nvme_mdev_db_init(nm);
	nvme_mdev_poller_init(nm);
	nvme_mdev_mem_setup(nm);

	nm->db = (u32 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!nm->db)
		return -ENOMEM;
	nm->wq = alloc_workqueue("nvme-mdev/%.8s", WQ_UNBOUND, 0, dev_name(vdev->dev));
	/* one work item for each namespace, and room for all of them */
	nm->block_wq = alloc_workqueue("nvme-mdev-io/%.8s", WQ_UNBOUND, VNVME_MAX_NS,
				       dev_name(vdev->dev));
	if (!nm->wq || !nm->block_wq || nvme_mdev_stat_init(nm)) {
		device_free(nm);
		return -ENOMEM;
	}
	return 0;
}

static void nvme_mdev_release_dev(struct vfio_device *vdev)
{
	struct nvme_mdev *nm = to_nm(vdev);

	nvme_mdev_ns_free_all(nm);
	device_free(nm);
	compat_vfio_release(vdev);
}

static const struct vfio_device_ops nvme_mdev_vfio_ops = {
	.name		= "nvme-mdev",
	.init		= nvme_mdev_init_dev,
	.release	= nvme_mdev_release_dev,
	.open_device	= nvme_mdev_open_device,
	.close_device	= nvme_mdev_close_device,
	.read		= nvme_mdev_read,
	.write		= nvme_mdev_write,
	.ioctl		= nvme_mdev_ioctl,
	.mmap		= nvme_mdev_mmap,
	.request	= nvme_mdev_request,
	.dma_unmap	= nvme_mdev_dma_unmap,
};

/**
 * nvme_mdev_probe() - an operator created a device
 * @mdev: new device
 *
 * Context: may sleep.
 * Return: 0, -ENOSPC if too few queue pairs can be lent, or -errno.
 */
int nvme_mdev_probe(struct mdev_device *mdev)
{
	struct nvme_mdev_parent *parent;
	struct nvme_mdev *nm;
	unsigned int lent = nvme_mdev_type_lent(mdev->type);
	int ret;

	parent = container_of(mdev->type->parent, struct nvme_mdev_parent, mdev);
	ret = nvme_mdev_parent_promise(parent, lent);
	if (ret)
		return ret;
	nm = vfio_alloc_device(nvme_mdev, vdev, mdev_dev(mdev), &nvme_mdev_vfio_ops);
	if (IS_ERR(nm)) {
		ret = PTR_ERR(nm);
		goto release;
	}
	dev_set_drvdata(mdev_dev(mdev), nm);
	ret = vfio_register_emulated_iommu_dev(&nm->vdev);
	if (ret)
		goto put;
	nvme_mdev_debugfs_add(nm);
	return 0;

put:
	vfio_put_device(&nm->vdev);
release:
	nvme_mdev_parent_release(parent, lent);
	return ret;
}

/**
 * nvme_mdev_remove() - the device is to go; waits for the VMM
 * @mdev: device
 *
 * Context: may sleep.
 */
void nvme_mdev_remove(struct mdev_device *mdev)
{
	struct nvme_mdev *nm = dev_get_drvdata(mdev_dev(mdev));
	struct nvme_mdev_parent *parent = nm->parent;
	unsigned int lent = nm->nr_lent;

	vfio_unregister_group_dev(&nm->vdev);
	nvme_mdev_debugfs_del(nm);
	vfio_put_device(&nm->vdev);
	nvme_mdev_parent_release(parent, lent);
}
