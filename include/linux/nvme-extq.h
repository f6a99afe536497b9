/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Queue pairs that nvme-pci lends to another kernel module.
 *
 * The lender is nvme.ko (drivers/nvme/host/extq.c, parameter mdev_queues), the
 * borrower is whoever calls nvme_extq_get().  A lent queue pair is unknown to
 * blk-mq.  Its completion queue is there to be polled; its interrupt, if the
 * drive has a vector to spare, is off until nvme_extq_irq_arm() and comes once.
 * Its rings and all of its command identifiers are the borrower's; the lender
 * keeps the creation, the deletion, the doorbells, the vector and what a
 * controller reset, a suspend, a PCI error or the removal of the drive do to it.
 *
 * What a borrower sees of a queue pair, always in this order:
 *
 *	nvme_extq_get()		it exists, nothing is in flight
 *	  ( ->down, ->up )*	it was lost and is back, empty
 *	  ( ->up )*		it is as it was, see @up
 *	  [ ->down, ->gone ]	it is lost for good
 *	nvme_extq_put()		allowed in every state, from no callback
 *
 * Each of them may come before nvme_extq_get() has returned; nothing is in
 * flight then and ->down has nothing to drain.  None of them is running, nor
 * will be called, once nvme_extq_put() has returned.
 *
 * Using the exported functions holds nvme.ko; unbinding a drive is possible at
 * any time and ends in ->gone.
 */
#ifndef _LINUX_NVME_EXTQ_H
#define _LINUX_NVME_EXTQ_H

#include <linux/nvme.h>

struct device;
struct nvme_extq;
struct nvme_ns;
struct pci_dev;

/**
 * struct nvme_extq_ops - what the lender tells the borrower; all are mandatory
 * @down: The queue pair does not exist any more and the device does not
 *	access the memory of any command that was in flight.  No submit, ring
 *	or poll call is running, and each one fails with -ENODEV until @up.
 *	nvme_extq_drain(), only from in here, returns the completions that did
 *	arrive; every other command in flight is lost: its effect is unknown
 *	and it will not complete.  May sleep, but the whole controller waits:
 *	the lender's shutdown lock is held.  Of this interface only
 *	nvme_extq_drain() and nvme_extq_info() may be called.
 * @up: The queue pair exists again and is empty.  nvme_extq_info() may give
 *	another queue id and other limits.  Without a @down before it: the
 *	controller's namespaces may have changed, and nvme_extq_submit() takes
 *	commands again.  Runs in a work item, may sleep; may submit, ring, poll,
 *	and call nvme_extq_info().
 * @irq: There are completions, or were; nvme_extq_irq_arm() has to be called
 *	for another such call.  In hard interrupt context.
 * @aborted: The Abort that nvme_extq_abort() has sent with @cookie has been answered,
 *	or was lost (@done false).  In interrupt context, or inside nvme_extq_abort().
 * @gone: No @up will follow.  Comes once, after a @down.  Unmap what is mapped
 *	for the dma_dev of nvme_extq_info() before returning: the driver may be
 *	about to release the device.  Give the queue pair back soon with
 *	nvme_extq_put(), but not from in here.  May sleep; may run in the
 *	context of the driver's removal.
 *
 * @up and @gone are called with the lender's pool lock held, @down with its
 * shutdown lock: a borrower must not hold a lock that one of them takes when
 * it calls nvme_extq_get(), _put(), _ns() or _admin().
 */
struct nvme_extq_ops {
	void (*down)(void *priv);
	void (*up)(void *priv);
	void (*irq)(void *priv);
	void (*aborted)(void *priv, u32 cookie, bool done);
	void (*gone)(void *priv);
};

/**
 * struct nvme_extq_info - a queue pair and the limits of its controller
 * @dma_dev: device to map memory for; the pointer is valid until
 *	nvme_extq_put(), mappings must be undone in ->gone at the latest
 * @numa_node: memory node of the drive, or NUMA_NO_NODE
 * @page_size: size in bytes of the pages that PRP entries name
 *	(NVME_CTRL_PAGE_SIZE, 4096)
 * @depth: entries of either ring; at most @depth - 1 commands in flight
 * @io_timeout: jiffies after which nvme-pci gives up on an I/O command of its
 *	own (nvme_core.io_timeout)
 * @max_retries: how often it sends a command again that was lost
 *	(nvme_core.max_retries)
 * @max_bytes: most data of one command as the controller states it (MDTS), for
 *	memory that is mapped already; 0: no limit
 * @max_wz_bytes: most bytes of one Write Zeroes command, 0: it must not be used
 *	(not supported, or known to be broken)
 * @dsm_ranges: most ranges of one Dataset Management command, 0: it must not be
 *	used to deallocate
 * @dsm_range_lbas: most logical blocks of one range, 0: no limit known
 * @dsm_lbas: most logical blocks of all ranges of one, 0: no limit known
 * @sgls: SGLS of Identify Controller
 * @oncs: ONCS of Identify Controller
 * @ocfs: OCFS of Identify Controller, Copy's descriptor formats
 * @awun: AWUN of Identify Controller, 0's based
 * @awupf: AWUPF of Identify Controller, 0's based
 * @vsl: most data of one Verify command, as log2 of 4 KiB; 0: no limit
 * @wzsl: the same of Write Zeroes, as the controller states it
 * @wctemp: WCTEMP of Identify Controller, in Kelvin; 0: not told
 * @cctemp: CCTEMP
 * @instance: the controller's number: 0 of nvme0
 * @qid: queue id of both queues, for Abort
 * @vwc: VWC of Identify Controller; bit 0: there is a volatile write cache
 * @irq: the completion queue has an interrupt, see nvme_extq_irq_arm()
 */
