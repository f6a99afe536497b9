// SPDX-License-Identifier: GPL-2.0
/*
 * Log pages (section 5.14), and the Error Information log itself.
 */
#include "internal.h"

#define VNVME_LOG_RAE		(1u << 15)
#define VNVME_LOG_OT(cdw14)	(((cdw14) >> 23) & 1)	/* 2.0: an offset by index */
#define VNVME_CRIT_SPARE	(1u << 0)
#define VNVME_CRIT_TEMPERATURE	(1u << 1)
#define VNVME_CRIT_RELIABILITY	(7u << 2)	/* degraded, read only, no backup */
#define VNVME_NS_PER_HOUR	3600000000000ull

struct vnvme_log {
	u32	size;		/* 0: not supported */
	void	(*fill)(struct vnvme_ctrl *ctrl);
	void	(*taken)(struct vnvme_ctrl *ctrl);	/* read without RAE */
};

/**
 * vnvme_errlog_reset() - nothing has gone wrong yet
 * @ctrl:	controller
 */
void vnvme_errlog_reset(struct vnvme_ctrl *ctrl)
{
	spin_lock(&ctrl->errlog.lock);
	ctrl->errlog.count = 0;
	memset(ctrl->errlog.entry, 0, sizeof(ctrl->errlog.entry));
	spin_unlock(&ctrl->errlog.lock);
}

/**
 * vnvme_errlog_add() - keep what was wrong with a command
 * @ctrl:	controller
 * @sqid:	where it came from; FFFFh: from none
 * @cid:	its identifier
 * @status:	its status, without phase
 * @loc:	VNVME_LOC() of what was wrong
 * @lba:	first LBA
 * @nsid:	namespace
 *
 * Context: owner or control.
 */
void vnvme_errlog_add(struct vnvme_ctrl *ctrl, u16 sqid, u16 cid, u16 status,
		      u16 loc, u64 lba, u32 nsid)
{
	struct vnvme_errlog *log = &ctrl->errlog;
	struct vnvme_err_entry *e;

	spin_lock(&log->lock);
	e = &log->entry[log->count++ & VNVME_ELPE];
	memset(e, 0, sizeof(*e));
	e->count = cpu_to_le64(log->count);
	e->sqid = cpu_to_le16(sqid);
	e->cid = cpu_to_le16(cid);
	e->status = cpu_to_le16(status << 1);
	e->loc = cpu_to_le16(loc);
	e->lba = cpu_to_le64(lba);
	e->nsid = cpu_to_le32(nsid);
	spin_unlock(&log->lock);
}

static void vnvme_log_error(struct vnvme_ctrl *ctrl)
{
	struct vnvme_err_entry *to = (void *)ctrl->buf;
	struct vnvme_errlog *log = &ctrl->errlog;
	u32 i;

	static_assert(sizeof(log->entry) == VNVME_PAGE_SIZE);
	spin_lock(&log->lock);
	/* newest first */
	for (i = 0; i <= VNVME_ELPE; i++)
		to[i] = log->entry[(log->count - 1 - i) & VNVME_ELPE];
	spin_unlock(&log->lock);
}

/* Thousands of 512 byte units, rounded up. */
static __le64 vnvme_data_units(u64 sectors)
{
	return cpu_to_le64((sectors + 999) / 1000);
}

/* What the guest may be told of, by its thresholds where it has set some. */
static u8 vnvme_health_warnings(const struct vnvme_ctrl *ctrl)
{
	u8 warnings = ctrl->health.warnings & (VNVME_CRIT_SPARE | VNVME_CRIT_RELIABILITY);

	if (vnvme_temperature_critical(ctrl))
		warnings |= VNVME_CRIT_TEMPERATURE;
	return warnings;
}

