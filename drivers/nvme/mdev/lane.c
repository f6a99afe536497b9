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

/* A page for each request, mapped if there is a drive that reads it. */
static void *lane_alloc_scratch(struct nvme_mdev_lane *ml, u32 nr)
{
	size_t size = nr * PAGE_SIZE;

	if (!ml->info.dma_dev)
		return kvzalloc(size, GFP_KERNEL_ACCOUNT);
	return dma_alloc_coherent(ml->info.dma_dev, size, &ml->scratch_dma, GFP_KERNEL);
}

static int lane_alloc(struct nvme_mdev_lane *ml, u32 nr, u32 max_segs)
{
	u32 i;

	ml->reqs = kvcalloc(nr, sizeof(*ml->reqs), GFP_KERNEL_ACCOUNT);
	ml->segs = kvcalloc(nr, array_size(max_segs, sizeof(*ml->segs)), GFP_KERNEL_ACCOUNT);
	ml->scratch = lane_alloc_scratch(ml, nr);
	ml->nr = nr;
	if (!ml->reqs || !ml->segs || !ml->scratch)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		ml->reqs[i].segs = ml->segs + i * max_segs;
		ml->reqs[i].scratch = ml->scratch + i * PAGE_SIZE;
		ml->reqs[i].scratch_dma = ml->scratch_dma + i * PAGE_SIZE;
	}
	return 0;
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

	if (ml->scratch && ml->info.dma_dev)
		dma_free_coherent(ml->info.dma_dev, ml->nr * PAGE_SIZE, ml->scratch,
				  ml->scratch_dma);
	else
		kvfree(ml->scratch);
	kvfree(ml->bios);
	kvfree(ml->segs);
	kvfree(ml->reqs);
	ml->scratch = NULL;
	ml->bios = NULL;
	ml->segs = NULL;
	ml->reqs = NULL;
	ml->lane = NULL;
}
