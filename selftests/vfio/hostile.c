// SPDX-License-Identifier: GPL-2.0
/*
 * A hostile guest: threads that write registers, doorbells, rings, PRP lists,
 * shadow doorbells and config space, well-formed, half wrong or at random, while
 * others rewrite what was submitted, take memory away and reset the controller.
 *
 * hostile SEED OPERATIONS, on the device of NVME_MDEV_UUID: NSID 1 is a partition
 * that may be destroyed, NSID 2 a null namespace.  What each thread does follows
 * from the seed; how they meet does not.  Results are KTAP: what must hold is
 *
 *   canaries	memory beside the guest's, never mapped, is never written
 *   read-only	nor is what is mapped for reading only
 *   unmapped	nor is what was mapped, once it has been unmapped
 *   usable	after a reset the device works as ever, four times in a run
 *   bounded	the host's memory does not shrink from the first quarter to the last
 *
 * and that no thread is stuck.  Canaries on the drive are the caller's to compare.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"

#define MIB		(1ul << 20)
#define CANARY		(4 * MIB)
#define RINGS		(2 * MIB)	/* of guest memory: a mapping of their own */
#define RO_SIZE		(4 * MIB)
#define HOT_SIZE	(5 * MIB)	/* two chunks as a whole, one by page */
#define RO_IOVA		(MEM_IOVA + MEM_SIZE)
#define HOT_IOVA	0x40000000ul
#define HOT_PLACES	2
#define NR_QUEUES	2
#define MAX_DEPTH	256
#define LBA		512
#define PATIENCE	20		/* looks for a completion, then more is submitted */
#define STUCK_S		90		/* without a step of some thread */
#define READ_WRITE	(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

/* In guest memory, all in its first part */
#define RING_AT(q)	(256 * 1024ul + (q) * 65536ul)
#define CQ_AT(q)	(RING_AT(q) + 32768ul)
#define SHADOW_AT	(1024 * 1024ul)
#define EVENTIDX_AT	(SHADOW_AT + PAGE)
#define LISTS_AT	(1280 * 1024ul)	/* PRP lists and ranges */
#define LISTS		64		/* pages */
#define DATA_AT		RINGS

enum op {
	OP_COMMAND, OP_DOORBELL, OP_ADMIN, OP_REGISTER, OP_CONFIG, OP_REWRITE, OP_MAP, OP_IRQ,
	OP_ENABLE, OP_RESET, NR_OPS,
};

static const char * const op_name[NR_OPS] = {
	"commands", "doorbells", "admin commands", "register accesses", "config accesses",
	"rewrites", "mappings changed", "interrupts set", "enables", "resets",
};

struct worker {
	const char	*name;
	void		(*once)(struct worker *w);
	unsigned int	queue;
	uint64_t	rng;
	unsigned long	n[NR_OPS], steps;
	bool		paused;
	pthread_t	thread;
	/* of a submitter */
	unsigned int	epoch;
	uint32_t	tail, head, owed;
	uint8_t		phase;
};

static struct client client;
static uint8_t *arena, *ro, *hot;
static uint64_t nsze;
static bool stop, pause_all;
static bool ready;		/* the controller was, when control last looked */
static unsigned int epoch;	/* counts the enables */
static uint32_t depth = 16;	/* of the I/O queues in this epoch */
static unsigned long late_writes;	/* pages written after they were unmapped */
static long most_pinned;

static uint64_t rnd(struct worker *w)
{
	w->rng ^= w->rng >> 12;
	w->rng ^= w->rng << 25;
	w->rng ^= w->rng >> 27;
	return w->rng * 0x2545f4914f6cdd1dull;
}

static uint32_t below(struct worker *w, uint32_t n)
{
	return (rnd(w) >> 32) % n;
}

static bool one_in(struct worker *w, uint32_t n)
{
	return !below(w, n);
}

static void count(struct worker *w, enum op op)
{
	__atomic_store_n(&w->n[op], w->n[op] + 1, __ATOMIC_RELAXED);
}

