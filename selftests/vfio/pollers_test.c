// SPDX-License-Identifier: GPL-2.0
/*
 * A VFIO client against a device with two queue pairs and one namespace whose
 * data may be destroyed: who serves its lanes, and when they sleep and wake.
 * NVME_MDEV_UUID names the device, NVME_MDEV_DATA=0 says that nothing written is
 * read back (null backend).
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "client.h"

#define LBA	512
#define BLOCKS	8	/* of a command */

/* How the guest rings: written to the region, stored to the mapping, shadow. */
enum way { WAY_WRITE, WAY_MAP, WAY_SHADOW };

FIXTURE(dev)
{
	struct client c;
	bool data;
};

static bool setting(struct client *c, const char *name, const char *value)
{
	char path[256];
	bool good;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s/settings/%s", c->uuid, name);
	f = fopen(path, "w");
	if (!f)
		return false;
	good = fputs(value, f) >= 0;
	return !fclose(f) && good;
}

/* state/pollers: how many lanes are in @state, how many threads there are. */
static int lanes_in(struct client *c, const char *state, int *threads)
{
	int lane, pid, last = -1, n = 0;
	char path[256], comm[32], word[16];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s/state/pollers", c->uuid);
	f = fopen(path, "r");
	if (!f)
		return -1;
	*threads = 0;
	while (fscanf(f, "%d %31s %d %15s", &lane, comm, &pid, word) == 4) {
		n += !strcmp(word, state);
		*threads += pid != last;
		last = pid;
	}
	fclose(f);
	return n;
}

FIXTURE_SETUP(dev)
{
	ASSERT_NE(NULL, client_uuid());
	ASSERT_EQ(0, client_open(&self->c));
	self->data = !getenv("NVME_MDEV_DATA") || atoi(getenv("NVME_MDEV_DATA"));
}

FIXTURE_TEARDOWN(dev)
{
	EXPECT_TRUE(setting(&self->c, "mode", "poll"));
	EXPECT_TRUE(setting(&self->c, "idle_ms", "500"));
	EXPECT_TRUE(setting(&self->c, "iothread_cpu", "-1"));
	client_close(&self->c);
	EXPECT_EQ(0, client_state(&self->c, "open"));
}

static void start(struct __test_metadata *_metadata, struct client *c, enum way way)
{
	if (way != WAY_WRITE)
		ASSERT_EQ(0, client_map_doorbells(c));
	ASSERT_EQ(0, client_enable(c, 16));
	if (way == WAY_SHADOW)
		ASSERT_EQ(ST_OK, client_dbbuf(c));
	ASSERT_EQ(ST_OK, client_io_queue(c, 1, 32, -1));
	ASSERT_EQ(ST_OK, client_io_queue(c, 2, 32, -1));
}

/* One user of one queue: writes, reads back, compares, until told to stop. */
struct user {
	struct client	*c;
	struct queue	*q;
	uint8_t		*buf;
	uint64_t	slba;
	bool		data;
	unsigned int	pause_us;	/* at most, between two commands */
	volatile bool	stop;
	unsigned long	commands;
	unsigned int	bad;
};

static void *use(void *arg)
{
	struct user *u = arg;
	uint64_t w = client_iova(u->c, u->buf), r = client_iova(u->c, u->buf + PAGE);
	unsigned int seed = u->q->id;

	while (!u->stop && !u->bad) {
		uint64_t slba = u->slba + u->commands % 64 * BLOCKS;

		memset(u->buf, rand_r(&seed), PAGE);
		memset(u->buf + PAGE, 0, PAGE);
		if (client_rw(u->c, u->q, true, slba, BLOCKS, w, LBA) ||
		    client_rw(u->c, u->q, false, slba, BLOCKS, r, LBA) ||
		    (u->data && memcmp(u->buf, u->buf + PAGE, PAGE)))
			u->bad++;
		u->commands += 2;
		if (u->pause_us)
			usleep(rand_r(&seed) % u->pause_us);
	}
	return NULL;
}

struct users {
	struct user	user[2];
	pthread_t	thread[2];
};

static void users_start(struct __test_metadata *_metadata, FIXTURE_DATA(dev) * self,
			struct users *us, unsigned int pause_us)
{
	int i;

	memset(us, 0, sizeof(*us));
	for (i = 0; i < 2; i++) {
		us->user[i] = (struct user){
			.c = &self->c, .q = &self->c.io[i], .slba = i * 4096, .data = self->data,
			.buf = client_alloc(&self->c, 2 * PAGE), .pause_us = pause_us,
		};
		ASSERT_EQ(0, pthread_create(&us->thread[i], NULL, use, &us->user[i]));
	}
}

static unsigned long users_stop(struct __test_metadata *_metadata, struct users *us)
{
	unsigned long n = 0;
	int i;

	for (i = 0; i < 2; i++)
		us->user[i].stop = true;
	for (i = 0; i < 2; i++) {
		pthread_join(us->thread[i], NULL);
		EXPECT_EQ(0, us->user[i].bad);
		EXPECT_LT(0, us->user[i].commands);
		n += us->user[i].commands;
	}
	return n;
}

