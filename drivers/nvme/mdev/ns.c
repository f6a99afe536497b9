// SPDX-License-Identifier: GPL-2.0
/*
 * Namespaces: what an operator attaches.
 *
 * What is behind a namespace is claimed (claim.c) while a VMM has the device open.
 * A namespace added to a closed device is claimed once, to refuse now what could
 * not be opened later, and released again.
 *
 * To claim and to let go may take as long as the device below likes.  So nobody
 * does so in control: who does has marked the namespace as busy, and others leave
 * it alone; opening and closing mark the device (nvme_mdev.changing).
 */
#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/sizes.h>

#include "mdev.h"

#define NULL_SIZE	SZ_1G
#define NULL_BLOCK	512
#define WATCH_PERIOD	HZ

#define ns_err(_ns, fmt, ...) do {						\
	const struct nvme_mdev_ns *__ns = (_ns);				\
										\
	dev_err(nvme_mdev_dev(__ns->nm), "%s: " fmt, __ns->name, ##__VA_ARGS__);\
} while (0)

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
	return *end || ns->size < NULL_BLOCK || ns->size >> 60 ? -EINVAL : 0;
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

/**
 * nvme_mdev_ns_twin() - is what is about to be claimed attached already?
 * @ns:		namespace that is being added
 * @devt:	number of the block device
 * @disk:	and of its disk, which is the same for all of it
 *
 * Context: not in control; may sleep.
 * Return: 0, or -EEXIST with a line in the log.
 */
int nvme_mdev_ns_twin(struct nvme_mdev_ns *ns, dev_t devt, dev_t disk)
{
	const struct nvme_mdev_ns *other, *twin = NULL;
	struct nvme_mdev *nm = ns->nm;
	u32 i;

	nvme_mdev_control_lock(nm);
	ns->devt = devt;
	ns->disk = disk;
	for (i = 1; i <= VNVME_MAX_NS && !twin; i++) {
		other = nm->ns[i];
		if (other && other != ns && other->disk == disk &&
		    (other->devt == devt || devt == disk || other->devt == disk))
			twin = other;
	}
	if (twin && twin->devt == devt)
		ns_err(ns, "is attached already, as namespace %u\n", twin->vns.nsid);
	else if (twin)
		ns_err(ns, "overlaps %s, attached as namespace %u: a disk is attached as a whole or by partitions\n",
		       twin->name, twin->vns.nsid);
	if (twin)
		ns->disk = 0;
	nvme_mdev_control_unlock(nm);
	return twin ? -EEXIST : 0;
}

/* Attach a namespace that is claimed to the controller; the device is open, or about to be. */
static int ns_attach(struct nvme_mdev_ns *ns)
{
	int ret = 0;

	if (ns->kind == NVME_MDEV_BLOCK)
		ret = nvme_mdev_block_attach(ns);
	ns->ended = false;
	ns->told = false;
	if (!ret)
		ret = vnvme_ns_attach(&ns->nm->ctrl, &ns->vns);
	ns->attached = !ret;
	return ret;
}

/* Be in control of a device that is not being opened or closed. */
static int ns_control(struct nvme_mdev *nm)
{
	nvme_mdev_control_lock(nm);
	while (nm->changing) {
		nvme_mdev_control_unlock(nm);
		if (wait_event_killable(nm->idle, !READ_ONCE(nm->changing)))
			return -EINTR;
		nvme_mdev_control_lock(nm);
	}
	return 0;
}

static u32 ns_free_nsid(const struct nvme_mdev *nm)
{
	u32 i;

	for (i = 1; i <= VNVME_MAX_NS; i++)
		if (!nm->ns[i])
			return i;
	return 0;
}

static struct nvme_mdev_ns *ns_alloc(struct nvme_mdev *nm, const char *name)
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

/* What may come with a namespace: hexadecimal, and in a UUID its dashes. */
static const struct ns_id {
	const char	*word;
	u8		at, len;
} ns_ids[] = {
	{ "uuid=", offsetof(struct vnvme_identity, uuid), 16 },
	{ "nguid=", offsetof(struct vnvme_identity, nguid), 16 },
	{ "eui64=", offsetof(struct vnvme_identity, eui64), 8 },
};

