// SPDX-License-Identifier: GPL-2.0
/*
 * A VMM that fails, or does at the wrong moment what it may do: each ends
 * promptly, and after each the device works.  NVME_MDEV_UUID names a device whose
 * NSID 1 holds data that may be destroyed.
 *
 * Closing in one order, resets and queue deletion under load, memory that is
 * unmapped between commands or with bus mastering off are in nvme_mdev_test.c,
 * SIGKILL of guests and clients in kill.sh, dozens of it in powercut.sh.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "client.h"

#define LBA		512
#define MIB		(1ul << 20)
#define SIDE_IOVA	0x80000000ul
#define READ_WRITE	(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

FIXTURE(vmm)
{
	struct client c;
};

/* Enabled, with two polled I/O queue pairs. */
static int start(struct client *c)
{
	c->used = 0;
	if (client_enable(c, 32) || client_io_queue(c, 1, 64, -1) ||
	    client_io_queue(c, 2, 64, -1))
		return -EIO;
	return 0;
}

/* Is what is read what was written? */
static bool works(struct client *c)
{
	uint8_t *w, *r;
	int i;

	if (start(c))
		return false;
	w = client_alloc(c, 2 * PAGE);
	r = w + PAGE;
	for (i = 0; i < 16; i++) {
		memset(w, i + 1, PAGE);
		memset(r, 0, PAGE);
		if (client_rw(c, &c->io[i & 1], true, i * 64, 8, client_iova(c, w), LBA) ||
		    client_rw(c, &c->io[i & 1], false, i * 64, 8, client_iova(c, r), LBA) ||
		    memcmp(w, r, PAGE))
			return false;
	}
	return true;
}

FIXTURE_SETUP(vmm)
{
	ASSERT_NE(NULL, client_uuid());
	ASSERT_EQ(0, client_open(&self->c));
	ASSERT_EQ(0, start(&self->c));
}

FIXTURE_TEARDOWN(vmm)
{
	client_close(&self->c);
	EXPECT_EQ(0, client_state(&self->c, "pinned_bytes"));
	EXPECT_EQ(0, client_state(&self->c, "open"));
	ASSERT_EQ(0, client_open(&self->c));
	EXPECT_TRUE(works(&self->c));
	client_close(&self->c);
	EXPECT_EQ(0, client_state(&self->c, "open"));
}

