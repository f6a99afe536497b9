// SPDX-License-Identifier: GPL-2.0
/*
 * The claim on what is behind a namespace, and what it was that was claimed.
 *
 * A claim is exclusive.  It is bound to the identity of what was found, not to a
 * name or a number: a disk that goes and comes back under the same number, an
 * NSID that is given to another namespace, a partition that was made anew, are
 * something else.  The backends look for each command whether it is still there
 * (nvme_mdev_claim_lost()); once it is not, the namespace has ended, for good.
 *
 * Nothing here takes a lock of the device: a device below may be slow.
 */
#include <linux/blkdev.h>
#include <linux/log2.h>
#include <linux/sizes.h>

#include "mdev.h"

#define NULL_SHIFT	9
#define FORBIDDEN	": the device cgroup of who adds it forbids that"

#define claim_err(_ns, fmt, ...) do {						\
	const struct nvme_mdev_ns *__ns = (_ns);				\
										\
	dev_err(nvme_mdev_dev(__ns->nm), "%s: " fmt, __ns->name, ##__VA_ARGS__);\
} while (0)

/* ------------------------------------------------------------- identity -- */

/* What a disk's driver calls it: of NVMe namespaces this is the lender's to tell. */
static void identity_ask(struct gendisk *disk, u8 *id)
{
	static const enum blk_unique_id types[] = { BLK_UID_NAA, BLK_UID_EUI64, BLK_UID_T10 };
	unsigned int i;

	if (!disk->fops->get_unique_id)
		return;
	for (i = 0; i < ARRAY_SIZE(types); i++)
		if (disk->fops->get_unique_id(disk, id, types[i]) > 0)
			return;
}

static struct nvme_mdev_identity identity_of(const struct nvme_mdev_ns *ns)
{
	struct block_device *bdev = ns->bdev;
	struct nvme_mdev_identity id = {
		.diskseq	= bdev->bd_disk->diskseq,
		.start		= get_start_sect(bdev),
	};

	static_assert(sizeof(id.disk) == sizeof(ns->info.eui64) + sizeof(ns->info.nguid) +
		      sizeof(ns->info.uuid));
	if (ns->kind == NVME_MDEV_LENT) {
		memcpy(id.disk, ns->info.eui64, sizeof(ns->info.eui64));
		memcpy(id.disk + 8, ns->info.nguid, sizeof(ns->info.nguid));
		export_uuid(id.disk + 24, &ns->info.uuid);
	} else {
		identity_ask(bdev->bd_disk, id.disk);
	}
	if (bdev->bd_meta_info)
		strscpy(id.partuuid, bdev->bd_meta_info->uuid, sizeof(id.partuuid));
	return id;
}

/* By what both are called, if they are called anything. */
static bool identity_same_disk(const struct nvme_mdev_identity *a,
			       const struct nvme_mdev_identity *b)
{
	return memchr_inv(a->disk, 0, sizeof(a->disk)) ?
	       !memcmp(a->disk, b->disk, sizeof(a->disk)) : a->diskseq == b->diskseq;
}

static bool identity_same(const struct nvme_mdev_identity *a, const struct nvme_mdev_identity *b)
{
	return identity_same_disk(a, b) && (a->partuuid[0] || b->partuuid[0] ?
					    !strcmp(a->partuuid, b->partuuid) :
					    a->start == b->start);
}

/* What is named now is what was named when the namespace was added. */
static int identity_check(struct nvme_mdev_ns *ns)
{
	struct nvme_mdev_identity now = identity_of(ns);

	/* a number, or what a path meant, may have gone to another disk meanwhile */
	if (ns->known && (!identity_same(&ns->id, &now) ||
			  (!ns->host_nsid && ns->id.diskseq != now.diskseq))) {
		claim_err(ns, "is another device than when it was added: remove it, and add what is meant\n");
		return -ENODEV;
	}
	ns->id = now;
	ns->known = true;
	return 0;
}

