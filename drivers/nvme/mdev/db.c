// SPDX-License-Identifier: GPL-2.0
/*
 * The doorbell page of BAR0 as VMMs map it.
 *
 * While the poller runs, the page is mapped and a doorbell costs the guest a
 * plain store.  Before it goes to sleep the mappings are zapped; the next store
 * faults, and the fault maps the page again and wakes the poller.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "mdev.h"

struct nvme_mdev_vma {
	struct list_head	entry;
	struct vm_area_struct	*vma;
};

static void db_vma_close(struct vm_area_struct *vma)
{
	struct nvme_mdev *nm = vma->vm_private_data;
	struct nvme_mdev_vma *v, *tmp;

	mutex_lock(&nm->vma_lock);
	list_for_each_entry_safe(v, tmp, &nm->vmas, entry)
		if (v->vma == vma) {
			list_del(&v->entry);
			kfree(v);
		}
	mutex_unlock(&nm->vma_lock);
}

static vm_fault_t db_vma_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct nvme_mdev *nm = vma->vm_private_data;
	struct nvme_mdev_vma *v;
	vm_fault_t ret;

	v = kmalloc(sizeof(*v), GFP_KERNEL_ACCOUNT);
	if (!v)
		return VM_FAULT_OOM;
	v->vma = vma;

	mutex_lock(&nm->vma_lock);
	ret = vmf_insert_pfn(vma, vma->vm_start, virt_to_phys(nm->db) >> PAGE_SHIFT);
	if (ret == VM_FAULT_NOPAGE) {
		list_add(&v->entry, &nm->vmas);
		WRITE_ONCE(nm->db_mapped, true);
		v = NULL;
	}
	mutex_unlock(&nm->vma_lock);
	kfree(v);
	nvme_mdev_poller_kick(nm);
	return ret;
}

/* A move would carry the page to a vma that the next zap does not know. */
static int db_vma_mremap(struct vm_area_struct *vma)
{
	return -EINVAL;
}

/* One page is never split, and VM_DONTCOPY keeps it out of children. */
static const struct vm_operations_struct db_vma_ops = {
	.close	= db_vma_close,
	.fault	= db_vma_fault,
	.mremap	= db_vma_mremap,
};

/**
 * nvme_mdev_db_mmap() - map the doorbell page
 * @nm:		device
 * @vma:	checked: the page at VNVME_BAR_DB, shared, one page long
 *
 * Return: 0.
 */
int nvme_mdev_db_mmap(struct nvme_mdev *nm, struct vm_area_struct *vma)
{
	vma->vm_private_data = nm;
	vma->vm_ops = &db_vma_ops;
	compat_vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY);
	return 0;
}

/*
 * Zap what @mm maps of the page; false if its locks are taken.
 *
 * As a writer: KVM has the page faulted in and then looks for it, as one reader.
 * If it were gone again in between, the guest would end with "Bad address".
 */
static bool db_zap_mm(struct nvme_mdev *nm, struct mm_struct *mm)
{
	struct nvme_mdev_vma *v, *tmp;

	/* no other fault of the VMM's is to queue behind us */
	if (!mmap_write_trylock(mm))
		return false;
	mutex_lock(&nm->vma_lock);
	list_for_each_entry_safe(v, tmp, &nm->vmas, entry) {
		if (v->vma->vm_mm != mm)
			continue;
		list_del(&v->entry);
		zap_vma_ptes(v->vma, v->vma->vm_start, PAGE_SIZE);
		kfree(v);
	}
	mutex_unlock(&nm->vma_lock);
	mmap_write_unlock(mm);
	return true;
}

/* Return: false if a mapping could not be taken out now. */
static bool db_zap_all(struct nvme_mdev *nm)
{
	struct nvme_mdev_vma *v;
	struct mm_struct *mm;
	bool done;

	while (READ_ONCE(nm->db_mapped)) {
		mm = NULL;
		mutex_lock(&nm->vma_lock);
		v = list_first_entry_or_null(&nm->vmas, struct nvme_mdev_vma, entry);
		if (!v) {
			WRITE_ONCE(nm->db_mapped, false);
		} else if (mmget_not_zero(v->vma->vm_mm)) {
			mm = v->vma->vm_mm;
		} else {
			/* its process is exiting and will not ring again */
			list_del(&v->entry);
			kfree(v);
		}
		mutex_unlock(&nm->vma_lock);
		if (!mm)
			continue;
		done = db_zap_mm(nm, mm);
		mmput_async(mm);
		if (!done)
			return false;
	}
	return true;
}

static void db_zap_work(struct work_struct *work)
{
	struct nvme_mdev *nm = container_of(work, struct nvme_mdev, db_zap);

	if (!db_zap_all(nm))
		WRITE_ONCE(nm->db_zap_next, jiffies + 1);
	/* pairs with nvme_mdev_db_zap() */
	smp_store_release(&nm->db_zapping, false);
}

/**
 * nvme_mdev_db_zap() - make the next doorbell fault
 * @nm: device
 *
 * By somebody who may sleep, as locks of the VMM's are needed, whose owner may be
 * in reclaim, and wait for a drive that waits for this poller.  The caller goes on
 * polling as long as ->db_mapped, and asks again.
 * Context: the poller.
 */
void nvme_mdev_db_zap(struct nvme_mdev *nm)
{
	/* pairs with db_zap_work() */
	if (smp_load_acquire(&nm->db_zapping) || time_before(jiffies, READ_ONCE(nm->db_zap_next)))
		return;
	WRITE_ONCE(nm->db_zapping, true);
	queue_work(nm->wq, &nm->db_zap);
}

/**
 * nvme_mdev_db_init() - nobody has mapped it
 * @nm: device
 */
void nvme_mdev_db_init(struct nvme_mdev *nm)
{
	mutex_init(&nm->vma_lock);
	INIT_LIST_HEAD(&nm->vmas);
	INIT_WORK(&nm->db_zap, db_zap_work);
	nm->db_zap_next = jiffies;
}
