/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_COMPILER_H
#define _SHIM_COMPILER_H

#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define barrier()		__asm__ __volatile__("" ::: "memory")
#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)	(*(volatile __typeof__(x) *)&(x) = (v))
#define data_race(expr)		(expr)
#define noinline		__attribute__((__noinline__))
#undef __always_inline
#define __always_inline		inline __attribute__((__always_inline__))

/* Memory with an error: a page, or NULL */
extern const void *shim_poison;
#ifdef SHIM_POISON
#define vnvme_guest_bad(ptr) \
	(shim_poison && (unsigned long)(ptr) - (unsigned long)shim_poison < 4096)
#endif

#define offsetof(t, m)		__builtin_offsetof(t, m)
#ifndef static_assert
#define static_assert(x)	_Static_assert(x, #x)
#endif

#endif
