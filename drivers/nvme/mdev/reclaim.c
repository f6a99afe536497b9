// SPDX-License-Identifier: GPL-2.0
/*
 * Which guest memory stays pinned: the bound of a device, what is given back
 * for it and what is given back unused.  mem.c does the pinning and the giving
 * back.
 *
 * Recency costs a look-up nothing: a sweep takes the address from each chunk, the
 * next look-up finds it wanting and puts it back.  The sweep stamps the chunks that
 * were put back since the last one and moves them to the end of the list: least
 * recently used first.  Several chunks go at a time, since each time parks the lanes once and
 * takes control's semaphore.
 *
 * The bound is never passed, and no command fails for it:
 *
 *   - A request that finds no room has its turn: until it has all of its memory
 *     at once and is submitted, nothing that was pinned for it is taken, and no
 *     other request is served.  So no two steal from each other for ever.
 *   - If whole chunks of it are more than there is room for, they go, and it is
 *     pinned page by page; so are those after it, for a while.
 *   - Under a bound what control pins is pinned page by page: pages of queues
 *     and shadow doorbells are not taken.  (Whole chunks from before there was
 *     a bound may be; control then pins the pages.)
 *   - nvme_mdev_mem_limit_min() is what these can need together.
 */
#include <linux/delay.h>
#include <linux/sizes.h>

#include "mdev.h"

#define RECLAIM_CHUNKS	64	/* given back at a time, at most */
#define RECLAIM_SHARE	8	/* of the bound: if it is small, this part of it */
#define RECLAIM_TRIES	100	/* of 20 ms, for a bound that is set */
#define TURN_RETRIES	16	/* misses after which a request has its turn */
#define PAGED_REQUESTS	64	/* served by page before whole chunks are tried again */

enum reclaim {
	RECLAIM_BOUND,
	RECLAIM_IDLE,
};

/* The less dear first */
enum reclaim_round {
	RECLAIM_UNUSED,
	RECLAIM_USED,
	RECLAIM_FLIGHT,		/* it goes once its commands have ended */
	RECLAIM_QUEUES,
	RECLAIM_ROUNDS,
};

/* The operator's bound, or the VMM's if that is less; 0: none. */
static u64 mem_limit(const struct nvme_mdev_mem *mem)
{
	u64 limit = READ_ONCE(mem->limit), lock = READ_ONCE(mem->lock_limit);

	return limit && lock ? min(limit, lock) : limit ?: lock;
}

static u64 mem_limit_pages(const struct nvme_mdev_mem *mem)
{
	return mem_limit(mem) >> PAGE_SHIFT;
}

/**
 * nvme_mdev_mem_bounded() - is there a bound at all?
 * @mem: memory
 *
 * Context: any.
 */
bool nvme_mdev_mem_bounded(const struct nvme_mdev_mem *mem)
{
	return mem_limit(mem);
}

/* Pinned, or about to be. */
static u64 mem_promised(struct nvme_mdev_mem *mem)
{
	u64 pages = atomic64_read(&mem->pinned_pages);
	struct nvme_mdev_pinning *p;

	lockdep_assert_held(&mem->lock);
	list_for_each_entry(p, &mem->pinning, entry)
		pages += p->pages;
	return pages;
}

/**
 * nvme_mdev_mem_fits() - is there room?
 * @mem:	memory; its lock is held
 * @pages:	more than are pinned or promised
 *
 * Return: false if the bound has to be made room below first.
 */
bool nvme_mdev_mem_fits(struct nvme_mdev_mem *mem, u64 pages)
{
	return !mem_limit(mem) || mem_promised(mem) + pages <= mem_limit_pages(mem);
}

/* Looked up since the last sweep? */
static bool chunk_is_used(const struct nvme_mdev_chunk *c)
{
	return c->core.whole ? !!READ_ONCE(c->core.kva) : READ_ONCE(c->core.used);
}

