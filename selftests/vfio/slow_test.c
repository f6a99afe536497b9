// SPDX-License-Identifier: GPL-2.0
/*
 * Commands that the drive surely has in flight, as it is slow: whatever takes their
 * memory away waits for them, and when it has returned no byte comes any more.
 * NVME_MDEV_UUID names a device whose NSID 1 holds data that may be destroyed and
 * is on the test host's first drive.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "client.h"

#define LBA		512
#define NR		6	/* reads in flight */
#define SIZE		(2ul << 20)
#define SIDE_IOVA	0x80000000ul
#define ELSEWHERE_IOVA	0x90000000ul
#define READ_WRITE	(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

#define SLOW		"slow 0 0.2"	/* seconds for each read */
#define FAST		"slow 0 0"
#define ALL_CAME	2000000	/* microseconds: by then all would have come */

/* Ask for another machine, as machine() of selftests/lib/host.sh does; it comes a bit later. */
static void ask_for(const char *change)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/tap", getenv("RESULTS") ?: ".");
	fd = open(path, O_WRONLY | O_APPEND);
	if (fd < 0 || dprintf(fd, "@machine %s\n", change) < 0)
		abort();
	close(fd);
}

static uint8_t *anonymous(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

static bool is_all(const uint8_t *p, uint8_t val)
{
	return p[0] == val && !memcmp(p, p + 1, SIZE - 1);
}

FIXTURE(slow)
{
	struct client c;
	uint8_t *side;		/* what is read into */
};

static int start(struct client *c)
{
	c->used = 0;
	return client_enable(c, 32) ?: client_io_queue(c, 1, 64, -1);
}

FIXTURE_SETUP(slow)
{
	struct client *c = &self->c;
	uint8_t *w;

	ASSERT_NE(NULL, client_uuid());
	ASSERT_EQ(0, client_open(c));
	ASSERT_EQ(0, start(c));
	w = client_alloc(c, NR * PAGE);
	memset(w, 0x3c, NR * PAGE);
	ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], true, 0, NR * 8, client_iova(c, w), LBA));
	self->side = anonymous(SIZE);
	ASSERT_EQ(0, client_map(c, self->side, SIDE_IOVA, SIZE, READ_WRITE));
	ask_for(SLOW);
}

FIXTURE_TEARDOWN(slow)
{
	ask_for(FAST);
	client_close(&self->c);
	munmap(self->side, SIZE);
	EXPECT_EQ(0, client_state(&self->c, "pinned_bytes"));
	EXPECT_EQ(0, client_state(&self->c, "open"));
}

static void push_reads(struct client *c)
{
	unsigned int i;

	for (i = 0; i < NR; i++) {
		struct sqe cmd = { .opcode = 2, .nsid = 1, .prp1 = SIDE_IOVA + i * PAGE,
				   .cdw10 = i * 8, .cdw12 = 7 };

		queue_push(c, &c->io[0], &cmd);
	}
	queue_ring(c, &c->io[0]);
}

/* Reads of which some are still in flight. Return: how many, 0 if the drive does not get slow. */
static unsigned int in_flight(struct client *c)
{
	unsigned int tries, done;

	for (tries = 0; tries < 200; tries++) {
		push_reads(c);
		/* what came with one that is answered was taken from the ring with it */
		if (queue_wait(c, &c->io[0], NULL, 20000) == ST_TIMEOUT)
			return 0;
		usleep(100000);
		for (done = 1; queue_pop(c, &c->io[0], NULL); done++)
			;
		/* two, since the one that is next may be done at any moment */
		if (done + 2 <= NR)
			return NR - done;
		for (; done < NR; done++)
			if (queue_wait(c, &c->io[0], NULL, 20000) == ST_TIMEOUT)
				return 0;
	}
	return 0;
}

