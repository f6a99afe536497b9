// SPDX-License-Identifier: GPL-2.0
/*
 * Opens a mediated device and keeps it busy until its standard input ends or it
 * is killed: a VMM that a shell test can start, look at and kill.
 *
 * It says "hold: busy" once the guest memory is pinned and I/O is going on, at
 * the end what of its memory is locked, and exits with an errno if it fails.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "client.h"

#define STRIDE	(2ul << 20)	/* what the device pins at once */
#define BLOCKS	16		/* of 512 bytes, per command */

static int failed(const char *what, int err)
{
	printf("hold: %s: %s\n", what, strerror(err));
	return err;
}

/* From /proc/self/status, in KiB: what VFIO charged to this process. */
static long locked(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[128];
	long val = -1;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmLck: %ld", &val) == 1)
			break;
	if (f)
		fclose(f);
	return val;
}

/* Reads and writes back, all over the guest memory. */
static int keep_busy(struct client *c)
{
	struct pollfd end = { .fd = STDIN_FILENO, .events = POLLIN };
	unsigned long n = 0;
	bool said = false;

	while (poll(&end, 1, 0) == 0) {
		uint64_t iova = MEM_IOVA + n % (MEM_SIZE / STRIDE) * STRIDE + STRIDE / 2;
		bool write = n & 1;

		if (client_rw(c, &c->io[0], write, n / 2 % 64 * BLOCKS, BLOCKS, iova, 512))
			return failed(write ? "write" : "read", EIO);
		if (++n > MEM_SIZE / STRIDE && !said) {
			said = true;
			printf("hold: busy, %ld KiB locked\n", locked());
		}
	}
	return 0;
}

int main(void)
{
	struct client c;
	int err;

	setlinebuf(stdout);
	err = -client_open(&c);
	if (err)
		return failed("open", err);
	if (client_enable(&c, 32) || client_io_queue(&c, 1, 64, -1))
		err = failed("enable", EIO);
	else
		err = keep_busy(&c);
	client_close(&c);
	printf("hold: closed, %ld KiB locked\n", locked());
	return err;
}