static u8 *ns_id_at(struct nvme_mdev_ns *ns, const struct ns_id *id)
{
	return (u8 *)&ns->vns.id + id->at;
}

static bool ns_id_given(struct nvme_mdev_ns *ns, const struct ns_id *id)
{
	return memchr_inv(ns_id_at(ns, id), 0, id->len);
}

static int ns_take_id(struct nvme_mdev_ns *ns, const struct ns_id *id, const char *value)
{
	u8 *to = ns_id_at(ns, id);
	uuid_t uuid;

	if (ns_id_given(ns, id))
		return -EINVAL;
	if (!id->at && !uuid_parse(value, &uuid) && strlen(value) == UUID_STRING_LEN)
		export_uuid(to, &uuid);
	else if (!id->at || strlen(value) != 2 * id->len || hex2bin(to, value, id->len))
		return -EINVAL;
	/* 0 is what they are that did not come */
	return ns_id_given(ns, id) ? 0 : -EINVAL;
}

/* "ro" is read-only, whatever is behind it; the others say what the guest knows it by. */
static int ns_take_word(struct nvme_mdev_ns *ns, const char *word)
{
	unsigned int i;

	if (!strcmp(word, "ro")) {
		if (ns->ro)
			return -EINVAL;
		ns->ro = true;
		return 0;
	}
	if (str_has_prefix(word, "nsid=")) {
		if (ns->asked || kstrtouint(word + 5, 10, &ns->asked) ||
		    !ns->asked || ns->asked > VNVME_MAX_NS)
			return -EINVAL;
		return 0;
	}
	for (i = 0; i < ARRAY_SIZE(ns_ids); i++)
		if (str_has_prefix(word, ns_ids[i].word))
			return ns_take_id(ns, &ns_ids[i], word + strlen(ns_ids[i].word));
	return -EINVAL;
}

/* Words may follow the name. */
static int ns_take_words(struct nvme_mdev_ns *ns)
{
	char *rest = ns->name, *word;
	int ret;

	strsep(&rest, " ");
	while ((word = strsep(&rest, " "))) {
		ret = *word ? ns_take_word(ns, word) : 0;
		if (ret)
			return ret;
	}
	return 0;
}

/* Its NSID, and nothing that the guest would take for another namespace. */
static int ns_place(struct nvme_mdev_ns *ns)
{
	struct nvme_mdev *nm = ns->nm;
	unsigned int i, k;

	ns->vns.nsid = ns->asked ?: ns_free_nsid(nm);
	if (nm->ns[ns->vns.nsid]) {
		ns_err(ns, "namespace %u is attached already: write another nsid=\n",
		       ns->vns.nsid);
		return -EEXIST;
	}
	for (i = 1; i <= VNVME_MAX_NS; i++)
		for (k = 0; nm->ns[i] && k < ARRAY_SIZE(ns_ids); k++) {
			if (!ns_id_given(ns, &ns_ids[k]) ||
			    memcmp(ns_id_at(ns, &ns_ids[k]), ns_id_at(nm->ns[i], &ns_ids[k]),
				   ns_ids[k].len))
				continue;
			ns_err(ns, "namespace %u has this %s already\n", i, ns_ids[k].word);
			return -EEXIST;
		}
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
	int ret = ns_take_words(ns);

	if (!ret)
		ret = ns_name_ok(ns->name) ? ns_parse(ns) : -EINVAL;
	if (ret == -EINVAL)
		dev_err(nvme_mdev_dev(ns->nm),
			"not a namespace: write n<nsid>, n<nsid>p<partition>, the path or <major>:<minor> of a block device, or null[:<size>], and after it, each once, ro for a read-only one, nsid=<1 to 128>, uuid=, nguid= or eui64=\n");
	else if (ret)
		ns_err(ns, "%s (%d)\n", ret == -ENOTBLK ? "is not a block device" :
		       ret == -ENOENT ? "does not exist" : "cannot be looked up", ret);
	return ret;
}

