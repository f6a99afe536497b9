/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The virtual NVMe controller: types, the two seams, prototypes.
 *
 * Everything here is pure C without a kernel object behind it.  It compiles in
 * the kernel and, over the shim headers of selftests/core, in userspace.
 *
 * Who may call what:
 *
 *   owner	the task that owns a lane: its poller, or one that has parked
 *		that poller through env->park().  Never sleeps.
 *   control	one task at a time that holds the device's mutex: register and
 *		config space writes, the admin worker, sysfs.  May sleep.
 *   any	any context, no lock.
 */
#ifndef _VNVME_H
#define _VNVME_H

#include <linux/types.h>
#include <linux/kernel.h>
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/spinlock.h>
#include <linux/llist.h>
#include <linux/nospec.h>
#include <linux/uuid.h>
#include <asm/barrier.h>
#include <asm/byteorder.h>

#include "spec.h"

#define VNVME_MAX_IOQ		16	/* I/O queue pairs, ids 1 to 16 */
#define VNVME_MAX_NS		128	/* NSIDs 1 to 128 */
#define VNVME_NS_SLOTS		256	/* a power of two above that */
#define VNVME_MAX_BACKENDS	4
/*
 * CAP.MQES, 0's based.  Drivers count in 16 bits, and EventIdx does: the number of
 * entries has to fit, and so has the sum of two places in a ring.
 */
#define VNVME_MQES		32767
#define VNVME_MAX_SEGS		513	/* 2 MiB, starting inside a page */
#define VNVME_MAX_BYTES		(2u << 20)
#define VNVME_ACL		3	/* 0's based, too */
#define VNVME_AERL		3	/* 0's based: four at once */
#define VNVME_NVM_OPS		256	/* a place for any opcode that there can be */
#define VNVME_COPY_RANGES	128	/* of a Copy command: a page of them */
#define VNVME_ELPE		63	/* 0's based: 64 entries */

/* BAR0 */
#define VNVME_BAR_SIZE		0x4000
#define VNVME_BAR_DB		0x1000	/* doorbells: one page of its own */
#define VNVME_BAR_MSIX		0x2000
#define VNVME_BAR_PBA		0x3000
#define VNVME_CFG_SIZE		256

struct vnvme_ctrl;
struct vnvme_lane;
struct vnvme_req;

/* ------------------------------------------------------------------------
 * Guest memory: a table from IOVA to what the host has pinned and mapped.
 *
 * Filled and emptied by whoever pins (in the kernel mem.c); the core only
 * looks things up, by one load as long as no two chunks share a slot.  An
 * answer is good
 *
 *   in control	until env->pin() or the end of the control section,
 *   for owners	until vnvme_lane_forget(), or, in a request, while a backend has
 *		that (vnvme_lane_pages()).
 *
 * Who takes memory out of the table waits for all three before it gives the
 * memory back.
 */
#define VNVME_PAGE_SHIFT	12
#define VNVME_PAGE_SIZE		(1u << VNVME_PAGE_SHIFT)
#define VNVME_CHUNK_SHIFT	21
#define VNVME_CHUNK_SIZE	(1u << VNVME_CHUNK_SHIFT)
#define VNVME_CHUNK_PAGES	(1u << (VNVME_CHUNK_SHIFT - VNVME_PAGE_SHIFT))
#define VNVME_MEM_SLOTS		16384u	/* 32 GiB without two in one slot */

/* One guest page; @kva is NULL where nothing is pinned. */
struct vnvme_page {
	void	*kva;
	u64	dma;
	bool	ro;		/* the device must not write it */
};

/**
 * struct vnvme_chunk - 2 MiB of guest memory, aligned
 * @index:	IOVA >> VNVME_CHUNK_SHIFT
 * @next:	the next chunk in the same slot
 * @kva:	if not NULL, all of it is contiguous, in kernel virtual and
 *		in DMA addresses, and writable; @page is then not looked at
 * @dma:	DMA address that goes with @kva
 * @page:	otherwise VNVME_CHUNK_PAGES pages
 * @whole:	what @kva is: whoever fills the table may set that to NULL and
 *		see whether the next look-up brings it back
 * @used:	the same where @whole is NULL: look-ups set it
 */
struct vnvme_chunk {
	u64			index;
	struct vnvme_chunk	*next;
	void			*kva;
	u64			dma;
	struct vnvme_page	*page;
	void			*whole;
	bool			used;
};

struct vnvme_mem {
	struct vnvme_chunk	**slot;		/* VNVME_MEM_SLOTS */
};

/* What a look-up finds: @len bytes from the address asked for. */
struct vnvme_extent {
	void	*kva;
	u64	dma;
	u32	len;
	bool	ro;
};

