#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The guests' scripts against QEMU's own NVMe device: proves the scripts and the test host, so that a
# failure over nvme-mdev is nvme-mdev's.

. selftests/lib/ktap.sh
. selftests/lib/guest.sh

truncate -s 256M /tmp/disk
device='nvme,serial=emulated,drive=disk -drive file=/tmp/disk,format=raw,if=none,id=disk'

ktap_begin
ktap_test "list" guest_run list list "$device"
ktap_test "format" guest_run format format "$device" emulated
ktap_test "fio" guest_run fio fio "$device" 16
ktap_done
