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
 *	write	leave a write to NSID 2 in flight, use NSID 1, and unmap nothing
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

enum what { REGISTER, SYSFS, UNMAPPING, NR_WHATS };

static const char * const names[] = { "register", "sysfs", "unmapping" };
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

static int once(struct client *c, void *side, const char *dir, bool io, bool unmap)
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
	if (!unmap)
		return client_rw(c, &c->io[0], false, 0, 8, MEM_IOVA + (16 << 20), 512) ? -EIO : 0;
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

	if (!strcmp(kind, "write")) {
		queue_push(c, &c->io[1], &cmd);
		queue_ring(c, &c->io[1]);
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
	bool flush, unmap;
	void *side;
	int err, i;

	if (argc != 3)
		return 2;
	flush = !strcmp(argv[1], "flush");
	unmap = strcmp(argv[1], "write");
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
		err = once(&c, side, argv[2], !flush, unmap);
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