/* The first look-up since it was last asked whether there are any, or pages. */
static inline void *vnvme_chunk_use(struct vnvme_chunk *c)
{
	if (c->whole)
		WRITE_ONCE(c->kva, c->whole);
	else if (!READ_ONCE(c->used))
		WRITE_ONCE(c->used, true);
	return c->whole;
}

/**
 * vnvme_mem_lookup() - find guest memory that is pinned
 * @mem:	the table
 * @iova:	guest address, any alignment
 * @x:		filled when found; @x->len runs to the end of the extent
 *
 * Context: owner or control.
 * Return: false if this page is not pinned.
 */
static inline bool vnvme_mem_lookup(const struct vnvme_mem *mem, u64 iova,
				    struct vnvme_extent *x)
{
	u64 index = iova >> VNVME_CHUNK_SHIFT;
	struct vnvme_chunk *c = READ_ONCE(mem->slot[index & (VNVME_MEM_SLOTS - 1)]);
	u32 off = iova & (VNVME_CHUNK_SIZE - 1);
	struct vnvme_page *p;
	void *kva;

	while (c && c->index != index)
		c = READ_ONCE(c->next);
	if (!c)
		return false;
	kva = READ_ONCE(c->kva);
	if (unlikely(!kva))
		kva = vnvme_chunk_use(c);
	if (likely(kva)) {
		x->kva = kva + off;
		x->dma = c->dma + off;
		x->len = VNVME_CHUNK_SIZE - off;
		x->ro = false;
		return true;
	}
	p = &c->page[off >> VNVME_PAGE_SHIFT];
	x->kva = READ_ONCE(p->kva);
	if (!x->kva)
		return false;
	/* pairs with the smp_wmb() of whoever fills a page in */
	smp_rmb();
	off &= VNVME_PAGE_SIZE - 1;
	x->kva += off;
	x->dma = p->dma + off;
	x->len = VNVME_PAGE_SIZE - off;
	x->ro = p->ro;
	return true;
}

/* ------------------------------------------------------------------------
 * Seam 1: what the controller needs from its surroundings.
 */

/**
 * struct vnvme_env - supplied by the embedder, one per controller
 * @irq:	an interrupt for vector @vector is due (owner or control).
 *		Called at most once per completion queue and pass, not while
 *		the guest is taking what an earlier call was about, nor earlier
 *		than the guest's Interrupt Coalescing asks for.
 * @kick:	make the poller look at all lanes again (any)
 * @work:	have vnvme_ctrl_work() called soon, by control (any)
 * @park:	return once no owner is inside a step, and keep it so (control)
 * @unpark:	undo @park (control)
 * @pin:	make [iova, iova + len) known to the table; may sleep (control).
 *		-EFAULT: not the guest's memory, -ENOMEM: over a limit.
 * @pin_req:	owner found @req->miss_iova not pinned: have it pinned by
 *		somebody who may sleep, then vnvme_req_return() (owner)
 * @flush:	have every completed write of every namespace made durable, then
 *		vnvme_ctrl_flushed(); waits for no device (control)
 * @pin_used:	do interrupts go out by the INTx pin, and not as messages?  (control)
 * @now_ns:	monotonic clock (any)
 */
struct vnvme_env {
	void (*irq)(struct vnvme_ctrl *ctrl, u16 vector);
	void (*kick)(struct vnvme_ctrl *ctrl);
	void (*work)(struct vnvme_ctrl *ctrl);
	void (*park)(struct vnvme_ctrl *ctrl);
	void (*unpark)(struct vnvme_ctrl *ctrl);
	int  (*pin)(struct vnvme_ctrl *ctrl, u64 iova, u32 len);
	void (*pin_req)(struct vnvme_req *req);
	void (*flush)(struct vnvme_ctrl *ctrl);
	bool (*pin_used)(struct vnvme_ctrl *ctrl);
	u64  (*now_ns)(struct vnvme_ctrl *ctrl);
};

/* ------------------------------------------------------------------------
 * Seam 2: what carries out I/O.
 */
struct vnvme_backend;

/*
 * How a backend lost a request, and how much of its retries that takes: one that
 * was in the way of a reset which others have brought about is no worse for it,
 * but it may also be what kills the controller each time.
 */
enum vnvme_loss {
	VNVME_LOSS_NONE		= 0,	/* it was not on its way yet */
	VNVME_LOSS_OTHERS	= 1,
	VNVME_LOSS_LATE		= 4,	/* it had its time and was not answered */
};

#define VNVME_REAP	32		/* of one lane in a pass, for one backend */
#define VNVME_BUSY	0xffffu		/* not an NVMe status: try again later */