/* Numbers at which checks go wrong. */
static uint64_t edgy(struct worker *w)
{
	const uint64_t t[] = {
		0, 1, 2, nsze - 1, nsze, nsze + 1, nsze - 8, depth - 1, depth, depth + 1,
		0xff, 0x100, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
		1ull << 32, 1ull << 63, ~0ull, ~0ull - 1, ~0ull - nsze, PAGE, PAGE - 1,
	};

	return one_in(w, 4) ? rnd(w) : t[below(w, sizeof(t) / sizeof(*t))];
}

/* An address: mostly data, else at the edge of something or nothing at all. */
static uint64_t address(struct worker *w)
{
	uint64_t off = (uint64_t)below(w, 512) * PAGE;

	switch (below(w, 32)) {
	case 0:
		return RO_IOVA + off % RO_SIZE;
	case 1:
		return RO_IOVA - PAGE;
	case 2:
		return RO_IOVA + RO_SIZE - PAGE;
	case 3 ... 5:
	case 8 ... 12:
		return HOT_IOVA + below(w, HOT_PLACES) * 16 * MIB + off % HOT_SIZE;
	case 6:
		return MEM_IOVA - PAGE + below(w, 2) * PAGE;
	case 7:
		return edgy(w);
	case 13:
		return MEM_IOVA + LISTS_AT + off % (LISTS * PAGE);
	default:
		/* 2 MiB of data in each of which something is pinned soon */
		return MEM_IOVA + DATA_AT + below(w, 24) * 2 * MIB + off;
	}
}

static uint64_t *list_page(unsigned int i)
{
	return (uint64_t *)(client.mem + LISTS_AT + i % LISTS * PAGE);
}

/* A PRP list of @n entries, or ranges; its address. */
static uint64_t list(struct worker *w, unsigned int n)
{
	unsigned int page = below(w, LISTS), at = one_in(w, 4) ? below(w, 512) : 0, i;
	uint64_t *p = list_page(page);

	for (i = at; i < 512 && i < at + n; i++)
		p[i] = one_in(w, 64) ? edgy(w) : address(w);
	/* the list goes on in the next page, or in itself */
	if (at + n > 511)
		p[511] = MEM_IOVA + LISTS_AT + (page + below(w, 2)) % LISTS * PAGE;
	return MEM_IOVA + LISTS_AT + page * PAGE + at * 8;
}

static void ranges(struct worker *w, uint64_t *p, unsigned int n)
{
	for (; n--; p += 2) {
		p[0] = (uint64_t)(one_in(w, 8) ? edgy(w) : below(w, 64)) << 32;
		p[1] = one_in(w, 8) ? edgy(w) : below(w, nsze);
	}
}

static void wrong(struct worker *w, void *p, size_t len)
{
	if (one_in(w, 2))
		((uint8_t *)p)[below(w, len)] ^= 1 << below(w, 8);
	else if (one_in(w, 2))
		*(uint32_t *)((uint8_t *)p + (below(w, len) & ~3u)) = edgy(w);
	else
		*(uint64_t *)((uint8_t *)p + (below(w, len - 7) & ~7u)) = edgy(w);
}

/* A command of the NVM command set; every second has something wrong with it. */
static struct sqe command(struct worker *w)
{
	static const uint8_t ops[] = { 0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 5, 8, 9, 0xc, 0x19, 4 };
	struct sqe cmd = { .opcode = ops[below(w, sizeof(ops))], .cid = rnd(w) };
	uint32_t nlb = one_in(w, 4) ? below(w, 1024) : below(w, 16);
	uint64_t slba = below(w, 3) ? below(w, nsze - 1024) : nsze - below(w, 2048);

	cmd.nsid = 1 + below(w, 2);
	cmd.cdw10 = slba;
	cmd.cdw11 = slba >> 32;
	cmd.cdw12 = nlb | (one_in(w, 8) ? 1u << 30 : 0);
	cmd.prp1 = address(w) + (one_in(w, 4) ? below(w, PAGE) & ~3u : 0);
	cmd.prp2 = nlb < 8 ? 0 : nlb < 16 ? address(w) : list(w, nlb / 8 + 1);
	if (cmd.opcode == 9 || cmd.opcode == 0x19) {
		ranges(w, list_page(w->queue), 16);
		cmd.prp1 = MEM_IOVA + LISTS_AT + w->queue * PAGE;
		cmd.cdw11 = cmd.opcode == 9 ? 4 : cmd.cdw11;
		cmd.cdw10 = cmd.opcode == 9 ? below(w, 16) : cmd.cdw10;
		cmd.cdw12 = below(w, 16);
	}
	while (one_in(w, 2))
		wrong(w, &cmd, sizeof(cmd));
	return cmd;
}

