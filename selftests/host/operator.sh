#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# An operator who is early, late or wrong, while a VMM writes (selftests/vfio/powercut.c): each command
# ends soon, with a clear result, and nothing that was acknowledged is lost.
#
# What is refused without load is in sysfs.sh, removal of idle devices and drives in lifecycle.sh, controller
# resets in reset.sh and powercut.sh.
#
# Checklist: 29, 122, 126

. selftests/lib/ktap.sh
. selftests/lib/host.sh

PART=/dev/nvme0n1p2
JOURNAL=/dev/shm/journal
SOON=40	# seconds that a command may take: this machine is slow
WRITES=60	# by each of four shells
DEVICES=20	# made and removed by each of two
CPU1=/sys/devices/system/cpu/cpu1/online
CGROUP=/sys/fs/cgroup/vmm
QUEUES=/sys/module/nvme/parameters/mdev_queues

prepare()
{
	# the tests after this one have both CPUs, however it ends
	trap '[ ! -e "$CPU1" ] || echo 1 > "$CPU1"' EXIT
	cgroup_make cpuset cpu || echo "no cgroups"
	host_load 4 && drive_split /dev/nvme0n1 && device
}

device()
{
	mdev_create 2Q_V1 && mdev_add n1p2
}

more_than()
{
	[ "$(counter writes)" -gt "$1" ]
}

# writer NAME: a VMM with writes in flight; WRITER is its process
writer()
{
	rm -f "$JOURNAL"
	NVME_MDEV_UUID=$MDEV build/selftests/powercut write "$JOURNAL" "$RANDOM" > "$RESULTS/$1.writer" 2>&1 &
	WRITER=$!
	host_wait 30 more_than 200
}

# goes_on: writes are answered
goes_on()
{
	kill -0 "$WRITER" && host_wait 30 more_than "$(($(counter writes) + 50))"
}

