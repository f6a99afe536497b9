/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The Linux half of nvme-mdev: types and the functions of each file.
 *
 * Locks, outermost first:
 *
 *   nvme_mdev_parents_lock	the list of parents, what they have promised
 *   nvme_mdev.lock		control of one device: VFIO ioctls, register and
 *				config writes, the control work, sysfs
 *   pollers_lock		the pool of pollers, while threads are made, too
 *   nvme_mdev.park_lock	ownership of the device's lanes, but for pollers,
 *				which leave parked lanes alone; see poller.c
 *   nvme_mdev_mem.users	read by control while it looks at guest memory,
 *				written by who waits until nobody does; dropped
 *				around vfio_pin_pages()
 *   nvme_mdev_mem.lock		chunk list and who is pinning; a leaf that is
 *				never held over vfio_pin_pages()
 *   nvme_mdev.vma_lock		mappings of the doorbell page; inside mmap_lock;
 *				no poller's
 *
 * nvme-pci calls ->down with its shutdown lock held; that path takes only
 * nvme_mdev.park_lock.  The host may swap to that drive: so who holds park_lock, or
 * is in a pass, allocates nothing that memory is reclaimed for, and waits for nobody
 * who may be doing so; lockdep is told, see nvme_mdev_poller_init().  VFIO calls
 * dma_unmap with the container's locks held; that path takes those of nvme_mdev_mem
 * and nvme_mdev.park_lock.
 */
#ifndef _NVME_MDEV_H
#define _NVME_MDEV_H

#include <linux/blk_types.h>
#include <linux/blkdev.h>
#include <linux/cpumask.h>
#include <linux/hashtable.h>
#include <linux/kthread.h>
#include <linux/mdev.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/nvme-extq.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/static_call.h>
#include <linux/vfio.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "core/vnvme.h"
#include "core/guest.h"
#include "stat.h"

#define NVME_MDEV_NR_TYPES	4
#define NVME_MDEV_BLOCK_LANES	4	/* queue pairs of a device without lent ones */
#define NVME_MDEV_MAX_BLOCK	256	/* such devices of one parent */
#define NVME_MDEV_BLOCK_WORKERS	8	/* of a namespace at once, for what has to wait */
#define NVME_MDEV_NAME_MAX	256	/* of what is behind a namespace, as written */
#define NVME_MDEV_LANE_DEPTH	256	/* commands of one lane in flight */
#define NVME_MDEV_IDLE_MS	500	/* polled in vain before a device sleeps, ... */
#define NVME_MDEV_IDLE_MS_MAX	3600000	/* ... and the longest that may be set */
/*
 * Memory unused for so long is given back.  To pin a chunk again costs some
 * hundred microseconds: nothing, once in half a minute; and a guest that has
 * stopped its I/O is rid of its pins within a minute.
 */
#define NVME_MDEV_PIN_IDLE_MS	30000

struct nvme_mdev;
struct nvme_mdev_bio;
struct nvme_mdev_poller;

/**
 * struct nvme_mdev_parent - what devices are made below
 * @entry:	in the list of parents
 * @dev:	the NVMe PCI function or the software parent; a reference is held
 * @pdev:	the function, NULL for the software parent
 * @mdev:	the mdev core's part
 * @types:	nvme-1Q_V1 and so on; the software parent has only the last
 * @type_ptrs:	the same, as the mdev core wants them
 * @promised:	queue pairs that its devices may take, by nvme_mdev_parents_lock
 * @nr_block:	devices of type block
 */
struct nvme_mdev_parent {
	struct list_head	entry;
	struct device		*dev;
	struct pci_dev		*pdev;
	struct mdev_parent	mdev;
	struct mdev_type	types[NVME_MDEV_NR_TYPES];
	struct mdev_type	*type_ptrs[NVME_MDEV_NR_TYPES];
	unsigned int		promised;
	unsigned int		nr_block;
};

/* For whom guest memory is pinned: what one of them needs at once is kept together. */
enum nvme_mdev_holder {
	NVME_MDEV_CONTROL,	/* until nvme_mdev_control_unlock() */
	NVME_MDEV_MISS,		/* a request of the poller, until it has its memory */
	NVME_MDEV_FLIGHT,	/* requests that a backend has, as of nvme_mdev_mem_mark() */
	NVME_MDEV_NR_HOLDERS,
};

