// SPDX-License-Identifier: GPL-2.0
/*
 * Namespaces: what an operator attaches, and the claim on what is behind it.
 *
 * The claim is exclusive and lasts while a VMM has the device open.  A namespace
 * added to a closed device is claimed once, to refuse now what could not be
 * opened later, and released again.
 */
#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/sizes.h>

#include "mdev.h"

#define NULL_SIZE	SZ_1G
#define NULL_SHIFT	9

#define ns_err(_ns, fmt, ...) do {						\
	const struct nvme_mdev_ns *__ns = (_ns);				\
										\
	dev_err(nvme_mdev_dev(__ns->nm), "%s: " fmt, __ns->name, ##__VA_ARGS__);\
} while (0)

/* The block device number of partition @partno of @disk, 0 if there is none. */
static dev_t ns_partition(dev_t disk, u32 partno)
{
	struct block_device *bdev, *part;
	dev_t devt = 0;

	bdev = compat_bdev_open(disk);
	if (IS_ERR(bdev))
		return 0;
	rcu_read_lock();
	part = xa_load(&bdev->bd_disk->part_tbl, partno);
	if (part)
		devt = part->bd_dev;
	rcu_read_unlock();
	compat_bdev_close(bdev);
	return devt;
}

static int ns_check(struct nvme_mdev_ns *ns, const struct nvme_extq_ns *info)
{
	u32 mask;

	if (info->ms) {
		ns_err(ns, "namespaces with metadata are not supported: format it without\n");
		return -EOPNOTSUPP;
	}
	if (info->csi) {
		ns_err(ns, "only the NVM command set is supported, not zoned namespaces\n");
		return -EOPNOTSUPP;
	}
	mask = (1u << (info->lba_shift - SECTOR_SHIFT)) - 1;
	if ((get_start_sect(ns->bdev) | bdev_nr_sectors(ns->bdev)) & mask) {
		ns_err(ns, "not aligned to the LBA size of %u: make the partition anew\n",
		       1u << info->lba_shift);
		return -EINVAL;
	}
	if (!bdev_nr_sectors(ns->bdev)) {
		ns_err(ns, "has no size\n");
		return -EINVAL;
	}
	return 0;
}

/*
 * AWUN and AWUPF are the controller's.  Where a namespace has boundaries that
 * they do not hold across, the controller promises no more than one block.
 */
static int ns_atomicity(const struct nvme_mdev_ns *ns, const struct nvme_extq_ns *info)
{
	struct vnvme_config *cfg = &ns->nm->ctrl.cfg;

	if (!info->bounded || (!cfg->awun && !cfg->awupf))
		return 0;
	if (ns->nm->open) {
		ns_err(ns, "has atomic boundaries that the guest does not expect: add it while no VMM has the device open\n");
		return -EOPNOTSUPP;
	}
	cfg->awun = 0;
	cfg->awupf = 0;
	return 0;
}

/* The guest writes past the page cache, of the partition and of the disk. */
static void ns_drop_cache(struct block_device *bdev)
{
	invalidate_bdev(bdev);
	invalidate_bdev(bdev_whole(bdev));
}

static void ns_release(struct nvme_mdev_ns *ns)
{
	struct block_device *bdev = ns->bdev;

	nvme_mdev_stat_release(ns);
	if (!bdev)
		return;
	ns->bdev = NULL;
	ns_drop_cache(bdev);
	compat_bdev_release(bdev, true);
}

