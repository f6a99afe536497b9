/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_ERRNO_H
#define _SHIM_ERRNO_H

#define ENOENT	2
#define EAGAIN	11
#define ENOMEM	12
#define EFAULT	14
#define EBUSY	16
#define EEXIST	17
#define EINVAL	22
#define ENOSPC	28

#endif
