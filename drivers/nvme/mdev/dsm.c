// SPDX-License-Identifier: GPL-2.0
/*
 * Dataset Management on a lent queue, in pieces: a drive may take longer for all of it
 * than a command may, and cannot be told to stop.  So its limits (DMRL, DMRSL, DMSL) bind
 * no guest, of which many do not ask for them.
 */
#include <linux/minmax.h>

#include "mdev.h"

#define DSM_BYTES	(16ull << 30)	/* in one command */

/* Most LBAs of one piece, also by what the drive says. */
static u32 dsm_max(const struct nvme_mdev_lane *ml, const struct vnvme_req *req)
{
	u64 max = min_t(u64, DSM_BYTES >> req->ns->lba_shift, U32_MAX);

	if (ml->info.dsm_lbas)
		max = min(max, ml->info.dsm_lbas);
	if (ml->info.dsm_range_lbas)
		max = min_t(u64, max, ml->info.dsm_range_lbas);
	return max;
}

/**
 * nvme_mdev_dsm_piece() - what to send next of a Dataset Management command
 * @ml:		lane
 * @req:	request; its ranges stand in the scratch page, with the drive's LBAs
 * @dsm:	ranges and attributes are filled in
 *
 * As many ranges as make up one command, a part of one if need be, where they are:
 * see nvme_mdev_dsm_sent().
 * Context: owner.
 */
void nvme_mdev_dsm_piece(struct nvme_mdev_lane *ml, const struct vnvme_req *req,
			 struct nvme_dsm_cmd *dsm)
{
	struct nvme_mdev_dsm *at = &ml->dsm[req->tag];
	struct vnvme_dsm_range *range = req->scratch;
	u32 max = dsm_max(ml, req), first = at->next, nlb;
	u32 end = min(req->nlb, first + ml->info.dsm_ranges);

	for (; at->next < end && max; at->next++) {
		nlb = le32_to_cpu(range[at->next].nlb);
		if (nlb > max) {
			if (at->next != first)
				break;
			at->left = nlb - max;
			range[at->next].nlb = cpu_to_le32(max);
			break;
		}
		max -= nlb;
	}
	/* no range in it means one, of which a part is left */
	dsm->nr = cpu_to_le32(max_t(u32, at->next - first, 1) - 1);
	dsm->attributes = cpu_to_le32(NVME_DSMGMT_AD);
	dsm->dptr.prp1 = cpu_to_le64(req->scratch_dma + first * sizeof(*range));
}

/**
 * nvme_mdev_dsm_sent() - what nvme_mdev_dsm_piece() has filled in is done
 * @ml:		lane
 * @req:	request
 *
 * Context: owner.
 * Return: false if it was the last piece; all ranges together
 * are then as long as before.
 */
bool nvme_mdev_dsm_sent(struct nvme_mdev_lane *ml, const struct vnvme_req *req)
{
	struct nvme_mdev_dsm *at = &ml->dsm[req->tag];
	struct vnvme_dsm_range *range = (struct vnvme_dsm_range *)req->scratch + at->next;
	u32 nlb;

	if (at->left) {
		nlb = le32_to_cpu(range->nlb);
		le64_add_cpu(&range->slba, nlb);
		range->nlb = cpu_to_le32(at->left);
		at->sent += nlb;
		at->left = 0;
	} else if (at->sent) {
		/* what is counted at the end is all of it */
		le32_add_cpu(&range[-1].nlb, at->sent);
		at->sent = 0;
	}
	return at->next < req->nlb;
}