/**
 * struct nvme_mdev_chunk - 2 MiB of guest memory
 * @core:	what look-ups see
 * @entry:	in nvme_mdev_mem.chunks
 * @dead:	in nvme_mdev_mem.gone, or in no list,
 * @number:	and found by its index there
 * @full:	pinned as a whole and mapped by @sgt
 * @sgt:	its DMA mapping
 * @single:	otherwise: pages pinned and mapped one by one
 * @dying:	of those, the ones being taken back
 * @queues:	@full: queues or shadow doorbells lie in it
 * @queue:	not @full: they lie in these pages
 * @stamp:	when it was last seen to have been used, in jiffies
 * @hold:	while equal to nvme_mdev_mem.hold, it is in use, by ...
 * @held:	... these pages
 */
struct nvme_mdev_chunk {
	struct vnvme_chunk	core;
	struct list_head	entry;
	struct list_head	dead;
	struct hlist_node	number;
	bool			full;
	bool			queues;
	unsigned long		stamp;
	unsigned int		hold[NVME_MDEV_NR_HOLDERS];
	struct sg_table		sgt;
	DECLARE_BITMAP(single, VNVME_CHUNK_PAGES);
	DECLARE_BITMAP(dying, VNVME_CHUNK_PAGES);
	DECLARE_BITMAP(queue, VNVME_CHUNK_PAGES);
	DECLARE_BITMAP(held[NVME_MDEV_NR_HOLDERS], VNVME_CHUNK_PAGES);
};

/* Somebody in vfio_pin_pages(), with so many pages promised to him. */
struct nvme_mdev_pinning {
	struct list_head	entry;
	u64			index;
	unsigned int		pages;
};

/* A range whose unmapping is over: it may be mapped anew in a moment. */
struct nvme_mdev_unmapped {
	u64			first;
	u64			last;
	unsigned long		until;		/* jiffies */
};

#define NVME_MDEV_UNMAPPED	4

/* Bits of nvme_mdev_mem.troubles: what has just failed, and what the log has been told. */
enum nvme_mdev_mem_trouble {
	NVME_MDEV_MEM_UNMAPPABLE,	/* it was pinned, and the drive has no address for it */
	NVME_MDEV_MEM_TOLD_LOCK,
	NVME_MDEV_MEM_TOLD_TYPE1,
	NVME_MDEV_MEM_TOLD_MAP,
	NVME_MDEV_MEM_TOLD_BOUNCE,
};

/* mem.c, reclaim.c, unmap.c */
struct nvme_mdev_mem {
	struct vnvme_mem	table;
	struct mutex		lock;		/* what follows, and the table */
	struct list_head	chunks;		/* least recently used first */
	struct rw_semaphore	users;		/* control reads guest memory */
	struct list_head	pinning;	/* chunks in vfio_pin_pages() now */
	wait_queue_head_t	wait;
	unsigned long		changes;	/* of what a pin may wait for */
	struct list_head	unmaps;		/* ranges that VFIO is unmapping */
	struct nvme_mdev_unmapped unmapped[NVME_MDEV_UNMAPPED];
	unsigned int		next_unmapped;
	bool			given_up;	/* nothing is pinned until it is opened again */
	bool			taking;		/* somebody takes memory back */
	struct list_head	gone;		/* out of the table; pinned while in flight */
	DECLARE_HASHTABLE(gone_by_number, 8);
	struct delayed_work	reap;		/* looks for those that are not any more */
	unsigned long		troubles;	/* enum nvme_mdev_mem_trouble */
	atomic64_t		pinned_pages;
	struct llist_head	misses;		/* vnvme_req.node */
	struct work_struct	work;

	u64			limit;		/* of pinned bytes; 0: none */
	u64			lock_limit;	/* what RLIMIT_MEMLOCK was seen to leave; 0: all */
	unsigned int		refusals;	/* pins that failed for want of memory ... */
	unsigned long		refused_until;	/* ... in a row; VFIO is not asked before then */
	unsigned int		idle_ms;	/* unused for so long; 0: for ever */
	struct delayed_work	idle;
	unsigned int		hold[NVME_MDEV_NR_HOLDERS];
	bool			by_page;	/* whole chunks have no room now ... */
	unsigned int		paged;		/* ... for so many requests more */
	unsigned int		wanted;		/* pages that control waits for */
	bool			short_of;	/* a pin has had to make room */
	u64			nr_pinned;	/* pages, since the device was opened */
	u64			nr_unmaps;	/* times that VFIO has asked for a range */
	u64			nr_bound;	/* given back for the limit */
	u64			nr_idle;	/* given back unused */
};

