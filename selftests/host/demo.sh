#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The main job, step by step, as an operator does it: lend queue pairs, make a device, attach a
# partition, start a guest. What "make demo" prints.

. selftests/lib/ktap.sh
. selftests/lib/host.sh
. selftests/lib/guest.sh

step()
{
	ktap_note "demo: $*"
}

lend()
{
	host_load 4 && drive_split /dev/nvme0n1 && mkfs.ext4 -q -F /dev/nvme0n1p1 &&
		mount /dev/nvme0n1p1 /mnt && nvme list
}

attach()
{
	mdev_create 2Q_V1 && mdev_add n1p2 && echo "device $MDEV" && cat "$DEV/namespaces/namespaces"
}

# The counters tell the way that the commands took: lent hardware queues.
counters()
{
	cat "$DEV/state/counters" && counted hw_commands && counted hw_sq_doorbells && all_given_back
}

counted()
{
	awk -v name="$1" '$1 == name { n = $2 } END { exit !(n > 0) }' "$DEV/state/counters" && return
	echo "$1 is not above 0"
	return 1
}

give_back()
{
	umount /mnt && mdev_remove && host_unload
}

ktap_begin
step "the host loads nvme with four queue pairs to lend, and mounts the first partition itself"
ktap_test "lend" lend || ktap_done
step "an operator makes a device of two queue pairs and attaches the second partition"
ktap_test "attach" attach || ktap_done
step "a guest with its own driver lists its disk, partitions it, makes a file system, writes and verifies"
ktap_test "guest" guest_run guest "$(mdev_qemu)" list format,demo
step "the host's counters of the device"
ktap_test "counters" counters
ktap_test "give back" give_back
ktap_done
