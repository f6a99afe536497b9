// SPDX-License-Identifier: GPL-2.0
/*
 * Features (sections 5.13 and 5.21): a table, and the few that mean more than
 * a value to keep.  Nothing is saveable.
 */
#include "internal.h"

#define VNVME_FEAT_SV		(1u << 31)
#define VNVME_FEAT_SEL(cdw10)	(((cdw10) >> 8) & 0x7)
#define VNVME_FEAT_CHANGEABLE	(1u << 2)
#define VNVME_FEAT_NS_SPECIFIC	(1u << 1)

#define VNVME_THSEL(val)	(((val) >> 20) & 0x3)
#define VNVME_TMPSEL(val)	(((val) >> 16) & 0xf)
#define VNVME_TMPSEL_ALL	0xf
#define VNVME_TEMP_OVER		VNVME_WCTEMP	/* defaults, and never too cold */
#define VNVME_TEMP_UNDER	0

struct vnvme_feature {
	u32	mask;		/* bits that are kept; 0: not supported */
	u32	initial;
	u32	refuse;		/* bits that must be 0 */
	bool	per_ns;		/* a value for each namespace: feat_ns */
	/* in: the value in cdw11; may answer in cmd->dw0 */
	u16	(*set)(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd, u32 val);
	/* answers in cmd->dw0 */
	u16	(*get)(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd,
		       u32 cdw11, bool initial);
};

static u16 vnvme_feature_bad(struct vnvme_cmd *cmd, u16 status, u16 loc)
{
	cmd->err_loc = loc;
	return status | VNVME_DNR;
}

/* ------------------------------------------------------- temperature ---- */

/**
 * vnvme_temperature_critical() - is it beyond a threshold?
 * @ctrl:	controller
 *
 * Return: true if so.
 */
bool vnvme_temperature_critical(const struct vnvme_ctrl *ctrl)
{
	u16 now = vnvme_temperature(ctrl);

	return ctrl->temp_over <= now || ctrl->temp_under >= now;
}

static u16 vnvme_temperature_set(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd,
				 u32 val)
{
	/* only the composite temperature is there */
	if (VNVME_THSEL(val) > 1 ||
	    (VNVME_TMPSEL(val) && VNVME_TMPSEL(val) != VNVME_TMPSEL_ALL))
		return vnvme_feature_bad(cmd, VNVME_SC_INVALID_FIELD,
					 VNVME_LOC(cdw11));
	if (VNVME_THSEL(val))
		ctrl->temp_under = val;
	else
		ctrl->temp_over = val;
	if (vnvme_temperature_critical(ctrl) &&
	    (ctrl->feat[VNVME_FEAT_AEC] & VNVME_AEC_SMART_TEMP))
		vnvme_aen_raise(ctrl, VNVME_AEN_TEMPERATURE);
	return 0;
}

static u16 vnvme_temperature_get(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd,
				 u32 cdw11, bool initial)
{
	/* all sensors can be set, but not asked */
	if (VNVME_THSEL(cdw11) > 1 || VNVME_TMPSEL(cdw11))
		return vnvme_feature_bad(cmd, VNVME_SC_INVALID_FIELD,
					 VNVME_LOC(cdw11));
	if (VNVME_THSEL(cdw11))
		cmd->dw0 = initial ? VNVME_TEMP_UNDER : ctrl->temp_under;
	else
		cmd->dw0 = initial ? VNVME_TEMP_OVER : ctrl->temp_over;
	return 0;
}

/* ------------------------------------------------- queues and vectors ---- */

static u16 vnvme_nr_queues_get(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd,
			       u32 cdw11, bool initial)
{
	u32 n = ctrl->cfg.nr_ioq - 1;

	cmd->dw0 = n << 16 | n;
	return 0;
}