static void doorbell(struct worker *w, unsigned int index, uint32_t val)
{
	count(w, OP_DOORBELL);
	((volatile uint32_t *)(client.mem + SHADOW_AT))[index] = val;
	__sync_synchronize();
	if (one_in(w, 8))
		bar_write(&client, REG_DB + index * 4, val, 4);
	else
		client.db[index] = val;
}

static void reap(struct worker *w)
{
	volatile struct cqe *cq = (void *)(client.mem + CQ_AT(w->queue));
	unsigned int n = 0;

	while (w->owed && (cq[w->head].status & 1) == w->phase && n++ < MAX_DEPTH) {
		w->owed--;
		if (++w->head >= depth) {
			w->head = 0;
			w->phase ^= 1;
		}
	}
	if (n)
		doorbell(w, w->queue * 2 + 1, w->head);
}

/* Some commands on the ring, its doorbell, and what has come back. */
static void submit(struct worker *w)
{
	struct sqe *sq = (void *)(client.mem + RING_AT(w->queue));
	unsigned int now = __atomic_load_n(&epoch, __ATOMIC_ACQUIRE), n = below(w, 16) + 1, i;

	if (!__atomic_load_n(&ready, __ATOMIC_RELAXED)) {
		usleep(200);
		return;
	}
	if (now != w->epoch) {
		w->epoch = now;
		w->tail = 0;
		w->head = 0;
		w->owed = 0;
		w->phase = 1;
	}
	for (i = 0; i < n; i++) {
		sq[w->tail % MAX_DEPTH] = command(w);
		w->tail = (w->tail + 1) % depth;
		w->owed++;
		count(w, OP_COMMAND);
	}
	doorbell(w, w->queue * 2, one_in(w, 64) ? (uint32_t)edgy(w) : w->tail);
	for (i = 0; i < PATIENCE && w->owed > depth / 2; i++) {
		reap(w);
		usleep(20);
	}
	if (one_in(w, 64))
		doorbell(w, below(w, 12), edgy(w));
	if (i == PATIENCE)	/* whatever became of it */
		w->owed = 0;
}

static unsigned long total(enum op op);

/* What was submitted changes while it is looked at: twice-read values differ. */
static void rewrite(struct worker *w)
{
	struct sqe *sq = (void *)(client.mem + RING_AT(1 + below(w, NR_QUEUES)));
	uint32_t *db = (uint32_t *)(client.mem + SHADOW_AT);
	unsigned int i, n = 64;

	/* no more of them than commands: it is for those that the rest waits */
	if (w->n[OP_REWRITE] > total(OP_COMMAND)) {
		usleep(200);
		return;
	}
	for (i = 0; i < n; i++, count(w, OP_REWRITE))
		switch (below(w, 8)) {
		case 0:
		case 1:
		case 2:
			wrong(w, &sq[below(w, MAX_DEPTH)], sizeof(*sq));
			break;
		case 3:
			sq[below(w, MAX_DEPTH)] = command(w);
			break;
		case 4:
			db[below(w, 2048)] = below(w, 2) ? below(w, MAX_DEPTH) : edgy(w);
			break;
		case 5:
			wrong(w, client.mem + below(w, RINGS / PAGE) * PAGE, PAGE);
			break;
		default:
			list_page(below(w, LISTS))[below(w, 512)] =
				one_in(w, 4) ? edgy(w) : address(w);
		}
}

static void fill(uint8_t *p, size_t len, uint8_t val)
{
	memset(p, val, len);
}

static unsigned long changed(const uint8_t *p, size_t len, uint8_t val)
{
	unsigned long n = 0;
	size_t i;

	for (i = 0; i < len; i += PAGE)
		n += p[i] != val || memcmp(p + i, p + i + 1, PAGE - 1);
	return n;
}

