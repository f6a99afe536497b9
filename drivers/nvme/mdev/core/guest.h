/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Loads from and stores to guest memory that are let fail.
 *
 * A page of the guest's may have an uncorrectable memory error: then a load ends in a
 * machine check, and where the kernel has taken the page out of its own mapping, in a page
 * fault.  Each access has an entry in the exception table of the kind that both look up; it
 * costs nothing as long as all is well.  So the error ends one controller, or one command,
 * and not the host.
 *
 * Whoever reads or writes what a segment, a ring or a shadow doorbell points to does so
 * by these; what only the device below moves is its own.
 */
#ifndef _VNVME_GUEST_H
#define _VNVME_GUEST_H

#if defined(CONFIG_X86_64) && defined(CONFIG_CC_HAS_ASM_GOTO_OUTPUT) && !defined(__CHECKER__)
#include <asm/asm.h>

/**
 * vnvme_guest_load() - read once from guest memory
 * @val:	lvalue that is set, of 32 or 64 bits
 * @ptr:	where, of the same size
 * @bad:	label that is gone to if it cannot be read; @val is then undefined
 */
#define vnvme_guest_load(val, ptr, bad) do {					\
	__typeof__(val) _val;							\
										\
	asm goto("1: mov %1, %0\n"						\
		 _ASM_EXTABLE_TYPE(1b, %l[bad], EX_TYPE_DEFAULT_MCE_SAFE)	\
		 : "=r" (_val) : "m" (*(ptr)) : : bad);				\
	/* gcc 12 takes an output for unset otherwise */			\
	asm volatile("");							\
	(val) = _val;								\
} while (0)

/**
 * vnvme_guest_store() - write once to guest memory
 * @ptr:	where, 32 or 64 bits
 * @val:	what, of the same type
 * @bad:	label that is gone to if it cannot be written
 */
#define vnvme_guest_store(ptr, val, bad) do {					\
	__typeof__(*(ptr)) _val = (val);					\
										\
	if (sizeof(_val) == 8)							\
		asm goto("1: movq %1, %0\n"					\
			 _ASM_EXTABLE_TYPE(1b, %l[bad], EX_TYPE_DEFAULT_MCE_SAFE) \
			 : "=m" (*(ptr)) : "er" (_val) : : bad);		\
	else									\
		asm goto("1: movl %k1, %0\n"					\
			 _ASM_EXTABLE_TYPE(1b, %l[bad], EX_TYPE_DEFAULT_MCE_SAFE) \
			 : "=m" (*(ptr)) : "er" (_val) : : bad);		\
} while (0)

#else

/* What a test says of a place */
#ifndef vnvme_guest_bad
#define vnvme_guest_bad(ptr)	false
#endif

#define vnvme_guest_load(val, ptr, bad) do {					\
	if (vnvme_guest_bad(ptr))						\
		goto bad;							\
	(val) = READ_ONCE(*(ptr));						\
} while (0)

#define vnvme_guest_store(ptr, val, bad) do {					\
	if (vnvme_guest_bad(ptr))						\
		goto bad;							\
	WRITE_ONCE(*(ptr), val);						\
} while (0)

#endif

/*
 * dptr.c: @len bytes of one extent, a multiple of 4.  Return an NVMe status; unless it is 0,
 * part of it may have been done. (any)
 */
u16 vnvme_guest_get(void *to, const void *kva, u32 len);
u16 vnvme_guest_put(void *kva, const void *from, u32 len);
/* @with: NULL: zeros */
u16 vnvme_guest_compare(const void *kva, const void *with, u32 len);

#endif
