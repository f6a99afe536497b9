#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What was claimed becomes something else: the guest loses it for good, is told, and so is the operator;
# the host, or another guest, gets what comes in its place. Or it stays what it is. A test for each row of
# the table in Documentation/security.rst.

. selftests/lib/ktap.sh
. selftests/lib/host.sh
. selftests/lib/live.sh

LOST="40@(82|02)"	# Namespace Not Ready, then Invalid Field, of a namespace that is inactive: both with DNR

load()
{
	host_load 4 && drive_split /dev/nvme0n1
}

# begin BACKING [TYPE]: a guest on it, that has written
begin()
{
	dmesg -C
	mdev_create "${2:-2Q_V1}" && mdev_add "$1" && live_start && expect "write 0" write 1 0 5
}

end()
{
	live_stop && mdev_remove
}

# ended NAME WHY: the guest can neither read nor write, and everybody knows
ended()
{
	expect "read $LOST *" read 1 0 && expect "write $LOST" write 1 0 6 && expect "flush $LOST" flush 1 &&
		expect "zeroes $LOST" zeroes 1 0 1 && expect "discard $LOST" discard 1 0 1 || return
	expect "event 040002 1" event 10000 && expect "read 4002 *" read 1 0 && expect "list" list || return
	dmesg | grep "nvme-mdev.*$1: .*has ended"
	[ "$(dmesg | grep -c "nvme-mdev.*$1: $2: namespace 1 has ended for the guest")" = 1 ] &&
		grep -x "1 $1 0" "$DEV/namespaces/namespaces"
}

# its_own DISK: a file system of the host's is not what the guest can reach
its_own()
{
	mkfs.ext4 -q -F "$1" && mount "$1" /mnt && dd if=/dev/urandom of=/mnt/file bs=64k count=16 2>/dev/null &&
		sync && sha256sum /mnt/file > "$RESULTS/file.sum" || return
	expect "read $LOST *" read 1 2 && expect "write $LOST" write 1 2 7 || return
	umount /mnt && fsck.ext4 -fn "$1" && mount "$1" /mnt && sha256sum -c "$RESULTS/file.sum"
	set -- "$?"
	umount /mnt
	return "$1"
}

gone_disk()
{
	[ ! -e /dev/nvme0n1 ]
}

# Namespace Attachment, by any host: the namespace goes and comes back.
detach()
{
	nvme detach-ns /dev/nvme0 --namespace-id=1 --controllers=0 && host_wait 30 gone_disk
}

attach()
{
	nvme attach-ns /dev/nvme0 --namespace-id=1 --controllers=0 && host_wait 30 test -b /dev/nvme0n1p3 &&
		udevadm settle
}

lent_detached()
{
	begin n1p1 && detach && ended n1p1 "the drive does not have this namespace any more" || return
	attach && its_own /dev/nvme0n1p1 && live_stop || return
	# Linux believes no name of an emulated drive's namespaces: this one may be another one.
	refused_open && echo 1 > "$DEV/namespaces/remove_namespace" && mdev_add n1p1 && live_start &&
		expect "write 0" write 1 0 5 && expect "list 1" list && end
}

# other_disk: the disk that has come; it has another name if the old one is still held
other_disk()
{
	ls /dev/nvme0n?p1 2>/dev/null
}

# Gone and back at once: nobody has let go of the old one when the new one comes.
lent_attached_at_once()
{
	begin n1p1 && nvme detach-ns /dev/nvme0 --namespace-id=1 --controllers=0 &&
		nvme attach-ns /dev/nvme0 --namespace-id=1 --controllers=0 || return
	ended n1p1 "the drive does not have this namespace any more" && host_wait 30 other_disk && udevadm settle &&
		its_own "$(other_disk)" && end && load
}

# As the block device of the stock interface.
block_detached()
{
	begin n1p1 block && detach && ended n1p1 "its disk is gone" && attach && its_own /dev/nvme0n1p1 && end
}

# refused_open: no VMM gets it
refused_open()
{
	dmesg -C
	NVME_MDEV_UUID=$MDEV build/selftests/live </dev/null
	dmesg | grep "is another device than when it was added"
}

# A partition that is in use cannot be made anew; one that is not can, and is another one then.
partition_made_anew()
{
	begin "$1" "$2" || return
	sgdisk -d 1 -n 1:4M:+60M /dev/nvme0n1 >/dev/null 2>&1
	! partx -d --nr 1 /dev/nvme0n1 2>/dev/null && [ "$(cat /sys/class/block/nvme0n1p1/start)" = 2048 ] &&
		expect "read 0 *" read 1 0 && live_stop || return
	partprobe_disk && [ "$(cat /sys/class/block/nvme0n1p1/start)" = 8192 ] && refused_open || return
	echo 1 > "$DEV/namespaces/remove_namespace" && mdev_add "$1" && live_start &&
		expect "write 0" write 1 0 5 && end && drive_split /dev/nvme0n1
}

