// SPDX-License-Identifier: GPL-2.0
/*
 * What an operator sets and sees of a device: namespaces, settings, state.
 * Documentation/ABI/testing/sysfs-bus-mdev-nvme describes every file.
 */
#include <linux/ctype.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "mdev.h"

#define PINNED_IDLE_MIN	10		/* less is a busy loop */
#define PINNED_IDLE_MAX	86400000	/* a day */
#define NAMESPACES_MAX	(VNVME_MAX_NS * (NVME_MDEV_NAME_MAX + 160))	/* and what came with it */

static struct nvme_mdev *to_nm(struct device *dev)
{
	return dev_get_drvdata(dev);
}

static ssize_t add_namespace_store(struct device *dev, struct device_attribute *attr,
				   const char *buf, size_t count)
{
	struct nvme_mdev *nm = to_nm(dev);
	char *name = kstrndup(buf, count, GFP_KERNEL);
	int ret;

	if (!name)
		return -ENOMEM;
	ret = nvme_mdev_ns_add(nm, strim(name));
	kfree(name);
	return ret ?: count;
}
static DEVICE_ATTR_WO(add_namespace);

static ssize_t remove_namespace_store(struct device *dev, struct device_attribute *attr,
				      const char *buf, size_t count)
{
	struct nvme_mdev *nm = to_nm(dev);
	u32 nsid;
	int ret;

	ret = kstrtou32(buf, 10, &nsid);
	if (ret) {
		dev_err(dev, "not a namespace id: write the number that namespaces/namespaces shows\n");
		return ret;
	}
	ret = nvme_mdev_ns_remove(nm, nsid);
	return ret ?: count;
}
static DEVICE_ATTR_WO(remove_namespace);

/* May be more than a page, hence binary for the kernel. */
static ssize_t namespaces_read(struct file *file, struct kobject *kobj, struct bin_attribute *attr,
			       char *buf, loff_t off, size_t count)
{
	struct nvme_mdev *nm = to_nm(kobj_to_dev(kobj));
	char *text = kvmalloc(NAMESPACES_MAX, GFP_KERNEL);
	ssize_t len;

	if (!text)
		return -ENOMEM;
	nvme_mdev_control_lock(nm);
	len = nvme_mdev_ns_list(nm, text, NAMESPACES_MAX);
	nvme_mdev_control_unlock(nm);
	len = memory_read_from_buffer(buf, count, &off, text, len);
	kvfree(text);
	return len;
}
static BIN_ATTR_RO(namespaces, 0);

static struct attribute *namespaces_attrs[] = {
	&dev_attr_add_namespace.attr,
	&dev_attr_remove_namespace.attr,
	NULL,
};

static struct bin_attribute *namespaces_bin_attrs[] = {
	&bin_attr_namespaces,
	NULL,
};

static ssize_t iothread_cpu_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct nvme_mdev *nm = to_nm(dev);
	ssize_t len;

	nvme_mdev_control_lock(nm);
	len = nvme_mdev_poller_format(buf, &nm->iothread_cpus);
	nvme_mdev_control_unlock(nm);
	return len;
}

static ssize_t iothread_cpu_store(struct device *dev, struct device_attribute *attr,
				  const char *buf, size_t count)
{
	struct nvme_mdev *nm = to_nm(dev);
	cpumask_var_t cpus;
	int ret;

	if (!zalloc_cpumask_var(&cpus, GFP_KERNEL))
		return -ENOMEM;
	ret = nvme_mdev_poller_parse(buf, cpus);
	if (ret)
		goto out;
	nvme_mdev_control_lock(nm);
	if (nm->open)
		ret = nvme_mdev_poller_place(nm, cpus);
	if (!ret)
		cpumask_copy(&nm->iothread_cpus, cpus);
	nvme_mdev_control_unlock(nm);
out:
	free_cpumask_var(cpus);
	return ret ?: count;
}
static DEVICE_ATTR_RW(iothread_cpu);

static ssize_t idle_ms_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(to_nm(dev)->idle_ms));
}

