#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Four devices whose pollers never sleep do not keep the host from anything that waits for each of its
# tasks or processors: tracing, static keys, modules, live patches, processors that go and come. Nothing of
# that ends as long as one thread is in its way, so the limit is far from what it takes; that is printed.
#
# citizen.sh isolated: in a host whose second processor is isolated (isolcpus=1 nohz_full=1).

. selftests/lib/ktap.sh
. selftests/lib/host.sh

LIMIT=90	# seconds
TRACE=/sys/kernel/tracing
PATCH=/sys/kernel/livepatch/patched
CPU=/sys/devices/system/cpu/cpu1
CGROUP=/sys/fs/cgroup/citizen
DEVICES=()
CLIENTS=()
INPUTS=()

# A device of its own poller, or of the pool's, never idle, with a VMM that does one command after the other.
busy_device()
{
	mdev_create 1Q_V1 && mdev_add "$1" && echo 0 > "$DEV/settings/idle_ms" &&
		echo "$2" > "$DEV/settings/iothread_cpu" && client_start "citizen${#CLIENTS[@]}" unlimited || return
	DEVICES+=("$MDEV")
	CLIENTS+=("$CLIENT")
	INPUTS+=("$CLIENT_INPUT")
}

# Nobody comes to an isolated processor but who is sent there.
isolated()
{
	grep -q isolcpus=1 /proc/cmdline && [ "$(poller_cpus 2)" = 0 ] && [ "$(poller_cpus 3)" = 0 ] &&
		[ "$(poller_cpus 0)" = 0 ] && [ "$(poller_cpus 1)" = 1 ]
}

# While it is away, its poller is nobody's guest either.
isolated_away()
{
	local cpus

	echo 0 > "$CPU/online" && cpus=$(poller_cpus 1)
	echo 1 > "$CPU/online"
	echo "$cpus"
	[ "$cpus" = 0 ]
}

busy()
{
	busy_device n1p1 0 && busy_device n1p2 1 && busy_device n1p3 -1 && busy_device null:1G -1
}