/**
 * nvme_mdev_claim_why() - what has become of what was claimed?
 * @ns: claimed namespace
 *
 * What a look for each command would cost too much is looked at here.
 *
 * Context: may sleep.
 * Return: NULL: it is the same; else words for the operator.
 */
const char *nvme_mdev_claim_why(const struct nvme_mdev_ns *ns)
{
	struct nvme_mdev_identity now;

	if (ns->kind == NVME_MDEV_NULL)
		return NULL;
	if (ns->kind == NVME_MDEV_LENT && READ_ONCE(*ns->info.state) & ns->info.going)
		return "the drive does not have this namespace any more";
	if (!compat_disk_live(ns->bdev->bd_disk))
		return "its disk is gone";
	if (ns->bdev->bd_disk->diskseq != ns->id.diskseq)
		return "another medium is in its disk";
	now = identity_of(ns);
	return identity_same_disk(&ns->id, &now) ? NULL : "another disk is in its place";
}

/* ---------------------------------------------------------------- claims -- */

static int lent_check(struct nvme_mdev_ns *ns)
{
	const struct nvme_extq_ns *info = &ns->info;
	u32 mask;

	if (info->ms) {
		claim_err(ns, "namespaces with metadata are not supported: format it without\n");
		return -EOPNOTSUPP;
	}
	if (info->csi) {
		claim_err(ns, "only the NVM command set is supported, not zoned namespaces\n");
		return -EOPNOTSUPP;
	}
	mask = (1u << (info->lba_shift - SECTOR_SHIFT)) - 1;
	if ((get_start_sect(ns->bdev) | bdev_nr_sectors(ns->bdev)) & mask) {
		claim_err(ns, "not aligned to the LBA size of %u: make the partition anew\n",
			  1u << info->lba_shift);
		return -EINVAL;
	}
	if (!bdev_nr_sectors(ns->bdev)) {
		claim_err(ns, "has no size\n");
		return -EINVAL;
	}
	return 0;
}

/* The guest writes past the page cache, of the partition and of the disk. */
static void claim_drop_cache(struct block_device *bdev)
{
	invalidate_bdev(bdev);
	invalidate_bdev(bdev_whole(bdev));
}

/* Without a claim: does the device have it, or a part of it, already? */
static int claim_look(struct nvme_mdev_ns *ns)
{
	struct block_device *bdev;
	dev_t disk;

	if (ns->known)
		return 0;
	bdev = compat_bdev_open(ns->devt);
	if (IS_ERR(bdev))
		return 0; /* the claim finds the same */
	disk = disk_devt(bdev->bd_disk);
	compat_bdev_close(bdev);
	return nvme_mdev_ns_twin(ns, ns->devt, disk);
}

/* Claim ns->devt; ns->bdev is released by the caller if what follows fails. */
static int claim_bdev(struct nvme_mdev_ns *ns)
{
	struct block_device *bdev;
	int ret = claim_look(ns);

	if (ret)
		return ret;
	ns->writable = !ns->ro;
	bdev = compat_bdev_claim(ns->devt, ns->writable, ns);
	if (IS_ERR(bdev) && (PTR_ERR(bdev) == -EROFS || PTR_ERR(bdev) == -EACCES)) {
		ns->writable = false;
		bdev = compat_bdev_claim(ns->devt, false, ns);
	}
	if (IS_ERR(bdev)) {
		ret = PTR_ERR(bdev);
		if (ret == -ENXIO)
			ret = -ENODEV;
		claim_err(ns, "cannot be claimed (%d)%s\n", ret,
			  ret == -EBUSY ? ": unmount it, or stop what else uses it" :
			  ret == -ENODEV ? ": there is no such block device, see lsblk" :
			  ret == -EPERM ? FORBIDDEN : "");
		return ret;
	}
	ns->bdev = bdev;
	return 0;
}

/*
 * What the host has cached goes to the device, and is not believed any more.  What it has
 * cached of the disk would come over the guest's data later; it stays for as long as somebody has
 * the disk or a part of it open, and that is the namespace now.
 */
