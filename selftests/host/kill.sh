#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# SIGKILL of QEMU during I/O gives everything back, again and again.

. selftests/lib/ktap.sh
. selftests/lib/host.sh
. selftests/lib/guest.sh

prepare()
{
	host_load 4 && drive_split /dev/nvme0n1 && mdev_create 2Q_V1 && mdev_add n1p2
}

killed_under_load()
{
	guest_start "$1" load "$(mdev_qemu)" 300 &&
		guest_expect "$1" "load: running" || return
	[ "$(cat "$DEV/state/open")" = 1 ] || { echo "not open under load"; return 1; }
	guest_kill "$1"
	host_wait 20 all_given_back && all_given_back
}

partition_is_free()
{
	mdev_remove && mkfs.ext4 -q -F /dev/nvme0n1p2 && mount /dev/nvme0n1p2 /mnt && umount /mnt
}

queues_are_free()
{
	[ "$(mdev_free 4Q_V1)" = 1 ] && mdev_create 4Q_V1 && mdev_remove
}

ktap_begin
ktap_test "prepare" prepare || ktap_done
ktap_test "killed under load, everything is given back" killed_under_load first
ktap_test "a new guest on the same device, killed too" killed_under_load second
ktap_test "the host can have the partition" partition_is_free
ktap_test "the queue pairs are free" queues_are_free
ktap_test "the modules go" host_unload
ktap_done
