#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# One drive, three users at once: the host's mounted and busy file system on the first partition, a
# guest on each of the others. Each finds its own data, and nobody wrote anywhere else.
#
# Checklist: 54, 123, 124

. selftests/lib/ktap.sh
. selftests/lib/host.sh
. selftests/lib/guest.sh

DISK=/dev/nvme0n1
FIO_MB=16
SPANS=()	# of each partition, in bytes: as soon as the disk was open for writing, udev has it read anew

prepare()
{
	host_load 4 && drive_split "$DISK" &&
		mkfs.ext4 -q -F "${DISK}p1" && mount "${DISK}p1" /mnt || return
	# A pattern where nobody may write: in the gaps between the partitions and behind the last.
	local partition
	for partition in 1 2 3; do
		SPANS[partition]=$(partition_span "${DISK}p$partition") &&
			dd if=/dev/urandom of="$DISK" bs=1M seek=$((${SPANS[$partition]#* } >> 20)) count=1 conv=notrunc \
				oflag=direct 2>/dev/null || return
	done
}

# Checksums of the whole disk outside the three partitions.
outside()
{
	local begin end at=0 partition

	for partition in 1 2 3; do
		read -r begin end <<< "${SPANS[$partition]}"
		sums "$DISK" "$at" "$begin" || return
		at=$end
	done
	sums "$DISK" "$at" 0
}

sums_before()
{
	outside > "$RESULTS/outside.before" && wc -l < "$RESULTS/outside.before"
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

	guest_start format "$(mdev_qemu "$FIRST")" format,first || return
	guest_start fio "$(mdev_qemu "$SECOND")" "fio,$FIO_MB" || rc=1
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

# The control: the comparison does see one bit of a sector, before, between and after the partitions.
control()
{
	local partition sectors=40 sector seen

	for partition in 1 3; do
		sectors+=" $((${SPANS[$partition]#* } / 512 + 1))"
	done
	for sector in $sectors; do
		flip "$sector" || return
	done
	seen=$(nothing_outside | grep -c '^>')
	for sector in $sectors; do
		flip "$sector" || return
	done
	udevadm settle
	echo "sectors $sectors changed: $seen differences"
	[ "$seen" = 3 ] && nothing_outside
}

# flip SECTOR: the first bit of a sector of the disk, past the page cache
flip()
{
	python3 - "$DISK" "$1" <<-'END'
	import mmap, os, sys
	fd = os.open(sys.argv[1], os.O_RDWR | os.O_DIRECT)
	at, sector = int(sys.argv[2]) * 512, mmap.mmap(-1, 4096)
	view = memoryview(sector)[:512]
	assert os.preadv(fd, [view], at) == 512
	sector[0] ^= 1
	assert os.pwritev(fd, [view], at) == 512
	END
}

# The guest's disk is our partition: its GPT is inside, and its file system begins where that says.
files_found()
{
	local start

	start=$(sfdisk -J "${DISK}p2" | sed -n 's/.*"start": \([0-9]*\),.*/\1/p' | head -n 1)
	[ "$(files_sum "${DISK}p2" "$((start * 512))")" = "$(guest_data format)" ]
}

# What fio left, byte for byte, from the first sector of the partition on.
blocks_found()
{
	local sum

	sum=$(dd if="${DISK}p3" bs=1M count="$FIO_MB" iflag=direct 2>/dev/null | sha256sum)
	[ "${sum%% *}" = "$(guest_data fio)" ]
}

devices_go()
{
	mdev_remove "$FIRST" && mdev_remove "$SECOND"
}

ktap_begin
ktap_test "prepare" prepare || ktap_done
ktap_test "checksums before" sums_before || ktap_done
ktap_test "two devices on one drive" devices || ktap_done
host_load_begin
ktap_test "two guests at once verify their data" guests
ktap_test "the host's own data is right" host_load_end
ktap_test "the host's file system is sound" host_filesystem
ktap_test "every sector outside is untouched" nothing_outside
ktap_test "a changed sector outside would have been seen" control
ktap_test "the devices go" devices_go
ktap_test "the host finds the first guest's files in its partition" files_found
ktap_test "the host finds the second guest's blocks in its partition" blocks_found
ktap_test "the modules go" host_unload
ktap_done