static void *anonymous(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

/* Reads and writes on queue 2, on a thread of its own, until told to stop. */
struct load {
	struct client	*c;
	pthread_t	thread;
	bool		stop;
	unsigned long	good, bad;
};

static void *load_run(void *arg)
{
	struct load *l = arg;
	uint64_t iova = MEM_IOVA + 32 * MIB;
	unsigned int i;

	for (i = 0; !__atomic_load_n(&l->stop, __ATOMIC_ACQUIRE); i++) {
		if (client_rw(l->c, &l->c->io[1], i & 1, 4096 + i % 64 * 8, 8,
			      iova + i % 8 * MIB, LBA))
			l->bad++;
		else
			__atomic_add_fetch(&l->good, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void load_begin(struct load *l, struct client *c)
{
	memset(l, 0, sizeof(*l));
	l->c = c;
	if (pthread_create(&l->thread, NULL, load_run, l))
		abort();
	while (__atomic_load_n(&l->good, __ATOMIC_RELAXED) < 3)
		usleep(1000);
}

static void load_end(struct load *l)
{
	__atomic_store_n(&l->stop, true, __ATOMIC_RELEASE);
	pthread_join(l->thread, NULL);
}

/* So many one-page reads to @iova and on, not waited for. */
static void push_reads(struct client *c, struct queue *q, uint64_t iova, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct sqe cmd = { .opcode = 2, .nsid = 1, .prp1 = iova + i * PAGE, .cdw12 = 7 };

		queue_push(c, q, &cmd);
	}
	queue_ring(c, q);
}

/* As many reads of 128 KiB, one after the other in memory; @lists is a page for each. */
static void push_large_reads(struct client *c, struct queue *q, uint64_t iova, unsigned int n,
			     uint64_t *lists)
{
	unsigned int i, k;

	for (i = 0; i < n; i++, iova += 32 * PAGE, lists += PAGE / 8) {
		struct sqe cmd = { .opcode = 2, .nsid = 1, .prp1 = iova, .cdw12 = 255 };

		for (k = 0; k < 31; k++)
			lists[k] = iova + (k + 1) * PAGE;
		cmd.prp2 = client_iova(c, lists);
		queue_push(c, q, &cmd);
	}
	queue_ring(c, q);
}

static bool fd_fires(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t v;

	return poll(&p, 1, ms) == 1 && read(fd, &v, 8) == 8;
}

/* SET_IRQS with an eventfd for INTx's unmasking. */
static int unmask_by(struct client *c, int fd)
{
	char buf[sizeof(struct vfio_irq_set) + sizeof(int32_t)];
	struct vfio_irq_set *set = (void *)buf;

	*set = (struct vfio_irq_set){
		.argsz = sizeof(buf), .index = VFIO_PCI_INTX_IRQ_INDEX, .count = 1,
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_UNMASK,
	};
	memcpy(set->data, &fd, sizeof(int32_t));
	return ioctl(c->device, VFIO_DEVICE_SET_IRQS, set) ? -errno : 0;
}

/* The eventfd that INTx signals is the one that unmasks it: it chases its own tail. */
TEST_F_TIMEOUT(vmm, intx_unmasked_by_its_own_eventfd, 600)
{
	struct client *c = &self->c;
	int fd = eventfd(0, EFD_NONBLOCK), i;

	ASSERT_EQ(0, client_irq(c, VFIO_PCI_INTX_IRQ_INDEX, 0, fd));
	ASSERT_EQ(0, unmask_by(c, fd));
	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, client_irq_flags(c, VFIO_PCI_INTX_IRQ_INDEX,
					      VFIO_IRQ_SET_ACTION_TRIGGER));
	/* and by the device itself, while the level is high */
	for (i = 0; i < 10; i++)
		EXPECT_EQ(0, client_enable(c, 32));
	EXPECT_EQ(ST_OK, client_io_queue(c, 1, 64, 0));
	EXPECT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 8, MEM_IOVA + MIB, LBA));
	EXPECT_EQ(0, unmask_by(c, -1));
	EXPECT_EQ(0, client_irq(c, VFIO_PCI_INTX_IRQ_INDEX, 0, -1));
	close(fd);
	client_measured("INTx unmasked by its own eventfd", 10);
}

/* Eventfds of all kinds, set and taken away while interrupts come. */
TEST_F_TIMEOUT(vmm, eventfds_change_under_load, 600)
{
	struct client *c = &self->c;
	struct load load;
	int full, pipes[2], i;

	client_disable(c);
	c->used = 0;
	ASSERT_EQ(0, client_enable(c, 32));
	ASSERT_EQ(ST_OK, client_io_queue(c, 1, 64, 1));
	ASSERT_EQ(ST_OK, client_io_queue(c, 2, 64, 2));
	full = eventfd(0, EFD_NONBLOCK);
	ASSERT_EQ(0, eventfd_write(full, ~0ull - 1));
	ASSERT_EQ(0, pipe(pipes));
	load_begin(&load, c);
	for (i = 0; i < 300; i++) {
		int fd = eventfd(0, EFD_NONBLOCK);

		EXPECT_EQ(0, client_irq(c, VFIO_PCI_MSIX_IRQ_INDEX, 2, i % 5 ? fd : full));
		/* closed while it is set: the device has the only reference */
		close(fd);
		EXPECT_EQ(-EBADF, client_irq(c, VFIO_PCI_MSIX_IRQ_INDEX, 2, fd));
		EXPECT_EQ(-EINVAL, client_irq(c, VFIO_PCI_MSIX_IRQ_INDEX, 2, pipes[0]));
		EXPECT_EQ(-EINVAL, client_irq(c, VFIO_PCI_MSIX_IRQ_INDEX, 2, -2));
		EXPECT_EQ(-EINVAL, client_irq(c, VFIO_PCI_MSIX_IRQ_INDEX, ~0u, full));
		if (i % 7 == 0)
			EXPECT_EQ(0, client_irq(c, VFIO_PCI_MSIX_IRQ_INDEX, 2, -1));
		if (i % 11 == 0) {
			/* all of MSI-X away, and INTx in its place */
			EXPECT_EQ(0, client_irq_none(c, VFIO_PCI_MSIX_IRQ_INDEX));
			EXPECT_EQ(0, client_irq(c, VFIO_PCI_INTX_IRQ_INDEX, 0, full));
			EXPECT_EQ(0, client_irq_none(c, VFIO_PCI_INTX_IRQ_INDEX));
		}
	}
	load_end(&load);
	EXPECT_EQ(0, load.bad);
	EXPECT_LT(3, load.good);
	/* and they still work */
	ASSERT_EQ(0, eventfd_read(full, &(eventfd_t){ 0 }));
	ASSERT_EQ(0, client_irq(c, VFIO_PCI_MSIX_IRQ_INDEX, 1, full));
	fd_fires(full, 10);
	ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 8, MEM_IOVA + MIB, LBA));
	EXPECT_TRUE(fd_fires(full, 2000));
	client_measured("eventfds changed under load", i);
}

