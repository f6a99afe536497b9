#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The attributes of a device: what was written reads back, bad input gets its errno and one line in
# the log, and leaves nothing half-made.

. selftests/lib/ktap.sh
. selftests/lib/host.sh

namespaces()
{
	cat "$DEV/namespaces/namespaces"
}

prepare()
{
	host_load 4 && drive_split /dev/nvme0n1 && mdev_create 2Q_V1
}

add_and_read_back()
{
	mdev_add n1p2 && mdev_add null:1G || return
	namespaces
	[ "$(namespaces)" = "1 n1p2 2097152
2 null:1G 2097152" ]
}

remove_and_read_back()
{
	echo 1 > "$DEV/namespaces/remove_namespace" || return
	[ "$(namespaces)" = "2 null:1G 2097152" ] || return
	echo 2 > "$DEV/namespaces/remove_namespace" && [ -z "$(namespaces)" ]
}

# What comes with a namespace, in any order, is shown as it can be written again.
identity_reads_back()
{
	local uuid=0d47a8f2-5c1e-4f0b-9a3d-00000000000a nguid=00112233445566778899aabbccddeeff was line
	local add=$DEV/namespaces/add_namespace

	mdev_add "null:1G uuid=$uuid ro nsid=7" && mdev_add "n1p2 eui64=0011223344556677 nguid=$nguid" || return
	was="1 n1p2 nguid=$nguid eui64=0011223344556677 2097152
7 null:1G ro nsid=7 uuid=$uuid 2097152"
	namespaces
	[ "$(namespaces)" = "$was" ] && refused EEXIST "$add" "null nsid=7" &&
		refused EEXIST "$add" "null uuid=$uuid" && refused EEXIST "$add" "null nguid=$nguid" &&
		refused EINVAL "$add" "null nsid=0" && refused EINVAL "$add" "null nsid=129" &&
		refused EINVAL "$add" "null nsid=2 nsid=3" && refused EINVAL "$add" "null nsid=" &&
		refused EINVAL "$add" "null uuid=${uuid%a}" && refused EINVAL "$add" "null uuid=${uuid}0" &&
		refused EINVAL "$add" "null uuid=00000000-0000-0000-0000-000000000000" &&
		refused EINVAL "$add" "null nguid=${nguid}0" && refused EINVAL "$add" "null eui64=$nguid" &&
		refused EINVAL "$add" "null eui64=001122334455667g" && refused EINVAL "$add" "null guid=1" &&
		[ "$(namespaces)" = "$was" ] || return
	echo 1 > "$DEV/namespaces/remove_namespace" && echo 7 > "$DEV/namespaces/remove_namespace" || return
	while read -r _ line; do
		mdev_add "${line% *}" || return
	done <<<"$was"
	[ "$(namespaces)" = "$was" ] && echo 1 > "$DEV/namespaces/remove_namespace" &&
		echo 7 > "$DEV/namespaces/remove_namespace"
}

cpu_reads_back()
{
	local file=$DEV/settings/iothread_cpu

	[ "$(cat "$file")" = -1 ] && echo 1 > "$file" && [ "$(cat "$file")" = 1 ] &&
		echo 0-1 > "$file" && [ "$(cat "$file")" = 0-1 ] &&
		echo -1 > "$file" && [ "$(cat "$file")" = -1 ]
}

# Those of a device that has none of its own, from when it is opened
default_cpus()
{
	local file=/sys/module/nvme_mdev/parameters/iothread_cpu

	[ "$(cat "$file")" = -1 ] && refused EINVAL "$file" 4095 && refused EINVAL "$file" x &&
		[ "$(cat "$file")" = -1 ] && echo 0-1 > "$file" && [ "$(cat "$file")" = 0-1 ] &&
		[ "$(cat "$DEV/settings/iothread_cpu")" = -1 ] && mdev_add null || return
	client_start placed unlimited && cat "$DEV/state/pollers" &&
		pgrep -x nvme-mdev/0 && pgrep -x nvme-mdev/1 &&
		echo 1 > "$DEV/settings/iothread_cpu" && ! pgrep -x nvme-mdev/0 &&
		echo -1 > "$file" && echo -1 > "$DEV/settings/iothread_cpu" && pgrep -x "nvme-mdev/node0" &&
		client_stop placed && echo 1 > "$DEV/namespaces/remove_namespace"
}

idle_reads_back()
{
	local file=$DEV/settings/idle_ms

	[ "$(cat "$file")" = 500 ] && echo 0 > "$file" && [ "$(cat "$file")" = 0 ] && echo 500 > "$file"
}

mode_reads_back()
{
	local file=$DEV/settings/mode

	[ "$(cat "$file")" = poll ] && echo adaptive > "$file" && [ "$(cat "$file")" = adaptive ] &&
		echo poll > "$file"
}

shadow_doorbell_reads_back()
{
	local file=$DEV/settings/shadow_doorbell old

	old=$(cat "$file")
	echo 0 > "$file" && [ "$(cat "$file")" = 0 ] && echo 1 > "$file" && [ "$(cat "$file")" = 1 ] &&
		echo "$old" > "$file"
}

pinned_limit_reads_back()
{
	local file=$DEV/settings/pinned_limit

	[ "$(cat "$file")" = 0 ] && echo 16M > "$file" && [ "$(cat "$file")" = 16777216 ] &&
		echo 1G > "$file" && [ "$(cat "$file")" = 1073741824 ] &&
		printf 33554432 > "$file" && [ "$(cat "$file")" = 33554432 ] &&
		refused EINVAL "$file" 15M && refused EINVAL "$file" -1 && refused EINVAL "$file" 16Mx &&
		refused EINVAL "$file" "16M 32M" && refused EINVAL "$file" 2E &&
		[ "$(cat "$file")" = 33554432 ] && echo 0 > "$file" && [ "$(cat "$file")" = 0 ]
}

# More queue pairs can need more.
pinned_limit_says_what_to_write()
{
	dmesg -C
	[ "$(written "$DEV/settings/pinned_limit" 1M)" = EINVAL ] &&
		dmesg | grep "pinned_limit: write 0 for no bound, or 16M or more"
}

pinned_idle_reads_back()
{
	local file=$DEV/settings/pinned_idle_ms

	[ "$(cat "$file")" = 30000 ] && echo 100 > "$file" && [ "$(cat "$file")" = 100 ] &&
		refused EINVAL "$file" 9 && refused EINVAL "$file" -1 && refused EINVAL "$file" 1s &&
		refused EINVAL "$file" 86400001 && [ "$(cat "$file")" = 100 ] &&
		echo 0 > "$file" && [ "$(cat "$file")" = 0 ] && echo 30000 > "$file"
}

names_read_back()
{
	local file max name

	for file in "serial 20" "model 40"; do
		read -r file max <<< "$file"
		file=$DEV/settings/$file
		name=$(printf '%*s' "$max" x | tr ' ' y)
		[ "$(cat "$file")" ] && echo "$name" > "$file" && [ "$(cat "$file")" = "$name" ] &&
			refused EINVAL "$file" "${name}z" && refused EINVAL "$file" $'\n' &&
			refused EINVAL "$file" " a" && refused EINVAL "$file" $'a\tb' &&
			refused EINVAL "$file" $'a\nb' && [ "$(cat "$file")" = "$name" ] &&
			printf 'a b' > "$file" && [ "$(cat "$file")" = "a b" ] || return
	done
}

# refused_add ERRNO BACKING: refused, and the device has what it had
refused_add()
{
	local before
	before=$(namespaces)
	refused "$1" "$DEV/namespaces/add_namespace" "$2" && [ "$(namespaces)" = "$before" ]
}

mounted()
{
	local rc

	mkfs.ext4 -q -F /dev/nvme0n1p1 && mount /dev/nvme0n1p1 /mnt || return
	refused_add EBUSY n1p1
	rc=$?
	umount /mnt
	return "$rc"
}

# The whole disk cannot be had while the host holds a part of it.
part_mounted()
{
	local rc

	mount /dev/nvme0n1p1 /mnt || return
	refused_add EBUSY n1
	rc=$?
	umount /mnt
	return "$rc"
}

twice()
{
	local rc

	mdev_add n1p3 || return
	refused_add EEXIST n1p3
	rc=$?
	echo 1 > "$DEV/namespaces/remove_namespace"
	return "$rc"
}

# Both may have it attached; the one whose VMM comes first has it.
shared_partition()
{
	local first=$MDEV second lines rc=0

	mdev_add n1p2 && mdev_create 2Q_V1 && mdev_add n1p2 || return
	second=$MDEV
	mdev_use "$first"
	client_start first unlimited "$first" || rc=1
	dmesg -C
	if NVME_MDEV_UUID=$second build/selftests/hold < /dev/null; then
		rc=1
	elif [ $? != 16 ]; then
		echo "the second VMM's open does not fail with EBUSY"
		rc=1
	fi
	lines=$(dmesg | grep -c nvme)
	dmesg
	[ "$lines" = 1 ] || { echo "$lines lines in the log, not one"; rc=1; }
	(mdev_use "$second" && all_given_back) || rc=1
	[ "$(cat "$DEV/state/queue_pairs")" = "2 2" ] || rc=1
	client_stop first || rc=1
	# Nothing is left of the refusal: now the second can have it.
	client_start second unlimited "$second" && client_stop second || rc=1
	(mdev_use "$second" && all_given_back) || rc=1
	mdev_remove "$second" || rc=1
	echo 1 > "$DEV/namespaces/remove_namespace" || rc=1
	all_given_back && return "$rc"
}

# Somebody has written to the disk where the partition is, and keeps it open: that is there before the guest's data,
# and not over them later. (A close would have udev look at the disk, and the kernel write it.)
cached_disk()
{
	local disk rc=0 start

	start=$(cat /sys/class/block/nvme0n1p2/start) && exec {disk}<>/dev/nvme0n1 &&
		dd if=/dev/urandom bs=4096 seek=$((start / 8)) count=16 conv=notrunc status=none >&"$disk" &&
		mdev_add n1p2 || return
	NVME_MDEV_UUID=$MDEV build/selftests/hold write 8 </dev/null && sync /dev/nvme0n1 || rc=1
	echo 1 > "$DEV/namespaces/remove_namespace" || rc=1
	exec {disk}>&-
	echo 3 > /proc/sys/vm/drop_caches
	cmp -n 65536 /dev/nvme0n1p2 /dev/zero && return "$rc"
}

# What stands in the way of a namespace outside of the drive.
other_backings()
{
	local add=$DEV/namespaces/add_namespace disk rc=0

	disk=$(loop_make held 16) && echo "0 32768 linear $disk 0" | dmsetup create holder && udevadm settle &&
		mkdir -p /tmp/nodev && mount -t tmpfs -o nodev none /tmp/nodev && cp -a "$disk" /tmp/nodev/disk &&
		null_make zones 64 zoned=1 zone_size=16 >/tmp/zones || return
	refused ENOENT "$add" /dev/nothing && refused ENOTBLK "$add" /dev/null && refused EBUSY "$add" "$disk" &&
		refused EACCES "$add" /tmp/nodev/disk && refused EOPNOTSUPP "$add" "$(cat /tmp/zones)" || rc=1
	umount /tmp/nodev && null_free zones && dmsetup remove holder && loop_free held && return "$rc"
}

# What a guest was told does not change while it is there.
while_open()
{
	local rc=0

	mdev_add null && client_start opened unlimited || return
	refused EBUSY "$DEV/settings/serial" other && refused EBUSY "$DEV/settings/model" other &&
		refused EBUSY "$DEV/settings/shadow_doorbell" 0 || rc=1
	client_stop opened && echo 1 > "$DEV/namespaces/remove_namespace" && return "$rc"
}

# Those that this test cannot bring about: authority.sh has EPERM; EINTR takes a kill at the right moment.
abi_agrees()
{
	local file errno rc=0

	echo "add_namespace EPERM
add_namespace EINTR" >> "$RESULTS/refusals"
	for file in "$DEV"/namespaces/*_namespace "$DEV"/settings/*; do
		for errno in $(abi_errnos "${file##*/}"); do
			grep -qx "${file##*/} $errno" "$RESULTS/refusals" ||
				{ echo "${file##*/}: the document has $errno, which nothing has brought about"; rc=1; }
		done
	done
	sort "$RESULTS/refusals" | uniq -c
	return "$rc"
}

