// SPDX-License-Identifier: GPL-2.0
/*
 * The NVM command set: check and decode one command.
 *
 * Reads the request's copy of the entry and nothing else; what is left behind
 * in the request has been checked.
 */
#include "internal.h"

#define VNVME_NVM_SUPPORTED	(1u << 0)
#define VNVME_NVM_DATA		(1u << 1)	/* moves blocks: the hot ones */
#define VNVME_NVM_TO_GUEST	(1u << 2)
#define VNVME_NVM_CHANGES	(1u << 3)	/* media */
#define VNVME_NVM_DIRECTIVE	(1u << 4)	/* has DTYPE */

#define VNVME_WZ_DEAC		(1u << 25)
#define VNVME_DSM_AD		(1u << 2)
#define VNVME_COPY_FORMAT(cdw12) (((cdw12) >> 8) & 0xf)

struct vnvme_nvm_op {
	u8	flags;
	u16	oncs;	/* needed in Identify's ONCS, 0: mandatory */
};

static const struct vnvme_nvm_op vnvme_nvm_ops[] = {
	[VNVME_CMD_FLUSH] = { VNVME_NVM_SUPPORTED },
	[VNVME_CMD_WRITE] = { VNVME_NVM_SUPPORTED | VNVME_NVM_DATA |
			      VNVME_NVM_CHANGES | VNVME_NVM_DIRECTIVE },
	[VNVME_CMD_READ] = { VNVME_NVM_SUPPORTED | VNVME_NVM_DATA |
			     VNVME_NVM_TO_GUEST },
	[VNVME_CMD_COMPARE] = { VNVME_NVM_SUPPORTED | VNVME_NVM_DATA,
				VNVME_ONCS_COMPARE },
	[VNVME_CMD_WRITE_ZEROES] = { VNVME_NVM_SUPPORTED | VNVME_NVM_CHANGES,
				     VNVME_ONCS_WRITE_ZEROES },
	[VNVME_CMD_DSM] = { VNVME_NVM_SUPPORTED | VNVME_NVM_CHANGES,
			    VNVME_ONCS_DSM },
	[VNVME_CMD_VERIFY] = { VNVME_NVM_SUPPORTED, VNVME_ONCS_VERIFY },
	[VNVME_CMD_COPY] = { VNVME_NVM_SUPPORTED | VNVME_NVM_CHANGES,
			     VNVME_ONCS_COPY },
};

static_assert(ARRAY_SIZE(vnvme_nvm_ops) <= VNVME_NVM_OPS);

/**
 * vnvme_nvm_init() - which commands this controller has
 * @ctrl:	->cfg is set
 */
void vnvme_nvm_init(struct vnvme_ctrl *ctrl)
{
	const struct vnvme_nvm_op *op = vnvme_nvm_ops;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vnvme_nvm_ops); i++, op++)
		if ((op->oncs & ctrl->cfg.oncs) == op->oncs)
			ctrl->nvm_flags[i] = op->flags;
}

/**
 * vnvme_nvm_oncs() - the optional commands that this controller has
 * @ctrl:	controller
 *
 * Return: their bits of ONCS in Identify Controller.
 */
u16 vnvme_nvm_oncs(const struct vnvme_ctrl *ctrl)
{
	unsigned int i;
	u16 oncs = 0;

	for (i = 0; i < ARRAY_SIZE(vnvme_nvm_ops); i++)
		if (ctrl->nvm_flags[i])
			oncs |= vnvme_nvm_ops[i].oncs;
	return oncs;
}

static u8 vnvme_nvm_flags(const struct vnvme_ctrl *ctrl, u8 opcode)
{
	/* no opcode is beyond it */
	static_assert(sizeof(ctrl->nvm_flags) == 256);
	return ctrl->nvm_flags[opcode];
}

/**
 * vnvme_nvm_changes() - may a command change the media?
 * @ctrl:	controller
 * @opcode:	of the NVM command set
 *
 * Return: true if so.
 */
bool vnvme_nvm_changes(const struct vnvme_ctrl *ctrl, u8 opcode)
{
	return vnvme_nvm_flags(ctrl, opcode) & VNVME_NVM_CHANGES;
}

/**
 * vnvme_nvm_effects() - entry of the Commands Supported and Effects log
 * @ctrl:	controller
 * @opcode:	of the NVM command set
 *
 * Return: CSUPP, LBCC and the scope, or 0.
 */
