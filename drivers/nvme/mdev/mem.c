// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory: the only file that pins, maps and gives back.
 *
 * Memory is pinned on first use, in chunks of 2 MiB, and mapped for the drive that
 * lends queues, if one does; block devices get it as pages and map it themselves.
 * Where a chunk cannot be pinned as a whole (a hole in the guest's address
 * space, memory that may only be read) its pages are pinned one by one as they
 * are asked for.  What is pinned stays so until VFIO takes the range back, the
 * device is closed, or reclaim.c has it given back.
 *
 * Nobody who looks a chunk up may sleep on a miss: the poller hands the request
 * to a work item, control calls nvme_mdev_mem_pin() itself.
 *
 * Taking memory back: out of the table; with the lanes parked once, see which of it
 * is in use by requests in flight and have the lanes forget their look-ups; wait for
 * control's (its semaphore is written once); unmap and unpin what is not in use.  The rest
 * stays in a list, is looked at again, and nobody waits for it but who unmaps it.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/slab.h>

#include "mdev.h"

#define CHUNK_PAGES	VNVME_CHUNK_PAGES

/*
 * Mapped for long, beside other mappings of the same pages, by the guest's second
 * address for them or by the host: nobody ever has the caches to himself.  What
 * would need that done, a bounce buffer, is refused.
 */
#define MAP_ATTRS	DMA_ATTR_SKIP_CPU_SYNC

/* As long VFIO is not asked again, at first and at most: it logs each time that it refuses */
#define REFUSED_FIRST	(HZ / 50 + 1)
#define REFUSED_MOST	HZ

/* Times that a pin may meet RLIMIT_MEMLOCK: others that share it take more meanwhile */
#define MEM_SHRINKS	3

/* Chunks of a range that are looked for one by one, and not in the list of all */
#define HIDE_BY_INDEX	256

/* Memory that is on its way out and in flight is looked at again */
#define REAP_AGAIN	(HZ / 50 + 1)

/* As control waits for room while nothing of what is in flight ends */
#define ROOM_WAIT	HZ

/* As control waits for memory that is being taken back: that may take as long as a drive */
#define CONTROL_WAIT	(HZ / 10)

/**
 * nvme_mdev_control_lock() - become the one task that controls the device
 * @nm: device
 *
 * Look-ups in guest memory are good until nvme_mdev_control_unlock() or the next
 * nvme_mdev_mem_pin().  Context: may sleep.
 */
void nvme_mdev_control_lock(struct nvme_mdev *nm)
{
	mutex_lock(&nm->lock);
	down_read(&nm->mem.users);
}

/**
 * nvme_mdev_control_unlock() - undo nvme_mdev_control_lock()
 * @nm: device
 */
void nvme_mdev_control_unlock(struct nvme_mdev *nm)
{
	up_read(&nm->mem.users);
	/* what was pinned for this section is as good as any now */
	mutex_lock(&nm->mem.lock);
	nm->mem.hold[NVME_MDEV_CONTROL]++;
	mutex_unlock(&nm->mem.lock);
	mutex_unlock(&nm->lock);
}

/**
 * nvme_mdev_chunk_find() - the chunk of an address, if it is in the table
 * @mem:	memory; its lock is held
 * @index:	IOVA >> VNVME_CHUNK_SHIFT
 *
 * Return: the chunk, or NULL.
 */
struct nvme_mdev_chunk *nvme_mdev_chunk_find(struct nvme_mdev_mem *mem, u64 index)
{
	struct vnvme_chunk *c = mem->table.slot[index & (VNVME_MEM_SLOTS - 1)];

	lockdep_assert_held(&mem->lock);
	while (c && c->index != index)
		c = c->next;
	return c ? container_of(c, struct nvme_mdev_chunk, core) : NULL;
}

static void chunk_publish(struct nvme_mdev_mem *mem, struct nvme_mdev_chunk *c)
{
	struct vnvme_chunk **slot = &mem->table.slot[c->core.index & (VNVME_MEM_SLOTS - 1)];

	lockdep_assert_held(&mem->lock);
	list_add_tail(&c->entry, &mem->chunks);
	c->core.next = *slot;
	/* pairs with the dependent loads of vnvme_mem_lookup() */
	smp_store_release(slot, &c->core);
}

/* Look-ups that run now may still come past it: it is freed after a sync. */
static void chunk_unpublish(struct nvme_mdev_mem *mem, struct nvme_mdev_chunk *c)
{
	struct vnvme_chunk **p = &mem->table.slot[c->core.index & (VNVME_MEM_SLOTS - 1)];

	lockdep_assert_held(&mem->lock);
	while (*p != &c->core)
		p = &(*p)->next;
	WRITE_ONCE(*p, c->core.next);
}

static void chunk_free(struct nvme_mdev_chunk *c)
{
	kvfree(c->core.page);
	kfree(c);
}

static struct nvme_mdev_chunk *chunk_alloc(u64 index, bool pages)
{
	struct nvme_mdev_chunk *c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);

	if (!c)
		return NULL;
	c->core.index = index;
	c->core.used = true;
	INIT_LIST_HEAD(&c->dead);
	c->stamp = jiffies;
	c->core.page = pages ? kvcalloc(CHUNK_PAGES, sizeof(*c->core.page), GFP_KERNEL_ACCOUNT) :
			       NULL;
	if (pages && !c->core.page) {
		kfree(c);
		return NULL;
	}
	return c;
}