/* irq.c */

/* Where an interrupt goes; @users are about to signal it. */
struct nvme_mdev_irq_fd {
	struct eventfd_ctx	*ctx;
	atomic_t		users;
	struct rcu_head		rcu;
};

struct nvme_mdev_irq {
	struct mutex		lock;		/* SET_IRQS */
	struct nvme_mdev_irq_fd __rcu *msix[VNVME_MAX_IOQ + 1];
	DECLARE_BITMAP(pending, VNVME_MAX_IOQ + 1);
	bool			msix_on;
	spinlock_t		intx_lock;	/* the two below */
	struct nvme_mdev_irq_fd __rcu *intx;
	bool			intx_masked;
	bool			intx_check;	/* level to be looked at again */
	struct virqfd		*unmask;
	struct eventfd_ctx	*req;
};

/* What became of an interrupt, for its tracepoint. */
enum nvme_mdev_irq_way {
	NVME_MDEV_IRQ_KEPT,	/* until the VMM sets an eventfd */
	NVME_MDEV_IRQ_MSIX,
	NVME_MDEV_IRQ_INTX,	/* the level is looked at again */
};

/* What carries out a namespace's I/O. */
enum nvme_mdev_kind {
	NVME_MDEV_LENT,		/* queue pairs that its drive lends */
	NVME_MDEV_BLOCK,	/* bios to any block device */
	NVME_MDEV_NULL,		/* nobody */
};

/**
 * struct nvme_mdev_identity - what a namespace is on
 * @disk:	what its driver calls the disk, for NVMe EUI64, NGUID and UUID; or zeros
 * @diskseq:	which disk that is of those that this host has had
 * @start:	the partition's first sector, 0: the whole disk
 * @partuuid:	the partition's name, if it has one
 */
struct nvme_mdev_identity {
	u8			disk[40];
	u64			diskseq;
	sector_t		start;
	char			partuuid[PARTITION_META_INFO_UUIDLTH];
};

/**
 * struct nvme_mdev_ns - a namespace that an operator attached
 * @vns:	what the core sees; its nsid is the guest's
 * @name:	as written, without the words after it: n1, n1p3, null:1G, /dev/vg/lv, 253:0
 * @nm:		its device
 * @kind:	what is behind it
 * @attached:	the core knows it; changed in control
 * @claimed:	it has a claim that goes with the device being open; in control, or busy
 * @busy:	somebody works on it, who is not in control; changed in control
 * @adding:	that is the operator who adds it
 * @removing:	that is the operator who removes it
 * @ended:	what was claimed is not there any more; any sets it
 * @told:	the operator knows
 * @known:	@id says what it was when it was added
 * @ro:		read-only by request
 * @writable:	@bdev is claimed for writing, too
 * @size:	of a null namespace, in bytes
 * @asked:	the NSID that it came with, or 0
 * @host_nsid:	on the drive, 0: not found by that
 * @partno:	0: the whole namespace
 * @devt:	number of what was claimed last
 * @disk:	and of the disk that it is, or is a part of
 * @id:		what that was
 * @info:	what the lender says of it; with a reference while it is claimed
 * @bdev:	claimed while the device is open
 * @start:	first LBA on the drive's namespace
 * @nowait:	block: @bdev takes I/O without waiting, or says that it would wait
 * @zero_by_hand: block: @bdev has no Write Zeroes, whatever it says
 * @dma_mask:	block: bits of addresses and lengths that have to be 0
 * @waiting:	block: requests that have to wait for @bdev ...
 * @wait:	... and who does that
 * @slow_wq:	block, attached: what is done by several bios, or by hand
 */
struct nvme_mdev_ns {
	struct vnvme_ns		vns;
	char			*name;
	struct nvme_mdev	*nm;
	enum nvme_mdev_kind	kind;
	bool			attached;
	bool			claimed;
	bool			busy;
	bool			adding;
	bool			removing;
	bool			ended;
	bool			told;
	bool			known;
	bool			ro;
	bool			writable;
	u64			size;
	unsigned int		asked;
	u32			host_nsid;
	u32			partno;
	dev_t			devt;
	dev_t			disk;
	struct nvme_mdev_identity id;
	struct nvme_extq_ns	info;
	struct block_device	*bdev;
	u64			start;
	bool			nowait;
	bool			zero_by_hand;
	u32			dma_mask;
	struct llist_head	waiting;
	struct work_struct	wait;
	struct workqueue_struct	*slow_wq;
};

