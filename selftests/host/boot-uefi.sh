#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# OVMF boots an operating system from a device that is a partition of the drive. Without KVM: under it
# this firmware ends the QEMU that the test host runs in, with an assertion in TCG's interrupt path. The
# device has two queue pairs, without which this firmware's driver does not take it.

. selftests/lib/ktap.sh
. selftests/lib/host.sh
. selftests/lib/guest.sh
. selftests/lib/boot.sh

OVMF=/usr/share/OVMF

prepare()
{
	host_load 4 && drive_split /dev/nvme0n1 && boot_disk /dev/nvme0n1p2 list lspci &&
		mdev_create 2Q_V1 && mdev_add n1p2 && cp "$OVMF/OVMF_VARS_4M.fd" /tmp/vars.fd
}

boots()
{
	guest_qemu uefi "$(boot_device "$(mdev_qemu)")" -accel tcg -cpu max \
		-drive "if=pflash,format=raw,readonly=on,file=$OVMF/OVMF_CODE_4M.fd" \
		-drive "if=pflash,format=raw,file=/tmp/vars.fd" || return
	guest_expect uefi "boot: starting" 900 && echo "the kernel starts after $SECONDS s" &&
		guest_finish uefi 900
}

ktap_begin
ktap_test "prepare" prepare || ktap_done
ktap_test "OVMF boots a guest, which lists its disk and its PCI function" boots
ktap_test "its device is closed and keeps nothing" all_given_back
ktap_test "the device goes" mdev_remove
ktap_test "the modules go" host_unload
ktap_done
