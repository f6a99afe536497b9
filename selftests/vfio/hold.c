// SPDX-License-Identifier: GPL-2.0
/*
 * Opens a mediated device and keeps it busy until its standard input ends or it
 * is killed: a VMM that a shell test can start, look at and kill.
 *
 * It says "hold: busy" once the guest memory is pinned and I/O is going on, at
 * the end what of its memory is locked, and exits with an errno if it fails.
 *
 * hold KIND N [FIRST] does N commands of a kind (read, write, flush, zeroes,
 * discard) instead, of BLOCKS blocks each from block FIRST, and then waits for the
 * end of its input.
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

		uint16_t st = client_rw(c, &c->io[0], write, n / 2 % 64 * BLOCKS, BLOCKS, iova,
					512);

		if (st) {
			printf("hold: status %#x\n", st);
			return failed(write ? "write" : "read", EIO);
		}
		if (++n > MEM_SIZE / STRIDE && !said) {
			said = true;
			printf("hold: busy, %ld KiB locked\n", locked());
		}
	}
	return 0;
}

struct kind {
	const char	*name;
	uint8_t		opcode;
};

static const struct kind kinds[] = {
	{ "flush", 0x00 }, { "write", 0x01 }, { "read", 0x02 }, { "zeroes", 0x08 },
	{ "discard", 0x09 },
};

static uint16_t one(struct client *c, uint8_t opcode, uint64_t slba)
{
	uint32_t *range = (uint32_t *)(c->mem + MEM_SIZE - PAGE);
	struct sqe cmd = { .opcode = opcode, .nsid = 1 };

	switch (opcode) {
	case 0x01:
	case 0x02:
		return client_rw(c, &c->io[0], opcode == 1, slba, BLOCKS, MEM_IOVA + STRIDE, 512);
	case 0x08:
		cmd.cdw10 = slba;
		cmd.cdw12 = BLOCKS - 1;
		break;
	case 0x09:
		/* one range: context, length, start */
		range[0] = 0;
		range[1] = BLOCKS;
		range[2] = slba;
		range[3] = 0;
		cmd.prp1 = client_iova(c, range);
		cmd.cdw11 = 1 << 2;
	}
	return client_exec(c, &c->io[0], &cmd, NULL);
}

/* A number of commands of one kind, then nothing. */
static int do_some(struct client *c, const char *name, unsigned long n, unsigned long first)
{
	const struct kind *k = NULL;
	unsigned long i;
	uint16_t status;
	char buf[64];

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].name, name))
			k = &kinds[i];
	if (!k)
		return failed(name, EINVAL);
	for (i = 0; i < n; i++) {
		status = one(c, k->opcode, first + i % 64 * BLOCKS);
		if (status) {
			printf("hold: status %#x\n", status);
			return failed(name, EIO);
		}
	}
	printf("hold: done\n");
	while (read(STDIN_FILENO, buf, sizeof(buf)) > 0)
		;
	return 0;
}

int main(int argc, char **argv)
{
	struct client c;
	int err;

	setlinebuf(stdout);
	err = -client_open(&c);
	if (err)
		return failed("open", err);
	if (client_enable(&c, 32) || client_io_queue(&c, 1, 64, -1))
		err = failed("enable", EIO);
	else if (argc > 2)
		err = do_some(&c, argv[1], strtoul(argv[2], NULL, 0),
			      argc > 3 ? strtoul(argv[3], NULL, 0) : 0);
	else
		err = keep_busy(&c);
	client_close(&c);
	printf("hold: closed, %ld KiB locked\n", locked());
	return err;
}
