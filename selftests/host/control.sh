#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A device below that is slow holds up those who wait for it, and nobody else: registers, sysfs and unmapping
# answer beside it.
#
# Half a second is what the busiest machine needs for a look; the devices here take ten.

. selftests/lib/ktap.sh
. selftests/lib/host.sh

SLOW=10		# seconds
LIMIT=2000	# ms

# slow_disk NAME READ WRITE FLUSH: a loop device behind delays, in seconds; prints its path
slow_disk()
{
	local disk

	modprobe dm_delay && disk=$(loop_make "$1" 64) &&
		echo "0 131072 delay $disk 0 $(($2 * 1000)) $disk 0 $(($3 * 1000)) $disk 0 $(($4 * 1000))" |
		dmsetup create "$1" && udevadm settle && echo "/dev/mapper/$1"
}

slow_free()
{
	dmsetup remove "$1" && loop_free "$1"
}

# patience_begin KIND NAME; patience_end NAME: nothing took longer than LIMIT
patience_begin()
{
	local pipe

	pipe=$(mktemp -u)
	mkfifo "$pipe" || return
	NVME_MDEV_UUID=$MDEV build/selftests/patience "$1" "$DEV" <"$pipe" >"$RESULTS/$2.patience" 2>&1 &
	PATIENCE=$!
	exec {PATIENCE_INPUT}>"$pipe"
	rm "$pipe"
	host_wait 30 grep -q begins "$RESULTS/$2.patience"
}

patience_end()
{
	exec {PATIENCE_INPUT}>&-
	patience_wait "$1"
}

patience_wait()
{
	local rc most

	wait "$PATIENCE"
	rc=$?
	cat "$RESULTS/$1.patience"
	most=$(sed -n 's/.* times, \([0-9]*\) ms .*/\1/p' "$RESULTS/$1.patience" | sort -n | tail -n 1)
	[ "$rc" = 0 ] && [ "${most:-$LIMIT}" -lt "$LIMIT" ]
}

# CC.SHN with a device that takes long to flush; who removes it meanwhile waits, and sleeps
shutdown()
{
	local disk begin spent TIMEFORMAT=%0S

	disk=$(slow_disk flushes 0 0 "$SLOW") && mdev_create soft && mdev_add "$disk" || return
	begin=$SECONDS
	patience_begin flush shutdown || return
	sleep 1
	spent=$({ time echo 1 > "$DEV/namespaces/remove_namespace"; } 2>&1) || return
	echo "removed after $((SECONDS - begin)) s, of which $spent s of a processor"
	patience_wait shutdown || return
	echo "SHST was 10b after $((SECONDS - begin)) s"
	exec {PATIENCE_INPUT}>&-
	[ "$((SECONDS - begin))" -ge "$SLOW" ] && [ "$spent" -lt 3 ] && host_wait 60 all_given_back && mdev_remove &&
		slow_free flushes
}

# add_namespace of a device for which the host has cached writes
adding()
{
	local disk pid begin

	disk=$(slow_disk dirty 0 "$SLOW" 0) && mdev_create soft && mdev_add null && patience_begin other adding || return
	dd if=/dev/zero of="$disk" bs=4096 count=8 conv=notrunc 2>/dev/null &
	sleep 0.5
	begin=$SECONDS
	mdev_add "$disk" &
	pid=$!
	sleep 1
	# others come and go meanwhile, and it is not shown before it is there
	mdev_add null && [ "$(wc -l < "$DEV/namespaces/namespaces")" = 2 ] &&
		echo 3 > "$DEV/namespaces/remove_namespace" || return
	wait "$pid" || return
	echo "added after $((SECONDS - begin)) s"
	sleep 1
	patience_end adding && mdev_remove && slow_free dirty
}

# A command that stays with its device: memory that it does not use is unmapped.
in_flight()
{
	local disk

	disk=$(slow_disk stays 0 "$SLOW" 0) && mdev_create soft && mdev_add null && mdev_add "$disk" &&
		patience_begin write in_flight || return
	sleep 3
	patience_end in_flight && host_wait 60 all_given_back && mdev_remove && slow_free stays
}

# The same with as many as pinned_limit has room for: an admin command has none, and fails in time.
bounded()
{
	local disk least=6

	disk=$(slow_disk all 0 "$SLOW" 0) && mdev_create soft && mdev_add null && mdev_add "$disk" || return
	until echo "${least}M" > "$DEV/settings/pinned_limit"; do
		least=$((least + 5))
		[ "$least" -lt 100 ] || return
	done 2>/dev/null
	patience_begin bound bounded || return
	sleep 3
	patience_end bounded && host_wait 60 all_given_back && mdev_remove && slow_free all
}

# Opening a device that takes long to claim: who looks at it does not wait, and a VMM that is killed is gone.
opening()
{
	local disk pid begin

	disk=$(slow_disk opens 0 "$SLOW" 0) && mdev_create soft && mdev_add "$disk" || return
	dd if=/dev/zero of="$disk" bs=4096 count=8 conv=notrunc 2>/dev/null &
	sleep 0.5
	NVME_MDEV_UUID=$MDEV build/selftests/hold read 1 </dev/null &
	pid=$!
	sleep 1
	begin=$(date +%s%N)
	cat "$DEV/namespaces/namespaces" "$DEV/state/open" "$DEV/state/controller" "$DEV/settings/iothread_cpu"
	begin=$((($(date +%s%N) - begin) / 1000000))
	echo "looked at in $begin ms"
	wait "$pid" && [ "$begin" -lt "$LIMIT" ] && host_wait 30 all_given_back && mdev_remove && slow_free opens
}

ktap_begin
ktap_test "load" host_load_block || ktap_done
ktap_fault "a shutdown with a device that flushes for $SLOW s" shutdown
ktap_fault "a device with $SLOW s of dirty pages is attached" adding
ktap_fault "a command stays with its device for $SLOW s" in_flight
ktap_fault "commands stay with their device for $SLOW s and leave no memory" bounded
ktap_fault "a device with $SLOW s of dirty pages is opened" opening
ktap_test "unload" rmmod nvme-mdev
ktap_done
