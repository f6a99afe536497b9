// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "client.h"

/* For one command, in milliseconds: a drive may be reset twice meanwhile. */
#define EXEC_MS		60000

#define REGION(index, off)	(((uint64_t)(index) << 40) + (off))
#define DEVICES			"/sys/bus/mdev/devices"

/* The harness ends a test with _exit(): what was printed must be out by then. */
__attribute__((constructor)) static void print_lines(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
}

const char *client_uuid(void)
{
	return getenv("NVME_MDEV_UUID");
}

static int group_number(const char *uuid)
{
	char path[PATH_MAX], link[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), DEVICES "/%s/iommu_group", uuid);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return -errno;
	link[n] = 0;
	return atoi(basename(link));
}

static int attach(struct client *c, unsigned long iommu)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char path[64];
	int group;

	memset(c, 0, sizeof(*c));
	c->container = -1;
	c->group = -1;
	c->device = -1;
	c->uuid = client_uuid();
	group = group_number(c->uuid);
	if (group < 0)
		return group;
	snprintf(path, sizeof(path), "/dev/vfio/%d", group);
	c->container = open("/dev/vfio/vfio", O_RDWR);
	c->group = open(path, O_RDWR);
	if (c->container < 0 || c->group < 0)
		return -errno;
	if (ioctl(c->group, VFIO_GROUP_GET_STATUS, &status) ||
	    !(status.flags & VFIO_GROUP_FLAGS_VIABLE) ||
	    ioctl(c->group, VFIO_GROUP_SET_CONTAINER, &c->container) ||
	    ioctl(c->container, VFIO_SET_IOMMU, iommu))
		return -errno ?: -EIO;

	c->mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (c->mem == MAP_FAILED)
		return -errno;
	return 0;
}

int client_attach(struct client *c)
{
	return attach(c, VFIO_TYPE1v2_IOMMU);
}

int client_device(struct client *c)
{
	c->device = ioctl(c->group, VFIO_GROUP_GET_DEVICE_FD, c->uuid);
	return c->device < 0 ? -errno : 0;
}

int client_open(struct client *c)
{
	return client_attach(c) ?: client_device(c) ?:
	       client_map(c, c->mem, MEM_IOVA, MEM_SIZE,
			  VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
}

int client_open_type1(struct client *c)
{
	return attach(c, VFIO_TYPE1_IOMMU) ?: client_device(c) ?:
	       client_map(c, c->mem, MEM_IOVA, MEM_SIZE,
			  VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
}

void client_close(struct client *c)
{
	if (c->db)
		munmap((void *)c->db, PAGE);
	if (c->device >= 0)
		close(c->device);
	if (c->group >= 0)
		close(c->group);
	if (c->container >= 0)
		close(c->container);
	if (c->mem && c->mem != MAP_FAILED)
		munmap(c->mem, MEM_SIZE);
	memset(c, 0, sizeof(*c));
	c->container = -1;
	c->group = -1;
	c->device = -1;
}

int client_map(struct client *c, void *addr, uint64_t iova, uint64_t size, uint32_t flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = flags,
		.vaddr = (uintptr_t)addr, .iova = iova, .size = size,
	};

	return ioctl(c->container, VFIO_IOMMU_MAP_DMA, &map) ? -errno : 0;
}

int client_unmap(struct client *c, uint64_t iova, uint64_t size)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = iova, .size = size,
	};

	return ioctl(c->container, VFIO_IOMMU_UNMAP_DMA, &unmap) ? -errno : 0;
}

static uint64_t region_read(struct client *c, int index, uint64_t off, size_t len)
{
	uint64_t val = 0;

	if (pread(c->device, &val, len, REGION(index, off)) != (ssize_t)len)
		return ~0ull;
	return val;
}

uint64_t bar_read(struct client *c, uint64_t off, size_t len)
{
	return region_read(c, VFIO_PCI_BAR0_REGION_INDEX, off, len);
}

void bar_write(struct client *c, uint64_t off, uint64_t val, size_t len)
{
	if (pwrite(c->device, &val, len, REGION(VFIO_PCI_BAR0_REGION_INDEX, off)) < 0)
		perror("bar_write");
}

uint64_t cfg_read(struct client *c, uint64_t off, size_t len)
{
	return region_read(c, VFIO_PCI_CONFIG_REGION_INDEX, off, len);
}

void cfg_write(struct client *c, uint64_t off, uint64_t val, size_t len)
{
	if (pwrite(c->device, &val, len, REGION(VFIO_PCI_CONFIG_REGION_INDEX, off)) < 0)
		perror("cfg_write");
}

/* Page aligned, zeroed, never freed before client_close(). */
void *client_alloc(struct client *c, size_t size)
{
	void *p = c->mem + c->used;

	c->used += (size + PAGE - 1) & ~(PAGE - 1);
	if (c->used > MEM_SIZE)
		abort();
	memset(p, 0, size);
	return p;
}