/* Map a chunk for the drive; without one its addresses are the physical ones. */
static int chunk_map(struct nvme_mdev *nm, struct sg_table *sgt)
{
	struct scatterlist *sg;
	unsigned int i;

	if (nm->pdev) {
		if (!dma_map_sgtable(&nm->pdev->dev, sgt, DMA_BIDIRECTIONAL, MAP_ATTRS))
			return 0;
		/* whatever the reason: not the guest's, and it may pass */
		set_bit(NVME_MDEV_MEM_UNMAPPABLE, &nm->mem.troubles);
		return -ENOMEM;
	}
	for_each_sgtable_sg(sgt, sg, i) {
		sg_dma_address(sg) = sg_phys(sg);
		sg_dma_len(sg) = sg->length;
	}
	sgt->nents = sgt->orig_nents;
	return 0;
}

static void chunk_unmap(struct nvme_mdev *nm, struct sg_table *sgt)
{
	if (nm->pdev)
		dma_unmap_sgtable(&nm->pdev->dev, sgt, DMA_BIDIRECTIONAL, MAP_ATTRS);
}

/* Does the drive reach it only through a copy? */
static bool mem_is_bounced(struct nvme_mdev *nm, dma_addr_t addr)
{
	return nm->pdev && compat_dma_bounced(nm->pdev, addr);
}

/* Enter what chunk_map() made of @pages. */
static int chunk_fill(struct nvme_mdev *nm, struct nvme_mdev_chunk *c, struct page **pages)
{
	struct scatterlist *sg;
	unsigned int i, n = 0;
	u32 off;

	for_each_sgtable_dma_sg(&c->sgt, sg, i)
		if (mem_is_bounced(nm, sg_dma_address(sg)))
			return -EOPNOTSUPP;

	if (c->sgt.orig_nents == 1 && c->sgt.nents == 1) {
		c->core.kva = page_address(pages[0]);
		c->core.whole = c->core.kva;
		c->core.dma = sg_dma_address(c->sgt.sgl);
		return 0;
	}

	c->core.page = kvcalloc(CHUNK_PAGES, sizeof(*c->core.page), GFP_KERNEL_ACCOUNT);
	if (!c->core.page)
		return -ENOMEM;
	for_each_sgtable_dma_sg(&c->sgt, sg, i)
		for (off = 0; off < sg_dma_len(sg) && n < CHUNK_PAGES; off += PAGE_SIZE, n++) {
			c->core.page[n].dma = sg_dma_address(sg) + off;
			c->core.page[n].kva = page_address(pages[n]);
		}
	return 0;
}

/* Pin 2 MiB in one go.  -EINVAL or -EPERM: not all of it can be. */
static int chunk_pin_full(struct nvme_mdev *nm, u64 index)
{
	dma_addr_t iova = index << VNVME_CHUNK_SHIFT;
	struct nvme_mdev_chunk *c;
	struct page **pages;
	int ret;

	c = chunk_alloc(index, false);
	pages = kmalloc_array(CHUNK_PAGES, sizeof(*pages), GFP_KERNEL);
	ret = -ENOMEM;
	if (!c || !pages)
		goto free;

	ret = vfio_pin_pages(&nm->vdev, iova, CHUNK_PAGES, IOMMU_READ | IOMMU_WRITE, pages);
	if (ret != CHUNK_PAGES) {
		if (ret > 0)
			vfio_unpin_pages(&nm->vdev, iova, ret);
		ret = ret < 0 ? ret : -EINVAL;
		goto free;
	}
	ret = sg_alloc_table_from_pages(&c->sgt, pages, CHUNK_PAGES, 0, VNVME_CHUNK_SIZE,
					GFP_KERNEL);
	if (ret)
		goto unpin;
	ret = chunk_map(nm, &c->sgt);
	if (ret)
		goto free_sgt;
	ret = chunk_fill(nm, c, pages);
	if (ret)
		goto unmap;
	kfree(pages);

	c->full = true;
	mutex_lock(&nm->mem.lock);
	chunk_publish(&nm->mem, c);
	nm->mem.nr_pinned += CHUNK_PAGES;
	atomic64_add(CHUNK_PAGES, &nm->mem.pinned_pages);
	mutex_unlock(&nm->mem.lock);
	return 0;

unmap:
	chunk_unmap(nm, &c->sgt);
free_sgt:
	sg_free_table(&c->sgt);
unpin:
	vfio_unpin_pages(&nm->vdev, iova, CHUNK_PAGES);
free:
	kfree(pages);
	if (c)
		chunk_free(c);
	return ret;
}

static enum dma_data_direction page_direction(const struct vnvme_page *p)
{
	return p->ro ? DMA_TO_DEVICE : DMA_BIDIRECTIONAL;
}

/* As chunk_map() of one page, and no copy; @p->ro is set. */
static int page_map(struct nvme_mdev *nm, struct vnvme_page *p, struct page *page)
{
	struct device *dev;

	if (!nm->pdev) {
		p->dma = page_to_phys(page);
		return 0;
	}
	dev = &nm->pdev->dev;
	p->dma = dma_map_page_attrs(dev, page, 0, PAGE_SIZE, page_direction(p), MAP_ATTRS);
	if (dma_mapping_error(dev, p->dma)) {
		set_bit(NVME_MDEV_MEM_UNMAPPABLE, &nm->mem.troubles);
		return -ENOMEM;
	}
	if (!mem_is_bounced(nm, p->dma))
		return 0;
	dma_unmap_page_attrs(dev, p->dma, PAGE_SIZE, page_direction(p), MAP_ATTRS);
	return -EOPNOTSUPP;
}

