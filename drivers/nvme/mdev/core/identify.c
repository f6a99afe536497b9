// SPDX-License-Identifier: GPL-2.0
/*
 * Identify (section 5.15).  What a guest tells devices apart by is in identity.c.
 */
#include "internal.h"

/* What a shutdown may take, the flushes of what is below: as long as Linux waits at most */
#define VNVME_SHUTDOWN_US	60000000

#define VNVME_UUID_FMT \
	"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x"

static void vnvme_pad(char *to, const char *from, unsigned int len)
{
	unsigned int n = strlen(from);

	memset(to, ' ', len);
	memcpy(to, from, min(n, len));
}

static u16 vnvme_identify_bad(struct vnvme_cmd *cmd, u16 status, u16 loc)
{
	cmd->err_loc = loc;
	return status | VNVME_DNR;
}

static u16 vnvme_nsid_bad(struct vnvme_cmd *cmd)
{
	return vnvme_identify_bad(cmd, VNVME_SC_INVALID_NS, VNVME_LOC(nsid));
}

static u32 vnvme_cmd_nsid(const struct vnvme_cmd *cmd)
{
	return le32_to_cpu(cmd->sqe.nsid);
}

/* One that could be active; the broadcast value is none. */
static bool vnvme_nsid_valid(u32 nsid)
{
	return nsid && nsid <= VNVME_MAX_NS;
}

/* A hint as Identify has it: 0's based, and one block where nothing is known. */
static __le16 vnvme_hint(u16 blocks)
{
	return cpu_to_le16(blocks ? blocks - 1 : 0);
}

static void vnvme_id_ns_hints(const struct vnvme_ns_hints *hints,
			      struct vnvme_id_ns *id)
{
	id->noiob = cpu_to_le16(hints->boundary);
	id->dlfeat = (hints->free_reads & VNVME_DLFEAT_READS) |
		     (hints->wz_deac ? VNVME_DLFEAT_WZ_DEAC : 0);
	if (!hints->write_gran)
		return;
	id->nsfeat |= VNVME_NSFEAT_OPTPERF;
	id->npwg = vnvme_hint(hints->write_gran);
	id->npwa = vnvme_hint(hints->write_align);
	id->npdg = vnvme_hint(hints->free_gran);
	id->npda = vnvme_hint(hints->free_align);
	id->nows = vnvme_hint(hints->write_best);
}

static u16 vnvme_id_ns(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd)
{
	struct vnvme_id_ns *id = (void *)ctrl->buf;
	u32 nsid = vnvme_cmd_nsid(cmd);
	struct vnvme_identity names;
	const struct vnvme_ns *ns;

	if (!vnvme_nsid_valid(nsid))
		return vnvme_nsid_bad(cmd);
	ns = vnvme_ns_find(ctrl, nsid);
	if (!ns)
		return 0;
	id->nsze = cpu_to_le64(READ_ONCE(ns->nlb));
	id->ncap = id->nsze;
	id->nuse = id->nsze;
	if (ns->nuse && ns->nuse < READ_ONCE(ns->nlb))
		id->nuse = cpu_to_le64(ns->nuse);
	if (vnvme_nvm_oncs(ctrl) & VNVME_ONCS_COPY) {
		id->mssrl = cpu_to_le16(ns->mssrl);
		id->mcl = cpu_to_le32(ns->mcl);
		id->msrc = ns->msrc;
	}
	id->nsattr = ns->ro ? VNVME_NSATTR_RO : 0;
	id->nsfeat = VNVME_NSFEAT_NSABP;
	id->nawun = cpu_to_le16(ns->awun);
	id->nawupf = cpu_to_le16(ns->awupf);
	vnvme_id_ns_hints(&ns->hints, id);
	vnvme_ns_identity(ctrl, ns, &names);
	memcpy(id->nguid, names.nguid, sizeof(id->nguid));
	memcpy(id->eui64, names.eui64, sizeof(id->eui64));
	id->lbaf[0] = cpu_to_le32((u32)ns->lba_shift << 16);
	return 0;
}

