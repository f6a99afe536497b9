// SPDX-License-Identifier: GPL-2.0
/*
 * Park and wake for real: a thread is the guest, a thread the poller with the
 * core's code, and the poller goes to sleep as soon as it finds nothing.  A
 * wake-up that is lost stops both for ever; then this says where they stand.
 *
 * park SHADOW PAGE CYCLES: shadow doorbells or not; BAR0's page mapped for the
 * guest, and taken away for sleep, or not.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cycle.h"

#define PAGE		4096
#define PATIENCE	10	/* seconds without a cycle */
#define TOGETHER	3	/* seconds on processors of their own */

#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)	(*(volatile __typeof__(x) *)&(x) = (v))
#define full_barrier()		__atomic_thread_fence(__ATOMIC_SEQ_CST)

enum { RUNNING, SLEEPING };

static struct cycle *cycle;
static unsigned int *host_page, *guest_page;	/* the same memory */
static bool use_page, stop;
static unsigned long cycles, looks, commands, faults, goal;

/* as in struct nvme_mdev_poller and its task */
static int kicked, asleep, task_state;

/* nvme_mdev_poller_kick() */
static void kick(void)
{
	WRITE_ONCE(kicked, 1);
	/* pairs with the one in poller_sleep() */
	full_barrier();
	if (!READ_ONCE(asleep))
		return;
	if (__atomic_exchange_n(&task_state, RUNNING, __ATOMIC_SEQ_CST) == SLEEPING)
		syscall(SYS_futex, &task_state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* db_vma_fault() */
static void fault(int sig, siginfo_t *info, void *context)
{
	char *at = info->si_addr, *page = (char *)guest_page;

	if (at < page || at >= page + PAGE)
		_exit(2);
	mprotect(guest_page, PAGE, PROT_READ | PROT_WRITE);
	faults++;
	kick();
}

static unsigned int draw(unsigned int *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* A while that is mostly short, and now and then as long as a sleep takes. */
static void dally(unsigned int *seed)
{
	unsigned int n = draw(seed) % (1u << draw(seed) % 9);

	while (n--)
		__builtin_ia32_pause();
}

/* poller_sleep() */
static void poller_sleep(unsigned int *seed)
{
	cycle_arm(cycle);
	if (use_page)
		mprotect(guest_page, PAGE, PROT_NONE);
	dally(seed);
	WRITE_ONCE(asleep, 1);
	WRITE_ONCE(task_state, SLEEPING);
#ifndef NO_SLEEP_MB
	/* pairs with the guest's and with the kick's */
	full_barrier();
#else
	__asm__ __volatile__("" ::: "memory");
#endif
	if (!READ_ONCE(kicked) && !cycle_pending(cycle) && !READ_ONCE(stop)) {
		while (__atomic_load_n(&task_state, __ATOMIC_SEQ_CST) == SLEEPING)
			syscall(SYS_futex, &task_state, FUTEX_WAIT_PRIVATE, SLEEPING, NULL,
				NULL, 0);
		WRITE_ONCE(cycles, cycles + 1);
	} else {
		looks++;
	}
	WRITE_ONCE(task_state, RUNNING);
	WRITE_ONCE(asleep, 0);
}

/* A processor of its own for each, so that both are in the middle of it at once. */
static void place(pthread_t *thread, const cpu_set_t *all)
{
	int cpu, n = 0;
	cpu_set_t one;

	for (cpu = 0; cpu < CPU_SETSIZE && n < 2; cpu++) {
		if (!CPU_ISSET(cpu, all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		pthread_setaffinity_np(thread[n++], sizeof(one), &one);
	}
}

static void *poller_run(void *arg)
{
	unsigned int seed = 1, empty = 0, most = 1;

	while (!READ_ONCE(stop)) {
		if (READ_ONCE(kicked)) {
			WRITE_ONCE(kicked, 0);
			/* the flag goes down before the lane is looked at */
			full_barrier();
			empty = 0;
		}
		if (cycle_step(cycle)) {
			empty = 0;
		} else if (++empty >= most) {
			poller_sleep(&seed);
			most = 1 + draw(&seed) % (1u << draw(&seed) % 10);
			empty = 0;
		}
	}
	return NULL;
}

static void *guest_run(void *arg)
{
	volatile unsigned int *doorbells = use_page ? guest_page : NULL;
	unsigned int seed = 2, n, done, spins;

	while (READ_ONCE(cycles) < goal) {
		n = 1 + draw(&seed) % 8;
		cycle_submit(cycle, n, doorbells);
		commands += n;
		for (done = 0, spins = 0; done < n; done += cycle_take(cycle, doorbells))
			if (!cycle_answered(cycle) && ++spins > 200)
				sched_yield();
		dally(&seed);
	}
	WRITE_ONCE(stop, true);
	kick();
	return NULL;
}

static int stuck(void)
{
	struct cycle_state s;

	cycle_look(cycle, &s);
	printf("a wake-up is lost after %lu cycles: poller %s, kicked %d, state %d\n",
	       READ_ONCE(cycles), READ_ONCE(asleep) ? "asleep" : "awake", READ_ONCE(kicked),
	       READ_ONCE(task_state));
	printf("guest: tail %u, head %u; doorbell %u, shadow %u, EventIdx %u\n"
	       "poller: head %u, tail %u\n",
	       s.guest_tail, s.guest_head, s.db, s.shadow, s.event, s.sq_head, s.sq_tail);
	return 1;
}

/* Together for a while, then where there is room, which is faster if others run. */
static int watch(pthread_t *thread)
{
	unsigned long last = 0, now;
	int idle = 0, ticks = 0;
	cpu_set_t all;

	if (!sched_getaffinity(0, sizeof(all), &all))
		place(thread, &all);
	while (!READ_ONCE(stop)) {
		usleep(100000);
		if (++ticks == TOGETHER * 10) {
			pthread_setaffinity_np(thread[0], sizeof(all), &all);
			pthread_setaffinity_np(thread[1], sizeof(all), &all);
		}
		now = READ_ONCE(cycles);
		idle = now == last ? idle + 1 : 0;
		last = now;
		if (idle > PATIENCE * 10)
			return stuck();
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_sigaction = fault, .sa_flags = SA_SIGINFO };
	pthread_t thread[2];
	int fd;

	if (argc != 4)
		return 2;
	use_page = atoi(argv[2]);
	goal = strtoul(argv[3], NULL, 0);
	fd = memfd_create("doorbells", 0);
	if (fd < 0 || ftruncate(fd, PAGE))
		return 2;
	host_page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	guest_page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cycle = cycle_new(atoi(argv[1]), host_page, kick);
	if (!cycle || host_page == MAP_FAILED || guest_page == MAP_FAILED ||
	    sigaction(SIGSEGV, &action, NULL) ||
	    pthread_create(&thread[0], NULL, poller_run, NULL) ||
	    pthread_create(&thread[1], NULL, guest_run, NULL))
		return 2;
	if (watch(thread))
		return 1;
	pthread_join(thread[0], NULL);
	pthread_join(thread[1], NULL);
	printf("%lu times parked and woken, %lu times stopped by the second look\n"
	       "%lu faults, %lu commands\n",
	       cycles, looks, faults, commands);
	if (cycle_bad(cycle)) {
		printf("%u answers are wrong\n", cycle_bad(cycle));
		return 1;
	}
	cycle_free(cycle);
	return 0;
}