/**
 * struct vnvme_backend_ops - carries out decoded requests; all calls by owner
 * @submit:	start @req: @req->opcode, ->slba (guest's), ->nlb, ->fua,
 *		->deallocate, ->segs.  0: it will end in vnvme_req_done() (also from inside
 *		this call); VNVME_BUSY: keep it and submit again after the next
 *		kick; any other NVMe status ends it.
 * @commit:	end of a pass in which something was submitted: ring once; may
 *		be NULL
 * @abort:	the guest would like @req, which was submitted, to be aborted: true: it
 *		ends soon, maybe inside this call, or vnvme_abort_refused() is called
 *		with @token; false: it goes on; may be NULL.  Waits for nothing
 * @reap:	call vnvme_req_done() for what has completed, VNVME_REAP of them at
 *		most; returns how many; may be NULL
 * @seg:	segment @i of a request that it has; NULL if it leaves ->segs as they are
 */
struct vnvme_backend_ops {
	u16 (*submit)(struct vnvme_backend *b, struct vnvme_lane *lane,
		      struct vnvme_req *req);
	void (*commit)(struct vnvme_backend *b, struct vnvme_lane *lane);
	bool (*abort)(struct vnvme_backend *b, struct vnvme_lane *lane, struct vnvme_req *req,
		      u32 token);
	unsigned int (*reap)(struct vnvme_backend *b, struct vnvme_lane *lane);
	struct vnvme_seg (*seg)(const struct vnvme_req *req, u32 i);
};

struct vnvme_backend {
	const struct vnvme_backend_ops	*ops;
	void				*priv;
	u8				bit;	/* set by vnvme_backend_add(); 0: no ->commit */
};

/* ------------------------------------------------------------------------
 * Namespaces
 */

/**
 * struct vnvme_ns_hints - how the namespace likes to be used, in LBAs
 * @boundary:	I/O should not cross a multiple of it,
 * @write_gran:	a good write is a multiple of it,
 * @write_align: and starts at one of this,
 * @write_best:	and it is best to write so many,
 * @free_gran:	deallocation of less than it does nothing,
 * @free_align:	and starts at a multiple of this; in all of them 0: not known
 * @wz_deac:	Write Zeroes with Deallocate deallocates
 * @free_reads:	what deallocated LBAs read as, bits 2:0 of DLFEAT; 0: not known
 */
struct vnvme_ns_hints {
	u16	boundary;
	u16	write_gran;
	u16	write_align;
	u16	write_best;
	u16	free_gran;
	u16	free_align;
	bool	wz_deac;
	u8	free_reads;
};

/**
 * struct vnvme_identity - what a guest knows a namespace by, as Identify has it
 * @uuid:	the most significant byte first, as in all of them
 * @nguid:	EUI-64 and extension
 * @eui64:	of its own
 */
struct vnvme_identity {
	u8	uuid[16];
	u8	nguid[16];
	u8	eui64[8];
};

/**
 * struct vnvme_ns - a namespace as the guest sees it
 * @nsid:	the guest's
 * @lba_shift:	log2 of the LBA size
 * @ro:		write protected, by one of the next two:
 * @read_only:	by the embedder, see vnvme_ns_set_read_only()
 * @protect:	by the guest: Namespace Write Protection Config, enum vnvme_protect.
 *		It outlives the controller, as this structure does.
 * @mssrl:	most LBAs of one source range of Copy,
 * @mcl:	of all of them together,
 * @msrc:	and how many there may be, 0's based, below VNVME_COPY_RANGES;
 *		all three only if the controller has Copy
 * @nlb:	size in LBAs; may change under I/O
 * @nuse:	LBAs of it that are allocated; 0: not known
 * @awun:	LBAs, 0's based, that are written as one, seen by others,
 * @awupf:	and over a power failure
 * @hints:	what Identify Namespace says beside that
 * @id:		what comes with it; what is 0 follows, see vnvme_ns_identity()
 * @backend:	who carries out its I/O
 * @priv:	the embedder's
 */
struct vnvme_ns {
	u32			nsid;
	u8			lba_shift;
	bool			ro;
	bool			read_only;
	u8			protect;
	u8			msrc;
	u16			mssrl;
	u32			mcl;
	u64			nlb;
	struct vnvme_backend	*backend;
	void			*priv;
	u64			nuse;
	u16			awun;
	u16			awupf;
	struct vnvme_ns_hints	hints;
	struct vnvme_identity	id;
};

/* ------------------------------------------------------------------------
 * Requests: the SQE is copied into one, checked there, and only used there.
 */

/**
 * struct vnvme_seg - data of a request that is contiguous for the host and for the guest
 * @dma:	for the drive
 * @kva:	for the host
 * @len:	bytes
 * @page:	number of its first page for the guest, modulo 2^32; not set in the first
 *		one of a request, which begins at PRP1
 */
struct vnvme_seg {
	u64	dma;
	void	*kva;
	u32	len;
	u32	page;
};