static void page_unmap(struct nvme_mdev *nm, const struct vnvme_page *p)
{
	if (nm->pdev)
		dma_unmap_page_attrs(&nm->pdev->dev, p->dma, PAGE_SIZE, page_direction(p),
				     MAP_ATTRS);
}

/* Pin page @n of a chunk that is pinned page by page. */
static int chunk_pin_page(struct nvme_mdev *nm, struct nvme_mdev_chunk *c, unsigned int n)
{
	dma_addr_t iova = (c->core.index << VNVME_CHUNK_SHIFT) + ((u64)n << PAGE_SHIFT);
	struct vnvme_page *p = &c->core.page[n];
	struct page *page;
	int ret;

	p->ro = false;
	ret = vfio_pin_pages(&nm->vdev, iova, 1, IOMMU_READ | IOMMU_WRITE, &page);
	if (ret == -EPERM) {
		p->ro = true;
		ret = vfio_pin_pages(&nm->vdev, iova, 1, IOMMU_READ, &page);
	}
	if (ret != 1)
		return ret < 0 ? ret : -EFAULT;

	ret = page_map(nm, p, page);
	if (ret)
		goto unpin;
	/* pairs with the smp_rmb() of vnvme_mem_lookup() */
	smp_wmb();
	WRITE_ONCE(p->kva, page_address(page));
	mutex_lock(&nm->mem.lock);
	__set_bit(n, c->single);
	nm->mem.nr_pinned++;
	atomic64_inc(&nm->mem.pinned_pages);
	mutex_unlock(&nm->mem.lock);
	return 0;

unpin:
	vfio_unpin_pages(&nm->vdev, iova, 1);
	return ret;
}

/* Pages first to last of an extent that lies in one chunk. */
static unsigned int chunk_page(u64 iova)
{
	return (iova & (VNVME_CHUNK_SIZE - 1)) >> PAGE_SHIFT;
}

/*
 * Pin those of [first, last] that are not, in a chunk that has holes, or make
 * one; a chunk with nothing pinned does not come into the table.
 */
static int chunk_pin_pages(struct nvme_mdev *nm, struct nvme_mdev_chunk *c, u64 first, u64 last)
{
	unsigned int n = chunk_page(first), end = chunk_page(last);
	bool fresh = !c;
	int ret = 0;

	if (fresh) {
		c = chunk_alloc(first >> VNVME_CHUNK_SHIFT, true);
		if (!c)
			return -ENOMEM;
	}
	for (; n <= end && !ret; n++)
		if (!c->core.page[n].kva)
			ret = chunk_pin_page(nm, c, n);
	if (!fresh)
		return ret;
	if (bitmap_empty(c->single, CHUNK_PAGES)) {
		chunk_free(c);
		return ret;
	}
	mutex_lock(&nm->mem.lock);
	chunk_publish(&nm->mem, c);
	mutex_unlock(&nm->mem.lock);
	return ret;
}

/* How many pages have to be pinned for [first, last]. */
static unsigned int chunk_missing(const struct nvme_mdev_chunk *c, bool by_page, u64 first,
				  u64 last)
{
	unsigned int n, end = chunk_page(last), missing = 0;

	if (!c)
		return by_page ? end - chunk_page(first) + 1 : CHUNK_PAGES;
	if (c->full)
		return 0;
	for (n = chunk_page(first); n <= end; n++)
		missing += !c->core.page[n].kva;
	return missing;
}

/**
 * nvme_mdev_mem_is_pinning() - is somebody pinning in these chunks?
 * @mem:	memory; its lock is held
 * @first:	index of the first chunk
 * @last:	index of the last
 *
 * Return: true if so.
 */
bool nvme_mdev_mem_is_pinning(struct nvme_mdev_mem *mem, u64 first, u64 last)
{
	struct nvme_mdev_pinning *p;

	list_for_each_entry(p, &mem->pinning, entry)
		if (p->index >= first && p->index <= last)
			return true;
	return false;
}

/* Returns with mem->lock held and nobody pinning in these chunks. */
static void mem_lock_quiet(struct nvme_mdev_mem *mem, u64 first, u64 last)
{
	mutex_lock(&mem->lock);
	while (nvme_mdev_mem_is_pinning(mem, first, last)) {
		mutex_unlock(&mem->lock);
		/* a hint only, looked at again under the lock */
		wait_event_timeout(mem->wait, list_empty_careful(&mem->pinning), HZ / 100 + 1);
		mutex_lock(&mem->lock);
	}
}

/* A page that is on its way out comes back only after it has gone. */
static bool chunk_is_dying(const struct nvme_mdev_chunk *c, u64 first, u64 last)
{
	return c && find_next_bit(c->dying, CHUNK_PAGES, chunk_page(first)) <= chunk_page(last);
}

/* Wait until something has changed since @seen, or for a while. */
static void mem_wait(struct nvme_mdev_mem *mem, unsigned long seen)
{
	wait_event_timeout(mem->wait, READ_ONCE(mem->changes) != seen, HZ / 10);
}

/*
 * Wait until [first, last], of one chunk, may be pinned; returns with mem->lock held.
 * Requests wait as long as it is being taken back.  Control does not: who takes it
 * waits for the drive, and who unmaps is slow if his VMM likes it to be.
 */
