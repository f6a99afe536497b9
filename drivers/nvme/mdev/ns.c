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
#include <linux/log2.h>
#include <linux/sizes.h>

#include "mdev.h"

#define NULL_SIZE	SZ_1G
#define NULL_SHIFT	9
#define WATCH_PERIOD	HZ

#define ns_err(_ns, fmt, ...) do {						\
	const struct nvme_mdev_ns *__ns = (_ns);				\
										\
	dev_err(nvme_mdev_dev(__ns->nm), "%s: " fmt, __ns->name, ##__VA_ARGS__);\
} while (0)

static int lent_check(struct nvme_mdev_ns *ns, const struct nvme_extq_ns *info)
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
 * they do not hold across, or nothing is known of them as of most block devices,
 * the controller promises no more than one block.
 */
static int ns_atomicity(const struct nvme_mdev_ns *ns, bool bounded)
{
	struct vnvme_config *cfg = &ns->nm->ctrl.cfg;

	if (!bounded || (!cfg->awun && !cfg->awupf))
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
	flush_work(&ns->wait);
	ns_drop_cache(bdev);
	compat_bdev_release(bdev, ns->writable);
}

/* Another namespace of the device that is on the same block device. */
static const struct nvme_mdev_ns *ns_same(const struct nvme_mdev_ns *ns)
{
	u32 i;

	for (i = 1; i <= VNVME_MAX_NS; i++)
		if (ns->nm->ns[i] && ns->nm->ns[i] != ns && ns->nm->ns[i]->devt == ns->devt &&
		    ns->nm->ns[i]->kind != NVME_MDEV_NULL)
			return ns->nm->ns[i];
	return NULL;
}

/* Claim ns->devt; ns->bdev is released by the caller if what follows fails. */
static int ns_claim_bdev(struct nvme_mdev_ns *ns)
{
	const struct nvme_mdev_ns *same = ns_same(ns);
	struct block_device *bdev;
	int ret;

	if (same) {
		ns_err(ns, "is attached already, as namespace %u\n", same->vns.nsid);
		return -EEXIST;
	}
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
		ns_err(ns, "cannot be claimed (%d)%s\n", ret,
		       ret == -EBUSY ? ": unmount it, or stop what else uses it" :
		       ret == -ENODEV ? ": there is no such block device, see lsblk" : "");
		return ret;
	}
	ns->bdev = bdev;
	return 0;
}

/* What the host has cached goes to the device, and is not believed any more. */
static void ns_claimed(struct nvme_mdev_ns *ns, u8 lba_shift)
{
	sync_blockdev(ns->bdev);
	ns_drop_cache(ns->bdev);
	ns->vns.lba_shift = lba_shift;
	ns->vns.nlb = bdev_nr_sectors(ns->bdev) >> (lba_shift - SECTOR_SHIFT);
	ns->vns.ro = nvme_mdev_ns_read_only(ns);
}

/* A namespace, or a partition of it, on queue pairs that its drive lends. */
static int lent_claim(struct nvme_mdev_ns *ns)
{
	struct nvme_mdev *nm = ns->nm;
	struct nvme_extq_ns info;
	int ret;

	ret = nvme_mdev_extq_ns(nm, ns->host_nsid, &info);
	if (ret) {
		if (ret == -ENODEV)
			ns_err(ns, "the drive has no such namespace: see nvme list\n");
		else
			ns_err(ns, "the drive does not tell of it (%d): try again\n", ret);
		return ret;
	}
	ns->devt = ns->partno ? nvme_mdev_find_partition(info.devt, ns->partno) : info.devt;
	if (!ns->devt) {
		ns_err(ns, "the namespace has no such partition: see lsblk\n");
		return -ENODEV;
	}
	ret = ns_claim_bdev(ns);
	if (ret)
		return ret;
	ret = lent_check(ns, &info) ?: ns_atomicity(ns, info.bounded);
	if (ret)
		return ret;
	ns_claimed(ns, info.lba_shift);
	ns->start = get_start_sect(ns->bdev) >> (info.lba_shift - SECTOR_SHIFT);
	ns->vns.msrc = min_t(u8, info.msrc, VNVME_COPY_RANGES - 1);
	ns->vns.mssrl = info.mssrl;
	ns->vns.mcl = info.mcl;
	ns->vns.backend = &nm->extq;
	return 0;
}