/* Device, group, container, doorbell page: let go in each order, with commands in flight. */
TEST_F_TIMEOUT(vmm, closed_in_any_order, 600)
{
	struct client *c = &self->c;
	int order, i;

	for (order = 0; order < 24; order++) {
		int left[4] = { 0, 1, 2, 3 }, nr = 4, rest = order;

		ASSERT_EQ(0, client_map_doorbells(c));
		push_reads(c, &c->io[0], MEM_IOVA + 8 * MIB, 60);
		for (; nr; nr--) {
			int pick = rest % nr, what = left[pick];

			rest /= nr;
			for (i = pick; i < nr - 1; i++)
				left[i] = left[i + 1];
			if (what == 3)
				munmap((void *)c->db, PAGE);
			else
				close(what == 0 ? c->device : what == 1 ? c->group : c->container);
		}
		EXPECT_EQ(0, client_state(c, "open")) {
			TH_LOG("order %d", order);
		}
		EXPECT_EQ(0, client_state(c, "pinned_bytes"));
		munmap(c->mem, MEM_SIZE);
		ASSERT_EQ(0, client_open(c));
		ASSERT_EQ(0, start(c));
	}
	client_measured("orders of closing with commands in flight", order);
}

static bool is_all(const uint8_t *p, size_t len, uint8_t val)
{
	return p[0] == val && !memcmp(p, p + 1, len - 1);
}

/* Memory goes while commands read into it: all are answered, no byte comes after the unmapping. */
TEST_F_TIMEOUT(vmm, unmapped_under_dma, 600)
{
	const size_t size = 4 * MIB;
	struct client *c = &self->c;
	uint64_t *lists = client_alloc(c, 32 * PAGE);
	uint8_t *side = anonymous(size);
	unsigned int round, i;

	for (round = 0; round < 40; round++) {
		ASSERT_EQ(0, client_map(c, side, SIDE_IOVA, size, READ_WRITE));
		push_large_reads(c, &c->io[0], SIDE_IOVA, 32, lists);
		/* some have come by then, some have not been fetched, others are on their way */
		usleep(round % 8 * 1000);
		ASSERT_EQ(0, client_unmap(c, SIDE_IOVA, size));
		memset(side, 0xa5, size);
		for (i = 0; i < 32; i++)
			ASSERT_NE(ST_TIMEOUT, queue_wait(c, &c->io[0], NULL, 10000));
		EXPECT_TRUE(is_all(side, size, 0xa5));
	}
	munmap(side, size);
	client_measured("memory unmapped under DMA", round);
}

/* The same address is other memory, the same memory has another address. */
TEST_F_TIMEOUT(vmm, mapped_elsewhere, 600)
{
	const size_t size = 2 * MIB;
	struct client *c = &self->c;
	uint8_t *side = anonymous(4 * size), *w = client_alloc(c, PAGE);
	struct load load;
	unsigned int round;

	memset(w, 0x3c, PAGE);
	ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], true, 0, 8, client_iova(c, w), LBA));
	load_begin(&load, c);
	for (round = 0; round < 40; round++) {
		uint8_t *p = side + round % 4 * size;
		uint64_t iova = SIDE_IOVA + round % 3 * size;

		memset(side, 0, 4 * size);
		ASSERT_EQ(0, client_map(c, p, iova, size, READ_WRITE));
		ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 8, iova + MIB, LBA));
		EXPECT_TRUE(is_all(p + MIB, PAGE, 0x3c));
		ASSERT_EQ(0, client_unmap(c, iova, size));
		p[MIB] = 0;
		EXPECT_EQ(ST_TRANSFER, client_rw(c, &c->io[0], false, 0, 8, iova + MIB, LBA));
		EXPECT_EQ(0, p[MIB]);
	}
	load_end(&load);
	EXPECT_EQ(0, load.bad);
	munmap(side, 4 * size);
	client_measured("memory mapped elsewhere under load", round);
}

