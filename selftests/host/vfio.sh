#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The client in C, selftests/vfio, on a partition of the drive and on a null namespace.

. selftests/lib/ktap.sh
. selftests/lib/host.sh

# client NAME BACKING DATA: the client's results below one of ours
client()
{
	local rc

	echo "# Subtest: $1"
	mdev_create 2Q_V1 && mdev_add "$2" &&
		NVME_MDEV_UUID=$MDEV NVME_MDEV_DATA=$3 build/selftests/nvme_mdev_test 2>&1 |
		sed -u 's/^/    /'
	rc=${PIPESTATUS[0]}
	mdev_remove || rc=1
	if [ "$rc" = 0 ]; then
		ktap_ok "$1"
	else
		ktap_fail "$1"
	fi
}

ktap_begin
ktap_test "load" host_load 4 || ktap_done
ktap_test "partitions" drive_split /dev/nvme0n1 || ktap_done
client partition n1p2 1
client null null:1G 0
ktap_test "unload" host_unload
ktap_done