void vnvme_ctrl_health(struct vnvme_ctrl *ctrl, const struct vnvme_health *health)
{
	u8 was = vnvme_health_warnings(ctrl), new;

	ctrl->health = *health;
	/* bits of the feature are those of the log */
	new = vnvme_health_warnings(ctrl) & ~was & ctrl->feat[VNVME_FEAT_AEC];
	if (new & VNVME_CRIT_RELIABILITY)
		vnvme_aen_raise(ctrl, VNVME_AEN_RELIABILITY);
	if (new & VNVME_CRIT_TEMPERATURE)
		vnvme_aen_raise(ctrl, VNVME_AEN_TEMPERATURE);
	if (new & VNVME_CRIT_SPARE)
		vnvme_aen_raise(ctrl, VNVME_AEN_SPARE);
}

static void vnvme_log_smart(struct vnvme_ctrl *ctrl)
{
	struct vnvme_smart_log *log = (void *)ctrl->buf;
	u64 reads = 0, writes = 0, in = 0, out = 0;
	const struct vnvme_lane_stat *st;
	unsigned int i;

	for (i = 1; i <= ctrl->cfg.nr_ioq; i++) {
		st = &ctrl->lane[i].stat;
		reads += READ_ONCE(st->reads);
		writes += READ_ONCE(st->writes);
		in += READ_ONCE(st->read_sectors);
		out += READ_ONCE(st->write_sectors);
	}
	log->critical_warning = vnvme_health_warnings(ctrl);
	log->temperature[0] = vnvme_temperature(ctrl) & 0xff;
	log->temperature[1] = vnvme_temperature(ctrl) >> 8;
	log->avail_spare = 100;
	log->spare_thresh = 10;
	if (ctrl->health.temperature) {
		log->avail_spare = ctrl->health.spare;
		log->spare_thresh = ctrl->health.spare_thresh;
		log->percent_used = ctrl->health.percent_used;
		log->media_errors[0] = cpu_to_le64(ctrl->health.media_errors);
	}
	log->data_units_read[0] = vnvme_data_units(in);
	log->data_units_written[0] = vnvme_data_units(out);
	log->host_reads[0] = cpu_to_le64(reads);
	log->host_writes[0] = cpu_to_le64(writes);
	log->power_cycles[0] = cpu_to_le64(1);
	log->power_on_hours[0] =
		cpu_to_le64((ctrl->env->now_ns(ctrl) - ctrl->power_on_ns) /
			    VNVME_NS_PER_HOUR);
	log->num_err_log_entries[0] = cpu_to_le64(READ_ONCE(ctrl->errlog.count));
}

static void vnvme_log_fw_slot(struct vnvme_ctrl *ctrl)
{
	ctrl->buf[0] = 1;		/* slot 1 is active */
	memset(ctrl->buf + 8, ' ', 8);
	ctrl->buf[8] = '1';
}

static void vnvme_log_changed_ns(struct vnvme_ctrl *ctrl)
{
	__le32 *list = (void *)ctrl->buf;
	u32 i;

	for (i = 1; i <= VNVME_MAX_NS; i++)
		if (ctrl->changed_ns[i])
			*list++ = cpu_to_le32(i);
}

static void vnvme_log_changed_ns_taken(struct vnvme_ctrl *ctrl)
{
	memset(ctrl->changed_ns, 0, sizeof(ctrl->changed_ns));
}

static void vnvme_log_effects(struct vnvme_ctrl *ctrl)
{
	__le32 *to = (void *)ctrl->buf;
	unsigned int i;

	for (i = 0; i < 256; i++) {
		to[i] = cpu_to_le32(vnvme_admin_effects(ctrl, i));
		to[256 + i] = cpu_to_le32(vnvme_nvm_effects(ctrl, i));
	}
}

static void vnvme_log_feature_effects(struct vnvme_ctrl *ctrl)
{
	__le32 *to = (void *)ctrl->buf;
	unsigned int i;

	for (i = 0; i < VNVME_NR_FEATURES; i++)
		to[i] = cpu_to_le32(vnvme_feature_effects(ctrl, i));
}

/* NVMe-MI Send and Receive are not there: all of it is 0. */
static void vnvme_log_mi_effects(struct vnvme_ctrl *ctrl)
{
}

static void vnvme_log_supported(struct vnvme_ctrl *ctrl);