struct unmapper {
	struct client	*c;
	uint64_t	iova;
	bool		use, stop;
	unsigned int	rounds, bad;
};

static void *unmapper_run(void *arg)
{
	struct unmapper *u = arg;
	const size_t size = 6 * MIB;
	uint8_t *mem = anonymous(size);

	for (; !__atomic_load_n(&u->stop, __ATOMIC_ACQUIRE); u->rounds++) {
		u->bad += client_map(u->c, mem, u->iova, size, READ_WRITE) != 0;
		if (u->use) {
			push_reads(u->c, &u->c->io[0], u->iova + MIB, 1);
			u->bad += queue_wait(u->c, &u->c->io[0], NULL, 10000) != ST_OK;
			push_reads(u->c, &u->c->io[0], u->iova + 4 * MIB, 1);
			usleep(u->rounds % 4 * 50);
		}
		u->bad += client_unmap(u->c, u->iova, size) != 0;
		if (u->use)
			u->bad += queue_wait(u->c, &u->c->io[0], NULL, 10000) == ST_TIMEOUT;
	}
	munmap(mem, size);
	return NULL;
}

/*
 * Two threads unmap at the same time, memory in use and memory that is not, and a
 * third does I/O.  (Two at once in memory that is in use is more than VFIO's own
 * locks stand, whatever the device does: see limits.rst.)
 */
TEST_F_TIMEOUT(vmm, two_unmaps_at_once, 600)
{
	struct client *c = &self->c;
	struct unmapper u[2] = {
		{ .c = c, .iova = SIDE_IOVA, .use = true },
		{ .c = c, .iova = SIDE_IOVA + 64 * MIB },
	};
	pthread_t thread[2];
	struct load load;
	int i;

	load_begin(&load, c);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, unmapper_run, &u[i]));
	usleep(5000000);
	for (i = 0; i < 2; i++) {
		__atomic_store_n(&u[i].stop, true, __ATOMIC_RELEASE);
		pthread_join(thread[i], NULL);
		EXPECT_EQ(0, u[i].bad);
		EXPECT_LT(5, u[i].rounds);
	}
	load_end(&load);
	EXPECT_EQ(0, load.bad);
	client_measured("two unmappings at once", u[0].rounds);
}

struct resetter {
	struct client	*c;
	unsigned int	n, bad;
};

static void *resetter_run(void *arg)
{
	struct resetter *r = arg;
	unsigned int i;

	for (i = 0; i < r->n; i++)
		r->bad += ioctl(r->c->device, VFIO_DEVICE_RESET) != 0;
	return NULL;
}

/* Two threads reset, a third enables and submits. */
TEST_F_TIMEOUT(vmm, reset_by_two_under_io, 600)
{
	struct client *c = &self->c;
	struct resetter r = { .c = c, .n = 100 };
	pthread_t thread[2];
	int i;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, resetter_run, &r));
	for (i = 0; i < 100; i++) {
		push_reads(c, &c->io[0], MEM_IOVA + 8 * MIB, 16);
		bar_write(c, REG_AQA, 0x001f001f, 4);
		bar_write(c, REG_CC, CC_ENABLE, 4);
	}
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	EXPECT_EQ(0, r.bad);
	EXPECT_TRUE(works(c));
	client_measured("VFIO resets by two threads under I/O", 2 * r.n);
}

/* A process like this one with a device open and busy; it says so with a byte. */
static pid_t vmm_fork(int *said, void (*then)(struct client *c))
{
	int pipes[2];
	pid_t pid;

	if (pipe(pipes))
		abort();
	pid = fork();
	if (!pid) {
		struct client c;
		struct load load;

		if (client_open(&c) || start(&c))
			_exit(1);
		load_begin(&load, &c);
		if (write(pipes[1], "", 1) != 1)
			_exit(1);
		then(&c);
		load_end(&load);
		_exit(load.bad != 0);
	}
	close(pipes[1]);
	*said = pipes[0];
	return pid;
}