/**
 * struct nvme_mdev_dsm - how far a Dataset Management command is
 * @next:	the first of its ranges that has not been sent as a whole
 * @left:	LBAs of that one that are left, 0: all of them
 * @sent:	LBAs by which its beginning has been moved
 */
struct nvme_mdev_dsm {
	u16	next;
	u32	left;
	u32	sent;
};

/**
 * struct nvme_mdev_lane - a lane's requests and its lent queue pair, if any
 * @nm:		its device
 * @lane:	the core's side, NULL until it has its requests
 * @q:		the queue pair, NULL while the device is closed or if none is lent
 * @info:	what the lender says of it
 * @up:		commands may be submitted; changed with the poller parked
 * @gone:	no queue pair will come back
 * @closing:	the pair is being given back
 * @submitted:	the doorbell is to be rung at the end of the pass
 * @stat:	what it has counted
 * @nr:		requests
 * @reqs:	the requests; their number is the command identifier on @q
 * @segs:	their segments
 * @scratch:	a page each, if no drive reads them, else each has its own, ...
 * @dma_dev:	... mapped for this one, of which a reference is held
 * @tick:	when to look for commands without an answer
 * @late:	such commands, by tag; owner
 * @abort_due:	those that @abort is to abort
 * @abort:	does so
 * @reset_asked: the drive is to be reset, and ->down has not come yet; owner
 * @longs:	commands that may take long which are on @q; owner
 * @waiting:	those that wait for one of them to end, by tag,
 * @nr_waiting:	how many there are,
 * @turn:	and from which tag on the next one is looked for
 * @dsm:	how far Dataset Management commands are, by tag
 * @submits:	commands put on @q
 * @rings:	doorbells rung for them
 * @reaps:	batches of completions taken
 * @acks:	doorbells rung for them
 * @unacked:	completions taken since the last one
 * @ack_at:	when it is rung
 * @poller:	who serves it, NULL while the device is closed; changed with the
 *		lanes parked
 * @flags:	poller.c's
 * @incoming:	on the way to @poller's list of lanes
 * @polled:	in that list; or in that of those to be charged
 * @passes:	in which it was looked at since it was charged,
 * @finds:	those of them in which there was something to do,
 * @work:	and how much
 * @poller_ns:	processor time that pollers have used for it, by that,
 * @idle_ns:	and how much of it in vain
 * @kicked:	to be looked at again
 * @leaving:	@poller is to forget it ...
 * @served:	... and has not done so yet
 * @wakeups:	times that it was put on that list
 * @idle_since:	when its poller found nothing to do for the first time, in ns;
 *		0: it had something to do the last time
 * @irqs:	interrupts of @q
 * @bios:	by request, once a namespace on a block device has been attached
 * @ended:	those of them that have ended (any adds, owner takes)
 * @reaped:	taken from there, the core is still to be told; owner
 * @silent:	those of them that have to be looked for; owner
 * @polls:	how many of them have ended
 * @plug:	holds back what this pass submits ...
 * @plugged:	... once there is something
 */
struct nvme_mdev_lane {
	struct nvme_mdev	*nm;
	struct vnvme_lane	*lane;
	struct nvme_extq	*q;
	struct nvme_extq_info	info;
	bool			up;
	bool			gone;
	bool			closing;
	bool			submitted;
	bool			reset_asked;
	struct nvme_mdev_lane_stat *stat;
	u32			nr;
	struct vnvme_req	*reqs;
	struct vnvme_seg	*segs;
	void			*scratch;
	struct device		*dma_dev;
	unsigned long		tick;
	DECLARE_BITMAP(late, NVME_MDEV_LANE_DEPTH);
	DECLARE_BITMAP(abort_due, NVME_MDEV_LANE_DEPTH);
	struct work_struct	abort;
	u32			longs;
	u32			nr_waiting;
	u32			turn;
	DECLARE_BITMAP(waiting, NVME_MDEV_LANE_DEPTH);
	struct nvme_mdev_dsm	dsm[NVME_MDEV_LANE_DEPTH];
	u32			unacked;
	u32			ack_at;
	u64			submits, rings, reaps, acks;
	struct nvme_mdev_poller	*poller;
	unsigned long		flags;
	struct llist_node	incoming;
	struct list_head	polled;
	u32			passes;
	u32			finds;
	u32			work;
	u64			poller_ns;
	u64			idle_ns;
	bool			kicked;
	bool			leaving;
	bool			served;
	u64			wakeups;
	u64			idle_since;
	u64			irqs;
	struct nvme_mdev_bio	*bios;
	struct llist_head	ended;
	struct llist_node	*reaped;
	struct list_head	silent;
	u64			polls;
	struct blk_plug		plug;
	bool			plugged;
};

