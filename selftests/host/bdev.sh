#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Namespaces on block devices of the host, without a driver that lends: beside the kernel's own nvme
# driver, and on the software parent without any. What cannot be attached gets its errno and a line; a
# namespace comes, grows, shrinks, becomes read-only, is lost, and goes, and the guest sees it.
#
# Checklist: 71, 115, 122

. selftests/lib/ktap.sh
. selftests/lib/host.sh
. selftests/lib/guest.sh
. selftests/lib/live.sh

namespaces()
{
	cat "$DEV/namespaces/namespaces"
}

# refused_add ERRNO BACKING: refused, and the device has what it had
refused_add()
{
	local before
	before=$(namespaces)
	refused "$1" "$DEV/namespaces/add_namespace" "$2" && [ "$(namespaces)" = "$before" ]
}

# A stock driver: said once, and in the types.
stock()
{
	dmesg -C
	host_load_block stock || return
	dmesg | grep 'nvme-mdev:'
	[ "$(dmesg | grep -c 'nvme-mdev: no nvme driver that lends')" = 1 ] || return
	grep -q "^not available" "$(mdev_type 2Q_V1)/description" &&
		grep "block devices" "$(mdev_type block)/description" &&
		[ "$(mdev_free 1Q_V1)" = 0 ] && [ "$(mdev_free block)" -gt 0 ] || return
	[ "$(written "$(mdev_type 1Q_V1)/create" "$(uuidgen)")" != OK ]
}