u32 vnvme_nvm_effects(const struct vnvme_ctrl *ctrl, u8 opcode)
{
	u8 flags = vnvme_nvm_flags(ctrl, opcode);

	return (flags ? VNVME_EFFECT_CSUPP | VNVME_EFFECT_NS : 0) |
	       (flags & VNVME_NVM_CHANGES ? VNVME_EFFECT_LBCC : 0);
}

/**
 * vnvme_nvm_cached() - is what a request writes in a cache, maybe, once it has ended?
 * @ctrl:	controller
 * @req:	decoded
 *
 * Context: owner.
 */
bool vnvme_nvm_cached(const struct vnvme_ctrl *ctrl, const struct vnvme_req *req)
{
	return (vnvme_nvm_flags(ctrl, req->opcode) & VNVME_NVM_CHANGES) && !req->fua;
}

static noinline u16 vnvme_nvm_bad(struct vnvme_req *req, u16 status,
				  u16 loc)
{
	req->err_loc = loc;
	return status | VNVME_DNR;
}

static noinline u16 vnvme_nvm_walk(struct vnvme_ctrl *ctrl,
				   struct vnvme_req *req, u32 len,
				   bool to_guest)
{
	struct vnvme_dptr d = {
		.prp1 = le64_to_cpu(req->sqe.prp1),
		.prp2 = le64_to_cpu(req->sqe.prp2),
		.len = len, .need = len, .to_guest = to_guest,
		.segs = req->segs, .max_segs = VNVME_MAX_SEGS,
	};
	u16 status = vnvme_dptr_walk(ctrl->mem, &d);

	req->nr_segs = d.nr_segs;
	if (unlikely(status)) {
		req->err_loc = d.err_loc;
		req->miss_iova = d.miss_iova;
		req->miss_len = len;
	}
	return status;
}

/**
 * vnvme_req_next_miss() - what else does a request miss?
 * @req: went to env->pin_req(), and ->miss_iova has been pinned
 *
 * So that a command whose pages are pinned one by one waits once, not once a page.
 * Only its SQE is looked at, and lists of PRPs, of which nothing is kept.
 *
 * Context: whoever deals with the miss, while nobody takes memory back.
 * Return: true: ->miss_iova is to be pinned; false: return the request.
 */
bool vnvme_req_next_miss(struct vnvme_req *req)
{
	struct vnvme_dptr d = {
		.prp1 = le64_to_cpu(req->sqe.prp1),
		.prp2 = le64_to_cpu(req->sqe.prp2),
		.len = req->miss_len, .need = req->miss_len,
		.segs = req->segs, .max_segs = VNVME_MAX_SEGS,
	};

	if (vnvme_dptr_walk(req->lane->ctrl->mem, &d) != VNVME_MISS)
		return false;
	req->miss_iova = d.miss_iova;
	return true;
}

/* Copies @len bytes of ranges, a page at most, to the scratch page, once. */
static u16 vnvme_nvm_take_ranges(struct vnvme_ctrl *ctrl,
				 struct vnvme_req *req, u32 len)
{
	void *to = req->scratch;
	u16 status;
	u32 i;

	status = vnvme_nvm_walk(ctrl, req, len, false);
	if (status)
		return status;
	for (i = 0; !status && i < req->nr_segs; i++) {
		status = vnvme_guest_get(to, req->segs[i].kva, req->segs[i].len);
		to += req->segs[i].len;
	}
	/* from here on nothing may be read from the guest's copy */
	barrier();
	req->nr_segs = 0;
	return status;
}

/* Limits before ranges: what is too much may be told of without a look at it. */
static u16 vnvme_nvm_dsm_check(struct vnvme_ctrl *ctrl, struct vnvme_req *req)
{
	const struct vnvme_dsm_range *r = req->scratch;
	u64 total = 0;
	u32 i, nlb;

	for (i = 0; i < req->nlb; i++) {
		nlb = le32_to_cpu(r[i].nlb);
		total += nlb;
		if ((ctrl->cfg.dmrsl && nlb > ctrl->cfg.dmrsl) ||
		    (ctrl->cfg.dmsl && total > ctrl->cfg.dmsl))
			return vnvme_nvm_bad(req, VNVME_SC_SIZE_LIMIT,
					     VNVME_LOC(prp1));
		if (!vnvme_nvm_range_ok(req->ns, le64_to_cpu(r[i].slba), nlb))
			return vnvme_nvm_bad(req, VNVME_SC_LBA_RANGE,
					     VNVME_LOC(prp1));
	}
	return 0;
}