static int mem_lock_open(struct nvme_mdev_mem *mem, u64 first, u64 last,
			 enum nvme_mdev_holder who)
{
	unsigned long begin = jiffies, waited, seen;
	u64 index = first >> VNVME_CHUNK_SHIFT;
	bool open, dying;

	for (;;) {
		mem_lock_quiet(mem, index, index);
		open = nvme_mdev_unmap_is_open(mem, first, last);
		dying = chunk_is_dying(nvme_mdev_chunk_find(mem, index), first, last);
		if (open && !dying && !mem->given_up)
			return 0;
		seen = mem->changes;
		mutex_unlock(&mem->lock);
		if (mem->given_up)
			return -EFAULT;
		waited = jiffies - begin;
		if (who == NVME_MDEV_CONTROL && !open && waited > CONTROL_WAIT)
			return -EFAULT;
		if (who == NVME_MDEV_CONTROL && waited > ROOM_WAIT)
			return -EBUSY;
		mem_wait(mem, seen);
	}
}

/*
 * By page: requests whose pages are spread over all chunks would else keep each
 * other's from being taken.
 */
static void chunk_hold_pages(struct nvme_mdev_mem *mem, struct nvme_mdev_chunk *c, u32 first,
			     u32 nr, enum nvme_mdev_holder who)
{
	if (c->hold[who] != mem->hold[who])
		bitmap_zero(c->held[who], CHUNK_PAGES);
	c->hold[who] = mem->hold[who];
	bitmap_set(c->held[who], first, nr);
}

static void chunk_hold(struct nvme_mdev_mem *mem, u64 first, u64 last, enum nvme_mdev_holder who)
{
	struct nvme_mdev_chunk *c = nvme_mdev_chunk_find(mem, first >> VNVME_CHUNK_SHIFT);

	if (c)
		chunk_hold_pages(mem, c, chunk_page(first),
				 chunk_page(last) - chunk_page(first) + 1, who);
}

/*
 * Must the pages of [first, last] be pinned one by one, if their chunk is not in the
 * table?  Under a bound what control pins (queues) stays, and is small.  And what is
 * pinned as a whole is all of the chunk: not beside a range that is being unmapped.
 */
static bool mem_is_by_page(struct nvme_mdev_mem *mem, u64 first, enum nvme_mdev_holder who)
{
	u64 base = first & ~(u64)(VNVME_CHUNK_SIZE - 1);

	return (nvme_mdev_mem_bounded(mem) && (mem->by_page || who == NVME_MDEV_CONTROL)) ||
	       !nvme_mdev_unmap_is_open(mem, base, base + VNVME_CHUNK_SIZE - 1);
}

/* A VMM that may lock nothing cannot have the host's log filled. */
static bool mem_is_refused(const struct nvme_mdev_mem *mem)
{
	return mem->refusals && time_before(jiffies, mem->refused_until);
}

static void mem_refuse(struct nvme_mdev_mem *mem)
{
	mutex_lock(&mem->lock);
	if (!mem_is_refused(mem)) {
		mem->refused_until = jiffies + min_t(unsigned long, REFUSED_MOST,
						     REFUSED_FIRST << mem->refusals);
		mem->refusals = min(mem->refusals + 1, 10u);
	}
	mutex_unlock(&mem->lock);
}

/* Pin [first, last], which lies in one chunk, if it is the guest's now. */
static int mem_try_piece(struct nvme_mdev *nm, u64 first, u64 last, enum nvme_mdev_holder who)
{
	unsigned long end = jiffies + ROOM_WAIT;
	struct nvme_mdev_mem *mem = &nm->mem;
	struct nvme_mdev_pinning me = { .index = first >> VNVME_CHUNK_SHIFT };
	struct nvme_mdev_chunk *c;
	unsigned int tries = 0, need;
	bool by_page;
	int ret;

	for (;;) {
		ret = mem_lock_open(mem, first, last, who);
		if (ret)
			break;
		c = nvme_mdev_chunk_find(mem, me.index);
		chunk_hold(mem, first, last, who);
		by_page = mem_is_by_page(mem, first, who);
		me.pages = chunk_missing(c, by_page, first, last);
		/* what is made for control is not for misses */
		if (who == NVME_MDEV_CONTROL)
			WRITE_ONCE(mem->wanted, me.pages);
		need = me.pages + (who == NVME_MDEV_CONTROL ? 0 : READ_ONCE(mem->wanted));
		if (!me.pages || nvme_mdev_mem_fits(mem, need))
			break;
		mutex_unlock(&mem->lock);
		ret = nvme_mdev_mem_room(nm, need, who, tries++);
		if (!ret) {
			end = jiffies + ROOM_WAIT;
			tries = 0;
		} else if (ret != -EAGAIN) {
			break;
		} else if (who == NVME_MDEV_CONTROL && time_after(jiffies, end)) {
			ret = -EBUSY;
			break;
		}
	}
	/* the lock is held unless there is an error */
	if (who == NVME_MDEV_CONTROL)
		WRITE_ONCE(mem->wanted, 0);
	if (ret)
		return ret;
	if (!me.pages || mem_is_refused(mem)) {
		mutex_unlock(&mem->lock);
		return me.pages ? -ENOMEM : 0;
	}
	list_add(&me.entry, &mem->pinning);
	mutex_unlock(&mem->lock);

	/* @c cannot go away: who takes it back waits for us */
	if (!c && !by_page)
		ret = chunk_pin_full(nm, me.index);
	if (c || by_page || ret == -EINVAL || ret == -EPERM || ret == -ENOMEM)
		ret = chunk_pin_pages(nm, c, first, last);

	mutex_lock(&mem->lock);
	list_del(&me.entry);
	chunk_hold(mem, first, last, who);
	nvme_mdev_mem_idle_start(nm);
	if (!ret)
		mem->refusals = 0;
	mem->changes++;
	mutex_unlock(&mem->lock);
	wake_up_all(&mem->wait);
	return ret;
}