uint64_t client_iova(struct client *c, const volatile void *p)
{
	return MEM_IOVA + ((const volatile uint8_t *)p - c->mem);
}

int client_map_doorbells(struct client *c)
{
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, c->device,
		       REGION(VFIO_PCI_BAR0_REGION_INDEX, REG_DB));

	if (p == MAP_FAILED)
		return -errno;
	c->db = p;
	return 0;
}

static void doorbell(struct client *c, unsigned int index, uint32_t old, uint32_t val)
{
	if (c->shadow && index >= 2) {
		c->shadow[index] = val;
		__sync_synchronize();
		if ((uint16_t)(val - c->eventidx[index] - 1) >= (uint16_t)(val - old))
			return;
	}
	c->mmio++;
	if (c->db)
		c->db[index] = val;
	else
		bar_write(c, REG_DB + index * 4, val, 4);
}

static void queue_init(struct client *c, struct queue *q, uint16_t id, uint32_t depth)
{
	memset(q, 0, sizeof(*q));
	q->id = id;
	q->depth = depth;
	q->phase = 1;
	q->sq = client_alloc(c, depth * sizeof(struct sqe));
	q->cq = client_alloc(c, depth * sizeof(struct cqe));
}

static int wait_csts(struct client *c, uint32_t mask, uint32_t want)
{
	int i;

	for (i = 0; i < 5000; i++) {
		uint32_t csts = bar_read(c, REG_CSTS, 4);

		if ((csts & mask) == want)
			return 0;
		usleep(1000);
	}
	return -ETIMEDOUT;
}

void client_disable(struct client *c)
{
	bar_write(c, REG_CC, 0, 4);
	wait_csts(c, CSTS_RDY, 0);
	c->shadow = NULL;
	c->eventidx = NULL;
}

int client_enable(struct client *c, uint32_t depth)
{
	cfg_write(c, 4, 0x6, 2);
	client_disable(c);
	queue_init(c, &c->admin, 0, depth);
	bar_write(c, REG_AQA, (depth - 1) << 16 | (depth - 1), 4);
	bar_write(c, REG_ASQ, client_iova(c, c->admin.sq), 8);
	bar_write(c, REG_ACQ, client_iova(c, c->admin.cq), 8);
	bar_write(c, REG_CC, CC_ENABLE, 4);
	return wait_csts(c, CSTS_RDY | CSTS_CFS, CSTS_RDY);
}

/* @vector < 0: no interrupts. */
uint16_t client_io_queue(struct client *c, uint16_t id, uint32_t depth, int vector)
{
	struct queue *q = &c->io[id - 1];
	struct sqe cmd = { .opcode = 0x05 };
	uint16_t st;

	queue_init(c, q, id, depth);
	cmd.prp1 = client_iova(c, q->cq);
	cmd.cdw10 = (depth - 1) << 16 | id;
	cmd.cdw11 = vector < 0 ? 1 : vector << 16 | 3;
	st = client_exec(c, &c->admin, &cmd, NULL);
	if (st)
		return st;
	cmd = (struct sqe){ .opcode = 0x01 };
	cmd.prp1 = client_iova(c, q->sq);
	cmd.cdw10 = (depth - 1) << 16 | id;
	cmd.cdw11 = id << 16 | 1;
	return client_exec(c, &c->admin, &cmd, NULL);
}

uint16_t client_dbbuf(struct client *c)
{
	struct sqe cmd = { .opcode = 0x7c };
	uint16_t st;
	void *shadow = client_alloc(c, PAGE), *ei = client_alloc(c, PAGE);

	cmd.prp1 = client_iova(c, shadow);
	cmd.prp2 = client_iova(c, ei);
	st = client_exec(c, &c->admin, &cmd, NULL);
	if (!st) {
		c->shadow = shadow;
		c->eventidx = ei;
	}
	return st;
}

/* Put @cmd on the ring, without the doorbell. */
uint16_t queue_push(struct client *c, struct queue *q, struct sqe *cmd)
{
	(void)c;
	cmd->cid = q->cid++;
	q->sq[q->tail] = *cmd;
	q->tail = (q->tail + 1) % q->depth;
	return cmd->cid;
}

void queue_ring(struct client *c, struct queue *q)
{
	uint32_t old = c->shadow && q->id ? c->shadow[q->id * 2] : 0;

	__sync_synchronize();
	doorbell(c, q->id * 2, old, q->tail);
}

