// SPDX-License-Identifier: GPL-2.0
/*
 * Configuration space: a table of words with the bits that can be written.
 *
 * Message delivery and the mapping of BAR0 are the embedder's.
 */
#include "internal.h"

#define VNVME_PM_D3HOT		3u
#define VNVME_PM_STATE		3u

struct vnvme_pci_word {
	u8	off;
	u32	val;	/* after power-on */
	u32	mask;	/* writable */
};

static const struct vnvme_pci_word vnvme_pci_words[] = {
	/* vendor, device; see Documentation for where they come from */
	{ 0x00, 0x10f01af4, 0 },
	/*
	 * Memory decoding is on, as vfio-pci hands functions over: clients add
	 * bus mastering and expect BAR0 to answer.
	 */
	{ 0x04, VNVME_PCI_CMD_MEM | VNVME_PCI_STS_CAPS << 16,
	  VNVME_PCI_CMD_MEM | VNVME_PCI_CMD_MASTER | VNVME_PCI_CMD_NO_INTX },
	{ 0x08, 0x01080201, 0 },		/* class 010802h, revision 1 */
	{ 0x10, 0x00000004, ~(VNVME_BAR_SIZE - 1u) }, /* 64 bit memory */
	{ 0x14, 0, ~0u },
	{ 0x2c, 0x00011af4, 0 },		/* subsystem */
	{ 0x34, VNVME_PCI_CAP_PM, 0 },
	{ 0x3c, 0x00000100, 0xff },		/* INTA, line */

	/* Power management: D0 and D3hot, reset on the way back */
	{ VNVME_PCI_CAP_PM, 0x00030001 | VNVME_PCI_CAP_MSIX << 8, 0 },
	{ VNVME_PCI_PMCSR, 0, VNVME_PM_STATE },

	/* MSI-X: the table's size is put in at reset */
	{ VNVME_PCI_CAP_MSIX, 0x00000011 | VNVME_PCI_CAP_EXP << 8, 0xc0000000 },
	{ VNVME_PCI_CAP_MSIX + 4, VNVME_BAR_MSIX, 0 },
	{ VNVME_PCI_CAP_MSIX + 8, VNVME_BAR_PBA, 0 },

	/* PCI Express endpoint, version 2, function level reset */
	{ VNVME_PCI_CAP_EXP, 0x00020010, 0 },
	{ VNVME_PCI_CAP_EXP + 4, 0x10008000, 0 },
	{ VNVME_PCI_DEVCTL, 0x00002810, 0x000078ff },
	{ VNVME_PCI_CAP_EXP + 12, 0x00000043, 0 },	/* 8 GT/s, x4 */
	{ VNVME_PCI_CAP_EXP + 16, 0x00430000, 0x00000143 },
	/* completion timeouts can be disabled */
	{ VNVME_PCI_CAP_EXP + 0x24, 0x00000010, 0 },
	{ VNVME_PCI_CAP_EXP + 0x28, 0, 0x00000010 },
	/* all speeds up to the link's, which is the target */
	{ VNVME_PCI_CAP_EXP + 0x2c, 0x0000000e, 0 },
	{ VNVME_PCI_CAP_EXP + 0x30, 0x00000003, 0x0000000f },
};

static u32 vnvme_pci_get(const struct vnvme_ctrl *ctrl, u32 off)
{
	__le32 val;

	memcpy(&val, ctrl->pci + off, sizeof(val));
	return le32_to_cpu(val);
}

static void vnvme_pci_set(struct vnvme_ctrl *ctrl, u32 off, u32 val)
{
	__le32 le = cpu_to_le32(val);

	memcpy(ctrl->pci + off, &le, sizeof(le));
}

/* Without bus mastering nothing is begun; what was has to end. Lanes are parked. */
static void vnvme_master_set(struct vnvme_ctrl *ctrl, bool master)
{
	struct vnvme_lane *lane;
	unsigned int i;

	WRITE_ONCE(ctrl->master, master);
	for (i = 1; i <= ctrl->cfg.nr_ioq; i++) {
		lane = &ctrl->lane[i];
		WRITE_ONCE(lane->quieting, !master && vnvme_lane_with_backend(lane));
	}
	vnvme_ctrl_going(ctrl);
}