/* The memory is unmapped, is somebody else's, and somebody else's is at its address. */
TEST_F_TIMEOUT(slow, unmapped, 120)
{
	uint8_t *other = anonymous(SIZE);
	struct client *c = &self->c;
	unsigned int round, i, n, good;

	memset(other, 0x5a, SIZE);
	for (round = 0; round < 3; round++) {
		n = in_flight(c);
		ASSERT_LT(0, n);
		ASSERT_EQ(0, client_unmap(c, SIDE_IOVA, SIZE));
		memset(self->side, 0xa5, SIZE);
		ASSERT_EQ(0, client_map(c, other, SIDE_IOVA, SIZE, READ_WRITE));
		ASSERT_EQ(0, client_map(c, self->side, ELSEWHERE_IOVA, SIZE, READ_WRITE));
		for (i = 0, good = 0; i < n; i++)
			good += queue_wait(c, &c->io[0], NULL, 20000) == ST_OK;
		EXPECT_EQ(n, good);
		EXPECT_TRUE(is_all(self->side, 0xa5));
		EXPECT_TRUE(is_all(other, 0x5a));
		ASSERT_EQ(0, client_unmap(c, ELSEWHERE_IOVA, SIZE));
		ASSERT_EQ(0, client_unmap(c, SIDE_IOVA, SIZE));
		ASSERT_EQ(0, client_map(c, self->side, SIDE_IOVA, SIZE, READ_WRITE));
	}
	munmap(other, SIZE);
	client_measured("memory unmapped with reads in flight", round);
}

static void disable(struct client *c)
{
	client_disable(c);
}

static void reset(struct client *c)
{
	ioctl(c->device, VFIO_DEVICE_RESET);
}

/* As kexec does: COMMAND without bit 2 */
static void master_off(struct client *c)
{
	cfg_write(c, 4, 0x2, 2);
}

/* The power state of PMCSR, in the capability that the list begins with */
static void power_off(struct client *c)
{
	cfg_write(c, cfg_read(c, 0x34, 1) + 4, 3, 2);
}

static void power_on(struct client *c)
{
	cfg_write(c, cfg_read(c, 0x34, 1) + 4, 0, 2);
}

static void close_device(struct client *c)
{
	close(c->device);
	c->device = -1;
}

/* The guest, or its VMM, stops the controller: from then on the memory is for other things. */
TEST_F_TIMEOUT(slow, stopped, 120)
{
	void (*const stop[])(struct client *c) = { disable, reset, master_off, power_off,
						   close_device };
	struct client *c = &self->c;
	unsigned int i;

	for (i = 0; i < sizeof(stop) / sizeof(*stop); i++) {
		ASSERT_EQ(0, start(c));
		ASSERT_LT(0, in_flight(c));
		stop[i](c);
		memset(self->side, 0xa5, SIZE);
		usleep(ALL_CAME);
		EXPECT_TRUE(is_all(self->side, 0xa5)) {
			TH_LOG("way %u to stop", i);
		}
		if (stop[i] == power_off)
			power_on(c);
	}
	client_measured("controllers stopped with reads in flight", i);
}

#define LONGS		50	/* together they take 10 s at 0.2 s each */

/*
 * Commands that may take long, more than a drive could do in the time that a command
 * has: a Read that comes after them does not wait for them all, each of them succeeds,
 * and the controller that stops does not wait for those whose turn has not come.
 */
TEST_F_TIMEOUT(slow, long_ones, 180)
{
	struct sqe zeroes = { .opcode = 8, .nsid = 1, .cdw12 = 7 };
	struct sqe read = { .opcode = 2, .nsid = 1, .prp1 = SIDE_IOVA, .cdw10 = 4096, .cdw12 = 7 };
	struct client *c = &self->c;
	unsigned int i, good = 0, before = LONGS;
	struct cqe e = { };
	time_t begin;
	uint16_t cid;

	ASSERT_LT(0, in_flight(c));
	while (queue_wait(c, &c->io[0], NULL, 3000) != ST_TIMEOUT)
		;
	for (i = 0; i < LONGS; i++) {
		zeroes.cdw10 = i * 8;
		queue_push(c, &c->io[0], &zeroes);
	}
	cid = queue_push(c, &c->io[0], &read);
	queue_ring(c, &c->io[0]);
	for (i = 0; i <= LONGS; i++) {
		good += queue_wait(c, &c->io[0], &e, 20000) == ST_OK;
		if (e.cid == cid)
			before = i;
	}
	EXPECT_EQ(LONGS + 1, good);
	EXPECT_GT(LONGS / 2, before);
	TH_LOG("%u of %u were done before the Read", before, LONGS);
	for (i = 0; i < LONGS; i++)
		queue_push(c, &c->io[0], &zeroes);
	queue_ring(c, &c->io[0]);
	usleep(300000);
	begin = time(NULL);
	reset(c);
	EXPECT_GT(5, time(NULL) - begin);
	client_measured("long commands beside which a Read was done", LONGS);
}

TEST_HARNESS_MAIN