# writer_ended STATUS
writer_ended()
{
	local rc

	wait "$WRITER"
	rc=$?
	[ "$rc" = "$1" ] || { echo "the writer ended with $rc, not $1"; cat "$RESULTS"/*.writer; return 1; }
}

nothing_lost()
{
	build/selftests/powercut check "$JOURNAL" "$PART" > "$RESULTS/check"
	tail -n 1 "$RESULTS/check"
	grep -q ' [1-9][0-9]* cells checked .* 0 lost' "$RESULTS/check"
}

# soon COMMAND...: it ends within its time; its exit status
soon()
{
	local rc

	timeout "$SOON" "$@"
	rc=$?
	[ "$rc" != 124 ] || echo "no end of $*"
	return "$rc"
}

# A module in use stays: each that is asked for says so.
rmmod_refused()
{
	local module

	writer rmmod || return
	for module in nvme_mdev nvme; do
		if soon rmmod "$module" 2> "$RESULTS/rmmod"; then
			echo "$module went"
			return 1
		fi
		cat "$RESULTS/rmmod"
		grep -q 'in use' "$RESULTS/rmmod" || return
	done
	goes_on && kill "$WRITER" && writer_ended 0 && nothing_lost
}

# The VMM is asked, stops writing, closes; then the device goes.
removed_on_request()
{
	writer removed || return
	soon sh -c "echo 1 > $DEV/remove" && writer_ended 0 && [ ! -e "$DEV" ] && nothing_lost && device
}

# A VMM that does not listen is waited for, and the log says so once; its end is the removal's.
removed_in_vain()
{
	local remove lines

	client_start deaf unlimited || return
	dmesg -C
	sh -c "echo 1 > $DEV/remove" &
	remove=$!
	sleep 12
	kill -0 "$remove" && kill -0 "$CLIENT" || { echo "the removal did not wait"; return 1; }
	lines=$(dmesg | grep -c 'removal waits for the VMM')
	dmesg
	[ "$lines" = 1 ] || { echo "$lines lines in the log"; return 1; }
	# a second removal meanwhile is refused, or waits, too
	soon sh -c "echo 1 > $DEV/remove" 2>/dev/null
	kill -KILL "$CLIENT"
	wait "$CLIENT" 2>/dev/null
	host_wait "$SOON" test ! -e "$DEV" && wait "$remove" && device
}

# The drive's driver is unbound, bound again: asked like before.
unbound_on_request()
{
	writer unbound || return
	soon sh -c "echo $DRIVE > /sys/bus/pci/drivers/nvme/unbind" && writer_ended 0 && [ ! -e "$DEV" ] &&
		echo "$DRIVE" > /sys/bus/pci/drivers/nvme/bind && host_wait 30 test -b "$PART" &&
		nothing_lost && device
}

# The guest has errors from then on, the host has its partition back, with what was acknowledged in it.
namespace_removed()
{
	writer namespace || return
	soon sh -c "echo 1 > $DEV/namespaces/remove_namespace" && [ -z "$(cat "$DEV/namespaces/namespaces")" ] || return
	sleep 0.5
	nothing_lost && mdev_add n1p2 && kill "$WRITER" && writer_ended 1 &&
		grep -q 'status 0x' "$RESULTS/namespace.writer"
}

# Another namespace comes and goes beside the one that is written to.
namespaces_come_and_go()
{
	local i

	writer other || return
	for ((i = 0; i < 30; i++)); do
		mdev_add null:64M && mdev_add n1p3 && echo 3 > "$DEV/namespaces/remove_namespace" &&
			echo 2 > "$DEV/namespaces/remove_namespace" || return
	done
	FAULTS=$((2 * i))
	goes_on && kill "$WRITER" && writer_ended 0 && nothing_lost
}

# shell_of NUMBER: what one of several shells does at once; what it writes may be refused, never hang
shell_of()
{
	local i file value

	for ((i = 0; i < WRITES; i++)); do
		read -r file value <<< "$(shuf -n 1 <<-EOF
			settings/idle_ms $((RANDOM % 20))
			settings/mode adaptive
			settings/mode poll
			settings/iothread_cpu $((RANDOM % 2))
			settings/iothread_cpu -1
			settings/iothread_cpu 0-1
			settings/pinned_limit 16M
			settings/pinned_limit 0
			settings/pinned_idle_ms 10
			settings/pinned_idle_ms 30000
			settings/shadow_doorbell 0
			settings/serial other
			namespaces/add_namespace null:1M
			namespaces/add_namespace n1p3
			namespaces/add_namespace n1p2
			namespaces/remove_namespace $((2 + RANDOM % 4))
			namespaces/remove_namespace 99
		EOF
		)"
		echo "$value" > "$DEV/$file"
		cat "$DEV"/state/* "$DEV"/namespaces/namespaces > /dev/null
	done 2>/dev/null
	echo "shell $1 is through" >> "$RESULTS/shells"
}

shells_at_once()
{
	local i shells=()

	: > "$RESULTS/shells"
	writer shells || return
	for i in 1 2 3 4; do
		shell_of "$i" &
		shells+=($!)
	done
	wait "${shells[@]}"
	cat "$RESULTS/shells"
	FAULTS=$((${#shells[@]} * WRITES))
	[ "$(wc -l < "$RESULTS/shells")" = 4 ] && goes_on && kill "$WRITER" && writer_ended 0 &&
		nothing_lost && head -n 1 "$DEV/namespaces/namespaces" | grep -q '^1 n1p2 '
}

# Devices are made and removed beside one that is in use, from two shells at once.
devices_come_and_go()
{
	local one two

	writer devices || return
	churn & one=$!
	churn & two=$!
	FAULTS=$((2 * DEVICES))
	wait "$one" && wait "$two" && goes_on && ended_well
}

churn()
{
	local i uuid

	for ((i = 0; i < DEVICES; i++)); do
		uuid=$(uuidgen)
		echo "$uuid" > "$(mdev_type 1Q_V1)/create" && mdev_add null:1M "$uuid" && mdev_remove "$uuid" || return
	done
}

# ended_well: the writer is told to end, has had no error, and all it was told is there
ended_well()
{
	kill "$WRITER" && writer_ended 0 && nothing_lost
}

# poller: the thread that serves the device's first queue pair
poller()
{
	awk 'NR == 1 { print $3 }' "$DEV/state/pollers"
}

# may_run_on CPUS PID: these and no others
may_run_on()
{
	local cpus

	cpus=$(taskset -pc "$2")
	[ "${cpus##* }" = "$1" ] || { echo "$cpus, not $1"; return 1; }
}

# lines_of_ours COUNT: since dmesg -C
lines_of_ours()
{
	dmesg
	[ "$(dmesg | grep -c 'nvme')" = "$1" ]
}

# cpu1 0|1: offline, online
cpu1()
{
	soon sh -c "echo $1 > $CPU1"
}

# Its poller runs on, elsewhere, and is there again with the CPU. The setting stays; one line says so.
cpu_goes_and_comes()
{
	local i pid

	echo 1 > "$DEV/settings/iothread_cpu" && writer cpu || return
	pid=$(poller)
	may_run_on 1 "$pid" || return
	for ((i = 0; i < 3; i++)); do
		dmesg -C
		cpu1 0 && goes_on && lines_of_ours 1 && [ "$(poller)" = "$pid" ] &&
			[ "$(cat "$DEV/settings/iothread_cpu")" = 1 ] || return
		cpu1 1 && goes_on && lines_of_ours 1 && may_run_on 1 "$pid" || return
	done
	FAULTS=$i
	ended_well
}

# While it is offline, it cannot be chosen. Who has chosen it before is served, and goes there later.
cpu_is_away()
{
	echo 1 > "$DEV/settings/iothread_cpu" && cpu1 0 && refused EINVAL "$DEV/settings/iothread_cpu" 1 && refused EINVAL "$DEV/settings/iothread_cpu" 0-1 ||
		return
	dmesg -C
	writer away && goes_on && lines_of_ours 1 && cpu1 1 && goes_on && may_run_on 1 "$(poller)" && ended_well
}

# Where a poller runs is said by iothread_cpu alone.
poller_cannot_be_moved()
{
	local pid where

	echo 1 > "$DEV/settings/iothread_cpu" && writer poller || return
	pid=$(poller)
	! taskset -pc 0 "$pid" && ! written "$CGROUP/cgroup.procs" "$pid" | grep -x OK && may_run_on 1 "$pid" || return
	echo -1 > "$DEV/settings/iothread_cpu"
	pid=$(poller)
	where=$(taskset -pc "$pid")
	! taskset -pc 0 "$pid" && may_run_on "${where##* }" "$pid" && goes_on && ended_well
}

# cgroup_make CONTROLLER...: one at CGROUP for the VMM
cgroup_make()
{
	local controller

	mountpoint -q /sys/fs/cgroup || mount -t cgroup2 none /sys/fs/cgroup || return
	for controller; do
		echo "+$controller" > /sys/fs/cgroup/cgroup.subtree_control || return
	done
	mkdir -p "$CGROUP"
}

# in_cgroup FILE VALUE: and the VMM's writes are answered
in_cgroup()
{
	soon sh -c "echo $2 > $CGROUP/$1" && goes_on
}

# Affinity, cpuset, a share of a CPU: the VMM is slower, and nothing else.
vmm_is_moved()
{
	local cpus

	writer moved || return
	for cpus in 0 1 0-1; do
		soon taskset -apc "$cpus" "$WRITER" && goes_on || return
	done
	echo 0 > "$CGROUP/cpuset.cpus" && in_cgroup cgroup.procs "$WRITER" && in_cgroup cpuset.cpus 1 &&
		in_cgroup cpuset.cpus 0-1 && in_cgroup cpu.max '5000 50000' && in_cgroup cpu.max max || return
	soon sh -c "echo $WRITER > /sys/fs/cgroup/cgroup.procs" && goes_on && ended_well
}

# A VMM that is frozen answers nobody; the operator's commands do not wait for it.
vmm_is_frozen()
{
	local rc

	writer frozen && in_cgroup cgroup.procs "$WRITER" && echo 1 > "$CGROUP/cgroup.freeze" &&
		host_wait 10 grep -qx "frozen 1" "$CGROUP/cgroup.events" || return
	soon sh -c "echo 1 > $DEV/settings/iothread_cpu && echo 5 > $DEV/settings/idle_ms && sleep 0.2 &&
		cat $DEV/state/* && echo null:1M > $DEV/namespaces/add_namespace &&
		echo 2 > $DEV/namespaces/remove_namespace && echo 500 > $DEV/settings/idle_ms" > /dev/null
	rc=$?
	echo 0 > "$CGROUP/cgroup.freeze"
	[ "$rc" = 0 ] && goes_on && echo "$WRITER" > /sys/fs/cgroup/cgroup.procs && ended_well
}

# What a drive lends is settled when it is bound: the one in use goes on with it, another has the new number.
lending_changes()
{
	local other free value old rc

	old=$(cat "$QUEUES")
	free=$(mdev_free 1Q_V1)
	other=$(drive_address nvme1)
	writer lending || return
	for value in 0 1 1000 64 2; do
		soon sh -c "echo $value > $QUEUES" && goes_on || return
	done
	[ "$(mdev_free 1Q_V1)" = "$free" ] && written "$(mdev_type 4Q_V1)/create" "$(uuidgen)" | grep -x ENOSPC || return
	soon sh -c "echo $other > /sys/bus/pci/drivers/nvme/unbind" &&
		soon sh -c "echo $other > /sys/bus/pci/drivers/nvme/bind" && host_wait 30 test -b /dev/nvme1n1
	rc=$?
	echo "$old" > "$QUEUES"
	[ "$rc" = 0 ] && [ "$(DRIVE=$other mdev_free 1Q_V1)" = 2 ] && goes_on && ended_well
}

ktap_begin
ktap_test "prepare" prepare || ktap_done
ktap_fault "rmmod of modules in use is refused" rmmod_refused
ktap_fault "a device removed under load: the VMM is asked, and goes" removed_on_request
ktap_fault "a device removed under a VMM that does not listen" removed_in_vain
ktap_fault "the drive unbound under load: the VMM is asked, and goes" unbound_on_request
ktap_fault "the namespace removed under load" namespace_removed
ktap_fault "other namespaces come and go under load" namespaces_come_and_go
ktap_fault "four shells write settings and namespaces at once, under load" shells_at_once
ktap_fault "two shells make and remove devices at once, under load" devices_come_and_go
with "$CPU1" "the CPU of a poller goes and comes under load" cpu_goes_and_comes
with "$CPU1" "a CPU that is offline" cpu_is_away
ktap_fault "a poller is moved by nobody but iothread_cpu" poller_cannot_be_moved
with "$CGROUP/cpuset.cpus" "the VMM is moved under load" vmm_is_moved
with "$CGROUP/cgroup.freeze" "the VMM is frozen under load" vmm_is_frozen
ktap_fault "lending changes under load" lending_changes
ktap_test "the device goes" mdev_remove
ktap_test "the modules go" host_unload
ktap_done
