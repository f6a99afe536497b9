// SPDX-License-Identifier: GPL-2.0
/*
 * How long does what a VMM does without I/O take, while a device below is slow?
 *
 * patience KIND DIRECTORY: opens the device that NVME_MDEV_UUID names, does what KIND
 * says, and until standard input ends reads registers, maps and unmaps memory
 * that it has used, and reads the files below DIRECTORY (the device's, in sysfs).  At
 * the end it says how often, and the longest time of each, in milliseconds.
 *
 *	flush	write to NSID 1, then set CC.SHN: ends when SHST is 10b
 *	other	use NSID 1
 *	write	leave a write to NSID 2 in flight, and use NSID 1
 *	bound	leave more writes to NSID 2 in flight than pinned_limit has room for, and
 *		identify the controller again and again, to a page that is not pinned
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "client.h"

#define SIDE_IOVA	0x80000000ul
#define CSTS_SHST_DONE	0x8

enum what { REGISTER, SYSFS, UNMAPPING, ADMIN, NR_WHATS };

static const char * const names[] = { "register", "sysfs", "unmapping", "admin command" };
static double longest[NR_WHATS];
static unsigned long count[NR_WHATS];

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void took(enum what what, double begin)
{
	double ms = now_ms() - begin;

	count[what]++;
	if (ms > longest[what])
		longest[what] = ms;
}

static void look(const char *dir, const char *name)
{
	double begin = now_ms();
	char path[512], buf[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY);
	if (fd >= 0) {
		if (read(fd, buf, sizeof(buf)) < 0)
			perror(path);
		close(fd);
	}
	took(SYSFS, begin);
}

/* It may fail, and be tried again: there is no room for its page. */
static int identify(struct client *c)
{
	struct sqe cmd = { .opcode = 6, .prp1 = MEM_IOVA + MEM_SIZE - PAGE, .cdw10 = 1 };
	double begin = now_ms();
	uint16_t status = client_exec(c, &c->admin, &cmd, NULL);

	took(ADMIN, begin);
	return status && status != ST_TRANSFER ? -EIO : 0;
}

static int once(struct client *c, void *side, const char *dir, bool io)
{
	static const char * const files[] = {
		"namespaces/namespaces", "state/counters", "state/controller", "state/pinned_bytes",
		"settings/iothread_cpu",
	};
	double begin = now_ms();
	unsigned int i;

	bar_read(c, REG_CSTS, 4);
	bar_write(c, REG_INTMS, 1, 4);
	took(REGISTER, begin);
	for (i = 0; i < sizeof(files) / sizeof(*files); i++)
		look(dir, files[i]);
	if (client_map(c, side, SIDE_IOVA, PAGE, 3))
		return -EIO;
	if (io && client_rw(c, &c->io[0], false, 0, 8, SIDE_IOVA, 512))
		return -EIO;
	begin = now_ms();
	if (client_unmap(c, SIDE_IOVA, PAGE))
		return -EIO;
	took(UNMAPPING, begin);
	return 0;
}

static int begin_kind(struct client *c, const char *kind)
{
	struct sqe cmd = { .opcode = 1, .nsid = 2, .prp1 = MEM_IOVA + (8 << 20), .cdw12 = 7 };
	double begin;
	uint64_t i;

	if (!strcmp(kind, "write")) {
		queue_push(c, &c->io[1], &cmd);
		queue_ring(c, &c->io[1]);
	}
	if (!strcmp(kind, "bound")) {
		for (i = 1; i < (MEM_SIZE >> 21) - 1; i++) {
			cmd.prp1 = MEM_IOVA + (i << 21);
			queue_push(c, &c->io[1], &cmd);
		}
		queue_ring(c, &c->io[1]);
		/* all there is room for is with the device */
		sleep(1);
	}
	if (strcmp(kind, "flush"))
		return 0;
	if (client_rw(c, &c->io[0], true, 0, 8, MEM_IOVA + (8 << 20), 512))
		return -EIO;
	begin = now_ms();
	bar_write(c, REG_CC, CC_ENABLE | 1 << 14, 4);
	took(REGISTER, begin);
	return 0;
}

int main(int argc, char **argv)
{
	struct pollfd end = { .fd = STDIN_FILENO, .events = POLLIN };
	struct client c;
	bool flush, bound;
	void *side;
	int err, i;

	if (argc != 3)
		return 2;
	flush = !strcmp(argv[1], "flush");
	bound = !strcmp(argv[1], "bound");
	side = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	err = client_open(&c) ?: client_enable(&c, 32) ?: client_io_queue(&c, 1, 64, -1) ?:
	      client_io_queue(&c, 2, 64, -1) ?: begin_kind(&c, argv[1]);
	if (err) {
		printf("patience: %d\n", err);
		return 1;
	}
	printf("patience: begins\n");
	fflush(stdout);
	while (!err && poll(&end, 1, 10) == 0) {
		err = once(&c, side, argv[2], !flush && !bound);
		if (!err && bound)
			err = identify(&c);
		if (flush && (bar_read(&c, REG_CSTS, 4) & 0xc) == CSTS_SHST_DONE)
			break;
	}
	for (i = 0; i < NR_WHATS; i++)
		printf("patience: %s %lu times, %.0f ms at the most\n", names[i], count[i],
		       longest[i]);
	if (flush && (bar_read(&c, REG_CSTS, 4) & 0xc) != CSTS_SHST_DONE)
		err = -ETIMEDOUT;
	fflush(stdout);
	client_close(&c);
	return err ? 1 : 0;
}
