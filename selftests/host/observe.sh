#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What can be seen of a device from outside: tracepoints that join a guest's command with the drive's,
# stat and the host's diskstats that count what was done, debugfs beside I/O, opening and removal.

. selftests/lib/ktap.sh
. selftests/lib/host.sh

TRACE=/sys/kernel/tracing
DEBUG=/sys/kernel/debug/nvme-mdev
HOLD=build/selftests/hold
BLOCKS=16	# of 512 bytes: what selftests/vfio/hold.c moves with one command

prepare()
{
	mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug || return
	mountpoint -q "$TRACE" || mount -t tracefs none "$TRACE" || return
	host_load 4 && drive_split /dev/nvme0n1 && mdev_create 2Q_V1 && mdev_add n1p2
}

# hold_run KIND N: a client opens the device, does N commands, closes it
hold_run()
{
	NVME_MDEV_UUID=$MDEV "$HOLD" "$@" < /dev/null
}

# hold_start KIND N: a client that has the device open until hold_stop, N commands done
hold_start()
{
	local out=$RESULTS/observe.client

	: > "$out"
	exec {HOLD_INPUT}> >(NVME_MDEV_UUID=$MDEV "$HOLD" "$@" > "$out" 2>&1)
	HOLDER=$!
	host_wait 30 grep -q 'hold: done' "$out" && return
	cat "$out"
	return 1
}

hold_stop()
{
	exec {HOLD_INPUT}>&-
	wait "$HOLDER"
}

# trace_of COMMAND...: what the events of nvme-mdev and nvme say while COMMAND runs, in $RESULTS/observe.trace
trace_of()
{
	local rc event

	# the buffer of a processor that was offline is as small as can be
	echo 2048 > "$TRACE/buffer_size_kb" || return
	: > "$TRACE/trace"
	for event in nvme_mdev nvme; do
		echo 1 > "$TRACE/events/$event/enable" || return
	done
	"$@"
	rc=$?
	for event in nvme_mdev nvme; do
		echo 0 > "$TRACE/events/$event/enable"
	done
	cat "$TRACE/trace" > "$RESULTS/observe.trace"
	return "$rc"
}

read_and_sleep()
{
	hold_start read 1 || return
	grep -E '^ *1 ' "$DEBUG/$MDEV/lanes" || return
	host_wait 20 grep -q "nvme_mdev_sleep: ${MDEV%%-*}" "$TRACE/trace"
	hold_stop && dd if=/dev/nvme0n1p2 of=/dev/null bs=8192 count=1 iflag=direct
}

# The one Read, from the guest's doorbell to its completion, and the host's own Read of the same blocks.
joined()
{
	trace_of read_and_sleep || return
	python3 - "$RESULTS/observe.trace" "${MDEV%%-*}" "$(cat /sys/class/block/nvme0n1p2/start)" <<-'END'
	import re, sys
	path, dev, start = sys.argv[1], sys.argv[2], int(sys.argv[3])
	events = re.findall(r"(\d+\.\d+): (\w+): (.*)", open(path).read())
	names = [name for _, name, _ in events]

	def fields(text):
	    return {key: value for key, value in re.findall(r"(\w+)=([^\s,()]+)", text)}

	def expect(what, got):
	    if not got:
	        sys.exit(f"not in the trace: {what}")
	    return got

	def after(at, name, **wanted):
	    for i in range(at, len(events)):
	        have = fields(events[i][2])
	        if events[i][1] == name and all(have.get(key) == str(value) for key, value in wanted.items()):
	            return i
	    sys.exit(f"not in the trace, after line {at}: {name} {wanted}")

	command = r"%s: qid=1, cmdid=(\d+), nsid=1, cmd=\(nvme_cmd_read slba=0, len=15\), host=\(nvme0: " \
	          r"disk=nvme0n1, qid=(\d+), cmdid=(\d+), nsid=1, slba=(\d+)\)" % dev
	found = [(i, re.fullmatch(command, text)) for i, (_, name, text) in enumerate(events)
	         if name == "nvme_mdev_command"]
	expect("exactly one command", len(found) == 1)
	at, match = found[0]
	expect("the guest's Read", match)
	cid, host_qid, host_cid, host_slba = (int(n) for n in match.groups())
	expect(f"slba {start}, not {host_slba}", host_slba == start)
	lent = after(0, "nvme_setup_cmd", qid=0, sqid=host_qid)
	expect("the lent queue made before that", lent < at)

	doorbell = after(0, "nvme_mdev_doorbell", qid=1, head=0, tail=1)
	miss = after(doorbell, "nvme_mdev_miss", qid=1, cmdid=cid)
	pinned = after(miss, "nvme_mdev_pinned", qid=1, cmdid=cid, err=0)
	expect("the command after its memory was pinned", pinned < at)
	ring = after(at, "nvme_mdev_ring", qid=host_qid, submits=1)
	completion = after(ring, "nvme_mdev_completion", qid=1, cmdid=cid, status="0x0", cqid=1)
	after(completion, "nvme_mdev_sleep")
	own = after(completion, "nvme_setup_cmd", disk="nvme0n1", nsid=1, slba=host_slba, len=15)
	after(own, "nvme_complete_rq", disk="nvme0n1", status="0x0")
	for name in "admin", "exit", "interrupt", "park", "unpark", "wake", "reset":
	    expect(f"nvme_mdev_{name}", f"nvme_mdev_{name}" in names)
	states = [text for _, name, text in events if name == "nvme_mdev_reset"]
	expect("disabled -> ready", any("disabled -> ready" in text for text in states))
	expect("ready -> stopping", any("ready -> stopping" in text for text in states))
	print(f"guest qid 1 cmdid {cid} -> nvme0 qid {host_qid} cmdid {host_cid} slba {host_slba}")
	END
}

