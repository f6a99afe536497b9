#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# One drive, three users at once: the host's mounted and busy file system on the first partition, a
# guest on each of the others. Each finds its own data, and nobody wrote anywhere else.

. selftests/lib/ktap.sh
. selftests/lib/host.sh
. selftests/lib/guest.sh

DISK=/dev/nvme0n1

prepare()
{
	host_load 4 && drive_split "$DISK" &&
		mkfs.ext4 -q -F "${DISK}p1" && mount "${DISK}p1" /mnt || return
	# A pattern where nobody may write: the gaps between the partitions read as it afterwards.
	read -r _ END3 < <(partition_span "${DISK}p3")
	dd if=/dev/urandom of="$DISK" bs=1M seek=$(((END3 >> 20) + 2)) count=64 conv=notrunc oflag=direct \
		2>/dev/null
}

# Checksums of the whole disk outside the three partitions.
outside()
{
	local begin end at=0 partition

	for partition in 1 2 3; do
		read -r begin end < <(partition_span "${DISK}p$partition")
		sums "$DISK" "$at" "$begin" || return
		at=$end
	done
	sums "$DISK" "$at" 0
}

devices()
{
	mdev_create 2Q_V1 && mdev_add n1p2 || return
	FIRST=$MDEV
	mdev_create 2Q_V1 && mdev_add n1p3 || return
	SECOND=$MDEV
}

# The host's own load: files written, read back and compared until told to stop.
host_load_begin()
{
	(
		while [ ! -e /tmp/stop ]; do
			dd if=/dev/urandom of=/tmp/host-data bs=1M count=8 2>/dev/null
			cp /tmp/host-data /mnt/data && sync -f /mnt/data || exit 1
			echo 1 > /proc/sys/vm/drop_caches
			cmp /tmp/host-data /mnt/data || exit 1
			echo round
			sleep 1
		done
	) > "$RESULTS/host-load" 2>&1 &
	HOST_LOAD=$!
}

guests()
{
	local rc=0

	guest_start format format "$(mdev_qemu "$FIRST")" first || return
	guest_start fio fio "$(mdev_qemu "$SECOND")" 32 || rc=1
	# Both are really there at once.
	guest_expect format "begins" && guest_expect fio "begins" || rc=1
	guest_wait format 500 || rc=1
	guest_wait fio 500 || rc=1
	return "$rc"
}

host_load_end()
{
	touch /tmp/stop
	wait "$HOST_LOAD" || { cat "$RESULTS/host-load"; return 1; }
	echo "$(wc -l < "$RESULTS/host-load") rounds"
	[ -s "$RESULTS/host-load" ]
}

host_filesystem()
{
	umount /mnt && fsck.ext4 -f -n "${DISK}p1"
}

nothing_outside()
{
	outside > "$RESULTS/outside.after" && diff "$RESULTS/outside.before" "$RESULTS/outside.after"
}

# The guest's disk is our partition: its GPT is inside, and the file system begins where that says.
guest_data_found()
{
	local offset rc

	mdev_remove "$FIRST" && mdev_remove "$SECOND" || return
	offset=$(sfdisk -J "${DISK}p2" | sed -n 's/.*"start": \([0-9]*\),.*/\1/p' | head -n 1)
	mount -o "ro,loop,offset=$((offset * 512))" "${DISK}p2" /mnt || return
	grep -r "guest data first" /mnt/mark
	rc=$?
	umount /mnt
	return "$rc"
}

ktap_begin
ktap_test "prepare" prepare || ktap_done
outside > "$RESULTS/outside.before" || ktap_fail "checksums before"
ktap_test "two devices on one drive" devices || ktap_done
host_load_begin
ktap_test "two guests at once verify their data" guests
ktap_test "the host's own data is right" host_load_end
ktap_test "the host's file system is sound" host_filesystem
ktap_test "every sector outside is untouched" nothing_outside
ktap_test "the host finds the guest's data in its partition" guest_data_found
ktap_test "the modules go" host_unload
ktap_done