static void claim_done(struct nvme_mdev_ns *ns, u8 lba_shift)
{
	loff_t first = (loff_t)get_start_sect(ns->bdev) << SECTOR_SHIFT;

	sync_blockdev(ns->bdev);
	if (bdev_is_partition(ns->bdev))
		sync_blockdev_range(bdev_whole(ns->bdev), first,
				    first + bdev_nr_bytes(ns->bdev) - 1);
	claim_drop_cache(ns->bdev);
	ns->vns.lba_shift = lba_shift;
	ns->vns.nlb = bdev_nr_sectors(ns->bdev) >> (lba_shift - SECTOR_SHIFT);
	vnvme_ns_set_read_only(&ns->vns, nvme_mdev_ns_read_only(ns));
}

/* The partition of the namespace that is meant, if one is. */
static int claim_find_partition(struct nvme_mdev_ns *ns)
{
	int ret;

	if (!ns->partno)
		return 0;
	ret = nvme_mdev_find_partition(ns->devt, ns->partno, &ns->devt);
	if (ret == -ENODEV)
		claim_err(ns, "the namespace has no such partition: see lsblk\n");
	else if (ret)
		claim_err(ns, "its disk cannot be opened (%d)%s\n", ret, ret == -EPERM ?
			  FORBIDDEN : "");
	return ret;
}

/*
 * A guest's command is one of the drive's, so that its atomicity is the drive's,
 * too, in blocks of this namespace.  Where it has boundaries that AWUN and AWUPF do
 * not hold across, no more than one block is promised.
 */
static void lent_atomicity(struct nvme_mdev_ns *ns)
{
	const struct nvme_extq_info *info = &ns->nm->lanes[1].info;

	ns->vns.awun = ns->info.bounded ? 0 : info->awun;
	ns->vns.awupf = ns->info.bounded ? 0 : info->awupf;
}

/* What the drive says of the whole namespace; how much is allocated is not its partition's. */
static void lent_hints(struct nvme_mdev_ns *ns)
{
	const struct nvme_extq_ns *info = &ns->info;
	struct nvme_mdev_hints raw = {
		.boundary	= info->boundary,
		.write_gran	= info->npwg,
		.write_align	= info->npwa,
		.write_best	= info->nows,
		.free_gran	= info->npdg,
		.free_align	= info->npda,
		.wz_deac	= info->dlfeat & VNVME_DLFEAT_WZ_DEAC,
		.free_reads	= info->dlfeat & VNVME_DLFEAT_READS,
	};

	nvme_mdev_hints_set(ns, &raw, ns->start);
	ns->vns.nuse = ns->partno ? 0 : info->nuse;
}

/* A namespace, or a partition of it, on queue pairs that its drive lends. */
static int lent_claim(struct nvme_mdev_ns *ns)
{
	int ret;

	ret = nvme_mdev_extq_ns(ns->nm, ns->host_nsid, &ns->info);
	if (ret) {
		if (ret == -ENODEV)
			claim_err(ns, "the drive has no such namespace: see nvme list\n");
		else
			claim_err(ns, "the drive does not tell of it (%d): try again\n", ret);
		return ret;
	}
	ns->devt = ns->info.devt;
	ret = claim_find_partition(ns) ?: claim_bdev(ns) ?: lent_check(ns) ?: identity_check(ns);
	if (ret)
		return ret;
	claim_done(ns, ns->info.lba_shift);
	ns->start = get_start_sect(ns->bdev) >> (ns->info.lba_shift - SECTOR_SHIFT);
	lent_hints(ns);
	lent_atomicity(ns);
	ns->vns.msrc = min_t(u8, ns->info.msrc, VNVME_COPY_RANGES - 1);
	ns->vns.mssrl = ns->info.mssrl;
	ns->vns.mcl = ns->info.mcl;
	ns->vns.backend = &ns->nm->extq;
	return 0;
}

