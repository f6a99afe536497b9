#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# One guest after another on a mediated device: what it lists, formats, writes and verifies.

. selftests/lib/ktap.sh
. selftests/lib/host.sh
. selftests/lib/guest.sh

prepare()
{
	host_load 4 && drive_split /dev/nvme0n1
}

# with BACKING NAME SCRIPT [ARG...]: a guest on a new device with this backing
with()
{
	local backing=$1 name=$2 script=$3 rc
	shift 3

	mdev_create 2Q_V1 && mdev_add "$backing" || return
	guest_run "$name" "$script" "$(mdev_qemu)" "$@"
	rc=$?
	all_given_back || rc=1
	mdev_remove || rc=1
	return "$rc"
}

ktap_begin
ktap_test "prepare" prepare || ktap_done
ktap_test "a guest lists a null namespace" with null:1G null-list list
ktap_test "a guest lists a partition" with n1p2 partition-list list
ktap_test "a guest partitions, formats and verifies" with n1p2 format format single
ktap_test "a guest verifies with fio" with n1p3 fio fio 32
ktap_test "the modules go" host_unload
ktap_done