# The VMMs end, and with them what keeps their devices busy.
idle()
{
	local i rc=0

	# the last one first: it has the others' pipes, too
	for ((i = ${#CLIENTS[@]} - 1; i >= 0; i--)); do
		CLIENT=${CLIENTS[i]} CLIENT_INPUT=${INPUTS[i]}
		client_stop "citizen$i" || rc=1
	done
	CLIENTS=()
	INPUTS=()
	return "$rc"
}

# in_time COMMAND...: it ends within its limit; if it does not it may when nothing is busy any more
in_time()
{
	local start=${EPOCHREALTIME/[.,]/} end=$((SECONDS + LIMIT)) fd

	(
		# the clients are to notice when this shell lets go of their input
		for fd in "${INPUTS[@]}"; do
			exec {fd}>&-
		done
		"$@"
	) &
	while [ "$SECONDS" -lt "$end" ]; do
		if ! kill -0 $! 2>/dev/null; then
			wait $! || return
			echo "$(((${EPOCHREALTIME/[.,]/} - start) / 1000)) ms"
			return
		fi
		sleep 0.1
	done
	echo "no end of it after $LIMIT s"
	idle
	wait $!
	return 1
}

# Of one function, so that the emulated host does not trace what it traces with.
tracer()
{
	local dir=$TRACE/instances/citizen

	mkdir "$dir" && echo vfs_read > "$dir/set_ftrace_filter" && echo function > "$dir/current_tracer" &&
		echo nop > "$dir/current_tracer" && rmdir "$dir"
}

kprobe()
{
	echo 'p:citizen vfs_read' > "$TRACE/kprobe_events" && echo 1 > "$TRACE/events/kprobes/citizen/enable" &&
		echo 0 > "$TRACE/events/kprobes/citizen/enable" && echo > "$TRACE/kprobe_events"
}

static_key()
{
	echo 1 > "$TRACE/events/sched/sched_switch/enable" && echo 0 > "$TRACE/events/sched/sched_switch/enable"
}

module()
{
	modprobe dummy numdummies=0 && rmmod dummy
}

# The kernel looks at its tasks once a second until each has gone over.
live_patch()
{
	insmod "/repo/build/$KVER/selftests/extq/patched.ko" || return
	host_wait "$LIMIT" grep -qx 0 "$PATCH/transition" && grep -qx patched /proc/cmdline || return
	echo 0 > "$PATCH/enabled" && host_wait "$LIMIT" test ! -e "$PATCH" && ! grep -qx patched /proc/cmdline &&
		rmmod patched
}

processor()
{
	echo 0 > "$CPU/online" && echo 1 > "$CPU/online"
}

# Where the poller of the device's lane runs, and where it may
poller_cpus()
{
	local pid

	pid=$(cut -d' ' -f3 "$MDEVS/${DEVICES[$1]}/state/pollers") &&
		sed -n 's/^Cpus_allowed_list:\t//p' "/proc/$pid/status"
}

poller_is_on()
{
	[ "$(poller_cpus "$1")" = "$2" ]
}

# A processor that a cpuset takes for itself is the operator's choice in iothread_cpu all the same.
cpuset_takes()
{
	mountpoint -q /sys/fs/cgroup || mount -t cgroup2 cgroup2 /sys/fs/cgroup
	echo +cpuset > /sys/fs/cgroup/cgroup.subtree_control && mkdir -p "$CGROUP" &&
		echo 1 > "$CGROUP/cpuset.cpus" && echo root > "$CGROUP/cpuset.cpus.partition" || return
	cat "$CGROUP/cpuset.cpus.partition"
	host_wait 10 poller_is_on 1 1
	set -- $?
	rmdir "$CGROUP"
	return "$1"
}

# ran PID...: nanoseconds of processor time of threads
ran()
{
	local pid ns sum=0

	for pid in "$@"; do
		read -r ns _ < "/proc/$pid/schedstat"
		sum=$((sum + ns))
	done
	echo "$sum"
}

# device_ran COUNTER: nanoseconds that the devices say their pollers ran for them
device_ran()
{
	local sum=0

	for mdev in "${DEVICES[@]}"; do
		mdev_use "$mdev"
		sum=$((sum + $(counter "$1")))
	done
	echo "$sum"
}

# What the devices say is what their pollers have used, as seen before and after, to an eighth.
accounted()
{
	local pids device least most

	mapfile -t pids < <(cut -d' ' -f3 "$MDEVS"/*/state/pollers | sort -u)
	most=$(ran "${pids[@]}") device=$(device_ran poller_ns) least=$(ran "${pids[@]}")
	sleep 3
	least=$(($(ran "${pids[@]}") - least))
	device=$(($(device_ran poller_ns) - device))
	most=$(($(ran "${pids[@]}") - most))
	echo "${#pids[@]} pollers ran for $((least / 1000000)) to $((most / 1000000)) ms, $((device / 1000000)) for the devices"
	echo "$(($(device_ran poller_idle_ns) / 1000000)) ms in vain of $(($(device_ran poller_ns) / 1000000)) since the beginning"
	[ "$least" -gt 100000000 ] && [ $((device * 8)) -gt $((least * 7)) ] && [ $((device * 8)) -lt $((most * 9)) ]
}

ktap_begin
ktap_test "load" host_load 4 || ktap_done
ktap_test "partitions" drive_split /dev/nvme0n1
mountpoint -q $TRACE || mount -t tracefs tracefs $TRACE
ktap_test "four busy devices" busy || ktap_done
if [ "${1:-}" = isolated ]; then
	ktap_test "pollers of the pool are on no isolated processor" isolated
	ktap_test "nor is one whose processor is away" isolated_away
	ktap_test "its poller is back" host_wait 10 poller_is_on 1 1
fi
with $TRACE/available_tracers "the function tracer, on and off" in_time tracer
if [ "${1:-}" != isolated ]; then
	with $TRACE/kprobe_events "a kprobe, set and taken away" in_time kprobe
	with $TRACE/events/sched "a static key, on and off" in_time static_key
	ktap_fault "a module comes and goes" in_time module
fi
with /sys/kernel/livepatch "a live patch comes and goes" in_time live_patch
if [ "${1:-}" != isolated ]; then
	ktap_fault "a processor goes and comes" in_time processor
	ktap_test "its poller is back" host_wait 10 poller_is_on 1 1
fi
ktap_test "a cpuset takes a processor that a poller is for" cpuset_takes
ktap_test "who uses processor time is seen" accounted
ktap_test "the devices went on" idle
ktap_test "unload" host_unload
ktap_done