/*
 * struct vnvme_req - one I/O command between fetch and completion
 * @sqe:	the guest's entry, copied once
 * @tag:	index in the lane, also the command identifier on hardware
 * @submitted:	a backend has it (and its memory)
 * @opcode, @fua, @slba, @nlb, @bytes: decoded and checked; @slba counts the
 *		guest's LBAs; @nlb is 1's based; @bytes of data to move
 * @deallocate:	of Write Zeroes: the guest would like it
 * @settling:	lane->settling counts it
 * @verified:	of Verify, in units of 512 bytes
 * @copied:	of a Copy that fails: the first range that was not copied (backend)
 * @nr_segs, @segs: data, translated; for Dataset Management and Copy none (the
 *		ranges are in @scratch, checked, guest LBAs, @nlb of them; what
 *		Copy does not define for them is 0)
 * @scratch:	one page of the host that a backend may use (PRP list, ranges)
 * @retries:	look-ups that missed
 * @losses:	see enum vnvme_loss
 * @status:	of one that lane->held keeps
 * @abort_token: of the Abort that asks for its end, or 0
 * @start, @start_ns: the embedder's: when a backend took it, in jiffies, and by
 *		the clock, if somebody asks for that
 */
struct vnvme_req {
	struct vnvme_sqe	sqe;
	/* a cache line: what a Read of one page needs */
	struct vnvme_lane	*lane;
	struct vnvme_sq		*sq;
	struct vnvme_ns		*ns;
	struct vnvme_seg	*segs;		/* VNVME_MAX_SEGS */
	struct vnvme_req	*next;
	u64			slba;
	u32			nlb;
	u32			bytes;
	u16			tag;
	u16			err_loc;	/* parameter error location */
	u16			retries;
	u16			losses;
	u16			nr_segs;
	u8			opcode;
	bool			fua;
	bool			submitted;
	/* and what others need */
	bool			deallocate;
	bool			settling;
	u16			status;
	u64			verified;
	u32			copied;
	u32			abort_token;
	int			miss_err;
	u64			miss_iova;
	u32			miss_len;	/* of the data that is walked */
	struct llist_node	node;
	void			*scratch;
	u64			scratch_dma;
	unsigned long		start;
	u64			start_ns;
};

/* ------------------------------------------------------------------------
 * Queues
 */

/* How a guest rings a doorbell, with DBBUF: what it was seen to do. */
enum vnvme_db_use {
	VNVME_DB_NEW,		/* it has not yet: armed */
	VNVME_DB_BAR0,		/* without its shadow, which follows: armed */
	VNVME_DB_UNSURE,	/* the same, its shadow is 0: armed there */
	VNVME_DB_SHADOW,	/* through its shadow */
	VNVME_DB_LEFT,		/* without, and its shadow is something else now */
};

/*
 * struct vnvme_sq - a submission queue
 * @db, @shadow: doorbell values last taken from BAR0 and from the shadow page,
 *		where the latter may be what the controller itself has written
 * @use:	enum vnvme_db_use
 * @gone:	the ring is not the guest's memory any more: nothing is fetched, and
 *		the queue waits to be deleted
 * @inflight:	not @live any more: commands fetched and not answered
 * @del_cid:	Delete I/O Submission Queue that waits for @inflight to be 0,
 *		or -1
 * @at, @left: the next entries, and @word, the shadow doorbell, or @own where
 *		that is not looked at: what owners keep, see vnvme_lane_forget()
 */
struct vnvme_sq {
	void	*at;
	u32	left;
	__le32	*word;
	u64	base;
	u32	depth;
	u32	head;
	u32	tail;
	u32	db;
	u32	shadow;
	u32	event;		/* EventIdx as last written */
	u32	inflight;
	s32	del_cid;
	u32	answer_id;	/* @id, where an answer has it */
	u16	id;
	u16	cqid;
	bool	live;
	bool	gone;
	u8	use;
	__le32	own;
	struct vnvme_sq *next;	/* of the same lane, if @live */
};

/*
 * struct vnvme_cq - a completion queue
 * @word, @own, @use: as struct vnvme_sq's
 * @gone:	the same, nothing is answered, and its submission queues stand still
 * @room:	entries that may be promised before another look at the head
 * @phase:	of the next entry, as it stands in its last word
 * @told:	up to here an interrupt has told the guest of entries, or it has
 *		taken them; from here to @tail they are to be told of
 * @held:	the interrupt for them waits: see vnvme_lane_tell(),
 * @held_head, @held_ns: since when no other @head has been seen
 * @direct:	@irq_enabled, and no Interrupt Coalescing: each pass may raise one
 * @gathers:	Interrupt Coalescing has been holding them back since @gather_ns
 * @urgent:	one of them is an error, which is not held back
 */
struct vnvme_cq {
	__le32	*word;
	u64	base;
	u32	depth;
	u32	head;
	u32	tail;
	u32	db;
	u32	shadow;
	u32	event;
	u32	room;
	u32	phase;
	u32	told;
	u32	held_head;
	u64	held_ns;
	u64	gather_ns;
	u16	id;
	u16	vector;
	u16	nr_sqs;
	bool	irq_enabled;
	bool	direct;
	bool	held;
	bool	gathers;
	bool	urgent;
	bool	live;
	bool	gone;
	u8	use;
	__le32	own;
};

