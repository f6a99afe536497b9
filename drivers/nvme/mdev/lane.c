// SPDX-License-Identifier: GPL-2.0
/*
 * A lane's requests and what goes with each of them, whichever backends serve
 * them.  A lane without a lent queue pair belongs to a device of type block.
 */
#include <linux/dma-mapping.h>
#include <linux/slab.h>

#include "mdev.h"

/**
 * nvme_mdev_lane_reset() - a lane of a device that is being opened
 * @nm:	device
 * @id:	lane, from 1
 *
 * Context: control. Return: the lane, without requests and queue pair.
 */
struct nvme_mdev_lane *nvme_mdev_lane_reset(struct nvme_mdev *nm, u16 id)
{
	struct nvme_mdev_lane *ml = &nm->lanes[id];

	memset(ml, 0, sizeof(*ml));
	ml->nm = nm;
	ml->stat = &nm->stat.lane[id];
	ml->info.depth = NVME_MDEV_LANE_DEPTH + 1;
	init_llist_head(&ml->ended);
	INIT_LIST_HEAD(&ml->silent);
	return ml;
}

/*
 * A page for each request, mapped if there is a drive that reads it.  Such pages are
 * taken one by one: a host that runs for long has no 256 of them side by side.
 */
static int lane_alloc_scratch(struct nvme_mdev_lane *ml, u32 nr)
{
	struct vnvme_req *req = ml->reqs, *end = req + nr;

	if (!ml->info.dma_dev) {
		ml->scratch = kvcalloc(nr, PAGE_SIZE, GFP_KERNEL_ACCOUNT);
		if (!ml->scratch)
			return -ENOMEM;
		for (; req < end; req++)
			req->scratch = ml->scratch + (req - ml->reqs) * PAGE_SIZE;
		return 0;
	}
	/* they are freed when the queue pair has been given back */
	ml->dma_dev = get_device(ml->info.dma_dev);
	for (; req < end; req++) {
		req->scratch = dma_alloc_coherent(ml->dma_dev, PAGE_SIZE, &req->scratch_dma,
						  GFP_KERNEL_ACCOUNT);
		if (!req->scratch)
			return -ENOMEM;
	}
	return 0;
}

static void lane_free_scratch(struct nvme_mdev_lane *ml)
{
	u32 i;

	kvfree(ml->scratch);
	ml->scratch = NULL;
	if (!ml->dma_dev)
		return;
	for (i = 0; i < ml->nr; i++)
		if (ml->reqs[i].scratch)
			dma_free_coherent(ml->dma_dev, PAGE_SIZE, ml->reqs[i].scratch,
					  ml->reqs[i].scratch_dma);
	put_device(ml->dma_dev);
	ml->dma_dev = NULL;
}

static int lane_alloc(struct nvme_mdev_lane *ml, u32 nr, u32 max_segs)
{
	u32 i;

	ml->reqs = kvcalloc(nr, sizeof(*ml->reqs), GFP_KERNEL_ACCOUNT);
	ml->segs = kvcalloc(nr, array_size(max_segs, sizeof(*ml->segs)), GFP_KERNEL_ACCOUNT);
	ml->nr = nr;
	if (!ml->reqs || !ml->segs)
		return -ENOMEM;
	for (i = 0; i < nr; i++)
		ml->reqs[i].segs = ml->segs + i * max_segs;
	return lane_alloc_scratch(ml, nr);
}

/**
 * nvme_mdev_lane_setup() - give the lane its requests
 * @nm:		device, its controller is initialised
 * @id:		lane, from 1
 * @max_segs:	pages of the largest transfer, plus one
 *
 * Context: control, may sleep. Return: 0 or -ENOMEM.
 */
int nvme_mdev_lane_setup(struct nvme_mdev *nm, u16 id, u32 max_segs)
{
	struct nvme_mdev_lane *ml = &nm->lanes[id];
	u32 nr = min_t(u32, ml->info.depth - 1, NVME_MDEV_LANE_DEPTH);
	int ret = lane_alloc(ml, nr, max_segs);

	if (ret)
		return ret;
	/* the ring has room for @nr commands beside what the drive does not know of */
	ml->ack_at = clamp(ml->info.depth - 1 - nr, 1, ml->info.depth / 4);
	nvme_mdev_poller_park(nm);
	vnvme_lane_init(&nm->ctrl, id, ml->reqs, nr, ml);
	ml->lane = &nm->ctrl.lane[id];
	nvme_mdev_poller_unpark(nm);
	return 0;
}

/**
 * nvme_mdev_lane_free() - free a lane's requests; its counters stay readable
 * @nm:	device, no poller serves it any more
 * @id:	lane
 */
void nvme_mdev_lane_free(struct nvme_mdev *nm, u16 id)
{
	struct nvme_mdev_lane *ml = &nm->lanes[id];

	lane_free_scratch(ml);
	kvfree(ml->bios);
	kvfree(ml->segs);
	kvfree(ml->reqs);
	ml->bios = NULL;
	ml->segs = NULL;
	ml->reqs = NULL;
	ml->lane = NULL;
}