static ssize_t idle_ms_store(struct device *dev, struct device_attribute *attr,
			     const char *buf, size_t count)
{
	unsigned int ms;
	int ret = kstrtouint(buf, 10, &ms);

	if (ret || ms > NVME_MDEV_IDLE_MS_MAX) {
		dev_err(dev, "idle_ms: write milliseconds, at most %u, or 0 for never\n",
			NVME_MDEV_IDLE_MS_MAX);
		return -EINVAL;
	}
	WRITE_ONCE(to_nm(dev)->idle_ms, ms);
	nvme_mdev_poller_kick(to_nm(dev));
	return count;
}
static DEVICE_ATTR_RW(idle_ms);

static const char * const modes[] = { "poll", "adaptive" };

static ssize_t mode_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", modes[READ_ONCE(to_nm(dev)->adaptive)]);
}

static ssize_t mode_store(struct device *dev, struct device_attribute *attr,
			  const char *buf, size_t count)
{
	int mode = sysfs_match_string(modes, buf);

	if (mode < 0) {
		dev_err(dev, "mode: write poll or adaptive\n");
		return mode;
	}
	WRITE_ONCE(to_nm(dev)->adaptive, mode);
	nvme_mdev_poller_kick(to_nm(dev));
	return count;
}
static DEVICE_ATTR_RW(mode);

/* Of what the guest has been told nothing may change: control, the value differs. */
static int setting_may_change(struct nvme_mdev *nm, const char *name)
{
	if (!nm->open)
		return 0;
	dev_err(nvme_mdev_dev(nm), "%s: the guest has been told; stop the VM first\n", name);
	return -EBUSY;
}

static ssize_t shadow_doorbell_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", to_nm(dev)->cfg.dbbuf);
}

static ssize_t shadow_doorbell_store(struct device *dev, struct device_attribute *attr,
				     const char *buf, size_t count)
{
	struct nvme_mdev *nm = to_nm(dev);
	bool on;
	int ret = kstrtobool(buf, &on);

	if (ret) {
		dev_err(dev, "shadow_doorbell: write 0 or 1\n");
		return ret;
	}
	nvme_mdev_control_lock(nm);
	if (on != nm->cfg.dbbuf)
		ret = setting_may_change(nm, "shadow_doorbell");
	if (!ret)
		nm->cfg.dbbuf = on;
	nvme_mdev_control_unlock(nm);
	return ret ?: count;
}
static DEVICE_ATTR_RW(shadow_doorbell);

/* A name as Identify Controller has it: 1 to @max characters of printable ASCII. */
static ssize_t name_store(struct nvme_mdev *nm, const char *what, char *name, size_t max,
			  const char *buf, size_t count)
{
	size_t len = strcspn(buf, "\n"), i;
	int ret = 0;

	for (i = 0; i < len && isascii(buf[i]) && isprint(buf[i]); i++)
		;
	if (!len || len > max || i < len || buf[0] == ' ' || len + 1 < count) {
		dev_err(nvme_mdev_dev(nm),
			"%s: write 1 to %zu printable ASCII characters, the first not a space\n",
			what, max);
		return -EINVAL;
	}
	nvme_mdev_control_lock(nm);
	if (strlen(name) != len || memcmp(name, buf, len))
		ret = setting_may_change(nm, what);
	if (!ret) {
		memcpy(name, buf, len);
		name[len] = '\0';
	}
	nvme_mdev_control_unlock(nm);
	return ret ?: count;
}

static ssize_t name_show(struct nvme_mdev *nm, const char *name, char *buf)
{
	ssize_t len;

	nvme_mdev_control_lock(nm);
	len = sysfs_emit(buf, "%s\n", name);
	nvme_mdev_control_unlock(nm);
	return len;
}

static ssize_t serial_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return name_show(to_nm(dev), to_nm(dev)->cfg.serial, buf);
}

static ssize_t serial_store(struct device *dev, struct device_attribute *attr,
			    const char *buf, size_t count)
{
	return name_store(to_nm(dev), "serial", to_nm(dev)->cfg.serial, VNVME_SN_LEN, buf, count);
}
static DEVICE_ATTR_RW(serial);

static ssize_t model_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return name_show(to_nm(dev), to_nm(dev)->cfg.model, buf);
}