/*
 * Dataset Management: all ranges are checked; only deallocation has anything to
 * do after that.
 */
static u16 vnvme_nvm_dsm(struct vnvme_ctrl *ctrl, struct vnvme_req *req)
{
	u32 nr = (le32_to_cpu(req->sqe.cdw10) & 0xff) + 1;
	const u32 size = sizeof(struct vnvme_dsm_range);
	u16 status;

	static_assert(256 * sizeof(struct vnvme_dsm_range) <= VNVME_PAGE_SIZE);
	if (ctrl->cfg.dmrl && nr > ctrl->cfg.dmrl)
		return vnvme_nvm_bad(req, VNVME_SC_SIZE_LIMIT,
				     VNVME_LOC(cdw10));
	status = vnvme_nvm_take_ranges(ctrl, req, nr * size);
	if (status)
		return status;
	req->nlb = nr;
	status = vnvme_nvm_dsm_check(ctrl, req);
	if (status)
		return status;
	if (!(le32_to_cpu(req->sqe.cdw11) & VNVME_DSM_AD))
		return VNVME_NOTHING;
	if (req->ns->ro)
		return vnvme_nvm_bad(req, VNVME_SC_WRITE_PROTECTED,
				     VNVME_LOC(opcode));
	return 0;
}

/* Limits of Copy before ranges, ranges before the destination. */
static u16 vnvme_nvm_copy_check(struct vnvme_req *req, u32 nr)
{
	struct vnvme_copy_range *r = req->scratch;
	const struct vnvme_ns *ns = req->ns;
	u32 i, nlb, total = 0;
	u64 slba;

	for (i = 0; i < nr; i++, r++) {
		slba = le64_to_cpu(r->slba);
		nlb = le16_to_cpu(r->nlb) + 1;
		total += nlb;
		if (nlb > ns->mssrl || total > ns->mcl)
			return vnvme_nvm_bad(req, VNVME_SC_SIZE_LIMIT,
					     VNVME_LOC(prp1));
		if (!vnvme_nvm_range_ok(ns, slba, nlb))
			return vnvme_nvm_bad(req, VNVME_SC_LBA_RANGE,
					     VNVME_LOC(prp1));
		/* the rest means other namespaces in other formats, and tags */
		*r = (struct vnvme_copy_range){
			.slba = cpu_to_le64(slba), .nlb = cpu_to_le16(nlb - 1),
		};
	}
	if (!vnvme_nvm_range_ok(ns, req->slba, total))
		return vnvme_nvm_bad(req, VNVME_SC_LBA_RANGE,
				     VNVME_LOC(cdw10));
	return 0;
}

static u16 vnvme_nvm_copy(struct vnvme_ctrl *ctrl, struct vnvme_req *req)
{
	u32 cdw12 = le32_to_cpu(req->sqe.cdw12);
	u32 nr = (cdw12 & 0xff) + 1;
	u16 status;

	static_assert(VNVME_COPY_RANGES * sizeof(struct vnvme_copy_range) <=
		      VNVME_PAGE_SIZE);
	req->copied = 0;
	req->slba = vnvme_make64(le32_to_cpu(req->sqe.cdw10),
				 le32_to_cpu(req->sqe.cdw11));
	if (VNVME_COPY_FORMAT(cdw12) || VNVME_RW_DTYPE(cdw12))
		return vnvme_nvm_bad(req, VNVME_SC_INVALID_FIELD,
				     VNVME_LOC(cdw12));
	if (nr > req->ns->msrc + 1u)
		return vnvme_nvm_bad(req, VNVME_SC_SIZE_LIMIT,
				     VNVME_LOC(cdw12));
	if (req->ns->ro)
		return vnvme_nvm_bad(req, VNVME_SC_WRITE_PROTECTED,
				     VNVME_LOC(opcode));
	status = vnvme_nvm_take_ranges(ctrl, req,
				       nr * sizeof(struct vnvme_copy_range));
	if (status)
		return status;
	req->nlb = nr;
	req->fua = vnvme_nvm_durable(ctrl, cdw12);
	return vnvme_nvm_copy_check(req, nr);
}