bool queue_pop(struct client *c, struct queue *q, struct cqe *out)
{
	volatile struct cqe *e = &q->cq[q->head];
	uint32_t old = q->head;

	if ((e->status & 1) != q->phase)
		return false;
	__sync_synchronize();
	if (out) {
		out->dw0 = e->dw0;
		out->dw1 = e->dw1;
		out->sqhd = e->sqhd;
		out->sqid = e->sqid;
		out->cid = e->cid;
		out->status = e->status;
	}
	if (++q->head == q->depth) {
		q->head = 0;
		q->phase ^= 1;
	}
	doorbell(c, q->id * 2 + 1, old, q->head);
	return true;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

/*
 * The status of the next completion, without phase and DNR. Looks less and less often, as
 * those who are to answer may need this processor.
 */
uint16_t queue_wait(struct client *c, struct queue *q, struct cqe *out, int ms)
{
	uint64_t end = now_ms() + ms;
	unsigned int us = 10;
	struct cqe e;

	while (!queue_pop(c, q, &e)) {
		if (now_ms() > end)
			return ST_TIMEOUT;
		usleep(us);
		if (us < 1000)
			us *= 2;
	}
	if (out)
		*out = e;
	return (e.status >> 1) & 0x7ff;
}

uint16_t client_exec(struct client *c, struct queue *q, struct sqe *cmd, struct cqe *out)
{
	queue_push(c, q, cmd);
	queue_ring(c, q);
	return queue_wait(c, q, out, EXEC_MS);
}

/* @iova and on, contiguous; the PRP list, if one is needed, is allocated. */
uint16_t client_rw(struct client *c, struct queue *q, bool write, uint64_t slba, uint32_t nlb,
		   uint64_t iova, size_t lba)
{
	struct sqe cmd = { .opcode = write ? 1 : 2, .nsid = 1, .prp1 = iova };
	uint64_t end = iova + nlb * lba, next = (iova | (PAGE - 1)) + 1;
	size_t keep = c->used;
	uint16_t st;

	cmd.cdw10 = slba;
	cmd.cdw11 = slba >> 32;
	cmd.cdw12 = nlb - 1;
	if (next + PAGE < end) {
		uint64_t *list = client_alloc(c, PAGE);
		int i = 0;

		cmd.prp2 = client_iova(c, list);
		for (; next < end; next += PAGE)
			list[i++] = next;
	} else if (next < end) {
		cmd.prp2 = next;
	}
	st = client_exec(c, q, &cmd, NULL);
	c->used = keep;
	return st;
}

/* One eventfd for one interrupt; -1 takes it away. */
int client_irq(struct client *c, uint32_t index, uint32_t start, int fd)
{
	char buf[sizeof(struct vfio_irq_set) + sizeof(int32_t)];
	struct vfio_irq_set *set = (void *)buf;

	*set = (struct vfio_irq_set){
		.argsz = sizeof(buf), .index = index, .start = start, .count = 1,
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
	};
	memcpy(set->data, &fd, sizeof(int32_t));
	return ioctl(c->device, VFIO_DEVICE_SET_IRQS, set) ? -errno : 0;
}

/* Without data: MASK, UNMASK, or TRIGGER of interrupt 0. */
int client_irq_flags(struct client *c, uint32_t index, uint32_t action)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set), .index = index, .count = 1,
		.flags = VFIO_IRQ_SET_DATA_NONE | action,
	};

	return ioctl(c->device, VFIO_DEVICE_SET_IRQS, &set) ? -errno : 0;
}

/* No interrupts of an index any more. */
int client_irq_none(struct client *c, uint32_t index)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set), .index = index,
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
	};

	return ioctl(c->device, VFIO_DEVICE_SET_IRQS, &set) ? -errno : 0;
}

static FILE *state_open(struct client *c, const char *file)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), DEVICES "/%s/state/%s", c->uuid ?: client_uuid(), file);
	return fopen(path, "r");
}

long client_state(struct client *c, const char *file)
{
	FILE *f = state_open(c, file);
	long val = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%ld", &val) != 1)
		val = -1;
	fclose(f);
	return val;
}

long client_counter(struct client *c, const char *name)
{
	FILE *f = state_open(c, "counters");
	char key[64];
	long val, found = -1;

	if (!f)
		return -1;
	while (fscanf(f, "%63s %ld", key, &val) == 2)
		if (!strcmp(key, name))
			found = val;
	fclose(f);
	return found;
}

/* Write one of the device's settings. */
int client_set(struct client *c, const char *file, const char *value)
{
	char path[PATH_MAX];
	int fd, ret;

	snprintf(path, sizeof(path), DEVICES "/%s/settings/%s", c->uuid ?: client_uuid(), file);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	ret = write(fd, value, strlen(value)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* A figure for selftests/figures; past stdio, as a test may end without it. */
void client_measured(const char *what, unsigned long n)
{
	dprintf(STDOUT_FILENO, "# measured: %s: %lu\n", what, n);
}