struct nvme_mdev {
	struct vfio_device	vdev;		/* first: vfio_alloc_device() */
	struct mdev_device	*mdev;
	struct nvme_mdev_parent	*parent;
	struct pci_dev		*pdev;		/* that lends queue pairs, or NULL */
	unsigned int		nr_pairs;	/* the guest's, one lane each */
	unsigned int		nr_lent;	/* all of them, or none */

	struct mutex		lock;		/* control */
	bool			open;
	bool			changing;	/* it is being opened or closed */
	unsigned long		settled;	/* namespaces that are not busy any more */
	bool			abandoned;	/* who opens it is being killed */
	struct vnvme_ctrl	ctrl;
	u32			*db;		/* the doorbell page */
	struct workqueue_struct	*wq;
	struct work_struct	work;
	struct work_struct	flush;		/* what has completed becomes durable */
	wait_queue_head_t	idle;		/* drained, or a namespace is not busy */

	struct mutex		vma_lock;	/* the list of mappings */
	struct list_head	vmas;
	bool			db_mapped;	/* by some vma since the last zap */
	struct work_struct	db_zap;
	bool			db_zapping;	/* it is on its way; a poller asks, it answers */
	unsigned long		db_zap_next;	/* in jiffies: not before then */

	struct nvme_mdev_mem	mem;
	struct nvme_mdev_irq	irq;
	struct mutex		park_lock;	/* held by who has parked the lanes */
	bool			parked;		/* pollers leave the lanes alone */
	atomic_t		armed;		/* lanes that nobody looks at */
	struct delayed_work	watch;		/* over commands that they wait for */
	struct nvme_mdev_lane	lanes[VNVME_MAX_IOQ + 1];
	struct nvme_mdev_stat	stat;
	struct dentry		*debugfs;
	struct nvme_mdev_ns	*ns[VNVME_MAX_NS + 1];
	struct vnvme_backend	extq;
	struct vnvme_backend	null;
	struct vnvme_backend	block;
	bool			has_block;	/* the core knows @block */
	struct workqueue_struct	*block_wq;
	struct cgroup_subsys_state *block_css;	/* the VMM's, which pays for I/O */
	struct delayed_work	ns_watch;	/* over sizes and write protection */
	struct delayed_work	health;		/* of the drive that lends */

	struct cpumask		iothread_cpus;	/* none: the module's, or any of the node */
	unsigned int		idle_ms;	/* 0: never */
	bool			adaptive;	/* wait for interrupts under low load */
	struct vnvme_config	cfg;		/* of the next start */
	u64			locked_out;	/* pins refused for RLIMIT_MEMLOCK */
};

static inline struct device *nvme_mdev_dev(struct nvme_mdev *nm)
{
	return mdev_dev(nm->mdev);
}

static inline struct nvme_mdev *nvme_mdev_of_ctrl(struct vnvme_ctrl *ctrl)
{
	return container_of(ctrl, struct nvme_mdev, ctrl);
}

/* parent.c */
extern struct mdev_driver nvme_mdev_driver;
unsigned int nvme_mdev_type_lent(struct mdev_type *type);
int nvme_mdev_parents_init(void);
void nvme_mdev_parents_exit(void);
int nvme_mdev_parent_promise(struct nvme_mdev_parent *parent, unsigned int n);
void nvme_mdev_parent_release(struct nvme_mdev_parent *parent, unsigned int n);