struct vnvme_lane_stat {
	u64	reads, writes, others;		/* commands completed */
	u64	read_sectors, write_sectors;	/* 512 bytes */
	u64	errors, irqs, misses, eventidx, full;
	u64	late_irqs;			/* head did not move: see held */
};

/*
 * struct vnvme_lane - a completion queue with the submission queues that feed
 * it: the unit that a poller owns.  Lane 0 is the admin queue pair, owned by
 * control.
 * @returned:	requests whose miss has been dealt with (any pushes, owner takes)
 * @retry:	requests to decode, translate and submit again
 * @blocked:	the first of @retry met VNVME_BUSY: nothing to do before a kick
 * @held:	requests that have ended and whose answers are still to be written:
 *		COMMAND.MASTER is 0, the ring's memory is being looked for, or
 *		it was no pass's turn yet.  What they moved is free.
 * @nr_reqs:	size of @reqs, below 65536; 0: the lane cannot be used
 * @cq_at, @cq_left: where the next answers go; looked up once for a run of
 *		them, see vnvme_lane_forget().  None are left where an answer is
 *		not all there is to do: @stopping, @deleting, @settling, @aborts.
 * @busy:	requests taken from @free, each of which has been promised an
 *		entry of @cq (lane 0: commands that have)
 * @inflight:	requests a backend has
 * @settling:	those of them that have to end before a flush begins which a Set Features
 *		waits for: see vnvme_lane_settle()
 * @priv:	the embedder's
 */
struct vnvme_lane {
	struct vnvme_ctrl	*ctrl;
	u16			id;
	bool			stopping;	/* no fetch, no completion */
	bool			leaving;	/* the controller waits for @busy to be 0 */
	bool			quieting;	/* MASTER went to 0: for @inflight to be so */
	u8			dirty;		/* backends to commit, by ->bit */
	bool			blocked;
	u32			cq_left;	/* entries at @cq_at */
	void			*cq_at;
	u8			deleting;	/* SQs that wait for their last answer */
	u16			settling;
	u32			aborts;		/* requests with an ->abort_token */
	u32			inflight;
	u32			busy;
	u32			nr_reqs;
	struct vnvme_cq		cq;
	struct vnvme_sq		*sqs;
	struct vnvme_req	*free;
	struct vnvme_req	*retry, **retry_tail;
	struct vnvme_req	*held, **held_tail;
	struct llist_head	returned;
	struct vnvme_req	*reqs;
	struct vnvme_lane_stat	stat;
	void			*priv;
};

/* ------------------------------------------------------------------------
 * The controller
 */
enum vnvme_state {
	VNVME_DISABLED,		/* CC.EN = 0, nothing in flight */
	VNVME_READY,
	VNVME_STOPPING,		/* CC.EN went to 0 or a reset came: draining */
	VNVME_SHUTTING,		/* CC.SHN set: draining, then flushing */
	VNVME_SHUT,		/* CSTS.SHST = 10b */
	VNVME_FAILED,		/* CSTS.CFS */
	VNVME_NR_STATES,
};

enum vnvme_event {
	VNVME_EV_ENABLE,	/* CC.EN 0 -> 1 */
	VNVME_EV_DISABLE,	/* CC.EN 1 -> 0 */
	VNVME_EV_SHUTDOWN,	/* CC.SHN 00b -> 01b or 10b */
	VNVME_EV_RESET,		/* FLR, D3hot to D0, VFIO_DEVICE_RESET, close */
	VNVME_EV_DRAINED,	/* no request in flight any more */
	VNVME_EV_FATAL,		/* queue memory vanished, and the like */
	VNVME_NR_EVENTS,
};

/**
 * struct vnvme_config - what the embedder decides before vnvme_ctrl_init()
 * @uuid:	of the device: NQN and NGUIDs come from it
 * @serial:	printable ASCII
 * @model:	printable ASCII
 * @nr_ioq:	I/O queue pairs, at most VNVME_MAX_IOQ
 * @mdts:	log2 of the largest transfer in pages; at most 9
 * @oncs:	optional NVM commands that all backends carry out: those that
 *		nvm.c knows are announced, others are ignored
 * @vsl:	log2 of the most pages of one Verify,
 * @wzsl:	and of one Write Zeroes; 0: no limit
 * @dmrl:	most ranges of one Dataset Management; 0: as many as it can name
 * @dmrsl:	most LBAs of one range of it,
 * @dmsl:	and of all of its ranges; 0: no limit
 * @wctemp:	in Kelvin, from where on the drive is warm,
 * @cctemp:	and too hot; 0: not known
 * @vwc:	a volatile write cache is present
 * @dbbuf:	offer Doorbell Buffer Config
 */