/* Have a new namespace in its place, busy. */
static int ns_reserve(struct nvme_mdev_ns *ns)
{
	struct nvme_mdev *nm = ns->nm;
	int ret = ns_control(nm);

	if (ret)
		return ret;
	if (!ns_free_nsid(nm)) {
		dev_err(nvme_mdev_dev(nm), "%u namespaces are attached, the most there can be\n",
			VNVME_MAX_NS);
		ret = -ENOSPC;
	} else {
		ret = ns_place(ns);
	}
	if (!ret) {
		ns->busy = true;
		ns->adding = true;
		nm->ns[ns->vns.nsid] = ns;
	}
	nvme_mdev_control_unlock(nm);
	return ret;
}

/* Nobody works on it any more; if it is to go, it goes. */
static void ns_settle(struct nvme_mdev_ns *ns, bool gone)
{
	struct nvme_mdev *nm = ns->nm;

	nvme_mdev_control_lock(nm);
	ns->busy = false;
	ns->adding = false;
	WRITE_ONCE(nm->settled, nm->settled + 1);
	if (gone)
		nm->ns[ns->vns.nsid] = NULL;
	nvme_mdev_control_unlock(nm);
	wake_up_all(&nm->idle);
	if (gone)
		ns_free(ns);
}

/* Claimed: to the guest, if there is one, and then it keeps the claim. */
static int ns_bring(struct nvme_mdev_ns *ns, bool *kept)
{
	struct nvme_mdev *nm = ns->nm;
	int ret = ns_control(nm);

	if (ret)
		return ret;
	if (nm->open) {
		ret = ns_attach(ns);
		*kept = !ret;
		ns->claimed = !ret;
	} else {
		/* busy until it has let go, for which who opens the device waits */
		ns->adding = false;
	}
	nvme_mdev_control_unlock(nm);
	return ret;
}

/**
 * nvme_mdev_ns_add() - attach a namespace
 * @nm:		device
 * @name:	n<nsid>, n<nsid>p<partition>: of the drive; a path, <major>:<minor>:
 *		a block device; null, null:<size>; words after it: " ro": read-only,
 *		" nsid=<nsid>", " uuid=<uuid>", " nguid=<hex>", " eui64=<hex>"
 *
 * It gets the lowest free NSID, unless it came with one.
 * Context: not in control; may sleep, as long as the device below takes.
 * Return: 0; -EINVAL: not a name, not aligned, or too small; -ENODEV: no such
 * thing; -ENOENT, -ENOTBLK: the path is none of a block device; -EBUSY: in use;
 * -EEXIST: attached already, or its NSID or a name is in use; -ENOSPC: no NSID is
 * free; -EOPNOTSUPP: metadata, zones, large blocks or several paths; -ENOMEM;
 * -EPERM: the caller may not open it; -EINTR: killed while waiting; -EIO and what
 * else nvme_extq_ns() or looking up a path may return.
 */
int nvme_mdev_ns_add(struct nvme_mdev *nm, const char *name)
{
	struct nvme_mdev_ns *ns = ns_alloc(nm, name);
	bool kept = false;
	int ret;

	if (!ns)
		return -ENOMEM;
	ret = ns_understand(ns) ?: ns_reserve(ns);
	if (ret) {
		ns_free(ns);
		return ret;
	}
	ret = nvme_mdev_claim(ns);
	if (!ret) {
		ret = ns_bring(ns, &kept);
		if (!kept)
			nvme_mdev_claim_release(ns);
	}
	ns_settle(ns, ret);
	return ret;
}

/* Take @ns, which is busy, from the controller; waits for what is in flight. */
static void ns_detach(struct nvme_mdev_ns *ns)
{
	struct nvme_mdev *nm = ns->nm;

	lockdep_assert_held(&nm->lock);
	while (ns->attached && vnvme_ns_detach(&nm->ctrl, ns->vns.nsid) == -EAGAIN) {
		nvme_mdev_control_unlock(nm);
		msleep(20);
		nvme_mdev_control_lock(nm);
	}
	ns->attached = false;
}