/* The number of what is meant; that of a path was found when it was written. */
static int block_find(struct nvme_mdev_ns *ns)
{
	int ret;

	if (!ns->host_nsid)
		return 0;
	if (!ns->nm->parent->pdev) {
		ns_err(ns, "the software parent has no drive: write a path, or <major>:<minor>\n");
		return -ENODEV;
	}
	ret = nvme_mdev_find_on_drive(ns->nm->parent->dev, ns->host_nsid, &ns->devt);
	if (ret) {
		ns_err(ns, "%s\n", ret == -EOPNOTSUPP ?
		       "the drive's namespaces have several paths: write the path of a disk" :
		       "the drive has no such namespace: see nvme list");
		return ret;
	}
	if (ns->partno)
		ns->devt = nvme_mdev_find_partition(ns->devt, ns->partno);
	if (!ns->devt) {
		ns_err(ns, "the namespace has no such partition: see lsblk\n");
		return -ENODEV;
	}
	return 0;
}

static int block_check(struct nvme_mdev_ns *ns)
{
	u32 lba = bdev_logical_block_size(ns->bdev);

	if (bdev_is_zoned(ns->bdev)) {
		ns_err(ns, "zoned block devices are not supported\n");
		return -EOPNOTSUPP;
	}
	if (lba > PAGE_SIZE) {
		ns_err(ns, "blocks of %u bytes are not supported, 4096 are the most\n", lba);
		return -EOPNOTSUPP;
	}
	if (bdev_nr_sectors(ns->bdev) < lba >> SECTOR_SHIFT) {
		ns_err(ns, "is smaller than one block of %u bytes\n", lba);
		return -EINVAL;
	}
	/* a number may have gone to another disk while nobody had this one */
	if (ns->diskseq && ns->diskseq != ns->bdev->bd_disk->diskseq) {
		ns_err(ns, "is another device than when it was added: remove it, and add what is meant\n");
		return -ENODEV;
	}
	return ns_atomicity(ns, true);
}

/* Any block device, by bios. */
static int block_claim(struct nvme_mdev_ns *ns)
{
	int ret = block_find(ns) ?: ns_claim_bdev(ns) ?: block_check(ns);

	if (ret)
		return ret;
	if (!ns->host_nsid)
		ns->diskseq = ns->bdev->bd_disk->diskseq;
	ns_claimed(ns, ilog2(bdev_logical_block_size(ns->bdev)));
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
	ns->vns.ro = ns->ro;
	ns->vns.backend = &ns->nm->null;
	return 0;
}

/* Claim what is behind @ns and read its geometry. */
static int ns_claim(struct nvme_mdev_ns *ns)
{
	static int (* const claim[])(struct nvme_mdev_ns *ns) = {
		[NVME_MDEV_LENT]	= lent_claim,
		[NVME_MDEV_BLOCK]	= block_claim,
		[NVME_MDEV_NULL]	= null_claim,
	};
	int ret = claim[ns->kind](ns);

	if (ret)
		ns_release(ns);
	return ret;
}

static int null_parse(struct nvme_mdev_ns *ns, const char *after)
{
	char *end;

	ns->kind = NVME_MDEV_NULL;
	ns->size = NULL_SIZE;
	if (!*after)
		return 0;
	if (*after != ':')
		return -EINVAL;
	ns->size = memparse(after + 1, &end);
	return *end || ns->size >> NULL_SHIFT == 0 || ns->size >> 60 ? -EINVAL : 0;
}

