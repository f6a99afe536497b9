/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_UUID_H
#define _SHIM_UUID_H

#include <linux/types.h>

typedef struct {
	u8 b[16];
} uuid_t;

#endif