/* SLBA and NLB, and what goes with them; at most @max bytes. */
static u16 vnvme_nvm_range(struct vnvme_ctrl *ctrl, struct vnvme_req *req,
			   u8 flags, u64 max)
{
	u32 cdw12 = le32_to_cpu(req->sqe.cdw12);
	struct vnvme_ns *ns = req->ns;

	req->slba = vnvme_make64(le32_to_cpu(req->sqe.cdw10),
				 le32_to_cpu(req->sqe.cdw11));
	req->nlb = (cdw12 & 0xffff) + 1;
	if (unlikely((flags & VNVME_NVM_DIRECTIVE) && VNVME_RW_DTYPE(cdw12)))
		return vnvme_nvm_bad(req, VNVME_SC_INVALID_FIELD,
				     VNVME_LOC(cdw12));
	if (unlikely((u64)req->nlb << ns->lba_shift > max))
		return vnvme_nvm_bad(req, VNVME_SC_INVALID_FIELD,
				     VNVME_LOC(cdw12));
	if (unlikely(!vnvme_nvm_range_ok(ns, req->slba, req->nlb)))
		return vnvme_nvm_bad(req, VNVME_SC_LBA_RANGE,
				     VNVME_LOC(cdw10));
	if (unlikely((flags & VNVME_NVM_CHANGES) && ns->ro))
		return vnvme_nvm_bad(req, VNVME_SC_WRITE_PROTECTED,
				     VNVME_LOC(opcode));
	req->fua = flags & VNVME_NVM_CHANGES ? vnvme_nvm_durable(ctrl, cdw12) :
					       !!(cdw12 & VNVME_RW_FUA);
	return 0;
}

static u16 vnvme_nvm_rw(struct vnvme_ctrl *ctrl, struct vnvme_req *req,
			u8 flags)
{
	u16 status = vnvme_nvm_range(ctrl, req, flags, ctrl->max_bytes);

	if (unlikely(status))
		return status;
	req->bytes = req->nlb << req->ns->lba_shift;
	return vnvme_nvm_walk(ctrl, req, req->bytes,
			      flags & VNVME_NVM_TO_GUEST);
}

/* Verify and Write Zeroes: MDTS does not bind what moves nothing. */
static u16 vnvme_nvm_no_data(struct vnvme_ctrl *ctrl, struct vnvme_req *req,
			     u8 flags, u8 limit)
{
	return vnvme_nvm_range(ctrl, req, flags,
			       limit ? (u64)VNVME_PAGE_SIZE << limit : ~0ull);
}

static noinline u16 vnvme_nvm_other(struct vnvme_ctrl *ctrl,
				    struct vnvme_req *req, u8 flags)
{
	u16 status;

	req->nlb = 0;
	req->fua = false;
	req->deallocate = false;
	switch (req->opcode) {
	case VNVME_CMD_WRITE_ZEROES:
		req->deallocate = le32_to_cpu(req->sqe.cdw12) & VNVME_WZ_DEAC;
		return vnvme_nvm_no_data(ctrl, req, flags, ctrl->cfg.wzsl);
	case VNVME_CMD_VERIFY:
		status = vnvme_nvm_no_data(ctrl, req, flags, ctrl->cfg.vsl);
		req->verified = (u64)req->nlb << (req->ns->lba_shift - 9);
		return status;
	case VNVME_CMD_DSM:
		return vnvme_nvm_dsm(ctrl, req);
	case VNVME_CMD_COPY:
		return vnvme_nvm_copy(ctrl, req);
	default:
		return 0;
	}
}

/**
 * vnvme_nvm_prepare() - check, decode and translate
 * @ctrl:	controller
 * @req:	->sqe is read; the decoded members are set
 *
 * For all that vnvme_nvm_quick() leaves.
 * May be called again for a request whose look-up missed: everything is then
 * checked again, as the namespace may have changed meanwhile.
 *
 * Context: owner.
 * Return: 0: submit it to ->ns; VNVME_NOTHING: it has succeeded; VNVME_MISS:
 *	   ->miss_iova is to be pinned; otherwise an NVMe status.
 */
