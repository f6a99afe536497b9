/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_MODULE_H
#define _SHIM_MODULE_H

#define MODULE_LICENSE(x)	static_assert(1)
#define MODULE_DESCRIPTION(x)	static_assert(1)

#endif