bool vnvme_ctrl_quiet(const struct vnvme_ctrl *ctrl)
{
	unsigned int i;

	for (i = 1; i <= ctrl->cfg.nr_ioq; i++)
		/* pairs with vnvme_lane_halted() */
		if (smp_load_acquire(&ctrl->lane[i].quieting))
			return false;
	return true;
}

/* What the rest of the controller needs to know of COMMAND and PMCSR. */
static void vnvme_pci_apply(struct vnvme_ctrl *ctrl)
{
	u32 cmd = vnvme_pci_get(ctrl, VNVME_PCI_COMMAND);
	bool awake = (vnvme_pci_get(ctrl, VNVME_PCI_PMCSR) & VNVME_PM_STATE) !=
		     VNVME_PM_D3HOT;
	bool master = awake && (cmd & VNVME_PCI_CMD_MASTER);

	WRITE_ONCE(ctrl->mem_on, awake && (cmd & VNVME_PCI_CMD_MEM));
	if (ctrl->master == master)
		return;
	/* after a write that clears it, no step moves data any more */
	ctrl->env->park(ctrl);
	vnvme_master_set(ctrl, master);
	ctrl->env->unpark(ctrl);
	if (master) {
		ctrl->env->kick(ctrl);
		ctrl->env->work(ctrl);
	}
}

/**
 * vnvme_pci_reset() - configuration space as after power-on
 * @ctrl:	controller
 *
 * Context: control.
 */
void vnvme_pci_reset(struct vnvme_ctrl *ctrl)
{
	unsigned int i;

	memset(ctrl->pci, 0, sizeof(ctrl->pci));
	memset(ctrl->msix, 0, sizeof(ctrl->msix));
	for (i = 0; i < ARRAY_SIZE(vnvme_pci_words); i++)
		vnvme_pci_set(ctrl, vnvme_pci_words[i].off,
			      vnvme_pci_words[i].val);
	vnvme_pci_set(ctrl, VNVME_PCI_CAP_MSIX,
		      vnvme_pci_get(ctrl, VNVME_PCI_CAP_MSIX) |
		      (u32)ctrl->cfg.nr_ioq << 16);
	/* vectors start masked */
	for (i = 0; i <= ctrl->cfg.nr_ioq; i++)
		ctrl->msix[16 * i + 12] = 1;
	vnvme_pci_apply(ctrl);
}

/**
 * vnvme_intx_there() - is there a pin?
 * @ctrl:	controller
 *
 * With MSI-X there is none, and in D3hot nobody moves it.
 *
 * Context: any.
 */
bool vnvme_intx_there(const struct vnvme_ctrl *ctrl)
{
	return !(vnvme_pci_get(ctrl, VNVME_PCI_CAP_MSIX) & VNVME_PCI_MSIX_ENABLE) &&
	       (vnvme_pci_get(ctrl, VNVME_PCI_PMCSR) & VNVME_PM_STATE) !=
	       VNVME_PM_D3HOT;
}

/* One that interrupts, and has entries that the guest has not taken? */
static bool vnvme_cq_wants(const struct vnvme_ctrl *ctrl, const struct vnvme_cq *cq)
{
	return READ_ONCE(cq->live) && !cq->gone && cq->irq_enabled && vnvme_cq_unread(ctrl, cq);
}

/* Has the controller any queues that may interrupt? */
static bool vnvme_irqs_there(const struct vnvme_ctrl *ctrl)
{
	return READ_ONCE(ctrl->state) != VNVME_DISABLED &&
	       READ_ONCE(ctrl->state) != VNVME_STOPPING;
}

