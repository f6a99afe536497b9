/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small NVMe driver over /dev/vfio, for tests: container, group, device,
 * guest memory, queues that are polled or interrupt.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <linux/types.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE		4096ul
#define MEM_SIZE	(64ul << 20)
#define MEM_IOVA	0x10000000ul	/* where the guest memory is mapped */

#define REG_CAP		0x00
#define REG_VS		0x08
#define REG_INTMS	0x0c
#define REG_INTMC	0x10
#define REG_CC		0x14
#define REG_CSTS	0x1c
#define REG_AQA		0x24
#define REG_ASQ		0x28
#define REG_ACQ		0x30
#define REG_DB		0x1000

#define CSTS_RDY	0x1
#define CSTS_CFS	0x2

#define CC_ENABLE	0x00460001u	/* IOCQES 4, IOSQES 6, EN */

/* status without phase and DNR */
#define ST_OK		0x000
#define ST_OPCODE	0x001
#define ST_FIELD	0x002
#define ST_TRANSFER	0x004
#define ST_NS		0x00b
#define ST_PRP		0x013
#define ST_ABORTED	0x007
#define ST_PROTECTED	0x020
#define ST_LBA		0x080
#define ST_SEQUENCE	0x00c
#define ST_CQ		0x100
#define ST_QID		0x101
#define ST_QSIZE	0x102
#define ST_AER		0x105
#define ST_VECTOR	0x108
#define ST_LOG		0x109
#define ST_QDELETE	0x10c
#define ST_SAVE		0x10d
#define ST_FIXED	0x10e
#define ST_NOT_NS	0x10f
#define ST_SIZE_LIMIT	0x183
#define ST_COMPARE	0x285
#define ST_TIMEOUT	0xffff		/* the client's own: no answer */

struct sqe {
	uint8_t		opcode, flags;
	uint16_t	cid;
	uint32_t	nsid;
	uint64_t	rsvd, mptr, prp1, prp2;
	uint32_t	cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
};

struct cqe {
	uint32_t	dw0, dw1;
	uint16_t	sqhd, sqid, cid, status;
};

/* One submission and one completion queue of the same id. */
struct queue {
	uint16_t	id;
	uint32_t	depth;
	uint32_t	tail, head;	/* of the SQ, of the CQ */
	uint8_t		phase;
	uint16_t	cid;
	struct sqe	*sq;
	volatile struct cqe *cq;
};

struct client {
	const char	*uuid;
	int		container, group, device;
	uint8_t		*mem;		/* guest memory */
	size_t		used;		/* of it, by client_alloc() */
	volatile uint32_t *db;		/* the doorbell page, or NULL: pwrite() */
	volatile uint32_t *shadow, *eventidx;
	unsigned long	mmio;		/* doorbells written to BAR0 */
	struct queue	admin, io[4];
};

const char *client_uuid(void);
/* client_open() in steps: a container with the device's group, and memory; the device */
int client_attach(struct client *c);
int client_device(struct client *c);
int client_open(struct client *c);
/* The same in a container of the first version, which cannot pin */
int client_open_type1(struct client *c);
void client_close(struct client *c);
int client_map(struct client *c, void *addr, uint64_t iova, uint64_t size, uint32_t flags);
int client_unmap(struct client *c, uint64_t iova, uint64_t size);

uint64_t bar_read(struct client *c, uint64_t off, size_t len);
void bar_write(struct client *c, uint64_t off, uint64_t val, size_t len);
uint64_t cfg_read(struct client *c, uint64_t off, size_t len);
void cfg_write(struct client *c, uint64_t off, uint64_t val, size_t len);

void *client_alloc(struct client *c, size_t size);
uint64_t client_iova(struct client *c, const volatile void *p);

int client_map_doorbells(struct client *c);
int client_enable(struct client *c, uint32_t depth);
void client_disable(struct client *c);
uint16_t client_io_queue(struct client *c, uint16_t id, uint32_t depth, int vector);
uint16_t client_dbbuf(struct client *c);

uint16_t queue_push(struct client *c, struct queue *q, struct sqe *cmd);
void queue_ring(struct client *c, struct queue *q);
bool queue_pop(struct client *c, struct queue *q, struct cqe *out);
uint16_t queue_wait(struct client *c, struct queue *q, struct cqe *out, int ms);
uint16_t client_exec(struct client *c, struct queue *q, struct sqe *cmd, struct cqe *out);
uint16_t client_rw(struct client *c, struct queue *q, bool write, uint64_t slba, uint32_t nlb,
		   uint64_t iova, size_t lba);

int client_irq(struct client *c, uint32_t index, uint32_t start, int fd);
int client_irq_flags(struct client *c, uint32_t index, uint32_t flags);
int client_irq_none(struct client *c, uint32_t index);
long client_state(struct client *c, const char *file);
long client_counter(struct client *c, const char *name);
int client_set(struct client *c, const char *file, const char *value);
void client_measured(const char *what, unsigned long n);

#endif
