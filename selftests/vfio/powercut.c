// SPDX-License-Identifier: GPL-2.0
/*
 * Nothing acknowledged is lost: a guest that may be killed at any moment.
 *
 * powercut write JOURNAL SEED	writes cells of 4 KiB until SIGTERM, SIGKILL, or the
 *				request to let go of the device
 * powercut check JOURNAL DEVICE	does the host find them on the partition?
 * powercut fused N		fused pairs, which must not be carried out
 *
 * The journal is shared memory, so it outlives its writer.  What is submitted is
 * entered before the doorbell, what was answered after its completion: each block
 * of a cell must hold a version from the last answered to the last submitted.
 * A cell has one write in flight at most; so a version that is older than an
 * acknowledged one, replayed after it, would be seen.
 *
 * A third of the writes goes to few cells again and again, the rest to fresh ones,
 * where each stays to be checked.  A third is FUA, and a Flush comes now and then.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"

#define LBA		512
#define CELL_LBAS	(PAGE / LBA)
#define NR_CELLS	65536
#define NR_HOT		64
#define NR_QUEUES	2
#define DEPTH		64
#define IN_FLIGHT	24		/* of a queue */
#define DATA_IOVA	(MEM_IOVA + (8ul << 20))

struct journal {
	uint64_t	seed;
	uint32_t	next;		/* fresh cell */
	uint32_t	busy;		/* the writer has had answers */
	uint64_t	writes, flushes;	/* acknowledged */
	uint64_t	errors;
	struct {
		uint32_t submitted, done;	/* versions, from 1 */
	} cell[NR_CELLS];
};

struct slot {
	bool		used, flush;
	uint32_t	cell, version;
};

static struct journal *j;
static struct client client;
static struct slot slots[NR_QUEUES][IN_FLIGHT];
static bool hot_in_flight[NR_HOT];
static volatile bool stop;
static uint64_t rng;

static uint64_t rnd(void)
{
	rng ^= rng >> 12;
	rng ^= rng << 25;
	rng ^= rng >> 27;
	return rng * 0x2545f4914f6cdd1dull;
}

/* One block of a cell: all of it says what it is. */
static void block_fill(uint64_t *p, uint32_t cell, uint32_t version, unsigned int lba)
{
	unsigned int i;

	p[0] = (uint64_t)cell << 32 | version;
	for (i = 1; i < LBA / 8; i++)
		p[i] = (p[i - 1] + j->seed + lba) * 0x9e3779b97f4a7c15ull;
}

/* The version that a block holds, or 0. */
static uint32_t block_version(const uint64_t *p, uint32_t cell, unsigned int lba)
{
	uint64_t want[LBA / 8];

	if (p[0] >> 32 != cell)
		return 0;
	block_fill(want, cell, p[0], lba);
	return memcmp(p, want, LBA) ? 0 : (uint32_t)p[0];
}

static int journal_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	if (fd < 0 || ftruncate(fd, sizeof(*j)))
		return -errno;
	j = mmap(NULL, sizeof(*j), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return j == MAP_FAILED ? -errno : 0;
}

static uint64_t slot_iova(unsigned int q, unsigned int i)
{
	return DATA_IOVA + (q * IN_FLIGHT + i) * PAGE;
}

/* A cell without a write in flight. */
static uint32_t pick_cell(void)
{
	uint32_t cell = rnd() % NR_HOT;

	if (rnd() % 3 == 0 && !hot_in_flight[cell]) {
		hot_in_flight[cell] = true;
		return cell;
	}
	cell = j->next;
	j->next = cell + 1 < NR_CELLS ? cell + 1 : NR_HOT;
	return cell;
}

static void push(struct queue *q, unsigned int i, struct sqe *cmd)
{
	q->cid = i;
	queue_push(&client, q, cmd);
}

