// SPDX-License-Identifier: GPL-2.0
/*
 * A mediated device parent for each PCI function that the nvme driver has, from
 * the moment it is bound until it is unbound, and one in software.  A parent
 * promises queue pairs to its devices when they are created, so that opening one
 * later does not fail for lack of them.  Devices of type block need none.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "mdev.h"

static LIST_HEAD(nvme_mdev_parents);
static DEFINE_MUTEX(nvme_mdev_parents_lock);

static struct class *soft_class;
static struct device *soft_dev;

static const struct {
	unsigned int	lent;
	const char	*name;
	const char	*pretty;
} nvme_mdev_types[NVME_MDEV_NR_TYPES] = {
	{ 1, "1Q_V1", "NVMe controller on 1 lent queue pair" },
	{ 2, "2Q_V1", "NVMe controller on 2 lent queue pairs" },
	{ 4, "4Q_V1", "NVMe controller on 4 lent queue pairs" },
	{ 0, "block", "NVMe controller on block devices" },
};

#define TYPE_BLOCK	(NVME_MDEV_NR_TYPES - 1)

static struct nvme_mdev_parent *parent_of_type(struct mdev_type *type)
{
	return container_of(type->parent, struct nvme_mdev_parent, mdev);
}

/**
 * nvme_mdev_type_lent() - queue pairs that are lent to one device of a type
 * @type: one of a parent's types
 *
 * Return: 0 for type block.
 */
unsigned int nvme_mdev_type_lent(struct mdev_type *type)
{
	return nvme_mdev_types[type - parent_of_type(type)->types].lent;
}

/* Queue pairs that are neither promised nor somebody else's. */
static unsigned int parent_free(struct nvme_mdev_parent *parent)
{
	unsigned int have;

	if (!nvme_mdev_lender_find())
		return 0;
	have = static_call(extq_avail)(parent->pdev, &nvme_mdev_extq_ops);
	return have > parent->promised ? have - parent->promised : 0;
}

/**
 * nvme_mdev_parent_promise() - set queue pairs aside for a new device
 * @parent:	parent
 * @n:		pairs; 0: count a device of type block
 *
 * Return: 0, or -ENOSPC if fewer are free, or there are too many devices.
 */
int nvme_mdev_parent_promise(struct nvme_mdev_parent *parent, unsigned int n)
{
	unsigned int have;
	int ret = 0;

	mutex_lock(&nvme_mdev_parents_lock);
	if (!n) {
		if (parent->nr_block < NVME_MDEV_MAX_BLOCK)
			parent->nr_block++;
		else
			ret = -ENOSPC;
		mutex_unlock(&nvme_mdev_parents_lock);
		return ret;
	}
	have = parent_free(parent);
	if (have < n) {
		pci_err(parent->pdev,
			"%u queue pairs are asked for and %u can be lent: load nvme with a larger mdev_queues\n",
			n, have);
		ret = -ENOSPC;
	} else {
		parent->promised += n;
	}
	mutex_unlock(&nvme_mdev_parents_lock);
	return ret;
}

/**
 * nvme_mdev_parent_release() - undo nvme_mdev_parent_promise()
 * @parent:	parent
 * @n:		pairs, or 0
 */
void nvme_mdev_parent_release(struct nvme_mdev_parent *parent, unsigned int n)
{
	mutex_lock(&nvme_mdev_parents_lock);
	parent->promised -= n;
	if (!n)
		parent->nr_block--;
	mutex_unlock(&nvme_mdev_parents_lock);
}

static unsigned int nvme_mdev_get_available(struct mdev_type *type)
{
	struct nvme_mdev_parent *parent = parent_of_type(type);
	unsigned int n;

	mutex_lock(&nvme_mdev_parents_lock);
	if (nvme_mdev_type_lent(type))
		n = parent_free(parent) / nvme_mdev_type_lent(type);
	else
		n = NVME_MDEV_MAX_BLOCK - parent->nr_block;
	mutex_unlock(&nvme_mdev_parents_lock);
	return n;
}

static ssize_t nvme_mdev_show_description(struct mdev_type *type, char *buf)
{
	unsigned int lent = nvme_mdev_type_lent(type);

	if (!lent)
		return sysfs_emit(buf, "%u I/O queue pairs, on block devices of the host\n",
				  NVME_MDEV_BLOCK_LANES);
	if (!nvme_mdev_lender_find())
		return sysfs_emit(buf, "not available: this nvme driver lends no queue pairs\n");
	return sysfs_emit(buf, "%u I/O queue pairs lent by the drive\n", lent);
}

struct mdev_driver nvme_mdev_driver = {
	.device_api		= VFIO_DEVICE_API_PCI_STRING,
	.probe			= nvme_mdev_probe,
	.remove			= nvme_mdev_remove,
	.get_available		= nvme_mdev_get_available,
	.show_description	= nvme_mdev_show_description,
	.driver = {
		.name		= "nvme-mdev",
		.owner		= THIS_MODULE,
		.mod_name	= KBUILD_MODNAME,
		.dev_groups	= nvme_mdev_groups,
	},
};

/*
 * @pdev: the function that @dev is, under its device lock: neither bound nor
 * unbound meanwhile; NULL: the software parent, which lends nothing.
 */