static u16 vnvme_nr_queues_set(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd,
			       u32 val)
{
	unsigned int i;

	for (i = 1; i <= ctrl->cfg.nr_ioq; i++)
		if (ctrl->sq[i].depth || ctrl->lane[i].cq.live)
			return vnvme_feature_bad(cmd, VNVME_SC_SEQUENCE,
						 VNVME_LOC(cdw10));
	if ((val & 0xffff) == 0xffff || val >> 16 == 0xffff)
		return vnvme_feature_bad(cmd, VNVME_SC_INVALID_FIELD,
					 VNVME_LOC(cdw11));
	return vnvme_nr_queues_get(ctrl, cmd, 0, false);
}

/* A value of Interrupt Coalescing: what is held back by the old one is looked at again. */
static void vnvme_coalescing_change(struct vnvme_ctrl *ctrl, u32 *at, u32 val)
{
	struct vnvme_cq *cq;
	unsigned int i;

	ctrl->env->park(ctrl);
	*at = val;
	for (i = 1; i <= ctrl->cfg.nr_ioq; i++) {
		cq = &ctrl->lane[i].cq;
		cq->direct = cq->irq_enabled && !vnvme_cq_coalesces(ctrl, cq);
		if (cq->direct)
			vnvme_cq_gather_end(cq);
	}
	ctrl->env->unpark(ctrl);
}

static u16 vnvme_coalescing_set(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd, u32 val)
{
	vnvme_coalescing_change(ctrl, &ctrl->feat[VNVME_FEAT_COALESCING], val);
	return 0;
}

static u16 vnvme_vector_set(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd,
			    u32 val)
{
	u16 vector = val & 0xffff;
	unsigned int i;

	for (i = 0; i <= ctrl->cfg.nr_ioq; i++)
		if (ctrl->lane[i].cq.live && ctrl->lane[i].cq.vector == vector)
			break;
	if (i > ctrl->cfg.nr_ioq)
		return vnvme_feature_bad(cmd, VNVME_SC_INVALID_FIELD,
					 VNVME_LOC(cdw11));
	vector = array_index_nospec(vector, VNVME_MAX_IOQ + 1);
	vnvme_coalescing_change(ctrl, &ctrl->feat_vec[vector], val);
	return 0;
}

static u16 vnvme_vector_get(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd,
			    u32 cdw11, bool initial)
{
	u32 vector = cdw11 & 0xffff;

	if (vector > ctrl->cfg.nr_ioq)
		return vnvme_feature_bad(cmd, VNVME_SC_INVALID_FIELD,
					 VNVME_LOC(cdw11));
	vector = array_index_nospec(vector, VNVME_MAX_IOQ + 1);
	cmd->dw0 = initial ? vector : ctrl->feat_vec[vector];
	return 0;
}

/* -------------------------------------------------------- write cache ---- */

/*
 * Without a cache each write is durable; so must be those before, when the command
 * is answered: also those that backends have now, as the old value is theirs.
 */
static u16 vnvme_wce_set(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd, u32 val)
{
	u32 was = ctrl->feat[VNVME_FEAT_WCE];
	unsigned int i;

	if (was && !val && ctrl->nr_flush_wait == VNVME_FLUSH_WAITS)
		return VNVME_SC_INTERNAL;
	WRITE_ONCE(ctrl->feat[VNVME_FEAT_WCE], val);
	if (!was || val)
		return 0;
	/* what was submitted by the old value has left the lanes' steps */
	ctrl->env->park(ctrl);
	for (i = 1; i <= ctrl->cfg.nr_ioq; i++)
		vnvme_lane_settle(&ctrl->lane[i], NULL);
	ctrl->env->unpark(ctrl);
	return vnvme_flush_settled(ctrl, le16_to_cpu(cmd->sqe.cid)) ? 0 : VNVME_HELD;
}

/* ---------------------------------------------------------- timestamp ---- */

static u64 vnvme_timestamp_ms(struct vnvme_ctrl *ctrl)
{
	return (ctrl->env->now_ns(ctrl) - ctrl->time_ns) / 1000000;
}

/* Bytes 5:0 count; what of the rest a guest writes means nothing. */
static u16 vnvme_timestamp_set(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd,
			       u32 val)
{
	__le64 data;
	u16 status = vnvme_dptr_get(ctrl, cmd, &data, sizeof(data));

	if (status)
		return status;
	ctrl->time_ns = ctrl->env->now_ns(ctrl);
	ctrl->time_base = le64_to_cpu(data);
	ctrl->time_set = true;
	return 0;
}

