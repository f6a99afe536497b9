#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What guests do, and what is done to them, under load: a kernel starts another or its crash kernel, the guest is
# suspended, reset, stopped, its disk is pulled and plugged again, its processors go and come. Each finds what had been
# acknowledged, and verifies what it writes.

. selftests/lib/ktap.sh
. selftests/lib/host.sh
. selftests/lib/guest.sh

REBOOTS=${REBOOTS:-20}

prepare()
{
	host_load 4 && drive_split /dev/nvme0n1 && mdev_create 4Q_V1 && mdev_add n1p2 &&
		# what these guests are told to do is no fault of theirs
		echo "sysrq triggered crash" > "$RESULTS/expected"
}

# ends NAME [LIMIT]: the guest passes, and its device is closed and keeps nothing
ends()
{
	guest_finish "$@" && all_given_back
}

kexec()
{
	guest_start kexec "$(mdev_qemu)" kexec,now && guest_expect kexec "kexec: now" && ends kexec
}

crash()
{
	guest_start crash "$(mdev_qemu) -m 768M" crashkernel=256M kexec,panic &&
		guest_expect crash "kexec: panic" && ends crash
}

# status NAME STATE: of the guest, in QEMU's words
status()
{
	guest_ask "$1" query-status | grep -q "\"status\": \"$2\""
}

# Debian's SeaBIOS gives q35 its power management back after one sleep only in part: the next does not begin.
suspend()
{
	local i

	guest_start suspend "$(mdev_qemu) -M pc -global PIIX4_PM.disable_s3=0" suspend,3 || return
	for i in 1 2 3; do
		guest_expect suspend "suspend: $i\$" && host_wait 60 status suspend suspended && sleep 2 &&
			! guest_said suspend "suspend: back $i\$" && guest_ask suspend system_wakeup --until WAKEUP &&
			guest_expect suspend "suspend: back $i\$" || return
	done
	FAULTS=3
	ends suspend
}

reboots()
{
	local i

	dd if=/dev/zero of=/dev/nvme0n1p2 bs=1M seek=8 count=1 oflag=direct status=none
	guest_start reboots "$(mdev_qemu)" "reboots,$REBOOTS" && sleep 1 &&
		guest_ask reboots set-action reboot=reset || return
	for ((i = 1; i <= REBOOTS; i++)); do
		guest_expect reboots "reboots: $i\$" && guest_ask reboots system_reset || return
	done
	FAULTS=$REBOOTS
	ends reboots
}

plug()
{
	local i

	guest_start plug "pcie-root-port,id=root0 -device $(mdev_qemu),id=disk,bus=root0" plug,3 || return
	for i in 1 2 3; do
		guest_expect plug "plug: $i\$" && guest_ask plug device_del id=disk --until DEVICE_DELETED &&
			guest_expect plug "plug: gone $i\$" && host_wait 10 all_given_back &&
			guest_ask plug device_add driver=vfio-pci "sysfsdev=$DEV" id=disk bus=root0 || return
	done
	FAULTS=3
	ends plug
}

# Its memory is there, its processors stand still, and so do its queues after a moment.
stop()
{
	local i before

	guest_start stop "$(mdev_qemu)" load,45 && guest_expect stop "load: running" || return
	for i in 1 2 3 4 5; do
		guest_ask stop stop && status stop paused && sleep 2 && before=$(counter writes) && sleep 2 &&
			[ "$(counter writes)" = "$before" ] && guest_ask stop cont &&
			host_wait 30 more_than "$before" || return
	done
	FAULTS=5
	ends stop
}

more_than()
{
	[ "$(counter writes)" -gt "$1" ]
}

cpus()
{
	guest_start cpus "$(mdev_qemu) -smp 4,maxcpus=5" cpus,3 && guest_expect cpus "cpus: went and came" &&
		guest_ask cpus device_add driver=host-x86_64-cpu id=new socket-id=0 core-id=4 thread-id=0 &&
		guest_expect cpus "cpus: 5" && ends cpus
}

# life NAME GUEST: one of the above, which is as its guest is called; none is left
life()
{
	local rc=0

	ktap_fault "$1" "$2" || rc=1
	[ "$rc" = 0 ] || { guest_kill "$2"; host_wait 20 all_given_back; }
	return "$rc"
}

ktap_begin
ktap_test "prepare" prepare || ktap_done
life "processors of a guest go and come, and one is added" cpus
life "a guest is stopped and goes on" stop
life "a guest's disk is pulled and plugged again" plug
life "a guest is suspended to RAM" suspend
life "a guest's kernel starts another one" kexec
life "a guest's crash kernel writes" crash
life "a guest is reset" reboots
ktap_test "the device goes" mdev_remove
ktap_test "the modules go" host_unload
ktap_done
