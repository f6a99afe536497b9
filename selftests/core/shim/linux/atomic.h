/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_ATOMIC_H
#define _SHIM_ATOMIC_H

#define cmpxchg(p, old, new) __extension__ ({				\
	__typeof__(*(p)) __was = (old);					\
									\
	__atomic_compare_exchange_n(p, &__was, new, 0,			\
				    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);\
	__was;								\
})

#endif