static void submit(struct queue *q, unsigned int i)
{
	unsigned int n = q->id - 1, lba;
	struct slot *s = &slots[n][i];
	struct sqe cmd = { .opcode = 0, .nsid = 1 };
	uint8_t *p = client.mem + slot_iova(n, i) - MEM_IOVA;

	*s = (struct slot){ .used = true, .flush = rnd() % 32 == 0 };
	if (!s->flush) {
		s->cell = pick_cell();
		s->version = j->cell[s->cell].submitted + 1;
		for (lba = 0; lba < CELL_LBAS; lba++)
			block_fill((uint64_t *)(p + lba * LBA), s->cell, s->version, lba);
		cmd.opcode = 1;
		cmd.prp1 = slot_iova(n, i);
		cmd.cdw10 = s->cell * CELL_LBAS;
		cmd.cdw12 = (CELL_LBAS - 1) | (rnd() % 3 ? 0 : 1u << 30);
		__atomic_store_n(&j->cell[s->cell].submitted, s->version, __ATOMIC_RELEASE);
	}
	push(q, i, &cmd);
}

static bool reap(struct queue *q)
{
	struct slot *s;
	struct cqe e;

	if (!queue_pop(&client, q, &e))
		return false;
	if (e.cid >= IN_FLIGHT || !slots[q->id - 1][e.cid].used) {
		j->errors++;
		return true;
	}
	s = &slots[q->id - 1][e.cid];
	s->used = false;
	if (e.status >> 1) {
		if (!j->errors++)
			printf("powercut: status %#x\n", e.status >> 1);
	} else if (s->flush) {
		j->flushes++;
	} else {
		__atomic_store_n(&j->cell[s->cell].done, s->version, __ATOMIC_RELEASE);
		if (s->cell < NR_HOT)
			hot_in_flight[s->cell] = false;
		j->writes++;
		j->busy = 1;
	}
	return true;
}

static bool fill_queue(struct queue *q)
{
	bool some = false;
	unsigned int i;

	for (i = 0; i < IN_FLIGHT; i++) {
		if (!slots[q->id - 1][i].used && !stop) {
			submit(q, i);
			some = true;
		}
	}
	if (some)
		queue_ring(&client, q);
	for (i = 0, some = false; i < IN_FLIGHT; i++)
		some |= slots[q->id - 1][i].used;
	return some;
}

static void terminate(int sig)
{
	stop = true;
}

/* The operator removes the device: VFIO asks for it back. */
static bool asked_to_let_go(int fd)
{
	uint64_t n;

	return read(fd, &n, sizeof(n)) == sizeof(n);
}

static int device_open(void)
{
	int err = client_open(&client) ?: client_enable(&client, 32);
	unsigned int i;

	for (i = 1; i <= NR_QUEUES && !err; i++)
		err = client_io_queue(&client, i, DEPTH, -1) ? -EIO : 0;
	return err;
}

static int write_cells(const char *path, uint64_t seed)
{
	int req = eventfd(0, EFD_NONBLOCK);
	int err = journal_open(path) ?: device_open() ?:
		  client_irq(&client, VFIO_PCI_REQ_IRQ_INDEX, 0, req);
	unsigned int i;
	bool left;

	if (err) {
		printf("powercut: %s\n", strerror(-err));
		return 1;
	}
	rng = seed * 2 + 1;
	if (!j->seed) {
		j->seed = seed * 2 + 1;
		j->next = NR_HOT;
	}
	signal(SIGTERM, terminate);
	do {
		left = false;
		for (i = 0; i < NR_QUEUES; i++) {
			left |= fill_queue(&client.io[i]);
			while (reap(&client.io[i]))
				;
		}
		usleep(10);
		stop |= asked_to_let_go(req);
	} while (left);
	client_close(&client);
	return j->errors != 0;
}