# Names: as written, in whatever form.
forms()
{
	local number

	drive_split /dev/nvme0n1 && mdev_create block || return
	number=$(cat /sys/class/block/nvme0n1p3/dev)
	mdev_add n1p1 && mdev_add "/dev/nvme0n1p2 ro" && mdev_add "$number" &&
		mdev_add "null:1G nsid=4 eui64=a0a1a2a3a4a5a6a7" || return
	namespaces
	[ "$(namespaces)" = "1 n1p1 131072
2 /dev/nvme0n1p2 ro 2097152
3 $number 2097152
4 null:1G nsid=4 eui64=a0a1a2a3a4a5a6a7 2097152" ]
}

# What is shown, written to another device, is the same there.
replayed()
{
	local was line

	was=$(namespaces)
	mdev_remove && mdev_create block || return
	while read -r _ line; do
		mdev_add "${line% *}" || return
	done <<<"$was"
	namespaces
	[ "$(namespaces)" = "$was" ]
}

# The same disk by another name, while the device is closed, and while a VMM has it.
same_twice()
{
	local rc

	refused_add EEXIST /dev/nvme0n1p1 && refused_add EEXIST n1p2 &&
		refused_add EEXIST "/dev/disk/by-partuuid/$(lsblk -no PARTUUID /dev/nvme0n1p3)" &&
		live_start || return
	refused_add EEXIST /dev/nvme0n1p1
	rc=$?
	live_stop && return "$rc"
}

no_such_namespace()
{
	refused_add ENODEV n7 && refused_add ENODEV n1p9
}

no_such_path()
{
	touch /tmp/file && refused_add ENOENT /dev/mapper/none && refused_add ENOTBLK /tmp/file &&
		refused_add ENOTBLK /dev/null && refused_add ENODEV 259:99999 &&
		refused_add EINVAL 259 && refused_add EINVAL "dev/nvme0n1p1" &&
		refused_add EINVAL "/dev/nvme0n1 p1" && refused_add EINVAL "/dev/nvme0n1p1 rw" &&
		refused_add EINVAL "null ro ro" && refused_add EINVAL ro &&
		refused_add EINVAL "/dev/$(printf '%0300d' 0)"
}

held()
{
	local rc

	mkfs.ext4 -q -F /dev/nvme2n1 && mount /dev/nvme2n1 /mnt || return
	refused_add EBUSY /dev/nvme2n1
	rc=$?
	umount /mnt
	return "$rc"
}

too_small()
{
	local disk rc

	disk=$(loop_make small 1 --sector-size 4096) && truncate -s 0 /tmp/small && losetup -c "$disk" || return
	refused_add EINVAL "$disk"
	rc=$?
	loop_free small
	return "$rc"
}

zoned()
{
	local disk rc

	disk=$(null_make zones 64 zoned=1 zone_size=16) || return
	# as python calls EOPNOTSUPP
	refused_add EOPNOTSUPP "$disk"
	rc=$?
	null_free zones
	return "$rc"
}

# A path is the writer's, and so is what it means.
mount_namespace()
{
	local disk rc

	disk=$(loop_make hidden 64) || return
	refused_add ENOENT /tmp/private/disk || return
	# shellcheck disable=SC2016 # for the inner shell
	mkdir -p /tmp/private && unshare -m bash -c 'mount -t tmpfs -o dev none /tmp/private &&
		mknod /tmp/private/disk b $((0x$(stat -c %t '"$disk"'))) $((0x$(stat -c %T '"$disk"'))) &&
		echo /tmp/private/disk > '"$DEV"'/namespaces/add_namespace'
	rc=$?
	namespaces
	namespaces | grep -q ' /tmp/private/disk 131072$' || rc=1
	# The number now means another disk: who opens the device is not given that.
	losetup -d "$disk" && truncate -s 32M /tmp/other && losetup "$disk" /tmp/other || rc=1
	dmesg -C
	live_start && rc=1
	dmesg | grep nvme-mdev
	[ "$(dmesg | grep -c 'is another device than when it was added')" = 1 ] || rc=1
	wait "$LIVE_CHILD"
	echo 5 > "$DEV/namespaces/remove_namespace" || rc=1
	losetup -d "$disk"
	rm -f /tmp/other /tmp/hidden
	return "$rc"
}

# From here on there is no nvme driver at all.
without_nvme()
{
	mdev_remove && rmmod nvme && [ ! -e /sys/class/nvme/nvme0 ] && host_unload_block && host_load_block &&
		mdev_create soft && refused_add ENODEV n1
}

host_unload_block()
{
	rmmod nvme-mdev
}

# Added and removed under the guest, a hundred of them in the end.
come_and_go()
{
	local disk i

	disk=$(loop_make grows 64 --sector-size 4096) && live_start || return
	expect "list" list && expect "event none" event 100 || return
	mdev_add "$disk" || return
	expect "event 040002 1" event 10000 && expect "size 131072 4096 0" size 1 &&
		expect "write 0" write 1 16383 165 && expect "read 0 *" read 1 16383 &&
		expect "write 4080" write 1 16384 165 || return
	for ((i = 2; i <= 128; i++)); do
		mdev_add null || return
	done
	refused ENOSPC "$DEV/namespaces/add_namespace" null || return
	[ "$(namespaces | wc -l)" = 128 ] && expect "event 040002 2 3 4 * 127 128" event 10000 &&
		expect "list 1 2 * 128" list || return
	for ((i = 2; i <= 128; i++)); do
		echo "$i" > "$DEV/namespaces/remove_namespace" || return
	done
	expect "event 040002 2 3 4 * 127 128" event 10000 && expect "list 1" list
}

# Blocks of 4096 at the end of a disk of 64 MiB are what was written by the guest.
on_the_disk()
{
	expect "flush 0" flush 1 || return
	[ "$(dd if=/tmp/grows bs=4096 skip=16383 count=1 2>/dev/null | tr -d '\245' | wc -c)" = 0 ]
}

zeroes_and_discard()
{
	expect "zeroes 0" zeroes 1 16383 1 && expect "read 0 0" read 1 16383 &&
		expect "zeroes 4080" zeroes 1 16383 2 && expect "write 0" write 1 100 1 &&
		expect "discard 0" discard 1 100 1 && expect "discard 4080" discard 1 16384 1
}

grows()
{
	truncate -s 128M /tmp/grows && losetup -c "$(losetup -j /tmp/grows | cut -d: -f1)" || return
	expect "event 040002 1" event 10000 && expect "size 262144 4096 0" size 1 &&
		expect "write 0" write 1 32767 7
}

# What the guest has not been told yet is refused all the same.
shrinks()
{
	truncate -s 32M /tmp/grows && losetup -c "$(losetup -j /tmp/grows | cut -d: -f1)" || return
	expect "write 4080" write 1 8192 7 && expect "write 0" write 1 8191 7 &&
		expect "event 040002 1" event 10000 && expect "size 65536 4096 0" size 1
}

read_only()
{
	local disk

	disk=$(losetup -j /tmp/grows | cut -d: -f1)
	blockdev --setro "$disk" || return
	expect "write 4020" write 1 0 7 && expect "event 040002 1" event 10000 &&
		expect "size 65536 4096 1" size 1 && expect "zeroes 4020" zeroes 1 0 1 &&
		expect "discard 4020" discard 1 0 1 && expect "read 0 *" read 1 0 || return
	blockdev --setrw "$disk" && expect "event 040002 1" event 10000 && expect "write 0" write 1 0 7
}

# One that is read-only from the beginning.
born_read_only()
{
	local disk

	disk=$(loop_make ro 64 -r) && mdev_add "$disk" || return
	expect "event 040002 2" event 10000 && expect "size 131072 512 1" size 2 &&
		expect "write 4020" write 2 0 7 && expect "read 0 *" read 2 0 || return
	echo 2 > "$DEV/namespaces/remove_namespace" && loop_free ro && expect "event 040002 2" event 10000
}

# One that could be written, and is not to be.
read_only_by_request()
{
	local disk

	disk=$(loop_make asked 64) && mdev_add "$disk ro" && namespaces | grep -x "2 $disk ro 131072" || return
	expect "event 040002 2" event 10000 && expect "size 131072 512 1" size 2 &&
		expect "write 4020" write 2 0 7 && expect "zeroes 4020" zeroes 2 0 8 &&
		expect "discard 4020" discard 2 0 8 && expect "flush 0" flush 2 && expect "read 0 0" read 2 0 || return
	# It is not what the device says.
	[ "$(blockdev --getro "$disk")" = 0 ] && expect "event none" event 2500 || return
	echo 2 > "$DEV/namespaces/remove_namespace" && loop_free asked && expect "event 040002 2" event 10000
}

# The disk goes while the guest has it: its I/O fails for good, other namespaces go on.
lost()
{
	local disk command rc=0

	dmesg -C
	disk=$(null_make lost 64) && mdev_add "$disk" && expect "event 040002 2" event 10000 &&
		expect "write 0" write 2 5 9 || return
	echo 0 > /sys/kernel/config/nullb/lost/power || return
	# Not Ready at first, then it is no namespace of the guest's any more.
	for command in "read 2 5" "write 2 5 9" "flush 2" "discard 2 5 1"; do
		expect "${command%% *} 40@(82|02)*" "$command" || rc=1
	done
	expect "event 040002 2" event 10000 && expect "read 4002 *" read 2 5 && expect "write 0" write 1 0 9 || rc=1
	namespaces | grep -x "2 $disk 0" && line_in_log "$disk: its disk is gone" || rc=1
	echo 2 > "$DEV/namespaces/remove_namespace" || rc=1
	null_free lost && return "$rc"
}

# Identify says what the disk's queue says.
hints()
{
	local disk

	disk=$(null_make hints 64 blocksize=512 discard=1) && mdev_add "$disk" &&
		expect "event 040002 2" event 10000 || return
	expect "hints 18 0 0 0 0 0 0 0" hints 2 || return
	echo 2 > "$DEV/namespaces/remove_namespace" && null_free hints &&
		expect "event 040002 2" event 10000 && expect "hints 18 0 0 0 0 0 0 *" hints 1
}

# A SCSI disk of 16 KiB sectors in blocks of 512 bytes, which has a bad sector: a guest is told of no sectors larger
# than 4 KiB.
scsi()
{
	local disk

	modprobe sd_mod && modprobe scsi_debug dev_size_mb=64 physblk_exp=5 opt_blks=128 lbpu=1 lbprz=1 \
		unmap_granularity=16 opts=2 max_luns=1 num_tgts=1 && udevadm settle || return
	host_wait 10 scsi_disk
	disk=/dev/$(scsi_disk) && host_wait 10 test -b "$disk" && mdev_add "$disk" &&
		expect "event 040002 2" event 10000 || return
	expect "hints 18 0 7 7 31 31 127 *" hints 2 && expect "write 0" write 2 8 9 && expect "read 0 *" read 2 8 &&
		expect "discard 0" discard 2 0 64 && expect "zeroes 0" zeroes 2 64 64 &&
		expect "read 4281 *" read 2 4660 || return
	echo 2 > "$DEV/namespaces/remove_namespace" && rmmod scsi_debug && expect "event 040002 2" event 10000
}

# scsi_disk: the name of the disk that scsi_debug has made
scsi_disk()
{
	basename /sys/bus/pseudo/drivers/scsi_debug/adapter0/host*/target*/*/block/sd*
}

# dm: a device that cannot say that it would wait, and one that waits for long.
suspended()
{
	local disk pid

	disk=$(loop_make under 64) && echo "0 131072 linear $disk 0" | dmsetup create under &&
		udevadm settle && mdev_add /dev/mapper/under && expect "event 040002 2" event 10000 &&
		expect "write 0" write 2 1 3 || return
	dmsetup suspend --noflush under || return
	# The answer comes once it is resumed; another namespace is not held up by it.
	(sleep 5; dmsetup resume under) &
	pid=$!
	echo "write 2 1 4" >&"$LIVE_IN"
	sleep 1
	[ -z "$(timeout 0.5 cat <&"$LIVE_OUT")" ] || { echo "written to a suspended device"; return 1; }
	read -r -t 60 LIVE_SAID <&"$LIVE_OUT"
	wait "$pid"
	[ "$LIVE_SAID" = "write 0" ] || { echo "$LIVE_SAID"; return 1; }
	[ "$(dd if=/tmp/under bs=512 skip=1 count=1 2>/dev/null | tr -d '\004' | wc -c)" = 0 ] &&
		echo 2 > "$DEV/namespaces/remove_namespace" && dmsetup remove under && loop_free under &&
		expect "event 040002 2" event 10000
}

# thin_uses N: so many chunks of the thin volume are in use
thin_uses()
{
	[ "$(thin_used thin)" = "$1" ]
}

# thin_has_room: a pool notices that it has room again when it is asked, as dmeventd does
thin_has_room()
{
	thin_used thin && expect "write 0" write 2 8192 7
}

# dm-crypt on dm-thin: what the guest does not need any more comes back to the pool. One that is full is
# Capacity Exceeded for what needs room, as often as that is tried, and nothing to anything else.
thin()
{
	local disk i

	disk=$(thin_make thin 4 64 error_if_no_space) && modprobe dm_crypt &&
		echo "0 131072 crypt aes-xts-plain64 $(printf '%064d' 7) 0 $disk 0 1 allow_discards" | dmsetup create secret &&
		udevadm settle && mdev_add /dev/mapper/secret && expect "event 040002 2" event 10000 || return
	expect "write 0" write 2 256 7 && thin_uses 1 && expect "discard 0" discard 2 256 128 &&
		host_wait 10 thin_uses 0 || return
	for ((i = 0; i < 64; i++)); do
		expect "write 0" write 2 $((i * 128)) 7 >/dev/null || return
	done
	thin_uses 64 && expect "write 4081" write 2 8192 7 && expect "zeroes 4081" zeroes 2 8192 8 &&
		expect "write 4081" write 2 8192 7 && expect "write 0" write 2 0 8 && expect "read 0 *" read 2 8192 &&
		expect "flush 0" flush 2 && expect "write 0" write 1 0 7 || return
	expect "discard 0" discard 2 128 128 && host_wait 20 thin_has_room || return
	echo 2 > "$DEV/namespaces/remove_namespace" && dmsetup remove secret && thin_free thin &&
		expect "event 040002 2" event 10000
}

# A pool that is to wait for room does; the answer comes once it has some.
thin_waits()
{
	local disk data i

	disk=$(thin_make thin 4 64) && mdev_add "$disk" && expect "event 040002 2" event 10000 || return
	for ((i = 0; i < 64; i++)); do
		expect "write 0" write 2 $((i * 128)) 7 >/dev/null || return
	done
	echo "write 2 8192 7" >&"$LIVE_IN"
	sleep 1
	[ -z "$(timeout 0.5 cat <&"$LIVE_OUT")" ] || { echo "written to a full pool"; return 1; }
	truncate -s 8M /tmp/thin.data && data=$(losetup -j /tmp/thin.data | cut -d: -f1) && losetup -c "$data" &&
		dmsetup table thin-pool | sed 's/^0 8192 /0 16384 /' | dmsetup load thin-pool &&
		dmsetup resume thin-pool || return
	read -r -t 60 LIVE_SAID <&"$LIVE_OUT"
	[ "$LIVE_SAID" = "write 0" ] || { echo "$LIVE_SAID"; return 1; }
	echo 2 > "$DEV/namespaces/remove_namespace" && thin_free thin && expect "event 040002 2" event 10000
}

# A namespace whose disk waits is not removed, nor closed, before it has its last command back.
closes_late()
{
	local disk begin

	disk=$(loop_make late 64) && echo "0 131072 linear $disk 0" | dmsetup create late &&
		udevadm settle && mdev_create soft && mdev_add /dev/mapper/late || return
	dmsetup suspend --noflush late || return
	build_hold late && sleep 1 || return
	(sleep 6; dmsetup resume late) &
	begin=$SECONDS
	kill -KILL "$CLIENT" && wait "$CLIENT" 2>/dev/null
	host_wait 60 all_given_back || return
	echo "closed after $((SECONDS - begin)) s"
	[ "$((SECONDS - begin))" -ge 3 ] && wait && mdev_remove && dmsetup remove late && loop_free late
}

# build_hold NAME: a VMM whose first command does not come back
build_hold()
{
	NVME_MDEV_UUID=$MDEV build/selftests/hold write 1 < /dev/zero > "$RESULTS/$1.client" 2>&1 &
	CLIENT=$!
	host_wait 30 grep -q 1 "$DEV/state/open"
}

# The VMM's cgroup pays, and its bound holds.
cgroup()
{
	local dir=/sys/fs/cgroup/guest disk number begin bytes

	mkdir -p /sys/fs/cgroup
	mountpoint -q /sys/fs/cgroup || mount -t cgroup2 none /sys/fs/cgroup || return
	echo +io > /sys/fs/cgroup/cgroup.subtree_control && mkdir -p "$dir" || return
	disk=$(loop_make paid 64) && mdev_create soft && mdev_add "$disk" || return
	number=$(cat "/sys/class/block/${disk##*/}/dev")
	echo "$number wbps=1048576" > "$dir/io.max" || return
	begin=$SECONDS
	# 512 commands of 8 KiB are 4 MiB.
	# shellcheck disable=SC2016 # for the inner shell
	bash -c 'echo $$ > '"$dir"'/cgroup.procs && exec env NVME_MDEV_UUID='"$MDEV"' build/selftests/hold write 512' </dev/null ||
		return
	bytes=$(sed -n "s/^$number .*wbytes=\([0-9]*\).*/\1/p" "$dir/io.stat")
	echo "4 MiB at 1 MiB/s: $((SECONDS - begin)) s; io.stat: $bytes bytes"
	[ "$((SECONDS - begin))" -ge 3 ] && [ "${bytes:-0}" -ge 4194304 ] && mdev_remove && rmdir "$dir" && loop_free paid
}

