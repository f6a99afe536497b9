/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a poller goes to sleep and is woken: drivers/nvme/mdev/poller.c, the arm
 * and look again of core/step.c, the fault of db.c, and a guest that rings by
 * the rules of Doorbell Buffer Config.
 *
 * Memory is x86's: each processor's stores go through a first-in first-out
 * buffer, which a full barrier waits for.  A wake-up is lost if somebody waits
 * for the poller and the poller sleeps for ever: an invalid end state.
 *
 * What is checked, one of:
 *   SHADOW	shadow doorbell and EventIdx; BAR0 traps
 *   PAGE	BAR0's page is mapped, taken away before sleep, and faults
 *   BOTH	shadow doorbell and EventIdx; BAR0's page as in PAGE
 *   IRQ	commands in flight: the completion interrupt wakes
 *   KICK	work that only the kick tells of (a task parks, returns a request)
 *
 * What is left out, to see that it is found:
 *   NO_SLEEP_MB	poller: between what it publishes and its look
 *   NO_LOOK	poller: the look
 *   NO_GUEST_MB	guest: between shadow doorbell and EventIdx
 *   NO_KICK_MB	kick: between the flag and its look at asleep
 *   NO_FLAG_MB	poller: between taking the flag down and its pass
 *   NO_ARM	poller: EventIdx stays where it was
 *   NO_MAPPED	poller: a look at whether the page is back; the kick tells of that, too
 *   NO_FLUSH	poller: does not wait for stores past the page it takes away
 */
#ifndef ROUNDS
#define ROUNDS	2	/* doorbells, completions, kicks */
#endif
#define SLOTS	3	/* of a store buffer */

#if defined(SHADOW) || defined(BOTH)
#define HAVE_SHADOW
#endif
#if defined(PAGE) || defined(BOTH)
#define HAVE_PAGE
#endif

/* Processors */
#define WAKER	0	/* guest, interrupt handler, another task */
#define POLLER	1

/* Addresses */
#define SHADOW_DB	0
#define EVENT		1
#define BAR0		2
#define KICKED		3
#define ASLEEP		4
#define SLEEPING	5	/* the task's state is not TASK_RUNNING */
#define IRQ_ON		6
#define CQE		7	/* completions; the device's own stores */
#define WORK		8
#define WORDS		9

byte mem[WORDS];
bool mapped;			/* BAR0's page, in the guest */
byte consumed;			/* what the waker waits for */

typedef buffer {
	byte n;
	byte addr[SLOTS];
	byte val[SLOTS];
}
buffer sb[2];

inline store(cpu, a, v)
{
	atomic {
		sb[cpu].n < SLOTS;
		sb[cpu].addr[sb[cpu].n] = a;
		sb[cpu].val[sb[cpu].n] = v;
		sb[cpu].n++
	}
}

/* A processor sees its own stores. */
inline load(cpu, a, v)
{
	d_step {
		v = mem[a];
		i = 0;
		do
		:: i < sb[cpu].n ->
			if
			:: sb[cpu].addr[i] == a -> v = sb[cpu].val[i]
			:: else
			fi;
			i++
		:: else -> break
		od;
		i = 0
	}
}

inline mb(cpu)
{
	sb[cpu].n == 0
}

/* A store buffer reaches memory, in order, at any time. */
proctype drain(byte cpu)
{
end:	do
	:: d_step {
		sb[cpu].n > 0 ->
		mem[sb[cpu].addr[0]] = sb[cpu].val[0];
		sb[cpu].addr[0] = sb[cpu].addr[1];
		sb[cpu].val[0] = sb[cpu].val[1];
		sb[cpu].addr[1] = sb[cpu].addr[2];
		sb[cpu].val[1] = sb[cpu].val[2];
		sb[cpu].addr[2] = 0;
		sb[cpu].val[2] = 0;
		sb[cpu].n--
	}
	od
}

/* nvme_mdev_poller_kick() */
inline kick()
{
	store(WAKER, KICKED, 1);
#ifndef NO_KICK_MB
	mb(WAKER);
#endif
	load(WAKER, ASLEEP, v);
	if
	:: v ->
		/* wake_up_process(): a full barrier before it looks at the state */
		mb(WAKER);
		mem[SLEEPING] = 0
	:: else
	fi
}

/* A store to BAR0's doorbell. */
inline ring(k)
{
#ifdef HAVE_PAGE
	do
	:: atomic {
		mapped && sb[WAKER].n < SLOTS ->
		sb[WAKER].addr[sb[WAKER].n] = BAR0;
		sb[WAKER].val[sb[WAKER].n] = k;
		sb[WAKER].n++;
		break
	}
	:: !mapped ->
		/* db_vma_fault(); an exception waits for the stores before it */
		mb(WAKER);
		mapped = true;
		kick()
	od
#else
	/* an exit waits for the stores before it; vnvme_doorbell_write() */
	mb(WAKER);
	store(WAKER, BAR0, k);
	kick()
#endif
}