/* Each block from the last version answered to the last submitted. */
static unsigned int cell_lost(const uint8_t *p, uint32_t cell)
{
	unsigned int lba, lost = 0;

	for (lba = 0; lba < CELL_LBAS; lba++) {
		uint32_t v = block_version((const uint64_t *)(p + lba * LBA), cell, lba);

		lost += v < j->cell[cell].done || v > j->cell[cell].submitted;
	}
	return lost;
}

static int check_cells(const char *path, const char *device)
{
	unsigned int cell, checked = 0, open_ended = 0, lost = 0;
	int fd = open(device, O_RDONLY | O_DIRECT);
	void *p = aligned_alloc(PAGE, PAGE);

	if (fd < 0 || !p || journal_open(path))
		return 2;
	for (cell = 0; cell < NR_CELLS; cell++) {
		if (!j->cell[cell].done)
			continue;
		if (pread(fd, p, PAGE, (off_t)cell * PAGE) != PAGE)
			return 2;
		checked++;
		open_ended += j->cell[cell].done != j->cell[cell].submitted;
		if (cell_lost(p, cell)) {
			printf("powercut: cell %u is lost: versions %u to %u\n", cell,
			       j->cell[cell].done, j->cell[cell].submitted);
			lost++;
		}
	}
	printf("powercut: %llu writes and %llu flushes acknowledged, ",
	       (unsigned long long)j->writes, (unsigned long long)j->flushes);
	printf("%u cells checked (%u with a write in flight), %u lost, %llu errors\n", checked,
	       open_ended, lost, (unsigned long long)j->errors);
	return lost || j->errors || !checked;
}

/*
 * Compare and Write behind the last cell: both are answered with Invalid Field, as FUSES
 * says that there is none, and nothing is written, whatever happens to the drive.
 */
static int push_fused(unsigned int nr)
{
	uint64_t slba = NR_CELLS * CELL_LBAS;
	struct queue *q = &client.io[0];
	unsigned int i, bad = 0;
	uint8_t *p;

	if (device_open())
		return 1;
	p = client.mem + DATA_IOVA - MEM_IOVA;
	memset(p, 0x11, PAGE);
	memset(p + PAGE, 0x22, PAGE);
	bad += client_rw(&client, q, true, slba, CELL_LBAS, DATA_IOVA, LBA) != ST_OK;
	printf("powercut: fused\n");
	for (i = 0; i < nr; i++) {
		struct sqe cmd = { .opcode = 5, .flags = 1, .nsid = 1, .prp1 = DATA_IOVA,
				   .cdw10 = slba, .cdw12 = CELL_LBAS - 1 };

		queue_push(&client, q, &cmd);
		cmd.opcode = 1;
		cmd.flags = 2;
		cmd.prp1 += PAGE;
		queue_push(&client, q, &cmd);
		queue_ring(&client, q);
		bad += queue_wait(&client, q, NULL, 60000) != ST_FIELD;
		bad += queue_wait(&client, q, NULL, 60000) != ST_FIELD;
		/* something that is carried out, so that resets meet the queue */
		bad += client_rw(&client, q, false, slba, CELL_LBAS, DATA_IOVA + 2 * PAGE,
				 LBA) != ST_OK;
		bad += memcmp(p, p + 2 * PAGE, PAGE) != 0;
		usleep(1000);
	}
	client_close(&client);
	printf("powercut: %u fused pairs refused, %u times otherwise\n", nr, bad);
	return bad != 0;
}

int main(int argc, char **argv)
{
	setlinebuf(stdout);
	if (argc == 4 && !strcmp(argv[1], "write"))
		return write_cells(argv[2], strtoull(argv[3], NULL, 0));
	if (argc == 4 && !strcmp(argv[1], "check"))
		return check_cells(argv[2], argv[3]);
	if (argc == 3 && !strcmp(argv[1], "fused"))
		return push_fused(strtoul(argv[2], NULL, 0));
	fprintf(stderr, "usage: powercut write|check|fused ...\n");
	return 2;
}