static void chunk_set_used(struct nvme_mdev_chunk *c, bool used)
{
	if (c->core.whole)
		WRITE_ONCE(c->core.kva, used ? c->core.whole : NULL);
	else
		WRITE_ONCE(c->core.used, used);
}

static void mem_mark_queue(struct nvme_mdev_mem *mem, u64 iova, u64 len)
{
	/* not by where it ends: that may be the end of all addresses */
	while (len) {
		u64 part = min(len, VNVME_CHUNK_SIZE - (iova & (VNVME_CHUNK_SIZE - 1)));
		struct nvme_mdev_chunk *c = nvme_mdev_chunk_find(mem, iova >> VNVME_CHUNK_SHIFT);
		unsigned int n = (iova & (VNVME_CHUNK_SIZE - 1)) >> PAGE_SHIFT;

		if (c) {
			c->queues = c->full;
			bitmap_set(c->queue, n, DIV_ROUND_UP(part, PAGE_SIZE));
			chunk_set_used(c, true);
		}
		iova += part;
		len -= part;
	}
}

/*
 * Queues and shadow doorbells count as used.  Control may be changing them: what
 * is read wrong costs a look for them by control, no more.
 */
static void mem_mark_queues(struct nvme_mdev *nm)
{
	struct vnvme_ctrl *ctrl = &nm->ctrl;
	unsigned int i;

	for (i = 0; i <= nm->nr_pairs; i++) {
		struct vnvme_sq *sq = &ctrl->sq[i];
		struct vnvme_cq *cq = &ctrl->lane[i].cq;

		if (READ_ONCE(sq->live))
			mem_mark_queue(&nm->mem, READ_ONCE(sq->base),
				       READ_ONCE(sq->depth) * sizeof(struct vnvme_sqe));
		if (READ_ONCE(cq->live))
			mem_mark_queue(&nm->mem, READ_ONCE(cq->base),
				       READ_ONCE(cq->depth) * sizeof(struct vnvme_cqe));
	}
	if (READ_ONCE(ctrl->dbbuf.db)) {
		mem_mark_queue(&nm->mem, READ_ONCE(ctrl->dbbuf.db), VNVME_PAGE_SIZE);
		mem_mark_queue(&nm->mem, READ_ONCE(ctrl->dbbuf.ei), VNVME_PAGE_SIZE);
	}
}

/* Bring the chunks into the order of their last use. */
static void mem_sweep(struct nvme_mdev *nm)
{
	struct nvme_mdev_mem *mem = &nm->mem;
	struct list_head *last;
	struct nvme_mdev_chunk *c, *tmp;
	unsigned int n = 0;
	bool end;

	lockdep_assert_held(&mem->lock);
	list_for_each_entry(c, &mem->chunks, entry) {
		c->queues = false;
		bitmap_zero(c->queue, VNVME_CHUNK_PAGES);
		nvme_mdev_mem_breathe(mem, &n);
	}
	mem_mark_queues(nm);
	last = mem->chunks.prev;
	list_for_each_entry_safe(c, tmp, &mem->chunks, entry) {
		end = &c->entry == last;
		if (chunk_is_used(c)) {
			chunk_set_used(c, false);
			c->stamp = jiffies;
			list_move_tail(&c->entry, &mem->chunks);
		}
		if (end)
			break;
		nvme_mdev_mem_breathe(mem, &n);
	}
}

static bool chunk_holds(const struct nvme_mdev_mem *mem, const struct nvme_mdev_chunk *c,
			enum nvme_mdev_holder who)
{
	return c->hold[who] == mem->hold[who];
}

/* What is needed at once with what is still to come; whole chunks only while they fit. */
static bool chunk_is_kept(const struct nvme_mdev_mem *mem, const struct nvme_mdev_chunk *c,
			  enum reclaim_round round)
{
	if (round < RECLAIM_FLIGHT && chunk_holds(mem, c, NVME_MDEV_FLIGHT))
		return true;
	return !mem->by_page && chunk_holds(mem, c, NVME_MDEV_MISS);
}