/*
 * Memory that comes and goes, somewhere else each time; while it is away it must
 * not change.  Now and then the rings go, which is the controller's end.
 */
static void remap(struct worker *w)
{
	uint64_t iova = HOT_IOVA + below(w, HOT_PLACES) * 16 * MIB;
	uint8_t val = rnd(w);
	long pinned;

	if (client_map(&client, hot, iova, HOT_SIZE, READ_WRITE))
		abort();
	usleep(below(w, 8000));
	pinned = client_state(&client, "pinned_bytes");
	if (pinned > most_pinned)
		most_pinned = pinned;
	if (client_unmap(&client, iova, HOT_SIZE))
		abort();
	fill(hot, HOT_SIZE, val);
	usleep(below(w, 4000));
	late_writes += changed(hot, HOT_SIZE, val);
	count(w, OP_MAP);
	if (one_in(w, 16)) {
		client_unmap(&client, MEM_IOVA, RINGS);
		usleep(below(w, 2000));
		client_map(&client, client.mem, MEM_IOVA, RINGS, READ_WRITE);
		count(w, OP_MAP);
	}
}

/* Waits until CSTS says so; not for ever, nor for a controller that has failed. */
static bool csts_becomes(uint32_t want)
{
	int i;

	for (i = 0; i < 200; i++) {
		uint32_t csts = bar_read(&client, REG_CSTS, 4);

		if ((csts & CSTS_RDY) == want)
			return true;
		if (want && (csts & CSTS_CFS))
			return false;
		usleep(200);
	}
	return false;
}

/* An admin command, and its end if it is prompt. */
static void admin(struct worker *w, struct sqe cmd)
{
	count(w, OP_ADMIN);
	queue_push(&client, &client.admin, &cmd);
	queue_ring(&client, &client.admin);
	queue_wait(&client, &client.admin, NULL, 3);
}

static void make_queues(struct worker *w)
{
	unsigned int q;

	for (q = 1; q <= NR_QUEUES; q++) {
		struct sqe cmd = { .opcode = 5, .cdw10 = (depth - 1) << 16 | q,
				   .prp1 = MEM_IOVA + CQ_AT(q), .cdw11 = q << 16 | 3 };

		admin(w, cmd);
		cmd = (struct sqe){ .opcode = 1, .cdw10 = (depth - 1) << 16 | q,
				    .prp1 = MEM_IOVA + RING_AT(q), .cdw11 = q << 16 | 1 };
		admin(w, cmd);
	}
}

/* The controller is enabled as a driver would, with queues and shadow doorbells. */
static void enable(struct worker *w)
{
	const struct sqe dbbuf = { .opcode = 0x7c, .prp1 = MEM_IOVA + SHADOW_AT,
				   .prp2 = MEM_IOVA + EVENTIDX_AT };
	struct queue *q = &client.admin;

	count(w, OP_ENABLE);
	cfg_write(&client, 4, 0x6, 2);
	bar_write(&client, REG_CC, 0, 4);
	csts_becomes(0);
	*q = (struct queue){ .depth = 32, .phase = 1, .sq = (void *)client.mem,
			     .cq = (void *)(client.mem + PAGE) };
	memset(client.mem, 0, 2 * PAGE);
	memset(client.mem + CQ_AT(1), 0, MAX_DEPTH * sizeof(struct cqe));
	memset(client.mem + CQ_AT(2), 0, MAX_DEPTH * sizeof(struct cqe));
	memset(client.mem + SHADOW_AT, 0, 2 * PAGE);
	bar_write(&client, REG_AQA, 31 << 16 | 31, 4);
	bar_write(&client, REG_ASQ, MEM_IOVA, 8);
	bar_write(&client, REG_ACQ, MEM_IOVA + PAGE, 8);
	bar_write(&client, REG_CC, CC_ENABLE, 4);
	if (!csts_becomes(CSTS_RDY))
		return;
	depth = 2 + below(w, MAX_DEPTH - 1);
	if (one_in(w, 3))
		admin(w, dbbuf);
	make_queues(w);
	__atomic_add_fetch(&epoch, 1, __ATOMIC_RELEASE);
}