static bool vmm_busy(int said)
{
	char byte;

	return read(said, &byte, 1) == 1;
}

/* A child has the descriptors; who mapped the memory is killed. */
static void leave_to_child(struct client *c)
{
	if (!fork()) {
		/* what a child that knows nothing of them might do */
		usleep(300000);
		ioctl(c->device, VFIO_DEVICE_RESET);
		bar_write(c, REG_CC, CC_ENABLE, 4);
		usleep(200000);
		_exit(0);
	}
	usleep(50000);
	kill(getpid(), SIGKILL);
}

TEST_F_TIMEOUT(vmm, child_keeps_the_descriptors, 600)
{
	int said, status;
	pid_t pid;

	client_close(&self->c);
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	pid = vmm_fork(&said, leave_to_child);
	ASSERT_TRUE(vmm_busy(said));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	/* not closed as long as the child lives, and then at once */
	EXPECT_EQ(1, client_state(&self->c, "open"));
	ASSERT_LT(0, wait(&status));
	EXPECT_EQ(0, client_state(&self->c, "open"));
	close(said);
	ASSERT_EQ(0, client_open(&self->c));
}

static void go_on(struct client *c)
{
	usleep(2500000);
}

/* Stopped in the middle of I/O: the host is not kept waiting, and the VMM finds all as it was. */
TEST_F_TIMEOUT(vmm, stopped_and_continued, 600)
{
	struct client *c = &self->c;
	int said, status, i;
	pid_t pid;

	client_close(c);
	pid = vmm_fork(&said, go_on);
	ASSERT_TRUE(vmm_busy(said));
	for (i = 0; i < 3; i++) {
		kill(pid, SIGSTOP);
		usleep(200000);
		EXPECT_LT(0, client_counter(c, "reads"));
		EXPECT_EQ(0, client_set(c, "idle_ms", i & 1 ? "500" : "10"));
		EXPECT_EQ(0, client_set(c, "iothread_cpu", i & 1 ? "0" : "1"));
		usleep(200000);
		kill(pid, SIGCONT);
		usleep(100000);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	close(said);
	EXPECT_EQ(0, client_set(c, "idle_ms", "500"));
	EXPECT_EQ(0, client_set(c, "iothread_cpu", "-1"));
	ASSERT_EQ(0, client_open(c));
	client_measured("SIGSTOP and SIGCONT under load", i);
}

/* Stopped and then killed, without having been continued. */
TEST_F_TIMEOUT(vmm, stopped_and_killed, 600)
{
	int said, status;
	pid_t pid;

	client_close(&self->c);
	pid = vmm_fork(&said, go_on);
	ASSERT_TRUE(vmm_busy(said));
	kill(pid, SIGSTOP);
	usleep(700000);
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, client_state(&self->c, "open"));
	close(said);
	ASSERT_EQ(0, client_open(&self->c));
}

/* From here on, this process is bound by RLIMIT_MEMLOCK. */
static int lock_limit(rlim_t bytes)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	struct rlimit limit = { bytes, RLIM_INFINITY };

	if (syscall(SYS_capget, &head, data))
		return -errno;
	data[0].effective &= ~(1u << CAP_IPC_LOCK);
	if (syscall(SYS_capset, &head, data) || setrlimit(RLIMIT_MEMLOCK, &limit))
		return -errno;
	return 0;
}

#define LEAST_LOCKED	(16 * MIB)	/* of a device with two queue pairs */

