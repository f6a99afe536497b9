// SPDX-License-Identifier: GPL-2.0
/*
 * Keeps the virtio devices of a test host awake while the host is suspended: its
 * root file system comes over one of them, whose driver forgets it.  All other
 * devices are suspended and resumed as ever.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pm.h>

static void keep_awake(bool awake)
{
	struct pci_dev *pdev = NULL;

	while ((pdev = pci_get_device(PCI_VENDOR_ID_REDHAT_QUMRANET, PCI_ANY_ID, pdev)))
		dev_pm_syscore_device(&pdev->dev, awake);
}

static int __init awake_init(void)
{
	keep_awake(true);
	return 0;
}

static void __exit awake_exit(void)
{
	keep_awake(false);
}

module_init(awake_init);
module_exit(awake_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The nvme-mdev authors");
MODULE_DESCRIPTION("Keeps virtio devices awake while a test host is suspended");
