// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-pci as a lender of queue pairs, if it is one.
 *
 * Its interface (linux/nvme-extq.h) is found at run time, so that the module
 * loads beside a stock driver, or none, and then offers devices on ordinary
 * block devices only.  Found once, it is held until the module goes.
 *
 * Calls are static calls: as direct as those of a module that depends on it.
 */
#include <linux/module.h>
#include <linux/mutex.h>

#include "mdev.h"

static DEFINE_MUTEX(lender_lock);
static bool lender_found;

DEFINE_STATIC_CALL_NULL(extq_avail, nvme_extq_avail);
DEFINE_STATIC_CALL_NULL(extq_get, nvme_extq_get);
DEFINE_STATIC_CALL_NULL(extq_put, nvme_extq_put);
DEFINE_STATIC_CALL_NULL(extq_info, nvme_extq_info);
DEFINE_STATIC_CALL_NULL(extq_ns, nvme_extq_ns);
DEFINE_STATIC_CALL_NULL(extq_ns_put, nvme_extq_ns_put);
DEFINE_STATIC_CALL_NULL(extq_submit, nvme_extq_submit);
DEFINE_STATIC_CALL_NULL(extq_ring, nvme_extq_ring);
DEFINE_STATIC_CALL_NULL(extq_poll, nvme_extq_poll);
DEFINE_STATIC_CALL_NULL(extq_ack, nvme_extq_ack);
DEFINE_STATIC_CALL_NULL(extq_drain, nvme_extq_drain);
DEFINE_STATIC_CALL_NULL(extq_irq_arm, nvme_extq_irq_arm);
DEFINE_STATIC_CALL_NULL(extq_abort, nvme_extq_abort);
DEFINE_STATIC_CALL_NULL(extq_admin, nvme_extq_admin);
DEFINE_STATIC_CALL_NULL(extq_reset_ctrl, nvme_extq_reset_ctrl);
DEFINE_STATIC_CALL_NULL(extq_unbinding, nvme_extq_unbinding);

/* What a call of the lender's is named, and who calls it. */
struct lender_call {
	const char		*name;
	struct static_call_key	*key;
	void			*tramp;
	void			*func;
};

#define CALL(_c) {							\
	.name	= "nvme_extq_" #_c,					\
	.key	= &STATIC_CALL_KEY(extq_##_c),				\
	.tramp	= STATIC_CALL_TRAMP_ADDR(extq_##_c),			\
}

static struct lender_call lender_calls[] = {
	CALL(avail),
	CALL(get),
	CALL(put),
	CALL(info),
	CALL(ns),
	CALL(ns_put),
	CALL(submit),
	CALL(ring),
	CALL(poll),
	CALL(ack),
	CALL(drain),
	CALL(irq_arm),
	CALL(abort),
	CALL(admin),
	CALL(reset_ctrl),
	CALL(unbinding),
};

static void lender_put(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lender_calls); i++) {
		if (lender_calls[i].func)
			symbol_put_addr(lender_calls[i].func);
		lender_calls[i].func = NULL;
	}
}

/* All of them, or none. */
static bool lender_get(void)
{
	struct lender_call *c = lender_calls, *end = c + ARRAY_SIZE(lender_calls);

	for (; c < end; c++) {
		c->func = __symbol_get(c->name);
		if (!c->func) {
			lender_put();
			return false;
		}
	}
	for (c = lender_calls; c < end; c++)
		__static_call_update(c->key, c->tramp, c->func);
	return true;
}

/**
 * nvme_mdev_lender_find() - does nvme-pci lend queue pairs?
 *
 * Until this was true once, no other call of the lender may be made.
 * Context: may sleep.
 */
bool nvme_mdev_lender_find(void)
{
	bool found;

	mutex_lock(&lender_lock);
	if (!lender_found)
		lender_found = lender_get();
	found = lender_found;
	mutex_unlock(&lender_lock);
	return found;
}

/**
 * nvme_mdev_lender_exit() - let go of nvme-pci; nothing of it is in use
 */
void nvme_mdev_lender_exit(void)
{
	mutex_lock(&lender_lock);
	if (lender_found)
		lender_put();
	lender_found = false;
	mutex_unlock(&lender_lock);
}
