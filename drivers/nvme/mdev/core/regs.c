// SPDX-License-Identifier: GPL-2.0
/*
 * BAR0: registers, doorbells, MSI-X table and PBA (section 3.1).
 *
 * Turns an access into a value, a doorbell or an event; keeps no state of its
 * own.  An access that is not one or two whole, aligned registers has no effect.
 */
#include "internal.h"

#define VNVME_MSIX_ENTRY	16

/*
 * In 500 ms, as long as can be: CSTS.RDY is 0 once the device below has let go of what was
 * in flight, and a guest that gives up before that gives the disk up.
 */
#define VNVME_READY_TIMEOUT	255

static u64 vnvme_reg_cap(void)
{
	return VNVME_MQES | VNVME_CAP_CQR | VNVME_CAP_TO(VNVME_READY_TIMEOUT) |
	       VNVME_CAP_CSS_NVM | VNVME_CAP_CRMS_READY;
}

static u32 vnvme_reg_read(const struct vnvme_ctrl *ctrl, u32 off)
{
	switch (off) {
	case VNVME_REG_CAP:
		return lower_32_bits(vnvme_reg_cap());
	case VNVME_REG_CAP + 4:
		return upper_32_bits(vnvme_reg_cap());
	case VNVME_REG_VS:
		return VNVME_VS;
	case VNVME_REG_INTMS:
	case VNVME_REG_INTMC:
		return READ_ONCE(ctrl->intms);
	case VNVME_REG_CC:
		return READ_ONCE(ctrl->cc);
	case VNVME_REG_CSTS:
		return READ_ONCE(ctrl->csts);
	case VNVME_REG_AQA:
		return READ_ONCE(ctrl->aqa);
	case VNVME_REG_ASQ:
		return lower_32_bits(READ_ONCE(ctrl->asq));
	case VNVME_REG_ASQ + 4:
		return upper_32_bits(READ_ONCE(ctrl->asq));
	case VNVME_REG_ACQ:
		return lower_32_bits(READ_ONCE(ctrl->acq));
	case VNVME_REG_ACQ + 4:
		return upper_32_bits(READ_ONCE(ctrl->acq));
	case VNVME_REG_CRTO:
		return VNVME_READY_TIMEOUT;
	}
	return 0;
}

static u64 vnvme_set_low(u64 reg, u32 val)
{
	return (reg & ~(u64)U32_MAX) | (val & ~(VNVME_PAGE_SIZE - 1));
}

static u64 vnvme_set_high(u64 reg, u32 val)
{
	return (reg & U32_MAX) | (u64)val << 32;
}

static void vnvme_reg_write(struct vnvme_ctrl *ctrl, u32 off, u32 val)
{
	switch (off) {
	case VNVME_REG_INTMS:
		WRITE_ONCE(ctrl->intms, ctrl->intms | val);
		break;
	case VNVME_REG_INTMC:
		WRITE_ONCE(ctrl->intms, ctrl->intms & ~val);
		/* what was raised meanwhile is not raised again */
		if (vnvme_intx_level(ctrl))
			ctrl->env->irq(ctrl, 0);
		break;
	case VNVME_REG_CC:
		vnvme_cc_write(ctrl, val);
		break;
	case VNVME_REG_AQA:
		WRITE_ONCE(ctrl->aqa, val & VNVME_AQA_MASK);
		break;
	case VNVME_REG_ASQ:
		WRITE_ONCE(ctrl->asq, vnvme_set_low(ctrl->asq, val));
		break;
	case VNVME_REG_ASQ + 4:
		WRITE_ONCE(ctrl->asq, vnvme_set_high(ctrl->asq, val));
		break;
	case VNVME_REG_ACQ:
		WRITE_ONCE(ctrl->acq, vnvme_set_low(ctrl->acq, val));
		break;
	case VNVME_REG_ACQ + 4:
		WRITE_ONCE(ctrl->acq, vnvme_set_high(ctrl->acq, val));
		break;
	}
}

static u32 vnvme_msix_read(const struct vnvme_ctrl *ctrl, u32 off)
{
	__le32 val;

	if (off / VNVME_MSIX_ENTRY > ctrl->cfg.nr_ioq)
		return 0;
	memcpy(&val, ctrl->msix + array_index_nospec(off, VNVME_PAGE_SIZE), sizeof(val));
	return le32_to_cpu(val);
}