# A device that takes a discard a second, and a VMM that is killed while a long one is under way: what has not been
# sent by then is not. Nobody waits for all of it.
long_discard()
{
	local dir=/sys/fs/cgroup/guest disk begin lasted

	mkdir -p "$dir" && disk=$(loop_make long 65536) && mdev_create soft && mdev_add "$disk" || return
	echo "$(cat "/sys/class/block/${disk##*/}/dev") wiops=2" > "$dir/io.max" || return
	echo $$ > "$dir/cgroup.procs" && live_start || return
	echo $$ > /sys/fs/cgroup/cgroup.procs
	echo "discard 1 0 $((65536 * 2048))" >&"$LIVE_IN"
	sleep 3
	begin=$SECONDS
	kill -KILL "$LIVE_CHILD"
	host_wait 100 all_given_back || return
	lasted=$((SECONDS - begin))
	wait "$LIVE_CHILD" 2>/dev/null
	echo "closed after $lasted s"
	[ "$lasted" -le 4 ] && mdev_remove && rmdir "$dir" && loop_free long
}

# A real guest: files on a loop device, and a second disk that comes, grows, and goes.
guest()
{
	local first second

	first=$(loop_make first 256) && second=$(loop_make second 64) && mdev_create soft &&
		mdev_add "$first" || return
	guest_start block "$(mdev_qemu)" format,block live && guest_expect block "live: waits" || return
	mdev_add "$second" && guest_expect block "live: wrote" || return
	truncate -s 128M /tmp/second && losetup -c "$second" && guest_expect block "live: grew" || return
	blockdev --setro "$second" && guest_expect block "live: read-only" || return
	echo 2 > "$DEV/namespaces/remove_namespace" && guest_expect block "live: went" || return
	blockdev --setrw "$second" && mdev_add "$second ro" || return
	guest_finish block && cat "$DEV/state/counters" && mdev_remove || return
	[ "$(files_sum "$first" 1048576)" = "$(guest_data block)" ] || { echo "other files"; return 1; }
	loop_free first && loop_free second
}

# drive_interrupts: those of the I/O queues of the first drive
drive_interrupts()
{
	awk '/nvme0q[1-9]/ { for (i = 2; $i ~ /^[0-9]+$/; i++) n += $i } END { print n + 0 }' /proc/interrupts
}

# some_io N: N writes and reads of the first namespace
some_io()
{
	local i

	for ((i = 0; i < $1; i++)); do
		expect "write 0" write 1 "$i" 3 >/dev/null && expect "read 0 *" read 1 "$i" >/dev/null || return
	done
}

# io_counted MODE: what 50 writes and reads cost in a mode: INTERRUPTS and POLLED
io_counted()
{
	echo "$1" > "$DEV/settings/mode" && udevadm settle || return
	POLLED=$(counter block_polled) INTERRUPTS=$(drive_interrupts)
	some_io 50 || return
	POLLED=$(($(counter block_polled) - POLLED)) INTERRUPTS=$(($(drive_interrupts) - INTERRUPTS))
	echo "$1: $POLLED polled, $INTERRUPTS interrupts"
}

# A drive with polled queues: no interrupts but for a flush, and none of them polled if the lanes may sleep.
polled()
{
	host_load_block stock poll_queues=2 && drive_split /dev/nvme0n1 && mdev_create block && mdev_add n1p2 &&
		live_start || return
	io_counted poll && [ "$POLLED" = 100 ] && [ "$INTERRUPTS" -lt 10 ] || return
	io_counted adaptive && [ "$POLLED" = 0 ] && [ "$INTERRUPTS" -ge 100 ] || return
	io_counted poll && [ "$POLLED" = 100 ] && expect "flush 0" flush 1 && expect "zeroes 0" zeroes 1 0 8 &&
		expect "discard 0" discard 1 0 8 && live_stop && all_given_back
}

# The mode changes under load, and the drive is reset: nothing waits for a look that nobody takes.
polled_changes()
{
	local i

	dmesg -C
	client_start modes unlimited || return
	for ((i = 0; i < 40; i++)); do
		echo adaptive > "$DEV/settings/mode" && sleep 0.05 && echo poll > "$DEV/settings/mode" && sleep 0.05 || return
		[ $((i % 10)) != 9 ] || echo 1 > /sys/class/nvme/nvme0/reset_controller || return
	done
	[ "$(counter block_polled)" -gt 0 ] && client_stop modes && ! dmesg | grep timeout && all_given_back &&
		mdev_remove && host_unload
}

# A drive that takes three commands at once, polled, under a writer with 48: most would have to wait, and are submitted
# again by somebody who may. Nothing is lost.
few_tags()
{
	local journal=/dev/shm/few pid

	host_load_block stock poll_queues=2 io_queue_depth=4 && drive_split /dev/nvme0n1 && mdev_create block &&
		mdev_add n1p2 && echo poll > "$DEV/settings/mode" || return
	NVME_MDEV_UUID=$MDEV build/selftests/powercut write "$journal" 1 > "$RESULTS/few.client" 2>&1 &
	pid=$!
	sleep 10
	kill -TERM "$pid" && wait "$pid" || { cat "$RESULTS/few.client"; return 1; }
	grep -E '^(writes|errors|block_polled)' "$DEV/state/counters"
	build/selftests/powercut check "$journal" /dev/nvme0n1p2 && rm "$journal" && [ "$(counter block_polled)" -gt 0 ] &&
		[ "$(counter errors)" = 0 ] && all_given_back && mdev_remove && host_unload
}

# What the drive that lends says of itself: at once, when it gets worse, and when it is well again.
health()
{
	local rc=0

	for _ in 1 2 3 4 5; do
		live health && [ "$LIVE_SAID" = "health 0 323 0 0 0" ] && break
		sleep 1
	done
	# a partition that begins at a multiple of all of them
	[ "$LIVE_SAID" = "health 0 323 0 0 0" ] && expect "hints 18 0 0 0 7 7 0 9" hints 1 || return
	machine warn 0 1
	expect "event 020201" event 75000 && expect "health 1 323 0 0 0" health || rc=1
	machine warn 0 0
	return "$rc"
}

# Lent queues and block devices in one device; the drive is reset under both.
mixed()
{
	local disk i

	host_load 4 && drive_split /dev/nvme0n1 && disk=$(loop_make mixed 64) && mdev_create 2Q_V1 &&
		mdev_add n1p2 && mdev_add "$disk" && mdev_add "n1p3 ro" || return
	live_start && health && expect "list 1 2 3" list && expect "size 2097152 512 1" size 3 &&
		expect "read 0 *" read 3 0 && expect "write 4020" write 3 0 1 && expect "zeroes 4020" zeroes 3 0 8 &&
		expect "discard 4020" discard 3 0 8 && expect "write 0" write 1 3 1 && expect "write 0" write 2 3 2 || return
	for ((i = 0; i < 5; i++)); do
		echo 1 > /sys/class/nvme/nvme0/reset_controller
		expect "write 0" write 2 "$i" 2 && expect "write 0" write 1 "$i" 1 || return
	done
	expect "flush 0" flush 1 && expect "flush 0" flush 2 && live_stop || return
	[ "$(dd if=/tmp/mixed bs=512 skip=4 count=1 2>/dev/null | tr -d '\002' | wc -c)" = 0 ] &&
		[ "$(dd if=/dev/nvme0n1p2 bs=512 skip=4 count=1 iflag=direct 2>/dev/null | tr -d '\001' | wc -c)" = 0 ] &&
		all_given_back && mdev_remove && loop_free mixed && host_unload
}

# More than the drive takes in one range (DMRSL, which the emulated one tells as 2 GiB): the guest need not know of it.
deallocates_in_pieces()
{
	local before

	host_load 4 && sgdisk -Z /dev/nvme0n1 > /dev/null && udevadm settle && mdev_create 1Q_V1 && mdev_add n1 &&
		live_start || return
	before=$(counter hw_commands)
	expect "discard 0" discard 1 0 "$(blockdev --getsz /dev/nvme0n1)" || return
	echo "$(($(counter hw_commands) - before)) commands"
	[ "$(($(counter hw_commands) - before))" = 2 ] && expect "read 0 0" read 1 4505599 && live_stop &&
		all_given_back && mdev_remove && host_unload
}

ktap_begin
ktap_test "beside the kernel's own driver nothing is lent, and it says so" stock || ktap_done
ktap_test "a disk by namespace, path and number, as written" forms
ktap_test "as shown, written to another device" replayed
ktap_test "the same disk by another name: EEXIST" same_twice
ktap_test "what the drive has not: ENODEV" no_such_namespace
ktap_test "what is no disk: ENOENT, ENOTBLK, ENODEV, EINVAL" no_such_path
ktap_test "a mounted disk: EBUSY" held
ktap_test "a disk smaller than a block: EINVAL" too_small
ktap_test "a zoned disk: EOPNOTSUPP" zoned
ktap_test "a path is the writer's, and means one disk" mount_namespace
ktap_test "no nvme driver at all" without_nvme
ktap_test "namespaces come and go, 128 of them" come_and_go
ktap_test "what was written is on the disk" on_the_disk
ktap_test "write zeroes, deallocate" zeroes_and_discard
ktap_test "a disk grows" grows
ktap_test "a disk shrinks" shrinks
ktap_test "a disk becomes read-only and writable" read_only
ktap_test "a read-only disk" born_read_only
ktap_test "a disk that is to be read only" read_only_by_request
ktap_test "a disk is lost" lost
ktap_test "what a disk likes" hints
ktap_test "what a SCSI disk likes, and says of a bad sector" scsi
ktap_test "a disk that makes others wait" suspended
ktap_test "a volume that gives back, and is full" thin
ktap_test "a full one that waits for room" thin_waits
ktap_test "the guest lets go" live_stop
ktap_test "nothing is left of it" all_given_back
ktap_test "the device goes" mdev_remove
ktap_test "closed when the last command is back" closes_late
ktap_test "the VMM's cgroup pays" cgroup
ktap_test "a long discard ends with its VMM" long_discard
ktap_test "a guest with two disks" guest
ktap_test "the module goes" host_unload_block
ktap_test "queues that are polled" polled
ktap_test "... while the mode changes" polled_changes
ktap_test "... while the drive takes few commands at once" few_tags
ktap_test "lent queues beside block devices" mixed
ktap_test "more is deallocated than the drive takes at once" deallocates_in_pieces
ktap_done
