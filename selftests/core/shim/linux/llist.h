/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LLIST_H
#define _SHIM_LLIST_H

#include <linux/kernel.h>

struct llist_node {
	struct llist_node *next;
};

struct llist_head {
	struct llist_node *first;
};

static inline void init_llist_head(struct llist_head *h)
{
	h->first = NULL;
}

static inline bool llist_empty(const struct llist_head *h)
{
	return !__atomic_load_n(&h->first, __ATOMIC_RELAXED);
}

static inline bool llist_add(struct llist_node *n, struct llist_head *h)
{
	n->next = __atomic_load_n(&h->first, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&h->first, &n->next, n, 0,
					    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
	return !n->next;
}

static inline struct llist_node *llist_del_all(struct llist_head *h)
{
	return __atomic_exchange_n(&h->first, NULL, __ATOMIC_SEQ_CST);
}

static inline struct llist_node *llist_reverse_order(struct llist_node *n)
{
	struct llist_node *out = NULL, *next;

	for (; n; n = next) {
		next = n->next;
		n->next = out;
		out = n;
	}
	return out;
}

#define llist_entry(p, t, m)	container_of(p, t, m)
#define llist_for_each_entry_safe(pos, n, first, member)		\
	for (struct llist_node *_p = (first), *_n;			\
	     _p && (_n = _p->next,					\
		    pos = llist_entry(_p, __typeof__(*pos), member),	\
		    n = pos, 1);					\
	     _p = _n, (void)n)

#endif