/* "n1", "n1p3", "null", "null:1G", "/dev/vg/lv", "253:0" */
static int ns_parse(struct nvme_mdev_ns *ns)
{
	const char *s = ns->name;
	char after;
	int n;

	if (!strncmp(s, "null", 4))
		return null_parse(ns, s + 4);
	ns->kind = ns->nm->nr_lent ? NVME_MDEV_LENT : NVME_MDEV_BLOCK;
	n = sscanf(s, "n%9up%9u%c", &ns->host_nsid, &ns->partno, &after);
	if (n == 2)
		return ns->host_nsid && ns->partno ? 0 : -EINVAL;
	n = sscanf(s, "n%9u%c", &ns->host_nsid, &after);
	if (n == 1)
		return ns->host_nsid ? 0 : -EINVAL;
	ns->host_nsid = 0;
	ns->kind = NVME_MDEV_BLOCK;
	return nvme_mdev_find_named(s, &ns->devt);
}

/* Attach a namespace that is claimed to the running controller. */
static int ns_attach(struct nvme_mdev_ns *ns)
{
	int ret = 0;

	if (ns->kind == NVME_MDEV_BLOCK)
		ret = nvme_mdev_block_setup(ns->nm);
	if (!ret)
		ret = vnvme_ns_attach(&ns->nm->ctrl, &ns->vns);
	ns->attached = !ret;
	return ret;
}

static u32 ns_free_nsid(const struct nvme_mdev *nm)
{
	u32 i;

	for (i = 1; i <= VNVME_MAX_NS; i++)
		if (!nm->ns[i])
			return i;
	return 0;
}

static struct nvme_mdev_ns *ns_alloc(struct nvme_mdev *nm, u32 nsid, const char *name)
{
	struct nvme_mdev_ns *ns = kzalloc(sizeof(*ns), GFP_KERNEL_ACCOUNT);

	if (!ns)
		return NULL;
	ns->name = kstrdup(name, GFP_KERNEL_ACCOUNT);
	if (!ns->name) {
		kfree(ns);
		return NULL;
	}
	ns->nm = nm;
	ns->vns.nsid = nsid;
	ns->vns.priv = ns;
	nvme_mdev_block_init_ns(ns);
	return ns;
}

static void ns_free(struct nvme_mdev_ns *ns)
{
	if (!ns)
		return;
	kfree(ns->name);
	kfree(ns);
}

/* A word may follow the name: "ro" is read-only, whatever is behind it. */
static int ns_take_word(struct nvme_mdev_ns *ns)
{
	char *word = strchr(ns->name, ' ');

	if (!word)
		return 0;
	*word++ = '\0';
	if (strcmp(skip_spaces(word), "ro"))
		return -EINVAL;
	ns->ro = true;
	return 0;
}

/* A word of a line of namespaces/namespaces, without blanks inside: is it a name? */
static bool ns_name_ok(const char *name)
{
	size_t len = 0;

	for (; *name; name++)
		if ((u8)*name <= ' ' || *name == 0x7f || ++len >= NVME_MDEV_NAME_MAX)
			return false;
	return len;
}

/* What is meant by the name, which is refused with a line in the log. */
static int ns_understand(struct nvme_mdev_ns *ns)
{
	int ret = ns_take_word(ns);

	if (!ret)
		ret = ns_name_ok(ns->name) ? ns_parse(ns) : -EINVAL;
	if (ret == -EINVAL)
		dev_err(nvme_mdev_dev(ns->nm),
			"not a namespace: write n<nsid>, n<nsid>p<partition>, the path or <major>:<minor> of a block device, or null[:<size>], and after it ro for a read-only one\n");
	else if (ret)
		ns_err(ns, "%s (%d)\n", ret == -ENOTBLK ? "is not a block device" :
		       ret == -ENOENT ? "does not exist" : "cannot be looked up", ret);
	return ret;
}

/**
 * nvme_mdev_ns_add() - attach a namespace
 * @nm:		device
 * @name:	n<nsid>, n<nsid>p<partition>: of the drive; a path, <major>:<minor>:
 *		a block device; null, null:<size>; " ro" after it: read-only
 *
 * It gets the lowest free NSID.
 * Context: control, may sleep.
 * Return: 0; -EINVAL: not a name, not aligned, or too small; -ENODEV: no such
 * thing; -ENOENT, -ENOTBLK: the path is none of a block device; -EBUSY: in use;
 * -EEXIST: attached already; -ENOSPC: no NSID is free; -EOPNOTSUPP: metadata,
 * zones, large blocks, several paths or atomic boundaries; -ENOMEM; -EIO and
 * what else nvme_extq_ns() or looking up a path may return.
 */
