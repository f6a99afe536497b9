#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A guest with a strict IOMMU of its own maps and unmaps memory for each command: it verifies its data. That costs a
# guest much whatever it has there, as QEMU carries both out, so what is compared is a drive that is passed through.

. selftests/lib/ktap.sh
. selftests/lib/host.sh
. selftests/lib/guest.sh

SECONDS_EACH=10
FIO_MB=8

prepare()
{
	host_load 4 && drive_split /dev/nvme0n1 && mdev_create 2Q_V1 && mdev_add n1p2
}

without()
{
	guest_run without "$(mdev_qemu)" "iops,$SECONDS_EACH" && all_given_back
}

# translated NAME DEVICE SCRIPT...: a guest with an IOMMU, which has its disk behind it
translated()
{
	guest_run "$1" "intel-iommu,caching-mode=on,intremap=on -machine kernel-irqchip=split -device $2" \
		intel_iommu=on iommu.strict=1 translated "${@:3}"
}

with_iommu()
{
	translated with "$(mdev_qemu)" "fio,$FIO_MB" "iops,$SECONDS_EACH" && all_given_back
}

# drive_driver NAME: the other drive has this driver
drive_driver()
{
	echo "$OTHER" > "/sys/bus/pci/devices/$OTHER/driver/unbind"
	echo "$1" > "/sys/bus/pci/devices/$OTHER/driver_override" && echo "$OTHER" > /sys/bus/pci/drivers_probe &&
		host_wait 30 test "/sys/bus/pci/devices/$OTHER/driver" -ef "/sys/bus/pci/drivers/$1"
}

passed_through()
{
	local rc=0

	modprobe vfio-pci && OTHER=$(drive_address nvme1) && drive_driver vfio-pci || return
	translated passthrough "vfio-pci,host=$OTHER" "iops,$SECONDS_EACH" || rc=1
	drive_driver nvme && echo > "/sys/bus/pci/devices/$OTHER/driver_override" && return "$rc"
}

# iops NAME DEPTH: what a guest said
iops()
{
	tr -d '\r' < "$RESULTS/$1.serial" | sed -n "s/^iops: $2 \([0-9]*\).*/\1/p" | grep .
}

# Only what is at once is asserted, and far from what is to be expected: this host, of two emulated processors, is no
# measure of how long one thread waits for another. If an unmapping took 20 ms there would be 50 reads a second.
compared()
{
	local depth with without passed

	for depth in 1 32; do
		with=$(iops with "$depth") && without=$(iops without "$depth") && passed=$(iops passthrough "$depth") ||
			return
		echo "$depth at once: $with a second with an IOMMU: $((with * 100 / without)) % of $without without," \
			"$((with * 100 / passed)) % of $passed of a drive that is passed through"
	done
	[ $((with * 3)) -gt "$passed" ]
}

# What fio left, byte for byte
found()
{
	local sum

	sum=$(dd if=/dev/nvme0n1p2 bs=1M count="$FIO_MB" iflag=direct status=none | sha256sum)
	[ "${sum%% *}" = "$(guest_data with)" ]
}

ktap_begin
ktap_test "prepare" prepare || ktap_done
ktap_test "a guest without an IOMMU" without
ktap_test "a guest with an IOMMU verifies its data" with_iommu
ktap_test "the host finds its data" found
ktap_test "a drive that is passed through, behind such an IOMMU" passed_through
ktap_test "the device has more than a third of that drive's speed" compared
ktap_test "the device goes" mdev_remove
ktap_test "the modules go" host_unload
ktap_done
