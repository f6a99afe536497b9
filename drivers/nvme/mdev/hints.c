// SPDX-License-Identifier: GPL-2.0
/*
 * How a namespace likes to be used: from what its device says to what its guest
 * can do something with.
 */
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/sizes.h>

#include "mdev.h"

/* Windows takes the size of its sectors from what a good write is, and knows no larger ones. */
#define HINTS_WRITE_MAX	SZ_4K

/* One that a guest can follow in one command, and that holds for where the namespace begins. */
static u16 hint_fit(u32 blocks, u32 max, u64 start)
{
	u32 rest;

	if (!blocks || blocks > min_t(u32, max, U16_MAX))
		return 0;
	div_u64_rem(start, blocks, &rest);
	return rest ? 0 : blocks;
}

/**
 * nvme_mdev_hints_set() - tell a namespace's guest what its device likes
 * @ns:		namespace, claimed, its LBA size is known
 * @raw:	what the device says, in LBAs; 0: nothing
 * @start:	its first LBA on what @raw is about
 *
 * None of them is larger than a transfer may be.
 * Context: control.
 */
void nvme_mdev_hints_set(struct nvme_mdev_ns *ns, const struct nvme_mdev_hints *raw, u64 start)
{
	u8 shift = ns->vns.lba_shift;
	u32 max = ((u32)VNVME_PAGE_SIZE << ns->nm->ctrl.cfg.mdts) >> shift;
	u32 page = max_t(u32, HINTS_WRITE_MAX >> shift, 1);
	struct vnvme_ns_hints *hints = &ns->vns.hints;
	u16 gran = hint_fit(raw->write_gran, max, start);

	*hints = (struct vnvme_ns_hints){
		.boundary	= hint_fit(raw->boundary, max, start),
		.write_gran	= min_t(u32, gran, page),
		.write_best	= hint_fit(raw->write_best, max, start),
		.free_gran	= hint_fit(raw->free_gran, max, start),
		.free_align	= hint_fit(raw->free_align, max, start),
		.wz_deac	= raw->wz_deac,
		.free_reads	= raw->free_reads,
	};
	hints->write_align = min_t(u32, hint_fit(raw->write_align, max, start), page);
	/* what is good and more than that is what is best, if nothing else is */
	if (!hints->write_best && gran > page)
		hints->write_best = gran;
}