/* Claim what is behind @ns and read its geometry. */
static int ns_claim(struct nvme_mdev_ns *ns)
{
	struct nvme_mdev *nm = ns->nm;
	struct nvme_extq_ns info;
	struct block_device *bdev;
	dev_t devt;
	int ret;

	if (ns->null) {
		ns->vns.lba_shift = NULL_SHIFT;
		ns->vns.nlb = ns->size >> NULL_SHIFT;
		ns->vns.msrc = VNVME_COPY_RANGES - 1;
		ns->vns.mssrl = U16_MAX;
		ns->vns.mcl = VNVME_COPY_RANGES * U16_MAX;
		ns->vns.backend = &nm->null;
		return 0;
	}
	ret = nvme_extq_ns(nm->pdev, ns->host_nsid, &info);
	if (ret) {
		if (ret == -ENODEV)
			ns_err(ns, "the drive has no such namespace: see nvme list\n");
		else
			ns_err(ns, "the drive does not tell of it (%d): try again\n", ret);
		return ret;
	}
	devt = ns->partno ? ns_partition(info.devt, ns->partno) : info.devt;
	if (!devt) {
		ns_err(ns, "the namespace has no such partition: see lsblk\n");
		return -ENODEV;
	}
	bdev = compat_bdev_claim(devt, true, ns);
	if (IS_ERR(bdev)) {
		ret = PTR_ERR(bdev);
		ns_err(ns, "cannot be claimed (%d)%s\n", ret,
		       ret == -EBUSY ? ": unmount it, or stop what else uses it" : "");
		return ret;
	}
	ns->bdev = bdev;
	ret = ns_check(ns, &info) ?: ns_atomicity(ns, &info);
	if (ret) {
		ns_release(ns);
		return ret;
	}
	sync_blockdev(bdev);
	ns_drop_cache(bdev);

	ns->start = get_start_sect(bdev) >> (info.lba_shift - SECTOR_SHIFT);
	ns->vns.lba_shift = info.lba_shift;
	ns->vns.nlb = bdev_nr_sectors(bdev) >> (info.lba_shift - SECTOR_SHIFT);
	ns->vns.ro = bdev_read_only(bdev);
	ns->vns.msrc = min_t(u8, info.msrc, VNVME_COPY_RANGES - 1);
	ns->vns.mssrl = info.mssrl;
	ns->vns.mcl = info.mcl;
	ns->vns.backend = &nm->extq;
	return 0;
}

/* "n1", "n1p3", "null", "null:1G" */
static int ns_parse(struct nvme_mdev_ns *ns)
{
	const char *s = ns->name;
	char *end, after;

	if (!strncmp(s, "null", 4)) {
		ns->null = true;
		ns->size = NULL_SIZE;
		if (!s[4])
			return 0;
		if (s[4] != ':')
			return -EINVAL;
		ns->size = memparse(s + 5, &end);
		return *end || ns->size >> NULL_SHIFT == 0 || ns->size >> 60 ? -EINVAL : 0;
	}
	if (sscanf(s, "n%9up%9u%c", &ns->host_nsid, &ns->partno, &after) == 2)
		return ns->host_nsid && ns->partno ? 0 : -EINVAL;
	if (sscanf(s, "n%9u%c", &ns->host_nsid, &after) == 1)
		return ns->host_nsid ? 0 : -EINVAL;
	return -EINVAL;
}

/* Attach a namespace that is claimed to the running controller. */
static int ns_attach(struct nvme_mdev_ns *ns)
{
	int ret = vnvme_ns_attach(&ns->nm->ctrl, &ns->vns);

	ns->attached = !ret;
	return ret;
}

/**
 * nvme_mdev_ns_add() - attach a namespace of the drive, a partition, or null
 * @nm:		device
 * @name:	n<nsid>, n<nsid>p<partition>, null, null:<size>
 *
 * It gets the lowest free NSID.
 * Context: control, may sleep.
 * Return: 0; -EINVAL: not a name, or not aligned; -ENODEV: no such thing on the
 * drive; -EBUSY: in use; -EEXIST: attached already; -ENOSPC: no NSID is free;
 * -EOPNOTSUPP: metadata, zones or atomic boundaries; -ENOMEM; -EIO and what
 * else nvme_extq_ns() may return.
 */