/* The number of what is meant; that of a path was found when it was written. */
static int block_find(struct nvme_mdev_ns *ns)
{
	int ret;

	if (!ns->host_nsid)
		return 0;
	if (!ns->nm->parent->pdev) {
		claim_err(ns, "the software parent has no drive: write a path, or <major>:<minor>\n");
		return -ENODEV;
	}
	ret = nvme_mdev_find_on_drive(ns->nm->parent->dev, ns->host_nsid, &ns->devt);
	if (!ret)
		return claim_find_partition(ns);
	if (ret == -EOPNOTSUPP)
		claim_err(ns, "the drive's namespaces have several paths: write the path of a disk\n");
	else if (ret == -ENODEV)
		claim_err(ns, "the drive has no such namespace: see nvme list\n");
	else
		claim_err(ns, "the drive's disks cannot be opened (%d)%s\n", ret, ret == -EPERM ?
			  FORBIDDEN : "");
	return ret;
}

static int block_check(struct nvme_mdev_ns *ns)
{
	u32 lba = bdev_logical_block_size(ns->bdev);

	if (bdev_is_zoned(ns->bdev)) {
		claim_err(ns, "zoned block devices are not supported\n");
		return -EOPNOTSUPP;
	}
	if (lba > PAGE_SIZE) {
		claim_err(ns, "blocks of %u bytes are not supported, 4096 are the most\n", lba);
		return -EOPNOTSUPP;
	}
	if (bdev_nr_sectors(ns->bdev) < lba >> SECTOR_SHIFT) {
		claim_err(ns, "is smaller than one block of %u bytes\n", lba);
		return -EINVAL;
	}
	return 0;
}

/* Any block device, by bios. */
static int block_claim(struct nvme_mdev_ns *ns)
{
	int ret = block_find(ns) ?: claim_bdev(ns) ?: block_check(ns) ?: identity_check(ns);

	if (ret)
		return ret;
	claim_done(ns, ilog2(bdev_logical_block_size(ns->bdev)));
	nvme_mdev_block_limits(ns);
	ns->vns.backend = &ns->nm->block;
	return 0;
}

static int null_claim(struct nvme_mdev_ns *ns)
{
	ns->vns.lba_shift = NULL_SHIFT;
	ns->vns.nlb = ns->size >> NULL_SHIFT;
	ns->vns.msrc = VNVME_COPY_RANGES - 1;
	ns->vns.mssrl = U16_MAX;
	ns->vns.mcl = VNVME_COPY_RANGES * U16_MAX;
	vnvme_ns_set_read_only(&ns->vns, ns->ro);
	ns->vns.backend = &ns->nm->null;
	return 0;
}

/**
 * nvme_mdev_claim() - claim what is behind a namespace and read its geometry
 * @ns: namespace, not claimed
 *
 * Context: may sleep, as long as the device below takes for what the host has
 * written; with the authority of the calling task.
 * Return: 0, or -errno with nothing claimed and a line in the log.
 */
int nvme_mdev_claim(struct nvme_mdev_ns *ns)
{
	static int (* const claim[])(struct nvme_mdev_ns *ns) = {
		[NVME_MDEV_LENT]	= lent_claim,
		[NVME_MDEV_BLOCK]	= block_claim,
		[NVME_MDEV_NULL]	= null_claim,
	};
	int ret = claim[ns->kind](ns);

	if (ret)
		nvme_mdev_claim_release(ns);
	return ret;
}

/**
 * nvme_mdev_claim_release() - let go of what is behind a namespace
 * @ns: namespace, not attached; claimed or not
 *
 * Context: may sleep, as long as the device below takes for what the host has
 * written.
 */
void nvme_mdev_claim_release(struct nvme_mdev_ns *ns)
{
	struct block_device *bdev = ns->bdev;

	nvme_mdev_stat_release(ns);
	if (bdev) {
		nvme_mdev_block_detach(ns);
		ns->bdev = NULL;
		claim_drop_cache(bdev);
		compat_bdev_release(bdev, ns->writable);
	}
	if (ns->info.ns)
		static_call(extq_ns_put)(&ns->info);
}