static u16 vnvme_timestamp_get(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd,
			       u32 cdw11, bool initial)
{
	u64 ms = ctrl->time_base + vnvme_timestamp_ms(ctrl);
	__le64 data;

	ms &= (1ull << VNVME_TIMESTAMP_BITS) - 1;
	if (ctrl->time_set)
		ms |= VNVME_TIMESTAMP_SET;
	data = initial ? 0 : cpu_to_le64(ms);
	return vnvme_dptr_put(ctrl, cmd, &data, sizeof(data), sizeof(data));
}

/* --------------------------------------------------- write protection ---- */

/* Whose value?  Of all namespaces it can be set, but not asked. */
static u16 vnvme_feature_ns(const struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd,
			    bool set)
{
	u32 nsid = le32_to_cpu(cmd->sqe.nsid);

	if (set && nsid == VNVME_NSID_ALL)
		return 0;
	if (!nsid || nsid > VNVME_MAX_NS)
		return vnvme_feature_bad(cmd, VNVME_SC_INVALID_NS,
					 VNVME_LOC(nsid));
	if (!ctrl->ns[nsid])
		return vnvme_feature_bad(cmd, VNVME_SC_INVALID_FIELD,
					 VNVME_LOC(nsid));
	return 0;
}

/* Section 8.19: what only a power cycle ends, and what is not the guest's, cannot be changed. */
static bool vnvme_protect_may(const struct vnvme_ns *ns, u32 protect)
{
	if (ns->protect == VNVME_PROTECT_CYCLE)
		return protect == VNVME_PROTECT_CYCLE;
	return protect || !ns->read_only;
}

static bool vnvme_protect_meant(const struct vnvme_ctrl *ctrl, u32 i, u32 nsid)
{
	return ctrl->ns[i] && (nsid == i || nsid == VNVME_NSID_ALL);
}

/* From here on its changes are refused, and those that backends have settle. */
static void vnvme_protect_ns(struct vnvme_ctrl *ctrl, struct vnvme_ns *ns, u32 protect)
{
	bool was = ns->ro;
	unsigned int i;

	ctrl->env->park(ctrl);
	vnvme_ns_protect(ns, protect);
	for (i = 1; protect && i <= ctrl->cfg.nr_ioq; i++)
		vnvme_lane_settle(&ctrl->lane[i], ns);
	ctrl->env->unpark(ctrl);
	if (ns->ro != was)
		vnvme_ns_notice(ctrl, ns->nsid);
}

/* What was written before is durable when the answer says that it is protected. */
static u16 vnvme_protect_set(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd, u32 val)
{
	u32 nsid = le32_to_cpu(cmd->sqe.nsid), i;

	if (val >= VNVME_NR_PROTECTS)
		return vnvme_feature_bad(cmd, VNVME_SC_INVALID_FIELD, VNVME_LOC(cdw11));
	for (i = 1; i <= VNVME_MAX_NS; i++)
		if (vnvme_protect_meant(ctrl, i, nsid) && !vnvme_protect_may(ctrl->ns[i], val))
			return vnvme_feature_bad(cmd, VNVME_SC_NOT_CHANGEABLE, VNVME_LOC(cdw11));
	if (val && ctrl->nr_flush_wait == VNVME_FLUSH_WAITS)
		return VNVME_SC_INTERNAL;
	for (i = 1; i <= VNVME_MAX_NS; i++)
		if (vnvme_protect_meant(ctrl, i, nsid))
			vnvme_protect_ns(ctrl, ctrl->ns[i], val);
	if (!val || vnvme_flush_settled(ctrl, le16_to_cpu(cmd->sqe.cid)))
		return 0;
	return VNVME_HELD;
}