bool vnvme_vector_unread(const struct vnvme_ctrl *ctrl, u16 vector)
{
	unsigned int i;

	for (i = 0; vnvme_irqs_there(ctrl) && i <= ctrl->cfg.nr_ioq; i++)
		if (ctrl->lane[i].cq.vector == vector && vnvme_cq_wants(ctrl, &ctrl->lane[i].cq))
			return true;
	return false;
}

static bool vnvme_intx_wanted(const struct vnvme_ctrl *ctrl)
{
	unsigned int i;

	if (!vnvme_intx_there(ctrl) || !vnvme_irqs_there(ctrl))
		return false;
	/* the pin stands for vector 0 alone */
	if (READ_ONCE(ctrl->intms) & 1)
		return false;
	for (i = 0; i <= ctrl->cfg.nr_ioq; i++)
		if (vnvme_cq_wants(ctrl, &ctrl->lane[i].cq))
			return true;
	return false;
}

void vnvme_cfg_read(struct vnvme_ctrl *ctrl, u32 off, void *buf, u32 len)
{
	u8 *to = buf;
	u32 i;

	for (i = 0; i < len; i++) {
		if (off >= VNVME_CFG_SIZE || i >= VNVME_CFG_SIZE - off) {
			to[i] = 0;
			continue;
		}
		to[i] = READ_ONCE(ctrl->pci[array_index_nospec(off + i, VNVME_CFG_SIZE)]);
		if (off + i == VNVME_PCI_STATUS && vnvme_intx_wanted(ctrl))
			to[i] |= VNVME_PCI_STS_INTX;
	}
}

/* Bytes [off, off + len) of @word; returns false if they end in a reset. */
static bool vnvme_pci_write_word(struct vnvme_ctrl *ctrl,
				 const struct vnvme_pci_word *word, u32 off,
				 const u8 *buf, u32 len)
{
	u32 old = vnvme_pci_get(ctrl, word->off), asked = old, val;
	u32 i, shift;

	for (i = 0; i < 4; i++) {
		shift = 8 * i;
		if (word->off + i < off || word->off + i - off >= len)
			continue;
		asked &= ~(0xffu << shift);
		asked |= (u32)buf[word->off + i - off] << shift;
	}
	val = (old & ~word->mask) | (asked & word->mask);
	if (word->off == VNVME_PCI_DEVCTL && (asked & VNVME_PCI_DEVCTL_FLR))
		return false;
	if (word->off == VNVME_PCI_PMCSR) {
		/* D1 and D2 are not there: such a write is dropped */
		if ((val & VNVME_PM_STATE) % VNVME_PM_D3HOT)
			return true;
		if ((old & VNVME_PM_STATE) && !(val & VNVME_PM_STATE))
			return false;
	}
	vnvme_pci_set(ctrl, word->off, val);
	return true;
}

void vnvme_cfg_write(struct vnvme_ctrl *ctrl, u32 off, const void *buf, u32 len)
{
	bool level = vnvme_intx_level(ctrl);
	unsigned int i;

	if (off >= VNVME_CFG_SIZE)
		return;
	len = min_t(u32, len, VNVME_CFG_SIZE - off);
	for (i = 0; i < ARRAY_SIZE(vnvme_pci_words); i++) {
		if (!vnvme_pci_words[i].mask ||
		    vnvme_pci_words[i].off + 4u <= off ||
		    vnvme_pci_words[i].off >= off + len)
			continue;
		if (!vnvme_pci_write_word(ctrl, &vnvme_pci_words[i], off, buf,
					  len)) {
			vnvme_ctrl_reset(ctrl);
			return;
		}
	}
	vnvme_pci_apply(ctrl);
	/* what was raised while INTx was disabled is not raised again */
	if (!level && vnvme_intx_level(ctrl))
		ctrl->env->irq(ctrl, 0);
}

bool vnvme_intx_level(const struct vnvme_ctrl *ctrl)
{
	if (vnvme_pci_get(ctrl, VNVME_PCI_COMMAND) & VNVME_PCI_CMD_NO_INTX)
		return false;
	return vnvme_intx_wanted(ctrl);
}