static int parent_add(struct device *dev, struct pci_dev *pdev)
{
	struct nvme_mdev_parent *parent = kzalloc(sizeof(*parent), GFP_KERNEL);
	/* pages are mapped for long, and both sides use them */
	bool lends = pdev && dev_is_dma_coherent(dev);
	unsigned int i, first = lends ? 0 : TYPE_BLOCK;
	int ret;

	if (!parent)
		return -ENOMEM;
	if (pdev && !lends)
		dev_notice(dev, "its DMA is not coherent with the processors' caches: devices of type block only\n");
	parent->dev = get_device(dev);
	parent->pdev = pdev;
	for (i = 0; i < NVME_MDEV_NR_TYPES; i++) {
		parent->types[i].sysfs_name = nvme_mdev_types[i].name;
		parent->types[i].pretty_name = nvme_mdev_types[i].pretty;
		parent->type_ptrs[i] = &parent->types[i];
	}
	ret = mdev_register_parent(&parent->mdev, dev, &nvme_mdev_driver,
				   parent->type_ptrs + first, NVME_MDEV_NR_TYPES - first);
	if (ret) {
		dev_err(dev, "cannot offer mediated devices: %d\n", ret);
		put_device(dev);
		kfree(parent);
		return ret;
	}
	mutex_lock(&nvme_mdev_parents_lock);
	list_add_tail(&parent->entry, &nvme_mdev_parents);
	mutex_unlock(&nvme_mdev_parents_lock);
	return 0;
}

static struct nvme_mdev_parent *parent_unlist(struct device *dev)
{
	struct nvme_mdev_parent *parent, *found = NULL;

	mutex_lock(&nvme_mdev_parents_lock);
	list_for_each_entry(parent, &nvme_mdev_parents, entry)
		if (!dev || parent->dev == dev) {
			list_del(&parent->entry);
			found = parent;
			break;
		}
	mutex_unlock(&nvme_mdev_parents_lock);
	return found;
}

/* Waits until no VMM has one of its devices. */
static void parent_remove(struct nvme_mdev_parent *parent)
{
	mdev_unregister_parent(&parent->mdev);
	put_device(parent->dev);
	kfree(parent);
}

static bool is_nvme(struct device *dev)
{
	return dev->driver && !strcmp(dev->driver->name, "nvme");
}

static int parents_notify(struct notifier_block *nb, unsigned long action, void *data)
{
	struct device *dev = data;
	struct nvme_mdev_parent *parent;

	if (!is_nvme(dev))
		return NOTIFY_DONE;
	if (action == BUS_NOTIFY_BOUND_DRIVER) {
		parent_add(dev, to_pci_dev(dev));
	} else if (action == BUS_NOTIFY_UNBIND_DRIVER) {
		if (nvme_mdev_lender_find())
			static_call(extq_unbinding)(to_pci_dev(dev));
		parent = parent_unlist(dev);
		if (parent)
			parent_remove(parent);
	}
	return NOTIFY_OK;
}

static struct notifier_block parents_nb = {
	.notifier_call = parents_notify,
};

static int parents_scan(struct device *dev, void *data)
{
	struct nvme_mdev_parent *parent;
	bool known = false;
	int ret = 0;

	device_lock(dev);
	mutex_lock(&nvme_mdev_parents_lock);
	list_for_each_entry(parent, &nvme_mdev_parents, entry)
		known |= parent->dev == dev;
	mutex_unlock(&nvme_mdev_parents_lock);
	if (is_nvme(dev) && !known)
		ret = parent_add(dev, to_pci_dev(dev));
	device_unlock(dev);
	return ret;
}

/* The parent that needs no drive: /sys/devices/virtual/nvme-mdev/nvme-mdev. */
static int soft_add(void)
{
	int ret;

	soft_class = compat_class_create("nvme-mdev");
	if (IS_ERR(soft_class))
		return PTR_ERR(soft_class);
	soft_dev = device_create(soft_class, NULL, MKDEV(0, 0), NULL, "nvme-mdev");
	if (IS_ERR(soft_dev)) {
		ret = PTR_ERR(soft_dev);
		goto destroy;
	}
	ret = parent_add(soft_dev, NULL);
	if (!ret)
		return 0;
	device_unregister(soft_dev);
destroy:
	class_destroy(soft_class);
	return ret;
}

/**
 * nvme_mdev_parents_init() - offer what is bound now and will be
 *
 * Return: 0 or -errno with nothing left registered.
 */
int nvme_mdev_parents_init(void)
{
	int ret;

	if (!nvme_mdev_lender_find())
		pr_info("nvme-mdev: no nvme driver that lends queue pairs: devices of type block only\n");
	ret = soft_add();
	if (ret)
		return ret;
	ret = bus_register_notifier(&pci_bus_type, &parents_nb);
	if (ret) {
		parent_remove(parent_unlist(NULL));
		device_unregister(soft_dev);
		class_destroy(soft_class);
		return ret;
	}
	ret = bus_for_each_dev(&pci_bus_type, NULL, NULL, parents_scan);
	if (ret)
		nvme_mdev_parents_exit();
	return ret;
}

/**
 * nvme_mdev_parents_exit() - offer nothing any more
 *
 * An open device holds the module, so none is.
 */
void nvme_mdev_parents_exit(void)
{
	struct nvme_mdev_parent *parent;

	bus_unregister_notifier(&pci_bus_type, &parents_nb);
	while ((parent = parent_unlist(NULL)))
		parent_remove(parent);
	device_unregister(soft_dev);
	class_destroy(soft_class);
	nvme_mdev_lender_exit();
}
