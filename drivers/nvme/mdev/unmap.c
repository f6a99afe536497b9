// SPDX-License-Identifier: GPL-2.0
/*
 * Ranges of guest memory that VFIO is unmapping: nothing of them is pinned.
 *
 * VFIO's type1 calls ->dma_unmap until no page of the mapping is pinned, and stops
 * the host at the eleventh time.  Between the return of that call and the end of
 * the unmapping the mapping is still there, and nothing says when it ends: the
 * task may lose its processor in between for as long as its owner likes.  Only the
 * task's return to userspace proves that it is over.  So each range belongs to the
 * task that unmaps it, and stays closed until that task has left the kernel.
 *
 * What runs at that moment is the release of a file that the task has let go of
 * in ->dma_unmap: fput() leaves that to the task's way back to userspace.
 *
 * A task that asks for another range, or for the same once more, is done with the
 * one before: there is one range a task at most.
 *
 * This file pins and unpins nothing: that is mem.c's.
 */
#include <linux/anon_inodes.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "mdev.h"

/*
 * A VMM that changes its memory map takes a range away and gives back parts of
 * it: commands for them wait so long.
 */
#define UNMAPPED_MS	20

/**
 * struct nvme_mdev_unmap - a range that a task is unmapping
 * @entry:	in nvme_mdev_mem.unmaps, or in no list
 * @nm:		device; a reference is held
 * @task:	who is unmapping, NULL: nobody who comes by again
 * @file:	let go of by @task
 * @first:	first byte, ...
 * @last:	... and last byte of the range
 * @set:	there is a range
 */
struct nvme_mdev_unmap {
	struct list_head	entry;
	struct nvme_mdev	*nm;
	struct task_struct	*task;
	struct file		*file;
	u64			first;
	u64			last;
	bool			set;
};

static bool unmap_overlaps(u64 a_first, u64 a_last, u64 b_first, u64 b_last)
{
	return a_first <= b_last && b_first <= a_last;
}

static void unmap_done(struct nvme_mdev_unmap *u)
{
	struct nvme_mdev_mem *mem = &u->nm->mem;

	lockdep_assert_held(&mem->lock);
	if (!u->set)
		return;
	u->set = false;
	mem->unmapped[mem->next_unmapped] = (struct nvme_mdev_unmapped){
		.first = u->first, .last = u->last,
		.until = jiffies + msecs_to_jiffies(UNMAPPED_MS),
	};
	mem->next_unmapped = (mem->next_unmapped + 1) % NVME_MDEV_UNMAPPED;
}

/* The task is on its way back to userspace, or has ended. */
static int unmap_release(struct inode *inode, struct file *file)
{
	struct nvme_mdev_unmap *u = file->private_data;
	struct nvme_mdev_mem *mem = &u->nm->mem;

	mutex_lock(&mem->lock);
	unmap_done(u);
	list_del(&u->entry);
	mem->changes++;
	mutex_unlock(&mem->lock);
	wake_up_all(&mem->wait);
	put_device(&u->nm->vdev.device);
	kfree(u);
	return 0;
}

static const struct file_operations unmap_fops = {
	.owner		= THIS_MODULE,
	.release	= unmap_release,
};

/* The one of this task, which is still inside the call that made it. */
static struct nvme_mdev_unmap *unmap_find(struct nvme_mdev_mem *mem)
{
	struct nvme_mdev_unmap *u, *found = NULL;

	mutex_lock(&mem->lock);
	list_for_each_entry(u, &mem->unmaps, entry)
		if (u->task == current)
			found = u;
	mutex_unlock(&mem->lock);
	return found;
}

static struct nvme_mdev_unmap *unmap_alloc(struct nvme_mdev *nm)
{
	struct nvme_mdev_unmap *u = kzalloc(sizeof(*u), GFP_KERNEL_ACCOUNT);

	if (!u)
		return NULL;
	u->file = anon_inode_getfile("[nvme-mdev unmap]", &unmap_fops, u, 0);
	if (IS_ERR(u->file)) {
		kfree(u);
		return NULL;
	}
	u->nm = nm;
	INIT_LIST_HEAD(&u->entry);
	get_device(&nm->vdev.device);
	/* others have no way back to userspace on which they could be found here again */
	if (!(current->flags & (PF_KTHREAD | PF_EXITING)))
		u->task = current;
	return u;
}