/* lender.c: the calls of linux/nvme-extq.h, as static_call(extq_get)() and so on */
DECLARE_STATIC_CALL(extq_avail, nvme_extq_avail);
DECLARE_STATIC_CALL(extq_get, nvme_extq_get);
DECLARE_STATIC_CALL(extq_put, nvme_extq_put);
DECLARE_STATIC_CALL(extq_info, nvme_extq_info);
DECLARE_STATIC_CALL(extq_ns, nvme_extq_ns);
DECLARE_STATIC_CALL(extq_ns_put, nvme_extq_ns_put);
DECLARE_STATIC_CALL(extq_submit, nvme_extq_submit);
DECLARE_STATIC_CALL(extq_ring, nvme_extq_ring);
DECLARE_STATIC_CALL(extq_poll, nvme_extq_poll);
DECLARE_STATIC_CALL(extq_ack, nvme_extq_ack);
DECLARE_STATIC_CALL(extq_drain, nvme_extq_drain);
DECLARE_STATIC_CALL(extq_irq_arm, nvme_extq_irq_arm);
DECLARE_STATIC_CALL(extq_abort, nvme_extq_abort);
DECLARE_STATIC_CALL(extq_admin, nvme_extq_admin);
DECLARE_STATIC_CALL(extq_reset_ctrl, nvme_extq_reset_ctrl);
DECLARE_STATIC_CALL(extq_unbinding, nvme_extq_unbinding);
bool nvme_mdev_lender_find(void);
void nvme_mdev_lender_exit(void);

/* vfio.c */
int nvme_mdev_probe(struct mdev_device *mdev);
void nvme_mdev_remove(struct mdev_device *mdev);

/* device.c */
int nvme_mdev_start(struct nvme_mdev *nm);
void nvme_mdev_stop(struct nvme_mdev *nm);
void nvme_mdev_reset_and_wait(struct nvme_mdev *nm);
void nvme_mdev_wait_stopped(struct nvme_mdev *nm);
void nvme_mdev_wait_quiet(struct nvme_mdev *nm);
void nvme_mdev_work_fn(struct work_struct *work);

/* db.c */
int nvme_mdev_db_mmap(struct nvme_mdev *nm, struct vm_area_struct *vma);
void nvme_mdev_db_zap(struct nvme_mdev *nm);
void nvme_mdev_db_init(struct nvme_mdev *nm);

/* irq.c */
void nvme_mdev_irq_init(struct nvme_mdev *nm);
void nvme_mdev_irq_raise(struct nvme_mdev *nm, u16 vector);
bool nvme_mdev_irq_pin_used(const struct nvme_mdev *nm);
void nvme_mdev_irq_recheck(struct nvme_mdev *nm);
long nvme_mdev_irq_set(struct nvme_mdev *nm, u32 flags, u32 index, u32 start, u32 count,
		       void *data);
unsigned int nvme_mdev_irq_count(struct nvme_mdev *nm, u32 index);
bool nvme_mdev_irq_request(struct nvme_mdev *nm);
void nvme_mdev_irq_release(struct nvme_mdev *nm);

/* mem.c */
void nvme_mdev_mem_setup(struct nvme_mdev *nm);
int nvme_mdev_mem_init(struct nvme_mdev *nm);
void nvme_mdev_mem_exit(struct nvme_mdev *nm);
int nvme_mdev_mem_pin(struct nvme_mdev *nm, u64 iova, u32 len, enum nvme_mdev_holder who);
void nvme_mdev_mem_unmap(struct nvme_mdev *nm, u64 iova, u64 len);
void nvme_mdev_mem_unmap_all(struct nvme_mdev *nm);
struct nvme_mdev_chunk *nvme_mdev_chunk_find(struct nvme_mdev_mem *mem, u64 index);
void nvme_mdev_chunk_hide(struct nvme_mdev_mem *mem, struct nvme_mdev_chunk *c, u64 first,
			  u64 last, const unsigned long *kept);
bool nvme_mdev_mem_is_pinning(struct nvme_mdev_mem *mem, u64 first, u64 last);
void nvme_mdev_mem_take(struct nvme_mdev_mem *mem, u64 first, u64 last);
void nvme_mdev_mem_breathe(struct nvme_mdev_mem *mem, unsigned int *n);
void nvme_mdev_mem_taken(struct nvme_mdev *nm);
void nvme_mdev_mem_mark(struct nvme_mdev *nm);
void nvme_mdev_mem_forget(struct nvme_mdev *nm);
void nvme_mdev_mem_give_back(struct nvme_mdev *nm);
void nvme_mdev_control_lock(struct nvme_mdev *nm);
void nvme_mdev_control_unlock(struct nvme_mdev *nm);

