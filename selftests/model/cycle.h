/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A controller with one queue pair, split into what a guest's processor does and
 * what a poller's does, for a program with a thread for each.
 */
#ifndef CYCLE_H
#define CYCLE_H

struct cycle;

/* @page: doorbells as the poller sees them; @kick is called for trapped writes. */
struct cycle *cycle_new(_Bool shadow, unsigned int *page, void (*kick)(void));
void cycle_free(struct cycle *c);

/* The guest's; @doorbells: as the guest sees the page, NULL if writes to it trap */
void cycle_submit(struct cycle *c, unsigned int n, volatile unsigned int *doorbells);
_Bool cycle_answered(struct cycle *c);
/* Takes answers that are there, rings; how many. */
unsigned int cycle_take(struct cycle *c, volatile unsigned int *doorbells);
unsigned int cycle_bad(struct cycle *c);

/* The poller's */
unsigned int cycle_step(struct cycle *c);
void cycle_arm(struct cycle *c);
_Bool cycle_pending(struct cycle *c);

/* Where it stands: any thread. */
struct cycle_state {
	unsigned int sq_head, sq_tail, db, shadow, event, guest_tail, guest_head;
};

void cycle_look(struct cycle *c, struct cycle_state *s);

#endif