TEST_F(dev, lanes_are_spread_over_the_cpus)
{
	struct users us;
	int threads;

	ASSERT_TRUE(setting(&self->c, "iothread_cpu", "0-1"));
	start(_metadata, &self->c, WAY_MAP);
	EXPECT_EQ(2, lanes_in(&self->c, "polling", &threads));
	EXPECT_EQ(2, threads);
	users_start(_metadata, self, &us, 0);
	sleep(1);
	users_stop(_metadata, &us);
	ASSERT_TRUE(setting(&self->c, "iothread_cpu", "1"));
	lanes_in(&self->c, "polling", &threads);
	EXPECT_EQ(1, threads);
}

TEST_F(dev, lanes_move_under_io)
{
	static const char *const cpus[] = { "0", "1", "0-1", "-1" };
	struct users us;
	int i;

	start(_metadata, &self->c, WAY_MAP);
	users_start(_metadata, self, &us, 0);
	for (i = 0; i < 100; i++) {
		ASSERT_TRUE(setting(&self->c, "iothread_cpu", cpus[i % 4]));
		usleep(20000);
	}
	users_stop(_metadata, &us);
}

TEST_F(dev, idle_time_is_kept)
{
	uint64_t buf;
	int threads;

	ASSERT_TRUE(setting(&self->c, "idle_ms", "0"));
	start(_metadata, &self->c, WAY_MAP);
	buf = client_iova(&self->c, client_alloc(&self->c, PAGE));
	sleep(2);
	EXPECT_EQ(2, lanes_in(&self->c, "polling", &threads));
	ASSERT_TRUE(setting(&self->c, "idle_ms", "100"));
	sleep(2);
	EXPECT_EQ(2, lanes_in(&self->c, "asleep", &threads));
	ASSERT_EQ(ST_OK, client_rw(&self->c, &self->c.io[1], false, 0, BLOCKS, buf, LBA));
	EXPECT_EQ(2, lanes_in(&self->c, "polling", &threads));
	EXPECT_FALSE(setting(&self->c, "idle_ms", "-1"));
	EXPECT_FALSE(setting(&self->c, "idle_ms", "99999999"));
}

/*
 * Pauses about as long as the idle time, so that doorbells come while lanes are
 * being armed; one lane busy while the other one sleeps.
 */
static void sleep_and_wake(struct __test_metadata *_metadata, FIXTURE_DATA(dev) * self,
			   enum way way)
{
	struct users us;
	long wakeups;

	ASSERT_TRUE(setting(&self->c, "idle_ms", "1"));
	ASSERT_TRUE(setting(&self->c, "iothread_cpu", way == WAY_MAP ? "0-1" : "0"));
	start(_metadata, &self->c, way);
	wakeups = client_counter(&self->c, "wakeups");
	users_start(_metadata, self, &us, 20000);
	sleep(6);
	users_stop(_metadata, &us);
	EXPECT_LT(wakeups + 20, client_counter(&self->c, "wakeups"));
}

TEST_F(dev, sleep_and_wake_by_region_writes)
{
	sleep_and_wake(_metadata, self, WAY_WRITE);
}

TEST_F(dev, sleep_and_wake_by_mapped_doorbells)
{
	sleep_and_wake(_metadata, self, WAY_MAP);
}

TEST_F(dev, sleep_and_wake_by_shadow_doorbells)
{
	sleep_and_wake(_metadata, self, WAY_SHADOW);
}

/* Low load on interrupts; the mode changes under I/O. */
static void adapts(struct __test_metadata *_metadata, FIXTURE_DATA(dev) * self, enum way way)
{
	struct users us;
	int i;

	start(_metadata, &self->c, way);
	users_start(_metadata, self, &us, 3000);
	for (i = 0; i < 40; i++) {
		ASSERT_TRUE(setting(&self->c, "mode", i & 1 ? "poll" : "adaptive"));
		usleep(50000);
	}
	ASSERT_TRUE(setting(&self->c, "mode", "adaptive"));
	sleep(3);
	users_stop(_metadata, &us);
	/* a null namespace has nothing to wait for */
	if (self->data)
		EXPECT_LT(10, client_counter(&self->c, "hw_interrupts"));
	EXPECT_LT(20, client_counter(&self->c, "wakeups"));
}

TEST_F(dev, adapts_by_region_writes)
{
	adapts(_metadata, self, WAY_WRITE);
}

TEST_F(dev, adapts_by_mapped_doorbells)
{
	adapts(_metadata, self, WAY_MAP);
}

TEST_F(dev, adapts_by_shadow_doorbells)
{
	adapts(_metadata, self, WAY_SHADOW);
}

TEST_HARNESS_MAIN