beyond_limit()
{
	local i rc got

	for ((i = 0; i < 200; i++)); do
		dmesg -C
		got=$(written "$DEV/namespaces/add_namespace" null)
		[ "$got" = OK ] || break
	done
	echo "$i namespaces, then $got"
	dmesg
	[ "$got" = ENOSPC ] && [ "$(dmesg | grep -c nvme)" = 1 ]
	rc=$?
	echo "add_namespace $got" >> "$RESULTS/refusals"
	while ((i > 0)); do
		echo "$i" > "$DEV/namespaces/remove_namespace" || rc=1
		i=$((i - 1))
	done
	return "$rc"
}

ktap_begin
ktap_test "prepare" prepare || ktap_done
ktap_test "namespaces read back as written" add_and_read_back
ktap_test "removed namespaces are gone" remove_and_read_back
ktap_test "what comes with a namespace reads back" identity_reads_back
ktap_test "iothread_cpu reads back" cpu_reads_back
ktap_test "iothread_cpu of the module, and of a device with its own" default_cpus
ktap_test "idle_ms reads back" idle_reads_back
ktap_test "mode reads back" mode_reads_back
ktap_test "shadow_doorbell reads back" shadow_doorbell_reads_back
ktap_test "pinned_limit reads back in bytes" pinned_limit_reads_back
ktap_test "pinned_limit says what to write" pinned_limit_says_what_to_write
ktap_test "pinned_idle_ms reads back" pinned_idle_reads_back
ktap_test "serial and model number read back" names_read_back
ktap_test "a namespace that the drive lacks: ENODEV" refused_add ENODEV n7
ktap_test "a partition that the drive lacks: ENODEV" refused_add ENODEV n1p9
ktap_test "not a backing's name: EINVAL" refused_add EINVAL "../../sda"
ktap_test "an empty name: EINVAL" refused_add EINVAL $'\n'
ktap_test "a null backing without a size: EINVAL" refused_add EINVAL "null:"
ktap_test "a null backing larger than any: EINVAL" refused_add EINVAL "null:99999999999999999999G"
ktap_test "a mounted partition: EBUSY" mounted
ktap_test "a disk with a mounted partition: EBUSY" part_mounted
ktap_test "a partition added twice: EEXIST" twice
ktap_test "a partition that another device's VMM has: EBUSY at open" shared_partition
ktap_test "one namespace too many: ENOSPC" beyond_limit
ktap_test "removing what is not there: ENOENT" refused ENOENT "$DEV/namespaces/remove_namespace" 9
ktap_test "removing namespace 0: ENOENT" refused ENOENT "$DEV/namespaces/remove_namespace" 0
ktap_test "removing no number: EINVAL" refused EINVAL "$DEV/namespaces/remove_namespace" one
ktap_test "a CPU that does not exist: EINVAL" refused EINVAL "$DEV/settings/iothread_cpu" 4095
ktap_test "a CPU below -1: EINVAL" refused EINVAL "$DEV/settings/iothread_cpu" -2
ktap_test "a CPU among others that does not exist: EINVAL" refused EINVAL "$DEV/settings/iothread_cpu" 0,4095
ktap_test "an idle time below 0: EINVAL" refused EINVAL "$DEV/settings/idle_ms" -1
ktap_test "a mode that is none: EINVAL" refused EINVAL "$DEV/settings/mode" fast
ktap_test "a switch that is neither 0 nor 1: EINVAL" refused EINVAL "$DEV/settings/shadow_doorbell" 2
ktap_test "what the host has cached for the disk" cached_disk
ktap_test "what is no namespace outside of the drive" other_backings
ktap_test "what a guest was told, while it is there: EBUSY" while_open
ktap_test "the ABI document has each error, and no other" abi_agrees
ktap_test "the device goes" mdev_remove
ktap_test "the modules go" host_unload
ktap_done
