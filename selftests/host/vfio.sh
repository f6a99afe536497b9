#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The client in C, selftests/vfio, on a partition of the drive and on a null namespace; with the word
# "block" on block devices of the host instead, beside the kernel's own nvme driver.

. selftests/lib/ktap.sh
. selftests/lib/host.sh

# Disks that are unlike the drive: blocks of 4 KiB and a driver that sleeps, and two that cannot say
# that they would wait.
disks()
{
	NULL4K=$(null_make fourk 512 blocksize=4096 discard=1) && modprobe brd rd_nr=1 rd_size=524288 &&
		modprobe dm_crypt || return
	echo "0 1048576 crypt aes-xts-plain64 $(printf '%064d' 7) 0 /dev/ram0 0" | dmsetup create crypt &&
		udevadm settle && [ -b /dev/mapper/crypt ] && thin_make thin 640 512
}

disks_gone()
{
	thin_free thin && dmsetup remove crypt && null_free fourk && rmmod brd
}

ktap_begin
if [ "${1:-}" = block ]; then
	ktap_test "load beside the kernel's own driver" host_load_block stock || ktap_done
	ktap_test "partitions" drive_split /dev/nvme0n1 || ktap_done
	ktap_test "disks" disks || ktap_done
	vfio_client nvme_mdev_test partition n1p2 1 block
	vfio_client nvme_mdev_test null-4k "$NULL4K" 1 soft
	vfio_client nvme_mdev_test crypt /dev/mapper/crypt 1 soft
	vfio_client nvme_mdev_test thin /dev/mapper/thin 1 soft
	ktap_test "the disks are free again" disks_gone
	ktap_test "load with polled queues" host_load_block stock poll_queues=2
	vfio_client nvme_mdev_test polled n1p2 1 block
else
	ktap_test "load" host_load 4 || ktap_done
	ktap_test "partitions" drive_split /dev/nvme0n1 || ktap_done
	vfio_client nvme_mdev_test partition n1p2 1
	vfio_client nvme_mdev_test null null:1G 0
fi
ktap_test "unload" host_unload
ktap_done