/*
 * Let go of control until some namespace is not busy any more, and take it again.
 * Return: -EINTR: killed, without control.
 */
static int ns_wait(struct nvme_mdev *nm)
{
	unsigned long seen = nm->settled;

	lockdep_assert_held(&nm->lock);
	nvme_mdev_control_unlock(nm);
	if (wait_event_killable(nm->idle, READ_ONCE(nm->settled) != seen))
		return -EINTR;
	nvme_mdev_control_lock(nm);
	return 0;
}

/* The namespace, busy; in control.  Whoever else works on it comes first. */
static struct nvme_mdev_ns *ns_take(struct nvme_mdev *nm, u32 nsid)
{
	struct nvme_mdev_ns *ns;
	int ret;

	for (;;) {
		ret = ns_control(nm);
		if (ret)
			return ERR_PTR(ret);
		ns = nsid <= VNVME_MAX_NS ? nm->ns[nsid] : NULL;
		if (!ns || ns->removing)
			break;
		if (!ns->busy) {
			ns->busy = true;
			return ns;
		}
		ret = ns_wait(nm);
		if (ret)
			return ERR_PTR(ret);
		/* once more: the device may be changing */
		nvme_mdev_control_unlock(nm);
	}
	nvme_mdev_control_unlock(nm);
	dev_err(nvme_mdev_dev(nm), "namespace %u is not attached: see namespaces/namespaces\n",
		nsid);
	return ERR_PTR(-ENOENT);
}

/**
 * nvme_mdev_ns_remove() - detach a namespace, under I/O if need be
 * @nm:		device
 * @nsid:	the guest's
 *
 * Context: not in control; may sleep as long as the drive takes for what is in
 * flight.
 * Return: 0, -ENOENT, or -EINTR: killed while waiting.
 */
int nvme_mdev_ns_remove(struct nvme_mdev *nm, u32 nsid)
{
	struct nvme_mdev_ns *ns = ns_take(nm, nsid);

	if (IS_ERR(ns))
		return PTR_ERR(ns);
	ns->removing = true;
	ns->claimed = false;
	ns_detach(ns);
	nvme_mdev_control_unlock(nm);
	nvme_mdev_claim_release(ns);
	ns_settle(ns, true);
	return 0;
}

/**
 * nvme_mdev_ns_claim_all() - claim everything
 * @nm: device being opened: ->changing is set
 *
 * Context: not in control; may sleep.
 * Return: 0, or -errno with nothing claimed.
 */
int nvme_mdev_ns_claim_all(struct nvme_mdev *nm)
{
	struct nvme_mdev_ns *ns;
	int ret = 0;
	u32 i;

	for (i = 1; i <= VNVME_MAX_NS && !ret; i++) {
		nvme_mdev_control_lock(nm);
		ns = nm->ns[i];
		/* what is being added comes to the guest when that is done */
		/* a work item: nobody kills it */
		while (ns && ns->busy && !ns->adding && !ns->removing && !ns_wait(nm))
			ns = nm->ns[i];
		if (ns && ns->busy)
			ns = NULL;
		if (ns)
			ns->busy = true;
		nvme_mdev_control_unlock(nm);
		if (!ns)
			continue;
		ret = nvme_mdev_claim(ns);
		ns->claimed = !ret;
		ns_settle(ns, false);
	}
	if (ret)
		nvme_mdev_ns_close_all(nm);
	return ret;
}

/**
 * nvme_mdev_ns_attach_all() - attach what has been claimed
 * @nm: device being opened
 *
 * Context: control. Return: 0 or -errno.
 */
int nvme_mdev_ns_attach_all(struct nvme_mdev *nm)
{
	int ret = 0;
	u32 i;

	for (i = 1; i <= VNVME_MAX_NS && !ret; i++)
		if (nm->ns[i] && nm->ns[i]->claimed)
			ret = ns_attach(nm->ns[i]);
	return ret;
}

