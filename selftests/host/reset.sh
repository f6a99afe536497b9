#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The drive's controller is reset under a guest's verified load: nothing is wrong or missing.

. selftests/lib/ktap.sh
. selftests/lib/host.sh
. selftests/lib/guest.sh

prepare()
{
	host_load 4 && drive_split /dev/nvme0n1 && mdev_create 2Q_V1 && mdev_add n1p2
}

resets_under_load()
{
	local i rc=0

	guest_start load load "$(mdev_qemu)" 30 && guest_expect load "load: running" || return
	for ((i = 0; i < 3; i++)); do
		echo 1 > /sys/class/nvme/nvme0/reset_controller || rc=1
		host_wait 30 grep -q live /sys/class/nvme/nvme0/state || rc=1
		guest_running load || rc=1
		sleep 3
	done
	nvme reset /dev/nvme0 || rc=1
	guest_wait load || rc=1
	all_given_back || rc=1
	return "$rc"
}

host_reads()
{
	dd if=/dev/nvme0n1p3 of=/dev/null bs=1M count=16 iflag=direct
}

ktap_begin
ktap_test "prepare" prepare || ktap_done
ktap_test "four resets under a verified load" resets_under_load
ktap_test "the host's own queues work" host_reads
ktap_test "the device goes" mdev_remove
ktap_test "the modules go" host_unload
ktap_done