struct vnvme_config {
	uuid_t	uuid;
	char	serial[VNVME_SN_LEN + 1];
	char	model[VNVME_MN_LEN + 1];
	u16	nr_ioq;
	u8	mdts;
	bool	vwc;
	bool	dbbuf;
	u8	vsl;
	u8	wzsl;
	u8	dmrl;
	u16	oncs;
	u16	wctemp;
	u16	cctemp;
	u32	dmrsl;
	u64	dmsl;
};

struct vnvme_dbbuf {
	u64	db;		/* IOVA of the shadow doorbells, 0: not in use */
	u64	ei;		/* IOVA of the EventIdx page */
};

/* What happened that the guest may want to hear of: bits of ctrl->events. */
enum vnvme_aen {
	VNVME_AEN_DB_REGISTER,	/* doorbell of a queue that does not exist */
	VNVME_AEN_DB_VALUE,	/* doorbell value that cannot be */
	VNVME_AEN_RELIABILITY,
	VNVME_AEN_TEMPERATURE,
	VNVME_AEN_SPARE,
	VNVME_AEN_NS_CHANGED,
	VNVME_NR_AENS,
};

#define VNVME_FLUSH_WAITS	4

/* A Set Features whose answer waits for a flush; 0: that has not begun yet. */
struct vnvme_flush_wait {
	u32	nr;
	u16	cid;
};

/*
 * An Abort whose answer waits for the command's end, or for a backend that refuses.
 * @word: 0: free; else its token, and in bits 1:0 enum vnvme_abort_state (any changes)
 */
struct vnvme_abort {
	u32	word;
	u16	cid;
};

/**
 * struct vnvme_health - what the drive below says of itself
 * @warnings:	Critical Warning; that of the temperature is by the guest's thresholds
 * @temperature: in Kelvin; 0: nothing of all this is known
 * @spare:	Available Spare, in percent,
 * @spare_thresh: and below what it is too little
 * @percent_used: of its life
 * @media_errors: Media and Data Integrity Errors
 */
struct vnvme_health {
	u8	warnings;
	u8	spare;
	u8	spare_thresh;
	u8	percent_used;
	u16	temperature;
	u64	media_errors;
};

struct vnvme_errlog {
	spinlock_t		lock;	/* errors come from owners, too */
	u64			count;
	struct vnvme_err_entry	entry[VNVME_ELPE + 1];
};

/*
 * struct vnvme_ctrl - a controller; owned by control unless a line says
 * otherwise
 * @leaving:	detached namespaces whose last commands are not back yet
 * @events:	bits of enum vnvme_aen (any sets)
 * @ev_open:	those that could be delivered now (any reads)
 * @aen_masked:	event types that wait for their log page to be read
 * @aer_cid:	Asynchronous Event Requests that the guest has outstanding
 * @changed_ns:	NSIDs for the Changed Namespace List
 * @feat:	current values, by feature identifier
 * @feat_vec:	Interrupt Vector Configuration, by vector
 * @feat_ns:	Error Recovery, by namespace
 * @time_base, @time_ns, @time_set: Timestamp: milliseconds, when that was so, by
 *		the guest
 * @temp_over, @temp_under: Temperature Threshold's two values
 * @buf:	what a data-moving admin command is put together in
 */
struct vnvme_ctrl {
	const struct vnvme_env	*env;
	struct vnvme_mem	*mem;
	struct vnvme_config	cfg;
	u32			*db;	/* the doorbell page; the guest may map it */
	u32			max_bytes;	/* MDTS */
	u8			nvm_flags[VNVME_NVM_OPS]; /* by opcode, see nvm.c */

	enum vnvme_state	state;	/* written with owners parked, read by any */
	u32			cc;
	u32			csts;
	u32			intms;
	u32			aqa;
	u64			asq;
	u64			acq;
	bool			master;	/* COMMAND.MASTER, read by owners */
	u8			going;	/* READY, master, not fatal: a pass may fetch */
	bool			mem_on;	/* COMMAND.MEM */
	struct vnvme_dbbuf	dbbuf;	/* changed by control with owners parked */

	struct vnvme_lane	lane[VNVME_MAX_IOQ + 1];
	struct vnvme_sq		sq[VNVME_MAX_IOQ + 1];
	struct vnvme_ns		*ns[VNVME_NS_SLOTS];	/* changed with owners parked */
	struct vnvme_ns		*leaving[VNVME_MAX_NS + 1];
	struct vnvme_backend	*backend[VNVME_MAX_BACKENDS];
	unsigned int		nr_backends;

	unsigned long		events;
	unsigned long		ev_open;
	bool			fatal;		/* any sets: EV_FATAL is due */
	bool			lost;		/* any sets: pin the queues again */