int nvme_mdev_ns_add(struct nvme_mdev *nm, const char *name)
{
	struct nvme_mdev_ns *ns;
	u32 i, nsid = 0;
	int ret;

	lockdep_assert_held(&nm->lock);
	for (i = VNVME_MAX_NS; i; i--) {
		if (!nm->ns[i]) {
			nsid = i;
		} else if (!nm->ns[i]->null && !strcmp(nm->ns[i]->name, name)) {
			dev_err(nvme_mdev_dev(nm), "%s is attached already, as namespace %u\n",
				name, i);
			return -EEXIST;
		}
	}
	if (!nsid) {
		dev_err(nvme_mdev_dev(nm), "%u namespaces are attached, the most there can be\n",
			VNVME_MAX_NS);
		return -ENOSPC;
	}

	ns = kzalloc(sizeof(*ns), GFP_KERNEL_ACCOUNT);
	if (!ns)
		return -ENOMEM;
	ns->nm = nm;
	ns->vns.nsid = nsid;
	ns->vns.priv = ns;
	ret = -EINVAL;
	if (strscpy(ns->name, name, sizeof(ns->name)) < 0 || ns_parse(ns)) {
		dev_err(nvme_mdev_dev(nm),
			"not a namespace: write n<nsid>, n<nsid>p<partition> or null[:<size>]\n");
		goto free;
	}
	ret = ns_claim(ns);
	if (ret)
		goto free;
	if (nm->open) {
		ret = ns_attach(ns);
		if (ret)
			goto release;
	} else {
		ns_release(ns);
	}
	nm->ns[nsid] = ns;
	return 0;

release:
	ns_release(ns);
free:
	kfree(ns);
	return ret;
}

/* Take @ns from the controller; waits for what is in flight. */
static void ns_detach(struct nvme_mdev_ns *ns)
{
	struct nvme_mdev *nm = ns->nm;

	if (!ns->attached)
		return;
	while (vnvme_ns_detach(&nm->ctrl, ns->vns.nsid) == -EAGAIN) {
		nvme_mdev_control_unlock(nm);
		msleep(20);
		nvme_mdev_control_lock(nm);
	}
	ns->attached = false;
}

/**
 * nvme_mdev_ns_remove() - detach a namespace, under I/O if need be
 * @nm:		device
 * @nsid:	the guest's
 *
 * Context: control, may sleep as long as the drive takes for what is in flight;
 * lets go of control meanwhile.
 * Return: 0 or -ENOENT.
 */
int nvme_mdev_ns_remove(struct nvme_mdev *nm, u32 nsid)
{
	struct nvme_mdev_ns *ns = nsid <= VNVME_MAX_NS ? nm->ns[nsid] : NULL;

	lockdep_assert_held(&nm->lock);
	if (!ns || ns->removing) {
		dev_err(nvme_mdev_dev(nm), "namespace %u is not attached: see namespaces/namespaces\n",
			nsid);
		return -ENOENT;
	}
	ns->removing = true;
	ns_detach(ns);
	nm->ns[nsid] = NULL;
	ns_release(ns);
	kfree(ns);
	return 0;
}

/**
 * nvme_mdev_ns_open_all() - claim and attach everything
 * @nm: device being opened
 *
 * Context: control. Return: 0, or -errno with nothing claimed.
 */
int nvme_mdev_ns_open_all(struct nvme_mdev *nm)
{
	u32 i;
	int ret;

	for (i = 1; i <= VNVME_MAX_NS; i++) {
		struct nvme_mdev_ns *ns = nm->ns[i];

		if (!ns || ns->removing)
			continue;
		ret = ns_claim(ns);
		if (!ret)
			ret = ns_attach(ns);
		if (ret) {
			nvme_mdev_ns_close_all(nm);
			return ret;
		}
	}
	return 0;
}

/**
 * nvme_mdev_ns_close_all() - release every claim
 * @nm: device being closed; nothing is in flight
 */
void nvme_mdev_ns_close_all(struct nvme_mdev *nm)
{
	u32 i;

	for (i = 1; i <= VNVME_MAX_NS; i++)
		if (nm->ns[i]) {
			nm->ns[i]->attached = false;
			ns_release(nm->ns[i]);
		}
}

/**
 * nvme_mdev_ns_free_all() - forget all namespaces
 * @nm: device, closed for good
 */
void nvme_mdev_ns_free_all(struct nvme_mdev *nm)
{
	u32 i;

	for (i = 1; i <= VNVME_MAX_NS; i++) {
		kfree(nm->ns[i]);
		nm->ns[i] = NULL;
	}
}

/**
 * nvme_mdev_ns_flush() - make completed writes durable
 * @nm: device
 *
 * Context: control, may sleep.
 */
void nvme_mdev_ns_flush(struct nvme_mdev *nm)
{
	u32 i;

	for (i = 1; i <= VNVME_MAX_NS; i++)
		if (nm->ns[i] && nm->ns[i]->bdev)
			blkdev_issue_flush(nm->ns[i]->bdev);
}
