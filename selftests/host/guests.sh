#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Guests on the smallest device: one queue pair, the drive's whole namespace and a null one. One lists
# both, asks the controller all that nvme-cli can ask, partitions and formats the drive, writes and verifies.
# One has no MSI, and gets along with INTx.
#
# Checklist: 38, 55, 65, 71, 73, 79, 81

. selftests/lib/ktap.sh
. selftests/lib/host.sh
. selftests/lib/guest.sh

SERIAL=serial-of-the-test
MODEL=model-of-the-test

# The host has nothing on the drive.
prepare()
{
	host_load 4 && wipefs -q -a /dev/nvme0n1 && udevadm settle &&
		mdev_create 1Q_V1 && mdev_add n1 && mdev_add null:1G &&
		echo "$SERIAL" > "$DEV/settings/serial" && echo "$MODEL" > "$DEV/settings/model"
}

# The guest's partition, seen by the host as its own.
data_found()
{
	host_wait 10 blockdev --rereadpt /dev/nvme0n1 && host_wait 10 test -b /dev/nvme0n1p1 &&
		[ "$(files_sum /dev/nvme0n1p1)" = "$(guest_data guest)" ]
}

# The doorbell page comes and goes, for firmware and driver.
adapts()
{
	echo adaptive > "$DEV/settings/mode" &&
		guest_run intx "$(mdev_qemu)" pci=nomsi list,2 interrupts,IO-APIC &&
		sed -n 's/^hw_interrupts //p' "$DEV/state/counters" && ! grep -qx 'hw_interrupts 0' "$DEV/state/counters"
}

ktap_begin
ktap_test "prepare" prepare || ktap_done
ktap_test "a guest lists, partitions, formats and verifies" \
	guest_run guest "$(mdev_qemu)" list,2 "nvmecli,$SERIAL,$MODEL" format,whole interrupts,PCI-MSI
ktap_test "a guest without MSI has the pin's interrupts, its device waits for those of the drive" adapts
ktap_test "its device is closed and keeps nothing" all_given_back
ktap_test "the device goes" mdev_remove
ktap_test "the host finds the guest's data on the drive" data_found
ktap_test "the modules go" host_unload
ktap_done
