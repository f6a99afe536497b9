#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# SIGKILL of a VMM during I/O gives everything back: pinned memory, queue pairs, the partition.
#
# Checklist: 28, 130

. selftests/lib/ktap.sh
. selftests/lib/host.sh
. selftests/lib/guest.sh

# What a client may lock: its guest memory and little besides.
LOCK_LIMIT=$((72 << 20))

prepare()
{
	host_load 4 && drive_split /dev/nvme0n1 && mdev_create 2Q_V1 && mdev_add n1p2 || return
	PINNED=$(pages_pinned)
}

# Pages that anything in the kernel has pinned. Each processor counts for itself until it is asked.
pages_pinned()
{
	cat /proc/sys/vm/stat_refresh
	awk '/^nr_foll_pin_acquired/ { n += $2 } /^nr_foll_pin_released/ { n -= $2 } END { print n }' \
		/proc/vmstat
}

no_page_pinned()
{
	local now

	now=$(pages_pinned)
	echo "$PINNED pages were pinned before, $now are now"
	[ "$now" = "$PINNED" ]
}

# A VMM is there, with memory and queue pairs
under_load()
{
	local bytes pairs

	bytes=$(cat "$DEV/state/pinned_bytes")
	pairs=$(cat "$DEV/state/queue_pairs")
	echo "open $(cat "$DEV/state/open"), $bytes bytes pinned, queue pairs $pairs;" \
		"$(pages_pinned) pages pinned in all; process: $(grep VmLck "/proc/$1/status")"
	[ "$(cat "$DEV/state/open")" = 1 ] && [ "$bytes" -gt 0 ] && [ "$pairs" = "2 2" ] &&
		[ "$(pages_pinned)" -ge $((PINNED + bytes / 4096)) ] &&
		[ "$(awk '/VmLck/ { print $2 }' "/proc/$1/status")" -ge $((bytes / 1024)) ]
}

# everything_back: what the device had is free, while the device stays
everything_back()
{
	host_wait 20 all_given_back && all_given_back && no_page_pinned || return
	# The partition: nobody claims it, so the host can use it.
	mkfs.ext4 -q -F /dev/nvme0n1p2 && mount /dev/nvme0n1p2 /mnt && umount /mnt || return
	# The queue pairs: the other device that there is room for takes as many, beside the first.
	[ "$(mdev_free 2Q_V1)" = 1 ] || { echo "available: $(mdev_free 2Q_V1)"; return 1; }
}

killed_guest()
{
	guest_start guest "$(mdev_qemu)" load,300 && guest_expect guest "load: running" &&
		under_load "${GUEST_PID[guest]}" || return
	guest_kill guest
	everything_back
}

# Again and again under one limit: what the one before had locked must not count.
killed_clients()
{
	local i

	for ((i = 0; i < 5; i++)); do
		client_start "client$i" "$LOCK_LIMIT" && under_load "$CLIENT" || return
		kill -KILL "$CLIENT"
		wait "$CLIENT" 2>/dev/null
		everything_back || return
	done
	FAULTS=$i
}

client_closes()
{
	client_start closing "$LOCK_LIMIT" && client_stop closing && everything_back &&
		grep -q 'closed, 0 KiB locked' "$RESULTS/closing.client"
}

all_queues_at_once()
{
	local first=$MDEV second rc=0

	mdev_create 2Q_V1 && mdev_add null || return
	second=$MDEV
	client_start both "$LOCK_LIMIT" "$first" && BOTH=$CLIENT &&
		client_start second "$LOCK_LIMIT" "$second" || rc=1
	[ "$(cat "$MDEVS/$first/state/queue_pairs" "$MDEVS/$second/state/queue_pairs" | xargs)" = "2 2 2 2" ] ||
		rc=1
	kill -KILL "$BOTH" "$CLIENT"
	wait "$BOTH" "$CLIENT" 2>/dev/null
	mdev_remove "$second" || rc=1
	mdev_use "$first"
	FAULTS=2
	everything_back && return "$rc"
}

four_again()
{
	mdev_remove && [ "$(mdev_free 4Q_V1)" = 1 ] && mdev_create 4Q_V1 && mdev_add null &&
		client_start four "$LOCK_LIMIT" && [ "$(cat "$DEV/state/queue_pairs")" = "4 4" ] &&
		client_stop four && mdev_remove
}

ktap_begin
ktap_test "prepare" prepare || ktap_done
ktap_fault "a guest killed under load" killed_guest
ktap_fault "five clients killed under load, with a limit on locked memory" killed_clients
ktap_test "a client that closes unlocks its memory" client_closes
ktap_fault "two devices with all queue pairs, both killed" all_queues_at_once
ktap_test "one device can have all queue pairs" four_again
ktap_test "the modules go" host_unload
ktap_done