u16 vnvme_nvm_prepare(struct vnvme_ctrl *ctrl, struct vnvme_req *req)
{
	u32 nsid = le32_to_cpu(req->sqe.nsid);
	u8 flags;

	req->opcode = req->sqe.opcode;
	req->nr_segs = 0;
	req->bytes = 0;
	req->slba = 0;
	req->err_loc = VNVME_LOC_NONE;

	if (unlikely(req->sqe.flags & (VNVME_SQE_FUSE | VNVME_SQE_PSDT)))
		return vnvme_nvm_bad(req, VNVME_SC_INVALID_FIELD,
				     VNVME_LOC(flags));
	flags = vnvme_nvm_flags(ctrl, req->opcode);
	if (unlikely(!flags))
		return vnvme_nvm_bad(req, VNVME_SC_INVALID_OPCODE,
				     VNVME_LOC(opcode));
	/* valid but inactive is another status than invalid: section 6.1.5 */
	req->ns = vnvme_ns_find(ctrl, nsid);
	if (unlikely(!req->ns))
		return vnvme_nvm_bad(req, nsid && nsid <= VNVME_MAX_NS ? VNVME_SC_INVALID_FIELD :
									 VNVME_SC_INVALID_NS,
				     VNVME_LOC(nsid));
	if (likely(flags & VNVME_NVM_DATA))
		return vnvme_nvm_rw(ctrl, req, flags);
	return vnvme_nvm_other(ctrl, req, flags);
}

/**
 * vnvme_nvm_status() - what a drive answers, as this controller may answer it
 * @status:	the drive's, of an I/O command, without phase
 *
 * A drive has paths, reservations, keys, fused commands, SGLs, protection
 * information and what only its vendor knows; this controller has none of them, and
 * a guest that is told of them may do the wrong thing, such as look for another path.
 * What it may do about it is kept: to try again, or not.
 *
 * Context: any.
 * Return: an NVMe status.
 */
u16 vnvme_nvm_status(u16 status)
{
	u16 dnr = status & VNVME_DNR;

	switch (status & ~VNVME_DNR) {
	case VNVME_SC_SUCCESS:
	case VNVME_SC_INVALID_OPCODE:
	case VNVME_SC_INVALID_FIELD:
	case VNVME_SC_DATA_TRANSFER:
	case VNVME_SC_POWER_LOSS:
	case VNVME_SC_INTERNAL:
	case VNVME_SC_ABORT_REQUESTED:
	case VNVME_SC_INVALID_NS:
	case VNVME_SC_SEQUENCE:
	case VNVME_SC_ATOMIC_EXCEEDED:
	case VNVME_SC_DENIED:
	case VNVME_SC_WRITE_PROTECTED:
	case VNVME_SC_INTERRUPTED:
	case VNVME_SC_LBA_RANGE:
	case VNVME_SC_CAP_EXCEEDED:
	case VNVME_SC_NS_NOT_READY:
	case VNVME_SC_CONFLICT:
	case VNVME_SC_READ_ONLY_RANGE:
	case VNVME_SC_SIZE_LIMIT:
	case VNVME_SC_WRITE_FAULT:
	case VNVME_SC_READ_ERROR:
	case VNVME_SC_COMPARE_FAILED:
	case VNVME_SC_ACCESS_DENIED:
		return status;
	case VNVME_SC_RESERVATION:
		/* somebody else's, who may keep it */
		return VNVME_SC_DENIED | dnr;
	case VNVME_SC_GUARD_CHECK:
	case VNVME_SC_APP_TAG_CHECK:
	case VNVME_SC_REF_TAG_CHECK:
	case VNVME_SC_UNWRITTEN:
		return VNVME_SC_READ_ERROR | dnr;
	case VNVME_SC_SANITIZING:
	case VNVME_SC_TRANSPORT:
	case VNVME_SC_MEDIA_NOT_READY:
	case VNVME_SC_FORMATTING:
		return VNVME_SC_NS_NOT_READY;
	case VNVME_SC_ANA_LOST:
		return VNVME_SC_NS_NOT_READY | VNVME_DNR;
	default:
		return VNVME_SCT(status) == VNVME_SCT_PATH ?
		       VNVME_SC_NS_NOT_READY : VNVME_SC_INTERNAL | dnr;
	}
}