/**
 * nvme_mdev_unmap_begin() - VFIO asks for a range
 * @nm: device
 *
 * Context: the task that unmaps; may sleep, for want of memory.
 * Return: what nvme_mdev_unmap_range() takes; NULL if the task is being killed
 * and there is no memory: from now on nothing is pinned for it.
 */
struct nvme_mdev_unmap *nvme_mdev_unmap_begin(struct nvme_mdev *nm)
{
	struct nvme_mdev_unmap *u = unmap_find(&nm->mem);

	while (!u) {
		u = unmap_alloc(nm);
		if (u || fatal_signal_pending(current))
			break;
		msleep(20);
	}
	return u;
}

/**
 * nvme_mdev_unmap_range() - close a range
 * @u:		of this task, or NULL: close all
 * @mem:	memory; its lock is held
 * @first:	first byte
 * @last:	last byte
 */
void nvme_mdev_unmap_range(struct nvme_mdev_unmap *u, struct nvme_mdev_mem *mem, u64 first,
			   u64 last)
{
	lockdep_assert_held(&mem->lock);
	if (!u) {
		mem->given_up = true;
		return;
	}
	unmap_done(u);
	u->first = first;
	u->last = last;
	u->set = true;
	if (list_empty(&u->entry))
		list_add(&u->entry, &mem->unmaps);
}

/**
 * nvme_mdev_unmap_end() - no command uses the range any more, and nothing of it is pinned
 * @u: of this task, or NULL
 *
 * It stays closed until the task has left the kernel.
 * Context: may sleep; no lock of memory is held.
 */
void nvme_mdev_unmap_end(struct nvme_mdev_unmap *u)
{
	struct file *file;

	if (!u)
		return;
	file = u->file;
	u->file = NULL;
	/* the first time; @u is gone with it, at the earliest at once */
	if (file)
		fput(file);
}

/**
 * nvme_mdev_unmap_is_open() - may something of a range be pinned?
 * @mem:	memory; its lock is held
 * @first:	first byte of what would be pinned
 * @last:	last byte of that
 */
bool nvme_mdev_unmap_is_open(struct nvme_mdev_mem *mem, u64 first, u64 last)
{
	struct nvme_mdev_unmap *u;

	lockdep_assert_held(&mem->lock);
	list_for_each_entry(u, &mem->unmaps, entry)
		if (u->set && unmap_overlaps(u->first, u->last, first, last))
			return false;
	return true;
}

/**
 * nvme_mdev_unmap_recent() - was something of a range unmapped a moment ago?
 * @mem:	memory
 * @first:	first byte
 * @last:	last byte
 *
 * Context: may sleep.
 */
bool nvme_mdev_unmap_recent(struct nvme_mdev_mem *mem, u64 first, u64 last)
{
	bool recent = false;
	unsigned int i;

	mutex_lock(&mem->lock);
	for (i = 0; i < NVME_MDEV_UNMAPPED; i++)
		recent |= time_before(jiffies, mem->unmapped[i].until) &&
			  unmap_overlaps(mem->unmapped[i].first, mem->unmapped[i].last, first,
					 last);
	mutex_unlock(&mem->lock);
	return recent;
}

/**
 * nvme_mdev_unmap_settle() - no task is in an unmapping of before any more
 * @mem: memory of a device that is closed
 *
 * A VMM may close and open the device while one of its tasks unmaps.
 * Context: may sleep, as long as such a task takes to leave the kernel.
 * Return: 0, or -EINTR: killed meanwhile.
 */
int nvme_mdev_unmap_settle(struct nvme_mdev_mem *mem)
{
	return wait_event_killable(mem->wait, list_empty_careful(&mem->unmaps)) ? -EINTR : 0;
}

/**
 * nvme_mdev_unmap_forget() - the device is opened
 * @mem: memory; after nvme_mdev_unmap_settle()
 *
 * Context: may sleep.
 */
void nvme_mdev_unmap_forget(struct nvme_mdev_mem *mem)
{
	unsigned int i;

	mutex_lock(&mem->lock);
	for (i = 0; i < NVME_MDEV_UNMAPPED; i++)
		mem->unmapped[i].until = jiffies;
	mem->given_up = false;
	mutex_unlock(&mem->lock);
}
