#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The client in C, selftests/vfio, on a partition of the drive and on a null namespace; with the word
# "block" on block devices of the host instead, beside the kernel's own nvme driver.

. selftests/lib/ktap.sh
. selftests/lib/host.sh

# A disk that is unlike the drive: blocks of 4 KiB, a driver that sleeps and cannot say that it would wait.
disk()
{
	modprobe brd rd_nr=1 rd_size=524288 && modprobe dm_crypt || return
	echo "0 1048576 crypt aes-xts-plain64 $(printf '%064d' 7) 0 /dev/ram0 0 1 sector_size:4096" |
		dmsetup create crypt && udevadm settle && [ -b /dev/mapper/crypt ]
}

disk_gone()
{
	dmsetup remove crypt && rmmod brd
}

# An uncorrectable memory error in a page of the guest's that the poller uses ends the device, and not the host. Debug
# kernels have no kprobes, by which hole.ko finds what no module is to call.
poisoned()
{
	NVME_MDEV_UUID=$MDEV build/selftests/poison "$1"
}

memory_errors()
{
	local where

	ktap_test "pages can be taken from the host" insmod "build/$KVER/selftests/extq/hole.ko"
	mdev_create 2Q_V1 && mdev_add n1p2
	for where in sq cq shadow eventidx list; do
		ktap_fault "memory with an error: $where" poisoned "$where"
	done
	ktap_test "the device with errors goes" mdev_remove
	ktap_test "no page is missing" rmmod hole
}

# Where memory is bounded, one in NVME_MDEV_STEP of the commands that need a chunk for each page is sent; all of
# them to a partition, where nothing looks for mistakes. There pinning takes ten times as long.
DEBUG_HOST=
if [ -e /sys/kernel/debug/kmemleak ]; then
	DEBUG_HOST=yes
	export NVME_MDEV_STEP=128
fi

ktap_begin
if [ "${1:-}" = block ]; then
	ktap_test "load beside the kernel's own driver, with polled queues" host_load_block stock poll_queues=2 ||
		ktap_done
	ktap_test "partitions" drive_split /dev/nvme0n1 || ktap_done
	ktap_test "disk" disk || ktap_done
	vfio_client nvme_mdev_test partition n1p2 1 block
	NVME_MDEV_STEP=16 vfio_client nvme_mdev_test crypt /dev/mapper/crypt 1 soft
	ktap_test "the disk is free again" disk_gone
else
	ktap_test "load" host_load 4 || ktap_done
	ktap_test "partitions" drive_split /dev/nvme0n1 || ktap_done
	vfio_client nvme_mdev_test partition n1p2 1
	if [ -z "$DEBUG_HOST" ]; then
		NVME_MDEV_STEP=16 vfio_client nvme_mdev_test null null:1G 0
		memory_errors
	fi
fi
ktap_test "unload" host_unload
ktap_done
