// SPDX-License-Identifier: GPL-2.0
/*
 * The NVM command set: check and decode one command.
 *
 * Reads the request's copy of the entry and nothing else; what is left behind
 * in the request has been checked.
 */
#include "internal.h"

#define VNVME_NVM_SUPPORTED	(1u << 0)
#define VNVME_NVM_DATA		(1u << 1)	/* moves blocks */
#define VNVME_NVM_TO_GUEST	(1u << 2)
#define VNVME_NVM_RANGE		(1u << 3)	/* SLBA and NLB */
#define VNVME_NVM_CHANGES	(1u << 4)	/* media */
#define VNVME_NVM_DIRECTIVE	(1u << 5)	/* has DTYPE */
#define VNVME_NVM_FUA		(1u << 6)

#define VNVME_RW_FUA		(1u << 30)
#define VNVME_RW_DTYPE(cdw12)	(((cdw12) >> 20) & 0xf)
#define VNVME_DSM_AD		(1u << 2)

struct vnvme_nvm_op {
	u8	flags;
	u16	oncs;	/* needed in Identify's ONCS, 0: mandatory */
};

static const struct vnvme_nvm_op vnvme_nvm_ops[] = {
	[VNVME_CMD_FLUSH] = { VNVME_NVM_SUPPORTED },
	[VNVME_CMD_WRITE] = { VNVME_NVM_SUPPORTED | VNVME_NVM_DATA |
			      VNVME_NVM_RANGE | VNVME_NVM_CHANGES |
			      VNVME_NVM_DIRECTIVE | VNVME_NVM_FUA },
	[VNVME_CMD_READ] = { VNVME_NVM_SUPPORTED | VNVME_NVM_DATA |
			     VNVME_NVM_RANGE | VNVME_NVM_TO_GUEST |
			     VNVME_NVM_FUA },
	[VNVME_CMD_WRITE_ZEROES] = { VNVME_NVM_SUPPORTED | VNVME_NVM_RANGE |
				     VNVME_NVM_CHANGES | VNVME_NVM_FUA,
				     VNVME_ONCS_WRITE_ZEROES },
	[VNVME_CMD_DSM] = { VNVME_NVM_SUPPORTED | VNVME_NVM_CHANGES,
			    VNVME_ONCS_DSM },
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

static u8 vnvme_nvm_flags(const struct vnvme_ctrl *ctrl, u8 opcode)
{
	return opcode < VNVME_NVM_OPS ? ctrl->nvm_flags[opcode] : 0;
}

/**
 * vnvme_nvm_effects() - entry of the Commands Supported and Effects log
 * @ctrl:	controller
 * @opcode:	of the NVM command set
 *
 * Return: CSUPP and LBCC, or 0.
 */
u32 vnvme_nvm_effects(const struct vnvme_ctrl *ctrl, u8 opcode)
{
	u8 flags = vnvme_nvm_flags(ctrl, opcode);

	return (flags ? VNVME_EFFECT_CSUPP : 0) |
	       (flags & VNVME_NVM_CHANGES ? VNVME_EFFECT_LBCC : 0);
}

static noinline u16 vnvme_nvm_bad(struct vnvme_req *req, u16 status,
				  u16 loc)
{
	req->err_loc = loc;
	return status | VNVME_DNR;
}

static bool vnvme_nvm_range_ok(const struct vnvme_ns *ns, u64 slba, u64 nlb)
{
	u64 size = READ_ONCE(ns->nlb);

	return nlb <= size && slba <= size - nlb;
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
	}
	return status;
}

/* Most commands: all in the page of PRP1.  Return: false if it is not that. */
static __always_inline bool vnvme_nvm_one_page(struct vnvme_ctrl *ctrl,
					       struct vnvme_req *req, u32 len,
					       bool to_guest)
{
	u64 prp1 = le64_to_cpu(req->sqe.prp1);
	struct vnvme_seg *seg = req->segs;
	struct vnvme_extent x;

	if ((prp1 & (VNVME_PAGE_SIZE - 1)) + len > VNVME_PAGE_SIZE ||
	    unlikely(prp1 & 3) || !vnvme_mem_lookup(ctrl->mem, prp1, &x) ||
	    unlikely(x.ro && to_guest))
		return false;
	seg->dma = x.dma;
	seg->kva = x.kva;
	seg->len = len;
	req->nr_segs = 1;
	return true;
}

/*
 * Dataset Management: the ranges are copied once and checked there, all of
 * them; only deallocation has anything to do after that.
 */