static ssize_t model_store(struct device *dev, struct device_attribute *attr,
			   const char *buf, size_t count)
{
	return name_store(to_nm(dev), "model", to_nm(dev)->cfg.model, VNVME_MN_LEN, buf, count);
}
static DEVICE_ATTR_RW(model);

static ssize_t pinned_limit_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", READ_ONCE(to_nm(dev)->mem.limit));
}

static ssize_t pinned_limit_store(struct device *dev, struct device_attribute *attr,
				  const char *buf, size_t count)
{
	struct nvme_mdev *nm = to_nm(dev);
	char *end;
	u64 bytes = memparse(buf, &end);

	if (end == buf || *skip_spaces(end) || bytes >> 60 || nvme_mdev_mem_set_limit(nm, bytes)) {
		dev_err(dev, "pinned_limit: write 0 for no bound, or %lluM or more\n",
			nvme_mdev_mem_limit_min(nm) >> 20);
		return -EINVAL;
	}
	return count;
}
static DEVICE_ATTR_RW(pinned_limit);

static ssize_t pinned_idle_ms_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(to_nm(dev)->mem.idle_ms));
}

static ssize_t pinned_idle_ms_store(struct device *dev, struct device_attribute *attr,
				    const char *buf, size_t count)
{
	unsigned int ms;
	int ret;

	ret = kstrtouint(buf, 10, &ms);
	if (ret || (ms && ms < PINNED_IDLE_MIN) || ms > PINNED_IDLE_MAX) {
		dev_err(dev, "pinned_idle_ms: write 0 for never, or %u to %u milliseconds\n",
			PINNED_IDLE_MIN, PINNED_IDLE_MAX);
		return ret ?: -EINVAL;
	}
	nvme_mdev_mem_set_idle(to_nm(dev), ms);
	return count;
}
static DEVICE_ATTR_RW(pinned_idle_ms);

static struct attribute *settings_attrs[] = {
	&dev_attr_iothread_cpu.attr,
	&dev_attr_idle_ms.attr,
	&dev_attr_mode.attr,
	&dev_attr_shadow_doorbell.attr,
	&dev_attr_serial.attr,
	&dev_attr_model.attr,
	&dev_attr_pinned_limit.attr,
	&dev_attr_pinned_idle_ms.attr,
	NULL,
};

static ssize_t open_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", READ_ONCE(to_nm(dev)->open));
}
static DEVICE_ATTR_RO(open);

static ssize_t controller_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	static const char * const names[VNVME_NR_STATES] = {
		[VNVME_DISABLED] = "disabled",	[VNVME_READY] = "ready",
		[VNVME_STOPPING] = "stopping",	[VNVME_SHUTTING] = "shutting down",
		[VNVME_SHUT] = "shut down",	[VNVME_FAILED] = "failed",
	};

	return sysfs_emit(buf, "%s\n", names[READ_ONCE(to_nm(dev)->ctrl.state)]);
}
static DEVICE_ATTR_RO(controller);

static ssize_t pinned_bytes_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n",
			  (u64)atomic64_read(&to_nm(dev)->mem.pinned_pages) << PAGE_SHIFT);
}
static DEVICE_ATTR_RO(pinned_bytes);

static ssize_t queue_pairs_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct nvme_mdev *nm = to_nm(dev);
	unsigned int i, n = 0;

	nvme_mdev_control_lock(nm);
	for (i = 1; i <= nm->nr_pairs; i++)
		n += nm->lanes[i].q && nm->lanes[i].up;
	nvme_mdev_control_unlock(nm);
	return sysfs_emit(buf, "%u %u\n", n, nm->nr_lent);
}
static DEVICE_ATTR_RO(queue_pairs);

static ssize_t pollers_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct nvme_mdev *nm = to_nm(dev);
	unsigned int i;
	int len = 0;

	nvme_mdev_control_lock(nm);
	for (i = 1; i <= nm->nr_pairs; i++) {
		const struct task_struct *task = nvme_mdev_poller_task(&nm->lanes[i]);

		if (task)
			len += sysfs_emit_at(buf, len, "%u %s %d %s\n", i, task->comm,
					     task->pid, nvme_mdev_poller_asleep(&nm->lanes[i]) ?
					     "asleep" : "polling");
	}
	nvme_mdev_control_unlock(nm);
	return len;
}
static DEVICE_ATTR_RO(pollers);