static u16 vnvme_id_ctrl(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd)
{
	struct vnvme_id_ctrl *id = (void *)ctrl->buf;
	const u8 *u = ctrl->cfg.uuid.b;

	id->vid = cpu_to_le16(0x1af4);
	id->ssvid = cpu_to_le16(0x1af4);
	vnvme_pad(id->sn, ctrl->cfg.serial, sizeof(id->sn));
	vnvme_pad(id->mn, ctrl->cfg.model, sizeof(id->mn));
	vnvme_pad(id->fr, "1", sizeof(id->fr));
	vnvme_oui(id->ieee);
	id->mdts = ctrl->cfg.mdts;
	id->cntlid = cpu_to_le16(VNVME_CNTLID);
	id->ver = cpu_to_le32(VNVME_VS);
	id->rtd3e = cpu_to_le32(VNVME_SHUTDOWN_US);
	id->oaes = cpu_to_le32(VNVME_OAES_NS_ATTR);
	id->cntrltype = 1;
	id->oacs = cpu_to_le16(ctrl->cfg.dbbuf ? VNVME_OACS_DBBUF : 0);
	id->acl = VNVME_ACL;
	id->aerl = VNVME_AERL;
	id->frmw = 1 << 1 | 1;		/* one slot, read only */
	id->lpa = VNVME_LPA_EFFECTS | VNVME_LPA_EXTENDED | VNVME_LPA_SUPPORTED;
	id->elpe = VNVME_ELPE;
	id->wctemp = cpu_to_le16(ctrl->cfg.wctemp ?: VNVME_WCTEMP);
	id->cctemp = cpu_to_le16(ctrl->cfg.cctemp ?: VNVME_CCTEMP);
	id->sqes = VNVME_SQES << 4 | VNVME_SQES;
	id->cqes = VNVME_CQES << 4 | VNVME_CQES;
	id->nn = cpu_to_le32(VNVME_MAX_NS);
	id->oncs = cpu_to_le16(vnvme_nvm_oncs(ctrl) | VNVME_ONCS_SAVE_SELECT |
			       VNVME_ONCS_TIMESTAMP);
	if (vnvme_nvm_oncs(ctrl) & VNVME_ONCS_COPY)
		id->ocfs = cpu_to_le16(VNVME_OCFS_FORMAT_0);
	id->nwpc = VNVME_NWPC_WRITES | VNVME_NWPC_CYCLE;
	/* AWUN and AWUPF, of any namespace that may come, are one block */
	id->vwc = VNVME_VWC_NO_BROADCAST |
		  (ctrl->cfg.vwc ? VNVME_VWC_PRESENT : 0);
	snprintf(id->subnqn, sizeof(id->subnqn), VNVME_NQN_PREFIX VNVME_UUID_FMT,
		 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9],
		 u[10], u[11], u[12], u[13], u[14], u[15]);
	return 0;
}

static u16 vnvme_id_ns_list(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd)
{
	u32 nsid = vnvme_cmd_nsid(cmd), i;
	__le32 *list = (void *)ctrl->buf;

	if (nsid >= VNVME_NSID_ALL - 1)
		return vnvme_identify_bad(cmd, VNVME_SC_INVALID_NS,
					  VNVME_LOC(nsid));
	for (i = 1; i <= VNVME_MAX_NS; i++)
		if (i > nsid && ctrl->ns[i])
			*list++ = cpu_to_le32(i);
	return 0;
}

static u8 *vnvme_id_desc(u8 *to, u8 type, const void *from, u8 len)
{
	to[0] = type;
	to[1] = len;
	memcpy(to + 4, from, len);
	return to + 4 + len;
}

static u16 vnvme_id_ns_desc(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd)
{
	static const u8 csi = VNVME_CSI_NVM;
	u32 nsid = vnvme_cmd_nsid(cmd);
	struct vnvme_identity names;
	u8 *to = ctrl->buf;

	if (!vnvme_ns_find(ctrl, nsid))
		return vnvme_nsid_bad(cmd);
	vnvme_ns_identity(ctrl, ctrl->ns[nsid], &names);
	to = vnvme_id_desc(to, 1, names.eui64, sizeof(names.eui64));
	to = vnvme_id_desc(to, 2, names.nguid, sizeof(names.nguid));
	to = vnvme_id_desc(to, 3, names.uuid, sizeof(names.uuid));
	vnvme_id_desc(to, 4, &csi, sizeof(csi));
	return 0;
}

/* Does it ask for the NVM command set?  Only CNS values of 2.0 say. */
static bool vnvme_csi_ok(const struct vnvme_cmd *cmd)
{
	return le32_to_cpu(cmd->sqe.cdw11) >> 24 == VNVME_CSI_NVM;
}

/* What the NVM command set has for a namespace: nothing beyond CNS 00h. */
static u16 vnvme_id_ns_csi(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd)
{
	u32 nsid = vnvme_cmd_nsid(cmd);

	if (!vnvme_csi_ok(cmd))
		return vnvme_identify_bad(cmd, VNVME_SC_INVALID_FIELD,
					  VNVME_LOC(cdw11));
	if (!vnvme_nsid_valid(nsid))
		return vnvme_nsid_bad(cmd);
	return 0;
}