/*
 * As mem_try_piece().  What has just been unmapped may be on its way to be mapped anew;
 * what the VMM may not lock may fit once something else is given back.
 */
static int mem_pin_piece(struct nvme_mdev *nm, u64 first, u64 last, enum nvme_mdev_holder who)
{
	unsigned int shrinks = 0;
	int ret;

	for (;;) {
		ret = mem_try_piece(nm, first, last, who);
		if (ret == -EINVAL && nvme_mdev_unmap_recent(&nm->mem, first, last))
			usleep_range(500, 2000);
		else if (ret != -ENOMEM || shrinks++ == MEM_SHRINKS || !nvme_mdev_mem_shrink(nm))
			break;
	}
	if (ret == -ENOMEM)
		mem_refuse(&nm->mem);
	return ret;
}

/*
 * What only the host can help, once while a VMM has the device: neither a guest nor a VMM
 * that opens it again and again fills the log.  Of memory that is not the guest's only
 * the guest hears.
 */
static void mem_tell(struct nvme_mdev *nm, int ret)
{
	bool unmappable = test_and_clear_bit(NVME_MDEV_MEM_UNMAPPABLE, &nm->mem.troubles);
	unsigned int told;

	if (ret == -ENOMEM)
		told = unmappable ? NVME_MDEV_MEM_TOLD_MAP : NVME_MDEV_MEM_TOLD_LOCK;
	else if (ret == -EACCES)
		told = NVME_MDEV_MEM_TOLD_TYPE1;
	else if (ret == -EOPNOTSUPP)
		told = NVME_MDEV_MEM_TOLD_BOUNCE;
	else
		return;
	if (told == NVME_MDEV_MEM_TOLD_LOCK || told == NVME_MDEV_MEM_TOLD_TYPE1)
		nm->locked_out++;
	if (test_and_set_bit(told, &nm->mem.troubles))
		return;
	if (told == NVME_MDEV_MEM_TOLD_LOCK)
		dev_warn_ratelimited(nvme_mdev_dev(nm),
				     "cannot pin guest memory: raise RLIMIT_MEMLOCK of the VMM to at least %llu KiB for each of its devices\n",
				     nvme_mdev_mem_limit_min(nm) >> 10);
	else if (told == NVME_MDEV_MEM_TOLD_TYPE1)
		dev_warn_ratelimited(nvme_mdev_dev(nm),
				     "the VMM's container is a VFIO_TYPE1_IOMMU, which cannot pin memory: it must be a VFIO_TYPE1v2_IOMMU\n");
	else if (told == NVME_MDEV_MEM_TOLD_MAP)
		dev_warn_ratelimited(nvme_mdev_dev(nm),
				     "guest memory cannot be mapped for the drive: set settings/pinned_limit so that less is mapped at a time, or boot with iommu.passthrough=1\n");
	else
		dev_warn_ratelimited(nvme_mdev_dev(nm),
				     "guest memory is not reachable by the drive without bounce buffers: turn the IOMMU on, and do not boot with swiotlb=force\n");
}

/**
 * nvme_mdev_mem_pin() - make guest memory known to the table
 * @nm:		device
 * @iova:	first byte
 * @len:	bytes
 * @who:	for whom
 *
 * Context: may sleep; not from the poller.  Ends look-ups that control made.
 * Return: 0; -ENOMEM: over RLIMIT_MEMLOCK or out of memory; -ENOSPC: more at
 * once than a command or a queue can need, and than the bound has room for;
 * -EOPNOTSUPP: the drive cannot reach it directly; -EACCES: VFIO's container cannot
 * pin; -EBUSY: control, and what is in flight leaves no room below the bound; otherwise it
 * is not the guest's memory.
 */
int nvme_mdev_mem_pin(struct nvme_mdev *nm, u64 iova, u32 len, enum nvme_mdev_holder who)
{
	u64 end = iova + len - 1;
	int ret = 0;

	if (!len || end < iova)
		return -EFAULT;
	for (;;) {
		u64 last = min(end, iova | (VNVME_CHUNK_SIZE - 1));

		ret = mem_pin_piece(nm, iova, last, who);
		if (ret || last == end)
			break;
		iova = last + 1;
	}
	mem_tell(nm, ret);
	return ret;
}

/**
 * nvme_mdev_mem_take() - be the one who takes memory out of the table
 * @mem:	memory
 * @first:	index of the first chunk of it
 * @last:	index of the last
 *
 * Returns with the lock held and nobody pinning in these chunks; others may,
 * once the caller has dropped it.  No lock is held over vfio_unpin_pages(),
 * hence a flag.  Who has it waits for no device.  Context: may sleep.
 */
