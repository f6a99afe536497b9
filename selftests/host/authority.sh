#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What the operator was allowed is not asked of the VMM again: one in a device cgroup as libvirt makes it, without
# privileges, in user and mount namespaces of its own, has what was attached.

. selftests/lib/ktap.sh
. selftests/lib/host.sh

DEVICES=/tmp/devices
OPERATOR=$DEVICES/operator
VMM=$DEVICES/vmm
NOBODY=65534

# may NUMBER...: what the VMM's cgroup allows
may()
{
	local number

	for number in "$@"; do
		echo "c $number rwm" > "$VMM/devices.allow" || return
	done
}

prepare()
{
	host_load 4 && drive_split /dev/nvme0n1 && mkdir -p "$DEVICES" &&
		mount -t cgroup -o devices none "$DEVICES" && mkdir "$VMM" "$OPERATOR" || return
	# null, full, zero, random, urandom, ptmx, kvm, rtc, and the container
	echo a > "$VMM/devices.deny" && may 1:3 1:7 1:5 1:8 1:9 5:2 10:232 10:228 10:196
}

# device BACKING TYPE: one that the VMM may open, with nothing of its own but the group
device()
{
	local group

	mdev_create "$2" && mdev_add "$1" || return
	group=/dev/vfio/$(basename "$(readlink "$DEV/iommu_group")")
	host_wait 10 test -c "$group" && chown "$NOBODY" "$group" && chmod 666 /dev/vfio/vfio &&
		may "$((0x$(stat -c %t "$group"))):$((0x$(stat -c %T "$group")))"
}

# vmm COMMAND...: a VMM that writes and reads, started by what is before its name
vmm()
{
	# shellcheck disable=SC2016 # for the inner shell
	NVME_MDEV_UUID=$MDEV prlimit --memlock=unlimited bash -c 'echo $$ > "$0/cgroup.procs" && exec "$@"' "$VMM" \
		setpriv --reuid "$NOBODY" --regid "$NOBODY" --clear-groups --bounding-set=-all --no-new-privs \
		"$@" build/selftests/hold write 8 </dev/null
}

# works BACKING TYPE [COMMAND...]
works()
{
	device "$1" "$2" && vmm "${@:3}"
	set -- "$?"
	all_given_back && mdev_remove && return "$1"
}

# The disk is one that the VMM could not open itself.
denied()
{
	# shellcheck disable=SC2016 # for the inner shell
	! bash -c 'echo $$ > "$0/cgroup.procs" && exec dd if=/dev/nvme0n1p2 of=/dev/null count=1' "$VMM"
}

loop_works()
{
	local disk

	disk=$(loop_make disk 64) && works "$disk" soft && loop_free disk
}

# Who attaches it is asked, and told the truth.
operator_is_asked()
{
	mdev_create "$1" && echo a > "$OPERATOR/devices.deny" || return
	dmesg -C
	# shellcheck disable=SC2016 # for the inner shell
	bash -c 'echo $$ > "$0/cgroup.procs" && echo "$1" > "$2"' "$OPERATOR" "$2" "$DEV/namespaces/add_namespace" 2>&1 |
		grep "Operation not permitted" || return
	dmesg | grep -v cgroup
	line_in_log "$2: .*the device cgroup of who adds it forbids that" &&
		[ -z "$(cat "$DEV/namespaces/namespaces")" ] && mdev_remove
}

ktap_begin
ktap_test "load" prepare || ktap_done
ktap_test "the VMM may not open the disk itself" denied
ktap_fault "a lent queue for a VMM in a device cgroup" works n1p2 2Q_V1
ktap_fault "a whole namespace for a VMM in a device cgroup" works n1 1Q_V1
ktap_fault "a partition as a block device for a VMM in a device cgroup" works n1p2 block
ktap_fault "a path for a VMM in a device cgroup" loop_works
ktap_fault "a lent queue for a VMM in namespaces of its own" works n1p2 2Q_V1 unshare --user --mount --net --pid --fork
ktap_fault "an operator who may not open a partition" operator_is_asked 2Q_V1 n1p2
ktap_fault "an operator who may not open a disk" operator_is_asked block n1
ktap_test "unload" host_unload
ktap_done