/* RLIMIT_MEMLOCK is a bound: memory is given back, and nothing fails; raised, there is more. */
TEST_F_TIMEOUT(vmm, memlock_is_a_bound, 600)
{
	struct client *c = &self->c;
	unsigned int i;

	client_close(c);
	ASSERT_EQ(0, lock_limit(LEAST_LOCKED + 2 * MIB));
	ASSERT_EQ(0, client_open(c));
	ASSERT_EQ(0, start(c));
	for (i = 0; i < 48; i++) {
		EXPECT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 8,
					   MEM_IOVA + (8 + 2 * (i % 24)) * MIB, LBA));
		EXPECT_GE(LEAST_LOCKED + 2 * (long)MIB, client_state(c, "pinned_bytes"));
	}
	EXPECT_LT(0, client_counter(c, "pages_reclaimed"));
	EXPECT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 8, MEM_IOVA + MIB / 2, LBA));
	EXPECT_TRUE(works(c));
	/* what is found out, is so until the device is opened again */
	client_close(c);
	ASSERT_EQ(0, lock_limit(128 * MIB));
	ASSERT_EQ(0, client_open(c));
	ASSERT_EQ(0, start(c));
	for (i = 0; i < 24; i++)
		EXPECT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 8, MEM_IOVA + (8 + 2 * i) * MIB,
					   LBA));
	EXPECT_LE(48 * (long)MIB, client_state(c, "pinned_bytes"));
	EXPECT_EQ(0, client_counter(c, "pages_reclaimed"));
}

/* Less than a guest may need at once: refused, before a guest fails in its work. */
TEST_F_TIMEOUT(vmm, memlock_too_small, 600)
{
	struct client *c = &self->c;

	client_close(c);
	ASSERT_EQ(0, lock_limit(8 * MIB));
	EXPECT_EQ(-ENOMEM, client_open(c));
	client_close(c);
	EXPECT_EQ(0, client_state(c, "open"));
	ASSERT_EQ(0, lock_limit(LEAST_LOCKED - 1));
	EXPECT_EQ(-ENOMEM, client_open(c));
	client_close(c);
	ASSERT_EQ(0, lock_limit(LEAST_LOCKED));
	EXPECT_EQ(0, client_open(c));
	EXPECT_TRUE(works(c));
}

/* A container that cannot pin: the controller fails, and the log says why (vmm.sh). */
TEST_F_TIMEOUT(vmm, container_of_the_first_version, 600)
{
	struct client *c = &self->c;

	client_close(c);
	ASSERT_EQ(0, client_open_type1(c));
	EXPECT_NE(0, client_enable(c, 32));
	EXPECT_EQ(CSTS_CFS, bar_read(c, REG_CSTS, 4) & (CSTS_CFS | CSTS_RDY));
	EXPECT_EQ(0, client_state(c, "pinned_bytes"));
}

/* Taken away while it is used: what cannot be pinned fails, and is there once it may be again. */
TEST_F_TIMEOUT(vmm, memlock_of_nothing, 600)
{
	struct client *c = &self->c;

	client_disable(c);
	ASSERT_EQ(0, client_unmap(c, MEM_IOVA, MEM_SIZE));
	ASSERT_EQ(0, lock_limit(0));
	/* mapped by who may not lock */
	ASSERT_EQ(0, client_map(c, c->mem, MEM_IOVA, MEM_SIZE, READ_WRITE));
	cfg_write(c, 4, 0x6, 2);
	bar_write(c, REG_AQA, 0x001f001f, 4);
	bar_write(c, REG_ASQ, MEM_IOVA, 8);
	bar_write(c, REG_ACQ, MEM_IOVA + PAGE, 8);
	bar_write(c, REG_CC, CC_ENABLE, 4);
	usleep(100000);
	EXPECT_EQ(CSTS_CFS, bar_read(c, REG_CSTS, 4) & (CSTS_CFS | CSTS_RDY));
	EXPECT_EQ(0, client_state(c, "pinned_bytes"));
	ASSERT_EQ(0, lock_limit(128 * MIB));
	EXPECT_TRUE(works(c));
}

/* What may not be locked is asked for again and again: VFIO logs each time that it is asked. */
TEST_F_TIMEOUT(vmm, memlock_refused_often, 600)
{
	struct client *c = &self->c;
	uint8_t *side = anonymous(8 * MIB);
	unsigned int i, refused = 0;

	ASSERT_EQ(0, lock_limit(0));
	ASSERT_EQ(0, client_map(c, side, SIDE_IOVA, 8 * MIB, READ_WRITE));
	for (i = 0; i < 300; i++)
		refused += client_rw(c, &c->io[0], false, 0, 8, SIDE_IOVA + i * PAGE, LBA) ==
			   ST_TRANSFER;
	EXPECT_EQ(300, refused);
	ASSERT_EQ(0, lock_limit(128 * MIB));
	for (i = 0; i < 100 && client_rw(c, &c->io[0], false, 0, 8, SIDE_IOVA, LBA); i++)
		usleep(100000);
	EXPECT_GT(100, i);
	EXPECT_EQ(0, client_unmap(c, SIDE_IOVA, 8 * MIB));
	munmap(side, 8 * MIB);
}