void nvme_mdev_mem_take(struct nvme_mdev_mem *mem, u64 first, u64 last)
{
	mem_lock_quiet(mem, first, last);
	while (mem->taking) {
		mutex_unlock(&mem->lock);
		wait_event(mem->wait, !READ_ONCE(mem->taking));
		mem_lock_quiet(mem, first, last);
	}
	mem->taking = true;
}

/**
 * nvme_mdev_mem_breathe() - let others have the lock, once in a while
 * @mem:	memory; nvme_mdev_mem_take() was called, its lock is held, and dropped for a moment
 * @n:		counts the calls
 *
 * For walks over all chunks, of which a guest may have hundreds of thousands.  Others may
 * add chunks at the end meanwhile, and take none away.  Context: may sleep.
 */
void nvme_mdev_mem_breathe(struct nvme_mdev_mem *mem, unsigned int *n)
{
	if (++*n % 1024)
		return;
	mutex_unlock(&mem->lock);
	cond_resched();
	mutex_lock(&mem->lock);
}

/**
 * nvme_mdev_mem_taken() - undo nvme_mdev_mem_take()
 * @nm: device; the lock of its memory is held and is dropped
 */
void nvme_mdev_mem_taken(struct nvme_mdev *nm)
{
	struct nvme_mdev_mem *mem = &nm->mem;

	if (!list_empty(&mem->gone))
		queue_delayed_work(nm->wq, &mem->reap, REAP_AGAIN);
	WRITE_ONCE(mem->taking, false);
	mem->changes++;
	mutex_unlock(&mem->lock);
	wake_up_all(&mem->wait);
}

/* What vnvme_lane_pages() can tell of the index of a chunk */
static u32 chunk_number(const struct nvme_mdev_chunk *c)
{
	return c->core.index & (U32_MAX >> (VNVME_CHUNK_SHIFT - PAGE_SHIFT));
}

static void mem_mark_pages(void *arg, u32 page, u32 nr)
{
	struct nvme_mdev_mem *mem = arg;
	struct nvme_mdev_chunk *c;
	struct vnvme_chunk *core;

	while (nr) {
		u32 number = page / CHUNK_PAGES, first = page % CHUNK_PAGES;
		u32 n = min(nr, CHUNK_PAGES - first);

		for (core = mem->table.slot[number % VNVME_MEM_SLOTS]; core; core = core->next) {
			c = container_of(core, struct nvme_mdev_chunk, core);
			if (chunk_number(c) == number)
				chunk_hold_pages(mem, c, first, n, NVME_MDEV_FLIGHT);
		}
		hash_for_each_possible(mem->gone_by_number, c, number, number)
			if (chunk_number(c) == number)
				chunk_hold_pages(mem, c, first, n, NVME_MDEV_FLIGHT);
		page += n;
		nr -= n;
	}
}

/**
 * nvme_mdev_mem_mark() - see which memory is in use by requests that a backend has
 * @nm: device; its lanes are parked, the lock of its memory is held
 *
 * NVME_MDEV_FLIGHT then holds it, until the next time.
 */
void nvme_mdev_mem_mark(struct nvme_mdev *nm)
{
	unsigned int i;

	lockdep_assert_held(&nm->mem.lock);
	static_assert(U32_MAX / CHUNK_PAGES >= VNVME_MEM_SLOTS);
	nm->mem.hold[NVME_MDEV_FLIGHT]++;
	for (i = 1; i <= nm->nr_pairs; i++)
		vnvme_lane_pages(&nm->ctrl.lane[i], mem_mark_pages, &nm->mem);
}

/**
 * nvme_mdev_mem_forget() - no owner uses a look-up of before any more
 * @nm: device; its lanes are parked
 */
void nvme_mdev_mem_forget(struct nvme_mdev *nm)
{
	unsigned int i;

	for (i = 1; i <= nm->nr_pairs; i++)
		vnvme_lane_forget(&nm->ctrl.lane[i]);
}

static bool chunk_in_flight(const struct nvme_mdev_mem *mem, const struct nvme_mdev_chunk *c)
{
	return c->hold[NVME_MDEV_FLIGHT] == mem->hold[NVME_MDEV_FLIGHT];
}

static void chunk_enter_gone(struct nvme_mdev_mem *mem, struct nvme_mdev_chunk *c)
{
	if (!list_empty(&c->dead))
		return;
	list_add_tail(&c->dead, &mem->gone);
	hash_add(mem->gone_by_number, &c->number, chunk_number(c));
}

static void chunk_leave_gone(struct nvme_mdev_chunk *c)
{
	list_del_init(&c->dead);
	hash_del(&c->number);
}

static void chunk_take_back(struct nvme_mdev *nm, struct nvme_mdev_chunk *c)
{
	dma_addr_t iova = c->core.index << VNVME_CHUNK_SHIFT;

	mutex_lock(&nm->mem.lock);
	chunk_leave_gone(c);
	mutex_unlock(&nm->mem.lock);
	chunk_unmap(nm, &c->sgt);
	sg_free_table(&c->sgt);
	vfio_unpin_pages(&nm->vdev, iova, CHUNK_PAGES);
	atomic64_sub(CHUNK_PAGES, &nm->mem.pinned_pages);
	chunk_free(c);
}

