#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The drive's controller is reset under a guest's verified load: nothing is wrong or missing.
#
# Checklist: 125

. selftests/lib/ktap.sh
. selftests/lib/host.sh
. selftests/lib/guest.sh

GUEST_CPUS=4	# with a queue pair each

# What the host's own commands may take, in seconds, is what a guest's may take.
IO_TIMEOUT=/sys/module/nvme_core/parameters/io_timeout

prepare()
{
	modprobe nvme_core && OLD_TIMEOUT=$(cat "$IO_TIMEOUT") || return
	# the tests after this one have the host's, however it ends
	trap 'echo "$OLD_TIMEOUT" > "$IO_TIMEOUT"' EXIT
	host_load 4 && drive_split /dev/nvme0n1 && mdev_create 4Q_V1 && mdev_add n1p2
}

# more_than COUNT: have so many writes completed?
more_than()
{
	[ "$(counter writes)" -gt "$1" ]
}

# reset_once COMMAND...: the controller comes back, and the guest's writes go on
reset_once()
{
	"$@" && host_wait 30 grep -q live /sys/class/nvme/nvme0/state || return
	host_wait 30 more_than "$(counter writes)" && guest_running load
}

reset_controller()
{
	echo 1 > /sys/class/nvme/nvme0/reset_controller
}

# What an NVM subsystem reset, which this drive refuses, is to its driver: the controller has forgotten all queues,
# and says nothing. The host finds out as a command takes too long.
reset_unasked()
{
	local cc=$(($(awk 'NR == 1 { print $1 }' "/sys/bus/pci/devices/$DRIVE/resource") + 0x14))

	dmesg -C
	! nvme subsystem-reset /dev/nvme0 && busybox devmem "$cc" 32 $(($(busybox devmem "$cc" 32) & ~1)) &&
		host_wait 30 line_in_log "drive does not answer on queue .*: reset"
}

resets_under_load()
{
	local i

	guest_start load "$(mdev_qemu)" load,45,4 && guest_expect load "load: running" || return
	for ((i = 0; i < 3; i++)); do
		reset_once reset_controller || return
		sleep 2
	done
	# the limit holds from a reset on
	echo 3 > "$IO_TIMEOUT"
	FAULTS=5
	reset_once nvme reset /dev/nvme0 && reset_once reset_unasked && guest_wait load && all_given_back
}

host_reads()
{
	dd if=/dev/nvme0n1p3 of=/dev/null bs=1M count=16 iflag=direct
}

ktap_begin
ktap_test "prepare" prepare || ktap_done
ktap_fault "controller resets under a verified load" resets_under_load
ktap_test "the host's own queues work" host_reads
ktap_test "the device goes" mdev_remove
ktap_test "the modules go" host_unload
ktap_done