# The lent queue that the trace names is the one that the lane has.
lane_of_trace()
{
	local traced lane

	traced=$(sed -n 's/.*nvme_mdev_command:.*disk=nvme0n1, qid=\([0-9]*\),.*/\1/p' "$RESULTS/observe.trace")
	hold_start read 1 || return
	lane=$(awk '$1 == 1 { print $5 }' "$DEBUG/$MDEV/lanes")
	hold_stop
	echo "traced: queue $traced; lane 1: queue $lane"
	[ -n "$traced" ] && [ "$traced" = "$lane" ]
}

pairs_are_back()
{
	[ "$(cut -d ' ' -f 1 "$DEV/state/queue_pairs")" = 2 ]
}

# A drive's reset is seen with the queue pairs that went and came.
resets()
{
	local lines

	reset_under_it()
	{
		hold_start read 1 && echo 1 > /sys/class/nvme/nvme0/reset_controller
		host_wait 30 pairs_are_back
		hold_stop
	}
	trace_of reset_under_it || return
	lines=$(grep -cE 'nvme_mdev_(down|up): .*host=\(nvme0: qid=[1-9]' "$RESULTS/observe.trace")
	echo "$lines lines"
	[ "$lines" = 4 ]
}

# What a reset takes from the drive is done again, and is in flight once.
reset_under_load()
{
	local i rc
	local -a now

	client_start observe unlimited || return
	for i in 1 2 3; do
		echo 1 > /sys/class/nvme/nvme0/reset_controller
		sleep 1
	done
	read -ra now < "$DEV/state/stat"
	echo "beside it: ${now[*]}"
	((now[8] <= 1))
	rc=$?
	client_stop observe || rc=1
	read -ra now < "$DEV/state/stat"
	echo "after it: ${now[*]}"
	[ "${now[8]}" = 0 ] && return "$rc"
}