static void random_admin(struct worker *w)
{
	static const uint8_t ops[] = { 0, 0, 1, 2, 4, 4, 5, 6, 8, 9, 0xa, 0xc, 0x7c, 0x80, 0x10 };
	struct sqe cmd = { .opcode = ops[below(w, sizeof(ops))], .nsid = below(w, 4) };

	cmd.prp1 = address(w);
	cmd.prp2 = address(w);
	cmd.cdw10 = below(w, 2) ? below(w, 6) : edgy(w);
	cmd.cdw11 = below(w, 2) ? below(w, 6) << 16 | 3 : edgy(w);
	if (cmd.opcode == 1 || cmd.opcode == 5)
		cmd.cdw10 = below(w, 300) << 16 | below(w, NR_QUEUES + 2);
	while (one_in(w, 3))
		wrong(w, &cmd, sizeof(cmd));
	admin(w, cmd);
}

static void random_register(struct worker *w)
{
	static const uint16_t t[] = { REG_CAP, REG_VS, REG_INTMS, REG_INTMC, REG_CC, REG_CSTS,
				      0x20, REG_AQA, REG_ASQ, REG_ACQ, 0x38, 0x2000, 0x2008,
				      0x200c, 0x3000 };
	uint64_t off = one_in(w, 2) ? below(w, 0x4000) : t[below(w, sizeof(t) / sizeof(*t))];
	size_t len = 1ul << below(w, 4);

	count(w, OP_REGISTER);
	/* CC only now and then: there is nothing to attack when it is off */
	if (one_in(w, 3) || ((off & ~7ul) == 0x10 && !one_in(w, 64)))
		bar_read(&client, off & ~(len - 1), len);
	else
		bar_write(&client, off & ~(len - 1), edgy(w), len);
}

static void random_config(struct worker *w)
{
	uint64_t off = one_in(w, 8) ? below(w, 4096) : below(w, 256);
	size_t len = 1ul << below(w, 3);

	count(w, OP_CONFIG);
	if (one_in(w, 2))
		cfg_read(&client, off & ~(len - 1), len);
	else
		cfg_write(&client, off & ~(len - 1), edgy(w), len);
	if (!one_in(w, 16))
		cfg_write(&client, 4, 0x6, 2);
}

static void random_irq(struct worker *w)
{
	static const uint32_t actions[] = { VFIO_IRQ_SET_ACTION_MASK, VFIO_IRQ_SET_ACTION_UNMASK,
					    VFIO_IRQ_SET_ACTION_TRIGGER };
	uint32_t index = below(w, VFIO_PCI_NUM_IRQS);
	int fd = eventfd(0, EFD_NONBLOCK);

	count(w, OP_IRQ);
	switch (below(w, 4)) {
	case 0:
		client_irq_flags(&client, index, actions[below(w, 3)]);
		break;
	case 1:
		client_irq(&client, index, below(w, 4), one_in(w, 2) ? -1 : (int)edgy(w));
		break;
	default:
		client_irq(&client, index, below(w, 4), fd);
	}
	close(fd);
}

/* What a driver does, and what none does. */
static void control(struct worker *w)
{
	bool now;

	switch (below(w, 128)) {
	case 0:
		count(w, OP_RESET);
		ioctl(client.device, VFIO_DEVICE_RESET);
		break;
	case 1:
		enable(w);
		break;
	case 2:
		random_irq(w);
		break;
	case 3 ... 15:
		random_admin(w);
		break;
	case 16 ... 31:
		random_config(w);
		break;
	default:
		random_register(w);
	}
	now = bar_read(&client, REG_CSTS, 4) == CSTS_RDY;
	__atomic_store_n(&ready, now, __ATOMIC_RELAXED);
	if (!now && one_in(w, 4))
		enable(w);
}

static struct worker workers[] = {
	{ .name = "control", .once = control },
	{ .name = "queue 1", .once = submit, .queue = 1 },
	{ .name = "queue 2", .once = submit, .queue = 2 },
	{ .name = "rewriter", .once = rewrite, .queue = 3 },
	{ .name = "memory", .once = remap },
};