proctype waker()
{
	byte k = 1, v, i;

	do
	:: k > ROUNDS -> break
	:: k <= ROUNDS ->
#ifdef HAVE_SHADOW
		store(WAKER, SHADOW_DB, k);
#ifndef NO_GUEST_MB
		mb(WAKER);
#endif
		load(WAKER, EVENT, v);
		/* has the tail gone past EventIdx? */
		if
		:: v == k - 1 -> ring(k)
		:: else
		fi;
#endif
#ifdef PAGE
		ring(k);
#endif
#ifdef IRQ
		/* the device's store is there before its interrupt */
		mem[CQE] = k;
		load(WAKER, IRQ_ON, v);
		if
		:: v -> kick()
		:: else
		fi;
		mb(WAKER);	/* the end of the handler */
#endif
#ifdef KICK
		store(WAKER, WORK, k);
		kick();
#endif
		/* wait for the answer, or do not */
		if
		:: consumed >= k
		:: true
		fi;
		k++
	od;
	consumed == ROUNDS
}

/* Has something come that a pass would find?  vnvme_lane_pending() and others. */
inline look(found)
{
	load(POLLER, KICKED, v);
	found = v;
#ifdef HAVE_SHADOW
	load(POLLER, SHADOW_DB, v);
	found = found || v != shadow;
#endif
#if defined(HAVE_SHADOW) || defined(HAVE_PAGE)
	load(POLLER, BAR0, v);
	found = found || v != bar0;
#endif
#ifdef IRQ
	load(POLLER, CQE, v);
	found = found || v != cqe;
#endif
}

/* vnvme_lane_step(); what has come is consumed. */
inline pass(found)
{
	found = false;
#ifdef HAVE_SHADOW
	load(POLLER, SHADOW_DB, v);
	found = found || v != shadow;
	shadow = v;
	if
	:: v > tail -> tail = v
	:: else
	fi;
#endif
#if defined(HAVE_SHADOW) || defined(HAVE_PAGE)
	load(POLLER, BAR0, v);
	found = found || v != bar0;
	bar0 = v;
	if
	:: v > tail -> tail = v
	:: else
	fi;
#endif
#ifdef HAVE_SHADOW
	/* vnvme_sq_event_lag(): sooner or later out of the guest's way again */
	if
	:: found && event == tail -> event = tail + 100; store(POLLER, EVENT, event)
	:: true
	fi;
#endif
#ifdef IRQ
	load(POLLER, CQE, v);
	found = found || v != cqe;
	cqe = v;
	tail = v;
#endif
#ifdef KICK
	load(POLLER, WORK, v);
	found = found || v != tail;
	tail = v;
#endif
	consumed = tail
}

/*
 * db_zap_work(), for the poller: under a lock; then the other processors flush, which
 * waits for stores.
 */
inline zap()
{
	mb(POLLER);
	mapped = false;
#ifndef NO_FLUSH
	mb(WAKER);
#endif
}

/* lane_arm(), device_may_sleep() */
inline arm()
{
#if defined(HAVE_SHADOW) && !defined(NO_ARM)
	if
	:: event != tail -> event = tail; store(POLLER, EVENT, event)
	:: else
	fi;
#endif
#ifdef IRQ
	store(POLLER, IRQ_ON, 1);
#endif
	store(POLLER, ASLEEP, 1);
	store(POLLER, SLEEPING, 1);
#ifndef NO_SLEEP_MB
	mb(POLLER);
#endif
#ifdef NO_LOOK
	found = false;
#else
	look(found);
#if defined(HAVE_PAGE) && !defined(NO_MAPPED)
	found = found || mapped;
#endif
#endif
	if
	:: found
	:: else ->
		/* schedule(): a full barrier before it looks at the state */
		mb(POLLER);
endsleep:	mem[SLEEPING] == 0
	fi;
	store(POLLER, SLEEPING, 0);
	store(POLLER, ASLEEP, 0);
#ifdef IRQ
	store(POLLER, IRQ_ON, 0);
#endif
}

/* The page goes first; the poller polls on until it has. */
inline sleep()
{
	if
	:: mapped -> zap()
	:: !mapped -> arm()
	fi
}

proctype poller()
{
	byte v, i, tail, shadow, bar0, cqe, event = 100;
	bool found;

	do
	:: load(POLLER, KICKED, v);
		if
		:: v ->
			store(POLLER, KICKED, 0);
#ifndef NO_FLAG_MB
			mb(POLLER);
#endif
		:: else
		fi;
		pass(found);
		if
		:: !found -> sleep()
		:: true
		fi
	od
}

init {
	if
	:: mapped = true
	:: true
	fi;
	mem[EVENT] = 100;	/* far from the tail: the poller starts awake */
	atomic {
		run drain(WAKER);
		run drain(POLLER);
		run waker();
		run poller()
	}
}
