// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory with an uncorrectable error, as hole.ko makes it.
 *
 * poison WHERE: opens the device that NVME_MDEV_UUID names, takes the page WHERE from the host,
 * and has the controller use it.  sq, cq, shadow, eventidx: CSTS.CFS, and after a controller reset
 * all is well again.  list: that command ends with Data Transfer Error, and no other.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client.h"

#define OUT	"/sys/module/hole/parameters/out"
#define BACK	"/sys/module/hole/parameters/back"
#define LIST	(MEM_IOVA + (20 << 20))
#define DATA	(MEM_IOVA + (24 << 20))

static int say(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY), err = 0;

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err = -errno;
	if (err)
		perror(file);
	if (fd >= 0)
		close(fd);
	return err;
}

static int page_out(const volatile void *at)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entry = 0;
	char text[32];

	if (fd < 0 || pread(fd, &entry, 8, (unsigned long)at / PAGE * 8) != 8)
		return -EIO;
	close(fd);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)entry & ((1ull << 55) - 1));
	return say(OUT, text);
}

static uint16_t read_listed(struct client *c)
{
	uint64_t *list = (uint64_t *)(c->mem + (LIST - MEM_IOVA));
	struct sqe cmd = { .opcode = 2, .nsid = 1, .prp1 = DATA, .prp2 = LIST, .cdw12 = 63 };
	unsigned int i;

	for (i = 0; i < 7; i++)
		list[i] = DATA + (2 + 2 * i) * PAGE;
	return client_exec(c, &c->io[0], &cmd, NULL);
}

static bool failed(struct client *c)
{
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		if (bar_read(c, REG_CSTS, 4) & CSTS_CFS)
			return true;
		usleep(10000);
	}
	return false;
}

static int begin(struct client *c, bool shadow)
{
	int err = client_enable(c, 32);

	if (!err && shadow)
		err = client_dbbuf(c);
	return err ?: client_io_queue(c, 1, 64, -1) ?: read_listed(c);
}

static int use(struct client *c, const char *where)
{
	struct sqe cmd = { .opcode = 2, .nsid = 1, .prp1 = DATA, .cdw12 = 7 };

	if (!strcmp(where, "list"))
		return read_listed(c) == ST_TRANSFER &&
		       !client_rw(c, &c->io[0], false, 0, 8, DATA, 512) ? 0 : -EIO;
	queue_push(c, &c->io[0], &cmd);
	queue_ring(c, &c->io[0]);
	return failed(c) ? 0 : -ETIMEDOUT;
}

int main(int argc, char **argv)
{
	const char *where = argc > 1 ? argv[1] : "";
	bool shadow = !strcmp(where, "shadow") || !strcmp(where, "eventidx");
	const volatile void *at;
	struct client c;
	int err;

	err = client_open(&c) ?: begin(&c, shadow);
	if (err) {
		printf("poison: %d\n", err);
		return 1;
	}
	at = !strcmp(where, "sq") ? c.io[0].sq : !strcmp(where, "cq") ? (void *)c.io[0].cq :
	     !strcmp(where, "shadow") ? (void *)c.shadow : !strcmp(where, "eventidx") ?
	     (void *)c.eventidx : c.mem + (LIST - MEM_IOVA);
	err = page_out(at) ?: use(&c, where);
	printf("poison: %s: %d, CSTS %x\n", where, err, (unsigned int)bar_read(&c, REG_CSTS, 4));
	/* a lane that falls asleep writes EventIdx */
	err = say(BACK, "1") ?: err;
	client_disable(&c);
	err = err ?: begin(&c, false);
	printf("poison: %s: after a reset: %d\n", where, err);
	client_close(&c);
	return err ? 1 : 0;
}
