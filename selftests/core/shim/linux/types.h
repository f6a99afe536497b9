/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_TYPES_H
#define _SHIM_TYPES_H

typedef __UINT8_TYPE__ u8;
typedef __UINT16_TYPE__ u16;
typedef __UINT32_TYPE__ u32;
typedef unsigned long long u64;
typedef __INT8_TYPE__ s8;
typedef __INT16_TYPE__ s16;
typedef __INT32_TYPE__ s32;
typedef long long s64;
typedef u16 __le16;
typedef u32 __le32;
typedef u64 __le64;
typedef __SIZE_TYPE__ size_t;
typedef _Bool bool;
typedef unsigned int gfp_t;

#define true	1
#define false	0
#define NULL	((void *)0)
#define U16_MAX	((u16)~0u)
#define U32_MAX	((u32)~0u)
#define U64_MAX	((u64)~0ull)
#define __force

#endif