/* The pages of a chunk that are on their way out and not in flight. */
static void chunk_take_pages(struct nvme_mdev *nm, struct nvme_mdev_chunk *c)
{
	dma_addr_t iova = c->core.index << VNVME_CHUNK_SHIFT;
	DECLARE_BITMAP(back, CHUNK_PAGES);
	bool empty = false;
	unsigned int n;

	bitmap_copy(back, c->dying, CHUNK_PAGES);
	if (chunk_in_flight(&nm->mem, c))
		bitmap_andnot(back, back, c->held[NVME_MDEV_FLIGHT], CHUNK_PAGES);
	for_each_set_bit(n, back, CHUNK_PAGES) {
		struct vnvme_page *p = &c->core.page[n];

		page_unmap(nm, p);
		vfio_unpin_pages(&nm->vdev, iova + ((u64)n << PAGE_SHIFT), 1);
		atomic64_dec(&nm->mem.pinned_pages);
	}
	mutex_lock(&nm->mem.lock);
	bitmap_andnot(c->dying, c->dying, back, CHUNK_PAGES);
	if (bitmap_empty(c->dying, CHUNK_PAGES)) {
		chunk_leave_gone(c);
		/* it is in the table as long as there is something in it */
		empty = bitmap_empty(c->single, CHUNK_PAGES);
	}
	mutex_unlock(&nm->mem.lock);
	if (empty)
		chunk_free(c);
}

/**
 * nvme_mdev_mem_give_back() - unmap and unpin what was hidden and is not in flight
 * @nm: device; nvme_mdev_mem_take() was called, and, after the last chunk was hidden,
 *	nvme_mdev_mem_mark() and nvme_mdev_mem_forget(), with the lanes parked
 *
 * Context: may sleep; waits for no device.
 */
void nvme_mdev_mem_give_back(struct nvme_mdev *nm)
{
	struct nvme_mdev_chunk *c, *tmp;

	down_write(&nm->mem.users);
	up_write(&nm->mem.users);

	/* only who has ->taking changes the list */
	list_for_each_entry_safe(c, tmp, &nm->mem.gone, dead) {
		if (!c->full)
			chunk_take_pages(nm, c);
		else if (!chunk_in_flight(&nm->mem, c))
			chunk_take_back(nm, c);
	}
}

/* After nvme_mdev_mem_take(): of what was hidden, what is not in flight goes back. */
static void mem_reap(struct nvme_mdev *nm)
{
	struct nvme_mdev_mem *mem = &nm->mem;

	lockdep_assert_held(&mem->lock);
	/* while there is something, the device has its lanes */
	if (list_empty(&mem->gone))
		return;
	mutex_unlock(&mem->lock);
	nvme_mdev_poller_park(nm);
	mutex_lock(&mem->lock);
	nvme_mdev_mem_mark(nm);
	mutex_unlock(&mem->lock);
	nvme_mdev_mem_forget(nm);
	nvme_mdev_poller_unpark(nm);
	nvme_mdev_mem_give_back(nm);
	mutex_lock(&mem->lock);
}

static void mem_reap_work(struct work_struct *work)
{
	struct nvme_mdev *nm = container_of(to_delayed_work(work), struct nvme_mdev, mem.reap);

	nvme_mdev_mem_take(&nm->mem, 1, 0);
	mem_reap(nm);
	nvme_mdev_mem_taken(nm);
}

/**
 * nvme_mdev_chunk_hide() - take pages of a chunk out of the table
 * @mem:	memory; nvme_mdev_mem_take() was called, its lock is held
 * @c:		chunk
 * @first:	guest address of the first page, or less
 * @last:	of the last byte, or more
 * @kept:	pages that stay, if it is pinned page by page; NULL: none
 */
void nvme_mdev_chunk_hide(struct nvme_mdev_mem *mem, struct nvme_mdev_chunk *c, u64 first,
			  u64 last, const unsigned long *kept)
{
	u64 base = c->core.index << VNVME_CHUNK_SHIFT;
	unsigned int n;

	if (!c->full) {
		for_each_set_bit(n, c->single, CHUNK_PAGES) {
			u64 iova = base + ((u64)n << PAGE_SHIFT);

			if (iova + PAGE_SIZE - 1 < first || iova > last ||
			    (kept && test_bit(n, kept)))
				continue;
			WRITE_ONCE(c->core.page[n].kva, NULL);
			__clear_bit(n, c->single);
			__set_bit(n, c->dying);
		}
		if (!bitmap_empty(c->dying, CHUNK_PAGES))
			chunk_enter_gone(mem, c);
		if (!bitmap_empty(c->single, CHUNK_PAGES))
			return;
	}
	chunk_unpublish(mem, c);
	list_del(&c->entry);
	chunk_enter_gone(mem, c);
}

/* Hide what lies in [first, last]; who has ->taking may walk the list without the lock. */
static void mem_hide_range(struct nvme_mdev_mem *mem, u64 first, u64 last)
{
	u64 index = first >> VNVME_CHUNK_SHIFT, end = last >> VNVME_CHUNK_SHIFT;
	struct nvme_mdev_chunk *c, *tmp;
	unsigned int n = 0;

	lockdep_assert_held(&mem->lock);
	if (end - index < HIDE_BY_INDEX) {
		for (; index <= end; index++) {
			c = nvme_mdev_chunk_find(mem, index);
			if (c)
				nvme_mdev_chunk_hide(mem, c, first, last, NULL);
		}
		return;
	}
	list_for_each_entry_safe(c, tmp, &mem->chunks, entry) {
		if (c->core.index >= index && c->core.index <= end)
			nvme_mdev_chunk_hide(mem, c, first, last, NULL);
		nvme_mdev_mem_breathe(mem, &n);
	}
}

