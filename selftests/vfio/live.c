// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that does as it is told, a line of standard input after the other, so
 * that a shell test can change what is behind its namespaces and ask what it
 * sees.  Each line gets one line as its answer:
 *
 *	size NSID		size SECTORS LBA-SIZE NSATTR
 *	hints NSID		hints NSFEAT NOIOB NPWG NPWA NPDG NPDA NOWS DLFEAT
 *	list			list NSID...
 *	event MILLISECONDS	event DW0 NSID...: the Changed Namespace List; or "event none"
 *	health			health WARNINGS TEMPERATURE SPARE THRESHOLD USED
 *	read NSID SLBA		read STATUS CHECKSUM
 *	write NSID SLBA BYTE	write STATUS, a block of this byte
 *	flush NSID		flush STATUS
 *	zeroes NSID SLBA NLB	zeroes STATUS
 *	discard NSID SLBA NLB	discard STATUS
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "client.h"

static struct client c;
static uint8_t *page;		/* what commands move */
static bool asked, came;	/* an Asynchronous Event Request, and its answer */
static uint16_t aer_cid;
static uint32_t event;

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

/* Is this completion that of the event?  Then it is kept. */
static bool is_event(const struct cqe *e)
{
	if (!asked || e->cid != aer_cid)
		return false;
	asked = false;
	came = true;
	event = e->dw0;
	return true;
}

static uint16_t exec(struct queue *q, struct sqe *cmd)
{
	uint16_t cid, st;
	struct cqe e;

	cid = queue_push(&c, q, cmd);
	queue_ring(&c, q);
	do {
		st = queue_wait(&c, q, &e, 60000);
		if (st == ST_TIMEOUT)
			return st;
	} while ((q == &c.admin && is_event(&e)) || e.cid != cid);
	return e.status >> 1;
}

static uint16_t identify(uint32_t nsid, uint8_t cns)
{
	struct sqe cmd = { .opcode = 0x06, .nsid = nsid, .cdw10 = cns };

	cmd.prp1 = client_iova(&c, page);
	return exec(&c.admin, &cmd);
}

static uint32_t lba_size(uint32_t nsid)
{
	return identify(nsid, 0) ? 0 : 1u << page[128 + 2];
}

static void show_list(void)
{
	uint32_t *list = (uint32_t *)page;

	while (*list)
		printf(" %u", *list++);
	printf("\n");
}

static void do_size(uint32_t nsid)
{
	uint16_t st = identify(nsid, 0);

	if (st)
		printf("size status %x\n", st);
	else
		printf("size %llu %u %u\n",
		       *(unsigned long long *)page << (page[130] > 9 ? page[130] - 9 : 0),
		       page[130] ? 1u << page[130] : 0, page[99]);
}

static void do_hints(uint32_t nsid)
{
	uint16_t *w = (uint16_t *)page;

	identify(nsid, 0);
	printf("hints %u %u %u %u %u %u %u %u\n", page[24], w[23], w[32], w[33], w[34], w[35],
	       w[36], page[33]);
}

static void do_event(int ms)
{
	struct sqe aer = { .opcode = 0x0c };
	struct sqe log = { .opcode = 0x02, .nsid = ~0u, .cdw10 = 127 << 16 };
	uint64_t end = now_ms() + ms;
	struct cqe e;

	if (!asked && !came) {
		asked = true;
		aer_cid = queue_push(&c, &c.admin, &aer);
		queue_ring(&c, &c.admin);
	}
	while (!came && now_ms() < end) {
		if (queue_pop(&c, &c.admin, &e))
			is_event(&e);
		else
			usleep(1000);
	}
	if (!came) {
		printf("event none\n");
		return;
	}
	came = false;
	/* the log that the event names, as much of it as all of them have */
	log.cdw10 |= event >> 16 & 0xff;
	memset(page, 0, PAGE);
	log.prp1 = client_iova(&c, page);
	exec(&c.admin, &log);
	printf("event %06x", event);
	if (event >> 16 == 4)
		show_list();
	else
		printf("\n");
}

static void do_health(void)
{
	struct sqe log = { .opcode = 0x02, .nsid = ~0u, .cdw10 = 127 << 16 | 1 << 15 | 2 };

	log.prp1 = client_iova(&c, page);
	exec(&c.admin, &log);
	printf("health %u %u %u %u %u\n", page[0], page[1] | page[2] << 8, page[3], page[4],
	       page[5]);
}

static uint16_t range(uint8_t opcode, uint32_t nsid, uint64_t slba, uint32_t nlb)
{
	struct sqe cmd = { .opcode = opcode, .nsid = nsid, .cdw10 = slba, .cdw11 = slba >> 32 };

	cmd.prp1 = client_iova(&c, page);
	cmd.cdw12 = nlb - 1;
	return exec(&c.io[0], &cmd);
}

static uint16_t discard(uint32_t nsid, uint64_t slba, uint32_t nlb)
{
	struct sqe cmd = { .opcode = 0x09, .nsid = nsid, .cdw11 = 1 << 2 };
	uint32_t *r = (uint32_t *)page;

	r[0] = 0;
	r[1] = nlb;
	r[2] = slba;
	r[3] = slba >> 32;
	cmd.prp1 = client_iova(&c, page);
	return exec(&c.io[0], &cmd);
}

static uint32_t checksum(uint32_t len)
{
	uint32_t sum = 0, i;

	for (i = 0; i < len; i++)
		sum = sum * 31 + page[i];
	return sum;
}

static void one(char *line)
{
	char word[16] = "";
	unsigned long a = 0, b = 0, n = 0;
	uint32_t lba;

	if (sscanf(line, "%15s %lu %lu %lu", word, &a, &b, &n) < 1)
		return;
	if (!strcmp(word, "size")) {
		do_size(a);
	} else if (!strcmp(word, "hints")) {
		do_hints(a);
	} else if (!strcmp(word, "health")) {
		do_health();
	} else if (!strcmp(word, "list")) {
		identify(0, 2);
		printf("list");
		show_list();
	} else if (!strcmp(word, "event")) {
		do_event(a);
	} else if (!strcmp(word, "read")) {
		lba = lba_size(a);
		n = range(0x02, a, b, 1);
		printf("read %lx %x\n", n, checksum(lba));
	} else if (!strcmp(word, "write")) {
		memset(page, n, PAGE);
		printf("write %x\n", range(0x01, a, b, 1));
	} else if (!strcmp(word, "flush")) {
		printf("flush %x\n", range(0x00, a, 0, 1));
	} else if (!strcmp(word, "zeroes")) {
		printf("zeroes %x\n", range(0x08, a, b, n));
	} else if (!strcmp(word, "discard")) {
		printf("discard %x\n", discard(a, b, n));
	} else {
		printf("what?\n");
	}
}

int main(void)
{
	struct sqe aec = { .opcode = 0x09, .cdw10 = 0x0b, .cdw11 = 1 << 8 | 0x1f };
	char line[128];
	int err;

	setlinebuf(stdout);
	err = -client_open(&c);
	if (err) {
		printf("open: %s\n", strerror(err));
		return err;
	}
	if (client_enable(&c, 32) || client_io_queue(&c, 1, 64, -1) || exec(&c.admin, &aec)) {
		printf("enable\n");
		client_close(&c);
		return 1;
	}
	page = client_alloc(&c, PAGE);
	printf("ready\n");
	while (fgets(line, sizeof(line), stdin))
		one(line);
	client_close(&c);
	return 0;
}
