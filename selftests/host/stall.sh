#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A block device below hangs for minutes and comes back: a Linux guest with the settings that it comes with aborts,
# resets its controller, waits, and goes on. It lost nothing, and no write of before has come after a later one.
#
# At the end it clears COMMAND.MASTER, which waits for the device, too (limits.rst): its only processor stalls.
#
# Checklist: 1

. selftests/lib/ktap.sh
. selftests/lib/host.sh
. selftests/lib/guest.sh

STALL=${STALL:-300}	# seconds
GUEST_LIMIT=$((STALL + 300))

stall()
{
	local disk

	disk=$(loop_make stalls 128) && echo "0 262144 linear $disk 0" | dmsetup create stalls && udevadm settle &&
		mdev_create soft && mdev_add /dev/mapper/stalls &&
		guest_start stall "$(mdev_qemu)" "load,$((STALL + 60))" rcupdate.rcu_cpu_stall_suppress=1 &&
		guest_expect stall 'load: running' || return
	sleep 5
	dmsetup suspend --noflush stalls || return
	sleep "$STALL"
	dmsetup resume stalls && guest_finish stall || return
	tr -d '\r' < "$RESULTS/stall.serial" | grep -E 'nvme nvme0: (I/O|.*reset|.*timeout)' | head -n 20
	guest_said stall 'reset controller'
}

below_free()
{
	dmsetup remove stalls && loop_free stalls
}

ktap_begin
ktap_test "load" host_load_block || ktap_done
ktap_fault "a device below hangs for $STALL s under a guest's load" stall
ktap_test "its device is closed and keeps nothing" all_given_back
ktap_test "the device goes" mdev_remove
ktap_test "the device below goes" below_free
ktap_test "unload" rmmod nvme-mdev
ktap_done
