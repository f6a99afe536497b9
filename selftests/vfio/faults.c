// SPDX-License-Identifier: GPL-2.0
/*
 * Lets the n-th allocation or copy from or to user space in one operation fail,
 * for n = 1, 2, ... until the operation makes fewer: /proc/self/fail-nth, see
 * Documentation/fault-injection of the kernel. An operation that meets a failure
 * ends with an errno or copes; the same one then works, without a failure.
 *
 * Where there are many, most are of a loop, for each request or page the same: each
 * of the first and of the last EDGE is tried, and one in STRIDE of those in between.
 *
 *	faults write FILE VALUE [UNDO-FILE VALUE]
 *			one write(2); undone where it worked
 *	faults open	a VMM opens the device
 *	faults irqs	eventfds for all vectors, for INTx, ERR and REQ
 *	faults info	all that a VMM asks for
 *	faults regs	configuration space, registers, doorbells, mapped and not
 *	faults unmap	guest memory is taken away
 *	faults map	and comes back
 *	faults io	not by itself: I/O in new memory until the input ends, while
 *			others make allocations fail; says how many failed
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "client.h"

#define MOST	4000		/* failures of one operation */
#define EDGE	60
#define STRIDE	7
#define MAX_ERRNO 4096
#define CHUNK	(2ul << 20)	/* what the device pins at once */
#define OTHERS	4		/* chunks of guest memory that are left alone, for queues */
#define LAST	(MEM_IOVA + MEM_SIZE - CHUNK)

static struct client client;
static char **words;
static int fail_nth;

/*
 * Reading and writing the file count, too: so a write may fail, and is then
 * repeated. Return: whether a failure was still to come.
 */
static bool arm(unsigned int n)
{
	char buf[16];
	int pending = 1, len;

	if (pread(fail_nth, buf, sizeof(buf) - 1, 0) > 0)
		pending = atoi(buf);
	len = snprintf(buf, sizeof(buf), "%u", n);
	while (pwrite(fail_nth, buf, len, 0) != len)
		;
	return pending;
}