/* A line per lane and counter, so that one read is one moment. */
static ssize_t counters_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct nvme_mdev *nm = to_nm(dev);
	struct vnvme_lane_stat s = { };
	u64 submits = 0, rings = 0, acks = 0, wakeups = 0, hw_irqs = 0;
	u64 polls = 0, poller_ns = 0, idle_ns = 0;
	u64 pinned, bound, idle, unmaps;
	unsigned int i;

	nvme_mdev_control_lock(nm);
	for (i = 1; i <= nm->nr_pairs; i++) {
		/* their owners count on meanwhile */
		struct vnvme_lane_stat l = data_race(nm->ctrl.lane[i].stat);
		const struct nvme_mdev_lane *ml = &nm->lanes[i];

		s.reads += l.reads;
		s.writes += l.writes;
		s.others += l.others;
		s.read_sectors += l.read_sectors;
		s.write_sectors += l.write_sectors;
		s.errors += l.errors;
		s.irqs += l.irqs;
		s.late_irqs += l.late_irqs;
		s.misses += l.misses;
		s.eventidx += l.eventidx;
		s.full += l.full;
		submits += nvme_mdev_counted(ml->submits);
		rings += nvme_mdev_counted(ml->rings);
		acks += nvme_mdev_counted(ml->acks);
		wakeups += nvme_mdev_counted(ml->wakeups);
		hw_irqs += nvme_mdev_counted(ml->irqs);
		polls += nvme_mdev_counted(ml->polls);
		poller_ns += nvme_mdev_counted(ml->poller_ns);
		idle_ns += nvme_mdev_counted(ml->idle_ns);
	}
	nvme_mdev_control_unlock(nm);
	mutex_lock(&nm->mem.lock);
	pinned = nm->mem.nr_pinned;
	bound = nm->mem.nr_bound;
	idle = nm->mem.nr_idle;
	unmaps = nm->mem.nr_unmaps;
	mutex_unlock(&nm->mem.lock);
	return sysfs_emit(buf,
			  "reads %llu\nwrites %llu\nothers %llu\nread_sectors %llu\n"
			  "write_sectors %llu\nerrors %llu\ninterrupts %llu\nlate_interrupts %llu\nmisses %llu\n"
			  "eventidx_stores %llu\ncq_full %llu\nhw_commands %llu\n"
			  "hw_sq_doorbells %llu\nhw_cq_doorbells %llu\nwakeups %llu\n"
			  "hw_interrupts %llu\nblock_polled %llu\n"
			  "pages_pinned %llu\npages_reclaimed %llu\npages_idle %llu\n"
			  "unmaps %llu\npoller_ns %llu\npoller_idle_ns %llu\n",
			  s.reads, s.writes, s.others, s.read_sectors, s.write_sectors, s.errors,
			  s.irqs, s.late_irqs, s.misses, s.eventidx, s.full, submits, rings, acks,
			  wakeups, hw_irqs, polls, pinned, bound, idle, unmaps, poller_ns,
			  idle_ns);
}
static DEVICE_ATTR_RO(counters);

static ssize_t stat_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return nvme_mdev_stat_show(to_nm(dev), buf);
}
static DEVICE_ATTR_RO(stat);

static struct attribute *state_attrs[] = {
	&dev_attr_open.attr,
	&dev_attr_controller.attr,
	&dev_attr_pinned_bytes.attr,
	&dev_attr_queue_pairs.attr,
	&dev_attr_pollers.attr,
	&dev_attr_counters.attr,
	&dev_attr_stat.attr,
	NULL,
};

static const struct attribute_group namespaces_group = {
	.name	= "namespaces",
	.attrs	= namespaces_attrs,
	.bin_attrs = namespaces_bin_attrs,
};

static const struct attribute_group settings_group = {
	.name	= "settings",
	.attrs	= settings_attrs,
};

static const struct attribute_group state_group = {
	.name	= "state",
	.attrs	= state_attrs,
};

const struct attribute_group *nvme_mdev_groups[] = {
	&namespaces_group,
	&settings_group,
	&state_group,
	NULL,
};