/* Limits of the NVM command set beside MDTS. */
static u16 vnvme_id_ctrl_csi(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd)
{
	struct vnvme_id_ctrl_nvm *id = (void *)ctrl->buf;

	if (!vnvme_csi_ok(cmd))
		return vnvme_identify_bad(cmd, VNVME_SC_INVALID_FIELD,
					  VNVME_LOC(cdw11));
	id->vsl = ctrl->cfg.vsl;
	id->wzsl = ctrl->cfg.wzsl;
	id->dmrl = ctrl->cfg.dmrl;
	id->dmrsl = cpu_to_le32(ctrl->cfg.dmrsl);
	id->dmsl = cpu_to_le64(ctrl->cfg.dmsl);
	return 0;
}

static u16 vnvme_id_ns_list_csi(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd)
{
	if (!vnvme_csi_ok(cmd))
		return vnvme_identify_bad(cmd, VNVME_SC_INVALID_FIELD,
					  VNVME_LOC(cdw11));
	return vnvme_id_ns_list(ctrl, cmd);
}

static u16 vnvme_id_ns_indep(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd)
{
	struct vnvme_id_ns_indep *id = (void *)ctrl->buf;
	u32 nsid = vnvme_cmd_nsid(cmd);
	const struct vnvme_ns *ns;

	if (!vnvme_nsid_valid(nsid))
		return vnvme_nsid_bad(cmd);
	ns = vnvme_ns_find(ctrl, nsid);
	if (!ns)
		return 0;
	id->nsattr = ns->ro ? VNVME_NSATTR_RO : 0;
	id->nstat = VNVME_NSTAT_READY;
	return 0;
}

/* Controller lists: this one, unless only greater identifiers are asked for. */
static u16 vnvme_id_ctrl_list(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd)
{
	u16 cntid = le32_to_cpu(cmd->sqe.cdw10) >> 16;
	__le16 *list = (void *)ctrl->buf;

	if (cntid <= VNVME_CNTLID) {
		list[0] = cpu_to_le16(1);	/* how many follow */
		list[1] = cpu_to_le16(VNVME_CNTLID);
	}
	return 0;
}

static u16 vnvme_id_ns_ctrl_list(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd)
{
	u32 nsid = vnvme_cmd_nsid(cmd);

	if (!vnvme_nsid_valid(nsid))
		return vnvme_nsid_bad(cmd);
	return vnvme_ns_find(ctrl, nsid) ? vnvme_id_ctrl_list(ctrl, cmd) : 0;
}

/* Which I/O command sets can be used together: one vector, one command set. */
static u16 vnvme_id_iocs(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd)
{
	u16 cntid = le32_to_cpu(cmd->sqe.cdw10) >> 16;
	__le64 *vector = (void *)ctrl->buf;

	if (cntid != VNVME_CNTLID && cntid != VNVME_CNTLID_SELF)
		return vnvme_identify_bad(cmd, VNVME_SC_INVALID_FIELD,
					  VNVME_LOC(cdw10));
	vector[0] = cpu_to_le64(VNVME_IOCS_NVM);
	return 0;
}

/* Fills ctrl->buf, which is zeroed; by CNS. */
static u16 (*const vnvme_cns[])(struct vnvme_ctrl *ctrl,
				struct vnvme_cmd *cmd) = {
	[0x00] = vnvme_id_ns,
	[0x01] = vnvme_id_ctrl,
	[0x02] = vnvme_id_ns_list,
	[0x03] = vnvme_id_ns_desc,
	[0x05] = vnvme_id_ns_csi,
	[0x06] = vnvme_id_ctrl_csi,
	[0x07] = vnvme_id_ns_list_csi,
	[0x08] = vnvme_id_ns_indep,
	[0x12] = vnvme_id_ns_ctrl_list,
	[0x13] = vnvme_id_ctrl_list,
	[0x1c] = vnvme_id_iocs,
};

/**
 * vnvme_identify_command() - Identify
 * @ctrl:	controller
 * @cmd:	the command
 *
 * Context: control.
 * Return: an NVMe status.
 */
u16 vnvme_identify_command(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd)
{
	u16 (*fn)(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd);
	u8 cns = le32_to_cpu(cmd->sqe.cdw10) & 0xff;
	u16 status;

	fn = cns < ARRAY_SIZE(vnvme_cns) ?
	     vnvme_cns[array_index_nospec(cns, ARRAY_SIZE(vnvme_cns))] : NULL;
	if (!fn)
		return vnvme_identify_bad(cmd, VNVME_SC_INVALID_FIELD,
					  VNVME_LOC(cdw10));
	memset(ctrl->buf, 0, sizeof(ctrl->buf));
	status = fn(ctrl, cmd);
	if (status)
		return status;
	return vnvme_dptr_put(ctrl, cmd, ctrl->buf, sizeof(ctrl->buf),
			      sizeof(ctrl->buf));
}