	u32			flush_asked;	/* flushes begun; control writes it */
	u32			flush_done;	/* up to this one they have ended (any) */
	u32			flush_shut;	/* the one that a shutdown waits for, or 0 */
	struct vnvme_flush_wait	flush_wait[VNVME_FLUSH_WAITS];
	u8			nr_flush_wait;
	struct vnvme_abort	abort[VNVME_ACL + 1];
	u32			abort_seq;

	u8			aen_masked;
	u8			nr_aer;
	u16			aer_cid[VNVME_AERL + 1];
	bool			changed_ns[VNVME_MAX_NS + 1];
	u32			feat[VNVME_NR_FEATURES];
	u32			feat_vec[VNVME_MAX_IOQ + 1];
	u32			feat_ns[VNVME_MAX_NS + 1];
	u64			time_base;
	u64			time_ns;
	bool			time_set;
	u16			temp_over;
	u16			temp_under;
	struct vnvme_health	health;
	u64			power_on_ns;
	struct vnvme_errlog	errlog;

	u8			pci[VNVME_CFG_SIZE];
	u8			msix[VNVME_PAGE_SIZE];
	u8			buf[VNVME_PAGE_SIZE];
};

/* identity.c */
void vnvme_default_names(struct vnvme_config *cfg);
void vnvme_ns_identity(const struct vnvme_ctrl *ctrl, const struct vnvme_ns *ns,
		       struct vnvme_identity *id);

/* ctrl.c: life cycle */

/**
 * vnvme_ctrl_init() - a controller as after power-on
 * @ctrl:	zeroed memory
 * @env:	surroundings, outlive it
 * @mem:	guest memory, outlives it
 * @cfg:	copied
 * @db:		a zeroed page of VNVME_PAGE_SIZE for the doorbells
 */
void vnvme_ctrl_init(struct vnvme_ctrl *ctrl, const struct vnvme_env *env,
		     struct vnvme_mem *mem, const struct vnvme_config *cfg,
		     u32 *db);

/*
 * Give lane 1..nr_ioq its requests: @reqs and segs are zeroed by the caller,
 * ->segs, ->scratch and ->scratch_dma set.  Controller DISABLED. (control)
 */
void vnvme_lane_init(struct vnvme_ctrl *ctrl, u16 id, struct vnvme_req *reqs,
		     u32 nr, void *priv);

/**
 * vnvme_ctrl_work() - everything that may sleep and is due
 * @ctrl:	controller
 *
 * State changes, admin commands, events.  Called by control after env->work().
 * Takes a bounded number of admin commands and calls env->work() for more.
 */
void vnvme_ctrl_work(struct vnvme_ctrl *ctrl);

/*
 * Start a reset (FLR, VFIO_DEVICE_RESET, close).  Complete once
 * vnvme_ctrl_idle(); registers and config space are then as after power-on.
 * (control)
 */
void vnvme_ctrl_reset(struct vnvme_ctrl *ctrl);

/* True if the controller is disabled and nothing is in flight. (any) */
bool vnvme_ctrl_idle(const struct vnvme_ctrl *ctrl);

/* Flushes begun so far: what env->flush() does next ends these. (any) */
u32 vnvme_ctrl_flush_asked(const struct vnvme_ctrl *ctrl);
/* What had completed when @nr flushes were begun is durable. (any) */
void vnvme_ctrl_flushed(struct vnvme_ctrl *ctrl, u32 nr);

/* log.c: the drive's health as it is now; the guest hears of what has got worse. (control) */
void vnvme_ctrl_health(struct vnvme_ctrl *ctrl, const struct vnvme_health *health);

/* Queue memory vanished or the like: CSTS.CFS follows. (any) */
void vnvme_ctrl_fatal(struct vnvme_ctrl *ctrl);

/*
 * regs.c.  @buf little endian as the guest sees it; any offset and length are
 * survived (at most 8 bytes are looked at).
 */
void vnvme_bar_read(struct vnvme_ctrl *ctrl, u32 off, void *buf, u32 len);	/* any */
void vnvme_bar_write(struct vnvme_ctrl *ctrl, u32 off, const void *buf, u32 len); /* control */

/*
 * A doorbell write needs no control: true if @off was in the doorbell page and
 * is done, kick included. (any)
 */
bool vnvme_doorbell_write(struct vnvme_ctrl *ctrl, u32 off, const void *buf, u32 len);

/* pcicfg.c */
void vnvme_cfg_read(struct vnvme_ctrl *ctrl, u32 off, void *buf, u32 len);	/* any */
/*
 * A write may start a reset (FLR, D3hot to D0) as vnvme_ctrl_reset().  One that takes
 * COMMAND.MASTER away, or goes to D3hot, is done once vnvme_ctrl_quiet(). (control)
 */
void vnvme_cfg_write(struct vnvme_ctrl *ctrl, u32 off, const void *buf, u32 len);
/*
 * False while backends have commands from before bus mastering was disabled: they may
 * still read and write guest memory.  env->work() is called when that changes. (any)
 */