/* The same of its pages, if it is pinned page by page; and pages of queues. */
static void chunk_kept(const struct nvme_mdev_mem *mem, const struct nvme_mdev_chunk *c,
		       enum reclaim_round round, unsigned long *kept)
{
	unsigned int i;

	bitmap_copy(kept, c->queue, VNVME_CHUNK_PAGES);
	for (i = 0; i < NVME_MDEV_NR_HOLDERS; i++)
		if (chunk_holds(mem, c, i) && (i != NVME_MDEV_FLIGHT || round < RECLAIM_FLIGHT))
			bitmap_or(kept, kept, c->held[i], VNVME_CHUNK_PAGES);
}

/* They stand in the order of their last use: behind one that was not idle for long all are. */
static bool chunk_is_idle(const struct nvme_mdev_mem *mem, const struct nvme_mdev_chunk *c)
{
	return time_after_eq(jiffies, c->stamp + msecs_to_jiffies(mem->idle_ms));
}

/* May it go in this round?  How many pages of it are then given back, and which stay? */
static unsigned int chunk_spare(struct nvme_mdev_mem *mem, const struct nvme_mdev_chunk *c,
				enum reclaim_round round, unsigned long *kept)
{
	DECLARE_BITMAP(spare, VNVME_CHUNK_PAGES);

	if ((c->queues && round < RECLAIM_QUEUES) || (chunk_is_used(c) && round < RECLAIM_USED))
		return 0;
	if (nvme_mdev_mem_is_pinning(mem, c->core.index, c->core.index))
		return 0;
	if (c->full)
		return chunk_is_kept(mem, c, round) ? 0 : VNVME_CHUNK_PAGES;
	chunk_kept(mem, c, round, kept);
	bitmap_andnot(spare, c->single, kept, VNVME_CHUNK_PAGES);
	return bitmap_weight(spare, VNVME_CHUNK_PAGES);
}

/* Hide up to @want pages, and a little more; returns how many. */
static unsigned int mem_hide(struct nvme_mdev_mem *mem, u64 want, enum reclaim why)
{
	enum reclaim_round round, rounds = why == RECLAIM_BOUND ? RECLAIM_ROUNDS : RECLAIM_USED;
	DECLARE_BITMAP(kept, VNVME_CHUNK_PAGES);
	struct nvme_mdev_chunk *c, *tmp;
	unsigned int pages, got = 0, n = 0;

	lockdep_assert_held(&mem->lock);
	for (round = RECLAIM_UNUSED; round < rounds && !got; round++)
		list_for_each_entry_safe(c, tmp, &mem->chunks, entry) {
			if (got >= want || n == RECLAIM_CHUNKS)
				break;
			if (why == RECLAIM_IDLE && !chunk_is_idle(mem, c))
				break;
			pages = chunk_spare(mem, c, round, kept);
			if (!pages)
				continue;
			nvme_mdev_chunk_hide(mem, c, 0, U64_MAX, kept);
			got += pages;
			n++;
		}
	return got;
}

/* Requests that have all of their memory are submitted; parked lanes. */
static void mem_step(struct nvme_mdev *nm)
{
	unsigned int i;

	/* as a pass */
	non_block_start();
	for (i = 1; i <= nm->nr_pairs; i++)
		vnvme_lane_resubmit(&nm->ctrl.lane[i]);
	non_block_end();
}

/*
 * Nothing could go.  Will that be so the next time?  Not if whole chunks stood in the
 * way, or what is promised to somebody who will be done with it.
 */
static bool mem_is_final(struct nvme_mdev_mem *mem)
{
	lockdep_assert_held(&mem->lock);
	return mem_limit(mem) && mem->by_page && list_empty(&mem->pinning);
}