static int write_once(const char *file, const char *value)
{
	int ret, fd = open(file, O_WRONLY);

	if (fd < 0)
		return -errno;
	ret = write(fd, value, strlen(value)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static int op_write(void)
{
	return write_once(words[0], words[1]);
}

static int op_unwrite(void)
{
	return words[2] ? write_once(words[2], words[3]) : 0;
}

static int before_open(void)
{
	return client.mem ? 0 : client_attach(&client);
}

static int op_open(void)
{
	return client_device(&client);
}

static int op_close(void)
{
	close(client.device);
	client.device = -1;
	return 0;
}

static int set_irqs(uint32_t index, unsigned int count, const int *fds)
{
	char buf[sizeof(struct vfio_irq_set) + 8 * sizeof(int32_t)];
	struct vfio_irq_set *set = (void *)buf;

	*set = (struct vfio_irq_set){
		.argsz = sizeof(*set) + count * sizeof(int32_t), .index = index, .count = count,
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
	};
	memcpy(set->data, fds, count * sizeof(int32_t));
	return ioctl(client.device, VFIO_DEVICE_SET_IRQS, set) ? -errno : 0;
}

static int op_irqs(void)
{
	static int fds[3] = { -1 };
	struct vfio_irq_set off = {
		.argsz = sizeof(off), .index = VFIO_PCI_MSIX_IRQ_INDEX,
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
	};
	unsigned int i;
	int ret;

	for (i = 0; i < 3 && fds[2] < 1; i++)
		fds[i] = eventfd(0, 0);
	if (fds[2] < 0)
		return -errno;
	ret = set_irqs(VFIO_PCI_MSIX_IRQ_INDEX, 3, fds) ?:
	      set_irqs(VFIO_PCI_REQ_IRQ_INDEX, 1, fds);
	if (!ret && ioctl(client.device, VFIO_DEVICE_SET_IRQS, &off))
		ret = -errno;
	return ret ?: set_irqs(VFIO_PCI_INTX_IRQ_INDEX, 1, fds);
}

static int op_info(void)
{
	struct vfio_device_info dev = { .argsz = sizeof(dev) };
	char buf[256];
	struct vfio_region_info *region = (void *)buf;
	uint32_t i;

	if (ioctl(client.device, VFIO_DEVICE_GET_INFO, &dev))
		return -errno;
	for (i = 0; i < dev.num_regions; i++) {
		*region = (struct vfio_region_info){ .argsz = sizeof(buf), .index = i };
		if (ioctl(client.device, VFIO_DEVICE_GET_REGION_INFO, region))
			return -errno;
	}
	for (i = 0; i < dev.num_irqs; i++) {
		struct vfio_irq_info irq = { .argsz = sizeof(irq), .index = i };

		if (i == VFIO_PCI_ERR_IRQ_INDEX)
			continue;	/* there is none */
		if (ioctl(client.device, VFIO_DEVICE_GET_IRQ_INFO, &irq))
			return -errno;
	}
	return 0;
}

/* Accesses that fail are EFAULT; what was read or written before them is done. */
static int op_regs(void)
{
	uint64_t bar0 = (uint64_t)VFIO_PCI_BAR0_REGION_INDEX << 40;
	uint64_t config = (uint64_t)VFIO_PCI_CONFIG_REGION_INDEX << 40;
	uint32_t buf[64], zero = 0;
	void *page;

	if (pread(client.device, buf, sizeof(buf), config) != sizeof(buf) ||
	    pwrite(client.device, &buf[1], 4, config + 4) != 4 ||
	    pread(client.device, buf, 64, bar0) != 64 ||
	    pwrite(client.device, &zero, 4, bar0 + REG_DB) != 4)
		return -errno;
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, client.device, bar0 + REG_DB);
	if (page == MAP_FAILED)
		return -errno;
	*(volatile uint32_t *)page = 0;
	munmap(page, PAGE);
	return 0;
}

static int map(uint64_t iova, uint64_t size)
{
	return client_map(&client, client.mem + (iova - MEM_IOVA), iova, size,
			  VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
}

/* A read into guest memory. */
static uint16_t io_at(uint64_t iova)
{
	return client_rw(&client, &client.io[0], false, 0, 8, iova, 512);
}

static int before_unmap(void)
{
	return io_at(LAST) ? -EIO : 0;
}

static int op_unmap(void)
{
	return client_unmap(&client, LAST, CHUNK);
}

static int op_map(void)
{
	return map(LAST, CHUNK);
}

static int nothing(void)
{
	return 0;
}

struct operation {
	const char	*name;
	int		(*before)(void);
	int		(*op)(void);
	int		(*undo)(void);
	bool		open;	/* on an open device */
};

static const struct operation operations[] = {
	{ "write", nothing, op_write, op_unwrite, false },
	{ "open", before_open, op_open, op_close, false },
	{ "irqs", nothing, op_irqs, nothing, true },
	{ "info", nothing, op_info, nothing, true },
	{ "regs", nothing, op_regs, nothing, true },
	{ "unmap", before_unmap, op_unmap, op_map, true },
	{ "map", op_unmap, op_map, before_unmap, true },
};

static int failed(const char *what, unsigned int n, int err)
{
	printf("faults: %s, failure %u: %s\n", what, n, strerror(err));
	return 1;
}

struct tally {
	unsigned int	tried;
	int		errs[MAX_ERRNO];	/* how often each came back, and 0 */
};

/* The operation with its @n-th chance to fail taken; *@met tells whether it had so many. */
static int walk_one(const struct operation *o, unsigned int n, bool *met, int *errs)
{
	int ret = o->before();

	if (ret)
		return failed("cannot begin", n, -ret);
	arm(n);
	ret = o->op();
	*met = !arm(0);
	errs[-ret] += *met;
	if (ret) {
		if (!*met)
			return failed("failed without one", n, -ret);
		ret = o->op();
		if (ret)
			return failed("does not work after", n, -ret);
	}
	ret = o->undo();
	return ret ? failed("cannot be undone after", n, -ret) : 0;
}

/* From the @first to the @last in steps, or until none is met; returns the last that was, or -1. */
static int walk_from(const struct operation *o, unsigned int first, unsigned int last,
		     unsigned int step, struct tally *t)
{
	bool met = true;
	unsigned int n;

	for (n = first; n <= last; n += step) {
		if (walk_one(o, n, &met, t->errs))
			return -1;
		if (!met)
			break;
		t->tried++;
	}
	return n - step;
}

static int walk(const struct operation *o)
{
	static struct tally t;
	int n, i;

	n = walk_from(o, 1, EDGE, 1, &t);
	if (n == EDGE)
		n = walk_from(o, EDGE + STRIDE, MOST, STRIDE, &t);
	/* the next but STRIDE was one too many */
	if (n >= EDGE)
		n = walk_from(o, n > 2 * EDGE ? n - EDGE : EDGE + 1, MOST, 1, &t);
	if (n < 0)
		return 1;
	if (n >= MOST - STRIDE)
		return failed("has no end after", n, ELOOP);
	printf("measured: failures of allocations and copies, %s: %u\n", o->name, t.tried);
	printf("faults: of %d, coped with %d", n, t.errs[0]);
	for (i = 1; i < MAX_ERRNO; i++)
		if (t.errs[i])
			printf(", %s %d", strerrorname_np(i), t.errs[i]);
	printf("\n");
	return 0;
}

/* Chunk after chunk, each taken away before it comes again: each I/O pins. */
static int pin_for_ever(void)
{
	struct pollfd end = { .fd = STDIN_FILENO, .events = POLLIN };
	unsigned long n, bad = 0;
	uint64_t iova;
	uint16_t st;

	printf("faults: busy\n");
	for (n = 0; poll(&end, 1, 0) == 0; n++) {
		iova = MEM_IOVA + (OTHERS + n % (MEM_SIZE / CHUNK - OTHERS)) * CHUNK;
		st = io_at(iova);
		if (st == ST_TIMEOUT)
			return failed("no answer", n, ETIMEDOUT);
		bad += st != 0;
		if (client_unmap(&client, iova, CHUNK) || map(iova, CHUNK))
			return failed("map", n, errno);
	}
	printf("faults: %lu commands, %lu failed\n", n, bad);
	if (io_at(LAST))
		return failed("does not work after", n, EIO);
	return bad ? 0 : failed("none", n, 0);
}

/* Guest memory is mapped in chunks, so that one can go. */
static int opened(void)
{
	int err = -client_open(&client);
	uint64_t iova = MEM_IOVA + OTHERS * CHUNK;

	if (err)
		return failed("open", 0, err);
	if (client_unmap(&client, MEM_IOVA, MEM_SIZE) || map(MEM_IOVA, OTHERS * CHUNK))
		return failed("map", 0, errno);
	for (; iova <= LAST; iova += CHUNK)
		if (map(iova, CHUNK))
			return failed("map", 0, errno);
	if (client_enable(&client, 32) || client_io_queue(&client, 1, 64, -1))
		return failed("enable", 0, EIO);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned int i;
	int ret = 2;

	setlinebuf(stdout);
	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR);
	if (fail_nth < 0)
		return failed("/proc/self/fail-nth", 0, errno);
	words = argv + 2;
	for (i = 0; argc > 1 && i < sizeof(operations) / sizeof(*operations); i++)
		if (!strcmp(argv[1], operations[i].name))
			ret = (operations[i].open && opened()) || walk(&operations[i]);
	if (argc > 1 && !strcmp(argv[1], "io"))
		ret = opened() || pin_for_ever();
	client_close(&client);
	return ret;
}