partprobe_disk()
{
	udevadm settle
	host_wait 10 blockdev --rereadpt /dev/nvme0n1 && udevadm settle && host_wait 10 test -b /dev/nvme0n1p1
}

lent_partition()
{
	partition_made_anew n1p1 2Q_V1
}

block_partition()
{
	partition_made_anew n1p1 block
}

# The namespace goes while no VMM has the device, and another disk has its place.
closed_number()
{
	local number

	loop_make one 64 >/dev/null || return
	number=$(lsblk -ndo MAJ:MIN "$(losetup -j /tmp/one | cut -d: -f1)" | tr -d ' ')
	mdev_create soft && mdev_add "$number" && loop_free one && loop_make two 64 >/dev/null || return
	[ "$(lsblk -ndo MAJ:MIN "$(losetup -j /tmp/two | cut -d: -f1)" | tr -d ' ')" = "$number" ] && refused_open &&
		mdev_remove && loop_free two
}

# LOOP_CHANGE_FD, by which a live system moves to another medium
loop_repointed()
{
	local disk

	truncate -s 64M /tmp/other && disk=$(loop_make first 64 -r) && dmesg -C && mdev_create soft &&
		mdev_add "$disk" && live_start && expect "read 0 0" read 1 0 || return
	python3 - "$disk" /tmp/other <<-'EOF' || return
		import fcntl, os, sys
		fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x4c06, os.open(sys.argv[2], os.O_RDONLY))
	EOF
	expect "read $LOST *" read 1 0 && expect "event 040002 1" event 10000 && expect "read 4002 *" read 1 0 &&
		line_in_log "$disk: another medium is in its disk: namespace 1 has ended" && end && loop_free first
}

# A volume is its name: its administrator may move it, and the guest follows.
dm_table_swapped()
{
	local one two

	one=$(loop_make one 64) && two=$(loop_make two 128) &&
		echo "0 131072 linear $one 0" | dmsetup create volume && udevadm settle || return
	begin /dev/mapper/volume soft && echo "0 262144 linear $two 0" | dmsetup load volume &&
		dmsetup resume volume && expect "event 040002 1" event 10000 && expect "size 262144 512 0" size 1 &&
		expect "read 0 0" read 1 0 && expect "write 0" write 1 200000 6 && end && dmsetup remove volume &&
		loop_free one && loop_free two
}

scsi_disk()
{
	basename /sys/bus/pseudo/drivers/scsi_debug/adapter0/host*/target*/*/block/sd*
}

# The array gives the LUN to another volume, which the SCSI layer sees when it looks again.
scsi_remapped()
{
	local disk

	modprobe sd_mod && modprobe scsi_debug dev_size_mb=64 max_luns=1 num_tgts=1 && udevadm settle || return
	host_wait 10 scsi_disk && disk=$(scsi_disk) && host_wait 10 test -b "/dev/$disk" && begin "/dev/$disk" soft || return
	echo 0 > /sys/bus/pseudo/drivers/scsi_debug/vpd_use_hostno && echo 1 > "/sys/block/$disk/device/rescan" &&
		expect "event 040002 1" event 10000 && expect "read 4002 *" read 1 0 &&
		line_in_log "/dev/$disk: another disk is in its place: namespace 1 has ended" && end && rmmod scsi_debug
}

# Neither a reset nor what is done to other namespaces ends anything.
stays()
{
	begin n1p1 && echo 1 > /sys/class/nvme/nvme0/reset_controller && expect "read 0 *" read 1 0 &&
		nvme ns-rescan /dev/nvme0 && expect "write 0" write 1 0 6 && expect "event none" event 2500 &&
		! line_in_log "has ended" && end
}

whole_and_part()
{
	mdev_create 2Q_V1 && mdev_add n1p2 && refused EEXIST "$DEV/namespaces/add_namespace" n1 &&
		line_in_log "n1: overlaps n1p2, attached as namespace 1" &&
		refused EEXIST "$DEV/namespaces/add_namespace" /dev/nvme0n1 && mdev_add n1p3 && live_start || return
	refused EEXIST "$DEV/namespaces/add_namespace" n1
	set -- "$?"
	live_stop && mdev_remove && return "$1"
}

ktap_begin
ktap_test "load" load || ktap_done
ktap_fault "a namespace on a lent queue is detached, and attached again" lent_detached
ktap_fault "a namespace on a lent queue is detached and attached at once" lent_attached_at_once
ktap_fault "a namespace as a block device is detached, and attached again" block_detached
ktap_fault "a partition on a lent queue is made anew" lent_partition
ktap_fault "a partition as a block device is made anew" block_partition
ktap_fault "a device's number is given to another one" closed_number
ktap_fault "a loop device is put on another file" loop_repointed
ktap_fault "a volume of device mapper has another table" dm_table_swapped
ktap_fault "a LUN is mapped to another volume" scsi_remapped
ktap_test "a reset and a scan end nothing" stays
ktap_test "a disk and its partition are not both attached" whole_and_part
ktap_test "unload" host_unload
ktap_done