struct nvme_extq_info {
	struct device	*dma_dev;
	int		numa_node;
	int		instance;
	unsigned long	io_timeout;
	u32		max_retries;
	u32		page_size;
	u32		depth;
	u32		max_bytes;
	u32		max_wz_bytes;
	u32		dsm_ranges;
	u32		dsm_range_lbas;
	u64		dsm_lbas;
	u32		sgls;
	u16		oncs;
	u16		ocfs;
	u16		awun;
	u16		awupf;
	u16		wctemp;
	u16		cctemp;
	u16		qid;
	u8		vsl;
	u8		wzsl;
	u8		vwc;
	bool		irq;
};

/**
 * struct nvme_extq_ns - a namespace of a controller
 * @devt: its block device; with multipath that of all paths together
 * @lba_shift: log2 of the size in bytes of a logical block
 * @csi: command set (NVME_CSI_NVM, NVME_CSI_ZNS: zoned)
 * @ms: bytes of metadata of each logical block, 0: none
 * @bounded: it has atomic boundaries, across which AWUN and AWUPF do not hold
 * @msrc: MSRC of Identify Namespace, most ranges of one Copy command, 0's
 *	based; this and the next two are 0 if there is no Copy
 * @mssrl: MSSRL, most logical blocks of one range
 * @mcl: MCL, most logical blocks of one Copy command
 * @eui64: what the namespace is called, zeros: no such name; what a namespace id
 *	means may change, this does not
 * @nguid: the same
 * @uuid: the same
 * @ns: a reference, for nvme_extq_ns_put(); until then @state may be read
 * @state: a bit of @going is set in here before the namespace is removed from this
 *	controller, for good: no command may be submitted for it afterwards
 * @going: those bits
 * @nuse: NUSE, logical blocks that are allocated
 * @boundary: logical blocks of which no I/O should cross a multiple, as nvme-core
 *	has it: NOIOB, or what the controller is known to stripe by; 0: none
 * @npwg: NPWG, in logical blocks and not 0's based; this and the next four are 0
 *	if the controller does not say (NSFEAT bit 4)
 * @npwa: NPWA
 * @npdg: NPDG
 * @npda: NPDA
 * @nows: NOWS
 * @dlfeat: DLFEAT
 */
struct nvme_extq_ns {
	dev_t		devt;
	u8		lba_shift;
	u8		csi;
	u16		ms;
	bool		bounded;
	u8		msrc;
	u16		mssrl;
	u32		mcl;
	u8		eui64[8];
	u8		nguid[16];
	uuid_t		uuid;
	struct nvme_ns	*ns;
	const unsigned long *state;
	unsigned long	going;
	u64		nuse;
	u32		boundary;
	u32		npwg;
	u32		npwa;
	u32		npdg;
	u32		npda;
	u32		nows;
	u8		dlfeat;
};

unsigned int nvme_extq_avail(struct pci_dev *pdev, const struct nvme_extq_ops *ops);
struct nvme_extq *nvme_extq_get(struct pci_dev *pdev,
				const struct nvme_extq_ops *ops, void *priv);
void nvme_extq_put(struct nvme_extq *e);

void nvme_extq_info(struct nvme_extq *e, struct nvme_extq_info *info);
int nvme_extq_ns(struct pci_dev *pdev, u32 nsid, struct nvme_extq_ns *ns);
void nvme_extq_ns_put(struct nvme_extq_ns *ns);

int nvme_extq_submit(struct nvme_extq *e, struct nvme_command *cmd, bool ring);
void nvme_extq_ring(struct nvme_extq *e);
int nvme_extq_poll(struct nvme_extq *e, struct nvme_completion *cqe, int max);
void nvme_extq_ack(struct nvme_extq *e);
int nvme_extq_drain(struct nvme_extq *e, struct nvme_completion *cqe, int max);
void nvme_extq_irq_arm(struct nvme_extq *e);

int nvme_extq_abort(struct nvme_extq *e, u16 cid, u32 cookie, bool spare);
int nvme_extq_admin(struct nvme_extq *e, struct nvme_command *cmd,
		    void *buf, unsigned int len);
int nvme_extq_reset_ctrl(struct nvme_extq *e);
void nvme_extq_unbinding(struct pci_dev *pdev);

#endif /* _LINUX_NVME_EXTQ_H */