/* The lanes are parked: the same, seen what is in flight, and no lane knows of it any more. */
static unsigned int mem_hide_parked(struct nvme_mdev *nm, u64 want, enum reclaim why, bool *final)
{
	struct nvme_mdev_mem *mem = &nm->mem;
	unsigned int got;

	mutex_lock(&mem->lock);
	nvme_mdev_mem_mark(nm);
	got = mem_hide(mem, want, why);
	*final = mem_is_final(mem);
	mutex_unlock(&mem->lock);
	nvme_mdev_mem_forget(nm);
	return got;
}

/* Is there something that was not used for long?  What is in flight is not known yet. */
static bool mem_is_idle(struct nvme_mdev_mem *mem)
{
	DECLARE_BITMAP(kept, VNVME_CHUNK_PAGES);
	struct nvme_mdev_chunk *c;

	list_for_each_entry(c, &mem->chunks, entry) {
		if (!chunk_is_idle(mem, c))
			break;
		if (chunk_spare(mem, c, RECLAIM_UNUSED, kept))
			return true;
	}
	return false;
}

/*
 * Give back what is unused, as of the last sweep, which may be now.  Returns false if that
 * was all.
 *
 * While somebody takes memory back, and there is some, the device is open.
 */
static bool mem_reclaim_idle(struct nvme_mdev *nm, bool sweep)
{
	struct nvme_mdev_mem *mem = &nm->mem;
	unsigned int got = 0;
	bool final;

	nvme_mdev_mem_take(mem, 1, 0);
	if (!list_empty(&mem->chunks) && mem->idle_ms) {
		if (sweep)
			mem_sweep(nm);
		if (mem_is_idle(mem)) {
			mutex_unlock(&mem->lock);
			nvme_mdev_poller_park(nm);
			got = mem_hide_parked(nm, U64_MAX, RECLAIM_IDLE, &final);
			nvme_mdev_poller_unpark(nm);
			nvme_mdev_mem_give_back(nm);
			mutex_lock(&mem->lock);
		}
		mem->nr_idle += got;
	}
	nvme_mdev_mem_taken(nm);
	return got;
}

/* What is on its way out will be room for @pages more: no more has to go. */
static bool mem_will_fit(struct nvme_mdev_mem *mem, u64 pages)
{
	struct nvme_mdev_chunk *c;
	u64 going = 0;

	list_for_each_entry(c, &mem->gone, dead)
		going += c->full ? VNVME_CHUNK_PAGES : bitmap_weight(c->dying, VNVME_CHUNK_PAGES);
	return going && mem_promised(mem) - going + pages <= mem_limit_pages(mem);
}

enum room {
	ROOM_MADE,		/* something has gone, or there is room now */
	ROOM_LATER,		/* something goes once its commands have ended */
	ROOM_NONE,		/* nothing can go now, ... */
	ROOM_NEVER,		/* ... nor will the next time */
};

/*
 * Make room for @pages more.  What the answer says is as of when it was seen: control and
 * the misses may be here both, and either of them changes what is in the other's way.
 *
 * A pass over the lanes comes first: what has been pinned for a request is used
 * before it can be taken.  Nobody waits for a device here.
 */
static enum room mem_reclaim_bound(struct nvme_mdev *nm, unsigned int pages)
{
	struct nvme_mdev_mem *mem = &nm->mem;
	u64 limit, want, before;
	enum room room;
	unsigned int got;
	bool final;

	nvme_mdev_mem_take(mem, 1, 0);
	if (nvme_mdev_mem_fits(mem, pages) ||
	    (list_empty(&mem->chunks) && list_empty(&mem->gone))) {
		room = nvme_mdev_mem_fits(mem, pages) ? ROOM_MADE :
		       mem_is_final(mem) ? ROOM_NEVER : ROOM_NONE;
		nvme_mdev_mem_taken(nm);
		return room;
	}
	limit = mem_limit_pages(mem);
	want = max(mem_promised(mem) + pages - limit,
		   min_t(u64, limit / RECLAIM_SHARE, RECLAIM_CHUNKS * VNVME_CHUNK_PAGES));
	if (mem_will_fit(mem, pages))
		want = 0;
	mem_sweep(nm);
	before = atomic64_read(&mem->pinned_pages);
	mutex_unlock(&mem->lock);

