/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_NOSPEC_H
#define _SHIM_NOSPEC_H

#include <linux/compiler.h>

/* How often an index was clamped, where somebody wants to know. */
#ifdef SHIM_NOSPEC_COUNT
extern unsigned long shim_nospec_count;
#define shim_nospec_counted()	(shim_nospec_count++)
#else
#define shim_nospec_counted()	do { } while (0)
#endif

/* As the kernel has it for any machine: all ones if @index < @size, else 0, without a branch. */
static __always_inline unsigned long shim_nospec_mask(unsigned long index, unsigned long size)
{
	__asm__ ("" : "+r" (index));
	return ~(long)(index | (size - 1 - index)) >> (8 * sizeof(long) - 1);
}

#define array_index_nospec(index, size)					\
({									\
	__typeof__(index) _i = (index);					\
									\
	shim_nospec_counted();						\
	(__typeof__(_i))(_i & shim_nospec_mask(_i, size));		\
})

#endif