bool vnvme_ctrl_quiet(const struct vnvme_ctrl *ctrl);
/*
 * INTx level: some completion queue with interrupts on has entries that the
 * guest has not taken, and neither INTMS nor COMMAND forbids. (any)
 */
bool vnvme_intx_level(const struct vnvme_ctrl *ctrl);
/* Has a completion queue of this vector entries that the guest has not taken? (any) */
bool vnvme_vector_unread(const struct vnvme_ctrl *ctrl, u16 vector);

/*
 * Namespaces: attach and detach under a running controller.  Detach: owners
 * are parked inside; in-flight requests of @ns end first: call again while it
 * returns -EAGAIN. Notices (AEN) are sent. After a change of ->nlb or of
 * vnvme_ns_set_read_only() call vnvme_ns_changed(). (control)
 *
 * To attach a namespace to a controller that is new is a power cycle: Write Protect
 * Until Power Cycle ends.
 */
int vnvme_ns_attach(struct vnvme_ctrl *ctrl, struct vnvme_ns *ns);	/* -EEXIST, -EINVAL */
int vnvme_ns_detach(struct vnvme_ctrl *ctrl, u32 nsid);			/* -ENOENT, -EAGAIN */
void vnvme_ns_changed(struct vnvme_ctrl *ctrl, const struct vnvme_ns *ns);
/* As above, or before it is attached; what the guest protects stays so. (control) */
void vnvme_ns_set_read_only(struct vnvme_ns *ns, bool read_only);
int vnvme_backend_add(struct vnvme_ctrl *ctrl, struct vnvme_backend *b); /* -ENOSPC */

/* step.c: the hot path (owner) */

/**
 * vnvme_lane_step() - one bounded pass over a lane
 * @lane:	1..nr_ioq
 * @budget:	commands to fetch, or to take up again, at most
 *
 * Reaps, retries, fetches, submits, rings once, raises at most one interrupt.
 * No loop in it goes beyond @budget or VNVME_REAP, but for taking over lists.
 * Without COMMAND.MASTER it only reaps, and nothing reaches the guest.
 * Return: how much was done; 0: nothing to do.
 */
unsigned int vnvme_lane_step(struct vnvme_lane *lane, unsigned int budget);

/* Submit all that waits and has its memory, whatever that costs; fetch nothing. */
void vnvme_lane_resubmit(struct vnvme_lane *lane);

/* A backend is done with @req: answer the guest. @status without phase bit. */
void vnvme_req_done(struct vnvme_req *req, u16 status);
/* The backend lost @req (controller reset): translate and submit again, or fail. */
void vnvme_req_requeue(struct vnvme_req *req, enum vnvme_loss loss, u32 retries);
/* The miss of @req was dealt with: is there another?  (who has it and users of memory) */
bool vnvme_req_next_miss(struct vnvme_req *req);
/* ->abort: the backend's drive has not done it; the request goes on. (any) */
void vnvme_abort_refused(struct vnvme_ctrl *ctrl, u32 token);
/* nvm.c: a drive's status as this controller may say it (any) */
u16 vnvme_nvm_status(u16 status);
/* The miss of @req was dealt with: 0 or -errno; kick afterwards. (any) */
void vnvme_req_return(struct vnvme_req *req, int err);

/*
 * Memory that is going away: after vnvme_lane_forget() no look-up of before is used
 * again but by requests that a backend has.  vnvme_lane_pages() tells what these use: @nr of the
 * guest's pages from @page on, numbered modulo 2^32. (owner)
 */
void vnvme_lane_forget(struct vnvme_lane *lane);
void vnvme_lane_pages(const struct vnvme_lane *lane,
		      void (*fn)(void *arg, u32 page, u32 nr), void *arg);

/*
 * Idle: arm so that the guest's next doorbell is a write to BAR0; then, after a
 * full barrier, look once more: vnvme_lane_pending(). (owner)
 */
void vnvme_lane_arm(struct vnvme_lane *lane);
bool vnvme_lane_pending(const struct vnvme_lane *lane);
/* An interrupt is held back: steps have to go on, although they do nothing. (any) */
bool vnvme_lane_holds(const struct vnvme_lane *lane);
/*
 * Is there something to do for vnvme_ctrl_work(): admin doorbell, events (any,
 * cheap: the poller asks each pass).  The admin queue's EventIdx stays at its
 * tail, so that each of its doorbells reaches BAR0: nothing to arm.
 */
bool vnvme_admin_pending(const struct vnvme_ctrl *ctrl);
/* Doorbells of queues that do not exist: report and forget. (owner) */
void vnvme_db_scan(struct vnvme_ctrl *ctrl);
/* All doorbells that may not be and that nobody has looked at, once a second. (control) */
void vnvme_db_watch(struct vnvme_ctrl *ctrl);

#endif