/**
 * nvme_mdev_ns_close_all() - release every claim
 * @nm: device being opened or closed: ->changing is set; nothing is in flight
 *
 * Who is removing a namespace lets go of it himself; who is adding one finds that
 * the device is closed.
 * Context: not in control; may sleep, as long as the devices below take.
 */
void nvme_mdev_ns_close_all(struct nvme_mdev *nm)
{
	struct nvme_mdev_ns *ns;
	u32 i;

	for (i = 1; i <= VNVME_MAX_NS; i++) {
		nvme_mdev_control_lock(nm);
		ns = nm->ns[i];
		if (ns)
			ns->attached = false;
		if (ns && ns->claimed) {
			ns->claimed = false;
			ns->busy = true;
		} else {
			ns = NULL;
		}
		nvme_mdev_control_unlock(nm);
		if (!ns)
			continue;
		nvme_mdev_claim_release(ns);
		ns_settle(ns, false);
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

/* A namespace that the guest has, busy for the caller; NULL if it has none by this NSID. */
static struct nvme_mdev_ns *ns_seize(struct nvme_mdev *nm, u32 nsid)
{
	struct nvme_mdev_ns *ns;

	nvme_mdev_control_lock(nm);
	do {
		ns = nm->ns[nsid];
		if (!ns || !ns->attached || !ns->bdev)
			ns = NULL;
		/* a work item: nobody kills it */
	} while (ns && ns->busy && !ns_wait(nm));
	if (ns)
		ns->busy = true;
	nvme_mdev_control_unlock(nm);
	return ns;
}

/**
 * nvme_mdev_ns_flush() - make completed writes durable
 * @work: nvme_mdev.flush
 *
 * As long as the devices below take; nobody but vnvme_ctrl_flushed() waits for that.
 */
void nvme_mdev_ns_flush(struct work_struct *work)
{
	struct nvme_mdev *nm = container_of(work, struct nvme_mdev, flush);
	u32 nr = vnvme_ctrl_flush_asked(&nm->ctrl), i;

	for (i = 1; i <= VNVME_MAX_NS; i++) {
		struct nvme_mdev_ns *ns = ns_seize(nm, i);

		if (!ns)
			continue;
		blkdev_issue_flush(ns->bdev);
		ns_settle(ns, false);
	}
	vnvme_ctrl_flushed(&nm->ctrl, nr);
}

/* The device may have grown, shrunk, or become read-only. */
static bool ns_differs(const struct nvme_mdev_ns *ns)
{
	if (!ns->bdev || !bdev_nr_sectors(ns->bdev))
		return false;
	return ns->vns.nlb != bdev_nr_sectors(ns->bdev) >> (ns->vns.lba_shift - SECTOR_SHIFT) ||
	       ns->vns.read_only != nvme_mdev_ns_read_only(ns);
}

static void ns_update(struct nvme_mdev_ns *ns)
{
	struct vnvme_ns *vns = &ns->vns;
	u64 nlb = bdev_nr_sectors(ns->bdev) >> (vns->lba_shift - SECTOR_SHIFT);

	dev_info(nvme_mdev_dev(ns->nm), "%s: %llu blocks, now %llu%s\n", ns->name, vns->nlb, nlb,
		 nvme_mdev_ns_read_only(ns) ? ", read-only" : "");
	WRITE_ONCE(vns->nlb, nlb);
	vnvme_ns_set_read_only(vns, nvme_mdev_ns_read_only(ns));
	vnvme_ns_changed(&ns->nm->ctrl, vns);
}

/**
 * nvme_mdev_ns_end() - a namespace is not what it was: it has ended, for good
 * @ns: namespace, attached
 *
 * Context: any.  Return: what its commands are answered with from now on.
 */
u16 nvme_mdev_ns_end(struct nvme_mdev_ns *ns)
{
	if (!READ_ONCE(ns->ended)) {
		WRITE_ONCE(ns->ended, true);
		/* the guest and the operator hear of it from there */
		mod_delayed_work(ns->nm->wq, &ns->nm->ns_watch, 0);
	}
	return VNVME_SC_NS_NOT_READY | VNVME_DNR;
}

/*
 * Take a namespace that has ended from the guest, once its last commands are back,
 * and let go of what it was on.  Only the operator can remove it, or give it back by
 * starting the guest anew, if it is there again.  In control, which is let go of.
 */
static void ns_take_away(struct nvme_mdev_ns *ns, const char *why)
{
	struct nvme_mdev *nm = ns->nm;

	WRITE_ONCE(ns->ended, true);
	if (!ns->told) {
		ns->told = true;
		ns_err(ns, "%s: namespace %u has ended for the guest; remove it, or stop the VM and start it again once it is back\n",
		       why, ns->vns.nsid);
	}
	if (vnvme_ns_detach(&nm->ctrl, ns->vns.nsid) == -EAGAIN)
		return;
	ns->attached = false;
	ns->claimed = false;
	ns->busy = true;
	ns->vns.nlb = 0;
	nvme_mdev_control_unlock(nm);
	nvme_mdev_claim_release(ns);
	ns_settle(ns, false);
	nvme_mdev_control_lock(nm);
}

static void ns_look(struct nvme_mdev_ns *ns)
{
	const char *why;

	if (!ns || !ns->attached || ns->busy)
		return;
	why = nvme_mdev_claim_why(ns);
	if (why || READ_ONCE(ns->ended))
		ns_take_away(ns, why ?: "it was another one for a moment");
	else if (ns_differs(ns))
		ns_update(ns);
}

/**
 * nvme_mdev_ns_watch() - tell the guest what has become of its namespaces
 * @work: nvme_mdev.ns_watch
 *
 * And of its doorbells, which nobody else looks at when there is nothing to do.
 * Nobody calls when a block device changes.  What the guest does before it is
 * told is checked against the device as it is, by the backends.
 */
void nvme_mdev_ns_watch(struct work_struct *work)
{
	struct nvme_mdev *nm = container_of(to_delayed_work(work), struct nvme_mdev, ns_watch);
	u32 i;

	nvme_mdev_control_lock(nm);
	for (i = 1; nm->open && i <= VNVME_MAX_NS; i++)
		ns_look(nm->ns[i]);
	if (nm->open)
		vnvme_db_watch(&nm->ctrl);
	if (nm->open)
		queue_delayed_work(nm->wq, &nm->ns_watch, WATCH_PERIOD);
	nvme_mdev_control_unlock(nm);
}

/* The words that came with a namespace, as they can be written again. */
static size_t ns_words(struct nvme_mdev_ns *ns, char *buf, size_t size)
{
	size_t len = 0;
	unsigned int i;

	if (ns->ro)
		len += scnprintf(buf + len, size - len, " ro");
	if (ns->asked)
		len += scnprintf(buf + len, size - len, " nsid=%u", ns->asked);
	for (i = 0; i < ARRAY_SIZE(ns_ids); i++) {
		if (!ns_id_given(ns, &ns_ids[i]))
			continue;
		len += scnprintf(buf + len, size - len, " %s", ns_ids[i].word);
		if (!ns_ids[i].at)
			len += scnprintf(buf + len, size - len, "%pUb", ns_id_at(ns, &ns_ids[i]));
		else
			len += scnprintf(buf + len, size - len, "%*phN", ns_ids[i].len,
					 ns_id_at(ns, &ns_ids[i]));
	}
	return len;
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
		struct nvme_mdev_ns *ns = nm->ns[i];

		if (!ns || ns->adding)
			continue;
		len += scnprintf(buf + len, size - len, "%u %s", i, ns->name);
		len += ns_words(ns, buf + len, size - len);
		len += scnprintf(buf + len, size - len, " %llu\n",
				 ns->vns.nlb << (ns->vns.lba_shift - SECTOR_SHIFT));
	}
	return len;
}
