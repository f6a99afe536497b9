#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Nothing acknowledged is lost: selftests/vfio/powercut.c is killed at random moments, and writes on while
# the drive's controller is reset; the host then looks for what it was told had been written.
#
# Checklist: 28, 118, 125

. selftests/lib/ktap.sh
. selftests/lib/host.sh

PART=/dev/nvme0n1p2
JOURNAL=/dev/shm/journal
KILLS=${KILLS:-8}
RESETS=${RESETS:-4}

prepare()
{
	rm -f "$JOURNAL"
	host_load 4 && drive_split /dev/nvme0n1 && mdev_create 2Q_V1 && mdev_add n1p2
}

# writer NAME: start one; WRITER is its process
writer()
{
	NVME_MDEV_UUID=$MDEV build/selftests/powercut write "$JOURNAL" "$RANDOM" > "$RESULTS/$1.writer" 2>&1 &
	WRITER=$!
}

# writer_end SIGNAL STATUS: it ends by the signal, with this exit status
writer_end()
{
	local rc

	kill "-$1" "$WRITER" || { cat "$RESULTS"/*.writer; return 1; }
	wait "$WRITER" 2>/dev/null
	rc=$?
	[ "$rc" = "$2" ] || { echo "exit status $rc, not $2"; cat "$RESULTS"/*.writer; return 1; }
}

check()
{
	build/selftests/powercut check "$JOURNAL" "$PART" > "$RESULTS/check"
	local rc=$?

	head -n 20 "$RESULTS/check"
	return "$rc"
}

# What comes between: milliseconds, up to MAX
nap()
{
	sleep "$(printf '0.%03d' $((RANDOM % $1)))"
}

killed()
{
	local i

	for ((i = 0; i < KILLS; i++)); do
		writer killed
		sleep $((i % 2))
		nap 1000
		writer_end KILL 137 && all_given_back || return
	done
	check && echo "measured: SIGKILL of a writer: $KILLS"
}

reset_controller()
{
	echo 1 > /sys/class/nvme/nvme0/reset_controller
}

writes()
{
	sed -n 's/^writes //p' "$DEV/state/counters"
}

more_than()
{
	[ "$(writes)" -gt "$1" ]
}

reset_while_writing()
{
	local i

	writer resets
	host_wait 30 more_than 500 || return
	for ((i = 0; i < RESETS; i++)); do
		reset_controller && host_wait 30 grep -q live /sys/class/nvme/nvme0/state &&
			host_wait 30 more_than "$(($(writes) + 50))" || return
		nap 500
	done
	writer_end TERM 0 && all_given_back && check && echo "measured: controller resets under a writer: $RESETS"
}

# Killed while the queues are away, or just back
killed_while_reset()
{
	local i

	for ((i = 0; i < RESETS; i++)); do
		writer both
		host_wait 30 more_than 100 || return
		reset_controller &
		nap 600
		writer_end KILL 137 || return
		wait "$!" && host_wait 30 grep -q live /sys/class/nvme/nvme0/state && all_given_back || return
	done
	check && echo "measured: SIGKILL of a writer within a controller reset: $RESETS" &&
		sed -nE 's/^powercut: ([0-9]+) writes and ([0-9]+) flushes acknowledged, ([0-9]+) .* ([0-9]+) lost.*/\
measured: writes acknowledged: \1\nmeasured: flushes acknowledged: \2\nmeasured: newest writes looked for on the host: \3\
measured: acknowledged writes lost: \4/p' "$RESULTS/check" | grep .
}

# in_flight N: at least, on the drive
in_flight()
{
	[ "$(awk '{ print $9 }' "$DEV/state/stat")" -ge "$1" ]
}

# reset_goes_on: the controller is reset, and then as many writes are answered as are in flight at most, and more
reset_goes_on()
{
	reset_controller && host_wait 60 grep -q live /sys/class/nvme/nvme0/state &&
		host_wait 60 more_than "$(($(writes) + 100))"
}

# The drive is slow: writes are in flight at the reset. It carries them out, and says that they were aborted: that is
# not the guest's.
reset_slow()
{
	local i

	writer slow
	host_wait 30 more_than 200 || return
	machine slow 0 0.03
	for ((i = 0; i < 3; i++)); do
		host_wait 60 in_flight 40 && reset_goes_on || return
	done
	machine slow 0 0
	writer_end TERM 0 && all_given_back && check && echo "measured: controller resets with writes in flight: $i"
}

# The drive may not read memory: writes are in its ring at the reset, and none of them is carried out. One that was
# dropped, and answered as if it had not, would be missing.
reset_unfetched()
{
	local i

	writer unfetched
	for ((i = 0; i < 4; i++)); do
		host_wait 30 more_than "$(($(writes) + 100))" && setpci -s "$DRIVE" COMMAND=0:4 &&
			host_wait 30 nothing_answered && host_wait 30 in_flight 40 && reset_goes_on || return
	done
	writer_end TERM 0 && all_given_back && check && echo "measured: controller resets with writes not fetched: $i"
}

nothing_answered()
{
	local before

	before=$(writes)
	sleep 0.5
	[ "$(writes)" = "$before" ]
}

# The control: of a block that the host overwrites, the check says so.
control()
{
	local rc

	dd if="$PART" of=/tmp/block bs=512 skip=3 count=1 iflag=direct status=none &&
		dd if=/dev/zero of="$PART" bs=512 seek=3 count=1 oflag=direct status=none || return
	check
	rc=$?
	dd if=/tmp/block of="$PART" bs=512 seek=3 oflag=direct status=none
	[ "$rc" = 1 ] && grep 'cell 0 is lost' "$RESULTS/check" && check
}

fused_pairs()
{
	local fused i rc

	NVME_MDEV_UUID=$MDEV build/selftests/powercut fused 3000 > "$RESULTS/fused" 2>&1 &
	fused=$!
	host_wait 30 grep -q fused "$RESULTS/fused"
	for ((i = 0; i < 3; i++)); do
		sleep 0.5
		reset_controller || return
	done
	wait "$fused"
	rc=$?
	cat "$RESULTS/fused"
	echo "measured: fused pairs refused: 3000"
	[ "$rc" = 0 ] && cmp -n 4096 <(tr '\0' '\21' < /dev/zero | head -c 4096) \
		<(dd if="$PART" bs=4096 skip=65536 count=1 iflag=direct status=none)
}

ktap_begin
ktap_test "prepare" prepare || ktap_done
ktap_test "killed again and again" killed
ktap_test "the controller is reset again and again" reset_while_writing
ktap_test "killed during resets" killed_while_reset
ktap_test "the controller is reset with writes in flight" reset_slow
ktap_test "the controller is reset with writes that it has not fetched" reset_unfetched
ktap_test "a lost write would have been seen" control
ktap_test "fused pairs are refused and nothing of them is done" fused_pairs
ktap_test "the device goes" mdev_remove
ktap_test "the modules go" host_unload
ktap_done