	nvme_mdev_poller_park(nm);
	mem_step(nm);
	got = mem_hide_parked(nm, want, RECLAIM_BOUND, &final);
	nvme_mdev_poller_unpark(nm);
	nvme_mdev_mem_give_back(nm);

	mutex_lock(&mem->lock);
	mem->nr_bound += got;
	if (nvme_mdev_mem_fits(mem, pages) || atomic64_read(&mem->pinned_pages) < before)
		room = ROOM_MADE;
	else if (got || !list_empty(&mem->gone))
		room = ROOM_LATER;
	else
		room = final ? ROOM_NEVER : ROOM_NONE;
	nvme_mdev_mem_taken(nm);
	return room;
}

/**
 * nvme_mdev_mem_shrink() - a pin met RLIMIT_MEMLOCK: what is pinned now is the bound
 * @nm: device
 *
 * The limit is the VMM's, who may change it and share it with other devices; so it is
 * found out by meeting it.  Each time is a line in the log, by VFIO.
 *
 * Context: may sleep; no lock of memory is held.
 * Return: false: with less than is pinned a guest could fail.
 */
bool nvme_mdev_mem_shrink(struct nvme_mdev *nm)
{
	struct nvme_mdev_mem *mem = &nm->mem;
	u64 bytes = (u64)atomic64_read(&mem->pinned_pages) << PAGE_SHIFT;
	bool first;

	/* others may have pinned at the same moment */
	bytes -= min_t(u64, bytes, SZ_64K);
	if (bytes < nvme_mdev_mem_limit_min(nm))
		return false;
	mutex_lock(&mem->lock);
	first = !mem->lock_limit;
	if (first || bytes < mem->lock_limit)
		mem->lock_limit = bytes;
	mutex_unlock(&mem->lock);
	if (first)
		dev_notice(nvme_mdev_dev(nm),
			   "RLIMIT_MEMLOCK of the VMM leaves %llu KiB for guest memory: it is given back and pinned again within that, which is slower\n",
			   bytes >> 10);
	return true;
}

/**
 * nvme_mdev_mem_room() - make room below the bound
 * @nm:		device
 * @pages:	how much
 * @who:	for whom
 * @tries:	how often the answer was -EAGAIN, in a row
 *
 * The caller then looks again: others may be faster, and @mem.by_page may say
 * that whole chunks are too much.
 *
 * Context: may sleep; no lock of memory or the poller is held.
 * Return: 0; -EAGAIN: it is in flight, and goes once its commands have ended; -ENOSPC: no
 * more can be given back.
 */
int nvme_mdev_mem_room(struct nvme_mdev *nm, unsigned int pages, enum nvme_mdev_holder who,
		       unsigned int tries)
{
	enum room room = mem_reclaim_bound(nm, pages);
	struct nvme_mdev_mem *mem = &nm->mem;
	bool promised;

	if (who == NVME_MDEV_MISS)
		mem->short_of = true;
	if (room == ROOM_MADE)
		return 0;
	if (room == ROOM_NEVER)
		return -ENOSPC;
	if (room == ROOM_LATER) {
		/* each look parks the lanes: not often, where the device takes its time */
		nvme_mdev_poller_kick(nm);
		usleep_range(50 << min(tries, 6u), 100 << min(tries, 6u));
		return -EAGAIN;
	}
	mutex_lock(&mem->lock);
	promised = !list_empty(&mem->pinning);
	if (!promised) {
		mem->by_page = true;
		mem->paged = PAGED_REQUESTS;
	}
	mutex_unlock(&mem->lock);
	if (promised)
		usleep_range(50, 500);
	return 0;
}

/**
 * nvme_mdev_mem_idle_start() - something is pinned: see that it is used
 * @nm: device; the lock of its memory is held
 */
