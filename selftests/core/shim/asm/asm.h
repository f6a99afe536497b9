/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_ASM_H
#define _SHIM_ASM_H

/* An entry that nobody looks up, as large as the kernel's */
#define _ASM_EXTABLE_TYPE(from, to, type)		\
	".pushsection shim_ex,\"a\"\n"			\
	".long (" #from ") - .\n"			\
	".long (" #to ") - .\n"				\
	".long 0\n"					\
	".popsection\n"

#endif