/* Plain memory with the bits that are reserved held at 0. */
static void vnvme_msix_write(struct vnvme_ctrl *ctrl, u32 off, u32 val)
{
	static const u32 mask[] = { ~3u, ~0u, ~0u, 1 };
	__le32 le = cpu_to_le32(val & mask[off % VNVME_MSIX_ENTRY / 4]);

	if (off / VNVME_MSIX_ENTRY <= ctrl->cfg.nr_ioq)
		memcpy(ctrl->msix + array_index_nospec(off, VNVME_PAGE_SIZE), &le, sizeof(le));
}

static u32 vnvme_bar_read32(const struct vnvme_ctrl *ctrl, u32 off)
{
	if (off < VNVME_BAR_DB)
		return vnvme_reg_read(ctrl, off);
	if (off >= VNVME_BAR_MSIX && off < VNVME_BAR_PBA)
		return vnvme_msix_read(ctrl, off - VNVME_BAR_MSIX);
	/* doorbells read as 0; vectors are never pending here: the PBA too */
	return 0;
}

void vnvme_bar_read(struct vnvme_ctrl *ctrl, u32 off, void *buf, u32 len)
{
	u8 *to = buf;
	u32 i, at;

	memset(buf, READ_ONCE(ctrl->mem_on) ? 0 : 0xff, len);
	if (!READ_ONCE(ctrl->mem_on))
		return;
	len = min_t(u32, len, 8);
	for (i = 0; i < len; i++) {
		at = off + i;
		if (at < off || at >= VNVME_BAR_SIZE)
			break;
		to[i] = vnvme_bar_read32(ctrl, at & ~3u) >> (8 * (at & 3));
	}
}

/* Whole registers only. */
static bool vnvme_access_ok(const struct vnvme_ctrl *ctrl, u32 off, u32 len)
{
	return READ_ONCE(ctrl->mem_on) && !(off & 3) &&
	       (len == 4 || len == 8) && off < VNVME_BAR_SIZE &&
	       len <= VNVME_BAR_SIZE - off;
}

static u32 vnvme_buf32(const void *buf, u32 i)
{
	__le32 val;

	memcpy(&val, buf + i, sizeof(val));
	return le32_to_cpu(val);
}

void vnvme_bar_write(struct vnvme_ctrl *ctrl, u32 off, const void *buf, u32 len)
{
	u32 i;

	if (vnvme_doorbell_write(ctrl, off, buf, len) ||
	    !vnvme_access_ok(ctrl, off, len))
		return;
	for (i = 0; i < len; i += 4, off += 4) {
		if (off < VNVME_BAR_DB)
			vnvme_reg_write(ctrl, off, vnvme_buf32(buf, i));
		else if (off >= VNVME_BAR_MSIX && off < VNVME_BAR_PBA)
			vnvme_msix_write(ctrl, off - VNVME_BAR_MSIX,
					 vnvme_buf32(buf, i));
	}
}

static bool vnvme_doorbell_exists(const struct vnvme_ctrl *ctrl, u32 index)
{
	u32 id = index / 2;

	if (id > ctrl->cfg.nr_ioq)
		return false;
	id = array_index_nospec(id, VNVME_MAX_IOQ + 1);
	return index & 1 ? READ_ONCE(ctrl->lane[id].cq.live) :
			   READ_ONCE(ctrl->sq[id].live);
}

bool vnvme_doorbell_write(struct vnvme_ctrl *ctrl, u32 off, const void *buf,
			  u32 len)
{
	u32 i, index;

	if (off < VNVME_BAR_DB || off >= VNVME_BAR_MSIX)
		return false;
	if (!vnvme_access_ok(ctrl, off, len))
		return true;
	for (i = 0; i < len && off + i < VNVME_BAR_MSIX; i += 4) {
		index = (off + i - VNVME_BAR_DB) / 4;
		if (!vnvme_doorbell_exists(ctrl, index)) {
			vnvme_aen_raise(ctrl, VNVME_AEN_DB_REGISTER);
			continue;
		}
		index = array_index_nospec(index, 2 * (VNVME_MAX_IOQ + 1));
		vnvme_trace_exit(ctrl, index, vnvme_buf32(buf, i));
		WRITE_ONCE(ctrl->db[index],
			   (__force u32)cpu_to_le32(vnvme_buf32(buf, i)));
		/* pairs with the barrier between arming and looking again */
		smp_mb();
		if (index < 2)
			ctrl->env->work(ctrl);
		else
			ctrl->env->kick(ctrl);
	}
	return true;
}