void nvme_mdev_mem_idle_start(struct nvme_mdev *nm)
{
	struct nvme_mdev_mem *mem = &nm->mem;

	lockdep_assert_held(&mem->lock);
	if (mem->idle_ms && !list_empty(&mem->chunks))
		queue_delayed_work(nm->wq, &mem->idle, msecs_to_jiffies(mem->idle_ms) / 2 + 1);
}

/* Anything but queues: is there something that could become unused? */
static bool mem_may_become_idle(struct nvme_mdev_mem *mem)
{
	struct nvme_mdev_chunk *c;

	list_for_each_entry(c, &mem->chunks, entry)
		if (!c->queues && (c->full || !bitmap_subset(c->single, c->queue,
							     VNVME_CHUNK_PAGES)))
			return true;
	return false;
}

/**
 * nvme_mdev_mem_idle_work() - give back what has not been used for a while
 * @work: nvme_mdev_mem.idle
 *
 * Runs twice in pinned_idle_ms, and only while there is something to give back.
 */
void nvme_mdev_mem_idle_work(struct work_struct *work)
{
	struct nvme_mdev *nm = container_of(to_delayed_work(work), struct nvme_mdev, mem.idle);
	bool sweep = true;

	while (mem_reclaim_idle(nm, sweep)) {
		cond_resched();
		sweep = false;
	}
	mutex_lock(&nm->mem.lock);
	if (mem_may_become_idle(&nm->mem))
		nvme_mdev_mem_idle_start(nm);
	mutex_unlock(&nm->mem.lock);
}

/**
 * nvme_mdev_mem_limit_min() - the least bound that no guest can fail over
 * @nm: device
 *
 * Context: any.
 * Return: bytes: the largest queues, 5 MiB a pair, and 6 MiB for the admin
 * queues, shadow doorbells and a command of 513 pages with a list entry in as
 * many others.
 */
u64 nvme_mdev_mem_limit_min(const struct nvme_mdev *nm)
{
	static_assert((VNVME_MQES + 1) * (sizeof(struct vnvme_sqe) + sizeof(struct vnvme_cqe)) <=
		      5 * SZ_1M);
	static_assert((4096 * (sizeof(struct vnvme_sqe) + sizeof(struct vnvme_cqe)) +
		       (2 * VNVME_MAX_SEGS + 16) * PAGE_SIZE) <= 6 * SZ_1M);

	return (5ull * nm->nr_pairs + 6) * SZ_1M;
}

/**
 * nvme_mdev_mem_set_limit() - bound the memory that a device may pin
 * @nm:		device
 * @bytes:	at least nvme_mdev_mem_limit_min(), or 0: no bound
 *
 * Context: may sleep; not control: what is over the bound is given back.
 * Return: 0 or -EINVAL.
 */
int nvme_mdev_mem_set_limit(struct nvme_mdev *nm, u64 bytes)
{
	struct nvme_mdev_mem *mem = &nm->mem;
	unsigned int tries;
	bool fits;

	if (bytes && bytes < nvme_mdev_mem_limit_min(nm))
		return -EINVAL;
	mutex_lock(&mem->lock);
	mem->limit = bytes;
	fits = nvme_mdev_mem_fits(mem, 0);
	mutex_unlock(&mem->lock);
	/* if a request has its turn now, it may need what it has for a moment */
	for (tries = 0; !fits && tries < RECLAIM_TRIES;) {
		if (mem_reclaim_bound(nm, 0) != ROOM_MADE) {
			msleep(20);
			tries++;
		}
		mutex_lock(&mem->lock);
		fits = nvme_mdev_mem_fits(mem, 0);
		mutex_unlock(&mem->lock);
	}
	return 0;
}

/**
 * nvme_mdev_mem_set_idle() - say when unused memory is given back
 * @nm:	device
 * @ms:	after so many milliseconds; 0: never
 *
 * Context: may sleep.
 */
void nvme_mdev_mem_set_idle(struct nvme_mdev *nm, unsigned int ms)
{
	struct nvme_mdev_mem *mem = &nm->mem;

	mutex_lock(&mem->lock);
	mem->idle_ms = ms;
	/* the new period starts now; while nothing is pinned there is none */
	if (!list_empty(&mem->chunks))
		mod_delayed_work(nm->wq, &mem->idle, 0);
	mutex_unlock(&mem->lock);
}