# stat_delta FILE COMMAND...: how much each column of a stat file has risen after COMMAND
stat_delta()
{
	local file=$1 before after i
	shift

	read -ra before < "$file"
	"$@" >&2 || return
	read -ra after < "$file"
	for ((i = 0; i < ${#after[@]}; i++)); do
		printf '%d ' $((after[i] - before[i]))
	done
	echo
}

some_of_each()
{
	hold_run read 100 && hold_run write 50 && hold_run zeroes 5 && hold_run discard 3 && hold_run flush 7
}

# counts DELTA: the columns for what some_of_each does; ticks may be anything
counts()
{
	local -a d
	local want got

	read -ra d <<< "$1"
	[ ${#d[@]} = 17 ] || return
	want="100 0 $((100 * BLOCKS)) 55 0 $((55 * BLOCKS)) 0 3 0 $((3 * BLOCKS)) 7"
	got="${d[*]:0:3} ${d[*]:4:3} ${d[8]} ${d[*]:11:3} ${d[15]}"
	echo "$1"
	echo "got  $got"
	echo "want $want"
	[ "$got" = "$want" ]
}

# Time is counted in ticks of a few ms: over many commands there is some, and not more than passed.
device_stat()
{
	local delta begin=$SECONDS limit
	local -a d

	delta=$(stat_delta "$DEV/state/stat" some_of_each) && counts "$delta" || return
	delta=$(stat_delta "$DEV/state/stat" hold_run read 2000) || return
	limit=$(((SECONDS - begin + 1) * 1000))
	read -ra d <<< "$delta"
	echo "$delta, at most $limit ms"
	# one command at a time: in flight as long as it takes, but for what a tick may be late
	[ "${d[0]}" = 2000 ] && ((d[3] > 0 && d[3] <= limit && d[9] > 0 && d[9] <= d[3] + 100 && d[10] == d[3]))
}

# of /sys/class/block/NAME: what is done to it is what the guest does
host_stat()
{
	local delta

	udevadm settle
	delta=$(stat_delta "/sys/class/block/$1/stat" some_of_each) && counts "$delta"
}

risen_to()
{
	local now

	read -ra now < /sys/class/block/nvme0n1p2/stat
	((now[6] == $1))
}

# Not only when the device is closed.
host_stat_live()
{
	local now rc

	read -ra now < /sys/class/block/nvme0n1p2/stat
	hold_start write 20 && host_wait 2 risen_to $((now[6] + 20 * BLOCKS))
	rc=$?
	hold_stop
	return "$rc"
}

iostats_off()
{
	local delta

	echo 0 > /sys/block/nvme0n1/queue/iostats || return
	delta=$(stat_delta /sys/class/block/nvme0n1p2/stat some_of_each)
	echo 1 > /sys/block/nvme0n1/queue/iostats
	echo "$delta"
	[[ $delta =~ ^(0 )+$ ]] || return
	# and none of it is told later
	delta=$(stat_delta /sys/class/block/nvme0n1p2/stat some_of_each) && counts "$delta"
}

# What was done to a null namespace is not told to the partition that gets its number.
null_is_no_disk()
{
	local first=$MDEV delta rc

	mdev_create 1Q_V1 && mdev_add null || return
	reuse()
	{
		some_of_each && echo 1 > "$DEV/namespaces/remove_namespace" && mdev_add n1p3 && hold_run write 1
	}
	delta=$(stat_delta /sys/class/block/nvme0n1p3/stat reuse)
	rc=$?
	echo "$delta"
	cat "$DEV/state/stat"
	mdev_remove && mdev_use "$first"
	read -ra delta <<< "$delta"
	[ "$rc" = 0 ] && [ "${delta[4]} ${delta[6]}" = "1 $BLOCKS" ]
}

# The commands in the latency histograms: flush write read other
histogram()
{
	awk 'NR > 2 { f += $2; w += $3; r += $4; o += $5 } END { print f + 0, w + 0, r + 0, o + 0 }' \
		"$DEBUG/$MDEV/latency"
}

histograms()
{
	local file=$DEBUG/$MDEV/latency

	hold_run read 10 && [ "$(head -n 1 "$file")" = off ] && [ "$(histogram)" = "0 0 0 0" ] || return
	echo 1 > "$file" && some_of_each || return
	cat "$file"
	[ "$(head -n 1 "$file")" = on ] && [ "$(histogram)" = "7 50 100 8" ] || return
	echo 0 > "$file" && hold_run read 10 || return
	[ "$(head -n 1 "$file")" = off ] && [ "$(histogram)" = "7 50 100 8" ] || return
	echo 1 > "$file" && [ "$(histogram)" = "0 0 0 0" ] && hold_run write 5 || return
	[ "$(histogram)" = "0 5 0 0" ] && echo 0 > "$file"
}

# Timing that is on when the device goes is off for the next.
histograms_go()
{
	local first=$MDEV rc

	mdev_create 1Q_V1 && mdev_add null && echo 1 > "$DEBUG/$MDEV/latency" && hold_run read 3 &&
		[ "$(histogram)" = "0 0 3 0" ]
	rc=$?
	mdev_remove && mdev_use "$first" && hold_run read 3 && [ "$(histogram)" = "0 5 0 0" ] && return "$rc"
}

# pinned_pages FILE: by the counts of chunks
pinned_pages()
{
	echo $(($(sed -n 's/^contiguous chunks //p' "$1") * 512 + $(sed -n 's/^other chunks .*, pages //p' "$1")))
}

files_say()
{
	local dir=$DEBUG/$MDEV

	hold_start read 40 || return
	head -v "$dir"/*
	awk '$1 == "sq" && $2 == 1 && $5 == 64 && $6 == 40 && $7 == 40 { found = 1 }
		END { exit !found }' "$dir/queues" &&
		awk '$1 == "cq" && $2 == 1 && $4 == -1 && $7 == 40 && $12 == 0 { found = 1 } END { exit !found }' "$dir/queues" &&
		awk '$1 == 1 && $6 == "up" && $8 == 0 && $12 == 40 { found = 1 } END { exit !found }' "$dir/lanes" &&
		grep -qx "pinned bytes $(cat "$DEV/state/pinned_bytes")" "$dir/memory" &&
		[ "$(pinned_pages "$dir/memory")" = "$(($(cat "$DEV/state/pinned_bytes") / 4096))" ]
	set -- $?
	hold_stop
	return "$1"
}

# read_all FILE: every file of every device, until FILE goes; the number of reads that gave something
read_all()
{
	local file n=0

	while [ -e "$1" ]; do
		for file in "$DEBUG"/*/* "$MDEVS"/*/state/stat; do
			[ -n "$(cat "$file" 2>/dev/null)" ] && n=$((n + 1))
		done
		for file in "$DEBUG"/*/latency; do
			echo $((n & 1)) 2>/dev/null > "$file"
		done
	done 2>/dev/null
	echo "$n" > "$1.n"
}

# Devices come, are opened, used, closed, and go while they are being read.
readers()
{
	local flag=$RESULTS/observe.read first=$MDEV i rc=0 pid
	local -a pids

	touch "$flag"
	for i in 1 2; do
		read_all "$flag" &
		pids+=($!)
	done
	for ((i = 0; i < 6 && rc == 0; i++)); do
		mdev_create 2Q_V1 && mdev_add n1p3 && mdev_add null && client_start observe unlimited &&
			run_beside "$first" && client_stop observe && hold_run read 20 && mdev_remove
		rc=$?
	done
	rm "$flag"
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
	mdev_use "$first"
	echo 0 > "$DEBUG/$MDEV/latency"
	echo "$(cat "$flag.n") reads"
	[ "$rc" = 0 ] && [ "$(cat "$flag.n")" -gt 50 ]
}

# run_beside UUID: on the other device, too
run_beside()
{
	NVME_MDEV_UUID=$1 "$HOLD" write 30 < /dev/null
}

# A device goes while its file is open: the reader gets an error, the rest goes on.
removed_under_reader()
{
	local fd

	exec {fd}< "$DEBUG/$MDEV/queues" || return
	mdev_remove || return
	if cat <&"$fd" 2>/dev/null; then
		echo "a file of a device that is gone can be read"
		exec {fd}<&-
		return 1
	fi
	exec {fd}<&-
	[ ! -e "$DEBUG/$MDEV" ]
}

quiet_log()
{
	! dmesg | grep -E 'WARNING|BUG:|use-after|negative count'
}

unload()
{
	host_unload && [ ! -e "$DEBUG" ]
}

ktap_begin
ktap_test "prepare" prepare || ktap_done
ktap_test "a guest's Read joins its command on the drive and its completion" joined
ktap_test "the queue in the trace is the lane's" lane_of_trace
ktap_test "a reset of the drive shows the queue pairs that go and come" resets
ktap_test "a reset of the drive under load leaves nothing in flight" reset_under_load
ktap_test "stat counts what was done" device_stat
ktap_test "the partition's stat counts what was done" host_stat nvme0n1p2
ktap_test "the disk's stat counts what was done" host_stat nvme0n1
ktap_test "the partition's stat rises while the device is open" host_stat_live
ktap_test "nothing is told where queue/iostats is 0" iostats_off
ktap_test "a null namespace is no part of what follows it" null_is_no_disk
ktap_test "latency histograms count while they are on" histograms
ktap_test "latency histograms go with their device" histograms_go
ktap_test "queues, lanes and memory are as they are" files_say
ktap_test "reading beside I/O, opening, closing and removal" readers
ktap_test "a device goes while its file is open" removed_under_reader
ktap_test "no complaint in the log" quiet_log
ktap_test "the modules and their files go" unload
ktap_done
