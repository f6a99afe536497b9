#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# SeaBIOS boots an operating system from a device that is a partition of the drive: the firmware reads
# the boot loader, that reads the kernel through the firmware, and the kernel's driver takes over.
#
# Checklist: 19, 20, 129

. selftests/lib/ktap.sh
. selftests/lib/host.sh
. selftests/lib/guest.sh
. selftests/lib/boot.sh

prepare()
{
	host_load 4 && drive_split /dev/nvme0n1 && boot_disk /dev/nvme0n1p2 list lspci &&
		mdev_create 1Q_V1 && mdev_add n1p2
}

boots()
{
	guest_qemu_kvm bios "$(boot_device "$(mdev_qemu)")" &&
		guest_expect bios "boot: starting" && guest_finish bios
}

ktap_begin
ktap_test "prepare" prepare || ktap_done
ktap_test "SeaBIOS boots a guest, which lists its disk and its PCI function" boots
ktap_test "its device is closed and keeps nothing" all_given_back
ktap_test "the device goes" mdev_remove
ktap_test "the modules go" host_unload
ktap_done