/* Is something of [first, last] on its way out? */
static bool mem_is_going(struct nvme_mdev_mem *mem, u64 first, u64 last)
{
	struct nvme_mdev_chunk *c;

	list_for_each_entry(c, &mem->gone, dead) {
		u64 base = c->core.index << VNVME_CHUNK_SHIFT, end = base + VNVME_CHUNK_SIZE - 1;

		if (end < first || base > last)
			continue;
		if (c->full || chunk_is_dying(c, max(first, base), min(last, end)))
			return true;
	}
	return false;
}

/* After nvme_mdev_mem_take(): take back what lies in [first, last], and wait for it. */
static void mem_vacate(struct nvme_mdev *nm, u64 first, u64 last)
{
	struct nvme_mdev_mem *mem = &nm->mem;
	unsigned long us = 50;
	bool going;

	mem_hide_range(mem, first, last);
	for (;;) {
		mem_reap(nm);
		going = mem_is_going(mem, first, last);
		nvme_mdev_mem_taken(nm);
		if (!going)
			return;
		nvme_mdev_poller_kick(nm);
		usleep_range(us, 2 * us);
		us = min(2 * us, 5000ul);
		nvme_mdev_mem_take(mem, 1, 0);
	}
}

/**
 * nvme_mdev_mem_unmap() - give back a range that VFIO is about to unmap
 * @nm:		device
 * @iova:	first byte
 * @len:	bytes
 *
 * A chunk that was pinned as a whole goes as a whole: what the guest still has
 * of it is pinned again on its next use, page by page.  Nothing of the range is
 * pinned before VFIO has unmapped it: unmap.c.
 *
 * Context: the task that unmaps; may sleep, as long as the drive takes for what is
 * in flight there.  VFIO's container locks may be held.
 */
void nvme_mdev_mem_unmap(struct nvme_mdev *nm, u64 iova, u64 len)
{
	u64 last = len > U64_MAX - iova ? U64_MAX : iova + len - 1;
	struct nvme_mdev_unmap *u = nvme_mdev_unmap_begin(nm);
	struct nvme_mdev_mem *mem = &nm->mem;

	nvme_mdev_mem_take(mem, iova >> VNVME_CHUNK_SHIFT, last >> VNVME_CHUNK_SHIFT);
	mem->nr_unmaps++;
	nvme_mdev_unmap_range(u, mem, iova, last);
	mem_vacate(nm, iova, last);
	nvme_mdev_unmap_end(u);
}

/**
 * nvme_mdev_mem_unmap_all() - give all guest memory back
 * @nm: device; nobody pins any more
 *
 * Context: may sleep, as long as the drive takes for what is in flight.
 */
void nvme_mdev_mem_unmap_all(struct nvme_mdev *nm)
{
	nvme_mdev_mem_take(&nm->mem, 0, U64_MAX);
	mem_vacate(nm, 0, U64_MAX);
}

/**
 * nvme_mdev_mem_setup() - locks and lists of a new device
 * @nm: device
 */
void nvme_mdev_mem_setup(struct nvme_mdev *nm)
{
	struct nvme_mdev_mem *mem = &nm->mem;

	mutex_init(&mem->lock);
	init_rwsem(&mem->users);
	INIT_LIST_HEAD(&mem->chunks);
	INIT_LIST_HEAD(&mem->pinning);
	INIT_LIST_HEAD(&mem->unmaps);
	INIT_LIST_HEAD(&mem->gone);
	hash_init(mem->gone_by_number);
	INIT_DELAYED_WORK(&mem->reap, mem_reap_work);
	init_waitqueue_head(&mem->wait);
	init_llist_head(&mem->misses);
	INIT_WORK(&mem->work, nvme_mdev_mem_work);
	INIT_DELAYED_WORK(&mem->idle, nvme_mdev_mem_idle_work);
	mem->idle_ms = NVME_MDEV_PIN_IDLE_MS;
	/* no chunk starts out held */
	memset32(mem->hold, 1, ARRAY_SIZE(mem->hold));
}

/**
 * nvme_mdev_mem_init() - an empty table
 * @nm: device, being opened
 *
 * Return: 0 or -ENOMEM.
 */
int nvme_mdev_mem_init(struct nvme_mdev *nm)
{
	struct vnvme_mem *table = &nm->mem.table;

	nvme_mdev_unmap_forget(&nm->mem);
	nm->mem.lock_limit = 0;
	nm->mem.refusals = 0;
	nm->locked_out = 0;
	nm->mem.troubles = 0;
	nm->mem.nr_pinned = 0;
	nm->mem.nr_unmaps = 0;
	nm->mem.nr_bound = 0;
	nm->mem.nr_idle = 0;
	table->slot = kvcalloc(VNVME_MEM_SLOTS, sizeof(*table->slot), GFP_KERNEL_ACCOUNT);
	return table->slot ? 0 : -ENOMEM;
}

/**
 * nvme_mdev_mem_exit() - free the table
 * @nm: device; nvme_mdev_mem_unmap_all() has been called
 */
void nvme_mdev_mem_exit(struct nvme_mdev *nm)
{
	/* armed again only while something is pinned, or gone */
	cancel_delayed_work_sync(&nm->mem.idle);
	cancel_delayed_work_sync(&nm->mem.reap);
	WARN_ON(atomic64_read(&nm->mem.pinned_pages));
	kvfree(nm->mem.table.slot);
	nm->mem.table.slot = NULL;
}
