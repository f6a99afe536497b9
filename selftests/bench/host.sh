#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# In the test host: the same reads by the host itself and by a guest over each way to the drive, one
# after another. Figures go to $RESULTS/figures, a line "PATH WHAT VALUE" each.

. selftests/lib/ktap.sh
. selftests/lib/host.sh
. selftests/lib/guest.sh

SECONDS_EACH=${SECONDS_EACH:-10}
KVM=/sys/kernel/debug/kvm
OUT=$RESULTS/figures

figure() # PATH WHAT VALUE
{
	echo "$*" >> "$OUT"
	ktap_note "$*"
}

host_native()
{
	local depth iops

	for depth in 1 32; do
		iops=$(fio --name=bench --filename=/dev/nvme0n1 --readonly --rw=randread --bs=4k \
			--direct=1 --ioengine=io_uring --iodepth="$depth" --runtime="$SECONDS_EACH" \
			--time_based --minimal) || return
		figure host "qd$depth" "$(cut -d';' -f8 <<< "$iops")"
	done
}

# guest_exits NAME: exits of the guest from the first measured command to the last
guest_exits()
{
	local before after

	guest_expect "$1" 'bench: begins' >&2 || return
	before=$(cat "$KVM/exits")
	# looking at the console costs time of the processors that are measured
	sleep $((2 * SECONDS_EACH))
	guest_expect "$1" '^bench: total' >&2 || return
	after=$(cat "$KVM/exits")
	figure "$1" exits "$((after - before))"
}

# guest_bench NAME DEVICE: boot a guest, take what it says
guest_bench()
{
	local what value

	guest_start "$1" "$2" "bench,$SECONDS_EACH" && guest_exits "$1" && guest_wait "$1" >&2 ||
		return
	while read -r _ what value; do
		figure "$1" "$what" "$value"
	done < <(tr -d '\r' < "$RESULTS/$1.serial" | grep '^bench: ')
}

# mdev_bench NAME BACKING
mdev_bench()
{
	local key value

	mdev_create 1Q_V1 && mdev_add "$2" && guest_bench "$1" "$(mdev_qemu)" || return
	while read -r key value; do
		figure "$1" "$key" "$value"
	done < "$DEV/state/counters"
	mdev_remove
}

passthrough()
{
	OTHER=$(drive_address nvme1)
	echo "$OTHER" > "/sys/bus/pci/devices/$OTHER/driver/unbind"
	modprobe vfio-pci &&
		echo vfio-pci > "/sys/bus/pci/devices/$OTHER/driver_override" &&
		echo "$OTHER" > /sys/bus/pci/drivers_probe &&
		guest_bench passthrough "vfio-pci,host=$OTHER"
}

ktap_begin
ktap_test "load" host_load 4 || ktap_done
modprobe kvm_amd
ktap_test "host" host_native
ktap_test "nvme-mdev" mdev_bench nvme-mdev n1
ktap_test "nvme-mdev on null" mdev_bench nvme-mdev-null null:8G
ktap_test "virtio-blk" guest_bench virtio-blk "virtio-blk-pci,drive=d,iothread=t
	-object iothread,id=t
	-drive file=/dev/nvme0n1,format=raw,if=none,id=d,cache=none,aio=io_uring"
ktap_test "QEMU's NVMe" guest_bench qemu-nvme "nvme,drive=d,serial=bench,ioeventfd=on
	-drive file=/dev/nvme0n1,format=raw,if=none,id=d,cache=none,aio=io_uring"
ktap_test "passthrough" passthrough
ktap_done