/* Fill ctrl->buf, which is zeroed; by log page identifier. */
static const struct vnvme_log vnvme_logs[VNVME_NR_LOGS] = {
	[VNVME_LOG_SUPPORTED]	= { 1024, vnvme_log_supported },
	[VNVME_LOG_ERROR]	= { 64 * (VNVME_ELPE + 1), vnvme_log_error },
	[VNVME_LOG_SMART]	= { 512, vnvme_log_smart },
	[VNVME_LOG_FW_SLOT]	= { 512, vnvme_log_fw_slot },
	[VNVME_LOG_CHANGED_NS]	= { 4096, vnvme_log_changed_ns,
				    vnvme_log_changed_ns_taken },
	[VNVME_LOG_EFFECTS]	= { 4096, vnvme_log_effects },
	[VNVME_LOG_FEAT_EFFECTS] = { 1024, vnvme_log_feature_effects },
	[VNVME_LOG_MI_EFFECTS]	= { 4096, vnvme_log_mi_effects },
};

static void vnvme_log_supported(struct vnvme_ctrl *ctrl)
{
	__le32 *to = (void *)ctrl->buf;
	unsigned int i;

	for (i = 0; i < VNVME_NR_LOGS; i++)
		to[i] = cpu_to_le32(vnvme_logs[i].size ? VNVME_LOG_LSUPP : 0);
}

static u16 vnvme_log_bad(struct vnvme_cmd *cmd, u16 status, u16 loc)
{
	cmd->err_loc = loc;
	return status | VNVME_DNR;
}

/**
 * vnvme_get_log_command() - Get Log Page
 * @ctrl:	controller
 * @cmd:	the command
 *
 * Context: control.
 * Return: an NVMe status.
 */
u16 vnvme_get_log_command(struct vnvme_ctrl *ctrl, struct vnvme_cmd *cmd)
{
	u32 cdw10 = le32_to_cpu(cmd->sqe.cdw10);
	u32 cdw11 = le32_to_cpu(cmd->sqe.cdw11);
	u32 nsid = le32_to_cpu(cmd->sqe.nsid);
	u64 len = 4 * ((u64)((cdw11 & 0xffff) << 16 | cdw10 >> 16) + 1);
	u64 off = vnvme_make64(le32_to_cpu(cmd->sqe.cdw12),
			       le32_to_cpu(cmd->sqe.cdw13));
	u8 lid = cdw10 & 0xff;
	const struct vnvme_log *log;
	unsigned long told;
	u16 status;

	log = lid < VNVME_NR_LOGS ? &vnvme_logs[array_index_nospec(lid, VNVME_NR_LOGS)] : NULL;
	if (!log || !log->size)
		return vnvme_log_bad(cmd, VNVME_SC_LOG_INVALID,
				     VNVME_LOC(cdw10));
	/* all of them are the controller's (LPA bit 0 is 0) */
	if (nsid && nsid != VNVME_NSID_ALL)
		return vnvme_log_bad(cmd, VNVME_SC_INVALID_FIELD,
				     VNVME_LOC(nsid));
	/* no page has an index: IOS is 0 in log 00h */
	if (VNVME_LOG_OT(le32_to_cpu(cmd->sqe.cdw14)))
		return vnvme_log_bad(cmd, VNVME_SC_INVALID_FIELD,
				     VNVME_LOC(cdw14));
	if ((off & 3) || off > log->size)
		return vnvme_log_bad(cmd, VNVME_SC_INVALID_FIELD,
				     VNVME_LOC(cdw12));
	if (len > ctrl->max_bytes)
		return vnvme_log_bad(cmd, VNVME_SC_INVALID_FIELD,
				     VNVME_LOC(cdw10));

	off = array_index_nospec(off, log->size + 1);
	memset(ctrl->buf, 0, sizeof(ctrl->buf));
	told = vnvme_aen_told_by(ctrl, lid);
	log->fill(ctrl);
	/* beyond the page's end nothing is defined, and nothing is written */
	status = vnvme_dptr_put(ctrl, cmd, ctrl->buf + off, log->size - off,
				len);
	if (status || (cdw10 & VNVME_LOG_RAE))
		return status;
	if (log->taken)
		log->taken(ctrl);
	vnvme_aen_read(ctrl, lid, told);
	return 0;
}
