#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A hostile guest, selftests/vfio/hostile.c, on a partition between two others: theirs stays theirs,
# the host says nothing and loses nothing. OPERATIONS and SEED may be set; a run tells its seed.
#
# Checklist: 5, 35, 124, 128

. selftests/lib/ktap.sh
. selftests/lib/host.sh

DISK=/dev/nvme0n1
OPERATIONS=${OPERATIONS:-1000000}
SEED=${SEED:-$RANDOM}
END=$((160 << 20))	# of what is looked at: the partitions and 30 MiB behind them

# The device's partition between two canaries, 1 MiB behind each that is nobody's
prepare()
{
	host_load 4 || return
	sgdisk -Z "$DISK" >/dev/null 2>&1
	sgdisk -n 1:1M:+31M -n 2:33M:+64M -n 3:98M:+31M "$DISK" >/dev/null || return
	udevadm settle
	host_wait 10 blockdev --rereadpt "$DISK" && host_wait 10 test -b "${DISK}p3" || return
	SPAN=$(partition_span "${DISK}p2")
	dd if=/dev/urandom of="${DISK}p1" bs=1M oflag=direct 2>/dev/null
	dd if=/dev/urandom of="${DISK}p3" bs=1M oflag=direct 2>/dev/null
	mdev_create 2Q_V1 && mdev_add n1p2 && mdev_add null:64M
}

outside()
{
	sums "$DISK" 0 "${SPAN% *}" && sums "$DISK" "${SPAN#* }" "$END"
}

outside_before()
{
	outside > "$RESULTS/outside.before" && wc -l < "$RESULTS/outside.before"
}

# What the host's own partitions hold; and that this would be seen.
outside_after()
{
	outside > "$RESULTS/outside.after" && diff "$RESULTS/outside.before" "$RESULTS/outside.after"
}

control()
{
	local sector=$((${SPAN#* } / 512))

	dd if=/dev/urandom of="$DISK" bs=512 seek="$sector" count=1 conv=notrunc oflag=direct 2>/dev/null
	udevadm settle
	! outside_after
}

hostile()
{
	local rc

	echo "# Subtest: hostile"
	dmesg -C
	NVME_MDEV_UUID=$MDEV build/selftests/hostile "$SEED" "$OPERATIONS" 2>&1 | sed -u 's/^/    /'
	rc=${PIPESTATUS[0]}
	if [ "$rc" = 0 ]; then
		ktap_ok "hostile"
	else
		ktap_fail "hostile"
	fi
}

# The partition table is read anew when the device is opened or closed: that is the host's own doing.
log_is_silent()
{
	dmesg | grep -iE 'nvme|vfio|iommu|DMAR' | grep -vE 'nvme0n1: p1 p2' > "$RESULTS/dmesg"
	cat "$RESULTS/dmesg"
	[ ! -s "$RESULTS/dmesg" ]
}

ktap_begin
ktap_test "prepare" prepare || ktap_done
ktap_test "checksums before" outside_before || ktap_done
hostile
ktap_test "the kernel log is silent" log_is_silent
ktap_test "the device is given back" all_given_back
ktap_test "every sector outside is untouched" outside_after
ktap_test "a changed sector outside would have been seen" control
ktap_test "the device goes" mdev_remove
ktap_test "the modules go" host_unload
ktap_done
