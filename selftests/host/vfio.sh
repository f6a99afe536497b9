#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The client in C, selftests/vfio, on a device with a null namespace and one with a partition.

. selftests/lib/host.sh

host_load 4 >&2 && drive_split /dev/nvme0n1 >&2 && mdev_create 2Q_V1 && mdev_add n1p2 && mdev_add null:1G || {
	echo "Bail out! the device cannot be made"
	exit 1
}
NVME_MDEV_UUID=$MDEV build/selftests/nvme_mdev_test
rc=$?
mdev_remove && host_unload >&2 || rc=1
exit "$rc"