/* Requests whose look-up missed, in the order they did. */
struct misses {
	struct llist_node	*first;
	struct llist_node	**tail;
};

static void misses_take(struct misses *m, struct nvme_mdev_mem *mem)
{
	*m->tail = llist_reverse_order(llist_del_all(&mem->misses));
	while (*m->tail)
		m->tail = &(*m->tail)->next;
}

static bool misses_remove(struct misses *m, struct llist_node *node)
{
	struct llist_node **p = &m->first;

	while (*p && *p != node)
		p = &(*p)->next;
	if (!*p)
		return false;
	*p = node->next;
	if (!*p)
		m->tail = p;
	return true;
}

/* Does @req miss something else?  Nobody takes memory back while it is looked at. */
static bool mem_misses_more(struct nvme_mdev *nm, struct vnvme_req *req)
{
	bool more;

	down_read(&nm->mem.users);
	more = vnvme_req_next_miss(req);
	up_read(&nm->mem.users);
	return more;
}

/* Pin what @req misses; what a guest changes meanwhile does not keep it here for ever. */
static int mem_pin_req(struct nvme_mdev *nm, struct vnvme_req *req)
{
	unsigned int left = 2 * VNVME_MAX_SEGS;
	int err;

	do {
		err = nvme_mdev_mem_pin(nm, req->miss_iova, 1, NVME_MDEV_MISS);
	} while (!err && --left && mem_misses_more(nm, req));
	return err;
}

/*
 * Pin what @req has missed and return it.  If room had to be made for that, it is
 * its turn: it is seen to be looked at, and if it misses something else it goes
 * on at once.
 */
static void mem_serve(struct nvme_mdev *nm, struct misses *m, struct vnvme_req *req)
{
	struct nvme_mdev_mem *mem = &nm->mem;
	bool turn = false;
	int err;

	mutex_lock(&mem->lock);
	mem->hold[NVME_MDEV_MISS]++;
	if (mem->paged)
		mem->paged--;
	else
		mem->by_page = false;
	mem->short_of = false;
	mutex_unlock(&mem->lock);
	do {
		err = mem_pin_req(nm, req);
		turn = mem->short_of || (mem_limit(mem) && req->retries > TURN_RETRIES);
		vnvme_req_return(req, err);
		if (!turn || err)
			break;
		nvme_mdev_poller_park(nm);
		mem_step(nm);
		nvme_mdev_poller_unpark(nm);
		misses_take(m, mem);
	} while (misses_remove(m, &req->node));
}

/**
 * nvme_mdev_mem_work() - serve the misses
 * @work: nvme_mdev_mem.work
 */
void nvme_mdev_mem_work(struct work_struct *work)
{
	struct nvme_mdev *nm = container_of(work, struct nvme_mdev, mem.work);
	struct misses m = { .tail = &m.first };
	struct llist_node *node;

	misses_take(&m, &nm->mem);
	while ((node = m.first)) {
		misses_remove(&m, node);
		mem_serve(nm, &m, llist_entry(node, struct vnvme_req, node));
	}
	mutex_lock(&nm->mem.lock);
	nm->mem.hold[NVME_MDEV_MISS]++;
	mutex_unlock(&nm->mem.lock);
	nvme_mdev_poller_kick(nm);
}

/**
 * nvme_mdev_mem_miss() - have req->miss_iova pinned, then return the request
 * @nm:		device
 * @req:	not touched by the caller until vnvme_req_return()
 *
 * Context: the poller, or whoever has parked it; does not sleep.
 */
void nvme_mdev_mem_miss(struct nvme_mdev *nm, struct vnvme_req *req)
{
	if (llist_add(&req->node, &nm->mem.misses))
		queue_work(nm->wq, &nm->mem.work);
}
