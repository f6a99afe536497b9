// SPDX-License-Identifier: GPL-2.0
/*
 * Several devices at once, in one process: which share of the pollers does each get?
 *
 * usage: many BUSY SECONDS UUID...
 *
 * Opens every device, keeps DEPTH reads of 4 KiB in flight on each of the first
 * BUSY of them, nothing on the others, and goes round in SPAN of the memory of
 * each.  Says "many: begins" when all that comes once has come (memory is pinned,
 * idle devices sleep), then, after a byte of input, the commands that each has
 * completed within SECONDS and the bytes of memory that it uses, "many: ends",
 * and waits for the end of its input before it closes them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "client.h"

#define DEPTH	32
#define SPAN	(48ul << 20)
#define BLOCK	4096ul
#define RANGE	1024		/* blocks of the device that are read */
#define MANY	16

struct device {
	struct client	c;
	uint8_t		*data;
	size_t		used;		/* of its memory, by rings and data */
	unsigned long	sent, done;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static int device_open(struct device *d, const char *uuid)
{
	int ret = setenv("NVME_MDEV_UUID", uuid, 1) ?: client_open(&d->c);

	if (ret)
		return ret;
	if (client_enable(&d->c, 32) || client_io_queue(&d->c, 1, 2 * DEPTH, -1))
		return -EIO;
	d->used = d->c.used + SPAN;
	/* where a chunk of 2 MiB begins for the device */
	d->c.used = (d->c.used + (2ul << 20) - 1) & -(2ul << 20);
	d->data = client_alloc(&d->c, SPAN);
	return client_map_doorbells(&d->c);
}

static void device_send(struct device *d)
{
	struct sqe cmd = {
		.opcode = 2, .nsid = 1, .cdw10 = d->sent % RANGE * 8, .cdw12 = 7,
		.prp1 = client_iova(&d->c, d->data) + d->sent % (SPAN / BLOCK) * BLOCK,
	};

	queue_push(&d->c, &d->c.io[0], &cmd);
	d->sent++;
}

/* What has completed, and if @again as much as that once more. */
static int device_turn(struct device *d, bool again)
{
	unsigned int n = 0;
	struct cqe e;

	while (queue_pop(&d->c, &d->c.io[0], &e)) {
		if (e.status >> 1)
			return -EIO;
		d->done++;
		if (again)
			device_send(d);
		n++;
	}
	if (n && again)
		queue_ring(&d->c, &d->c.io[0]);
	return 0;
}

static int devices_run(struct device *d, int busy, double seconds)
{
	double end = now() + seconds;
	int i, ret;

	while (now() < end)
		for (i = 0; i < busy; i++) {
			ret = device_turn(&d[i], true);
			if (ret)
				return ret;
		}
	return 0;
}

static int failed(const char *what, int err)
{
	printf("many: %s: %s\n", what, strerror(-err));
	return 1;
}

int main(int argc, char **argv)
{
	int busy = argc > 3 ? atoi(argv[1]) : 0, n = argc - 3, i, k, ret;
	double seconds = argc > 3 ? atof(argv[2]) : 0;
	static struct device d[MANY];
	char buf[16];

	setlinebuf(stdout);
	if (n < 1 || n > MANY || busy > n) {
		fprintf(stderr, "usage: many BUSY SECONDS UUID... (at most %d)\n", MANY);
		return 2;
	}
	for (i = 0; i < n; i++) {
		ret = device_open(&d[i], argv[3 + i]);
		if (ret)
			return failed(argv[3 + i], ret);
	}
	for (i = 0; i < busy; i++) {
		for (k = 0; k < DEPTH; k++)
			device_send(&d[i]);
		queue_ring(&d[i].c, &d[i].c.io[0]);
	}
	/* once round the memory of each, and idle_ms of the others */
	for (i = 0; i < busy; i++)
		while (d[i].done < SPAN / BLOCK) {
			ret = devices_run(d, busy, 0.1);
			if (ret)
				return failed("read", ret);
		}
	ret = devices_run(d, busy, 1);
	if (ret)
		return failed("read", ret);
	if (!busy)
		sleep(3);
	for (i = 0; i < n; i++)
		d[i].done = 0;
	printf("many: begins\n");
	ret = read(STDIN_FILENO, buf, 1) == 1 ? devices_run(d, busy, seconds) : -EPIPE;
	if (ret)
		return failed("read", ret);
	if (!busy)
		usleep(seconds * 1e6);
	for (i = 0; i < n; i++)
		printf("many: device %lu %zu\n", d[i].done, d[i].used);
	printf("many: ends\n");
	while (read(STDIN_FILENO, buf, sizeof(buf)) > 0)
		;
	for (i = 0; i < n; i++)
		client_close(&d[i].c);
	return 0;
}