/* Memory is plugged and unplugged, used in between, while other memory is in use. */
TEST_F_TIMEOUT(vmm, memory_hotplug_under_io, 600)
{
	const size_t size = 8 * MIB;
	struct client *c = &self->c;
	uint8_t *slot[4];
	struct load load;
	unsigned int round, i;

	load_begin(&load, c);
	for (round = 0; round < 10; round++) {
		for (i = 0; i < 4; i++) {
			slot[i] = anonymous(size);
			ASSERT_EQ(0, client_map(c, slot[i], SIDE_IOVA + i * size, size,
						READ_WRITE));
			/* also over the seam to the one before */
			EXPECT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 16,
						   SIDE_IOVA + i * size - (i ? PAGE : 0), LBA));
		}
		for (i = 4; i--;) {
			ASSERT_EQ(0, client_unmap(c, SIDE_IOVA + i * size, size));
			munmap(slot[i], size);
		}
	}
	load_end(&load);
	EXPECT_EQ(0, load.bad);
	client_measured("memory plugged and unplugged under load", 4 * round);
}

/* A balloon takes pages that are pinned; once they are given back unused, new ones are found. */
TEST_F_TIMEOUT(vmm, balloon_under_io, 600)
{
	struct client *c = &self->c;
	uint8_t *p = c->mem + 16 * MIB, *w;
	struct load load;
	unsigned int round;

	w = client_alloc(c, PAGE);
	memset(w, 0x77, PAGE);
	ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], true, 0, 8, client_iova(c, w), LBA));
	ASSERT_EQ(0, client_set(c, "pinned_idle_ms", "50"));
	load_begin(&load, c);
	for (round = 0; round < 5; round++) {
		ASSERT_EQ(ST_OK, client_rw(c, &c->io[0], false, 0, 8, client_iova(c, p), LBA));
		EXPECT_TRUE(is_all(p, PAGE, 0x77));
		ASSERT_EQ(0, madvise(p, 2 * MIB, MADV_DONTNEED));
		EXPECT_TRUE(is_all(p, PAGE, 0));
		usleep(600000);
	}
	load_end(&load);
	EXPECT_EQ(0, load.bad);
	EXPECT_LT(0, client_counter(c, "pages_idle"));
	ASSERT_EQ(0, client_set(c, "pinned_idle_ms", "30000"));
}

/* The balloon takes what commands are reading into. */
TEST_F_TIMEOUT(vmm, balloon_under_dma, 600)
{
	struct client *c = &self->c;
	unsigned int round, i;

	for (round = 0; round < 50; round++) {
		push_reads(c, &c->io[0], MEM_IOVA + 16 * MIB, 60);
		ASSERT_EQ(0, madvise(c->mem + 16 * MIB, 2 * MIB, MADV_DONTNEED));
		for (i = 0; i < 60; i++)
			ASSERT_EQ(ST_OK, queue_wait(c, &c->io[0], NULL, 10000));
	}
	client_measured("pages taken by a balloon under DMA", 512 * round);
}

/* Another process finds the device taken; another descriptor of the same process shares it. */
TEST_F_TIMEOUT(vmm, second_user, 600)
{
	struct client *c = &self->c;
	struct load load;
	int status, fd, i;

	load_begin(&load, c);
	for (i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (!pid) {
			struct client other;

			_exit(client_open(&other) == -EBUSY ? 0 : 1);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status);
		fd = ioctl(c->group, VFIO_GROUP_GET_DEVICE_FD, c->uuid);
		ASSERT_LE(0, fd);
		close(fd);
	}
	EXPECT_EQ(CSTS_RDY, bar_read(c, REG_CSTS, 4));
	load_end(&load);
	EXPECT_EQ(0, load.bad);
	client_measured("second processes refused under load", i);
}

TEST_HARNESS_MAIN