int nvme_mdev_ns_add(struct nvme_mdev *nm, const char *name)
{
	u32 nsid = ns_free_nsid(nm);
	struct nvme_mdev_ns *ns;
	int ret;

	lockdep_assert_held(&nm->lock);
	if (!nsid) {
		dev_err(nvme_mdev_dev(nm), "%u namespaces are attached, the most there can be\n",
			VNVME_MAX_NS);
		return -ENOSPC;
	}
	ns = ns_alloc(nm, nsid, name);
	if (!ns)
		return -ENOMEM;
	ret = ns_understand(ns) ?: ns_claim(ns);
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
	ns_free(ns);
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
	ns_free(ns);
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
		ns_free(nm->ns[i]);
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

/* The device may have grown, shrunk, or become read-only. */
static bool ns_differs(const struct nvme_mdev_ns *ns)
{
	/* one that is gone has no size; its I/O fails */
	if (!bdev_nr_sectors(ns->bdev))
		return false;
	return ns->vns.nlb != bdev_nr_sectors(ns->bdev) >> (ns->vns.lba_shift - SECTOR_SHIFT) ||
	       ns->vns.ro != nvme_mdev_ns_read_only(ns);
}

static void ns_update(struct nvme_mdev_ns *ns)
{
	struct vnvme_ns *vns = &ns->vns;
	u64 nlb = bdev_nr_sectors(ns->bdev) >> (vns->lba_shift - SECTOR_SHIFT);

	dev_info(nvme_mdev_dev(ns->nm), "%s: %llu blocks, now %llu%s\n", ns->name, vns->nlb, nlb,
		 nvme_mdev_ns_read_only(ns) ? ", read-only" : "");
	WRITE_ONCE(vns->nlb, nlb);
	WRITE_ONCE(vns->ro, nvme_mdev_ns_read_only(ns));
	vnvme_ns_changed(&ns->nm->ctrl, vns);
}

/**
 * nvme_mdev_ns_watch() - tell the guest what has become of its namespaces
 * @work: nvme_mdev.ns_watch
 *
 * Nobody calls when a block device changes.  What the guest does before it is
 * told is checked against the device as it is, by the backends.
 */
void nvme_mdev_ns_watch(struct work_struct *work)
{
	struct nvme_mdev *nm = container_of(to_delayed_work(work), struct nvme_mdev, ns_watch);
	u32 i;

	nvme_mdev_control_lock(nm);
	for (i = 1; i <= VNVME_MAX_NS; i++) {
		struct nvme_mdev_ns *ns = nm->ns[i];

		if (ns && ns->bdev && ns->attached && !ns->removing && ns_differs(ns))
			ns_update(ns);
	}
	if (nm->open)
		queue_delayed_work(nm->wq, &nm->ns_watch, WATCH_PERIOD);
	nvme_mdev_control_unlock(nm);
}

/**
 * nvme_mdev_ns_list() - a line per namespace
 * @nm:		device
 * @buf:	filled as far as it goes
 * @size:	of @buf
 *
 * Context: control.
 * Return: length of what is in @buf.
 */
ssize_t nvme_mdev_ns_list(struct nvme_mdev *nm, char *buf, size_t size)
{
	ssize_t len = 0;
	u32 i;

	for (i = 1; i <= VNVME_MAX_NS; i++) {
		const struct nvme_mdev_ns *ns = nm->ns[i];

		if (ns)
			len += scnprintf(buf + len, size - len, "%u %s%s %llu\n", i, ns->name,
					 ns->ro ? " ro" : "",
					 ns->vns.nlb << (ns->vns.lba_shift - SECTOR_SHIFT));
	}
	return len;
}