static noinline u16 vnvme_nvm_dsm(struct vnvme_ctrl *ctrl, struct vnvme_req *req)
{
	u32 nr = (le32_to_cpu(req->sqe.cdw10) & 0xff) + 1;
	const struct vnvme_dsm_range *r = req->scratch;
	void *to = req->scratch;
	u16 status;
	u32 i;

	status = vnvme_nvm_walk(ctrl, req, nr * sizeof(*r), false);
	if (status)
		return status;
	for (i = 0; i < req->nr_segs; i++) {
		memcpy(to, req->segs[i].kva, req->segs[i].len);
		to += req->segs[i].len;
	}
	/* from here on nothing may be read from the guest's copy */
	barrier();
	req->nr_segs = 0;
	req->nlb = nr;
	for (i = 0; i < nr; i++)
		if (!vnvme_nvm_range_ok(req->ns, le64_to_cpu(r[i].slba),
					le32_to_cpu(r[i].nlb)))
			return vnvme_nvm_bad(req, VNVME_SC_LBA_RANGE,
					     VNVME_LOC(prp1));
	return 0;
}

static u16 vnvme_nvm_rw(struct vnvme_ctrl *ctrl, struct vnvme_req *req,
			u8 flags)
{
	u32 cdw12 = le32_to_cpu(req->sqe.cdw12);
	struct vnvme_ns *ns = req->ns;
	u64 bytes;

	req->slba = vnvme_make64(le32_to_cpu(req->sqe.cdw10),
				 le32_to_cpu(req->sqe.cdw11));
	req->nlb = (cdw12 & 0xffff) + 1;
	if (unlikely((flags & VNVME_NVM_DIRECTIVE) && VNVME_RW_DTYPE(cdw12)))
		return vnvme_nvm_bad(req, VNVME_SC_INVALID_FIELD,
				     VNVME_LOC(cdw12));
	bytes = (u64)req->nlb << ns->lba_shift;
	if (unlikely((flags & VNVME_NVM_DATA) && bytes > ctrl->max_bytes))
		return vnvme_nvm_bad(req, VNVME_SC_INVALID_FIELD,
				     VNVME_LOC(cdw12));
	if (unlikely(!vnvme_nvm_range_ok(ns, req->slba, req->nlb)))
		return vnvme_nvm_bad(req, VNVME_SC_LBA_RANGE,
				     VNVME_LOC(cdw10));
	if (unlikely((flags & VNVME_NVM_CHANGES) && ns->ro))
		return vnvme_nvm_bad(req, VNVME_SC_WRITE_PROTECTED,
				     VNVME_LOC(opcode));
	/* without a write cache each write is durable when it is answered */
	req->fua = (cdw12 & VNVME_RW_FUA) ||
		   ((flags & VNVME_NVM_CHANGES) &&
		    !(ctrl->feat[VNVME_FEAT_WCE] & 1));
	if (!(flags & VNVME_NVM_DATA))
		return 0;
	req->bytes = bytes;
	if (likely(vnvme_nvm_one_page(ctrl, req, bytes,
				      flags & VNVME_NVM_TO_GUEST)))
		return 0;
	return vnvme_nvm_walk(ctrl, req, bytes, flags & VNVME_NVM_TO_GUEST);
}

/**
 * vnvme_nvm_prepare() - check, decode and translate
 * @ctrl:	controller
 * @req:	->sqe is read; the decoded members are set
 *
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
	u16 status;
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
	if (unlikely(!nsid || nsid > VNVME_MAX_NS))
		return vnvme_nvm_bad(req, VNVME_SC_INVALID_NS, VNVME_LOC(nsid));
	req->ns = ctrl->ns[nsid];
	if (unlikely(!req->ns))
		return vnvme_nvm_bad(req, VNVME_SC_INVALID_FIELD,
				     VNVME_LOC(nsid));
	if (likely(flags & VNVME_NVM_RANGE))
		return vnvme_nvm_rw(ctrl, req, flags);
	req->nlb = 0;
	req->fua = false;
	if (req->opcode != VNVME_CMD_DSM)
		return 0;

	status = vnvme_nvm_dsm(ctrl, req);
	if (status)
		return status;
	if (!(le32_to_cpu(req->sqe.cdw11) & VNVME_DSM_AD))
		return VNVME_NOTHING;
	if (req->ns->ro)
		return vnvme_nvm_bad(req, VNVME_SC_WRITE_PROTECTED,
				     VNVME_LOC(opcode));
	return 0;
}