static u16 vnvme_protect_get(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd, u32 cdw11,
			     bool initial)
{
	u16 status = vnvme_feature_ns(ctrl, cmd, false);
	const struct vnvme_ns *ns;

	if (status)
		return status;
	ns = vnvme_ns_find(ctrl, le32_to_cpu(cmd->sqe.nsid));
	if (!initial)
		cmd->dw0 = ns->protect ?: ns->ro ? VNVME_PROTECT_WRITES : VNVME_PROTECT_NONE;
	return 0;
}

/* ------------------------------------------------------------- table ---- */

static const struct vnvme_feature vnvme_features[VNVME_NR_FEATURES] = {
	[VNVME_FEAT_ARBITRATION] = { .mask = 0xffffff07 },
	/* power state 0 is the only one */
	[VNVME_FEAT_POWER] = { .mask = 0x000000e0, .refuse = 0x1f },
	[VNVME_FEAT_TEMPERATURE] = { .mask = 0x003fffff,
				     .set = vnvme_temperature_set,
				     .get = vnvme_temperature_get },
	/* no deallocated or unwritten logical block error: NSFEAT bit 2 is 0 */
	[VNVME_FEAT_ERROR_REC] = { .mask = 0x0000ffff, .refuse = 1u << 16,
				   .per_ns = true },
	[VNVME_FEAT_WCE] = { .mask = 1, .initial = 1, .set = vnvme_wce_set },
	[VNVME_FEAT_NR_QUEUES] = { .mask = ~0u, .set = vnvme_nr_queues_set,
				   .get = vnvme_nr_queues_get },
	[VNVME_FEAT_COALESCING] = { .mask = 0x0000ffff, .set = vnvme_coalescing_set },
	[VNVME_FEAT_VECTOR] = { .mask = 0x0001ffff, .set = vnvme_vector_set,
				.get = vnvme_vector_get },
	[VNVME_FEAT_ATOMICITY] = { .mask = 1 },
	/* in the data, not in cdw11 */
	[VNVME_FEAT_TIMESTAMP] = { .mask = ~0u, .set = vnvme_timestamp_set,
				   .get = vnvme_timestamp_get },
	[VNVME_FEAT_PROTECT] = { .mask = 0x00000007, .per_ns = true,
				 .set = vnvme_protect_set, .get = vnvme_protect_get },
	[VNVME_FEAT_AEC] = { .mask = VNVME_AEC_SMART | VNVME_AEC_NS_ATTR },
};

/**
 * vnvme_feature_reset() - defaults
 * @ctrl:	controller
 */
void vnvme_feature_reset(struct vnvme_ctrl *ctrl)
{
	unsigned int i;

	for (i = 0; i < VNVME_NR_FEATURES; i++)
		ctrl->feat[i] = vnvme_features[i].initial;
	for (i = 0; i <= VNVME_MAX_IOQ; i++)
		ctrl->feat_vec[i] = i;
	memset(ctrl->feat_ns, 0, sizeof(ctrl->feat_ns));
	/* section 5.21.1.14: 0, and it runs */
	ctrl->time_ns = ctrl->env->now_ns(ctrl);
	ctrl->time_base = 0;
	ctrl->time_set = false;
	ctrl->temp_over = VNVME_TEMP_OVER;
	ctrl->temp_under = VNVME_TEMP_UNDER;
}

/* One that is there, or NULL. */
static const struct vnvme_feature *vnvme_feature(const struct vnvme_ctrl *ctrl, u8 fid)
{
	const struct vnvme_feature *f;

	if (fid >= VNVME_NR_FEATURES)
		return NULL;
	f = &vnvme_features[array_index_nospec(fid, VNVME_NR_FEATURES)];
	return f->mask && (fid != VNVME_FEAT_WCE || ctrl->cfg.vwc) ? f : NULL;
}

static const struct vnvme_feature *
vnvme_feature_find(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd, u16 *status)
{
	const struct vnvme_feature *f = vnvme_feature(ctrl, le32_to_cpu(cmd->sqe.cdw10) & 0xff);

	*status = 0;
	if (f)
		return f;
	*status = vnvme_feature_bad(cmd, VNVME_SC_INVALID_FIELD,
				    VNVME_LOC(cdw10));
	return NULL;
}