/* unmap.c */
struct nvme_mdev_unmap;
struct nvme_mdev_unmap *nvme_mdev_unmap_begin(struct nvme_mdev *nm);
void nvme_mdev_unmap_range(struct nvme_mdev_unmap *u, struct nvme_mdev_mem *mem, u64 first,
			   u64 last);
void nvme_mdev_unmap_end(struct nvme_mdev_unmap *u);
bool nvme_mdev_unmap_is_open(struct nvme_mdev_mem *mem, u64 first, u64 last);
bool nvme_mdev_unmap_recent(struct nvme_mdev_mem *mem, u64 first, u64 last);
int nvme_mdev_unmap_settle(struct nvme_mdev_mem *mem);
void nvme_mdev_unmap_forget(struct nvme_mdev_mem *mem);

/* reclaim.c */
bool nvme_mdev_mem_fits(struct nvme_mdev_mem *mem, u64 pages);
bool nvme_mdev_mem_bounded(const struct nvme_mdev_mem *mem);
bool nvme_mdev_mem_shrink(struct nvme_mdev *nm);
int nvme_mdev_mem_room(struct nvme_mdev *nm, unsigned int pages, enum nvme_mdev_holder who,
		       unsigned int tries);
void nvme_mdev_mem_idle_start(struct nvme_mdev *nm);
void nvme_mdev_mem_idle_work(struct work_struct *work);
u64 nvme_mdev_mem_limit_min(const struct nvme_mdev *nm);
int nvme_mdev_mem_set_limit(struct nvme_mdev *nm, u64 bytes);
void nvme_mdev_mem_set_idle(struct nvme_mdev *nm, unsigned int ms);
void nvme_mdev_mem_work(struct work_struct *work);
void nvme_mdev_mem_miss(struct nvme_mdev *nm, struct vnvme_req *req);

/* cpus.c */
void nvme_mdev_cpus_pool(int node, int going, struct cpumask *cpus);

/* poller.c */
int nvme_mdev_poller_parse(const char *buf, struct cpumask *cpus);
int nvme_mdev_poller_format(char *buf, const struct cpumask *cpus);
int nvme_mdev_poller_place(struct nvme_mdev *nm, const struct cpumask *cpus);
void nvme_mdev_poller_remove(struct nvme_mdev *nm);
void nvme_mdev_poller_kick(struct nvme_mdev *nm);
void nvme_mdev_poller_park(struct nvme_mdev *nm) __acquires(&nm->park_lock);
void nvme_mdev_poller_unpark(struct nvme_mdev *nm) __releases(&nm->park_lock);
int nvme_mdev_pollers_init(void);
void nvme_mdev_pollers_exit(void);
void nvme_mdev_poller_init(struct nvme_mdev *nm);
void nvme_mdev_poller_irq(struct nvme_mdev_lane *ml);
struct task_struct *nvme_mdev_poller_task(const struct nvme_mdev_lane *ml);
bool nvme_mdev_poller_asleep(const struct nvme_mdev_lane *ml);

/* ns.c */
int nvme_mdev_ns_add(struct nvme_mdev *nm, const char *name);
int nvme_mdev_ns_remove(struct nvme_mdev *nm, u32 nsid);
int nvme_mdev_ns_twin(struct nvme_mdev_ns *ns, dev_t devt, dev_t disk);
u16 nvme_mdev_ns_end(struct nvme_mdev_ns *ns);
int nvme_mdev_ns_claim_all(struct nvme_mdev *nm);
int nvme_mdev_ns_attach_all(struct nvme_mdev *nm);
void nvme_mdev_ns_close_all(struct nvme_mdev *nm);
void nvme_mdev_ns_free_all(struct nvme_mdev *nm);
void nvme_mdev_ns_flush(struct work_struct *work);
void nvme_mdev_ns_watch(struct work_struct *work);
ssize_t nvme_mdev_ns_list(struct nvme_mdev *nm, char *buf, size_t size);

/* Of a namespace with a claim: by request, or as its device was claimed, or is now. */
static inline bool nvme_mdev_ns_read_only(const struct nvme_mdev_ns *ns)
{
	return ns->ro || !ns->writable || bdev_read_only(ns->bdev);
}

