/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_BITOPS_H
#define _SHIM_BITOPS_H

#include <linux/types.h>
#include <linux/compiler.h>

#define BIT(n)	(1ul << (n))
#define __ffs(x)	((unsigned long)__builtin_ctzl(x))

static inline bool test_bit(long nr, const unsigned long *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED) & BIT(nr);
}

static inline bool test_and_set_bit(long nr, unsigned long *p)
{
	return __atomic_fetch_or(p, BIT(nr), __ATOMIC_SEQ_CST) & BIT(nr);
}

static inline void set_bit(long nr, unsigned long *p)
{
	__atomic_fetch_or(p, BIT(nr), __ATOMIC_RELAXED);
}

static inline void clear_bit(long nr, unsigned long *p)
{
	__atomic_fetch_and(p, ~BIT(nr), __ATOMIC_RELAXED);
}

#endif
