/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fake guest and a fake host around one controller: memory that is pinned on
 * demand, a model disk, a driver that checks what it gets back.
 *
 * The test files and the fuzzer stand on it; it knows nothing of either.
 */
#ifndef _VNVME_FAKE_H
#define _VNVME_FAKE_H

#include <linux/slab.h>

#include "../internal.h"

#define FAKE_RAM	(4u << 20)	/* at IOVA 0 */
#define FAKE_HIGH	(1ull << 52)	/* its first 2 MiB again, */
#define FAKE_TOP	(~0ull << VNVME_CHUNK_SHIFT)	/* and once more, up to the last byte */
#define FAKE_RAM_PAGES	(FAKE_RAM / VNVME_PAGE_SIZE)
#define FAKE_CHUNKS	(FAKE_RAM / VNVME_CHUNK_SIZE + 2)
#define FAKE_DMA	0x7000000000ull
#define FAKE_LBAS	8192u		/* 512 bytes each */
#define FAKE_MSSRL	64u		/* Copy: of a range, of a command */
#define FAKE_MCL	1000u
#define FAKE_REQS	32u
#define FAKE_CIDS	1024u

/* Where the driver keeps things; data from FAKE_DATA on. */
#define FAKE_ASQ	0x10000u
#define FAKE_ACQ	0x20000u
#define FAKE_SHADOW	0x30000u
#define FAKE_EVENT	0x31000u
#define FAKE_ID		0x32000u	/* admin data, two pages */
#define FAKE_SQ(id)	(0x40000u + (id) * 0x8000u)
#define FAKE_CQ(id)	(0x44000u + (id) * 0x8000u)
#define FAKE_LIST	0x100000u
#define FAKE_DATA	0x200000u

struct fake_queue {
	u16	id;
	u16	cqid;
	u64	sq, cq;
	u32	depth, cq_depth;
	u32	tail;
	u32	head;		/* of the CQ with the same id */
	u8	phase;
	bool	shadow;		/* the driver uses DBBUF for this queue */
	u8	waiting[FAKE_CIDS];
};

enum fake_page {
	FAKE_OK,
	FAKE_ABSENT,		/* the guest has nothing there */
	FAKE_NOMEM,		/* over a limit */
	FAKE_RO,
};

struct fake {
	struct vnvme_ctrl	ctrl;
	struct vnvme_backend	backend;
	struct vnvme_ns		ns;
	struct vnvme_mem	mem;
	struct vnvme_chunk	chunk[FAKE_CHUNKS];
	u8			*ram;
	u8			*kind;		/* enum fake_page, per page */
	u32			*db;
	u8			*disk;
	u8			*durable;	/* per LBA: written with FUA or flushed */
	struct vnvme_req	*reqs[VNVME_MAX_IOQ + 1];
	struct vnvme_config	cfg;

	/* host; from here on zeroed by fake_renew() */
	bool			work;
	bool			kicked;
	int			parked;
	bool			pin_used;	/* INTx is set up, MSI-X is not */
	u64			now;
	u32			irqs[VNVME_MAX_IOQ + 1];
	u32			nr_irqs, nr_flush, nr_pins, nr_commits;
	u32			nr_submits, nr_deallocate;
	bool			last_fua;	/* of what the backend got */
	struct vnvme_req	*pin_list;
	bool			pin_hold;	/* the pin worker is slow */
	bool			flush_hold;	/* a device is: fake_flush_end() */
	u64			lose;		/* a page that goes while ... */
	u32			lose_pins;	/* ... so many others are pinned */
	bool			lose_parked;	/* or while lanes are parked */
	/* a page of RAM may be touched by the device from now on, or not */
	void			(*on_pin)(void *page, bool pinned);
	/* in the middle of a step: what runs beside it */
	void			(*on_step)(struct fake *f);

	/* backend */
	struct vnvme_req	*list[VNVME_MAX_IOQ * FAKE_REQS];
	u32			nr_list;
	bool			hold;		/* completes nothing */
	bool			at_once;	/* completes inside submit */
	u32			busy;		/* so many submits meet BUSY */
	u16			status;		/* what it completes with */
	u16			refuse;		/* what submit returns */
	bool			aborts;		/* is able to; see abort_token */
	u32			abort_token;	/* of the last Abort; 0: none */
	struct vnvme_req	*abort_req;	/* what it was about */
	u32			lossy;		/* so many requests get lost */
	enum vnvme_loss		loss;		/* how, and ... */
	u32			retries;	/* ... how often; 0: without end */