/* claim.c */
int nvme_mdev_claim(struct nvme_mdev_ns *ns);
void nvme_mdev_claim_release(struct nvme_mdev_ns *ns);
const char *nvme_mdev_claim_why(const struct nvme_mdev_ns *ns);

/* Does it still have what was claimed?  Before each command; claimed, kind LENT. */
static inline bool nvme_mdev_claim_lost(const struct nvme_mdev_ns *ns)
{
	return (READ_ONCE(*ns->info.state) & ns->info.going) || READ_ONCE(ns->ended);
}

/* What a device likes, in its LBAs and as it says it; see struct vnvme_ns_hints. */
struct nvme_mdev_hints {
	u32	boundary;
	u32	write_gran;
	u32	write_align;
	u32	write_best;
	u32	free_gran;
	u32	free_align;
	bool	wz_deac;
	u8	free_reads;
};

/* hints.c */
void nvme_mdev_hints_set(struct nvme_mdev_ns *ns, const struct nvme_mdev_hints *raw, u64 start);

/* dsm.c */
void nvme_mdev_dsm_piece(struct nvme_mdev_lane *ml, const struct vnvme_req *req,
			 struct nvme_dsm_cmd *dsm);
bool nvme_mdev_dsm_sent(struct nvme_mdev_lane *ml, const struct vnvme_req *req);

/* health.c */
void nvme_mdev_health_work(struct work_struct *work);

/* find.c */
int nvme_mdev_find_named(const char *name, dev_t *devt);
int nvme_mdev_find_on_drive(struct device *drive, u32 nsid, dev_t *devt);
int nvme_mdev_find_partition(dev_t disk, u32 partno, dev_t *devt);

/* lane.c */
struct nvme_mdev_lane *nvme_mdev_lane_reset(struct nvme_mdev *nm, u16 id);
int nvme_mdev_lane_setup(struct nvme_mdev *nm, u16 id, u32 max_segs);
void nvme_mdev_lane_free(struct nvme_mdev *nm, u16 id);

/* bdev.c */
extern const struct vnvme_backend_ops nvme_mdev_block_backend;
int nvme_mdev_block_attach(struct nvme_mdev_ns *ns);
void nvme_mdev_block_detach(struct nvme_mdev_ns *ns);
void nvme_mdev_block_open(struct nvme_mdev *nm);
void nvme_mdev_block_close(struct nvme_mdev *nm);
void nvme_mdev_block_init_ns(struct nvme_mdev_ns *ns);
void nvme_mdev_block_limits(struct nvme_mdev_ns *ns);

/* extq.c */
extern const struct nvme_extq_ops nvme_mdev_extq_ops;
extern const struct vnvme_backend_ops nvme_mdev_extq_backend;
int nvme_mdev_extq_get(struct nvme_mdev *nm, u16 id);
int nvme_mdev_extq_ns(struct nvme_mdev *nm, u32 nsid, struct nvme_extq_ns *info);
void nvme_mdev_extq_put(struct nvme_mdev *nm, u16 id);
void nvme_mdev_extq_tick(struct nvme_mdev_lane *ml);
void nvme_mdev_extq_arm(struct nvme_mdev_lane *ml);

/* stat.c */
int nvme_mdev_stat_init(struct nvme_mdev *nm);
void nvme_mdev_stat_exit(struct nvme_mdev *nm);
void nvme_mdev_stat_fold(struct nvme_mdev_lane *ml);
void nvme_mdev_stat_release(struct nvme_mdev_ns *ns);
void nvme_mdev_stat_time(struct nvme_mdev *nm, bool on);
ssize_t nvme_mdev_stat_show(const struct nvme_mdev *nm, char *buf);

/* Once per pass; owner. */
static inline void nvme_mdev_stat_tick(struct nvme_mdev_lane *ml)
{
	if (unlikely(time_after(jiffies, ml->stat->jiffy)))
		nvme_mdev_stat_fold(ml);
}

/* debugfs.c */
void nvme_mdev_debugfs_init(void);
void nvme_mdev_debugfs_exit(void);
void nvme_mdev_debugfs_add(struct nvme_mdev *nm);
void nvme_mdev_debugfs_del(struct nvme_mdev *nm);

/* null.c */
extern const struct vnvme_backend_ops nvme_mdev_null_backend;

/* sysfs.c */
extern const struct attribute_group *nvme_mdev_groups[];

#endif