#define NR_WORKERS	(sizeof(workers) / sizeof(*workers))

static unsigned long total(enum op op)
{
	unsigned long n = 0;
	unsigned int i;

	for (i = 0; i < NR_WORKERS; i++)
		n += __atomic_load_n(&workers[i].n[op], __ATOMIC_RELAXED);
	return n;
}

static unsigned long all(void)
{
	unsigned long n = 0;
	enum op op;

	for (op = 0; op < NR_OPS; op++)
		n += total(op);
	return n;
}

static void *work(void *arg)
{
	struct worker *w = arg;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		__atomic_store_n(&w->paused, __atomic_load_n(&pause_all, __ATOMIC_ACQUIRE),
				 __ATOMIC_RELEASE);
		if (w->paused)
			usleep(1000);
		else
			w->once(w);
		__atomic_store_n(&w->steps, w->steps + 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static int results;
static bool failed;

static bool result(bool good, const char *name)
{
	failed |= !good;
	printf("%sok %d %s\n", good ? "" : "not ", ++results, name);
	return good;
}

/* Ends the program if a thread does not come back from what it does. */
static void watch(void)
{
	static unsigned long before[NR_WORKERS], since[NR_WORKERS], now;
	unsigned int i;

	now++;
	for (i = 0; i < NR_WORKERS; i++) {
		unsigned long steps = __atomic_load_n(&workers[i].steps, __ATOMIC_RELAXED);

		if (steps != before[i])
			since[i] = now;
		before[i] = steps;
		if (now - since[i] > STUCK_S * 20) {
			printf("# %s is stuck\n", workers[i].name);
			result(false, "no thread is stuck");
			exit(1);
		}
	}
}

/* Wait for all threads to stop, or for @ops operations. */
static void pause_workers(bool on)
{
	unsigned int i;

	__atomic_store_n(&pause_all, on, __ATOMIC_RELEASE);
	for (i = 0; i < NR_WORKERS; i++)
		while (__atomic_load_n(&workers[i].paused, __ATOMIC_ACQUIRE) != on) {
			watch();
			usleep(50000);
		}
}

static void run_until(unsigned long ops)
{
	pause_workers(false);
	while (all() < ops) {
		watch();
		usleep(50000);
	}
	pause_workers(true);
}

/* A line of /proc/meminfo, in KiB. */
static long host_memory(const char *key)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char name[64];
	long val, found = -1;

	while (f && fscanf(f, "%63s %ld%*[^\n]", name, &val) == 2)
		if (!strcmp(name, key))
			found = val;
	if (f)
		fclose(f);
	return found;
}

/* Write and read back, all over the namespace and at its end. */
static bool usable(void)
{
	struct client *c = &client;
	uint8_t *w, *r;
	unsigned int i;

	if (ioctl(c->device, VFIO_DEVICE_RESET))
		return false;
	c->used = 0;
	c->shadow = NULL;
	if (client_enable(c, 32) || client_io_queue(c, 1, 64, -1))
		return false;
	w = client_alloc(c, 2 * PAGE);
	r = w + PAGE;
	for (i = 0; i < 64; i++) {
		uint64_t slba = nsze / 64 * (i + 1) - 8;

		memset(w, i + 1, PAGE);
		memset(r, 0, PAGE);
		if (client_rw(c, &c->io[0], true, slba, 8, client_iova(c, w), LBA) ||
		    client_rw(c, &c->io[0], false, slba, 8, client_iova(c, r), LBA) ||
		    memcmp(w, r, PAGE))
			return false;
	}
	return !ioctl(c->device, VFIO_DEVICE_RESET);
}

static int open_device(void)
{
	size_t size = 4 * CANARY + MEM_SIZE + RO_SIZE + HOT_SIZE;
	struct sqe cmd = { .opcode = 6, .nsid = 1 };
	int err = client_open(&client);

	if (err)
		return err;
	err = client_unmap(&client, MEM_IOVA, MEM_SIZE);
	munmap(client.mem, MEM_SIZE);
	arena = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (err || arena == MAP_FAILED)
		return err ?: -ENOMEM;
	fill(arena, size, 0xc5);
	client.mem = arena + CANARY;
	ro = client.mem + MEM_SIZE + CANARY;
	hot = ro + RO_SIZE + CANARY;
	err = client_map(&client, client.mem, MEM_IOVA, RINGS, READ_WRITE) ?:
	      client_map(&client, client.mem + RINGS, MEM_IOVA + RINGS, MEM_SIZE - RINGS,
			 READ_WRITE) ?:
	      client_map(&client, ro, RO_IOVA, RO_SIZE, VFIO_DMA_MAP_FLAG_READ) ?:
	      client_map_doorbells(&client) ?: client_enable(&client, 32);
	if (err)
		return err;
	cmd.prp1 = MEM_IOVA + DATA_AT;
	if (client_exec(&client, &client.admin, &cmd, NULL))
		return -EIO;
	nsze = *(uint64_t *)(client.mem + DATA_AT);
	return nsze < 4096 ? -EINVAL : 0;
}

static bool canaries_hold(void)
{
	unsigned long n = changed(arena, CANARY, 0xc5) + changed(ro - CANARY, CANARY, 0xc5) +
			  changed(hot - CANARY, CANARY, 0xc5) +
			  changed(hot + HOT_SIZE, CANARY, 0xc5);

	printf("# %lu of %lu pages changed\n", n, 4 * CANARY / PAGE);
	return !n;
}

static void report(unsigned long seed)
{
	static const char * const names[] = { "reads", "writes", "others", "errors", "misses" };
	unsigned int i;
	enum op op;

	printf("# seed %lu: %lu operations:", seed, all());
	for (op = 0; op < NR_OPS; op++)
		printf("%s %lu %s", op ? "," : "", total(op), op_name[op]);
	printf("\n# counted by the device:");
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		printf(" %s %ld", names[i], client_counter(&client, names[i]));
	printf("\n");
	client_measured("fuzz operations", all());
}

int main(int argc, char **argv)
{
	unsigned long seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 1;
	unsigned long ops = argc > 2 ? strtoul(argv[2], NULL, 0) : 1000000;
	long available[4], slab[4];
	unsigned int i;
	int err;

	setlinebuf(stdout);
	printf("TAP version 13\n# seed %lu, %lu operations\n", seed, ops);
	err = open_device();
	if (err) {
		printf("Bail out! open: %s\n", strerror(-err));
		return 1;
	}
	pause_all = true;
	for (i = 0; i < NR_WORKERS; i++) {
		workers[i].rng = (seed + 1) * 0x9e3779b97f4a7c15ull + i * 0xbf58476d1ce4e5b9ull;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			return 1;
	}
	for (i = 0; i < 4; i++) {
		char name[64];

		run_until(ops / 4 * (i + 1));
		snprintf(name, sizeof(name), "usable after quarter %u", i + 1);
		result(usable(), name);
		available[i] = host_memory("MemAvailable:");
		slab[i] = host_memory("SUnreclaim:");
		printf("# MemAvailable %ld KiB, SUnreclaim %ld KiB\n", available[i], slab[i]);
	}
	stop = true;
	for (i = 0; i < NR_WORKERS; i++)
		pthread_join(workers[i].thread, NULL);
	result(true, "no thread is stuck");
	report(seed);
	result(all() >= ops && client_counter(&client, "errors") > 0, "it was hostile");
	result(canaries_hold(), "memory beside the guest's is untouched");
	result(!changed(ro, RO_SIZE, 0xc5), "memory that may only be read is untouched");
	printf("# %lu pages changed\n", late_writes);
	result(!late_writes, "unmapped memory is untouched");
	printf("# at most %ld KiB were pinned\n", most_pinned / 1024);
	result(most_pinned > 0 && most_pinned <= (long)(MEM_SIZE + RO_SIZE + HOT_SIZE) &&
	       available[3] > available[0] - 64 * 1024 && slab[3] < slab[0] + 16 * 1024,
	       "memory is bounded");
	client_close(&client);
	result(client_state(&client, "pinned_bytes") == 0, "nothing stays pinned");
	printf("1..%d\n", results);
	return failed;
}