static void vnvme_feature_ns_set(struct vnvme_ctrl *ctrl, u32 nsid, u32 val)
{
	u32 i;

	for (i = 1; i <= VNVME_MAX_NS; i++)
		if (nsid == i || nsid == VNVME_NSID_ALL)
			ctrl->feat_ns[i] = val;
}

/**
 * vnvme_feature_effects() - entry of the Feature Identifiers Supported and
 * Effects log
 * @ctrl:	controller
 * @fid:	feature identifier
 *
 * Return: FSUPP and the scope of its value, or 0.
 */
u32 vnvme_feature_effects(const struct vnvme_ctrl *ctrl, u8 fid)
{
	const struct vnvme_feature *f = vnvme_feature(ctrl, fid);

	if (!f)
		return 0;
	return VNVME_FEAT_EFFECT_FSUPP |
	       (f->per_ns ? VNVME_FEAT_EFFECT_NS : VNVME_FEAT_EFFECT_CTRL);
}

/**
 * vnvme_set_features_command() - Set Features
 * @ctrl:	controller
 * @cmd:	the command
 *
 * Context: control.
 * Return: an NVMe status.
 */
u16 vnvme_set_features_command(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd)
{
	u32 cdw10 = le32_to_cpu(cmd->sqe.cdw10);
	u32 val = le32_to_cpu(cmd->sqe.cdw11);
	u32 nsid = le32_to_cpu(cmd->sqe.nsid);
	const struct vnvme_feature *f;
	u16 status;

	f = vnvme_feature_find(ctrl, cmd, &status);
	if (!f)
		return status;
	if (cdw10 & VNVME_FEAT_SV)
		return vnvme_feature_bad(cmd, VNVME_SC_NOT_SAVEABLE,
					 VNVME_LOC(cdw10));
	status = f->per_ns ? vnvme_feature_ns(ctrl, cmd, true) : 0;
	if (status)
		return status;
	if (nsid && nsid != VNVME_NSID_ALL && !f->per_ns)
		return vnvme_feature_bad(cmd, VNVME_SC_NOT_NS_SPECIFIC,
					 VNVME_LOC(nsid));
	if (val & f->refuse)
		return vnvme_feature_bad(cmd, VNVME_SC_INVALID_FIELD,
					 VNVME_LOC(cdw11));
	val &= f->mask;
	if (f->set)
		return f->set(ctrl, cmd, val);
	if (f->per_ns)
		vnvme_feature_ns_set(ctrl, nsid, val);
	else
		WRITE_ONCE(ctrl->feat[f - vnvme_features], val);
	return 0;
}

/**
 * vnvme_get_features_command() - Get Features
 * @ctrl:	controller
 * @cmd:	the command
 *
 * Context: control.
 * Return: an NVMe status.
 */
u16 vnvme_get_features_command(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd)
{
	u32 cdw10 = le32_to_cpu(cmd->sqe.cdw10);
	u32 cdw11 = le32_to_cpu(cmd->sqe.cdw11);
	u32 sel = VNVME_FEAT_SEL(cdw10);
	const struct vnvme_feature *f;
	u16 status;

	f = vnvme_feature_find(ctrl, cmd, &status);
	if (!f)
		return status;
	switch (sel) {
	case 0:		/* current */
	case 1:		/* default */
	case 2:		/* saved: not saveable, so the default */
		if (f->get)
			return f->get(ctrl, cmd, cdw11, sel);
		status = f->per_ns ? vnvme_feature_ns(ctrl, cmd, false) : 0;
		if (status)
			return status;
		cmd->dw0 = sel ? f->initial : f->per_ns ?
			   ctrl->feat_ns[le32_to_cpu(cmd->sqe.nsid)] :
			   ctrl->feat[f - vnvme_features];
		return 0;
	case 3:		/* capabilities */
		cmd->dw0 = VNVME_FEAT_CHANGEABLE |
			   (f->per_ns ? VNVME_FEAT_NS_SPECIFIC : 0);
		return 0;
	}
	return vnvme_feature_bad(cmd, VNVME_SC_INVALID_FIELD,
				 VNVME_LOC(cdw10));
}