	/* guest */
	struct fake_queue	q[VNVME_MAX_IOQ + 1];
	u32			nr_bad;		/* answers nobody waited for */
	bool			mapped;		/* doorbells without exits */
	bool			dbbuf;
	u32			nr_mmio;	/* doorbells rung through BAR0 */
};

struct fake *fake_new(u16 nr_ioq);
struct fake *fake_new_cfg(const struct vnvme_config *cfg);
void fake_renew(struct fake *f);		/* as new; the disk keeps its data */
void fake_free(struct fake *f);

/* host */
void fake_run(struct fake *f);			/* until nothing moves */
void fake_work(struct fake *f);			/* control only */
unsigned int fake_step(struct fake *f, u16 lane, unsigned int budget);
void fake_check(struct fake *f);			/* invariants: ->nr_bad */
void fake_flush_end(struct fake *f);
void fake_pin_all(struct fake *f);		/* answer what waits for a pin */
void fake_unpin(struct fake *f, u64 iova, u32 len);
void fake_page(struct fake *f, u64 iova, enum fake_page kind);
void *fake_ptr(struct fake *f, u64 iova);
/* does a request that a backend has use memory of [first, last]? */
bool fake_uses(const struct vnvme_lane *lane, u64 first, u64 last);
/* the page has a memory error, until shim_poison is NULL */
void fake_poison(struct fake *f, u64 iova);

/* guest: registers */
u32 fake_read32(struct fake *f, u32 off);
u64 fake_read64(struct fake *f, u32 off);
void fake_write32(struct fake *f, u32 off, u32 val);
void fake_write64(struct fake *f, u32 off, u64 val);
u32 fake_cfg_read32(struct fake *f, u32 off);
void fake_cfg_write16(struct fake *f, u32 off, u16 val);
void fake_cfg_write32(struct fake *f, u32 off, u32 val);
void fake_ring(struct fake *f, unsigned int index, u32 val, bool shadow);

/* guest: driver */
bool fake_enable(struct fake *f, u32 sqs, u32 cqs);
void fake_push(struct fake *f, u16 sqid, const struct vnvme_sqe *sqe);
void fake_sq_ring(struct fake *f, u16 sqid);
bool fake_peek(struct fake *f, u16 cqid, struct vnvme_cqe *cqe);
bool fake_pop(struct fake *f, u16 cqid, struct vnvme_cqe *cqe);
void fake_cq_ring(struct fake *f, u16 cqid);
void fake_queue_start(struct fake *f, u16 id, u16 cqid, u32 depth);
u16 fake_admin(struct fake *f, struct vnvme_sqe *sqe, u32 *dw0);
u16 fake_create(struct fake *f, u16 id, u16 cqid, u32 depth);
u16 fake_create_cq(struct fake *f, u16 id, u32 depth);
u16 fake_create_sq(struct fake *f, u16 id, u16 cqid, u32 depth);
u16 fake_delete_sq(struct fake *f, u16 id);
u16 fake_delete_cq(struct fake *f, u16 id);
u16 fake_identify(struct fake *f, u8 cns, u32 nsid);
u16 fake_get_log(struct fake *f, u8 lid, u32 bytes, u64 off, bool rae);
u16 fake_set_feature(struct fake *f, u8 fid, u32 val, u32 *dw0);
u16 fake_get_feature(struct fake *f, u8 fid, u32 *dw0);
u16 fake_dbbuf(struct fake *f);
u16 fake_io(struct fake *f, u16 sqid, struct vnvme_sqe *sqe);
struct fake *fake_ready(u16 nr_ioq);		/* enabled, queue 1 of 16 */

struct vnvme_sqe fake_sqe(u8 opcode, u32 nsid);
struct vnvme_sqe fake_rw(u8 opcode, u64 slba, u32 nlb, u64 prp1, u64 prp2);
struct vnvme_sqe fake_create_cq_sqe(u16 id, u64 base, u32 depth, u16 iv);
struct vnvme_sqe fake_create_sq_sqe(u16 id, u64 base, u32 depth, u16 cqid);

#endif
